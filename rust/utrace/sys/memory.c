// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a thread, as a debugger reads and writes it.
 */
#include <linux/mm.h>

#include "helpers.h"

/* The kernel's function counts with an int. */
#define CHUNK	(1 << 30)

static size_t access(struct task_struct *task, unsigned long addr, void *buf, size_t size,
		     unsigned int flags)
{
	size_t done = 0;

	while (done < size) {
		int part = min_t(size_t, size - done, CHUNK);
		int n = access_process_vm(task, addr + done, buf + done, part, flags);

		if (n > 0)
			done += n;
		if (n != part)
			break;
	}
	return done;
}

/* Both give how much there was before the first byte that cannot be reached. */
size_t utrace_memory_read(struct task_struct *task, unsigned long addr, void *buf, size_t size)
{
	return access(task, addr, buf, size, FOLL_FORCE);
}

/* With @force into private mappings that the thread itself may not write, by a copy of the page. */
size_t utrace_memory_write(struct task_struct *task, unsigned long addr, const void *buf,
			   size_t size, bool force)
{
	return access(task, addr, (void *)buf, size, FOLL_WRITE | (force ? FOLL_FORCE : 0));
}
