/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test programs of kmview share. What waits has a deadline, and says what it waited for.
 */
#ifndef KM_H
#define KM_H

#include "ut.h"
#include "../include/uapi/linux/kmview.h"

/* Each of these returns 0 or more, or a negative errno. */
#define km_ioctl(fd, cmd, arg) ({						\
	int _result = ioctl(fd, cmd, arg);					\
	_result < 0 ? -errno : _result;						\
})

#define KM_OPEN() ({								\
	int _fd = open("/dev/kmview", O_RDWR | O_CLOEXEC);			\
	if (_fd < 0)								\
		SKIP(return, "no /dev/kmview: load utrace and kmview");		\
	_fd;									\
})

/* Selects one call of an ABI; nr -1: none, -2: all. */
static inline int km_select(int fd, unsigned int what, unsigned int abi, int nr)
{
	__u64 bitmap[8] = { 0 };
	struct kmview_calls calls = {
		.what = what, .abi = abi, .bitmap = (unsigned long)bitmap, .bits = 512,
	};

	if (nr >= 0)
		bitmap[nr / 64] = 1ULL << nr % 64;
	if (nr == -2) {
		memset(bitmap, 0xff, sizeof(bitmap));
		calls.flags = KMVIEW_CALLS_OTHERS;
	}
	return km_ioctl(fd, KMVIEW_SET_CALLS, &calls);
}

static inline int km_entries(int fd, int nr)
{
	return km_select(fd, KMVIEW_CALLS_ENTRY, KMVIEW_ABI_NATIVE, nr);
}

static inline int km_returns(int fd, int nr)
{
	return km_select(fd, KMVIEW_CALLS_RETURN, KMVIEW_ABI_NATIVE, nr);
}

static inline int km_adopt(int fd, unsigned int what, unsigned int count)
{
	struct kmview_adopt adopt = { .what = what, .count = count };

	return km_ioctl(fd, KMVIEW_ADOPT, &adopt);
}

static inline int km_attach(int fd, pid_t pid, unsigned int flags, __u64 *thread)
{
	struct kmview_attach attach = { .pid = pid, .flags = flags };
	int err = km_ioctl(fd, KMVIEW_ATTACH, &attach);

	if (thread)
		*thread = attach.thread;
	return err;
}

static inline int km_at_close(int fd, unsigned int policy, int err)
{
	struct kmview_options options = {
		.at_close = policy, .at_close_errno = err,
		.follow = KMVIEW_FOLLOW_THREADS | KMVIEW_FOLLOW_PROCESSES,
	};

	return km_ioctl(fd, KMVIEW_SET_OPTIONS, &options);
}

static inline int km_wait_for(int fd, unsigned int mask, __u64 signals)
{
	struct kmview_events events = { .wait = mask, .wait_signals = signals };

	return km_ioctl(fd, KMVIEW_SET_EVENTS, &events);
}

/* Makes @fd another queue of the session of @session. */
static inline int km_join(int fd, int session)
{
	struct kmview_join join = { .fd = session };

	return km_ioctl(fd, KMVIEW_JOIN, &join);
}

/* Has the events of a thread come to @queue, which is of the session of @fd. */
static inline int km_set_queue(int fd, __u64 thread, int queue)
{
	struct kmview_set_thread set = { .thread = thread, .fd = queue, .flags = KMVIEW_SET_QUEUE };

	return km_ioctl(fd, KMVIEW_SET_THREAD, &set);
}

/* Whether there is something to read, now. */
static inline bool km_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

/* The next event within @ms; -ETIME if there is none, -EPIPE at the end. */
static inline int km_next_within(int fd, struct kmview_event *event, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	memset(event, 0, sizeof(*event));
	if (poll(&p, 1, ms) != 1)
		return -ETIME;
	n = read(fd, event, sizeof(*event));
	if (n == 0)
		return -EPIPE;
	return n == sizeof(*event) ? 0 : n < 0 ? -errno : -EIO;
}

/* The next event, which is to be of this kind. */
static inline int km_next(int fd, struct kmview_event *event, unsigned int kind)
{
	int err = km_next_within(fd, event, DEADLINE_MS);

	if (err) {
		fprintf(stderr, "# waited for an event %u: %s\n", kind, strerror(-err));
	} else if (event->kind != kind) {
		fprintf(stderr, "# event %u (call %lld, tid %d), not %u\n", event->kind,
			(long long)event->entry.nr, event->tid, kind);
		err = -EBADMSG;
	}
	return err;
}

/* No event comes: what there is to come would be there. */
static inline bool km_quiet(int fd)
{
	struct kmview_event event;
	int err = km_next_within(fd, &event, 30);

	if (!err)
		fprintf(stderr, "# event %u (call %lld)\n", event.kind, (long long)event.entry.nr);
	return err == -ETIME;
}

static inline int km_answer(int fd, struct kmview_answer answer)
{
	return km_ioctl(fd, KMVIEW_ANSWER, &answer);
}

static inline int km_run(int fd, __u64 ticket)
{
	return km_answer(fd, (struct kmview_answer) { .ticket = ticket });
}

/* Forks a child of the session that runs @function; its NEW is read. */
static inline pid_t km_fork(int fd, struct kmview_event *event, int (*function)(void))
{
	pid_t pid;

	if (km_adopt(fd, KMVIEW_ADOPT_CHILDREN, 1))
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(function());
	if (km_next(fd, event, KMVIEW_EVENT_NEW) || event->tid != pid)
		return -1;
	return pid;
}

/* For tests whose fixture has a tracee: what it has returned. */
#define RESULT() ({								\
	long _r = 0;								\
	ASSERT_EQ(0, tracee_result(&self->tracee, &_r));			\
	_r;									\
})

/* Has it make a call that does not wait. */
#define MAKE(...) ({								\
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __VA_ARGS__));		\
	RESULT();								\
})

/* Makes calls, threads and processes. */
static inline void *busy_thread(void *arg)
{
	for (int i = 0; i < 5; i++)
		raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
	return NULL;
}

static inline int busy(void)
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

#endif
