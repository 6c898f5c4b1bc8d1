// SPDX-License-Identifier: GPL-2.0
/*
 * The lock, the sleep and the wake-up of a parked thread.
 */
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "helpers.h"

/* Shown as "t (tracing stop)"; a fatal signal ends it, the freezer takes it as it is. */
#define UTRACE_PARKED	(TASK_WAKEKILL | __TASK_TRACED)

void utrace_lock_init(raw_spinlock_t *lock)
{
	raw_spin_lock_init(lock);
}

unsigned long utrace_lock_irqsave(raw_spinlock_t *lock)
{
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	return flags;
}

void utrace_unlock_irqrestore(raw_spinlock_t *lock, unsigned long flags)
{
	raw_spin_unlock_irqrestore(lock, flags);
}

void utrace_set_parked_state(void)
{
	set_special_state(UTRACE_PARKED);
}

void utrace_set_running_state(void)
{
	__set_current_state(TASK_RUNNING);
}

/*
 * wake_up_state() is not exported; the default wake function of a wait queue entry is, and passes
 * its mode through.
 */
void utrace_wake_parked(struct task_struct *task)
{
	struct wait_queue_entry entry = { .private = task };

	default_wake_function(&entry, __TASK_TRACED, 0, NULL);
}

bool utrace_fatal_signal_pending(void)
{
	return fatal_signal_pending(current);
}

void utrace_smp_mb(void)
{
	smp_mb(); /* for the Rust side, which says what it pairs with */
}
