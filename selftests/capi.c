// SPDX-License-Identifier: GPL-2.0
/*
 * The C API: what the table in include/linux/utrace.h promises of each function.
 */
#include "ut.h"
#include "utrace_ctest.h"
#include "kselftest_harness.h"

#define QUIESCE		UT_QUIESCE
#define ENTRY		UT_SYSCALL_ENTRY
#define EXIT		UT_SYSCALL_EXIT
#define MATCH_OPS	0x01
#define MATCH_DATA	0x02
#define CREATE		0x10
#define EXCLUSIVE	0x20
#define STEP		3
#define BLOCKSTEP	4

/* What the kernel leaves as the result of a call that it skips: ENOSYS. */
#define NO_SUCH_CALL	(-38)

#define PLAIN_RESUME	5
#define RUN_RESUMED	(5 | 0x100)

static int uc_attach(int fd, struct uc_attach request)
{
	int err = ut_ioctl(fd, UC_ATTACH, &request);

	return err ? err : (int)request.engine;
}

/* With the flags, and the thread's number. */
static int attach_as(int fd, pid_t pid, unsigned int flags, unsigned int ops, int data)
{
	return uc_attach(fd, (struct uc_attach) {
		.pid = pid, .flags = flags, .ops = ops, .data = data, .of = -1,
	});
}

/* An engine that wants @events. */
static int uc_engine(int fd, pid_t pid, unsigned int events)
{
	int engine = attach_as(fd, pid, CREATE, UC_OPS, -1), err;

	if (engine < 0)
		return engine;
	err = ut_op(fd, UT_SET_EVENTS, engine, events);
	return err ? err : engine;
}

static int uc_as(int fd, unsigned long cmd, int engine, unsigned int value, unsigned int as)
{
	struct ut_op op = { .engine = engine, .value = value, .found = as };

	return ut_ioctl(fd, cmd, &op);
}

static struct uc_info uc_info(int fd, int engine)
{
	struct uc_info info = { .engine = engine };

	if (ut_ioctl(fd, UC_INFO, &info))
		info.releases = 99;
	return info;
}

static int on(int fd, int engine, unsigned int event, unsigned int action, unsigned int flags,
	      unsigned int times)
{
	return ut_on(fd, engine, event, event & (ENTRY | EXIT) ? CALL : -1, action, flags, times);
}

FIXTURE(capi)
{
	struct tracee tracee;
	pid_t pid;
	int fd;
};

FIXTURE_SETUP(capi)
{
	self->fd = ut_open_device("utrace_ctest");
	if (self->fd < 0)
		SKIP(return, "no /dev/utrace_ctest: load utrace and utrace_ctest of a test build");
	ut_share();
	self->tracee = tracee_start();
	self->pid = self->tracee.pid;
	ASSERT_GT(self->pid, 0);
}

FIXTURE_TEARDOWN(capi)
{
	shared->flag[0] = 1;
	close(self->fd);
	tracee_end(&self->tracee);
}

/* --- report_signal, report_jctl ---------------------------------------------------------------- */

#define SIGNALS		UT_SIGNAL_ALL

/* &enum utrace_signal_action, with UTRACE_RESUME. */
#define S_DELIVER	(0x00 | 5)
#define S_IGN		(0x10 | 5)
#define S_TERM		(0x20 | 5)
#define S_CORE		(0x30 | 5)
#define S_STOP		(0x40 | 5)
#define S_TSTP		(0x50 | 5)
#define S_REPORT	(0x60 | 5)
#define S_HANDLER	(0x70 | 5)
#define S_HOLD		0x100
#define S_PARK		(5)	/* to be taken off: UTRACE_STOP is 0 */

static void count_value(int sig, siginfo_t *info, void *context)
{
	shared->count[1] = sig;
	shared->count[2] = info->si_value.sival_int;
	__atomic_fetch_add(&shared->count[0], 1, __ATOMIC_SEQ_CST);
}

static void count_other(int sig)
{
	shared->count[3]++;
}

/* A command: what it does for signals, and waits for one. */
static long do_signals(long *args)
{
	struct sigaction action = { .sa_sigaction = count_value, .sa_flags = SA_SIGINFO };

	setpgid(0, 0);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	signal(SIGALRM, SIG_IGN);
	/* Some shells ignore it for what they run. */
	signal(SIGQUIT, SIG_DFL);
	shared->flag[1] = 1;
	while (!shared->flag[0])
		pause();
	return 0;
}

static int signal_engine(struct __test_metadata *_metadata, FIXTURE_DATA(capi) *self, unsigned int events)
{
	int engine;

	shared->flag[1] = 0;
	EXPECT_EQ(0, tracee_run(&self->tracee, do_signals, 0));
	EXPECT_EQ(0, wait_until(shared->flag[1]));
	engine = uc_engine(self->fd, self->pid, events);
	EXPECT_GE(engine, 0);
	return engine;
}

static int signal_child(pid_t pid, int sig, int value)
{
	return sigqueue(pid, sig, (union sigval) { .sival_int = value }) ? -errno : 0;
}

TEST_F(capi, signal_arguments)
{
	int engine = signal_engine(_metadata, self, SIGNALS);
	const struct { int sig; unsigned int action; unsigned long handler; } cases[] = {
		{ SIGUSR1, S_DELIVER, (unsigned long)count_value }, { SIGALRM, S_IGN, 1 },
		{ SIGCHLD, S_IGN }, { SIGTERM, S_TERM }, { SIGQUIT, S_CORE }, { SIGSTOP, S_STOP }, { SIGTSTP, S_TSTP },
	};
	struct ut_event event;

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* None of them does anything. */
		ASSERT_EQ(0, ut_on(self->fd, engine, UT_SIGNAL, cases[i].sig, S_IGN, 0, 1));
		ASSERT_EQ(0, signal_child(self->pid, cases[i].sig, 100 + i));
		ASSERT_EQ(0, ut_next(self->fd, &event));
		EXPECT_EQ(UT_SIGNAL, event.event);
		EXPECT_EQ(cases[i].sig, event.nr);
		EXPECT_EQ(cases[i].action, event.resumed);
		EXPECT_EQ(SI_QUEUE, event.result);
		EXPECT_EQ(100 + i, (unsigned int)event.args[0]);
		EXPECT_EQ(1, event.args[1]);
		EXPECT_EQ(1, event.args[2]);
		EXPECT_EQ(cases[i].handler, event.args[3]);
	}
	EXPECT_EQ(0, shared->count[0]);
}

/* The next engine is told what the one before has chosen. */
TEST_F(capi, signal_choices_are_seen)
{
	static const unsigned int choices[] = { S_IGN, S_TERM, S_CORE, S_STOP, S_TSTP };
	int first = signal_engine(_metadata, self, SIGNALS), second;
	struct ut_event event;

	second = uc_engine(self->fd, self->pid, SIGNALS);
	ASSERT_GE(second, 0);
	for (unsigned int i = 0; i < sizeof(choices) / sizeof(*choices); i++) {
		ASSERT_EQ(0, ut_on(self->fd, first, UT_SIGNAL, -1, choices[i], 0, 1));
		ASSERT_EQ(0, ut_on(self->fd, second, UT_SIGNAL, -1, S_IGN, 0, 1));
		ASSERT_EQ(0, signal_child(self->pid, SIGUSR1, 0));
		ASSERT_EQ(0, ut_next_from(self->fd, &event, second, UT_SIGNAL, SIGUSR1));
		EXPECT_EQ(choices[i], event.resumed);
	}
	EXPECT_EQ(0, shared->count[0]);
	EXPECT_EQ(0, wait_state(self->pid, 'S'));
}

TEST_F(capi, signal_terminates)
{
	int engine = signal_engine(_metadata, self, SIGNALS);

	ASSERT_EQ(0, ut_on(self->fd, engine, UT_SIGNAL, SIGUSR1, S_TERM, 0, 1));
	ASSERT_EQ(0, signal_child(self->pid, SIGUSR1, 0));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGUSR1));
}

TEST_F(capi, signal_dumps_core)
{
	int engine = signal_engine(_metadata, self, SIGNALS);

	ASSERT_EQ(0, ut_on(self->fd, engine, UT_SIGNAL, SIGUSR1, S_CORE, 0, 1));
	ASSERT_EQ(0, signal_child(self->pid, SIGUSR1, 0));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGUSR1));
}

TEST_F(capi, signal_stops_the_process)
{
	int engine = signal_engine(_metadata, self, SIGNALS), status;

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, ut_on(self->fd, engine, UT_SIGNAL, SIGUSR1, i ? S_TSTP : S_STOP, 0, 1));
		ASSERT_EQ(0, signal_child(self->pid, SIGUSR1, 0));
		ASSERT_EQ(self->pid, waitpid(self->pid, &status, WUNTRACED));
		ASSERT_TRUE(WIFSTOPPED(status));
		EXPECT_EQ(i ? SIGTSTP : SIGSTOP, WSTOPSIG(status));
		kill(self->pid, SIGCONT);
		ASSERT_EQ(self->pid, waitpid(self->pid, &status, WCONTINUED));
	}
	EXPECT_EQ(0, shared->count[0]);
}

