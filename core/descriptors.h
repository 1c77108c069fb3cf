/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors: how many there may be, how many there are, and one kept for when they run out.
 */
#ifndef SONDE_DESCRIPTORS_H
#define SONDE_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>

struct descriptors_snapshot {
	uint64_t used, limit;
	uint64_t refused_count; /* as descriptors_refused() */
};

/* Raises the soft limit to the hard one, within reason, and opens what is kept. A negative errno:
 * there are too few of them even for that. Again: does nothing. */
int descriptors_open(void);

/* Counts an error if it says that there were none left; returns whether it does. Any thread. */
bool descriptors_note(int error);

/* Lends the one that is kept, so that the next open or accept finds a place; false: it is lent
 * already. Main thread. */
bool descriptors_lend(void);

/* Takes a place back, once what was opened in it is closed; tried again by the next call if that
 * fails. Main thread. */
void descriptors_keep(void);

/* Times that something found none left. */
uint64_t descriptors_refused(void);

/* Any thread. */
void descriptors_read(struct descriptors_snapshot *ret_snapshot);

#endif
