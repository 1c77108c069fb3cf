// SPDX-License-Identifier: Apache-2.0
/* Frames: what goes in comes out, and what is not as it was written is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "batch.h"
#include "dictionary.h"
#include "frame.h"
#include "frame_fixture.h"
#include "made.h"

enum { ROUNDS = 300, BATCHES_MOST = 5 };

static void release_all(struct sonde_batch **batches, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		batch_release(batches[i]);
}

static void check_round(struct sonde_batch **batches, uint32_t count, int32_t level)
{
	struct sonde_frame frame = {
		.size = sizeof(frame), .kind = SONDE_FRAME_ROWS, .sequence = 77, .level = level
	};
	struct sonde_frame look = { .size = sizeof(look) };
	struct sonde_batch *read[BATCHES_MOST] = { 0 };
	uint64_t rows = 0, events = 0;
	size_t memory = 0;

	for (uint32_t i = 0; i < count; i++) {
		rows += batches[i]->selected_count;
		events += batches[i]->event_count;
	}
	assert_int_equal(frame_write(batches, count, &frame), 0);
	assert_int_equal(frame_look(frame.data, SONDE_FRAME_HEAD_BYTES, &look), 0);
	assert_int_equal(look.length, frame.length);
	assert_int_equal(look.sequence, 77);
	assert_int_equal(look.rows, rows);
	assert_int_equal(look.events, events);
	assert_int_equal(look.batch_count, count);
	assert_int_equal(frame_check(&look), 0);
	assert_int_equal(frame_read(&look, read, BATCHES_MOST), 0);
	for (uint32_t i = 0; i < count; i++) {
		const char *difference;

		batch_finish(read[i]);
		assert_int_equal(read[i]->event_count, batches[i]->event_count);
		memory += batch_bytes(read[i]);
		difference = frame_difference(batches[i], read[i]);
		if (difference)
			fail_msg("batch %u: %s", i, difference);
	}
	release_all(read, count);
}

static void random_batches_come_out_as_they_went_in(void **state)
{
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct sonde_batch *batches[BATCHES_MOST];
		uint32_t count = (uint32_t)(seed % (BATCHES_MOST + 1));

		for (uint32_t i = 0; i < count; i++)
			batches[i] = frame_random_batch(seed * BATCHES_MOST + i);
		check_round(batches, count, seed % 4 ? 0 : -1);
		release_all(batches, count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_batches_come_out_as_they_went_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
