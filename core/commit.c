/* SPDX-License-Identifier: Apache-2.0 */
/* What a pipeline that takes rows from queues on disk has done, written down in one piece. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "commit.h"
#include "log.h"
#include "pipeline.h"

/* Not more often than this: each waits for the disk. */
static const int64_t commit_every_ns = 10 * NS_PER_MS;
/* What could not be written is tried again after so long. */
static const int64_t commit_retry_ns = NS_PER_SECOND;
/* At the end it waits so long for what is under way. */
static const int64_t commit_patience_ns = 5ll * NS_PER_SECOND;

struct commit {
	struct pipeline *pipeline;
	char *path;
	const char *name; /* in it, behind the directory */
	int directory_fd; /* opened while it could be: the user may be another by now */
	struct loop *disk;
	struct loop_task look;             /* on the pipeline's loop */
	struct loop_timer later;           /* there: the next one */
	struct loop_task store;            /* on the disk's loop */
	struct loop_task stored;           /* back on the pipeline's */
	struct commit_record record;       /* under way, or the last */
	struct route **sources, **outputs; /* that the record speaks of, in its order */
	uint64_t generation;
	int64_t begun_ns;
	int result;
	bool storing, dirty, ended;
};

/* ---- what it speaks of ------------------------------------------------------------------- */

static bool is_on_disk(const struct route *route)
{
	return route->spool != NULL;
}

static uint32_t count_on_disk(struct route *const *routes, uint32_t count)
{
	uint32_t on_disk = 0;

	for (uint32_t i = 0; i < count; i++)
		on_disk += is_on_disk(routes[i]);
	return on_disk;
}

static uint32_t fan_on_disk(const struct fan *fan)
{
	uint32_t on_disk = 0;

	for (uint32_t i = 0; i < fan->count; i++)
		on_disk += count_on_disk(fan->branches[i].routes, fan->branches[i].count);
	return on_disk;
}

static int source_put(struct commit_source *source, struct route *route)
{
	struct spool *spool = route->spool;
	int result;

	memcpy(source->stream, journal_stream(spool->journal), sizeof(source->stream));
	pthread_mutex_lock(&route->mutex);
	/* Those that a crash while they are read again finds not yet read were taken before. */
	source->taken = spool->taken > spool->replayed ? spool->taken : spool->replayed;
	result = settled_copy(&source->settled, &spool->settled);
	pthread_mutex_unlock(&route->mutex);
	return result;
}

static int sources_put(struct commit *commit)
{
	const struct sources *sources = &commit->pipeline->sources;
	uint32_t at = 0;
	int result = 0;

	for (uint32_t i = 0; i < sources->count && !result; i++) {
		if (!is_on_disk(sources->routes[i]))
			continue;
		commit->sources[at] = sources->routes[i];
		result = source_put(&commit->record.sources[at++], sources->routes[i]);
	}
	return result;
}

static void outputs_put(struct commit *commit)
{
	const struct fan *fan = &commit->pipeline->fan;
	uint32_t at = 0;

	for (uint32_t i = 0; i < fan->count; i++) {
		for (uint32_t r = 0; r < fan->branches[i].count; r++) {
			struct route *route = fan->branches[i].routes[r];
			struct commit_output *output = &commit->record.outputs[at];

			if (!is_on_disk(route))
				continue;
			commit->outputs[at++] = route;
			memcpy(output->stream, journal_stream(route->spool->journal),
			       sizeof(output->stream));
			output->appended = journal_last(route->spool->journal);
		}
	}
}

static void stages_put(struct commit *commit)
{
	const struct pipeline *pipeline = commit->pipeline;

	for (uint32_t i = 0; i < pipeline->stage_count; i++) {
		struct commit_stage *stage = &commit->record.stages[i];
		const struct instance *instance = pipeline->stages[i];

		snprintf(stage->name, sizeof(stage->name), "%s", instance->base.name);
		stage->length = instance->remembered.length;
		memcpy(stage->data, instance->remembered.data, instance->remembered.length);
	}
}

/* Whether a record is with the pipeline in parts, or rows that it made wait for room. */
static bool is_between(const struct commit *commit)
{
	const struct sources *sources = &commit->pipeline->sources;
	const struct fan *fan = &commit->pipeline->fan;

	for (uint32_t i = 0; i < sources->count; i++) {
		if (is_on_disk(sources->routes[i]) && sources->routes[i]->spool->receipt)
			return false;
	}
	for (uint32_t i = 0; i < fan->count; i++) {
		for (uint32_t r = 0; r < fan->branches[i].count; r++) {
			struct route *route = fan->branches[i].routes[r];

			if (is_on_disk(route) && spool_flush(route->spool))
				return false;
		}
	}
	return true;
}

