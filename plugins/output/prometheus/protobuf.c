// SPDX-License-Identifier: Apache-2.0
/* The protobuf format: messages io.prometheus.client.MetricFamily, each behind its length, with
 * native histograms. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "append.h"
#include "buckets.h"
#include "exemplar.h"
#include "exposition.h"
#include "protobuf.h"

enum { MF_NAME = 1, MF_HELP = 2, MF_TYPE = 3, MF_METRIC = 4, MF_UNIT = 5 };
enum {
	METRIC_LABEL = 1,
	METRIC_GAUGE = 2,
	METRIC_COUNTER = 3,
	METRIC_SUMMARY = 4,
	METRIC_HISTOGRAM = 7
};
enum { LABEL_NAME = 1, LABEL_VALUE = 2 };
enum { NUMBER_VALUE = 1, COUNTER_EXEMPLAR = 2, COUNTER_CREATED = 3 };
enum { SUMMARY_COUNT = 1, SUMMARY_SUM = 2, SUMMARY_QUANTILE = 3, SUMMARY_CREATED = 4 };
enum { QUANTILE_QUANTILE = 1, QUANTILE_VALUE = 2 };
enum {
	HISTOGRAM_COUNT = 1,
	HISTOGRAM_SUM = 2,
	HISTOGRAM_BUCKET = 3,
	HISTOGRAM_SCHEMA = 5,
	HISTOGRAM_ZERO_THRESHOLD = 6,
	HISTOGRAM_ZERO_COUNT = 7,
	HISTOGRAM_NEGATIVE_SPAN = 9,
	HISTOGRAM_NEGATIVE_DELTA = 10,
	HISTOGRAM_POSITIVE_SPAN = 12,
	HISTOGRAM_POSITIVE_DELTA = 13,
	HISTOGRAM_CREATED = 15,
	HISTOGRAM_EXEMPLARS = 16,
};
enum { BUCKET_COUNT = 1, BUCKET_BOUND = 2, BUCKET_EXEMPLAR = 3 };
enum { SPAN_OFFSET = 1, SPAN_LENGTH = 2 };
enum { EXEMPLAR_LABEL = 1, EXEMPLAR_VALUE = 2, EXEMPLAR_TIMESTAMP = 3 };
enum { TIMESTAMP_SECONDS = 1, TIMESTAMP_NANOS = 2 };

enum {
	EXEMPLAR_BYTES = 192, /* of an exemplar with its head, at most */
	BUCKET_BYTES = 64 + EXEMPLAR_BYTES,
	GAP_BUCKETS = 2, /* empty ones that are cheaper to write than a span more */
};

/* What one sample is written with: backwards, into memory that has room for it. */
struct encoder {
	const struct exposition *exposition;
	const struct exposed_family *family;
	const struct exposed_sample *sample;
	struct classic classic;
	struct native native;
	unsigned char *memory;
	size_t capacity;
};

/* ---- pieces ------------------------------------------------------------------------------ */

static void put_double(struct message_writer *writer, uint32_t field, double number)
{
	uint64_t bits;

	memcpy(&bits, &number, sizeof(bits));
	message_put_fixed64(writer, bits);
	message_put_tag(writer, field, MESSAGE_FIXED64);
}

static uint64_t zigzag(int64_t number)
{
	return (uint64_t)number << 1 ^ (uint64_t)(number >> 63);
}

static void put_text(struct message_writer *writer, uint32_t field, const char *text, size_t length)
{
	const unsigned char *end = writer->at;

	message_put_bytes(writer, text, length);
	message_put_head(writer, field, end);
}

static void put_label(struct message_writer *writer, uint32_t field, const char *name,
		      size_t name_length, const char *value, size_t value_length)
{
	const unsigned char *end = writer->at;

	put_text(writer, LABEL_VALUE, value, value_length);
	put_text(writer, LABEL_NAME, name, name_length);
	message_put_head(writer, field, end);
}

