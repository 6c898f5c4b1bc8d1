// SPDX-License-Identifier: GPL-2.0
/*
 * The race that the project exists for: a resume that comes before the thread has parked.
 *
 *   t1 the callback decides to stop    t2 it returns    t3 that is recorded    t4 the thread parks
 *
 * The thread is held in each window while the resume is made.
 */
#include "ut.h"
#include "kselftest_harness.h"

FIXTURE(seed)
{
	struct tracee tracee;
	int fd, engine, other;
};

FIXTURE_VARIANT(seed)
{
	bool two_engines;
};

FIXTURE_VARIANT_ADD(seed, one_engine) { .two_engines = false };
FIXTURE_VARIANT_ADD(seed, two_engines) { .two_engines = true };

FIXTURE_SETUP(seed)
{
	self->fd = ut_open();
	ASSERT_GE(self->fd, 0);
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	/* Attached first, so called last at an entry: the window contains its callback. */
	self->other = -1;
	if (variant->two_engines)
		self->other = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	self->engine = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(self->engine, 0);
}

FIXTURE_TEARDOWN(seed)
{
	tracee_end(&self->tracee);
	close(self->fd);
}

/* The stop was released once: the thread has gone on, and the ticket is over. */
#define EXPECT_RELEASED(ticket) do {						\
	long r;									\
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));				\
	EXPECT_EQ(getpid(), r);							\
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, ticket));		\
} while (0)

static int stop_event(int fd, int engine, struct ut_event *event)
{
	int err;

	do
		err = ut_next_of(fd, event, UT_SYSCALL_ENTRY, CALL);
	while (!err && (int)event->engine != engine);
	return err;
}

TEST_F(seed, t1_t2_ticket_resumed_by_the_callback_itself)
{
	struct ut_event event;

	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, UT_F_RESUME_TICKET, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, stop_event(self->fd, self->engine, &event));
	EXPECT_EQ(FOUND_PREPARED, event.inside);
	EXPECT_RELEASED(event.ticket);
}

TEST_F(seed, t1_t2_plain_resume_by_the_callback_itself)
{
	struct ut_event event;

	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, UT_F_RESUME_PLAIN, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, stop_event(self->fd, self->engine, &event));
	EXPECT_EQ(FOUND_PREPARED, event.inside);
	EXPECT_RELEASED(event.ticket);
}

struct window {
	unsigned int flag, place;
};

static const struct window windows[] = {
	{ UT_F_HOLD_CALLBACK, UT_IN_CALLBACK },		/* t1 .. t2 */
	{ UT_F_HOLD_RETURNED, UT_IN_RETURNED },		/* t2 .. t3 */
	{ UT_F_HOLD_BEFORE_PARK, UT_IN_BEFORE_PARK },	/* t3 .. t4 */
};

static void window_test(struct __test_metadata *_metadata, FIXTURE_DATA(seed) *self,
			const struct window *window, bool with_ticket)
{
	struct ut_event event;

	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, window->flag, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, stop_event(self->fd, self->engine, &event));
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, window->place));
	EXPECT_EQ(FOUND_PREPARED,
		  ut_resume(self->fd, self->engine, with_ticket ? event.ticket : 0));
	/* Exactly once. */
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_EQ(FOUND_NOTHING, ut_resume(self->fd, self->engine, 0));
	EXPECT_EQ(0, ut_go(self->fd, self->engine));
	EXPECT_RELEASED(event.ticket);
}

TEST_F(seed, t1_t2_ticket) { window_test(_metadata, self, &windows[0], true); }
TEST_F(seed, t1_t2_plain) { window_test(_metadata, self, &windows[0], false); }
TEST_F(seed, t2_t3_ticket) { window_test(_metadata, self, &windows[1], true); }
TEST_F(seed, t2_t3_plain) { window_test(_metadata, self, &windows[1], false); }
TEST_F(seed, t3_t4_ticket) { window_test(_metadata, self, &windows[2], true); }
TEST_F(seed, t3_t4_plain) { window_test(_metadata, self, &windows[2], false); }

static void parked_test(struct __test_metadata *_metadata, FIXTURE_DATA(seed) *self, bool with_ticket)
{
	struct ut_event event;
	long r;

	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, stop_event(self->fd, self->engine, &event));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	/* It stays there. */
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 50));
	EXPECT_EQ(FOUND_PARKED,
		  ut_resume(self->fd, self->engine, with_ticket ? event.ticket : 0));
	EXPECT_RELEASED(event.ticket);
}

TEST_F(seed, after_t4_ticket) { parked_test(_metadata, self, true); }
TEST_F(seed, after_t4_plain) { parked_test(_metadata, self, false); }

TEST_F(seed, late_duplicate_does_not_swallow_the_next_stop)
{
	struct ut_event first, second;
	long r;

	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 2);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, stop_event(self->fd, self->engine, &first));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, first.ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	/* It is done with its callbacks: it waits for the next command. */
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	/* Duplicates while nothing is stopped, with and without ticket: not remembered. */
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, first.ticket));
	EXPECT_EQ(FOUND_NOTHING, ut_resume(self->fd, self->engine, 0));

	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, stop_event(self->fd, self->engine, &second));
	EXPECT_NE(first.ticket, second.ticket);
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	/* A duplicate while the next one is: not misapplied. */
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, first.ticket));
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 50));
	EXPECT_EQ('t', thread_state(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, second.ticket));
	EXPECT_RELEASED(second.ticket);
}

TEST_F(seed, ticket_of_a_callback_that_did_not_stop_is_over)
{
	struct ut_event event;

	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, stop_event(self->fd, self->engine, &event));
	EXPECT_NE(0, event.ticket);
	EXPECT_RELEASED(event.ticket);
}

TEST_F(seed, ticket_that_was_never_given_out_is_stale)
{
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, 1000));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, 1001));
}

TEST_F(seed, resume_from_a_timer_interrupt)
{
	static const unsigned int delays[] = { 1, 100, 3000 };
	struct ut_event event;

	for (int i = 0; i < 3; i++) {
		ut_script(self->fd, (struct ut_script) {
			.engine = self->engine, .event = UT_SYSCALL_ENTRY, .action = UT_STOP,
			.flags = UT_F_RESUME_TIMER, .nr = CALL, .times = 1, .delay_us = delays[i],
		});
		ASSERT_EQ(0, tracee_call(&self->tracee));
		ASSERT_EQ(0, stop_event(self->fd, self->engine, &event));
		EXPECT_RELEASED(event.ticket);
	}
}

TEST_HARNESS_MAIN
