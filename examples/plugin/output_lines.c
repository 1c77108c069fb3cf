// SPDX-License-Identifier: Apache-2.0
/* Output `lines`: one line of `column=value` a row, at the end of a file. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sonde/plugin.h>

struct lines {
	const char *path; /* option */
	FILE *file;       /* open from start to stop */
	uint64_t count;   /* counter: lines written */
};

static const struct sonde_option lines_options[] = {
	{ .name = "path",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct lines, path),
	  .required = true,
	  .help = "file to append to" },
	{ 0 },
};

static const struct sonde_counter lines_counters[] = {
	{ .name = "lines",
	  SONDE_MEMBER(struct lines, count),
	  .unit = "{line}",
	  .help = "lines written" },
	{ 0 },
};

static int lines_start(struct sonde_instance *instance)
{
	struct lines *lines = instance->self;

	lines->file = fopen(lines->path, "ae");
	if (!lines->file)
		return sonde_fail(instance, errno, "cannot open %s: %s", lines->path,
				  strerror(errno));
	return 0;
}

static void write_value(FILE *file, const struct sonde_column *column, uint32_t row)
{
	const void *value = sonde_value(column, row);
	struct sonde_exponential histogram;
	struct sonde_text text;
	uint64_t number;

	switch (column->type) {
	case SONDE_TEXT:
		text = sonde_text_at(column, row);
		fprintf(file, "\"%.*s\"", (int)text.length, text.data);
		break;
	case SONDE_U64: /* these have more digits than a double */
	case SONDE_I64:
	case SONDE_TIME:
	case SONDE_DURATION:
		memcpy(&number, value, sizeof(number));
		if (column->type == SONDE_U64)
			fprintf(file, "%" PRIu64, number);
		else
			fprintf(file, "%" PRId64, (int64_t)number);
		break;
	case SONDE_EXPONENTIAL:
		memcpy(&histogram, value, sizeof(histogram));
		fprintf(file, "%" PRIu64 " values, sum %g", histogram.count, histogram.sum);
		break;
	case SONDE_BYTES:
	case SONDE_ID8:
	case SONDE_ID16:
	case SONDE_EXPLICIT:
	case SONDE_QUANTILES:
	case SONDE_ANY:
		fputs("(not shown)", file);
		break;
	default:
		fprintf(file, "%.15g", sonde_number_at(column, row));
	}
}

static void write_row(FILE *file, const struct sonde_batch *batch, uint32_t row)
{
	fputs(batch->schema, file);
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (!sonde_valid(column, row))
			continue;
		fprintf(file, " %s=", column->name);
		write_value(file, column, row);
	}
	fputc('\n', file);
}

/* 0 means that all of it is handed over. A negative errno: the same delivery comes again, later. */
static int lines_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	struct lines *lines = instance->self;
	uint64_t count = 0;

	for (uint32_t i = 0; i < delivery->batch_count; i++) {
		const struct sonde_batch *batch = delivery->batches[i];

		for (uint32_t row = 0; row < batch->row_count; row++) {
			if (!sonde_selected(batch, row))
				continue;
			write_row(lines->file, batch, row);
			count++;
		}
	}
	if (fflush(lines->file) < 0) {
		clearerr(lines->file);
		return sonde_fail(instance, errno, "cannot write to %s: %s", lines->path,
				  strerror(errno));
	}
	sonde_count(&lines->count, count);
	return SONDE_OK;
}

static void lines_stop(struct sonde_instance *instance)
{
	struct lines *lines = instance->self;

	if (lines->file)
		fclose(lines->file);
	lines->file = NULL;
}

static const struct sonde_plugin lines_plugin = {
	SONDE_PLUGIN_OUTPUT,
	.name = "lines",
	.summary = "a line a row, in a file",
	.version = "1.0",
	.self_size = sizeof(struct lines),
	.batch_limit = 64,
	.options = lines_options,
	.counters = lines_counters,
	.start = lines_start,
	.write = lines_write,
	.stop = lines_stop,
};

SONDE_EXPORT(lines_plugin)
