#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A module outside the tree: builds with "make module", loads and works; built for another utrace.ko, it is refused.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

# result STATUS NAME
result() {
	count=$((count + 1))
	if [[ $1 == 0 ]]; then echo "ok $count $2"; else echo "not ok $count $2"; fi
}

# comment TEXT: its last lines.
comment() { tail -n 4 <<<"$1" | while read -r line; do echo "# $line"; done; }

echo 1..3
sed 's/utrace_first/outsider/' "$tree/samples/utrace_first.rs" >"$work/outsider.rs"
# shellcheck disable=SC2016 # for make
printf 'obj-m := outsider.o\ninclude $(UTRACE)/utrace.mk\n' >"$work/Kbuild"
make -s -C "$tree" module M="$work" K="$UTRACE_KERNEL" >"$work/log" 2>&1
result $? "a module outside the tree builds"
comment "$(<"$work/log")"

# shellcheck disable=SC2016 # for the guest's shell
load='insmod $UTRACE_MODULES/utrace.ko && insmod /outsider.ko; echo "status $?"; dmesg | grep outsider'
# shellcheck disable=SC2086
said=$("$tree/qemu/run" --kernel "$UTRACE_KERNEL" --with "$work/outsider.ko" -- sh -c "$load")
good=1
if [[ $said == "status 0"*"made "*" system calls"* ]]; then good=0; fi
result $good "it loads and is called"
comment "$said"

# The test build is another utrace: other sources, other names.
said=$("$tree/qemu/run" --kernel "$UTRACE_KERNEL" --flavour test --with "$work/outsider.ko" -- sh -c "$load" 2>&1)
good=1
if [[ $said != *"status 0"* && $said == *"Unknown symbol"* ]]; then good=0; fi
result $good "with another utrace.ko it is refused"
comment "$said"
