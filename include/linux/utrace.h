/* SPDX-License-Identifier: GPL-2.0 */
/*
 * utrace: engines on user threads, for modules in C.
 *
 * An engine is one module's attachment to one thread. Its callbacks run in the thread itself at the
 * events that it asked for; they may look at the thread and change it, stop it, and let it go on.
 * Names, flags, numbers and error codes are those of the last published utrace API (2009-2012). What
 * differs is said where it differs, and what a port needs at the end of this comment.
 *
 * Contexts, in the table below: "any" is every context, hard interrupts included; "task" is process
 * context, without sleeping unless the callback release() does; "sleep" may sleep. No function may
 * be called with a lock held that a callback takes. "self" is the callback of the engine itself. Each
 * promise and the test of it: rust/utrace/api/contract.md.
 *
 * function               context        results
 * utrace_attach_task     sleep, self    engine; -EINVAL -EPERM -EEXIST -ENOMEM -ESRCH, -ENOENT
 *                                       (the last without UTRACE_ATTACH_CREATE, which is for "task")
 * utrace_attach_pid      as above       as above; -ESRCH: there is no such thread
 * utrace_set_events      task, self     0; -ESRCH -EALREADY -EINPROGRESS -EINVAL
 * utrace_control STOP    any, self      0: it is parked; -EINPROGRESS: it will be; -ESRCH
 *   INTERRUPT            any, self      0; -ESRCH
 *   REPORT               any, self      0; -ESRCH; -EINVAL: the engine has not asked for QUIESCE
 *   RESUME               any, self      0; -ESRCH
 *   DETACH               task, self     0: no callback any more; -EINPROGRESS: one runs, and is the
 *                                       last; -EALREADY: that one is report_death(); -ESRCH
 *   SINGLESTEP           any, self      0; -ESRCH; -EINVAL: the engine has not asked for QUIESCE
 *   BLOCKSTEP            any, self      the same; -EOPNOTSUPP: utrace_has_block_step()
 *   anything else        any, self      -EINVAL -ESRCH
 * utrace_has_single_step any            true
 * utrace_has_block_step  any            whether the processor can
 * utrace_barrier         sleep, self    0; -ESRCH -ERESTARTSYS
 * utrace_stop_ticket     self           ticket; 0: no callback that could stop
 * utrace_stop_engine     any, self      as utrace_control STOP, and the ticket
 * utrace_resume_ticket   any, self      0; -ESTALE: that stop is over; -ESRCH
 * utrace_prepare_examine sleep, self    0; -EINVAL -EAGAIN -ESRCH
 * utrace_finish_examine  any, self      0; -EAGAIN: it ran; -EINVAL
 * utrace_get_regs        sleep, self    0; of these and of all below also -EAGAIN: it ran;
 *                                       -EINVAL: nothing is examined; -ESRCH
 * utrace_set_regs        sleep, self    0; -EIO: no such values, none is set
 * utrace_regset_view     sleep, self    the view; -ENOENT: no such one
 * utrace_regset_size     sleep, self    bytes in use; -ENOENT: no such regset; -ENODEV
 * utrace_get_regset      sleep, self    bytes; -ENOENT -EINVAL -EOPNOTSUPP -ENODEV -ENOMEM
 * utrace_set_regset      sleep, self    0; -ENOENT -EINVAL -EOPNOTSUPP -ENODEV -EFAULT -EIO
 * utrace_read_memory     sleep, self    bytes; -EFAULT: not even one
 * utrace_write_memory    sleep, self    bytes; -EFAULT: not even one
 * utrace_read_string     sleep, self    length; -EFAULT; -ENAMETOOLONG
 * utrace_get_syscall     sleep, self    0
 * utrace_set_syscall     sleep, self    0; -EINVAL: not at the entry of a call
 * utrace_set_syscall_result  sleep, self  0; -EINVAL: not at the exit of a call
 * utrace_skip_syscall    sleep          0; -EINVAL: not parked at the entry of a call
 * utrace_engine_get      any            -
 * utrace_engine_put      any, as far as release() allows it; the last one calls that
 *
 * A module that was written for the old header needs
 *
 * * UTRACE_ENGINE_OPS_SIZE as first line of each struct utrace_engine_ops;
 * * to be linked against the exports of utrace.ko (KBUILD_EXTRA_SYMBOLS), under a GPL compatible
 *   licence;
 * * not to wait with utrace_barrier() before a resume: that a thread has not parked yet is no reason
 *   any more for a resume to be lost, and utrace_resume_ticket() cannot hit another stop than the
 *   one that was meant.
 *
 * And it may rely on this: when a module goes, its engines are detached, and no callback of it runs,
 * before its code is freed, whatever it forgot. Its threads run on.
 */
#ifndef _LINUX_UTRACE_H
#define _LINUX_UTRACE_H

#include <linux/err.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/signal_types.h>
#include <linux/types.h>

struct linux_binfmt;
struct linux_binprm;
struct pt_regs;
struct user_regs_struct;
struct user_regset_view;

/* The date of this form of the API; the last historic one was 20091216. */
#define UTRACE_API_VERSION	20261101

