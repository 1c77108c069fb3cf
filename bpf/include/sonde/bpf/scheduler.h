/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the scheduler programs and the plugin that reads them share: control, aggregates, events,
 * ledger. */
#ifndef SONDE_BPF_SCHEDULER_H
#define SONDE_BPF_SCHEDULER_H

#include <sonde/bpf/cpu.h>
#include <sonde/bpf/event.h>
#include <sonde/bpf/group.h>
#include <sonde/bpf/task.h>

enum sonde_scheduler_mode {
	SONDE_SCHEDULER_AGGREGATE = 1 << 0,
	SONDE_SCHEDULER_EVENTS = 1 << 1,
};

/* What a task is doing. The first ones are what tasks do most. */
enum sonde_scheduler_state {
	SONDE_SCHEDULER_UNSEEN,
	SONDE_SCHEDULER_RUNNING,
	SONDE_SCHEDULER_WOKEN,    /* could run, since something woke it, or since it was made */
	SONDE_SCHEDULER_SLEEPING, /* a signal would wake it; or stopped, or a kernel thread that has
				   * nothing to do */
	SONDE_SCHEDULER_PREEMPTED, /* could run, but was made to leave its CPU */
	SONDE_SCHEDULER_DISK,      /* no signal would wake it, and it waits for a device */
	SONDE_SCHEDULER_BLOCKED,   /* no signal would, for any other reason: a lock of the kernel */
	SONDE_SCHEDULER_STATES,
};

/* The control block, written by user space while the programs run. A change of what is cached per
 * task (filters, grouping) takes effect when the rules' generation changes, the rest at once. What
 * each wait needs is in the first cache line. */
struct sonde_scheduler_control {
	struct sonde_task_rules rules;
	__u32 mode;             /* enum sonde_scheduler_mode */
	__u32 time_one_in;      /* waits timed: 1 all, N one in N, 0 none */
	__u8 culprits;          /* say who had the CPU while another waited for it */
	__u8 times;             /* book time on and off the CPU too */
	__u8 follow;            /* note when tasks go to sleep: times, or not all waits are timed */
	__u8 turns;             /* note who has the CPU: times, culprits or events */
	__u32 sample_one_in;    /* events made: 1 all, N one in N with weight N */
	__u64 attached_ns;      /* monotonic time of the last attach: what was before is void */
	__u64 turns_ns;         /* likewise since when turns are noted without a gap */
	__u64 minimum_delay_ns; /* of a wait that makes an event; untimed ones make none */
	__u64 boottime_offset_ns; /* boottime less monotonic time: what the host has slept */
	__u32 events_per_second;  /* a CPU may make; 0: no limit */
	__u32 watermark_bytes;    /* of a ring, past which its reader is woken */
};

/* Buckets at scale 3 from (2^3, 2^(25/8)] to (.., 2^48] ns; what is shorter or longer lands in the
 * ends. */
#define SONDE_SCHEDULER_FIRST_BUCKET 24
#define SONDE_SCHEDULER_BUCKETS      360

/* For whom waits were made, cumulative. */
struct sonde_scheduler_wait {
	__u64 turns;       /* on the CPU that others waited for */
	__u64 preemptions; /* of them, those that the other was put off the CPU for */
	__u64 ns;
};

/* Whom a wait is laid to where it is no pair. */
enum sonde_scheduler_culprit {
	SONDE_SCHEDULER_OWN,     /* the group's own tasks */
	SONDE_SCHEDULER_IDLE,    /* nobody: the CPU was idle, and had to be roused */
	SONDE_SCHEDULER_OTHER,   /* the pairs were used up */
	SONDE_SCHEDULER_UNKNOWN, /* not seen, or longer ago than turns are remembered */
	SONDE_SCHEDULER_QUOTA,   /* nobody: the CPU quota of its cgroup was used up */
	SONDE_SCHEDULER_CULPRITS,
};

/* The cumulative counts of one group on one CPU. Buckets wrap. */
struct sonde_scheduler_slot {
	__u64 waits;    /* how often its tasks got a CPU */
	__u64 delay_ns; /* sum over the timed waits */
	__u64 left[2];  /* how often its tasks left a CPU: to sleep, by force */
	__u64 ns[8];    /* time in each state, booked when it ends; SONDE_SCHEDULER_STATES used */
	struct sonde_scheduler_wait by[SONDE_SCHEDULER_CULPRITS];
	__u64 reserved;
	__u32 buckets[SONDE_SCHEDULER_BUCKETS]; /* their sum is how many waits were timed */
};

