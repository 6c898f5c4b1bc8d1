// SPDX-License-Identifier: GPL-2.0
/*
 * Attaching, to threads in every state, and the errors of it.
 */
#include <grp.h>

#include "ut.h"
#include "kselftest_harness.h"

#define ALL	0xff

FIXTURE(attach)
{
	struct tracee tracee;
	int fd;
};

FIXTURE_SETUP(attach)
{
	self->fd = UT_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
}

FIXTURE_TEARDOWN(attach)
{
	shared->flag[0] = 1;
	tracee_end(&self->tracee);
	close(self->fd);
}

/* --- threads in every state ------------------------------------------------------------------- */

TEST_F(attach, to_self)
{
	int engine = ut_attach(self->fd, getpid(), UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT);
	struct ut_event event;

	ASSERT_GE(engine, 0);
	EXPECT_EQ(getpgrp(), raw_syscall(__NR_getpgid, 0, 0, 0, 0, 0, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_getpgid));
	EXPECT_EQ(getpid(), event.tid);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, __NR_getpgid));
	/* It drops its own engine, outside of callbacks. */
	EXPECT_EQ(0, ut_op(self->fd, UT_DROP, engine, 0));
	EXPECT_EQ(-ENOENT, ut_find(self->fd, getpid(), false));
}

struct helper {
	int fd, engine, err;
	pid_t tid;
};

static void *resume_other(void *arg)
{
	struct helper *helper = arg;

	helper->err = wait_parked(helper->tid);
	if (!helper->err)
		helper->err = ut_resume(helper->fd, helper->engine, 0);
	return NULL;
}

TEST_F(attach, to_self_and_stop)
{
	struct helper helper = { .fd = self->fd, .tid = ut_gettid(), .err = -1 };
	pthread_t thread;

	helper.engine = ut_attach(self->fd, getpid(), 0);
	ASSERT_GE(helper.engine, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, resume_other, &helper));
	EXPECT_EQ(-EINPROGRESS, ut_control(self->fd, helper.engine, UT_STOP));
	pthread_join(thread, NULL);
	EXPECT_EQ(FOUND_PARKED, helper.err);
}

TEST_F(attach, to_init)
{
	int engine = ut_attach(self->fd, 1, UT_EXEC);

	ASSERT_GE(engine, 0);
	EXPECT_EQ(0, ut_op(self->fd, UT_DROP, engine, 0));
}

TEST_F(attach, to_a_running_thread)
{
	int engine;
	long r;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_spin, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
	engine = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(engine, 0);
	EXPECT_EQ(-EINPROGRESS, ut_control(self->fd, engine, UT_STOP));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_RESUME));
	shared->flag[0] = 1;
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	/* The result was written with a call. */
	EXPECT_EQ(0, wait_until(ut_drain(self->fd, UT_SYSCALL_ENTRY, engine, __NR_read)));
}

/* History 8: what an engine does by default is nothing, above all no stop. */
TEST_F(attach, to_a_blocked_thread)
{
	struct ut_event event;
	int engine;
	long r;

	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	for (int i = 0; i < 20; i++) {
		engine = ut_attach(self->fd, self->tracee.pid, ALL);
		ASSERT_GE(engine, 0);
		ASSERT_EQ(0, ut_control(self->fd, engine, UT_INTERRUPT));
		ASSERT_EQ(0, ut_next_from(self->fd, &event, engine, UT_QUIESCE, -1));
		ASSERT_EQ(0, tracee_call(&self->tracee));
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
		ASSERT_EQ(0, ut_op(self->fd, UT_DROP, engine, 0));
	}
}

TEST_F(attach, to_a_stopped_thread)
{
	int engine;
	long r;

	ASSERT_EQ(0, kill(self->tracee.pid, SIGSTOP));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'T'));
	engine = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
	EXPECT_EQ('T', thread_state(self->tracee.pid));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGCONT));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(1, ut_drain(self->fd, UT_SYSCALL_ENTRY, engine, CALL));
}

TEST_F(attach, to_a_zombie)
{
	struct ut_event event;
	int engine;

	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'Z'));
	engine = ut_attach(self->fd, self->tracee.pid, ALL);
	ASSERT_GE(engine, 0);
	EXPECT_EQ(-ESRCH, ut_control(self->fd, engine, UT_STOP));
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 20));
	tracee_status(&self->tracee);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_REAP, event.event);
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 0));
}