/**
 * enum utrace_events - the numbers of the events
 * @_UTRACE_EVENT_QUIESCE: before each other report, and before user mode when a report was asked for
 * @_UTRACE_EVENT_REAP: the parent, or whoever else, has let go of the thread
 * @_UTRACE_EVENT_CLONE: the thread has made another, which does not run yet
 * @_UTRACE_EVENT_EXEC: the thread has loaded a new program
 * @_UTRACE_EVENT_EXIT: the thread begins to exit, its state intact
 * @_UTRACE_EVENT_DEATH: the thread is dead
 * @_UTRACE_EVENT_SYSCALL_ENTRY: before a system call
 * @_UTRACE_EVENT_SYSCALL_EXIT: after a system call
 * @_UTRACE_EVENT_SIGNAL: a signal's handler will run
 * @_UTRACE_EVENT_SIGNAL_IGN: a signal will be ignored. While an engine asks for this, ignored signals
 *	are queued, and so may interrupt a system call, as they do under ptrace. Not seen by the init of a
 *	pid namespace.
 * @_UTRACE_EVENT_SIGNAL_STOP: a signal will stop the process
 * @_UTRACE_EVENT_SIGNAL_TERM: a signal will end the process. While a thread waits in sigtimedwait(2),
 *	the kernel lets deadly signals kill at once: then only EXIT is reported, and ignored ones are
 *	not seen.
 * @_UTRACE_EVENT_SIGNAL_CORE: a signal will end it with a core dump. What the kernel ends a thread
 *	with for good (seccomp's SIGSYS) is reported, and no engine changes what becomes of it.
 * @_UTRACE_EVENT_JCTL: the thread stops with its process for a stop signal, or goes on with it. A
 *	thread that its cgroup has frozen stops without a report; nor is there one of the end of a stop
 *	that a ptracer takes over.
 * @_UTRACE_NEVENTS: how many there are
 */
enum utrace_events {
	_UTRACE_EVENT_QUIESCE = 0,
	_UTRACE_EVENT_REAP = 1,
	_UTRACE_EVENT_CLONE = 2,
	_UTRACE_EVENT_EXEC = 3,
	_UTRACE_EVENT_EXIT = 4,
	_UTRACE_EVENT_DEATH = 5,
	_UTRACE_EVENT_SYSCALL_ENTRY = 6,
	_UTRACE_EVENT_SYSCALL_EXIT = 7,
	_UTRACE_EVENT_SIGNAL = 8,
	_UTRACE_EVENT_SIGNAL_IGN = 9,
	_UTRACE_EVENT_SIGNAL_STOP = 10,
	_UTRACE_EVENT_SIGNAL_TERM = 11,
	_UTRACE_EVENT_SIGNAL_CORE = 12,
	_UTRACE_EVENT_JCTL = 13,
	_UTRACE_NEVENTS = 14,
};

/* The bit of an event in masks: UTRACE_EVENT(SYSCALL_ENTRY). */
#define UTRACE_EVENT(type)	(1UL << _UTRACE_EVENT_##type)

/* Both ends of a system call. */
#define UTRACE_EVENT_SYSCALL	(UTRACE_EVENT(SYSCALL_ENTRY) | UTRACE_EVENT(SYSCALL_EXIT))

/* All that report_signal() is called for. */
#define UTRACE_EVENT_SIGNAL_ALL	(UTRACE_EVENT(SIGNAL) | UTRACE_EVENT(SIGNAL_IGN) | \
				 UTRACE_EVENT(SIGNAL_STOP) | UTRACE_EVENT(SIGNAL_TERM) | \
				 UTRACE_EVENT(SIGNAL_CORE))

/* The events that have rules of their own at the end of a thread. */
#define _UTRACE_DEATH_EVENTS	(UTRACE_EVENT(DEATH) | UTRACE_EVENT(QUIESCE))

/**
 * enum utrace_resume_action - what is to happen to a thread next
 * @UTRACE_STOP: it stays stopped until somebody resumes this engine's stop. Returned from a
 *	callback it takes effect before the next engine is called; from report_clone() on the way to
 *	user mode; from report_death() never.
 * @UTRACE_INTERRUPT: as @UTRACE_REPORT, and a blocking system call is left for it
 * @UTRACE_REPORT: it runs, but report_quiesce() comes before user mode
 * @UTRACE_SINGLESTEP: it runs one instruction in user mode, and gets a SIGTRAP, which is reported as
 *	a signal (TRAP_TRACE; TRAP_BRKPT after a system call, and at the first instruction of a handler).
 *	The program does not get it unless an engine lets it through, or it has set the trap flag itself;
 *	a ptracer that steps the thread, too, does.
 * @UTRACE_BLOCKSTEP: the same to the next branch that is taken; one instruction, if another engine
 *	wants that, or the processor cannot (utrace_has_block_step())
 * @UTRACE_RESUME: it runs
 * @UTRACE_DETACH: the engine is detached
 * @UTRACE_RESUME_MAX: the first number that is none
 *
 * For utrace_control(), and in the low bits of what callbacks return. An engine's wish never undoes
 * another's: the thread runs when nobody holds it.
 *
 * Unlike before, an engine need not have asked for QUIESCE for its stop to be honoured, and the stop
 * of a callback need not be confirmed in another one.
 *
 * A step that an engine wants is kept until the trap comes, or a callback of a round before user mode
 * (report_quiesce() without an event, or report_signal()) returns something else: who wants to go on
 * stepping says so each time. In a system call the step is what is left of that.
 */
enum utrace_resume_action {
	UTRACE_STOP = 0,
	UTRACE_INTERRUPT = 1,
	UTRACE_REPORT = 2,
	UTRACE_SINGLESTEP = 3,
	UTRACE_BLOCKSTEP = 4,
	UTRACE_RESUME = 5,
	UTRACE_DETACH = 6,
	UTRACE_RESUME_MAX = 7,
};

