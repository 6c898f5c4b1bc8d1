// SPDX-License-Identifier: GPL-2.0
/*
 * Job control: processes that are stopped by signals and go on. The parent sees what it would see
 * without us, whether threads are parked or not; and engines hear of it.
 */
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <pthread.h>

#include "ut.h"
#include "kselftest_harness.h"

#define PARK_CALL	__NR_getppid
#define MARK_CALL	__NR_getpgrp

FIXTURE(jctl)
{
	int fd, engine;
	pid_t child;
};

FIXTURE_SETUP(jctl)
{
	self->fd = UT_OPEN();
	ut_share();
	self->child = -1;
}

FIXTURE_TEARDOWN(jctl)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, __WALL);
	}
	close(self->fd);
}

/* flag[0]: go; flag[1]: ready, flag[2]: make the call that parks, flag[3]: it has returned. */
static void body(void)
{
	shared->flag[1] = 1;
	while (!shared->flag[2])
		usleep(1000);
	raw_syscall(PARK_CALL, 0, 0, 0, 0, 0, 0);
	shared->flag[3] = 1;
	for (;;)
		pause();
}

static void count(int sig)
{
	__atomic_fetch_add(&shared->count[0], 1, __ATOMIC_SEQ_CST);
}

static void *beside(void *number)
{
	shared->tid[(long)number] = ut_gettid();
	for (;;) {
		shared->count[(long)number]++;
		usleep(1000);
	}
	return NULL;
}

/* The same in a process with three more threads that do something. */
static void body_threads(void)
{
	pthread_t thread;

	shared->tid[0] = ut_gettid();
	for (long i = 1; i <= 3; i++)
		pthread_create(&thread, NULL, beside, (void *)i);
	while (!shared->count[1] || !shared->count[2] || !shared->count[3])
		usleep(1000);
	body();
}

static void *park(void *number)
{
	shared->tid[(long)number] = ut_gettid();
	while (!shared->flag[2])
		usleep(1000);
	raw_syscall(PARK_CALL, 0, 0, 0, 0, 0, 0);
	__atomic_fetch_add(&shared->count[1], 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	return NULL;
}

/* All threads make the call that parks. */
static void body_all_park(void)
{
	pthread_t thread;

	shared->tid[0] = ut_gettid();
	for (long i = 1; i <= 2; i++)
		pthread_create(&thread, NULL, park, (void *)i);
	while (!shared->tid[1] || !shared->tid[2])
		usleep(1000);
	shared->flag[1] = 1;
	park((void *)0);
}

static pid_t start(int fd, int *engine, unsigned int events, void (*main)(void), bool follow)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* A process group of its own, that is no orphan: we are in the session. */
		setpgid(0, 0);
		signal(SIGUSR1, count);
		while (!shared->flag[0])
			usleep(1000);
		main();
	}
	*engine = ut_attach(fd, child, events);
	if (follow)
		ut_on(fd, *engine, UT_CLONE, -1, UT_RESUME, UT_F_FOLLOW, 0);
	shared->flag[0] = 1;
	return child;
}

#define START(events, main, follow) do {					\
	self->child = start(self->fd, &self->engine, events, main, follow);	\
	ASSERT_GE(self->engine, 0);						\
	ASSERT_EQ(0, wait_until(shared->flag[1]));				\
} while (0)

/* waitpid() with a deadline. */
static int wait_for(pid_t pid, int options)
{
	long end = ut_now_ms() + DEADLINE_MS;
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG | options);

		if (got == pid)
			return status;
		if (got < 0 || ut_now_ms() > end) {
			fprintf(stderr, "# waited for a change of %d: %s (its state: %c)\n", pid,
				got < 0 ? strerror(errno) : "none", thread_state(pid) ?: '-');
			return -1;
		}
		usleep(1000);
	}
}

static int wait_stopped(pid_t pid)
{
	int status = wait_for(pid, WUNTRACED);

	return status != -1 && WIFSTOPPED(status) ? WSTOPSIG(status) : -1;
}

static bool wait_continued(pid_t pid)
{
	int status = wait_for(pid, WCONTINUED);

	return status != -1 && WIFCONTINUED(status);
}

