// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/utrace_ctest: engines scripted by test programs, over the C API. See utrace_ctest.h.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/utrace.h>
#include <linux/wait.h>

#include <asm/syscall.h>

#include "../utrace_ctest.h"
#include "ctest_examine.h"

#define NR_SLOTS	64
#define NR_SCRIPTS	16
#define USED_UP		0xffffffff

struct session;

/* One engine of a session; its data. Lives as long as the session. */
struct slot {
	struct session *session;
	struct utrace_engine *engine;
	struct task_struct *task;
	struct pid *pid;
	struct ut_script scripts[NR_SCRIPTS];
	unsigned int nr_scripts, held, go, index;
	u64 events;
	atomic_t releases;
	/* References that are the test's. */
	unsigned int refs;
	bool dropped;
	struct hrtimer timer;
	u64 timer_ticket;
	/* What the timer does for UC_IRQ, and what came of it. */
	struct hrtimer irq;
	struct ut_op irq_op;
	struct completion irq_done;
	int irq_result;
	/* For the next callback whose script says so. */
	struct request *examine;
	/* One that is used when its callback is over. */
	struct utrace_examiner stale;
};

struct logged {
	struct list_head node;
	struct ut_event event;
};

/* One open file. Each engine that is not released has a reference. */
struct session {
	struct kref kref;
	struct mutex lock;
	wait_queue_head_t changed;
	struct slot *slots[NR_SLOTS];
	unsigned int nr_slots;
	struct list_head log;
	u64 seq;
	bool closing, leak;
};

static const struct utrace_engine_ops *const ops_of[];

static void session_free(struct kref *kref)
{
	struct session *session = container_of(kref, struct session, kref);
	struct logged *logged, *next;
	unsigned int i;

	list_for_each_entry_safe(logged, next, &session->log, node)
		kfree(logged);
	for (i = 0; i < session->nr_slots; i++) {
		put_task_struct(session->slots[i]->task);
		put_pid(session->slots[i]->pid);
		request_free(session->slots[i]->examine);
		kfree(session->slots[i]);
	}
	kfree(session);
}

static void session_put(struct session *session)
{
	kref_put(&session->kref, session_free);
}

static void release(void *data)
{
	struct slot *slot = data;

	atomic_inc(&slot->releases);
	session_put(slot->session);
}

/* --- callbacks ------------------------------------------------------------------------------ */

static enum hrtimer_restart timer_resumes(struct hrtimer *timer)
{
	struct slot *slot = container_of(timer, struct slot, timer);

	utrace_resume_ticket(slot->engine, slot->timer_ticket);
	return HRTIMER_NORESTART;
}

static enum hrtimer_restart in_irq(struct hrtimer *timer)
{
	struct slot *slot = container_of(timer, struct slot, irq);
	struct ut_op *op = &slot->irq_op;

	if (!in_hardirq()) {
		slot->irq_result = -EPROTO;
	} else if (op->value == UC_IRQ_STOP) {
		slot->irq_result = utrace_stop_engine(slot->engine, &op->ticket);
	} else if (op->value == UC_IRQ_RESUME) {
		slot->irq_result = utrace_resume_ticket(slot->engine, op->ticket);
	} else if (op->value == UC_IRQ_GET_PUT) {
		utrace_engine_get(slot->engine);
		utrace_engine_put(slot->engine);
		slot->irq_result = 0;
	} else {
		slot->irq_result = utrace_control(slot->task, slot->engine, op->value);
	}
	complete(&slot->irq_done);
	return HRTIMER_NORESTART;
}

static void hold(struct slot *slot, unsigned int where)
{
	struct session *session = slot->session;

	mutex_lock(&session->lock);
	slot->held = where;
	wake_up_all(&session->changed);
	while (!slot->go && !session->closing) {
		mutex_unlock(&session->lock);
		wait_event_killable(session->changed,
				    READ_ONCE(slot->go) || READ_ONCE(session->closing));
		mutex_lock(&session->lock);
		if (fatal_signal_pending(current))
			break;
	}
	if (slot->go)
		slot->go--;
	slot->held = 0;
	mutex_unlock(&session->lock);
	wake_up_all(&session->changed);
}

