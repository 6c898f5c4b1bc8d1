// SPDX-License-Identifier: GPL-2.0

//! Explores every interleaving of the decisions of utrace: the very files of `rust/utrace/core`,
//! over loom's locks and atomics.
//!
//! The crate's root is one *world*: the core as it is shipped, the place that it stands on, and the
//! models. `build.rs` makes more of them, each with one thing in the core broken, and each of which
//! must be found out: a check that cannot fail is no check.

#![allow(clippy::duplicate_mod)] // The worlds.

#[allow(clippy::precedence)] // The kernel's lints have no objection.
#[path = "../../utrace/core/mod.rs"]
pub(crate) mod core;
pub(crate) mod engine;
pub(crate) mod models;
pub(crate) mod place;
pub(crate) mod thread;

mod explore;
mod mutants;
mod runner;

include!(concat!(env!("OUT_DIR"), "/worlds.rs"));

fn main() -> std::process::ExitCode {
    runner::main()
}
