/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of an aggregate that a pipeline asks for: tables of its own columns, made of what the
 * kernel counted. */
#ifndef SYSCALLS_PARTIAL_H
#define SYSCALLS_PARTIAL_H

#include <sonde/plugin.h>

#include "aggregate.h"
#include "events.h"
#include "push.h"

/* What one reading came to, on its way into a table. */
struct partial;

/* NULL: no memory. */
struct partial *partial_create(void);
void partial_release(struct partial *partial); /* NULL is fine */

/* An aggregate_callback; context is a struct partial. */
void partial_add(void *context, const struct aggregate_group *group, uint32_t call_index,
		 const struct aggregate_delta *delta);

/* Emits one row for each delta, and forgets them. The events stand for who they were made by; what
 * memory was refused for is lost, and booked by this. Returns how many events those are. */
uint64_t partial_emit(struct partial *partial, struct sonde_instance *instance,
		      const struct push_fold *fold, struct sonde_dictionary *calls,
		      const struct events *events, int64_t start_time_ns, int64_t time_ns);

#endif
