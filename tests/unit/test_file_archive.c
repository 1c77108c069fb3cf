// SPDX-License-Identifier: Apache-2.0
/* What plugins/output/file/archive.h promises: batches as frames, however large, and where files of
 * them end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../plugins/output/file/archive.h"
#include "frame.h"
#include "host.h"
#include "made.h"

enum { ROWS = 10, EVERY_ROW = 1000 };

/* A host whose frames hold so many rows at most, and what was put into frames. */
static struct {
	struct sonde_host host;
	struct sonde_instance instance;
	uint64_t row_limit;
	char put[256]; /* "0-4 5-9": first and last number of each frame */
	int refuse;    /* what putting returns */
} at;

static uint64_t number_of(const struct sonde_batch *batch, uint32_t row)
{
	uint64_t number;

	memcpy(&number, sonde_value(sonde_column(batch, 0), row), sizeof(number));
	return number;
}

static int limited_write(struct sonde_instance *instance, struct sonde_batch *const *batches,
			 uint32_t count, struct sonde_frame *frame)
{
	uint64_t rows = 0;

	for (uint32_t i = 0; i < count; i++) {
		batch_finish(batches[i]);
		rows += batches[i]->selected_count;
	}
	return rows > at.row_limit ? -EMSGSIZE : frame_write(batches, count, frame);
}

static int put(void *data, const struct sonde_frame *frame)
{
	struct sonde_batch *batches[ARCHIVE_BATCHES];
	size_t used = strlen(at.put);
	uint64_t first = UINT64_MAX, last = 0;

	if (at.refuse)
		return at.refuse;
	assert_int_equal(frame_read(frame, batches, ARCHIVE_BATCHES), 0);
	for (uint32_t i = 0; i < frame->batch_count; i++) {
		for (uint32_t row = 0; row < batches[i]->row_count; row++) {
			first = number_of(batches[i], row) < first ? number_of(batches[i], row)
								   : first;
			last = number_of(batches[i], row);
		}
		batch_release(batches[i]);
	}
	(void)snprintf(at.put + used, sizeof(at.put) - used, "%s%llu-%llu", used ? " " : "",
		       (unsigned long long)first, (unsigned long long)last);
	return 0;
}

static int setup(void **state)
{
	memset(&at, 0, sizeof(at));
	at.host = *host_services();
	at.host.frame_write = limited_write;
	at.instance = (struct sonde_instance){ .size = sizeof(at.instance),
					       .name = "archive",
					       .host = &at.host };
	at.row_limit = EVERY_ROW;
	return 0;
}

/* Adds the rows from `first` on, each `step`th, of a batch of ROWS rows numbered from `number`. */
static void add(struct archive *archive, uint32_t tag, uint64_t number, uint32_t first,
		uint32_t step)
{
	struct sonde_batch *batch = finished_batch(number, ROWS);
	uint32_t next[ROWS];

	for (uint32_t row = 0; row < ROWS; row++)
		next[row] = row + step < ROWS ? row + step : UINT32_MAX;
	assert_int_equal(archive_add(archive, batch, tag, first, next), 0);
	batch_release(batch);
}

static void assert_put(struct archive *archive, const char *frames, uint64_t rejected_0,
		       uint64_t rejected_1)
{
	uint64_t rejected[2] = { 0 };

	assert_int_equal(archive_write(archive, 1, put, NULL, rejected), 0);
	assert_string_equal(at.put, frames);
	assert_int_equal(rejected[0], rejected_0);
	assert_int_equal(rejected[1], rejected_1);
	assert_int_equal(archive->count, 0);
}

static void what_waits_makes_one_frame(void **state)
{
	struct archive archive = { .instance = &at.instance };

	add(&archive, 0, 0, 0, 1);
	add(&archive, 1, ROWS, 0, 1);
	assert_put(&archive, "0-19", 0, 0);
}

static void only_rows_of_the_group_are_in_it(void **state)
{
	struct archive archive = { .instance = &at.instance };

	add(&archive, 0, 0, 3, 2); /* 3 5 7 9 */
	assert_put(&archive, "3-9", 0, 0);
}

static void what_is_too_much_for_a_frame_makes_several(void **state)
{
	struct archive archive = { .instance = &at.instance };

	at.row_limit = 5;
	add(&archive, 0, 0, 0, 1);
	add(&archive, 1, ROWS, 0, 1);
	assert_put(&archive, "0-4 5-9 10-14 15-19", 0, 0);
}

