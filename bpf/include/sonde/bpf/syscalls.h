/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the syscalls programs and the plugin that reads them share: control, aggregates, events,
 * ledger. */
#ifndef SONDE_BPF_SYSCALLS_H
#define SONDE_BPF_SYSCALLS_H

#include <sonde/bpf/cpu.h>
#include <sonde/bpf/event.h>
#include <sonde/bpf/group.h>
#include <sonde/bpf/task.h>

/* A call's index: its number, plus SONDE_SYSCALL_NUMBERS for a 32-bit call. The last index of
 * either half stands for all numbers that the table has no room for. */
#define SONDE_SYSCALL_NUMBERS 512
#define SONDE_SYSCALL_INDEXES (2 * SONDE_SYSCALL_NUMBERS)

enum sonde_syscalls_mode {
	SONDE_SYSCALLS_AGGREGATE = 1 << 0,
	SONDE_SYSCALLS_EVENTS = 1 << 1,
};

/* What the programs must know of a call, a byte an index; the upper bits, shifted down by
 * SONDE_SYSCALL_TEXT_SHIFT, say which argument (1 to 6; 0: none) is a text worth reading. */
enum sonde_syscall_trait {
	SONDE_SYSCALL_UNWANTED = 1 << 0, /* a filter rejects it */
	SONDE_SYSCALL_ENDS = 1 << 1,     /* exit and exit_group: never come back */
	SONDE_SYSCALL_FORKS =
		1 << 2, /* comes back twice; 0 is the child's, and no call of its own */
	SONDE_SYSCALL_REPLACES = 1 << 3, /* exec: on success the caller's memory is gone */
};
#define SONDE_SYSCALL_TEXT_SHIFT 4
#define SONDE_SYSCALL_SPECIAL    ((1 << SONDE_SYSCALL_TEXT_SHIFT) - 1) /* any of the above */

/* What is known from the number alone, before the task says which half it is called in. */
enum sonde_syscall_number {
	SONDE_SYSCALL_MAY_END = 1 << 0, /* SONDE_SYSCALL_ENDS holds in one half at least */
	SONDE_SYSCALL_IGNORED = 1 << 1, /* both halves are unwanted, and not special otherwise */
	SONDE_SYSCALL_EXTRAORDINARY = 1 << 2, /* a native call of this number is special */
};

enum sonde_syscalls_detail {
	SONDE_SYSCALLS_PLAIN,     /* number, return value, duration */
	SONDE_SYSCALLS_ARGUMENTS, /* and six raw arguments */
	SONDE_SYSCALLS_DECODED,   /* and the text of the argument that the traits name */
};

#define SONDE_SYSCALLS_NOT_PLAIN 0xffffffffu /* never a generation */

/* The control block, written by user space while the programs run. A change of what is cached per
 * task (filters, grouping) takes effect when the rules' generation changes, the rest with the next
 * call. */
struct sonde_syscalls_control {
	struct sonde_task_rules rules; /* their generation is never SONDE_SYSCALLS_NOT_PLAIN */
	__u32 mode;                    /* enum sonde_syscalls_mode */
	__u32 time_one_in;             /* calls timed: 1 all, N one in N, 0 none */
	__u32 sample_one_in;           /* events made: 1 all, N one in N with weight N */
	__u32 plain; /* the generation if all that is asked for is to fold each wanted call; else
		      * SONDE_SYSCALLS_NOT_PLAIN */
	__u64 minimum_duration_ns; /* shorter calls are filtered; untimed ones too, unless it is 0
				    */
	__u64 attached_ns; /* monotonic time of the last attach: older starts belong to unseen ends
			    */
	__u64 boottime_offset_ns; /* boottime less monotonic time: what the host has slept */
	__u32 events_per_second;  /* a CPU may make; 0: no limit */
	__u32 watermark_bytes;    /* of a ring, past which its reader is woken */
	__u32 detail;             /* enum sonde_syscalls_detail */
	__u32 text_limit_bytes;   /* of a decoded argument, at most SONDE_SYSCALL_TEXT_BYTES */
	__u8 errors_only;         /* calls that do not fail are filtered */
	__u8 timed_only; /* the calls that are timed are the sample, drawn at their entry */
	__u8 reserved[2];
	__u32 sigreturn; /* index of rt_sigreturn, native and compat: it returns as call -1 */
	__u32 sigreturn_compat;
	__u8 traits[SONDE_SYSCALL_INDEXES];
	__u8 numbers[SONDE_SYSCALL_NUMBERS]; /* enum sonde_syscall_number */
};

/* Whose calls a group holds, and where. */
struct sonde_syscall_group {
	struct sonde_group who;
	__u32 slots[SONDE_SYSCALL_INDEXES]; /* where each call is counted; 0: nowhere yet */
};

/* Stands for all calls that found no slot, in slot 0. */
#define SONDE_SYSCALL_OTHER SONDE_SYSCALL_INDEXES

/* In a group's slots: the slots were used up when the call was first seen; it counts in slot 0. */
#define SONDE_SYSCALL_SLOT_NONE 0xffffffffu

