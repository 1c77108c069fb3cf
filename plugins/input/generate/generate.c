// SPDX-License-Identifier: Apache-2.0
/* Input `generate`: rows of a known content, as many and as fast as asked for, to try out a
 * pipeline or to size a backend. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sonde/plugin.h>

enum {
	TURN_BATCHES = 4,   /* emitted before others on the thread have their turn */
	WORD_COUNT = 8,     /* distinct texts of generate.word */
	VALUE_COUNT = 1000, /* generate.value runs from 0 to one less */
	TICK_SHORTEST_MS = 1,
	TICK_LONGEST_MS = 100,
	AGAIN_MS = 100, /* after memory was refused */
	SECOND_NS = 1000000000,
	MILLISECOND_NS = 1000000,
};

enum fill { FILL_FULL, FILL_NONE };

static const char *const fill_names[] = { "full", "none", NULL };

static const char *const words[WORD_COUNT] = {
	"red", "orange", "yellow", "green", "blue", "indigo", "violet", "ultraviolet",
};

struct generate_row {
	int64_t time_ns;   /* when its batch was made */
	uint64_t sequence; /* from 0, over all replicas without a gap */
	double value;      /* sequence modulo VALUE_COUNT */
	uint32_t word;     /* sequence modulo WORD_COUNT, as a text */
	uint32_t key;      /* number of the row in its replica modulo keys, as a text */
};

struct generate {
	uint64_t rows;  /* option: how many in all; 0: without end */
	uint64_t rate;  /* option: rows per second; 0: as fast as the pipelines take them */
	uint32_t batch; /* option: rows of a batch */
	uint32_t fill;  /* option: enum fill */
	uint32_t keys;  /* option: distinct values of generate.key; 0: no such column */
	bool waits;     /* option: reserve room before emitting */
	bool tokens;    /* option: ask what became of each batch */

	struct sonde_dictionary *word_texts, *key_texts;
	uint32_t word_codes[WORD_COUNT];
	uint64_t key_row;             /* made_rows when key_texts was begun */
	uint32_t key_count;           /* keys that it has since, one a row, until it has all */
	struct generate_row *content; /* FILL_NONE: what every batch is a copy of */
	struct sonde_batch *pending;  /* made, and not emitted yet for want of room */
	uint32_t pending_rows;
	bool waiting;        /* room() will be called */
	bool ended;          /* drained: no more rows */
	uint64_t made_rows;  /* of this replica, pending ones included */
	uint64_t paced_rows; /* made_rows when begin_ns was set */
	int64_t begin_ns;    /* since when the rate holds */

	/* counters */
	uint64_t emitted_rows, settled_rows, delivered_rows, reduced_rows, lost_rows, refused_rows;
};

static const struct sonde_option generate_options[] = {
	{ .name = "rows",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct generate, rows),
	  .value = "0",
	  .help = "how many to make; 0: without end" },
	{ .name = "rate",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct generate, rate),
	  .value = "0",
	  .unit = "rows/s",
	  .knob = true,
	  .help = "how fast; 0: as fast as the pipelines take them" },
	{ .name = "batch",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct generate, batch),
	  .value = "1000",
	  .minimum = "1",
	  .maximum = "1000000",
	  .unit = "rows",
	  .help = "rows of a batch, at most" },
	{ .name = "fill",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct generate, fill),
	  .value = "full",
	  .choices = fill_names,
	  .help = "full: write each row; none: every batch is a copy of the first" },
	{ .name = "keys",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct generate, keys),
	  .value = "0",
	  .maximum = "16777216",
	  .help = "distinct texts of the column generate.key; 0: no column" },
	{ .name = "waits",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct generate, waits),
	  .value = "true",
	  .knob = true,
	  .help = "wait for room in the pipelines; else they drop what they cannot take" },
	{ .name = "tokens",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct generate, tokens),
	  .value = "false",
	  .help = "count what became of the rows: settled, delivered, lost" },
	{ 0 },
};

