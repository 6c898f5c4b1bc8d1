// SPDX-License-Identifier: GPL-2.0

//! The queues of a session: they come and go with its descriptors, and threads move between them.
//!
//! A thread is always in a queue that is there, while there is any. What is unread about it is in
//! that one, and in no other.

use crate::{
    session::{
        Inner,
        Policy,
        Port,
        Session,
        Wait, //
    },
    table::{
        self,
        Fifo,
        Item, //
    },
    thread::{
        Origin,
        Phase, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The most queues of a session.
const MAX_PORTS: usize = 1024;

impl Inner {
    /// Where a thread that comes gets its events: where its maker does now, or as `origin` says.
    pub(crate) fn port_of_new(&mut self, origin: &Origin) -> usize {
        let wanted = match self.thread(origin.parent) {
            Some(parent) => parent.origin.port,
            None => origin.port,
        };
        self.open_port(wanted)
    }

    /// This queue, or if that is closed another one.
    fn open_port(&self, wanted: usize) -> usize {
        match self.ports.get(wanted) {
            Some(Some(_)) => wanted,
            _ => {
                let other = self.ports.iter().position(Option::is_some);
                other.unwrap_or(wanted)
            }
        }
    }

    /// Has a thread get its events in another queue; if it waits for room in the ring of the one
    /// that it leaves, it looks anew.
    fn reroute(&mut self, slot: usize, source: &mut Port, to: usize) {
        let Some(entry) = self.threads.get(slot) else {
            return;
        };
        entry.origin.port = to;
        if entry.phase != Phase::Room {
            return;
        }
        if let Some(engine) = &entry.engine {
            let _ = engine.resume_number(entry.stop);
        }
        if let Some(ring) = &mut source.ring {
            ring.end_wait();
        }
        match self.ring(to) {
            Some(ring) => ring.begin_wait(),
            // One that it may get later knows nothing of this.
            None => {
                if let Some(entry) = self.threads.get(slot) {
                    entry.phase = Phase::Idle;
                }
            }
        }
    }

    /// Moves what is unread, or owed to the ring, in its order.
    fn move_items(&mut self, source: &mut Port, to: usize, which: impl Fn(Item) -> bool) {
        let Some(target) = self.port(to) else { return };
        let mut any = false;
        for (from, into) in [
            (&mut source.fifo, &mut target.fifo),
            (&mut source.owed, &mut target.owed),
        ] {
            from.purge(|item| {
                let moves = which(item);
                // Each queue has room for the items of all threads.
                any |= moves && into.push(item);
                moves
            });
        }
        if any {
            target.wait.wake_all();
            self.pay(to);
        }
    }

    /// Moves a thread to another queue.
    fn move_thread(&mut self, id: u64, to: usize) {
        let slot = table::slot_of(id);
        let Some(from) = self.thread(id).map(|entry| entry.origin.port) else {
            return;
        };
        if from == to {
            return;
        }
        let Some(mut source) = self.ports.get_mut(from).and_then(Option::take) else {
            return;
        };
        self.reroute(slot, &mut source, to);
        self.move_items(&mut source, to, |item| item.slot() == slot);
        if let Some(place) = self.ports.get_mut(from) {
            *place = Some(source);
        }
        // What it was asked to say there is room for may be gone.
        self.pay(from);
    }
}

impl Session {
    /// Adds a queue. Gives its number, and where its readers wait.
    ///
    /// # Errors
    ///
    /// `EMFILE`: there are too many. `ESRCH`: the session has ended.
    pub(crate) fn add_port(&self) -> Result<(usize, Arc<Wait>)> {
        let wait = Wait::new()?;
        loop {
            let inner = self.lock();
            let (room, count) = (inner.threads.capacity(), inner.ports.len());
            drop(inner);
            let port = Port {
                fifo: Fifo::new(room)?,
                ring: None,
                owed: Fifo::new(room)?,
                owes: false,
                wait: wait.clone(),
            };
            let mut ports = KVec::with_capacity(count + 1, GFP_KERNEL_ACCOUNT)?;
            let mut inner = self.lock();
            if inner.closed {
                return Err(ESRCH);
            }
            if inner.threads.capacity() > room || inner.ports.len() > count {
                continue;
            }
            if let Some(hole) = inner.ports.iter().position(Option::is_none) {
                inner.ports[hole] = Some(port);
                return Ok((hole, wait));
            }
            if count >= MAX_PORTS {
                return Err(EMFILE);
            }
            for port in inner.ports.drain_all() {
                let _ = ports.push_within_capacity(port);
            }
            let _ = ports.push_within_capacity(Some(port));
            core::mem::swap(&mut inner.ports, &mut ports);
            drop(inner);
            return Ok((count, wait));
        }
    }

    /// A queue's last file is closed. Its threads move to another one; with the last one, the
    /// session ends.
    pub(crate) fn close_port(&self, number: usize) {
        let mut inner = self.lock();
        let mut port = inner.ports.get_mut(number).and_then(Option::take);
        inner.closed = inner.ports.iter().all(Option::is_none);
        if !inner.closed {
            let to = inner.open_port(number);
            if let Some(source) = &mut port {
                for slot in 0..inner.threads.len() {
                    let entry = inner.threads.get(slot);
                    if entry.is_some_and(|entry| entry.origin.port == number) {
                        inner.reroute(slot, source, to);
                    }
                }
                inner.move_items(source, to, |_| true);
            }
            drop(inner);
            drop(port);
            return;
        }
        let policy = inner.policy();
        drop(inner);
        drop(port);
        self.end_adoptions(|_| true);
        self.for_each_thread(|id| match policy {
            Policy::Detach => self.detach(id),
            Policy::Fail(_) => self.let_go(id),
            Policy::Kill => self.kill(id),
        });
    }

    /// Names a thread, and says where it gets its events.
    ///
    /// # Errors
    ///
    /// `ESRCH`: it is not in the session.
    pub(crate) fn set_thread(&self, id: u64, cookie: Option<u64>, port: Option<usize>) -> Result {
        let mut inner = self.lock();
        let entry = inner.thread(id).ok_or(ESRCH)?;
        if let Some(cookie) = cookie {
            entry.origin.cookie = cookie;
        }
        if let Some(port) = port {
            inner.move_thread(id, port);
        }
        Ok(())
    }
}
