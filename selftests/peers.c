// SPDX-License-Identifier: GPL-2.0
/*
 * Others who trace the same threads, or use the same kernel functions, at the same time: ptrace,
 * seccomp, tracepoints, the function tracer, kprobes.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include "ut.h"
#include "kselftest_harness.h"

#define TRACEFS	"/sys/kernel/tracing/"

FIXTURE(peers)
{
	struct tracee tracee;
	int fd, engine;
};

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	int err = 0;

	if (fd < 0)
		return -errno;
	/* Some of these files take one word at a time. */
	while (*text && !err) {
		ssize_t n = write(fd, text, strlen(text));

		if (n > 0)
			text += n;
		else
			err = n ? -errno : -EIO;
	}
	close(fd);
	return err;
}

/* How many lines of the trace have the text. Tracing stands still: reading is traced, too. */
static int occurrences(const char *text)
{
	char *line = NULL;
	size_t size = 0;
	int count = 0;
	FILE *file;

	put(TRACEFS "tracing_on", "0");
	file = fopen(TRACEFS "trace", "r");
	if (!file)
		return -errno;
	while (getline(&line, &size, file) > 0)
		count += strstr(line, text) != NULL;
	free(line);
	fclose(file);
	return count;
}

static int trace_begin(void)
{
	put(TRACEFS "tracing_on", "1");
	return put(TRACEFS "trace", " ");
}

static void no_tracers(void)
{
	put(TRACEFS "events/raw_syscalls/sys_enter/enable", "0");
	put(TRACEFS "events/raw_syscalls/sys_exit/enable", "0");
	put(TRACEFS "events/syscalls/enable", "0");
	put(TRACEFS "current_tracer", "nop");
	put(TRACEFS "set_ftrace_filter", " ");
	put(TRACEFS "events/kprobes/enable", "0");
	put(TRACEFS "kprobe_events", " ");
	trace_begin();
}

FIXTURE_SETUP(peers)
{
	self->fd = UT_OPEN();
	ut_share();
	no_tracers();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	self->engine = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT);
	ASSERT_GE(self->engine, 0);
}

FIXTURE_TEARDOWN(peers)
{
	no_tracers();
	shared->flag[0] = 1;
	tracee_end(&self->tracee);
	close(self->fd);
}

/* --- ptrace -------------------------------------------------------------------------------------- */

/* The next ptrace stop; -ETIME if there is none. */
static int wait_stop(pid_t pid, int *status)
{
	long end = ut_now_ms() + DEADLINE_MS;

	while (ut_now_ms() < end) {
		pid_t got = waitpid(pid, status, WNOHANG | __WALL);

		if (got == pid)
			return WIFSTOPPED(*status) ? 0 : -ESRCH;
		if (got < 0)
			return -errno;
		usleep(500);
	}
	fprintf(stderr, "# waited for a ptrace stop of %d, its state: %c\n", pid, thread_state(pid));
	return -ETIME;
}

static void seize(struct __test_metadata *_metadata, pid_t pid)
{
	int status;

	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD));
	ASSERT_EQ(0, ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	ASSERT_EQ(0, wait_stop(pid, &status));
}

/* Goes on to the stop at the entry (or exit) of the call. */
static void to_call(struct __test_metadata *_metadata, pid_t pid, bool entry)
{
	struct __ptrace_syscall_info info;
	int status;

	for (;;) {
		ASSERT_EQ(0, ptrace(PTRACE_SYSCALL, pid, 0, 0));
		ASSERT_EQ(0, wait_stop(pid, &status));
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		ASSERT_GT(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info), 0);
		if (entry && info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == CALL)
			return;
		if (!entry && info.op == PTRACE_SYSCALL_INFO_EXIT)
			return;
	}
}

TEST_F(peers, ptrace_and_utrace_see_all_calls)
{
	pid_t pid = self->tracee.pid;
	long r;

	seize(_metadata, pid);
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, tracee_call(&self->tracee));
		to_call(_metadata, pid, true);
		to_call(_metadata, pid, false);
	}
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, pid, 0, 0));
	for (int i = 0; i < 10; i++)
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	/* One entry and one exit for each, for us too. */
	for (int i = 0; i < 10; i++) {
		struct ut_event event;

		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, CALL));
	}
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_ENTRY, -1, CALL));
	/* History 2.4, PR14659: the end of one takes nothing from the other. */
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(1, ut_drain(self->fd, UT_SYSCALL_ENTRY, -1, CALL));
}

