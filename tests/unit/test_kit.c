// SPDX-License-Identifier: Apache-2.0
/* What sonde/test.h promises of an input: its options, its life, its rows. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "kit_probe.h"
#include <cmocka.h> /* last: its macro fail() is a service of the host */

/* ---- options ----------------------------------------------------------------------------- */

static void options_are_read_as_texts_and_have_their_defaults(void **state)
{
	struct sonde_test *test =
		sonde_test_create(sonde_plugin, "name=the probe", "mode=wild", "count=3", NULL);
	struct probe *probe = sonde_test_instance(test)->self;

	assert_string_equal(sonde_test_error(), "");
	assert_string_equal(probe->name, "the probe");
	assert_int_equal(probe->mode, 1);
	assert_int_equal(probe->count, 3);
	assert_int_equal(probe->interval_ns, SONDE_TEST_SECOND);
	assert_string_equal(sonde_test_instance(test)->name, "probe");
	assert_string_equal(sonde_test_log(test), "note: probe: 3 rows a tick\n");
	sonde_test_release(test);
}

static void assert_refused(const char *option, const char *error)
{
	assert_null(sonde_test_create(sonde_plugin, "name=one", option, NULL));
	assert_string_equal(sonde_test_error(), error);
}

static void wrong_options_are_refused_in_the_words_of_the_daemon(void **state)
{
	assert_refused("intervall=1s",
		       "inputs.probe.intervall: unknown key (did you mean \"interval\"?)");
	assert_refused("interval=5 lightyears",
		       "inputs.probe.interval: \"5 lightyears\" is not a duration (try \"1s\")");
	assert_null(sonde_test_create(sonde_plugin, NULL));
	assert_string_equal(sonde_test_error(), "inputs.probe: name is missing: it is required");
	assert_null(sonde_test_create(sonde_plugin, "name=one", "mode=wild", "count=6", NULL));
	assert_string_equal(sonde_test_error(),
			    "inputs.probe.count: at most 5 where the mode is \"wild\"");
}

static const struct sonde_plugin *broken_plugin(const struct sonde_host *host)
{
	static struct sonde_plugin broken;

	broken = *sonde_plugin(host);
	broken.self_size = 8; /* the tables reach past it */
	return &broken;
}

static void groups_are_written_as_in_a_config(void **state)
{
	struct sonde_test *test = sonde_test_create(
		sonde_plugin, "name=one",
		"friends=( { name = \"Ann\"; age = 9; }, { name = \"Bob\"; } )", NULL);
	const struct probe *probe = sonde_test_instance(test)->self;
	const struct friend *friends = probe->friends.items;

	assert_int_equal(probe->friends.count, 2);
	assert_string_equal(friends[0].name, "Ann");
	assert_int_equal(friends[0].age, 9);
	assert_string_equal(friends[1].name, "Bob");
	assert_int_equal(friends[1].age, 7);
	sonde_test_release(test);

	assert_refused("friends=( { age = 1; } )",
		       "inputs.probe.friends[0]: name is missing: it is required");
	assert_refused("friends=( { name = \"Ann\"; aged = 1; } )",
		       "inputs.probe.friends[0].aged: unknown key (did you mean \"age\"?)");
	assert_refused("friends=( {", "inputs.probe.friends: syntax error: ( {");
}

static void a_broken_descriptor_is_refused(void **state)
{
	assert_null(sonde_test_create(broken_plugin, NULL));
	assert_non_null(strstr(sonde_test_error(), "past the struct"));
}

static void a_knob_is_set_as_by_a_user_and_put_back_if_it_is_refused(void **state)
{
	struct sonde_test *test = started(NULL);
	struct probe *probe = sonde_test_instance(test)->self;

	assert_int_equal(sonde_test_set(test, "interval", "3s"), 0);
	assert_int_equal(probe->interval_ns, 3 * SONDE_TEST_SECOND);
	assert_true(sonde_test_set(test, "interval", "13s") < 0);
	assert_non_null(strstr(sonde_test_error(), "13 s brings bad luck"));
	assert_int_equal(probe->interval_ns, 3 * SONDE_TEST_SECOND);
	assert_true(sonde_test_set(test, "count", "2") < 0);
	assert_string_equal(sonde_test_error(), "probe.count cannot change while running");
	sonde_test_release(test);
}

