/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries, taken apart into items that go to regions in frames, and answered when all items of a
 * batch have their answer. */
#ifndef SONDE_NNG_SHIPMENT_H
#define SONDE_NNG_SHIPMENT_H

#include <sonde/plugin.h>

#include "message.h"

struct shipment;

/* Rows of one batch of a delivery that go to one region, or a delivery's whole frame. */
struct item {
	struct item *next;
	struct shipment *shipment;
	uint32_t index;            /* of the batch in the delivery */
	uint32_t origin;           /* private to who moves it between regions */
	struct sonde_batch *batch; /* held; NULL: the frame as it came */
	uint64_t rows;
	size_t bytes;           /* that the rows take in memory */
	bool uncertain;         /* a region may have taken it, and another is to have it */
	struct position source; /* of the frame that the rows were read from; 0: of none */
	uint64_t path;          /* by which regions it was to go */
};

struct items {
	struct item *first, *last;
	uint32_t count;
	size_t bytes;
};

void items_push(struct items *items, struct item *item);
struct item *items_pop(struct items *items); /* NULL: there are none */
/* All of `from` behind what is there. */
void items_append(struct items *items, struct items *from);

/* What is known of a batch of a delivery. */
struct shipment_batch {
	uint32_t open; /* items without an answer, and one while it is taken apart */
	uint64_t rows, rejected_rows;
	bool uncertain;
	char reason[MESSAGE_TEXT_LIMIT + 1]; /* why rows were rejected */
};

struct shipment {
	struct shipment *next, **link;
	struct sonde_delivery *delivery;
	uint32_t batch_count; /* 1 for a delivery that is a frame */
	uint32_t open_count;  /* of them, without an answer */
	struct shipment_batch batches[];
};

/* A delivery that was just offered. NULL: no memory. Its batches stay open until
 * shipment_taken(). */
struct shipment *shipment_create(struct shipment **list, struct sonde_delivery *delivery);

/* It could not be taken apart: it has no items, and is forgotten without an answer. */
void shipment_forget(struct shipment *shipment);

/* Items for all rows of it were made. It may be gone then. */
void shipment_taken(struct sonde_instance *instance, struct shipment *shipment);

/* Rows of a batch on their way; `batch` is held anew. NULL: no memory. */
struct item *item_create(struct sonde_instance *instance, struct shipment *shipment, uint32_t index,
			 struct sonde_batch *batch);

/* Its answer; the item is gone. `reason`: of a rejection; NULL: the rows are handed over. */
void item_settle(struct sonde_instance *instance, struct item *item, const char *reason);

void items_settle(struct sonde_instance *instance, struct items *items, const char *reason);

/* Without an answer, when the instance stops. */
void items_release(struct sonde_instance *instance, struct items *items);
void shipments_release(struct shipment **list);

#endif
