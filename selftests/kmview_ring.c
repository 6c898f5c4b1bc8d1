// SPDX-License-Identifier: GPL-2.0
/*
 * Observing sessions: records in a ring, for which nobody waits but for room.
 */
#include <linux/userfaultfd.h>

#include "km.h"
#include "kselftest_harness.h"

#define PAGE	4096UL
#define SMALL	(64UL << 10)

struct ring {
	struct kmview_ring *head;
	char *data;
	unsigned long size;
	__u64 tail;
};

static int ring_open(int fd, struct ring *ring, unsigned long size, unsigned int flags,
		     unsigned int wake)
{
	struct kmview_ring_setup setup = { .size = size, .flags = flags, .wake = wake };
	int err = km_ioctl(fd, KMVIEW_RING, &setup);

	if (err)
		return err;
	ring->head = mmap(NULL, PAGE + size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring->head == MAP_FAILED)
		return -errno;
	ring->data = (char *)ring->head + PAGE;
	ring->size = size;
	ring->tail = 0;
	return 0;
}

/* The next record that is there; it stays until ring_done(). */
static struct kmview_record *ring_next(struct ring *ring)
{
	for (;;) {
		__u64 head = __atomic_load_n(&ring->head->head, __ATOMIC_ACQUIRE);
		struct kmview_record *record;

		if (ring->tail == head)
			return NULL;
		record = (void *)(ring->data + ring->tail % ring->size);
		ring->tail += record->size;
		if (record->event.kind)
			return record;
	}
}

static void ring_done(int fd, struct ring *ring)
{
	__atomic_store_n(&ring->head->tail, ring->tail, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&ring->head->waiting, __ATOMIC_RELAXED))
		ioctl(fd, KMVIEW_RING_DONE);
}

FIXTURE(ring)
{
	struct tracee tracee;
	struct kmview_event event;
	struct kmview_record *record;
	struct ring ring;
	int fd;
};

FIXTURE_SETUP(ring)
{
	self->fd = KM_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	self->ring.head = MAP_FAILED;
}

FIXTURE_TEARDOWN(ring)
{
	tracee_end(&self->tracee);
	if (self->ring.head != MAP_FAILED)
		munmap(self->ring.head, PAGE + self->ring.size);
	close(self->fd);
}

#define OPEN(flags, wake) ASSERT_EQ(0, ring_open(self->fd, &self->ring, SMALL, flags, wake))
#define SELECT(set, nr) \
	ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_##set, KMVIEW_ABI_NATIVE, nr))
#define ATTACH() ({								\
	ASSERT_EQ(0, km_attach(self->fd, self->tracee.pid, 0, NULL));		\
	ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_NEW));	\
})
#define EXPECT_RESULT(expected) ({						\
	long _r;								\
	ASSERT_EQ(0, tracee_result(&self->tracee, &_r));			\
	EXPECT_EQ(expected, _r);						\
})
#define RECORD(what) ({								\
	self->record = ring_next(&self->ring);					\
	ASSERT_NE(NULL, self->record);						\
	EXPECT_EQ(KMVIEW_EVENT_##what, self->record->event.kind);		\
})

TEST_F(ring, refused)
{
	struct kmview_ring_setup setup = { .size = SMALL - 1 };

	EXPECT_EQ(-EINVAL, km_ioctl(self->fd, KMVIEW_RING, &setup));
	setup.size = SMALL / 2;
	EXPECT_EQ(-EINVAL, km_ioctl(self->fd, KMVIEW_RING, &setup));
	setup.size = 512UL << 20;
	EXPECT_EQ(-EINVAL, km_ioctl(self->fd, KMVIEW_RING, &setup));
	setup.size = SMALL;
	setup.flags = 2;
	EXPECT_EQ(-EINVAL, km_ioctl(self->fd, KMVIEW_RING, &setup));
	EXPECT_EQ(-EINVAL, km_ioctl(self->fd, KMVIEW_RING_DONE, NULL));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->fd, 0));
	OPEN(0, 0);
	EXPECT_EQ(SMALL, self->ring.head->size);
	setup.flags = 0;
	EXPECT_EQ(-EBUSY, km_ioctl(self->fd, KMVIEW_RING, &setup));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, self->fd, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, self->fd, SMALL));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, self->fd, -PAGE));
}

