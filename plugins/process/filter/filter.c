// SPDX-License-Identifier: Apache-2.0
/* Processor `filter`: lets those rows go on for which a condition holds, or all others. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sonde/plugin.h>
#include "expression.h"

enum { EXPLAINED_BYTES = 320 };

struct filter {
	const char *keep, *drop; /* options, of which one is set: conditions */

	struct expression *condition; /* that is in force */
	struct matcher *matcher;
	bool drops;                 /* rows for which it is true go */
	unsigned char *bits;        /* which rows of a batch go on: bit r % 8 of byte r / 8 */
	size_t bits_size;           /* bytes there */
	struct matcher_counts seen; /* of the matcher, as far as it is in the counters */

	/* counters */
	uint64_t passed_batches, dropped_batches, missing_batches, mismatched_batches;
	uint64_t abandoned_texts;
};

static const struct sonde_option filter_options[] = {
	{ .name = "keep",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct filter, keep),
	  .knob = true,
	  .help = "condition: rows for which it is true go on, all others are dropped" },
	{ .name = "drop",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct filter, drop),
	  .knob = true,
	  .help = "condition: rows for which it is true are dropped, all others go on" },
	{ 0 },
};

static const struct sonde_counter filter_counters[] = {
	{ .name = "passed_batches",
	  SONDE_MEMBER(struct filter, passed_batches),
	  .unit = "{batch}",
	  .help = "batches of which all rows went on" },
	{ .name = "dropped_batches",
	  SONDE_MEMBER(struct filter, dropped_batches),
	  .unit = "{batch}",
	  .help = "batches of which no row went on" },
	{ .name = "missing_batches",
	  SONDE_MEMBER(struct filter, missing_batches),
	  .unit = "{batch}",
	  .help = "batches without a column that the condition names: it is null there" },
	{ .name = "mismatched_batches",
	  SONDE_MEMBER(struct filter, mismatched_batches),
	  .unit = "{batch}",
	  .help = "batches in which a column is of a type that does not fit: it is null there" },
	{ .name = "abandoned_texts",
	  SONDE_MEMBER(struct filter, abandoned_texts),
	  .unit = "{text}",
	  .help = "texts on which a regular expression took too long: the answer is null" },
	{ 0 },
};

static bool is_given(const char *text)
{
	return text && *text;
}

/* ---- the condition ----------------------------------------------------------------------- */

static void on_problem(void *data, const char *schema, const struct expression_error *error)
{
	struct sonde_instance *instance = data;
	const struct filter *filter = instance->self;
	char explained[EXPLAINED_BYTES];

	sonde_log(instance, SONDE_WARNING, "%s, %s, in rows of %s: it is null there",
		  filter->drops ? "drop" : "keep",
		  expression_explain(error, explained, sizeof(explained)), schema);
}

static void condition_release(struct filter *filter)
{
	matcher_release(filter->matcher);
	expression_release(filter->condition);
	filter->matcher = NULL;
	filter->condition = NULL;
	filter->seen = (struct matcher_counts){ 0 };
}

/* Puts what the options say in force, or says why that cannot be and leaves what is. */
static int condition_take(struct sonde_instance *instance)
{
	struct filter *filter = instance->self;
	bool drops = is_given(filter->drop);
	struct expression *condition;
	struct expression_error error;
	char explained[EXPLAINED_BYTES];
	struct matcher *matcher;

	if (drops == is_given(filter->keep))
		return sonde_fail(instance, EINVAL, "%s",
				  drops ? "keep and drop exclude each other"
					: "either keep or drop is needed");
	if (expression_parse(drops ? filter->drop : filter->keep, &condition, &error) < 0)
		return sonde_fail(instance, EINVAL, "%s, %s", drops ? "drop" : "keep",
				  expression_explain(&error, explained, sizeof(explained)));
	matcher = matcher_create(condition, instance, on_problem, instance);
	if (!matcher) {
		expression_release(condition);
		return sonde_fail(instance, ENOMEM, "no memory for the condition");
	}
	condition_release(filter);
	filter->condition = condition;
	filter->matcher = matcher;
	filter->drops = drops;
	return 0;
}

static void check_condition(struct sonde_instance *instance, const char *option, const char *text)
{
	struct expression *condition;
	struct expression_error error;
	char explained[EXPLAINED_BYTES];

	if (expression_parse(text, &condition, &error) < 0)
		sonde_problem(instance, option, "%s",
			      expression_explain(&error, explained, sizeof(explained)));
	else
		expression_release(condition);
}

