// SPDX-License-Identifier: GPL-2.0
/*
 * A monitor: the programs of a shell believe that their host has no name.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kmview.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	__u64 bitmap[8] = { [__NR_uname / 64] = 1ULL << __NR_uname % 64 };
	struct kmview_calls calls = { .what = KMVIEW_CALLS_ENTRY, .bitmap = (unsigned long)bitmap, .bits = 512 };
	struct kmview_adopt child = { .what = KMVIEW_ADOPT_CHILDREN, .count = 1 };
	int session = open("/dev/kmview", O_RDWR | O_CLOEXEC);
	struct kmview_event event;

	if (ioctl(session, KMVIEW_SET_CALLS, &calls) || ioctl(session, KMVIEW_ADOPT, &child))
		return 1;
	argv[0] = "sh";
	if (fork() == 0)
		return execv("/bin/sh", argv);
	while (read(session, &event, sizeof(event)) == sizeof(event)) {
		struct kmview_answer no = { .ticket = event.ticket, .action = KMVIEW_SKIP, .result = -EPERM };

		if (event.ticket) {
			printf("%d calls uname(%#llx): no\n", event.tid, event.entry.args[0]);
			ioctl(session, KMVIEW_ANSWER, &no);
		}
	}
}
