// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions that select calls by the descriptors and the paths that they name.
 */
#include <linux/close_range.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "km.h"
#include "kselftest_harness.h"

/* Replaces a set of native calls by those that are listed, up to a negative number. */
static int set_calls(int fd, unsigned int what, ...)
{
	__u64 bitmap[8] = { 0 };
	struct kmview_calls calls = {
		.what = what, .bitmap = (unsigned long)bitmap, .bits = 512,
	};
	va_list list;
	int nr;

	va_start(list, what);
	while ((nr = va_arg(list, int)) >= 0)
		bitmap[nr / 64] |= 1ULL << nr % 64;
	va_end(list);
	return km_ioctl(fd, KMVIEW_SET_CALLS, &calls);
}

static int set_fds(int session, __u64 thread, unsigned int op, int fd)
{
	struct kmview_fds fds = { .thread = thread, .op = op, .fd = fd };

	return km_ioctl(session, KMVIEW_SET_FDS, &fds);
}

static int set_paths(int session, const char *paths, unsigned int size)
{
	struct kmview_paths request = { .paths = (unsigned long)paths, .size = size };

	return km_ioctl(session, KMVIEW_SET_PATHS, &request);
}

/*
 * The tracee makes USE, which is selected when a descriptor or path that it names is: fsync() for
 * descriptors, readlinkat() for paths.
 */
FIXTURE(filters)
{
	struct tracee tracee;
	struct kmview_event event;
	int fd;
	__u64 thread;
};

static long do_setup(long *args)
{
	struct rlimit limit = { 4096, 4096 };
	int null = open("/dev/null", O_RDWR);

	if (setrlimit(RLIMIT_NOFILE, &limit))
		return -1;
	mkdir("/tmp", 0777);
	mkdir("/tmp/a", 0777);
	return chdir("/tmp") || dup2(null, 10) != 10 || dup2(null, 11) != 11 || close(null);
}

FIXTURE_SETUP(filters)
{
	long result;

	self->fd = KM_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_setup, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &result));
	ASSERT_EQ(0, result);
	ASSERT_EQ(0, km_attach(self->fd, self->tracee.pid, 0, &self->thread));
	ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_NEW));
}

FIXTURE_TEARDOWN(filters)
{
	tracee_end(&self->tracee);
	close(self->fd);
}

#define NEXT(kind) ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_##kind))
#define RUN() ASSERT_EQ(0, km_run(self->fd, self->event.ticket))
#define ADD(number) ASSERT_EQ(0, set_fds(self->fd, self->thread, KMVIEW_FDS_ADD, number))

/* Whether a call of the tracee is an event. It is let go on. */
#define IS_EVENT(...) ({							\
	struct pollfd _p[2] = { { .fd = self->fd, .events = POLLIN },		\
				{ .fd = self->tracee.result, .events = POLLIN } }; \
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __VA_ARGS__));		\
	ASSERT_LT(0, poll(_p, 2, DEADLINE_MS));					\
	if (_p[0].revents) {							\
		NEXT(ENTRY);							\
		RUN();								\
	}									\
	RESULT();								\
	_p[0].revents != 0;							\
})

#define SELECTED(fd) IS_EVENT(__NR_fsync, fd)

/* --- descriptors ------------------------------------------------------------------------------- */

#define BY_FD() do {								\
	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_ENTRY, __NR_fsync, __NR_poll, -1)); \
	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_FD, __NR_fsync, __NR_poll, -1)); \
} while (0)

