/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelines: batches from routes, through processors as plain calls, to routes. */
#ifndef SONDE_PIPELINE_H
#define SONDE_PIPELINE_H

#include "gate.h"
#include "instance.h"
#include "sources.h"

/* Where rows of one source go: to each destination once, over one route for each of its replicas.
 */
struct fan {
	struct fan_branch {
		struct route **routes;
		uint32_t count, next; /* replicas take turns */
		struct gate *gate;    /* owned: which rows go there; NULL: all */
	} * branches;
	uint32_t count;
	size_t reserved_bytes; /* in each route of each branch, unless a promise was given back */
	struct listening_place listening; /* to all that goes over it */
};

struct pipeline {
	const struct pipeline_config *config;
	struct loop *loop;
	struct sources sources;
	struct instance **stages;
	uint32_t stage_count;
	struct fan fan;
	struct commit *commit; /* of one that takes rows from queues on disk; NULL */
	bool ended;            /* atomic: takes no more batches */
	struct loop_task task; /* takes batches from the sources; posted by them and by `room` */
};

/* Appends a branch with room for `replica_count` routes. NULL: no memory. */
struct fan_branch *fan_add(struct fan *fan, uint32_t replica_count);
void fan_clear(struct fan *fan); /* the routes are someone else's */

/* To every branch; takes over the reference. The batch is finished. */
void fan_push(struct fan *fan, struct sonde_batch *batch);
/* Whether a branch that waits is full; its `room` will run then. */
bool fan_is_full(struct fan *fan);

/* All or nothing: in every branch, and once of the daemon's memory. */
int fan_reserve(struct fan *fan, size_t bytes);
void fan_unreserve(struct fan *fan, size_t bytes);

/* On its loop: whether rows are still to come that it had been given when the daemon died. */
bool pipeline_is_replaying(const struct pipeline *pipeline);

/* The emit function of inputs: their owner is a fan. */
void input_emit(struct instance *instance, struct sonde_batch *batch);

void pipeline_init(struct pipeline *pipeline, const struct pipeline_config *config,
		   struct loop *loop);

/* To the stage of that position, or past the last one to the routes. Takes over the reference. */
void pipeline_push(struct pipeline *pipeline, uint32_t stage, struct sonde_batch *batch);

#endif
