// SPDX-License-Identifier: Apache-2.0
/* The columns of a batch by what they say about series, and the labels that a row has in them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "plan.h"

enum { ITEMS_FIRST = 64, ITEMS_LIMIT = 1 << 20 };

/* ---- columns ----------------------------------------------------------------------------- */

static bool is_label(const struct sonde_column *column, uint32_t *ret_role)
{
	*ret_role = SERIES_ATTRIBUTE;
	if (column->role == SONDE_ROLE_ATTRIBUTE || column->role == SONDE_ROLE_DURATION)
		return column->type < SONDE_EXPONENTIAL || column->type == SONDE_ANY;
	if (column->scope != SONDE_SCOPE_SCOPE || column->type != SONDE_TEXT)
		return false;
	if (column->role == SONDE_ROLE_SCOPE_NAME)
		*ret_role = SERIES_SCOPE_NAME;
	else if (column->role == SONDE_ROLE_SCOPE_VERSION)
		*ret_role = SERIES_SCOPE_VERSION;
	else if (column->role == SONDE_ROLE_SCHEMA_URL)
		*ret_role = SERIES_SCHEMA_URL;
	return *ret_role != SERIES_ATTRIBUTE;
}

static uint64_t key_hash(uint64_t seed, uint32_t role, const char *key, uint32_t length)
{
	return series_hash(seed + role, key, length);
}

static int add_label(struct plan_scope *scope, const struct sonde_column *column, uint32_t role,
		     uint64_t seed)
{
	struct plan_column *added;

	if (scope->count == scope->capacity) {
		uint32_t capacity = scope->capacity ? scope->capacity * 2 : 16;

		added = reallocarray(scope->columns, capacity, sizeof(*added));
		if (!added)
			return -ENOMEM;
		scope->columns = added;
		scope->capacity = capacity;
	}
	added = &scope->columns[scope->count++];
	added->column = column;
	added->role = role;
	added->key_length =
		role == SERIES_ATTRIBUTE && column->name ? (uint32_t)strlen(column->name) : 0;
	added->key_hash = key_hash(seed, role, column->name, added->key_length);
	if (column->stride || column->valid)
		scope->is_constant = false;
	return 0;
}

static int add_measure(struct plan *plan, const struct sonde_column *column, uint32_t index)
{
	if (plan->measure_count == plan->measure_capacity) {
		uint32_t capacity = plan->measure_capacity ? plan->measure_capacity * 2 : 16;
		struct plan_measure *measures =
			reallocarray(plan->measures, capacity, sizeof(*measures));

		if (!measures)
			return -ENOMEM;
		plan->measures = measures;
		plan->measure_capacity = capacity;
	}
	plan->measures[plan->measure_count++] =
		(struct plan_measure){ .column = column, .index = index };
	return 0;
}

static int add_column(struct plan *plan, const struct sonde_column *column, uint32_t index,
		      uint64_t seed)
{
	struct plan_scope *scope = &plan->scopes[column->scope];
	uint32_t role;

	if (is_label(column, &role))
		return add_label(scope, column, role, seed);
	if (column->role == SONDE_ROLE_ATTRIBUTES && column->type == SONDE_ANY) {
		scope->map = column;
		if (column->stride || column->valid)
			scope->is_constant = false;
	}
	if (column->scope != SONDE_SCOPE_ROW)
		return 0;
	switch (column->role) {
	case SONDE_ROLE_TIME:
		plan->time = column;
		return 0;
	case SONDE_ROLE_START_TIME:
		plan->start = column;
		return 0;
	case SONDE_ROLE_FLAGS:
		plan->flags = column;
		return 0;
	case SONDE_ROLE_WEIGHT:
		plan->weight = column;
		return 0;
	case SONDE_ROLE_METRIC:
		plan->metric = column;
		return 0;
	case SONDE_ROLE_SUM:
	case SONDE_ROLE_GAUGE:
	case SONDE_ROLE_HISTOGRAM:
	case SONDE_ROLE_VALUE:
		return add_measure(plan, column, index);
	default:
		return 0;
	}
}

static int compare_columns(const void *a, const void *b)
{
	const struct plan_column *one = a, *two = b;
	uint32_t shorter = one->key_length < two->key_length ? one->key_length : two->key_length;
	int order;

	if (one->role != two->role)
		return one->role < two->role ? -1 : 1;
	order = shorter ? memcmp(one->column->name, two->column->name, shorter) : 0;
	return order ? order
		     : (one->key_length > two->key_length) - (one->key_length < two->key_length);
}

