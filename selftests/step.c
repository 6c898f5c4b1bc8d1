// SPDX-License-Identifier: GPL-2.0
/*
 * Steps: each is one instruction, exactly, whatever the instruction does; and nothing of them is left
 * in the thread, in its children or in its memory.
 *
 * Most tests begin a known stretch of code with int3, whose signal an engine answers with a step. The
 * address that comes with each trap says where the thread is.
 */
#include "ut.h"

#include <sys/ptrace.h>
#include <sys/user.h>
#include <ucontext.h>

#include "kselftest_harness.h"

#define TRAP_BREAK	1	/* si_code: after a call, at the beginning of a handler */
#define TRAP_STEP	2
#define FROM_INT3	0x80

#define EVENTS		(UT_QUIESCE | UT_SIGNAL_ALL)

/* --- stretches of code ---------------------------------------------------------------------------- */

#define CODE(name, text)							\
	extern char name[];							\
	asm(".pushsection .text\n.globl " #name "\n" #name ":\n" text "\n.popsection")
#define LABEL(name)	".globl " #name "\n" #name ":\n"
#define labels(...)	extern char __VA_ARGS__

/* Plain code: the loop is made twice, the call goes and comes back. */
labels(p0[], p1[], p2[], p3[], p4[], p5[], p6[], p7[], p8[]);
CODE(code_plain, "int3\n"
	LABEL(p0) "nop\n"
	LABEL(p1) "mov $2, %ecx\n"
	LABEL(p2) "dec %ecx\n"
	LABEL(p3) "jnz p2\n"
	LABEL(p4) "call p7\n"
	LABEL(p5) "mov $7, %eax\n"
	LABEL(p6) "ret\n"
	LABEL(p7) "lea 1(%rcx), %rcx\n"
	LABEL(p8) "ret\n");

/* A system call, and what it leaves in the register that the instruction stores the flags in. */
labels(s0[], s1[], s2[]);
CODE(code_call, "mov $110, %eax\n"
	"int3\n"
	LABEL(s0) "syscall\n"
	LABEL(s1) "mov %r11, %rax\n"
	LABEL(s2) "ret\n");

/* Flags to the stack and back: what the program sees of the trap flag. */
labels(f0[], f1[], f2[], f3[], f4[], f5[], f6[]);
CODE(code_flags, "int3\n"
	LABEL(f0) "pushfq\n"
	LABEL(f1) "mov (%rsp), %rax\n"
	LABEL(f2) "popfq\n"
	LABEL(f3) "rex.w pushfq\n"
	LABEL(f4) "or (%rsp), %rax\n"
	LABEL(f5) "popfq\n"
	LABEL(f6) "ret\n");

/* A fault, which a handler mends by going on behind it. */
labels(m0[], m1[], m2[]);
CODE(code_fault, "xor %edx, %edx\n"
	"int3\n"
	LABEL(m0) "nop\n"
	LABEL(m1) "mov (%rdx), %rax\n"
	LABEL(m2) "ret\n");

/* Sends itself a signal that has a handler. %rdi, %rsi, %rdx: tgkill's. */
labels(h0[], h1[]);
CODE(code_handler, "mov $234, %eax\n"
	"int3\n"
	LABEL(h0) "syscall\n"
	LABEL(h1) "ret\n");

/* Makes a process: %rdi: by fork or vfork. The child leaves with what it sees of the trap flag. */
labels(c0[], c1[]);
CODE(code_fork, "mov %rdi, %rax\n"
	"int3\n"
	LABEL(c0) "syscall\n"
	LABEL(c1) "test %eax, %eax\n"
	"jz 1f\n"
	"ret\n"
	"1: pushfq\n"
	"pop %rdi\n"
	"shr $8, %rdi\n"
	"and $1, %rdi\n"
	"add $40, %rdi\n"
	"mov $231, %eax\n"
	"syscall\n");

/* The program steps itself: sets the trap flag, and takes it off. */
CODE(code_own, "pushfq\n"
	"orq $0x100, (%rsp)\n"
	"popfq\n"
	"nop\n"
	"nop\n"
	"pushfq\n"
	"andq $~0x100, (%rsp)\n"
	"popfq\n"
	"ret\n");

/* Two blocks. */
labels(b0[], b1[], b2[], b3[], b4[]);
CODE(code_blocks, "int3\n"
	LABEL(b0) "nop\n"
	"nop\n"
	LABEL(b1) "jmp b2\n"
	"ud2\n"
	LABEL(b2) "nop\n"
	"nop\n"
	"nop\n"
	LABEL(b3) "ret\n");

/* Runs for ever, and leaves when it sees the trap flag. */
CODE(code_watch, "1: incq (%rdi)\n"
	"pushfq\n"
	"testl $0x100, (%rsp)\n"
	"lea 8(%rsp), %rsp\n"
	"jnz 2f\n"
	"cmpl $0, (%rsi)\n"
	"je 1b\n"
	"xor %eax, %eax\n"
	"ret\n"
	"2: mov $1, %eax\n"
	"ret\n");

static long do_code(long *args)
{
	return ((long (*)(long, long, long))args[0])(args[1], args[2], args[3]);
}

static void skip_the_load(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	shared->count[1]++;
	shared->count[2] |= u->uc_mcontext.gregs[REG_EFL];
	if (sig == SIGSEGV)
		u->uc_mcontext.gregs[REG_RIP] = (long)m2;
}

static long do_catch(long *args)
{
	struct sigaction action = { .sa_sigaction = skip_the_load, .sa_flags = SA_SIGINFO | SA_RESTART };

	/* Of a forced trap, too, the handler must not be kept from the engines. */
	sigfillset(&action.sa_mask);
	return sigaction(args[0], &action, NULL);
}

/* --- the fixture ------------------------------------------------------------------------------------ */

FIXTURE(step)
{
	struct tracee tracee;
	int fd, engine;
	pid_t pid;
};

FIXTURE_SETUP(step)
{
	self->fd = UT_OPEN();
	ut_share();
	self->tracee = tracee_start();
	self->pid = self->tracee.pid;
	ASSERT_GT(self->pid, 0);
	self->engine = ut_attach(self->fd, self->pid, EVENTS);
	ASSERT_GE(self->engine, 0);
}

FIXTURE_TEARDOWN(step)
{
	tracee_end(&self->tracee);
	close(self->fd);
}

/* The engine answers its next @times SIGTRAPs with @action, and takes them. */
static void answer_traps(int fd, int engine, unsigned int action, unsigned int times)
{
	static const unsigned int kinds[] = { UT_SIGNAL_CORE, UT_SIGNAL };

	for (int i = 0; i < 2; i++)
		ut_script(fd, (struct ut_script) {
			.engine = engine, .event = kinds[i], .nr = SIGTRAP, .action = action,
			.flags = UT_F_DISPOSITION, .new_nr = UT_IGNORE, .times = times,
		});
}

/* The next SIGTRAP that the engine sees is this one. */
static void expect_trap(struct __test_metadata *_metadata, FIXTURE_DATA(step) *self, int code,
			const void *ip)
{
	struct ut_event event;

	do {
		ASSERT_EQ(0, ut_next(self->fd, &event));
	} while (event.event == UT_QUIESCE);
	ASSERT_EQ(SIGTRAP, event.nr) TH_LOG("event %x", event.event);
	EXPECT_EQ(code, event.result) TH_LOG("where %p is due", ip);
	if (ip)
		EXPECT_EQ((unsigned long)ip, event.args[0]);
	/* A trap of ours is nobody's unless somebody wants it. */
	EXPECT_EQ(code == FROM_INT3 ? UT_DELIVER : UT_IGNORE, event.args[3]);
}

static void expect_steps(struct __test_metadata *_metadata, FIXTURE_DATA(step) *self, int count,
			 const char *const *ips)
{
	expect_trap(_metadata, self, FROM_INT3, NULL);
	for (int i = 0; i < count; i++)
		expect_trap(_metadata, self, TRAP_STEP, ips[i]);
}

static void expect_no_trap(struct __test_metadata *_metadata, FIXTURE_DATA(step) *self)
{
	EXPECT_EQ(0, ut_drain(self->fd, UT_SIGNAL_CORE, -1, SIGTRAP));
}

/* The program goes on, and sees no trap flag. */
static void expect_free(struct __test_metadata *_metadata, FIXTURE_DATA(step) *self)
{
	long r;

	shared->flag[0] = 0;
	shared->count[0] = 0;
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_watch, (long)&shared->count[0],
				(long)&shared->flag[0]));
	ASSERT_EQ(0, wait_until(shared->count[0] > 1000));
	shared->flag[0] = 1;
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, r);
}

