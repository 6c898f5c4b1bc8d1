// SPDX-License-Identifier: GPL-2.0
/*
 * The signals of the current thread: which comes next, and how one is let through, and no other.
 *
 * A signal that is being reported stays queued: on the thread's own queue, so that no other thread
 * takes it, and so that whatever the kernel does to queued signals (a SIGCONT that takes stop
 * signals back, a timer that overruns, the end of the thread) is done to it.
 */
#include <linux/cgroup.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/sched/jobctl.h>
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/slab.h>
#include <linux/task_work.h>
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
	/* It reports a stop of its process, and will take part. */
	bool stopping;
	/* It is in the body, which is not to take part in one: it would be unreported. */
	bool in_body;
	/* The signal that it took from the process last, to report it; and its entry, if it has one. */
	int taken;
	struct sigqueue *taken_entry;
};

static DEFINE_HASHTABLE(insides, 6);
static DEFINE_SPINLOCK(insides_lock);
static atomic_t inside_count;

static struct inside *find_inside(void)
{
	struct inside *inside;

	hash_for_each_possible(insides, inside, node, (unsigned long)current)
		if (inside->task == current)
			return inside;
	return NULL;
}

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
	inside->stopping = false;
	inside->in_body = false;
	inside->taken = 0;
	spin_lock_irq(&insides_lock);
	hash_add(insides, &inside->node, (unsigned long)current);
	spin_unlock_irq(&insides_lock);
	atomic_inc(&inside_count);
	return true;
}

void utrace_signal_leave(void)
{
	struct inside *inside;

	if (!atomic_read(&inside_count))
		return;
	spin_lock_irq(&insides_lock);
	inside = find_inside();
	if (inside)
		hash_del(&inside->node);
	spin_unlock_irq(&insides_lock);
	if (!inside)
		return;
	kfree(inside);
	atomic_dec(&inside_count);
	module_put(THIS_MODULE);
}

/* With the siglock. */
static void set_in_body(bool in_body)
{
	struct inside *inside;

	spin_lock(&insides_lock);
	inside = find_inside();
	if (inside)
		inside->in_body = in_body;
	spin_unlock(&insides_lock);
}

/*
 * With the siglock: whether the body of get_signal(), which finds that it has to take part in a stop,
 * leaves that to its caller. A stop that it begins itself, with @sig, is ptrace's, as are all of a
 * thread under ptrace. In a cgroup that is frozen nothing is reported, and the body would try again
 * and again.
 */
