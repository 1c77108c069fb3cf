/* SPDX-License-Identifier: Apache-2.0 */
/* The latest statements of all sondes below this one, for all of its instances: the input `nng`
 * puts them here, the output `nng` passes them on. Any thread. */
#ifndef SONDE_HOP_FLEET_H
#define SONDE_HOP_FLEET_H

#include "statement.h"

enum { FLEET_MEMBERS = 16384 };

struct fleet_member {
	char host_id[STATEMENT_HOST_BYTES], name[STATEMENT_NAME_BYTES];
	char via[STATEMENT_NAME_BYTES]; /* the edge that told it */
	uint64_t epoch;
	int64_t time_ns;     /* of the statement, by its sonde's clock */
	uint64_t generation; /* rises with each statement of anybody */
	struct statement_sum rows, events;
};

/* Takes note of a statement, in the place of an older one of the same sonde. The buffer, the frame
 * that it came in, is acquired anew. 1: it is there; 0: there is a newer one; -ENOMEM. Those heard
 * of least lately make room. */
int fleet_put(const char *via, const struct statement *statement, struct hop_buffer *buffer);

/* The members that changed since a generation, in the order of their changes: sets *generation to
 * that of the one returned, and acquires its frame for the caller (NULL: not wanted). */
bool fleet_next(uint64_t *generation, struct fleet_member *ret_member,
		struct hop_buffer **ret_buffer);

uint32_t fleet_count(void);

#endif
