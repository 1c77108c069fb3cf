// SPDX-License-Identifier: Apache-2.0
/* Loads and steers the programs of bpf/syscalls.bpf.c. */
#include "probe.h"

#include <errno.h>
#include <string.h>

#include "embedded_syscalls.h"
#include "names.h"

static const struct sonde_kernel_hook hooks[] = {
	[PROBE_ENTER] = { .name = "sys_enter", .program = "enter", .shared = true },
	[PROBE_EXIT] = { .name = "sys_exit", .program = "exit", .shared = true },
	{ 0 },
};

static const char *const all_variants[] = { "tp_btf", "raw_tp", "tracepoint", NULL };

/* A CPU has no use for more: that many calls of that many groups. */
static uint32_t slot_limit(const struct probe_shape *shape)
{
	return shape->group_count * 128 < 65536 ? shape->group_count * 128 : 65536;
}

uint32_t probe_slot_count(const struct probe_shape *shape)
{
	uint64_t count = shape->memory_bytes / sizeof(struct sonde_syscall_slot);

	if (count > slot_limit(shape))
		count = slot_limit(shape);
	return count < 2 ? 2 : (uint32_t)count;
}

uint64_t probe_memory_bytes(const struct probe_shape *shape)
{
	uint64_t slots = (uint64_t)probe_slot_count(shape) * sonde_kernel_cpu_count();

	return slots * sizeof(struct sonde_syscall_slot) +
	       shape->group_count * sizeof(struct sonde_syscall_group) +
	       shape->ring_bytes * sonde_kernel_cpu_count();
}

static int prepare(struct sonde_kernel *kernel, const char *variant, void *context)
{
	struct probe *probe = context;
	bool has_task_storage = !probe->shape.without_task_storage;
	uint32_t queue = probe->slot_count;
	int error;

	error = sonde_kernel_constant(kernel, "slot_count", &probe->slot_count,
				      sizeof(probe->slot_count));
	if (!error)
		error = sonde_kernel_constant(kernel, "has_task_storage", &has_task_storage, 1);
	if (!error)
		error = sonde_kernel_omit(kernel, has_task_storage ? "tasks_by_id" : "tasks");
	if (!error)
		error = sonde_kernel_entries(kernel, "slots", probe->slot_count * probe->cpu_count);
	if (!error)
		error = sonde_kernel_entries(kernel, "groups", probe->group_count);
	if (!error)
		error = sonde_kernel_entries(kernel, "group_ids", probe->group_count);
	if (!error)
		error = sonde_kernel_entries(kernel, "free_groups", probe->group_count);
	if (!error)
		error = sonde_kernel_entries(kernel, "free_slots", queue);
	return error;
}

static int memory_map(struct probe *probe)
{
	probe->control = sonde_kernel_memory(probe->kernel, ".data.control");
	probe->cpus = sonde_kernel_memory(probe->kernel, "cpus");
	probe->slots = sonde_kernel_memory(probe->kernel, "slots");
	probe->groups = sonde_kernel_memory(probe->kernel, "groups");
	if (!probe->control || !probe->cpus || !probe->slots || !probe->groups)
		return -errno;
	for (uint32_t cpu = 0; cpu < probe->cpu_count; cpu++) /* left by the trial of the load */
		memset(&probe->cpus[cpu], 0, sizeof(probe->cpus[cpu]));
	return 0;
}

/* Works out of the traits of both halves what is known from a number alone. */
static void numbers_apply(struct probe *probe)
{
	volatile struct sonde_syscalls_control *control = probe->control;
	uint8_t native, compat;

	for (uint32_t number = 0; number < SONDE_SYSCALL_NUMBERS; number++) {
		native = control->traits[number] & SONDE_SYSCALL_SPECIAL;
		compat = control->traits[SONDE_SYSCALL_NUMBERS + number] & SONDE_SYSCALL_SPECIAL;
		if ((native | compat) & SONDE_SYSCALL_ENDS)
			control->numbers[number] = SONDE_SYSCALL_MAY_END;
		else if (native == SONDE_SYSCALL_UNWANTED && compat == SONDE_SYSCALL_UNWANTED)
			control->numbers[number] = SONDE_SYSCALL_IGNORED;
		else
			control->numbers[number] = native ? SONDE_SYSCALL_EXTRAORDINARY : 0;
	}
}

