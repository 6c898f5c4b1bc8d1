// SPDX-License-Identifier: GPL-2.0
/*
 * KMVIEW_PUT_FD and KMVIEW_CLOSE_FD: descriptors in the process of a thread that waits.
 */
#include <linux/userfaultfd.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "km.h"
#include "kselftest_harness.h"

#define PLACE	37

/* In the tracee at the same place: two pages that nobody has touched. */
static char *missing;

static long do_userfaultfd(long *args);

/* The tracee waits at the entry of CALL. Two ends of a pipe are ours. */
FIXTURE(fds)
{
	struct tracee tracee;
	struct kmview_event event;
	int fd, uffd, pipe[2];
};

FIXTURE_SETUP(fds)
{
	struct kmview_event new;
	int pidfd;
	long r;

	self->fd = KM_OPEN();
	ut_share();
	missing = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, missing);
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC | O_NONBLOCK));
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	ASSERT_EQ(0, km_attach(self->fd, self->tracee.pid, 0, NULL));
	ASSERT_EQ(0, km_next(self->fd, &new, KMVIEW_EVENT_NEW));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_userfaultfd));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	pidfd = syscall(__NR_pidfd_open, self->tracee.pid, 0);
	self->uffd = r < 0 ? -1 : syscall(__NR_pidfd_getfd, pidfd, r, 0);
	close(pidfd);
	ASSERT_EQ(0, tracee_syscall(&self->tracee, CALL, (long)missing, (long)missing + 4096));
	ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_ENTRY));
}

FIXTURE_TEARDOWN(fds)
{
	tracee_end(&self->tracee);
	close(self->fd);
	close(self->uffd);
	close(self->pipe[0]);
	close(self->pipe[1]);
	munmap(missing, 2 * 4096);
}

static int put_fd(int fd, __u64 ticket, int which, int target, unsigned int flags)
{
	struct kmview_fd request = {
		.ticket = ticket, .fd = which, .target = target, .flags = flags,
	};

	return km_ioctl(fd, KMVIEW_PUT_FD, &request);
}

static int close_fd(int fd, __u64 ticket, int target)
{
	struct kmview_fd request = { .ticket = ticket, .target = target };

	return km_ioctl(fd, KMVIEW_CLOSE_FD, &request);
}

#define PUT(which, target, flags) put_fd(self->fd, self->event.ticket, which, target, flags)
#define CLOSE(target) close_fd(self->fd, self->event.ticket, target)

/* Lets the tracee go on, and takes the result of its call. */
#define GO_ON() ({								\
	long _r;								\
	ASSERT_EQ(0, km_run(self->fd, self->event.ticket));			\
	ASSERT_EQ(0, tracee_result(&self->tracee, &_r));			\
	EXPECT_EQ(getpid(), _r);						\
})

#define BY_TRACEE(...) ({							\
	long _r = -1;								\
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __VA_ARGS__));		\
	ASSERT_EQ(0, tracee_result(&self->tracee, &_r));			\
	_r;									\
})

