// SPDX-License-Identifier: Apache-2.0
/* What lib/recording/recording.h promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <errno.h>
#include <unistd.h>
#include <cmocka.h>

#include "frame.h"
#include "host.h"
#include "made.h"
#include "recording.h"

enum { TEXT_BYTES = 4096 };

/* A directory that tests run in, and what was told of damage. */
struct place {
	char directory[64];
	struct sonde_instance instance;
	struct recording *recording;
	char told[TEXT_BYTES];
};

static void on_damaged(void *data, const char *path, int64_t offset, int64_t length,
		       const char *why)
{
	struct place *place = data;
	size_t used = strlen(place->told);

	(void)snprintf(place->told + used, sizeof(place->told) - used, "%s@%lld+%lld: %s\n", path,
		       (long long)offset, (long long)length, why);
}

static void on_failed(void *data, const char *path, int error)
{
	struct place *place = data;
	size_t used = strlen(place->told);

	(void)snprintf(place->told + used, sizeof(place->told) - used, "%s: %s\n", path,
		       strerror(error));
}

static const struct recording_news news = { .damaged = on_damaged, .failed = on_failed };

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->directory, "/tmp/sonde-recording-XXXXXX");
	place->instance = (struct sonde_instance){ .size = sizeof(place->instance),
						   .name = "test",
						   .host = host_services() };
	*state = place;
	return mkdtemp(place->directory) ? chdir(place->directory) : -1;
}

static int teardown(void **state)
{
	struct place *place = *state;
	char command[128];

	recording_close(place->recording);
	snprintf(command, sizeof(command), "rm -rf %s", place->directory);
	free(place);
	return chdir("/") || system(command);
}

/* Appends a frame of one row of that number; returns where it ends. */
static long append_frame(const char *path, uint64_t number, uint32_t kind)
{
	struct sonde_batch *batch = finished_batch(number, 1);
	struct sonde_frame frame = { .size = sizeof(frame), .kind = kind };
	FILE *file = fopen(path, "a");
	long end;

	assert_non_null(file);
	assert_int_equal(frame_write(&batch, 1, &frame), 0);
	assert_int_equal(fwrite(frame.data, 1, frame.length, file), frame.length);
	end = ftell(file);
	fclose(file);
	batch_release(batch);
	return end;
}

