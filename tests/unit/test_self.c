// SPDX-License-Identifier: Apache-2.0
/* The rows of the input `self`, of a daemon that the test makes up. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <sonde/test.h>
#include "../../plugins/input/self/self.h"

static struct sonde_test *started(const char *parts)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, parts, "interval=1s", NULL);
	struct sonde_process process = { .host_id = "0123abcd",
					 .epoch = 7,
					 .started_ns = 5,
					 .limit_bytes = UINT64_MAX,
					 .user_ns = 1500000000,
					 .system_ns = 500000000 };

	assert_non_null(test);
	sonde_test_tell_process(test, &process);
	assert_int_equal(sonde_test_start(test), 0);
	return test;
}

static void read_once(struct sonde_test *test)
{
	sonde_test_forget(test, SONDE_DONE, NULL);
	assert_int_equal(sonde_test_advance(test, SONDE_TEST_SECOND), 1);
}

/* The first row of which the columns have these texts, as NAME, TEXT pairs up to NULL; UINT32_MAX:
 * there is none. */
static uint32_t find(struct sonde_test *test, const char *schema, ...)
{
	for (uint32_t row = 0; row < sonde_test_row_count(test); row++) {
		bool is_it = !strcmp(sonde_test_schema(test, row), schema);
		const char *column;
		va_list pairs;

		va_start(pairs, schema);
		while (is_it && (column = va_arg(pairs, const char *))) {
			const char *text = va_arg(pairs, const char *);

			is_it = sonde_test_has(test, row, column) &&
				!strcmp(sonde_test_text(test, row, column), text);
		}
		va_end(pairs);
		if (is_it)
			return row;
	}
	return UINT32_MAX;
}

/* ---- ledger ------------------------------------------------------------------------------ */

static struct sonde_account an_account(void)
{
	struct sonde_account account = { .kind = SONDE_ACCOUNT_ROUTE,
					 .name = "calls#1 > main#0",
					 .begun_ns = 1234,
					 .seen = 1,
					 .in = { 100, 1000 },
					 .out = { 60, 600 },
					 .in_flight = { 5, 50 } };

	account.lost[SONDE_LOST_QUEUE_FULL] = (struct sonde_amount){ 30, 300 };
	account.reduced[SONDE_SAMPLED] = (struct sonde_amount){ 5, 50 };
	return account;
}

static void an_account_is_a_row_for_each_outcome_and_reason(void **state)
{
	struct sonde_test *test = started("parts=ledger");
	struct sonde_account account = an_account();
	uint32_t row;

	sonde_test_tell_account(test, &account);
	read_once(test);
	assert_int_equal(sonde_test_row_count(test), 5);
	row = find(test, "sonde.ledger", "sonde.outcome", "lost", NULL);
	assert_string_equal(sonde_test_text(test, row, "sonde.reason"), "queue full");
	assert_int_equal(sonde_test_integer(test, row, "sonde.rows"), 30);
	assert_int_equal(sonde_test_integer(test, row, "sonde.events"), 300);
	assert_false(sonde_test_has(test, row, "sonde.in_flight.rows"));
	assert_int_equal(sonde_test_integer(test, row, "start_time"), 1234);
	assert_string_equal(sonde_test_text(test, row, "sonde.account.kind"), "route");
	assert_string_equal(sonde_test_text(test, row, "sonde.account.name"), "calls#1 > main#0");
	assert_string_equal(sonde_test_text(test, row, "sonde.component.id"), "main");
	assert_string_equal(sonde_test_text(test, row, "service.name"), "sonde");
	assert_string_equal(sonde_test_text(test, row, "service.instance.id"), "0123abcd");
	row = find(test, "sonde.ledger", "sonde.outcome", "in", NULL);
	assert_false(sonde_test_has(test, row, "sonde.reason"));
	assert_int_equal(sonde_test_integer(test, row, "sonde.rows"), 100);
	row = find(test, "sonde.ledger", "sonde.outcome", "reduced", "sonde.reason", "sampled",
		   NULL);
	assert_int_equal(sonde_test_integer(test, row, "sonde.rows"), 5);
	sonde_test_release(test);
}

static void what_is_in_flight_has_a_row_without_an_outcome(void **state)
{
	struct sonde_test *test = started("parts=ledger");
	struct sonde_account account = an_account();
	uint32_t row = 0;

	sonde_test_tell_account(test, &account);
	read_once(test);
	while (sonde_test_has(test, row, "sonde.outcome"))
		row++;
	assert_int_equal(sonde_test_integer(test, row, "sonde.in_flight.rows"), 5);
	assert_int_equal(sonde_test_integer(test, row, "sonde.in_flight.events"), 50);
	assert_false(sonde_test_has(test, row, "sonde.rows"));
	assert_false(sonde_test_has(test, row, "sonde.events"));
	sonde_test_release(test);
}