/* A stop keeps the thread where it is; the signal is found again, or was that one. */
TEST_F(capi, signal_is_held)
{
	int engine = signal_engine(_metadata, self, SIGNALS);
	struct ut_event event;

	ASSERT_EQ(0, ut_on(self->fd, engine, UT_SIGNAL, SIGUSR1, S_HOLD | (S_IGN - S_PARK), 0, 1));
	ASSERT_EQ(0, ut_on(self->fd, engine, UT_SIGNAL, SIGUSR1, S_DELIVER - S_PARK, 0, 1));
	ASSERT_EQ(0, signal_child(self->pid, SIGUSR1, 7));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, ut_next(self->fd, &event));
		EXPECT_EQ(7, (int)event.args[0]);
		ASSERT_EQ(0, wait_parked(self->pid));
		EXPECT_EQ(0, shared->count[0]);
		ASSERT_EQ(0, ut_resume(self->fd, engine, event.ticket));
	}
	EXPECT_EQ(0, wait_until(shared->count[0] == 1));
	EXPECT_EQ(7, shared->count[2]);
}

TEST_F(capi, signal_is_changed)
{
	int engine = signal_engine(_metadata, self, SIGNALS);
	struct ut_script script = {
		.engine = engine, .event = UT_SIGNAL, .nr = SIGUSR1, .action = S_DELIVER,
		.flags = UC_F_SIGNAL, .times = 1,
		.args = { [UT_S_NUMBER] = SIGUSR2, [UT_S_VALUE] = 11 },
	};

	ASSERT_EQ(0, ut_script(self->fd, script));
	ASSERT_EQ(0, signal_child(self->pid, SIGUSR1, 7));
	EXPECT_EQ(0, wait_until(shared->count[0] == 1));
	EXPECT_EQ(SIGUSR2, shared->count[1]);
	EXPECT_EQ(11, shared->count[2]);
	/* And its action, this once. */
	script.args[UT_S_NUMBER] = 0;
	script.args[UT_S_HANDLER] = (unsigned long)count_other;
	ASSERT_EQ(0, ut_script(self->fd, script));
	ASSERT_EQ(0, signal_child(self->pid, SIGUSR1, 7));
	EXPECT_EQ(0, wait_until(shared->count[3] == 1));
	ASSERT_EQ(0, signal_child(self->pid, SIGUSR1, 7));
	EXPECT_EQ(0, wait_until(shared->count[0] == 2));
	EXPECT_EQ(1, shared->count[3]);
}

/* A number that is no signal's is SIGTRAP. */
TEST_F(capi, signal_is_changed_into_nonsense)
{
	int engine = signal_engine(_metadata, self, SIGNALS);

	ASSERT_EQ(0, ut_script(self->fd, (struct ut_script) {
		.engine = engine, .event = UT_SIGNAL, .nr = SIGUSR1, .action = S_DELIVER,
		.flags = UC_F_SIGNAL, .times = 1, .args = { [UT_S_NUMBER] = SIGTRAP | 0x80 } }));
	ASSERT_EQ(0, signal_child(self->pid, SIGUSR1, 7));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGTRAP));
}

TEST_F(capi, signal_round_for_interrupt)
{
	int engine = signal_engine(_metadata, self, SIGNALS);
	struct ut_event event;

	ASSERT_EQ(0, ut_control(self->fd, engine, UT_INTERRUPT));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_ROUND_REPORT, event.event);
	EXPECT_EQ(S_REPORT, event.resumed);
	EXPECT_EQ(0, event.args[1]);
	EXPECT_EQ(1, event.args[2]);
	/* Plain UTRACE_RESUME delivers what was filled in: nothing was. */
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 20));
	ASSERT_EQ(0, ut_script(self->fd, (struct ut_script) {
		.engine = engine, .event = UT_ROUND_REPORT, .nr = -1, .action = S_DELIVER,
		.flags = UC_F_SIGNAL, .times = 1,
		.args = { [UT_S_NUMBER] = SIGUSR2, [UT_S_CODE] = SI_QUEUE, [UT_S_VALUE] = 3 } }));
	ASSERT_EQ(0, ut_control(self->fd, engine, UT_INTERRUPT));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL, SIGUSR2));
	EXPECT_EQ(3, (int)event.args[0]);
	EXPECT_EQ(0, wait_until(shared->count[0] == 1));
	EXPECT_EQ(SIGUSR2, shared->count[1]);
}

TEST_F(capi, signal_round_for_a_handler)
{
	int engine = signal_engine(_metadata, self, SIGNALS);
	struct ut_event event;

	ASSERT_EQ(0, ut_on(self->fd, engine, UT_SIGNAL, SIGUSR1, UT_REPORT, 0, 1));
	ASSERT_EQ(0, ut_on(self->fd, engine, UT_ROUND_HANDLER, -1, S_HANDLER - S_PARK, 0, 1));
	ASSERT_EQ(0, signal_child(self->pid, SIGUSR1, 7));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL, SIGUSR1));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_ROUND_HANDLER, event.event);
	EXPECT_EQ(S_HANDLER, event.resumed);
	EXPECT_EQ((unsigned long)count_value, event.args[4]);
	ASSERT_EQ(0, wait_parked(self->pid));
	EXPECT_EQ(0, shared->count[0]);
	ASSERT_EQ(0, ut_resume(self->fd, engine, event.ticket));
	EXPECT_EQ(0, wait_until(shared->count[0] == 1));
}

TEST_F(capi, jctl_arguments)
{
	int engine = signal_engine(_metadata, self, UT_JCTL), status;
	struct ut_event event;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, kill(self->pid, SIGSTOP));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_JCTL, event.event);
	EXPECT_EQ(CLD_STOPPED, event.nr);
	EXPECT_EQ(CLD_STOPPED, event.result);
	EXPECT_EQ(PLAIN_RESUME, event.resumed);
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, WUNTRACED));
	ASSERT_EQ(0, kill(self->pid, SIGCONT));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(CLD_CONTINUED, event.nr);
	EXPECT_EQ(CLD_CONTINUED, event.result);
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, WCONTINUED));
}

/* --- utrace_attach_task, utrace_attach_pid --------------------------------------------------- */

TEST_F(capi, attach_einval)
{
	EXPECT_EQ(-EINVAL, attach_as(self->fd, self->pid, CREATE, UC_OPS_NULL, -1));
	EXPECT_EQ(-EINVAL, attach_as(self->fd, self->pid, CREATE, UC_OPS_NO_SIZE, -1));
	EXPECT_EQ(-EINVAL, attach_as(self->fd, self->pid, CREATE, UC_OPS_LARGE, -1));
	EXPECT_EQ(-EINVAL, attach_as(self->fd, self->pid, CREATE | 0x40, UC_OPS, -1));
	EXPECT_EQ(-EINVAL, attach_as(self->fd, self->pid, CREATE | 0x04, UC_OPS, -1));
	EXPECT_EQ(-EINVAL, attach_as(self->fd, self->pid, 0x100, UC_OPS, -1));
}

TEST_F(capi, attach_eperm_for_kernel_threads)
{
	EXPECT_EQ(-EPERM, attach_as(self->fd, 2, CREATE, UC_OPS, -1));
}

TEST_F(capi, attach_enomem_without_release)
{
	int rust = ut_open();
	struct ut_op op = { .value = 1 };

	ASSERT_GE(rust, 0);
	/* The next attach of all: ours. A release would make it EPROTO. */
	ASSERT_EQ(0, ut_ioctl(rust, UT_FAIL_ATTACH, &op));
	EXPECT_EQ(-ENOMEM, attach_as(self->fd, self->pid, CREATE, UC_OPS, -1));
	EXPECT_EQ(0, attach_as(self->fd, self->pid, CREATE, UC_OPS, -1));
	close(rust);
}

TEST_F(capi, attach_eexist)
{
	unsigned int flags = CREATE | EXCLUSIVE;
	int first, second;

	first = attach_as(self->fd, self->pid, flags, UC_OPS, -1);
	ASSERT_GE(first, 0);
	EXPECT_EQ(-EEXIST, attach_as(self->fd, self->pid, flags, UC_OPS, -1));
	EXPECT_EQ(-EEXIST, attach_as(self->fd, self->pid, flags, UC_OPS_OTHER, -1));
	EXPECT_EQ(-EEXIST, attach_as(self->fd, self->pid, flags | MATCH_OPS, UC_OPS, -1));
	EXPECT_EQ(-EEXIST, attach_as(self->fd, self->pid, flags | MATCH_DATA, UC_OPS_OTHER, first));
	EXPECT_EQ(-EEXIST, attach_as(self->fd, self->pid, flags | MATCH_DATA | MATCH_OPS, UC_OPS,
				     first));
	/* Its own data is nobody else's. */
	second = attach_as(self->fd, self->pid, flags | MATCH_DATA, UC_OPS, -1);
	EXPECT_GE(second, 0);
	EXPECT_GE(attach_as(self->fd, self->pid, flags | MATCH_OPS, UC_OPS_OTHER, -1), 0);
	/* Without EXCLUSIVE nobody is looked for. */
	EXPECT_GE(attach_as(self->fd, self->pid, CREATE | MATCH_OPS, UC_OPS, -1), 0);
	/* Detached ones do not count. */
	EXPECT_EQ(0, ut_op(self->fd, UT_DROP, second, 0));
}

