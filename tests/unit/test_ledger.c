// SPDX-License-Identifier: Apache-2.0
/* What core/ledger.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "ledger.h"

enum { LEDGER_BYTES = 1024 * 1024, ACCOUNT_LIMIT = 1023 };

static char directory[] = "/tmp/sonde-ledger-XXXXXX";
static char path[64];

static int set_up(void **state)
{
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/ledger", directory);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	rmdir(directory); /* gone already where the test made none */
	return 0;
}

static struct ledger *opened(const char *at)
{
	struct ledger *ledger = NULL;

	assert_int_equal(ledger_open(at, &ledger), 0);
	assert_non_null(ledger);
	ledger_book_open(ledger, SONDE_LOST_CRASH); /* as a daemon does that starts */
	return ledger;
}

static void counters_survive_that_the_file_is_closed(void **state)
{
	struct ledger *ledger = opened(path);
	struct account *account = ledger_account(ledger, ACCOUNT_ROUTE, "a > b");

	tally_add(&account->in, 10, 30);
	tally_add(&account->out, 10, 30);
	ledger_close(ledger);
	ledger = opened(path);
	account = ledger_account(ledger, ACCOUNT_ROUTE, "a > b");
	assert_int_equal(tally_read(&account->in).rows, 10);
	assert_int_equal(tally_read(&account->out).events, 30);
	ledger_close(ledger);
}

static void an_account_keeps_the_time_at_which_it_was_made(void **state)
{
	struct ledger *ledger = opened(path);
	struct account *account = ledger_account(ledger, ACCOUNT_ROUTE, "a > b");
	struct account read;
	int64_t begun_ns = account->begun_ns;

	assert_true(begun_ns > 0);
	assert_true(ledger_has_seen(ledger, account));
	ledger_close(ledger);
	ledger = opened(path);
	account_read(ledger_at(ledger, 0), &read);
	assert_int_equal(read.begun_ns, begun_ns);
	assert_false(ledger_has_seen(ledger, ledger_at(ledger, 0)));
	assert_int_equal(ledger_account(ledger, ACCOUNT_ROUTE, "a > b")->begun_ns, begun_ns);
	assert_true(ledger_has_seen(ledger, ledger_at(ledger, 0)));
	ledger_close(ledger);
}