TEST_F(peers, end_of_utrace_leaves_ptrace_alone)
{
	pid_t pid = self->tracee.pid;

	seize(_metadata, pid);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	to_call(_metadata, pid, true);
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	to_call(_metadata, pid, false);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	to_call(_metadata, pid, true);
	to_call(_metadata, pid, false);
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, pid, 0, 0));
}

TEST_F(peers, park_is_no_ptrace_stop)
{
	pid_t pid = self->tracee.pid;
	struct ut_event event;
	struct user_regs_struct regs;
	int status;
	long r;

	seize(_metadata, pid);
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	to_call(_metadata, pid, true);
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_ENTRY, -1, CALL));
	/* ptrace is done with the entry, then it is ours. */
	ASSERT_EQ(0, ptrace(PTRACE_SYSCALL, pid, 0, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, wait_parked(pid));
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(0, waitpid(pid, &status, WNOHANG | WUNTRACED | __WALL));
		errno = 0;
		EXPECT_EQ(-1, ptrace(PTRACE_GETREGS, pid, 0, &regs));
		EXPECT_EQ(ESRCH, errno);
		EXPECT_EQ(-1, ptrace(PTRACE_CONT, pid, 0, 0));
		usleep(1000);
	}
	EXPECT_EQ('t', thread_state(pid));
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 0));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	ASSERT_EQ(0, wait_stop(pid, &status));
	EXPECT_EQ(SIGTRAP | 0x80, WSTOPSIG(status));
	ASSERT_EQ(0, ptrace(PTRACE_GETREGS, pid, 0, &regs));
	EXPECT_EQ(getpid(), (pid_t)regs.rax);
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, pid, 0, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

/* A ptrace stop that is waited for is not broken by a resume of ours. */
TEST_F(peers, resume_does_not_end_a_ptrace_stop)
{
	pid_t pid = self->tracee.pid;
	int status;
	__u64 ticket;

	seize(_metadata, pid);
	ASSERT_EQ('t', thread_state(pid));
	ASSERT_EQ(0, ut_stop(self->fd, self->engine, &ticket));
	EXPECT_EQ(FOUND_PREPARED, ut_resume(self->fd, self->engine, ticket));
	for (int i = 0; i < 50; i++) {
		ut_resume(self->fd, self->engine, 0);
		EXPECT_EQ(0, waitpid(pid, &status, WNOHANG | __WALL));
	}
	EXPECT_EQ('t', thread_state(pid));
	EXPECT_EQ(0, ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[0]), 0));
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, pid, 0, 0));
}

TEST_F(peers, ptrace_attach_to_a_parked_thread)
{
	pid_t pid = self->tracee.pid;
	struct ut_event event;
	int status;
	long r;

	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, wait_parked(pid));
	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, pid, 0, 0));
	usleep(20000);
	EXPECT_EQ(-ETIME, tracee_result_within(&self->tracee, &r, 0));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	ASSERT_EQ(0, wait_stop(pid, &status));
	EXPECT_EQ(SIGSTOP, WSTOPSIG(status));
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, pid, 0, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

TEST_F(peers, ptrace_steps)
{
	pid_t pid = self->tracee.pid;
	struct user_regs_struct regs;
	int status;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_spin, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
	seize(_metadata, pid);
	for (int i = 0; i < 20; i++) {
		unsigned long ip;

		ASSERT_EQ(0, ptrace(PTRACE_GETREGS, pid, 0, &regs));
		ip = regs.rip;
		ASSERT_EQ(0, ptrace(PTRACE_SINGLESTEP, pid, 0, 0));
		if (i % 4 == 0) {
			/* Work of ours on the way back to user mode. */
			__u64 ticket;

			if (ut_stop(self->fd, self->engine, &ticket) >= 0)
				ut_resume(self->fd, self->engine, ticket);
		}
		ASSERT_EQ(0, wait_stop(pid, &status));
		EXPECT_EQ(SIGTRAP, WSTOPSIG(status));
		ASSERT_EQ(0, ptrace(PTRACE_GETREGS, pid, 0, &regs));
		EXPECT_NE(ip, regs.rip);
	}
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, pid, 0, 0));
}

