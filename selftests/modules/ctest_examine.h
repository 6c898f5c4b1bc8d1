/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UT_EXAMINE over the C API: what is done between utrace_prepare_examine() and
 * utrace_finish_examine(). Part of utrace_ctest.c.
 */
#ifndef CTEST_EXAMINE_H
#define CTEST_EXAMINE_H

#include <linux/ptrace.h>
#include <linux/regset.h>
#include <linux/utrace.h>

#include "../utrace_ctest.h"

#define EXAMINE_MAX	(1 << 20)

/* What is left to be done in a callback, and what came of it. */
struct request {
	struct ut_examine x;
	void *data;
	bool finished;
};

static void request_free(struct request *request)
{
	if (request)
		kvfree(request->data);
	kfree(request);
}

static struct request *request_new(const struct ut_examine *x)
{
	struct request *request = kzalloc_obj(*request);
	int err = -ENOMEM;

	if (!request || x->size > EXAMINE_MAX)
		goto failed;
	request->x = *x;
	request->data = kvzalloc(max_t(size_t, x->size, sizeof(struct user_regs_struct)), GFP_KERNEL);
	if (!request->data)
		goto failed;
	err = -EFAULT;
	if (x->buf && copy_from_user(request->data, (void __user *)x->buf, x->size))
		goto failed;
	return request;
failed:
	request_free(request);
	return ERR_PTR(err);
}

/* Gives back what was found. */
static int request_finish(struct request *request, struct ut_examine *x)
{
	int err = 0;

	if (x->buf && copy_to_user((void __user *)x->buf, request->data, x->size))
		err = -EFAULT;
	*x = request->x;
	request_free(request);
	return err;
}

static long look_at_view(const struct utrace_examiner *exam, struct ut_examine *x)
{
	const struct user_regset_view *view = utrace_regset_view(exam, x->view);
	const struct user_regset *regset;

	if (IS_ERR(view))
		return PTR_ERR(view);
	if (x->index >= view->n)
		return -ENOENT;
	regset = &view->regsets[x->index];
	x->view = view->e_machine;
	x->index = view->n;
	x->note = regset->core_note_type;
	x->slots = regset->n;
	x->slot_size = regset->size;
	x->writable = !!regset->set;
	strscpy(x->name, regset->core_note_name ?: "", sizeof(x->name));
	strscpy(x->view_name, view->name, sizeof(x->view_name));
	return regset->n * regset->size;
}

static long look_at_syscall(const struct utrace_examiner *exam, struct ut_examine *x)
{
	struct utrace_syscall_info info;
	int err = utrace_get_syscall(exam, &info), i;

	if (err)
		return err;
	x->arch = info.arch;
	x->ip = info.ip;
	x->sp = info.sp;
	x->phase = info.phase;
	if (info.phase != UTRACE_PHASE_NONE)
		x->nr = info.nr;
	if (info.phase == UTRACE_PHASE_EXIT) {
		x->result = info.result;
		x->is_error = info.is_error;
	}
	for (i = 0; i < 6 && info.phase == UTRACE_PHASE_ENTRY; i++)
		x->args[i] = info.args[i];
	return 0;
}

static long set_call(const struct utrace_examiner *exam, const struct ut_examine *x)
{
	unsigned long args[6];
	int i;

	for (i = 0; i < 6; i++)
		args[i] = x->args[i];
	return utrace_set_syscall(exam, x->nr, args);
}

static long try_perform(const struct utrace_examiner *exam, struct ut_examine *x, void *data)
{
	struct user_regs_struct *regs = data;

	switch (x->op) {
	case UT_X_GET_REGS:
		return utrace_get_regs(exam, regs) ?: (long)sizeof(*regs);
	case UT_X_SET_REGS:
		return utrace_set_regs(exam, regs);
	case UT_X_VIEW:
		return look_at_view(exam, x);
	case UT_X_ACTIVE:
		return utrace_regset_size(exam, x->view, x->note);
	case UT_X_GET_REGSET:
		return utrace_get_regset(exam, x->view, x->note, x->addr, data, x->size);
	case UT_X_SET_REGSET:
		return utrace_set_regset(exam, x->view, x->note, x->addr, data, x->size);
	case UT_X_READ:
		return utrace_read_memory(exam, x->addr, data, x->size);
	case UT_X_WRITE:
		return utrace_write_memory(exam, x->addr, data, x->size, true);
	case UT_X_WRITE_UNFORCED:
		return utrace_write_memory(exam, x->addr, data, x->size, false);
	case UT_X_STRING:
		return utrace_read_string(exam, x->addr, data, x->size);
	case UT_X_SYSCALL:
		return look_at_syscall(exam, x);
	case UT_X_SET_SYSCALL:
		return set_call(exam, x);
	case UT_X_SET_RESULT:
		return utrace_set_syscall_result(exam, x->result);
	case UT_X_SKIP:
		return utrace_skip_syscall(exam, x->result);
	default:
		return 0;
	}
}

static void perform(const struct utrace_examiner *exam, struct request *request)
{
	request->x.done = try_perform(exam, &request->x, request->data);
}

#endif
