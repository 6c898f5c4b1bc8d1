// SPDX-License-Identifier: GPL-2.0

//! The safe API for modules in Rust.
//!
//! * [`tracer`]: the trait that an engine's owner implements, and what callbacks return.
//! * [`report`]: what callbacks are given.
//! * [`handle`]: engines as their owners hold them.
//! * [`ticket`]: the stops that callbacks make, and how they are resumed.
//! * [`events`]: sets of events.
//! * [`examine`]: registers, memory and system call of a thread that is stopped.
//! * [`contract`]: what each function promises, where, and the test of it.
//! * [`shell`]: how a tracer of any type is called by the non-generic part in `utrace.ko`.

#[doc = include_str!("contract.md")]
pub mod contract {}
pub mod events;
pub mod examine;
pub mod handle;
pub mod report;
mod shell;
pub mod ticket;
pub mod tracer;

pub use crate::engine::calls::{
    CallAbi,
    CallSet, //
};
pub use crate::sys::{
    kthread::{
        Body,
        Kthread, //
    },
    param::param, //
};
pub use events::EventSet;
pub use examine::{
    Current,
    Examine,
    Memory,
    Phase,
    Registers,
    Regset,
    RegsetView,
    Subject,
    SyscallInfo, //
};
pub use handle::{
    current_may_be_traced_by,
    has_block_step,
    has_ptrace_access,
    has_single_step,
    thread_by_pid,
    with_ptrace_access,
    AttachOptions,
    Control,
    Engine,
    EngineRef,
    StopRequest, //
};
pub use report::{
    CloneReport,
    DeathReport,
    Disposition,
    ExecReport,
    ExitReport,
    Jctl,
    JctlReport,
    QuiesceReport,
    ReapReport,
    SignalAction,
    SignalReport,
    SignalRoundReport,
    SyscallEntryReport,
    SyscallExitReport, //
};
pub use ticket::{
    Found,
    ResumeError,
    Ticket, //
};
pub use tracer::{
    Action,
    DeathAction,
    SyscallAction,
    Tracer, //
};
