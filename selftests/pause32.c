// SPDX-License-Identifier: GPL-2.0
/*
 * Waits in a 32-bit pause(2), for ever. Without a library, as a 64-bit machine may have none for 32 bits.
 */

void _start(void)
{
	long result;

	for (;;)
		asm volatile("int $0x80" : "=a"(result) : "a"(29) : "memory");
}