TEST_F(filters, chosen_descriptors)
{
	struct kmview_info info;

	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_INFO, &info));
	EXPECT_TRUE(info.features & KMVIEW_FEATURE_FD_FILTER);
	EXPECT_TRUE(info.features & KMVIEW_FEATURE_PATH_FILTER);
	BY_FD();
	EXPECT_FALSE(SELECTED(10));
	EXPECT_EQ(-ESRCH, set_fds(self->fd, self->thread + 1, KMVIEW_FDS_ADD, 10));
	EXPECT_EQ(-EBADF, set_fds(self->fd, self->thread, KMVIEW_FDS_ADD, -1));
	for (int fd = 1024; fd < 1024 + 16384; fd++)
		ASSERT_EQ(0, set_fds(self->fd, self->thread, KMVIEW_FDS_ADD, fd));
	EXPECT_EQ(-ENOSPC, set_fds(self->fd, self->thread, KMVIEW_FDS_ADD, 1000000));
	EXPECT_EQ(0, set_fds(self->fd, self->thread, KMVIEW_FDS_ADD, 1024));
	ASSERT_EQ(0, set_fds(self->fd, self->thread, KMVIEW_FDS_CLEAR, 0));
	EXPECT_EQ(-EINVAL, set_fds(self->fd, self->thread, 0, 10));
	EXPECT_EQ(-EINVAL, set_fds(self->fd, self->thread, KMVIEW_FDS_CLEAR, 1));
	ADD(10);
	ADD(2000);
	ADD(3000);
	EXPECT_TRUE(SELECTED(10));
	EXPECT_FALSE(SELECTED(11));
	EXPECT_FALSE(SELECTED(-1));
	EXPECT_TRUE(SELECTED(2000));
	EXPECT_FALSE(SELECTED(2001));
	ASSERT_EQ(0, set_fds(self->fd, self->thread, KMVIEW_FDS_REMOVE, 2000));
	EXPECT_FALSE(SELECTED(2000));
	EXPECT_TRUE(SELECTED(3000));
	/* Descriptors in memory: any of those that there are. */
	EXPECT_TRUE(IS_EVENT(__NR_poll, 0, 0, 0));
	ASSERT_EQ(0, set_fds(self->fd, self->thread, KMVIEW_FDS_CLEAR, 0));
	EXPECT_FALSE(IS_EVENT(__NR_poll, 0, 0, 0));
	EXPECT_FALSE(SELECTED(10));
	EXPECT_FALSE(SELECTED(3000));
	/* What is in no such set is selected whatever it names. */
	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_FD, -1));
	EXPECT_TRUE(SELECTED(10));
}

TEST_F(filters, duplicates_are_selected)
{
	long fd;

	BY_FD();
	ADD(10);
	fd = MAKE(__NR_dup, 10);
	ASSERT_GT(fd, 2);
	EXPECT_TRUE(SELECTED(fd));
	fd = MAKE(__NR_dup, fd);
	EXPECT_TRUE(SELECTED(fd));
	EXPECT_EQ(20, MAKE(__NR_fcntl, 10, F_DUPFD, 20));
	EXPECT_TRUE(SELECTED(20));
	EXPECT_EQ(21, MAKE(__NR_fcntl, 10, F_DUPFD_CLOEXEC, 20));
	EXPECT_TRUE(SELECTED(21));
	EXPECT_EQ(0, MAKE(__NR_fcntl, 10, F_GETFD, 0));
	EXPECT_FALSE(SELECTED(0));
	EXPECT_EQ(30, MAKE(__NR_dup2, 10, 30));
	EXPECT_TRUE(SELECTED(30));
	EXPECT_EQ(31, MAKE(__NR_dup3, 10, 31, O_CLOEXEC));
	EXPECT_TRUE(SELECTED(31));
	EXPECT_EQ(2000, MAKE(__NR_dup2, 10, 2000));
	EXPECT_TRUE(SELECTED(2000));
	/* Of another one. */
	fd = MAKE(__NR_dup, 11);
	ASSERT_GT(fd, 2);
	EXPECT_FALSE(SELECTED(fd));
}

