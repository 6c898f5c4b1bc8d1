// SPDX-License-Identifier: GPL-2.0
/*
 * view_calls CALL [FOLDER]: makes a system call, on FOLDER/file or in FOLDER, and says what came of it. For
 * kmview_view.sh: the calls that shells do not make.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Those that the C library may not know yet. */
#define NR_mseal		462
#define NR_setxattrat		463
#define NR_removexattrat	466
#define NR_file_setattr		469
#define NR_fchroot		472
#define NR_fchmodat2		452
#define NR_unknown		511
#define X32_BIT			0x40000000

static char file[4096], folder[4096];

static long bind_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || strlen(folder) > sizeof(address.sun_path) - sizeof("/socket"))
		return -1;
	sprintf(address.sun_path, "%s/socket", folder);
	return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

/* Relative to a folder that is one further down. */
static long open_above(void)
{
	char text[64] = "";
	int dir = open(folder, O_RDONLY | O_DIRECTORY);
	int fd = openat(dir, "../file", O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return -1;
	fputs(text, stdout);
	return 0;
}

static const struct call {
	const char *name;
	long nr, args[6];
} calls[] = {
	{ "mseal", NR_mseal },
	{ "unknown", NR_unknown },
	{ "x32", X32_BIT | __NR_getpid },
	{ "io_uring_setup", 425, { 1 } },
	{ "setxattrat", NR_setxattrat, { AT_FDCWD, (long)file, 0, (long)"user.x", (long)file, 16 } },
	{ "removexattrat", NR_removexattrat, { AT_FDCWD, (long)file, 0, (long)"user.x" } },
	{ "file_setattr", NR_file_setattr, { AT_FDCWD, (long)file, (long)file, 24 } },
	{ "fchmodat2", NR_fchmodat2, { AT_FDCWD, (long)file, 0600 } },
	{ "acct", __NR_acct, { (long)file } },
	{ "swapon", __NR_swapon, { (long)file } },
	{ "mount", __NR_mount, { (long)"/tmp", (long)folder, 0, 4096 } },
	{ "umount2", __NR_umount2, { (long)folder } },
	{ "pivot_root", __NR_pivot_root, { (long)folder, (long)folder } },
	{ "chroot", __NR_chroot, { (long)"/" } },
	{ "fchroot", NR_fchroot, { 0 } },
	{ "open_tree", 428, { AT_FDCWD, (long)folder } },
	{ "move_mount", 429, { AT_FDCWD, (long)folder, AT_FDCWD, (long)folder } },
	{ "mount_setattr", 442, { AT_FDCWD, (long)folder } },
	{ "open_by_handle_at", __NR_open_by_handle_at, { AT_FDCWD, (long)file } },
	{ 0 }
};

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long result = -1;

	if (argc > 2) {
		snprintf(folder, sizeof(folder), "%s", argv[2]);
		snprintf(file, sizeof(file), "%.4000s/file", argv[2]);
	}
	errno = EINVAL;
	if (!strcmp(what, "bind"))
		result = bind_socket();
	else if (!strcmp(what, "openat"))
		result = open_above();
	for (const struct call *it = calls; it->name; it++)
		if (!strcmp(it->name, what))
			result = syscall(it->nr, it->args[0], it->args[1], it->args[2], it->args[3], it->args[4],
					 it->args[5]);
	printf("%s gives %ld: %s\n", what, result, result < 0 ? strerror(errno) : "fine");
	return 0;
}
