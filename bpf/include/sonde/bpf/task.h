/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Tasks: which of them an input looks at, and what is known of each, worked out once. */
#ifndef SONDE_BPF_TASK_H
#define SONDE_BPF_TASK_H

#include <linux/types.h>
#include <sonde/bpf/group.h>

/* Why an input does not look at a task. Further reasons of its own follow behind these. */
enum sonde_task_rejection {
	SONDE_TASK_WANTED,       /* none */
	SONDE_TASK_OFF,          /* the mode asks for nothing */
	SONDE_TASK_OF_COLLECTOR, /* it is the collector's own */
	SONDE_TASK_OTHER_CGROUP, /* of a cgroup or process that no filter lets through */
	SONDE_TASK_OTHER_PROCESS,
	SONDE_TASK_REJECTIONS,
};

/* What an input's control block begins with. What was worked out of a task holds until `generation`
 * changes. */
struct sonde_task_rules {
	__u32 generation;      /* never 0 */
	__u32 collector_tgid;  /* who is not looked at */
	__u8 per_process;      /* group by cgroup and process, not by cgroup alone */
	__u8 filter_cgroups;   /* only those in the map wanted_cgroups */
	__u8 filter_processes; /* only those in the map wanted_processes */
	__u8 reserved[5];
};

#ifdef __bpf__

/* Stands for a group that was not asked for yet: only who is counted takes one. */
#define SONDE_GROUP_UNKNOWN 0xffffffffu

/* Reads a member: of what is known to the verifier directly, of another through a helper. */
#define SONDE_FIELD(known_, pointer_, field_)                                                      \
	((known_) ? (pointer_)->field_ : BPF_CORE_READ(pointer_, field_))

/* What the state that an input keeps of a task has of this. In a task's storage 56 bytes share the
 * cache line that has to be read anyway: what is asked for seldom comes last. */
struct sonde_task {
	__u64 place; /* the task's css_set that the rest was worked out for; 0: not yet */
	__u64 cgroup_id;
	__u32 generation; /* of the rules, likewise; 0: not worked out yet */
	__u32 group;      /* SONDE_GROUP_UNKNOWN too while it is rejected */
	__u32 rejection;  /* enum sonde_task_rejection */
	__u32 tgid;
	__u64 start_time_ns; /* of its process, boottime */
};

/* Declares where the struct state_ of each task is kept: the task's own storage (5.11 and later),
 * or a table, whose entries are of whoever had the id last; and task_find, which finds or makes it.
 */
#define SONDE_TASKS(state_)                                                                        \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_TASK_STORAGE);                                           \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__type(key, int);                                                                  \
		__type(value, struct state_);                                                      \
	} tasks SEC(".maps");                                                                      \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_LRU_HASH);                                               \
		__uint(max_entries, 65536);                                                        \
		__type(key, __u32);                                                                \
		__type(value, struct state_);                                                      \
	} tasks_by_id SEC(".maps");                                                                \
	static __always_inline struct state_ *task_find(struct task_struct *task, __u32 id,        \
							bool stored, bool create)                  \
	{                                                                                          \
		struct state_ *state;                                                              \
                                                                                                   \
		if (stored)                                                                        \
			return bpf_task_storage_get(&tasks, task, NULL,                            \
						    create ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);  \
		state = bpf_map_lookup_elem(&tasks_by_id, &id);                                    \
		if (!state && create) {                                                            \
			struct state_ none = {}; /* here: it takes its time to be zeroed */        \
                                                                                                   \
			bpf_map_update_elem(&tasks_by_id, &id, &none, BPF_NOEXIST);                \
			state = bpf_map_lookup_elem(&tasks_by_id, &id);                            \
		}                                                                                  \
		return state;                                                                      \
	}

/* Notes where a task is, and whose. */
static __always_inline void sonde_task_look(struct sonde_task *of, struct task_struct *task,
					    bool known, __u64 cgroup_id)
{
	of->place = (__u64)SONDE_FIELD(known, task, cgroups);
	of->cgroup_id = cgroup_id;
	of->tgid = SONDE_FIELD(known, task, tgid);
	of->start_time_ns = known ? task->group_leader->start_boottime
				  : BPF_CORE_READ(task, group_leader, start_boottime);
}

/* Works out what the filters make of it. */
static __always_inline void sonde_task_judge(struct sonde_task *of,
					     const volatile struct sonde_task_rules *rules)
{
	__u64 cgroup_id = of->cgroup_id;
	__u32 tgid = of->tgid;

	of->generation = rules->generation;
	of->group = SONDE_GROUP_UNKNOWN;
	if (tgid == rules->collector_tgid)
		of->rejection = SONDE_TASK_OF_COLLECTOR;
	else if (rules->filter_cgroups && !bpf_map_lookup_elem(&wanted_cgroups, &cgroup_id))
		of->rejection = SONDE_TASK_OTHER_CGROUP;
	else if (rules->filter_processes && !bpf_map_lookup_elem(&wanted_processes, &tgid))
		of->rejection = SONDE_TASK_OTHER_PROCESS;
	else
		of->rejection = SONDE_TASK_WANTED;
}

/* Whether what is known of it holds; a task that is not known may be NULL, where a hook does not
 * tell it. A css_set may be
 * freed and another come to lie in its place, while the task sleeps: user space makes a new
 * generation with each reading, which bounds for how long such a mistake can hold. */
static __always_inline bool sonde_task_holds(const struct sonde_task *of, struct task_struct *task,
					     bool known,
					     const volatile struct sonde_task_rules *rules)
{
	if ((known || task) && of->place != (__u64)SONDE_FIELD(known, task, cgroups))
		return false;
	return of->generation == rules->generation;
}

/* The index of the task's group in `groups_`, the address of that map; 0 where there is no room, or
 * where its cgroup is not known. */
static __always_inline __u32 sonde_task_group(struct sonde_task *of, struct task_struct *task,
					      bool known, void *groups_,
					      const volatile struct sonde_task_rules *rules)
{
	struct sonde_group_key key = { .cgroup_id = of->cgroup_id };
	struct task_struct *leader = NULL;

	if (__builtin_expect(of->group != SONDE_GROUP_UNKNOWN, 1))
		return of->group;
	if (!key.cgroup_id)
		return 0;
	if (rules->per_process) {
		key.tgid = of->tgid;
		if (task)
			leader = SONDE_FIELD(known, task, group_leader);
	}
	of->group = sonde_group_find(groups_, &key, of->start_time_ns, leader);
	return of->group;
}

#endif
#endif
