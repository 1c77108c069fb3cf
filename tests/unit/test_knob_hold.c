// SPDX-License-Identifier: Apache-2.0
/* What core/knob.h promises where several hold a knob. */
#include "knob_fixture.h"

static const int64_t long_ns = 100ll * NS_PER_SECOND; /* no test lasts so long */

static struct sonde_instance plugin = { .name = "rules" }, other_plugin = { .name = "more" };

/* What a plugin holds under a name: one knob, or two. */
static int hold(struct setting *at, const struct sonde_instance *owner, const char *name,
		int64_t for_ns, const char *path, const char *value, const char *path2,
		const char *value2)
{
	const char *paths[] = { path, path2 }, *values[] = { value, value2 };
	struct knob_wish wish = { .owner = owner,
				  .actor = owner->name,
				  .name = name,
				  .reason = "it is so",
				  .for_ns = for_ns,
				  .count = path2  ? 2
					   : path ? 1
						  : 0,
				  .paths = paths,
				  .values = values };

	at->error[0] = '\0';
	return knobs_hold(at->knobs, &wish, at->error, sizeof(at->error));
}

/* It is given up. */
static void let_go(struct setting *at, const struct sonde_instance *owner, const char *name)
{
	assert_int_equal(hold(at, owner, name, 0, NULL, NULL, NULL, NULL), 0);
}

/* The main loop, until nobody holds the knob any more. */
static void run_until_free(struct setting *at, const char *knob)
{
	struct knob_holder holder;

	while (knob_holder(at->knobs, "calls", knob, 0, &holder))
		run(at, 5 * NS_PER_MS);
}

static void assert_names(struct setting *at, const char *names)
{
	const struct sonde_option *option = option_find(tunable_options, "names");
	char text[256];

	for (uint32_t i = 0; i < REPLICAS; i++) {
		option_print(option, replica(at, i), text, sizeof(text));
		assert_string_equal(text, names);
	}
}

static void lists_of_all_who_hold_a_knob_are_joined_until_each_has_let_go(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(hold(&at, &plugin, "a", long_ns, "calls.names", "[\"/a\"]", NULL, NULL),
			 0);
	assert_int_equal(hold(&at, &other_plugin, "b", long_ns, "calls.names", "[\"/b\", \"/a\"]",
			      NULL, NULL),
			 0);
	assert_names(&at, "[\"/b\", \"/a\"]");
	assert_int_equal(hold(&at, &plugin, "c", long_ns, "calls.names", "/c", NULL, NULL), 0);
	assert_names(&at, "[\"/c\", \"/b\", \"/a\"]");
	let_go(&at, &plugin, "a");
	assert_names(&at, "[\"/c\", \"/b\", \"/a\"]"); /* b wants it yet */
	let_go(&at, &plugin, "c");
	assert_names(&at, "[\"/b\", \"/a\"]");
	let_go(&at, &other_plugin, "b");
	assert_names(&at, "[]");
	close_graph(&at);
}

static void an_empty_list_that_one_of_them_asks_for_stands_for_all(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(set(&at, "calls.names", "/z", 0), 0);
	assert_int_equal(hold(&at, &plugin, "a", long_ns, "calls.names", "/a", NULL, NULL), 0);
	assert_int_equal(hold(&at, &plugin, "b", long_ns, "calls.names", "[]", NULL, NULL), 0);
	assert_names(&at, "[]");
	assert_int_equal(hold(&at, &plugin, "b", 0, NULL, NULL, NULL, NULL), 0);
	assert_names(&at, "[\"/a\"]");
	assert_int_equal(hold(&at, &plugin, "a", 0, NULL, NULL, NULL, NULL), 0);
	assert_names(&at, "[\"/z\"]");
	close_graph(&at);
}

static void of_plugins_the_newest_has_its_value_and_the_former_gets_it_back(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(hold(&at, &plugin, "a", long_ns, "calls.rate", "20", NULL, NULL), 0);
	assert_int_equal(hold(&at, &plugin, "b", long_ns, "calls.rate", "30", NULL, NULL), 0);
	assert_rate(&at, 30);
	let_go(&at, &plugin, "b");
	assert_rate(&at, 20);
	let_go(&at, &plugin, "a");
	assert_rate(&at, 10);
	close_graph(&at);
}

static void one_that_ends_beneath_a_newer_one_changes_nothing(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(hold(&at, &plugin, "a", long_ns, "calls.rate", "20", NULL, NULL), 0);
	assert_int_equal(hold(&at, &plugin, "b", long_ns, "calls.rate", "30", NULL, NULL), 0);
	set_count = 0;
	let_go(&at, &plugin, "a");
	assert_rate(&at, 30);
	assert_int_equal(set_count, 0);
	let_go(&at, &plugin, "b");
	assert_rate(&at, 10);
	close_graph(&at);
}

