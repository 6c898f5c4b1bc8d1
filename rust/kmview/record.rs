// SPDX-License-Identifier: GPL-2.0

//! Events that are recorded: into the ring of the thread's queue, by the thread itself. Only if that
//! is full, and nothing may be lost, it waits, for room.

use crate::{
    ring::{
        Put,
        Ring, //
    },
    session::{
        Inner,
        Locked,
        Session, //
    },
    sys::{
        abi::{
            Event,
            RingSetup, //
        },
        ring::Shared, //
    },
    table::Item,
    thread::Phase, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use utrace::EngineRef;

impl Inner {
    /// Records that a thread has come or gone, by its item in the queue; it cannot wait for that.
    pub(crate) fn note(&mut self, port: usize, item: Item) {
        let Some(place) = self.port(port) else { return };
        if place.ring.is_none() {
            return;
        }
        if !place.owed.push(item) {
            pr_warn!("a queue is full: this should not happen\n");
            return;
        }
        if let Item::End(id) = item {
            if let Some(entry) = self.thread(id) {
                entry.owed = true;
            }
        }
        self.pay(port);
    }

    /// Records what is owed, as far as there is room. If something remains, the monitor says when
    /// there is some.
    pub(crate) fn pay(&mut self, number: usize) -> bool {
        self.stop_asking(number);
        loop {
            let Some(port) = self.port(number) else {
                return true;
            };
            let Some(item) = port.owed.pop() else {
                return true;
            };
            let event = match item {
                Item::New(id) => self.thread(id).map(|entry| entry.note_new()),
                Item::End(id) => self.thread(id).map(|entry| entry.note_end()),
                Item::Event(_) => None,
            };
            let Some(event) = event else { continue };
            if self.put_or_ask(number, &event, &[], 0) == Put::Full {
                if let Some(port) = self.port(number) {
                    port.owed.push_front(item);
                    // It has been asked just now.
                    port.owes = true;
                }
                return false;
            }
            let Item::End(id) = item else { continue };
            let is_read = self.thread(id).is_some_and(|entry| {
                entry.owed = false;
                entry.told
            });
            if is_read {
                drop(self.remove(id));
            }
        }
    }

    /// No longer asks the monitor on behalf of what is owed, if it did.
    fn stop_asking(&mut self, number: usize) {
        let Some(port) = self.port(number) else {
            return;
        };
        if core::mem::replace(&mut port.owes, false) {
            if let Some(ring) = &mut port.ring {
                ring.end_wait();
            }
        }
    }

    /// Puts a record into the ring of a queue. When it is full, the monitor is asked to say when it
    /// is no longer, until [`Ring::end_wait`].
    fn put_or_ask(&mut self, number: usize, event: &Event, data: &[u8], nr_data: u32) -> Put {
        let Some(port) = self.port(number) else {
            return Put::Done { tell: false };
        };
        let Some(ring) = &mut port.ring else {
            return Put::Done { tell: false };
        };
        let mut put = ring.put(event, data, nr_data);
        if put == Put::Full {
            ring.begin_wait();
            put = ring.put(event, data, nr_data);
            match put {
                Put::Full => port.wait.pollers.wake(true),
                Put::Done { .. } => ring.end_wait(),
            }
        }
        if let Put::Done { tell: true } = put {
            port.wait.pollers.wake(true);
        }
        put
    }
}

impl Session {
    /// Gives a queue its ring.
    pub(crate) fn set_ring(&self, port: usize, memory: &Arc<Shared>, setup: &RingSetup) {
        let ring = Ring::new(memory.clone(), setup);
        if let Some(port) = self.lock().port(port) {
            port.ring = Some(ring);
        }
    }

    /// Records an event of the current thread, number `id`. If there is no room, gives `false`: the
    /// thread is to wait, in the stop that is given, and to try again, as `again` says.
    #[inline(always)]
    pub(crate) fn record(
        &self,
        id: u64,
        mut event: Event,
        data: (&[u8], u32),
        again: bool,
        stop: u64,
        engine: impl FnOnce() -> EngineRef,
    ) -> bool {
        let mut inner = self.lock();
        let Some(entry) = inner.thread(id) else {
            return true;
        };
        entry.fill(&mut event);
        let (number, phase) = (entry.origin.port, entry.phase);
        // Nearly always it is as simple as that.
        if data.0.is_empty() && phase != Phase::Room {
            let Some(port) = inner.port(number) else {
                return true;
            };
            let ring = port.ring.as_mut().filter(|_| port.owed.is_empty());
            if let Some(Put::Done { tell }) = ring.and_then(|ring| ring.put_plain(&event)) {
                if tell {
                    port.wait.pollers.wake(true);
                }
                return true;
            }
        }
        if phase == Phase::Room && !again {
            // Killed while it waited: this is its exit.
            inner.end_wait(id);
        }
        // A copy: the other one need not be in memory.
        record_slowly(inner, id, &{ event }, data, stop, engine)
    }

    /// The monitor has made room: who waits for it tries again.
    pub(crate) fn room(&self, port: usize) -> Result {
        let mut inner = self.lock();
        inner.ring(port).ok_or(EINVAL)?;
        inner.pay(port);
        drop(inner);
        self.for_each_thread(|id| {
            let mut inner = self.lock();
            let Some(entry) = inner.thread(id) else {
                return;
            };
            if entry.phase == Phase::Room && entry.origin.port == port {
                if let Some(engine) = &entry.engine {
                    let _ = engine.resume_number(entry.stop);
                }
            }
        });
        Ok(())
    }
}

/// [`Session::record`] where it is not that simple.
#[cold]
#[inline(never)]
fn record_slowly(
    mut inner: Locked<'_>,
    id: u64,
    event: &Event,
    (data, nr_data): (&[u8], u32),
    stop: u64,
    engine: impl FnOnce() -> EngineRef,
) -> bool {
    let Some(entry) = inner.thread(id) else {
        return true;
    };
    let number = entry.origin.port;
    if entry.phase == Phase::Room {
        entry.phase = Phase::Idle;
        if let Some(ring) = inner.ring(number) {
            ring.end_wait();
        }
    }
    let Some(port) = inner.port(number) else {
        return true;
    };
    // What is owed comes first: it may be the thread's own NEW.
    let paid = port.owed.is_empty() || inner.pay(number);
    let put = match paid {
        true => inner.put_or_ask(number, event, data, nr_data),
        false => Put::Full,
    };
    if put != Put::Full {
        return true;
    }
    if !paid {
        if let Some(ring) = inner.ring(number) {
            ring.begin_wait();
        }
    }
    if let Some(entry) = inner.thread(id) {
        if entry.engine.is_none() {
            entry.engine = Some(engine());
        }
        entry.set_stop(stop);
        entry.phase = Phase::Room;
    }
    false
}