TEST_F(capi, attach_next_to_engines_in_rust)
{
	int rust = ut_open();
	int engine;

	ASSERT_GE(rust, 0);
	engine = ut_attach(rust, self->pid, ENTRY);
	ASSERT_GE(engine, 0);
	EXPECT_EQ(-EEXIST, attach_as(self->fd, self->pid, CREATE | EXCLUSIVE, UC_OPS, -1));
	EXPECT_EQ(-ENOENT, attach_as(self->fd, self->pid, 0, UC_OPS, -1));
	EXPECT_GE(attach_as(self->fd, self->pid, CREATE | EXCLUSIVE | MATCH_OPS, UC_OPS, -1), 0);
	EXPECT_EQ(0, attach_as(self->fd, self->pid, 0, UC_OPS, -1));
	close(rust);
}

TEST_F(capi, find)
{
	int a, b, c;

	EXPECT_EQ(-ENOENT, attach_as(self->fd, self->pid, 0, UC_OPS, -1));
	a = attach_as(self->fd, self->pid, CREATE, UC_OPS, -1);
	b = attach_as(self->fd, self->pid, CREATE, UC_OPS_OTHER, -1);
	c = attach_as(self->fd, self->pid, CREATE, UC_OPS_OTHER, -1);
	ASSERT_GE(a, 0);
	ASSERT_GE(b, 0);
	ASSERT_GE(c, 0);
	/* The first; ops are not looked at unless they are to match. */
	EXPECT_EQ(a, attach_as(self->fd, self->pid, 0, UC_OPS_NULL, -1));
	EXPECT_EQ(a, attach_as(self->fd, self->pid, EXCLUSIVE, UC_OPS_OTHER, -1));
	EXPECT_EQ(b, attach_as(self->fd, self->pid, MATCH_OPS, UC_OPS_OTHER, -1));
	EXPECT_EQ(c, attach_as(self->fd, self->pid, MATCH_DATA, UC_OPS_NULL, c));
	EXPECT_EQ(c, attach_as(self->fd, self->pid, MATCH_OPS | MATCH_DATA, UC_OPS_OTHER, c));
	EXPECT_EQ(-ENOENT, attach_as(self->fd, self->pid, MATCH_OPS | MATCH_DATA, UC_OPS, c));
	EXPECT_EQ(-ENOENT, attach_as(self->fd, self->pid, MATCH_OPS, UC_OPS_EMPTY, -1));
	/* The data that it has now. */
	EXPECT_EQ(0, ut_op(self->fd, UC_DATA, a, c));
	EXPECT_EQ(a, attach_as(self->fd, self->pid, MATCH_DATA, UC_OPS, c));
	EXPECT_EQ(-ENOENT, attach_as(self->fd, self->pid, MATCH_DATA, UC_OPS, a));
	EXPECT_EQ(0, ut_op(self->fd, UC_DATA, a, a));
	/* Not the detached one. */
	EXPECT_EQ(0, ut_op(self->fd, UT_CONTROL, a, UT_DETACH));
	EXPECT_EQ(b, attach_as(self->fd, self->pid, 0, UC_OPS, -1));
}

TEST_F(capi, attach_by_pid)
{
	struct uc_attach request = {
		.pid = self->pid, .flags = CREATE, .data = -1, .of = -1, .by_pid = 1,
	};
	int engine = uc_attach(self->fd, request);

	ASSERT_GE(engine, 0);
	request.flags = 0;
	EXPECT_EQ(engine, uc_attach(self->fd, request));
	EXPECT_EQ(0, uc_as(self->fd, UT_SET_EVENTS, engine, ENTRY, UC_AS_PID));
	EXPECT_EQ(0, uc_as(self->fd, UT_BARRIER, engine, 0, UC_AS_PID));
	EXPECT_EQ(0, uc_as(self->fd, UT_CONTROL, engine, UT_RESUME, UC_AS_PID));
	tracee_end(&self->tracee);
	/* The struct pid is still there, its thread is not. */
	request.of = engine;
	EXPECT_EQ(-ESRCH, uc_attach(self->fd, request));
	request.flags = CREATE;
	EXPECT_EQ(-ESRCH, uc_attach(self->fd, request));
	EXPECT_EQ(-ESRCH, uc_as(self->fd, UT_SET_EVENTS, engine, ENTRY, UC_AS_PID));
	EXPECT_EQ(-ESRCH, uc_as(self->fd, UT_CONTROL, engine, UT_RESUME, UC_AS_PID));
	EXPECT_EQ(-ESRCH, uc_as(self->fd, UT_CONTROL, engine, UT_DETACH, UC_AS_PID));
	/* Its parent may have waited for it while it still reports its death. */
	for (long end = ut_now_ms() + DEADLINE_MS; ut_now_ms() < end; usleep(1000))
		if (uc_as(self->fd, UT_BARRIER, engine, 0, UC_AS_PID))
			break;
	EXPECT_EQ(-ESRCH, uc_as(self->fd, UT_BARRIER, engine, 0, UC_AS_PID));
}

/* The task_struct of a thread that has been waited for: the engine of it keeps it. */
TEST_F(capi, attach_esrch_for_a_released_thread)
{
	struct uc_attach request = { .flags = CREATE, .data = -1 };
	int engine = uc_engine(self->fd, self->pid, 0);

	ASSERT_GE(engine, 0);
	tracee_end(&self->tracee);
	request.of = engine;
	EXPECT_EQ(-ESRCH, uc_attach(self->fd, request));
}

TEST_F(capi, attach_to_a_zombie)
{
	struct ut_event event;
	int engine;

	ASSERT_EQ(0, kill(self->pid, SIGKILL));
	ASSERT_EQ(0, wait_state(self->pid, 'Z'));
	engine = attach_as(self->fd, self->pid, CREATE, UC_OPS, -1);
	ASSERT_GE(engine, 0);
	EXPECT_EQ(-EALREADY, ut_op(self->fd, UT_SET_EVENTS, engine, UT_DEATH | UT_REAP));
	EXPECT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, engine, UT_REAP));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, engine, UT_STOP));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, engine, UT_RESUME));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, engine, UT_INTERRUPT));
	tracee_end(&self->tracee);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_REAP, event.event);
	EXPECT_EQ(1, event.args[0]);
}

TEST_F(capi, attach_without_any_callback)
{
	int engine = attach_as(self->fd, self->pid, CREATE, UC_OPS_EMPTY, -1);
	long r;

	ASSERT_GE(engine, 0);
	EXPECT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, engine, 0xff));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
	EXPECT_EQ(-EINPROGRESS, ut_control(self->fd, engine, UT_STOP));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_RESUME));
	tracee_end(&self->tracee);
}

/* --- what callbacks are told ------------------------------------------------------------------ */

TEST_F(capi, arguments_of_system_calls)
{
	int engine = uc_engine(self->fd, self->pid, QUIESCE | ENTRY | EXIT);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, tracee_syscall(&self->tracee, CALL, 1, 2, 3, 4, 5, 6));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	EXPECT_EQ(PLAIN_RESUME, event.resumed);
	EXPECT_EQ(self->pid, event.tid);
	EXPECT_NE(0, event.ticket);
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(i + 1, event.args[i]);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(QUIESCE, event.event);
	EXPECT_EQ(EXIT, event.quiesce_for);
	EXPECT_EQ(PLAIN_RESUME, event.resumed);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(EXIT, event.event);
	EXPECT_EQ(CALL, event.nr);
	EXPECT_EQ(getpid(), event.result);
}

TEST_F(capi, arguments_and_results_are_changed)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY | EXIT);
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, ut_script(self->fd, (struct ut_script) {
		.engine = engine, .event = ENTRY, .nr = CALL, .action = UT_RESUME,
		.flags = UT_F_NR | UT_F_ARGS, .new_nr = __NR_getpgid, .times = 1,
	}));
	ASSERT_EQ(0, ut_script(self->fd, (struct ut_script) {
		.engine = engine, .event = EXIT, .nr = __NR_getpgid, .action = UT_RESUME,
		.flags = UT_F_RESULT, .result = 4711, .times = 1,
	}));
	ASSERT_EQ(0, tracee_syscall(&self->tracee, CALL, 99999));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(4711, r);
}

static long do_fork(long *args)
{
	pid_t pid = raw_syscall(__NR_clone, args[0], 0, 0, 0, 0, 0);

	if (!pid)
		_exit(raw_syscall(CALL, 0, 0, 0, 0, 0, 0) == getppid() ? 3 : 4);
	return pid < 0 ? pid : wait_child(pid);
}

TEST_F(capi, clone_follows_and_stops_the_child)
{
	int engine = uc_engine(self->fd, self->pid, UT_CLONE);
	struct ut_event event;
	pid_t child;
	int follower;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, UT_CLONE, UT_RESUME, UT_F_FOLLOW | UT_F_STOP_CHILD, 1));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork, SIGCHLD));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_CLONE, -1));
	/* Without the signal, which is the child's exit_signal. */
	EXPECT_EQ(0, event.args[0]);
	EXPECT_EQ(-EINPROGRESS, event.inside);
	child = event.child;
	follower = event.child_engine;
	ASSERT_EQ(0, wait_parked(child));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, follower, event.result + 2));
	EXPECT_EQ(0, ut_resume(self->fd, follower, event.result));
	/* Nothing of it was missed. */
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	EXPECT_EQ(child, event.tid);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_EXIT, -1));
	EXPECT_EQ(3 << 8, event.result);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_DEATH, -1));
	EXPECT_EQ(1, event.result);
	EXPECT_EQ(SIGCHLD, event.args[0]);
	EXPECT_EQ(0, event.ticket);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_REAP, -1));
	EXPECT_EQ(1, event.args[0]);
	EXPECT_EQ(0, event.ticket);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_TRUE(ended_with(r, 3));
	EXPECT_EQ(0, wait_until(uc_info(self->fd, follower).has_ops == 0));
}

