// SPDX-License-Identifier: GPL-2.0
/*
 * other_cost ptrace | seccomp | eventfd: what a getpid() costs that makes a round trip to another process,
 * by other means than kmview's: two stops of ptrace, a notification of seccomp that lets the call
 * go on; and two processes that only wake each other. For kmview_cost.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <x86intrin.h>

#include "kselftest.h"
#include "ut.h"

#define CALLS 1000
#define ROUNDS 10

static void call(void *unused)
{
	syscall(__NR_getpid);
}

static int measure(void (*trip)(void *), void *argument)
{
	unsigned long long best = ~0ULL;

	for (int round = 0; round < ROUNDS; round++) {
		unsigned long long start = __rdtsc(), ticks;

		for (int i = 0; i < CALLS; i++)
			trip(argument);
		ticks = __rdtsc() - start;
		if (ticks < best)
			best = ticks;
	}
	printf("%llu.%03llu\n", best / CALLS, best % CALLS);
	fflush(stdout);
	return 0;
}

static int by_ptrace(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP))
			_exit(1);
		_exit(measure(call, NULL));
	}
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status))
		if (ptrace(PTRACE_SYSCALL, child, 0, 0))
			return 1;
	return status != 0;
}

static int by_seccomp(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getpid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };
	struct seccomp_notif request = { 0 };
	struct seccomp_notif_resp answer = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	/* The child has the descriptor, at a number that the monitor can name. */
	int go[2], pidfd, listener, number;
	pid_t child;

	if (pipe(go))
		return 1;
	child = fork();
	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
			_exit(1);
		number = syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER,
				 SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
		if (number < 0 || write(go[1], &number, sizeof(number)) != sizeof(number))
			_exit(1);
		measure(call, NULL);
		/* No others wait for their answer. */
		_exit(0);
	}
	close(go[1]);
	pidfd = syscall(__NR_pidfd_open, child, 0);
	if (read(go[0], &number, sizeof(number)) != sizeof(number))
		return 1;
	listener = syscall(__NR_pidfd_getfd, pidfd, number, 0);
	if (listener < 0)
		return 1;
	for (;;) {
		memset(&request, 0, sizeof(request));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request))
			return 0;
		answer.id = request.id;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer))
			return 1;
	}
}

static void ping(void *counters)
{
	const int *counter = counters;
	uint64_t one = 1;

	if (write(counter[0], &one, sizeof(one)) != sizeof(one) ||
	    read(counter[1], &one, sizeof(one)) != sizeof(one))
		_exit(1);
}

static int by_eventfd(void)
{
	int counter[2] = { eventfd(0, 0), eventfd(0, 0) };
	pid_t child = fork();
	uint64_t count;
	int result;

	if (child == 0)
		for (;;)
			if (read(counter[0], &count, sizeof(count)) != sizeof(count) ||
			    write(counter[1], &count, sizeof(count)) != sizeof(count))
				_exit(1);
	result = measure(ping, counter);
	kill(child, SIGKILL);
	return result;
}

int main(int argc, char **argv)
{
	switch (argc > 1 ? *argv[1] : 0) {
	case 'p':
		return by_ptrace();
	case 's':
		return by_seccomp();
	case 'e':
		return by_eventfd();
	default:
		return 1;
	}
}