#define UTRACE_RESUME_MASK	0x07

/**
 * utrace_resume_action - the &enum utrace_resume_action in a callback's argument or result
 * @action: the argument or result
 *
 * Return: its low bits.
 */
static inline enum utrace_resume_action utrace_resume_action(u32 action)
{
	return action & UTRACE_RESUME_MASK;
}

/**
 * enum utrace_syscall_action - what is to be done with a system call
 * @UTRACE_SYSCALL_RUN: make it
 * @UTRACE_SYSCALL_ABORT: skip it. Its result is what the callback put into the registers with
 *	syscall_set_return_value(), else -ENOSYS.
 *
 * In what report_syscall_entry() is given, where it says whether an engine that was called before
 * has aborted the call, and in what it returns. Unlike before, one engine's abort is final: no
 * engine that is called later undoes it.
 */
enum utrace_syscall_action {
	UTRACE_SYSCALL_RUN = 0x00,
	UTRACE_SYSCALL_ABORT = 0x10,
};

#define UTRACE_SYSCALL_MASK	0xf0

/*
 * In the argument of report_syscall_entry(): the entry is reported once more, as the thread was
 * stopped at it and somebody asked for a report (UTRACE_REPORT or UTRACE_INTERRUPT) when it went on.
 */
#define UTRACE_SYSCALL_RESUMED	0x100

/**
 * utrace_syscall_action - the &enum utrace_syscall_action in a callback's argument or result
 * @action: the argument or result
 *
 * Return: its system call bits.
 */
static inline enum utrace_syscall_action utrace_syscall_action(u32 action)
{
	return action & UTRACE_SYSCALL_MASK;
}

/**
 * enum utrace_signal_action - what is to be done with a signal
 * @UTRACE_SIGNAL_DELIVER: what its action says: run the handler, or what the signal does by itself
 * @UTRACE_SIGNAL_IGN: ignore it
 * @UTRACE_SIGNAL_TERM: end the process
 * @UTRACE_SIGNAL_CORE: the same with a core dump
 * @UTRACE_SIGNAL_STOP: stop the process, as SIGSTOP does
 * @UTRACE_SIGNAL_TSTP: the same as job control has it: not if nobody would continue the process
 * @UTRACE_SIGNAL_REPORT: argument only: there is no signal, %UTRACE_INTERRUPT asked for a report
 * @UTRACE_SIGNAL_HANDLER: argument only: a handler has just been set up, before the report that
 *	somebody asked for
 */
enum utrace_signal_action {
	UTRACE_SIGNAL_DELIVER = 0x00,
	UTRACE_SIGNAL_IGN = 0x10,
	UTRACE_SIGNAL_TERM = 0x20,
	UTRACE_SIGNAL_CORE = 0x30,
	UTRACE_SIGNAL_STOP = 0x40,
	UTRACE_SIGNAL_TSTP = 0x50,
	UTRACE_SIGNAL_REPORT = 0x60,
	UTRACE_SIGNAL_HANDLER = 0x70,
};

#define UTRACE_SIGNAL_MASK	0xf0

/*
 * In the result of report_signal(), with UTRACE_STOP: the signal stays queued, as it is now, and is found
 * and reported again when the thread is resumed. Without a stop it is delivered.
 */
#define UTRACE_SIGNAL_HOLD	0x100

/**
 * utrace_signal_action - the &enum utrace_signal_action in a callback's argument or result
 * @action: the argument or result
 *
 * Return: its signal bits.
 */
static inline enum utrace_signal_action utrace_signal_action(u32 action)
{
	return action & UTRACE_SIGNAL_MASK;
}

/* For utrace_attach_task() and utrace_attach_pid(). */
#define UTRACE_ATTACH_MATCH_OPS		0x01	/* only engines with this ops match */
#define UTRACE_ATTACH_MATCH_DATA	0x02	/* only engines whose data is this now match */
#define UTRACE_ATTACH_MATCH_MASK	0x0f
#define UTRACE_ATTACH_CREATE		0x10	/* attach; without it: find */
#define UTRACE_ATTACH_EXCLUSIVE		0x20	/* with CREATE: -EEXIST if an engine matches */

struct utrace_engine_ops;

/**
 * struct utrace_engine - an engine, as C sees it
 * @ops: the callbacks given to utrace_attach_task(); NULL once the engine is detached and none of
 *	them runs. Not to be changed.
 * @data: the owner's; first what was given to utrace_attach_task()
 * @flags: the events asked for with utrace_set_events(), as %UTRACE_EVENT() bits. Not to be changed.
 *	No other bits, unlike before.
 *
 * Made by utrace_attach_task() and nobody else; there is more behind these fields. It keeps a
 * reference to its thread, so the thread's task_struct is there as long as the engine is.
 */
struct utrace_engine {
	const struct utrace_engine_ops *ops;
	void *data;
	unsigned long flags;
};

