// SPDX-License-Identifier: GPL-2.0

//! One exploration.

use std::sync::{
    atomic::{
        AtomicU64,
        Ordering::Relaxed, //
    },
    Arc,
    Mutex, //
};

/// One named check.
#[derive(Clone, Copy)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
}

/// How far to look.
#[derive(Clone, Copy)]
pub(crate) enum Depth {
    /// Every interleaving.
    All,
    /// Those in which threads are preempted at most so many times. For models of many steps, whose
    /// interleavings are too many; what needs more preemptions than this is not found.
    Preemptions(usize),
}

static INTERLEAVINGS: AtomicU64 = AtomicU64::new(0);

/// How many interleavings this process has looked at.
pub(crate) fn interleavings() -> u64 {
    INTERLEAVINGS.load(Relaxed)
}

/// The bound of the exploration that ran last, 0 for none.
static BOUND: AtomicU64 = AtomicU64::new(0);

pub(crate) fn bound() -> u64 {
    BOUND.load(Relaxed)
}

/// Runs `model` once for each interleaving.
pub(crate) fn explore(depth: Depth, model: impl Fn() + Send + Sync + 'static) {
    explore_boxed(depth, Box::new(model));
}

// Not generic, and so built once: there are many models in many worlds.
fn explore_boxed(depth: Depth, model: Box<dyn Fn() + Send + Sync>) {
    let mut builder = loom::model::Builder::new();
    if let Depth::Preemptions(most) = depth {
        builder.preemption_bound.get_or_insert(most);
    }
    BOUND.store(builder.preemption_bound.unwrap_or(0) as u64, Relaxed);
    builder.check(move || {
        INTERLEAVINGS.fetch_add(1, Relaxed);
        model();
    });
}

/// A thread of a model.
pub(crate) struct Running<R> {
    thread: loom::thread::JoinHandle<()>,
    result: Arc<Mutex<Option<R>>>,
}

/// Starts a thread of a model.
pub(crate) fn spawn<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> Running<R> {
    let result = Arc::new(Mutex::new(None));
    let place = result.clone();
    let thread = spawn_boxed(Box::new(move || {
        *place.lock().unwrap() = Some(body());
    }));
    Running { thread, result }
}

fn spawn_boxed(body: Box<dyn FnOnce() + Send>) -> loom::thread::JoinHandle<()> {
    loom::thread::spawn(body)
}

impl<R> Running<R> {
    pub(crate) fn join(self) -> R {
        self.thread.join().unwrap();
        self.result.lock().unwrap().take().unwrap()
    }
}
