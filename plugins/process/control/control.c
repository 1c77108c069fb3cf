// SPDX-License-Identifier: Apache-2.0
/* Processor `control`: rules over the rows that pass, which set knobs for a while. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule.h"

enum { RULE_LIMIT = 64, TIMER_JUDGE = 0, NAME_BYTES = 160, REASON_BYTES = 400 };

static const int64_t tick_most_ns = 1000000000, tick_least_ns = 100000000;

struct control {
	struct sonde_groups options; /* of the rules */
	bool dry_run;

	struct rule *rules;
	unsigned char *bits; /* which rows of a batch a rule looks at */
	size_t bits_size;

	/* counters */
	uint64_t fired, held_back, late_rows, keyless_rows, crowded_rows;
	uint64_t missing_batches, mismatched_batches, skipped_batches;
};

#define RULE(name_, type_, member_)                                                                \
	.name = name_, .type = type_, SONDE_MEMBER(struct rule_options, member_)

static const struct sonde_option rule_options[] = {
	{ RULE("name", SONDE_TEXT, name), .required = true,
	  .help = "what it is called in records" },
	{ RULE("where", SONDE_TEXT, where), .help = "condition: which rows count; left open: all" },
	{ RULE("by", SONDE_TEXTS, by),
	  .help = "columns whose values are told apart, each combination by itself" },
	{ RULE("value", SONDE_TEXT, value), .required = true,
	  .help = "what is measured: count, or sum, min, max, mean, quantile(…, 0.99), p99 of a "
		  "column, or one of these over another" },
	{ RULE("above", SONDE_TEXT, above),
	  .help = "it holds above this: \"10ms\", \"0.05\", \"5%\"" },
	{ RULE("below", SONDE_TEXT, below), .help = "it holds below this" },
	{ RULE("rises", SONDE_DOUBLE, rises), .value = "0", .minimum = "0",
	  .help = "it holds above so many times the mean of the windows before; 0: not so" },
	{ RULE("baseline", SONDE_U32, baseline), .value = "12", .minimum = "1", .maximum = "100",
	  .unit = "{window}", .help = "of rises: how many windows before" },
	{ RULE("minimum", SONDE_U64, minimum), .value = "0", .unit = "{event}",
	  .help = "a window of fewer events says nothing" },
	{ RULE("over", SONDE_DURATION, over_ns), .value = "10s", .minimum = "100ms",
	  .maximum = "1d", .help = "length of the window, which slides with the rows' time" },
	{ RULE("set", SONDE_TEXTS, set), .required = true,
	  .help = "\"INSTANCE.KNOB=VALUE\", in this order; %{COLUMN} is the key's value" },
	{ RULE("for", SONDE_DURATION, for_ns), .required = true, .minimum = "100ms",
	  .maximum = "7d", .help = "how long, from when it held last" },
	{ RULE("again", SONDE_DURATION, again_ns), .value = "0s", .minimum = "0s", .maximum = "7d",
	  .help = "after that, time in which the same key does nothing" },
	{ RULE("at_once", SONDE_U32, at_once), .value = "8", .minimum = "1", .maximum = "1000",
	  .unit = "{key}", .help = "keys whose knobs may be set at one time" },
	{ RULE("keys", SONDE_U32, keys), .value = "1024", .minimum = "1", .maximum = "65536",
	  .help = "keys that are told apart at one time" },
	{ 0 }
};

static const struct sonde_option control_options[] = {
	{ .name = "rules",
	  .type = SONDE_GROUPS,
	  SONDE_MEMBER(struct control, options),
	  .required = true,
	  .options = rule_options,
	  .item_size = sizeof(struct rule_options),
	  .help = "what is looked for, and what is set then" },
	{ .name = "dry_run",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct control, dry_run),
	  .value = "false",
	  .knob = true,
	  .help = "set nothing: the log says what would be set" },
	{ 0 }
};

#define COUNTER(name_, unit_, help_)                                                               \
	{                                                                                          \
		.name = #name_, SONDE_MEMBER(struct control, name_), .unit = unit_, .help = help_  \
	}