static bool take_script(struct slot *slot, const struct ut_event *event, struct ut_script *script)
{
	unsigned int i;
	bool found = false;

	mutex_lock(&slot->session->lock);
	for (i = 0; i < slot->nr_scripts && !found; i++) {
		struct ut_script *s = &slot->scripts[i];

		if (s->event != event->event || (s->nr != -1 && s->nr != event->nr) ||
		    s->times == USED_UP)
			continue;
		*script = *s;
		found = true;
		if (s->times)
			s->times = s->times == 1 ? USED_UP : s->times - 1;
	}
	mutex_unlock(&slot->session->lock);
	return found;
}

static void log_event(struct slot *slot, const struct ut_event *event, bool quiet)
{
	struct logged *logged = quiet ? NULL : kzalloc_obj(*logged);
	struct session *session = slot->session;

	mutex_lock(&session->lock);
	slot->events++;
	if (logged) {
		logged->event = *event;
		logged->event.seq = session->seq++;
		list_add_tail(&logged->node, &session->log);
	}
	mutex_unlock(&session->lock);
	wake_up_all(&session->changed);
}

static int do_attach(struct session *session, struct task_struct *task, struct pid *pid,
		     const struct uc_attach *request, struct slot **made);

/* In a callback: what was left to be done there. */
static void examine_here(struct slot *slot)
{
	struct session *session = slot->session;
	struct request *request;

	mutex_lock(&session->lock);
	request = slot->examine;
	slot->examine = NULL;
	mutex_unlock(&session->lock);
	if (!request)
		return;
	request->x.prepare = utrace_prepare_examine(slot->task, slot->engine, &slot->stale);
	if (!request->x.prepare) {
		struct utrace_examiner exam = slot->stale;

		perform(&exam, request);
		request->x.finish = utrace_finish_examine(slot->task, slot->engine, &exam);
	}
	mutex_lock(&session->lock);
	request->finished = true;
	slot->examine = request;
	mutex_unlock(&session->lock);
	wake_up_all(&session->changed);
}

/* What every callback does: log, and follow the script. */
static u32 hit(struct utrace_engine *engine, struct ut_event *event, struct ut_script *script)
{
	struct slot *slot = engine->data, *made;
	struct uc_attach peer = { .flags = UTRACE_ATTACH_CREATE, .data = -1 };

	event->engine = slot->index;
	event->tid = slot->task->pid;
	event->ticket = utrace_stop_ticket(engine);
	if (!take_script(slot, event, script)) {
		log_event(slot, event, false);
		*script = (struct ut_script) { .action = UTRACE_RESUME };
		return UTRACE_RESUME;
	}
	if (script->flags & UT_F_RESUME_TICKET)
		event->inside = utrace_resume_ticket(engine, event->ticket);
	if (script->flags & UT_F_RESUME_PLAIN)
		event->inside = utrace_control(current, engine, UTRACE_RESUME);
	if (script->flags & UT_F_RESUME_TIMER) {
		slot->timer_ticket = event->ticket;
		hrtimer_start(&slot->timer, us_to_ktime(script->delay_us), HRTIMER_MODE_REL_HARD);
	}
	if (script->flags & UC_F_SET_EVENTS)
		event->inside = utrace_set_events(slot->task, engine, script->new_nr);
	if (script->flags & UC_F_BARRIER)
		event->inside = utrace_barrier(slot->task, engine);
	if (script->flags & UC_F_DETACH)
		event->inside = utrace_control(slot->task, engine, UTRACE_DETACH);
	if (script->flags & UC_F_CONTROL)
		event->inside = utrace_control(slot->task, engine, script->new_nr);
	if (script->flags & UC_F_TICKET)
		event->ticket = utrace_stop_ticket(slot->session->slots[script->delay_us]->engine);
	if (script->flags & UT_F_ATTACH_PEER) {
		event->inside = do_attach(slot->session, slot->task, slot->pid, &peer, &made);
		if (!event->inside) {
			event->child_engine = made->index;
			event->inside = utrace_set_events(slot->task, made->engine, event->event);
		}
	}
	if (script->flags & UT_F_EXAMINE)
		examine_here(slot);
	log_event(slot, event, script->flags & UT_F_QUIET);
	if (script->flags & UT_F_HOLD_CALLBACK)
		hold(slot, UT_IN_CALLBACK);
	return script->action;
}

