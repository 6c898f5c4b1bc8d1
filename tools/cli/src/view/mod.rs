// SPDX-License-Identifier: GPL-2.0

//! `kmview view`.

mod caller;
mod hostname;
mod paths;
mod readonly;
mod root;
mod rules;

pub use rules::{
    DenyRule,
    MapRule, //
};

use super::{
    cli,
    names::{
        self,
        BothSets, //
    },
    program, //
};
use anyhow::Result;
use caller::{
    Call,
    Caller, //
};
use kmview::{
    Abi,
    Answer,
    Arch,
    AtClose,
    Calls,
    Entry,
    Event,
    Features,
    Follow,
    Kind,
    Options,
    Return,
    Session,
    ThreadId, //
};
use std::collections::HashMap;

/// What becomes of a call that is about to be made.
enum Begin {
    /// It is made.
    Run,
    /// It is made, and its result is of interest.
    SeeResult,
    /// It is not made; this is its result.
    Skip(i64),
}

impl Begin {
    fn fail(errno: i32) -> Self {
        Begin::Skip(-i64::from(errno))
    }
}

/// Something that is different in the view.
trait Part {
    /// Says which calls it wants to see.
    fn calls(&self, calls: &mut BothSets);
    /// A thread is about to make one of them, or one that another part wants to see.
    fn begin(&mut self, caller: &Caller<'_>, call: &Call) -> Result<Begin>;
    /// It has been made. Gives another result.
    fn end(&mut self, _caller: &Caller<'_>, _call: &Call, _result: i64) -> Option<i64> {
        None
    }
}

/// Calls that fail.
struct Deny(Vec<DenyRule>);

impl Part for Deny {
    fn calls(&self, calls: &mut BothSets) {
        for rule in &self.0 {
            calls.add(&rule.calls);
        }
    }

    fn begin(&mut self, _caller: &Caller<'_>, call: &Call) -> Result<Begin> {
        // The sets name numbers that there are.
        let nr = u32::try_from(call.nr).unwrap_or(u32::MAX);
        let rule = self
            .0
            .iter()
            .find(|rule| rule.calls.of(call.abi).contains(nr));
        Ok(rule.map_or(Begin::Run, |rule| Begin::fail(rule.errno)))
    }
}

/// What the other parts would not see: what makes system calls without making them, and calls that are
/// newer than we are.
struct Unseen;

impl Unseen {
    const RINGS: [&str; 3] = ["io_uring_setup", "io_uring_enter", "io_uring_register"];
}

impl Part for Unseen {
    fn calls(&self, calls: &mut BothSets) {
        for name in Self::RINGS {
            calls.insert(name);
        }
        calls.insert_unknown();
    }

    fn begin(&mut self, _caller: &Caller<'_>, call: &Call) -> Result<Begin> {
        let unseen = !names::is_known(call.abi, call.nr) || Self::RINGS.contains(&&*call.name);
        Ok(match unseen {
            true => Begin::fail(libc::ENOSYS),
            false => Begin::Run,
        })
    }
}

/// What would have paths name other things than we think.
struct SamePaths;

impl SamePaths {
    const CALLS: [&str; 12] = [
        "chroot",
        "fchroot",
        "pivot_root",
        "mount",
        "umount",
        "umount2",
        "move_mount",
        "fsmount",
        "open_tree",
        "open_tree_attr",
        "mount_setattr",
        "open_by_handle_at",
    ];
}

impl Part for SamePaths {
    fn calls(&self, calls: &mut BothSets) {
        for name in Self::CALLS {
            calls.insert(name);
        }
    }

    fn begin(&mut self, _caller: &Caller<'_>, call: &Call) -> Result<Begin> {
        Ok(match Self::CALLS.contains(&&*call.name) {
            true => Begin::fail(libc::EPERM),
            false => Begin::Run,
        })
    }
}

/// A running view.
struct View {
    parts: Vec<Box<dyn Part>>,
    /// Calls whose result is of interest.
    open: HashMap<ThreadId, Call>,
}

impl View {
    fn new(options: &cli::View) -> Result<Self> {
        let names = || rules::Names::new(&options.map);
        let mut parts: Vec<Box<dyn Part>> = vec![Box::new(Unseen)];
        if !options.map.is_empty() || !options.readonly.is_empty() {
            parts.push(Box::new(SamePaths));
        }
        if !options.deny.is_empty() {
            parts.push(Box::new(Deny(options.deny.clone())));
        }
        if !options.readonly.is_empty() {
            parts.push(Box::new(readonly::Readonly::new(
                &options.readonly,
                names(),
            )?));
        }
        if let Some(name) = &options.hostname {
            parts.push(Box::new(hostname::Hostname::new(name, options.fake_root)?));
        }
        if options.fake_root {
            parts.push(Box::new(root::FakeRoot::new()));
        }
        // The last one: it has the path replaced that the others look at.
        if !options.map.is_empty() {
            parts.push(Box::new(paths::Paths::new(names())));
        }
        Ok(View {
            parts,
            open: HashMap::new(),
        })
    }

