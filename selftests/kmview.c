// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions of /dev/kmview: threads come and go, wait with their events, and get answers.
 */
#include "km.h"
#include "kselftest_harness.h"

/* The tracee of ut.h makes CALL when it is told to. */
FIXTURE(kmview)
{
	struct tracee tracee;
	struct kmview_event event;
	int fd;
};

FIXTURE_SETUP(kmview)
{
	self->fd = KM_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
}

FIXTURE_TEARDOWN(kmview)
{
	tracee_end(&self->tracee);
	close(self->fd);
}

#define CALL_BY_TRACEE() ASSERT_EQ(0, tracee_call(&self->tracee))
#define NEXT(kind) ASSERT_EQ(0, km_next(self->fd, &self->event, KMVIEW_EVENT_##kind))

#define EXPECT_RESULT(expected) ({						\
	long _r;								\
	ASSERT_EQ(0, tracee_result(&self->tracee, &_r));			\
	EXPECT_EQ(expected, _r);						\
})

#define ATTACH(fd) ({								\
	struct kmview_event _new;						\
	ASSERT_EQ(0, km_attach(fd, self->tracee.pid, 0, NULL));			\
	ASSERT_EQ(0, km_next(fd, &_new, KMVIEW_EVENT_NEW));			\
	EXPECT_EQ(self->tracee.pid, _new.tid);					\
	EXPECT_EQ(KMVIEW_BY_ATTACH, _new.flags);				\
	_new.thread;								\
})

TEST_F(kmview, info)
{
	struct kmview_info info, big[2] = { 0 };
	__u32 version = 0;

	ASSERT_EQ(0, km_ioctl(self->fd, KMVIEW_INFO, &info));
	EXPECT_EQ(KMVIEW_VERSION, info.version);
	EXPECT_EQ(sizeof(struct kmview_event), info.event_size);
	EXPECT_TRUE(info.features & KMVIEW_FEATURE_CONTROL);
	/* A program that knows less, and one that knows more. */
	EXPECT_EQ(0, km_ioctl(self->fd, _IOR(KMVIEW_IOC, 0, __u32), &version));
	EXPECT_EQ(KMVIEW_VERSION, version);
	EXPECT_EQ(0, km_ioctl(self->fd, _IOR(KMVIEW_IOC, 0, big), big));
	EXPECT_EQ(info.features, big[0].features);
	EXPECT_EQ(-ENOTTY, km_ioctl(self->fd, _IO(KMVIEW_IOC, 0xff), NULL));
	EXPECT_EQ(-ENOTTY, km_ioctl(self->fd, _IO('x', 0), NULL));
	if (!(info.features & KMVIEW_FEATURE_OBSERVE))
		EXPECT_EQ(-EOPNOTSUPP, km_ioctl(self->fd, KMVIEW_RING_DONE, NULL));
}

TEST_F(kmview, larger_structures)
{
	struct {
		struct kmview_adopt adopt;
		__u64 more;
	} request = { .adopt = { .what = KMVIEW_ADOPT_NONE } };
	unsigned long cmd = _IOW(KMVIEW_IOC, 0x04, request);

	EXPECT_EQ(0, km_ioctl(self->fd, cmd, &request));
	request.more = 1;
	EXPECT_EQ(-E2BIG, km_ioctl(self->fd, cmd, &request));
	EXPECT_EQ(-EFAULT, km_ioctl(self->fd, cmd, NULL));
}

TEST_F(kmview, entry_runs)
{
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	EXPECT_EQ(self->tracee.pid, self->event.tid);
	EXPECT_EQ(self->tracee.pid, self->event.pid);
	EXPECT_EQ(CALL, self->event.entry.nr);
	EXPECT_NE(0, self->event.ip);
	EXPECT_NE(0, self->event.sp);
	EXPECT_EQ(0xc000003e, self->event.arch);
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(0, km_run(self->fd, self->event.ticket));
	EXPECT_RESULT(getpid());
	EXPECT_TRUE(km_quiet(self->fd));
}

TEST_F(kmview, unselected_call_makes_no_event)
{
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, __NR_acct));
	CALL_BY_TRACEE();
	EXPECT_RESULT(getpid());
	EXPECT_TRUE(km_quiet(self->fd));
}

TEST_F(kmview, return_wanted_once)
{
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .flags = KMVIEW_WANT_RETURN }));
	NEXT(RETURN);
	EXPECT_EQ(CALL, self->event.ret.nr);
	EXPECT_EQ(getpid(), self->event.ret.result);
	EXPECT_EQ(0, self->event.ret.is_error);
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .flags = KMVIEW_SET_RESULT, .result = -EXDEV }));
	EXPECT_RESULT(-EXDEV);
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
	EXPECT_RESULT(getpid());
	EXPECT_TRUE(km_quiet(self->fd));
}

TEST_F(kmview, return_selected_and_unwanted)
{
	ATTACH(self->fd);
	ASSERT_EQ(0, km_returns(self->fd, CALL));
	CALL_BY_TRACEE();
	NEXT(RETURN);
	ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
	EXPECT_RESULT(getpid());
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .flags = KMVIEW_NO_RETURN }));
	EXPECT_RESULT(getpid());
	EXPECT_TRUE(km_quiet(self->fd));
}

