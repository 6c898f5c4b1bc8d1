// SPDX-License-Identifier: GPL-2.0
/*
 * Examining a thread, parked or in a callback: registers, regsets, memory, its system call; and
 * what becomes of an examination whose thread runs, is killed, or is held by somebody else.
 */
#include <elf.h>
#include <linux/audit.h>
#include <stddef.h>
#include <sys/io.h>
#include <sys/user.h>

#include "ut.h"
#include "utrace_ctest.h"
#include "kselftest_harness.h"

#ifndef NT_X86_SHSTK
#define NT_X86_SHSTK	0x204
#endif

FIXTURE(examine)
{
	struct tracee tracee;
	int fd, engine;
};

/* All of it over both APIs. */
FIXTURE_VARIANT(examine)
{
	const char *device;
};

FIXTURE_VARIANT_ADD(examine, rust) { .device = "utrace_test" };
FIXTURE_VARIANT_ADD(examine, c) { .device = "utrace_ctest" };

static const char *device;

static bool is_c(void)
{
	return !strcmp(device, "utrace_ctest");
}

/* That of C says less about what a resume found. */
static int found_parked(void)
{
	return is_c() ? 0 : FOUND_PARKED;
}

/* An engine that wants @events. */
static int attach(int fd, pid_t pid, unsigned int events)
{
	struct uc_attach request = {
		.pid = pid, .flags = 0x10 /* CREATE */, .ops = UC_OPS, .data = -1, .of = -1,
	};
	int err;

	if (!is_c())
		return ut_attach(fd, pid, events);
	err = ut_ioctl(fd, UC_ATTACH, &request) ?: ut_op(fd, UT_SET_EVENTS, request.engine, events);
	return err ?: (int)request.engine;
}

/* Its reference stays: it is as detached as one can be that can be asked. */
static int detach(int fd, int engine)
{
	return is_c() ? ut_control(fd, engine, UT_DETACH) : ut_op(fd, UT_DROP, engine, 0);
}

FIXTURE_SETUP(examine)
{
	device = variant->device;
	self->fd = ut_open_device(device);
	if (self->fd < 0)
		SKIP(return, "no /dev/%s: load utrace and the modules of a test build", device);
	ut_share();
	self->tracee = tracee_start();
	ASSERT_GT(self->tracee.pid, 0);
	self->engine = attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT);
	ASSERT_GE(self->engine, 0);
}

FIXTURE_TEARDOWN(examine)
{
	shared->flag[0] = 1;
	tracee_end(&self->tracee);
	close(self->fd);
}

/* --- one operation each: what it came to, of whichever part failed first ---------------------- */

static int examine(int fd, struct ut_examine *x)
{
	int err = ut_ioctl(fd, UT_EXAMINE, x);

	if (err || (x->flags & UT_X_IN_CALLBACK))
		return err;
	if (x->prepare)
		return x->prepare;
	return x->done < 0 ? x->done : x->finish ?: x->done;
}

static int prepare(int fd, int engine)
{
	struct ut_examine x = { .engine = engine };

	return examine(fd, &x);
}

static int regs_op(int fd, int engine, unsigned int op, struct user_regs_struct *regs)
{
	struct ut_examine x = {
		.engine = engine, .op = op, .buf = (__u64)regs, .size = sizeof(*regs),
	};
	int n = examine(fd, &x);

	return n < 0 ? n : 0;
}

static int get_regs(int fd, int engine, struct user_regs_struct *regs)
{
	return regs_op(fd, engine, UT_X_GET_REGS, regs);
}

static int set_regs(int fd, int engine, struct user_regs_struct *regs)
{
	return regs_op(fd, engine, UT_X_SET_REGS, regs);
}

static int regset_op(int fd, int engine, unsigned int op, unsigned int view, unsigned int note,
		     size_t pos, void *buf, size_t size)
{
	struct ut_examine x = {
		.engine = engine, .op = op, .view = view, .note = note, .addr = pos,
		.buf = (__u64)buf, .size = size,
	};

	return examine(fd, &x);
}

static int get_regset(int fd, int engine, unsigned int note, void *buf, size_t size)
{
	return regset_op(fd, engine, UT_X_GET_REGSET, UT_VIEW_NATIVE, note, 0, buf, size);
}

static int set_regset(int fd, int engine, unsigned int note, void *buf, size_t size)
{
	return regset_op(fd, engine, UT_X_SET_REGSET, UT_VIEW_NATIVE, note, 0, buf, size);
}

static int active(int fd, int engine, unsigned int view, unsigned int note)
{
	return regset_op(fd, engine, UT_X_ACTIVE, view, note, 0, NULL, 0);
}

static int memory(int fd, int engine, unsigned int op, const void *addr, void *buf, size_t size)
{
	struct ut_examine x = {
		.engine = engine, .op = op, .addr = (__u64)addr, .buf = (__u64)buf, .size = size,
	};

	return examine(fd, &x);
}

/* --- where the tracee is ------------------------------------------------------------------------- */

static void wait_event(struct __test_metadata *_metadata, FIXTURE_DATA(examine) *self,
		       unsigned int kind, struct ut_event *event)
{
	EXPECT_EQ(0, ut_next_from(self->fd, event, self->engine, kind, CALL));
	EXPECT_EQ(0, wait_parked(self->tracee.pid));
}

/* Has it run @function, whose call parks at entry or exit. */
static __u64 park_in(struct __test_metadata *_metadata, FIXTURE_DATA(examine) *self,
		     ut_function function, unsigned int kind)
{
	struct ut_event event = { 0 };

	ut_on(self->fd, self->engine, kind, CALL, UT_STOP, 0, 1);
	EXPECT_EQ(0, tracee_run(&self->tracee, function, CALL));
	wait_event(_metadata, self, kind, &event);
	return event.ticket;
}

static __u64 park(struct __test_metadata *_metadata, FIXTURE_DATA(examine) *self, unsigned int kind)
{
	return park_in(_metadata, self, do_syscall, kind);
}

static long resume(struct __test_metadata *_metadata, FIXTURE_DATA(examine) *self)
{
	long r = 0;

	EXPECT_EQ(found_parked(), ut_resume(self->fd, self->engine, 0));
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
	return r;
}

/* --- registers that a program knows -------------------------------------------------------------- */

struct known {
	unsigned long bx, r12, r13, r14, r15, di, si, dx, r10, r8, r9, ax;
	unsigned char xmm[16][16];
	unsigned char ymm[16][32];
	unsigned long ip, sp;
};

static struct known *known;

/* The call, with all of that in the registers, and back. */
static __attribute__((noipa)) long do_known(long *args)
{
	struct known *k = known;

	asm volatile("push %%rbp\n\t"
		     "mov %[k], %%rbp\n\t"
		     "mov 0(%%rbp), %%rbx\n\t"
		     "mov 8(%%rbp), %%r12\n\t"
		     "mov 16(%%rbp), %%r13\n\t"
		     "mov 24(%%rbp), %%r14\n\t"
		     "mov 32(%%rbp), %%r15\n\t"
		     "mov 40(%%rbp), %%rdi\n\t"
		     "mov 48(%%rbp), %%rsi\n\t"
		     "mov 56(%%rbp), %%rdx\n\t"
		     "mov 64(%%rbp), %%r10\n\t"
		     "mov 72(%%rbp), %%r8\n\t"
		     "mov 80(%%rbp), %%r9\n\t"
		     "movups 96(%%rbp), %%xmm0\n\t"
		     "movups 128(%%rbp), %%xmm2\n\t"
		     "movups 336(%%rbp), %%xmm15\n\t"
		     "mov %%rsp, 872(%%rbp)\n\t"
		     "lea after_the_call(%%rip), %%rax\n\t"
		     "mov %%rax, 864(%%rbp)\n\t"
		     "mov %[nr], %%eax\n\t"
		     "syscall\n\t"
		     ".globl after_the_call\n"
		     "after_the_call:\n\t"
		     "mov %%rbx, 0(%%rbp)\n\t"
		     "mov %%r12, 8(%%rbp)\n\t"
		     "mov %%r13, 16(%%rbp)\n\t"
		     "mov %%r14, 24(%%rbp)\n\t"
		     "mov %%r15, 32(%%rbp)\n\t"
		     "mov %%rdi, 40(%%rbp)\n\t"
		     "mov %%rsi, 48(%%rbp)\n\t"
		     "mov %%rdx, 56(%%rbp)\n\t"
		     "mov %%r10, 64(%%rbp)\n\t"
		     "mov %%r8, 72(%%rbp)\n\t"
		     "mov %%r9, 80(%%rbp)\n\t"
		     "mov %%rax, 88(%%rbp)\n\t"
		     "movups %%xmm0, 96(%%rbp)\n\t"
		     "movups %%xmm2, 128(%%rbp)\n\t"
		     "movups %%xmm15, 336(%%rbp)\n\t"
		     "pop %%rbp"
		     : : [k] "r"(k), [nr] "i"(CALL)
		     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
		       "r13", "r14", "r15", "xmm0", "xmm2", "xmm15", "memory", "cc");
	return k->ax;
}

