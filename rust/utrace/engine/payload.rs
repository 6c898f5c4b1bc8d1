// SPDX-License-Identifier: GPL-2.0

//! The tracer inside an engine.

use super::{
    object::Engine,
    report::Data, //
};
use crate::core::{
    action::{
        Syscall, //
        Wish,
    },
    stop::Number, //
};
use crate::sys::syscall::Regs;
use core::{
    any::TypeId,
    cell::UnsafeCell, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// What a callback returned: one small number, so that the common one is found out at once.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Verdict(u32);

impl Verdict {
    pub(crate) const RESUME: Verdict = Verdict::new(Wish::Resume);

    const WISH: u32 = 0xff;
    const ABORT: u32 = 1 << 8;
    const AGAIN: u32 = 1 << 9;

    pub(crate) const fn new(wish: Wish) -> Self {
        Verdict(wish as u32)
    }

    /// And skip the system call.
    pub(crate) const fn with_abort(self, abort: bool) -> Self {
        Verdict(self.0 | if abort { Self::ABORT } else { 0 })
    }

    /// With a stop: and to be called again when that is over, before the next engine.
    pub(crate) const fn with_again(self, again: bool) -> Self {
        Verdict(self.0 | if again { Self::AGAIN } else { 0 })
    }

    pub(crate) fn wish(self) -> Wish {
        Wish::from_number(self.0 & Self::WISH).unwrap_or(Wish::Resume)
    }

    pub(crate) fn syscall(self) -> Syscall {
        match self.0 & Self::ABORT {
            0 => Syscall::Run,
            _ => Syscall::Abort,
        }
    }

    pub(crate) fn again(self) -> bool {
        self.0 & Self::AGAIN != 0
    }
}

/// A tracer of any type, as the reporting pass calls it.
pub(crate) trait Callbacks: Send + Sync {
    /// The callback before a system call.
    fn syscall_entry(
        &self,
        engine: &Arc<Engine>,
        ticket: Number,
        regs: &mut Regs<'_>,
        aborted: bool,
        resumed: bool,
    ) -> Verdict;

    /// The callback after a system call.
    fn syscall_exit(&self, engine: &Arc<Engine>, ticket: Number, regs: &mut Regs<'_>) -> Verdict;

    /// Calls the callback for the event of `data`, which is another one.
    fn call(&self, engine: &Arc<Engine>, ticket: Number, data: &mut Data<'_, '_>) -> Verdict;

    /// The address of some code of the tracer's module.
    fn text(&self) -> usize;

    /// Whether rounds of reports are for its callback of signals.
    fn takes_rounds(&self) -> bool;

    /// What `MATCH_OPS` and `MATCH_DATA` compare: the tracer's type, and its value's address.
    fn identity(&self) -> (TypeId, usize);
}

/// The place of the tracer. Its code and type information may be gone once it has been taken.
///
/// # Invariants
///
/// The value is reached only between [`enter`] and [`leave`], and taken only by the one party that
/// the engine's life told to clean up, after the last [`leave`]. No callback is entered after that.
///
/// [`enter`]: crate::core::stop::EngineWord::enter
/// [`leave`]: crate::core::stop::EngineWord::leave
pub(crate) struct Payload(UnsafeCell<Option<KBox<dyn Callbacks>>>);

// SAFETY: The tracer is `Send` and `Sync`; by the invariant, taking excludes calling.
unsafe impl Sync for Payload {}
// SAFETY: As above.
unsafe impl Send for Payload {}

impl Payload {
    pub(crate) fn new(callbacks: KBox<dyn Callbacks>) -> Self {
        Payload(UnsafeCell::new(Some(callbacks)))
    }

    /// The tracer.
    ///
    /// # Safety
    ///
    /// The caller has entered a callback of the engine's life, and does not leave it before it is
    /// done with the tracer.
    #[inline(always)]
    unsafe fn get(&self) -> &dyn Callbacks {
        // SAFETY: By the contract and the type invariant it has not been taken, and nobody takes it
        // now.
        unsafe { (*self.0.get()).as_deref().unwrap_unchecked() }
    }

    /// Calls the tracer.
    ///
    /// # Safety
    ///
    /// The caller has entered a callback of the engine's life, and not left it.
    pub(crate) unsafe fn call(
        &self,
        engine: &Arc<Engine>,
        ticket: Number,
        data: &mut Data<'_, '_>,
    ) -> Verdict {
        // SAFETY: By the contract.
        unsafe {
            match data {
                Data::SyscallEntry {
                    regs,
                    aborted,
                    resumed,
                } => self.syscall_entry(engine, ticket, regs, *aborted, *resumed),
                Data::SyscallExit { regs } => self.syscall_exit(engine, ticket, regs),
                data => self.get().call(engine, ticket, data),
            }
        }
    }

    /// Calls the tracer before a system call.
    ///
    /// # Safety
    ///
    /// As for [`Self::call`].
    #[inline(always)]
    pub(crate) unsafe fn syscall_entry(
        &self,
        engine: &Arc<Engine>,
        ticket: Number,
        regs: &mut Regs<'_>,
        aborted: bool,
        resumed: bool,
    ) -> Verdict {
        // SAFETY: By the contract.
        unsafe { self.get() }.syscall_entry(engine, ticket, regs, aborted, resumed)
    }

    /// Calls the tracer after a system call.
    ///
    /// # Safety
    ///
    /// As for [`Self::call`].
    #[inline(always)]
    pub(crate) unsafe fn syscall_exit(
        &self,
        engine: &Arc<Engine>,
        ticket: Number,
        regs: &mut Regs<'_>,
    ) -> Verdict {
        // SAFETY: By the contract.
        unsafe { self.get() }.syscall_exit(engine, ticket, regs)
    }

    /// Takes the tracer out.
    ///
    /// # Safety
    ///
    /// The engine's life has told the caller to clean up.
    pub(crate) unsafe fn take(&self) -> Option<KBox<dyn Callbacks>> {
        // SAFETY: By the contract and the type invariant nobody else reaches it.
        unsafe { (*self.0.get()).take() }
    }
}