static void on_usr1(int sig)
{
	shared->count[1]++;
}

static long do_masked(long *args)
{
	sigset_t set;

	signal(SIGUSR1, on_usr1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_SETMASK, &set, NULL);
	shared->count[0]++;
	while (!shared->count[1])
		usleep(1000);
	sigprocmask(SIG_SETMASK, NULL, &set);
	return *(long *)&set;
}

/* While a signal is looked for, or let through, the thread has another mask: that is not the ptracer's. */
TEST_F(peers, ptrace_has_the_signal_mask)
{
	const long usr2 = 1L << (SIGUSR2 - 1), hup = 1L << (SIGHUP - 1);
	pid_t pid = self->tracee.pid;
	long mask, both = usr2 | hup, r;
	int status;

	ASSERT_GE(ut_attach(self->fd, pid, UT_SIGNAL_ALL), 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_masked, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
	seize(_metadata, pid);
	ASSERT_EQ(0, ptrace(PTRACE_GETSIGMASK, pid, sizeof(mask), &mask));
	EXPECT_EQ(usr2, mask);
	ASSERT_EQ(0, kill(pid, SIGUSR1));
	ASSERT_EQ(0, ptrace(PTRACE_CONT, pid, 0, 0));
	ASSERT_EQ(0, wait_stop(pid, &status));
	ASSERT_EQ(SIGUSR1, WSTOPSIG(status));
	ASSERT_EQ(0, ptrace(PTRACE_GETSIGMASK, pid, sizeof(mask), &mask));
	EXPECT_EQ(usr2, mask);
	ASSERT_EQ(0, ptrace(PTRACE_SETSIGMASK, pid, sizeof(both), &both));
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, pid, 0, SIGUSR1));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(both, r);
}

/* --- seccomp ---------------------------------------------------------------------------------------- */

static long do_filter(long *args)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CALL, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return -errno;
	return 0;
}

/* The kernel asks seccomp first: a call that it answers has no entry, but an exit. */
TEST_F(peers, seccomp_comes_first)
{
	struct ut_event event;
	long r;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_filter, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, r);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	do {
		ASSERT_EQ(0, ut_next(self->fd, &event));
		EXPECT_FALSE(event.event == UT_SYSCALL_ENTRY && event.nr == CALL);
	} while (event.event != UT_SYSCALL_EXIT || event.nr != CALL);
	EXPECT_EQ(-EDOM, event.result);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(-EDOM, r);
}

/* A number that we change to is not filtered: seccomp has been asked before. */
TEST_F(peers, seccomp_sees_the_number_before_us)
{
	long r;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_filter, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ut_script(self->fd, (struct ut_script) {
		.engine = self->engine, .event = UT_SYSCALL_ENTRY, .action = UT_RESUME,
		.flags = UT_F_NR, .nr = __NR_getpid, .new_nr = CALL, .times = 1,
	});
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_getpid));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

/* --- other users of the tracepoint -------------------------------------------------------------------- */

static long do_calls(long *args)
{
	for (long i = 0; i < args[0]; i++)
		raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
	return 0;
}

/* Until it is told to end; gives how many there were. */
static long do_calls_on_and_on(long *args)
{
	long calls = 0;

	for (; !shared->flag[0]; calls++)
		raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
	return calls;
}

/* Counts the events of a call while others come and go. */
struct counter {
	pthread_t thread;
	int fd;
	volatile int entries, exits;
	volatile bool stop;
};

static void *count_main(void *arg)
{
	struct counter *counter = arg;
	struct ut_event event;

	for (;;) {
		int err = ut_next_within(counter->fd, &event, 10);

		if (err && counter->stop)
			return NULL;
		if (err || event.nr != CALL)
			continue;
		counter->entries += event.event == UT_SYSCALL_ENTRY;
		counter->exits += event.event == UT_SYSCALL_EXIT;
	}
}

