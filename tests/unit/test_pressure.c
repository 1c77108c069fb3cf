// SPDX-License-Identifier: Apache-2.0
/* What core/pressure.h promises: two inputs with a knob and one without, queues that the test
 * fills, and a clock of the test's own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "chronicle.h"
#include "knob.h"
#include "made.h"
#include "pressure.h"

static const int64_t second = NS_PER_SECOND;

/* ---- plugins ----------------------------------------------------------------------------- */

struct tunable {
	uint32_t sample_one_in;
};

static bool is_stuck; /* the output: atomic */

static int stuck_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	return __atomic_load_n(&is_stuck, __ATOMIC_ACQUIRE) ? SONDE_LATER : SONDE_OK;
}

static int idle_start(struct sonde_instance *instance)
{
	return 0;
}

static const struct sonde_option tunable_options[] = { { .name = "sample_one_in",
							 .type = SONDE_U32,
							 SONDE_MEMBER(struct tunable,
								      sample_one_in),
							 .value = "1",
							 .minimum = "1",
							 .knob = true },
						       { 0 } };

static const struct sonde_plugin tunable_descriptor = {
	SONDE_PLUGIN_INPUT,         .name = "tunable",   .self_size = sizeof(struct tunable),
	.options = tunable_options, .start = idle_start,
};
static const struct sonde_plugin plain_descriptor = { SONDE_PLUGIN_INPUT, .name = "plain",
						      .start = idle_start };
static const struct sonde_plugin stuck_descriptor = { SONDE_PLUGIN_OUTPUT, .name = "stuck",
						      .write = stuck_write };
static const struct plugin tunable_plugin = { .descriptor = &tunable_descriptor,
					      .option_count = 1 };
static const struct plugin plain_plugin = { .descriptor = &plain_descriptor };
static const struct plugin stuck_plugin = { .descriptor = &stuck_descriptor };

/* ---- the setting ------------------------------------------------------------------------- */

enum { CALLS, WAITS, PLAIN, OTHER, STUCK, FREE, INSTANCES };

/* calls, waits, plain > main > stuck; other > second > free. */
struct setting {
	struct tunable defaults;
	struct instance_config instances[INSTANCES];
	struct config_reference from[3], from_other, to, to_free;
	struct pipeline_config pipelines[2];
	struct config config;
	struct ledger *ledger;
	struct graph *graph;
	struct loop *loop;
	struct knobs *knobs;
	struct pressure *pressure;
	int64_t now_ns;
	uint64_t rates[INSTANCES]; /* rows that an input sends a second, unless turned down */
	bool samples;              /* that it says what it left out */
};

static void input_config(struct setting *at, int index, const char *name,
			 const struct plugin *plugin)
{
	at->instances[index] = (struct instance_config){ .name = name,
							 .kind = SONDE_INPUT,
							 .plugin = plugin,
							 .self = &at->defaults,
							 .threads = 1,
							 .routed = true };
}

static void output_config(struct setting *at, int index, const char *name,
			  struct config_reference *to, const struct queue_config *queue)
{
	at->instances[index] = (struct instance_config){ .name = name,
							 .kind = SONDE_OUTPUT,
							 .plugin = &stuck_plugin,
							 .queue = *queue,
							 .routed = true };
	*to = (struct config_reference){ .instance = &at->instances[index], .queue = *queue };
}

static void build_graph(struct setting *at, bool turn_down)
{
	struct queue_config wide = { .memory_bytes = 64 << 20 };
	struct queue_config queue = { .memory_bytes = 64 << 10, .turn_down = turn_down };

	input_config(at, CALLS, "calls", &tunable_plugin);
	input_config(at, WAITS, "waits", &tunable_plugin);
	input_config(at, PLAIN, "plain", &plain_plugin);
	input_config(at, OTHER, "other", &tunable_plugin);
	output_config(at, STUCK, "stuck", &at->to, &queue);
	output_config(at, FREE, "free", &at->to_free, &wide);
	for (int i = 0; i < 3; i++)
		at->from[i].instance = &at->instances[i];
	at->from_other.instance = &at->instances[OTHER];
	at->pipelines[0] = (struct pipeline_config){ .name = "main",
						     .from_count = 3,
						     .to_count = 1,
						     .from = at->from,
						     .to = &at->to,
						     .queue = wide };
	at->pipelines[1] = (struct pipeline_config){ .name = "second",
						     .from_count = 1,
						     .to_count = 1,
						     .from = &at->from_other,
						     .to = &at->to_free,
						     .queue = wide };
	at->config = (struct config){ .path = "test",
				      .instance_count = INSTANCES,
				      .pipeline_count = 2,
				      .instances = at->instances,
				      .pipelines = at->pipelines };
}