/* What a number of a process is. */
static bool is_same(pid_t pid, int fd, int ours)
{
	char path[64];
	struct stat a, b;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	return !stat(path, &a) && !fstat(ours, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static bool is_open(pid_t pid, int fd)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	return !lstat(path, &st);
}

/* Nobody else has the other end of the pipe. */
static bool is_at_end(int fd)
{
	char c;

	return read(fd, &c, 1) == 0;
}

TEST_F(fds, put_as_the_next_number)
{
	int a, b;

	a = PUT(self->pipe[1], 0, 0);
	ASSERT_GE(a, 3);
	b = PUT(self->pipe[1], 0, KMVIEW_FD_CLOEXEC);
	ASSERT_GT(b, a);
	EXPECT_TRUE(is_same(self->tracee.pid, a, self->pipe[1]));
	/* It waits as before: no other event, the same ticket. */
	EXPECT_TRUE(km_quiet(self->fd));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	GO_ON();
	EXPECT_EQ(0, BY_TRACEE(__NR_fcntl, a, F_GETFD));
	EXPECT_EQ(FD_CLOEXEC, BY_TRACEE(__NR_fcntl, b, F_GETFD));
	EXPECT_EQ(1, BY_TRACEE(__NR_write, b, (long)shared->text, 1));
	EXPECT_EQ(1, read(self->pipe[0], shared->text, 1));
}

TEST_F(fds, put_at_a_number)
{
	int other[2];

	ASSERT_EQ(PLACE, PUT(self->pipe[1], PLACE, KMVIEW_FD_AT));
	EXPECT_TRUE(is_same(self->tracee.pid, PLACE, self->pipe[1]));
	close(self->pipe[1]);
	EXPECT_FALSE(is_at_end(self->pipe[0]));
	/* In place of what is there, which is closed. */
	ASSERT_EQ(0, pipe2(other, O_CLOEXEC));
	ASSERT_EQ(PLACE, PUT(other[1], PLACE, KMVIEW_FD_AT | KMVIEW_FD_CLOEXEC));
	EXPECT_TRUE(is_at_end(self->pipe[0]));
	EXPECT_TRUE(is_same(self->tracee.pid, PLACE, other[1]));
	/* Beyond the table as it is. */
	EXPECT_EQ(900, PUT(other[1], 900, KMVIEW_FD_AT));
	GO_ON();
	EXPECT_EQ(FD_CLOEXEC, BY_TRACEE(__NR_fcntl, PLACE, F_GETFD));
	EXPECT_EQ(0, BY_TRACEE(__NR_fcntl, 900, F_GETFD));
	close(other[0]);
	close(other[1]);
}

TEST_F(fds, closed)
{
	ASSERT_EQ(PLACE, PUT(self->pipe[1], PLACE, KMVIEW_FD_AT));
	close(self->pipe[1]);
	EXPECT_FALSE(is_at_end(self->pipe[0]));
	EXPECT_EQ(0, CLOSE(PLACE));
	EXPECT_TRUE(is_at_end(self->pipe[0]));
	EXPECT_EQ(-EBADF, CLOSE(PLACE));
	EXPECT_EQ(-EBADF, CLOSE(-1));
	GO_ON();
	EXPECT_EQ(-EBADF, BY_TRACEE(__NR_fcntl, PLACE, F_GETFD));
}

TEST_F(fds, limit_of_the_tracee)
{
	struct rlimit limit = { .rlim_cur = PLACE, .rlim_max = PLACE };
	int fd, last = -1;

	ASSERT_EQ(0, prlimit(self->tracee.pid, RLIMIT_NOFILE, &limit, NULL));
	EXPECT_EQ(-EBADF, PUT(self->pipe[1], PLACE, KMVIEW_FD_AT));
	while ((fd = PUT(self->pipe[1], 0, 0)) >= 0)
		last = fd;
	EXPECT_EQ(-EMFILE, fd);
	EXPECT_EQ(PLACE - 1, last);
	EXPECT_EQ(PLACE - 1, PUT(self->pipe[1], PLACE - 1, KMVIEW_FD_AT));
	GO_ON();
}

TEST_F(fds, wrong_requests)
{
	struct kmview_fd request = { .ticket = self->event.ticket, .fd = self->pipe[1] };
	int other, path;

	EXPECT_EQ(-EBADF, PUT(-1, 0, 0));
	EXPECT_EQ(-EBADF, PUT(1000, 0, 0));
	EXPECT_EQ(-EBADF, PUT(self->pipe[1], -1, KMVIEW_FD_AT));
	EXPECT_EQ(-EINVAL, PUT(self->pipe[1], 5, 0));
	EXPECT_EQ(-EINVAL, PUT(self->pipe[1], 0, 4));
	request.reserved = 1;
	EXPECT_EQ(-EINVAL, km_ioctl(self->fd, KMVIEW_PUT_FD, &request));
	EXPECT_EQ(-EINVAL, km_ioctl(self->fd, KMVIEW_CLOSE_FD, &request));
	/* The session in its own tracee: nothing would end it. */
	EXPECT_EQ(-EINVAL, PUT(self->fd, 0, 0));
	other = open("/dev/kmview", O_RDWR | O_CLOEXEC);
	EXPECT_LE(3, PUT(other, 0, 0));
	close(other);
	/* What is but a path. */
	path = open("/", O_PATH | O_CLOEXEC);
	EXPECT_LE(3, PUT(path, 0, 0));
	close(path);
	EXPECT_EQ(-ESTALE, put_fd(self->fd, self->event.ticket + 1, self->pipe[1], 0, 0));
	GO_ON();
	EXPECT_EQ(-ESTALE, PUT(self->pipe[1], 0, 0));
	EXPECT_EQ(-ESTALE, CLOSE(PLACE));
}

/* What is put at a selected number, or closed there, is another thing. */
TEST_F(fds, selected_numbers)
{
	struct kmview_fds set = { .thread = self->event.thread, .op = KMVIEW_FDS_ADD };

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(PLACE + i, PUT(self->pipe[1], PLACE + i, KMVIEW_FD_AT));
		set.fd = PLACE + i;
		ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_SET_FDS, &set));
	}
	ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_FD, KMVIEW_ABI_NATIVE, __NR_fcntl));
	ASSERT_EQ(0, km_entries(self->fd, __NR_fcntl));
	ASSERT_EQ(PLACE, PUT(self->pipe[0], PLACE, KMVIEW_FD_AT));
	ASSERT_EQ(0, CLOSE(PLACE + 1));
	GO_ON();
	EXPECT_EQ(0, BY_TRACEE(__NR_fcntl, PLACE, F_GETFD));
	EXPECT_EQ(-EBADF, BY_TRACEE(__NR_fcntl, PLACE + 1, F_GETFD));
	EXPECT_TRUE(km_quiet(self->fd));
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_fcntl, PLACE + 2, F_GETFD));
	ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_ENTRY));
	EXPECT_EQ(PLACE + 2, self->event.entry.args[0]);
}

