#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The window tests can fail: without the final check before the park, as utrace once was, those that resume between the
# callback's decision and the park lose the resume. With it they pass.
# shellcheck disable=SC2001,SC2319,SC2320 # a condition is what the result is about

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
count=0

# Those in which the resume comes before the thread is asleep. The harness ends each that hangs.
windows='t1_t2_ticket t1_t2_plain t2_t3_ticket t2_t3_plain t3_t4_ticket t3_t4_plain'

script=$(mktemp)
trap 'rm -f "$script"' EXIT
cat >"$script" <<'END'
insmod $UTRACE_MODULES/utrace.ko final_check=$1 && insmod $UTRACE_MODULES/utrace_test.ko || exit 2
shift
# All at once: one that loses its resume takes until its deadline.
for test; do
	timeout -s KILL 40 /selftests/utrace/seed_race -v one_engine -t "$test" >"/tmp/said.$test" 2>&1 &
done
wait
for test; do
	if grep -q "^ok 1 " "/tmp/said.$test"; then echo "$test passed"; else echo "$test failed"; fi
done
END

# result STATUS NAME
result() {
	count=$((count + 1))
	if [[ $1 == 0 ]]; then echo "ok $count $2"; else echo "not ok $count $2"; fi
}

echo 1..12
for check in 0 1; do
	# shellcheck disable=SC2086 # a list of names
	said=$("$tree/qemu/run" --kernel "$UTRACE_KERNEL" --flavour test --timeout 300 --with "$script:/check" \
		-- sh /check $check $windows 2>&1)
	for window in $windows; do
		if ((check)); then
			[[ $said == *"$window passed"* ]]
			result $? "with the final check: $window passes"
		else
			[[ $said == *"$window failed"* ]]
			result $? "without the final check: $window loses its resume"
		fi
	done
	sed 's/^/# /' <<<"$said"
done