bool utrace_signal_puts_off_stop(int sig)
{
	struct inside *inside;
	bool put_off;

	if (!atomic_read(&inside_count) || sig || current->ptrace ||
	    (current->jobctl & JOBCTL_TRAP_FREEZE))
		return false;
	spin_lock(&insides_lock);
	inside = find_inside();
	put_off = inside && inside->in_body;
	spin_unlock(&insides_lock);
	return put_off;
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

/* With the siglock. */
static void note_taken(int sig, struct sigqueue *q)
{
	struct inside *inside;

	spin_lock(&insides_lock);
	inside = find_inside();
	if (inside) {
		inside->taken = sig;
		inside->taken_entry = q;
	}
	spin_unlock(&insides_lock);
}

/*
 * By a thread that dies because another one of its process execs: a signal that was sent to the
 * process, and is still being reported, is the new program's.
 */
void utrace_signal_give_back(void)
{
	struct sigpending *own = &current->pending, *shared = &current->signal->shared_pending;
	struct task_struct *heir;
	struct inside *inside;
	struct sigqueue *q;
	int sig = 0;

	if (!atomic_read(&inside_count))
		return;
	spin_lock_irq(&current->sighand->siglock);
	heir = current->signal->group_exec_task;
	spin_lock(&insides_lock);
	inside = find_inside();
	if (inside && heir && heir != current)
		sig = inside->taken;
	spin_unlock(&insides_lock);
	if (!sig || !sigismember(&own->signal, sig))
		goto out;
	if (!inside->taken_entry) {
		if (find_queued(own, sig))
			goto out;
	} else {
		list_for_each_entry(q, &own->list, list)
			if (q == inside->taken_entry)
				goto found;
		goto out;
found:
		list_move(&q->list, &shared->list);
	}
	if (!find_queued(own, sig))
		sigdelset(&own->signal, sig);
	sigaddset(&shared->signal, sig);
	set_tsk_thread_flag(heir, TIF_SIGPENDING);
out:
	spin_unlock_irq(&current->sighand->siglock);
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
		note_taken(sig, q);
		if (sig == SIGALRM)
			utrace_call1(rearm_itimer, (unsigned long)current);
	}
	signal->queued = q;
	signal->original = current->sighand->action[sig - 1];
	signal->action = signal->original;
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

/* What it would do by itself, after an engine has changed its number or its action. */
enum utrace_signal_class utrace_signal_class_now(const struct utrace_signal *signal)
{
	return class_of(signal->info.si_signo, &signal->action);
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

static void dequeue(int sig)
{
	kernel_siginfo_t info;
	enum pid_type type;
	sigset_t all_but;

	sigfillset(&all_but);
	sigdelset(&all_but, sig);
	dequeue_signal(&all_but, &info, &type);
}

/* Takes the signal from the queue. False when it is gone: something else took it back. */
bool utrace_signal_consume(const struct utrace_signal *signal, int sig)
{
	bool queued;

	spin_lock_irq(&current->sighand->siglock);
	queued = still_queued(signal, sig);
	if (queued)
		dequeue(sig);
	spin_unlock_irq(&current->sighand->siglock);
	return queued;
}

/*
 * Makes the signal in the queue what the engines have made of it, so that the kernel acts on that,
 * and ptrace sees it. A timer's signal is the timer's for ever, and one without an entry carries no
 * information: those the caller acts on by himself.
 */
enum utrace_signal_change utrace_signal_change(struct utrace_signal *signal, int sig)
{
	struct sigpending *own = &current->pending;
	struct sigqueue *q = signal->queued;
	int now = signal->info.si_signo;
	enum utrace_signal_change change = UTRACE_CHANGE_QUEUED;

	spin_lock_irq(&current->sighand->siglock);
	if (!still_queued(signal, sig)) {
		change = UTRACE_CHANGE_GONE;
	} else if (!q) {
		if (now != sig)
			change = UTRACE_CHANGE_OWN;
	} else if (memcmp(&q->info, &signal->info, sizeof(q->info))) {
		if (q->flags & SIGQUEUE_PREALLOC) {
			change = UTRACE_CHANGE_OWN;
		} else {
			copy_siginfo(&q->info, &signal->info);
			/* Before any other of its new number. */
			list_move(&q->list, &own->list);
			sigaddset(&own->signal, now);
			if (!find_queued(own, sig))
				sigdelset(&own->signal, sig);
		}
	}
	if (now != sig && !memcmp(&signal->action, &signal->original, sizeof(signal->action))) {
		signal->original = current->sighand->action[now - 1];
		signal->action = signal->original;
	}
	spin_unlock_irq(&current->sighand->siglock);
	return change;
}

bool utrace_signal_action_changed(const struct utrace_signal *signal)
{
	return memcmp(&signal->action, &signal->original, sizeof(signal->action));
}

/*
 * Does the work that the body would do first: engines are called in it, and the thread may be parked
 * there, with its own signals blocked and not with those of the body.
 */
void utrace_signal_run_work(const struct utrace_signal_functions *fn)
{
	clear_notify_signal();
	if (unlikely(task_work_pending(current)))
		utrace_call0(fn->run_work);
}

/*
 * Runs the body of get_signal() with every signal but @sig (0: with every one) and SIGKILL kept
 * back. It takes part in freezes, and with @report_stops off in stops, and dies, as it always does;
 * and of the signals it sees @sig alone.
 */
bool utrace_signal_body(unsigned long body, struct ksignal *ksig, const struct utrace_signal *signal,
			int sig, bool report_stops)
{
	sigset_t saved, mask;
	bool handled, borrowed;

	sigfillset(&mask);
	sigdelset(&mask, SIGKILL);
	spin_lock_irq(&current->sighand->siglock);
	if (sig) {
		if (!still_queued(signal, sig)) {
			spin_unlock_irq(&current->sighand->siglock);
			return false;
		}
		sigdelset(&mask, sig);
	}
	saved = current->blocked;
	current->blocked = mask;
	set_thread_flag(TIF_SIGPENDING);
	/* Where a ptracer finds the real mask (PTRACE_GETSIGMASK) when there is another for the moment. */
	borrowed = !test_restore_sigmask();
	if (borrowed) {
		current->saved_sigmask = saved;
		set_restore_sigmask();
	}
	if (report_stops)
		set_in_body(true);
	spin_unlock_irq(&current->sighand->siglock);

	handled = utrace_call1(body, (unsigned long)ksig) & 0xff;

	spin_lock_irq(&current->sighand->siglock);
	if (report_stops)
		set_in_body(false);
	/* It is off when a ptracer has set the mask (PTRACE_SETSIGMASK): that is the real one, then. */
	if (test_restore_sigmask()) {
		current->blocked = saved;
		if (borrowed)
			clear_restore_sigmask();
	}
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

/* With the siglock: by the thread itself, not while it sleeps in sigtimedwait(). */
void utrace_signal_restore_reported(bool ignored)
{
	/* No signal kills an init, or stops it: what the kernel drops for it is not even sent. */
	if (!(current->signal->flags & SIGNAL_UNKILLABLE))
		fill_reported(&current->real_blocked, ignored);
}

/* By the thread itself, not in sigtimedwait(). */
void utrace_signal_set_reported(bool any, bool ignored)
{
	/* Nobody else makes the set ours. */
	if (!any && !sigismember(&current->real_blocked, SIGSTOP))
		return;
	spin_lock_irq(&current->sighand->siglock);
	if (any)
		utrace_signal_restore_reported(ignored);
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

/* Ends the process as the signal would. */
void utrace_signal_kill(const struct utrace_signal *signal, bool core,
			const struct utrace_signal_functions *fn)
{
	current->flags |= PF_SIGNALED;
	if (core)
		utrace_call1(fn->coredump, (unsigned long)&signal->info);
	utrace_call1(fn->group_exit, signal->info.si_signo);
}

/* Has the handler of @action run, as get_signal() would. */
void utrace_signal_deliver(struct ksignal *ksig, const struct utrace_signal *signal)
{
	int sig = signal->info.si_signo;
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

/* Sends the current thread a signal of an engine's making. */
void utrace_signal_send(struct utrace_signal *signal)
{
	send_sig_info(signal->info.si_signo, &signal->info, current);
}

/* --- stops of the process --------------------------------------------------------------------- */

bool utrace_signal_is_ptraced(void)
{
	return READ_ONCE(current->ptrace);
}

bool utrace_signal_is_orphaned(const struct utrace_signal_functions *fn)
{
	return utrace_call0(fn->pgrp_orphaned) & 0xff;
}

/*
 * Notes whether the current thread reports a stop of its process. Gives how many others do. With the
 * siglock, under which they take part afterwards.
 */
static int others_stopping(bool stopping)
{
	struct inside *inside;
	int bucket, others = 0;

	spin_lock(&insides_lock);
	hash_for_each(insides, bucket, inside, node) {
		if (inside->task == current)
			inside->stopping = stopping;
		else if (inside->task->signal == current->signal)
			others += inside->stopping;
	}
	spin_unlock(&insides_lock);
	return others;
}

bool utrace_signal_is_stop_pending(void)
{
	return (READ_ONCE(current->jobctl) & JOBCTL_STOP_PENDING) && !current->ptrace;
}

/*
 * Whether the current thread is about to take part in a stop of its process. @completes: whether it
 * is the last to do so, but for those that are on their way, and the parent is told then.
 */
bool utrace_signal_stop_pending(bool *completes)
{
	struct signal_struct *sig = current->signal;
	bool pending;

	if (!utrace_signal_is_stop_pending())
		return false;
	spin_lock_irq(&current->sighand->siglock);
	pending = current->jobctl & JOBCTL_STOP_PENDING;
	*completes = pending && (current->jobctl & JOBCTL_STOP_CONSUME) &&
		     !(sig->flags & SIGNAL_STOP_STOPPED) &&
		     sig->group_stop_count - others_stopping(true) == 1;
	spin_unlock_irq(&current->sighand->siglock);
	return pending;
}

/* Whether the current thread would be the last in a stop that it begins. */
bool utrace_signal_stops_alone(void)
{
	return thread_group_empty(current) && !(current->signal->flags & SIGNAL_STOP_STOPPED);
}

/*
 * Whether the current thread is back from a stop only to be stopped by ptrace, in the body: who
 * attaches waits for that.
 */
bool utrace_signal_stops_for_ptrace(void)
{
	return current->ptrace && ((READ_ONCE(current->jobctl) & JOBCTL_TRAPPING) ||
				   (READ_ONCE(current->signal->flags) & SIGNAL_STOP_STOPPED));
}

/*
 * What the kernel does for the first thread that is back from a stop: tells the parent that the
 * process goes on. Gives what the parent was told, CLD_CONTINUED or CLD_STOPPED; 0: nothing, as
 * another thread has told it.
 */
int utrace_signal_tell_continued(const struct utrace_signal_functions *fn)
{
	struct signal_struct *sig = current->signal;
	struct task_struct *leader = current->group_leader;
	int why = 0;

	spin_lock_irq(&current->sighand->siglock);
	if (sig->flags & SIGNAL_CLD_CONTINUED)
		why = CLD_CONTINUED;
	else if (sig->flags & SIGNAL_CLD_STOPPED)
		why = CLD_STOPPED;
	sig->flags &= ~SIGNAL_CLD_MASK;
	spin_unlock_irq(&current->sighand->siglock);
	if (!why)
		return 0;
	read_lock((rwlock_t *)fn->tasklist_lock);
	utrace_call3(fn->notify_parent, (unsigned long)current, false, why);
	if (ptrace_reparented(leader))
		utrace_call3(fn->notify_parent, (unsigned long)leader, true, why);
	read_unlock((rwlock_t *)fn->tasklist_lock);
	return why;
}

/* With the siglock, which is released. True when the thread has been stopped, and goes on. */
static bool stop_locked(int sig, const struct utrace_signal_functions *fn)
{
	if (!(utrace_call1(fn->signal_stop, sig) & 0xff)) {
		spin_unlock_irq(&current->sighand->siglock);
		return false;
	}
	if (unlikely(cgroup_task_frozen(current)))
		utrace_call1(fn->leave_frozen, true);
	return true;
}

/* Takes part in the stop that another thread has begun. False when that was taken back. */
bool utrace_signal_join_stop(const struct utrace_signal_functions *fn)
{
	spin_lock_irq(&current->sighand->siglock);
	others_stopping(false);
	if (!(current->jobctl & JOBCTL_STOP_PENDING) || current->ptrace) {
		spin_unlock_irq(&current->sighand->siglock);
		return false;
	}
	return stop_locked(0, fn);
}

/* Begins a stop of the process with @as, for @signal, queued as @sig. False when it was taken back. */
bool utrace_signal_begin_stop(const struct utrace_signal *signal, int sig, int as,
			      const struct utrace_signal_functions *fn)
{
	spin_lock_irq(&current->sighand->siglock);
	if (!still_queued(signal, sig)) {
		spin_unlock_irq(&current->sighand->siglock);
		return false;
	}
	dequeue(sig);
	/* As for a stop signal: a SIGCONT takes it back. */
	current->jobctl |= JOBCTL_STOP_DEQUEUED;
	return stop_locked(as, fn);
}

/* A stop signal that the current thread would stop its process for, or 0. */
static int stop_signal_ready(void)
{
	unsigned long ready = (current->pending.signal.sig[0] |
			       current->signal->shared_pending.signal.sig[0]) &
			      ~current->blocked.sig[0] & SIG_KERNEL_STOP_MASK;
	int sig;

	while (ready) {
		sig = __ffs(ready) + 1;
		if (class_of(sig, &current->sighand->action[sig - 1]) == UTRACE_CLASS_STOP)
			return sig;
		ready &= ready - 1;
	}
	return 0;
}

/*
 * By a parked thread: takes part in a stop of its process; or, if @unreported, begins one for a
 * signal that nobody wants to hear of. It is parked again when the process goes on. Not under
 * ptrace, which has stops of its own. A process that is stopped here keeps the module.
 */
void utrace_signal_stop_parked(bool unreported, const struct utrace_signal_functions *fn)
{
	int sig = 0;
	bool orphaned = false;

	if (!try_module_get(THIS_MODULE))
		return;
	spin_lock_irq(&current->sighand->siglock);
	if (current->ptrace)
		goto out;
	if (!(current->jobctl & JOBCTL_STOP_PENDING)) {
		sig = unreported ? stop_signal_ready() : 0;
		if (sig && sig != SIGSTOP) {
			spin_unlock_irq(&current->sighand->siglock);
			orphaned = utrace_signal_is_orphaned(fn);
			spin_lock_irq(&current->sighand->siglock);
			if (current->ptrace || stop_signal_ready() != sig)
				goto out;
		}
		if (!sig)
			goto out;
		dequeue(sig);
		if (orphaned)
			goto out;
	}
	if (stop_locked(sig, fn)) {
		utrace_signal_tell_continued(fn);
		/* Who attaches with ptrace meanwhile need not wait for the end of the park. */
		spin_lock_irq(&current->sighand->siglock);
		utrace_call1(fn->clear_trapping, (unsigned long)current);
		goto out;
	}
	goto put;
out:
	spin_unlock_irq(&current->sighand->siglock);
put:
	module_put(THIS_MODULE);
}

/* --- frozen cgroups --------------------------------------------------------------------------- */

/*
 * A parked thread, like one that is stopped, counts as frozen for its cgroup: it runs no program.
 * By the thread itself, before it sleeps and when it goes on.
 */
void utrace_signal_enter_frozen(const struct utrace_signal_functions *fn)
{
	if (!cgroup_task_frozen(current))
		utrace_call0(fn->enter_frozen);
}

void utrace_signal_leave_frozen(const struct utrace_signal_functions *fn)
{
	if (cgroup_task_frozen(current))
		utrace_call1(fn->leave_frozen, true);
}
