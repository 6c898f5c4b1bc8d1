// SPDX-License-Identifier: GPL-2.0

//! Threads wait at each call until it was shown.

use super::{
    abi_of,
    clock,
    is_broken_pipe,
    Passed,
    Sink,
    Source, //
};
use crate::{
    calls::{
        self,
        Arg,
        Call,
        PATH_MAX, //
    },
    cli,
    names::{
        self,
        BothSets, //
    }, //
};
use anyhow::Result;
use kmview::{
    Abi,
    Answer,
    Calls,
    Data,
    Event,
    Events,
    Kind,
    Kinds,
    Length,
    Record,
    Session,
    ThreadId,
    Ticket, //
};
use std::{
    collections::HashMap,
    time::Duration, //
};

/// What threads do that wait for us.
pub struct Waited {
    answers: Vec<Answer>,
    /// The calls that threads are in: their arguments are needed again at the end.
    inside: HashMap<ThreadId, [u64; 6]>,
    max: u32,
}

impl Waited {
    /// Has everything that is selected wait.
    pub fn new(session: &Session, options: &cli::Trace, selected: &BothSets) -> Result<Self> {
        for what in [Calls::Entry, Calls::Return] {
            session.set_all_calls(what, &selected.native, &selected.compat)?;
        }
        if !options.quiet {
            session.set_events(&Events {
                wait: Kinds::SIGNAL,
                wait_signals: !0,
                ..Events::default()
            })?;
        }
        Ok(Waited {
            answers: Vec::new(),
            inside: HashMap::new(),
            max: options.string,
        })
    }

    /// What is copied of the arguments, now that the call is about to be made, or has been.
    fn data(&mut self, session: &Session, event: &Event) -> Vec<Data> {
        let abi = abi_of(event.arch);
        let Some(ticket) = event.ticket else {
            return Vec::new();
        };
        let (nr, args, result) = match &event.kind {
            Kind::Entry(entry) => {
                self.inside.insert(event.thread, entry.args);
                (entry.nr, entry.args, None)
            }
            Kind::Return(ret) => {
                let (Some(nr), Some(args)) = (ret.nr, self.inside.remove(&event.thread)) else {
                    return Vec::new();
                };
                (nr, args, Some(ret.result))
            }
            _ => return Vec::new(),
        };
        let Some(call) = calls::find(&names::call(abi, nr)) else {
            return Vec::new();
        };
        let max = self.max as usize + 1;
        let copy = Copier {
            session,
            ticket,
            abi,
            max,
        };
        copy.all(call, &args, result)
    }
}

/// Copies arguments of one event.
struct Copier<'a> {
    session: &'a Session,
    ticket: Ticket,
    abi: Abi,
    max: usize,
}

impl Copier<'_> {
    fn all(&self, call: &Call, args: &[u64; 6], result: Option<i64>) -> Vec<Data> {
        let some = call
            .args
            .iter()
            .zip(0..)
            .filter(|(arg, _)| arg.is_filled() == result.is_some());
        some.filter_map(|(arg, n)| {
            let address = args[usize::from(n)];
            let (bytes, wanted) = self.one(arg, address, args, result)?;
            Some(Data {
                arg: n,
                fault: bytes.len() < wanted,
                cut: false,
                bytes,
            })
        })
        .collect()
    }

    /// The bytes, and how many there should be.
    fn one(
        &self,
        arg: &Arg,
        address: u64,
        args: &[u64; 6],
        result: Option<i64>,
    ) -> Option<(Vec<u8>, usize)> {
        let len = |length: Length| {
            let wanted = match length {
                Length::Max => u64::MAX,
                Length::Argument(n) => args[usize::from(n)],
                Length::Result => result.and_then(|r| u64::try_from(r).ok()).unwrap_or(0),
            };
            usize::try_from(wanted).unwrap_or(usize::MAX).min(self.max)
        };
        match *arg {
            Arg::Path => Some((self.string(address, PATH_MAX as usize)?, 0)),
            Arg::Str => Some((self.string(address, self.max)?, 0)),
            Arg::Strings => Some((self.strings(address)?, 0)),
            Arg::Signals => self.bytes(address, 8),
            Arg::In(length) | Arg::Out(length) => self.bytes(address, len(length)),
            Arg::Reads(what) | Arg::Fills(what) => {
                self.bytes(address, what.size(self.abi)? as usize)
            }
            _ => None,
        }
    }

    fn string(&self, address: u64, max: usize) -> Option<Vec<u8>> {
        let mut bytes = self.session.read_string(self.ticket, address, max).ok()?;
        if bytes.len() < max {
            bytes.push(0);
        }
        Some(bytes)
    }

    fn bytes(&self, address: u64, len: usize) -> Option<(Vec<u8>, usize)> {
        let mut bytes = vec![0; len];
        let count = self
            .session
            .read_memory(self.ticket, address, &mut bytes)
            .ok()?;
        bytes.truncate(count);
        Some((bytes, len))
    }

    fn strings(&self, address: u64) -> Option<Vec<u8>> {
        let width = match self.abi {
            Abi::Native => 8,
            Abi::Compat => 4,
        };
        let (table, _) = self.bytes(address, 32 * width)?;
        let mut all = Vec::new();
        for pointer in table.chunks_exact(width) {
            let mut wide = [0; 8];
            wide[..width].copy_from_slice(pointer);
            match u64::from_ne_bytes(wide) {
                0 => break,
                string => all.extend(self.string(string, PATH_MAX as usize)?),
            }
        }
        Some(all)
    }
}

impl Source for Waited {
    fn pass_on(&mut self, session: &Session, sink: &mut dyn Sink) -> Result<Passed> {
        let answers = std::mem::take(&mut self.answers);
        let events = session.exchange(&answers, Some(Duration::ZERO))?;
        if events.is_empty() {
            let ended = session.is_at_end()?;
            return Ok(if ended { Passed::End } else { Passed::None });
        }
        for mut event in events {
            event.time = clock::monotonic();
            let data = self.data(session, &event);
            if let Some(ticket) = event.ticket {
                self.answers.push(Answer::run(ticket));
            }
            sink.record(Record { event, data })
                .or_else(is_broken_pipe)?;
        }
        Ok(Passed::Some)
    }
}
