// SPDX-License-Identifier: Apache-2.0
/* What tables show: the newest rows of every schema that has measures. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "picture.h"
#include "source.h"

static const int64_t same_interval_ns = 100000000;

/* What is worked out once for a batch: where its columns go. */
struct plan {
	const struct sonde_batch *batch;
	struct table *table;
	struct view *views[256]; /* by column; NULL: not shown */
	const struct sonde_column *time, *start;
	struct point_columns points;
	struct phrase *phrase;  /* that texts are made in */
	uint64_t resource_hash; /* where it is the same for all rows */
	bool one_resource;
};

bool label_copy(struct arena *arena, const char *text, size_t length, struct label *ret_label)
{
	char *copy = arena_zero(arena, length ? length : 1);

	if (!copy)
		return false;
	length = text_clean(copy, text, length);
	*ret_label = (struct label){ copy, (uint32_t)length, text_width(copy, length) };
	return true;
}

/* ---- tables and their columns ------------------------------------------------------------ */

/* A printable copy; NULL: no memory. */
static char *name_copy(const char *name)
{
	size_t length = strlen(name);
	char *copy = malloc(length + 1);

	if (copy)
		copy[text_clean(copy, name, length)] = 0;
	return copy;
}

static struct table *table_find(struct picture *picture, const char *schema)
{
	struct table *table;

	for (uint32_t index = 0; index < picture->table_count; index++)
		if (strcmp(picture->tables[index].schema, schema) == 0)
			return &picture->tables[index];
	if (picture->table_count == PICTURE_TABLES)
		return NULL;
	table = &picture->tables[picture->table_count];
	memset(table, 0, sizeof(*table));
	table->schema = strdup(schema);
	table->title = name_copy(schema);
	if (!table->schema || !table->title) {
		free(table->schema);
		free(table->title);
		return NULL;
	}
	picture->table_count++;
	return table;
}

static struct view *view_add(struct table *table, const char *name, enum view_kind kind)
{
	char *copy = name_copy(name);
	struct view *view;

	for (uint32_t index = 0; copy && index < table->view_count; index++)
		if (strcmp(table->views[index].name, copy) == 0) {
			free(copy);
			return table->views[index].kind == kind ? &table->views[index] : NULL;
		}
	if (!copy || table->view_count == PICTURE_VIEWS) {
		free(copy);
		return NULL;
	}
	view = &table->views[table->view_count++];
	memset(view, 0, sizeof(*view));
	view->name = copy;
	view->kind = kind;
	return view;
}

/* How a column is shown; false: it is not. */
static bool kind_of(const struct sonde_column *column, enum view_kind *ret_kind)
{
	static const enum view_kind attributes[] = {
		[SONDE_BOOL] = VIEW_FLAG,   [SONDE_I8] = VIEW_INTEGER,  [SONDE_I16] = VIEW_INTEGER,
		[SONDE_I32] = VIEW_INTEGER, [SONDE_I64] = VIEW_INTEGER, [SONDE_U8] = VIEW_INTEGER,
		[SONDE_U16] = VIEW_INTEGER, [SONDE_U32] = VIEW_INTEGER, [SONDE_U64] = VIEW_INTEGER,
		[SONDE_TEXT] = VIEW_TEXT,
	};

	switch (column->role) {
	case SONDE_ROLE_SUM:
		*ret_kind = column->monotonic || column->temporality == SONDE_DELTA ? VIEW_SUM
										    : VIEW_GAUGE;
		return true;
	case SONDE_ROLE_GAUGE:
		*ret_kind = VIEW_GAUGE;
		return true;
	case SONDE_ROLE_HISTOGRAM:
		*ret_kind = VIEW_HISTOGRAM;
		return true;
	case SONDE_ROLE_ATTRIBUTE:
		if (column->type > SONDE_TEXT ||
		    (attributes[column->type] == VIEW_TEXT && column->type != SONDE_TEXT))
			return false;
		*ret_kind = attributes[column->type];
		return true;
	default:
		return false;
	}
}

static struct view *view_of(struct table *table, const struct sonde_column *column)
{
	enum view_kind kind;
	struct view *view;

	if (!kind_of(column, &kind))
		return NULL;
	view = view_add(table, column->name, kind);
	if (!view)
		return NULL;
	view->unit = unit_of(column->unit, column->type);
	view->is_error = kind == VIEW_SUM && unit_is_error(column->unit, column->name);
	view->cumulative = column->temporality == SONDE_CUMULATIVE;
	view->monotonic = column->monotonic;
	view->wide_integer = column->type == SONDE_U64;
	return view;
}

