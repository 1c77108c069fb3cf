// SPDX-License-Identifier: Apache-2.0
/* What core/knob.h promises of one who sets a knob; test_knob_hold.c of several. */
#include "knob_fixture.h"

/* ---- setting ----------------------------------------------------------------------------- */

static void a_knob_is_set_in_all_replicas_and_each_is_told(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(set(&at, "calls.rate", "20", 0), 0);
	assert_rate(&at, 20);
	assert_int_equal(set_count, REPLICAS);
	assert_int_equal(at.defaults.rate, 10); /* the config stays as it is */
	assert_int_equal(knob_left_ns(at.knobs, "calls", "rate"), 0);
	close_graph(&at);
}

static void a_text_lives_as_long_as_it_is_set(void **state)
{
	struct setting at;
	char value[] = "second";

	open_graph(&at);
	assert_int_equal(set(&at, "calls.label", value, 0), 0);
	memset(value, 'x', sizeof(value) - 1);
	for (uint32_t i = 0; i < REPLICAS; i++)
		assert_string_equal(replica(&at, i)->label, "second");
	close_graph(&at);
}

static void an_instance_that_there_is_not_is_refused_with_the_nearest_name(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(set(&at, "call.rate", "20", 0), -ENOENT);
	assert_non_null(strstr(at.error, "\"call\""));
	assert_non_null(strstr(at.error, "did you mean \"calls\""));
	assert_int_equal(set(&at, "zzzzzzzzzz.rate", "20", 0), -ENOENT);
	assert_null(strstr(at.error, "did you mean"));
	close_graph(&at);
}

static void a_knob_that_there_is_not_is_refused_with_the_nearest_name(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(set(&at, "calls.rat", "20", 0), -EINVAL);
	assert_non_null(strstr(at.error, "\"rat\""));
	assert_non_null(strstr(at.error, "did you mean \"rate\""));
	assert_int_equal(set(&at, "out.rate", "20", 0), -EINVAL); /* a plugin without options */
	assert_non_null(strstr(at.error, "out"));
	close_graph(&at);
}

static void an_option_that_is_no_knob_is_refused(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(set(&at, "calls.fixed", "true", 0), -EINVAL);
	assert_non_null(strstr(at.error, "calls.fixed cannot change while running"));
	assert_false(replica(&at, 0)->fixed);
	close_graph(&at);
}

static void a_value_that_the_table_refuses_changes_nothing(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(set(&at, "calls.rate", "many", 0), -EINVAL);
	assert_non_null(strstr(at.error, "many"));
	assert_int_equal(set(&at, "calls.rate", "1001", 0), -EINVAL);
	assert_int_equal(set(&at, "calls.interval", "5 lightyears", 60ll * NS_PER_SECOND), -EINVAL);
	assert_rate(&at, 10);
	assert_int_equal(set_count, 0);
	assert_int_equal(knob_left_ns(at.knobs, "calls", "interval"), 0);
	close_graph(&at);
}

static void a_value_that_the_plugin_refuses_is_put_back_in_all_replicas(void **state)
{
	struct setting at;

	open_graph(&at);
	refuse_replica = 1; /* the first one has taken it by then */
	assert_int_equal(set(&at, "calls.rate", "666", 0), -EDOM);
	assert_non_null(strstr(at.error, "such a rate is refused"));
	assert_rate(&at, 10);
	close_graph(&at);
}

static void an_instance_that_took_a_value_back_is_well_again(void **state)
{
	struct setting at;

	open_graph(&at);
	refuse_replica = 0;
	assert_int_equal(set(&at, "calls.rate", "666", 0), -EDOM);
	assert_int_equal(at.graph->nodes[0].instances[0]->failed_callback, CALLBACK_NONE);
	close_graph(&at);
}

static void a_path_without_a_dot_is_explained(void **state)
{
	struct setting at;
	char path[300];

	open_graph(&at);
	assert_int_equal(set(&at, "calls", "20", 0), -EINVAL);
	assert_non_null(strstr(at.error, "INSTANCE.KNOB"));
	assert_int_equal(set(&at, "", "20", 0), -EINVAL);
	assert_true(set(&at, ".rate", "20", 0) < 0);
	assert_true(set(&at, "calls.", "20", 0) < 0);
	memset(path, 'x', sizeof(path));
	memcpy(path + sizeof(path) - 6, ".rate", 6);
	assert_true(set(&at, path, "20", 0) < 0);
	close_graph(&at);
}