/* The rows of one account and one time add up, whatever happened. */
static void the_rows_of_an_account_close(void **state)
{
	struct sonde_test *test = started("parts=ledger");
	struct sonde_account account = an_account();
	int64_t sum = 0;

	sonde_test_tell_account(test, &account);
	read_once(test);
	for (uint32_t row = 0; row < sonde_test_row_count(test); row++) {
		const char *outcome = sonde_test_has(test, row, "sonde.outcome")
					      ? sonde_test_text(test, row, "sonde.outcome")
					      : "";

		if (!*outcome)
			sum -= sonde_test_integer(test, row, "sonde.in_flight.rows");
		else if (!strcmp(outcome, "in") || !strcmp(outcome, "made"))
			sum += sonde_test_integer(test, row, "sonde.rows");
		else
			sum -= sonde_test_integer(test, row, "sonde.rows");
	}
	assert_int_equal(sum, 0);
	sonde_test_release(test);
}

static void a_start_that_is_not_known_is_none(void **state)
{
	struct sonde_test *test = started("parts=ledger");
	struct sonde_account account = an_account();

	account.begun_ns = 0;
	sonde_test_tell_account(test, &account);
	read_once(test);
	assert_false(sonde_test_has(test, 0, "start_time"));
	account.begun_ns = INT64_MAX; /* the clock was stepped back since */
	sonde_test_tell_account(test, &account);
	read_once(test);
	assert_int_equal(sonde_test_integer(test, 0, "start_time"),
			 sonde_test_integer(test, 0, "time"));
	sonde_test_release(test);
}

static void accounts_of_former_runs_are_told_once(void **state)
{
	struct sonde_test *test = started("parts=ledger");
	struct sonde_account account = an_account();

	account.seen = 0;
	sonde_test_tell_account(test, &account);
	read_once(test);
	assert_int_equal(sonde_test_row_count(test), 5);
	read_once(test);
	assert_int_equal(sonde_test_row_count(test), 0);
	account.seen = 1; /* a reload brought it back */
	sonde_test_tell_account(test, &account);
	read_once(test);
	assert_int_equal(sonde_test_row_count(test), 5);
	sonde_test_release(test);
}

static void assert_component(const char *account, const char *component)
{
	struct sonde_text text = account_component(account);

	assert_int_equal(text.length, strlen(component));
	assert_memory_equal(text.data, component, text.length);
}

static void an_account_belongs_to_who_takes_from_it(void **state)
{
	assert_component("calls", "calls");
	assert_component("calls#3", "calls");
	assert_component("calls > main", "main");
	assert_component("calls#1 > main#12", "main");
	assert_component("main / who", "who");
	assert_component("main / who#2", "who");
	assert_component("(retired)", "(retired)");
}

/* ---- health ------------------------------------------------------------------------------ */

static void the_process_is_one_row(void **state)
{
	struct sonde_test *test = started("parts=health");
	uint32_t row;

	read_once(test);
	assert_int_equal(sonde_test_row_count(test), 1);
	row = find(test, "sonde.health", NULL);
	assert_true(sonde_test_number(test, row, "process.cpu.time") == 2.0);
	assert_int_equal(sonde_test_integer(test, row, "start_time"), 5);
	assert_int_equal(sonde_test_integer(test, row, "sonde.run"), 7);
	assert_false(sonde_test_has(test, row, "sonde.memory.limit"));
	sonde_test_release(test);
}

static void a_state_that_was_left_goes_on_as_0(void **state)
{
	struct sonde_test *test = started("parts=health");
	struct sonde_health health = { .id = 3,
				       .kind = SONDE_OUTPUT,
				       .name = "out",
				       .plugin = "null",
				       .retry_count = 4,
				       .state = SONDE_STATE_DEGRADED };
	uint32_t row;

	sonde_test_tell_health(test, &health);
	read_once(test);
	assert_int_equal(find(test, "sonde.health.state", "sonde.state", "running", NULL),
			 UINT32_MAX);
	health.state = SONDE_STATE_RUNNING;
	sonde_test_tell_health(test, &health);
	for (int again = 0; again < 2; again++) {
		read_once(test);
		row = find(test, "sonde.health.state", "sonde.state", "running", NULL);
		assert_int_equal(sonde_test_integer(test, row, "sonde.component.state"), 1);
		row = find(test, "sonde.health.state", "sonde.state", "degraded", NULL);
		assert_int_equal(sonde_test_integer(test, row, "sonde.component.state"), 0);
	}
	row = find(test, "sonde.health.instance", "sonde.component.id", "out", NULL);
	assert_int_equal(sonde_test_integer(test, row, "sonde.component.retries"), 4);
	sonde_test_release(test);
}

