#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# gdb beside kmview, on one process: it says and does what it does without, and kmview sees every call. Whichever of the
# two comes first; also where the process, or gdb too, waits for a monitor at each call. The guest's half is in kmview_gdb.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib.sh
. "$tree/scripts/lib.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# gdb does not run without its Python; what of that nobody asks for stays here.
mkdir "$work/python"
tar -c -C "$root/usr/lib/python3.13" --exclude=idlelib --exclude=tkinter --exclude=turtledemo --exclude=ensurepip \
	--exclude=pydoc_data --exclude=sitecustomize.py --exclude='config-*' --exclude=__pycache__ . | tar -x -C "$work/python"

if ! "$tree/qemu/run" --kernel "$UTRACE_KERNEL" --turns --timeout 1500 --with "$tree/selftests/host/kmview_gdb:/gdb" \
	--with "$tree/selftests/debuggee.c:/gdb/debuggee.c" --with "$root/usr/bin/gdb:/usr/bin/gdb" \
	--with "$root/usr/share/gdb:/usr/share/gdb" --with "$work/python:/usr/lib/python3.13" -- /gdb/guest >"$work/said" 2>"$work/report"; then
	failed=1
fi
cat "$work/said"
# Neither a hang nor a word of the kernel's goes unnoticed, wherever it came.
if [[ ${failed-} ]] && ! grep -q '^not ok' "$work/said"; then
	sed 's/^/# /' "$work/report"
	exit 1
fi
