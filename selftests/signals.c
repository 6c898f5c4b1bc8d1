// SPDX-License-Identifier: GPL-2.0
/*
 * Signals: each is reported once, before it acts, and acts as it would without us, or as an engine
 * chose. None is lost, let through unreported or reported twice.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <pthread.h>
#include <setjmp.h>

#include "ut.h"
#include "kselftest_harness.h"

/* What the child saw: shared with the test. */
struct seen {
	volatile int ready, go, count, number[64], value[64], code[64];
	volatile int other;
};

static struct seen *seen;

static void handler(int sig, siginfo_t *info, void *context)
{
	int i = seen->count;

	if (i < 64) {
		seen->number[i] = sig;
		seen->value[i] = info->si_value.sival_int;
		seen->code[i] = info->si_code;
	}
	seen->count = i + 1;
}

static void catch(int sig, int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	sigaction(sig, &action, NULL);
}

FIXTURE(signals)
{
	int fd, engine;
	pid_t child;
};

FIXTURE_SETUP(signals)
{
	self->fd = ut_open();
	if (self->fd < 0)
		SKIP(return, "no /dev/utrace_test");
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)seen);
	self->child = -1;
}

FIXTURE_TEARDOWN(signals)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, __WALL);
	}
	close(self->fd);
}

static int wait_for(volatile int *what, int value)
{
	long end = ut_now_ms() + DEADLINE_MS;

	while (*what < value) {
		if (ut_now_ms() > end) {
			fprintf(stderr, "# waited for a count of %d: it is %d\n", value, *what);
			return -ETIME;
		}
		usleep(1000);
	}
	return 0;
}

/* Starts a child that runs @body once it is traced. */
static pid_t start(int fd, int *engine, unsigned int events, void (*body)(void))
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Some shells ignore it for what they run. */
		signal(SIGQUIT, SIG_DFL);
		while (!seen->go)
			usleep(1000);
		body();
		_exit(0);
	}
	*engine = ut_attach(fd, child, events);
	seen->go = 1;
	return child;
}

static void body_catch(void)
{
	catch(SIGUSR1, 0);
	catch(SIGUSR2, 0);
	catch(SIGRTMIN, 0);
	seen->ready = 1;
	for (;;)
		pause();
}

static void body_default(void)
{
	seen->ready = 1;
	for (;;)
		pause();
}

#define START(events, body) do {						\
	self->child = start(self->fd, &self->engine, events, body);		\
	ASSERT_GE(self->engine, 0);						\
	ASSERT_EQ(0, wait_for(&seen->ready, 1));				\
} while (0)

#define CHOOSE(event_, sig, action_, flags_, disposition, times_)		\
	ut_script(self->fd, (struct ut_script) {				\
		.engine = self->engine, .event = event_, .nr = sig, .action = action_,	\
		.flags = UT_F_DISPOSITION | (flags_), .new_nr = disposition, .times = times_ })

TEST_F(signals, handled_once_with_its_information)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL, body_catch);
	ASSERT_EQ(0, sigqueue(self->child, SIGUSR1, (union sigval) { .sival_int = 42 }));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_SIGNAL, event.event);
	EXPECT_EQ(SIGUSR1, event.nr);
	EXPECT_EQ(SI_QUEUE, event.result);
	EXPECT_EQ(42, (int)event.args[1]);
	EXPECT_EQ(getpid(), (pid_t)event.args[2]);
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(SIGUSR1, seen->number[0]);
	EXPECT_EQ(42, seen->value[0]);
	EXPECT_EQ(SI_QUEUE, seen->code[0]);
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 50));
	EXPECT_EQ(1, seen->count);
}

TEST_F(signals, ignored_by_an_engine)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL, body_catch);
	CHOOSE(UT_SIGNAL, SIGUSR1, UT_RESUME, 0, UT_IGNORE, 1);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	/* The next one is not: it comes behind. */
	kill(self->child, SIGUSR2);
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(SIGUSR2, seen->number[0]);
	EXPECT_EQ(1, seen->count);
}

TEST_F(signals, deadly_ones_kill_and_do_not_if_an_engine_says_so)
{
	struct ut_event event;
	int status;

	START(UT_SIGNAL_ALL, body_default);
	CHOOSE(UT_SIGNAL_TERM, SIGTERM, UT_RESUME, 0, UT_IGNORE, 1);
	kill(self->child, SIGTERM);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_SIGNAL_TERM, event.event);
	usleep(20000);
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG));
	kill(self->child, SIGTERM);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	status = wait_child(self->child);
	self->child = -1;
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGTERM, WTERMSIG(status));
}