static u32 report_quiesce(u32 action, struct utrace_engine *engine, unsigned long event)
{
	struct ut_event e = { .event = UT_QUIESCE, .nr = -1, .quiesce_for = event,
			      .resumed = action };
	struct ut_script script;

	return hit(engine, &e, &script);
}

static u32 report_clone(u32 action, struct utrace_engine *engine, unsigned long clone_flags,
			struct task_struct *child)
{
	struct ut_event e = { .event = UT_CLONE, .nr = -1, .args = { clone_flags },
			      .child = child->pid, .resumed = action };
	struct uc_attach request = { .flags = UTRACE_ATTACH_CREATE, .data = -1 };
	struct slot *slot = engine->data, *made;
	struct ut_script script;
	u64 ticket = 0;
	int err = 0;

	/* Only looked at: the script is taken by hit(). */
	mutex_lock(&slot->session->lock);
	if (slot->nr_scripts && slot->scripts[0].event == UT_CLONE)
		script = slot->scripts[0];
	else
		script.flags = 0;
	mutex_unlock(&slot->session->lock);
	if (script.flags & UT_F_FOLLOW) {
		err = do_attach(slot->session, child, task_pid(child), &request, &made);
		if (!err) {
			e.child_engine = made->index;
			err = utrace_set_events(child, made->engine, 0xfe);
		}
		if (!err && script.flags & UT_F_STOP_CHILD)
			err = utrace_stop_engine(made->engine, &ticket);
		e.inside = err;
		e.result = ticket;
	}
	return hit(engine, &e, &script);
}

static u32 report_exec(u32 action, struct utrace_engine *engine, const struct linux_binfmt *fmt,
		       const struct linux_binprm *bprm, struct pt_regs *regs)
{
	struct ut_event e = { .event = UT_EXEC, .nr = -1, .resumed = action };
	struct ut_script script;

	e.args[0] = fmt && fmt == current->mm->binfmt;
	e.args[1] = !bprm;
	e.args[2] = regs == task_pt_regs(current);
	return hit(engine, &e, &script);
}

static u32 report_syscall_entry(u32 action, struct utrace_engine *engine, struct pt_regs *regs)
{
	struct ut_event e = { .event = UT_SYSCALL_ENTRY };
	unsigned long args[6];
	struct ut_script script;
	unsigned int i;
	u32 answer;

	e.nr = syscall_get_nr(current, regs);
	syscall_get_arguments(current, regs, args);
	for (i = 0; i < 6; i++)
		e.args[i] = args[i];
	e.resumed = action;
	e.aborted = utrace_syscall_action(action) == UTRACE_SYSCALL_ABORT;
	answer = hit(engine, &e, &script);
	if (script.flags & UT_F_NR)
		regs->orig_ax = script.new_nr;
	if (script.flags & UT_F_ARGS) {
		for (i = 0; i < 6; i++)
			args[i] = script.args[i];
		syscall_set_arguments(current, regs, args);
	}
	if (script.flags & UT_F_ABORT) {
		if (!(script.flags & UT_F_DEFAULT))
			syscall_set_return_value(current, regs, 0, script.result);
		answer |= UTRACE_SYSCALL_ABORT;
	}
	return answer;
}

