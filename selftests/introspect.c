// SPDX-License-Identifier: GPL-2.0
/*
 * What can be seen from outside: the files engines and counters in debugfs, the tracepoints.
 */
#include <linux/perf_event.h>

#include "ut.h"
#include "kselftest_harness.h"

#define DEBUGFS	"/sys/kernel/debug/utrace/"
#define TRACEFS	"/sys/kernel/tracing/"
#define ENGINES	100

FIXTURE(introspect)
{
	struct tracee tracee;
	int fd;
};

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

FIXTURE_SETUP(introspect)
{
	self->fd = UT_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
}

FIXTURE_TEARDOWN(introspect)
{
	put(TRACEFS "events/utrace/enable", "0");
	tracee_end(&self->tracee);
	close(self->fd);
}

/* How many lines of a file have all of the texts in them (NULL: none); the last of them in @found. */
static int lines_with(const char *path, const char *a, const char *b, char *found)
{
	FILE *file = fopen(path, "r");
	size_t size = 0;
	char *line = NULL;
	int count = 0;

	if (!file)
		return -errno;
	while (getline(&line, &size, file) > 0) {
		if (!strstr(line, a) || (b && !strstr(line, b)))
			continue;
		count++;
		if (found)
			snprintf(found, 512, "%s", line);
	}
	free(line);
	fclose(file);
	return count;
}

/* The number that follows @name in @line; -1 if it is not there. */
static long long field(const char *line, const char *name)
{
	const char *at = strstr(line, name);
	long long value;

	return at && sscanf(at + strlen(name), "%lld", &value) == 1 ? value : -1;
}

/* The lines of the thread's engines. */
static int engines_of(pid_t tid, const char *text, char *found)
{
	char name[32];

	snprintf(name, sizeof(name), "tid=%d ", tid);
	return lines_with(DEBUGFS "engines", name, text, found);
}

static long long counter(const char *name)
{
	char start[64], line[512] = "";

	snprintf(start, sizeof(start), "%s ", name);
	lines_with(DEBUGFS "counters", start, NULL, line);
	return strncmp(line, start, strlen(start)) ? -1 : field(line, start);
}

/* --- engines ------------------------------------------------------------------------------------- */

TEST_F(introspect, a_line_for_each_engine)
{
	char line[512], name[64];
	int a, b;

	EXPECT_EQ(0, engines_of(self->tracee.pid, NULL, NULL));
	a = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY | UT_EXEC);
	ASSERT_GE(a, 0);
	ASSERT_EQ(1, engines_of(self->tracee.pid, "owner=utrace_test ", line));
	snprintf(name, sizeof(name), "tgid=%d ", self->tracee.pid);
	EXPECT_NE(NULL, strstr(line, name));
	EXPECT_NE(NULL, strstr(line, " events=EXEC|SYSCALL_ENTRY "));
	EXPECT_NE(NULL, strstr(line, " callback=0 "));
	EXPECT_NE(NULL, strstr(line, " stop=running "));
	EXPECT_NE(NULL, strstr(line, " ask=- "));
	EXPECT_NE(NULL, strstr(line, " held_ms=-"));

	b = ut_attach(self->fd, self->tracee.pid, 0);
	ASSERT_GE(b, 0);
	EXPECT_EQ(2, engines_of(self->tracee.pid, NULL, NULL));
	EXPECT_EQ(1, engines_of(self->tracee.pid, " events=- ", NULL));
	EXPECT_EQ(0, ut_set_events(self->fd, b, UT_DEATH));
	EXPECT_EQ(1, engines_of(self->tracee.pid, " events=DEATH ", NULL));

	EXPECT_EQ(0, ut_op(self->fd, UT_DROP, a, 0));
	EXPECT_EQ(1, engines_of(self->tracee.pid, NULL, NULL));
	EXPECT_EQ(0, ut_op(self->fd, UT_DROP, b, 0));
	EXPECT_EQ(0, engines_of(self->tracee.pid, NULL, NULL));
}

TEST_F(introspect, who_holds_the_thread_and_for_how_long)
{
	struct ut_event event;
	char line[512];
	int a, b;
	long r;

	a = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(a, 0);
	b = ut_attach(self->fd, self->tracee.pid, 0);
	ASSERT_GE(b, 0);
	ASSERT_EQ(0, ut_on(self->fd, a, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));

	ASSERT_EQ(1, engines_of(self->tracee.pid, " stop=parked ", line));
	EXPECT_NE(NULL, strstr(line, " callback=0 "));
	EXPECT_EQ((long long)event.ticket, field(line, " ticket="));
	EXPECT_GE(field(line, " held_ms="), 0);
	/* It grows; of the other engine nothing is said. */
	EXPECT_EQ(0, wait_until(engines_of(self->tracee.pid, " stop=parked ", line) == 1 &&
				field(line, " held_ms=") >= 100));
	EXPECT_EQ(1, engines_of(self->tracee.pid, " held_ms=-", NULL));

	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, a, event.ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(2, engines_of(self->tracee.pid, " held_ms=-", NULL));
	EXPECT_EQ(0, engines_of(self->tracee.pid, " stop=parked ", NULL));
}