static void counters_survive_that_the_process_is_killed(void **state)
{
	struct ledger *ledger;
	struct account *account;
	int status;
	pid_t child = fork();

	if (!child) {
		if (ledger_open(path, &ledger))
			_exit(1);
		account = ledger_account(ledger, ACCOUNT_INPUT, "calls");
		tally_add(&account->in, 7, 70);
		tally_add(&account->out, 7, 70);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	ledger = opened(path);
	account = ledger_account(ledger, ACCOUNT_INPUT, "calls");
	assert_int_equal(tally_read(&account->in).rows, 7);
	assert_int_equal(tally_read(&account->out).events, 70);
	ledger_close(ledger);
}

static void what_was_in_flight_is_booked_as_a_crash_at_the_next_open(void **state)
{
	struct ledger *ledger = opened(path);
	struct account *account = ledger_account(ledger, ACCOUNT_ROUTE, "a > b");

	tally_add(&account->in, 100, 1000);
	tally_add(&account->made, 5, 50);
	tally_add(&account->out, 60, 600);
	tally_add(&account->reduced[SONDE_FILTERED], 10, 100);
	tally_add(&account->lost[SONDE_LOST_QUEUE_FULL], 5, 50);
	ledger_close(ledger);
	ledger = opened(path);
	account = ledger_account(ledger, ACCOUNT_ROUTE, "a > b");
	assert_int_equal(tally_read(&account->lost[SONDE_LOST_CRASH]).rows, 30);
	assert_int_equal(tally_read(&account->lost[SONDE_LOST_CRASH]).events, 300);
	assert_int_equal(account_open(account).rows, 0);
	assert_int_equal(account_open(account).events, 0);
	assert_int_equal(ledger_lost_rows(ledger, SONDE_LOST_CRASH), 30);
	ledger_close(ledger);
}

static void an_account_that_a_kill_tore_closes_again(void **state)
{
	struct ledger *ledger = opened(path);
	struct account *account = ledger_account(ledger, ACCOUNT_PROCESSOR, "main / split");

	tally_add(&account->in, 10, 30);
	tally_add(&account->out, 25, 30); /* killed before what it made was booked */
	ledger_close(ledger);
	ledger = opened(path);
	account = ledger_account(ledger, ACCOUNT_PROCESSOR, "main / split");
	assert_int_equal(account_open(account).rows, 0);
	assert_int_equal(account_open(account).events, 0);
	assert_int_equal(tally_read(&account->made).rows, 15);
	assert_int_equal(ledger_lost_rows(ledger, SONDE_LOST_CRASH), 0);
	ledger_close(ledger);
}

static void every_open_is_a_new_epoch(void **state)
{
	for (uint64_t run = 1; run <= 3; run++) {
		struct ledger *ledger = opened(path);

		assert_int_equal(ledger_epoch(ledger), run);
		ledger_close(ledger);
	}
}

static void runs_that_were_counted_elsewhere_raise_the_epoch(void **state)
{
	struct ledger *ledger = opened(path);

	ledger_raise_epoch(ledger, 40);
	ledger_raise_epoch(ledger, 7);
	assert_int_equal(ledger_epoch(ledger), 40);
	ledger_close(ledger);
	ledger = opened(path);
	assert_int_equal(ledger_epoch(ledger), 41);
	ledger_close(ledger);
}

static void without_a_path_it_lives_in_memory_only(void **state)
{
	struct ledger *ledger = opened(NULL);

	tally_add(&ledger_account(ledger, ACCOUNT_INPUT, "calls")->in, 1, 1);
	assert_int_equal(ledger_epoch(ledger), 1);
	ledger_close(ledger);
	ledger = opened(NULL);
	assert_null(ledger_at(ledger, 0));
	ledger_close(ledger);
}

static void an_account_is_found_again_by_kind_and_name(void **state)
{
	struct ledger *ledger = opened(NULL);
	struct account *input = ledger_account(ledger, ACCOUNT_INPUT, "calls");

	assert_ptr_not_equal(ledger_account(ledger, ACCOUNT_KERNEL, "calls"), input);
	assert_ptr_not_equal(ledger_account(ledger, ACCOUNT_INPUT, "call"), input);
	assert_ptr_not_equal(ledger_account(ledger, ACCOUNT_INPUT, "calls2"), input);
	assert_ptr_equal(ledger_account(ledger, ACCOUNT_INPUT, "calls"), input);
	assert_ptr_equal(ledger_at(ledger, 0), input);
	assert_non_null(ledger_at(ledger, 3));
	assert_null(ledger_at(ledger, 4));
	ledger_close(ledger);
}

static void names_that_differ_in_their_last_character_stay_apart(void **state)
{
	struct ledger *ledger = opened(NULL);
	char one[128], other[128], names[2][300];

	/* Two names of 63 characters with the numbers of replicas. */
	memset(one, 'a', 63);
	memset(other, 'a', 63);
	one[63] = other[63] = '\0';
	other[62] = 'b';
	snprintf(names[0], sizeof(names[0]), "%s#255 > %s#254", one, one);
	snprintf(names[1], sizeof(names[1]), "%s#255 > %s#254", one, other);
	assert_ptr_not_equal(ledger_account(ledger, ACCOUNT_ROUTE, names[0]),
			     ledger_account(ledger, ACCOUNT_ROUTE, names[1]));
	ledger_close(ledger);
}

static void a_full_file_has_no_room_for_another_account_but_finds_the_old(void **state)
{
	struct ledger *ledger = opened(path);
	struct account *account = NULL;
	char name[32];

	for (uint32_t i = 0; i < ACCOUNT_LIMIT; i++) {
		snprintf(name, sizeof(name), "route %u", i);
		account = ledger_account(ledger, ACCOUNT_ROUTE, name);
		assert_non_null(account);
	}
	assert_null(ledger_account(ledger, ACCOUNT_ROUTE, "one more"));
	assert_ptr_equal(ledger_account(ledger, ACCOUNT_ROUTE, name), account);
	assert_null(ledger_at(ledger, ACCOUNT_LIMIT));
	tally_add(&account->in, 3, 3);
	ledger_close(ledger);
	ledger = opened(path);
	assert_int_equal(ledger_lost_rows(ledger, SONDE_LOST_CRASH), 3);
	ledger_close(ledger);
}

static void write_file(const void *data, size_t length, size_t total)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, data, length), length);
	assert_int_equal(ftruncate(fd, (off_t)total), 0);
	close(fd);
}

static void assert_refused_and_untouched(size_t total, int error)
{
	struct ledger *ledger = NULL;
	unsigned char *before = malloc(total), *after = malloc(total);
	int fd = open(path, O_RDONLY);
	struct stat status;

	assert_int_equal(read(fd, before, total), total);
	assert_int_equal(ledger_open(path, &ledger), error);
	assert_null(ledger);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_size, total);
	assert_int_equal(pread(fd, after, total, 0), total);
	assert_memory_equal(before, after, total);
	close(fd);
	free(before);
	free(after);
}

