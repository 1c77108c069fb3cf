// SPDX-License-Identifier: Apache-2.0
/* OTLP Metric messages without points: which metric a row belongs to, as bytes. */
#include <errno.h>
#include <string.h>

#include "protobuf.h"
#include "value.h"

/* Field numbers of OTLP. */
enum { METRIC_NAME = 1, METRIC_DESCRIPTION = 2, METRIC_UNIT = 3, METRIC_METADATA = 12 };
enum { DATA_TEMPORALITY = 2, DATA_MONOTONIC = 3 };
enum { LIST_VALUES = 1 };
enum { ANY_MAP = 6, ANY_LAST = 7 };

static const uint32_t data_fields[] = {
	[SONDE_METRIC_GAUGE] = 5,        [SONDE_METRIC_SUM] = 7,      [SONDE_METRIC_HISTOGRAM] = 9,
	[SONDE_METRIC_EXPONENTIAL] = 10, [SONDE_METRIC_SUMMARY] = 11,
};

/* The list of pairs in an encoded map. */
static int map_pairs(const struct sonde_text *map, struct message_field *ret_list)
{
	struct message_reader reader = message_read(map->data, map->length);
	struct message_field field, last = { 0 };
	int result;

	while ((result = message_next(&reader, &field)) > 0) {
		if (field.number <= ANY_LAST)
			last = field;
	}
	if (result || (last.number && (last.number != ANY_MAP || last.wire != MESSAGE_BYTES)))
		return -EINVAL;
	*ret_list = last;
	return 0;
}

/* The bytes that the fields of a number take under a tag of one byte. */
static int64_t fields_size(const struct message_field *message, uint32_t number)
{
	struct message_reader reader = message_read(message->data, message->length);
	struct message_field field;
	uint64_t size = 0;
	int result;

	while ((result = message_next(&reader, &field)) > 0) {
		if (field.number == number && field.wire == MESSAGE_BYTES)
			size += message_bytes_size(field.length);
	}
	return result ? result : (int64_t)size;
}

/* Writes the fields of one number under another, forwards. Returns where they end. */
static unsigned char *fields_copy(unsigned char *to, const struct message_field *message,
				  uint32_t number, uint32_t number_after)
{
	struct message_reader reader = message_read(message->data, message->length);
	struct message_field field;

	while (message_next(&reader, &field) > 0) {
		struct message_writer writer;

		if (field.number != number || field.wire != MESSAGE_BYTES)
			continue;
		to += message_bytes_size(field.length);
		writer.at = to;
		message_put_bytes(&writer, field.data, field.length);
		message_put_head(&writer, number_after, to);
	}
	return to;
}

static bool metric_is_temporal(const struct sonde_metric *metric)
{
	return metric->kind == SONDE_METRIC_SUM || metric->kind == SONDE_METRIC_HISTOGRAM ||
	       metric->kind == SONDE_METRIC_EXPONENTIAL;
}

/* An enum on the wire: negative numbers have ten bytes. */
static uint64_t temporality_value(const struct sonde_metric *metric)
{
	return (uint64_t)(int64_t)(int32_t)metric->temporality;
}

static int64_t data_size(const struct sonde_metric *metric)
{
	uint64_t size = 0;

	if (metric_is_temporal(metric) && metric->temporality)
		size += 1 + message_varint_size(temporality_value(metric));
	if (metric->kind == SONDE_METRIC_SUM && metric->monotonic)
		size += 2;
	return metric->kind ? (int64_t)message_bytes_size(size) : 0;
}

static int64_t metric_size(const struct sonde_metric *metric, struct message_field *ret_pairs)
{
	const struct sonde_text *texts[] = { &metric->name, &metric->description, &metric->unit };
	int64_t size, pairs_size;

	if (metric->kind > SONDE_METRIC_SUMMARY || map_pairs(&metric->metadata, ret_pairs))
		return -EINVAL;
	pairs_size = fields_size(ret_pairs, LIST_VALUES);
	if (pairs_size < 0)
		return -EINVAL;
	size = data_size(metric) + pairs_size;
	for (uint32_t i = 0; i < 3; i++) {
		if (texts[i]->length)
			size += (int64_t)message_bytes_size(texts[i]->length);
	}
	return size;
}