static void replicas_know_which_they_are(void **state)
{
	const char *const options[] = { "name=one", NULL };
	struct sonde_test *test = sonde_test_create_replica(sonde_plugin, 2, 5, options);

	assert_int_equal(sonde_test_instance(test)->replica, 2);
	assert_int_equal(sonde_test_instance(test)->replica_count, 5);
	sonde_test_release(test);
}

static void a_plugin_is_loaded_from_its_file(void **state)
{
	char path[1024];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 64);
	struct sonde_test *test;

	assert_true(length > 0);
	path[length] = '\0';
	strcpy(strrchr(path, '/'), "/../../plugins/null.so");
	test = sonde_test_load(path, NULL);
	if (!test)
		fail_msg("%s", sonde_test_error());
	assert_int_equal(sonde_test_start(test), 0);
	sonde_test_write(test, sonde_test_table(test, "some", "a:u8", "1", NULL));
	assert_int_equal(sonde_test_outcome(test, 1, 0)->verdict, SONDE_DONE);
	sonde_test_release(test);
	assert_null(sonde_test_load("/nowhere/x.so", NULL));
	assert_non_null(strstr(sonde_test_error(), "/nowhere"));
}

/* ---- a life ------------------------------------------------------------------------------ */

static void a_start_that_fails_is_tried_again_by_the_clock(void **state)
{
	struct sonde_test *test = sonde_test_create(sonde_plugin, "name=one", NULL);

	memset(&seen, 0, sizeof(seen));
	seen.start_error = EACCES;
	assert_int_equal(sonde_test_start(test), -EACCES);
	assert_int_equal(seen.stop_count, 1);
	assert_true(sonde_test_logged(test, "error: cannot start: Permission denied\n"));
	assert_string_equal(sonde_test_degraded(test), "cannot start: Permission denied");
	sonde_test_advance(test, SONDE_TEST_SECOND); /* after 1 s, and after 2 s more */
	assert_int_equal(seen.stop_count, 2);
	seen.start_error = 0;
	sonde_test_advance(test, 2 * SONDE_TEST_SECOND - 1);
	assert_non_null(sonde_test_degraded(test));
	sonde_test_advance(test, 1);
	assert_null(sonde_test_degraded(test));
	sonde_test_release(test);
	assert_int_equal(seen.stop_count, 3);
}

static void an_input_drains_now_or_later_and_is_quiet_then(void **state)
{
	struct sonde_test *test = started(NULL);

	seen.drain_later = true;
	assert_false(sonde_test_drain(test));
	sonde_drained(sonde_test_instance(test));
	assert_true(sonde_test_is_drained(test));
	assert_int_equal(sonde_test_advance(test, 5 * SONDE_TEST_SECOND), 0);

	sonde_test_stop(test); /* and may live again */
	((struct probe *)sonde_test_instance(test)->self)->starts = 0;
	assert_int_equal(sonde_test_start(test), 0);
	assert_int_equal(sonde_test_advance(test, 5 * SONDE_TEST_SECOND), 5);
	sonde_test_release(test);

	test = started(NULL);
	assert_true(sonde_test_drain(test));
	sonde_test_release(test);
}

static void timers_run_at_their_time_in_order(void **state)
{
	struct sonde_test *test = started(NULL);
	int64_t start_ns = sonde_test_now_ns(test);

	sonde_after(sonde_test_instance(test), ONCE, 1500 * SONDE_TEST_MILLISECOND);
	assert_int_equal(sonde_test_advance(test, 2 * SONDE_TEST_SECOND), 3);
	assert_int_equal(seen.timer_id[0], TICK);
	assert_int_equal(seen.timer_id[1], ONCE);
	assert_int_equal(seen.timer_id[2], TICK);
	assert_int_equal(seen.timer_now_ns[1] - start_ns, 1500 * SONDE_TEST_MILLISECOND);
	assert_int_equal(seen.timer_now_ns[2] - start_ns, 2 * SONDE_TEST_SECOND);
	assert_int_equal(sonde_test_now_ns(test) - start_ns, 2 * SONDE_TEST_SECOND);
	sonde_test_release(test);
}

