// SPDX-License-Identifier: GPL-2.0
/*
 * kmview_cost [filtered | observed | observed-twice]: what a getpid() costs in a session: one whose
 * monitor takes its entry and answers, in one call for both; one that is not selected; one that is
 * recorded at its return, or at its entry, too. Under "qemu/run --icount" in instructions.
 *
 * kmview_cost named | snapshot: the first one for a call with a path; and if the monitor takes a copy of that.
 *
 * kmview_cost descriptor | path | relative: what a call costs that is not selected for what it names,
 * less what it costs without a session.
 */
#include <x86intrin.h>

#include "km.h"

#define CALLS 1000
#define ROUNDS 10

static unsigned long long best = ~0ULL;

/* The call that is measured. */
static long call[3] = { __NR_getpid };

static void find_best(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		unsigned long long start = __rdtsc(), ticks;

		for (int i = 0; i < CALLS; i++)
			syscall(call[0], call[1], call[2], 0, 0);
		ticks = __rdtsc() - start;
		if (ticks < best)
			best = ticks;
	}
}

static int measure(void)
{
	find_best();
	printf("%llu.%03llu\n", best / CALLS, best % CALLS);
	fflush(stdout);
	return 0;
}

static int go[2];
static unsigned long long native;

static int measure_more(void)
{
	char c;

	if (read(go[0], &c, 1) != 1)
		return 1;
	find_best();
	best -= native;
	printf("%llu.%03llu\n", best / CALLS, best % CALLS);
	fflush(stdout);
	return 0;
}

/* The session has chosen another descriptor, and another path. */
static int name(int fd, const char *what)
{
	static const char others[] = "/usr/bin\0/etc/ssl";
	bool by_fd = !strcmp(what, "descriptor");
	struct kmview_paths paths = { .paths = (unsigned long)others, .size = sizeof(others) };
	struct kmview_fds fds = { .op = KMVIEW_FDS_ADD, .fd = 50 };
	struct kmview_event event;

	call[0] = by_fd ? __NR_lseek : __NR_readlinkat;
	call[1] = by_fd ? 60 : AT_FDCWD;
	call[2] = by_fd ? 0 : (long)(!strcmp(what, "path") ? "/usr/lib/none" : "none");
	find_best();
	native = best;
	best = ~0ULL;
	if (pipe(go) || chdir("/usr") || km_ioctl(fd, KMVIEW_SET_PATHS, &paths) ||
	    km_entries(fd, call[0]) ||
	    km_select(fd, by_fd ? KMVIEW_CALLS_FD : KMVIEW_CALLS_PATH, KMVIEW_ABI_NATIVE, call[0]) ||
	    km_fork(fd, &event, measure_more) < 0)
		return 1;
	fds.thread = event.thread;
	if ((by_fd && km_ioctl(fd, KMVIEW_SET_FDS, &fds)) || write(go[1], "", 1) != 1)
		return 1;
	return km_next(fd, &event, KMVIEW_EVENT_END) != 0;
}

static int observe(int fd, bool twice)
{
	/* Room for all of it, and told at its end. */
	struct kmview_ring_setup setup = { .size = 4 << 20, .wake = 4 << 20 };
	struct kmview_event event;

	if (km_ioctl(fd, KMVIEW_RING, &setup) ||
	    km_select(fd, KMVIEW_CALLS_RECORD_RETURN, KMVIEW_ABI_NATIVE, __NR_getpid) ||
	    (twice && km_select(fd, KMVIEW_CALLS_RECORD_ENTRY, KMVIEW_ABI_NATIVE, __NR_getpid)) ||
	    km_fork(fd, &event, measure) < 0)
		return 1;
	return km_next(fd, &event, KMVIEW_EVENT_END) != 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool snapshot = !strcmp(what, "snapshot");
	int selected = !strcmp(what, "filtered") ? __NR_acct : __NR_getpid;
	int fd = open("/dev/kmview", O_RDWR | O_CLOEXEC);
	struct kmview_event event;
	struct kmview_answer answer = { 0 };
	static const char path[] = "/usr/lib/none";
	char taken[64];
	struct kmview_snapshot copy = {
		.type = KMVIEW_SNAPSHOT_STRING, .buffer = (unsigned long)taken, .len = sizeof(taken),
	};
	struct kmview_exchange exchange = {
		.answers = (unsigned long)&answer, .answer_size = sizeof(answer),
		.events = (unsigned long)&event, .event_size = sizeof(event), .max_events = 1,
		.timeout = -1,
	};

	if (fd >= 0 && !strncmp(what, "observed", 8))
		return observe(fd, !strcmp(what, "observed-twice"));
	if (fd >= 0 && strchr("dpr", *what) && *what)
		return name(fd, what);
	if (snapshot || !strcmp(what, "named")) {
		selected = call[0] = __NR_access;
		call[1] = (long)path;
	}
	if (fd < 0 || km_entries(fd, selected) || km_fork(fd, &event, measure) < 0)
		return 1;
	while (km_ioctl(fd, KMVIEW_EXCHANGE, &exchange) == 1) {
		answer.ticket = event.ticket;
		exchange.nr_answers = event.ticket != 0;
		copy.ticket = event.ticket;
		if (snapshot && event.ticket && km_ioctl(fd, KMVIEW_SNAPSHOT, &copy) != sizeof(path))
			return 1;
	}
	return 0;
}
