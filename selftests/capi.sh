#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Modules in C: the samples, and what is left of a module that goes. Unloads all modules of utrace first, and leaves
# utrace and its test modules loaded.
# shellcheck disable=SC2086,SC2016,SC2317 # numbers and names without spaces; functions are called by name

# shellcheck source=selftests/common.sh
. "$(dirname "$0")/common.sh"

finish() {
	unload_all
	rm -rf "$work"
	[ $begun ] && ins utrace && ins utrace_test && ins utrace_ctest && ins kmview
}

echo 'TAP version 13'
if [ ! -e "$modules/utrace_ctest.ko" ] || [ ! -e "$modules/utrace_c_first.ko" ] || [ "$(id -u)" != 0 ]; then
	echo '1..0 # SKIP needs root, and the modules of a test build in $UTRACE_MODULES'
	exit 4
fi
begun=1
trap finish EXIT
unload_all
listen
start=$work/before.all
dmesg >"$start"
ins utrace

# A process that does nothing until it is told to: its number in $process.
begin() {
	rm -f "$work/go" "$work/done"
	mkfifo "$work/go"
	sh -c "read line <'$work/go'; $1; : >'$work/done'" &
	process=$!
}

go() {
	echo >"$work/go"
	wait $process
	[ -e "$work/done" ]
}

# --- samples ---------------------------------------------------------------------------------------

first() {
	listen
	begin 'kill -0 $$'
	ins utrace_c_first pid=$process && go && said "thread $process made [1-9][0-9]* system calls" &&
		rmmod utrace_c_first && quiet
}
check 'a first engine in C counts' first

first_goes() {
	begin 'kill -0 $$'
	ins utrace_c_first pid=$process && rmmod utrace_c_first && go && quiet
}
check 'its thread runs on when it is unloaded' first_goes

tree() {
	listen
	# Two programs, one of them by a child of a child: the shell, and three more threads.
	begin '/bin/true; (/bin/true; :); trap : USR1; kill -USR1 $$; kill -USR1 $$'
	ins utrace_c_count pid=$process && go && rmmod utrace_c_count || return
	said 'utrace_c_count: 4 threads made these calls' &&
		# execve
		said 'call  59:        2 times' &&
		# exit_group
		said 'call 231:        4 times' &&
		said 'signal 10:       2 times' && quiet
}
check 'the calls and signals of a process tree are counted, none missed' tree

verbose() {
	listen
	begin 'kill -0 $$'
	ins utrace_c_count pid=$process verbose=1 && go && rmmod utrace_c_count || return
	said "utrace_c_count: $process (sh): call 62 = 0" && quiet
}
check 'they are printed as they return' verbose

# All its engines are found and detached while their threads make calls.
tree_goes() {
	begin 'n=0; while [ $n -lt 50 ]; do (:); n=$((n + 1)); done'
	ins utrace_c_count pid=$process || return
	echo >"$work/go"
	rmmod utrace_c_count || return
	wait $process
	[ -e "$work/done" ] && quiet
}
check 'a tree runs on when its counter is unloaded' tree_goes

refused() {
	listen
	! ins $1 $2 && ! is_loaded $1 && quiet
}
for module in utrace_c_first utrace_c_count; do
	for parameter in pid=2 pid=99999999; do
		check "$module with $parameter is refused" refused $module $parameter
	done
done

in_use() {
	ins utrace_c_count pid=$$ || return
	if rmmod utrace; then
		echo 'unloaded under its user'
		return 1
	fi
	rmmod utrace_c_count
}
check 'unload of utrace is refused under a module in C' in_use

# --- what a module leaves ----------------------------------------------------------------------------

goes() {
	listen
	ins utrace_ctest && ./capi --leave $1 && rmmod utrace_ctest || return
	# With callbacks to code that is no more this would be the end.
	/bin/true && (:) && rmmod utrace && ins utrace && quiet
}
check 'engines that are attached go with their module' goes attached
check 'they leave no word about it' sh -c '! dmesg | grep "still have references"'
check 'engines with references go with their module' goes leak
warned() { said '1 engines of a module that goes still have references'; }
check 'that is said' warned

once() {
	listen
	ins utrace_ctest && ./capi -t values_that_mean_nothing_are_resume || return
	heard | grep 'which means nothing' >"$work/warnings"
	cat "$work/warnings"
	[ "$(wc -l <"$work/warnings")" = 1 ] && grep 'report_syscall_entry .utrace_ctest. returned 0x7' "$work/warnings"
}
check 'a callback that returns nonsense is named, once' once

cp "$start" "$work/before"
check 'the kernel has nothing to say' quiet

echo "1..$count"
[ $failed = 0 ]
