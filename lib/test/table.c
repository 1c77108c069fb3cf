/* SPDX-License-Identifier: Apache-2.0 */
/* Batches that a test writes down as tables. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dictionary.h"
#include "test_host.h"

enum { COLUMN_LIMIT = 64, WORD_BYTES = 128 };

/* A table while it is read; cells are NULL where there is no value. */
struct table {
	struct sonde_test *test;
	struct sonde_field fields[COLUMN_LIMIT];
	uint32_t column_count, row_count;
	const char **cells;
};

static const char *blanks_skip(const char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

/* ---- columns ----------------------------------------------------------------------------- */

static uint32_t type_find(const char *word)
{
	for (uint32_t type = SONDE_BOOL; type <= SONDE_DURATION; type++) {
		if (!strcmp(type_name(type), word))
			return type;
	}
	test_die("\"%s\" is no type of a column in a table (try \"text\", \"u64\" or \"double\")",
		 word);
}

static uint16_t role_find(const char *word)
{
	char name[WORD_BYTES];

	snprintf(name, sizeof(name), "%s", word);
	for (char *c = name; *c; c++)
		*c = *c == '_' ? ' ' : *c;
	for (uint16_t role = 0; role <= SONDE_ROLE_DROPPED_LINKS; role++) {
		if (!strcmp(role_name(role), name))
			return role;
	}
	test_die("\"%s\" is no role of a column (try \"time\", \"gauge\" or \"body\")", word);
}

static uint8_t temporality_find(const char *word)
{
	if (!strcmp(word, "delta"))
		return SONDE_DELTA;
	if (!strcmp(word, "cumulative"))
		return SONDE_CUMULATIVE;
	test_die("\"%s\" is no temporality (\"delta\" or \"cumulative\")", word);
}

/* "NAME:TYPE:ROLE:TEMPORALITY", of which the last two may be missing. */
static void column_read(struct table *table, const char *text, size_t length)
{
	struct sonde_field *field = &table->fields[table->column_count];
	char *copy = test_memory(arena_copy_length(table->test->arena, text, length)), *rest = copy;
	const char *part;

	if (table->column_count == COLUMN_LIMIT)
		test_die("a table has more than %d columns", COLUMN_LIMIT);
	*field = (struct sonde_field){ .name = strsep(&rest, ":") };
	if (!rest)
		test_die("the column \"%s\" has no type: write \"%s:text\", say", copy, copy);
	field->type = type_find(strsep(&rest, ":"));
	if ((part = strsep(&rest, ":")))
		field->role = role_find(part);
	if ((part = strsep(&rest, ":")))
		field->temporality = temporality_find(part);
	if (rest)
		test_die("the column \"%s\" has more than four parts", copy);
	table->column_count++;
}

static void columns_read(struct table *table, const char *text)
{
	for (text = blanks_skip(text); *text; text = blanks_skip(text)) {
		size_t length = strcspn(text, " \t\n");

		column_read(table, text, length);
		text += length;
	}
}

/* ---- cells ------------------------------------------------------------------------------- */

/* The next cell off the front; NULL: it says that there is no value. */
static const char *cell_take(struct table *table, const char **text)
{
	const char *start = *text;
	bool quoted = *start == '\'';
	size_t length = quoted ? strcspn(++start, "'") : strcspn(start, " \t\n");

	if (quoted && !start[length])
		test_die("a quote is not closed in the row: '%s", start);
	*text = blanks_skip(start + length + quoted);
	if (!quoted && length == 1 && *start == '-')
		return NULL;
	return test_memory(arena_copy_length(table->test->arena, start, length));
}

static void row_read(struct table *table, uint32_t row, const char *text)
{
	const char *rest = blanks_skip(text);

	for (uint32_t i = 0; i < table->column_count; i++) {
		if (!*rest)
			test_die("a row has fewer cells than the table has columns (%u): \"%s\"",
				 table->column_count, text);
		table->cells[row * table->column_count + i] = cell_take(table, &rest);
	}
	if (*rest)
		test_die("a row has more cells than the table has columns (%u): \"%s\"",
			 table->column_count, text);
}

static bool hex_read(const char *text, unsigned char *bytes, size_t count)
{
	if (strlen(text) != 2 * count)
		return false;
	for (size_t i = 0; i < count; i++) {
		const char pair[] = { text[2 * i], text[2 * i + 1], '\0' };
		char *end;

		bytes[i] = (unsigned char)strtoul(pair, &end, 16);
		if (*end || !isxdigit((unsigned char)pair[0]))
			return false;
	}
	return true;
}

static bool signed_read(const char *text, uint32_t size, void *value)
{
	int64_t bound = INT64_MAX >> (64 - 8 * size), number;
	char *end;

	errno = 0;
	number = strtoll(text, &end, 10);
	memcpy(value, &number, size); /* of the least significant bytes */
	return *text && !*end && !errno && number <= bound && number >= -bound - 1;
}

static bool unsigned_read(const char *text, uint32_t size, void *value)
{
	uint64_t bound = UINT64_MAX >> (64 - 8 * size), number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	memcpy(value, &number, size);
	return *text && *text != '-' && !*end && !errno && number <= bound;
}

static bool double_read(const char *text, void *value)
{
	char *end;
	double number = strtod(text, &end);

	memcpy(value, &number, sizeof(number));
	return *text && !*end;
}

static bool bool_read(const char *text, void *value)
{
	*(unsigned char *)value = !strcmp(text, "true");
	return !strcmp(text, "true") || !strcmp(text, "false");
}

/* False: the text is no value of the type. */
static bool value_read(const struct sonde_column *column, struct sonde_dictionary *dictionary,
		       const char *text, void *value)
{
	uint32_t code;

	switch (column->type) {
	case SONDE_TEXT:
	case SONDE_BYTES:
		code = dictionary_add(dictionary, text, strlen(text));
		if (code == UINT32_MAX)
			test_memory(NULL);
		memcpy(value, &code, sizeof(code));
		return true;
	case SONDE_BOOL:
		return bool_read(text, value);
	case SONDE_DOUBLE:
		return double_read(text, value);
	case SONDE_ID8:
	case SONDE_ID16:
		return hex_read(text, value, column->value_size);
	case SONDE_U8:
	case SONDE_U16:
	case SONDE_U32:
	case SONDE_U64:
		return unsigned_read(text, column->value_size, value);
	default:
		return signed_read(text, column->value_size, value);
	}
}

/* ---- the batch --------------------------------------------------------------------------- */

static void column_fill(struct table *table, struct sonde_batch *batch, uint32_t index)
{
	const struct sonde_field *field = &table->fields[index];
	bool texts = field->type == SONDE_TEXT || field->type == SONDE_BYTES;
	struct sonde_dictionary *dictionary = texts ? test_memory(dictionary_create(true)) : NULL;
	struct sonde_column *column = test_memory(batch_add(batch, field, dictionary));

	for (uint32_t row = 0; row < table->row_count; row++) {
		const char *cell = table->cells[row * table->column_count + index];
		unsigned char *valid;

		if (cell) {
			if (!value_read(column, dictionary, cell,
					column->base + (size_t)row * column->stride))
				test_die("\"%s\" in the column \"%s\" is not of type %s", cell,
					 field->name, type_name(field->type));
			continue;
		}
		valid = test_memory(batch_valid(batch, index));
		valid[row >> 3] &= (unsigned char)~(1u << (row & 7));
	}
	dictionary_release(dictionary);
}

struct sonde_batch *sonde_test_table(struct sonde_test *test, const char *schema,
				     const char *columns, ...)
{
	struct table table = { .test = test };
	struct sonde_batch *batch;
	va_list rows;

	columns_read(&table, columns);
	va_start(rows, columns);
	while (va_arg(rows, const char *))
		table.row_count++;
	va_end(rows);
	table.cells = test_memory(
		calloc((size_t)table.row_count * table.column_count + 1, sizeof(char *)));
	va_start(rows, columns);
	for (uint32_t row = 0; row < table.row_count; row++)
		row_read(&table, row, va_arg(rows, const char *));
	va_end(rows);
	batch = test_memory(batch_table(schema, SONDE_SIGNAL_AUTO, table.row_count));
	for (uint32_t i = 0; i < table.column_count; i++)
		column_fill(&table, batch, i);
	free(table.cells);
	return batch;
}
