// SPDX-License-Identifier: GPL-2.0
// error[E0599]: where there is no stop there is no ticket.

struct Bad;

#[vtable]
impl Tracer for Bad {
    fn death(_: ArcBorrow<'_, Self>, report: &mut DeathReport<'_>) -> DeathAction {
        let _ = report.ticket().resume();
        DeathAction::Keep
    }
}
