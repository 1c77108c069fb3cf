// SPDX-License-Identifier: Apache-2.0
/* Tables of every kind of column, and expressions about them, for the tests of lib/expression. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "batch.h"
#include "dictionary.h"
#include "expression_table.h"
#include "otlp_host.h"

uint64_t chance_next(struct chance *chance)
{
	uint64_t mixed = chance->state += 0x9e3779b97f4a7c15u;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
	return mixed ^ mixed >> 31;
}

uint32_t chance_below(struct chance *chance, uint32_t limit)
{
	return (uint32_t)(chance_next(chance) % limit);
}

/* ---- tables ------------------------------------------------------------------------------ */

struct table_row {
	int64_t time_ns, big, wait_ns, value_integer;
	uint64_t huge;
	double ratio, value_real;
	uint32_t word, note, mixed, metric, other_word;
	int32_t count;
	uint32_t wide;
	uint16_t port;
	int16_t delta;
	int8_t tiny;
	uint8_t level;
	bool flag, other_flag;
	unsigned char trace[16], parent_trace[16], span[8];
};

#define AT(member_) SONDE_MEMBER(struct table_row, member_)

static const struct sonde_field fields[] = {
	{ .name = "when", .type = SONDE_TIME, AT(time_ns), .role = SONDE_ROLE_TIME },
	{ .name = "big", .type = SONDE_I64, AT(big), .zero_is_null = true },
	{ .name = "wait", .type = SONDE_DURATION, AT(wait_ns), .zero_is_null = true },
	{ .name = "v.integer",
	  .type = SONDE_I64,
	  AT(value_integer),
	  .role = SONDE_ROLE_VALUE,
	  .zero_is_null = true },
	{ .name = "v.real",
	  .type = SONDE_DOUBLE,
	  AT(value_real),
	  .role = SONDE_ROLE_VALUE,
	  .zero_is_null = true },
	{ .name = "huge", .type = SONDE_U64, AT(huge), .zero_is_null = true },
	{ .name = "ratio", .type = SONDE_DOUBLE, AT(ratio), .zero_is_null = true },
	{ .name = "word", .type = SONDE_TEXT, AT(word), .zero_is_null = true },
	{ .name = "word", .type = SONDE_TEXT, AT(other_word), .scope = SONDE_SCOPE_SCOPE },
	{ .name = "note", .type = SONDE_TEXT, AT(note), .role = SONDE_ROLE_BODY },
	{ .name = "mixed", .type = SONDE_ANY, AT(mixed), .zero_is_null = true },
	{ .name = "m", .type = SONDE_BYTES, AT(metric), .role = SONDE_ROLE_METRIC },
	{ .name = "count", .type = SONDE_I32, AT(count), .zero_is_null = true },
	{ .name = "wide", .type = SONDE_U32, AT(wide) },
	{ .name = "port", .type = SONDE_U16, AT(port), .zero_is_null = true },
	{ .name = "delta", .type = SONDE_I16, AT(delta) },
	{ .name = "tiny", .type = SONDE_I8, AT(tiny), .zero_is_null = true },
	{ .name = "level", .type = SONDE_U8, AT(level), .role = SONDE_ROLE_SEVERITY },
	{ .name = "flag", .type = SONDE_BOOL, AT(flag) },
	{ .name = "other.flag", .type = SONDE_BOOL, AT(other_flag), .zero_is_null = true },
	{ .name = "trace",
	  .type = SONDE_ID16,
	  AT(trace),
	  .role = SONDE_ROLE_TRACE_ID,
	  .zero_is_null = true },
	{ .name = "parent.trace", .type = SONDE_ID16, AT(parent_trace) },
	{ .name = "span", .type = SONDE_ID8, AT(span), .role = SONDE_ROLE_SPAN_ID },
	{ 0 },
};

enum { WORD = 7, OTHER_WORD, NOTE, MIXED, METRIC };

static const struct sonde_schema schema = { .name = "table",
					    .row_size = sizeof(struct table_row),
					    .fields = fields };

