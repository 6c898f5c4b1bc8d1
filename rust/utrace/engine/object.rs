// SPDX-License-Identifier: GPL-2.0

//! One engine: one tracer's attachment to one thread.

use super::{
    payload::Payload,
    thread::Utrace, //
};
use crate::{
    core::{
        event,
        hold::Ask,
        life::EngineLife,
        stop::StopWord, //
    },
    sys::{
        module::Owner,
        task, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        Arc, //
    }, //
};

/// An engine. Outlives its attachment as long as somebody holds a reference.
pub(crate) struct Engine {
    pub(crate) utrace: Arc<Utrace>,
    /// The order of attachment, over all threads.
    pub(crate) serial: u64,
    /// The module whose code `payload` calls.
    pub(crate) owner: Owner,
    pub(crate) identity: (usize, usize),
    pub(crate) life: EngineLife,
    /// The stop that a report makes.
    pub(crate) stop: StopWord,
    /// The stop that is asked for from outside.
    pub(crate) ask: Ask,
    /// `stop` was decided by a report that cannot stop the thread in place. Only the thread itself
    /// reads and writes it.
    pub(crate) deferred: Atomic<bool>,
    /// Who runs a callback now, as the address of a thread: the thread itself, or its reaper.
    caller: Atomic<usize>,
    events: Atomic<u32>,
    pub(crate) payload: Payload,
}

impl Engine {
    pub(crate) fn new(
        utrace: Arc<Utrace>,
        serial: u64,
        owner: Owner,
        identity: (usize, usize),
        events: u32,
        payload: Payload,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Engine {
                utrace,
                serial,
                owner,
                identity,
                life: EngineLife::new(),
                stop: StopWord::new(),
                ask: Ask::new(),
                deferred: Atomic::new(false),
                caller: Atomic::new(0),
                events: Atomic::new(events & event::ALL),
                payload,
            },
            GFP_KERNEL,
        )?)
    }

    /// The events that the engine wants; none once it is detached.
    #[inline]
    pub(crate) fn events(&self) -> u32 {
        if self.life.is_detached() {
            0
        } else {
            self.events.load(Acquire)
        }
    }

    /// Notes that the current thread runs a callback of the engine, or does no more.
    #[inline]
    pub(crate) fn set_caller(&self, calling: bool) {
        let caller = if calling { task::current_address() } else { 0 };
        self.caller.store(caller, Relaxed);
    }

    /// Whether the current thread runs a callback of the engine, and so must not wait for its end.
    pub(crate) fn is_called_by_current(&self) -> bool {
        self.caller.load(Relaxed) == task::current_address()
    }

    pub(crate) fn store_events(&self, events: u32) {
        self.events.store(events & event::ALL, Release);
    }
}
