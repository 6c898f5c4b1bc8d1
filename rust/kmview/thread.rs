// SPDX-License-Identifier: GPL-2.0

//! What a session knows of one thread. Guarded by the session's lock.

use crate::{
    errand::Errand,
    fdset::FdSet,
    sys::{
        abi::{
            self,
            Answer,
            Body,
            Created,
            Event,
            Exit, //
        },
        uapi::{
            self,
            Kind, //
        }, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
    task::Task, //
};
use utrace::{
    EngineRef,
    EventSet, //
};

/// Where a thread is with its event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has none.
    Idle,
    /// It waits, and nobody has read its event.
    Queued,
    /// It waits, and somebody has.
    Read,
    /// The answer is there; the thread is on its way to it.
    Answered,
    /// It waits for room in the ring.
    Room,
}

/// How a thread came into its session.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// `KMVIEW_BY_*`.
    pub(crate) flags: u16,
    /// The number of the thread that made it, or 0.
    pub(crate) parent: u64,
    pub(crate) clone_flags: u64,
    pub(crate) cookie: u64,
    /// The queue that gets its events.
    pub(crate) port: usize,
    /// How often all threads had been let go when its maker came.
    pub(crate) sweeps: u64,
}

/// One thread of a session.
pub(crate) struct Entry {
    pub(crate) id: u64,
    /// Gone when the thread has ended, as what is kept of a dead one counts for nobody's limit.
    pub(crate) task: Option<ARef<Task>>,
    /// Likewise.
    pub(crate) engine: Option<EngineRef>,
    pub(crate) origin: Origin,
    /// The descriptors that are selected; it shares them as it does its table.
    pub(crate) fds: Arc<FdSet>,
    pub(crate) tid: i32,
    pub(crate) pid: i32,
    pub(crate) phase: Phase,
    /// Of the event that it waits with.
    pub(crate) ticket: u64,
    /// The stop in which it does, by its number among those of the engine.
    pub(crate) stop: u64,
    /// That stop has been ended: whatever there is for the thread, it finds.
    pub(crate) woken: bool,
    /// What it is to do while it waits.
    pub(crate) errand: Option<Arc<Errand>>,
    pub(crate) event: Event,
    pub(crate) answer: Answer,
    /// Somebody who named the ticket is busy with the thread: it does not go on before that is over.
    pub(crate) users: u32,
    /// It was answered, or let go, meanwhile.
    pub(crate) release: Release,
    /// What its engine hears of besides what the filter says.
    pub(crate) extra: EventSet,
    /// Its NEW has been queued.
    pub(crate) announced: bool,
    /// Its NEW has been read, or recorded.
    pub(crate) noticed: bool,
    /// When it came, and when it ended.
    pub(crate) came: u64,
    pub(crate) went: u64,
    /// Its END is not in the ring yet: it stays for that.
    pub(crate) owed: bool,
    /// It has been read from the queue.
    pub(crate) told: bool,
    /// Its code when it exited.
    pub(crate) status: Option<i32>,
    /// It is no longer in the session: what its END says.
    pub(crate) ended: Option<u16>,
}

/// What is left to the last user of a thread that waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    Nothing,
    Resume,
    Detach,
}

impl Entry {
    pub(crate) fn new(
        task: &Task,
        origin: Origin,
        fds: Arc<FdSet>,
        (tid, pid): (i32, i32),
    ) -> Result<KBox<Self>> {
        let entry = Entry {
            id: 0,
            task: Some(task.into()),
            engine: None,
            origin,
            fds,
            tid,
            pid,
            phase: Phase::Idle,
            ticket: 0,
            stop: 0,
            woken: false,
            errand: None,
            event: Event::default(),
            answer: Answer::default(),
            users: 0,
            release: Release::Nothing,
            extra: EventSet::NONE,
            announced: false,
            noticed: false,
            came: 0,
            went: 0,
            owed: false,
            told: false,
            status: None,
            ended: None,
        };
        // Charged to who makes the thread, or attaches.
        Ok(KBox::new(entry, GFP_KERNEL_ACCOUNT)?)
    }

    /// The stop in which it waits from now on.
    pub(crate) fn set_stop(&mut self, stop: u64) {
        if self.stop != stop {
            self.stop = stop;
            self.woken = false;
        }
    }

    pub(crate) fn waits(&self) -> bool {
        matches!(self.phase, Phase::Queued | Phase::Read)
    }

    pub(crate) fn is_read(&self) -> bool {
        self.phase == Phase::Read
    }

    /// What all events of the thread have in common.
    pub(crate) fn fill(&self, event: &mut Event) {
        event.thread = self.id;
        event.cookie = self.origin.cookie;
        event.tid = self.tid;
        event.pid = self.pid;
    }

    /// What its NEW says.
    pub(crate) fn created(origin: Origin) -> Event {
        let mut event = abi::event(
            Kind::New,
            Body::Created(Created {
                parent: origin.parent,
                clone_flags: origin.clone_flags,
            }),
        );
        event.flags = origin.flags;
        event
    }

    /// The note that it is there.
    pub(crate) fn note_new(&self) -> Event {
        let mut event = Self::created(self.origin);
        event.time = self.came;
        self.fill(&mut event);
        event
    }

    /// The note that it has gone.
    pub(crate) fn note_end(&self) -> Event {
        let mut event = abi::event(
            Kind::End,
            Body::Exit(Exit {
                status: self.status.unwrap_or(0),
                reserved: 0,
            }),
        );
        event.flags = self.ended.unwrap_or(0);
        event.time = self.went;
        self.fill(&mut event);
        event
    }

    /// Whether its event may be answered so.
    pub(crate) fn accepts(&self, answer: &Answer) -> bool {
        let entry = self.event.kind == Kind::Entry as u16;
        let allowed = match answer.action {
            uapi::RUN if entry => {
                uapi::SET_NR | uapi::SET_ARGS | uapi::WANT_RETURN | uapi::NO_RETURN
            }
            uapi::RUN if self.event.kind == Kind::Return as u16 => uapi::SET_RESULT,
            uapi::SKIP if entry => uapi::WANT_RETURN | uapi::NO_RETURN,
            uapi::SKIP if self.event.kind != Kind::Signal as u16 => return false,
            uapi::RUN | uapi::SKIP | uapi::DETACH | uapi::DETACH_ALL => 0,
            _ => return false,
        };
        let known = answer.flags & uapi::SET_NR == 0 || i32::try_from(answer.nr).is_ok();
        answer.flags & !allowed == 0 && answer.reserved == 0 && known
    }
}
