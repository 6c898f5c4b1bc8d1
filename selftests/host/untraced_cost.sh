#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A system call of an untraced thread costs as many instructions with the module loaded and another thread traced as
# without it: to the instruction.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
script=$(mktemp)
trap 'rm -f "$script"' EXIT
cat >"$script" <<'END'
cost=/selftests/utrace/syscall_cost
debug=/sys/kernel/debug/utrace_resumer
# What the machine still does after its start shares the processor.
sleep 3
echo "without $($cost)"
insmod $UTRACE_MODULES/utrace.ko && insmod $UTRACE_MODULES/utrace_resumer.ko || exit
echo "loaded $($cost)"
sh -c 'while :; do sleep 1; done' &
echo $! >$debug/attach
sleep 3
echo "other-traced $($cost)"
read -r _ stops <<STOPS
$(grep stops $debug/counts)
STOPS
echo "other-stops $stops"
rmmod utrace_resumer && rmmod utrace || exit
echo "unloaded $($cost)"
END

echo 1..1
if ! said=$("$tree/qemu/run" --kernel "$UTRACE_KERNEL" --icount --seed 1 --smp 1 --timeout 300 --with "$script:/cost" -- \
	sh /cost); then
	echo "# the machine failed"
	echo "not ok 1 untraced_cost"
	exit 1
fi
grep -v stops <<<"$said" | sed "s/^/# instructions per getpid(), /"
declare -A figure
while read -r what instructions; do figure[$what]=$instructions; done <<<"$said"
if [[ ${figure[without]} && ${figure[without]} == "${figure[loaded]}" &&
	${figure[without]} == "${figure["other-traced"]}" &&
	${figure[without]} == "${figure[unloaded]}" && ${figure["other-stops"]} -gt 0 ]]; then
	echo "ok 1 untraced_cost"
else
	echo "not ok 1 untraced_cost"
fi