static void put_time(struct message_writer *writer, uint32_t field, int64_t time_ns)
{
	const unsigned char *end = writer->at;

	if (time_ns <= 0)
		return;
	message_put_field(writer, TIMESTAMP_NANOS, (uint64_t)(time_ns % 1000000000));
	message_put_field(writer, TIMESTAMP_SECONDS, (uint64_t)(time_ns / 1000000000));
	message_put_head(writer, field, end);
}

static void put_id(struct message_writer *writer, const char *name, const unsigned char *id,
		   size_t length)
{
	char hex[32];

	put_label(writer, EXEMPLAR_LABEL, name, strlen(name), hex, exemplar_hex(hex, id, length));
}

static void put_exemplar(const struct encoder *encoder, struct message_writer *writer,
			 uint32_t field, const struct series_exemplar *exemplar)
{
	const unsigned char *end = writer->at;

	put_time(writer, EXEMPLAR_TIMESTAMP, exemplar->time_ns);
	put_double(writer, EXEMPLAR_VALUE, exemplar->value / encoder->family->divisor);
	if (exemplar->has_trace)
		put_id(writer, "trace_id", exemplar->trace_id, sizeof(exemplar->trace_id));
	if (exemplar->has_span)
		put_id(writer, "span_id", exemplar->span_id, sizeof(exemplar->span_id));
	message_put_head(writer, field, end);
}

/* ---- values ------------------------------------------------------------------------------ */

static void put_number(const struct encoder *encoder, struct message_writer *writer)
{
	const struct series *series = exposed_value(encoder->sample);
	bool is_counter = encoder->family->type == FAMILY_COUNTER;
	const struct series_exemplar *exemplar =
		is_counter ? exemplar_find(encoder->sample->series, 1, -INFINITY, INFINITY) : NULL;
	double number = series->is_double ? series->as.number : (double)series->as.integer;
	const unsigned char *end = writer->at;

	if (is_counter)
		put_time(writer, COUNTER_CREATED, series->start_ns);
	if (exemplar)
		put_exemplar(encoder, writer, COUNTER_EXEMPLAR, exemplar);
	put_double(writer, NUMBER_VALUE, number / encoder->family->divisor);
	message_put_head(writer, is_counter ? METRIC_COUNTER : METRIC_GAUGE, end);
}

static void put_summary(const struct encoder *encoder, struct message_writer *writer)
{
	const struct series *series = exposed_value(encoder->sample);
	const struct series_quantiles *quantiles = series->as.quantiles;
	const unsigned char *end = writer->at;

	put_time(writer, SUMMARY_CREATED, series->start_ns);
	for (uint32_t i = quantiles->length; i-- > 0;) {
		const unsigned char *pair_end = writer->at;

		put_double(writer, QUANTILE_VALUE,
			   quantiles->pairs[2 * i + 1] / encoder->family->divisor);
		put_double(writer, QUANTILE_QUANTILE, quantiles->pairs[2 * i]);
		message_put_head(writer, SUMMARY_QUANTILE, pair_end);
	}
	put_double(writer, SUMMARY_SUM, quantiles->sum / encoder->family->divisor);
	message_put_field(writer, SUMMARY_COUNT, quantiles->count);
	message_put_head(writer, METRIC_SUMMARY, end);
}

static void put_bucket(const struct encoder *encoder, struct message_writer *writer, double above,
		       double bound, uint64_t count)
{
	const struct series_exemplar *exemplar =
		exemplar_find(encoder->sample->series, encoder->family->divisor, above, bound);
	const unsigned char *end = writer->at;

	if (exemplar)
		put_exemplar(encoder, writer, BUCKET_EXEMPLAR, exemplar);
	put_double(writer, BUCKET_BOUND, bound);
	message_put_field(writer, BUCKET_COUNT, count);
	message_put_head(writer, HISTOGRAM_BUCKET, end);
}