const char *const table_numbers[] = { "when",  "big",    "wait",  "huge",  "ratio", "count",
				      "wide",  "port",   "delta", "tiny",  "level", "severity",
				      "value", "v.real", "side",  "fixed", "time",  NULL };
const char *const table_texts_names[] = { "word",        "note",         "body",
					  "m",           "metric",       "row[\"word\"]",
					  "scope[word]", "service.name", "resource['service.name']",
					  NULL };
const char *const table_others[] = { "flag",  "other.flag", "mixed",
				     "trace", "trace_id",   "parent.trace",
				     "span",  "nowhere",    "histogram",
				     NULL };

static const char *const words[] = { "",     "a",        "ab",   "abc",       "b", "GET /a",
				     "x\"y", "\xc3\xa4", "\xff", "abcabcabc", "z", "error: a" };

enum { WORD_COUNT = sizeof(words) / sizeof(words[0]) };

static const int64_t numbers[] = { 0,
				   1,
				   -1,
				   2,
				   5,
				   7,
				   100,
				   -100,
				   127,
				   -128,
				   255,
				   65535,
				   1000000000,
				   INT32_MAX,
				   INT32_MIN,
				   INT64_MAX,
				   INT64_MIN,
				   9007199254740993,
				   -9007199254740993 };
static const double reals[] = { 0,
				1,
				-1,
				0.5,
				2.5,
				-2.5,
				5,
				100,
				1e18,
				9223372036854775808.0,
				-9223372036854775808.0,
				9007199254740992,
				18446744073709551616.0,
				1e300,
				-1e300,
				INFINITY,
				-INFINITY,
				NAN };

static int64_t number_make(struct chance *chance)
{
	return numbers[chance_below(chance, sizeof(numbers) / sizeof(numbers[0]))];
}

static double real_make(struct chance *chance)
{
	return reals[chance_below(chance, sizeof(reals) / sizeof(reals[0]))];
}

static const char *word_make(struct chance *chance)
{
	return words[chance_below(chance, WORD_COUNT)];
}

static uint32_t any_make(struct chance *chance, struct sonde_dictionary *anys)
{
	struct sonde_any any = { .kind = chance_below(chance, SONDE_ANY_BYTES + 1) };
	const char *word = word_make(chance);
	char bytes[256];
	int64_t length;

	switch (any.kind) {
	case SONDE_ANY_TEXT:
	case SONDE_ANY_BYTES:
		any.length = (uint32_t)strlen(word);
		any.as.data = word;
		break;
	case SONDE_ANY_BOOL:
		any.as.boolean = chance_below(chance, 2);
		break;
	case SONDE_ANY_INTEGER:
		any.as.integer = number_make(chance);
		break;
	case SONDE_ANY_DOUBLE:
		any.as.number = real_make(chance);
		break;
	default:
		break;
	}
	length = sonde_any_encode(&otlp_instance, &any, bytes, sizeof(bytes));
	assert(length >= 0 && length <= (int64_t)sizeof(bytes));
	return dictionary_add(anys, bytes, (size_t)length);
}

static uint32_t metric_make(struct chance *chance, struct sonde_dictionary *metrics)
{
	const char *word = word_make(chance);
	struct sonde_metric metric = { .size = sizeof(metric),
				       .name = { word, (uint32_t)strlen(word), 0 },
				       .unit = { "By", 2, 0 },
				       .kind = SONDE_METRIC_GAUGE };
	char bytes[256];
	int64_t length = sonde_metric_encode(&otlp_instance, &metric, bytes, sizeof(bytes));

	assert(length >= 0 && length <= (int64_t)sizeof(bytes));
	return dictionary_add(metrics, bytes, (size_t)length);
}

void table_texts_create(struct table_texts *texts)
{
	*texts = (struct table_texts){ dictionary_create(true), dictionary_create(false),
				       dictionary_create(true), dictionary_create(true),
				       dictionary_create(true) };
	/* Code 0 is null where zeros are. */
	dictionary_add(texts->words, "zero", 4);
	dictionary_add(texts->anys, "", 0);
	dictionary_add(texts->services, "shop", 4);
}

