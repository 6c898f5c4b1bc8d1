// SPDX-License-Identifier: GPL-2.0

//! Calls counted: by the kernel, so that nobody waits, and nothing is recorded.

use super::{
    seconds,
    Passed,
    Sink,
    Source, //
};
use crate::names::{
    self,
    BothSets, //
};
use anyhow::{
    bail,
    Context,
    Result, //
};
use kmview::{
    Abi,
    Calls,
    Count,
    Features,
    Record,
    Session, //
};
use std::{
    cmp::Reverse,
    io::{
        self,
        Write, //
    }, //
};

/// Until there is nothing more to count.
pub struct Counted;

impl Counted {
    /// Has everything that is selected counted.
    pub fn new(session: &Session, selected: &BothSets) -> Result<Self> {
        if !session.info().features.contains(Features::COUNT) {
            bail!("the kernel's kmview is older than this program, and cannot count calls");
        }
        session.set_all_calls(Calls::Count, &selected.native, &selected.compat)?;
        session.set_nonblocking(true)?;
        Ok(Counted)
    }
}

impl Source for Counted {
    fn pass_on(&mut self, session: &Session, _: &mut dyn Sink) -> Result<Passed> {
        // Threads that come and go.
        match session.try_events() {
            Ok(events) if events.is_empty() => Ok(Passed::End),
            Ok(_) => Ok(Passed::Some),
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => Ok(Passed::None),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => Ok(Passed::Some),
            Err(err) => Err(err).context("cannot read the session"),
        }
    }
}

/// Writes a table at the end.
pub struct Summary<W>(pub W);

impl<W: Write> Sink for Summary<W> {
    fn record(&mut self, _: Record) -> io::Result<()> {
        Ok(())
    }

    fn lost(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, session: &Session) -> Result<()> {
        let mut rows = Vec::new();
        for (abi, suffix) in [(Abi::Native, ""), (Abi::Compat, " (32-bit)")] {
            for (nr, count) in session.counts(abi)? {
                let name = match nr {
                    nr if nr < session.info().max_calls => names::call(abi, nr.into()),
                    _ => "(others)".into(),
                };
                rows.push((format!("{name}{suffix}"), count));
            }
        }
        self.write(rows).map_err(Into::into)
    }
}

impl<W: Write> Summary<W> {
    fn write(&mut self, mut rows: Vec<(String, Count)>) -> io::Result<()> {
        rows.sort_by(|(name, count), (other_name, other)| {
            let key = |count: &Count| Reverse((count.time, count.calls));
            key(count).cmp(&key(other)).then(name.cmp(other_name))
        });
        let total = rows.iter().fold(Count::default(), |sum, (_, count)| Count {
            calls: sum.calls + count.calls,
            errors: sum.errors + count.errors,
            time: sum.time + count.time,
            ..sum
        });
        let line = "------ ----------- ----------- --------- --------- ----------------";
        writeln!(
            self.0,
            "% time     seconds  usecs/call     calls    errors syscall\n{line}"
        )?;
        for (name, count) in &rows {
            self.row(count, &total, name)?;
        }
        writeln!(self.0, "{line}")?;
        self.row(&total, &total, "total")?;
        self.0.flush()
    }

    fn row(&mut self, count: &Count, total: &Count, name: &str) -> io::Result<()> {
        let ns = |count: &Count| u64::try_from(count.time.as_nanos()).unwrap_or(u64::MAX);
        let percent = match ns(total) {
            0 => 0.0,
            all => ns(count) as f64 * 100.0 / all as f64,
        };
        let each = (ns(count) / 1000).checked_div(count.calls).unwrap_or(0);
        let errors = match count.errors {
            0 => String::new(),
            some => some.to_string(),
        };
        writeln!(
            self.0,
            "{percent:6.2} {:11.6} {each:11} {:9} {errors:>9} {name}",
            seconds(ns(count)),
            count.calls
        )
    }
}