static void put_classic(const struct encoder *encoder, struct message_writer *writer)
{
	const struct classic *classic = &encoder->classic;

	for (uint32_t i = classic->count + 1; i-- > 0;)
		put_bucket(encoder, writer, i ? classic->bounds[i - 1] : -INFINITY,
			   i < classic->count ? classic->bounds[i] : INFINITY,
			   i < classic->count ? classic->counts[i] : classic->total);
}

/* Whether the buckets from i on are so many empty ones that a new span is worth it; how many. */
static uint32_t gap_at(const struct native_side *side, uint32_t i)
{
	uint32_t count = 0;

	while (i + count < side->length && !side->counts[i + count])
		count++;
	return count > GAP_BUCKETS ? count : 0;
}

/* The end of the span that begins at i. */
static uint32_t span_end(const struct native_side *side, uint32_t i)
{
	while (i < side->length && !gap_at(side, i))
		i++;
	return i;
}

struct span {
	uint32_t begin, end;
	int32_t offset; /* from the end of the one before, or from index 0 */
};

/* The spans of a side, which has no empty buckets at its ends; their number. */
static uint32_t find_spans(const struct native_side *side, struct span spans[NATIVE_BUCKETS])
{
	uint32_t count = 0, end = 0;

	for (uint32_t begin = 0; begin < side->length && count < NATIVE_BUCKETS; count++) {
		end = span_end(side, begin);
		spans[count].begin = begin;
		spans[count].end = end;
		spans[count].offset = count ? (int32_t)(begin - spans[count - 1].end) : side->first;
		begin = end + gap_at(side, end);
	}
	return count;
}

static void put_side(struct message_writer *writer, const struct native_side *side,
		     uint32_t span_field, uint32_t delta_field)
{
	struct span spans[NATIVE_BUCKETS];
	uint32_t count = find_spans(side, spans);
	const unsigned char *end = writer->at;

	if (!count)
		return;
	for (uint32_t i = count; i-- > 0;)
		for (uint32_t bucket = spans[i].end; bucket-- > spans[i].begin;) {
			uint64_t before = bucket > spans[i].begin ? side->counts[bucket - 1]
					  : i ? side->counts[spans[i - 1].end - 1]
					      : 0;

			message_put_varint(writer,
					   zigzag((int64_t)(side->counts[bucket] - before)));
		}
	message_put_head(writer, delta_field, end);
	for (uint32_t i = count; i-- > 0;) {
		end = writer->at;
		message_put_field(writer, SPAN_LENGTH, spans[i].end - spans[i].begin);
		message_put_field(writer, SPAN_OFFSET, zigzag(spans[i].offset));
		message_put_head(writer, span_field, end);
	}
}

static void put_native(const struct encoder *encoder, struct message_writer *writer)
{
	const struct sonde_exponential *head =
		&exposed_value(encoder->sample)->as.exponential->head;
	const struct series_exemplars *ring = encoder->sample->series->exemplars;
	const unsigned char *end;

	for (uint32_t i = 0; ring && i < ring->count; i++)
		if (ring->items[i].time_ns > 0) /* without they are not valid here */
			put_exemplar(encoder, writer, HISTOGRAM_EXEMPLARS, &ring->items[i]);
	put_time(writer, HISTOGRAM_CREATED, exposed_value(encoder->sample)->start_ns);
	put_side(writer, &encoder->native.positive, HISTOGRAM_POSITIVE_SPAN,
		 HISTOGRAM_POSITIVE_DELTA);
	if (!encoder->native.positive.length && !encoder->native.negative.length) {
		end = writer->at; /* an empty span tells it from a classic one */
		message_put_field(writer, SPAN_LENGTH, 0);
		message_put_field(writer, SPAN_OFFSET, 0);
		message_put_head(writer, HISTOGRAM_POSITIVE_SPAN, end);
	}
	put_side(writer, &encoder->native.negative, HISTOGRAM_NEGATIVE_SPAN,
		 HISTOGRAM_NEGATIVE_DELTA);
	message_put_field(writer, HISTOGRAM_ZERO_COUNT, head->zero_count);
	put_double(writer, HISTOGRAM_ZERO_THRESHOLD, encoder->native.zero_threshold);
	message_put_field(writer, HISTOGRAM_SCHEMA, zigzag(encoder->native.schema));
}