_Static_assert(offsetof(struct known, ax) == 88, "do_known");
_Static_assert(offsetof(struct known, xmm[2]) == 128, "do_known");
_Static_assert(offsetof(struct known, xmm[15]) == 336, "do_known");
_Static_assert(offsetof(struct known, ip) == 864, "do_known");
_Static_assert(offsetof(struct known, sp) == 872, "do_known");

/* Before the tracee that runs do_known(), which has to inherit the mapping. */
static void know(FIXTURE_DATA(examine) *self)
{
	tracee_end(&self->tracee);
	known = mmap(NULL, sizeof(*known), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 11; i++)
		(&known->bx)[i] = 0x1111111111111111UL * (i + 1);
	memset(known->xmm, 0x5a, sizeof(known->xmm));
	self->tracee = tracee_start();
	self->engine = attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT);
}

static void expect_known(struct __test_metadata *_metadata, struct user_regs_struct *regs)
{
	EXPECT_EQ(0x1111111111111111UL, regs->rbx);
	EXPECT_EQ(0x2222222222222222UL, regs->r12);
	EXPECT_EQ(0x3333333333333333UL, regs->r13);
	EXPECT_EQ(0x4444444444444444UL, regs->r14);
	EXPECT_EQ(0x5555555555555555UL, regs->r15);
	EXPECT_EQ(0x6666666666666666UL, regs->rdi);
	EXPECT_EQ(0x7777777777777777UL, regs->rsi);
	EXPECT_EQ(0x8888888888888888UL, regs->rdx);
	EXPECT_EQ(0x9999999999999999UL, regs->r10);
	EXPECT_EQ(0xaaaaaaaaaaaaaaaaUL, regs->r8);
	EXPECT_EQ(0xbbbbbbbbbbbbbbbbUL, regs->r9);
	EXPECT_EQ((unsigned long)known, regs->rbp);
	EXPECT_EQ(known->ip, regs->rip);
	EXPECT_EQ(known->sp, regs->rsp);
	EXPECT_EQ(CALL, regs->orig_rax);
	EXPECT_EQ(0x33, regs->cs);
	EXPECT_EQ(0x2b, regs->ss);
	EXPECT_NE(0, regs->fs_base);
	EXPECT_NE(0, regs->eflags & 0x200);
}

/* --- prepare ------------------------------------------------------------------------------------ */

TEST_F(examine, prepare_needs_a_stop)
{
	struct ut_event event;
	__u64 ticket;

	/* Waits for a command. */
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	EXPECT_EQ(-EINVAL, prepare(self->fd, self->engine));
	park(_metadata, self, UT_SYSCALL_ENTRY);
	EXPECT_EQ(0, prepare(self->fd, self->engine));
	resume(_metadata, self);
	EXPECT_EQ(-EINVAL, prepare(self->fd, self->engine));

	/* Asked for, and not reached. */
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_poll, 0, 0, -1));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, __NR_poll));
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'S'));
	ASSERT_EQ(0, ut_stop(self->fd, self->engine, &ticket));
	EXPECT_EQ(-EAGAIN, prepare(self->fd, self->engine));
	ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_INTERRUPT));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_EQ(0, prepare(self->fd, self->engine));
}

TEST_F(examine, prepare_in_the_windows_before_the_park)
{
	static const struct { unsigned int flag, place; } windows[] = {
		{ UT_F_HOLD_CALLBACK, UT_IN_CALLBACK },
		{ UT_F_HOLD_RETURNED, UT_IN_RETURNED },
		{ UT_F_HOLD_BEFORE_PARK, UT_IN_BEFORE_PARK },
	};
	struct ut_event event;

	/* Over C there is no way to hold a thread behind its callback. */
	for (int i = 0; i < (is_c() ? 1 : 3); i++) {
		ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, windows[i].flag, 1);
		ASSERT_EQ(0, tracee_call(&self->tracee));
		ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, CALL));
		ASSERT_EQ(0, ut_wait_held(self->fd, self->engine, windows[i].place));
		EXPECT_EQ(-EAGAIN, prepare(self->fd, self->engine));
		ASSERT_EQ(0, ut_go(self->fd, self->engine));
		ASSERT_EQ(0, wait_parked(self->tracee.pid));
		EXPECT_EQ(0, prepare(self->fd, self->engine));
		EXPECT_EQ(getpid(), resume(_metadata, self));
	}
}

TEST_F(examine, prepare_of_a_dead_thread_or_detached_engine)
{
	int other = attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);

	park(_metadata, self, UT_SYSCALL_ENTRY);
	EXPECT_EQ(-EINVAL, prepare(self->fd, other));
	EXPECT_EQ(0, detach(self->fd, other));
	EXPECT_EQ(-ESRCH, prepare(self->fd, other));
	kill(self->tracee.pid, SIGKILL);
	ASSERT_EQ(0, wait_state(self->tracee.pid, 'Z'));
	EXPECT_EQ(-ESRCH, prepare(self->fd, self->engine));
}

/* --- general registers --------------------------------------------------------------------------- */

static void registers(struct __test_metadata *_metadata, FIXTURE_DATA(examine) *self,
		      unsigned int kind)
{
	struct user_regs_struct regs, again;
	unsigned long flags;

	know(self);
	park_in(_metadata, self, do_known, kind);
	ASSERT_EQ(0, get_regs(self->fd, self->engine, &regs));
	expect_known(_metadata, &regs);
	EXPECT_EQ(kind == UT_SYSCALL_ENTRY ? -ENOSYS : getpid(), (long)regs.rax);
	flags = regs.eflags;
	regs.rbx = 0xb0;
	regs.r12 = 0x120;
	regs.r15 = 0x150;
	/* What a program may not set stays as it is. */
	regs.eflags = (flags | 0x401) & ~0x200UL;
	if (kind == UT_SYSCALL_ENTRY)
		regs.orig_rax = __NR_getpid;
	else
		regs.rax = 0xa0;
	ASSERT_EQ(0, set_regs(self->fd, self->engine, &regs));
	ASSERT_EQ(0, get_regs(self->fd, self->engine, &again));
	EXPECT_EQ(flags | 0x401, again.eflags);
	regs.eflags = flags;
	ASSERT_EQ(0, set_regs(self->fd, self->engine, &regs));
	ASSERT_EQ(0, get_regs(self->fd, self->engine, &again));
	EXPECT_EQ(0, memcmp(&regs, &again, sizeof(regs)));
	EXPECT_EQ(kind == UT_SYSCALL_ENTRY ? self->tracee.pid : 0xa0, resume(_metadata, self));
	EXPECT_EQ(0xb0, known->bx);
	EXPECT_EQ(0x120, known->r12);
	EXPECT_EQ(0x3333333333333333UL, known->r13);
	EXPECT_EQ(0x150, known->r15);
}

TEST_F(examine, registers_at_entry) { registers(_metadata, self, UT_SYSCALL_ENTRY); }
TEST_F(examine, registers_at_exit) { registers(_metadata, self, UT_SYSCALL_EXIT); }

static long do_known_and_gs(long *args)
{
	unsigned long gs = 0;

	do_known(args);
	raw_syscall(__NR_arch_prctl, 0x1004 /* ARCH_GET_GS */, (long)&gs, 0, 0, 0, 0);
	return gs;
}

TEST_F(examine, segment_base)
{
	struct user_regs_struct regs;

	know(self);
	park_in(_metadata, self, do_known_and_gs, UT_SYSCALL_ENTRY);
	ASSERT_EQ(0, get_regs(self->fd, self->engine, &regs));
	regs.gs_base = 0x123456000;
	ASSERT_EQ(0, set_regs(self->fd, self->engine, &regs));
	EXPECT_EQ(0x123456000, resume(_metadata, self));
}

