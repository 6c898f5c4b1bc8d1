// SPDX-License-Identifier: GPL-2.0
/*
 * Whom a session reaches: monitors that are not root, programs with more rights than theirs, and
 * descriptors that are handed on.
 */
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "km.h"
#include "kselftest_harness.h"

#define USER	1000
#define OTHER	1001

#define DIR	"/tmp/kmview_creds"
#define YAMA	"/proc/sys/kernel/yama/ptrace_scope"

/* --- programs: this one, by another name ------------------------------------------------------- */

/* As the first argument says, before main(). */
__attribute__((constructor)) static void program(int argc, char **argv)
{
	pid_t pid;

	if (argc < 2)
		return;
	if (!strcmp(argv[1], "--calls")) {
		/* Whoever can look on has been told by the status of the process alone. */
		for (int i = 0; i < 5; i++)
			syscall(CALL);
		_exit(geteuid() == 0 ? 42 : 43);
	}
	if (!strcmp(argv[1], "--reads")) {
		char byte;

		if (setresuid(0, 0, 0) || read(0, &byte, 1) != 1)
			_exit(1);
		_exit(42);
	}
	if (!strcmp(argv[1], "--forks")) {
		for (int i = 0; i < 3; i++) {
			pid = fork();
			if (pid == 0) {
				syscall(CALL);
				_exit(0);
			}
			waitpid(pid, NULL, 0);
		}
		_exit(42);
	}
}

static int copy_self(const char *to)
{
	char buffer[65536];
	int in = open("/proc/self/exe", O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	int n;

	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		if (write(out, buffer, n) != n)
			n = -1;
	close(in);
	return close(out) || n;
}

/* The programs: as it is; set-uid and set-gid of root; not to be read; with a capability. */
static int make_programs(void)
{
	struct vfs_cap_data caps = {
		.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
		.data[0].permitted = 1 << CAP_SYS_TIME,
	};
	static const char *const names[] = { "plain", "setuid", "setgid", "hidden", "capable" };

	mkdir(DIR, 0755);
	if (mount("none", DIR, "tmpfs", 0, "mode=755"))
		return -errno;
	for (int i = 0; i < 5; i++) {
		char path[64];

		snprintf(path, sizeof(path), DIR "/%s", names[i]);
		if (copy_self(path))
			return -EIO;
	}
	/* Without capabilities of files, that one is like a plain one: see the tests. */
	setxattr(DIR "/capable", "security.capability", &caps, XATTR_CAPS_SZ_2, 0);
	return chmod(DIR "/setuid", 04755) || chmod(DIR "/setgid", 02755) ||
	       chmod(DIR "/hidden", 0711);
}

/* --- users --------------------------------------------------------------------------------------- */

/* For functions that run as a user: 0, or the line that was not as expected. */
#define CHECK(condition) do {							\
	if (!(condition)) {							\
		fprintf(stderr, "# %s:%d: not so: %s (%s)\n", __FILE__, __LINE__, #condition, \
			strerror(errno));					\
		return 1;							\
	}									\
} while (0)

static int become(uid_t user)
{
	return setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user) ||
	       prctl(PR_SET_DUMPABLE, 1);
}

/* A process of a user that runs a function. */
static pid_t start_as(uid_t user, int (*function)(void))
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(become(user) ? 99 : function());
	}
	return pid;
}

static int run_as(uid_t user, int (*function)(void))
{
	int status = wait_child(start_as(user, function));

	if (!ended_with(status, 0))
		fprintf(stderr, "# status %x\n", status);
	return !ended_with(status, 0);
}

static int sleeps(void)
{
	pause();
	return 0;
}

FIXTURE(creds)
{
	pid_t root, user, other;
};

FIXTURE_SETUP(creds)
{
	close(KM_OPEN());
	ut_share();
	if (getuid())
		SKIP(return, "not root");
	ASSERT_EQ(0, make_programs());
	self->root = fork();
	if (self->root == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(sleeps());
	}
	self->user = start_as(USER, sleeps);
	self->other = start_as(OTHER, sleeps);
	/* They are who they are. */
	ASSERT_EQ(0, wait_state(self->user, 'S'));
	ASSERT_EQ(0, wait_state(self->other, 'S'));
	shared->tid[0] = self->root;
	shared->tid[1] = self->user;
	shared->tid[2] = self->other;
}

