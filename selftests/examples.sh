#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The examples of the documentation, and the suites of the modules on a kernel with KUnit.

modules=${UTRACE_MODULES:-/lib/modules/utrace}
results=/sys/kernel/debug/kunit
work=$(mktemp -d)
trap 'rmmod utrace_doctests 2>/dev/null; rm -rf "$work"' EXIT

echo 'TAP version 13'
if [ ! -e "$modules/utrace_doctests.ko" ] || [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root, and the modules of a test build in \$UTRACE_MODULES"
	exit 4
fi
[ -d /sys/module/utrace ] || insmod "$modules/utrace.ko" || exit 1
dmesg >"$work/before"
insmod "$modules/utrace_doctests.ko" || exit 1
if [ -d $results/utrace_doctests ]; then
	cat $results/utrace*/results | sed -n -E 's/^    ((not )?ok) [0-9]+ (.*)$/\1 \3/p' >"$work/said"
else
	dmesg | tail -n +$(($(wc -l <"$work/before") + 1)) |
		sed -n -E 's/^.*utrace_doctests: ((not )?ok .*)$/\1/p' >"$work/said"
fi
echo "1..$(wc -l <"$work/said")"
awk '{ n++; sub(/^(not )?ok/, "& " n); print }' "$work/said"
if [ ! -s "$work/said" ] || grep -q '^not ok' "$work/said"; then
	dmesg | tail -n +$(($(wc -l <"$work/before") + 1)) | sed 's/^/# /'
	exit 1
fi
exit 0
