// SPDX-License-Identifier: GPL-2.0
/*
 * The sizes and offsets that the C compiler gives the structures that the Rust side makes: bindgen
 * derives them with another compiler.
 */
#include <linux/notifier.h>

#include "helpers.h"

const struct utrace_layout utrace_layout = {
	.callback_head = sizeof(struct callback_head),
	.ftrace_ops = sizeof(struct ftrace_ops),
	.notifier_block = sizeof(struct notifier_block),
	.notifier_call = offsetof(struct notifier_block, notifier_call),
	.raw_spinlock = sizeof(raw_spinlock_t),
	.entry = sizeof(struct utrace_entry),
	.entry_task = offsetof(struct utrace_entry, task),
	.syscall = sizeof(struct utrace_syscall),
	.regset = sizeof(struct utrace_regset),
};