FIXTURE_TEARDOWN(creds)
{
	kill(self->root, SIGKILL);
	kill(self->user, SIGKILL);
	kill(self->other, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	umount2(DIR, MNT_DETACH);
}

static int new_session(void)
{
	return open("/dev/kmview", O_RDWR | O_CLOEXEC);
}

/* A child of a session of all its calls; not in the function of a test, as it has no end there. */
static int start_program(int fd, const char *name, const char *role, pid_t *pid)
{
	char path[64];
	struct kmview_event event;

	snprintf(path, sizeof(path), DIR "/%s", name);
	CHECK(!km_select(fd, KMVIEW_CALLS_ENTRY, KMVIEW_ABI_NATIVE, -2));
	CHECK(!km_wait_for(fd, KMVIEW_MASK(KMVIEW_EVENT_EXEC), 0));
	CHECK(!km_adopt(fd, KMVIEW_ADOPT_CHILDREN, 1));
	fflush(NULL);
	*pid = fork();
	if (*pid == 0) {
		execl(path, path, role, NULL);
		_exit(1);
	}
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_NEW));
	return 0;
}

/* Answers up to the entry of the execve, which is let go on; gives its event. */
static int until_exec(int fd, struct kmview_event *event)
{
	do {
		CHECK(!km_next(fd, event, KMVIEW_EVENT_ENTRY));
		CHECK(!km_run(fd, event->ticket));
	} while (event->entry.nr != __NR_execve);
	return 0;
}

static int ticket_is_over(int fd, const struct kmview_event *event)
{
	char byte;
	struct kmview_memory item = {
		.ticket = event->ticket, .address = event->sp, .buffer = (unsigned long)&byte,
		.len = 1, .op = KMVIEW_MEMORY_READ,
	};
	struct kmview_batch batch = {
		.items = (unsigned long)&item, .count = 1, .item_size = sizeof(item),
	};
	struct kmview_thread thread = { .thread = event->thread };

	CHECK(km_run(fd, event->ticket) == -ESTALE);
	CHECK(!km_ioctl(fd, KMVIEW_MEMORY, &batch));
	CHECK(item.result == -ESTALE);
	CHECK(km_ioctl(fd, KMVIEW_DETACH_THREAD, &thread) == -ESRCH);
	return 0;
}

/* --- what a user may ----------------------------------------------------------------------------- */

static int whole_life(void)
{
	int fd = new_session();
	struct kmview_event event;
	bool exec = false;
	pid_t pid;
	char byte;
	struct kmview_memory item = {
		.buffer = (unsigned long)&byte, .len = 1, .op = KMVIEW_MEMORY_READ,
	};
	struct kmview_batch batch = {
		.items = (unsigned long)&item, .count = 1, .item_size = sizeof(item),
	};

	CHECK(fd >= 0);
	CHECK(!start_program(fd, "plain", "--calls", &pid));
	for (;;) {
		CHECK(!km_next_within(fd, &event, DEADLINE_MS));
		if (event.kind == KMVIEW_EVENT_END)
			break;
		exec |= event.kind == KMVIEW_EVENT_EXEC;
		item.ticket = event.ticket;
		item.address = event.sp;
		CHECK(!km_ioctl(fd, KMVIEW_MEMORY, &batch));
		CHECK(item.result == 1);
		CHECK(!km_run(fd, event.ticket));
	}
	CHECK(exec);
	CHECK(event.flags == KMVIEW_GROUP_DEAD);
	CHECK(ended_with(wait_child(pid), 43));
	return 0;
}

TEST_F(creds, a_user_and_a_program_of_his)
{
	EXPECT_EQ(0, run_as(USER, whole_life));
}

static int attaches(void)
{
	int fd = new_session();
	pid_t pid;

	CHECK(km_attach(fd, shared->tid[0], 0, NULL) == -EPERM);
	CHECK(km_attach(fd, shared->tid[2], 0, NULL) == -EPERM);
	CHECK(km_attach(fd, shared->tid[0], KMVIEW_ATTACH_PROCESS, NULL) == -EPERM);
	CHECK(km_attach(fd, 1, 0, NULL) == -EPERM);
	CHECK(!km_attach(fd, shared->tid[1], 0, NULL));
	/* His own, and not to be looked at. */
	shared->flag[0] = 0;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 0);
		shared->flag[0] = 1;
		pause();
	}
	CHECK(!wait_until(shared->flag[0]));
	CHECK(km_attach(fd, pid, 0, NULL) == -EPERM);
	kill(pid, SIGKILL);
	return 0;
}

TEST_F(creds, whom_a_user_may_attach_to)
{
	EXPECT_EQ(0, run_as(USER, attaches));
}

/* --- programs with more rights ---------------------------------------------------------------------- */

static const char *program_name;

