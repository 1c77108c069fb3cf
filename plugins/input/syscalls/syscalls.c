// SPDX-License-Identifier: Apache-2.0
/* Input `syscalls`: who calls what, how long it takes, how it fails, from inside the kernel. */
#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sonde/plugin.h>

#include "aggregate.h"
#include "events.h"
#include "folded.h"
#include "names.h"
#include "partial.h"
#include "push.h"
#include "rows.h"

enum { MODE_OFF, MODE_AGGREGATE, MODE_EVENTS, MODE_BOTH };
enum { TIMER_AGGREGATES, TIMER_EVENTS, TIMER_CALIBRATE };
#define CALIBRATE_AFTER_NS 1000000000 /* the prices of hooks, when the start is over */

enum { HOOKS_AUTO, HOOKS_FIRST_NAMED };

struct syscalls {
	uint32_t mode; /* options */
	int64_t interval_ns;
	uint32_t group_by;
	bool error_rows;
	uint32_t histogram_scale, top;
	uint32_t time_one_in, sample_one_in, rate_limit;
	struct sonde_texts cgroups, processes, names;
	int64_t minimum_duration_ns;
	bool errors_only;
	uint32_t arguments;
	int64_t latency_ns;
	uint64_t memory_bytes, ring_bytes;
	uint32_t groups;
	uint32_t hooks;

	uint64_t calls_read; /* counters */
	uint64_t events_read;

	struct push push; /* what pipelines ask for besides */
	struct probe probe;
	bool open;
	struct aggregate *aggregate;
	struct events events;
	struct partial *partial;    /* of an aggregate that a pipeline asks for */
	int64_t previous_ns;        /* of the last reading of the aggregates */
	uint64_t folded_rows_calls; /* calls in rows of aggregates emitted so far */
};

static const char *const mode_choices[] = { "off", "aggregate", "events", "both", NULL };
static const char *const group_choices[] = { "cgroup", "process", NULL };
static const char *const argument_choices[] = { "none", "raw", "decoded", NULL };
static const char *const hook_choices[] = { "auto", "tp_btf", "raw_tp", "tracepoint", NULL };

#define OPTION(name_, type_, member_)                                                              \
	.name = name_, .type = type_, SONDE_MEMBER(struct syscalls, member_)

static const struct sonde_option syscalls_options[] = {
	{ OPTION("mode", SONDE_CHOICE, mode), .value = "aggregate", .choices = mode_choices,
	  .knob = true,
	  .help = "counts made in the kernel, one row a call, both, or nothing (detached)" },
	{ OPTION("interval", SONDE_DURATION, interval_ns), .value = "5s", .minimum = "100ms",
	  .maximum = "1h", .knob = true, .help = "time between two readings of the counts" },
	{ OPTION("group_by", SONDE_CHOICE, group_by), .value = "cgroup", .choices = group_choices,
	  .knob = true, .help = "whom calls are counted for" },
	{ OPTION("error_rows", SONDE_BOOL, error_rows), .value = "true", .knob = true,
	  .help = "add a row for each error that occurred, by its name" },
	{ OPTION("histogram_scale", SONDE_U32, histogram_scale), .value = "3", .maximum = "3",
	  .knob = true,
	  .help = "how fine histograms of durations are: each step less halves their buckets, "
		  "exactly" },
	{ OPTION("top", SONDE_U32, top), .value = "0", .knob = true, .unit = "{row}",
	  .help = "tell only so many pairs of group and call apart in each interval, those with "
		  "most calls; the rest is one row \"other\"; 0: all" },
	{ OPTION("time_one_in", SONDE_U32, time_one_in), .value = "1", .knob = true,
	  .unit = "{call}", .help = "count all calls, time one in so many, at random; 0: none" },
	{ OPTION("cgroups", SONDE_TEXTS, cgroups), .knob = true,
	  .help = "only calls from these v2 cgroups, by path or id" },
	{ OPTION("processes", SONDE_TEXTS, processes), .knob = true,
	  .help = "only calls of these processes, by pid" },
	{ OPTION("calls", SONDE_TEXTS, names), .knob = true,
	  .help = "only these system calls, by name" },
	{ OPTION("minimum_duration", SONDE_DURATION, minimum_duration_ns), .value = "0s",
	  .minimum = "0s", .knob = true,
	  .help = "only calls that take at least so long; in mode both, for events" },
	{ OPTION("errors_only", SONDE_BOOL, errors_only), .value = "false", .knob = true,
	  .help = "only calls that fail; in mode both, for events" },
	{ OPTION("sample_one_in", SONDE_U32, sample_one_in), .value = "1", .minimum = "1",
	  .knob = true, .unit = "{call}",
	  .help = "make one event of so many calls, at random, with that weight" },
	{ OPTION("rate_limit", SONDE_U32, rate_limit), .value = "0", .knob = true,
	  .unit = "{event}/s",
	  .help = "events that each CPU may make in a second; the rest is counted as limited; 0: "
		  "no limit" },
	{ OPTION("arguments", SONDE_CHOICE, arguments), .value = "none",
	  .choices = argument_choices, .knob = true,
	  .help = "arguments in events: none, six raw values, or these and the path or name among "
		  "them" },
	{ OPTION("latency", SONDE_DURATION, latency_ns), .value = "100ms", .minimum = "1ms",
	  .maximum = "10s", .knob = true, .help = "how long an event may wait in the kernel" },
	{ OPTION("memory", SONDE_SIZE, memory_bytes), .value = "4MiB", .minimum = "64KiB",
	  .maximum = "128MiB",
	  .help = "bound of the counts on each CPU, 2 KiB a cgroup and call; what finds no room is "
		  "\"other\"" },
	{ OPTION("groups", SONDE_U32, groups), .value = "512", .minimum = "2", .maximum = "65536",
	  .help = "cgroups (or processes) that are told apart at once" },
	{ OPTION("ring", SONDE_SIZE, ring_bytes), .value = "8MiB", .minimum = "64KiB",
	  .maximum = "512MiB", .help = "room for events of each CPU" },
	{ OPTION("hooks", SONDE_CHOICE, hooks), .value = "auto", .choices = hook_choices,
	  .help = "kind of hook; auto: the cheapest that this kernel takes" },
	{ 0 }
};