static void what_asks_for_itself_at_once_waits_for_the_next_call(void **state)
{
	struct sonde_test *test = started("interval=1h");

	sonde_after(sonde_test_instance(test), AGAIN, 0);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(sonde_test_advance(test, SONDE_TEST_SECOND), 1);
		assert_int_equal(seen.timer_count, i);
	}
	sonde_after(sonde_test_instance(test), AGAIN, -1);
	seen.waking_itself = true;
	sonde_wake(sonde_test_instance(test));
	assert_int_equal(sonde_test_advance(test, 0), 1);
	assert_int_equal(sonde_test_poll(test, 0), 1);
	assert_int_equal(seen.woken_count, 2);
	sonde_test_release(test);
}

static void fds_that_are_ready_are_told(void **state)
{
	struct sonde_test *test = started("interval=1h");
	struct sonde_instance *instance = sonde_test_instance(test);
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(sonde_watch(instance, ends[0], SONDE_READABLE), 0);
	assert_int_equal(sonde_test_poll(test, 0), 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(sonde_test_poll(test, 10000), 1);
	assert_int_equal(seen.ready_events, SONDE_READABLE);
	sonde_test_ready(test, ends[0], SONDE_HANGUP); /* and it unwatches */
	assert_int_equal(seen.ready_events, SONDE_HANGUP);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(sonde_test_poll(test, 0), 0);
	assert_int_equal(sonde_watch(instance, 12345, SONDE_READABLE), -EBADF);
	close(ends[0]);
	close(ends[1]);
	sonde_test_release(test);
}

static void *wake(void *instance)
{
	sonde_wake(instance);
	return NULL;
}

static void a_wake_from_another_thread_comes_home(void **state)
{
	struct sonde_test *test = started("interval=1h");
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, wake, sonde_test_instance(test)), 0);
	assert_int_equal(sonde_test_poll(test, 10000), 1);
	assert_int_equal(seen.woken_count, 1);
	pthread_join(thread, NULL);
	sonde_test_release(test);
}

/* ---- rows -------------------------------------------------------------------------------- */

static void rows_are_seen_one_by_one_and_as_text(void **state)
{
	struct sonde_test *test = started("count=2");

	sonde_test_advance(test, SONDE_TEST_SECOND);
	assert_int_equal(sonde_test_row_count(test), 2);
	assert_string_equal(sonde_test_schema(test, 1), "probe");
	assert_true(sonde_test_has(test, 1, "name"));
	assert_false(sonde_test_has(test, 1, "nonsense"));
	assert_true(sonde_test_number(test, 1, "number") == 1);
	assert_int_equal(sonde_test_integer(test, 0, "time"), sonde_test_now_ns(test));
	assert_string_equal(sonde_test_text(test, 1, "name"), "one");
	assert_string_equal(sonde_test_text(test, 1, "number"), "1");
	assert_string_equal(sonde_test_print(test),
			    "probe time=1000000001000000000 number=0 name=\"one\"\n"
			    "probe time=1000000001000000000 number=1 name=\"one\"\n");
	assert_int_equal(sonde_test_batch_count(test), 1);
	assert_int_equal(sonde_test_batch(test, 0)->row_count, 2);
	assert_null(sonde_test_batch(test, 1));
	assert_int_equal(sonde_test_account(test).out, 2);
	sonde_test_forget(test, SONDE_DONE, NULL);
	assert_int_equal(sonde_test_row_count(test), 0);
	sonde_test_release(test);
}

static void an_input_hears_what_became_of_a_token(void **state)
{
	static const struct {
		enum sonde_verdict verdict;
		uint64_t delivered, lost;
		const char *reason;
	} ends[] = { { SONDE_DONE, 3, 0, NULL },
		     { SONDE_RETRY, 0, 3, "busy" },
		     { SONDE_REJECTED, 0, 3, "malformed" } };

	for (uint32_t i = 0; i < 3; i++) {
		struct sonde_test *test = started("interval=1h");

		sonde_emit_token(sonde_test_instance(test), probe_batch(test, 3), TOKEN);
		assert_int_equal(sonde_test_forget(test, ends[i].verdict, ends[i].reason), 1);
		assert_int_equal(seen.token, TOKEN);
		assert_int_equal(seen.settlement.verdict, ends[i].verdict);
		assert_int_equal(seen.settlement.delivered_rows, ends[i].delivered);
		assert_int_equal(seen.settlement.lost_rows, ends[i].lost);
		sonde_test_release(test);
	}
}

