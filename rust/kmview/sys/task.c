// SPDX-License-Identifier: GPL-2.0
/*
 * Facts about threads, and about who opened a session.
 */
#include <linux/capability.h>
#include <linux/pid.h>
#include <linux/sched/exec_state.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/seccomp.h>
#include <linux/uidgid.h>

#include "helpers.h"

/*
 * A filter sees a call before we do: one that a session made of it, or that a thread without a filter
 * made for it, it would not see. The rule is that of PTRACE_O_SUSPEND_SECCOMP.
 */
bool kmview_is_confined(void)
{
	return seccomp_mode(&current->seccomp) != SECCOMP_MODE_DISABLED && !capable(CAP_SYS_ADMIN);
}

void kmview_opener_init(struct kmview_opener *opener)
{
	opener->cred = get_current_cred();
	opener->pid_ns = get_pid_ns(task_active_pid_ns(current));
}

void kmview_opener_get(const struct kmview_opener *opener)
{
	get_cred(opener->cred);
	get_pid_ns(opener->pid_ns);
}

void kmview_opener_free(struct kmview_opener *opener)
{
	put_cred(opener->cred);
	put_pid_ns(opener->pid_ns);
}

/* With the opener's credentials. */
static bool has_cap(struct user_namespace *ns)
{
	return ns_capable_noaudit(ns, CAP_SYS_PTRACE);
}

/* Capabilities of a file, too, are rights that the opener may lack. */
static bool reaches(const struct cred *cred, const struct cred *target)
{
	if (uid_eq(cred->uid, target->euid) && uid_eq(cred->uid, target->suid) &&
	    uid_eq(cred->uid, target->uid) && gid_eq(cred->gid, target->egid) &&
	    gid_eq(cred->gid, target->sgid) && gid_eq(cred->gid, target->gid) &&
	    cred->user_ns == target->user_ns &&
	    cap_issubset(target->cap_permitted, cred->cap_permitted))
		return true;
	return has_cap(target->user_ns);
}

static bool dumpable_for_opener(struct task_struct *task)
{
	const struct task_exec_state *state;
	bool ok;

	rcu_read_lock();
	state = rcu_dereference(task->exec_state);
	ok = READ_ONCE(state->dumpable) == TASK_DUMPABLE_OWNER || has_cap(state->user_ns);
	rcu_read_unlock();
	return ok;
}

/*
 * The rules of __ptrace_may_access() and of capabilities, which cannot be asked about the current
 * thread, or on behalf of another one.
 */
bool kmview_opener_may_trace(const struct kmview_opener *opener, struct task_struct *task)
{
	const struct cred *target = get_task_cred(task);
	const struct cred *own = override_creds(opener->cred);
	bool may = reaches(opener->cred, target) && dumpable_for_opener(task);

	revert_creds(own);
	put_cred(target);
	return may;
}

/* As ptrace asks at every access: a thread may have become undumpable since it came. */
bool kmview_opener_may_access(const struct kmview_opener *opener, struct task_struct *task)
{
	const struct cred *own = override_creds(opener->cred);
	bool may = dumpable_for_opener(task);

	revert_creds(own);
	return may;
}

int kmview_tid(const struct kmview_opener *opener, struct task_struct *task)
{
	return task_pid_nr_ns(task, opener->pid_ns);
}

int kmview_tgid(const struct kmview_opener *opener, struct task_struct *task)
{
	return task_tgid_nr_ns(task, opener->pid_ns);
}

void kmview_kill(struct task_struct *task)
{
	send_sig(SIGKILL, task, 1);
}

bool kmview_is_dead(struct task_struct *task)
{
	return READ_ONCE(task->exit_state);
}

bool kmview_is_dying(struct task_struct *task)
{
	return fatal_signal_pending(task);
}

/*
 * Of the threads of @task's process that were made until @until, that with the lowest number above
 * @after, with a reference; or NULL.
 */
struct task_struct *kmview_thread_after(struct task_struct *task, int after, u64 until)
{
	struct task_struct *thread, *next = NULL;

	rcu_read_lock();
	for_each_thread(task, thread) {
		if (thread->exit_state || thread->pid <= after || thread->start_time > until)
			continue;
		if (!next || thread->pid < next->pid)
			next = thread;
	}
	if (next)
		get_task_struct(next);
	rcu_read_unlock();
	return next;
}

bool kmview_same_process(struct task_struct *a, struct task_struct *b)
{
	return same_thread_group(a, b);
}