static void the_same_wish_again_is_prolonged_and_sets_nothing(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(hold(&at, &plugin, "a", long_ns, "calls.rate", "20", NULL, NULL), 0);
	assert_int_equal(hold(&at, &plugin, "a", 2 * long_ns, "calls.rate", "20", NULL, NULL), 0);
	assert_true(knob_left_ns(at.knobs, "calls", "rate") > long_ns);
	assert_int_equal(hold(&at, &plugin, "a", 20 * NS_PER_MS, "calls.rate", "20", NULL, NULL),
			 0);
	assert_rate(&at, 20);
	assert_int_equal(set_count, REPLICAS);
	run_until_free(&at, "rate");
	assert_rate(&at, 10);
	close_graph(&at);
}

static void a_wish_for_other_values_takes_the_place_of_its_former_self(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(hold(&at, &plugin, "a", long_ns, "calls.rate", "20", "calls.names", "x"),
			 0);
	assert_int_equal(hold(&at, &plugin, "a", long_ns, "calls.rate", "30", NULL, NULL), 0);
	assert_rate(&at, 30);
	assert_names(&at, "[]"); /* is not among them any more */
	let_go(&at, &plugin, "a");
	assert_rate(&at, 10);
	close_graph(&at);
}

static void a_wish_is_granted_whole_or_not_at_all(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(
		hold(&at, &plugin, "a", long_ns, "calls.rate", "20", "calls.names", "[\"unclosed"),
		-EINVAL);
	assert_non_null(strstr(at.error, "is not a list"));
	assert_rate(&at, 10);
	assert_int_equal(hold(&at, &plugin, "a", long_ns, "calls.names", "x", "cals.rate", "1"),
			 -ENOENT);
	assert_names(&at, "[]");
	assert_int_equal(knob_left_ns(at.knobs, "calls", "names"), 0);
	close_graph(&at);
}

/* As a rule has it: first whose events, then events; the other way round all would come for a
 * moment. */
static void knobs_fall_back_in_the_order_opposite_to_that_of_setting(void **state)
{
	struct sonde_record record;
	struct setting at;
	uint64_t cursor = 0;

	while (!next_decision(&cursor, &record))
		;
	open_graph(&at);
	assert_int_equal(hold(&at, &plugin, "slow /a", 20 * NS_PER_MS, "calls.names", "/a",
			      "calls.rate", "20"),
			 0);
	assert_int_equal(next_decision(&cursor, &record), 0);
	assert_string_equal(record.knob, "names");
	assert_string_equal(record.actor, "rules");
	assert_string_equal(record.message, "names is set to [\"/a\"]: it is so");
	assert_int_equal(next_decision(&cursor, &record), 0);
	assert_string_equal(record.knob, "rate");
	run_until_free(&at, "names");
	assert_int_equal(next_decision(&cursor, &record), 0);
	assert_string_equal(record.event, "knob.fall_back");
	assert_string_equal(record.knob, "rate");
	assert_int_equal(next_decision(&cursor, &record), 0);
	assert_string_equal(record.knob, "names");
	assert_int_equal(next_decision(&cursor, &record), -ENOENT);
	close_graph(&at);
}

static void the_users_word_goes_before_that_of_plugins(void **state)
{
	struct knob_holder holder;
	struct setting at;

	open_graph(&at);
	assert_int_equal(set(&at, "calls.rate", "40", 40 * NS_PER_MS), 0);
	assert_int_equal(hold(&at, &plugin, "a", long_ns, "calls.rate", "20", NULL, NULL), 0);
	assert_rate(&at, 40);
	while (knob_holder(at.knobs, "calls", "rate", 1, &holder))
		run(&at, 5 * NS_PER_MS);
	assert_rate(&at, 20);
	assert_int_equal(set(&at, "calls.rate", "50", 0), 0); /* for good */
	let_go(&at, &plugin, "a");
	assert_rate(&at, 50);
	close_graph(&at);
}

static void what_the_user_took_out_of_a_wish_is_not_set_by_prolonging_it(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(hold(&at, &plugin, "a", long_ns, "calls.rate", "20", "calls.names", "x"),
			 0);
	assert_int_equal(set(&at, "calls.rate", "50", 0), 0);
	assert_int_equal(
		hold(&at, &plugin, "a", 20 * NS_PER_MS, "calls.rate", "20", "calls.names", "x"), 0);
	assert_rate(&at, 50);
	run_until_free(&at, "names");
	assert_rate(&at, 50);
	assert_names(&at, "[]");
	close_graph(&at);
}

