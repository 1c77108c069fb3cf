// SPDX-License-Identifier: Apache-2.0
/* What core/journal.h promises of journals whose disk is as it should be. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal_fixture.h"

enum { SEGMENT = 4096 };

/* ---- appending and reading --------------------------------------------------------------- */

static void records_are_numbered_from_1_and_read_as_they_were_appended(void **state)
{
	struct journal *journal = journal_opened(0, 0);
	struct journal_reading *reading = journal_reading_new(journal);
	struct journal_record record = { .rows = 7,
					 .events = 9,
					 .stream = "who sent it ...",
					 .sequence = 5,
					 .origin = "edge",
					 .data = "0123456789",
					 .length = 10 };

	assert_int_equal(journal_last(journal), 0);
	assert_int_equal(journal_read(reading, 1, &record, NULL), -ENOENT);
	assert_int_equal(journal_append(journal, &record), 0);
	assert_int_equal(record.number, 1);
	record.sequence++;
	record.length = 0;
	assert_int_equal(journal_append(journal, &record), 0);
	assert_int_equal(record.number, 2);
	assert_int_equal(journal_last(journal), 2);
	assert_int_equal(journal_read(reading, 1, &record, NULL), 0);
	assert_int_equal(record.number, 1);
	assert_int_equal(record.rows, 7);
	assert_int_equal(record.events, 9);
	assert_int_equal(record.sequence, 5);
	assert_memory_equal(record.stream, "who sent it ...", 16);
	assert_string_equal(record.origin, "edge");
	assert_int_equal(record.length, 10);
	assert_memory_equal(record.data, "0123456789", 10);
	assert_int_equal(journal_read(reading, 2, &record, NULL), 0);
	assert_int_equal(record.number, 2);
	assert_int_equal(record.length, 0);
	assert_int_equal(journal_read(reading, 3, &record, NULL), -ENOENT);
	assert_int_equal(journal_read(reading, 1, &record, NULL), 0);
	assert_int_equal(record.number, 1);
	journal_reading_free(reading);
	journal_close(journal, false);
}

static void records_of_any_length_go_through_many_segments(void **state)
{
	static const size_t lengths[] = { 0, 1, 7, 8, 100, 4000, 20000, 70000, 300000 };
	struct journal *journal = journal_opened(0, 100000);
	struct journal_loss skipped;

	for (uint64_t rows = 1; rows <= 90; rows++)
		assert_int_equal(journal_try(journal, lengths[rows % 9], rows), 0);
	assert_int_equal(journal_count(journal, 1, &skipped), 90);
	assert_int_equal(journal_count(journal, 41, NULL), 50);
	assert_int_equal(skipped.bytes, 0);
	assert_true(journal_used(journal).segments > 20);
	journal_close(journal, false);
	journal = journal_opened(0, 100000);
	assert_int_equal(journal_count(journal, 1, &skipped), 90);
	assert_int_equal(skipped.bytes, 0);
	assert_int_equal(journal_last(journal), 90);
	journal_close(journal, false);
}

static void reading_goes_on_while_records_are_appended(void **state)
{
	struct journal *journal = journal_opened(0, SEGMENT);
	struct journal_reading *reading = journal_reading_new(journal);
	struct journal_record record;

	for (uint64_t number = 1; number <= 200; number++) {
		assert_int_equal(journal_read(reading, number, &record, NULL), -ENOENT);
		assert_int_equal(journal_try(journal, 150, number), 0);
		assert_int_equal(journal_read(reading, number, &record, NULL), 0);
		assert_int_equal(record.number, number);
		journal_record_check(&record);
	}
	journal_reading_free(reading);
	journal_close(journal, false);
}

static void a_record_may_be_longer_than_a_segment_but_not_than_the_limit(void **state)
{
	struct journal *journal = journal_opened(1 << 20, SEGMENT);

	assert_int_equal(journal_try(journal, 500000, 1), 0);
	assert_int_equal(journal_try(journal, 2 << 20, 2), -EMSGSIZE);
	assert_int_equal(journal_try(journal, (size_t)JOURNAL_DATA_LIMIT + 1, 3), -EMSGSIZE);
	assert_int_equal(journal_count(journal, 1, NULL), 1);
	journal_close(journal, false);
}

/* ---- opening again ----------------------------------------------------------------------- */