static long do_exec(long *args)
{
	execl("/bin/true", "true", NULL);
	return -errno;
}

TEST_F(capi, death_that_the_parent_is_not_told)
{
	int engine = uc_engine(self->fd, self->pid, UT_CLONE);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, UT_CLONE, UT_RESUME, UT_F_FOLLOW, 1));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_DEATH, -1));
	EXPECT_EQ(0, event.args[0]);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_TRUE(ended_with(r, 3));
}

TEST_F(capi, arguments_of_exec)
{
	int engine = uc_engine(self->fd, self->pid, UT_EXEC);
	struct ut_event event;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exec, 0));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_EXEC, event.event);
	EXPECT_EQ(1, event.args[0]);
	EXPECT_EQ(1, event.args[1]);
	EXPECT_EQ(1, event.args[2]);
}

static void *thread_body(void *arg)
{
	shared->tid[0] = ut_gettid();
	while (!shared->flag[1])
		usleep(1000);
	return NULL;
}

/* A second thread that ends when flag[1] is set; the process waits for it. */
static long do_thread(long *args)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_body, NULL))
		return -EAGAIN;
	pthread_join(thread, NULL);
	return 0;
}

TEST_F(capi, death_of_a_thread_nobody_waits_for)
{
	struct ut_event event;
	int engine;
	long r;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_thread, 0));
	ASSERT_EQ(0, wait_until(shared->tid[0]));
	engine = uc_engine(self->fd, shared->tid[0], UT_DEATH | UT_REAP);
	ASSERT_GE(engine, 0);
	shared->flag[1] = 1;
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_DEATH, event.event);
	EXPECT_EQ(0, event.result);
	EXPECT_EQ(-1, (long)event.args[0]);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(UT_REAP, event.event);
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
}

static long do_leader_exits(long *args)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_body, NULL))
		return -EAGAIN;
	while (!shared->tid[0])
		sched_yield();
	raw_syscall(__NR_exit, 0, 0, 0, 0, 0, 0);
	return 0;
}

TEST_F(capi, death_of_a_leader_with_threads)
{
	int engine = uc_engine(self->fd, self->pid, UT_DEATH);
	struct ut_event event;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_leader_exits, 0));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(0, event.result);
	EXPECT_EQ(-2, (long)event.args[0]);
	shared->flag[1] = 1;
}

TEST_F(capi, quiesce_switches_the_event_on)
{
	int engine = uc_engine(self->fd, self->pid, 0);
	int other = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, ut_script(self->fd, (struct ut_script) {
		.engine = engine, .event = QUIESCE, .nr = -1, .action = UT_RESUME, .times = 1,
		.flags = UC_F_SET_EVENTS, .new_nr = QUIESCE | ENTRY,
	}));
	/* Both are there, and the script is: the first event that it hears of is the one. */
	ASSERT_EQ(0, ut_set_events(self->fd, engine, QUIESCE));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	/* Which call it was that first was traced is not ours to say. */
	ASSERT_EQ(0, ut_next_from(self->fd, &event, engine, QUIESCE, -1));
	EXPECT_EQ(ENTRY, event.quiesce_for);
	EXPECT_EQ(0, event.inside);
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(ENTRY, event.event);
	EXPECT_EQ(engine, event.engine);
	EXPECT_EQ(QUIESCE | ENTRY, uc_info(self->fd, engine).flags);
}

TEST_F(capi, an_engine_attached_during_an_event_comes_at_the_next)
{
	int engine = uc_engine(self->fd, self->pid, EXIT);
	struct ut_event event;
	long r;
	int peer;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, EXIT, UT_RESUME, UT_F_ATTACH_PEER, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, EXIT, CALL));
	EXPECT_EQ(0, event.inside);
	peer = event.child_engine;
	ASSERT_EQ(0, ut_next_from(self->fd, &event, peer, EXIT, -1));
	EXPECT_NE(CALL, event.nr);
}

/* --- what callbacks return -------------------------------------------------------------------- */

TEST_F(capi, abort_is_final_and_seen)
{
	int first = uc_engine(self->fd, self->pid, ENTRY);
	int last = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_event event;
	long r;

	ASSERT_GE(first, 0);
	ASSERT_GE(last, 0);
	ASSERT_EQ(0, ut_script(self->fd, (struct ut_script) {
		.engine = last, .event = ENTRY, .nr = CALL, .action = UT_RESUME, .times = 1,
		.flags = UT_F_ABORT, .result = 42,
	}));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(42, r);
	ASSERT_EQ(0, ut_next_from(self->fd, &event, last, ENTRY, CALL));
	EXPECT_EQ(0, event.aborted);
	ASSERT_EQ(0, ut_next_from(self->fd, &event, first, ENTRY, CALL));
	EXPECT_EQ(1, event.aborted);
	EXPECT_EQ(5 | 0x10, event.resumed);
	/* And with the kernel's own result. */
	ASSERT_EQ(0, on(self->fd, last, ENTRY, UT_RESUME, UT_F_ABORT | UT_F_DEFAULT, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(NO_SUCH_CALL, r);
}

TEST_F(capi, the_entry_is_repeated_for_report)
{
	int engine = uc_engine(self->fd, self->pid, QUIESCE | ENTRY);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, ENTRY, UT_STOP, 0, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->pid));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	EXPECT_EQ(PLAIN_RESUME, event.resumed);
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_REPORT));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	EXPECT_EQ(RUN_RESUMED, event.resumed);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

TEST_F(capi, detach_is_returned)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, ENTRY, UT_DETACH, 0, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, uc_info(self->fd, engine).has_ops);
	EXPECT_EQ(-ESRCH, ut_control(self->fd, engine, UT_RESUME));
	EXPECT_EQ(0, uc_info(self->fd, engine).releases);
	EXPECT_EQ(0, ut_op(self->fd, UC_PUT, engine, 0));
	EXPECT_EQ(1, uc_info(self->fd, engine).releases);
}

TEST_F(capi, report_and_interrupt_are_returned)
{
	int engine = uc_engine(self->fd, self->pid, QUIESCE | EXIT);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	for (unsigned int action = UT_INTERRUPT; action <= UT_REPORT; action++) {
		ASSERT_EQ(0, on(self->fd, engine, EXIT, action, 0, 1));
		ASSERT_EQ(0, tracee_call(&self->tracee));
		ASSERT_EQ(0, ut_next_of(self->fd, &event, EXIT, CALL));
		ASSERT_EQ(0, ut_next(self->fd, &event));
		EXPECT_EQ(QUIESCE, event.event);
		EXPECT_EQ(0, event.quiesce_for);
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	}
}

/* Each is UTRACE_RESUME. capi.sh looks for the one warning. */
TEST_F(capi, values_that_mean_nothing_are_resume)
{
	static const unsigned int values[] = { 7, 0x20, 0x75, 0xffffffea, 0x40000000 };
	int engine = uc_engine(self->fd, self->pid, QUIESCE | ENTRY | EXIT);
	long r;

	ASSERT_GE(engine, 0);
	for (unsigned int i = 0; i < sizeof(values) / sizeof(*values); i++) {
		ASSERT_EQ(0, on(self->fd, engine, ENTRY, values[i], 0, 1));
		ASSERT_EQ(0, on(self->fd, engine, EXIT, values[i], 0, 1));
		ASSERT_EQ(0, tracee_call(&self->tracee));
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
		EXPECT_EQ(getpid(), r);
		/* An abort is no answer but to a system call's entry. */
		ut_drain(self->fd, 0, -1, -1);
	}
	EXPECT_EQ(1, uc_info(self->fd, engine).has_ops);
}

TEST_F(capi, death_cannot_stop)
{
	int stop = uc_engine(self->fd, self->pid, UT_DEATH | UT_REAP);
	int detach = uc_engine(self->fd, self->pid, UT_DEATH | UT_REAP);

	ASSERT_GE(stop, 0);
	ASSERT_GE(detach, 0);
	ASSERT_EQ(0, on(self->fd, stop, UT_DEATH, UT_STOP, 0, 1));
	ASSERT_EQ(0, on(self->fd, detach, UT_DEATH, UT_DETACH, 0, 1));
	tracee_end(&self->tracee);
	ASSERT_EQ(0, wait_until(ut_count(self->fd, stop) == 2));
	/* Detached at its death: no reap. */
	EXPECT_EQ(1, ut_count(self->fd, detach));
}

/* --- the exit code ---------------------------------------------------------------------------- */

static int exit_code(int fd, int engine, long code, unsigned int times)
{
	return ut_script(fd, (struct ut_script) {
		.engine = engine, .event = UT_EXIT, .nr = -1, .action = UT_RESUME,
		.flags = UC_F_CODE, .result = code, .times = times,
	});
}

TEST_F(capi, exit_code_of_a_process)
{
	int engine = uc_engine(self->fd, self->pid, UT_EXIT);
	int last = uc_engine(self->fd, self->pid, UT_EXIT);
	struct ut_event event;

	ASSERT_GE(engine, 0);
	ASSERT_GE(last, 0);
	ASSERT_EQ(0, exit_code(self->fd, engine, 7 << 8, 1));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 5));
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 7));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, last, UT_EXIT, -1));
	EXPECT_EQ(5 << 8, event.result);
	EXPECT_EQ(7 << 8, event.args[0]);
}