/**
 * struct utrace_engine_ops - the callbacks of an engine
 * @size: sizeof(struct utrace_engine_ops); see %UTRACE_ENGINE_OPS_SIZE
 * @report_quiesce: before every other report but report_reap(), also when only other engines asked
 *	for that event, @event being its bit; or, with @event 0, before user mode. Events that the
 *	engine switches on here are reported to it right after.
 * @report_signal: a signal is about to act on the thread: each but SIGKILL, once, for the events of
 *	signals. @action says what it will do, by itself or as engines that were called before have
 *	chosen: what is returned in these bits is what it does. @info, with its si_signo, and @return_ka
 *	may be changed; a signal with another number does what that one does, unless @return_ka is
 *	changed too. @orig_ka is the action before any engine. Stops are made in place: who wants the
 *	thread at the first instruction of the handler returns %UTRACE_REPORT, and is called again with
 *	%UTRACE_SIGNAL_HANDLER. In that call, and with %UTRACE_SIGNAL_REPORT, there is no signal: @info
 *	is all zeroes, @orig_ka NULL. An engine that fills @info and returns %UTRACE_SIGNAL_DELIVER
 *	sends the thread that signal, which is reported in its turn, unlike before. They replace
 *	report_quiesce() with @event 0 for engines that ask for any event of signals, whether they ask
 *	for QUIESCE or not. %UTRACE_REPORT and %UTRACE_INTERRUPT returned there are %UTRACE_RESUME.
 * @report_clone: @child is there, and does not run before all callbacks have returned: an engine
 *	attached to it now sees it from its first instruction, and with %UTRACE_STOP keeps it from
 *	that one. A stop of the thread itself is made on its way to user mode. @clone_flags lack the
 *	signal number, unlike before.
 * @report_jctl: with @type CLD_STOPPED, before the thread stops with its process for a stop signal;
 *	with CLD_CONTINUED, when it goes on, or has not stopped because a SIGCONT came first. @notify is
 *	what its parent is told for it by this thread, or 0: another thread completes the stop, or has
 *	told already. Each thread that has such an engine is called. Not while it is parked, though it
 *	then stops with its process all the same; nor under ptrace, which has stops of its own.
 * @report_exec: a new program is loaded, and starts with @regs. @bprm is NULL, unlike before.
 * @report_syscall_entry: before the call, to be looked at and changed in @regs with the functions of
 *	asm/syscall.h. Engines are called last attached first here, in all other reports first
 *	attached first. @action says if the call is aborted, and %UTRACE_SYSCALL_RESUMED.
 * @report_syscall_exit: after the call
 * @report_exit: the thread begins to exit with @orig_code, in the form of wait(2). What is stored in
 *	@code becomes its exit code instead. If the whole process exits and the thread is its leader,
 *	that is what the parent sees, unless the process was killed by SIGKILL.
 * @report_death: the thread is dead; the last callback in the thread. @signal is what the parent was
 *	sent for it, 0 for nothing; -1: nobody has to wait for it; -2: it is the leader of a process
 *	that has other threads still.
 * @report_reap: whoever waited for the thread has let go of it, and the engine is detached after
 *	this. The only callback that runs elsewhere than in the thread: in that other party, which may
 *	be the thread itself.
 * @release: the last reference to the engine is gone. In the context of who let go of it, possibly
 *	in the middle of utrace_control() or of a callback's return; not at all for an engine of a
 *	module that is no more.
 *
 * All callbacks run with no lock held and may sleep shortly; who has to wait for anybody returns
 * %UTRACE_STOP. What is NULL is not called. The others must be code of one module, and this
 * structure must be there as long as that module is, so it is static and const.
 *
 * @action is what happens if this engine has no wish: always %UTRACE_RESUME, as the stops of engines
 * called before are over, with the bits of &enum utrace_syscall_action for report_syscall_entry(), and of
 * &enum utrace_signal_action for report_signal(). The callbacks return what shall happen:
 * &enum utrace_resume_action, for these two together with the other bits. From report_death() only %UTRACE_DETACH has an effect. Any other
 * number is %UTRACE_RESUME, and a warning in the log, once.
 */
struct utrace_engine_ops {
	size_t size;
	u32 (*report_quiesce)(u32 action, struct utrace_engine *engine, unsigned long event);
	u32 (*report_signal)(u32 action, struct utrace_engine *engine, struct pt_regs *regs,
			     kernel_siginfo_t *info, const struct k_sigaction *orig_ka,
			     struct k_sigaction *return_ka);
	u32 (*report_clone)(u32 action, struct utrace_engine *engine, unsigned long clone_flags,
			    struct task_struct *child);
	u32 (*report_jctl)(u32 action, struct utrace_engine *engine, int type, int notify);
	u32 (*report_exec)(u32 action, struct utrace_engine *engine,
			   const struct linux_binfmt *fmt, const struct linux_binprm *bprm,
			   struct pt_regs *regs);
	u32 (*report_syscall_entry)(u32 action, struct utrace_engine *engine,
				    struct pt_regs *regs);
	u32 (*report_syscall_exit)(u32 action, struct utrace_engine *engine,
				   struct pt_regs *regs);
	u32 (*report_exit)(u32 action, struct utrace_engine *engine, long orig_code, long *code);
	u32 (*report_death)(struct utrace_engine *engine, bool group_dead, int signal);
	void (*report_reap)(struct utrace_engine *engine, struct task_struct *task);
	void (*release)(void *data);
};

/* In each struct utrace_engine_ops: tells utrace.ko which form of it the module was built with. */
#define UTRACE_ENGINE_OPS_SIZE	.size = sizeof(struct utrace_engine_ops)

