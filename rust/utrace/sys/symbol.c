// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses of kernel functions that are not exported.
 */
#include <linux/kprobes.h>

#include "helpers.h"

static int never(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

/*
 * A kprobe that is registered disabled patches nothing, and knows its address. The kernel refuses
 * names that are absent or not unique, so the answer is never a guess.
 */
unsigned long utrace_symbol_address(const char *name, long *err)
{
	struct kprobe probe = {
		.symbol_name = name,
		.pre_handler = never,
		.flags = KPROBE_FLAG_DISABLED,
	};
	unsigned long addr;

	*err = register_kprobe(&probe);
	if (*err)
		return 0;
	addr = (unsigned long)probe.addr;
	unregister_kprobe(&probe);
	return addr;
}

/* The address of a variable: kallsyms_lookup_name(), itself not exported, knows those too. */
unsigned long utrace_data_address(const char *name, long *err)
{
	unsigned long lookup = utrace_symbol_address("kallsyms_lookup_name", err);
	unsigned long addr;

	if (*err)
		return 0;
	addr = utrace_call1(lookup, (unsigned long)name);
	*err = addr ? 0 : -ENOENT;
	return addr;
}
