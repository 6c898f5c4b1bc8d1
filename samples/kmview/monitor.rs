// SPDX-License-Identifier: GPL-2.0

//! A monitor: the programs of a shell believe that their host has no name.

use kmview::{Abi, Answer, CallSet, Calls, Kind, Session};
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let session = Session::open()?;
    let uname = CallSet::from_numbers([libc::SYS_uname as u32]);
    session.set_calls(Calls::Entry, Abi::Native, &uname)?;
    let mut shell = session.spawn(Command::new("sh").args(std::env::args().skip(1)))?;
    while let Some(event) = session.next()? {
        let Some(ticket) = event.ticket else { continue };
        if let Kind::Entry(call) = &event.kind {
            println!("{} calls uname({:#x}): no", event.tid, call.args[0]);
        }
        session.answer(&Answer::skip(ticket, -i64::from(libc::EPERM)))?;
    }
    shell.wait()?;
    Ok(())
}