TEST_F(ring, records)
{
	OPEN(0, 0);
	SELECT(RECORD_ENTRY, CALL);
	SELECT(RECORD_RETURN, CALL);
	ATTACH();
	ASSERT_EQ(0, tracee_syscall(&self->tracee, CALL, 1, 2, 3, 4, 5, 6));
	EXPECT_RESULT(getpid());
	RECORD(ENTRY);
	EXPECT_EQ(sizeof(*self->record), self->record->size);
	EXPECT_EQ(0, self->record->event.ticket);
	EXPECT_EQ(self->event.thread, self->record->event.thread);
	EXPECT_EQ(self->tracee.pid, self->record->event.tid);
	EXPECT_EQ(CALL, self->record->event.entry.nr);
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(i + 1, self->record->event.entry.args[i]);
	EXPECT_NE(0, self->record->event.time);
	RECORD(RETURN);
	EXPECT_EQ(getpid(), self->record->event.ret.result);
	EXPECT_EQ(NULL, ring_next(&self->ring));
	EXPECT_EQ(0, self->ring.head->lost);
}

/* What is both recorded and waited with: the record is there before the answer. */
TEST_F(ring, both)
{
	OPEN(0, 0);
	SELECT(RECORD_ENTRY, CALL);
	SELECT(ENTRY, CALL);
	ATTACH();
	ASSERT_EQ(0, tracee_syscall(&self->tracee, CALL, 1));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	RECORD(ENTRY);
	EXPECT_EQ(1, self->record->event.entry.args[0]);
	ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_ENTRY));
	EXPECT_EQ(0, self->event.time);
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .action = KMVIEW_SKIP, .result = 5 }));
	EXPECT_RESULT(5);
	EXPECT_EQ(NULL, ring_next(&self->ring));
}

static long do_calls(long *args)
{
	for (int i = 0; i < args[0]; i++) {
		raw_syscall(CALL, i, 0, 0, 0, 0, 0);
		shared->count[0] = i + 1;
	}
	return 0;
}

#define MANY	3000

/* Takes records until @calls have come, each with the number behind that of the one before. */
#define EXPECT_ALL(calls) ({							\
	long _end = ut_now_ms() + DEADLINE_MS;					\
	int _next = 0;								\
	while (_next < calls && ut_now_ms() < _end) {				\
		self->record = ring_next(&self->ring);				\
		if (!self->record) {						\
			ring_done(self->fd, &self->ring);			\
			continue;						\
		}								\
		if (self->record->event.kind != KMVIEW_EVENT_ENTRY)		\
			continue;						\
		ASSERT_EQ(_next, self->record->event.entry.args[0]);		\
		_next++;							\
	}									\
	EXPECT_EQ(calls, _next);						\
})

/* The thread waits for room, several times around, and nothing is lost. */
TEST_F(ring, lossless)
{
	OPEN(0, 0);
	SELECT(RECORD_ENTRY, CALL);
	ATTACH();
	ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, MANY));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_NE(0, self->ring.head->waiting);
	EXPECT_LT(SMALL - 3 * sizeof(struct kmview_record), self->ring.head->head);
	EXPECT_ALL(MANY);
	EXPECT_RESULT(0);
	EXPECT_EQ(0, self->ring.head->lost);
	EXPECT_EQ(0, self->ring.head->waiting);
}

