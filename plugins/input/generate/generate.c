/* SPDX-License-Identifier: Apache-2.0 */
/* Input `generate`: rows of a known content, at a rate or as fast as they are taken. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sonde/plugin.h>

enum {
	GENERATE_TIMER = 0,
	GENERATE_TICK_NS = 10000000,
	GENERATE_BATCHES_PER_TURN = 8,
	GENERATE_KINDS = 16, /* distinct texts of `kind` */
};

enum { FILL_FULL, FILL_NONE };

struct generate {
	uint64_t row_limit;    /* option: rows in all; 0: no end */
	uint64_t rate;         /* option: rows a second; 0: as fast as the pipelines take them */
	uint32_t batch_rows;   /* option */
	uint32_t fill;         /* option: FILL_... */
	bool waits;            /* option: asks for room before it emits */
	bool tokens;           /* option: wants to hear what became of the rows */
	uint64_t sequence;     /* of the next row */
	uint64_t settled_rows; /* counters: what was heard */
	uint64_t delivered_rows, reduced_rows, lost_rows, resend_count;
	int64_t started_ns; /* wall clock when the first row was due */
	uint32_t kinds[GENERATE_KINDS];
	struct sonde_dictionary *texts;
	bool done;
};

struct generate_row {
	int64_t time_ns;
	uint64_t sequence;
	double value;
	uint32_t kind;
	uint32_t reserved;
};

static const char *const generate_fills[] = { "full", "none", NULL };

static const struct sonde_option generate_options[] = {
	{ .name = "rows",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct generate, row_limit),
	  .value = "0",
	  .help = "rows in all; 0: no end" },
	{ .name = "rate",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct generate, rate),
	  .value = "0",
	  .unit = "rows/s",
	  .knob = true,
	  .help = "0: as fast as the pipelines take them" },
	{ .name = "batch",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct generate, batch_rows),
	  .value = "1000",
	  .minimum = "1",
	  .maximum = "100000",
	  .help = "rows a batch" },
	{ .name = "fill",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct generate, fill),
	  .value = "full",
	  .choices = generate_fills,
	  .help = "none leaves the rows as the memory was: only their number counts" },
	{ .name = "waits",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct generate, waits),
	  .value = "true",
	  .help = "asks for room before it emits, so that nothing is lost" },
	{ .name = "tokens",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct generate, tokens),
	  .value = "false",
	  .help = "counts what became of the rows" },
	{ 0 }
};

static const struct sonde_counter generate_counters[] = {
	{ .name = "emitted_rows", SONDE_MEMBER(struct generate, sequence), .unit = "{row}" },
	{ .name = "settled_rows",
	  SONDE_MEMBER(struct generate, settled_rows),
	  .unit = "{row}",
	  .help = "rows of batches that every branch has let go of" },
	{ .name = "delivered_rows",
	  SONDE_MEMBER(struct generate, delivered_rows),
	  .unit = "{row}",
	  .help = "over all branches" },
	{ .name = "reduced_rows", SONDE_MEMBER(struct generate, reduced_rows), .unit = "{row}" },
	{ .name = "lost_rows", SONDE_MEMBER(struct generate, lost_rows), .unit = "{row}" },
	{ .name = "resends",
	  SONDE_MEMBER(struct generate, resend_count),
	  .unit = "{batch}",
	  .help = "batches that no branch took a row of" },
	{ 0 }
};

enum { FIELD_TIME, FIELD_SEQUENCE, FIELD_VALUE, FIELD_KIND };

static const struct sonde_field generate_fields[] = {
	[FIELD_TIME] = { .name = "time",
			 .type = SONDE_TIME,
			 SONDE_MEMBER(struct generate_row, time_ns),
			 .role = SONDE_ROLE_TIME },
	[FIELD_SEQUENCE] = { .name = "sequence",
			     .type = SONDE_U64,
			     SONDE_MEMBER(struct generate_row, sequence),
			     .help = "from 0, without a gap" },
	[FIELD_VALUE] = { .name = "value",
			  .type = SONDE_DOUBLE,
			  SONDE_MEMBER(struct generate_row, value),
			  .help = "a saw tooth from 0 to 99.9" },
	[FIELD_KIND] = { .name = "kind",
			 .type = SONDE_TEXT,
			 SONDE_MEMBER(struct generate_row, kind),
			 .help = "one of 16 texts" },
	{ 0 }
};

enum { GENERATE_ROW };

static const struct sonde_schema generate_schemas[] = {
	[GENERATE_ROW] = { .name = "generate",
			   .row_size = sizeof(struct generate_row),
			   .fields = generate_fields,
			   .help = "rows of a known content" },
	{ 0 }
};

static void generate_fill(struct generate *generate, struct generate_row *rows, uint32_t count,
			  int64_t now_ns)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t sequence = generate->sequence + i;

		rows[i] = (struct generate_row){
			.time_ns = now_ns,
			.sequence = sequence,
			.value = (double)(sequence % 1000) / 10,
			.kind = generate->kinds[sequence % GENERATE_KINDS],
		};
	}
}

