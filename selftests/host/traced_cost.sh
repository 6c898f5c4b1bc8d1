#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What an engine that does nothing adds to a system call, in instructions: one that asks for other events nothing, one
# that asks for entry and exit no more than the limit.
# shellcheck disable=SC2001

limit=250

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Ours is the same everywhere; 7.2's own way to the two hooks is 13 instructions longer than 7.3's.
if [[ $UTRACE_KERNEL == 7.2.* ]]; then limit=$((limit + 13)); fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$tree/selftests/host/traced_cost/traced_cost.rs" "$work/"
# shellcheck disable=SC2016 # for make
printf 'obj-m := traced_cost.o\ninclude $(UTRACE)/utrace.mk\n' >"$work/Kbuild"
cat >"$work/script" <<'END'
# cost NAME EVENTS ENGINES: the bits are those of the event mask.
cost() {
	said=$(sh -c 'insmod /traced_cost.ko pid=$$ events=$1 engines=$2 && exec /selftests/utrace/syscall_cost' sh $2 $3)
	echo "$1 $said"
	rmmod traced_cost
}
# What the machine still does after its start shares the processor.
sleep 3
insmod $UTRACE_MODULES/utrace.ko || exit
echo "native $(/selftests/utrace/syscall_cost)"
cost other $((1 << 1)) 1
cost entry $((1 << 6)) 1
cost exit $((1 << 7)) 1
cost both $((1 << 6 | 1 << 7)) 1
cost two-engines $((1 << 6 | 1 << 7)) 2
END

echo 1..2
if ! said=$("$tree/scripts/module" --kernel "$UTRACE_KERNEL" "$work" 2>&1 >/dev/null &&
	"$tree/qemu/run" --kernel "$UTRACE_KERNEL" --icount --seed 1 --smp 1 --timeout 300 \
		--with "$work/traced_cost.ko" --with "$work/script:/cost" -- sh /cost 2>&1); then
	tail -n 20 <<<"$said" | sed 's/^/# /'
	echo 'not ok 1 the machine failed'
	echo 'not ok 2 the machine failed'
	exit 1
fi
sed 's/^/# instructions per getpid(), /' <<<"$said"
declare -A figure
while read -r what instructions; do figure[$what]=${instructions%.*}; done <<<"$said"
if [[ ${figure[native]} && ${figure[other]} == "${figure[native]}" ]]; then
	echo 'ok 1 other events cost a system call nothing'
else
	echo 'not ok 1 other events cost a system call nothing'
fi
added=$((${figure[both]:-1000000} - ${figure[native]:-0}))
if ((added > 0 && added <= limit)); then
	echo "ok 2 entry and exit add $added of at most $limit"
else
	echo "not ok 2 entry and exit add $added of at most $limit"
fi
