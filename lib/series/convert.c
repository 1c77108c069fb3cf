// SPDX-License-Identifier: Apache-2.0
/* Batches of another temporality: what series have come to, in the place of what rows said. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "point.h"
#include "walk.h"

/* A point to be written. */
struct entry {
	uint32_t row, measure;
	const struct series *series;
	struct series difference; /* to SONDE_DELTA: its value, owned */
};

struct converter {
	struct walk walk; /* first: visit() is given it */
	enum sonde_temporality to;
	struct entry *entries;
	uint32_t count, capacity;
	unsigned char *visited; /* rows that are converted, or have no place in what is sent */
	bool overflows;
};

/* The batch that is made, and where what lies in it. */
struct made {
	struct sonde_batch *batch;
	unsigned char *selected;    /* rows with a point, of long ones */
	int64_t last_row;           /* written last */
	int64_t metric, new_metric; /* codes: of a metric, and of it with the new temporality */
};

static void set_bit(unsigned char *bits, uint32_t row)
{
	bits[row >> 3] |= (unsigned char)(1u << (row & 7));
}

static size_t bits_size(const struct sonde_batch *batch)
{
	return ((size_t)batch->row_count + 7) / 8;
}

/* ---- the walk ---------------------------------------------------------------------------- */

static bool wants_cumulative(uint32_t kind, uint32_t temporality, bool monotonic)
{
	(void)monotonic;
	return point_adds(kind, temporality);
}

static bool wants_delta(uint32_t kind, uint32_t temporality, bool monotonic)
{
	return temporality == SONDE_CUMULATIVE &&
	       (kind == SONDE_METRIC_SUM
			? monotonic
			: kind == SONDE_METRIC_HISTOGRAM || kind == SONDE_METRIC_EXPONENTIAL);
}

