/* SPDX-License-Identifier: Apache-2.0 */
/* Closing a file: when it is time, and the name that it is kept under. A closed file has the time
 * of its closing in UTC before its extension, and a number from the second of a second on:
 * rows.json, rows~20260701T120000Z.json, rows~20260701T120000Z_0002.json; so names sort by time.
 */
#ifndef SONDE_FILE_ROTATE_H
#define SONDE_FILE_ROTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The closing name that was given last, to any file: names of one second go on from there. */
struct rotate_last {
	int64_t second;
	uint32_t number;
};

/* The name for closing; number 1 is not written. False: it does not fit. */
bool rotate_name(const char *path, int64_t second, uint32_t number, char *out, size_t out_size);

/* Whether it is the name of a closed file, without directories, and if so the name that the file
 * had while it was open; `live` has room for as many bytes as name. */
bool rotate_parse(const char *name, char *live);

/* Gives the file at path a closing name that sorts behind *last, which is set. Nothing is ever
 * replaced. Returns 0, or a negative errno. */
int rotate_rename(const char *path, int64_t now_ns, struct rotate_last *last, char *out,
		  size_t out_size);

/* Whether a period of `every_ns` has begun since: periods begin at whole multiples of it since the
 * epoch, so those of a day at midnight in UTC. 0: there are no periods. */
bool rotate_due(int64_t since_ns, int64_t now_ns, int64_t every_ns);

#endif