TEST_F(filters, closed_ones_are_not)
{
	BY_FD();
	for (int fd = 30; fd < 40; fd++)
		ASSERT_EQ(fd, MAKE(__NR_dup2, 11, fd));
	ASSERT_EQ(2000, MAKE(__NR_dup2, 11, 2000));
	for (int fd = 30; fd < 40; fd++)
		ADD(fd);
	ADD(2000);
	EXPECT_EQ(0, MAKE(__NR_close, 30));
	EXPECT_FALSE(SELECTED(30));
	/* Its number means another one now. */
	ASSERT_EQ(30, MAKE(__NR_dup2, 11, 30));
	EXPECT_FALSE(SELECTED(30));
	ASSERT_EQ(31, MAKE(__NR_dup2, 11, 31));
	EXPECT_FALSE(SELECTED(31));
	/* These do nothing. */
	EXPECT_EQ(32, MAKE(__NR_dup2, 32, 32));
	EXPECT_TRUE(SELECTED(32));
	EXPECT_EQ(-EBADF, MAKE(__NR_dup2, 999, 33));
	EXPECT_TRUE(SELECTED(33));
	EXPECT_EQ(-EINVAL, MAKE(__NR_dup3, 11, 34, 1));
	EXPECT_TRUE(SELECTED(34));
	EXPECT_EQ(-EINVAL, MAKE(__NR_dup3, 32, 34, 1));
	EXPECT_TRUE(SELECTED(34));
	EXPECT_EQ(0, MAKE(__NR_close_range, 34, 36, CLOSE_RANGE_CLOEXEC));
	EXPECT_EQ(-EINVAL, MAKE(__NR_close_range, 36, 34, 0));
	EXPECT_TRUE(SELECTED(35));
	EXPECT_EQ(0, MAKE(__NR_close_range, 34, 36, 0));
	EXPECT_TRUE(SELECTED(33));
	EXPECT_FALSE(SELECTED(34));
	EXPECT_FALSE(SELECTED(36));
	EXPECT_TRUE(SELECTED(37));
	EXPECT_TRUE(SELECTED(2000));
	EXPECT_EQ(0, MAKE(__NR_close_range, 38, ~0U, 0));
	EXPECT_TRUE(SELECTED(37));
	EXPECT_FALSE(SELECTED(39));
	EXPECT_FALSE(SELECTED(2000));
}

/* What a call closes is what it names at last, if it is made. */
TEST_F(filters, as_the_call_is_made)
{
	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_ENTRY, __NR_fsync, __NR_close, -1));
	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_FD, __NR_fsync, __NR_close, -1));
	ADD(10);
	ADD(11);
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_close, 10));
	NEXT(ENTRY);
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .action = KMVIEW_SKIP }));
	EXPECT_EQ(0, RESULT());
	EXPECT_TRUE(SELECTED(10));
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_close, 10));
	NEXT(ENTRY);
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .flags = KMVIEW_SET_ARGS, .args = { 11 } }));
	EXPECT_EQ(0, RESULT());
	EXPECT_TRUE(SELECTED(10));
	EXPECT_FALSE(SELECTED(11));
	/* The answer may want to see how it ends. */
	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_ENTRY, __NR_fsync, __NR_dup, -1));
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_dup, 10));
	NEXT(ENTRY);
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .flags = KMVIEW_WANT_RETURN }));
	NEXT(RETURN);
	RUN();
	EXPECT_TRUE(SELECTED(RESULT()));
}

/* At its exit a call is what it was at its entry. */
TEST_F(filters, returns)
{
	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_RETURN, __NR_close, -1));
	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_FD, __NR_close, -1));
	ADD(10);
	EXPECT_EQ(0, MAKE(__NR_close, 11));
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_close, 10));
	NEXT(RETURN);
	RUN();
	EXPECT_EQ(0, RESULT());
	EXPECT_EQ(-EBADF, MAKE(__NR_close, 10));
}

static long do_thread_and_fork(long *args)
{
	pid_t pid;

	/* A copy: what the child closes, it closes for itself. */
	pid = fork();
	if (pid == 0) {
		raw_syscall(__NR_fsync, 10, 0, 0, 0, 0, 0);
		raw_syscall(__NR_close, 10, 0, 0, 0, 0, 0);
		raw_syscall(__NR_fsync, 10, 0, 0, 0, 0, 0);
		_exit(raw_syscall(__NR_dup2, 11, 12, 0, 0, 0, 0) != 12);
	}
	return wait_child(pid);
}

