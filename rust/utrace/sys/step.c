// SPDX-License-Identifier: GPL-2.0
/*
 * Steps of the current thread: one instruction, or one block, in user mode.
 *
 * The kernel's own functions do it; ptrace uses them too. What tells a step of ptrace's from ours is
 * SYSCALL_EXIT_TRAP: they set it, ptrace leaves it set as long as it steps, and we do not. (Our end
 * of a system call is reported by means of our own, so that a tracer which waits for the end of the
 * call does not get a trap instead.)
 */
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/thread_info.h>
#include <linux/uaccess.h>
#include <asm/debugreg.h>
#include <asm/msr.h>

#include "helpers.h"

/* The opcodes that move the trap flag: from the stack, and to it. */
#define POPF	0x9d
#define IRET	0xcf
#define PUSHF	0x9c

/* Whether ptrace steps the current thread. */
bool utrace_step_by_ptrace(void)
{
	return test_task_syscall_work(current, SYSCALL_EXIT_TRAP);
}

/* Whether a watchpoint of the thread's own, or of ptrace's, has made the same trap. */
static bool hit_watchpoint(void)
{
	return current->thread.virtual_dr6 & DR_TRAP_BITS;
}

/* Whether the trap that comes is for ptrace, too. */
bool utrace_step_shared(void)
{
	return utrace_step_by_ptrace() || hit_watchpoint();
}

static bool is_prefix(u8 byte, bool is_64bit)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:	/* segments */
	case 0x66: case 0x67:							/* sizes */
	case 0xf0: case 0xf2: case 0xf3:
		return true;
	default:
		return is_64bit && (byte & 0xf0) == 0x40;			/* REX */
	}
}

/* What the next instruction does with the trap flag. */
static void look_at_instruction(struct utrace_step *step, struct pt_regs *regs)
{
	bool is_64bit = user_64bit_mode(regs);
	u8 code[15];
	int i, n;

	n = access_process_vm(current, regs->ip, code, sizeof(code), FOLL_FORCE);
	for (i = 0; i < n && is_prefix(code[i], is_64bit); i++)
		;
	step->ip = regs->ip;
	step->next = regs->ip + i + 1;
	if (i >= n)
		return;
	if (code[i] == POPF || code[i] == IRET)
		step->facts |= UTRACE_STEP_LOADS_FLAG;
	else if (code[i] == PUSHF)
		step->facts |= UTRACE_STEP_STORES_FLAG;
}

/* The kernel forces its traps upon a program that blocks or ignores SIGTRAP. */
static void note_choice(struct utrace_step *step)
{
	spin_lock_irq(&current->sighand->siglock);
	step->handler = (unsigned long)current->sighand->action[SIGTRAP - 1].sa.sa_handler;
	if (sigismember(&current->blocked, SIGTRAP))
		step->facts |= UTRACE_STEP_BLOCKED;
	spin_unlock_irq(&current->sighand->siglock);
}

/* Gives the program its choice back, when nobody wants the trap. */
void utrace_step_restore_choice(const struct utrace_step *step)
{
	bool blocked = step->facts & UTRACE_STEP_BLOCKED;
	struct k_sigaction *action = &current->sighand->action[SIGTRAP - 1];

	if (!blocked && step->handler != (unsigned long)SIG_IGN)
		return;
	spin_lock_irq(&current->sighand->siglock);
	if (action->sa.sa_handler == SIG_DFL)
		action->sa.sa_handler = (__sighandler_t)step->handler;
	if (blocked)
		sigaddset(&current->blocked, SIGTRAP);
	recalc_sigpending();
	spin_unlock_irq(&current->sighand->siglock);
}

/* By the thread itself, about to enter user mode. @enable is user_enable_single_step(), or _block_. */
void utrace_step_begin(struct utrace_step *step, unsigned long enable, bool block)
{
	struct pt_regs *regs = task_pt_regs(current);
	bool by_ptrace = utrace_step_by_ptrace();

	step->facts = 0;
	look_at_instruction(step, regs);
	note_choice(step);
	if ((regs->flags & X86_EFLAGS_TF) && !test_thread_flag(TIF_FORCED_TF))
		step->facts |= UTRACE_STEP_OWN_FLAG;
	/* The shorter of both steps. */
	if (!by_ptrace || !block)
		utrace_call1(enable, (unsigned long)current);
	if (!by_ptrace)
		clear_task_syscall_work(current, SYSCALL_EXIT_TRAP);
}

/* pushf has stored our trap flag. */
static void clear_stored_flag(struct pt_regs *regs)
{
	u8 __user *place = (u8 __user *)regs->sp + 1;
	u8 byte;

	if (!get_user(byte, place) && (byte & (X86_EFLAGS_TF >> 8)))
		put_user(byte & ~(X86_EFLAGS_TF >> 8), place);
}

/*
 * By the thread itself, in the kernel: the step is made, or is put off. @disable is
 * user_disable_single_step(). With @in_call the thread has just begun a system call.
 */
void utrace_step_end(const struct utrace_step *step, unsigned long disable, bool in_call)
{
	struct pt_regs *regs = task_pt_regs(current);
	bool own = step->facts & UTRACE_STEP_OWN_FLAG;

	if (!own && (step->facts & UTRACE_STEP_STORES_FLAG) && regs->ip == step->next)
		clear_stored_flag(regs);
	/* From here on it is ptrace's business. */
	if (utrace_step_by_ptrace())
		return;
	/*
	 * Before an instruction that may load the flag the kernel does not note that the flag is not
	 * the program's.
	 */
	if (!own && (step->facts & UTRACE_STEP_LOADS_FLAG) && regs->ip == step->ip)
		regs->flags &= ~X86_EFLAGS_TF;
	utrace_call1(disable, (unsigned long)current);
	/* The instruction has stored the flags in a register. */
	if (in_call && !own && regs->r11 == (regs->flags | X86_EFLAGS_TF))
		regs->r11 = regs->flags;
}

/*
 * Has the thread get the trap that ends a step, where the processor makes none. @report is
 * user_single_step_report().
 */
void utrace_step_trap(struct utrace_step *step, unsigned long report)
{
	step->facts = 0;
	note_choice(step);
	if (report)
		utrace_call1(report, (unsigned long)task_pt_regs(current));
}

/*
 * Whether signals are to be looked at before a step begins. If so, get_signal() is called, or called
 * again: this may be its own task work, and what it does behind that is of no use for a step.
 */
bool utrace_step_signals_first(void)
{
	if (!task_sigpending(current))
		return false;
	set_thread_flag(TIF_NOTIFY_SIGNAL);
	return true;
}

/* Whether some SIGTRAP is queued for the current thread. */
bool utrace_step_trap_is_queued(void)
{
	return sigismember(&current->pending.signal, SIGTRAP);
}

/*
 * Whether the processor steps over blocks: some hypervisors, and emulators, keep the bit clear that
 * asks for it.
 */
bool utrace_probe_block_step(void)
{
	unsigned long flags;
	u64 old, now = 0;

	if (!arch_has_block_step())
		return false;
	local_irq_save(flags);
	if (!rdmsrq_safe(MSR_IA32_DEBUGCTLMSR, &old) &&
	    !wrmsrq_safe(MSR_IA32_DEBUGCTLMSR, old | DEBUGCTLMSR_BTF)) {
		if (rdmsrq_safe(MSR_IA32_DEBUGCTLMSR, &now))
			now = 0;
		wrmsrq_safe(MSR_IA32_DEBUGCTLMSR, old);
	}
	local_irq_restore(flags);
	return now & DEBUGCTLMSR_BTF;
}
