# SPDX-License-Identifier: GPL-2.0
# System calls themselves, at both ends, and another result for one of them.
break turn
run
eval "shell /gdb/begun %d", self
delete
catch syscall getpgid
continue
print (long)$rdi - 0x40000000
continue
print (long)$rax
continue
continue
set var $rax = 77
delete
catch syscall uname
handle SIGUSR1 nostop noprint
continue
continue
finish
print (char *)name.nodename
print total
delete
continue
print $_exitcode