void table_texts_release(struct table_texts *texts)
{
	dictionary_release(texts->words);
	dictionary_release(texts->notes);
	dictionary_release(texts->anys);
	dictionary_release(texts->metrics);
	dictionary_release(texts->services);
}

static void row_fill(struct chance *chance, struct table_texts *texts, struct table_row *row)
{
	const char *word = word_make(chance), *note = word_make(chance), *other = word_make(chance);

	memset(row, 0, sizeof(*row));
	row->time_ns = number_make(chance);
	row->big = number_make(chance);
	row->wait_ns = number_make(chance);
	row->value_integer = number_make(chance);
	row->value_real = real_make(chance);
	row->huge = chance_below(chance, 3) ? (uint64_t)number_make(chance) : UINT64_MAX;
	row->ratio = real_make(chance);
	row->word = dictionary_add(texts->words, word, strlen(word));
	row->word = chance_below(chance, 4) ? row->word : 0;
	row->other_word = dictionary_add(texts->words, other, strlen(other));
	row->note = dictionary_add(texts->notes, note, strlen(note));
	row->mixed = chance_below(chance, 4) ? any_make(chance, texts->anys) : 0;
	row->metric = metric_make(chance, texts->metrics);
	row->count = (int32_t)number_make(chance);
	row->wide = (uint32_t)number_make(chance);
	row->port = (uint16_t)number_make(chance);
	row->delta = (int16_t)number_make(chance);
	row->tiny = (int8_t)number_make(chance);
	row->level = (uint8_t)chance_below(chance, 25);
	row->flag = chance_below(chance, 2);
	row->other_flag = chance_below(chance, 2);
	row->trace[15] = (unsigned char)chance_below(chance, 3);
	row->parent_trace[15] = (unsigned char)chance_below(chance, 3);
	row->span[0] = (unsigned char)chance_below(chance, 3);
}

/* Columns with storage of their own, and constants. */
static void columns_add(struct chance *chance, struct table_texts *texts, struct sonde_batch *batch,
			uint32_t row_count)
{
	static const struct sonde_field side = { .name = "side", .type = SONDE_I64 };
	static const struct sonde_field fixed = { .name = "fixed", .type = SONDE_DOUBLE };
	static const struct sonde_field histogram = { .name = "histogram",
						      .type = SONDE_EXPONENTIAL };
	static const struct sonde_field service = { .name = "service.name",
						    .type = SONDE_TEXT,
						    .scope = SONDE_SCOPE_RESOURCE };
	struct sonde_column *column = batch_add(batch, &side, NULL);
	double constant = real_make(chance);
	unsigned char *valid;
	uint32_t code = 0;

	assert(column);
	for (uint32_t row = 0; row < row_count; row++) {
		int64_t value = number_make(chance);

		memcpy(column->base + (size_t)row * column->stride, &value, sizeof(value));
	}
	valid = batch_valid(batch, batch->column_count - 1);
	for (uint32_t row = 0; valid && row < row_count; row += 3)
		valid[row / 8] &= (unsigned char)~(1u << (row % 8));
	column = batch_constant(batch, &fixed, NULL, &constant);
	assert(column);
	column = batch_add(batch, &histogram, NULL);
	assert(column);
	column = batch_constant(batch, &service, texts->services, &code);
	assert(column);
}

struct sonde_batch *table_create(struct chance *chance, struct table_texts *texts,
				 uint32_t row_count)
{
	struct sonde_dictionary *dictionaries[sizeof(fields) / sizeof(fields[0])] = { 0 };
	struct sonde_batch *batch, *derived;
	unsigned char bits[1024];
	struct table_row *rows;

	dictionaries[WORD] = dictionaries[OTHER_WORD] = texts->words;
	dictionaries[NOTE] = texts->notes;
	dictionaries[MIXED] = texts->anys;
	dictionaries[METRIC] = texts->metrics;
	batch = batch_create(&schema, row_count ? row_count : 1, dictionaries);
	assert(batch && row_count <= sizeof(bits) * 8);
	rows = batch_rows(batch);
	for (uint32_t row = 0; row < row_count; row++)
		row_fill(chance, texts, &rows[row]);
	batch_resize(batch, row_count);
	columns_add(chance, texts, batch, row_count);
	batch_finish(batch);
	if (chance_below(chance, 2))
		return batch;
	for (size_t i = 0; i < sizeof(bits); i++)
		bits[i] = (unsigned char)chance_next(chance);
	derived = batch_derive(batch);
	assert(derived && !batch_select(derived, bits));
	batch_finish(derived);
	batch_release(batch);
	return derived;
}

