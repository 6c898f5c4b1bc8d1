// SPDX-License-Identifier: GPL-2.0
/*
 * kmview_testx t LOG | v FROM TO ... COMMAND...: monitors, one in the other, as many as are named.
 *   t LOG       a tracer: writes the path of each open to LOG
 *   v FROM TO   a virtualiser: who opens FROM gets TO, which is no longer than FROM
 * Each runs the rest as a program of its session. Ends with the status of that.
 */
#include "km.h"

#define PATH_LEN	256

/* What the virtualiser has written over, to be put back. */
struct changed {
	__u64 thread, address;
	char text[PATH_LEN];
};

static int memory(int fd, __u64 ticket, unsigned int op, __u64 address, char *text, size_t len)
{
	struct kmview_memory item = {
		.ticket = ticket, .op = op, .address = address, .buffer = (unsigned long)text,
		.len = len,
	};
	struct kmview_batch batch = {
		.items = (unsigned long)&item, .count = 1, .item_size = sizeof(item),
	};

	return km_ioctl(fd, KMVIEW_MEMORY, &batch) < 0 || item.result < 0;
}

static int trace(int fd, char **words)
{
	FILE *log = fopen(words[1], "we");
	struct kmview_event event;
	char text[PATH_LEN];

	if (!log)
		return 125;
	while (read(fd, &event, sizeof(event)) == sizeof(event)) {
		if (!event.ticket)
			continue;
		if (!memory(fd, event.ticket, KMVIEW_MEMORY_STRING, event.entry.args[1], text,
			    sizeof(text) - 1)) {
			fprintf(log, "%.*s\n", PATH_LEN, text);
			fflush(log);
		}
		if (km_run(fd, event.ticket))
			return 125;
	}
	fclose(log);
	return 0;
}

static int virtualise(int fd, char **words)
{
	struct changed changed = { 0 };
	struct kmview_event event;
	char text[PATH_LEN];

	while (read(fd, &event, sizeof(event)) == sizeof(event)) {
		struct kmview_answer answer = { .ticket = event.ticket };

		if (!event.ticket)
			continue;
		if (event.kind == KMVIEW_EVENT_RETURN) {
			if (event.thread == changed.thread &&
			    memory(fd, event.ticket, KMVIEW_MEMORY_WRITE, changed.address,
				   changed.text, strlen(changed.text) + 1))
				return 125;
		} else if (!memory(fd, event.ticket, KMVIEW_MEMORY_STRING, event.entry.args[1], text,
				   sizeof(text) - 1) && !strcmp(text, words[1])) {
			changed.thread = event.thread;
			changed.address = event.entry.args[1];
			strcpy(changed.text, text);
			if (memory(fd, event.ticket, KMVIEW_MEMORY_WRITE, changed.address, words[2],
				   strlen(words[2]) + 1))
				return 125;
			answer.flags = KMVIEW_WANT_RETURN;
		}
		if (km_answer(fd, answer))
			return 125;
	}
	return 0;
}

int main(int argc, char **argv)
{
	bool tracer = argc > 1 && !strcmp(argv[1], "t");
	int words = tracer ? 2 : 3, fd, status;
	struct kmview_event event;
	pid_t pid;

	if (argc < 2 + words || (!tracer && strcmp(argv[1], "v"))) {
		fprintf(stderr, "usage: kmview_testx t LOG | v FROM TO ... COMMAND...\n");
		return 125;
	}
	fd = open("/dev/kmview", O_RDWR | O_CLOEXEC);
	if (fd < 0 || km_entries(fd, __NR_openat) || km_adopt(fd, KMVIEW_ADOPT_CHILDREN, 1))
		return 125;
	pid = fork();
	if (pid == 0) {
		char **rest = argv + 1 + words;

		/* Another one of us, or the command. */
		if (!strcmp(rest[0], "t") || !strcmp(rest[0], "v"))
			execv("/proc/self/exe", rest - 1);
		else
			execvp(rest[0], rest);
		_exit(127);
	}
	if (pid < 0 || km_next(fd, &event, KMVIEW_EVENT_NEW))
		return 125;
	status = tracer ? trace(fd, argv + 1) : virtualise(fd, argv + 1);
	if (status)
		return status;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 124;
	return WEXITSTATUS(status);
}