static void body_ignores(void)
{
	signal(SIGUSR1, SIG_IGN);
	catch(SIGUSR2, 0);
	seen->ready = 1;
	for (;;)
		pause();
}

TEST_F(signals, ignored_ones_are_reported_to_who_asks)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL, body_ignores);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_SIGNAL_IGN, event.event);
	EXPECT_EQ(SIGUSR1, event.nr);
	kill(self->child, SIGCHLD);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_SIGNAL_IGN, event.event);
	EXPECT_EQ(SIGCHLD, event.nr);
	kill(self->child, SIGUSR2);
	ASSERT_EQ(0, wait_for(&seen->count, 1));
}

/* The engine leaves nothing behind: neither in the thread nor in what it makes. */
TEST_F(signals, after_detach_deadly_ones_kill_at_once)
{
	int status;

	START(UT_SIGNAL_ALL, body_default);
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	kill(self->child, SIGTERM);
	status = wait_child(self->child);
	self->child = -1;
	EXPECT_EQ(SIGTERM, WTERMSIG(status));
}

static void body_fault(void)
{
	seen->ready = 1;
	*(volatile int *)0x1234560 = 1;
}

TEST_F(signals, fault_is_reported_with_its_address_and_can_be_parked)
{
	struct ut_event event;
	int status;

	self->child = start(self->fd, &self->engine, UT_SIGNAL_ALL, body_fault);
	ut_on(self->fd, self->engine, UT_SIGNAL_CORE, SIGSEGV, UT_STOP, 0, 1);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	if (event.nr != SIGSEGV)	/* Faster than the script. */
		SKIP(return, "the child was faster");
	EXPECT_EQ(UT_SIGNAL_CORE, event.event);
	EXPECT_EQ(0x1234560, event.args[0]);
	EXPECT_EQ(SEGV_MAPERR, event.result);
	if (thread_state(self->child) == 't' || wait_parked(self->child) == 0)
		EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	status = wait_child(self->child);
	self->child = -1;
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));
}

TEST_F(signals, handled_one_terminates_if_an_engine_says_so)
{
	int status;

	START(UT_SIGNAL_ALL, body_catch);
	CHOOSE(UT_SIGNAL, SIGUSR1, UT_RESUME, 0, UT_TERMINATE, 1);
	kill(self->child, SIGUSR1);
	status = wait_child(self->child);
	self->child = -1;
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGUSR1, WTERMSIG(status));
	EXPECT_EQ(0, seen->count);
}

TEST_F(signals, job_control_stop_and_continue)
{
	struct ut_event event;
	int status;

	START(UT_SIGNAL_ALL, body_catch);
	kill(self->child, SIGTSTP);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_SIGNAL_STOP, event.event);
	ASSERT_EQ(self->child, waitpid(self->child, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(SIGTSTP, WSTOPSIG(status));
	/* Comes while stopped, acts afterwards. */
	kill(self->child, SIGUSR1);
	kill(self->child, SIGCONT);
	ASSERT_EQ(self->child, waitpid(self->child, &status, WCONTINUED));
	EXPECT_TRUE(WIFCONTINUED(status));
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(SIGUSR1, seen->number[0]);
}

TEST_F(signals, any_one_stops_the_process_if_an_engine_says_so)
{
	int status;

	START(UT_SIGNAL_ALL, body_catch);
	CHOOSE(UT_SIGNAL, SIGUSR1, UT_RESUME, 0, UT_STOP_PROCESS, 1);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(self->child, waitpid(self->child, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(SIGSTOP, WSTOPSIG(status));
	kill(self->child, SIGCONT);
	kill(self->child, SIGUSR2);
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(SIGUSR2, seen->number[0]);
}

TEST_F(signals, stop_taken_back_by_sigcont_during_the_report)
{
	struct ut_event event;
	int status;

	START(UT_SIGNAL_ALL, body_catch);
	ut_on(self->fd, self->engine, UT_SIGNAL_STOP, SIGTSTP, UT_STOP, 0, 1);
	kill(self->child, SIGTSTP);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	ASSERT_EQ(0, wait_parked(self->child));
	kill(self->child, SIGCONT);
	ASSERT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG | WUNTRACED));
}

static void body_queue(void)
{
	sigset_t set;

	catch(SIGRTMIN, 0);
	catch(SIGRTMIN + 1, 0);
	catch(SIGUSR1, 0);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	seen->ready = 1;
	while (!seen->other)
		usleep(1000);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	for (;;)
		pause();
}

TEST_F(signals, queue_keeps_its_order_and_its_values)
{
	struct ut_event event;
	int i;

	START(UT_SIGNAL_ALL, body_queue);
	for (i = 0; i < 5; i++) {
		union sigval value = { .sival_int = 100 + i };

		ASSERT_EQ(0, sigqueue(self->child, SIGRTMIN + 1, value));
		ASSERT_EQ(0, sigqueue(self->child, SIGRTMIN, value));
	}
	kill(self->child, SIGUSR1);
	kill(self->child, SIGUSR1);
	seen->other = 1;
	ASSERT_EQ(0, wait_for(&seen->count, 11));
	/*
	 * Each of the eleven once, in the order in which they are taken without us: the lowest first,
	 * but a signal whose handler has been set up waits until that has returned.
	 */
	for (i = 0; i < 11; i++) {
		int number = i == 0 ? SIGUSR1 : i == 1 || i > 6 ? SIGRTMIN : SIGRTMIN + 1;

		ASSERT_EQ(0, ut_next(self->fd, &event));
		EXPECT_EQ(number, event.nr);
		if (i)
			EXPECT_EQ(100 + (i == 1 ? 0 : i <= 6 ? i - 2 : i - 6), (int)event.args[1]);
	}
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 50));
	EXPECT_EQ(11, seen->count);
}

