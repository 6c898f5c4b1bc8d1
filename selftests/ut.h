/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the test programs share: threads to trace, and the calls of /dev/utrace_test.
 *
 * Nothing here decides by time: what waits has a deadline (DEADLINE_MS), and says what it waited for.
 */
#ifndef UT_H
#define UT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "utrace_test.h"

#define DEADLINE_MS	20000

/* --- the device ---------------------------------------------------------------------------- */

static inline int ut_open_device(const char *module)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", module);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fprintf(stderr, "# %s: %s (is %s.ko loaded?)\n", path, strerror(errno), module);
	return fd;
}

static inline int ut_open(void)
{
	return ut_open_device("utrace_test");
}

/* Each of these returns 0 or more, or a negative errno. */
static inline int ut_ioctl(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

static inline int ut_attach_with(int fd, pid_t pid, unsigned int events, bool exclusive, bool match)
{
	struct ut_attach attach = {
		.pid = pid, .events = events, .exclusive = exclusive, .match = match,
	};
	int err = ut_ioctl(fd, UT_ATTACH, &attach);

	return err ? err : (int)attach.engine;
}

/* Attaches an engine, gives its index. */
static inline int ut_attach(int fd, pid_t pid, unsigned int events)
{
	return ut_attach_with(fd, pid, events, false, false);
}

static inline int ut_find(int fd, pid_t pid, bool match)
{
	struct ut_attach attach = { .pid = pid, .match = match };

	return ut_ioctl(fd, UT_FIND, &attach);
}

static inline int ut_script(int fd, struct ut_script script)
{
	return ut_ioctl(fd, UT_SCRIPT, &script);
}

/* What the engine does at its next @times events of this kind, for call @nr (-1: any). */
static inline int ut_on(int fd, int engine, unsigned int event, int nr, unsigned int action,
			unsigned int flags, unsigned int times)
{
	return ut_script(fd, (struct ut_script) {
		.engine = engine, .event = event, .action = action, .flags = flags, .nr = nr,
		.times = times,
	});
}

static inline int ut_op(int fd, unsigned long cmd, int engine, unsigned int value)
{
	struct ut_op op = { .engine = engine, .value = value, .timeout_ms = DEADLINE_MS };

	return ut_ioctl(fd, cmd, &op);
}

static inline int ut_control(int fd, int engine, unsigned int action)
{
	return ut_op(fd, UT_CONTROL, engine, action);
}

/* Repeats it while a callback runs: then the removed events are no more. */
static inline int ut_set_events(int fd, int engine, unsigned int events)
{
	int err, tries = 0;

	do {
		err = ut_op(fd, UT_SET_EVENTS, engine, events);
	} while (err == -EINPROGRESS && tries++ < 100000);
	return err;
}

/* Resumes; ticket 0: without a ticket. Gives what was found: 0 nothing, 1 prepared, 2 parked. */
static inline int ut_resume(int fd, int engine, __u64 ticket)
{
	struct ut_op op = { .engine = engine, .ticket = ticket };
	int err = ut_ioctl(fd, UT_RESUME_OP, &op);

	return err ? err : (int)op.found;
}

#define FOUND_NOTHING	0
#define FOUND_PREPARED	1
#define FOUND_PARKED	2

/* Asks for a stop from outside. Gives whether the thread is parked; the ticket in @ticket. */
static inline int ut_stop(int fd, int engine, __u64 *ticket)
{
	struct ut_op op = { .engine = engine };
	int err = ut_ioctl(fd, UT_STOP_OP, &op);

	if (ticket)
		*ticket = op.ticket;
	return err ? err : (int)op.found;
}

static inline int ut_wait_held(int fd, int engine, unsigned int where)
{
	int err = ut_op(fd, UT_WAIT_HELD, engine, where);

	if (err)
		fprintf(stderr, "# engine %d: waited for hold %u: %s\n", engine, where, strerror(-err));
	return err;
}

static inline int ut_go(int fd, int engine)
{
	return ut_op(fd, UT_GO, engine, 0);
}

/* The next event of the session, within @ms. */
static inline int ut_next_within(int fd, struct ut_event *event, unsigned int ms)
{
	memset(event, 0, sizeof(*event));
	event->timeout_ms = ms;
	return ut_ioctl(fd, UT_NEXT, event);
}

static inline int ut_next(int fd, struct ut_event *event)
{
	int err = ut_next_within(fd, event, DEADLINE_MS);

	if (err)
		fprintf(stderr, "# waited for an event: %s\n", strerror(-err));
	return err;
}

/* The next event of this kind (and call, unless -1); others are passed over. */
static inline int ut_next_of(int fd, struct ut_event *event, unsigned int kind, int nr)
{
	int err;

	do
		err = ut_next(fd, event);
	while (!err && (event->event != kind || (nr != -1 && event->nr != nr)));
	return err;
}

/* How many events of this kind (and engine, and call, unless -1) are logged; takes all from the log. */
static inline int ut_drain(int fd, unsigned int kind, int engine, int nr)
{
	struct ut_event event;
	int count = 0;

	while (!ut_next_within(fd, &event, 0))
		count += event.event == kind && (engine == -1 || (int)event.engine == engine) &&
			 (nr == -1 || event.nr == nr);
	return count;
}

/* The next event of this kind and engine (-1: any). */
static inline int ut_next_from(int fd, struct ut_event *event, int engine, unsigned int kind, int nr)
{
	int err;

	do
		err = ut_next_of(fd, event, kind, nr);
	while (!err && engine != -1 && (int)event->engine != engine);
	return err;
}

/* In a fixture's setup, without which nothing can be tested. */
#define UT_OPEN() ({								\
	int _fd = ut_open();							\
	if (_fd < 0)								\
		SKIP(return, "no /dev/utrace_test: load utrace and utrace_test of a test build"); \
	_fd;									\
})

