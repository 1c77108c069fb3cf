// SPDX-License-Identifier: Apache-2.0
/* Input `scheduler`: who waits for a CPU, how long and for whom, and what tasks do with their time.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sonde/bpf/histogram.h>
#include <sonde/plugin.h>

#include "aggregate.h"
#include "asked.h"
#include "events.h"
#include "reading.h"
#include "rows.h"

enum { MODE_OFF, MODE_AGGREGATE, MODE_EVENTS, MODE_BOTH };
enum { TIMER_AGGREGATES, TIMER_EVENTS, TIMER_CALIBRATE };
#define CALIBRATE_AFTER_NS 1000000000 /* the prices of hooks, when the start is over */

enum { HOOKS_AUTO, HOOKS_FIRST_NAMED };

struct scheduler {
	uint32_t mode; /* options */
	int64_t interval_ns;
	uint32_t group_by;
	bool times, culprits;
	uint32_t histogram_scale, top;
	uint32_t time_one_in, sample_one_in, rate_limit;
	struct sonde_texts cgroups, processes;
	int64_t minimum_delay_ns;
	int64_t latency_ns;
	uint64_t ring_bytes;
	uint32_t groups, pairs;
	uint32_t hooks;

	uint64_t waits_read; /* counters */
	uint64_t events_read;

	struct asked_targets asked; /* by pipelines, of events alone */
	uint64_t asked_delay_ns;
	struct probe probe;
	bool open;
	struct aggregate *aggregate;
	int64_t previous_ns; /* of the last reading of the aggregates */
	int64_t now_ns;
};

static const char *const mode_choices[] = { "off", "aggregate", "events", "both", NULL };
static const char *const group_choices[] = { "cgroup", "process", NULL };
static const char *const hook_choices[] = { "auto", "tp_btf", "raw_tp", "tracepoint", NULL };

#define OPTION(name_, type_, member_)                                                              \
	.name = name_, .type = type_, SONDE_MEMBER(struct scheduler, member_)

static const struct sonde_option scheduler_options[] = {
	{ OPTION("mode", SONDE_CHOICE, mode), .value = "aggregate", .choices = mode_choices,
	  .knob = true,
	  .help = "counts made in the kernel, one row a long wait, both, or nothing (detached)" },
	{ OPTION("interval", SONDE_DURATION, interval_ns), .value = "5s", .minimum = "100ms",
	  .maximum = "1h", .knob = true, .help = "time between two readings of the counts" },
	{ OPTION("group_by", SONDE_CHOICE, group_by), .value = "cgroup", .choices = group_choices,
	  .knob = true, .help = "whom waits and times are counted for" },
	{ OPTION("times", SONDE_BOOL, times), .value = "true", .knob = true,
	  .help = "count time on and off the CPU and switches too, not waits alone" },
	{ OPTION("culprits", SONDE_BOOL, culprits), .value = "true", .knob = true,
	  .help = "add rows of who had the CPU while others waited for it" },
	{ OPTION("histogram_scale", SONDE_U32, histogram_scale), .value = "3", .maximum = "3",
	  .knob = true,
	  .help = "how fine histograms of delays are: each step less halves their buckets, "
		  "exactly" },
	{ OPTION("top", SONDE_U32, top), .value = "0", .knob = true, .unit = "{group}",
	  .help = "tell only so many cgroups (or processes) apart in each interval, those that "
		  "waited longest; the rest is one without a name; 0: all" },
	{ OPTION("time_one_in", SONDE_U32, time_one_in), .value = "1", .knob = true,
	  .unit = "{wait}", .help = "count all waits, time one in so many, at random; 0: none" },
	{ OPTION("cgroups", SONDE_TEXTS, cgroups), .knob = true,
	  .help = "only tasks of these v2 cgroups, by path or id" },
	{ OPTION("processes", SONDE_TEXTS, processes), .knob = true,
	  .help = "only tasks of these processes, by pid" },
	{ OPTION("minimum_delay", SONDE_DURATION, minimum_delay_ns), .value = "1ms",
	  .minimum = "0s", .knob = true, .help = "only waits of at least so long make events" },
	{ OPTION("sample_one_in", SONDE_U32, sample_one_in), .value = "1", .minimum = "1",
	  .knob = true, .unit = "{wait}",
	  .help = "make one event of so many such waits, at random, with that weight" },
	{ OPTION("rate_limit", SONDE_U32, rate_limit), .value = "0", .knob = true,
	  .unit = "{event}/s",
	  .help = "events that each CPU may make in a second; the rest is counted as limited; 0: "
		  "no limit" },
	{ OPTION("latency", SONDE_DURATION, latency_ns), .value = "100ms", .minimum = "1ms",
	  .maximum = "10s", .knob = true, .help = "how long an event may wait in the kernel" },
	{ OPTION("groups", SONDE_U32, groups), .value = "512", .minimum = "2", .maximum = "65536",
	  .help = "cgroups (or processes) that are told apart at once, 1.6 KiB each on each CPU; "
		  "what finds no room counts without a name" },
	{ OPTION("pairs", SONDE_U32, pairs), .value = "4096", .minimum = "2", .maximum = "1048576",
	  .help = "pairs of one that waits and one that has the CPU, likewise, 24 bytes each on "
		  "each CPU" },
	{ OPTION("ring", SONDE_SIZE, ring_bytes), .value = "1MiB", .minimum = "64KiB",
	  .maximum = "512MiB", .help = "room for events of each CPU" },
	{ OPTION("hooks", SONDE_CHOICE, hooks), .value = "auto", .choices = hook_choices,
	  .help = "kind of hook; auto: the cheapest that this kernel takes" },
	{ 0 }
};

