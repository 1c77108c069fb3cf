// SPDX-License-Identifier: Apache-2.0
/* Columns of a batch that is being changed: new ones in the place of others, and those that go by
 * another name or not at all. */
#include <errno.h>
#include <string.h>
#include "step.h"

/* Each change begins with a batch of its own: what the one before it has is finished then, and
 * stays readable for as long as this one is there. */
int passage_derive(struct passage *passage)
{
	bool ready = passage->derived && !passage->dirty;
	struct sonde_batch *derived;

	passage->dirty = true;
	if (ready)
		return 0;
	derived = sonde_batch_derive(passage->instance, passage->batch);
	if (!derived)
		return -ENOMEM;
	if (passage->derived)
		sonde_batch_release(passage->instance, passage->batch);
	passage->batch = derived;
	passage->derived = true;
	return 0;
}

int passage_settle(struct passage *passage)
{
	int result = passage->dirty ? passage_derive(passage) : 0;

	if (result >= 0)
		passage->dirty = false;
	return result;
}

void passage_changed_all(struct passage *passage)
{
	for (uint32_t byte = 0; byte < (passage->batch->row_count + 7) / 8; byte++)
		passage->changed[byte] |= passage->where ? passage->where[byte] : 0xff;
}

struct sonde_field column_field(const struct sonde_column *column)
{
	return (struct sonde_field){
		.name = column->name,
		.type = column->type,
		.role = column->role,
		.scope = column->scope,
		.temporality = column->temporality,
		.monotonic = column->monotonic,
		.unit = column->unit,
		.help = column->help,
	};
}

int column_share(struct passage *passage, uint32_t index, const char *name, uint32_t role,
		 uint32_t scope)
{
	struct sonde_column from = *sonde_column(passage->batch, index), *to;
	struct sonde_field field = column_field(&from);
	struct sonde_dictionary *dictionary = (struct sonde_dictionary *)(uintptr_t)from.dictionary;

	field.name = name;
	field.role = (uint16_t)role;
	field.scope = (uint8_t)scope;
	to = sonde_batch_constant(passage->instance, passage->batch, &field, dictionary, from.base);
	if (!to)
		return -ENOMEM;
	/* Its rows are those of the batch that this one was derived from, and holds. */
	to->base = from.base;
	to->stride = from.stride;
	to->valid = from.valid;
	to->heap = from.heap;
	to->heap_length = from.heap_length;
	return 0;
}

/* The column of this name, role and scope. */
static uint32_t column_index(const struct sonde_batch *batch, const struct sonde_field *field)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == field->role && column->scope == field->scope &&
		    !strcmp(column->name, field->name))
			return i;
	}
	return UINT32_MAX;
}

int column_draft(struct passage *passage, const struct sonde_field *field,
		 struct sonde_dictionary *dictionary, struct column_draft *ret_draft)
{
	const struct sonde_column *column;
	struct column_draft draft;
	uint32_t index;

	if (!sonde_batch_add(passage->instance, passage->batch, field, dictionary))
		return -ENOMEM;
	index = column_index(passage->batch, field);
	draft.valid = sonde_batch_valid(passage->instance, passage->batch, index);
	if (!draft.valid)
		return -ENOMEM;
	memset(draft.valid, 0, ((size_t)passage->batch->row_count + 7) / 8);
	column = sonde_column(passage->batch, index);
	draft.base = column->base;
	draft.stride = column->stride;
	draft.value_size = column->value_size;
	*ret_draft = draft;
	return 0;
}

/* ---- rename and drop --------------------------------------------------------------------- */

/* Roles without which rows mean something else, or nothing. */
static const char *kept_role(const struct sonde_column *column)
{
	switch (column->role) {
	case SONDE_ROLE_WEIGHT:
	case SONDE_ROLE_EVENTS:
		return "rows are counted by it";
	case SONDE_ROLE_PARENT_ROW:
	case SONDE_ROLE_METRIC:
		return "rows mean nothing without it";
	default:
		return NULL;
	}
}

/* Those that rows are placed and joined by go only where the role itself is named. */
static bool is_meant(const struct expression_name *name, const struct sonde_column *column)
{
	switch (column->role) {
	case SONDE_ROLE_TIME:
	case SONDE_ROLE_START_TIME:
	case SONDE_ROLE_CLOCK_OFFSET:
	case SONDE_ROLE_TRACE_ID:
	case SONDE_ROLE_SPAN_ID:
	case SONDE_ROLE_PARENT_SPAN_ID:
	case SONDE_ROLE_SPAN_NAME:
	case SONDE_ROLE_ATTRIBUTES:
	case SONDE_ROLE_SCHEMA_URL:
		return name->by_role;
	default:
		return true;
	}
}

static bool may_take(struct passage *passage, struct step *step, const struct expression_name *name,
		     const struct sonde_column *column)
{
	const char *why = kept_role(column);

	if (why)
		step_misfit(passage, step, column, "%s", why);
	else if (!is_meant(name, column))
		step_misfit(passage, step, column,
			    "rows are placed by it (name it by its role, as in role[time])");
	return !why && is_meant(name, column);
}

/* Rows of a condition have no value any more. */
static int drop_values(struct passage *passage, uint32_t index)
{
	unsigned char *valid;

	if (passage_derive(passage) < 0)
		return -ENOMEM;
	valid = sonde_batch_valid(passage->instance, passage->batch, index);
	if (!valid)
		return -ENOMEM;
	for (uint32_t byte = 0; byte < (passage->batch->row_count + 7) / 8; byte++) {
		passage->changed[byte] |= valid[byte] & passage->where[byte];
		valid[byte] &= (unsigned char)~passage->where[byte];
	}
	return 0;
}

int step_drop(struct passage *passage, struct step *step)
{
	bool open = false; /* columns are taken out of one batch */
	int result = 0;

	for (uint32_t i = 0; i < step->name_count && result >= 0; i++) {
		const struct expression_name *name = &step->names[i];
		uint32_t index = expression_find(name, passage->batch);

		if (index == UINT32_MAX ||
		    !may_take(passage, step, name, sonde_column(passage->batch, index)))
			continue;
		if (passage->where) {
			result = drop_values(passage, index);
			continue;
		}
		result = open ? 0 : passage_derive(passage);
		open = true;
		if (result >= 0)
			result = sonde_batch_remove(passage->instance, passage->batch, index);
		passage_changed_all(passage);
	}
	return result;
}

int step_rename(struct passage *passage, struct step *step)
{
	const struct expression_name *target = &step->target;
	uint32_t index = expression_find(&step->names[0], passage->batch), there, scope, role;
	const struct sonde_column *column;
	int result;

	if (index == UINT32_MAX)
		return 0;
	column = sonde_column(passage->batch, index);
	if (!may_take(passage, step, &step->names[0], column))
		return 0;
	scope = target->scope == UINT32_MAX ? column->scope : target->scope;
	role = column->role;
	there = column_index(passage->batch, &(struct sonde_field){ .name = target->text,
								    .role = column->role,
								    .scope = (uint8_t)scope });
	if (there == index)
		return 0;
	if (there != UINT32_MAX && !step->overwrite) {
		step_misfit(passage, step, column,
			    "there is a column \"%s\" already (overwrite = true; takes its place)",
			    target->text);
		return 0;
	}
	result = passage_derive(passage);
	if (result >= 0)
		result = column_share(passage, index, target->text, role, scope);
	if (result >= 0)
		result = sonde_batch_remove(passage->instance, passage->batch, index);
	passage_changed_all(passage);
	return result;
}
