// SPDX-License-Identifier: GPL-2.0
/*
 * What an engine can do with a system call, and calls out of the ordinary: restarted, 32-bit,
 * without such a number, exec and vfork.
 */
#include <linux/audit.h>

#include "ut.h"
#include "kselftest_harness.h"

FIXTURE(syscalls)
{
	struct tracee tracee;
	int fd, engine;
};

FIXTURE_SETUP(syscalls)
{
	self->fd = UT_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	self->engine = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT);
	ASSERT_GE(self->engine, 0);
}

FIXTURE_TEARDOWN(syscalls)
{
	shared->flag[0] = 1;
	tracee_end(&self->tracee);
	close(self->fd);
}

static int script(FIXTURE_DATA(syscalls) *self, struct ut_script script)
{
	script.engine = self->engine;
	if (!script.event)
		script.event = UT_SYSCALL_ENTRY;
	if (!script.nr)
		script.nr = CALL;
	script.times = 1;
	return ut_script(self->fd, script);
}

static long result(struct __test_metadata *_metadata, FIXTURE_DATA(syscalls) *self)
{
	long r = 0;

	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
	return r;
}

TEST_F(syscalls, abort_with_a_result)
{
	static const long results[] = { 0, 4711, -EPERM, -ENOSYS, -4095, -4096, 1L << 40, -1L };
	char path[64];

	snprintf(path, sizeof(path), "/tmp/ut-syscalls-%d", getpid());
	for (int i = 0; i < 8; i++) {
		struct ut_event event;

		script(self, (struct ut_script) {
			.action = UT_RESUME, .flags = UT_F_ABORT, .nr = __NR_mkdir, .result = results[i],
		});
		ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_mkdir, (long)path, 0700));
		EXPECT_EQ(results[i], result(_metadata, self));
		EXPECT_FALSE(exists(path));
		/* The exit is reported, with the number gone. */
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_mkdir));
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, -1));
		EXPECT_EQ(-1, event.nr);
		EXPECT_EQ(results[i], event.result);
	}
}

TEST_F(syscalls, abort_by_default)
{
	script(self, (struct ut_script) { .action = UT_RESUME, .flags = UT_F_ABORT | UT_F_DEFAULT });
	ASSERT_EQ(0, tracee_call(&self->tracee));
	EXPECT_EQ(-ENOSYS, result(_metadata, self));
}

TEST_F(syscalls, abort_and_stop)
{
	struct ut_event event;

	script(self, (struct ut_script) { .action = UT_STOP, .flags = UT_F_ABORT, .result = -EDOM });
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_EQ(-EDOM, result(_metadata, self));
}

TEST_F(syscalls, number_changed)
{
	script(self, (struct ut_script) { .action = UT_RESUME, .flags = UT_F_NR, .new_nr = __NR_getpid });
	ASSERT_EQ(0, tracee_call(&self->tracee));
	EXPECT_EQ(self->tracee.pid, result(_metadata, self));
}

TEST_F(syscalls, number_changed_to_none)
{
	script(self, (struct ut_script) { .action = UT_RESUME, .flags = UT_F_NR, .new_nr = 9999 });
	ASSERT_EQ(0, tracee_call(&self->tracee));
	EXPECT_EQ(-ENOSYS, result(_metadata, self));
	script(self, (struct ut_script) { .action = UT_RESUME, .flags = UT_F_NR, .new_nr = -1 });
	ASSERT_EQ(0, tracee_call(&self->tracee));
	EXPECT_EQ(-ENOSYS, result(_metadata, self));
}

static long do_pwrite(long *args)
{
	static const char text[] = "abcdefgh";
	int fd = memfd_create("ut", 0);
	long n = raw_syscall(__NR_pwrite64, fd, (long)text, 4, 0, 0, 0);
	char back[8] = "";

	pread(fd, back, sizeof(back), 0);
	close(fd);
	if (n == 2 && !memcmp(back, "gh", 3))
		return 1;
	return n == 4 && !memcmp(back, "abcd", 5) ? 2 : -1;
}

TEST_F(syscalls, arguments_changed)
{
	struct ut_event event;
	struct ut_script change = { .action = UT_RESUME, .nr = __NR_pwrite64, .flags = UT_F_ARGS };

	/* As it is first, to see the arguments. */
	ASSERT_EQ(0, tracee_run(&self->tracee, do_pwrite, 0));
	EXPECT_EQ(2, result(_metadata, self));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_pwrite64));
	EXPECT_EQ(4, event.args[2]);
	memcpy(change.args, event.args, sizeof(change.args));
	change.args[1] += 6;
	change.args[2] = 2;
	script(self, change);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_pwrite, 0));
	EXPECT_EQ(1, result(_metadata, self));
}

