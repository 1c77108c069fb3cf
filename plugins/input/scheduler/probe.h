/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel side of the input: loaded once, set while it runs, attached as the settings need it.
 */
#ifndef SCHEDULER_PROBE_H
#define SCHEDULER_PROBE_H

#include <sonde/bpf/scheduler.h>
#include <sonde/kernel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What may change while it runs; the meaning is that of struct sonde_scheduler_control. */
struct probe_settings {
	uint32_t mode;        /* enum sonde_scheduler_mode; 0: off, detached */
	uint32_t time_one_in; /* 0: no wait is timed */
	uint32_t sample_one_in;
	uint32_t events_per_second; /* a CPU; 0: no limit */
	uint64_t minimum_delay_ns;
	bool per_process;
	bool culprits;
	bool times;
	const struct sonde_kernel_targets *targets; /* NULL: all */
};

/* What is fixed at load. */
struct probe_shape {
	uint64_t ring_bytes;         /* a CPU */
	uint32_t group_count;        /* cgroups (or processes) at most, "other" included */
	uint32_t pair_count;         /* of those who wait and those who run, likewise */
	const char *const *variants; /* to try, ends with NULL; NULL: all, cheapest first */
};

struct probe {
	struct sonde_kernel *kernel;
	volatile struct sonde_scheduler_control *control;
	struct sonde_scheduler_cpu *cpus;
	struct sonde_scheduler_slot *slots; /* group_count of each CPU in turn */
	struct sonde_group *groups;
	struct sonde_scheduler_pair *pairs;
	struct sonde_scheduler_wait *pair_waits; /* pair_count of each CPU in turn */
	uint32_t cpu_count, group_count, pair_count;
	struct probe_shape shape;
};

/* All memory that the shape will take. */
uint64_t scheduler_probe_memory_bytes(const struct probe_shape *shape);

/* Loads; nothing is attached. `message` says what was refused. scheduler_probe_close always has to
 * follow. */
int scheduler_probe_open(struct probe *probe, const struct probe_shape *shape, char *message,
			 size_t message_bytes);
void scheduler_probe_close(struct probe *probe);

/* Takes over settings: live where the programs are attached already. */
int scheduler_probe_apply(struct probe *probe, const struct probe_settings *settings);

/* Makes every task's filters and group be worked out anew with its next wait, and sets the clocks'
 * difference anew; to be called now and then. */
void scheduler_probe_renew(struct probe *probe);

/* The ledger, summed over CPUs. */
void scheduler_probe_ledger(const struct probe *probe, struct sonde_scheduler_cpu *ret_sum);

/* The waits that the programs saw, and the same summed up from the reasons: equal when none is
 * under way in them. */
uint64_t scheduler_probe_produced(const struct sonde_scheduler_cpu *sum);
uint64_t scheduler_probe_accounted(const struct sonde_scheduler_cpu *sum);

#endif
