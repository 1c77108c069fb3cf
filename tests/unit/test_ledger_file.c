// SPDX-License-Identifier: Apache-2.0
/* What core/ledger_file.h promises of accounts of former configs; what it refuses is in
 * test_ledger.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "ledger_file.h"

static char directory[32], path[64];

static int set_up(void **state)
{
	strcpy(directory, "/tmp/sonde-ledger-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/ledger", directory);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	return rmdir(directory); /* nothing else was left in it */
}

static struct ledger *opened(void)
{
	struct ledger *ledger = NULL;

	assert_int_equal(ledger_open(path, &ledger), 0);
	ledger_book_open(ledger, SONDE_LOST_CRASH); /* as a daemon does that starts */
	return ledger;
}

/* A run that uses accounts NAME 0 to count - 1, each of which takes in one row more than the one
 * before and has lost one of them. */
static void run(const char *name, enum account_kind kind, uint32_t count)
{
	struct ledger *ledger = opened();
	char numbered[64];

	for (uint32_t i = 0; i < count; i++) {
		struct account *account;

		snprintf(numbered, sizeof(numbered), "%s %u", name, i);
		account = ledger_account(ledger, kind, numbered);
		assert_non_null(account);
		tally_add(&account->in, i + 1, 2 * (i + 1));
		tally_add(&account->out, i, 2 * i);
		tally_add(&account->lost[SONDE_LOST_REJECTED], 1, 2);
	}
	ledger_close(ledger);
}

static uint32_t account_count(struct ledger *ledger)
{
	uint32_t count = 0;

	while (ledger_at(ledger, count))
		count++;
	return count;
}

static struct tally rows_in(struct ledger *ledger)
{
	struct tally sum = { 0 };

	for (uint32_t i = 0; ledger_at(ledger, i); i++) {
		sum.rows += tally_read(&ledger_at(ledger, i)->in).rows;
		sum.events += tally_read(&ledger_at(ledger, i)->in).events;
	}
	return sum;
}

static bool holds(struct ledger *ledger, const char *name)
{
	for (uint32_t i = 0; ledger_at(ledger, i); i++) {
		if (!strcmp(ledger_at(ledger, i)->name, name))
			return true;
	}
	return false;
}

static void with_room_to_spare_nothing_is_retired(void **state)
{
	struct ledger *ledger;

	run("former", ACCOUNT_ROUTE, 500);
	run("now", ACCOUNT_ROUTE, 11);
	run("now", ACCOUNT_ROUTE, 11);
	ledger = opened();
	assert_int_equal(account_count(ledger), LEDGER_ACCOUNTS_KEPT);
	assert_true(holds(ledger, "former 0"));
	assert_false(holds(ledger, LEDGER_RETIRED));
	ledger_close(ledger);
}

static void accounts_of_former_configs_are_added_up_and_nothing_is_missing(void **state)
{
	struct ledger *ledger;
	struct account *retired;
	struct tally before, after;

	run("former", ACCOUNT_ROUTE, 900);
	run("now", ACCOUNT_ROUTE, 100);
	ledger = opened();
	after = rows_in(ledger);
	before.rows = 900 * 901 / 2 + 100 * 101 / 2;
	assert_int_equal(after.rows, before.rows);
	assert_int_equal(after.events, 2 * before.rows);
	assert_int_equal(account_count(ledger), LEDGER_ACCOUNTS_KEPT);
	assert_int_equal(ledger_lost_rows(ledger, SONDE_LOST_REJECTED), 1000);
	assert_int_equal(ledger_lost_rows(ledger, SONDE_LOST_CRASH), 0);
	retired = ledger_account(ledger, ACCOUNT_ROUTE, LEDGER_RETIRED);
	assert_int_equal(account_open(retired).rows, 0);
	assert_int_equal(account_open(retired).events, 0);
	assert_int_equal(account_count(ledger), LEDGER_ACCOUNTS_KEPT);
	for (uint32_t i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "now %u", i);
		assert_true(holds(ledger, name));
	}
	ledger_close(ledger);
}

static void a_sum_of_retired_accounts_counts_since_the_oldest_of_them(void **state)
{
	int64_t oldest_ns = INT64_MAX;
	struct ledger *ledger;

	run("former", ACCOUNT_ROUTE, 900);
	ledger = opened();
	assert_int_equal(ledger_retired_count(ledger), 0);
	for (uint32_t i = 0; ledger_at(ledger, i); i++) {
		if (ledger_at(ledger, i)->begun_ns < oldest_ns)
			oldest_ns = ledger_at(ledger, i)->begun_ns;
	}
	ledger_close(ledger);
	run("now", ACCOUNT_ROUTE, 100);
	ledger = opened();
	assert_int_equal(ledger_retired_count(ledger), 100); /* the run before made room for them */
	assert_int_equal(ledger_account(ledger, ACCOUNT_ROUTE, LEDGER_RETIRED)->begun_ns,
			 oldest_ns);
	ledger_close(ledger);
}

