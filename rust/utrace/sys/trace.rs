// SPDX-License-Identifier: GPL-2.0

//! Tracepoints and counters of our own.
//!
//! A tracepoint that nobody listens to is one no-op. A counter is one instruction on this CPU's
//! own memory, behind a call: for attach, detach, stop and resume, not for what every event
//! passes.

use super::bindings;
use kernel::{
    prelude::*,
    task::{
        Pid,
        Task, //
    }, //
};

/// The kernel crate's `declare_trace!` looks for tracepoints in that crate's bindings.
macro_rules! is_on {
    ($point:ident) => {
        // SAFETY: The key of a tracepoint is a real one.
        unsafe {
            kernel::jump_label::static_branch_unlikely!(bindings::$point, bindings::tracepoint, key)
        }
    };
}

macro_rules! trace_points {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) => $point:ident, $hit:ident;)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name(task: &Task, $($arg: $ty),*) {
            if is_on!($point) {
                // SAFETY: `task` is valid.
                unsafe { bindings::$hit(task.as_ptr(), $($arg),*) };
            }
        }
    )*};
}

trace_points! {
    /// `utrace:attach`: an engine has been attached.
    fn attach(engine: u64, events: u32) => __tracepoint_attach, utrace_trace_attach;
    /// `utrace:report`: a callback has returned.
    fn report(engine: u64, event: u32, ticket: u64, action: u32)
        => __tracepoint_report, utrace_trace_report;
    /// `utrace:stop`: the thread is about to stop for the engine, or is asked to ([`ASK`]).
    fn stop(engine: u64, event: u32, ticket: u64) => __tracepoint_stop, utrace_trace_stop;
    /// `utrace:resume`: somebody resumed a stop, or tried to.
    fn resume(engine: u64, ticket: u64, found: u32) => __tracepoint_resume, utrace_trace_resume;
    /// `utrace:detach`: the attachment has ended.
    fn detach(engine: u64) => __tracepoint_detach, utrace_trace_detach;
}

/// Whether somebody listens to [`report`]: a no-op in the event's path.
#[inline(always)]
pub(crate) fn report_is_on() -> bool {
    is_on!(__tracepoint_report)
}

/// The event of a stop that is asked for from outside.
pub(crate) const ASK: u32 = bindings::UTRACE_TRACE_ASK;

/// What a resume found.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum ResumeFound {
    Nothing = bindings::UTRACE_TRACE_NOTHING,
    Prepared = bindings::UTRACE_TRACE_PREPARED,
    Parked = bindings::UTRACE_TRACE_PARKED,
    Stale = bindings::UTRACE_TRACE_STALE,
    Gone = bindings::UTRACE_TRACE_GONE,
}

impl ResumeFound {
    fn counter(self) -> Counter {
        match self {
            ResumeFound::Nothing => Counter::ResumesNothing,
            ResumeFound::Prepared => Counter::ResumesPrepared,
            ResumeFound::Parked => Counter::ResumesParked,
            ResumeFound::Stale => Counter::ResumesStale,
            ResumeFound::Gone => Counter::ResumesGone,
        }
    }

    /// Counts and traces it.
    pub(crate) fn note(self, task: &Task, engine: u64, ticket: u64) {
        self.counter().add();
        resume(task, engine, ticket, self as u32);
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $counter:ident = $number:ident, $name:literal;)*) => {
        /// What is counted since the module was loaded.
        #[derive(Clone, Copy)]
        pub(crate) enum Counter {
            $($(#[$doc])* $counter,)*
        }

        impl Counter {
            pub(crate) const ALL: &'static [Counter] = &[$(Counter::$counter),*];

            fn number(self) -> bindings::utrace_counter {
                match self {
                    $(Counter::$counter => bindings::$number,)*
                }
            }

            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Counter::$counter => $name,)*
                }
            }
        }
    };
}

counters! {
    /// Engines attached.
    Attaches = utrace_counter_UTRACE_ATTACHES, "attaches";
    /// Engines detached, for whatever reason.
    Detaches = utrace_counter_UTRACE_DETACHES, "detaches";
    /// Stops that callbacks made.
    Stops = utrace_counter_UTRACE_STOPS, "stops";
    /// Stops asked for from outside.
    Asks = utrace_counter_UTRACE_ASKS, "asks";
    /// Times a thread was parked.
    Parks = utrace_counter_UTRACE_PARKS, "parks";
    /// Stops that a fatal signal ended.
    Kills = utrace_counter_UTRACE_KILLS, "kills";
    /// Resumes that came before the thread had parked.
    ResumesPrepared = utrace_counter_UTRACE_RESUMES_PREPARED, "resumes_prepared";
    /// Resumes of a parked thread.
    ResumesParked = utrace_counter_UTRACE_RESUMES_PARKED, "resumes_parked";
    /// Resumes without a ticket that found no stop.
    ResumesNothing = utrace_counter_UTRACE_RESUMES_NOTHING, "resumes_nothing";
    /// Resumes of a stop that was over (`ESTALE`).
    ResumesStale = utrace_counter_UTRACE_RESUMES_STALE, "resumes_stale";
    /// Resumes of a thread that dies, or by a detached engine (`ESRCH`).
    ResumesGone = utrace_counter_UTRACE_RESUMES_GONE, "resumes_gone";
}

impl Counter {
    /// From any context.
    pub(crate) fn add(self) {
        // SAFETY: The number is one of the counters.
        unsafe { bindings::utrace_count(self.number()) }
    }

    pub(crate) fn get(self) -> u64 {
        // SAFETY: As above.
        unsafe { bindings::utrace_counted(self.number()) }
    }
}

/// Now, for [`millis_since`]; never 0.
pub(crate) fn now() -> u64 {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_jiffies() as u64 }
}

/// The milliseconds since `then`, to the length of a timer tick.
pub(crate) fn millis_since(then: u64) -> u32 {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_msecs_since(then as c_ulong) }
}

/// The thread's process, as the initial pid namespace numbers it. The kernel crate has that on some
/// of the supported kernels only.
pub(crate) fn tgid(task: &Task) -> Pid {
    // SAFETY: `task` is valid.
    unsafe { bindings::utrace_tgid(task.as_ptr()) }
}
