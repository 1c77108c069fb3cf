// SPDX-License-Identifier: Apache-2.0
/* Input `execs`: how many programs are started and system calls made, counted in the kernel. */
#include <errno.h>
#include <stddef.h>
#include <sonde/kernel.h>
#include <sonde/plugin.h>

#include "embedded_execs.h"
#include "execs.h"

enum { EXEC_HOOK, CALL_HOOK, HOOKS }; /* indexes into execs_hooks */

static const struct sonde_kernel_hook execs_hooks[] = {
	[EXEC_HOOK] = { .name = "sched_process_exec", .program = "exec" },
	[CALL_HOOK] = { .name = "sys_enter", .program = "call", .shared = true },
	{ 0 },
};

static const char *const execs_variants[] = { "tp_btf", "tracepoint", NULL };

struct counts {
	uint64_t execs, calls;
};

struct execs {
	int64_t interval_ns;         /* option: time between two rows */
	struct sonde_kernel *kernel; /* from start to stop */
	const struct execs_cpu *cpus;
	struct counts read;   /* what is in rows so far */
	int64_t read_time_ns; /* when the last row was made */
};

struct execs_row {
	int64_t start_time_ns, time_ns; /* what the row covers */
	uint64_t exec_count;            /* programs started in that time */
	uint64_t call_count;            /* system calls made */
};

static const struct sonde_option execs_options[] = {
	{ .name = "interval",
	  .type = SONDE_DURATION,
	  SONDE_MEMBER(struct execs, interval_ns),
	  .value = "5s",
	  .minimum = "100ms",
	  .knob = true,
	  .help = "time between two rows" },
	{ 0 },
};

static const struct sonde_field execs_fields[] = {
	{ .name = "start_time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct execs_row, start_time_ns),
	  .role = SONDE_ROLE_START_TIME },
	{ .name = "time",
	  .type = SONDE_TIME,
	  SONDE_MEMBER(struct execs_row, time_ns),
	  .role = SONDE_ROLE_TIME },
	{ .name = "process.starts",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct execs_row, exec_count),
	  .role = SONDE_ROLE_SUM,
	  .temporality = SONDE_DELTA,
	  .monotonic = true,
	  .unit = "{program}",
	  .help = "programs started" },
	{ .name = "system.calls",
	  .type = SONDE_U64,
	  SONDE_MEMBER(struct execs_row, call_count),
	  .role = SONDE_ROLE_SUM,
	  .temporality = SONDE_DELTA,
	  .monotonic = true,
	  .unit = "{call}",
	  .help = "system calls made" },
	{ 0 },
};

enum { EXECS_ROW }; /* index into execs_schemas */

static const struct sonde_schema execs_schemas[] = {
	[EXECS_ROW] = { .name = "execs",
			.row_size = sizeof(struct execs_row),
			.fields = execs_fields },
	{ 0 },
};

/* The kernel goes on counting while the blocks of its CPUs are added up. */
static struct counts counts_now(const struct execs *execs)
{
	struct counts counts = { 0 };

	for (uint32_t cpu = 0; cpu < sonde_kernel_cpu_count(); cpu++) {
		counts.execs += __atomic_load_n(&execs->cpus[cpu].exec_count, __ATOMIC_RELAXED);
		counts.calls += __atomic_load_n(&execs->cpus[cpu].call_count, __ATOMIC_RELAXED);
	}
	return counts;
}

static int execs_start(struct sonde_instance *instance)
{
	const struct sonde_kernel_plan plan = {
		.size = sizeof(plan),
		.name = "execs",
		.object = embedded_execs,
		.object_bytes = embedded_execs_bytes,
		.variants = execs_variants,
		.hooks = execs_hooks,
		.cpu_map = "cpus",
	};
	struct execs *execs = instance->self;
	char message[512];
	int error;

	error = sonde_kernel_load(&plan, &execs->kernel, message, sizeof(message));
	if (error)
		return sonde_fail(instance, -error, "cannot watch programs start: %s", message);
	execs->cpus = sonde_kernel_memory(execs->kernel, "cpus");
	if (!execs->cpus)
		return sonde_fail(instance, errno, "cannot map the counts");
	for (uint32_t hook = 0; hook < HOOKS; hook++) {
		error = sonde_kernel_attach(execs->kernel, hook);
		if (error)
			return sonde_fail(instance, -error, "cannot attach to %s",
					  execs_hooks[hook].name);
	}
	execs->read = counts_now(execs); /* of the trial that the load made */
	execs->read_time_ns = sonde_now_ns(instance);
	return sonde_every(instance, 0, execs->interval_ns);
}

static int execs_set(struct sonde_instance *instance) /* a knob has changed */
{
	struct execs *execs = instance->self;

	return sonde_every(instance, 0, execs->interval_ns);
}

static int execs_emit(struct sonde_instance *instance)
{
	struct execs *execs = instance->self;
	struct execs_row *row = sonde_row(instance, EXECS_ROW);
	struct counts now = counts_now(execs);

	row->start_time_ns = execs->read_time_ns;
	row->time_ns = sonde_now_ns(instance);
	row->exec_count = now.execs - execs->read.execs;
	row->call_count = now.calls - execs->read.calls;
	execs->read_time_ns = row->time_ns;
	execs->read = now;
	return sonde_emit(instance);
}

static int execs_timer(struct sonde_instance *instance, int id)
{
	(void)id;
	return execs_emit(instance);
}

/* What the programs cost, in `status`. */
static int execs_report(struct sonde_instance *instance, struct sonde_report *report)
{
	struct execs *execs = instance->self;
	struct sonde_kernel_cost cost;

	for (uint32_t hook = 0; !sonde_kernel_cost(execs->kernel, hook, &cost); hook++) {
		sonde_report_text(instance, report, "programs", cost.program, "variant",
				  sonde_kernel_variant(execs->kernel));
		sonde_report(instance, report, "programs", cost.program, "runs", "{run}",
			     (double)cost.runs);
	}
	return 0;
}

static void execs_stop(struct sonde_instance *instance)
{
	struct execs *execs = instance->self;

	sonde_kernel_free(execs->kernel); /* NULL is fine */
	execs->kernel = NULL;
}

static const struct sonde_plugin execs_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "execs",
	.summary = "how many programs are started and system calls made",
	.version = "1.0",
	.self_size = sizeof(struct execs),
	.options = execs_options,
	.schemas = execs_schemas,
	.start = execs_start,
	.stop = execs_stop,
	.set = execs_set,
	.timer = execs_timer,
	.drain = execs_emit, /* what was counted since the last row */
	.report = execs_report,
};

SONDE_EXPORT(execs_plugin)
