/* SPDX-License-Identifier: Apache-2.0 */
/* Rows beside the table that a test expects. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "judgement.h"
#include "quantity.h"

int sample_add(struct sample *sample, struct lines *lines, uint32_t row, uint32_t limit)
{
	if (sample->count >= limit)
		return 0;
	sample->count++;
	return lines_row(lines, row, &sample->text);
}

/* ---- values ------------------------------------------------------------------------------ */

static bool histogram_sum(const struct sonde_column *column, uint32_t row, long double *ret_number)
{
	const void *value = sonde_value(column, row);
	struct sonde_exponential exponential;
	struct sonde_explicit explicit;
	struct sonde_quantiles quantiles;

	switch (column->type) {
	case SONDE_EXPONENTIAL:
		memcpy(&exponential, value, sizeof(exponential));
		*ret_number = exponential.sum;
		return exponential.flags & SONDE_HAS_SUM;
	case SONDE_EXPLICIT:
		memcpy(&explicit, value, sizeof(explicit));
		*ret_number = explicit.sum;
		return explicit.flags & SONDE_HAS_SUM;
	case SONDE_QUANTILES:
		memcpy(&quantiles, value, sizeof(quantiles));
		*ret_number = quantiles.sum;
		return true;
	default:
		return false;
	}
}

bool value_number(const struct sonde_column *column, uint32_t row, long double *ret_number)
{
	int64_t integer;
	uint64_t number;

	if (!sonde_valid(column, row))
		return false;
	switch (column->type) {
	case SONDE_I64:
	case SONDE_TIME:
	case SONDE_DURATION: /* more digits than a double has */
		memcpy(&integer, sonde_value(column, row), sizeof(integer));
		*ret_number = integer;
		return true;
	case SONDE_U64:
		memcpy(&number, sonde_value(column, row), sizeof(number));
		*ret_number = number;
		return true;
	default:
		if (column->type > SONDE_DOUBLE || column->type == SONDE_NONE)
			return histogram_sum(column, row, ret_number);
		*ret_number = sonde_number_at(column, row);
		return true;
	}
}

/* A value as it stands in a line of JSON, without the quotes of a text. */
static bool text_equals(struct lines *lines, const struct sonde_column *column, uint32_t row,
			const char *text)
{
	struct json written = { 0 };
	size_t length;
	const char *data;
	bool equal;

	lines_write_value(lines, column, row, &written);
	data = written.data;
	length = written.length;
	if (length > 1 && *data == '"') {
		data++;
		length -= 2;
	}
	equal = !written.failed && length == strlen(text) && !memcmp(data, text, length);
	json_release(&written);
	return equal;
}

/* column NULL: the batch has none of that name. */
static bool cell_holds(const struct cell *cell, struct lines *lines,
		       const struct sonde_column *column, uint32_t row)
{
	struct sonde_text text;
	long double number;
	int64_t ns;

	if (!column || !sonde_valid(column, row))
		return cell->kind == CELL_NOTHING;
	switch (cell->kind) {
	case CELL_NOTHING:
		return false;
	case CELL_BOOLEAN:
		return column->type == SONDE_BOOL &&
		       (sonde_number_at(column, row) != 0) == cell->boolean;
	case CELL_NUMBER:
		return value_number(column, row, &number) && number == cell->number;
	case CELL_TEXT:
		break;
	}
	if (column->type == SONDE_TEXT && column->role != SONDE_ROLE_METRIC) {
		text = sonde_text_at(column, row);
		return text.length == strlen(cell->text) &&
		       !memcmp(text.data, cell->text, text.length);
	}
	if (column->type == SONDE_DURATION && !duration_parse(cell->text, &ns))
		return value_number(column, row, &number) && number == ns;
	return text_equals(lines, column, row, cell->text);
}

/* ---- rows -------------------------------------------------------------------------------- */

static const struct sonde_column *column_of(const struct judgement *judgement,
					    const struct sonde_batch *batch, uint32_t number)
{
	uint32_t found = expression_find(&judgement->expectation->names[number], batch);

	return found == UINT32_MAX ? NULL : sonde_column(batch, found);
}

/* The first cell of a row of the table that does not hold; the number of columns: all do. */
static uint32_t row_differs(const struct judgement *judgement, uint64_t place,
			    const struct sonde_batch *batch, struct lines *lines, uint32_t row)
{
	const struct expectation *expectation = judgement->expectation;
	const struct cell *cells = expectation->cells + place * expectation->columns.count;
	uint32_t column = 0;

	while (column < expectation->columns.count &&
	       cell_holds(&cells[column], lines, column_of(judgement, batch, column), row))
		column++;
	return column;
}

static void mismatch_say(struct judgement *judgement, uint64_t place, uint32_t number,
			 const struct sonde_batch *batch, struct lines *lines, uint32_t row)
{
	const struct expectation *expectation = judgement->expectation;
	const struct cell *cell = &expectation->cells[place * expectation->columns.count + number];
	const struct sonde_column *column = column_of(judgement, batch, number);
	struct json found = { 0 };

	if (judgement->mismatch[0])
		return;
	if (column)
		lines_write_value(lines, column, row, &found);
	(void)snprintf(judgement->mismatch, sizeof(judgement->mismatch),
		       "row %llu: %s: expected %s%s%s, found %.*s", (unsigned long long)place + 1,
		       expectation->columns.items[number], cell->kind == CELL_TEXT ? "\"" : "",
		       cell->text, cell->kind == CELL_TEXT ? "\"" : "",
		       column ? (int)(found.length < 200 ? found.length : 200) : 14,
		       column ? found.data : "no such column");
	json_release(&found);
}

/* In order: whether it is the next row of the table. Else: whether one of those that are left. */
static bool row_holds(struct judgement *judgement, const struct sonde_batch *batch,
		      struct lines *lines, uint32_t row)
{
	const struct expectation *expectation = judgement->expectation;
	uint64_t place = judgement->place++;
	uint32_t column;

	if (expectation->in_order) {
		if (place >= expectation->row_count)
			return false;
		column = row_differs(judgement, place, batch, lines, row);
		if (column == expectation->columns.count)
			return true;
		mismatch_say(judgement, place, column, batch, lines, row);
		return false;
	}
	for (uint32_t at = 0; at < expectation->row_count; at++) {
		if (judgement->taken[at] ||
		    row_differs(judgement, at, batch, lines, row) < expectation->columns.count)
			continue;
		judgement->taken[at] = true;
		return true;
	}
	return false;
}

int judgement_compare(struct judgement *judgement, const struct sonde_batch *batch,
		      struct lines *lines, uint32_t sample_limit)
{
	int result = 0;

	for (uint32_t row = 0; row < batch->row_count && !result; row++) {
		if (!sonde_bit(judgement->where.bits, row) ||
		    row_holds(judgement, batch, lines, row))
			continue;
		judgement->mismatch_count++;
		result = sample_add(&judgement->mismatched, lines, row, sample_limit);
	}
	return result;
}
