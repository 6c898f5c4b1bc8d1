// SPDX-License-Identifier: GPL-2.0
// error[E0451]: reports are given, not made.

fn make() -> Option<DeathReport<'static>> {
    Some(DeathReport {
        common: None?,
        group_dead: true,
    })
}
