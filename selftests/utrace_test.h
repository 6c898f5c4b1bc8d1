/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /dev/utrace_test: engines that a test program scripts. One open file is one set of engines.
 *
 * A script says what an engine's callback does at an event. A thread can be held inside a
 * callback, and in the windows of the stop protocol behind it, until the test lets it go: so each
 * race is opened by design.
 */
#ifndef UTRACE_TEST_H
#define UTRACE_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Events: the bits of the event mask. */
#define UT_QUIESCE		(1 << 0)
#define UT_REAP			(1 << 1)
#define UT_CLONE		(1 << 2)
#define UT_EXEC			(1 << 3)
#define UT_EXIT			(1 << 4)
#define UT_DEATH		(1 << 5)
#define UT_SYSCALL_ENTRY	(1 << 6)
#define UT_SYSCALL_EXIT		(1 << 7)
/* Signals: scripts find them by number, as if it were that of a call. */
#define UT_SIGNAL		(1 << 8)
#define UT_SIGNAL_IGN		(1 << 9)
#define UT_SIGNAL_STOP		(1 << 10)
#define UT_SIGNAL_TERM		(1 << 11)
#define UT_SIGNAL_CORE		(1 << 12)
#define UT_SIGNAL_ALL		(0x1f << 8)
/* Scripts find it by what happens: CLD_STOPPED or CLD_CONTINUED. */
#define UT_JCTL			(1 << 13)
/* No events of masks: the rounds of engines that ask for signals. */
#define UT_ROUND_REPORT		(1 << 28)
#define UT_ROUND_HANDLER	(1 << 29)

/* Actions: as in the historic enum utrace_resume_action. */
#define UT_STOP			0
#define UT_INTERRUPT		1
#define UT_REPORT		2
#define UT_SINGLESTEP		3
#define UT_BLOCKSTEP		4
#define UT_RESUME		5
#define UT_DETACH		6

/* What else a callback does. */
#define UT_F_ABORT		(1 << 0)	/* skip the call, with the result in @result */
#define UT_F_RESULT		(1 << 1)	/* set the result (syscall exit), or the code (exit) */
#define UT_F_NR			(1 << 2)	/* set the number to @new_nr */
#define UT_F_ARGS		(1 << 3)	/* set the arguments */
#define UT_F_RESUME_TICKET	(1 << 4)	/* resume its own stop, before it returns */
#define UT_F_RESUME_PLAIN	(1 << 5)	/* the same without a ticket */
#define UT_F_HOLD_CALLBACK	(1 << 6)	/* wait inside the callback until UT_GO */
#define UT_F_HOLD_RETURNED	(1 << 7)	/* wait after it, before what it said is recorded */
#define UT_F_HOLD_BEFORE_PARK	(1 << 8)	/* wait then, before the thread looks whether to park */
#define UT_F_RESUME_TIMER	(1 << 9)	/* a timer interrupt resumes the stop in @delay_us */
#define UT_F_FOLLOW		(1 << 10)	/* clone: attach to the child, with the same scripts */
#define UT_F_STOP_CHILD		(1 << 11)	/* ... and ask for its stop */
#define UT_F_DROP_SELF		(1 << 12)	/* drop this engine's own handle */
#define UT_F_ATTACH_PEER	(1 << 13)	/* attach another engine to the current thread */
#define UT_F_DEFAULT		(1 << 14)	/* abort: with the result that is there */
#define UT_F_DISPOSITION	(1 << 16)	/* signals: choose the one in @new_nr */
#define UT_F_QUIET		(1 << 15)	/* count the event, do not log it */
#define UT_F_PAUSE		(1 << 17)	/* UT_STOP, and be called again afterwards */
#define UT_F_SIGNAL		(1 << 18)	/* signals: change it, see UT_S_* */
#define UT_F_HOLD_NEXT		(1 << 23)	/* wait before the engine's next callback begins */

