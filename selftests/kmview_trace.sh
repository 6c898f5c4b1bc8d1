#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kmview trace: how it ends, what it says of what goes wrong, and what it shows besides calls.

# shellcheck source=selftests/common.sh
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
kmview=$here/kmview.bin
child='' tracer=''
clean() {
	[ ! "$child" ] || kill -9 "$child"
	[ ! "$tracer" ] || kill -9 "$tracer"
	[ ! -e "$work/kmview" ] || mv "$work/kmview" /dev/kmview
	[ ! -e "$work/passwd" ] || cat "$work/passwd" >/etc/passwd
	rm -rf "$work"
} 2>/dev/null
trap clean EXIT

echo 'TAP version 13'
if [ ! -e /dev/kmview ] || [ ! -x "$kmview" ]; then
	echo "1..0 # SKIP needs /dev/kmview and the program kmview (make tools) next to it"
	exit 4
fi

km() { timeout 30 "$kmview" "$@" 2>&1; }
# says PATTERN COMMAND...
says() {
	pattern=$1
	shift
	"$@" >"$work/out" 2>&1
	grep -E -q -e "$pattern" "$work/out" || { cat "$work/out"; echo "not said: $pattern"; return 1; }
}
# ends STATUS COMMAND...
ends() {
	wanted=$1
	shift
	"$@" >"$work/out" 2>&1
	status=$?
	[ $status = "$wanted" ] || { cat "$work/out"; echo "status $status, not $wanted"; return 1; }
}
# wait_until COMMAND...: within 30 s.
wait_until() {
	tries=300
	until "$@" >/dev/null 2>&1; do
		[ $tries != 0 ] || { echo "waited for: $*"; return 1; }
		tries=$((tries - 1))
		sleep 0.1
	done
}
gone() { ! kill -0 "$1" 2>/dev/null; }
is_dead() { gone "$1" || grep -q '^State:.Z' "/proc/$1/status"; }
is_stopped() { grep -q '^State:.T' "/proc/$1/status"; }

# starts OPTION... -- WORD...: a trace in the background, of a shell that has said its number before it goes on.
starts() {
	rm -f "$work/pid" "$work/trace"
	# Not in the shell's job: it would ignore the terminal's signals.
	"$kmview" trace -o "$work/trace" "$@" 2>"$work/err" &
	tracer=$!
	wait_until test -s "$work/pid" || { cat "$work/err"; return 1; }
	child=$(cat "$work/pid")
}
# ends_within_a_deadline STATUS: the trace.
ends_within_a_deadline() {
	wait_until is_dead $tracer || return
	wait $tracer
	status=$?
	tracer=''
	[ $status = "$1" ] || { cat "$work/err"; echo "status $status, not $1"; return 1; }
}
say="echo \$\$ >'$work/pid.new'; mv '$work/pid.new' '$work/pid'"

# signal_for_who_ignores_it SIGNAL STATUS OPTION...: the program does not end, the trace does.
signal_for_who_ignores_it() {
	signal=$1 wanted=$2
	shift 2
	starts "$@" -- sh -c "trap '' $signal; $say; while :; do sleep 0.01; done" || return
	kill "-$signal" $tracer
	ends_within_a_deadline "$wanted" || return
	gone "$child" && { echo 'the program is gone'; return 1; }
	kill -9 "$child"
	wait_until gone "$child" && child=''
}
signal_for_who_is_stopped() {
	starts -- sh -c "$say; kill -STOP \$\$; exit 1" || return
	wait_until is_stopped "$child" || return
	kill -TERM $tracer
	ends_within_a_deadline 143 || return
	wait_until is_dead "$child" && child=''
}
# Programs that never give the tracer a rest.
signal_while_busy() {
	busy='dd if=/dev/zero of=/dev/null bs=1'
	starts -f "$@" -- sh -c "$say; $busy & $busy & $busy & exec $busy" || return
	wait_until grep -q read "$work/trace" || return
	kill -TERM $tracer
	ends_within_a_deadline 143
	failed_so=$?
	killall -9 dd
	wait_until is_dead "$child" && child='' && return $failed_so
}
# One of them that is attached to.
lets_go_of_the_busy() {
	rm -f "$work/pid" "$work/trace"
	sh -c "$say; exec dd if=/dev/zero of=/dev/null bs=1" 2>/dev/null &
	wait_until test -s "$work/pid" || return
	child=$(cat "$work/pid")
	"$kmview" trace "$@" -o "$work/trace" -p "$child" 2>"$work/err" &
	tracer=$!
	wait_until grep -q read "$work/trace" || { cat "$work/err"; return 1; }
	kill -TERM $tracer
	ends_within_a_deadline 0 || return
	gone "$child" && { echo 'the program is gone'; return 1; }
	kill -9 "$child"
	wait_until is_dead "$child" && child=''
}
# killed_in_a_32_bit_call PATTERN OPTION...
killed_in_a_32_bit_call() {
	pattern=$1
	shift
	starts "$@" -- sh -c "$say; exec '$here/pause32'" || return
	wait_until is_asleep_in_pause || return
	kill -9 "$child"
	wait_until is_dead $tracer || return
	wait $tracer
	tracer='' child=''
	grep -E -q -e "$pattern" "$work/trace" || { cat "$work/trace"; echo "not said: $pattern"; return 1; }
}
is_asleep_in_pause() { grep -q '^State:.S' "/proc/$child/status" && grep -q pause32 "/proc/$child/comm"; }

