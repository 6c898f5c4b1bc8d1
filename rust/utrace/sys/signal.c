// SPDX-License-Identifier: GPL-2.0
/*
 * The signals of the current thread: which comes next, and how one is let through, and no other.
 *
 * A signal that is being reported stays queued: on the thread's own queue, so that no other thread
 * takes it, and so that whatever the kernel does to queued signals (a SIGCONT that takes stop
 * signals back, a timer that overruns, the end of the thread) is done to it.
 */
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/uprobes.h>

#include "helpers.h"

#define SYNCHRONOUS (sigmask(SIGSEGV) | sigmask(SIGBUS) | sigmask(SIGILL) | \
		     sigmask(SIGTRAP) | sigmask(SIGFPE) | sigmask(SIGSYS))

/* A uprobe being stepped over puts signals off; the kernel's own code knows how. */
bool utrace_signals_put_off(void)
{
	return current->utask && current->utask->active_uprobe;
}

/*
 * The threads that have wrapped get_signal(). In its body they may be stopped for as long as anybody
 * likes, with our return addresses on their stacks, or die: so each holds the module.
 */
struct inside {
	struct hlist_node node;
	struct task_struct *task;
};

static DEFINE_HASHTABLE(insides, 6);
static DEFINE_SPINLOCK(insides_lock);
static atomic_t inside_count;

bool utrace_signal_enter(void)
{
	struct inside *inside = kmalloc(sizeof(*inside), GFP_KERNEL);

	if (!inside)
		return false;
	if (!try_module_get(THIS_MODULE)) {
		kfree(inside);
		return false;
	}
	inside->task = current;
	spin_lock(&insides_lock);
	hash_add(insides, &inside->node, (unsigned long)current);
	spin_unlock(&insides_lock);
	atomic_inc(&inside_count);
	return true;
}

void utrace_signal_leave(void)
{
	struct inside *inside;

	if (!atomic_read(&inside_count))
		return;
	spin_lock(&insides_lock);
	hash_for_each_possible(insides, inside, node, (unsigned long)current) {
		if (inside->task == current) {
			hash_del(&inside->node);
			break;
		}
	}
	spin_unlock(&insides_lock);
	if (!inside)
		return;
	kfree(inside);
	atomic_dec(&inside_count);
	module_put(THIS_MODULE);
}

static struct sigqueue *find_queued(struct sigpending *pending, int sig)
{
	struct sigqueue *q;

	list_for_each_entry(q, &pending->list, list)
		if (q->info.si_signo == sig)
			return q;
	return NULL;
}

static bool others_queued(struct sigpending *pending, struct sigqueue *but, int sig)
{
	struct sigqueue *q;

	list_for_each_entry(q, &pending->list, list)
		if (q != but && q->info.si_signo == sig)
			return true;
	return false;
}

/* The fault of an instruction comes before any other signal. */
static int synchronous_signal(struct sigpending *pending, unsigned long wanted)
{
	struct sigqueue *q;

	if (!(wanted & pending->signal.sig[0] & SYNCHRONOUS))
		return 0;
	list_for_each_entry(q, &pending->list, list)
		if (q->info.si_code > SI_USER && (sigmask(q->info.si_signo) & SYNCHRONOUS & wanted))
			return q->info.si_signo;
	return 0;
}

static int lowest_signal(struct sigpending *pending, const sigset_t *blocked)
{
	unsigned long ready = pending->signal.sig[0] & ~blocked->sig[0];

	if (ready & SYNCHRONOUS)
		ready &= SYNCHRONOUS;
	return ready ? __ffs(ready) + 1 : 0;
}

static enum utrace_signal_class class_of(int sig, const struct k_sigaction *ka)
{
	if (ka->sa.sa_handler == SIG_IGN)
		return UTRACE_CLASS_IGNORED;
	if (ka->sa.sa_handler != SIG_DFL)
		return UTRACE_CLASS_HANDLED;
	if (sig_kernel_ignore(sig))
		return UTRACE_CLASS_IGNORED;
	if ((current->signal->flags & SIGNAL_UNKILLABLE) && !sig_kernel_only(sig))
		return UTRACE_CLASS_IGNORED;
	if (sig_kernel_stop(sig))
		return UTRACE_CLASS_STOP;
	if (sig_kernel_coredump(sig))
		return UTRACE_CLASS_CORE;
	return UTRACE_CLASS_TERM;
}

