// SPDX-License-Identifier: Apache-2.0
/* Counts the rows of OTLP requests, and which of them were there already. */
#include "otlp_tally.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protobuf.h"

enum {
	REQUEST_RESOURCES = 1, /* Export…Request, and within each of these: */
	RESOURCE_SCOPES = 2,
	SCOPE_ROWS = 2, /* or metrics */
	LOG_ATTRIBUTES = 6,
	SPAN_ATTRIBUTES = 9,
	METRIC_GAUGE = 5,
	METRIC_SUM = 7,
	METRIC_HISTOGRAM = 9,
	METRIC_EXPONENTIAL = 10,
	METRIC_SUMMARY = 11,
	METRIC_POINTS = 1, /* of each of these kinds */
	PAIR_VALUE = 2,
	VALUE_TEXT = 1,
	VALUE_INTEGER = 3,
	RANGES_LIMIT = 100,
};

/* A key as the first or the last field of a KeyValue: some write the value before it. */
static const char key_field[] = "\x0a\x03" OTLP_ROW_KEY;

/* What is done with each row of a request. */
struct visit {
	struct tally *tally; /* NULL: only counted */
	uint64_t rows;
	uint64_t skipped; /* the first rows, which are not counted into the tally */
};

int tally_create(uint64_t limit, struct tally *ret_tally)
{
	struct tally tally = { .limit = limit };

	if (limit) {
		tally.seen = calloc(limit, 1);
		if (!tally.seen)
			return -ENOMEM;
	}
	*ret_tally = tally;
	return 0;
}

void tally_release(struct tally *tally)
{
	free(tally->seen);
	tally->seen = NULL;
}

void tally_clear(struct tally *tally)
{
	if (tally->seen)
		memset(tally->seen, 0, tally->limit);
	*tally = (struct tally){ .limit = tally->limit, .seen = tally->seen };
}

/* ---- a row ------------------------------------------------------------------------------- */

static bool digits_read(const unsigned char *text, size_t length, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (!length || length > 18)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (text[i] - '0');
	}
	*ret_number = number;
	return true;
}

static bool value_number(const struct message_field *value, uint64_t *ret_number)
{
	struct message_reader reader = message_read(value->data, value->length);
	struct message_field field;

	while (message_next(&reader, &field) == 1) {
		if (field.number == VALUE_INTEGER && field.wire == MESSAGE_VARINT) {
			*ret_number = field.value;
			return true;
		}
		if (field.number == VALUE_TEXT && field.wire == MESSAGE_BYTES)
			return digits_read(field.data, field.length, ret_number);
	}
	return false;
}

static bool pair_number(const struct message_field *pair, uint64_t *ret_number)
{
	const size_t key_length = sizeof(key_field) - 1;
	struct message_reader reader = message_read(pair->data, pair->length);
	struct message_field field;

	if (pair->length < key_length ||
	    (memcmp(pair->data, key_field, key_length) != 0 &&
	     memcmp(pair->data + pair->length - key_length, key_field, key_length) != 0))
		return false;
	while (message_next(&reader, &field) == 1) {
		if (field.number == PAIR_VALUE && field.wire == MESSAGE_BYTES)
			return value_number(&field, ret_number);
	}
	return false;
}

static void tally_row(struct tally *tally, const struct message_field *row, uint32_t attributes)
{
	struct message_reader reader = message_read(row->data, row->length);
	struct message_field field;
	uint64_t number = 0;
	bool found = false;

	tally->rows++;
	if (!tally->limit)
		return;
	while (!found && message_next(&reader, &field) == 1)
		found = field.number == attributes && field.wire == MESSAGE_BYTES &&
			pair_number(&field, &number);
	if (!found || number < OTLP_ROW_BASE) {
		tally->unnumbered++;
		return;
	}
	number -= OTLP_ROW_BASE;
	if (number >= tally->limit) {
		tally->beyond++;
		return;
	}
	if (tally->seen[number])
		tally->repeated++;
	else
		tally->distinct++;
	if (tally->seen[number] < UINT8_MAX)
		tally->seen[number]++;
}