/* A record that waits for room is made, though its call is no longer selected. */
TEST_F(ring, deselected_while_waiting_for_room)
{
	const struct { unsigned int set, kind; } ends[] = {
		{ KMVIEW_CALLS_RECORD_ENTRY, KMVIEW_EVENT_ENTRY },
		{ KMVIEW_CALLS_RECORD_RETURN, KMVIEW_EVENT_RETURN },
	};

	OPEN(0, 0);
	ATTACH();
	for (int i = 0; i < 2; i++) {
		int calls = 0;

		shared->count[0] = 0;
		ASSERT_EQ(0, km_select(self->fd, ends[i].set, KMVIEW_ABI_NATIVE, CALL));
		ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, MANY));
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
		EXPECT_EQ(1, self->ring.head->waiting);
		ASSERT_EQ(0, km_select(self->fd, ends[i].set, KMVIEW_ABI_NATIVE, -1));
		while (ring_next(&self->ring))
			calls++;
		EXPECT_EQ(calls, shared->count[0]);
		ring_done(self->fd, &self->ring);
		EXPECT_RESULT(0);
		EXPECT_EQ(0, self->ring.head->waiting);
		self->record = ring_next(&self->ring);
		ASSERT_NE(NULL, self->record);
		EXPECT_EQ(ends[i].kind, self->record->event.kind);
		if (!i)
			EXPECT_EQ(calls, self->record->event.entry.args[0]);
		EXPECT_EQ(NULL, ring_next(&self->ring));
		EXPECT_EQ(0, self->ring.head->lost);
		ring_done(self->fd, &self->ring);
	}
}

static void *exec_here(void *arg)
{
	shared->tid[1] = ut_gettid();
	execl("/bin/busybox", "busybox", "sleep", "1000", NULL);
	return NULL;
}

static long do_exec_by_another(long *args)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, exec_here, NULL))
		return -1;
	for (;;)
		pause();
	return 0;
}

/* The thread has another number by then. */
TEST_F(ring, exec_waits_for_room)
{
	struct kmview_events events = { .record = KMVIEW_MASK(KMVIEW_EVENT_EXEC) };

	OPEN(0, 0);
	SELECT(RECORD_ENTRY, CALL);
	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_SET_EVENTS, &events));
	ATTACH();
	/* No more, and no less, than there is room for. */
	ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, SMALL / sizeof(struct kmview_record)));
	EXPECT_RESULT(0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exec_by_another, 0));
	ASSERT_EQ(0, wait_until(__atomic_load_n(&self->ring.head->waiting, __ATOMIC_RELAXED) == 1));
	while (ring_next(&self->ring))
		;
	ring_done(self->fd, &self->ring);
	ASSERT_EQ(0, wait_until((self->record = ring_next(&self->ring))));
	EXPECT_EQ(KMVIEW_EVENT_EXEC, self->record->event.kind);
	EXPECT_EQ(shared->tid[1], self->record->event.exec.former_tid);
	EXPECT_EQ(self->tracee.pid, self->record->event.tid);
}

TEST_F(ring, lossy)
{
	int got = 0;

	OPEN(KMVIEW_RING_LOSSY, 0);
	SELECT(RECORD_ENTRY, CALL);
	ATTACH();
	ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, MANY));
	EXPECT_RESULT(0);
	while (ring_next(&self->ring))
		got++;
	EXPECT_LT(400, got);
	EXPECT_EQ(MANY, got + self->ring.head->lost);
	ring_done(self->fd, &self->ring);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, 10));
	EXPECT_RESULT(0);
	for (int i = 0; i < 10; i++)
		RECORD(ENTRY);
}

/* Who waits for room is killed, detached, or left by its monitor. */
TEST_F(ring, waiting_for_room_ends)
{
	for (int how = 0; how < 5; how++) {
		struct kmview_thread thread;

		if (how) {
			tracee_end(&self->tracee);
			munmap(self->ring.head, PAGE + SMALL);
			close(self->fd);
			self->fd = KM_OPEN();
			self->tracee = tracee_start();
		}
		shared->count[0] = 0;
		OPEN(0, 0);
		SELECT(RECORD_ENTRY, CALL);
		if (how > 2)
			ASSERT_EQ(0, km_at_close(self->fd, how == 3 ? KMVIEW_AT_CLOSE_FAIL
						 : KMVIEW_AT_CLOSE_KILL, how == 3 ? EIO : 0));
		ATTACH();
		thread.thread = self->event.thread;
		ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, MANY));
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
		ASSERT_LT(shared->count[0], MANY);
		switch (how) {
		case 0:
			ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
			EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
			ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_END));
			EXPECT_EQ(1, self->ring.head->lost);
			EXPECT_EQ(0, self->ring.head->waiting);
			break;
		case 1:
			ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_DETACH_THREAD, &thread));
			EXPECT_RESULT(0);
			EXPECT_EQ(0, self->ring.head->waiting);
			break;
		default:
			munmap(self->ring.head, PAGE + SMALL);
			self->ring.head = MAP_FAILED;
			close(self->fd);
			if (how < 4)
				EXPECT_RESULT(0);
			else
				EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
			break;
		}
	}
}

