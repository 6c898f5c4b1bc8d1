// SPDX-License-Identifier: GPL-2.0
/*
 * Makes three 32-bit calls, which syscalls.c changes. Each that gave what it should sets a bit of
 * the exit status. Without a library, as a 64-bit machine may have none for 32 bits.
 */

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
	long result;

	/* %ebp is the sixth argument, and nobody's to clobber. */
	asm volatile("push %%ebp\n\t"
		     "mov %[f], %%ebp\n\t"
		     "int $0x80\n\t"
		     "pop %%ebp"
		     : "=a"(result)
		     : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), [f] "m"(f)
		     : "memory");
	return result;
}

void _start(void)
{
	long bits = 0, pid;

	/* getpid: aborted with -EDOM */
	bits |= call(20, 0xfffffff1, 2, 3, 4, 5, 6) == -33 ? 1 : 0;
	pid = call(20, 0, 0, 0, 0, 0, 0);
	/* getppid: becomes getpid */
	bits |= call(64, 0, 0, 0, 0, 0, 0) == pid ? 2 : 0;
	/* getpgid: of no such process, becomes that of the caller */
	bits |= call(132, 0x3fffffff, 0, 0, 0, 0, 0) >= 0 ? 4 : 0;
	call(1, bits, 0, 0, 0, 0, 0);
}
