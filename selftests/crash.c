// SPDX-License-Identifier: GPL-2.0
/*
 * crash segv|ill|fpe|bus|jump|abort|thread: dies of that, with registers and an instruction that
 * samples.sh looks for. "thread": by a second thread, while the first one waits.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MARKS	"mov $0x1111111122222222, %%rbx; mov $0x3333333344444444, %%r15; "

static void segv(void)
{
	/* c7 00 2a 00 00 00 */
	asm volatile(MARKS "mov $0x1234560, %%eax; movl $42, (%%rax)" ::: "rax", "rbx", "r15");
}

static void *in_thread(void *arg)
{
	segv();
	return NULL;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	pthread_t thread;

	if (!strcmp(how, "segv")) {
		segv();
	} else if (!strcmp(how, "ill")) {
		/* 0f 0b */
		asm volatile(MARKS "ud2" ::: "rbx", "r15");
	} else if (!strcmp(how, "fpe")) {
		/* f7 f1 */
		asm volatile(MARKS "xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx"
			     ::: "rax", "rcx", "rdx", "rbx", "r15");
	} else if (!strcmp(how, "bus")) {
		/* Behind the end of an empty file. */
		char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(tmpfile()), 0);

		return *(volatile char *)page;
	} else if (!strcmp(how, "jump")) {
		asm volatile(MARKS "mov $0x1234560, %%eax; jmp *%%rax" ::: "rax", "rbx", "r15");
	} else if (!strcmp(how, "abort")) {
		abort();
	} else if (!strcmp(how, "thread")) {
		if (!pthread_create(&thread, NULL, in_thread, NULL))
			pthread_join(thread, NULL);
	}
	return 1;
}
