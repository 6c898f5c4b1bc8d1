// SPDX-License-Identifier: GPL-2.0

//! What exists once: the table of threads, and the register of engines by the module that owns
//! their code.
//!
//! Neither is locked on an event's path: the table is looked up under RCU, the register is used
//! when an engine comes or goes.

use super::{
    attach,
    object::Engine,
    thread::Utrace, //
};
use crate::sys::{
    global::Global,
    kthread,
    module::{
        self,
        GoingNotifier,
        OnGoing,
        Owner,
        OwnerName, //
    },
    rcu,
    regset,
    signal::Functions,
    step,
    still::Stiller,
    table::Table,
    task::PtraceAccess,
    task_work::Cancel, //
};
use kernel::{
    new_condvar,
    new_spinlock,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed, //
        },
        Arc,
        CondVar,
        SpinLock, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// The order of the register: all engines of one owner are neighbours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(usize, u64);

impl Key {
    fn of(engine: &Engine) -> Self {
        Key(engine.owner.as_usize(), engine.serial)
    }
}

/// A place in the register, allocated before it is needed.
pub(crate) struct Slot(RBTreeNodeReservation<Key, Arc<Engine>>);

impl Slot {
    pub(crate) fn new() -> Result<Self> {
        Ok(Slot(RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?))
    }
}

/// The queues of those who wait for something of a thread: the same thread has always the same one.
#[pin_data]
pub(crate) struct Settled {
    #[pin]
    queues: [CondVar; Self::COUNT],
}

impl Settled {
    const COUNT: usize = 16;

    fn new() -> impl PinInit<Self> {
        pin_init!(Settled {
            queues <- ::pin_init::pin_init_array_from_fn(|_| new_condvar!("utrace_settled")),
        })
    }

    /// That of the [`Utrace`] at this address.
    pub(crate) fn of(&self, address: usize) -> &CondVar {
        &self.queues[address / size_of::<Utrace>() % Self::COUNT]
    }
}

/// The one instance.
#[pin_data]
pub(crate) struct State {
    pub(crate) table: Table<Utrace>,
    #[pin]
    pub(crate) settled: Settled,
    #[pin]
    register: SpinLock<RBTree<Key, Arc<Engine>>>,
    serial: Atomic<u64>,
    pub(crate) cancel: Cancel,
    pub(crate) signals: Functions,
    pub(crate) steps: step::Functions,
    pub(crate) stiller: Stiller,
    pub(crate) ptrace_access: PtraceAccess,
}

static STATE: Global<State> = Global::new();

/// How many [`Utrace`] exist. While it is not zero, threads may be inside a trampoline, or have
/// work queued that is ours.
static LIVE: Atomic<usize> = Atomic::new(0);

pub(crate) fn utrace_made() {
    LIVE.fetch_add(1usize, Full);
}

pub(crate) fn utrace_gone() {
    LIVE.fetch_sub(1usize, Full);
}

/// The one instance. Called only by hooks, and by modules that depend on this one.
#[inline]
pub(crate) fn get() -> &'static State {
    STATE.get()
}

impl State {
    pub(crate) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1u64, Relaxed)
    }

    pub(crate) fn register(&self, slot: Slot, engine: &Arc<Engine>) {
        let node = slot.0.into_node(Key::of(engine), engine.clone());
        self.register.lock().insert(node);
    }

    pub(crate) fn unregister(&self, engine: &Engine) {
        let node = self.register.lock().remove_node(&Key::of(engine));
        drop(node);
    }

    fn first_of(&self, owner: Owner) -> Option<Arc<Engine>> {
        let register = self.register.lock();
        let cursor = register.cursor_lower_bound(&Key(owner.as_usize(), 0))?;
        let (_, engine) = cursor.current();
        (engine.owner == owner).then(|| engine.clone())
    }
}

/// An engine as [`State::list_after`] found it.
pub(crate) struct Listed {
    pub(crate) engine: Arc<Engine>,
    pub(crate) owner: OwnerName,
}

