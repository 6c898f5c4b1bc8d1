// SPDX-License-Identifier: GPL-2.0
// error[E0053]: a system call that has been made cannot be aborted.

struct Bad;

#[vtable]
impl Tracer for Bad {
    fn syscall_exit(_: ArcBorrow<'_, Self>, _: &mut SyscallExitReport<'_>) -> SyscallAction {
        SyscallAction::abort(Action::Resume)
    }
}