static void point_views(struct table *table)
{
	static const struct {
		const char *name;
		enum view_kind kind;
	} views[POINT_VIEWS] = {
		[POINT_METRIC] = { "metric", VIEW_TEXT },
		[POINT_ATTRIBUTES] = { "attributes", VIEW_TEXT },
		[POINT_VALUE] = { "value", VIEW_FIGURE },
		[POINT_HISTOGRAM] = { "distribution", VIEW_HISTOGRAM },
	};

	table->is_long = true;
	for (uint32_t index = 0; index < POINT_VIEWS; index++) {
		struct view *view = view_add(table, views[index].name, views[index].kind);

		if (view)
			view->unit = (struct unit){ UNIT_PLAIN, 1 };
	}
}

static uint64_t resource_hash(const struct sonde_batch *batch, uint32_t row, bool *ret_constant)
{
	uint64_t hash = 0xcbf29ce484222325u;

	*ret_constant = true;
	for (uint32_t index = 0; index < batch->column_count; index++) {
		const struct sonde_column *column = sonde_column(batch, index);
		struct sonde_text text;

		if (column->scope != SONDE_SCOPE_RESOURCE)
			continue;
		*ret_constant = *ret_constant && !column->stride && !column->valid;
		if (!sonde_valid(column, row))
			continue;
		if (column->dictionary) {
			text = sonde_text_at(column, row);
			hash = hash_bytes(hash, text.data, text.length);
		} else {
			hash = hash_bytes(hash, sonde_value(column, row), column->value_size);
		}
	}
	return hash;
}

static void plan_make(struct plan *plan, struct table *table, const struct sonde_batch *batch)
{
	memset(plan, 0, sizeof(*plan));
	plan->batch = batch;
	plan->table = table;
	plan->resource_hash = resource_hash(batch, 0, &plan->one_resource);
	for (uint32_t index = 0; index < batch->column_count; index++) {
		const struct sonde_column *column = sonde_column(batch, index);

		if (column->role == SONDE_ROLE_TIME)
			plan->time = column;
		else if (column->role == SONDE_ROLE_START_TIME)
			plan->start = column;
		else if (column->role == SONDE_ROLE_METRIC)
			plan->points.metric = column;
	}
	if (plan->points.metric) {
		point_views(table);
		return;
	}
	for (uint32_t index = 0; index < batch->column_count && index < 256; index++)
		plan->views[index] = view_of(table, sonde_column(batch, index));
}

/* ---- rows -------------------------------------------------------------------------------- */

/* What was added since the row before, and how long that took. */
static void fill_sum(const struct plan *plan, const struct source *source, const struct view *view,
		     struct row *row, struct cell *cell)
{
	uint32_t index = (uint32_t)(view - plan->table->views);
	const struct row *before = view->cumulative ? source_before(source, row->key) : NULL;
	double seconds = row->seconds;

	cell->number = cell->raw;
	if (before && index < before->cell_count && before->cells[index].valid &&
	    before->cells[index].raw <= cell->raw) {
		cell->number = cell->raw - before->cells[index].raw;
		seconds = row->time_s - before->time_s;
	}
	cell->rate = seconds > 0 ? cell->number / seconds : NAN;
}

static bool fill_cell(const struct plan *plan, struct source *source, uint32_t column_index,
		      uint32_t batch_row, struct cell *cell)
{
	const struct sonde_column *column = sonde_column(plan->batch, column_index);
	struct sonde_text text;

	switch (plan->views[column_index]->kind) {
	case VIEW_TEXT:
		text = sonde_text_at(column, batch_row);
		if (!label_copy(source->now.arena, text.data, text.length, &cell->text))
			return false;
		break;
	case VIEW_HISTOGRAM:
		cell->histogram = distribution_create();
		if (!cell->histogram ||
		    distribution_add(cell->histogram, column, batch_row) == -ENOMEM)
			return false;
		break;
	default:
		cell->number = cell->raw = sonde_number_at(column, batch_row);
	}
	cell->valid = true;
	return true;
}

/* Notes what a view has to know of all its values. */
static void view_note(struct view *view, const struct cell *cell)
{
	uint64_t hash = 0;

	if (view->kind == VIEW_TEXT && cell->valid) {
		hash = hash_bytes(1, cell->text.data, cell->text.length);
		view->width = cell->text.width > view->width ? cell->text.width : view->width;
	} else if (cell->valid) {
		hash = hash_bytes(2, &cell->number, sizeof(cell->number));
	}
	if (!view->seen) {
		view->first_hash = hash;
		view->seen = true;
		if (cell->text.data)
			(void)snprintf(view->first_text, sizeof(view->first_text), "%.*s",
				       (int)cell->text.length, cell->text.data);
	}
	view->varies = view->varies || hash != view->first_hash;
}

static bool is_attribute(const struct view *view)
{
	return view->kind <= VIEW_FLAG;
}

static int fill_row(const struct plan *plan, struct source *source, uint32_t batch_row,
		    struct row *row)
{
	const struct table *table = plan->table;

