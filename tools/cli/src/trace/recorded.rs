// SPDX-License-Identifier: GPL-2.0

//! Records from the ring: nobody waits.

use super::{
    copies,
    is_broken_pipe,
    Passed,
    Sink,
    Source, //
};
use crate::{
    cli,
    names::BothSets, //
};
use anyhow::{
    Context,
    Result, //
};
use kmview::{
    Calls,
    Events,
    Kinds,
    Ring,
    Session, //
};
use std::io;

/// The records of a session.
pub struct Recorded {
    ring: Ring,
    ended: bool,
}

/// How many bytes it takes to wake us: few when somebody watches.
fn wake(options: &cli::Trace, size: usize) -> u32 {
    match options.output.is_some() {
        true => size as u32 / 4,
        false => 0,
    }
}

impl Recorded {
    /// Has everything that is selected recorded.
    pub fn new(session: &Session, options: &cli::Trace, selected: &BothSets) -> Result<Self> {
        let size = (options.memory as usize) << 20;
        let ring = session.ring(size, options.lossy, wake(options, size))?;
        for what in [Calls::RecordEntry, Calls::RecordReturn] {
            session.set_all_calls(what, &selected.native, &selected.compat)?;
        }
        session.set_copies(&copies(selected, options.string))?;
        let mut record = Kinds::NEW | Kinds::END;
        if !options.quiet {
            record |= Kinds::SIGNAL;
        }
        session.set_events(&Events {
            record,
            record_signals: !0,
            ..Events::default()
        })?;
        session.set_nonblocking(true)?;
        Ok(Recorded { ring, ended: false })
    }
}

impl Source for Recorded {
    fn pass_on(&mut self, session: &Session, sink: &mut dyn Sink) -> Result<Passed> {
        let mut failed = None;
        let count = self.ring.drain(|record| {
            if failed.is_none() {
                failed = sink.record(record).or_else(is_broken_pipe).err();
            }
        })?;
        if let Some(err) = failed {
            return Err(err).context("cannot write");
        }
        let lost = self.ring.lost();
        if lost != 0 {
            sink.lost(lost)?;
        }
        if self.ended {
            return Ok(if count == 0 {
                Passed::End
            } else {
                Passed::Some
            });
        }
        // The queue has notes only, which the ring has, too.
        match session.try_events() {
            Ok(events) if events.is_empty() => self.ended = true,
            Ok(_) => {}
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => {
                if count == 0 {
                    return Ok(Passed::None);
                }
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err).context("cannot read the session"),
        }
        Ok(Passed::Some)
    }
}