/* How many events the engine has had, logged or not. */
static inline long ut_count(int fd, int engine)
{
	struct ut_op op = { .engine = engine };
	int err = ut_ioctl(fd, UT_COUNT, &op);

	return err ? err : (long)op.ticket;
}

/* --- threads to trace ----------------------------------------------------------------------- */

/* What a test and its tracees see of each other. */
struct ut_shared {
	volatile int flag[8];
	volatile long count[8];
	volatile pid_t tid[16];
	char text[256];
};

static struct ut_shared *shared;

/* Before the first tracee. */
static inline void ut_share(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		abort();
}

static inline long ut_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until @condition holds; says what it was if it does not. */
#define wait_until(condition) ({						\
	long _end = ut_now_ms() + DEADLINE_MS;					\
	int _err = 0;								\
	while (!(condition)) {							\
		if (ut_now_ms() > _end) {					\
			fprintf(stderr, "# %s:%d: waited for %s\n", __FILE__, __LINE__, #condition); \
			_err = -ETIME;						\
			break;							\
		}								\
		usleep(500);							\
	}									\
	_err;									\
})

/* A process that calls a function of the test for each command, and says what it returned. */
struct tracee {
	pid_t pid;
	int command, result;
};

typedef long (*ut_function)(long *args);

struct ut_command {
	ut_function function;
	long args[7];
};

/* The call that scripts look for. */
#define CALL	__NR_getppid

static inline long raw_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 asm("r10") = d, r8 asm("r8") = e, r9 asm("r9") = f;
	long result;

	asm volatile("syscall" : "=a"(result)
		     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return result;
}

/* A command: makes a system call. */
static inline long do_syscall(long *args)
{
	return raw_syscall(args[0], args[1], args[2], args[3], args[4], args[5], args[6]);
}

static inline long do_exit_group(long *args)
{
	_exit(args[0]);
}

/* Runs in user mode, without a call, until flag[0] is set. */
static inline long do_spin(long *args)
{
	while (!shared->flag[0])
		shared->count[0]++;
	return 0;
}

static inline void tracee_main(int command, int result)
{
	struct ut_command c;
	long r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(command, &c, sizeof(c)) == sizeof(c)) {
		r = c.function(c.args);
		if (write(result, &r, sizeof(r)) != sizeof(r))
			break;
	}
	_exit(0);
}

