/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Groups: whom a program counts for, a bounded number of them, each with an index into arrays.
 *
 * User space fills the queue of free indexes and takes groups that were silent out of the table
 * (sonde/kernel.h, "groups"). Index 0 is for all that found no room. */
#ifndef SONDE_BPF_GROUP_H
#define SONDE_BPF_GROUP_H

#include <linux/types.h>

struct sonde_group_key {
	__u64 cgroup_id;
	__u32 tgid; /* 0 unless grouped by process */
	__u32 reserved;
};

/* What the object's map `groups` holds for each, or begins with. */
struct sonde_group {
	struct sonde_group_key key;
	__u64 start_time_ns; /* of the process, boottime; 0 unless grouped by process */
	char comm[16];       /* of the process when first seen */
};

#ifdef __bpf__

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2); /* as many as there may be groups */
	__type(key, struct sonde_group_key);
	__type(value, __u32);
} group_ids SEC(".maps");

/* Indexes that are in no use; user space takes care that what they stand for is zeroed. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 2);
	__type(value, __u32);
} free_groups SEC(".maps");

/* What the filters let through, where there are any. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u8);
} wanted_cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} wanted_processes SEC(".maps");

/* Finds or makes the group of a key in `groups_`, the address of that map; 0 where there is no
 * room. Of a process, `leader` is its main thread. */
static __always_inline __u32 sonde_group_find(void *groups_, struct sonde_group_key *key,
					      __u64 start_time_ns, struct task_struct *leader)
{
	struct sonde_group *group;
	__u32 *found, index = 0;

	found = bpf_map_lookup_elem(&group_ids, key);
	if (found)
		return *found;
	if (bpf_map_pop_elem(&free_groups, &index))
		return 0;
	group = bpf_map_lookup_elem(groups_, &index);
	if (!group)
		return 0;
	group->key = *key;
	if (key->tgid) {
		group->start_time_ns = start_time_ns;
		bpf_probe_read_kernel(group->comm, sizeof(group->comm), leader->comm);
	}
	if (!bpf_map_update_elem(&group_ids, key, &index, BPF_NOEXIST))
		return index;
	group->key.cgroup_id = 0; /* another CPU was first */
	bpf_map_push_elem(&free_groups, &index, 0);
	found = bpf_map_lookup_elem(&group_ids, key);
	return found ? *found : 0;
}

#endif
#endif
