// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions with several queues: each descriptor that joins one reads the events of the threads that
 * are moved to it.
 */
#include <linux/userfaultfd.h>

#include "km.h"
#include "kselftest_harness.h"

/* The tracee of ut.h makes CALL when it is told to; it is in the first of the two queues. */
FIXTURE(queues)
{
	struct tracee tracee;
	struct kmview_event event;
	int fd[2];
	__u64 thread;
};

FIXTURE_SETUP(queues)
{
	self->fd[0] = KM_OPEN();
	self->fd[1] = KM_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	ASSERT_EQ(0, km_entries(self->fd[0], CALL));
	ASSERT_EQ(0, km_join(self->fd[1], self->fd[0]));
	ASSERT_EQ(0, km_attach(self->fd[0], self->tracee.pid, 0, &self->thread));
}

FIXTURE_TEARDOWN(queues)
{
	tracee_end(&self->tracee);
	close(self->fd[0]);
	close(self->fd[1]);
}

#define CALL_BY_TRACEE() ASSERT_EQ(0, tracee_call(&self->tracee))
#define NEXT(queue, kind) \
	ASSERT_EQ(0, km_next(self->fd[queue], &self->event, KMVIEW_EVENT_##kind))
#define QUIET(queue) EXPECT_TRUE(km_quiet(self->fd[queue]))
#define MOVE(queue) ASSERT_EQ(0, km_set_queue(self->fd[0], self->thread, self->fd[queue]))
#define RUN(queue) ASSERT_EQ(0, km_run(self->fd[queue], self->event.ticket))

#define EXPECT_RESULT(expected) ({						\
	long _r;								\
	ASSERT_EQ(0, tracee_result(&self->tracee, &_r));			\
	EXPECT_EQ(expected, _r);						\
})

TEST_F(queues, only_fresh_descriptors_join)
{
	struct kmview_join join = { .fd = self->fd[0], .flags = 1 };
	struct kmview_info info;
	int fd = KM_OPEN(), other = KM_OPEN(), null = open("/dev/null", O_RDWR);

	/* This asks, and does nothing. */
	ASSERT_EQ(0, km_ioctl(fd, KMVIEW_INFO, &info));
	EXPECT_TRUE(info.features & KMVIEW_FEATURE_ROUTE);
	EXPECT_EQ(-EINVAL, km_ioctl(fd, KMVIEW_JOIN, &join));
	EXPECT_EQ(-EBADF, km_join(fd, -1));
	EXPECT_EQ(-EINVAL, km_join(fd, null));
	EXPECT_EQ(0, km_join(fd, self->fd[1]));
	EXPECT_EQ(-EBUSY, km_join(fd, self->fd[0]));
	/* In a session already, by whatever it did. */
	EXPECT_EQ(-EBUSY, km_join(self->fd[0], fd));
	EXPECT_EQ(-EBUSY, km_join(other, other));
	EXPECT_EQ(-EBUSY, km_join(other, self->fd[0]));
	close(other);
	close(fd);
	close(null);
}

TEST_F(queues, wrong_routes)
{
	struct kmview_set_thread set = { .thread = self->thread, .fd = self->fd[1] };
	int other = KM_OPEN(), null = open("/dev/null", O_RDWR);

	EXPECT_EQ(-EINVAL, km_set_queue(self->fd[0], self->thread, other));
	EXPECT_EQ(-EINVAL, km_set_queue(self->fd[0], self->thread, null));
	EXPECT_EQ(-EBADF, km_set_queue(self->fd[0], self->thread, -1));
	EXPECT_EQ(-ESRCH, km_set_queue(self->fd[0], self->thread + 1, self->fd[1]));
	/* A descriptor, and nothing to do with it. */
	EXPECT_EQ(-EINVAL, km_ioctl(self->fd[0], KMVIEW_SET_THREAD, &set));
	NEXT(0, NEW);
	QUIET(1);
	close(other);
	close(null);
}

/* Where the events come, and that answers may come from anywhere. */
TEST_F(queues, a_moved_thread)
{
	NEXT(0, NEW);
	for (int i = 1; i < 5; i++) {
		MOVE(i % 2);
		CALL_BY_TRACEE();
		NEXT(i % 2, ENTRY);
		EXPECT_EQ(self->tracee.pid, self->event.tid);
		QUIET(!(i % 2));
		RUN(i / 2 % 2);
		EXPECT_RESULT(getpid());
	}
}