/* What an answer says of the RETURN is for its call alone, whether anything else is heard or not. */
TEST_F(kmview, return_of_the_next_call)
{
	const struct kmview_answer answers[] = {
		{ .flags = KMVIEW_NO_RETURN },
		{ .action = KMVIEW_SKIP },
		{ .action = KMVIEW_SKIP, .flags = KMVIEW_NO_RETURN },
		{ .flags = KMVIEW_WANT_RETURN },
		{ .action = KMVIEW_SKIP, .flags = KMVIEW_WANT_RETURN },
	};
	long result;

	ATTACH(self->fd);
	for (int i = 0; i < 5; i++) {
		struct kmview_answer answer = answers[i];
		bool wanted = answer.flags & KMVIEW_WANT_RETURN;

		ASSERT_EQ(0, km_returns(self->fd, -1));
		ASSERT_EQ(0, km_entries(self->fd, CALL));
		CALL_BY_TRACEE();
		NEXT(ENTRY);
		ASSERT_EQ(0, km_entries(self->fd, -1));
		answer.ticket = self->event.ticket;
		ASSERT_EQ(0, km_answer(self->fd, answer));
		if (wanted) {
			NEXT(RETURN);
			ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
		}
		ASSERT_EQ(0, tracee_result(&self->tracee, &result));
		/* It is selected. */
		ASSERT_EQ(0, km_returns(self->fd, __NR_getpid));
		ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_getpid));
		NEXT(RETURN);
		EXPECT_EQ(__NR_getpid, self->event.ret.nr);
		ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
		EXPECT_RESULT(self->tracee.pid);
	}
}

/* Nor does a call whose exit is heard for something else wait, because one before it did. */
TEST_F(kmview, return_wanted_of_no_other_call)
{
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	ASSERT_EQ(0, km_entries(self->fd, -1));
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .flags = KMVIEW_WANT_RETURN }));
	NEXT(RETURN);
	ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
	EXPECT_RESULT(getpid());
	ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_RECORD_RETURN, KMVIEW_ABI_NATIVE, __NR_getpid));
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_getpid));
	EXPECT_TRUE(km_quiet(self->fd));
	EXPECT_RESULT(self->tracee.pid);
}

/* A call that names nothing selected says nothing of the next one, though its own exit is unheard. */
TEST_F(kmview, return_after_a_call_that_names_nothing)
{
	struct kmview_event event;
	int older = KM_OPEN();
	long result;

	ATTACH(older);
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(older, __NR_lseek));
	for (int heard = 0; heard < 2; heard++) {
		ASSERT_EQ(0, km_returns(self->fd, __NR_lseek));
		ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_FD, KMVIEW_ABI_NATIVE, __NR_lseek));
		ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_lseek, 1, 0, SEEK_CUR));
		/* The other session sees it later. */
		ASSERT_EQ(0, km_next(older, &event, KMVIEW_EVENT_ENTRY));
		if (!heard)
			ASSERT_EQ(0, km_returns(self->fd, -1));
		ASSERT_EQ(0, km_run(older, event.ticket));
		ASSERT_EQ(0, tracee_result(&self->tracee, &result));
		EXPECT_TRUE(km_quiet(self->fd));
		ASSERT_EQ(0, km_select(self->fd, KMVIEW_CALLS_FD, KMVIEW_ABI_NATIVE, -1));
		ASSERT_EQ(0, km_returns(self->fd, CALL));
		CALL_BY_TRACEE();
		NEXT(RETURN);
		ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
		EXPECT_RESULT(getpid());
	}
	close(older);
}

TEST_F(kmview, skip)
{
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .action = KMVIEW_SKIP, .result = 4711 }));
	EXPECT_RESULT(4711);
}

TEST_F(kmview, changed_call)
{
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .flags = KMVIEW_SET_NR | KMVIEW_SET_ARGS,
		.nr = __NR_dup, .args = { 4000 } }));
	EXPECT_RESULT(-EBADF);
}

TEST_F(kmview, stale_and_wrong_tickets)
{
	struct kmview_answer answer = { 0 };
	__u64 ticket;

	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	EXPECT_EQ(-ESTALE, km_run(self->fd, 0));
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	ticket = self->event.ticket;
	EXPECT_EQ(-ESTALE, km_run(self->fd, ticket + (1 << 24)));
	EXPECT_EQ(-ESTALE, km_run(self->fd, ticket + 1));
	/* What does not fit the event leaves it waiting. */
	answer.ticket = ticket;
	answer.flags = KMVIEW_SET_RESULT;
	EXPECT_EQ(-EINVAL, km_answer(self->fd, answer));
	answer.flags = KMVIEW_SET_NR;
	answer.nr = (1LL << 32) + CALL;
	EXPECT_EQ(-EINVAL, km_answer(self->fd, answer));
	answer.flags = 0;
	answer.action = 99;
	EXPECT_EQ(-EINVAL, km_answer(self->fd, answer));
	EXPECT_EQ(0, km_run(self->fd, ticket));
	EXPECT_EQ(-ESTALE, km_run(self->fd, ticket));
	EXPECT_RESULT(getpid());
	EXPECT_EQ(-ESTALE, km_run(self->fd, ticket));
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	EXPECT_NE(ticket, self->event.ticket);
	EXPECT_EQ(-ESTALE, km_run(self->fd, ticket));
	EXPECT_EQ(0, km_run(self->fd, self->event.ticket));
	EXPECT_RESULT(getpid());
}

