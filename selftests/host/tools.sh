#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# once
# shellcheck disable=SC2028 # printf is C's here
# The library and the program of user space: their own tests, clippy, and structures and numbers as C has them.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib.sh
. "$tree/scripts/lib.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
export CARGO_TARGET_DIR=$cache/build/tools

# check NAME COMMAND...
check() {
	local name=$1
	shift
	count=$((count + 1))
	if "$@" >"$work/log" 2>&1; then
		echo "ok $count $name"
	else
		echo "not ok $count $name"
		tail -n 40 "$work/log" | sed 's/^/# /'
	fi
}

in_tools() { (cd "$tree/tools" && "$tree/scripts/in-root" -- "$@"); }

# A C program that prints what examples/layout.rs does, line by line, made from its lines.
program() {
	echo '#include <stdio.h>'
	echo '#include <stddef.h>'
	echo '#include <linux/kmview.h>'
	echo 'int main(void) {'
	while read -r line _; do
		if [[ $line =~ ^[A-Z_]+$ ]]; then
			echo "printf(\"$line %lu\\n\", (unsigned long)KMVIEW_$line);"
			continue
		fi
		# CopyArg is kmview_copy: Copy would be a trait's name.
		structure=$(sed -E 's/CopyArg/Copy/; s/([a-z])([A-Z])/\1_\2/g; s/.*/kmview_\L&/' <<<"${line%%.*}")
		if [[ $line == *.* ]]; then
			field=${line#*.}
			echo "printf(\"$line %zu\\n\", offsetof(struct $structure, ${field#r#}));"
		else
			echo "printf(\"$line %zu\\n\", sizeof(struct $structure));"
		fi
	done
	echo 'return 0; }'
}

layout() {
	local bits=$1
	in_tools cargo run --quiet --locked -p kmview --example layout >"$work/rust" || return
	program <"$work/rust" >"$cache/build/tools/layout.c"
	in_tools gcc "-m$bits" -I "$tree/include/uapi" -o "$cache/build/tools/layout$bits" "$cache/build/tools/layout.c" || return
	in_tools "$cache/build/tools/layout$bits" >"$work/c" || return
	[[ $(wc -l <"$work/c") -gt 100 ]] && diff "$work/rust" "$work/c"
}

echo 1..4
tables=$(kernel_folder "$(kernel_version "${UTRACE_KERNEL-}")")/tree/arch/x86/entry/syscalls
check 'the tests of the library and the program pass' in_tools env "SYSCALL_TABLES=$tables" cargo test --quiet --locked
check 'clippy has nothing to say' in_tools cargo clippy --quiet --locked --all-targets
check 'structures and numbers are those of the header' layout 64
check 'and for a 32-bit program the same' layout 32
