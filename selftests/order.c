// SPDX-License-Identifier: GPL-2.0
/*
 * Several engines on one thread: the order in which they are called, stops one engine after the
 * other, and that what one engine says is neither lost nor undone by another.
 */
#include "ut.h"
#include "kselftest_harness.h"

#define ENGINES 3

FIXTURE(order)
{
	struct tracee tracee;
	int fd, e[ENGINES];
};

FIXTURE_SETUP(order)
{
	self->fd = UT_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
}

FIXTURE_TEARDOWN(order)
{
	shared->flag[0] = 1;
	tracee_end(&self->tracee);
	close(self->fd);
}

static void attach(struct __test_metadata *_metadata, FIXTURE_DATA(order) *self, int count,
		   unsigned int events)
{
	for (int i = 0; i < count; i++) {
		self->e[i] = ut_attach(self->fd, self->tracee.pid, events);
		ASSERT_GE(self->e[i], 0);
	}
}

/* The next events of this kind and call come from the engines in this order. */
static void expect_order(struct __test_metadata *_metadata, FIXTURE_DATA(order) *self,
			 unsigned int kind, int nr, int count, bool reverse)
{
	struct ut_event event;

	for (int i = 0; i < count; i++) {
		ASSERT_EQ(0, ut_next_of(self->fd, &event, kind, nr));
		EXPECT_EQ(self->e[reverse ? count - 1 - i : i], event.engine);
	}
}

TEST_F(order, entry_reverse_and_exit_forward)
{
	long r;

	for (int count = 2; count <= ENGINES; count++) {
		attach(_metadata, self, count, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT);
		ASSERT_EQ(0, tracee_call(&self->tracee));
		expect_order(_metadata, self, UT_SYSCALL_ENTRY, CALL, count, true);
		expect_order(_metadata, self, UT_SYSCALL_EXIT, CALL, count, false);
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
		EXPECT_EQ(getpid(), r);
		for (int i = 0; i < count; i++)
			ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->e[i], 0));
		ut_drain(self->fd, 0, -1, -1);
	}
}

static long do_fork_and_exec(long *args)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	execl("/bin/busybox", "true", NULL);
	return -errno;
}

TEST_F(order, all_others_forward)
{
	attach(_metadata, self, ENGINES, UT_CLONE | UT_EXEC | UT_EXIT | UT_DEATH | UT_REAP);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork_and_exec, 0));
	expect_order(_metadata, self, UT_CLONE, -1, ENGINES, false);
	expect_order(_metadata, self, UT_EXEC, -1, ENGINES, false);
	expect_order(_metadata, self, UT_EXIT, -1, ENGINES, false);
	expect_order(_metadata, self, UT_DEATH, -1, ENGINES, false);
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 0));
	expect_order(_metadata, self, UT_REAP, -1, ENGINES, false);
}

/* Each QUIESCE comes right before the same engine's event, in the order of the event. */
TEST_F(order, quiesce_as_the_event)
{
	static const unsigned int kinds[] = { UT_QUIESCE, UT_SYSCALL_ENTRY };
	struct ut_event event;

	attach(_metadata, self, 2, UT_SYSCALL_ENTRY | UT_QUIESCE);
	/* Let pass what the tracee is in the middle of. */
	ASSERT_EQ(0, tracee_call(&self->tracee));
	do {
		ASSERT_EQ(0, ut_next(self->fd, &event));
	} while (event.nr != CALL || (int)event.engine != self->e[0]);
	/* The next call: it writes the result. */
	for (int engine = 1; engine >= 0; engine--) {
		for (int kind = 0; kind < 2; kind++) {
			do {
				ASSERT_EQ(0, ut_next(self->fd, &event));
			} while (event.event == UT_QUIESCE && event.quiesce_for != UT_SYSCALL_ENTRY);
			EXPECT_EQ(self->e[engine], event.engine);
			EXPECT_EQ(kinds[kind], event.event);
		}
	}
}

static void one_by_one(struct __test_metadata *_metadata, FIXTURE_DATA(order) *self,
		       unsigned int kind, bool reverse)
{
	struct ut_event event;
	long r;

	attach(_metadata, self, ENGINES, kind);
	for (int i = 0; i < ENGINES; i++)
		ut_on(self->fd, self->e[i], kind, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	for (int i = 0; i < ENGINES; i++) {
		int engine = self->e[reverse ? ENGINES - 1 - i : i];

		ASSERT_EQ(0, ut_next_of(self->fd, &event, kind, CALL));
		EXPECT_EQ(engine, event.engine);
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
		/* The next engine is not called before this one's stop is resumed. */
		EXPECT_EQ(0, ut_drain(self->fd, kind, -1, CALL));
		EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
		EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, engine, event.ticket));
	}
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

