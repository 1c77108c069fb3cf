/* SPDX-License-Identifier: Apache-2.0 */
/* Input `sleeper`: sleeps in a callback of choice, as a plugin never should; a row every 20 ms. */
#include <errno.h>
#include <time.h>

#include <sonde/plugin.h>

enum { IN_NONE, IN_START, IN_TIMER, IN_SET, IN_STOP, IN_REPORT, IN_DRAIN };

struct sleeper {
	uint32_t in;      /* option: the callback, IN_... */
	int64_t sleep_ns; /* option: how long, each time */
	bool tokens; /* option: asks what became of its rows, and says at its end how many it knows
		      */
	uint64_t count;       /* of rows */
	uint64_t heard_count; /* of rows that were settled */
};

struct sleeper_row {
	int64_t time_ns;
	uint64_t count;
};

static const char *const sleeper_callbacks[] = { "none", "start",  "timer", "set",
						 "stop", "report", "drain", NULL };

static const struct sonde_option sleeper_options[] = {
	{ .name = "in",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct sleeper, in),
	  .value = "none",
	  .choices = sleeper_callbacks,
	  .knob = true },
	{ .name = "sleep",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct sleeper, sleep_ns),
	  .value = "3s",
	  .knob = true },
	{ .name = "tokens",
	  .type = SONDE_BOOL,
	  SONDE_MEMBER(struct sleeper, tokens),
	  .value = "false" },
	{ 0 },
};

static const struct sonde_field sleeper_fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct sleeper_row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "count", .type = SONDE_U64, SONDE_MEMBER(struct sleeper_row, count) },
	{ 0 }
};

static const struct sonde_schema sleeper_schemas[] = {
	{ .name = "sleeper", .row_size = sizeof(struct sleeper_row), .fields = sleeper_fields },
	{ 0 }
};

static int sleep_in(struct sonde_instance *instance, uint32_t in)
{
	const struct sleeper *sleeper = instance->self;
	struct timespec time = { .tv_sec = sleeper->sleep_ns / 1000000000,
				 .tv_nsec = sleeper->sleep_ns % 1000000000 };

	if (sleeper->in == in)
		nanosleep(&time, NULL);
	return 0;
}

static int sleeper_start(struct sonde_instance *instance)
{
	sleep_in(instance, IN_START);
	return sonde_every(instance, 0, 20000000);
}

static int sleeper_emit_token(struct sonde_instance *instance)
{
	struct sleeper *sleeper = instance->self;
	struct sonde_batch *batch = sonde_batch_create(instance, 0, 1);

	if (!batch)
		return sonde_fail(instance, ENOMEM, "no batch");
	*(struct sleeper_row *)sonde_batch_rows(instance, batch) =
		(struct sleeper_row){ .time_ns = sonde_now_ns(instance),
				      .count = sleeper->count++ };
	sonde_batch_resize(instance, batch, 1);
	return sonde_emit_token(instance, batch, 1);
}

static int sleeper_settled(struct sonde_instance *instance, uint64_t token,
			   const struct sonde_settlement *settlement)
{
	struct sleeper *sleeper = instance->self;

	sleeper->heard_count += token;
	return 0;
}

static int sleeper_timer(struct sonde_instance *instance, int timer)
{
	struct sleeper *sleeper = instance->self;
	struct sleeper_row *row;

	if (sleeper->tokens)
		return sleeper_emit_token(instance);
	row = sonde_row(instance, 0);
	row->time_ns = sonde_now_ns(instance);
	row->count = sleeper->count++;
	sleep_in(instance, IN_TIMER);
	return sonde_emit(instance);
}

static int sleeper_set(struct sonde_instance *instance)
{
	return sleep_in(instance, IN_SET);
}

static int sleeper_report(struct sonde_instance *instance, struct sonde_report *report)
{
	const struct sleeper *sleeper = instance->self;

	sonde_report(instance, report, "rows", "all", "count", "{row}", (double)sleeper->count);
	return sleep_in(instance, IN_REPORT);
}

static int sleeper_drain(struct sonde_instance *instance)
{
	sonde_every(instance, 0, 0);
	return sleep_in(instance, IN_DRAIN);
}

static void sleeper_stop(struct sonde_instance *instance)
{
	const struct sleeper *sleeper = instance->self;

	if (sleeper->tokens)
		sonde_log(instance, SONDE_INFO, "has heard of %llu rows of %llu",
			  (unsigned long long)sleeper->heard_count,
			  (unsigned long long)sleeper->count);
	sleep_in(instance, IN_STOP);
}

static const struct sonde_plugin sleeper_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "sleeper",
	.summary = "sleeps where a plugin never should",
	.self_size = sizeof(struct sleeper),
	.options = sleeper_options,
	.schemas = sleeper_schemas,
	.start = sleeper_start,
	.stop = sleeper_stop,
	.set = sleeper_set,
	.timer = sleeper_timer,
	.drain = sleeper_drain,
	.settled = sleeper_settled,
	.report = sleeper_report,
};

SONDE_EXPORT(sleeper_plugin)
