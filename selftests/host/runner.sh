#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# once
# qemu/run: what it passes on, what it ends with, and that a seed is a run.
# shellcheck disable=SC2319 # a condition is what the result is about

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

# run ARGUMENT...: its status, and in files what it wrote.
run() {
	local status=0
	"$tree/qemu/run" --kernel "$UTRACE_KERNEL" --turns "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
	echo $status
}

# result STATUS NAME
result() {
	count=$((count + 1))
	if [[ $1 == 0 ]]; then
		echo "ok $count $2"
	else
		echo "not ok $count $2"
		tail -n 8 "$work/out" "$work/err" | sed 's/^/# /'
	fi
}

# ends NAME STATUS ARGUMENT...
ends() {
	local name=$1 want=$2 status
	shift 2
	status=$(run "$@")
	[[ $status == "$want" ]]
	result $? "$name ($want)"
}

echo 1..13
[[ $(run -- sh -c 'echo out; echo err >&2; exit 7') == 7 && $(<"$work/out") == out && $(<"$work/err") == err ]]
result $? "status, output and errors of the command are passed on as they are"
echo text >"$work/file"
[[ $(run --with "$work/file:/taken/along" -- cat /taken/along) == 0 && $(<"$work/out") == text ]]
result $? 'a file is taken along'
[[ $(run -- uname -r) == 0 && $(<"$work/out") == "$UTRACE_KERNEL-amd64" ]]
result $? "the kernel is the distribution's"
ends "a warning of the kernel is a failure, whatever the command says" 121 -- sh -c 'echo "WARNING: of a test" >/dev/kmsg'
[[ $(<"$work/err") == *"the kernel reports"*"WARNING: of a test"* ]]
result $? 'and it is said which'
ends 'so is a panic' 121 -- sh -c 'echo c >/proc/sysrq-trigger; sleep 100'
ends 'a command that does not end' 124 --timeout 15 -- sleep 1000
ends 'a guest that ends without a status' 122 -- reboot -f
ends 'an option that is none' 125 --nonsense 1 -- true
ends 'a file that is not there' 125 --with /no/such/file -- true
ends 'no such kernel' 125 --kernel 1.2.3 -- true
[[ $(<"$work/err") == *"no kernel '1.2.3'"*"$UTRACE_KERNEL"* ]]
result $? 'and those that there are'

# seeded SEED: when what happened, to the nanosecond.
seeded() {
	run --smp 2 --seed "$1" -- sh -c 'dmesg | tail -n 3; cat /proc/uptime /proc/interrupts /proc/stat' >/dev/null
	sha256sum <"$work/out"
}
first=$(seeded 1)
[[ $(seeded 1) == "$first" && $(seeded 2) != "$first" ]]
result $? 'a seed is a run, and another one is another'