/* The count of a native histogram is that of its buckets, or a scraper refuses it. */
static uint64_t native_count(const struct encoder *encoder)
{
	const struct native_side *sides[] = { &encoder->native.positive,
					      &encoder->native.negative };
	uint64_t count = exposed_value(encoder->sample)->as.exponential->head.zero_count;

	for (uint32_t side = 0; side < 2; side++)
		for (uint32_t i = 0; i < sides[side]->length; i++)
			count = count_add(count, sides[side]->counts[i]);
	return count;
}

static void put_histogram(const struct encoder *encoder, struct message_writer *writer,
			  bool is_native)
{
	const struct series *series = exposed_value(encoder->sample);
	bool is_exponential = series->metric->kind == SONDE_METRIC_EXPONENTIAL;
	uint64_t count = is_native ? native_count(encoder) : encoder->classic.total;
	double sum =
		is_exponential ? series->as.exponential->head.sum : series->as.distribution->sum;
	uint32_t flags = is_exponential ? series->as.exponential->head.flags
					: series->as.distribution->flags;
	const unsigned char *end = writer->at;

	if (is_native) {
		put_native(encoder, writer);
	} else {
		put_time(writer, HISTOGRAM_CREATED, series->start_ns);
		put_classic(encoder, writer);
	}
	if (!(flags & SONDE_HAS_SUM) && count)
		sum = NAN;
	put_double(writer, HISTOGRAM_SUM, sum / encoder->family->divisor);
	message_put_field(writer, HISTOGRAM_COUNT, count);
	message_put_head(writer, METRIC_HISTOGRAM, end);
}

/* ---- samples ----------------------------------------------------------------------------- */

/* Works out the buckets: 1: native ones, 0: classic ones or none, or -ENOMEM. */
static int make_buckets(struct encoder *encoder)
{
	const struct series *series = exposed_value(encoder->sample);
	int result;

	if (encoder->family->type != FAMILY_HISTOGRAM)
		return 0;
	if (series->metric->kind == SONDE_METRIC_EXPONENTIAL) {
		result = native_make(&encoder->native, series->as.exponential,
				     encoder->family->divisor);
		if (result != -ERANGE)
			return result ? result : 1;
	}
	return classic_make(&encoder->classic, series, encoder->exposition->options.buckets,
			    encoder->family->divisor);
}

/* Room for the sample, whatever it holds. */
static int reserve(struct encoder *encoder, bool is_native)
{
	const struct exposed_sample *sample = encoder->sample;
	const struct exposed_label *labels = &encoder->exposition->labels[sample->first_label];
	size_t bytes = 256 + (SERIES_EXEMPLARS + 1) * EXEMPLAR_BYTES;
	unsigned char *memory;

	for (uint32_t i = 0; i < sample->label_count; i++)
		bytes += 3 * MESSAGE_HEAD_SIZE + labels[i].name_length + labels[i].value_length;
	if (is_native)
		bytes += ((size_t)encoder->native.positive.length +
			  encoder->native.negative.length) *
			 5 * MESSAGE_VARINT_SIZE;
	else if (encoder->family->type == FAMILY_HISTOGRAM)
		bytes += ((size_t)encoder->classic.count + 1) * BUCKET_BYTES;
	else if (encoder->family->type == FAMILY_SUMMARY)
		bytes += (size_t)exposed_value(sample)->as.quantiles->length * 64;
	if (bytes <= encoder->capacity)
		return 0;
	memory = realloc(encoder->memory, bytes);
	if (!memory)
		return -ENOMEM;
	encoder->memory = memory;
	encoder->capacity = bytes;
	return 0;
}