static const struct sonde_counter scheduler_counters[] = {
	{ .name = "waits_counted",
	  SONDE_MEMBER(struct scheduler, waits_read),
	  .unit = "{wait}",
	  .help = "waits read from the kernel's counts" },
	{ .name = "events_read",
	  SONDE_MEMBER(struct scheduler, events_read),
	  .unit = "{event}",
	  .help = "events read from the rings" },
	{ 0 }
};

/* ---- options to settings ----------------------------------------------------------------- */

/* What the lists of the options name, resolved. */
struct lists {
	struct sonde_instance *instance;
	const char *option; /* that is looked at */
	struct sonde_kernel_targets targets;
};

static void problem_report(void *context, const char *text, const char *why)
{
	const struct lists *lists = context;

	sonde_problem(lists->instance, lists->option, "\"%s\": %s", text, why);
}

static void problem_warn(void *context, const char *text, const char *why)
{
	const struct lists *lists = context;

	sonde_log(lists->instance, SONDE_WARNING, "%s: \"%s\": %s", lists->option, text, why);
}

/* Resolves the lists; problems go to the callback, and what they concern is left out. Returns how
 * many, or NULL: no memory. */
static struct lists *lists_resolve(struct sonde_instance *instance, sonde_kernel_problem *problem,
				   int *ret_problems)
{
	const struct scheduler *self = instance->self;
	struct lists *lists = calloc(1, sizeof(*lists));

	if (!lists)
		return NULL;
	lists->instance = instance;
	lists->option = "cgroups";
	*ret_problems = sonde_kernel_targets_cgroups(&lists->targets, self->cgroups.items,
						     self->cgroups.count, problem, lists);
	lists->option = "processes";
	*ret_problems += sonde_kernel_targets_processes(&lists->targets, self->processes.items,
							self->processes.count, problem, lists);
	return lists;
}

static struct probe_shape shape_of(const struct scheduler *self, const char *variants[2])
{
	struct probe_shape shape = {
		.ring_bytes = self->ring_bytes,
		.group_count = self->groups,
		.pair_count = self->pairs,
	};

	if (self->hooks >= HOOKS_FIRST_NAMED) {
		variants[0] = hook_choices[self->hooks];
		variants[1] = NULL;
		shape.variants = variants;
	}
	return shape;
}

/* Programs are loaded and attached while it runs too: by the knob `mode`, for calibration, and in
 * the hub as members come and go. Classic tracepoints are attached by a number that lies in
 * tracefs, which is for root only. */
