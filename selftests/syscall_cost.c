// SPDX-License-Identifier: GPL-2.0
/*
 * syscall_cost: what a getpid() costs. Under "qemu/run --icount" the time stamp counter counts
 * instructions, so the figure is exact and repeatable.
 */
#include <x86intrin.h>

#include "ut.h"

#define CALLS 1000
#define ROUNDS 20

int main(void)
{
	unsigned long long best = ~0ULL;

	for (int round = 0; round < ROUNDS; round++) {
		unsigned long long start = __rdtsc(), ticks;

		for (int i = 0; i < CALLS; i++)
			syscall(__NR_getpid);
		ticks = __rdtsc() - start;
		/* The least: what interrupts added is not the call's. */
		if (ticks < best)
			best = ticks;
	}
	printf("%llu.%03llu\n", best / CALLS, best % CALLS);
	return 0;
}
