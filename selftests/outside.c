// SPDX-License-Identifier: GPL-2.0
/*
 * What others than the callbacks ask for: stops from outside and their tickets, reports,
 * interrupts; each on a thread that runs, blocks, or is parked.
 */
#include "ut.h"
#include "kselftest_harness.h"

FIXTURE(outside)
{
	struct tracee tracee;
	int fd, engine;
};

FIXTURE_SETUP(outside)
{
	self->fd = UT_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	self->engine = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(self->engine, 0);
}

FIXTURE_TEARDOWN(outside)
{
	shared->flag[0] = 1;
	tracee_end(&self->tracee);
	close(self->fd);
}

static void spin(struct __test_metadata *_metadata, FIXTURE_DATA(outside) *self)
{
	ASSERT_EQ(0, tracee_run(&self->tracee, do_spin, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
}

static void expect_runs(struct __test_metadata *_metadata)
{
	long count = shared->count[0];

	EXPECT_EQ(0, wait_until(shared->count[0] > count));
}

/* It does not run: a spinning thread's counter does not move. */
static void expect_stands(struct __test_metadata *_metadata, FIXTURE_DATA(outside) *self)
{
	long count = shared->count[0], r;

	/* Woken by what released only a part, it looks, and sleeps on. */
	EXPECT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
	EXPECT_EQ('t', thread_state(self->tracee.pid));
	EXPECT_EQ(count, shared->count[0]);
}

static __u64 park_at_entry(struct __test_metadata *_metadata, FIXTURE_DATA(outside) *self)
{
	struct ut_event event = { 0 };

	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	EXPECT_EQ(0, tracee_call(&self->tracee));
	EXPECT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, CALL));
	EXPECT_EQ(0, wait_parked(self->tracee.pid));
	return event.ticket;
}

static void expect_call_made(struct __test_metadata *_metadata, FIXTURE_DATA(outside) *self)
{
	long r = 0;

	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

/* --- a running thread --------------------------------------------------------------------- */

TEST_F(outside, stop_of_a_running_thread)
{
	spin(_metadata, self);
	EXPECT_EQ(-EINPROGRESS, ut_control(self->fd, self->engine, UT_STOP));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	expect_stands(_metadata, self);
	/* Now it is there. */
	EXPECT_EQ(0, ut_control(self->fd, self->engine, UT_STOP));
	EXPECT_EQ(0, ut_control(self->fd, self->engine, UT_RESUME));
	expect_runs(_metadata);
}

TEST_F(outside, ticket_of_a_stop)
{
	__u64 first, second;

	spin(_metadata, self);
	ASSERT_EQ(0, ut_stop(self->fd, self->engine, &first));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, first));
	expect_runs(_metadata);
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, first));

	ASSERT_EQ(0, ut_stop(self->fd, self->engine, &second));
	EXPECT_NE(first, second);
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	/* A late duplicate is not misapplied. */
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, first));
	expect_stands(_metadata, self);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, second));
	expect_runs(_metadata);
}

TEST_F(outside, repeated_request_is_the_same_stop)
{
	__u64 first, second, third;

	spin(_metadata, self);
	ASSERT_GE(ut_stop(self->fd, self->engine, &first), 0);
	ASSERT_GE(ut_stop(self->fd, self->engine, &second), 0);
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(1, ut_stop(self->fd, self->engine, &third));
	EXPECT_EQ(first, second);
	EXPECT_EQ(first, third);
	/* One release is enough. */
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, first));
	expect_runs(_metadata);
}

/* Many times, resumed at once: in every phase of the way to the park. */
TEST_F(outside, stop_and_resume_of_a_running_thread_many_times)
{
	spin(_metadata, self);
	for (int i = 0; i < 500; i++) {
		__u64 ticket;

		ASSERT_GE(ut_stop(self->fd, self->engine, &ticket), 0);
		if (i % 5 == 0)
			ASSERT_EQ(0, wait_parked(self->tracee.pid));
		ASSERT_GT(ut_resume(self->fd, self->engine, ticket), 0);
		ASSERT_EQ(-ESTALE, ut_resume(self->fd, self->engine, ticket));
		if (i % 3 == 0)
			expect_runs(_metadata);
	}
	expect_runs(_metadata);
}

/* The next QUIESCE on the way to user mode. */
static int next_quiesce(int fd, struct ut_event *event)
{
	int err;

	do
		err = ut_next_of(fd, event, UT_QUIESCE, -1);
	while (!err && event->quiesce_for);
	return err;
}

/* In poll(), with an engine that has only QUIESCE, so that it hears of no system call. */
static int block(struct __test_metadata *_metadata, FIXTURE_DATA(outside) *self, int ms)
{
	struct ut_event event;
	int quiesce;

	EXPECT_EQ(0, tracee_syscall(&self->tracee, __NR_poll, 0, 0, ms));
	EXPECT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, __NR_poll));
	EXPECT_EQ(0, wait_state(self->tracee.pid, 'S'));
	EXPECT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	quiesce = ut_attach(self->fd, self->tracee.pid, UT_QUIESCE);
	EXPECT_GE(quiesce, 0);
	return quiesce;
}

