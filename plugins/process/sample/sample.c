// SPDX-License-Identifier: Apache-2.0
/* Processor `sample`: keeps a share of the rows, the same of each key on every host, and says what
 * those that are kept stand for. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "mark.h"

struct sample {
	struct sample_settings settings; /* options */

	struct plan plan;
	struct key key;
	struct limit limit; /* open where the plan has a rate */
	struct choice choice;
	uint64_t random;         /* state of random numbers */
	struct plan_counts seen; /* as far as they are in the counters */

	/* counters */
	uint64_t passed_batches, dropped_batches, metric_batches;
	uint64_t keyless_rows, inconsistent_rows, other_rows;
	uint64_t missing_batches, mismatched_batches, abandoned_texts;
};

static const struct sonde_option rule_options[] = {
	{ .name = "when",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct sample_rule, when),
	  .required = true,
	  .help = "condition: rows for which it is true" },
	{ .name = "ratio",
	  .type = SONDE_RATIO,
	  SONDE_MEMBER(struct sample_rule, ratio),
	  .required = true,
	  .help = "of them to be kept; 0: none, which is filtering" },
	{ 0 },
};

static const struct sonde_option sample_options[] = {
	{ .name = "ratio",
	  .type = SONDE_RATIO,
	  SONDE_MEMBER(struct sample, settings.ratio),
	  .value = "1",
	  .knob = true,
	  .help = "of the rows that no rule names to be kept" },
	{ .name = "key",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct sample, settings.key),
	  .help = "columns: rows with the same values in them stay or go together; left open: "
		  "spans "
		  "by their trace, other rows each for itself" },
	{ .name = "always",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct sample, settings.always),
	  .knob = true,
	  .help = "condition: rows for which it is true are kept, whatever ratio, rules and rate "
		  "say" },
	{ .name = "rules",
	  .type = SONDE_GROUPS,
	  SONDE_MEMBER(struct sample, settings.rules),
	  .options = rule_options,
	  .item_size = sizeof(struct sample_rule),
	  .help = "ratios of their own for some rows; the first condition that is true counts" },
	{ .name = "rate",
	  .type = SONDE_DOUBLE,
	  SONDE_MEMBER(struct sample, settings.rate),
	  .value = "0",
	  .minimum = "0",
	  .maximum = "1e9",
	  .unit = "rows/s",
	  .knob = true,
	  .help = "of each key at most, chosen evenly among those that come; 0: any number" },
	{ .name = "rate_keys",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct sample, settings.rate_keys),
	  .value = "10000",
	  .minimum = "1",
	  .maximum = "1000000",
	  .help = "keys within a second that have a rate of their own; all others share one" },
	{ .name = "seed",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct sample, settings.seed),
	  .value = "0",
	  .help = "of the choice by key: who has the same one chooses the same; not 0: random "
		  "choices "
		  "can be repeated too" },
	{ .name = "metrics",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct sample, settings.metrics),
	  .value = "false",
	  .help = "samples rows that measure too, which otherwise all go on" },
	{ 0 },
};

static const struct sonde_counter sample_counters[] = {
	{ .name = "passed_batches",
	  SONDE_MEMBER(struct sample, passed_batches),
	  .unit = "{batch}",
	  .help = "batches that went on as they were" },
	{ .name = "dropped_batches",
	  SONDE_MEMBER(struct sample, dropped_batches),
	  .unit = "{batch}",
	  .help = "batches of which no row went on" },
	{ .name = "metric_batches",
	  SONDE_MEMBER(struct sample, metric_batches),
	  .unit = "{batch}",
	  .help = "batches of measures, which are not sampled unless `metrics` says so" },
	{ .name = "keyless_rows",
	  SONDE_MEMBER(struct sample, keyless_rows),
	  .unit = "{row}",
	  .help = "rows without a value in any column of the key, or without a trace: chosen at "
		  "random" },
	{ .name = "inconsistent_rows",
	  SONDE_MEMBER(struct sample, inconsistent_rows),
	  .unit = "{row}",
	  .help = "rows that a threshold of before would have rejected: it is taken as chance" },
	{ .name = "other_rows",
	  SONDE_MEMBER(struct sample, other_rows),
	  .unit = "{row}",
	  .help = "rows of keys beyond rate_keys, which share one rate" },
	{ .name = "missing_batches",
	  SONDE_MEMBER(struct sample, missing_batches),
	  .unit = "{batch}",
	  .help = "batches without a column that a condition names: it is null there" },
	{ .name = "mismatched_batches",
	  SONDE_MEMBER(struct sample, mismatched_batches),
	  .unit = "{batch}",
	  .help = "batches in which a column is of a type that does not fit: it is null there" },
	{ .name = "abandoned_texts",
	  SONDE_MEMBER(struct sample, abandoned_texts),
	  .unit = "{text}",
	  .help = "texts on which a regular expression took too long: the answer is null" },
	{ 0 },
};

