// SPDX-License-Identifier: GPL-2.0
/*
 * Facts about threads, and work queued to them.
 */
#include <linux/module.h>
#include <linux/mm_types.h>
#include <linux/pid.h>
#include <linux/ptrace.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#include "helpers.h"

bool utrace_task_is_kernel(struct task_struct *task)
{
	return task->flags & (PF_KTHREAD | PF_USER_WORKER);
}

int utrace_task_exit_state(struct task_struct *task)
{
	return READ_ONCE(task->exit_state);
}

bool utrace_task_is_exiting(struct task_struct *task)
{
	return READ_ONCE(task->flags) & PF_EXITING;
}

/* Whether the current thread dies because another thread of its process executes a program. */
bool utrace_current_exec_kill(void)
{
	return READ_ONCE(current->signal->group_exec_task) != NULL;
}

bool utrace_is_group_exiting(struct task_struct *task)
{
	return task->signal->flags & SIGNAL_GROUP_EXIT;
}

bool utrace_is_group_dead(struct task_struct *task)
{
	return atomic_read(&task->signal->live) == 0;
}

/*
 * For a thread that is dead, by itself. The historic DEATH_REAP is -1, DEATH_DELAYED_GROUP_LEADER -2.
 * One that has not let go of itself, and is a zombie no more, was waited for, and so the last one.
 */
int utrace_death_signal(struct task_struct *task, bool let_go)
{
	if (let_go || !thread_group_leader(task))
		return -1;
	return thread_group_empty(task) ? task->exit_signal : -2;
}

/* What the parent sees of a process that exits as a whole is this, not the code of a thread. */
void utrace_set_group_exit_code(int code)
{
	struct signal_struct *sig = current->signal;

	spin_lock_irq(&current->sighand->siglock);
	if (thread_group_leader(current) && (sig->flags & SIGNAL_GROUP_EXIT))
		sig->group_exit_code = code;
	spin_unlock_irq(&current->sighand->siglock);
}

const struct linux_binfmt *utrace_current_binfmt(void)
{
	return current->mm->binfmt;
}

struct task_struct *utrace_task_by_pid(int nr)
{
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);

	put_pid(pid);
	return task;
}

/* @fn is ptrace_may_access(), not exported. */
bool utrace_may_ptrace(unsigned long fn, struct task_struct *task)
{
	return utrace_call2(fn, (unsigned long)task, PTRACE_MODE_ATTACH_REALCREDS) & 0xff;
}

/*
 * Whether the caller may trace @task, as PTRACE_ATTACH asks. If so, @task does not change its
 * credentials by an exec until utrace_ptrace_end(). @fn is ptrace_may_access(), not exported.
 */
int utrace_ptrace_begin(unsigned long fn, struct task_struct *task)
{
	if (mutex_lock_interruptible(&task->signal->cred_guard_mutex))
		return -ERESTARTNOINTR;
	if (utrace_may_ptrace(fn, task))
		return 0;
	mutex_unlock(&task->signal->cred_guard_mutex);
	return -EPERM;
}

void utrace_ptrace_end(struct task_struct *task)
{
	mutex_unlock(&task->signal->cred_guard_mutex);
}

/*
 * What security modules say of one with @cred who traces the current thread because that wants it, as
 * with PTRACE_TRACEME. Their hook for that would take a thread, whose credentials may be others by now,
 * as who opened a file may have executed a set-uid program. @fn is security_ptrace_access_check(), not
 * exported, which goes by the caller's; 0 if there are no such modules.
 */
int utrace_ptrace_by(unsigned long fn, const struct cred *cred)
{
	const struct cred *own;
	int err;

	if (!fn)
		return 0;
	own = override_creds(cred);
	task_lock(current);
	err = utrace_call2(fn, (unsigned long)current, PTRACE_MODE_ATTACH_REALCREDS);
	task_unlock(current);
	revert_creds(own);
	return err;
}

void utrace_task_work_init(struct callback_head *work, task_work_func_t func)
{
	init_task_work(work, func);
}

int utrace_task_work_resume(struct task_struct *task, struct callback_head *work)
{
	return task_work_add(task, work, TWA_RESUME);
}

int utrace_task_work_signal(struct task_struct *task, struct callback_head *work)
{
	return task_work_add(task, work, TWA_SIGNAL);
}

/* The module whose text holds @addr, or NULL. @fn is __module_text_address(), not exported. */
struct module *utrace_module_of(unsigned long fn, unsigned long addr)
{
	struct module *mod;

	rcu_read_lock_sched();
	mod = (struct module *)utrace_call1(fn, addr);
	rcu_read_unlock_sched();
	return mod;
}