/* Parks the child before its call; gives the ticket. */
static __u64 park_child(int fd, int engine)
{
	struct ut_event event = {};

	ut_on(fd, engine, UT_SYSCALL_ENTRY, PARK_CALL, UT_STOP, 0, 1);
	shared->flag[2] = 1;
	if (ut_next_of(fd, &event, UT_SYSCALL_ENTRY, PARK_CALL))
		return 0;
	if (wait_parked(event.tid))
		return 0;
	return event.ticket;
}

/* --- threads that are parked ------------------------------------------------------------------ */

TEST_F(jctl, parked_and_stopped_as_the_parent_sees_it)
{
	__u64 ticket;

	START(UT_SYSCALL_ENTRY, body, false);
	ticket = park_child(self->fd, self->engine);
	ASSERT_NE(0, ticket);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, kill(self->child, i ? SIGTSTP : SIGSTOP));
		EXPECT_EQ(i ? SIGTSTP : SIGSTOP, wait_stopped(self->child));
		EXPECT_EQ('T', thread_state(self->child));
		ASSERT_EQ(0, kill(self->child, SIGCONT));
		EXPECT_TRUE(wait_continued(self->child));
		ASSERT_EQ(0, wait_parked(self->child));
	}
	EXPECT_EQ(0, shared->flag[3]);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ticket));
	ASSERT_EQ(0, wait_until(shared->flag[3]));
}

static volatile int children;

static void on_child(int sig)
{
	children++;
}

/* Its parent is told, too: a wait that sleeps is woken, and SIGCHLD comes. */
TEST_F(jctl, parked_and_the_parent_is_woken)
{
	__u64 ticket;
	int status;

	START(UT_SYSCALL_ENTRY, body, false);
	ticket = park_child(self->fd, self->engine);
	ASSERT_NE(0, ticket);
	children = 0;
	signal(SIGCHLD, on_child);
	alarm(DEADLINE_MS / 1000);
	ASSERT_EQ(0, kill(self->child, SIGSTOP));
	ASSERT_EQ(self->child, waitpid(self->child, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(0, wait_until(children >= 1));
	ASSERT_EQ(0, kill(self->child, SIGCONT));
	ASSERT_EQ(self->child, waitpid(self->child, &status, WCONTINUED));
	EXPECT_TRUE(WIFCONTINUED(status));
	EXPECT_EQ(0, wait_until(children >= 2));
	alarm(0);
	signal(SIGCHLD, SIG_DFL);
	ASSERT_EQ(0, wait_parked(self->child));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ticket));
	ASSERT_EQ(0, wait_until(shared->flag[3]));
}

/* The stop that other threads begin is complete only with the one that is parked. */
TEST_F(jctl, one_of_many_is_parked)
{
	__u64 ticket;
	long before;

	START(UT_SYSCALL_ENTRY, body_threads, false);
	ticket = park_child(self->fd, self->engine);
	ASSERT_NE(0, ticket);
	for (int i = 0; i < 3; i++) {
		/* Taken by a thread that runs. */
		ASSERT_EQ(0, syscall(__NR_tgkill, self->child, shared->tid[1 + i], SIGSTOP));
		EXPECT_EQ(SIGSTOP, wait_stopped(self->child));
		EXPECT_EQ('T', thread_state(self->child));
		ASSERT_EQ(0, kill(self->child, SIGCONT));
		EXPECT_TRUE(wait_continued(self->child));
		ASSERT_EQ(0, wait_parked(self->child));
		before = shared->count[1];
		EXPECT_EQ(0, wait_until(shared->count[1] > before));
	}
	EXPECT_EQ(0, shared->flag[3]);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ticket));
	ASSERT_EQ(0, wait_until(shared->flag[3]));
}

