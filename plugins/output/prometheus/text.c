// SPDX-License-Identifier: Apache-2.0
/* The text formats: Prometheus' own, version 0.0.4, and OpenMetrics 1.0. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "append.h"
#include "buckets.h"
#include "exemplar.h"
#include "exposition.h"

enum { BOUND_TEXTS = 512, BOUND_BYTES = 39 };

/* A bound in digits, which all series of a family have. */
struct bound_text {
	double bound;
	uint8_t length; /* 0: none yet */
	char text[BOUND_BYTES];
};

struct writer {
	const struct exposition *exposition;
	struct json *out;
	bool openmetrics;
	const struct exposed_family *family;
	const struct exposed_sample *sample;
	struct classic classic;
	struct json labels; /* of the sample, written */
	struct bound_text bounds[BOUND_TEXTS];
};

/* ---- pieces ------------------------------------------------------------------------------ */

static void put_escaped(struct json *out, const char *text, size_t length, bool quotes)
{
	char *at = json_room(out, length * 2);

	if (!at)
		return;
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n') {
			*at++ = '\\';
			*at++ = 'n';
			continue;
		}
		if (text[i] == '\\' || (quotes && text[i] == '"'))
			*at++ = '\\';
		*at++ = text[i];
	}
	out->length = (size_t)(at - out->data);
}

static void put_number(struct json *out, double number)
{
	char *at;

	if (isnan(number)) {
		append_text(out, "NaN");
	} else if (isinf(number)) {
		append_text(out, number > 0 ? "+Inf" : "-Inf");
	} else {
		at = json_room(out, JSON_NUMBER_SIZE);
		if (at)
			out->length = (size_t)(json_put_double(at, number) - out->data);
	}
}

static void put_integer(struct json *out, int64_t number)
{
	char *at = json_room(out, JSON_NUMBER_SIZE);

	if (at)
		out->length = (size_t)(json_put_integer(at, number) - out->data);
}

static void put_count(struct json *out, uint64_t count)
{
	char *at = json_room(out, JSON_NUMBER_SIZE);

	if (at)
		out->length = (size_t)(json_put_unsigned(at, count) - out->data);
}

/* Seconds since the epoch, to the ns. */
static void put_time(struct json *out, int64_t time_ns)
{
	char text[40];
	int length = snprintf(text, sizeof(text), "%" PRId64 ".%09" PRId64, time_ns / 1000000000,
			      time_ns % 1000000000);

	while (text[length - 1] == '0' && text[length - 2] != '.')
		length--;
	append_bytes(out, text, (size_t)length);
}

static const char *family_name(const struct writer *writer)
{
	return exposition_text(writer->exposition, writer->family->name);
}

/* OpenMetrics names a family without what its samples end in. */
static size_t family_length(const struct writer *writer)
{
	size_t length = strlen(family_name(writer));

	if (writer->openmetrics && writer->family->type == FAMILY_COUNTER)
		return length - strlen("_total");
	if (writer->openmetrics && writer->family->type == FAMILY_INFO)
		return length - strlen("_info");
	return length;
}

/* In OpenMetrics a number that is whole says so. */
static void write_bound(const struct writer *writer, double bound, struct json *out)
{
	size_t begin = out->length;

	put_number(out, bound);
	if (!writer->openmetrics || out->failed || !isfinite(bound))
		return;
	for (size_t i = begin; i < out->length; i++)
		if (out->data[i] == '.' || out->data[i] == 'e')
			return;
	append_text(out, ".0");
}

/* As a label. Working out the digits is most of the cost of a line. */
static void put_bound(struct writer *writer, double bound)
{
	struct json *out = writer->out;
	size_t begin = out->length;
	struct bound_text *text;
	uint64_t bits;

	memcpy(&bits, &bound, sizeof(bits));
	text = &writer->bounds[(bits * UINT64_C(0x9e3779b97f4a7c15)) >> 55];
	if (text->length && memcmp(&text->bound, &bound, sizeof(bound)) == 0) {
		append_bytes(out, text->text, text->length);
		return;
	}
	write_bound(writer, bound, out);
	if (out->failed || out->length - begin > BOUND_BYTES)
		return;
	text->bound = bound;
	text->length = (uint8_t)(out->length - begin);
	memcpy(text->text, out->data + begin, text->length);
}

/* ---- lines ------------------------------------------------------------------------------- */

