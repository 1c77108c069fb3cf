// SPDX-License-Identifier: Apache-2.0
/* Processor `filter`: lets those rows go on for which one condition holds and another does not. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sonde/plugin.h>
#include "expression.h"

enum { EXPLAINED_BYTES = 320 };

enum { KEEP, DROP, CONDITIONS }; /* index into conditions */

static const char *const condition_names[CONDITIONS] = { "keep", "drop" };

/* One that is in force. */
struct condition {
	struct expression *expression; /* NULL: none is given */
	struct matcher *matcher;
	struct matcher_counts seen; /* as far as they are in the counters */
};

struct filter {
	const char *texts[CONDITIONS]; /* options: conditions; NULL or "": none */

	struct condition conditions[CONDITIONS];
	unsigned char *bits; /* which rows of a batch go on: bit r % 8 of byte r / 8; behind them
			      * room for as many */
	size_t bits_size;    /* bytes of either */

	/* counters */
	uint64_t passed_batches, dropped_batches, missing_batches, mismatched_batches;
	uint64_t abandoned_texts;
};

static const struct sonde_option filter_options[] = {
	{ .name = "keep",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct filter, texts[KEEP]),
	  .knob = true,
	  .help = "condition: rows for which it is not true are dropped" },
	{ .name = "drop",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct filter, texts[DROP]),
	  .knob = true,
	  .help = "condition: rows for which it is true are dropped" },
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

/* A column of the wrong type, once for each place in a condition. */
static void problem_say(struct sonde_instance *instance, const char *option, const char *schema,
			const struct expression_error *error)
{
	char explained[EXPLAINED_BYTES];

	sonde_log(instance, SONDE_WARNING, "%s, %s, in rows of %s: it is null there", option,
		  expression_explain(error, explained, sizeof(explained)), schema);
}

static void keep_problem(void *data, const char *schema, const struct expression_error *error)
{
	problem_say(data, condition_names[KEEP], schema, error);
}

static void drop_problem(void *data, const char *schema, const struct expression_error *error)
{
	problem_say(data, condition_names[DROP], schema, error);
}

static void condition_release(struct condition *condition)
{
	matcher_release(condition->matcher);
	expression_release(condition->expression);
	*condition = (struct condition){ 0 };
}

/* Makes a condition of what its option says. */
static int condition_make(struct sonde_instance *instance, int which,
			  struct condition *ret_condition)
{
	const struct filter *filter = instance->self;
	struct condition condition = { 0 };
	struct expression_error error;
	char explained[EXPLAINED_BYTES];

	if (!is_given(filter->texts[which]))
		return 0;
	if (expression_parse(filter->texts[which], &condition.expression, &error) < 0)
		return sonde_fail(instance, EINVAL, "%s, %s", condition_names[which],
				  expression_explain(&error, explained, sizeof(explained)));
	condition.matcher = matcher_create(condition.expression, instance,
					   which == KEEP ? keep_problem : drop_problem, instance);
	if (!condition.matcher) {
		condition_release(&condition);
		return sonde_fail(instance, ENOMEM, "no memory for a condition");
	}
	*ret_condition = condition;
	return 0;
}

/* Puts what the options say in force, or says why that cannot be and leaves what is. */
static int filter_set(struct sonde_instance *instance)
{
	struct filter *filter = instance->self;
	struct condition conditions[CONDITIONS] = { 0 };
	int result = 0;

	for (int which = KEEP; which < CONDITIONS && !result; which++)
		result = condition_make(instance, which, &conditions[which]);
	for (int which = KEEP; which < CONDITIONS; which++) {
		if (result < 0) {
			condition_release(&conditions[which]);
			continue;
		}
		condition_release(&filter->conditions[which]);
		filter->conditions[which] = conditions[which];
	}
	return result;
}

static int filter_check(struct sonde_instance *instance)
{
	const struct filter *filter = instance->self;
	struct expression_error error;
	char explained[EXPLAINED_BYTES];

	if (!is_given(filter->texts[KEEP]) && !is_given(filter->texts[DROP]))
		sonde_problem(instance, NULL,
			      "a condition is missing (try keep = \"severity >= 13\";)");
	for (int which = KEEP; which < CONDITIONS; which++) {
		struct expression *expression = NULL;

		if (!is_given(filter->texts[which]))
			continue;
		if (expression_parse(filter->texts[which], &expression, &error) < 0)
			sonde_problem(instance, condition_names[which], "%s",
				      expression_explain(&error, explained, sizeof(explained)));
		else
			expression_release(expression);
	}
	return 0;
}

/* ---- what inputs may do ------------------------------------------------------------------ */

struct asking {
	struct sonde_instance *instance;
	struct sonde_asks *asks;
};

static int condition_ask(void *data, const struct sonde_condition *condition)
{
	struct asking *asking = data;
	struct sonde_ask ask = { .size = sizeof(ask),
				 .kind = SONDE_ASK_FILTER,
				 .condition = *condition };

	return sonde_add_ask(asking->instance, asking->asks, &ask);
}

