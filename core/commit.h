/* SPDX-License-Identifier: Apache-2.0 */
/* What a pipeline that takes rows from queues on disk has done, written down in one piece: which
 * records need not be given to it again, up to where its outputs' queues stand, and what its
 * processors remember.
 *
 * It is taken between two batches, on the pipeline's loop, and synced after those queues; only then
 * rows that were appended to them may be sent on, and records that were read are released. After a
 * crash the queues are cut to it, and what was not settled is read again. So whatever a row became
 * counts once. */
#ifndef SONDE_COMMIT_H
#define SONDE_COMMIT_H

#include "commit_file.h"
#include "loop.h"

struct commit;
struct instance;
struct pipeline;
struct route;

/* path: of its files, without what stands behind the last dot. disk: where it waits for the disk.
 * NULL: no memory, or its directory cannot be opened. */
struct commit *commit_create(struct pipeline *pipeline, const char *path, struct loop *disk);

/* Once neither loop runs. NULL is fine. */
void commit_release(struct commit *commit);

/* Before the pipeline takes anything, of a daemon that starts: puts routes and processors where the
 * last commit has them. `sources` and `outputs` are the pipeline's routes, of which those on disk
 * count. A negative errno and a message that names the mend: nothing may run on from there. */
int commit_recover(struct commit *commit, struct route *const *sources, uint32_t source_count,
		   struct route *const *outputs, uint32_t output_count, char *error,
		   size_t error_size);

/* Once the pipeline has its routes, before anything is sent over them: writes down how things
 * stand, so that there is something to go back to. -errno. */
int commit_start(struct commit *commit);

/* On the pipeline's loop, between two batches: begins one if something has come that it would say
 * and none is under way. */
void commit_look(struct commit *commit);

/* The task that calls it, to be posted to the pipeline's loop. */
struct loop_task *commit_task(struct commit *commit);

/* On the pipeline's loop, or while none runs, for the last time: writes down how things stand, and
 * waits for it. */
void commit_finish(struct commit *commit);

/* On the loop of a processor of the pipeline: see sonde_remember(). */
int commit_remember(struct instance *stage, const void *data, size_t length);

#endif