TEST_F(queues, unread_events_move_along_in_order)
{
	CALL_BY_TRACEE();
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	MOVE(1);
	MOVE(0);
	MOVE(1);
	QUIET(0);
	NEXT(1, NEW);
	NEXT(1, ENTRY);
	/* What has been read stays so. */
	MOVE(0);
	QUIET(0);
	QUIET(1);
	RUN(1);
	EXPECT_RESULT(getpid());
}

TEST_F(queues, the_end_moves_too)
{
	NEXT(0, NEW);
	tracee_end(&self->tracee);
	ASSERT_EQ(0, wait_until(km_readable(self->fd[0])));
	MOVE(1);
	/* The end of the one, as there is nothing more to come; not yet that of the other. */
	EXPECT_EQ(-EPIPE, km_next_within(self->fd[0], &self->event, DEADLINE_MS));
	NEXT(1, END);
	EXPECT_EQ(-EPIPE, km_next_within(self->fd[1], &self->event, DEADLINE_MS));
	EXPECT_EQ(-ESRCH, km_set_queue(self->fd[0], self->thread, self->fd[0]));
}

/* A queue without threads is not at its end while another one has some. */
TEST_F(queues, an_empty_queue_waits_for_the_session)
{
	struct pollfd p = { .fd = self->fd[1], .events = POLLIN };

	NEXT(0, NEW);
	EXPECT_EQ(0, poll(&p, 1, 30));
	tracee_end(&self->tracee);
	EXPECT_EQ(-EPIPE, km_next_within(self->fd[1], &self->event, DEADLINE_MS));
	ASSERT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLHUP, p.revents);
	NEXT(0, END);
}

static long do_fork_and_call(long *args)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(syscall(CALL) != getppid());
	return wait_child(pid);
}

TEST_F(queues, children_inherit_it)
{
	NEXT(0, NEW);
	MOVE(1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork_and_call, 0));
	NEXT(1, NEW);
	EXPECT_EQ(self->thread, self->event.created.parent);
	for (int i = 0; i < 2; i++) {
		NEXT(1, ENTRY);
		EXPECT_NE(self->tracee.pid, self->event.tid);
		RUN(0);
	}
	NEXT(1, END);
	EXPECT_RESULT(0);
	QUIET(0);
}

/* Its threads, what is unread, and adoptions go to another queue. */
TEST_F(queues, a_closed_queue)
{
	pid_t pid;

	for (int read = 0; read < 2; read++) {
		MOVE(1);
		CALL_BY_TRACEE();
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
		if (!read) {
			ASSERT_EQ(0, km_adopt(self->fd[1], KMVIEW_ADOPT_CHILDREN, 1));
		} else {
			NEXT(1, ENTRY);
		}
		QUIET(0);
		close(self->fd[1]);
		if (!read) {
			NEXT(0, NEW);
			NEXT(0, ENTRY);
		}
		RUN(0);
		EXPECT_RESULT(getpid());
		CALL_BY_TRACEE();
		NEXT(0, ENTRY);
		RUN(0);
		EXPECT_RESULT(getpid());
		if (!read) {
			pid = fork();
			if (pid == 0)
				_exit(0);
			NEXT(0, NEW);
			NEXT(0, END);
			EXPECT_TRUE(ended_with(wait_child(pid), 0));
		}
		self->fd[1] = KM_OPEN();
		ASSERT_EQ(0, km_join(self->fd[1], self->fd[0]));
	}
}

/* The one that the session began with is no better than the others; the last one ends it. */
TEST_F(queues, the_last_one_closes_the_session)
{
	ASSERT_EQ(0, km_at_close(self->fd[0], KMVIEW_AT_CLOSE_FAIL, EHOSTDOWN));
	CALL_BY_TRACEE();
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	close(self->fd[0]);
	NEXT(1, NEW);
	NEXT(1, ENTRY);
	EXPECT_EQ('t', thread_state(self->tracee.pid));
	close(self->fd[1]);
	EXPECT_RESULT(-EHOSTDOWN);
}