/* ---- falling back ------------------------------------------------------------------------ */

static void a_knob_falls_back_by_itself(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(set(&at, "calls.rate", "20", 30 * NS_PER_MS), 0);
	assert_rate(&at, 20);
	assert_in_range(knob_left_ns(at.knobs, "calls", "rate"), 1, 30 * NS_PER_MS);
	run(&at, 60 * NS_PER_MS);
	assert_rate(&at, 10);
	assert_int_equal(set_count, 2 * REPLICAS);
	assert_int_equal(knob_left_ns(at.knobs, "calls", "rate"), 0);
	close_graph(&at);
}

static void every_change_is_a_decision_that_says_who_and_from_what_to_what(void **state)
{
	struct sonde_record record;
	struct setting at;
	uint64_t cursor = 0;

	while (!next_decision(&cursor, &record))
		;
	open_graph(&at);
	assert_int_equal(set(&at, "calls.interval", "2000ms", 20 * NS_PER_MS), 0);
	assert_int_equal(next_decision(&cursor, &record), 0);
	assert_string_equal(record.event, "knob.set");
	assert_string_equal(record.instance, "calls");
	assert_string_equal(record.actor, "user");
	assert_string_equal(record.knob, "interval");
	assert_string_equal(record.before, "5s");
	assert_string_equal(record.after, "2s");
	assert_int_equal(record.for_ns, 20 * NS_PER_MS);
	run(&at, 60 * NS_PER_MS);
	assert_int_equal(next_decision(&cursor, &record), 0);
	assert_string_equal(record.event, "knob.fall_back");
	assert_string_equal(record.actor, "timer");
	assert_string_equal(record.before, "2s");
	assert_string_equal(record.after, "5s");
	assert_int_equal(set(&at, "calls.rate", "nonsense", 0), -EINVAL);
	assert_int_equal(next_decision(&cursor, &record), -ENOENT); /* nothing was decided */
	close_graph(&at);
}

static void it_falls_back_to_the_value_before_the_first_of_several_changes(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(set(&at, "calls.label", "second", 10ll * NS_PER_SECOND), 0);
	assert_int_equal(set(&at, "calls.label", "third", 30 * NS_PER_MS), 0);
	assert_string_equal(replica(&at, 1)->label, "third");
	run(&at, 60 * NS_PER_MS);
	for (uint32_t i = 0; i < REPLICAS; i++)
		assert_string_equal(replica(&at, i)->label, "first");
	close_graph(&at);
}

static void a_change_that_stays_forgets_the_return(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(set(&at, "calls.rate", "20", 30 * NS_PER_MS), 0);
	assert_int_equal(set(&at, "calls.rate", "40", 0), 0);
	assert_int_equal(knob_left_ns(at.knobs, "calls", "rate"), 0);
	run(&at, 60 * NS_PER_MS);
	assert_rate(&at, 40);
	close_graph(&at);
}

static void a_refused_change_leaves_the_return_of_the_one_before(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(set(&at, "calls.rate", "20", 30 * NS_PER_MS), 0);
	assert_int_equal(set(&at, "calls.rate", "many", 0), -EINVAL);
	assert_true(knob_left_ns(at.knobs, "calls", "rate") > 0);
	run(&at, 60 * NS_PER_MS);
	assert_rate(&at, 10);
	close_graph(&at);
}

static void knobs_fall_back_each_by_itself(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(set(&at, "calls.rate", "20", 30 * NS_PER_MS), 0);
	assert_int_equal(set(&at, "calls.interval", "1s", 10ll * NS_PER_SECOND), 0);
	run(&at, 60 * NS_PER_MS);
	assert_rate(&at, 10);
	assert_int_equal(replica(&at, 0)->interval_ns, NS_PER_SECOND);
	close_graph(&at); /* with a return that is still to come */
}

/* ---- threads ----------------------------------------------------------------------------- */