static const struct sonde_counter generate_counters[] = {
	{ .name = "emitted_rows",
	  SONDE_MEMBER(struct generate, emitted_rows),
	  .unit = "{row}",
	  .help = "rows given to the pipelines" },
	{ .name = "settled_rows",
	  SONDE_MEMBER(struct generate, settled_rows),
	  .unit = "{row}",
	  .help = "rows that every branch has let go of (with tokens)" },
	{ .name = "delivered_rows",
	  SONDE_MEMBER(struct generate, delivered_rows),
	  .unit = "{row}",
	  .help = "rows handed over, over all branches (with tokens)" },
	{ .name = "reduced_rows",
	  SONDE_MEMBER(struct generate, reduced_rows),
	  .unit = "{row}",
	  .help = "rows reduced on purpose, over all branches (with tokens)" },
	{ .name = "lost_rows",
	  SONDE_MEMBER(struct generate, lost_rows),
	  .unit = "{row}",
	  .help = "rows lost, over all branches (with tokens)" },
	{ .name = "refused_rows",
	  SONDE_MEMBER(struct generate, refused_rows),
	  .unit = "{row}",
	  .help = "rows that no branch took, so that a real source would send them again" },
	{ 0 },
};

#define GENERATE_FIELDS                                                                            \
	{ .name = "time",                                                                          \
	  .type = SONDE_TIME,                                                                      \
	  SONDE_MEMBER(struct generate_row, time_ns),                                              \
	  .role = SONDE_ROLE_TIME,                                                                 \
	  .help = "when the batch was made" },                                                     \
		{ .name = "generate.sequence",                                                     \
		  .type = SONDE_U64,                                                               \
		  SONDE_MEMBER(struct generate_row, sequence),                                     \
		  .help = "number of the row, from 0" },                                           \
		{ .name = "generate.value",                                                        \
		  .type = SONDE_DOUBLE,                                                            \
		  SONDE_MEMBER(struct generate_row, value),                                        \
		  .role = SONDE_ROLE_GAUGE,                                                        \
		  .unit = "1",                                                                     \
		  .help = "the sequence modulo 1,000" },                                           \
	{                                                                                          \
		.name = "generate.word", .type = SONDE_TEXT,                                       \
		SONDE_MEMBER(struct generate_row, word), .help = "one of eight texts"              \
	}

static const struct sonde_field generate_fields[] = { GENERATE_FIELDS, { 0 } };

static const struct sonde_field keyed_fields[] = {
	GENERATE_FIELDS,
	{ .name = "generate.key",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct generate_row, key),
	  .help = "one of as many texts as the option `keys` says" },
	{ 0 },
};

enum { GENERATE_ROWS, GENERATE_KEYED }; /* index into generate_schemas */
enum { PACE_TIMER, AGAIN_TIMER };
enum { WORD_FIELD = 3, KEY_FIELD = 4 }; /* index into their fields */

static const struct sonde_schema generate_schemas[] = {
	[GENERATE_ROWS] = { .name = "generate",
			    .row_size = sizeof(struct generate_row),
			    .fields = generate_fields,
			    .help = "the rows" },
	[GENERATE_KEYED] = { .name = "generate.keyed",
			     .row_size = sizeof(struct generate_row),
			     .fields = keyed_fields,
			     .help = "the rows where `keys` is set" },
	{ 0 },
};

/* ---- how many rows ----------------------------------------------------------------------- */

/* Replicas share the rows and the rate. */
static uint64_t share_of_rows(const struct sonde_instance *instance)
{
	const struct generate *generate = instance->self;

	if (!generate->rows)
		return UINT64_MAX;
	return generate->rows / instance->replica_count +
	       (instance->replica < generate->rows % instance->replica_count);
}

static double share_of_rate(const struct sonde_instance *instance)
{
	const struct generate *generate = instance->self;

	return (double)generate->rate / instance->replica_count;
}