/* Another may have its name already. */
static void one_that_leaves_says_no_more_than_that(void **state)
{
	struct sonde_test *test = started("parts=health");
	struct sonde_health health = {
		.id = 3, .kind = SONDE_INPUT, .name = "calls", .state = SONDE_STATE_RUNNING
	};

	sonde_test_tell_health(test, &health);
	read_once(test);
	assert_int_not_equal(find(test, "sonde.health.instance", NULL), UINT32_MAX);
	assert_false(sonde_test_has(test, find(test, "sonde.health.instance", NULL),
				    "sonde.component.retries"));
	health.state = SONDE_STATE_LEAVING;
	sonde_test_tell_health(test, &health);
	read_once(test);
	assert_int_equal(sonde_test_row_count(test), 2);
	assert_int_not_equal(find(test, "sonde.health.state", "sonde.state", "leaving", NULL),
			     UINT32_MAX);
	sonde_test_release(test);
}

static void queues_that_there_are_now_have_rows(void **state)
{
	struct sonde_test *test = started("parts=health");
	struct sonde_account account = an_account();

	sonde_test_tell_account(test, &account);
	read_once(test);
	assert_int_equal(find(test, "sonde.health.queue", NULL), UINT32_MAX);
	account.queue_count = 1;
	account.queue_limit_bytes = 4096;
	account.queue_rows = 9;
	sonde_test_tell_account(test, &account);
	read_once(test);
	assert_int_equal(sonde_test_integer(test, find(test, "sonde.health.queue", NULL),
					    "sonde.queue.limit"),
			 4096);
	assert_int_equal(sonde_test_integer(test, find(test, "sonde.health.queue", NULL),
					    "sonde.queue.rows"),
			 9);
	sonde_test_release(test);
}

/* ---- records ----------------------------------------------------------------------------- */

static void say(struct sonde_test *test, enum sonde_level level, const char *message,
		uint64_t missed)
{
	struct sonde_record record = { .level = level,
				       .time_ns = 77,
				       .instance = "calls",
				       .message = message,
				       .missed = missed };

	sonde_test_tell_record(test, SONDE_RECORD_LOG, &record);
}

static void a_line_of_the_log_is_a_row_once(void **state)
{
	struct sonde_test *test = started("parts=log");
	uint32_t row;

	say(test, SONDE_WARNING, "the ring is full", 0);
	read_once(test);
	assert_int_equal(sonde_test_row_count(test), 1);
	row = find(test, "sonde.log", NULL);
	assert_string_equal(sonde_test_text(test, row, "body"), "the ring is full");
	assert_int_equal(sonde_test_integer(test, row, "severity"), 13);
	assert_string_equal(sonde_test_text(test, row, "severity_text"), "warning");
	assert_string_equal(sonde_test_text(test, row, "sonde.component.id"), "calls");
	assert_int_equal(sonde_test_integer(test, row, "time"), 77);
	assert_int_equal(sonde_test_integer(test, row, "sonde.run"), 7);
	assert_int_equal(sonde_test_integer(test, row, "sonde.record"), 1);
	read_once(test);
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_release(test);
}

static void lines_above_the_level_are_left_out(void **state)
{
	struct sonde_test *test = started("parts=log");

	say(test, SONDE_DEBUG, "detail", 0);
	say(test, SONDE_INFO, "fact", 0);
	read_once(test);
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_set(test, "level", "error"), 0);
	say(test, SONDE_WARNING, "trouble", 0);
	say(test, SONDE_ERROR, "failure", 0);
	read_once(test);
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_string_equal(sonde_test_text(test, 0, "body"), "failure");
	sonde_test_release(test);
}

static void what_came_faster_than_it_was_read_is_counted_and_lost(void **state)
{
	struct sonde_test *test = started("parts=log");

	say(test, SONDE_INFO, "after a gap", 40);
	read_once(test);
	assert_int_equal(sonde_test_counter(test, "missed"), 40);
	assert_int_equal(sonde_test_account(test).lost[SONDE_LOST_QUEUE_FULL], 40);
	sonde_test_release(test);
}

