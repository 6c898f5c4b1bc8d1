// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions in bad hands: monitors that are killed at any moment, that trace each other, that say
 * anything.
 */
#include "km.h"
#include "kselftest_harness.h"

static unsigned int seed = 1;

static unsigned int any(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

/* Makes calls, threads and processes. */
static void *busy_thread(void *arg)
{
	for (int i = 0; i < 5; i++)
		raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
	return NULL;
}

static int busy(void)
{
	for (;;) {
		pthread_t thread;
		pid_t pid;

		int fd;

		raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
		fd = dup(1);
		dup2(fd, 50);
		fcntl(50, F_DUPFD, 1);
		access("/tmp/../none", F_OK);
		close_range(fd, 1020, 0);
		shared->count[0]++;
		if (!pthread_create(&thread, NULL, busy_thread, NULL))
			pthread_join(thread, NULL);
		pid = fork();
		if (pid == 0)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

/* A monitor that answers until it is killed; with a ring that it reads sometimes. */
static void monitor(unsigned int policy, int pids)
{
	int fd = open("/dev/kmview", O_RDWR | O_CLOEXEC);
	struct kmview_ring_setup setup = { .size = 64 << 10 };
	struct kmview_answer answers[8] = { 0 };
	struct kmview_event events[8];
	struct kmview_exchange exchange = {
		.answers = (unsigned long)answers, .answer_size = sizeof(answers[0]),
		.events = (unsigned long)events, .event_size = sizeof(events[0]),
		.max_events = 8, .timeout = 1000000,
	};
	struct kmview_ring *ring;
	pid_t pid;

	if (km_at_close(fd, policy, policy == KMVIEW_AT_CLOSE_FAIL ? ENOSYS : 0) ||
	    km_entries(fd, CALL) || km_returns(fd, CALL) || km_ioctl(fd, KMVIEW_RING, &setup) ||
	    km_select(fd, KMVIEW_CALLS_RECORD_ENTRY, KMVIEW_ABI_NATIVE, -2))
		_exit(1);
	ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid = km_fork(fd, &events[0], busy);
	if (write(pids, &pid, sizeof(pid)) != sizeof(pid))
		_exit(2);
	for (;;) {
		int n = km_ioctl(fd, KMVIEW_EXCHANGE, &exchange);

		exchange.nr_answers = 0;
		for (int i = 0; i < n; i++)
			if (events[i].ticket)
				answers[exchange.nr_answers++].ticket = events[i].ticket;
		ring->tail = ring->head;
		__sync_synchronize();
		if (ring->waiting)
			ioctl(fd, KMVIEW_RING_DONE);
	}
}

FIXTURE(stress) { };
FIXTURE_SETUP(stress)
{
	close(KM_OPEN());
	ut_share();
}
FIXTURE_TEARDOWN(stress) { }

FIXTURE(others) { };
FIXTURE_SETUP(others)
{
	close(KM_OPEN());
	ut_share();
}
FIXTURE_TEARDOWN(others) { }

FIXTURE_VARIANT(stress) { unsigned int policy; };
FIXTURE_VARIANT_ADD(stress, detach) { .policy = KMVIEW_AT_CLOSE_DETACH };
FIXTURE_VARIANT_ADD(stress, fail) { .policy = KMVIEW_AT_CLOSE_FAIL };
FIXTURE_VARIANT_ADD(stress, kill) { .policy = KMVIEW_AT_CLOSE_KILL };

/* What it leaves behind runs on, or dies, as it has chosen; nothing hangs. ROUNDS says how often. */
TEST_F_TIMEOUT(stress, killed_monitor, 600)
{
	const char *text = getenv("ROUNDS");
	int rounds = text ? atoi(text) : 100, pids[2];

	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	ASSERT_EQ(0, pipe(pids));
	for (int i = 0; i < rounds; i++) {
		pid_t pid = fork(), child;
		long before;

		if (pid == 0)
			monitor(variant->policy, pids[1]);
		ASSERT_EQ(sizeof(child), read(pids[0], &child, sizeof(child)));
		ASSERT_GT(child, 0);
		usleep(any(5000));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_TRUE(ended_by(wait_child(pid), SIGKILL));
		if (variant->policy == KMVIEW_AT_CLOSE_KILL) {
			ASSERT_TRUE(ended_by(wait_child(child), SIGKILL));
		} else {
			before = shared->count[0];
			ASSERT_EQ(0, wait_until(shared->count[0] != before));
			ASSERT_EQ(0, kill(child, SIGKILL));
			ASSERT_TRUE(ended_by(wait_child(child), SIGKILL));
		}
		/* Its children. */
		while (waitpid(-1, NULL, __WALL) > 0)
			;
	}
}

/* Two monitors whose calls are each other's events: nothing but a kill helps, and that does. */
TEST_F(others, each_other)
{
	int go[2], fds[2];
	pid_t pids[2];
	char c;

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, pipe(fds));
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct kmview_event event;
			int fd = open("/dev/kmview", O_RDWR | O_CLOEXEC);

			if (read(go[0], &c, 1) != 1 || km_select(fd, KMVIEW_CALLS_ENTRY,
								 KMVIEW_ABI_NATIVE, -2))
				_exit(1);
			if (km_attach(fd, shared->tid[1 - i], 0, NULL))
				_exit(2);
			shared->flag[i] = 1;
			for (;;)
				if (!km_next_within(fd, &event, 10) && event.ticket)
					km_run(fd, event.ticket);
		}
		shared->tid[i] = pids[i];
	}
	ASSERT_EQ(2, write(go[1], "go", 2));
	ASSERT_EQ(0, wait_until(shared->flag[0] || shared->flag[1]));
	usleep(20000);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, kill(pids[i], SIGKILL));
		EXPECT_TRUE(ended_by(wait_child(pids[i]), SIGKILL));
	}
}