static void a_file_that_is_no_ledger_is_refused_and_left_as_it_is(void **state)
{
	write_file("precious notes", 14, 14);
	assert_refused_and_untouched(14, -EBADMSG);
}

static void a_foreign_file_of_the_same_size_is_refused_and_left_as_it_is(void **state)
{
	write_file("precious notes", 14, LEDGER_BYTES);
	assert_refused_and_untouched(LEDGER_BYTES, -EBADMSG);
}

/* Writes over a ledger that holds the account "calls" and, if it is to, another. */
static void damage(bool second, const void *data, size_t length, off_t offset)
{
	struct ledger *ledger = opened(path);
	int fd;

	ledger_account(ledger, ACCOUNT_INPUT, "calls");
	if (second)
		ledger_account(ledger, ACCOUNT_ROUTE, "calls > main");
	ledger_close(ledger);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, data, length, offset), length);
	close(fd);
}

static void a_ledger_of_another_version_is_refused_and_left_as_it_is(void **state)
{
	const uint32_t older = 0, newer = 2;

	damage(false, &newer, sizeof(newer), 8);
	assert_refused_and_untouched(LEDGER_BYTES, -EPROTONOSUPPORT);
	unlink(path);
	damage(false, &older, sizeof(older), 8);
	assert_refused_and_untouched(LEDGER_BYTES, -EPROTONOSUPPORT);
}

static void a_ledger_that_was_cut_is_refused_as_damaged(void **state)
{
	static const off_t lengths[] = { LEDGER_BYTES / 2, 1024, 1023, 8 };

	ledger_close(opened(path));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		assert_int_equal(truncate(path, lengths[i]), 0);
		assert_refused_and_untouched((size_t)lengths[i], -EUCLEAN);
	}
	assert_int_equal(truncate(path, 7), 0);
	assert_refused_and_untouched(7, -EBADMSG);
}

static void a_file_whose_making_was_cut_short_is_made_anew(void **state)
{
	struct ledger *ledger;

	write_file("", 0, LEDGER_BYTES); /* allocated, and then the machine went */
	ledger = opened(path);
	assert_int_equal(ledger_epoch(ledger), 1);
	ledger_close(ledger);
}

static void a_file_of_zeros_with_something_in_it_is_refused(void **state)
{
	write_file("", 0, LEDGER_BYTES);
	assert_int_equal(truncate(path, LEDGER_BYTES - 1), 0);
	FILE *file = fopen(path, "a");
	fputc('x', file);
	fclose(file);
	assert_refused_and_untouched(LEDGER_BYTES, -EBADMSG);
}

static void a_name_that_does_not_end_is_damage(void **state)
{
	unsigned char junk[224];

	memset(junk, 'x', sizeof(junk));
	damage(false, junk, sizeof(junk), 1024 + 8);
	assert_refused_and_untouched(LEDGER_BYTES, -EUCLEAN);
}

static void an_account_of_no_kind_or_name_or_with_turned_bits_is_damage(void **state)
{
	static const struct {
		uint64_t value;
		size_t length;
		off_t offset;
	} damages[] = {
		{ 5, 4, 1024 },                /* no such kind */
		{ 0, 1, 1024 + 8 },            /* no name */
		{ 7, 1, 1024 + 8 },            /* a bell in it */
		{ 1ull << 63, 8, 1024 + 232 }, /* rows that came in */
		{ 1ull << 63, 8, 1024 + 784 }, /* events of a loss */
		{ 1ull << 63, 8, 1024 + 792 }, /* rows that may be repeated */
		{ 1ull << 63, 8, 1024 + 808 }, /* when it was made */
		{ 1ull << 63, 8, 16 },         /* the epoch */
		{ 512, 4, 12 },                /* the size of an account */
		{ 0, 4, 1024 },                /* free, with another behind it */
		{ 3, 4, 24 },                  /* one more was made than is there */
	};

	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		unlink(path);
		damage(true, &damages[i].value, damages[i].length, damages[i].offset);
		assert_refused_and_untouched(LEDGER_BYTES, -EUCLEAN);
	}
}

static void what_lies_behind_the_last_account_is_no_account(void **state)
{
	struct account junk, *account;
	struct ledger *ledger;

	memset(&junk, 'x', sizeof(junk));
	damage(true, &junk, sizeof(junk), 3 * 1024);
	damage(true, &junk, sizeof(junk), 4 * 1024);
	ledger = opened(path);
	assert_null(ledger_at(ledger, 2));
	account = ledger_account(ledger, ACCOUNT_INPUT, "more");
	assert_ptr_equal(ledger_at(ledger, 2), account);
	assert_null(ledger_at(ledger, 3));
	assert_int_equal(account_open(account).rows, 0);
	assert_int_equal(tally_read(&account->lost[SONDE_LOST_CRASH]).rows, 0);
	assert_string_equal(account->name, "more");
	ledger_close(ledger);
	ledger = opened(path);
	assert_null(ledger_at(ledger, 3));
	ledger_close(ledger);
}