TEST_F(examine, impossible_registers_change_none)
{
	struct user_regs_struct regs, bad, again;

	know(self);
	park_in(_metadata, self, do_known, UT_SYSCALL_EXIT);
	ASSERT_EQ(0, get_regs(self->fd, self->engine, &regs));
	for (int i = 0; i < 4; i++) {
		bad = regs;
		bad.rbx = bad.r15 = bad.rax = 0xbad;
		bad.gs_base = 0x1000;
		if (i == 0)
			bad.fs_base = 0xffff800000000000;
		else if (i == 1)
			bad.cs = 0x10;
		else if (i == 2)
			bad.ss = 0;
		else
			bad.gs = 0x18;
		EXPECT_EQ(-EIO, set_regs(self->fd, self->engine, &bad));
		ASSERT_EQ(0, get_regs(self->fd, self->engine, &again));
		EXPECT_EQ(0, memcmp(&regs, &again, sizeof(regs)));
	}
	EXPECT_EQ(getpid(), resume(_metadata, self));
	EXPECT_EQ(0x1111111111111111UL, known->bx);
}

/* --- views and regsets -------------------------------------------------------------------------- */

static int view(int fd, int engine, unsigned int which, unsigned int index, struct ut_examine *x)
{
	*x = (struct ut_examine) { .engine = engine, .op = UT_X_VIEW, .view = which, .index = index };
	return examine(fd, x);
}

static unsigned int find_in_view(int fd, int engine, unsigned int which, unsigned int note,
				 struct ut_examine *x)
{
	unsigned int found = 0;
	struct ut_examine y;

	for (unsigned int i = 0; view(fd, engine, which, i, &y) >= 0; i++)
		if (y.note == note && ++found == 1)
			*x = y;
	return found;
}

TEST_F(examine, views)
{
	struct ut_examine x;

	park(_metadata, self, UT_SYSCALL_ENTRY);
	ASSERT_EQ(27 * 8, view(self->fd, self->engine, UT_VIEW_NATIVE, 0, &x));
	EXPECT_EQ(EM_X86_64, x.view);
	EXPECT_STREQ("x86_64", x.view_name);
	EXPECT_EQ(NT_PRSTATUS, x.note);
	EXPECT_STREQ("CORE", x.name);
	EXPECT_EQ(27, x.slots);
	EXPECT_EQ(8, x.slot_size);
	EXPECT_EQ(1, x.writable);
	EXPECT_GE(x.index, 4);
	EXPECT_EQ(-ENOENT, view(self->fd, self->engine, UT_VIEW_NATIVE, x.index, &x));
	EXPECT_EQ(1, find_in_view(self->fd, self->engine, UT_VIEW_64, NT_PRFPREG, &x));
	EXPECT_EQ(512, x.slots * x.slot_size);
	EXPECT_EQ(1, find_in_view(self->fd, self->engine, UT_VIEW_64, NT_X86_XSTATE, &x));
	EXPECT_STREQ("LINUX", x.name);
	EXPECT_GE(x.slots * x.slot_size, 576);
	EXPECT_EQ(1, find_in_view(self->fd, self->engine, UT_VIEW_64, NT_386_IOPERM, &x));
	EXPECT_EQ(0, x.writable);
	EXPECT_EQ(0, find_in_view(self->fd, self->engine, UT_VIEW_64, NT_386_TLS, &x));

	ASSERT_EQ(17 * 4, view(self->fd, self->engine, UT_VIEW_32, 0, &x));
	EXPECT_EQ(EM_386, x.view);
	EXPECT_STREQ("i386", x.view_name);
	EXPECT_EQ(1, find_in_view(self->fd, self->engine, UT_VIEW_32, NT_386_TLS, &x));
	EXPECT_EQ(16, x.slot_size);
	EXPECT_EQ(1, find_in_view(self->fd, self->engine, UT_VIEW_32, NT_PRXFPREG, &x));
}

/* The general registers again, as any other regset: parts of it, and what is not one. */
TEST_F(examine, parts_of_a_regset)
{
	unsigned long words[27], all[27];

	know(self);
	park_in(_metadata, self, do_known, UT_SYSCALL_EXIT);
	memset(words, 0xff, sizeof(words));
	ASSERT_EQ(sizeof(all), get_regset(self->fd, self->engine, NT_PRSTATUS, all, sizeof(all)));
	EXPECT_EQ(0x5555555555555555UL, all[0]);
	/* Three words from the second on. */
	EXPECT_EQ(24, regset_op(self->fd, self->engine, UT_X_GET_REGSET, 0, NT_PRSTATUS, 8, words, 24));
	EXPECT_EQ(0, memcmp(words, all + 1, 24));
	EXPECT_EQ(~0UL, words[3]);
	/* Up to the end, and behind it. */
	EXPECT_EQ(16, regset_op(self->fd, self->engine, UT_X_GET_REGSET, 0, NT_PRSTATUS, 25 * 8,
				words, sizeof(words)));
	EXPECT_EQ(0, regset_op(self->fd, self->engine, UT_X_GET_REGSET, 0, NT_PRSTATUS, 27 * 8,
			       words, sizeof(words)));
	EXPECT_EQ(-EINVAL, regset_op(self->fd, self->engine, UT_X_GET_REGSET, 0, NT_PRSTATUS, 4, words, 8));
	EXPECT_EQ(-EINVAL, regset_op(self->fd, self->engine, UT_X_GET_REGSET, 0, NT_PRSTATUS, 0, words, 4));
	EXPECT_EQ(-ENOENT, get_regset(self->fd, self->engine, 0x7777, words, 8));

	words[0] = 0x140;
	EXPECT_EQ(0, regset_op(self->fd, self->engine, UT_X_SET_REGSET, 0, NT_PRSTATUS, 8, words, 8));
	EXPECT_EQ(-EINVAL, regset_op(self->fd, self->engine, UT_X_SET_REGSET, 0, NT_PRSTATUS, 26 * 8,
				     words, 16));
	EXPECT_EQ(-EINVAL, regset_op(self->fd, self->engine, UT_X_SET_REGSET, 0, NT_PRSTATUS, 28 * 8,
				     words, 8));
	EXPECT_EQ(-EINVAL, regset_op(self->fd, self->engine, UT_X_SET_REGSET, 0, NT_PRSTATUS, 0, words, 7));
	EXPECT_EQ(27 * 8, active(self->fd, self->engine, 0, NT_PRSTATUS));
	resume(_metadata, self);
	EXPECT_EQ(0x140, known->r14);
	EXPECT_EQ(0x5555555555555555UL, known->r15);
}

#define XMM(fx, i) ((fx) + 160 + 16 * (i))

TEST_F(examine, fp_registers)
{
	unsigned char fx[512], again[512];

	know(self);
	memset(known->xmm[2], 0x22, 16);
	memset(known->xmm[15], 0xff, 16);
	park_in(_metadata, self, do_known, UT_SYSCALL_ENTRY);
	ASSERT_EQ(512, active(self->fd, self->engine, 0, NT_PRFPREG));
	ASSERT_EQ(512, get_regset(self->fd, self->engine, NT_PRFPREG, fx, sizeof(fx)));
	EXPECT_EQ(0, memcmp(XMM(fx, 0), known->xmm[0], 16));
	EXPECT_EQ(0, memcmp(XMM(fx, 2), known->xmm[2], 16));
	EXPECT_EQ(0, memcmp(XMM(fx, 15), known->xmm[15], 16));
	memset(XMM(fx, 2), 0x77, 16);
	memset(XMM(fx, 15), 0x88, 16);
	/* The whole or nothing. */
	EXPECT_EQ(-EINVAL, set_regset(self->fd, self->engine, NT_PRFPREG, fx, 256));
	ASSERT_EQ(512, get_regset(self->fd, self->engine, NT_PRFPREG, again, sizeof(again)));
	EXPECT_EQ(0xff, *XMM(again, 15));
	EXPECT_EQ(0, set_regset(self->fd, self->engine, NT_PRFPREG, fx, sizeof(fx)));
	ASSERT_EQ(512, get_regset(self->fd, self->engine, NT_PRFPREG, again, sizeof(again)));
	EXPECT_EQ(0, memcmp(fx, again, 512));
	/* An MXCSR that would fault when it is loaded. */
	fx[24 + 3] = 0xff;
	EXPECT_EQ(-EINVAL, set_regset(self->fd, self->engine, NT_PRFPREG, fx, sizeof(fx)));
	resume(_metadata, self);
	EXPECT_EQ(0x5a, known->xmm[0][0]);
	EXPECT_EQ(0x77, known->xmm[2][0]);
	EXPECT_EQ(0x77, known->xmm[2][15]);
	EXPECT_EQ(0x88, known->xmm[15][7]);
}

