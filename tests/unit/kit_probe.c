// SPDX-License-Identifier: Apache-2.0
/* An input that does what a test of the test host says, and what it saw. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include "kit_probe.h"
#include <cmocka.h> /* last: its macro fail() is a service of the host */

struct probe_seen seen;

static const char *const modes[] = { "calm", "wild", NULL };

static const struct sonde_option friend_options[] = {
	{ .name = "name", .type = SONDE_TEXT, SONDE_MEMBER(struct friend, name), .required = true },
	{ .name = "age", .type = SONDE_U32, SONDE_MEMBER(struct friend, age), .value = "7" },
	{ 0 },
};

static const struct sonde_option probe_options[] = {
	{ .name = "interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct probe, interval_ns),
	  .value = "1s",
	  .minimum = "1ms",
	  .knob = true },
	{ .name = "name", .type = SONDE_TEXT, SONDE_MEMBER(struct probe, name), .required = true },
	{ .name = "mode",
	  .type = SONDE_CHOICE,
	  SONDE_MEMBER(struct probe, mode),
	  .value = "calm",
	  .choices = modes },
	{ .name = "count",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct probe, count),
	  .value = "1",
	  .maximum = "9" },
	{ .name = "friends",
	  .type = SONDE_GROUPS,
	  SONDE_MEMBER(struct probe, friends),
	  .options = friend_options,
	  .item_size = sizeof(struct friend) },
	{ 0 },
};

static const struct sonde_counter probe_counters[] = {
	{ .name = "ticks", SONDE_MEMBER(struct probe, ticks), .unit = "{tick}" },
	{ 0 },
};

static const struct sonde_field probe_fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct probe_row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "number", .type = SONDE_U64, SONDE_MEMBER(struct probe_row, number) },
	{ .name = "name", .type = SONDE_TEXT, SONDE_MEMBER(struct probe_row, name) },
	{ 0 },
};

static const struct sonde_schema probe_schemas[] = {
	{ .name = "probe", .row_size = sizeof(struct probe_row), .fields = probe_fields },
	{ 0 },
};

static int probe_check(struct sonde_instance *instance)
{
	struct probe *probe = instance->self;

	if (probe->mode && probe->count > 5)
		sonde_problem(instance, "count", "at most 5 where the mode is \"wild\"");
	sonde_note(instance, "%u rows a tick", probe->count);
	return 0;
}

static int probe_start(struct sonde_instance *instance)
{
	struct probe *probe = instance->self;

	probe->starts++;
	assert_int_equal(probe->starts, 1);
	if (seen.start_error)
		return sonde_fail(instance, seen.start_error, "cannot start");
	return sonde_every(instance, TICK, probe->interval_ns);
}

static void probe_stop(struct sonde_instance *instance)
{
	(void)instance;
	seen.stop_count++;
}

static int probe_set(struct sonde_instance *instance)
{
	struct probe *probe = instance->self;

	if (probe->interval_ns == 13 * SONDE_TEST_SECOND)
		return sonde_fail(instance, EINVAL, "13 s brings bad luck");
	return sonde_every(instance, TICK, probe->interval_ns);
}

static int probe_timer(struct sonde_instance *instance, int id)
{
	struct probe *probe = instance->self;

	seen.timer_now_ns[seen.timer_count % 16] = sonde_now_ns(instance);
	seen.timer_id[seen.timer_count++ % 16] = id;
	if (id == AGAIN)
		return sonde_after(instance, AGAIN, 0);
	if (id != TICK)
		return 0;
	sonde_count(&probe->ticks, 1);
	for (uint32_t i = 0; i < probe->count; i++) {
		struct probe_row *row = sonde_row(instance, 0);

		row->time_ns = sonde_now_ns(instance);
		row->number = i;
		row->name = sonde_text(instance, probe->name, strlen(probe->name));
	}
	return sonde_emit(instance);
}

static int probe_ready(struct sonde_instance *instance, int fd, uint32_t events)
{
	char byte;

	seen.ready_events = events;
	if (events & SONDE_READABLE)
		assert_int_equal(read(fd, &byte, 1), 1);
	return events & SONDE_HANGUP ? sonde_unwatch(instance, fd) : 0;
}

static int probe_woken(struct sonde_instance *instance)
{
	seen.woken_count++;
	if (seen.waking_itself)
		sonde_wake(instance);
	return 0;
}

static int probe_drain(struct sonde_instance *instance)
{
	(void)instance;
	return seen.drain_later ? SONDE_LATER : SONDE_OK;
}

static int probe_report(struct sonde_instance *instance, struct sonde_report *report)
{
	sonde_report(instance, report, "weather", "here", "warmth", "Cel", 21.5);
	sonde_report_text(instance, report, "weather", "here", "sky", "clear");
	return 0;
}

static int probe_settled(struct sonde_instance *instance, uint64_t token,
			 const struct sonde_settlement *settlement)
{
	(void)instance;
	seen.token = token;
	seen.settlement = *settlement;
	return 0;
}

static int probe_room(struct sonde_instance *instance)
{
	(void)instance;
	seen.room_count++;
	return 0;
}

static const struct sonde_plugin probe_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "probe",
	.summary = "what the test says",
	.self_size = sizeof(struct probe),
	.waits = 1,
	.options = probe_options,
	.counters = probe_counters,
	.schemas = probe_schemas,
	.check = probe_check,
	.start = probe_start,
	.stop = probe_stop,
	.set = probe_set,
	.ready = probe_ready,
	.timer = probe_timer,
	.woken = probe_woken,
	.drain = probe_drain,
	.report = probe_report,
	.settled = probe_settled,
	.room = probe_room,
};

SONDE_EXPORT(probe_plugin)

struct sonde_test *started(const char *option)
{
	struct sonde_test *test;

	memset(&seen, 0, sizeof(seen));
	test = sonde_test_create(sonde_plugin, "name=one", option, NULL);
	assert_non_null(test);
	assert_int_equal(sonde_test_start(test), 0);
	return test;
}

struct sonde_batch *probe_batch(struct sonde_test *test, uint32_t row_count)
{
	struct sonde_instance *instance = sonde_test_instance(test);
	struct sonde_batch *batch = sonde_batch_create(instance, 0, row_count);

	assert_non_null(batch);
	memset(sonde_batch_rows(instance, batch), 0, row_count * sizeof(struct probe_row));
	assert_int_equal(sonde_batch_resize(instance, batch, row_count), 0);
	return batch;
}
