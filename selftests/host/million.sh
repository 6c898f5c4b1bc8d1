#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A million stops and resumes between two processors: none is lost, and the resumes find both, threads that have parked
# and threads that have not yet.
# shellcheck disable=SC2001,SC2319,SC2320 # a condition is what the result is about

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Half of them with a resumer that sleeps, half with one that polls; each call is stopped at its entry and its exit.
# Several loops at once, so that no processor sleeps.
loops=8
calls=$((${UTRACE_STOPS:-1000000} / 4 / loops))
count=0
script=$(mktemp)
trap 'rm -f "$script"' EXIT
cat >"$script" <<'END'
insmod $UTRACE_MODULES/utrace.ko || exit 2
for poll in 0 1; do
	insmod $UTRACE_MODULES/utrace_resumer.ko poll=$poll || exit 2
	echo "poll $poll"
	loops=$2
	while [ $loops -gt 0 ]; do
		(
			/selftests/utrace/stop_loop $1
			echo "status $?"
		) &
		loops=$((loops - 1))
	done
	wait
	tries=0
	until awk '/^stops/ { s = $2 } /^(resumes|gone)/ { r += $2 } END { exit s != r }' \
		/sys/kernel/debug/utrace_resumer/counts || [ $tries -ge 100 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	cat /sys/kernel/debug/utrace_resumer/counts
	echo
	rmmod utrace_resumer
done
END

# result STATUS NAME
result() {
	count=$((count + 1))
	if [[ $1 == 0 ]]; then echo "ok $count $2"; else echo "not ok $count $2"; fi
}

# sum NAME: of the counts of both runs.
sum() { awk -v name="$1" '$1 == name { sum += $2 } END { print sum + 0 }' <<<"$said"; }

echo 1..5
said=$("$tree/qemu/run" --kernel "$UTRACE_KERNEL" --flavour test --smp 2 --timeout 1500 --with "$script:/million" \
	-- sh /million "$calls" "$loops" 2>&1)
(($(grep -c '^status 0$' <<<"$said") == 2 * loops))
result $? 'nothing is lost'
stops=$(sum stops) resumes=$(sum resumes) prepared=$(sum found_prepared) parked=$(sum found_parked)
((stops >= 4 * calls * loops))
result $? "$stops stops"
((stops == resumes + $(sum gone) && stops > 0))
result $? "$resumes resumes, of threads that were gone $(sum gone)"
(($(sum stale) == 0))
result $? 'each was resumed once'
((prepared >= stops / 1000 && parked >= stops / 1000))
result $? "$prepared found prepared, $parked found parked"
sed 's/^/# /' <<<"$said"
