// SPDX-License-Identifier: GPL-2.0
/*
 * The life of threads and engines: each event of a life once and in order, and detaches, changed
 * masks and barriers against callbacks that run and threads that die.
 */
#include "ut.h"
#include "kselftest_harness.h"

#define LIFE	(UT_CLONE | UT_EXEC | UT_EXIT | UT_DEATH | UT_REAP)

FIXTURE(life)
{
	struct tracee tracee;
	int fd, engine;
};

FIXTURE_SETUP(life)
{
	self->fd = UT_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
}

FIXTURE_TEARDOWN(life)
{
	shared->flag[0] = 1;
	tracee_end(&self->tracee);
	close(self->fd);
}

static void attach(struct __test_metadata *_metadata, FIXTURE_DATA(life) *self, unsigned int events)
{
	self->engine = ut_attach(self->fd, self->tracee.pid, events);
	ASSERT_GE(self->engine, 0);
}

/* Follows clones, so that children have engines with the same events and more. */
static void follow(int fd, int engine)
{
	ut_on(fd, engine, UT_CLONE, -1, UT_RESUME, UT_F_FOLLOW, 0);
}

/* The kinds of an engine's events of life, in their order, up to its REAP. */
struct life {
	unsigned int kinds[32];
	int count;
};

static struct life lives[16];

/* Reads events until so many engines have had their REAP. */
static int read_lives(int fd, int reaps)
{
	struct ut_event event;

	memset(lives, 0, sizeof(lives));
	while (reaps) {
		int err = ut_next(fd, &event);
		struct life *life;

		if (err) {
			fprintf(stderr, "# %d reaps missing\n", reaps);
			return err;
		}
		if (!(event.event & LIFE) || event.engine >= 16)
			continue;
		life = &lives[event.engine];
		if (life->count < 32)
			life->kinds[life->count++] = event.event;
		reaps -= event.event == UT_REAP;
	}
	return 0;
}

#define EXPECT_LIFE(engine, ...) do {						\
	unsigned int _kinds[] = { __VA_ARGS__ };				\
	int _count = ARRAY_SIZE(_kinds);					\
	EXPECT_EQ(_count, lives[engine].count) TH_LOG("engine %d", engine);	\
	for (int _i = 0; _i < _count && _i < lives[engine].count; _i++)		\
		EXPECT_EQ(_kinds[_i], lives[engine].kinds[_i]);			\
} while (0)

TEST_F(life, process_exits)
{
	attach(_metadata, self, LIFE);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 4));
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 4));
	ASSERT_EQ(0, read_lives(self->fd, 1));
	EXPECT_LIFE(0, UT_EXIT, UT_DEATH, UT_REAP);
	EXPECT_EQ(0, ut_drain(self->fd, LIFE, -1, -1));
}

TEST_F(life, reap_is_the_parents)
{
	struct ut_event event;

	attach(_metadata, self, LIFE);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 4));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_DEATH, -1));
	EXPECT_EQ(1, event.result);
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'Z'));
	/* Not before the parent has waited. */
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 20));
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 4));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_REAP, -1));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, self->engine, UT_DETACH));
}

static long do_forks(long *args)
{
	for (int i = 0; i < args[0]; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		waitpid(child, NULL, 0);
	}
	return 0;
}

TEST_F(life, children)
{
	long r;

	attach(_metadata, self, LIFE);
	follow(self->fd, self->engine);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_forks, 3));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, read_lives(self->fd, 3));
	EXPECT_LIFE(0, UT_CLONE, UT_CLONE, UT_CLONE);
	for (int i = 1; i <= 3; i++)
		EXPECT_LIFE(i, UT_EXIT, UT_DEATH, UT_REAP);
}

static void *thread_nothing(void *arg)
{
	return NULL;
}

static long do_threads(long *args)
{
	for (int i = 0; i < args[0]; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, thread_nothing, NULL))
			return -1;
		pthread_join(thread, NULL);
	}
	return 0;
}