/*
 * Finds the signal that the current thread would take next, and makes it the thread's own. A
 * process that dies has no next one. @rearm_itimer is posixtimer_rearm_itimer(), which the kernel
 * calls when SIGALRM leaves the shared queue.
 */
int utrace_signal_next(struct utrace_signal *signal, unsigned long rearm_itimer)
{
	struct sigpending *own = &current->pending, *shared = &current->signal->shared_pending;
	sigset_t blocked;
	struct sigqueue *q;
	int sig = 0;

	spin_lock_irq(&current->sighand->siglock);
	if ((current->signal->flags & SIGNAL_GROUP_EXIT) || current->signal->group_exec_task)
		goto out;
	blocked = current->blocked;
	sigaddset(&blocked, SIGKILL);
	sig = synchronous_signal(own, ~blocked.sig[0]);
	if (!sig)
		sig = lowest_signal(own, &blocked);
	q = sig ? find_queued(own, sig) : NULL;
	if (!sig) {
		sig = lowest_signal(shared, &blocked);
		if (!sig)
			goto out;
		q = find_queued(shared, sig);
		if (!q || !others_queued(shared, q, sig))
			sigdelset(&shared->signal, sig);
		if (q)
			list_move(&q->list, &own->list);
		sigaddset(&own->signal, sig);
		if (sig == SIGALRM)
			utrace_call1(rearm_itimer, (unsigned long)current);
	}
	signal->queued = q;
	signal->action = current->sighand->action[sig - 1];
	signal->class = class_of(sig, &signal->action);
	if (q) {
		copy_siginfo(&signal->info, &q->info);
	} else {
		clear_siginfo(&signal->info);
		signal->info.si_signo = sig;
		signal->info.si_code = SI_USER;
	}
out:
	spin_unlock_irq(&current->sighand->siglock);
	return sig;
}

static bool still_queued(const struct utrace_signal *signal, int sig)
{
	struct sigqueue *q;

	if (!sigismember(&current->pending.signal, sig))
		return false;
	if (!signal->queued)
		return true;
	list_for_each_entry(q, &current->pending.list, list)
		if (q == signal->queued)
			return true;
	return false;
}

/* Takes the signal from the queue. False when it is gone: something else took it back. */
bool utrace_signal_consume(const struct utrace_signal *signal, int sig)
{
	kernel_siginfo_t info;
	enum pid_type type;
	sigset_t all_but;
	bool queued;

	sigfillset(&all_but);
	sigdelset(&all_but, sig);
	spin_lock_irq(&current->sighand->siglock);
	queued = still_queued(signal, sig);
	if (queued)
		dequeue_signal(&all_but, &info, &type);
	spin_unlock_irq(&current->sighand->siglock);
	return queued;
}

/*
 * Runs the body of get_signal() with every signal but @sig (0: with every one) and SIGKILL kept
 * back. It takes part in stops and freezes, and dies, as it always does; and of the signals it
 * sees @sig alone.
 */
bool utrace_signal_body(unsigned long body, struct ksignal *ksig, const struct utrace_signal *signal,
			int sig)
{
	sigset_t saved, mask;
	bool handled;

	sigfillset(&mask);
	sigdelset(&mask, SIGKILL);
	spin_lock_irq(&current->sighand->siglock);
	if (sig) {
		if (!still_queued(signal, sig)) {
			spin_unlock_irq(&current->sighand->siglock);
			return false;
		}
		sigdelset(&mask, sig);
		/* With what the engines made of it. */
		if (signal->queued)
			copy_siginfo(&signal->queued->info, &signal->info);
	}
	saved = current->blocked;
	current->blocked = mask;
	set_thread_flag(TIF_SIGPENDING);
	spin_unlock_irq(&current->sighand->siglock);

	handled = utrace_call1(body, (unsigned long)ksig) & 0xff;

	spin_lock_irq(&current->sighand->siglock);
	current->blocked = saved;
	recalc_sigpending();
	spin_unlock_irq(&current->sighand->siglock);
	return handled;
}