static int append_sample(struct encoder *encoder, struct json *out)
{
	const struct exposed_sample *sample = encoder->sample;
	const struct exposition *exposition = encoder->exposition;
	struct message_writer writer;
	const unsigned char *end;
	int is_native = make_buckets(encoder), result;

	result = is_native < 0 ? is_native : reserve(encoder, is_native);
	if (result)
		return result;
	end = writer.at = encoder->memory + encoder->capacity;
	switch (encoder->family->type) {
	case FAMILY_HISTOGRAM:
		put_histogram(encoder, &writer, is_native);
		break;
	case FAMILY_SUMMARY:
		put_summary(encoder, &writer);
		break;
	case FAMILY_INFO:
		put_double(&writer, NUMBER_VALUE, 1);
		message_put_head(&writer, METRIC_GAUGE, end);
		break;
	default:
		put_number(encoder, &writer);
	}
	for (uint32_t i = sample->label_count; i-- > 0;) {
		const struct exposed_label *label = &exposition->labels[sample->first_label + i];

		put_label(&writer, METRIC_LABEL, exposition_text(exposition, label->name),
			  label->name_length, exposition_text(exposition, label->value),
			  label->value_length);
	}
	message_put_head(&writer, MF_METRIC, end);
	append_bytes(out, writer.at, (size_t)(end - writer.at));
	return 0;
}

/* ---- families ---------------------------------------------------------------------------- */

static void append_head(const struct encoder *encoder, struct json *out)
{
	const struct exposed_family *family = encoder->family;
	const char *name = exposition_text(encoder->exposition, family->name);
	const char *help = exposition_text(encoder->exposition, family->help);
	size_t bytes = strlen(name) + strlen(help) + strlen(family->unit) + 5 * MESSAGE_HEAD_SIZE;
	struct message_writer writer;
	const unsigned char *end;
	char *memory = json_room(out, bytes);

	if (!memory)
		return;
	end = writer.at = (unsigned char *)memory + bytes;
	if (*family->unit)
		put_text(&writer, MF_UNIT, family->unit, strlen(family->unit));
	message_put_field(&writer, MF_TYPE,
			  family->type == FAMILY_INFO ? FAMILY_GAUGE : family->type);
	put_text(&writer, MF_HELP, help, strlen(help));
	put_text(&writer, MF_NAME, name, strlen(name));
	memmove(memory, writer.at, (size_t)(end - writer.at));
	out->length += (size_t)(end - writer.at);
}

/* A family behind its length, by way of a buffer of its own. */
static int append_family(struct encoder *encoder, struct json *body, struct json *out)
{
	const struct exposed_family *family = encoder->family;
	unsigned char length[MESSAGE_VARINT_SIZE];
	struct message_writer writer = { length + sizeof(length) };
	int result = 0;

	json_clear(body);
	append_head(encoder, body);
	for (uint32_t i = 0; i < family->sample_count && !result; i++) {
		encoder->sample = &encoder->exposition->samples[family->first_sample + i];
		result = append_sample(encoder, body);
		native_release(&encoder->native);
	}
	if (result || body->failed)
		return -ENOMEM;
	message_put_varint(&writer, body->length);
	append_bytes(out, writer.at, (size_t)(length + sizeof(length) - writer.at));
	append_bytes(out, body->data, body->length);
	return 0;
}

int exposition_write_protobuf(const struct exposition *exposition, struct json *out)
{
	struct encoder encoder = { .exposition = exposition };
	struct json body = { 0 };
	int result = 0;

	for (uint32_t i = 0; i < exposition->family_count && !result; i++) {
		encoder.family = &exposition->families[i];
		result = append_family(&encoder, &body, out);
	}
	json_release(&body);
	classic_release(&encoder.classic);
	free(encoder.memory);
	return result ? result : out->failed ? -ENOMEM : 0;
}