static void put_text(struct message_writer *writer, uint32_t number, const struct sonde_text *text)
{
	const unsigned char *end = writer->at;

	if (!text->length)
		return;
	message_put_bytes(writer, text->data, text->length);
	message_put_head(writer, number, end);
}

int64_t metric_encode(const struct sonde_metric *metric, void *buffer, size_t capacity)
{
	struct message_field pairs;
	int64_t size = metric_size(metric, &pairs);
	struct message_writer writer;
	const unsigned char *end;

	if (size <= 0 || (uint64_t)size > capacity)
		return size;
	writer.at = (unsigned char *)buffer + size - fields_size(&pairs, LIST_VALUES);
	fields_copy(writer.at, &pairs, LIST_VALUES, METRIC_METADATA);
	if (metric->kind) {
		end = writer.at;
		if (metric->kind == SONDE_METRIC_SUM && metric->monotonic)
			message_put_field(&writer, DATA_MONOTONIC, 1);
		if (metric_is_temporal(metric) && metric->temporality)
			message_put_field(&writer, DATA_TEMPORALITY, temporality_value(metric));
		message_put_head(&writer, data_fields[metric->kind], end);
	}
	put_text(&writer, METRIC_UNIT, &metric->unit);
	put_text(&writer, METRIC_DESCRIPTION, &metric->description);
	put_text(&writer, METRIC_NAME, &metric->name);
	return size;
}

static void set_text(struct sonde_text *text, const struct message_field *field)
{
	*text = (struct sonde_text){ .data = (const char *)field->data,
				     .length = (uint32_t)field->length };
}

static int decode_data(const struct message_field *message, struct sonde_metric *metric)
{
	struct message_reader reader = message_read(message->data, message->length);
	struct message_field field;
	int result;

	metric->temporality = 0;
	metric->monotonic = false;
	while ((result = message_next(&reader, &field)) > 0) {
		if (field.wire != MESSAGE_VARINT)
			continue;
		if (field.number == DATA_TEMPORALITY && metric_is_temporal(metric))
			metric->temporality = (uint32_t)field.value;
		if (field.number == DATA_MONOTONIC && metric->kind == SONDE_METRIC_SUM)
			metric->monotonic = field.value != 0;
	}
	return result;
}

static int decode_metric_field(const struct message_field *field, struct sonde_metric *metric)
{
	if (field->wire != MESSAGE_BYTES)
		return 0;
	if (field->number == METRIC_NAME)
		set_text(&metric->name, field);
	else if (field->number == METRIC_DESCRIPTION)
		set_text(&metric->description, field);
	else if (field->number == METRIC_UNIT)
		set_text(&metric->unit, field);
	for (uint32_t kind = SONDE_METRIC_GAUGE; kind <= SONDE_METRIC_SUMMARY; kind++) {
		if (data_fields[kind] == field->number) {
			metric->kind = kind;
			return decode_data(field, metric);
		}
	}
	return 0;
}

int metric_decode(const void *data, size_t length, struct sonde_metric *ret_metric)
{
	struct message_reader reader = message_read(data, length);
	struct sonde_metric metric = { 0 };
	struct message_field field;
	int result, next;

	if (length > INT32_MAX)
		return -EBADMSG;
	while ((next = message_next(&reader, &field)) > 0) {
		result = decode_metric_field(&field, &metric);
		if (result)
			return result;
	}
	if (next)
		return next;
	metric.size = ret_metric->size && ret_metric->size < sizeof(metric) ? ret_metric->size
									    : sizeof(metric);
	memcpy(ret_metric, &metric, metric.size); /* an older plugin knows less of it */
	return 0;
}

int64_t metric_metadata(const void *data, size_t length, void *buffer, size_t capacity)
{
	struct message_field message = { .data = data, .length = length };
	struct message_writer writer;
	int64_t list_size, size;

	if (length > INT32_MAX)
		return -EBADMSG;
	list_size = fields_size(&message, METRIC_METADATA);
	if (list_size <= 0)
		return list_size;
	size = (int64_t)message_bytes_size((uint64_t)list_size);
	if ((uint64_t)size > capacity)
		return size;
	writer.at = (unsigned char *)buffer + size - list_size;
	fields_copy(writer.at, &message, METRIC_METADATA, LIST_VALUES);
	message_put_head(&writer, ANY_MAP, (unsigned char *)buffer + size);
	return size;
}
