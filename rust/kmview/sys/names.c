// SPDX-License-Identifier: GPL-2.0
/*
 * Which arguments of a system call are descriptors and paths, and what it does to the descriptors of
 * its process; and what the current thread takes a path relative to.
 */
#include <asm/unistd.h>

#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>

#include "helpers.h"

/* Arguments, by their number. */
#define A0	BIT(0)
#define A1	BIT(1)
#define A2	BIT(2)
#define A3	BIT(3)
#define A4	BIT(4)
#define A5	BIT(5)

/* Descriptors; paths that are taken relative to the current directory, or to the argument before. */
#define FD(args)	{ .fds = (args) }
#define PATH(args)	{ .paths = (args) }
#define AT(args)	{ .fds = (args) >> 1, .ats = (args) }
/* Descriptors that are in memory. */
#define IN_MEMORY	{ .change = KMVIEW_FDS_IN_MEMORY }
#define CHANGE(args, how)	{ .fds = (args), .change = KMVIEW_FDS_##how }

#define NATIVE(name, ...)	{ { __NR_##name, -1 }, __VA_ARGS__ }
#define COMPAT(name, ...)	{ { -1, __NR_ia32_##name }, __VA_ARGS__ }
#define BOTH(name, ...)		{ { __NR_##name, __NR_ia32_##name }, __VA_ARGS__ }

struct rule {
	short nr[2];
	struct kmview_names names;
};

