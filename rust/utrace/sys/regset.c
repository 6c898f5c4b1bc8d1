// SPDX-License-Identifier: GPL-2.0
/*
 * The registers of a thread that is parked, or is the current one: the kernel's views and regsets.
 */
#include <linux/elf.h>
#include <linux/ptrace.h>
#include <linux/regset.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "helpers.h"

/* The general registers in the 64-bit view, and of those the ones that a struct pt_regs begins with. */
#define GENERAL		0
#define PLAIN		(offsetof(struct user_regs_struct, cs) / sizeof(unsigned long))

static_assert(sizeof(struct user_regs_struct) == UTRACE_REGISTERS * sizeof(unsigned long));
static_assert(offsetof(struct user_regs_struct, cs) == offsetof(struct pt_regs, cs));
static_assert(offsetof(struct user_regs_struct, sp) == offsetof(struct pt_regs, sp));

static const struct user_regset_view *view_64, *view_32;

const struct user_regset_view *utrace_view_64(void)
{
	return view_64;
}

const struct user_regset_view *utrace_view_32(void)
{
	return view_32;
}

/*
 * The kernel tells the view of a thread, from the code segment that it runs in; the views
 * themselves have no names. So it is asked about a thread that is made up of nothing else.
 */
int utrace_find_views(void)
{
	struct task_struct *task = kzalloc(sizeof(*task), GFP_KERNEL);
	void *stack = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, THREAD_SIZE_ORDER);
	int err = -ENOMEM;

	if (task && stack) {
		task->stack = stack;
		task_pt_regs(task)->cs = __USER_CS;
		view_64 = task_user_regset_view(task);
		task_pt_regs(task)->cs = __USER32_CS;
		view_32 = task_user_regset_view(task);
		if (view_32->e_machine != EM_386)
			view_32 = NULL;
		err = 0;
		if (view_64->e_machine != EM_X86_64 || view_64->regsets[GENERAL].n != UTRACE_REGISTERS)
			err = -ENOEXEC;
	}
	free_pages((unsigned long)stack, THREAD_SIZE_ORDER);
	kfree(task);
	return err;
}

const struct user_regset_view *utrace_view_of(struct task_struct *task)
{
	return task_user_regset_view(task);
}

const char *utrace_view_name(const struct user_regset_view *view)
{
	return view->name;
}

u32 utrace_view_machine(const struct user_regset_view *view)
{
	return view->e_machine;
}

u32 utrace_view_count(const struct user_regset_view *view)
{
	return view->n;
}

void utrace_regset_describe(const struct user_regset_view *view, u32 index,
			    struct utrace_regset *regset)
{
	const struct user_regset *from = &view->regsets[index];

	*regset = (struct utrace_regset) {
		.note_type = from->core_note_type,
		.slots = from->n,
		.slot_size = from->size,
		.align = from->align,
		.readable = from->regset_get != NULL,
		.writable = from->set != NULL,
		.note_name = from->core_note_name ?: "",
	};
}

/*
 * The functions of a regset are for debuggers, which are user threads: those of the FPU look whether
 * the thread is the current one, and kernels with CONFIG_X86_DEBUG_FPU warn when they ask so of a
 * thread that cannot have an FPU state. So a kernel thread does not look like one meanwhile. Only
 * the current thread writes its flags; with interrupts off nobody else here reads them, and no one
 * uses the FPU for himself, who would save a state for it. None of the functions sleeps.
 */
#define STATELESS	(PF_KTHREAD | PF_USER_WORKER)

struct disguise {
	unsigned int kind;
	unsigned long irq;
};

static struct disguise put_on(void)
{
	struct disguise disguise = { .kind = current->flags & STATELESS };

	if (disguise.kind) {
		local_irq_save(disguise.irq);
		current->flags &= ~STATELESS;
	}
	return disguise;
}

static void take_off(struct disguise disguise)
{
	if (disguise.kind) {
		current->flags |= disguise.kind;
		local_irq_restore(disguise.irq);
	}
}

/* How many bytes of the regset are in use. */
long utrace_regset_active(struct task_struct *task, const struct user_regset_view *view, u32 index)
{
	const struct user_regset *regset = &view->regsets[index];
	int n = regset->n;

	if (regset->active)
		n = regset->active(task, regset);
	return n < 0 ? n : (long)n * regset->size;
}

