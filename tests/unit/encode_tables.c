// SPDX-License-Identifier: Apache-2.0
/* Builds the tables that its input describes and prints the OTLP requests that are made of them:
 * for comparison with other implementations of OTLP. A line each:
 *
 *	table SIGNAL ROWS          begins one; below another one: a child, until `end`
 *	column NAME TYPE ROLE SCOPE TEMPORALITY MONOTONIC UNIT HELP DISTINCT CONSTANT VALUE..
 *	select BITS                the rows that count: 0 and 1 for each
 *	encode FIRST END           adds rows of the table to the request
 *	print                      "HEX ITEMS LEFT_OUT", and a new request
 *
 * Numbers are decimal, doubles the number that their bits are, everything else x and hex; a null is
 * a dash. Members of histograms are parted by colons, their buckets by commas. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "dictionary.h"
#include "encode.h"

enum { DEPTH_LIMIT = 4 };

static struct sonde_batch *tables[DEPTH_LIMIT];
static uint32_t depth;

static void check(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "encode_tables: %s\n", what);
	exit(1);
}

static const char *next_token(char **rest)
{
	const char *token = strtok_r(NULL, " \n", rest);

	check(token, "a line is cut off");
	return token;
}

static uint64_t next_number(char **rest)
{
	return strtoull(next_token(rest), NULL, 10);
}

/* The bytes of "x6162", with a zero behind them. */
static char *read_hex(const char *hex, size_t *ret_length)
{
	size_t length = strlen(hex) / 2;
	char *bytes = calloc(length + 1, 1);
	unsigned byte;

	check(bytes && *hex == 'x', "not hex");
	for (size_t i = 0; i < length; i++) {
		check(sscanf(hex + 1 + 2 * i, "%2x", &byte) == 1, "not hex");
		bytes[i] = (char)byte;
	}
	*ret_length = length;
	return bytes;
}

static double read_double(const char *bits)
{
	uint64_t value = strtoull(bits, NULL, 10);
	double number;

	memcpy(&number, &value, sizeof(number));
	return number;
}

/* ---- values ------------------------------------------------------------------------------ */

/* The part of a value up to a colon, which may be empty. */
static char *next_part(char **rest)
{
	char *part = strsep(rest, ":");

	check(part, "a histogram is cut off");
	return part;
}

/* Puts a list of words into the heap of a column. */
static void read_words(struct sonde_batch *batch, uint32_t column, char *list, uint32_t *ret_start,
		       uint32_t *ret_length)
{
	uint32_t count = *list ? 1 : 0;
	uint64_t *words;
	char *word;

	for (const char *at = list; *at; at++)
		count += *at == ',';
	words = batch_heap(batch, column, count, ret_start);
	check(words || !count, "no memory");
	for (uint32_t i = 0; i < count; i++) {
		word = strsep(&list, ",");
		words[i] = strtoull(word, NULL, 10);
	}
	*ret_length = count;
}

static void read_explicit(struct sonde_batch *batch, uint32_t column, char *text, void *value)
{
	struct sonde_explicit head = { 0 };
	uint32_t bounds;

	head.count = strtoull(next_part(&text), NULL, 10);
	head.sum = read_double(next_part(&text));
	head.minimum = read_double(next_part(&text));
	head.maximum = read_double(next_part(&text));
	head.flags = (uint32_t)strtoul(next_part(&text), NULL, 10);
	read_words(batch, column, next_part(&text), &head.counts_start, &head.length);
	read_words(batch, column, next_part(&text), &head.bounds_start, &bounds);
	memcpy(value, &head, sizeof(head));
}

static void read_exponential(struct sonde_batch *batch, uint32_t column, char *text, void *value)
{
	struct sonde_exponential head = { 0 };

	head.count = strtoull(next_part(&text), NULL, 10);
	head.zero_count = strtoull(next_part(&text), NULL, 10);
	head.sum = read_double(next_part(&text));
	head.minimum = read_double(next_part(&text));
	head.maximum = read_double(next_part(&text));
	head.zero_threshold = read_double(next_part(&text));
	head.scale = (int32_t)strtol(next_part(&text), NULL, 10);
	head.flags = (uint32_t)strtoul(next_part(&text), NULL, 10);
	head.positive_offset = (int32_t)strtol(next_part(&text), NULL, 10);
	read_words(batch, column, next_part(&text), &head.positive_start, &head.positive_length);
	head.negative_offset = (int32_t)strtol(next_part(&text), NULL, 10);
	read_words(batch, column, next_part(&text), &head.negative_start, &head.negative_length);
	memcpy(value, &head, sizeof(head));
}

static void read_quantiles(struct sonde_batch *batch, uint32_t column, char *text, void *value)
{
	struct sonde_quantiles head = { 0 };

	head.count = strtoull(next_part(&text), NULL, 10);
	head.sum = read_double(next_part(&text));
	read_words(batch, column, next_part(&text), &head.pairs_start, &head.length);
	head.length /= 2;
	memcpy(value, &head, sizeof(head));
}

static void read_value(struct sonde_batch *batch, uint32_t column, uint32_t type,
		       struct sonde_dictionary *dictionary, char *text, void *value)
{
	uint64_t number;
	uint32_t code;
	size_t length;
	char *bytes;