static int generate_emit(struct sonde_instance *instance, uint32_t count)
{
	struct generate *generate = instance->self;
	struct sonde_batch *batch = sonde_batch_create(instance, GENERATE_ROW, count);
	struct generate_row *rows;
	uint64_t token = generate->sequence;

	if (!batch)
		return -ENOMEM; /* the rows were not made: they come later */
	rows = sonde_batch_rows(instance, batch);
	if (generate->fill == FILL_FULL)
		generate_fill(generate, rows, count, sonde_now_ns(instance));
	else
		for (uint32_t i = 0; i < count; i++)
			rows[i].kind = generate->kinds[0]; /* codes must be codes */
	sonde_batch_resize(instance, batch, count);
	sonde_count(&generate->sequence, count);
	return generate->tokens ? sonde_emit_token(instance, batch, token)
				: sonde_emit_batch(instance, batch);
}

/* Rows that are due by now. */
static uint64_t generate_due(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;
	uint64_t due = UINT64_MAX;

	if (generate->rate) {
		int64_t elapsed_ns = sonde_now_ns(instance) - generate->started_ns;

		due = elapsed_ns > 0
			      ? (uint64_t)((double)elapsed_ns * 1e-9 * (double)generate->rate)
			      : 0;
	}
	if (generate->row_limit && due > generate->row_limit)
		due = generate->row_limit;
	return due > generate->sequence ? due - generate->sequence : 0;
}

/* Emits what is due, a few batches a turn, so that others on the thread have theirs. */
static int generate_run(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;

	for (uint32_t i = 0; i < GENERATE_BATCHES_PER_TURN && !generate->done; i++) {
		uint64_t due = generate_due(instance);
		uint32_t count = due < generate->batch_rows ? (uint32_t)due : generate->batch_rows;
		size_t bytes = (size_t)count * sizeof(struct generate_row);
		int result = 0;

		if (!count)
			return 0; /* the timer comes, or it is all done */
		if (generate->waits)
			result = sonde_reserve(instance, bytes);
		if (result == -EAGAIN)
			return 0; /* room() comes */
		if (result)
			return sonde_fail(instance, -result,
					  "a batch of %u rows does not fit the "
					  "queue of a pipeline (lower batch)",
					  count);
		result = generate_emit(instance, count);
		if (result)
			return sonde_fail(instance, -result, "cannot emit");
	}
	if (!generate->done && generate_due(instance))
		sonde_wake(instance);
	return 0;
}

static int generate_start(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;
	char text[16];

	generate->texts = sonde_dictionary_create(instance, true);
	if (!generate->texts)
		return sonde_fail(instance, ENOMEM, "no dictionary");
	for (uint32_t i = 0; i < GENERATE_KINDS; i++) {
		int length = snprintf(text, sizeof(text), "kind-%02u", i);

		generate->kinds[i] =
			sonde_dictionary_add(instance, generate->texts, text, (size_t)length);
	}
	sonde_bind(instance, GENERATE_ROW, FIELD_KIND, generate->texts);
	generate->started_ns = sonde_now_ns(instance);
	sonde_wake(instance);
	return sonde_every(instance, GENERATE_TIMER, GENERATE_TICK_NS);
}

static int generate_timer(struct sonde_instance *instance, int id)
{
	struct generate *generate = instance->self;

	if (generate->row_limit && generate->sequence >= generate->row_limit)
		return sonde_every(instance, id, 0);
	return generate_run(instance);
}

/* The new rate counts from now. */
static int generate_set(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;

	if (generate->rate)
		generate->started_ns =
			sonde_now_ns(instance) -
			(int64_t)((double)generate->sequence * 1e9 / (double)generate->rate);
	return generate_run(instance);
}

static int generate_settled(struct sonde_instance *instance, uint64_t token,
			    const struct sonde_settlement *settlement)
{
	struct generate *generate = instance->self;

	sonde_count(&generate->settled_rows,
		    settlement->delivered_rows + settlement->reduced_rows + settlement->lost_rows);
	sonde_count(&generate->delivered_rows, settlement->delivered_rows);
	sonde_count(&generate->reduced_rows, settlement->reduced_rows);
	sonde_count(&generate->lost_rows, settlement->lost_rows);
	if (settlement->verdict == SONDE_RETRY)
		sonde_count(&generate->resend_count, 1);
	return 0;
}

static int generate_drain(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;

	generate->done = true;
	return 0;
}

static void generate_stop(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;

	sonde_dictionary_release(instance, generate->texts);
}

static const struct sonde_plugin generate_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "generate",
	.summary = "rows of a known content",
	.manual =
		"For sizing a backend, and for measuring and testing a pipeline. Rows are numbered "
		"from 0, so that a receiver can tell which are missing.",
	.self_size = sizeof(struct generate),
	.replication = SONDE_ANY_REPLICA,
	.waits = 1,
	.options = generate_options,
	.counters = generate_counters,
	.schemas = generate_schemas,
	.start = generate_start,
	.stop = generate_stop,
	.set = generate_set,
	.timer = generate_timer,
	.woken = generate_run,
	.drain = generate_drain,
	.settled = generate_settled,
	.room = generate_run,
};

SONDE_EXPORT(generate_plugin)
