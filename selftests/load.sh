#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Loading and unloading: under load, in vain, and next to others who want the same functions. Unloads all modules of
# utrace first, and leaves utrace and its test modules loaded.
# shellcheck disable=SC2086,SC2016,SC3037,SC2317,SC2009 # numbers and names without spaces; functions are called by name

# shellcheck source=selftests/common.sh
. "$(dirname "$0")/common.sh"

tracing=/sys/kernel/tracing
load=''

points='syscall_regfunc syscall_unregfunc trace_syscall_enter trace_syscall_exit uprobe_copy_process
proc_exec_connector get_signal task_set_jobctl_pending do_signal_stop dequeue_signal
do_exit proc_exit_connector pidfs_exit'
rounds=${UT_ROUNDS:-20}

# Nothing of ours is left behind.
nothing_left() {
	if is_loaded utrace; then
		echo 'utrace is loaded'
		return 1
	fi
	if grep 'utrace' $tracing/enabled_functions; then return 1; fi
}

finish() {
	if [ "$load" ]; then kill $load 2>/dev/null; fi
	echo 0 >$tracing/events/raw_syscalls/sys_enter/enable
	echo nop >$tracing/current_tracer
	echo >$tracing/set_ftrace_filter
	unload_all
	rm -rf "$work"
	[ $begun ] && ins utrace && ins utrace_test && ins utrace_ctest && ins kmview
}

echo 'TAP version 13'
if [ ! -e "$modules/utrace.ko" ] || [ ! -e "$modules/utrace_test.ko" ] || [ "$(id -u)" != 0 ]; then
	echo '1..0 # SKIP needs root, and the modules of a test build in $UTRACE_MODULES'
	exit 4
fi
begun=1
trap finish EXIT
listen
unload_all
if is_loaded utrace; then
	echo "Bail out! something still uses utrace: $(grep '^utrace ' /proc/modules)"
	exit 1
fi

# --- plain -----------------------------------------------------------------------------------------

plain() {
	for _ in 1 2; do
		ins utrace || return
		[ "$(grep -c 'direct.*utrace_tramp' $tracing/enabled_functions)" = 13 ] || return
		rmmod utrace || return
		nothing_left || return
	done
}
check 'load and unload with nothing attached' plain

twice() {
	ins utrace && ! ins utrace && rmmod utrace && nothing_left
}
check 'it is loaded once only' twice

in_use() {
	ins utrace && ins utrace_resumer || return
	if rmmod utrace 2>"$work/err"; then
		echo 'unloaded under its user'
		return 1
	fi
	cat "$work/err"
	grep -q -i 'unavailable\|in use\|busy' "$work/err" || return
	is_loaded utrace && rmmod utrace_resumer && rmmod utrace && nothing_left
}
check 'unload is refused while a consumer is loaded' in_use

# --- parked and running threads ----------------------------------------------------------------------

loop() {
	n=0
	while [ $n -lt "$1" ]; do
		/bin/true
		(:)
		n=$((n + 1))
	done
	: >"$work/done.$2"
}

# All end, whatever the consumer does.
ends() {
	tries=0
	for i in "$@"; do
		until [ -e "$work/done.$i" ]; do
			tries=$((tries + 1))
			if [ $tries -gt 600 ]; then
				echo "load $i has not ended"
				ps -o pid,stat,comm
				return 1
			fi
			sleep 0.1
		done
	done
}

consumer_goes() {
	for poll in 0 1; do
		rm -f "$work"/done.*
		ins utrace && ins utrace_resumer poll=$poll || return
		for i in 1 2; do
			loop 40 $i &
			echo $! >/sys/kernel/debug/utrace_resumer/attach || return
		done
		sleep 0.5
		rmmod utrace_resumer && rmmod utrace && nothing_left || return
		ends 1 2 || return
		wait
	done
}
check 'threads run on when their consumer is unloaded' consumer_goes

# Threads of programs that have no line among the engines. One that is there again has been missed.
missed() {
	for task in /proc/[0-9]*/task/[0-9]*; do
		if [ -L "$task/exe" ] && readlink "$task/exe" >/dev/null 2>&1; then
			grep -q "^tid=${task##*/} .* owner=utrace_all " /sys/kernel/debug/utrace/engines ||
				{ readlink "$task/exe" >/dev/null 2>&1 && echo "$task"; }
		fi
	done
}

everyone() {
	ins utrace && ins utrace_all || return
	/bin/true | cat
	left=$(missed)
	if [ "$left" ]; then
		echo "no engine on: $left"
		return 1
	fi
	cat /sys/kernel/debug/utrace_all/events
	grep -q '^lost 0$' /sys/kernel/debug/utrace_all/events || return
	for event in quiesce entry exit_of_call clone exec signal exit death reap; do
		grep -q "^$event [1-9]" /sys/kernel/debug/utrace_all/events || return
	done
	rmmod utrace_all || return
	if [ -s /sys/kernel/debug/utrace/engines ]; then
		cat /sys/kernel/debug/utrace/engines
		return 1
	fi
	rmmod utrace && nothing_left
}
check 'an engine sits on every thread of the machine, init and what it makes, and goes' everyone

