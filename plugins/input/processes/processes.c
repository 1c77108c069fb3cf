// SPDX-License-Identifier: Apache-2.0
/* Input `processes`: processes that are made, run a program and end, one by one or counted. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <sonde/plugin.h>
#include <sonde/plugin.h>
#include <sonde/processes.h>

#include "choice.h"
#include "counts.h"
#include "events.h"
#include "names.h"
#include "rows.h"

enum { MODE_OFF, MODE_AGGREGATE, MODE_EVENTS, MODE_BOTH };
enum { TIMER_EVENTS, TIMER_COUNTS };

#define EMIT_ROWS    1024
#define WAITING_MOST 65536 /* events that may wait for the next reading */
#define SECOND_NS    1000000000ull

/* Where events went, since the start. */
struct ledger {
	uint64_t seen, twice;
	uint64_t filtered, sampled, limited;
	uint64_t emitted, folded;
	uint64_t ring_lost, lost; /* of watches that are closed */
};

struct processes {
	struct rules asked; /* options */
	struct sonde_texts changes;
	int64_t interval_ns;
	struct sonde_texts cgroups, users;
	int64_t latency_ns;
	uint32_t groups;

	uint64_t events_read; /* counter */

	struct sonde_processes *table; /* while the mode asks for it */
	struct sonde_processes_watch *watch;
	int wake_fd;         /* likewise */
	struct rules rules;  /* that hold for what is read now */
	struct lists *lists; /* likewise */
	struct names names;
	struct events events;
	struct counts counts;
	struct ledger ledger;
	int64_t previous_ns;  /* when the counts were read last */
	uint64_t folded;      /* into counts that are not read yet */
	uint64_t limit_ns;    /* monotonic: begin of the second that is being counted */
	uint32_t limit_count; /* rows in it */
	uint64_t seed;        /* of the choice of processes */
};

static const char *const mode_choices[] = { "off", "aggregate", "events", "both", NULL };
#define OPTION(name_, type_, member_)                                                              \
	.name = name_, .type = type_, SONDE_MEMBER(struct processes, member_)

static const struct sonde_option processes_options[] = {
	{ OPTION("mode", SONDE_CHOICE, asked.mode), .value = "events", .choices = mode_choices,
	  .knob = true, .help = "one row an event, counts by cgroup, both, or nothing" },
	{ OPTION("events", SONDE_TEXTS, changes), .knob = true,
	  .help = "only these events: \"fork\", \"exec\", \"exit\"; none named: all" },
	{ OPTION("interval", SONDE_DURATION, interval_ns), .value = "5s", .minimum = "100ms",
	  .maximum = "1h", .knob = true, .help = "time between two readings of the counts" },
	{ OPTION("cgroups", SONDE_TEXTS, cgroups), .knob = true,
	  .help = "only processes in these v2 cgroups, by path or id" },
	{ OPTION("users", SONDE_TEXTS, users), .knob = true,
	  .help = "only processes of these users, by name or id" },
	{ OPTION("minimum_duration", SONDE_DURATION, asked.minimum_duration_ns), .value = "0s",
	  .minimum = "0s", .knob = true,
	  .help = "only exits of processes that lived at least so long; in mode both, for events" },
	{ OPTION("failures_only", SONDE_BOOL, asked.failures_only), .value = "false", .knob = true,
	  .help = "only exits with another code than 0 or by a signal; in mode both, for events" },
	{ OPTION("sample_one_in", SONDE_U32, asked.sample_one_in), .value = "1", .minimum = "1",
	  .knob = true, .unit = "{process}",
	  .help = "make events of one in so many processes, at random, with that weight: all of a "
		  "process or none" },
	{ OPTION("rate_limit", SONDE_U32, asked.rate_limit), .value = "0", .knob = true,
	  .unit = "{event}/s",
	  .help = "rows of events that may be made in a second; the rest is counted as limited; 0: "
		  "no limit" },
	{ OPTION("arguments", SONDE_BOOL, asked.arguments), .value = "true", .knob = true,
	  .help = "tell what programs were started with, which may hold secrets" },
	{ OPTION("latency", SONDE_DURATION, latency_ns), .value = "100ms", .minimum = "1ms",
	  .maximum = "10s", .knob = true, .help = "how long an event may wait in the kernel" },
	{ OPTION("groups", SONDE_U32, groups), .value = "512", .minimum = "2", .maximum = "16384",
	  .help = "cgroups that are told apart in an interval, 4 KiB each; what finds no room is "
		  "counted together" },
	{ 0 }
};