TEST_F(examine, xstate)
{
	static unsigned char x[16384], again[16384];
	int size;

	know(self);
	park_in(_metadata, self, do_known, UT_SYSCALL_EXIT);
	size = active(self->fd, self->engine, 0, NT_X86_XSTATE);
	if (size == -ENODEV || size == 0)
		SKIP(return, "this machine has no XSAVE");
	ASSERT_GE(size, 576);
	ASSERT_LE(size, sizeof(x));
	ASSERT_EQ(size, get_regset(self->fd, self->engine, NT_X86_XSTATE, x, size));
	EXPECT_EQ(0, memcmp(XMM(x, 0), known->xmm[0], 16));
	memset(XMM(x, 0), 0x99, 16);
	EXPECT_EQ(-EFAULT, set_regset(self->fd, self->engine, NT_X86_XSTATE, x, size - 8));
	EXPECT_EQ(0, set_regset(self->fd, self->engine, NT_X86_XSTATE, x, size));
	ASSERT_EQ(size, get_regset(self->fd, self->engine, NT_X86_XSTATE, again, size));
	EXPECT_EQ(0, memcmp(x, again, size));
	/* A header that no machine has. */
	memset(x + 512, 0xff, 8);
	EXPECT_EQ(-EINVAL, set_regset(self->fd, self->engine, NT_X86_XSTATE, x, size));
	resume(_metadata, self);
	EXPECT_EQ(0x99, known->xmm[0][3]);
	EXPECT_EQ(0x5a, known->xmm[2][3]);
}

static long do_ioperm(long *args)
{
	long r = ioperm(0x80, 1, 1);

	return r ? r : raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
}

TEST_F(examine, io_permissions)
{
	unsigned char bits[8192] = { 0 };

	park(_metadata, self, UT_SYSCALL_ENTRY);
	EXPECT_EQ(0, active(self->fd, self->engine, 0, NT_386_IOPERM));
	EXPECT_EQ(-ENXIO, get_regset(self->fd, self->engine, NT_386_IOPERM, bits, sizeof(bits)));
	EXPECT_EQ(-EOPNOTSUPP, set_regset(self->fd, self->engine, NT_386_IOPERM, bits, sizeof(bits)));
	resume(_metadata, self);

	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, CALL, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_ioperm, 0));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	EXPECT_GT(active(self->fd, self->engine, 0, NT_386_IOPERM), 0);
	ASSERT_EQ(8192, get_regset(self->fd, self->engine, NT_386_IOPERM, bits, sizeof(bits)));
	EXPECT_EQ(0xfe, bits[0x80 / 8]);
	EXPECT_EQ(0xff, bits[0x80 / 8 + 1]);
	EXPECT_EQ(getpid(), resume(_metadata, self));
}

/* A part of the 32-bit view, of a 64-bit thread. */
TEST_F(examine, thread_local_segments)
{
	struct { unsigned int entry, base, limit, flags; } desc[3] = {
		{ 12, 0x1000, 0xfffff, 0x51 }, { 13, 0, 0, 0x28 }, { 14, 0, 0, 0x28 },
	}, again[3];

	park(_metadata, self, UT_SYSCALL_ENTRY);
	EXPECT_EQ(0, active(self->fd, self->engine, UT_VIEW_32, NT_386_TLS));
	EXPECT_EQ(0, regset_op(self->fd, self->engine, UT_X_SET_REGSET, UT_VIEW_32, NT_386_TLS, 0,
			       desc, 16));
	EXPECT_EQ(16, active(self->fd, self->engine, UT_VIEW_32, NT_386_TLS));
	EXPECT_EQ(48, regset_op(self->fd, self->engine, UT_X_GET_REGSET, UT_VIEW_32, NT_386_TLS, 0,
				again, 48));
	EXPECT_EQ(0x1000, again[0].base);
	EXPECT_EQ(0xfffff, again[0].limit);
	EXPECT_EQ(16, regset_op(self->fd, self->engine, UT_X_GET_REGSET, UT_VIEW_32, NT_386_TLS, 16,
				again, 16));
	EXPECT_EQ(13, again[0].entry);
	EXPECT_EQ(getpid(), resume(_metadata, self));
}

TEST_F(examine, shadow_stack_that_is_not_there)
{
	unsigned long ssp = 0;
	struct ut_examine x;

	park(_metadata, self, UT_SYSCALL_ENTRY);
	if (!find_in_view(self->fd, self->engine, UT_VIEW_64, NT_X86_SHSTK, &x))
		SKIP(return, "this kernel has no such regset");
	EXPECT_EQ(0, active(self->fd, self->engine, 0, NT_X86_SHSTK));
	EXPECT_EQ(-ENODEV, get_regset(self->fd, self->engine, NT_X86_SHSTK, &ssp, 8));
	EXPECT_EQ(-ENODEV, set_regset(self->fd, self->engine, NT_X86_SHSTK, &ssp, 8));
}

/* --- memory ---------------------------------------------------------------------------------------- */

static const char constant[] = "read-only text of the program";

static long do_constant(long *args)
{
	raw_syscall(CALL, 0, 0, 0, 0, 0, 0);
	return *(volatile const char *)constant;
}

TEST_F(examine, memory_across_pages)
{
	/* In the tracee as here: it is a fork. */
	char *map, *buf = malloc(3 * 4096 + 100), *back = malloc(3 * 4096 + 100);

	tracee_end(&self->tracee);
	map = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 5 * 4096; i++)
		map[i] = i * 7 + i / 4096;
	munmap(map + 4 * 4096, 4096);
	self->tracee = tracee_start();
	self->engine = attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	park(_metadata, self, UT_SYSCALL_ENTRY);

	EXPECT_EQ(3 * 4096 + 100, memory(self->fd, self->engine, UT_X_READ, map + 50, buf, 3 * 4096 + 100));
	EXPECT_EQ(0, memcmp(buf, map + 50, 3 * 4096 + 100));
	memset(buf, 0x42, 3 * 4096);
	EXPECT_EQ(2 * 4096, memory(self->fd, self->engine, UT_X_WRITE, map + 4000, buf, 2 * 4096));
	EXPECT_EQ(3 * 4096, memory(self->fd, self->engine, UT_X_READ, map, back, 3 * 4096));
	EXPECT_EQ(0, memcmp(back, map, 4000));
	EXPECT_EQ(0, memcmp(back + 4000, buf, 2 * 4096));
	EXPECT_EQ(0, memcmp(back + 4000 + 2 * 4096, map + 4000 + 2 * 4096, 96));
	/* The test's own copy is as it was. */
	EXPECT_NE(0x42, map[4001]);
	/* Up to the end of the mapping, and behind it. */
	EXPECT_EQ(96, memory(self->fd, self->engine, UT_X_READ, map + 4 * 4096 - 96, buf, 200));
	EXPECT_EQ(96, memory(self->fd, self->engine, UT_X_WRITE, map + 4 * 4096 - 96, buf, 200));
	EXPECT_EQ(-EFAULT, memory(self->fd, self->engine, UT_X_READ, map + 4 * 4096, buf, 8));
	EXPECT_EQ(-EFAULT, memory(self->fd, self->engine, UT_X_WRITE, map + 4 * 4096, buf, 8));
	EXPECT_EQ(-EFAULT, memory(self->fd, self->engine, UT_X_READ, NULL, buf, 8));
	EXPECT_EQ(-EFAULT, memory(self->fd, self->engine, UT_X_READ, (void *)-4096L, buf, 8));
	EXPECT_EQ(-EFAULT, memory(self->fd, self->engine, UT_X_READ, (void *)0xffffffff81000000, buf, 8));
	EXPECT_EQ(0, memory(self->fd, self->engine, UT_X_READ, NULL, buf, 0));
	EXPECT_EQ(getpid(), resume(_metadata, self));
}

TEST_F(examine, memory_that_is_read_only)
{
	char new = 'R', back[8], shared_file[] = "/tmp/ut-examine-XXXXXX";
	int file = mkstemp(shared_file);
	char *map;

	tracee_end(&self->tracee);
	unlink(shared_file);
	ASSERT_EQ(0, ftruncate(file, 4096));
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
	self->tracee = tracee_start();
	self->engine = attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	park_in(_metadata, self, do_constant, UT_SYSCALL_ENTRY);
	EXPECT_EQ(8, memory(self->fd, self->engine, UT_X_READ, constant, back, 8));
	EXPECT_EQ(0, memcmp(back, constant, 8));
	EXPECT_EQ(-EFAULT, memory(self->fd, self->engine, UT_X_WRITE_UNFORCED, constant, &new, 1));
	EXPECT_EQ(1, memory(self->fd, self->engine, UT_X_WRITE, constant, &new, 1));
	/* Nobody's right: what others share stays as it is. */
	EXPECT_EQ(-EFAULT, memory(self->fd, self->engine, UT_X_WRITE, map, &new, 1));
	EXPECT_EQ(0, map[0]);
	EXPECT_EQ('R', resume(_metadata, self));
	EXPECT_EQ('r', constant[0]);
	close(file);
}