/* It is let go before its EXEC, and does what it does unseen. */
static int lets_go(void)
{
	int fd = new_session();
	struct kmview_event entry, event;
	pid_t pid;

	CHECK(!start_program(fd, program_name, "--calls", &pid));
	CHECK(!until_exec(fd, &entry));
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_END));
	CHECK(event.flags == KMVIEW_OUT_OF_REACH);
	CHECK(!ticket_is_over(fd, &entry));
	CHECK(km_attach(fd, pid, 0, NULL) < 0);
	CHECK(ended_with(wait_child(pid), strcmp(program_name, "setuid") ? 43 : 42));
	CHECK(km_next_within(fd, &event, DEADLINE_MS) == -EPIPE);
	return 0;
}

static int kills(void)
{
	int fd = new_session();
	struct kmview_event entry, event;
	pid_t pid;

	CHECK(!km_at_close(fd, KMVIEW_AT_CLOSE_KILL, 0));
	CHECK(!start_program(fd, program_name, "--calls", &pid));
	CHECK(!until_exec(fd, &entry));
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_END));
	CHECK(!ticket_is_over(fd, &entry));
	CHECK(ended_by(wait_child(pid), SIGKILL));
	return 0;
}

/* Of what has got out of reach, nothing is left to be killed when the session is closed. */
static int out_of_reach_for_good(void)
{
	int fd = new_session(), go[2];
	struct kmview_event entry;
	pid_t pid;

	CHECK(!pipe(go) && dup2(go[0], 0) == 0);
	CHECK(!start_program(fd, "setuid", "--reads", &pid));
	CHECK(!until_exec(fd, &entry));
	/* Its END has come, and is not read. */
	CHECK(!wait_until(km_readable(fd)));
	CHECK(!km_at_close(fd, KMVIEW_AT_CLOSE_KILL, 0));
	close(fd);
	CHECK(write(go[1], "", 1) == 1);
	CHECK(ended_with(wait_child(pid), 42));
	return 0;
}

TEST_F(creds, set_uid_programs)
{
	EXPECT_EQ(0, run_as(USER, out_of_reach_for_good));
	program_name = "setuid";
	EXPECT_EQ(0, run_as(USER, lets_go));
	EXPECT_EQ(0, run_as(USER, kills));
}

TEST_F(creds, set_gid_programs)
{
	program_name = "setgid";
	EXPECT_EQ(0, run_as(USER, lets_go));
	EXPECT_EQ(0, run_as(USER, kills));
}

TEST_F(creds, programs_that_may_not_be_read)
{
	program_name = "hidden";
	EXPECT_EQ(0, run_as(USER, lets_go));
	EXPECT_EQ(0, run_as(USER, kills));
}

TEST_F(creds, programs_with_capabilities)
{
	char caps[XATTR_CAPS_SZ_2];

	if (getxattr(DIR "/capable", "security.capability", caps, sizeof(caps)) < 0)
		SKIP(return, "tmpfs has no capabilities");
	program_name = "capable";
	EXPECT_EQ(0, run_as(USER, lets_go));
	EXPECT_EQ(0, run_as(USER, kills));
}

/* One who may have them has them. */
TEST_F(creds, set_uid_programs_of_a_root_monitor)
{
	int fd = new_session();
	struct kmview_event event;
	pid_t pid;

	ASSERT_EQ(0, start_program(fd, "setuid", "--calls", &pid));
	ASSERT_EQ(0, until_exec(fd, &event));
	ASSERT_EQ(0, km_next(fd, &event, KMVIEW_EVENT_EXEC));
	ASSERT_EQ(0, km_run(fd, event.ticket));
	close(fd);
	EXPECT_TRUE(ended_with(wait_child(pid), 42));
}

/* In a traced process that shares its table, one thread waits while another one loads the program. */
static void *thread_waits(void *arg)
{
	shared->flag[1] = 1;
	syscall(CALL);
	return NULL;
}

static int waits_and_execs(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_waits, NULL))
		return 1;
	while (!shared->flag[0])
		usleep(1000);
	execl(DIR "/setuid", DIR "/setuid", "--calls", NULL);
	return 2;
}

static int exec_beside_a_ticket(void)
{
	int fd = new_session();
	struct kmview_event entry, event;
	pid_t pid;

	CHECK(!km_entries(fd, CALL));
	pid = km_fork(fd, &event, waits_and_execs);
	CHECK(pid > 0);
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_NEW));
	CHECK(!km_next(fd, &entry, KMVIEW_EVENT_ENTRY));
	CHECK(entry.tid != pid);
	shared->flag[0] = 1;
	/* The other thread dies of it, then its process is out of reach. */
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_END));
	CHECK(event.thread == entry.thread);
	CHECK(!ticket_is_over(fd, &entry));
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_END));
	CHECK(event.flags == KMVIEW_OUT_OF_REACH);
	CHECK(!ticket_is_over(fd, &entry));
	CHECK(ended_with(wait_child(pid), 42));
	return 0;
}

