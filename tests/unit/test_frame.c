// SPDX-License-Identifier: Apache-2.0
/* Frames: what goes in comes out, and what is not as it was written is refused. */
#include <errno.h>
#include <pthread.h>
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
#include "storage.h"

enum { ROUNDS = 200, BATCHES_MOST = 5 };

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

/* A batch of texts. */
static struct sonde_batch *text_batch(struct sonde_dictionary *words, uint32_t type,
				      const uint32_t *codes, uint32_t count)
{
	const struct sonde_field field = { .name = "word", .type = type };
	struct sonde_batch *batch = batch_table("words", SONDE_SIGNAL_LOG, count);
	struct sonde_column *column = batch_add(batch, &field, words);

	assert_non_null(column);
	memcpy(column->base, codes, count * sizeof(*codes));
	batch_finish(batch);
	return batch;
}

static void read_back(struct sonde_batch **batches, uint32_t count, struct sonde_batch **read)
{
	struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };

	assert_int_equal(frame_write(batches, count, &frame), 0);
	assert_int_equal(frame_read(&frame, read, count), 0);
	for (uint32_t i = 0; i < count; i++)
		batch_finish(read[i]);
}

static void batches_keep_nothing_of_the_frame(void **state)
{
	struct sonde_batch *batch = frame_random_batch(3), *read;
	struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS, .level = -1 };
	unsigned char *bytes;

	assert_int_equal(frame_write(&batch, 1, &frame), 0);
	bytes = malloc(frame.length);
	memcpy(bytes, frame.data, frame.length);
	frame.data = bytes;
	assert_int_equal(frame_read(&frame, &read, 1), 0);
	memset(bytes, 0xee, frame.length);
	free(bytes);
	batch_finish(read);
	assert_null(frame_difference(batch, read));
	batch_release(read);
	batch_release(batch);
}

static void a_written_frame_stays_while_others_are_read(void **state)
{
	struct sonde_batch *batch = frame_random_batch(10), *read;
	struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };

	assert_int_equal(frame_write(&batch, 1, &frame), 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(frame_read(&frame, &read, 1), 0);
		batch_release(read);
	}
	assert_int_equal(frame_check(&frame), 0);
	batch_release(batch);
}

static void batches_that_share_a_dictionary_share_it_again(void **state)
{
	struct sonde_dictionary *words = dictionary_create(true);
	const uint32_t codes[] = { 1, 2, 1 }, others[] = { 2 };
	struct sonde_batch *batches[2], *read[2];

	dictionary_add(words, "never used", 10);
	dictionary_add(words, "one", 3);
	dictionary_add(words, "two", 3);
	batches[0] = text_batch(words, SONDE_TEXT, codes, 3);
	batches[1] = text_batch(words, SONDE_TEXT, others, 1);
	dictionary_release(words);
	read_back(batches, 2, read);
	assert_ptr_equal(sonde_column(read[0], 0)->dictionary,
			 sonde_column(read[1], 0)->dictionary);
	assert_int_equal(dictionary_length(sonde_column(read[0], 0)->dictionary), 2);
	assert_int_equal(sonde_column(read[0], 0)->dictionary->distinct, 1);
	for (uint32_t i = 0; i < 2; i++)
		assert_null(frame_difference(batches[i], read[i]));
	release_all(read, 2);
	release_all(batches, 2);
}

static void codes_without_an_entry_are_empty_texts(void **state)
{
	struct sonde_dictionary *words = dictionary_create(true);
	const uint32_t codes[] = { 0, 7, UINT32_MAX, 1 };
	struct sonde_batch *batch, *read;

	dictionary_add(words, "one", 3);
	dictionary_add(words, "", 0);
	batch = text_batch(words, SONDE_TEXT, codes, 4);
	dictionary_release(words);
	read_back(&batch, 1, &read);
	assert_null(frame_difference(batch, read));
	assert_int_equal(sonde_text_at(sonde_column(read, 0), 0).length, 3);
	batch_release(read);
	batch_release(batch);
}

