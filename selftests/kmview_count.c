// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions that count calls.
 */
#include <linux/futex.h>

#include "km.h"
#include "kselftest_harness.h"

#define OTHERS	512

static int counts(int fd, unsigned int abi, unsigned int first, unsigned int n, struct kmview_count *to)
{
	struct kmview_counts request = {
		.abi = abi, .first = first, .nr_counts = n, .counts = (unsigned long)to,
		.count_size = sizeof(*to),
	};

	return km_ioctl(fd, KMVIEW_COUNTS, &request);
}

static struct kmview_count count_of(int fd, unsigned int nr)
{
	struct kmview_count count = { .calls = ~0ULL };

	counts(fd, KMVIEW_ABI_NATIVE, nr, 1, &count);
	return count;
}

static int count_calls(int fd, int nr)
{
	return km_select(fd, KMVIEW_CALLS_COUNT, KMVIEW_ABI_NATIVE, nr);
}

FIXTURE(count)
{
	struct tracee tracee;
	struct kmview_event event;
	int fd;
	__u64 thread;
};

FIXTURE_SETUP(count)
{
	long parent;

	self->fd = KM_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	ASSERT_EQ(0, km_attach(self->fd, self->tracee.pid, 0, &self->thread));
	ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_NEW));
	/* It has done what it does at first. */
	ASSERT_EQ(0, tracee_syscall(&self->tracee, CALL));
	ASSERT_EQ(0, tracee_result(&self->tracee, &parent));
}

FIXTURE_TEARDOWN(count)
{
	tracee_end(&self->tracee);
	close(self->fd);
}

#define NEXT(kind) ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_##kind))

#define EXPECT_COUNT(nr, expected_calls, expected_returns, expected_errors) do {	\
	struct kmview_count _c = count_of(self->fd, nr);			\
	EXPECT_EQ(expected_calls, _c.calls);					\
	EXPECT_EQ(expected_returns, _c.returns);				\
	EXPECT_EQ(expected_errors, _c.errors);					\
	EXPECT_LE(_c.longest, _c.time);						\
} while (0)

TEST_F(count, what_is_asked_for)
{
	struct kmview_count none[OTHERS + 1];
	struct kmview_info info;

	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_INFO, &info));
	EXPECT_TRUE(info.features & KMVIEW_FEATURE_COUNT);
	EXPECT_EQ(OTHERS, info.max_calls);
	EXPECT_EQ(-EINVAL, counts(self->fd, KMVIEW_ABI_NATIVE, 0, 1, none));
	ASSERT_EQ(0, count_calls(self->fd, __NR_close));
	EXPECT_EQ(0, counts(self->fd, KMVIEW_ABI_NATIVE, 0, OTHERS + 1, none));
	EXPECT_EQ(0, counts(self->fd, KMVIEW_ABI_COMPAT, OTHERS, 1, none));
	EXPECT_EQ(0, counts(self->fd, KMVIEW_ABI_NATIVE, OTHERS + 1, 0, NULL));
	EXPECT_EQ(-EINVAL, counts(self->fd, KMVIEW_ABI_NATIVE, 1, OTHERS + 1, none));
	EXPECT_EQ(-EINVAL, counts(self->fd, KMVIEW_ABI_NATIVE, ~0U, 2, none));
	EXPECT_EQ(-EINVAL, counts(self->fd, 2, 0, 1, none));
	EXPECT_EQ(-EFAULT, counts(self->fd, KMVIEW_ABI_NATIVE, 0, 1, NULL));
}

TEST_F(count, calls_and_their_errors)
{
	ASSERT_EQ(0, count_calls(self->fd, __NR_close));
	for (int i = 0; i < 10; i++)
		MAKE(__NR_close, i < 7 ? -1 : MAKE(__NR_dup, 1));
	MAKE(__NR_getppid);
	EXPECT_COUNT(__NR_close, 10, 10, 7);
	EXPECT_COUNT(__NR_getppid, 0, 0, 0);
	EXPECT_COUNT(__NR_dup, 0, 0, 0);
	EXPECT_TRUE(km_quiet(self->fd));
	/* From here on another one. */
	ASSERT_EQ(0, count_calls(self->fd, __NR_getppid));
	MAKE(__NR_close, -1);
	MAKE(__NR_getppid);
	EXPECT_COUNT(__NR_close, 10, 10, 7);
	EXPECT_COUNT(__NR_getppid, 1, 1, 0);
}

