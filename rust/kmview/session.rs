// SPDX-License-Identifier: GPL-2.0

//! Sessions: threads, their events, and who reads and answers them.
//!
//! One lock guards a session. What is done under it is short and needs no memory; nothing of utrace
//! is called under it but the release of a stop. A thread that waits takes its answer itself: in the
//! callback that has queued its event if it comes that soon, else when the stop that it then begins
//! is over.

use crate::{
    copy::Copies,
    count::Counts,
    errand::Errand,
    fdset::FdSet,
    filter::Filter,
    paths::Paths,
    ring::Ring,
    sys::{
        abi::{
            Answer,
            Options, //
        },
        device,
        errno::estale,
        ring,
        task::{
            self,
            Opener, //
        },
        uapi::{
            self,
            Kind, //
        },
        wait::{
            Pollers,
            Sleeper, //
        }, //
    },
    table::{
        self,
        Fifo,
        Item,
        Room,
        Table, //
    },
    thread::{
        Entry,
        Origin,
        Phase,
        Release, //
    }, //
};
use kernel::{
    new_condvar,
    new_mutex,
    new_spinlock,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::{
        lock::{
            spinlock::SpinLockBackend,
            Guard, //
        },
        Arc,
        CondVar,
        Mutex,
        SetOnce,
        SpinLock, //
    },
    task::Task, //
};
use utrace::{
    CallSet,
    Control,
    EngineRef,
    EventSet, //
};

/// Where those wait who read from a queue. All of them are woken under the session's lock.
#[pin_data]
pub(crate) struct Wait {
    /// One reader; as a rule there is no other.
    pub(crate) reader: Sleeper,
    /// Those who come while it sleeps.
    #[pin]
    pub(crate) readers: CondVar,
    #[pin]
    pub(crate) pollers: Pollers,
}

impl Wait {
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Wait {
                reader: Sleeper::new(),
                readers <- new_condvar!(),
                pollers <- Pollers::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// There is something to read: wakes one who does, and who polls.
    pub(crate) fn wake_one(&self) {
        if !self.reader.wake() {
            self.readers.notify_sync();
        }
        self.pollers.wake(false);
    }

    /// Has everybody look anew.
    pub(crate) fn wake_all(&self) {
        self.reader.wake();
        self.readers.notify_all();
        self.pollers.wake(true);
    }
}

/// A queue, and who waits for it.
pub(crate) struct Port {
    pub(crate) fifo: Fifo,
    pub(crate) ring: Option<Ring>,
    /// Notes that are to be recorded, and for which there is no room yet: nobody could wait.
    pub(crate) owed: Fifo,
    /// The monitor is to say when there is room for them.
    pub(crate) owes: bool,
    pub(crate) wait: Arc<Wait>,
}

/// What the lock guards.
pub(crate) struct Inner {
    pub(crate) threads: Table<Entry>,
    /// The numbers of the threads, by [`task::address`].
    by_task: RBTree<usize, u64>,
    /// By number; closed ones stay as holes.
    pub(crate) ports: KVec<Option<Port>>,
    /// How many threads have not ended.
    pub(crate) live: usize,
    /// How many wait for an answer.
    pub(crate) waiting: usize,
    /// How many adoptions are on.
    adopters: usize,
    /// How often all threads have been let go.
    pub(crate) sweeps: u64,
    /// There has been a thread.
    ever: bool,
    /// The last port has been closed.
    pub(crate) closed: bool,
    pub(crate) options: Options,
    /// The last number given out.
    numbers: u64,
    pub(crate) events: u64,
    /// Threads that could not be followed, for want of memory.
    pub(crate) lost: u64,
}

pub(crate) type Locked<'a> = Guard<'a, Inner, SpinLockBackend>;

/// A session.
#[pin_data]
pub(crate) struct Session {
    pub(crate) filter: Filter,
    pub(crate) opener: Opener,
    #[pin]
    inner: SpinLock<Inner>,
    /// Taken by who changes the filter or the copies.
    #[pin]
    pub(crate) settings: Mutex<()>,
    /// Once there are any.
    pub(crate) copies: SetOnce<Copies>,
    /// Likewise.
    pub(crate) counts: SetOnce<Counts>,
    #[pin]
    pub(crate) paths: SpinLock<Option<Arc<Paths>>>,
    /// The engines that wait for the children of monitors, or for their exec.
    #[pin]
    adoptions: Mutex<KVec<Given>>,
}

/// One adoption.
pub(crate) struct Given {
    number: u64,
    /// The address of the thread that gives.
    thread: usize,
    /// Itself, not its children.
    itself: bool,
    engine: EngineRef,
}

impl Given {
    pub(crate) fn is_by(&self, thread: usize) -> bool {
        self.thread == thread
    }
}

/// What became of an event that a thread wanted to wait with.
pub(crate) enum Posted {
    /// It is queued, or recorded when there is room.
    Waits,
    /// There is nothing to wait for.
    Passed,
    /// Nobody reads any more: do as the session chose.
    Closed(Policy),
    /// The thread has been let go.
    Gone,
}

/// What becomes of threads without a monitor.
#[derive(Clone, Copy)]
pub(crate) enum Policy {
    Detach,
    Fail(i32),
    Kill,
}

/// What a thread that waits is to do.
pub(crate) enum Decision {
    Answer(Answer),
    /// Do this, and ask again.
    Errand(Arc<Errand>),
    /// It was woken for nothing.
    Again,
    Closed(Policy),
    Gone,
}

impl Inner {
    pub(crate) fn number(&mut self, slot: usize) -> u64 {
        self.numbers += 1;
        // 0 is none, also when they begin anew.
        match table::number(self.numbers, slot) {
            0 => self.number(slot),
            number => number,
        }
    }