TEST_F(signals, nothing_is_lost_while_one_is_parked)
{
	struct ut_event event;
	int i, usr2 = 0;

	START(UT_SIGNAL_ALL, body_catch);
	ut_on(self->fd, self->engine, UT_SIGNAL, SIGUSR1, UT_STOP, 0, 1);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	ASSERT_EQ(0, wait_parked(self->child));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, sigqueue(self->child, SIGRTMIN, (union sigval) { .sival_int = i }));
	kill(self->child, SIGUSR2);
	EXPECT_EQ('t', thread_state(self->child));
	EXPECT_EQ(0, seen->count);
	ASSERT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	ASSERT_EQ(0, wait_for(&seen->count, 12));
	for (i = 0; i < 12; i++)
		usr2 += seen->number[i] == SIGUSR2;
	EXPECT_EQ(1, usr2);
	for (i = 0; i < 11; i++)
		ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 50));
}

TEST_F(signals, held_one_is_found_again)
{
	struct ut_event event;
	int i;

	START(UT_SIGNAL_ALL, body_catch);
	CHOOSE(UT_SIGNAL, SIGUSR1, UT_STOP, 0, UT_HOLD, 2);
	ASSERT_EQ(0, sigqueue(self->child, SIGUSR1, (union sigval) { .sival_int = 7 }));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ut_next(self->fd, &event));
		EXPECT_EQ(7, (int)event.args[1]);
		ASSERT_EQ(0, wait_parked(self->child));
		EXPECT_EQ(0, seen->count);
		ASSERT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	}
	ASSERT_EQ(0, ut_next(self->fd, &event));
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(7, seen->value[0]);
}

TEST_F(signals, engines_see_what_the_ones_before_chose)
{
	struct ut_event event;
	int second;

	START(UT_SIGNAL_ALL, body_catch);
	second = ut_attach(self->fd, self->child, UT_SIGNAL_ALL);
	ASSERT_GE(second, 0);
	CHOOSE(UT_SIGNAL, SIGUSR1, UT_RESUME, 0, UT_IGNORE, 1);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(self->engine, event.engine);
	EXPECT_EQ(UT_DELIVER, (int)event.args[3]);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(second, event.engine);
	EXPECT_EQ(UT_IGNORE, (int)event.args[3]);
	kill(self->child, SIGUSR2);
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(SIGUSR2, seen->number[0]);
}

TEST_F(signals, sigkill_is_not_reported)
{
	struct ut_event event;
	int status;

	START(UT_SIGNAL_ALL, body_catch);
	ut_on(self->fd, self->engine, UT_SIGNAL, SIGUSR1, UT_STOP, 0, 1);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	ASSERT_EQ(0, wait_parked(self->child));
	kill(self->child, SIGKILL);
	status = wait_child(self->child);
	self->child = -1;
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 50));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, self->engine, event.ticket));
}

static void body_waits(void)
{
	struct timespec second = { .tv_sec = 10 };
	sigset_t set, empty;
	siginfo_t info;
	int fd;

	catch(SIGUSR1, 0);
	sigemptyset(&empty);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	seen->ready = 1;
	sigsuspend(&empty);			/* handler */
	seen->other = 1;
	ppoll(NULL, 0, &second, &empty);	/* handler */
	seen->other = 2;
	if (sigtimedwait(&set, &info, &second) == SIGUSR1)
		seen->other = 3;		/* no handler */
	fd = signalfd(-1, &set, 0);
	if (read(fd, &(struct signalfd_siginfo){}, sizeof(struct signalfd_siginfo)) > 0)
		seen->other = 4;		/* no handler */
	for (;;)
		pause();
}

