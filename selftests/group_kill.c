// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a process reaches its parked threads: SIGKILL of a sibling, its exec or exit_group;
 * and a SIGKILL reaches threads that are parked at their EXIT, where the kernel itself drops it.
 */
#include "ut.h"
#include "kselftest_harness.h"

enum { SPIN, KILL, EXIT, EXEC };

FIXTURE(group)
{
	struct tracee tracee;
	int fd, leader, sibling;
};

FIXTURE_SETUP(group)
{
	self->fd = UT_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
}

FIXTURE_TEARDOWN(group)
{
	shared->flag[0] = 1;
	tracee_end(&self->tracee);
	close(self->fd);
}

static void *sibling_main(void *arg)
{
	shared->tid[0] = ut_gettid();
	for (;;) {
		switch (shared->flag[1]) {
		case KILL:
			raw_syscall(__NR_tgkill, getpid(), ut_gettid(), SIGKILL, 0, 0, 0);
			break;
		case EXIT:
			_exit(9);
		case EXEC:
			execl("/bin/busybox", "true", NULL);
			_exit(1);
		}
		if (shared->flag[2])
			raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
		usleep(1000);
	}
	return NULL;
}

static long do_start_sibling(long *args)
{
	pthread_t thread;

	return -pthread_create(&thread, NULL, sibling_main, NULL);
}

static void start_sibling(struct __test_metadata *_metadata, FIXTURE_DATA(group) *self,
			  unsigned int events)
{
	long r;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_start_sibling, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, r);
	ASSERT_EQ(0, wait_until(shared->tid[0]));
	self->leader = ut_attach(self->fd, self->tracee.pid, events);
	ASSERT_GE(self->leader, 0);
	self->sibling = ut_attach(self->fd, shared->tid[0], events);
	ASSERT_GE(self->sibling, 0);
}

static void park_leader(struct __test_metadata *_metadata, FIXTURE_DATA(group) *self)
{
	start_sibling(_metadata, self, UT_SYSCALL_ENTRY);
	ut_on(self->fd, self->leader, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
}

TEST_F(group, sibling_is_killed)
{
	park_leader(_metadata, self);
	shared->flag[1] = KILL;
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->leader, 0));
}

TEST_F(group, sibling_exits_the_group)
{
	park_leader(_metadata, self);
	shared->flag[1] = EXIT;
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 9));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->leader, 0));
}

TEST_F(group, sibling_executes_a_program)
{
	park_leader(_metadata, self);
	shared->flag[1] = EXEC;
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 0));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->leader, 0));
}

/* The same with the sibling parked, and the leader as the one that ends. */
static void park_sibling(struct __test_metadata *_metadata, FIXTURE_DATA(group) *self)
{
	start_sibling(_metadata, self, UT_SYSCALL_ENTRY);
	ut_on(self->fd, self->sibling, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	shared->flag[2] = 1;
	ASSERT_EQ(0, wait_parked(shared->tid[0]));
}

TEST_F(group, leader_exits_the_group)
{
	park_sibling(_metadata, self);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 3));
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 3));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->sibling, 0));
}

static long do_exec(long *args)
{
	execl("/bin/busybox", "true", NULL);
	return -errno;
}

TEST_F(group, leader_executes_a_program)
{
	park_sibling(_metadata, self);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exec, 0));
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 0));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->sibling, 0));
}

/* Both parked, and killed from outside. */
TEST_F(group, all_are_parked)
{
	park_sibling(_metadata, self);
	ut_on(self->fd, self->leader, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
}

/* --- parked at EXIT ------------------------------------------------------------------------- */

static void kill_at_exit(struct __test_metadata *_metadata, FIXTURE_DATA(group) *self, pid_t tid,
			 int engine)
{
	struct ut_event event;

	ASSERT_EQ(0, ut_next_from(self->fd, &event, engine, UT_EXIT, -1));
	ASSERT_EQ(0, wait_parked(tid));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
}

TEST_F(group, parked_at_plain_exit)
{
	self->leader = ut_attach(self->fd, self->tracee.pid, UT_EXIT);
	ut_on(self->fd, self->leader, UT_EXIT, -1, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 7));
	kill_at_exit(_metadata, self, self->tracee.pid, self->leader);
	/* The exit had begun: its code is settled. */
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 7));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->leader, 0));
}

TEST_F(group, parked_at_exit_of_one_thread)
{
	self->leader = ut_attach(self->fd, self->tracee.pid, UT_EXIT);
	ut_on(self->fd, self->leader, UT_EXIT, -1, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_exit, 5));
	kill_at_exit(_metadata, self, self->tracee.pid, self->leader);
	EXPECT_NE(-1, tracee_status(&self->tracee));
}

/* The leader calls exit_group: both threads come to their EXIT, and both stop there. */
TEST_F(group, parked_at_exit_of_all_threads)
{
	start_sibling(_metadata, self, UT_EXIT);
	ut_on(self->fd, self->leader, UT_EXIT, -1, UT_STOP, 0, 1);
	ut_on(self->fd, self->sibling, UT_EXIT, -1, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 7));
	ASSERT_EQ(0, wait_parked(shared->tid[0]));
	kill_at_exit(_metadata, self, self->tracee.pid, self->leader);
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 7));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->sibling, 0));
}

/* A thread alone exits and parks, and then the others end the process. */
TEST_F(group, group_exits_while_one_is_parked_at_exit)
{
	start_sibling(_metadata, self, UT_EXIT);
	ut_on(self->fd, self->leader, UT_EXIT, -1, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_exit, 5));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	shared->flag[1] = EXIT;
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 9));
}

TEST_F(group, sibling_executes_while_one_is_parked_at_exit)
{
	start_sibling(_metadata, self, UT_EXIT);
	ut_on(self->fd, self->leader, UT_EXIT, -1, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_exit, 5));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	shared->flag[1] = EXEC;
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 0));
}

TEST_F(group, parked_at_exit_by_a_fatal_signal)
{
	struct ut_event event;

	self->leader = ut_attach(self->fd, self->tracee.pid, UT_EXIT);
	ut_on(self->fd, self->leader, UT_EXIT, -1, UT_STOP, 0, 1);
	ASSERT_EQ(0, kill(self->tracee.pid, SIGTERM));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_EXIT, -1));
	EXPECT_EQ(SIGTERM, event.result);
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGTERM));
}

TEST_F(group, no_stop_at_exit_by_sigkill)
{
	struct ut_event event;

	self->leader = ut_attach(self->fd, self->tracee.pid, UT_EXIT | UT_DEATH);
	ut_on(self->fd, self->leader, UT_EXIT, -1, UT_STOP, 0, 1);
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
	/* Reported all the same. */
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_EXIT, -1));
	EXPECT_EQ(SIGKILL, event.result);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_DEATH, -1));
}

TEST_F(group, resumed_at_exit)
{
	struct ut_event event;

	self->leader = ut_attach(self->fd, self->tracee.pid, UT_EXIT);
	ut_on(self->fd, self->leader, UT_EXIT, -1, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 7));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_EXIT, -1));
	EXPECT_EQ(7 << 8, event.result);
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->leader, event.ticket));
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 7));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->leader, event.ticket));
}

TEST_HARNESS_MAIN