/* Engines in Rust change it, too, and each sees what others did. */
TEST_F(capi, exit_code_by_an_engine_in_rust)
{
	int rust = ut_open(), engine, last;
	struct ut_event event;

	ASSERT_GE(rust, 0);
	engine = ut_attach(rust, self->pid, UT_EXIT);
	ASSERT_GE(engine, 0);
	last = uc_engine(self->fd, self->pid, UT_EXIT);
	ASSERT_GE(last, 0);
	ASSERT_EQ(0, ut_script(rust, (struct ut_script) {
		.engine = engine, .event = UT_EXIT, .nr = -1, .action = UT_RESUME, .times = 1,
		.flags = UT_F_RESULT, .result = 9 << 8,
	}));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 5));
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 9));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_EXIT, -1));
	EXPECT_EQ(5 << 8, event.result);
	EXPECT_EQ(9 << 8, event.args[0]);
	close(rust);
}

static long do_exit_thread(long *args)
{
	return raw_syscall(__NR_exit, args[0], 0, 0, 0, 0, 0);
}

TEST_F(capi, exit_code_of_a_thread)
{
	int engine = uc_engine(self->fd, self->pid, UT_EXIT);

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, exit_code(self->fd, engine, SIGUSR1, 1));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_thread, 5));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGUSR1));
}

TEST_F(capi, exit_code_of_a_signal)
{
	int engine = uc_engine(self->fd, self->pid, UT_EXIT);

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, exit_code(self->fd, engine, 0, 1));
	kill(self->pid, SIGTERM);
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 0));
}

TEST_F(capi, exit_code_of_sigkill_stays)
{
	int engine = uc_engine(self->fd, self->pid, UT_EXIT);

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, exit_code(self->fd, engine, 0, 1));
	kill(self->pid, SIGKILL);
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
}

static long do_group_exit_with_thread(long *args)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_body, NULL))
		return -EAGAIN;
	while (!shared->flag[2])
		usleep(1000);
	_exit(args[0]);
}

/* Of a process with threads it is the leader's that counts. */
TEST_F(capi, exit_code_of_the_leader)
{
	int leader, thread;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_group_exit_with_thread, 5));
	ASSERT_EQ(0, wait_until(shared->tid[0]));
	leader = uc_engine(self->fd, self->pid, UT_EXIT);
	thread = uc_engine(self->fd, shared->tid[0], UT_EXIT);
	ASSERT_GE(leader, 0);
	ASSERT_GE(thread, 0);
	ASSERT_EQ(0, exit_code(self->fd, leader, 11 << 8, 1));
	ASSERT_EQ(0, exit_code(self->fd, thread, 12 << 8, 1));
	shared->flag[2] = 1;
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 11));
}

/* --- utrace_set_events ------------------------------------------------------------------------ */

TEST_F(capi, set_events_errors)
{
	int engine = uc_engine(self->fd, self->pid, 0), err;

	ASSERT_GE(engine, 0);
	for (unsigned int bit = 0; bit < 14; bit++) {
		EXPECT_EQ(0, ut_set_events(self->fd, engine, ENTRY | 1 << bit));
		EXPECT_EQ(ENTRY | 1 << bit, uc_info(self->fd, engine).flags);
	}
	/* The historic header's own bit. */
	EXPECT_EQ(0, ut_set_events(self->fd, engine, ENTRY | 1 << 14));
	EXPECT_EQ(ENTRY, uc_info(self->fd, engine).flags);
	EXPECT_EQ(-EINVAL, ut_op(self->fd, UT_SET_EVENTS, engine, 1 << 15));
	EXPECT_EQ(-EINVAL, ut_op(self->fd, UT_SET_EVENTS, engine, 1U << 31));
	EXPECT_EQ(ENTRY, uc_info(self->fd, engine).flags);
	EXPECT_EQ(-ESRCH, uc_as(self->fd, UT_SET_EVENTS, engine, ENTRY, UC_AS_OTHER));
	EXPECT_EQ(-ESRCH, uc_as(self->fd, UT_SET_EVENTS, engine, ENTRY, UC_AS_NULL));
	/* The tracee may just be in a callback. */
	err = ut_control(self->fd, engine, UT_DETACH);
	EXPECT_TRUE(err == 0 || err == -EINPROGRESS);
	EXPECT_EQ(-ESRCH, ut_op(self->fd, UT_SET_EVENTS, engine, ENTRY));
}

TEST_F(capi, set_events_einprogress)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY | EXIT);
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, ENTRY, UT_RESUME, UT_F_HOLD_CALLBACK, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_wait_held(self->fd, engine, UT_IN_CALLBACK));
	/* More events are no matter, fewer are, and it is done all the same. */
	EXPECT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, engine, ENTRY | EXIT | UT_DEATH));
	EXPECT_EQ(-EINPROGRESS, ut_op(self->fd, UT_SET_EVENTS, engine, UT_DEATH));
	EXPECT_EQ(UT_DEATH, uc_info(self->fd, engine).flags);
	EXPECT_EQ(0, ut_go(self->fd, engine));
	EXPECT_EQ(0, uc_as(self->fd, UT_BARRIER, engine, 0, UC_AS_TASK));
	EXPECT_EQ(0, ut_op(self->fd, UT_SET_EVENTS, engine, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, ut_drain(self->fd, EXIT, engine, CALL));
}

TEST_F(capi, set_events_in_its_own_callback)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY | EXIT);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, ut_script(self->fd, (struct ut_script) {
		.engine = engine, .event = ENTRY, .nr = CALL, .action = UT_RESUME, .times = 1,
		.flags = UC_F_SET_EVENTS, .new_nr = ENTRY,
	}));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	EXPECT_EQ(0, event.inside);
	EXPECT_EQ(0, ut_drain(self->fd, EXIT, engine, CALL));
}

TEST_F(capi, set_events_ealready_and_esrch_at_the_end)
{
	int engine = uc_engine(self->fd, self->pid, UT_DEATH | UT_REAP);

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, UT_DEATH, UT_RESUME, UT_F_HOLD_CALLBACK, 1));
	kill(self->pid, SIGKILL);
	ASSERT_EQ(0, ut_wait_held(self->fd, engine, UT_IN_CALLBACK));
	EXPECT_EQ(-EALREADY, ut_op(self->fd, UT_SET_EVENTS, engine, UT_REAP));
	EXPECT_EQ(-EALREADY, ut_op(self->fd, UT_SET_EVENTS, engine, UT_DEATH | UT_REAP | QUIESCE));
	/* Reaped, while the death report is under way. */
	EXPECT_TRUE(ended_by(wait_child(self->pid), SIGKILL));
	EXPECT_EQ(-ESRCH, ut_op(self->fd, UT_SET_EVENTS, engine, UT_DEATH));
	EXPECT_EQ(UT_DEATH | UT_REAP, uc_info(self->fd, engine).flags);
	EXPECT_EQ(0, ut_go(self->fd, engine));
	EXPECT_EQ(0, wait_until(ut_count(self->fd, engine) == 2));
	self->tracee.pid = -1;
}

/* --- utrace_control --------------------------------------------------------------------------- */

TEST_F(capi, control_einval_eopnotsupp_esrch)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_op op = { .engine = engine };

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, ut_ioctl(self->fd, UT_STEPS, &op));
	EXPECT_EQ(-EINVAL, ut_control(self->fd, engine, STEP));
	EXPECT_EQ(op.found & 2 ? -EINVAL : -EOPNOTSUPP, ut_control(self->fd, engine, BLOCKSTEP));
	EXPECT_EQ(-EINVAL, ut_control(self->fd, engine, 7));
	EXPECT_EQ(-EINVAL, ut_control(self->fd, engine, 0x10));
	EXPECT_EQ(-EINVAL, ut_control(self->fd, engine, 0xffffffff));
	EXPECT_EQ(-EINVAL, ut_control(self->fd, engine, UT_REPORT));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_INTERRUPT));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_RESUME));
	EXPECT_EQ(-ESRCH, uc_as(self->fd, UT_CONTROL, engine, UT_STOP, UC_AS_OTHER));
	EXPECT_EQ(-ESRCH, uc_as(self->fd, UT_CONTROL, engine, UT_DETACH, UC_AS_NULL));
	/* The tracee may just be in a callback. */
	EXPECT_EQ(0, ut_set_events(self->fd, engine, 0));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_DETACH));
	for (unsigned int action = 0; action < 9; action++)
		EXPECT_NE(0, ut_control(self->fd, engine, action));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, engine, UT_STOP));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, engine, UT_DETACH));
}