/**
 * utrace_attach_task - attach an engine to a thread, or find one
 * @target: the thread; the caller keeps it until this returns
 * @flags: %UTRACE_ATTACH_CREATE and the like
 * @ops: the callbacks, or those to look for
 * @data: the engine's @data, or the one to look for
 *
 * With %UTRACE_ATTACH_CREATE a new engine is attached behind those that are there. It wants no
 * events yet: utrace_set_events() is next. It is always possible to attach to the current thread, and
 * in report_clone() to the child. Who attaches during an event is first called at the next one.
 * %UTRACE_ATTACH_EXCLUSIVE refuses that if an engine matches, any engine without
 * %UTRACE_ATTACH_MATCH_OPS and %UTRACE_ATTACH_MATCH_DATA. Without %UTRACE_ATTACH_CREATE the first
 * engine that matches is found; engines of modules in Rust are not. Permission is not checked.
 *
 * Context: Process context. May sleep with %UTRACE_ATTACH_CREATE, never without. Not with locks held
 * that callbacks or release() take.
 *
 * Return: The engine, with a reference for the caller to utrace_engine_put(); the attachment has one
 * of its own. Or an ERR_PTR():
 *
 * * -%EINVAL: no @ops, or their size is not known; unknown @flags
 * * -%EPERM: a kernel thread
 * * -%EEXIST: %UTRACE_ATTACH_EXCLUSIVE, and an engine matches
 * * -%ENOENT: no %UTRACE_ATTACH_CREATE, and no engine matches
 * * -%ESRCH: the thread is being released. A zombie is fine, and only report_reap() comes.
 * * -%ENOMEM
 */
struct utrace_engine *utrace_attach_task(struct task_struct *target, int flags,
					 const struct utrace_engine_ops *ops, void *data);

/**
 * utrace_set_events - choose the events that an engine is called for
 * @target: its thread; only compared, so it need not be there any more
 * @engine: the engine
 * @eventmask: %UTRACE_EVENT() bits
 *
 * Context: Process context. Does not sleep.
 *
 * Return:
 *
 * * 0: done. Callbacks that @eventmask does not have come no more, and none of them runs.
 * * -%EINPROGRESS: done, but some callback of the engine runs in the thread now, perhaps for an event
 *   that was removed. Call again, or utrace_barrier(). Not in that callback itself.
 * * -%EALREADY: nothing is changed: the thread is dead, too late to ask for DEATH or QUIESCE, or its
 *   death report has begun, too late to be spared that
 * * -%ESRCH: nothing is changed: the engine is detached or not @target's, or the thread is reaped,
 *   too late to be spared that
 * * -%EINVAL: nothing is changed: other bits
 */
int __must_check utrace_set_events(struct task_struct *target, struct utrace_engine *engine,
				   unsigned long eventmask);

/**
 * utrace_control - ask for something to happen to a thread
 * @target: the engine's thread; only compared, so it need not be there any more
 * @engine: the engine
 * @action: what is to happen
 *
 * * %UTRACE_STOP: stops the thread before it is next in user mode; a callback need not confirm it. It
 *   is held until this engine resumes it. Reaching a thread in a blocking call takes
 *   %UTRACE_INTERRUPT after this. utrace_stop_engine() is the same and gives the ticket.
 * * %UTRACE_RESUME: releases what holds the thread for this engine, stopped already *or not*: the
 *   historic call had no effect on a stop that was not reached yet, and the thread then stopped for
 *   ever. Without a stop it does nothing, and nothing is remembered. It cannot tell one stop from
 *   the next; utrace_resume_ticket() can.
 * * %UTRACE_REPORT: as %UTRACE_RESUME, but report_quiesce() comes before user mode, or, for a thread
 *   stopped before a system call, report_syscall_entry() with %UTRACE_SYSCALL_RESUMED. Leaves a stop
 *   that was asked for from outside and is not reached yet.
 * * %UTRACE_INTERRUPT: the same, and the thread leaves a blocking system call for it. An engine that
 *   asks for events of signals gets report_signal() with %UTRACE_SIGNAL_REPORT.
 * * %UTRACE_SINGLESTEP, %UTRACE_BLOCKSTEP: as %UTRACE_RESUME, by one step, if the thread is stopped for
 *   this engine; else as %UTRACE_REPORT, whose answer can be to step
 * * %UTRACE_DETACH: ends the attachment, and what holds the thread for it
 *
 * Context: Any, hard interrupts included, and never sleeps; but %UTRACE_DETACH in process context
 * only, where it sleeps if release() does.
 *
 * Return:
 *
 * * 0: done; for %UTRACE_STOP: the thread is parked; for %UTRACE_DETACH: no callback runs, and none
 *   will
 * * -%EINPROGRESS: for %UTRACE_STOP: the thread will stop; for %UTRACE_DETACH: a callback runs now,
 *   and the engine is detached when it returns, utrace_barrier() waits for it
 * * -%EALREADY: for %UTRACE_DETACH: the same, and that callback is report_death()
 * * -%ESRCH: the engine is detached or not @target's, or the thread is dying or dead, which leaves
 *   only %UTRACE_DETACH
 * * -%EINVAL: no such action, or %UTRACE_REPORT or a step from an engine that has not asked for
 *   QUIESCE
 * * -%EOPNOTSUPP: %UTRACE_BLOCKSTEP, and no utrace_has_block_step()
 */
int __must_check utrace_control(struct task_struct *target, struct utrace_engine *engine,
				enum utrace_resume_action action);

/**
 * utrace_has_single_step - can threads be stepped by one instruction?
 *
 * Historic arch_has_single_step(), for utrace_control() and callbacks.
 *
 * Context: Any.
 *
 * Return: true.
 */
bool utrace_has_single_step(void);

/**
 * utrace_has_block_step - can threads be stepped to the next branch?
 *
 * Historic arch_has_block_step(); and tried, as not every hypervisor and no emulator passes that on.
 *
 * Context: Any.
 *
 * Return: Whether the processor does it.
 */