static const struct sonde_counter syscalls_counters[] = {
	{ .name = "calls_counted",
	  SONDE_MEMBER(struct syscalls, calls_read),
	  .unit = "{call}",
	  .help = "calls read from the kernel's counts" },
	{ .name = "events_read",
	  SONDE_MEMBER(struct syscalls, events_read),
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
	uint32_t calls[SONDE_SYSCALL_INDEXES];
	uint32_t call_count;
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
 * many. */
static int lists_resolve(struct sonde_instance *instance, struct lists *lists,
			 sonde_kernel_problem *problem)
{
	const struct syscalls *self = instance->self;
	int problems;

	memset(lists, 0, sizeof(*lists));
	lists->instance = instance;
	lists->option = "cgroups";
	problems = sonde_kernel_targets_cgroups(&lists->targets, self->cgroups.items,
						self->cgroups.count, problem, lists);
	lists->option = "processes";
	problems += sonde_kernel_targets_processes(&lists->targets, self->processes.items,
						   self->processes.count, problem, lists);
	lists->option = "calls";
	for (uint32_t i = 0;
	     i < self->names.count && lists->call_count + 2 <= SONDE_SYSCALL_INDEXES; i++) {
		uint32_t found = names_find(self->names.items[i], &lists->calls[lists->call_count]);

		lists->call_count += found;
		if (!found && ++problems)
			problem(lists, self->names.items[i], "no such system call");
	}
	return problems;
}

static struct probe_shape shape_of(const struct syscalls *self, const char *variants[2])
{
	struct probe_shape shape = {
		.memory_bytes = self->memory_bytes,
		.ring_bytes = self->ring_bytes,
		.group_count = self->groups,
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

static int syscalls_check(struct sonde_instance *instance)
{
	const struct syscalls *self = instance->self;
	struct lists *lists = malloc(sizeof(*lists));
	const char *variants[2];
	struct probe_shape shape = shape_of(self, variants);

	if (!lists)
		return -ENOMEM;
	lists_resolve(instance, lists, problem_report);
	free(lists);
	needs_declare(instance, hook_choices[self->hooks]);
	sonde_note(
		instance,
		"kernel memory %.1f MiB: %u counts of 2 KiB on each of %u CPUs, rings of %.1f MiB",
		(double)probe_memory_bytes(&shape) / 1048576.0, probe_slot_count(&shape),
		sonde_kernel_cpu_count(), (double)self->ring_bytes / 1048576.0);
	return 0;
}

/* Readings of windows that a pipeline asks for come right behind their ends. */
static int aggregates_time(struct sonde_instance *instance)
{
	const struct syscalls *self = instance->self;
	int64_t window_ns = self->push.fold.window_ns;

	if (!window_ns)
		return sonde_every(instance, TIMER_AGGREGATES, self->interval_ns);
	return sonde_after(instance, TIMER_AGGREGATES,
			   window_ns - sonde_now_ns(instance) % window_ns);
}

/* Brings programs, filters and timers in line with the options. */
static int settings_apply(struct sonde_instance *instance)
{
	struct syscalls *self = instance->self;
	struct lists *lists = malloc(sizeof(*lists));
	static const uint32_t modes[] = { 0, SONDE_SYSCALLS_AGGREGATE, SONDE_SYSCALLS_EVENTS,
					  SONDE_SYSCALLS_AGGREGATE | SONDE_SYSCALLS_EVENTS };
	struct probe_settings settings = {
		.mode = modes[self->mode],
		.time_one_in = self->time_one_in,
		.sample_one_in = self->sample_one_in,
		.detail = self->arguments,
		.events_per_second = self->rate_limit,
		.minimum_duration_ns = (uint64_t)self->minimum_duration_ns,
		.errors_only = self->errors_only,
		.per_process = self->group_by != 0,
	};
	int problems, error;
	bool left;

	if (!lists)
		return -ENOMEM;
	problems = lists_resolve(instance, lists, problem_warn);
	left = asked_narrow(&self->push.targets, &lists->targets) &&
	       push_calls(&self->push, lists->calls, &lists->call_count);
	settings.cgroup_ids = lists->targets.cgroup_ids;
	settings.cgroup_count = lists->targets.cgroup_count;
	settings.tgids = lists->targets.tgids;
	settings.tgid_count = lists->targets.tgid_count;
	settings.calls = lists->calls;
	settings.call_count = lists->call_count;
	push_apply(&self->push, &settings);
	if (!left)
		settings.mode = 0;
	error = problems ? -EINVAL : probe_apply(&self->probe, &settings);
	free(lists);
	if (error)
		return error;
	self->events.sampled_weight = self->push.sample_one_in ? settings.sample_one_in : 0;
	error = aggregates_time(instance);
	if (!error)
		error = sonde_every(instance, TIMER_EVENTS,
				    settings.mode & SONDE_SYSCALLS_EVENTS ? self->latency_ns : 0);
	return error;
}

/* ---- the kernel's ledger ----------------------------------------------------------------- */

static void ledger_tell(struct sonde_instance *instance)
{
	struct syscalls *self = instance->self;
	struct sonde_tally tally = { .size = sizeof(tally) };
	struct sonde_syscalls_cpu sum;
	struct sonde_kernel_cost cost;

	probe_ledger(&self->probe, &sum);
	tally.produced = probe_produced(&sum) + sum.twice;
	tally.emitted = self->folded_rows_calls + self->events.emitted_count;
	for (int reason = 0; reason < SONDE_SYSCALLS_REJECTIONS; reason++)
		tally.reduced[SONDE_FILTERED] += sum.rejected[reason];
	tally.reduced[SONDE_FILTERED] += sum.fold_filtered + sum.event_filtered;
	tally.reduced[SONDE_SAMPLED] = sum.sampled_out;
	tally.reduced[SONDE_LIMITED] = sum.lost[SONDE_KERNEL_LOSS_RATE_LIMITED];
	tally.lost[SONDE_LOST_RING_FULL] = sum.lost[SONDE_KERNEL_LOSS_RING_FULL];
	tally.lost[SONDE_LOST_MAP_FULL] = sum.lost[SONDE_KERNEL_LOSS_MAP_FULL];
	tally.lost[SONDE_LOST_FAULT] = sum.lost[SONDE_KERNEL_LOSS_FAULT];
	tally.lost[SONDE_LOST_MEMORY] = self->events.lost_count;
	for (uint32_t hook = 0; !sonde_kernel_cost(self->probe.kernel, hook, &cost); hook++)
		if (hook ==
		    PROBE_EXIT) { /* a call that was missed at its exit was not seen at all */
			tally.lost[SONDE_LOST_MISSED] = cost.missed;
			tally.produced += cost.missed;
		}
	sonde_tell(instance, &tally);
}

/* ---- callbacks --------------------------------------------------------------------------- */

/* The end of the window that was read stands in the rows, if a little after it: what was counted in
 * between is in them as well. */
static int partial_read(struct sonde_instance *instance)
{
	struct syscalls *self = instance->self;
	const struct push_fold *fold = &self->push.fold;
	int64_t now_ns = sonde_now_ns(instance), end_ns = now_ns - now_ns % fold->window_ns;
	uint64_t calls = aggregate_read(self->aggregate, 0, partial_add, self->partial);
	int64_t time_ns = end_ns > self->previous_ns ? end_ns : now_ns;

	calls -= partial_emit(self->partial, instance, fold, self->events.calls, &self->events,
			      self->previous_ns, time_ns - 1);
	self->previous_ns = time_ns;
	self->folded_rows_calls += calls;
	sonde_count(&self->calls_read, calls);
	return 0;
}

static int aggregates_read(struct sonde_instance *instance)
{
	struct syscalls *self = instance->self;
	struct folded folded = { .instance = instance,
				 .events = &self->events,
				 .start_time_ns = self->previous_ns,
				 .halvings = FOLDED_SCALE - self->histogram_scale,
				 .error_rows = self->error_rows };
	uint64_t calls;

	if (self->push.fold.window_ns)
		return partial_read(instance);
	folded.time_ns = sonde_now_ns(instance);
	calls = aggregate_read(self->aggregate, self->top, folded_fill, &folded);
	self->previous_ns = folded.time_ns;
	self->folded_rows_calls += calls;
	sonde_count(&self->calls_read, calls);
	return calls ? sonde_emit(instance) : 0;
}

static void events_drain(struct sonde_instance *instance)
{
	struct syscalls *self = instance->self;
	uint64_t count = events_read(&self->events, 1u << 18);

	sonde_count(&self->events_read, count);
}

static int syscalls_start(struct sonde_instance *instance)
{
	struct syscalls *self = instance->self;
	const char *variants[2];
	struct probe_shape shape = shape_of(self, variants);
	char message[512];
	int error;

	self->open = true;
	self->events.instance = instance; /* stop() closes what there is, however far this gets */
	error = probe_open(&self->probe, &shape, message, sizeof(message));
	if (error)
		return sonde_fail(instance, -error, "%s",
				  message[0] ? message : "cannot load the programs");
	needs_declare(instance, sonde_kernel_variant(self->probe.kernel));
	self->events = (struct events){
		.instance = instance,
		.kernel = self->probe.kernel,
		.plain_schema = SCHEMA_EVENT,
		.detail_schema = SCHEMA_DETAIL,
		.text_field = DETAIL_TEXT,
		.error_field = EVENT_ERROR,
		.duration_field = EVENT_DURATION,
	};
	self->aggregate = aggregate_create(&self->probe);
	self->partial = partial_create();
	error = self->aggregate && self->partial ? events_open(&self->events) : -ENOMEM;
	if (!error)
		error = sonde_bind(instance, SCHEMA_CALLS, CALLS_CALL, self->events.calls);
	if (!error)
		error = sonde_bind(instance, SCHEMA_ERRORS, ERRORS_CALL, self->events.calls);
	if (!error)
		error = sonde_bind(instance, SCHEMA_ERRORS, ERRORS_ERROR, self->events.errors);
	for (uint32_t schema = SCHEMA_EVENT; !error && schema <= SCHEMA_DETAIL; schema++) {
		error = sonde_bind(instance, schema, EVENT_CALL, self->events.calls);
		if (!error)
			error = sonde_bind(instance, schema, EVENT_ERROR, self->events.errors);
	}
	if (!error)
		error = sonde_watch(instance, sonde_kernel_rings_fd(self->probe.kernel),
				    SONDE_READABLE);
	self->previous_ns = sonde_now_ns(instance);
	if (!error)
		error = settings_apply(instance);
	if (error)
		return sonde_fail(instance, -error, "cannot start");
	sonde_after(instance, TIMER_CALIBRATE, CALIBRATE_AFTER_NS);
	sonde_log(instance, SONDE_INFO, "reads system calls by %s",
		  sonde_kernel_variant(self->probe.kernel));
	return 0;
}

/* What was counted under the old settings is read before the new ones hold. */
static int syscalls_set(struct sonde_instance *instance)
{
	const struct syscalls *self = instance->self;
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

/* Also of an instance that is not started, to hear what it could do. */
static int syscalls_take(struct sonde_instance *instance, const struct sonde_asks *asks,
			 uint64_t *ret_taken)
{
	struct syscalls *self = instance->self;
	struct push_shape shape = {
		.events = self->mode == MODE_EVENTS || self->mode == MODE_BOTH,
		.aggregates = self->mode == MODE_AGGREGATE || self->mode == MODE_BOTH,
		.per_process = self->group_by != 0,
		.whole = self->time_one_in == 1 && self->sample_one_in == 1 && !self->rate_limit,
	};

	if (!self->open) {
		*ret_taken = push_take(asks, shape, &self->push);
		return 0;
	}
	events_drain(instance);
	aggregates_read(instance); /* for whom it was counted */
	*ret_taken = push_take(asks, shape, &self->push);
	return syscalls_set(instance);
}

static int syscalls_timer(struct sonde_instance *instance, int timer)
{
	struct syscalls *self = instance->self;
	int error = 0;

	if (timer == TIMER_CALIBRATE)
		/* Where it cannot be measured the price is shown as 0: unknown. */
		(void)sonde_kernel_calibrate(sonde_kernel_variant(self->probe.kernel));
	if (timer == TIMER_EVENTS)
		events_drain(instance);
	if (timer == TIMER_AGGREGATES) {
		error = aggregates_read(instance);
		if (self->push.fold.window_ns)
			aggregates_time(instance);
	}
	ledger_tell(instance);
	return error;
}

static int syscalls_ready(struct sonde_instance *instance, int fd, uint32_t ready)
{
	struct syscalls *self = instance->self;

	sonde_kernel_rings_woken(self->probe.kernel);
	events_drain(instance);
	return 0;
}

/* Detaches first: what is read afterwards is all there will be, and the ledger closes. */
static int syscalls_drain(struct sonde_instance *instance)
{
	struct syscalls *self = instance->self;
	struct probe_settings off = { 0 };

	if (!self->aggregate)
		return 0;
	probe_apply(&self->probe, &off);
	events_drain(instance);
	aggregates_read(instance);
	ledger_tell(instance);
	return 0;
}

static int syscalls_report(struct sonde_instance *instance, struct sonde_report *report)
{
	struct syscalls *self = instance->self;
	struct sonde_kernel_cost cost;
	uint32_t groups, slots;

	if (!self->aggregate)
		return 0;
	for (uint32_t hook = 0; !sonde_kernel_cost(self->probe.kernel, hook, &cost); hook++) {
		sonde_report_text(instance, report, "programs", cost.hook, "variant",
				  sonde_kernel_variant(self->probe.kernel));
		sonde_report_text(instance, report, "programs", cost.hook, "attached",
				  cost.attached ? "yes" : "no");
		sonde_report(instance, report, "programs", cost.hook, "runs", "{run}",
			     (double)cost.runs);
		sonde_report(instance, report, "programs", cost.hook, "run", "ns", cost.run_ns);
		sonde_report(instance, report, "programs", cost.hook, "hook", "ns", cost.hook_ns);
		sonde_report(instance, report, "programs", cost.hook, "missed", "{run}",
			     (double)cost.missed);
	}
	aggregate_fill(self->aggregate, &groups, &slots);
	sonde_report(instance, report, "maps", "groups", "used", "{entry}", groups);
	sonde_report(instance, report, "maps", "groups", "limit", "{entry}",
		     self->probe.group_count);
	sonde_report(instance, report, "maps", "slots", "used", "{entry}", slots);
	sonde_report(instance, report, "maps", "slots", "limit", "{entry}", self->probe.slot_count);
	return 0;
}

static void syscalls_stop(struct sonde_instance *instance)
{
	struct syscalls *self = instance->self;

	if (!self->open)
		return;
	events_close(&self->events);
	aggregate_free(self->aggregate);
	partial_release(self->partial);
	self->partial = NULL;
	self->aggregate = NULL;
	probe_close(&self->probe);
	self->open = false;
}

static const struct sonde_plugin syscalls_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "syscalls",
	.summary = "system calls: counts, errors, latency, or every call",
	.manual = "Counts the system calls of the host by cgroup (or process) and call, with their "
		  "errors by name and\n"
		  "their duration as an exponential histogram (scale 3: a quantile is within 4.4 "
		  "percent), all inside\n"
		  "the kernel; or makes a row of every call; or both. Calls of the collector "
		  "itself are left out.\n"
		  "\n"
		  "A call is counted when it returns; exit and exit_group never do, and are "
		  "counted at their entry,\n"
		  "where calls are timed at all. 32-bit calls are told apart by syscall.compat.\n"
		  "\n"
		  "Needs CAP_BPF and CAP_PERFMON.",
	.self_size = sizeof(struct syscalls),
	.options = syscalls_options,
	.counters = syscalls_counters,
	.schemas = rows_schemas,
	.check = syscalls_check,
	.start = syscalls_start,
	.stop = syscalls_stop,
	.set = syscalls_set,
	.ready = syscalls_ready,
	.timer = syscalls_timer,
	.drain = syscalls_drain,
	.report = syscalls_report,
	.take = syscalls_take,
};

SONDE_EXPORT(syscalls_plugin)
