// SPDX-License-Identifier: GPL-2.0
/*
 * A 32-bit program that examine.c looks at: registers of which it knows the contents, around a
 * call. Each that came back as examine.c left it sets a bit of the exit status.
 */

struct state {
	unsigned long a, b, c, d, s, di;
	unsigned int xmm[4];
};

struct state state = {
	64, 0x11111111, 0x22222222, 0x33333333, 0x44444444, 0x85555555,
	{ 0x60000001, 0x60000002, 0x60000003, 0x60000004 },
};

/* getppid, with what is in the state, which is what came back afterwards. */
static void call(void)
{
	asm volatile("pusha\n\t"
		     "movups state+24, %%xmm3\n\t"
		     "mov state, %%eax\n\t"
		     "mov state+4, %%ebx\n\t"
		     "mov state+8, %%ecx\n\t"
		     "mov state+12, %%edx\n\t"
		     "mov state+16, %%esi\n\t"
		     "mov state+20, %%edi\n\t"
		     "int $0x80\n\t"
		     "mov %%eax, state\n\t"
		     "mov %%ebx, state+4\n\t"
		     "mov %%ecx, state+8\n\t"
		     "mov %%edx, state+12\n\t"
		     "mov %%esi, state+16\n\t"
		     "mov %%edi, state+20\n\t"
		     "movups %%xmm3, state+24\n\t"
		     "popa"
		     : : : "memory");
}

void _start(void)
{
	long bits = 0, result;

	call();
	bits |= (long)state.a == -33 ? 1 : 0;
	bits |= state.b == 0x11111111 && state.c == 0x22222222 ? 2 : 0;
	bits |= state.s == 0x4a4a4a4a && state.di == 0x8a8a8a8a ? 4 : 0;
	bits |= state.xmm[0] == 0x70000001 && state.xmm[3] == 0x70000004 ? 8 : 0;
	asm volatile("int $0x80" : "=a"(result) : "a"(1), "b"(bits));
}