/* The labels of the sample, as all of its lines have them. */
static void write_labels(struct writer *writer)
{
	const struct exposition *exposition = writer->exposition;
	const struct exposed_label *label = &exposition->labels[writer->sample->first_label];
	struct json *labels = &writer->labels;

	json_clear(labels);
	for (uint32_t i = 0; i < writer->sample->label_count; i++, label++) {
		append_text(labels, i ? "," : "");
		append_bytes(labels, exposition_text(exposition, label->name), label->name_length);
		append_text(labels, "=\"");
		put_escaped(labels, exposition_text(exposition, label->value), label->value_length,
			    true);
		append_text(labels, "\"");
	}
	writer->out->failed = writer->out->failed || labels->failed;
}

/* NAME{labels,key="value"} and a blank; key NULL: no label more. */
static void begin_line(struct writer *writer, const char *name, size_t length, const char *suffix,
		       const char *key, const double *value)
{
	uint32_t count = writer->sample->label_count;
	struct json *out = writer->out;

	append_bytes(out, name, length);
	append_text(out, suffix);
	if (count || key)
		append_text(out, "{");
	append_bytes(out, writer->labels.data, writer->labels.length);
	if (key) {
		append_text(out, count ? "," : "");
		append_text(out, key);
		append_text(out, "=\"");
		put_bound(writer, *value);
		append_text(out, "\"");
	}
	append_text(out, count || key ? "} " : " ");
}

static void put_exemplar(struct writer *writer, const struct series_exemplar *exemplar)
{
	struct json *out = writer->out;
	char hex[32];

	append_text(out, " # {");
	if (exemplar->has_span) {
		append_text(out, "span_id=\"");
		append_bytes(out, hex, exemplar_hex(hex, exemplar->span_id, 8));
		append_text(out, exemplar->has_trace ? "\"," : "\"");
	}
	if (exemplar->has_trace) {
		append_text(out, "trace_id=\"");
		append_bytes(out, hex, exemplar_hex(hex, exemplar->trace_id, 16));
		append_text(out, "\"");
	}
	append_text(out, "} ");
	put_number(out, exemplar->value / writer->family->divisor);
	if (exemplar->time_ns) {
		append_text(out, " ");
		put_time(out, exemplar->time_ns);
	}
}

/* Ends a line with the newest exemplar whose value is over `above` and at most `most`. */
static void end_line(struct writer *writer, double above, double most)
{
	const struct series_exemplar *exemplar =
		writer->openmetrics ? exemplar_find(writer->sample->series, writer->family->divisor,
						    above, most)
				    : NULL;

	if (exemplar)
		put_exemplar(writer, exemplar);
	append_text(writer->out, "\n");
}

static void write_created(struct writer *writer)
{
	const struct series *series = exposed_value(writer->sample);

	if (!writer->openmetrics || series->start_ns <= 0)
		return;
	begin_line(writer, family_name(writer), family_length(writer), "_created", NULL, NULL);
	put_time(writer->out, series->start_ns);
	append_text(writer->out, "\n");
}

static void write_number(struct writer *writer)
{
	const struct series *series = exposed_value(writer->sample);
	double divisor = writer->family->divisor;

	begin_line(writer, family_name(writer), strlen(family_name(writer)), "", NULL, NULL);
	if (divisor == 1 && !series->is_double)
		put_integer(writer->out, series->as.integer);
	else
		put_number(writer->out,
			   (series->is_double ? series->as.number : (double)series->as.integer) /
				   divisor);
	if (writer->family->type == FAMILY_COUNTER)
		end_line(writer, -INFINITY, INFINITY);
	else
		append_text(writer->out, "\n");
}

/* The sum and count of a histogram or summary. */
static void write_totals(struct writer *writer, bool has_sum, double sum, uint64_t count)
{
	const char *name = family_name(writer);
	size_t length = family_length(writer);

	if (has_sum) {
		begin_line(writer, name, length, "_sum", NULL, NULL);
		put_number(writer->out, sum / writer->family->divisor);
		append_text(writer->out, "\n");
	}
	begin_line(writer, name, length, "_count", NULL, NULL);
	put_count(writer->out, count);
	append_text(writer->out, "\n");
	write_created(writer);
}

