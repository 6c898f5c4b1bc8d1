// SPDX-License-Identifier: GPL-2.0

//! The per-thread structure: one for each thread that has engines.

use super::{
    global,
    object::Engine, //
};
use crate::{
    core::{
        hold::{
            Hold,
            Site, //
        },
        life::ThreadLife, //
    },
    sys::{
        lock::{
            IrqGuard,
            IrqLock, //
        },
        rcu::{
            DeferredDrop,
            HasDeferredDrop, //
        },
        table::{
            Entry,
            HasEntry, //
        },
        task,
        task_work::{
            HasTaskWork,
            Notify,
            TaskWork, //
        }, //
    }, //
};
use kernel::{
    new_condvar,
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        Arc,
        CondVar,
        SpinLock, //
    },
    task::Task, //
};

/// The engines of a thread in the order of their attachment, detached ones perhaps among them.
/// Never changed: a new list replaces it, and a pass keeps the one that it began with.
pub(crate) struct Engines(pub(crate) KVec<Arc<Engine>>);

/// What the list lock guards.
pub(crate) struct List {
    pub(crate) engines: Option<Arc<Engines>>,
    /// How many are attached.
    pub(crate) attached: usize,
    /// The last one has gone: the structure is out of the table, and takes no more.
    pub(crate) closed: bool,
}

/// A thread with engines.
///
/// Reference counted: by the table, by its engines, by queued work, and by the thread itself while
/// it reports. Lock order: `list`, then the lock of `syscall_bit`; `hold` is innermost.
#[pin_data(PinnedDrop)]
pub(crate) struct Utrace {
    #[pin]
    entry: Entry,
    #[pin]
    deferred: DeferredDrop,
    pub(crate) task: ARef<Task>,
    #[pin]
    hold: IrqLock<Hold>,
    pub(crate) life: ThreadLife,
    /// The union of the engines' events.
    wants: Atomic<u32>,
    /// Reports owed before user mode.
    pending: Atomic<u32>,
    #[pin]
    resume_work: TaskWork<Utrace, 0>,
    #[pin]
    signal_work: TaskWork<Utrace, 1>,
    #[pin]
    pub(crate) list: SpinLock<List>,
    /// Notified, under `list`, when a callback ends or an engine has been cleaned up.
    #[pin]
    pub(crate) settled: CondVar,
}

// SAFETY: The offset is that of the field.
unsafe impl HasEntry for Utrace {
    const OFFSET: usize = core::mem::offset_of!(Utrace, entry);
}

// SAFETY: As above.
unsafe impl HasDeferredDrop for Utrace {
    const OFFSET: usize = core::mem::offset_of!(Utrace, deferred);
}

// SAFETY: As above.
unsafe impl HasTaskWork<0> for Utrace {
    const OFFSET: usize = core::mem::offset_of!(Utrace, resume_work);

    fn run(this: Arc<Self>) {
        super::report::before_user_mode(&this);
    }
}

// SAFETY: As above.
unsafe impl HasTaskWork<1> for Utrace {
    const OFFSET: usize = core::mem::offset_of!(Utrace, signal_work);

    fn run(this: Arc<Self>) {
        super::report::before_user_mode(&this);
    }
}

impl Utrace {
    pub(crate) fn new(task: &Task) -> Result<Arc<Self>> {
        let this = Arc::pin_init(
            pin_init!(Utrace {
                entry <- Entry::new(task),
                deferred <- DeferredDrop::new(),
                task: task.into(),
                hold <- IrqLock::new(Hold::new()),
                life: ThreadLife::new(),
                wants: Atomic::new(0),
                pending: Atomic::new(0),
                resume_work <- TaskWork::new(),
                signal_work <- TaskWork::new(),
                list <- new_spinlock!(List {
                    engines: None,
                    attached: 0,
                    closed: false,
                }),
                settled <- new_condvar!(),
            }),
            GFP_KERNEL,
        )?;
        global::utrace_made();
        Ok(this)
    }

    /// The engines as they are now.
    pub(crate) fn engines(&self) -> Option<Arc<Engines>> {
        self.list.lock().engines.clone()
    }

    #[inline]
    pub(crate) fn wants(&self) -> u32 {
        self.wants.load(Acquire)
    }

    pub(crate) fn set_wants(&self, events: u32) {
        self.wants.store(events, Release);
    }

    /// Notes that the thread owes a report of this kind (see [`crate::core::action::pending`]).
    pub(crate) fn add_pending(&self, what: u32) {
        let mut old = self.pending.load(Acquire);
        while let Err(seen) = self.pending.cmpxchg(old, old | what, Full) {
            old = seen;
        }
    }

    pub(crate) fn take_pending(&self) -> u32 {
        if self.pending.load(Acquire) == 0 {
            return 0;
        }
        self.pending.xchg(0, Full)
    }

    /// Has [`super::report::before_user_mode`] called in the thread. `ESRCH` when it exits.
    pub(crate) fn queue(self: &Arc<Self>, notify: Notify) -> Result {
        match notify {
            Notify::Resume => self.resume_work.queue(self, &self.task, notify),
            Notify::Signal => self.signal_work.queue(self, &self.task, notify),
        }
    }

    /// Takes queued work back, once nobody needs it any more.
    pub(crate) fn cancel_work(self: &Arc<Self>) {
        let cancel = global::get().cancel;
        self.resume_work.cancel(self, &self.task, cancel);
        self.signal_work.cancel(self, &self.task, cancel);
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.hold.lock().is_asked()
    }
}

#[pinned_drop]
impl PinnedDrop for Utrace {
    fn drop(self: Pin<&mut Self>) {
        global::utrace_gone();
    }
}

impl Site for Utrace {
    type Guard<'a> = IrqGuard<'a, Hold>;

    fn lock(&self) -> IrqGuard<'_, Hold> {
        self.hold.lock()
    }

    fn set_parked_state(&self, _guard: &mut IrqGuard<'_, Hold>) {
        task::set_parked_state();
    }

    fn sleep(&self) {
        task::schedule();
    }

    fn set_running_state(&self) {
        task::set_running_state();
    }

    fn wake(&self, _guard: &mut IrqGuard<'_, Hold>) {
        task::wake_parked(&self.task);
    }

    fn fatal_signal_pending(&self) -> bool {
        task::fatal_signal_pending()
    }

    #[cfg(utrace_test)]
    fn final_check(&self) -> bool {
        crate::testing::final_check()
    }
}