/* A signal's handler that does nothing. */
static void nothing(int signal)
{
}

static int has_events(void)
{
	signal(SIGUSR1, nothing);
	kill(getpid(), SIGUSR1);
	execl("/proc/self/exe", "kmview_fds", "--exit", NULL);
	return 1;
}

/* At each event that waits: NEW, ENTRY, RETURN, SIGNAL, EXEC, EXIT. */
TEST_F(fds, at_any_event)
{
	unsigned int seen = 0;
	struct kmview_event event;
	int fd = KM_OPEN();
	pid_t pid;

	GO_ON();
	ASSERT_EQ(0, km_wait_for(fd, KMVIEW_MASK(KMVIEW_EVENT_NEW) | KMVIEW_MASK(KMVIEW_EVENT_EXEC) |
				 KMVIEW_MASK(KMVIEW_EVENT_EXIT) | KMVIEW_MASK(KMVIEW_EVENT_SIGNAL),
				 1ULL << (SIGUSR1 - 1)));
	ASSERT_EQ(0, km_entries(fd, __NR_kill));
	ASSERT_EQ(0, km_returns(fd, __NR_kill));
	pid = km_fork(fd, &event, has_events);
	ASSERT_GT(pid, 0);
	for (;;) {
		int place = PLACE + event.kind;

		EXPECT_NE(0, event.ticket);
		seen |= KMVIEW_MASK(event.kind);
		ASSERT_EQ(place, put_fd(fd, event.ticket, self->pipe[1], place, KMVIEW_FD_AT));
		EXPECT_TRUE(is_same(pid, place, self->pipe[1]));
		ASSERT_EQ(0, close_fd(fd, event.ticket, place));
		EXPECT_FALSE(is_open(pid, place));
		ASSERT_EQ(0, km_run(fd, event.ticket));
		ASSERT_EQ(0, km_next_within(fd, &event, DEADLINE_MS));
		if (event.kind == KMVIEW_EVENT_END)
			break;
	}
	EXPECT_EQ(KMVIEW_MASK(KMVIEW_EVENT_NEW) | KMVIEW_MASK(KMVIEW_EVENT_ENTRY) |
		  KMVIEW_MASK(KMVIEW_EVENT_RETURN) | KMVIEW_MASK(KMVIEW_EVENT_EXEC) |
		  KMVIEW_MASK(KMVIEW_EVENT_SIGNAL) | KMVIEW_MASK(KMVIEW_EVENT_EXIT), seen);
	EXPECT_NE(-1, wait_child(pid));
	close(fd);
}

