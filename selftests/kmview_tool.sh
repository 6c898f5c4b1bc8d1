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
selects() {
	km trace -q -e openat -o "$work/selected" cat /etc/passwd && grep openat "$work/selected" &&
		! grep -v -E '^(openat|execve)' "$work/selected"
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
maps() {
	echo real >"$work/name" && echo other >"$work/place" && mkdir "$work/x" || return
	says '^other$' km view --map "$work/name=$work/place" -- cat "$work/name" || return
	# Relative ones, and by a call that takes no descriptor.
	says '^other$' km view --map "$work/name=$work/place" -- sh -c "cd '$work' && cat ./x/../name && [ -e name ]" || return
	# What is not there is not shown, what is written goes to the place.
	says 'No such file' km view --map "$work/name=/none" -- cat "$work/name" || return
	km view --map "$work/name=$work/place" -- sh -c "echo new >'$work/name'" || return
	[ "$(cat "$work/name" "$work/place")" = "real
new" ]
}
maps_folders() {
	mkdir -p "$work/place.d/sub" && echo deep >"$work/place.d/sub/file" || return
	says '^deep$' km view --map "/km-folder=$work/place.d" -- sh -c 'cat /km-folder/sub/file' || return
	says '^/km-folder/sub$' km view --map "/km-folder=$work/place.d" -- sh -c 'cd /km-folder/sub && /bin/busybox pwd' || return
	says '^deep$' km view --map "/km-folder=$work/place.d" -- sh -c 'cd /km-folder && cat sub/file' || return
	says '^(sub|file)$' km view --map "/km-folder=$work/place.d" -- ls /km-folder/sub
}
# The inner view's place is the outer view's name.
maps_nested() {
	echo a >"$work/a" && echo b >"$work/b" && echo c >"$work/c" || return
	says '^c$' km view --map "$work/b=$work/c" "$kmview" view --map "$work/a=$work/b" cat "$work/a" || return
	says '^b$' km view --map "$work/a=$work/c" "$kmview" view --map "$work/a=$work/b" cat "$work/a" || return
	# Three of them, and both ways at once.
	says '^abc' km view --map "$work/a=$work/b" --map "$work/b=$work/a" "$kmview" view --map "$work/a=$work/b" --map "$work/b=$work/a" \
		sh -c "tr -d '\n' <'$work/a' && tr -d '\n' <'$work/b' && cat '$work/c'"
}
maps_32_bit() {
	printf '*' >"$work/star"
	ends 42 km view --map "/km-open32=$work/star" "$(dirname "$0")/open32"
}
# What is refused is what would be used: the name of a place below a folder is the place's.
maps_readonly() {
	mkdir -p "$work/kept" && echo old >"$work/kept/file" || return
	says 'Read-only' km view --readonly "$work/kept" --map "/km-kept=$work/kept" -- sh -c 'echo new >/km-kept/file'
	[ "$(cat "$work/kept/file")" = old ]
}
maps_in_a_trace() {
	echo real >"$work/name" && echo other >"$work/place" || return
	says '^other$' km trace -q -o "$work/mapped" "$kmview" view --map "$work/name=$work/place" cat "$work/name"
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

echo 1..30
check 'trace shows a call with names and strings' says '^openat\(AT_FDCWD, "/etc/passwd", O_RDONLY\) = [0-9]+$' km trace sh -c ': </etc/passwd'
check 'trace shows errors by name' says '"/none".* = -1 ENOENT \(No such file or directory\)$' km trace test -e /none
check 'trace ends as the program did' ends 3 km trace sh -c 'exit 3'
check 'trace tells how it ended' says '^\+\+\+ killed by SIGTERM \+\+\+$' km trace sh -c "kill \$\$"
check 'trace -f follows' says '^\[pid .*\] execve\("[^"]*", \["true"\]' km trace -f sh -c '/bin/busybox env true; true'
check 'trace -e selects' selects
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
check 'view --map shows other files' maps
check 'view --map shows other folders' maps_folders
check 'view --map in view --map' maps_nested
if [ -x "$(dirname "$0")/open32" ]; then
	check 'view --map of a 32-bit program' maps_32_bit
else
	check 'view --map of a 32-bit program # SKIP no 32-bit programs' true
fi
check 'view --map and --readonly' maps_readonly
check 'view --map in a trace' maps_in_a_trace
check 'view ends as the program did' ends 5 km view --hostname box sh -c 'exit 5'
check 'a view in a view' says '^in$' km view --deny mkdir=EDOM "$kmview" view --hostname in uname -n
check 'a trace in a view shows what the view shows' says 'nodename="box"' km view --hostname box "$kmview" trace uname -n
check 'stat shows sessions' shows_sessions

check 'trace shows a 32-bit program' says '^getpgid\(1073741823\) += [0-9-]+' km trace "$(dirname "$0")/calls32"
check 'the monitor of the README in C' says '^[0-9]+ calls uname\(0x[0-9a-f]+\): no$' "$(dirname "$0")/kmview_monitor" -c 'uname -n; true'
check 'the monitor of the README in Rust' says '^[0-9]+ calls uname\(0x[0-9a-f]+\): no$' "$(dirname "$0")/kmview_monitor.bin" -c 'uname -n; true'

[ $failed = 0 ]
