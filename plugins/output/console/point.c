// SPDX-License-Identifier: Apache-2.0
/* Long rows, each a data point of a metric of its own, as rows of a table. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "phrase.h"
#include "picture.h"

/* Appends "key=value", and what is cut of it in `size`, to the hash whole: points that differ only
 * there are different ones too. */
static uint64_t append_attribute(char *text, size_t size, const struct sonde_column *column,
				 uint32_t row, uint64_t hash, struct phrase *phrase)
{
	bool is_map = column->role == SONDE_ROLE_ATTRIBUTES;
	size_t length = strlen(text);
	char number[32];
	struct label label;

	if (column->type > SONDE_BOOL && column->type <= SONDE_DOUBLE) {
		(void)snprintf(number, sizeof(number), "%.15g", sonde_number_at(column, row));
		label = label_of(number);
	} else {
		label = phrase_value(phrase, column, row);
	}
	hash = hash_bytes(hash, column->name, strlen(column->name) + 1);
	if (column->dictionary) {
		struct sonde_text value = sonde_text_at(column, row);

		hash = hash_bytes(hash, value.data, value.length);
	} else {
		hash = hash_bytes(hash, sonde_value(column, row), column->value_size);
	}
	if (length + 1 < size)
		(void)snprintf(text + length, size - length, "%s%s%s%.*s", length ? " " : "",
			       is_map ? "" : column->name, is_map ? "" : "=", (int)label.length,
			       label.data);
	return hash;
}

static uint64_t write_attributes(const struct sonde_batch *batch, uint32_t row, char *text,
				 size_t size, struct phrase *phrase)
{
	uint64_t hash = 0xcbf29ce484222325u;

	text[0] = 0;
	for (uint32_t index = 0; index < batch->column_count; index++) {
		const struct sonde_column *column = sonde_column(batch, index);

		if ((column->role == SONDE_ROLE_ATTRIBUTE ||
		     column->role == SONDE_ROLE_ATTRIBUTES) &&
		    column->stride && sonde_valid(column, row))
			hash = append_attribute(text, size, column, row, hash, phrase);
	}
	return hash;
}

static void decode_metric(struct sonde_instance *instance, struct point_columns *points,
			  uint32_t row)
{
	struct sonde_text text = sonde_text_at(points->metric, row);
	uint32_t code;

	memcpy(&code, sonde_value(points->metric, row), sizeof(code));
	if (points->has_metric && points->metric_code == code)
		return;
	points->has_metric = true;
	points->metric_code = code;
	if (sonde_metric_decode(instance, text.data, text.length, &points->decoded) < 0) {
		memset(&points->decoded, 0, sizeof(points->decoded));
		points->decoded.name = (struct sonde_text){ "?", 1, 0 };
	}
}

static struct unit metric_unit(const struct sonde_metric *metric)
{
	char unit[32];

	(void)snprintf(unit, sizeof(unit), "%.*s", (int)metric->unit.length,
		       metric->unit.length ? metric->unit.data : "");
	return unit_of(unit, SONDE_NONE);
}

/* A counter is shown as a rate, everything else as it is. */
static bool fill_value(const struct sonde_metric *metric, const struct source *source,
		       struct row *row, struct cell *cell)
{
	static const struct figure_style style = { 0 };
	bool counts = metric->kind == SONDE_METRIC_SUM && metric->monotonic;
	const struct row *before = NULL;
	struct figure figure;
	double added = cell->raw, seconds = row->seconds;

	cell->number = cell->raw;
	if (counts && metric->temporality == SONDE_CUMULATIVE)
		before = source_before(source, row->key);
	if (before && before->cells[POINT_VALUE].valid &&
	    before->cells[POINT_VALUE].raw <= cell->raw) {
		added -= before->cells[POINT_VALUE].raw;
		seconds = row->time_s - before->time_s;
	}
	cell->valid = true;
	if (counts && seconds > 0) {
		cell->number = added / seconds;
		figure = figure_of(cell->number, row->unit, style);
		strcat(figure.text, "/s");
	} else {
		figure = figure_of(cell->number, row->unit, style);
	}
	return label_copy(source->now.arena, figure.text, strlen(figure.text), &cell->text);
}

static int fill_histogram(const struct sonde_column *column, uint32_t batch_row, struct cell *cell)
{
	cell->histogram = distribution_create();
	if (!cell->histogram)
		return -ENOMEM;
	cell->valid = true;
	return distribution_add(cell->histogram, column, batch_row) == -ENOMEM ? -ENOMEM : 0;
}

int point_fill(struct sonde_instance *instance, const struct sonde_batch *batch, uint32_t batch_row,
	       struct point_columns *points, const struct source *source, struct phrase *phrase,
	       struct row *row)
{
	struct cell *cells = row->cells;
	const struct sonde_metric *metric = &points->decoded;
	char text[512];
	int result = 0;

	decode_metric(instance, points, batch_row);
	row->key = write_attributes(batch, batch_row, text, sizeof(text), phrase);
	row->key = hash_bytes(row->key, metric->name.data, metric->name.length);
	row->unit = metric_unit(metric);
	if (!label_copy(source->now.arena, metric->name.data, metric->name.length,
			&cells[POINT_METRIC].text) ||
	    !label_copy(source->now.arena, text, strlen(text), &cells[POINT_ATTRIBUTES].text))
		return -ENOMEM;
	cells[POINT_METRIC].valid = cells[POINT_ATTRIBUTES].valid = true;
	for (uint32_t index = 0; index < batch->column_count && result == 0; index++) {
		const struct sonde_column *column = sonde_column(batch, index);

		if (!sonde_valid(column, batch_row))
			continue;
		if (column->role == SONDE_ROLE_VALUE && column->type < SONDE_TEXT) {
			cells[POINT_VALUE].raw = sonde_number_at(column, batch_row);
			if (!fill_value(metric, source, row, &cells[POINT_VALUE]))
				result = -ENOMEM;
		} else if (column->role == SONDE_ROLE_VALUE ||
			   column->role == SONDE_ROLE_HISTOGRAM) {
			result = fill_histogram(column, batch_row, &cells[POINT_HISTOGRAM]);
		}
	}
	return result;
}
