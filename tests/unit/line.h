/* SPDX-License-Identifier: Apache-2.0 */
/* A pipeline from one route through processors to others, run by hand on the test's own thread. */
#ifndef SONDE_TEST_LINE_H
#define SONDE_TEST_LINE_H

#include "made.h"
#include "pipeline.h"
#include "processor.h"

enum { ROWS = 100, STAGE_LIMIT = 3, SINK_LIMIT = 2, HEARD_LIMIT = 4 };

struct heard {
	uint32_t count;
	struct sonde_settlement settlement;
};

/* A pipeline from one route through stages to sinks, whose end at outputs the test plays. */
struct line {
	struct ledger *ledger;
	struct loop *loop;
	struct pipeline pipeline;
	struct route source, sinks[SINK_LIMIT];
	struct route *sources[1];
	uint32_t sink_count;
	struct instance *stages[STAGE_LIMIT];
	struct plugin plugins[STAGE_LIMIT];
	struct instance_config configs[STAGE_LIMIT];
	struct heard heard[HEARD_LIMIT];
};

__attribute__((unused)) static void hear(void *origin, uint64_t token,
					 const struct sonde_settlement *settlement)
{
	struct line *line = origin;

	line->heard[token].settlement = *settlement;
	count_up(&line->heard[token].count);
}

__attribute__((unused)) static void init_route(struct line *line, struct route *route,
					       const char *name, size_t limit,
					       enum when_full when_full)
{
	struct queue_config config = { .memory_bytes = limit, .when_full = when_full };

	route_init(route, name, name, &config, ledger_account(line->ledger, ACCOUNT_ROUTE, name));
}

__attribute__((unused)) static void add_stage(struct line *line,
					      const struct sonde_plugin *descriptor)
{
	static const char *const names[] = { "first", "second", "third" };
	uint32_t at = line->pipeline.stage_count++;
	struct instance *stage;

	line->plugins[at].descriptor = descriptor;
	line->plugins[at].schema_count = descriptor->schemas ? 1 : 0;
	line->configs[at].name = names[at];
	line->configs[at].plugin = &line->plugins[at];
	line->configs[at].self = calloc(1, descriptor->self_size + 1);
	stage = instance_create(&line->configs[at], 0, 1, line->loop);
	assert_non_null(stage);
	stage->account = ledger_account(line->ledger, ACCOUNT_PROCESSOR, names[at]);
	stage->owner = &line->pipeline;
	stage->position = at;
	stage->emit = processor_emit;
	line->stages[at] = stage;
	instance_start(stage);
}

__attribute__((unused)) static void
open_line(struct line *line, const struct sonde_plugin *const *descriptors, uint32_t sink_count)
{
	static const char *const names[] = { "to one", "to other" };

	memset(line, 0, sizeof(*line));
	line->sink_count = sink_count;
	assert_int_equal(ledger_open(NULL, &line->ledger), 0);
	line->loop = loop_create("line");
	pipeline_init(&line->pipeline, NULL, line->loop);
	init_route(line, &line->source, "from", SIZE_MAX, WHEN_FULL_DROP_NEWEST);
	line->sources[0] = &line->source;
	line->pipeline.sources = (struct sources){ .routes = line->sources, .count = 1 };
	line->pipeline.stages = line->stages;
	for (uint32_t i = 0; i < sink_count; i++) {
		init_route(line, &line->sinks[i], names[i], SIZE_MAX, WHEN_FULL_DROP_NEWEST);
		line->sinks[i].final = true;
		fan_add(&line->pipeline.fan, 1)->routes[0] = &line->sinks[i];
	}
	for (; *descriptors; descriptors++)
		add_stage(line, *descriptors);
}

__attribute__((unused)) static void close_line(struct line *line)
{
	for (uint32_t i = 0; i < line->pipeline.stage_count; i++)
		instance_stop(line->stages[i]);
	for (uint32_t i = 0; i < line->pipeline.stage_count; i++)
		processor_give_up(line->stages[i]);
	route_clear(&line->source);
	for (uint32_t i = 0; i < line->sink_count; i++)
		route_clear(&line->sinks[i]);
	fan_clear(&line->pipeline.fan);
	loop_release(line->loop);
	for (uint32_t i = 0; i < line->pipeline.stage_count; i++) {
		instance_release(line->stages[i]);
		free(line->configs[i].self);
	}
	ledger_close(line->ledger);
}

/* Rows that an origin waits for under that token. */
__attribute__((unused)) static void push(struct line *line, uint64_t first, uint32_t row_count,
					 uint64_t token)
{
	struct sonde_batch *batch = finished_batch(first, row_count);
	struct receipt *receipt = receipt_create(hear, line, token);

	receipts_add(batch_receipts(batch), receipt, row_count);
	receipt_release(receipt);
	route_push(&line->source, batch);
}

__attribute__((unused)) static void run(struct line *line)
{
	while (!route_is_idle(&line->source))
		line->pipeline.task.run(line->pipeline.task.data);
}

/* Takes all that came to a sink; returns how many rows. */
__attribute__((unused)) static uint64_t deliver(struct line *line, uint32_t sink)
{
	struct sonde_batch *batch;
	uint64_t rows = 0;

	while ((batch = route_pop(&line->sinks[sink]))) {
		rows += batch->selected_count;
		route_settle(&line->sinks[sink], batch, 0, SONDE_LOST_FAILED, NULL, false);
	}
	return rows;
}

__attribute__((unused)) static void refuse(struct line *line, uint32_t sink, enum sonde_loss loss)
{
	struct sonde_batch *batch;

	while ((batch = route_pop(&line->sinks[sink])))
		route_settle(&line->sinks[sink], batch, batch->selected_count, loss, NULL, false);
}

/* Every account closes, with what its processor says that it holds. */
__attribute__((unused)) static void assert_closes(struct line *line)
{
	struct account *account;

	for (uint32_t i = 0; (account = ledger_at(line->ledger, i)); i++) {
		struct tally open = account_open(account), held = { 0 };

		for (uint32_t s = 0; s < line->pipeline.stage_count; s++) {
			if (line->stages[s]->account == account)
				held = line->stages[s]->held;
		}
		if (account->kind != ACCOUNT_PROCESSOR)
			continue;
		assert_int_equal(open.rows, held.rows);
		assert_int_equal(open.events, held.events);
	}
}

__attribute__((unused)) static void assert_heard(const struct line *line, uint32_t token,
						 uint64_t delivered, uint64_t reduced,
						 uint64_t lost, uint32_t verdict)
{
	const struct heard *heard = &line->heard[token];

	assert_int_equal(heard->count, 1);
	assert_int_equal(heard->settlement.delivered_rows, delivered);
	assert_int_equal(heard->settlement.reduced_rows, reduced);
	assert_int_equal(heard->settlement.lost_rows, lost);
	assert_int_equal(heard->settlement.verdict, verdict);
}

__attribute__((unused)) static struct tally reduced(const struct line *line, uint32_t stage,
						    enum sonde_reduction why)
{
	return tally_read(&line->stages[stage]->account->reduced[why]);
}

__attribute__((unused)) static struct tally lost(const struct line *line, uint32_t stage,
						 enum sonde_loss why)
{
	return tally_read(&line->stages[stage]->account->lost[why]);
}

#endif
