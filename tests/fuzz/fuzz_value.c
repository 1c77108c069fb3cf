// SPDX-License-Identifier: Apache-2.0
/* Any bytes into the decoders of values and metrics; what was read is written and read again. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What encoding makes of a decoded value encodes to the same bytes again. */
static void check_value(const uint8_t *data, size_t size)
{
	struct sonde_any few[4], *items;
	uint32_t count = 0, again = 0;
	unsigned char *first, *second;
	int64_t length;

	if (any_decode(data, size, few, 4, &count) == -EBADMSG)
		return;
	assert(count >= 1 && count <= size + 1);
	items = calloc((size_t)count * 2, sizeof(*items));
	assert(items && !any_decode(data, size, items, count, &again) && again == count);
	length = any_encode(items, NULL, 0);
	assert(length >= 0);
	first = malloc((size_t)length + 1);
	second = malloc((size_t)length + 1);
	assert(first && second && any_encode(items, first, (size_t)length) == length);
	assert(!any_decode(first, (size_t)length, items + count, count, &again) && again == count);
	assert(any_encode(items + count, second, (size_t)length) == length);
	assert(!length || !memcmp(first, second, (size_t)length));
	free(first);
	free(second);
	free(items);
}

static int same(struct sonde_text one, struct sonde_text two)
{
	return one.length == two.length && (!one.length || !memcmp(one.data, two.data, one.length));
}

static void check_metric(const uint8_t *data, size_t size)
{
	struct sonde_metric metric = { 0 }, again = { 0 };
	int64_t map_length = metric_metadata(data, size, NULL, 0), length;
	unsigned char *map, *bytes;

	if (metric_decode(data, size, &metric))
		return;
	assert(map_length >= 0);
	map = malloc((size_t)map_length + 1);
	assert(map && metric_metadata(data, size, map, (size_t)map_length) == map_length);
	metric.metadata =
		(struct sonde_text){ .data = (char *)map, .length = (uint32_t)map_length };
	length = metric_encode(&metric, NULL, 0);
	bytes = malloc((size_t)length + 1);
	assert(bytes && metric_encode(&metric, bytes, (size_t)length) == length);
	assert(!metric_decode(bytes, (size_t)length, &again));
	assert(same(again.name, metric.name) && same(again.unit, metric.unit) &&
	       same(again.description, metric.description) && again.kind == metric.kind &&
	       again.temporality == metric.temporality && again.monotonic == metric.monotonic);
	assert(metric_metadata(bytes, (size_t)length, NULL, 0) == map_length);
	free(map);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_value(data, size);
	check_metric(data, size);
	return 0;
}
