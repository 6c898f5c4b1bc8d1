// SPDX-License-Identifier: GPL-2.0
/*
 * KMVIEW_SNAPSHOT: what a monitor has checked, or given, is what the call uses, whatever the other
 * threads of the process do.
 */
#include <sys/stat.h>
#include <sys/uio.h>

#include "km.h"
#include "kselftest_harness.h"

#define GOOD	"/dev/null"
#define BAD	"/nev/dull"

/* Calls are made on what is in shared->text, which test and tracee both write. */
FIXTURE(snapshot)
{
	struct tracee tracee;
	struct kmview_event event;
	int fd;
};

FIXTURE_SETUP(snapshot)
{
	struct kmview_options options = { .at_close = KMVIEW_AT_CLOSE_DETACH };
	struct kmview_event new;

	self->fd = KM_OPEN();
	ut_share();
	strcpy(shared->text, GOOD);
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	/* The process's other threads are not meant. */
	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_SET_OPTIONS, &options));
	ASSERT_EQ(0, km_entries(self->fd, __NR_access));
	ASSERT_EQ(0, km_attach(self->fd, self->tracee.pid, 0, NULL));
	ASSERT_EQ(0, km_next(self->fd, &new, KMVIEW_EVENT_NEW));
}

FIXTURE_TEARDOWN(snapshot)
{
	tracee_end(&self->tracee);
	close(self->fd);
}

#define NEXT(kind) ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_##kind))

static int snapshot(int fd, __u64 ticket, unsigned int arg, unsigned int type, const void *buffer,
		    unsigned int len, unsigned int flags)
{
	struct kmview_snapshot request = {
		.ticket = ticket, .arg = arg, .type = type, .buffer = (unsigned long)buffer,
		.len = len, .flags = flags,
	};

	return km_ioctl(fd, KMVIEW_SNAPSHOT, &request);
}

#define STRING(arg, buffer, len) \
	snapshot(self->fd, self->event.ticket, arg, KMVIEW_SNAPSHOT_STRING, buffer, len, 0)
#define BUFFER(arg, buffer, len) \
	snapshot(self->fd, self->event.ticket, arg, KMVIEW_SNAPSHOT_BUFFER, buffer, len, 0)
#define GIVE(arg, text) \
	snapshot(self->fd, self->event.ticket, arg, KMVIEW_SNAPSHOT_STRING, text, \
		 strlen(text) + 1, KMVIEW_SNAPSHOT_GIVE)

/* Makes a call; gives what it gave, if the registers are as they were before. */
static long do_keeping(long *args)
{
	register long rdi asm("rdi") = args[1], rsi asm("rsi") = args[2], rdx asm("rdx") = args[3];
	long result;

	asm volatile("syscall" : "=a"(result), "+r"(rdi), "+r"(rsi), "+r"(rdx)
		     : "0"(args[0]) : "rcx", "r11", "memory");
	if (rdi != args[1] || rsi != args[2] || rdx != args[3])
		return -9999;
	return result;
}

/* To the event of a call. */
#define BEGIN(...) ({								\
	ASSERT_EQ(0, tracee_run(&self->tracee, do_keeping, __VA_ARGS__));	\
	NEXT(ENTRY);								\
})
#define BEGIN_ACCESS() BEGIN(__NR_access, (long)shared->text, F_OK)

#define EXPECT_RESULT(expected) ({						\
	long _r;								\
	ASSERT_EQ(0, tracee_result(&self->tracee, &_r));			\
	EXPECT_EQ(expected, _r);						\
})

#define RUN() ASSERT_EQ(0, km_run(self->fd, self->event.ticket))

/* The areas for copies that a process has; in @first where one is, in @size how large. */
static int areas_of(pid_t pid, unsigned long *first, unsigned long *size)
{
	char path[64], line[256];
	unsigned long start, end;
	int count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (!strstr(line, "[kmview]") || sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		if (!count++ && first) {
			*first = start;
			*size = end - start;
		}
	}
	if (file)
		fclose(file);
	return count;
}