TEST_F(count, unknown_calls)
{
	ASSERT_EQ(0, count_calls(self->fd, -2));
	MAKE(5000);
	MAKE(6000);
	EXPECT_COUNT(OTHERS, 2, 2, 2);
}

TEST_F(count, time)
{
	struct timespec *time = (void *)shared->text;
	struct kmview_count count;

	ASSERT_EQ(0, count_calls(self->fd, __NR_nanosleep));
	*time = (struct timespec) { .tv_nsec = 20 * 1000 * 1000 };
	MAKE(__NR_nanosleep, (long)time, 0);
	count = count_of(self->fd, __NR_nanosleep);
	EXPECT_LE(20ULL * 1000 * 1000, count.time);
	EXPECT_EQ(count.longest, count.time);
	time->tv_nsec = 1000;
	MAKE(__NR_nanosleep, (long)time, 0);
	EXPECT_LT(count.time, count_of(self->fd, __NR_nanosleep).time);
	EXPECT_LE(20ULL * 1000 * 1000, count_of(self->fd, __NR_nanosleep).longest);
}

static void *call_often(void *arg)
{
	for (int i = 0; i < 1000; i++)
		raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
	return NULL;
}

static long many_threads(long *args)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, call_often, NULL))
			return -1;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

TEST_F(count, threads_that_are_gone)
{
	ASSERT_EQ(0, count_calls(self->fd, CALL));
	ASSERT_EQ(0, tracee_run(&self->tracee, many_threads, 0));
	ASSERT_EQ(0, RESULT());
	EXPECT_COUNT(CALL, 4000, 4000, 0);
}

static int exit_by_hand(void)
{
	raw_syscall(__NR_exit_group, 0, 0, 0, 0, 0, 0);
	return 1;
}

static int exec_true(void)
{
	execl("/bin/busybox", "busybox", "true", NULL);
	return 1;
}

static long do_exec(long *args)
{
	return exec_true();
}

TEST_F(count, what_does_not_come_back)
{
	pid_t pid;

	ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_COUNT, KMVIEW_ABI_NATIVE, -2));
	pid = km_fork(self->fd, &self->event, exit_by_hand);
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_COUNT(__NR_exit_group, 1, 0, 0);
	NEXT(END);
	/* An exec does, elsewhere. */
	pid = km_fork(self->fd, &self->event, exec_true);
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_COUNT(__NR_execve, 1, 1, 0);
}

/* What began as a counted call is over when the set has none any more: it is no other one's time. */
TEST_F(count, set_changed_during_a_call)
{
	const int next[] = { __NR_getppid, __NR_futex };

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, km_returns(self->fd, -1));
		ASSERT_EQ(0, count_calls(self->fd, __NR_futex));
		ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_futex, (long)shared->flag, FUTEX_WAIT, 0, 0));
		ASSERT_EQ(0, wait_until(count_of(self->fd, __NR_futex).calls == (unsigned int)i + 1));
		/* Its end is not heard, that of the next call is: another one, or one like it. */
		ASSERT_EQ(0, count_calls(self->fd, -1));
		ASSERT_EQ(0, wait_until(syscall(__NR_futex, shared->flag, FUTEX_WAKE, 1) == 1));
		RESULT();
		ASSERT_EQ(0, km_returns(self->fd, next[i]));
		ASSERT_EQ(0, tracee_syscall(&self->tracee, next[i], (long)shared->flag, FUTEX_WAIT, 1, 0));
		NEXT(RETURN);
		ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
		RESULT();
		EXPECT_COUNT(__NR_futex, i + 1, 0, 0);
	}
	/* Nor is what began while it was not in the set, though it is when that ends. */
	ASSERT_EQ(0, count_calls(self->fd, __NR_futex));
	ASSERT_EQ(0, km_returns(self->fd, -1));
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_futex, (long)shared->flag, FUTEX_WAIT, 0, 0));
	ASSERT_EQ(0, wait_until(count_of(self->fd, __NR_futex).calls == 3));
	ASSERT_EQ(0, count_calls(self->fd, -1));
	ASSERT_EQ(0, wait_until(syscall(__NR_futex, shared->flag, FUTEX_WAKE, 1) == 1));
	RESULT();
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_futex, (long)shared->flag, FUTEX_WAIT, 0, 0));
	/* When it has been moved, it is there. */
	ASSERT_EQ(0, wait_until(syscall(__NR_futex, shared->flag, FUTEX_CMP_REQUEUE, 0, 1,
					shared->flag + 1, 0) == 1));
	ASSERT_EQ(0, count_calls(self->fd, __NR_futex));
	ASSERT_EQ(1, syscall(__NR_futex, shared->flag + 1, FUTEX_WAKE, 1));
	RESULT();
	EXPECT_COUNT(__NR_futex, 3, 0, 0);
	/* Counted again, with nothing left of those. */
	ASSERT_EQ(0, count_calls(self->fd, __NR_getppid));
	MAKE(__NR_getppid);
	EXPECT_COUNT(__NR_getppid, 1, 1, 0);
	EXPECT_COUNT(__NR_futex, 3, 0, 0);
}

