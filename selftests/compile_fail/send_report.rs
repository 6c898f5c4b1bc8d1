// SPDX-License-Identifier: GPL-2.0
// error[E0277]: a report is of the current thread, and stays in it.

struct Bad;

fn to_another_thread<T: Send>(_: T) {}

#[vtable]
impl Tracer for Bad {
    fn exec(_: ArcBorrow<'_, Self>, report: &mut ExecReport<'_>) -> Action {
        to_another_thread(report);
        Action::Resume
    }
}