TEST_F(signals, waits_for_signals_behave)
{
	int i;

	START(UT_SIGNAL_ALL, body_waits);
	for (i = 1; i <= 4; i++) {
		kill(self->child, SIGUSR1);
		ASSERT_EQ(0, wait_for(&seen->other, i));
	}
	EXPECT_EQ(2, seen->count);
}

static void body_timers(void)
{
	struct itimerval every = { { .tv_usec = 2000 }, { .tv_usec = 2000 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	struct itimerspec often = { { .tv_nsec = 3000000 }, { .tv_nsec = 3000000 } };
	timer_t timer;

	catch(SIGALRM, 0);
	catch(SIGRTMIN, 0);
	setitimer(ITIMER_REAL, &every, NULL);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &often, NULL);
	seen->ready = 1;
	for (;;)
		pause();
}

TEST_F(signals, timers_go_on)
{
	int i, alarms = 0, timers = 0;

	START(UT_SIGNAL_ALL, body_timers);
	ASSERT_EQ(0, wait_for(&seen->count, 60));
	for (i = 0; i < 60; i++) {
		alarms += seen->number[i] == SIGALRM;
		timers += seen->number[i] == SIGRTMIN;
	}
	EXPECT_GT(alarms, 5);
	EXPECT_GT(timers, 5);
	EXPECT_EQ(60, alarms + timers);
}

static volatile int thread_count;

static void *idle(void *unused)
{
	__atomic_fetch_add(&thread_count, 1, __ATOMIC_SEQ_CST);
	for (;;)
		pause();
	return NULL;
}

static void count_handler(int sig)
{
	__atomic_fetch_add(&seen->count, 1, __ATOMIC_SEQ_CST);
}

static void body_threads(void)
{
	pthread_t thread;

	signal(SIGRTMIN, count_handler);
	for (int i = 0; i < 4; i++)
		pthread_create(&thread, NULL, idle, NULL);
	while (thread_count < 4)
		usleep(1000);
	seen->ready = 1;
	for (;;)
		pause();
}

TEST_F(signals, sent_to_a_process_of_many_threads_each_is_taken_once)
{
	struct ut_event event;
	int i, reports = 0;

	self->child = start(self->fd, &self->engine, UT_SIGNAL_ALL | UT_CLONE, body_threads);
	ASSERT_EQ(0, ut_on(self->fd, self->engine, UT_CLONE, -1, UT_RESUME, UT_F_FOLLOW, 0));
	ASSERT_EQ(0, wait_for(&seen->ready, 1));
	for (i = 0; i < 200; i++)
		ASSERT_EQ(0, sigqueue(self->child, SIGRTMIN, (union sigval) { .sival_int = i }));
	ASSERT_EQ(0, wait_for(&seen->count, 200));
	while (!ut_next_within(self->fd, &event, 200))
		reports += event.event == UT_SIGNAL && event.nr == SIGRTMIN;
	EXPECT_EQ(200, reports);
	EXPECT_EQ(200, seen->count);
}

TEST_F(signals, ptrace_sees_them_too)
{
	struct ut_event event;
	int status;

	START(UT_SIGNAL_ALL, body_catch);
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, self->child, 0, 0));
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(SIGUSR1, event.nr);
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(SIGUSR1, WSTOPSIG(status));
	EXPECT_EQ(0, seen->count);
	ASSERT_EQ(0, ptrace(PTRACE_CONT, self->child, 0, SIGUSR1));
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	ASSERT_EQ(0, ptrace(PTRACE_INTERRUPT, self->child, 0, 0));
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, self->child, 0, 0));
}

/* --- what engines make of a signal ------------------------------------------------------------- */

#define CHANGE(sig, ...)								\
	ut_script(self->fd, (struct ut_script) {					\
		.engine = self->engine, .event = UT_SIGNAL, .nr = sig, .action = UT_RESUME,	\
		.flags = UT_F_SIGNAL, .times = 1, .args = { __VA_ARGS__ } })