static void those_that_were_not_used_for_longest_go_first(void **state)
{
	struct ledger *ledger;

	run("old", ACCOUNT_ROUTE, 200);
	run("older", ACCOUNT_ROUTE, 200);
	run("old", ACCOUNT_ROUTE, 200); /* again */
	run("now", ACCOUNT_ROUTE, 200);
	ledger = opened();
	assert_int_equal(account_count(ledger), LEDGER_ACCOUNTS_KEPT);
	assert_false(holds(ledger, "older 0"));
	assert_true(holds(ledger, "older 199"));
	assert_true(holds(ledger, "old 0"));
	assert_true(holds(ledger, "now 0"));
	ledger_close(ledger);
}

static void each_kind_has_a_sum_of_its_own(void **state)
{
	struct ledger *ledger;
	uint32_t sums = 0;

	run("calls", ACCOUNT_INPUT, 300);
	run("who", ACCOUNT_PROCESSOR, 300);
	run("now", ACCOUNT_ROUTE, 420);
	ledger = opened();
	for (uint32_t i = 0; ledger_at(ledger, i); i++) {
		const struct account *account = ledger_at(ledger, i);

		if (strcmp(account->name, LEDGER_RETIRED))
			continue;
		sums++;
		assert_true(account->kind == ACCOUNT_INPUT || account->kind == ACCOUNT_PROCESSOR);
	}
	assert_int_equal(sums, 2);
	assert_int_equal(rows_in(ledger).rows, 300 * 301 + 420 * 421 / 2);
	ledger_close(ledger);
}

static void what_was_in_flight_in_a_retired_account_is_booked_as_a_crash(void **state)
{
	struct ledger *ledger = opened();

	tally_add(&ledger_account(ledger, ACCOUNT_ROUTE, "a > b")->in, 17, 170);
	ledger_close(ledger);
	run("former", ACCOUNT_ROUTE, 600);
	run("now", ACCOUNT_ROUTE, 400);
	ledger = opened();
	assert_false(holds(ledger, "a > b"));
	assert_int_equal(ledger_lost_rows(ledger, SONDE_LOST_CRASH), 17);
	ledger_close(ledger);
}

static void accounts_of_the_last_run_are_never_retired(void **state)
{
	struct ledger *ledger;
	struct stat before, after;

	run("now", ACCOUNT_ROUTE, LEDGER_ACCOUNTS);
	assert_int_equal(stat(path, &before), 0);
	ledger = opened();
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino); /* no file was written for it */
	assert_int_equal(account_count(ledger), LEDGER_ACCOUNTS);
	assert_null(ledger_account(ledger, ACCOUNT_ROUTE, "other"));
	assert_true(holds(ledger, "now 0"));
	ledger_close(ledger);
}

static void a_config_that_had_no_room_has_it_at_the_next_run(void **state)
{
	struct ledger *ledger;

	run("former", ACCOUNT_ROUTE, LEDGER_ACCOUNTS);
	ledger_close(opened()); /* a run that could not start: it used nothing */
	ledger = opened();
	assert_int_equal(account_count(ledger), LEDGER_ACCOUNTS_KEPT);
	ledger_close(ledger);
}

static void the_file_is_for_the_same_people_as_before(void **state)
{
	struct stat status;

	run("former", ACCOUNT_ROUTE, 600);
	run("now", ACCOUNT_ROUTE, 1);
	ledger_close(opened());
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0027, 0);
}

int main(void)
{
#define with_file(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		with_file(with_room_to_spare_nothing_is_retired),
		with_file(a_sum_of_retired_accounts_counts_since_the_oldest_of_them),
		with_file(accounts_of_former_configs_are_added_up_and_nothing_is_missing),
		with_file(those_that_were_not_used_for_longest_go_first),
		with_file(each_kind_has_a_sum_of_its_own),
		with_file(what_was_in_flight_in_a_retired_account_is_booked_as_a_crash),
		with_file(accounts_of_the_last_run_are_never_retired),
		with_file(a_config_that_had_no_room_has_it_at_the_next_run),
		with_file(the_file_is_for_the_same_people_as_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
