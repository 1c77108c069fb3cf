// SPDX-License-Identifier: Apache-2.0
/* Rows as data points of metrics, long and wide. */
#include "encode_points.h"

#include <errno.h>
#include <stdlib.h>
#include "encode_number.h"
#include "encode_value.h"
#include "fields.h"

/* What a metric is but for its points: its message is before, data, after. */
struct metric_head {
	struct sonde_text encoded;          /* long: the whole of it */
	const struct sonde_column *measure; /* wide: the column that it is */
	struct sonde_text content;          /* long: of the data message */
	uint32_t data;                      /* number of the data message; 0: it has none */
	uint32_t message;                   /* enum message_kind of its points */
	bool scaled;                        /* by weight */
};

static uint32_t data_message(uint32_t data)
{
	switch (data) {
	case METRIC_HISTOGRAM:
		return MESSAGE_EXPLICIT;
	case METRIC_EXPONENTIAL:
		return MESSAGE_EXPONENTIAL;
	case METRIC_SUMMARY:
		return MESSAGE_SUMMARY;
	default:
		return MESSAGE_NUMBER;
	}
}

static bool is_data(uint32_t number)
{
	return number == METRIC_GAUGE || number == METRIC_SUM || number == METRIC_HISTOGRAM ||
	       number == METRIC_EXPONENTIAL || number == METRIC_SUMMARY;
}

/* The kind of points that values of a type are. */
static uint32_t type_message(uint32_t type)
{
	switch (type) {
	case SONDE_EXPLICIT:
		return MESSAGE_EXPLICIT;
	case SONDE_EXPONENTIAL:
		return MESSAGE_EXPONENTIAL;
	case SONDE_QUANTILES:
		return MESSAGE_SUMMARY;
	default:
		return MESSAGE_NUMBER;
	}
}

/* ---- heads ------------------------------------------------------------------------------- */

static struct metric_head long_head(struct sonde_text encoded)
{
	struct message_reader reader = message_read(encoded.data, encoded.length);
	struct metric_head head = { .encoded = encoded };
	struct message_field field;

	while (message_next(&reader, &field) > 0) {
		if (!is_data(field.number) || field.wire != MESSAGE_BYTES)
			continue;
		head.data = field.number;
		head.content =
			(struct sonde_text){ (const char *)field.data, (uint32_t)field.length, 0 };
	}
	head.message = data_message(head.data);
	head.scaled = head.data != METRIC_GAUGE;
	return head;
}

static struct metric_head wide_head(const struct measure *measure)
{
	static const uint32_t histograms[] = {
		[MESSAGE_EXPLICIT] = METRIC_HISTOGRAM,
		[MESSAGE_EXPONENTIAL] = METRIC_EXPONENTIAL,
		[MESSAGE_SUMMARY] = METRIC_SUMMARY,
	};
	struct metric_head head = { .measure = measure->column, .message = measure->message };

	if (measure->message != MESSAGE_NUMBER)
		head.data = histograms[measure->message];
	else
		head.data = measure->column->role == SONDE_ROLE_SUM ? METRIC_SUM : METRIC_GAUGE;
	head.scaled = head.data != METRIC_GAUGE;
	return head;
}

/* Copies the fields of an encoded metric that stand before or after its data, as they lie. */
static bool put_raw(struct sonde_text encoded, bool after, struct output *output)
{
	struct message_reader reader = message_read(encoded.data, encoded.length), again = reader;
	struct message_field field;
	const unsigned char *from = reader.at;
	unsigned char *to;
	size_t length = 0;

	for (; message_next(&reader, &field) > 0; from = reader.at) {
		if (!is_data(field.number) && (field.number > METRIC_GAUGE) == after)
			length += (size_t)(reader.at - from);
	}
	if (!output_room(output, length + MESSAGE_HEAD_SIZE))
		return false;
	to = output->writer.at -= length;
	for (from = again.at; message_next(&again, &field) > 0; from = again.at) {
		if (is_data(field.number) || (field.number > METRIC_GAUGE) != after)
			continue;
		memcpy(to, from, (size_t)(again.at - from));
		to += again.at - from;
	}
	return true;
}

