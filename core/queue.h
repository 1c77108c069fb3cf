/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded queue of batches: first in, first out, limited by the memory that the batches retain.
 */
#ifndef SONDE_QUEUE_H
#define SONDE_QUEUE_H

#include <sonde/plugin.h>

/* Not locked: whoever shares it between threads (route.c) locks. */
struct queue {
	size_t limit_bytes; /* retained by what is queued */
	size_t bytes;
	size_t reserved_bytes; /* promised to whoever asked before reading */
	uint64_t rows, events;
	struct sonde_batch **batches; /* a ring of `capacity`, a power of two */
	uint32_t head, count, capacity;
};

/* Releases what is queued. */
void queue_clear(struct queue *queue);

/* Whether a batch of that size fits. An empty queue takes any one batch. */
bool queue_fits(const struct queue *queue, size_t bytes);

/* Appends and takes over the reference. -EAGAIN: it does not fit, -ENOMEM: no room for the
 * pointer; the reference stays the caller's then. */
int queue_push(struct queue *queue, struct sonde_batch *batch);

/* Appends whatever the limit says: for senders that stop by themselves. */
int queue_push_over(struct queue *queue, struct sonde_batch *batch);

/* The same at the other end: for what was taken out and comes back. */
int queue_push_head(struct queue *queue, struct sonde_batch *batch);

/* The oldest batch, whose reference is the caller's; NULL: empty. */
struct sonde_batch *queue_pop(struct queue *queue);

/* The newest one, likewise. */
struct sonde_batch *queue_pop_tail(struct queue *queue);

/* Promises room for bytes that come later. -EAGAIN: not now; -EMSGSIZE: more than the limit. */
int queue_reserve(struct queue *queue, size_t bytes);
/* Gives back a promise, or what of it there is. */
void queue_unreserve(struct queue *queue, size_t bytes);

#endif
