#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a session costs, in instructions: a call that it does not select, one that it records once, and at its entry and
# its exit, and one that goes to its monitor and back, also one with a path, without and with a copy of that; and what
# more a call costs that it does not select for the descriptor that it names, or the path, an absolute or a relative one.
# Beside them, in the same machine, what a round trip costs by ptrace, by a notification of seccomp, and by two processes
# that only wake each other. More than the limits is a failure.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
script=$(mktemp)
trap 'rm -f "$script"' EXIT
cat >"$script" <<'END'
cd /selftests/utrace
utrace-load utrace kmview || exit
# What the machine still does after its start shares the processor.
sleep 3
echo "native $(./syscall_cost)"
for what in ptrace seccomp eventfd; do echo "$what $(./other_cost $what)"; done
echo "filtered $(./kmview_cost filtered)"
echo "observed $(./kmview_cost observed)"
echo "observed-twice $(./kmview_cost observed-twice)"
echo "trip $(./kmview_cost)"
for what in named snapshot; do echo "trip-$what $(./kmview_cost $what)"; done
for what in descriptor path relative; do echo "more-for-$what $(./kmview_cost $what)"; done
END

echo 1..3
declare -A figure
if said=$("$tree/qemu/run" --kernel "$UTRACE_KERNEL" --icount --seed 1 --smp 1 --timeout 300 --with "$script:/cost" -- \
	sh /cost); then
	while read -r what instructions; do figure[$what]=${instructions%.*}; done <<<"$said"
else
	echo '# the machine failed'
fi
echo '# instructions per getpid():'
while IFS= read -r line; do echo "# $line"; done <<<"$said"

count=0 failed=''
# at_most LIMIT FIGURE NAME [MORE]: one result; without a figure it is a failure.
at_most() {
	local ok='not ok'

	count=$((count + 1))
	if (($2 > 0 && $2 <= $1)); then ok=ok; else failed=1; fi
	echo "$ok $count $3 $2 of at most $1 instructions$4"
}

native=${figure[native]:-1000000} eventfd=${figure[eventfd]:-0}
at_most 150 $((${figure[filtered]:-0} - native)) 'a call that is not selected adds'
at_most 600 $((${figure[observed]:-0} - native)) 'a call that is recorded adds'
# It also has to be less than what two processes pay who only wake each other.
at_most $((eventfd < 12000 ? eventfd : 12000)) "${figure[trip]:-0}" 'a round trip to the monitor takes' \
	" (two processes that wake each other $eventfd, seccomp ${figure[seccomp]:-?}, ptrace ${figure[ptrace]:-?})"
[[ ! $failed ]]
