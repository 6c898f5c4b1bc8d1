#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# strace beside kmview, on one process: both show the same calls, with the same arguments and results, whichever of the two
# comes first, and whether the process waits for kmview at each call or not.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib.sh
. "$tree/scripts/lib.sh"
script=$(mktemp)
trap 'rm -f "$script"' EXIT
cat >"$script" <<'END'
. /selftests/utrace/common.sh
trap 'rm -rf "$work"' EXIT
kmview=/selftests/utrace/kmview.bin
utrace-load utrace kmview || exit
file=/etc/passwd

# of PID FILE: the calls of that process, one of several, from where both see them; lines that were left are whole again.
of() {
	awk -v pid="$1" '
		$1 != pid { next }
		{ sub(/^[0-9]+ +/, "") }
		sub(/ <unfinished \.\.\.>$/, "") { left = $0; next }
		/^<\.\.\. [a-z_0-9]+ resumed>/ { sub(/^<\.\.\. [a-z_0-9]+ resumed>/, ""); $0 = left $0 }
		/^getuid\(\)/ { both = 1 }
		both && /^[a-z_0-9]+\(.*\) += / { sub(/\) += /, ") = "); print }' "$2"
}
# same PATTERN: calls by both, the one with this among them.
same() {
	if ! cmp "$work/kmview.calls" "$work/strace.calls" || ! grep -q "$1" "$work/kmview.calls"; then
		diff "$work/kmview.calls" "$work/strace.calls"
		echo "kmview, strace, with: $1"
		return 1
	fi
}
strace_in_kmview() {
	timeout 60 $kmview trace "$@" -f -q -o "$work/kmview" -- strace -f -q -o "$work/strace" cat $file || return
	pid=$(sed -n '1s/ .*//p' "$work/strace")
	of "$pid" "$work/kmview" >"$work/kmview.calls"
	of "$pid" "$work/strace" >"$work/strace.calls"
	same 'openat(AT_FDCWD, "/etc/passwd"'
}
kmview_in_strace() {
	timeout 60 strace -f -q -o "$work/strace" $kmview trace "$@" -f -q -o "$work/kmview" -- cat $file || return
	pid=$(sed -n '1s/ .*//p' "$work/kmview")
	of "$pid" "$work/kmview" >"$work/kmview.calls"
	of "$pid" "$work/strace" >"$work/strace.calls"
	same 'openat(AT_FDCWD, "/etc/passwd"'
}
# A trace in the background, of who runs already.
by_kmview() { $kmview trace "$@" -q -o "$work/kmview" -p "$pid" & }
by_strace() { strace -q -o "$work/strace" -p "$pid" 2>/dev/null & }
within() {
	tries=300
	until "$@"; do
		[ $tries != 0 ] || { echo "waited for: $*"; return 1; }
		tries=$((tries - 1))
		sleep 0.1
	done
}
sees() { grep -q "openat.*$file" "$work/$1"; }
# attached FIRST SECOND OPTION...: to a process that runs; strace lets it go, then kmview.
attached() {
	first=$1 second=$2
	shift 2
	rm -f "$work/kmview" "$work/strace"
	sh -c "while :; do sleep 0.01; : <$file; done" &
	pid=$!
	by_$first "$@"
	one=$!
	within sees "$first" || return
	by_$second "$@"
	two=$!
	within sees "$second" || return
	tracing=$one
	[ "$first" = strace ] || tracing=$two
	kill -INT $tracing && wait $tracing
	: >"$work/kmview"
	within sees kmview || return
	kill -INT $((one + two - tracing)) && wait $((one + two - tracing))
	kill -0 $pid && kill -9 $pid
}

for how in '' --wait; do
	check "strace in kmview $how" strace_in_kmview $how
	check "kmview in strace $how" kmview_in_strace $how
	check "kmview and then strace come to a process $how" attached kmview strace $how
	check "strace and then kmview come to a process $how" attached strace kmview $how
done
echo "1..$count"
[ $failed = 0 ]
END

if ! "$tree/qemu/run" --kernel "$UTRACE_KERNEL" --turns --timeout 600 --with "$script:/beside" \
	--with "$root/usr/bin/strace:/usr/bin/strace" -- sh /beside; then
	echo 'not ok - strace beside kmview'
	exit 1
fi