TEST_F(signals, number_and_information_are_changed)
{
	struct ut_event event;
	int second;

	START(UT_SIGNAL_ALL, body_catch);
	second = ut_attach(self->fd, self->child, UT_SIGNAL_ALL);
	ASSERT_GE(second, 0);
	CHANGE(SIGUSR1, [UT_S_NUMBER] = SIGRTMIN, [UT_S_CODE] = SI_MESGQ, [UT_S_VALUE] = 4711);
	ASSERT_EQ(0, sigqueue(self->child, SIGUSR1, (union sigval) { .sival_int = 42 }));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, second, UT_SIGNAL, -1));
	EXPECT_EQ(SIGRTMIN, event.nr);
	EXPECT_EQ(SI_MESGQ, event.result);
	EXPECT_EQ(4711, (int)event.args[1]);
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(SIGRTMIN, seen->number[0]);
	EXPECT_EQ(4711, seen->value[0]);
	EXPECT_EQ(SI_MESGQ, seen->code[0]);
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 20));
	/* Once. */
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, wait_for(&seen->count, 2));
	EXPECT_EQ(SIGUSR1, seen->number[1]);
}

/* Others of the new number wait behind it, and keep what is theirs. */
TEST_F(signals, changed_into_one_that_is_queued)
{
	int i;

	START(UT_SIGNAL_ALL, body_queue);
	CHANGE(SIGUSR1, [UT_S_NUMBER] = SIGRTMIN, [UT_S_VALUE] = 99);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, sigqueue(self->child, SIGRTMIN, (union sigval) { .sival_int = i }));
	ASSERT_EQ(0, sigqueue(self->child, SIGUSR1, (union sigval) { .sival_int = 42 }));
	seen->other = 1;
	ASSERT_EQ(0, wait_for(&seen->count, 4));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(SIGRTMIN, seen->number[i]);
		EXPECT_EQ(i ? i - 1 : 99, seen->value[i]);
	}
	EXPECT_EQ(4, seen->count);
}

TEST_F(signals, changed_into_what_kills)
{
	struct ut_event event;
	int status;

	START(UT_SIGNAL_ALL, body_catch);
	ASSERT_EQ(0, CHANGE(SIGUSR1, [UT_S_NUMBER] = SIGQUIT));
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(SIGUSR1, event.nr);
	status = wait_child(self->child);
	EXPECT_EQ(0, seen->count);
	self->child = -1;
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGQUIT, WTERMSIG(status));
}

static void body_timer_once(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec often = { { .tv_nsec = 3000000 }, { .tv_nsec = 3000000 } };
	timer_t timer;

	catch(SIGUSR1, 0);
	catch(SIGUSR2, 0);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	seen->ready = 1;
	while (!seen->other)
		usleep(1000);
	timer_settime(timer, 0, &often, NULL);
	for (;;)
		pause();
}

/* A timer's signal is changed this once, and goes on coming. */
TEST_F(signals, signal_of_a_timer_is_changed_once)
{
	START(UT_SIGNAL_ALL, body_timer_once);
	CHANGE(SIGUSR1, [UT_S_NUMBER] = SIGUSR2);
	seen->other = 1;
	ASSERT_EQ(0, wait_for(&seen->count, 5));
	EXPECT_EQ(SIGUSR2, seen->number[0]);
	for (int i = 1; i < 5; i++)
		EXPECT_EQ(SIGUSR1, seen->number[i]);
}

static void other_handler(int sig)
{
	seen->other = sig;
}

TEST_F(signals, action_is_changed_once)
{
	int status;

	START(UT_SIGNAL_ALL, body_catch);
	CHANGE(SIGUSR1, [UT_S_HANDLER] = (unsigned long)other_handler);
	CHANGE(SIGUSR1, [UT_S_HANDLER] = 1);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, wait_for(&seen->other, SIGUSR1));
	EXPECT_EQ(0, seen->count);
	kill(self->child, SIGUSR1);
	kill(self->child, SIGUSR2);
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(SIGUSR2, seen->number[0]);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, wait_for(&seen->count, 2));
	EXPECT_EQ(SIGUSR1, seen->number[1]);
	/* By default it kills. */
	CHANGE(SIGUSR1, [UT_S_HANDLER] = UT_S_DEFAULT);
	kill(self->child, SIGUSR1);
	status = wait_child(self->child);
	self->child = -1;
	EXPECT_EQ(SIGUSR1, WTERMSIG(status));
}

/* What was changed before a stop is what is found after it. */
TEST_F(signals, held_one_is_found_as_it_was_changed)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL, body_catch);
	ut_script(self->fd, (struct ut_script) {
		.engine = self->engine, .event = UT_SIGNAL, .nr = SIGUSR1, .action = UT_STOP,
		.flags = UT_F_SIGNAL | UT_F_DISPOSITION, .new_nr = UT_HOLD, .times = 1,
		.args = { [UT_S_NUMBER] = SIGUSR2, [UT_S_VALUE] = 5 } });
	ASSERT_EQ(0, sigqueue(self->child, SIGUSR1, (union sigval) { .sival_int = 7 }));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	ASSERT_EQ(0, wait_parked(self->child));
	ASSERT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(SIGUSR2, event.nr);
	EXPECT_EQ(5, (int)event.args[1]);
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(SIGUSR2, seen->number[0]);
}

