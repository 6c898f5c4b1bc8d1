// SPDX-License-Identifier: GPL-2.0
// error[E0053]: nor by another signature.

struct Bad;

#[vtable]
impl Tracer for Bad {
    fn death(_: ArcBorrow<'_, Self>, _: &mut DeathReport<'_>) -> Action {
        Action::Stop
    }
}