TEST_F(queues, many_come_and_go)
{
	int fds[64];

	NEXT(0, NEW);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 64; i++) {
			fds[i] = KM_OPEN();
			ASSERT_EQ(0, km_join(fds[i], i ? fds[i - 1] : self->fd[0]));
		}
		ASSERT_EQ(0, km_set_queue(self->fd[0], self->thread, fds[63]));
		CALL_BY_TRACEE();
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
		for (int i = 63; i >= 0; i--)
			close(fds[i]);
		close(self->fd[1]);
		NEXT(0, ENTRY);
		RUN(0);
		EXPECT_RESULT(getpid());
		self->fd[1] = KM_OPEN();
		ASSERT_EQ(0, km_join(self->fd[1], self->fd[0]));
	}
}

/* --- readers in the middle of it --------------------------------------------------------------- */

struct reader {
	int fd;
	void *buffer;
	volatile pid_t tid;
	volatile int result;
	volatile bool done;
};

static void *read_one(void *arg)
{
	struct reader *reader = arg;
	int n;

	reader->tid = gettid();
	n = read(reader->fd, reader->buffer, sizeof(struct kmview_event));
	reader->result = n < 0 ? -errno : n;
	reader->done = true;
	return NULL;
}

/* Memory whose first touch waits until it is given a page, or is taken away. */
static void *open_trap(int *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *page;

	*uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (unsigned long)page;
	reg.range.len = 4096;
	if (*uffd < 0 || ioctl(*uffd, UFFDIO_API, &api) || ioctl(*uffd, UFFDIO_REGISTER, &reg))
		return NULL;
	return page;
}

/*
 * A reader has taken an event, and is about to get it, when the thread is moved. Either it gets it,
 * or, if that fails, the thread's new queue has it, in front of what came later.
 */
TEST_F(queues, moved_while_it_is_read)
{
	for (int fails = 0; fails < 2; fails++) {
		struct reader reader = { .fd = self->fd[0] };
		struct uffd_msg msg;
		pthread_t thread;
		int uffd;

		MOVE(0);
		reader.buffer = open_trap(&uffd);
		if (!reader.buffer)
			SKIP(return, "no userfaultfd");
		if (fails) {
			CALL_BY_TRACEE();
		}
		ASSERT_EQ(0, pthread_create(&thread, NULL, read_one, &reader));
		/* It is there, with the event in its hands. */
		ASSERT_EQ(0, wait_until(km_readable(uffd)));
		ASSERT_EQ(sizeof(msg), read(uffd, &msg, sizeof(msg)));
		if (!fails) {
			/* That was NEW. This comes behind it. */
			CALL_BY_TRACEE();
			ASSERT_EQ(0, wait_parked(self->tracee.pid));
		}
		MOVE(1);
		EXPECT_FALSE(reader.done);
		if (fails) {
			ASSERT_EQ(0, munmap(reader.buffer, 4096));
		} else {
			struct uffdio_zeropage zero = { .range = {
				.start = (unsigned long)reader.buffer, .len = 4096 } };

			ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
		}
		/* Wakes who waits for the page. */
		close(uffd);
		ASSERT_EQ(0, wait_until(reader.done));
		pthread_join(thread, NULL);
		if (fails) {
			EXPECT_EQ(-EFAULT, reader.result);
		} else {
			EXPECT_EQ(sizeof(struct kmview_event), reader.result);
			memcpy(&self->event, reader.buffer, sizeof(self->event));
			EXPECT_EQ(KMVIEW_EVENT_NEW, self->event.kind);
		}
		QUIET(0);
		NEXT(1, ENTRY);
		RUN(0);
		EXPECT_RESULT(getpid());
	}
}

static void nothing(int sig)
{
}

#define READERS 3

/*
 * Several readers of one queue: an event wakes one of them, whichever of the others a signal has sent
 * away before; the end wakes all. The first one to sleep does so in another way than the others.
 */