TEST_F(filters, forks_have_a_copy)
{
	BY_FD();
	ADD(10);
	ADD(12);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_thread_and_fork, 0));
	NEXT(NEW);
	NEXT(ENTRY);
	EXPECT_NE(self->tracee.pid, self->event.pid);
	RUN();
	NEXT(END);
	EXPECT_EQ(0, RESULT());
	EXPECT_TRUE(SELECTED(10));
	EXPECT_TRUE(SELECTED(12));
}

static void *dup_and_close(void *arg)
{
	while (!shared->flag[3])
		usleep(1000);
	shared->count[0] = raw_syscall(__NR_dup2, 10, 40, 0, 0, 0, 0);
	shared->count[1] = raw_syscall(__NR_close, 10, 0, 0, 0, 0, 0);
	shared->flag[0] = 1;
	while (!shared->flag[1])
		usleep(1000);
	shared->count[2] = raw_syscall(__NR_unshare, CLONE_FILES, 0, 0, 0, 0, 0);
	shared->count[3] = raw_syscall(__NR_close, 40, 0, 0, 0, 0, 0);
	shared->flag[2] = 1;
	pause();
	return NULL;
}

static long do_thread(long *args)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, dup_and_close, NULL);
}

/* Threads share theirs, until one has a table of its own. Of those that are attached, too. */
TEST_F(filters, threads_share_theirs)
{
	struct kmview_thread thread = { .thread = self->thread };

	for (int attached = 0; attached < 2; attached++) {
		BY_FD();
		if (attached) {
			memset((void *)shared, 0, sizeof(*shared));
			tracee_end(&self->tracee);
			NEXT(END);
			NEXT(END);
			self->tracee = tracee_start();
			ASSERT_EQ(0, tracee_run(&self->tracee, do_setup, 0));
			ASSERT_EQ(0, RESULT());
			ASSERT_EQ(0, km_attach(self->fd, self->tracee.pid, 0, &self->thread));
			NEXT(NEW);
		}
		ADD(10);
		ASSERT_EQ(0, tracee_run(&self->tracee, do_thread, 0));
		ASSERT_EQ(0, RESULT());
		NEXT(NEW);
		if (attached) {
			/* It comes back by another way. */
			thread.thread = self->event.thread;
			ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_DETACH_THREAD, &thread));
			ASSERT_EQ(0, km_attach(self->fd, self->event.tid, 0, NULL));
			NEXT(NEW);
		}
		shared->flag[3] = 1;
		ASSERT_EQ(0, wait_until(shared->flag[0]));
		ASSERT_EQ(40, shared->count[0]);
		ASSERT_EQ(0, shared->count[1]);
		EXPECT_FALSE(SELECTED(10));
		EXPECT_TRUE(SELECTED(40));
		shared->flag[1] = 1;
		ASSERT_EQ(0, wait_until(shared->flag[2]));
		ASSERT_EQ(0, shared->count[2]);
		ASSERT_EQ(0, shared->count[3]);
		EXPECT_TRUE(SELECTED(40));
	}
}

static long do_exec(long *args)
{
	fcntl(11, F_SETFD, FD_CLOEXEC);
	execl("/bin/busybox", "sh", "-c",
	      "echo a >&10; exec 11>/dev/null; echo b >&11; echo c >&10; exit 7", NULL);
	return -1;
}

/* What an exec closes is no longer selected; what it leaves open is. */
TEST_F(filters, exec_drops_what_it_closes)
{
	int nr = 0;

	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_ENTRY, __NR_write, -1));
	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_FD, __NR_write, -1));
	ADD(10);
	ADD(11);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exec, 0));
	/* The shell makes 10 and 11 its output: that is followed, too. */
	for (;;) {
		ASSERT_EQ(0, km_next_within(self->fd, &self->event, DEADLINE_MS));
		if (self->event.kind == KMVIEW_EVENT_END)
			break;
		ASSERT_EQ(KMVIEW_EVENT_ENTRY, self->event.kind);
		EXPECT_EQ(2, self->event.entry.args[2]);
		nr++;
		RUN();
	}
	EXPECT_EQ(2, nr);
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 7));
}

