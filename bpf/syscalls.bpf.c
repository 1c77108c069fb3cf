// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Every system call of the host: counted, timed and folded in the kernel, or handed over one by
 * one. */
#include "syscalls_book.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* enum sonde_syscall_number */
static __always_inline __u32 known_of(long number)
{
	return likely((__u64)number < SONDE_SYSCALL_NUMBERS) ? control.numbers[number]
							     : SONDE_SYSCALL_EXTRAORDINARY;
}

/* Counts why the call is not looked at, if it is not. */
static __always_inline bool call_is_wanted(struct call *call)
{
	struct sonde_syscalls_cpu *cpu = call->cpu;
	__u64 rejection = cpu->who.rejection;

	if (unlikely(!control.mode))
		rejection = SONDE_TASK_OFF;
	else if (unlikely(call->trait & SONDE_SYSCALL_UNWANTED))
		rejection = SONDE_SYSCALLS_OTHER_CALL;
	if (likely(!rejection))
		return true;
	asm volatile("" : "+r"(rejection)); /* else a copy of it is compared */
	if (rejection < SONDE_SYSCALLS_REJECTIONS)
		cpu->rejected[rejection]++;
	return false;
}

/* A call that ends its task is booked here, as no exit will be seen. */
static __always_inline void call_ended(struct call *call, long number)
{
	struct sonde_syscalls_cpu *cpu = call->cpu;

	if (!call_begin(call)) {
		cpu->ended++;
		cpu->lost[SONDE_KERNEL_LOSS_MAP_FULL]++;
		return;
	}
	call->index = index_of_call(call->status, number);
	call->trait = control.traits[call->index & (SONDE_SYSCALL_INDEXES - 1)];
	if (!(call->trait & SONDE_SYSCALL_ENDS))
		return;
	cpu->ended++;
	if (call_is_wanted(call))
		call_book(call);
}

static __always_inline void call_entered(struct call call, long number)
{
	struct sonde_syscalls_cpu *cpu = call.cpu;
	__u32 known = known_of(number), one_in = control.time_one_in, index;
	struct task_struct *task;
	struct task_state *state;
	__u64 now_ns;

	if (unlikely(known & SONDE_SYSCALL_IGNORED))
		return;
	if (unlikely(known & SONDE_SYSCALL_MAY_END)) {
		call_ended(&call, number);
		if (call.trait & SONDE_SYSCALL_ENDS)
			return;
	}
	if (one_in != 1 && (!one_in || !sonde_choose(&cpu->timed, one_in)))
		return;
	task = bpf_get_current_task_btf();
	index = index_of_call(task->thread_info.status, number);
	if (unlikely(control.traits[index & (SONDE_SYSCALL_INDEXES - 1)] & SONDE_SYSCALL_UNWANTED))
		return;
	state = state_of_task(task, true);
	if (!state ||
	    (unlikely(state->task.rejection) && state->task.generation == control.rules.generation))
		return;
	now_ns = sonde_hub_time();
	state->start_ns = now_ns;
	if (likely(cpu->who.task == (__u64)task && cpu->who.switches == switches_of(task)))
		cpu->who.start_ns = now_ns;
}

/* What the registers say of a return: the number as it was called, and an error if it is one. False
 * if it is none of a call, but a new task's first step. */
static __always_inline bool call_outcome(struct call *call, long number, long value)
{
	if (unlikely(number == -1)) {
		/* rt_sigreturn puts the registers of the interrupted code back: its value is no
		 * result. */
		call->index = index_of_call(call->status, SONDE_SYSCALL_NUMBERS - 1);
		if (value != -38) {
			call->index = call->index >= SONDE_SYSCALL_NUMBERS
					      ? control.sigreturn_compat
					      : control.sigreturn;
			value = 0;
		}
	} else {
		call->index = index_of_call(call->status, number);
	}
	call->trait = control.traits[call->index & (SONDE_SYSCALL_INDEXES - 1)];
	if (unlikely(call->index >= SONDE_SYSCALL_NUMBERS))
		value = (__s32)value;
	call->return_value = value;
	call->error = (__u64)value >= (__u64)-4095 ? -value : 0;
	return likely(!(call->trait & SONDE_SYSCALL_FORKS)) || value;
}

