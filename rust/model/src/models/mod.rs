// SPDX-License-Identifier: GPL-2.0

//! What must hold, and in whose company.

mod ask;
mod death;
mod detach;
mod examine;
mod jctl;
mod kill;
mod resume;
mod sequence;

use crate::explore::{
    self,
    Model,
    Running, //
};
use std::sync::Arc;

/// All models of this world.
pub(crate) fn all() -> Vec<Model> {
    [
        resume::MODELS,
        kill::MODELS,
        ask::MODELS,
        detach::MODELS,
        death::MODELS,
        examine::MODELS,
        jctl::MODELS,
        sequence::MODELS,
    ]
    .concat()
}

/// Runs `body` in another thread, on the same `scene`.
fn spawn<S: Send + Sync + 'static, R: Send + 'static>(
    scene: &Arc<S>,
    body: impl FnOnce(&S) -> R + Send + 'static,
) -> Running<R> {
    let scene = scene.clone();
    explore::spawn(move || body(&scene))
}

/// A fact that one thread notes and another asserts.
struct Flag(loom::sync::atomic::AtomicBool);

impl Flag {
    fn new() -> Self {
        Flag(loom::sync::atomic::AtomicBool::new(false))
    }

    fn set(&self) {
        self.0.store(true, loom::sync::atomic::Ordering::Relaxed);
    }

    /// Exact only when the setting happened before; loom tries older values too.
    fn is_set(&self) -> bool {
        self.0.load(loom::sync::atomic::Ordering::Relaxed)
    }
}

/// Memory without any ordering of its own, as a monitor's answer is.
struct Memory(loom::cell::UnsafeCell<u32>);

// SAFETY: loom fails the exploration in which two threads reach it unordered.
unsafe impl Sync for Memory {}

impl Memory {
    fn new() -> Self {
        Memory(loom::cell::UnsafeCell::new(0))
    }

    fn write(&self, value: u32) {
        // SAFETY: As above.
        self.0.with_mut(|place| unsafe { *place = value });
    }

    fn read(&self) -> u32 {
        // SAFETY: As above.
        self.0.with(|place| unsafe { *place })
    }
}
