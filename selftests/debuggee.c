// SPDX-License-Identifier: GPL-2.0
/*
 * debuggee [wait]: for a debugger. Five turns of a loop with a system call each, whose argument tells
 * which turn it is; then a signal for itself, and the name of the machine. With "wait" it begins when a
 * debugger says so. Not a test of its own: host/kmview_gdb.sh runs it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TURNS 5
/* There is no such process: the result is -3. */
#define NOBODY 0x40000000L

/* What the debugger reads and writes. */
volatile int go, total, self;

/* At labels, for the debugger to step over. */
__attribute__((noinline, noclone)) static long call(long number, long arg)
{
	long result;

	asm volatile(".globl at_call, after_call\n"
		     "at_call: syscall\n"
		     "after_call:"
		     : "=a"(result) : "a"(number), "D"(arg) : "rcx", "r11", "memory");
	return result;
}

__attribute__((noinline, noclone)) static void turn(int number)
{
	total += number;
	total += call(__NR_getpgid, NOBODY + number);
}

static void on_signal(int signal)
{
	total += signal;
}

int main(int argc, char **argv)
{
	struct utsname name;

	self = getpid();
	signal(SIGUSR1, on_signal);
	if (argc > 1 && !strcmp(argv[1], "wait"))
		while (!go)
			usleep(10000);
	for (int number = 1; number <= TURNS; number++)
		turn(number);
	raise(SIGUSR1);
	uname(&name);
	printf("total %d on %s\n", total, name.nodename);
	return 7;
}
