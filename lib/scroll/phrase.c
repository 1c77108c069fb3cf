// SPDX-License-Identifier: Apache-2.0
/* A value of any type as text for a person. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "distribution.h"
#include "phrase.h"

enum { BYTES_LIMIT = 32 };

static void put(struct json *to, const char *text)
{
	size_t length = strlen(text);
	char *at = json_room(to, length);

	if (at) {
		memcpy(at, text, length);
		to->length += length;
	}
}

/* What was written, printable. */
static struct label finish(struct phrase *phrase)
{
	char *at;

	json_clear(&phrase->clean);
	at = json_room(&phrase->clean, phrase->raw.length + 1);
	if (!at)
		return label_of("");
	phrase->clean.length = text_clean(at, phrase->raw.data, phrase->raw.length);
	return (struct label){ at, (uint32_t)phrase->clean.length,
			       text_width(at, phrase->clean.length) };
}

struct label phrase_text(struct phrase *phrase, const char *text, size_t length)
{
	char *at;

	json_clear(&phrase->raw);
	at = json_room(&phrase->raw, length + 1);
	if (at) {
		memcpy(at, text, length);
		phrase->raw.length = length;
	}
	return finish(phrase);
}

struct label phrase_time(struct phrase *phrase, int64_t time_ns)
{
	int64_t second = time_ns / 1000000000;
	time_t time = (time_t)second;
	char text[40];
	struct tm day;

	if (time_ns - second * 1000000000 < 0)
		time = (time_t)--second;
	if ((second != phrase->second || !phrase->clock[0]) && localtime_r(&time, &day)) {
		phrase->second = second;
		(void)strftime(phrase->clock, sizeof(phrase->clock), "%H:%M:%S", &day);
	}
	(void)snprintf(text, sizeof(text), "%s.%06d", phrase->clock,
		       (int)((time_ns - second * 1000000000) / 1000));
	json_clear(&phrase->raw);
	put(&phrase->raw, text);
	return finish(phrase);
}

static struct label histogram_text(struct phrase *phrase, const struct sonde_column *column,
				   uint32_t row)
{
	struct figure_style style = { .ascii = phrase->ascii };
	struct histogram *histogram = distribution_create();
	struct unit unit = unit_of(column->unit, column->type);
	char text[160] = "";

	if (histogram && distribution_add(histogram, column, row) == 0 && histogram->head.count)
		(void)snprintf(text, sizeof(text), "p50 %s, p99 %s, max %s of %s",
			       figure_of(histogram_share(histogram, 0.5), unit, style).text,
			       figure_of(histogram_share(histogram, 0.99), unit, style).text,
			       figure_of(distribution_maximum(histogram), unit, style).text,
			       figure_grouped(histogram->head.count).text);
	else
		(void)snprintf(text, sizeof(text), "empty");
	distribution_release(histogram);
	json_clear(&phrase->raw);
	put(&phrase->raw, text);
	return finish(phrase);
}

static struct label hex_text(struct phrase *phrase, const unsigned char *data, size_t length)
{
	size_t shown = length < BYTES_LIMIT ? length : BYTES_LIMIT;
	char text[4];

	json_clear(&phrase->raw);
	for (size_t place = 0; place < shown; place++) {
		(void)snprintf(text, sizeof(text), "%02x", data[place]);
		put(&phrase->raw, text);
	}
	if (shown < length)
		put(&phrase->raw, phrase->ascii ? "..." : "…");
	return finish(phrase);
}

static struct label json_text_of(struct phrase *phrase, const struct sonde_column *column,
				 uint32_t row)
{
	json_clear(&phrase->raw);
	lines_write_value(phrase->lines, column, row, &phrase->raw);
	return finish(phrase);
}

/* A text says itself; everything else is as JSON has it. */
static struct label any_text(struct phrase *phrase, const struct sonde_column *column, uint32_t row)
{
	struct sonde_text encoded = sonde_text_at(column, row);
	struct sonde_any value;
	uint32_t count;

	if (sonde_any_decode(phrase->instance, encoded.data, encoded.length, &value, 1, &count) ||
	    value.kind != SONDE_ANY_TEXT)
		return json_text_of(phrase, column, row);
	return phrase_text(phrase, value.as.data, value.length);
}

struct label phrase_value(struct phrase *phrase, const struct sonde_column *column, uint32_t row)
{
	struct figure_style style = { .ascii = phrase->ascii };
	struct sonde_text text;
	char number[40] = "";
	int64_t time_ns;

	if (!sonde_valid(column, row))
		return label_of("");
	switch (column->type) {
	case SONDE_TEXT:
		text = sonde_text_at(column, row);
		return phrase_text(phrase, text.data, text.length);
	case SONDE_BYTES:
		if (column->role == SONDE_ROLE_METRIC)
			return json_text_of(phrase, column, row);
		text = sonde_text_at(column, row);
		return hex_text(phrase, (const unsigned char *)text.data, text.length);
	case SONDE_ID8:
	case SONDE_ID16:
		return hex_text(phrase, sonde_value(column, row), column->value_size);
	case SONDE_TIME:
		memcpy(&time_ns, sonde_value(column, row), sizeof(time_ns));
		return phrase_time(phrase, time_ns);
	case SONDE_DURATION:
		(void)snprintf(number, sizeof(number), "%s",
			       figure_duration(sonde_number_at(column, row), style).text);
		break;
	case SONDE_BOOL:
		(void)snprintf(number, sizeof(number), "%s",
			       sonde_number_at(column, row) != 0 ? "true" : "false");
		break;
	case SONDE_DOUBLE:
		(void)snprintf(number, sizeof(number), "%.6g", sonde_number_at(column, row));
		break;
	case SONDE_EXPONENTIAL:
	case SONDE_EXPLICIT:
	case SONDE_QUANTILES:
		return histogram_text(phrase, column, row);
	case SONDE_ANY:
		return any_text(phrase, column, row);
	default: /* integers, as JSON has them */
		return json_text_of(phrase, column, row);
	}
	json_clear(&phrase->raw);
	put(&phrase->raw, number);
	return finish(phrase);
}

void phrase_release(struct phrase *phrase)
{
	lines_release(phrase->lines);
	json_release(&phrase->raw);
	json_release(&phrase->clean);
}