/* Long rows have values, wide ones measures; columns of the other kind say nothing. */
static void choose_measures(struct plan *plan)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < plan->measure_count; i++)
		if ((plan->measures[i].column->role == SONDE_ROLE_VALUE) == (plan->metric != NULL))
			plan->measures[count++] = plan->measures[i];
	plan->measure_count = count;
}

int plan_make(struct plan *plan, const struct sonde_batch *batch, uint64_t seed)
{
	int result = 0;

	plan->time = plan->start = plan->flags = plan->weight = plan->metric = NULL;
	plan->measure_count = 0;
	plan->resource = plan->scope = NULL;
	for (uint32_t scope = 0; scope < 3; scope++) {
		plan->scopes[scope].count = 0;
		plan->scopes[scope].map = NULL;
		plan->scopes[scope].is_constant = true;
	}
	for (uint32_t index = 0; index < batch->column_count && !result; index++) {
		const struct sonde_column *column = sonde_column(batch, index);

		if (column->scope <= SONDE_SCOPE_RESOURCE)
			result = add_column(plan, column, index, seed);
	}
	choose_measures(plan);
	for (uint32_t scope = 0; scope < 3; scope++)
		if (plan->scopes[scope].count > 1)
			qsort(plan->scopes[scope].columns, plan->scopes[scope].count,
			      sizeof(struct plan_column), compare_columns);
	return result;
}

void plan_release(struct plan *plan)
{
	for (uint32_t scope = 0; scope < 3; scope++) {
		free(plan->scopes[scope].columns);
		series_list_release(&plan->scopes[scope].list);
	}
	free(plan->measures);
	free(plan->items);
	free(plan->bytes);
	memset(plan, 0, sizeof(*plan));
}

/* ---- values ------------------------------------------------------------------------------ */

int64_t plan_integer(const struct sonde_column *column, uint32_t row)
{
	const void *value = sonde_value(column, row);
	uint64_t word = 0;

	if (column->type == SONDE_DOUBLE)
		return 0;
	if (column->value_size < sizeof(word))
		return (int64_t)sonde_number_at(column, row); /* exact */
	memcpy(&word, value, sizeof(word));
	return column->type == SONDE_U64 && word > INT64_MAX ? INT64_MAX : (int64_t)word;
}

static int decode(struct plan *plan, struct sonde_instance *instance, struct sonde_text text,
		  uint32_t *ret_count)
{
	int result;

	for (;;) {
		uint32_t count = 0;
		struct sonde_any *items;

		result = sonde_any_decode(instance, text.data, text.length, plan->items,
					  plan->item_capacity, &count);
		if (result != -ENOSPC) {
			*ret_count = count;
			return result;
		}
		if (count > ITEMS_LIMIT)
			return -EBADMSG;
		count = count < ITEMS_FIRST ? ITEMS_FIRST : count;
		items = reallocarray(plan->items, count, sizeof(*items));
		if (!items)
			return -ENOMEM;
		plan->items = items;
		plan->item_capacity = count;
	}
}

/* The label of a decoded value; that of an array or map keeps its encoding. */
static void set_any(struct series_label *label, const struct sonde_any *any,
		    struct sonde_text encoded)
{
	label->kind = (uint16_t)any->kind;
	switch (any->kind) {
	case SONDE_ANY_TEXT:
	case SONDE_ANY_BYTES:
		label->data = any->as.data;
		label->length = any->length;
		break;
	case SONDE_ANY_ARRAY:
	case SONDE_ANY_MAP:
		label->data = encoded.data;
		label->length = encoded.length;
		break;
	case SONDE_ANY_BOOL:
		label->as.integer = any->as.boolean;
		break;
	case SONDE_ANY_DOUBLE:
		label->as.number = any->as.number;
		break;
	case SONDE_ANY_INTEGER:
		label->as.integer = any->as.integer;
		break;
	default:
		break;
	}
}

static void set_text(struct series_label *label, uint32_t kind, const char *data, uint32_t length)
{
	label->kind = (uint16_t)kind;
	label->data = data;
	label->length = length;
}

static void set_id(struct series_label *label, struct plan_column *from, uint32_t row)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *id = sonde_value(from->column, row);
	uint32_t size = from->column->type == SONDE_ID8 ? 8 : 16;

	for (uint32_t i = 0; i < size; i++) {
		from->hex[2 * i] = digits[id[i] >> 4];
		from->hex[2 * i + 1] = digits[id[i] & 15];
	}
	set_text(label, SONDE_ANY_TEXT, from->hex, 2 * size);
}