TEST_F(examine, strings)
{
	char *map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static char buf[3 * 4096];

	tracee_end(&self->tracee);
	munmap(map + 2 * 4096, 4096);
	memset(map, 'x', 2 * 4096);
	strcpy(map + 2 * 4096 - 6, "at it");
	strcpy(map + 4090, "from one page to the next");
	map[0] = 0;
	self->tracee = tracee_start();
	self->engine = attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	park(_metadata, self, UT_SYSCALL_ENTRY);
	/* It ends with the mapping: nothing behind it is needed. */
	EXPECT_EQ(5, memory(self->fd, self->engine, UT_X_STRING, map + 2 * 4096 - 6, buf, sizeof(buf)));
	EXPECT_STREQ("at it", buf);
	EXPECT_EQ(25, memory(self->fd, self->engine, UT_X_STRING, map + 4090, buf, sizeof(buf)));
	EXPECT_STREQ("from one page to the next", buf);
	EXPECT_EQ(0, memory(self->fd, self->engine, UT_X_STRING, map, buf, sizeof(buf)));
	EXPECT_EQ(4089 + 25, memory(self->fd, self->engine, UT_X_STRING, map + 1, buf, sizeof(buf)));
	/* Exactly as long, and one byte too long. */
	EXPECT_EQ(25, memory(self->fd, self->engine, UT_X_STRING, map + 4090, buf, 26));
	EXPECT_EQ(-ENAMETOOLONG, memory(self->fd, self->engine, UT_X_STRING, map + 4090, buf, 25));
	EXPECT_EQ(-ENAMETOOLONG, memory(self->fd, self->engine, UT_X_STRING, map + 1, buf, 4000));
	EXPECT_EQ(-ENAMETOOLONG, memory(self->fd, self->engine, UT_X_STRING, map, buf, 0));
	/* No end before the mapping's. */
	map[0] = 'x';
	buf[0] = '!';
	EXPECT_EQ(1, memory(self->fd, self->engine, UT_X_WRITE, map + 2 * 4096 - 1, buf, 1));
	EXPECT_EQ(-EFAULT, memory(self->fd, self->engine, UT_X_STRING, map + 2 * 4096 - 6, buf, sizeof(buf)));
	EXPECT_EQ(-EFAULT, memory(self->fd, self->engine, UT_X_STRING, NULL, buf, sizeof(buf)));
	EXPECT_EQ(-EFAULT, memory(self->fd, self->engine, UT_X_STRING, (void *)-1L, buf, sizeof(buf)));
}

/* --- the system call -------------------------------------------------------------------------------- */

static int call_op(int fd, int engine, unsigned int op, struct ut_examine *x)
{
	x->engine = engine;
	x->op = op;
	return examine(fd, x);
}

#define CALL_OP(op, ...) ({							\
	struct ut_examine _x = { __VA_ARGS__ };					\
	call_op(self->fd, self->engine, op, &_x);				\
})

TEST_F(examine, system_call_at_entry)
{
	struct ut_examine x = { 0 };

	know(self);
	park_in(_metadata, self, do_known, UT_SYSCALL_ENTRY);
	ASSERT_EQ(0, call_op(self->fd, self->engine, UT_X_SYSCALL, &x));
	EXPECT_EQ(UT_PHASE_ENTRY, x.phase);
	EXPECT_EQ(AUDIT_ARCH_X86_64, x.arch);
	EXPECT_EQ(CALL, x.nr);
	EXPECT_EQ(known->ip, x.ip);
	EXPECT_EQ(known->sp, x.sp);
	for (int i = 0; i < 6; i++)
		EXPECT_EQ(0x1111111111111111UL * (i + 6), x.args[i]);
	EXPECT_EQ(-EINVAL, CALL_OP(UT_X_SET_RESULT, .result = 1));
	/* Another call. */
	EXPECT_EQ(0, CALL_OP(UT_X_SET_SYSCALL, .nr = __NR_getpgid, .args = { 0x3fffffff }));
	x = (struct ut_examine) { 0 };
	EXPECT_EQ(0, call_op(self->fd, self->engine, UT_X_SYSCALL, &x));
	EXPECT_EQ(__NR_getpgid, x.nr);
	EXPECT_EQ(0x3fffffff, x.args[0]);
	EXPECT_EQ(0, x.args[5]);
	EXPECT_EQ(-ESRCH, resume(_metadata, self));
}

TEST_F(examine, system_call_at_exit)
{
	struct ut_examine x = { 0 };

	know(self);
	park_in(_metadata, self, do_known, UT_SYSCALL_EXIT);
	ASSERT_EQ(0, call_op(self->fd, self->engine, UT_X_SYSCALL, &x));
	EXPECT_EQ(UT_PHASE_EXIT, x.phase);
	EXPECT_EQ(CALL, x.nr);
	EXPECT_EQ(getpid(), x.result);
	EXPECT_EQ(0, x.is_error);
	EXPECT_EQ(known->ip, x.ip);
	EXPECT_EQ(-EINVAL, CALL_OP(UT_X_SET_SYSCALL, .nr = 1));
	EXPECT_EQ(-EINVAL, CALL_OP(UT_X_SKIP, .result = 1));
	EXPECT_EQ(0, CALL_OP(UT_X_SET_RESULT, .result = -EDOM));
	ASSERT_EQ(0, call_op(self->fd, self->engine, UT_X_SYSCALL, &x));
	EXPECT_EQ(-EDOM, x.result);
	EXPECT_EQ(1, x.is_error);
	EXPECT_EQ(-EDOM, resume(_metadata, self));
}

TEST_F(examine, system_call_of_a_thread_that_makes_none)
{
	struct user_regs_struct regs;
	struct ut_examine x = { 0 };

	ASSERT_EQ(0, tracee_run(&self->tracee, do_spin, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
	ASSERT_GE(ut_stop(self->fd, self->engine, NULL), 0);
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	ASSERT_EQ(0, call_op(self->fd, self->engine, UT_X_SYSCALL, &x));
	EXPECT_EQ(UT_PHASE_NONE, x.phase);
	EXPECT_EQ(AUDIT_ARCH_X86_64, x.arch);
	ASSERT_EQ(0, get_regs(self->fd, self->engine, &regs));
	EXPECT_EQ(regs.rip, x.ip);
	EXPECT_EQ(regs.rsp, x.sp);
	EXPECT_EQ(-1, (long)regs.orig_rax);
	EXPECT_EQ(-EINVAL, CALL_OP(UT_X_SET_SYSCALL, .nr = 1));
	EXPECT_EQ(-EINVAL, CALL_OP(UT_X_SKIP, .result = 1));
	EXPECT_EQ(-EINVAL, CALL_OP(UT_X_SET_RESULT, .result = 1));
}

/* For the engines behind it is aborted, and the number is still what it was. */
TEST_F(examine, system_call_skipped)
{
	struct ut_event event;
	char path[64];
	long r = 0;

	/* Attached after the outer one, so called before it. */
	int inner = attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	int outer = self->engine;

	snprintf(path, sizeof(path), "/tmp/ut-examine-%d", getpid());
	ut_on(self->fd, inner, UT_SYSCALL_ENTRY, __NR_mkdir, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_mkdir, (long)path, 0700));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, inner, UT_SYSCALL_ENTRY, __NR_mkdir));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	self->engine = inner;
	EXPECT_EQ(0, CALL_OP(UT_X_SKIP, .result = 4711));
	EXPECT_EQ(4711, resume(_metadata, self));
	self->engine = outer;
	EXPECT_FALSE(exists(path));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, outer, UT_SYSCALL_ENTRY, __NR_mkdir));
	EXPECT_EQ(1, event.aborted);
	/* The next one is made. */
	ASSERT_EQ(0, tracee_call(&self->tracee));
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
}

