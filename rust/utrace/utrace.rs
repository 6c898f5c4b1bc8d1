// SPDX-License-Identifier: GPL-2.0

//! utrace: engines on user threads, for other kernel modules.
//!
//! An *engine* is one tracer's attachment to one thread. It is called in the thread's own context
//! at each event that it asked for, may look at the thread and change it, may stop it, and lets it
//! run again from wherever it likes. Any number of engines may sit on one thread, independent of
//! each other and of ptrace, seccomp, BPF and perf. The names are those of Roland McGrath's utrace
//! (2007-2012).
//!
//! Start with [`Tracer`], the trait of an engine, and [`Engine::attach`]. What each function promises,
//! and where it may be called, is in one table: [`contract`].
//!
//! A resume is never lost and never misapplied: the stop that a callback makes has its [`Ticket`]
//! before the callback begins, and resuming it before the thread has parked means that the thread
//! never parks.
//!
//! # Looking at it
//!
//! `/sys/kernel/debug/utrace/engines` has a line for each attached engine: thread and process,
//! [serial number](EngineRef::serial), owner, [events](EventSet), whether a callback runs, phase
//! and [number](Ticket::number) of its stop, the stop that is asked for from outside, and for how
//! many milliseconds it has held the thread. `counters` beside it says how often things have
//! happened. The tracepoints `utrace:attach`, `report`, `stop`, `resume` and `detach` are there for
//! perf, ftrace and bpftrace.

// rustdoc does not heed, for examples, what the kernel's build passes to it.
#![cfg_attr(
    doctest,
    no_std,
    feature(arbitrary_self_types, asm_goto, generic_arg_infer, used_with_arg)
)]

mod api;
mod capi;
mod core;
mod engine;
mod place;
#[cfg(CONFIG_KUNIT = "y")]
mod suites;
mod sys;
#[cfg(not(utrace_test))]
mod testing;
#[cfg(utrace_test)]
pub mod testing;
#[macro_use]
mod tracehook;

pub use api::*;

use kernel::prelude::*;

module! {
    type: UtraceModule,
    name: "utrace",
    authors: ["The utrace developers"],
    description: "Engines on user threads",
    license: "GPL",
    params: {
        fail_hook: i32 {
            default: 0,
            description: "Test builds: pretend that the Nth hook point is absent",
        },
        fail_step: i32 {
            default: 0,
            description: "Test builds: let the Nth step of loading fail",
        },
        final_check: i32 {
            default: 1,
            description: "Test builds: 0 parks without the final check, as utrace once did",
        },
    },
}

// Dropped in this order: nobody looks at the engines any more, no thread steps any more, no hook is
// entered any more, what C has forgotten is let go, then no thread is inside, then the rest.
struct UtraceModule {
    _files: Pin<KBox<engine::show::Files>>,
    _steps: engine::NoneUnderWay,
    _hooks: tracehook::Hooks<engine::Events>,
    _c: capi::Running,
    _engines: engine::Running,
}

impl kernel::Module for UtraceModule {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        sys::layout::check()?;
        testing::step(1)?;
        let engines = engine::start()?;
        // After the engines: of a module that goes, they go first.
        let c = capi::start()?;
        let hooks = tracehook::Hooks::install()?;
        Ok(UtraceModule {
            _files: engine::show::Files::new()?,
            _steps: engine::NoneUnderWay,
            _hooks: hooks,
            _c: c,
            _engines: engines,
        })
    }
}

tracehook_entries!(engine::Events);