TEST_F(kmview, exchange)
{
	struct kmview_event events[4];
	struct kmview_answer answers[2] = { { .ticket = 1 }, { 0 } };
	struct kmview_exchange exchange = {
		.answers = (unsigned long)answers, .answer_size = sizeof(answers[0]),
		.events = (unsigned long)events, .event_size = sizeof(events[0]), .max_events = 4,
	};

	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	EXPECT_EQ(0, km_ioctl(self->fd, KMVIEW_EXCHANGE, &exchange));
	exchange.timeout = 1000000;
	EXPECT_EQ(0, km_ioctl(self->fd, KMVIEW_EXCHANGE, &exchange));
	CALL_BY_TRACEE();
	exchange.timeout = -1;
	ASSERT_EQ(1, km_ioctl(self->fd, KMVIEW_EXCHANGE, &exchange));
	EXPECT_EQ(KMVIEW_EVENT_ENTRY, events[0].kind);
	/* One answer that is wrong, one that is right; then the next event, of the same call. */
	answers[1].ticket = events[0].ticket;
	answers[1].flags = KMVIEW_WANT_RETURN;
	exchange.nr_answers = 2;
	ASSERT_EQ(1, km_ioctl(self->fd, KMVIEW_EXCHANGE, &exchange));
	EXPECT_EQ(1, exchange.nr_failed);
	EXPECT_EQ(-ESTALE, answers[0].error);
	EXPECT_EQ(0, answers[1].error);
	EXPECT_EQ(KMVIEW_EVENT_RETURN, events[0].kind);
	EXPECT_EQ(0, km_run(self->fd, events[0].ticket));
	EXPECT_RESULT(getpid());
}

TEST_F(kmview, event_survives_a_bad_buffer)
{
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	CALL_BY_TRACEE();
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(-1, syscall(__NR_read, self->fd, 8, sizeof(self->event)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, read(self->fd, &self->event, sizeof(self->event) - 1));
	EXPECT_EQ(EINVAL, errno);
	NEXT(ENTRY);
	EXPECT_EQ(0, km_run(self->fd, self->event.ticket));
	EXPECT_RESULT(getpid());
}

static void on_signal(int sig)
{
	shared->count[0]++;
}

static long do_handle(long *args)
{
	signal(SIGUSR1, on_signal);
	return 0;
}

/* Case 16: signals that come while a thread waits act afterwards, and leave its event alone. */
TEST_F(kmview, signals_leave_the_event_alone)
{
	tracee_run(&self->tracee, do_handle, 0);
	EXPECT_RESULT(0);
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	for (int i = 0; i < 50; i++) {
		ASSERT_EQ(0, kill(self->tracee.pid, SIGUSR1));
		usleep(1000);
	}
	EXPECT_TRUE(km_quiet(self->fd));
	EXPECT_EQ(0, shared->count[0]);
	EXPECT_EQ(0, km_run(self->fd, self->event.ticket));
	EXPECT_RESULT(getpid());
	EXPECT_EQ(0, wait_until(shared->count[0] > 0));
	EXPECT_TRUE(km_quiet(self->fd));
}

/* A thread that waits does so on, and gets its answer, when its event is no longer selected. */
TEST_F(kmview, answered_though_no_longer_selected)
{
	tracee_run(&self->tracee, do_handle, 0);
	EXPECT_RESULT(0);
	ATTACH(self->fd);
	ASSERT_EQ(0, km_returns(self->fd, CALL));
	CALL_BY_TRACEE();
	NEXT(RETURN);
	ASSERT_EQ(0, km_returns(self->fd, -1));
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .flags = KMVIEW_SET_RESULT, .result = 4712 }));
	EXPECT_RESULT(4712);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	ASSERT_EQ(0, km_entries(self->fd, -1));
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .action = KMVIEW_SKIP, .result = 4711 }));
	EXPECT_RESULT(4711);
	ASSERT_EQ(0, km_wait_for(self->fd, KMVIEW_MASK(KMVIEW_EVENT_SIGNAL), 1 << (SIGUSR1 - 1)));
	ASSERT_EQ(0, kill(self->tracee.pid, SIGUSR1));
	NEXT(SIGNAL);
	ASSERT_EQ(0, km_wait_for(self->fd, 0, 0));
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .action = KMVIEW_SKIP }));
	CALL_BY_TRACEE();
	EXPECT_RESULT(getpid());
	EXPECT_EQ(0, shared->count[0]);
}

static long do_empty_pipe(long *args)
{
	int fds[2];

	signal(SIGUSR1, on_signal);
	return pipe(fds) ? -errno : fds[0];
}