TEST_F(snapshot, string_is_given_and_used)
{
	char text[64];

	BEGIN_ACCESS();
	ASSERT_EQ(sizeof(GOOD), STRING(0, text, sizeof(text)));
	EXPECT_STREQ(GOOD, text);
	strcpy(shared->text, BAD);
	RUN();
	EXPECT_RESULT(0);
	BEGIN_ACCESS();
	ASSERT_EQ(sizeof(BAD), STRING(0, text, sizeof(BAD)));
	EXPECT_STREQ(BAD, text);
	strcpy(shared->text, GOOD);
	RUN();
	EXPECT_RESULT(-ENOENT);
	/* And without one as it is. */
	BEGIN_ACCESS();
	RUN();
	EXPECT_RESULT(0);
	EXPECT_TRUE(km_quiet(self->fd));
}

TEST_F(snapshot, other_string_is_given)
{
	char text[64];

	strcpy(shared->text, BAD);
	BEGIN_ACCESS();
	ASSERT_EQ(sizeof(BAD), STRING(0, text, sizeof(text)));
	ASSERT_EQ(sizeof(GOOD), GIVE(0, GOOD));
	/* What the argument points to now. */
	ASSERT_EQ(sizeof(GOOD), STRING(0, text, sizeof(text)));
	EXPECT_STREQ(GOOD, text);
	RUN();
	EXPECT_RESULT(0);
	EXPECT_STREQ(BAD, shared->text);
	/* Also when what the program gave was no string at all. */
	BEGIN(__NR_access, 8, F_OK);
	ASSERT_EQ(-EFAULT, STRING(0, text, sizeof(text)));
	ASSERT_EQ(sizeof(GOOD), GIVE(0, GOOD));
	RUN();
	EXPECT_RESULT(0);
}

TEST_F(snapshot, every_length)
{
	static char bytes[4096], text[4097];

	BEGIN_ACCESS();
	memset(bytes, '/', sizeof(bytes));
	bytes[4095] = 0;
	ASSERT_EQ(4096, snapshot(self->fd, self->event.ticket, 0, KMVIEW_SNAPSHOT_STRING, bytes, 4096,
				 KMVIEW_SNAPSHOT_GIVE));
	EXPECT_EQ(4096, STRING(0, text, 4096));
	EXPECT_EQ(0, memcmp(text, bytes, 4096));
	EXPECT_EQ(-ENAMETOOLONG, STRING(0, text, 4095));
	RUN();
	EXPECT_RESULT(0);
	/* A buffer has no end of its own. */
	ASSERT_EQ(0, km_entries(self->fd, __NR_pwrite64));
	strcpy(shared->text, "abcdefgh");
	BEGIN(__NR_pwrite64, 1000, (long)shared->text, 8);
	ASSERT_EQ(8, BUFFER(1, text, 8));
	EXPECT_EQ(0, memcmp("abcdefgh", text, 8));
	EXPECT_EQ(0, BUFFER(1, text, 0));
	RUN();
	EXPECT_RESULT(-EBADF);
}

TEST_F(snapshot, wrong_requests)
{
	static char text[8192];
	__u64 ticket;

	memset(text, 'x', sizeof(text));
	BEGIN_ACCESS();
	ticket = self->event.ticket;
	EXPECT_EQ(-EINVAL, STRING(6, text, 10));
	EXPECT_EQ(-EINVAL, STRING(0, text, 4097));
	EXPECT_EQ(-EINVAL, snapshot(self->fd, ticket, 0, 3, text, 10, 0));
	EXPECT_EQ(-EINVAL, snapshot(self->fd, ticket, 0, KMVIEW_SNAPSHOT_STRING, text, 10, 2));
	EXPECT_EQ(-ENAMETOOLONG, STRING(0, text, sizeof(GOOD) - 1));
	EXPECT_EQ(-ENAMETOOLONG, STRING(0, text, 0));
	EXPECT_EQ(-EFAULT, BUFFER(1, text, 1));
	EXPECT_EQ(-EFAULT, STRING(0, NULL, 100));
	/* No NUL in it; not there. */
	EXPECT_EQ(-EINVAL, snapshot(self->fd, ticket, 0, KMVIEW_SNAPSHOT_STRING, "xx", 2,
				    KMVIEW_SNAPSHOT_GIVE));
	EXPECT_EQ(-EFAULT, snapshot(self->fd, ticket, 0, KMVIEW_SNAPSHOT_STRING, NULL, 2,
				    KMVIEW_SNAPSHOT_GIVE));
	EXPECT_EQ(-ESTALE, snapshot(self->fd, ticket + 1, 0, KMVIEW_SNAPSHOT_STRING, text, 10, 0));
	RUN();
	EXPECT_RESULT(0);
	EXPECT_EQ(-ESTALE, STRING(0, text, 64));
	/* Only before the call. */
	ASSERT_EQ(0, km_entries(self->fd, -1));
	ASSERT_EQ(0, km_returns(self->fd, __NR_access));
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_access, (long)shared->text, F_OK));
	NEXT(RETURN);
	EXPECT_EQ(-EINVAL, STRING(0, text, 64));
	RUN();
	EXPECT_RESULT(0);
}