#define TOGGLES	10

static void toggle_test(struct __test_metadata *_metadata, FIXTURE_DATA(peers) *self,
			const char *const *paths, int count)
{
	struct counter counter = { .fd = self->fd };
	long calls;

	ASSERT_EQ(0, pthread_create(&counter.thread, NULL, count_main, &counter));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_calls_on_and_on, 0));
	for (int toggle = 0; toggle < TOGGLES; toggle++) {
		int before = counter.entries;

		for (int i = 0; i < count; i++)
			ASSERT_EQ(0, put(paths[i], "1"));
		ASSERT_EQ(0, wait_until(counter.entries > before + 20));
		for (int i = 0; i < count; i++)
			ASSERT_EQ(0, put(paths[i], "0"));
		ASSERT_EQ(0, wait_until(counter.entries > before + 40));
	}
	shared->flag[0] = 1;
	ASSERT_EQ(0, tracee_result(&self->tracee, &calls));
	counter.stop = true;
	pthread_join(counter.thread, NULL);
	TH_LOG("%ld calls", calls);
	EXPECT_EQ(calls, counter.entries);
	EXPECT_EQ(calls, counter.exits);
}

TEST_F_TIMEOUT(peers, sys_enter_comes_and_goes, 120)
{
	static const char *const paths[] = { TRACEFS "events/raw_syscalls/sys_enter/enable" };

	toggle_test(_metadata, self, paths, 1);
}

TEST_F_TIMEOUT(peers, sys_enter_and_sys_exit_come_and_go, 120)
{
	static const char *const paths[] = {
		TRACEFS "events/raw_syscalls/sys_enter/enable",
		TRACEFS "events/raw_syscalls/sys_exit/enable",
	};

	toggle_test(_metadata, self, paths, 2);
}

TEST_F_TIMEOUT(peers, events_of_syscalls_come_and_go, 120)
{
	static const char *const paths[] = {
		TRACEFS "events/syscalls/sys_enter_getppid/enable",
		TRACEFS "events/syscalls/sys_exit_getppid/enable",
	};

	toggle_test(_metadata, self, paths, 2);
}

/*
 * The function tracer on trace_syscall_enter() shows whose work bit is set: only a thread with the
 * bit gets there.
 */
static int calls_of_untraced(struct __test_metadata *_metadata)
{
	char text[32];
	pid_t child;
	int count;

	EXPECT_EQ(0, trace_begin());
	child = fork();
	if (child == 0) {
		for (int i = 0; i < 10; i++)
			raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
		_exit(0);
	}
	EXPECT_NE(-1, wait_child(child));
	snprintf(text, sizeof(text), "-%d ", child);
	count = occurrences(text);
	return count;
}

TEST_F(peers, untraced_threads_pay_nothing)
{
	ASSERT_EQ(0, put(TRACEFS "set_ftrace_filter", "trace_syscall_enter"));
	ASSERT_EQ(0, put(TRACEFS "current_tracer", "function"));
	EXPECT_EQ(0, calls_of_untraced(_metadata));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, put(TRACEFS "events/raw_syscalls/sys_enter/enable", "1"));
		/* A line of the function and one of the event, for ten calls and exit_group. */
		EXPECT_GE(calls_of_untraced(_metadata), 22);
		ASSERT_EQ(0, put(TRACEFS "events/raw_syscalls/sys_enter/enable", "0"));
		EXPECT_EQ(0, calls_of_untraced(_metadata));
	}
	/* While ours is traced. */
	{
		long r;

		ut_drain(self->fd, 0, -1, -1);
		ASSERT_EQ(0, tracee_call(&self->tracee));
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
		EXPECT_EQ(1, ut_drain(self->fd, UT_SYSCALL_ENTRY, -1, CALL));
	}
}

