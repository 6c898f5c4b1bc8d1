// SPDX-License-Identifier: GPL-2.0

//! Engines on threads: attaching, reporting, stopping, and their ends.
//!
//! * [`global`]: what exists once: the table of threads, the register of engines by owner.
//! * [`thread`]: the per-thread structure, [`thread::Utrace`].
//! * [`object`]: one engine.
//! * [`payload`]: the tracer inside an engine, and how it is called.
//! * [`attach`]: finding, attaching and ending engines.
//! * [`control`]: what engines are asked for from outside.
//! * [`signal`]: what becomes of signals.
//! * [`step`]: steps of one instruction, or one block.
//! * [`examine`]: looking at a thread that an engine holds.
//! * [`report`]: the passes over the engines of a thread.
//! * [`calls`]: which system calls an engine is called for.
//! * [`events`]: what each hook reports.
//! * [`show`]: what can be seen of all this in debugfs.

pub(crate) mod attach;
pub(crate) mod calls;
pub(crate) mod control;
pub(crate) mod events;
pub(crate) mod examine;
pub(crate) mod global;
pub(crate) mod object;
pub(crate) mod payload;
pub(crate) mod report;
pub(crate) mod show;
pub(crate) mod signal;
pub(crate) mod step;
pub(crate) mod thread;

pub(crate) use events::Events;
pub(crate) use global::{
    start,
    Running, //
};
pub(crate) use step::NoneUnderWay;