static const struct sonde_counter control_counters[] = {
	COUNTER(fired, "{firing}", "times that a rule began to hold for a key"),
	COUNTER(held_back, "{firing}", "times that it did not count, as at_once others held"),
	COUNTER(late_rows, "{row}", "rows older than the window of their key: not judged"),
	COUNTER(keyless_rows, "{row}", "rows without a value in a column of `by`: not judged"),
	COUNTER(crowded_rows, "{row}", "rows of further keys than `keys`: not judged"),
	COUNTER(missing_batches, "{batch}",
		"batches without a column that a rule names: it does not look at them"),
	COUNTER(mismatched_batches, "{batch}",
		"batches in which such a column cannot be measured so: likewise"),
	COUNTER(skipped_batches, "{batch}",
		"batches that a rule could not look at whole: memory was refused"),
	{ 0 }
};

static uint32_t rule_count(const struct control *control)
{
	return control->rules ? control->options.count : 0;
}

static const struct rule_options *options_at(const struct control *control, uint32_t index)
{
	return (const struct rule_options *)control->options.items + index;
}

/* ---- check and start --------------------------------------------------------------------- */

/* Whose problems these are. */
struct checked {
	struct sonde_instance *instance;
	uint32_t index; /* of the rule */
};

static void problem_report(void *data, const char *option, const char *message)
{
	const struct checked *checked = data;
	char path[64];

	if (option)
		snprintf(path, sizeof(path), "rules[%u].%s", checked->index, option);
	else
		snprintf(path, sizeof(path), "rules[%u]", checked->index);
	sonde_problem(checked->instance, path, "%s", message);
}

/* Whether there are such knobs, and take such values. */
static void check_knobs(struct checked *checked, const struct rule *rule)
{
	char error[320];

	for (uint32_t i = 0; i < rule->options->set.count; i++) {
		const struct setting *setting = &rule->settings[i];

		if (sonde_check_knob(checked->instance, setting->path,
				     setting->varies ? NULL : setting->value, error, sizeof(error)))
			problem_report(checked, "set", error);
	}
}

static void check_name(struct checked *checked, const struct control *control)
{
	const char *name = options_at(control, checked->index)->name;

	if (!*name || strlen(name) > 64)
		problem_report(checked, "name", "a name has 1 to 64 bytes");
	for (uint32_t i = 0; i < checked->index; i++) {
		if (!strcmp(options_at(control, i)->name, name))
			problem_report(checked, "name", "another rule is called so");
	}
}

static int control_check(struct sonde_instance *instance)
{
	const struct control *control = instance->self;

	if (!control->options.count || control->options.count > RULE_LIMIT)
		sonde_problem(instance, "rules", "there are %u rules, and 1 to %d are possible",
			      control->options.count, RULE_LIMIT);
	for (uint32_t i = 0; i < control->options.count && i < RULE_LIMIT; i++) {
		struct checked checked = { instance, i };
		struct rule rule;

		check_name(&checked, control);
		if (!rule_open(&rule, options_at(control, i), problem_report, &checked))
			check_knobs(&checked, &rule);
		rule_close(&rule);
	}
	return 0;
}

static void problem_log(void *data, const char *option, const char *message)
{
	sonde_log(data, SONDE_ERROR, "%s: %s", option ? option : "rule", message);
}

/* A column of the wrong type in a condition, once for each place. */
static void where_problem(void *data, const char *schema, const struct expression_error *error)
{
	char explained[320];

	sonde_log(data, SONDE_WARNING, "where, %s, in rows of %s: it is null there",
		  expression_explain(error, explained, sizeof(explained)), schema);
}

static int64_t tick_ns(const struct control *control)
{
	int64_t tick = tick_most_ns;

	for (uint32_t i = 0; i < rule_count(control); i++) {
		if (control->rules[i].shape.slice_ns < tick)
			tick = control->rules[i].shape.slice_ns;
	}
	return tick > tick_least_ns ? tick : tick_least_ns;
}

static int control_start(struct sonde_instance *instance)
{
	struct control *control = instance->self;
	int result;

	control->rules = calloc(control->options.count + 1, sizeof(*control->rules));
	if (!control->rules)
		return sonde_fail(instance, ENOMEM, "no memory for rules");
	for (uint32_t i = 0; i < control->options.count; i++) {
		struct rule *rule = &control->rules[i];

		result = rule_open(rule, options_at(control, i), problem_log, instance);
		if (!result && rule->where)
			rule->matcher =
				matcher_create(rule->where, instance, where_problem, instance);
		if (!result && rule->where && !rule->matcher)
			result = -ENOMEM;
		if (result)
			return sonde_fail(instance, -result, "cannot make the rule %s",
					  options_at(control, i)->name);
	}
	return sonde_every(instance, TIMER_JUDGE, tick_ns(control));
}

