/* SPDX-License-Identifier: Apache-2.0 */
/* What eBPF inputs share: loading with fallbacks, the hook hub, rings, losses, costs, cgroup names.
 *
 * An input embeds its compiled object, describes it in a struct sonde_kernel_plan, and loads it.
 * All functions return 0 or a negative errno unless they say otherwise, and are safe from any
 * thread as long as one object is used by one thread at a time. */
#ifndef SONDE_KERNEL_H
#define SONDE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sonde/bpf/cpu.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SONDE_KERNEL_API __attribute__((visibility("default")))

/* ---- objects ----------------------------------------------------------------------------- */

struct sonde_kernel; /* a loaded object: programs and maps */

/* A place in the kernel that the object has a program for, in one or more variants: the program of
 * variant V is called PROGRAM__V. */
struct sonde_kernel_hook {
	const char *name;    /* "sys_exit" */
	const char *program; /* "exit" */
	bool shared;         /* its program is a member of the hook hub (sonde/bpf/hub.h) */
};

struct sonde_kernel_plan {
	size_t size;        /* sizeof(struct sonde_kernel_plan) */
	const char *name;   /* for messages, "syscalls" */
	const void *object; /* the compiled object */
	size_t object_bytes;
	const char *const
		*variants; /* in the order to try, ends with NULL: "tp_btf", "raw_tp" .. */
	const struct sonde_kernel_hook *hooks; /* ends with an entry of zeros */
	const char *cpu_map;   /* map of CPU blocks that begin with a sonde_meter a hook; or NULL */
	const char *rings_map; /* map of rings (SONDE_RINGS); NULL: the object has none */
	uint64_t ring_bytes;   /* of each CPU's ring; rounded up to a power of two */
	/* Called before each attempt with the opened object: sets constants and sizes. */
	int (*prepare)(struct sonde_kernel *kernel, const char *variant, void *context);
	void *context; /* for prepare */
};

/* Loads the first variant that the kernel takes and lets attach at every hook; nothing is attached
 * afterwards. On failure `message` (at most message_bytes) says which hook was refused in each
 * variant and what would be needed. */
SONDE_KERNEL_API int sonde_kernel_load(const struct sonde_kernel_plan *plan,
				       struct sonde_kernel **ret_kernel, char *message,
				       size_t message_bytes);

/* Detaches and frees all; NULL is fine. Links and maps are gone when it returns. */
SONDE_KERNEL_API void sonde_kernel_free(struct sonde_kernel *kernel);

/* In prepare: gives a `const volatile` of the object its value. -ENOENT: there is none of that
 * name, -EINVAL: it has another size. */
SONDE_KERNEL_API int sonde_kernel_constant(struct sonde_kernel *kernel, const char *name,
					   const void *value, size_t bytes);

/* In prepare: sets how many entries a map has. */
SONDE_KERNEL_API int sonde_kernel_entries(struct sonde_kernel *kernel, const char *map,
					  uint32_t entries);

/* In prepare: leaves a map out that this variant does not use. */
SONDE_KERNEL_API int sonde_kernel_omit(struct sonde_kernel *kernel, const char *map);

/* Whether the kernel's BTF says that a tracepoint has that many arguments or more. */
SONDE_KERNEL_API bool sonde_kernel_tracepoint_has(const char *tracepoint, uint32_t arguments);

/* The variant that was chosen; valid while the object is. */
SONDE_KERNEL_API const char *sonde_kernel_variant(const struct sonde_kernel *kernel);

/* Attaches a hook, given by its index in the plan, or detaches it; either twice is fine. */
SONDE_KERNEL_API int sonde_kernel_attach(struct sonde_kernel *kernel, uint32_t hook);
SONDE_KERNEL_API void sonde_kernel_detach(struct sonde_kernel *kernel, uint32_t hook);
SONDE_KERNEL_API bool sonde_kernel_attached(const struct sonde_kernel *kernel, uint32_t hook);

/* The fd of a map, for bpf(2), or -ENOENT; it stays the object's. */
SONDE_KERNEL_API int sonde_kernel_map(struct sonde_kernel *kernel, const char *map);

/* A map that the kernel shares by mmap, or a section of variables (".data.control"), for reading
 * and writing, until the object is freed. NULL and errno: there is none, or it cannot be mapped. */
SONDE_KERNEL_API void *sonde_kernel_memory(struct sonde_kernel *kernel, const char *map);

/* Of a hook whose program is an iterator, and which is attached: an fd that reads from its
 * beginning what the program writes. The caller closes it. Takes no capability. */
SONDE_KERNEL_API int sonde_kernel_iterate(struct sonde_kernel *kernel, uint32_t hook);

/* ---- costs ------------------------------------------------------------------------------- */