/* ---- expressions ------------------------------------------------------------------------- */

struct writer {
	struct chance *chance;
	char *text;
	size_t size, length;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *writer, const char *format,
						      ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(writer->text + writer->length, writer->size - writer->length, format,
			   arguments);
	va_end(arguments);
	assert(length >= 0 && writer->length + (size_t)length < writer->size);
	writer->length += (size_t)length;
}

static void put_one_of(struct writer *writer, const char *const *of)
{
	uint32_t count = 0;

	while (of[count])
		count++;
	put(writer, "%s", of[chance_below(writer->chance, count)]);
}

static void put_name(struct writer *writer, const char *const *usual)
{
	static const char *const *const all[] = { table_numbers, table_texts_names, table_others };

	if (chance_below(writer->chance, 8))
		put_one_of(writer, usual);
	else
		put_one_of(writer, all[chance_below(writer->chance, 3)]);
}

static void put_number(struct writer *writer)
{
	static const char *const others[] = { "0",
					      "0.5",
					      "2.5",
					      "1e18",
					      "9223372036854775808",
					      "18446744073709551615",
					      "9007199254740993.0",
					      "10ms",
					      "1.5s",
					      "64KiB",
					      "0xff",
					      "1e300",
					      "9007199254740992",
					      "1e-300",
					      "12",
					      NULL };
	int64_t number = number_make(writer->chance);

	if (chance_below(writer->chance, 2))
		put_one_of(writer, others);
	else
		put(writer, "%" PRId64, number);
}

static void put_text(struct writer *writer)
{
	static const char *const texts[] = { "''",
					     "'a'",
					     "\"ab\"",
					     "'abc'",
					     "'GET /a'",
					     "'x\\\"y'",
					     "'\xc3\xa4'",
					     "'\\xff'",
					     "'z'",
					     "'shop'",
					     "'00000000000000000000000000000001'",
					     "'0100000000000000'",
					     NULL };

	put_one_of(writer, texts);
}

static void put_sum(struct writer *writer, int depth)
{
	static const char *const signs[] = { "+", "-", "*", "/", "%", NULL };

	switch (chance_below(writer->chance, depth > 0 ? 6 : 3)) {
	case 0:
		put_number(writer);
		return;
	case 3:
		put(writer, "(");
		put_sum(writer, depth - 1);
		put_one_of(writer, signs);
		put(writer, " "); /* "- -5" */
		put_sum(writer, depth - 1);
		put(writer, ")");
		return;
	case 4:
		put_sum(writer, depth - 1);
		put_one_of(writer, signs);
		put(writer, " ");
		put_sum(writer, depth - 1);
		return;
	case 5:
		put(writer, "- ");
		put_sum(writer, depth - 1);
		return;
	default:
		put_name(writer, chance_below(writer->chance, 6) ? table_numbers : table_others);
	}
}

static void put_list(struct writer *writer, bool numeric)
{
	uint32_t count = 1 + chance_below(writer->chance, 6);

	put(writer, chance_below(writer->chance, 2) ? " in (" : " not in (");
	for (uint32_t i = 0; i < count; i++) {
		put(writer, i ? ", " : "");
		if (numeric)
			put_number(writer);
		else
			put_text(writer);
	}
	put(writer, ")");
}

