// SPDX-License-Identifier: GPL-2.0

//! Introspection: the files of `/sys/kernel/debug/utrace`.
//!
//! `engines` has a line for each attached engine:
//!
//! ```text
//! tid=812 tgid=812 engine=17 owner=kmview events=SYSCALL_ENTRY|EXEC callback=0 stop=parked ticket=24 ask=- held_ms=1530
//! ```
//!
//! | field | |
//! | --- | --- |
//! | `tid`, `tgid` | the traced thread and its process, as the initial pid namespace numbers them |
//! | `engine` | the engine's serial number |
//! | `owner` | the module that it belongs to |
//! | `events` | what it wants to hear of, `-` for nothing |
//! | `callback` | 1 while a callback of it runs |
//! | `stop` | the stop that its callbacks make: `running` (none), `prepared`, `parked`, `released` or `closed` |
//! | `ticket` | the number of that stop, or of the last one |
//! | `ask` | the ticket of the stop that is asked for from outside, `-` for none |
//! | `held_ms` | how long the thread has been parked, if it is this engine that holds it, else `-` |
//!
//! `counters` has a name and a number in each line: what has happened since the module was loaded.
//!
//! Threads and engines go on while the files are read: a line says what was so when it was
//! written. Events pay nothing for any of this.

use super::{
    global::{
        self,
        Listed, //
    },
    object::Engine, //
};
use crate::{
    core::{
        event,
        stop::Phase, //
    },
    sys::trace::{
        millis_since,
        tgid,
        Counter, //
    }, //
};
use core::fmt;
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    prelude::*, //
};

/// The files, until dropped: after that nobody reads them.
#[pin_data]
pub(crate) struct Files {
    #[pin]
    _engines: File<()>,
    #[pin]
    _counters: File<()>,
    _dir: Dir,
}

impl Files {
    /// Makes them. Without debugfs there are none.
    pub(crate) fn new() -> Result<Pin<KBox<Self>>> {
        let dir = Dir::new(c"utrace");
        KBox::pin_init(
            try_pin_init!(Files {
                _engines <- dir.read_callback_file(c"engines", (), &engines),
                _counters <- dir.read_callback_file(c"counters", (), &counters),
                _dir: dir,
            }),
            GFP_KERNEL,
        )
    }
}

/// The file `engines`.
fn engines(_: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut last = None;
    loop {
        // A few at a time, so that the register is locked for a short while only.
        let some = global::get().list_after(last).map_err(|_| fmt::Error)?;
        for listed in some.iter() {
            line(f, listed)?;
        }
        last = match some.last() {
            Some(listed) => Some(listed.place()),
            None => return Ok(()),
        };
    }
}

fn line(f: &mut fmt::Formatter<'_>, listed: &Listed) -> fmt::Result {
    let engine = &*listed.engine;
    if engine.word.is_detached() {
        return Ok(());
    }
    let task = engine.utrace.task();
    let (phase, ticket) = engine.word.peek();
    let phase = match phase {
        Phase::Running => "running",
        Phase::Prepared => "prepared",
        Phase::Parked => "parked",
        Phase::Released => "released",
        Phase::Closed => "closed",
    };
    write!(f, "tid={} tgid={}", task.pid(), tgid(task))?;
    write!(
        f,
        " engine={} owner={}",
        engine.serial,
        listed.owner.as_str()
    )?;
    f.write_str(" events=")?;
    event_names(f, engine.events())?;
    write!(f, " callback={}", u32::from(engine.word.is_in_callback()))?;
    write!(f, " stop={} ticket={}", phase, ticket.raw())?;
    match engine.ask.held() {
        Some(ask) => write!(f, " ask={}", ask.raw())?,
        None => f.write_str(" ask=-")?,
    }
    match parked_since(engine) {
        Some(since) => writeln!(f, " held_ms={}", millis_since(since)),
        None => writeln!(f, " held_ms=-"),
    }
}

/// Since when the thread has been parked, if the engine is a reason for that.
fn parked_since(engine: &Engine) -> Option<u64> {
    let holds = engine.word.peek().0 == Phase::Parked || engine.ask.is_held();
    let since = engine.utrace.parked_since.load();
    (holds && since != 0).then_some(since)
}

fn event_names(f: &mut fmt::Formatter<'_>, events: u32) -> fmt::Result {
    if events == 0 {
        return f.write_str("-");
    }
    let mut separator = "";
    for bit in 0..u32::BITS {
        if events & 1 << bit == 0 {
            continue;
        }
        match event::NAMES.get(bit as usize) {
            Some(name) => write!(f, "{}{}", separator, name)?,
            None => write!(f, "{}{}", separator, bit)?,
        }
        separator = "|";
    }
    Ok(())
}

/// The file `counters`.
fn counters(_: &(), f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for counter in Counter::ALL {
        writeln!(f, "{} {}", counter.name(), counter.get())?;
    }
    Ok(())
}