static void a_journal_has_an_id_that_stays_and_a_name(void **state)
{
	struct journal *journal = journal_opened(0, 0);
	const struct journal_settings other = { .path = journal_path,
						.name = "other",
						.limit_bytes = 1 << 20 };
	unsigned char id[JOURNAL_STREAM_BYTES], none[JOURNAL_STREAM_BYTES] = { 0 };
	struct journal *second = NULL;
	char error[256];

	memcpy(id, journal_stream(journal), sizeof(id));
	assert_memory_not_equal(id, none, sizeof(id));
	assert_int_equal(journal_open(&other, &second, error, sizeof(error)), -EBUSY);
	assert_non_null(strstr(error, "open already"));
	journal_close(journal, false);
	journal = journal_opened(0, 0);
	assert_memory_equal(journal_stream(journal), id, sizeof(id));
	assert_string_equal(journal_name(journal), "main > region");
	journal_close(journal, false);
	assert_int_equal(journal_open(&other, &second, error, sizeof(error)), -EEXIST);
	assert_non_null(strstr(error, "\"main > region\", not of \"other\""));
	assert_null(second);
}

static void opening_tells_what_is_there_and_goes_on_with_the_next_number(void **state)
{
	struct journal *journal = journal_opened(0, SEGMENT);
	struct journal_recovery recovery;

	journal_fill(journal, 100, 100);
	journal_close(journal, false);
	journal = journal_opened(0, SEGMENT);
	journal_recovered(journal, &recovery);
	assert_string_equal(recovery.note, "");
	assert_int_equal(recovery.records, 100);
	assert_int_equal(recovery.rows, 5050);
	assert_int_equal(recovery.events, 10100);
	assert_int_equal(recovery.damaged.bytes, 0);
	assert_int_equal(journal_try(journal, 10, 101), 0);
	assert_int_equal(journal_last(journal), 101);
	assert_int_equal(journal_count(journal, 1, NULL), 101);
	journal_close(journal, false);
}

static void many_short_runs_do_not_make_many_segments(void **state)
{
	for (uint64_t run = 1; run <= 50; run++) {
		struct journal *journal = journal_opened(0, 1 << 20);

		assert_int_equal(journal_try(journal, 100, run), 0);
		assert_int_equal(journal_last(journal), run);
		assert_int_equal(journal_used(journal).segments, 1);
		assert_int_equal(journal_used(journal).records, run);
		journal_close(journal, false);
	}
}

