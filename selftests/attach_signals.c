// SPDX-License-Identifier: GPL-2.0
/*
 * attach_signals PID: attaches an engine that wants all signals, says so, and stays. For tests in
 * shell.
 */
#include "ut.h"

int main(int argc, char **argv)
{
	int fd = ut_open();
	int err = fd < 0 || argc < 2 ? -EINVAL : ut_attach(fd, atoi(argv[1]), UT_SIGNAL_ALL);

	if (err < 0) {
		fprintf(stderr, "attach_signals: %s\n", strerror(-err));
		return 1;
	}
	puts("attached");
	fflush(stdout);
	for (;;)
		pause();
}
