// SPDX-License-Identifier: Apache-2.0
/* Values of several members as JSON: nested values, metrics, histograms. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "nested.h"

void nested_scratch_release(struct nested_scratch *scratch)
{
	free(scratch->items);
	memset(scratch, 0, sizeof(*scratch));
}

/* Decodes into the scratch, which grows. */
static int decode(struct nested_scratch *scratch, struct sonde_instance *instance,
		  struct sonde_text encoded)
{
	uint32_t count = 0;
	int result;

	for (;;) {
		result = sonde_any_decode(instance, encoded.data, encoded.length, scratch->items,
					  scratch->capacity, &count);
		if (result != -ENOSPC || count <= scratch->capacity)
			return result;

		struct sonde_any *items = reallocarray(scratch->items, count, sizeof(*items));

		if (!items)
			return -ENOMEM;
		scratch->items = items;
		scratch->capacity = count;
	}
}

static void write_any(struct json *out, const struct sonde_any *any)
{
	switch (any->kind) {
	case SONDE_ANY_TEXT:
		json_text_length(out, any->as.data, any->length);
		return;
	case SONDE_ANY_BOOL:
		json_boolean(out, any->as.boolean);
		return;
	case SONDE_ANY_INTEGER:
		json_integer(out, any->as.integer);
		return;
	case SONDE_ANY_DOUBLE:
		json_double(out, any->as.number);
		return;
	case SONDE_ANY_BYTES:
		json_base64(out, any->as.data, any->length);
		return;
	case SONDE_ANY_ARRAY:
		json_open_array(out);
		for (uint32_t place = 0; place < any->length; place++)
			write_any(out, &any->as.items[place]);
		json_close_array(out);
		return;
	case SONDE_ANY_MAP:
		json_open_object(out);
		for (uint32_t place = 0; place < any->length; place++) {
			json_key_length(out, any->as.items[place].key,
					any->as.items[place].key_length);
			write_any(out, &any->as.items[place]);
		}
		json_close_object(out);
		return;
	default:
		json_null(out);
	}
}

void nested_write_any(struct nested_scratch *scratch, struct sonde_instance *instance,
		      struct sonde_text encoded, struct json *out)
{
	int result = decode(scratch, instance, encoded);

	if (result == -ENOMEM)
		out->failed = true;
	else if (result < 0)
		json_base64(out, encoded.data, encoded.length); /* not a value: its bytes */
	else
		write_any(out, &scratch->items[0]);
}

static void write_metric_text(struct json *out, const char *key, struct sonde_text text)
{
	if (!text.length)
		return;
	json_key(out, key);
	json_text_length(out, text.data, text.length);
}

void nested_write_metric(struct nested_scratch *scratch, struct sonde_instance *instance,
			 struct sonde_text encoded, struct json *out)
{
	static const char *const kinds[] = {
		NULL, "gauge", "sum", "histogram", "exponential_histogram", "summary"
	};
	struct sonde_metric metric;

	if (sonde_metric_decode(instance, encoded.data, encoded.length, &metric) < 0) {
		json_base64(out, encoded.data, encoded.length);
		return;
	}
	json_open_object(out);
	write_metric_text(out, "name", metric.name);
	write_metric_text(out, "unit", metric.unit);
	write_metric_text(out, "description", metric.description);
	if (metric.kind && metric.kind < sizeof(kinds) / sizeof(*kinds)) {
		json_key(out, "kind");
		json_text(out, kinds[metric.kind]);
	}
	if (metric.temporality) {
		json_key(out, "temporality");
		if (metric.temporality > SONDE_CUMULATIVE)
			json_unsigned(out, metric.temporality);
		else
			json_text(out, metric.temporality == SONDE_DELTA ? "delta" : "cumulative");
	}
	if (metric.kind == SONDE_METRIC_SUM) {
		json_key(out, "monotonic");
		json_boolean(out, metric.monotonic);
	}
	if (metric.metadata.length) {
		json_key(out, "metadata");
		nested_write_any(scratch, instance, metric.metadata, out);
	}
	json_close_object(out);
}