/* Neither the record that it waited with, nor that of its exit, is made; each is counted. */
TEST_F(ring, killed_before_its_exit_is_recorded)
{
	struct kmview_events events = { .record = KMVIEW_MASK(KMVIEW_EVENT_EXIT) };

	OPEN(0, 0);
	SELECT(RECORD_ENTRY, CALL);
	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_SET_EVENTS, &events));
	ATTACH();
	ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, MANY));
	ASSERT_EQ(0, wait_until(__atomic_load_n(&self->ring.head->waiting, __ATOMIC_RELAXED) == 1));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
	ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_END));
	EXPECT_EQ(2, self->ring.head->lost);
	EXPECT_EQ(0, self->ring.head->waiting);
}

/* A monitor that says nonsense harms itself alone. */
TEST_F(ring, nonsense)
{
	const __u64 tails[] = { 8, ~0ULL, 1ULL << 63, SMALL * 10, 3 };

	OPEN(KMVIEW_RING_LOSSY, 0);
	SELECT(RECORD_ENTRY, CALL);
	ATTACH();
	for (int i = 0; i < 5; i++) {
		self->ring.head->tail = tails[i];
		self->ring.head->head = tails[4 - i];
		self->ring.head->size = 1;
		self->ring.head->waiting = 1;
		ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, 1000));
		EXPECT_RESULT(0);
		EXPECT_EQ(0, ioctl(self->fd, KMVIEW_RING_DONE));
	}
}

/* poll() tells of so many bytes, of the end, and not of less. */
TEST_F(ring, poll)
{
	struct pollfd p = { .fd = self->fd, .events = POLLIN };

	OPEN(0, 4 * sizeof(struct kmview_record));
	SELECT(RECORD_ENTRY, CALL);
	ATTACH();
	EXPECT_EQ(0, poll(&p, 1, 0));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, 3));
	EXPECT_RESULT(0);
	EXPECT_EQ(0, poll(&p, 1, 0));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, 1));
	EXPECT_EQ(1, poll(&p, 1, DEADLINE_MS));
	EXPECT_EQ(POLLIN, p.revents);
	EXPECT_RESULT(0);
	while (ring_next(&self->ring))
		;
	ring_done(self->fd, &self->ring);
	EXPECT_EQ(0, poll(&p, 1, 0));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_calls, 1));
	EXPECT_RESULT(0);
	tracee_end(&self->tracee);
	ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_END));
	/* Read the rest, there will be no more. */
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLIN | POLLHUP, p.revents);
	while (ring_next(&self->ring))
		;
	ring_done(self->fd, &self->ring);
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLHUP, p.revents);
}

static char *area;

static int copy_of(int fd, int nr, int arg, int type, int at_return, int len_arg, int max)
{
	struct kmview_copy copy = {
		.abi = KMVIEW_ABI_NATIVE, .nr = nr, .arg = arg, .type = type,
		.at_return = at_return, .len_arg = len_arg, .max = max,
	};
	struct kmview_batch batch = {
		.items = (unsigned long)&copy, .count = 1, .item_size = sizeof(copy),
	};

	return km_ioctl(fd, KMVIEW_SET_COPY, &batch);
}

