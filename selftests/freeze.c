// SPDX-License-Identifier: GPL-2.0
/*
 * The freezer and stop signals while a thread is parked: neither they nor our stops are lost.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "ut.h"
#include "kselftest_harness.h"

FIXTURE(freeze)
{
	struct tracee tracee;
	struct ut_event event;
	int fd, engine;
	char root[64], group[80];
};

static int put(const char *group, const char *name, const char *text)
{
	char path[128];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s/%s", group, name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

FIXTURE_SETUP(freeze)
{
	char text[16];

	self->fd = UT_OPEN();
	ut_share();
	snprintf(self->root, sizeof(self->root), "/tmp/ut-freeze-%d", getpid());
	snprintf(self->group, sizeof(self->group), "%s/ut-%d", self->root, getpid());
	mkdir(self->root, 0700);
	if (mount("cgroup2", self->root, "cgroup2", 0, NULL))
		SKIP(return, "cannot mount cgroup2");
	ASSERT_EQ(0, mkdir(self->group, 0700));
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	snprintf(text, sizeof(text), "%d", self->tracee.pid);
	ASSERT_EQ(0, put(self->group, "cgroup.procs", text));
	self->engine = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(self->engine, 0);
}

FIXTURE_TEARDOWN(freeze)
{
	put(self->group, "cgroup.freeze", "0");
	tracee_end(&self->tracee);
	close(self->fd);
	rmdir(self->group);
	umount2(self->root, MNT_DETACH);
	rmdir(self->root);
}

static void park(struct __test_metadata *_metadata, FIXTURE_DATA(freeze) *self)
{
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &self->event, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
}

static void expect_result(struct __test_metadata *_metadata, FIXTURE_DATA(freeze) *self)
{
	long r;

	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_ENTRY, -1, CALL));
}

TEST_F(freeze, frozen_and_thawed_while_parked)
{
	long r;

	park(_metadata, self);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, put(self->group, "cgroup.freeze", "1"));
		EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
		ASSERT_EQ(0, put(self->group, "cgroup.freeze", "0"));
		EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
	}
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, self->event.ticket));
	expect_result(_metadata, self);
}

TEST_F(freeze, resumed_while_frozen)
{
	long r;

	park(_metadata, self);
	ASSERT_EQ(0, put(self->group, "cgroup.freeze", "1"));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, self->event.ticket));
	/* No user mode while frozen, where it would write the result. */
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 50));
	ASSERT_EQ(0, put(self->group, "cgroup.freeze", "0"));
	expect_result(_metadata, self);
}

TEST_F(freeze, stop_of_a_frozen_thread)
{
	__u64 ticket;
	long r;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_spin, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
	ASSERT_EQ(0, put(self->group, "cgroup.freeze", "1"));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	ASSERT_EQ(0, ut_stop(self->fd, self->engine, &ticket));
	ASSERT_EQ(0, put(self->group, "cgroup.freeze", "0"));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	shared->flag[0] = 1;
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
}

TEST_F(freeze, killed_while_frozen_and_parked)
{
	park(_metadata, self);
	ASSERT_EQ(0, put(self->group, "cgroup.freeze", "1"));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->engine, self->event.ticket));
}

TEST_F(freeze, stop_and_continue_while_parked)
{
	long r;

	park(_metadata, self);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, kill(self->tracee.pid, SIGSTOP));
		EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
		ASSERT_EQ(0, kill(self->tracee.pid, SIGCONT));
		EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
	}
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, self->event.ticket));
	expect_result(_metadata, self);
}

TEST_F(freeze, resumed_while_stopped)
{
	long r;

	park(_metadata, self);
	ASSERT_EQ(0, kill(self->tracee.pid, SIGSTOP));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, self->event.ticket));
	/* The call is made, and then it is the stop signal's. */
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'T'));
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGCONT));
	expect_result(_metadata, self);
}

/* A resume is not taken for the end of a stop by a signal. */
TEST_F(freeze, resume_does_not_end_a_stop_by_a_signal)
{
	__u64 ticket;
	long r;

	ASSERT_EQ(0, kill(self->tracee.pid, SIGSTOP));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'T'));
	for (int i = 0; i < 20; i++) {
		ASSERT_GE(ut_stop(self->fd, self->engine, &ticket), 0);
		EXPECT_GT(ut_resume(self->fd, self->engine, ticket), 0);
		ut_resume(self->fd, self->engine, 0);
	}
	EXPECT_EQ('T', thread_state(self->tracee.pid));
	ASSERT_GE(ut_stop(self->fd, self->engine, &ticket), 0);
	ASSERT_EQ(0, kill(self->tracee.pid, SIGCONT));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
}

static bool is_frozen(const char *group)
{
	char path[128], text[128] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.events", group);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return false;
	close(fd);
	return strstr(text, "frozen 1");
}

TEST_F(freeze, a_parked_thread_counts_as_frozen)
{
	long r;

	park(_metadata, self);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, put(self->group, "cgroup.freeze", "1"));
		EXPECT_EQ(0, wait_until(is_frozen(self->group)));
		ASSERT_EQ(0, put(self->group, "cgroup.freeze", "0"));
		EXPECT_EQ(0, wait_until(!is_frozen(self->group)));
	}
	/* Frozen first, and resumed then. */
	ASSERT_EQ(0, put(self->group, "cgroup.freeze", "1"));
	EXPECT_EQ(0, wait_until(is_frozen(self->group)));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, self->event.ticket));
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
	EXPECT_EQ(0, wait_until(is_frozen(self->group)));
	ASSERT_EQ(0, put(self->group, "cgroup.freeze", "0"));
	expect_result(_metadata, self);
	EXPECT_FALSE(is_frozen(self->group));
}

static void *beside(void *arg)
{
	shared->tid[0] = ut_gettid();
	for (;;) {
		shared->count[1]++;
		usleep(1000);
	}
	return NULL;
}

static long do_thread(long *args)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, beside, NULL);
}

/* The stop that a parked thread begins reaches a frozen one, whose engine wants to hear of stops. */
TEST_F(freeze, stopped_while_one_is_parked_and_one_frozen)
{
	int status, engine;
	long before, r;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_thread, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, wait_until(shared->tid[0]));
	engine = ut_attach(self->fd, shared->tid[0], UT_JCTL);
	ASSERT_GE(engine, 0);
	park(_metadata, self);
	ASSERT_EQ(0, put(self->group, "cgroup.freeze", "1"));
	ASSERT_EQ(0, wait_until(is_frozen(self->group)));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGSTOP));
	ASSERT_EQ(0, wait_until(waitpid(self->tracee.pid, &status, WUNTRACED | WNOHANG) == self->tracee.pid));
	EXPECT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ('T', thread_state(shared->tid[0]));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGCONT));
	ASSERT_EQ(0, put(self->group, "cgroup.freeze", "0"));
	before = shared->count[1];
	EXPECT_EQ(0, wait_until(shared->count[1] > before));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, self->event.ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
}

TEST_HARNESS_MAIN
