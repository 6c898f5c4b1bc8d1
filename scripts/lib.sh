# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034 # the variables are the callers'
# What the scripts share. To be sourced, by bash.

set -euo pipefail

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${UTRACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/utrace}
mkdir -p "$cache"/{lock,log,stamp}
cache=$(cd "$cache" && pwd -P)
root=$cache/root

# Debian's own name of the compiler: another one changes the kernel's configuration.
cc=x86_64-linux-gnu-gcc-14
jobs=$(nproc)

note() { printf 'utrace: %s\n' "$*" >&2; }
die() { note "$*"; exit 1; }

# as_root COMMAND...: with a root's rights over the cache: those of a user namespace when we are not root.
as_root() {
	if ((EUID == 0)); then
		"$@"
	else
		unshare --map-auto --map-root-user -- "$@"
	fi
}

# Never across a mount point: an interrupted step of an older kernel may have left one.
remove() { as_root rm -rf --one-file-system -- "$@"; }

in_root() { "$tree/scripts/in-root" -- "$@"; }

# step NAME KEY TITLE COMMAND...: runs COMMAND once for each KEY, one process at a time, its output in a log.
# The stamp is written last: what was interrupted counts as not done, so COMMAND begins by removing leftovers.
step() {
	local name=$1 key=$2 title=$3
	shift 3
	local stamp=$cache/stamp/$name log=$cache/log/$name.log began=$SECONDS lock status
	if stamped "$stamp" "$key"; then return 0; fi
	exec {lock}>"$cache/lock/$name"
	if ! flock -n "$lock"; then
		note "$title: another process is at it, waiting"
		flock "$lock"
	fi
	if ! stamped "$stamp" "$key"; then
		rm -f "$stamp"
		printf 'utrace: %s ... ' "$title" >&2
		# Not in an "if": there bash would ignore set -e in COMMAND.
		set +e
		(
			set -e
			"$@"
		) >"$log" 2>&1 </dev/null
		status=$?
		set -e
		if ((status)); then
			printf 'failed after %d s\n' $((SECONDS - began)) >&2
			tail -n 25 "$log" | sed 's/^/    /' >&2
			die "$title: failed (status $status); the whole log is $log"
		fi
		printf '%d s\n' $((SECONDS - began)) >&2
		printf '%s' "$key" >"$stamp.part"
		mv "$stamp.part" "$stamp"
	fi
	exec {lock}>&-
}

stamped() { [[ -e $1 && $(<"$1") == "$2" ]]; }

kernel_lines() { grep -v -E '^(#|[[:space:]]*$)' "$tree/scripts/kernels"; }
kernel_versions() { kernel_lines | awk '{ print $1 }'; }

# kernel_version [K]: the full name of the kernel K, of the default one without K. The debug kernel of K is K-debug;
# debug alone is that of the default one.
kernel_version() {
	local want=${1-} version
	case $want in
	debug)
		echo "$(kernel_version)-debug"
		return
		;;
	*-debug)
		version=$(kernel_version "${want%-debug}") || exit
		echo "$version-debug"
		return
		;;
	esac
	for version in $(kernel_versions); do
		case $want in
		'' | "$version" | "${version%%+*}" | "$version-amd64")
			echo "$version"
			return
			;;
		esac
	done
	die "no kernel '$want'; known (scripts/kernels): $(kernel_versions | tr '\n' ' ')"
}

# kernel_folder VERSION: where the kernel of that full name is: tree and vmlinuz.
kernel_folder() {
	case $1 in
	*-debug) echo "$cache/debug/${1%-debug}" ;;
	*) echo "$cache/kernel/$1" ;;
	esac
}

kernel_package() { kernel_lines | awk -v version="$1" '$1 == version { print $2 }'; }

# kernel_compiler VERSION: what kbuild is told of the compiler of that kernel. KASAN next to Rust wants clang.
kernel_compiler() {
	case $1 in
	*-debug) echo LLVM=1 ;;
	*) echo "CC=$cc" ;;
	esac
}