#define DATA(record, n) ({							\
	struct kmview_data *_d = (void *)((record) + 1);			\
	for (int _i = 0; _i < (n); _i++)					\
		_d = (void *)((char *)(_d + 1) + (_d->len + 7) / 8 * 8);	\
	_d;									\
})

#define EXPECT_DATA(n, _arg, _flags, _len, bytes) ({				\
	struct kmview_data *_data = DATA(self->record, n);			\
	ASSERT_LT(n, self->record->nr_data);					\
	EXPECT_EQ(_arg, _data->arg);						\
	EXPECT_EQ(_flags, _data->flags);					\
	EXPECT_EQ(_len, _data->len);						\
	EXPECT_EQ(0, memcmp(_data + 1, bytes, _len));				\
})

TEST_F(ring, copies)
{
	static const char *const strings[] = { "ab", "cdef", "", NULL };

	/* Its last byte is the end of what is mapped. */
	area = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	ASSERT_EQ(0, munmap(area + PAGE, PAGE));
	strcpy(area, "Hello");
	memcpy(area + PAGE - 4, "end", 4);
	memcpy(area + 64, strings, sizeof(strings));
	area[PAGE - 10] = 'x';
	tracee_end(&self->tracee);
	self->tracee = tracee_start();

	OPEN(0, 0);
	SELECT(RECORD_ENTRY, CALL);
	SELECT(RECORD_RETURN, CALL);
	ATTACH();
	EXPECT_EQ(-EINVAL, copy_of(self->fd, CALL, 6, KMVIEW_COPY_STRING, 0, 0, 8));
	EXPECT_EQ(-EINVAL, copy_of(self->fd, CALL, 0, 9, 0, 0, 8));
	EXPECT_EQ(-EINVAL, copy_of(self->fd, CALL, 0, KMVIEW_COPY_STRING, 0, 0, 4097));
	EXPECT_EQ(-EINVAL, copy_of(self->fd, 512, 0, KMVIEW_COPY_STRING, 0, 0, 8));
	EXPECT_EQ(-EINVAL, copy_of(self->fd, CALL, 0, KMVIEW_COPY_BUFFER, 0, KMVIEW_LEN_RESULT, 8));
	ASSERT_EQ(0, copy_of(self->fd, CALL, 0, KMVIEW_COPY_STRING, 0, 0, 100));
	ASSERT_EQ(0, copy_of(self->fd, CALL, 1, KMVIEW_COPY_STRING, 0, 0, 4));
	ASSERT_EQ(0, copy_of(self->fd, CALL, 2, KMVIEW_COPY_STRING, 0, 0, 4096));
	ASSERT_EQ(0, copy_of(self->fd, CALL, 3, KMVIEW_COPY_STRINGS, 0, 0, 100));
	ASSERT_EQ(0, copy_of(self->fd, CALL, 4, KMVIEW_COPY_BUFFER, 0, 5, 16));
	ASSERT_EQ(0, tracee_syscall(&self->tracee, CALL, (long)area, (long)area,
				    (long)(area + PAGE - 4), (long)(area + 64), (long)area, 3));
	EXPECT_RESULT(getpid());
	RECORD(ENTRY);
	ASSERT_EQ(5, self->record->nr_data);
	EXPECT_DATA(0, 0, 0, 6, "Hello");
	EXPECT_DATA(1, 1, KMVIEW_DATA_CUT, 4, "Hell");
	EXPECT_DATA(2, 2, 0, 4, "end");
	EXPECT_DATA(3, 3, 0, 9, "ab\0cdef\0");
	EXPECT_DATA(4, 4, 0, 3, "Hel");
	RECORD(RETURN);
	EXPECT_EQ(0, self->record->nr_data);
	/* What is not there, what is not there to its end, and what is too much. */
	ASSERT_EQ(0, tracee_syscall(&self->tracee, CALL, 0, (long)area, (long)(area + PAGE - 3),
				    8, (long)area, 17));
	EXPECT_RESULT(getpid());
	RECORD(ENTRY);
	EXPECT_DATA(0, 0, KMVIEW_DATA_FAULT, 0, "");
	EXPECT_DATA(2, 2, 0, 3, "nd");
	EXPECT_DATA(3, 3, KMVIEW_DATA_FAULT, 0, "");
	EXPECT_DATA(4, 4, KMVIEW_DATA_CUT, 16, "Hello\0\0\0\0\0\0\0\0\0\0\0");
	RECORD(RETURN);
	for (int arg = 0; arg < 6; arg++)
		ASSERT_EQ(0, copy_of(self->fd, CALL, arg, KMVIEW_COPY_NONE, 0, 0, 0));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	EXPECT_RESULT(getpid());
	RECORD(ENTRY);
	EXPECT_EQ(0, self->record->nr_data);
	munmap(area, PAGE);
}

