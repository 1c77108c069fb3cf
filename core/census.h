/* SPDX-License-Identifier: Apache-2.0 */
/* The census: the instances and the routes at work, for whoever looks at them from a thread that is
 * not theirs. What is in it stays while it is looked at. */
#ifndef SONDE_CENSUS_H
#define SONDE_CENSUS_H

#include <stdint.h>

enum census_kind { CENSUS_INSTANCES, CENSUS_ROUTES, CENSUS_KINDS };

/* Part of whoever is in it. */
struct census_entry {
	uint64_t id; /* from 1, in the order of coming, never given out twice; 0: not in it */
	void *subject;
	struct census_entry *next, **link;
};

/* Puts it in; once more: does nothing. Any thread. */
void census_enter(enum census_kind kind, struct census_entry *entry, void *subject);

/* Takes it out, and waits for whoever looks. What is not in it is fine. Any thread. */
void census_leave(struct census_entry *entry);

/* Calls visit() for one after the other, by rising ids, until it returns not 0; returns that. It
 * must neither come to the census nor wait for somebody who may. Any thread. */
int census_visit(enum census_kind kind, int (*visit)(void *subject, uint64_t id, void *data),
		 void *data);

#endif
