// SPDX-License-Identifier: Apache-2.0
/* The step `set`: gives rows the value of an expression, in a column that is there or a new one. */
#include <errno.h>
#include <stdlib.h>
#include "cast.h"
#include "step.h"

/* Where values come from: a column, or what an expression has made. */
struct source {
	struct sonde_column column;
	const struct sonde_text *texts; /* not NULL: these, and not the column's base */
	uint32_t index;                 /* of the column in the batch; UINT32_MAX: made */
};

struct setting {
	struct passage *passage;
	struct source source;
	struct sonde_column before; /* the column that is there; type 0: none */
	struct sonde_field field;   /* the one that it becomes */
	struct sonde_dictionary *to;
	struct column_draft draft;
	struct written encoded;
};

static struct source source_of(const struct made *made, const struct sonde_batch *batch)
{
	struct source source = { .index = made->column };

	if (made->column != UINT32_MAX) {
		source.column = *sonde_column(batch, made->column);
		return source;
	}
	source.column = (struct sonde_column){
		.type = made->type,
		.stride = made->constant ? 0 : make_size(made->type),
		.value_size = make_size(made->type),
		.base = (unsigned char *)(uintptr_t)made->values,
		.valid = made->constant ? NULL : made->valid,
	};
	if (made->type == SONDE_TEXT)
		source.texts = made->values;
	return source;
}

static struct value source_value(const struct source *source, uint32_t row)
{
	struct value value = { .kind = KIND_TEXT };

	if (!source->texts)
		return value_read(&source->column, row);
	if (!sonde_valid(&source->column, row))
		return (struct value){ .kind = KIND_NONE };
	value.as.text = source->texts[source->column.stride ? row : 0];
	return value;
}

/* ---- which type -------------------------------------------------------------------------- */

/* Of a column that is made for a role; 0: none is. */
static uint32_t role_type(uint32_t role)
{
	switch (role) {
	case SONDE_ROLE_TIME:
	case SONDE_ROLE_START_TIME:
	case SONDE_ROLE_END_TIME:
	case SONDE_ROLE_OBSERVED_TIME:
		return SONDE_TIME;
	case SONDE_ROLE_DURATION:
		return SONDE_DURATION;
	case SONDE_ROLE_SEVERITY:
	case SONDE_ROLE_SPAN_KIND:
	case SONDE_ROLE_STATUS_CODE:
		return SONDE_I32;
	case SONDE_ROLE_SEVERITY_TEXT:
	case SONDE_ROLE_BODY:
	case SONDE_ROLE_EVENT_NAME:
	case SONDE_ROLE_TRACE_STATE:
	case SONDE_ROLE_SPAN_NAME:
	case SONDE_ROLE_STATUS_MESSAGE:
		return SONDE_TEXT;
	default:
		return SONDE_NONE;
	}
}

/* Roles that no step sets: rows are counted or joined by them. */
static bool role_is_fixed(uint32_t role)
{
	return role == SONDE_ROLE_WEIGHT || role == SONDE_ROLE_EVENTS ||
	       role == SONDE_ROLE_PARENT_ROW || role == SONDE_ROLE_METRIC ||
	       role == SONDE_ROLE_ATTRIBUTES || role == SONDE_ROLE_ENTITIES;
}

/* Whether no row keeps what it has: those that get none have none. */
static bool takes_all(const struct setting *setting)
{
	const struct passage *passage = setting->passage;

	if (!setting->before.type || (!passage->where && !setting->source.column.valid))
		return true;
	for (uint32_t row = 0; row < passage->batch->row_count; row++) {
		if (sonde_selected(passage->batch, row) && sonde_valid(&setting->before, row) &&
		    (!passage_has(passage, row) || !sonde_valid(&setting->source.column, row)))
			return false;
	}
	return true;
}

static bool is_histogram(uint32_t type)
{
	return type == SONDE_EXPONENTIAL || type == SONDE_EXPLICIT || type == SONDE_QUANTILES;
}

