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

/* Read by the Rust side, too, in the look-up of the current thread. */
struct hlist_head *utrace_table_buckets __read_mostly;

/* Of those who change a bucket. */
static spinlock_t locks[64];

static __always_inline u32 hash_task(struct task_struct *task)
{
	return hash_ptr(task, UTRACE_TABLE_BITS);
}

static spinlock_t *lock_of(struct task_struct *task)
{
	return &locks[hash_task(task) % ARRAY_SIZE(locks)];
}

int utrace_table_init(void)
{
	for (int i = 0; i < ARRAY_SIZE(locks); i++)
		spin_lock_init(&locks[i]);
	utrace_table_buckets = kvcalloc(1 << UTRACE_TABLE_BITS, sizeof(*utrace_table_buckets), GFP_KERNEL);
	return utrace_table_buckets ? 0 : -ENOMEM;
}

/* When it is empty, and nobody looks anything up. */
void utrace_table_destroy(void)
{
	kvfree(utrace_table_buckets);
}

static __always_inline struct utrace_entry *find(struct task_struct *task)
{
	struct utrace_entry *entry;

	hlist_for_each_entry_rcu(entry, &utrace_table_buckets[hash_task(task)], node,
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
		hlist_add_head_rcu(&entry->node, &utrace_table_buckets[hash_task(entry->task)]);
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

/* The entry of @task, counted as used. */
struct utrace_entry *utrace_table_get(struct task_struct *task)
{
	struct utrace_entry *entry;

	/* call_rcu() waits for these sections, too, and they need no call into the kernel. */
	rcu_read_lock_sched();
	entry = find(task);
	if (entry)
		atomic_inc((atomic_t *)&entry->users);
	rcu_read_unlock_sched();
	return entry;
}
