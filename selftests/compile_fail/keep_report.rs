// SPDX-License-Identifier: GPL-2.0
// error[E0521]: a report does not outlive its callback.

struct Bad;

fn keep(_: &'static mut SyscallEntryReport<'static>) {}

#[vtable]
impl Tracer for Bad {
    fn syscall_entry(_: ArcBorrow<'_, Self>, report: &mut SyscallEntryReport<'_>) -> SyscallAction {
        keep(report);
        Action::Resume.into()
    }
}