static u32 report_syscall_exit(u32 action, struct utrace_engine *engine, struct pt_regs *regs)
{
	struct ut_event e = { .event = UT_SYSCALL_EXIT, .resumed = action };
	struct ut_script script;
	u32 answer;

	e.nr = syscall_get_nr(current, regs);
	e.result = syscall_get_return_value(current, regs);
	answer = hit(engine, &e, &script);
	if (script.flags & UT_F_RESULT)
		syscall_set_return_value(current, regs, 0, script.result);
	return answer;
}

/* In @nr the signal, in @resumed what it is to do, in the header's numbers. */
static u32 report_signal(u32 action, struct utrace_engine *engine, struct pt_regs *regs,
			 kernel_siginfo_t *info, const struct k_sigaction *orig_ka,
			 struct k_sigaction *return_ka)
{
	struct ut_event e = { .event = UT_SIGNAL, .nr = info->si_signo, .resumed = action };
	struct ut_script script;
	u32 answer;

	if (utrace_signal_action(action) == UTRACE_SIGNAL_REPORT)
		e.event = UT_ROUND_REPORT;
	else if (utrace_signal_action(action) == UTRACE_SIGNAL_HANDLER)
		e.event = UT_ROUND_HANDLER;
	e.result = info->si_code;
	e.args[0] = (unsigned long)info->si_value.sival_ptr;
	e.args[1] = !!orig_ka;
	e.args[2] = regs == task_pt_regs(current);
	e.args[3] = orig_ka ? (unsigned long)orig_ka->sa.sa_handler : 0;
	e.args[4] = regs->ip;
	answer = hit(engine, &e, &script);
	if (script.flags & UC_F_SIGNAL) {
		if (script.args[UT_S_NUMBER])
			info->si_signo = script.args[UT_S_NUMBER];
		if (script.args[UT_S_CODE])
			info->si_code = script.args[UT_S_CODE];
		if (script.args[UT_S_VALUE])
			info->si_value.sival_ptr = (void __user *)script.args[UT_S_VALUE];
		if (script.args[UT_S_HANDLER])
			return_ka->sa.sa_handler = (__sighandler_t)(unsigned long)
				(script.args[UT_S_HANDLER] & ~UT_S_DEFAULT);
	}
	return answer;
}

static u32 report_jctl(u32 action, struct utrace_engine *engine, int type, int notify)
{
	struct ut_event e = { .event = UT_JCTL, .nr = type, .result = notify, .resumed = action };
	struct ut_script script;

	return hit(engine, &e, &script);
}

static u32 report_exit(u32 action, struct utrace_engine *engine, long orig_code, long *code)
{
	struct ut_event e = { .event = UT_EXIT, .nr = -1, .result = orig_code, .resumed = action };
	struct ut_script script;
	u32 answer;

	e.args[0] = *code;
	answer = hit(engine, &e, &script);
	if (script.flags & UC_F_CODE)
		*code = script.result;
	return answer;
}

static u32 report_death(struct utrace_engine *engine, bool group_dead, int signal)
{
	struct ut_event e = { .event = UT_DEATH, .nr = -1, .result = group_dead };
	struct ut_script script;

	e.args[0] = (s64)signal;
	return hit(engine, &e, &script);
}

static void report_reap(struct utrace_engine *engine, struct task_struct *task)
{
	struct ut_event e = { .event = UT_REAP, .nr = -1 };
	struct slot *slot = engine->data;
	struct ut_script script;

	e.args[0] = task == slot->task;
	hit(engine, &e, &script);
}

#define CALLBACKS						\
	.report_quiesce = report_quiesce,			\
	.report_signal = report_signal,				\
	.report_jctl = report_jctl,				\
	.report_clone = report_clone,				\
	.report_exec = report_exec,				\
	.report_syscall_entry = report_syscall_entry,		\
	.report_syscall_exit = report_syscall_exit,		\
	.report_exit = report_exit,				\
	.report_death = report_death,				\
	.report_reap = report_reap,				\
	.release = release