without_the_module() {
	mv /dev/kmview "$work/kmview" || return
	says 'is the module loaded\? \(modprobe kmview' km trace true
	failed=$?
	mv "$work/kmview" /dev/kmview
	return $failed
}
# Who has no name is nobody to start-stop-daemon.
cp /etc/passwd "$work/passwd" && echo 'user:x:1000:1000::/:/bin/sh' >>/etc/passwd
as_user() { timeout 30 start-stop-daemon -S -c 1000:1000 -x "$kmview" -- "$@" 2>&1; }

times() {
	format=$1
	shift
	says "^$format openat\(AT_FDCWD, \"/etc/passwd\"" km trace "$@" cat /etc/passwd
}
is_now() {
	before=$(date +%s)
	km trace -ttt -q -o "$work/trace" cat /etc/passwd >/dev/null || return
	after=$(date +%s)
	awk -v before="$before" -v after="$after" '$1 < before || $1 > after + 1 { print; bad = 1 } END { exit bad || NR < 5 }' \
		"$work/trace"
}
is_relative() {
	km trace -r -q -o "$work/trace" sh -c 'cat /etc/passwd; sleep 0.3; cat /etc/passwd' >/dev/null || return
	# No later than the time that all of it took, and the wait is in it.
	awk '{ sum += $1 } $1 < 0 { bad = 1 } END { print sum; exit bad || sum < 0.3 || sum > 60 }' "$work/trace"
}

echo 'not executable' >"$work/file"
chmod 644 "$work/file"

check 'SIGTERM ends a trace whose program ignores it' signal_for_who_ignores_it TERM 143
check 'SIGHUP ends a trace whose program ignores it' signal_for_who_ignores_it HUP 129
check 'SIGTERM ends one whose program waits at each call' signal_for_who_ignores_it TERM 143 --wait
check 'SIGTERM ends one that counts' signal_for_who_ignores_it TERM 143 -c
check 'SIGTERM ends a program that is stopped' signal_for_who_is_stopped
check 'SIGTERM ends a trace of busy programs' signal_while_busy
check 'SIGTERM ends one that has busy programs wait' signal_while_busy --wait
check 'a signal ends a trace of a busy program' lets_go_of_the_busy
check 'a signal ends one that has a busy program wait' lets_go_of_the_busy --wait
if [ -x "$here/pause32" ]; then
	check 'a 32-bit call that a thread died in has its name' killed_in_a_32_bit_call '^pause\(.*\) = \?$'
	check 'it has in JSON' killed_in_a_32_bit_call '"abi":"compat".*"call":"pause"' --json
else
	check 'a 32-bit call that a thread died in has its name # SKIP no 32-bit programs' true
	check 'it has in JSON # SKIP no 32-bit programs' true
fi
check 'status of a program that is not there' ends 127 km trace /none
check 'status of what is no program' ends 126 km trace "$work/file"
check 'status of a program that was killed' ends 143 km trace sh -c 'kill $$'
check 'status of our own failure' ends 125 km trace -p 99999
check 'no module: what to do' without_the_module
check 'no right to attach: why' says 'cannot attach to process 1: .*not permitted \(the same rules as for ptrace' as_user trace -p 1
check 'an ordinary user traces' says 'openat\(AT_FDCWD, "/etc/passwd"' as_user trace cat /etc/passwd
check 'stat without sessions' ends 0 km stat
check 'stat by an ordinary user' ends 0 as_user stat
check '-t' times '[0-9]{2}:[0-9]{2}:[0-9]{2}' -t
check '-tt' times '[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}' -tt
check '-ttt' times '[0-9]{9,}\.[0-9]{6}' -ttt
check '-ttt is the time' is_now
check '-r' times ' +[0-9]+\.[0-9]{6}' -r
check '-r is the time since the line before' is_relative
echo "1..$count"
[ $failed = 0 ]
