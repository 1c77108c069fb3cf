// SPDX-License-Identifier: Apache-2.0
/* What windows come to, in the words of the plugin interface, for inputs to do. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "syntax.h"

enum { CONDITIONS = 16 }; /* of one measure */

/* The texts and lists of one ask, while it is told. */
struct asked {
	struct sonde_measure measures[WINDOW_MEASURES];
	struct sonde_condition *conditions[WINDOW_MEASURES]; /* owned, with what they point at */
	const char *by[WINDOW_COLUMNS];
	char names[WINDOW_COLUMNS + WINDOW_MEASURES][EXPRESSION_NAME_BYTES + 1];
};

/* A column of the row, by its name. NULL: it means another. */
static const char *name_tell(const struct column_name *name, char buffer[EXPRESSION_NAME_BYTES + 1])
{
	if ((name->where != WHERE_ANY && name->where != WHERE_ROW) || !name->length ||
	    name->length > EXPRESSION_NAME_BYTES)
		return NULL;
	memcpy(buffer, name->text, name->length);
	buffer[name->length] = '\0';
	return buffer;
}

static uint32_t function_tell(enum function function)
{
	switch (function) {
	case FUNCTION_COUNT:
		return SONDE_COUNT;
	case FUNCTION_SUM:
		return SONDE_SUM;
	case FUNCTION_MINIMUM:
		return SONDE_MINIMUM;
	case FUNCTION_MAXIMUM:
		return SONDE_MAXIMUM;
	case FUNCTION_HISTOGRAM:
		return SONDE_HISTOGRAM;
	default:
		return 0;
	}
}

/* ---- conditions -------------------------------------------------------------------------- */

struct condition_list {
	struct sonde_condition *items;
	uint32_t count;
};

static void conditions_free(struct sonde_condition *conditions)
{
	for (uint32_t i = 0; conditions && i < CONDITIONS; i++) {
		free((void *)(uintptr_t)conditions[i].column);
		free((void *)(uintptr_t)conditions[i].values);
	}
	free(conditions);
}

/* Texts of values belong to the expression, which outlives the ask. */
static int condition_keep(void *data, const struct sonde_condition *condition)
{
	struct condition_list *list = data;
	struct sonde_condition *item = &list->items[list->count];
	struct sonde_any *values;

	if (list->count == CONDITIONS)
		return -ENOSPC;
	values = calloc(condition->value_count + 1u, sizeof(*values));
	item->column = strdup(condition->column);
	item->values = values;
	if (!values || !item->column)
		return -ENOMEM;
	for (uint32_t i = 0; i < condition->value_count; i++)
		values[i] = condition->values[i];
	item->comparison = condition->comparison;
	item->value_count = condition->value_count;
	list->count++;
	return 0;
}

/* 1: told; 0: there are no words for it; -ENOMEM. */
static int condition_tell(const struct measure *from, struct sonde_measure *measure,
			  struct sonde_condition **ret_conditions)
{
	struct condition_list list = { .items = calloc(CONDITIONS, sizeof(*list.items)) };
	int result;

	*ret_conditions = list.items;
	if (!list.items)
		return -ENOMEM;
	result = expression_conditions(from->condition, condition_keep, &list);
	measure->conditions = list.items;
	measure->condition_count = list.count;
	return result == -ENOSPC ? 0 : result;
}

/* ---- the ask ----------------------------------------------------------------------------- */

/* The same returns. */
static int measures_tell(const struct plan *plan, struct asked *asked)
{
	for (uint32_t i = 0; i < plan->measure_count; i++) {
		const struct measure *from = &plan->measures[i];
		struct sonde_measure *measure = &asked->measures[i];
		int result = 1;

		*measure = (struct sonde_measure){ .name = from->name,
						   .function = function_tell(from->function),
						   .scale = from->scale };
		if (from->function != FUNCTION_COUNT)
			measure->column =
				name_tell(&from->column, asked->names[WINDOW_COLUMNS + i]);
		if (!measure->function || (from->function != FUNCTION_COUNT && !measure->column))
			return 0;
		if (from->condition)
			result = condition_tell(from, measure, &asked->conditions[i]);
		if (result <= 0)
			return result;
	}
	return 1;
}

static int plan_tell(struct sonde_instance *instance, const struct plan *plan, int64_t window_ns,
		     struct asked *asked, struct sonde_asks *asks)
{
	struct sonde_ask ask = { .size = sizeof(ask),
				 .kind = SONDE_ASK_AGGREGATE,
				 .by = asked->by,
				 .by_count = plan->by_count,
				 .measures = asked->measures,
				 .measure_count = plan->measure_count,
				 .window_ns = window_ns };
	int result = plan->measure_count ? measures_tell(plan, asked) : 0;

	for (uint32_t i = 0; i < plan->by_count; i++) {
		asked->by[i] = name_tell(&plan->by[i], asked->names[i]);
		if (!asked->by[i] && result > 0)
			result = 0;
	}
	return result > 0 ? sonde_add_ask(instance, asks, &ask) : result;
}

int windows_ask(struct sonde_instance *instance, const struct window_settings *settings,
		struct sonde_asks *asks)
{
	struct window_fault fault;
	struct asked *asked;
	struct plan plan;
	int result;

	if (settings->source.count || plan_make(settings, &plan, &fault) < 0)
		return 0;
	asked = calloc(1, sizeof(*asked));
	result = asked ? plan_tell(instance, &plan,
				   settings->slide_ns ? settings->slide_ns : settings->width_ns,
				   asked, asks)
		       : -ENOMEM;
	for (uint32_t i = 0; asked && i < WINDOW_MEASURES; i++)
		conditions_free(asked->conditions[i]);
	free(asked);
	plan_clear(&plan);
	return result == -ENOSPC ? 0 : result;
}