/* Threads release themselves. */
TEST_F(life, threads)
{
	long r;

	attach(_metadata, self, LIFE);
	follow(self->fd, self->engine);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_threads, 3));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, r);
	ASSERT_EQ(0, read_lives(self->fd, 3));
	for (int i = 1; i <= 3; i++)
		EXPECT_LIFE(i, UT_EXIT, UT_DEATH, UT_REAP);
}

static long do_vfork_exec(long *args)
{
	pid_t child = vfork();

	if (child == 0) {
		execl("/bin/busybox", "true", NULL);
		_exit(1);
	}
	waitpid(child, NULL, 0);
	return 0;
}

TEST_F(life, vfork_and_exec)
{
	struct ut_event event;
	long r;

	attach(_metadata, self, LIFE);
	follow(self->fd, self->engine);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_vfork_exec, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_CLONE, -1));
	EXPECT_EQ(CLONE_VFORK | CLONE_VM, event.args[0] & (CLONE_VFORK | CLONE_VM));
	ASSERT_EQ(0, read_lives(self->fd, 1));
	EXPECT_LIFE(1, UT_EXEC, UT_EXIT, UT_DEATH, UT_REAP);
}

static void *thread_exec(void *arg)
{
	execl("/bin/busybox", "true", NULL);
	_exit(1);
}

static long do_thread_exec(long *args)
{
	pthread_t thread;

	pthread_create(&thread, NULL, thread_exec, NULL);
	for (;;)
		pause();
	return 0;
}

/* The thread takes the place and the number of the leader, which is released by it. */
TEST_F(life, exec_by_another_thread_than_the_leader)
{
	struct ut_event event;
	pid_t thread;

	attach(_metadata, self, LIFE);
	follow(self->fd, self->engine);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_thread_exec, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_CLONE, -1));
	thread = event.child;
	EXPECT_NE(self->tracee.pid, thread);
	do {
		ASSERT_EQ(0, ut_next(self->fd, &event));
	} while (event.event != UT_EXEC);
	EXPECT_EQ(1, event.engine);
	EXPECT_EQ(self->tracee.pid, event.tid);
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 0));
	ASSERT_EQ(0, read_lives(self->fd, 1));
	EXPECT_LIFE(1, UT_EXIT, UT_DEATH, UT_REAP);
}

TEST_F(life, exec_by_another_thread_ends_the_leader_in_order)
{
	attach(_metadata, self, LIFE);
	follow(self->fd, self->engine);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_thread_exec, 0));
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 0));
	ASSERT_EQ(0, read_lives(self->fd, 2));
	EXPECT_LIFE(0, UT_CLONE, UT_EXIT, UT_DEATH, UT_REAP);
	EXPECT_LIFE(1, UT_EXEC, UT_EXIT, UT_DEATH, UT_REAP);
}

/* --- a leader that exits before its thread ----------------------------------------------------- */

static void *thread_outlives(void *arg)
{
	while (!shared->flag[0])
		usleep(1000);
	raw_syscall(__NR_exit, 0, 0, 0, 0, 0, 0);
	return NULL;
}

/* In a child of the tracee, whose parent may ignore SIGCHLD. */
static long do_leader_first(long *args)
{
	pid_t child;

	if (args[0])
		signal(SIGCHLD, SIG_IGN);
	child = fork();
	if (child == 0) {
		pthread_t thread;

		pthread_create(&thread, NULL, thread_outlives, NULL);
		raw_syscall(__NR_exit, 0, 0, 0, 0, 0, 0);
	}
	waitpid(child, NULL, 0);
	return child;
}

static void leader_first(struct __test_metadata *_metadata, FIXTURE_DATA(life) *self, bool ignored)
{
	struct ut_event event;
	long r;

	attach(_metadata, self, LIFE);
	follow(self->fd, self->engine);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_leader_first, ignored));
	/* Engine 1 is on the leader, 2 on the thread. */
	do {
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_DEATH, -1));
	} while (event.engine != 1);
	EXPECT_EQ(0, event.result);
	shared->flag[0] = 1;
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, read_lives(self->fd, 2));
	EXPECT_LIFE(1, UT_REAP);
	EXPECT_LIFE(2, UT_EXIT, UT_DEATH, UT_REAP);
	EXPECT_EQ(0, ut_drain(self->fd, UT_REAP, -1, -1));
}