static int set_label(struct plan *plan, struct sonde_instance *instance, struct plan_column *from,
		     uint32_t row, struct series_label *label)
{
	const struct sonde_column *column = from->column;
	struct sonde_text text;
	uint32_t count;
	int result = 0;

	*label = (struct series_label){ .key = column->name,
					.key_length = from->key_length,
					.role = (uint16_t)from->role };
	switch (column->type) {
	case SONDE_TEXT:
	case SONDE_BYTES:
		text = sonde_text_at(column, row);
		set_text(label, column->type == SONDE_TEXT ? SONDE_ANY_TEXT : SONDE_ANY_BYTES,
			 text.data, text.length);
		break;
	case SONDE_ANY:
		text = sonde_text_at(column, row);
		result = decode(plan, instance, text, &count);
		if (!result)
			set_any(label, &plan->items[0], text);
		break;
	case SONDE_ID8:
	case SONDE_ID16:
		set_id(label, from, row);
		break;
	case SONDE_DOUBLE:
		label->kind = SONDE_ANY_DOUBLE;
		label->as.number = sonde_number_at(column, row);
		break;
	default:
		label->kind = column->type == SONDE_BOOL ? SONDE_ANY_BOOL : SONDE_ANY_INTEGER;
		label->as.integer = plan_integer(column, row);
	}
	if (!result)
		series_label_hash(label, from->key_hash);
	return result;
}

/* ---- the map of the others --------------------------------------------------------------- */

static bool is_nested(const struct sonde_any *any)
{
	return any->kind == SONDE_ANY_ARRAY || any->kind == SONDE_ANY_MAP;
}

/* Room for the encodings of all arrays and maps in a map. */
static int reserve_bytes(struct plan *plan, struct sonde_instance *instance,
			 const struct sonde_any *map)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < map->length; i++) {
		int64_t size = is_nested(&map->as.items[i])
				       ? sonde_any_encode(instance, &map->as.items[i], NULL, 0)
				       : 0;

		if (size < 0)
			return -EBADMSG;
		bytes += (size_t)size;
	}
	if (bytes > plan->byte_capacity) {
		unsigned char *grown = realloc(plan->bytes, bytes);

		if (!grown)
			return -ENOMEM;
		plan->bytes = grown;
		plan->byte_capacity = bytes;
	}
	return 0;
}

static int add_map(struct plan *plan, struct sonde_instance *instance, struct series_list *list,
		   struct sonde_text text, uint64_t seed)
{
	const struct sonde_any *map;
	size_t used = 0;
	uint32_t count;
	int result = decode(plan, instance, text, &count);

	if (result)
		return result;
	map = &plan->items[0];
	if (map->kind != SONDE_ANY_MAP)
		return map->kind == SONDE_ANY_EMPTY ? 0 : -EBADMSG;
	result = reserve_bytes(plan, instance, map);
	for (uint32_t i = 0; i < map->length && !result; i++) {
		const struct sonde_any *any = &map->as.items[i];
		struct series_label label = { .key = any->key, .key_length = any->key_length };
		struct sonde_text encoded = { .data = (const char *)plan->bytes + used };

		if (is_nested(any))
			encoded.length = (uint32_t)sonde_any_encode(
				instance, any, plan->bytes + used, plan->byte_capacity - used);
		used += encoded.length;
		set_any(&label, any, encoded);
		series_label_hash(&label,
				  key_hash(seed, SERIES_ATTRIBUTE, any->key, any->key_length));
		result = series_list_add(list, &label);
	}
	return result;
}

int plan_list(struct plan *plan, struct sonde_instance *instance, uint32_t scope_index,
	      uint32_t row, uint64_t seed)
{
	struct plan_scope *scope = &plan->scopes[scope_index];
	struct series_label label;
	int result = 0;

	series_list_clear(&scope->list);
	for (uint32_t i = 0; i < scope->count && !result; i++) {
		if (!sonde_valid(scope->columns[i].column, row))
			continue;
		result = set_label(plan, instance, &scope->columns[i], row, &label);
		if (!result)
			result = series_list_add(&scope->list, &label);
	}
	if (!result && scope->map && sonde_valid(scope->map, row)) {
		result =
			add_map(plan, instance, &scope->list, sonde_text_at(scope->map, row), seed);
		series_list_sort(&scope->list);
	}
	return result;
}
