// SPDX-License-Identifier: GPL-2.0

//! All objects that C holds, by the module whose callbacks they call: what is left of a module that
//! goes calls it no more.

use super::{
    callbacks::Shell,
    object::CEngine, //
};
use crate::{
    engine::object::Engine,
    sys::{
        global::Global,
        lock::IrqLock,
        module::{
            GoingNotifier,
            OnGoing,
            Owner, //
        }, //
    }, //
};
use core::{
    any::TypeId,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::Arc,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// The order: all objects of one owner are neighbours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(usize, usize);

impl Key {
    fn of(engine: &CEngine) -> Self {
        Key(engine.owner.as_usize(), engine.address())
    }
}

/// # Invariants
///
/// `object` is valid as long as the entry is in the registry: it is freed after that.
struct Entry {
    object: NonNull<CEngine>,
    /// Its `release` is being called.
    releasing: bool,
}

// SAFETY: `CEngine` is `Send` and `Sync`.
unsafe impl Send for Entry {}

type Tree = RBTree<Key, Entry>;

#[pin_data]
struct Registry {
    #[pin]
    tree: IrqLock<Tree>,
}

static REGISTRY: Global<Registry> = Global::new();

/// A place in the registry, allocated before it is needed.
pub(super) struct Slot(RBTreeNodeReservation<Key, Entry>);

impl Slot {
    pub(super) fn new() -> Result<Self> {
        Ok(Slot(RBTreeNodeReservation::new(GFP_KERNEL)?))
    }

    pub(super) fn insert(self, engine: &CEngine) {
        let entry = Entry {
            object: engine.into(),
            releasing: false,
        };
        let node = self.0.into_node(Key::of(engine), entry);
        REGISTRY.get().tree.lock().insert(node);
    }
}

/// Looks at the object of an engine; none if the engine is not C's. No reference is taken, which
/// might turn out to be the last one in a context that `release` cannot be called in.
pub(super) fn look<R>(engine: &Engine, with: impl FnOnce(&CEngine) -> R) -> Option<R> {
    let (kind, address) = engine.identity;
    if kind != TypeId::of::<Shell>() {
        return None;
    }
    let key = Key(engine.owner.as_usize(), address);
    let tree = REGISTRY.get().tree.lock();
    let entry = tree.get(&key)?;
    // SAFETY: By the type invariant; the lock is held.
    Some(with(unsafe { entry.object.as_ref() }))
}

/// The last reference has gone. Tells whether the owner's code is still there; it then stays until
/// [`end_release`].
pub(super) fn begin_release(engine: &CEngine) -> bool {
    let mut tree = REGISTRY.get().tree.lock();
    match tree.get_mut(&Key::of(engine)) {
        Some(entry) => {
            entry.releasing = true;
            true
        }
        None => false,
    }
}

/// Ends it.
pub(super) fn end_release(engine: &CEngine) {
    let node = REGISTRY.get().tree.lock().remove_node(&Key::of(engine));
    drop(node);
}

/// What is done about the next object of an owner.
enum Step {
    /// There is none.
    Done,
    /// Somebody calls its `release`.
    Wait,
    /// It has been taken out.
    Next,
}

fn orphan_next(owner: Owner) -> Step {
    let mut tree = REGISTRY.get().tree.lock();
    let Some(cursor) = tree.cursor_lower_bound(&Key(owner.as_usize(), 0)) else {
        return Step::Done;
    };
    let (key, entry) = cursor.current();
    if key.0 != owner.as_usize() {
        return Step::Done;
    }
    if entry.releasing {
        return Step::Wait;
    }
    let key = *key;
    // SAFETY: By the type invariant; the lock is held.
    let object = unsafe { entry.object.as_ref() }.try_get();
    let node = tree.remove_node(&key);
    drop(tree);
    drop(node);
    if let Some(object) = object {
        object.orphan();
    }
    Step::Next
}

fn orphan_all(owner: Owner) {
    let mut count = 0;
    loop {
        match orphan_next(owner) {
            Step::Done => break,
            Step::Wait => fsleep(Delta::from_millis(1)),
            Step::Next => count += 1,
        }
    }
    if count != 0 {
        pr_warn!(
            "{} engines of a module that goes still have references\n",
            count
        );
    }
}

struct Going;

impl OnGoing for Going {
    /// Called after the engine layer has detached the owner's engines.
    fn going(owner: Owner) {
        orphan_all(owner);
    }
}

/// Everything of this layer, until dropped.
pub(crate) struct Running {
    going: Option<GoingNotifier>,
}

/// Called once, after the engine layer has begun.
pub(crate) fn start() -> Result<Running> {
    REGISTRY.set(Arc::pin_init(
        pin_init!(Registry {
            tree <- IrqLock::new_outer(RBTree::new()),
        }),
        GFP_KERNEL,
    )?);
    let mut running = Running { going: None };
    running.going = Some(GoingNotifier::register::<Going>()?);
    Ok(running)
}

impl Drop for Running {
    /// No module uses us. Engines whose ops had no callback belong to nobody.
    fn drop(&mut self) {
        self.going = None;
        orphan_all(Owner::NOBODY);
        REGISTRY.clear();
    }
}