	switch (type) {
	case SONDE_TEXT:
	case SONDE_BYTES:
	case SONDE_ANY:
		bytes = read_hex(text, &length);
		code = dictionary_add(dictionary, bytes, length);
		memcpy(value, &code, sizeof(code));
		free(bytes);
		return;
	case SONDE_ID8:
	case SONDE_ID16:
		bytes = read_hex(text, &length);
		check(length == type_size(type), "an id of the wrong length");
		memcpy(value, bytes, length);
		free(bytes);
		return;
	case SONDE_EXPLICIT:
		read_explicit(batch, column, text, value);
		return;
	case SONDE_EXPONENTIAL:
		read_exponential(batch, column, text, value);
		return;
	case SONDE_QUANTILES:
		read_quantiles(batch, column, text, value);
		return;
	default: /* the lower bytes come first */
		number = strtoull(text, NULL, 10);
		memcpy(value, &number, type_size(type));
	}
}

/* ---- tables ------------------------------------------------------------------------------ */

static void read_column(char *rest)
{
	struct sonde_batch *batch = tables[depth - 1];
	struct sonde_field field = { 0 };
	struct sonde_dictionary *dictionary;
	unsigned char zeros[sizeof(struct sonde_exponential)] = { 0 };
	const struct sonde_column *column;
	char *words[3]; /* name, unit, help */
	uint32_t index, count;
	size_t length;
	bool constant;

	words[0] = read_hex(next_token(&rest), &length);
	field.type = (uint32_t)next_number(&rest);
	field.role = (uint16_t)next_number(&rest);
	field.scope = (uint8_t)next_number(&rest);
	field.temporality = (uint8_t)next_number(&rest);
	field.monotonic = next_number(&rest) != 0;
	words[1] = read_hex(next_token(&rest), &length);
	words[2] = read_hex(next_token(&rest), &length);
	field.name = words[0];
	field.unit = words[1];
	field.help = words[2];
	dictionary = dictionary_create(next_number(&rest) != 0);
	check(dictionary, "no memory");
	constant = next_number(&rest) != 0;
	check(constant ? batch_constant(batch, &field, dictionary, zeros) != NULL
		       : batch_add(batch, &field, dictionary) != NULL,
	      "a column was refused");
	index = batch->column_count - 1;
	count = constant ? 1 : batch->row_count;
	for (uint32_t row = 0; row < count; row++) {
		const char *text = next_token(&rest);

		column = sonde_column(batch, index);
		if (strcmp(text, "-"))
			read_value(batch, index, field.type, dictionary, (char *)(uintptr_t)text,
				   column->base + (size_t)row * column->stride);
		else
			batch_valid(batch, index)[row >> 3] &= (unsigned char)~(1u << (row & 7));
	}
	dictionary_release(dictionary);
	for (uint32_t i = 0; i < 3; i++)
		free(words[i]);
}

static void read_select(char *rest)
{
	struct sonde_batch *batch = tables[depth - 1];
	const char *bits = next_token(&rest);
	unsigned char *selected = calloc(batch->row_count / 8 + 9, 1);

	check(selected && strlen(bits) == batch->row_count, "not a bit for each row");
	for (uint32_t row = 0; row < batch->row_count; row++)
		selected[row >> 3] |= (unsigned char)((bits[row] == '1') << (row & 7));
	check(!batch_select(batch, selected), "a selection was refused");
	free(selected);
}

static void begin_table(char *rest)
{
	uint32_t signal = (uint32_t)next_number(&rest), rows = (uint32_t)next_number(&rest);

	if (!depth) {
		batch_release(tables[0]);
		tables[0] = NULL;
	}
	check(depth < DEPTH_LIMIT, "tables are nested too deep");
	tables[depth] = batch_table("table", signal, rows);
	check(tables[depth], "no memory");
	depth++;
}

static void end_table(void)
{
	struct sonde_batch *child = tables[--depth];

	tables[depth] = depth ? NULL : child;
	if (depth)
		check(!batch_adopt(tables[depth - 1], child), "a child was refused");
	else
		batch_finish(child);
}

static void print_request(struct otlp_request *request)
{
	const unsigned char *data = otlp_request_data(request);

	for (size_t i = 0; i < request->length; i++)
		printf("%02x", data[i]);
	printf(" %llu %llu\n", (unsigned long long)request->item_count,
	       (unsigned long long)request->left_out_count);
	otlp_request_clear(request);
}

int main(void)
{
	struct otlp_encoder *encoder = otlp_encoder_create();
	struct otlp_request request = { 0 };
	char *line = NULL, *rest;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		const char *word = strtok_r(line, " \n", &rest);

		if (!strcmp(word, "table")) {
			begin_table(rest);
		} else if (!strcmp(word, "column")) {
			read_column(rest);
		} else if (!strcmp(word, "select")) {
			read_select(rest);
		} else if (!strcmp(word, "end")) {
			end_table();
		} else if (!strcmp(word, "encode")) {
			uint32_t first = (uint32_t)next_number(&rest);

			check(!otlp_encode(encoder, tables[0], first, (uint32_t)next_number(&rest),
					   &request),
			      "encoding was refused");
		} else {
			print_request(&request);
		}
	}
	free(line);
	batch_release(tables[0]);
	otlp_request_release(&request);
	otlp_encoder_release(encoder);
	return 0;
}