TEST_F(jctl, all_of_many_are_parked)
{
	struct ut_event events[3];

	START(UT_SYSCALL_ENTRY | UT_CLONE, body_all_park, true);
	ASSERT_EQ(0, ut_drain(self->fd, UT_JCTL, -1, -1));
	/* The threads have scripts of their own: copies of the leader's at the clone. */
	for (unsigned int i = 0; i < 3; i++)
		ASSERT_EQ(0, ut_on(self->fd, i ? self->engine + i : self->engine, UT_SYSCALL_ENTRY,
				   PARK_CALL, UT_STOP, 0, 1));
	/* What nobody wants to hear of is not reported. */
	for (unsigned int i = 1; i < 3; i++)
		ASSERT_EQ(0, ut_set_events(self->fd, self->engine + i, UT_SYSCALL_ENTRY));
	shared->flag[2] = 1;
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, ut_next_of(self->fd, &events[i], UT_SYSCALL_ENTRY, PARK_CALL));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, wait_parked(shared->tid[i]));
	ASSERT_EQ(0, kill(self->child, SIGSTOP));
	EXPECT_EQ(SIGSTOP, wait_stopped(self->child));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ('T', thread_state(shared->tid[i]));
	ASSERT_EQ(0, kill(self->child, SIGCONT));
	EXPECT_TRUE(wait_continued(self->child));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, wait_parked(shared->tid[i]));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, events[i].engine, events[i].ticket));
	EXPECT_EQ(0, wait_until(shared->count[1] == 3));
}

/* A resume that comes while the process is stopped lets the thread go when that goes on. */
TEST_F(jctl, resumed_while_stopped_there)
{
	__u64 ticket;

	START(UT_SYSCALL_ENTRY, body, false);
	ticket = park_child(self->fd, self->engine);
	ASSERT_NE(0, ticket);
	ASSERT_EQ(0, kill(self->child, SIGSTOP));
	EXPECT_EQ(SIGSTOP, wait_stopped(self->child));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ticket));
	usleep(20000);
	EXPECT_EQ('T', thread_state(self->child));
	EXPECT_EQ(0, shared->flag[3]);
	ASSERT_EQ(0, kill(self->child, SIGCONT));
	EXPECT_TRUE(wait_continued(self->child));
	ASSERT_EQ(0, wait_until(shared->flag[3]));
}

/* While it is stopped there the thread is held still for who looks at it. */
TEST_F(jctl, examined_while_stopped_there)
{
	struct ut_examine x = { .op = UT_X_SYSCALL };
	__u64 ticket;

	START(UT_SYSCALL_ENTRY, body, false);
	ticket = park_child(self->fd, self->engine);
	ASSERT_NE(0, ticket);
	ASSERT_EQ(0, kill(self->child, SIGSTOP));
	EXPECT_EQ(SIGSTOP, wait_stopped(self->child));
	x.engine = self->engine;
	ASSERT_EQ(0, ut_ioctl(self->fd, UT_EXAMINE, &x));
	EXPECT_EQ(0, x.prepare);
	EXPECT_EQ(0, x.done);
	EXPECT_EQ(0, x.finish);
	EXPECT_EQ(PARK_CALL, x.nr);
	ASSERT_EQ(0, kill(self->child, SIGCONT));
	ASSERT_EQ(0, wait_parked(self->child));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ticket));
}

TEST_F(jctl, killed_while_stopped_there)
{
	__u64 ticket;

	START(UT_SYSCALL_ENTRY, body, false);
	ticket = park_child(self->fd, self->engine);
	ASSERT_NE(0, ticket);
	ASSERT_EQ(0, kill(self->child, SIGSTOP));
	EXPECT_EQ(SIGSTOP, wait_stopped(self->child));
	ASSERT_EQ(0, kill(self->child, SIGKILL));
	EXPECT_TRUE(ended_by(wait_child(self->child), SIGKILL));
	self->child = -1;
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->engine, ticket));
	EXPECT_EQ(0, shared->flag[3]);
}

/* A debugger that attaches then is let in at once, and has the thread when that is resumed. */
TEST_F(jctl, debugger_attaches_while_stopped_there)
{
	__u64 ticket;
	int status;

	START(UT_SYSCALL_ENTRY, body, false);
	ticket = park_child(self->fd, self->engine);
	ASSERT_NE(0, ticket);
	ASSERT_EQ(0, kill(self->child, SIGSTOP));
	EXPECT_EQ(SIGSTOP, wait_stopped(self->child));
	alarm(DEADLINE_MS / 1000);
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, self->child, 0, 0));
	alarm(0);
	ASSERT_EQ(0, wait_parked(self->child));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ticket));
	status = wait_for(self->child, 0);
	EXPECT_TRUE(status != -1 && WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP);
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, self->child, 0, 0));
	ASSERT_EQ(0, kill(self->child, SIGCONT));
	ASSERT_EQ(0, wait_until(shared->flag[3]));
}

