// SPDX-License-Identifier: Apache-2.0
/* Options between their three forms: a table entry, a text or config setting, a struct member. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "option.h"
#include "secret.h"
#include "text.h"

enum { CHOICES_LENGTH = 512, QUOTE_LENGTH = 96 };

__extension__ typedef __int128 whole;

/* A number of any option type: those with a fraction, and all others. */
struct number {
	bool real;
	whole whole;
	double fraction;
};

static bool is_real(uint32_t type)
{
	return type == SONDE_DOUBLE || type == SONDE_RATIO;
}

/* Whole numbers in decimal, or in hexadecimal after 0x; never octal. */
static int whole_parse(const char *text, whole *ret_whole)
{
	bool negative = *text == '-', hexadecimal;
	uint64_t magnitude;
	char *end;

	if (*text == '-' || *text == '+')
		text++;
	hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	if (hexadecimal ? !strchr("0123456789abcdefABCDEF", text[2]) || !text[2]
			: *text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	magnitude = strtoull(text, &end, hexadecimal ? 16 : 10);
	if (*end)
		return -EINVAL;
	if (errno) /* larger than anything: out of range for all types, whatever its value */
		*ret_whole = (whole)1 << 100;
	else
		*ret_whole = (whole)magnitude;
	if (negative)
		*ret_whole = -*ret_whole;
	return 0;
}

static int real_parse(const char *text, double *ret_number)
{
	char *end;
	double number;

	if (!*text || strspn(text, "0123456789.eE+-") != strlen(text))
		return -EINVAL; /* nor the hexadecimal ones, "inf" and "nan" of strtod() */
	number = strtod(text, &end);
	if (*end || !isfinite(number))
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static int number_parse(uint32_t type, const char *text, struct number *ret_number)
{
	uint64_t bytes;
	int64_t ns;
	int error;

	ret_number->real = is_real(type);
	switch (type) {
	case SONDE_DOUBLE:
		return real_parse(text, &ret_number->fraction);
	case SONDE_RATIO:
		return ratio_parse(text, &ret_number->fraction);
	case SONDE_DURATION:
		error = duration_parse(text, &ns);
		if (!error)
			ret_number->whole = ns;
		return error;
	case SONDE_SIZE:
		error = size_parse(text, &bytes);
		if (!error)
			ret_number->whole = (whole)bytes;
		return error;
	default:
		return whole_parse(text, &ret_number->whole);
	}
}

/* What a text that is no value of the type is told; NULL for types whose values are no numbers. */
static int number_complain(const struct sonde_option *option, const char *text, const char *shown,
			   char *error, size_t size)
{
	const char *example = option->type == SONDE_SIZE ? "64MiB" : "5s";
	const char *large = strlen(text) > 3 ? "B" : "MiB"; /* who writes 4096 means bytes */
	int64_t ns;

	switch (option->type) {
	case SONDE_DURATION:
		if (option->value && !duration_parse(option->value, &ns) && ns)
			example = option->value;
		__attribute__((fallthrough));
	case SONDE_SIZE:
		if (number_is_bare(text) && *text != '-')
			snprintf(error, size, "%s has no unit (try \"%s%s\")", shown, text,
				 option->type == SONDE_SIZE ? large : "s");
		else
			snprintf(error, size, "%s is not a %s (try \"%s\")", shown,
				 option->type == SONDE_SIZE ? "size" : "duration", example);
		return -EINVAL;
	case SONDE_RATIO:
		snprintf(error, size,
			 "%s is not a ratio from 0 to 1 (try \"1%%\", \"1/16\" or 0.25)", shown);
		return -EINVAL;
	case SONDE_DOUBLE:
		snprintf(error, size, "%s is not a number", shown);
		return -EINVAL;
	default:
		snprintf(error, size, "%s is not a whole number", shown);
		return -EINVAL;
	}
}

/* The bounds of the type, as texts, where the option states none; NULL: none that matters. */
static const char *type_bound(uint32_t type, bool upper)
{
	switch (type) {
	case SONDE_I32:
		return upper ? "2147483647" : "-2147483648";
	case SONDE_I64:
		return upper ? "9223372036854775807" : "-9223372036854775808";
	case SONDE_U32:
		return upper ? "4294967295" : "0";
	case SONDE_U64:
		return upper ? "18446744073709551615" : "0";
	default:
		return NULL;
	}
}

static int number_compare(const struct number *left, const struct number *right)
{
	if (left->real)
		return left->fraction < right->fraction ? -1 : left->fraction > right->fraction;
	return left->whole < right->whole ? -1 : left->whole > right->whole;
}

static int range_check(const struct sonde_option *option, const struct number *number,
		       const char *shown, char *error, size_t size)
{
	const char *low = option->minimum ? option->minimum : type_bound(option->type, false);
	const char *high = option->maximum ? option->maximum : type_bound(option->type, true);
	struct number bound;
	bool fits = true;

	if (low) {
		if (number_parse(option->type, low, &bound))
			goto wrong_table;
		fits &= number_compare(number, &bound) >= 0;
	}
	if (high) {
		if (number_parse(option->type, high, &bound))
			goto wrong_table;
		fits &= number_compare(number, &bound) <= 0;
	}
	if (fits)
		return 0;
	if (low && high)
		snprintf(error, size, "%s is out of range (%s to %s)", shown, low, high);
	else if (low)
		snprintf(error, size, "%s is too small (at least %s)", shown, low);
	else
		snprintf(error, size, "%s is too large (at most %s)", shown, high);
	return -EINVAL;
wrong_table:
	snprintf(error, size, "the plugin gives this option bounds that are none (%s to %s)",
		 low ? low : "", high ? high : "");
	return -EINVAL;
}

static void number_store(const struct sonde_option *option, const struct number *number, void *self)
{
	void *member = (char *)self + option->offset;

	switch (option->type) {
	case SONDE_I32:
		*(int32_t *)member = (int32_t)number->whole;
		break;
	case SONDE_U32:
		*(uint32_t *)member = (uint32_t)number->whole;
		break;
	case SONDE_I64:
	case SONDE_DURATION:
		*(int64_t *)member = (int64_t)number->whole;
		break;
	case SONDE_U64:
	case SONDE_SIZE:
		*(uint64_t *)member = (uint64_t)number->whole;
		break;
	default:
		*(double *)member = number->fraction;
	}
}

static uint32_t choice_count(const char *const *choices)
{
	uint32_t count = 0;

	while (choices[count])
		count++;
	return count;
}

static int choice_find(const struct sonde_option *option, const char *text, const char *shown,
		       uint32_t *ret_index, char *error, size_t size)
{
	uint32_t count = option->choices ? choice_count(option->choices) : 0;
	char list[CHOICES_LENGTH] = "", hint[QUOTE_LENGTH];
	size_t length = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (!strcmp(option->choices[i], text)) {
			*ret_index = i;
			return 0;
		}
		if (length < sizeof(list))
			length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%s",
						   i ? ", " : "", option->choices[i]);
	}
	nearest_hint(text, option->choices, count, hint, sizeof(hint));
	snprintf(error, size, "%s is none of %s%s", shown, list, hint);
	return -EINVAL;
}

