// SPDX-License-Identifier: GPL-2.0
// error[E0277]: one tracer is called by many threads at the same time.

struct Bad(core::cell::Cell<u64>);

#[vtable]
impl Tracer for Bad {
    fn exec(this: ArcBorrow<'_, Self>, _: &mut ExecReport<'_>) -> Action {
        this.0.set(1);
        Action::Resume
    }
}