impl Listed {
    /// Where the engine stands in the register.
    pub(crate) fn place(&self) -> Place {
        Place(Key::of(&self.engine))
    }
}

/// A place in the register, whether there still is an engine or not.
#[derive(Clone, Copy)]
pub(crate) struct Place(Key);

impl State {
    /// The next few engines of the register, in its order: from the first one, or those behind a
    /// place. None when there are no more. May sleep.
    pub(crate) fn list_after(&self, last: Option<Place>) -> Result<KVec<Listed>> {
        const AT_ONCE: usize = 32;

        let mut some = KVec::with_capacity(AT_ONCE, GFP_KERNEL)?;
        let from = last.map_or(Key(0, 0), |Place(Key(owner, serial))| {
            Key(owner, serial + 1)
        });
        let mut register = self.register.lock();
        let mut cursor = register.cursor_lower_bound_mut(&from);
        while let Some(here) = cursor {
            let engine = here.current().1.clone();
            // SAFETY: The owner's end takes all its engines out of the register, and waits for
            // the lock that we hold.
            let owner = unsafe { engine.owner.name() };
            if some.push_within_capacity(Listed { engine, owner }).is_err() {
                break;
            }
            cursor = here.move_next();
        }
        Ok(some)
    }
}

struct Going;

impl OnGoing for Going {
    /// By construction, not by discipline: whatever a module did with its handles, none of its
    /// engines is left, and none of its callbacks runs, when its code goes.
    fn going(owner: Owner) {
        kthread::stop_all_of(owner);
        while let Some(engine) = get().first_of(owner) {
            attach::detach_and_wait(&engine);
        }
    }
}

/// Everything of this layer, until dropped.
pub(crate) struct Running {
    going: Option<GoingNotifier>,
}

/// Sets up what the hooks need. Called once.
pub(crate) fn start() -> Result<Running> {
    let cancel = Cancel::resolve()
        .inspect_err(|err| pr_err!("task_work_cancel: no such function ({:?})\n", err))?;
    let signals = Functions::resolve()?;
    let steps = step::Functions::resolve()?;
    module::init()
        .inspect_err(|err| pr_err!("__module_text_address: no such function ({:?})\n", err))?;
    kthread::init();
    let stiller = Stiller::resolve()
        .inspect_err(|err| pr_err!("wait_task_inactive: no such function ({:?})\n", err))?;
    let ptrace_access = PtraceAccess::resolve().inspect_err(|err| {
        pr_err!(
            "ptrace_may_access, security_ptrace_access_check: no such function ({:?})\n",
            err
        )
    })?;
    regset::find_views()
        .inspect_err(|err| pr_err!("user_regset views: not what they should be ({:?})\n", err))?;
    let mut running = Running { going: None };
    crate::testing::step(2)?;
    let table = Table::new()?;
    STATE.set(Arc::pin_init(
        try_pin_init!(State {
            table,
            settled <- Settled::new(),
            register <- new_spinlock!(RBTree::new()),
            serial: Atomic::new(1),
            cancel,
            signals,
            steps,
            stiller,
            ptrace_access,
        }),
        GFP_KERNEL,
    )?);
    crate::testing::step(3)?;
    running.going = Some(GoingNotifier::register::<Going>()?);
    Ok(running)
}

impl Drop for Running {
    /// The hooks are gone, and no module uses us: what is left are threads on their way out.
    fn drop(&mut self) {
        self.going = None;
        let mut waited = 0u32;
        while LIVE.load(Acquire) != 0 {
            fsleep(Delta::from_millis(1));
            rcu::barrier();
            waited += 1;
            if waited % 10_000 == 0 {
                pr_warn!("unload waits for {} threads to leave\n", LIVE.load(Acquire));
            }
        }
        // Who has just dropped the last reference may still be between that and the return from
        // the trampoline.
        rcu::synchronize_tasks();
        rcu::barrier();
        STATE.clear();
    }
}
