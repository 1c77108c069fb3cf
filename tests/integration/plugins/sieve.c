/* SPDX-License-Identifier: Apache-2.0 */
/* Processor `sieve`: passes one row in `of`, keeps `window` rows to be folded into one, or fails.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sonde/plugin.h>

enum { MODE_PASS, MODE_FILTER, MODE_WINDOW, MODE_FAIL };

struct sieve {
	uint32_t mode;   /* option: MODE_... */
	uint32_t of;     /* option: one row in so many goes on, or every so manyth batch fails */
	uint64_t window; /* option: rows that one stands for */
	uint64_t batch_count;
	struct sonde_receipts *receipts; /* of rows that are kept */
	uint64_t kept_rows, kept_events;
};

struct sieve_row {
	uint64_t rows;
	uint64_t events;
};

static const char *const sieve_modes[] = { "pass", "filter", "window", "fail", NULL };

static const struct sonde_option sieve_options[] = { { .name = "mode",
						       .type = SONDE_CHOICE,
						       SONDE_MEMBER(struct sieve, mode),
						       .value = "pass",
						       .choices = sieve_modes,
						       .knob = true },
						     { .name = "of",
						       .type = SONDE_U32,
						       SONDE_MEMBER(struct sieve, of),
						       .value = "4",
						       .minimum = "1" },
						     { .name = "window",
						       .type = SONDE_U64,
						       SONDE_MEMBER(struct sieve, window),
						       .value = "100000" },
						     { 0 } };

static const struct sonde_field sieve_fields[] = {
	{ .name = "rows", .type = SONDE_U64, SONDE_MEMBER(struct sieve_row, rows) },
	{ .name = "events",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct sieve_row, events),
	  .role = SONDE_ROLE_EVENTS },
	{ 0 }
};

static const struct sonde_schema sieve_schemas[] = {
	{ .name = "sieve", .row_size = sizeof(struct sieve_row), .fields = sieve_fields }, { 0 }
};

static int sieve_fold(struct sonde_instance *instance)
{
	struct sieve *sieve = instance->self;
	struct sonde_receipts *receipts = sieve->receipts;
	struct sonde_batch *batch;

	if (!receipts)
		return 0;
	batch = sonde_batch_create(instance, 0, 1);
	if (batch) {
		*(struct sieve_row *)sonde_batch_rows(instance, batch) =
			(struct sieve_row){ .rows = sieve->kept_rows,
					    .events = sieve->kept_events };
		sonde_batch_resize(instance, batch, 1);
	}
	sieve->receipts = NULL;
	sieve->kept_rows = 0;
	sieve->kept_events = 0;
	return sonde_emit_folded(instance, receipts, batch);
}

static int sieve_keep(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct sieve *sieve = instance->self;
	struct sonde_receipts *receipts = sonde_keep(instance, batch, sieve->receipts);

	if (!receipts)
		return -ENOMEM;
	sieve->receipts = receipts;
	sieve->kept_rows += batch->selected_count;
	sieve->kept_events += batch->event_count;
	return sieve->kept_rows >= sieve->window ? sieve_fold(instance) : 0;
}

static int sieve_filter(struct sonde_instance *instance, struct sonde_batch *batch)
{
	const struct sieve *sieve = instance->self;
	struct sonde_batch *some = sonde_batch_derive(instance, batch);
	unsigned char *bits = calloc(batch->row_count / 8 + 1, 1);
	int result = some && bits ? 0 : -ENOMEM;

	for (uint32_t i = 0; !result && i < batch->row_count; i += sieve->of)
		bits[i >> 3] |= (unsigned char)(1u << (i & 7));
	if (!result)
		result = sonde_batch_select(instance, some, bits);
	free(bits);
	if (!result)
		return sonde_emit_batch(instance, some);
	sonde_batch_release(instance, some);
	return result;
}

static int sieve_process(struct sonde_instance *instance, struct sonde_batch *batch)
{
	struct sieve *sieve = instance->self;

	if (sieve->mode == MODE_FILTER)
		return sieve_filter(instance, batch);
	if (sieve->mode == MODE_WINDOW)
		return sieve_keep(instance, batch);
	if (sieve->mode == MODE_FAIL && ++sieve->batch_count % sieve->of == 0)
		return sonde_fail(instance, EIO, "this batch is one in %u", sieve->of);
	return SONDE_PASS;
}

static const struct sonde_plugin sieve_plugin = {
	SONDE_PLUGIN_PROCESSOR,
	.name = "sieve",
	.summary = "lets some rows through",
	.self_size = sizeof(struct sieve),
	.replication = SONDE_ANY_REPLICA,
	.reduces = SONDE_FILTERED,
	.options = sieve_options,
	.schemas = sieve_schemas,
	.process = sieve_process,
	.drain = sieve_fold,
};

SONDE_EXPORT(sieve_plugin)
