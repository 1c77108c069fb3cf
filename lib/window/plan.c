// SPDX-License-Identifier: Apache-2.0
/* What is wanted of windows: read from settings, with what is wrong in them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"

#define MILLISECOND_NS 1000000ll
#define DAY_NS         86400000000000ll

/* Whose clock stamped a row, where nothing else is said. */
static const char *const usual_sources[] = { "resource['host.id']", "resource['host.name']",
					     "resource['service.instance.id']" };

__attribute__((format(printf, 3, 4))) static int fault(struct window_fault *ret_fault,
						       const char *setting, const char *format, ...)
{
	va_list arguments;

	ret_fault->setting = setting;
	va_start(arguments, format);
	(void)vsnprintf(ret_fault->text, sizeof(ret_fault->text), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static int columns_parse(const char *const *texts, uint32_t count, const char *setting,
			 struct column_name *names, uint32_t *ret_count,
			 struct window_fault *ret_fault)
{
	struct expression_error error;
	char explained[320];
	int result;

	if (count > WINDOW_COLUMNS)
		return fault(ret_fault, setting, "%u columns: there may be %d at most", count,
			     WINDOW_COLUMNS);
	for (uint32_t i = 0; i < count; i++) {
		result = column_name_parse(texts[i], &names[i], &error);
		if (result == -EINVAL)
			return fault(ret_fault, setting, "\"%.100s\": %s", texts[i],
				     expression_explain(&error, explained, sizeof(explained)));
		if (result < 0)
			return result;
		*ret_count = i + 1;
		for (uint32_t other = 0; other < i; other++) {
			if (!strcmp(texts[other], texts[i]))
				return fault(ret_fault, setting, "\"%.100s\" is named twice",
					     texts[i]);
		}
	}
	return 0;
}

static int measures_parse(const struct window_settings *settings, struct plan *plan,
			  struct window_fault *ret_fault)
{
	char message[WINDOW_MESSAGE_BYTES];
	uint32_t count = settings->measures.count;
	int result;

	if (count > WINDOW_MEASURES)
		return fault(ret_fault, "measures", "%u measures: there may be %d at most", count,
			     WINDOW_MEASURES);
	plan->measures = calloc(count + 1u, sizeof(*plan->measures));
	if (!plan->measures)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		result = measure_parse(settings->measures.items[i], &plan->measures[i], message,
				       sizeof(message));
		if (result == -EINVAL)
			return fault(ret_fault, "measures", "%s", message);
		if (result < 0)
			return result;
		plan->measure_count = i + 1;
		for (uint32_t other = 0; other < i; other++) {
			if (!strcmp(plan->measures[other].name, plan->measures[i].name))
				return fault(ret_fault, "measures",
					     "two measures are called %s: give one a name of its "
					     "own (\"NAME = %.100s\")",
					     plan->measures[i].name, settings->measures.items[i]);
		}
		for (uint32_t by = 0; by < plan->by_count; by++) {
			if (strlen(plan->measures[i].name) == plan->by[by].length &&
			    !memcmp(plan->measures[i].name, plan->by[by].text, plan->by[by].length))
				return fault(ret_fault, "measures",
					     "%s is a column of \"by\" already: give the measure "
					     "another name (\"NAME = %.100s\")",
					     plan->measures[i].name, settings->measures.items[i]);
		}
	}
	return 0;
}

static int top_parse(const struct window_settings *settings, struct plan *plan,
		     struct window_fault *ret_fault)
{
	plan->top = settings->top;
	plan->top_measure = -1;
	if (!settings->top_by || !*settings->top_by)
		return 0;
	for (uint32_t i = 0; i < plan->measure_count; i++) {
		if (!strcmp(plan->measures[i].name, settings->top_by))
			plan->top_measure = (int32_t)i;
	}
	if (plan->measure_count && plan->top_measure < 0)
		return fault(ret_fault, "top_by", "\"%.100s\" is none of the measures",
			     settings->top_by);
	plan->top_by = strdup(settings->top_by);
	return plan->top_by ? 0 : -ENOMEM;
}

static int times_check(const struct window_settings *settings, struct window_fault *ret_fault)
{
	int64_t width = settings->width_ns;
	int64_t slide = settings->slide_ns ? settings->slide_ns : width;

	if (width < MILLISECOND_NS || width > 31 * DAY_NS)
		return fault(ret_fault, "window", "a window lasts from 1ms to 31 days");
	if (slide < MILLISECOND_NS || slide > width || width % slide)
		return fault(ret_fault, "slide",
			     "a slide is at least 1ms, and a whole part of the window");
	if (width / slide > WINDOW_PANES / 2)
		return fault(ret_fault, "slide", "a window has %d slides at most",
			     WINDOW_PANES / 2);
	if (settings->lateness_ns < 0 || settings->lateness_ns > 31 * DAY_NS)
		return fault(ret_fault, "lateness", "rows may be at most 31 days late");
	if (settings->idle_ns < MILLISECOND_NS || settings->idle_ns > 31 * DAY_NS)
		return fault(ret_fault, "idle", "a source is idle after 1ms to 31 days");
	if (settings->future_ns < 0)
		return fault(ret_fault, "future", "less than nothing");
	if (!settings->group_limit || settings->group_limit > 1u << 24)
		return fault(ret_fault, "groups", "there may be 1 to 16777216 groups");
	return 0;
}

int plan_make(const struct window_settings *settings, struct plan *ret_plan,
	      struct window_fault *ret_fault)
{
	bool named = settings->source.count > 0;
	struct plan plan = { 0 };
	int result;

	*ret_fault = (struct window_fault){ .text = "there is no memory for it" };
	result = times_check(settings, ret_fault);
	if (!result)
		result = columns_parse(settings->by.items, settings->by.count, "by", plan.by,
				       &plan.by_count, ret_fault);
	if (!result)
		result = columns_parse(named ? settings->source.items : usual_sources,
				       named ? settings->source.count : 3, "source", plan.source,
				       &plan.source_count, ret_fault);
	if (!result)
		result = measures_parse(settings, &plan, ret_fault);
	if (!result)
		result = top_parse(settings, &plan, ret_fault);
	if (!result && settings->schema && plan.measure_count) {
		plan.schema = strdup(settings->schema);
		result = plan.schema ? 0 : -ENOMEM;
	}
	if (result < 0) {
		plan_clear(&plan);
		return result;
	}
	*ret_plan = plan;
	return 0;
}

void plan_clear(struct plan *plan)
{
	for (uint32_t i = 0; i < WINDOW_COLUMNS; i++) {
		column_name_clear(&plan->by[i]);
		column_name_clear(&plan->source[i]);
	}
	for (uint32_t i = 0; i < plan->measure_count; i++)
		measure_clear(&plan->measures[i]);
	free(plan->measures);
	free(plan->schema);
	free(plan->top_by);
	*plan = (struct plan){ 0 };
}

int window_settings_check(const struct window_settings *settings, struct window_fault *ret_fault)
{
	struct plan plan;
	int result = plan_make(settings, &plan, ret_fault);

	if (!result)
		plan_clear(&plan);
	return result;
}