TEST_F(creds, set_uid_exec_while_a_thread_waits)
{
	EXPECT_EQ(0, run_as(USER, exec_beside_a_ticket));
}

/* Who gives his children does not give those that he has as somebody else. */
static int adopts_then_execs(void)
{
	int fd = new_session();
	struct kmview_event event;
	pid_t pid;

	CHECK(!km_entries(fd, CALL));
	for (int i = 0; i < 2; i++) {
		const char *path = i ? DIR "/setuid" : DIR "/plain";

		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			if (km_adopt(fd, KMVIEW_ADOPT_CHILDREN, 0))
				_exit(1);
			shared->flag[i] = 1;
			execl(path, path, "--forks", NULL);
			_exit(2);
		}
		CHECK(!wait_until(shared->flag[i]));
		/* The next child may come before the end of the one before it. */
		for (int came = 0, called = 0, ended = 0; !i && ended < 3;) {
			CHECK(!km_next_within(fd, &event, DEADLINE_MS));
			came += event.kind == KMVIEW_EVENT_NEW;
			called += event.kind == KMVIEW_EVENT_ENTRY;
			ended += event.kind == KMVIEW_EVENT_END;
			if (event.ticket)
				CHECK(!km_run(fd, event.ticket));
			CHECK(came >= called && called >= ended && came <= 3);
		}
		CHECK(ended_with(wait_child(pid), 42));
		CHECK(km_next_within(fd, &event, DEADLINE_MS) == -EPIPE);
	}
	return 0;
}

TEST_F(creds, adoption_ends_with_a_set_uid_program)
{
	EXPECT_EQ(0, run_as(USER, adopts_then_execs));
}

static int adopts_itself(void)
{
	int fd = new_session();
	struct kmview_event event;
	pid_t pid = fork();

	if (pid == 0) {
		if (km_adopt(fd, KMVIEW_ADOPT_SELF, 0))
			_exit(1);
		execl(DIR "/setuid", DIR "/setuid", "--calls", NULL);
		_exit(2);
	}
	CHECK(ended_with(wait_child(pid), 42));
	CHECK(km_next_within(fd, &event, 30) < 0);
	return 0;
}

TEST_F(creds, no_set_uid_program_adopts_itself)
{
	EXPECT_EQ(0, run_as(USER, adopts_itself));
}

/* --- changes of credentials ---------------------------------------------------------------------- */

/* Who gives up rights stays in the session that reached him with them. */
static int drops(void)
{
	syscall(CALL);
	if (setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
		return 1;
	syscall(CALL);
	return 0;
}

TEST_F(creds, rights_that_are_given_up)
{
	int fd = new_session();
	struct kmview_event event;
	char byte;
	struct kmview_memory item = {
		.buffer = (unsigned long)&byte, .len = 1, .op = KMVIEW_MEMORY_READ,
	};
	struct kmview_batch batch = {
		.items = (unsigned long)&item, .count = 1, .item_size = sizeof(item),
	};
	pid_t pid;

	ASSERT_EQ(0, km_entries(fd, CALL));
	pid = km_fork(fd, &event, drops);
	ASSERT_GT(pid, 0);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, km_next(fd, &event, KMVIEW_EVENT_ENTRY));
		item.ticket = event.ticket;
		item.address = event.sp;
		ASSERT_EQ(0, km_ioctl(fd, KMVIEW_MEMORY, &batch));
		EXPECT_EQ(1, item.result);
		ASSERT_EQ(0, km_run(fd, event.ticket));
	}
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
	close(fd);
}

/* What a monitor has its thread do, it does with its own rights: while it waits, none are to be had. */
static int tries_to_gain(void)
{
	int fd = new_session();
	struct kmview_event event;
	struct kmview_answer answer = {
		.flags = KMVIEW_SET_NR | KMVIEW_SET_ARGS | KMVIEW_WANT_RETURN, .nr = __NR_setuid,
	};
	pid_t pid;

	CHECK(!start_program(fd, "plain", "--calls", &pid));
	CHECK(!until_exec(fd, &event));
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_EXEC));
	CHECK(!km_run(fd, event.ticket));
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_ENTRY));
	answer.ticket = event.ticket;
	CHECK(!km_answer(fd, answer));
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_RETURN));
	CHECK(event.ret.result == -EPERM);
	kill(pid, SIGKILL);
	return 0;
}

TEST_F(creds, no_rights_to_be_gained)
{
	EXPECT_EQ(0, run_as(USER, tries_to_gain));
}

