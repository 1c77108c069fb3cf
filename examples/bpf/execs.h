/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the program of execs.bpf.c counts, as the kernel writes it and user space reads it. */
#ifndef EXECS_H
#define EXECS_H

#include <sonde/bpf/cpu.h>

/* A CPU's block. The meters come first, one for each hook of the plan. */
struct execs_cpu {
	struct sonde_meter exec, call;
	__u64 exec_count; /* programs started on this CPU since the load */
	__u64 call_count; /* system calls made likewise */
};

#endif
