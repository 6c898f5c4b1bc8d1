// SPDX-License-Identifier: GPL-2.0
/*
 * A shell on a terminal in "kmview view": pipes, job control, and the keys that interrupt and stop.
 */
#include <pty.h>

#include "km.h"
#include "kselftest_harness.h"

#define PROMPT	"ready> "
#define CTRL_C	"\003"
#define CTRL_D	"\004"
#define CTRL_Z	"\032"

FIXTURE(shell)
{
	char program[256];
	char text[16384];
	int len, terminal;
	pid_t pid;
};

FIXTURE_SETUP(shell)
{
	ssize_t n = readlink("/proc/self/exe", self->program, sizeof(self->program) - 16);

	close(KM_OPEN());
	ASSERT_GT(n, 0);
	strcpy(strrchr(self->program, '/') + 1, "kmview.bin");
	if (!exists(self->program))
		SKIP(return, "needs the program kmview (make tools) next to it");
	setenv("PS1", PROMPT, 1);
	unsetenv("ENV");
}

FIXTURE_TEARDOWN(shell)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		wait_child(self->pid);
	}
}

/* Runs a program on a terminal of its own. */
#define START(...) ({								\
	char * const _words[] = { __VA_ARGS__, NULL };					\
										\
	fflush(NULL);								\
	self->pid = forkpty(&self->terminal, NULL, NULL, NULL);			\
	if (self->pid == 0) {							\
		execvp(_words[0], _words);					\
		_exit(127);							\
	}									\
	ASSERT_GT(self->pid, 0);						\
	ASSERT_EQ(0, fcntl(self->terminal, F_SETFL, O_NONBLOCK));		\
})

/* Waits for a text on the terminal, and forgets all up to it. */
static bool sees(FIXTURE_DATA(shell) *self, const char *wanted)
{
	long end = ut_now_ms() + 2 * DEADLINE_MS;
	char *found;

	for (;;) {
		struct pollfd p = { .fd = self->terminal, .events = POLLIN };
		int n;

		self->text[self->len] = 0;
		found = strstr(self->text, wanted);
		if (found) {
			found += strlen(wanted);
			self->len -= found - self->text;
			memmove(self->text, found, self->len);
			return true;
		}
		if (ut_now_ms() > end || self->len == sizeof(self->text) - 1)
			break;
		if (poll(&p, 1, 100) != 1)
			continue;
		n = read(self->terminal, self->text + self->len,
			 sizeof(self->text) - 1 - self->len);
		/* EIO: nobody has it open any more. */
		if (n <= 0 && errno != EAGAIN)
			break;
		self->len += n > 0 ? n : 0;
	}
	fprintf(stderr, "# waited for \"%s\", saw \"%s\"\n", wanted, self->text);
	return false;
}

#define TYPE(text) ASSERT_EQ(strlen(text), write(self->terminal, text, strlen(text)))
#define SEE(text) ASSERT_TRUE(sees(self, text))

/*
 * The terminal shows what is typed, too: what is to be seen must not be part of that. And the shell
 * takes what is typed before the program runs.
 */
#define DO(command, text) ({							\
	SEE(PROMPT);								\
	TYPE(command "\n");							\
	SEE(text);								\
})

#define END(status) ({								\
	int _status = wait_child(self->pid);					\
										\
	self->pid = 0;								\
	EXPECT_TRUE(ended_with(_status, status));				\
})

TEST_F_TIMEOUT(shell, in_a_view, 300)
{
	START(self->program, "view", "--hostname", "box", "--readonly", "/etc", "--", "sh", "-i");
	DO("uname -n", "\nbox\r\n");
	DO("seq 100 | grep 7 | sort -r | head -n 1", "\n97\r\n");
	DO("(echo a; (echo b)) | cat | tr ab AB", "\nA\r\nB\r\n");
	DO("echo x >/etc/file", "Read-only file system");

	/* Interrupted. */
	SEE(PROMPT);
	/* By what is interrupted: until that is loaded, it catches the signal as the shell does. */
	TYPE("sh -c \"echo go''es; exec sleep 1000\"\n");
	SEE("\ngoes");
	TYPE(CTRL_C);
	DO("echo sta''tus $?", "\nstatus 130\r\n");

	/* Stopped, continued where it was, and interrupted. */
	SEE(PROMPT);
	TYPE("say() { while read x; do echo $1 $x; done; }\n");
	SEE(PROMPT);
	TYPE("echo go''es; say and | say got\n");
	SEE("\ngoes\r\n");
	TYPE("one\n");
	SEE("got and one\r\n");
	TYPE(CTRL_Z);
	SEE("Stopped");
	DO("jobs", "Stopped");
	SEE(PROMPT);
	TYPE("fg\n");
	SEE("say and");
	TYPE("two\n");
	SEE("got and two\r\n");
	TYPE(CTRL_C);

	/* In the background. */
	DO("sleep 1000 &", "\r\n");
	DO("kill %1; wait %1; echo sta''tus $?", "status 143\r\n");

	/* Input at its end, and the shell's. */
	SEE(PROMPT);
	TYPE("echo go''es; wc -l\n");
	SEE("\ngoes\r\n");
	TYPE("x\ny\n");
	SEE("y\r\n");
	TYPE(CTRL_D);
	SEE("2\r\n");
	SEE(PROMPT);
	TYPE("exit 7\n");
	END(7);
}

/* The same keys for a view as a job of a shell that is in none: they stop and continue all of it. */
TEST_F_TIMEOUT(shell, view_as_a_job, 300)
{
	setenv("KMVIEW", self->program, 1);
	START("sh", "-i");
	SEE(PROMPT);
	TYPE("$KMVIEW view --hostname box -- sh -c 'uname -n; cat'\n");
	SEE("\nbox\r\n");
	TYPE(CTRL_Z);
	SEE("Stopped");
	SEE(PROMPT);
	TYPE("fg\n");
	SEE("uname -n; cat");
	TYPE("one\n");
	SEE("one\r\none\r\n");
	TYPE(CTRL_C);
	DO("echo sta''tus $?", "\nstatus 130\r\n");
	SEE(PROMPT);
	TYPE("exit 0\n");
	END(0);
}

TEST_HARNESS_MAIN
