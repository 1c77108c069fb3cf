/* SPDX-License-Identifier: Apache-2.0 */
/* What processors ask of an input: gathered with copies of all that is pointed at, and printed. */
#include "ask.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "quantity.h"

enum {
	VALUES_LIMIT = 4096, /* of one condition */
	NAMES_LIMIT = 64,    /* columns, measures and conditions of one ask */
};

struct asks {
	struct sonde_asks view; /* first: what plugins see */
	struct sonde_ask items[SONDE_ASKS];
	struct arena *arena; /* of what the items point at */
};

static struct asks *asks_of(struct sonde_asks *view)
{
	return (struct asks *)(void *)view;
}

struct asks *asks_create(void)
{
	struct asks *asks = calloc(1, sizeof(*asks));

	if (!asks)
		return NULL;
	asks->arena = arena_create();
	if (!asks->arena) {
		free(asks);
		return NULL;
	}
	asks->view = (struct sonde_asks){ .size = sizeof(asks->view),
					  .item_size = sizeof(asks->items[0]),
					  .items = asks->items };
	return asks;
}

void asks_release(struct asks *asks)
{
	if (!asks)
		return;
	arena_release(asks->arena);
	free(asks);
}

struct sonde_asks *asks_view(struct asks *asks)
{
	return &asks->view;
}

void asks_cut(struct asks *asks, uint32_t count)
{
	if (asks->view.count > count)
		asks->view.count = count;
}

/* ---- what makes sense -------------------------------------------------------------------- */

static bool value_is_plain(const struct sonde_any *value)
{
	return value->kind == SONDE_ANY_TEXT || value->kind == SONDE_ANY_BOOL ||
	       value->kind == SONDE_ANY_INTEGER || value->kind == SONDE_ANY_DOUBLE;
}

static bool condition_is_sane(const struct sonde_condition *condition)
{
	uint32_t least = 1, most = 1;

	if (!condition->column || !*condition->column)
		return false;
	if (condition->comparison == SONDE_IS_NULL || condition->comparison == SONDE_IS_NOT_NULL)
		least = most = 0;
	else if (condition->comparison == SONDE_EQUAL || condition->comparison == SONDE_NOT_EQUAL)
		most = VALUES_LIMIT;
	else if (condition->comparison < SONDE_LESS || condition->comparison > SONDE_MORE_OR_EQUAL)
		return false;
	if (condition->value_count < least || condition->value_count > most)
		return false;
	for (uint32_t i = 0; i < condition->value_count; i++)
		if (!value_is_plain(&condition->values[i]))
			return false;
	return true;
}

static bool measure_is_sane(const struct sonde_measure *measure)
{
	if (!measure->name || !*measure->name || measure->condition_count > NAMES_LIMIT)
		return false;
	if (measure->function < SONDE_COUNT || measure->function > SONDE_HISTOGRAM ||
	    (measure->function != SONDE_COUNT && (!measure->column || !*measure->column)))
		return false;
	for (uint32_t i = 0; i < measure->condition_count; i++)
		if (!condition_is_sane(&measure->conditions[i]))
			return false;
	return true;
}

static bool aggregate_is_sane(const struct sonde_ask *ask)
{
	if (ask->window_ns <= 0 || ask->by_count > NAMES_LIMIT || !ask->measure_count ||
	    ask->measure_count > NAMES_LIMIT)
		return false;
	for (uint32_t i = 0; i < ask->by_count; i++)
		if (!ask->by[i] || !*ask->by[i])
			return false;
	for (uint32_t i = 0; i < ask->measure_count; i++)
		if (!measure_is_sane(&ask->measures[i]))
			return false;
	return true;
}

static bool ask_is_sane(const struct sonde_ask *ask)
{
	switch (ask->kind) {
	case SONDE_ASK_FILTER:
		return condition_is_sane(&ask->condition);
	case SONDE_ASK_SAMPLE:
		return ask->ratio > 0 && ask->ratio <= 1;
	case SONDE_ASK_AGGREGATE:
		return aggregate_is_sane(ask);
	default:
		return false;
	}
}

/* ---- copies ------------------------------------------------------------------------------ */

static int text_copy(struct arena *arena, const char **text)
{
	if (*text)
		*text = arena_copy(arena, *text);
	return *text ? 0 : -ENOMEM;
}

static int condition_copy(struct arena *arena, struct sonde_condition *condition)
{
	struct sonde_any *values;

	if (text_copy(arena, &condition->column))
		return -ENOMEM;
	values = arena_zero(arena, (condition->value_count + 1) * sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < condition->value_count; i++) {
		values[i] = condition->values[i];
		values[i].key = NULL;
		values[i].key_length = 0;
		if (values[i].kind != SONDE_ANY_TEXT)
			continue;
		values[i].as.data = arena_copy_length(arena, values[i].as.data, values[i].length);
		if (!values[i].as.data)
			return -ENOMEM;
	}
	condition->values = values;
	return 0;
}

static int conditions_copy(struct arena *arena, struct sonde_measure *measure)
{
	struct sonde_condition *conditions =
		arena_zero(arena, (measure->condition_count + 1) * sizeof(*conditions));
	int result = conditions ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < measure->condition_count && !result; i++) {
		conditions[i] = measure->conditions[i];
		result = condition_copy(arena, &conditions[i]);
	}
	measure->conditions = conditions;
	return result;
}