struct sonde_kernel_cost {
	const char *hook, *program; /* as in the plan */
	uint64_t runs;              /* since the load */
	uint64_t clocked_runs;      /* of these were clocked */
	uint64_t clocked_ns;        /* and took so long together, the clock's price taken off */
	uint64_t missed;            /* runs that the kernel left out, since one was under way */
	double run_ns;              /* mean of a clocked run; 0: none yet */
	double hook_ns;             /* calibrated price of the hook around it; 0: not calibrated */
	bool attached;
};

/* -ERANGE: the plan has no such hook. */
SONDE_KERNEL_API int sonde_kernel_cost(struct sonde_kernel *kernel, uint32_t hook,
				       struct sonde_kernel_cost *ret_cost);

/* Measures once for the process what the hooks of system calls and a clock cost on this machine,
 * with empty programs of the variant, in about 0.2 s, 30 ms of them of CPU. Costs carry the result
 * from then on. -EOPNOTSUPP: the variant cannot be attached here. */
SONDE_KERNEL_API int sonde_kernel_calibrate(const char *variant);

/* The same for sched_switch and the wake-ups, by two threads that take turns on one CPU. */
SONDE_KERNEL_API int sonde_kernel_calibrate_scheduler(const char *variant);

/* Has the kernel count and clock the runs of all programs of the host, until each who took has
 * released: however many take, it is switched on once for the process. Each run of each program
 * then costs two readings of the clock more. -EPERM: that takes CAP_SYS_ADMIN. */
SONDE_KERNEL_API int sonde_kernel_statistics_take(void);
SONDE_KERNEL_API void sonde_kernel_statistics_release(void);

/* ---- rings ------------------------------------------------------------------------------- */

/* One CPU's ring, as the reader sees it. The members are the reader's own; use the functions. */
struct sonde_ring {
	unsigned long *consumer;       /* shared with the kernel: what the reader has given back */
	const unsigned long *producer; /* shared: how far records reach */
	const unsigned char *data;     /* mapped twice in a row, so that a record never wraps */
	unsigned long mask;
	unsigned long position; /* of the next record */
	unsigned long end;      /* producer as last read */
	unsigned long released; /* consumer as last written */
};

#define SONDE_RING_RELEASE_BYTES 16384 /* read bytes are given back in steps of this */

static inline void sonde_ring_release(struct sonde_ring *ring)
{
	__atomic_store_n(ring->consumer, ring->position, __ATOMIC_RELEASE);
	ring->released = ring->position;
}

/* The next record and its size in bytes, valid until the next call; NULL when there is none yet.
 * Discarded records are stepped over. After the last record that is read, sonde_ring_release. */
static inline const void *sonde_ring_next(struct sonde_ring *ring, uint32_t *ret_bytes)
{
	const unsigned char *record;
	uint32_t header;

	if (ring->position - ring->released >= SONDE_RING_RELEASE_BYTES)
		sonde_ring_release(ring);
	for (;;) {
		if (ring->position == ring->end) {
			ring->end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
			if (ring->position == ring->end)
				return NULL;
		}
		record = ring->data + (ring->position & ring->mask);
		header = __atomic_load_n((const uint32_t *)(const void *)record, __ATOMIC_ACQUIRE);
		if (header & (1u << 31)) /* still being written */
			return NULL;
		ring->position += ((header & 0x3fffffffu) + 15) & ~7ul;
		if (!(header & (1u << 30))) {
			*ret_bytes = header;
			return record + 8;
		}
	}
}

/* The ring of a CPU, from 0 to the count less 1; NULL beyond it. */
SONDE_KERNEL_API struct sonde_ring *sonde_kernel_ring(struct sonde_kernel *kernel, uint32_t cpu);
SONDE_KERNEL_API uint32_t sonde_kernel_ring_count(const struct sonde_kernel *kernel);

/* An fd that becomes readable when a program wakes the reader; sonde_kernel_rings_woken makes it
 * wait for the next wake-up. It stays the object's. */
SONDE_KERNEL_API int sonde_kernel_rings_fd(const struct sonde_kernel *kernel);
SONDE_KERNEL_API void sonde_kernel_rings_woken(struct sonde_kernel *kernel);

/* ---- groups and filters ------------------------------------------------------------------- */

/* Entries that programs take as they need them (sonde/bpf/group.h), and that user space gives back
 * when they were silent for a while: how a program counts for any number of cgroups, one after the
 * other, in room for some. */
struct sonde_kernel_groups;

struct sonde_kernel_groups_plan {
	size_t size;         /* sizeof(struct sonde_kernel_groups_plan) */
	const char *entries; /* map, an array that can be mapped; each entry begins with its key,
				whose first 8 bytes are not 0 once it is taken */
	const char *ids;     /* map, from keys to indexes */
	const char *free;    /* map, a queue of the indexes that are in no use */
	/* Zeroes what was counted for the entry, on all CPUs. False: it is counted for at the
	 * moment; it will be asked for again. The entry itself is zeroed afterwards. */
	bool (*empty)(void *context, uint32_t index);
	void *context;
};

