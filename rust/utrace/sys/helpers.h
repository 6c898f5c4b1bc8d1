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
#include <linux/sched.h>
#include <linux/sched/jobctl.h>
#include <linux/signal_types.h>
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
	unsigned long entry;
	unsigned long entry_task;
	unsigned long syscall;
	unsigned long regset;
};

extern const struct utrace_layout utrace_layout;

/* symbol.c */
unsigned long utrace_symbol_address(const char *name, long *err);
unsigned long utrace_data_address(const char *name, long *err);

enum {
	UTRACE_SIGPENDING = 1 << TIF_SIGPENDING,
	UTRACE_STOP_PENDING = JOBCTL_STOP_PENDING,
	UTRACE_SA_IMMUTABLE = SA_IMMUTABLE,
};

/* sleep.c */
void utrace_lock_init(raw_spinlock_t *lock, bool outer);
unsigned long utrace_lock_irqsave(raw_spinlock_t *lock);
void utrace_unlock_irqrestore(raw_spinlock_t *lock, unsigned long flags);
void utrace_set_parked_state(void);
void utrace_set_running_state(void);
void utrace_wake_parked(struct task_struct *task);
void utrace_set_leaving_state(void);
void utrace_wake_leaving(struct task_struct *task);
unsigned long utrace_wait_inactive(unsigned long wait_task_inactive_fn, struct task_struct *task);
void utrace_wait_a_moment(void);
bool utrace_fatal_signal_pending(void);
void utrace_smp_mb(void);

/* task.c */
bool utrace_task_is_kernel(struct task_struct *task);
int utrace_task_exit_state(struct task_struct *task);
bool utrace_task_is_exiting(struct task_struct *task);
bool utrace_current_exec_kill(void);
bool utrace_is_group_exiting(struct task_struct *task);
bool utrace_is_group_dead(struct task_struct *task);
int utrace_death_signal(struct task_struct *task, bool let_go);
void utrace_set_group_exit_code(int code);
const struct linux_binfmt *utrace_current_binfmt(void);
struct task_struct *utrace_task_by_pid(int nr);
bool utrace_may_ptrace(unsigned long may_access_fn, struct task_struct *task);
int utrace_ptrace_begin(unsigned long may_access_fn, struct task_struct *task);
void utrace_ptrace_end(struct task_struct *task);
int utrace_ptrace_by(unsigned long access_check_fn, const struct cred *cred);
void utrace_task_work_init(struct callback_head *work, task_work_func_t func);
int utrace_task_work_resume(struct task_struct *task, struct callback_head *work);
int utrace_task_work_signal(struct task_struct *task, struct callback_head *work);
struct module *utrace_module_of(unsigned long text_address_fn, unsigned long addr);

/* syscall.c */
void utrace_syscall_set_nr(struct pt_regs *regs, long nr);
void utrace_syscall_args(struct pt_regs *regs, unsigned long args[6]);
void utrace_syscall_set_args(struct pt_regs *regs, const unsigned long args[6]);
void utrace_syscall_set_result(struct pt_regs *regs, long result);
void utrace_syscall_skip(struct pt_regs *regs);
struct pt_regs *utrace_current_regs(void);

/* signal.c */
enum utrace_signal_class {
	UTRACE_CLASS_HANDLED,
	UTRACE_CLASS_IGNORED,
	UTRACE_CLASS_STOP,
	UTRACE_CLASS_TERM,
	UTRACE_CLASS_CORE,
};

/* A signal that is being reported. It stays queued. */
struct utrace_signal {
	/* Its place in the queue, if it has one; for comparison only. */
	struct sigqueue *queued;
	/* What engines may change. */
	kernel_siginfo_t info;
	struct k_sigaction action;
	struct k_sigaction original;
	enum utrace_signal_class class;
};

enum utrace_signal_change {
	UTRACE_CHANGE_QUEUED,	/* the queue has it as it is now */
	UTRACE_CHANGE_OWN,	/* the queue cannot have it so */
	UTRACE_CHANGE_GONE,	/* something else took it back */
};

