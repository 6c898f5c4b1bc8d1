#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# once
# The tests that the tables of promises (rust/utrace/api/contract.md) and of races (selftests/races.md) name are there;
# each row names one; every public function of the API has its row.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
contract=$tree/rust/utrace/api/contract.md
races=$tree/selftests/races.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

# result NAME: what is wrong is in "wrong".
result() {
	count=$((count + 1))
	if [[ -s $work/wrong ]]; then
		echo "not ok $count $1"
		sed 's/^/# /' "$work/wrong"
	else
		echo "ok $count $1"
	fi
}

# exists TEST: FILE.c:NAME, FILE.sh: NAME, host/FILE.sh, compile_fail/FILE.rs or model:NAME.
exists() {
	local file=${1%%:*} name=${1#*:}
	case $1 in
	model:*) grep -q "name: \"$name\"" "$tree"/rust/model/src/models/*.rs ;;
	*.c:*) grep -q -E "^[[:space:]]*TEST_F(_TIMEOUT)?\([a-z_]+, $name(\)|,|_?##)" "$tree/selftests/$file" 2>/dev/null ;;
	*.sh:*) grep -q -F "${name# }" "$tree/selftests/$file" 2>/dev/null ;;
	*) [[ -e $tree/selftests/$1 ]] ;;
	esac
}

# tests FILE: those that the last column of its tables names.
tests() {
	# shellcheck disable=SC2016 # the marks of code in Markdown
	sed -n 's/^|.*|\(.*\)|$/\1/p' "$1" | grep -o '`[^`]*`' | tr -d '`' |
		grep -E '^(model:|[a-z0-9_]+\.c:|(host/)?[a-z_]+\.sh|compile_fail/)' | sort -u
}

# rows FILE: without the heads of tables.
rows() { grep '^|' "$1" | grep -v -E '^\| (---|Function|Callback|\| Race)'; }

echo 1..5
for table in "$contract" "$races"; do
	tests "$table" | while read -r name; do
		exists "$name" || echo "no such test: $name"
	done >"$work/wrong"
	[[ $(tests "$table" | wc -l) -gt 50 ]] || echo "hardly any tests in it" >>"$work/wrong"
	result "the tests in $(basename "$table") exist"
done

for table in "$contract" "$races"; do
	# shellcheck disable=SC2016 # the marks of code in Markdown
	rows "$table" | grep -v -E '`(model:|[a-z0-9_]+\.c:|[a-z_]+\.sh:|host/|compile_fail/)[^`]*`[^|]*\|$'
done >"$work/wrong"
result 'each promise has a test'

# What modules in Rust and in C can call.
{
	cd "$tree/rust/utrace" || exit
	sed -n -E 's/^    pub fn ([a-z_0-9]+).*/\1/p; s/^pub fn ([a-z_0-9]+).*/\1/p' api/handle.rs api/ticket.rs api/examine.rs
	sed -n -E 's/^    fn ([a-z_]+)\(.*|^    fn ([a-z_]+)\($/\1\2/p' api/tracer.rs | grep -v '^from$'
	sed -n -E 's/^EXPORT_SYMBOL_GPL\((.*)\);/\1/p' capi/*.c
	sed -n -E 's/^static inline .*[ *](utrace_[a-z_]+_pid)\(.*/\1/p' "$tree/include/linux/utrace.h"
} | sort -u | while read -r name; do
	grep -q -E "[:\`]${name}[\`(]" "$contract" || echo "not in the table: $name"
done >"$work/wrong"
result 'each function has its promises'

for number in {1..45}; do
	grep -q "^| $number |" "$races" || echo "$number is missing"
done >"$work/wrong"
result 'no race is left out'