static void put_concat(struct writer *writer, int depth)
{
	/* without a sign, which is an operator */
	static const char *const plain[] = { "0", "2.5", "10ms", "18446744073709551615", NULL };
	uint32_t count = 1 + chance_below(writer->chance, 4);

	put(writer, chance_below(writer->chance, 4) ? "concat(" : "CONCAT (");
	for (uint32_t i = 0; i < count; i++) {
		put(writer, i ? ", " : "");
		switch (chance_below(writer->chance, depth > 0 ? 5 : 4)) {
		case 0:
			put_one_of(writer, plain);
			break;
		case 1:
			put_name(writer, table_numbers);
			break;
		case 2:
			put(writer, "%s", chance_below(writer->chance, 2) ? "true" : "' - '");
			break;
		case 3:
			put_name(writer, table_texts_names);
			break;
		default:
			put_concat(writer, depth - 1);
		}
	}
	put(writer, ")");
}

static void put_comparison(struct writer *writer)
{
	static const char *const signs[] = { "=", "==", "!=", "<", "<=", ">", ">=", "<>", NULL };
	static const char *const asked[] = {
		" contains ",        " starts with ",   " ends with ", " not contains ",
		" not starts with ", " NOT ENDS WITH ", NULL
	};
	static const char *const patterns[] = { "'^a'", "'b+c$'",        "'(?i)get'",
						"'^$'", "'[\xc3\xa4z]'", "'error: \\w'",
						NULL };

	if (!chance_below(writer->chance, 12)) {
		put_concat(writer, 1);
		put_one_of(writer, chance_below(writer->chance, 2) ? signs : asked);
		put_text(writer);
		return;
	}
	switch (chance_below(writer->chance, 10)) {
	case 0:
		put_name(writer, table_texts_names);
		put_list(writer, false);
		return;
	case 1:
		put_sum(writer, 1);
		put_list(writer, true);
		return;
	case 2:
		put_name(writer, table_texts_names);
		put_one_of(writer, asked);
		put_text(writer);
		return;
	case 3:
		put_name(writer, table_texts_names);
		put(writer, chance_below(writer->chance, 2) ? " =~ " : " !~ ");
		put_one_of(writer, patterns);
		return;
	case 4:
	case 5:
		put_name(writer,
			 chance_below(writer->chance, 3) ? table_texts_names : table_others);
		put_one_of(writer, signs);
		if (chance_below(writer->chance, 2))
			put_text(writer);
		else
			put_name(writer, chance_below(writer->chance, 2) ? table_texts_names
									 : table_others);
		return;
	case 6:
		if (chance_below(writer->chance, 2))
			put_sum(writer, 1);
		else
			put_name(writer, table_others);
		put(writer, chance_below(writer->chance, 2) ? " is null" : " is not null");
		return;
	default:
		put_sum(writer, 2);
		put_one_of(writer, signs);
		put_sum(writer, 1);
	}
}

static void put_condition(struct writer *writer, int depth)
{
	switch (chance_below(writer->chance, depth > 0 ? 7 : 3)) {
	case 0:
		put_one_of(writer, (const char *const[]){ "flag", "other.flag", "mixed", "nowhere",
							  "true", "false", NULL });
		return;
	case 3:
		put(writer, chance_below(writer->chance, 2) ? "not (" : "!(");
		put_condition(writer, depth - 1);
		put(writer, ")");
		return;
	case 4:
	case 5:
		put(writer, "(");
		put_condition(writer, depth - 1);
		put(writer, chance_below(writer->chance, 2) ? ") and (" : ") || (");
		put_condition(writer, depth - 1);
		put(writer, ")");
		return;
	case 6:
		put(writer, "(");
		put_condition(writer, depth - 1);
		put(writer, chance_below(writer->chance, 2) ? ") = (" : ") is null or (");
		put_condition(writer, depth - 1);
		put(writer, ")");
		return;
	default:
		put_comparison(writer);
	}
}

void expression_write(struct chance *chance, char *text, size_t size)
{
	struct writer writer = { .chance = chance, .text = text, .size = size };

	put_condition(&writer, 3);
}

void expression_write_value(struct chance *chance, char *text, size_t size)
{
	struct writer writer = { .chance = chance, .text = text, .size = size };
	uint32_t kind = chance_below(chance, 6);

	text[0] = '\0';
	if (kind == 0)
		put_condition(&writer, 1);
	else if (kind == 1)
		put_text(&writer);
	else if (kind < 4)
		put_concat(&writer, 2);
	else
		put_sum(&writer, 3);
}
