# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# shellcheck disable=SC2034 # what is set here is for those who source this
# What the tests in shell share that load and unload the modules themselves. To be sourced.

modules=${UTRACE_MODULES:-/lib/modules/utrace}
work=$(mktemp -d)
count=0 failed=0 begun=''

# check NAME COMMAND...: one result.
check() {
	name=$1
	shift
	count=$((count + 1))
	if "$@" >"$work/said" 2>&1; then
		echo "ok $count $name"
	else
		echo "not ok $count $name"
		sed 's/^/# /' "$work/said"
		failed=$((failed + 1))
	fi
}

unload_all() {
	for module in kmview utrace_taken utrace_all utrace_c_first utrace_c_count utrace_first utrace_resumer utrace_catcher utrace_follow \
		utrace_policy utrace_ctest utrace_test utrace; do
		rmmod $module 2>/dev/null
	done
}

is_loaded() { grep -q "^$1 " /proc/modules; }
ins() {
	module=$1
	shift
	insmod "$modules/$module.ko" "$@"
}

# What the kernel has said since the last "listen".
listen() { dmesg >"$work/before"; }
heard() { dmesg | tail -n +$(($(wc -l <"$work/before") + 1)); }
said() { heard | grep "$1" || { heard; echo "# not said: $1"; return 1; }; }
quiet() { ! heard | grep -E 'BUG|WARNING|Oops|cut here|stall'; }
