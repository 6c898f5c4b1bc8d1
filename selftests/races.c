// SPDX-License-Identifier: GPL-2.0
/*
 * Races that brought others down and that have no better place: races.md lists them all, and where
 * each is tested. The numbers in the names are those of its table.
 */
#include "ut.h"
#include "kselftest_harness.h"

FIXTURE(races)
{
	struct tracee tracee;
	int fd, engine;
};

FIXTURE_SETUP(races)
{
	self->fd = UT_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
}

FIXTURE_TEARDOWN(races)
{
	shared->flag[0] = 1;
	tracee_end(&self->tracee);
	close(self->fd);
}

static int attach(FIXTURE_DATA(races) *self, unsigned int events)
{
	self->engine = ut_attach(self->fd, self->tracee.pid, events);
	return self->engine;
}

/* --- 3: resumed while another engine of the same pass is called ---------------------------------- */

static long do_fork_and_wait(long *args)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	return child;
}

/* Of all stops only that of a clone is still ahead when the next engine is called. */
static void resumed_in_the_callback_of_another(struct __test_metadata *_metadata,
					       FIXTURE_DATA(races) *self, bool ticket)
{
	struct ut_event event;
	int other;
	long r;

	ASSERT_GE(attach(self, UT_CLONE), 0);
	other = ut_attach(self->fd, self->tracee.pid, UT_CLONE);
	ut_on(self->fd, self->engine, UT_CLONE, -1, UT_STOP, 0, 1);
	ut_on(self->fd, other, UT_CLONE, -1, UT_RESUME, UT_F_HOLD_CALLBACK, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork_and_wait, 0));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_CLONE, -1));
	ASSERT_EQ(0, ut_wait_held(self->fd, other, UT_IN_CALLBACK));
	EXPECT_EQ(FOUND_PREPARED, ut_resume(self->fd, self->engine, ticket ? event.ticket : 0));
	ASSERT_EQ(0, ut_go(self->fd, other));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(event.child, r);
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, event.ticket));
}

TEST_F(races, race_03_ticket_resumed_in_the_callback_of_another)
{
	resumed_in_the_callback_of_another(_metadata, self, true);
}

TEST_F(races, race_03_plain_resume_in_the_callback_of_another)
{
	resumed_in_the_callback_of_another(_metadata, self, false);
}

/* At all other events the stop of one is over before the next is called: too late, and no harm. */
TEST_F(races, race_03_stop_is_over_when_the_next_is_called)
{
	struct ut_event event;
	int other;
	long r;

	ASSERT_GE(attach(self, UT_SYSCALL_EXIT), 0);
	other = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_EXIT);
	ut_on(self->fd, self->engine, UT_SYSCALL_EXIT, CALL, UT_STOP, 0, 0);
	ut_on(self->fd, other, UT_SYSCALL_EXIT, CALL, UT_RESUME, UT_F_HOLD_CALLBACK, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_EXIT, CALL));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	ASSERT_EQ(0, ut_wait_held(self->fd, other, UT_IN_CALLBACK));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_EQ(FOUND_NOTHING, ut_resume(self->fd, self->engine, 0));
	ASSERT_EQ(0, ut_go(self->fd, other));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	/* The next stop is one. */
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
}

/* --- 9: REPORT and INTERRUPT in the windows in which a resume was lost --------------------------- */

static const struct { unsigned int flag, place; } windows[] = {
	{ UT_F_HOLD_CALLBACK, UT_IN_CALLBACK },
	{ UT_F_HOLD_RETURNED, UT_IN_RETURNED },
	{ UT_F_HOLD_BEFORE_PARK, UT_IN_BEFORE_PARK },
};
static const unsigned int kinds[] = { UT_SYSCALL_ENTRY, UT_SYSCALL_EXIT };

static void asked_in_every_window(struct __test_metadata *_metadata, FIXTURE_DATA(races) *self,
				  unsigned int action)
{
	struct ut_event event;
	long r;

	ASSERT_GE(attach(self, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT | UT_QUIESCE), 0);
	for (int i = 0; i < 6; i++) {
		ut_on(self->fd, self->engine, kinds[i / 3], CALL, UT_STOP, windows[i % 3].flag, 1);
		ASSERT_EQ(0, tracee_call(&self->tracee));
		ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, windows[i % 3].place));
		ut_drain(self->fd, 0, -1, -1);
		ASSERT_EQ(0, ut_control(self->fd, self->engine, action));
		ASSERT_EQ(0, ut_go(self->fd, self->engine));
		/* It does not park, and the report comes: before user mode, or the entry once more. */
		ASSERT_EQ(0, tracee_result(&self->tracee, &r)) TH_LOG("window %d", i);
		EXPECT_EQ(getpid(), r);
		do {
			ASSERT_EQ(0, ut_next(self->fd, &event)) TH_LOG("window %d", i);
		} while (!(event.event == UT_QUIESCE && !event.quiesce_for) &&
		       !(event.event == UT_SYSCALL_ENTRY && event.resumed));
	}
}