static void visit_row(struct visit *visit, const struct message_field *row, uint32_t attributes)
{
	if (visit->tally && visit->rows >= visit->skipped)
		tally_row(visit->tally, row, attributes);
	visit->rows++;
}

/* ---- a request --------------------------------------------------------------------------- */

static uint32_t point_attributes(uint32_t kind)
{
	switch (kind) {
	case METRIC_GAUGE:
	case METRIC_SUM:
	case METRIC_SUMMARY:
		return 7;
	case METRIC_HISTOGRAM:
		return 9;
	case METRIC_EXPONENTIAL:
		return 1;
	default:
		return 0;
	}
}

static int visit_metric(struct visit *visit, const struct message_field *metric)
{
	struct message_reader reader = message_read(metric->data, metric->length);
	struct message_field data = { 0 }, point = { 0 };
	int result;

	while ((result = message_next(&reader, &data)) == 1) {
		uint32_t attributes = point_attributes(data.number);
		struct message_reader points = message_read(data.data, data.length);

		if (!attributes || data.wire != MESSAGE_BYTES)
			continue;
		while ((result = message_next(&points, &point)) == 1) {
			if (point.number == METRIC_POINTS && point.wire == MESSAGE_BYTES)
				visit_row(visit, &point, attributes);
		}
		if (result)
			return result;
	}
	return result;
}

static int visit_scope(struct visit *visit, enum otlp_signal signal,
		       const struct message_field *scope)
{
	struct message_reader reader = message_read(scope->data, scope->length);
	struct message_field field;
	int result;

	while ((result = message_next(&reader, &field)) == 1) {
		if (field.number != SCOPE_ROWS || field.wire != MESSAGE_BYTES)
			continue;
		if (signal == OTLP_METRICS) {
			result = visit_metric(visit, &field);
			if (result)
				return result;
		} else {
			visit_row(visit, &field,
				  signal == OTLP_LOGS ? LOG_ATTRIBUTES : SPAN_ATTRIBUTES);
		}
	}
	return result;
}

static int visit_request(struct visit *visit, enum otlp_signal signal, const void *data,
			 size_t length)
{
	struct message_reader reader = message_read(data, length), scopes;
	struct message_field resource = { 0 }, scope = { 0 };
	int result;

	while ((result = message_next(&reader, &resource)) == 1) {
		if (resource.number != REQUEST_RESOURCES || resource.wire != MESSAGE_BYTES)
			continue;
		scopes = message_read(resource.data, resource.length);
		while ((result = message_next(&scopes, &scope)) == 1) {
			if (scope.number != RESOURCE_SCOPES || scope.wire != MESSAGE_BYTES)
				continue;
			result = visit_scope(visit, signal, &scope);
			if (result)
				return result;
		}
		if (result)
			return result;
	}
	return result;
}

int tally_weigh(enum otlp_signal signal, const void *data, size_t length, uint64_t *ret_rows)
{
	struct visit visit = { 0 };
	int result = visit_request(&visit, signal, data, length);

	if (result)
		return result;
	*ret_rows = visit.rows;
	return 0;
}

int tally_add(struct tally *tally, enum otlp_signal signal, const void *data, size_t length,
	      uint64_t skipped)
{
	struct visit visit = { .tally = tally, .skipped = skipped };
	uint64_t rows;
	int result = tally_weigh(signal, data, length, &rows);

	return result ? result : visit_request(&visit, signal, data, length);
}

void tally_print_missing(const struct tally *tally, uint64_t count, FILE *file)
{
	uint64_t missing = 0, ranges = 0, end = count < tally->limit ? count : tally->limit;

	fprintf(file, "{\"ranges\":[");
	for (uint64_t number = 0; number < end; number++) {
		uint64_t first = number;

		while (number < end && !tally->seen[number])
			number++;
		missing += number - first;
		if (number > first && ranges++ < RANGES_LIMIT)
			fprintf(file, "%s[%lu,%lu]", ranges > 1 ? "," : "", first, number - 1);
	}
	fprintf(file, "],\"missing\":%lu}\n", missing);
}