/* ---- beginning and changing -------------------------------------------------------------- */

static int sample_check(struct sonde_instance *instance)
{
	const struct sample *sample = instance->self;

	plan_check(instance, &sample->settings);
	return 0;
}

/* Puts what the options say in force, or says why that cannot be and leaves what is. */
static int sample_set(struct sonde_instance *instance)
{
	struct sample *sample = instance->self;
	struct limit limit = { 0 };
	struct plan plan;
	int result = plan_make(instance, &sample->settings, &plan);

	if (result < 0)
		return result;
	if (plan.rate != sample->plan.rate) {
		if (plan.rate > 0 &&
		    limit_open(&limit, plan.rate, sample->settings.rate_keys) < 0) {
			plan_clear(&plan);
			return sonde_fail(instance, ENOMEM, "no memory for a rate");
		}
		limit_close(&sample->limit);
		sample->limit = limit;
	}
	plan_clear(&sample->plan);
	sample->plan = plan;
	sample->seen = (struct plan_counts){ 0 };
	return 0;
}

static int sample_start(struct sonde_instance *instance)
{
	struct sample *sample = instance->self;

	sample->random = key_mix(sample->settings.seed + instance->replica);
	if (!sample->settings.seed &&
	    getrandom(&sample->random, sizeof(sample->random), 0) != sizeof(sample->random))
		return sonde_fail(instance, errno, "cannot get a random number");
	if (key_open(&sample->key, &sample->settings.key, sample->settings.seed) < 0)
		return sonde_fail(instance, ENOMEM, "no memory for keys");
	return sample_set(instance);
}

static void sample_stop(struct sonde_instance *instance)
{
	struct sample *sample = instance->self;

	choice_close(&sample->choice);
	limit_close(&sample->limit);
	key_close(&sample->key);
	plan_clear(&sample->plan);
}

/* ---- what inputs may do ------------------------------------------------------------------ */

/* A ratio alone, of rows each for itself: an input that samples rows which do not measure, and are
 * no spans, does the same. */
static int sample_ask(struct sonde_instance *instance, struct sonde_asks *asks)
{
	const struct sample *sample = instance->self;
	const struct sample_settings *settings = &sample->settings;
	struct sonde_ask ask = { .size = sizeof(ask),
				 .kind = SONDE_ASK_SAMPLE,
				 .ratio = settings->ratio };
	int result;

	if (settings->key.count || settings->rules.count || settings->rate > 0 ||
	    (settings->always && *settings->always) || settings->ratio <= 0)
		return SONDE_PARTLY;
	if (settings->ratio >= 1)
		return SONDE_OK;
	result = sonde_add_ask(instance, asks, &ask);
	return result == -ENOSPC ? SONDE_PARTLY : result;
}

/* ---- rows -------------------------------------------------------------------------------- */

static int64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void count_choice(struct sonde_instance *instance)
{
	struct sample *sample = instance->self;
	const struct choice *choice = &sample->choice;
	struct plan_counts now = plan_counts(&sample->plan);

	sonde_count(&sample->keyless_rows, choice->keyless_rows);
	sonde_count(&sample->inconsistent_rows, choice->inconsistent_rows);
	sonde_count(&sample->other_rows, choice->other_rows);
	sonde_count(&sample->missing_batches, now.missing - sample->seen.missing);
	sonde_count(&sample->mismatched_batches, now.mismatched - sample->seen.mismatched);
	sonde_count(&sample->abandoned_texts, now.abandoned - sample->seen.abandoned);
	sample->seen = now;
}

/* What is dropped and not said here is sampled, as the descriptor has it. */
static void book(struct sonde_instance *instance)
{
	const struct sample *sample = instance->self;
	const struct choice *choice = &sample->choice;

	if (choice->refused_rows)
		sonde_reduce(instance, choice->refused_rows, choice->refused_events,
			     SONDE_FILTERED);
	if (choice->limited_rows)
		sonde_reduce(instance, choice->limited_rows, choice->limited_events, SONDE_LIMITED);
}