static void a_thread_that_is_held_up_gets_no_value_and_the_others_get_theirs_back(void **state)
{
	struct sonde_instance *second;
	struct setting at;

	open_graph(&at);
	second = &at.graph->nodes[0].instances[1]->base;
	__atomic_store_n(&hold_up, 1, __ATOMIC_RELEASE);
	sonde_wake(second);
	assert_true(wait_for(&entered, 1));
	assert_int_equal(set(&at, "calls.rate", "20", 0), -ETIMEDOUT);
	assert_non_null(strstr(at.error, "held up"));
	__atomic_store_n(&hold_up, 0, __ATOMIC_RELEASE);
	assert_int_equal(set(&at, "calls.interval", "1s", 0), 0); /* orders what is read below */
	assert_rate(&at, 10);
	close_graph(&at);
}

/* It takes effect after whoever asked was told that it may. */
static void a_set_that_takes_long_is_a_decision_once_it_is_done(void **state)
{
	struct sonde_record record;
	struct setting at;
	uint64_t cursor = 0;

	while (!next_decision(&cursor, &record))
		;
	open_graph(&at);
	__atomic_store_n(&hold_up, 1, __ATOMIC_RELEASE);
	assert_int_equal(set(&at, "calls.rate", "777", 0), -EINPROGRESS);
	assert_int_equal(next_decision(&cursor, &record), -ENOENT);
	__atomic_store_n(&hold_up, 0, __ATOMIC_RELEASE);
	assert_int_equal(set(&at, "calls.interval", "1s", 0), 0); /* after it, on its thread */
	assert_int_equal(next_decision(&cursor, &record), 0);
	assert_string_equal(record.event, "knob.set");
	assert_string_equal(record.actor, "user");
	assert_string_equal(record.before, "10");
	assert_string_equal(record.after, "777");
	close_graph(&at);
}

static void an_instance_that_could_not_start_yet_takes_the_value_for_its_next_try(void **state)
{
	struct setting at;

	__atomic_store_n(&start_fails, true, __ATOMIC_RELEASE);
	open_graph(&at);
	assert_int_equal(set(&at, "calls.rate", "20", 0), 0);
	assert_int_equal(set_count, 0);
	assert_rate(&at, 20);
	__atomic_store_n(&start_fails, false, __ATOMIC_RELEASE);
	clock_sleep_ns(1500 * (int64_t)NS_PER_MS); /* it is tried again after a second */
	assert_int_equal(set(&at, "calls.interval", "1s", 0), 0);
	assert_int_equal(set_count, REPLICAS); /* so it runs */
	assert_rate(&at, 20);
	close_graph(&at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_knob_is_set_in_all_replicas_and_each_is_told),
		cmocka_unit_test(a_text_lives_as_long_as_it_is_set),
		cmocka_unit_test(an_instance_that_there_is_not_is_refused_with_the_nearest_name),
		cmocka_unit_test(a_knob_that_there_is_not_is_refused_with_the_nearest_name),
		cmocka_unit_test(an_option_that_is_no_knob_is_refused),
		cmocka_unit_test(a_value_that_the_table_refuses_changes_nothing),
		cmocka_unit_test(a_value_that_the_plugin_refuses_is_put_back_in_all_replicas),
		cmocka_unit_test(an_instance_that_took_a_value_back_is_well_again),
		cmocka_unit_test(a_path_without_a_dot_is_explained),
		cmocka_unit_test(a_knob_falls_back_by_itself),
		cmocka_unit_test(every_change_is_a_decision_that_says_who_and_from_what_to_what),
		cmocka_unit_test(it_falls_back_to_the_value_before_the_first_of_several_changes),
		cmocka_unit_test(a_change_that_stays_forgets_the_return),
		cmocka_unit_test(a_refused_change_leaves_the_return_of_the_one_before),
		cmocka_unit_test(knobs_fall_back_each_by_itself),
		cmocka_unit_test(
			a_thread_that_is_held_up_gets_no_value_and_the_others_get_theirs_back),
		cmocka_unit_test(a_set_that_takes_long_is_a_decision_once_it_is_done),
		cmocka_unit_test(
			an_instance_that_could_not_start_yet_takes_the_value_for_its_next_try),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
