/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The 40 bytes that open every event, the same in the kernel and in user space. */
#ifndef SONDE_BPF_EVENT_H
#define SONDE_BPF_EVENT_H

#include <linux/types.h>

/* Types of all events, one number space for every input; a number is never given twice. */
enum sonde_event_type {
	SONDE_EVENT_NONE,
	SONDE_EVENT_SYSCALL,
	SONDE_EVENT_WAIT,
	SONDE_EVENT_PROCESS_FORK = 16,
	SONDE_EVENT_PROCESS_EXEC,
	SONDE_EVENT_PROCESS_EXIT,
	SONDE_EVENT_PROCESS_FOUND,
};

/* Layout of the header; an event's own fields follow it at once. */
#define SONDE_EVENT_VERSION 1

enum sonde_event_flag {
	SONDE_EVENT_COMPAT = 1 << 0,     /* a 32-bit call on a 64-bit kernel */
	SONDE_EVENT_UNTIMED = 1 << 1,    /* the duration was not measured and reads 0 */
	SONDE_EVENT_ARGUMENTS = 1 << 2,  /* six raw arguments follow the fixed part */
	SONDE_EVENT_TEXT = 1 << 3,       /* a text of `text_bytes` follows the arguments */
	SONDE_EVENT_TRUNCATED = 1 << 4,  /* the text was longer than its bound */
	SONDE_EVENT_TEXT_FAULT = 1 << 5, /* the text could not be read */
	SONDE_EVENT_NO_RETURN = 1 << 6,  /* the call ends its task: no return value, no duration */
	SONDE_EVENT_PREEMPTED = 1 << 7,  /* the task had been made to leave its CPU */
	SONDE_EVENT_THROTTLED = 1 << 8,  /* by the CPU quota of its cgroup, which was used up */
};

struct sonde_event {
	__u64 time_ns;       /* boottime at the end of what the event tells of */
	__u64 start_time_ns; /* boottime when the process (thread group leader) started */
	__u64 cgroup_id;     /* id in the v2 hierarchy, the inode of its directory */
	__u32 tgid;          /* process, as the first pid namespace numbers it */
	__u32 tid;           /* thread, likewise */
	__u16 type;          /* enum sonde_event_type */
	__u16 version;       /* SONDE_EVENT_VERSION */
	__u32 flags;         /* enum sonde_event_flag */
};

_Static_assert(sizeof(struct sonde_event) == 40, "the event header is 40 bytes everywhere");

#endif
