#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Adoption where Yama lets nobody trace: a scope that a machine never leaves, so in one of its own.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
said=$(mktemp)
trap 'rm -f "$said"' EXIT

"$tree/qemu/run" --kernel "$UTRACE_KERNEL" --turns --timeout 300 -- sh -c '
	cd /selftests/utrace
	utrace-load utrace kmview && YAMA_FOR_EVER=1 ./kmview_creds -t yama_and_adoption_for_ever || exit
	timeout 60 ./kmview.bin trace true 2>&1
	echo "trace: status $?"' >"$said" 2>&1
status=$?

# result N NAME PATTERN: a line that was said.
result() {
	if ((status == 0)) && grep -q -E "$3" "$said"; then
		echo "ok $1 $2"
	else
		echo "not ok $1 $2"
		sed 's/^/# /' "$said"
	fi
}

echo 1..2
result 1 'nobody is adopted where ptrace traces nobody' '^ok 1 creds.yama_and_adoption_for_ever$'
result 2 'kmview says why' '^kmview: KMVIEW_ADOPT: not permitted.*Yama'
