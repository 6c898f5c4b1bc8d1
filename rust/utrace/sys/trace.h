/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints and counters, for the Rust side.
 */
#ifndef UTRACE_SYS_TRACE_H
#define UTRACE_SYS_TRACE_H

#include <linux/sched.h>
#include <linux/tracepoint-defs.h>

/* In place of an event: the stop was asked for from outside. */
#define UTRACE_TRACE_ASK	64

/* What a resume found. */
#define UTRACE_TRACE_NOTHING	0
#define UTRACE_TRACE_PREPARED	1
#define UTRACE_TRACE_PARKED	2
#define UTRACE_TRACE_STALE	3
#define UTRACE_TRACE_GONE	4

/* Keeps bindgen from what the macros of utrace_trace.h make beside these. */
extern struct tracepoint __tracepoint_attach;
extern struct tracepoint __tracepoint_report;
extern struct tracepoint __tracepoint_stop;
extern struct tracepoint __tracepoint_resume;
extern struct tracepoint __tracepoint_detach;

void utrace_trace_attach(struct task_struct *task, u64 engine, u32 events);
void utrace_trace_report(struct task_struct *task, u64 engine, u32 event, u64 ticket, u32 action);
void utrace_trace_stop(struct task_struct *task, u64 engine, u32 event, u64 ticket);
void utrace_trace_resume(struct task_struct *task, u64 engine, u64 ticket, u32 found);
void utrace_trace_detach(struct task_struct *task, u64 engine);

enum utrace_counter {
	UTRACE_ATTACHES,
	UTRACE_DETACHES,
	UTRACE_STOPS,
	UTRACE_ASKS,
	UTRACE_PARKS,
	UTRACE_KILLS,
	UTRACE_RESUMES_PREPARED,
	UTRACE_RESUMES_PARKED,
	UTRACE_RESUMES_NOTHING,
	UTRACE_RESUMES_STALE,
	UTRACE_RESUMES_GONE,
	UTRACE_NR_COUNTERS,
};

void utrace_count(enum utrace_counter which);
u64 utrace_counted(enum utrace_counter which);

unsigned long utrace_jiffies(void);
unsigned int utrace_msecs_since(unsigned long since);
pid_t utrace_tgid(struct task_struct *task);
void utrace_module_name(const struct module *mod, char *name, unsigned long size);

#endif
