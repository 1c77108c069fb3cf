// SPDX-License-Identifier: Apache-2.0
/* Values of data points: numbers, histograms, summaries. */
#include "encode_number.h"

#include <math.h>
#include "encode_value.h"
#include "fields.h"

enum { FIELDS_SIZE = 128 }; /* of all members of a histogram but its buckets */

static void put_double(struct message_writer *writer, uint32_t number, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	message_put_fixed64(writer, bits);
	message_put_tag(writer, number, MESSAGE_FIXED64);
}

/* A double that is left out if it is the default, which -0.0 is not. */
static void put_some_double(struct message_writer *writer, uint32_t number, double value)
{
	if (value != 0 || signbit(value))
		put_double(writer, number, value);
}

static void put_fixed(struct message_writer *writer, uint32_t number, uint64_t value)
{
	if (!value)
		return;
	message_put_fixed64(writer, value);
	message_put_tag(writer, number, MESSAGE_FIXED64);
}

/* A count of rows that each stand for several. */
static uint64_t scale(uint64_t count, double weight)
{
	double scaled = (double)count * weight;

	if (weight == 1)
		return count;
	if (!(scaled > 0))
		return 0;
	return scaled < 0x1p64 ? (uint64_t)(scaled + 0.5) : UINT64_MAX;
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* Integers beyond what OTLP's have room for go as doubles. */
static void put_integer(struct message_writer *writer, uint64_t bits, bool is_signed, double weight)
{
	double wide = is_signed ? (double)(int64_t)bits : (double)bits;

	if (weight != 1) {
		wide = wide < 0 ? ceil(wide * weight - 0.5) : floor(wide * weight + 0.5);
		if (fabs(wide) < 0x1p63)
			bits = (uint64_t)(int64_t)wide;
	}
	if (weight != 1 ? !(fabs(wide) < 0x1p63) : !is_signed && bits > INT64_MAX) {
		put_double(writer, NUMBER_DOUBLE, wide);
		return;
	}
	message_put_fixed64(writer, bits);
	message_put_tag(writer, NUMBER_INTEGER, MESSAGE_FIXED64);
}

static bool put_number(const struct sonde_column *column, const unsigned char *value, double weight,
		       struct output *output)
{
	double number;

	if (!output_room(output, MESSAGE_HEAD_SIZE))
		return false;
	if (column->type == SONDE_DOUBLE) {
		memcpy(&number, value, sizeof(number));
		put_double(&output->writer, NUMBER_DOUBLE, weight == 1 ? number : number * weight);
	} else {
		put_integer(&output->writer, value_integer(value, column->type),
			    column->type != SONDE_U64, weight);
	}
	return true;
}

/* ---- histograms -------------------------------------------------------------------------- */

/* Whether so many words at a place lie in the column's heap. */
static bool in_heap(const struct sonde_column *column, uint32_t start, uint64_t length)
{
	return start <= column->heap_length && length <= column->heap_length - start;
}

/* Words of the heap as a packed field of fixed ones. */
static void put_packed(const uint64_t *words, uint32_t length, double weight, uint32_t number,
		       struct output *output)
{
	size_t end = output_length(output);

	if (!length)
		return;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (weight == 1) { /* the heap has them as they go out */
		message_put_bytes(&output->writer, words, (size_t)length * sizeof(*words));
		length = 0;
	}
#endif
	for (uint32_t place = length; place--;)
		message_put_fixed64(&output->writer, scale(words[place], weight));
	output_put_head(output, number, end);
}

static bool put_explicit(const struct sonde_column *column, const void *value, double weight,
			 struct output *output)
{
	struct message_writer *writer = &output->writer;
	struct sonde_explicit head;

	memcpy(&head, value, sizeof(head));
	if (!head.length || !in_heap(column, head.counts_start, head.length) ||
	    !in_heap(column, head.bounds_start, head.length - 1))
		head.length = 0;
	if (!output_room(output, FIELDS_SIZE + (size_t)head.length * 16))
		return false;
	if (head.flags & SONDE_HAS_MAXIMUM)
		put_double(writer, EXPLICIT_MAXIMUM, head.maximum);
	if (head.flags & SONDE_HAS_MINIMUM)
		put_double(writer, EXPLICIT_MINIMUM, head.minimum);
	if (head.length) {
		put_packed(column->heap + head.bounds_start, head.length - 1, 1, EXPLICIT_BOUNDS,
			   output);
		put_packed(column->heap + head.counts_start, head.length, weight, EXPLICIT_COUNTS,
			   output);
	}
	if (head.flags & SONDE_HAS_SUM)
		put_double(writer, EXPLICIT_SUM, weight == 1 ? head.sum : head.sum * weight);
	put_fixed(writer, EXPLICIT_COUNT, scale(head.count, weight));
	return true;
}

/* A sint32; 0 is left out. */
static void put_zigzag(struct message_writer *writer, uint32_t number, int32_t value)
{
	if (value)
		message_put_field(writer, number,
				  (uint32_t)value << 1 ^ (value < 0 ? UINT32_MAX : 0));
}

static bool put_buckets(const struct sonde_column *column, uint32_t number, int32_t offset,
			uint32_t start, uint32_t length, double weight, struct output *output)
{
	size_t end = output_length(output);

	if (!in_heap(column, start, length))
		length = 0;
	if (!length && !offset)
		return true;
	if (!output_room(output, (size_t)length * MESSAGE_VARINT_SIZE + FIELDS_SIZE))
		return false;
	for (uint32_t place = length; place--;)
		message_put_varint(&output->writer,
				   scale(column->heap[start + (size_t)place], weight));
	if (length)
		output_put_head(output, BUCKETS_COUNTS, end);
	put_zigzag(&output->writer, BUCKETS_OFFSET, offset);
	output_put_head(output, number, end);
	return true;
}

static bool put_exponential(const struct sonde_column *column, const void *value, double weight,
			    struct output *output)
{
	struct message_writer *writer = &output->writer;
	struct sonde_exponential head;

	memcpy(&head, value, sizeof(head));
	if (!output_room(output, FIELDS_SIZE))
		return false;
	put_some_double(writer, EXPONENTIAL_ZERO_THRESHOLD, head.zero_threshold);
	if (head.flags & SONDE_HAS_MAXIMUM)
		put_double(writer, EXPONENTIAL_MAXIMUM, head.maximum);
	if (head.flags & SONDE_HAS_MINIMUM)
		put_double(writer, EXPONENTIAL_MINIMUM, head.minimum);
	if (!put_buckets(column, EXPONENTIAL_NEGATIVE, head.negative_offset, head.negative_start,
			 head.negative_length, weight, output) ||
	    !put_buckets(column, EXPONENTIAL_POSITIVE, head.positive_offset, head.positive_start,
			 head.positive_length, weight, output) ||
	    !output_room(output, FIELDS_SIZE))
		return false;
	put_fixed(writer, EXPONENTIAL_ZERO_COUNT, scale(head.zero_count, weight));
	put_zigzag(writer, EXPONENTIAL_SCALE, head.scale);
	if (head.flags & SONDE_HAS_SUM)
		put_double(writer, EXPONENTIAL_SUM, weight == 1 ? head.sum : head.sum * weight);
	put_fixed(writer, EXPONENTIAL_COUNT, scale(head.count, weight));
	return true;
}

/* ---- summaries --------------------------------------------------------------------------- */

static bool put_quantiles(const struct sonde_column *column, const void *value, double weight,
			  struct output *output)
{
	struct message_writer *writer = &output->writer;
	struct sonde_quantiles head;
	double pair[2];

	memcpy(&head, value, sizeof(head));
	if (!in_heap(column, head.pairs_start, 2 * (uint64_t)head.length))
		head.length = 0;
	if (!output_room(output, FIELDS_SIZE + (size_t)head.length * 20))
		return false;
	for (uint32_t place = head.length; place--;) {
		size_t end = output_length(output);

		memcpy(pair, &column->heap[head.pairs_start + 2 * (size_t)place], sizeof(pair));
		put_some_double(writer, QUANTILE_VALUE, pair[1]);
		put_some_double(writer, QUANTILE_QUANTILE, pair[0]);
		output_put_head(output, SUMMARY_QUANTILES, end);
	}
	put_some_double(writer, SUMMARY_SUM, weight == 1 ? head.sum : head.sum * weight);
	put_fixed(writer, SUMMARY_COUNT, scale(head.count, weight));
	return true;
}

bool number_put(const struct sonde_column *column, uint32_t row, double weight,
		struct output *output)
{
	const void *value = sonde_value(column, row);

	switch (column->type) {
	case SONDE_EXPLICIT:
		return put_explicit(column, value, weight, output);
	case SONDE_EXPONENTIAL:
		return put_exponential(column, value, weight, output);
	case SONDE_QUANTILES:
		return put_quantiles(column, value, weight, output);
	default:
		return put_number(column, value, weight, output);
	}
}
