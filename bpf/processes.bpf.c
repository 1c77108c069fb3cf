// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Processes that are made, run a program and end: a record each, and one of each that runs already.
 * Threads are none. */
#include "processes_read.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 watermark_bytes = 65536; /* of a ring, past which its reader is woken */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* CPUs */
	__type(key, __u32);
	__type(value, struct sonde_processes_cpu);
} cpus SEC(".maps");

/* Where an exec is put together, and what the iterator finds: it may be interrupted by an exec. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct long_record);
} exec_scratch SEC(".maps"), found_scratch SEC(".maps");

SONDE_RINGS(rings);

static __always_inline void fork_record(struct sonde_processes_cpu *cpu, void *ring,
					struct task_struct___whole *maker,
					struct task_struct___whole *child)
{
	struct sonde_process_fork *fork;

	fork = bpf_ringbuf_reserve(ring, sizeof(*fork), 0);
	if (!fork) {
		cpu->lost++;
		return;
	}
	record_fill(&fork->record, child, SONDE_EVENT_PROCESS_FORK);
	fork->record.clock_ns = clock_of(maker);
	fork->maker_tgid = BPF_CORE_READ(maker, tgid);
	fork->maker_start_ns = BPF_CORE_READ(maker, group_leader, start_boottime);
	fork->reserved = 0;
	bpf_ringbuf_submit(fork,
			   sonde_ring_flags(ring, &cpu->ring, sizeof(*fork), watermark_bytes));
}

static __always_inline void exit_record(struct sonde_processes_cpu *cpu, void *ring,
					struct task_struct___whole *task)
{
	struct sonde_process_exit *exit;

	exit = bpf_ringbuf_reserve(ring, sizeof(*exit), 0);
	if (!exit) {
		cpu->lost++;
		return;
	}
	record_fill(&exit->record, task, SONDE_EVENT_PROCESS_EXIT);
	exit->record.clock_ns = clock_of(task);
	exit->status = status_of(task);
	slice_read(exit, task);
	usage_read(exit, task);
	bpf_ringbuf_submit(exit,
			   sonde_ring_flags(ring, &cpu->ring, sizeof(*exit), watermark_bytes));
}

static __always_inline void exec_record(struct sonde_processes_cpu *cpu, void *ring,
					struct task_struct___whole *task,
					struct linux_binprm *program)
{
	struct long_record *record;
	__u32 key = 0, bytes;
	__u64 wake;

	record = bpf_map_lookup_elem(&exec_scratch, &key);
	if (!record)
		return;
	record_fill(&record->exec.record, task, SONDE_EVENT_PROCESS_EXEC);
	record->exec.record.clock_ns = clock_of(task);
	path_read(record, task);
	if (!record->exec.path_bytes)
		path_take(record, program);
	arguments_read(record, task);
	bytes = long_record_bytes(record);
	wake = sonde_ring_flags(ring, &cpu->ring, bytes, watermark_bytes);
	if (!bpf_ringbuf_output(ring, record, bytes, wake))
		return;
	sonde_ring_withdraw(&cpu->ring, bytes);
	cpu->lost++;
}

/* The frame of every program: this CPU's block and ring, the meter, and the marks by which a reader
 * knows that all records up to a time are there. The first mark must be seen by all before the
 * clock is read, which an atomic operation takes care of that returns what was there before. */
#define PROGRAM(name_, hook_, meter_, wanted_, record_)                                            \
	static __always_inline int name_##_run(__u64 *ctx)                                         \
	{                                                                                          \
		__u32 key = bpf_get_smp_processor_id();                                            \
		struct sonde_processes_cpu *cpu = bpf_map_lookup_elem(&cpus, &key);                \
		void *ring = bpf_map_lookup_elem(&rings, &key);                                    \
		__u64 started_ns, entered;                                                         \
                                                                                                   \
		if (!cpu || !ring || !(wanted_))                                                   \
			return 0;                                                                  \
		started_ns = sonde_meter_begin(&cpu->meters[meter_]);                              \
		cpu->seen[meter_]++;                                                               \
		entered = __sync_fetch_and_add(&cpu->entered, 1);                                  \
		asm volatile("" : : "r"(entered));                                                 \
		record_;                                                                           \
		__sync_fetch_and_add(&cpu->left, 1);                                               \
		sonde_meter_end(&cpu->meters[meter_], started_ns);                                 \
		return 0;                                                                          \
	}                                                                                          \
	SEC("tp_btf/" hook_) int name_##__tp_btf(__u64 *ctx)                                       \
	{                                                                                          \
		return name_##_run(ctx);                                                           \
	}                                                                                          \
	SEC("raw_tp/" hook_) int name_##__raw_tp(__u64 *ctx)                                       \
	{                                                                                          \
		return name_##_run(ctx);                                                           \
	}

#define TASK(argument_) ((struct task_struct___whole *)ctx[argument_])

PROGRAM(fork, "sched_process_fork", SONDE_PROCESSES_FORK,
	BPF_CORE_READ(TASK(1), pid) == BPF_CORE_READ(TASK(1), tgid),
	fork_record(cpu, ring, TASK(0), TASK(1)))

PROGRAM(exec, "sched_process_exec", SONDE_PROCESSES_EXEC, true,
	exec_record(cpu, ring, TASK(0), (struct linux_binprm *)ctx[2]))

/* The process ends with its last thread, whichever that is. Of two that end at once both may find
 * that none is left: user space takes the first. */
PROGRAM(exit, "sched_process_exit", SONDE_PROCESSES_EXIT,
	!BPF_CORE_READ(TASK(0), signal, live.counter), exit_record(cpu, ring, TASK(0)))

static __always_inline int found_run(struct bpf_iter__task *ctx)
{
	struct task_struct___whole *task = (struct task_struct___whole *)ctx->task;
	struct long_record *record;
	__u32 key = 0, bytes;

	if (!task || BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid) ||
	    !BPF_CORE_READ(task, signal, live.counter))
		return 0;
	record = bpf_map_lookup_elem(&found_scratch, &key);
	if (!record)
		return 0;
	record_fill(&record->exec.record, task, SONDE_EVENT_PROCESS_FOUND);
	path_read(record, task);
	record->exec.arguments_bytes = 0;
	bytes = long_record_bytes(record);
	bpf_seq_write(ctx->meta->seq, record, bytes);
	return 0;
}

SEC("iter/task") int found__tp_btf(struct bpf_iter__task *ctx)
{
	return found_run(ctx);
}

SEC("iter/task") int found__raw_tp(struct bpf_iter__task *ctx)
{
	return found_run(ctx);
}