static void needs_declare(struct sonde_instance *instance, const char *variant)
{
	(void)sonde_need(instance, CAP_BPF, SONDE_TO_RUN);
	(void)sonde_need(instance, CAP_PERFMON, SONDE_TO_RUN);
	if (!strcmp(variant, "tracepoint"))
		(void)sonde_need(instance, CAP_DAC_READ_SEARCH, SONDE_TO_RUN);
}

static int scheduler_check(struct sonde_instance *instance)
{
	const struct scheduler *self = instance->self;
	const char *variants[2];
	struct probe_shape shape = shape_of(self, variants);
	int problems;
	struct lists *lists = lists_resolve(instance, problem_report, &problems);

	if (!lists)
		return -ENOMEM;
	free(lists);
	needs_declare(instance, hook_choices[self->hooks]);
	sonde_note(instance,
		   "kernel memory %.1f MiB: %u groups and %u pairs, counted on each of %u CPUs, "
		   "rings of %.1f MiB",
		   (double)scheduler_probe_memory_bytes(&shape) / 1048576.0, self->groups,
		   self->pairs, sonde_kernel_cpu_count(), (double)self->ring_bytes / 1048576.0);
	return 0;
}

/* Brings programs, filters and timers in line with the options. */
static int settings_apply(struct sonde_instance *instance)
{
	struct scheduler *self = instance->self;
	static const uint32_t modes[] = { 0, SONDE_SCHEDULER_AGGREGATE, SONDE_SCHEDULER_EVENTS,
					  SONDE_SCHEDULER_AGGREGATE | SONDE_SCHEDULER_EVENTS };
	struct probe_settings settings = {
		.mode = modes[self->mode],
		.time_one_in = self->time_one_in,
		.sample_one_in = self->sample_one_in,
		.events_per_second = self->rate_limit,
		.minimum_delay_ns = (uint64_t)self->minimum_delay_ns,
		.per_process = self->group_by != 0,
		.times = self->times,
		.culprits = self->culprits,
	};
	int problems, error;
	struct lists *lists = lists_resolve(instance, problem_warn, &problems);

	if (!lists)
		return -ENOMEM;
	settings.targets = &lists->targets;
	if (self->asked_delay_ns > settings.minimum_delay_ns)
		settings.minimum_delay_ns = self->asked_delay_ns;
	if (!asked_narrow(&self->asked, &lists->targets))
		settings.mode = 0;
	error = problems ? -EINVAL : scheduler_probe_apply(&self->probe, &settings);
	free(lists);
	if (error)
		return error;
	error = sonde_every(instance, TIMER_AGGREGATES, self->interval_ns);
	if (!error)
		error = sonde_every(instance, TIMER_EVENTS,
				    settings.mode & SONDE_SCHEDULER_EVENTS ? self->latency_ns : 0);
	return error;
}

/* ---- rows -------------------------------------------------------------------------------- */

static void delay_fill(struct sonde_instance *instance, struct sonde_exponential *delay,
		       const struct aggregate_delta *delta)
{
	const struct scheduler *self = instance->self;
	uint32_t halvings = SONDE_HISTOGRAM_SCALE - self->histogram_scale;
	struct reading_span span = reading_span(delta->buckets, SONDE_SCHEDULER_BUCKETS,
						SONDE_SCHEDULER_FIRST_BUCKET, halvings);
	uint64_t *heap;

	delay->scale = (int32_t)self->histogram_scale;
	if (!span.length)
		return;
	heap = sonde_heap(instance, SCHEMA_GROUP, GROUP_DELAY, span.length, &delay->positive_start);
	if (!heap)
		return;
	reading_fill(delta->buckets, SONDE_SCHEDULER_BUCKETS, SONDE_SCHEDULER_FIRST_BUCKET,
		     halvings, span, heap);
	delay->positive_offset = span.offset;
	delay->positive_length = span.length;
	delay->count = delta->timed;
	delay->sum = (double)delta->delay_ns;
	delay->flags = SONDE_HAS_SUM;
}

/* `first` is the index of the first field of `row` in the schema. */
static void who_fill(struct sonde_instance *instance, uint32_t schema, uint32_t first,
		     struct who_row *row, const struct aggregate_who *who)
{
	row->cgroup_id = who->cgroup_id;
	row->process = who->tgid;
	if (who->path)
		row->cgroup = sonde_text(instance, who->path, strlen(who->path));
	else
		sonde_null(instance, schema, first + WHO_PATH);
	if (who->comm)
		row->command = sonde_text(instance, who->comm, strnlen(who->comm, 16));
	else
		sonde_null(instance, schema, first + WHO_COMMAND);
}