static long do_fork_calls(long *args)
{
	pid_t child = fork();

	if (child == 0) {
		do_calls(args);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	return child;
}

/* A child of a traced thread without an engine of its own costs nothing, and others still see it. */
TEST_F(peers, untraced_child_of_a_traced_thread)
{
	char text[32];
	long r;

	ASSERT_EQ(0, put(TRACEFS "set_ftrace_filter", "trace_syscall_enter"));
	ASSERT_EQ(0, put(TRACEFS "current_tracer", "function"));
	ASSERT_EQ(0, trace_begin());
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork_calls, 10));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	snprintf(text, sizeof(text), "-%ld ", r);
	EXPECT_EQ(0, occurrences(text));
	snprintf(text, sizeof(text), "-%d ", self->tracee.pid);
	EXPECT_GT(occurrences(text), 0);
	ASSERT_EQ(0, put(TRACEFS "current_tracer", "nop"));

	ASSERT_EQ(0, put(TRACEFS "events/raw_syscalls/sys_enter/enable", "1"));
	ASSERT_EQ(0, trace_begin());
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork_calls, 10));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, put(TRACEFS "events/raw_syscalls/sys_enter/enable", "0"));
	snprintf(text, sizeof(text), "-%ld ", r);
	EXPECT_GE(occurrences(text), 11);
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_ENTRY, -1, __NR_exit));
}

/* Others' probes see the number that we changed it to. */
TEST_F(peers, tracepoint_sees_the_changed_number)
{
	char text[64];
	long r;

	ASSERT_EQ(0, put(TRACEFS "events/raw_syscalls/sys_enter/enable", "1"));
	ASSERT_EQ(0, trace_begin());
	ut_script(self->fd, (struct ut_script) {
		.engine = self->engine, .event = UT_SYSCALL_ENTRY, .action = UT_RESUME,
		.flags = UT_F_NR, .nr = CALL, .new_nr = __NR_getpid, .times = 1,
	});
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(self->tracee.pid, r);
	ASSERT_EQ(0, put(TRACEFS "events/raw_syscalls/sys_enter/enable", "0"));
	snprintf(text, sizeof(text), "NR %d (", __NR_getpid);
	EXPECT_EQ(1, occurrences(text));
}

/* --- other users of the functions ----------------------------------------------------------------------- */

static void expect_all_reported(struct __test_metadata *_metadata, FIXTURE_DATA(peers) *self)
{
	struct tracee tracee = tracee_start();
	int engine = ut_attach(self->fd, tracee.pid, UT_SYSCALL_ENTRY | UT_EXIT | UT_REAP);
	struct ut_event event;
	long r;

	ASSERT_EQ(0, tracee_call(&tracee));
	ASSERT_EQ(0, tracee_result(&tracee, &r));
	EXPECT_EQ(getpid(), r);
	ASSERT_EQ(0, tracee_run(&tracee, do_exit_group, 3));
	EXPECT_TRUE(ended_with(tracee_status(&tracee), 3));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, engine, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, engine, UT_EXIT, -1));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, engine, UT_REAP, -1));
}

TEST_F(peers, function_tracer_on_the_same_functions)
{
	ASSERT_EQ(0, put(TRACEFS "set_ftrace_filter", "trace_syscall_enter do_exit pidfs_exit"));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, put(TRACEFS "current_tracer", "function"));
		ASSERT_EQ(0, trace_begin());
		expect_all_reported(_metadata, self);
		EXPECT_GT(occurrences("do_exit"), 0);
		EXPECT_GT(occurrences("trace_syscall_enter"), 0);
		ASSERT_EQ(0, put(TRACEFS "current_tracer", "nop"));
		expect_all_reported(_metadata, self);
	}
}

TEST_F(peers, kprobes_on_the_same_functions)
{
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, put(TRACEFS "kprobe_events",
				 "p:kprobes/ut_exit do_exit\np:kprobes/ut_enter trace_syscall_enter\n"));
		ASSERT_EQ(0, put(TRACEFS "events/kprobes/enable", "1"));
		ASSERT_EQ(0, trace_begin());
		expect_all_reported(_metadata, self);
		EXPECT_GT(occurrences("ut_exit:"), 0);
		EXPECT_GT(occurrences("ut_enter:"), 0);
		ASSERT_EQ(0, put(TRACEFS "events/kprobes/enable", "0"));
		ASSERT_EQ(0, put(TRACEFS "kprobe_events", " "));
		expect_all_reported(_metadata, self);
	}
}

TEST_HARNESS_MAIN