TEST_F(jctl, detached_while_stopped_there)
{
	START(UT_SYSCALL_ENTRY, body, false);
	ASSERT_NE(0, park_child(self->fd, self->engine));
	ASSERT_EQ(0, kill(self->child, SIGSTOP));
	EXPECT_EQ(SIGSTOP, wait_stopped(self->child));
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	EXPECT_EQ('T', thread_state(self->child));
	ASSERT_EQ(0, kill(self->child, SIGCONT));
	ASSERT_EQ(0, wait_until(shared->flag[3]));
}

/* A stop signal that an engine wants to hear of is reported, so it waits for that. */
TEST_F(jctl, stop_signal_of_a_parked_thread_is_reported_first)
{
	struct ut_event event;
	__u64 ticket;
	int status;

	START(UT_SYSCALL_ENTRY | UT_SIGNAL_STOP, body, false);
	ticket = park_child(self->fd, self->engine);
	ASSERT_NE(0, ticket);
	ASSERT_EQ(0, kill(self->child, SIGTSTP));
	usleep(20000);
	EXPECT_EQ('t', thread_state(self->child));
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG | WUNTRACED));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ticket));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_STOP, SIGTSTP));
	EXPECT_EQ(SIGTSTP, wait_stopped(self->child));
	ASSERT_EQ(0, kill(self->child, SIGCONT));
	ASSERT_EQ(0, wait_until(shared->flag[3]));
}

/* Blocked, caught and taken back ones stop nothing, parked or not. */
TEST_F(jctl, stop_signals_that_do_not_stop_a_parked_thread)
{
	__u64 ticket;
	int status;

	START(UT_SYSCALL_ENTRY, body, false);
	ticket = park_child(self->fd, self->engine);
	ASSERT_NE(0, ticket);
	/* It has a handler. */
	ASSERT_EQ(0, kill(self->child, SIGUSR1));
	usleep(20000);
	EXPECT_EQ('t', thread_state(self->child));
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG | WUNTRACED));
	EXPECT_EQ(0, shared->count[0]);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, ticket));
	ASSERT_EQ(0, wait_until(shared->flag[3]));
	EXPECT_EQ(0, wait_until(shared->count[0] == 1));
}

/* Stopped and continued from everywhere at once: nothing sticks. */
TEST_F(jctl, storm_of_stops_against_stops_of_engines)
{
	struct ut_event event;
	int stops = 0;
	pid_t storm;

	START(0, body_threads, false);
	ASSERT_EQ(0, ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, __NR_clock_nanosleep, UT_STOP,
			   0, 0));
	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, UT_SYSCALL_ENTRY));
	fflush(NULL);
	storm = fork();
	if (!storm) {
		for (int i = 0; i < 200; i++) {
			kill(self->child, i % 3 ? SIGSTOP : SIGTSTP);
			if (i % 4)
				usleep(300);
			kill(self->child, SIGCONT);
			if (i % 5)
				usleep(300);
		}
		_exit(0);
	}
	do {
		/* What is interrupted goes on as another call. */
		if (ut_next_within(self->fd, &event, 100) || event.nr != __NR_clock_nanosleep)
			continue;
		EXPECT_GT(ut_resume(self->fd, event.engine, event.ticket), 0);
		stops++;
	} while (waitpid(storm, NULL, WNOHANG) == 0);
	kill(self->child, SIGCONT);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_clock_nanosleep));
		EXPECT_GT(ut_resume(self->fd, event.engine, event.ticket), 0);
	}
	EXPECT_GT(stops, 0);
}

/* --- what engines hear ------------------------------------------------------------------------ */

