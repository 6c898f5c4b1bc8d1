// SPDX-License-Identifier: GPL-2.0
/*
 * stop_loop [CALLS]: makes system calls under utrace_resumer, which stops and resumes each of them,
 * and says whether one of the resumes was lost. Not a test of its own: the demo and the searches
 * for bad schedules run it.
 */
#include <sys/mman.h>

#include "ut.h"

#define ATTACH "/sys/kernel/debug/utrace_resumer/attach"

/* Without any progress for so long, a thread is lost. Guest time, which a slow host stretches. */
#define LOST_MS 5000

static int attach(pid_t pid)
{
	char text[16];
	int fd = open(ATTACH, O_WRONLY);
	int n = snprintf(text, sizeof(text), "%d\n", pid);
	int err = 0;

	if (fd < 0 || write(fd, text, n) != n)
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

int main(int argc, char **argv)
{
	long calls = argc > 1 ? atol(argv[1]) : 10000, seen = -1, still;
	volatile long *done = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int go[2], err, status;
	pid_t child;
	char c = 0;

	if (done == MAP_FAILED || pipe(go)) {
		perror("stop_loop");
		return 2;
	}
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (read(go[0], &c, 1) != 1)
			_exit(2);
		for (long i = 0; i < calls; i++) {
			syscall(CALL);
			*done = i + 1;
		}
		_exit(0);
	}
	err = attach(child);
	if (err) {
		fprintf(stderr, "stop_loop: %s: %s (is utrace_resumer.ko loaded?)\n", ATTACH,
			strerror(-err));
		kill(child, SIGKILL);
		return 2;
	}
	if (write(go[1], &c, 1) != 1)
		return 2;

	still = ut_now_ms();
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (*done != seen) {
			seen = *done;
			still = ut_now_ms();
		} else if (ut_now_ms() - still > LOST_MS) {
			printf("lost: the resume of a stop of call %ld; the thread's state is %c\n",
			       seen, thread_state(child));
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return 1;
		}
		usleep(10000);
	}
	printf("ok: %ld calls\n", *done);
	return *done == calls ? 0 : 1;
}
