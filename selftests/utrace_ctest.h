/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /dev/utrace_ctest: the same engines as those of /dev/utrace_test, over the C API. Numbers are
 * passed through as they are: actions, masks, flags and errors.
 *
 * Of utrace_test.h it has UT_SCRIPT, UT_CONTROL, UT_SET_EVENTS, UT_STOP_OP, UT_RESUME_OP,
 * UT_BARRIER, UT_DROP, UT_NEXT, UT_WAIT_HELD, UT_GO, UT_COUNT, UT_EXAMINE and UT_EXAMINED, and no
 * holds behind the callback.
 * In @found of struct ut_op is said as whose engine it is addressed (UC_AS_*); of a ticketless
 * resume it does not say what it found.
 */
#ifndef UTRACE_CTEST_H
#define UTRACE_CTEST_H

#include "utrace_test.h"

#define UC_AS_TASK		0	/* the engine's thread */
#define UC_AS_PID		1	/* the engine's struct pid, with the _pid function */
#define UC_AS_OTHER		2	/* another thread */
#define UC_AS_NULL		3	/* no thread */

/* What else a callback does. */
#define UC_F_SET_EVENTS		(1 << 16)	/* set the mask @new_nr, as its own engine */
#define UC_F_BARRIER		(1 << 17)	/* call utrace_barrier(); result in @inside */
#define UC_F_TICKET		(1 << 18)	/* give utrace_stop_ticket() of @delay_us' engine */
#define UC_F_REGS		(1 << 19)	/* with the kernel's functions: entry and exit */
#define UC_F_CODE		(1 << 20)	/* exit: store @result */
#define UC_F_DETACH		(1 << 21)	/* utrace_control() DETACH; result in @inside */
#define UC_F_SIGNAL		(1 << 22)	/* report_signal(): change it, see UT_S_* */
#define UC_F_CONTROL		(1 << 25)	/* utrace_control() @new_nr; result in @inside */

/* Which struct utrace_engine_ops. */
#define UC_OPS			0
#define UC_OPS_OTHER		1	/* the same callbacks */
#define UC_OPS_NO_SIZE		2
#define UC_OPS_LARGE		3	/* of a later header */
#define UC_OPS_EMPTY		4	/* no callback at all */
#define UC_OPS_NULL		5

struct uc_attach {
	__s32 pid;
	__u32 flags;
	__u32 ops;
	__s32 data;	/* the engine whose data it is; -1: its own (CREATE), or NULL */
	__u32 by_pid;	/* use utrace_attach_pid() */
	__s32 of;	/* the thread of that engine instead of @pid; -1: of @pid */
	__u32 engine;	/* out */
	__u32 pad;
};

struct uc_info {
	__u32 engine;
	__u32 has_ops;
	__u64 flags;
	__u32 data_is_own;
	__u32 releases;
	__u64 ticket;	/* outside of callbacks */
};

#define UC_ATTACH	_IOWR('u', 32, struct uc_attach)
#define UC_INFO		_IOWR('u', 33, struct uc_info)
#define UC_GET		_IOWR('u', 34, struct ut_op)	/* utrace_engine_get() */
#define UC_PUT		_IOWR('u', 35, struct ut_op)	/* utrace_engine_put() */
#define UC_DATA		_IOWR('u', 36, struct ut_op)	/* engine->data: that of engine @value */
#define UC_LEAK		_IOWR('u', 37, struct ut_op)	/* nothing is undone when the file is closed */
#define UC_IRQ		_IOWR('u', 38, struct ut_op)	/* in a hard interrupt: */

/* In @value of UC_IRQ: an action for utrace_control(), or one of these. */
#define UC_IRQ_STOP		100	/* utrace_stop_engine(), ticket in @ticket */
#define UC_IRQ_RESUME		101	/* utrace_resume_ticket() with @ticket */
#define UC_IRQ_GET_PUT		102

/* Flags of UT_EXAMINE: what is done wrong. */
#define UC_X_NO_PREPARE		(1 << 8)	/* with zeroes */
#define UC_X_STALE		(1 << 9)	/* with that of a callback that has returned */
#define UC_X_OTHER_TASK		(1 << 10)	/* prepare with another thread */
#define UC_X_IN_SPITE		(1 << 11)	/* go on although it was refused */
#define UC_X_FINISH_OTHER	(1 << 12)	/* finish with another thread */
#define UC_X_FINISH_TWICE	(1 << 13)

#endif