/* An engine in Rust sees the traps. */
TEST_F(capi, steps)
{
	int rust = ut_open(), engine = uc_engine(self->fd, self->pid, QUIESCE);
	struct ut_op op = { .engine = engine };
	struct ut_event event;
	int observer;
	long r;

	ASSERT_GE(rust, 0);
	ASSERT_GE(engine, 0);
	observer = ut_attach(rust, self->pid, UT_SIGNAL_ALL);
	ASSERT_GE(observer, 0);
	ASSERT_EQ(0, ut_ioctl(self->fd, UT_STEPS, &op));
	EXPECT_EQ(1, op.found & 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_spin, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
	for (int i = 0; i < 3; i++) {
		/* The quiesce before the trap is one of the last round, too: it is answered by Resume. */
		ut_control(self->fd, engine, UT_STOP);
		ASSERT_EQ(0, wait_parked(self->pid));
		EXPECT_EQ(0, ut_control(self->fd, engine, STEP));
		ASSERT_EQ(0, ut_next_of(rust, &event, UT_SIGNAL_CORE, SIGTRAP));
		EXPECT_EQ(UT_IGNORE, event.args[3]);
	}
	EXPECT_EQ(0, ut_drain(rust, UT_SIGNAL_CORE, -1, -1));
	/* Of a running thread: a report, and what that returns. */
	ASSERT_EQ(0, on(self->fd, engine, QUIESCE, STEP, 0, 1));
	EXPECT_EQ(0, ut_control(self->fd, engine, STEP));
	ASSERT_EQ(0, ut_next_of(rust, &event, UT_SIGNAL_CORE, SIGTRAP));
	ASSERT_EQ(0, on(self->fd, engine, QUIESCE, BLOCKSTEP, 0, 1));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_REPORT));
	ASSERT_EQ(0, ut_next_of(rust, &event, UT_SIGNAL_CORE, SIGTRAP));
	close(rust);
	shared->flag[0] = 1;
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	/* From the entry of a call: the step is the call. */
	ASSERT_EQ(0, ut_set_events(self->fd, engine, ENTRY));
	ASSERT_EQ(0, on(self->fd, engine, ENTRY, STEP, 0, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

TEST_F(capi, control_stop_and_resume)
{
	int engine = uc_engine(self->fd, self->pid, 0);
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_spin, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
	EXPECT_EQ(-EINPROGRESS, ut_control(self->fd, engine, UT_STOP));
	ASSERT_EQ(0, wait_parked(self->pid));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_STOP));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_RESUME));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_RESUME));
	shared->flag[0] = 1;
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
}

TEST_F(capi, control_interrupt_reaches_a_blocked_thread)
{
	int engine = uc_engine(self->fd, self->pid, QUIESCE);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	/* It waits in read(). */
	ASSERT_EQ(0, wait_state(self->pid, 'S'));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_INTERRUPT));
	ASSERT_EQ(0, ut_next(self->fd, &event));
	EXPECT_EQ(QUIESCE, event.event);
	EXPECT_EQ(0, event.quiesce_for);
	EXPECT_EQ(PLAIN_RESUME, event.resumed);
	EXPECT_EQ(-EINPROGRESS, ut_control(self->fd, engine, UT_STOP));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_INTERRUPT));
	ASSERT_EQ(0, wait_parked(self->pid));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_REPORT));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
}

TEST_F(capi, control_detach)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	long r;

	ASSERT_GE(engine, 0);
	/* A thread that is parked for it goes on. */
	ASSERT_EQ(0, on(self->fd, engine, ENTRY, UT_STOP, 0, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->pid));
	EXPECT_EQ(1, uc_info(self->fd, engine).has_ops);
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_DETACH));
	EXPECT_EQ(0, uc_info(self->fd, engine).has_ops);
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
}

TEST_F(capi, control_detach_einprogress)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY | EXIT);
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, ENTRY, UT_STOP, UT_F_HOLD_CALLBACK, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_wait_held(self->fd, engine, UT_IN_CALLBACK));
	EXPECT_EQ(-EINPROGRESS, ut_control(self->fd, engine, UT_DETACH));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, engine, UT_DETACH));
	EXPECT_EQ(1, uc_info(self->fd, engine).has_ops);
	EXPECT_EQ(0, ut_go(self->fd, engine));
	EXPECT_EQ(-ESRCH, uc_as(self->fd, UT_BARRIER, engine, 0, UC_AS_TASK));
	EXPECT_EQ(0, uc_info(self->fd, engine).has_ops);
	/* The stop that it returned holds nobody. */
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, ut_drain(self->fd, EXIT, engine, CALL));
}

TEST_F(capi, control_detach_in_its_own_callback)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, ENTRY, UT_RESUME, UC_F_DETACH, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	EXPECT_EQ(-EINPROGRESS, event.inside);
	EXPECT_EQ(0, uc_info(self->fd, engine).has_ops);
}

/* What it asks of its own thread comes when the callback has returned. */
TEST_F(capi, control_in_its_own_callback)
{
	static const struct { unsigned int action; int result; } asks[] = {
		{ UT_STOP, -EINPROGRESS }, { UT_INTERRUPT, 0 }, { UT_REPORT, 0 }, { UT_RESUME, 0 },
		{ 7, -EINVAL },
	};
	int engine = uc_engine(self->fd, self->pid, EXIT | QUIESCE);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	for (unsigned int i = 0; i < sizeof(asks) / sizeof(*asks); i++) {
		ASSERT_EQ(0, ut_script(self->fd, (struct ut_script) {
			.engine = engine, .event = EXIT, .nr = CALL, .action = UT_RESUME, .times = 1,
			.flags = UC_F_CONTROL, .new_nr = asks[i].action,
		}));
		ASSERT_EQ(0, tracee_call(&self->tracee));
		ASSERT_EQ(0, ut_next_of(self->fd, &event, EXIT, CALL));
		EXPECT_EQ(asks[i].result, event.inside) TH_LOG("action %u", asks[i].action);
		if (asks[i].action == UT_STOP) {
			ASSERT_EQ(0, wait_parked(self->pid));
			EXPECT_EQ(0, ut_control(self->fd, engine, UT_RESUME));
		} else if (asks[i].action < UT_RESUME && !asks[i].result) {
			do {
				ASSERT_EQ(0, ut_next(self->fd, &event));
			} while (event.event != QUIESCE || event.quiesce_for);
		}
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
		ut_drain(self->fd, 0, -1, -1);
	}
}

TEST_F(capi, control_detach_ealready)
{
	int engine = uc_engine(self->fd, self->pid, UT_DEATH | UT_REAP);

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, UT_DEATH, UT_RESUME, UT_F_HOLD_CALLBACK, 1));
	kill(self->pid, SIGKILL);
	ASSERT_EQ(0, ut_wait_held(self->fd, engine, UT_IN_CALLBACK));
	EXPECT_EQ(-EALREADY, ut_control(self->fd, engine, UT_DETACH));
	EXPECT_EQ(0, ut_go(self->fd, engine));
	EXPECT_EQ(-ESRCH, uc_as(self->fd, UT_BARRIER, engine, 0, UC_AS_TASK));
	EXPECT_EQ(1, ut_count(self->fd, engine));
}

TEST_F(capi, control_of_the_dead)
{
	int engine = uc_engine(self->fd, self->pid, UT_REAP);
	int other = uc_engine(self->fd, self->pid, UT_REAP);

	ASSERT_GE(engine, 0);
	ASSERT_GE(other, 0);
	kill(self->pid, SIGKILL);
	ASSERT_EQ(0, wait_state(self->pid, 'Z'));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, engine, UT_STOP));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, engine, UT_INTERRUPT));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, engine, UT_RESUME));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_DETACH));
	tracee_end(&self->tracee);
	EXPECT_EQ(0, wait_until(ut_count(self->fd, other) == 1));
	EXPECT_EQ(0, ut_count(self->fd, engine));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, other, UT_DETACH));
}

/* --- utrace_barrier --------------------------------------------------------------------------- */

struct waiter {
	int fd, engine, err;
	volatile int tid;
};

static void *wait_for_callback(void *arg)
{
	struct waiter *waiter = arg;

	waiter->tid = ut_gettid();
	waiter->err = uc_as(waiter->fd, UT_BARRIER, waiter->engine, 0, UC_AS_TASK);
	return NULL;
}

static void nothing(int sig)
{
}

TEST_F(capi, barrier)
{
	struct sigaction action = { .sa_handler = nothing };
	struct waiter waiter = { .fd = self->fd };
	struct ut_event event;
	pthread_t thread;
	long r;

	waiter.engine = uc_engine(self->fd, self->pid, ENTRY);
	ASSERT_GE(waiter.engine, 0);
	EXPECT_EQ(0, uc_as(self->fd, UT_BARRIER, waiter.engine, 0, UC_AS_TASK));
	ASSERT_EQ(0, on(self->fd, waiter.engine, ENTRY, UT_STOP,
			UT_F_HOLD_CALLBACK | UC_F_BARRIER, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_wait_held(self->fd, waiter.engine, UT_IN_CALLBACK));
	/* In the callback itself it did not wait. */
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	EXPECT_EQ(0, event.inside);
	/* A signal ends it. */
	sigaction(SIGUSR1, &action, NULL);
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_callback, &waiter));
	ASSERT_EQ(0, wait_until(waiter.tid));
	ASSERT_EQ(0, wait_state(waiter.tid, 'S'));
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	EXPECT_EQ(-EINTR, waiter.err);
	/* The end of the callback ends it: then what it returned is known. */
	waiter.tid = 0;
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_callback, &waiter));
	ASSERT_EQ(0, wait_until(waiter.tid));
	ASSERT_EQ(0, wait_state(waiter.tid, 'S'));
	EXPECT_EQ(0, ut_go(self->fd, waiter.engine));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, waiter.err);
	EXPECT_EQ(0, ut_resume(self->fd, waiter.engine, event.ticket));
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, ut_control(self->fd, waiter.engine, UT_DETACH));
	EXPECT_EQ(-ESRCH, uc_as(self->fd, UT_BARRIER, waiter.engine, 0, UC_AS_TASK));
}