TEST_F(attach, to_a_zombie_and_detach)
{
	int engine;

	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'Z'));
	engine = ut_attach(self->fd, self->tracee.pid, ALL);
	ASSERT_GE(engine, 0);
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_DETACH));
	tracee_status(&self->tracee);
	EXPECT_EQ(0, ut_drain(self->fd, UT_REAP, -1, -1));
}

/* --- new threads ------------------------------------------------------------------------------ */

static long do_fork_effect(long *args)
{
	pid_t child = fork();

	if (child == 0) {
		shared->flag[3] = 1;
		_exit(0);
	}
	return child;
}

static long do_vfork_effect(long *args)
{
	pid_t child = vfork();

	if (child == 0) {
		shared->flag[3] = 1;
		_exit(0);
	}
	return child;
}

static void *thread_effect(void *arg)
{
	shared->flag[3] = 1;
	return NULL;
}

static long do_thread_effect(long *args)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_effect, NULL))
		return -1;
	pthread_join(thread, NULL);
	return 0;
}

static void child_test(struct __test_metadata *_metadata, FIXTURE_DATA(attach) *self,
		       ut_function function)
{
	int engine = ut_attach(self->fd, self->tracee.pid, UT_CLONE);
	struct ut_event event;
	long r;

	ut_on(self->fd, engine, UT_CLONE, -1, UT_RESUME, UT_F_FOLLOW | UT_F_STOP_CHILD, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, function, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_CLONE, -1));
	ASSERT_EQ(0, event.inside);
	ASSERT_EQ(0, wait_parked(event.child));
	/* Not one instruction. */
	usleep(20000);
	EXPECT_EQ(0, shared->flag[3]);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, event.child_engine, event.result));
	ASSERT_EQ(0, wait_until(shared->flag[3]));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
}

TEST_F(attach, child_stopped_before_its_first_instruction)
{
	child_test(_metadata, self, do_fork_effect);
}

TEST_F(attach, vfork_child_stopped_before_its_first_instruction)
{
	child_test(_metadata, self, do_vfork_effect);
}

TEST_F(attach, thread_stopped_before_its_first_instruction)
{
	child_test(_metadata, self, do_thread_effect);
}

/* Resumed at once, perhaps before it has run at all. */
TEST_F(attach, child_resumed_at_once)
{
	int engine = ut_attach(self->fd, self->tracee.pid, UT_CLONE);

	ut_on(self->fd, engine, UT_CLONE, -1, UT_RESUME, UT_F_FOLLOW | UT_F_STOP_CHILD, 0);
	for (int i = 0; i < 50; i++) {
		struct ut_event event;
		long r;

		shared->flag[3] = 0;
		ASSERT_EQ(0, tracee_run(&self->tracee, i % 2 ? do_thread_effect : do_vfork_effect, 0));
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_CLONE, -1));
		ASSERT_GT(ut_resume(self->fd, event.child_engine, event.result), 0);
		ASSERT_EQ(0, wait_until(shared->flag[3]));
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	}
}

TEST_F(attach, stopped_child_killed)
{
	int engine = ut_attach(self->fd, self->tracee.pid, UT_CLONE);
	struct ut_event event;
	long r;

	ut_on(self->fd, engine, UT_CLONE, -1, UT_RESUME, UT_F_FOLLOW | UT_F_STOP_CHILD, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork_effect, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_CLONE, -1));
	ASSERT_EQ(0, wait_parked(event.child));
	ASSERT_EQ(0, kill(event.child, SIGKILL));
	ASSERT_EQ(0, wait_state(event.child, 'Z'));
	EXPECT_EQ(0, shared->flag[3]);
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, event.child_engine, event.result));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
}

TEST_F(attach, first_call_of_a_new_process_is_seen)
{
	int engine = ut_attach(self->fd, self->tracee.pid, UT_CLONE);
	struct ut_event event;
	long r;

	ut_on(self->fd, engine, UT_CLONE, -1, UT_RESUME, UT_F_FOLLOW, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_vfork_effect, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_exit_group));
	EXPECT_EQ(r, event.tid);
}

/* --- threads that die ------------------------------------------------------------------------- */