/* Rows that the rate asks for by now. What a wait held up is caught up with, but for no more than a
 * second of it. */
static uint64_t rows_paced(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;
	int64_t now_ns = sonde_now_ns(instance);
	double rate = share_of_rate(instance);
	uint64_t made = generate->made_rows - generate->paced_rows;
	double wanted = (double)(now_ns - generate->begin_ns) * rate / SECOND_NS - (double)made;

	if (wanted > rate + generate->batch) {
		wanted = rate;
		generate->begin_ns = now_ns - SECOND_NS;
		generate->paced_rows = generate->made_rows;
	}
	return wanted > 0 ? (uint64_t)wanted : 0;
}

/* Rows of the next batch; 0: none now. */
static uint32_t rows_due(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;
	uint64_t due = generate->ended ? 0 : share_of_rows(instance) - generate->made_rows;

	if (due && generate->rate) {
		uint64_t paced = rows_paced(instance);

		due = paced < due ? paced : due;
	}
	return due < generate->batch ? (uint32_t)due : generate->batch;
}

/* ---- making rows ------------------------------------------------------------------------- */

/* A key is added the first time that it comes: the codes count up with the rows. */
static int add_keys(struct sonde_instance *instance, uint32_t count)
{
	struct generate *generate = instance->self;
	uint64_t wanted = generate->made_rows - generate->key_row + count;
	char text[32];

	if (wanted > generate->keys)
		wanted = generate->keys;
	for (; generate->key_count < wanted; generate->key_count++) {
		uint64_t key = (generate->key_row + generate->key_count) % generate->keys;
		int length = snprintf(text, sizeof(text), "key-%08u", (unsigned)key);

		if (sonde_dictionary_add(instance, generate->key_texts, text, (size_t)length) !=
		    generate->key_count)
			return -ENOMEM;
	}
	return 0;
}

/* Begins a new dictionary. The old one goes before, since it is what memory is short for, and with
 * the last batch that uses it. */
static int restart_keys(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;

	sonde_bind(instance, GENERATE_KEYED, KEY_FIELD, NULL);
	sonde_dictionary_release(instance, generate->key_texts);
	generate->key_texts = sonde_dictionary_create(instance, true);
	generate->key_row = generate->made_rows;
	generate->key_count = 0;
	if (!generate->key_texts)
		return -ENOMEM;
	return sonde_bind(instance, GENERATE_KEYED, KEY_FIELD, generate->key_texts);
}

/* A dictionary for which there is no more memory is begun anew. */
static int ensure_keys(struct sonde_instance *instance, uint32_t count)
{
	struct generate *generate = instance->self;
	int result = generate->key_texts ? add_keys(instance, count) : -ENOMEM;

	if (result < 0)
		result = restart_keys(instance);
	return result < 0 ? result : add_keys(instance, count);
}

static void fill_rows(struct sonde_instance *instance, struct generate_row *rows, uint32_t count)
{
	const struct generate *generate = instance->self;
	uint64_t sequence = generate->made_rows * instance->replica_count + instance->replica;
	uint64_t row = generate->made_rows - generate->key_row; /* its key has this code */
	uint32_t key = generate->keys ? (uint32_t)(row % generate->keys) : 0;
	int64_t now_ns = sonde_now_ns(instance);

	for (uint32_t i = 0; i < count; i++) {
		rows[i] = (struct generate_row){
			.time_ns = now_ns,
			.sequence = sequence,
			.value = (double)(uint32_t)(sequence % VALUE_COUNT),
			.word = generate->word_codes[sequence % WORD_COUNT],
			.key = key,
		};
		sequence += instance->replica_count;
		if (++key >= generate->keys)
			key = 0;
	}
}

/* Where the rows of every batch are copied from. */
static int make_content(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;

	generate->content = calloc(generate->batch, sizeof(*generate->content));
	if (!generate->content || add_keys(instance, generate->batch) < 0)
		return -ENOMEM;
	fill_rows(instance, generate->content, generate->batch);
	return 0;
}

