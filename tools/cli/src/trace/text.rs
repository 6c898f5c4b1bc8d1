// SPDX-License-Identifier: GPL-2.0

//! Calls as text, a line each, in the form that strace made known.

use super::{
    abi_of,
    clock::Clock,
    seconds,
    Began,
    ByThread,
    Ended,
    Sink, //
};
use crate::{
    calls,
    cli,
    names,
    show::{
        quoted,
        Style, //
    }, //
};
use anyhow::Result;
use kmview::{
    Arch,
    Event,
    Kind,
    Record,
    Session,
    Signal,
    ThreadId, //
};
use std::io::{
    self,
    Write, //
};

/// A call that has begun.
struct Open {
    began: Began,
    /// How many arguments have been shown.
    shown: usize,
    /// How long its part of the line is.
    column: usize,
    /// Its line was left for that of another thread.
    left: bool,
}

/// The column of results.
const RESULTS_AT: usize = 40;

/// Writes lines.
pub struct Text<W> {
    output: W,
    max: usize,
    time: bool,
    quiet: bool,
    always_prefix: bool,
    to_file: bool,
    open: ByThread<Open>,
    /// Whose line has no end yet.
    current: Option<ThreadId>,
    threads: usize,
    program: Vec<String>,
    first: bool,
    /// What is being put together.
    text: String,
    clock: Option<Clock>,
}

impl<W: Write> Text<W> {
    /// To `output`.
    pub fn new(output: W, options: &cli::Trace) -> Self {
        Text {
            output,
            max: options.string as usize,
            time: options.time,
            quiet: options.quiet,
            always_prefix: options.follow && options.output.is_some(),
            to_file: options.output.is_some(),
            open: ByThread::default(),
            current: None,
            threads: 0,
            program: options.program.clone(),
            first: true,
            text: String::new(),
            clock: Clock::new(options),
        }
    }

    /// Says which thread it is, if that needs to be said, and when. Gives how long that is.
    fn prefix(&mut self, event: &Event) -> io::Result<usize> {
        let len = self.thread(event)?;
        let Some(clock) = &mut self.clock else {
            return Ok(len);
        };
        let time = clock.show(event.time);
        write!(self.output, "{time} ")?;
        Ok(len + time.len() + 1)
    }

    fn thread(&mut self, event: &Event) -> io::Result<usize> {
        let tid = event.tid;
        let digits = tid
            .checked_ilog10()
            .map_or(1, |last| last as usize + 1)
            .max(5);
        if self.to_file && self.always_prefix {
            write!(self.output, "{tid:<5} ")?;
            Ok(digits + 1)
        } else if self.threads > 1 {
            write!(self.output, "[pid {tid:>5}] ")?;
            Ok(digits + 7)
        } else {
            Ok(0)
        }
    }

    /// Another thread has something to say.
    fn leave_line(&mut self) -> io::Result<()> {
        if let Some(open) = self
            .current
            .take()
            .and_then(|thread| self.open.get_mut(&thread))
        {
            open.left = true;
            self.output.write_all(b" <unfinished ...>\n")?;
        }
        Ok(())
    }

    fn entry(&mut self, record: Record, style: Style) -> io::Result<()> {
        let Kind::Entry(entry) = &record.event.kind else {
            return Ok(());
        };
        self.first = false;
        self.leave_line()?;
        let prefix = self.prefix(&record.event)?;
        let name = names::call(style.abi, entry.nr);
        let call = calls::of(style.abi, entry.nr);
        self.text.clear();
        self.text.push_str(&name);
        self.text.push('(');
        let shown = style.arguments(&mut self.text, call, &entry.args, &record.data, 0, false);
        self.output.write_all(self.text.as_bytes())?;
        let open = Open {
            began: Began {
                abi: style.abi,
                nr: entry.nr,
                args: entry.args,
                data: record.data,
                time: record.event.time,
            },
            shown,
            column: prefix + self.text.len(),
            left: false,
        };
        self.current = Some(record.event.thread);
        self.open.insert(record.event.thread, open);
        Ok(())
    }

    fn ret(&mut self, mut record: Record, style: Style) -> io::Result<()> {
        let Kind::Return(ret) = record.event.kind.clone() else {
            return Ok(());
        };
        let Some(mut open) = self.open.remove(&record.event.thread) else {
            return self.ret_alone(&record, style);
        };
        let name = names::call(style.abi, open.began.nr);
        let call = calls::of(style.abi, open.began.nr);
        if self.current != Some(record.event.thread) {
            self.leave_line()?;
            let prefix = self.prefix(&record.event)?;
            let resumed = format!("<... {name} resumed>");
            self.output.write_all(resumed.as_bytes())?;
            open.column = prefix + resumed.len();
        }
        self.current = None;
        open.began.data.append(&mut record.data);
        self.text.clear();
        style.arguments(
            &mut self.text,
            call,
            &open.began.args,
            &open.began.data,
            open.shown,
            true,
        );
        self.text.push(')');
        // Results stand below each other, if they can.
        let spaces = RESULTS_AT.saturating_sub(open.column + self.text.len());
        self.text.extend(std::iter::repeat_n(' ', spaces.max(1)));
        self.text.push_str("= ");
        self.text
            .push_str(&style.result(call, ret.result, ret.is_error));
        self.output.write_all(self.text.as_bytes())?;
        if self.time {
            let took = record.event.time.saturating_sub(open.began.time);
            write!(self.output, " <{:.6}>", seconds(took))?;
        }
        writeln!(self.output)
    }

