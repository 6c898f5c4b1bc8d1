#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a traced thread takes of the kernel's memory, one engine on it: what an engine on each of a thousand threads adds
# to the caches of kmalloc, less what it adds on two hundred.
# shellcheck disable=SC2001

# Reached as long as the structure of a thread fits into 256 bytes.
limit=512

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$tree/selftests/modules/utrace_all.rs" "$work/"
# shellcheck disable=SC2016 # for make
printf 'obj-m := utrace_all.o\ninclude $(UTRACE)/utrace.mk\n' >"$work/Kbuild"
cat >"$work/script" <<'END'
insmod $UTRACE_MODULES/utrace.ko || exit
# Objects in use, by cache: those that wait to be used again are given back.
slabs() {
	for cache in /sys/kernel/slab/*/shrink; do echo 1 >$cache; done
	awk '/^kmalloc-/ { print $1, $2 * $4, $4 }' /proc/slabinfo >$1
}
# grow N: what the engines take.
grow() {
	started=0
	while [ $started -lt $1 ]; do
		sleep 100000 &
		started=$((started + 1))
	done
	sleep 2
	slabs before
	insmod /utrace_all.ko || exit
	slabs after
	threads=$(sed -n 's/^attached //p' /sys/kernel/debug/utrace_all/events)
	rmmod utrace_all || exit
	echo "threads $threads"
	awk 'NR == FNR { was[$1] = $2; next } $2 != was[$1] { print "cache", $1, $3, $2 - was[$1] }' before after
}
cd /tmp
grow 200
grow 800
END

echo 1..1
if ! said=$("$tree/scripts/module" --kernel "$UTRACE_KERNEL" "$work" 2>&1 >/dev/null &&
	"$tree/qemu/run" --kernel "$UTRACE_KERNEL" --icount --seed 1 --smp 1 --timeout 600 \
		--with "$work/utrace_all.ko" --with "$work/script:/memory" -- sh /memory 2>&1); then
	tail -n 20 <<<"$said" | sed 's/^/# /'
	echo 'not ok 1 the machine failed'
	exit 1
fi
bytes=$(awk '
	$1 == "threads" { run++; threads[run] = $2 }
	$1 == "cache" { sum[run] += $4; by[$2] += run == 2 ? $4 : -$4 }
	END {
		more = threads[2] - threads[1]
		for (cache in by)
			if (by[cache] > more || by[cache] < -more) printf "# %s: %.1f bytes for each thread\n", cache, by[cache] / more >"/dev/stderr"
		if (more > 0) printf "%d\n", (sum[2] - sum[1]) / more
	}' <<<"$said" 2>&1)
grep '^#' <<<"$bytes"
bytes=$(grep -v '^#' <<<"$bytes")
if ((bytes > 0 && bytes <= limit)); then
	echo "ok 1 a traced thread takes $bytes bytes, of at most $limit"
else
	echo "not ok 1 a traced thread takes $bytes bytes, of at most $limit"
fi