/*
 * Another session, which sees the call after ours at its entry and before ours at its exit, holds a
 * close and a dup in the middle. A second thread looks.
 */
static void *looks(void *arg)
{
	for (;;) {
		while (!shared->flag[0])
			usleep(500);
		shared->flag[0] = 0;
		shared->count[0] = raw_syscall(shared->count[1], shared->count[2], shared->count[3],
					       0, 0, 0, 0);
		shared->flag[1] = 1;
	}
	return NULL;
}

static long do_looker(long *args)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, looks, NULL);
}

#define OTHER(nr, a, b) ({							\
	shared->count[1] = nr;							\
	shared->count[2] = a;							\
	shared->count[3] = b;							\
	shared->flag[1] = 0;							\
	shared->flag[0] = 1;							\
	ASSERT_EQ(0, wait_until(shared->flag[1] || km_readable(self->fd)));	\
	bool _event = !shared->flag[1];						\
	if (_event) {								\
		NEXT(ENTRY);							\
		RUN();								\
		ASSERT_EQ(0, wait_until(shared->flag[1]));			\
	}									\
	_event;									\
})

TEST_F(filters, numbers_that_are_used_again_at_once)
{
	struct kmview_event event;
	struct kmview_thread thread = { .thread = self->thread };
	int outer = KM_OPEN();

	/* That one is to be the older one. */
	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_DETACH_THREAD, &thread));
	ASSERT_EQ(0, km_attach(outer, self->tracee.pid, 0, NULL));
	ASSERT_EQ(0, km_next(outer, &event, KMVIEW_EVENT_NEW));
	ASSERT_EQ(0, km_attach(self->fd, self->tracee.pid, 0, &self->thread));
	NEXT(NEW);
	BY_FD();
	ASSERT_EQ(0, tracee_run(&self->tracee, do_looker, 0));
	ASSERT_EQ(0, RESULT());
	NEXT(NEW);
	ASSERT_EQ(0, km_next(outer, &event, KMVIEW_EVENT_NEW));
	ASSERT_EQ(0, set_calls(outer, KMVIEW_CALLS_ENTRY, __NR_close, -1));
	ASSERT_EQ(0, set_calls(outer, KMVIEW_CALLS_RETURN, __NR_close, __NR_dup, -1));
	ADD(10);
	EXPECT_TRUE(OTHER(__NR_fsync, 10, 0));

	/* It is about to be closed: it is not selected any more. */
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_close, 10));
	ASSERT_EQ(0, km_next(outer, &event, KMVIEW_EVENT_ENTRY));
	EXPECT_FALSE(OTHER(__NR_fsync, 10, 0));
	ASSERT_EQ(0, km_run(outer, event.ticket));
	/* It is closed, and its number used by another thread, before the call has ended for us. */
	ASSERT_EQ(0, km_next(outer, &event, KMVIEW_EVENT_RETURN));
	EXPECT_FALSE(OTHER(__NR_dup2, 11, 10));
	EXPECT_EQ(10, shared->count[0]);
	ASSERT_EQ(0, km_run(outer, event.ticket));
	EXPECT_EQ(0, RESULT());
	EXPECT_FALSE(OTHER(__NR_fsync, 10, 0));

	/* A duplicate is selected when the call that makes it has ended, and not before. */
	ADD(11);
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_dup, 11));
	ASSERT_EQ(0, km_next(outer, &event, KMVIEW_EVENT_RETURN));
	EXPECT_FALSE(OTHER(__NR_fsync, event.ret.result, 0));
	ASSERT_EQ(0, km_run(outer, event.ticket));
	EXPECT_TRUE(OTHER(__NR_fsync, RESULT(), 0));
	close(outer);
}

/* --- paths --------------------------------------------------------------------------------------- */

#define BY_PATH(paths) do {							\
	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_ENTRY, __NR_readlinkat, __NR_rename,	\
			       __NR_symlink, __NR_readlink, __NR_getppid, -1));	\
	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_PATH, __NR_readlinkat, __NR_rename,	\
			       __NR_symlink, __NR_readlink, __NR_getppid, -1));	\
	ASSERT_EQ(0, set_paths(self->fd, paths, sizeof(paths) - 1));		\
} while (0)