static void a_decision_has_the_name_of_an_event(void **state)
{
	struct sonde_test *test = started("parts=decisions");
	struct sonde_record record = { .level = SONDE_INFO,
				       .time_ns = 77,
				       .instance = "calls",
				       .message = "rate is set to 5",
				       .event = "knob.set",
				       .actor = "user",
				       .knob = "rate",
				       .before = "10",
				       .after = "5",
				       .for_ns = 60000000000 };

	sonde_test_tell_record(test, SONDE_RECORD_DECISION, &record);
	record = (struct sonde_record){ .event = "reload", .message = "done" };
	sonde_test_tell_record(test, SONDE_RECORD_DECISION, &record);
	read_once(test);
	assert_int_equal(sonde_test_row_count(test), 2);
	assert_string_equal(sonde_test_text(test, 0, "event_name"), "sonde.knob.set");
	assert_string_equal(sonde_test_text(test, 0, "sonde.actor"), "user");
	assert_string_equal(sonde_test_text(test, 0, "sonde.knob"), "rate");
	assert_string_equal(sonde_test_text(test, 0, "sonde.before"), "10");
	assert_string_equal(sonde_test_text(test, 0, "sonde.after"), "5");
	assert_int_equal(sonde_test_integer(test, 0, "sonde.duration"), 60000000000);
	assert_false(sonde_test_has(test, 1, "sonde.knob"));
	assert_false(sonde_test_has(test, 1, "sonde.duration"));
	assert_false(sonde_test_has(test, 1, "sonde.component.id"));
	sonde_test_release(test);
}

/* ---- life -------------------------------------------------------------------------------- */

static void only_the_parts_that_are_asked_for_are_read(void **state)
{
	struct sonde_test *test = started("parts=decisions");
	struct sonde_account account = an_account();

	sonde_test_tell_account(test, &account);
	say(test, SONDE_ERROR, "unheard", 0);
	read_once(test);
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_release(test);
}

static void a_part_that_there_is_not_is_refused(void **state)
{
	assert_null(sonde_test_create(sonde_plugin, "parts=ledgers", NULL));
	assert_non_null(strstr(sonde_test_error(), "did you mean \"ledger\""));
	assert_null(sonde_test_create(sonde_plugin, "parts=", NULL));
	assert_non_null(strstr(sonde_test_error(), "nothing to read"));
}

static void the_end_reads_once_more(void **state)
{
	struct sonde_test *test = started("parts=log");

	say(test, SONDE_INFO, "ending", 0);
	assert_true(sonde_test_drain(test));
	assert_int_equal(sonde_test_row_count(test), 1);
	sonde_test_release(test);
}

static void refused_memory_loses_rows_and_says_so(void **state)
{
	uint32_t n = 1;
	bool came;

	do {
		struct sonde_test *test = started("parts=ledger, health, log");
		struct sonde_account account = an_account();
		struct sonde_health health = { .id = 1, .name = "calls" };
		struct sonde_test_account books;

		account.queue_count = 1;
		sonde_test_tell_account(test, &account);
		sonde_test_tell_health(test, &health);
		say(test, SONDE_INFO, "heard", 0);
		sonde_test_refuse_memory(test, n++);
		read_once(test);
		came = sonde_test_refuse_memory(test, 0);
		books = sonde_test_account(test);
		assert_int_equal(books.in, books.out + books.lost[SONDE_LOST_MEMORY]);
		sonde_test_release(test);
	} while (came);
	assert_true(n > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_account_is_a_row_for_each_outcome_and_reason),
		cmocka_unit_test(what_is_in_flight_has_a_row_without_an_outcome),
		cmocka_unit_test(the_rows_of_an_account_close),
		cmocka_unit_test(a_start_that_is_not_known_is_none),
		cmocka_unit_test(accounts_of_former_runs_are_told_once),
		cmocka_unit_test(an_account_belongs_to_who_takes_from_it),
		cmocka_unit_test(the_process_is_one_row),
		cmocka_unit_test(a_state_that_was_left_goes_on_as_0),
		cmocka_unit_test(one_that_leaves_says_no_more_than_that),
		cmocka_unit_test(queues_that_there_are_now_have_rows),
		cmocka_unit_test(a_line_of_the_log_is_a_row_once),
		cmocka_unit_test(lines_above_the_level_are_left_out),
		cmocka_unit_test(what_came_faster_than_it_was_read_is_counted_and_lost),
		cmocka_unit_test(a_decision_has_the_name_of_an_event),
		cmocka_unit_test(only_the_parts_that_are_asked_for_are_read),
		cmocka_unit_test(a_part_that_there_is_not_is_refused),
		cmocka_unit_test(the_end_reads_once_more),
		cmocka_unit_test(refused_memory_loses_rows_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
