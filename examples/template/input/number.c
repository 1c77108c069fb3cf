// SPDX-License-Identifier: Apache-2.0
/* Input `number`: the number that a file holds, read at intervals: a temperature, a counter, a
 * limit. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sonde/plugin.h>

struct number {
	const char *path;    /* option: file to read */
	int64_t interval_ns; /* option: time between two readings */
	uint64_t readings;   /* counter: numbers that were read */
};

struct number_row {
	int64_t time_ns; /* wall clock, ns since the epoch */
	double value;    /* what the file held then */
	uint32_t path;   /* code of a text */
};

static const struct sonde_option number_options[] = {
	{ .name = "path",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct number, path),
	  .required = true,
	  .help = "file that begins with a number" },
	{ .name = "interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct number, interval_ns),
	  .value = "5s",
	  .minimum = "100ms",
	  .knob = true,
	  .help = "time between two readings" },
	{ 0 },
};

static const struct sonde_counter number_counters[] = {
	{ .name = "readings",
	  SONDE_MEMBER(struct number, readings),
	  .unit = "{reading}",
	  .help = "numbers that were read" },
	{ 0 },
};

static const struct sonde_field number_fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct number_row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "number",
	  .type = SONDE_DOUBLE,
	  SONDE_MEMBER(struct number_row, value),
	  .role = SONDE_ROLE_GAUGE,
	  .unit = "1",
	  .help = "what the file held" },
	{ .name = "file.path",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct number_row, path),
	  .help = "the file" },
	{ 0 },
};

enum { NUMBER_ROW }; /* index into number_schemas */

static const struct sonde_schema number_schemas[] = {
	[NUMBER_ROW] = { .name = "number",
			 .row_size = sizeof(struct number_row),
			 .fields = number_fields,
			 .help = "a reading" },
	{ 0 },
};

/* 0, or a positive errno; 0 bytes and no number are EPROTO. */
static int number_read(const char *path, double *ret_value)
{
	FILE *file = fopen(path, "re");
	int error = EPROTO;

	if (!file)
		return errno;
	if (fscanf(file, "%lf", ret_value) == 1)
		error = 0;
	else if (ferror(file))
		error = errno;
	fclose(file);
	return error;
}

static int number_timer(struct sonde_instance *instance, int id)
{
	struct number *number = instance->self;
	struct number_row *row;
	double value;
	int error = number_read(number->path, &value);

	if (error == EPROTO)
		return sonde_fail(instance, error, "%s holds no number", number->path);
	if (error)
		return sonde_fail(instance, error, "cannot read %s", number->path);
	row = sonde_row(instance, NUMBER_ROW);
	row->time_ns = sonde_now_ns(instance);
	row->value = value;
	row->path = sonde_text(instance, number->path, strlen(number->path));
	sonde_count(&number->readings, 1);
	return sonde_emit(instance);
}

static int number_start(struct sonde_instance *instance)
{
	struct number *number = instance->self;

	return sonde_every(instance, 0, number->interval_ns);
}

static const struct sonde_plugin number_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "number",
	.summary = "the number that a file holds",
	.version = "0.1.0",
	.self_size = sizeof(struct number),
	.options = number_options,
	.counters = number_counters,
	.schemas = number_schemas,
	.start = number_start,
	.set = number_start, /* the interval is a knob: the timer is set anew */
	.timer = number_timer,
};

SONDE_EXPORT(number_plugin)