/* Whether a path, relative to a descriptor, is selected. */
#define PATH_SELECTED(dir, path) ({						\
	strcpy(shared->text, path);						\
	IS_EVENT(__NR_readlinkat, dir, (long)shared->text, 0, 0);		\
})

TEST_F(filters, prefixes_of_paths)
{
	static const struct {
		const char *path;
		bool selected;
	} cases[] = {
		{ "/tmp/a", true }, { "/tmp/a/", true }, { "/tmp/a/b/c", true },
		{ "/tmp/ab", false }, { "/tmp", false }, { "/", false }, { "/tmp/b/a", false },
		{ "/tmp/./a", true }, { "/tmp//a//b", true }, { "/tmp/a/../b", false },
		{ "/x/../tmp/a", true }, { "/../../tmp/a", true }, { "/tmp/a/..", false },
		/* The current directory is /tmp. */
		{ "a", true }, { "./a", true }, { "a/b", true }, { "b", false }, { "../tmp/a", true },
		{ "../a", false }, { ".", false }, { "", false }, { "b/../a", true },
		{ "/data/y", true }, { "/data/y/z", true }, { "/data/x", false }, { "/data", false },
	};

	BY_PATH("/tmp/a/\0/data/./x/../y\0/tmp/a/b\0");
	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		bool selected = PATH_SELECTED(AT_FDCWD, cases[i].path);

		EXPECT_EQ(cases[i].selected, selected) {
			TH_LOG("%s", cases[i].path);
		}
	}
	/* A call that names none. */
	EXPECT_FALSE(IS_EVENT(__NR_getppid));
}

TEST_F(filters, paths_below_a_descriptor)
{
	long tmp, a;

	BY_PATH("/tmp/a\0");
	strcpy(shared->text, "/tmp");
	tmp = MAKE(__NR_open, (long)shared->text, O_PATH, 0);
	strcpy(shared->text, "/tmp/a");
	a = MAKE(__NR_open, (long)shared->text, O_PATH, 0);
	ASSERT_GT(a, tmp);
	strcpy(shared->text, "/");
	ASSERT_EQ(0, MAKE(__NR_chdir, (long)shared->text));
	EXPECT_TRUE(PATH_SELECTED(tmp, "a"));
	EXPECT_FALSE(PATH_SELECTED(tmp, "b"));
	EXPECT_FALSE(PATH_SELECTED(tmp, "../a"));
	EXPECT_TRUE(PATH_SELECTED(a, "b"));
	EXPECT_FALSE(PATH_SELECTED(a, "../b"));
	EXPECT_FALSE(PATH_SELECTED(a, "/b"));
	EXPECT_FALSE(PATH_SELECTED(AT_FDCWD, "a"));
	EXPECT_TRUE(PATH_SELECTED(AT_FDCWD, "tmp/a"));
	/* The descriptor itself. */
	EXPECT_TRUE(PATH_SELECTED(a, ""));
	EXPECT_FALSE(PATH_SELECTED(tmp, ""));
	EXPECT_TRUE(IS_EVENT(__NR_readlinkat, a, 0, 0, 0));
	EXPECT_FALSE(IS_EVENT(__NR_readlinkat, tmp, 0, 0, 0));
	/* The number only counts if the path is relative. */
	EXPECT_TRUE(PATH_SELECTED(a, "x"));
	EXPECT_TRUE(PATH_SELECTED(999, "/tmp/a"));
	EXPECT_FALSE(PATH_SELECTED(999, "/tmp/b"));
}

