// SPDX-License-Identifier: Apache-2.0
/* Facts about the host that eBPF inputs need: CPUs, clocks, who we are in the eyes of the kernel.
 */
#include <sonde/kernel.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "message.h"

uint32_t sonde_kernel_cpu_count(void)
{
	int count = libbpf_num_possible_cpus();

	return count > 0 ? (uint32_t)count : 1;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t sonde_kernel_boottime_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t sonde_kernel_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

#define OFFSET_SLACK_NS 10000 /* two measurements without a step of the clock differ by less */

/* Both clocks run at one rate, whatever corrects it: the offset changes by steps alone. What is
 * measured otherwise is how well it was measured, so that the first result stands. A process's
 * start is then the same time in every row. */
static int64_t offset_keep(int64_t measured_ns)
{
	static int64_t kept_ns;
	static bool is_kept;
	int64_t difference_ns = measured_ns - __atomic_load_n(&kept_ns, __ATOMIC_RELAXED);

	if (__atomic_load_n(&is_kept, __ATOMIC_ACQUIRE) && difference_ns <= OFFSET_SLACK_NS &&
	    difference_ns >= -OFFSET_SLACK_NS)
		return measured_ns - difference_ns;
	__atomic_store_n(&kept_ns, measured_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&is_kept, true, __ATOMIC_RELEASE);
	return measured_ns;
}

/* The tightest of a few pairs of readings: a reader that is put aside between two would be off by
 * as much. */
int64_t sonde_kernel_clock_offset_ns(void)
{
	uint64_t before, wall, after, tightest = UINT64_MAX;
	int64_t offset = 0;

	for (int i = 0; i < 5; i++) {
		before = clock_ns(CLOCK_BOOTTIME);
		wall = clock_ns(CLOCK_REALTIME);
		after = clock_ns(CLOCK_BOOTTIME);
		if (after - before >= tightest)
			continue;
		tightest = after - before;
		offset = (int64_t)(wall - (before + after) / 2);
	}
	return offset_keep(offset);
}

/* A program that answers with its caller's tgid: `return bpf_get_current_pid_tgid() >> 32`. */
static uint32_t tgid_ask(void)
{
	struct bpf_insn program[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_current_pid_tgid },
		{ .code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = BPF_REG_0, .imm = 32 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_test_run_opts, run);
	uint32_t tgid = 0;
	int fd;

	message_capture();
	fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "own_tgid", "GPL", program, 3, NULL);
	if (fd < 0)
		return 0;
	if (!bpf_prog_test_run_opts(fd, &run))
		tgid = run.retval;
	close(fd);
	return tgid;
}

static uint32_t own_tgid;

static void own_tgid_find(void)
{
	own_tgid = tgid_ask();
	if (!own_tgid)
		own_tgid = (uint32_t)getpid();
}

uint32_t sonde_kernel_own_tgid(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, own_tgid_find);
	return own_tgid;
}

/* A tracepoint NAME has a type btf_trace_NAME: a pointer to a function of a context and these. */
bool sonde_kernel_tracepoint_has(const char *tracepoint, uint32_t arguments)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *type;
	char name[96];
	bool has = false;
	int id;

	if (!btf)
		return false;
	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	type = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	if (type)
		type = btf__type_by_id(btf, type->type);
	if (type && btf_is_ptr(type))
		type = btf__type_by_id(btf, type->type);
	if (type && btf_is_func_proto(type))
		has = btf_vlen(type) > arguments;
	btf__free(btf);
	return has;
}