	row->key = 0xcbf29ce484222325u;
	for (uint32_t index = 0; index < plan->batch->column_count && index < 256; index++) {
		struct view *view = plan->views[index];
		struct cell *cell;

		if (!view)
			continue;
		cell = &row->cells[view - table->views];
		if (sonde_valid(sonde_column(plan->batch, index), batch_row) &&
		    !fill_cell(plan, source, index, batch_row, cell))
			return -ENOMEM;
		if (!is_attribute(view))
			continue;
		view_note(view, cell);
		if (cell->text.data)
			row->key = hash_bytes(row->key, cell->text.data, cell->text.length);
		else
			row->key = hash_bytes(row->key, &cell->number, sizeof(cell->number));
	}
	for (uint32_t index = 0; index < row->cell_count; index++)
		if (table->views[index].kind == VIEW_SUM && row->cells[index].valid)
			fill_sum(plan, source, &table->views[index], row, &row->cells[index]);
	return 0;
}

static int fill_point(struct sonde_instance *instance, struct plan *plan, struct source *source,
		      uint32_t batch_row, struct row *row)
{
	int result = point_fill(instance, plan->batch, batch_row, &plan->points, source,
				plan->phrase, row);

	for (uint32_t index = 0; index < POINT_VIEWS && result == 0; index++)
		if (plan->table->views[index].kind == VIEW_TEXT) {
			view_note(&plan->table->views[index], &row->cells[index]);
			plan->table->views[index].varies = true;
		}
	return result;
}

static double time_at(const struct sonde_column *column, uint32_t row)
{
	return column && sonde_valid(column, row) ? sonde_number_at(column, row) : 0;
}

static uint64_t source_hash(const struct plan *plan, uint32_t batch_row)
{
	uint64_t hash = plan->resource_hash;
	struct sonde_text text;
	bool constant;

	if (!plan->one_resource)
		hash = resource_hash(plan->batch, batch_row, &constant);
	if (plan->points.metric) {
		text = sonde_text_at(plan->points.metric, batch_row);
		hash = hash_bytes(hash, text.data, text.length);
	}
	return hash;
}

static int add_row(struct sonde_instance *instance, struct plan *plan, uint32_t batch_row,
		   int64_t now_ns)
{
	struct table *table = plan->table;
	struct source *source = source_find(table, source_hash(plan, batch_row));
	double time = time_at(plan->time, batch_row), start = time_at(plan->start, batch_row);
	int64_t time_ns = time > 0 ? (int64_t)time : now_ns;
	struct row *row;

	if (!source)
		return -ENOMEM;
	source->arrived_ns = now_ns;
	if (time_ns > source->now.time_ns + same_interval_ns && source_turn(source, time_ns) < 0)
		return -ENOMEM;
	if (time_ns < source->now.time_ns - same_interval_ns ||
	    source->now.row_count == PICTURE_ROWS) {
		source->hidden_rows++;
		return 0;
	}
	row = source_row(source, plan->points.metric ? POINT_VIEWS : table->view_count);
	if (!row)
		return -ENOMEM;
	row->time_s = (double)time_ns / 1e9;
	row->seconds = start > 0 && time > start ? (time - start) / 1e9 : source->seconds;
	row->unit = (struct unit){ UNIT_PLAIN, 1 };
	return plan->points.metric ? fill_point(instance, plan, source, batch_row, row)
				   : fill_row(plan, source, batch_row, row);
}

int picture_add(struct picture *picture, struct sonde_instance *instance,
		const struct sonde_batch *batch, struct phrase *phrase, int64_t now_ns)
{
	struct table *table = table_find(picture, batch->schema);
	struct plan plan;
	int result = 0;

	if (!table) {
		picture->other_rows += batch->selected_count;
		return picture->table_count < PICTURE_TABLES ? -ENOMEM : 0;
	}
	if (!batch->selected_count)
		return 0;
	plan_make(&plan, table, batch);
	plan.phrase = phrase;
	table->fresh = true;
	for (uint32_t row = 0; row < batch->row_count && result == 0; row++)
		if (sonde_selected(batch, row))
			result = add_row(instance, &plan, row, now_ns);
	return result;
}

void picture_expire(struct picture *picture, int64_t now_ns)
{
	for (uint32_t index = 0; index < picture->table_count; index++)
		source_expire(&picture->tables[index], now_ns);
}

void picture_release(struct picture *picture)
{
	for (uint32_t index = 0; index < picture->table_count; index++) {
		struct table *table = &picture->tables[index];

		for (uint32_t view = 0; view < table->view_count; view++)
			free(table->views[view].name);
		for (uint32_t source = 0; source < table->source_count; source++)
			source_release(&table->sources[source]);
		free(table->sources);
		free(table->schema);
		free(table->title);
	}
	memset(picture, 0, sizeof(*picture));
}
