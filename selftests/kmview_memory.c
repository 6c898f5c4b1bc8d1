// SPDX-License-Identifier: GPL-2.0
/*
 * KMVIEW_MEMORY: the memory of threads that wait.
 */
#include <linux/userfaultfd.h>

#include "km.h"
#include "kselftest_harness.h"

#define PAGE	4096UL

/* In the tracee at the same places: it was forked. */
static char *area;

FIXTURE(memory)
{
	struct tracee tracee;
	struct kmview_event event;
	int fd;
};

/* Three pages with a hole in their middle; the third is read-only. */
FIXTURE_SETUP(memory)
{
	struct kmview_event new;

	self->fd = KM_OPEN();
	ut_share();
	area = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	for (int i = 0; i < 4 * PAGE; i++)
		area[i] = 'a' + i % 23;
	ASSERT_EQ(0, munmap(area + 2 * PAGE, PAGE));
	ASSERT_EQ(0, mprotect(area + 3 * PAGE, PAGE, PROT_READ));
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	ASSERT_EQ(0, km_attach(self->fd, self->tracee.pid, 0, NULL));
	ASSERT_EQ(0, km_next(self->fd, &new, KMVIEW_EVENT_NEW));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_ENTRY));
}

FIXTURE_TEARDOWN(memory)
{
	tracee_end(&self->tracee);
	close(self->fd);
	munmap(area, 4 * PAGE);
}

static int many(int fd, struct kmview_memory *items, unsigned int count)
{
	struct kmview_batch batch = {
		.items = (unsigned long)items, .count = count, .item_size = sizeof(*items),
	};

	return km_ioctl(fd, KMVIEW_MEMORY, &batch);
}

/* One item; gives its result. */
static long one(int fd, __u64 ticket, unsigned int op, char *address, void *buffer, size_t len)
{
	struct kmview_memory item = {
		.ticket = ticket, .address = (unsigned long)address,
		.buffer = (unsigned long)buffer, .len = len, .op = op, .result = 4711,
	};
	int err = many(fd, &item, 1);

	return err ?: item.result;
}

#define READ(address, buffer, len) \
	one(self->fd, self->event.ticket, KMVIEW_MEMORY_READ, address, buffer, len)
#define WRITE(address, buffer, len) \
	one(self->fd, self->event.ticket, KMVIEW_MEMORY_WRITE, address, buffer, len)
#define STRING(address, buffer, len) \
	one(self->fd, self->event.ticket, KMVIEW_MEMORY_STRING, address, buffer, len)

TEST_F(memory, reads)
{
	char buffer[4 * PAGE];

	EXPECT_EQ(0, READ(area, buffer, 0));
	EXPECT_EQ(5, READ(area + PAGE - 2, buffer, 5));
	EXPECT_EQ(0, memcmp(area + PAGE - 2, buffer, 5));
	/* To the hole, in it, and behind it. */
	EXPECT_EQ(2 * PAGE - 7, READ(area + 7, buffer, sizeof(buffer)));
	EXPECT_EQ(0, memcmp(area + 7, buffer, 2 * PAGE - 7));
	EXPECT_EQ(-EFAULT, READ(area + 2 * PAGE, buffer, 1));
	EXPECT_EQ(PAGE, READ(area + 3 * PAGE, buffer, PAGE));
	EXPECT_EQ(-EFAULT, READ((char *)-1L, buffer, 8));
	EXPECT_EQ(-EFAULT, READ(NULL, buffer, 8));
}

TEST_F(memory, reads_strings)
{
	char buffer[4 * PAGE];

	EXPECT_EQ(1, WRITE(area + PAGE + 3, "", 1));
	EXPECT_EQ(9, STRING(area + PAGE - 5, buffer, sizeof(buffer)));
	EXPECT_EQ(0, strncmp(area + PAGE - 5, buffer, 8));
	EXPECT_EQ(0, buffer[8]);
	/* Not all of it fits; it has no end; it is not there. */
	EXPECT_EQ(4, STRING(area + PAGE - 5, buffer, 4));
	EXPECT_EQ(10, STRING(area + 2 * PAGE - 10, buffer, 100));
	EXPECT_EQ(-EFAULT, STRING(area + 2 * PAGE, buffer, 100));
}