bool utrace_has_block_step(void);

/**
 * utrace_barrier - wait until no callback of an engine runs
 * @target: the engine's thread; not looked at, so it need not be there any more
 * @engine: the engine, attached or not
 *
 * When it returns 0 or -%ESRCH, callbacks that utrace_set_events() or utrace_control() have stopped
 * before have run to their end, and what they returned has been done. Not needed before a resume.
 *
 * Context: Process context. Sleeps until the callback ends, it does not poll. In the thread itself,
 * and in a callback of the engine, it returns 0 at once.
 *
 * Return:
 *
 * * 0: no callback of the engine runs
 * * -%ESRCH: the same, and the engine is detached
 * * -%ERESTARTSYS: a signal came first
 */
int __must_check utrace_barrier(struct task_struct *target, struct utrace_engine *engine);

/**
 * utrace_stop_ticket - name the stop that this callback makes
 * @engine: the engine that is called
 *
 * The stop has its ticket before the callback begins, so the ticket can be handed to whoever will
 * resume the thread before the callback returns %UTRACE_STOP: utrace_resume_ticket() works from then
 * on. It is over when the callback returns anything else. No ticket of an engine is used twice.
 *
 * Context: A callback of @engine, in its thread.
 *
 * Return: The ticket; 0 anywhere else, in report_death() and report_reap(), and as long as a stop that
 * report_clone() made has not been reached.
 */
u64 utrace_stop_ticket(struct utrace_engine *engine);

/**
 * utrace_stop_engine - ask for a stop, and get its ticket
 * @engine: the engine
 * @ticket: where the ticket goes; 0 with -%ESRCH
 *
 * utrace_control() with %UTRACE_STOP. A second request before the first is resumed is the same stop.
 * It is independent of stops that callbacks make.
 *
 * Context: Any; never sleeps.
 *
 * Return:
 *
 * * 0: the thread is parked, and stays so until the ticket is resumed
 * * -%EINPROGRESS: it will stop before it is next in user mode. The ticket is valid already.
 * * -%ESRCH: the thread is dying or dead, or the engine is detached
 */
int __must_check utrace_stop_engine(struct utrace_engine *engine, u64 *ticket);

/**
 * utrace_resume_ticket - end the stop that a ticket names
 * @engine: the engine
 * @ticket: from utrace_stop_ticket() or utrace_stop_engine()
 *
 * Ends that stop and no other, once, whether the thread has reached it or not. The thread runs when
 * no other stop holds it.
 *
 * Context: Any; never sleeps.
 *
 * Return:
 *
 * * 0: the stop is over by this call
 * * -%ESTALE: it was over before, or never came
 * * -%ESRCH: the thread is dying or dead, or the engine is detached
 */
int utrace_resume_ticket(struct utrace_engine *engine, u64 ticket);

/**
 * struct utrace_examiner - one examination of a thread
 *
 * Belongs to who examines, on the stack as a rule. utrace_prepare_examine() fills it. The caller keeps
 * his reference to the engine as long as he uses it.
 */
struct utrace_examiner {
	/* private: */
	struct utrace_engine *engine;
	u64 turn;
};

/* Which view of its registers: what the thread itself runs, or always the same. */
#define UTRACE_VIEW_NATIVE	0U
#define UTRACE_VIEW_64		64U
#define UTRACE_VIEW_32		32U

/**
 * enum utrace_syscall_phase - where in a system call a thread is
 * @UTRACE_PHASE_NONE: nowhere, or at an event in the middle of one
 * @UTRACE_PHASE_ENTRY: before the call: in report_syscall_entry(), or stopped there
 * @UTRACE_PHASE_EXIT: after the call: in report_syscall_exit(), or stopped there
 */
enum utrace_syscall_phase {
	UTRACE_PHASE_NONE = 0,
	UTRACE_PHASE_ENTRY = 1,
	UTRACE_PHASE_EXIT = 2,
};

/**
 * struct utrace_syscall_info - what a thread does with a system call, whatever its machine
 * @arch: the AUDIT_ARCH_* number of the convention of the call: tells 32-bit calls from 64-bit ones
 * @phase: where in a call the thread is: &enum utrace_syscall_phase
 * @is_error: after the call: whether @result is an error, by the rules of the machine
 * @nr: at both ends of a call: its number; -1 for none
 * @result: after the call: a value, or a negative errno, the kernel's own restart codes included
 * @args: before the call: its arguments; those of a 32-bit call are zero-extended
 * @ip: the instruction pointer
 * @sp: the stack pointer
 */
struct utrace_syscall_info {
	u32 arch;
	u32 phase;
	bool is_error;
	long nr;
	long result;
	unsigned long args[6];
	unsigned long ip;
	unsigned long sp;
};

/**
 * utrace_prepare_examine - prepare to look at a thread, and to change it
 * @target: the engine's thread
 * @engine: the engine
 * @exam: filled in
 *
 * For a thread that a stop of this engine holds parked: returns with the thread off its CPU. In a
 * callback of the engine, for the current thread, there is nothing to wait for, and @exam is good
 * until the callback returns. The functions below then take @exam; unlike before, nothing of the
 * thread has to be touched directly, and none of them works on a thread that runs.
 *
 * @exam does not hold the thread: the stop does. No release by another engine lets it go, one by this
 * engine does, and so does a SIGKILL; all that is then tried fails with -%EAGAIN.
 *
 * Context: Process context. May sleep. Not with locks held that callbacks take.
 *
 * Return:
 *
 * * 0: prepared
 * * -%EINVAL: the engine holds no stop
 * * -%EAGAIN: it does, but the thread has not parked yet
 * * -%ESRCH: the thread is dying or dead, or the engine is detached or not @target's
 */