/* A pass that is repeated does not forget it. */
TEST_F(examine, system_call_skipped_and_reported_again)
{
	struct ut_event event;
	long r = 0;

	EXPECT_EQ(0, ut_set_events(self->fd, self->engine, UT_SYSCALL_ENTRY | UT_QUIESCE));
	park(_metadata, self, UT_SYSCALL_ENTRY);
	EXPECT_EQ(0, CALL_OP(UT_X_SKIP, .result = -EDOM));
	EXPECT_EQ(0, ut_control(self->fd, self->engine, UT_REPORT));
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(-EDOM, r);
	ASSERT_EQ(0, ut_next_from(self->fd, &event, self->engine, UT_SYSCALL_ENTRY, CALL));
	EXPECT_NE(0, event.resumed & (is_c() ? 0x100 : 1));
	EXPECT_EQ(1, event.aborted);
}

/* --- an examination whose thread does not stand still ------------------------------------------------ */

struct examiner {
	pthread_t thread;
	int fd, err;
	struct ut_examine x;
};

static void *examiner_main(void *arg)
{
	struct examiner *examiner = arg;

	examiner->err = ut_ioctl(examiner->fd, UT_EXAMINE, &examiner->x);
	return NULL;
}

/* Begins an examination in another thread, which is held after prepare or before finish. */
static void begin(struct __test_metadata *_metadata, FIXTURE_DATA(examine) *self,
		  struct examiner *examiner, int engine, unsigned int flags)
{
	examiner->fd = self->fd;
	examiner->x.engine = engine;
	examiner->x.flags = flags;
	ASSERT_EQ(0, pthread_create(&examiner->thread, NULL, examiner_main, examiner));
	ASSERT_EQ(0, ut_wait_held(self->fd, engine, UT_IN_EXAMINE));
}

static void end(struct __test_metadata *_metadata, FIXTURE_DATA(examine) *self,
		struct examiner *examiner)
{
	EXPECT_EQ(0, ut_go(self->fd, examiner->x.engine));
	pthread_join(examiner->thread, NULL);
	EXPECT_EQ(0, examiner->err);
	EXPECT_EQ(0, examiner->x.prepare);
}

static const unsigned int all_ops[] = {
	UT_X_GET_REGS, UT_X_SET_REGS, UT_X_VIEW, UT_X_GET_REGSET, UT_X_SET_REGSET, UT_X_ACTIVE,
	UT_X_READ, UT_X_WRITE, UT_X_STRING, UT_X_SYSCALL, UT_X_SET_SYSCALL, UT_X_SET_RESULT, UT_X_SKIP,
};

/* History 44: "registers read while task is killed". */
TEST_F(examine, history_44_killed_while_examined)
{
	for (unsigned int i = 0; i < sizeof(all_ops) / sizeof(*all_ops); i++) {
		static char buf[512];
		struct examiner examiner = {
			.x = {
				.op = all_ops[i], .view = UT_VIEW_NATIVE, .note = NT_PRFPREG,
				.buf = (__u64)buf, .size = sizeof(buf), .addr = (__u64)buf,
			},
		};

		if (all_ops[i] == UT_X_GET_REGSET || all_ops[i] == UT_X_SET_REGSET)
			examiner.x.addr = 0;
		park(_metadata, self, UT_SYSCALL_ENTRY);
		begin(_metadata, self, &examiner, self->engine, UT_X_HOLD_BEFORE);
		kill(self->tracee.pid, SIGKILL);
		ASSERT_EQ(0, wait_state(self->tracee.pid, 'Z'));
		end(_metadata, self, &examiner);
		EXPECT_EQ(-EAGAIN, examiner.x.done) TH_LOG("operation %u", all_ops[i]);
		EXPECT_EQ(-EAGAIN, examiner.x.finish);
		EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGKILL));
		self->tracee = tracee_start();
		self->engine = attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT);
	}
}

/* Released, and parked again by the same engine: not the stop that was examined. */
TEST_F(examine, history_44_ran_in_between)
{
	struct user_regs_struct regs;
	struct examiner examiner = {
		.x = { .op = UT_X_GET_REGS, .buf = (__u64)&regs, .size = sizeof(regs) },
	};
	struct ut_event event;

	park(_metadata, self, UT_SYSCALL_ENTRY);
	begin(_metadata, self, &examiner, self->engine, UT_X_HOLD_BEFORE);
	ut_on(self->fd, self->engine, UT_SYSCALL_EXIT, CALL, UT_STOP, 0, 1);
	EXPECT_EQ(found_parked(), ut_resume(self->fd, self->engine, 0));
	wait_event(_metadata, self, UT_SYSCALL_EXIT, &event);
	end(_metadata, self, &examiner);
	EXPECT_EQ(-EAGAIN, examiner.x.done);
	EXPECT_EQ(-EAGAIN, examiner.x.finish);

	/* Read, and then it ran. */
	examiner.x.done = examiner.x.finish = 0;
	begin(_metadata, self, &examiner, self->engine, UT_X_HOLD_AFTER);
	EXPECT_EQ(getpid(), resume(_metadata, self));
	end(_metadata, self, &examiner);
	EXPECT_EQ(sizeof(regs), examiner.x.done);
	EXPECT_EQ(-EAGAIN, examiner.x.finish);
	/* And did not run. */
	park(_metadata, self, UT_SYSCALL_ENTRY);
	begin(_metadata, self, &examiner, self->engine, UT_X_HOLD_AFTER);
	end(_metadata, self, &examiner);
	EXPECT_EQ(0, examiner.x.finish);
}

TEST_F(examine, engine_dropped_while_examined)
{
	struct examiner examiner = { .x = { .op = UT_X_SYSCALL } };

	park(_metadata, self, UT_SYSCALL_ENTRY);
	begin(_metadata, self, &examiner, self->engine, UT_X_HOLD_BEFORE);
	EXPECT_EQ(0, detach(self->fd, self->engine));
	end(_metadata, self, &examiner);
	EXPECT_EQ(-EAGAIN, examiner.x.done);
	EXPECT_EQ(-EAGAIN, examiner.x.finish);
}

/* Our stop holds it: what others release does not count. */
TEST_F(examine, release_by_another_engine)
{
	int other = attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	struct user_regs_struct before, after;
	struct examiner examiner = {
		.x = { .op = UT_X_GET_REGS, .buf = (__u64)&after, .size = sizeof(after) },
	};

	know(self);
	other = attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	park_in(_metadata, self, do_known, UT_SYSCALL_ENTRY);
	ASSERT_EQ(-EINVAL, prepare(self->fd, other));
	ASSERT_EQ(1, ut_stop(self->fd, other, NULL));
	ASSERT_EQ(0, get_regs(self->fd, other, &before));
	expect_known(_metadata, &before);
	begin(_metadata, self, &examiner, other, UT_X_HOLD_BEFORE);
	EXPECT_EQ(found_parked(), ut_resume(self->fd, self->engine, 0));
	EXPECT_EQ(-EINVAL, prepare(self->fd, self->engine));
	end(_metadata, self, &examiner);
	EXPECT_EQ(sizeof(after), examiner.x.done);
	EXPECT_EQ(0, examiner.x.finish);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	after.rbx = 0xb0;
	after.gs_base = 0x5000;
	EXPECT_EQ(0, set_regs(self->fd, other, &after));
	self->engine = other;
	resume(_metadata, self);
	EXPECT_EQ(0xb0, known->bx);
}

/* Another engine's releases wake the thread for a moment each; nothing written gets lost. */
TEST_F(examine, writes_while_others_release)
{
	int others[8];
	struct user_regs_struct regs, again;

	know(self);
	park_in(_metadata, self, do_known, UT_SYSCALL_ENTRY);
	for (int i = 0; i < 8; i++)
		others[i] = attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	ASSERT_EQ(0, get_regs(self->fd, self->engine, &regs));
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 8; i++) {
			ASSERT_EQ(1, ut_stop(self->fd, others[i], NULL));
			regs.gs_base = 0x1000 * (round * 8 + i + 1);
			/* The release is on its way while we write. */
			ASSERT_EQ(found_parked(), ut_resume(self->fd, others[i], 0));
			ASSERT_EQ(0, set_regs(self->fd, self->engine, &regs));
			ASSERT_EQ(0, get_regs(self->fd, self->engine, &again));
			ASSERT_EQ(regs.gs_base, again.gs_base);
		}
	}
}