/* Functions of the kernel, and a lock, that are not exported. */
struct utrace_signal_functions {
	unsigned long rearm_itimer;	/* posixtimer_rearm_itimer() */
	unsigned long run_work;		/* task_work_run() */
	unsigned long coredump;		/* vfs_coredump() */
	unsigned long group_exit;	/* do_group_exit() */
	unsigned long signal_stop;	/* do_signal_stop() */
	unsigned long notify_parent;	/* do_notify_parent_cldstop() */
	unsigned long pgrp_orphaned;	/* is_current_pgrp_orphaned() */
	unsigned long clear_trapping;	/* task_clear_jobctl_trapping() */
	unsigned long enter_frozen;	/* cgroup_enter_frozen() */
	unsigned long leave_frozen;	/* cgroup_leave_frozen() */
	unsigned long tasklist_lock;
};

bool utrace_signals_put_off(void);
bool utrace_signal_enter(void);
void utrace_signal_leave(void);
void utrace_signal_give_back(void);
int utrace_signal_next(struct utrace_signal *signal, unsigned long rearm_itimer);
enum utrace_signal_class utrace_signal_class_now(const struct utrace_signal *signal);
bool utrace_signal_consume(const struct utrace_signal *signal, int sig);
enum utrace_signal_change utrace_signal_change(struct utrace_signal *signal, int sig);
bool utrace_signal_action_changed(const struct utrace_signal *signal);
void utrace_signal_run_work(const struct utrace_signal_functions *fn);
bool utrace_signal_body(unsigned long body, struct ksignal *ksig,
			const struct utrace_signal *signal, int sig, bool report_stops);
bool utrace_signal_puts_off_stop(int sig);
void utrace_signal_kill(const struct utrace_signal *signal, bool core,
			const struct utrace_signal_functions *fn);
void utrace_signal_deliver(struct ksignal *ksig, const struct utrace_signal *signal);
void utrace_signal_send(struct utrace_signal *signal);
bool utrace_signal_is_ptraced(void);
bool utrace_signal_is_orphaned(const struct utrace_signal_functions *fn);
bool utrace_signal_is_stop_pending(void);
bool utrace_signal_stop_pending(bool *completes);
bool utrace_signal_stops_alone(void);
bool utrace_signal_stops_for_ptrace(void);
void utrace_signal_enter_frozen(const struct utrace_signal_functions *fn);
void utrace_signal_leave_frozen(const struct utrace_signal_functions *fn);
int utrace_signal_tell_continued(const struct utrace_signal_functions *fn);
bool utrace_signal_join_stop(const struct utrace_signal_functions *fn);
bool utrace_signal_begin_stop(const struct utrace_signal *signal, int sig, int as,
			      const struct utrace_signal_functions *fn);
void utrace_signal_stop_parked(bool unreported, const struct utrace_signal_functions *fn);
void utrace_signal_set_reported(bool any, bool ignored);
void utrace_signal_restore_reported(bool ignored);
void utrace_signal_clear_reported(struct task_struct *task);
void utrace_signal_inherit(struct task_struct *child);

/* step.c */
#define UTRACE_STEP_OWN_FLAG	(1 << 0)	/* the program has set the trap flag itself */
#define UTRACE_STEP_LOADS_FLAG	(1 << 1)	/* the instruction may load the flag */
#define UTRACE_STEP_STORES_FLAG	(1 << 2)	/* the instruction stores the flag */
#define UTRACE_STEP_BLOCKED	(1 << 3)	/* the program blocks SIGTRAP */

/* What is to be known of a step when it is over. */
struct utrace_step {
	/* The instruction, and the one behind it if it is one of those. */
	unsigned long ip;
	unsigned long next;
	/* What the program does with SIGTRAP. */
	unsigned long handler;
	u32 facts;
};

bool utrace_step_by_ptrace(void);
bool utrace_step_shared(void);
void utrace_step_begin(struct utrace_step *step, unsigned long enable, bool block);
void utrace_step_end(const struct utrace_step *step, unsigned long disable, bool in_call);
void utrace_step_trap(struct utrace_step *step, unsigned long report);
void utrace_step_restore_choice(const struct utrace_step *step);
bool utrace_step_signals_first(void);
bool utrace_step_trap_is_queued(void);
bool utrace_probe_block_step(void);