/* A call that was changed is the program's own again when a signal has it restarted. */
TEST_F(kmview, restarted_as_it_was_made)
{
	long empty;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_empty_pipe, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &empty));
	ASSERT_LE(0, empty);
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	for (int both = 0; both < 2; both++) {
		struct kmview_answer answer = {
			.flags = KMVIEW_SET_NR | KMVIEW_WANT_RETURN, .nr = __NR_read,
			.args = { empty, (long)shared->text, 1 },
		};
		long first = both ? -1 : empty;

		ASSERT_EQ(0, tracee_syscall(&self->tracee, CALL, first, (long)shared->text, 1));
		NEXT(ENTRY);
		answer.ticket = self->event.ticket;
		if (both)
			answer.flags |= KMVIEW_SET_ARGS;
		ASSERT_EQ(0, km_answer(self->fd, answer));
		ASSERT_EQ(0, kill(self->tracee.pid, SIGUSR1));
		NEXT(RETURN);
		EXPECT_EQ(__NR_read, self->event.ret.nr);
		ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
		NEXT(ENTRY);
		EXPECT_EQ(CALL, self->event.entry.nr);
		EXPECT_EQ(first, (long)self->event.entry.args[0]);
		EXPECT_EQ(both + 1, shared->count[0]);
		ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
		EXPECT_RESULT(getpid());
	}
}

TEST_F(kmview, kill_ends_the_wait)
{
	__u64 ticket = 0;

	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	for (int read = 0; read < 2; read++) {
		CALL_BY_TRACEE();
		if (read) {
			NEXT(ENTRY);
			ticket = self->event.ticket;
		}
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
		ASSERT_EQ(0, kill(self->tracee.pid, SIGKILL));
		/* Its unread event is there until it has noticed. */
		do {
			ASSERT_EQ(0, km_next_within(self->fd, &self->event, DEADLINE_MS));
		} while (!read && self->event.kind == KMVIEW_EVENT_ENTRY);
		ASSERT_EQ(KMVIEW_EVENT_END, self->event.kind);
		EXPECT_EQ(KMVIEW_GROUP_DEAD, self->event.flags);
		EXPECT_EQ(SIGKILL, self->event.exit.status);
		if (read)
			EXPECT_EQ(-ESTALE, km_run(self->fd, ticket));
		EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
		/* No thread is left. */
		EXPECT_EQ(-EPIPE, km_next_within(self->fd, &self->event, DEADLINE_MS));
		self->tracee = tracee_start();
		if (!read)
			ATTACH(self->fd);
	}
}

TEST_F(kmview, close_detaches)
{
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	close(self->fd);
	EXPECT_RESULT(getpid());
	CALL_BY_TRACEE();
	EXPECT_RESULT(getpid());
}

TEST_F(kmview, close_fails)
{
	ASSERT_EQ(0, km_at_close(self->fd, KMVIEW_AT_CLOSE_FAIL, EHOSTDOWN));
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	CALL_BY_TRACEE();
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	close(self->fd);
	EXPECT_RESULT(-EHOSTDOWN);
	CALL_BY_TRACEE();
	EXPECT_RESULT(-EHOSTDOWN);
	/* What was not selected goes on as ever. */
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_getpid));
	EXPECT_RESULT(self->tracee.pid);
}

TEST_F(kmview, close_kills)
{
	ASSERT_EQ(0, km_at_close(self->fd, KMVIEW_AT_CLOSE_KILL, 0));
	ATTACH(self->fd);
	ASSERT_EQ(0, km_entries(self->fd, CALL));
	CALL_BY_TRACEE();
	NEXT(ENTRY);
	close(self->fd);
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
}

TEST_F(kmview, detach_by_answer_and_by_name)
{
	struct kmview_thread thread;

	for (int how = 0; how < 4; how++) {
		thread.thread = ATTACH(self->fd);
		ASSERT_EQ(0, km_entries(self->fd, CALL));
		EXPECT_EQ(-EEXIST, km_attach(self->fd, self->tracee.pid, 0, NULL));
		CALL_BY_TRACEE();
		if (how < 3)
			NEXT(ENTRY);
		if (how < 2) {
			EXPECT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
				.ticket = self->event.ticket,
				.action = how ? KMVIEW_DETACH_ALL : KMVIEW_DETACH }));
		} else {
			/* Read, and not read. */
			ASSERT_EQ(0, wait_parked(self->tracee.pid));
			EXPECT_EQ(0, km_ioctl(self->fd, KMVIEW_DETACH_THREAD, &thread));
			EXPECT_EQ(-ESRCH, km_ioctl(self->fd, KMVIEW_DETACH_THREAD, &thread));
		}
		EXPECT_RESULT(getpid());
		EXPECT_EQ(-EPIPE, km_next_within(self->fd, &self->event, DEADLINE_MS));
	}
}

TEST_F(kmview, attach_needs_the_right)
{
	pid_t pid;
	int status;

	EXPECT_EQ(-EINVAL, km_attach(self->fd, getpid(), 0, NULL));
	EXPECT_EQ(-ESRCH, km_attach(self->fd, 0x3fffff, 0, NULL));
	/* The rights are those of who asks. */
	pid = fork();
	if (pid == 0) {
		if (setgid(1000) || setuid(1000))
			_exit(1);
		_exit(-km_attach(self->fd, self->tracee.pid, 0, NULL));
	}
	status = wait_child(pid);
	EXPECT_TRUE(ended_with(status, EPERM));
	EXPECT_TRUE(km_quiet(self->fd));
}