static void queues_that_are_full_make_an_input_wait(void **state)
{
	struct sonde_test *test = started("interval=1h");

	sonde_test_fill_queues(test, true);
	assert_int_equal(sonde_reserve(sonde_test_instance(test), 100), -EAGAIN);
	assert_int_equal(sonde_test_advance(test, SONDE_TEST_SECOND), 0);
	sonde_test_fill_queues(test, false);
	assert_int_equal(sonde_test_advance(test, 0), 1);
	assert_int_equal(seen.room_count, 1);
	assert_int_equal(sonde_reserve(sonde_test_instance(test), 100), 0);
	sonde_test_release(test);
}

static void rows_for_which_memory_was_refused_are_lost_and_counted(void **state)
{
	struct sonde_test *test = started("count=2");

	sonde_test_refuse_memory(test, 1); /* the first row */
	sonde_test_advance(test, SONDE_TEST_SECOND);
	assert_true(sonde_test_refuse_memory(test, 2)); /* the text of the first row */
	assert_int_equal(sonde_test_row_count(test), 1);
	assert_int_equal(sonde_test_number(test, 0, "number"), 1);
	assert_int_equal(sonde_test_account(test).lost[SONDE_LOST_MEMORY], 1);
	sonde_test_advance(test, SONDE_TEST_SECOND);
	assert_true(sonde_test_refuse_memory(test, 100));
	assert_string_equal(sonde_test_text(test, 1, "name"), "");
	sonde_test_advance(test, SONDE_TEST_SECOND);
	assert_false(sonde_test_refuse_memory(test, 1));
	assert_int_equal(sonde_after(sonde_test_instance(test), ONCE, 0), -ENOMEM);
	assert_true(sonde_test_refuse_memory(test, 0));
	sonde_test_release(test);
}

/* ---- what it says ------------------------------------------------------------------------ */

static void counters_reports_tallies_and_sets_are_seen(void **state)
{
	struct sonde_tally tally = { .size = sizeof(tally), .produced = 5, .emitted = 5 };
	struct sonde_test *test = started(NULL);
	struct sonde_instance *instance = sonde_test_instance(test);

	sonde_test_advance(test, 3 * SONDE_TEST_SECOND);
	assert_int_equal(sonde_test_counter(test, "ticks"), 3);
	assert_true(sonde_test_report_number(test, "weather", "here", "warmth") == 21.5);
	assert_string_equal(sonde_test_report_text(test, "weather", "here", "sky"), "clear");
	assert_true(isnan(sonde_test_report_number(test, "weather", "here", "rain")));
	assert_null(sonde_test_report_text(test, "weather", "there", "sky"));
	assert_null(sonde_test_tally(test));
	sonde_tell(instance, &tally);
	assert_int_equal(sonde_test_tally(test)->produced, 5);
	sonde_set(instance, "other.sample", "1%", SONDE_TEST_SECOND);
	assert_string_equal(sonde_test_sets(test), "other.sample=1% for 1000000000 ns\n");
	sonde_log(instance, SONDE_WARNING, "the tide is %s", "high");
	assert_true(sonde_test_logged(test, "warning: the tide is high\n"));
	sonde_test_release(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_read_as_texts_and_have_their_defaults),
		cmocka_unit_test(wrong_options_are_refused_in_the_words_of_the_daemon),
		cmocka_unit_test(groups_are_written_as_in_a_config),
		cmocka_unit_test(a_broken_descriptor_is_refused),
		cmocka_unit_test(a_knob_is_set_as_by_a_user_and_put_back_if_it_is_refused),
		cmocka_unit_test(replicas_know_which_they_are),
		cmocka_unit_test(a_plugin_is_loaded_from_its_file),
		cmocka_unit_test(a_start_that_fails_is_tried_again_by_the_clock),
		cmocka_unit_test(an_input_drains_now_or_later_and_is_quiet_then),
		cmocka_unit_test(timers_run_at_their_time_in_order),
		cmocka_unit_test(what_asks_for_itself_at_once_waits_for_the_next_call),
		cmocka_unit_test(fds_that_are_ready_are_told),
		cmocka_unit_test(a_wake_from_another_thread_comes_home),
		cmocka_unit_test(rows_are_seen_one_by_one_and_as_text),
		cmocka_unit_test(an_input_hears_what_became_of_a_token),
		cmocka_unit_test(queues_that_are_full_make_an_input_wait),
		cmocka_unit_test(rows_for_which_memory_was_refused_are_lost_and_counted),
		cmocka_unit_test(counters_reports_tallies_and_sets_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