/* What a call gives is copied at its return: as much as there is. */
TEST_F(ring, copies_at_return)
{
	area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	tracee_end(&self->tracee);
	self->tracee = tracee_start();
	OPEN(0, 0);
	SELECT(RECORD_RETURN, __NR_getcwd);
	ATTACH();
	ASSERT_EQ(0, copy_of(self->fd, __NR_getcwd, 0, KMVIEW_COPY_BUFFER, 1, KMVIEW_LEN_RESULT, 64));
	ASSERT_EQ(0, chdir("/"));
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_chdir, (long)"/proc"));
	EXPECT_RESULT(0);
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_getcwd, (long)area, PAGE));
	EXPECT_RESULT(6);
	RECORD(RETURN);
	EXPECT_DATA(0, 0, 0, 6, "/proc");
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_getcwd, (long)area, 1));
	EXPECT_RESULT(-ERANGE);
	RECORD(RETURN);
	EXPECT_DATA(0, 0, 0, 0, "");
	munmap(area, PAGE);
}

static int child_execs(void)
{
	raise(SIGCHLD);
	execl("/bin/busybox", "true", NULL);
	return 1;
}

TEST_F(ring, other_kinds)
{
	struct kmview_events events = {
		.record = KMVIEW_MASK(KMVIEW_EVENT_NEW) | KMVIEW_MASK(KMVIEW_EVENT_END) |
			  KMVIEW_MASK(KMVIEW_EVENT_EXEC) | KMVIEW_MASK(KMVIEW_EVENT_EXIT) |
			  KMVIEW_MASK(KMVIEW_EVENT_SIGNAL),
		.record_signals = 1 << (SIGCHLD - 1),
	};
	const int kinds[] = { KMVIEW_EVENT_NEW, KMVIEW_EVENT_SIGNAL, KMVIEW_EVENT_EXEC,
			      KMVIEW_EVENT_EXIT, KMVIEW_EVENT_END };
	__u64 time = 0;
	pid_t pid;

	OPEN(0, 0);
	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_SET_EVENTS, &events));
	pid = km_fork(self->fd, &self->event, child_execs);
	ASSERT_GT(pid, 0);
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
	ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_END));
	for (int i = 0; i < 5; i++) {
		self->record = ring_next(&self->ring);
		ASSERT_NE(NULL, self->record);
		EXPECT_EQ(kinds[i], self->record->event.kind);
		EXPECT_EQ(pid, self->record->event.tid);
		EXPECT_LE(time, self->record->event.time);
		time = self->record->event.time;
	}
	EXPECT_EQ(NULL, ring_next(&self->ring));
}

static void *thread_of_many(void *arg)
{
	long number = (long)arg;

	for (long i = 0; i < 200; i++)
		raw_syscall(CALL, number, i, 0, 0, 0, 0);
	return NULL;
}

#define THREADS	32

static int child_of_threads(void)
{
	pthread_t threads[THREADS];

	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread_of_many, (void *)i))
			return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/*
 * Many threads and a small ring: each one's records are in their order, NEW is the first and END the
 * last, and none is lost.
 */
