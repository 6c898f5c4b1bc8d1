// SPDX-License-Identifier: GPL-2.0

//! The per-thread structure: one for each thread that has engines.

use super::{
    examine::Place,
    global,
    object::Engine, //
};
use crate::{
    core::{
        event::Event,
        hold::{
            Hold,
            Site, //
        },
        life::ThreadLife, //
    },
    sys::{
        atomic::{
            AtomicFlag,
            AtomicU32,
            AtomicU64,
            AtomicU8, //
        },
        lock::{
            IrqGuard,
            IrqLock, //
        },
        pass_cell::{
            PassCell,
            PassGuard, //
        },
        step::Step,
        syscall::with_current_regs,
        table::{
            Entry,
            HasEntry, //
        },
        task,
        task_work::{
            HasTaskWork,
            Notify,
            TaskWork, //
        },
        trace::{
            self,
            Counter, //
        }, //
    }, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        SpinLock, //
    },
    task::Task,
    types::ScopeGuard, //
};

/// The engines of a thread in the order of their attachment, detached ones perhaps among them.
/// Never changed: a new list replaces it, and a pass keeps the one that it began with.
pub(crate) struct Engines(pub(crate) KVec<Arc<Engine>>);

/// What the list lock guards.
pub(crate) struct List {
    pub(crate) engines: Option<Arc<Engines>>,
    /// How many are attached; the step that is under way, which must not outlive the structure,
    /// counts as one.
    pub(crate) attached: u32,
    /// The last one has gone: the structure is out of the table, and takes no more.
    pub(crate) closed: bool,
    /// Somebody examines the thread.
    examined: bool,
}

/// What the thread itself knows of its engines.
struct Seen {
    engines: Option<Arc<Engines>>,
    /// The engine, when there is one only, it does not want QUIESCE, and the thread does not step.
    single: Option<Arc<Engine>>,
}

impl Seen {
    /// Takes up another list, and gives the old ones, to be dropped without a lock.
    fn replace(&mut self, engines: Option<Arc<Engines>>, steps: bool) -> impl Sized {
        let single = match engines.as_ref().map(|engines| &engines.0[..]) {
            Some([engine]) if !engine.wants(Event::Quiesce) && !steps => Some(engine.clone()),
            _ => None,
        };
        (
            core::mem::replace(&mut self.engines, engines),
            core::mem::replace(&mut self.single, single),
        )
    }
}

/// Some engine may be [`Engine::deferred`].
pub(crate) const DEFERRED: u32 = 1;
/// Some engine may want a step.
pub(crate) const STEPPING: u32 = 2;

// What `Utrace::lists` says.
/// The list is not the one that the thread saw last, or is to be looked at again.
const CHANGED: u8 = 1;
/// There will be no other list.
const CLOSED: u8 = 2;

/// A thread with engines.
///
/// Reference counted: by the table, by its engines, by queued work, and by the thread itself while
/// it reports. Lock order: `list`, then the lock of `syscall_bit`; `hold` is innermost.
#[pin_data(PinnedDrop)]
#[repr(C)]
pub(crate) struct Utrace {
    // What every report uses comes first.
    #[pin]
    entry: Entry,
    /// What the thread has to know of the list, as bits. Changed under `list`.
    lists: AtomicU8,
    /// The thread is in a report after which it looks by itself whether to step.
    pub(crate) settling: AtomicFlag,
    /// A handler is about to begin, where a step would end.
    pub(crate) handler_begins: AtomicFlag,
    /// Some engine may have a [`Engine::step_on_release`].
    pub(crate) step_offered: AtomicFlag,
    /// What makes the thread's events out of the ordinary, as bits. Only the thread itself changes
    /// them.
    special: AtomicU32,
    /// The list that the thread itself saw last. Belongs to whoever makes the passes: the thread;
    /// once its death has been reported, whoever reports its reap; and then who uses it last.
    seen: PassCell<Seen>,
    /// The step that the thread makes.
    pub(crate) step: Step,
    #[pin]
    hold: IrqLock<Hold>,
    pub(crate) life: ThreadLife,
    /// Where the thread is parked.
    pub(crate) place: Place,
    /// Reports owed before user mode.
    pending: AtomicU32,
    /// The thread was released by itself: nobody had to wait for it.
    pub(crate) let_go_itself: AtomicFlag,
    /// The kernel acts on a signal that was reported: what is owed waits until it has. Only the
    /// thread itself reads and writes this, and the next ones.
    pub(crate) acting: AtomicFlag,
    /// A stop of the process is being reported, in which the thread takes part afterwards.
    pub(crate) stopping: AtomicFlag,
    /// The signal whose handler was set up when a round of reports was owed, and that handler; or 0.
    handled: AtomicU8,
    handler: AtomicU64,
    /// When the thread was parked ([`trace::now`]); 0 when it is not. To be shown, for nothing else.
    pub(crate) parked_since: AtomicU64,
    #[pin]
    resume_work: TaskWork<Utrace, 0>,
    #[pin]
    signal_work: TaskWork<Utrace, 1>,
    /// Queued by the thread itself alone: nobody else is ever half done with that, so it is never
    /// late.
    #[pin]
    own_work: TaskWork<Utrace, 2>,
    #[pin]
    pub(crate) list: SpinLock<List>,
}

