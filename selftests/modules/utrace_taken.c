// SPDX-License-Identifier: GPL-2.0
/*
 * Puts a direct trampoline of its own on the kernel function @function, as a BPF program or a live
 * patch may do. The kernel allows one for each function.
 */
#include <linux/ftrace.h>
#include <linux/linkage.h>
#include <linux/module.h>

#include <asm/ibt.h>

static char *function;
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "Kernel function to take; none: nothing is done");

void utrace_taken_trampoline(void);

asm(
"	.pushsection	.text, \"ax\", @progbits\n"
"	.type		utrace_taken_trampoline, @function\n"
"	.globl		utrace_taken_trampoline\n"
"utrace_taken_trampoline:\n"
	ASM_ENDBR
	ASM_RET
"	.size		utrace_taken_trampoline, .-utrace_taken_trampoline\n"
"	.popsection\n"
);

static struct ftrace_ops ops;

static int __init utrace_taken_init(void)
{
	int err;

	if (!function)
		return 0;
	err = ftrace_set_filter(&ops, function, strlen(function), 0);
	if (err)
		return err;
	err = register_ftrace_direct(&ops, (unsigned long)utrace_taken_trampoline);
	if (err)
		ftrace_free_filter(&ops);
	return err;
}

static void __exit utrace_taken_exit(void)
{
	if (function)
		unregister_ftrace_direct(&ops, (unsigned long)utrace_taken_trampoline, true);
}

module_init(utrace_taken_init);
module_exit(utrace_taken_exit);
MODULE_DESCRIPTION("Takes a kernel function that utrace wants");
MODULE_LICENSE("GPL");