/* History 20, 21: whatever the moment, it is attached or gone. */
TEST_F(attach, to_dying_threads)
{
	int attached = 0, gone = 0;

	for (int i = 0; i < 300; i++) {
		pid_t child = fork();
		int engine;

		if (child == 0)
			_exit(0);
		if (i % 3 == 1)
			sched_yield();
		if (i % 3 == 2)
			ASSERT_EQ(0, wait_state(child, 'Z'));
		engine = ut_attach(self->fd, child, ALL);
		ASSERT_GE(engine, 0);
		ASSERT_NE(-1, wait_child(child));
	}
	/* Nobody waits for these: they vanish at any moment. */
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 300; i++) {
		pid_t child = fork();
		int engine;

		if (child == 0)
			_exit(0);
		for (int spin = 0; spin < i * 300; spin++)
			asm volatile("");
		engine = ut_attach(self->fd, child, ALL & ~UT_SYSCALL_ENTRY);
		if (engine >= 0)
			attached++;
		else
			gone += engine == -ESRCH;
	}
	EXPECT_EQ(300, attached + gone);
	TH_LOG("attached %d, gone %d", attached, gone);
	signal(SIGCHLD, SIG_DFL);
}

/* One REAP for each, if the attach said yes before the thread was waited for. */
TEST_F(attach, each_dying_thread_is_reaped_once)
{
	int attached = 0, reaps = 0;
	struct ut_event event;

	for (int i = 0; i < 200; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		for (int spin = 0; spin < i * 300; spin++)
			asm volatile("");
		ASSERT_GE(ut_attach(self->fd, child, UT_REAP | UT_DEATH), 0);
		attached++;
		ASSERT_NE(-1, wait_child(child));
	}
	while (reaps < attached) {
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_REAP, -1));
		reaps++;
	}
	EXPECT_EQ(0, ut_drain(self->fd, UT_REAP, -1, -1));
}

/* --- errors ----------------------------------------------------------------------------------- */

TEST_F(attach, to_what_is_no_user_thread)
{
	EXPECT_EQ(-EPERM, ut_attach(self->fd, 2, UT_EXIT));
	EXPECT_EQ(-ESRCH, ut_attach(self->fd, 0x3ffffff, UT_EXIT));
	EXPECT_EQ(-ESRCH, ut_attach(self->fd, 0, UT_EXIT));
	EXPECT_EQ(-ESRCH, ut_attach(self->fd, -1, UT_EXIT));
}

static int attach_checked(int fd, pid_t pid)
{
	struct ut_attach request = { .pid = pid, .events = UT_EXIT, .checked = 1 };

	return ut_ioctl(fd, UT_ATTACH, &request);
}

/* History 20: who may not trace a thread attaches nothing to it, not for a moment. */
TEST_F(attach, checked_as_ptrace_would)
{
	pid_t user;

	EXPECT_EQ(0, attach_checked(self->fd, 1));
	EXPECT_EQ(0, attach_checked(self->fd, self->tracee.pid));
	EXPECT_EQ(-EPERM, attach_checked(self->fd, 2));
	user = fork();
	if (user == 0) {
		struct tracee own;

		if (setgroups(0, NULL) || setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(1);
		if (attach_checked(self->fd, self->tracee.pid) != -EPERM ||
		    attach_checked(self->fd, 1) != -EPERM || attach_checked(self->fd, getppid()) != -EPERM)
			_exit(2);
		/* Of the same user, and not like one that has changed who it is. */
		prctl(PR_SET_DUMPABLE, 1);
		own = tracee_start();
		_exit(attach_checked(self->fd, own.pid) ? 3 : 0);
	}
	EXPECT_TRUE(ended_with(wait_child(user), 0));
}

TEST_F(attach, exclusive_and_find)
{
	int fd = UT_OPEN();
	int engine;

	EXPECT_EQ(-ENOENT, ut_find(self->fd, self->tracee.pid, false));
	EXPECT_EQ(-ENOENT, ut_find(self->fd, self->tracee.pid, true));
	engine = ut_attach_with(self->fd, self->tracee.pid, UT_EXIT, true, false);
	ASSERT_GE(engine, 0);
	EXPECT_EQ(0, ut_find(self->fd, self->tracee.pid, false));
	EXPECT_EQ(0, ut_find(fd, self->tracee.pid, true));
	EXPECT_EQ(-EEXIST, ut_attach_with(fd, self->tracee.pid, UT_EXIT, true, false));
	EXPECT_EQ(-EEXIST, ut_attach_with(self->fd, self->tracee.pid, UT_EXIT, true, true));
	/* Not exclusive: as many as one likes. */
	EXPECT_GE(ut_attach(fd, self->tracee.pid, UT_EXIT), 0);
	close(fd);
	EXPECT_EQ(0, ut_op(self->fd, UT_DROP, engine, 0));
	EXPECT_EQ(-ENOENT, ut_find(self->fd, self->tracee.pid, false));
	EXPECT_GE(ut_attach_with(self->fd, self->tracee.pid, UT_EXIT, true, false), 0);
}

TEST_F(attach, without_memory_leaves_nothing)
{
	int engine;
	long r;

	ASSERT_EQ(0, ut_op(self->fd, UT_FAIL_ATTACH, 0, 1));
	EXPECT_EQ(-ENOMEM, ut_attach(self->fd, self->tracee.pid, ALL));
	EXPECT_EQ(-ENOENT, ut_find(self->fd, self->tracee.pid, false));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &(struct ut_event) { 0 }, 0));
	engine = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(engine, 0);
	/* With one there, too. */
	ASSERT_EQ(0, ut_op(self->fd, UT_FAIL_ATTACH, 0, 1));
	EXPECT_EQ(-ENOMEM, ut_attach(self->fd, self->tracee.pid, ALL));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(1, ut_drain(self->fd, UT_SYSCALL_ENTRY, -1, CALL));
}