static void group_emit(void *context, const struct aggregate_who *who,
		       const struct aggregate_delta *delta)
{
	struct sonde_instance *instance = context;
	const struct scheduler *self = instance->self;
	struct group_row *row = sonde_row(instance, SCHEMA_GROUP);

	row->time_ns = self->now_ns;
	row->start_time_ns = self->previous_ns;
	who_fill(instance, SCHEMA_GROUP, GROUP_WHO, &row->who, who);
	row->waits = delta->waits;
	row->running_ns = delta->ns[SONDE_SCHEDULER_RUNNING];
	row->preempted_ns = delta->ns[SONDE_SCHEDULER_PREEMPTED];
	row->woken_ns = delta->ns[SONDE_SCHEDULER_WOKEN];
	row->sleeping_ns = delta->ns[SONDE_SCHEDULER_SLEEPING];
	row->disk_ns = delta->ns[SONDE_SCHEDULER_DISK];
	row->blocked_ns = delta->ns[SONDE_SCHEDULER_BLOCKED];
	row->voluntary = delta->voluntary;
	row->forced = delta->forced;
	delay_fill(instance, &row->delay, delta);
}

static void wait_emit(void *context, const struct aggregate_who *who,
		      const struct aggregate_wait *wait)
{
	static const char *const kinds[] = {
		[SONDE_SCHEDULER_OWN] = "own",     [SONDE_SCHEDULER_IDLE] = "idle",
		[SONDE_SCHEDULER_OTHER] = "other", [SONDE_SCHEDULER_UNKNOWN] = "unknown",
		[SONDE_SCHEDULER_QUOTA] = "quota", [SONDE_SCHEDULER_CULPRITS] = "task"
	};
	struct sonde_instance *instance = context;
	const struct scheduler *self = instance->self;
	struct wait_row *row = sonde_row(instance, SCHEMA_WAIT);

	row->time_ns = self->now_ns;
	row->start_time_ns = self->previous_ns;
	who_fill(instance, SCHEMA_WAIT, WAIT_WHO, &row->who, who);
	who_fill(instance, SCHEMA_WAIT, WAIT_CULPRIT, &row->culprit, &wait->culprit);
	row->kind = sonde_text(instance, kinds[wait->kind], strlen(kinds[wait->kind]));
	row->wait_ns = wait->delta.ns;
	row->turns = wait->delta.turns;
	row->preemptions = wait->delta.preemptions;
}

/* ---- the kernel's ledger ----------------------------------------------------------------- */

static void ledger_tell(struct sonde_instance *instance)
{
	const struct scheduler *self = instance->self;
	struct sonde_tally tally = { .size = sizeof(tally) };
	struct sonde_scheduler_cpu sum;
	struct sonde_kernel_cost cost;

	scheduler_probe_ledger(&self->probe, &sum);
	tally.produced = scheduler_probe_produced(&sum) + sum.twice;
	tally.emitted = self->waits_read + self->events_read;
	for (int reason = 0; reason < SONDE_TASK_REJECTIONS; reason++)
		tally.reduced[SONDE_FILTERED] += sum.rejected[reason];
	tally.reduced[SONDE_FILTERED] += sum.event_filtered;
	tally.reduced[SONDE_SAMPLED] = sum.sampled_out;
	tally.reduced[SONDE_LIMITED] = sum.lost[SONDE_KERNEL_LOSS_RATE_LIMITED];
	tally.lost[SONDE_LOST_RING_FULL] = sum.lost[SONDE_KERNEL_LOSS_RING_FULL];
	tally.lost[SONDE_LOST_MAP_FULL] = sum.lost[SONDE_KERNEL_LOSS_MAP_FULL];
	tally.lost[SONDE_LOST_FAULT] = sum.lost[SONDE_KERNEL_LOSS_FAULT];
	if (!sonde_kernel_cost(self->probe.kernel, SONDE_SCHEDULER_SWITCH, &cost)) {
		tally.lost[SONDE_LOST_MISSED] = cost.missed; /* not seen at all */
		tally.produced += cost.missed;
	}
	sonde_tell(instance, &tally);
}