TEST_F(races, race_09_report_in_every_window)
{
	asked_in_every_window(_metadata, self, UT_REPORT);
}

TEST_F(races, race_09_interrupt_in_every_window)
{
	asked_in_every_window(_metadata, self, UT_INTERRUPT);
}

/* A step is no less sure: the call, before it is made, and behind it one instruction. */
TEST_F(races, race_09_singlestep_in_every_window)
{
	struct ut_event event;
	long r;

	ASSERT_GE(attach(self, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT | UT_QUIESCE | UT_SIGNAL_CORE), 0);
	for (int i = 0; i < 6; i++) {
		ut_on(self->fd, self->engine, kinds[i / 3], CALL, UT_STOP, windows[i % 3].flag, 1);
		ASSERT_EQ(0, tracee_call(&self->tracee));
		ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, windows[i % 3].place));
		ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_SINGLESTEP));
		ASSERT_EQ(0, ut_go(self->fd, self->engine));
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_CORE, SIGTRAP)) TH_LOG("window %d", i);
		EXPECT_EQ(i < 3 ? 1 /* TRAP_BRKPT */ : 2 /* TRAP_TRACE */, event.result);
		ASSERT_EQ(0, tracee_result(&self->tracee, &r)) TH_LOG("window %d", i);
		EXPECT_EQ(getpid(), r);
		EXPECT_EQ(0, ut_drain(self->fd, UT_SIGNAL_CORE, -1, -1));
	}
}

/* --- 13: a SIGKILL while the tracer is inside control or reads memory ----------------------------- */

#define MUCH	(1 << 20)