/* The batch is lent, and others may be reading it: a derived one goes on. */
static int emit_kept(struct sonde_instance *instance, struct sonde_batch *batch)
{
	const struct sample *sample = instance->self;
	struct sonde_batch *derived = sonde_batch_derive(instance, batch);
	int result = derived ? mark_rows(instance, &sample->choice, derived) : -ENOMEM;

	if (!result)
		result = sonde_batch_select(instance, derived, sample->choice.kept);
	if (result < 0) {
		if (derived)
			sonde_batch_release(instance, derived);
		return sonde_fail(instance, ENOMEM, "no memory for %u rows", batch->row_count);
	}
	book(instance);
	return sonde_emit_batch(instance, derived);
}

/* Whether all rows of a batch go on as they are, whatever they hold. */
static bool is_exempt(struct sonde_instance *instance, const struct sonde_batch *batch)
{
	struct sample *sample = instance->self;

	if (!batch->selected_count || batch->signal == SONDE_SIGNAL_LEDGER)
		return true;
	if (sonde_is_done(instance, batch, SONDE_ASK_SAMPLE) ||
	    sonde_is_done(instance, batch, SONDE_ASK_AGGREGATE))
		return true; /* at the source */
	if (batch->signal == SONDE_SIGNAL_METRIC && !sample->settings.metrics) {
		sonde_count(&sample->metric_batches, 1);
		return true;
	}
	return !sample->plan.threshold && !sample->plan.rule_count && sample->plan.rate <= 0;
}

static int sample_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct sample *sample = instance->self;
	struct choice *choice = &sample->choice;
	struct chooser chooser = { .instance = instance,
				   .plan = &sample->plan,
				   .key = &sample->key,
				   .limit = sample->plan.rate > 0 ? &sample->limit : NULL,
				   .random = &sample->random };

	if (is_exempt(instance, batch)) {
		sonde_count(&sample->passed_batches, 1);
		return SONDE_PASS;
	}
	if (choice_make(choice, &chooser, batch, chooser.limit ? clock_ns() : 0) < 0)
		return sonde_fail(instance, ENOMEM, "no memory for %u rows", batch->row_count);
	count_choice(instance);
	if (choice->kept_count == batch->selected_count && !choice->grown) {
		sonde_count(&sample->passed_batches, 1);
		return SONDE_PASS;
	}
	if (choice->kept_count)
		return emit_kept(instance, batch);
	sonde_count(&sample->dropped_batches, 1);
	book(instance);
	return SONDE_OK;
}

static const char sample_manual[] =
	"Keeps the share `ratio` of the rows. What a kept row stands for is its weight: a column "
	"of "
	"that role is added, or what it holds is divided by the ratio. Whoever counts rows by "
	"their "
	"weights comes to what there was, on average exactly. The number of events of a row stays "
	"what it is.\n"
	"\n"
	"With `key`, rows go together: key = [\"process.pid\", \"process.start_time\"]. A key's "
	"hash "
	"says whether it is kept, so that all sondes keep the same ones, and at a lower ratio some "
	"of "
	"those that they keep at a higher one. Spans without `key`, and whatever has the key "
	"\"trace_id\", go by their trace as OpenTelemetry's consistent probability sampling has "
	"it: "
	"thresholds that they carry are kept to, and come out in the trace state.\n"
	"\n"
	"`always` is a condition: rows for which it is true are all kept, and not counted by the "
	"rate. "
	"`rules` give other rows ratios of their own: ( { when = \"severity >= 17\"; ratio = 1.0; "
	"}, "
	"{ when = \"severity < 9\"; ratio = \"1%\"; } ); the first that is true counts. "
	"docs/expressions.md is their language.\n"
	"\n"
	"`rate` keeps so many rows a second of each key, or of all together where there is no key. "
	"Of "
	"a batch with more, as many as there is room for are chosen evenly, and stand for the "
	"rest.\n"
	"\n"
	"Rows that go are booked as sampled, those above the rate as limited, and those of a ratio "
	"of "
	"0, for which none stands, as filtered. Rows that measure, and the ledger, all go on. "
	"docs/sample.md says what is exact.";

static const struct sonde_plugin sample_plugin = {
	SONDE_PLUGIN_PROCESSOR,
	.name = "sample",
	.summary = "a share of the rows that stands for all, the same of each key",
	.manual = sample_manual,
	.self_size = sizeof(struct sample),
	.replication = SONDE_ANY_REPLICA,
	.reduces = SONDE_SAMPLED,
	.options = sample_options,
	.counters = sample_counters,
	.check = sample_check,
	.start = sample_start,
	.stop = sample_stop,
	.set = sample_set,
	.process = sample_process,
	.ask = sample_ask,
};

SONDE_EXPORT(sample_plugin)