/* ---- callbacks --------------------------------------------------------------------------- */

static int aggregates_read(struct sonde_instance *instance)
{
	struct scheduler *self = instance->self;
	const struct aggregate_callbacks callbacks = { .group = group_emit,
						       .wait = wait_emit,
						       .context = instance };
	uint64_t waits;

	self->now_ns = sonde_now_ns(instance);
	waits = aggregate_read(self->aggregate, self->top, &callbacks);
	self->previous_ns = self->now_ns;
	sonde_count(&self->waits_read, waits);
	return sonde_emit(instance);
}

static void events_drain(struct sonde_instance *instance)
{
	struct scheduler *self = instance->self;
	uint64_t count = events_read(instance, self->probe.kernel, SCHEMA_EVENT, 1u << 18);

	sonde_count(&self->events_read, count);
}

static int scheduler_start(struct sonde_instance *instance)
{
	struct scheduler *self = instance->self;
	const char *variants[2];
	struct probe_shape shape = shape_of(self, variants);
	char message[512];
	int error;

	self->open = true; /* stop() closes what there is, however far this gets */
	error = scheduler_probe_open(&self->probe, &shape, message, sizeof(message));
	if (error)
		return sonde_fail(instance, -error, "%s",
				  message[0] ? message : "cannot load the programs");
	needs_declare(instance, sonde_kernel_variant(self->probe.kernel));
	self->aggregate = aggregate_create(&self->probe);
	error = self->aggregate ? sonde_watch(instance, sonde_kernel_rings_fd(self->probe.kernel),
					      SONDE_READABLE)
				: -ENOMEM;
	self->previous_ns = sonde_now_ns(instance);
	if (!error)
		error = settings_apply(instance);
	if (error)
		return sonde_fail(instance, -error, "cannot start");
	sonde_after(instance, TIMER_CALIBRATE, CALIBRATE_AFTER_NS);
	sonde_log(instance, SONDE_INFO, "reads the scheduler by %s",
		  sonde_kernel_variant(self->probe.kernel));
	return 0;
}

/* What was counted under the old settings is read before the new ones hold. */
static int scheduler_set(struct sonde_instance *instance)
{
	const struct scheduler *self = instance->self;
	int error;

	events_drain(instance);
	aggregates_read(instance);
	error = settings_apply(instance);
	if (error)
		return sonde_fail(instance, -error, "cannot change the settings");
	events_drain(instance); /* what came until the change took hold */
	if (self->mode == MODE_OFF)
		aggregates_read(instance);
	ledger_tell(instance);
	return 0;
}

static bool condition_take(struct scheduler *self, const struct sonde_condition *condition)
{
	if (!strcmp(condition->column, "cgroup.id"))
		return asked_cgroups(condition, &self->asked);
	if (!strcmp(condition->column, "process.pid"))
		return asked_processes(condition, &self->asked);
	return !strcmp(condition->column, "scheduler.delay") &&
	       asked_minimum(condition, &self->asked_delay_ns);
}

/* Also of an instance that is not started, to hear what it could do. Counts tell of others than the
 * tasks that wait, so only events are left out. */
static int scheduler_take(struct sonde_instance *instance, const struct sonde_asks *asks,
			  uint64_t *ret_taken)
{
	struct scheduler *self = instance->self;

	self->asked = (struct asked_targets){ 0 };
	self->asked_delay_ns = 0;
	for (uint32_t i = 0; i < asks->count && self->mode == MODE_EVENTS; i++) {
		const struct sonde_ask *ask = sonde_ask(asks, i);

		if (ask->kind == SONDE_ASK_FILTER && condition_take(self, &ask->condition))
			*ret_taken |= 1ull << i;
	}
	return self->open ? scheduler_set(instance) : 0;
}