static void *sleeping_thread(void *arg)
{
	shared->flag[3]++;
	for (;;) {
		syscall(__NR_pause);
		syscall(CALL);
		shared->flag[4]++;
	}
	return NULL;
}

/* All threads of a process; blocked ones come out for their first event. */
TEST_F(others, attach_a_process)
{
	struct kmview_event event;
	int fd, news = 0, entries = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		pthread_t thread;

		for (int i = 0; i < 7; i++)
			pthread_create(&thread, NULL, sleeping_thread, NULL);
		sleeping_thread(NULL);
	}
	ASSERT_EQ(0, wait_until(shared->flag[3] == 8));
	fd = KM_OPEN();
	ASSERT_EQ(0, km_entries(fd, __NR_pause));
	ASSERT_EQ(0, km_attach(fd, pid, KMVIEW_ATTACH_PROCESS | KMVIEW_ATTACH_INTERRUPT, NULL));
	while (news < 8 || entries < 8) {
		ASSERT_EQ(0, km_next_within(fd, &event, DEADLINE_MS));
		news += event.kind == KMVIEW_EVENT_NEW;
		entries += event.kind == KMVIEW_EVENT_ENTRY;
		if (event.kind == KMVIEW_EVENT_ENTRY)
			EXPECT_EQ(__NR_pause, event.entry.nr);
	}
	EXPECT_EQ(8, news);
	EXPECT_EQ(8, entries);
	/* Restarted, not broken off. */
	EXPECT_EQ(0, shared->flag[4]);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(ended_by(wait_child(pid), SIGKILL));
	close(fd);
}

#define WORDS	64

static const unsigned long commands[] = {
	KMVIEW_INFO, KMVIEW_SET_OPTIONS, KMVIEW_SET_CALLS, KMVIEW_SET_EVENTS, KMVIEW_ADOPT,
	KMVIEW_ATTACH, KMVIEW_DETACH_THREAD, KMVIEW_SET_THREAD, KMVIEW_JOIN, KMVIEW_ANSWER,
	KMVIEW_EXCHANGE, KMVIEW_MEMORY, KMVIEW_SNAPSHOT, KMVIEW_PUT_FD, KMVIEW_CLOSE_FD,
	KMVIEW_SET_FDS, KMVIEW_SET_PATHS, KMVIEW_RING, KMVIEW_RING_DONE, KMVIEW_SET_COPY,
};

/* Any bytes, some of them likely ones. */
static void fill(__u64 *words, __u64 ticket, pid_t pid)
{
	for (int i = 0; i < WORDS; i++) {
		switch (any(8)) {
		case 0:
			words[i] = ticket;
			break;
		case 1:
			words[i] = (unsigned long)&words[any(WORDS)];
			break;
		case 2:
			words[i] = (__u64)any(~0U) << 32 | any(~0U);
			break;
		case 3:
			words[i] = (unsigned int)pid;
			break;
		case 4:
			words[i] = any(8) | (__u64)any(8) << 32;
			break;
		case 5:
			words[i] = 64 << 10;
			break;
		case 6:
			words[i] = 88 | (__u64)128 << 32;
			break;
		default:
			words[i] = 0;
		}
	}
}