/* Much memory, at count[1], and then the call. */
static long do_fill_and_call(long *args)
{
	char *much = mmap(NULL, MUCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(much, 0x5a, MUCH);
	shared->count[1] = (long)much;
	raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
	return munmap(much, MUCH);
}

/* A process that traces the tracee, and reads all that and asks for stops without end. */
static pid_t begin_reading(struct __test_metadata *_metadata, FIXTURE_DATA(races) *self)
{
	pid_t reader;

	shared->flag[1] = 0;
	reader = fork();
	if (reader == 0) {
		static char buf[MUCH];
		struct ut_examine x;
		struct ut_event event;
		int fd = ut_open(), engine, err;

		close(self->fd);
		engine = ut_attach(fd, self->tracee.pid, UT_SYSCALL_ENTRY);
		ut_on(fd, engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
		if (tracee_run(&self->tracee, do_fill_and_call, 0) ||
		    ut_next_of(fd, &event, UT_SYSCALL_ENTRY, CALL) || wait_parked(self->tracee.pid))
			_exit(2);
		do {
			__u64 ticket = 0;

			x = (struct ut_examine) {
				.engine = engine, .op = UT_X_READ, .addr = shared->count[1],
				.buf = (__u64)buf, .size = sizeof(buf),
			};
			if (ut_ioctl(fd, UT_EXAMINE, &x))
				_exit(3);
			err = x.prepare ?: x.done < 0 ? x.done : x.finish;
			if (!err && (x.done != MUCH || buf[0] != 0x5a || memcmp(buf, buf + 1, MUCH - 1)))
				_exit(4);
			err = err ?: ut_stop(fd, engine, &ticket);
			if (err == 1)
				err = ut_resume(fd, engine, ticket) == FOUND_PARKED ? 0 : -ESRCH;
			shared->flag[1] = 1;
		} while (!err);
		_exit(err == -EAGAIN || err == -ESRCH ? 0 : 5);
	}
	EXPECT_EQ(0, wait_until(shared->flag[1]));
	return reader;
}

/* Whatever the tracer is doing: its thread dies at once, and it is told so. */
TEST_F(races, race_13_tracee_killed_while_its_memory_is_read)
{
	for (int round = 0; round < 20; round++) {
		pid_t reader = begin_reading(_metadata, self);

		for (volatile int i = 0; i < round * 20000; i++)
			;
		kill(self->tracee.pid, SIGKILL);
		EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
		EXPECT_TRUE(ended_with(wait_child(reader), 0));
		self->tracee = tracee_start();
	}
}

/* The tracer dies at once, and lets its thread go. */
TEST_F(races, race_13_tracer_killed_while_it_reads_memory)
{
	for (int round = 0; round < 20; round++) {
		pid_t reader = begin_reading(_metadata, self);
		long r = -1;

		for (volatile int i = 0; i < round * 20000; i++)
			;
		kill(reader, SIGKILL);
		EXPECT_TRUE(ended_by(wait_child(reader), SIGKILL));
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
		EXPECT_EQ(0, r);
	}
}

/* --- 17: two that trace each other --------------------------------------------------------------- */

struct pair {
	pid_t pid[2];
	int fd[2], engine[2];
};

/* Each has the session that stops the other one, alone, and is parked for the other's. */
static void park_each_other(struct __test_metadata *_metadata, struct pair *pair)
{
	memset((void *)shared->flag, 0, sizeof(shared->flag));
	for (int i = 0; i < 2; i++)
		pair->fd[i] = ut_open();
	for (int i = 0; i < 2; i++) {
		pair->pid[i] = fork();
		if (pair->pid[i] == 0) {
			close(pair->fd[!i]);
			shared->flag[i] = 1;
			while (!shared->flag[2])
				;
			raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
			shared->flag[3 + i] = 1;
			for (;;)
				;
		}
	}
	for (int i = 0; i < 2; i++) {
		pair->engine[i] = ut_attach(pair->fd[i], pair->pid[!i], UT_SYSCALL_ENTRY);
		ASSERT_GE(pair->engine[i], 0);
		ut_on(pair->fd[i], pair->engine[i], UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 0);
	}
	ASSERT_EQ(0, wait_until(shared->flag[0] && shared->flag[1]));
	/* Open in the two alone from now on. */
	close(pair->fd[0]);
	close(pair->fd[1]);
	shared->flag[2] = 1;
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, wait_parked(pair->pid[i]));
}

TEST_F(races, race_17_two_that_trace_each_other_can_be_killed)
{
	for (int first = 0; first < 2; first++) {
		struct pair pair;

		park_each_other(_metadata, &pair);
		EXPECT_EQ(0, kill(pair.pid[first], SIGKILL));
		EXPECT_TRUE(ended_by(wait_child(pair.pid[first]), SIGKILL));
		/* It held the other one, which runs on now. */
		EXPECT_EQ(0, wait_until(shared->flag[3 + !first]));
		EXPECT_EQ(0, kill(pair.pid[!first], SIGKILL));
		EXPECT_TRUE(ended_by(wait_child(pair.pid[!first]), SIGKILL));
	}
}

TEST_F(races, race_17_two_that_trace_each_other_killed_at_once)
{
	for (int round = 0; round < 10; round++) {
		struct pair pair;

		park_each_other(_metadata, &pair);
		for (int i = 0; i < 2; i++)
			EXPECT_EQ(0, kill(pair.pid[i ^ (round & 1)], SIGKILL));
		for (int i = 0; i < 2; i++)
			EXPECT_TRUE(ended_by(wait_child(pair.pid[i]), SIGKILL));
	}
}

/* Who traces itself is nobody's but its own, and no less mortal. */
TEST_F(races, race_17_one_that_traces_itself_can_be_killed)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd = ut_open();
		int engine = ut_attach(fd, getpid(), UT_SYSCALL_ENTRY);

		ut_on(fd, engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 0);
		raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
		_exit(1);
	}
	ASSERT_EQ(0, wait_parked(pid));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(ended_by(wait_child(pid), SIGKILL));
}

/* --- 36: events removed ---------------------------------------------------------------------------- */

/* The thread has seen that the event is wanted, and has not begun the callback: it does not come. */
TEST_F(races, race_36_removed_before_the_callback_begins)
{
	long r;

	ASSERT_GE(attach(self, 0), 0);
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	ASSERT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, self->engine, UT_SYSCALL_ENTRY | UT_QUIESCE));
	ut_on(self->fd, self->engine, UT_QUIESCE, -1, UT_RESUME, UT_F_HOLD_NEXT, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, UT_IN_BEFORE_CALLBACK));
	EXPECT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, self->engine, UT_QUIESCE));
	EXPECT_EQ(0, ut_op(self->fd, UT_BARRIER, self->engine, 0));
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_ENTRY, self->engine, -1));
}

/* Who asks again until it is done has waited for the callback. */
TEST_F(races, race_36_asked_again_until_it_is_done)
{
	long r;

	ASSERT_GE(attach(self, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT), 0);
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_RESUME, UT_F_HOLD_CALLBACK, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, UT_IN_CALLBACK));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-EINPROGRESS, ut_op(self->fd, UT_SET_EVENTS, self->engine, 0));
	/* The one that runs is wanted again, so there is nothing to wait for. */
	EXPECT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, self->engine, UT_SYSCALL_ENTRY));
	EXPECT_EQ(-EINPROGRESS, ut_op(self->fd, UT_SET_EVENTS, self->engine, 0));
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	EXPECT_EQ(0, ut_set_events(self->fd, self->engine, 0));
	EXPECT_EQ(0, ut_op(self->fd, UT_CONTROL, self->engine, UT_DETACH));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
}