static void texts_that_are_not_text_are_repaired_and_bytes_are_not(void **state)
{
	static const char bad[] = "a\xff\xfe z", good[] = "a\xef\xbf\xbd\xef\xbf\xbd z";

	for (uint32_t distinct = 0; distinct < 2; distinct++) {
		struct sonde_dictionary *words = dictionary_create(distinct);
		const uint32_t codes[] = { 0, 1, 0 };
		struct sonde_batch *batches[2], *read[2];
		struct sonde_text text;

		dictionary_add(words, bad, sizeof(bad) - 1);
		dictionary_add(words, "\xcf\x80", 2);
		batches[0] = text_batch(words, SONDE_TEXT, codes, 3);
		batches[1] = text_batch(words, SONDE_BYTES, codes, 3);
		dictionary_release(words);
		read_back(batches, 2, read);
		text = sonde_text_at(sonde_column(read[0], 0), 2);
		assert_int_equal(text.length, sizeof(good) - 1);
		assert_memory_equal(text.data, good, sizeof(good) - 1);
		assert_int_equal(sonde_text_at(sonde_column(read[0], 0), 1).length, 2);
		assert_null(frame_difference(batches[1], read[1]));
		release_all(read, 2);
		release_all(batches, 2);
	}
}

static void a_frame_says_about_how_much_memory_it_takes(void **state)
{
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct sonde_batch *batch = frame_random_batch(seed), *read;
		struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };

		assert_int_equal(frame_write(&batch, 1, &frame), 0);
		assert_int_equal(frame_read(&frame, &read, 1), 0);
		batch_finish(read);
		/* blocks of storage and of heaps are larger than what is in them */
		assert_true(batch_bytes(read) < frame.memory_bytes * 3 / 2 + (256 << 10));
		batch_release(read);
		batch_release(batch);
	}
}

static void equal_columns_are_written_once(void **state)
{
	uint64_t lengths[2], random = 1;

	for (uint32_t many = 0; many < 2; many++) {
		struct sonde_batch *batch = batch_table("equal", SONDE_SIGNAL_LOG, 1000);
		struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };

		random = 1;
		for (uint32_t i = 0; i <= many * 3; i++) {
			const struct sonde_field field = { .name = i ? i > 1 ? "c" : "b" : "a",
							   .type = SONDE_U64,
							   .scope = (uint8_t)(i > 2) };
			struct sonde_column *column = batch_add(batch, &field, NULL);

			random = 1;
			for (uint32_t row = 0; row < 1000; row++) {
				uint64_t word = frame_random(&random);

				memcpy(column->base + row * 8, &word, 8);
			}
		}
		batch_finish(batch);
		assert_int_equal(frame_write(&batch, 1, &frame), 0);
		lengths[many] = frame.length;
		batch_release(batch);
	}
	assert_true(lengths[0] > 8000 && lengths[1] < lengths[0] + 200);
}

static void more_than_a_frame_may_hold_is_refused(void **state)
{
	static struct sonde_batch *batches[FRAME_BATCHES_LIMIT + 1];
	struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };
	struct sonde_batch *batch = batch_table("many", SONDE_SIGNAL_LOG, 0);

	batch_finish(batch);
	for (uint32_t i = 0; i <= FRAME_BATCHES_LIMIT; i++)
		batches[i] = batch;
	assert_int_equal(frame_write(batches, FRAME_BATCHES_LIMIT + 1, &frame), -EMSGSIZE);
	assert_int_equal(frame_write(batches, FRAME_BATCHES_LIMIT, &frame), 0);
	batch_release(batch);
	batch = batch_table("long", SONDE_SIGNAL_LOG, (1 << 24) + 1);
	batch_finish(batch);
	assert_int_equal(frame_write(&batch, 1, &frame), -EMSGSIZE);
	batch_release(batch);
}

static void a_child_whose_parents_are_out_of_order_is_refused(void **state)
{
	const struct sonde_field field = { .name = "parent",
					   .type = SONDE_U32,
					   .role = SONDE_ROLE_PARENT_ROW };
	struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };
	static const uint32_t parents[][2] = { { 1, 0 }, { 0, 2 }, { 0, 1 } };

	for (uint32_t i = 0; i < 3; i++) {
		struct sonde_batch *batch = batch_table("parent", SONDE_SIGNAL_SPAN, 2);
		struct sonde_batch *child = batch_table("child", SONDE_SIGNAL_SPAN_EVENT, 2);
		struct sonde_column *column = batch_add(child, &field, NULL);

		memcpy(column->base, parents[i], sizeof(parents[i]));
		assert_int_equal(batch_adopt(batch, child), 0);
		batch_finish(batch);
		assert_int_equal(frame_write(&batch, 1, &frame), i < 2 ? -EINVAL : 0);
		batch_release(batch);
	}
}

