// SPDX-License-Identifier: Apache-2.0
/* Reads what a rule measures, in the words of expressions. */
#include "formula.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lexeme.h"

/* The text with the word that it stands at. */
struct words {
	struct reader reader;
	struct lexeme now;
};

static int words_next(struct words *words)
{
	return lexeme_next(&words->reader, false, &words->now);
}

static int words_open(struct words *words, const char *text, struct expression_error *error)
{
	size_t length = strlen(text);
	char *bytes;

	if (length > EXPRESSION_BYTES)
		return expression_fail(text, 0, error, "is longer than %d bytes", EXPRESSION_BYTES);
	bytes = malloc(length + 1);
	if (!bytes) {
		(void)expression_fail(text, 0, error, "no memory");
		return -ENOMEM;
	}
	*words = (struct words){ .reader = { .text = text, .bytes = bytes, .error = error } };
	return words_next(words);
}

__attribute__((format(printf, 2, 3))) static int complain(struct words *words, const char *format,
							  ...)
{
	char text[192];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return expression_fail(words->reader.text, words->now.offset, words->reader.error, "%s",
			       text);
}

static int sign_take(struct words *words, enum sign sign, const char *shown)
{
	if (words->now.kind != LEXEME_SIGN || words->now.sign != sign)
		return complain(words, "here \"%s\" is missing", shown);
	return words_next(words);
}

/* ---- numbers ----------------------------------------------------------------------------- */

static bool number_of(const struct lexeme *lexeme, double *ret_number)
{
	if (lexeme->kind != LEXEME_LITERAL || !kind_is_number(lexeme->value.kind))
		return false;
	*ret_number = lexeme->value.kind == KIND_REAL       ? lexeme->value.as.real
		      : lexeme->value.kind == KIND_UNSIGNED ? (double)lexeme->value.as.number
							    : (double)lexeme->value.as.integer;
	return true;
}

static int threshold_read(struct words *words, double *ret_number)
{
	bool negative = words->now.kind == LEXEME_SIGN && words->now.sign == SIGN_MINUS;
	double number;
	int result = negative ? words_next(words) : 0;

	if (!result && !number_of(&words->now, &number))
		return complain(words, "a number is needed here, such as 10ms, 64KiB, 0.05 or 5%%");
	if (!result)
		result = words_next(words);
	if (!result && words->now.kind == LEXEME_SIGN && words->now.sign == SIGN_REMAINDER) {
		number /= 100;
		result = words_next(words);
	}
	if (!result && words->now.kind != LEXEME_END)
		result = complain(words, "there is more than one number");
	if (!result)
		*ret_number = negative ? -number : number;
	return result;
}

int threshold_parse(const char *text, double *ret_number, struct expression_error *ret_error)
{
	struct words words = { 0 };
	int result = words_open(&words, text, ret_error);

	if (!result)
		result = threshold_read(&words, ret_number);
	free(words.reader.bytes);
	return result;
}

/* ---- measures ---------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t function;
} functions[] = {
	{ "sum", FUNCTION_SUM },   { "min", FUNCTION_MINIMUM },       { "max", FUNCTION_MAXIMUM },
	{ "mean", FUNCTION_MEAN }, { "quantile", FUNCTION_QUANTILE },
};

/* p99, p99.9 */
static bool is_percentile(const struct lexeme *lexeme, double *ret_share)
{
	char digits[16], *end;
	double percent;

	if (lexeme->length < 2 || lexeme->length > sizeof(digits) ||
	    (lexeme->value.as.text.data[0] | 0x20) != 'p')
		return false;
	memcpy(digits, lexeme->value.as.text.data + 1, lexeme->length - 1);
	digits[lexeme->length - 1] = '\0';
	if (strspn(digits, "0123456789.") != strlen(digits))
		return false;
	percent = strtod(digits, &end);
	*ret_share = percent / 100;
	return !*end && percent <= 100;
}

static int function_take(struct words *words, struct measure *measure)
{
	const struct lexeme *now = &words->now;
	uint32_t i = 0, count = sizeof(functions) / sizeof(functions[0]);

	if (now->kind != LEXEME_NAME || now->quoted)
		return complain(words, "count, or one of sum, min, max, mean, quantile and p99 of "
				       "a column is needed here");
	if (is_percentile(now, &measure->share)) {
		measure->function = FUNCTION_QUANTILE;
		return words_next(words);
	}
	while (i < count && !lexeme_is(now, functions[i].name))
		i++;
	if (i == count)
		return complain(words,
				"\"%.*s\" is none of count, sum, min, max, mean, quantile and p99",
				(int)now->length, words->reader.text + now->offset);
	measure->function = functions[i].function;
	measure->share = -1;
	return words_next(words);
}

static int column_take(struct words *words, struct measure *measure)
{
	struct sonde_text name = words->now.value.as.text;

	if (words->now.kind != LEXEME_NAME)
		return complain(words, "the name of a column is needed here");
	if (name.length >= sizeof(measure->column))
		return complain(words, "the name is longer than %d bytes", EXPRESSION_NAME_BYTES);
	memcpy(measure->column, name.data, name.length);
	measure->column[name.length] = '\0';
	return words_next(words);
}

static int share_take(struct words *words, struct measure *measure)
{
	int result;

	if (words->now.kind != LEXEME_SIGN || words->now.sign != SIGN_COMMA)
		return complain(words, "which quantile? (write quantile(column, 0.99))");
	result = words_next(words);
	if (!result &&
	    (!number_of(&words->now, &measure->share) || measure->share < 0 || measure->share > 1))
		return complain(words, "a share from 0 to 1 is needed here");
	return result ? result : words_next(words);
}

static int measure_take(struct words *words, struct measure *measure)
{
	int result;

	if (lexeme_is(&words->now, "count")) {
		measure->function = FUNCTION_COUNT;
		return words_next(words);
	}
	result = function_take(words, measure);
	if (!result)
		result = sign_take(words, SIGN_OPEN, "(");
	if (!result)
		result = column_take(words, measure);
	if (!result && measure->function == FUNCTION_QUANTILE && measure->share < 0)
		result = share_take(words, measure);
	return result ? result : sign_take(words, SIGN_CLOSE, ")");
}

static int formula_read(struct words *words, struct formula *formula)
{
	int result = measure_take(words, &formula->measures[0]);

	formula->count = 1;
	if (!result && words->now.kind == LEXEME_SIGN && words->now.sign == SIGN_OVER) {
		formula->count = 2;
		result = words_next(words);
		if (!result)
			result = measure_take(words, &formula->measures[1]);
	}
	if (!result && words->now.kind != LEXEME_END)
		result = complain(words, "one measure is possible, or one over another");
	return result;
}

int formula_parse(const char *text, struct formula *ret_formula, struct expression_error *ret_error)
{
	struct formula formula = { 0 };
	struct words words = { 0 };
	int result = words_open(&words, text, ret_error);

	if (!result)
		result = formula_read(&words, &formula);
	free(words.reader.bytes);
	if (!result)
		*ret_formula = formula;
	return result;
}