TEST_F(snapshot, several_arguments)
{
	char from[64], to[64], text[64];

	snprintf(from, sizeof(from), "/tmp/km-from-%d", getpid());
	snprintf(to, sizeof(to), "/tmp/km-to-%d", getpid());
	close(open(from, O_CREAT | O_CLOEXEC, 0600));
	ASSERT_EQ(0, km_entries(self->fd, __NR_rename));
	strcpy(shared->text, from);
	BEGIN(__NR_rename, (long)shared->text, (long)shared->text);
	ASSERT_LT(0, STRING(0, text, sizeof(text)));
	ASSERT_LT(0, GIVE(1, to));
	strcpy(shared->text, BAD);
	RUN();
	EXPECT_RESULT(0);
	EXPECT_FALSE(exists(from));
	EXPECT_TRUE(exists(to));
	unlink(to);
	EXPECT_EQ(1, areas_of(self->tracee.pid, NULL, NULL));
}

TEST_F(snapshot, buffer_is_written)
{
	char path[64], text[16];
	long fd;
	int ours;

	snprintf(path, sizeof(path), "/tmp/km-%d", getpid());
	strcpy(shared->text, path);
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_open, (long)shared->text, O_RDWR | O_CREAT, 0600));
	ASSERT_EQ(0, tracee_result(&self->tracee, &fd));
	ASSERT_GE(fd, 3);
	ASSERT_EQ(0, km_entries(self->fd, __NR_pwrite64));
	strcpy(shared->text, "checked");
	BEGIN(__NR_pwrite64, fd, (long)shared->text, 7);
	ASSERT_EQ(7, BUFFER(1, text, 7));
	EXPECT_EQ(0, memcmp("checked", text, 7));
	strcpy(shared->text, "changed");
	RUN();
	EXPECT_RESULT(7);
	ours = open(path, O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(7, read(ours, text, 7));
	EXPECT_EQ(0, memcmp("checked", text, 7));
	close(ours);
	unlink(path);
}

/* A call that would write there fails. */
TEST_F(snapshot, input_only)
{
	char text[64];

	ASSERT_EQ(0, km_entries(self->fd, __NR_getcwd));
	BEGIN(__NR_getcwd, (long)shared->text, 64);
	ASSERT_EQ(64, BUFFER(0, text, 64));
	RUN();
	EXPECT_RESULT(-EFAULT);
}

/* Whatever else the answer says. */
TEST_F(snapshot, set_args_leave_the_copy)
{
	char text[64];

	BEGIN(__NR_access, (long)shared->text, 077);
	ASSERT_EQ(sizeof(GOOD), STRING(0, text, sizeof(text)));
	strcpy(shared->text, BAD);
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .flags = KMVIEW_SET_ARGS,
		.args = { (unsigned long)shared->text, F_OK } }));
	EXPECT_RESULT(0);
}

/* Afterwards the program finds its arguments as they were: it counts on that. */
TEST_F(snapshot, changed_arguments_are_restored)
{
	struct kmview_event event, new;
	int inner = KM_OPEN();

	ASSERT_EQ(0, km_entries(inner, __NR_access));
	ASSERT_EQ(0, km_attach(inner, self->tracee.pid, 0, NULL));
	ASSERT_EQ(0, km_next(inner, &new, KMVIEW_EVENT_NEW));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_keeping, __NR_access, 8, 077, 5));
	ASSERT_EQ(0, km_next(inner, &event, KMVIEW_EVENT_ENTRY));
	ASSERT_EQ(0, km_answer(inner, (struct kmview_answer) {
		.ticket = event.ticket, .flags = KMVIEW_SET_ARGS, .args = { 9, 076, 6 } }));
	NEXT(ENTRY);
	EXPECT_EQ(9, self->event.entry.args[0]);
	EXPECT_EQ(076, self->event.entry.args[1]);
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .flags = KMVIEW_SET_ARGS,
		.args = { (unsigned long)shared->text, F_OK, 6 } }));
	EXPECT_RESULT(0);
	close(inner);
}