static void control_stop(struct sonde_instance *instance)
{
	struct control *control = instance->self;

	for (uint32_t i = 0; i < rule_count(control); i++)
		rule_close(&control->rules[i]);
	free(control->rules);
	control->rules = NULL;
	free(control->bits);
	control->bits = NULL;
	control->bits_size = 0;
}

/* ---- what a rule does -------------------------------------------------------------------- */

/* "slow /system.slice/a, 12" */
static void key_name(const struct rule *rule, const struct key *key, char name[NAME_BYTES])
{
	int length = snprintf(name, NAME_BYTES, "%s", rule->options->name);

	for (uint32_t i = 0; i < rule->options->by.count && length < NAME_BYTES; i++)
		length += snprintf(name + length, NAME_BYTES - (size_t)length, "%s%s",
				   i ? ", " : " ", key->texts[i]);
}

/* Asks for the rule's knobs, or begins their time again. */
static int rule_hold(struct sonde_instance *instance, const struct rule *rule,
		     const struct key *key)
{
	const char *knobs[RULE_SETTINGS];
	char *values[RULE_SETTINGS] = { NULL }, name[NAME_BYTES], reason[REASON_BYTES];
	int length, result = 0;
	struct sonde_hold hold = { .size = sizeof(hold),
				   .count = rule->options->set.count,
				   .knobs = knobs,
				   .values = (const char *const *)values,
				   .name = name,
				   .reason = reason,
				   .for_ns = rule->options->for_ns };

	key_name(rule, key, name);
	length = snprintf(reason, sizeof(reason), "rule %s: ", name);
	rule_explain(rule, key, reason + length, sizeof(reason) - (size_t)length);
	for (uint32_t i = 0; i < hold.count && !result; i++) {
		knobs[i] = rule->settings[i].path;
		values[i] = setting_value(&rule->settings[i], &rule->options->by, key->texts);
		result = values[i] ? 0 : -ENOMEM;
	}
	if (!result)
		result = sonde_hold_knobs(instance, &hold);
	for (uint32_t i = 0; i < hold.count; i++)
		free(values[i]);
	return result;
}

/* What would be done. */
static void rule_say(struct sonde_instance *instance, const struct rule *rule,
		     const struct key *key)
{
	char name[NAME_BYTES], reason[REASON_BYTES];

	key_name(rule, key, name);
	sonde_log(instance, SONDE_INFO, "rule %s would set its knobs: %s", name,
		  rule_explain(rule, key, reason, sizeof(reason)));
}

static void key_fire(struct sonde_instance *instance, struct rule *rule, struct key *key,
		     int64_t now_ns)
{
	struct control *control = instance->self;

	if (rule->firing_count >= rule->options->at_once) {
		if (!key->refused)
			sonde_count(&control->held_back, 1);
		key->refused = true;
		return;
	}
	if (control->dry_run)
		rule_say(instance, rule, key);
	else if (rule_hold(instance, rule, key))
		return; /* tried again when it is judged next */
	sonde_count(&control->fired, 1);
	rule->fired_count++;
	rule->firing_count++;
	key->held_ns = now_ns;
	key->until_ns = now_ns + rule->options->for_ns;
}

/* Often enough that the knobs are not let go of meanwhile. */
static void key_prolong(struct sonde_instance *instance, const struct rule *rule, struct key *key,
			int64_t now_ns)
{
	const struct control *control = instance->self;
	int64_t passed_ns = now_ns - key->held_ns, due_ns = rule->options->for_ns / 8;

	if (due_ns > tick_most_ns)
		due_ns = tick_most_ns;
	if (passed_ns >= 0 && passed_ns < due_ns)
		return;
	if (!control->dry_run && rule_hold(instance, rule, key))
		return;
	key->held_ns = now_ns;
	key->until_ns = now_ns + rule->options->for_ns;
}

static void key_judge(struct sonde_instance *instance, struct rule *rule, struct key *key,
		      int64_t now_ns)
{
	bool holds;

	window_advance(key->window, &rule->shape, now_ns);
	if (key->until_ns && now_ns >= key->until_ns) {
		rule->firing_count--;
		key->quiet_ns = key->until_ns + rule->options->again_ns;
		key->until_ns = 0;
	}
	holds = rule_holds(rule, key);
	if (!holds)
		key->refused = false;
	else if (key->until_ns)
		key_prolong(instance, rule, key, now_ns);
	else if (now_ns >= key->quiet_ns)
		key_fire(instance, rule, key, now_ns);
}