/* A text that a text option may have. */
static int text_check(const struct sonde_option *option, const char *text, const char *shown,
		      char *error, size_t size)
{
	uint32_t index;
	size_t length = strlen(text);

	if (text_valid_length(text, length) != length) {
		snprintf(error, size, "is not UTF-8 text");
		return -EINVAL;
	}
	if (option->type != SONDE_SECRET && option->choices)
		return choice_find(option, text, shown, &index, error, size);
	return 0;
}

static int no_memory(char *error, size_t size)
{
	snprintf(error, size, "memory is refused");
	return -ENOMEM;
}

int option_assign_texts(const struct sonde_option *option, const char *const *items, uint32_t count,
			void *self, struct arena *arena, char *error, size_t error_size)
{
	struct sonde_texts *texts = (void *)((char *)self + option->offset);
	char quoted[QUOTE_LENGTH];
	const char **copy;
	int result;

	copy = arena_zero(arena, ((size_t)count + 1) * sizeof(*copy));
	if (!copy)
		return no_memory(error, error_size);
	for (uint32_t i = 0; i < count; i++) {
		text_quote(items[i], quoted, sizeof(quoted));
		result = text_check(option, items[i], quoted, error, error_size);
		if (result)
			return result;
		copy[i] = arena_copy(arena, items[i]);
		if (!copy[i])
			return no_memory(error, error_size);
	}
	*texts = (struct sonde_texts){ copy, count };
	return 0;
}

