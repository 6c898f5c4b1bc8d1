#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# once
# shellcheck disable=SC2016 # the marks of code in Markdown
# The first engine and the monitors in README.md are those that are built and run: the ends of files in samples.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
count=0

# same NAME LANGUAGE N FILE: the Nth block of code in that language is the end of FILE.
same() {
	local shown
	shown=$(awk -v language='```'"$2" -v n="$3" '/^```/ { inside = 0 } inside { print }
		$0 == language { inside = ++seen == n }' "$tree/README.md")
	count=$((count + 1))
	if [[ $shown && $(<"$tree/$4") == *$'\n'"$shown" ]]; then
		echo "ok $count $1"
	else
		echo "not ok $count $1"
	fi
}

echo 1..3
same 'the first engine is the sample' rust 1 samples/utrace_first.rs
same 'the monitor in Rust is the sample' rust 2 samples/kmview/monitor.rs
same 'the monitor in C is the sample' c 1 samples/kmview/monitor.c