// SAFETY: The offset is that of the field.
unsafe impl HasEntry for Utrace {
    const OFFSET: usize = core::mem::offset_of!(Utrace, entry);

    /// Lets go of the list that the thread saw last: the engines in it keep the structure.
    fn unused(&self) {
        // SAFETY: Passes are made by those who found the structure in the table, and none is left.
        if let Some(mut seen) = unsafe { self.seen.take() } {
            let before = seen.replace(None, false);
            drop(seen);
            drop(before);
        }
    }
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

// SAFETY: As above.
unsafe impl HasTaskWork<2> for Utrace {
    const OFFSET: usize = core::mem::offset_of!(Utrace, own_work);

    fn run(this: Arc<Self>) {
        super::report::before_user_mode(&this);
    }
}

impl Utrace {
    pub(crate) fn new(task: &Task) -> Result<Arc<Self>> {
        let this = Arc::pin_init(
            pin_init!(Utrace {
                entry <- Entry::new(task.into()),
                lists: AtomicU8::new(CHANGED),
                settling: AtomicFlag::new(false),
                handler_begins: AtomicFlag::new(false),
                step_offered: AtomicFlag::new(false),
                special: AtomicU32::new(0),
                seen: PassCell::new(Seen {
                    engines: None,
                    single: None,
                }),
                step: Step::new(),
                hold <- IrqLock::new(Hold::new()),
                life: ThreadLife::new(),
                place: Place::new(),
                pending: AtomicU32::new(0),
                let_go_itself: AtomicFlag::new(false),
                acting: AtomicFlag::new(false),
                stopping: AtomicFlag::new(false),
                handled: AtomicU8::new(0),
                handler: AtomicU64::new(0),
                parked_since: AtomicU64::new(0),
                resume_work <- TaskWork::new(),
                signal_work <- TaskWork::new(),
                own_work <- TaskWork::new(),
                list <- new_spinlock!(List {
                    engines: None,
                    attached: 0,
                    closed: false,
                    examined: false,
                }),
            }),
            GFP_KERNEL,
        )?;
        global::utrace_made();
        Ok(this)
    }

    /// The engines as they are now, for the thread itself. They stay the same in the view, whoever
    /// comes and goes; no lock is held, and none is taken as long as the list has not changed since
    /// the last time.
    ///
    /// # Safety
    ///
    /// The caller has found the structure in the table, and is the thread itself, or reports its
    /// reap (see [`ThreadLife`]).
    #[inline(always)]
    pub(crate) unsafe fn view(&self) -> View<'_> {
        // SAFETY: By the contract. The thread makes no pass after that of its death, whose end is
        // ordered before the reap.
        let mut seen = unsafe { self.seen.take() };
        let copy = match &mut seen {
            Some(seen) => {
                if self.has_changed() {
                    self.look(seen);
                }
                None
            }
            None => self.copy(),
        };
        View { seen, copy }
    }