static int aggregate_copy(struct arena *arena, struct sonde_ask *ask)
{
	const char **by = arena_zero(arena, (ask->by_count + 1) * sizeof(*by));
	struct sonde_measure *measures =
		arena_zero(arena, (ask->measure_count + 1) * sizeof(*measures));
	int result = by && measures ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < ask->by_count && !result; i++) {
		by[i] = ask->by[i];
		result = text_copy(arena, &by[i]);
	}
	for (uint32_t i = 0; i < ask->measure_count && !result; i++) {
		measures[i] = ask->measures[i];
		result = text_copy(arena, &measures[i].name);
		if (!result && measures[i].column)
			result = text_copy(arena, &measures[i].column);
		if (!result)
			result = conditions_copy(arena, &measures[i]);
	}
	ask->by = by;
	ask->measures = measures;
	return result;
}

int asks_add(struct sonde_asks *view, const struct sonde_ask *given)
{
	struct asks *asks = asks_of(view);
	struct sonde_ask ask = { 0 };
	int result = 0;

	if (given->size < sizeof(ask)) /* there is no older version of it */
		return -EINVAL;
	memcpy(&ask, given, sizeof(ask));
	ask.size = sizeof(ask);
	if (!ask_is_sane(&ask))
		return -EINVAL;
	if (view->count == SONDE_ASKS)
		return -ENOSPC;
	if (ask.kind == SONDE_ASK_FILTER)
		result = condition_copy(asks->arena, &ask.condition);
	else if (ask.kind == SONDE_ASK_AGGREGATE)
		result = aggregate_copy(asks->arena, &ask);
	if (!result)
		asks->items[view->count++] = ask;
	return result;
}

/* ---- texts ------------------------------------------------------------------------------- */

static void value_print(const struct sonde_any *value, FILE *file)
{
	switch (value->kind) {
	case SONDE_ANY_BOOL:
		fputs(value->as.boolean ? "true" : "false", file);
		break;
	case SONDE_ANY_INTEGER:
		fprintf(file, "%" PRId64, value->as.integer);
		break;
	case SONDE_ANY_DOUBLE:
		fprintf(file, "%.17g", value->as.number);
		break;
	default:
		putc('\'', file);
		for (uint32_t i = 0; i < value->length; i++) {
			unsigned char byte = (unsigned char)value->as.data[i];

			if (byte == '\'' || byte == '\\')
				fprintf(file, "\\%c", byte);
			else if (byte < ' ' || byte == 0x7f)
				fprintf(file, "\\x%02x", byte);
			else
				putc(byte, file);
		}
		putc('\'', file);
	}
}

static void condition_print(const struct sonde_condition *condition, FILE *file)
{
	static const char *const signs[] = {
		[SONDE_IS_NULL] = "is null", [SONDE_IS_NOT_NULL] = "is not null",
		[SONDE_EQUAL] = "=",         [SONDE_NOT_EQUAL] = "!=",
		[SONDE_LESS] = "<",          [SONDE_LESS_OR_EQUAL] = "<=",
		[SONDE_MORE] = ">",          [SONDE_MORE_OR_EQUAL] = ">=",
	};
	bool list = condition->value_count > 1;

	fprintf(file, "%s %s", condition->column,
		!list                                  ? signs[condition->comparison]
		: condition->comparison == SONDE_EQUAL ? "in ("
						       : "not in (");
	for (uint32_t i = 0; i < condition->value_count; i++) {
		fputs(!list ? " " : i ? ", " : "", file);
		value_print(&condition->values[i], file);
	}
	if (list)
		putc(')', file);
}

static void measure_print(const struct sonde_measure *measure, FILE *file)
{
	static const char *const functions[] = {
		[SONDE_COUNT] = "count",         [SONDE_SUM] = "sum",
		[SONDE_MINIMUM] = "min",         [SONDE_MAXIMUM] = "max",
		[SONDE_HISTOGRAM] = "histogram",
	};

	fprintf(file, "%s = %s(%s", measure->name, functions[measure->function],
		measure->column ? measure->column : "");
	if (measure->function == SONDE_HISTOGRAM)
		fprintf(file, ", %d", measure->scale);
	putc(')', file);
	for (uint32_t i = 0; i < measure->condition_count; i++) {
		fputs(i ? " and " : " where ", file);
		condition_print(&measure->conditions[i], file);
	}
}

static void aggregate_print(const struct sonde_ask *ask, FILE *file)
{
	char window[32];

	for (uint32_t i = 0; i < ask->by_count; i++)
		fprintf(file, "%s%s", i ? ", " : "by ", ask->by[i]);
	for (uint32_t i = 0; i < ask->measure_count; i++) {
		fputs(i ? ", " : ask->by_count ? ": " : "", file);
		measure_print(&ask->measures[i], file);
	}
	duration_print(ask->window_ns, window);
	fprintf(file, ", every %s", window);
}

void ask_print(const struct sonde_ask *ask, FILE *file)
{
	switch (ask->kind) {
	case SONDE_ASK_FILTER:
		condition_print(&ask->condition, file);
		break;
	case SONDE_ASK_SAMPLE:
		fprintf(file, "1 row in %.10g", 1 / ask->ratio);
		break;
	default:
		aggregate_print(ask, file);
	}
}

char *ask_text(const struct sonde_ask *ask)
{
	char *text = NULL;
	size_t length;
	FILE *file = open_memstream(&text, &length);

	if (!file)
		return NULL;
	ask_print(ask, file);
	if (fclose(file)) {
		free(text);
		return NULL;
	}
	return text;
}