/*
 * The kernel drops an ignored signal when it is sent, and begins to kill the process when a deadly
 * one is: neither would be reported. It does not do so for signals in @real_blocked, which only
 * sigtimedwait() uses otherwise, while it waits: so there, and only there, it still does. SIGSTOP,
 * which nobody can block, marks the set as ours.
 */
static void fill_reported(sigset_t *set, bool ignored)
{
	sigfillset(set);
	sigdelset(set, SIGKILL);
	/* Without interest in ignored ones, those that do not kill stay as they are. */
	if (!ignored) {
		sigdelset(set, SIGCHLD);
		sigdelset(set, SIGCONT);
		sigdelset(set, SIGWINCH);
		sigdelset(set, SIGURG);
	}
}

/* By the thread itself, not in sigtimedwait(). */
void utrace_signal_set_reported(bool any, bool ignored)
{
	/* Nobody else makes the set ours. */
	if (!any && !sigismember(&current->real_blocked, SIGSTOP))
		return;
	spin_lock_irq(&current->sighand->siglock);
	if (any)
		fill_reported(&current->real_blocked, ignored);
	else if (sigismember(&current->real_blocked, SIGSTOP))
		sigemptyset(&current->real_blocked);
	spin_unlock_irq(&current->sighand->siglock);
}

/*
 * By anybody: takes back what the thread has set. The way to take a thread's siglock is not
 * exported under one name by all supported kernels.
 */
void utrace_signal_clear_reported(struct task_struct *task)
{
	struct sighand_struct *sighand;
	unsigned long flags;

	if (!sigismember(&task->real_blocked, SIGSTOP))
		return;
	guard(rcu)();
	while ((sighand = rcu_dereference(task->sighand))) {
		spin_lock_irqsave(&sighand->siglock, flags);
		/* The structure may have become another process's, or this one have got another. */
		if (likely(sighand == rcu_access_pointer(task->sighand))) {
			if (sigismember(&task->real_blocked, SIGSTOP))
				sigemptyset(&task->real_blocked);
			spin_unlock_irqrestore(&sighand->siglock, flags);
			return;
		}
		spin_unlock_irqrestore(&sighand->siglock, flags);
	}
}

/* A new thread has a copy of what its maker has. */
void utrace_signal_inherit(struct task_struct *child)
{
	if (unlikely(sigismember(&child->real_blocked, SIGSTOP)))
		sigemptyset(&child->real_blocked);
}

/* Ends the process as the signal would. @coredump and @group_exit are vfs_coredump() and do_group_exit(). */
void utrace_signal_kill(const struct utrace_signal *signal, int sig, unsigned long coredump,
			unsigned long group_exit)
{
	current->flags |= PF_SIGNALED;
	if (coredump)
		utrace_call1(coredump, (unsigned long)&signal->info);
	utrace_call1(group_exit, sig);
}

/* Has the handler of @action run, as get_signal() would. */
void utrace_signal_deliver(struct ksignal *ksig, const struct utrace_signal *signal, int sig)
{
	struct k_sigaction *ka = &current->sighand->action[sig - 1];

	ksig->sig = sig;
	ksig->ka = signal->action;
	copy_siginfo(&ksig->info, &signal->info);
	spin_lock_irq(&current->sighand->siglock);
	if ((signal->action.sa.sa_flags & SA_ONESHOT) &&
	    ka->sa.sa_handler == signal->action.sa.sa_handler)
		ka->sa.sa_handler = SIG_DFL;
	spin_unlock_irq(&current->sighand->siglock);
}

/* A stop of the whole process, as by SIGSTOP: to be found by the body. */
void utrace_signal_stop_process(void)
{
	send_sig(SIGSTOP, current, 1);
}
