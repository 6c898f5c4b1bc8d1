// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that strain a session: many threads at once, signals all the time, 32-bit calls. A
 * monitor takes all their calls, and gives the results of some itself.
 */
#include <linux/audit.h>
#include <linux/futex.h>

#include "km.h"
#include "kselftest_harness.h"

/* A number that is no call: the monitor gives its result, the next number of the thread. */
#define MADE_UP	500

#define BATCH	64

/* Events in, answers out, a batch at a time. */
struct loop {
	struct kmview_event events[BATCH];
	struct kmview_answer answers[BATCH];
	struct kmview_exchange exchange;
};

static void loop_begin(struct loop *loop)
{
	memset(loop, 0, sizeof(*loop));
	loop->exchange = (struct kmview_exchange) {
		.answers = (unsigned long)loop->answers, .answer_size = sizeof(loop->answers[0]),
		.events = (unsigned long)loop->events, .event_size = sizeof(loop->events[0]),
		.max_events = BATCH, .timeout = DEADLINE_MS * 1000000LL,
	};
}

/* How many events there are now; with what was answered. */
static int loop_next(struct loop *loop, int fd)
{
	int n = km_ioctl(fd, KMVIEW_EXCHANGE, &loop->exchange);

	if (n <= 0)
		fprintf(stderr, "# waited for any event: %s\n", n ? strerror(-n) : "none");
	loop->exchange.nr_answers = 0;
	return loop->exchange.nr_failed ? -ESTALE : n;
}

static struct kmview_answer *loop_answer(struct loop *loop, struct kmview_event *event)
{
	struct kmview_answer *answer = &loop->answers[loop->exchange.nr_answers++];

	*answer = (struct kmview_answer) { .ticket = event->ticket };
	return answer;
}

FIXTURE(load) { int fd; };
FIXTURE_SETUP(load)
{
	self->fd = KM_OPEN();
	ut_share();
}
FIXTURE_TEARDOWN(load)
{
	close(self->fd);
}

/* --- as programs in Go are: threads that come and go, and signals that preempt them ----------- */

#define WORKERS		8
#define STORM_CALLS	100

/* So many signals a call of a worker may have: where each takes a millisecond, it would get no further. */
#define SIGNALS		32

static __thread timer_t timer;
static __thread volatile int signals;
static __thread volatile bool stopped;

static void set_timer(long ns)
{
	struct itimerspec every = { { 0, ns }, { 0, ns } };

	if (timer_settime(timer, 0, &every, NULL))
		abort();
}

static void preempted(int sig)
{
	__atomic_add_fetch(&shared->count[0], 1, __ATOMIC_RELAXED);
	if (++signals == SIGNALS) {
		set_timer(0);
		stopped = true;
	}
}

static void *short_lived(void *arg)
{
	return (void *)(raw_syscall(MADE_UP, 1, 0, 0, 0, 0, 0) == 2 ? 0L : 1L);
}

/* Each result says whether the call was made, once, and with its own arguments. */
static void *worker(void *arg)
{
	struct sigevent to_me = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGURG };
	long number = (long)arg, bad = 0, sum = 0;
	unsigned int word = 0;
	int fds[2];

	to_me._sigev_un._tid = ut_gettid();
	if (pipe(fds) || timer_create(CLOCK_MONOTONIC, &to_me, &timer))
		return (void *)1L;
	set_timer(1000000);
	for (long i = 1; i <= STORM_CALLS; i++) {
		struct timespec moment = { 0, 1000 };
		pthread_t thread;
		char c = i;
		void *failed;

		signals = 0;
		if (stopped) {
			stopped = false;
			set_timer(1000000);
		}
		bad += raw_syscall(MADE_UP, i, 0, 0, 0, 0, 0) != i + 1;
		bad += write(fds[1], &c, 1) != 1;
		c = 0;
		bad += read(fds[0], &c, 1) != 1 || c != (char)i;
		bad += raw_syscall(__NR_futex, (long)&word, FUTEX_WAKE, 1, 0, 0, 0) != 0;
		if (i % 16 == number) {
			/* Interrupted or not. */
			nanosleep(&moment, NULL);
			if (pthread_create(&thread, NULL, short_lived, NULL) ||
			    pthread_join(thread, &failed) || failed)
				bad++;
			sum++;
		}
	}
	timer_delete(timer);
	__atomic_add_fetch(&shared->count[1], sum, __ATOMIC_RELAXED);
	return (void *)bad;
}

static int storm(void)
{
	struct sigaction action = { .sa_handler = preempted, .sa_flags = SA_RESTART };
	pthread_t threads[WORKERS];
	void *bad;
	long sum = 0;

	sigaction(SIGURG, &action, NULL);
	for (long i = 0; i < WORKERS; i++)
		if (pthread_create(&threads[i], NULL, worker, (void *)i))
			return 1;
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(threads[i], &bad);
		sum += (long)bad;
	}
	return sum ? 2 : 0;
}

