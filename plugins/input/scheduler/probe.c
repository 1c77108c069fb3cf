// SPDX-License-Identifier: Apache-2.0
/* Loads and steers the programs of bpf/scheduler.bpf.c. */
#include "probe.h"

#include <errno.h>
#include <string.h>

#include "embedded_scheduler.h"

static const struct sonde_kernel_hook hooks[] = {
	[SONDE_SCHEDULER_SWITCH] = { .name = "sched_switch", .program = "switch", .shared = true },
	[SONDE_SCHEDULER_WAKEUP] = { .name = "sched_wakeup", .program = "wakeup", .shared = true },
	[SONDE_SCHEDULER_WAKEUP_NEW] = { .name = "sched_wakeup_new",
					 .program = "wakeup_new",
					 .shared = true },
	{ 0 },
};

static const char *const all_variants[] = { "tp_btf", "raw_tp", "tracepoint", NULL };

static uint32_t at_least_two(uint32_t count)
{
	return count < 2 ? 2 : count;
}

uint64_t scheduler_probe_memory_bytes(const struct probe_shape *shape)
{
	uint64_t groups = at_least_two(shape->group_count), pairs = at_least_two(shape->pair_count);
	uint64_t each_cpu = groups * sizeof(struct sonde_scheduler_slot) +
			    pairs * sizeof(struct sonde_scheduler_wait) + shape->ring_bytes +
			    sizeof(struct sonde_scheduler_cpu);

	return each_cpu * sonde_kernel_cpu_count() + groups * sizeof(struct sonde_group) +
	       pairs * sizeof(struct sonde_scheduler_pair);
}

static int entries_set(struct sonde_kernel *kernel, const struct probe *probe)
{
	const struct {
		const char *map;
		uint32_t entries;
	} sizes[] = {
		{ "slots", probe->group_count * probe->cpu_count },
		{ "groups", probe->group_count },
		{ "group_ids", probe->group_count },
		{ "free_groups", probe->group_count },
		{ "pair_waits", probe->pair_count * probe->cpu_count },
		{ "pairs", probe->pair_count },
		{ "pair_ids", probe->pair_count },
		{ "free_pairs", probe->pair_count },
	};
	int error = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && !error; i++)
		error = sonde_kernel_entries(kernel, sizes[i].map, sizes[i].entries);
	return error;
}

/* Storage of a task is for programs that are given the task by type (5.12 and later; before, the
 * next variant serves). */
static int prepare(struct sonde_kernel *kernel, const char *variant, void *context)
{
	struct probe *probe = context;
	bool has_prev_state = sonde_kernel_tracepoint_has("sched_switch", 4);
	int error;

	error = sonde_kernel_constant(kernel, "has_prev_state", &has_prev_state, 1);
	if (!error)
		error = sonde_kernel_constant(kernel, "group_count", &probe->group_count,
					      sizeof(probe->group_count));
	if (!error)
		error = sonde_kernel_constant(kernel, "pair_count", &probe->pair_count,
					      sizeof(probe->pair_count));
	if (!error)
		error = sonde_kernel_omit(kernel,
					  strcmp(variant, "tp_btf") ? "tasks" : "tasks_by_id");
	return error ? error : entries_set(kernel, probe);
}

static int memory_map(struct probe *probe)
{
	probe->control = sonde_kernel_memory(probe->kernel, ".data.control");
	probe->cpus = sonde_kernel_memory(probe->kernel, "cpus");
	probe->slots = sonde_kernel_memory(probe->kernel, "slots");
	probe->groups = sonde_kernel_memory(probe->kernel, "groups");
	probe->pairs = sonde_kernel_memory(probe->kernel, "pairs");
	probe->pair_waits = sonde_kernel_memory(probe->kernel, "pair_waits");
	if (!probe->control || !probe->cpus || !probe->slots || !probe->groups || !probe->pairs ||
	    !probe->pair_waits)
		return -errno;
	for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++) /* left by the trial of the load */
		memset(&probe->cpus[cpu], 0, sizeof(probe->cpus[cpu]));
	return 0;
}

static void control_start(struct probe *probe)
{
	probe->control->rules.collector_tgid = sonde_kernel_own_tgid();
	probe->control->watermark_bytes = (uint32_t)(probe->shape.ring_bytes / 8);
	probe->control->rules.generation = 1;
}

int scheduler_probe_open(struct probe *probe, const struct probe_shape *shape, char *message,
			 size_t message_bytes)
{
	struct sonde_kernel_plan plan = {
		.size = sizeof(plan),
		.name = "scheduler",
		.object = embedded_scheduler,
		.object_bytes = embedded_scheduler_bytes,
		.variants = shape->variants ? shape->variants : all_variants,
		.hooks = hooks,
		.cpu_map = "cpus",
		.rings_map = "rings",
		.ring_bytes = shape->ring_bytes,
		.prepare = prepare,
		.context = probe,
	};
	int error;

	memset(probe, 0, sizeof(*probe));
	probe->shape = *shape;
	probe->cpu_count = sonde_kernel_cpu_count();
	probe->group_count = at_least_two(shape->group_count);
	probe->pair_count = at_least_two(shape->pair_count);
	error = sonde_kernel_load(&plan, &probe->kernel, message, message_bytes);
	if (!error)
		error = memory_map(probe);
	if (!error)
		error = sonde_kernel_queue_fill(probe->kernel, "free_groups", probe->group_count);
	if (!error)
		error = sonde_kernel_queue_fill(probe->kernel, "free_pairs", probe->pair_count);
	if (!error)
		control_start(probe);
	return error;
}

