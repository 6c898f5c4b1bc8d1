// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions in bad hands: monitors that are killed at any moment, that trace each other.
 */
#include "km.h"
#include "kselftest_harness.h"

static unsigned int seed = 1;

static unsigned int any(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

/* How often, unless ROUNDS says so. */
static int rounds_or(int rounds)
{
	const char *text = getenv("ROUNDS");

	return text && *text ? atoi(text) : rounds;
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
TEST_F_TIMEOUT(stress, killed_monitor, 1200)
{
	int rounds = rounds_or(1000), pids[2];

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

static char stack[16 << 10] __attribute__((aligned(16)));

static int forked(void *arg)
{
	for (;;)
		raw_syscall(__NR_pause, 0, 0, 0, 0, 0, 0);
	return 0;
}

/* Makes processes that do nothing, one after the other. */
static int forker(void)
{
	setpgid(0, 0);
	for (;;) {
		pid_t pid = clone(forked, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);

		shared->count[1]++;
		if (pid > 0) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
	}
	return 0;
}

/* No child stays behind that is made while the session ends. */
TEST_F_TIMEOUT(others, killed_monitor_of_a_forker, 600)
{
	int rounds = rounds_or(500), pids[2];

	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	ASSERT_EQ(0, pipe(pids));
	for (int i = 0; i < rounds; i++) {
		pid_t pid = fork(), child;
		long before;
		int err;

		if (pid == 0) {
			int fd = open("/dev/kmview", O_RDWR | O_CLOEXEC);
			struct kmview_event event;

			if (km_at_close(fd, KMVIEW_AT_CLOSE_KILL, 0))
				_exit(1);
			child = km_fork(fd, &event, forker);
			if (write(pids[1], &child, sizeof(child)) != sizeof(child))
				_exit(2);
			for (;;)
				km_next_within(fd, &event, 10);
		}
		ASSERT_EQ(sizeof(child), read(pids[0], &child, sizeof(child)));
		ASSERT_GT(child, 0);
		before = shared->count[1];
		ASSERT_EQ(0, wait_until(shared->count[1] != before));
		usleep(any(300));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_TRUE(ended_by(wait_child(pid), SIGKILL));
		ASSERT_TRUE(ended_by(wait_child(child), SIGKILL));
		err = wait_until(waitpid(-1, NULL, WNOHANG | __WALL) == -1);
		kill(-child, SIGKILL);
		ASSERT_EQ(0, err) TH_LOG("a survivor in round %d", i);
	}
}

#define IDLE	32
#define CHILDREN	200

static char stacks[CHILDREN + 1][4096] __attribute__((aligned(16)));

/* Makes them, and keeps them. */
static int forker_of_many(void)
{
	setpgid(0, 0);
	for (int i = 0; i < CHILDREN; i++)
		clone(forked, stacks[i + 1], CLONE_VM | SIGCHLD, NULL);
	return forked(NULL);
}

static void *idle_thread(void *arg)
{
	forked(NULL);
	return NULL;
}

static int calls_when_told(void)
{
	pthread_t thread;

	for (int i = 0; i < IDLE; i++)
		pthread_create(&thread, NULL, idle_thread, NULL);
	while (!shared->flag[0])
		;
	syscall(CALL);
	return 0;
}

/*
 * Nor does one stay in the session when all are let go: the first of them is the one who calls, the
 * last one the forker.
 */
TEST_F_TIMEOUT(others, let_go_while_one_forks, 600)
{
	int rounds = rounds_or(500);

	for (int i = 0; i < rounds; i++) {
		struct kmview_event event;
		pid_t caller, child;
		int fd = KM_OPEN(), err;

		shared->flag[0] = 0;
		ASSERT_EQ(0, km_entries(fd, CALL));
		caller = km_fork(fd, &event, calls_when_told);
		ASSERT_GT(caller, 0);
		for (int thread = 0; thread < IDLE; thread++)
			ASSERT_EQ(0, km_next(fd, &event, KMVIEW_EVENT_NEW));
		child = km_fork(fd, &event, forker_of_many);
		ASSERT_GT(child, 0);
		usleep(any(2000));
		shared->flag[0] = 1;
		do {
			ASSERT_EQ(0, km_next_within(fd, &event, DEADLINE_MS));
		} while (event.kind != KMVIEW_EVENT_ENTRY);
		ASSERT_EQ(0, km_answer(fd, (struct kmview_answer) {
			.ticket = event.ticket, .action = KMVIEW_DETACH_ALL }));
		do {
			err = km_next_within(fd, &event, DEADLINE_MS);
		} while (!err);
		/* In this order: it makes more of them, in a group of its own or not yet, until it is dead. */
		kill(child, SIGKILL);
		ASSERT_TRUE(ended_by(wait_child(child), SIGKILL));
		kill(-child, SIGKILL);
		ASSERT_TRUE(ended_with(wait_child(caller), 0));
		ASSERT_EQ(-EPIPE, err) TH_LOG("one has stayed in round %d", i);
		close(fd);
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

static void *thread_ends(void *arg)
{
	return NULL;
}

static void *thread_breeds(void *arg)
{
	shared->flag[3]++;
	for (;;) {
		pthread_t thread;

		if (!pthread_create(&thread, NULL, thread_ends, NULL))
			pthread_join(thread, NULL);
	}
	return NULL;
}

/* A process in which threads come and go all the time. */
static pid_t start_breeding(int sleepers, int breeders)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < sleepers + breeders; i++)
			pthread_create(&thread, NULL, i < sleepers ? sleeping_thread : thread_breeds,
				       NULL);
		sleeping_thread(NULL);
	}
	return pid;
}

static int attach_to(pid_t pid, unsigned int follow)
{
	struct kmview_options options = { .follow = follow };
	int fd = open("/dev/kmview", O_RDWR | O_CLOEXEC);

	if (fd < 0 || km_ioctl(fd, KMVIEW_SET_OPTIONS, &options))
		return -1;
	shared->flag[0] = 1;
	return km_attach(fd, pid, KMVIEW_ATTACH_PROCESS, NULL) ? -1 : fd;
}

/* The call ends, though new threads come for ever; with the ones that were there. */
TEST_F_TIMEOUT(others, attach_to_a_process_that_makes_threads, 120)
{
	static const unsigned int follow[] = { 0, KMVIEW_FOLLOW_THREADS };
	const int threads = 300 + 3 + 1;

	for (int i = 0; i < 2; i++) {
		pid_t pid = start_breeding(300, 3), monitor;

		ASSERT_EQ(0, wait_until(shared->flag[3] == threads));
		monitor = fork();
		if (monitor == 0) {
			int fd = attach_to(pid, follow[i]), news = 0;
			struct kmview_event event;

			if (fd < 0)
				_exit(1);
			while (news < threads) {
				if (km_next_within(fd, &event, DEADLINE_MS))
					_exit(2);
				news += event.kind == KMVIEW_EVENT_NEW;
			}
			_exit(0);
		}
		EXPECT_TRUE(ended_with(wait_child(monitor), 0));
		/* If it is still at it, that ends it. */
		ASSERT_EQ(0, kill(pid, SIGKILL));
		EXPECT_TRUE(ended_by(wait_child(pid), SIGKILL));
		shared->flag[3] = 0;
	}
}

/* A kill ends the call at any time: here it takes some, and threads come faster than it looks. */
TEST_F_TIMEOUT(others, killed_while_it_attaches, 120)
{
	pid_t pid = start_breeding(1500, 6);

	ASSERT_EQ(0, wait_until(shared->flag[3] == 1500 + 6 + 1));
	for (int i = 0; i < 10; i++) {
		pid_t monitor;

		shared->flag[0] = 0;
		monitor = fork();
		if (monitor == 0) {
			attach_to(pid, 0);
			pause();
		}
		ASSERT_EQ(0, wait_until(shared->flag[0]));
		usleep(any(100000));
		ASSERT_EQ(0, kill(monitor, SIGKILL));
		ASSERT_TRUE(ended_by(wait_child(monitor), SIGKILL));
	}
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(ended_by(wait_child(pid), SIGKILL));
}

TEST_HARNESS_MAIN
