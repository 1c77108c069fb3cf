/* SPDX-License-Identifier: Apache-2.0 */
/* An output behind two routes, whose plugin does as a test says and remembers what it saw. Its loop
 * runs on the test's own thread. */
#ifndef SONDE_TEST_OUTPUT_BENCH_H
#define SONDE_TEST_OUTPUT_BENCH_H

#include <errno.h>

#include "made.h"
#include "output.h"

enum { ROWS = 100, WRITE_LIMIT = 64, TIMER = 0 };

/* How write() behaves, and what it saw. */
struct tested {
	int result;   /* what write() returns */
	bool settles; /* inside write(), with `outcome` */
	bool start_fails;
	bool counts_only; /* writes are too many to be seen one by one */
	struct sonde_outcome outcome;
	struct sonde_delivery *kept[WRITE_LIMIT];
	uint32_t kept_count;
	struct seen {
		uint64_t sequence, first;
		uint32_t attempt, batch_count;
	} seen[WRITE_LIMIT];
	uint32_t write_count;
	uint64_t rows_read_in_stop;
};

static struct tested tested;
__attribute__((unused)) static int tested_start(struct sonde_instance *instance)
{
	return tested.start_fails ? sonde_fail(instance, EIO, "as the test wants") : 0;
}

__attribute__((unused)) static int tested_write(struct sonde_instance *instance,
						struct sonde_delivery *delivery)
{
	struct seen *seen = &tested.seen[tested.write_count];

	if (tested.counts_only)
		return SONDE_OK;
	tested.write_count++;
	assert_true(tested.write_count < WRITE_LIMIT);
	*seen = (struct seen){ .sequence = delivery->sequence,
			       .first = first_number(delivery->batches[0]),
			       .attempt = delivery->attempt,
			       .batch_count = delivery->batch_count };
	if (tested.settles)
		sonde_settle(instance, delivery, &tested.outcome);
	else if (tested.result == SONDE_LATER)
		tested.kept[tested.kept_count++] = delivery;
	return tested.result;
}

__attribute__((unused)) static void tested_stop(struct sonde_instance *instance)
{
	const struct sonde_outcome done = { .size = sizeof(done) };

	for (uint32_t i = 0; i < tested.kept_count; i++)
		tested.rows_read_in_stop += tested.kept[i]->batches[0]->selected_count;
	if (tested.kept_count) /* the first one made it in the end */
		sonde_settle(instance, tested.kept[0], &done);
	tested.kept_count = 0;
}

/* An output behind two routes. */
struct bench {
	struct ledger *ledger;
	struct loop *loop;
	struct loop_timer end;
	struct route routes[2];
	struct route *sources[2];
	struct sonde_plugin descriptor;
	struct plugin plugin;
	struct instance_config config;
	struct output output;
	struct sonde_settlement heard;
	uint32_t heard_count;
};

__attribute__((unused)) static void end_loop(void *data)
{
	loop_end(data);
}

__attribute__((unused)) static void open_bench(struct bench *bench, uint32_t in_flight,
					       uint32_t batch_limit)
{
	static const char *const names[] = { "one", "other" };
	struct queue_config queue = { .memory_bytes = SIZE_MAX };

	*bench = (struct bench){ 0 };
	tested = (struct tested){ .outcome = { .size = sizeof(struct sonde_outcome) } };
	assert_int_equal(ledger_open(NULL, &bench->ledger), 0);
	bench->loop = loop_create("output");
	bench->descriptor =
		(struct sonde_plugin){ SONDE_PLUGIN_OUTPUT,    .name = "tested",
				       .in_flight = in_flight, .batch_limit = batch_limit,
				       .start = tested_start,  .stop = tested_stop,
				       .write = tested_write };
	bench->plugin.descriptor = &bench->descriptor;
	bench->config = (struct instance_config){
		.name = "tested",
		.plugin = &bench->plugin,
		.self = bench,
		.retry = { .first_ns = NS_PER_MS, .longest_ns = 8 * NS_PER_MS },
	};
	output_init(&bench->output, instance_create(&bench->config, 0, 1, bench->loop));
	for (int i = 0; i < 2; i++) {
		route_init(&bench->routes[i], names[i], "tested", &queue,
			   ledger_account(bench->ledger, ACCOUNT_ROUTE, names[i]));
		bench->routes[i].final = true;
		bench->routes[i].receiver_loop = bench->loop;
		bench->routes[i].arrived = &bench->output.task;
		bench->sources[i] = &bench->routes[i];
	}
	bench->output.sources = (struct sources){ .routes = bench->sources, .count = 2 };
	instance_start(bench->output.instance);
}

/* Runs the loop until nothing is posted any more and `ns` have passed. */
__attribute__((unused)) static void run(struct bench *bench, int64_t ns)
{
	bench->end = (struct loop_timer){ .run = end_loop, .data = bench->loop };
	loop_timer_after(bench->loop, &bench->end, ns);
	loop_run(bench->loop);
}

__attribute__((unused)) static void close_bench(struct bench *bench)
{
	output_stop(&bench->output);
	for (int i = 0; i < 2; i++)
		route_clear(&bench->routes[i]);
	loop_release(bench->loop);
	instance_release(bench->output.instance);
	for (int i = 0; i < 2; i++)
		assert_int_equal(account_open(bench->routes[i].account).rows, 0);
	ledger_close(bench->ledger);
}

__attribute__((unused)) static void hear(void *origin, uint64_t token,
					 const struct sonde_settlement *settlement)
{
	struct bench *bench = origin;

	bench->heard = *settlement;
	bench->heard_count++;
}

__attribute__((unused)) static void push(struct bench *bench, uint64_t first)
{
	struct sonde_batch *batch = finished_batch(first, ROWS);
	struct receipt *receipt = receipt_create(hear, bench, first);

	receipts_add(batch_receipts(batch), receipt, ROWS);
	receipt_release(receipt);
	route_push(&bench->routes[0], batch);
}

__attribute__((unused)) static uint64_t delivered(const struct bench *bench)
{
	return tally_read(&bench->routes[0].account->out).rows;
}

__attribute__((unused)) static uint64_t lost(const struct bench *bench, enum sonde_loss loss)
{
	return tally_read(&bench->routes[0].account->lost[loss]).rows;
}

__attribute__((unused)) static void answer(struct bench *bench, uint32_t kept, int64_t batch,
					   struct sonde_outcome outcome)
{
	outcome.size = sizeof(outcome);
	if (batch < 0)
		sonde_settle(&bench->output.instance->base, tested.kept[kept], &outcome);
	else
		sonde_settle_batch(&bench->output.instance->base, tested.kept[kept],
				   (uint32_t)batch, &outcome);
}

#endif
