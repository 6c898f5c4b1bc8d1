// SPDX-License-Identifier: GPL-2.0
/*
 * SIGKILL always wins: in each window of a stop, at the exit of a thread, and when it comes from
 * the end of the whole process. A thread killed at the entry of a call does not make the call.
 */
#include <sys/stat.h>

#include "ut.h"
#include "kselftest_harness.h"

FIXTURE(kill)
{
	struct tracee tracee;
	int fd, engine, other;
	char path[64];
};

FIXTURE_VARIANT(kill)
{
	unsigned int event;
	bool two_engines;
};

FIXTURE_VARIANT_ADD(kill, entry) { .event = UT_SYSCALL_ENTRY };
FIXTURE_VARIANT_ADD(kill, exit) { .event = UT_SYSCALL_EXIT };
FIXTURE_VARIANT_ADD(kill, entry_two) { .event = UT_SYSCALL_ENTRY, .two_engines = true };
FIXTURE_VARIANT_ADD(kill, exit_two) { .event = UT_SYSCALL_EXIT, .two_engines = true };

/* The other engine is called after the engine: reversed at an entry. */
FIXTURE_SETUP(kill)
{
	bool entry = variant->event == UT_SYSCALL_ENTRY;

	self->fd = UT_OPEN();
	ut_share();
	snprintf(self->path, sizeof(self->path), "/tmp/ut-kill-%d", getpid());
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	self->other = -1;
	if (variant->two_engines && entry)
		self->other = ut_attach(self->fd, self->tracee.pid, variant->event);
	self->engine = ut_attach(self->fd, self->tracee.pid, variant->event);
	ASSERT_GE(self->engine, 0);
	if (variant->two_engines && !entry)
		self->other = ut_attach(self->fd, self->tracee.pid, variant->event);
}

FIXTURE_TEARDOWN(kill)
{
	rmdir(self->path);
	tracee_end(&self->tracee);
	close(self->fd);
}

static void expect_over(struct __test_metadata *_metadata, int fd, int engine, __u64 ticket)
{
	EXPECT_EQ(-ESRCH, ut_resume(fd, engine, ticket));
	EXPECT_EQ(-ESRCH, ut_resume(fd, engine, 0));
	EXPECT_EQ(-ESRCH, ut_control(fd, engine, UT_RESUME));
	EXPECT_EQ(-ESRCH, ut_control(fd, engine, UT_STOP));
	EXPECT_EQ(-ESRCH, ut_stop(fd, engine, NULL));
}

/* Has the tracee make a directory, which shows whether the call was made. */
static void make_call(struct __test_metadata *_metadata, FIXTURE_DATA(kill) *self,
		      const FIXTURE_VARIANT(kill) *variant, unsigned int action, unsigned int flags,
		      struct ut_event *event)
{
	ut_on(self->fd, self->engine, variant->event, __NR_mkdir, action, flags, 1);
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_mkdir, (long)self->path, 0700));
	ASSERT_EQ(0, ut_next_from(self->fd, event, self->engine, variant->event, __NR_mkdir));
}

static void expect_killed(struct __test_metadata *_metadata, FIXTURE_DATA(kill) *self,
			  const FIXTURE_VARIANT(kill) *variant, __u64 ticket)
{
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
	EXPECT_EQ(variant->event == UT_SYSCALL_EXIT, exists(self->path));
	/* The engines that come later are not called any more. */
	EXPECT_EQ(0, ut_drain(self->fd, variant->event, -1, __NR_mkdir));
	expect_over(_metadata, self->fd, self->engine, ticket);
}

static void window_test(struct __test_metadata *_metadata, FIXTURE_DATA(kill) *self,
			const FIXTURE_VARIANT(kill) *variant, unsigned int flag, unsigned int place)
{
	struct ut_event event;

	make_call(_metadata, self, variant, UT_STOP, flag, &event);
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, place));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	expect_killed(_metadata, self, variant, event.ticket);
}

TEST_F(kill, in_callback)
{
	window_test(_metadata, self, variant, UT_F_HOLD_CALLBACK, UT_IN_CALLBACK);
}

TEST_F(kill, after_callback)
{
	window_test(_metadata, self, variant, UT_F_HOLD_RETURNED, UT_IN_RETURNED);
}

TEST_F(kill, before_park)
{
	window_test(_metadata, self, variant, UT_F_HOLD_BEFORE_PARK, UT_IN_BEFORE_PARK);
}

TEST_F(kill, parked)
{
	struct ut_event event;

	make_call(_metadata, self, variant, UT_STOP, 0, &event);
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	expect_killed(_metadata, self, variant, event.ticket);
}

/* The stop was released first: the call is still not made by a thread that is being killed. */
TEST_F(kill, in_callback_after_resume)
{
	struct ut_event event;

	make_call(_metadata, self, variant, UT_STOP, UT_F_HOLD_CALLBACK, &event);
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, UT_IN_CALLBACK));
	EXPECT_EQ(FOUND_PREPARED, ut_resume(self->fd, self->engine, event.ticket));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	expect_killed(_metadata, self, variant, event.ticket);
}

TEST_F(kill, in_callback_that_does_not_stop)
{
	struct ut_event event;

	make_call(_metadata, self, variant, UT_RESUME, UT_F_HOLD_CALLBACK, &event);
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, UT_IN_CALLBACK));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
	EXPECT_EQ(variant->event == UT_SYSCALL_EXIT, exists(self->path));
	expect_over(_metadata, self->fd, self->engine, event.ticket);
}

/* Parked for a stop that was asked for from outside. */
TEST_F(kill, parked_for_an_ask)
{
	__u64 ticket;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_spin, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
	ASSERT_EQ(0, ut_stop(self->fd, self->engine, &ticket));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
	expect_over(_metadata, self->fd, self->engine, ticket);
}

static void on_urgent(int sig)
{
	shared->count[1]++;
}

static long do_handle_urgent(long *args)
{
	struct sigaction action = { .sa_handler = on_urgent, .sa_flags = SA_RESTART };

	return sigaction(SIGURG, &action, NULL);
}

/* Others' signals do not void an event: same ticket, no other report, no step of the thread. */
TEST_F(kill, storm_of_other_signals_while_parked)
{
	struct ut_event event;
	long r;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_handle_urgent, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	make_call(_metadata, self, variant, UT_STOP, 0, &event);
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	for (int i = 0; i < 200; i++) {
		ASSERT_EQ(0, kill(self->tracee.pid, SIGURG));
		usleep(1000);
	}
	EXPECT_EQ('t', thread_state(self->tracee.pid));
	EXPECT_EQ(0, shared->count[1]);
	EXPECT_EQ(0, ut_drain(self->fd, variant->event, -1, -1));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, r);
	EXPECT_TRUE(exists(self->path));
	ASSERT_EQ(0, wait_until(shared->count[1] > 0));
	/* Reported by the other engine at most, and once. */
	EXPECT_EQ(self->other >= 0, ut_drain(self->fd, variant->event, -1, __NR_mkdir));
}

TEST_HARNESS_MAIN