TEST_F(order, entry_stops_one_after_the_other)
{
	one_by_one(_metadata, self, UT_SYSCALL_ENTRY, true);
}

TEST_F(order, exit_stops_one_after_the_other)
{
	one_by_one(_metadata, self, UT_SYSCALL_EXIT, false);
}

/* An engine that pauses has its say again, as often as it likes, before the next one is called. */
static void pauses(struct __test_metadata *_metadata, FIXTURE_DATA(order) *self,
		   unsigned int kind, bool reverse)
{
	struct ut_event event;
	long r;
	int first;

	attach(_metadata, self, 2, kind);
	first = self->e[reverse];
	ut_on(self->fd, first, kind, CALL, UT_STOP, UT_F_PAUSE, 2);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	for (int round = 0; round < 3; round++) {
		ASSERT_EQ(0, ut_next_of(self->fd, &event, kind, CALL));
		EXPECT_EQ(first, event.engine);
		EXPECT_EQ(round ? 2 : 0, event.resumed);
		if (round == 2)
			break;
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
		EXPECT_EQ(0, ut_drain(self->fd, kind, -1, CALL));
		EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, first, event.ticket));
	}
	ASSERT_EQ(0, ut_next_of(self->fd, &event, kind, CALL));
	EXPECT_EQ(self->e[!reverse], event.engine);
	EXPECT_EQ(0, event.resumed);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
	/* The next event is a new one. */
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, kind, CALL));
	EXPECT_EQ(first, event.engine);
	EXPECT_EQ(0, event.resumed);
}

TEST_F(order, entry_pauses_and_is_called_again)
{
	pauses(_metadata, self, UT_SYSCALL_ENTRY, true);
}

TEST_F(order, exit_pauses_and_is_called_again)
{
	pauses(_metadata, self, UT_SYSCALL_EXIT, false);
}

/* Detached while it pauses, or released before it has parked. */
TEST_F(order, pause_and_detach)
{
	struct ut_event event;
	long r;

	attach(_metadata, self, 1, UT_SYSCALL_ENTRY);
	ut_on(self->fd, self->e[0], UT_SYSCALL_ENTRY, CALL, UT_STOP,
	      UT_F_PAUSE | UT_F_RESUME_TICKET, 1);
	ut_on(self->fd, self->e[0], UT_SYSCALL_ENTRY, CALL, UT_STOP, UT_F_PAUSE, 0);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	EXPECT_EQ(FOUND_PREPARED, event.inside);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	EXPECT_EQ(2, event.resumed);
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->e[0], 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_ENTRY, -1, CALL));
}

/* Parked for the first engine's report; the second asks for a stop then, so both hold. */
static void both_hold(struct __test_metadata *_metadata, FIXTURE_DATA(order) *self,
		      __u64 *report, __u64 *ask)
{
	struct ut_event event;

	ut_on(self->fd, self->e[0], UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->e[0], UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	*report = event.ticket;
	ASSERT_EQ(1, ut_stop(self->fd, self->e[1], ask));
}

static void expect_held(struct __test_metadata *_metadata, FIXTURE_DATA(order) *self)
{
	long r;

	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
	EXPECT_EQ('t', thread_state(self->tracee.pid));
}

TEST_F(order, runs_when_the_last_lets_go_report_first)
{
	__u64 report, ask;
	long r;

	attach(_metadata, self, 2, UT_SYSCALL_ENTRY);
	both_hold(_metadata, self, &report, &ask);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->e[0], report));
	expect_held(_metadata, self);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->e[1], ask));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
}

TEST_F(order, runs_when_the_last_lets_go_ask_first)
{
	__u64 report, ask;
	long r;

	attach(_metadata, self, 2, UT_SYSCALL_ENTRY);
	both_hold(_metadata, self, &report, &ask);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->e[1], ask));
	expect_held(_metadata, self);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->e[0], report));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
}