/* --- what a step is --------------------------------------------------------------------------------- */

TEST_F(step, plain_code)
{
	static const char *const ips[] = {
		p1, p2, p3, p2, p3, p4, p7, p8, p5, p6,
	};
	int n = sizeof(ips) / sizeof(*ips);
	long r;

	answer_traps(self->fd, self->engine, UT_SINGLESTEP, n);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_plain));
	expect_steps(_metadata, self, n, ips);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(7, r);
	expect_no_trap(_metadata, self);
	expect_free(_metadata, self);
}

TEST_F(step, system_call)
{
	long r;

	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 2);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_call));
	expect_trap(_metadata, self, FROM_INT3, NULL);
	/* The call has been made, and nothing behind it. */
	expect_trap(_metadata, self, TRAP_BREAK, s1);
	expect_trap(_metadata, self, TRAP_STEP, s2);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, r & 0x100);
	expect_no_trap(_metadata, self);
	expect_free(_metadata, self);
}

TEST_F(step, flags_pushed_and_popped)
{
	static const char *const ips[] = { f1, f2, f3, f4, f5, f6 };
	long r;

	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 6);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_flags));
	expect_steps(_metadata, self, 6, ips);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, r & 0x100);
	EXPECT_EQ(0x200, r & 0x200);
	expect_no_trap(_metadata, self);
	expect_free(_metadata, self);
}

