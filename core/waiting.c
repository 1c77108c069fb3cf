/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for records until they are on the disk, in the order of their numbers. */
#include <errno.h>
#include <stdlib.h>

#include "batch.h"
#include "waiting.h"

int waiting_create(struct sonde_batch *batch, struct waiting **ret_waiting)
{
	const struct receipts *list = batch_receipts(batch);
	struct waiting *waiting;

	*ret_waiting = NULL;
	if (!list->count)
		return 0;
	waiting = calloc(1, sizeof(*waiting));
	if (!waiting || receipts_join(&waiting->list, list)) {
		waiting_free(waiting);
		return -ENOMEM;
	}
	*ret_waiting = waiting;
	return 0;
}

void waiting_add(struct waiting_list *list, struct waiting *waiting)
{
	waiting->next = NULL;
	if (list->first)
		list->last->next = waiting;
	else
		list->first = waiting;
	list->last = waiting;
}

struct waiting *waiting_take(struct waiting_list *list, uint64_t number)
{
	struct waiting *first = list->first, *last = NULL;

	while (list->first && list->first->number <= number) {
		last = list->first;
		list->first = last->next;
	}
	if (!last)
		return NULL;
	last->next = NULL;
	return first;
}

void waiting_free(struct waiting *waiting)
{
	while (waiting) {
		struct waiting *next = waiting->next;

		receipts_clear(&waiting->list);
		free(waiting);
		waiting = next;
	}
}

void waiting_accept(struct waiting *waiting)
{
	for (struct waiting *at = waiting; at; at = at->next) {
		for (uint32_t i = 0; i < at->list.count; i++)
			receipt_delivered(at->list.items[i].receipt, at->list.items[i].rows);
	}
	waiting_free(waiting);
}

void waiting_lose(struct waiting *waiting, const char *reason)
{
	for (struct waiting *at = waiting; at; at = at->next) {
		for (uint32_t i = 0; i < at->list.count; i++)
			receipt_lost(at->list.items[i].receipt, at->list.items[i].rows, reason,
				     true, false);
	}
	waiting_free(waiting);
}