TEST_F(introspect, a_stop_that_is_asked_for)
{
	char line[512];
	__u64 ticket;
	int engine;

	engine = ut_attach(self->fd, self->tracee.pid, 0);
	ASSERT_GE(engine, 0);
	/* The thread blocks in a call: it is asked, and not there. */
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	EXPECT_EQ(0, ut_stop(self->fd, engine, &ticket));
	ASSERT_EQ(1, engines_of(self->tracee.pid, NULL, line));
	EXPECT_EQ((long long)ticket, field(line, " ask="));
	EXPECT_NE(NULL, strstr(line, " held_ms=-"));

	ASSERT_EQ(0, ut_control(self->fd, engine, UT_INTERRUPT));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(1, engines_of(self->tracee.pid, NULL, line));
	EXPECT_EQ((long long)ticket, field(line, " ask="));
	EXPECT_GE(field(line, " held_ms="), 0);

	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, engine, ticket));
	EXPECT_EQ(0, wait_until(engines_of(self->tracee.pid, " held_ms=-", NULL) == 1));
	EXPECT_EQ(1, engines_of(self->tracee.pid, " ask=- ", NULL));
}

TEST_F(introspect, an_engine_in_its_callback)
{
	char line[512];
	int engine;
	long r;

	engine = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, ut_on(self->fd, engine, UT_SYSCALL_ENTRY, CALL, UT_RESUME, UT_F_HOLD_CALLBACK,
			   1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_wait_held(self->fd, engine, UT_IN_CALLBACK));
	ASSERT_EQ(1, engines_of(self->tracee.pid, " callback=1 ", line));
	EXPECT_NE(NULL, strstr(line, " stop=prepared "));
	EXPECT_EQ(0, ut_go(self->fd, engine));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, wait_until(engines_of(self->tracee.pid, " callback=0 ", NULL) == 1));
}

/* More than are looked up at a time, and more than a page of text. */
TEST_F(introspect, many_engines)
{
	for (int i = 0; i < ENGINES; i++)
		ASSERT_GE(ut_attach(self->fd, self->tracee.pid, 0), 0);
	EXPECT_EQ(ENGINES, engines_of(self->tracee.pid, NULL, NULL));
}

struct reader {
	volatile int stop;
	volatile long reads;
};

static void *read_all(void *arg)
{
	struct reader *reader = arg;

	while (!reader->stop) {
		if (lines_with(DEBUGFS "engines", "tid=", NULL, NULL) < 0)
			break;
		reader->reads++;
	}
	return NULL;
}

/* Engines and threads come and go while the file is read. */
TEST_F(introspect, read_while_engines_come_and_go)
{
	struct reader reader = {};
	pthread_t thread[2];
	int status;

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, read_all, &reader));
	for (int i = 0; i < 100 || reader.reads < 20; i++) {
		pid_t child = fork();
		int engine;

		if (!child) {
			for (int j = 0; j < 3; j++)
				raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
			_exit(0);
		}
		engine = ut_attach(self->fd, child, 0xff);
		if (engine >= 0 && i % 2)
			ut_op(self->fd, UT_DROP, engine, 0);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ut_drain(self->fd, 0, -1, -1);
		ASSERT_LT(i, 100000);
	}
	reader.stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	EXPECT_GE(reader.reads, 20);
}

/* --- counters ------------------------------------------------------------------------------------ */