TEST_F(step, ends_between_pushf_and_popf)
{
	for (unsigned int n = 1; n <= 6; n++) {
		long r;

		answer_traps(self->fd, self->engine, UT_SINGLESTEP, n);
		ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_flags));
		ASSERT_EQ(0, tracee_result(&self->tracee, &r)) TH_LOG("%u steps", n);
		EXPECT_EQ(0, r & 0x100);
		EXPECT_EQ(n + 1, ut_drain(self->fd, UT_SIGNAL_CORE, -1, SIGTRAP));
		/* The script for handlers is still there: it is never used here. */
	}
	expect_free(_metadata, self);
}

TEST_F(step, fault_with_a_handler)
{
	struct ut_event event;
	long r;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_catch, SIGSEGV));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 3);
	/* The answer to the fault decides, too. */
	ut_on(self->fd, self->engine, UT_SIGNAL, SIGSEGV, UT_SINGLESTEP, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_fault));
	expect_trap(_metadata, self, FROM_INT3, NULL);
	expect_trap(_metadata, self, TRAP_STEP, m1);
	do {
		ASSERT_EQ(0, ut_next(self->fd, &event));
	} while (event.event == UT_QUIESCE);
	EXPECT_EQ(UT_SIGNAL, event.event);
	EXPECT_EQ(SIGSEGV, event.nr);
	/* The step ends before the handler's first instruction. */
	expect_trap(_metadata, self, TRAP_BREAK, skip_the_load);
	expect_trap(_metadata, self, TRAP_STEP, NULL);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(1, shared->count[1]);
	EXPECT_EQ(0, shared->count[2] & 0x100);
	expect_no_trap(_metadata, self);
	expect_free(_metadata, self);
}

/* Through a handler, and back by sigreturn. */
TEST_F(step, whole_handler)
{
	struct ut_event event;
	bool begins = false, ends = false;
	long r;

	ASSERT_EQ(0, tracee_run(&self->tracee, do_catch, SIGUSR1));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 0);
	ut_on(self->fd, self->engine, UT_SIGNAL, SIGUSR1, UT_SINGLESTEP, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_handler, self->pid, self->pid,
				SIGUSR1));
	expect_trap(_metadata, self, FROM_INT3, NULL);
	expect_trap(_metadata, self, TRAP_BREAK, h1);
	for (int i = 0; i < 10000; i++) {
		ASSERT_EQ(0, ut_next(self->fd, &event));
		if (event.nr != SIGTRAP)
			continue;
		begins |= event.args[0] == (unsigned long)skip_the_load && event.result == TRAP_BREAK;
		/* sigreturn is a call, and ends where the signal came. */
		ends |= event.args[0] == (unsigned long)h1 && event.result == TRAP_BREAK;
		if (begins && ends)
			break;
	}
	EXPECT_TRUE(begins);
	EXPECT_TRUE(ends);
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, r);
	EXPECT_EQ(1, shared->count[1]);
	EXPECT_EQ(0, shared->count[2] & 0x100);
	expect_free(_metadata, self);
}

/* A signal with a handler comes while the thread is in the report that answers by a step. */
TEST_F(step, signal_before_the_step)
{
	struct ut_event event;
	int other = ut_attach(self->fd, self->pid, UT_QUIESCE), observer;
	long r;

	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_catch, SIGUSR1));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	ASSERT_EQ(0, wait_state(self->pid, 'S'));
	ut_on(self->fd, other, UT_QUIESCE, -1, UT_SINGLESTEP, UT_F_HOLD_CALLBACK, 1);
	ASSERT_EQ(0, ut_control(self->fd, other, UT_INTERRUPT));
	ASSERT_EQ(0, ut_wait_held(self->fd, other, UT_IN_CALLBACK));
	observer = ut_attach(self->fd, self->pid, UT_SIGNAL_CORE);
	ASSERT_GE(observer, 0);
	ASSERT_EQ(0, kill(self->pid, SIGUSR1));
	ASSERT_EQ(0, ut_go(self->fd, other));
	ASSERT_EQ(0, ut_next_from(self->fd, &event, observer, UT_SIGNAL_CORE, SIGTRAP));
	EXPECT_EQ(UT_IGNORE, event.args[3]);
	/* At the handler, or behind its first instruction. */
	EXPECT_LE((unsigned long)skip_the_load, event.args[0]);
	EXPECT_GT((unsigned long)skip_the_load + 16, event.args[0]);
	ASSERT_EQ(0, wait_until(shared->count[1] == 1));
	EXPECT_EQ(0, shared->count[2] & 0x100);
	expect_free(_metadata, self);
}

static long do_exec(long *args)
{
	static char *const argv[] = { "true", NULL };

	asm volatile("int3\n\tsyscall" : : "a"(__NR_execve), "D"((long)args[0]), "S"(argv), "d"(NULL)
		     : "rcx", "r11", "memory");
	return 0;
}

TEST_F(step, exec)
{
	/* The step over the call, and two instructions of the new program. */
	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 3);
	strcpy(shared->text, "/bin/true");
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exec, (long)shared->text));
	expect_trap(_metadata, self, FROM_INT3, NULL);
	expect_trap(_metadata, self, TRAP_BREAK, NULL);
	expect_trap(_metadata, self, TRAP_STEP, NULL);
	expect_trap(_metadata, self, TRAP_STEP, NULL);
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 0));
}