static int commit_take(struct commit *commit)
{
	const struct pipeline *pipeline = commit->pipeline;
	uint32_t source_count = count_on_disk(pipeline->sources.routes, pipeline->sources.count);
	uint32_t output_count = fan_on_disk(&pipeline->fan);
	struct route **sources = calloc(source_count + 1, sizeof(struct route *));
	struct route **outputs = calloc(output_count + 1, sizeof(struct route *));
	int result = sources && outputs ? 0 : -ENOMEM;

	commit_record_clear(&commit->record);
	free(commit->sources);
	free(commit->outputs);
	commit->sources = sources;
	commit->outputs = outputs;
	if (!result)
		result = commit_record_make(&commit->record, source_count, output_count,
					    pipeline->stage_count);
	if (!result)
		result = sources_put(commit);
	if (result)
		return result;
	outputs_put(commit);
	stages_put(commit);
	commit->record.generation = ++commit->generation;
	return 0;
}

/* ---- storing ----------------------------------------------------------------------------- */

static int outputs_sync(struct commit *commit)
{
	int result = 0;

	for (uint32_t i = 0; i < commit->record.output_count && !result; i++) {
		struct journal *journal = commit->outputs[i]->spool->journal;
		struct journal_uncertain uncertain = { 0 };

		if (journal_synced(journal) >= commit->record.outputs[i].appended)
			continue;
		result = journal_sync(journal, &uncertain);
		if (result && uncertain.from) {
			log_write(SONDE_ERROR, journal_name(journal),
				  "the disk did not take records %llu to %llu: %s; they are gone "
				  "if the machine loses its power",
				  (unsigned long long)uncertain.from,
				  (unsigned long long)uncertain.to, strerror(-result));
			result = 0; /* a second try would say nothing else */
		}
	}
	return result;
}

/* From now on outputs may send what was appended, and what was read is not needed any more. */
static void commit_publish(struct commit *commit)
{
	for (uint32_t i = 0; i < commit->record.output_count; i++)
		spool_send(commit->outputs[i]->spool, commit->record.outputs[i].appended);
	for (uint32_t i = 0; i < commit->record.source_count; i++)
		spool_released(commit->sources[i]->spool, commit->record.sources[i].settled.below);
}

static int commit_write(struct commit *commit)
{
	int result = outputs_sync(commit);

	if (!result)
		result = commit_file_write(commit->directory_fd, commit->name, &commit->record);
	if (!result)
		commit_publish(commit);
	return result;
}

static void commit_run_store(void *data)
{
	struct commit *commit = data;

	commit->result = commit_write(commit);
	loop_post(commit->pipeline->loop, &commit->stored);
}

static void commit_run_stored(void *data)
{
	struct commit *commit = data;

	commit->storing = false;
	if (commit->result) {
		log_write(SONDE_ERROR, commit->pipeline->config->name,
			  "cannot write down what is done (%s.*): %s; nothing is sent on or "
			  "released until it can",
			  commit->path, strerror(-commit->result));
		commit->dirty = true;
		loop_timer_after(commit->pipeline->loop, &commit->later, commit_retry_ns);
	} else if (commit->dirty) {
		commit_look(commit);
	}
}

/* ---- when -------------------------------------------------------------------------------- */

static void commit_begin(struct commit *commit)
{
	if (!is_between(commit))
		return; /* the end of the turn looks again */
	commit->begun_ns = clock_monotonic_ns();
	commit->dirty = false;
	commit->result = commit_take(commit);
	commit->storing = true;
	loop_post(commit->result ? commit->pipeline->loop : commit->disk,
		  commit->result ? &commit->stored : &commit->store);
}

void commit_look(struct commit *commit)
{
	int64_t wait_ns = commit->begun_ns + commit_every_ns - clock_monotonic_ns();

	if (commit->storing || commit->ended || !commit->dirty)
		return;
	if (commit->result || wait_ns > 0)
		loop_timer_after(commit->pipeline->loop, &commit->later,
				 commit->result ? commit_retry_ns : wait_ns);
	else
		commit_begin(commit);
}

static void commit_run_look(void *data)
{
	struct commit *commit = data;

	commit->dirty = true;
	commit_look(commit);
}

static void commit_run_later(void *data)
{
	struct commit *commit = data;

	if (commit->storing || commit->ended)
		return;
	commit->result = 0;
	if (commit->dirty)
		commit_begin(commit);
}

static void commit_run_nothing(void *data)
{
}

void commit_finish(struct commit *commit)
{
	bool is_running = loop_is_current(commit->pipeline->loop);
	int result = 0;

	if (commit->ended)
		return;
	commit->ended = true;
	if (is_running) {
		loop_timer_end(commit->pipeline->loop, &commit->later);
		/* Behind what is under way there. */
		result = loop_call(commit->disk, commit_run_nothing, NULL, commit_patience_ns);
	}
	if (!result && is_between(commit))
		result = commit_take(commit);
	else if (!result)
		result = -EAGAIN;
	if (!result)
		result = commit_write(commit);
	if (result)
		log_write(SONDE_ERROR, commit->pipeline->config->name,
			  "cannot write down what is done (%s.*): %s; rows may be counted again",
			  commit->path, strerror(-result));
}

/* ---- begin and end ----------------------------------------------------------------------- */