static int filter_check(struct sonde_instance *instance)
{
	const struct filter *filter = instance->self;

	if (is_given(filter->keep) && is_given(filter->drop))
		sonde_problem(instance, "drop",
			      "keep and drop exclude each other: one condition with \"and not\" "
			      "says both");
	if (!is_given(filter->keep) && !is_given(filter->drop))
		sonde_problem(instance, NULL,
			      "a condition is missing (try keep = \"severity >= 13\";)");
	if (is_given(filter->keep))
		check_condition(instance, "keep", filter->keep);
	if (is_given(filter->drop))
		check_condition(instance, "drop", filter->drop);
	return 0;
}

/* ---- rows -------------------------------------------------------------------------------- */

static bool reserve_bits(struct filter *filter, uint32_t row_count)
{
	size_t size = row_count / 8 + 1;
	unsigned char *bits;

	if (size <= filter->bits_size)
		return true;
	bits = realloc(filter->bits, size);
	if (!bits)
		return false;
	filter->bits = bits;
	filter->bits_size = size;
	return true;
}

static void count_seen(struct filter *filter)
{
	struct matcher_counts now = matcher_counts(filter->matcher);
	const struct matcher_counts *seen = &filter->seen;

	if (now.missing_batch_count != seen->missing_batch_count)
		sonde_count(&filter->missing_batches,
			    now.missing_batch_count - seen->missing_batch_count);
	if (now.mismatch_batch_count != seen->mismatch_batch_count)
		sonde_count(&filter->mismatched_batches,
			    now.mismatch_batch_count - seen->mismatch_batch_count);
	if (now.abandoned_count != seen->abandoned_count)
		sonde_count(&filter->abandoned_texts, now.abandoned_count - seen->abandoned_count);
	filter->seen = now;
}

/* The batch is lent, and others may be reading it: rows are dropped from one derived from it. */
static int emit_some(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct filter *filter = instance->self;
	struct sonde_batch *derived = sonde_batch_derive(instance, batch);
	int result = derived ? sonde_batch_select(instance, derived, filter->bits) : -ENOMEM;

	if (result >= 0)
		return sonde_emit_batch(instance, derived);
	if (derived)
		sonde_batch_release(instance, derived);
	return sonde_fail(instance, ENOMEM, "no memory for %u rows", batch->row_count);
}

static int filter_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct filter *filter = instance->self;
	int64_t count = -ENOMEM;

	if (reserve_bits(filter, batch->row_count))
		count = filter->drops ? matcher_run_not(filter->matcher, batch, filter->bits)
				      : matcher_run(filter->matcher, batch, filter->bits);
	if (count < 0)
		return sonde_fail(instance, ENOMEM, "no memory for %u rows", batch->row_count);
	count_seen(filter);
	if (count == batch->selected_count) {
		sonde_count(&filter->passed_batches, 1);
		return SONDE_PASS;
	}
	if (count)
		return emit_some(instance, batch);
	sonde_count(&filter->dropped_batches, 1);
	return SONDE_OK; /* all are booked as `reduces` says */
}

static void filter_stop(struct sonde_instance *instance)
{
	struct filter *filter = instance->self;

	condition_release(filter);
	free(filter->bits);
	filter->bits = NULL;
	filter->bits_size = 0;
}

static const char filter_manual[] =
	"A condition is a text such as \"http.response.status_code >= 500 and service.name = "
	"'pay'\"; docs/expressions.md is the language. Where it is null, because a row has no "
	"value, or a table no such column, it is not true: `keep` drops the row, `drop` keeps it.\n"
	"\n"
	"Both options are knobs: sonde set NAME.keep \"severity >= 17\". A condition that is wrong "
	"is refused with its place, and the one in force stays. Rows that are dropped are booked "
	"as filtered.";

static const struct sonde_plugin filter_plugin = {
	SONDE_PLUGIN_PROCESSOR,
	.name = "filter",
	.summary = "rows for which a condition holds",
	.manual = filter_manual,
	.self_size = sizeof(struct filter),
	.replication = SONDE_ANY_REPLICA,
	.reduces = SONDE_FILTERED,
	.options = filter_options,
	.counters = filter_counters,
	.check = filter_check,
	.start = condition_take,
	.stop = filter_stop,
	.set = condition_take, /* both are knobs */
	.process = filter_process,
};

SONDE_EXPORT(filter_plugin)
