#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Monitors in monitors: tracers and a virtualiser that shows one file for another, in every order, all of "head -1 FILE".
# What is inside of the virtualiser names the file by its name, what is outside of it sees which one it is.

# shellcheck source=selftests/common.sh
. "$(dirname "$0")/common.sh"
trap 'rm -rf "$work"' EXIT
here=$(cd "$(dirname "$0")" && pwd)
testx=$here/kmview_testx
kmview=$here/kmview.bin

echo 'TAP version 13'
if [ ! -e /dev/kmview ]; then
	echo '1..0 # SKIP needs /dev/kmview'
	exit 4
fi

asked=$work/asked
# Not longer: it is written over it.
given=$work/given
echo 'what was asked for' >"$asked"
echo 'what is given' >"$given"

# has LOG FILE: exactly one open of FILE, and none of the other one.
has() {
	case $2 in
	"$asked") other=$given ;;
	*) other=$asked ;;
	esac
	[ "$(grep -c -F -x -e "$2" "$1")" = 1 ] && ! grep -F -x -e "$other" "$1"
}

# order LETTERS: t tracer, v virtualiser, from the outermost to the innermost. A call goes the other way: who comes after
# a virtualiser on its way sees what that made of it.
order() {
	arguments='' number=0 inside='' outside=''
	for letter in $(echo "$1" | sed 's/./& /g'); do
		case $letter in
		t)
			number=$((number + 1))
			: >"$work/log$number"
			arguments="$arguments t $work/log$number"
			inside="$inside $number"
			;;
		v)
			arguments="$arguments v $asked $given"
			outside="$outside $inside" inside=''
			;;
		esac
	done
	# shellcheck disable=SC2086 # words
	timeout 60 "$testx" $arguments head -n 1 "$asked" >"$work/output" || { echo "status $?"; return 1; }
	case $1 in
	*v*) grep -F -x 'what is given' "$work/output" || return ;;
	*) grep -F -x 'what was asked for' "$work/output" || return ;;
	esac
	for number in $inside; do
		has "$work/log$number" "$asked" || { echo "tracer $number, inside:"; cat "$work/log$number"; return 1; }
	done
	for number in $outside; do
		has "$work/log$number" "$given" || { echo "tracer $number, outside:"; cat "$work/log$number"; return 1; }
	done
}

# Views by the program, in each other and in tracers; where the module can give arguments.
opened() { sed -n 's/.*openat([^"]*"\([^"]*\)".*/\1/p' "$1"; }
views() {
	echo 'the last word' >"$work/last"
	timeout 60 "$kmview" trace -q -f -o "$work/outer" -- "$kmview" view --map "$given=$work/last" -- \
		"$kmview" trace -q -f -o "$work/middle" -- "$kmview" view --map "$asked=$given" -- \
		"$kmview" trace -q -f -o "$work/inner" -- head -n 1 "$asked" >"$work/output" 2>"$work/err" || { cat "$work/err"; return 1; }
	grep -F -x 'the last word' "$work/output" || { cat "$work/output"; return 1; }
	opened "$work/inner" | grep -F -x -e "$asked" && opened "$work/middle" | grep -F -x -e "$given" &&
		opened "$work/outer" | grep -F -x -e "$work/last"
}

echo 1..12
for letters in t v tv vt tt ttv tvt vtt tvvt vtv; do
	check "order $letters" order $letters
done
check 'order tvtvt' order tvtvt
if [ -x "$kmview" ] && timeout 30 "$kmview" view --map "$asked=$given" -- true >"$work/said" 2>&1; then
	check 'views in traces in views' views
else
	count=$((count + 1))
	echo "ok $count views in traces in views # SKIP $(tail -n 1 "$work/said")"
fi

[ "$failed" = 0 ]
