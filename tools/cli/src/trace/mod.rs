// SPDX-License-Identifier: GPL-2.0

//! `kmview trace`.

mod clock;
mod json;
mod recorded;
mod summary;
mod text;
mod waited;

use super::{
    calls,
    cli,
    names::{
        self,
        BothSets, //
    },
    program,
    signals::{
        self,
        Signals, //
    }, //
};
use anyhow::{
    Context,
    Result, //
};
use kmview::{
    Abi,
    Arch,
    Attach,
    CopyArg,
    Features,
    Follow,
    Options,
    Record,
    Session,
    ThreadId, //
};
use nix::{
    poll::{
        poll,
        PollFd,
        PollFlags,
        PollTimeout, //
    },
    sys::signal::Signal, //
};
use std::{
    collections::HashMap,
    fs::File,
    hash::{
        BuildHasherDefault,
        Hasher, //
    },
    io::{
        self,
        BufWriter,
        Write, //
    },
    os::fd::AsFd, //
};

/// What becomes of what was seen.
trait Sink {
    /// Something was seen.
    fn record(&mut self, record: Record) -> io::Result<()>;
    /// There is nothing more for now.
    fn idle(&mut self) -> io::Result<()> {
        Ok(())
    }
    /// So many have been lost here.
    fn lost(&mut self, count: u64) -> io::Result<()>;
    /// That was all.
    fn end(&mut self, session: &Session) -> Result<()>;
}

/// Where records come from.
trait Source {
    /// Gives what there is to the sink. False when there will be no more; else it waits if `wait`.
    fn pass_on(&mut self, session: &Session, sink: &mut dyn Sink) -> Result<Passed>;
}

/// What [`Source::pass_on`] found.
enum Passed {
    /// Something.
    Some,
    /// Nothing for now.
    None,
    /// All threads have gone.
    End,
}

/// Something for each thread. Their numbers are given out one after the other: they need no hash that is hard
/// to guess.
type ByThread<V> = HashMap<ThreadId, V, BuildHasherDefault<ByNumber>>;

#[derive(Default)]
struct ByNumber(u64);

impl Hasher for ByNumber {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

fn abi_of(arch: Arch) -> Abi {
    match arch {
        Arch::I386 => Abi::Compat,
        _ => Abi::Native,
    }
}

/// Runs the command. Gives the status to end with.
pub fn run(options: &cli::Trace) -> Result<i32> {
    let session = Session::open()?;
    session.set_options(&Options {
        follow: if options.follow {
            Follow::all()
        } else {
            Follow::empty()
        },
        ..Options::default()
    })?;
    let selected = selected(&options.expressions);
    let output: Box<dyn Write> = match &options.output {
        Some(file) => Box::new(
            File::create(file).with_context(|| format!("cannot write {}", file.display()))?,
        ),
        None => Box::new(io::stderr()),
    };
    let output = BufWriter::with_capacity(1 << 16, output);
    let mut sink: Box<dyn Sink> = if options.count {
        Box::new(summary::Summary(output))
    } else if options.json {
        Box::new(json::Json::new(output, options))
    } else {
        Box::new(text::Text::new(output, options))
    };
    let recording = session.info().features.contains(Features::OBSERVE) && !options.wait;
    let mut source: Box<dyn Source> = if options.count {
        Box::new(summary::Counted::new(&session, &selected)?)
    } else if recording {
        Box::new(recorded::Recorded::new(&session, options, &selected)?)
    } else {
        Box::new(waited::Waited::new(&session, options, &selected)?)
    };

    for pid in &options.pid {
        session
            .attach(*pid, Attach::PROCESS)
            .with_context(|| format!("cannot attach to process {pid}"))?;
        if !options.quiet {
            eprintln!("kmview: Process {pid} attached");
        }
    }
    let child = match options.program[..] {
        [] => None,
        _ => Some(program::spawn(&session, &options.program)?),
    };
    let signals = Signals::new()?;
    let watched = Watched {
        options,
        signals: &signals,
        has_child: child.is_some(),
    };
    let ended_by = watched.follow(&session, &mut *source, &mut *sink)?;
    sink.end(&session).or_else(|err| match err.downcast() {
        Ok(err) => is_broken_pipe(err).map_err(Into::into),
        Err(err) => Err(err),
    })?;
    // Nobody waits for us any more.
    drop((source, session));
    match (child, ended_by) {
        (None, _) => Ok(0),
        (Some(child), Some(signal)) => Ok(program::pass_on(&child, signal)),
        (Some(child), None) => program::status_unless(child, &signals),
    }
}

/// What is traced, until when.
struct Watched<'a> {
    options: &'a cli::Trace,
    signals: &'a Signals,
    has_child: bool,
}

impl Watched<'_> {
    /// Whether somebody wants us to end.
    fn is_to_end(&self) -> Option<Signal> {
        // The terminal sends it to the program, too, which is to decide.
        self.signals
            .take()
            .filter(|signal| !(self.has_child && signals::is_of_terminal(*signal)))
    }

    /// Until all threads have gone, or somebody wants us to end.
    fn follow(
        &self,
        session: &Session,
        source: &mut dyn Source,
        sink: &mut dyn Sink,
    ) -> Result<Option<Signal>> {
        // A file is to be up to date, too, when little happens. A table is at the end.
        let timeout = match self.options.output.is_some() && !self.options.count {
            true => PollTimeout::from(200u8),
            false => PollTimeout::NONE,
        };
        loop {
            let passed = source.pass_on(session, sink)?;
            // Also if there is always something.
            if let Some(signal) = self.is_to_end() {
                if !self.options.quiet {
                    for pid in &self.options.pid {
                        eprintln!("kmview: Process {pid} detached");
                    }
                }
                return Ok(Some(signal));
            }
            match passed {
                Passed::Some => continue,
                Passed::End => return Ok(None),
                Passed::None => sink.idle().or_else(is_broken_pipe)?,
            }
            let mut fds = [
                PollFd::new(session.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, timeout) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(err) => return Err(err).context("poll"),
            }
        }
    }
}

/// Who reads what we write may have seen enough: the program goes on all the same.
fn is_broken_pipe(err: io::Error) -> io::Result<()> {
    match err.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(err),
    }
}

fn selected(expressions: &[BothSets]) -> BothSets {
    if expressions.is_empty() {
        return BothSets::all();
    }
    let mut sum = BothSets::default();
    for set in expressions {
        sum.add(set);
    }
    sum
}

/// What is to be copied of all selected calls to show them.
fn copies(selected: &BothSets, max: u32) -> Vec<CopyArg> {
    let mut copies = Vec::new();
    for (abi, set) in [
        (Abi::Native, &selected.native),
        (Abi::Compat, &selected.compat),
    ] {
        for nr in (0..512).filter(|nr| set.contains(*nr)) {
            if let Some(call) = calls::find(&names::call(abi, i64::from(nr))) {
                copies.extend(call.copies(abi, nr, max));
            }
        }
    }
    copies
}

/// Nanoseconds as seconds.
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// What is known of a thread that has made a call and not come back.
struct Began {
    abi: Abi,
    nr: i64,
    args: [u64; 6],
    data: Vec<kmview::Data>,
    time: u64,
}

/// How wait(2)'s status reads.
enum Ended {
    Exited(i32),
    Killed { signal: i32, core: bool },
}

impl From<i32> for Ended {
    fn from(status: i32) -> Self {
        match status & 0x7f {
            0 => Ended::Exited((status >> 8) & 0xff),
            signal => Ended::Killed {
                signal,
                core: status & 0x80 != 0,
            },
        }
    }
}