static void children(struct __test_metadata *_metadata, FIXTURE_DATA(step) *self, long call)
{
	long child;
	int status = 0;

	/* Not the child's end, whose report would decide as well. */
	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, UT_SIGNAL_CORE));
	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 2);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_fork, call));
	expect_trap(_metadata, self, FROM_INT3, NULL);
	expect_trap(_metadata, self, TRAP_BREAK, c1);
	expect_trap(_metadata, self, TRAP_STEP, NULL);
	ASSERT_EQ(0, tracee_result(&self->tracee, &child));
	ASSERT_GT(child, 0);
	shared->count[3] = 0;
	ASSERT_EQ(0, tracee_syscall(&self->tracee, __NR_wait4, child, (long)&shared->count[3], 0, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &child));
	status = shared->count[3];
	EXPECT_TRUE(ended_with(status, 40)) TH_LOG("status %x", status);
	expect_free(_metadata, self);
}

TEST_F(step, child_of_fork)
{
	children(_metadata, self, __NR_fork);
}

TEST_F(step, child_of_vfork)
{
	children(_metadata, self, __NR_vfork);
}

static int thread_main(void *arg)
{
	shared->count[4] = ((long (*)(volatile long *, volatile int *))code_watch)(&shared->count[0],
										    &shared->flag[0]);
	shared->flag[1] = 1;
	syscall(__NR_exit, 0);
	return 0;
}

static long do_thread(long *args)
{
	static char stack[65536] __attribute__((aligned(16)));

	asm volatile("int3");
	clone(thread_main, stack + sizeof(stack),
	      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL);
	return 0;
}

TEST_F(step, new_thread)
{
	long r;

	shared->count[4] = -1;
	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_thread, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 1000));
	shared->flag[0] = 1;
	ASSERT_EQ(0, wait_until(shared->flag[1]));
	EXPECT_EQ(0, shared->count[4]);
	/* The maker still steps, on its way back. */
	EXPECT_GT(ut_count(self->fd, self->engine), 10);
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	expect_free(_metadata, self);
}

TEST_F(step, query)
{
	struct ut_op op = { };

	ASSERT_EQ(0, ut_ioctl(self->fd, UT_STEPS, &op));
	EXPECT_EQ(1, op.found & 1);
	EXPECT_EQ(op.found & 2 ? 0 : -EOPNOTSUPP, ut_control(self->fd, self->engine, UT_BLOCKSTEP));
	EXPECT_EQ(0, ut_control(self->fd, self->engine, UT_SINGLESTEP));
}

TEST_F(step, blocks)
{
	struct ut_op op = { };
	long r;

	ASSERT_EQ(0, ut_ioctl(self->fd, UT_STEPS, &op));
	if (!(op.found & 2))
		SKIP(return, "this processor steps over no blocks (an emulated one has no such bit)");
	answer_traps(self->fd, self->engine, UT_BLOCKSTEP, 2);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_blocks));
	expect_trap(_metadata, self, FROM_INT3, NULL);
	expect_trap(_metadata, self, TRAP_STEP, b2);
	expect_trap(_metadata, self, TRAP_STEP, NULL);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	expect_free(_metadata, self);
}

/* Without that, and with another engine that steps, it is one instruction. */
TEST_F(step, block_is_an_instruction_at_least)
{
	struct ut_op op = { };
	long r;

	ASSERT_EQ(0, ut_ioctl(self->fd, UT_STEPS, &op));
	if (op.found & 2) {
		int other = ut_attach(self->fd, self->pid, UT_SIGNAL_CORE);

		answer_traps(self->fd, other, UT_SINGLESTEP, 1);
	}
	answer_traps(self->fd, self->engine, UT_BLOCKSTEP, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_blocks));
	expect_trap(_metadata, self, FROM_INT3, NULL);
	expect_trap(_metadata, self, op.found & 2 ? FROM_INT3 : TRAP_STEP,
		    op.found & 2 ? NULL : b0 + 1);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	expect_free(_metadata, self);
}

/* --- who asks, and how ------------------------------------------------------------------------------- */

static void spin(struct __test_metadata *_metadata, FIXTURE_DATA(step) *self)
{
	shared->flag[0] = 0;
	shared->count[0] = 0;
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_watch, (long)&shared->count[0],
				(long)&shared->flag[0]));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
}

static void expect_watched(struct __test_metadata *_metadata, FIXTURE_DATA(step) *self)
{
	long count = shared->count[0], r;

	ASSERT_EQ(0, wait_until(shared->count[0] > count + 1000));
	shared->flag[0] = 1;
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, r);
}

