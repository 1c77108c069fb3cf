// SPDX-License-Identifier: Apache-2.0
/* What core/journal.h promises of journals in whose files bits have turned, or bytes are missing:
 * what is damaged costs the record that it lies in, and is told. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal_fixture.h"
#include "journal_format.h"

enum { FILES = 8, RECORDS = 12, SEGMENT = 700 };

/* The files of a journal as they were. */
struct saved {
	char path[160];
	unsigned char *bytes;
	size_t length;
};

static struct saved files[FILES];
static unsigned int file_count;

static size_t file_get(const char *path, unsigned char **ret_bytes)
{
	int file = open(path, O_RDONLY);
	struct stat status;

	assert_true(file >= 0 && !fstat(file, &status));
	*ret_bytes = malloc((size_t)status.st_size + 1);
	assert_int_equal(read(file, *ret_bytes, (size_t)status.st_size), status.st_size);
	close(file);
	return (size_t)status.st_size;
}

static void file_set(const struct saved *saved, size_t length)
{
	int file = open(saved->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(file >= 0);
	assert_int_equal(write(file, saved->bytes, length), length);
	close(file);
}

static void files_save(void)
{
	file_count = 0;
	snprintf(files[0].path, sizeof(files[0].path), "%s/journal", journal_path);
	do {
		files[file_count].length =
			file_get(files[file_count].path, &files[file_count].bytes);
		file_count++;
	} while (journal_file(file_count - 1, files[file_count].path));
	assert_true(file_count >= 4);
}

static void files_restore(void)
{
	char path[160];

	while (journal_file(0, path))
		assert_int_equal(unlink(path), 0);
	for (unsigned int i = 0; i < file_count; i++)
		file_set(&files[i], files[i].length);
}

static void files_forget(void)
{
	for (unsigned int i = 0; i < file_count; i++)
		free(files[i].bytes);
}

/* Three segments or more; each record is the next of stream 'a'. */
static void journal_make(void)
{
	struct journal *journal = journal_opened(0, SEGMENT);

	for (uint64_t rows = 1; rows <= RECORDS; rows++)
		assert_int_equal(journal_try_stream_of(journal, 'a', rows, 40 + rows, rows), 0);
	journal_close(journal, false);
	files_save();
}

/* ---- what is left ------------------------------------------------------------------------ */

struct found {
	struct journal_recovery recovery;
	struct journal_loss skipped;
	uint64_t count, rows, last, position;
};

/* Opens, appends one record more, and reads all: what comes is whole, and its own. */
static struct found journal_look_through(void)
{
	struct journal *journal = journal_opened(0, SEGMENT);
	struct journal_reading *reading = journal_reading_new(journal);
	struct journal_record record = { .number = 0 };
	struct journal_loss skipped;
	struct found found = { 0 };

	journal_recovered(journal, &found.recovery);
	found.position = journal_position_of(journal, 'a');
	assert_int_equal(journal_try(journal, 50, RECORDS + 1), 0);
	assert_true(journal_last(journal) > RECORDS);
	while (!journal_read(reading, record.number + 1, &record, &skipped)) {
		journal_record_check(&record);
		found.skipped.records += skipped.records;
		found.skipped.rows += skipped.rows;
		found.skipped.bytes += skipped.bytes;
		if (record.number > RECORDS) {
			assert_int_equal(record.rows, RECORDS + 1);
			found.last = record.number;
			continue;
		}
		assert_int_equal(record.rows, record.number);
		found.rows += record.rows;
		found.count++;
	}
	assert_int_equal(found.last, journal_last(journal));
	journal_reading_free(reading);
	journal_close(journal, false);
	return found;
}

/* At most one record is missing, and it is told. */
static void damage_check(const struct found *found, bool in_last)
{
	struct journal_loss all = found->recovery.damaged, *damaged = &all;
	const struct journal_loss *torn = &found->recovery.torn;
	uint64_t missing_rows = RECORDS * (RECORDS + 1) / 2 - found->rows;

	assert_true(!torn->bytes || !damaged->bytes);
	if (torn->bytes)
		all = *torn;
	assert_true(found->count == RECORDS || found->count == RECORDS - 1);
	if (found->count == RECORDS) {
		assert_int_equal(found->skipped.records + damaged->records, 0);
		assert_int_equal(found->position, RECORDS);
		return;
	}
	if (!in_last) { /* the next segment knows what was there */
		assert_int_equal(found->skipped.records, 1);
		assert_int_equal(found->skipped.rows, missing_rows);
		assert_int_equal(damaged->records, 0);
		assert_int_equal(found->position, RECORDS);
		return;
	}
	assert_true(damaged->bytes > 0);
	assert_true(damaged->records <= 1);
	assert_true(damaged->rows == 0 || damaged->rows == missing_rows);
	assert_non_null(strstr(found->recovery.note, "skipped"));
	assert_true(found->position == RECORDS || found->position == RECORDS - 1);
	if (missing_rows == RECORDS) /* the last: it may have been sent under its number */
		assert_int_equal(found->last, RECORDS + JOURNAL_GAP + 1);
}

static void a_flipped_byte_anywhere_in_a_segment_costs_the_record_that_it_hit(void **state)
{
	uint64_t lost_count = 0;

	journal_make();
	for (unsigned int i = 1; i < file_count; i++) {
		for (size_t at = 0; at < files[i].length; at++) {
			struct found found;

			files[i].bytes[at] ^= (unsigned char)(1 << at % 8);
			files_restore();
			found = journal_look_through();
			damage_check(&found, i + 1 == file_count);
			lost_count += found.count < RECORDS;
			files[i].bytes[at] ^= (unsigned char)(1 << at % 8);
		}
	}
	assert_true(lost_count > (uint64_t)RECORDS * 72); /* heads at least */
	files_forget();
}

static void a_flipped_byte_in_the_head_file_loses_no_record(void **state)
{
	unsigned char id[JOURNAL_STREAM_BYTES];
	struct journal *journal;

	journal_make();
	journal = journal_opened(0, SEGMENT);
	memcpy(id, journal_stream(journal), sizeof(id));
	journal_close(journal, false);
	for (size_t at = 0; at < files[0].length; at++) {
		struct found found;

		if (at == 200) /* nothing but zeros */
			at = JOURNAL_MARK_OFFSET;
		if (at == JOURNAL_MARK_OFFSET + 60)
			at += JOURNAL_MARK_DISTANCE - 60;
		if (at == JOURNAL_MARK_OFFSET + JOURNAL_MARK_DISTANCE + 60)
			break;
		files[0].bytes[at] ^= (unsigned char)(1 << at % 8);
		files_restore();
		found = journal_look_through();
		assert_int_equal(found.count, RECORDS);
		assert_int_equal(found.skipped.records + found.recovery.damaged.records, 0);
		journal = journal_opened(0, SEGMENT);
		assert_memory_equal(journal_stream(journal), id, sizeof(id));
		assert_string_equal(journal_name(journal), "main > region");
		journal_close(journal, false);
		files[0].bytes[at] ^= (unsigned char)(1 << at % 8);
	}
	files_forget();
}

static void a_segment_cut_off_anywhere_keeps_the_records_before_that(void **state)
{
	journal_make();
	for (unsigned int i = 1; i < file_count; i++) {
		uint64_t before = RECORDS;

		for (size_t length = files[i].length; length-- > 0;) {
			struct found found;
			bool in_last = i + 1 == file_count;

			files_restore();
			file_set(&files[i], length);
			found = journal_look_through();
			assert_true(found.count <= before);
			before = found.count;
			if (!in_last) {
				assert_int_equal(found.skipped.records, RECORDS - found.count);
				assert_int_equal(found.skipped.rows,
						 RECORDS * (RECORDS + 1) / 2 - found.rows);
				assert_int_equal(found.position, RECORDS);
			}
			assert_true(found.position >= found.count || !in_last);
		}
		assert_true(before < RECORDS);
	}
	files_forget();
}

static void bytes_behind_the_end_are_no_harm(void **state)
{
	struct found found;

	journal_make();
	for (unsigned int i = 1; i < file_count; i++) {
		unsigned char *bytes = malloc(files[i].length + 1000);
		const struct saved longer = { .bytes = bytes, .length = files[i].length + 1000 };
		struct saved other = longer;

		memcpy(bytes, files[i].bytes, files[i].length);
		memset(bytes + files[i].length, 'r', 1000);
		memcpy(other.path, files[i].path, sizeof(other.path));
		files_restore();
		file_set(&other, longer.length);
		found = journal_look_through();
		assert_int_equal(found.count, RECORDS);
		free(bytes);
	}
	files_forget();
}

static void a_segment_that_is_gone_is_told_by_nothing_but_loses_no_other(void **state)
{
	journal_make();
	for (unsigned int i = 1; i < file_count; i++) {
		struct found found;

		files_restore();
		assert_int_equal(unlink(files[i].path), 0);
		found = journal_look_through();
		assert_true(found.count < RECORDS && found.count >= 2);
		if (i + 1 == file_count) /* numbers of records that may have been sent */
			assert_true(found.last > JOURNAL_GAP);
	}
	files_forget();
}

/* ---- versions ---------------------------------------------------------------------------- */

static void version_raise(struct saved *saved)
{
	uint32_t version = htole32(JOURNAL_VERSION + 1), length, check;

	memcpy(saved->bytes + 8, &version, sizeof(version));
	memcpy(&length, saved->bytes + 12, sizeof(length));
	check = htole32(journal_checksum(journal_checksum(0, saved->bytes, 16), saved->bytes + 20,
					 le32toh(length) - 20));
	memcpy(saved->bytes + 16, &check, sizeof(check));
}

static void files_of_a_later_version_are_refused_and_left(void **state)
{
	const struct journal_settings settings = { .path = journal_path, .limit_bytes = 1 << 20 };

	journal_make();
	for (unsigned int i = 0; i < file_count; i++) {
		struct saved old = files[i];
		struct journal *journal = NULL;
		char error[256] = "";

		files[i].length = file_get(old.path, &files[i].bytes);
		version_raise(&files[i]);
		files_restore();
		assert_int_equal(journal_open(&settings, &journal, error, sizeof(error)),
				 -EPROTONOSUPPORT);
		assert_non_null(strstr(error, "later version"));
		for (unsigned int j = 0; j < file_count; j++) {
			unsigned char *bytes;

			assert_int_equal(file_get(files[j].path, &bytes), files[j].length);
			assert_memory_equal(bytes, files[j].bytes, files[j].length);
			free(bytes);
		}
		free(files[i].bytes);
		files[i] = old;
		files_restore();
	}
	files_forget();
}

/* ---- a machine that was started anew ------------------------------------------------------ */

static void after_a_start_of_the_machine_no_number_is_given_twice(void **state)
{
	struct journal_mark mark, other;
	struct found found;

	journal_make();
	assert_true(journal_mark_read(files[0].bytes + JOURNAL_MARK_OFFSET, &mark));
	assert_true(journal_mark_read(files[0].bytes + JOURNAL_MARK_OFFSET + JOURNAL_MARK_DISTANCE,
				      &other));
	memset(mark.boot, 'b', sizeof(mark.boot));
	memset(other.boot, 'b', sizeof(other.boot));
	journal_mark_write(&mark, files[0].bytes + JOURNAL_MARK_OFFSET);
	journal_mark_write(&other, files[0].bytes + JOURNAL_MARK_OFFSET + JOURNAL_MARK_DISTANCE);
	files_restore();
	found = journal_look_through();
	assert_int_equal(found.count, RECORDS);
	assert_int_equal(found.last, RECORDS + JOURNAL_GAP + 1);
	assert_int_equal(found.skipped.records, 0);
	assert_string_equal(found.recovery.note, "");
	files_forget();
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, journal_set_up, journal_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_flipped_byte_anywhere_in_a_segment_costs_the_record_that_it_hit),
		TEST(a_flipped_byte_in_the_head_file_loses_no_record),
		TEST(a_segment_cut_off_anywhere_keeps_the_records_before_that),
		TEST(bytes_behind_the_end_are_no_harm),
		TEST(a_segment_that_is_gone_is_told_by_nothing_but_loses_no_other),
		TEST(files_of_a_later_version_are_refused_and_left),
		TEST(after_a_start_of_the_machine_no_number_is_given_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