/* -ENOMEM; -ENOENT: a map is missing. The object must outlive it. */
SONDE_KERNEL_API int sonde_kernel_groups_create(struct sonde_kernel *kernel,
						const struct sonde_kernel_groups_plan *plan,
						struct sonde_kernel_groups **ret_groups);
SONDE_KERNEL_API void sonde_kernel_groups_free(struct sonde_kernel_groups *groups);

/* Begins a reading: looks for entries that were taken since the last one. Returns how many are in
 * use, index 0 included. */
SONDE_KERNEL_API uint32_t sonde_kernel_groups_begin(struct sonde_kernel_groups *groups);

/* Something was counted for the entry since the last reading. */
SONDE_KERNEL_API void sonde_kernel_groups_touch(struct sonde_kernel_groups *groups, uint32_t index);

/* The path of the cgroup whose id is word `word` (0 or 1) of the entry's key; NULL where it was
 * gone before it could be asked. Valid until the entry is given back. */
SONDE_KERNEL_API const char *sonde_kernel_groups_path(struct sonde_kernel_groups *groups,
						      uint32_t index, uint32_t word);

/* Ends a reading: takes entries that were silent for long, or when it is crowded for a little, out
 * of the ids, and makes room of those that were taken out before. The caller has programs look
 * their entries up anew afterwards. Returns whether there is room that was not there before. */
SONDE_KERNEL_API bool sonde_kernel_groups_end(struct sonde_kernel_groups *groups, bool crowded);

/* Fills a queue of free indexes with 1 to count - 1. */
SONDE_KERNEL_API int sonde_kernel_queue_fill(struct sonde_kernel *kernel, const char *map,
					     uint32_t count);

/* Makes a map from keys of 4 or 8 bytes to a byte hold exactly these. */
SONDE_KERNEL_API int sonde_kernel_set_replace(struct sonde_kernel *kernel, const char *map,
					      const void *keys, uint32_t key_bytes, uint32_t count);

#define SONDE_KERNEL_TARGETS 1024 /* as many as each of the maps of sonde/bpf/group.h holds */

/* Whose events are wanted; none of a kind: all. */
struct sonde_kernel_targets {
	uint64_t cgroup_ids[SONDE_KERNEL_TARGETS];
	uint32_t tgids[SONDE_KERNEL_TARGETS];
	uint32_t cgroup_count, tgid_count;
};

/* Called for a text that names nothing; it is left out. */
typedef void sonde_kernel_problem(void *context, const char *text, const char *why);

/* Adds cgroups by path or id, processes by pid. Returns how many problems there were. */
SONDE_KERNEL_API int sonde_kernel_targets_cgroups(struct sonde_kernel_targets *targets,
						  const char *const *texts, uint32_t count,
						  sonde_kernel_problem *problem, void *context);
SONDE_KERNEL_API int sonde_kernel_targets_processes(struct sonde_kernel_targets *targets,
						    const char *const *texts, uint32_t count,
						    sonde_kernel_problem *problem, void *context);

/* ---- the host ---------------------------------------------------------------------------- */

/* CPUs that may ever come: how many blocks a map of CPUs needs. */
SONDE_KERNEL_API uint32_t sonde_kernel_cpu_count(void);

/* This process as BPF programs number it, which differs from getpid() inside a pid namespace. */
SONDE_KERNEL_API uint32_t sonde_kernel_own_tgid(void);

/* Boottime, ns, as events carry it. */
SONDE_KERNEL_API uint64_t sonde_kernel_boottime_ns(void);

/* The monotonic clock, ns, as programs read it: it stands still while the host sleeps. */
SONDE_KERNEL_API uint64_t sonde_kernel_monotonic_ns(void);

/* Wall clock less boottime, ns: added to an event's time it gives ns since the epoch. The same in
 * every call until the wall clock is set. */
SONDE_KERNEL_API int64_t sonde_kernel_clock_offset_ns(void);

/* The path of a v2 cgroup below its root, "/" for the root itself; at most `capacity` bytes with
 * the ending zero. -ESTALE or -ENOENT: it is gone. -EAGAIN: without CAP_DAC_READ_SEARCH it cannot
 * be told so soon after the last one was looked for: ask again in 0.1 s. */
SONDE_KERNEL_API int sonde_kernel_cgroup_path(uint64_t cgroup_id, char *path, size_t capacity);

/* The id of a cgroup given as a path below the v2 root ("/shop.slice") or in full, or as a number.
 */
SONDE_KERNEL_API int sonde_kernel_cgroup_id(const char *text, uint64_t *ret_cgroup_id);

#ifdef __cplusplus
}
#endif
#endif
