// SPDX-License-Identifier: GPL-2.0

//! System call virtualisation over `/dev/kmview`.
//!
//! A [`Session`] holds programs whose system calls it selects. A thread that makes one waits until
//! the session has answered the [`Event`]; or, if the session only observes, runs on and leaves a
//! [`Record`] in a [`Ring`].
//!
//! ```no_run
//! use kmview::{Abi, Answer, CallSet, Calls, Kind, Session};
//! use std::process::Command;
//!
//! fn main() -> Result<(), kmview::Error> {
//!     let session = Session::open()?;
//!     // uname() waits for us; the program has been told to run "uname -n".
//!     let uname = CallSet::from_numbers([libc::SYS_uname as u32]);
//!     session.set_calls(Calls::Return, Abi::Native, &uname)?;
//!     let mut program = session.spawn(Command::new("uname").arg("-n"))?;
//!     while let Some(event) = session.next()? {
//!         let Some(ticket) = event.ticket else { continue };
//!         if let Kind::Return(call) = &event.kind {
//!             println!("{} has made call {:?}: {}", event.tid, call.nr, call.result);
//!         }
//!         session.answer(&Answer::run(ticket))?;
//!     }
//!     program.wait().map_err(kmview::Error::Spawn)?;
//!     Ok(())
//! }
//! ```
//!
//! A session is a file descriptor ([`AsFd`](std::os::fd::AsFd)): it can be polled, made non-blocking
//! and given to an executor of async code; [`Session::try_events`] then takes what there is. All
//! methods take `&self`, and any thread may call any of them at any time.

pub mod abi;
mod answer;
mod calls;
mod copy;
mod error;
mod event;
mod memory;
mod ring;
mod session;
mod spawn;
mod sys;

pub use answer::Answer;
pub use calls::{
    Abi,
    CallSet,
    Calls,
    Count, //
};
pub use copy::{
    CopyArg,
    Length, //
};
pub use error::{
    Error,
    Result, //
};
pub use event::{
    Arch,
    Created,
    Entry,
    Event,
    Kind,
    Origin,
    Return,
    Signal,
    ThreadId,
    Ticket, //
};
pub use memory::Access;
pub use ring::{
    Data,
    Record,
    Ring, //
};
pub use session::{
    Adopt,
    AtClose,
    Attach,
    Events,
    Features,
    Follow,
    Info,
    Kinds,
    Options,
    Session, //
};
pub use spawn::Program;
