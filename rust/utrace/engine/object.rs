// SPDX-License-Identifier: GPL-2.0

//! One engine: one tracer's attachment to one thread.

use super::{
    calls::{
        self,
        CallSet, //
    },
    payload::Payload,
    thread::Utrace, //
};
use crate::{
    core::{
        event::{
            self,
            Event, //
        },
        hold::Ask,
        stop::EngineWord, //
    },
    sys::{
        atomic::{
            AtomicFlag,
            AtomicU32,
            AtomicU64, //
        },
        module::Owner,
        task, //
    }, //
};
use core::any::TypeId;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// An engine. Outlives its attachment as long as somebody holds a reference.
pub(crate) struct Engine {
    pub(crate) utrace: Arc<Utrace>,
    /// The order of attachment, over all threads.
    pub(crate) serial: u64,
    /// The module whose code `payload` calls.
    pub(crate) owner: Owner,
    pub(crate) identity: (TypeId, usize),
    /// It is called for rounds of reports as for a signal.
    pub(crate) takes_rounds: bool,
    /// The life of the attachment, and the stop that a report makes.
    pub(crate) word: EngineWord,
    /// The stop that is asked for from outside.
    pub(crate) ask: Ask,
    /// `stop` was decided by a report that cannot stop the thread in place. Only the thread itself
    /// reads and writes it.
    pub(crate) deferred: AtomicFlag,
    /// The callback is called again, after a stop of its own. Likewise.
    pub(crate) again: AtomicFlag,
    /// The step that the engine wants, as the number of a [`Wish`](crate::core::action::Wish), and
    /// whether that has begun; see `step.rs`.
    pub(crate) step: AtomicU32,
    /// A step to be made when a stop of the engine is over: by whoever releases it.
    pub(crate) step_on_release: AtomicU32,
    /// Who else than the thread itself runs code of the tracer now, as the address of a thread: its
    /// reaper, or who lets the tracer go.
    caller: AtomicU64,
    events: AtomicU32,
    /// The system calls that it hears of; `None`: all.
    calls: Option<Arc<CallSet>>,
    /// It hears of the exit of the current call, whatever `calls` says. Only the thread itself reads
    /// and writes it.
    pub(crate) wants_exit: AtomicFlag,
    pub(crate) payload: Payload,
}

/// What a new engine wants to hear of.
#[derive(Clone)]
pub(crate) struct Interest {
    pub(crate) events: u32,
    /// The system calls, if not all.
    pub(crate) calls: Option<Arc<CallSet>>,
}

impl Engine {
    pub(crate) fn new(
        utrace: Arc<Utrace>,
        serial: u64,
        owner: Owner,
        identity: (TypeId, usize),
        takes_rounds: bool,
        wanted: Interest,
        payload: Payload,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Engine {
                utrace,
                serial,
                owner,
                identity,
                takes_rounds,
                word: EngineWord::new(),
                ask: Ask::new(),
                deferred: AtomicFlag::new(false),
                again: AtomicFlag::new(false),
                step: AtomicU32::new(0),
                step_on_release: AtomicU32::new(0),
                caller: AtomicU64::new(0),
                events: AtomicU32::new(wanted.events & event::ALL),
                calls: wanted.calls,
                wants_exit: AtomicFlag::new(false),
                payload,
            },
            GFP_KERNEL_ACCOUNT,
        )?)
    }

    /// The events that the engine wants; none once it is detached.
    #[inline]
    pub(crate) fn events(&self) -> u32 {
        if self.word.is_detached() {
            0
        } else {
            self.events.load()
        }
    }

    /// The same without a look at the life: for who finds out when it begins a callback.
    #[inline(always)]
    pub(crate) fn wanted(&self) -> u32 {
        self.events.load()
    }

    /// Whether the engine, if it is not detached, wants to hear of `event`.
    #[inline(always)]
    pub(crate) fn wants(&self, event: Event) -> bool {
        self.wanted() & event.bit() != 0
    }

    /// Whether the engine wants to hear of the system call with this number, as far as its set says.
    /// For the thread itself.
    #[inline(always)]
    pub(crate) fn selects(&self, event: Event, nr: u32) -> bool {
        match &self.calls {
            None => true,
            Some(calls) => match event {
                Event::SyscallEntry => calls.has(nr, calls::ENTRY),
                _ => calls.has(nr, calls::EXIT) || self.wants_exit.get(),
            },
        }
    }

    /// Notes that the current thread, which need not be the traced one, runs code of the tracer, or
    /// does no more.
    pub(crate) fn set_caller(&self, calling: bool) {
        let caller = if calling { task::current_address() } else { 0 };
        self.caller.store(caller as u64);
    }

    /// Whether the current thread runs a callback of the engine, and so must not wait for its end.
    pub(crate) fn is_called_by_current(&self) -> bool {
        match self.caller.load() {
            0 => self.word.is_in_callback() && task::is_current(self.utrace.task()),
            caller => caller == task::current_address() as u64,
        }
    }

    /// Fully ordered before what follows: see [`EngineWord::enter`].
    pub(crate) fn store_events(&self, events: u32) {
        self.events.swap(events & event::ALL);
    }
}
