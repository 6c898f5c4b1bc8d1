#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The samples in Rust do what they say. Unloads all modules of utrace first, and leaves utrace and its test modules
# loaded.
# shellcheck disable=SC2016,SC2317,SC3045 # functions are called by name; ulimit has -c in the shells that matter

# shellcheck source=selftests/common.sh
. "$(dirname "$0")/common.sh"

debug=/sys/kernel/debug
here=$(cd "$(dirname "$0")" && pwd)

finish() {
	[ -z "$process" ] || kill -9 "$process" 2>/dev/null
	unload_all
	rm -rf "$work"
	[ $begun ] && ins utrace && ins utrace_test && ins utrace_ctest
}

echo 'TAP version 13'
if [ ! -e "$modules/utrace_catcher.ko" ] || [ "$(id -u)" != 0 ]; then
	echo '1..0 # SKIP needs root, and the modules of a test build in $UTRACE_MODULES'
	exit 4
fi
begun=1 process=''
trap finish EXIT
unload_all
listen
start=$work/before.all
dmesg >"$start"
ins utrace

# A process that runs $1 when it is told to: its number in $process.
begin() {
	rm -f "$work/go"
	mkfifo "$work/go"
	(
		cd "$work" || exit
		ulimit -c unlimited
		exec sh -c "read line <go; $1"
	) >"$work/output" 2>&1 &
	process=$!
}

go() { echo >"$work/go"; }

# Waits until COMMAND succeeds, 20 seconds at most.
await() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 400 ]; then
			echo "waited for: $*"
			return 1
		fi
		sleep 0.05
	done
}

# ended STATUS: that of the process.
ended() {
	wait "$process"
	status=$?
	process=''
	[ $status = "$1" ] || { echo "status $status, not $1"; cat "$work/output"; return 1; }
}

shown() {
	cat "$1"
	grep -q "$2" "$1" || { echo "not shown: $2"; return 1; }
}

# --- the catcher -------------------------------------------------------------------------------------

catcher=$debug/utrace_catcher

core() { ls "$work"/core* 2>/dev/null; }

# catch HOW: a child of the process that crashes, parked: $tid.
catch() {
	# What a failure has left.
	sed -n 's/^thread \([0-9]*\) .*/\1/p' $catcher/caught | while read -r tid; do echo "$tid" >$catcher/drop; done
	rm -f "$work"/core*
	begin "'$here/crash' $1"
	echo "$process" >$catcher/attach && go && await grep -q '^thread' $catcher/caught || return
	tid=$(sed -n 's/^thread \([0-9]*\) .*/\1/p' $catcher/caught)
	[ "$(sed 's/.*) //' "/proc/$tid/stat" | cut -c1)" = t ] || { echo "$tid is not parked"; return 1; }
}

# caught HOW SIGNAL CODE
caught() {
	listen
	catch "$1" && shown $catcher/caught "^thread $tid signal $2 " && shown $catcher/caught "code$3" &&
		said "utrace_catcher: thread $tid parked: signal $2, ip .* code$3" || return
	! core && echo "$tid" >$catcher/die && ended $((128 + $2)) && core && [ ! -s $catcher/caught ]
}

ins utrace_catcher
fault() { caught segv 11 ' c7 00 2a 00 00 00'; }
check 'a thread that would dump core is parked, and dies of it when told to' fault

registers() {
	catch segv && shown $catcher/caught 'address 1234560' && shown $catcher/caught ' ax 0000000001234560' &&
		shown $catcher/caught ' bx 1111111122222222' && shown $catcher/caught ' r15 3333333344444444' &&
		echo "$tid" >$catcher/die && ended 139
}
check 'its registers are shown' registers

kinds() {
	caught ill 4 ' 0f 0b' && caught fpe 8 ' f7 f1' && caught bus 7 ' ' && caught abort 6 ' '
}
check 'illegal instructions, divisions by zero, bus errors and aborts are caught' kinds

nowhere() {
	catch jump && shown $catcher/caught 'ip 0000000001234560 code$' && echo "$tid" >$catcher/die && ended 139
}
check 'an instruction pointer that points nowhere is shown as that' nowhere

dropped() {
	catch segv && echo "$tid" >$catcher/drop && ended 139 && ! core
}
check 'one that is dropped leaves no core dump' dropped

thread() {
	catch thread && [ "$tid" != "$process" ] && shown $catcher/caught " code c7 00 2a" && echo "$tid" >$catcher/die &&
		ended 139 && core
}
check 'a thread of several is caught' thread

killed() {
	catch segv && kill -9 "$tid" && ended 137 && ! core && [ ! -s $catcher/caught ]
}
check 'SIGKILL ends a parked one' killed

nobody() {
	! echo 1 >$catcher/die && ! echo x >$catcher/die && ! echo 99999999 >$catcher/attach && ! echo 2 >$catcher/attach
}
check 'what is not parked, or no user thread, is refused' nobody