static inline struct tracee tracee_start(void)
{
	int command[2], result[2];
	struct tracee tracee = { .pid = -1 };

	if (pipe(command) || pipe(result))
		return tracee;
	fflush(NULL);
	tracee.pid = fork();
	if (tracee.pid == 0) {
		/* A session ends when the test closes it: no other may have it open. */
		for (int fd = 3; fd < 64; fd++)
			if (fd != command[0] && fd != result[1])
				close(fd);
		tracee_main(command[0], result[1]);
	}
	close(command[0]);
	close(result[1]);
	tracee.command = command[1];
	tracee.result = result[0];
	return tracee;
}

/* Has the tracee call a function of the test program. */
#define tracee_run(tracee, call, ...) ({					\
	struct ut_command _command = { .function = call, .args = { __VA_ARGS__ } }; \
	write((tracee)->command, &_command, sizeof(_command)) == sizeof(_command) ? 0 : -errno; \
})

/* Has the tracee make a system call. */
#define tracee_syscall(tracee, ...) tracee_run(tracee, do_syscall, __VA_ARGS__)

/* Has the tracee make the call. */
static inline int tracee_call(struct tracee *tracee)
{
	return tracee_syscall(tracee, CALL);
}

/* Waits for the result of a call; -ETIME when it does not come within @ms. */
static inline int tracee_result_within(struct tracee *tracee, long *result, int ms)
{
	struct pollfd fd = { .fd = tracee->result, .events = POLLIN };

	if (poll(&fd, 1, ms) != 1)
		return -ETIME;
	return read(tracee->result, result, sizeof(*result)) == sizeof(*result) ? 0 : -EPIPE;
}

/* The state letter of a thread, as ps shows it; 0 if there is no such thread. */
static inline char thread_state(pid_t tid)
{
	char path[64], text[512], *end;
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	end = strrchr(text, ')');
	return end ? end[2] : 0;
}

static inline int tracee_result(struct tracee *tracee, long *result)
{
	int err = tracee_result_within(tracee, result, DEADLINE_MS);

	if (err)
		fprintf(stderr, "# waited for the tracee's call: %s (its state: %c)\n",
			strerror(-err), thread_state(tracee->pid));
	return err;
}

/* Waits until the thread is in state @state ('t': parked). */
static inline int wait_state(pid_t tid, char state)
{
	long end = ut_now_ms() + DEADLINE_MS;
	char now;

	while ((now = thread_state(tid)) != state) {
		if (ut_now_ms() > end) {
			fprintf(stderr, "# waited for state %c of %d: it is %c\n", state, tid, now ?: '-');
			return -ETIME;
		}
		usleep(1000);
	}
	return 0;
}

#define wait_parked(tid) wait_state(tid, 't')

/* Waits for a child; gives its status, or -1. */
static inline int wait_child(pid_t pid)
{
	long end = ut_now_ms() + DEADLINE_MS;
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG | __WALL);

		if (got == pid)
			return status;
		if (got < 0 || ut_now_ms() > end) {
			fprintf(stderr, "# waited for the end of %d: %s (its state: %c)\n", pid,
				got < 0 ? strerror(errno) : "still there", thread_state(pid) ?: '-');
			return -1;
		}
		usleep(1000);
	}
}

/* A thread's number, as the kernel has it. */
static inline pid_t ut_gettid(void)
{
	return syscall(__NR_gettid);
}

static inline bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static inline void tracee_end(struct tracee *tracee)
{
	if (tracee->pid > 0) {
		kill(tracee->pid, SIGKILL);
		wait_child(tracee->pid);
		close(tracee->command);
		close(tracee->result);
	}
	tracee->pid = -1;
}

/* The tracee has ended, or does: its status. */
static inline int tracee_status(struct tracee *tracee)
{
	int status = wait_child(tracee->pid);

	close(tracee->command);
	close(tracee->result);
	tracee->pid = -1;
	return status;
}

/* Whether a status says: by this signal. */
static inline bool ended_by(int status, int sig)
{
	return status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

static inline bool ended_with(int status, int code)
{
	return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == code;
}

#endif
