// SPDX-License-Identifier: Apache-2.0
/* Loads an object in the first variant that this kernel takes, attaches its hooks, maps its memory.
 */
#include "object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "message.h"
#include "price.h"

static struct bpf_map *map_find(const struct sonde_kernel *kernel, const char *name)
{
	return bpf_object__find_map_by_name(kernel->object, name);
}

int sonde_kernel_constant(struct sonde_kernel *kernel, const char *name, const void *value,
			  size_t bytes)
{
	const struct btf *btf = bpf_object__btf(kernel->object);
	const struct btf_type *section, *variable;
	const struct btf_var_secinfo *info;
	struct bpf_map *map = map_find(kernel, ".rodata");
	int id = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -ENOENT;
	size_t section_bytes;
	char *base;

	bpf_object__for_each_map(map,
				 kernel->object) if (strstr(bpf_map__name(map), ".rodata")) break;
	if (id < 0 || !map)
		return -ENOENT;
	base = (char *)(uintptr_t)bpf_map__initial_value(map, &section_bytes);
	section = btf__type_by_id(btf, (uint32_t)id);
	info = btf_var_secinfos(section);
	for (uint32_t i = 0; i < btf_vlen(section); i++, info++) {
		variable = btf__type_by_id(btf, info->type);
		if (strcmp(btf__name_by_offset(btf, variable->name_off), name))
			continue;
		if (info->size != bytes || !base || info->offset + bytes > section_bytes)
			return -EINVAL;
		memcpy(base + info->offset, value, bytes);
		return 0;
	}
	return -ENOENT;
}

int sonde_kernel_entries(struct sonde_kernel *kernel, const char *map, uint32_t entries)
{
	struct bpf_map *found = map_find(kernel, map);

	return found ? bpf_map__set_max_entries(found, entries) : -ENOENT;
}

int sonde_kernel_omit(struct sonde_kernel *kernel, const char *map)
{
	struct bpf_map *found = map_find(kernel, map);

	return found ? bpf_map__set_autocreate(found, false) : -ENOENT;
}

const char *sonde_kernel_variant(const struct sonde_kernel *kernel)
{
	return kernel->variant;
}

int sonde_kernel_map(struct sonde_kernel *kernel, const char *map)
{
	struct bpf_map *found = map_find(kernel, map);

	return found ? bpf_map__fd(found) : -ENOENT;
}

void *sonde_kernel_memory(struct sonde_kernel *kernel, const char *map)
{
	struct bpf_map *found = map_find(kernel, map);
	struct object_memory *memory;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	for (uint32_t i = 0; i < kernel->memory_count; i++)
		if (kernel->memories[i].map == found)
			return kernel->memories[i].base;
	errno = ENOENT;
	if (!found || kernel->memory_count == OBJECT_MEMORIES)
		return NULL;
	memory = &kernel->memories[kernel->memory_count];
	memory->map = found;
	memory->bytes =
		((size_t)bpf_map__value_size(found) + 7) / 8 * 8 * bpf_map__max_entries(found);
	memory->bytes = (memory->bytes + page - 1) / page * page;
	memory->base = mmap(NULL, memory->bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			    bpf_map__fd(found), 0);
	if (memory->base == MAP_FAILED)
		return NULL;
	kernel->memory_count++;
	return memory->base;
}

/* Attaches one hook's program directly. */
static int hook_link(struct object_hook *hook)
{
	hook->link = bpf_program__attach(hook->program);
	return hook->link ? 0 : -errno;
}

int sonde_kernel_attach(struct sonde_kernel *kernel, uint32_t index)
{
	struct object_hook *hook = &kernel->hooks[index];
	int error;

	if (index >= kernel->hook_count)
		return -ERANGE;
	if (hook->attached)
		return 0;
	message_capture();
	error = hook->plan.shared ? hub_attach(kernel, hook) : hook_link(hook);
	hook->attached = !error;
	return error;
}

