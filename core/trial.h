/* SPDX-License-Identifier: Apache-2.0 */
/* The command `test`: a config tried on recordings, and what came of it beside what is expected. */
#ifndef SONDE_TRIAL_H
#define SONDE_TRIAL_H

#include <stdio.h>

#include "tap_view.h"

struct catalog;

struct trial_request {
	const char *path;        /* of the test file */
	bool shows;              /* the first rows of each output */
	bool colour;             /* of messages */
	struct tap_request view; /* what is shown, and how; `limit` rows of each output, and of each
				  * thing that does not hold */
};

enum { TRIAL_ROWS = 5 /* that are shown, unless others are asked for */ };

/* Reads how many rows to show. -EINVAL. */
int trial_limit(const char *text, uint64_t *ret_limit);

/* Returns an exit code: of 0 everything held; FAILED: something did not; INPUT: the test, the
 * config or a recording is wrong. What was found goes to `file`, problems of files to `messages`.
 */
int trial_run(const struct trial_request *request, struct catalog *catalog, FILE *file,
	      FILE *messages);

#endif