TEST_F(memory, writes)
{
	char buffer[8];

	EXPECT_EQ(6, WRITE(area + PAGE - 3, "Hello", 6));
	EXPECT_EQ(6, READ(area + PAGE - 3, buffer, 6));
	EXPECT_STREQ("Hello", buffer);
	/* Its memory, not ours. */
	EXPECT_NE('H', area[PAGE - 3]);
	EXPECT_EQ(3, WRITE(area + 2 * PAGE - 3, "Hello", 6));
	EXPECT_EQ(-EFAULT, WRITE(area + 2 * PAGE, "Hello", 6));
	/* As with ptrace. */
	EXPECT_EQ(6, WRITE(area + 3 * PAGE, "Hello", 6));
	EXPECT_EQ(6, STRING(area + 3 * PAGE, buffer, 8));
}

TEST_F(memory, each_item_for_itself)
{
	char a[4], b[4];
	struct kmview_memory items[] = {
		{ .ticket = self->event.ticket, .address = (unsigned long)area,
		  .buffer = (unsigned long)a, .len = 4, .op = KMVIEW_MEMORY_READ },
		{ .ticket = 1, .len = 4, .op = KMVIEW_MEMORY_READ },
		{ .ticket = self->event.ticket, .op = 77 },
		{ .ticket = self->event.ticket, .op = KMVIEW_MEMORY_READ, .flags = 1 },
		{ .ticket = self->event.ticket, .op = KMVIEW_MEMORY_READ, .len = KMVIEW_MEMORY_MAX + 1 },
		{ .ticket = self->event.ticket, .address = (unsigned long)area,
		  .buffer = 8, .len = 4, .op = KMVIEW_MEMORY_READ },
		{ .ticket = self->event.ticket, .address = (unsigned long)area + 1,
		  .buffer = (unsigned long)b, .len = 4, .op = KMVIEW_MEMORY_READ },
	};
	const long expected[] = { 4, -ESTALE, -EINVAL, -EINVAL, -EINVAL, -EFAULT, 4 };
	struct kmview_batch batch = { .items = (unsigned long)items, .count = 1025,
				      .item_size = sizeof(items[0]) };

	ASSERT_EQ(0, many(self->fd, items, 7));
	for (int i = 0; i < 7; i++)
		EXPECT_EQ(expected[i], items[i].result);
	EXPECT_EQ(0, memcmp(area, a, 4));
	EXPECT_EQ(0, memcmp(area + 1, b, 4));
	EXPECT_EQ(-EINVAL, km_ioctl(self->fd, KMVIEW_MEMORY, &batch));
	batch.count = 1;
	batch.item_size = 8;
	EXPECT_EQ(-EINVAL, km_ioctl(self->fd, KMVIEW_MEMORY, &batch));
	EXPECT_EQ(-EFAULT, many(self->fd, (void *)8, 1));
	EXPECT_EQ(0, many(self->fd, NULL, 0));
}

/* With a ticket that is over, or whose event has not been read, there is no memory. */
TEST_F(memory, needs_a_ticket)
{
	__u64 ticket = self->event.ticket;
	char c;
	long r;

	EXPECT_EQ(0, km_run(self->fd, ticket));
	EXPECT_EQ(-ESTALE, READ(area, &c, 1));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(-ESTALE, READ(area, &c, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(-ESTALE, one(self->fd, ticket + (1 << 24), KMVIEW_MEMORY_READ, area, &c, 1));
	ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_ENTRY));
	EXPECT_EQ(1, READ(area, &c, 1));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	ASSERT_EQ(0, wait_until(READ(area, &c, 1) == -ESTALE));
}

static long do_undumpable(long *args)
{
	return prctl(PR_SET_DUMPABLE, 0);
}