    fn calls(&self) -> BothSets {
        let mut calls = BothSets::default();
        for part in &self.parts {
            part.calls(&mut calls);
        }
        calls
    }

    fn entry(&mut self, caller: &Caller<'_>, abi: Abi, entry: &Entry) -> Result<Answer> {
        self.open.remove(&caller.thread);
        let call = Call {
            nr: entry.nr,
            name: names::call(abi, entry.nr),
            abi,
            args: entry.args,
        };
        let mut answer = Answer::run(caller.ticket);
        if entry.aborted {
            return Ok(answer);
        }
        let mut see = false;
        for part in &mut self.parts {
            match part.begin(caller, &call)? {
                Begin::Run => {}
                Begin::SeeResult => see = true,
                Begin::Skip(result) => return Ok(Answer::skip(caller.ticket, result)),
            }
        }
        if see {
            answer = answer.wanting_return();
            self.open.insert(caller.thread, call);
        }
        Ok(answer)
    }

    fn ret(&mut self, caller: &Caller<'_>, ret: &Return) -> Answer {
        let answer = Answer::run(caller.ticket);
        let Some(call) = self.open.remove(&caller.thread) else {
            return answer;
        };
        let mut result = ret.result;
        for part in &mut self.parts {
            result = part.end(caller, &call, result).unwrap_or(result);
        }
        match result == ret.result {
            true => answer,
            false => answer.with_result(result),
        }
    }

    fn answer(&mut self, session: &Session, event: &Event) -> Result<Option<Answer>> {
        let Some(ticket) = event.ticket else {
            if let Kind::End { out_of_reach, .. } = event.kind {
                self.open.remove(&event.thread);
                if out_of_reach {
                    eprintln!(
                        "kmview: process {} was killed: it was about to run a program with more rights than we have, \
                         which no view could follow",
                        event.pid
                    );
                }
            }
            return Ok(None);
        };
        let caller = Caller {
            session,
            ticket,
            thread: event.thread,
            tid: event.tid,
            pid: event.pid,
        };
        let abi = match event.arch {
            Arch::I386 => Abi::Compat,
            _ => Abi::Native,
        };
        Ok(Some(match &event.kind {
            Kind::Entry(entry) => self.entry(&caller, abi, entry)?,
            Kind::Return(ret) => self.ret(&caller, ret),
            _ => Answer::run(ticket),
        }))
    }
}

/// Runs the command. Gives the status to end with.
pub fn run(options: &cli::View) -> Result<i32> {
    let session = Session::open()?;
    session.require(Features::MEMORY, "kmview view")?;
    if !options.map.is_empty() || !options.readonly.is_empty() {
        session.require(Features::SNAPSHOT, "kmview view --map and --readonly")?;
    }
    session.set_options(&Options {
        // Without us there is no view, and nothing is to be seen or changed behind it.
        at_close: AtClose::Kill,
        follow: Follow::all(),
    })?;
    let mut view = View::new(options)?;
    let calls = view.calls();
    session.set_all_calls(Calls::Entry, &calls.native, &calls.compat)?;

    let names = rules::Names::new(&options.map);
    let place = options.program.first().and_then(|word| names.program(word));
    let child = program::spawn_other(&session, &options.program, place.as_deref())?;
    program::ignore_terminal_signals()?;
    let mut answers = Vec::new();
    loop {
        let events = session.exchange(&answers, None)?;
        answers.clear();
        if events.is_empty() && session.is_at_end()? {
            break;
        }
        for event in &events {
            answers.extend(view.answer(&session, event)?);
        }
    }
    program::status(child)
}
