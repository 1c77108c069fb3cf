// SPDX-License-Identifier: Apache-2.0
/* Input `load`: how many tasks want a CPU, read from /proc/loadavg. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sonde/plugin.h>

struct load {
	int64_t interval_ns; /* option: time between two readings */
	FILE *file;          /* /proc/loadavg, open from start to stop */
};

struct load_row {
	int64_t time_ns;         /* wall clock, ns since the epoch */
	double one_minute;       /* exponentially damped, as the kernel computes it */
	uint32_t runnable_count; /* tasks that are running or could be */
};

static const struct sonde_option load_options[] = {
	{ .name = "interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct load, interval_ns),
	  .value = "5s",
	  .minimum = "100ms",
	  .knob = true,
	  .help = "time between two readings" },
	{ 0 },
};

static const struct sonde_field load_fields[] = {
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct load_row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "system.load.1m",
	  .type = SONDE_DOUBLE,
	  SONDE_MEMBER(struct load_row, one_minute),
	  .role = SONDE_ROLE_GAUGE,
	  .unit = "{task}",
	  .help = "load average over one minute" },
	{ .name = "system.tasks.runnable",
	  .type = SONDE_U32,
	  SONDE_MEMBER(struct load_row, runnable_count),
	  .role = SONDE_ROLE_GAUGE,
	  .unit = "{task}",
	  .help = "tasks running or ready to run" },
	{ 0 },
};

enum { LOAD_ROW }; /* index into load_schemas */

static const struct sonde_schema load_schemas[] = {
	[LOAD_ROW] = { .name = "load", .row_size = sizeof(struct load_row), .fields = load_fields },
	{ 0 },
};

static int load_start(struct sonde_instance *instance)
{
	struct load *load = instance->self;

	load->file = fopen("/proc/loadavg", "re");
	if (!load->file)
		return sonde_fail(instance, errno, "cannot open /proc/loadavg");
	return sonde_every(instance, 0, load->interval_ns);
}

static int load_set(struct sonde_instance *instance) /* a knob has changed */
{
	struct load *load = instance->self;

	return sonde_every(instance, 0, load->interval_ns);
}

static int load_timer(struct sonde_instance *instance, int timer)
{
	struct load *load = instance->self;
	struct load_row *row =
		sonde_row(instance, LOAD_ROW); /* never NULL; dropped if not emitted */

	(void)timer;
	rewind(load->file);
	if (fscanf(load->file, "%lf %*f %*f %u/", &row->one_minute, &row->runnable_count) != 2)
		return sonde_fail(instance, EPROTO,
				  "/proc/loadavg reads differently on this kernel");
	row->time_ns = sonde_now_ns(instance);
	return sonde_emit(instance);
}

static void load_stop(struct sonde_instance *instance)
{
	struct load *load = instance->self;

	if (load->file)
		fclose(load->file);
	load->file = NULL; /* start() may come again */
}

static const struct sonde_plugin load_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "load",
	.summary = "tasks that want a CPU",
	.version = "1.0",
	.self_size = sizeof(struct load),
	.options = load_options,
	.schemas = load_schemas,
	.start = load_start,
	.set = load_set,
	.timer = load_timer,
	.stop = load_stop,
};

SONDE_EXPORT(load_plugin)
