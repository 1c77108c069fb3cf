/* SPDX-License-Identifier: Apache-2.0 */
/* The `privileges` group of a config's section `sonde`. */
#ifndef SONDE_PRIVILEGES_H
#define SONDE_PRIVILEGES_H

#include "config.h"
#include "setting.h"

/* Reads it from the section of one file, if it stands there. */
void privileges_read(struct setting_reader *reader, const config_setting_t *daemon,
		     struct privilege_config *privileges);

/* After all files: the names of capabilities become bits, or problems. */
void privileges_check(struct setting_reader *reader, struct privilege_config *privileges);

#endif
