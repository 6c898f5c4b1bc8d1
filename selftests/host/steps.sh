#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# once
# The steps in which the cache is made: each once, anew after an interruption or a failure, which is explained; and what
# is said of a kernel that is no longer in the archive.
# shellcheck disable=SC2001,SC2319,SC2016 # a condition is what the result is about; a script's own variables

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${UTRACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/utrace}
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
export UTRACE_CACHE=$work/cache
count=0

# with_step SCRIPT: has it run with the function "step"; gives what it said.
with_step() { bash -c ". '$tree/scripts/lib.sh'; made=$work/made; $1" 2>&1; }

# result STATUS NAME
result() {
	count=$((count + 1))
	if [[ $1 == 0 ]]; then
		echo "ok $count $2"
	else
		echo "not ok $count $2"
		sed 's/^/# /' <<<"$said"
	fi
}

lines() { wc -l <"$work/made"; }

echo 1..7
said=$(with_step 'make_it() { echo x >>"$made"; }; step it 1 "making it" make_it; step it 1 "making it" make_it')
[[ $said == 'utrace: making it ... '*' s' && $(lines) == 1 ]]
result $? 'a step is made once, and says what and how long'
said=$(with_step 'make_it() { echo x >>"$made"; }; step it 2 "making it" make_it')
[[ $(lines) == 2 ]]
result $? 'and again when its key has changed'
said=$(with_step 'make_it() { echo x >>"$made"; kill -KILL $$; sleep 0.2; }; step killed 1 "making it" make_it')
said+=$(with_step 'make_it() { echo x >>"$made"; }; step killed 1 "making it" make_it')
[[ $(lines) == 4 && -e $UTRACE_CACHE/stamp/killed ]]
result $? 'and again after an interruption'
said=$(with_step 'make_it() { echo "the reason"; false; echo never; }; step bad 1 "making it" make_it; echo went on')
[[ $said == *'failed after'*'the reason'*"the whole log is $UTRACE_CACHE/log/bad.log"* && $said != *never* &&
	$said != *'went on'* && ! -e $UTRACE_CACHE/stamp/bad ]]
result $? 'a failure ends it, with the reason and the name of the log'
script='make_it() { echo x >>"$made"; sleep 2; }; step shared 1 "making it" make_it'
before=$(lines)
with_step "$script" >/dev/null &
said=$(with_step "$script")
wait
[[ $(lines) == $((before + 1)) ]]
result $? 'two at once make it once'

# A tree whose kernel the archive does not have, with the build root that is there.
mkdir -p "$work/tree"
cp -r "$tree/scripts" "$work/tree/"
printf '9.9.9+deb13\t9.9.9-1~bpo13+1\n' >>"$work/tree/scripts/kernels"
ln -s "$cache/root" "$UTRACE_CACHE/root"
cp "$cache/stamp/root" "$UTRACE_CACHE/stamp/"
said=$("$work/tree/scripts/kernel" 9.9.9 2>&1)
status=$?
[[ $status != 0 && $said == *"packages of version 9.9.9-1~bpo13+1 could not be fetched"* ]]
result $? 'a kernel that is not in the archive is an error'
[[ $said == *'kernels the archive offers'*"${UTRACE_KERNEL}"* ]]
result $? 'which lists those that are'