static int commit_open(struct commit *commit)
{
	char *slash = strrchr(commit->path, '/');

	if (!slash)
		return -EINVAL;
	commit->name = slash + 1;
	*slash = '\0';
	commit->directory_fd = open(commit->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*slash = '/';
	return commit->directory_fd < 0 ? -errno : 0;
}

struct commit *commit_create(struct pipeline *pipeline, const char *path, struct loop *disk)
{
	struct commit *commit = calloc(1, sizeof(*commit));

	if (!commit || !(commit->path = strdup(path)) || commit_open(commit)) {
		free(commit ? commit->path : NULL);
		free(commit);
		return NULL;
	}
	commit->pipeline = pipeline;
	commit->disk = disk;
	commit->look = (struct loop_task){ .run = commit_run_look, .data = commit };
	commit->later = (struct loop_timer){ .run = commit_run_later, .data = commit };
	commit->store = (struct loop_task){ .run = commit_run_store, .data = commit };
	commit->stored = (struct loop_task){ .run = commit_run_stored, .data = commit };
	return commit;
}

void commit_release(struct commit *commit)
{
	if (!commit)
		return;
	commit_record_clear(&commit->record);
	free(commit->sources);
	free(commit->outputs);
	close(commit->directory_fd);
	free(commit->path);
	free(commit);
}

struct loop_task *commit_task(struct commit *commit)
{
	return &commit->look;
}

int commit_remember(struct instance *stage, const void *data, size_t length)
{
	const struct pipeline *pipeline = stage->owner;

	if (!pipeline->commit)
		return -ENOTSUP;
	if (length > sizeof(stage->remembered.data))
		return -EMSGSIZE;
	stage->remembered.length = (uint32_t)length;
	if (length)
		memcpy(stage->remembered.data, data, length);
	loop_post(pipeline->loop, &pipeline->commit->look);
	return 0;
}

/* ---- after a start ----------------------------------------------------------------------- */

static bool is_of(const unsigned char stream[16], const struct route *route)
{
	return !memcmp(stream, journal_stream(route->spool->journal), 16);
}

static int source_recover(struct commit_record *record, struct route *route)
{
	for (uint32_t i = 0; i < record->source_count; i++) {
		struct commit_source *source = &record->sources[i];

		if (is_of(source->stream, route))
			return spool_recover(route->spool, &source->settled, source->taken);
	}
	return 0;
}

static int output_recover(const struct commit_record *record, struct route *route)
{
	for (uint32_t i = 0; i < record->output_count; i++) {
		if (is_of(record->outputs[i].stream, route))
			return spool_cut(route->spool, record->outputs[i].appended);
	}
	return 0;
}

/* A processor is known by its name; of several alike, in their order. */
static void stages_recover(struct commit_record *record, struct pipeline *pipeline)
{
	for (uint32_t i = 0; i < pipeline->stage_count; i++) {
		struct instance *instance = pipeline->stages[i];

		for (uint32_t k = 0; k < record->stage_count; k++) {
			struct commit_stage *stage = &record->stages[k];

			if (strncmp(stage->name, instance->base.name, sizeof(stage->name) - 1))
				continue;
			instance->remembered.length = stage->length;
			memcpy(instance->remembered.data, stage->data, stage->length);
			stage->name[0] = '\0';
			break;
		}
	}
}

static int routes_recover(struct commit_record *record, struct route *const *sources,
			  uint32_t source_count, struct route *const *outputs,
			  uint32_t output_count)
{
	int result = 0;

	for (uint32_t i = 0; i < output_count && !result; i++)
		result = is_on_disk(outputs[i]) ? output_recover(record, outputs[i]) : 0;
	for (uint32_t i = 0; i < source_count && !result; i++)
		result = is_on_disk(sources[i]) ? source_recover(record, sources[i]) : 0;
	return result;
}

static const char *commit_mend(int error)
{
	switch (error) {
	case -EPROTONOSUPPORT:
		return "it is that of another version of sonde: run that version, or move it away "
		       "and some rows may be counted twice";
	default:
		return strerror(-error);
	}
}

int commit_recover(struct commit *commit, struct route *const *sources, uint32_t source_count,
		   struct route *const *outputs, uint32_t output_count, char *error,
		   size_t error_size)
{
	struct commit_record record = { 0 };
	int result = commit_file_read(commit->directory_fd, commit->name, &record);

	if (result == -EBADMSG)
		log_write(
			SONDE_ERROR, commit->pipeline->config->name,
			"what was done (%s.*) is damaged: rows that were under way may be counted "
			"twice",
			commit->path);
	if (result && result != -ENOENT && result != -EBADMSG) {
		snprintf(error, error_size, "cannot read %s.*: %s", commit->path,
			 commit_mend(result));
		return result;
	}
	commit->generation = record.generation;
	result = routes_recover(&record, sources, source_count, outputs, output_count);
	stages_recover(&record, commit->pipeline);
	commit_record_clear(&record);
	if (result)
		snprintf(error, error_size, "cannot put the queues on disk where %s.* has them: %s",
			 commit->path, strerror(-result));
	return result;
}

int commit_start(struct commit *commit)
{
	int result = is_between(commit) ? commit_take(commit) : -EAGAIN;

	return result ? result : commit_write(commit);
}