/* Whatever it cannot tell, it selects. */
TEST_F(filters, paths_that_cannot_be_told)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long dir;

	tracee_end(&self->tracee);
	NEXT(END);
	self->tracee = tracee_start();
	ASSERT_EQ(0, km_attach(self->fd, self->tracee.pid, 0, &self->thread));
	NEXT(NEW);
	BY_PATH("/tmp/a\0");
	memset(page, '/', 8192);
	EXPECT_TRUE(IS_EVENT(__NR_readlinkat, AT_FDCWD, (long)page, 0, 0));
	strcpy(page + 4096, "");
	EXPECT_TRUE(IS_EVENT(__NR_readlinkat, AT_FDCWD, (long)page, 0, 0));
	EXPECT_FALSE(IS_EVENT(__NR_readlinkat, AT_FDCWD, (long)page + 1, 0, 0));
	EXPECT_TRUE(IS_EVENT(__NR_readlinkat, AT_FDCWD, 8, 0, 0));
	EXPECT_TRUE(IS_EVENT(__NR_readlinkat, AT_FDCWD, 0, 0, 0));
	EXPECT_TRUE(IS_EVENT(__NR_readlink, 0, 0, 0));
	EXPECT_TRUE(PATH_SELECTED(999, "b"));
	/* A directory that is no more. */
	mkdir("/tmp/gone", 0777);
	strcpy(shared->text, "/tmp/gone");
	dir = MAKE(__NR_open, (long)shared->text, O_PATH, 0);
	ASSERT_GT(dir, 0);
	EXPECT_FALSE(PATH_SELECTED(dir, "b"));
	ASSERT_EQ(0, rmdir("/tmp/gone"));
	EXPECT_TRUE(PATH_SELECTED(dir, "b"));
	munmap(page, 8192);
}

TEST_F(filters, any_of_the_paths_of_a_call)
{
	char *other = shared->text + 128;

	BY_PATH("/tmp/a\0");
	strcpy(shared->text, "/tmp/c");
	strcpy(other, "/tmp/a/d");
	EXPECT_TRUE(IS_EVENT(__NR_rename, (long)shared->text, (long)other));
	EXPECT_TRUE(IS_EVENT(__NR_rename, (long)other, (long)shared->text));
	EXPECT_FALSE(IS_EVENT(__NR_rename, (long)shared->text, (long)shared->text));
	/* The text of a link is no path that is gone along. */
	EXPECT_FALSE(IS_EVENT(__NR_symlink, (long)other, (long)shared->text));
	EXPECT_TRUE(IS_EVENT(__NR_symlink, (long)shared->text, (long)other));
	unlink("/tmp/c");
	unlink("/tmp/a/d");
}

TEST_F(filters, sets_of_paths)
{
	static char many[(64 << 10) + 1];

	BY_PATH("/\0");
	EXPECT_TRUE(PATH_SELECTED(AT_FDCWD, "/b"));
	EXPECT_TRUE(PATH_SELECTED(AT_FDCWD, "/"));
	EXPECT_TRUE(PATH_SELECTED(AT_FDCWD, "b"));
	/* What is wrong changes nothing. */
	EXPECT_EQ(-EINVAL, set_paths(self->fd, "b", 2));
	EXPECT_EQ(-EINVAL, set_paths(self->fd, "/b\0c", 5));
	EXPECT_EQ(-EINVAL, set_paths(self->fd, "/b", 2));
	EXPECT_EQ(-EINVAL, set_paths(self->fd, "/b\0", 4));
	EXPECT_EQ(-EFAULT, set_paths(self->fd, (void *)8, 4));
	EXPECT_EQ(-E2BIG, set_paths(self->fd, many, sizeof(many)));
	EXPECT_TRUE(PATH_SELECTED(AT_FDCWD, "/b"));
	/* As many as fit. */
	for (int i = 0; i < 8192; i++)
		sprintf(many + 8 * i, "/%06d", 8192 - i);
	ASSERT_EQ(0, set_paths(self->fd, many, 64 << 10));
	EXPECT_TRUE(PATH_SELECTED(AT_FDCWD, "/000001/x"));
	EXPECT_TRUE(PATH_SELECTED(AT_FDCWD, "/004711"));
	EXPECT_TRUE(PATH_SELECTED(AT_FDCWD, "/008192"));
	EXPECT_FALSE(PATH_SELECTED(AT_FDCWD, "/008193"));
	EXPECT_FALSE(PATH_SELECTED(AT_FDCWD, "/00471"));
	/* And none. */
	ASSERT_EQ(0, set_paths(self->fd, NULL, 0));
	EXPECT_FALSE(PATH_SELECTED(AT_FDCWD, "/004711"));
}