/* What a thread in a system call is about to do, or has done. */
struct utrace_syscall {
	u32 arch;
	bool is_error;
	long nr;
	long result;
	unsigned long args[6];
	unsigned long ip;
	unsigned long sp;
};

void utrace_syscall_of(struct task_struct *task, struct utrace_syscall *call);
void utrace_set_syscall_of(struct task_struct *task, long nr, const unsigned long args[6]);
void utrace_set_result_of(struct task_struct *task, long result);

/* regset.c */
struct user_regset_view;

#define UTRACE_REGISTERS	27

struct utrace_regset {
	u32 note_type;
	u32 slots;
	u32 slot_size;
	u32 align;
	bool readable;
	bool writable;
	const char *note_name;
};

int utrace_find_views(void);
const struct user_regset_view *utrace_view_64(void);
const struct user_regset_view *utrace_view_32(void);
const struct user_regset_view *utrace_view_of(struct task_struct *task);
const char *utrace_view_name(const struct user_regset_view *view);
u32 utrace_view_machine(const struct user_regset_view *view);
u32 utrace_view_count(const struct user_regset_view *view);
void utrace_regset_describe(const struct user_regset_view *view, u32 index,
			    struct utrace_regset *regset);
long utrace_regset_active(struct task_struct *task, const struct user_regset_view *view, u32 index);
long utrace_regset_read(struct task_struct *task, const struct user_regset_view *view, u32 index,
			size_t pos, void *buf, size_t size);
long utrace_regset_write(unsigned long wait_task_inactive_fn, struct task_struct *task,
			 const struct user_regset_view *view, u32 index, size_t pos,
			 const void *buf, size_t size);
void utrace_registers(struct task_struct *task, unsigned long regs[UTRACE_REGISTERS]);
long utrace_set_registers(unsigned long wait_task_inactive_fn, struct task_struct *task,
			  const unsigned long regs[UTRACE_REGISTERS]);

/* memory.c */
size_t utrace_memory_read(struct task_struct *task, unsigned long addr, void *buf, size_t size);
size_t utrace_memory_write(struct task_struct *task, unsigned long addr, const void *buf,
			   size_t size, bool force);

/* workbit.c */
bool utrace_work_bit(struct task_struct *task);
void utrace_set_work_bit(struct task_struct *task);
void utrace_clear_work_bit(struct task_struct *task);
typedef void (*utrace_thread_fn)(struct task_struct *task);
void utrace_visit_threads(utrace_thread_fn fn);
struct tracepoint *utrace_find_tracepoint(const char *name);
bool utrace_tracepoint_enabled(struct tracepoint *tp);
int utrace_under_tracepoints_mutex(void (*fn)(void));
int utrace_probe_signals(utrace_thread_fn killed, utrace_thread_fn stopped);
void utrace_unprobe_signals(void);
void utrace_visit_group(struct task_struct *task, utrace_thread_fn fn);

/* table.c */
#define UTRACE_ENTRY_ANY	0x80000000
#define UTRACE_TABLE_BITS	13

struct utrace_entry {
	struct hlist_node node;
	struct task_struct *task;
	/* Who found the entry and uses it; the Rust side says more. An atomic_t, for bindgen plain. */
	int users;
	/* What the object is looked up for; UTRACE_ENTRY_ANY is always set. */
	u32 filter;
};

extern struct hlist_head *utrace_table_buckets;

int utrace_table_init(void);
void utrace_table_destroy(void);
int utrace_table_insert(struct utrace_entry *entry);
void utrace_table_remove(struct utrace_entry *entry);
struct utrace_entry *utrace_table_get(struct task_struct *task);

/* ../capi/capi.c */
void utrace_warn_answer(const void *callback, u32 answer);
void utrace_warn_signal(int sig);

/* kthread.c */
struct task_struct *utrace_kthread_create(int (*fn)(void *), void *data, const char *name);
void utrace_kthread_wait_for_stop(void);
int utrace_bind_to_cpu(struct task_struct *task, unsigned int cpu);

/* tracehook/call.S */
long utrace_call0(unsigned long addr);
long utrace_call1(unsigned long addr, unsigned long a);
long utrace_call2(unsigned long addr, unsigned long a, unsigned long b);
long utrace_call3(unsigned long addr, unsigned long a, unsigned long b, unsigned long c);

#endif
