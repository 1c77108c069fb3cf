/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of a known size for tests of what carries them, and patience. */
#ifndef SONDE_TEST_MADE_H
#define SONDE_TEST_MADE_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "clock.h"

struct made_row {
	uint64_t number;
	uint32_t events;
	uint32_t text;
	unsigned char payload[104];
};

static const struct sonde_field made_fields[] = {
	{ .name = "number", .type = SONDE_U64, SONDE_MEMBER(struct made_row, number) },
	{ .name = "events",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct made_row, events),
	  .role = SONDE_ROLE_EVENTS },
	{ .name = "text", .type = SONDE_TEXT, SONDE_MEMBER(struct made_row, text) },
	{ 0 }
};

static const struct sonde_schema made_schemas[] = {
	{ .name = "made", .row_size = sizeof(struct made_row), .fields = made_fields }, { 0 }
};

/* A batch of rows numbered from `first` that stand for three events each; not finished. */
__attribute__((unused)) static struct sonde_batch *made_batch(uint64_t first, uint32_t row_count)
{
	struct sonde_batch *batch = batch_create(made_schemas, row_count ? row_count : 1, NULL);
	struct made_row *rows;

	if (!batch)
		abort();
	rows = batch_rows(batch);
	for (uint32_t i = 0; i < row_count; i++)
		rows[i] = (struct made_row){ .number = first + i, .events = 3 };
	batch_resize(batch, row_count);
	return batch;
}

__attribute__((unused)) static struct sonde_batch *finished_batch(uint64_t first,
								  uint32_t row_count)
{
	struct sonde_batch *batch = made_batch(first, row_count);

	batch_finish(batch);
	return batch;
}

__attribute__((unused)) static uint64_t first_number(const struct sonde_batch *batch)
{
	uint64_t number;

	memcpy(&number, sonde_value(sonde_column(batch, 0), 0), sizeof(number));
	return number;
}

/* Waits until the counter, which another thread changes, has come that far; false: it has not
 * within ten seconds. */
__attribute__((unused)) static bool wait_for(const uint32_t *counter, uint32_t value)
{
	int64_t deadline_ns = clock_monotonic_ns() + 10ll * NS_PER_SECOND;

	while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) < value) {
		if (clock_monotonic_ns() > deadline_ns)
			return false;
		clock_sleep_ns(NS_PER_MS / 5);
	}
	return true;
}

__attribute__((unused)) static void count_up(uint32_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_ACQ_REL);
}

#endif
