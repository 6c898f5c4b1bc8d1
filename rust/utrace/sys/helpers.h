/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel offers only as macros or inline functions, for the Rust side (bindgen reads this
 * file), and the few pieces that must be C.
 */
#ifndef UTRACE_HELPERS_H
#define UTRACE_HELPERS_H

#include <linux/binfmts.h>
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/rhashtable-types.h>
#include <linux/sched.h>
#include <linux/spinlock_types.h>
#include <linux/task_work.h>
#include <linux/tracepoint-defs.h>

/* layout.c */
struct utrace_layout {
	unsigned long callback_head;
	unsigned long ftrace_ops;
	unsigned long notifier_block;
	unsigned long notifier_call;
	unsigned long raw_spinlock;
	unsigned long rhashtable;
	unsigned long entry;
	unsigned long entry_task;
};

extern const struct utrace_layout utrace_layout;

/* symbol.c */
unsigned long utrace_symbol_address(const char *name, long *err);

/* sleep.c */
void utrace_lock_init(raw_spinlock_t *lock);
unsigned long utrace_lock_irqsave(raw_spinlock_t *lock);
void utrace_unlock_irqrestore(raw_spinlock_t *lock, unsigned long flags);
void utrace_set_parked_state(void);
void utrace_set_running_state(void);
void utrace_wake_parked(struct task_struct *task);
bool utrace_fatal_signal_pending(void);
void utrace_smp_mb(void);

/* task.c */
bool utrace_task_is_kernel(struct task_struct *task);
int utrace_task_exit_state(struct task_struct *task);
bool utrace_task_is_exiting(struct task_struct *task);
bool utrace_current_exec_kill(void);
bool utrace_is_group_exiting(struct task_struct *task);
bool utrace_is_group_dead(struct task_struct *task);
int utrace_death_signal(struct task_struct *task);
void utrace_set_group_exit_code(int code);
const struct linux_binfmt *utrace_current_binfmt(void);
struct task_struct *utrace_task_by_pid(int nr);
void utrace_task_work_init(struct callback_head *work, task_work_func_t func);
int utrace_task_work_resume(struct task_struct *task, struct callback_head *work);
int utrace_task_work_signal(struct task_struct *task, struct callback_head *work);
struct module *utrace_module_of(unsigned long text_address_fn, unsigned long addr);

/* syscall.c */
long utrace_syscall_nr(struct pt_regs *regs);
void utrace_syscall_set_nr(struct pt_regs *regs, long nr);
void utrace_syscall_args(struct pt_regs *regs, unsigned long args[6]);
void utrace_syscall_set_args(struct pt_regs *regs, const unsigned long args[6]);
long utrace_syscall_result(struct pt_regs *regs);
void utrace_syscall_set_result(struct pt_regs *regs, long result);
void utrace_syscall_skip(struct pt_regs *regs);
u32 utrace_syscall_arch(void);
unsigned long utrace_regs_ip(struct pt_regs *regs);
unsigned long utrace_regs_sp(struct pt_regs *regs);
struct pt_regs *utrace_current_regs(void);

/* workbit.c */
bool utrace_work_bit(struct task_struct *task);
void utrace_set_work_bit(struct task_struct *task);
void utrace_clear_work_bit(struct task_struct *task);
typedef void (*utrace_thread_fn)(struct task_struct *task);
void utrace_for_each_thread(utrace_thread_fn fn);
struct tracepoint *utrace_find_tracepoint(const char *name);
bool utrace_tracepoint_enabled(struct tracepoint *tp);
int utrace_under_tracepoints_mutex(void (*fn)(void));
int utrace_probe_kills(void (*killed)(struct task_struct *task));
void utrace_unprobe_kills(void);
void utrace_for_each_thread_of_group(struct task_struct *task, utrace_thread_fn fn);

/* table.c */
#define UTRACE_ENTRY_ANY	0x80000000

struct utrace_entry {
	struct rhash_head node;
	struct task_struct *task;
	/* Who found the entry and uses it; the Rust side says more. An atomic_t, for bindgen plain. */
	int users;
	/* What the object is looked up for; UTRACE_ENTRY_ANY is always set. */
	u32 filter;
};

int utrace_table_init(struct rhashtable *table);
void utrace_table_destroy(struct rhashtable *table);
int utrace_table_insert(struct rhashtable *table, struct utrace_entry *entry);
void utrace_table_remove(struct rhashtable *table, struct utrace_entry *entry);
struct utrace_entry *utrace_table_get(struct rhashtable *table, struct task_struct *task);
struct utrace_entry *utrace_table_get_current(struct rhashtable *table, u32 filter);

/* ../capi/capi.c */
void utrace_warn_answer(const void *callback, u32 answer);

/* kthread.c */
struct task_struct *utrace_kthread_create(int (*fn)(void *), void *data, const char *name);
void utrace_kthread_wait_for_stop(void);
int utrace_bind_to_cpu(struct task_struct *task, unsigned int cpu);

/* tracehook/call.S */
long utrace_call0(unsigned long addr);
long utrace_call1(unsigned long addr, unsigned long a);
long utrace_call2(unsigned long addr, unsigned long a, unsigned long b);

#endif