TEST_F(step, control_of_a_parked_thread)
{
	unsigned long last = 0;

	spin(_metadata, self);
	for (int i = 0; i < 10; i++) {
		struct ut_event event;

		ASSERT_GE(ut_stop(self->fd, self->engine, NULL), 0);
		ASSERT_EQ(0, wait_parked(self->pid));
		ut_drain(self->fd, 0, -1, -1);
		/* The trap is answered by a stop, the next step comes from there. */
		ut_script(self->fd, (struct ut_script) {
			.engine = self->engine, .event = UT_SIGNAL_CORE, .nr = SIGTRAP, .action = UT_STOP,
			.times = 1,
		});
		ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_SINGLESTEP));
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_CORE, SIGTRAP));
		EXPECT_EQ(TRAP_STEP, event.result);
		EXPECT_NE(last, event.args[0]);
		last = event.args[0];
		ASSERT_EQ(0, wait_parked(self->pid));
		ut_script(self->fd, (struct ut_script) {
			.engine = self->engine, .event = UT_SIGNAL_CORE, .nr = SIGTRAP, .action = UT_RESUME,
			.times = 1,
		});
		ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_SINGLESTEP));
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_CORE, SIGTRAP));
		EXPECT_NE(last, event.args[0]);
		last = event.args[0];
	}
	expect_no_trap(_metadata, self);
	expect_watched(_metadata, self);
}

/* Of a running thread it is a report, whose answer decides. */
TEST_F(step, control_of_a_running_thread)
{
	struct ut_event event;

	spin(_metadata, self);
	ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_SINGLESTEP));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_QUIESCE, -1));
	EXPECT_EQ(0, event.quiesce_for);
	/* It was answered by Resume. */
	EXPECT_EQ(-ETIME, ut_next_within(self->fd, &event, 50));
	ut_on(self->fd, self->engine, UT_QUIESCE, -1, UT_SINGLESTEP, 0, 1);
	ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_SINGLESTEP));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_CORE, SIGTRAP));
	EXPECT_EQ(TRAP_STEP, event.result);
	expect_no_trap(_metadata, self);
	expect_watched(_metadata, self);
}

TEST_F(step, control_einval_esrch)
{
	int other = ut_attach(self->fd, self->pid, UT_SIGNAL_ALL);

	EXPECT_EQ(-EINVAL, ut_control(self->fd, other, UT_SINGLESTEP));
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, other, 0));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, other, UT_SINGLESTEP));
	kill(self->pid, SIGKILL);
	ASSERT_EQ(0, wait_state(self->pid, 'Z'));
	EXPECT_EQ(-ESRCH, ut_control(self->fd, self->engine, UT_SINGLESTEP));
}

/* A thread that is stopped before its call: the step is the call. One behind it: an instruction. */
TEST_F(step, control_in_a_call)
{
	struct ut_event event;
	long r;

	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, EVENTS | UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT));
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, 110, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_syscall, 110));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, 110));
	ASSERT_EQ(0, wait_parked(self->pid));
	ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_SINGLESTEP));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_CORE, SIGTRAP));
	EXPECT_EQ(TRAP_BREAK, event.result);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);

	ut_on(self->fd, self->engine, UT_SYSCALL_EXIT, 110, UT_STOP, 0, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_syscall, 110));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_EXIT, 110));
	ASSERT_EQ(0, wait_parked(self->pid));
	ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_SINGLESTEP));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_CORE, SIGTRAP));
	EXPECT_EQ(TRAP_STEP, event.result);
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(getpid(), r);
	expect_free(_metadata, self);
}

/* A resume takes back the step over the call in which the thread is stopped. */
TEST_F(step, control_resume_takes_it_back)
{
	struct ut_event event;
	long r;

	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, EVENTS | UT_SYSCALL_ENTRY));
	ut_on(self->fd, self->engine, UT_SYSCALL_ENTRY, 110, UT_STOP, 0, 1);
	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_call));
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SYSCALL_ENTRY, 110));
	ASSERT_EQ(0, wait_parked(self->pid));
	ut_drain(self->fd, 0, -1, -1);
	ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_RESUME));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	expect_no_trap(_metadata, self);
}

/* In a callback of a call it is the call that is stepped over. */
TEST_F(step, answered_at_both_ends_of_a_call)
{
	static const unsigned int kinds[] = { UT_SYSCALL_ENTRY, UT_SYSCALL_EXIT };
	static const int codes[] = { TRAP_BREAK, TRAP_STEP };
	struct ut_event event;
	long r;

	ASSERT_EQ(0, ut_set_events(self->fd, self->engine,
				   UT_SIGNAL_ALL | UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT));
	for (int i = 0; i < 2; i++) {
		ut_on(self->fd, self->engine, kinds[i], 110, UT_SINGLESTEP, 0, 1);
		ASSERT_EQ(0, tracee_run(&self->tracee, do_syscall, 110));
		ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL_CORE, SIGTRAP));
		EXPECT_EQ(codes[i], event.result);
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
		EXPECT_EQ(getpid(), r);
		expect_no_trap(_metadata, self);
	}
	expect_free(_metadata, self);
}