TEST_F(queues, several_readers)
{
	struct kmview_event events[READERS];
	struct reader readers[READERS];
	pthread_t threads[READERS];

	/* Without SA_RESTART. */
	sigaction(SIGUSR1, &(struct sigaction) { .sa_handler = nothing }, NULL);
	NEXT(0, NEW);
	/* 0 to 2: the others have gone. 3: none has. 4: the thread ends. */
	for (int stays = 0; stays < READERS + 2; stays++) {
		int done = 0;

		for (int i = 0; i < READERS; i++) {
			readers[i] = (struct reader) { .fd = self->fd[0], .buffer = &events[i] };
			ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_one, &readers[i]));
			ASSERT_EQ(0, wait_until(readers[i].tid && thread_state(readers[i].tid) == 'S'));
		}
		for (int i = 0; i < READERS && stays < READERS; i++) {
			if (i == stays)
				continue;
			pthread_kill(threads[i], SIGUSR1);
			pthread_join(threads[i], NULL);
			EXPECT_EQ(-EINTR, readers[i].result);
		}
		if (stays < READERS) {
			EXPECT_FALSE(readers[stays].done);
			CALL_BY_TRACEE();
			ASSERT_EQ(0, wait_until(readers[stays].done));
			pthread_join(threads[stays], NULL);
			EXPECT_EQ(sizeof(self->event), readers[stays].result);
			ASSERT_EQ(0, km_run(self->fd[0], events[stays].ticket));
			EXPECT_RESULT(getpid());
			continue;
		}
		if (stays == READERS) {
			for (int n = 1; n <= READERS; n++) {
				CALL_BY_TRACEE();
				ASSERT_EQ(0, wait_parked(self->tracee.pid));
				usleep(20000);
				for (int i = done = 0; i < READERS; i++) {
					if (!readers[i].done)
						continue;
					done++;
					/* Those of earlier ones are over. */
					km_run(self->fd[0], events[i].ticket);
				}
				EXPECT_EQ(n, done);
				EXPECT_RESULT(getpid());
			}
		} else {
			tracee_end(&self->tracee);
			ASSERT_EQ(0, wait_until(readers[0].done && readers[1].done &&
						readers[2].done));
			for (int i = 0; i < READERS; i++)
				done += readers[i].result == sizeof(self->event);
			EXPECT_EQ(1, done);
		}
		for (int i = 0; i < READERS; i++)
			pthread_join(threads[i], NULL);
	}
	self->tracee = tracee_start();
}

/* --- everything at once -------------------------------------------------------------------------- */

#define THREADS	8
#define CALLS	200

static void *calls(void *arg)
{
	for (int i = 0; i < CALLS; i++)
		raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
	return NULL;
}

static int threads_call(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, calls, NULL))
			return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/* What the readers of one session have seen. */