static const struct utrace_engine_ops ops = { UTRACE_ENGINE_OPS_SIZE, CALLBACKS };
static const struct utrace_engine_ops ops_other = { UTRACE_ENGINE_OPS_SIZE, CALLBACKS };
static const struct utrace_engine_ops ops_no_size = { CALLBACKS };
static const struct utrace_engine_ops ops_large = { .size = sizeof(ops) + 8, CALLBACKS };
static const struct utrace_engine_ops ops_empty = { UTRACE_ENGINE_OPS_SIZE };

static const struct utrace_engine_ops *const ops_of[] = {
	[UC_OPS] = &ops,
	[UC_OPS_OTHER] = &ops_other,
	[UC_OPS_NO_SIZE] = &ops_no_size,
	[UC_OPS_LARGE] = &ops_large,
	[UC_OPS_EMPTY] = &ops_empty,
	[UC_OPS_NULL] = NULL,
};

/* --- the device ----------------------------------------------------------------------------- */

static struct slot *slot_of(struct session *session, unsigned int index)
{
	struct slot *slot = NULL;

	mutex_lock(&session->lock);
	if (index < session->nr_slots)
		slot = session->slots[index];
	mutex_unlock(&session->lock);
	return slot;
}

static struct utrace_engine *attach_as(const struct uc_attach *request, struct task_struct *task,
				       struct pid *pid, void *data)
{
	const struct utrace_engine_ops *use;

	if (request->ops >= ARRAY_SIZE(ops_of))
		return ERR_PTR(-EBADF);
	use = ops_of[request->ops];
	if (request->by_pid)
		return utrace_attach_pid(pid, request->flags, use, data);
	if (!task)
		return ERR_PTR(-ENXIO);
	if (!(request->flags & UTRACE_ATTACH_CREATE)) {
		/* It only looks. */
		guard(preempt)();
		return utrace_attach_task(task, request->flags, use, data);
	}
	return utrace_attach_task(task, request->flags, use, data);
}

