// SPDX-License-Identifier: GPL-2.0
/*
 * The system call that the current thread makes. 32-bit and x32 calls included.
 */
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <asm/syscall.h>

#include "helpers.h"

void utrace_syscall_set_nr(struct pt_regs *regs, long nr)
{
	regs->orig_ax = nr;
}

void utrace_syscall_args(struct pt_regs *regs, unsigned long args[6])
{
	syscall_get_arguments(current, regs, args);
}

void utrace_syscall_set_args(struct pt_regs *regs, const unsigned long args[6])
{
	syscall_set_arguments(current, regs, args);
}

void utrace_syscall_set_result(struct pt_regs *regs, long result)
{
	syscall_set_return_value(current, regs, 0, result);
}

/* No such number, so nothing is called, and the result register stays as it is. */
void utrace_syscall_skip(struct pt_regs *regs)
{
	regs->orig_ax = -1;
}

struct pt_regs *utrace_current_regs(void)
{
	return task_pt_regs(current);
}

/* The same of any thread that is stopped, or is the current one. */
void utrace_syscall_of(struct task_struct *task, struct utrace_syscall *call)
{
	struct pt_regs *regs = task_pt_regs(task);

	call->arch = syscall_get_arch(task);
	call->nr = syscall_get_nr(task, regs);
	call->result = syscall_get_return_value(task, regs);
	call->is_error = syscall_get_error(task, regs) != 0;
	/* As the thread means it: 32-bit calls have 32-bit results. */
	if (call->is_error)
		call->result = syscall_get_error(task, regs);
	syscall_get_arguments(task, regs, call->args);
	call->ip = instruction_pointer(regs);
	call->sp = user_stack_pointer(regs);
}

void utrace_set_syscall_of(struct task_struct *task, long nr, const unsigned long args[6])
{
	struct pt_regs *regs = task_pt_regs(task);

	syscall_set_arguments(task, regs, args);
	regs->orig_ax = nr;
}

void utrace_set_result_of(struct task_struct *task, long result)
{
	syscall_set_return_value(task, task_pt_regs(task), 0, result);
}