static struct seen {
	pthread_mutex_t lock;
	__u64 threads[THREADS + 1];
	int news[THREADS + 1], entries[THREADS + 1], ends[THREADS + 1];
	int count, errors;
	/* Of threads that have ended. */
	volatile int ended;
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void see(const struct kmview_event *event)
{
	int i;

	pthread_mutex_lock(&seen.lock);
	for (i = 0; i < seen.count && seen.threads[i] != event->thread; i++)
		;
	if (i == seen.count && i <= THREADS)
		seen.threads[seen.count++] = event->thread;
	if (i > THREADS) {
		seen.errors++;
	} else if (event->kind == KMVIEW_EVENT_NEW) {
		seen.news[i]++;
	} else if (event->kind == KMVIEW_EVENT_ENTRY) {
		seen.entries[i]++;
	} else if (event->kind == KMVIEW_EVENT_END) {
		seen.ends[i]++;
		seen.ended++;
	}
	pthread_mutex_unlock(&seen.lock);
}

/* Takes the events of a queue, and answers them, until the end. */
static void *serve(void *arg)
{
	int fd = (long)arg, n;
	struct kmview_answer answers[4] = { 0 };
	struct kmview_event events[4];
	struct kmview_exchange exchange = {
		.answers = (unsigned long)answers, .answer_size = sizeof(answers[0]),
		.events = (unsigned long)events, .event_size = sizeof(events[0]),
		.max_events = 4, .timeout = -1,
	};

	do {
		n = km_ioctl(fd, KMVIEW_EXCHANGE, &exchange);
		if (n < 0 || exchange.nr_failed)
			__sync_fetch_and_add(&seen.errors, 1);
		exchange.nr_answers = 0;
		for (int i = 0; i < n; i++) {
			see(&events[i]);
			if (events[i].ticket)
				answers[exchange.nr_answers++].ticket = events[i].ticket;
		}
	} while (n > 0);
	return NULL;
}

/*
 * Readers of three queues, while the threads are moved between them and one of the queues comes and
 * goes: every event comes once, and those of the last threads as those of the first.
 */
TEST_F_TIMEOUT(queues, movers_and_readers, 120)
{
	int fd = KM_OPEN(), queues[3] = { fd };
	struct kmview_event event;
	pthread_t readers[3];
	unsigned int moves = 0;
	pid_t pid;

	ASSERT_EQ(0, km_entries(fd, CALL));
	for (int i = 1; i < 3; i++) {
		queues[i] = KM_OPEN();
		ASSERT_EQ(0, km_join(queues[i], fd));
	}
	pid = km_fork(fd, &event, threads_call);
	ASSERT_GT(pid, 0);
	see(&event);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&readers[i], NULL, serve, (void *)(long)queues[i]));
	while (seen.ended < THREADS + 1) {
		int extra = open("/dev/kmview", O_RDWR | O_CLOEXEC);

		ASSERT_EQ(0, km_join(extra, fd));
		for (int i = 0; i < seen.count; i++) {
			/* It may have ended. */
			km_set_queue(fd, seen.threads[i], i % 2 ? extra : queues[moves % 3]);
			moves++;
		}
		/* What has come to it moves to another one. */
		close(extra);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(readers[i], NULL);
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
	EXPECT_EQ(0, seen.errors);
	EXPECT_EQ(THREADS + 1, seen.count);
	EXPECT_EQ(0, seen.entries[0]);
	for (int i = 0; i < seen.count; i++) {
		EXPECT_EQ(1, seen.news[i]);
		EXPECT_EQ(1, seen.ends[i]);
		if (i)
			EXPECT_EQ(CALLS, seen.entries[i]);
	}
	TH_LOG("%u moves", moves);
	for (int i = 0; i < 3; i++)
		close(queues[i]);
}

/* Likewise, for as long as there are threads: with a limit, and interrupted by signals. */
static void *serve_at_times(void *arg)
{
	int fd = (long)arg, n;
	struct kmview_answer answer = { 0 };
	struct kmview_event event;
	struct kmview_exchange exchange = {
		.answers = (unsigned long)&answer, .answer_size = sizeof(answer),
		.events = (unsigned long)&event, .event_size = sizeof(event),
		.max_events = 1, .timeout = 3000000,
	};

	while (seen.ended < THREADS + 1) {
		n = km_ioctl(fd, KMVIEW_EXCHANGE, &exchange);
		if ((n < 0 && n != -EINTR) || exchange.nr_failed)
			__sync_fetch_and_add(&seen.errors, 1);
		exchange.nr_answers = 0;
		if (n <= 0)
			continue;
		see(&event);
		answer.ticket = event.ticket;
		exchange.nr_answers = event.ticket != 0;
	}
	return NULL;
}

/* The same, but for one that polls. */
static void *serve_polled(void *arg)
{
	struct pollfd p = { .fd = (long)arg, .events = POLLIN };
	struct kmview_event event;

	fcntl(p.fd, F_SETFL, O_NONBLOCK);
	while (seen.ended < THREADS + 1) {
		if (poll(&p, 1, 3) != 1 || read(p.fd, &event, sizeof(event)) != sizeof(event))
			continue;
		see(&event);
		if (event.ticket && km_run(p.fd, event.ticket))
			__sync_fetch_and_add(&seen.errors, 1);
	}
	return NULL;
}

/*
 * Readers of one queue that come and go all the time, one of whom polls: every event comes once, to
 * somebody, and nobody waits for ever.
 */
