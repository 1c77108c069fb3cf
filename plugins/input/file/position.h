/* SPDX-License-Identifier: Apache-2.0 */
/* How far files are done with, kept in a file over restarts. */
#ifndef SONDE_INPUT_FILE_POSITION_H
#define SONDE_INPUT_FILE_POSITION_H

#include "follow.h"

/* Reads what an earlier run has written; no such file is an empty one. -EBADMSG: it is something
 * else, *ret_line says where. */
int position_read(struct follow *follow, const char *path, uint32_t *ret_line);

/* Writes it beside, syncs it and puts it in its place. */
int position_write(const struct follow *follow, const char *path);

#endif
