// SPDX-License-Identifier: GPL-2.0
/*
 * The bit that makes a thread's system calls pass the tracepoint hooks, and the tracepoints that
 * share it with us.
 */
#include <linux/sched/signal.h>
#include <linux/thread_info.h>
#include <linux/tracepoint.h>
#include <trace/events/signal.h>

#include "helpers.h"

bool utrace_work_bit(struct task_struct *task)
{
	return test_task_syscall_work(task, SYSCALL_TRACEPOINT);
}

void utrace_set_work_bit(struct task_struct *task)
{
	set_task_syscall_work(task, SYSCALL_TRACEPOINT);
}

void utrace_clear_work_bit(struct task_struct *task)
{
	clear_task_syscall_work(task, SYSCALL_TRACEPOINT);
}

void utrace_visit_threads(utrace_thread_fn fn)
{
	struct task_struct *process, *thread;

	rcu_read_lock();
	for_each_process_thread(process, thread)
		fn(thread);
	rcu_read_unlock();
}

void utrace_visit_group(struct task_struct *task, utrace_thread_fn fn)
{
	struct task_struct *thread;

	rcu_read_lock();
	for_each_thread(task, thread)
		fn(thread);
	rcu_read_unlock();
}

struct search {
	const char *name;
	struct tracepoint *found;
};

static void match(struct tracepoint *tp, void *data)
{
	struct search *search = data;

	if (!strcmp(tp->name, search->name))
		search->found = tp;
}

struct tracepoint *utrace_find_tracepoint(const char *name)
{
	struct search search = { .name = name };

	for_each_kernel_tracepoint(match, &search);
	return search.found;
}

bool utrace_tracepoint_enabled(struct tracepoint *tp)
{
	return static_key_enabled(&tp->key);
}

/*
 * The kernel counts the users of sys_enter and sys_exit under a mutex of tracepoint.c. A tracepoint
 * of our own, whose registration function runs under that mutex, is how to get there.
 */
static void (*under_mutex)(void);
static bool ran;

static int run_under_mutex(void)
{
	under_mutex();
	ran = true;
	return 0;
}

static void nothing(void)
{
}

DECLARE_TRACE(utrace_mutex, TP_PROTO(int unused), TP_ARGS(unused));
DEFINE_TRACE_FN(utrace_mutex_tp, run_under_mutex, nothing,
		TP_PROTO(int unused), TP_ARGS(unused));

static void no_probe(void *data, int unused)
{
}

/*
 * Only one caller at a time: module load and unload. The registration may fail after its function
 * has run: what counts is that it has.
 */
int utrace_under_tracepoints_mutex(void (*fn)(void))
{
	int err;

	under_mutex = fn;
	ran = false;
	err = register_trace_utrace_mutex_tp(no_probe, NULL);
	if (!err)
		unregister_trace_utrace_mutex_tp(no_probe, NULL);
	return ran ? 0 : err;
}

/*
 * A SIGKILL to a process that is already exiting is dropped before anything is woken; its
 * tracepoint still tells. And a stop signal may be for a process all of whose threads are parked.
 * Both are called with the siglock held.
 */
static utrace_thread_fn on_kill, on_stop;
static struct tracepoint *signal_generate;

static void probe_signal_generate(void *data, int sig, struct kernel_siginfo *info,
				  struct task_struct *task, int group, int result)
{
	if (sig == SIGKILL)
		on_kill(task);
	else if (sig_kernel_stop(sig))
		on_stop(task);
}

int utrace_probe_signals(utrace_thread_fn killed, utrace_thread_fn stopped)
{
	signal_generate = utrace_find_tracepoint("signal_generate");
	if (!signal_generate)
		return -ENOENT;
	on_kill = killed;
	on_stop = stopped;
	return tracepoint_probe_register(signal_generate, probe_signal_generate, NULL);
}

void utrace_unprobe_signals(void)
{
	tracepoint_probe_unregister(signal_generate, probe_signal_generate, NULL);
	tracepoint_synchronize_unregister();
}
