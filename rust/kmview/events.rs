// SPDX-License-Identifier: GPL-2.0

//! Events that threads wait with: posted by them, read and answered by monitors.

use crate::{
    session::{
        Decision,
        Inner,
        Posted,
        Session, //
    },
    sys::{
        abi::{
            Answer,
            Event, //
        },
        errno::estale,
        uapi::{
            self,
            Kind, //
        },
        wait::Going, //
    },
    table::{
        self,
        Item, //
    },
    thread::{
        Entry,
        Phase,
        Release, //
    }, //
};
use kernel::prelude::*;
use utrace::{
    EngineRef,
    ResumeError, //
};

impl Session {
    // --- events: by the thread itself ---------------------------------------------------------

    /// Queues an event that the current thread, number `id`, is going to wait with, in the stop
    /// that `engine` gives.
    pub(crate) fn post(
        &self,
        id: u64,
        mut event: Event,
        stop: u64,
        engine: impl FnOnce() -> EngineRef,
    ) -> Posted {
        let mut inner = self.lock();
        if inner.closed {
            return Posted::Closed(inner.policy());
        }
        let ticket = inner.number(table::slot_of(id));
        let Some(mut entry) = inner.thread(id) else {
            return Posted::Gone;
        };
        if entry.phase != Phase::Idle {
            // Killed while it waited: this is its exit.
            inner.end_wait(id);
            match inner.thread(id) {
                Some(found) => entry = found,
                None => return Posted::Gone,
            }
        }
        if entry.ended.is_some() || entry.release == Release::Detach {
            return Posted::Gone;
        }
        if entry.engine.is_none() {
            // Whoever attached has not got there yet.
            entry.engine = Some(engine());
        }
        entry.fill(&mut event);
        event.ticket = ticket;
        if event.kind == Kind::New as u16 {
            entry.announced = true;
        }
        event.copy_to(&mut entry.event);
        entry.ticket = ticket;
        entry.set_stop(stop);
        entry.phase = Phase::Queued;
        let port = entry.origin.port;
        inner.events += 1;
        inner.waiting += 1;
        inner.push(port, Item::Event(ticket));
        Posted::Waits
    }

    /// Whether the current thread, before it begins, is to wait with its NEW. If it is not to, and
    /// was when it came, its NEW is queued.
    pub(crate) fn waits_with_new(&self, id: u64) -> bool {
        let mut inner = self.lock();
        let Some(entry) = inner.thread(id) else {
            // It finds out when it is to wait.
            return true;
        };
        if entry.announced || self.filter.waits(Kind::New) {
            return !entry.announced;
        }
        entry.announced = true;
        let port = entry.origin.port;
        inner.push(port, Item::New(id));
        false
    }

    /// What the current thread, which waits, is to do. If nothing yet, it waits on, in `stop`.
    pub(crate) fn decision(&self, id: u64, stop: u64) -> Decision {
        let mut inner = self.lock();
        let closed = inner.closed.then(|| inner.policy());
        let Some(entry) = inner.thread(id) else {
            return Decision::Gone;
        };
        entry.set_stop(stop);
        if let Some(errand) = entry.errand.take() {
            return Decision::Errand(errand);
        }
        if entry.users != 0 {
            // Woken for nothing, the last of them wakes it again.
            return Decision::Again;
        }
        match (entry.phase, closed) {
            (Phase::Answered, _) => {
                entry.phase = Phase::Idle;
                Decision::Answer(entry.answer)
            }
            (Phase::Queued | Phase::Read, None) => Decision::Again,
            (_, Some(policy)) => {
                inner.end_wait(id);
                Decision::Closed(policy)
            }
            (Phase::Idle | Phase::Room, None) => Decision::Gone,
        }
    }

    // --- events: by the monitor ----------------------------------------------------------------

    /// The next item of a queue, and in `event` what is to be told of it. To be followed by
    /// [`Self::done`] or [`Self::undo`].
    pub(crate) fn take(inner: &mut Inner, port: usize, event: &mut Event) -> Option<Item> {
        loop {
            let item = inner.port(port)?.fifo.pop()?;
            let note = match item {
                Item::New(id) => inner.thread(id).map(|entry| {
                    entry.noticed = true;
                    entry.note_new()
                }),
                Item::End(id) => inner.thread(id).map(|entry| entry.note_end()),
                Item::Event(ticket) => {
                    let entry = inner.threads.get(table::slot_of(ticket));
                    let entry = entry.filter(|it| it.ticket == ticket && it.phase == Phase::Queued);
                    let Some(entry) = entry else { continue };
                    entry.phase = Phase::Read;
                    entry.event.copy_to(event);
                    return Some(item);
                }
            };
            if let Some(note) = note {
                *event = note;
                return Some(item);
            }
        }
    }