    /// The thread with this number.
    pub(crate) fn thread(&mut self, id: u64) -> Option<&mut Entry> {
        self.threads
            .get(table::slot_of(id))
            .filter(|entry| entry.id == id)
    }

    /// The thread that waits with this ticket, which has been read.
    pub(crate) fn waiting(&mut self, ticket: u64) -> Result<&mut Entry> {
        self.threads
            .get(table::slot_of(ticket))
            .filter(|entry| entry.ticket == ticket && entry.phase == Phase::Read)
            .ok_or_else(estale)
    }

    pub(crate) fn policy(&self) -> Policy {
        match self.options.at_close {
            uapi::AT_CLOSE_FAIL => Policy::Fail(self.options.at_close_errno),
            uapi::AT_CLOSE_KILL => Policy::Kill,
            _ => Policy::Detach,
        }
    }

    pub(crate) fn port(&mut self, port: usize) -> Option<&mut Port> {
        self.ports.get_mut(port)?.as_mut()
    }

    pub(crate) fn ring(&mut self, port: usize) -> Option<&mut Ring> {
        self.port(port)?.ring.as_mut()
    }

    /// Queues an item, and wakes a reader of the queue.
    pub(crate) fn push(&mut self, port: usize, item: Item) {
        let Some(port) = self.port(port) else { return };
        if !port.fifo.push(item) {
            pr_warn!("a queue is full: this should not happen\n");
        }
        port.wait.wake_one();
    }

    /// Whether a queue has nothing to be read.
    pub(crate) fn is_empty(&mut self, port: usize) -> bool {
        self.port(port).is_none_or(|port| port.fifo.is_empty())
    }

    /// Nothing more will come, until somebody attaches.
    pub(crate) fn is_over(&self) -> bool {
        self.ever && self.live == 0 && self.adopters == 0
    }

    /// [`Self::is_over`], and everything in the queue has been read.
    pub(crate) fn is_at_end(&mut self, port: usize) -> bool {
        self.is_over() && self.is_empty(port)
    }

    /// Tells the readers, if it is.
    pub(crate) fn note_end(&self) {
        if self.is_over() {
            for port in self.ports.iter().flatten() {
                port.wait.wake_all();
            }
        }
    }

    /// Whether the thread still waits; if so, it is done with that.
    pub(crate) fn end_wait(&mut self, id: u64) {
        let Some(entry) = self.thread(id) else { return };
        let (phase, ticket, port) = (entry.phase, entry.ticket, entry.origin.port);
        entry.phase = Phase::Idle;
        entry.ticket = 0;
        if let Some(errand) = entry.errand.take() {
            errand.finish(Err(estale()));
        }
        if phase == Phase::Room {
            // Its record is not made any more.
            if let Some(ring) = self.ring(port) {
                ring.end_wait();
                ring.lose();
            }
        }
        if matches!(phase, Phase::Queued | Phase::Read) {
            self.waiting -= 1;
        }
        if phase == Phase::Queued {
            if let Some(port) = self.port(port) {
                port.fifo.purge(|item| item == Item::Event(ticket));
            }
        }
    }

