// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel threads: the creating call is variadic, which Rust cannot name safely.
 */
#include <linux/kthread.h>

#include "helpers.h"

struct task_struct *utrace_kthread_create(int (*fn)(void *), void *data, const char *name)
{
	return kthread_create(fn, data, "%s", name);
}

/* A thread whose work is done stays until it is stopped, so that stopping it is always right. */
void utrace_kthread_wait_for_stop(void)
{
	for (;;) {
		set_current_state(TASK_IDLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
}

int utrace_bind_to_cpu(struct task_struct *task, unsigned int cpu)
{
	if (cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -EINVAL;
	return set_cpus_allowed_ptr(task, cpumask_of(cpu));
}