start_load() {
	for i in 1 2 3; do
		while :; do
			/bin/true
			(:)
			echo | cat >/dev/null
		done &
		load="$load $!"
	done
}

under_load() {
	start_load
	n=0
	while [ $n -lt $rounds ]; do
		ins utrace || return
		set -- $load
		ins utrace_resumer poll=$((n % 2)) pid=$1 || return
		echo $2 >/sys/kernel/debug/utrace_resumer/attach || return
		echo $3 >/sys/kernel/debug/utrace_resumer/attach || return
		# Other work goes on meanwhile: how much differs from round to round.
		m=0
		while [ $m -lt $((n % 7)) ]; do
			/bin/true
			m=$((m + 1))
		done
		cat /sys/kernel/debug/utrace_resumer/counts >"$work/counts"
		rmmod utrace_resumer && rmmod utrace && nothing_left || return
		n=$((n + 1))
	done
	for pid in $load; do
		kill -0 $pid || return
		kill -KILL $pid
		wait $pid
	done
	load=''
	cat "$work/counts"
}
check "$rounds rounds of load and unload under load" under_load
check 'the kernel has nothing to say about that' quiet

# --- in vain ---------------------------------------------------------------------------------------

absent() {
	listen
	if ins utrace "fail_hook=$1"; then
		echo 'loaded all the same'
		rmmod utrace
		return 1
	fi
	said "hook point $2: no such function" && nothing_left && quiet
}
n=1
for point in $points; do
	check "$point is absent" absent $n $point
	n=$((n + 1))
done

step() {
	listen
	if ins utrace "fail_step=$1"; then
		echo 'loaded all the same'
		rmmod utrace
		return 1
	fi
	said "step $1 of loading fails" && nothing_left && quiet
}
for n in 1 2 3 4 5 6; do
	check "step $n of loading fails" step $n
done

taken() {
	listen
	ins utrace_taken function=$1 || return
	if ins utrace 2>"$work/err"; then
		rmmod utrace
		rmmod utrace_taken
		echo 'loaded all the same'
		return 1
	fi
	said "hook point $1: another direct trampoline" &&
		grep -i busy "$work/err" &&
		! grep -q 'utrace_tramp' $tracing/enabled_functions &&
		rmmod utrace_taken && nothing_left && quiet
}
for point in $points; do
	check "$point is taken" taken $point
done

again() {
	ins utrace && rmmod utrace && nothing_left && quiet
}
check 'it loads after all that' again

takes() {
	ins utrace || return
	! ins utrace_taken function=do_exit 2>"$work/err" && grep -i busy "$work/err" && rmmod utrace && nothing_left
}
check 'another one cannot take what we have' takes

wrong() {
	listen
	if ins utrace_resumer "$1"; then
		echo 'loaded all the same'
		rmmod utrace_resumer
		return 1
	fi
	! is_loaded utrace_resumer && said "$1" && quiet
}
ins utrace
for parameter in pid=-1 pid=2 pid=99999999 cpu=99; do
	check "utrace_resumer with $parameter is refused" wrong $parameter
done
unload_all

# --- next to others ----------------------------------------------------------------------------------

# Lines of the trace with this text, tracing switched off for the count.
lines() {
	echo 0 >$tracing/tracing_on
	grep -c "$1" $tracing/trace
	echo 1 >$tracing/tracing_on
}

traced() {
	echo 1 >$tracing/tracing_on
	echo >$tracing/trace
	/bin/true
	[ "$(lines "$1")" -gt 0 ] || { echo "no $1 $2"; return 1; }
}

tracer() {
	echo do_exit >$tracing/set_ftrace_filter
	echo function >$tracing/current_tracer
	traced do_exit before && ins utrace && traced do_exit loaded && rmmod utrace && traced do_exit after || return
	ins utrace || return
	echo nop >$tracing/current_tracer
	echo function >$tracing/current_tracer
	traced do_exit 'while loaded, begun again' && rmmod utrace && traced do_exit after || return
	echo nop >$tracing/current_tracer
	echo >$tracing/set_ftrace_filter
	nothing_left
}
check 'the function tracer was there before and is there after' tracer