/* Judges all keys of a rule as time goes by, and forgets those that no rows come for. */
static void rule_judge(struct sonde_instance *instance, struct rule *rule, int64_t now_ns)
{
	struct key *key = keys_next(&rule->keys, NULL), *next;

	for (; key; key = next) {
		next = keys_next(&rule->keys, key);
		key_judge(instance, rule, key, now_ns);
		if (!key->until_ns && now_ns - key->window->arrival_ns > rule_forget_ns(rule))
			keys_remove(&rule->keys, key);
	}
}

static int control_timer(struct sonde_instance *instance, int timer)
{
	struct control *control = instance->self;

	(void)timer;
	for (uint32_t i = 0; i < rule_count(control); i++)
		rule_judge(instance, &control->rules[i], sonde_now_ns(instance));
	return 0;
}

/* ---- rows -------------------------------------------------------------------------------- */

/* A rule over one batch. */
struct look {
	struct sonde_instance *instance;
	struct rule *rule;
	const struct sonde_batch *batch;
	struct window_columns columns;
	const struct sonde_column *by[KEY_COLUMNS];
	struct key *touched, *last; /* keys of rows so far; that of the row before */
	int64_t now_ns;
	bool skipped; /* memory was refused */
};

static struct key *look_key(struct look *look, uint32_t row)
{
	struct control *control = look->instance->self;
	struct rule *rule = look->rule;
	uint32_t count = rule->options->by.count, bytes;
	unsigned char identity[KEY_IDENTITY_BYTES];
	struct key *key = look->last;

	bytes = key_identity(look->by, count, row, identity);
	if (!bytes) {
		sonde_count(&control->keyless_rows, 1);
		return NULL;
	}
	if (key && key->identity_bytes == bytes && !memcmp(key->identity, identity, bytes))
		return key;
	key = keys_find(&rule->keys, identity, bytes);
	if (!key)
		key = keys_add(&rule->keys, identity, bytes, look->by, count, row);
	if (key && !key->window)
		key->window =
			window_create(&rule->shape, window_time(&look->columns, row, look->now_ns));
	if (key && !key->window) {
		keys_remove(&rule->keys, key);
		key = NULL;
	}
	if (!key)
		sonde_count(&control->crowded_rows, 1);
	look->last = key;
	return key;
}

static void look_row(struct look *look, uint32_t row)
{
	struct control *control = look->instance->self;
	struct key *key = look_key(look, row);
	int64_t time_ns;
	int result;

	if (!key)
		return;
	time_ns = window_time(&look->columns, row, look->now_ns);
	if (key->is_touched && window_moves(key->window, &look->rule->shape, time_ns))
		key_judge(look->instance, look->rule, key, look->now_ns); /* before it slides out */
	result = window_add(key->window, &look->rule->shape, &look->columns, row, time_ns,
			    look->now_ns);
	if (result == -ERANGE)
		sonde_count(&control->late_rows, 1);
	else if (result)
		look->skipped = true;
	if (key->is_touched)
		return;
	key->is_touched = true;
	key->touched = look->touched;
	look->touched = key;
}

/* Which columns it needs are where in this batch. False: it is not for this rule. */
static bool look_bind(struct look *look)
{
	struct control *control = look->instance->self;
	struct rule *rule = look->rule;
	const char *name = "";
	int result = window_bind(&rule->formula, look->batch, &look->columns, &name);

	for (uint32_t i = 0; !result && i < rule->options->by.count; i++) {
		look->by[i] = column_find(look->batch, rule->options->by.items[i]);
		if (!look->by[i])
			result = -ENOENT;
	}
	if (result == -ENOENT)
		sonde_count(&control->missing_batches, 1);
	if (result == -EINVAL) {
		sonde_count(&control->mismatched_batches, 1);
		if (!rule->warned)
			sonde_log(look->instance, SONDE_WARNING,
				  "rule %s: %s cannot be measured so in rows of %s",
				  rule->options->name, name, look->batch->schema);
		rule->warned = true;
	}
	rule->nanoseconds = result ? rule->nanoseconds : look->columns.nanoseconds;
	return !result;
}