TEST_F(snapshot, of_nested_sessions)
{
	struct kmview_event event, new;
	int inner = KM_OPEN();
	char text[64];

	ASSERT_EQ(0, km_entries(inner, __NR_access));
	ASSERT_EQ(0, km_attach(inner, self->tracee.pid, 0, NULL));
	ASSERT_EQ(0, km_next(inner, &new, KMVIEW_EVENT_NEW));
	for (int i = 0; i < 3; i++) {
		strcpy(shared->text, BAD);
		ASSERT_EQ(0, tracee_run(&self->tracee, do_keeping, __NR_access, (long)shared->text, F_OK));
		ASSERT_EQ(0, km_next(inner, &event, KMVIEW_EVENT_ENTRY));
		ASSERT_EQ(sizeof(BAD), snapshot(inner, event.ticket, 0, KMVIEW_SNAPSHOT_STRING, text,
						sizeof(text), 0));
		ASSERT_EQ(sizeof(GOOD), snapshot(inner, event.ticket, 0, KMVIEW_SNAPSHOT_STRING, GOOD,
						 sizeof(GOOD), KMVIEW_SNAPSHOT_GIVE));
		ASSERT_EQ(0, km_run(inner, event.ticket));
		/* The outer one sees what the inner one has made of it, and may change that. */
		NEXT(ENTRY);
		EXPECT_NE((unsigned long)shared->text, self->event.entry.args[0]);
		if (i) {
			ASSERT_EQ(sizeof(GOOD), STRING(0, text, sizeof(text)));
			EXPECT_STREQ(GOOD, text);
		}
		if (i == 2)
			ASSERT_EQ(sizeof("/none"), GIVE(0, "/none"));
		RUN();
		EXPECT_RESULT(i == 2 ? -ENOENT : 0);
	}
	EXPECT_EQ(1, areas_of(self->tracee.pid, NULL, NULL));
	close(inner);
}

/* The copy stays when its session does not. */
TEST_F(snapshot, detached)
{
	char text[64];

	BEGIN_ACCESS();
	ASSERT_EQ(sizeof(GOOD), STRING(0, text, sizeof(text)));
	strcpy(shared->text, BAD);
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .action = KMVIEW_DETACH }));
	EXPECT_RESULT(0);
}

static void nothing(int signal)
{
	shared->count[1]++;
}

static long do_handler(long *args)
{
	struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART };

	return sigaction(SIGUSR1, &action, NULL);
}

/* In a call that takes its time. */
TEST_F(snapshot, restarted_and_closed_while_the_call_runs)
{
	char path[64], text[64];
	int fd;
	long r;

	snprintf(path, sizeof(path), "/tmp/km-fifo-%d", getpid());
	ASSERT_EQ(0, mkfifo(path, 0600));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_handler));
	EXPECT_RESULT(0);
	ASSERT_EQ(0, km_entries(self->fd, __NR_open));
	strcpy(shared->text, path);
	BEGIN(__NR_open, (long)shared->text, O_RDONLY);
	ASSERT_LT(0, STRING(0, text, sizeof(text)));
	strcpy(shared->text, BAD);
	RUN();
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	/* It is made again, with what the program gave. */
	strcpy(shared->text, path);
	ASSERT_EQ(0, kill(self->tracee.pid, SIGUSR1));
	NEXT(ENTRY);
	EXPECT_EQ(1, shared->count[1]);
	EXPECT_EQ((unsigned long)shared->text, self->event.entry.args[0]);
	ASSERT_LT(0, STRING(0, text, sizeof(text)));
	EXPECT_STREQ(path, text);
	RUN();
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	close(self->fd);
	self->fd = -1;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_LE(3, r);
	close(fd);
	unlink(path);
}

TEST_F(snapshot, killed_with_a_copy)
{
	char text[64];

	BEGIN_ACCESS();
	ASSERT_EQ(sizeof(GOOD), STRING(0, text, sizeof(text)));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
	EXPECT_EQ(-ESTALE, STRING(0, text, sizeof(text)));
}

/* --- an area is nobody's but the kernel's ---------------------------------------------------- */

#define MADV_GUARD_INSTALL_	102