static void append_bytes(const char *path, const char *text)
{
	FILE *file = fopen(path, "a");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void change_byte(const char *path, long at)
{
	FILE *file = fopen(path, "r+");
	int byte;

	assert_non_null(file);
	fseek(file, at, SEEK_SET);
	byte = fgetc(file);
	fseek(file, at, SEEK_SET);
	fputc(byte ^ 0x40, file);
	fclose(file);
}

static int open_path(struct place *place, const char *path, char *error)
{
	const struct sonde_texts paths = { .items = &path, .count = 1 };

	return recording_open(&place->instance, &paths, &news, place, &place->recording, error,
			      256);
}

/* The numbers of all rows that are left, as "1 2 3". */
static void assert_rest(struct place *place, const char *numbers, const char *news_text)
{
	struct sonde_batch **batches;
	char text[256] = "";
	uint32_t count;

	while (recording_next(place->recording, &batches, &count) == 1) {
		for (uint32_t at = 0; at < count; at++) {
			size_t used = strlen(text);

			(void)snprintf(text + used, sizeof(text) - used, "%s%llu", used ? " " : "",
				       (unsigned long long)first_number(batches[at]));
			batch_release(batches[at]);
		}
	}
	assert_string_equal(text, numbers);
	assert_string_equal(place->told, news_text);
}

static void assert_read(struct place *place, const char *path, const char *numbers,
			const char *news_text)
{
	char error[256];

	assert_int_equal(open_path(place, path, error), 0);
	assert_rest(place, numbers, news_text);
}

static void files_of_a_pattern_come_in_the_order_of_their_names(void **state)
{
	append_frame("b.frame", 3, SONDE_FRAME_ROWS);
	append_frame("a.frame", 1, SONDE_FRAME_ROWS);
	append_frame("a.frame", 2, SONDE_FRAME_ROWS);
	assert_read(*state, "*.frame", "1 2 3", "");
}

static void it_can_be_played_again(void **state)
{
	struct place *place = *state;

	append_frame("a.frame", 1, SONDE_FRAME_ROWS);
	assert_read(place, "a.frame", "1", "");
	recording_rewind(place->recording);
	assert_rest(place, "1", "");
}

static void frames_of_a_ledger_are_passed_over(void **state)
{
	append_frame("a.frame", 1, SONDE_FRAME_LEDGER);
	append_frame("a.frame", 2, SONDE_FRAME_ROWS);
	assert_read(*state, "a.frame", "2", "");
}

static void a_pattern_without_files_is_an_error(void **state)
{
	struct place *place = *state;
	char error[256];

	assert_int_equal(open_path(place, "none*.frame", error), -ENOENT);
	assert_string_equal(error, "there is no file none*.frame");
}

static void a_damaged_frame_is_left_out_with_its_place(void **state)
{
	long first = append_frame("a.frame", 1, SONDE_FRAME_ROWS);
	long second = append_frame("a.frame", 2, SONDE_FRAME_ROWS);
	char text[128];

	append_frame("a.frame", 3, SONDE_FRAME_ROWS);
	change_byte("a.frame", second - 2);
	snprintf(text, sizeof(text), "a.frame@%ld+%ld: a damaged frame\n", first, second - first);
	assert_read(*state, "a.frame", "1 3", text);
}

static void whatever_byte_is_damaged_the_frames_around_it_are_read(void **state)
{
	long first = append_frame("whole.frame", 1, SONDE_FRAME_ROWS);
	long second = append_frame("whole.frame", 2, SONDE_FRAME_ROWS);
	struct place *place = *state;
	char error[256];

	append_frame("whole.frame", 3, SONDE_FRAME_ROWS);
	for (long at = first; at < second; at++) {
		assert_int_equal(system("cp whole.frame a.frame"), 0);
		change_byte("a.frame", at);
		place->told[0] = '\0';
		assert_int_equal(open_path(place, "a.frame", error), 0);
		{
			struct sonde_batch **batches;
			uint32_t count, rows = 0;

			while (recording_next(place->recording, &batches, &count) == 1) {
				assert_int_equal(first_number(batches[0]), rows ? 3 : 1);
				batch_release(batches[0]);
				rows++;
			}
			assert_int_equal(rows, 2);
			assert_true(*place->told);
		}
		recording_close(place->recording);
		place->recording = NULL;
	}
}

static void bytes_between_frames_are_left_out(void **state)
{
	long first = append_frame("a.frame", 1, SONDE_FRAME_ROWS);
	char text[128];

	append_bytes("a.frame", "what is this?");
	append_frame("a.frame", 2, SONDE_FRAME_ROWS);
	snprintf(text, sizeof(text), "a.frame@%ld+13: no frame begins here\n", first);
	assert_read(*state, "a.frame", "1 2", text);
}

static void a_torn_end_is_told(void **state)
{
	long first = append_frame("a.frame", 1, SONDE_FRAME_ROWS);
	long second = append_frame("a.frame", 2, SONDE_FRAME_ROWS);
	char text[128];

	assert_int_equal(truncate("a.frame", second - 5), 0);
	snprintf(text, sizeof(text), "a.frame@%ld+%ld: the file ends within a frame\n", first,
		 second - 5 - first);
	assert_read(*state, "a.frame", "1", text);
}

static void a_torn_head_is_told(void **state)
{
	long first = append_frame("a.frame", 1, SONDE_FRAME_ROWS);
	char text[128];

	append_frame("a.frame", 2, SONDE_FRAME_ROWS);
	assert_int_equal(truncate("a.frame", first + 10), 0);
	snprintf(text, sizeof(text), "a.frame@%ld+10: the file ends within a frame\n", first);
	assert_read(*state, "a.frame", "1", text);
}

static void another_file_is_no_recording_and_the_next_one_is_read(void **state)
{
	append_bytes("a.frame", "{\"schema\":\"made\"}\n");
	append_frame("b.frame", 1, SONDE_FRAME_ROWS);
	assert_read(*state, "?.frame", "1", "a.frame@0+18: this is no file of frames\n");
}

static void a_frame_of_another_version_is_told_so(void **state)
{
	long first = append_frame("a.frame", 1, SONDE_FRAME_ROWS);
	char text[128];

	change_byte("a.frame", 8); /* behind magic and checksum */
	append_frame("a.frame", 2, SONDE_FRAME_ROWS);
	snprintf(text, sizeof(text),
		 "a.frame@0+%ld: a frame of a version that this sonde does not read\n", first);
	assert_read(*state, "a.frame", "2", text);
}

static void what_cannot_be_opened_is_told(void **state)
{
	struct place *place = *state;
	char error[256];

	append_frame("a.frame", 1, SONDE_FRAME_ROWS);
	assert_int_equal(open_path(place, "a.frame", error), 0);
	assert_int_equal(unlink("a.frame"), 0);
	assert_rest(place, "", "a.frame: No such file or directory\n");
}

static void an_empty_file_has_no_rows(void **state)
{
	append_bytes("a.frame", "");
	assert_read(*state, "a.frame", "", "");
}

/* ---- times ------------------------------------------------------------------------------- */

struct timed_row {
	int64_t time_ns, begin_ns, offset_ns;
	uint32_t number;
};

static const struct sonde_field timed_fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct timed_row, time_ns),
	  .role = SONDE_ROLE_TIME,
	  .zero_is_null = true },
	{ .name = "begin",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct timed_row, begin_ns),
	  .role = SONDE_ROLE_START_TIME },
	{ .name = "offset",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct timed_row, offset_ns),
	  .role = SONDE_ROLE_CLOCK_OFFSET },
	{ .name = "number", .type = SONDE_U32, SONDE_MEMBER(struct timed_row, number) },
	{ 0 }
};

