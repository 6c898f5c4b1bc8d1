// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints, counters, and what else the introspection needs of the kernel.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/percpu.h>

#include "trace.h"

#define CREATE_TRACE_POINTS
#include "utrace_trace.h"

/* The Rust side has looked at the static key. */
void utrace_trace_attach(struct task_struct *task, u64 engine, u32 events)
{
	trace_attach(task, engine, events);
}

void utrace_trace_report(struct task_struct *task, u64 engine, u32 event, u64 ticket, u32 action)
{
	trace_report(task, engine, event, ticket, action);
}

void utrace_trace_stop(struct task_struct *task, u64 engine, u32 event, u64 ticket)
{
	trace_stop(task, engine, event, ticket);
}

void utrace_trace_resume(struct task_struct *task, u64 engine, u64 ticket, u32 found)
{
	trace_resume(task, engine, ticket, found);
}

void utrace_trace_detach(struct task_struct *task, u64 engine)
{
	trace_detach(task, engine);
}

static DEFINE_PER_CPU(unsigned long [UTRACE_NR_COUNTERS], counters);

/* From any context. */
void utrace_count(enum utrace_counter which)
{
	this_cpu_inc(counters[which]);
}

u64 utrace_counted(enum utrace_counter which)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(counters[which], cpu));
	return sum;
}

/* Never 0, which stands for no time. */
unsigned long utrace_jiffies(void)
{
	return READ_ONCE(jiffies) | 1;
}

unsigned int utrace_msecs_since(unsigned long since)
{
	long passed = READ_ONCE(jiffies) - since;

	return passed > 0 ? jiffies_to_msecs(passed) : 0;
}

pid_t utrace_tgid(struct task_struct *task)
{
	return task->tgid;
}

/* The caller keeps @mod. */
void utrace_module_name(const struct module *mod, char *name, unsigned long size)
{
	strscpy(name, mod->name, size);
}
