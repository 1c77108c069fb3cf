// SPDX-License-Identifier: Apache-2.0
/* Measures as they are written: "errors = count where error.type is not null". */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "measure.h"

enum { NAME_BYTES = 256 };

static const struct {
	const char *name, *suffix;
	enum function function;
} functions[] = {
	{ "count", "", FUNCTION_COUNT },     { "sum", "", FUNCTION_SUM },
	{ "min", ".min", FUNCTION_MINIMUM }, { "max", ".max", FUNCTION_MAXIMUM },
	{ "mean", ".mean", FUNCTION_MEAN },  { "first", ".first", FUNCTION_FIRST },
	{ "last", ".last", FUNCTION_LAST },  { "histogram", "", FUNCTION_HISTOGRAM },
};

enum { FUNCTION_NAMES = sizeof(functions) / sizeof(functions[0]) };

struct reader {
	const char *text, *at;
	char *message;
	size_t message_size;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct reader *reader, const char *format,
							...)
{
	char what[320];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	(void)snprintf(reader->message, reader->message_size, "\"%.100s\": at %zu: %s",
		       reader->text, (size_t)(reader->at - reader->text) + 1, what);
	return -EINVAL;
}

static void skip_blanks(struct reader *reader)
{
	while (isspace((unsigned char)*reader->at))
		reader->at++;
}

/* A word, or a name in backticks; its length, 0: there is none. */
static size_t word_length(const char *at)
{
	size_t length = 0;

	if (*at == '`') {
		const char *end = strchr(at + 1, '`');

		return end && end > at + 1 ? (size_t)(end - at) + 1 : 0;
	}
	while (isalnum((unsigned char)at[length]) || strchr("._-", at[length] ? at[length] : ' '))
		length++;
	return length;
}

/* NAME =, if that is what comes. */
static int read_name(struct reader *reader, struct measure *measure)
{
	size_t length = word_length(reader->at);
	const char *behind = reader->at + length;
	bool quoted = *reader->at == '`';

	while (isspace((unsigned char)*behind))
		behind++;
	if (!length || *behind != '=' || behind[1] == '=')
		return 0;
	if (length > NAME_BYTES)
		return refuse(reader, "a name of over %d bytes", NAME_BYTES);
	measure->name = strndup(reader->at + quoted, length - 2 * quoted);
	if (!measure->name)
		return -ENOMEM;
	reader->at = behind + 1;
	skip_blanks(reader);
	return 0;
}

/* "p99.9": the share that it stands for; false: it is none. */
static bool read_share(const char *word, size_t length, double *ret_share)
{
	char digits[16], *end;
	double percent;

	if (length < 2 || length > sizeof(digits) || word[0] != 'p' ||
	    !isdigit((unsigned char)word[1]))
		return false;
	memcpy(digits, word + 1, length - 1);
	digits[length - 1] = '\0';
	percent = strtod(digits, &end);
	if (*end || percent < 0 || percent > 100)
		return false;
	*ret_share = percent / 100;
	return true;
}

static int read_function(struct reader *reader, struct measure *measure, const char **ret_suffix)
{
	size_t length = word_length(reader->at);

	for (uint32_t i = 0; i < FUNCTION_NAMES; i++) {
		if (strlen(functions[i].name) != length ||
		    strncmp(functions[i].name, reader->at, length) != 0)
			continue;
		measure->function = functions[i].function;
		*ret_suffix = functions[i].suffix;
		reader->at += length;
		return 0;
	}
	if (!read_share(reader->at, length, &measure->share))
		return refuse(reader, "a function is expected: count, sum, min, max, mean, first, "
				      "last, histogram or one like p99");
	measure->function = FUNCTION_QUANTILE;
	*ret_suffix = NULL;
	reader->at += length;
	return 0;
}

/* Where the column's name in brackets ends: at a comma or bracket outside of quotes. */
static const char *column_end(const char *at)
{
	char quote = '\0';

	for (; *at; at++) {
		if (quote)
			quote = *at == quote ? '\0' : quote;
		else if (*at == '`' || *at == '\'' || *at == '"')
			quote = *at;
		else if (*at == ',' || *at == ')')
			break;
	}
	return at;
}