/* Dispositions. */
#define UT_DELIVER		0
#define UT_IGNORE		1
#define UT_TERMINATE		2
#define UT_DUMP_CORE		3
#define UT_STOP_PROCESS		4
#define UT_HOLD			5
#define UT_STOP_JOB		6
/* With UT_F_SIGNAL in args: what the signal is changed to. 0: not changed. */
#define UT_S_NUMBER		0	/* rounds: the signal to be sent */
#define UT_S_CODE		1
#define UT_S_VALUE		2
#define UT_S_ADDRESS		3
#define UT_S_HANDLER		4	/* the handler instead; 1: ignore, UT_S_DEFAULT: default */
#define UT_S_DEFAULT		(1ULL << 63)
#define UT_F_EXAMINE		(1 << 24)	/* do what UT_EXAMINE left with UT_X_IN_CALLBACK */

#define UT_F_WANT_EXIT		(1 << 25)	/* hear of the exit of this call, too */

/* For UT_CALLS. */
#define UT_CALLS_ENTRY		1
#define UT_CALLS_EXIT		2
#define UT_CALLS_COMPAT		4	/* the 32-bit call */

/* Where a held thread is: what UT_WAIT_HELD waits for. */
#define UT_IN_CALLBACK		1
#define UT_IN_RETURNED		2
#define UT_IN_BEFORE_PARK	3
#define UT_IN_EXAMINE		4	/* not the traced thread: the one in UT_EXAMINE */
#define UT_IN_BEFORE_CALLBACK	5

struct ut_attach {
	__s32 pid;
	__u32 events;
	__u32 exclusive;	/* UTRACE_ATTACH_EXCLUSIVE */
	__u32 match;		/* 1: MATCH_OPS */
	__u32 engine;		/* out: the engine's index */
	__u32 checked;		/* only if PTRACE_ATTACH may */
	__u32 calls;		/* for a set of system calls, which is empty at first */
};

struct ut_script {
	__u32 engine;
	__u32 event;
	__u32 action;
	__u32 flags;
	__s32 nr;		/* only for this system call; -1: for any */
	__s32 new_nr;
	__u32 times;		/* how often it is used; 0: for ever */
	__u32 delay_us;
	__s64 result;
	__u64 args[6];
};

struct ut_op {
	__u32 engine;
	__u32 value;		/* UT_CONTROL: action; UT_SET_EVENTS: mask; UT_WAIT_HELD: where */
	__u64 ticket;		/* UT_RESUME_OP: in, 0 for none; UT_STOP_OP: out */
	__u32 found;		/* out: 0 nothing, 1 prepared, 2 parked; UT_STOP_OP: parked */
	__u32 timeout_ms;
};

struct ut_event {
	__u64 seq;
	__u32 engine;
	__u32 event;
	__s32 tid;
	__s32 nr;
	__u64 ticket;
	__s64 result;		/* also: exit code */
	__u64 args[6];
	__s32 child;
	__u32 child_engine;
	__u32 resumed;		/* 1: UTRACE_SYSCALL_RESUMED; 2: after a pause */
	__u32 aborted;
	__u32 quiesce_for;	/* UT_QUIESCE: the event about to be reported, or 0 */
	__u32 timeout_ms;	/* in, for UT_NEXT */
	__s32 inside;		/* what a resume inside the callback, or by the timer, came to */
	__u32 arch;		/* AUDIT_ARCH_*, of a system call */
};

/* What UT_EXAMINE does between prepare and finish. */
#define UT_X_NOTHING		0
#define UT_X_GET_REGS		1	/* struct user_regs_struct in buf */
#define UT_X_SET_REGS		2
#define UT_X_VIEW		3	/* regset number @index of the view: what is marked "view" */
#define UT_X_ACTIVE		4
#define UT_X_GET_REGSET		5	/* of note type @note, @size bytes from @addr on */
#define UT_X_SET_REGSET		6
#define UT_X_READ		7	/* memory at @addr */
#define UT_X_WRITE		8
#define UT_X_WRITE_UNFORCED	9
#define UT_X_STRING		10
#define UT_X_SYSCALL		11	/* what is marked "syscall" */
#define UT_X_SET_SYSCALL	12	/* @nr, @args */
#define UT_X_SET_RESULT		13	/* @result */
#define UT_X_SKIP		14	/* with @result */