static void open_graph(struct setting *at, bool turn_down)
{
	*at = (struct setting){ .defaults = { .sample_one_in = 1 },
				.now_ns = second,
				.rates = { [CALLS] = 1000, [WAITS] = 400, [OTHER] = 1000 },
				.samples = true };
	__atomic_store_n(&is_stuck, true, __ATOMIC_RELEASE);
	build_graph(at, turn_down);
	assert_int_equal(ledger_open(NULL, &at->ledger), 0);
	assert_int_equal(graph_create(&at->config, at->ledger, NULL, &at->graph), 0);
	assert_int_equal(graph_start(at->graph, NULL, NULL), 0);
	while (__atomic_load_n(&at->graph->starting_count, __ATOMIC_ACQUIRE))
		clock_sleep_ns(NS_PER_MS);
	at->loop = loop_create("main");
	at->knobs = knobs_create(at->graph, at->loop);
	at->pressure = pressure_create(at->graph, at->knobs, at->loop);
	assert_non_null(at->pressure);
}

static void close_graph(struct setting *at)
{
	pressure_release(at->pressure);
	knobs_release(at->knobs);
	graph_stop(at->graph, clock_monotonic_ns() + 100 * NS_PER_MS);
	graph_release(at->graph);
	ledger_close(at->ledger);
	loop_release(at->loop);
}

static uint32_t one_in(const struct setting *at, int input)
{
	struct sonde_instance *base = &at->graph->nodes[input].instances[0]->base;

	return __atomic_load_n(&((struct tunable *)base->self)->sample_one_in, __ATOMIC_ACQUIRE);
}

static void queue_fill(struct setting *at, bool full)
{
	struct route *route = NULL;
	struct route_snapshot snapshot;

	for (uint32_t i = 0; i < at->graph->route_count; i++) {
		if (!strcmp(at->graph->routes[i].plan.to, "stuck"))
			route = at->graph->routes[i].route;
	}
	assert_non_null(route);
	__atomic_store_n(&is_stuck, full, __ATOMIC_RELEASE);
	if (!full)
		route_drop(route);
	for (;;) { /* until the output has taken what it takes */
		route_snapshot(route, &snapshot);
		if (!full || (snapshot.held.rows && snapshot.bytes * 10 > snapshot.limit_bytes * 8))
			return;
		if (snapshot.bytes * 10 > snapshot.limit_bytes * 8)
			clock_sleep_ns(NS_PER_MS);
		else
			route_push(route, finished_batch(0, 20));
	}
}

/* Inputs send what is left of their rows, and say so in their accounts. */
static void pass(struct setting *at, int seconds)
{
	while (seconds--) {
		for (int i = 0; i < INSTANCES; i++) {
			struct instance *instance = at->graph->nodes[i].instances[0];
			uint64_t rows;

			if (!at->rates[i])
				continue;
			rows = at->rates[i] / one_in(at, i);
			tally_add(&instance->account->in, rows, rows);
			if (at->samples)
				tally_add(&instance->account->reduced[SONDE_SAMPLED], 0,
					  at->rates[i] - rows);
		}
		at->now_ns += second;
		pressure_look(at->pressure, at->now_ns);
	}
}

static void run_loop(struct setting *at)
{
	struct loop_timer end = { .run = (void (*)(void *))loop_end, .data = at->loop };

	loop_timer_after(at->loop, &end, 5 * NS_PER_MS);
	loop_run(at->loop);
}