/* Killed at any moment of a write: the write is done with, or refused, and the kernel stands. */
TEST_F(examine, killed_while_written_many_times)
{
	for (int i = 0; i < 40; i++) {
		unsigned char fx[512];
		int status, err, tries = 0;
		pid_t killer;

		park(_metadata, self, UT_SYSCALL_ENTRY);
		ASSERT_EQ(512, get_regset(self->fd, self->engine, NT_PRFPREG, fx, sizeof(fx)));
		killer = fork();
		if (!killer) {
			for (volatile int n = 0; n < i * 5000; n++)
				;
			_exit(kill(self->tracee.pid, SIGKILL));
		}
		do
			err = set_regset(self->fd, self->engine, NT_PRFPREG, fx, sizeof(fx));
		while (!err && tries++ < 10000000);
		EXPECT_TRUE(err == -EAGAIN || err == -ESRCH) TH_LOG("%d", err);
		status = tracee_status(&self->tracee);
		EXPECT_TRUE(ended_by(status, SIGKILL));
		EXPECT_EQ(killer, waitpid(killer, NULL, 0));
		self->tracee = tracee_start();
		self->engine = attach(self->fd, self->tracee.pid, UT_SYSCALL_ENTRY);
	}
}

struct writer {
	pthread_t thread;
	int fd, engine, err;
	unsigned char value;
	unsigned char fx[512];
};

static void *writer_main(void *arg)
{
	struct writer *writer = arg;

	memset(XMM(writer->fx, 0), writer->value, 256);
	for (int i = 0; i < 300 && !writer->err; i++)
		writer->err = set_regset(writer->fd, writer->engine, NT_PRFPREG, writer->fx, 512);
	return NULL;
}

/* What several do to one thread is done one after the other: never a mixture. */
TEST_F(examine, writers_and_readers_at_once)
{
	struct writer writers[2];
	unsigned char fx[512];

	park(_metadata, self, UT_SYSCALL_ENTRY);
	ASSERT_EQ(512, get_regset(self->fd, self->engine, NT_PRFPREG, fx, sizeof(fx)));
	memset(XMM(fx, 0), 0x11, 256);
	ASSERT_EQ(0, set_regset(self->fd, self->engine, NT_PRFPREG, fx, sizeof(fx)));
	for (int i = 0; i < 2; i++) {
		writers[i] = (struct writer) {
			.fd = self->fd, .engine = self->engine, .value = i ? 0x22 : 0x11,
		};
		memcpy(writers[i].fx, fx, sizeof(fx));
		ASSERT_EQ(0, pthread_create(&writers[i].thread, NULL, writer_main, &writers[i]));
	}
	for (int i = 0; i < 300; i++) {
		ASSERT_EQ(512, get_regset(self->fd, self->engine, NT_PRFPREG, fx, sizeof(fx)));
		ASSERT_EQ(0, memcmp(XMM(fx, 0), XMM(fx, 1), 240));
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(writers[i].thread, NULL);
		EXPECT_EQ(0, writers[i].err);
	}
	EXPECT_EQ(getpid(), resume(_metadata, self));
}

/* --- in callbacks ------------------------------------------------------------------------------------ */

/* Leaves the operation for the callback; @then waits for what it came to. */
static void leave(struct __test_metadata *_metadata, FIXTURE_DATA(examine) *self,
		  unsigned int kind, int nr, struct ut_examine *x)
{
	x->engine = self->engine;
	x->flags |= UT_X_IN_CALLBACK;
	ASSERT_EQ(0, examine(self->fd, x));
	ut_on(self->fd, self->engine, kind, nr, UT_RESUME, UT_F_EXAMINE, 1);
}

static int then(FIXTURE_DATA(examine) *self, struct ut_examine *x)
{
	int err = ut_ioctl(self->fd, UT_EXAMINED, x);

	return err ? err : x->done;
}

static long run_known(struct __test_metadata *_metadata, FIXTURE_DATA(examine) *self,
		      ut_function function)
{
	long r = 0;

	EXPECT_EQ(0, tracee_run(&self->tracee, function, 0));
	EXPECT_EQ(0, tracee_result(&self->tracee, &r));
	return r;
}

TEST_F(examine, registers_in_a_callback)
{
	struct user_regs_struct regs;
	struct ut_examine x = { .buf = (__u64)&regs, .size = sizeof(regs) };

	know(self);
	x.op = UT_X_GET_REGS;
	leave(_metadata, self, UT_SYSCALL_EXIT, CALL, &x);
	EXPECT_EQ(getpid(), run_known(_metadata, self, do_known));
	ASSERT_EQ(sizeof(regs), then(self, &x));
	expect_known(_metadata, &regs);
	EXPECT_EQ(getpid(), regs.rax);

	/* The same stack and code the next time. */
	regs.rbx = 0xb0;
	regs.r13 = 0x130;
	regs.rax = 0xa0;
	x.op = UT_X_SET_REGS;
	leave(_metadata, self, UT_SYSCALL_EXIT, CALL, &x);
	EXPECT_EQ(0xa0, run_known(_metadata, self, do_known));
	EXPECT_EQ(0, then(self, &x));
	EXPECT_EQ(0xb0, known->bx);
	EXPECT_EQ(0x130, known->r13);

	/* With a segment, which another thread has to write; in another frame. */
	x.op = UT_X_GET_REGS;
	leave(_metadata, self, UT_SYSCALL_EXIT, CALL, &x);
	run_known(_metadata, self, do_known_and_gs);
	ASSERT_EQ(sizeof(regs), then(self, &x));
	x.op = UT_X_SET_REGS;
	regs.rbx = 0xc0;
	regs.gs_base = 0x7000;
	leave(_metadata, self, UT_SYSCALL_EXIT, CALL, &x);
	EXPECT_EQ(0x7000, run_known(_metadata, self, do_known_and_gs));
	EXPECT_EQ(0, then(self, &x));
	EXPECT_EQ(0xc0, known->bx);

	regs.rbx = 0xd0;
	regs.cs = 0x10;
	leave(_metadata, self, UT_SYSCALL_ENTRY, CALL, &x);
	EXPECT_EQ(getpid(), run_known(_metadata, self, do_known));
	EXPECT_EQ(-EIO, then(self, &x));
	EXPECT_EQ(0xc0, known->bx);
}

TEST_F(examine, regsets_in_a_callback)
{
	unsigned char fx[512];
	struct ut_examine x = { .note = NT_PRFPREG, .buf = (__u64)fx, .size = sizeof(fx) };

	know(self);
	x.op = UT_X_GET_REGSET;
	leave(_metadata, self, UT_SYSCALL_ENTRY, CALL, &x);
	EXPECT_EQ(getpid(), run_known(_metadata, self, do_known));
	ASSERT_EQ(512, then(self, &x));
	EXPECT_EQ(0, memcmp(XMM(fx, 0), known->xmm[0], 16));

	memset(XMM(fx, 2), 0x33, 16);
	x.op = UT_X_SET_REGSET;
	for (int i = 0; i < 10; i++) {
		memset(XMM(fx, 15), i, 16);
		leave(_metadata, self, i % 2 ? UT_SYSCALL_ENTRY : UT_SYSCALL_EXIT, CALL, &x);
		EXPECT_EQ(getpid(), run_known(_metadata, self, do_known));
		EXPECT_EQ(0, then(self, &x));
		EXPECT_EQ(0x33, known->xmm[2][5]);
		EXPECT_EQ(i, known->xmm[15][5]);
		EXPECT_EQ(0x5a, known->xmm[0][5]);
	}
}

TEST_F(examine, memory_in_a_callback)
{
	char buf[32] = "";
	struct ut_examine x = {
		.op = UT_X_STRING, .addr = (__u64)constant, .buf = (__u64)buf, .size = sizeof(buf),
	};

	leave(_metadata, self, UT_SYSCALL_ENTRY, CALL, &x);
	EXPECT_EQ('r', run_known(_metadata, self, do_constant));
	EXPECT_EQ(strlen(constant), then(self, &x));
	EXPECT_STREQ(constant, buf);
	x.op = UT_X_WRITE;
	x.size = 1;
	buf[0] = 'R';
	leave(_metadata, self, UT_SYSCALL_EXIT, CALL, &x);
	EXPECT_EQ('R', run_known(_metadata, self, do_constant));
	EXPECT_EQ(1, then(self, &x));
}