void sonde_kernel_detach(struct sonde_kernel *kernel, uint32_t index)
{
	struct object_hook *hook = &kernel->hooks[index];

	if (index >= kernel->hook_count || !hook->attached)
		return;
	message_capture();
	if (hook->plan.shared)
		hub_detach(kernel, hook);
	else
		bpf_link__destroy(hook->link);
	hook->link = NULL;
	hook->attached = false;
}

bool sonde_kernel_attached(const struct sonde_kernel *kernel, uint32_t index)
{
	return index < kernel->hook_count && kernel->hooks[index].attached;
}

int sonde_kernel_iterate(struct sonde_kernel *kernel, uint32_t index)
{
	const struct object_hook *hook = &kernel->hooks[index];

	if (index >= kernel->hook_count)
		return -ERANGE;
	if (!hook->link)
		return -ENOLINK;
	message_capture();
	return bpf_iter_create(bpf_link__fd(hook->link));
}

void sonde_kernel_free(struct sonde_kernel *kernel)
{
	if (!kernel)
		return;
	for (uint32_t i = 0; i < kernel->hook_count; i++) {
		sonde_kernel_detach(kernel, i);
		if (kernel->hooks[i].plan.shared)
			hub_leave(kernel, &kernel->hooks[i]);
	}
	for (uint32_t i = 0; i < kernel->memory_count; i++)
		munmap(kernel->memories[i].base, kernel->memories[i].bytes);
	rings_free(kernel->rings);
	if (kernel->object)
		bpf_object__close(kernel->object);
	free(kernel);
}

/* Leaves only the programs of the variant to be loaded, one a hook. */
static int programs_choose(struct sonde_kernel *kernel)
{
	struct bpf_program *program;
	char name[128];

	bpf_object__for_each_program(program, kernel->object)
		bpf_program__set_autoload(program, false);
	for (uint32_t i = 0; i < kernel->hook_count; i++) {
		snprintf(name, sizeof(name), "%s__%s", kernel->hooks[i].plan.program,
			 kernel->variant);
		program = bpf_object__find_program_by_name(kernel->object, name);
		if (!program)
			return -ENOENT;
		bpf_program__set_autoload(program, true);
		kernel->hooks[i].program = program;
	}
	return 0;
}

/* Loads the programs in one go; if that fails, `ret_hook` names the first hook as libbpf stops
 * there. */
static int object_prepare(struct sonde_kernel *kernel, const struct sonde_kernel_plan *plan)
{
	uint32_t cpus = sonde_kernel_cpu_count();
	int error = programs_choose(kernel);

	if (!error && plan->cpu_map)
		error = sonde_kernel_entries(kernel, plan->cpu_map, cpus);
	if (!error && plan->rings_map)
		error = sonde_kernel_entries(kernel, plan->rings_map, cpus);
	if (!error && plan->prepare)
		error = plan->prepare(kernel, kernel->variant, plan->context);
	for (uint32_t i = 0; !error && i < kernel->hook_count; i++)
		if (kernel->hooks[i].plan.shared)
			error = hub_join(kernel, &kernel->hooks[i]);
	if (!error)
		error = bpf_object__load(kernel->object);
	if (!error && plan->rings_map)
		error = rings_create(kernel, plan->rings_map, plan->ring_bytes);
	return error;
}

/* Which hook libbpf was at when the load failed: the last program that it names. */
static const char *hook_refused(const struct sonde_kernel *kernel)
{
	char text[160];

	for (uint32_t i = 0; i < kernel->hook_count; i++) {
		if (!kernel->hooks[i].program)
			return kernel->hooks[i].plan.name;
		snprintf(text, sizeof(text), "'%s'", bpf_program__name(kernel->hooks[i].program));
		if (message_contains(text))
			return kernel->hooks[i].plan.name;
	}
	return kernel->hook_count ? kernel->hooks[0].plan.name : kernel->name;
}