TEST_F(ring, many_threads)
{
	struct kmview_events events = {
		.record = KMVIEW_MASK(KMVIEW_EVENT_NEW) | KMVIEW_MASK(KMVIEW_EVENT_END),
	};
	struct { __u64 thread; int state, calls; } seen[THREADS + 1] = { 0 };
	long end = ut_now_ms() + DEADLINE_MS;
	int ends = 0, news = 0;
	pid_t pid;

	OPEN(0, 0);
	SELECT(RECORD_ENTRY, CALL);
	SELECT(RECORD_RETURN, CALL);
	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_SET_EVENTS, &events));
	pid = km_fork(self->fd, &self->event, child_of_threads);
	ASSERT_GT(pid, 0);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	while (ends < THREADS + 1 && ut_now_ms() < end) {
		struct kmview_event *event;
		int i = 0;

		self->record = ring_next(&self->ring);
		if (!self->record) {
			struct pollfd p = { .fd = self->fd, .events = POLLIN };

			ring_done(self->fd, &self->ring);
			/* The notes of the queue are read, too. */
			poll(&p, 1, 1000);
			km_next_within(self->fd, &self->event, 0);
			continue;
		}
		event = &self->record->event;
		while (i < news && seen[i].thread != event->thread)
			i++;
		if (event->kind == KMVIEW_EVENT_NEW) {
			ASSERT_EQ(news, i);
			ASSERT_LT(news, THREADS + 1);
			seen[news++].thread = event->thread;
			continue;
		}
		ASSERT_LT(i, news);
		ASSERT_EQ(0, seen[i].state);
		if (event->kind == KMVIEW_EVENT_ENTRY)
			ASSERT_EQ(seen[i].calls++, event->entry.args[1]);
		if (event->kind == KMVIEW_EVENT_END) {
			seen[i].state = 1;
			ends++;
		}
	}
	EXPECT_EQ(THREADS + 1, ends);
	for (int i = 1; i < THREADS + 1; i++)
		EXPECT_EQ(200, seen[i].calls);
	EXPECT_EQ(0, self->ring.head->lost);
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
}

/* Memory whose first touch waits until it is given a page. */
static void *open_trap(int *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *page;

	*uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (unsigned long)page;
	reg.range.len = PAGE;
	if (*uffd < 0 || ioctl(*uffd, UFFDIO_API, &api) || ioctl(*uffd, UFFDIO_REGISTER, &reg))
		return NULL;
	return page;
}

struct setter {
	int fd, result;
	struct kmview_copy *copies;
	volatile bool done;
};

static void *set_copies(void *arg)
{
	struct setter *setter = arg;
	struct kmview_batch batch = {
		.items = (unsigned long)setter->copies, .count = 2, .item_size = sizeof(*setter->copies),
	};

	setter->result = km_ioctl(setter->fd, KMVIEW_SET_COPY, &batch);
	setter->done = true;
	return NULL;
}

/* Who has something of the session set keeps nobody else from it, however slow the memory is. */
TEST_F(ring, copies_from_slow_memory)
{
	struct setter setter = { .fd = self->fd };
	struct kmview_events none = { 0 };
	struct uffdio_zeropage zero;
	pthread_t thread;
	pid_t pid;
	int uffd;

	setter.copies = open_trap(&uffd);
	if (!setter.copies)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, pthread_create(&thread, NULL, set_copies, &setter));
	ASSERT_EQ(0, wait_until(km_readable(uffd)));
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct kmview_copy copy = {
			.nr = CALL, .type = KMVIEW_COPY_STRING, .max = 8,
		};
		struct kmview_batch batch = {
			.items = (unsigned long)&copy, .count = 1, .item_size = sizeof(copy),
		};

		_exit(km_entries(self->fd, -1) || km_ioctl(self->fd, KMVIEW_SET_EVENTS, &none) ||
		      km_ioctl(self->fd, KMVIEW_SET_COPY, &batch));
	}
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
	EXPECT_FALSE(setter.done);
	zero = (struct uffdio_zeropage) { .range = {
		.start = (unsigned long)setter.copies, .len = PAGE } };
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	ASSERT_EQ(0, wait_until(setter.done));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, setter.result);
	close(uffd);
}

TEST_HARNESS_MAIN