/* Attaches, and makes a slot of it. */
static int do_attach(struct session *session, struct task_struct *task, struct pid *pid,
		     const struct uc_attach *request, struct slot **made)
{
	struct slot *slot = kzalloc_obj(*slot), *other = NULL;
	void *data = slot;
	int err = -ENOSPC;

	if (!slot)
		return -ENOMEM;
	if (request->data >= 0) {
		other = slot_of(session, request->data);
		data = other;
	}
	slot->session = session;
	slot->refs = 1;
	hrtimer_setup(&slot->timer, timer_resumes, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	hrtimer_setup(&slot->irq, in_irq, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	/* For the engine, if there will be one; release() gives it back. */
	kref_get(&session->kref);
	slot->engine = attach_as(request, task, pid, data);
	if (IS_ERR(slot->engine)) {
		err = PTR_ERR(slot->engine);
		/* An engine that never was is never released. */
		if (atomic_read(&slot->releases))
			err = -EPROTO;
		else
			session_put(session);
		kfree(slot);
		return err;
	}
	slot->task = get_task_struct(task);
	slot->pid = get_pid(pid);
	mutex_lock(&session->lock);
	if (session->nr_slots < NR_SLOTS) {
		slot->index = session->nr_slots;
		session->slots[session->nr_slots++] = slot;
		err = 0;
	}
	mutex_unlock(&session->lock);
	/* A test that makes more does not exist. */
	WARN_ON(err);
	*made = slot;
	return err;
}

static int find_engine(struct session *session, struct task_struct *task, struct pid *pid,
		       struct uc_attach *request)
{
	struct slot *data = request->data >= 0 ? slot_of(session, request->data) : NULL;
	struct utrace_engine *engine = attach_as(request, task, pid, data);
	unsigned int i;
	int err = -EXDEV;

	if (IS_ERR(engine))
		return PTR_ERR(engine);
	for (i = 0; i < session->nr_slots; i++) {
		if (session->slots[i]->engine == engine) {
			request->engine = i;
			err = 0;
		}
	}
	utrace_engine_put(engine);
	return err;
}

static int ctest_attach(struct session *session, struct uc_attach *request)
{
	struct slot *of = request->of >= 0 ? slot_of(session, request->of) : NULL, *made;
	struct pid *pid = of ? get_pid(of->pid) : find_get_pid(request->pid);
	struct task_struct *task = of ? get_task_struct(of->task) :
				   get_pid_task(pid, PIDTYPE_PID);
	int err;

	if (request->flags & UTRACE_ATTACH_CREATE) {
		err = do_attach(session, task, pid, request, &made);
		if (!err)
			request->engine = made->index;
	} else {
		err = find_engine(session, task, pid, request);
	}
	if (task)
		put_task_struct(task);
	put_pid(pid);
	return err;
}

static int control(struct slot *slot, const struct ut_op *op)
{
	switch (op->found) {
	case UC_AS_TASK:
		return utrace_control(slot->task, slot->engine, op->value);
	case UC_AS_PID:
		return utrace_control_pid(slot->pid, slot->engine, op->value);
	case UC_AS_OTHER:
		return utrace_control(current, slot->engine, op->value);
	default:
		return utrace_control(NULL, slot->engine, op->value);
	}
}

/* Where nobody may sleep, which kernels that look say. */
static int set_events(struct slot *slot, const struct ut_op *op)
{
	guard(preempt)();
	switch (op->found) {
	case UC_AS_TASK:
		return utrace_set_events(slot->task, slot->engine, op->value);
	case UC_AS_PID:
		return utrace_set_events_pid(slot->pid, slot->engine, op->value);
	case UC_AS_OTHER:
		return utrace_set_events(current, slot->engine, op->value);
	default:
		return utrace_set_events(NULL, slot->engine, op->value);
	}
}

static int barrier_of(struct slot *slot, const struct ut_op *op)
{
	if (op->found == UC_AS_PID)
		return utrace_barrier_pid(slot->pid, slot->engine);
	return utrace_barrier(slot->task, slot->engine);
}

static int drop(struct slot *slot)
{
	if (slot->dropped)
		return -EBADF;
	slot->dropped = true;
	hrtimer_cancel(&slot->timer);
	/* What is under way ends by itself: the slot stays until it is released. */
	if (utrace_control(slot->task, slot->engine, UTRACE_DETACH) == -EINVAL)
		return -EPROTO;
	while (slot->refs--)
		utrace_engine_put(slot->engine);
	return 0;
}

/* Waits for @condition, looked at with the session locked. Leaves it locked. */
#define wait_locked(session, timeout_ms, condition) ({					\
	long _left = msecs_to_jiffies(timeout_ms);					\
	mutex_lock(&(session)->lock);							\
	while (!(condition) && _left > 0) {						\
		mutex_unlock(&(session)->lock);						\
		_left = wait_event_interruptible_timeout((session)->changed, (condition), _left); \
		mutex_lock(&(session)->lock);						\
	}										\
	(condition) ? 0 : _left < 0 ? -EINTR : -ETIME;					\
})

static int next_event(struct session *session, struct ut_event *event)
{
	int err = wait_locked(session, event->timeout_ms, !list_empty(&session->log));
	struct logged *logged = NULL;

	if (!err) {
		logged = list_first_entry(&session->log, struct logged, node);
		list_del(&logged->node);
		*event = logged->event;
	}
	mutex_unlock(&session->lock);
	kfree(logged);
	return err;
}