/* Tries to change an area from within its process. Gives how many attempts seem to have succeeded. */
static int attack(char *area, size_t size)
{
	char byte = '!';
	struct iovec local = { &byte, 1 }, remote = { area, 1 };
	int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC), zero = open("/dev/zero", O_RDONLY);
	char *other = mmap(NULL, 16 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int done = 0, bit = 0;

#define TRY(call) (done |= ((call) != -1) << bit++)
	TRY(munmap(area, size));
	TRY(munmap(area, 4096));
	TRY(munmap(area - 4096, size + 8192));
	TRY((long)mremap(area, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, other));
	TRY((long)mremap(area, size, 2 * size, MREMAP_MAYMOVE));
	TRY((long)mremap(area, 0, size, MREMAP_MAYMOVE));
	TRY((long)mremap(other, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, area));
	TRY(mprotect(area, size, PROT_READ | PROT_WRITE));
	TRY(mprotect(area, 4096, PROT_NONE));
	TRY(syscall(__NR_pkey_mprotect, area, size, PROT_READ | PROT_WRITE, -1));
	TRY((long)mmap(area, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	TRY((long)mmap(area - 4096, size + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	TRY(syscall(__NR_remap_file_pages, area, 4096, 0, 1, 0));
	TRY(madvise(area, size, MADV_REMOVE));
	TRY(madvise(area, size, MADV_FREE));
	TRY(madvise(area, size, MADV_DOFORK));
	TRY(madvise(area, size, MADV_DODUMP));
	TRY(madvise(area, 4096, MADV_GUARD_INSTALL_));
	TRY(madvise(area, 4096, MADV_RANDOM));
	TRY(pwrite(mem, &byte, 1, (long)area));
	TRY(process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
	TRY(read(zero, area, 1));
#undef TRY
	/* These may be done, and do nothing. */
	madvise(area, size, MADV_DONTNEED);
	madvise(area, size, MADV_PAGEOUT);
	mlock(area, size);
	munlock(area, size);
	munmap(other, 16 * 4096);
	close(mem);
	close(zero);
	if (done)
		fprintf(stderr, "# attempts that succeeded: %#x\n", done);
	return __builtin_popcount(done);
}

/* Of the tracee: another thread, that attacks when it is told to. */
static void *attacker(void *arg)
{
	unsigned long area, size;

	for (;;) {
		while (!shared->flag[0])
			usleep(100);
		if (areas_of(getpid(), &area, &size) == 1)
			shared->count[0] = attack((char *)area, size);
		else
			shared->count[0] = -1;
		shared->flag[0] = 0;
	}
	return NULL;
}

static long do_attacker(long *args)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, attacker, NULL);
}

TEST_F(snapshot, area_cannot_be_changed)
{
	unsigned long area, size;
	char text[64];

	ASSERT_EQ(0, tracee_run(&self->tracee, do_attacker));
	EXPECT_RESULT(0);
	for (int i = 0; i < 2; i++) {
		strcpy(shared->text, i ? BAD : GOOD);
		BEGIN_ACCESS();
		ASSERT_EQ(sizeof(GOOD), STRING(0, text, sizeof(text)));
		EXPECT_STREQ(i ? BAD : GOOD, text);
		strcpy(shared->text, i ? GOOD : BAD);
		ASSERT_EQ(1, areas_of(self->tracee.pid, &area, &size));
		shared->flag[0] = 1;
		ASSERT_EQ(0, wait_until(!shared->flag[0]));
		EXPECT_EQ(0, shared->count[0]);
		ASSERT_EQ(1, areas_of(self->tracee.pid, &area, &size));
		RUN();
		EXPECT_RESULT(i ? -ENOENT : 0);
	}
}

/* Not by a debugger, not by the monitor either. */
TEST_F(snapshot, area_cannot_be_written_from_outside)
{
	unsigned long area, size;
	struct kmview_memory item;
	struct kmview_batch batch = { .items = (unsigned long)&item, .count = 1, .item_size = sizeof(item) };
	char path[64], text[64];
	int mem;

	BEGIN_ACCESS();
	ASSERT_EQ(sizeof(GOOD), STRING(0, text, sizeof(text)));
	ASSERT_EQ(1, areas_of(self->tracee.pid, &area, &size));
	snprintf(path, sizeof(path), "/proc/%d/mem", self->tracee.pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	EXPECT_EQ(-1, pwrite(mem, "!", 1, area));
	/* But seen. */
	EXPECT_EQ(sizeof(GOOD), pread(mem, text, sizeof(GOOD), area));
	EXPECT_STREQ(GOOD, text);
	item = (struct kmview_memory) {
		.ticket = self->event.ticket, .address = area, .buffer = (unsigned long)"!", .len = 1,
		.op = KMVIEW_MEMORY_WRITE };
	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_MEMORY, &batch));
	EXPECT_EQ(-EFAULT, item.result);
	close(mem);
	RUN();
	EXPECT_RESULT(0);
}

/* Of the tracee: another thread that does all it can, all the time. */
static void *storm(void *arg)
{
	unsigned long area, size;

	for (int i = 0;; i++) {
		memcpy(shared->text, i & 1 ? BAD : GOOD, sizeof(GOOD));
		/* With either text. */
		if (i % 63 == 0 && areas_of(getpid(), &area, &size) > 0)
			attack((char *)area, size);
		shared->count[0]++;
	}
	return NULL;
}

static long do_storm(long *args)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, storm, NULL);
}