/* --- a blocked thread ---------------------------------------------------------------------- */

TEST_F(outside, stop_of_a_blocked_thread_and_interrupt)
{
	__u64 ticket;
	struct ut_event event;

	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_poll, 0, 0, -1));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, __NR_poll));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	EXPECT_EQ(-EINPROGRESS, ut_control(self->fd, self->engine, UT_STOP));
	EXPECT_EQ(0, ut_stop(self->fd, self->engine, &ticket));
	usleep(20000);
	EXPECT_EQ('S', thread_state(self->tracee.pid));
	EXPECT_EQ(0, ut_control(self->fd, self->engine, UT_INTERRUPT));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ticket));
	/* The call is made again, as after a stop signal. */
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, -1));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
}

/* The historic recipe: interrupt, and stop from the callback. */
TEST_F(outside, interrupt_of_a_blocked_thread_that_stops_in_quiesce)
{
	struct ut_event event;
	int quiesce = block(_metadata, self, -1);

	ut_on(self->fd, quiesce, UT_QUIESCE, -1, UT_STOP, 0, 1);
	EXPECT_EQ(0, ut_control(self->fd, quiesce, UT_INTERRUPT));
	ASSERT_EQ(0, next_quiesce(self->fd, &event));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, quiesce, event.ticket));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
}

TEST_F(outside, report_does_not_interrupt_a_blocked_thread)
{
	struct ut_event event;
	int quiesce = block(_metadata, self, 300);
	long r;

	EXPECT_EQ(0, ut_control(self->fd, quiesce, UT_REPORT));
	/* Only when the call has ended by itself, which is not restarted. */
	ASSERT_EQ(0, next_quiesce(self->fd, &event));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, r);
}

/* --- a parked thread ------------------------------------------------------------------------ */

TEST_F(outside, stop_of_a_parked_thread)
{
	__u64 report = park_at_entry(_metadata, self), ask;

	EXPECT_EQ(0, ut_control(self->fd, self->engine, UT_STOP));
	EXPECT_EQ(1, ut_stop(self->fd, self->engine, &ask));
	EXPECT_NE(report, ask);
	/* Two stops of one engine, each with its own ticket. */
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, report));
	expect_stands(_metadata, self);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ask));
	expect_call_made(_metadata, self);
}

TEST_F(outside, release_of_the_request_keeps_the_reports_stop)
{
	__u64 report = park_at_entry(_metadata, self), ask;

	EXPECT_EQ(1, ut_stop(self->fd, self->engine, &ask));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ask));
	expect_stands(_metadata, self);
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, ask));
	expect_stands(_metadata, self);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, report));
	expect_call_made(_metadata, self);
}

TEST_F(outside, resume_without_ticket_releases_both)
{
	__u64 report = park_at_entry(_metadata, self), ask;

	EXPECT_EQ(1, ut_stop(self->fd, self->engine, &ask));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, 0));
	expect_call_made(_metadata, self);
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, report));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, ask));
}

TEST_F(outside, stop_stays_after_another_engines_release)
{
	int other = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	__u64 report = park_at_entry(_metadata, self), ask;

	EXPECT_EQ(0, ut_control(self->fd, other, UT_STOP));
	EXPECT_EQ(1, ut_stop(self->fd, other, &ask));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, report));
	EXPECT_EQ(FOUND_NOTHING, ut_resume(self->fd, self->engine, 0));
	expect_stands(_metadata, self);
	EXPECT_EQ(0, ut_control(self->fd, other, UT_RESUME));
	expect_call_made(_metadata, self);
}

/* --- history 6: a stop by control racing with a stop by return --------------------------------- */

static void race_test(struct __test_metadata *_metadata, FIXTURE_DATA(outside) *self,
		      unsigned int flag, unsigned int place, bool report_first)
{
	struct ut_event event;
	__u64 ask;

	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, flag, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, place));
	ASSERT_EQ(0, ut_stop(self->fd, self->engine, &ask));
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, report_first ? event.ticket : ask));
	expect_stands(_metadata, self);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, report_first ? ask : event.ticket));
	expect_call_made(_metadata, self);
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, ask));
}

