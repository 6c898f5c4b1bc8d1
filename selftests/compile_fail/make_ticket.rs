// SPDX-License-Identifier: GPL-2.0
// error[E0451]: a ticket is given by a stop.

fn make(engine: Ticket) -> Option<Ticket> {
    Some(Ticket {
        engine: None?,
        number: None?,
    })
}