/* One attempt: load the variant and attach every hook once, to see that it can be. */
static int variant_try(const struct sonde_kernel_plan *plan, const char *variant,
		       struct sonde_kernel **ret_kernel, char *why, size_t why_bytes)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = plan->name);
	struct sonde_kernel *kernel = calloc(1, sizeof(*kernel));
	int error;

	if (!kernel)
		return -ENOMEM;
	kernel->name = plan->name;
	kernel->variant = variant;
	kernel->cpu_map = plan->cpu_map;
	for (; plan->hooks[kernel->hook_count].name && kernel->hook_count < OBJECT_HOOKS;
	     kernel->hook_count++) {
		kernel->hooks[kernel->hook_count].plan = plan->hooks[kernel->hook_count];
		kernel->hooks[kernel->hook_count].hub_place = -1;
	}
	message_capture();
	kernel->object = bpf_object__open_mem(plan->object, plan->object_bytes, &options);
	error = kernel->object ? object_prepare(kernel, plan) : -errno;
	if (error)
		message_explain(why, why_bytes, hook_refused(kernel), variant, error);
	for (uint32_t i = 0; !error && i < kernel->hook_count; i++) {
		error = sonde_kernel_attach(kernel, i);
		if (error)
			message_explain(why, why_bytes, kernel->hooks[i].plan.name, variant, error);
	}
	for (uint32_t i = 0; i < kernel->hook_count; i++)
		sonde_kernel_detach(kernel, i);
	if (error)
		sonde_kernel_free(kernel);
	else
		*ret_kernel = kernel;
	return error;
}

int sonde_kernel_load(const struct sonde_kernel_plan *plan, struct sonde_kernel **ret_kernel,
		      char *message, size_t message_bytes)
{
	char why[256], *out = message;
	int error = -EINVAL;

	if (message_bytes)
		message[0] = 0;
	if (plan->size < sizeof(*plan))
		return -EINVAL;
	for (const char *const *variant = plan->variants; *variant; variant++) {
		why[0] = 0;
		error = variant_try(plan, *variant, ret_kernel, why, sizeof(why));
		if (!error)
			return 0;
		if ((error == -EPERM || error == -EACCES) &&
		    message_lacking(message, message_bytes))
			break; /* the other variants need the same */
		out += snprintf(out, message_bytes - (size_t)(out - message), "%s%s",
				out == message ? "" : "; ", why[0] ? why : strerror(-error));
		if ((size_t)(out - message) >= message_bytes)
			break;
	}
	return error;
}

static uint64_t missed_runs(int program_fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t bytes = sizeof(info);

	return bpf_obj_get_info_by_fd(program_fd, &info, &bytes) ? 0 : info.recursion_misses;
}

int sonde_kernel_cost(struct sonde_kernel *kernel, uint32_t index,
		      struct sonde_kernel_cost *ret_cost)
{
	struct sonde_kernel_cost cost = { 0 };
	const struct bpf_map *map = kernel->cpu_map ? map_find(kernel, kernel->cpu_map) : NULL;
	const char *blocks = kernel->cpu_map ? sonde_kernel_memory(kernel, kernel->cpu_map) : NULL;
	const struct sonde_meter *meter;
	struct object_hook *hook = &kernel->hooks[index];
	double clock_ns = price_clock_ns();

	if (index >= kernel->hook_count)
		return -ERANGE;
	cost.hook = hook->plan.name;
	cost.program = hook->plan.program;
	cost.attached = hook->attached;
	for (uint32_t cpu = 0; blocks && cpu < bpf_map__max_entries(map); cpu++) {
		meter = (const struct sonde_meter *)(const void *)(blocks +
								   (size_t)cpu *
									   bpf_map__value_size(
										   map)) +
			index;
		cost.runs += meter->runs;
		cost.clocked_runs += meter->clocked_runs;
		cost.clocked_ns += meter->clocked_ns;
	}
	if (cost.clocked_runs) {
		cost.run_ns = (double)cost.clocked_ns / (double)cost.clocked_runs - clock_ns;
		if (cost.run_ns < 0)
			cost.run_ns = 0;
		cost.clocked_ns = (uint64_t)(cost.run_ns * (double)cost.clocked_runs);
	}
	cost.missed = missed_runs(bpf_program__fd(hook->program));
	cost.hook_ns = price_hook_ns(hook->plan.name, kernel->variant);
	*ret_cost = cost;
	return 0;
}