static int visit(struct walk *walk, struct walk_step *step)
{
	struct converter *converter = (struct converter *)(void *)walk;
	struct entry *entry;

	if (step->is_absent)
		return 0;
	set_bit(converter->visited, step->row);
	if (step->result || (walk->differs && !step->difference.has_value))
		return 0;
	if (converter->count == converter->capacity) {
		uint32_t capacity = converter->capacity ? converter->capacity * 2 : 256;

		entry = reallocarray(converter->entries, capacity, sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		converter->entries = entry;
		converter->capacity = capacity;
	}
	entry = &converter->entries[converter->count++];
	*entry = (struct entry){ .row = step->row,
				 .measure = step->measure,
				 .series = step->series,
				 .difference = step->difference };
	step->difference.has_value = false; /* taken over */
	step->series->pass = walk->table->pass;
	step->series->pass_row = step->row;
	converter->overflows = converter->overflows || step->series->is_overflow;
	return 0;
}

/* ---- columns ----------------------------------------------------------------------------- */

static int64_t column_index(const struct sonde_batch *batch, uint32_t role, uint32_t scope,
			    const char *name)
{
	for (uint32_t index = 0; index < batch->column_count; index++) {
		const struct sonde_column *column = sonde_column(batch, index);

		if (column->role == role && column->scope == scope &&
		    (!name || strcmp(column->name, name) == 0))
			return index;
	}
	return -1;
}

static uint32_t type_of(const struct sonde_column *column)
{
	return column->type == SONDE_EXPONENTIAL || column->type == SONDE_EXPLICIT ||
			       column->type == SONDE_DOUBLE
		       ? column->type
		       : SONDE_I64;
}

/* A column of a measure, without any value yet. */
static int add_measure(const struct converter *converter, struct sonde_batch *batch,
		       const struct sonde_column *column)
{
	struct sonde_instance *instance = converter->walk.instance;
	const struct sonde_field field = { .name = column->name,
					   .type = type_of(column),
					   .role = column->role,
					   .scope = column->scope,
					   .temporality = column->role == SONDE_ROLE_VALUE
								  ? column->temporality
								  : (uint8_t)converter->to,
					   .monotonic = column->monotonic,
					   .unit = column->unit,
					   .help = column->help };
	unsigned char *valid;

	if (!sonde_batch_add(instance, batch, &field, NULL))
		return -ENOMEM;
	valid = sonde_batch_valid(
		instance, batch,
		(uint32_t)column_index(batch, column->role, column->scope, column->name));
	if (!valid)
		return -ENOMEM;
	memset(valid, 0, bits_size(batch));
	return 0;
}

/* A column of times in the place of the one that the batch has, and with its values. */
static int add_times(const struct converter *converter, struct sonde_batch *batch, uint32_t role,
		     const struct sonde_column *old, const char *name)
{
	struct sonde_instance *instance = converter->walk.instance;
	const struct sonde_field field = {
		.name = old ? old->name : name,
		.type = SONDE_TIME,
		.role = (uint16_t)role,
		.scope = old ? old->scope : SONDE_SCOPE_ROW,
		.help = old ? old->help : NULL,
	};
	struct sonde_column *column = sonde_batch_add(instance, batch, &field, NULL);
	unsigned char *valid;

	if (!column)
		return -ENOMEM;
	for (uint32_t row = 0; row < batch->row_count && old; row++) {
		int64_t time_ns = plan_integer(old, row);

		memcpy(column->base + (size_t)row * column->stride, &time_ns, sizeof(time_ns));
	}
	valid = sonde_batch_valid(instance, batch,
				  (uint32_t)column_index(batch, role, field.scope, field.name));
	if (!valid)
		return -ENOMEM;
	if (!old)
		memset(valid, 0, bits_size(batch));
	else if (old->valid)
		memcpy(valid, old->valid, bits_size(batch));
	return 0;
}

/* The metric of long rows, of the other temporality. */
static int add_metrics(const struct converter *converter, struct sonde_batch *batch)
{
	const struct sonde_column *metric = converter->walk.table->plan.metric;
	struct sonde_instance *instance = converter->walk.instance;
	const struct sonde_field field = { .name = metric->name,
					   .type = SONDE_BYTES,
					   .role = metric->role,
					   .scope = metric->scope,
					   .unit = metric->unit,
					   .help = metric->help };
	struct sonde_dictionary *dictionary = sonde_dictionary_create(instance, true);
	bool added = dictionary && sonde_batch_add(instance, batch, &field, dictionary);

	sonde_dictionary_release(instance, dictionary);
	return added ? 0 : -ENOMEM;
}

/* The weights are in the sums already. */
static void remove_weights(struct sonde_instance *instance, struct sonde_batch *batch)
{
	int64_t index;

	while ((index = column_index(batch, SONDE_ROLE_WEIGHT, SONDE_SCOPE_ROW, NULL)) >= 0)
		(void)sonde_batch_remove(instance, batch, (uint32_t)index);
}

/* The attributes of rows give way to the one that says what an overflow series is, and measures
 * that are not added up have no place beside it. */
static int mark_overflow(struct sonde_instance *instance, struct sonde_batch *batch)
{
	static const struct sonde_field field = { .name = "otel.metric.overflow",
						  .type = SONDE_BOOL };
	static const uint32_t roles[] = { SONDE_ROLE_ATTRIBUTE,  SONDE_ROLE_DURATION,
					  SONDE_ROLE_ATTRIBUTES, SONDE_ROLE_SUM,
					  SONDE_ROLE_GAUGE,      SONDE_ROLE_HISTOGRAM };
	const bool yes = true;
	int64_t index;

	for (uint32_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
		while ((index = column_index(batch, roles[i], SONDE_SCOPE_ROW, NULL)) >= 0)
			(void)sonde_batch_remove(instance, batch, (uint32_t)index);
	return sonde_batch_constant(instance, batch, &field, NULL, &yes) ? 0 : -ENOMEM;
}

/* ---- values ------------------------------------------------------------------------------ */

static void put(const struct sonde_column *column, uint32_t row, const void *value, size_t size)
{
	memcpy(column->base + (size_t)row * column->stride, value, size);
}

static int put_exponential(struct sonde_instance *instance, struct sonde_batch *batch,
			   uint32_t index, uint32_t row, const struct histogram *histogram)
{
	uint32_t words = histogram_words(histogram), start = 0;
	uint64_t *heap = words ? sonde_batch_heap(instance, batch, index, words, &start) : NULL;
	struct sonde_exponential head;

	if (words && !heap)
		return -ENOMEM;
	histogram_write(histogram, heap, start, &head);
	put(sonde_column(batch, index), row, &head, sizeof(head));
	return 0;
}

static int put_explicit(struct sonde_instance *instance, struct sonde_batch *batch, uint32_t index,
			uint32_t row, const struct series_explicit *distribution)
{
	uint32_t length = distribution->length, words = length ? 2 * length - 1 : 0, start = 0;
	uint64_t *heap = words ? sonde_batch_heap(instance, batch, index, words, &start) : NULL;
	const struct sonde_explicit head = { .count = distribution->count,
					     .sum = distribution->sum,
					     .minimum = distribution->minimum,
					     .maximum = distribution->maximum,
					     .flags = distribution->flags,
					     .counts_start = start,
					     .bounds_start = start + length,
					     .length = length };

	if (words && !heap)
		return -ENOMEM;
	if (length)
		memcpy(heap, distribution->counts, length * sizeof(*heap));
	if (length > 1)
		memcpy(heap + length, distribution->bounds, (length - 1) * sizeof(*heap));
	put(sonde_column(batch, index), row, &head, sizeof(head));
	return 0;
}

static int put_value(struct sonde_instance *instance, struct sonde_batch *batch, uint32_t index,
		     uint32_t row, const struct series *value)
{
	const struct sonde_column *column = sonde_column(batch, index);
	double number = value->is_double ? value->as.number : (double)value->as.integer;
	int64_t integer;

	switch (column->type) {
	case SONDE_EXPONENTIAL:
		return put_exponential(instance, batch, index, row, value->as.exponential);
	case SONDE_EXPLICIT:
		return put_explicit(instance, batch, index, row, value->as.distribution);
	case SONDE_DOUBLE:
		put(column, row, &number, sizeof(number));
		return 0;
	default:
		integer = !value->is_double  ? value->as.integer
			  : number >= 0x1p63 ? INT64_MAX
			  : number > -0x1p63 ? llround(number)
					     : INT64_MIN;
		put(column, row, &integer, sizeof(integer));
		return 0;
	}
}

/* The start of a row is the earliest of its points: what was 0 before may be said to begin earlier;
 * and its time is the latest. */
static int put_time(const struct converter *converter, const struct made *made, uint32_t role,
		    uint32_t row, int64_t time_ns)
{
	int64_t index = column_index(made->batch, role, SONDE_SCOPE_ROW, NULL), before;
	const struct sonde_column *column = sonde_column(made->batch, (uint32_t)index);
	unsigned char *valid;

	if (made->last_row == row && sonde_valid(column, row)) {
		before = plan_integer(column, row);
		if (role == SONDE_ROLE_START_TIME ? before < time_ns : before > time_ns)
			time_ns = before;
	}
	valid = sonde_batch_valid(converter->walk.instance, made->batch, (uint32_t)index);
	if (!valid)
		return -ENOMEM;
	put(column, row, &time_ns, sizeof(time_ns));
	if (time_ns)
		set_bit(valid, row);
	else
		valid[row >> 3] &= (unsigned char)~(1u << (row & 7));
	return 0;
}

/* The code of a metric in another temporality. */
static int recode_metric(const struct converter *converter, struct sonde_dictionary *dictionary,
			 uint32_t row, int64_t *ret_code)
{
	struct sonde_instance *instance = converter->walk.instance;
	struct sonde_text text = sonde_text_at(converter->walk.table->plan.metric, row);
	struct sonde_metric metric;
	int64_t size;
	unsigned char *buffer;
	size_t metadata_size;
	uint32_t code;
	int result = sonde_metric_decode(instance, text.data, text.length, &metric);

	if (result)
		return result;
	metadata_size = text.length + 16; /* no more than the metric that it is taken from */
	buffer = malloc(2 * metadata_size + 32);
	if (!buffer)
		return -ENOMEM;
	size = sonde_metric_metadata(instance, text.data, text.length, buffer, metadata_size);
	if (size > 0 && (size_t)size <= metadata_size)
		metric.metadata = (struct sonde_text){ (char *)buffer, (uint32_t)size, 0 };
	metric.temporality = converter->to;
	size = sonde_metric_encode(instance, &metric, buffer + metadata_size, metadata_size + 32);
	code = size < 0 || (size_t)size > metadata_size + 32
		       ? UINT32_MAX
		       : sonde_dictionary_add(instance, dictionary, buffer + metadata_size,
					      (size_t)size);
	free(buffer);
	if (code == UINT32_MAX)
		return size < 0 ? (int)size : -ENOMEM;
	*ret_code = code;
	return 0;
}

static int put_metric(const struct converter *converter, struct made *made, uint32_t row)
{
	int64_t index = column_index(made->batch, SONDE_ROLE_METRIC, SONDE_SCOPE_ROW, NULL);
	const struct sonde_column *column = sonde_column(made->batch, (uint32_t)index);
	uint32_t code;
	int result;

	memcpy(&code, sonde_value(converter->walk.table->plan.metric, row), sizeof(code));
	if (made->metric != code) {
		result = recode_metric(converter,
				       (struct sonde_dictionary *)(uintptr_t)column->dictionary,
				       row, &made->new_metric);
		if (result)
			return result;
		made->metric = code;
	}
	code = (uint32_t)made->new_metric;
	put(column, row, &code, sizeof(code));
	return 0;
}

/* ---- batches ----------------------------------------------------------------------------- */

static int make_columns(const struct converter *converter, struct sonde_batch *batch, bool overflow)
{
	const struct plan *plan = &converter->walk.table->plan;
	struct sonde_instance *instance = converter->walk.instance;
	int result = 0;

	if (overflow)
		result = mark_overflow(instance, batch);
	for (uint32_t i = 0; i < plan->measure_count && !result; i++)
		if (plan->measures[i].column->type != SONDE_QUANTILES)
			result = add_measure(converter, batch, plan->measures[i].column);
	if (!result && plan->metric)
		result = add_metrics(converter, batch);
	if (!result)
		result = add_times(converter, batch, SONDE_ROLE_START_TIME, plan->start,
				   "start_time");
	if (!result)
		result = add_times(converter, batch, SONDE_ROLE_TIME, plan->time, "time");
	remove_weights(instance, batch);
	return result;
}

/* Writes the entry, unless a later row tells what its series has come to. */
static int write_entry(const struct converter *converter, struct made *made,
		       const struct entry *entry)
{
	const struct plan *plan = &converter->walk.table->plan;
	const struct series *value = converter->walk.differs ? &entry->difference : entry->series;
	const struct sonde_column *column = plan->measures[entry->measure].column;
	struct sonde_instance *instance = converter->walk.instance;
	int64_t index = column_index(made->batch, column->role, column->scope, column->name);
	unsigned char *valid;
	int result;

	if (!converter->walk.differs && entry->series->pass_row != entry->row)
		return 0;
	valid = sonde_batch_valid(instance, made->batch, (uint32_t)index);
	if (!valid)
		return -ENOMEM;
	result = put_value(instance, made->batch, (uint32_t)index, entry->row, value);
	if (!result && plan->metric)
		result = put_metric(converter, made, entry->row);
	if (!result)
		result = put_time(converter, made, SONDE_ROLE_START_TIME, entry->row,
				  value->start_ns);
	if (!result)
		result = put_time(converter, made, SONDE_ROLE_TIME, entry->row, value->time_ns);
	if (result)
		return result;
	set_bit(valid, entry->row);
	set_bit(made->selected, entry->row);
	made->last_row = entry->row;
	return 0;
}

static int fill(const struct converter *converter, struct made *made, bool overflow)
{
	int result = make_columns(converter, made->batch, overflow);

	for (uint32_t i = 0; i < converter->count && !result; i++)
		if (converter->entries[i].series->is_overflow == overflow)
			result = write_entry(converter, made, &converter->entries[i]);
	/* wide rows keep what else they say */
	if (!result && (overflow || converter->walk.table->plan.metric))
		result = sonde_batch_select(converter->walk.instance, made->batch, made->selected);
	return result;
}

/* A batch of the points of overflow series, or of the others. */
static int make_batch(const struct converter *converter, struct sonde_batch *from, bool overflow,
		      struct series_converted *converted)
{
	struct sonde_instance *instance = converter->walk.instance;
	struct made made = { .last_row = -1, .metric = -1 };
	int result = -ENOMEM;

	made.selected = calloc(1, bits_size(from) + 1);
	made.batch = made.selected ? sonde_batch_derive(instance, from) : NULL;
	if (made.batch)
		result = fill(converter, &made, overflow);
	free(made.selected);
	if (result || !made.batch->selected_count) {
		sonde_batch_release(instance, made.batch);
		return result;
	}
	(void)sonde_batch_bytes(instance, made.batch);
	converted->batches[converted->count++] = made.batch;
	return 0;
}

/* Long rows that stay as they are. */
static int make_rest(const struct converter *converter, struct sonde_batch *from,
		     struct series_converted *converted)
{
	struct sonde_instance *instance = converter->walk.instance;
	struct sonde_batch *rest = sonde_batch_derive(instance, from);
	int result;

	if (!rest)
		return -ENOMEM;
	for (size_t i = 0; i < bits_size(from); i++)
		converter->visited[i] = (unsigned char)~converter->visited[i];
	result = sonde_batch_select(instance, rest, converter->visited);
	if (result || !rest->selected_count) {
		sonde_batch_release(instance, rest);
		return result;
	}
	(void)sonde_batch_bytes(instance, rest);
	converted->batches[converted->count++] = rest;
	return 0;
}

static int make_all(const struct converter *converter, struct sonde_batch *batch,
		    struct series_converted *converted)
{
	bool is_long = converter->walk.table->plan.metric != NULL;
	int result = 0;

	if (is_long)
		result = make_rest(converter, batch, converted);
	if (!result && (!is_long || converter->count))
		result = make_batch(converter, batch, false, converted);
	if (!result && converter->overflows)
		result = make_batch(converter, batch, true, converted);
	return result;
}

static bool is_visited(const struct converter *converter, const struct sonde_batch *batch)
{
	for (size_t i = 0; i < bits_size(batch); i++)
		if (converter->visited[i])
			return true;
	return false;
}

static void converter_release(struct converter *converter)
{
	for (uint32_t i = 0; i < converter->count; i++)
		if (converter->entries[i].difference.has_value)
			point_drop(&converter->entries[i].difference);
	free(converter->entries);
	free(converter->visited);
}

int series_convert(struct series_table *table, struct sonde_instance *instance,
		   struct sonde_batch *batch, enum sonde_temporality to, struct series_moment now,
		   struct series_converted *ret_converted)
{
	struct converter converter = { .walk = { .table = table,
						 .instance = instance,
						 .batch = batch,
						 .now = now,
						 .differs = to == SONDE_DELTA,
						 .visit = visit,
						 .wants = to == SONDE_DELTA ? wants_delta
									    : wants_cumulative },
				       .to = to };
	struct series_converted converted = { 0 };
	int result = -ENOMEM;

	converter.visited = calloc(1, bits_size(batch) + 1);
	if (converter.visited)
		result = walk_batch(&converter.walk);
	if (!result && !is_visited(&converter, batch))
		converted.batches[converted.count++] = sonde_batch_hold(instance, batch);
	else if (!result)
		result = make_all(&converter, batch, &converted);
	converted.refused_rows = converter.walk.refused_rows;
	converter_release(&converter);
	if (result)
		series_converted_release(instance, &converted);
	else
		*ret_converted = converted;
	return result;
}

void series_converted_release(struct sonde_instance *instance, struct series_converted *converted)
{
	while (converted->count)
		sonde_batch_release(instance, converted->batches[--converted->count]);
}
