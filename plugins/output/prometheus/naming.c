// SPDX-License-Identifier: Apache-2.0
/* Names of metrics and labels as Prometheus has them, made of those of OTLP and UCUM units. */
#include <stdio.h>
#include <string.h>
#include "append.h"
#include "naming.h"

struct word {
	const char *unit, *name;
};

static const struct word units[] = {
	{ "d", "days" },         { "h", "hours" },         { "min", "minutes" },
	{ "s", "seconds" },      { "ms", "milliseconds" }, { "us", "microseconds" },
	{ "ns", "nanoseconds" }, { "By", "bytes" },        { "KiBy", "kibibytes" },
	{ "MiBy", "mebibytes" }, { "GiBy", "gibibytes" },  { "TiBy", "tibibytes" },
	{ "kBy", "kilobytes" },  { "KBy", "kilobytes" },   { "MBy", "megabytes" },
	{ "GBy", "gigabytes" },  { "TBy", "terabytes" },   { "bit", "bits" },
	{ "m", "meters" },       { "V", "volts" },         { "A", "amperes" },
	{ "J", "joules" },       { "W", "watts" },         { "g", "grams" },
	{ "Cel", "celsius" },    { "Hz", "hertz" },        { "%", "percent" },
};

static const struct word per_units[] = {
	{ "s", "second" }, { "min", "minute" }, { "h", "hour" }, { "d", "day" },  { "wk", "week" },
	{ "w", "week" },   { "mo", "month" },   { "a", "year" }, { "y", "year" },
};

#define COUNT(array_) (sizeof(array_) / sizeof(*(array_)))

/* ---- units ------------------------------------------------------------------------------- */

static bool is_alphanumeric(char character)
{
	return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
	       (character >= '0' && character <= '9');
}

static const char *word_of(const struct word *words, size_t count, const char *unit)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i].unit, unit) == 0)
			return words[i].name;
	return unit;
}

/* The part of a unit up to a '/', without what stands in braces; `to` has UNIT_BYTES. */
static const char *take_part(const char *unit, char *to)
{
	size_t length = 0;
	int depth = 0;

	for (; *unit && *unit != '/'; unit++) {
		depth += *unit == '{';
		if (!depth && length + 1 < UNIT_BYTES / 3)
			to[length++] = *unit;
		depth -= *unit == '}' && depth;
	}
	to[length] = '\0';
	return unit;
}

/* Replaces what cannot stand in a name, and takes '_' off the ends. */
static void clean(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if (is_alphanumeric(*from))
			*to++ = *from;
		else if (to > text && to[-1] != '_')
			*to++ = '_';
	if (to > text && to[-1] == '_')
		to--;
	*to = '\0';
}

static double divisor_of(const char *unit)
{
	return strcmp(unit, "ns") == 0   ? 1e9
	       : strcmp(unit, "us") == 0 ? 1e6
	       : strcmp(unit, "ms") == 0 ? 1e3
					 : 1;
}

struct naming_unit naming_unit(const char *unit, bool is_gauge, bool seconds)
{
	struct naming_unit made = { .divisor = 1 };
	char first[UNIT_BYTES], second[UNIT_BYTES];
	const char *rest = take_part(unit, first);

	if (strcmp(unit, "1") == 0) {
		if (is_gauge)
			(void)strcpy(made.suffix, "ratio");
		return made;
	}
	if (seconds && divisor_of(first) != 1 && !*rest) {
		made.divisor = divisor_of(first);
		(void)strcpy(made.suffix, "seconds");
		return made;
	}
	(void)snprintf(made.suffix, sizeof(made.suffix), "%.31s",
		       strcmp(first, "1") == 0 ? "" : word_of(units, COUNT(units), first));
	if (*rest == '/') {
		(void)take_part(rest + 1, second);
		if (*second)
			(void)snprintf(made.suffix + strlen(made.suffix),
				       sizeof(made.suffix) - strlen(made.suffix), "%sper_%.31s",
				       *made.suffix ? "_" : "",
				       word_of(per_units, COUNT(per_units), second));
	}
	clean(made.suffix);
	return made;
}

/* ---- names ------------------------------------------------------------------------------- */

static bool has_suffix(const char *name, size_t length, const char *suffix)
{
	size_t size = strlen(suffix);

	return length > size && memcmp(name + length - size, suffix, size) == 0 &&
	       name[length - size - 1] == '_';
}

/* Appends the characters that a name may have, '_' for one or more others. */
static void put_clean(struct json *out, const char *text, size_t length, bool colons)
{
	char *begin = json_room(out, length), *at = begin;

	if (!begin)
		return;
	for (size_t i = 0; i < length; i++)
		if (is_alphanumeric(text[i]) || (colons && text[i] == ':'))
			*at++ = text[i];
		else if (at == begin || at[-1] != '_')
			*at++ = '_';
	out->length += (size_t)(at - begin);
}

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

void naming_metric(struct json *out, const char *name, const char *suffix, bool is_counter)
{
	size_t begin = out->length;

	if (!*name || is_digit(*name))
		append_text(out, "_");
	put_clean(out, name, strlen(name), true);
	if (out->failed)
		return;
	if (out->length - begin > 1 && out->data[out->length - 1] == '_')
		out->length--;
	if (is_counter && has_suffix(out->data + begin, out->length - begin, "total"))
		out->length -= strlen("_total");
	if (*suffix && !has_suffix(out->data + begin, out->length - begin, suffix)) {
		append_text(out, "_");
		append_text(out, suffix);
	}
}

void naming_label(struct json *out, const char *key, size_t length)
{
	if (!length || is_digit(*key))
		append_text(out, "key_");
	put_clean(out, key, length, false);
}
