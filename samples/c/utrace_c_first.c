// SPDX-License-Identifier: GPL-2.0
/*
 * A first engine, in C: counts the system calls of one thread, and says so when the thread ends.
 *
 *	insmod utrace_c_first.ko [pid=PID]
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/utrace.h>

static int pid;
module_param(pid, int, 0444);
MODULE_PARM_DESC(pid, "The thread; 0: the one that loads the module");

static atomic_long_t calls;

static u32 report_syscall_entry(u32 action, struct utrace_engine *engine, struct pt_regs *regs)
{
	atomic_long_inc(&calls);
	return UTRACE_RESUME;
}

static u32 report_exit(u32 action, struct utrace_engine *engine, long orig_code, long *code)
{
	pr_info("thread %d made %ld system calls\n", current->pid, atomic_long_read(&calls));
	return UTRACE_DETACH;
}

static const struct utrace_engine_ops first_ops = {
	UTRACE_ENGINE_OPS_SIZE,
	.report_syscall_entry = report_syscall_entry,
	.report_exit = report_exit,
};

static int __init utrace_c_first_init(void)
{
	struct pid *thread = pid ? find_get_pid(pid) : get_pid(task_pid(current));
	struct utrace_engine *engine;
	int err;

	engine = utrace_attach_pid(thread, UTRACE_ATTACH_CREATE, &first_ops, NULL);
	if (IS_ERR(engine)) {
		put_pid(thread);
		return PTR_ERR(engine);
	}
	err = utrace_set_events_pid(thread, engine,
				    UTRACE_EVENT(SYSCALL_ENTRY) | UTRACE_EVENT(EXIT));
	put_pid(thread);
	/* Attached it stays: until the thread ends, or this module goes. */
	utrace_engine_put(engine);
	return err;
}

/* Nothing to undo: the engine is detached before this code is gone, and the thread runs on. */
static void __exit utrace_c_first_exit(void)
{
}

module_init(utrace_c_first_init);
module_exit(utrace_c_first_exit);
MODULE_AUTHOR("The utrace developers");
MODULE_DESCRIPTION("Sample: counts the system calls of a thread, in C");
MODULE_LICENSE("GPL");