    /// Takes a thread out, with all that is queued about it. What it gives is to be dropped without
    /// the lock.
    pub(crate) fn remove(&mut self, id: u64) -> Option<KBox<Entry>> {
        self.end_wait(id);
        let slot = table::slot_of(id);
        let entry = self.thread(id)?;
        let port = entry.origin.port;
        // Only a thread that has not ended is found by its address.
        if let Some(address) = entry.task.as_ref().map(|task| task::address(task)) {
            self.live -= 1;
            let _ = self.by_task.remove(&address);
        }
        if let Some(port) = self.port(port) {
            port.fifo.purge(|item| item.slot() == slot);
            port.owed.purge(|item| item.slot() == slot);
        }
        self.threads.remove(slot)
    }
}

impl Session {
    pub(crate) fn new(opener: Opener) -> Result<Arc<Self>> {
        let calls = CallSet::new()?;
        Arc::pin_init(
            pin_init!(Session {
                filter: Filter::new(calls),
                opener,
                inner <- new_spinlock!(Inner {
                    threads: Table::new(),
                    by_task: RBTree::new(),
                    ports: KVec::new(),
                    live: 0,
                    waiting: 0,
                    adopters: 0,
                    sweeps: 0,
                    ever: false,
                    closed: false,
                    options: Options {
                        follow: uapi::FOLLOW_THREADS | uapi::FOLLOW_PROCESSES,
                        ..Options::default()
                    },
                    numbers: 0,
                    events: 0,
                    lost: 0,
                }),
                settings <- new_mutex!(()),
                copies: SetOnce::new(),
                counts: SetOnce::new(),
                paths <- new_spinlock!(None),
                adoptions <- new_mutex!(KVec::new()),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    pub(crate) fn lock(&self) -> Locked<'_> {
        self.inner.lock()
    }

    /// Calls `f` with the number of each thread that is there when it gets to it.
    pub(crate) fn for_each_thread(&self, mut f: impl FnMut(u64)) {
        let mut slot = 0;
        loop {
            let mut inner = self.lock();
            if slot >= inner.threads.len() {
                return;
            }
            let id = inner.threads.get(slot).map(|entry| entry.id);
            drop(inner);
            if let Some(id) = id {
                f(id);
            }
            slot += 1;
        }
    }

    // --- threads come and go -----------------------------------------------------------------

    /// The lock, with room for one more thread.
    fn lock_with_room(&self) -> Result<Locked<'_>> {
        loop {
            let inner = self.lock();
            if inner.threads.has_room() {
                return Ok(inner);
            }
            let want = (inner.threads.capacity() * 2).max(16);
            let ports = inner.ports.len();
            drop(inner);
            if want > table::MAX_THREADS {
                return Err(ENOMEM);
            }
            let mut room = Room::new(want)?;
            let threads = room.capacity();
            let mut fifos = KVec::with_capacity(ports, GFP_KERNEL_ACCOUNT)?;
            for _ in 0..ports {
                let two = (Fifo::new(threads)?, Fifo::new(threads)?);
                let _ = fifos.push_within_capacity(two);
            }
            let mut inner = self.lock();
            if inner.ports.len() != ports {
                continue;
            }
            // The queues first: there is a slot only if there is room for what it makes.
            for (port, (fifo, owed)) in inner.ports.iter_mut().zip(&mut fifos) {
                if let Some(port) = port {
                    port.fifo.enlarge(fifo);
                    port.owed.enlarge(owed);
                }
            }
            inner.threads.enlarge(&mut room);
            drop(inner);
        }
    }

    /// Takes a thread in, and queues its NEW if `announce`. Gives its number, and its descriptors.
    ///
    /// # Errors
    ///
    /// `EEXIST`: it is in the session. `ESTALE`: its maker has been let go with all others.
    pub(crate) fn insert(
        &self,
        task: &Task,
        origin: Origin,
        extra: EventSet,
        announce: bool,
    ) -> Result<(u64, Arc<FdSet>)> {
        let mut fds = self.fds_of_new(&origin)?;
        let mut entry = Entry::new(task, origin, fds.clone(), self.opener.numbers(task))?;
        let node = RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?;
        let address = task::address(task);
        let mut inner = self.lock_with_room()?;
        if inner.by_task.get(&address).is_some() {
            return Err(EEXIST);
        }
        // Whoever lets all go does not come back to the slots that it has passed.
        if origin.flags & uapi::BY_ATTACH == 0 && origin.sweeps != inner.sweeps {
            return Err(estale());
        }
        if origin.parent == 0 {
            if let Some(shared) = inner.shared_fds(task) {
                entry.fds = shared.clone();
                fds = shared;
            }
        }
        let port = inner.port_of_new(&origin);
        entry.origin.port = port;
        entry.origin.sweeps = inner.sweeps;
        let id = {
            let slot = inner.threads.next();
            inner.number(slot)
        };
        entry.id = id;
        entry.announced = announce;
        entry.extra = extra;
        entry.came = ring::now();
        inner.threads.insert(entry);
        drop(inner.by_task.insert(node.into_node(address, id)));
        inner.live += 1;
        inner.ever = true;
        if announce {
            inner.push(port, Item::New(id));
        }
        if self.filter.records(Kind::New) {
            if let Some(entry) = inner.thread(id) {
                entry.noticed = true;
            }
            inner.note(port, Item::New(id));
        }
        Ok((id, fds))
    }

    /// The engine of a thread that was taken in. What it hears of is settled.
    pub(crate) fn set_engine(&self, id: u64, engine: &EngineRef) {
        let mut spare = Some(engine.clone());
        let mut inner = self.lock();
        let closed = inner.closed.then(|| inner.policy());
        let entry = inner.thread(id);
        let is_gone = entry.is_none();
        if let Some(entry) = entry {
            if entry.engine.is_none() && entry.ended.is_none() {
                entry.engine = spare.take();
            }
            self.update(entry);
        }
        drop(inner);
        drop(spare);
        if is_gone {
            // Let go before there was an engine to be told. Of a dead thread it does not matter.
            let _ = engine.control(Control::Detach);
            return;
        }
        match closed {
            // Whoever closed the session may have passed its slot before it was in it.
            Some(Policy::Kill) => task::kill(engine.thread()),
            Some(Policy::Detach) => self.detach(id),
            Some(Policy::Fail(_)) | None => {}
        }
    }

    /// Has a thread's engine hear of what the filter says now, and of what the thread needs.
    fn update(&self, entry: &Entry) {
        if let Some(engine) = &entry.engine {
            // A thread that is dead, or being let go, needs none.
            let _ = engine.set_events(self.filter.events() | entry.extra);
        }
    }

    /// Changes what the thread needs besides.
    pub(crate) fn set_extra(&self, id: u64, change: impl FnOnce(EventSet) -> EventSet) {
        if let Some(entry) = self.lock().thread(id) {
            entry.extra = change(entry.extra);
            self.update(entry);
        }
    }

    /// After a change of the filter.
    pub(crate) fn update_all(&self) {
        self.for_each_thread(|id| self.set_extra(id, |extra| extra));
    }

    /// A thread has ended: it is dead, out of reach, or was never reached. The monitor is told. What
    /// was waited for is void.
    pub(crate) fn ended(&self, id: u64, flags: u16) {
        let mut inner = self.lock();
        inner.end_wait(id);
        let closed = inner.closed;
        let Some(entry) = inner.thread(id) else {
            return;
        };
        // Nobody is told of one that was let go, though somebody is still busy with it.
        if closed || entry.release == Release::Detach {
            let removed = inner.remove(id);
            inner.note_end();
            drop(inner);
            drop(removed);
            return;
        }
        let Some(task) = entry.task.take() else {
            return;
        };
        entry.ended = Some(flags);
        entry.went = ring::now();
        let engine = entry.engine.take();
        let port = entry.origin.port;
        let address = task::address(&task);
        let announce = !core::mem::replace(&mut entry.announced, true);
        let _ = inner.by_task.remove(&address);
        inner.live -= 1;
        if announce {
            inner.push(port, Item::New(id));
        }
        inner.push(port, Item::End(id));
        if self.filter.records(Kind::End) {
            inner.note(port, Item::End(id));
        }
        inner.note_end();
        drop(inner);
        drop((engine, task));
    }

    /// The engine of a thread has gone, or there was none to be had. Whoever lets a thread go takes it
    /// out first, or has it do so; of any other one END tells, unless nobody has been told of it yet.
    pub(crate) fn engine_gone(&self, id: u64) {
        let mut inner = self.lock();
        let Some(entry) = inner.thread(id) else {
            return;
        };
        let Some(task) = &entry.task else { return };
        let never = entry.engine.is_none() && !entry.noticed;
        if never || entry.release == Release::Detach {
            let removed = inner.remove(id);
            inner.note_end();
            drop(inner);
            drop(removed);
            return;
        }
        let flags = match task::is_dead(task) {
            true => 0,
            false => uapi::OUT_OF_REACH,
        };
        drop(inner);
        self.ended(id, flags);
    }

    /// Lets a thread go: it runs on by itself.
    pub(crate) fn detach(&self, id: u64) {
        let mut inner = self.lock();
        let Some(entry) = inner.thread(id) else {
            return;
        };
        if entry.ended.is_some() {
            return;
        }
        if entry.users != 0 {
            entry.release = Release::Detach;
            inner.end_wait(id);
            return;
        }
        let removed = inner.remove(id);
        inner.note_end();
        drop(inner);
        if let Some(engine) = removed.as_ref().and_then(|entry| entry.engine.as_ref()) {
            // A callback that runs is its last one; a thread that exits needs nothing.
            let _ = engine.control(Control::Detach);
        }
        drop(removed);
    }

    /// Has a thread that waits look what there is for it.
    pub(crate) fn let_go(&self, id: u64) {
        let mut inner = self.lock();
        if let Some(entry) = inner.thread(id) {
            let stays = entry.waits() || entry.phase == Phase::Room;
            if let Some(engine) = entry.engine.as_ref().filter(|_| stays) {
                let _ = engine.resume_number(entry.stop);
            }
        }
    }

    /// Kills a thread, if it has not ended: then it may have got out of reach.
    pub(crate) fn kill(&self, id: u64) {
        let mut inner = self.lock();
        let task = inner.thread(id).and_then(|entry| entry.task.clone());
        drop(inner);
        if let Some(task) = task {
            task::kill(&task);
        }
    }

    pub(crate) fn set_status(&self, id: u64, status: i32) {
        if let Some(entry) = self.lock().thread(id) {
            entry.status = Some(status);
        }
    }

    /// After an exec. Gives the number that the thread had before.
    pub(crate) fn update_numbers(&self, id: u64, (tid, pid): (i32, i32)) -> i32 {
        let mut inner = self.lock();
        let Some(entry) = inner.thread(id) else {
            return tid;
        };
        entry.pid = pid;
        core::mem::replace(&mut entry.tid, tid)
    }

    /// For what a thread of the session makes.
    pub(crate) fn origin_of_child(&self, id: u64, clone_flags: u64) -> Option<(Origin, u32)> {
        let mut inner = self.lock();
        let follow = inner.options.follow;
        let entry = inner.thread(id)?;
        let origin = Origin {
            flags: uapi::BY_CLONE,
            parent: id,
            clone_flags,
            ..entry.origin
        };
        Some((origin, follow))
    }

    /// A new thread could not be followed. Gives what is to become of it, and notes it.
    pub(crate) fn lose(&self) -> Policy {
        let mut inner = self.lock();
        inner.lost += 1;
        inner.policy()
    }

    /// What becomes of threads now that nobody reads; `None` while somebody does.
    pub(crate) fn policy_if_closed(&self) -> Option<Policy> {
        let inner = self.lock();
        inner.closed.then(|| inner.policy())
    }

    /// Closes what the current process has open of this session.
    pub(crate) fn close_own_files(&self) {
        device::close_own_files(self);
    }

    // --- adoptions ---------------------------------------------------------------------------

    /// Gives its number, and what [`Origin::sweeps`] is for those that come by it.
    pub(crate) fn begin_adoption(&self) -> Result<(u64, u64)> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(ESRCH);
        }
        inner.adopters += 1;
        Ok((inner.number(0), inner.sweeps))
    }

