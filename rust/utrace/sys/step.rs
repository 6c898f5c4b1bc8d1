// SPDX-License-Identifier: GPL-2.0

//! Steps of the current thread, and of no other; see `step.c`.

use super::{
    atomic::{
        AtomicU32,
        AtomicU64, //
    },
    bindings,
    direct::resolve, //
};
use kernel::prelude::*;

/// Functions of the kernel that are not exported, and what the processor can do.
#[derive(Clone, Copy)]
pub(crate) struct Functions {
    single: c_ulong,
    block: c_ulong,
    disable: c_ulong,
    report: c_ulong,
    has_block: bool,
}

impl Functions {
    pub(crate) fn resolve() -> Result<Self> {
        let find = |name: &'static CStr| {
            resolve(name).inspect_err(|err| pr_err!("{}: no such function ({:?})\n", name, err))
        };
        Ok(Functions {
            single: find(c"user_enable_single_step")?,
            block: find(c"user_enable_block_step")?,
            disable: find(c"user_disable_single_step")?,
            report: find(c"user_single_step_report")?,
            // SAFETY: No requirements.
            has_block: unsafe { bindings::utrace_probe_block_step() },
        })
    }

    /// Whether the processor can step over a block.
    pub(crate) fn has_block(&self) -> bool {
        self.has_block
    }
}

/// How far the step of a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Phase {
    /// There is none.
    None,
    /// The thread is in user mode, or on its way there, with the trap flag set; or has just left it.
    Running,
    /// A system call was made: the trap that ends the step is queued.
    CallMade,
    /// A handler has begun: likewise.
    InHandler,
}

/// The step of a thread. Used by the thread itself.
pub(crate) struct Step {
    phase: AtomicU32,
    ip: AtomicU64,
    next: AtomicU64,
    handler: AtomicU64,
    facts: AtomicU32,
}

/// A step that is over, as its trap is looked for.
pub(crate) struct Over {
    raw: bindings::utrace_step,
    phase: Phase,
    /// ptrace wants the trap, too.
    pub(crate) shared: bool,
}

impl Step {
    pub(crate) const fn new() -> Self {
        Step {
            phase: AtomicU32::new(Phase::None as u32),
            ip: AtomicU64::new(0),
            next: AtomicU64::new(0),
            handler: AtomicU64::new(0),
            facts: AtomicU32::new(0),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        [Phase::Running, Phase::CallMade, Phase::InHandler]
            .into_iter()
            .find(|phase| *phase as u32 == self.phase.load())
            .unwrap_or(Phase::None)
    }

    fn note(&self, raw: &bindings::utrace_step, phase: Phase) {
        self.ip.store(raw.ip as u64);
        self.next.store(raw.next as u64);
        self.handler.store(raw.handler as u64);
        self.facts.store(raw.facts);
        self.phase.store(phase as u32);
    }

    fn noted(&self) -> bindings::utrace_step {
        bindings::utrace_step {
            ip: self.ip.load() as c_ulong,
            next: self.next.load() as c_ulong,
            handler: self.handler.load() as c_ulong,
            facts: self.facts.load(),
        }
    }

    /// Sets the trap flag of the current thread, which is about to enter user mode. May sleep.
    pub(crate) fn begin(&self, block: bool, functions: &Functions) {
        let enable = match block {
            false => functions.single,
            true => functions.block,
        };
        let mut raw = bindings::utrace_step::default();
        // SAFETY: The address is that of a function that enables such a step.
        unsafe { bindings::utrace_step_begin(&mut raw, enable, block) };
        self.note(&raw, Phase::Running);
    }

    /// Queues the trap with which a step ends at this place. The end of a call that ptrace steps
    /// over makes it by itself.
    pub(crate) fn trap(&self, phase: Phase, functions: &Functions) {
        // SAFETY: No requirements.
        let by_itself = phase == Phase::CallMade && unsafe { bindings::utrace_step_by_ptrace() };
        let report = if by_itself { 0 } else { functions.report };
        let mut raw = bindings::utrace_step::default();
        // SAFETY: The address is that of the function.
        unsafe { bindings::utrace_step_trap(&mut raw, report) };
        self.note(&raw, phase);
    }

    /// The step is over, or put off: leaves nothing of it in the thread. None if there was none.
    /// May sleep.
    pub(crate) fn end(&self, in_call: bool, functions: &Functions) -> Option<Over> {
        let phase = self.phase();
        if phase == Phase::None {
            return None;
        }
        let raw = self.noted();
        let shared = match phase {
            // SAFETY: No requirements.
            Phase::Running => unsafe { bindings::utrace_step_shared() },
            // SAFETY: No requirements.
            Phase::CallMade => unsafe { bindings::utrace_step_by_ptrace() },
            _ => false,
        };
        if phase == Phase::Running {
            // SAFETY: `raw` is from `begin`; the address is that of the function.
            unsafe { bindings::utrace_step_end(&raw, functions.disable, in_call) };
        }
        self.phase.store(Phase::None as u32);
        Some(Over { raw, phase, shared })
    }
}

impl Over {
    /// Whether this signal of the current thread is the trap that ends the step.
    pub(crate) fn is_ended_by(&self, number: i32, code: i32) -> bool {
        const SIGTRAP: i32 = 5;
        const TRAP_BRKPT: i32 = 1;
        const TRAP_TRACE: i32 = 2;

        let made_by_us = self.phase != Phase::Running;
        number == SIGTRAP && code == if made_by_us { TRAP_BRKPT } else { TRAP_TRACE }
    }

    /// The program has set the trap flag itself, and so waits for a trap.
    pub(crate) fn is_the_programs(&self) -> bool {
        self.raw.facts & bindings::UTRACE_STEP_OWN_FLAG != 0
    }

    /// Nobody wants the trap: what it has done to the program's choice for SIGTRAP is undone.
    pub(crate) fn restore_choice(&self) {
        // SAFETY: No requirements.
        unsafe { bindings::utrace_step_restore_choice(&self.raw) }
    }
}

/// Whether the current thread looks at its signals before it enters user mode; it does so at once.
pub(crate) fn signals_come_first() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_step_signals_first() }
}

/// Whether some trap is queued for the current thread.
pub(crate) fn trap_is_queued() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::utrace_step_trap_is_queued() }
}
