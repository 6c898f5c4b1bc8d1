// SPDX-License-Identifier: GPL-2.0
/*
 * kmview_cost [filtered | observed | observed-twice]: what a getpid() costs in a session: one whose
 * monitor takes its entry and answers, in one call for both; one that is not selected; one that is
 * recorded at its return, or at its entry, too. Under "qemu/run --icount" in instructions.
 */
#include <x86intrin.h>

#include "km.h"

#define CALLS 1000
#define ROUNDS 10

static unsigned long long best = ~0ULL;

static int measure(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		unsigned long long start = __rdtsc(), ticks;

		for (int i = 0; i < CALLS; i++)
			syscall(__NR_getpid);
		ticks = __rdtsc() - start;
		if (ticks < best)
			best = ticks;
	}
	printf("%llu.%03llu\n", best / CALLS, best % CALLS);
	fflush(stdout);
	return 0;
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
	int call = !strcmp(what, "filtered") ? __NR_acct : __NR_getpid;
	int fd = open("/dev/kmview", O_RDWR | O_CLOEXEC);
	struct kmview_event event;
	struct kmview_answer answer = { 0 };
	struct kmview_exchange exchange = {
		.answers = (unsigned long)&answer, .answer_size = sizeof(answer),
		.events = (unsigned long)&event, .event_size = sizeof(event), .max_events = 1,
		.timeout = -1,
	};

	if (fd >= 0 && !strncmp(what, "observed", 8))
		return observe(fd, !strcmp(what, "observed-twice"));
	if (fd < 0 || km_entries(fd, call) || km_fork(fd, &event, measure) < 0)
		return 1;
	while (km_ioctl(fd, KMVIEW_EXCHANGE, &exchange) == 1) {
		answer.ticket = event.ticket;
		exchange.nr_answers = event.ticket != 0;
	}
	return 0;
}