static int add_script(struct session *session, const struct ut_script *script)
{
	struct slot *slot = slot_of(session, script->engine);
	int err = -ENOSPC;

	if (!slot)
		return -EBADF;
	mutex_lock(&session->lock);
	if (slot->nr_scripts < NR_SCRIPTS) {
		slot->scripts[slot->nr_scripts++] = *script;
		err = 0;
	}
	mutex_unlock(&session->lock);
	return err;
}

static int operate(struct session *session, unsigned int cmd, struct ut_op *op)
{
	struct slot *slot = slot_of(session, op->engine);
	int err;

	if (cmd == UC_LEAK) {
		session->leak = true;
		return 0;
	}
	if (!slot)
		return -EBADF;
	switch (cmd) {
	case UT_CONTROL:
		return control(slot, op);
	case UT_SET_EVENTS:
		return set_events(slot, op);
	case UT_STOP_OP:
		op->ticket = 0xdead;
		err = utrace_stop_engine(slot->engine, &op->ticket);
		op->found = !err;
		return err == -EINPROGRESS ? 0 : err;
	case UT_RESUME_OP:
		op->found = 0;
		if (!op->ticket)
			return utrace_control(slot->task, slot->engine, UTRACE_RESUME);
		return utrace_resume_ticket(slot->engine, op->ticket);
	case UT_BARRIER:
		return barrier_of(slot, op);
	case UT_DROP:
		return drop(slot);
	case UT_WAIT_HELD:
		err = wait_locked(session, op->timeout_ms, slot->held == op->value);
		mutex_unlock(&session->lock);
		return err;
	case UT_GO:
		mutex_lock(&session->lock);
		slot->go++;
		mutex_unlock(&session->lock);
		wake_up_all(&session->changed);
		return 0;
	case UT_COUNT:
		op->ticket = slot->events;
		return 0;
	case UC_GET:
		slot->refs++;
		utrace_engine_get(slot->engine);
		return 0;
	case UC_PUT:
		slot->dropped = !--slot->refs;
		utrace_engine_put(slot->engine);
		return 0;
	case UC_IRQ:
		slot->irq_op = *op;
		init_completion(&slot->irq_done);
		hrtimer_start(&slot->irq, us_to_ktime(10), HRTIMER_MODE_REL_HARD);
		wait_for_completion(&slot->irq_done);
		op->ticket = slot->irq_op.ticket;
		return slot->irq_result;
	case UT_STEPS:
		op->found = utrace_has_single_step() | utrace_has_block_step() << 1;
		return 0;
	case UC_DATA:
		slot->engine->data = slot_of(session, op->value);
		return 0;
	default:
		return -ENOTTY;
	}
}

/* From outside: prepare, the operation, finish; with what UC_X_* say instead of the right things. */
static void examine_outside(struct slot *slot, struct request *request)
{
	struct task_struct *task = request->x.flags & UC_X_OTHER_TASK ? current : slot->task;
	struct utrace_examiner exam = { 0 };

	if (request->x.flags & UC_X_STALE)
		exam = slot->stale;
	else if (!(request->x.flags & UC_X_NO_PREPARE))
		request->x.prepare = utrace_prepare_examine(task, slot->engine, &exam);
	if (request->x.prepare && !(request->x.flags & UC_X_IN_SPITE))
		return;
	if (request->x.flags & UT_X_HOLD_BEFORE)
		hold(slot, UT_IN_EXAMINE);
	perform(&exam, request);
	if (request->x.flags & UT_X_HOLD_AFTER)
		hold(slot, UT_IN_EXAMINE);
	task = request->x.flags & UC_X_FINISH_OTHER ? current : slot->task;
	request->x.finish = utrace_finish_examine(task, slot->engine, &exam);
	if (request->x.flags & UC_X_FINISH_TWICE)
		request->x.finish = utrace_finish_examine(task, slot->engine, &exam);
}

