// SPDX-License-Identifier: Apache-2.0
/* Input `tape`: recorded system calls again and again, as fast as they are taken, from memory: as
 * cheap as an input can be, so that what comes behind it is what is measured. */
#include <errno.h>
#include <string.h>

#include "recorded.h"

enum { TURN_BATCHES = 4 /* emitted before others on the thread have their turn */ };

struct tape {
	const char *path;    /* option */
	uint32_t batch_rows; /* option */

	struct recorded recorded;
	struct sonde_dictionary *calls, *errors;
	struct sonde_batch *pending; /* made, and not emitted yet for want of room */
	uint32_t at;                 /* row that comes next */
	bool waiting;                /* room() will be called */
	bool ended;                  /* drained: no more rows */

	uint64_t rows; /* counter */
};

static const struct sonde_option tape_options[] = {
	{ .name = "path",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct tape, path),
	  .required = true,
	  .help = "the recording" },
	{ .name = "batch",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct tape, batch_rows),
	  .value = "1000",
	  .minimum = "1",
	  .maximum = "10000",
	  .help = "rows of a batch" },
	{ 0 },
};

static const struct sonde_counter tape_counters[] = {
	{ .name = "rows",
	  SONDE_MEMBER(struct tape, rows),
	  .unit = "{row}",
	  .help = "rows given to the pipelines" },
	{ 0 },
};

static const struct sonde_schema tape_schemas[] = {
	{ .name = "syscalls.event",
	  .row_size = sizeof(struct recorded_row),
	  .fields = recorded_fields,
	  .help = "system calls" },
	{ 0 },
};

static int names_add(struct sonde_instance *instance, struct sonde_dictionary *names,
		     uint32_t count, const char *at)
{
	for (uint32_t i = 0; i < count; i++, at += strlen(at) + 1)
		if (sonde_dictionary_add(instance, names, at, strlen(at)) == UINT32_MAX)
			return -ENOMEM;
	return 0;
}

static int names_bind(struct sonde_instance *instance)
{
	struct tape *tape = instance->self;
	const struct recorded *recorded = &tape->recorded;
	int result = -ENOMEM;

	tape->calls = sonde_dictionary_create(instance, true);
	tape->errors = sonde_dictionary_create(instance, true);
	if (!tape->calls || !tape->errors ||
	    sonde_dictionary_add(instance, tape->errors, "", 0) == UINT32_MAX)
		return result;
	result = names_add(instance, tape->calls, recorded->call_count, recorded->calls);
	if (!result)
		result = names_add(instance, tape->errors, recorded->error_count, recorded->errors);
	if (!result)
		result = sonde_bind(instance, 0, RECORDED_CALL, tape->calls);
	if (!result)
		result = sonde_bind(instance, 0, RECORDED_ERROR, tape->errors);
	return result;
}

/* A few rows at the end of the recording that make no whole batch are not played. */
static int batch_make(struct sonde_instance *instance)
{
	struct tape *tape = instance->self;
	uint32_t count = tape->batch_rows;
	struct sonde_batch *batch = sonde_batch_create(instance, 0, count);

	if (!batch)
		return sonde_fail(instance, ENOMEM, "no memory for %u rows", count);
	if (tape->recorded.row_count - tape->at < count)
		tape->at = 0;
	memcpy(sonde_batch_rows(instance, batch), tape->recorded.rows + tape->at,
	       count * sizeof(struct recorded_row));
	if (sonde_batch_resize(instance, batch, count) < 0) {
		sonde_batch_release(instance, batch);
		return sonde_fail(instance, ENOMEM, "no memory for %u rows", count);
	}
	tape->at += count;
	tape->pending = batch;
	return 0;
}

/* -EAGAIN: it stays pending, and room() will be called. */
static int pending_send(struct sonde_instance *instance)
{
	struct tape *tape = instance->self;
	int result = sonde_reserve(instance, sonde_batch_bytes(instance, tape->pending));

	if (result < 0)
		return result;
	result = sonde_emit_batch(instance, tape->pending);
	tape->pending = NULL;
	sonde_unreserve(instance, SIZE_MAX);
	if (result >= 0)
		sonde_count(&tape->rows, tape->batch_rows);
	return result;
}

static int take_turn(struct sonde_instance *instance)
{
	struct tape *tape = instance->self;
	int result;

	if (tape->ended)
		return 0;
	for (int i = 0; i < TURN_BATCHES; i++) {
		result = tape->pending ? 0 : batch_make(instance);
		if (result >= 0)
			result = pending_send(instance);
		tape->waiting = result == -EAGAIN;
		if (result < 0)
			return tape->waiting ? 0 : result;
	}
	sonde_wake(instance);
	return 0;
}

static int tape_start(struct sonde_instance *instance)
{
	struct tape *tape = instance->self;
	int result = recorded_read(tape->path, &tape->recorded);

	if (result < 0)
		return sonde_fail(instance, -result, "cannot read %s", tape->path);
	if (tape->recorded.row_count < tape->batch_rows)
		return sonde_fail(instance, EINVAL, "%s has only %u rows: lower `batch`",
				  tape->path, tape->recorded.row_count);
	result = names_bind(instance);
	if (result < 0)
		return sonde_fail(instance, -result, "cannot prepare rows");
	sonde_wake(instance);
	return 0;
}

static int tape_woken(struct sonde_instance *instance)
{
	const struct tape *tape = instance->self;

	return tape->waiting ? 0 : take_turn(instance);
}

static int tape_drain(struct sonde_instance *instance)
{
	struct tape *tape = instance->self;

	tape->ended = true;
	sonde_batch_release(instance, tape->pending); /* never emitted, so never there */
	tape->pending = NULL;
	return 0;
}

static void tape_stop(struct sonde_instance *instance)
{
	struct tape *tape = instance->self;

	sonde_batch_release(instance, tape->pending);
	sonde_dictionary_release(instance, tape->calls);
	sonde_dictionary_release(instance, tape->errors);
	recorded_free(&tape->recorded);
	tape->pending = NULL;
	tape->calls = tape->errors = NULL;
	tape->recorded = (struct recorded){ 0 };
	tape->waiting = false;
}

static const struct sonde_plugin tape_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "tape",
	.summary = "recorded system calls, as fast as they are taken",
	.self_size = sizeof(struct tape),
	.waits = 1,
	.options = tape_options,
	.counters = tape_counters,
	.schemas = tape_schemas,
	.start = tape_start,
	.stop = tape_stop,
	.woken = tape_woken,
	.drain = tape_drain,
	.room = take_turn,
};

SONDE_EXPORT(tape_plugin)