/* NULL: no memory. */
static struct sonde_batch *make_batch(struct sonde_instance *instance, uint32_t count)
{
	struct generate *generate = instance->self;
	uint32_t schema = generate->keys ? GENERATE_KEYED : GENERATE_ROWS;
	struct sonde_batch *batch;

	if (generate->fill == FILL_FULL && ensure_keys(instance, count) < 0)
		return NULL;
	batch = sonde_batch_create(instance, schema, count);
	if (!batch && generate->key_count && generate->fill == FILL_FULL)
		restart_keys(instance); /* it may be the keys that there is no room beside */
	if (!batch)
		return NULL;
	if (generate->fill == FILL_FULL)
		fill_rows(instance, sonde_batch_rows(instance, batch), count);
	else
		memcpy(sonde_batch_rows(instance, batch), generate->content,
		       count * sizeof(*generate->content));
	if (sonde_batch_resize(instance, batch, count) < 0) {
		sonde_batch_release(instance, batch);
		return NULL;
	}
	return batch;
}

/* ---- sending them ------------------------------------------------------------------------ */

/* Nobody wakes an input because there is memory again: it has to try. */
static int lack_memory(struct sonde_instance *instance, uint32_t count)
{
	sonde_after(instance, AGAIN_TIMER, (int64_t)AGAIN_MS * MILLISECOND_NS);
	return sonde_fail(instance, ENOMEM, "no memory for %u rows", count);
}

/* Emits what is pending. -EAGAIN: it stays pending, and room() will be called. */
static int send_pending(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;
	struct sonde_batch *batch = generate->pending;
	int result;

	if (generate->waits) {
		result = sonde_reserve(instance, sonde_batch_bytes(instance, batch));
		if (result == -EMSGSIZE)
			return sonde_fail(
				instance, EMSGSIZE,
				"a batch of %u rows is larger than a pipeline's queue, or "
				"than the memory of all: lower `batch`",
				generate->pending_rows);
		if (result < 0)
			return result;
	}
	generate->pending = NULL;
	if (generate->tokens)
		result = sonde_emit_token(instance, batch, generate->pending_rows);
	else
		result = sonde_emit_batch(instance, batch);
	if (generate->waits)
		sonde_unreserve(instance, SIZE_MAX);
	if (result < 0)
		return lack_memory(instance, generate->pending_rows);
	sonde_count(&generate->emitted_rows, generate->pending_rows);
	return 0;
}

/* Makes and sends a few batches, and asks for another turn while there is more to do. */
static int take_turn(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;
	uint32_t count;
	int result;

	for (int i = 0; i < TURN_BATCHES; i++) {
		if (!generate->pending) {
			count = rows_due(instance);
			if (!count)
				return 0;
			generate->pending = make_batch(instance, count);
			if (!generate->pending)
				return lack_memory(instance, count);
			generate->pending_rows = count;
			generate->made_rows += count;
		}
		result = send_pending(instance);
		generate->waiting = result == -EAGAIN;
		if (result < 0)
			return generate->waiting ? 0 : result;
		if (generate->pending_rows < generate->batch)
			return 0; /* the rest of a batch is due at the next tick, or never */
	}
	sonde_wake(instance);
	return 0;
}

/* From now on the rate holds: a tick as often as a batch is due, but within bounds. */
static int pace(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;
	double interval_ms = TICK_LONGEST_MS;

	generate->begin_ns = sonde_now_ns(instance);
	generate->paced_rows = generate->made_rows;
	if (generate->rate)
		interval_ms = 1000.0 * generate->batch / share_of_rate(instance);
	if (interval_ms < TICK_SHORTEST_MS)
		interval_ms = TICK_SHORTEST_MS;
	if (interval_ms > TICK_LONGEST_MS)
		interval_ms = TICK_LONGEST_MS;
	sonde_wake(instance);
	return sonde_every(instance, PACE_TIMER,
			   generate->rate ? (int64_t)(interval_ms * MILLISECOND_NS) : 0);
}