/* A thread that has come under the session's hands, and has hidden itself since. */
TEST_F(memory, rights_are_looked_at_each_time)
{
	char c;
	long r;
	int status;
	pid_t pid;

	EXPECT_EQ(0, km_run(self->fd, self->event.ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	/* A session of a user who is not root, on a process of the same user. */
	pid = fork();
	if (pid == 0) {
		struct tracee tracee;
		int fd;

		if (setgid(1000) || setuid(1000))
			_exit(1);
		fd = open("/dev/kmview", O_RDWR | O_CLOEXEC);
		prctl(PR_SET_DUMPABLE, 1);
		tracee = tracee_start();
		if (km_entries(fd, CALL) || km_attach(fd, tracee.pid, 0, NULL) ||
		    km_next(fd, &self->event, KMVIEW_EVENT_NEW))
			_exit(2);
		for (int hidden = 0; hidden < 2; hidden++) {
			if (tracee_call(&tracee) || km_next(fd, &self->event, KMVIEW_EVENT_ENTRY))
				_exit(3);
			r = one(fd, self->event.ticket, KMVIEW_MEMORY_READ, area, &c, 1);
			if (r != (hidden ? -EPERM : 1))
				_exit(4 + hidden);
			if (km_run(fd, self->event.ticket) || tracee_result(&tracee, &r))
				_exit(6);
			if (tracee_run(&tracee, do_undumpable, 0) || tracee_result(&tracee, &r))
				_exit(7);
		}
		tracee_end(&tracee);
		_exit(0);
	}
	status = wait_child(pid);
	EXPECT_TRUE(ended_with(status, 0));
	if (!ended_with(status, 0))
		TH_LOG("status %x", status);
}

static void *answers(void *arg)
{
	struct kmview_event *event = arg;

	while (!shared->flag[1])
		;
	km_run(shared->flag[2], event->ticket);
	shared->flag[3] = 1;
	return NULL;
}

static long do_put(long *args)
{
	/* When the call has returned. */
	long r = syscall(CALL);

	memset((void *)args[0], 'z', args[1]);
	return r;
}

#define BIG	(KMVIEW_MEMORY_MAX)

/* While somebody reads, another one answers: the thread does not go on before it is read. */
TEST_F(memory, the_thread_waits_for_its_reader)
{
	static char big[BIG];
	struct kmview_memory item = {
		.buffer = (unsigned long)big, .len = BIG, .op = KMVIEW_MEMORY_READ,
	};
	struct kmview_batch batch = {
		.items = (unsigned long)&item, .count = 1, .item_size = sizeof(item),
	};
	char *mem = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;
	long r;

	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 'y', BIG);
	shared->flag[2] = self->fd;
	for (int i = 0; i < 20; i++) {
		tracee_end(&self->tracee);
		self->tracee = tracee_start();
		ASSERT_EQ(0, km_attach(self->fd, self->tracee.pid, 0, NULL));
		do {
			ASSERT_EQ(0, km_next_within(self->fd, &self->event, DEADLINE_MS));
		} while (self->event.kind != KMVIEW_EVENT_NEW);
		tracee_run(&self->tracee, do_put, (long)mem, BIG);
		ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_ENTRY));
		shared->flag[1] = shared->flag[3] = 0;
		ASSERT_EQ(0, pthread_create(&thread, NULL, answers, &self->event));
		item.ticket = self->event.ticket;
		item.address = (unsigned long)mem;
		shared->flag[1] = 1;
		ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_MEMORY, &batch));
		/* Before the answer, or after it: never mixed. */
		if (item.result != -ESTALE) {
			ASSERT_EQ(BIG, item.result);
			EXPECT_EQ('y', big[0]);
			EXPECT_EQ('y', big[BIG - 1]);
		}
		pthread_join(thread, NULL);
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
		EXPECT_EQ(getpid(), r);
		EXPECT_EQ(1, shared->flag[3]);
		memset(big, 0, BIG);
	}
	munmap(mem, BIG);
}

/* Reads into a page that is not there: it is busy with the thread until that comes. */
static void *reads_slowly(void *arg)
{
	struct kmview_memory *item = arg;
	struct kmview_batch batch = {
		.items = (unsigned long)item, .count = 1, .item_size = sizeof(*item),
	};

	shared->count[2] = km_ioctl(shared->flag[2], KMVIEW_MEMORY, &batch);
	return NULL;
}

/* Of a thread that is let go no END comes, whoever is still busy with it, and whatever it does. */
TEST_F(memory, no_end_after_a_detach)
{
	struct kmview_thread tracee = { .thread = self->event.thread };
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (unsigned long)page, .len = PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_zeropage zero = { .range = range.range };
	struct kmview_memory item = {
		.ticket = self->event.ticket, .address = (unsigned long)area,
		.buffer = (unsigned long)page, .len = 8, .op = KMVIEW_MEMORY_READ,
	};
	int uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct pollfd fault = { .fd = uffd, .events = POLLIN };
	pthread_t thread;

	if (uffd < 0)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_API, &api));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_REGISTER, &range));
	shared->flag[2] = self->fd;
	ASSERT_EQ(0, pthread_create(&thread, NULL, reads_slowly, &item));
	ASSERT_EQ(1, poll(&fault, 1, DEADLINE_MS));
	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_DETACH_THREAD, &tracee));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
	EXPECT_EQ(-EPIPE, km_next_within(self->fd, &self->event, DEADLINE_MS));
	ASSERT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, shared->count[2]);
	EXPECT_EQ(8, item.result);
	EXPECT_EQ(-EPIPE, km_next_within(self->fd, &self->event, DEADLINE_MS));
	close(uffd);
	munmap(page, PAGE);
}

TEST_HARNESS_MAIN