/* --- tickets ---------------------------------------------------------------------------------- */

TEST_F(capi, ticket_of_a_parked_thread)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, ENTRY, UT_STOP, 0, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->pid));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	EXPECT_NE(0, event.ticket);
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, engine, event.ticket + 4));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, engine, event.ticket + 2));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, engine, event.ticket + 1));
	EXPECT_EQ('t', thread_state(self->pid));
	EXPECT_EQ(0, ut_resume(self->fd, engine, event.ticket));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, engine, event.ticket));
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
	/* In no callback. */
	EXPECT_EQ(0, uc_info(self->fd, engine).ticket);
}

/* The race of old: the resume comes before the thread has parked, here in the callback still. */
TEST_F(capi, ticket_resumed_before_the_callback_returns)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY | EXIT);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, ENTRY, UT_STOP, UT_F_RESUME_TICKET, 1));
	ASSERT_EQ(0, on(self->fd, engine, EXIT, UT_STOP, UT_F_RESUME_PLAIN, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	EXPECT_EQ(0, event.inside);
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, engine, event.ticket));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, EXIT, CALL));
	EXPECT_EQ(0, event.inside);
}

TEST_F(capi, ticket_resumed_by_another_during_the_callback)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, ENTRY, UT_STOP, UT_F_HOLD_CALLBACK, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_wait_held(self->fd, engine, UT_IN_CALLBACK));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	/* Only the callback's own thread is told. */
	EXPECT_EQ(0, uc_info(self->fd, engine).ticket);
	EXPECT_EQ(0, ut_resume(self->fd, engine, event.ticket));
	EXPECT_EQ(0, ut_go(self->fd, engine));
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
}

/* For another engine than the one that is called, it is not its callback. */
TEST_F(capi, ticket_of_another_engine)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	int other = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_GE(other, 0);
	ASSERT_EQ(0, ut_script(self->fd, (struct ut_script) {
		.engine = engine, .event = ENTRY, .nr = CALL, .action = UT_RESUME, .times = 1,
		.flags = UC_F_TICKET, .delay_us = other,
	}));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, engine, ENTRY, CALL));
	EXPECT_EQ(0, event.ticket);
}

TEST_F(capi, ticket_without_a_stop_is_stale)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_event event;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, engine, event.ticket));
}

TEST_F(capi, ticket_of_a_killed_thread)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_event event;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, ENTRY, UT_STOP, 0, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->pid));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	tracee_end(&self->tracee);
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, engine, event.ticket));
}

TEST_F(capi, ticket_of_a_detached_engine)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_event event;
	__u64 ticket;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	/* No callback runs. */
	ASSERT_EQ(0, wait_state(self->pid, 'S'));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_DETACH));
	EXPECT_EQ(-ESRCH, ut_resume(self->fd, engine, event.ticket));
	ticket = 1;
	EXPECT_EQ(-ESRCH, ut_stop(self->fd, engine, &ticket));
	EXPECT_EQ(0, ticket);
}

TEST_F(capi, ticket_resumed_by_an_interrupt)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	long r;

	ASSERT_GE(engine, 0);
	for (unsigned int delay = 0; delay < 1500; delay += 100) {
		ASSERT_EQ(0, ut_script(self->fd, (struct ut_script) {
			.engine = engine, .event = ENTRY, .nr = CALL, .action = UT_STOP,
			.flags = UT_F_RESUME_TIMER, .delay_us = delay, .times = 1,
		}));
		ASSERT_EQ(0, tracee_call(&self->tracee));
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	}
}

static int in_irq(int fd, int engine, unsigned int what, __u64 *ticket)
{
	struct ut_op op = { .engine = engine, .value = what, .ticket = ticket ? *ticket : 0 };
	int err = ut_ioctl(fd, UC_IRQ, &op);

	if (ticket)
		*ticket = op.ticket;
	return err;
}

/* All that the header allows in any context. */
TEST_F(capi, in_a_hard_interrupt)
{
	int engine = uc_engine(self->fd, self->pid, QUIESCE);
	struct ut_event event;
	__u64 ticket = 0;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_spin, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
	EXPECT_EQ(0, in_irq(self->fd, engine, UC_IRQ_GET_PUT, NULL));
	EXPECT_EQ(-EINVAL, in_irq(self->fd, engine, 7, NULL));
	for (unsigned int action = UT_INTERRUPT; action <= STEP; action++) {
		ut_drain(self->fd, 0, -1, -1);
		EXPECT_EQ(0, in_irq(self->fd, engine, action, NULL));
		ASSERT_EQ(0, ut_next(self->fd, &event));
		EXPECT_EQ(0, event.quiesce_for);
	}
	EXPECT_EQ(-EINPROGRESS, in_irq(self->fd, engine, UT_STOP, NULL));
	ASSERT_EQ(0, wait_parked(self->pid));
	EXPECT_EQ(0, in_irq(self->fd, engine, UT_STOP, NULL));
	EXPECT_EQ(0, in_irq(self->fd, engine, UC_IRQ_STOP, &ticket));
	EXPECT_NE(0, ticket);
	EXPECT_EQ(0, in_irq(self->fd, engine, UC_IRQ_RESUME, &ticket));
	EXPECT_EQ(-ESTALE, in_irq(self->fd, engine, UC_IRQ_RESUME, &ticket));
	EXPECT_EQ(0, in_irq(self->fd, engine, UT_RESUME, NULL));
	shared->flag[0] = 1;
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	tracee_end(&self->tracee);
	EXPECT_EQ(-ESRCH, in_irq(self->fd, engine, UT_RESUME, NULL));
	EXPECT_EQ(-ESRCH, in_irq(self->fd, engine, UC_IRQ_STOP, &ticket));
	EXPECT_EQ(-ESRCH, in_irq(self->fd, engine, UC_IRQ_RESUME, &ticket));
}

TEST_F(capi, ticket_of_a_clone_stays_until_it_is_reached)
{
	int engine = uc_engine(self->fd, self->pid, UT_CLONE | EXIT);
	struct ut_event event;
	__u64 ticket;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, UT_CLONE, UT_STOP, 0, 1));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork, SIGCHLD));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_CLONE, -1));
	ticket = event.ticket;
	EXPECT_NE(0, ticket);
	ASSERT_EQ(0, wait_parked(self->pid));
	EXPECT_EQ(0, ut_resume(self->fd, engine, ticket));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, engine, ticket));
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
}

TEST_F(capi, stop_engine)
{
	int engine = uc_engine(self->fd, self->pid, 0);
	__u64 first = 0, again = 0, second = 0;
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_spin, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
	EXPECT_EQ(0, ut_stop(self->fd, engine, &first));
	EXPECT_NE(0, first);
	ASSERT_EQ(0, wait_parked(self->pid));
	EXPECT_EQ(1, ut_stop(self->fd, engine, &again));
	EXPECT_EQ(first, again);
	EXPECT_EQ(0, ut_resume(self->fd, engine, first));
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, engine, first));
	EXPECT_GE(ut_stop(self->fd, engine, &second), 0);
	EXPECT_NE(first, second);
	EXPECT_EQ(-ESTALE, ut_resume(self->fd, engine, first));
	EXPECT_EQ(0, ut_resume(self->fd, engine, second));
	shared->flag[0] = 1;
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
	kill(self->pid, SIGKILL);
	ASSERT_EQ(0, wait_state(self->pid, 'Z'));
	EXPECT_EQ(-ESRCH, ut_stop(self->fd, engine, &second));
	EXPECT_EQ(0, second);
}

/* --- utrace_prepare_examine and what follows; all that it can do is in examine.c ----------------- */

static const unsigned int examine_ops[] = {
	UT_X_GET_REGS, UT_X_SET_REGS, UT_X_VIEW, UT_X_ACTIVE, UT_X_GET_REGSET, UT_X_SET_REGSET,
	UT_X_READ, UT_X_WRITE, UT_X_STRING, UT_X_SYSCALL, UT_X_SET_SYSCALL, UT_X_SET_RESULT, UT_X_SKIP,
};

#define NR_EXAMINE_OPS	(sizeof(examine_ops) / sizeof(*examine_ops))

static struct ut_examine uc_examine(int fd, int engine, unsigned int op, unsigned int flags)
{
	static char buf[512];
	struct ut_examine x = {
		.engine = engine, .op = op, .flags = flags, .note = 1, .buf = (__u64)buf,
		.size = sizeof(buf), .prepare = 0, .done = 99, .finish = 99,
	};
	int err = ut_ioctl(fd, UT_EXAMINE, &x);

	if (err)
		x.prepare = x.done = x.finish = err;
	return x;
}

/* The thread's next call parks at its entry, or makes the thread do so in its callback. */
static int park_at_entry(struct __test_metadata *_metadata, FIXTURE_DATA(capi) *self)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_event event;

	on(self->fd, engine, ENTRY, UT_STOP, 0, 1);
	EXPECT_EQ(0, tracee_call(&self->tracee));
	EXPECT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	EXPECT_EQ(0, wait_parked(self->pid));
	return engine;
}

