// SPDX-License-Identifier: Apache-2.0
/* What core/journal.h promises to threads: one appends, one reads and releases, one syncs, one
 * looks, all at once. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "journal_fixture.h"

enum { RECORDS = 5000 };

static struct journal *journal;
static atomic_bool over;
static atomic_ullong dropped_rows, read_rows, made_rows, failures;

static void nap(void)
{
	const struct timespec time = { .tv_nsec = 20000 };

	nanosleep(&time, NULL);
}

/* Drops what is in its way, as a queue does that is full. */
static void *append(void *context)
{
	for (uint64_t rows = 1; rows <= RECORDS; rows++) {
		size_t length = rows % 100 ? 50 + rows % 500 : 40000;
		int result;

		while ((result = journal_try(journal, length, rows)) == -EDQUOT) {
			struct journal_loss loss;

			if (journal_drop_oldest(journal, &loss))
				nap();
			else
				dropped_rows += loss.rows;
		}
		failures += result != 0;
		made_rows += rows;
	}
	over = true;
	return NULL;
}

static void *consume(void *context)
{
	struct journal_reading *reading = journal_reading_new(journal);
	struct journal_record record = { .number = 0 };
	struct journal_loss skipped;

	for (;;) {
		bool last = over;
		int result = journal_read(reading, record.number + 1, &record, &skipped);

		if (result == -ENOENT && last)
			break;
		if (result == -ENOENT) {
			nap();
			continue;
		}
		failures += result != 0 || skipped.bytes || skipped.records;
		read_rows += record.rows;
		if (record.number % 7 == 0)
			failures += journal_release(journal, record.number + 1) != 0;
	}
	journal_reading_free(reading);
	return NULL;
}

static void *sync_on(void *context)
{
	while (!over) {
		uint64_t last = journal_last(journal);

		failures += journal_sync(journal, NULL) != 0;
		failures += journal_synced(journal) < last;
		nap();
	}
	return NULL;
}

static void *look(void *context)
{
	while (!over) {
		struct journal_usage usage = journal_used(journal);

		failures += usage.bytes > 400000;
		if (!journal_reserve(journal, 100))
			journal_unreserve(journal, 100);
		(void)journal_position_of(journal, 'a');
		nap();
	}
	return NULL;
}

static void all_may_be_done_at_once_and_every_row_is_read_or_dropped(void **state)
{
	void *(*const parts[])(void *) = { append, consume, sync_on, look };
	pthread_t threads[4];

	journal = journal_opened(400000, 20000);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, parts[i], NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(failures, 0);
	assert_int_equal(read_rows + dropped_rows, made_rows);
	assert_int_equal(journal_release(journal, journal_last(journal) + 1), 0);
	assert_int_equal(journal_used(journal).records, 0);
	journal_close(journal, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			all_may_be_done_at_once_and_every_row_is_read_or_dropped, journal_set_up,
			journal_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
