// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors in the table of the current thread.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/kprobes.h>

#include "helpers.h"

/* int receive_fd_replace(int new_fd, struct file *file, unsigned int o_flags), which is not exported. */
static unsigned long receive_fd_replace_at;

static int never(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

/* A kprobe that is registered disabled patches nothing, and knows its address. */
int kmview_descriptor_init(void)
{
	struct kprobe probe = {
		.symbol_name = "receive_fd_replace",
		.pre_handler = never,
		.flags = KPROBE_FLAG_DISABLED,
	};
	int err = register_kprobe(&probe);

	if (err) {
		pr_err("kmview: no function %s: %d\n", probe.symbol_name, err);
		return err;
	}
	receive_fd_replace_at = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	return 0;
}

/* Also what was opened with O_PATH. */
struct file *kmview_file_get(int fd)
{
	return fget_raw(fd);
}

void kmview_file_put(struct file *file)
{
	fput(file);
}

/* As the next number, or with @target >= 0 as that one. Gives the number. */
int kmview_fd_put(struct file *file, int target, bool cloexec)
{
	unsigned int flags = cloexec ? O_CLOEXEC : 0;

	if (!current->files)
		return -ESRCH;
	if (target < 0)
		return receive_fd(file, NULL, flags);
	return kmview_call3(receive_fd_replace_at, target, (unsigned long)file, flags);
}

int kmview_fd_close(int fd)
{
	return current->files ? close_fd(fd) : -ESRCH;
}