static void rows_that_no_frame_holds_are_rejected_by_their_batch(void **state)
{
	struct archive archive = { .instance = &at.instance };

	at.row_limit = 0;
	add(&archive, 0, 0, 0, 1);
	add(&archive, 1, ROWS, 0, 5); /* two rows */
	assert_put(&archive, "", 10, 2);
}

static void a_failure_to_put_ends_it_and_nothing_waits_any_more(void **state)
{
	struct archive archive = { .instance = &at.instance };
	uint64_t rejected[1] = { 0 };

	at.refuse = -ENOSPC;
	add(&archive, 0, 0, 0, 1);
	assert_int_equal(archive_write(&archive, 1, put, NULL, rejected), -ENOSPC);
	assert_int_equal(archive.count, 0);
}

/* ---- ends -------------------------------------------------------------------------------- */

/* A file of two frames; where the first ends. */
static FILE *file_of_two(int64_t *ret_first, int64_t *ret_second)
{
	FILE *file = tmpfile();

	assert_non_null(file);
	for (int i = 0; i < 2; i++) {
		struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };
		struct sonde_batch *batch = finished_batch(0, ROWS);

		assert_int_equal(frame_write(&batch, 1, &frame), 0);
		assert_int_equal(fwrite(frame.data, 1, frame.length, file), frame.length);
		batch_release(batch);
		*(i ? ret_second : ret_first) = ftell(file);
	}
	fflush(file);
	return file;
}

/* Of the first `size` bytes of the file, with these put behind them. */
static void assert_end(FILE *file, int64_t size, const char *behind, size_t length, int result,
		       int64_t end)
{
	int64_t found = -1;

	assert_int_equal(ftruncate(fileno(file), size), 0);
	assert_int_equal(pwrite(fileno(file), behind, length, size), length);
	assert_int_equal(archive_end(&at.instance, fileno(file), size + (int64_t)length, &found),
			 result);
	assert_int_equal(found, end);
}

static void whole_frames_end_where_the_file_does(void **state)
{
	int64_t first, second;
	FILE *file = file_of_two(&first, &second);

	assert_end(file, second, "", 0, 0, second);
	assert_end(file, 0, "", 0, 0, 0);
	fclose(file);
}

static void a_torn_frame_is_behind_the_end(void **state)
{
	int64_t first, second;
	FILE *file = file_of_two(&first, &second);

	assert_end(file, second - 1, "", 0, 0, first);
	assert_end(file, first + 40, "", 0, 0, first);
	assert_end(file, first + 2, "", 0, 0, first);
	fclose(file);
}

static void zeros_are_behind_the_end_and_anything_else_is_damage(void **state)
{
	static const char zeros[200];
	int64_t first, second;
	FILE *file = file_of_two(&first, &second);

	assert_end(file, first, zeros, sizeof(zeros), 0, first);
	assert_end(file, first, "what?", 5, -EBADMSG, first);
	assert_end(file, 0, "no frame at all", 15, -EBADMSG, 0);
	fclose(file);
}

static void the_end_of_a_frame_that_is_torn_in_a_stream_is_found(void **state)
{
	int64_t first, second;
	FILE *file = file_of_two(&first, &second);
	char *data = malloc((size_t)second);

	assert_int_equal(pread(fileno(file), data, (size_t)second, 0), second);
	assert_int_equal(archive_frame_end(&at.instance, data, (size_t)second, 5), first);
	assert_int_equal(archive_frame_end(&at.instance, data, (size_t)second, (size_t)first),
			 first);
	assert_int_equal(archive_frame_end(&at.instance, data, (size_t)second, (size_t)first + 1),
			 second);
	free(data);
	fclose(file);
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup(name_, setup)
	const struct CMUnitTest tests[] = {
		CASE(what_waits_makes_one_frame),
		CASE(only_rows_of_the_group_are_in_it),
		CASE(what_is_too_much_for_a_frame_makes_several),
		CASE(rows_that_no_frame_holds_are_rejected_by_their_batch),
		CASE(a_failure_to_put_ends_it_and_nothing_waits_any_more),
		CASE(whole_frames_end_where_the_file_does),
		CASE(a_torn_frame_is_behind_the_end),
		CASE(zeros_are_behind_the_end_and_anything_else_is_damage),
		CASE(the_end_of_a_frame_that_is_torn_in_a_stream_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