/* The type that the column has then; 0: what is set does not fit. */
static uint32_t type_of(const struct setting *setting)
{
	uint32_t from = setting->source.column.type, role = setting->field.role;
	uint32_t there = setting->before.type ? setting->before.type : role_type(role);
	bool numbers = type_is_number(from) && there && type_is_number(there);

	if (role_is_fixed(role) || (role && !there))
		return SONDE_NONE;
	if (is_histogram(from) || is_histogram(there))
		return from == there || !there ? from : SONDE_NONE;
	if (role)
		return from == there || numbers ? there
		       : role == SONDE_ROLE_BODY && (from == SONDE_ANY || there == SONDE_ANY)
			       ? SONDE_ANY
			       : SONDE_NONE;
	if (!there || from == there || takes_all(setting))
		return from;
	return numbers ? there : SONDE_ANY;
}

/* ---- rows -------------------------------------------------------------------------------- */

static int put_bytes(struct setting *setting, uint32_t row, const char *data, size_t length)
{
	uint32_t code = sonde_dictionary_add(setting->passage->instance, setting->to, data, length);

	if (code == UINT32_MAX)
		return -ENOMEM;
	draft_put(&setting->draft, row, &code);
	return 1;
}

static bool any_of(const struct value *value, char *room, struct sonde_any *any)
{
	struct sonde_text text;

	switch (value->kind) {
	case KIND_BOOLEAN:
		any->kind = SONDE_ANY_BOOL;
		any->as.boolean = value->as.boolean;
		return true;
	case KIND_REAL:
		any->kind = SONDE_ANY_DOUBLE;
		any->as.number = value->as.real;
		return true;
	case KIND_UNSIGNED:
	case KIND_INTEGER:
		any->kind = SONDE_ANY_INTEGER;
		any->as.integer = value->as.integer;
		return value->kind == KIND_INTEGER || value->as.number <= INT64_MAX;
	default:
		if (!value_write(value, room, &text))
			return false;
		any->kind = SONDE_ANY_TEXT;
		any->as.data = text.data;
		any->length = text.length;
		return true;
	}
}

/* A value as one that says itself what it is. */
static int put_any(struct setting *setting, uint32_t row, const struct value *value)
{
	struct sonde_instance *instance = setting->passage->instance;
	struct sonde_any any = { 0 };
	char room[VALUE_BYTES];
	int64_t size;
	char *data;

	if (!any_of(value, room, &any))
		return 0;
	size = sonde_any_encode(instance, &any, NULL, 0);
	if (size < 0)
		return 0;
	if ((size_t)size > setting->encoded.capacity) {
		data = realloc(setting->encoded.data, 2 * (size_t)size);
		if (!data)
			return -ENOMEM;
		setting->encoded.data = data;
		setting->encoded.capacity = 2 * (size_t)size;
	}
	(void)sonde_any_encode(instance, &any, setting->encoded.data, (size_t)size);
	return put_bytes(setting, row, setting->encoded.data, (size_t)size);
}

/* 1; 0: it does not fit, -ENOMEM. raw: the column that the value is from; NULL: it was made. */
static int put_value(struct setting *setting, uint32_t row, const struct value *value,
		     const struct sonde_column *raw)
{
	uint32_t type = setting->field.type;
	struct sonde_text text;
	uint64_t out = 0;

	if (raw && raw->type == type && raw->dictionary) {
		text = sonde_text_at(raw, row);
		return put_bytes(setting, row, text.data, text.length);
	}
	if (type == SONDE_ANY)
		return put_any(setting, row, value);
	if (type == SONDE_TEXT || type == SONDE_BYTES)
		return value->kind == KIND_TEXT
			       ? put_bytes(setting, row, value->as.text.data, value->as.text.length)
			       : 0;
	if (type == SONDE_BOOL) {
		out = value->kind == KIND_BOOLEAN && value->as.boolean;
		draft_put(&setting->draft, row, &out);
		return value->kind == KIND_BOOLEAN;
	}
	if (type_is_number(type)) {
		if (!cast_number(value, type, &out))
			return 0;
		draft_put(&setting->draft, row, &out);
		return 1;
	}
	if (!raw || raw->type != type) /* ids are only ever those of a column */
		return 0;
	draft_put(&setting->draft, row, sonde_value(raw, row));
	return 1;
}