static void an_account_whose_making_was_cut_short_is_made_anew(void **state)
{
	struct ledger *ledger;

	damage(false, "calls > m", 9, 2 * 1024 + 8); /* a name, and no kind yet */
	ledger = opened(path);
	assert_null(ledger_at(ledger, 1));
	assert_string_equal(ledger_account(ledger, ACCOUNT_ROUTE, "a")->name, "a");
	ledger_close(ledger);
	ledger = opened(path);
	assert_non_null(ledger_at(ledger, 1));
	ledger_close(ledger);
}

static void an_account_that_was_made_and_not_told_is_there(void **state)
{
	const uint32_t told = 1;
	struct ledger *ledger;

	damage(true, &told, sizeof(told), 24);
	ledger = opened(path);
	assert_non_null(ledger_at(ledger, 1));
	ledger_close(ledger);
}

static void others_may_not_read_the_file(void **state)
{
	struct stat status;

	ledger_close(opened(path));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0007, 0);
	assert_int_equal(status.st_mode & 0020, 0);
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
	struct ledger *ledger = NULL;

	assert_int_equal(ledger_open("/nowhere/at/all/ledger", &ledger), -ENOENT);
	assert_int_equal(ledger_open(directory, &ledger), -EISDIR);
	assert_null(ledger);
}

static void *add_many(void *data)
{
	for (int i = 0; i < 100000; i++)
		tally_add(data, 1, 3);
	return NULL;
}

static void no_addition_is_lost_between_threads(void **state)
{
	struct ledger *ledger = opened(NULL);
	struct account *account = ledger_account(ledger, ACCOUNT_INPUT, "calls");
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, &account->in), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(tally_read(&account->in).rows, 200000);
	assert_int_equal(tally_read(&account->in).events, 600000);
	ledger_close(ledger);
}

static void every_reason_of_the_header_has_a_name_and_no_other_has(void **state)
{
	for (uint32_t i = 0; i < SONDE_LOSS_COUNT + 1; i++)
		assert_int_equal(!strcmp(loss_name(i), "other"), i > SONDE_LOST_EXPIRED);
	for (uint32_t i = 0; i < SONDE_REDUCTION_COUNT + 1; i++)
		assert_int_equal(!strcmp(reduction_name(i), "other"), i > SONDE_REPLAYED);
}

int main(void)
{
#define with_file(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		with_file(counters_survive_that_the_file_is_closed),
		with_file(an_account_keeps_the_time_at_which_it_was_made),
		with_file(counters_survive_that_the_process_is_killed),
		with_file(what_was_in_flight_is_booked_as_a_crash_at_the_next_open),
		with_file(an_account_that_a_kill_tore_closes_again),
		with_file(every_open_is_a_new_epoch),
		with_file(runs_that_were_counted_elsewhere_raise_the_epoch),
		cmocka_unit_test(without_a_path_it_lives_in_memory_only),
		cmocka_unit_test(an_account_is_found_again_by_kind_and_name),
		cmocka_unit_test(names_that_differ_in_their_last_character_stay_apart),
		with_file(a_full_file_has_no_room_for_another_account_but_finds_the_old),
		with_file(a_file_that_is_no_ledger_is_refused_and_left_as_it_is),
		with_file(a_foreign_file_of_the_same_size_is_refused_and_left_as_it_is),
		with_file(a_ledger_of_another_version_is_refused_and_left_as_it_is),
		with_file(a_ledger_that_was_cut_is_refused_as_damaged),
		with_file(a_file_whose_making_was_cut_short_is_made_anew),
		with_file(a_file_of_zeros_with_something_in_it_is_refused),
		with_file(a_name_that_does_not_end_is_damage),
		with_file(an_account_of_no_kind_or_name_or_with_turned_bits_is_damage),
		with_file(what_lies_behind_the_last_account_is_no_account),
		with_file(an_account_whose_making_was_cut_short_is_made_anew),
		with_file(an_account_that_was_made_and_not_told_is_there),
		with_file(others_may_not_read_the_file),
		with_file(a_directory_that_is_not_there_is_an_error),
		cmocka_unit_test(no_addition_is_lost_between_threads),
		cmocka_unit_test(every_reason_of_the_header_has_a_name_and_no_other_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
