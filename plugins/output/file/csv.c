// SPDX-License-Identifier: Apache-2.0
/* Batches as CSV (RFC 4180): a header of column names, then a record a row. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <program.h>
#include "csv.h"

/* Where the value of a header's column comes from: a column of the batch, or a child table. */
struct source {
	const struct sonde_column *column;
	const struct sonde_batch *child;
	uint32_t next_child_row; /* rows of the child before it belong to earlier rows */
	bool schema;
};

struct csv {
	struct sonde_instance *instance;
	bool schema;
	const struct sonde_batch *batch;
	struct header names;    /* of the batch's columns, in their order */
	struct source *sources; /* of the header's columns */
	uint32_t source_count, source_capacity;
	struct lines *lines;       /* writes values */
	struct lines *child_lines; /* writes rows of child tables, without a schema */
	struct json value;         /* one value as JSON, or a text unescaped */
	struct json bits;          /* the rows of a child table that belong to one row */
};

struct csv *csv_create(struct sonde_instance *instance, bool schema)
{
	struct csv *csv = calloc(1, sizeof(*csv));

	if (!csv)
		return NULL;
	csv->instance = instance;
	csv->schema = schema;
	csv->lines = lines_create(instance, false);
	csv->child_lines = lines_create(instance, false);
	if (csv->lines && csv->child_lines)
		return csv;
	csv_release(csv);
	return NULL;
}

void csv_release(struct csv *csv)
{
	if (!csv)
		return;
	header_release(&csv->names);
	free(csv->sources);
	lines_release(csv->lines);
	lines_release(csv->child_lines);
	json_release(&csv->value);
	json_release(&csv->bits);
	free(csv);
}

/* ---- cells ------------------------------------------------------------------------------- */

static inline void put(struct json *out, const char *text, size_t length)
{
	char *at = out->data + out->length;

	if (out->capacity - out->length < length)
		at = json_room(out, length);
	if (!at)
		return;
	memcpy(at, text, length);
	out->length += length;
}

static unsigned hex_digit(char digit)
{
	return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)((digit | 0x20) - 'a' + 10);
}

/* A JSON text back into bytes, in place, which are UTF-8 by then. Zero bytes, which readers of CSV
 * do not take, become U+FFFD. Returns the length. */
static size_t unescape(char *text, size_t length)
{
	static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";
	char *to = text;

	for (char *from = text + 1, *end = text + length - 1; from < end; from++) {
		const char *letter;

		if (*from != '\\') {
			*to++ = *from;
			continue;
		}
		from++;
		letter = strchr(letters, *from);
		if (*from == 'u') {
			unsigned code = hex_digit(from[3]) << 4 | hex_digit(from[4]);

			from += 4;
			if (code)
				*to++ = (char)code;
			else
				to = mempcpy(to, "\xef\xbf\xbd", 3);
		} else {
			*to++ = letter ? controls[letter - letters] : *from;
		}
	}
	return (size_t)(to - text);
}

static void put_text(struct csv *csv, struct sonde_text text, struct json *out)
{
	char *at = json_room(out, text.length);
	size_t length = text.length;

	/* Most texts need neither escapes nor quotes. */
	if (at && length && json_copy_plain(at, text.data, length) && !memchr(at, ',', length) &&
	    at[0] != ' ' && at[length - 1] != ' ') {
		out->length += length;
		return;
	}
	json_clear(&csv->value);
	json_text_length(&csv->value, text.data, length);
	length = csv->value.failed ? 0 : unescape(csv->value.data, csv->value.length);
	header_put_cell(out, csv->value.data, length);
}

static void put_value(struct csv *csv, const struct sonde_column *column, uint32_t row,
		      struct json *out)
{
	size_t start = out->length;
	char *text;

	if (!sonde_valid(column, row))
		return;
	if (column->type == SONDE_TEXT) {
		put_text(csv, sonde_text_at(column, row), out);
		return;
	}
	if (column->type < SONDE_EXPONENTIAL && column->role != SONDE_ROLE_METRIC) {
		lines_write_value(csv->lines, column, row, out);
		text = out->data + start;
		if (!out->failed && *text == '"') { /* nothing in it is escaped */
			out->length -= 2;
			memmove(text, text + 1, out->length - start);
			if (out->length == start) /* no bytes, which is a value */
				put(out, "\"\"", 2);
		}
		return;
	}
	json_clear(&csv->value);
	lines_write_value(csv->lines, column, row, &csv->value);
	header_put_cell(out, csv->value.data, csv->value.length);
	out->failed = out->failed || csv->value.failed;
}

/* The rows of a child table that belong to a row, as an array; they stand in the parents' order,
 * so `next` only goes forward. */
static void put_children(struct csv *csv, const struct sonde_batch *child, uint32_t parent,
			 uint32_t *next, struct json *out)
{
	struct sonde_batch view = *child;
	const struct sonde_column *column = NULL;
	uint32_t of = 0, count = 0;
	unsigned char *bits;

	for (uint32_t index = 0; index < child->column_count && !column; index++)
		if (sonde_column(child, index)->role == SONDE_ROLE_PARENT_ROW)
			column = sonde_column(child, index);
	json_clear(&csv->bits);
	bits = (unsigned char *)json_room(&csv->bits, child->row_count / 8 + 1);
	if (!bits || !column || column->type != SONDE_U32)
		return;
	memset(bits, 0, child->row_count / 8 + 1);
	for (; *next < child->row_count; (*next)++) {
		memcpy(&of, sonde_value(column, *next), sizeof(of));
		if (of > parent)
			break;
		if (of < parent || !sonde_selected(child, *next))
			continue;
		bits[*next >> 3] |= (unsigned char)(1u << (*next & 7));
		count++;
	}
	if (!count)
		return;
	view.selected = bits;
	view.selected_count = count;
	json_clear(&csv->value);
	put(&csv->value, "[", 1);
	if (lines_write(csv->child_lines, &view, &csv->value) < 0 || csv->value.failed) {
		out->failed = true;
		return;
	}
	for (size_t at = 0; at < csv->value.length; at++) /* no value holds a raw line break */
		if (csv->value.data[at] == '\n')
			csv->value.data[at] = ',';
	csv->value.data[csv->value.length - 1] = ']';
	header_put_cell(out, csv->value.data, csv->value.length);
}