TEST_F(count, only_what_names_a_chosen_descriptor)
{
	struct kmview_fds fds = { .thread = self->thread, .op = KMVIEW_FDS_ADD, .fd = 1 };

	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_SET_FDS, &fds));
	ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_FD, KMVIEW_ABI_NATIVE, __NR_lseek));
	ASSERT_EQ(0, count_calls(self->fd, __NR_lseek));
	MAKE(__NR_lseek, 0, 0, SEEK_CUR);
	MAKE(__NR_lseek, 1, 0, SEEK_CUR);
	MAKE(__NR_lseek, 900, 0, SEEK_CUR);
	EXPECT_EQ(1, count_of(self->fd, __NR_lseek).calls);
	EXPECT_EQ(1, count_of(self->fd, __NR_lseek).returns);
}

/* Another session, which came earlier, and so answers later, makes the call another one, or none. */
TEST_F(count, replaced_by_another_session)
{
	struct kmview_answer answer = { .action = KMVIEW_SKIP, .result = 42 };
	struct kmview_event event;
	int later = KM_OPEN();

	ASSERT_EQ(0, km_attach(later, self->tracee.pid, 0, NULL));
	ASSERT_EQ(0, km_next(later, &event, KMVIEW_EVENT_NEW));
	ASSERT_EQ(0, km_entries(self->fd, __NR_close));
	ASSERT_EQ(0, count_calls(later, __NR_close));
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_close, -1));
	NEXT(ENTRY);
	answer.ticket = self->event.ticket;
	ASSERT_EQ(0, km_answer(self->fd, answer));
	EXPECT_EQ(42, RESULT());
	EXPECT_EQ(1, count_of(later, __NR_close).calls);
	EXPECT_EQ(0, count_of(later, __NR_close).returns);
	/* It is counted and waits, in one session. */
	ASSERT_EQ(0, count_calls(self->fd, __NR_close));
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_close, -1));
	NEXT(ENTRY);
	EXPECT_COUNT(__NR_close, 1, 0, 0);
	ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
	EXPECT_EQ(-EBADF, RESULT());
	EXPECT_COUNT(__NR_close, 1, 1, 1);
	EXPECT_EQ(2, count_of(later, __NR_close).calls);
	EXPECT_EQ(1, count_of(later, __NR_close).returns);
	/* One that was not made does not come back as another program either. */
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_close, -1));
	NEXT(ENTRY);
	answer.ticket = self->event.ticket;
	ASSERT_EQ(0, km_answer(self->fd, answer));
	EXPECT_EQ(42, RESULT());
	ASSERT_EQ(0, km_entries(self->fd, -1));
	ASSERT_EQ(0, km_returns(later, __NR_execve));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exec, 0));
	ASSERT_EQ(0, km_next(later, &event, KMVIEW_EVENT_RETURN));
	EXPECT_EQ(3, count_of(later, __NR_close).calls);
	EXPECT_EQ(1, count_of(later, __NR_close).returns);
	close(later);
}

TEST_HARNESS_MAIN