/* --- what comes in between ------------------------------------------------------------------ */

/*
 * The thread is busy with a first errand: to copy from a page that is not there, and is fetched when
 * the test says so. What is sent for meanwhile is not begun before: this is the window.
 */
static long do_userfaultfd(long *args)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (unsigned long)missing, .len = 2 * 4096 },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(__NR_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		return -errno;
	return fd;
}

/* Another thread of the monitor that puts a descriptor. */
struct putter {
	pthread_t thread;
	int fd, which, result;
	__u64 ticket;
	volatile pid_t tid;
	volatile bool done;
};

static void *copy_it(void *arg)
{
	struct putter *putter = arg;
	char buffer[8];
	struct kmview_snapshot request = {
		.ticket = putter->ticket, .arg = putter->which, .type = KMVIEW_SNAPSHOT_BUFFER,
		.buffer = (unsigned long)buffer, .len = sizeof(buffer),
	};

	putter->tid = ut_gettid();
	putter->result = km_ioctl(putter->fd, KMVIEW_SNAPSHOT, &request);
	putter->done = true;
	return NULL;
}

static void *put_it(void *arg)
{
	struct putter *putter = arg;

	putter->tid = ut_gettid();
	putter->result = put_fd(putter->fd, putter->ticket, putter->which, 0, 0);
	putter->done = true;
	return NULL;
}

/* Starts it, and waits until it waits. */
static int start(struct putter *putter, void *(*function)(void *), int fd, __u64 ticket, int which)
{
	*putter = (struct putter) { .fd = fd, .ticket = ticket, .which = which };
	if (pthread_create(&putter->thread, NULL, function, putter))
		return -EAGAIN;
	return wait_until(putter->tid) ?: wait_state(putter->tid, 'S');
}

static int end(struct putter *putter)
{
	int err = wait_until(putter->done);

	if (!err)
		pthread_join(putter->thread, NULL);
	return err ?: putter->result;
}

#define START(putter) ASSERT_EQ(0, start(putter, put_it, self->fd, self->event.ticket, self->pipe[1]))

/* The page is wanted: the thread has begun. */
static int wait_fault(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct uffd_msg message;

	if (poll(&poll_fd, 1, DEADLINE_MS) == 1)
		return read(fd, &message, sizeof(message)) == sizeof(message) ? 0 : -EIO;
	fprintf(stderr, "# waited for a fault\n");
	return -ETIME;
}

static int fetch(int fd, int number)
{
	struct uffdio_zeropage page = {
		.range = { .start = (unsigned long)missing + number * 4096, .len = 4096 },
	};

	return ioctl(fd, UFFDIO_ZEROPAGE, &page) ? -errno : 0;
}

#define BEGIN(copier) ({							\
	if (self->uffd < 0)							\
		SKIP(return, "no userfaultfd");					\
	ASSERT_EQ(0, start(copier, copy_it, self->fd, self->event.ticket, 0));	\
	ASSERT_EQ(0, wait_fault(self->uffd));					\
})
#define FETCH() ASSERT_EQ(0, fetch(self->uffd, 0))

/* Not restarted: the call says that nothing was done. */
static void catch(void)
{
	struct sigaction action = { .sa_handler = nothing };

	sigaction(SIGUSR2, &action, NULL);
}

