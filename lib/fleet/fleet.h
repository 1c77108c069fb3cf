/* SPDX-License-Identifier: Apache-2.0 */
/* The latest statements of all sondes below this one: the input `nng` puts them here, the output
 * `nng` passes them on. One for the whole process, which is why it is a shared library. Any thread.
 */
#ifndef SONDE_FLEET_H
#define SONDE_FLEET_H

#include "buffer.h"
#include "statement.h"

#pragma GCC visibility push(default)

enum { FLEET_MEMBERS = 16384 };

struct fleet_member {
	char host_id[STATEMENT_HOST_BYTES], name[STATEMENT_NAME_BYTES];
	char via[STATEMENT_NAME_BYTES]; /* the edge that told it */
	uint64_t epoch;
	int64_t time_ns;     /* of the statement, by its sonde's clock */
	uint64_t generation; /* rises with each statement of anybody; filled in */
	struct statement_sum rows, events;
};

/* Takes note of a statement, in the place of an older one of the same sonde, and keeps a copy of
 * the frame that it came in. 1: it is there; 0: there is a newer one; -ENOMEM. Those heard of least
 * lately make room. */
int fleet_put(const struct fleet_member *member, const void *frame, size_t length);

/* The members that changed since a generation, in the order of their changes: sets *generation to
 * that of the one returned, and fills `ret_frame` (NULL: not wanted; empty: no memory). */
bool fleet_next(uint64_t *generation, struct fleet_member *ret_member, struct buffer *ret_frame);

uint32_t fleet_count(void);

#pragma GCC visibility pop
#endif