/* One that may not be looked at any more keeps its memory to itself, as from ptrace. */
static int hides(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	syscall(CALL);
	return 0;
}

static int memory_of_who_hides(void)
{
	int fd = new_session();
	struct kmview_event event;
	char byte;
	struct kmview_memory item = {
		.buffer = (unsigned long)&byte, .len = 1, .op = KMVIEW_MEMORY_READ,
	};
	struct kmview_batch batch = {
		.items = (unsigned long)&item, .count = 1, .item_size = sizeof(item),
	};
	pid_t pid;

	CHECK(!km_entries(fd, CALL));
	pid = km_fork(fd, &event, hides);
	CHECK(pid > 0);
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_ENTRY));
	item.ticket = event.ticket;
	item.address = event.sp;
	CHECK(!km_ioctl(fd, KMVIEW_MEMORY, &batch));
	CHECK(item.result == -EPERM);
	CHECK(!km_run(fd, event.ticket));
	CHECK(ended_with(wait_child(pid), 0));
	return 0;
}

static const char secret[] = "secret";

static int records_and_hides(void)
{
	syscall(CALL, secret);
	prctl(PR_SET_DUMPABLE, 0);
	syscall(CALL, secret);
	return 0;
}

/* What KMVIEW_MEMORY may not reach, no record tells either. */
static int records_of_who_hides(void)
{
	int fd = new_session();
	struct kmview_ring_setup setup = { .size = 64 << 10 };
	struct kmview_copy copy = { .nr = CALL, .type = KMVIEW_COPY_STRING, .max = 64 };
	struct kmview_batch batch = {
		.items = (unsigned long)&copy, .count = 1, .item_size = sizeof(copy),
	};
	struct kmview_event event;
	struct kmview_record *record;
	struct kmview_data *data;
	pid_t pid;

	CHECK(!km_ioctl(fd, KMVIEW_RING, &setup));
	record = mmap(NULL, 4096 + setup.size, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(record != MAP_FAILED);
	record = (void *)((char *)record + 4096);
	CHECK(!km_ioctl(fd, KMVIEW_SET_COPY, &batch));
	CHECK(!km_select(fd, KMVIEW_CALLS_RECORD_ENTRY, KMVIEW_ABI_NATIVE, CALL));
	pid = km_fork(fd, &event, records_and_hides);
	CHECK(pid > 0);
	CHECK(ended_with(wait_child(pid), 0));
	data = (void *)(record + 1);
	CHECK(record->event.kind == KMVIEW_EVENT_ENTRY && record->nr_data == 1);
	CHECK(data->flags == 0 && data->len == sizeof(secret));
	record = (void *)((char *)record + record->size);
	data = (void *)(record + 1);
	CHECK(record->event.kind == KMVIEW_EVENT_ENTRY && record->nr_data == 1);
	CHECK(data->flags == KMVIEW_DATA_FAULT && data->len == 0);
	return 0;
}

TEST_F(creds, memory_that_is_not_to_be_seen)
{
	EXPECT_EQ(0, run_as(USER, records_of_who_hides));
	EXPECT_EQ(0, run_as(USER, memory_of_who_hides));
}

/* --- descriptors that are handed on ---------------------------------------------------------------- */

static int handed;

static int uses_what_root_opened(void)
{
	pid_t pid;

	/* The rights to attach are those of who does it. */
	CHECK(km_attach(handed, shared->tid[0], 0, NULL) == -EPERM);
	CHECK(km_attach(handed, shared->tid[2], 0, NULL) == -EPERM);
	CHECK(!km_attach(handed, shared->tid[1], 0, NULL));
	pid = fork();
	if (pid == 0)
		_exit(km_adopt(handed, KMVIEW_ADOPT_CHILDREN, 1) != 0);
	CHECK(ended_with(wait_child(pid), 0));
	return 0;
}

TEST_F(creds, handed_to_a_user)
{
	handed = new_session();
	ASSERT_LE(0, handed);
	EXPECT_EQ(0, run_as(USER, uses_what_root_opened));
	close(handed);
}

static int sends_its_session(void)
{
	int fd = new_session(), data = 0;
	struct iovec iov = { .iov_base = &data, .iov_len = sizeof(data) };
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	struct kmview_event event;

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	CHECK(!km_entries(fd, CALL));
	CHECK(sendmsg(handed, &msg, 0) == sizeof(data));
	/* Root has done what it could: nobody has come. */
	CHECK(!wait_until(shared->flag[0]));
	CHECK(km_next_within(fd, &event, 30) < 0);
	return 0;
}

/* Root cannot give itself, or others, to a user's session. */
TEST_F(creds, handed_to_root)
{
	int sockets[2], fd, data;
	struct iovec iov = { .iov_base = &data, .iov_len = sizeof(data) };
	char control[CMSG_SPACE(sizeof(int))];
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	handed = sockets[1];
	pid = start_as(USER, sends_its_session);
	ASSERT_EQ(sizeof(data), recvmsg(sockets[0], &msg, 0));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	EXPECT_EQ(-EPERM, km_attach(fd, self->root, 0, NULL));
	EXPECT_EQ(-EPERM, km_attach(fd, self->other, KMVIEW_ATTACH_PROCESS, NULL));
	EXPECT_EQ(-EPERM, km_adopt(fd, KMVIEW_ADOPT_CHILDREN, 1));
	EXPECT_EQ(-EPERM, km_adopt(fd, KMVIEW_ADOPT_SELF, 0));
	EXPECT_EQ(0, km_adopt(fd, KMVIEW_ADOPT_NONE, 0));
	shared->flag[0] = 1;
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
	close(fd);
	close(sockets[0]);
	close(sockets[1]);
}

/* --- Yama ------------------------------------------------------------------------------------------ */

static int set_scope(int scope)
{
	char text[4];
	int fd = open(YAMA, O_WRONLY), n = snprintf(text, sizeof(text), "%d\n", scope);
	int result = write(fd, text, n);

	close(fd);
	return result != n;
}

static int scope_1(void)
{
	int fd = new_session();
	pid_t pid = fork();

	if (pid == 0)
		_exit(sleeps());
	/* A child; and another one, that does not say, or says, that it may be traced. */
	CHECK(!km_attach(fd, pid, 0, NULL));
	CHECK(km_attach(fd, shared->tid[1], 0, NULL) == -EPERM);
	shared->tid[3] = getpid();
	CHECK(!wait_until(shared->flag[0]));
	CHECK(!km_attach(fd, shared->tid[4], 0, NULL));
	kill(pid, SIGKILL);
	return 0;
}

static int agrees(void)
{
	while (!shared->tid[3])
		usleep(1000);
	if (prctl(PR_SET_PTRACER, shared->tid[3]))
		return 1;
	shared->tid[4] = getpid();
	shared->flag[0] = 1;
	pause();
	return 0;
}

static int scope_2(void)
{
	int fd = new_session();
	pid_t pid = fork();

	if (pid == 0)
		_exit(sleeps());
	CHECK(km_attach(fd, pid, 0, NULL) == -EPERM);
	kill(pid, SIGKILL);
	return 0;
}

TEST_F(creds, yama)
{
	int fd = new_session();
	pid_t pid;

	if (!exists(YAMA))
		SKIP(return, "no Yama");
	ASSERT_EQ(0, set_scope(1));
	pid = start_as(USER, agrees);
	EXPECT_EQ(0, run_as(USER, scope_1));
	kill(pid, SIGKILL);
	ASSERT_EQ(0, set_scope(2));
	EXPECT_EQ(0, run_as(USER, scope_2));
	EXPECT_EQ(0, km_attach(fd, self->user, 0, NULL));
	ASSERT_EQ(0, set_scope(0));
	EXPECT_EQ(0, run_as(USER, attaches));
	close(fd);
}

/* --- user namespaces -------------------------------------------------------------------------------- */

static int write_map(const char *file, const char *text)
{
	char path[64];
	int fd, n = strlen(text), done;

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	fd = open(path, O_WRONLY);
	done = write(fd, text, n);
	close(fd);
	return done != n;
}

static int enter_namespace(void)
{
	return unshare(CLONE_NEWUSER) || write_map("setgroups", "deny") ||
	       write_map("uid_map", "0 1000 1") || write_map("gid_map", "0 1000 1") ||
	       prctl(PR_SET_DUMPABLE, 1);
}

/* Root of a namespace: of what is in it, and of nothing outside, though it is the same user. */
static int in_a_namespace(void)
{
	int fd;
	pid_t pid;

	CHECK(!enter_namespace());
	fd = new_session();
	CHECK(fd >= 0);
	CHECK(getuid() == 0);
	CHECK(km_attach(fd, shared->tid[0], 0, NULL) == -EPERM);
	CHECK(km_attach(fd, shared->tid[1], 0, NULL) == -EPERM);
	CHECK(km_attach(fd, shared->tid[2], 0, NULL) == -EPERM);
	pid = fork();
	if (pid == 0)
		_exit(sleeps());
	CHECK(!km_attach(fd, pid, 0, NULL));
	kill(pid, SIGKILL);
	return 0;
}

/* Who has made a namespace is above those in it. */
static int above_a_namespace(void)
{
	int fd = new_session();
	struct kmview_event event;
	pid_t pid = fork();

	if (pid == 0) {
		if (enter_namespace())
			_exit(1);
		shared->flag[1] = 1;
		pause();
		_exit(0);
	}
	CHECK(!wait_until(shared->flag[1]));
	CHECK(!km_attach(fd, pid, 0, NULL));
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_NEW));
	kill(pid, SIGKILL);
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_END));
	return 0;
}