/* --- 37: between QUIESCE and the event itself ------------------------------------------------------ */

struct waiter {
	pthread_t thread;
	int fd, engine, err;
	volatile int tid, done;
};

static void *wait_main(void *arg)
{
	struct waiter *waiter = arg;

	waiter->tid = ut_gettid();
	waiter->err = ut_op(waiter->fd, UT_BARRIER, waiter->engine, 0);
	waiter->done = 1;
	return NULL;
}

/* The thread in the QUIESCE callback of its call's entry; somebody waits for the end of that. */
static void wait_in_quiesce(struct __test_metadata *_metadata, FIXTURE_DATA(races) *self,
			    struct waiter *waiter)
{
	ut_on(self->fd, self->engine, UT_QUIESCE, -1, UT_RESUME, UT_F_HOLD_CALLBACK, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, UT_IN_CALLBACK));
	*waiter = (struct waiter) { .fd = self->fd, .engine = self->engine };
}

static void end_of_quiesce(struct __test_metadata *_metadata, FIXTURE_DATA(races) *self,
			   struct waiter *waiter)
{
	ASSERT_EQ(0, pthread_create(&waiter->thread, NULL, wait_main, waiter));
	ASSERT_EQ(0, wait_until(waiter->tid));
	ASSERT_EQ(0, wait_state(waiter->tid, 'S'));
	EXPECT_EQ(0, waiter->done);
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	pthread_join(waiter->thread, NULL);
}

/* What was removed before the barrier does not come behind it, in the middle of a report or not. */
TEST_F(races, race_37_events_removed_in_quiesce_do_not_come)
{
	struct waiter waiter;
	long r;

	ASSERT_GE(attach(self, 0), 0);
	/* It sits in read(): the next entry is that of the call, or of a write. */
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	ASSERT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, self->engine, UT_SYSCALL_ENTRY | UT_QUIESCE));
	wait_in_quiesce(_metadata, self, &waiter);
	EXPECT_EQ(-EINPROGRESS, ut_op(self->fd, UT_SET_EVENTS, self->engine, UT_QUIESCE));
	end_of_quiesce(_metadata, self, &waiter);
	EXPECT_EQ(0, waiter.err);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_ENTRY, self->engine, -1));
}

TEST_F(races, race_37_detached_in_quiesce)
{
	struct waiter waiter;
	long r;

	ASSERT_GE(attach(self, 0), 0);
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	ASSERT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, self->engine, UT_SYSCALL_ENTRY | UT_QUIESCE));
	wait_in_quiesce(_metadata, self, &waiter);
	EXPECT_EQ(-EINPROGRESS, ut_control(self->fd, self->engine, UT_DETACH));
	end_of_quiesce(_metadata, self, &waiter);
	EXPECT_EQ(-ESRCH, waiter.err);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_ENTRY, self->engine, -1));
}

/* --- 38: children ----------------------------------------------------------------------------------- */

/* A child whose parent is that of the caller. */
static long do_clone_parent(long *args)
{
	long child = raw_syscall(__NR_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0, 0);

	if (child == 0)
		raw_syscall(__NR_exit_group, 5, 0, 0, 0, 0, 0);
	return child;
}

TEST_F(races, race_38_child_that_is_a_sibling)
{
	struct ut_event event, clone;
	long r;

	ASSERT_GE(attach(self, UT_CLONE), 0);
	ut_on(self->fd, self->engine, UT_CLONE, -1, UT_RESUME, UT_F_FOLLOW | UT_F_STOP_CHILD, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_clone_parent, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &clone, UT_CLONE, -1));
	EXPECT_EQ(CLONE_PARENT, clone.args[0] & CLONE_PARENT);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(clone.child, r);
	ASSERT_EQ(0, wait_parked(clone.child));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, clone.child_engine, clone.result));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, clone.child_engine, UT_DEATH, -1));
	/* Ours, so it is reaped by us. */
	EXPECT_TRUE(ended_with(wait_child(clone.child), 5));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, clone.child_engine, UT_REAP, -1));
}

static long do_fork_that_shows(long *args)
{
	pid_t child = fork();

	if (child == 0) {
		shared->flag[3] = 1;
		_exit(0);
	}
	return child;
}

TEST_F(races, race_38_child_runs_while_its_parent_is_parked)
{
	struct ut_event event;
	long r;

	ASSERT_GE(attach(self, UT_CLONE), 0);
	ut_on(self->fd, self->engine, UT_CLONE, -1, UT_STOP, UT_F_FOLLOW, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork_that_shows, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_CLONE, -1));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(0, wait_until(shared->flag[3]));
	EXPECT_EQ('t', thread_state(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(event.child, r);
}

TEST_HARNESS_MAIN