    /// A call that began before we saw the thread: the one that loaded the program, or the one in which
    /// it was when we came.
    fn ret_alone(&mut self, record: &Record, style: Style) -> io::Result<()> {
        let Kind::Return(ret) = &record.event.kind else {
            return Ok(());
        };
        self.leave_line()?;
        self.prefix(&record.event)?;
        let name = ret.nr.map_or("?".into(), |nr| names::call(style.abi, nr));
        let result = style.result(calls::find(&name), ret.result, ret.is_error);
        let loads = std::mem::take(&mut self.first) && ret.result == 0;
        if loads && !self.program.is_empty() {
            let arguments: Vec<String> = self
                .program
                .iter()
                .map(|word| quoted(word.as_bytes()))
                .collect();
            let path = std::fs::read_link(format!("/proc/{}/exe", record.event.pid)).map_or_else(
                |_| arguments[0].clone(),
                |path| quoted(path.as_os_str().as_encoded_bytes()),
            );
            return writeln!(
                self.output,
                "execve({path}, [{}], ...) = 0",
                arguments.join(", ")
            );
        }
        writeln!(self.output, "<... {name} resumed>) = {result}")
    }

    fn signal(&mut self, event: &Event, signal: &Signal) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        self.leave_line()?;
        self.prefix(event)?;
        let name = names::signal(signal.number);
        write!(
            self.output,
            "--- {name} {{si_signo={name}, si_code={}",
            code(signal)
        )?;
        match signal.number {
            libc::SIGSEGV | libc::SIGBUS | libc::SIGILL | libc::SIGFPE | libc::SIGTRAP
                if signal.code > 0 =>
            {
                write!(self.output, ", si_addr={:#x}", signal.address)?;
            }
            _ if signal.code <= 0 || signal.number == libc::SIGCHLD => {
                write!(
                    self.output,
                    ", si_pid={}, si_uid={}",
                    signal.pid, signal.uid
                )?;
            }
            _ => {}
        }
        writeln!(self.output, "}} ---")
    }

    fn end_of_thread(&mut self, event: &Event, status: i32, out_of_reach: bool) -> io::Result<()> {
        if let Some(open) = self.open.remove(&event.thread) {
            if self.current != Some(event.thread) {
                self.leave_line()?;
                self.prefix(event)?;
                let name = names::call(open.began.abi, open.began.nr);
                write!(self.output, "<... {name} resumed>")?;
            }
            self.current = None;
            writeln!(self.output, ") = ?")?;
        }
        if !self.quiet {
            self.leave_line()?;
            self.prefix(event)?;
            match Ended::from(status) {
                _ if out_of_reach => {
                    writeln!(
                        self.output,
                        "+++ out of reach: it has more rights than we have +++"
                    )?;
                }
                Ended::Exited(code) => writeln!(self.output, "+++ exited with {code} +++")?,
                Ended::Killed { signal, core } => {
                    let core = if core { " (core dumped)" } else { "" };
                    writeln!(
                        self.output,
                        "+++ killed by {}{core} +++",
                        names::signal(signal)
                    )?;
                }
            }
        }
        self.threads = self.threads.saturating_sub(1);
        Ok(())
    }
}

fn code(signal: &Signal) -> String {
    let name = match (signal.number, signal.code) {
        (_, 0) => "SI_USER",
        (_, 0x80) => "SI_KERNEL",
        (_, -1) => "SI_QUEUE",
        (_, -2) => "SI_TIMER",
        (_, -6) => "SI_TKILL",
        (libc::SIGSEGV, 1) => "SEGV_MAPERR",
        (libc::SIGSEGV, 2) => "SEGV_ACCERR",
        (libc::SIGCHLD, libc::CLD_EXITED) => "CLD_EXITED",
        (libc::SIGCHLD, libc::CLD_KILLED) => "CLD_KILLED",
        (libc::SIGCHLD, libc::CLD_DUMPED) => "CLD_DUMPED",
        (libc::SIGCHLD, libc::CLD_STOPPED) => "CLD_STOPPED",
        (libc::SIGCHLD, libc::CLD_CONTINUED) => "CLD_CONTINUED",
        (libc::SIGFPE, 1) => "FPE_INTDIV",
        (libc::SIGILL, 2) => "ILL_ILLOPN",
        (libc::SIGTRAP, 1) => "TRAP_BRKPT",
        (libc::SIGTRAP, 2) => "TRAP_TRACE",
        (_, code) => return code.to_string(),
    };
    name.to_owned()
}

impl<W: Write> Sink for Text<W> {
    fn record(&mut self, record: Record) -> io::Result<()> {
        let style = Style {
            abi: abi_of(record.event.arch),
            max: self.max,
        };
        let event = &record.event;
        match &event.kind {
            Kind::New(_) => {
                self.threads += 1;
                Ok(())
            }
            Kind::Entry(_) => self.entry(record, style),
            Kind::Return(_) => self.ret(record, style),
            Kind::Signal(signal) => self.signal(event, signal),
            Kind::End {
                status,
                out_of_reach,
                ..
            } => self.end_of_thread(event, *status, *out_of_reach),
            Kind::Exec { .. } if event.arch == Arch::I386 && !self.quiet => {
                self.leave_line()?;
                self.prefix(event)?;
                writeln!(self.output, "[ {} runs in 32-bit mode. ]", event.tid)
            }
            _ => Ok(()),
        }
    }

    fn idle(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    fn lost(&mut self, count: u64) -> io::Result<()> {
        self.leave_line()?;
        self.open.clear();
        writeln!(
            self.output,
            "*** {count} records lost: the memory for them was full ***"
        )
    }

    fn end(&mut self, _: &Session) -> Result<()> {
        self.leave_line()?;
        Ok(self.output.flush()?)
    }
}