/* History 28: a child that cannot be followed is reported as such, and runs. */
TEST_F(attach, without_memory_for_a_child)
{
	int engine = ut_attach(self->fd, self->tracee.pid, UT_CLONE);
	struct ut_event event;
	long r;

	ut_on(self->fd, engine, UT_CLONE, -1, UT_RESUME, UT_F_FOLLOW, 1);
	ASSERT_EQ(0, ut_op(self->fd, UT_FAIL_ATTACH, 0, 1));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_vfork_effect, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_CLONE, -1));
	EXPECT_EQ(-ENOMEM, event.inside);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(event.child, r);
	EXPECT_EQ(1, shared->flag[3]);
}

TEST_F(attach, no_such_engine)
{
	EXPECT_EQ(-EBADF, ut_control(self->fd, 0, UT_STOP));
	EXPECT_EQ(-EBADF, ut_stop(self->fd, 0, NULL));
	EXPECT_EQ(-EBADF, ut_resume(self->fd, 1, 0));
	EXPECT_EQ(-EBADF, ut_op(self->fd, UT_DROP, 0, 0));
	EXPECT_EQ(-EBADF, ut_op(self->fd, UT_BARRIER, 0xffffffff, 0));
	EXPECT_EQ(-EBADF, ut_on(self->fd, 5, UT_EXIT, -1, UT_STOP, 0, 1));
}

TEST_F(attach, unknown_events)
{
	EXPECT_EQ(-EINVAL, ut_attach(self->fd, self->tracee.pid, 1u << 31));
	EXPECT_EQ(-ENOENT, ut_find(self->fd, self->tracee.pid, false));
}

/* --- many --------------------------------------------------------------------------------------- */

TEST_F(attach, many_engines_on_one_thread)
{
	struct ut_event event;
	int engines[32];
	long r;

	for (int i = 0; i < 32; i++) {
		engines[i] = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_EXIT);
		ASSERT_GE(engines[i], 0);
	}
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	for (int i = 0; i < 32; i++) {
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, CALL));
		EXPECT_EQ(engines[i], event.engine);
	}
	/* Every second one goes. */
	for (int i = 0; i < 32; i += 2)
		ASSERT_EQ(0, ut_op(self->fd, UT_DROP, engines[i], 0));
	ut_drain(self->fd, 0, -1, -1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	for (int i = 1; i < 32; i += 2) {
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, CALL));
		EXPECT_EQ(engines[i], event.engine);
	}
}

#define THREADS	64
#define CALLS	10

static void *thread_calls(void *arg)
{
	for (int i = 0; i < CALLS; i++)
		raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
	return NULL;
}

static long do_many_threads(long *args)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread_calls, NULL))
			return -1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

TEST_F(attach, many_threads)
{
	int engine = ut_attach(self->fd, self->tracee.pid, UT_CLONE);
	int calls = 0, reaps = 0;
	struct ut_event event;
	long r;

	ut_on(self->fd, engine, UT_CLONE, -1, UT_RESUME, UT_F_FOLLOW, 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_many_threads, 0));
	while (reaps < THREADS) {
		ASSERT_EQ(0, ut_next(self->fd, &event));
		reaps += event.event == UT_REAP;
		calls += event.event == UT_SYSCALL_ENTRY && event.nr == CALL;
	}
	EXPECT_EQ(THREADS * CALLS, calls);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, r);
}

TEST_HARNESS_MAIN
