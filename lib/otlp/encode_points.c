// SPDX-License-Identifier: Apache-2.0
/* Rows as data points of metrics, long and wide. */
#include "encode_points.h"

#include <errno.h>
#include <stdlib.h>
#include "encode_originals.h"
#include "encode_value.h"
#include "fields.h"

/* What a metric is but for its points: its message is before, data, after. */
struct metric_head {
	struct sonde_text encoded;          /* long: the whole of it */
	const struct sonde_column *measure; /* wide: the column that it is */
	struct sonde_text content;          /* long: of the data message */
	uint32_t data_start, data_end; /* long: of its field, if it is the only one of its kind */
	bool is_sorted;                /* long: its fields stand by their numbers */
	uint32_t data;                 /* number of the data message; 0: it has none */
	uint32_t message;              /* enum message_kind of its points */
	bool scaled;                   /* by weight */
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
	struct metric_head head = { .encoded = encoded, .is_sorted = true };
	const unsigned char *from = reader.at;
	struct message_field field = { 0 };
	uint32_t before = 0;

	for (; message_next(&reader, &field) > 0; from = reader.at) {
		head.is_sorted &= field.number >= before && !(is_data(field.number) && head.data);
		before = field.number;
		if (!is_data(field.number) || field.wire != MESSAGE_BYTES)
			continue;
		head.data = field.number;
		head.data_start = (uint32_t)((const char *)from - encoded.data);
		head.data_end = (uint32_t)((const char *)reader.at - encoded.data);
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

/* The same, at once if the fields are sorted. */
static bool put_fields(const struct metric_head *head, bool after, struct output *output)
{
	const char *from = head->encoded.data + (after ? head->data_end : 0);
	uint32_t length = after ? head->encoded.length - head->data_end : head->data_start;

	if (!head->is_sorted || !head->data)
		return put_raw(head->encoded, after, output);
	if (!output_room(output, length + MESSAGE_HEAD_SIZE))
		return false;
	message_put_bytes(&output->writer, from, length);
	return true;
}

/* What stands behind the points in a metric. */
static bool put_tail(const struct metric_head *head, size_t *ret_data_end, struct output *output)
{
	const struct sonde_column *measure = head->measure;

	if (!measure) {
		if (!put_fields(head, true, output))
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
	} else if (!put_fields(head, false, output)) {
		return false;
	}
	if (!output_room(output, MESSAGE_HEAD_SIZE))
		return false;
	output_put_head(output, SCOPE_ITEMS, end);
	return true;
}

/* ---- points ------------------------------------------------------------------------------ */

/* How the value of a point is written. */
static uint32_t value_step(const struct otlp_encoder *encoder, const struct sonde_column *value)
{
	if (type_message(value->type) != MESSAGE_NUMBER || encoder->scaled)
		return STEP_VALUE;
	if (value->type == SONDE_DOUBLE)
		return STEP_DOUBLE;
	return value->type == SONDE_U64 ? STEP_UNSIGNED : STEP_SIGNED;
}

/* A literal of no bytes. */
static struct step no_step(void)
{
	static const unsigned char nothing[OUTPUT_SLACK];

	return (struct step){ .kind = STEP_LITERAL,
			      .end = nothing + OUTPUT_SLACK,
			      .base = step_no_value };
}

/* Makes the steps that are a metric's: its value (NULL: in several columns), the first one if it is
 * plain or else the last one, and its exemplars. */
static void set_value(struct otlp_encoder *encoder, struct program *program,
		      const struct metric_head *head, const struct sonde_column *value)
{
	static const uint8_t exemplars[] = {
		[MESSAGE_NUMBER] = NUMBER_EXEMPLARS,
		[MESSAGE_EXPLICIT] = EXPLICIT_EXEMPLARS,
		[MESSAGE_EXPONENTIAL] = EXPONENTIAL_EXEMPLARS,
		[MESSAGE_SUMMARY] = 0,
	};
	struct step step = { .kind = STEP_LONG };

	encoder->scaled = head->scaled ? encoder->weight : NULL;
	program->step_count = program->common_count;
	program->steps[0] = no_step();
	if (encoder->child_count && exemplars[head->message]) {
		program->steps[program->step_count++] = (struct step){
			.kind = STEP_EXEMPLARS, .number = exemplars[head->message], .column = value
		};
	}
	if (value) {
		step.kind = (uint8_t)value_step(encoder, value);
		step_take(&step, value);
	}
	if (step.kind == STEP_VALUE || step.kind == STEP_LONG)
		program->steps[program->step_count++] = step;
	else
		program->steps[0] = step;
}

/* The rows of a run that are points of a wide measure: those where it is valid. */
static const uint32_t *wide_rows(struct otlp_encoder *encoder, const struct sonde_column *measure,
				 const struct group_run *run, uint32_t *ret_count)
{
	const uint32_t *rows = encoder->groups.rows + run->first;

	*ret_count = run->count;
	if (!measure->valid)
		return rows;
	*ret_count = 0;
	for (uint32_t place = 0; place < run->count; place++) {
		encoder->rows[*ret_count] = rows[place];
		*ret_count += sonde_valid(measure, rows[place]);
	}
	return encoder->rows;
}

/* The rows of a run whose values are such as their metric has, or that have none, and the column
 * that all values are in; NULL: they are in several. */
static const uint32_t *long_rows(struct otlp_encoder *encoder, const struct metric_head *head,
				 const struct group_run *run, uint32_t *ret_count,
				 const struct sonde_column **ret_value)
{
	const uint32_t *rows = encoder->groups.rows + run->first;
	const struct measure *only = NULL, *found;
	bool several = false;

	*ret_count = 0;
	for (uint32_t place = 0; place < run->count; place++) {
		if (head->data && encoder->originals && encoder->originals[rows[place]].data) {
			encoder->rows[(*ret_count)++] = rows[place];
			continue;
		}
		found = NULL;
		for (uint32_t i = 0; i < encoder->measure_count && !found; i++) {
			if (sonde_valid(encoder->measures[i].column, rows[place]))
				found = &encoder->measures[i];
		}
		if (!head->data || (found && found->message != head->message)) {
			encoder->left_out_count++;
			continue;
		}
		several = several || (only && found && found != only);
		only = found ? found : only;
		encoder->rows[(*ret_count)++] = rows[place];
	}
	*ret_value = only && !several ? only->column : NULL;
	return encoder->rows;
}

static bool put_metric(struct otlp_encoder *encoder, const struct metric_head *head,
		       struct program *program, const struct group_run *run)
{
	const struct sonde_column *value = head->measure;
	struct output *output = &encoder->output;
	size_t end = output_length(output), data_end = end;
	const uint32_t *rows;
	uint32_t count;

	if (value)
		rows = wide_rows(encoder, value, run, &count);
	else
		rows = long_rows(encoder, head, run, &count, &value);
	if (!count) /* a metric without points is none */
		return true;
	if (!encoder->copies_all)
		set_value(encoder, program, head, value);
	encoder->item_count += count;
	return put_tail(head, &data_end, output) &&
	       rows_put(program, encoder, rows, count, DATA_POINTS, output) &&
	       put_front(head, end, data_end, output);
}

/* Writes what the points of a kind have in common, row by row, for several measures to copy. */
static bool put_common(struct otlp_encoder *encoder, uint32_t message, const struct group_run *run)
{
	struct program *program = &encoder->points[message];

	output_cut(&encoder->common, 0);
	program->step_count = program->common_count;
	program->steps[0] = no_step();
	return program_put_rows(program, encoder, encoder->groups.rows + run->first, run->count, 0,
				&encoder->common);
}

static bool put_wide(struct otlp_encoder *encoder, const struct group_run *run)
{
	for (uint32_t kind = MESSAGE_SUMMARY; kind >= MESSAGE_NUMBER; kind--) {
		struct program *program = &encoder->points[kind];

		if (encoder->kind_counts[kind] > 1) {
			program = &encoder->wide;
			if (!put_common(encoder, kind, run))
				return false;
		}
		for (uint32_t i = encoder->measure_count; i--;) {
			struct metric_head head = wide_head(&encoder->measures[i]);

			if (head.message == kind && !put_metric(encoder, &head, program, run))
				return false;
		}
	}
	return true;
}

bool points_put(struct otlp_encoder *encoder, const struct group_run *run)
{
	struct metric_head head;

	if (!encoder->metric) {
		if (!encoder->measure_count)
			encoder->left_out_count += run->count;
		return put_wide(encoder, run);
	}
	head = long_head(sonde_text_at(encoder->metric, encoder->groups.rows[run->first]));
	return put_metric(encoder, &head, &encoder->points[head.message], run);
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

/* Room for what is kept by row. */
static int reserve(struct otlp_encoder *encoder, uint32_t row_count)
{
	uint32_t *rows;
	struct series *series;

	if (row_count <= encoder->row_capacity)
		return 0;
	rows = reallocarray(encoder->rows, row_count, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	encoder->rows = rows;
	series = reallocarray(encoder->series, row_count, sizeof(*series));
	if (!series)
		return -ENOMEM;
	encoder->series = series;
	encoder->row_capacity = row_count;
	return 0;
}

/* Makes room in a program for the steps that are a metric's, the first one and two at the end. */
static int add_places(struct program *program)
{
	if (!program_add(program, STEP_LITERAL, 0) || !program_add(program, STEP_LITERAL, 0) ||
	    !program_add(program, STEP_LITERAL, 0))
		return -ENOMEM;
	program->step_count -= 2;
	memmove(program->steps + 1, program->steps,
		(program->step_count - 1) * sizeof(*program->steps));
	program->plain_count++;
	program->common_count = program->step_count;
	return 0;
}

static int compile_wide(struct otlp_encoder *encoder, const struct sonde_batch *batch)
{
	struct program *program = &encoder->wide;

	program->batch = batch;
	program->step_count = program->plain_count = 0;
	program->fixed_bytes = 2 * MESSAGE_HEAD_SIZE;
	program->series = true;
	return add_places(program);
}

int points_compile(struct otlp_encoder *encoder, const struct sonde_batch *batch)
{
	encoder->metric = metric_column(batch);
	encoder->weight = NULL;
	encoder->measure_count = 0;
	memset(encoder->kind_counts, 0, sizeof(encoder->kind_counts));
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (column->role == SONDE_ROLE_WEIGHT && column->scope == SONDE_SCOPE_ROW)
			encoder->weight = column;
		if (!is_measure(column, encoder->metric))
			continue;
		if (add_measure(encoder, column) < 0)
			return -ENOMEM;
		encoder->kind_counts[type_message(column->type)]++;
	}
	if (encoder->copies_all)
		return reserve(encoder, batch->row_count);
	for (uint32_t kind = MESSAGE_NUMBER; kind <= MESSAGE_SUMMARY; kind++) {
		if ((encoder->metric || encoder->kind_counts[kind]) &&
		    (program_compile(&encoder->points[kind], encoder, batch, kind) < 0 ||
		     add_places(&encoder->points[kind]) < 0))
			return -ENOMEM;
	}
	return compile_wide(encoder, batch) < 0 ? -ENOMEM : reserve(encoder, batch->row_count);
}