long utrace_regset_read(struct task_struct *task, const struct user_regset_view *view, u32 index,
			size_t pos, void *buf, size_t size)
{
	const struct user_regset *regset = &view->regsets[index];
	size_t all = (size_t)regset->n * regset->size;
	struct disguise disguise;
	void *whole = buf;
	int got;

	if (!regset->regset_get)
		return -EOPNOTSUPP;
	if (pos % regset->size || size % regset->size)
		return -EINVAL;
	if (pos >= all)
		return 0;
	size = min(size, all - pos);
	/* The kernel reads from the beginning. */
	if (pos) {
		whole = kvzalloc(pos + size, GFP_KERNEL);
		if (!whole)
			return -ENOMEM;
	}
	disguise = put_on();
	got = regset_get(task, regset, pos + size, whole);
	take_off(disguise);
	if (pos) {
		if (got >= 0) {
			got = max(0, got - (int)pos);
			memcpy(buf, whole + pos, got);
		}
		kvfree(whole);
	}
	return got;
}

/* A write, made by somebody whom the regset's function takes for a debugger. */
struct job {
	struct work_struct work;
	unsigned long wait_fn;
	struct task_struct *task;
	const struct user_regset *regset;
	unsigned int pos, size;
	const void *buf;
	int result;
};

static void write_now(struct job *job)
{
	struct disguise disguise = put_on();

	job->result = job->regset->set(job->task, job->regset, job->pos, job->size, job->buf, NULL);
	take_off(disguise);
}

static void write_asleep(struct work_struct *work)
{
	struct job *job = container_of(work, struct job, work);

	while (!utrace_wait_inactive(job->wait_fn, job->task))
		utrace_wait_a_moment();
	write_now(job);
}

static int write_regset(unsigned long wait_fn, struct task_struct *task,
			const struct user_regset *regset, size_t pos, const void *buf, size_t size)
{
	struct job job = {
		.wait_fn = wait_fn, .task = task, .regset = regset, .pos = pos, .size = size, .buf = buf,
	};

	/*
	 * The functions write what the thread gets when it is switched to, so not to the current one:
	 * that sleeps while a worker does it. Nor do they write all of it for a 32-bit debugger.
	 */
	if (task != current) {
		if (!in_ia32_syscall()) {
			write_now(&job);
			return job.result;
		}
	}
	INIT_WORK_ONSTACK(&job.work, write_asleep);
	queue_work(system_dfl_wq, &job.work);
	flush_work(&job.work);
	destroy_work_on_stack(&job.work);
	return job.result;
}

long utrace_regset_write(unsigned long wait_fn, struct task_struct *task,
			 const struct user_regset_view *view, u32 index, size_t pos,
			 const void *buf, size_t size)
{
	const struct user_regset *regset = &view->regsets[index];
	size_t all = (size_t)regset->n * regset->size;

	if (!regset->set)
		return -EOPNOTSUPP;
	if (pos % regset->size || size % regset->size || pos > all || size > all - pos)
		return -EINVAL;
	return write_regset(wait_fn, task, regset, pos, buf, size);
}

void utrace_registers(struct task_struct *task, unsigned long regs[UTRACE_REGISTERS])
{
	/* Reads words; there is nothing that could fail. */
	regset_get(task, &view_64->regsets[GENERAL], UTRACE_REGISTERS * sizeof(*regs), regs);
}

/* All or, if one of them has no such value, none. */
long utrace_set_registers(unsigned long wait_fn, struct task_struct *task,
			  const unsigned long regs[UTRACE_REGISTERS])
{
	const struct user_regset *regset = &view_64->regsets[GENERAL];
	const unsigned int sp = offsetof(struct user_regs_struct, sp) / sizeof(*regs);
	unsigned long old[UTRACE_REGISTERS];
	struct pt_regs *user = task_pt_regs(task);
	long err;

	utrace_registers(task, old);
	if (task == current && !memcmp(old + PLAIN, regs + PLAIN, (sp - PLAIN) * sizeof(*regs)) &&
	    !memcmp(old + sp + 1, regs + sp + 1, (UTRACE_REGISTERS - sp - 1) * sizeof(*regs))) {
		/* No segment and no flag: these are taken from the stack as they are. */
		memcpy(user, regs, PLAIN * sizeof(*regs));
		user->sp = regs[sp];
		return 0;
	}
	err = write_regset(wait_fn, task, regset, 0, regs, sizeof(old));
	if (err)
		write_regset(wait_fn, task, regset, 0, old, sizeof(old));
	return err;
}