/* A signal for each worker every millisecond: none of them repeats, renumbers or voids an event. */
TEST_F_TIMEOUT(load, thread_storm, 300)
{
	int news = 1, ends = 0, entries = 0, returns = 0, made_up = 0, handlers = 0, n;
	struct loop loop;
	pid_t pid;

	ASSERT_EQ(0, km_entries(self->fd, -2));
	ASSERT_EQ(0, km_returns(self->fd, -2));
	pid = km_fork(self->fd, &(struct kmview_event) { 0 }, storm);
	ASSERT_GT(pid, 0);
	loop_begin(&loop);
	while (ends < news) {
		n = loop_next(&loop, self->fd);
		ASSERT_GT(n, 0);
		for (int i = 0; i < n; i++) {
			struct kmview_event *event = &loop.events[i];
			struct kmview_answer *answer;

			news += event->kind == KMVIEW_EVENT_NEW;
			ends += event->kind == KMVIEW_EVENT_END;
			if (!event->ticket)
				continue;
			answer = loop_answer(&loop, event);
			returns += event->kind == KMVIEW_EVENT_RETURN;
			if (event->kind != KMVIEW_EVENT_ENTRY)
				continue;
			entries++;
			handlers += event->entry.nr == __NR_rt_sigreturn;
			if (event->entry.nr == MADE_UP) {
				made_up++;
				answer->action = KMVIEW_SKIP;
				answer->result = event->entry.args[0] + 1;
			}
		}
	}
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
	EXPECT_EQ(WORKERS * STORM_CALLS + shared->count[1], made_up);
	EXPECT_EQ(1 + WORKERS + shared->count[1], news);
	/* Signals came, and their handlers' ends are calls as all others are. */
	EXPECT_LT(WORKERS, handlers);
	EXPECT_EQ(shared->count[0], handlers);
	TH_LOG("%d calls, %d returns, %d threads, %d signals", entries, returns, news, handlers);
}

/* --- a thousand threads ------------------------------------------------------------------------- */

#define THREADS	1000

static void *one_of_many(void *arg)
{
	long number = (long)arg, bad = 0;

	for (long i = 0; i < 3; i++)
		bad += raw_syscall(MADE_UP, number, i, 0, 0, 0, 0) != number + i + 1;
	return (void *)bad;
}

static int thousand(void)
{
	pthread_t threads[THREADS];
	pthread_attr_t attr;
	long sum = 0;
	void *bad;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], &attr, one_of_many, (void *)i))
			return 1;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &bad);
		sum += (long)bad;
	}
	return sum ? 2 : 0;
}

/* All of them wait at the same time, before the first one is answered. */
TEST_F_TIMEOUT(load, thousand_threads, 300)
{
	static struct kmview_event waiting[THREADS];
	int count = 0, news = 1, ends = 0, calls = THREADS, n;
	struct loop loop;
	pid_t pid;

	ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_ENTRY, KMVIEW_ABI_NATIVE, MADE_UP));
	pid = km_fork(self->fd, &(struct kmview_event) { 0 }, thousand);
	ASSERT_GT(pid, 0);
	loop_begin(&loop);
	while (count < THREADS) {
		n = loop_next(&loop, self->fd);
		ASSERT_GT(n, 0);
		for (int i = 0; i < n; i++) {
			news += loop.events[i].kind == KMVIEW_EVENT_NEW;
			if (loop.events[i].ticket)
				waiting[count++] = loop.events[i];
		}
	}
	EXPECT_EQ(1 + THREADS, news);
	/* The last one first. */
	while (count--) {
		struct kmview_answer answer = {
			.ticket = waiting[count].ticket, .action = KMVIEW_SKIP,
			.result = waiting[count].entry.args[0] + waiting[count].entry.args[1] + 1,
		};

		ASSERT_EQ(0, km_answer(self->fd, answer));
	}
	while (ends < news) {
		n = loop_next(&loop, self->fd);
		ASSERT_GT(n, 0);
		for (int i = 0; i < n; i++) {
			struct kmview_event *event = &loop.events[i];
			struct kmview_answer *answer;

			ends += event->kind == KMVIEW_EVENT_END;
			if (!event->ticket)
				continue;
			calls++;
			answer = loop_answer(&loop, event);
			answer->action = KMVIEW_SKIP;
			answer->result = event->entry.args[0] + event->entry.args[1] + 1;
		}
	}
	EXPECT_EQ(3 * THREADS, calls);
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
}

/* --- a 32-bit program ------------------------------------------------------------------------- */

static int program32(void)
{
	execl(shared->text, "calls32", NULL);
	return 99;
}

/* What calls32 wants of its three calls, as told in its status. */
TEST_F(load, static_32_bit_program)
{
	ssize_t n = readlink("/proc/self/exe", shared->text, sizeof(shared->text) - 16);
	struct kmview_event event;
	pid_t pid;
	int entries = 0;

	ASSERT_GT(n, 0);
	strcpy(strrchr(shared->text, '/') + 1, "calls32");
	if (!exists(shared->text))
		SKIP(return, "calls32 is not there: the compiler makes no 32-bit programs");
	ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_ENTRY, KMVIEW_ABI_COMPAT, -2));
	pid = km_fork(self->fd, &event, program32);
	ASSERT_GT(pid, 0);
	for (;;) {
		struct kmview_answer answer = { 0 };

		ASSERT_EQ(0, km_next_within(self->fd, &event, DEADLINE_MS));
		if (event.kind == KMVIEW_EVENT_END)
			break;
		ASSERT_EQ(KMVIEW_EVENT_ENTRY, event.kind);
		EXPECT_EQ(AUDIT_ARCH_I386, event.arch);
		answer.ticket = event.ticket;
		switch (entries++) {
		case 0:
			/* Zero-extended, all six of them. */
			EXPECT_EQ(20, event.entry.nr);
			EXPECT_EQ(0xfffffff1, event.entry.args[0]);
			EXPECT_EQ(6, event.entry.args[5]);
			answer.action = KMVIEW_SKIP;
			answer.result = -EDOM;
			break;
		case 2:
			EXPECT_EQ(64, event.entry.nr);
			answer.flags = KMVIEW_SET_NR;
			answer.nr = 20;
			break;
		case 3:
			EXPECT_EQ(132, event.entry.nr);
			answer.flags = KMVIEW_SET_ARGS;
			break;
		}
		ASSERT_EQ(0, km_answer(self->fd, answer));
	}
	EXPECT_EQ(5, entries);
	EXPECT_TRUE(ended_with(wait_child(pid), 7));
}

TEST_HARNESS_MAIN