/* An engine that hears of no signals: nobody is told, and nobody is killed. */
TEST_F(step, without_signals)
{
	int other = ut_attach(self->fd, self->pid, UT_QUIESCE);

	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	spin(_metadata, self);
	for (int i = 0; i < 50; i++) {
		ASSERT_GE(ut_stop(self->fd, other, NULL), 0);
		ASSERT_EQ(0, wait_parked(self->pid));
		ASSERT_EQ(0, ut_control(self->fd, other, UT_SINGLESTEP));
		ASSERT_EQ(0, wait_until(thread_state(self->pid) == 'R'));
	}
	ut_on(self->fd, other, UT_QUIESCE, -1, UT_SINGLESTEP, UT_F_QUIET, 50);
	for (int i = 0; i < 50; i++)
		ASSERT_EQ(0, ut_control(self->fd, other, UT_REPORT));
	expect_watched(_metadata, self);
}

/* It gets through only if an engine says so. */
TEST_F(step, delivered_on_demand)
{
	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 1);
	ut_script(self->fd, (struct ut_script) {
		.engine = self->engine, .event = UT_SIGNAL_CORE, .nr = SIGTRAP, .action = UT_RESUME,
		.flags = UT_F_DISPOSITION, .new_nr = UT_DELIVER, .times = 1,
	});
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_plain));
	EXPECT_TRUE(ended_by(tracee_status(&self->tracee), SIGTRAP));
}

static long do_trap_choice(long *args)
{
	sigset_t set, now;
	struct sigaction action;
	long r;

	sigemptyset(&set);
	sigaddset(&set, SIGTRAP);
	if (args[0])
		sigprocmask(SIG_BLOCK, &set, NULL);
	else
		signal(SIGTRAP, SIG_IGN);
	/* int3 would force itself upon us, too. */
	raw_syscall(110, 0, 0, 0, 0, 0, 0);
	for (volatile int i = 0; i < 20; i++)
		;
	sigprocmask(SIG_BLOCK, NULL, &now);
	sigaction(SIGTRAP, NULL, &action);
	r = args[0] ? sigismember(&now, SIGTRAP) : action.sa_handler == SIG_IGN;
	signal(SIGTRAP, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	return r;
}

/* What the program does with SIGTRAP stays its choice. */
TEST_F(step, trap_blocked_or_ignored)
{
	long r;

	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, EVENTS | UT_SYSCALL_EXIT));
	for (int blocked = 0; blocked < 2; blocked++) {
		answer_traps(self->fd, self->engine, UT_SINGLESTEP, 30);
		ut_on(self->fd, self->engine, UT_SYSCALL_EXIT, 110, UT_SINGLESTEP, 0, 1);
		ASSERT_EQ(0, tracee_run(&self->tracee, do_trap_choice, blocked));
		ASSERT_EQ(0, tracee_result(&self->tracee, &r));
		EXPECT_EQ(1, r) TH_LOG("blocked: %d", blocked);
		EXPECT_EQ(31, ut_drain(self->fd, UT_SIGNAL_CORE, -1, SIGTRAP));
	}
	expect_free(_metadata, self);
}

static void count_trap(int sig, siginfo_t *info, void *context)
{
	shared->count[5]++;
}

static long do_own(long *args)
{
	struct sigaction action = { .sa_sigaction = count_trap, .sa_flags = SA_SIGINFO };

	sigaction(SIGTRAP, &action, NULL);
	shared->count[5] = 0;
	if (args[0])
		raw_syscall(110, 0, 0, 0, 0, 0, 0);
	((void (*)(void))code_own)();
	signal(SIGTRAP, SIG_DFL);
	return shared->count[5];
}

/* A program that steps itself gets its traps, all of them and no more, also while it is stepped. */
TEST_F(step, program_that_steps_itself)
{
	struct ut_event event;
	long r, alone;

	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	ASSERT_EQ(0, tracee_run(&self->tracee, do_own, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &alone));
	/* From behind the instruction after the one that sets the flag to the one that clears it. */
	EXPECT_EQ(5, alone);
	self->engine = ut_attach(self->fd, self->pid, UT_SIGNAL_ALL | UT_SYSCALL_EXIT);
	ut_on(self->fd, self->engine, UT_SYSCALL_EXIT, 110, UT_SINGLESTEP, 0, 1);
	/* Lets all of them through that would be the program's. */
	ut_on(self->fd, self->engine, UT_SIGNAL, SIGTRAP, UT_SINGLESTEP, 0, 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_own, 1));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(alone, r);
	ASSERT_EQ(0, ut_next_of(self->fd, &event, UT_SIGNAL, SIGTRAP));
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	expect_free(_metadata, self);
}

/* --- several who step ---------------------------------------------------------------------------------- */

TEST_F(step, two_engines)
{
	int other = ut_attach(self->fd, self->pid, UT_SIGNAL_CORE), count[2] = { };
	struct ut_event event;
	long r;

	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 4);
	answer_traps(self->fd, other, UT_SINGLESTEP, 7);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_plain));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(7, r);
	while (!ut_next_within(self->fd, &event, 0))
		if (event.event == UT_SIGNAL_CORE && event.nr == SIGTRAP)
			count[(int)event.engine == other]++;
	/* One trap for both; as many as the longer one wants. */
	EXPECT_EQ(8, count[0]);
	EXPECT_EQ(8, count[1]);
	expect_free(_metadata, self);
}