static void a_value_of_the_config_goes_beneath_what_plugins_hold(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(hold(&at, &plugin, "a", long_ns, "calls.rate", "20", NULL, NULL), 0);
	assert_int_equal(
		knob_rebase(at.knobs, "reload", "calls.rate", "60", at.error, sizeof(at.error)), 0);
	assert_rate(&at, 20);
	let_go(&at, &plugin, "a");
	assert_rate(&at, 60);
	assert_int_equal(set(&at, "calls.rate", "70", long_ns), 0);
	assert_int_equal(
		knob_rebase(at.knobs, "reload", "calls.rate", "80", at.error, sizeof(at.error)), 0);
	assert_rate(&at, 80); /* what the user held for a time is over */
	assert_int_equal(knob_left_ns(at.knobs, "calls", "rate"), 0);
	close_graph(&at);
}

static void a_plugin_that_is_gone_holds_nothing(void **state)
{
	struct setting at;

	open_graph(&at);
	assert_int_equal(hold(&at, &plugin, "a", long_ns, "calls.rate", "20", NULL, NULL), 0);
	assert_int_equal(hold(&at, &at.graph->nodes[0].instances[0]->base, "b", long_ns,
			      "calls.names", "x", NULL, NULL),
			 0);
	knobs_follow(at.knobs, at.graph); /* which `plugin` is none of */
	run_until_free(&at, "rate");
	assert_rate(&at, 10);
	assert_names(&at, "[\"x\"]");
	close_graph(&at);
}

static void status_can_tell_who_holds_a_knob_what_for_and_how_long(void **state)
{
	struct knob_holder holder;
	struct setting at;

	open_graph(&at);
	assert_false(knob_holder(at.knobs, "calls", "rate", 0, &holder));
	assert_int_equal(hold(&at, &plugin, "slow /a", long_ns, "calls.rate", "20", NULL, NULL), 0);
	assert_int_equal(set(&at, "calls.rate", "40", long_ns), 0);
	assert_true(knob_holder(at.knobs, "calls", "rate", 0, &holder));
	assert_true(holder.user);
	assert_string_equal(holder.value, "40");
	assert_true(knob_holder(at.knobs, "calls", "rate", 1, &holder));
	assert_string_equal(holder.actor, "rules");
	assert_string_equal(holder.name, "slow /a");
	assert_string_equal(holder.value, "20");
	assert_string_equal(holder.reason, "it is so");
	assert_in_range(holder.left_ns, 1, long_ns);
	assert_false(knob_holder(at.knobs, "calls", "rate", 2, &holder));
	close_graph(&at);
}

static void a_knob_is_checked_against_a_config_before_anything_runs(void **state)
{
	struct setting at;
	char error[256];

	open_graph(&at);
	assert_int_equal(knob_check(&at.config, "calls.rate", "20", error, sizeof(error)), 0);
	assert_int_equal(knob_check(&at.config, "calls.rate", NULL, error, sizeof(error)), 0);
	assert_int_equal(knob_check(&at.config, "cals.rate", NULL, error, sizeof(error)), -ENOENT);
	assert_non_null(strstr(error, "did you mean \"calls\""));
	assert_int_equal(knob_check(&at.config, "calls.rat", NULL, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "did you mean \"rate\""));
	assert_int_equal(knob_check(&at.config, "calls.fixed", NULL, error, sizeof(error)),
			 -EINVAL);
	assert_non_null(strstr(error, "cannot change while running"));
	assert_int_equal(knob_check(&at.config, "calls.rate", "5000", error, sizeof(error)),
			 -EINVAL);
	assert_non_null(strstr(error, "5000"));
	assert_int_equal(knob_check(&at.config, "rate", NULL, error, sizeof(error)), -EINVAL);
	at.instances[0].routed = false;
	assert_int_equal(knob_check(&at.config, "calls.rate", NULL, error, sizeof(error)), -ENOENT);
	close_graph(&at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_all_who_hold_a_knob_are_joined_until_each_has_let_go),
		cmocka_unit_test(an_empty_list_that_one_of_them_asks_for_stands_for_all),
		cmocka_unit_test(of_plugins_the_newest_has_its_value_and_the_former_gets_it_back),
		cmocka_unit_test(one_that_ends_beneath_a_newer_one_changes_nothing),
		cmocka_unit_test(the_same_wish_again_is_prolonged_and_sets_nothing),
		cmocka_unit_test(a_wish_for_other_values_takes_the_place_of_its_former_self),
		cmocka_unit_test(a_wish_is_granted_whole_or_not_at_all),
		cmocka_unit_test(knobs_fall_back_in_the_order_opposite_to_that_of_setting),
		cmocka_unit_test(the_users_word_goes_before_that_of_plugins),
		cmocka_unit_test(what_the_user_took_out_of_a_wish_is_not_set_by_prolonging_it),
		cmocka_unit_test(a_value_of_the_config_goes_beneath_what_plugins_hold),
		cmocka_unit_test(a_plugin_that_is_gone_holds_nothing),
		cmocka_unit_test(status_can_tell_who_holds_a_knob_what_for_and_how_long),
		cmocka_unit_test(a_knob_is_checked_against_a_config_before_anything_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
