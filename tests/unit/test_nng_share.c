// SPDX-License-Identifier: Apache-2.0
/* The parts of the input `nng` that need no network: what replicas share, orders, names. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "order.h"
#include "settings.h"
#include "share.h"

static uint32_t woken_count;

static void count_wake(struct sonde_instance *instance)
{
	woken_count++;
}

static const struct sonde_host host = { .wake = count_wake };
static struct sonde_instance instances[2] = { { .host = &host }, { .host = &host } };

static const struct position first = { "stream", 1 }, second = { "stream", 2 };

static struct share *fresh(const char *name, struct share_member members[2])
{
	struct share *share = share_get(name, 64);

	for (uint32_t i = 0; i < 2; i++) {
		members[i] = (struct share_member){ .instance = &instances[i] };
		share_enter(share, &members[i]);
	}
	woken_count = 0;
	return share;
}

static void acknowledgements_coalesce_and_wake_once(void **state)
{
	struct share_member members[2];
	struct share *share = fresh("coalesce", members);
	struct share_frame frames[2];
	struct share_word word;

	assert_int_equal(share_look(share, &members[0], 70, &first, 1), STREAM_NEW);
	assert_int_equal(share_begin(share, &members[0], &first, &frames[0]), 0);
	assert_int_equal(share_look(share, &members[0], 70, &second, 1), STREAM_NEW);
	assert_int_equal(share_begin(share, &members[0], &second, &frames[1]), 0);
	assert_int_equal(share_look(share, &members[0], 70, &second, 1), STREAM_UNDER_WAY);
	share_end(share, &frames[0], MESSAGE_FINE, NULL);
	share_end(share, &frames[1], MESSAGE_FINE, NULL);
	assert_int_equal(woken_count, 1);
	assert_false(share_next(share, &members[1], &word));
	assert_true(share_next(share, &members[0], &word));
	assert_int_equal(word.user, 70);
	assert_int_equal(word.position.sequence, 2);
	assert_int_equal(word.code, MESSAGE_FINE);
	assert_false(share_next(share, &members[0], &word));
	assert_int_equal(share_taken(share, first.stream), 2);
}

static void who_comes_again_to_another_replica_is_answered_there(void **state)
{
	struct share_member members[2];
	struct share *share = fresh("elsewhere", members);
	struct share_frame frame;
	struct share_word word;

	(void)share_look(share, &members[0], 70, &first, 1);
	assert_int_equal(share_begin(share, &members[0], &first, &frame), 0);
	assert_int_equal(share_look(share, &members[1], 71, &first, 1), STREAM_UNDER_WAY);
	share_end(share, &frame, MESSAGE_FINE, NULL);
	assert_false(share_next(share, &members[0], &word));
	assert_int_equal(share_look(share, &members[0], 72, &first, 1), STREAM_TAKEN);
	assert_false(share_next(share, &members[1], &word)); /* it has moved once more */
	assert_true(share_next(share, &members[0], &word));
	assert_int_equal(word.user, 72);
}

static void a_refusal_is_said_before_what_is_acknowledged_beyond_it(void **state)
{
	struct share_member members[2];
	struct share *share = fresh("refusal", members);
	struct share_frame frames[2];
	struct share_word word;

	(void)share_look(share, &members[0], 70, &first, 1);
	assert_int_equal(share_begin(share, &members[0], &first, &frames[0]), 0);
	(void)share_look(share, &members[0], 70, &second, 1);
	assert_int_equal(share_begin(share, &members[0], &second, &frames[1]), 0);
	share_end(share, &frames[1], MESSAGE_FINE, NULL);
	share_end(share, &frames[0], MESSAGE_REJECTED, "no output takes it");
	assert_true(share_next(share, &members[0], &word));
	assert_int_equal(word.code, MESSAGE_REJECTED);
	assert_int_equal(word.position.sequence, 1);
	assert_string_equal(word.text, "no output takes it");
	assert_true(share_next(share, &members[0], &word));
	assert_int_equal(word.position.sequence, 2);
}

static void what_a_replica_had_under_way_when_it_left_is_taken_again(void **state)
{
	struct share_member members[2];
	struct share *share = fresh("left", members);
	struct share_frame frame;
	struct share_word word;

	(void)share_look(share, &members[0], 70, &first, 1);
	assert_int_equal(share_begin(share, &members[0], &first, &frame), 0);
	share_leave(share, &members[0]);
	assert_ptr_equal(share_get("left", 64), share); /* as after a reload */
	assert_int_equal(share_look(share, &members[1], 71, &first, 1), STREAM_NEW);
	assert_int_equal(share_begin(share, &members[1], &first, &frame), 0);
	share_end(share, &frame, MESSAGE_FINE, NULL);
	assert_true(share_next(share, &members[1], &word));
}

static void check_order(const char *text, const char *edge, const char *knob, const char *value,
			int64_t for_ns)
{
	struct order order;
	char error[200];

	assert_int_equal(order_read(text, &order, error, sizeof(error)), 0);
	assert_string_equal(order.edge, edge);
	assert_string_equal(order.knob, knob);
	assert_string_equal(order.value, value);
	assert_int_equal(order.for_ns, for_ns);
}

static void orders_name_an_edge_a_knob_a_value_and_a_time(void **state)
{
	struct order order;
	char error[200];

	check_order("web-1 calls.sample=1%", "web-1", "calls.sample", "1%", 0);
	check_order("* calls.sample=1% for 90s", "*", "calls.sample", "1%", 90000000000);
	check_order("a f.where=name == 'for us' for 500ms", "a", "f.where", "name == 'for us'",
		    500000000);
	check_order("a f.where=x for y", "a", "f.where", "x for y", 0);
	assert_int_equal(order_read("calls.sample=1%", &order, error, sizeof(error)), -EINVAL);
	assert_non_null(strstr(error, "names no edge"));
	assert_int_equal(order_read("a calls=1", &order, error, sizeof(error)), -EINVAL);
	assert_int_equal(order_read("a calls.x=", &order, error, sizeof(error)), -EINVAL);
	assert_int_equal(order_read("", &order, error, sizeof(error)), -EINVAL);
}

static bool admits(const char *pattern, const char *name)
{
	const struct settings settings = { .names = { .items = &pattern, .count = 1 } };

	return settings_admits(&settings, name);
}

static void names_admit_one_edge_or_all_that_begin_or_end_alike(void **state)
{
	const struct settings all = { 0 };

	assert_true(settings_admits(&all, "anybody"));
	assert_true(admits("web-1", "web-1"));
	assert_false(admits("web-1", "web-10"));
	assert_true(admits("web-*", "web-10"));
	assert_false(admits("web-*", "db-1"));
	assert_true(admits("*.example.com", "a.example.com"));
	assert_false(admits("*.example.com", "example.com"));
	assert_false(admits("*.example.com", "a.example.com.evil"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acknowledgements_coalesce_and_wake_once),
		cmocka_unit_test(who_comes_again_to_another_replica_is_answered_there),
		cmocka_unit_test(a_refusal_is_said_before_what_is_acknowledged_beyond_it),
		cmocka_unit_test(what_a_replica_had_under_way_when_it_left_is_taken_again),
		cmocka_unit_test(orders_name_an_edge_a_knob_a_value_and_a_time),
		cmocka_unit_test(names_admit_one_edge_or_all_that_begin_or_end_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
