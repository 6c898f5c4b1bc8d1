#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tracepoints of utrace, as the tools that people have see them: bpftrace, perf and tracefs.
# shellcheck disable=SC2001

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib.sh
. "$tree/scripts/lib.sh"
script=$(mktemp)
trap 'rm -f "$script"' EXIT
# A program whose calls wait for a monitor: engines come and go, threads stop and are resumed.
cat >"$script" <<'END'
utrace-load utrace kmview || exit
mount -t tracefs none /sys/kernel/tracing 2>/dev/null
program='/selftests/utrace/kmview.bin trace --wait -o /dev/null -- true'
bpftrace -c "$program" -e '
	tracepoint:utrace:attach { @attach = count(); }
	tracepoint:utrace:report { @report = count(); }
	tracepoint:utrace:stop { @stop = count(); }
	tracepoint:utrace:resume { @resume = count(); }
	tracepoint:utrace:detach { @detach = count(); }' 2>&1 | sed -n 's/^@/bpftrace /p'
perf record -q -a -e 'utrace:*' -o /tmp/recorded -- $program 2>&1
perf script -i /tmp/recorded 2>&1 | sed -n 's/.* utrace:\([a-z]*\):.*/\1/p' | sort | uniq -c | while read -r count name; do
	echo "perf $name: $count"
done
cd /sys/kernel/tracing || exit
echo 1 >events/utrace/enable
$program
echo 0 >events/utrace/enable
sed -n 's/.*: utrace_\([a-z]*\): .*/\1/p; s/.*: \(attach\|report\|stop\|resume\|detach\): tid=.*/\1/p' trace | sort | uniq -c |
	while read -r count name; do echo "ftrace $name: $count"; done
END

echo 1..3
if ! said=$("$tree/qemu/run" --kernel "$UTRACE_KERNEL" --timeout 300 --with "$root/usr/bin/bpftrace:/usr/bin/bpftrace" \
	--with "$root/usr/bin/perf:/usr/bin/perf" --with "$script:/tools" -- sh /tools 2>&1); then
	tail -n 20 <<<"$said" | sed 's/^/# /'
	for n in 1 2 3; do echo "not ok $n the machine failed"; done
	exit 1
fi
n=0
for tool in bpftrace perf ftrace; do
	n=$((n + 1)) missing=''
	for event in attach report stop resume detach; do
		grep -q "^$tool $event: [1-9]" <<<"$said" || missing+=" $event"
	done
	if [[ $missing ]]; then
		sed 's/^/# /' <<<"$said"
		echo "not ok $n $tool sees every tracepoint: not$missing"
	else
		echo "ok $n $tool sees every tracepoint"
	fi
done