/* --- stops of the process --------------------------------------------------------------------- */

TEST_F(signals, any_one_stops_the_process_as_job_control_does)
{
	int status;

	START(UT_SIGNAL_ALL, body_catch);
	CHOOSE(UT_SIGNAL, SIGUSR1, UT_RESUME, 0, UT_STOP_JOB, 1);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(self->child, waitpid(self->child, &status, WUNTRACED));
	EXPECT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(SIGTSTP, WSTOPSIG(status));
	kill(self->child, SIGCONT);
	kill(self->child, SIGUSR2);
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(SIGUSR2, seen->number[0]);
}

static void body_orphan(void)
{
	/* Nobody in the session is outside of the group. */
	setsid();
	body_catch();
}

TEST_F(signals, nobody_stops_an_orphan_but_sigstop)
{
	struct ut_event event;
	int status;

	START(UT_SIGNAL_ALL, body_orphan);
	CHOOSE(UT_SIGNAL, SIGUSR1, UT_RESUME, 0, UT_STOP_JOB, 1);
	kill(self->child, SIGUSR1);
	kill(self->child, SIGTSTP);
	kill(self->child, SIGUSR2);
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(SIGUSR2, seen->number[0]);
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG | WUNTRACED));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_STOP, SIGTSTP));
	CHOOSE(UT_SIGNAL, SIGUSR1, UT_RESUME, 0, UT_STOP_PROCESS, 1);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(self->child, waitpid(self->child, &status, WUNTRACED));
	EXPECT_EQ(SIGSTOP, WSTOPSIG(status));
}

/* --- more than one ---------------------------------------------------------------------------- */

static void body_ignores_two(void)
{
	sigset_t set;

	signal(SIGRTMIN, SIG_IGN);
	catch(SIGUSR2, 0);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	seen->ready = 1;
	while (!seen->other)
		usleep(1000);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	for (;;)
		pause();
}

/* One that is ignored does not take those behind it along. */
TEST_F(signals, each_of_many_that_are_ignored_is_reported)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL, body_ignores_two);
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(0, sigqueue(self->child, SIGRTMIN, (union sigval) { .sival_int = i }));
	kill(self->child, SIGUSR2);
	seen->other = 1;
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_IGN, SIGRTMIN));
		EXPECT_EQ(i, (int)event.args[1]);
	}
	EXPECT_EQ(0, ut_drain(self->fd, UT_SIGNAL_IGN, -1, SIGRTMIN));
}

static volatile char *page;

static void fault_handler(int sig, siginfo_t *info, void *context)
{
	int i = seen->count;

	seen->number[i] = sig;
	seen->count = i + 1;
	if (sig == SIGSEGV)
		mprotect((void *)page, 4096, PROT_READ | PROT_WRITE);
}

static void body_fault_and_signals(void)
{
	struct sigaction action = { .sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO };

	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigfillset(&action.sa_mask);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	seen->ready = 1;
	while (!seen->other)
		;
	*page = 1;
	for (;;)
		pause();
}

/* SIGHUP has the lower number; it comes while the fault is reported, and before that acts. */
TEST_F(signals, fault_comes_before_other_signals)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL, body_fault_and_signals);
	CHOOSE(UT_SIGNAL, SIGSEGV, UT_STOP, 0, UT_HOLD, 1);
	seen->other = 1;
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL, SIGSEGV));
	ASSERT_EQ(0, wait_parked(self->child));
	kill(self->child, SIGHUP);
	ASSERT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(SIGSEGV, event.nr);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(SIGHUP, event.nr);
	ASSERT_EQ(0, wait_for(&seen->count, 2));
	EXPECT_EQ(SIGSEGV, seen->number[0]);
	EXPECT_EQ(SIGHUP, seen->number[1]);
}

static sigjmp_buf back;

static void leave_fault(int sig, siginfo_t *info, void *context)
{
	seen->number[seen->count] = sig;
	seen->code[seen->count] = info->si_code;
	seen->count++;
	siglongjmp(back, 1);
}

static const int faults[] = { SIGSEGV, SIGTRAP, SIGBUS, SIGFPE, SIGILL };

#define NR_FAULTS	((int)(sizeof(faults) / sizeof(*faults)))