    /// As [`Self::view`], but none for a report within a report, and as the thread itself saw the
    /// engines last.
    ///
    /// # Safety
    ///
    /// As there, and by the thread itself.
    #[inline(always)]
    pub(crate) unsafe fn own_view(&self) -> Option<OwnView<'_>> {
        // SAFETY: By the contract.
        unsafe { self.seen.take() }.map(OwnView)
    }

    /// Whether some engine may want to hear of the system call with this number: exact when there
    /// is one, without QUIESCE. `None` when the list has changed: see [`Self::selects_anew`].
    ///
    /// # Safety
    ///
    /// By the thread itself, which has found the structure in the table.
    #[inline(always)]
    pub(crate) unsafe fn selects(&self, event: Event, nr: u32) -> Option<bool> {
        if self.has_changed() {
            return None;
        }
        // SAFETY: By the contract; the look is over when this returns.
        let seen = unsafe { self.seen.peek() };
        Some(match &seen.single {
            Some(engine) => engine.selects(event, nr),
            None => true,
        })
    }

    /// The same where the list has changed. A report within a report leaves that to the outer one.
    ///
    /// # Safety
    ///
    /// As for [`Self::selects`].
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn selects_anew(&self, event: Event, nr: u32) -> bool {
        // SAFETY: By the contract.
        let Some(mut seen) = (unsafe { self.seen.take() }) else {
            return true;
        };
        self.look(&mut seen);
        seen.single
            .as_ref()
            .is_none_or(|engine| engine.selects(event, nr))
    }

    /// For a report within a report.
    #[cold]
    fn copy(&self) -> Option<Arc<Engines>> {
        self.list.lock().engines.clone()
    }

    #[inline(always)]
    fn has_changed(&self) -> bool {
        self.lists.load() & CHANGED != 0
    }

    /// Brings what the thread knows of its engines up to date. Does not sleep.
    #[cold]
    fn look(&self, seen: &mut Seen) {
        let list = self.list.lock();
        self.lists.store(self.lists.load() & !CHANGED);
        let before = seen.replace(list.engines.clone(), self.has(STEPPING));
        drop(list);
        drop(before);
    }

    /// Puts another list in place. The caller holds the lock, and drops the old one without.
    pub(crate) fn replace(
        &self,
        list: &mut List,
        engines: Option<Arc<Engines>>,
    ) -> Option<Arc<Engines>> {
        self.lists.store(match engines {
            Some(_) => CHANGED,
            None => CHANGED | CLOSED,
        });
        core::mem::replace(&mut list.engines, engines)
    }

    /// Has the thread look at its list again: an engine wants QUIESCE, or it steps, or no more so.
    pub(crate) fn renew(&self) {
        let _list = self.list.lock();
        self.lists.store(self.lists.load() | CHANGED);
    }

    #[inline(always)]
    pub(crate) fn task(&self) -> &Task {
        self.entry.task()
    }

    /// The union of the engines' events.
    #[inline]
    pub(crate) fn wants(&self) -> u32 {
        self.entry.filter()
    }

    pub(crate) fn set_wants(&self, events: u32) {
        self.entry.set_filter(events);
    }

    /// Notes that the thread owes a report of this kind (see [`crate::core::action::pending`]).
    pub(crate) fn add_pending(&self, what: u32) {
        let mut old = self.pending.load();
        while let Err(seen) = self.pending.compare_exchange(old, old | what) {
            old = seen;
        }
    }

    pub(crate) fn take_pending(&self) -> u32 {
        if self.pending.load() == 0 {
            return 0;
        }
        self.pending.swap(0)
    }

    /// Which of `what` is owed.
    pub(crate) fn owes(&self, what: u32) -> bool {
        self.pending.load() & what != 0
    }

    /// A handler is being set up for signal `number`, and a round is owed then.
    pub(crate) fn set_handler(&self, number: i32, handler: usize) {
        self.handled.store(number as u8);
        self.handler.store(handler as u64);
    }

    /// The signal whose handler has been set up since, with a round owed. Once.
    pub(crate) fn take_handled(&self) -> Option<i32> {
        let handler = self.handler.load();
        if handler == 0 {
            return None;
        }
        self.handler.store(0);
        // It may have failed, for want of a stack: that is another signal's matter.
        let there = with_current_regs(|regs| regs.ip()) == handler as usize;
        there.then(|| self.handled.load().into())
    }

    /// Has [`super::report::before_user_mode`] called in the thread. `ESRCH` when it exits.
    pub(crate) fn queue(self: &Arc<Self>, notify: Notify) -> Result {
        match notify {
            // What somebody else is half done with queueing might be late.
            Notify::Resume if task::is_current(self.task()) => {
                self.own_work.queue(self, self.task(), notify)
            }
            Notify::Resume => self.resume_work.queue(self, self.task(), notify),
            Notify::Signal => self.signal_work.queue(self, self.task(), notify),
        }
    }

    /// Takes queued work back, once nobody needs it any more.
    pub(crate) fn cancel_work(self: &Arc<Self>) {
        let cancel = global::get().cancel;
        self.resume_work.cancel(self, self.task(), cancel);
        self.signal_work.cancel(self, self.task(), cancel);
        self.own_work.cancel(self, self.task(), cancel);
    }

    /// Notified when a callback ends, an engine has been cleaned up, or nobody examines the thread any
    /// more; what is waited for changes, or is announced, under `list`. Other threads share it: who
    /// waits looks again.
    pub(crate) fn settled(&self) -> &'static CondVar {
        global::get().settled.of(core::ptr::from_ref(self).addr())
    }

    /// Runs `f` while nobody else is in here for this thread. May sleep.
    pub(crate) fn examine_alone<R>(&self, f: impl FnOnce() -> R) -> R {
        let mut list = self.list.lock();
        while list.examined {
            self.settled().wait(&mut list);
        }
        list.examined = true;
        drop(list);
        let _end = ScopeGuard::new(|| {
            self.list.lock().examined = false;
            self.settled().notify_all();
        });
        f()
    }

    /// Whether a fatal signal is pending. For the thread itself.
    #[inline(always)]
    pub(crate) fn is_being_killed(&self) -> bool {
        task::is_signalled(self.task()) && task::fatal_signal_pending()
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.hold.lock().is_killed()
    }

    /// Whether anything is out of the ordinary.
    #[inline(always)]
    pub(crate) fn is_special(&self) -> bool {
        self.special.load() != 0
    }

    /// Whether this is: [`DEFERRED`] or [`STEPPING`].
    #[inline(always)]
    pub(crate) fn has(&self, what: u32) -> bool {
        self.special.load() & what != 0
    }

    /// By the thread itself.
    pub(crate) fn set_special(&self, what: u32, on: bool) {
        let others = self.special.load() & !what;
        self.special.store(if on { others | what } else { others });
    }

    /// Whether the last engine has gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.lists.load() & CLOSED != 0
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.hold.lock().is_asked()
    }
}