TEST_F(examine, system_call_in_a_callback)
{
	struct ut_examine x = { .op = UT_X_SYSCALL };

	know(self);
	leave(_metadata, self, UT_SYSCALL_ENTRY, CALL, &x);
	run_known(_metadata, self, do_known);
	EXPECT_EQ(0, then(self, &x));
	EXPECT_EQ(UT_PHASE_ENTRY, x.phase);
	EXPECT_EQ(CALL, x.nr);
	EXPECT_EQ(0x6666666666666666UL, x.args[0]);
	leave(_metadata, self, UT_SYSCALL_EXIT, CALL, &x);
	run_known(_metadata, self, do_known);
	EXPECT_EQ(0, then(self, &x));
	EXPECT_EQ(UT_PHASE_EXIT, x.phase);
	EXPECT_EQ(getpid(), x.result);
	/* Before the entry is reported, too. */
	x.op = UT_X_SET_SYSCALL;
	x.nr = __NR_getpid;
	EXPECT_EQ(0, ut_set_events(self->fd, self->engine, UT_SYSCALL_ENTRY | UT_QUIESCE));
	ut_drain(self->fd, 0, -1, -1);
	leave(_metadata, self, UT_SYSCALL_ENTRY, CALL, &x);
	EXPECT_EQ(self->tracee.pid, run_known(_metadata, self, do_known));
	EXPECT_EQ(0, then(self, &x));
	x.op = UT_X_SET_RESULT;
	x.result = 77;
	EXPECT_EQ(0, ut_set_events(self->fd, self->engine, UT_SYSCALL_EXIT));
	leave(_metadata, self, UT_SYSCALL_EXIT, CALL, &x);
	EXPECT_EQ(77, run_known(_metadata, self, do_known));
	EXPECT_EQ(0, then(self, &x));
}

static long do_exec_this(long *args)
{
	char *const argv[] = { "true", NULL };

	execv("/bin/true", argv);
	return -errno;
}

static long do_fork(long *args)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

/* Every report of the thread itself gives its registers; its memory is there until its death. */
TEST_F(examine, every_report)
{
	static const struct { unsigned int event; ut_function function; } events[] = {
		{ UT_CLONE, do_fork }, { UT_EXEC, do_exec_this }, { UT_EXIT, do_exit_group },
		{ UT_DEATH, do_exit_group },
	};

	for (int i = 0; i < 4; i++) {
		struct user_regs_struct regs = { 0 };
		unsigned char fx[512];
		struct ut_examine x = { .op = UT_X_GET_REGS, .buf = (__u64)&regs, .size = sizeof(regs) };

		for (int k = 0; k < 4; k++) {
			int fd = ut_open_device(device), old = self->fd;
			struct tracee tracee = tracee_start();

			self->fd = fd;
			self->engine = attach(fd, tracee.pid, events[i].event);
			ASSERT_GE(self->engine, 0);
			if (k == 1)
				x = (struct ut_examine) {
					.op = UT_X_READ, .addr = regs.rsp, .buf = (__u64)fx, .size = 8,
				};
			if (k == 2)
				x = (struct ut_examine) {
					.op = UT_X_GET_REGSET, .note = NT_PRFPREG, .buf = (__u64)fx, .size = 512,
				};
			if (k == 3) {
				x.op = UT_X_SET_REGSET;
				x.flags = 0;
			}
			leave(_metadata, self, events[i].event, -1, &x);
			ASSERT_EQ(0, tracee_run(&tracee, events[i].function, 0));
			int got = then(self, &x);

			if (k == 0) {
				EXPECT_EQ(sizeof(regs), got);
				EXPECT_EQ(0x33, regs.cs);
				EXPECT_NE(0, regs.rsp);
			} else if (k == 1 && events[i].event == UT_DEATH) {
				EXPECT_EQ(-EFAULT, got);
			} else if (k == 1) {
				/* Of an exec, the stack of another program. */
				EXPECT_TRUE(got == 8 || got == -EFAULT);
			} else if (k == 2) {
				EXPECT_EQ(512, got);
			} else {
				EXPECT_EQ(0, got);
			}
			tracee_end(&tracee);
			close(fd);
			self->fd = old;
		}
	}
	self->engine = 0;
}

/* --- a 32-bit thread ----------------------------------------------------------------------------------- */

static long do_exec(long *args)
{
	char *const argv[] = { (char *)args[0], NULL };

	execv(argv[0], argv);
	return -errno;
}

/* The struct user_regs_struct32 of the 32-bit view. */
enum {
	BX32, CX32, DX32, SI32, DI32, BP32, AX32, DS32, ES32, FS32, GS32, ORIG_AX32, IP32, CS32,
	FLAGS32, SP32, SS32
};

TEST_F(examine, a_32_bit_thread)
{
	ssize_t n = readlink("/proc/self/exe", shared->text, sizeof(shared->text) - 16);
	struct user_regs_struct regs;
	struct ut_event event;
	struct ut_examine x;
	unsigned int words[17], xfp[128];

	ASSERT_GT(n, 0);
	strcpy(strrchr(shared->text, '/') + 1, "examine32");
	if (!exists(shared->text))
		SKIP(return, "examine32 is not there: the compiler makes no 32-bit programs");
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, 64, UT_STOP, 0, 1);
	ut_on(self->fd, self->engine, UT_SYSCALL_EXIT, 64, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exec, (long)shared->text));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, 64));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));

	ASSERT_EQ(17 * 4, view(self->fd, self->engine, UT_VIEW_NATIVE, 0, &x));
	EXPECT_EQ(EM_386, x.view);
	ASSERT_EQ(17 * 4, get_regset(self->fd, self->engine, NT_PRSTATUS, words, sizeof(words)));
	EXPECT_EQ(0x11111111, words[BX32]);
	EXPECT_EQ(0x22222222, words[CX32]);
	EXPECT_EQ(0x33333333, words[DX32]);
	EXPECT_EQ(0x44444444, words[SI32]);
	EXPECT_EQ(0x85555555, words[DI32]);
	EXPECT_EQ(64, words[ORIG_AX32]);
	EXPECT_EQ(-ENOSYS, (int)words[AX32]);
	EXPECT_EQ(0x23, words[CS32]);
	/* The same with the eyes of 64 bits. */
	ASSERT_EQ(0, get_regs(self->fd, self->engine, &regs));
	EXPECT_EQ(0x11111111, regs.rbx);
	EXPECT_EQ(words[IP32], regs.rip);
	EXPECT_EQ(words[SP32], regs.rsp);
	EXPECT_EQ(0x23, regs.cs);
	x = (struct ut_examine) { 0 };
	ASSERT_EQ(0, call_op(self->fd, self->engine, UT_X_SYSCALL, &x));
	EXPECT_EQ(AUDIT_ARCH_I386, x.arch);
	EXPECT_EQ(UT_PHASE_ENTRY, x.phase);
	EXPECT_EQ(64, x.nr);
	EXPECT_EQ(0x11111111, x.args[0]);
	EXPECT_EQ(0x85555555, x.args[4]);
	EXPECT_EQ(words[IP32], x.ip);
	/* One register by either view. */
	words[SI32] = 0x4a4a4a4a;
	EXPECT_EQ(0, set_regset(self->fd, self->engine, NT_PRSTATUS, words, sizeof(words)));
	ASSERT_EQ(0, get_regs(self->fd, self->engine, &regs));
	EXPECT_EQ(0x4a4a4a4a, regs.rsi);
	regs.rdi = 0x8a8a8a8a;
	EXPECT_EQ(0, set_regs(self->fd, self->engine, &regs));
	ASSERT_EQ(512, get_regset(self->fd, self->engine, NT_PRXFPREG, xfp, sizeof(xfp)));
	EXPECT_EQ(0x60000001, xfp[40 + 12]);
	EXPECT_EQ(0x60000004, xfp[40 + 15]);
	for (int i = 0; i < 4; i++)
		xfp[40 + 12 + i] += 0x10000000;
	EXPECT_EQ(0, set_regset(self->fd, self->engine, NT_PRXFPREG, xfp, sizeof(xfp)));
	EXPECT_EQ(108, get_regset(self->fd, self->engine, NT_PRFPREG, xfp, sizeof(xfp)));
	EXPECT_EQ(found_parked(), ut_resume(self->fd, self->engine, 0));

	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, 64));
	ASSERT_EQ(0, wait_parked(self->tracee.pid));
	x = (struct ut_examine) { 0 };
	EXPECT_EQ(0, CALL_OP(UT_X_SET_RESULT, .result = -33));
	ASSERT_EQ(0, call_op(self->fd, self->engine, UT_X_SYSCALL, &x));
	EXPECT_EQ(UT_PHASE_EXIT, x.phase);
	EXPECT_EQ(-33, x.result);
	EXPECT_EQ(1, x.is_error);
	EXPECT_EQ(found_parked(), ut_resume(self->fd, self->engine, 0));
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 15));
}

TEST_HARNESS_MAIN