static void fault(int sig)
{
	volatile int zero = 0;
	char *map;
	int fd;

	switch (sig) {
	case SIGSEGV:
		*(volatile int *)0x1234560 = 1;
		break;
	case SIGTRAP:
		asm volatile("int3");
		break;
	case SIGBUS:
		/* Behind the end of a file. */
		fd = syscall(__NR_memfd_create, "empty", 0);
		map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		zero = *(volatile char *)map;
		break;
	case SIGFPE:
		asm volatile("xorl %%edx, %%edx; movl $1, %%eax; divl %0" : : "r"(zero) : "eax", "edx");
		break;
	case SIGILL:
		asm volatile("ud2");
		break;
	}
}

static void body_faults(void)
{
	struct sigaction action = { .sa_sigaction = leave_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };

	for (int i = 0; i < NR_FAULTS; i++) {
		sigaction(faults[i], &action, NULL);
		if (!sigsetjmp(back, 1))
			fault(faults[i]);
	}
	seen->ready = 1;
	for (;;)
		pause();
}

TEST_F(signals, faults_of_all_kinds)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL, body_faults);
	EXPECT_EQ(NR_FAULTS, seen->count);
	for (int i = 0; i < NR_FAULTS; i++) {
		ASSERT_EQ(0, ut_next(self->fd, &event));
		EXPECT_EQ(UT_SIGNAL, event.event);
		EXPECT_EQ(faults[i], event.nr);
		EXPECT_EQ(seen->code[i], event.result);
		EXPECT_EQ(faults[i], seen->number[i]);
	}
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 20));
}

/* --- rounds ----------------------------------------------------------------------------------- */

/* INTERRUPT: an engine that hears of signals is called as for one, and may send one. */
TEST_F(signals, round_for_interrupt)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL, body_catch);
	ut_drain(self->fd, 0, -1, -1);
	ut_script(self->fd, (struct ut_script) {
		.engine = self->engine, .event = UT_ROUND_REPORT, .nr = -1, .action = UT_RESUME,
		.flags = UT_F_SIGNAL, .times = 1, .args = { [UT_S_NUMBER] = SIGUSR2 } });
	ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_INTERRUPT));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_ROUND_REPORT, event.event);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_SIGNAL, event.event);
	EXPECT_EQ(SIGUSR2, event.nr);
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	EXPECT_EQ(SIGUSR2, seen->number[0]);
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 20));
}

/* The thread stops in it, and an engine that asks for the next round is not heard. */
TEST_F(signals, round_that_stops)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL | UT_QUIESCE, body_catch);
	ut_drain(self->fd, 0, -1, -1);
	ut_on(self->fd, self->engine, UT_ROUND_REPORT, -1, UT_STOP, 0, 1);
	ut_on(self->fd, self->engine, UT_ROUND_REPORT, -1, UT_INTERRUPT, 0, 1);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_INTERRUPT));
		ASSERT_EQ(0, ut_next(self->fd, &event));
		EXPECT_EQ(UT_ROUND_REPORT, event.event);
		if (i)
			continue;
		ASSERT_EQ(0, wait_parked(self->child));
		ASSERT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	}
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 20));
	/* Without haste it is QUIESCE's. */
	ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_REPORT));
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL, SIGUSR1));
}

/* Who asks for a report when a handler is about to run gets it when that has been set up. */
TEST_F(signals, round_when_the_handler_is_set_up)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL, body_catch);
	ut_on(self->fd, self->engine, UT_SIGNAL, SIGUSR1, UT_REPORT, 0, 1);
	ut_on(self->fd, self->engine, UT_ROUND_HANDLER, SIGUSR1, UT_STOP, 0, 1);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_SIGNAL, event.event);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_ROUND_HANDLER, event.event);
	EXPECT_EQ(SIGUSR1, event.nr);
	EXPECT_EQ((unsigned long)handler, event.args[0]);
	ASSERT_EQ(0, wait_parked(self->child));
	EXPECT_EQ(0, seen->count);
	ASSERT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	ASSERT_EQ(0, wait_for(&seen->count, 1));
	/* Nobody asks: no round. */
	kill(self->child, SIGUSR2);
	ASSERT_EQ(0, wait_for(&seen->count, 2));
	EXPECT_EQ(0, ut_drain(self->fd, UT_ROUND_HANDLER, -1, -1));
}

static void body_no_stack(void)
{
	stack_t stack = { .ss_sp = (void *)0x1000, .ss_size = 65536 };

	sigaltstack(&stack, NULL);
	catch(SIGUSR1, SA_ONSTACK);
	seen->ready = 1;
	for (;;)
		pause();
}

