// SPDX-License-Identifier: GPL-2.0
// error[E0308]: a dead thread cannot be stopped.

struct Bad;

#[vtable]
impl Tracer for Bad {
    fn death(_: ArcBorrow<'_, Self>, _: &mut DeathReport<'_>) -> DeathAction {
        Action::Stop
    }
}