static const struct sonde_counter processes_counters[] = {
	{ .name = "events_read",
	  SONDE_MEMBER(struct processes, events_read),
	  .unit = "{event}",
	  .help = "forks, execs and exits read from the process table" },
	{ 0 }
};

/* ---- options ----------------------------------------------------------------------------- */

typedef void problem_callback(struct sonde_instance *instance, const char *option, const char *text,
			      const char *why);

/* Resolves the lists; problems go to the callback. Returns how many. */
static int lists_resolve(struct sonde_instance *instance, struct lists *lists,
			 problem_callback *problem)
{
	const struct processes *self = instance->self;
	int problems = 0, error;

	memset(lists, 0, sizeof(*lists));
	for (uint32_t i = 0; i < self->cgroups.count && i < CHOICE_LIMIT; i++) {
		error = sonde_kernel_cgroup_id(self->cgroups.items[i],
					       &lists->cgroup_ids[lists->cgroup_count]);
		if (!error)
			lists->cgroup_count++;
		else if (++problems)
			problem(instance, "cgroups", self->cgroups.items[i], strerror(-error));
	}
	for (uint32_t i = 0; i < self->users.count && i < CHOICE_LIMIT; i++) {
		if (!names_user_id(self->users.items[i], &lists->user_ids[lists->user_count]))
			lists->user_count++;
		else if (++problems)
			problem(instance, "users", self->users.items[i], "no such user");
	}
	for (uint32_t i = 0; i < self->changes.count; i++)
		if (!choice_add_change(lists, self->changes.items[i]) && ++problems)
			problem(instance, "events", self->changes.items[i],
				"not an event (try \"exec\", \"exit\" or \"fork\")");
	for (uint32_t change = 0; !self->changes.count && change <= SONDE_PROCESS_EXITED; change++)
		lists->changes[change] = true;
	return problems;
}

static void problem_report(struct sonde_instance *instance, const char *option, const char *text,
			   const char *why)
{
	sonde_problem(instance, option, "\"%s\": %s", text, why);
}

static void problem_warn(struct sonde_instance *instance, const char *option, const char *text,
			 const char *why)
{
	sonde_log(instance, SONDE_WARNING, "%s: \"%s\": %s", option, text, why);
}

static int processes_check(struct sonde_instance *instance)
{
	struct lists *lists = malloc(sizeof(*lists));

	if (!lists)
		return -ENOMEM;
	lists_resolve(instance, lists, problem_report);
	free(lists);
	/* The knob `mode` loads programs while it runs too. */
	(void)sonde_need(instance, CAP_BPF, SONDE_TO_RUN);
	(void)sonde_need(instance, CAP_PERFMON, SONDE_TO_RUN);
	return 0;
}

/* ---- events ------------------------------------------------------------------------------ */

static bool rate_allows(struct processes *self)
{
	if (!self->rules.rate_limit)
		return true;
	if (self->events.now_ns - self->limit_ns >= SECOND_NS) {
		self->limit_ns = self->events.now_ns;
		self->limit_count = 0;
	}
	return self->limit_count++ < self->rules.rate_limit;
}

/* Makes a row of the event, or books why there is none. True: it did. */
static bool event_report(struct processes *self, const struct sonde_process_event *event)
{
	if (!choice_of_event(&self->rules, self->lists, event))
		self->ledger.filtered++;
	else if (self->rules.sample_one_in > 1 &&
		 !choice_of_sample(event->image, self->seed, self->rules.sample_one_in))
		self->ledger.sampled++;
	else if (!rate_allows(self))
		self->ledger.limited++;
	else {
		events_add(&self->events, event);
		self->ledger.emitted++;
		return true;
	}
	return false;
}

