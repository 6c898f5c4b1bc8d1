/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls of a kernel function known only by its address.
 */
#include <linux/linkage.h>
#include <asm/nospec-branch.h>
#include <asm/unwind_hints.h>

/*
 * long kmview_call3(address, a, b, c): the address comes from a kprobe and lies behind the function's
 * ENDBR, if it has one, so an indirect call would fault under IBT. Returning into it does not.
 */
SYM_FUNC_START(kmview_call3)
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	pushq	%rax
	UNWIND_HINT_FUNC
	RET
SYM_FUNC_END(kmview_call3)