static void control_start(struct probe *probe)
{
	volatile struct sonde_syscalls_control *control = probe->control;
	uint32_t indexes[2];

	names_traits(probe->traits);
	memcpy((void *)(uintptr_t)control->traits, probe->traits, sizeof(probe->traits));
	numbers_apply(probe);
	if (names_find("rt_sigreturn", indexes) == 2) {
		control->sigreturn = indexes[0];
		control->sigreturn_compat = indexes[1];
	}
	control->rules.collector_tgid = sonde_kernel_own_tgid();
	control->text_limit_bytes = SONDE_SYSCALL_TEXT_BYTES;
	control->watermark_bytes = (uint32_t)(probe->shape.ring_bytes / 8);
	control->rules.generation = 1;
	control->plain = SONDE_SYSCALLS_NOT_PLAIN;
}

int probe_open(struct probe *probe, const struct probe_shape *shape, char *message,
	       size_t message_bytes)
{
	struct sonde_kernel_plan plan = {
		.size = sizeof(plan),
		.name = "syscalls",
		.object = embedded_syscalls,
		.object_bytes = embedded_syscalls_bytes,
		.variants = shape->variants ? shape->variants : all_variants,
		.hooks = hooks,
		.cpu_map = "cpus",
		.rings_map = "rings",
		.ring_bytes = shape->ring_bytes,
		.prepare = prepare,
		.context = probe,
	};
	char again[512];
	int error;

	memset(probe, 0, sizeof(*probe));
	probe->shape = *shape;
	probe->cpu_count = sonde_kernel_cpu_count();
	probe->slot_count = probe_slot_count(shape);
	probe->group_count = shape->group_count < 2 ? 2 : shape->group_count;
	error = sonde_kernel_load(&plan, &probe->kernel, message, message_bytes);
	if (error && !shape->without_task_storage) { /* it came with 5.11 */
		probe->shape.without_task_storage = true;
		error = sonde_kernel_load(&plan, &probe->kernel, again, sizeof(again));
	}
	if (!error)
		error = memory_map(probe);
	if (!error)
		error = sonde_kernel_queue_fill(probe->kernel, "free_slots", probe->slot_count);
	if (!error)
		error = sonde_kernel_queue_fill(probe->kernel, "free_groups", probe->group_count);
	if (!error)
		control_start(probe);
	return error;
}

void probe_close(struct probe *probe)
{
	sonde_kernel_free(probe->kernel);
	memset(probe, 0, sizeof(*probe));
}

void probe_renew(struct probe *probe)
{
	uint32_t next = probe->control->rules.generation + 1;

	probe->control->boottime_offset_ns =
		sonde_kernel_boottime_ns() - sonde_kernel_monotonic_ns();
	probe->control->rules.generation = next && next != SONDE_SYSCALLS_NOT_PLAIN ? next : 1;
	probe->control->plain =
		probe->plain ? probe->control->rules.generation : SONDE_SYSCALLS_NOT_PLAIN;
}

static int filters_apply(struct probe *probe, const struct probe_settings *settings)
{
	volatile struct sonde_syscalls_control *control = probe->control;
	int error;

	error = sonde_kernel_set_replace(probe->kernel, "wanted_cgroups", settings->cgroup_ids,
					 sizeof(uint64_t), settings->cgroup_count);
	if (!error)
		error = sonde_kernel_set_replace(probe->kernel, "wanted_processes", settings->tgids,
						 sizeof(uint32_t), settings->tgid_count);
	if (error)
		return error;
	control->rules.filter_cgroups = settings->cgroup_count > 0;
	control->rules.filter_processes = settings->tgid_count > 0;
	for (uint32_t index = 0; index < SONDE_SYSCALL_INDEXES; index++) {
		bool wanted = !settings->call_count;

		for (uint32_t i = 0; i < settings->call_count && !wanted; i++)
			wanted = settings->calls[i] == index;
		control->traits[index] =
			probe->traits[index] | (wanted ? 0 : SONDE_SYSCALL_UNWANTED);
	}
	numbers_apply(probe);
	return 0;
}