TEST_F(jctl, reported_in_a_process_of_one_thread)
{
	struct ut_event event;

	START(UT_JCTL, body, false);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, kill(self->child, i ? SIGTTIN : SIGSTOP));
		ASSERT_EQ(0, ut_next(self->fd, &event));
		EXPECT_EQ(UT_JCTL, event.event);
		EXPECT_EQ(CLD_STOPPED, event.nr);
		EXPECT_EQ(CLD_STOPPED, event.result);
		EXPECT_EQ(i ? SIGTTIN : SIGSTOP, wait_stopped(self->child));
		ASSERT_EQ(0, kill(self->child, SIGCONT));
		ASSERT_EQ(0, ut_next(self->fd, &event));
		EXPECT_EQ(UT_JCTL, event.event);
		EXPECT_EQ(CLD_CONTINUED, event.nr);
		EXPECT_EQ(CLD_CONTINUED, event.result);
		EXPECT_TRUE(wait_continued(self->child));
	}
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 20));
}

/* Every thread hears of it; one of them is the one whose stopping, and going on, is told. */
static void on_nothing(int sig)
{
}

TEST_F(jctl, reported_in_each_thread_and_told_by_one)
{
	struct ut_event event;
	int stopped, told;

	signal(SIGUSR1, on_nothing);
	START(UT_JCTL | UT_CLONE, body_threads, true);
	ut_drain(self->fd, 0, -1, -1);
	for (unsigned int i = 1; i <= 3; i++)
		ASSERT_EQ(0, ut_set_events(self->fd, self->engine + i, UT_JCTL));
	ut_drain(self->fd, 0, -1, -1);
	for (int round = 0; round < 300; round++) {
		/* Some are in the middle of a signal when the stop comes. */
		for (int i = 1; i <= 3; i++)
			ASSERT_EQ(0, syscall(__NR_tgkill, self->child, shared->tid[i], SIGUSR1));
		ASSERT_EQ(0, kill(self->child, SIGSTOP));
		for (stopped = told = 0; stopped < 4; stopped++) {
			ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_JCTL, CLD_STOPPED));
			told += event.result == CLD_STOPPED;
		}
		EXPECT_EQ(1, told);
		EXPECT_EQ(SIGSTOP, wait_stopped(self->child));
		ASSERT_EQ(0, kill(self->child, SIGCONT));
		for (stopped = told = 0; stopped < 4; stopped++) {
			ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_JCTL, CLD_CONTINUED));
			told += event.result == CLD_CONTINUED;
		}
		EXPECT_EQ(1, told);
		EXPECT_TRUE(wait_continued(self->child));
	}
}

/* A stop returned for it is made there: the process is not stopped yet, or goes on without us. */
TEST_F(jctl, stops_of_engines_are_made_in_place)
{
	struct ut_event event;
	int status;

	START(UT_JCTL, body, false);
	ASSERT_EQ(0, ut_on(self->fd, self->engine, UT_JCTL, CLD_STOPPED, UT_STOP, 0, 1));
	ASSERT_EQ(0, ut_on(self->fd, self->engine, UT_JCTL, CLD_CONTINUED, UT_STOP, 0, 1));
	ASSERT_EQ(0, kill(self->child, SIGSTOP));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_JCTL, CLD_STOPPED));
	ASSERT_EQ(0, wait_parked(self->child));
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG | WUNTRACED));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_EQ(SIGSTOP, wait_stopped(self->child));
	ASSERT_EQ(0, kill(self->child, SIGCONT));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_JCTL, CLD_CONTINUED));
	ASSERT_EQ(0, wait_parked(self->child));
	/* The parent knows. */
	EXPECT_TRUE(wait_continued(self->child));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	shared->flag[2] = 1;
	ASSERT_EQ(0, wait_until(shared->flag[3]));
}

/* SIGCONT comes during the report: no stop, and both reports. */
TEST_F(jctl, stop_taken_back_during_the_report)
{
	struct ut_event event;
	int status;

	START(UT_JCTL, body, false);
	ASSERT_EQ(0, ut_on(self->fd, self->engine, UT_JCTL, CLD_STOPPED, UT_RESUME,
			   UT_F_HOLD_CALLBACK, 1));
	ASSERT_EQ(0, kill(self->child, SIGTSTP));
	ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, UT_IN_CALLBACK));
	ASSERT_EQ(0, kill(self->child, SIGCONT));
	ASSERT_EQ(0, ut_go(self->fd, self->engine));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_JCTL, CLD_STOPPED));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_JCTL, CLD_CONTINUED));
	EXPECT_EQ(0, event.result);
	shared->flag[2] = 1;
	ASSERT_EQ(0, wait_until(shared->flag[3]));
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG | WUNTRACED));
}

