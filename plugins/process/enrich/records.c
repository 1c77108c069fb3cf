// SPDX-License-Identifier: Apache-2.0
/* Takes files of records apart, in place. */
#include "records.h"

#include <errno.h>
#include <string.h>

#include "json.h"
#include "tree.h"

enum { CSV_COLUMNS = 1024 };

int records_fail(struct records_error *ret_error, uint32_t line, const char *format, ...)
{
	va_list arguments;

	ret_error->line = line;
	va_start(arguments, format);
	(void)vsnprintf(ret_error->text, sizeof(ret_error->text), format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static int call_back(records_callback *callback, void *context, uint32_t line,
		     const struct sonde_text *values, struct records_error *ret_error)
{
	int result = callback(context, line, values, ret_error);

	if (result)
		ret_error->line = line;
	return result;
}

/* A file may begin with a mark that says nothing but "UTF-8". */
static size_t mark_length(const char *data, size_t length)
{
	return length >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* ---- CSV --------------------------------------------------------------------------------- */

struct csv {
	char *at, *end;
	uint32_t line; /* of `at` */
};

/* A cell in quotes, in which "" stands for one; its text is moved together in place. */
static int quoted_read(struct csv *csv, struct sonde_text *ret_text,
		       struct records_error *ret_error)
{
	uint32_t line = csv->line;
	char *from = csv->at + 1, *to = csv->at;

	ret_text->data = to;
	for (;; from++) {
		if (from == csv->end)
			return records_fail(ret_error, line, "a quote is not closed");
		if (*from == '"') {
			if (from + 1 == csv->end || from[1] != '"')
				break;
			from++;
		}
		csv->line += *from == '\n';
		*to++ = *from;
	}
	ret_text->length = (uint32_t)(to - ret_text->data);
	csv->at = from + 1;
	if (csv->at < csv->end && *csv->at != ',' && *csv->at != '\n' && *csv->at != '\r')
		return records_fail(ret_error, csv->line,
				    "a comma or the end of the line is expected behind the quote "
				    "(one within is written twice)");
	return 0;
}

/* The cells of a line, of which at most CSV_COLUMNS are kept; ends behind it. */
static int line_read(struct csv *csv, struct sonde_text *cells, uint32_t *ret_count,
		     struct records_error *ret_error)
{
	uint32_t count = 0, line = csv->line;

	for (;;) {
		struct sonde_text cell = { .data = csv->at };
		int result = 0;

		if (csv->at < csv->end && *csv->at == '"') {
			result = quoted_read(csv, &cell, ret_error);
		} else {
			while (csv->at < csv->end && *csv->at != ',' && *csv->at != '\n')
				csv->at++;
			cell.length = (uint32_t)(csv->at - cell.data);
			if (cell.length && cell.data[cell.length - 1] == '\r' &&
			    (csv->at == csv->end || *csv->at == '\n'))
				cell.length--;
		}
		if (!result && count == CSV_COLUMNS)
			result = records_fail(ret_error, line, "there are more than %d fields",
					      CSV_COLUMNS);
		if (!result && !json_is_utf8(cell.data, cell.length))
			result = records_fail(ret_error, line, "field %u is not UTF-8", count + 1);
		if (result)
			return result;
		cells[count++] = cell;
		if (csv->at < csv->end && *csv->at == '\r')
			csv->at++; /* behind a quote */
		if (csv->at == csv->end || *csv->at++ == '\n')
			break;
	}
	csv->line++;
	*ret_count = count;
	return 0;
}

static int header_find(const struct sonde_text *cells, uint32_t count,
		       const struct records_wanted *wanted, uint32_t *places,
		       struct records_error *ret_error)
{
	for (uint32_t i = 0; i < wanted->count; i++) {
		size_t length = strlen(wanted->fields[i]);
		uint32_t place = 0;

		while (place < count && (cells[place].length != length ||
					 memcmp(cells[place].data, wanted->fields[i], length) != 0))
			place++;
		if (place == count)
			return records_fail(ret_error, 1,
					    "the first line has no field \"%s\" (it names the "
					    "fields of the others)",
					    wanted->fields[i]);
		places[i] = place;
	}
	return 0;
}

static bool line_is_empty(const struct sonde_text *cells, uint32_t count)
{
	return count == 1 && !cells[0].length;
}

int records_csv(char *data, size_t length, const struct records_wanted *wanted,
		records_callback *callback, void *context, struct records_error *ret_error)
{
	struct csv csv = { .at = data + mark_length(data, length),
			   .end = data + length,
			   .line = 1 };
	struct sonde_text cells[CSV_COLUMNS], values[RECORD_FIELDS];
	uint32_t places[RECORD_FIELDS], fields, count, line;
	int result;

	if (csv.at == csv.end)
		return records_fail(ret_error, 1,
				    "the file is empty (its first line names the fields)");
	result = line_read(&csv, cells, &fields, ret_error);
	if (!result)
		result = header_find(cells, fields, wanted, places, ret_error);
	while (!result && csv.at < csv.end) {
		line = csv.line;
		result = line_read(&csv, cells, &count, ret_error);
		if (result || line_is_empty(cells, count))
			continue;
		if (count != fields)
			return records_fail(ret_error, line,
					    "%u fields, where the first line names %u (a value "
					    "with a comma stands in quotes)",
					    count, fields);
		for (uint32_t i = 0; i < wanted->count; i++) {
			values[i] = cells[places[i]];
			if (!values[i].length)
				values[i].data = NULL;
		}
		result = call_back(callback, context, line, values, ret_error);
	}
	return result;
}

/* ---- JSON -------------------------------------------------------------------------------- */

/* A scalar as text. */
static int value_take(const struct tree *tree, const struct node *value, const char *field,
		      uint32_t line, struct sonde_text *ret_text, struct records_error *ret_error)
{
	switch (value->kind) {
	case NODE_NULL:
		return 0;
	case NODE_TRUE:
	case NODE_FALSE:
		ret_text->data = value->kind == NODE_TRUE ? "true" : "false";
		ret_text->length = (uint32_t)strlen(ret_text->data);
		return 0;
	case NODE_TEXT:
	case NODE_NUMBER:
		ret_text->data = value->length ? tree_text(tree, value) : NULL;
		ret_text->length = value->length;
		return 0;
	default:
		return records_fail(ret_error, line,
				    "\"%s\" is an object or an array, where a text, a number or a "
				    "truth value is expected",
				    field);
	}
}

static int object_read(const struct tree *tree, const struct records_wanted *wanted, uint32_t line,
		       struct sonde_text *values, struct records_error *ret_error)
{
	int result = 0;

	if (tree->nodes[0].kind != NODE_OBJECT)
		return records_fail(ret_error, line,
				    "no object (a line is {\"name\": \"value\", …})");
	memset(values, 0, wanted->count * sizeof(*values));
	for (uint32_t place = 1; place < tree->nodes[0].end && !result;
	     place = tree_next(tree, place + 1)) {
		const struct node *key = &tree->nodes[place];

		for (uint32_t i = 0; i < wanted->count && !result; i++)
			if (key->length == strlen(wanted->fields[i]) &&
			    memcmp(tree_text(tree, key), wanted->fields[i], key->length) == 0)
				result = value_take(tree, key + 1, wanted->fields[i], line,
						    &values[i], ret_error);
	}
	return result;
}

static bool is_blank(const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!strchr(" \t\r", data[i]))
			return false;
	return true;
}

int records_json(char *data, size_t length, const struct records_wanted *wanted,
		 records_callback *callback, void *context, struct records_error *ret_error)
{
	struct sonde_text values[RECORD_FIELDS];
	struct tree_error tree_error;
	size_t at = mark_length(data, length);
	struct tree tree;
	int result = 0;

	for (uint32_t line = 1; at < length && !result; line++) {
		const char *end = memchr(data + at, '\n', length - at);
		size_t bytes = end ? (size_t)(end - data) - at : length - at;
		const char *text = data + at;

		at += bytes + 1;
		if (is_blank(text, bytes))
			continue;
		result = tree_parse(&tree, text, bytes, 64 * bytes + 65536, &tree_error);
		if (result == -ENOMEM)
			return result;
		if (result)
			return records_fail(ret_error, line, "no JSON: %s, at byte %zu",
					    tree_error.text, tree_error.offset + 1);
		result = object_read(&tree, wanted, line, values, ret_error);
		if (!result)
			result = call_back(callback, context, line, values, ret_error);
		tree_release(&tree);
	}
	return result;
}
