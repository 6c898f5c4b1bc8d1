// SPDX-License-Identifier: GPL-2.0

//! The decisions of utrace, free of kernel types.
//!
//! These files are compiled twice: into the module, and by cargo into `rust/model`, whose locks
//! and atomics are loom's. They use nothing but `core` and the sibling module `place`, which each
//! of the two builds supplies: `place::{AtomicU32, AtomicU64}` with `load` (acquire), `store`
//! (release) and `compare_exchange` (fully ordered where it succeeds).
//!
//! * [`stop`]: the stop word of an engine and its tickets.
//! * [`hold`]: what keeps a thread parked; the one parking function.
//! * [`life`]: attachment of an engine, and the death and reap of a thread: who cleans up.
//! * [`word`]: the loop in which a word is changed.
//! * [`event`], [`action`]: the sets of events, and how the engines' wishes are merged.

pub(crate) mod action;
pub(crate) mod event;
pub(crate) mod hold;
pub(crate) mod life;
pub(crate) mod stop;
pub(crate) mod word;
