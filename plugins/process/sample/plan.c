// SPDX-License-Identifier: Apache-2.0
/* What is to be kept of which rows: the options of the processor, understood. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "expression.h"
#include "plan.h"
#include "sampling.h"

enum { EXPLAINED_BYTES = 320 };

static bool is_given(const char *text)
{
	return text && *text;
}

static const struct sample_rule *rule_at(const struct sample_settings *settings, uint32_t index)
{
	return (const struct sample_rule *)settings->rules.items + index;
}

/* ---- before anything starts -------------------------------------------------------------- */

static void condition_check(struct sonde_instance *instance, const char *option, const char *text)
{
	struct expression *expression = NULL;
	struct expression_error error;
	char explained[EXPLAINED_BYTES];

	if (expression_parse(text, &expression, &error) < 0)
		sonde_problem(instance, option, "%s",
			      expression_explain(&error, explained, sizeof(explained)));
	else
		expression_release(expression);
}

void plan_check(struct sonde_instance *instance, const struct sample_settings *settings)
{
	if (is_given(settings->always))
		condition_check(instance, "always", settings->always);
	for (uint32_t i = 0; i < settings->rules.count; i++)
		condition_check(instance, "rules", rule_at(settings, i)->when);
	for (uint32_t i = 0; i < settings->key.count; i++) {
		if (!is_given(settings->key.items[i]))
			sonde_problem(instance, "key",
				      "the name of a column is empty (try \"service.name\")");
	}
	if (settings->ratio >= 1 && settings->rate <= 0 && !settings->rules.count)
		sonde_note(instance, "keeps every row until ratio, rate or rules say otherwise "
				     "(try ratio = \"10%%\";)");
}

/* ---- making ------------------------------------------------------------------------------ */

/* A column of the wrong type, once for each place in a condition. */
static void on_problem(void *data, const char *schema, const struct expression_error *error)
{
	const struct plan_rule *rule = data;
	char explained[EXPLAINED_BYTES];

	sonde_log(rule->instance, SONDE_WARNING, "%s, %s, in rows of %s: it is null there",
		  rule->name, expression_explain(error, explained, sizeof(explained)), schema);
}

static int rule_make(struct sonde_instance *instance, const char *name, const char *when,
		     struct plan_rule *rule)
{
	struct expression_error error;
	char explained[EXPLAINED_BYTES];

	rule->name = name;
	rule->instance = instance;
	if (expression_parse(when, &rule->expression, &error) < 0)
		return sonde_fail(instance, EINVAL, "%s, %s", name,
				  expression_explain(&error, explained, sizeof(explained)));
	rule->matcher = matcher_create(rule->expression, instance, on_problem, rule);
	if (!rule->matcher)
		return sonde_fail(instance, ENOMEM, "no memory for a condition");
	return 0;
}

static int rules_make(struct sonde_instance *instance, const struct sample_settings *settings,
		      struct plan *plan)
{
	int result = 0;

	if (is_given(settings->always)) {
		struct plan_rule *rule = &plan->rules[plan->rule_count++];

		rule->unlimited = true;
		result = rule_make(instance, "always", settings->always, rule);
	}
	for (uint32_t i = 0; i < settings->rules.count && !result; i++) {
		struct plan_rule *rule = &plan->rules[plan->rule_count++];

		rule->threshold = threshold_of_ratio(rule_at(settings, i)->ratio);
		result = rule_make(instance, "rules", rule_at(settings, i)->when, rule);
	}
	return result;
}

int plan_make(struct sonde_instance *instance, const struct sample_settings *settings,
	      struct plan *ret_plan)
{
	uint32_t replicas = instance->replica_count ? instance->replica_count : 1;
	struct plan plan = { .threshold = threshold_of_ratio(settings->ratio),
			     .rate = settings->rate / replicas };
	int result;

	plan.rules = calloc(settings->rules.count + 1u, sizeof(*plan.rules));
	if (!plan.rules)
		return sonde_fail(instance, ENOMEM, "no memory for rules");
	result = rules_make(instance, settings, &plan);
	if (result < 0) {
		plan_clear(&plan);
		return result;
	}
	*ret_plan = plan;
	return 0;
}

void plan_clear(struct plan *plan)
{
	for (uint32_t i = 0; i < plan->rule_count; i++) {
		matcher_release(plan->rules[i].matcher);
		expression_release(plan->rules[i].expression);
	}
	free(plan->rules);
	*plan = (struct plan){ 0 };
}

/* ---- rows -------------------------------------------------------------------------------- */

int plan_run(const struct plan *plan, const struct sonde_batch *batch, uint64_t *thresholds,
	     unsigned char *unlimited, unsigned char *scratch)
{
	size_t size = (batch->row_count + 7) / 8;

	memset(unlimited, 0, size);
	for (uint32_t row = 0; row < batch->row_count; row++)
		thresholds[row] = plan->threshold;
	for (uint32_t i = plan->rule_count; i-- > 0;) { /* the first of them has the last word */
		const struct plan_rule *rule = &plan->rules[i];
		int64_t count = matcher_run(rule->matcher, batch, scratch);

		if (count < 0)
			return (int)count;
		if (!count)
			continue;
		for (uint32_t row = 0; row < batch->row_count; row++) {
			if (sonde_bit(scratch, row))
				thresholds[row] = rule->threshold;
		}
		if (rule->unlimited) /* only `always`, which comes before all others */
			memcpy(unlimited, scratch, size);
	}
	return 0;
}

struct plan_counts plan_counts(const struct plan *plan)
{
	struct plan_counts counts = { 0 };

	for (uint32_t i = 0; i < plan->rule_count; i++) {
		struct matcher_counts seen = matcher_counts(plan->rules[i].matcher);

		counts.missing += seen.missing_batch_count;
		counts.mismatched += seen.mismatch_batch_count;
		counts.abandoned += seen.abandoned_count;
	}
	return counts;
}
