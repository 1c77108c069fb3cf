// SPDX-License-Identifier: Apache-2.0
/* Processor `threshold`: keeps the rows whose value in a column is over a limit, and says by how
 * much. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sonde/plugin.h>

struct threshold {
	const char *column;  /* option: which column to look at */
	double over;         /* option: rows with more than this are kept */
	unsigned char *bits; /* which rows of a batch are kept: bit r % 8 of byte r / 8 */
	size_t bits_size;    /* bytes there */
};

static const struct sonde_option threshold_options[] = {
	{ .name = "column",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct threshold, column),
	  .required = true,
	  .help = "name of a column of numbers" },
	{ .name = "over",
	  .type = SONDE_DOUBLE,
	  SONDE_MEMBER(struct threshold, over),
	  .value = "0",
	  .knob = true,
	  .help = "rows with more than this go on" },
	{ 0 },
};

/* The column that it adds. Storage is the batch's own, so offset and size are not needed. */
static const struct sonde_field excess_field = {
	.name = "threshold.excess",
	.type = SONDE_DOUBLE,
	.help = "how much a row is over the limit",
};

/* NULL: the batch has no such column. */
static const struct sonde_column *find_column(const struct sonde_batch *batch, const char *name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (!strcmp(column->name, name))
			return column;
	}
	return NULL;
}

/* Sets the bits of the rows to keep; returns how many they are, or a negative errno. */
static int64_t choose_rows(struct threshold *threshold, const struct sonde_batch *batch,
			   const struct sonde_column *column)
{
	size_t size = batch->row_count / 8 + 1;
	int64_t count = 0;

	if (size > threshold->bits_size) {
		unsigned char *bits = realloc(threshold->bits, size);

		if (!bits)
			return -ENOMEM;
		threshold->bits = bits;
		threshold->bits_size = size;
	}
	memset(threshold->bits, 0, size);
	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (!sonde_selected(batch, row) || !sonde_valid(column, row) ||
		    sonde_number_at(column, row) <= threshold->over)
			continue;
		threshold->bits[row >> 3] |= (unsigned char)(1u << (row & 7));
		count++;
	}
	return count;
}

/* The batch is lent and others may read it too: changes go into a batch derived from it, which
 * shares all columns and costs little. */
static int emit_chosen(struct sonde_instance *instance, struct sonde_batch *batch,
		       const struct sonde_column *column)
{
	struct threshold *threshold = instance->self;
	struct sonde_batch *derived = sonde_batch_derive(instance, batch);
	struct sonde_column *excess;

	if (!derived)
		return sonde_fail(instance, ENOMEM, "no memory for a batch");
	excess = sonde_batch_add(instance, derived, &excess_field, NULL);
	if (!excess || sonde_batch_select(instance, derived, threshold->bits) < 0) {
		sonde_batch_release(instance, derived);
		return sonde_fail(instance, ENOMEM, "no memory for a column");
	}
	for (uint32_t row = 0; row < batch->row_count; row++) {
		double value = sonde_number_at(column, row) - threshold->over;

		memcpy(excess->base + (size_t)row * excess->stride, &value, sizeof(value));
	}
	return sonde_emit_batch(instance, derived);
}

static int threshold_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct threshold *threshold = instance->self;
	const struct sonde_column *column = find_column(batch, threshold->column);
	int64_t count;

	if (!column)
		return SONDE_PASS; /* rows of another schema are not ours to judge */
	count = choose_rows(threshold, batch, column);
	if (count < 0)
		return sonde_fail(instance, ENOMEM, "no memory for %u rows", batch->row_count);
	if (!count)
		return SONDE_OK; /* none goes on: all are booked as `reduces` says */
	return emit_chosen(instance, batch, column);
}

static void threshold_stop(struct sonde_instance *instance)
{
	struct threshold *threshold = instance->self;

	free(threshold->bits);
	threshold->bits = NULL;
	threshold->bits_size = 0;
}

static const struct sonde_plugin threshold_plugin = {
	SONDE_PLUGIN_PROCESSOR,
	.name = "threshold",
	.summary = "rows over a limit",
	.version = "1.0",
	.self_size = sizeof(struct threshold),
	.replication = SONDE_ANY_REPLICA,
	.reduces = SONDE_FILTERED,
	.options = threshold_options,
	.stop = threshold_stop,
	.process = threshold_process,
};

SONDE_EXPORT(threshold_plugin)