/* With only counts asked for, what the outcome excludes is not counted either. */
static void event_fold(struct processes *self, const struct sonde_process_event *event)
{
	if (self->rules.mode == MODE_AGGREGATE &&
	    !choice_of_event(&self->rules, self->lists, event)) {
		self->ledger.filtered++;
		return;
	}
	counts_add(&self->counts, event);
	self->folded++;
}

static void events_drain(struct sonde_instance *instance)
{
	struct processes *self = instance->self;
	const struct sonde_process_event *event;
	uint64_t seen = 0;
	uint32_t rows = 0;

	if (!self->watch)
		return;
	sonde_processes_read(self->table);
	self->events.clock_offset_ns = sonde_kernel_clock_offset_ns();
	self->events.now_ns = sonde_kernel_monotonic_ns();
	self->events.with_arguments = self->rules.arguments;
	self->events.weight = self->rules.sample_one_in;
	for (; (event = sonde_processes_next(self->watch)); seen++) {
		if (!choice_of_process(self->lists, event)) {
			self->ledger.filtered++;
			continue;
		}
		if (self->rules.mode != MODE_EVENTS)
			event_fold(self, event);
		if (self->rules.mode != MODE_AGGREGATE && event_report(self, event))
			rows++;
		self->ledger.twice += self->rules.mode == MODE_BOTH;
		if (rows == EMIT_ROWS) {
			sonde_emit(instance);
			rows = 0;
		}
	}
	if (rows)
		sonde_emit(instance);
	self->ledger.seen += seen;
	sonde_count(&self->events_read, seen);
}

/* ---- counts ------------------------------------------------------------------------------ */

static void lifetime_fill(struct sonde_instance *instance, struct sonde_exponential *lifetime,
			  const struct counts_group *group)
{
	uint32_t first = 0, end = COUNTS_BUCKETS;
	uint64_t *heap;

	lifetime->scale = 3;
	while (first < end && !group->buckets[first])
		first++;
	while (end > first && !group->buckets[end - 1])
		end--;
	heap = first < end ? sonde_heap(instance, SCHEMA_COUNTS, COUNTS_LIFETIME, end - first,
					&lifetime->positive_start)
			   : NULL;
	if (!heap)
		return;
	memcpy(heap, group->buckets + first, (end - first) * sizeof(*heap));
	lifetime->positive_offset = (int32_t)first + COUNTS_FIRST_BUCKET;
	lifetime->positive_length = end - first;
	lifetime->count = group->exits;
	lifetime->sum = (double)group->lifetime_ns;
	lifetime->flags = SONDE_HAS_SUM;
}

static void group_emit(struct sonde_instance *instance, const struct counts_group *group,
		       int64_t now_ns)
{
	struct processes *self = instance->self;
	const char *path = group->cgroup_id ? names_cgroup(&self->names, group->cgroup_id) : NULL;
	struct counts_row *row = sonde_row(instance, SCHEMA_COUNTS);

	row->time_ns = now_ns;
	row->start_time_ns = self->previous_ns;
	row->cgroup_id = group->cgroup_id;
	if (path)
		row->cgroup = sonde_text(instance, path, strlen(path));
	else
		sonde_null(instance, SCHEMA_COUNTS, COUNTS_CGROUP);
	row->fork_count = group->forks;
	row->exec_count = group->execs;
	row->exit_count = group->exits;
	row->failure_count = group->failures;
	row->signal_count = group->signals;
	row->user_s = (double)group->user_ns / 1e9;
	row->system_s = (double)group->system_ns / 1e9;
	row->event_count = group->events;
	lifetime_fill(instance, &row->lifetime, group);
}

static int counts_emit(struct sonde_instance *instance)
{
	struct processes *self = instance->self;
	int64_t now_ns = sonde_now_ns(instance);
	uint64_t folded = self->folded;

	if (folded) {
		for (uint32_t i = 0; i < self->counts.used; i++)
			if (self->counts.groups[i].events)
				group_emit(instance, &self->counts.groups[i], now_ns);
		counts_clear(&self->counts);
	}
	self->previous_ns = now_ns;
	self->ledger.folded += folded;
	self->folded = 0;
	return folded ? sonde_emit(instance) : 0;
}