static int examine(struct session *session, struct ut_examine *x)
{
	struct slot *slot = slot_of(session, x->engine);
	struct request *request;

	if (!slot)
		return -EBADF;
	request = request_new(x);
	if (IS_ERR(request))
		return PTR_ERR(request);
	if (x->flags & UT_X_IN_CALLBACK) {
		mutex_lock(&session->lock);
		swap(slot->examine, request);
		mutex_unlock(&session->lock);
		request_free(request);
		return 0;
	}
	examine_outside(slot, request);
	return request_finish(request, x);
}

static int examined(struct session *session, struct ut_examine *x)
{
	struct slot *slot = slot_of(session, x->engine);
	struct request *request = NULL;
	int err;

	if (!slot)
		return -EBADF;
	err = wait_locked(session, 20000, slot->examine && slot->examine->finished);
	if (!err)
		swap(slot->examine, request);
	mutex_unlock(&session->lock);
	return err ?: request_finish(request, x);
}

static int info_of(struct session *session, struct uc_info *info)
{
	struct slot *slot = slot_of(session, info->engine);

	if (!slot)
		return -EBADF;
	info->releases = atomic_read(&slot->releases);
	/* Once it is released the engine is no more. */
	if (info->releases)
		return 0;
	info->has_ops = !!READ_ONCE(slot->engine->ops);
	info->flags = slot->engine->flags;
	info->data_is_own = slot->engine->data == slot;
	info->ticket = utrace_stop_ticket(slot->engine);
	return 0;
}

static long ctest_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct session *session = file->private_data;
	void __user *user = (void __user *)arg;
	union {
		struct uc_attach attach;
		struct uc_info info;
		struct ut_script script;
		struct ut_event event;
		struct ut_op op;
		struct ut_examine examine;
	} u;
	int err;

	if (_IOC_SIZE(cmd) > sizeof(u) || copy_from_user(&u, user, _IOC_SIZE(cmd)))
		return -EFAULT;
	switch (cmd) {
	case UC_ATTACH:
		err = ctest_attach(session, &u.attach);
		break;
	case UC_INFO:
		err = info_of(session, &u.info);
		break;
	case UT_SCRIPT:
		err = add_script(session, &u.script);
		break;
	case UT_NEXT:
		err = next_event(session, &u.event);
		break;
	case UT_EXAMINE:
		err = examine(session, &u.examine);
		break;
	case UT_EXAMINED:
		err = examined(session, &u.examine);
		break;
	default:
		err = operate(session, cmd, &u.op);
		break;
	}
	if (copy_to_user(user, &u, _IOC_SIZE(cmd)))
		return -EFAULT;
	/* As it is, and not as the kernel's idea of a call to be restarted. */
	return err == -ERESTARTSYS ? -EINTR : err;
}

static int ctest_open(struct inode *inode, struct file *file)
{
	struct session *session = kzalloc_obj(*session);

	if (!session)
		return -ENOMEM;
	kref_init(&session->kref);
	mutex_init(&session->lock);
	init_waitqueue_head(&session->changed);
	INIT_LIST_HEAD(&session->log);
	file->private_data = session;
	return 0;
}

static int ctest_close(struct inode *inode, struct file *file)
{
	struct session *session = file->private_data;
	unsigned int i;

	mutex_lock(&session->lock);
	session->closing = true;
	mutex_unlock(&session->lock);
	wake_up_all(&session->changed);
	for (i = 0; !session->leak && i < session->nr_slots; i++)
		drop(session->slots[i]);
	session_put(session);
	return 0;
}

static const struct file_operations ctest_fops = {
	.owner = THIS_MODULE,
	.open = ctest_open,
	.release = ctest_close,
	.unlocked_ioctl = ctest_ioctl,
};

static struct miscdevice ctest_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "utrace_ctest",
	.fops = &ctest_fops,
};

module_misc_device(ctest_device);
MODULE_DESCRIPTION("Engines over utrace's C API, scripted by test programs");
MODULE_LICENSE("GPL");