/* What stands behind the points in a metric. */
static bool put_tail(const struct metric_head *head, size_t *ret_data_end, struct output *output)
{
	const struct sonde_column *measure = head->measure;

	if (!measure) {
		if (!put_raw(head->encoded, true, output))
			return false;
		*ret_data_end = output_length(output);
		if (!output_room(output, head->content.length))
			return false;
		message_put_bytes(&output->writer, head->content.data, head->content.length);
		return true;
	}
	*ret_data_end = output_length(output);
	if (!output_room(output, MESSAGE_HEAD_SIZE * 2))
		return false;
	if (head->data == METRIC_SUM && measure->monotonic)
		message_put_field(&output->writer, DATA_MONOTONIC, 1);
	if (head->data != METRIC_GAUGE && head->data != METRIC_SUMMARY && measure->temporality)
		message_put_field(&output->writer, DATA_TEMPORALITY, measure->temporality);
	return true;
}

static bool put_words(const char *words, uint32_t number, struct output *output)
{
	return !words || !*words || output_put_bytes(output, number, words, strlen(words));
}

/* What stands before them, and the heads. */
static bool put_front(const struct metric_head *head, size_t end, size_t data_end,
		      struct output *output)
{
	if (!output_room(output, MESSAGE_HEAD_SIZE))
		return false;
	output_put_head(output, head->data, data_end);
	if (head->measure) {
		if (!put_words(head->measure->unit, METRIC_UNIT, output) ||
		    !put_words(head->measure->help, METRIC_DESCRIPTION, output) ||
		    !put_words(head->measure->name, METRIC_NAME, output))
			return false;
	} else if (!put_raw(head->encoded, false, output)) {
		return false;
	}
	if (!output_room(output, MESSAGE_HEAD_SIZE))
		return false;
	output_put_head(output, SCOPE_ITEMS, end);
	return true;
}

/* ---- points ------------------------------------------------------------------------------ */

/* Whether an exemplar belongs to a measure: wide ones say so by name; those that do not say are of
 * the first. */
static bool exemplar_fits(const struct otlp_encoder *encoder, const struct program *child,
			  const struct sonde_column *measure, uint32_t row)
{
	const struct sonde_column *name = child->columns.measure;
	struct sonde_text text;

	if (encoder->metric)
		return true;
	if (!name || !sonde_valid(name, row))
		return measure == encoder->measures[0].column;
	text = sonde_text_at(name, row);
	return text.length == strlen(measure->name) &&
	       !memcmp(text.data, measure->name, text.length);
}

static bool put_exemplars(struct otlp_encoder *encoder, const struct sonde_column *measure,
			  uint32_t number, uint32_t parent)
{
	struct output *output = &encoder->output;

	for (uint32_t i = encoder->child_count; i--;) {
		const struct program *child = &encoder->children[i];

		for (uint32_t row = child->last[parent]; row; row = child->previous[row - 1]) {
			size_t end = output_length(output);

			if (!exemplar_fits(encoder, child, measure, row - 1))
				continue;
			if (!output_room(output, child->fixed_bytes) ||
			    !program_put(child, encoder, row - 1, output))
				return false;
			output_put_head(output, number, end);
		}
	}
	return true;
}

/* One point of a value, or of none (NULL). */
static bool put_point(struct otlp_encoder *encoder, const struct metric_head *head,
		      const struct sonde_column *value, uint32_t row)
{
	static const uint8_t exemplars[] = {
		[MESSAGE_NUMBER] = NUMBER_EXEMPLARS,
		[MESSAGE_EXPLICIT] = EXPLICIT_EXEMPLARS,
		[MESSAGE_EXPONENTIAL] = EXPONENTIAL_EXEMPLARS,
		[MESSAGE_SUMMARY] = 0,
	};
	const struct program *program = &encoder->points[head->message];
	struct output *output = &encoder->output;
	size_t end = output_length(output);
	double weight = 1;

	if (encoder->weight && head->scaled && sonde_valid(encoder->weight, row))
		weight = sonde_number_at(encoder->weight, row);
	if (!output_room(output, program->fixed_bytes) ||
	    !program_put(program, encoder, row, output))
		return false;
	if (encoder->child_count && exemplars[head->message] &&
	    !put_exemplars(encoder, value, exemplars[head->message], row))
		return false;
	if (value && !number_put(value, row, weight, output))
		return false;
	if (!output_room(output, MESSAGE_HEAD_SIZE))
		return false;
	output_put_head(output, DATA_POINTS, end);
	encoder->item_count++;
	return true;
}

