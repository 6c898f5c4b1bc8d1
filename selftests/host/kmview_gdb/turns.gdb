# SPDX-License-Identifier: GPL-2.0
# Breakpoints, steps over lines, instructions and a system call with a breakpoint of its own, variables, a signal.
break turn
run
eval "shell /gdb/begun %d", self
backtrace
print number
print total
next
print total
set var total = 1000
continue
print number
print total
finish
delete
break *&at_call
continue
print $pc == (long)&at_call
stepi
print $pc == (long)&after_call
print (long)$rax
stepi
stepi
continue
print (long)$rdi - 0x40000000
delete
continue
print total
continue
print $_exitcode