/* A call that the thread was blocked in is made again, and so becomes an event. */
TEST_F(kmview, attach_that_interrupts)
{
	long byte = 1;
	int to[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(to));
	ASSERT_EQ(0, km_entries(self->fd, __NR_read));
	for (int i = 0; i < 2; i++) {
		fflush(NULL);
		pid = fork();
		if (pid == 0)
			_exit(read(to[0], &byte, 1) == 1 ? 42 : 1);
		ASSERT_EQ(0, wait_state(pid, 'S'));
		ASSERT_EQ(0, km_attach(self->fd, pid, i ? KMVIEW_ATTACH_INTERRUPT : 0, NULL));
		NEXT(NEW);
		if (i) {
			NEXT(ENTRY);
			EXPECT_EQ(__NR_read, self->event.entry.nr);
			ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
		} else {
			EXPECT_TRUE(km_quiet(self->fd));
		}
		ASSERT_EQ(1, write(to[1], &byte, 1));
		NEXT(END);
		EXPECT_TRUE(ended_with(wait_child(pid), 42));
	}
	close(to[0]);
	close(to[1]);
}

#define ROUNDS 1000

static void *attaches_for_answers(void *arg)
{
	long failed = 0;

	for (int i = 0; i < ROUNDS && !failed; i++) {
		while (__atomic_load_n(&shared->count[2], __ATOMIC_SEQ_CST) != i)
			sched_yield();
		failed = km_attach(*(int *)arg, shared->tid[0], KMVIEW_ATTACH_INTERRUPT, NULL);
	}
	shared->count[3] = failed;
	return NULL;
}

/* The interruption may come when the event is there already: its answer is good all the same. */
TEST_F_TIMEOUT(kmview, answers_while_an_attach_interrupts, 120)
{
	int failed = 0, entries = 0;
	pthread_t thread;
	pid_t pid;

	ASSERT_EQ(0, km_entries(self->fd, CALL));
	shared->count[2] = 0;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		for (;;)
			syscall(CALL);
	}
	shared->tid[0] = pid;
	ASSERT_EQ(0, pthread_create(&thread, NULL, attaches_for_answers, &self->fd));
	while (!failed && shared->count[2] < ROUNDS) {
		struct kmview_answer answer = { 0 };

		failed = wait_until(km_readable(self->fd)) ?:
			 km_next_within(self->fd, &self->event, DEADLINE_MS);
		if (failed || !self->event.ticket)
			continue;
		answer.ticket = self->event.ticket;
		answer.action = ++entries % 3 ? KMVIEW_RUN : KMVIEW_DETACH;
		failed = km_answer(self->fd, answer);
		if (answer.action == KMVIEW_DETACH)
			__atomic_fetch_add(&shared->count[2], 1, __ATOMIC_SEQ_CST);
	}
	EXPECT_EQ(0, failed);
	__atomic_store_n(&shared->count[2], ROUNDS, __ATOMIC_SEQ_CST);
	kill(pid, SIGKILL);
	EXPECT_TRUE(ended_by(wait_child(pid), SIGKILL));
	if (!failed) {
		pthread_join(thread, NULL);
		EXPECT_EQ(0, shared->count[3]);
	}
}

/* Case 35: the session that came last sees the entry first, and the first one what it made of it. */
TEST_F(kmview, sessions_nest)
{
	struct kmview_event event;
	int inner = KM_OPEN();

	ATTACH(self->fd);
	ATTACH(inner);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, km_entries(i ? inner : self->fd, CALL));
		ASSERT_EQ(0, km_returns(i ? inner : self->fd, CALL));
	}
	CALL_BY_TRACEE();
	ASSERT_EQ(0, km_next(inner, &event, KMVIEW_EVENT_ENTRY));
	EXPECT_TRUE(km_quiet(self->fd));
	ASSERT_EQ(0, km_answer(inner, (struct kmview_answer) {
		.ticket = event.ticket, .flags = KMVIEW_SET_ARGS, .args = { 12 } }));
	NEXT(ENTRY);
	EXPECT_EQ(12, self->event.entry.args[0]);
	EXPECT_TRUE(km_quiet(inner));
	ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
	NEXT(RETURN);
	EXPECT_TRUE(km_quiet(inner));
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .flags = KMVIEW_SET_RESULT, .result = 77 }));
	ASSERT_EQ(0, km_next(inner, &event, KMVIEW_EVENT_RETURN));
	EXPECT_EQ(77, event.ret.result);
	ASSERT_EQ(0, km_answer(inner, (struct kmview_answer) {
		.ticket = event.ticket, .flags = KMVIEW_SET_RESULT, .result = 78 }));
	EXPECT_RESULT(78);
	/* What the inner one skips, the outer one is told of. */
	CALL_BY_TRACEE();
	ASSERT_EQ(0, km_next(inner, &event, KMVIEW_EVENT_ENTRY));
	ASSERT_EQ(0, km_answer(inner, (struct kmview_answer) {
		.ticket = event.ticket, .action = KMVIEW_SKIP, .result = 5 }));
	NEXT(ENTRY);
	EXPECT_EQ(KMVIEW_ABORTED, self->event.flags);
	close(inner);
	close(self->fd);
	EXPECT_RESULT(5);
}

