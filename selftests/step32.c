// SPDX-License-Identifier: GPL-2.0
/*
 * Stepped by step.c from its first instruction. What is as it should be sets a bit of the exit
 * status. Without a library, as a 64-bit machine may have none for 32 bits.
 */
asm(".globl _start\n"
	"_start: pushfl\n"
	"mov (%esp), %esi\n"
	"popfl\n"
	"pushfw\n"
	"mov (%esp), %di\n"
	"popfw\n"
	"mov $20, %eax\n"
	"int $0x80\n"
	"mov %eax, %ebp\n"
	/* From here on it runs free. */
	"xor %ebx, %ebx\n"
	"test $0x100, %esi\n"
	"jnz 1f\n"
	"or $1, %ebx\n"
	"1: test $0x100, %edi\n"
	"jnz 2f\n"
	"or $2, %ebx\n"
	"2: test %ebp, %ebp\n"
	"jle 3f\n"
	"or $4, %ebx\n"
	"3: mov $1, %eax\n"
	"int $0x80\n");
