// SPDX-License-Identifier: GPL-2.0

//! Calls counted.

use super::{
    abi_of,
    is_end,
    seconds,
    ByThread,
    Sink, //
};
use crate::names;
use kmview::{
    Abi,
    Kind,
    Record, //
};
use std::{
    cmp::Reverse,
    collections::HashMap,
    io::{
        self,
        Write, //
    }, //
};

#[derive(Default)]
struct Count {
    calls: u64,
    errors: u64,
    ns: u64,
}

impl Count {
    fn row(&self, out: &mut impl Write, all_ns: u64, name: &str) -> io::Result<()> {
        let percent = match all_ns {
            0 => 0.0,
            all => self.ns as f64 * 100.0 / all as f64,
        };
        let each = (self.ns / 1000).checked_div(self.calls).unwrap_or(0);
        let errors = match self.errors {
            0 => String::new(),
            some => some.to_string(),
        };
        writeln!(
            out,
            "{percent:6.2} {:11.6} {each:11} {:9} {errors:>9} {name}",
            seconds(self.ns),
            self.calls
        )
    }
}

/// Counts, and writes a table at the end.
pub struct Summary<W> {
    output: W,
    counts: HashMap<(Abi, i64), Count>,
    /// The same for most calls, without a search: 64-bit ones, by number.
    native: Vec<Count>,
    /// The call in which a thread is, and when it began.
    inside: ByThread<(i64, u64)>,
    lost: u64,
}

impl<W: Write> Summary<W> {
    /// To `output`.
    pub fn new(output: W) -> Self {
        Summary {
            output,
            counts: HashMap::new(),
            native: std::iter::repeat_with(Count::default).take(512).collect(),
            inside: ByThread::default(),
            lost: 0,
        }
    }

    fn count(&mut self, abi: Abi, nr: i64) -> &mut Count {
        match usize::try_from(nr) {
            Ok(place) if abi == Abi::Native && place < self.native.len() => &mut self.native[place],
            _ => self.counts.entry((abi, nr)).or_default(),
        }
    }
}

impl<W: Write> Sink for Summary<W> {
    fn record(&mut self, record: Record) -> io::Result<()> {
        let event = &record.event;
        match &event.kind {
            Kind::Entry(entry) => {
                self.inside.insert(event.thread, (entry.nr, event.time));
            }
            Kind::Return(ret) => {
                let Some((nr, began)) = self.inside.remove(&event.thread) else {
                    return Ok(());
                };
                let count = self.count(abi_of(event.arch), nr);
                count.calls += 1;
                count.errors += u64::from(ret.is_error);
                count.ns += event.time.saturating_sub(began);
            }
            kind if is_end(kind) => {
                if let Some((nr, _)) = self.inside.remove(&event.thread) {
                    self.count(abi_of(event.arch), nr).calls += 1;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn lost(&mut self, count: u64) -> io::Result<()> {
        self.lost += count;
        self.inside.clear();
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let native = std::mem::take(&mut self.native).into_iter().zip(0..);
        let native = native.map(|(count, nr)| ((Abi::Native, nr), count));
        let mut rows: Vec<_> = self
            .counts
            .drain()
            .chain(native.filter(|(_, count)| count.calls != 0))
            .collect();
        rows.sort_by_key(|((_, nr), count)| (Reverse(count.ns), Reverse(count.calls), *nr));
        let out = &mut self.output;
        let total = rows.iter().fold(Count::default(), |mut sum, (_, count)| {
            sum.calls += count.calls;
            sum.errors += count.errors;
            sum.ns += count.ns;
            sum
        });
        let line = "------ ----------- ----------- --------- --------- ----------------";
        writeln!(
            out,
            "% time     seconds  usecs/call     calls    errors syscall\n{line}"
        )?;
        for ((abi, nr), count) in &rows {
            let suffix = match abi {
                Abi::Native => "",
                Abi::Compat => " (32-bit)",
            };
            count.row(
                out,
                total.ns,
                &format!("{}{suffix}", names::call(*abi, *nr)),
            )?;
        }
        writeln!(out, "{line}")?;
        total.row(out, total.ns, "total")?;
        if self.lost != 0 {
            writeln!(
                self.output,
                "{} records lost: the memory for them was full",
                self.lost
            )?;
        }
        self.output.flush()
    }
}