TEST_F_TIMEOUT(queues, readers_come_and_go, 120)
{
	struct kmview_event event;
	pthread_t readers[5];
	unsigned int signals = 0;
	int fd = KM_OPEN();
	pid_t pid;

	sigaction(SIGUSR1, &(struct sigaction) { .sa_handler = nothing }, NULL);
	ASSERT_EQ(0, km_entries(fd, CALL));
	pid = km_fork(fd, &event, threads_call);
	ASSERT_GT(pid, 0);
	see(&event);
	for (int i = 0; i < 5; i++)
		ASSERT_EQ(0, pthread_create(&readers[i], NULL, i ? serve_at_times : serve_polled,
					    (void *)(long)fd));
	for (; seen.ended < THREADS + 1; signals++) {
		pthread_kill(readers[signals % 5], SIGUSR1);
		usleep(100);
	}
	for (int i = 0; i < 5; i++)
		pthread_join(readers[i], NULL);
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
	EXPECT_EQ(0, seen.errors);
	EXPECT_EQ(THREADS + 1, seen.count);
	for (int i = 0; i < seen.count; i++) {
		EXPECT_EQ(1, seen.news[i]);
		EXPECT_EQ(1, seen.ends[i]);
		if (i)
			EXPECT_EQ(CALLS, seen.entries[i]);
	}
	TH_LOG("%u signals", signals);
	close(fd);
}

/* --- rings ------------------------------------------------------------------------------------- */

#define RING_SIZE (64 << 10)

static struct kmview_ring *ring_of(int fd)
{
	struct kmview_ring_setup setup = { .size = RING_SIZE };
	void *ring;

	if (km_ioctl(fd, KMVIEW_RING, &setup))
		return NULL;
	ring = mmap(NULL, 4096 + RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return ring == MAP_FAILED ? NULL : ring;
}

static long do_calls(long *args)
{
	for (long i = 0; i < args[0]; i++)
		raw_syscall(__NR_getpgid, i, 0, 0, 0, 0, 0);
	return args[0];
}

/* Reads what there is, and checks that it goes on with @next. Gives what comes then. */
static long drain(struct kmview_ring *ring, long next)
{
	__u64 tail = ring->tail, head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);

	while (tail != head) {
		struct kmview_record *record = (void *)ring + 4096 + tail % RING_SIZE;

		if (record->event.kind == KMVIEW_EVENT_ENTRY) {
			if (record->event.entry.args[0] != next)
				return -1;
			next++;
		}
		tail += record->size;
	}
	__atomic_store_n(&ring->tail, tail, __ATOMIC_RELEASE);
	return next;
}

/* Makes room for who waits. */
static bool make_room(struct kmview_ring *ring, int fd)
{
	ring->tail = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
	return km_ioctl(fd, KMVIEW_RING_DONE, NULL) == 0;
}

/* A thread that waits for room in a ring, and whose queue changes, is recorded in the other ring. */
TEST_F(queues, moved_while_it_waits_for_room)
{
	struct kmview_ring *rings[2] = { ring_of(self->fd[0]), ring_of(self->fd[1]) };
	long next = 0;

	ASSERT_TRUE(rings[0] && rings[1]);
	ASSERT_EQ(0, km_select(self->fd[0], KMVIEW_CALLS_RECORD_ENTRY, KMVIEW_ABI_NATIVE,
			       __NR_getpgid));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, 1500));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(1, rings[0]->waiting);
	MOVE(1);
	ASSERT_EQ(0, wait_until(rings[1]->waiting == 1));
	EXPECT_EQ(0, rings[0]->waiting);
	MOVE(0);
	/* Again, and it is full as ever. */
	ASSERT_EQ(0, wait_until(rings[0]->waiting == 1));
	EXPECT_EQ(0, rings[1]->waiting);
	next = drain(rings[0], next);
	ASSERT_GT(next, 0);
	next = drain(rings[1], next);
	ASSERT_GT(next, 0);
	ASSERT_EQ(0, km_ioctl(self->fd[0], KMVIEW_RING_DONE, NULL));
	ASSERT_EQ(0, wait_until(rings[0]->waiting == 1));
	/* The queue goes, and with it what is in its ring; the thread goes on in the other one. */
	munmap(rings[0], 4096 + RING_SIZE);
	close(self->fd[0]);
	ASSERT_EQ(0, wait_until(rings[1]->waiting == 1 || km_readable(self->tracee.result)));
	ASSERT_EQ(0, wait_until(make_room(rings[1], self->fd[1]) &&
				km_readable(self->tracee.result)));
	EXPECT_RESULT(1500);
	self->fd[0] = -1;
}

TEST_HARNESS_MAIN
