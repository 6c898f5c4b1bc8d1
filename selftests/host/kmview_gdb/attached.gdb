# SPDX-License-Identifier: GPL-2.0
# For a program that runs, and goes on by itself afterwards. Where it was when gdb came is not always the same.
break turn
set var go = 1
continue
echo here it is\n
backtrace 1
print total
next
set var total = 1000
continue
print number
print total
delete
break *&at_call
continue
stepi
print $pc == (long)&after_call
print (long)$rax
delete
detach
