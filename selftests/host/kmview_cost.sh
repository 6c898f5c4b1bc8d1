#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a session costs, in instructions: a call that it does not select, one that it records once, and at its entry and
# its exit, and one that goes to its monitor and back, also one with a path, without and with a copy of that; and what
# more a call costs that it does not select for the descriptor that it names, or the path, an absolute or a relative one.
# More than the limits is a failure.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
script=$(mktemp)
trap 'rm -f "$script"' EXIT
cat >"$script" <<'END'
cd /selftests/utrace
utrace-load utrace kmview || exit
# What the machine still does after its start shares the processor.
sleep 3
echo "native $(./syscall_cost)"
echo "filtered $(./kmview_cost filtered)"
echo "observed $(./kmview_cost observed)"
echo "observed-twice $(./kmview_cost observed-twice)"
echo "round-trip $(./kmview_cost)"
for what in named snapshot; do echo "round-trip-$what $(./kmview_cost $what)"; done
for what in descriptor path relative; do echo "more-for-$what $(./kmview_cost $what)"; done
END

echo 1..1
if ! said=$("$tree/qemu/run" --kernel "$UTRACE_KERNEL" --icount --seed 1 --smp 1 --timeout 300 --with "$script:/cost" -- \
	sh /cost); then
	echo "# the machine failed"
	echo "not ok 1 kmview_cost"
	exit 1
fi
echo "# instructions per getpid():"
while IFS= read -r line; do echo "# $line"; done <<<"$said"
declare -A figure
while read -r what instructions; do figure[$what]=${instructions%.*}; done <<<"$said"
# A call that is not selected may cost 150 more than native, one that is recorded 600 more. Of the round trip some 11,300 are
# what the kernel takes for two system calls and two sleeps and wake-ups; the limit is what is reached.
if [[ ${figure[filtered]} && ${figure[observed]} && ${figure["round-trip"]} ]] &&
	((figure[filtered] <= figure[native] + 150 && figure[observed] <= figure[native] + 600)) &&
	((figure["round-trip"] <= 13800)); then
	echo "ok 1 kmview_cost"
else
	echo "not ok 1 kmview_cost"
fi
