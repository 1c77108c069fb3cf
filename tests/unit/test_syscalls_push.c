// SPDX-License-Identifier: Apache-2.0
/* What the input syscalls takes over from pipelines, and what its settings become. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "names.h"
#include "push.h"

static const struct push_shape events = { .events = true, .whole = true };
static const struct push_shape sampled = { .events = true };
static const struct push_shape aggregates = { .aggregates = true };
static const struct push_shape processes = { .aggregates = true, .per_process = true };

static struct sonde_any text_value(const char *text)
{
	return (struct sonde_any){ .kind = SONDE_ANY_TEXT,
				   .length = (uint32_t)strlen(text),
				   .as.data = text };
}

static struct sonde_any integer_value(int64_t integer)
{
	return (struct sonde_any){ .kind = SONDE_ANY_INTEGER, .as.integer = integer };
}

static struct sonde_ask filter(const char *column, uint32_t comparison,
			       const struct sonde_any *values, uint32_t count)
{
	return (struct sonde_ask){ .size = sizeof(struct sonde_ask),
				   .kind = SONDE_ASK_FILTER,
				   .condition = { .column = column,
						  .comparison = comparison,
						  .value_count = count,
						  .values = values } };
}

static struct sonde_ask sample(double ratio)
{
	return (struct sonde_ask){ .size = sizeof(struct sonde_ask),
				   .kind = SONDE_ASK_SAMPLE,
				   .ratio = ratio };
}

static uint64_t take(const struct sonde_ask *items, uint32_t count, struct push_shape shape,
		     struct push *ret_push)
{
	struct sonde_asks asks = {
		.size = sizeof(asks), .item_size = sizeof(*items), .items = items, .count = count
	};

	return push_take(&asks, shape, ret_push);
}

static bool takes(struct sonde_ask ask, struct push_shape shape)
{
	struct push push;

	return take(&ask, 1, shape, &push);
}

static void conditions_that_programs_know_are_taken(void **state)
{
	struct sonde_any name = text_value("read"), other = text_value("no_such_call");
	struct sonde_any id = integer_value(5), none = integer_value(0);

	assert_true(takes(filter("syscall.name", SONDE_EQUAL, &name, 1), events));
	assert_true(takes(filter("syscall.name", SONDE_NOT_EQUAL, &name, 1), aggregates));
	assert_false(takes(filter("syscall.name", SONDE_LESS, &name, 1), events));
	assert_false(takes(filter("syscall.name", SONDE_EQUAL, &other, 1), events));
	assert_true(takes(filter("cgroup.id", SONDE_EQUAL, &id, 1), events));
	assert_false(takes(filter("cgroup.id", SONDE_EQUAL, &none, 1), events));
	assert_false(takes(filter("cgroup.id", SONDE_NOT_EQUAL, &id, 1), events));
	assert_true(takes(filter("process.pid", SONDE_EQUAL, &id, 1), events));
	assert_false(takes(filter("process.pid", SONDE_EQUAL, &id, 1), aggregates));
	assert_true(takes(filter("process.pid", SONDE_EQUAL, &id, 1), processes));
	assert_true(takes(filter("error.type", SONDE_IS_NOT_NULL, NULL, 0), events));
	assert_false(takes(filter("error.type", SONDE_IS_NULL, NULL, 0), events));
	assert_false(takes(filter("error.type", SONDE_IS_NOT_NULL, NULL, 0), aggregates));
	assert_false(takes(filter("thread.id", SONDE_EQUAL, &id, 1), events));
}

static void a_duration_becomes_the_least_that_is_counted(void **state)
{
	struct sonde_any million = integer_value(1000000), zero = integer_value(0);
	struct sonde_any real = { .kind = SONDE_ANY_DOUBLE, .as.number = 1.5e6 + 0.5 };
	struct sonde_ask asks[] = {
		filter("syscall.duration", SONDE_MORE, &million, 1),
		filter("syscall.duration", SONDE_MORE_OR_EQUAL, &real, 1),
		filter("syscall.duration", SONDE_MORE_OR_EQUAL, &million, 1),
	};
	struct push push;

	assert_int_equal(take(asks, 1, events, &push), 1);
	assert_int_equal(push.minimum_duration_ns, 1000001);
	assert_int_equal(take(asks, 3, events, &push), 7);
	assert_int_equal(push.minimum_duration_ns, 1500001);
	assert_false(takes(filter("syscall.duration", SONDE_MORE_OR_EQUAL, &zero, 1), events));
	assert_false(takes(filter("syscall.duration", SONDE_LESS, &million, 1), events));
	assert_false(takes(asks[0], aggregates));
}

static void several_conditions_hold_together(void **state)
{
	struct sonde_any some[] = { integer_value(5), integer_value(6), integer_value(7) };
	struct sonde_any names[] = { text_value("read"), text_value("write") };
	struct sonde_ask asks[] = {
		filter("process.pid", SONDE_EQUAL, some, 2),
		filter("process.pid", SONDE_EQUAL, some + 1, 2),
		filter("process.pid", SONDE_EQUAL, some + 2, 1), /* none would be left */
		filter("syscall.name", SONDE_EQUAL, names, 2),
		filter("syscall.name", SONDE_NOT_EQUAL, names, 1),
		filter("syscall.name", SONDE_EQUAL, names, 1), /* none again */
	};
	uint32_t read[2], write[2];
	struct push push;

	assert_int_equal(take(asks, 6, events, &push), 0x1b);
	assert_int_equal(push.targets.tgid_count, 1);
	assert_int_equal(push.targets.tgids[0], 6);
	assert_int_equal(names_find("read", read), 2);
	assert_int_equal(names_find("write", write), 2);
	assert_false(push.calls[read[0]] || push.calls[read[1]]);
	assert_true(push.calls[write[0]] && push.calls[write[1]]);
}

