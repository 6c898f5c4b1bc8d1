#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What "kmview trace" adds to "find", in instructions, next to what strace adds to the same in the same boot: counting calls,
# and showing them in a file. What the program itself takes, started and warm, is taken off both.
# Not as many times less as the limits say is a failure. UTRACE_FIND=/ has another folder searched, for some minutes.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib.sh
. "$tree/scripts/lib.sh"
folder=${UTRACE_FIND:-/sys/devices}
script=$(mktemp)
trap 'rm -f "$script"' EXIT
{ printf 'folder=%q\n' "$folder" && cat; } >"$script" <<'END'
cd /selftests/utrace
utrace-load utrace kmview || exit
# What the machine still does after its start shares the processor.
sleep 3
ticks() {
	what=$1
	shift
	echo "$what $(./ticks "$@" 2>&1 >/dev/null | sed -n 's/^ticks //p')"
}
find $folder >/dev/null
ticks native find $folder
ticks kmview-count ./kmview.bin trace -f -c -o /tmp/count.kmview -- find $folder
ticks strace-count strace -f -c -o /tmp/count.strace find $folder
ticks kmview-file ./kmview.bin trace -f -o /tmp/file.kmview -- find $folder
ticks strace-file strace -f -o /tmp/file.strace find $folder
echo "kmview-calls $(wc -l </tmp/file.kmview)"
echo "strace-calls $(wc -l </tmp/file.strace)"
END

echo 1..3
if ! said=$("$tree/qemu/run" --kernel "$UTRACE_KERNEL" --icount --seed 1 --smp 1 --timeout 900 --with "$script:/cost" \
	--with "$root/usr/bin/strace:/usr/bin/strace" -- sh /cost); then
	for n in 1 2 3; do echo "not ok $n the machine failed"; done
	exit 1
fi
echo "# find $folder:"
while IFS= read -r line; do echo "# $line"; done <<<"$said"
declare -A figure
while read -r what instructions; do figure[$what]=$instructions; done <<<"$said"

ours=${figure[kmview-calls]:-0} theirs=${figure[strace-calls]:-0}
# Elsewhere processes that are found come and go.
if [[ $folder == /sys/devices ]]; then differ=0; else differ=$((theirs / 1000)); fi
if ((ours > 1000 && ours - theirs <= differ && theirs - ours <= differ)); then
	echo 'ok 1 both show the same number of calls'
else
	echo 'not ok 1 both show the same number of calls'
fi

# less N WHAT LIMIT: strace adds at least LIMIT tenths of what kmview adds.
less() {
	local native=${figure[native]:-0} ours theirs
	ours=$((${figure[kmview-$2]:-0} - native)) theirs=$((${figure[strace-$2]:-0} - native))
	if ((native > 0 && ours > 0 && theirs * 10 >= ours * $3)); then
		echo "ok $1 $2: $ours instructions more, strace $theirs"
	else
		echo "not ok $1 $2: $ours instructions more, strace $theirs"
	fi
}

# The aims.
less 2 count 200
less 3 file 50