TEST_F(fds, signal_to_the_monitor)
{
	struct putter putter, copier;
	int next;

	catch();
	next = PUT(self->pipe[1], 0, 0);
	ASSERT_EQ(0, CLOSE(next));
	BEGIN(&copier);
	START(&putter);
	pthread_kill(putter.thread, SIGUSR2);
	EXPECT_EQ(-EINTR, end(&putter));
	/* What has begun is left, too, and comes to its end without us. */
	pthread_kill(copier.thread, SIGUSR2);
	EXPECT_EQ(-EINTR, end(&copier));
	START(&putter);
	FETCH();
	EXPECT_EQ(next, end(&putter));
	ASSERT_EQ(0, CLOSE(next));
	GO_ON();
	EXPECT_FALSE(is_open(self->tracee.pid, next));
}

TEST_F(fds, killed_tracee)
{
	struct putter putter, copier;

	BEGIN(&copier);
	START(&putter);
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	EXPECT_EQ(-ESTALE, end(&putter));
	EXPECT_EQ(-ESTALE, end(&copier));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
	EXPECT_EQ(-ESTALE, PUT(self->pipe[1], 0, 0));
}

TEST_F(fds, detached)
{
	struct kmview_thread thread = { .thread = self->event.thread };
	struct putter putter, copier;
	long r;

	BEGIN(&copier);
	START(&putter);
	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_DETACH_THREAD, &thread));
	EXPECT_EQ(-ESTALE, end(&putter));
	FETCH();
	EXPECT_EQ(8, end(&copier));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

/* The answer takes effect when all is done. */
TEST_F(fds, answered)
{
	struct putter putter, copier;
	int fd;
	long r;

	BEGIN(&copier);
	START(&putter);
	ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
	EXPECT_EQ(-ESTALE, km_run(self->fd, self->event.ticket));
	FETCH();
	EXPECT_EQ(8, end(&copier));
	fd = end(&putter);
	EXPECT_LE(3, fd);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
	EXPECT_TRUE(is_same(self->tracee.pid, fd, self->pipe[1]));
}

/* Several at once, one after the other; then an answer, which is not lost. */
TEST_F(fds, many_monitors)
{
	struct putter putters[8], copier;
	bool seen[64] = { 0 };

	BEGIN(&copier);
	for (int i = 0; i < 8; i++)
		START(&putters[i]);
	FETCH();
	EXPECT_EQ(8, end(&copier));
	for (int i = 0; i < 8; i++) {
		int fd = end(&putters[i]);

		ASSERT_GE(fd, 3);
		ASSERT_LT(fd, 64);
		EXPECT_FALSE(seen[fd]);
		seen[fd] = true;
	}
	GO_ON();
}

/*
 * The thread goes from one errand to the next without parking in between, and the sender of that has
 * left: an answer that comes then is taken, too, and is no stale one.
 */
TEST_F(fds, answered_in_the_second_errand)
{
	struct putter first, second;
	long r;

	catch();
	BEGIN(&first);
	ASSERT_EQ(0, start(&second, copy_it, self->fd, self->event.ticket, 1));
	FETCH();
	EXPECT_EQ(8, end(&first));
	ASSERT_EQ(0, wait_fault(self->uffd));
	pthread_kill(second.thread, SIGUSR2);
	EXPECT_EQ(-EINTR, end(&second));
	EXPECT_EQ(0, km_run(self->fd, self->event.ticket));
	EXPECT_EQ(-ESTALE, km_run(self->fd, self->event.ticket));
	ASSERT_EQ(0, fetch(self->uffd, 1));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

/* The last one who has the session goes while the thread is busy for it. */
TEST_F(fds, killed_monitor)
{
	struct putter copier;
	pid_t pid;
	long r;

	if (self->uffd < 0)
		SKIP(return, "no userfaultfd");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		copier = (struct putter) { .fd = self->fd, .ticket = self->event.ticket };
		copy_it(&copier);
		_exit(1);
	}
	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(0, wait_fault(self->uffd));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(ended_by(wait_child(pid), SIGKILL));
	FETCH();
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

/* The program that at_any_event loads. */
__attribute__((constructor)) static void exit_at_once(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--exit"))
		_exit(0);
}

TEST_HARNESS_MAIN
