// SPDX-License-Identifier: GPL-2.0
/*
 * The table of threads that have engines: the kernel's resizable hash, keyed by the task pointer,
 * looked up without a lock.
 */
#include <linux/hash.h>
#include <linux/rhashtable.h>
#include <linux/sched/signal.h>

#include "helpers.h"

static __always_inline u32 hash_task(const void *key, u32 length, u32 seed)
{
	return hash_ptr(*(struct task_struct * const *)key, 32) ^ seed;
}

static __always_inline int compare_task(struct rhashtable_compare_arg *arg, const void *object)
{
	const struct utrace_entry *entry = object;

	return entry->task != *(struct task_struct * const *)arg->key;
}

static const struct rhashtable_params params = {
	.key_len = sizeof(struct task_struct *),
	.key_offset = offsetof(struct utrace_entry, task),
	.head_offset = offsetof(struct utrace_entry, node),
	.hashfn = hash_task,
	.obj_cmpfn = compare_task,
	.automatic_shrinking = true,
};

int utrace_table_init(struct rhashtable *table)
{
	return rhashtable_init(table, &params);
}

void utrace_table_destroy(struct rhashtable *table)
{
	rhashtable_destroy(table);
}

/* -EEXIST when the thread has an entry. */
int utrace_table_insert(struct rhashtable *table, struct utrace_entry *entry)
{
	return rhashtable_lookup_insert_fast(table, &entry->node, params);
}

void utrace_table_remove(struct rhashtable *table, struct utrace_entry *entry)
{
	rhashtable_remove_fast(table, &entry->node, params);
}

/*
 * A section with preemption off is as good for call_rcu() as a read section, and much cheaper; only
 * lockdep does not know.
 */
static __always_inline void begin_lookup(void)
{
	if (IS_ENABLED(CONFIG_PROVE_RCU))
		rcu_read_lock();
	else
		preempt_disable();
}

static __always_inline void end_lookup(void)
{
	if (IS_ENABLED(CONFIG_PROVE_RCU))
		rcu_read_unlock();
	else
		preempt_enable();
}

static __always_inline struct utrace_entry *get(struct rhashtable *table, struct task_struct *task,
						u32 filter)
{
	struct utrace_entry *entry;

	/* What everybody pays while nobody is traced. */
	if (!atomic_read(&table->nelems))
		return NULL;
	begin_lookup();
	entry = rhashtable_lookup(table, &task, params);
	if (entry && !(READ_ONCE(entry->filter) & filter))
		entry = NULL;
	if (entry)
		atomic_inc((atomic_t *)&entry->users);
	end_lookup();
	return entry;
}

/* The entry of @task, counted as used. */
struct utrace_entry *utrace_table_get(struct rhashtable *table, struct task_struct *task)
{
	return get(table, task, ~0);
}

/* The same for the current thread, unless that is being killed, or none of @filter is wanted. */
struct utrace_entry *utrace_table_get_current(struct rhashtable *table, u32 filter)
{
	if (unlikely(fatal_signal_pending(current)))
		return NULL;
	return get(table, current, filter);
}