/* ---- the header ---------------------------------------------------------------------------- */

/* How rows were stamped is for who is within. */
static bool is_shown(const struct sonde_column *column)
{
	return column->role != SONDE_ROLE_CLOCK_OFFSET;
}

/* The column of a name, by its number among those that are shown; column_count: it is behind them,
 * *number places. */
static uint32_t shown_column(const struct sonde_batch *batch, uint32_t *number)
{
	uint32_t column = 0;

	for (; column < batch->column_count; column++)
		if (is_shown(sonde_column(batch, column)) && !(*number)--)
			break;
	return column;
}

int csv_bind(struct csv *csv, const struct sonde_batch *batch)
{
	static const char *const prefixes[] = { "", "scope.", "resource." };
	char name[512];
	int result = 0;

	csv->batch = batch;
	header_clear(&csv->names);
	if (csv->schema)
		result = header_add(&csv->names, "schema", 6);
	for (uint32_t index = 0; index < batch->column_count && result == 0; index++) {
		const struct sonde_column *column = sonde_column(batch, index);
		const char *prefix = column->scope < 3 ? prefixes[column->scope] : "";

		if (!is_shown(column))
			continue;
		(void)snprintf(name, sizeof(name), "%s%s", prefix, column->name);
		result = header_add(&csv->names, name, strlen(name));
	}
	for (uint32_t index = 0; index < batch->child_count && result == 0; index++) {
		const char *child = program_child_name(batch->children[index]);

		result = header_add(&csv->names, child, strlen(child));
	}
	return result;
}

/* Runs through the batch's names and the header's columns of that name, those that are called the
 * same in their order. Returns whether all are there; `sources`, if not NULL, learns which. */
static bool assign(const struct csv *csv, const struct header *header, struct source *sources)
{
	const struct sonde_batch *batch = csv->batch;
	bool taken[HEADER_COLUMNS] = { false }, all = true;

	for (uint32_t index = 0; index < csv->names.count; index++) {
		int64_t place = header_find(header, header_name(&csv->names, index), taken);
		uint32_t number = index - csv->schema, column; /* wraps for the schema itself */

		if (place < 0) {
			all = false;
			continue;
		}
		taken[place] = true;
		if (!sources)
			continue;
		if (csv->schema && !index) {
			sources[place].schema = true;
			continue;
		}
		column = shown_column(batch, &number);
		if (column < batch->column_count)
			sources[place].column = sonde_column(batch, column);
		else
			sources[place].child = batch->children[number];
	}
	return all;
}

bool csv_fits(const struct csv *csv, const struct header *header)
{
	return header->count && assign(csv, header, NULL);
}

int csv_extend(struct csv *csv, struct header *header)
{
	bool taken[HEADER_COLUMNS] = { false };
	int result = 0;

	for (uint32_t index = 0; index < csv->names.count && result == 0; index++) {
		const char *name = header_name(&csv->names, index);
		int64_t place = header_find(header, name, taken);

		if (place < 0) {
			place = header->count;
			result = header_add(header, name, strlen(name));
		}
		if (result == 0)
			taken[place] = true;
	}
	if (result != -E2BIG)
		return result;
	header_clear(header);
	for (uint32_t index = 0; index < csv->names.count; index++) {
		const char *name = header_name(&csv->names, index);

		result = header_add(header, name, strlen(name));
		if (result < 0)
			break;
	}
	return result;
}

/* ---- records ------------------------------------------------------------------------------- */

int csv_order(struct csv *csv, const struct header *header)
{
	if (header->count > csv->source_capacity) {
		struct source *sources =
			reallocarray(csv->sources, header->count, sizeof(*sources));

		if (!sources)
			return -ENOMEM;
		csv->sources = sources;
		csv->source_capacity = header->count;
	}
	csv->source_count = header->count;
	memset(csv->sources, 0, header->count * sizeof(*csv->sources));
	(void)assign(csv, header, csv->sources);
	return 0;
}

int csv_row(struct csv *csv, uint32_t row, struct json *out)
{
	size_t start = out->length;
	bool failed;

	for (uint32_t index = 0; index < csv->source_count; index++) {
		struct source *source = &csv->sources[index];

		if (index)
			put(out, ",", 1);
		if (source->schema)
			header_put_cell(out, csv->batch->schema, strlen(csv->batch->schema));
		else if (source->column)
			put_value(csv, source->column, row, out);
		else if (source->child)
			put_children(csv, source->child, row, &source->next_child_row, out);
	}
	if (csv->source_count == 1 && out->length == start) /* readers skip empty lines */
		put(out, "\"\"", 2);
	put(out, "\r\n", 2);
	failed = out->failed || csv->value.failed || csv->bits.failed;
	if (failed)
		out->length = start;
	out->failed = csv->value.failed = csv->bits.failed = false;
	return failed ? -ENOMEM : 0;
}
