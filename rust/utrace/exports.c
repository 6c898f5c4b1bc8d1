// SPDX-License-Identifier: GPL-2.0
/*
 * Exports the crate's own functions, by mangled name, to modules that import the namespace.
 */
#include <linux/export.h>

#define EXPORT_SYMBOL_RUST_UTRACE(sym) extern int sym; EXPORT_SYMBOL_NS_GPL(sym, "UTRACE")

#include "exports_utrace_generated.h"