/* Of `keep` what can be said; not of `drop`, as no comparison is true where it is null. */
static int filter_ask(struct sonde_instance *instance, struct sonde_asks *asks)
{
	const struct filter *filter = instance->self;
	struct asking asking = { instance, asks };
	struct expression *expression = NULL;
	struct expression_error error;
	int result = 1;

	if (is_given(filter->texts[KEEP])) {
		if (expression_parse(filter->texts[KEEP], &expression, &error) < 0)
			return SONDE_PARTLY; /* as check and set have said */
		result = expression_conditions(expression, condition_ask, &asking);
		expression_release(expression);
	}
	if (result == -ENOSPC || is_given(filter->texts[DROP]))
		return SONDE_PARTLY;
	return result < 0 ? result : result ? SONDE_OK : SONDE_PARTLY;
}

/* ---- rows -------------------------------------------------------------------------------- */

static bool reserve_bits(struct filter *filter, uint32_t row_count)
{
	size_t size = row_count / 8 + 1;
	unsigned char *bits;

	if (size <= filter->bits_size)
		return true;
	bits = realloc(filter->bits, 2 * size);
	if (!bits)
		return false;
	filter->bits = bits;
	filter->bits_size = size;
	return true;
}

static void count_seen(struct filter *filter, struct condition *condition)
{
	struct matcher_counts now = matcher_counts(condition->matcher);
	const struct matcher_counts *seen = &condition->seen;

	if (now.missing_batch_count != seen->missing_batch_count)
		sonde_count(&filter->missing_batches,
			    now.missing_batch_count - seen->missing_batch_count);
	if (now.mismatch_batch_count != seen->mismatch_batch_count)
		sonde_count(&filter->mismatched_batches,
			    now.mismatch_batch_count - seen->mismatch_batch_count);
	if (now.abandoned_count != seen->abandoned_count)
		sonde_count(&filter->abandoned_texts, now.abandoned_count - seen->abandoned_count);
	condition->seen = now;
}

/* Sets the bits of the rows that go on, and returns how many they are. */
static int64_t choose_rows(struct filter *filter, const struct sonde_batch *batch)
{
	struct condition *keep = &filter->conditions[KEEP], *drop = &filter->conditions[DROP];
	unsigned char *bits = filter->bits, *more = filter->bits + filter->bits_size;
	int64_t count = batch->selected_count;

	if (keep->expression) {
		count = matcher_run(keep->matcher, batch, bits);
		count_seen(filter, keep);
	}
	if (!drop->expression || count <= 0)
		return count;
	count = matcher_run_not(drop->matcher, batch, keep->expression ? more : bits);
	count_seen(filter, drop);
	if (!keep->expression || count <= 0)
		return count;
	count = 0;
	for (uint32_t byte = 0; byte < (batch->row_count + 7) / 8; byte++) {
		bits[byte] &= more[byte];
		count += __builtin_popcount(bits[byte]);
	}
	return count;
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
	int64_t count;

	if (sonde_is_done(instance, batch, SONDE_ASK_AGGREGATE))
		return SONDE_PASS; /* folded at the source, from rows that were kept there */
	count = reserve_bits(filter, batch->row_count) ? choose_rows(filter, batch) : -ENOMEM;
	if (count < 0)
		return sonde_fail(instance, ENOMEM, "no memory for %u rows", batch->row_count);
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

	for (int which = KEEP; which < CONDITIONS; which++)
		condition_release(&filter->conditions[which]);
	free(filter->bits);
	filter->bits = NULL;
	filter->bits_size = 0;
}

static const char filter_manual[] =
	"A condition is a text such as \"http.response.status_code >= 500 and service.name = "
	"'pay'\"; docs/expressions.md is the language. A row goes on if `keep`, where it is given, "
	"is "
	"true for it and `drop` is not. Where a condition is null, because a row has no value, or "
	"its "
	"table no such column, it is not true.\n"
	"\n"
	"Both are knobs: sonde set NAME.keep \"severity >= 17\"; an empty text takes one away. A "
	"condition that is wrong is refused with its place, and the one in force stays. Rows that "
	"are dropped are booked as filtered.";

static const struct sonde_plugin filter_plugin = {
	SONDE_PLUGIN_PROCESSOR,
	.name = "filter",
	.summary = "rows for which conditions hold",
	.manual = filter_manual,
	.self_size = sizeof(struct filter),
	.replication = SONDE_ANY_REPLICA,
	.reduces = SONDE_FILTERED,
	.options = filter_options,
	.counters = filter_counters,
	.check = filter_check,
	.start = filter_set,
	.stop = filter_stop,
	.set = filter_set, /* both options are knobs */
	.process = filter_process,
	.ask = filter_ask,
};

SONDE_EXPORT(filter_plugin)