/* One that only looks at signals changes nothing. */
TEST_F(step, watched_by_another_engine)
{
	int other = ut_attach(self->fd, self->pid, UT_SIGNAL_ALL | UT_SYSCALL_ENTRY | UT_SYSCALL_EXIT);
	long r;

	ASSERT_GE(other, 0);
	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 3);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_call));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, r & 0x100);
	expect_free(_metadata, self);
}

static int wait_stopped(pid_t pid, int *status)
{
	long end = ut_now_ms() + DEADLINE_MS;

	while (waitpid(pid, status, WNOHANG | __WALL) != pid) {
		if (ut_now_ms() > end) {
			fprintf(stderr, "# waited for a stop of %d: %c\n", pid, thread_state(pid));
			return -ETIME;
		}
		usleep(200);
	}
	return WIFSTOPPED(*status) ? 0 : -ECHILD;
}

#define SEIZE(options) do {							\
	ASSERT_EQ(0, ptrace(PTRACE_SEIZE, self->pid, 0, options));		\
	ASSERT_EQ(0, ptrace(PTRACE_INTERRUPT, self->pid, 0, 0));		\
	ASSERT_EQ(0, wait_stopped(self->pid, &status));				\
} while (0)

/* Both step at once: ptrace gets each of its traps, the engine all of them. */
TEST_F(step, with_ptrace_that_steps)
{
	struct user_regs_struct regs;
	unsigned long last = 0;
	long events;
	int status;

	spin(_metadata, self);
	SEIZE(0);
	ut_on(self->fd, self->engine, UT_QUIESCE, -1, UT_SINGLESTEP, UT_F_QUIET, 1);
	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 0);
	ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_SINGLESTEP));
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, ptrace(PTRACE_SINGLESTEP, self->pid, 0, 0));
		ASSERT_EQ(0, wait_stopped(self->pid, &status));
		EXPECT_EQ(SIGTRAP, WSTOPSIG(status));
		EXPECT_EQ(0, status >> 16);
		ASSERT_EQ(0, ptrace(PTRACE_GETREGS, self->pid, 0, &regs));
		EXPECT_NE(last, regs.rip);
		EXPECT_EQ(0, regs.eflags & 0x100);
		last = regs.rip;
	}
	/* ptrace goes: the engine steps on. */
	events = ut_count(self->fd, self->engine);
	EXPECT_GE(events, 20);
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, self->pid, 0, 0));
	ASSERT_EQ(0, wait_until(ut_count(self->fd, self->engine) > events + 100));
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	expect_watched(_metadata, self);
}

/* The engine goes: ptrace steps on. */
TEST_F(step, with_ptrace_that_steps_on)
{
	struct user_regs_struct regs;
	unsigned long last = 0;
	int status;

	/* ptrace does not hide its trap flag from pushf. */
	ASSERT_EQ(0, tracee_run(&self->tracee, do_spin, 0));
	ASSERT_EQ(0, wait_until(shared->count[0] > 0));
	ut_on(self->fd, self->engine, UT_QUIESCE, -1, UT_SINGLESTEP, UT_F_QUIET, 1);
	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 0);
	ASSERT_EQ(0, ut_control(self->fd, self->engine, UT_SINGLESTEP));
	ASSERT_EQ(0, wait_until(ut_count(self->fd, self->engine) > 20));
	SEIZE(0);
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, ptrace(PTRACE_SINGLESTEP, self->pid, 0, 0));
		if (i == 7) {
			ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
		}
		ASSERT_EQ(0, wait_stopped(self->pid, &status));
		EXPECT_EQ(SIGTRAP, WSTOPSIG(status));
		ASSERT_EQ(0, ptrace(PTRACE_GETREGS, self->pid, 0, &regs));
		EXPECT_NE(last, regs.rip);
		last = regs.rip;
	}
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, self->pid, 0, 0));
	expect_watched(_metadata, self);
}

/* A tracer that waits for both ends of calls gets them, and no trap of ours. */
TEST_F(step, with_ptrace_that_waits_for_calls)
{
	struct user_regs_struct regs;
	int status, ends = 0;
	long r;

	ASSERT_EQ(0, wait_state(self->pid, 'S'));
	SEIZE(PTRACE_O_TRACESYSGOOD);
	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 0);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_code, (long)code_call));
	/* The read for which the tracee was waiting comes first; behind the call, a write. */
	for (int i = 0; i < 20 && ends < 2; i++) {
		ASSERT_EQ(0, ptrace(PTRACE_SYSCALL, self->pid, 0, 0));
		ASSERT_EQ(0, wait_stopped(self->pid, &status));
		ASSERT_EQ(SIGTRAP | 0x80, WSTOPSIG(status)) TH_LOG("status %x", status);
		ASSERT_EQ(0, ptrace(PTRACE_GETREGS, self->pid, 0, &regs));
		ends += regs.orig_rax == 110;
	}
	EXPECT_EQ(2, ends);
	EXPECT_EQ(getpid(), (pid_t)regs.rax);
	ASSERT_EQ(0, ptrace(PTRACE_SYSCALL, self->pid, 0, 0));
	ASSERT_EQ(0, wait_stopped(self->pid, &status));
	EXPECT_EQ(SIGTRAP | 0x80, WSTOPSIG(status));
	EXPECT_GT(ut_count(self->fd, self->engine), 10);
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, self->pid, 0, 0));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	EXPECT_EQ(0, r & 0x100);
	expect_free(_metadata, self);
}

