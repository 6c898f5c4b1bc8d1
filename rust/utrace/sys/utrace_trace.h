/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracepoints utrace:attach, report, stop, resume and detach.
 *
 * tid is the traced thread, engine the serial number that the debugfs file "engines" shows too,
 * and ticket the number of the stop.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM utrace

#if !defined(_UTRACE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _UTRACE_TRACE_H

#include <linux/sched.h>
#include <linux/tracepoint.h>

#ifndef UTRACE_SHOW
#define UTRACE_SHOW

/* Numbers as in the historic enum utrace_events; the last one is ours: asked for from outside. */
#define show_utrace_event(event)			\
	__print_symbolic(event,				\
		{ 0, "QUIESCE" },			\
		{ 1, "REAP" },				\
		{ 2, "CLONE" },				\
		{ 3, "EXEC" },				\
		{ 4, "EXIT" },				\
		{ 5, "DEATH" },				\
		{ 6, "SYSCALL_ENTRY" },			\
		{ 7, "SYSCALL_EXIT" },			\
		{ 8, "SIGNAL" },			\
		{ 9, "SIGNAL_IGN" },			\
		{ 10, "SIGNAL_STOP" },			\
		{ 11, "SIGNAL_TERM" },			\
		{ 12, "SIGNAL_CORE" },			\
		{ 13, "JCTL" },				\
		{ UTRACE_TRACE_ASK, "ASK" })

/* Numbers as in the historic enum utrace_resume_action. */
#define show_utrace_action(action)			\
	__print_symbolic(action,			\
		{ 0, "STOP" },				\
		{ 1, "INTERRUPT" },			\
		{ 2, "REPORT" },			\
		{ 3, "SINGLESTEP" },			\
		{ 4, "BLOCKSTEP" },			\
		{ 5, "RESUME" },			\
		{ 6, "DETACH" })

#define show_utrace_found(found)			\
	__print_symbolic(found,				\
		{ UTRACE_TRACE_NOTHING, "nothing" },	\
		{ UTRACE_TRACE_PREPARED, "prepared" },	\
		{ UTRACE_TRACE_PARKED, "parked" },	\
		{ UTRACE_TRACE_STALE, "stale" },	\
		{ UTRACE_TRACE_GONE, "gone" })

#endif /* UTRACE_SHOW */

/* An engine has been attached, and wants these events (bits of the event mask). */
TRACE_EVENT(attach,
	TP_PROTO(struct task_struct *task, u64 engine, u32 events),
	TP_ARGS(task, engine, events),
	TP_STRUCT__entry(
		__field(u64,	engine)
		__field(pid_t,	tid)
		__field(u32,	events)
	),
	TP_fast_assign(
		__entry->engine = engine;
		__entry->tid = task->pid;
		__entry->events = events;
	),
	TP_printk("tid=%d engine=%llu events=0x%x", __entry->tid, __entry->engine, __entry->events)
);

/* A callback has returned; what it wants is done next. */
TRACE_EVENT(report,
	TP_PROTO(struct task_struct *task, u64 engine, u32 event, u64 ticket, u32 action),
	TP_ARGS(task, engine, event, ticket, action),
	TP_STRUCT__entry(
		__field(u64,	engine)
		__field(u64,	ticket)
		__field(pid_t,	tid)
		__field(u32,	event)
		__field(u32,	action)
	),
	TP_fast_assign(
		__entry->engine = engine;
		__entry->ticket = ticket;
		__entry->tid = task->pid;
		__entry->event = event;
		__entry->action = action;
	),
	TP_printk("tid=%d engine=%llu event=%s ticket=%llu action=%s", __entry->tid,
		  __entry->engine, show_utrace_event(__entry->event), __entry->ticket,
		  show_utrace_action(__entry->action))
);

/* The thread is about to stop for the engine; or, event ASK, somebody asks for that. */
TRACE_EVENT(stop,
	TP_PROTO(struct task_struct *task, u64 engine, u32 event, u64 ticket),
	TP_ARGS(task, engine, event, ticket),
	TP_STRUCT__entry(
		__field(u64,	engine)
		__field(u64,	ticket)
		__field(pid_t,	tid)
		__field(u32,	event)
	),
	TP_fast_assign(
		__entry->engine = engine;
		__entry->ticket = ticket;
		__entry->tid = task->pid;
		__entry->event = event;
	),
	TP_printk("tid=%d engine=%llu event=%s ticket=%llu", __entry->tid, __entry->engine,
		  show_utrace_event(__entry->event), __entry->ticket)
);

/* Somebody resumes the engine's stop: the one of that ticket, or (0) whatever there is. */
TRACE_EVENT(resume,
	TP_PROTO(struct task_struct *task, u64 engine, u64 ticket, u32 found),
	TP_ARGS(task, engine, ticket, found),
	TP_STRUCT__entry(
		__field(u64,	engine)
		__field(u64,	ticket)
		__field(pid_t,	tid)
		__field(u32,	found)
	),
	TP_fast_assign(
		__entry->engine = engine;
		__entry->ticket = ticket;
		__entry->tid = task->pid;
		__entry->found = found;
	),
	TP_printk("tid=%d engine=%llu ticket=%llu found=%s", __entry->tid, __entry->engine,
		  __entry->ticket, show_utrace_found(__entry->found))
);

/* The attachment has ended, and no callback runs. */
TRACE_EVENT(detach,
	TP_PROTO(struct task_struct *task, u64 engine),
	TP_ARGS(task, engine),
	TP_STRUCT__entry(
		__field(u64,	engine)
		__field(pid_t,	tid)
	),
	TP_fast_assign(
		__entry->engine = engine;
		__entry->tid = task->pid;
	),
	TP_printk("tid=%d engine=%llu", __entry->tid, __entry->engine)
);

#endif /* _UTRACE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE utrace_trace
#include <trace/define_trace.h>
