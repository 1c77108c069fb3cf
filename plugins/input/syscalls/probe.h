/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel side of the input: loaded once, set while it runs, attached as the settings need it.
 */
#ifndef SYSCALLS_PROBE_H
#define SYSCALLS_PROBE_H

#include <sonde/bpf/syscalls.h>
#include <sonde/kernel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What may change while it runs; the meaning is that of struct sonde_syscalls_control. */
struct probe_settings {
	uint32_t mode;        /* enum sonde_syscalls_mode; 0: off, detached */
	uint32_t time_one_in; /* 0: no call is timed */
	uint32_t sample_one_in;
	uint32_t detail;            /* enum sonde_syscalls_detail */
	uint32_t events_per_second; /* a CPU; 0: no limit */
	uint64_t minimum_duration_ns;
	bool errors_only;
	bool per_process;
	const uint64_t *cgroup_ids; /* cgroup_count of them; none: all are wanted */
	uint32_t cgroup_count;
	const uint32_t *tgids; /* likewise */
	uint32_t tgid_count;
	const uint32_t *calls; /* indexes, likewise */
	uint32_t call_count;
};

/* What is fixed at load. */
struct probe_shape {
	uint64_t memory_bytes;       /* bound of the counts, a CPU */
	uint64_t ring_bytes;         /* a CPU */
	uint32_t group_count;        /* cgroups (or processes) at most, "other" included */
	const char *const *variants; /* to try, ends with NULL; NULL: all, cheapest first */
	bool without_task_storage;   /* keep the state of tasks in a table by thread id at once */
};

struct probe {
	struct sonde_kernel *kernel;
	volatile struct sonde_syscalls_control *control;
	struct sonde_syscalls_cpu *cpus;
	struct sonde_syscall_slot *slots; /* slot_count of each CPU in turn */
	struct sonde_syscall_group *groups;
	uint32_t cpu_count, slot_count, group_count;
	struct probe_shape shape;
	uint8_t traits[SONDE_SYSCALL_INDEXES]; /* without filters */
	bool plain;                            /* the settings ask for folded calls only */
};

/* The hooks, as indexes for sonde_kernel_attach. */
enum { PROBE_ENTER = SONDE_SYSCALLS_ENTER, PROBE_EXIT = SONDE_SYSCALLS_EXIT };

/* How many slots a CPU gets, and all memory that the shape will take. */
uint32_t probe_slot_count(const struct probe_shape *shape);
uint64_t probe_memory_bytes(const struct probe_shape *shape);

/* Loads; nothing is attached. `message` says what was refused. probe_close always has to follow. */
int probe_open(struct probe *probe, const struct probe_shape *shape, char *message,
	       size_t message_bytes);
void probe_close(struct probe *probe);

/* Takes over settings: live where the programs are attached already. */
int probe_apply(struct probe *probe, const struct probe_settings *settings);

/* Makes every task's filters and group be worked out anew with its next call, and sets the clocks'
 * difference anew; to be called now and then. */
void probe_renew(struct probe *probe);

/* The ledger, summed over CPUs. */
void probe_ledger(const struct probe *probe, struct sonde_syscalls_cpu *ret_sum);

/* The calls that reached the programs, and the same summed up from the reasons: equal when no call
 * is under way in them. */
uint64_t probe_produced(const struct sonde_syscalls_cpu *sum);
uint64_t probe_accounted(const struct sonde_syscalls_cpu *sum);

#endif