/* --- the end of it ----------------------------------------------------------------------------------------- */

/* The only engine goes at any time: no trap comes any more, and no flag is left. */
TEST_F_TIMEOUT(step, detach_at_any_time, 120)
{
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	spin(_metadata, self);
	for (int i = 0; i < 100; i++) {
		int fd = ut_open(), engine = ut_attach(fd, self->pid, EVENTS);

		ASSERT_GE(engine, 0);
		/* Each time: the last trap of the engine before may still come to this one. */
		ut_on(fd, engine, UT_QUIESCE, -1, UT_SINGLESTEP, UT_F_QUIET, 0);
		ut_script(fd, (struct ut_script) {
			.engine = engine, .event = UT_SIGNAL_CORE, .nr = SIGTRAP, .action = UT_SINGLESTEP,
			.flags = UT_F_QUIET,
		});
		ASSERT_EQ(0, ut_control(fd, engine, UT_SINGLESTEP));
		ASSERT_EQ(0, wait_until(ut_count(fd, engine) > 1 + i % 7))
			TH_LOG("round %d, %ld events, state %c", i, ut_count(fd, engine),
			       thread_state(self->pid));
		close(fd);
	}
	expect_watched(_metadata, self);
}

/* In a call that blocks nothing of it is left behind. */
TEST_F(step, detach_in_a_call)
{
	long r;

	ASSERT_EQ(0, ut_on(self->fd, self->engine, UT_SIGNAL_CORE, SIGTRAP, UT_SINGLESTEP, 0, 0));
	ut_on(self->fd, self->engine, UT_SYSCALL_EXIT, -1, UT_SINGLESTEP, UT_F_QUIET, 0);
	ASSERT_EQ(0, ut_set_events(self->fd, self->engine, EVENTS | UT_SYSCALL_EXIT));
	ASSERT_EQ(0, tracee_call(&self->tracee));
	ASSERT_EQ(0, tracee_result(&self->tracee, &r));
	/* It waits for the next command. */
	ASSERT_EQ(0, wait_state(self->pid, 'S'));
	ASSERT_EQ(0, ut_op(self->fd, UT_DROP, self->engine, 0));
	expect_free(_metadata, self);
}

TEST_F(step, killed_at_any_time)
{
	for (int i = 0; i < 20; i++) {
		struct tracee tracee = tracee_start();
		int engine = ut_attach(self->fd, tracee.pid, EVENTS | UT_DEATH);
		struct ut_event event;

		ASSERT_GE(engine, 0);
		answer_traps(self->fd, engine, UT_SINGLESTEP, 0);
		ut_on(self->fd, engine, UT_QUIESCE, -1, UT_SINGLESTEP, UT_F_QUIET, 1);
		ASSERT_EQ(0, tracee_run(&tracee, do_code, (long)code_watch, (long)&shared->count[0],
					(long)&shared->flag[0]));
		ASSERT_EQ(0, ut_control(self->fd, engine, UT_SINGLESTEP));
		ASSERT_EQ(0, wait_until(ut_count(self->fd, engine) > 1 + i % 7));
		kill(tracee.pid, SIGKILL);
		ASSERT_EQ(0, ut_next_from(self->fd, &event, engine, UT_DEATH, -1));
		EXPECT_TRUE(ended_by(tracee_status(&tracee), SIGKILL));
		ASSERT_EQ(0, ut_op(self->fd, UT_DROP, engine, 0));
	}
}

/* The program exits by itself while it is stepped. */
TEST_F(step, exits)
{
	int err;

	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 0);
	ut_on(self->fd, self->engine, UT_QUIESCE, -1, UT_SINGLESTEP, UT_F_QUIET, 1);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exit_group, 3));
	err = ut_control(self->fd, self->engine, UT_SINGLESTEP);
	/* It may have gone by then. */
	EXPECT_TRUE(err == 0 || err == -ESRCH);
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 3));
}

/* A 32-bit program: its own calls, and its own flags on the stack. */
TEST_F(step, a_32_bit_program)
{
	ssize_t n = readlink("/proc/self/exe", shared->text, sizeof(shared->text) - 16);

	ASSERT_GT(n, 0);
	strcpy(strrchr(shared->text, '/') + 1, "step32");
	if (!exists(shared->text))
		SKIP(return, "step32 is not there: the compiler makes no 32-bit programs");
	answer_traps(self->fd, self->engine, UT_SINGLESTEP, 1 + 9);
	ASSERT_EQ(0, tracee_run(&self->tracee, do_exec, (long)shared->text));
	/* The step over the call of exec is answered by the first, then come those of the program. */
	EXPECT_TRUE(ended_with(tracee_status(&self->tracee), 7));
	EXPECT_EQ(2 + 9, ut_drain(self->fd, UT_SIGNAL_CORE, -1, SIGTRAP));
}

TEST_HARNESS_MAIN
