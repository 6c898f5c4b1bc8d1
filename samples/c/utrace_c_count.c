// SPDX-License-Identifier: GPL-2.0
/*
 * A classic, ported: counts the system calls and the signals of a process and of all that it makes, by
 * number, and prints the tables when the module goes.
 *
 *	insmod utrace_c_count.ko [pid=PID] [verbose=1]
 *	rmmod utrace_c_count
 *
 * As a module for the historic header it would be the same but for the lines marked NEW.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/utrace.h>

#include <asm/syscall.h>

#define NR_COUNTS	512

static int pid;
module_param(pid, int, 0444);
MODULE_PARM_DESC(pid, "The process; 0: the one that loads the module");

static bool verbose;
module_param(verbose, bool, 0444);
MODULE_PARM_DESC(verbose, "Print each call as it returns, and each signal");

static atomic_long_t counts[NR_COUNTS];
static atomic_long_t others, threads, signals[_NSIG + 1];

static const struct utrace_engine_ops count_ops;

static int count_attach(struct task_struct *task)
{
	struct utrace_engine *engine;
	int err;

	engine = utrace_attach_task(task, UTRACE_ATTACH_CREATE | UTRACE_ATTACH_EXCLUSIVE |
				    UTRACE_ATTACH_MATCH_OPS, &count_ops, NULL);
	if (IS_ERR(engine))
		return PTR_ERR(engine);
	err = utrace_set_events(task, engine, UTRACE_EVENT_SYSCALL | UTRACE_EVENT_SIGNAL_ALL |
				UTRACE_EVENT(CLONE));
	if (!err)
		atomic_long_inc(&threads);
	utrace_engine_put(engine);
	return err;
}

static u32 count_entry(u32 action, struct utrace_engine *engine, struct pt_regs *regs)
{
	long nr = syscall_get_nr(current, regs);

	if (nr >= 0 && nr < NR_COUNTS)
		atomic_long_inc(&counts[nr]);
	else
		atomic_long_inc(&others);
	return UTRACE_SYSCALL_RUN | UTRACE_RESUME;
}

static u32 count_exit(u32 action, struct utrace_engine *engine, struct pt_regs *regs)
{
	if (verbose)
		pr_info("%d (%s): call %d = %ld\n", current->pid, current->comm,
			syscall_get_nr(current, regs),
			syscall_get_error(current, regs) ?: syscall_get_return_value(current, regs));
	return UTRACE_RESUME;
}

/* It does what it did without us: nothing is chosen. */
static u32 count_signal(u32 action, struct utrace_engine *engine, struct pt_regs *regs,
			kernel_siginfo_t *info, const struct k_sigaction *orig_ka,
			struct k_sigaction *return_ka)
{
	/* Without an action there is no signal: somebody asked for a report. */
	if (orig_ka) {
		atomic_long_inc(&signals[info->si_signo]);
		if (verbose)
			pr_info("%d (%s): signal %d\n", current->pid, current->comm, info->si_signo);
	}
	return utrace_signal_action(action) | UTRACE_RESUME;
}

/* The child does not run yet: none of its calls is missed. */
static u32 count_clone(u32 action, struct utrace_engine *engine, unsigned long clone_flags,
		       struct task_struct *child)
{
	int err = count_attach(child);

	if (err)
		pr_warn("cannot follow %d: %d\n", child->pid, err);
	return UTRACE_RESUME;
}

static const struct utrace_engine_ops count_ops = {
	UTRACE_ENGINE_OPS_SIZE,		/* NEW */
	.report_syscall_entry = count_entry,
	.report_syscall_exit = count_exit,
	.report_signal = count_signal,
	.report_clone = count_clone,
};

static int __init count_init(void)
{
	struct pid *process;
	struct task_struct *task;
	int err = -ESRCH;

	if (!pid)
		return count_attach(current);
	process = find_get_pid(pid);
	task = get_pid_task(process, PIDTYPE_PID);
	put_pid(process);
	if (task) {
		err = count_attach(task);
		put_task_struct(task);
	}
	return err;
}

static void __exit count_module_exit(void)
{
	struct task_struct *leader, *task;
	struct utrace_engine *engine;
	int i;

	/*
	 * The historic recipe, for those who want the counts to stand still: detach all, and wait.
	 * NEW: it can be left out, as the engines of a module go before its code does.
	 */
	rcu_read_lock();
	for_each_process_thread(leader, task) {
		engine = utrace_attach_task(task, UTRACE_ATTACH_MATCH_OPS, &count_ops, NULL);
		if (IS_ERR(engine))
			continue;
		/* A callback that runs now is the last: its counts may miss the table. */
		if (utrace_control(task, engine, UTRACE_DETACH) == -EINPROGRESS)
			pr_debug("%d is in a callback\n", task->pid);
		utrace_engine_put(engine);
	}
	rcu_read_unlock();

	pr_info("%ld threads made these calls:\n", atomic_long_read(&threads));
	for (i = 0; i < NR_COUNTS; i++)
		if (atomic_long_read(&counts[i]))
			pr_info("call %3d: %8ld times\n", i, atomic_long_read(&counts[i]));
	if (atomic_long_read(&others))
		pr_info("others  : %8ld times\n", atomic_long_read(&others));
	for (i = 0; i <= _NSIG; i++)
		if (atomic_long_read(&signals[i]))
			pr_info("signal %2d: %7ld times\n", i, atomic_long_read(&signals[i]));
}

module_init(count_init);
module_exit(count_module_exit);
MODULE_AUTHOR("The utrace developers");
MODULE_DESCRIPTION("Sample: counts the system calls and signals of a process tree, in C");
MODULE_LICENSE("GPL");