/* What queues and filters are asked for, not always rightly. */
static void route_and_filter(int *fds, __u64 thread)
{
	static const char paths[] = "/tmp\0/usr/../none\0/\0x\0";
	struct kmview_paths set = {
		.paths = (unsigned long)paths + any(4) / 3, .size = any(sizeof(paths) + 2),
	};
	struct kmview_fds chosen = { .thread = thread, .op = any(5), .fd = any(60) - 1 };
	int queue = 1 + any(3);

	switch (any(5)) {
	case 0:
		if (fds[queue] >= 0)
			close(fds[queue]);
		fds[queue] = open("/dev/kmview", O_RDWR | O_CLOEXEC | O_NONBLOCK);
		km_join(fds[queue], fds[any(4)]);
		break;
	case 1:
		km_set_queue(fds[any(4)], thread, fds[any(4)]);
		break;
	case 2:
		km_ioctl(fds[0], KMVIEW_SET_FDS, &chosen);
		break;
	case 3:
		km_ioctl(fds[0], KMVIEW_SET_PATHS, &set);
		break;
	default:
		km_select(fds[0], any(8), any(2), any(2) ? -2 : any(400));
	}
}

/* What is right but for some of it. */
static void errand(int fd, __u64 ticket, __u64 *words)
{
	struct kmview_snapshot snapshot = {
		.ticket = ticket, .arg = any(7), .type = 1 + any(2), .buffer = (unsigned long)words,
		.len = any(WORDS * 8), .flags = any(2),
	};
	struct kmview_fd request = {
		.ticket = ticket, .fd = any(2) ? fd : any(4), .target = any(2) ? 0 : 3 + any(40),
		.flags = any(4),
	};
	static const unsigned int which[] = { KMVIEW_PUT_FD, KMVIEW_CLOSE_FD };

	if (any(2)) {
		ioctl(fd, KMVIEW_SNAPSHOT, &snapshot);
	} else {
		unsigned int cmd = which[any(2)];

		if (cmd == KMVIEW_CLOSE_FD) {
			request.fd = 0;
			request.flags = 0;
		}
		ioctl(fd, cmd, &request);
	}
}

/* In a process of its own: it may adopt its own children, and have them killed. */
static int fuzz(int rounds)
{
	static __u64 words[WORDS];
	struct kmview_event event = { 0 };
	/* The session, and other queues of it. */
	int fds[4] = { -1, -1, -1, -1 }, fd = -1;
	pid_t pid;

	/* What it attaches to, and kills, is to be its own. */
	if (setgid(1000) || setuid(1000) || prctl(PR_SET_DUMPABLE, 1))
		return 1;
	pid = fork();
	if (pid == 0)
		busy();
	alarm(200);
	for (int i = 0; i < rounds; i++) {
		unsigned long cmd = commands[any(20)];

		if (fd < 0 || !any(500)) {
			close(fd);
			fds[0] = fd = open("/dev/kmview", O_RDWR | O_CLOEXEC | O_NONBLOCK);
			km_entries(fd, CALL);
			km_attach(fd, pid, 0, NULL);
		}
		fill(words, event.ticket, pid);
		if (!any(20))
			cmd = _IOC(any(4), KMVIEW_IOC, any(32), any(600));
		/* Not for long. */
		if (_IOC_NR(cmd) == _IOC_NR(KMVIEW_EXCHANGE))
			words[4] = any(2) * 1000;
		switch (any(12)) {
		case 0:
			read(fds[any(4)], words, any(sizeof(words)));
			break;
		case 1:
			if (read(fds[any(2) * any(4)], &event, sizeof(event)) == sizeof(event)) {
				for (int n = any(4); n; n--)
					errand(fd, event.ticket, words);
				if (any(2))
					km_run(fd, event.ticket);
			}
			break;
		case 4:
		case 5:
			route_and_filter(fds, event.thread);
			break;
		case 2:
			munmap(mmap(NULL, 4096 << any(6), PROT_READ, MAP_SHARED, fd, any(8) * 4096),
			       4096);
			break;
		case 3:
			ioctl(fd, cmd, (unsigned long)any(4) << 45);
			break;
		default:
			ioctl(fd, cmd, words);
		}
	}
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

TEST_F_TIMEOUT(stress, anything, 300)
{
	pid_t pid;
	int status;

	seed = variant->policy + 1;
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(fuzz(60000));
	while (waitpid(pid, &status, WNOHANG) == 0)
		usleep(10000);
	EXPECT_TRUE(ended_with(status, 0));
	while (waitpid(-1, NULL, __WALL) > 0)
		;
}

TEST_HARNESS_MAIN
