// SPDX-License-Identifier: GPL-2.0
/*
 * ticks COMMAND...: how long a program takes, in ticks of the processor's counter, said on standard
 * error. Under "qemu/run --icount" with one processor in instructions, those of all that ran.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

int main(int argc, char **argv)
{
	unsigned long long start = __rdtsc();
	int status;
	pid_t pid;

	if (argc < 2)
		return 125;
	pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 125;
	fprintf(stderr, "ticks %llu\n", __rdtsc() - start);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