static void what_no_reader_would_take_is_not_written(void **state)
{
	const struct sonde_field good = { .name = "a", .type = SONDE_U8 };
	struct sonde_field fields[] = { good, good, good, good };
	struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };

	fields[1].name = "\xff";
	fields[2].scope = 3;
	fields[3].temporality = 3;
	for (uint32_t i = 0; i < 6; i++) {
		struct sonde_batch *batch =
			batch_table(i == 4 ? "\xc3" : "one", i == 5 ? 99 : SONDE_SIGNAL_LOG, 1);

		assert_non_null(batch_add(batch, &fields[i < 4 ? i : 0], NULL));
		batch_finish(batch);
		assert_int_equal(frame_write(&batch, 1, &frame), i ? -EINVAL : 0);
		batch_release(batch);
	}
}

/* Writes and reads a few, and ends: what the thread kept goes with it. */
static void *use_frames(void *context)
{
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct sonde_batch *batch = frame_random_batch(seed), *read;
		struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };

		if (frame_write(&batch, 1, &frame) || frame_read(&frame, &read, 1))
			return (void *)1;
		batch_finish(read);
		if (frame_difference(batch, read))
			return (void *)1;
		batch_release(read);
		batch_release(batch);
	}
	return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
	pthread_t threads[4];
	void *result;

	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_frames, NULL), 0);
	for (uint32_t i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		assert_null(result);
	}
}

/* ---- memory that is refused -------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **ret_block, size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **ret_block, size_t alignment, size_t size);

static int64_t refused_from;       /* which allocation of a call is the first to be refused */
static int64_t refused_after = -1; /* how many are still given, and 1; below 0: all */

static bool is_refused(void)
{
	if (refused_after < 0)
		return false;
	if (refused_after > 0)
		refused_after--;
	return !refused_after;
}

void *__wrap_malloc(size_t size)
{
	return is_refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	return is_refused() ? NULL : __real_realloc(block, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return is_refused() ? NULL : __real_aligned_alloc(alignment, size);
}

int __wrap_posix_memalign(void **ret_block, size_t alignment, size_t size)
{
	return is_refused() ? ENOMEM : __real_posix_memalign(ret_block, alignment, size);
}

/* Each time in a thread of its own, which begins with nothing. */
static void *write_short(void *context)
{
	struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };
	struct sonde_batch *batch = context;
	intptr_t error;

	refused_after = refused_from;
	error = frame_write(&batch, 1, &frame);
	refused_after = -1;
	return (void *)error;
}

static void *read_short(void *context)
{
	struct sonde_batch *read = NULL;
	intptr_t error;

	refused_after = refused_from;
	error = frame_read(context, &read, 1);
	refused_after = -1;
	if (error && read)
		return (void *)1; /* what it returns is untouched on failure */
	batch_release(read);
	return (void *)error;
}

/* How many allocations it takes, of which each was the first to be refused once. */
static int64_t refuse_each(void *(*run)(void *), void *context)
{
	for (refused_from = 1; refused_from < 5000; refused_from++) {
		void *result = NULL;
		pthread_t thread;

		storage_flush();
		assert_int_equal(pthread_create(&thread, NULL, run, context), 0);
		pthread_join(thread, &result);
		if (!result)
			return refused_from - 1;
		assert_int_equal((intptr_t)result, -ENOMEM);
	}
	return 0;
}

static void without_memory_nothing_is_left_behind(void **state)
{
	static const uint64_t seeds[] = { 3, 10 };

	for (uint32_t i = 0; i < 2; i++) {
		struct sonde_batch *batch = frame_random_batch(seeds[i]);
		struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };

		assert_true(refuse_each(write_short, batch) > 5);
		assert_int_equal(frame_write(&batch, 1, &frame), 0);
		assert_true(refuse_each(read_short, &frame) > 5);
		batch_release(batch);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_batches_come_out_as_they_went_in),
		cmocka_unit_test(batches_keep_nothing_of_the_frame),
		cmocka_unit_test(a_written_frame_stays_while_others_are_read),
		cmocka_unit_test(batches_that_share_a_dictionary_share_it_again),
		cmocka_unit_test(codes_without_an_entry_are_empty_texts),
		cmocka_unit_test(texts_that_are_not_text_are_repaired_and_bytes_are_not),
		cmocka_unit_test(a_frame_says_about_how_much_memory_it_takes),
		cmocka_unit_test(equal_columns_are_written_once),
		cmocka_unit_test(more_than_a_frame_may_hold_is_refused),
		cmocka_unit_test(a_child_whose_parents_are_out_of_order_is_refused),
		cmocka_unit_test(what_no_reader_would_take_is_not_written),
		cmocka_unit_test(threads_do_not_disturb_each_other),
		cmocka_unit_test(without_memory_nothing_is_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