/* Sets the bits of the rows that the rule looks at. */
static bool look_choose(struct look *look)
{
	struct control *control = look->instance->self;
	size_t size = look->batch->row_count / 8 + 1;
	unsigned char *bits;

	if (!look->rule->where)
		return true;
	if (size > control->bits_size) {
		bits = realloc(control->bits, 2 * size);
		if (!bits)
			return false;
		control->bits = bits;
		control->bits_size = 2 * size;
	}
	return matcher_run(look->rule->matcher, look->batch, control->bits) >= 0;
}

static void look_at(struct look *look)
{
	struct control *control = look->instance->self;
	const unsigned char *bits = look->rule->where ? control->bits : look->batch->selected;
	struct key *key, *next;

	for (uint32_t row = 0; row < look->batch->row_count; row++) {
		if (sonde_bit(bits, row))
			look_row(look, row);
	}
	for (key = look->touched; key; key = next) {
		next = key->touched;
		key->is_touched = false;
		key_judge(look->instance, look->rule, key, look->now_ns);
	}
}

/* The rows go on whatever the rules make of them. */
static int control_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct control *control = instance->self;

	for (uint32_t i = 0; i < rule_count(control); i++) {
		struct look look = { .instance = instance,
				     .rule = &control->rules[i],
				     .batch = batch,
				     .now_ns = sonde_now_ns(instance) };

		if (!look_bind(&look))
			continue;
		look.skipped = !look_choose(&look);
		if (!look.skipped)
			look_at(&look);
		if (look.skipped)
			sonde_count(&control->skipped_batches, 1);
	}
	return SONDE_PASS;
}

/* ---- what is told ------------------------------------------------------------------------ */

static void report_keys(struct sonde_instance *instance, struct sonde_report *report,
			const struct rule *rule)
{
	int64_t now_ns = sonde_now_ns(instance);
	char name[NAME_BYTES], reason[REASON_BYTES];

	for (struct key *key = keys_next(&rule->keys, NULL); key;
	     key = keys_next(&rule->keys, key)) {
		if (key->until_ns <= now_ns)
			continue;
		key_name(rule, key, name);
		sonde_report(instance, report, "holding", name, "for", "s",
			     (double)(key->until_ns - now_ns) / 1e9);
		if (!isnan(key->value))
			sonde_report_text(instance, report, "holding", name, "value",
					  rule_explain(rule, key, reason, sizeof(reason)));
	}
}

static int control_report(struct sonde_instance *instance, struct sonde_report *report)
{
	const struct control *control = instance->self;

	for (uint32_t i = 0; i < rule_count(control); i++) {
		const struct rule *rule = &control->rules[i];
		const char *name = rule->options->name;

		sonde_report(instance, report, "rules", name, "keys", "{key}", rule->keys.count);
		sonde_report(instance, report, "rules", name, "holding", "{key}",
			     rule->firing_count);
		sonde_report(instance, report, "rules", name, "fired", "{firing}",
			     (double)rule->fired_count);
	}
	for (uint32_t i = 0; i < rule_count(control); i++)
		report_keys(instance, report, &control->rules[i]);
	return 0;
}

static const char control_manual[] =
	"All rows go on as they came. A rule looks at those for which `where` holds, tells apart "
	"by "
	"the columns of `by`, and measures each key over a window of `over` that slides with the "
	"rows' own time. While the value is above, or below, or has risen to so many times what it "
	"was, its knobs are set for `for`, counted from when it held last; then they fall back by "
	"themselves. docs/control-rules.md has examples.\n"
	"\n"
	"Several rules and keys may want the same knob: a list has the items of all, of others the "
	"newest has its value, and a user's `sonde set` goes before all of them. What is set, and "
	"why, stands in the log, in `sonde status`, and in rows of the input `self`.";

static const struct sonde_plugin control_plugin = {
	SONDE_PLUGIN_PROCESSOR,
	.name = "control",
	.summary = "rules over rows that set knobs for a while",
	.manual = control_manual,
	.self_size = sizeof(struct control),
	.replication = SONDE_SINGLE,
	.options = control_options,
	.counters = control_counters,
	.check = control_check,
	.start = control_start,
	.stop = control_stop,
	.timer = control_timer,
	.process = control_process,
	.report = control_report,
};

SONDE_EXPORT(control_plugin)
