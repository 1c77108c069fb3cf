/* SPDX-License-Identifier: Apache-2.0 */
/* A graph whose loops run, with knobs to set. The main loop is the test's own thread. */
#ifndef KNOB_FIXTURE_H
#define KNOB_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <cmocka.h>

#include "chronicle.h"
#include "knob.h"
#include "made.h"

enum { REPLICAS = 2 };

/* The private struct of every instance here; what its replicas did, over all of them. */
struct tunable {
	uint64_t rate;
	const char *label;
	int64_t interval_ns;
	struct sonde_texts names;
	bool fixed;
};

static uint32_t set_count, refuse_replica, hold_up, entered;
static bool start_fails;

static inline int tunable_start(struct sonde_instance *instance)
{
	return __atomic_load_n(&start_fails, __ATOMIC_ACQUIRE) ? -EIO : 0;
}

static inline int tunable_set(struct sonde_instance *instance)
{
	const struct tunable *tunable = instance->self;

	count_up(&set_count);
	while (tunable->rate == 777 && __atomic_load_n(&hold_up, __ATOMIC_ACQUIRE))
		clock_sleep_ns(NS_PER_MS);
	if (tunable->rate == 666 && instance->replica == refuse_replica)
		return sonde_fail(instance, EDOM, "such a rate is refused");
	return 0;
}

static inline int tunable_woken(struct sonde_instance *instance)
{
	count_up(&entered);
	while (__atomic_load_n(&hold_up, __ATOMIC_ACQUIRE))
		clock_sleep_ns(NS_PER_MS);
	return 0;
}

static inline int tunable_write(struct sonde_instance *instance, struct sonde_delivery *delivery)
{
	return 0;
}

static const struct sonde_option tunable_options[] = {
	{ .name = "rate",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct tunable, rate),
	  .value = "10",
	  .maximum = "1000",
	  .knob = true },
	{ .name = "label",
	  .type = SONDE_TEXT,
	  SONDE_MEMBER(struct tunable, label),
	  .value = "first",
	  .knob = true },
	{ .name = "interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct tunable, interval_ns),
	  .value = "5s",
	  .knob = true },
	{ .name = "names", .type = SONDE_TEXTS, SONDE_MEMBER(struct tunable, names), .knob = true },
	{ .name = "fixed",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct tunable, fixed),
	  .value = "false" },
	{ 0 }
};

static const struct sonde_plugin input_descriptor = {
	SONDE_PLUGIN_INPUT,         .name = "tunable",      .self_size = sizeof(struct tunable),
	.options = tunable_options, .start = tunable_start, .set = tunable_set,
	.woken = tunable_woken
};
static const struct sonde_plugin output_descriptor = { SONDE_PLUGIN_OUTPUT, .name = "sink",
						       .write = tunable_write };
static const struct plugin input_plugin = { .descriptor = &input_descriptor, .option_count = 5 };
static const struct plugin output_plugin = { .descriptor = &output_descriptor };

/* calls (two replicas) > main > out, running. */
struct setting {
	struct instance_config instances[2];
	struct pipeline_config pipeline;
	struct config_reference from, to;
	struct config config;
	struct ledger *ledger;
	struct graph *graph;
	struct loop *loop;
	struct knobs *knobs;
	struct arena *arena;
	struct tunable defaults;
	char error[256];
};

static inline void wait_for_start(struct graph *graph)
{
	while (__atomic_load_n(&graph->starting_count, __ATOMIC_ACQUIRE))
		clock_sleep_ns(NS_PER_MS);
}

static inline void open_graph(struct setting *at)
{
	struct queue_config queue = { .memory_bytes = 1 << 20 };

	*at = (struct setting){ .arena = arena_create() };
	set_count = 0;
	entered = 0;
	refuse_replica = UINT32_MAX;
	assert_int_equal(option_defaults(tunable_options, &at->defaults, at->arena, at->error,
					 sizeof(at->error)),
			 0);
	at->instances[0] = (struct instance_config){ .name = "calls",
						     .kind = SONDE_INPUT,
						     .plugin = &input_plugin,
						     .self = &at->defaults,
						     .threads = REPLICAS,
						     .routed = true };
	at->instances[1] = (struct instance_config){ .name = "out",
						     .kind = SONDE_OUTPUT,
						     .plugin = &output_plugin,
						     .queue = queue,
						     .routed = true };
	at->from.instance = &at->instances[0];
	at->to = (struct config_reference){ .instance = &at->instances[1], .queue = queue };
	at->pipeline = (struct pipeline_config){ .name = "main",
						 .from_count = 1,
						 .to_count = 1,
						 .from = &at->from,
						 .to = &at->to,
						 .queue = queue };
	at->config = (struct config){ .path = "test",
				      .instance_count = 2,
				      .pipeline_count = 1,
				      .instances = at->instances,
				      .pipelines = &at->pipeline };
	assert_int_equal(ledger_open(NULL, &at->ledger), 0);
	assert_int_equal(graph_create(&at->config, at->ledger, NULL, &at->graph), 0);
	assert_int_equal(graph_start(at->graph, NULL, NULL), 0);
	wait_for_start(at->graph);
	at->loop = loop_create("main");
	at->knobs = knobs_create(at->graph, at->loop);
}

static inline void close_graph(struct setting *at)
{
	knobs_release(at->knobs);
	assert_int_equal(graph_stop(at->graph, clock_monotonic_ns() + 10ll * NS_PER_SECOND), 0);
	graph_release(at->graph);
	ledger_close(at->ledger);
	loop_release(at->loop);
	arena_release(at->arena);
}

static inline int set(struct setting *at, const char *path, const char *value, int64_t for_ns)
{
	at->error[0] = '\0';
	return knob_set(at->knobs, "user", path, value, for_ns, at->error, sizeof(at->error));
}

static inline struct tunable *replica(struct setting *at, uint32_t number)
{
	return at->graph->nodes[0].instances[number]->base.self;
}

/* Read between two calls into the instance, which order it. */
static inline void assert_rate(struct setting *at, uint64_t rate)
{
	for (uint32_t i = 0; i < REPLICAS; i++)
		assert_int_equal(replica(at, i)->rate, rate);
}

static inline void end_loop(void *data)
{
	loop_end(data);
}

static inline void run(struct setting *at, int64_t ns)
{
	struct loop_timer end = { .run = end_loop, .data = at->loop };

	loop_timer_after(at->loop, &end, ns);
	loop_run(at->loop);
}

/* The decisions that nobody has read yet, up to the newest, which stays in `record`. */
static inline int next_decision(uint64_t *cursor, struct sonde_record *record)
{
	static char texts[SONDE_RECORD_BYTES];

	return chronicle_read("test", SONDE_RECORD_DECISION, cursor, record, texts, sizeof(texts));
}

#endif