static const struct rule rules[] = {
	/* Descriptors that become others, or nothing. */
	BOTH(close, CHANGE(A0, CLOSE)),
	BOTH(close_range, CHANGE(0, CLOSE_RANGE)),
	BOTH(dup, CHANGE(A0, DUP)),
	BOTH(dup2, CHANGE(A0 | A1, DUP2)),
	BOTH(dup3, CHANGE(A0 | A1, DUP2)),
	BOTH(fcntl, CHANGE(A0, FCNTL)),
	COMPAT(fcntl64, CHANGE(A0, FCNTL)),
	BOTH(unshare, CHANGE(0, UNSHARE)),

	BOTH(read, FD(A0)), BOTH(write, FD(A0)), BOTH(lseek, FD(A0)), COMPAT(_llseek, FD(A0)),
	BOTH(pread64, FD(A0)), BOTH(pwrite64, FD(A0)), BOTH(readv, FD(A0)), BOTH(writev, FD(A0)),
	BOTH(preadv, FD(A0)), BOTH(pwritev, FD(A0)), BOTH(preadv2, FD(A0)), BOTH(pwritev2, FD(A0)),
	BOTH(ioctl, FD(A0)), BOTH(flock, FD(A0)), BOTH(readahead, FD(A0)),
	BOTH(fsync, FD(A0)), BOTH(fdatasync, FD(A0)), BOTH(syncfs, FD(A0)),
	BOTH(sync_file_range, FD(A0)), BOTH(fallocate, FD(A0)), BOTH(fadvise64, FD(A0)),
	COMPAT(fadvise64_64, FD(A0)), BOTH(ftruncate, FD(A0)), COMPAT(ftruncate64, FD(A0)),
	BOTH(getdents, FD(A0)), BOTH(getdents64, FD(A0)), COMPAT(readdir, FD(A0)),
	BOTH(cachestat, FD(A0)),
	BOTH(fstat, FD(A0)), COMPAT(fstat64, FD(A0)), COMPAT(oldfstat, FD(A0)),
	BOTH(fstatfs, FD(A0)), COMPAT(fstatfs64, FD(A0)),
	BOTH(fchdir, FD(A0)), BOTH(fchmod, FD(A0)), BOTH(fchown, FD(A0)), COMPAT(fchown32, FD(A0)),
	BOTH(fsetxattr, FD(A0)), BOTH(fgetxattr, FD(A0)), BOTH(flistxattr, FD(A0)),
	BOTH(fremovexattr, FD(A0)), BOTH(quotactl_fd, FD(A0)), BOTH(open_by_handle_at, FD(A0)),
	BOTH(fsconfig, FD(A0)), BOTH(fsmount, FD(A0)), BOTH(setns, FD(A0)),
	BOTH(sendfile, FD(A0 | A1)), COMPAT(sendfile64, FD(A0 | A1)), BOTH(splice, FD(A0 | A2)),
	BOTH(tee, FD(A0 | A1)), BOTH(vmsplice, FD(A0)), BOTH(copy_file_range, FD(A0 | A2)),
	NATIVE(mmap, FD(A4)), COMPAT(mmap2, FD(A4)), COMPAT(mmap, IN_MEMORY),
	BOTH(connect, FD(A0)), BOTH(bind, FD(A0)), BOTH(listen, FD(A0)), NATIVE(accept, FD(A0)),
	BOTH(accept4, FD(A0)), BOTH(sendto, FD(A0)), BOTH(recvfrom, FD(A0)), BOTH(sendmsg, FD(A0)),
	BOTH(recvmsg, FD(A0)), BOTH(sendmmsg, FD(A0)), BOTH(recvmmsg, FD(A0)),
	COMPAT(recvmmsg_time64, FD(A0)), BOTH(shutdown, FD(A0)), BOTH(getsockname, FD(A0)),
	BOTH(getpeername, FD(A0)), BOTH(setsockopt, FD(A0)), BOTH(getsockopt, FD(A0)),
	COMPAT(socketcall, IN_MEMORY),
	BOTH(poll, IN_MEMORY), BOTH(ppoll, IN_MEMORY), COMPAT(ppoll_time64, IN_MEMORY),
	BOTH(select, IN_MEMORY), COMPAT(_newselect, IN_MEMORY), BOTH(pselect6, IN_MEMORY),
	COMPAT(pselect6_time64, IN_MEMORY), BOTH(io_submit, IN_MEMORY), BOTH(bpf, IN_MEMORY),
	BOTH(epoll_wait, FD(A0)), BOTH(epoll_pwait, FD(A0)), BOTH(epoll_pwait2, FD(A0)),
	BOTH(epoll_ctl, FD(A0 | A2)), BOTH(signalfd, FD(A0)), BOTH(signalfd4, FD(A0)),
	BOTH(timerfd_settime, FD(A0)), BOTH(timerfd_gettime, FD(A0)),
	COMPAT(timerfd_settime64, FD(A0)), COMPAT(timerfd_gettime64, FD(A0)),
	BOTH(io_uring_enter, FD(A0)), BOTH(io_uring_register, FD(A0)),
	BOTH(mq_timedsend, FD(A0)), BOTH(mq_timedreceive, FD(A0)), BOTH(mq_notify, FD(A0)),
	COMPAT(mq_timedsend_time64, FD(A0)), COMPAT(mq_timedreceive_time64, FD(A0)),
	BOTH(mq_getsetattr, FD(A0)), BOTH(inotify_rm_watch, FD(A0)),
	BOTH(perf_event_open, FD(A3)), BOTH(finit_module, FD(A0)), NATIVE(kexec_file_load, FD(A0 | A1)),
	BOTH(pidfd_send_signal, FD(A0)), BOTH(pidfd_getfd, FD(A0)), BOTH(process_madvise, FD(A0)),
	BOTH(process_mrelease, FD(A0)), BOTH(landlock_add_rule, FD(A0)),
	BOTH(landlock_restrict_self, FD(A0)),

	BOTH(open, PATH(A0)), BOTH(creat, PATH(A0)), BOTH(stat, PATH(A0)), BOTH(lstat, PATH(A0)),
	COMPAT(stat64, PATH(A0)), COMPAT(lstat64, PATH(A0)), COMPAT(oldstat, PATH(A0)),
	COMPAT(oldlstat, PATH(A0)), BOTH(access, PATH(A0)), BOTH(truncate, PATH(A0)),
	COMPAT(truncate64, PATH(A0)), BOTH(statfs, PATH(A0)), COMPAT(statfs64, PATH(A0)),
	BOTH(chdir, PATH(A0)), BOTH(chroot, PATH(A0)), BOTH(mkdir, PATH(A0)), BOTH(rmdir, PATH(A0)),
	BOTH(unlink, PATH(A0)), BOTH(readlink, PATH(A0)), BOTH(chmod, PATH(A0)), BOTH(chown, PATH(A0)),
	BOTH(lchown, PATH(A0)), COMPAT(chown32, PATH(A0)), COMPAT(lchown32, PATH(A0)),
	BOTH(mknod, PATH(A0)), BOTH(utime, PATH(A0)), BOTH(utimes, PATH(A0)),
	BOTH(rename, PATH(A0 | A1)), BOTH(link, PATH(A0 | A1)), BOTH(symlink, PATH(A1)),
	BOTH(execve, PATH(A0)), BOTH(uselib, PATH(A0)), BOTH(acct, PATH(A0)),
	BOTH(swapon, PATH(A0)), BOTH(swapoff, PATH(A0)), BOTH(quotactl, PATH(A1)),
	BOTH(mount, PATH(A0 | A1)), NATIVE(umount2, PATH(A0)), COMPAT(umount2, PATH(A0)),
	COMPAT(umount, PATH(A0)), BOTH(pivot_root, PATH(A0 | A1)),
	BOTH(setxattr, PATH(A0)), BOTH(lsetxattr, PATH(A0)), BOTH(getxattr, PATH(A0)),
	BOTH(lgetxattr, PATH(A0)), BOTH(listxattr, PATH(A0)), BOTH(llistxattr, PATH(A0)),
	BOTH(removexattr, PATH(A0)), BOTH(lremovexattr, PATH(A0)),
	BOTH(inotify_add_watch, { .fds = A0, .paths = A1 }),

	BOTH(openat, AT(A1)), BOTH(openat2, AT(A1)), BOTH(mkdirat, AT(A1)), BOTH(mknodat, AT(A1)),
	BOTH(fchownat, AT(A1)), BOTH(futimesat, AT(A1)), NATIVE(newfstatat, AT(A1)),
	COMPAT(fstatat64, AT(A1)), BOTH(unlinkat, AT(A1)), BOTH(renameat, AT(A1 | A3)),
	BOTH(renameat2, AT(A1 | A3)), BOTH(linkat, AT(A1 | A3)), BOTH(symlinkat, AT(A2)),
	BOTH(readlinkat, AT(A1)), BOTH(fchmodat, AT(A1)), BOTH(fchmodat2, AT(A1)),
	BOTH(faccessat, AT(A1)), BOTH(faccessat2, AT(A1)), BOTH(utimensat, AT(A1)),
	COMPAT(utimensat_time64, AT(A1)), BOTH(name_to_handle_at, AT(A1)), BOTH(execveat, AT(A1)),
	BOTH(statx, AT(A1)), BOTH(open_tree, AT(A1)), BOTH(move_mount, AT(A1 | A3)),
	BOTH(fspick, AT(A1)), BOTH(mount_setattr, AT(A1)),
	BOTH(setxattrat, AT(A1)), BOTH(getxattrat, AT(A1)), BOTH(listxattrat, AT(A1)),
	BOTH(removexattrat, AT(A1)), BOTH(open_tree_attr, AT(A1)),
	BOTH(file_getattr, AT(A1)), BOTH(file_setattr, AT(A1)),
	/* The mask has two words there. */
	NATIVE(fanotify_mark, { .fds = A0 | A3, .ats = A4 }),
	COMPAT(fanotify_mark, { .fds = A0 | A4, .ats = A5 }),
#ifdef __NR_fchroot
	BOTH(fchroot, FD(A0)),
#endif
};