TEST_F(introspect, counters_count)
{
	static const char *const names[] = {
		"attaches", "detaches", "stops", "asks", "parks", "kills", "resumes_prepared",
		"resumes_parked", "resumes_nothing", "resumes_stale", "resumes_gone",
	};
	long long before[ARRAY_SIZE(names)];
	struct ut_event event;
	int engine;
	long r;

	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		before[i] = counter(names[i]);
		ASSERT_GE(before[i], 0) TH_LOG("%s", names[i]);
	}

	engine = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(engine, 0);
	/* A stop that is found parked, then the same ticket again, then nothing to resume. */
	ASSERT_EQ(0, ut_on(self->fd, engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(FOUND_PARKED, ut_resume(self->fd, engine, event.ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(-ESTALE, ut_resume(self->fd, engine, event.ticket));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	ASSERT_EQ(FOUND_NOTHING, ut_resume(self->fd, engine, 0));
	/* One that is resumed by the callback itself. */
	ASSERT_EQ(0, ut_on(self->fd, engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, UT_F_RESUME_TICKET,
			   1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	/* One that is asked for, and taken back by that. */
	ASSERT_EQ(0, ut_stop(self->fd, engine, NULL));
	ASSERT_EQ(FOUND_PREPARED, ut_resume(self->fd, engine, 0));
	/* One that a kill ends; then there is nobody to resume. */
	ASSERT_EQ(0, ut_on(self->fd, engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'Z'));
	ASSERT_EQ(-ESRCH, ut_resume(self->fd, engine, event.ticket));
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, engine, 0));

	EXPECT_EQ(before[0] + 1, counter("attaches"));
	EXPECT_EQ(before[1] + 1, counter("detaches"));
	EXPECT_EQ(before[2] + 3, counter("stops"));
	EXPECT_EQ(before[3] + 1, counter("asks"));
	EXPECT_EQ(before[4] + 2, counter("parks"));
	EXPECT_EQ(before[5] + 1, counter("kills"));
	EXPECT_EQ(before[6] + 2, counter("resumes_prepared"));
	EXPECT_EQ(before[7] + 1, counter("resumes_parked"));
	EXPECT_EQ(before[8] + 1, counter("resumes_nothing"));
	EXPECT_EQ(before[9] + 1, counter("resumes_stale"));
	EXPECT_EQ(before[10] + 1, counter("resumes_gone"));
}

/* --- tracepoints --------------------------------------------------------------------------------- */

static int trace_has(pid_t tid, const char *point, const char *rest, char *line)
{
	char start[64];

	snprintf(start, sizeof(start), " %s: tid=%d ", point, tid);
	return lines_with(TRACEFS "trace", start, rest, line);
}

TEST_F(introspect, tracepoints)
{
	struct ut_event event;
	char line[512];
	pid_t tid = self->tracee.pid;
	long long serial;
	int engine;
	long r;

	put(TRACEFS "trace", " ");
	ASSERT_EQ(0, put(TRACEFS "events/utrace/enable", "1"));
	engine = ut_attach(self->fd, tid, UT_SYSCALL_ENTRY | UT_QUIESCE);
	ASSERT_GE(engine, 0);
	ASSERT_EQ(1, trace_has(tid, "attach", " events=0x41", line));
	serial = field(line, " engine=");
	ASSERT_EQ(1, engines_of(tid, NULL, line));
	EXPECT_EQ(serial, field(line, " engine="));

	ASSERT_EQ(0, ut_on(self->fd, engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, wait_parked(tid));
	ASSERT_EQ(FOUND_PARKED, ut_resume(self->fd, engine, event.ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(-ESTALE, ut_resume(self->fd, engine, event.ticket));

	ASSERT_EQ(1, trace_has(tid, "report", " action=STOP", line));
	EXPECT_NE(NULL, strstr(line, " event=SYSCALL_ENTRY "));
	EXPECT_EQ((long long)event.ticket, field(line, " ticket="));
	EXPECT_EQ(serial, field(line, " engine="));
	EXPECT_LE(1, trace_has(tid, "report", " event=QUIESCE ", NULL));
	ASSERT_EQ(1, trace_has(tid, "stop", " event=SYSCALL_ENTRY ", line));
	EXPECT_EQ((long long)event.ticket, field(line, " ticket="));
	ASSERT_EQ(1, trace_has(tid, "resume", " found=parked", line));
	EXPECT_EQ((long long)event.ticket, field(line, " ticket="));
	EXPECT_EQ(1, trace_has(tid, "resume", " found=stale", NULL));

	ASSERT_EQ(0, ut_stop(self->fd, engine, NULL));
	EXPECT_EQ(1, trace_has(tid, "stop", " event=ASK ", NULL));
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, engine, 0));
	ASSERT_EQ(1, trace_has(tid, "detach", NULL, line));
	EXPECT_EQ(serial, field(line, " engine="));
}

/* As perf and bpftrace get at them. */
TEST_F(introspect, tracepoints_for_perf)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .sample_period = 1,
	};
	FILE *file = fopen(TRACEFS "events/utrace/report/id", "r");
	unsigned long long count = 0;
	unsigned int id;
	int engine, perf;
	long r;

	ASSERT_NE(NULL, file);
	ASSERT_EQ(1, fscanf(file, "%u", &id));
	fclose(file);
	attr.config = id;
	perf = syscall(__NR_perf_event_open, &attr, self->tracee.pid, -1, -1, 0);
	ASSERT_GE(perf, 0) TH_LOG("%s", strerror(errno));
	engine = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	/* The call, and the write of its result. */
	ASSERT_EQ(sizeof(count), read(perf, &count, sizeof(count)));
	EXPECT_GE(count, 2);
	EXPECT_LE(count, 4);
	close(perf);
}

TEST_F(introspect, tracepoints_off_say_nothing)
{
	int engine;
	long r;

	ASSERT_EQ(0, put(TRACEFS "events/utrace/enable", "0"));
	put(TRACEFS "trace", " ");
	engine = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(engine, 0);
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, engine, 0));
	EXPECT_EQ(0, lines_with(TRACEFS "trace", " engine=", NULL, NULL));
}

TEST_HARNESS_MAIN