/* Buckets at scale 3 from (2^3, 2^(25/8)] to (.., 2^48] ns; what is shorter or longer lands in the
 * ends. */
#define SONDE_SYSCALL_FIRST_BUCKET 24
#define SONDE_SYSCALL_BUCKETS      360

/* Indexes of errors: 1 to 133 are errnos, 134 to 139 the kernel's own 512 to 517, 0 any other. */
#define SONDE_SYSCALL_ERRORS        140
#define SONDE_SYSCALL_ERRNO_LAST    133
#define SONDE_SYSCALL_RESTART_FIRST 512
#define SONDE_SYSCALL_RESTART_LAST  517

/* The cumulative counts of one call of one group on one CPU. The 32-bit ones wrap. */
struct sonde_syscall_slot {
	__u64 calls;
	__u64 duration_ns; /* sum over the timed calls */
	__u32 group;       /* what the slot counts on all CPUs; said on the first one's only */
	__u32 index;
	__u32 used; /* not 0 once group and index hold */
	__u32 reserved[5];
	__u32 errors[SONDE_SYSCALL_ERRORS];
	__u32 buckets[SONDE_SYSCALL_BUCKETS]; /* their sum is how many calls were timed */
};

_Static_assert(sizeof(struct sonde_syscall_slot) == 2048, "a slot is a power of two");

/* An event's fixed part; flags say whether six arguments (u64) and a text follow. */
struct sonde_syscall_event {
	struct sonde_event header;
	__s64 return_value;
	__u64 duration_ns; /* 0 with SONDE_EVENT_UNTIMED */
	__u32 weight;      /* how many calls it stands for */
	__u32 index;       /* SONDE_SYSCALL_INDEXES */
};

_Static_assert(sizeof(struct sonde_syscall_event) == 64, "an event without arguments is 64 bytes");

#define SONDE_SYSCALL_TEXT_BYTES 256 /* longest text, its ending zero included */

struct sonde_syscall_detail {
	struct sonde_syscall_event event;
	__u64 arguments[6];
	__u32 text_bytes; /* without an ending zero */
	__u32 reserved;
	char text[SONDE_SYSCALL_TEXT_BYTES];
};

/* What of a detail is handed over when its text has `bytes_`. */
#define SONDE_SYSCALL_DETAIL_BYTES(bytes_)                                                         \
	(__builtin_offsetof(struct sonde_syscall_detail, text) + (bytes_))

enum sonde_syscalls_program { SONDE_SYSCALLS_ENTER, SONDE_SYSCALLS_EXIT, SONDE_SYSCALLS_PROGRAMS };

/* Why a call is not looked at: enum sonde_task_rejection, and this. */
enum sonde_syscalls_rejection {
	SONDE_SYSCALLS_OTHER_CALL = SONDE_TASK_REJECTIONS, /* one that no filter lets through */
	SONDE_SYSCALLS_REJECTIONS,
};

/* The task that a program saw last on this CPU. It still runs here if it was not switched out
 * since. */
struct sonde_syscalls_who {
	__u64 task;     /* address of its task_struct; 0: none */
	__u64 switches; /* how often it had been switched out */
	__u64 place;    /* address of its css_set */
	__u64 start_ns; /* monotonic begin of the timed call that it is in; 0: none */
	__u32 tid;
	__u32 group;
	__u32 plain; /* `generation`, if the task's calls are wanted and it has a group; else 0 */
	__u32 generation; /* of the rules, that the rest was worked out for */
	__u32 rejection;  /* enum sonde_task_rejection */
	__u32 tgid;
	__u64 cgroup_id;
	__u64 start_time_ns; /* of its process, boottime */
};

/* The ledger of one CPU. Each call that reached a program is in exactly one of `rejected`, or of
 * `folded`, `folded_other`, `fold_filtered` (mode aggregate), or of `emitted` (the ring's events),
 * `event_filtered`, `sampled_out`, `lost` (mode events); in both modes at once it is in one of each
 * and in `twice`. Runs that are no calls (a fork's return in the child) are in `no_call`. So:
 *   runs[exit] + ended - no_call = sum of the others - twice.
 * What each call touches is in the first two cache lines. */
struct sonde_syscalls_cpu {
	struct sonde_meter meters[SONDE_SYSCALLS_PROGRAMS];
	__u64 folded;
	struct sonde_choice timed; /* of the calls that are timed */
	struct sonde_syscalls_who who;
	__u64 sampled_out;
	struct sonde_choice sampled; /* of the events that are made */
	struct sonde_ring_state ring;
	__u64 ended; /* calls seen at entry only, since they never return */
	__u64 no_call;
	__u64 twice;
	__u64 folded_other;
	__u64 fold_filtered;
	__u64 event_filtered;
	__u64 rejected[SONDE_SYSCALLS_REJECTIONS];
	__u64 lost[SONDE_KERNEL_LOSS_COUNT];
	__u64 reserved[1];
};

_Static_assert(sizeof(struct sonde_syscalls_cpu) % 64 == 0, "CPUs share no cache line");

#endif