static int child_calls(void)
{
	return syscall(CALL) != getppid();
}

/* NEW comes once, and first, whatever KMVIEW_SET_EVENTS says while the thread waits elsewhere. */
TEST_F(kmview, new_comes_once_and_first)
{
	const unsigned int new = KMVIEW_MASK(KMVIEW_EVENT_NEW);

	ASSERT_EQ(0, km_entries(self->fd, CALL));
	for (int later = 0; later < 2; later++) {
		struct kmview_event event;
		int older = KM_OPEN();
		pid_t pid;

		ASSERT_EQ(0, km_wait_for(older, new, 0));
		ASSERT_EQ(0, km_wait_for(self->fd, later ? 0 : new, 0));
		ASSERT_EQ(0, km_adopt(older, KMVIEW_ADOPT_CHILDREN, 1));
		ASSERT_EQ(0, km_adopt(self->fd, KMVIEW_ADOPT_CHILDREN, 1));
		pid = fork();
		if (pid == 0)
			_exit(child_calls());
		ASSERT_EQ(0, km_next(older, &event, KMVIEW_EVENT_NEW));
		ASSERT_EQ(0, wait_parked(pid));
		ASSERT_EQ(0, km_wait_for(self->fd, later ? new : 0, 0));
		ASSERT_EQ(0, km_run(older, event.ticket));
		NEXT(NEW);
		EXPECT_EQ(0, self->event.ticket);
		for (int i = 0; i < 2; i++) {
			NEXT(ENTRY);
			EXPECT_EQ(pid, self->event.tid);
			ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
		}
		NEXT(END);
		EXPECT_TRUE(ended_with(wait_child(pid), 0));
		close(older);
	}
}

TEST_F(kmview, adopt_one_child)
{
	pid_t pid, other;

	ASSERT_EQ(0, km_entries(self->fd, CALL));
	pid = km_fork(self->fd, &self->event, child_calls);
	ASSERT_GT(pid, 0);
	EXPECT_EQ(KMVIEW_BY_ADOPT, self->event.flags);
	/* The next one is not meant. */
	other = fork();
	if (other == 0)
		_exit(child_calls());
	EXPECT_TRUE(ended_with(wait_child(other), 0));
	for (int i = 0; i < 2; i++) {
		NEXT(ENTRY);
		EXPECT_EQ(pid, self->event.tid);
		ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
	}
	NEXT(END);
	EXPECT_EQ(0, self->event.exit.status);
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
	EXPECT_EQ(-EPIPE, km_next_within(self->fd, &self->event, DEADLINE_MS));
}

TEST_F(kmview, adopt_until_told)
{
	struct pollfd p = { .fd = self->fd, .events = POLLIN };

	ASSERT_EQ(0, km_adopt(self->fd, KMVIEW_ADOPT_CHILDREN, 0));
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(i);
		NEXT(NEW);
		EXPECT_EQ(pid, self->event.tid);
		NEXT(END);
		EXPECT_EQ(i << 8, self->event.exit.status);
		EXPECT_TRUE(ended_with(wait_child(pid), i));
	}
	EXPECT_TRUE(km_quiet(self->fd));
	EXPECT_EQ(0, poll(&p, 1, 0));
	ASSERT_EQ(0, km_adopt(self->fd, KMVIEW_ADOPT_NONE, 0));
	EXPECT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLHUP, p.revents);
}

static int child_forks(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(child_calls());
	return !ended_with(wait_child(pid), 0);
}

TEST_F(kmview, follows_a_fork)
{
	__u64 parent;
	pid_t pid;
	int ends = 0;

	ASSERT_EQ(0, km_entries(self->fd, CALL));
	pid = km_fork(self->fd, &self->event, child_forks);
	ASSERT_GT(pid, 0);
	parent = self->event.thread;
	NEXT(NEW);
	EXPECT_EQ(KMVIEW_BY_CLONE, self->event.flags);
	EXPECT_EQ(parent, self->event.created.parent);
	while (ends < 2) {
		ASSERT_EQ(0, km_next_within(self->fd, &self->event, DEADLINE_MS));
		if (self->event.kind == KMVIEW_EVENT_END)
			ends++;
		else
			ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
	}
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
}

static int child_sleeps(void)
{
	syscall(CALL);
	return 0;
}

/* A traced process does not keep its own session alive, though it has inherited the descriptor. */
TEST_F(kmview, child_does_not_keep_the_session)
{
	int pids[2], status;
	pid_t monitor, child;

	ASSERT_EQ(0, pipe(pids));
	monitor = fork();
	if (monitor == 0) {
		int fd = open("/dev/kmview", O_RDWR);

		close(self->fd);
		km_entries(fd, CALL);
		child = km_fork(fd, &self->event, child_sleeps);
		write(pids[1], &child, sizeof(child));
		pause();
	}
	ASSERT_EQ(sizeof(child), read(pids[0], &child, sizeof(child)));
	ASSERT_EQ(0, wait_parked(child));
	ASSERT_EQ(0, kill(monitor, SIGKILL));
	status = wait_child(monitor);
	EXPECT_TRUE(ended_by(status, SIGKILL));
	EXPECT_EQ(0, wait_until(thread_state(child) == 0 || thread_state(child) == 'Z'));
}