/* ---- the kernel's ledger ----------------------------------------------------------------- */

static void ledger_tell(struct sonde_instance *instance)
{
	struct processes *self = instance->self;
	const struct ledger *ledger = &self->ledger;
	struct sonde_tally tally = { .size = sizeof(tally) };
	uint64_t events, lost = 0, ring_lost = 0;

	if (self->watch)
		sonde_processes_watched(self->watch, &events, &lost, &ring_lost);
	lost += ledger->lost;
	ring_lost += ledger->ring_lost;
	/* What waits to be read with the counts is told with them. */
	tally.produced = ledger->seen + ledger->twice + lost + ring_lost - self->folded;
	tally.emitted = ledger->emitted + ledger->folded;
	tally.reduced[SONDE_FILTERED] = ledger->filtered;
	tally.reduced[SONDE_SAMPLED] = ledger->sampled;
	tally.reduced[SONDE_LIMITED] = ledger->limited;
	tally.lost[SONDE_LOST_RING_FULL] = ring_lost;
	tally.lost[SONDE_LOST_QUEUE_FULL] = lost;
	sonde_tell(instance, &tally);
}

/* ---- callbacks --------------------------------------------------------------------------- */

static int watch_begin(struct sonde_instance *instance)
{
	struct processes *self = instance->self;
	char message[512] = "";
	int error;

	if (self->watch)
		return 0;
	error = sonde_processes_take(&self->table, message, sizeof(message));
	if (error)
		return sonde_fail(instance, -error, "%s",
				  message[0] ? message : "cannot watch processes");
	error = sonde_processes_watch(self->table, WAITING_MOST, &self->watch);
	/* Others on this loop may watch it too, which takes an fd for each. */
	self->wake_fd = fcntl(sonde_processes_fd(self->table), F_DUPFD_CLOEXEC, 0);
	if (!error && self->wake_fd < 0)
		error = -errno;
	if (!error)
		error = sonde_watch(instance, self->wake_fd, SONDE_READABLE);
	return error ? sonde_fail(instance, -error, "cannot watch processes") : 0;
}

/* What was lost stays in the ledger. */
static void watch_end(struct sonde_instance *instance)
{
	struct processes *self = instance->self;
	uint64_t events, lost, ring_lost;

	if (!self->table)
		return;
	if (self->watch) {
		sonde_processes_watched(self->watch, &events, &lost, &ring_lost);
		self->ledger.lost += lost;
		self->ledger.ring_lost += ring_lost;
		sonde_processes_unwatch(self->watch);
	}
	if (self->wake_fd >= 0) {
		(void)sonde_unwatch(instance, self->wake_fd);
		close(self->wake_fd);
	}
	sonde_processes_release(self->table);
	self->watch = NULL;
	self->table = NULL;
}

/* Brings rules, lists, table and timers in line with the options. */
static int settings_apply(struct sonde_instance *instance)
{
	struct processes *self = instance->self;
	bool counts = self->asked.mode == MODE_AGGREGATE || self->asked.mode == MODE_BOTH;
	struct lists *lists = malloc(sizeof(*lists));
	int error = 0;

	if (!lists)
		return sonde_fail(instance, ENOMEM, "cannot change the settings");
	if (lists_resolve(instance, lists, problem_warn)) {
		free(lists);
		return sonde_fail(instance, EINVAL, "a list names what there is not");
	}
	free(self->lists);
	self->lists = lists;
	self->rules = self->asked;
	if (self->rules.mode == MODE_OFF)
		watch_end(instance);
	else
		error = watch_begin(instance);
	if (!error)
		error = sonde_every(instance, TIMER_EVENTS, self->watch ? self->latency_ns : 0);
	if (!error)
		error = sonde_every(instance, TIMER_COUNTS, counts ? self->interval_ns : 0);
	return error;
}

