// SPDX-License-Identifier: Apache-2.0
/* Processor `only`: lets those rows pass whose text in a column is one of a list. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sonde/plugin.h>

struct only {
	const char *column;          /* option: which column to look at */
	struct sonde_texts values;   /* option: what it may hold */
	uint64_t mismatched_batches; /* counter: batches in which the column is no text */
};

static const struct sonde_option only_options[] = {
	{ .name = "column",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct only, column),
	  .required = true,
	  .help = "name of a column of texts" },
	{ .name = "values",
	  .type = SONDE_TEXTS,
	  SONDE_MEMBER(struct only, values),
	  .required = true,
	  .knob = true,
	  .help = "rows with one of these pass" },
	{ 0 },
};

static const struct sonde_counter only_counters[] = {
	{ .name = "mismatched",
	  SONDE_MEMBER(struct only, mismatched_batches),
	  .unit = "{batch}",
	  .help = "batches in which the column is no text, which pass whole" },
	{ 0 },
};

/* NULL: the batch has no such column. */
static const struct sonde_column *column_find(const struct sonde_batch *batch, const char *name)
{
	for (uint32_t i = 0; i < batch->column_count; i++) {
		const struct sonde_column *column = sonde_column(batch, i);

		if (!strcmp(column->name, name))
			return column;
	}
	return NULL;
}

static bool is_one_of(const struct sonde_texts *values, struct sonde_text text)
{
	for (uint32_t i = 0; i < values->count; i++) {
		if (strlen(values->items[i]) == text.length &&
		    !memcmp(values->items[i], text.data, text.length))
			return true;
	}
	return false;
}

/* The batch is lent, and others may be reading it: rows are dropped from one derived from it. */
static int only_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct only *only = instance->self;
	const struct sonde_column *column = column_find(batch, only->column);
	struct sonde_batch *derived;
	unsigned char *bits;
	int result;

	if (!column)
		return SONDE_PASS; /* rows of another schema are not ours to judge */
	if (column->type != SONDE_TEXT) {
		sonde_count(&only->mismatched_batches, 1);
		return SONDE_PASS;
	}
	bits = calloc(1, batch->row_count / 8 + 1);
	derived = sonde_batch_derive(instance, batch);
	if (!bits || !derived) {
		free(bits);
		if (derived)
			sonde_batch_release(instance, derived);
		return sonde_fail(instance, ENOMEM, "no memory for %u rows", batch->row_count);
	}
	for (uint32_t row = 0; row < batch->row_count; row++) {
		if (sonde_selected(batch, row) && sonde_valid(column, row) &&
		    is_one_of(&only->values, sonde_text_at(column, row)))
			bits[row >> 3] |= (unsigned char)(1u << (row & 7));
	}
	result = sonde_batch_select(instance, derived, bits);
	free(bits);
	if (result < 0) {
		sonde_batch_release(instance, derived);
		return sonde_fail(instance, -result, "cannot drop rows");
	}
	return sonde_emit_batch(instance, derived);
}

static const struct sonde_plugin only_plugin = {
	SONDE_PLUGIN_PROCESSOR,
	.name = "only",
	.summary = "rows whose text is one of a list",
	.version = "0.1.0",
	.self_size = sizeof(struct only),
	.replication = SONDE_ANY_REPLICA,
	.reduces = SONDE_FILTERED, /* why rows do not go on, for the ledger */
	.options = only_options,
	.counters = only_counters,
	.process = only_process,
};

SONDE_EXPORT(only_plugin)
