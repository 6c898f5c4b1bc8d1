// SPDX-License-Identifier: GPL-2.0
/*
 * Engines that are called for some system calls only: the set is looked at before the engine is.
 */
#include "ut.h"
#include "kselftest_harness.h"

#define OTHER	__NR_getuid
#define BOTH	(UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT)

FIXTURE(call_sets)
{
	struct tracee tracee;
	int fd, engine;
};

static int attach(int fd, pid_t pid, unsigned int events)
{
	struct ut_attach attach = { .pid = pid, .events = events, .calls = 1 };
	int err = ut_ioctl(fd, UT_ATTACH, &attach);

	return err ? err : (int)attach.engine;
}

static int set(int fd, int engine, unsigned int nr, unsigned int what)
{
	struct ut_op op = { .engine = engine, .value = nr, .ticket = what };

	return ut_ioctl(fd, UT_CALLS, &op);
}

FIXTURE_SETUP(call_sets)
{
	self->fd = UT_OPEN();
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	self->engine = attach(self->fd, self->tracee.pid, BOTH);
	ASSERT_GE(self->engine, 0);
}

FIXTURE_TEARDOWN(call_sets)
{
	tracee_end(&self->tracee);
	close(self->fd);
}

static void make(struct __test_metadata *_metadata, FIXTURE_DATA(call_sets) *self, int nr)
{
	long r;

	ASSERT_EQ(0, tracee_syscall(&self->tracee, nr));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
}

/* The events of one engine, of this kind and call, that both calls make. */
#define SEEN(_engine, _kind, _nr) ({						\
	make(_metadata, self, CALL);						\
	make(_metadata, self, OTHER);						\
	ut_drain(self->fd, _kind, _engine, _nr);				\
})

TEST_F(call_sets, nothing_at_first)
{
	make(_metadata, self, CALL);
	make(_metadata, self, OTHER);
	EXPECT_EQ(0, ut_count(self->fd, self->engine));
}

TEST_F(call_sets, entry_and_exit_apart)
{
	ASSERT_EQ(0, set(self->fd, self->engine, CALL, UT_CALLS_ENTRY));
	EXPECT_EQ(1, SEEN(self->engine, UT_SYSCALL_ENTRY, CALL));
	EXPECT_EQ(1, ut_count(self->fd, self->engine));
	ASSERT_EQ(0, set(self->fd, self->engine, CALL, UT_CALLS_EXIT));
	EXPECT_EQ(1, SEEN(self->engine, UT_SYSCALL_EXIT, CALL));
	EXPECT_EQ(2, ut_count(self->fd, self->engine));
	ASSERT_EQ(0, set(self->fd, self->engine, OTHER, UT_CALLS_ENTRY | UT_CALLS_EXIT));
	EXPECT_EQ(1, SEEN(self->engine, UT_SYSCALL_EXIT, OTHER));
	/* One more of the first, two of the second. */
	EXPECT_EQ(5, ut_count(self->fd, self->engine));
}

TEST_F(call_sets, changed_at_any_time)
{
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, set(self->fd, self->engine, CALL, UT_CALLS_ENTRY));
		EXPECT_EQ(1, SEEN(-1, UT_SYSCALL_ENTRY, -1));
		ASSERT_EQ(0, set(self->fd, self->engine, CALL, 0));
		EXPECT_EQ(0, SEEN(-1, UT_SYSCALL_ENTRY, -1));
	}
}

/* Numbers of the other convention are others. */
TEST_F(call_sets, conventions_apart)
{
	ASSERT_EQ(0, set(self->fd, self->engine, CALL, UT_CALLS_ENTRY | UT_CALLS_COMPAT));
	EXPECT_EQ(0, SEEN(-1, UT_SYSCALL_ENTRY, -1));
}

TEST_F(call_sets, numbers_beyond_are_one)
{
	ASSERT_EQ(0, set(self->fd, self->engine, 100000, UT_CALLS_ENTRY));
	make(_metadata, self, CALL);
	make(_metadata, self, 9999);
	make(_metadata, self, 512);
	make(_metadata, self, -7);
	make(_metadata, self, 511);
	EXPECT_EQ(3, ut_count(self->fd, self->engine));
}