static int processes_start(struct sonde_instance *instance)
{
	struct processes *self = instance->self;
	int error;

	error = events_open(&self->events, instance, &self->names);
	if (!error)
		error = counts_open(&self->counts, self->groups);
	if (error)
		return sonde_fail(instance, -error, "cannot start");
	if (getrandom(&self->seed, sizeof(self->seed), GRND_NONBLOCK) < 0)
		self->seed = sonde_kernel_boottime_ns();
	self->previous_ns = sonde_now_ns(instance);
	error = settings_apply(instance);
	if (!error && self->table)
		sonde_log(instance, SONDE_INFO, "reads processes by %s",
			  sonde_processes_variant(self->table));
	return error;
}

/* What happened under the old settings is read before the new ones hold. */
static int processes_set(struct sonde_instance *instance)
{
	int error;

	events_drain(instance);
	error = counts_emit(instance);
	if (!error)
		error = settings_apply(instance);
	ledger_tell(instance);
	return error;
}

static int processes_timer(struct sonde_instance *instance, int timer)
{
	int error = 0;

	events_drain(instance);
	if (timer == TIMER_COUNTS)
		error = counts_emit(instance);
	ledger_tell(instance);
	return error;
}

static int processes_ready(struct sonde_instance *instance, int fd, uint32_t ready)
{
	(void)fd;
	(void)ready;
	events_drain(instance);
	return 0;
}

/* What is read last is all there will be, and the ledger closes. */
static int processes_drain(struct sonde_instance *instance)
{
	struct processes *self = instance->self;

	if (!self->counts.groups)
		return 0;
	events_drain(instance);
	watch_end(instance);
	(void)counts_emit(instance);
	ledger_tell(instance);
	return 0;
}

static int processes_report(struct sonde_instance *instance, struct sonde_report *report)
{
	struct processes *self = instance->self;
	struct sonde_processes_counts counts = { .size = sizeof(counts) };
	struct sonde_kernel_cost cost;

	if (!self->table)
		return 0;
	for (uint32_t hook = 0; !sonde_processes_cost(self->table, hook, &cost); hook++) {
		sonde_report_text(instance, report, "programs", cost.hook, "variant",
				  sonde_processes_variant(self->table));
		sonde_report(instance, report, "programs", cost.hook, "runs", "{run}",
			     (double)cost.runs);
		sonde_report(instance, report, "programs", cost.hook, "run", "ns", cost.run_ns);
		sonde_report(instance, report, "programs", cost.hook, "missed", "{run}",
			     (double)cost.missed);
	}
	sonde_processes_counts(self->table, &counts);
	sonde_report(instance, report, "table", "images", "live", "{image}", counts.live_count);
	sonde_report(instance, report, "table", "images", "ended", "{image}", counts.ended_count);
	sonde_report(instance, report, "table", "images", "forgotten", "{image}",
		     (double)counts.forgotten);
	sonde_report(instance, report, "table", "images", "memory", "By",
		     (double)counts.memory_bytes);
	return 0;
}

static void processes_stop(struct sonde_instance *instance)
{
	struct processes *self = instance->self;

	watch_end(instance);
	events_close(&self->events);
	counts_close(&self->counts);
	names_close(&self->names);
	free(self->lists);
	self->lists = NULL;
}

static const struct sonde_plugin processes_plugin = {
	SONDE_PLUGIN_INPUT,
	.name = "processes",
	.summary = "processes: what is started, by whom, how it ends and what it used",
	.manual =
		"Tells of each process that is made (fork), runs a program (exec) or ends (exit): "
		"with its arguments,\n"
		"executable, parent, user and cgroup, and at the end with its exit code or signal, "
		"how long it lived\n"
		"and what it used; or counts these by cgroup; or both. However short a process "
		"is, it is seen.\n"
		"Threads are not processes. The collector itself is left out, but not what it "
		"starts.\n"
		"\n"
		"Arguments may hold secrets: `arguments = false` leaves them out.\n"
		"\n"
		"Needs CAP_BPF and CAP_PERFMON.",
	.self_size = sizeof(struct processes),
	.options = processes_options,
	.counters = processes_counters,
	.schemas = rows_schemas,
	.check = processes_check,
	.start = processes_start,
	.stop = processes_stop,
	.set = processes_set,
	.ready = processes_ready,
	.timer = processes_timer,
	.drain = processes_drain,
	.report = processes_report,
};

SONDE_EXPORT(processes_plugin)