/* The exit is attached first and detached last: an entry without its exit would leave a start
 * behind. */
static int hooks_apply(struct probe *probe, bool need_exit, bool need_enter)
{
	int error = 0;

	if (!need_enter)
		sonde_kernel_detach(probe->kernel, PROBE_ENTER);
	if (!need_exit)
		sonde_kernel_detach(probe->kernel, PROBE_EXIT);
	if (need_exit && !sonde_kernel_attached(probe->kernel, PROBE_EXIT)) {
		probe->control->attached_ns = sonde_kernel_monotonic_ns();
		error = sonde_kernel_attach(probe->kernel, PROBE_EXIT);
	}
	if (!error && need_enter)
		error = sonde_kernel_attach(probe->kernel, PROBE_ENTER);
	return error;
}

/* Whether a sample of events can be drawn before it is known how calls end: then the others need be
 * neither timed nor looked at when they return. */
static bool sample_at_entry(const struct probe_settings *settings)
{
	return settings->mode == SONDE_SYSCALLS_EVENTS && settings->sample_one_in > 1 &&
	       settings->time_one_in == 1 && !settings->errors_only &&
	       !settings->minimum_duration_ns;
}

int probe_apply(struct probe *probe, const struct probe_settings *settings)
{
	volatile struct sonde_syscalls_control *control = probe->control;
	bool need_exit = settings->mode != 0;
	bool need_enter = need_exit && settings->time_one_in, timed_only;
	int error;

	control->plain = SONDE_SYSCALLS_NOT_PLAIN;
	if (!need_exit) { /* the filters stay: a call that is under way is still held against them
			   */
		error = hooks_apply(probe, false, false);
		control->mode = 0;
		return error;
	}
	error = filters_apply(probe, settings);
	if (error)
		return error;
	control->attached_ns = UINT64_MAX; /* what is under way was begun under other rules */
	timed_only = sample_at_entry(settings);
	control->timed_only = timed_only;
	control->time_one_in = timed_only ? settings->sample_one_in : settings->time_one_in;
	control->sample_one_in = settings->sample_one_in;
	control->minimum_duration_ns = settings->minimum_duration_ns;
	control->events_per_second = settings->events_per_second;
	control->detail = settings->detail;
	control->errors_only = settings->errors_only;
	control->rules.per_process = settings->per_process;
	control->mode = settings->mode;
	probe->plain = settings->mode == SONDE_SYSCALLS_AGGREGATE && !settings->errors_only &&
		       !settings->minimum_duration_ns;
	control->attached_ns = sonde_kernel_monotonic_ns();
	probe_renew(probe);
	return hooks_apply(probe, need_exit, need_enter);
}

void probe_ledger(const struct probe *probe, struct sonde_syscalls_cpu *ret_sum)
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

uint64_t probe_produced(const struct sonde_syscalls_cpu *sum)
{
	return sum->meters[SONDE_SYSCALLS_EXIT].runs + sum->ended - sum->no_call;
}

uint64_t probe_accounted(const struct sonde_syscalls_cpu *sum)
{
	uint64_t total = sum->folded + sum->folded_other + sum->fold_filtered + sum->ring.events +
			 sum->event_filtered + sum->sampled_out - sum->twice;

	for (int reason = 0; reason < SONDE_SYSCALLS_REJECTIONS; reason++)
		total += sum->rejected[reason];
	for (int reason = 0; reason < SONDE_KERNEL_LOSS_COUNT; reason++)
		total += sum->lost[reason];
	return total;
}