/* The view: of the thread, or always the 64-bit or the 32-bit one. */
#define UT_VIEW_NATIVE		0
#define UT_VIEW_64		64
#define UT_VIEW_32		32

/* Flags of UT_EXAMINE. */
#define UT_X_HOLD_BEFORE	(1 << 0)	/* after prepare, wait until UT_GO */
#define UT_X_HOLD_AFTER		(1 << 1)	/* wait before finish */
#define UT_X_IN_CALLBACK	(1 << 2)	/* in the next callback whose script has UT_F_EXAMINE */

#define UT_PHASE_NONE		0
#define UT_PHASE_ENTRY		1
#define UT_PHASE_EXIT		2

struct ut_examine {
	__u32 engine;
	__u32 op;
	__u32 flags;
	__u32 view;		/* in: which; out, view: e_machine */
	__u64 addr;
	__u64 buf;
	__u64 size;
	__u32 note;		/* in; out, view */
	__u32 index;		/* in; out, view: how many regsets there are */
	__s64 nr;		/* in; out, syscall */
	__s64 result;		/* in; out, syscall */
	__u64 args[6];		/* in; out, syscall */
	__u64 ip;		/* syscall */
	__u64 sp;		/* syscall */
	__u32 arch;		/* syscall */
	__u32 phase;		/* syscall */
	__u32 is_error;		/* syscall */
	__u32 slot_size;	/* view */
	__u64 slots;		/* view */
	__s32 prepare;		/* out: 0, or a negative errno */
	__s32 done;		/* out: bytes, or a negative errno */
	__s32 finish;		/* out: 0, or a negative errno */
	__u32 writable;		/* view */
	char name[16];		/* view: the note's owner */
	char view_name[16];	/* view */
};

#define UT_ATTACH	_IOWR('u', 1, struct ut_attach)
#define UT_SCRIPT	_IOW('u', 2, struct ut_script)
#define UT_CONTROL	_IOWR('u', 3, struct ut_op)
#define UT_SET_EVENTS	_IOWR('u', 4, struct ut_op)
#define UT_STOP_OP	_IOWR('u', 5, struct ut_op)
#define UT_RESUME_OP	_IOWR('u', 6, struct ut_op)
#define UT_BARRIER	_IOWR('u', 7, struct ut_op)
#define UT_DROP		_IOWR('u', 8, struct ut_op)	/* drop the handle: detach, and wait */
#define UT_NEXT		_IOWR('u', 9, struct ut_event)	/* next event; ETIME after timeout_ms */
#define UT_WAIT_HELD	_IOWR('u', 10, struct ut_op)	/* until the thread is held there; ETIME */
#define UT_GO		_IOWR('u', 11, struct ut_op)	/* let the held thread go */
#define UT_FIND		_IOWR('u', 12, struct ut_attach)
#define UT_FAIL_ATTACH	_IOWR('u', 13, struct ut_op)	/* the value-th attach from now: ENOMEM */
#define UT_COUNT	_IOWR('u', 14, struct ut_op)	/* in ticket: the engine's events so far */
#define UT_CALLS	_IOWR('u', 15, struct ut_op)	/* in, ticket: what of the call "value" is in the set */
#define UT_STEPS	_IOWR('u', 60, struct ut_op)	/* out, found: 1 single step, 2 block step */
#define UT_EXAMINE	_IOWR('u', 40, struct ut_examine)
#define UT_EXAMINED	_IOWR('u', 41, struct ut_examine)	/* what it came to in the callback */

#endif