TEST_F(life, leader_exits_first_and_is_waited_for) { leader_first(_metadata, self, false); }
TEST_F(life, leader_exits_first_and_sigchld_is_ignored) { leader_first(_metadata, self, true); }

/* --- detach ---------------------------------------------------------------------------------- */

TEST_F(life, detached_by_return_value)
{
	long r;

	attach(_metadata, self, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT | LIFE);
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_DETACH, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
	EXPECT_EQ(-ESRCH, ut_control(self->fd, self->engine, UT_STOP));
	EXPECT_EQ(-ESRCH, ut_op(self->fd, UT_BARRIER, self->engine, 0));
	EXPECT_EQ(-ESRCH, ut_op(self->fd, UT_SET_EVENTS, self->engine, UT_EXEC));
	EXPECT_EQ(-ENOENT, ut_find(self->fd, self->tracee.pid, false));
	ut_drain(self->fd, 0, -1, -1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 0));
	tracee_status(&self->tracee);
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &(struct ut_event) { 0 }, 0));
}

TEST_F(life, detach_in_death_spares_the_reap)
{
	struct ut_event event;

	attach(_metadata, self, LIFE);
	ut_on(self->fd, self->engine, UT_DEATH, -1, UT_DETACH, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 0));
	tracee_status(&self->tracee);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_DEATH, -1));
	EXPECT_EQ(0, ut_drain(self->fd, UT_REAP, -1, -1));
}

static void hold_in_callback(struct __test_metadata *_metadata, FIXTURE_DATA(life) *self,
			     unsigned int action)
{
	struct ut_event event;

	attach(_metadata, self, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT);
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, action, UT_F_HOLD_CALLBACK, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, UT_IN_CALLBACK));
}

static void detach_while_in_callback(struct __test_metadata *_metadata, FIXTURE_DATA(life) *self,
				     unsigned int action)
{
	long r;

	hold_in_callback(_metadata, self, action);
	EXPECT_EQ(-EINPROGRESS, ut_control(self->fd, self->engine, UT_DETACH));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, self->engine, UT_DETACH));
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	/* A Stop of a detached engine stops nothing. */
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_EXIT, -1, CALL));
	EXPECT_EQ(-ESRCH, ut_op(self->fd, UT_BARRIER, self->engine, 0));
}

TEST_F(life, detach_while_a_callback_runs)
{
	detach_while_in_callback(_metadata, self, UT_RESUME);
}

TEST_F(life, detach_while_a_callback_runs_that_stops)
{
	detach_while_in_callback(_metadata, self, UT_STOP);
}

struct waiter {
	pthread_t thread;
	int fd, engine;
	unsigned long cmd;
	volatile int done, err;
};

static void *wait_main(void *arg)
{
	struct waiter *waiter = arg;

	waiter->err = ut_op(waiter->fd, waiter->cmd, waiter->engine, 0);
	waiter->done = 1;
	return NULL;
}

static void waits_for_callback(struct __test_metadata *_metadata, FIXTURE_DATA(life) *self,
			       unsigned long cmd)
{
	struct waiter waiter = { .fd = self->fd, .cmd = cmd };
	long r;

	hold_in_callback(_metadata, self, UT_RESUME);
	waiter.engine = self->engine;
	ASSERT_EQ(0, pthread_create(&waiter.thread, NULL, wait_main, &waiter));
	usleep(20000);
	EXPECT_EQ(0, waiter.done);
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	ASSERT_EQ(0, wait_until(waiter.done));
	pthread_join(waiter.thread, NULL);
	EXPECT_EQ(0, waiter.err);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
}

