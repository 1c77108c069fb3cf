// SPDX-License-Identifier: Apache-2.0
/* Numbers as a person reads them: few digits, a prefix, a unit. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sonde/plugin.h>
#include "figure.h"

struct unit unit_of(const char *unit, uint32_t type)
{
	static const struct {
		const char *name;
		struct unit unit;
	} known[] = {
		{ "ns", { UNIT_TIME, 1 } },          { "us", { UNIT_TIME, 1e3 } },
		{ "ms", { UNIT_TIME, 1e6 } },        { "s", { UNIT_TIME, 1e9 } },
		{ "min", { UNIT_TIME, 60e9 } },      { "h", { UNIT_TIME, 3600e9 } },
		{ "By", { UNIT_BYTES, 1 } },         { "kBy", { UNIT_BYTES, 1e3 } },
		{ "KiBy", { UNIT_BYTES, 1024 } },    { "MBy", { UNIT_BYTES, 1e6 } },
		{ "MiBy", { UNIT_BYTES, 1 << 20 } }, { "%", { UNIT_PERCENT, 1 } },
	};

	if (type == SONDE_DURATION)
		return known[0].unit;
	for (uint32_t index = 0; unit && index < sizeof(known) / sizeof(*known); index++)
		if (strcmp(unit, known[index].name) == 0)
			return known[index].unit;
	return (struct unit){ UNIT_PLAIN, 1 };
}

bool unit_is_error(const char *unit, const char *name)
{
	static const char *const words[] = { "errors", "failures" };
	const char *part = strrchr(name, '.');

	part = part ? part + 1 : name;
	for (uint32_t index = 0; index < sizeof(words) / sizeof(*words); index++)
		if (strcmp(part, words[index]) == 0)
			return true;
	return unit && strcmp(unit, "{error}") == 0;
}

struct figure figure_none(struct figure_style style)
{
	struct figure figure;

	(void)snprintf(figure.text, sizeof(figure.text), "%s%s", style.ascii ? "-" : "–",
		       style.aligned ? "  " : "");
	return figure;
}

/* Digits so that `digits` of them count, and the unit behind. */
static struct figure write_figure(double value, int digits, const char *unit)
{
	struct figure figure;
	double magnitude = fabs(value);
	int places = magnitude < 9.995 ? digits - 1 : magnitude < 99.95 ? digits - 2 : 0;

	if (places < 0 || value == 0)
		places = 0;
	(void)snprintf(figure.text, sizeof(figure.text), "%.*f%s", places, value, unit);
	return figure;
}

struct figure figure_count(double value, struct figure_style style)
{
	static const char *const prefixes[] = { "", " k", " M", " G", " T", " P", " E" };
	uint32_t prefix = 0;

	if (!isfinite(value))
		return figure_none(style);
	if (fabs(value) < 999.5 && value == rint(value))
		return write_figure(value, 0, style.aligned ? "  " : "");
	if (fabs(value) < 0.005)
		return write_figure(0, 0, style.aligned ? "  " : "");
	for (; fabs(value) >= 999.5 && prefix + 1 < sizeof(prefixes) / sizeof(*prefixes); prefix++)
		value /= 1000;
	return write_figure(value, 3, prefix || !style.aligned ? prefixes[prefix] : "  ");
}

struct figure figure_duration(double ns, struct figure_style style)
{
	static const struct {
		double ns;
		const char *unit, *ascii;
	} steps[] = {
		{ 86400e9, " d", " d" }, { 3600e9, " h", " h" }, { 600e9, " min", " min" },
		{ 1e9, " s", " s" },     { 1e6, " ms", " ms" },  { 1e3, " µs", " us" },
		{ 0, " ns", " ns" },
	};
	struct figure_style plain = { .ascii = style.ascii };
	const char *unit;
	struct figure figure;
	double step;

	if (!isfinite(ns))
		return style.aligned ? figure_none((struct figure_style){ true, style.ascii })
				     : figure_none(plain);
	for (uint32_t index = 0; index < sizeof(steps) / sizeof(*steps); index++) {
		/* what would round up to the next step belongs there */
		if (fabs(ns) < steps[index].ns * (steps[index].ns <= 1e9 ? 0.9995 : 1))
			continue;
		unit = style.ascii ? steps[index].ascii : steps[index].unit;
		step = steps[index].ns > 0 ? steps[index].ns : 1;
		if (steps[index].ns == 600e9)
			step = 60e9;
		figure = write_figure(ns / step, steps[index].ns > 0 ? 2 : 0, unit);
		if (style.aligned && strlen(unit) == 2)
			strcat(figure.text, " ");
		return figure;
	}
	return figure_none(plain);
}

struct figure figure_bytes(double bytes, struct figure_style style)
{
	static const char *const prefixes[] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB" };
	static const char *const aligned[] = { " B  ", " KiB", " MiB", " GiB", " TiB", " PiB" };
	uint32_t prefix = 0;

	if (!isfinite(bytes))
		return figure_none(style);
	for (; fabs(bytes) >= 1023.5 && prefix + 1 < sizeof(prefixes) / sizeof(*prefixes); prefix++)
		bytes /= 1024;
	return write_figure(bytes, prefix || bytes != rint(bytes) ? 2 : 0,
			    style.aligned ? aligned[prefix] : prefixes[prefix]);
}

struct figure figure_percent(double percent, struct figure_style style)
{
	if (!isfinite(percent))
		return figure_none(style);
	if (percent > 0 && percent < 0.05) {
		struct figure figure = { "<0.1 %" };

		return figure;
	}
	return write_figure(percent, percent < 9.95 ? 2 : 0, " %");
}

struct figure figure_of(double value, struct unit unit, struct figure_style style)
{
	value *= unit.factor;
	switch (unit.kind) {
	case UNIT_TIME:
		return figure_duration(value, style);
	case UNIT_BYTES:
		return figure_bytes(value, style);
	case UNIT_PERCENT:
		return figure_percent(value, style);
	default:
		return figure_count(value, style);
	}
}

struct figure figure_grouped(uint64_t value)
{
	struct figure figure;
	char digits[24], *to = figure.text;
	int length;

	/* 18 digits and their commas fit */
	length = snprintf(
		digits, sizeof(digits), "%llu",
		(unsigned long long)(value < 1000000000000000u ? value : 999999999999999u));
	for (int place = 0; place < length; place++) {
		if (place && (length - place) % 3 == 0)
			*to++ = ',';
		*to++ = digits[place];
	}
	*to = 0;
	return figure;
}
