/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for records until they are on the disk, in the order of their numbers. */
#ifndef SONDE_WAITING_H
#define SONDE_WAITING_H

#include <sonde/plugin.h>
#include "receipt.h"

/* Those who wait for one record. */
struct waiting {
	struct waiting *next;
	uint64_t number;
	struct receipts list;
};

struct waiting_list {
	struct waiting *first, *last;
};

/* Who waits for a batch, apart from it; *ret_waiting is NULL where nobody does. -ENOMEM. */
int waiting_create(struct sonde_batch *batch, struct waiting **ret_waiting);

/* Behind those whose numbers are lower. */
void waiting_add(struct waiting_list *list, struct waiting *waiting);

/* Takes out those for records up to that number. */
struct waiting *waiting_take(struct waiting_list *list, uint64_t number);

/* Of a list that was taken out, or one; freed. Not with a lock of a route held. They hear that all
 * rows were taken over; that they are lost, for a constant reason; or nothing. NULL is fine. */
void waiting_accept(struct waiting *waiting);
void waiting_lose(struct waiting *waiting, const char *reason);
void waiting_free(struct waiting *waiting);

#endif
