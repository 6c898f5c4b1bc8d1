// SPDX-License-Identifier: GPL-2.0
/*
 * Exports of the C API, which is written in Rust, and what it needs of C.
 */
#include <linux/export.h>
#include <linux/printk.h>
#include <linux/utrace.h>

#include "helpers.h"

/* %ps names the callback, and its module. */
void utrace_warn_answer(const void *callback, u32 answer)
{
	pr_warn_once("utrace: %ps returned %#x, which means nothing there; taken as UTRACE_RESUME\n",
		     callback, answer);
}

void utrace_warn_signal(int sig)
{
	pr_warn_once("utrace: report_signal() made signal %d, which is none; taken as SIGTRAP\n", sig);
}

EXPORT_SYMBOL_GPL(utrace_attach_task);
EXPORT_SYMBOL_GPL(utrace_set_events);
EXPORT_SYMBOL_GPL(utrace_control);
EXPORT_SYMBOL_GPL(utrace_has_single_step);
EXPORT_SYMBOL_GPL(utrace_has_block_step);
EXPORT_SYMBOL_GPL(utrace_barrier);
EXPORT_SYMBOL_GPL(utrace_stop_ticket);
EXPORT_SYMBOL_GPL(utrace_stop_engine);
EXPORT_SYMBOL_GPL(utrace_resume_ticket);
EXPORT_SYMBOL_GPL(utrace_engine_get);
EXPORT_SYMBOL_GPL(utrace_engine_put);
EXPORT_SYMBOL_GPL(utrace_prepare_examine);
EXPORT_SYMBOL_GPL(utrace_finish_examine);
EXPORT_SYMBOL_GPL(utrace_get_regs);
EXPORT_SYMBOL_GPL(utrace_set_regs);
EXPORT_SYMBOL_GPL(utrace_regset_view);
EXPORT_SYMBOL_GPL(utrace_regset_size);
EXPORT_SYMBOL_GPL(utrace_get_regset);
EXPORT_SYMBOL_GPL(utrace_set_regset);
EXPORT_SYMBOL_GPL(utrace_read_memory);
EXPORT_SYMBOL_GPL(utrace_write_memory);
EXPORT_SYMBOL_GPL(utrace_read_string);
EXPORT_SYMBOL_GPL(utrace_get_syscall);
EXPORT_SYMBOL_GPL(utrace_set_syscall);
EXPORT_SYMBOL_GPL(utrace_set_syscall_result);
EXPORT_SYMBOL_GPL(utrace_skip_syscall);