/* By ABI and number. */
static struct kmview_names names[2][512] __ro_after_init;

/* The first numbers of which we cannot know what they name. */
static const unsigned int unknown[2] = { NR_syscalls, IA32_NR_syscalls };

void kmview_names_init(void)
{
	BUILD_BUG_ON(NR_syscalls > ARRAY_SIZE(names[0]));
	BUILD_BUG_ON(IA32_NR_syscalls > ARRAY_SIZE(names[1]));
	for (int i = 0; i < ARRAY_SIZE(rules); i++)
		for (int abi = 0; abi < 2; abi++)
			if (rules[i].nr[abi] >= 0)
				names[abi][rules[i].nr[abi]] = rules[i].names;
}

/* NULL: we do not know. */
const struct kmview_names *kmview_names(unsigned int abi, int nr)
{
	if (nr < 0 || nr >= unknown[abi])
		return NULL;
	return &names[abi][nr];
}

bool kmview_is_open(int fd)
{
	bool open;

	rcu_read_lock();
	open = files_lookup_fd_raw(current->files, fd);
	rcu_read_unlock();
	return open;
}

/*
 * The path of the current directory, or of what the current thread has open as @fd. Gives its length,
 * or a negative errno: there is none that is below the thread's root.
 */
int kmview_directory(int fd, char *buf, int size)
{
	struct path path;
	char *text;
	int len;

	if (fd == AT_FDCWD) {
		get_fs_pwd(current->fs, &path);
	} else {
		struct file *file = fget_raw(fd);

		if (!file)
			return -EBADF;
		path = file->f_path;
		path_get(&path);
		fput(file);
	}
	text = d_path(&path, buf, size);
	if (IS_ERR(text)) {
		len = PTR_ERR(text);
	} else if (*text != '/' || d_unlinked(path.dentry)) {
		len = -ENOENT;
	} else {
		len = strlen(text);
		memmove(buf, text, len);
	}
	path_put(&path);
	return len;
}

const void *kmview_files(struct task_struct *task)
{
	return READ_ONCE(task->files);
}