static int set(struct setting *at, const char *value, int64_t for_ns)
{
	char error[256];

	return knob_set(at->knobs, "user", "calls.sample_one_in", value, for_ns, error,
			sizeof(error));
}

/* ---- the tests --------------------------------------------------------------------------- */

static void a_full_queue_turns_down_the_input_that_sends_most_first(void **state)
{
	struct pressure_input input;
	struct setting at;

	open_graph(&at, true);
	pass(&at, 5);
	assert_false(pressure_input(at.pressure, 0, &input));
	queue_fill(&at, true);
	pass(&at, 5);
	assert_int_equal(one_in(&at, CALLS), 2);
	assert_int_equal(one_in(&at, WAITS), 1);
	assert_true(pressure_input(at.pressure, 0, &input));
	assert_string_equal(input.name, "calls");
	assert_string_equal(input.from, "main");
	assert_string_equal(input.to, "stuck");
	assert_int_equal(input.one_in, 2);
	assert_true(input.share > 0.75);
	assert_false(pressure_input(at.pressure, 1, &input));
	pass(&at, 11); /* its 250 rows a second are less than the 400 of the other */
	assert_int_equal(one_in(&at, CALLS), 4);
	assert_int_equal(one_in(&at, WAITS), 2);
	close_graph(&at);
}

static void inputs_before_other_queues_are_not_touched(void **state)
{
	struct setting at;

	open_graph(&at, true);
	queue_fill(&at, true);
	pass(&at, 300);
	assert_int_equal(one_in(&at, CALLS), 1024);
	assert_int_equal(one_in(&at, WAITS), 512); /* less than a row a second is left of it */
	assert_int_equal(one_in(&at, OTHER), 1);
	close_graph(&at);
}

static void steps_are_taken_back_one_by_one_when_it_has_emptied(void **state)
{
	struct pressure_input input;
	struct setting at;
	uint32_t before, changes = 0;

	open_graph(&at, true);
	queue_fill(&at, true);
	pass(&at, 60);
	queue_fill(&at, false);
	for (before = one_in(&at, CALLS); one_in(&at, CALLS) > 1; before = one_in(&at, CALLS)) {
		pass(&at, 1);
		assert_true(one_in(&at, CALLS) == before || one_in(&at, CALLS) == before / 2);
		assert_true(++changes < 1000);
	}
	pass(&at, 30);
	run_loop(&at);
	assert_int_equal(one_in(&at, WAITS), 1);
	assert_false(pressure_input(at.pressure, 0, &input));
	assert_int_equal(knob_left_ns(at.knobs, "calls", "sample_one_in"), 0);
	close_graph(&at);
}

static void each_step_is_a_decision(void **state)
{
	struct sonde_record record;
	static char texts[SONDE_RECORD_BYTES];
	struct setting at;
	uint64_t cursor = 0;

	while (!chronicle_read("test", SONDE_RECORD_DECISION, &cursor, &record, texts,
			       sizeof(texts)))
		;
	open_graph(&at, true);
	queue_fill(&at, true);
	pass(&at, 5);
	assert_int_equal(chronicle_read("test", SONDE_RECORD_DECISION, &cursor, &record, texts,
					sizeof(texts)),
			 0);
	assert_string_equal(record.event, "knob.set");
	assert_string_equal(record.actor, "pressure");
	assert_string_equal(record.instance, "calls");
	assert_string_equal(record.before, "1");
	assert_string_equal(record.after, "2");
	assert_non_null(strstr(record.message, "queue main > stuck is "));
	close_graph(&at);
}

static void an_output_may_ask_for_nothing(void **state)
{
	struct setting at;

	open_graph(&at, false);
	queue_fill(&at, true);
	pass(&at, 100);
	assert_int_equal(one_in(&at, CALLS), 1);
	close_graph(&at);
}

static void it_multiplies_what_others_have_set(void **state)
{
	struct setting at;

	open_graph(&at, true);
	assert_int_equal(set(&at, "10", 0), 0);
	at.rates[WAITS] = 0;
	queue_fill(&at, true);
	pass(&at, 10);
	assert_int_equal(one_in(&at, CALLS), 40);
	queue_fill(&at, false);
	pass(&at, 60);
	run_loop(&at);
	assert_int_equal(one_in(&at, CALLS), 10);
	close_graph(&at);
}