/// See [`Utrace::own_view`].
pub(crate) struct OwnView<'a>(PassGuard<'a, Seen>);

impl OwnView<'_> {
    /// The engine, if there is no other, it does not want QUIESCE, and the thread does not step.
    #[inline(always)]
    pub(crate) fn single(&self) -> Option<&Arc<Engine>> {
        self.0.single.as_ref()
    }
}

/// See [`Utrace::view`].
pub(crate) struct View<'a> {
    seen: Option<PassGuard<'a, Seen>>,
    copy: Option<Arc<Engines>>,
}

impl View<'_> {
    /// The engines, in the order of their attachment.
    #[inline(always)]
    pub(crate) fn engines(&self) -> &[Arc<Engine>] {
        let engines = match &self.seen {
            Some(seen) => &seen.engines,
            None => &self.copy,
        };
        engines.as_ref().map_or(&[], |engines| &engines.0)
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
        // Again after each wake-up that released nothing: it was parked all the time.
        if self.parked_since.load() == 0 {
            self.parked_since.store(trace::now());
            Counter::Parks.add();
        }
        task::set_parked_state();
    }

    fn sleep(&self) {
        global::get().signals.enter_frozen();
        task::schedule();
    }

    fn set_running_state(&self) {
        task::set_running_state();
        global::get().signals.leave_frozen();
        self.parked_since.store(0);
    }

    fn wake(&self, _guard: &mut IrqGuard<'_, Hold>) {
        task::wake_parked(self.task());
    }

    fn set_leaving_state(&self, _guard: &mut IrqGuard<'_, Hold>) {
        task::set_leaving_state();
    }

    fn wake_leaving(&self, _guard: &mut IrqGuard<'_, Hold>) {
        task::wake_leaving(self.task());
    }

    fn fatal_signal_pending(&self) -> bool {
        task::fatal_signal_pending()
    }

    fn stop_with_process(&self) {
        if self.stopping.get() {
            return;
        }
        // A signal that is to be reported waits until the thread gets there.
        let unreported = self.wants() & Event::SignalStop.bit() == 0;
        global::get().signals.stop_parked(unreported);
    }

    #[cfg(utrace_test)]
    fn final_check(&self) -> bool {
        crate::testing::final_check()
    }
}
