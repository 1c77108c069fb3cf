// SPDX-License-Identifier: Apache-2.0
/* Whose events are wanted: from what a config names to the maps that programs ask. */
#include <sonde/kernel.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sonde_kernel_set_replace(struct sonde_kernel *kernel, const char *map, const void *keys,
			     uint32_t key_bytes, uint32_t count)
{
	int fd = sonde_kernel_map(kernel, map);
	const char *key = keys;
	uint64_t each, stale[64];
	uint8_t one = 1;
	uint32_t stale_count;
	void *previous;

	if (fd < 0)
		return fd;
	do { /* a key that goes must not be the one that the walk goes on from */
		stale_count = 0;
		previous = NULL;
		while (stale_count < 64 && !bpf_map_get_next_key(fd, previous, &each)) {
			previous = &each;
			stale[stale_count++] = each;
		}
		for (uint32_t i = 0; i < stale_count; i++)
			bpf_map_delete_elem(fd, &stale[i]);
	} while (stale_count);
	for (uint32_t i = 0; i < count; i++)
		if (bpf_map_update_elem(fd, key + (size_t)i * key_bytes, &one, BPF_ANY))
			return -errno;
	return 0;
}

int sonde_kernel_targets_cgroups(struct sonde_kernel_targets *targets, const char *const *texts,
				 uint32_t count, sonde_kernel_problem *problem, void *context)
{
	int problems = 0, error;

	for (uint32_t i = 0; i < count && targets->cgroup_count < SONDE_KERNEL_TARGETS; i++) {
		error = sonde_kernel_cgroup_id(texts[i],
					       &targets->cgroup_ids[targets->cgroup_count]);
		if (!error)
			targets->cgroup_count++;
		else if (++problems)
			problem(context, texts[i], strerror(-error));
	}
	return problems;
}

static bool tgid_parse(const char *text, uint32_t *ret_tgid)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || end == text || !value || value > INT32_MAX)
		return false;
	*ret_tgid = (uint32_t)value;
	return true;
}

int sonde_kernel_targets_processes(struct sonde_kernel_targets *targets, const char *const *texts,
				   uint32_t count, sonde_kernel_problem *problem, void *context)
{
	int problems = 0;

	for (uint32_t i = 0; i < count && targets->tgid_count < SONDE_KERNEL_TARGETS; i++) {
		if (tgid_parse(texts[i], &targets->tgids[targets->tgid_count]))
			targets->tgid_count++;
		else if (++problems)
			problem(context, texts[i], "not a process id");
	}
	return problems;
}