TEST_F(kmview, exec_signal_and_exit_wait)
{
	pid_t pid;

	ASSERT_EQ(0, km_wait_for(self->fd, KMVIEW_MASK(KMVIEW_EVENT_EXEC) |
				 KMVIEW_MASK(KMVIEW_EVENT_EXIT) | KMVIEW_MASK(KMVIEW_EVENT_NEW) |
				 KMVIEW_MASK(KMVIEW_EVENT_SIGNAL), 1 << (SIGUSR2 - 1)));
	ASSERT_EQ(0, km_adopt(self->fd, KMVIEW_ADOPT_CHILDREN, 1));
	pid = fork();
	if (pid == 0) {
		shared->flag[1] = 1;
		raise(SIGUSR2);
		execl("/bin/busybox", "false", NULL);
		_exit(3);
	}
	NEXT(NEW);
	EXPECT_NE(0, self->event.ticket);
	EXPECT_NE(0, self->event.ip);
	ASSERT_EQ(0, wait_parked(pid));
	EXPECT_EQ(0, shared->flag[1]);
	ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
	NEXT(SIGNAL);
	EXPECT_EQ(SIGUSR2, self->event.signal.number);
	EXPECT_EQ(1, shared->flag[1]);
	/* It would have killed it. */
	ASSERT_EQ(0, km_answer(self->fd, (struct kmview_answer) {
		.ticket = self->event.ticket, .action = KMVIEW_SKIP }));
	NEXT(EXEC);
	EXPECT_EQ(pid, self->event.exec.former_tid);
	ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
	NEXT(EXIT);
	EXPECT_EQ(1 << 8, self->event.exit.status);
	ASSERT_EQ(0, km_run(self->fd, self->event.ticket));
	NEXT(END);
	EXPECT_EQ(1 << 8, self->event.exit.status);
	EXPECT_TRUE(ended_with(wait_child(pid), 1));
}

TEST_F(kmview, adopt_self_at_exec)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (km_adopt(self->fd, KMVIEW_ADOPT_SELF, 0))
			_exit(1);
		execl("/bin/busybox", "true", NULL);
		_exit(2);
	}
	NEXT(NEW);
	EXPECT_EQ(pid, self->event.tid);
	EXPECT_EQ(KMVIEW_BY_ADOPT, self->event.flags);
	NEXT(END);
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
}

/* How many engines of kmview a thread has. */
static int engines_of(pid_t tid)
{
	FILE *engines = fopen("/sys/kernel/debug/utrace/engines", "re");
	char line[512], start[32];
	int count = 0;

	snprintf(start, sizeof(start), "tid=%d ", tid);
	while (engines && fgets(line, sizeof(line), engines))
		count += !strncmp(line, start, strlen(start)) && strstr(line, "owner=kmview");
	if (!engines)
		return -1;
	fclose(engines);
	return count;
}

/* What is asked for again takes the place of what was. */
TEST_F_TIMEOUT(kmview, adoptions_do_not_pile_up, 120)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 5000; i++)
			if (km_adopt(self->fd, KMVIEW_ADOPT_CHILDREN, i % 2))
				_exit(1);
		shared->flag[0] = 1;
		while (!shared->flag[1])
			usleep(1000);
		for (int i = 0; i < 100; i++)
			if (km_adopt(self->fd, KMVIEW_ADOPT_SELF, 0))
				_exit(1);
		shared->flag[0] = 2;
		pause();
	}
	EXPECT_EQ(0, wait_until(shared->flag[0] == 1));
	EXPECT_EQ(1, engines_of(pid));
	shared->flag[1] = 1;
	EXPECT_EQ(0, wait_until(shared->flag[0] == 2));
	EXPECT_EQ(2, engines_of(pid));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_TRUE(ended_by(wait_child(pid), SIGKILL));
	EXPECT_EQ(-1, kill(pid, 0));
	EXPECT_TRUE(km_quiet(self->fd));
}

/* Whether more or fewer are asked for: it is the last word that counts. */
TEST_F(kmview, an_adoption_replaces_the_one_before)
{
	static const unsigned int asked[][2] = { { 2, 2 }, { 0, 2 }, { 1, 2 }, { 3, 2 } };

	for (int i = 0; i < 4; i++) {
		int news = 0, ends = 0;

		for (int n = 0; n < 2; n++)
			ASSERT_EQ(0, km_adopt(self->fd, KMVIEW_ADOPT_CHILDREN, asked[i][n]));
		for (int n = 0; n < 4; n++) {
			pid_t pid;

			fflush(NULL);
			pid = fork();
			if (pid == 0)
				_exit(0);
			ASSERT_TRUE(ended_with(wait_child(pid), 0));
		}
		while (!km_next_within(self->fd, &self->event, 0)) {
			news += self->event.kind == KMVIEW_EVENT_NEW;
			ends += self->event.kind == KMVIEW_EVENT_END;
		}
		EXPECT_EQ(2, news);
		EXPECT_EQ(2, ends);
		EXPECT_EQ(-EPIPE, km_next_within(self->fd, &self->event, DEADLINE_MS));
	}
}

