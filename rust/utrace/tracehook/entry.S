/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The trampolines: what ftrace calls at the entry of each hooked function.
 */
#include <linux/linkage.h>
#include <asm/ibt.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

/*
 * Called from the hooked function's __fentry__ site, so every register that may carry an argument
 * is the function's. They are saved as a struct HookArgs (hooks.rs), which the handler may change.
 * Preemption is on, no RCU section is held: the handler may sleep.
 */
.macro HOOK name
SYM_FUNC_START(utrace_tramp_\name)
	ENDBR
	pushq	%rbp
	movq	%rsp, %rbp
	CALL_DEPTH_ACCOUNT
	pushq	%r9
	pushq	%r8
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	movq	%rsp, %rdi
	call	utrace_hook_\name
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%r8
	popq	%r9
	popq	%rbp
	RET
SYM_FUNC_END(utrace_tramp_\name)
.endm

/*
 * The same for the functions that every system call of a traced thread passes: the handler gets the
 * first argument, the registers, and returns the second one.
 */
.macro HOOK_SYSCALL name
SYM_FUNC_START(utrace_tramp_\name)
	ENDBR
	pushq	%rbp
	movq	%rsp, %rbp
	CALL_DEPTH_ACCOUNT
	pushq	%rdi
	call	utrace_hook_\name
	movq	%rax, %rsi
	popq	%rdi
	popq	%rbp
	RET
SYM_FUNC_END(utrace_tramp_\name)
.endm

/*
 * get_signal() is wrapped for a thread whose engines want its signals: its body is called by the
 * handler, and returns to it. So the place where the body goes on is taken off the stack; below it
 * is the way back to the caller. Any other thread goes on into the body, and leaves nothing of ours
 * on its stack: it may be stopped there for as long as it likes.
 */
SYM_FUNC_START(utrace_tramp_signal)
	ENDBR
	pushq	%rbp
	movq	%rsp, %rbp
	CALL_DEPTH_ACCOUNT
	pushq	%rdi
	call	utrace_hook_signal_wanted
	popq	%rdi
	popq	%rbp
	testb	%al, %al
	jnz	.Lwrap
	RET
.Lwrap:
	popq	%rsi
	UNWIND_HINT_FUNC
	pushq	%rbp
	movq	%rsp, %rbp
	call	utrace_hook_signal
	popq	%rbp
	RET
SYM_FUNC_END(utrace_tramp_signal)

/*
 * do_signal_stop() in the body of a wrapped get_signal(): a stop that has not been reported is put
 * off, as if there were none, with the lock held on. Then the place where the function goes on is
 * taken off the stack.
 */
SYM_FUNC_START(utrace_tramp_stop_joined)
	ENDBR
	pushq	%rbp
	movq	%rsp, %rbp
	CALL_DEPTH_ACCOUNT
	pushq	%rdi
	call	utrace_hook_stop_joined
	popq	%rdi
	popq	%rbp
	testb	%al, %al
	jnz	.Lput_off
	RET
.Lput_off:
	popq	%rsi
	UNWIND_HINT_FUNC
	xorl	%eax, %eax
	RET
SYM_FUNC_END(utrace_tramp_stop_joined)

HOOK_SYSCALL syscall_enter
HOOK_SYSCALL syscall_exit
HOOK clone
HOOK exec
HOOK stop
HOOK dequeue
HOOK exit
HOOK death
HOOK reap
HOOK regfunc
HOOK unregfunc
