/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded queue of batches: first in, first out, limited by the memory that the batches retain.
 */
#include <errno.h>
#include <stdlib.h>

#include "batch.h"
#include "queue.h"

enum { QUEUE_CAPACITY_FIRST = 16 };

void queue_clear(struct queue *queue)
{
	struct sonde_batch *batch;

	while ((batch = queue_pop(queue)))
		batch_release(batch);
	free(queue->batches);
	queue->batches = NULL;
	queue->capacity = 0;
	queue->head = 0;
}

bool queue_fits(const struct queue *queue, size_t bytes)
{
	size_t used = queue->bytes + queue->reserved_bytes;

	return !used || (used < queue->limit_bytes && bytes <= queue->limit_bytes - used);
}

static int queue_grow(struct queue *queue)
{
	uint32_t capacity = queue->capacity ? queue->capacity * 2 : QUEUE_CAPACITY_FIRST;
	struct sonde_batch **batches = calloc(capacity, sizeof(*batches));

	if (!batches)
		return -ENOMEM;
	for (uint32_t i = 0; i < queue->count; i++)
		batches[i] = queue->batches[(queue->head + i) & (queue->capacity - 1)];
	free(queue->batches);
	queue->batches = batches;
	queue->capacity = capacity;
	queue->head = 0;
	return 0;
}

int queue_push_over(struct queue *queue, struct sonde_batch *batch)
{
	if (queue->count == queue->capacity && queue_grow(queue))
		return -ENOMEM;
	queue->batches[(queue->head + queue->count++) & (queue->capacity - 1)] = batch;
	queue->bytes += batch_bytes(batch);
	queue->rows += batch->selected_count;
	queue->events += batch->event_count;
	return 0;
}

int queue_push_head(struct queue *queue, struct sonde_batch *batch)
{
	if (queue->count == queue->capacity && queue_grow(queue))
		return -ENOMEM;
	queue->head = (queue->head - 1) & (queue->capacity - 1);
	queue->batches[queue->head] = batch;
	queue->count++;
	queue->bytes += batch_bytes(batch);
	queue->rows += batch->selected_count;
	queue->events += batch->event_count;
	return 0;
}

int queue_push(struct queue *queue, struct sonde_batch *batch)
{
	if (!queue_fits(queue, batch_bytes(batch)))
		return -EAGAIN;
	return queue_push_over(queue, batch);
}

struct sonde_batch *queue_pop(struct queue *queue)
{
	struct sonde_batch *batch;

	if (!queue->count)
		return NULL;
	batch = queue->batches[queue->head];
	queue->head = (queue->head + 1) & (queue->capacity - 1);
	queue->count--;
	queue->bytes -= batch_bytes(batch);
	queue->rows -= batch->selected_count;
	queue->events -= batch->event_count;
	return batch;
}

struct sonde_batch *queue_pop_tail(struct queue *queue)
{
	struct sonde_batch *batch;

	if (!queue->count)
		return NULL;
	batch = queue->batches[(queue->head + --queue->count) & (queue->capacity - 1)];
	queue->bytes -= batch_bytes(batch);
	queue->rows -= batch->selected_count;
	queue->events -= batch->event_count;
	return batch;
}

int queue_reserve(struct queue *queue, size_t bytes)
{
	if (bytes > queue->limit_bytes)
		return -EMSGSIZE;
	if (bytes > queue->limit_bytes - queue->reserved_bytes ||
	    queue->bytes > queue->limit_bytes - queue->reserved_bytes - bytes)
		return -EAGAIN;
	queue->reserved_bytes += bytes;
	return 0;
}

void queue_unreserve(struct queue *queue, size_t bytes)
{
	queue->reserved_bytes -= bytes < queue->reserved_bytes ? bytes : queue->reserved_bytes;
}