TEST_F(life, drop_waits_for_the_callback)
{
	waits_for_callback(_metadata, self, UT_DROP);
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_EXIT, -1, CALL));
}

TEST_F(life, barrier_waits_for_the_callback)
{
	waits_for_callback(_metadata, self, UT_BARRIER);
	/* Attached as before. */
	EXPECT_EQ(1, ut_drain(self->fd, UT_SYSCALL_EXIT, -1, CALL));
	EXPECT_EQ(0, ut_op(self->fd, UT_BARRIER, self->engine, 0));
}

static void on_alarm(int sig)
{
}

/* Not restarted here, as the handler is without SA_RESTART. */
TEST_F(life, barrier_is_left_for_a_signal)
{
	struct waiter waiter = { .fd = self->fd, .cmd = UT_BARRIER };
	struct sigaction action = { .sa_handler = on_alarm };

	sigaction(SIGUSR1, &action, NULL);
	hold_in_callback(_metadata, self, UT_RESUME);
	waiter.engine = self->engine;
	ASSERT_EQ(0, pthread_create(&waiter.thread, NULL, wait_main, &waiter));
	/* The signal may come before it waits: again until it ends. */
	ASSERT_EQ(0, wait_until(waiter.done || (pthread_kill(waiter.thread, SIGUSR1), false)));
	pthread_join(waiter.thread, NULL);
	EXPECT_EQ(-EINTR, waiter.err);
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
}

/* A barrier behind a callback that stops: the callback is over, the thread parked. */
TEST_F(life, barrier_does_not_wait_for_the_end_of_a_stop)
{
	hold_in_callback(_metadata, self, UT_STOP);
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(0, ut_op(self->fd, UT_BARRIER, self->engine, 0));
	EXPECT_EQ('t', thread_state(self->tracee.pid));
}

TEST_F(life, drop_of_its_own_handle_in_its_callback)
{
	struct ut_event event;
	long r;

	attach(_metadata, self, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT);
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, UT_F_DROP_SELF, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_EXIT, -1, CALL));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_EQ(-ENOENT, ut_find(self->fd, self->tracee.pid, false));
}

TEST_F(life, detach_of_a_parked_thread)
{
	long r;

	attach(_metadata, self, UT_SYSCALL_ENTRY);
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(0, ut_control(self->fd, self->engine, UT_DETACH));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

/* History 5: a ticket from before a detach and another attach. */
TEST_F(life, ticket_from_before_a_detach_and_attach)
{
	struct ut_event event;
	long r;

	attach(_metadata, self, UT_SYSCALL_ENTRY);
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	attach(_metadata, self, UT_SYSCALL_ENTRY);
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, 0, event.ticket));
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 20));
	EXPECT_EQ('t', thread_state(self->tracee.pid));
}

/* --- set_events -------------------------------------------------------------------------------- */

TEST_F(life, events_removed_while_a_callback_runs)
{
	long r;

	hold_in_callback(_metadata, self, UT_RESUME);
	EXPECT_EQ(-EINPROGRESS, ut_op(self->fd, UT_SET_EVENTS, self->engine, UT_SYSCALL_ENTRY));
	/* Added ones need no waiting. */
	EXPECT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, self->engine, UT_SYSCALL_ENTRY | UT_EXEC));
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_EXIT, -1, CALL));
	EXPECT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, self->engine, 0));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_ENTRY, -1, CALL));
	/* And again. */
	EXPECT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, self->engine, UT_SYSCALL_ENTRY));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(1, ut_drain(self->fd, UT_SYSCALL_ENTRY, -1, CALL));
}

TEST_F(life, unknown_events)
{
	attach(_metadata, self, 0);
	EXPECT_EQ(-EINVAL, ut_op(self->fd, UT_SET_EVENTS, self->engine, 1u << 31));
	EXPECT_EQ(-EINVAL, ut_op(self->fd, UT_SET_EVENTS, self->engine, 1u << 20));
}

/* --- the end ----------------------------------------------------------------------------------- */

