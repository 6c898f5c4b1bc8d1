/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls of kernel functions known only by address.
 */
#include <linux/linkage.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

/*
 * The address comes from a kprobe and lies behind the function's ENDBR, if it has one, so an
 * indirect call would fault under IBT. Returning into it does not.
 */
.macro RETURN_INTO_RAX
	pushq	%rax
	UNWIND_HINT_FUNC
	RET
.endm

SYM_FUNC_START(utrace_call0)
	movq	%rdi, %rax
	RETURN_INTO_RAX
SYM_FUNC_END(utrace_call0)

SYM_FUNC_START(utrace_call1)
	movq	%rdi, %rax
	movq	%rsi, %rdi
	RETURN_INTO_RAX
SYM_FUNC_END(utrace_call1)

SYM_FUNC_START(utrace_call2)
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	RETURN_INTO_RAX
SYM_FUNC_END(utrace_call2)

SYM_FUNC_START(utrace_call3)
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	RETURN_INTO_RAX
SYM_FUNC_END(utrace_call3)
