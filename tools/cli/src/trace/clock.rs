// SPDX-License-Identifier: GPL-2.0

//! When things happened, before each line.

use crate::cli;
use chrono::{
    Local,
    TimeZone, //
};
use nix::time::{
    clock_gettime,
    ClockId, //
};
use std::time::Duration;

/// What is shown of a time.
enum Form {
    /// The seconds since what was shown before.
    Relative(Option<u64>),
    Day,
    DayMicroseconds,
    Epoch,
}

/// Shows times of the kernel's monotonic clock.
pub struct Clock {
    form: Form,
    /// From that clock to the time since 1970, in ns.
    offset: u64,
}

fn now(clock: ClockId) -> u64 {
    clock_gettime(clock).map_or(0, |time| Duration::from(time).as_nanos() as u64)
}

/// The clock whose times records have, in ns.
pub fn monotonic() -> u64 {
    now(ClockId::CLOCK_MONOTONIC)
}

impl Clock {
    /// None: no times are wanted.
    pub fn new(options: &cli::Trace) -> Option<Self> {
        let form = match options.clock {
            0 if options.relative => Form::Relative(None),
            0 => return None,
            1 => Form::Day,
            2 => Form::DayMicroseconds,
            _ => Form::Epoch,
        };
        let offset = now(ClockId::CLOCK_REALTIME).wrapping_sub(monotonic());
        Some(Clock { form, offset })
    }

    /// What to show of a time, in ns.
    pub fn show(&mut self, time: u64) -> String {
        if let Form::Relative(last) = &mut self.form {
            // What threads of other processors have recorded may be a little earlier.
            let since = time.saturating_sub(last.replace(time).unwrap_or(time));
            return format!(
                "{:6}.{:06}",
                since / 1_000_000_000,
                since / 1000 % 1_000_000
            );
        }
        let since_1970 = self.offset.wrapping_add(time) as i64;
        let local = Local.timestamp_nanos(since_1970);
        let form = match self.form {
            Form::Day => "%H:%M:%S",
            Form::DayMicroseconds => "%H:%M:%S%.6f",
            _ => "%s%.6f",
        };
        local.format(form).to_string()
    }
}