static void a_sample_is_taken_where_it_is_one_in_a_whole_number(void **state)
{
	struct push push;
	struct sonde_ask ask = sample(0.01);

	assert_int_equal(take(&ask, 1, events, &push), 1);
	assert_int_equal(push.sample_one_in, 100);
	assert_true(takes(sample(1.0 / 3), events));
	assert_false(takes(sample(0.4), events));
	assert_false(takes(sample(1e-9), events));
	assert_false(takes(sample(0.01), aggregates));
}

static void settings_are_narrowed_down_to_both(void **state)
{
	struct sonde_any some[] = { integer_value(5), integer_value(6) };
	struct sonde_any name = text_value("read");
	struct sonde_ask asks[] = { filter("process.pid", SONDE_EQUAL, some, 2),
				    filter("syscall.name", SONDE_EQUAL, &name, 1), sample(0.1) };
	struct sonde_kernel_targets targets = { .tgids = { 6, 7 }, .tgid_count = 2 };
	struct probe_settings settings = { .sample_one_in = 4, .minimum_duration_ns = 5 };
	uint32_t calls[SONDE_SYSCALL_INDEXES], call_count = 0;
	struct push push;

	assert_int_equal(take(asks, 3, events, &push), 7);
	assert_true(asked_narrow(&push.targets, &targets));
	assert_int_equal(targets.tgid_count, 1);
	assert_int_equal(targets.tgids[0], 6);
	assert_int_equal(targets.cgroup_count, 0);
	assert_true(push_calls(&push, calls, &call_count));
	assert_int_equal(call_count, 2);
	push_apply(&push, &settings);
	assert_int_equal(settings.sample_one_in, 40);
	assert_int_equal(settings.minimum_duration_ns, 5);
	targets.tgids[0] = 7;
	assert_false(asked_narrow(&push.targets, &targets));
	calls[0] = SONDE_SYSCALL_NUMBERS - 1;
	call_count = 1;
	assert_false(push_calls(&push, calls, &call_count));
}