static int read_scale(struct reader *reader, struct measure *measure)
{
	char *end;
	long scale;

	reader->at++;
	skip_blanks(reader);
	scale = strtol(reader->at, &end, 10);
	if (measure->function != FUNCTION_HISTOGRAM && measure->function != FUNCTION_QUANTILE)
		return refuse(reader, "only histogram and quantiles take a second argument");
	if (end == reader->at || scale < HISTOGRAM_SCALE_MINIMUM || scale > HISTOGRAM_SCALE_MAXIMUM)
		return refuse(reader, "a scale is a whole number from %d to %d",
			      HISTOGRAM_SCALE_MINIMUM, HISTOGRAM_SCALE_MAXIMUM);
	measure->scale = (int32_t)scale;
	reader->at = end;
	skip_blanks(reader);
	return 0;
}

/* (COLUMN) or (COLUMN, SCALE). */
static int read_column(struct reader *reader, struct measure *measure)
{
	struct expression_error error;
	char name[EXPRESSION_NAME_BYTES + 16];
	const char *end;
	int result;

	if (measure->function == FUNCTION_COUNT)
		return *reader->at == '('
			       ? refuse(reader, "count takes no column: what rows it counts says "
						"a condition (count where … is not null)")
			       : 0;
	if (*reader->at != '(')
		return refuse(reader, "a column in brackets is expected");
	reader->at++;
	end = column_end(reader->at);
	if (!*end || (size_t)(end - reader->at) >= sizeof(name))
		return refuse(reader, "a closing bracket is missing");
	(void)snprintf(name, sizeof(name), "%.*s", (int)(end - reader->at), reader->at);
	result = column_name_parse(name, &measure->column, &error);
	if (result == -EINVAL)
		return refuse(reader, "%s", error.text);
	if (result < 0)
		return result;
	reader->at = end;
	if (*end == ',')
		result = read_scale(reader, measure);
	if (result < 0)
		return result;
	if (*reader->at != ')')
		return refuse(reader, "a closing bracket is expected");
	reader->at++;
	return 0;
}

static int read_condition(struct reader *reader, struct measure *measure)
{
	struct expression_error error;
	int result;

	skip_blanks(reader);
	if (!*reader->at)
		return 0;
	if (strncasecmp(reader->at, "where", 5) != 0 || !isspace((unsigned char)reader->at[5]))
		return refuse(reader, "\"where\" and a condition are expected, or the end");
	reader->at += 5;
	skip_blanks(reader);
	result = expression_parse(reader->at, &measure->condition, &error);
	if (result != -EINVAL)
		return result;
	reader->at += error.offset;
	return refuse(reader, "%s", error.text);
}

/* What it is called if it has no name: as its column, and what is asked of that. */
static int name_make(struct measure *measure, const char *suffix)
{
	char quantile[24];

	if (measure->name)
		return 0;
	if (!suffix) {
		(void)snprintf(quantile, sizeof(quantile), ".p%.10g", measure->share * 100);
		suffix = quantile;
	}
	if (measure->function == FUNCTION_COUNT)
		measure->name = strdup("count");
	else if (asprintf(&measure->name, "%.*s%s", (int)measure->column.length,
			  measure->column.text, suffix) < 0)
		measure->name = NULL;
	return measure->name ? 0 : -ENOMEM;
}

int measure_parse(const char *text, struct measure *ret_measure, char message[],
		  size_t message_size)
{
	struct reader reader = { text, text, message, message_size };
	struct measure measure = { .scale = MEASURE_SCALE };
	const char *suffix = "";
	int result;

	(void)snprintf(message, message_size, "there is no memory for it");
	skip_blanks(&reader);
	result = read_name(&reader, &measure);
	if (!result)
		result = read_function(&reader, &measure, &suffix);
	if (!result)
		result = read_column(&reader, &measure);
	if (!result)
		result = read_condition(&reader, &measure);
	if (!result)
		result = name_make(&measure, suffix);
	if (result < 0) {
		measure_clear(&measure);
		return result;
	}
	*ret_measure = measure;
	return 0;
}

void measure_clear(struct measure *measure)
{
	free(measure->name);
	column_name_clear(&measure->column);
	expression_release(measure->condition);
	*measure = (struct measure){ 0 };
}