kprobe() {
	echo 'p:kprobes/ut_load do_exit' >$tracing/kprobe_events || return
	echo 1 >$tracing/events/kprobes/ut_load/enable
	traced ut_load before && ins utrace && traced ut_load loaded && rmmod utrace && traced ut_load after
	status=$?
	ins utrace
	echo 0 >$tracing/events/kprobes/ut_load/enable
	echo 1 >$tracing/events/kprobes/ut_load/enable
	traced ut_load 'while loaded, begun again' || status=1
	rmmod utrace
	traced ut_load after || status=1
	echo 0 >$tracing/events/kprobes/ut_load/enable
	echo >$tracing/kprobe_events
	nothing_left && return $status
}
check 'a kprobe was there before and is there after' kprobe

sys_enter() {
	event=$tracing/events/raw_syscalls/sys_enter/enable
	echo 1 >$event
	traced sys_enter before && ins utrace && traced sys_enter loaded && rmmod utrace && traced sys_enter after || return
	# Begun without us, ended with us, and the other way round.
	ins utrace && echo 0 >$event && rmmod utrace && nothing_left || return
	echo >$tracing/trace
	/bin/true
	[ "$(lines sys_enter:)" = 0 ] || return
	ins utrace && echo 1 >$event && traced sys_enter: loaded && rmmod utrace && traced sys_enter: after || return
	echo 0 >$event
	nothing_left && quiet
}
check 'sys_enter is traced whoever comes and goes' sys_enter

# What brings system calls to the hooks is given back: without us and others nobody gets there.
bit() {
	echo trace_syscall_enter >$tracing/set_ftrace_filter
	echo function >$tracing/current_tracer
	ins utrace && ins utrace_resumer || return
	loop 10 9 &
	echo $! >/sys/kernel/debug/utrace_resumer/attach
	wait
	rmmod utrace_resumer && rmmod utrace || return
	echo 1 >$tracing/tracing_on
	echo >$tracing/trace
	/bin/true
	n=$(lines 'trace_syscall_enter')
	echo nop >$tracing/current_tracer
	echo >$tracing/set_ftrace_filter
	# The line that names the tracer has no function.
	echo "$n calls"
	[ "$n" = 0 ]
}
check 'no thread keeps the work bit' bit
# state PID LETTER: waits until the thread is in that state.
state() {
	tries=0
	until [ "$(sed 's/.*) //' "/proc/$1/stat" | cut -c1)" = "$2" ]; do
		tries=$((tries + 1))
		[ $tries -lt 400 ] || return
		sleep 0.05
	done
}

# A thread that was stopped while nobody traced it has nothing of ours on its stack.
stopped() {
	ins utrace || return
	sleep 1000 &
	pid=$!
	kill -STOP $pid && state $pid T && rmmod utrace && kill -CONT $pid && state $pid S && kill $pid
	wait $pid
	nothing_left && quiet
}
check 'unload while an untraced process is stopped' stopped

# The trap flag is off, and the last trap has been taken, when the code that knows of it is gone.
goes_while_stepping() {
	"$(dirname "$0")/step_loop" &
	pid=$!
	n=0
	while [ $n -lt 5 ]; do
		ins utrace && ins utrace_test && "$(dirname "$0")/step_loop" $pid $((n * 2)) || return
		rmmod utrace_test && rmmod utrace && nothing_left || return
		kill -0 $pid || return
		n=$((n + 1))
	done
	kill $pid
	wait $pid
	# Killed by SIGTERM, not by a trap, nor by itself.
	[ $? = 143 ] && quiet
}
check 'modules go while a thread steps' goes_while_stepping

# One that was stopped under an engine returns through us: until then the module stays.
stopped_traced() {
	ins utrace && ins utrace_test || return
	sleep 1000 &
	pid=$!
	"$(dirname "$0")/attach_signals" $pid >"$work/said" &
	tracer=$!
	tries=0
	until grep -q attached "$work/said"; do
		tries=$((tries + 1))
		[ $tries -lt 400 ] || return
		sleep 0.05
	done
	kill -STOP $pid && state $pid T || return
	kill $tracer
	wait $tracer
	rmmod utrace_test || return
	if rmmod utrace; then return 1; fi
	kill -CONT $pid && state $pid S || return
	tries=0
	until rmmod utrace; do
		tries=$((tries + 1))
		[ $tries -lt 400 ] || return
		sleep 0.05
	done
	kill $pid
	wait $pid
	nothing_left && quiet
}
check 'a process stopped under an engine keeps the module until it goes on' stopped_traced

# Nobody comes to the test module's code after it has gone, whoever else has engines.
test_module_goes() {
	ins utrace && ins utrace_resumer && ins utrace_test && rmmod utrace_test || return
	loop 10 9 &
	echo $! >/sys/kernel/debug/utrace_resumer/attach
	wait
	rmmod utrace_resumer && rmmod utrace && nothing_left && quiet
}
check 'the test module goes before other users' test_module_goes
check 'the kernel has nothing to say' quiet

echo "1..$count"
[ $failed = 0 ]
