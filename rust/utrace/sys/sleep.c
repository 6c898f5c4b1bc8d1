// SPDX-License-Identifier: GPL-2.0
/*
 * The lock, the sleep and the wake-up of a parked thread.
 */
#include <linux/delay.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "helpers.h"

/* Shown as "t (tracing stop)"; a fatal signal ends it, the freezer takes it as it is. */
#define UTRACE_PARKED	(TASK_WAKEKILL | __TASK_TRACED)

/* @outer: one under which others are taken. */
void utrace_lock_init(raw_spinlock_t *lock, bool outer)
{
	static struct lock_class_key keys[2];

	raw_spin_lock_init(lock);
	lockdep_set_class(lock, &keys[outer]);
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

/* The moment for which even a killed thread waits: until nobody looks at it any more. */
void utrace_set_leaving_state(void)
{
	set_current_state(TASK_UNINTERRUPTIBLE);
}

void utrace_wake_leaving(struct task_struct *task)
{
	struct wait_queue_entry entry = { .private = task };

	default_wake_function(&entry, TASK_UNINTERRUPTIBLE, 0, NULL);
}

/*
 * Waits until @task, which is parked, or stopped there with its process, or about to leave, is off its CPU; gives the count of
 * its voluntary switches. 0 when it is just looping there. @fn is wait_task_inactive(), not exported:
 * it takes the run queue's lock, so that who runs later sees what was done to the thread before.
 */
unsigned long utrace_wait_inactive(unsigned long fn, struct task_struct *task)
{
	const unsigned int states = UTRACE_PARKED | __TASK_STOPPED | TASK_UNINTERRUPTIBLE |
				    TASK_FROZEN;

	return utrace_call2(fn, (unsigned long)task, states);
}

/* Between two tries of that. */
void utrace_wait_a_moment(void)
{
	usleep_range(20, 200);
}

bool utrace_fatal_signal_pending(void)
{
	return fatal_signal_pending(current);
}

void utrace_smp_mb(void)
{
	smp_mb(); /* for the Rust side, which says what it pairs with */
}
