// SPDX-License-Identifier: GPL-2.0
/*
 * kmview_cost: what a getpid() costs in a session: one that is not selected, and one whose monitor
 * takes its entry and answers, in one call for both. Under "qemu/run --icount" in instructions.
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

int main(int argc, char **argv)
{
	int call = argc > 1 && !strcmp(argv[1], "filtered") ? __NR_acct : __NR_getpid;
	int fd = open("/dev/kmview", O_RDWR | O_CLOEXEC);
	struct kmview_event event;
	struct kmview_answer answer = { 0 };
	struct kmview_exchange exchange = {
		.answers = (unsigned long)&answer, .answer_size = sizeof(answer),
		.events = (unsigned long)&event, .event_size = sizeof(event), .max_events = 1,
		.timeout = -1,
	};

	if (fd < 0 || km_entries(fd, call) || km_fork(fd, &event, measure) < 0)
		return 1;
	while (km_ioctl(fd, KMVIEW_EXCHANGE, &exchange) == 1) {
		answer.ticket = event.ticket;
		exchange.nr_answers = event.ticket != 0;
	}
	return 0;
}