_Static_assert(sizeof(struct sonde_scheduler_slot) % 64 == 0, "slots share no cache line");

/* Who waited while who else ran. The tgids are 0 unless grouped by process. */
struct sonde_scheduler_pair_key {
	__u64 cgroup_id, culprit_cgroup_id;
	__u32 tgid, culprit_tgid;
};

struct sonde_scheduler_pair {
	struct sonde_scheduler_pair_key key;
	char culprit_comm[16]; /* of its process when first seen; empty: not known */
};

/* A wait that one task had for a CPU. */
struct sonde_scheduler_event {
	struct sonde_event header; /* of the task that waited; the time is when it got the CPU */
	__u64 delay_ns;
	__u64 previous_cgroup_id;
	__u32 previous_tgid, previous_tid; /* who had the CPU until then; 0: it was idle */
	__u32 weight;                      /* how many waits it stands for */
	__u32 cpu;
	char comm[16], previous_comm[16]; /* of the threads */
};

_Static_assert(sizeof(struct sonde_scheduler_event) == 104, "a wait is 104 bytes");

enum sonde_scheduler_program {
	SONDE_SCHEDULER_SWITCH,
	SONDE_SCHEDULER_WAKEUP,
	SONDE_SCHEDULER_WAKEUP_NEW,
	SONDE_SCHEDULER_PROGRAMS,
};

#define SONDE_SCHEDULER_TURNS 32 /* that each CPU remembers; a power of two */

#define SONDE_SCHEDULER_UNTOLD 0xffffffffffffffffull

/* Who has or had a CPU, without a break: one task of a cgroup (or process) after the other. */
struct sonde_scheduler_turn {
	__u64 since_ns;  /* monotonic */
	__u64 last_ns;   /* likewise, of the last of these tasks */
	__u64 cgroup_id; /* 0: it was idle; SONDE_SCHEDULER_UNTOLD: not known */
	__u32 tgid;      /* of the last one */
	__u32 group; /* whose slot its time will be booked in; 0: none, or the one for all others */
};

#define SONDE_SCHEDULER_NO_PAIR 0xffffffffu

/* The pair that this CPU booked last, so that the table need not be asked again. */
struct sonde_scheduler_pair_known {
	struct sonde_scheduler_pair_key key;
	__u32 generation; /* of the rules, for which it holds; 0: none */
	__u32 index;      /* of the pair */
	__u32 place;      /* where this CPU counts it; SONDE_SCHEDULER_NO_PAIR: nowhere */
	__u32 reserved;
};

/* The ledger of one CPU. Each wait that ended here, which is each task that got the CPU, is in
 * exactly one of `rejected`, `folded`, `folded_other` (mode aggregate), or of `emitted` (the ring's
 * events), `event_filtered`, `sampled_out`, `lost` (mode events); in both modes at once it is in
 * one of each and in `twice`. Switches to the idle task are in `idle`. So:
 *   runs[switch] - idle = sum of the others - twice. */
struct sonde_scheduler_cpu {
	struct sonde_meter meters[SONDE_SCHEDULER_PROGRAMS];
	__u64 folded;
	__u64 idle;
	struct sonde_choice timed; /* of the waits that are timed */
	__u64 turn; /* counts turns; its remainder is the place of the one that is under way */
	struct sonde_scheduler_pair_known pair;
	struct sonde_choice sampled; /* of the events that are made */
	struct sonde_ring_state ring;
	__u64 twice;
	__u64 folded_other;
	__u64 event_filtered;
	__u64 sampled_out;
	__u64 rejected[SONDE_TASK_REJECTIONS];
	__u64 lost[SONDE_KERNEL_LOSS_COUNT];
	__u64 reserved[4];
	struct sonde_scheduler_turn turns[SONDE_SCHEDULER_TURNS];
};

_Static_assert(sizeof(struct sonde_scheduler_cpu) % 64 == 0, "CPUs share no cache line");

#endif
