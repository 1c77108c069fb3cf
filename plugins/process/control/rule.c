// SPDX-License-Identifier: Apache-2.0
/* A rule: over which rows, what of them, when it holds, and what it sets then. */
#include "rule.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES = 400 };

/* Where problems of a rule go. */
struct complaints {
	rule_problem *problem;
	void *data;
	uint32_t count;
};

__attribute__((format(printf, 3, 4))) static void
complain(struct complaints *complaints, const char *option, const char *format, ...)
{
	char message[MESSAGE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	complaints->count++;
	complaints->problem(complaints->data, option, message);
}

static bool is_given(const char *text)
{
	return text && *text;
}

/* ---- made of options --------------------------------------------------------------------- */

static void where_open(struct rule *rule, struct complaints *complaints)
{
	struct expression_error error;
	char explained[320];

	if (is_given(rule->options->where) &&
	    expression_parse(rule->options->where, &rule->where, &error) < 0)
		complain(complaints, "where", "%s",
			 expression_explain(&error, explained, sizeof(explained)));
}

static void value_open(struct rule *rule, struct complaints *complaints)
{
	struct expression_error error;
	char explained[320];

	if (formula_parse(rule->options->value, &rule->formula, &error) < 0)
		complain(complaints, "value", "%s",
			 expression_explain(&error, explained, sizeof(explained)));
}

static void threshold_open(struct rule *rule, const char *option, const char *text,
			   struct complaints *complaints)
{
	struct expression_error error;
	char explained[320];

	if (threshold_parse(text, &rule->threshold, &error) < 0)
		complain(complaints, option, "%s",
			 expression_explain(&error, explained, sizeof(explained)));
}

/* Exactly one of above, below and rises. */
static void condition_open(struct rule *rule, struct complaints *complaints)
{
	const struct rule_options *options = rule->options;
	bool above = is_given(options->above), below = is_given(options->below);
	bool rises = options->rises != 0;

	if (above + below + rises != 1) {
		complain(complaints, above + below + rises ? rises ? "rises" : "below" : NULL,
			 "exactly one of above, below and rises says when it holds");
		return;
	}
	rule->condition = above ? RULE_ABOVE : below ? RULE_BELOW : RULE_RISES;
	if (above)
		threshold_open(rule, "above", options->above, complaints);
	else if (below)
		threshold_open(rule, "below", options->below, complaints);
	else if (!(options->rises > 1))
		complain(complaints, "rises", "%g is not more than 1", options->rises);
	else
		rule->threshold = options->rises;
}

static void settings_open(struct rule *rule, struct complaints *complaints)
{
	const struct sonde_texts *set = &rule->options->set, *by = &rule->options->by;
	char error[256];

	if (!set->count || set->count > RULE_SETTINGS)
		complain(complaints, "set", "holds %u knobs, and 1 to %d are possible", set->count,
			 RULE_SETTINGS);
	for (uint32_t i = 0; i < set->count && i < RULE_SETTINGS; i++) {
		if (setting_parse(set->items[i], by, &rule->settings[i], error, sizeof(error)))
			complain(complaints, "set", "%s", error);
	}
}

int rule_open(struct rule *rule, const struct rule_options *options, rule_problem *problem,
	      void *data)
{
	struct complaints complaints = { .problem = problem, .data = data };

	*rule = (struct rule){ .options = options };
	if (options->by.count > KEY_COLUMNS)
		complain(&complaints, "by", "holds %u columns, and at most %d are possible",
			 options->by.count, KEY_COLUMNS);
	where_open(rule, &complaints);
	value_open(rule, &complaints);
	condition_open(rule, &complaints);
	settings_open(rule, &complaints);
	rule->shape = (struct window_shape){
		.formula = &rule->formula,
		.slice_ns = options->over_ns / WINDOW_SLICES,
		.baseline = rule->condition == RULE_RISES ? options->baseline : 0,
		.minimum = (double)options->minimum,
	};
	if (complaints.count)
		return -EINVAL;
	return keys_open(&rule->keys, options->keys);
}

void rule_close(struct rule *rule)
{
	keys_close(&rule->keys);
	matcher_release(rule->matcher);
	expression_release(rule->where);
	*rule = (struct rule){ 0 };
}

/* ---- whether it holds -------------------------------------------------------------------- */

bool rule_holds(const struct rule *rule, struct key *key)
{
	double value = window_value(key->window, &rule->shape), baseline;

	key->value = value;
	if (isnan(value))
		return false;
	switch (rule->condition) {
	case RULE_ABOVE:
		return value > rule->threshold;
	case RULE_BELOW:
		return value < rule->threshold && window_is_full(key->window, &rule->shape);
	default:
		baseline = window_baseline(key->window, &rule->shape);
		return !isnan(baseline) && value > 0 && value > rule->threshold * baseline;
	}
}

static const char *number_print(double number, bool nanoseconds, char text[32])
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 } };
	uint32_t unit = 0;

	while (unit < 3 && fabs(number) < units[unit].ns)
		unit++;
	if (nanoseconds)
		snprintf(text, 32, "%.4g%s", number / units[unit].ns, units[unit].name);
	else
		snprintf(text, 32, "%.4g", number);
	return text;
}

const char *rule_explain(const struct rule *rule, const struct key *key, char *text, size_t size)
{
	const struct rule_options *options = rule->options;
	char value[32], baseline[32];

	number_print(key->value, rule->nanoseconds, value);
	if (rule->condition == RULE_RISES)
		snprintf(text, size, "%s = %s, over %g times %s", options->value, value,
			 options->rises,
			 number_print(window_baseline(key->window, &rule->shape), rule->nanoseconds,
				      baseline));
	else
		snprintf(text, size, "%s = %s, %s %s", options->value, value,
			 rule->condition == RULE_ABOVE ? "above" : "below",
			 rule->condition == RULE_ABOVE ? options->above : options->below);
	return text;
}

int64_t rule_forget_ns(const struct rule *rule)
{
	int64_t windows = rule->shape.baseline > 8 ? (int64_t)rule->shape.baseline + 2 : 10;

	return windows * rule->options->over_ns;
}