TEST_F(order, two_asks_each_order)
{
	__u64 ask[2];

	attach(_metadata, self, 2, UT_SYSCALL_ENTRY);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_spin, 0));
	for (int first = 0; first < 2; first++) {
		long count;

		for (int i = 0; i < 2; i++)
			ASSERT_GE(ut_stop(self->fd, self->e[i], &ask[i]), 0);
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
		EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->e[first], ask[first]));
		count = shared->count[0];
		expect_held(_metadata, self);
		EXPECT_EQ(count, shared->count[0]);
		EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->e[!first], ask[!first]));
		ASSERT_EQ(0, wait_until(shared->count[0] > count));
	}
}

static void detach_one(struct __test_metadata *_metadata, FIXTURE_DATA(order) *self, bool resume_first)
{
	__u64 report, ask;
	long r;

	attach(_metadata, self, 2, UT_SYSCALL_ENTRY);
	both_hold(_metadata, self, &report, &ask);
	if (resume_first) {
		EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->e[0], report));
	} else {
		EXPECT_EQ(0, ut_op(self->fd, UT_DROP, self->e[1], 0));
	}
	expect_held(_metadata, self);
	if (resume_first) {
		EXPECT_EQ(0, ut_op(self->fd, UT_DROP, self->e[1], 0));
	} else {
		EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->e[0], report));
	}
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->e[1], ask));
}

TEST_F(order, one_resumes_then_the_other_detaches) { detach_one(_metadata, self, true); }
TEST_F(order, one_detaches_then_the_other_resumes) { detach_one(_metadata, self, false); }

struct dropper {
	pthread_barrier_t barrier;
	int fd, engine;
};

static void *drop_main(void *arg)
{
	struct dropper *dropper = arg;

	pthread_barrier_wait(&dropper->barrier);
	return (void *)(long)ut_op(dropper->fd, UT_DROP, dropper->engine, 0);
}

TEST_F(order, one_resumes_while_the_other_detaches)
{
	for (int round = 0; round < 100; round++) {
		struct dropper dropper = { .fd = self->fd };
		__u64 report, ask;
		pthread_t thread;
		void *err;
		long r;

		attach(_metadata, self, 2, UT_SYSCALL_ENTRY);
		both_hold(_metadata, self, &report, &ask);
		dropper.engine = self->e[1];
		pthread_barrier_init(&dropper.barrier, NULL, 2);
		ASSERT_EQ(0, pthread_create(&thread, NULL, drop_main, &dropper));
		pthread_barrier_wait(&dropper.barrier);
		EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->e[0], report));
		pthread_join(thread, &err);
		EXPECT_EQ(0, (long)err);
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
		ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->e[0], 0));
		ut_drain(self->fd, 0, -1, -1);
	}
}

static void peer_test(struct __test_metadata *_metadata, FIXTURE_DATA(order) *self, unsigned int kind)
{
	struct ut_event event;
	long r;
	int peer;

	attach(_metadata, self, 1, kind);
	ut_on(self->fd, self->e[0], kind, CALL, UT_RESUME, UT_F_ATTACH_PEER, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->e[0], kind, CALL));
	peer = event.child_engine;
	ASSERT_GT(peer, self->e[0]);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	/* Not called for the event in which it was attached, but for the next one. */
	EXPECT_EQ(0, ut_drain(self->fd, kind, peer, CALL));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(1, ut_drain(self->fd, kind, peer, CALL));
}

TEST_F(order, attached_at_entry_called_next_time) { peer_test(_metadata, self, UT_SYSCALL_ENTRY); }
TEST_F(order, attached_at_exit_called_next_time) { peer_test(_metadata, self, UT_SYSCALL_EXIT); }

/* From outside, while the thread is parked in the middle of the pass. */
TEST_F(order, attached_while_parked_called_next_time)
{
	struct ut_event event;
	long r;
	int late;

	attach(_metadata, self, 2, UT_SYSCALL_ENTRY);
	ut_on(self->fd, self->e[1], UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->e[1], UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	late = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT);
	ASSERT_GE(late, 0);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->e[1], event.ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, late, UT_SYSCALL_EXIT, CALL));
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_ENTRY, late, CALL));
}

/* --- what becomes of the call ----------------------------------------------------------------- */

static void abort_at(int fd, int engine, long result)
{
	ut_script(fd, (struct ut_script) {
		.engine = engine, .event = UT_SYSCALL_ENTRY, .action = UT_RESUME, .flags = UT_F_ABORT,
		.nr = CALL, .times = 1, .result = result,
	});
}