/* ---- callbacks --------------------------------------------------------------------------- */

static int generate_start(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;
	uint32_t schema = generate->keys ? GENERATE_KEYED : GENERATE_ROWS;
	int result;

	generate->word_texts = sonde_dictionary_create(instance, true);
	generate->key_texts = sonde_dictionary_create(instance, true);
	if (!generate->word_texts || !generate->key_texts)
		return sonde_fail(instance, ENOMEM, "no memory for dictionaries");
	for (int i = 0; i < WORD_COUNT; i++) {
		generate->word_codes[i] = sonde_dictionary_add(instance, generate->word_texts,
							       words[i], strlen(words[i]));
		if (generate->word_codes[i] == UINT32_MAX)
			return sonde_fail(instance, ENOMEM, "no memory for texts");
	}
	result = sonde_bind(instance, schema, WORD_FIELD, generate->word_texts);
	if (!result && generate->keys)
		result = sonde_bind(instance, schema, KEY_FIELD, generate->key_texts);
	if (!result && generate->fill == FILL_NONE)
		result = make_content(instance);
	if (result < 0)
		return sonde_fail(instance, -result, "cannot prepare rows");
	return pace(instance);
}

static int generate_set(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;

	generate->waiting = false; /* whoever need not wait any more goes on at once */
	return pace(instance);
}

static int generate_woken(struct sonde_instance *instance)
{
	const struct generate *generate = instance->self;

	return generate->waiting ? 0 : take_turn(instance);
}

static int generate_timer(struct sonde_instance *instance, int timer)
{
	(void)timer;
	return generate_woken(instance);
}

static int generate_drain(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;

	generate->ended = true;
	sonde_batch_release(instance, generate->pending); /* never emitted, so never there */
	generate->pending = NULL;
	return 0;
}

/* The token of a batch is how many rows it has. */
static int generate_settled(struct sonde_instance *instance, uint64_t token,
			    const struct sonde_settlement *settlement)
{
	struct generate *generate = instance->self;

	sonde_count(&generate->settled_rows, token);
	sonde_count(&generate->delivered_rows, settlement->delivered_rows);
	sonde_count(&generate->reduced_rows, settlement->reduced_rows);
	sonde_count(&generate->lost_rows, settlement->lost_rows);
	if (settlement->verdict == SONDE_RETRY)
		sonde_count(&generate->refused_rows, token);
	return 0;
}

static void generate_stop(struct sonde_instance *instance)
{
	struct generate *generate = instance->self;

	sonde_batch_release(instance, generate->pending);
	sonde_dictionary_release(instance, generate->word_texts);
	sonde_dictionary_release(instance, generate->key_texts);
	free(generate->content);
	generate->pending = NULL;
	generate->word_texts = generate->key_texts = NULL;
	generate->content = NULL;
	generate->key_count = 0;
	generate->key_row = 0;
	generate->waiting = false;
}

static const struct sonde_plugin generate_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "generate",
	.summary = "rows of a known content, for sizing and testing",
	.manual = "Makes rows with a rising sequence, a number and a text or two, at a steady rate "
		  "or "
		  "as fast as they are taken.\n\n"
		  "With `waits` it goes no faster than the pipelines take its rows, so that none "
		  "is lost on "
		  "the way in; without, it floods them at its rate. What an output cannot keep up "
		  "with is "
		  "up to the `when_full` of its queue in both cases.\n\n"
		  "Replicas (`threads`) share the rows and the rate; the sequence of all of them "
		  "together has no gap.",
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
	.woken = generate_woken,
	.drain = generate_drain,
	.settled = generate_settled,
	.room = take_turn,
};

SONDE_EXPORT(generate_plugin)
