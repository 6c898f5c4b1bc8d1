// SPDX-License-Identifier: GPL-2.0
/*
 * Real work under utrace_resumer, which stops and resumes every thread at every call, while
 * processes are killed, other engines come and go, and the module itself is unloaded. Nothing may
 * hang, and each stop is resumed once, or its thread is gone. Bounded by counts, not by time.
 */
#include <sched.h>

#include "ut.h"
#include "kselftest_harness.h"

#define RESUMER	"/sys/kernel/debug/utrace_resumer/"
#define WORKERS	4
#define VICTIMS	40
#define CHURNS	60
#define UNLOADS	6

/* --- the sample ------------------------------------------------------------------------------- */

static int load_resumer(int poll)
{
	const char *modules = getenv("UTRACE_MODULES") ?: "/lib/modules/utrace";
	char text[256];
	int fd, err;

	snprintf(text, sizeof(text), "%s/utrace_resumer.ko", modules);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(text, sizeof(text), "poll=%d", poll);
	err = syscall(__NR_finit_module, fd, text, 0) ? -errno : 0;
	close(fd);
	return err;
}

static int unload_resumer(void)
{
	return syscall(__NR_delete_module, "utrace_resumer", O_NONBLOCK) ? -errno : 0;
}

static int resume(pid_t pid)
{
	char text[16];
	int fd = open(RESUMER "attach", O_WRONLY);
	int n = snprintf(text, sizeof(text), "%d\n", pid), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, n) != n)
		err = -errno;
	close(fd);
	return err;
}

struct counts {
	long threads, stops, resumes, prepared, parked, stale, gone;
};

static int read_counts(struct counts *c)
{
	const struct {
		const char *name;
		long *value;
	} fields[] = {
		{ "threads", &c->threads }, { "stops", &c->stops }, { "resumes", &c->resumes },
		{ "found_prepared", &c->prepared }, { "found_parked", &c->parked },
		{ "stale", &c->stale }, { "gone", &c->gone },
	};
	FILE *file = fopen(RESUMER "counts", "r");
	unsigned int n, found = 0;
	char name[32];
	long value;

	if (!file)
		return -errno;
	while (fscanf(file, "%31s %ld", name, &value) == 2) {
		for (n = 0; n < ARRAY_SIZE(fields); n++) {
			if (!strcmp(name, fields[n].name)) {
				*fields[n].value = value;
				found++;
			}
		}
	}
	fclose(file);
	return found == ARRAY_SIZE(fields) ? 0 : -EIO;
}

/* --- the work --------------------------------------------------------------------------------- */

static void exec_true(void)
{
	execl("/bin/busybox", "true", NULL);
	_exit(1);
}

static __attribute__((noinline)) pid_t vfork_true(void)
{
	pid_t child = vfork();

	if (child == 0)
		exec_true();
	return child;
}

static __attribute__((noinline)) pid_t fork_true(void)
{
	pid_t child = fork();

	if (child == 0)
		exec_true();
	return child;
}

static void work_fork_exec(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		pid_t child = i % 2 ? fork_true() : vfork_true();
		int status;

		if (waitpid(child, &status, 0) != child || status)
			_exit(10);
	}
}

static void work_pipe(int rounds)
{
	int there[2], back[2], status;
	pid_t child;
	char c = 0;

	if (pipe(there) || pipe(back))
		_exit(11);
	child = fork();
	if (child == 0) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1)
			if (write(back[1], &c, 1) != 1)
				_exit(1);
		_exit(0);
	}
	close(there[0]);
	for (int i = 0; i < rounds; i++)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			_exit(12);
	close(there[1]);
	if (waitpid(child, &status, 0) != child || status)
		_exit(13);
	close(back[0]);
	close(back[1]);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile long total;

static void *thread_main(void *arg)
{
	for (long i = 0; i < (long)arg; i++) {
		pthread_mutex_lock(&mutex);
		total++;
		sched_yield();
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void work_threads(int rounds)
{
	pthread_t threads[4];

	total = 0;
	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, thread_main, (void *)(long)rounds))
			_exit(14);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	if (total != 4 * rounds)
		_exit(15);
}

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	signals++;
}

static void work_signals(int rounds)
{
	static const struct timespec shortly = { .tv_nsec = 1000 };
	pid_t self = getpid();

	signal(SIGUSR1, on_signal);
	signals = 0;
	for (int i = 0; i < rounds; i++) {
		kill(self, SIGUSR1);
		nanosleep(&shortly, NULL);
	}
	if (signals != rounds)
		_exit(16);
}

static void worker(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		work_fork_exec(3);
		work_pipe(40);
		work_threads(15);
		work_signals(20);
	}
	_exit(0);
}

/* --- the tests -------------------------------------------------------------------------------- */

FIXTURE(torture)
{
	pid_t workers[WORKERS];
	int fd;
};

FIXTURE_VARIANT(torture)
{
	int poll;
};

FIXTURE_VARIANT_ADD(torture, sleeping_resumer) { .poll = 0 };
FIXTURE_VARIANT_ADD(torture, polling_resumer) { .poll = 1 };

FIXTURE_SETUP(torture)
{
	self->fd = UT_OPEN();
	ut_share();
	unload_resumer();
	ASSERT_EQ(0, load_resumer(variant->poll));
}