int __must_check utrace_prepare_examine(struct task_struct *target, struct utrace_engine *engine,
					struct utrace_examiner *exam);

/**
 * utrace_finish_examine - end an examination, and say what it was worth
 * @target: the engine's thread; only compared
 * @engine: the engine
 * @exam: from utrace_prepare_examine(); of no use afterwards, unless this returns -%EINVAL
 *
 * Context: Any; never sleeps.
 *
 * Return:
 *
 * * 0: the thread has not moved since: what was read belongs together
 * * -%EAGAIN: it ran, or may have run, or was killed, or the engine has let it go
 * * -%EINVAL: @exam is not prepared, or for another thread or engine, or its callback is over
 */
int __must_check utrace_finish_examine(struct task_struct *target, struct utrace_engine *engine,
				       struct utrace_examiner *exam);

/**
 * utrace_get_regs - read the general registers
 * @exam: from utrace_prepare_examine()
 * @regs: as the 64-bit view has them, also of a 32-bit thread
 *
 * Context: Process context. May sleep.
 *
 * Return: 0. This and all functions below also: -%EAGAIN, the thread ran, or was killed, or the engine
 * has let it go; -%EINVAL, @exam is not prepared, or its callback is over.
 */
int __must_check utrace_get_regs(const struct utrace_examiner *exam,
				 struct user_regs_struct *regs);

/**
 * utrace_set_regs - write the general registers
 * @exam: from utrace_prepare_examine()
 * @regs: all of them
 *
 * The thread has them when it is next in user mode; of the flags only those that a program may change
 * are written. At the entry of a system call orig_ax is its number.
 *
 * Context: Process context. May sleep.
 *
 * Return: 0; -%EIO, and none is written, if a segment register or base cannot have such a value.
 */
int __must_check utrace_set_regs(const struct utrace_examiner *exam,
				 const struct user_regs_struct *regs);

/**
 * utrace_regset_view - a view of the thread's registers
 * @exam: from utrace_prepare_examine()
 * @view: %UTRACE_VIEW_NATIVE or another
 *
 * To see which regsets there are, and how large: linux/regset.h. Their functions are not to be called;
 * utrace_get_regset() and utrace_set_regset() do that while the thread holds still.
 *
 * Context: Process context. May sleep.
 *
 * Return: The view; ERR_PTR(-%ENOENT) if there is no such one.
 */
const struct user_regset_view *utrace_regset_view(const struct utrace_examiner *exam,
						  unsigned int view);

/**
 * utrace_regset_size - how much of a regset the thread has in use
 * @exam: from utrace_prepare_examine()
 * @view: %UTRACE_VIEW_NATIVE or another
 * @note: the regset: the NT_* number of its note in a core dump
 *
 * Context: Process context. May sleep.
 *
 * Return: The number of bytes, 0 for none; -%ENOENT if there is no such view or regset; the regset's own
 * errors, as -%ENODEV if the machine lacks the unit.
 */
long utrace_regset_size(const struct utrace_examiner *exam, unsigned int view, unsigned int note);

/**
 * utrace_get_regset - read a regset
 * @exam: from utrace_prepare_examine()
 * @view: %UTRACE_VIEW_NATIVE or another
 * @note: the regset: the NT_* number of its note in a core dump
 * @pos: the first byte
 * @buf: where it goes
 * @size: at most so many bytes
 *
 * Context: Process context. May sleep.
 *
 * Return: How many bytes there were; -%ENOENT if there is no such view or regset; -%EINVAL if @pos or
 * @size is not a multiple of the size of a slot; -%EOPNOTSUPP if it cannot be read; -%ENOMEM; the regset's own errors.
 */
long utrace_get_regset(const struct utrace_examiner *exam, unsigned int view, unsigned int note,
		       size_t pos, void *buf, size_t size);

/**
 * utrace_set_regset - write a regset
 * @exam: from utrace_prepare_examine()
 * @view: %UTRACE_VIEW_NATIVE or another
 * @note: the regset: the NT_* number of its note in a core dump
 * @pos: the first byte
 * @buf: what is written
 * @size: so many bytes
 *
 * Context: Process context. May sleep.
 *
 * Return: 0; -%ENOENT and -%EINVAL as from utrace_get_regset(), -%EINVAL also if the end is behind
 * that of the regset; -%EOPNOTSUPP if it cannot be written; the regset's own errors.
 */
int __must_check utrace_set_regset(const struct utrace_examiner *exam, unsigned int view,
				   unsigned int note, size_t pos, const void *buf, size_t size);

/**
 * utrace_read_memory - read the memory of the thread's process
 * @exam: from utrace_prepare_examine()
 * @addr: from here on
 * @buf: where it goes
 * @size: so many bytes
 *
 * Also what the thread itself may not read, as ptrace does. Other threads of the process use the memory
 * at the same time.
 *
 * Context: Process context. May sleep, as long as a page takes to come.
 *
 * Return: How many bytes could be read; -%EFAULT if not even the first one.
 */
long utrace_read_memory(const struct utrace_examiner *exam, unsigned long addr, void *buf,
			size_t size);

