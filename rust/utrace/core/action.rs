// SPDX-License-Identifier: GPL-2.0

//! What engines want to happen next, and how their wishes are merged.

/// What an engine wants of its thread: returned from a callback, or asked for with
/// `utrace_control`. The numbers are those of the historic `enum utrace_resume_action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Wish {
    /// Stay stopped until released.
    Stop = 0,
    /// Report again before user mode, leaving a blocking system call for it.
    Interrupt = 1,
    /// Report again before user mode.
    Report = 2,
    /// Run one instruction.
    SingleStep = 3,
    /// Run to the next branch that is taken.
    BlockStep = 4,
    /// Run.
    Resume = 5,
    /// End the attachment.
    Detach = 6,
}

impl Wish {
    /// The one of this number.
    pub(crate) fn from_number(number: u32) -> Option<Wish> {
        [
            Wish::Stop,
            Wish::Interrupt,
            Wish::Report,
            Wish::SingleStep,
            Wish::BlockStep,
            Wish::Resume,
            Wish::Detach,
        ]
        .into_iter()
        .find(|wish| *wish as u32 == number)
    }

    /// The step that it asks for.
    pub(crate) const fn step(self) -> Option<Step> {
        match self {
            Wish::SingleStep => Some(Step::Instruction),
            Wish::BlockStep => Some(Step::Block),
            _ => None,
        }
    }
}

/// How far a thread goes in user mode before it traps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Step {
    /// One instruction.
    Instruction = Wish::SingleStep as u32,
    /// To the next branch that is taken.
    Block = Wish::BlockStep as u32,
}

impl Step {
    /// The step of this number; 0 stands for none.
    pub(crate) const fn from_raw(raw: u32) -> Option<Step> {
        const INSTRUCTION: u32 = Step::Instruction as u32;
        const BLOCK: u32 = Step::Block as u32;
        match raw {
            INSTRUCTION => Some(Step::Instruction),
            BLOCK => Some(Step::Block),
            _ => None,
        }
    }

    /// What satisfies two engines: the shorter one.
    pub(crate) const fn merge(a: Option<Step>, b: Option<Step>) -> Option<Step> {
        match (a, b) {
            (Some(Step::Instruction), _) | (_, Some(Step::Instruction)) => Some(Step::Instruction),
            (Some(Step::Block), _) | (_, Some(Step::Block)) => Some(Step::Block),
            (None, None) => None,
        }
    }
}

/// What is to be done with a system call. Any engine's Abort aborts, whoever is called later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syscall {
    /// Make the call.
    Run,
    /// Skip it.
    Abort,
}

impl Syscall {
    pub(crate) fn merge(self, other: Syscall) -> Syscall {
        match (self, other) {
            (Syscall::Run, Syscall::Run) => Syscall::Run,
            _ => Syscall::Abort,
        }
    }
}

/// What is to become of a signal. Each engine sees what those before it chose, and may choose
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// What the signal does by itself.
    Deliver,
    /// Nothing.
    Ignore,
    /// End the process.
    Terminate,
    /// End the process, with a core dump.
    Core,
    /// Stop the process.
    Stop,
    /// Stop the process as job control does: not if nobody would continue it.
    JobStop,
    /// Leave it queued, to be found again when the thread, which stops, is resumed.
    Hold,
}

/// Why engines that hear of signals are called without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// Somebody asked for a report, and at once.
    Report,
    /// A handler has just been set up, and somebody asked for a report before that or steps.
    Handler,
}

/// The reports that a thread owes before it enters user mode, as bits of one word.
pub(crate) mod pending {
    use super::Wish;

    /// A round of QUIESCE callbacks.
    pub(crate) const REPORT: u32 = 1;
    /// The same, and at once.
    pub(crate) const INTERRUPT: u32 = 2;

    /// What `wish` adds.
    pub(crate) const fn of(wish: Wish) -> u32 {
        match wish {
            Wish::Interrupt => INTERRUPT | REPORT,
            Wish::Report => REPORT,
            _ => 0,
        }
    }
}
