/* SPDX-License-Identifier: Apache-2.0 */
/* A config at work on recordings, in the recordings' time: one batch after the other, each when all
 * that the one before led to is done, so that the same rows give the same results each time.
 *
 * The clock shows when the next batch was recorded, and stands still while it is worked on. On the
 * way from one batch to the next it goes in steps, so that what waits for time to pass, such as the
 * windows of a source that has fallen silent, happens as it did then. */
#ifndef SONDE_REHEARSAL_H
#define SONDE_REHEARSAL_H

#include <stdio.h>

#include "config.h"
#include "ledger.h"

/* An input of the config, and the files that it seems to come from. */
struct rehearsal_input {
	const char *name;
	struct sonde_texts paths;
};

/* Plays all of it and drains. Everything that goes wrong is said in `messages`. Returns 0;
 * -EINVAL: the recordings or the config are of no use; -ETIMEDOUT: some plugin does not come to an
 * end: nothing that it was given may be freed; or another errno. ret_rows: that came in. */
int rehearse(struct config *config, const struct rehearsal_input *inputs, uint32_t input_count,
	     struct ledger *ledger, FILE *messages, uint64_t *ret_rows);

#endif