/* "a, b, c" into its items, in place; blanks around them do not count. */
static uint32_t list_split(char *text, const char **items)
{
	uint32_t count = 0;
	char *next, *end;

	for (char *item = text; item; item = next) {
		next = strchr(item, ',');
		end = next ? next : item + strlen(item);
		if (next)
			next++;
		item += strspn(item, " \t");
		while (end > item && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		if (end <= item && !next && !count)
			break; /* nothing at all: an empty list */
		*(end > item ? end : item) = '\0';
		items[count++] = item;
	}
	return count;
}

/* ["a", "b"] into its items, in place; -EINVAL if it is not that. */
static int brackets_split(char *text, const char **items, uint32_t *ret_count)
{
	uint32_t count = 0;

	for (text++;; text++) {
		text += strspn(text, " \t");
		if (!count && *text == ']')
			break;
		items[count] = text_unescape(&text);
		if (!items[count++])
			return -EINVAL;
		text += strspn(text, " \t");
		if (*text != ',')
			break;
	}
	if (text[0] != ']' || text[1])
		return -EINVAL;
	*ret_count = count;
	return 0;
}

static int texts_parse(const struct sonde_option *option, const char *text, const char *shown,
		       void *self, struct arena *arena, char *error, size_t size)
{
	const char **items = NULL;
	char *copy = strdup(text);
	uint32_t count = 0;
	size_t most = 1;
	int result = 0;

	for (const char *letter = text; *letter; letter++)
		most += *letter == ',';
	items = calloc(most, sizeof(*items));
	if (!copy || !items)
		result = no_memory(error, size);
	else if (*text != '[')
		count = list_split(copy, items);
	else if ((result = brackets_split(copy, items, &count)))
		snprintf(error, size, "%s is not a list (try [\"a\", \"b\"])", shown);
	if (!result)
		result = option_assign_texts(option, items, count, self, arena, error, size);
	free(items);
	free(copy);
	return result;
}

static int text_assign(const struct sonde_option *option, const char *text, const char *shown,
		       void *self, struct arena *arena, char *error, size_t size)
{
	char *copy;
	int result = text_check(option, text, shown, error, size);

	if (result)
		return result;
	copy = arena_copy(arena, text);
	if (!copy || (option->type == SONDE_SECRET && secret_hide(text)))
		return no_memory(error, size);
	*(const char **)(void *)((char *)self + option->offset) = copy;
	return 0;
}

static int number_assign(const struct sonde_option *option, const char *text, const char *shown,
			 void *self, char *error, size_t size)
{
	struct number number = { 0 };
	int result;

	if (number_parse(option->type, text, &number))
		return number_complain(option, text, shown, error, size);
	result = range_check(option, &number, shown, error, size);
	if (result)
		return result;
	number_store(option, &number, self);
	return 0;
}

int option_assign(const struct sonde_option *option, const char *text, const char *shown,
		  void *self, struct arena *arena, char *error, size_t error_size)
{
	void *member = (char *)self + option->offset;

	switch (option->type) {
	case SONDE_BOOL:
		if (strcmp(text, "true") && strcmp(text, "false")) {
			snprintf(error, error_size, "%s is neither true nor false", shown);
			return -EINVAL;
		}
		*(bool *)member = *text == 't';
		return 0;
	case SONDE_I32:
	case SONDE_I64:
	case SONDE_U32:
	case SONDE_U64:
	case SONDE_DOUBLE:
	case SONDE_DURATION:
	case SONDE_SIZE:
	case SONDE_RATIO:
		return number_assign(option, text, shown, self, error, error_size);
	case SONDE_TEXT:
	case SONDE_SECRET:
		return text_assign(option, text, shown, self, arena, error, error_size);
	case SONDE_CHOICE:
		return choice_find(option, text, shown, member, error, error_size);
	case SONDE_TEXTS:
		return texts_parse(option, text, shown, self, arena, error, error_size);
	case SONDE_GROUPS:
		snprintf(error, error_size, "%s is not a list of groups (try ( { … }, { … } ))",
			 shown);
		return -EINVAL;
	default:
		snprintf(error, error_size,
			 "the plugin gives this option a type that is none for options");
		return -EINVAL;
	}
}

int option_parse(const struct sonde_option *option, const char *text, void *self,
		 struct arena *arena, char *error, size_t error_size)
{
	char quoted[QUOTE_LENGTH];

	/* What is wrong with a secret is said without it. */
	if (option->type == SONDE_SECRET)
		snprintf(quoted, sizeof(quoted), "***");
	else
		text_quote(text, quoted, sizeof(quoted));
	return option_assign(option, text, quoted, self, arena, error, error_size);
}

int option_defaults(const struct sonde_option *options, void *self, struct arena *arena,
		    char *error, size_t error_size)
{
	char reason[CHOICES_LENGTH];
	int result;

	for (; options->name; options++) {
		if (!options->value)
			continue;
		result = option_parse(options, options->value, self, arena, reason, sizeof(reason));
		if (result) {
			snprintf(error, error_size, "%s: its default: %s", options->name, reason);
			return result;
		}
	}
	return 0;
}

const struct sonde_option *option_find(const struct sonde_option *options, const char *name)
{
	for (; options && options->name; options++)
		if (!strcmp(options->name, name))
			return options;
	return NULL;
}

void option_explain_no_knob(const struct sonde_option *options, const char *instance,
			    const char *knob, char *error, size_t error_size)
{
	uint32_t option_count = 0, count = 0;
	const char **names;
	char hint[128];

	while (options && options[option_count].name)
		option_count++;
	names = calloc(option_count + 1, sizeof(*names));
	for (uint32_t i = 0; names && i < option_count; i++) {
		if (options[i].knob)
			names[count++] = options[i].name;
	}
	if (option_find(options, knob))
		snprintf(error, error_size, "%s.%s cannot change while running", instance, knob);
	else
		snprintf(error, error_size, "%s has no knob \"%s\"%s", instance, knob,
			 names ? nearest_hint(knob, names, count, hint, sizeof(hint)) : "");
	free(names);
}
