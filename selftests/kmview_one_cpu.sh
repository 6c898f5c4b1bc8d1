#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The tests of kmview in which threads wait for answers, with all that takes part on one processor: there the monitor
# often answers before the thread that it answers has gone to sleep.

# shellcheck source=selftests/common.sh
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
programs='kmview kmview_fds kmview_memory kmview_queues kmview_snapshot'

alone() { taskset 1 "$here/$1"; }

trap 'rm -rf "$work"' EXIT
echo 'TAP version 13'
if [ ! -e /dev/kmview ]; then
	echo '1..0 # SKIP needs /dev/kmview'
	exit 4
fi
for program in $programs; do check "$program" alone "$program"; done
echo "1..$count"
[ $failed = 0 ]
