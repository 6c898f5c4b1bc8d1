// SPDX-License-Identifier: GPL-2.0
/*
 * How those wait who read from a queue: one thread that sleeps and is woken by name, for which a wait
 * queue, with a lock and a list of its own, costs some hundred instructions more; and those who poll.
 */
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "helpers.h"

/* Those of a wake-up by a thread that is about to sleep: their names are the scheduler's own. */
static int sync_flags;

static int learn(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	sync_flags = flags;
	return 0;
}

void kmview_sleeper_init(void)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(head);
	struct wait_queue_entry entry;

	init_waitqueue_func_entry(&entry, learn);
	add_wait_queue(&head, &entry);
	__wake_up_sync(&head, TASK_NORMAL);
	remove_wait_queue(&head, &entry);
}

/*
 * Names the current thread, unless another one is named. What it waits for is to be looked at before
 * under the lock under which it is woken; that is let go after this.
 */
bool kmview_sleeper_begin(struct task_struct **sleeper)
{
	if (cmpxchg(sleeper, NULL, current))
		return false;
	set_current_state(TASK_INTERRUPTIBLE);
	return true;
}

/*
 * The current thread has begun, and wakes another one before it sleeps, now, under a spin lock. A
 * scheduler that knows that it will be called anyway reads its clock once for both, and the rest of
 * this section is charged to who runs next. Whoever does this calls the scheduler next of all: a
 * wake-up that would interrupt it finds that it is already told to go.
 */
void kmview_sleeper_wakes(void)
{
	set_tsk_need_resched(current);
}

/* Until it is woken, a signal comes, or as many jiffies have passed. Gives how many are left. */
long kmview_sleeper_sleep(long timeout)
{
	if (timeout != MAX_SCHEDULE_TIMEOUT)
		return schedule_timeout(timeout);
	schedule();
	return timeout;
}

/* It has slept, or does not want to any more. */
void kmview_sleeper_end(struct task_struct **sleeper)
{
	__set_current_state(TASK_RUNNING);
	/* Who has woken it has emptied this. */
	if (READ_ONCE(*sleeper) == current)
		cmpxchg(sleeper, current, NULL);
}

/*
 * Whether there was one. It may have been woken by something else meanwhile, and be anywhere; but it
 * was there after rcu_read_lock(), so it is not freed.
 */
bool kmview_sleeper_wake(struct task_struct **sleeper)
{
	struct wait_queue_entry entry = {};

	if (!READ_ONCE(*sleeper))
		return false;
	rcu_read_lock();
	entry.private = xchg(sleeper, NULL);
	if (entry.private)
		default_wake_function(&entry, TASK_NORMAL, sync_flags, NULL);
	rcu_read_unlock();
	return entry.private;
}

/*
 * Before a sleep: if the scheduler has already said that another thread is to run here, perhaps one
 * that was just woken, it does. False: it has not.
 */
bool kmview_give_way(void)
{
	if (!need_resched() && !test_thread_flag(TIF_NEED_RESCHED_LAZY))
		return false;
	schedule();
	return true;
}

void kmview_pollers_init(struct wait_queue_head *pollers)
{
	init_waitqueue_head(pollers);
}

/* Whoever polls does not look at it any more after that. */
void kmview_pollers_free(struct wait_queue_head *pollers)
{
	wake_up_pollfree(pollers);
	synchronize_rcu();
}

void kmview_pollers_add(struct wait_queue_head *pollers, struct file *file,
			struct poll_table_struct *table)
{
	poll_wait(file, pollers, table);
}

/* Under the lock under which pollers look whether there is something to read. */
void kmview_pollers_wake(struct wait_queue_head *pollers, bool all)
{
	/* They do so once they are in the list: one that is not seen here sees that itself. */
	if (!waitqueue_active(pollers))
		return;
	if (all)
		wake_up_all(pollers);
	else
		__wake_up_sync(pollers, TASK_NORMAL);
}
