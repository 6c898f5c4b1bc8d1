#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The program kmview: what it shows of programs, and what it shows them.

# shellcheck source=selftests/common.sh
. "$(dirname "$0")/common.sh"
trap 'rm -rf "$work"' EXIT
kmview=$(dirname "$0")/kmview.bin

echo 'TAP version 13'
if [ ! -e /dev/kmview ] || [ ! -x "$kmview" ]; then
	echo "1..0 # SKIP needs /dev/kmview and the program kmview (make tools) next to it"
	exit 4
fi

# The program under a deadline, its messages with its output.
km() { timeout 30 "$kmview" "$@" 2>&1; }
# says PATTERN COMMAND...: fails if no line matches. What the program writes may come within a line.
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
same_calls() {
	for how in --wait --memory=1; do
		km trace $how -q -o "$work/$how" -- cat /etc/passwd || return
		sed 's/(.*//' "$work/$how" >"$work/$how.plain"
	done
	[ "$(wc -l <"$work/--wait")" -gt 10 ] && cmp "$work/--wait.plain" "$work/--memory=1.plain"
}
traces_attached() {
	sh -c 'while :; do cat /proc/uptime >/dev/null; done' &
	pid=$!
	"$kmview" trace -f -o "$work/attached" -p $pid 2>"$work/err" &
	tracer=$!
	tries=300
	until grep -q openat "$work/attached" || [ $tries = 0 ]; do tries=$((tries - 1)); sleep 0.1; done
	kill -INT $tracer
	wait $tracer
	kill -0 $pid
	alive=$?
	kill -9 $pid
	if ! grep -q openat "$work/attached" || [ $alive != 0 ]; then
		cat "$work/err" "$work/attached"
		return 1
	fi
}
keeps_files() {
	echo old >"$work/file"
	km view --readonly "$work" -- sh -c "echo new >'$work/file'; rm '$work/file'; mv '$work/file' /tmp/x; ln -s '$work/file' /tmp/link
		echo new >/tmp/link; chmod 0 '$work/file'; mkdir '$work/folder'; cd '$work'; touch here; echo fine >/dev/null"
	rm -f /tmp/link
	[ "$(cat "$work/file")" = old ] && [ ! -e "$work/folder" ] && [ ! -e "$work/here" ]
}
shows_sessions() {
	mkfifo "$work/fifo"
	"$kmview" view --hostname x -- cat "$work/fifo" &
	view=$!
	tries=300
	until km stat >"$work/out" && grep -E -q '^ *[0-9]+ kmview' "$work/out" || [ $tries = 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	cat "$work/out"
	# Lets it end, and its session with it.
	timeout 30 sh -c ": >'$work/fifo'" && wait $view && [ $tries != 0 ]
}

echo 1..21
check 'trace shows a call with names and strings' says '^openat\(AT_FDCWD, "/etc/passwd", O_RDONLY\) = [0-9]+$' km trace sh -c ': </etc/passwd'
check 'trace shows errors by name' says '"/none".* = -1 ENOENT \(No such file or directory\)$' km trace test -e /none
check 'trace ends as the program did' ends 3 km trace sh -c 'exit 3'
check 'trace tells how it ended' says '^\+\+\+ killed by SIGTERM \+\+\+$' km trace sh -c "kill \$\$"
check 'trace -f follows' says '^\[pid .*\] execve\("[^"]*", \["true"\]' km trace -f sh -c '/bin/busybox env true; true'
check 'trace -e selects' ends 1 sh -c "'$kmview' trace -q -e openat cat /etc/passwd 2>&1 | grep -v -E '^(openat|execve|root)'"
check 'trace -c counts' says '^ *[0-9.]+ +[0-9.]+ +[0-9]+ +[0-9]+ +1 openat$' km trace -c -- cat /none
check 'trace --json is JSON' says '^\{.*"call":"openat".*"errno":"ENOENT".*\}$' km trace --json cat /none
check 'trace shows the same calls whether the program waits or not' same_calls
check 'trace -p attaches, and lets go' traces_attached
check 'trace says what it cannot run' says "cannot run /none: there is no such program" km trace /none
check 'trace says whom it cannot attach to' says 'cannot attach to process 99999.*No such process' km trace -p 99999
check 'trace says what is no call' says "no system call or class 'opneat'" km trace -e opneat true
check 'view --hostname' says '^box$' km view --hostname box uname -n
check 'view --deny' says 'Numerical argument out of domain' km view --deny mkdir=EDOM mkdir /tmp/never
check 'view --fake-root' says '^uid=0' km view --fake-root id
check 'view --readonly' keeps_files
check 'view ends as the program did' ends 5 km view --hostname box sh -c 'exit 5'
check 'a view in a view' says '^in$' km view --deny mkdir=EDOM "$kmview" view --hostname in uname -n
check 'a trace in a view shows what the view shows' says 'nodename="box"' km view --hostname box "$kmview" trace uname -n
check 'stat shows sessions' shows_sessions

[ $failed = 0 ]