static void write_unsigned(struct json *out, const char *key, uint64_t value)
{
	json_key(out, key);
	json_unsigned(out, value);
}

static void write_double(struct json *out, const char *key, double value)
{
	json_key(out, key);
	json_double(out, value);
}

static void write_summary(struct json *out, uint64_t count, double sum, double minimum,
			  double maximum, uint32_t flags)
{
	write_unsigned(out, "count", count);
	if (flags & SONDE_HAS_SUM)
		write_double(out, "sum", sum);
	if (flags & SONDE_HAS_MINIMUM)
		write_double(out, "min", minimum);
	if (flags & SONDE_HAS_MAXIMUM)
		write_double(out, "max", maximum);
}

/* Whether so many words at a place lie in the column's heap. */
static bool in_heap(const struct sonde_column *column, uint32_t start, uint32_t length)
{
	return start <= column->heap_length && length <= column->heap_length - start;
}

static void write_buckets(struct json *out, const char *key, const struct sonde_column *column,
			  uint32_t start, uint32_t length)
{
	json_key(out, key);
	json_open_array(out);
	if (in_heap(column, start, length))
		for (uint32_t place = 0; place < length; place++)
			json_unsigned(out, column->heap[start + place]);
	json_close_array(out);
}

static void write_doubles(struct json *out, const char *key, const struct sonde_column *column,
			  uint32_t start, uint32_t length)
{
	double value;

	json_key(out, key);
	json_open_array(out);
	if (in_heap(column, start, length))
		for (uint32_t place = 0; place < length; place++) {
			memcpy(&value, &column->heap[start + place], sizeof(value));
			json_double(out, value);
		}
	json_close_array(out);
}

void nested_write_exponential(const struct sonde_column *column, const void *value,
			      struct json *out)
{
	struct sonde_exponential head;

	memcpy(&head, value, sizeof(head));
	json_open_object(out);
	write_summary(out, head.count, head.sum, head.minimum, head.maximum, head.flags);
	json_key(out, "scale");
	json_integer(out, head.scale);
	write_unsigned(out, "zero_count", head.zero_count);
	if (head.zero_threshold != 0)
		write_double(out, "zero_threshold", head.zero_threshold);
	json_key(out, "offset");
	json_integer(out, head.positive_offset);
	write_buckets(out, "buckets", column, head.positive_start, head.positive_length);
	if (head.negative_length) {
		json_key(out, "negative_offset");
		json_integer(out, head.negative_offset);
		write_buckets(out, "negative_buckets", column, head.negative_start,
			      head.negative_length);
	}
	json_close_object(out);
}

void nested_write_explicit(const struct sonde_column *column, const void *value, struct json *out)
{
	struct sonde_explicit head;

	memcpy(&head, value, sizeof(head));
	json_open_object(out);
	write_summary(out, head.count, head.sum, head.minimum, head.maximum, head.flags);
	write_doubles(out, "bounds", column, head.bounds_start, head.length ? head.length - 1 : 0);
	write_buckets(out, "buckets", column, head.counts_start, head.length);
	json_close_object(out);
}

/* {"count":3,"sum":1.5,"quantiles":[[0.5,0.4],[0.99,0.7]]} */
void nested_write_quantiles(const struct sonde_column *column, const void *value, struct json *out)
{
	struct sonde_quantiles head;
	double pair[2];

	memcpy(&head, value, sizeof(head));
	json_open_object(out);
	write_unsigned(out, "count", head.count);
	write_double(out, "sum", head.sum);
	json_key(out, "quantiles");
	json_open_array(out);
	if (head.length <= UINT32_MAX / 2 && in_heap(column, head.pairs_start, head.length * 2))
		for (uint32_t place = 0; place < head.length; place++) {
			memcpy(pair, &column->heap[head.pairs_start + 2 * place], sizeof(pair));
			json_open_array(out);
			json_double(out, pair[0]);
			json_double(out, pair[1]);
			json_close_array(out);
		}
	json_close_array(out);
	json_close_object(out);
}