TEST_F(order, abort_is_seen_by_the_next)
{
	struct ut_event event;
	long r;

	attach(_metadata, self, 3, UT_SYSCALL_ENTRY);
	abort_at(self->fd, self->e[1], -EDOM);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	for (int i = 2; i >= 0; i--) {
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
		EXPECT_EQ(self->e[i], event.engine);
		EXPECT_EQ(i == 0, event.aborted);
	}
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(-EDOM, r);
}

/* History 31: an engine that has only QUIESCE and is called later says RUN by saying nothing. */
TEST_F(order, abort_is_not_erased_by_a_quiesce_only_engine)
{
	struct ut_event event;
	int aborter;
	long r;

	attach(_metadata, self, 1, UT_QUIESCE);
	aborter = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	abort_at(self->fd, aborter, -EDOM);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, aborter, UT_SYSCALL_ENTRY, CALL));
	do {
		ASSERT_EQ(0, ut_next_from(self->fd, &event, self->e[0], UT_QUIESCE, -1));
	} while (event.quiesce_for != UT_SYSCALL_ENTRY);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(-EDOM, r);
}

TEST_F(order, last_result_of_two_aborts)
{
	long r;

	attach(_metadata, self, 2, UT_SYSCALL_ENTRY);
	abort_at(self->fd, self->e[0], -ERANGE);
	abort_at(self->fd, self->e[1], -EDOM);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(-ERANGE, r);
}

TEST_F(order, changes_are_seen_by_the_next)
{
	struct ut_event event;
	long r;

	attach(_metadata, self, 2, UT_SYSCALL_ENTRY);
	ut_script(self->fd, (struct ut_script) {
		.engine = self->e[1], .event = UT_SYSCALL_ENTRY, .action = UT_RESUME,
		.flags = UT_F_NR | UT_F_ARGS, .nr = CALL, .new_nr = __NR_getpgid, .times = 1,
		.args = { 0, 12, 13, 14, 15, 16 },
	});
	ASSERT_EQ(0, tracee_syscall(&self->tracee, CALL, 1, 2, 3, 4, 5, 6));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	EXPECT_EQ(self->e[1], event.engine);
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(i + 1, event.args[i]);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(self->e[0], event.engine);
	EXPECT_EQ(__NR_getpgid, event.nr);
	EXPECT_EQ(0, event.args[0]);
	for (int i = 1; i < 6; i++)
		EXPECT_EQ(i + 11, event.args[i]);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpgid(self->tracee.pid), r);
}

TEST_F(order, result_set_by_one_is_seen_by_the_next)
{
	struct ut_event event;
	long r;

	attach(_metadata, self, 2, UT_SYSCALL_EXIT);
	ut_script(self->fd, (struct ut_script) {
		.engine = self->e[0], .event = UT_SYSCALL_EXIT, .action = UT_RESUME,
		.flags = UT_F_RESULT, .nr = CALL, .times = 1, .result = 4711,
	});
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->e[0], UT_SYSCALL_EXIT, CALL));
	EXPECT_EQ(getpid(), event.result);
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->e[1], UT_SYSCALL_EXIT, CALL));
	EXPECT_EQ(4711, event.result);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(4711, r);
}

/* --- history 32: a Stop from an engine without QUIESCE ------------------------------------------ */

TEST_F(order, stop_without_quiesce_at_exec_and_exit)
{
	struct ut_event event;

	attach(_metadata, self, 1, UT_EXEC | UT_EXIT);
	ut_on(self->fd, self->e[0], UT_EXEC, -1, UT_STOP, 0, 1);
	ut_on(self->fd, self->e[0], UT_EXIT, -1, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork_and_exec, 0));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, ut_next_of(self->fd, &event, i ? UT_EXIT : UT_EXEC, -1));
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
		EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->e[0], event.ticket));
	}
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 0));
}

static long do_fork(long *args)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child;
}

/* The child runs meanwhile: the stop of a CLONE is made on the parent's way to user mode. */
TEST_F(order, stop_without_quiesce_at_clone)
{
	struct ut_event event;
	long r;

	attach(_metadata, self, 1, UT_CLONE);
	ut_on(self->fd, self->e[0], UT_CLONE, -1, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_CLONE, -1));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(0, wait_state(event.child, 'Z'));
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->e[0], event.ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(event.child, r);
}

TEST_HARNESS_MAIN