TEST_F(syscalls, result_changed_at_exit)
{
	script(self, (struct ut_script) {
		.event = UT_SYSCALL_EXIT, .action = UT_RESUME, .flags = UT_F_RESULT, .result = -EXDEV,
	});
	ASSERT_EQ(0, tracee_call(&self->tracee));
	EXPECT_EQ(-EXDEV, result(_metadata, self));
	script(self, (struct ut_script) {
		.event = UT_SYSCALL_EXIT, .action = UT_STOP, .flags = UT_F_RESULT, .result = 1L << 50,
	});
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, 0));
	EXPECT_EQ(1L << 50, result(_metadata, self));
}

TEST_F(syscalls, no_such_number)
{
	static const int numbers[] = { 9999, 600, 2000, 0x7fffffff };

	for (int i = 0; i < 4; i++) {
		struct ut_event event;

		ASSERT_EQ(0, tracee_syscall(&self->tracee, numbers[i]));
		EXPECT_EQ(-ENOSYS, result(_metadata, self));
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, numbers[i]));
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, numbers[i]));
		EXPECT_EQ(-ENOSYS, event.result);
	}
}

/* Given to the kernel as -1: not ours, and not an abort. */
TEST_F(syscalls, number_minus_one)
{
	ASSERT_EQ(0, tracee_syscall(&self->tracee, -1));
	EXPECT_EQ(-ENOSYS, result(_metadata, self));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	EXPECT_EQ(getpid(), result(_metadata, self));
}

/* --- the entry reported again ----------------------------------------------------------------------- */

static void again(struct __test_metadata *_metadata, FIXTURE_DATA(syscalls) *self, unsigned int action)
{
	struct ut_event event;
	int changer;

	/* Called before ours: what it changes while the thread is stopped here ours sees again. */
	changer = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY | UT_QUIESCE);
	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, UT_SYSCALL_ENTRY | UT_QUIESCE));
	script(self, (struct ut_script) { .action = UT_STOP });
	ut_on(self->fd, changer, UT_SYSCALL_ENTRY, CALL, UT_RESUME, 0, 1);
	ut_script(self->fd, (struct ut_script) {
		.engine = changer, .event = UT_SYSCALL_ENTRY, .action = UT_RESUME, .flags = UT_F_NR,
		.nr = CALL, .new_nr = __NR_getpid, .times = 1,
	});
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, CALL));
	EXPECT_EQ(0, event.resumed);
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ut_drain(self->fd, 0, -1, -1);
	EXPECT_EQ(0, ut_control(self->fd, self->engine, action));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, changer, UT_SYSCALL_ENTRY, CALL));
	EXPECT_EQ(1, event.resumed);
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, __NR_getpid));
	EXPECT_EQ(1, event.resumed);
	EXPECT_EQ(self->tracee.pid, result(_metadata, self));
}

TEST_F(syscalls, reported_again_after_report) { again(_metadata, self, UT_REPORT); }
TEST_F(syscalls, reported_again_after_interrupt) { again(_metadata, self, UT_INTERRUPT); }

TEST_F(syscalls, not_reported_again_after_resume)
{
	struct ut_event event;

	script(self, (struct ut_script) { .action = UT_STOP });
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_EQ(getpid(), result(_metadata, self));
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_ENTRY, -1, CALL));
}

/* Several times, each a stop with a ticket of its own; an abort of the last round counts. */
TEST_F(syscalls, reported_again_and_again)
{
	struct ut_event event;
	__u64 last = 0;

	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, UT_SYSCALL_ENTRY | UT_QUIESCE));
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 5);
	script(self, (struct ut_script) { .action = UT_RESUME, .flags = UT_F_ABORT, .result = 5 });
	ASSERT_EQ(0, tracee_call(&self->tracee));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
		EXPECT_EQ(i > 0, event.resumed);
		EXPECT_NE(last, event.ticket);
		last = event.ticket;
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
		EXPECT_EQ(0, ut_control(self->fd, self->engine, UT_REPORT));
		EXPECT_EQ(-ESTALE, ut_resume(self->fd, self->engine, last));
	}
	EXPECT_EQ(5, result(_metadata, self));
}

/* --- restarted calls ---------------------------------------------------------------------------------- */

TEST_F(syscalls, sleep_restarted_after_a_stop)
{
	static const struct timespec half = { .tv_nsec = 300000000 };
	struct ut_event event;

	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_nanosleep, (long)&half, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_nanosleep));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGSTOP));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'T'));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGCONT));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, __NR_nanosleep));
	EXPECT_EQ(-516, event.result);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_restart_syscall));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, __NR_restart_syscall));
	EXPECT_EQ(0, event.result);
	EXPECT_EQ(0, result(_metadata, self));
}