static void the_users_word_goes_first(void **state)
{
	struct setting at;

	open_graph(&at, true);
	at.rates[WAITS] = 0;
	queue_fill(&at, true);
	pass(&at, 5);
	assert_int_equal(set(&at, "3", 40ll * NS_PER_MS), 0);
	pass(&at, 60);
	assert_int_equal(one_in(&at, CALLS), 3);
	clock_sleep_ns(50 * NS_PER_MS);
	run_loop(&at); /* its time is over: what was asked for before comes to bear */
	assert_int_equal(one_in(&at, CALLS), 2);
	pass(&at, 10);
	assert_in_range(one_in(&at, CALLS), 4, 16);
	close_graph(&at);
}

static void what_the_user_sets_for_good_stays_until_the_next_step(void **state)
{
	struct pressure_input input;
	struct setting at;

	open_graph(&at, true);
	at.rates[WAITS] = 0;
	queue_fill(&at, true);
	pass(&at, 5);
	assert_int_equal(one_in(&at, CALLS), 2);
	assert_int_equal(set(&at, "1", 0), 0);
	pass(&at, 1);
	assert_int_equal(one_in(&at, CALLS), 1);
	assert_false(pressure_input(at.pressure, 0, &input));
	pass(&at, 6);
	assert_int_equal(one_in(&at, CALLS), 4);
	close_graph(&at);
}

static void an_input_that_leaves_nothing_out_is_left_alone(void **state)
{
	struct setting at;

	open_graph(&at, true);
	at.samples = false;
	queue_fill(&at, true);
	pass(&at, 25);
	run_loop(&at);
	assert_int_equal(one_in(&at, CALLS), 1);
	pass(&at, 20);
	assert_int_equal(one_in(&at, CALLS), 1);
	close_graph(&at);
}

static void a_reload_keeps_what_goes_on_turned_down(void **state)
{
	struct pressure_input input;
	struct setting at;

	open_graph(&at, true);
	queue_fill(&at, true);
	pass(&at, 20);
	assert_true(one_in(&at, CALLS) >= 4);
	knobs_follow(at.knobs, at.graph);
	pressure_follow(at.pressure, at.graph);
	run_loop(&at);
	assert_true(one_in(&at, CALLS) >= 4);
	assert_true(pressure_input(at.pressure, 0, &input));
	queue_fill(&at, false);
	pass(&at, 200);
	run_loop(&at);
	assert_int_equal(one_in(&at, CALLS), 1);
	close_graph(&at);
}

static void a_reload_that_takes_the_queue_away_gives_the_knob_back(void **state)
{
	struct pressure_input input;
	struct setting at;

	open_graph(&at, true);
	queue_fill(&at, true);
	pass(&at, 20);
	for (uint32_t i = 0; i < at.graph->route_count; i++)
		at.graph->routes[i].plan.queue.turn_down = false;
	knobs_follow(at.knobs, at.graph);
	pressure_follow(at.pressure, at.graph);
	run_loop(&at);
	assert_int_equal(one_in(&at, CALLS), 1);
	assert_int_equal(one_in(&at, WAITS), 1);
	assert_false(pressure_input(at.pressure, 0, &input));
	close_graph(&at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_queue_turns_down_the_input_that_sends_most_first),
		cmocka_unit_test(inputs_before_other_queues_are_not_touched),
		cmocka_unit_test(steps_are_taken_back_one_by_one_when_it_has_emptied),
		cmocka_unit_test(each_step_is_a_decision),
		cmocka_unit_test(an_output_may_ask_for_nothing),
		cmocka_unit_test(it_multiplies_what_others_have_set),
		cmocka_unit_test(the_users_word_goes_first),
		cmocka_unit_test(what_the_user_sets_for_good_stays_until_the_next_step),
		cmocka_unit_test(an_input_that_leaves_nothing_out_is_left_alone),
		cmocka_unit_test(a_reload_keeps_what_goes_on_turned_down),
		cmocka_unit_test(a_reload_that_takes_the_queue_away_gives_the_knob_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
