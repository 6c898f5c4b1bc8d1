#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# once
# The first engine in README.md is the one that is built and loaded: the end of samples/utrace_first.rs.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2016 # the marks of code in Markdown
shown=$(sed -n '/^```rust$/,/^```$/{/^```/d;p}' "$tree/README.md")
echo 1..1
if [[ $shown && $(<"$tree/samples/utrace_first.rs") == *$'\n'"$shown" ]]; then
	echo "ok 1 the first engine is the sample"
else
	echo "not ok 1 the first engine is the sample"
fi
