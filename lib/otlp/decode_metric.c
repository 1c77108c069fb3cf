// SPDX-License-Identifier: Apache-2.0
/* Metrics: each of their data points is a row, which says by an encoded Metric of which it is. */
#include "decoder.h"

#define POINT_IS_CUT_OFF "a metric is cut off"

enum { HEAP_STEP_WORDS = 512 };

/* ---- parts of histograms ----------------------------------------------------------------- */

static int words_add(struct scratch *words, uint64_t word)
{
	return otlp_scratch_add(words, &word, sizeof(word));
}

static int fixed_part(struct message_reader *reader, uint64_t *ret_word)
{
	return message_read_fixed64(reader, ret_word);
}

static double double_of(uint64_t bits)
{
	double number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

/* Packed words of eight bytes. */
static int packed_fixed(struct message_reader *reader, struct scratch *words)
{
	const unsigned char *data;
	unsigned char *room;
	size_t length;

	if (message_read_bytes(reader, &data, &length) || length % 8)
		return -EBADMSG;
	room = otlp_scratch_room(words, length);
	if (!room)
		return -ENOMEM;
	for (size_t i = 0; i < length; i += 8) {
		uint64_t word;

		memcpy(&word, data + i, sizeof(word));
		word = le64toh(word);
		memcpy(room + i, &word, sizeof(word));
	}
	words->length += length;
	return 0;
}

/* Packed varints. */
static int packed_varints(const struct message_field *field, struct scratch *words)
{
	struct message_reader reader = message_read(field->data, field->length);
	unsigned char *room;
	uint64_t word;

	if (field->length > SIZE_MAX / sizeof(word))
		return -ENOMEM;
	room = otlp_scratch_room(words,
				 field->length * sizeof(word)); /* each has a byte at least */
	if (!room)
		return -ENOMEM;
	for (; reader.at != reader.end; room += sizeof(word)) {
		if (message_read_varint(&reader, &word))
			return -EBADMSG;
		memcpy(room, &word, sizeof(word));
	}
	words->length = (size_t)(room - words->data);
	return 0;
}

static int32_t zigzag(uint64_t value)
{
	uint32_t half = (uint32_t)value;

	return (int32_t)(half >> 1 ^ -(half & 1));
}

static int buckets_part(struct message_reader *reader, struct scratch *words, int32_t *offset)
{
	struct message_reader inner;
	struct message_field field;
	const unsigned char *data;
	size_t length;
	int result = 0, next;

	if (message_read_bytes(reader, &data, &length))
		return -EBADMSG;
	inner = message_read(data, length);
	while (!result && (next = message_next(&inner, &field)) > 0) {
		if (field.number == BUCKETS_OFFSET && field.wire == MESSAGE_VARINT)
			*offset = zigzag(field.value);
		else if (field.number == BUCKETS_COUNTS && field.wire == MESSAGE_BYTES)
			result = packed_varints(&field, words);
		else if (field.number == BUCKETS_COUNTS && field.wire == MESSAGE_VARINT)
			result = words_add(words, field.value);
	}
	return result ? result : next;
}

static int quantile_part(struct message_reader *reader, struct scratch *words)
{
	uint64_t pair[2] = { 0 };
	struct message_reader inner;
	struct message_field field;
	const unsigned char *data;
	size_t length;
	int next;

	if (message_read_bytes(reader, &data, &length))
		return -EBADMSG;
	inner = message_read(data, length);
	while ((next = message_next(&inner, &field)) > 0) {
		if (field.wire == MESSAGE_FIXED64 &&
		    (field.number == QUANTILE_QUANTILE || field.number == QUANTILE_VALUE))
			pair[field.number - QUANTILE_QUANTILE] = field.value;
	}
	return next ? next : otlp_scratch_add(words, pair, sizeof(pair));
}

int otlp_point_field(struct otlp_decoder *decoder, enum part part, struct message_reader *reader)
{
	struct sonde_exponential *histogram = &decoder->point.histogram;
	struct scratch *words = decoder->point.words;
	uint64_t value = 0;
	int result;

	switch (part) {
	case POINT_COUNTS:
		return packed_fixed(reader, &words[0]);
	case POINT_BOUNDS:
		return packed_fixed(reader, &words[1]);
	case POINT_POSITIVE:
		return buckets_part(reader, &words[0], &histogram->positive_offset);
	case POINT_NEGATIVE:
		return buckets_part(reader, &words[1], &histogram->negative_offset);
	case POINT_QUANTILE:
		return quantile_part(reader, &words[0]);
	case POINT_SCALE:
		result = message_read_varint(reader, &value);
		histogram->scale = zigzag(value);
		return result;
	default:
		break;
	}
	result = fixed_part(reader, &value);
	if (result)
		return result;
	switch (part) {
	case POINT_COUNT:
		histogram->count = value;
		break;
	case POINT_SUM:
		histogram->sum = double_of(value);
		histogram->flags |= SONDE_HAS_SUM;
		break;
	case POINT_MINIMUM:
		histogram->minimum = double_of(value);
		histogram->flags |= SONDE_HAS_MINIMUM;
		break;
	case POINT_MAXIMUM:
		histogram->maximum = double_of(value);
		histogram->flags |= SONDE_HAS_MAXIMUM;
		break;
	case POINT_ZERO_COUNT:
		histogram->zero_count = value;
		break;
	case POINT_ZERO_THRESHOLD:
		histogram->zero_threshold = double_of(value);
		break;
	case POINT_ONE_COUNT:
		return words_add(&words[0], value);
	default:
		return words_add(&words[1], value);
	}
	return 0;
}

/* ---- values of histograms ---------------------------------------------------------------- */

/* Copies words into the heap of a column; taken from it many at a time. */
static int heap_put(struct otlp_decoder *decoder, uint32_t fixed, const struct scratch *words,
		    uint32_t *ret_start)
{
	struct heap *heap = &decoder->heaps[fixed - METRIC_COLUMN_EXPLICIT];
	size_t count = words->length / sizeof(uint64_t);
	uint32_t wanted;

	if (!count) {
		*ret_start = 0;
		return 0;
	}
	if (count > UINT32_MAX)
		return otlp_record_is_refused(decoder, "a histogram has too many buckets");
	if (count > heap->length) {
		wanted = count > HEAP_STEP_WORDS ? (uint32_t)count : HEAP_STEP_WORDS;
		heap->words =
			sonde_batch_heap(decoder->instance, decoder->table.batch,
					 decoder->table.fixed[fixed].index, wanted, &heap->start);
		heap->length = heap->words ? wanted : 0;
		if (!heap->words)
			return -ENOMEM;
	}
	memcpy(heap->words, words->data, words->length);
	*ret_start = heap->start;
	heap->words += count;
	heap->start += (uint32_t)count;
	heap->length -= (uint32_t)count;
	return 0;
}

static int explicit_put(struct otlp_decoder *decoder)
{
	struct column *column = &decoder->table.fixed[METRIC_COLUMN_EXPLICIT];
	const struct sonde_exponential *point = &decoder->point.histogram;
	const struct scratch *words = decoder->point.words;
	struct sonde_explicit value = { .count = point->count,
					.sum = point->sum,
					.minimum = point->minimum,
					.maximum = point->maximum,
					.flags = point->flags };
	int result;

	if (words[0].length != (words[0].length || words[1].length ? words[1].length + 8 : 0))
		return otlp_record_is_refused(
			decoder, "a histogram's bounds are not one less than its counts");
	result = column_place(&decoder->table, METRIC_COLUMN_EXPLICIT);
	if (!result)
		result = heap_put(decoder, METRIC_COLUMN_EXPLICIT, &words[0], &value.counts_start);
	if (!result)
		result = heap_put(decoder, METRIC_COLUMN_EXPLICIT, &words[1], &value.bounds_start);
	value.length = (uint32_t)(words[0].length / sizeof(uint64_t));
	if (!result)
		memcpy(column->base + decoder->table.row * sizeof(value), &value, sizeof(value));
	return result;
}

static int exponential_put(struct otlp_decoder *decoder)
{
	struct column *column = &decoder->table.fixed[METRIC_COLUMN_EXPONENTIAL];
	struct sonde_exponential value = decoder->point.histogram;
	const struct scratch *words = decoder->point.words;
	int result = column_place(&decoder->table, METRIC_COLUMN_EXPONENTIAL);

	if (!result)
		result = heap_put(decoder, METRIC_COLUMN_EXPONENTIAL, &words[0],
				  &value.positive_start);
	if (!result)
		result = heap_put(decoder, METRIC_COLUMN_EXPONENTIAL, &words[1],
				  &value.negative_start);
	value.positive_length = (uint32_t)(words[0].length / sizeof(uint64_t));
	value.negative_length = (uint32_t)(words[1].length / sizeof(uint64_t));
	if (!result)
		memcpy(column->base + decoder->table.row * sizeof(value), &value, sizeof(value));
	return result;
}

static int quantiles_put(struct otlp_decoder *decoder)
{
	struct column *column = &decoder->table.fixed[METRIC_COLUMN_QUANTILES];
	const struct scratch *words = decoder->point.words;
	struct sonde_quantiles value = { .count = decoder->point.histogram.count,
					 .sum = decoder->point.histogram.sum };
	int result = column_place(&decoder->table, METRIC_COLUMN_QUANTILES);

	if (!result)
		result = heap_put(decoder, METRIC_COLUMN_QUANTILES, &words[0], &value.pairs_start);
	value.length = (uint32_t)(words[0].length / (2 * sizeof(uint64_t)));
	if (!result)
		memcpy(column->base + decoder->table.row * sizeof(value), &value, sizeof(value));
	return result;
}

/* ---- metrics ----------------------------------------------------------------------------- */

/* What a Metric says beside its points. */
struct metric {
	uint32_t data_number;                        /* of the field of its data; 0: it has none */
	const unsigned char *data_start;             /* where that begins, in the message */
	struct message_field texts[METRIC_UNIT + 1]; /* name, description, unit: the last of each */
	bool has_metadata;
	uint64_t temporality;
	bool monotonic;
};

static bool number_is_data(uint32_t number)
{
	return number == METRIC_GAUGE || number == METRIC_SUM || number == METRIC_HISTOGRAM ||
	       number == METRIC_EXPONENTIAL || number == METRIC_SUMMARY;
}

/* Which data the metric has: of several the last, whose fields of a kind are one. */
static int metric_find(struct otlp_decoder *decoder, const unsigned char *data, size_t length,
		       struct metric *ret_metric)
{
	struct message_reader reader = message_read(data, length);
	const unsigned char *before = reader.at;
	struct metric metric = { 0 };
	struct message_field field;
	int next;

	for (; (next = message_next(&reader, &field)) > 0; before = reader.at) {
		if (field.wire != MESSAGE_BYTES)
			continue;
		if (field.number <= METRIC_UNIT)
			metric.texts[field.number] = field;
		metric.has_metadata |= field.number == METRIC_METADATA;
		if (!number_is_data(field.number) || field.number == metric.data_number)
			continue;
		metric.data_number = field.number;
		metric.data_start = before;
	}
	if (next)
		return otlp_request_is_bad(decoder, reader.at, POINT_IS_CUT_OFF);
	*ret_metric = metric;
	return 0;
}

/* The next of the metric's data: 1, or 0 at the end. */
static int data_next(const struct metric *metric, struct message_reader *reader,
		     struct message_field *ret_field)
{
	int next;

	while ((next = message_next(reader, ret_field)) > 0) {
		if (ret_field->wire == MESSAGE_BYTES && ret_field->number == metric->data_number)
			break;
	}
	return next;
}

static struct message_reader data_reader(const struct metric *metric, const unsigned char *end)
{
	return (struct message_reader){ .at = metric->data_start, .end = end };
}

int otlp_metric_count(struct otlp_decoder *decoder, const unsigned char *data, size_t length,
		      uint64_t *count)
{
	struct message_reader reader, points;
	struct message_field field, point;
	struct metric metric;
	int result = metric_find(decoder, data, length, &metric), next;

	if (result || !metric.data_number)
		return result;
	reader = data_reader(&metric, data + length);
	while (data_next(&metric, &reader, &field) > 0) {
		points = message_read(field.data, field.length);
		*count += items_count(&points, DATA_POINTS);
		while ((next = message_next(&points, &point)) > 0) {
			*count += point.number == DATA_POINTS && point.wire == MESSAGE_BYTES;
			*count += items_count(&points, DATA_POINTS);
		}
		if (next)
			return otlp_request_is_bad(decoder, points.at, POINT_IS_CUT_OFF);
	}
	return 0;
}

/* What the data says beside the points. It was looked at before. */
static void metric_read(struct metric *metric, const unsigned char *end)
{
	struct message_reader reader = data_reader(metric, end), inner;
	struct message_field field, part;

	while (data_next(metric, &reader, &field) > 0) {
		inner = message_read(field.data, field.length);
		items_count(&inner, DATA_POINTS); /* they are read later */
		while (message_next(&inner, &part) > 0) {
			if (part.wire != MESSAGE_VARINT)
				continue;
			if (part.number == DATA_TEMPORALITY)
				metric->temporality = (uint64_t)(int64_t)(int32_t)part.value;
			else if (part.number == DATA_MONOTONIC)
				metric->monotonic = part.value != 0;
		}
	}
}

/* Name, description or unit, if it is not empty. */
static int head_text(struct otlp_decoder *decoder, struct scratch *scratch,
		     const struct metric *metric, uint32_t number)
{
	const struct message_field *text = &metric->texts[number];
	size_t start;
	int result;

	if (!text->length)
		return 0;
	result = otlp_scratch_open(scratch, number, &start);
	if (!result)
		result = otlp_text_add(decoder, scratch, text->data, text->length);
	return result ? result : otlp_scratch_close(scratch, start);
}

static int head_data(struct scratch *scratch, const struct metric *metric)
{
	bool temporal =
		metric->data_number != METRIC_GAUGE && metric->data_number != METRIC_SUMMARY;
	size_t start;
	int result = otlp_scratch_open(scratch, metric->data_number, &start);

	if (!result && temporal && metric->temporality)
		result = otlp_scratch_number(scratch, DATA_TEMPORALITY, metric->temporality);
	if (!result && metric->data_number == METRIC_SUM && metric->monotonic)
		result = otlp_scratch_number(scratch, DATA_MONOTONIC, 1);
	return result ? result : otlp_scratch_close(scratch, start);
}

static int head_metadata(struct otlp_decoder *decoder, struct scratch *scratch,
			 const unsigned char *data, size_t length)
{
	struct message_reader reader = message_read(data, length);
	struct message_field field;
	struct pair pair;
	int result = 0;

	while (!result && message_next(&reader, &field) > 0) {
		if (field.number != METRIC_METADATA || field.wire != MESSAGE_BYTES)
			continue;
		result = otlp_pair_read(decoder, field.data, field.length, &pair);
		if (!result)
			result = otlp_pair_append(decoder, &pair, METRIC_METADATA, scratch);
	}
	return result;
}

/* The metric without its points, as an entry. */
static int head_add(struct otlp_decoder *decoder, const unsigned char *data, size_t length,
		    struct metric *metric, uint32_t *ret_code)
{
	struct scratch *scratch = &decoder->name;
	const unsigned char *kept;
	uint32_t kept_length;
	int result;

	metric_read(metric, data + length);
	scratch->length = 0;
	result = head_text(decoder, scratch, metric, METRIC_NAME);
	if (!result)
		result = head_text(decoder, scratch, metric, METRIC_DESCRIPTION);
	if (!result)
		result = head_text(decoder, scratch, metric, METRIC_UNIT);
	if (!result)
		result = head_data(scratch, metric);
	if (!result && metric->has_metadata)
		result = head_metadata(decoder, scratch, data, length);
	if (!result)
		result = otlp_scratch_keep(decoder, scratch,
					   "a metric's name and metadata are too long", &kept,
					   &kept_length);
	return result ? result : entry_add(decoder, kept, kept_length, ret_code);
}

static int point_decode(struct otlp_decoder *decoder, uint32_t data_number, uint32_t code,
			const struct message_field *message)
{
	static const struct rules *const rules[] = {
		[METRIC_GAUGE] = &otlp_number_rules,
		[METRIC_SUM] = &otlp_number_rules,
		[METRIC_HISTOGRAM] = &otlp_explicit_rules,
		[METRIC_EXPONENTIAL] = &otlp_exponential_rules,
		[METRIC_SUMMARY] = &otlp_summary_rules,
	};
	struct table *table = &decoder->table;
	bool plain = rules[data_number] == &otlp_number_rules;
	int result;

	if (!plain) {
		decoder->point.histogram = (struct sonde_exponential){ 0 };
		decoder->point.words[0].length = decoder->point.words[1].length = 0;
	}
	result = otlp_row_decode(table, rules[data_number], message->data, message->length);
	if (!result)
		result = column_place(table, METRIC_COLUMN_METRIC);
	if (result)
		return result;
	memcpy(table->fixed[METRIC_COLUMN_METRIC].base + (size_t)table->row * 4, &code,
	       sizeof(code));
	if (plain)
		return 0;
	return data_number == METRIC_HISTOGRAM     ? explicit_put(decoder)
	       : data_number == METRIC_EXPONENTIAL ? exponential_put(decoder)
						   : quantiles_put(decoder);
}

int otlp_metric_decode(struct otlp_decoder *decoder, const unsigned char *data, size_t length)
{
	struct message_reader reader, points;
	struct message_field field, point;
	struct metric metric;
	uint32_t code = 0;
	int result = metric_find(decoder, data, length, &metric), head;

	if (result || !metric.data_number)
		return result;
	head = head_add(decoder, data, length, &metric, &code);
	if (head && head != -EINVAL)
		return head;
	reader = data_reader(&metric, data + length);
	while (!result && data_next(&metric, &reader, &field) > 0) {
		points = message_read(field.data, field.length);
		while (!result && message_next(&points, &point) > 0) {
			if (point.number != DATA_POINTS || point.wire != MESSAGE_BYTES)
				continue;
			result = head ? head
				      : point_decode(decoder, metric.data_number, code, &point);
			result = otlp_record_end(decoder, &point, result);
		}
	}
	return result;
}