    /// What was taken has reached the monitor.
    pub(crate) fn done(&self, item: Item) {
        let Item::End(id) = item else { return };
        let mut inner = self.lock();
        if let Some(entry) = inner.thread(id).filter(|entry| entry.owed) {
            // It goes when that is recorded.
            entry.told = true;
            return;
        }
        let removed = inner.remove(id);
        drop(inner);
        drop(removed);
    }

    /// What was taken could not be given to the monitor: it is the next again, in the queue where
    /// the thread is now.
    pub(crate) fn undo(&self, item: Item) {
        let mut inner = self.lock();
        let port = match item {
            Item::Event(ticket) => inner.waiting(ticket).ok().map(|entry| {
                entry.phase = Phase::Queued;
                entry.origin.port
            }),
            Item::New(id) | Item::End(id) => inner.thread(id).map(|entry| entry.origin.port),
        };
        if let Some(port) = port.and_then(|port| inner.port(port)) {
            port.fifo.push_front(item);
            port.wait.wake_one();
        }
    }

    /// Gives an answer.
    pub(crate) fn answer(&self, answer: &Answer) -> Result {
        self.answer_and(answer, |_| None).map(|_| ())
    }

    /// Gives an answer. If `begin`, under the same lock, says that the current thread is going to
    /// sleep, that is the next thing to do; after an error it does not sleep.
    #[inline(always)]
    pub(crate) fn answer_and<'a>(
        &self,
        answer: &Answer,
        begin: impl FnOnce(&mut Inner) -> Option<Going<'a>>,
    ) -> Result<Option<Going<'a>>> {
        let mut inner = self.lock();
        let going = begin(&mut inner);
        let entry = inner.waiting(answer.ticket)?;
        if !entry.accepts(answer) {
            return Err(EINVAL);
        }
        if matches!(answer.action, uapi::DETACH | uapi::DETACH_ALL) {
            let id = entry.id;
            if answer.action == uapi::DETACH_ALL {
                inner.sweeps += 1;
            }
            drop(going);
            drop(inner);
            self.detach(id);
            if answer.action == uapi::DETACH_ALL {
                self.end_adoptions(|_| true);
                self.for_each_thread(|id| self.detach(id));
            }
            return Ok(None);
        }
        entry.answer = *answer;
        entry.phase = Phase::Answered;
        entry.ticket = 0;
        let result = if entry.users != 0 {
            entry.release = Release::Resume;
            Ok(())
        } else {
            if let Some(going) = &going {
                going.wakes_first();
            }
            resume(entry)
        };
        inner.waiting -= 1;
        result.map(|()| going)
    }

    /// Keeps a thread that waits from going on.
    pub(crate) fn hold(&self, ticket: u64) -> Result<Held<'_>> {
        let mut inner = self.lock();
        let entry = inner.waiting(ticket)?;
        let engine = entry.engine.clone().ok_or_else(estale)?;
        entry.users += 1;
        Ok(Held {
            session: self,
            id: entry.id,
            engine,
        })
    }
}

/// A thread that waits and was named by its ticket: until this is dropped, it does not go on,
/// answered or not, unless it is killed.
pub(crate) struct Held<'a> {
    session: &'a Session,
    id: u64,
    pub(crate) engine: EngineRef,
}

impl Held<'_> {
    /// Whether it has been killed meanwhile.
    pub(crate) fn is_over(&self) -> bool {
        let mut inner = self.session.lock();
        inner
            .thread(self.id)
            .is_none_or(|entry| entry.phase == Phase::Idle && entry.release == Release::Nothing)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut inner = self.session.lock();
        let Some(entry) = inner.thread(self.id) else {
            return;
        };
        entry.users -= 1;
        if entry.users != 0 {
            return;
        }
        match entry.release {
            Release::Nothing => {}
            Release::Resume => {
                entry.release = Release::Nothing;
                let _ = resume(entry);
            }
            // It stays so: the thread may find out before it is detached.
            Release::Detach => {
                drop(inner);
                self.session.detach(self.id);
            }
        }
    }
}

/// Ends the stop of a thread for which there is something. Once: how often it looks before it parks
/// again does not matter.
pub(crate) fn resume(entry: &mut Entry) -> Result {
    if core::mem::replace(&mut entry.woken, true) {
        return Ok(());
    }
    let engine = entry.engine.as_ref().ok_or_else(estale)?;
    match engine.resume_number(entry.stop) {
        // Somebody else has ended the stop: the thread looks, or will.
        Ok(_) | Err(ResumeError::Stale) => Ok(()),
        // Killed meanwhile: it takes no answer.
        Err(ResumeError::Gone) => Err(estale()),
    }
}