TEST_F_TIMEOUT(snapshot, checked_is_used, 200)
{
	int good = 0, bad = 0, wrong = 0;
	char text[64];

	ASSERT_EQ(0, tracee_run(&self->tracee, do_storm));
	EXPECT_RESULT(0);
	for (int i = 0; i < 500; i++) {
		bool is_good;
		long r;

		BEGIN_ACCESS();
		ASSERT_EQ(sizeof(GOOD), STRING(0, text, sizeof(text)));
		is_good = !strcmp(text, GOOD);
		RUN();
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
		good += is_good;
		bad += !is_good;
		wrong += r != (is_good ? 0 : -ENOENT);
	}
	TH_LOG("%d good, %d others", good, bad);
	EXPECT_EQ(0, wrong);
	EXPECT_GT(good, 0);
	EXPECT_GT(bad, 0);
}

/* --- areas and processes --------------------------------------------------------------------- */

static void *one_access(void *arg)
{
	shared->count[2] += raw_syscall(__NR_access, (long)shared->text, F_OK, 0, 0, 0, 0);
	return NULL;
}

/* Threads, one after the other. */
static long do_threads(long *args)
{
	for (int i = 0; i < args[0]; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, one_access, NULL))
			return -EAGAIN;
		pthread_join(thread, NULL);
	}
	return 0;
}

static long do_fork(long *args)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (args[0])
			execl("/proc/self/exe", "kmview_snapshot", "--areas", NULL);
		_exit(areas_of(getpid(), NULL, NULL));
	}
	return wait_child(pid);
}

TEST_F(snapshot, areas_are_used_again)
{
	struct kmview_options options = { .follow = KMVIEW_FOLLOW_THREADS };
	struct kmview_event event;
	char text[64];
	int calls = 0;

	BEGIN_ACCESS();
	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_SET_OPTIONS, &options));
	RUN();
	EXPECT_RESULT(0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_threads, 40));
	while (calls < 40) {
		ASSERT_EQ(0, km_next_within(self->fd, &event, DEADLINE_MS));
		if (event.kind != KMVIEW_EVENT_ENTRY)
			continue;
		calls++;
		ASSERT_EQ(sizeof(GOOD), snapshot(self->fd, event.ticket, 0, KMVIEW_SNAPSHOT_STRING, text,
						 sizeof(text), 0));
		ASSERT_EQ(0, km_run(self->fd, event.ticket));
	}
	EXPECT_RESULT(0);
	EXPECT_EQ(0, shared->count[2]);
	/* The thread before may not be quite gone. */
	EXPECT_LE(areas_of(self->tracee.pid, NULL, NULL), 4);
}

TEST_F(snapshot, neither_fork_nor_exec_has_an_area)
{
	char text[64];

	BEGIN_ACCESS();
	ASSERT_EQ(sizeof(GOOD), STRING(0, text, sizeof(text)));
	RUN();
	EXPECT_RESULT(0);
	EXPECT_EQ(1, areas_of(self->tracee.pid, NULL, NULL));
	ASSERT_EQ(0, km_entries(self->fd, -1));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork, 0));
	EXPECT_RESULT(0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_fork, 1));
	EXPECT_RESULT(0);
	EXPECT_EQ(1, areas_of(self->tracee.pid, NULL, NULL));
}