/**
 * utrace_write_memory - write to the memory of the thread's process
 * @exam: from utrace_prepare_examine()
 * @addr: from here on
 * @buf: what is written
 * @size: so many bytes
 * @force: also where the thread itself may not write, as ptrace does: such a page of a private mapping
 *	is copied first
 *
 * Context: Process context. May sleep, as long as a page takes to come.
 *
 * Return: How many bytes could be written; -%EFAULT if not even the first one.
 */
long utrace_write_memory(const struct utrace_examiner *exam, unsigned long addr, const void *buf,
			 size_t size, bool force);

/**
 * utrace_read_string - read a string from the memory of the thread's process
 * @exam: from utrace_prepare_examine()
 * @addr: from here on
 * @buf: where it goes, its end included
 * @size: the size of @buf
 *
 * No byte of a page behind the end of the string is touched.
 *
 * Context: Process context. May sleep, as long as a page takes to come.
 *
 * Return: Its length; -%EFAULT if its end is not in mapped memory; -%ENAMETOOLONG if it does not fit.
 */
long utrace_read_string(const struct utrace_examiner *exam, unsigned long addr, char *buf,
			size_t size);

/**
 * utrace_get_syscall - see what the thread does with a system call
 * @exam: from utrace_prepare_examine()
 * @info: filled in
 *
 * Context: Process context. May sleep.
 *
 * Return: 0.
 */
int __must_check utrace_get_syscall(const struct utrace_examiner *exam,
				    struct utrace_syscall_info *info);

/**
 * utrace_set_syscall - change the call that the thread is about to make
 * @exam: from utrace_prepare_examine()
 * @nr: its number
 * @args: its six arguments
 *
 * Context: Process context. May sleep.
 *
 * Return: 0; -%EINVAL if the thread is not at the entry of a call.
 */
int __must_check utrace_set_syscall(const struct utrace_examiner *exam, long nr,
				    const unsigned long *args);

/**
 * utrace_set_syscall_result - change the result of the call that the thread has made
 * @exam: from utrace_prepare_examine()
 * @result: a value, or a negative errno
 *
 * Context: Process context. May sleep.
 *
 * Return: 0; -%EINVAL if the thread is not at the exit of a call.
 */
int __must_check utrace_set_syscall_result(const struct utrace_examiner *exam, long result);

/**
 * utrace_skip_syscall - have the call that a parked thread is about to make skipped
 * @exam: from utrace_prepare_examine()
 * @result: what it gives instead: a value, or a negative errno
 *
 * For the engines called later it is aborted; nothing undoes it. A callback returns
 * %UTRACE_SYSCALL_ABORT instead.
 *
 * Context: Process context. May sleep.
 *
 * Return: 0; -%EINVAL if the thread is not parked at the entry of a call.
 */
int __must_check utrace_skip_syscall(const struct utrace_examiner *exam, long result);

/**
 * utrace_engine_get - take another reference to an engine
 * @engine: the engine, to which the caller has one
 *
 * Context: Any.
 */
void utrace_engine_get(struct utrace_engine *engine);

/**
 * utrace_engine_put - let go of a reference to an engine
 * @engine: the engine
 *
 * Does not detach. The last one, which can be the attachment's own, calls release().
 *
 * Context: Any in which release() may run.
 */
void utrace_engine_put(struct utrace_engine *engine);

/**
 * utrace_attach_pid - utrace_attach_task() for the thread of a &struct pid
 * @pid: names the thread
 * @flags: as there
 * @ops: as there
 * @data: as there
 *
 * Context: As there.
 *
 * Return: As there; ERR_PTR(-%ESRCH) if there is no such thread any more.
 */
static inline struct utrace_engine *utrace_attach_pid(struct pid *pid, int flags,
						      const struct utrace_engine_ops *ops,
						      void *data)
{
	struct utrace_engine *engine = ERR_PTR(-ESRCH);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);

	if (task) {
		engine = utrace_attach_task(task, flags, ops, data);
		put_task_struct(task);
	}
	return engine;
}

/*
 * The thread of @pid, to be compared and nothing else: it may be gone. Once it is, its number may
 * name another thread, which then is not the engine's.
 */
static inline struct task_struct *__utrace_pid_task(struct pid *pid)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_PID);
	rcu_read_unlock();
	return task;
}

/**
 * utrace_set_events_pid - utrace_set_events() for the thread of a &struct pid
 * @pid: names the thread
 * @engine: as there
 * @eventmask: as there
 *
 * Context: As there.
 *
 * Return: As there; -%ESRCH if there is no such thread any more.
 */
static inline int __must_check utrace_set_events_pid(struct pid *pid,
						     struct utrace_engine *engine,
						     unsigned long eventmask)
{
	return utrace_set_events(__utrace_pid_task(pid), engine, eventmask);
}

/**
 * utrace_control_pid - utrace_control() for the thread of a &struct pid
 * @pid: names the thread
 * @engine: as there
 * @action: as there
 *
 * Context: As there.
 *
 * Return: As there; -%ESRCH if there is no such thread any more.
 */
static inline int __must_check utrace_control_pid(struct pid *pid, struct utrace_engine *engine,
						  enum utrace_resume_action action)
{
	return utrace_control(__utrace_pid_task(pid), engine, action);
}

/**
 * utrace_barrier_pid - utrace_barrier() for the thread of a &struct pid
 * @pid: not looked at
 * @engine: as there
 *
 * Context: As there.
 *
 * Return: As there, whether there still is such a thread or not.
 */
static inline int __must_check utrace_barrier_pid(struct pid *pid, struct utrace_engine *engine)
{
	return utrace_barrier(NULL, engine);
}

#endif /* _LINUX_UTRACE_H */