catcher_goes() {
	catch segv && rmmod utrace_catcher && ended 139 && core
}
check 'a parked one dies as it would have when the module goes' catcher_goes

# --- the follower ------------------------------------------------------------------------------------

tree=$debug/utrace_follow/tree

follows() {
	begin '(exit 3); /bin/true; (kill -9 $(exec sh -c "echo \$PPID")); "'"$here"'/threads" 2 1 >/dev/null; exit 7'
	ins utrace_follow "pid=$process" && go || return
	number=$process
	ended 7 && cat $tree || return
	grep -q "^$number followed, exited 7$" $tree && grep -q '^  [0-9]* fork, exited 3$' $tree &&
		grep -q '^  [0-9]* v*fork: /bin/true, exited 0$' $tree &&
		grep -q '^  [0-9]* fork, killed by signal 9$' $tree &&
		grep -q '^    [0-9]* fork: sh, exited 0$' $tree && grep -q ' thread, exited 0$' $tree &&
		! grep -v -q ', exited\|, killed' $tree && rmmod utrace_follow
}
check 'a tree is followed, with what it runs and how it ends' follows

alive() {
	begin 'exec sleep 1000'
	ins utrace_follow "pid=$process" && go && await grep -q "^$process followed: sleep$" $tree || return
	kill -9 "$process"
	ended 137 && shown $tree 'killed by signal 9' && rmmod utrace_follow
}
check 'what lives has no end yet' alive

narrow() {
	[ -x "$here/calls32" ] || return 0
	begin "exec '$here/calls32'"
	ins utrace_follow "pid=$process" && go && await grep -q "calls32, exited" $tree && rmmod utrace_follow
	wait "$process"
	process=''
}
check 'the name of a 32-bit program is found' narrow

follow_goes() {
	begin 'n=0; while [ $n -lt 50 ]; do (:); n=$((n + 1)); done'
	ins utrace_follow "pid=$process" && go && rmmod utrace_follow && ended 0
}
check 'a tree runs on when its follower is unloaded' follow_goes

# --- the policy --------------------------------------------------------------------------------------

policy=$debug/utrace_policy

denies() {
	begin 'mkdir a && echo made; (mkdir b; :); rmdir a 2>&1; echo end'
	ins utrace_policy && echo '83 28' >$policy/deny && echo "$process" >$policy/attach && go && ended 0 || return
	cat "$work/output"
	[ ! -e "$work/a" ] && [ ! -e "$work/b" ] && [ "$(grep -c 'No space left' "$work/output")" = 2 ] &&
		grep -q end "$work/output" && [ "$(cat $policy/denied)" = 2 ]
}
check 'denied calls fail with the error that was chosen, in the whole tree' denies

allows() {
	echo '83 0' >$policy/deny
	begin 'mkdir a'
	echo "$process" >$policy/attach && go && ended 0 && rmdir "$work/a" && [ "$(cat $policy/denied)" = 2 ]
}
check 'what is allowed again is made' allows

# It says in bits 1, 2 and 4 which of its calls gave what they do under syscalls.c.
both() {
	[ -x "$here/calls32" ] || return 0
	before=$(cat $policy/denied)
	# getpid, of 32 bits: EDOM. 20 is writev for 64 bits, which stays.
	echo '20 33' >$policy/deny32
	begin "'$here/calls32'; echo \$?; true"
	echo "$process" >$policy/attach && go && ended 0 || return
	cat "$work/output"
	status=$(head -n 1 "$work/output")
	[ $((status & 1)) = 1 ] && [ "$(cat $policy/denied)" = $((before + 2)) ] && echo '20 0' >$policy/deny32
}
check '32-bit calls are told from 64-bit ones of the same number' both

wrong() {
	for line in 83 '83 x' '-1 1' '1024 1' '83 -1' '83 512' ''; do
		if echo "$line" >$policy/deny; then
			echo "taken: $line"
			return 1
		fi
	done
	! echo 2 >$policy/attach
}
check 'what is no policy is refused' wrong

policy_goes() {
	echo '83 1' >$policy/deny
	begin 'mkdir a'
	echo "$process" >$policy/attach && rmmod utrace_policy && go && ended 0 && rmdir "$work/a"
}
check 'without the module there is no policy' policy_goes

# --- all of them -------------------------------------------------------------------------------------

refused() {
	! ins "$1" pid=99999999 && ! is_loaded "$1" && ! ins "$1" pid=2 && ! is_loaded "$1"
}
check 'utrace_follow refuses what it cannot follow' refused utrace_follow
check 'utrace_policy refuses what it cannot attach to' refused utrace_policy

cp "$start" "$work/before"
check 'the kernel has nothing to say' quiet

echo "1..$count"
[ $failed = 0 ]
