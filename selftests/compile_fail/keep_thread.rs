// SPDX-License-Identifier: GPL-2.0
// error[E0521]: nor does the thread in it, without a reference of one's own.

struct Bad;

fn keep(_: &'static Task) {}

#[vtable]
impl Tracer for Bad {
    fn exec(_: ArcBorrow<'_, Self>, report: &mut ExecReport<'_>) -> Action {
        keep(report.thread());
        Action::Resume
    }
}