/* The second stop signal comes when the process goes on: reported, and not let through before. */
TEST_F(jctl, each_stop_signal_is_reported)
{
	START(UT_SIGNAL_STOP, body, false);
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, kill(self->child, SIGTSTP));
		EXPECT_EQ(SIGTSTP, wait_stopped(self->child));
		ASSERT_EQ(0, kill(self->child, SIGCONT));
	}
	EXPECT_TRUE(wait_continued(self->child));
	EXPECT_EQ(20, ut_drain(self->fd, UT_SIGNAL_STOP, self->engine, SIGTSTP));
}

TEST_F(jctl, killed_during_the_report)
{
	struct ut_event event;

	START(UT_JCTL, body, false);
	ASSERT_EQ(0, ut_on(self->fd, self->engine, UT_JCTL, CLD_STOPPED, UT_STOP, 0, 1));
	ASSERT_EQ(0, kill(self->child, SIGSTOP));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_JCTL, CLD_STOPPED));
	ASSERT_EQ(0, wait_parked(self->child));
	ASSERT_EQ(0, kill(self->child, SIGKILL));
	EXPECT_TRUE(ended_by(wait_child(self->child), SIGKILL));
	self->child = -1;
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 20));
}

/* A thread that is asked for while it is stopped parks when it goes on, and stops from there. */
TEST_F(jctl, asked_for_while_stopped_and_stopped_again)
{
	long before;
	__u64 ticket;

	START(UT_JCTL | UT_CLONE, body_threads, true);
	for (unsigned int i = 1; i <= 3; i++)
		ASSERT_EQ(0, ut_set_events(self->fd, self->engine + i, UT_JCTL));
	/* Taken by another thread: ours takes part. */
	ASSERT_EQ(0, syscall(__NR_tgkill, self->child, shared->tid[2], SIGSTOP));
	EXPECT_EQ(SIGSTOP, wait_stopped(self->child));
	ASSERT_EQ(0, ut_stop(self->fd, self->engine + 1, &ticket));
	ASSERT_EQ(0, kill(self->child, SIGCONT));
	EXPECT_TRUE(wait_continued(self->child));
	ASSERT_EQ(0, wait_parked(shared->tid[1]));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, syscall(__NR_tgkill, self->child, shared->tid[2], SIGSTOP));
		EXPECT_EQ(SIGSTOP, wait_stopped(self->child));
		ASSERT_EQ(0, kill(self->child, SIGCONT));
		EXPECT_TRUE(wait_continued(self->child));
		ASSERT_EQ(0, wait_parked(shared->tid[1]));
	}
	before = shared->count[1];
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine + 1, ticket));
	EXPECT_EQ(0, wait_until(shared->count[1] > before));
}

/* Who attaches with ptrace to a stopped process does not wait for an engine that hears of its end. */
TEST_F(jctl, debugger_attaches_while_stopped_and_reported)
{
	struct ut_event event;
	int status;

	START(UT_JCTL, body, false);
	ASSERT_EQ(0, ut_on(self->fd, self->engine, UT_JCTL, CLD_CONTINUED, UT_STOP, 0, 1));
	ASSERT_EQ(0, kill(self->child, SIGSTOP));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_JCTL, CLD_STOPPED));
	EXPECT_EQ(SIGSTOP, wait_stopped(self->child));
	alarm(DEADLINE_MS / 1000);
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, self->child, 0, 0));
	alarm(0);
	status = wait_for(self->child, 0);
	EXPECT_TRUE(status != -1 && WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP);
	EXPECT_EQ(0, ut_drain(self->fd, UT_JCTL, -1, -1));
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, self->child, 0, 0));
	ASSERT_EQ(0, kill(self->child, SIGCONT));
	shared->flag[2] = 1;
	/* It goes on, perhaps with a report for which it stops. */
	if (!ut_next_within(self->fd, &event, 100) && event.event == UT_JCTL)
		EXPECT_GE(ut_resume(self->fd, self->engine, 0), 0);
	ASSERT_EQ(0, wait_until(shared->flag[3]));
}

TEST_HARNESS_MAIN
