// SPDX-License-Identifier: GPL-2.0
/*
 * Opens a file by a 32-bit call; ends with the first byte in it, or with 1. Without a library, as a
 * 64-bit machine may have none for 32 bits.
 */

static long call(long nr, long a, long b, long c)
{
	long result;

	asm volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

void _start(void)
{
	unsigned char byte = 0;
	/* open, read, exit */
	long fd = call(5, (long)"/km-open32", 0, 0);

	call(1, fd >= 0 && call(3, fd, (long)&byte, 1) == 1 ? byte : 1, 0, 0);
}