/* The value of a long row: false: it has one that its metric cannot have. */
static bool long_value(const struct otlp_encoder *encoder, const struct metric_head *head,
		       uint32_t row, const struct sonde_column **ret_value)
{
	*ret_value = NULL;
	for (uint32_t i = 0; i < encoder->measure_count; i++) {
		const struct measure *measure = &encoder->measures[i];

		if (!sonde_valid(measure->column, row))
			continue;
		if (measure->message != head->message)
			return false;
		*ret_value = measure->column;
		return true;
	}
	return true;
}

static bool put_metric(struct otlp_encoder *encoder, const struct metric_head *head,
		       const struct group_run *run)
{
	const uint32_t *rows = encoder->groups.rows + run->first;
	struct output *output = &encoder->output;
	size_t end = output_length(output), data_end = end;
	uint64_t item_count = encoder->item_count;

	if (!put_tail(head, &data_end, output))
		return false;
	for (uint32_t place = run->count; place--;) {
		const struct sonde_column *value = head->measure;

		if (value) {
			if (!sonde_valid(value, rows[place]))
				continue;
		} else if (!head->data || !long_value(encoder, head, rows[place], &value)) {
			encoder->left_out_count++;
			continue;
		}
		if (!put_point(encoder, head, value, rows[place]))
			return false;
	}
	if (item_count == encoder->item_count) { /* a metric without points is none */
		output_cut(output, end);
		return true;
	}
	return put_front(head, end, data_end, output);
}

bool points_put(struct otlp_encoder *encoder, const struct group_run *run)
{
	struct metric_head head;

	if (encoder->metric) {
		head = long_head(sonde_text_at(encoder->metric, encoder->groups.rows[run->first]));
		return put_metric(encoder, &head, run);
	}
	if (!encoder->measure_count)
		encoder->left_out_count += run->count;
	for (uint32_t i = encoder->measure_count; i--;) {
		head = wide_head(&encoder->measures[i]);
		if (!put_metric(encoder, &head, run))
			return false;
	}
	return true;
}

/* ---- compiling --------------------------------------------------------------------------- */

static bool is_measure(const struct sonde_column *column, bool is_long)
{
	bool number = value_is_integer(column->type) || column->type == SONDE_DOUBLE;
	bool histogram = column->type == SONDE_EXPLICIT || column->type == SONDE_EXPONENTIAL ||
			 column->type == SONDE_QUANTILES;

	if (column->scope != SONDE_SCOPE_ROW)
		return false;
	if (is_long)
		return column->role == SONDE_ROLE_VALUE && (number || histogram);
	if (column->role == SONDE_ROLE_HISTOGRAM)
		return histogram;
	return (column->role == SONDE_ROLE_SUM || column->role == SONDE_ROLE_GAUGE) && number;
}

static const struct sonde_column *metric_column(const struct sonde_batch *batch)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == SONDE_ROLE_METRIC && column->scope == SONDE_SCOPE_ROW &&
		    column->type == SONDE_BYTES)
			return column;
	}
	return NULL;
}

bool points_are_long(const struct sonde_batch *batch)
{
	return metric_column(batch) != NULL;
}

static int add_measure(struct otlp_encoder *encoder, const struct sonde_column *column)
{
	if (encoder->measure_count == encoder->measure_capacity) {
		uint32_t capacity = encoder->measure_capacity ? encoder->measure_capacity * 2 : 8;
		struct measure *grown =
			reallocarray(encoder->measures, capacity, sizeof(*encoder->measures));

		if (!grown)
			return -ENOMEM;
		encoder->measures = grown;
		encoder->measure_capacity = capacity;
	}
	encoder->measures[encoder->measure_count++] = (struct measure){
		.column = column,
		.message = type_message(column->type),
	};
	return 0;
}

int points_compile(struct otlp_encoder *encoder, const struct sonde_batch *batch)
{
	encoder->metric = metric_column(batch);
	encoder->weight = NULL;
	encoder->measure_count = 0;
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == SONDE_ROLE_WEIGHT && column->scope == SONDE_SCOPE_ROW)
			encoder->weight = column;
		if (is_measure(column, encoder->metric) && add_measure(encoder, column) < 0)
			return -ENOMEM;
	}
	for (uint32_t kind = MESSAGE_NUMBER; kind <= MESSAGE_SUMMARY; kind++) {
		if (program_compile(&encoder->points[kind], encoder, batch, kind) < 0)
			return -ENOMEM;
	}
	return 0;
}