#define RACE(name, flag, place)							\
TEST_F(outside, stop_meets_stop_##name##_report_first)				\
{										\
	race_test(_metadata, self, flag, place, true);				\
}										\
TEST_F(outside, stop_meets_stop_##name##_ask_first)				\
{										\
	race_test(_metadata, self, flag, place, false);				\
}

RACE(in_callback, UT_F_HOLD_CALLBACK, UT_IN_CALLBACK)
RACE(after_callback, UT_F_HOLD_RETURNED, UT_IN_RETURNED)
RACE(before_park, UT_F_HOLD_BEFORE_PARK, UT_IN_BEFORE_PARK)

/* Both asked for, and both released before the thread gets there: it does not park. */
static void race_released(struct __test_metadata *_metadata, FIXTURE_DATA(outside) *self,
			  unsigned int flag, unsigned int place, bool with_tickets)
{
	struct ut_event event;
	__u64 ask;

	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, flag, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, place));
	ASSERT_EQ(0, ut_stop(self->fd, self->engine, &ask));
	if (with_tickets) {
		EXPECT_EQ(FOUND_PREPARED, ut_resume(self->fd, self->engine, ask));
		EXPECT_EQ(FOUND_PREPARED, ut_resume(self->fd, self->engine, event.ticket));
	} else {
		EXPECT_EQ(FOUND_PREPARED, ut_resume(self->fd, self->engine, 0));
	}
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	expect_call_made(_metadata, self);
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, ask));
}

TEST_F(outside, both_released_in_callback)
{
	race_released(_metadata, self, UT_F_HOLD_CALLBACK, UT_IN_CALLBACK, true);
}

TEST_F(outside, both_released_before_park)
{
	race_released(_metadata, self, UT_F_HOLD_BEFORE_PARK, UT_IN_BEFORE_PARK, true);
}

TEST_F(outside, both_released_without_ticket)
{
	race_released(_metadata, self, UT_F_HOLD_RETURNED, UT_IN_RETURNED, false);
}

/* Asked for during a callback that does not stop: at the next quiescent point. */
TEST_F(outside, stop_during_a_callback_that_resumes)
{
	struct ut_event event;
	long r;
	__u64 ask;

	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_RESUME, UT_F_HOLD_CALLBACK, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, UT_IN_CALLBACK));
	ASSERT_EQ(0, ut_stop(self->fd, self->engine, &ask));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, ask + 2));
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ask));
	expect_call_made(_metadata, self);
}

/* --- reports --------------------------------------------------------------------------------- */

TEST_F(outside, report_needs_quiesce)
{
	EXPECT_EQ(-EINVAL, ut_control(self->fd, self->engine, UT_REPORT));
	EXPECT_EQ(0, ut_set_events(self->fd, self->engine, UT_QUIESCE));
	EXPECT_EQ(0, ut_control(self->fd, self->engine, UT_REPORT));
}

static void report_running(struct __test_metadata *_metadata, FIXTURE_DATA(outside) *self,
			   unsigned int action)
{
	struct ut_event event;

	spin(_metadata, self);
	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, UT_QUIESCE));
	ut_drain(self->fd, 0, -1, -1);
	for (int i = 0; i < 10; i++) {
		EXPECT_EQ(0, ut_control(self->fd, self->engine, action));
		ASSERT_EQ(0, next_quiesce(self->fd, &event));
	}
	ut_on(self->fd, self->engine, UT_QUIESCE, -1, UT_STOP, 0, 1);
	EXPECT_EQ(0, ut_control(self->fd, self->engine, action));
	ASSERT_EQ(0, next_quiesce(self->fd, &event));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	expect_stands(_metadata, self);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	expect_runs(_metadata);
}

TEST_F(outside, report_of_a_running_thread) { report_running(_metadata, self, UT_REPORT); }
TEST_F(outside, interrupt_of_a_running_thread) { report_running(_metadata, self, UT_INTERRUPT); }

/* On a parked thread: it runs, but a callback comes first, and can stop it again. */
static void report_parked(struct __test_metadata *_metadata, FIXTURE_DATA(outside) *self,
			  unsigned int action)
{
	struct ut_event event;
	__u64 ticket;

	spin(_metadata, self);
	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, UT_QUIESCE));
	ASSERT_EQ(0, ut_stop(self->fd, self->engine, &ticket));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ut_drain(self->fd, 0, -1, -1);
	ut_on(self->fd, self->engine, UT_QUIESCE, -1, UT_STOP, 0, 1);
	EXPECT_EQ(0, ut_control(self->fd, self->engine, action));
	ASSERT_EQ(0, next_quiesce(self->fd, &event));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, ticket));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	expect_stands(_metadata, self);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	expect_runs(_metadata);
}

TEST_F(outside, report_of_a_parked_thread) { report_parked(_metadata, self, UT_REPORT); }
TEST_F(outside, interrupt_of_a_parked_thread) { report_parked(_metadata, self, UT_INTERRUPT); }

TEST_F(outside, other_errors)
{
	EXPECT_EQ(-EINVAL, ut_control(self->fd, self->engine, 77));
	EXPECT_EQ(-EBADF, ut_control(self->fd, 77, UT_STOP));
	/* No callback runs. */
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	EXPECT_EQ(0, ut_control(self->fd, self->engine, UT_DETACH));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, self->engine, UT_DETACH));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, self->engine, UT_STOP));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, self->engine, UT_RESUME));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, self->engine, UT_INTERRUPT));
	EXPECT_EQ(-ESRCH, ut_stop(self->fd, self->engine, NULL));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->engine, 0));
}

TEST_HARNESS_MAIN