TEST_F(creds, user_namespaces)
{
	if (!exists("/proc/self/ns/user"))
		SKIP(return, "no user namespaces");
	EXPECT_EQ(0, run_as(USER, in_a_namespace));
	EXPECT_EQ(0, run_as(USER, above_a_namespace));
}

/* --- Yama and adoption -------------------------------------------------------------------------------- */

/* What the kernel's own ptrace is to say to a child that wants its parent to trace it, in the scope that is set. */
static int wanted;

static int traceme(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) ? errno : 0;
}

/* What the child does first, to be somebody else than its parent. */
static int (*changes)(void);

/* The same is to be said to who gives his children, and to a child that gives itself. */
static int adopted_as_ptrace_says(void)
{
	struct kmview_event event;
	int fd = new_session();
	pid_t pid;

	CHECK(fd >= 0);
	pid = fork();
	if (pid == 0)
		_exit(changes && changes() ? 99 : traceme());
	CHECK(ended_with(wait_child(pid), wanted));

	for (int itself = 0; itself < 2; itself++) {
		/* It is asked before the child has changed. */
		if (!itself && changes)
			continue;
		if (!itself)
			CHECK(km_adopt(fd, KMVIEW_ADOPT_CHILDREN, 1) == -wanted);
		pid = fork();
		if (pid == 0) {
			if (changes && changes())
				_exit(99);
			if (itself && km_adopt(fd, KMVIEW_ADOPT_SELF, 0) != -wanted)
				_exit(98);
			execl(DIR "/plain", DIR "/plain", "--calls", NULL);
			_exit(97);
		}
		CHECK(WEXITSTATUS(wait_child(pid)) < 97);
		if (wanted) {
			CHECK(km_next_within(fd, &event, 0) < 0);
			continue;
		}
		CHECK(!km_next(fd, &event, KMVIEW_EVENT_NEW));
		CHECK(event.tid == pid && event.flags == KMVIEW_BY_ADOPT);
		CHECK(!km_next(fd, &event, KMVIEW_EVENT_END));
	}
	close(fd);
	return 0;
}

