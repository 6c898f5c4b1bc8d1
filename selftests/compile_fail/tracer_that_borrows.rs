// SPDX-License-Identifier: GPL-2.0
// error[E0478 E0495]: nobody knows how long an engine lives.

struct Bad<'a>(&'a u64);

#[vtable]
impl<'a> Tracer for Bad<'a> {
    fn exec(_: ArcBorrow<'_, Self>, _: &mut ExecReport<'_>) -> Action {
        Action::Resume
    }
}
