// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/kmview: the kernel crate's miscdevice has no poll, and in 7.2 does not hold the module.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "helpers.h"

static int open(struct inode *inode, struct file *file)
{
	void *private = kmview_file_open();

	if (IS_ERR(private))
		return PTR_ERR(private);
	file->private_data = private;
	/* No position: several threads may wait in a read at the same time. */
	return stream_open(inode, file);
}

static int release(struct inode *inode, struct file *file)
{
	kmview_file_release(file->private_data);
	return 0;
}

static ssize_t read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	return kmview_file_read(file->private_data, (unsigned long)buf, size,
				file->f_flags & O_NONBLOCK);
}

static __poll_t poll(struct file *file, struct poll_table_struct *table)
{
	return (__force __poll_t)kmview_file_poll(file->private_data, file, table);
}

static long ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return kmview_file_ioctl(file->private_data, cmd, arg);
}

static void show_fdinfo(struct seq_file *m, struct file *file)
{
	kmview_file_show(file->private_data, m);
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = open,
	.release = release,
	.read = read,
	.poll = poll,
	.mmap = kmview_ring_mmap,
	.unlocked_ioctl = ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = show_fdinfo,
};

/* Everybody may: what a session can reach is what its user may ptrace. */
static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kmview",
	.fops = &operations,
	.mode = 0666,
};

int kmview_device_register(void)
{
	kmview_names_init();
	kmview_sleeper_init();
	return misc_register(&device);
}

void kmview_device_unregister(void)
{
	misc_deregister(&device);
}

/* What the caller has open as @fd, with a reference; NULL if that is nothing. */
struct file *kmview_fget(int fd)
{
	return fget(fd);
}

/* What kmview_file_open() made for the file; NULL if it is none of the device. */
void *kmview_file_of(struct file *file)
{
	return file->f_op == &operations ? file->private_data : NULL;
}

void kmview_fput(struct file *file)
{
	fput(file);
}

bool kmview_is_of_session(struct file *file, const void *session)
{
	return file->f_op == &operations && kmview_file_is_of(file->private_data, session);
}

static int is_of(const void *session, struct file *file, unsigned int fd)
{
	return kmview_is_of_session(file, session) ? fd + 1 : 0;
}

/* Closes the descriptors of @session that the current process has, unless it shares its table. */
void kmview_close_own_files(const void *session)
{
	struct files_struct *files = current->files;
	int found = 0;

	if (!files || atomic_read(&files->count) != 1)
		return;
	while ((found = iterate_fd(files, found, is_of, session)))
		close_fd(found - 1);
}