void scheduler_probe_close(struct probe *probe)
{
	sonde_kernel_free(probe->kernel);
	memset(probe, 0, sizeof(*probe));
}

void scheduler_probe_renew(struct probe *probe)
{
	uint32_t next = probe->control->rules.generation + 1;

	probe->control->boottime_offset_ns =
		sonde_kernel_boottime_ns() - sonde_kernel_monotonic_ns();
	probe->control->rules.generation = next ? next : 1;
}

static int filters_apply(struct probe *probe, const struct sonde_kernel_targets *targets)
{
	static const struct sonde_kernel_targets all;
	int error;

	if (!targets)
		targets = &all;
	error = sonde_kernel_set_replace(probe->kernel, "wanted_cgroups", targets->cgroup_ids,
					 sizeof(uint64_t), targets->cgroup_count);
	if (!error)
		error = sonde_kernel_set_replace(probe->kernel, "wanted_processes", targets->tgids,
						 sizeof(uint32_t), targets->tgid_count);
	if (error)
		return error;
	probe->control->rules.filter_cgroups = targets->cgroup_count > 0;
	probe->control->rules.filter_processes = targets->tgid_count > 0;
	return 0;
}

/* The switch is attached first and detached last: only it ends what a wake-up begins. */
static int hooks_apply(struct probe *probe, bool need_switch, bool need_wakeups)
{
	int error = 0;

	for (uint32_t hook = SONDE_SCHEDULER_PROGRAMS; hook-- > 0;)
		if (hook == SONDE_SCHEDULER_SWITCH ? !need_switch : !need_wakeups)
			sonde_kernel_detach(probe->kernel, hook);
	if (need_switch && !sonde_kernel_attached(probe->kernel, SONDE_SCHEDULER_SWITCH)) {
		probe->control->attached_ns = sonde_kernel_monotonic_ns();
		probe->control->turns_ns = probe->control->attached_ns;
		error = sonde_kernel_attach(probe->kernel, SONDE_SCHEDULER_SWITCH);
	}
	for (uint32_t hook = SONDE_SCHEDULER_WAKEUP;
	     need_wakeups && hook < SONDE_SCHEDULER_PROGRAMS && !error; hook++)
		error = sonde_kernel_attach(probe->kernel, hook);
	return error;
}

/* Who had the CPU is noted for who asks; what was noted before a gap is void. */
static void turns_apply(volatile struct sonde_scheduler_control *control,
			const struct probe_settings *settings)
{
	bool needed =
		settings->times || settings->culprits || (settings->mode & SONDE_SCHEDULER_EVENTS);

	if (needed && !control->turns)
		control->turns_ns = sonde_kernel_monotonic_ns();
	control->turns = needed;
}

int scheduler_probe_apply(struct probe *probe, const struct probe_settings *settings)
{
	volatile struct sonde_scheduler_control *control = probe->control;
	bool needed = settings->mode != 0;
	int error;

	if (!needed) {
		error = hooks_apply(probe, false, false);
		control->mode = 0;
		return error;
	}
	error = filters_apply(probe, settings->targets);
	if (error)
		return error;
	control->time_one_in = settings->time_one_in;
	control->sample_one_in = settings->sample_one_in;
	control->minimum_delay_ns = settings->minimum_delay_ns;
	control->events_per_second = settings->events_per_second;
	control->rules.per_process = settings->per_process;
	control->culprits = settings->culprits;
	control->times = settings->times;
	control->follow = settings->times || settings->time_one_in != 1;
	control->mode = settings->mode;
	turns_apply(control, settings);
	scheduler_probe_renew(probe);
	return hooks_apply(probe, true, settings->time_one_in != 0);
}

void scheduler_probe_ledger(const struct probe *probe, struct sonde_scheduler_cpu *ret_sum)
{
	const volatile uint64_t *from;
	uint64_t *to = (uint64_t *)(void *)ret_sum;

	memset(ret_sum, 0, sizeof(*ret_sum));
	for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++) {
		from = (const volatile uint64_t *)(const volatile void *)&probe->cpus[cpu];
		for (size_t word = 0; word < sizeof(*ret_sum) / sizeof(uint64_t); word++)
			to[word] += from[word];
	}
}

uint64_t scheduler_probe_produced(const struct sonde_scheduler_cpu *sum)
{
	return sum->meters[SONDE_SCHEDULER_SWITCH].runs - sum->idle;
}

uint64_t scheduler_probe_accounted(const struct sonde_scheduler_cpu *sum)
{
	uint64_t total = sum->folded + sum->folded_other + sum->ring.events + sum->event_filtered +
			 sum->sampled_out - sum->twice;

	for (int reason = 0; reason < SONDE_TASK_REJECTIONS; reason++)
		total += sum->rejected[reason];
	for (int reason = 0; reason < SONDE_KERNEL_LOSS_COUNT; reason++)
		total += sum->lost[reason];
	return total;
}
