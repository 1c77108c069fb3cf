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
