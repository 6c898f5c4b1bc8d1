// SPDX-License-Identifier: GPL-2.0
/*
 * A monitor that says anything: random and malformed calls of the device, more than a million of
 * them, each as a user without rights. No answer of the kernel is wrong; it is not to oops, leak or
 * hang.
 */
#include "km.h"
#include "kselftest_harness.h"

static unsigned int seed = 1;

static unsigned int any(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

#define WORDS	64

static const unsigned long commands[] = {
	KMVIEW_INFO, KMVIEW_SET_OPTIONS, KMVIEW_SET_CALLS, KMVIEW_SET_EVENTS, KMVIEW_ADOPT,
	KMVIEW_ATTACH, KMVIEW_DETACH_THREAD, KMVIEW_SET_THREAD, KMVIEW_JOIN, KMVIEW_ANSWER,
	KMVIEW_EXCHANGE, KMVIEW_MEMORY, KMVIEW_SNAPSHOT, KMVIEW_PUT_FD, KMVIEW_CLOSE_FD,
	KMVIEW_SET_FDS, KMVIEW_SET_PATHS, KMVIEW_RING, KMVIEW_RING_DONE, KMVIEW_SET_COPY, KMVIEW_COUNTS,
};

/* Any bytes, some of them likely ones. */
static void fill(__u64 *words, __u64 ticket, pid_t pid)
{
	for (int i = 0; i < WORDS; i++) {
		switch (any(8)) {
		case 0:
			words[i] = ticket;
			break;
		case 1:
			words[i] = (unsigned long)&words[any(WORDS)];
			break;
		case 2:
			words[i] = (__u64)any(~0U) << 32 | any(~0U);
			break;
		case 3:
			words[i] = (unsigned int)pid;
			break;
		case 4:
			words[i] = any(8) | (__u64)any(8) << 32;
			break;
		case 5:
			words[i] = 64 << 10;
			break;
		case 6:
			words[i] = 88 | (__u64)128 << 32;
			break;
		default:
			words[i] = 0;
		}
	}
}

/* What queues and filters are asked for, not always rightly. */
static void route_and_filter(int *fds, __u64 thread)
{
	static const char paths[] = "/tmp\0/usr/../none\0/\0x\0";
	struct kmview_paths set = {
		.paths = (unsigned long)paths + any(4) / 3, .size = any(sizeof(paths) + 2),
	};
	struct kmview_fds chosen = { .thread = thread, .op = any(5), .fd = any(60) - 1 };
	int queue = 1 + any(3);

	switch (any(5)) {
	case 0:
		if (fds[queue] >= 0)
			close(fds[queue]);
		fds[queue] = open("/dev/kmview", O_RDWR | O_CLOEXEC | O_NONBLOCK);
		km_join(fds[queue], fds[any(4)]);
		break;
	case 1:
		km_set_queue(fds[any(4)], thread, fds[any(4)]);
		break;
	case 2:
		km_ioctl(fds[0], KMVIEW_SET_FDS, &chosen);
		break;
	case 3:
		km_ioctl(fds[0], KMVIEW_SET_PATHS, &set);
		break;
	default:
		km_select(fds[0], any(8), any(2), any(2) ? -2 : any(400));
	}
}

/* What is right but for some of it. */
static void errand(int fd, __u64 ticket, __u64 *words)
{
	struct kmview_snapshot snapshot = {
		.ticket = ticket, .arg = any(7), .type = 1 + any(2), .buffer = (unsigned long)words,
		.len = any(WORDS * 8), .flags = any(2),
	};
	struct kmview_fd request = {
		.ticket = ticket, .fd = any(2) ? fd : any(4), .target = any(2) ? 0 : 3 + any(40),
		.flags = any(4),
	};
	static const unsigned int which[] = { KMVIEW_PUT_FD, KMVIEW_CLOSE_FD };

	if (any(2)) {
		ioctl(fd, KMVIEW_SNAPSHOT, &snapshot);
	} else {
		unsigned int cmd = which[any(2)];

		if (cmd == KMVIEW_CLOSE_FD) {
			request.fd = 0;
			request.flags = 0;
		}
		ioctl(fd, cmd, &request);
	}
}

/* In a process of its own: it may adopt its own children, and have them killed. */
static int fuzz(int rounds)
{
	static __u64 words[WORDS];
	struct kmview_event event = { 0 };
	/* The session, and other queues of it. */
	int fds[4] = { -1, -1, -1, -1 }, fd = -1;
	pid_t pid;

	/* What it attaches to, and kills, is to be its own. */
	if (setgid(1000) || setuid(1000) || prctl(PR_SET_DUMPABLE, 1))
		return 1;
	pid = fork();
	if (pid == 0)
		busy();
	alarm(580);
	for (int i = 0; i < rounds; i++) {
		unsigned long cmd = commands[any(20)];

		if (fd < 0 || !any(500)) {
			close(fd);
			fds[0] = fd = open("/dev/kmview", O_RDWR | O_CLOEXEC | O_NONBLOCK);
			km_entries(fd, CALL);
			km_attach(fd, pid, 0, NULL);
		}
		fill(words, event.ticket, pid);
		if (!any(20))
			cmd = _IOC(any(4), KMVIEW_IOC, any(32), any(600));
		/* Not for long. */
		if (_IOC_NR(cmd) == _IOC_NR(KMVIEW_EXCHANGE))
			words[4] = any(2) * 1000;
		switch (any(12)) {
		case 0:
			read(fds[any(4)], words, any(sizeof(words)));
			break;
		case 1:
			if (read(fds[any(2) * any(4)], &event, sizeof(event)) == sizeof(event)) {
				for (int n = any(4); n; n--)
					errand(fd, event.ticket, words);
				if (any(2))
					km_run(fd, event.ticket);
			}
			break;
		case 4:
		case 5:
			route_and_filter(fds, event.thread);
			break;
		case 2:
			munmap(mmap(NULL, 4096 << any(6), PROT_READ, MAP_SHARED, fd, any(8) * 4096),
			       4096);
			break;
		case 3:
			ioctl(fd, cmd, (unsigned long)any(4) << 45);
			break;
		default:
			ioctl(fd, cmd, words);
		}
	}
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

FIXTURE(fuzz) { };
FIXTURE_SETUP(fuzz)
{
	close(KM_OPEN());
	ut_share();
}
FIXTURE_TEARDOWN(fuzz) { }

FIXTURE_VARIANT(fuzz) { unsigned int seed; };
FIXTURE_VARIANT_ADD(fuzz, first) { .seed = 1 };
FIXTURE_VARIANT_ADD(fuzz, second) { .seed = 2 };
FIXTURE_VARIANT_ADD(fuzz, third) { .seed = 3 };

/* Whether a session has an engine on any thread: there are none but ours. */
static bool engines_left(void)
{
	FILE *engines = fopen("/sys/kernel/debug/utrace/engines", "re");
	char line[512];
	bool left = false;

	while (engines && fgets(line, sizeof(line), engines))
		left |= strstr(line, "owner=kmview") != NULL;
	if (engines)
		fclose(engines);
	return left;
}

/* More than a million with all three. */
TEST_F_TIMEOUT(fuzz, anything, 600)
{
	pid_t pid;
	int status;

	seed = variant->seed;
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(fuzz(340000));
	while (waitpid(pid, &status, WNOHANG) == 0)
		usleep(10000);
	EXPECT_TRUE(ended_with(status, 0));
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	EXPECT_EQ(0, wait_until(!engines_left()));
}

TEST_HARNESS_MAIN