/* A program that was put in place may have another thread's id now, and its process another leader:
 * what is known of the task holds no longer. */
static __always_inline void task_replaced(struct call *call)
{
	struct task_state *state = state_of_task(bpf_get_current_task_btf(), false);

	call->cpu->who.generation = 0;
	call->cpu->who.plain = 0;
	if (state)
		state->task.generation = 0;
}

/* The short way of calls that a sample passed over at their entry: ordinary ones of a known task.
 * False: it is none such. */
static __always_inline bool call_pass_over(struct call *call)
{
	const struct sonde_syscalls_who *who = &call->cpu->who;

	if (!control.timed_only || who->start_ns || who->rejection || !who_holds(call) ||
	    (call->status & TS_COMPAT))
		return false;
	call->cpu->sampled_out++;
	return true;
}

static __always_inline void call_exited(struct call call, long number, long value)
{
	struct sonde_syscalls_cpu *cpu = call.cpu;
	__u32 known = known_of(number);

	if (likely(!known) &&
	    (likely(call_fold_plain(&call, number, value)) || call_pass_over(&call)))
		return;
	if (known & SONDE_SYSCALL_IGNORED) {
		cpu->rejected[SONDE_SYSCALLS_OTHER_CALL]++;
		return;
	}
	if (unlikely(!call_begin(&call))) {
		cpu->lost[SONDE_KERNEL_LOSS_MAP_FULL]++;
		return;
	}
	if (unlikely(!call_outcome(&call, number, value))) {
		if (!has_task_storage) /* an earlier task may have had its thread id */
			task_replaced(&call);
		cpu->no_call++;
		return;
	}
	if (unlikely((call.trait & SONDE_SYSCALL_REPLACES) && !call.error)) {
		__u64 start_ns = call.start_ns;

		task_replaced(&call);
		who_find(&call);
		call.start_ns = start_ns;
	}
	if (!call_is_wanted(&call))
		return;
	if (call.start_ns && likely(call.start_ns >= control.attached_ns)) {
		call.end_ns = sonde_hub_time();
		call.duration_ns = call.end_ns - call.start_ns;
		call.timed = true;
	} else if (control.timed_only) {
		cpu->sampled_out++;
		return;
	}
	call_book(&call);
}

#define CALL(registers_)                                                                           \
	((struct call){ .cpu = cpu, .registers = registers_, .cpu_index = cpu_index })
#define ENTER(variant_, section_, registers_)                                                      \
	SONDE_HUB_PROGRAM(enter__##variant_, section_ "sys_enter", sys_enter, sonde_syscalls_cpu,  \
			  SONDE_SYSCALLS_ENTER, call_entered(CALL(registers_), ctx[1]))
#define EXIT(variant_, section_, registers_, number_, value_)                                      \
	SONDE_HUB_PROGRAM(exit__##variant_, section_ "sys_exit", sys_exit, sonde_syscalls_cpu,     \
			  SONDE_SYSCALLS_EXIT, call_exited(CALL(registers_), number_, value_))

#define REGISTERS ((struct pt_regs *)ctx[0])

/* tp_btf: the registers are read directly. */
ENTER(tp_btf, "tp_btf/", REGISTERS)
EXIT(tp_btf, "tp_btf/", REGISTERS, REGISTERS->orig_ax, ctx[1])

/* raw_tp: through a helper. */
ENTER(raw_tp, "raw_tp/", REGISTERS)
EXIT(raw_tp, "raw_tp/", REGISTERS, BPF_CORE_READ(REGISTERS, orig_ax), ctx[1])

/* Classic tracepoints: the record holds {common fields, number, value}, and no registers. */
ENTER(tracepoint, "tracepoint/raw_syscalls/", NULL)
EXIT(tracepoint, "tracepoint/raw_syscalls/", NULL, ctx[1], ctx[2])