static void a_directory_with_other_files_is_refused_and_left(void **state)
{
	const struct journal_settings settings = { .path = journal_path, .limit_bytes = 1 << 20 };
	struct journal *journal = NULL;
	char error[256], path[96];

	assert_int_equal(mkdir(journal_path, 0700), 0);
	snprintf(path, sizeof(path), "%s/letters", journal_path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(journal_open(&settings, &journal, error, sizeof(error)), -EBADMSG);
	assert_non_null(strstr(error, "no journal"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(journal_path), 0);
}

static void what_was_flushed_outlives_a_process_that_is_killed(void **state)
{
	struct journal_recovery recovery;
	struct journal *journal;
	pid_t child = fork();
	int status;

	if (!child) {
		journal = journal_opened(0, SEGMENT);
		journal_fill(journal, 75, 100);
		(void)journal_flush(journal);
		(void)journal_try(journal, 100, 76);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	journal = journal_opened(0, SEGMENT);
	journal_recovered(journal, &recovery);
	assert_int_equal(recovery.records, 75);
	assert_int_equal(recovery.damaged.bytes, 0);
	assert_string_equal(recovery.note, "");
	assert_int_equal(journal_count(journal, 1, NULL), 75);
	assert_int_equal(journal_try(journal, 100, 76), 0);
	assert_int_equal(journal_last(journal), 76);
	journal_close(journal, false);
}

static void of_what_was_not_flushed_whole_records_are_there_and_the_rest_is_told_apart(void **state)
{
	struct journal_recovery recovery;
	struct journal *journal;
	pid_t child = fork();
	uint64_t count;
	int status;

	if (!child) {
		journal = journal_opened(0, 4 << 20);
		journal_fill(journal, 70, 10000);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	journal = journal_opened(0, 4 << 20);
	journal_recovered(journal, &recovery);
	assert_in_range(recovery.records, 26, 69);
	assert_int_equal(recovery.damaged.bytes, 0);
	assert_int_equal(recovery.torn.records, 1);
	assert_int_equal(recovery.torn.rows, recovery.records + 1);
	assert_non_null(strstr(recovery.note, "at the end that were being written"));
	count = journal_count(journal, 1, NULL);
	assert_int_equal(count, recovery.records);
	assert_int_equal(journal_try(journal, 100, 1), 0);
	assert_int_equal(journal_last(journal), count + JOURNAL_GAP + 1);
	journal_close(journal, false);
	journal = journal_opened(0, 4 << 20);
	journal_recovered(journal, &recovery);
	assert_int_equal(recovery.torn.bytes, 0);
	assert_int_equal(recovery.records, count + 1);
	journal_close(journal, false);
}

/* ---- streams ----------------------------------------------------------------------------- */

static void a_sequence_is_taken_once(void **state)
{
	struct journal *journal = journal_opened(0, SEGMENT);

	assert_int_equal(journal_try_stream(journal, 'a', 5), 0);
	assert_int_equal(journal_try_stream(journal, 'a', 5), -EEXIST);
	assert_int_equal(journal_try_stream(journal, 'a', 4), -EEXIST);
	assert_int_equal(journal_try_stream(journal, 'b', 4), 0);
	assert_int_equal(journal_try_stream(journal, 'a', 9), 0);
	assert_int_equal(journal_position_of(journal, 'a'), 9);
	assert_int_equal(journal_position_of(journal, 'c'), 0);
	assert_int_equal(journal_last(journal), 3);
	journal_close(journal, false);
	journal = journal_opened(0, SEGMENT);
	assert_int_equal(journal_position_of(journal, 'a'), 9);
	assert_int_equal(journal_try_stream(journal, 'b', 4), -EEXIST);
	journal_close(journal, false);
}

static void positions_outlive_the_segments_that_brought_them(void **state)
{
	struct journal *journal = journal_opened(0, SEGMENT);

	assert_int_equal(journal_try_stream(journal, 'a', 70), 0);
	for (uint64_t number = 1; number <= 500; number++)
		assert_int_equal(journal_try_stream(journal, 'b', number), 0);
	assert_int_equal(journal_sync(journal, NULL), 0);
	assert_int_equal(journal_release(journal, journal_last(journal) + 1), 0);
	assert_int_equal(journal_used(journal).segments, 1);
	assert_int_equal(journal_used(journal).records, 0);
	journal_close(journal, false);
	journal = journal_opened(0, SEGMENT);
	assert_int_equal(journal_try_stream(journal, 'a', 70), -EEXIST);
	assert_int_equal(journal_try_stream(journal, 'b', 500), -EEXIST);
	assert_int_equal(journal_try_stream(journal, 'b', 501), 0);
	assert_int_equal(journal_last(journal), 502);
	journal_close(journal, false);
}

/* ---- room -------------------------------------------------------------------------------- */

static void the_limit_holds_and_released_records_make_room(void **state)
{
	const uint64_t limit = 100000;
	struct journal *journal = journal_opened(limit, SEGMENT);
	uint64_t rows = 0;
	int result;

	while (!(result = journal_try(journal, 500, rows + 1)))
		rows++;
	assert_int_equal(result, -EDQUOT);
	assert_true(rows > 100);
	assert_true(journal_used(journal).bytes <= limit);
	assert_int_equal(journal_count(journal, 1, NULL), rows);
	assert_int_equal(journal_release(journal, 51), 0);
	assert_int_equal(journal_used(journal).records, rows - 50);
	assert_int_equal(journal_try(journal, 500, ++rows), 0);
	assert_int_equal(journal_count(journal, 51, NULL), rows - 50);
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(journal_release(journal, journal_last(journal) - 20), 0);
		assert_int_equal(journal_try(journal, 500, 1), 0);
		assert_true(journal_used(journal).bytes <= limit);
	}
	journal_close(journal, false);
}

static void a_journal_that_is_full_and_released_takes_records_again(void **state)
{
	struct journal *journal = journal_opened(20000, 16384);
	uint64_t rows = 0;

	for (int round = 0; round < 5; round++) {
		while (!journal_try(journal, 1000, rows + 1))
			rows++;
		assert_int_equal(journal_release(journal, journal_last(journal) + 1), 0);
	}
	assert_true(rows >= 50);
	assert_true(journal_used(journal).bytes <= 20000);
	journal_close(journal, false);
}

static void what_is_reserved_is_there(void **state)
{
	struct journal *journal = journal_opened(100000, SEGMENT);
	int reserved = 0, result;

	while (!(result = journal_reserve(journal, 500)))
		reserved++;
	assert_int_equal(result, -EDQUOT);
	assert_int_equal(journal_reserve(journal, 200000), -EMSGSIZE);
	assert_true(reserved > 50);
	assert_int_equal(journal_try(journal, 500, 1), -EDQUOT);
	for (int i = 0; i < reserved; i++) {
		journal_unreserve(journal, 500);
		assert_int_equal(journal_try(journal, 500, 1), 0);
	}
	journal_close(journal, false);
}

/* ---- the front --------------------------------------------------------------------------- */

static void released_records_stay_released(void **state)
{
	struct journal *journal = journal_opened(0, SEGMENT);
	struct journal_recovery recovery;

	journal_fill(journal, 100, 200);
	assert_int_equal(journal_release(journal, 41), 0);
	assert_int_equal(journal_release(journal, 11), 0); /* it does not fall */
	assert_int_equal(journal_released(journal), 41);
	assert_int_equal(journal_used(journal).records, 60);
	assert_int_equal(journal_used(journal).rows, 5050 - 820);
	assert_int_equal(journal_used(journal).events, 2 * (5050 - 820));
	journal_close(journal, false);
	journal = journal_opened(0, SEGMENT);
	journal_recovered(journal, &recovery);
	assert_int_equal(recovery.records, 60);
	assert_int_equal(recovery.rows, 5050 - 820);
	assert_int_equal(journal_released(journal), 41);
	assert_int_equal(journal_release(journal, 1000), 0);
	assert_int_equal(journal_released(journal), 101);
	assert_int_equal(journal_used(journal).records, 0);
	assert_int_equal(journal_try(journal, 10, 1), 0);
	assert_int_equal(journal_last(journal), 101);
	assert_int_equal(journal_used(journal).records, 1);
	journal_close(journal, false);
}

static void the_oldest_segment_that_nobody_reads_is_dropped_and_counted(void **state)
{
	struct journal *journal = journal_opened(0, SEGMENT);
	struct journal_usage before;
	struct journal_loss loss, lost = { 0 };
	struct journal_reading *reading = journal_reading_new(journal);
	struct journal_record record;

	journal_fill(journal, 100, 200);
	assert_int_equal(journal_read(reading, 1, &record, NULL), 0);
	before = journal_used(journal);
	while (!journal_drop_oldest(journal, &loss)) {
		assert_true(loss.records > 0);
		lost.records += loss.records;
		lost.rows += loss.rows;
		lost.events += loss.events;
		assert_int_equal(journal_used(journal).records, before.records - lost.records);
		assert_int_equal(journal_used(journal).rows, before.rows - lost.rows);
	}
	/* What the reader stands in was left. */
	assert_true(journal_used(journal).records > 1);
	assert_int_equal(journal_used(journal).records + lost.records, 100);
	assert_int_equal(journal_used(journal).rows + lost.rows, 5050);
	assert_int_equal(journal_used(journal).events + lost.events, 10100);
	assert_int_equal(journal_count(journal, 1, &loss), 100 - lost.records);
	assert_int_equal(loss.records, 0); /* what was dropped is not damage */
	assert_int_equal(journal_try(journal, 10, 1), 0);
	assert_int_equal(journal_last(journal), 101);
	journal_reading_free(reading);
	journal_close(journal, false);
}

static void a_protected_record_is_not_dropped_and_a_dropped_one_is_known(void **state)
{
	struct journal *journal = journal_opened(0, SEGMENT);
	struct journal_loss loss;
	uint64_t dropped;

	journal_fill(journal, 100, 200);
	assert_int_equal(journal_drop_oldest(journal, &loss), 0);
	dropped = loss.records;
	assert_false(journal_protect(journal, 1));
	assert_true(journal_protect(journal, 100));
	assert_int_equal(journal_drop_oldest(journal, &loss), -ENOENT);
	assert_int_equal(journal_count(journal, 1, NULL), 100 - dropped);
	journal_close(journal, false);
}

static void dropping_all_keeps_what_is_known_of_streams(void **state)
{
	struct journal *journal = journal_opened(0, SEGMENT);
	struct journal_loss loss;

	for (uint64_t number = 1; number <= 100; number++)
		assert_int_equal(journal_try_stream(journal, 'a', number), 0);
	while (!journal_drop_oldest(journal, &loss))
		;
	assert_int_equal(journal_used(journal).records, 0);
	journal_close(journal, false);
	journal = journal_opened(0, SEGMENT);
	assert_int_equal(journal_try_stream(journal, 'a', 100), -EEXIST);
	assert_int_equal(journal_try_stream(journal, 'a', 101), 0);
	assert_int_equal(journal_last(journal), 101);
	journal_close(journal, false);
}

static void records_are_taken_back_with_what_was_known_of_their_streams(void **state)
{
	for (uint64_t above = 0; above <= 100; above += 10) {
		struct journal *journal = journal_opened(0, SEGMENT);

		for (uint64_t number = 1; number <= 100; number++)
			assert_int_equal(journal_try_stream(journal, 'a', number), 0);
		assert_int_equal(journal_cut(journal, above), 0);
		assert_int_equal(journal_last(journal), above);
		assert_int_equal(journal_used(journal).records, above);
		assert_int_equal(journal_position_of(journal, 'a'), above);
		assert_int_equal(journal_try_stream(journal, 'a', above + 1), 0);
		assert_int_equal(journal_last(journal), above + 1);
		journal_close(journal, false);
		journal = journal_opened(0, SEGMENT);
		assert_int_equal(journal_last(journal), above + 1);
		assert_int_equal(journal_used(journal).records, above + 1);
		assert_int_equal(journal_cut(journal, above), 0);
		assert_int_equal(journal_used(journal).records, above);
		assert_int_equal(journal_release(journal, above + 1), 0);
		journal_close(journal, true);
		assert_int_not_equal(access(journal_path, F_OK), 0);
	}
}

/* ---- looking ----------------------------------------------------------------------------- */

struct listing {
	unsigned int count;
	bool open;
	char name[64];
	struct journal_usage usage;
};

static int journal_listed(void *context, const struct journal_listed *journal)
{
	struct listing *listing = context;

	listing->count++;
	listing->open = journal->open;
	listing->usage = journal->usage;
	snprintf(listing->name, sizeof(listing->name), "%s", journal->name);
	assert_string_equal(journal->path, journal_path);
	return 0;
}

static void journals_in_a_directory_are_listed_and_left_as_they_are(void **state)
{
	struct journal *journal = journal_opened(0, SEGMENT);
	struct listing listing = { 0 };
	char above[64];

	journal_fill(journal, 100, 200);
	assert_int_equal(journal_release(journal, 41), 0);
	journal_close(journal, false);
	snprintf(above, sizeof(above), "%.*s", (int)(strrchr(journal_path, '/') - journal_path),
		 journal_path);
	assert_int_equal(journal_scan(above, journal_listed, &listing), 0);
	assert_int_equal(listing.count, 1);
	assert_false(listing.open);
	assert_string_equal(listing.name, "main > region");
	assert_int_equal(listing.usage.records, 60);
	assert_int_equal(listing.usage.rows, 5050 - 820);
	journal = journal_opened(0, SEGMENT);
	assert_int_equal(journal_scan(above, journal_listed, &listing), 0);
	assert_true(listing.open);
	assert_int_equal(listing.usage.records, 60);
	journal_close(journal, false);
	assert_int_equal(journal_scan("/nonexistent/queues", journal_listed, &listing), 0);
	assert_int_equal(listing.count, 2);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, journal_set_up, journal_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_are_numbered_from_1_and_read_as_they_were_appended),
		TEST(records_of_any_length_go_through_many_segments),
		TEST(reading_goes_on_while_records_are_appended),
		TEST(a_record_may_be_longer_than_a_segment_but_not_than_the_limit),
		TEST(a_journal_has_an_id_that_stays_and_a_name),
		TEST(opening_tells_what_is_there_and_goes_on_with_the_next_number),
		TEST(many_short_runs_do_not_make_many_segments),
		TEST(a_directory_with_other_files_is_refused_and_left),
		TEST(what_was_flushed_outlives_a_process_that_is_killed),
		TEST(of_what_was_not_flushed_whole_records_are_there_and_the_rest_is_told_apart),
		TEST(a_sequence_is_taken_once),
		TEST(positions_outlive_the_segments_that_brought_them),
		TEST(the_limit_holds_and_released_records_make_room),
		TEST(a_journal_that_is_full_and_released_takes_records_again),
		TEST(what_is_reserved_is_there),
		TEST(released_records_stay_released),
		TEST(the_oldest_segment_that_nobody_reads_is_dropped_and_counted),
		TEST(a_protected_record_is_not_dropped_and_a_dropped_one_is_known),
		TEST(dropping_all_keeps_what_is_known_of_streams),
		TEST(records_are_taken_back_with_what_was_known_of_their_streams),
		TEST(journals_in_a_directory_are_listed_and_left_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