static int becomes_the_user(void)
{
	return become(USER);
}

static int adopted_in_a_namespace(void)
{
	CHECK(!enter_namespace());
	return adopted_as_ptrace_says();
}

/* Root; the user; root, of a child that is the user; the user, as root of a namespace, and above one. */
static int all_adopted(int root, int user, int in_namespaces)
{
	wanted = root;
	CHECK(!run_as(0, adopted_as_ptrace_says));
	changes = becomes_the_user;
	CHECK(!run_as(0, adopted_as_ptrace_says));
	changes = NULL;
	wanted = user;
	CHECK(!run_as(USER, adopted_as_ptrace_says));
	if (!exists("/proc/self/ns/user"))
		return 0;
	wanted = in_namespaces;
	CHECK(!run_as(USER, adopted_in_a_namespace));
	changes = enter_namespace;
	CHECK(!run_as(USER, adopted_as_ptrace_says));
	changes = NULL;
	return 0;
}

static bool gives_itself;

/* The scope is raised between the wish and the child, or the exec. */
static int is_too_late(void)
{
	struct kmview_event event;
	int fd = new_session();
	pid_t pid;

	if (!gives_itself)
		CHECK(!km_adopt(fd, KMVIEW_ADOPT_CHILDREN, 0));
	pid = gives_itself ? fork() : 0;
	if (pid == 0) {
		if (gives_itself && km_adopt(fd, KMVIEW_ADOPT_SELF, 0))
			_exit(98);
		shared->flag[0] = 1;
		if (wait_until(shared->flag[1]))
			_exit(98);
		if (gives_itself) {
			execl(DIR "/plain", DIR "/plain", "--calls", NULL);
			_exit(97);
		}
		pid = fork();
		if (pid == 0)
			_exit(traceme());
		CHECK(ended_with(wait_child(pid), EPERM));
	} else {
		CHECK(ended_with(wait_child(pid), 43));
	}
	CHECK(km_next_within(fd, &event, 0) < 0);
	return 0;
}

static int user_is_too_late(bool itself)
{
	pid_t pid;

	gives_itself = itself;
	shared->flag[0] = 0;
	shared->flag[1] = 0;
	CHECK(!set_scope(1));
	pid = start_as(USER, is_too_late);
	CHECK(!wait_until(shared->flag[0]));
	CHECK(!set_scope(2));
	shared->flag[1] = 1;
	CHECK(ended_with(wait_child(pid), 0));
	return 0;
}