/* A call in both sets. */
TEST_F(filters, a_descriptor_or_a_path)
{
	BY_PATH("/tmp/a\0");
	ASSERT_EQ(0, set_calls(self->fd, KMVIEW_CALLS_FD, __NR_readlinkat, -1));
	ADD(10);
	EXPECT_TRUE(PATH_SELECTED(10, "/tmp/b"));
	EXPECT_TRUE(PATH_SELECTED(11, "/tmp/a"));
	EXPECT_FALSE(PATH_SELECTED(11, "/tmp/b"));
}

/* --- 32-bit calls ---------------------------------------------------------------------------------- */

#define COMPAT_DUP	41
#define COMPAT_FSYNC	118
#define COMPAT_READLINK	85

static long do_compat(long *args)
{
	long result = args[0];

	asm volatile("int $0x80" : "+a"(result) : "b"(args[1]), "c"(args[2]), "d"(args[3])
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}

#define MAKE_COMPAT(...) ({							\
	ASSERT_EQ(0, tracee_run(&self->tracee, do_compat, __VA_ARGS__));	\
	RESULT();								\
})

TEST_F(filters, compat_calls)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long fd;

	strcpy(low, "/tmp/a");
	tracee_end(&self->tracee);
	NEXT(END);
	self->tracee = tracee_start();
	ASSERT_EQ(0, km_attach(self->fd, self->tracee.pid, 0, &self->thread));
	NEXT(NEW);
	ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_ENTRY, KMVIEW_ABI_COMPAT, COMPAT_FSYNC));
	ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_FD, KMVIEW_ABI_COMPAT, COMPAT_FSYNC));
	ADD(1);
	fd = MAKE_COMPAT(COMPAT_DUP, 1);
	if (fd == -ENOSYS)
		SKIP(return, "no 32-bit calls");
	ASSERT_GT(fd, 2);
	MAKE_COMPAT(COMPAT_FSYNC, 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_compat, COMPAT_FSYNC, fd));
	NEXT(ENTRY);
	EXPECT_EQ(fd, self->event.entry.args[0]);
	RUN();
	RESULT();
	ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_ENTRY, KMVIEW_ABI_COMPAT, COMPAT_READLINK));
	ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_PATH, KMVIEW_ABI_COMPAT, COMPAT_READLINK));
	ASSERT_EQ(0, set_paths(self->fd, "/tmp/a", 7));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_compat, COMPAT_READLINK, (long)low));
	NEXT(ENTRY);
	RUN();
	RESULT();
	low[5] = 'b';
	MAKE_COMPAT(COMPAT_READLINK, (long)low);
}

/* --- numbers ----------------------------------------------------------------------------------- */

TEST_F(filters, numbers_beyond_the_bitmap)
{
	__u64 bitmap[2] = { 0 };
	struct kmview_calls calls = {
		.what = KMVIEW_CALLS_ENTRY, .bitmap = (unsigned long)bitmap, .bits = __NR_fsync + 1,
		.flags = KMVIEW_CALLS_OTHERS,
	};

	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_SET_CALLS, &calls));
	EXPECT_FALSE(IS_EVENT(__NR_fsync, -1));
	EXPECT_TRUE(IS_EVENT(__NR_fdatasync, -1));
	EXPECT_TRUE(IS_EVENT(1000));
	calls.bits = __NR_fsync;
	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_SET_CALLS, &calls));
	EXPECT_TRUE(IS_EVENT(__NR_fsync, -1));
	/* What lies in the last word behind it does not count. */
	bitmap[__NR_fsync / 64] = ~0ULL;
	calls.flags = 0;
	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_SET_CALLS, &calls));
	EXPECT_FALSE(IS_EVENT(__NR_fsync, -1));
	EXPECT_FALSE(IS_EVENT(1000));
}

TEST_HARNESS_MAIN
