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
    sys::module::Owner, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
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

    pub(crate) fn store_events(&self, events: u32) {
        self.events.store(events & event::ALL, Release);
    }
}