static const struct sonde_schema timed_schema = { .name = "timed",
						  .row_size = sizeof(struct timed_row),
						  .fields = timed_fields };

/* Read back from a frame, as a recording gives it. */
static struct sonde_batch *timed_batch(const struct timed_row *rows, uint32_t count)
{
	struct sonde_batch *batch = batch_create(&timed_schema, count, NULL), *read;
	struct sonde_frame frame = { .size = sizeof(frame), .kind = SONDE_FRAME_ROWS };

	memcpy(batch_rows(batch), rows, count * sizeof(*rows));
	batch_resize(batch, count);
	batch_finish(batch);
	assert_int_equal(frame_write(&batch, 1, &frame), 0);
	batch_release(batch);
	assert_int_equal(frame_read(&frame, &read, 1), 0);
	return read;
}

static int64_t value_of(const struct sonde_batch *batch, uint32_t column, uint32_t row)
{
	int64_t value;

	memcpy(&value, sonde_value(sonde_column(batch, column), row), sizeof(value));
	return value;
}

static void a_batch_is_of_the_time_of_its_first_row(void **state)
{
	const struct timed_row rows[] = { { 500, 100, 7, 1 },
					  { 900, 100, 7, 2 },
					  { 700, 1, 7, 3 } };
	struct sonde_batch *batch = timed_batch(rows, 3);

	assert_int_equal(recording_time(batch), 500);
	assert_int_equal(recording_latest_time(batch), 900);
	assert_int_equal(recording_row_time(batch, 2), 700);
	batch_release(batch);
}

static void a_row_without_a_time_is_of_its_begin(void **state)
{
	const struct timed_row rows[] = { { 0, 100, 7, 1 } };
	struct sonde_batch *batch = timed_batch(rows, 1);

	assert_int_equal(recording_time(batch), 100);
	batch_release(batch);
}

static void all_times_of_a_batch_are_moved_together(void **state)
{
	const struct timed_row rows[] = { { 500, 100, 7, 500 }, { 900, 0, 7, 2 } };
	struct sonde_batch *batch = timed_batch(rows, 2);

	recording_shift(batch, 1000);
	assert_int_equal(value_of(batch, 0, 0), 1500);
	assert_int_equal(value_of(batch, 0, 1), 1900);
	assert_int_equal(value_of(batch, 1, 0), 1100);
	assert_int_equal(value_of(batch, 1, 1), 0);
	assert_int_equal(value_of(batch, 2, 1), 1007);
	assert_true(sonde_number_at(sonde_column(batch, 3), 0) == 500);
	batch_release(batch);
}

int main(void)
{
#define CASE(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(files_of_a_pattern_come_in_the_order_of_their_names),
		CASE(it_can_be_played_again),
		CASE(frames_of_a_ledger_are_passed_over),
		CASE(a_pattern_without_files_is_an_error),
		CASE(a_damaged_frame_is_left_out_with_its_place),
		CASE(whatever_byte_is_damaged_the_frames_around_it_are_read),
		CASE(bytes_between_frames_are_left_out),
		CASE(a_torn_end_is_told),
		CASE(a_torn_head_is_told),
		CASE(another_file_is_no_recording_and_the_next_one_is_read),
		CASE(a_frame_of_another_version_is_told_so),
		CASE(what_cannot_be_opened_is_told),
		CASE(an_empty_file_has_no_rows),
		CASE(a_batch_is_of_the_time_of_its_first_row),
		CASE(a_row_without_a_time_is_of_its_begin),
		CASE(all_times_of_a_batch_are_moved_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