FIXTURE_TEARDOWN(torture)
{
	for (int i = 0; i < WORKERS; i++) {
		if (self->workers[i] > 0) {
			kill(self->workers[i], SIGKILL);
			wait_child(self->workers[i]);
		}
	}
	close(self->fd);
	unload_resumer();
}

static void start_workers(struct __test_metadata *_metadata, FIXTURE_DATA(torture) *self, int rounds)
{
	shared->flag[0] = 0;
	for (int i = 0; i < WORKERS; i++) {
		pid_t child = fork();

		if (child == 0) {
			/* Sessions end when the test closes them. */
			close(self->fd);
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			while (!shared->flag[0])
				usleep(1000);
			worker(rounds);
		}
		self->workers[i] = child;
		ASSERT_GT(child, 0);
		ASSERT_EQ(0, resume(child));
	}
	shared->flag[0] = 1;
}

static void expect_all_done(struct __test_metadata *_metadata, FIXTURE_DATA(torture) *self)
{
	for (int i = 0; i < WORKERS; i++) {
		int status = 0;

		/* While there is progress there is no deadline but the test's own. */
		ASSERT_EQ(self->workers[i], waitpid(self->workers[i], &status, 0));
		EXPECT_TRUE(ended_with(status, 0)) TH_LOG("worker %d: status 0x%x", i, status);
		self->workers[i] = 0;
	}
}

static void expect_balance(struct __test_metadata *_metadata)
{
	struct counts c = { 0 };

	/* The last resumes may be under way. */
	EXPECT_EQ(0, wait_until(!read_counts(&c) && c.stops == c.resumes + c.stale + c.gone));
	TH_LOG("threads %ld, stops %ld, found prepared %ld, parked %ld, stale %ld, gone %ld",
	       c.threads, c.stops, c.prepared, c.parked, c.stale, c.gone);
	EXPECT_GT(c.stops, 0);
	EXPECT_EQ(c.stops, c.resumes + c.gone);
	EXPECT_EQ(0, c.stale);
}

TEST_F_TIMEOUT(torture, work, 200)
{
	start_workers(_metadata, self, 4);
	expect_all_done(_metadata, self);
	expect_balance(_metadata);
	EXPECT_EQ(0, unload_resumer());
}

/* Processes that would go on for ever, killed at any moment. */
TEST_F_TIMEOUT(torture, kills, 200)
{
	unsigned int seed = 1;

	start_workers(_metadata, self, 1);
	for (int i = 0; i < VICTIMS; i++) {
		pid_t victim = fork();
		int err;

		if (victim == 0) {
			close(self->fd);
			for (;;) {
				if (i % 4 == 0)
					work_fork_exec(1);
				else if (i % 4 == 1)
					work_threads(3);
				else
					raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
			}
		}
		ASSERT_GT(victim, 0);
		err = resume(victim);
		EXPECT_EQ(0, err);
		usleep(rand_r(&seed) % 5000);
		ASSERT_EQ(0, kill(victim, SIGKILL));
		EXPECT_TRUE(ended_by(wait_child(victim), SIGKILL));
	}
	expect_all_done(_metadata, self);
	expect_balance(_metadata);
	EXPECT_EQ(0, unload_resumer());
}

/* Engines of others come to the same threads, stop them, and go. */
TEST_F_TIMEOUT(torture, attach_and_detach, 200)
{
	unsigned int seed = 2;

	start_workers(_metadata, self, 2);
	for (int i = 0; i < CHURNS; i++) {
		pid_t pid = self->workers[i % WORKERS];
		int fd = ut_open();
		int engine = ut_attach(fd, pid, 0);
		__u64 ticket = 0;

		ASSERT_GE(fd, 0);
		ASSERT_GE(engine, 0);
		ut_on(fd, engine, UT_SYSCALL_ENTRY, -1, UT_RESUME, UT_F_QUIET, 0);
		ut_on(fd, engine, UT_SYSCALL_EXIT, -1, UT_STOP, UT_F_QUIET | UT_F_RESUME_TICKET, 0);
		ut_op(fd, UT_SET_EVENTS, engine, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT | UT_QUIESCE);
		if (i % 3 == 0 && ut_stop(fd, engine, &ticket) >= 0) {
			usleep(rand_r(&seed) % 1000);
			if (i % 2)
				ut_resume(fd, engine, ticket);
		}
		if (i % 5 == 0)
			ut_control(fd, engine, UT_INTERRUPT);
		usleep(rand_r(&seed) % 2000);
		if (i % 4)
			ut_op(fd, UT_DROP, engine, 0);
		close(fd);
	}
	expect_all_done(_metadata, self);
	expect_balance(_metadata);
	EXPECT_EQ(0, unload_resumer());
}

/* History 14, 23: the module goes while its threads are parked, about to park, or on the way. */
TEST_F_TIMEOUT(torture, unload, 200)
{
	unsigned int seed = 3;

	for (int i = 0; i < UNLOADS; i++) {
		start_workers(_metadata, self, 1);
		usleep(rand_r(&seed) % 30000);
		ASSERT_EQ(0, unload_resumer());
		expect_all_done(_metadata, self);
		ASSERT_EQ(0, load_resumer(variant->poll));
	}
}

TEST_HARNESS_MAIN