TEST_F(syscalls, restart_stopped_and_aborted)
{
	static const struct timespec long_time = { .tv_sec = 1000 };
	struct ut_event event;

	script(self, (struct ut_script) {
		.nr = __NR_restart_syscall, .action = UT_STOP, .flags = UT_F_ABORT, .result = -EDOM,
	});
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_nanosleep, (long)&long_time, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_nanosleep));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGSTOP));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'T'));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGCONT));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_restart_syscall));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_EQ(-EDOM, result(_metadata, self));
}

static void on_usr1(int sig)
{
	shared->count[1]++;
}

/* poll() without a handler's SA_RESTART: -EINTR; the handler's own return is a call, too. */
static long do_wait_for_usr1(long *args)
{
	struct sigaction action = { .sa_handler = on_usr1 };

	sigaction(SIGUSR1, &action, NULL);
	return raw_syscall(__NR_poll, 0, 0, -1, 0, 0, 0);
}

TEST_F(syscalls, call_ended_by_a_handler)
{
	struct ut_event event;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_wait_for_usr1, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_poll));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	/* Parked in the call that ends the handler, with the registers of the handler. */
	script(self, (struct ut_script) { .nr = __NR_rt_sigreturn, .action = UT_STOP });
	ASSERT_EQ(0, kill(self->tracee.pid, SIGUSR1));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_rt_sigreturn));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(1, shared->count[1]);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_EQ(-EINTR, result(_metadata, self));
}

/* --- exec, vfork ---------------------------------------------------------------------------------------- */

static long do_exec(long *args)
{
	execl((char *)args[0], "true", NULL);
	return -errno;
}

TEST_F(syscalls, exec)
{
	struct ut_event event;

	ASSERT_EQ(0, ut_set_events(self->fd, self->engine,
			   UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT | UT_EXEC));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exec, (long)"/no/such/program"));
	EXPECT_EQ(-ENOENT, result(_metadata, self));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_execve));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, __NR_execve));
	EXPECT_EQ(-ENOENT, event.result);
	EXPECT_EQ(0, ut_drain(self->fd, UT_EXEC, -1, -1));

	ASSERT_EQ(0, tracee_run(&self->tracee, do_exec, (long)"/bin/busybox"));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_execve));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_EXEC, -1));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, -1));
	EXPECT_EQ(__NR_execve, event.nr);
	EXPECT_EQ(0, event.result);
	/* The new program's calls. */
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, __NR_exit_group));
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 0));
}

static long do_vfork(long *args)
{
	pid_t child = vfork();

	if (child == 0) {
		shared->flag[1] = 1;
		_exit(3);
	}
	return child;
}

/* The parent's stop is made when it gets to user mode: after the child let go of its memory. */
TEST_F(syscalls, vfork_parent_stops_after_the_child_is_done)
{
	struct ut_event event;

	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, UT_CLONE));
	ut_on(self->fd, self->engine, UT_CLONE, -1, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_vfork, 0));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_CLONE, -1));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(1, shared->flag[1]);
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_EQ(event.child, result(_metadata, self));
}

/* --- 32-bit calls ---------------------------------------------------------------------------------------- */

/* calls32 makes three calls, and says with its status which of them gave what the test wants. */
TEST_F(syscalls, calls_of_a_32_bit_program)
{
	struct ut_event event;
	ssize_t n = readlink("/proc/self/exe", shared->text, sizeof(shared->text) - 16);

	ASSERT_GT(n, 0);
	strcpy(strrchr(shared->text, '/') + 1, "calls32");
	if (!exists(shared->text))
		SKIP(return, "calls32 is not there: the compiler makes no 32-bit programs");
	script(self, (struct ut_script) {
		.nr = 20, .action = UT_RESUME, .flags = UT_F_ABORT, .result = -EDOM,
	});
	script(self, (struct ut_script) {
		.nr = 64, .action = UT_STOP, .flags = UT_F_NR, .new_nr = 20,
	});
	script(self, (struct ut_script) { .nr = 132, .action = UT_RESUME, .flags = UT_F_ARGS });
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exec, (long)shared->text));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, 20));
	EXPECT_EQ(AUDIT_ARCH_I386, event.arch);
	EXPECT_EQ(0xfffffff1, event.args[0]);
	for (int i = 1; i < 6; i++)
		EXPECT_EQ(i + 1, event.args[i]);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, -1));
	EXPECT_EQ(AUDIT_ARCH_I386, event.arch);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, 64));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 7));
}

TEST_F(syscalls, arch_of_a_64_bit_call)
{
	struct ut_event event;

	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	EXPECT_EQ(AUDIT_ARCH_X86_64, event.arch);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, CALL));
	EXPECT_EQ(AUDIT_ARCH_X86_64, event.arch);
}

TEST_HARNESS_MAIN