static int put_row(struct setting *setting, uint32_t row)
{
	const struct source *source = &setting->source;
	struct passage *passage = setting->passage;
	struct value value = { .kind = KIND_NONE };
	int put = 0;

	if (passage_has(passage, row) && sonde_valid(&source->column, row)) {
		value = source_value(source, row);
		put = put_value(setting, row, &value,
				source->index == UINT32_MAX ? NULL : &source->column);
		if (put > 0)
			passage_changed(passage, row);
		if (!put)
			passage->counts->failed_conversions++;
	}
	if (put || !setting->before.type || !sonde_valid(&setting->before, row))
		return put;
	value = value_read(&setting->before, row);
	return put_value(setting, row, &value, &setting->before);
}

static int set_rows(struct setting *setting)
{
	struct passage *passage = setting->passage;
	uint32_t type = setting->field.type;
	int result;

	if (type == SONDE_TEXT || type == SONDE_BYTES || type == SONDE_ANY) {
		setting->to = sonde_dictionary_create(passage->instance, true);
		if (!setting->to)
			return -ENOMEM;
	}
	result = passage_derive(passage);
	if (result >= 0)
		result = column_draft(passage, &setting->field, setting->to, &setting->draft);
	for (uint32_t row = 0; result >= 0 && row < passage->batch->row_count; row++) {
		if (sonde_selected(passage->batch, row))
			result = put_row(setting, row);
	}
	return result;
}

/* ---- all --------------------------------------------------------------------------------- */

/* One value for all rows. */
static int set_constant(struct setting *setting)
{
	struct passage *passage = setting->passage;
	const struct sonde_text *text = setting->source.texts;
	const void *value = setting->source.column.base;
	uint32_t code;

	if (text) {
		setting->to = sonde_dictionary_create(passage->instance, true);
		code = setting->to ? sonde_dictionary_add(passage->instance, setting->to,
							  text->data, text->length)
				   : UINT32_MAX;
		if (code == UINT32_MAX)
			return -ENOMEM;
		value = &code;
	}
	if (passage_derive(passage) < 0 ||
	    !sonde_batch_constant(passage->instance, passage->batch, &setting->field, setting->to,
				  value))
		return -ENOMEM;
	passage_changed_all(passage);
	return 0;
}

static int set_column(struct setting *setting)
{
	struct passage *passage = setting->passage;
	const struct source *source = &setting->source;
	const struct sonde_field *field = &setting->field;
	bool whole = field->type == source->column.type && !passage->where &&
		     (!source->column.valid || !setting->before.type);
	int result;

	if (whole && source->index != UINT32_MAX) {
		result = passage_derive(passage);
		if (result >= 0)
			result = column_share(passage, source->index, field->name, field->role,
					      field->scope);
		passage_changed_all(passage);
		return result;
	}
	if (whole && !source->column.stride)
		return set_constant(setting);
	return set_rows(setting);
}

static void field_make(struct setting *setting, const struct expression_name *target,
		       const struct sonde_column *before)
{
	if (before) {
		setting->before = *before;
		setting->field = column_field(before);
		return;
	}
	setting->field = (struct sonde_field){ .name = target->text };
	if (target->scope != UINT32_MAX)
		setting->field.scope = (uint8_t)target->scope;
	else
		setting->field.role = (uint16_t)target->role;
}

int step_set(struct passage *passage, struct step *step)
{
	const struct expression_name *target = &step->names[0];
	struct setting setting = { .passage = passage };
	uint32_t index = expression_find(target, passage->batch);
	struct sonde_column shown = { .name = target->text };
	struct made made;
	int result = matcher_make(step->value.matcher, passage->batch, &made);

	if (result < 0 || !made.type)
		return result;
	setting.source = source_of(&made, passage->batch);
	if (made.column != UINT32_MAX && made.column == index)
		return 0;
	field_make(&setting, target,
		   index == UINT32_MAX ? NULL : sonde_column(passage->batch, index));
	setting.field.type = type_of(&setting);
	if (!setting.field.type ||
	    (is_histogram(setting.field.type) && (passage->where || setting.before.type))) {
		step_misfit(passage, step, &shown, "this value does not fit its type or role");
		return 0;
	}
	result = set_column(&setting);
	sonde_dictionary_release(passage->instance, setting.to);
	free(setting.encoded.data);
	return result < 0 ? result : 0;
}