static struct sonde_ask aggregate(const char *const *by, uint32_t by_count,
				  const struct sonde_measure *measures, uint32_t measure_count)
{
	return (struct sonde_ask){ .size = sizeof(struct sonde_ask),
				   .kind = SONDE_ASK_AGGREGATE,
				   .by = by,
				   .by_count = by_count,
				   .measures = measures,
				   .measure_count = measure_count,
				   .window_ns = 1000000000 };
}

static void an_aggregate_is_taken_where_the_kernel_keeps_all_of_it(void **state)
{
	const struct sonde_condition failed = { .column = "error.type",
						.comparison = SONDE_IS_NOT_NULL };
	const struct sonde_condition null = { .column = "error.type", .comparison = SONDE_IS_NULL };
	const char *by[] = { "syscall.name", "cgroup.id", "thread.id" };
	struct sonde_measure measures[] = {
		{ .name = "calls", .function = SONDE_COUNT },
		{ .name = "errors",
		  .function = SONDE_COUNT,
		  .conditions = &failed,
		  .condition_count = 1 },
		{ .name = "took",
		  .function = SONDE_HISTOGRAM,
		  .column = "syscall.duration",
		  .scale = 3 },
		{ .name = "sum", .function = SONDE_SUM, .column = "syscall.duration" },
		{ .name = "longest", .function = SONDE_MAXIMUM, .column = "syscall.duration" },
	};
	struct sonde_measure fine = { .name = "took",
				      .function = SONDE_HISTOGRAM,
				      .column = "syscall.duration",
				      .scale = 5 };
	struct sonde_measure others = {
		.name = "others", .function = SONDE_COUNT, .conditions = &null, .condition_count = 1
	};
	struct sonde_ask ask = aggregate(by, 2, measures, 4);
	struct push push;

	assert_int_equal(take(&ask, 1, events, &push), 1);
	assert_int_equal(push.fold.by, PUSH_BY_NAME | PUSH_BY_CGROUP);
	assert_int_equal(push.fold.window_ns, 1000000000);
	assert_int_equal(push.fold.measure_count, 4);
	assert_int_equal(push.fold.measures[1].what, PUSH_ERRORS);
	assert_string_equal(push.fold.measures[2].name, "took");
	assert_int_equal(push.fold.measures[2].what, PUSH_DURATION);
	assert_int_equal(push.fold.measures[3].what, PUSH_DURATION_SUM);
	assert_false(takes(ask, sampled));
	assert_false(takes(ask, aggregates));
	assert_false(takes(aggregate(by, 3, measures, 4), events));
	assert_false(takes(aggregate(by, 2, measures, 5), events));
	assert_false(takes(aggregate(by, 2, &fine, 1), events));
	assert_false(takes(aggregate(by, 2, &others, 1), events));
	ask.window_ns = 1000000;
	assert_false(takes(ask, events));
}

static void an_aggregate_is_taken_with_all_that_stands_before_it_or_not(void **state)
{
	struct sonde_any name = text_value("read"), id = integer_value(5);
	struct sonde_measure calls = { .name = "calls", .function = SONDE_COUNT };
	struct sonde_ask asks[] = { filter("syscall.name", SONDE_EQUAL, &name, 1),
				    aggregate(NULL, 0, &calls, 1) };
	struct push push;

	assert_int_equal(take(asks, 2, events, &push), 3);
	asks[0] = filter("thread.id", SONDE_EQUAL, &id, 1);
	assert_int_equal(take(asks, 2, events, &push), 0);
	asks[0] = sample(0.5);
	assert_int_equal(take(asks, 2, events, &push), 1);
	assert_int_equal(push.fold.window_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_that_programs_know_are_taken),
		cmocka_unit_test(a_duration_becomes_the_least_that_is_counted),
		cmocka_unit_test(several_conditions_hold_together),
		cmocka_unit_test(a_sample_is_taken_where_it_is_one_in_a_whole_number),
		cmocka_unit_test(settings_are_narrowed_down_to_both),
		cmocka_unit_test(an_aggregate_is_taken_where_the_kernel_keeps_all_of_it),
		cmocka_unit_test(an_aggregate_is_taken_with_all_that_stands_before_it_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
