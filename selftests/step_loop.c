// SPDX-License-Identifier: GPL-2.0
/*
 * step_loop: runs for ever, and leaves with status 1 when it sees a trap flag.
 * step_loop PID STEPS: has a thread of the test module's step, and lets it go in the middle of it.
 * Not a test of its own: load.sh runs it, and unloads the modules then.
 */
#include "ut.h"

static bool sees_trap_flag(void)
{
	unsigned long flags;

	asm volatile("pushfq; pop %0" : "=r"(flags));
	return flags & 0x100;
}

int main(int argc, char **argv)
{
	int fd, engine;

	if (argc < 3) {
		while (!sees_trap_flag())
			;
		return 1;
	}
	fd = ut_open();
	engine = ut_attach(fd, atoi(argv[1]), UT_QUIESCE | UT_SIGNAL_CORE);
	if (engine < 0)
		return 2;
	ut_on(fd, engine, UT_QUIESCE, -1, UT_SINGLESTEP, UT_F_QUIET, 0);
	ut_on(fd, engine, UT_SIGNAL_CORE, SIGTRAP, UT_SINGLESTEP, UT_F_QUIET, 0);
	if (ut_control(fd, engine, UT_SINGLESTEP))
		return 3;
	return wait_until(ut_count(fd, engine) > atol(argv[2])) ? 4 : 0;
}
