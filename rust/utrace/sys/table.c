// SPDX-License-Identifier: GPL-2.0
/*
 * The table of threads that have engines: a hash of lists keyed by the task pointer, looked up
 * without a lock. Its size is fixed, so that a look-up is as short as can be: 64 KiB, in which ten
 * thousand threads still have about one neighbour each.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>

#include "helpers.h"

#define BITS	13

static struct hlist_head *buckets __read_mostly;

/* Of those who change a bucket. */
static spinlock_t locks[64];

static __always_inline u32 hash_task(struct task_struct *task)
{
	return hash_ptr(task, BITS);
}

static spinlock_t *lock_of(struct task_struct *task)
{
	return &locks[hash_task(task) % ARRAY_SIZE(locks)];
}

int utrace_table_init(void)
{
	for (int i = 0; i < ARRAY_SIZE(locks); i++)
		spin_lock_init(&locks[i]);
	buckets = kvcalloc(1 << BITS, sizeof(*buckets), GFP_KERNEL);
	return buckets ? 0 : -ENOMEM;
}

/* When it is empty, and nobody looks anything up. */
void utrace_table_destroy(void)
{
	kvfree(buckets);
}

static __always_inline struct utrace_entry *find(struct task_struct *task)
{
	struct utrace_entry *entry;

	hlist_for_each_entry_rcu(entry, &buckets[hash_task(task)], node,
				 lockdep_is_held(lock_of(task))) {
		if (likely(entry->task == task))
			return entry;
	}
	return NULL;
}

/* -EEXIST when the thread has an entry. */
int utrace_table_insert(struct utrace_entry *entry)
{
	spinlock_t *lock = lock_of(entry->task);
	int err = 0;

	spin_lock(lock);
	if (find(entry->task))
		err = -EEXIST;
	else
		hlist_add_head_rcu(&entry->node, &buckets[hash_task(entry->task)]);
	spin_unlock(lock);
	return err;
}

void utrace_table_remove(struct utrace_entry *entry)
{
	spinlock_t *lock = lock_of(entry->task);

	spin_lock(lock);
	hlist_del_rcu(&entry->node);
	spin_unlock(lock);
}

static __always_inline struct utrace_entry *get(struct task_struct *task, u32 filter)
{
	struct utrace_entry *entry;

	/* call_rcu() waits for these sections, too, and they need no call into the kernel. */
	rcu_read_lock_sched();
	entry = find(task);
	if (entry) {
		if (READ_ONCE(entry->filter) & filter)
			atomic_inc((atomic_t *)&entry->users);
		else
			entry = NULL;
	}
	rcu_read_unlock_sched();
	return entry;
}

/* The entry of @task, counted as used. */
struct utrace_entry *utrace_table_get(struct task_struct *task)
{
	return get(task, ~0);
}

/* The same for the current thread, unless that is being killed, or none of @filter is wanted. */
struct utrace_entry *utrace_table_get_current(u32 filter)
{
	if (unlikely(fatal_signal_pending(current)))
		return NULL;
	return get(current, filter);
}