static int want_exit(FIXTURE_DATA(call_sets) *self, struct ut_script script)
{
	script.engine = self->engine;
	script.event = UT_SYSCALL_ENTRY;
	script.nr = CALL;
	script.action = UT_RESUME;
	script.flags |= UT_F_WANT_EXIT;
	script.times = 1;
	return ut_script(self->fd, script);
}

TEST_F(call_sets, exit_that_is_asked_for)
{
	ASSERT_EQ(0, set(self->fd, self->engine, CALL, UT_CALLS_ENTRY));
	ASSERT_EQ(0, want_exit(self, (struct ut_script) { }));
	EXPECT_EQ(1, SEEN(self->engine, UT_SYSCALL_EXIT, CALL));
	/* That one only. */
	EXPECT_EQ(0, SEEN(self->engine, UT_SYSCALL_EXIT, -1));
	/* Also of a call that the entry has made another one. */
	ASSERT_EQ(0, want_exit(self, (struct ut_script) { .flags = UT_F_NR, .new_nr = OTHER }));
	make(_metadata, self, CALL);
	EXPECT_EQ(1, ut_drain(self->fd, UT_SYSCALL_EXIT, self->engine, OTHER));
	/* And of one that is stopped. */
	ASSERT_EQ(0, want_exit(self, (struct ut_script) { .flags = UT_F_ABORT, .result = 1 }));
	make(_metadata, self, CALL);
	EXPECT_EQ(1, ut_drain(self->fd, UT_SYSCALL_EXIT, self->engine, -1));
}

TEST_F(call_sets, each_engine_has_its_own)
{
	int second = attach(self->fd, self->tracee.pid, BOTH), third;

	ASSERT_GE(second, 0);
	ASSERT_EQ(0, set(self->fd, self->engine, CALL, UT_CALLS_ENTRY));
	ASSERT_EQ(0, set(self->fd, second, OTHER, UT_CALLS_EXIT));
	make(_metadata, self, CALL);
	make(_metadata, self, OTHER);
	EXPECT_EQ(1, ut_count(self->fd, self->engine));
	EXPECT_EQ(1, ut_count(self->fd, second));
	/* One without a set hears of all, as soon as it is there. */
	third = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(third, 0);
	EXPECT_EQ(1, SEEN(third, UT_SYSCALL_ENTRY, OTHER));
	EXPECT_EQ(2, ut_count(self->fd, self->engine));
	EXPECT_EQ(2, ut_count(self->fd, second));
	/* And when it has gone, the sets alone count again. */
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, third, 0));
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, second, 0));
	EXPECT_EQ(0, SEEN(-1, UT_SYSCALL_ENTRY, OTHER));
	EXPECT_EQ(3, ut_count(self->fd, self->engine));
}

/* An engine that selects nothing does not hide one that came after it. */
TEST_F(call_sets, attached_next_to_one_that_selects_nothing)
{
	int second;

	make(_metadata, self, CALL);
	second = ut_attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_GE(second, 0);
	EXPECT_EQ(1, SEEN(second, UT_SYSCALL_ENTRY, CALL));
	EXPECT_EQ(0, ut_count(self->fd, self->engine));
}

/* QUIESCE comes before each event of the thread, the call itself only if it is in the set. */
TEST_F(call_sets, quiesce_before_all)
{
	ASSERT_EQ(0, set(self->fd, self->engine, CALL, UT_CALLS_ENTRY));
	EXPECT_EQ(1, SEEN(-1, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, UT_QUIESCE | UT_SYSCALL_ENTRY));
	make(_metadata, self, OTHER);
	EXPECT_EQ(1, SEEN(self->engine, UT_SYSCALL_ENTRY, -1));
	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, UT_SYSCALL_ENTRY));
	EXPECT_EQ(0, ut_drain(self->fd, UT_SYSCALL_ENTRY, self->engine, OTHER));
	EXPECT_EQ(1, SEEN(self->engine, UT_SYSCALL_ENTRY, -1));
}

TEST_F(call_sets, stop_and_resume_of_a_selected_call)
{
	struct ut_event event;
	long r;

	ASSERT_EQ(0, set(self->fd, self->engine, CALL, UT_CALLS_ENTRY));
	ASSERT_EQ(0, ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, CALL));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	/* Out of the set: it stays stopped all the same. */
	ASSERT_EQ(0, set(self->fd, self->engine, CALL, 0));
	EXPECT_EQ(FOUND_PARKED, ut_resume(self->fd, self->engine, event.ticket));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

TEST_HARNESS_MAIN