TEST_F(capi, examine_without_prepare)
{
	int engine = park_at_entry(_metadata, self);

	for (unsigned int i = 0; i < NR_EXAMINE_OPS; i++) {
		struct ut_examine x = uc_examine(self->fd, engine, examine_ops[i], UC_X_NO_PREPARE);

		EXPECT_EQ(-EINVAL, x.done) TH_LOG("operation %u", examine_ops[i]);
		EXPECT_EQ(-EINVAL, x.finish);
	}
}

TEST_F(capi, examine_when_prepare_was_refused)
{
	int engine = park_at_entry(_metadata, self);
	struct ut_examine x;

	x = uc_examine(self->fd, engine, UT_X_GET_REGS, UC_X_OTHER_TASK | UC_X_IN_SPITE);
	EXPECT_EQ(-ESRCH, x.prepare);
	EXPECT_EQ(-EINVAL, x.done);
	EXPECT_EQ(-EINVAL, x.finish);
}

TEST_F(capi, examine_finished_wrongly)
{
	int engine = park_at_entry(_metadata, self);
	struct ut_examine x;

	x = uc_examine(self->fd, engine, UT_X_SYSCALL, UC_X_FINISH_OTHER);
	EXPECT_EQ(0, x.prepare);
	EXPECT_EQ(0, x.done);
	EXPECT_EQ(-EINVAL, x.finish);
	x = uc_examine(self->fd, engine, UT_X_SYSCALL, UC_X_FINISH_TWICE);
	EXPECT_EQ(0, x.done);
	EXPECT_EQ(-EINVAL, x.finish);
	x = uc_examine(self->fd, engine, UT_X_SYSCALL, 0);
	EXPECT_EQ(0, x.finish);
}

/* That of a callback ends with it, also when the thread is parked then. */
TEST_F(capi, examine_after_its_callback)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_examine x = { .engine = engine, .op = UT_X_SYSCALL, .flags = UT_X_IN_CALLBACK };
	struct ut_event event;

	ASSERT_EQ(0, ut_ioctl(self->fd, UT_EXAMINE, &x));
	on(self->fd, engine, ENTRY, UT_STOP, UT_F_EXAMINE, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, ENTRY, CALL));
	ASSERT_EQ(0, ut_ioctl(self->fd, UT_EXAMINED, &x));
	EXPECT_EQ(0, x.prepare);
	EXPECT_EQ(0, x.done);
	EXPECT_EQ(0, x.finish);
	EXPECT_EQ(CALL, x.nr);
	ASSERT_EQ(0, wait_parked(self->pid));
	for (unsigned int i = 0; i < NR_EXAMINE_OPS; i++) {
		x = uc_examine(self->fd, engine, examine_ops[i], UC_X_STALE);
		EXPECT_EQ(-EINVAL, x.done) TH_LOG("operation %u", examine_ops[i]);
		EXPECT_EQ(-EINVAL, x.finish);
	}
	EXPECT_EQ(0, uc_examine(self->fd, engine, UT_X_SYSCALL, 0).finish);
}

/* A callback has its result for that. */
TEST_F(capi, examine_skips_no_call_in_a_callback)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	struct ut_examine x = {
		.engine = engine, .op = UT_X_SKIP, .flags = UT_X_IN_CALLBACK, .result = 1,
	};
	long r = 0;

	ASSERT_EQ(0, ut_ioctl(self->fd, UT_EXAMINE, &x));
	on(self->fd, engine, ENTRY, UT_RESUME, UT_F_EXAMINE, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_ioctl(self->fd, UT_EXAMINED, &x));
	EXPECT_EQ(-EINVAL, x.done);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

/* The reaper is another thread: its own registers are nobody's business. */
TEST_F(capi, examine_in_report_reap)
{
	int engine = uc_engine(self->fd, self->pid, UT_REAP);
	struct ut_examine x = { .engine = engine, .op = UT_X_GET_REGS, .flags = UT_X_IN_CALLBACK };

	ASSERT_EQ(0, ut_ioctl(self->fd, UT_EXAMINE, &x));
	ut_on(self->fd, engine, UT_REAP, -1, UT_RESUME, UT_F_EXAMINE, 1);
	tracee_end(&self->tracee);
	ASSERT_EQ(0, ut_ioctl(self->fd, UT_EXAMINED, &x));
	EXPECT_EQ(-ESRCH, x.prepare);
}

TEST_F(capi, examine_of_no_such_regset)
{
	int engine = park_at_entry(_metadata, self);
	struct ut_examine x = { .engine = engine, .op = UT_X_GET_REGSET, .view = 33, .note = 1 };

	ASSERT_EQ(0, ut_ioctl(self->fd, UT_EXAMINE, &x));
	EXPECT_EQ(-ENOENT, x.done);
	x = (struct ut_examine) { .engine = engine, .op = UT_X_ACTIVE, .view = 64, .note = 0x7777 };
	ASSERT_EQ(0, ut_ioctl(self->fd, UT_EXAMINE, &x));
	EXPECT_EQ(-ENOENT, x.done);
	x = (struct ut_examine) { .engine = engine, .op = UT_X_VIEW, .view = 1 };
	ASSERT_EQ(0, ut_ioctl(self->fd, UT_EXAMINE, &x));
	EXPECT_EQ(-ENOENT, x.done);
}

/* --- references ------------------------------------------------------------------------------- */

TEST_F(capi, release_after_detach_and_put)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);

	ASSERT_GE(engine, 0);
	EXPECT_TRUE(uc_info(self->fd, engine).data_is_own);
	EXPECT_EQ(0, ut_op(self->fd, UC_GET, engine, 0));
	/* No callback runs. */
	ASSERT_EQ(0, wait_state(self->pid, 'S'));
	EXPECT_EQ(0, ut_control(self->fd, engine, UT_DETACH));
	EXPECT_EQ(0, uc_info(self->fd, engine).releases);
	EXPECT_EQ(0, ut_op(self->fd, UC_PUT, engine, 0));
	EXPECT_EQ(0, uc_info(self->fd, engine).releases);
	EXPECT_EQ(0, ut_op(self->fd, UC_PUT, engine, 0));
	EXPECT_EQ(1, uc_info(self->fd, engine).releases);
}

TEST_F(capi, release_by_the_end_of_the_attachment)
{
	int engine = uc_engine(self->fd, self->pid, UT_REAP);

	ASSERT_GE(engine, 0);
	EXPECT_EQ(0, ut_op(self->fd, UC_PUT, engine, 0));
	EXPECT_EQ(0, uc_info(self->fd, engine).releases);
	tracee_end(&self->tracee);
	EXPECT_EQ(0, wait_until(uc_info(self->fd, engine).releases == 1));
	EXPECT_EQ(1, ut_count(self->fd, engine));
}

TEST_F(capi, release_in_the_thread)
{
	int engine = uc_engine(self->fd, self->pid, ENTRY);
	long r;

	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, on(self->fd, engine, ENTRY, UT_DETACH, UT_F_HOLD_CALLBACK, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_wait_held(self->fd, engine, UT_IN_CALLBACK));
	EXPECT_EQ(0, ut_op(self->fd, UC_PUT, engine, 0));
	EXPECT_EQ(0, uc_info(self->fd, engine).releases);
	EXPECT_EQ(0, ut_go(self->fd, engine));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(1, uc_info(self->fd, engine).releases);
}

/* Not a test that decides: engines come, are found, and go in several threads at once. */
static void *attach_and_find(void *arg)
{
	struct waiter *waiter = arg;
	int fd = ut_open_device("utrace_ctest"), engine = -1;

	for (int i = 0; i < 30 && fd >= 0; i++) {
		engine = uc_engine(fd, waiter->tid, ENTRY);
		if (engine < 0)
			break;
		attach_as(fd, waiter->tid, 0, UC_OPS, -1);
		attach_as(fd, waiter->tid, MATCH_DATA, UC_OPS, engine);
		ut_op(fd, UT_DROP, engine, 0);
	}
	waiter->err = engine < 0 ? engine : 0;
	close(fd);
	return NULL;
}

static long do_calls(long *args)
{
	while (!shared->flag[0])
		raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
	return 0;
}

TEST_F(capi, attach_find_and_drop_all_at_once)
{
	struct waiter waiters[3];
	pthread_t threads[3];
	long r;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, 0));
	for (int i = 0; i < 3; i++) {
		waiters[i] = (struct waiter) { .tid = self->pid };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, attach_and_find, &waiters[i]));
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, waiters[i].err);
	}
	shared->flag[0] = 1;
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(-ENOENT, attach_as(self->fd, self->pid, 0, UC_OPS, -1));
}

/* For capi.sh: leaves an engine on the calling process, with references that nobody gives back. */
static int leave_engines(const char *what)
{
	int fd = ut_open_device("utrace_ctest"), engine;
	pid_t parent = getppid();

	engine = uc_engine(fd, parent, ENTRY | EXIT);
	if (engine < 0)
		return 1;
	ut_on(fd, engine, ENTRY, -1, UT_RESUME, UT_F_QUIET, 0);
	if (ut_on(fd, engine, EXIT, -1, UT_RESUME, UT_F_QUIET, 0))
		return 1;
	if (!strcmp(what, "leak"))
		return ut_op(fd, UC_LEAK, engine, 0) || ut_op(fd, UC_GET, engine, 0);
	/* Only the attachment is left. */
	return ut_op(fd, UC_PUT, engine, 0);
}

#define main run_tests
TEST_HARNESS_MAIN
#undef main

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--leave"))
		return leave_engines(argv[2]);
	return run_tests(argc, argv);
}