static long do_vfork(long *args)
{
	static volatile long result;
	pid_t pid;

	result = -1;
	pid = vfork();
	if (pid == 0) {
		result = raw_syscall(__NR_access, (long)shared->text, F_OK, 0, 0, 0, 0);
		execl("/proc/self/exe", "kmview_snapshot", "--areas", NULL);
		_exit(99);
	}
	return wait_child(pid) ?: result;
}

/* A child in the memory of its parent, which then has one of its own. */
TEST_F(snapshot, vfork_and_exec)
{
	struct kmview_options options = { .follow = KMVIEW_FOLLOW_PROCESSES };
	struct kmview_event event;
	char text[64];

	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_SET_OPTIONS, &options));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, tracee_run(&self->tracee, do_vfork));
		do {
			ASSERT_EQ(0, km_next_within(self->fd, &event, DEADLINE_MS));
		} while (event.kind != KMVIEW_EVENT_ENTRY);
		ASSERT_EQ(sizeof(GOOD), snapshot(self->fd, event.ticket, 0, KMVIEW_SNAPSHOT_STRING, text,
						 sizeof(text), 0));
		ASSERT_EQ(0, km_run(self->fd, event.ticket));
		EXPECT_RESULT(0);
		EXPECT_EQ(1, areas_of(self->tracee.pid, NULL, NULL));
	}
}

/* Of 32-bit calls the copy is where they can see it. */
static long do_access32(long *args)
{
	char *text = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long result, rbx = (long)text;

	if (text == MAP_FAILED)
		return -ENOMEM;
	strcpy(text, shared->text);
	/* access */
	asm volatile("int $0x80" : "=a"(result), "+b"(rbx) : "0"(33L), "c"(0L)
		     : "memory", "r8", "r9", "r10", "r11");
	if (rbx != (long)text)
		result = -9999;
	munmap(text, 4096);
	return (int)result;
}

TEST_F(snapshot, of_32_bit_calls)
{
	char text[64];
	long r;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_access32));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	if (r == -ENOSYS)
		SKIP(return, "no 32-bit calls");
	ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_ENTRY, KMVIEW_ABI_COMPAT, 33));
	for (int i = 0; i < 4; i++) {
		strcpy(shared->text, BAD);
		if (i & 1) {
			ASSERT_EQ(0, tracee_run(&self->tracee, do_access32));
			NEXT(ENTRY);
		} else {
			BEGIN_ACCESS();
		}
		ASSERT_EQ(sizeof(BAD), STRING(0, text, sizeof(text)));
		EXPECT_STREQ(BAD, text);
		ASSERT_EQ(sizeof(GOOD), GIVE(0, GOOD));
		RUN();
		EXPECT_RESULT(0);
	}
	/* Below 4 GiB, one is for both. */
	EXPECT_LE(areas_of(self->tracee.pid, NULL, NULL), 2);
}

/* Of the tracee: has the pages of an area in a pipe, as a socket may have what is to be sent. */
static long do_pin(long *args)
{
	unsigned long area, size;
	struct iovec vector;
	int ends[2];

	if (areas_of(getpid(), &area, &size) != 1 || pipe(ends))
		return -1;
	vector = (struct iovec) { (void *)area, 4096 };
	return vmsplice(ends[1], &vector, 1, 0) == 4096 ? ends[0] : -errno;
}

/* What a call has given away without copying is not written again. */
TEST_F(snapshot, what_is_on_its_way_stays)
{
	char text[64];
	long fd, r;

	BEGIN_ACCESS();
	ASSERT_EQ(sizeof(GOOD), STRING(0, text, sizeof(text)));
	RUN();
	EXPECT_RESULT(0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_pin));
	ASSERT_EQ(0, tracee_result(&self->tracee, &fd));
	ASSERT_GE(fd, 3);
	strcpy(shared->text, BAD);
	BEGIN_ACCESS();
	ASSERT_EQ(sizeof(BAD), STRING(0, text, sizeof(text)));
	RUN();
	EXPECT_RESULT(-ENOENT);
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_read, fd, (long)shared->text, sizeof(GOOD)));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(sizeof(GOOD), r);
	EXPECT_STREQ(GOOD, shared->text);
	EXPECT_EQ(2, areas_of(self->tracee.pid, NULL, NULL));
}

/* The program that do_fork and do_vfork load. */
__attribute__((constructor)) static void tell_areas(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--areas"))
		_exit(areas_of(getpid(), NULL, NULL));
}

TEST_HARNESS_MAIN