static void write_histogram(struct writer *writer)
{
	const struct series *series = exposed_value(writer->sample);
	struct classic *classic = &writer->classic;
	const char *name = family_name(writer);
	size_t length = family_length(writer);
	bool is_exponential = series->metric->kind == SONDE_METRIC_EXPONENTIAL, has_sum;
	uint32_t flags = is_exponential ? series->as.exponential->head.flags
					: series->as.distribution->flags;
	double above = -INFINITY, infinity = INFINITY;

	if (classic_make(classic, series, writer->exposition->options.buckets,
			 writer->family->divisor) < 0) {
		writer->out->failed = true;
		return;
	}
	for (uint32_t i = 0; i < classic->count; i++) {
		begin_line(writer, name, length, "_bucket", "le", &classic->bounds[i]);
		put_count(writer->out, classic->counts[i]);
		end_line(writer, above, classic->bounds[i]);
		above = classic->bounds[i];
	}
	begin_line(writer, name, length, "_bucket", "le", &infinity);
	put_count(writer->out, classic->total);
	end_line(writer, above, INFINITY);
	has_sum = flags & SONDE_HAS_SUM || !classic->total;
	write_totals(writer, has_sum,
		     is_exponential ? series->as.exponential->head.sum
				    : series->as.distribution->sum,
		     classic->total);
}

static void write_summary(struct writer *writer)
{
	const struct series_quantiles *quantiles = exposed_value(writer->sample)->as.quantiles;

	for (uint32_t i = 0; i < quantiles->length; i++) {
		begin_line(writer, family_name(writer), family_length(writer), "", "quantile",
			   &quantiles->pairs[2 * i]);
		put_number(writer->out, quantiles->pairs[2 * i + 1] / writer->family->divisor);
		append_text(writer->out, "\n");
	}
	write_totals(writer, true, quantiles->sum, quantiles->count);
}

static void write_sample(struct writer *writer)
{
	write_labels(writer);
	switch (writer->family->type) {
	case FAMILY_HISTOGRAM:
		write_histogram(writer);
		break;
	case FAMILY_SUMMARY:
		write_summary(writer);
		break;
	case FAMILY_INFO:
		begin_line(writer, family_name(writer), strlen(family_name(writer)), "", NULL,
			   NULL);
		append_text(writer->out, "1\n");
		break;
	default:
		write_number(writer);
		if (writer->family->type == FAMILY_COUNTER)
			write_created(writer);
	}
}

/* ---- families ---------------------------------------------------------------------------- */

static const char *type_name(const struct writer *writer)
{
	switch (writer->family->type) {
	case FAMILY_COUNTER:
		return "counter";
	case FAMILY_HISTOGRAM:
		return "histogram";
	case FAMILY_SUMMARY:
		return "summary";
	case FAMILY_INFO:
		return writer->openmetrics ? "info" : "gauge";
	default:
		return "gauge";
	}
}

static void write_head(struct writer *writer)
{
	const struct exposed_family *family = writer->family;
	size_t length = family_length(writer), unit = strlen(family->unit);
	const char *name = family_name(writer);
	struct json *out = writer->out;
	const char *help = exposition_text(writer->exposition, family->help);

	if (*help) {
		append_text(out, "# HELP ");
		append_bytes(out, name, length);
		append_text(out, " ");
		put_escaped(out, help, strlen(help), writer->openmetrics);
		append_text(out, "\n");
	}
	append_text(out, "# TYPE ");
	append_bytes(out, name, length);
	append_text(out, " ");
	append_text(out, type_name(writer));
	append_text(out, "\n");
	if (!writer->openmetrics || !unit || length <= unit ||
	    memcmp(name + length - unit, family->unit, unit) != 0)
		return;
	append_text(out, "# UNIT ");
	append_bytes(out, name, length);
	append_text(out, " ");
	append_text(out, family->unit);
	append_text(out, "\n");
}

static void write_all(const struct exposition *exposition, struct json *out, bool openmetrics)
{
	struct writer writer = { .exposition = exposition, .out = out, .openmetrics = openmetrics };

	for (uint32_t i = 0; i < exposition->family_count; i++) {
		writer.family = &exposition->families[i];
		write_head(&writer);
		for (uint32_t sample = 0; sample < writer.family->sample_count; sample++) {
			writer.sample = &exposition->samples[writer.family->first_sample + sample];
			write_sample(&writer);
		}
	}
	classic_release(&writer.classic);
	json_release(&writer.labels);
	if (openmetrics)
		append_text(out, "# EOF\n");
}

void exposition_write_text(const struct exposition *exposition, struct json *out)
{
	write_all(exposition, out, false);
}

void exposition_write_openmetrics(const struct exposition *exposition, struct json *out)
{
	write_all(exposition, out, true);
}
