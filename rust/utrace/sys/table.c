// SPDX-License-Identifier: GPL-2.0
/*
 * The table of threads that have engines: the kernel's resizable hash, keyed by the task pointer,
 * looked up under RCU.
 */
#include <linux/rhashtable.h>

#include "helpers.h"

static const struct rhashtable_params params = {
	.key_len = sizeof(struct task_struct *),
	.key_offset = offsetof(struct utrace_entry, task),
	.head_offset = offsetof(struct utrace_entry, node),
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

/* Under rcu_read_lock(). */
struct utrace_entry *utrace_table_lookup(struct rhashtable *table, struct task_struct *task)
{
	/* What everybody pays while nobody is traced. */
	if (!atomic_read(&table->nelems))
		return NULL;
	return rhashtable_lookup(table, &task, params);
}
