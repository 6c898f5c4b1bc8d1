#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The crate kmview: what it offers, tried by its own program (tools/kmview/examples/parts.rs).

parts=$(dirname "$0")/kmview_parts.bin
if [ ! -e /dev/kmview ] || [ ! -x "$parts" ]; then
	echo 'TAP version 13'
	echo "1..0 # SKIP needs /dev/kmview and the program kmview_parts (make tools) next to it"
	exit 4
fi
exec timeout 120 "$parts"