/* The handler cannot be set up: no round says that it was. */
TEST_F(signals, no_round_for_a_handler_without_a_stack)
{
	struct ut_event event;
	int status;

	START(UT_SIGNAL_ALL, body_no_stack);
	ut_on(self->fd, self->engine, UT_SIGNAL, SIGUSR1, UT_REPORT, 0, 1);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL, SIGUSR1));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_SIGNAL_CORE, event.event);
	EXPECT_EQ(SIGSEGV, event.nr);
	status = wait_child(self->child);
	self->child = -1;
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));
}

TEST_F(signals, detached_engines_leave_no_trace)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL, body_catch);
	ut_on(self->fd, self->engine, UT_SIGNAL, SIGUSR1, UT_STOP, 0, 1);
	kill(self->child, SIGUSR1);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	ASSERT_EQ(0, wait_parked(self->child));
	kill(self->child, SIGUSR2);
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	ASSERT_EQ(0, wait_for(&seen->count, 2));
	kill(self->child, SIGUSR2);
	ASSERT_EQ(0, wait_for(&seen->count, 3));
}

/* sigtimedwait() has a set of signals for itself in which ours are noted. */
static void body_sigtimedwait(void)
{
	struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigtimedwait(&set, NULL, &moment);
	seen->ready = 1;
	for (;;)
		pause();
}

TEST_F(signals, after_a_wait_for_signals)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL, body_sigtimedwait);
	ASSERT_EQ(0, kill(self->child, SIGURG));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_IGN, SIGURG));
	ASSERT_EQ(0, CHOOSE(UT_SIGNAL_TERM, SIGTERM, UT_RESUME, 0, UT_IGNORE, 1));
	ASSERT_EQ(0, kill(self->child, SIGTERM));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_TERM, SIGTERM));
	ASSERT_EQ(0, kill(self->child, SIGTERM));
	EXPECT_TRUE(ended_by(wait_child(self->child), SIGTERM));
	self->child = -1;
}

/* The init of a pid namespace, which nothing in that can stop. */
static void body_init(void)
{
	pid_t child = fork();

	if (child == 0) {
		kill(1, SIGSTOP);
		kill(1, SIGTERM);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	seen->ready = 1;
	for (;;)
		pause();
}

TEST_F(signals, init_is_not_stopped_by_its_children)
{
	if (unshare(CLONE_NEWPID))
		SKIP(return, "no pid namespaces");
	START(UT_SIGNAL_ALL, body_init);
	EXPECT_EQ('S', thread_state(self->child));
}

static void body_forbidden(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = filter };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(99);
	seen->ready = 1;
	syscall(__NR_getppid);
	_exit(98);
}

TEST_F(signals, what_seccomp_kills_with_is_reported_and_kills)
{
	struct ut_event event;

	/* With the choice made before it runs. */
	fflush(NULL);
	self->child = fork();
	if (self->child == 0) {
		while (!seen->go)
			usleep(1000);
		body_forbidden();
	}
	self->engine = ut_attach(self->fd, self->child, UT_SIGNAL_CORE);
	ASSERT_GE(self->engine, 0);
	ASSERT_EQ(0, CHOOSE(UT_SIGNAL_CORE, SIGSYS, UT_RESUME, 0, UT_IGNORE, 1));
	seen->go = 1;
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_CORE, SIGSYS));
	EXPECT_TRUE(ended_by(wait_child(self->child), SIGSYS));
	self->child = -1;
}

static void mask_term(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(how, &set, NULL);
}

static void *execute(void *arg)
{
	while (!seen->other)
		usleep(1000);
	mask_term(SIG_UNBLOCK);
	execl("/bin/busybox", "busybox", "sleep", "1000", NULL);
	_exit(97);
}

static void body_exec_by_another(void)
{
	pthread_t thread;

	/* It is the traced thread that is to take the signal. */
	mask_term(SIG_BLOCK);
	pthread_create(&thread, NULL, execute, NULL);
	mask_term(SIG_UNBLOCK);
	seen->ready = 1;
	for (;;)
		pause();
}

/* It was sent to the process, and is not lost with the thread that was about to act on it. */
TEST_F(signals, process_execs_while_its_signal_is_reported)
{
	struct ut_event event;

	START(UT_SIGNAL_ALL, body_exec_by_another);
	ASSERT_EQ(0, ut_on(self->fd, self->engine, UT_SIGNAL_TERM, SIGTERM, UT_STOP, 0, 1));
	ASSERT_EQ(0, kill(self->child, SIGTERM));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_TERM, SIGTERM));
	ASSERT_EQ(0, wait_parked(self->child));
	seen->other = 1;
	EXPECT_TRUE(ended_by(wait_child(self->child), SIGTERM));
	self->child = -1;
}

TEST_HARNESS_MAIN