    /// An adoption by the current thread, of itself or its children, has its engine. It takes the place
    /// of the one before.
    pub(crate) fn add_adoption(&self, number: u64, itself: bool, engine: EngineRef) -> Result {
        let thread = task::address(engine.thread());
        let given = Given {
            number,
            thread,
            itself,
            engine,
        };
        self.adoptions.lock().push(given, GFP_KERNEL_ACCOUNT)?;
        self.end_adoptions(|other| {
            other.is_by(thread) && other.itself == itself && other.number != number
        });
        Ok(())
    }

    /// The engine of an adoption has gone.
    pub(crate) fn end_adoption(&self, number: u64) {
        let mut adoptions = self.adoptions.lock();
        let found = adoptions.iter().position(|given| given.number == number);
        let given = found.and_then(|i| adoptions.remove(i).ok());
        drop(adoptions);
        drop(given);
        let mut inner = self.lock();
        inner.adopters -= 1;
        inner.note_end();
    }

    /// Ends those that are meant.
    pub(crate) fn end_adoptions(&self, which: impl Fn(&Given) -> bool) {
        loop {
            let mut adoptions = self.adoptions.lock();
            let found = adoptions.iter().position(&which);
            let given = found.and_then(|i| adoptions.remove(i).ok());
            drop(adoptions);
            let Some(given) = given else { return };
            let _ = given.engine.control(Control::Detach);
        }
    }
}