TEST_F(creds, yama_and_adoption)
{
	if (!exists(YAMA))
		SKIP(return, "no Yama");
	for (int scope = 0; scope < 3; scope++) {
		ASSERT_EQ(0, set_scope(scope));
		EXPECT_EQ(0, all_adopted(0, scope < 2 ? 0 : EPERM, 0)) {
			TH_LOG("in scope %d", scope);
		}
	}
	EXPECT_EQ(0, user_is_too_late(false));
	EXPECT_EQ(0, user_is_too_late(true));
	ASSERT_EQ(0, set_scope(0));
}

/* Once it is set, this scope stays. */
TEST_F(creds, yama_and_adoption_for_ever)
{
	if (!exists(YAMA))
		SKIP(return, "no Yama");
	if (!getenv("YAMA_FOR_EVER"))
		SKIP(return, "spoils the machine for others: see host/kmview_yama.sh");
	ASSERT_EQ(0, set_scope(3));
	EXPECT_EQ(0, all_adopted(EPERM, EPERM, EPERM));
}

/* --- seccomp ---------------------------------------------------------------------------------------- */

/* Forbids one call. */
static int confine(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_acct, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = 4, .filter = filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* A filter sees a call before a session makes another one of it: who is under one makes no session. */
static int opens_under_a_filter(void)
{
	int fd = new_session(), status;
	struct kmview_event event;
	char path[64];
	pid_t pid;

	CHECK(fd >= 0);
	CHECK(!confine());
	CHECK(new_session() < 0 && errno == EPERM);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(open(path, O_RDWR) < 0 && errno == EPERM);
	/* Nor does root of a namespace of its own, or whoever it makes. */
	pid = fork();
	if (pid == 0) {
		if (exists("/proc/self/ns/user") && enter_namespace())
			_exit(1);
		_exit(new_session() >= 0 ? 2 : errno == EPERM ? 0 : 3);
	}
	status = wait_child(pid);
	CHECK(ended_with(status, 0));
	/* What was open before has been granted. */
	CHECK(!km_entries(fd, CALL));
	pid = km_fork(fd, &event, sleeps);
	CHECK(pid > 0);
	kill(pid, SIGKILL);
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_END));
	return 0;
}

static int root_under_a_filter(void)
{
	return confine() || new_session() < 0;
}

TEST_F(creds, seccomp)
{
	pid_t pid;

	if (!exists("/proc/sys/kernel/seccomp"))
		SKIP(return, "no seccomp");
	EXPECT_EQ(0, run_as(USER, opens_under_a_filter));
	/* CAP_SYS_ADMIN may do without filters anyway. */
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(root_under_a_filter());
	EXPECT_TRUE(ended_with(wait_child(pid), 0));
}

/* --- threads of a process with rights of their own ---------------------------------------------- */

static void *thread_of_other(void *arg)
{
	/* The C library would tell the other threads. */
	syscall(__NR_setresgid, OTHER, OTHER, OTHER);
	syscall(__NR_setresuid, OTHER, OTHER, OTHER);
	prctl(PR_SET_DUMPABLE, 1);
	shared->flag[0] = 1;
	for (;;)
		pause();
	return NULL;
}

static int has_a_thread_of_other(void)
{
	pthread_t thread;

	if (setgroups(0, NULL) || pthread_create(&thread, NULL, thread_of_other, NULL))
		return 1;
	while (!shared->flag[0])
		usleep(1000);
	syscall(__NR_setresgid, USER, USER, USER);
	syscall(__NR_setresuid, USER, USER, USER);
	prctl(PR_SET_DUMPABLE, 1);
	shared->flag[1] = 1;
	return sleeps();
}

static int attaches_to_that(void)
{
	int fd = new_session();
	struct kmview_event event;

	CHECK(!km_attach(fd, shared->tid[3], KMVIEW_ATTACH_PROCESS, NULL));
	CHECK(!km_next(fd, &event, KMVIEW_EVENT_NEW));
	CHECK(event.tid == shared->tid[3]);
	CHECK(km_quiet(fd));
	return 0;
}

/* The right is needed for each thread. */
TEST_F(creds, threads_of_another_user)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(has_a_thread_of_other());
	ASSERT_EQ(0, wait_until(shared->flag[1]));
	shared->tid[3] = pid;
	EXPECT_EQ(0, run_as(USER, attaches_to_that));
	kill(pid, SIGKILL);
}

TEST_HARNESS_MAIN