TEST_F(life, rules_on_a_dead_thread)
{
	struct ut_event event;
	int other;

	attach(_metadata, self, UT_DEATH | UT_QUIESCE | UT_REAP);
	other = ut_attach(self->fd, self->tracee.pid, 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_DEATH, -1));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'Z'));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, self->engine, UT_STOP));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, self->engine, UT_RESUME));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, self->engine, UT_INTERRUPT));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, self->engine, UT_REPORT));
	/* Too late to be spared the death, or to ask for it; the reap is still to come. */
	EXPECT_EQ(-EALREADY, ut_op(self->fd, UT_SET_EVENTS, self->engine, UT_REAP));
	EXPECT_EQ(-EALREADY, ut_op(self->fd, UT_SET_EVENTS, other, UT_DEATH));
	EXPECT_EQ(-EALREADY, ut_op(self->fd, UT_SET_EVENTS, other, UT_QUIESCE));
	EXPECT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, other, UT_REAP));
	EXPECT_EQ(0, ut_control(self->fd, self->engine, UT_DETACH));
	tracee_status(&self->tracee);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_REAP, -1));
	EXPECT_EQ(other, event.engine);
	EXPECT_EQ(0, ut_drain(self->fd, UT_REAP, -1, -1));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, other, UT_DETACH));
	EXPECT_EQ(-ESRCH, ut_op(self->fd, UT_SET_EVENTS, other, 0));
}

/* History 19. */
TEST_F(life, detach_while_the_death_report_runs)
{
	struct ut_event event;

	attach(_metadata, self, UT_DEATH | UT_REAP);
	ut_on(self->fd, self->engine, UT_DEATH, -1, UT_RESUME, UT_F_HOLD_CALLBACK, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_DEATH, -1));
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, UT_IN_CALLBACK));
	EXPECT_EQ(-EALREADY, ut_control(self->fd, self->engine, UT_DETACH));
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	tracee_status(&self->tracee);
	EXPECT_EQ(0, ut_drain(self->fd, UT_REAP, -1, -1));
}

/* The parent waits while the death report runs: the reap comes after it, and once. */
TEST_F(life, reap_comes_while_the_death_report_runs)
{
	struct ut_event event;

	attach(_metadata, self, UT_DEATH | UT_REAP);
	ut_on(self->fd, self->engine, UT_DEATH, -1, UT_RESUME, UT_F_HOLD_CALLBACK, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 6));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_DEATH, -1));
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, UT_IN_CALLBACK));
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 6));
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 20));
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_REAP, event.event);
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 20));
}

/* History 14: the monitor goes. */
TEST_F(life, close_lets_parked_threads_run_on)
{
	struct tracee more[4];
	long r;

	for (int i = 0; i < 4; i++) {
		int engine;

		more[i] = tracee_start();
		engine = ut_attach(self->fd, more[i].pid, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT);
		ut_on(self->fd, engine, i % 2 ? UT_SYSCALL_EXIT : UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
		ASSERT_EQ(0, tracee_call(&more[i]));
		ASSERT_EQ(0, wait_parked(more[i].pid));
	}
	close(self->fd);
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, tracee_result(&more[i], &r));
		EXPECT_EQ(getpid(), r);
		tracee_end(&more[i]);
	}
	self->fd = UT_OPEN();
}

TEST_F(life, monitor_that_is_killed_lets_parked_threads_run_on)
{
	long r;
	pid_t monitor = fork();

	if (monitor == 0) {
		int fd = ut_open();
		int engine = ut_attach(fd, self->tracee.pid, UT_SYSCALL_ENTRY);

		ut_on(fd, engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
		shared->flag[1] = 1;
		for (;;)
			pause();
	}
	ASSERT_EQ(0, wait_until(shared->flag[1]));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	kill(monitor, SIGKILL);
	EXPECT_TRUE(ended_by(wait_child(monitor), SIGKILL));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
}

TEST_HARNESS_MAIN