static int scheduler_timer(struct sonde_instance *instance, int timer)
{
	struct scheduler *self = instance->self;
	int error = 0;

	if (timer == TIMER_CALIBRATE)
		/* Where it cannot be measured the price is shown as 0: unknown. */
		(void)sonde_kernel_calibrate_scheduler(sonde_kernel_variant(self->probe.kernel));
	if (timer == TIMER_EVENTS)
		events_drain(instance);
	if (timer == TIMER_AGGREGATES)
		error = aggregates_read(instance);
	ledger_tell(instance);
	return error;
}

static int scheduler_ready(struct sonde_instance *instance, int fd, uint32_t ready)
{
	struct scheduler *self = instance->self;

	sonde_kernel_rings_woken(self->probe.kernel);
	events_drain(instance);
	return 0;
}

/* Detaches first: what is read afterwards is all there will be, and the ledger closes. */
static int scheduler_drain(struct sonde_instance *instance)
{
	struct scheduler *self = instance->self;
	struct probe_settings off = { 0 };

	if (!self->aggregate)
		return 0;
	scheduler_probe_apply(&self->probe, &off);
	events_drain(instance);
	aggregates_read(instance);
	ledger_tell(instance);
	return 0;
}

static void cost_report(struct sonde_instance *instance, struct sonde_report *report,
			const char *variant, const struct sonde_kernel_cost *cost)
{
	sonde_report_text(instance, report, "programs", cost->hook, "variant", variant);
	sonde_report_text(instance, report, "programs", cost->hook, "attached",
			  cost->attached ? "yes" : "no");
	sonde_report(instance, report, "programs", cost->hook, "runs", "{run}", (double)cost->runs);
	sonde_report(instance, report, "programs", cost->hook, "run", "ns", cost->run_ns);
	sonde_report(instance, report, "programs", cost->hook, "hook", "ns", cost->hook_ns);
	sonde_report(instance, report, "programs", cost->hook, "missed", "{run}",
		     (double)cost->missed);
}

static int scheduler_report(struct sonde_instance *instance, struct sonde_report *report)
{
	struct scheduler *self = instance->self;
	struct sonde_kernel_cost cost;
	uint32_t groups, pairs;

	if (!self->aggregate)
		return 0;
	for (uint32_t hook = 0; !sonde_kernel_cost(self->probe.kernel, hook, &cost); hook++)
		cost_report(instance, report, sonde_kernel_variant(self->probe.kernel), &cost);
	aggregate_fill(self->aggregate, &groups, &pairs);
	sonde_report(instance, report, "maps", "groups", "used", "{entry}", groups);
	sonde_report(instance, report, "maps", "groups", "limit", "{entry}",
		     self->probe.group_count);
	sonde_report(instance, report, "maps", "pairs", "used", "{entry}", pairs);
	sonde_report(instance, report, "maps", "pairs", "limit", "{entry}", self->probe.pair_count);
	return 0;
}

static void scheduler_stop(struct sonde_instance *instance)
{
	struct scheduler *self = instance->self;

	if (!self->open)
		return;
	aggregate_free(self->aggregate);
	self->aggregate = NULL;
	scheduler_probe_close(&self->probe);
	self->open = false;
}

static const struct sonde_plugin scheduler_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "scheduler",
	.summary = "waits for a CPU and who caused them, time on and off CPU, or every long wait",
	.manual = "Counts by cgroup (or process) how long tasks that could run waited for a CPU, "
		  "as an exponential\n"
		  "histogram (scale 3: a quantile is within 4.4 percent), how long they ran, "
		  "slept, waited for a disk or\n"
		  "a lock, and who had the CPU while they waited, all inside the kernel; or makes "
		  "a row of every wait\n"
		  "longer than a bound; or both. Tasks of the collector itself are left out, but "
		  "named where others wait\n"
		  "for them.\n"
		  "\n"
		  "Needs CAP_BPF and CAP_PERFMON.",
	.self_size = sizeof(struct scheduler),
	.options = scheduler_options,
	.counters = scheduler_counters,
	.schemas = rows_schemas,
	.check = scheduler_check,
	.start = scheduler_start,
	.stop = scheduler_stop,
	.set = scheduler_set,
	.ready = scheduler_ready,
	.timer = scheduler_timer,
	.drain = scheduler_drain,
	.report = scheduler_report,
	.take = scheduler_take,
};

SONDE_EXPORT(scheduler_plugin)