static void *thread_calls(void *arg)
{
	for (int i = 0; i < 20; i++)
		syscall(CALL);
	return NULL;
}

static int child_threads(void)
{
	pthread_t threads[64];

	for (int i = 0; i < 64; i++)
		if (pthread_create(&threads[i], NULL, thread_calls, NULL))
			return 1;
	for (int i = 0; i < 64; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

TEST_F(kmview, many_threads)
{
	struct kmview_event events[16];
	struct kmview_answer answers[16] = { 0 };
	struct kmview_exchange exchange = {
		.answers = (unsigned long)answers, .answer_size = sizeof(answers[0]),
		.events = (unsigned long)events, .event_size = sizeof(events[0]),
		.max_events = 16, .timeout = DEADLINE_MS * 1000000LL,
	};
	int news = 1, ends = 0, calls = 0, n;
	pid_t pid;

	ASSERT_EQ(0, km_entries(self->fd, CALL));
	pid = km_fork(self->fd, &self->event, child_threads);
	ASSERT_GT(pid, 0);
	while (ends < news) {
		n = km_ioctl(self->fd, KMVIEW_EXCHANGE, &exchange);
		ASSERT_GT(n, 0);
		ASSERT_EQ(0, exchange.nr_failed);
		exchange.nr_answers = 0;
		for (int i = 0; i < n; i++) {
			news += events[i].kind == KMVIEW_EVENT_NEW;
			ends += events[i].kind == KMVIEW_EVENT_END;
			calls += events[i].kind == KMVIEW_EVENT_ENTRY;
			if (events[i].ticket)
				answers[exchange.nr_answers++].ticket = events[i].ticket;
		}
	}
	EXPECT_EQ(65, news);
	EXPECT_EQ(64 * 20, calls);
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
}

static void *thread_outlives(void *arg)
{
	shared->tid[0] = ut_gettid();
	for (;;)
		pause();
	return NULL;
}

/* A thread that is dead, and not gone: its process has others, or nobody has waited for it. */
TEST_F(kmview, attach_to_the_dead)
{
	__u64 thread;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		pthread_t other;

		pthread_create(&other, NULL, thread_outlives, NULL);
		syscall(__NR_exit, 0);
	}
	ASSERT_EQ(0, wait_until(shared->tid[0]));
	ASSERT_EQ(0, wait_state(pid, 'Z'));
	EXPECT_EQ(-ESRCH, km_attach(self->fd, pid, 0, NULL));
	EXPECT_EQ(-ESRCH, km_attach(self->fd, pid, KMVIEW_ATTACH_PROCESS, NULL));
	EXPECT_TRUE(km_quiet(self->fd));
	/* By the name of one that lives, all that live. */
	ASSERT_EQ(0, km_attach(self->fd, shared->tid[0], KMVIEW_ATTACH_PROCESS, &thread));
	NEXT(NEW);
	EXPECT_EQ(thread, self->event.thread);
	EXPECT_EQ(shared->tid[0], self->event.tid);
	EXPECT_TRUE(km_quiet(self->fd));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	NEXT(END);
	EXPECT_EQ(thread, self->event.thread);
	EXPECT_EQ(-EPIPE, km_next_within(self->fd, &self->event, DEADLINE_MS));
	EXPECT_EQ(-ESRCH, km_attach(self->fd, pid, 0, NULL));
	EXPECT_TRUE(ended_by(wait_child(pid), SIGKILL));
	EXPECT_EQ(-ESRCH, km_attach(self->fd, pid, 0, NULL));
}

/* One END for each NEW, whenever the thread dies; an attach that fails leaves no NEW without it. */
TEST_F_TIMEOUT(kmview, attach_to_the_dying, 120)
{
	int attached = 0, dead = 0;

	for (int i = 0; i < 400; i++) {
		int news = 0, ends = 0, err;
		__u64 thread = 0;
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			for (volatile int n = 0; n < i * 10; n++)
				;
			syscall(__NR_exit, 0);
		}
		for (volatile int n = 0; n < 2000; n++)
			;
		err = km_attach(self->fd, pid, 0, &thread);
		if (err)
			EXPECT_EQ(-ESRCH, err);
		*(err ? &dead : &attached) += 1;
		if (!err && i % 2) {
			NEXT(NEW);
			news++;
		}
		ASSERT_TRUE(ended_with(wait_child(pid), 0));
		/* END may come after whoever waits for the process is told. */
		while (!km_next_within(self->fd, &self->event, !err && !ends ? DEADLINE_MS : 0)) {
			news += self->event.kind == KMVIEW_EVENT_NEW;
			ends += self->event.kind == KMVIEW_EVENT_END;
			if (!err)
				EXPECT_EQ(thread, self->event.thread);
			if (err && news > ends) {
				NEXT(END);
				ends++;
			}
		}
		ASSERT_EQ(news, ends);
		if (!err)
			ASSERT_EQ(1, news);
	}
	printf("# %d attached, %d dead\n", attached, dead);
}

TEST_HARNESS_MAIN
