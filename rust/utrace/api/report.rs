// SPDX-License-Identifier: GPL-2.0

//! What callbacks are given.
//!
//! A report cannot outlive its callback, and only its callback's thread can hold it: so it proves
//! that the thread is the current one, and stopped in a known place.

use super::{
    events::EventSet,
    examine::{
        Current,
        Memory,
        Registers, //
    },
    handle::EngineRef,
    ticket::Ticket, //
};
use crate::{
    core::{
        action,
        event::Event,
        stop::Number, //
    },
    engine::{
        examine::At,
        object::Engine, //
    },
    sys::{
        signal::{
            self,
            Class,
            Signal, //
        },
        syscall::Regs,
        task, //
    }, //
};
use core::marker::PhantomData;
use kernel::{
    prelude::*,
    sync::Arc,
    task::Task,
    types::NotThreadSafe, //
};

/// What all reports share.
pub(super) struct Common<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) ticket: Number,
    pub(super) _not_send: PhantomData<NotThreadSafe>,
}

macro_rules! common {
    ($name:ident) => {
        impl<'a> $name<'a> {
            /// The engine that is called. To keep it, and control it from elsewhere.
            pub fn engine(&self) -> EngineRef {
                EngineRef::new(self.common.engine.clone())
            }

            /// The traced thread.
            pub fn thread(&self) -> &Task {
                self.common.engine.utrace.task()
            }
        }
    };
}

/// The reports that are made in the thread itself; `$at` says where in a system call it is.
macro_rules! present {
    ($name:ident, $at:expr) => {
        impl<'a> $name<'a> {
            /// The thread, to look at and to change: the current one, so there is nothing to
            /// prepare. In this callback only.
            pub fn current(&mut self) -> Current<'_> {
                let at: fn(&Self) -> At = $at;
                Current::new(self.common.engine, at(self))
            }

            /// Its general registers; short for [`Current::regs`].
            pub fn regs(&mut self) -> Registers {
                self.current().regs()
            }

            /// Its memory. Gone in [`Tracer::death`](super::Tracer::death).
            pub fn memory(&mut self) -> Memory<'_> {
                Memory::new(self.current().into_subject())
            }
        }
    };
}

macro_rules! stoppable {
    ($name:ident) => {
        common!($name);

        impl<'a> $name<'a> {
            /// The ticket of the stop that this callback makes if it returns
            /// [`Action::Stop`](super::Action::Stop). Valid already; over when the callback returns
            /// anything else.
            #[inline]
            pub fn ticket(&self) -> Ticket {
                Ticket::new(self.common.engine, self.common.ticket)
            }

            /// The number of [`Self::ticket`]: for
            /// [`EngineRef::resume_number`](super::EngineRef::resume_number).
            #[inline]
            pub fn ticket_number(&self) -> u64 {
                self.common.ticket.raw()
            }

            /// The callback has returned [`Action::Pause`](super::Action::Pause) for this event, and
            /// that stop is over.
            #[inline]
            pub fn is_again(&self) -> bool {
                self.common.engine.again.get()
            }
        }
    };
}

/// For [`Tracer::quiesce`](super::Tracer::quiesce).
pub struct QuiesceReport<'a> {
    pub(super) common: Common<'a>,
    pub(super) event: Option<Event>,
}
stoppable!(QuiesceReport);
present!(QuiesceReport, |report| report.event.into());

impl QuiesceReport<'_> {
    /// The event that is about to be reported, if any. Without one the thread is about to enter
    /// user mode.
    pub fn event(&self) -> Option<EventSet> {
        self.event.map(|event| EventSet::from_bits(event.bit()))
    }
}

/// For [`Tracer::syscall_entry`](super::Tracer::syscall_entry).
pub struct SyscallEntryReport<'a> {
    pub(super) common: Common<'a>,
    pub(super) regs: Regs<'a>,
    pub(super) aborted: bool,
    pub(super) resumed: bool,
}
stoppable!(SyscallEntryReport);
present!(SyscallEntryReport, |_| At::Entry);

impl SyscallEntryReport<'_> {
    /// The number of the call, as engines called before may have changed it. x32 calls carry their
    /// bit.
    #[inline]
    pub fn nr(&self) -> i32 {
        self.regs.nr() as i32
    }

    /// Changes the number. The kernel makes the new call, and later engines see it.
    pub fn set_nr(&mut self, nr: i32) {
        self.regs.set_nr(nr as c_long);
    }

    /// The six arguments. Those of a 32-bit call are zero-extended.
    #[inline]
    pub fn args(&self) -> [usize; 6] {
        self.regs.args()
    }

    /// Changes the arguments.
    pub fn set_args(&mut self, args: [usize; 6]) {
        self.regs.set_args(&args);
    }

    /// The result of the call if it is aborted: a value, or a negative errno.
    pub fn set_result(&mut self, result: isize) {
        self.regs.set_result(result);
    }

    /// The `AUDIT_ARCH_*` number of the call's convention: tells 32-bit calls from 64-bit ones.
    #[inline]
    pub fn arch(&self) -> u32 {
        self.regs.arch()
    }

    /// The instruction pointer: just behind the system call instruction.
    #[inline]
    pub fn ip(&self) -> usize {
        self.regs.ip()
    }

    /// The stack pointer.
    #[inline]
    pub fn sp(&self) -> usize {
        self.regs.sp()
    }

    /// Has the engine called for the exit of this call, if it has asked for exits, whether that is in
    /// its [`CallSet`](crate::CallSet) or not.
    pub fn want_exit(&mut self) {
        self.common.engine.wants_exit.set(true);
    }

    /// An engine that was called before this one has aborted the call.
    #[inline]
    pub fn is_aborted(&self) -> bool {
        self.aborted
    }

    /// `UTRACE_SYSCALL_RESUMED`: the entry is reported again, because somebody asked for a report
    /// when the thread was resumed here.
    #[inline]
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }
}

/// For [`Tracer::syscall_exit`](super::Tracer::syscall_exit).
pub struct SyscallExitReport<'a> {
    pub(super) common: Common<'a>,
    pub(super) regs: Regs<'a>,
}
stoppable!(SyscallExitReport);
present!(SyscallExitReport, |_| At::Exit);

impl SyscallExitReport<'_> {
    /// The number with which the call was made; -1 if it was aborted.
    #[inline]
    pub fn nr(&self) -> i32 {
        self.regs.nr() as i32
    }

    /// Changes the number: with which the kernel makes the call once more, if its result is one of the
    /// restart codes and a signal says so. Later engines see it.
    pub fn set_nr(&mut self, nr: i32) {
        self.regs.set_nr(nr as c_long);
    }

    /// The result: a value, or a negative errno (the kernel's own restart codes included).
    #[inline]
    pub fn result(&self) -> isize {
        self.regs.result()
    }

    /// Changes the result.
    pub fn set_result(&mut self, result: isize) {
        self.regs.set_result(result);
    }

    /// See [`SyscallEntryReport::arch`].
    #[inline]
    pub fn arch(&self) -> u32 {
        self.regs.arch()
    }

    /// The six arguments, as the registers have them still.
    #[inline]
    pub fn args(&self) -> [usize; 6] {
        self.regs.args()
    }

    /// Changes the registers of the arguments: what the program finds in them after the call, which it
    /// expects to be what it has put there.
    pub fn set_args(&mut self, args: [usize; 6]) {
        self.regs.set_args(&args);
    }

    /// See [`SyscallEntryReport::ip`].
    #[inline]
    pub fn ip(&self) -> usize {
        self.regs.ip()
    }

    /// See [`SyscallEntryReport::sp`].
    #[inline]
    pub fn sp(&self) -> usize {
        self.regs.sp()
    }
}

/// For [`Tracer::clone`](super::Tracer::clone).
pub struct CloneReport<'a> {
    pub(super) common: Common<'a>,
    pub(super) child: &'a Task,
    pub(super) flags: u64,
}
stoppable!(CloneReport);
present!(CloneReport, |_| At::Nowhere);

impl CloneReport<'_> {
    /// The new thread. It does not run before all callbacks have returned: what attaches to it now
    /// sees it from its first instruction, and [`EngineRef::stop`] keeps it from that one.
    pub fn child(&self) -> &Task {
        self.child
    }

    /// The `CLONE_*` flags.
    pub fn flags(&self) -> u64 {
        self.flags
    }
}

/// For [`Tracer::exec`](super::Tracer::exec).
pub struct ExecReport<'a> {
    pub(super) common: Common<'a>,
    pub(super) regs: Regs<'a>,
}
stoppable!(ExecReport);
present!(ExecReport, |_| At::Nowhere);

impl ExecReport<'_> {
    /// The entry point of the program, or of its loader.
    #[inline]
    pub fn ip(&self) -> usize {
        self.regs.ip()
    }

    /// The new stack pointer.
    #[inline]
    pub fn sp(&self) -> usize {
        self.regs.sp()
    }
}

/// What is to become of a signal (historic `enum utrace_signal_action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// `UTRACE_SIGNAL_DELIVER`: what it does by itself.
    Deliver,
    /// `UTRACE_SIGNAL_IGN`: nothing.
    Ignore,
    /// `UTRACE_SIGNAL_TERM`: end the process.
    Terminate,
    /// `UTRACE_SIGNAL_CORE`: end the process, with a core dump.
    Core,
    /// `UTRACE_SIGNAL_STOP`: stop the process, as SIGSTOP does. Reported as JCTL.
    Stop,
    /// `UTRACE_SIGNAL_HOLD`: leave it queued. With [`Action::Stop`](super::Action::Stop) only: it is
    /// found, and reported, again when the thread is resumed.
    Hold,
    /// `UTRACE_SIGNAL_TSTP`: stop the process, as SIGTSTP does: not where nobody would continue it.
    JobStop,
}

impl From<action::Disposition> for Disposition {
    fn from(disposition: action::Disposition) -> Self {
        match disposition {
            action::Disposition::Deliver => Disposition::Deliver,
            action::Disposition::Ignore => Disposition::Ignore,
            action::Disposition::Terminate => Disposition::Terminate,
            action::Disposition::Core => Disposition::Core,
            action::Disposition::Stop => Disposition::Stop,
            action::Disposition::Hold => Disposition::Hold,
            action::Disposition::JobStop => Disposition::JobStop,
        }
    }
}

impl From<Disposition> for action::Disposition {
    fn from(disposition: Disposition) -> Self {
        match disposition {
            Disposition::Deliver => action::Disposition::Deliver,
            Disposition::Ignore => action::Disposition::Ignore,
            Disposition::Terminate => action::Disposition::Terminate,
            Disposition::Core => action::Disposition::Core,
            Disposition::Stop => action::Disposition::Stop,
            Disposition::Hold => action::Disposition::Hold,
            Disposition::JobStop => action::Disposition::JobStop,
        }
    }
}

/// For [`Tracer::signal`](super::Tracer::signal).
pub struct SignalReport<'a> {
    pub(super) common: Common<'a>,
    pub(super) signal: &'a mut Signal,
    pub(super) disposition: &'a mut action::Disposition,
}
stoppable!(SignalReport);
present!(SignalReport, |_| At::Nowhere);

impl SignalReport<'_> {
    /// Which of the signal events this is: what the signal would do by itself.
    pub fn event(&self) -> EventSet {
        match self.signal.class() {
            Class::Handled => EventSet::SIGNAL,
            Class::Ignored => EventSet::SIGNAL_IGN,
            Class::Stop => EventSet::SIGNAL_STOP,
            Class::Term => EventSet::SIGNAL_TERM,
            Class::Core => EventSet::SIGNAL_CORE,
        }
    }

    /// The number of the signal, as engines called before may have changed it; so all that follows.
    pub fn number(&self) -> i32 {
        self.signal.number()
    }

    /// Makes it another signal: any but SIGKILL, else `EINVAL`. It does what that one does by itself;
    /// [`Self::event`] stays what it is.
    pub fn set_number(&mut self, number: i32) -> Result {
        if !signal::is_number(number) {
            return Err(EINVAL);
        }
        self.signal.set_number(number);
        Ok(())
    }

    /// Changes `si_code`, by which a program knows what else there is to read.
    pub fn set_code(&mut self, code: i32) {
        self.signal.set_code(code);
    }

    /// Changes who is said to have sent it.
    pub fn set_sender(&mut self, pid: i32, uid: u32) {
        self.signal.set_sender(pid, uid);
    }

    /// Changes the address of a fault.
    pub fn set_address(&mut self, address: usize) {
        self.signal.set_address(address);
    }

    /// Changes the value that comes with it.
    pub fn set_value(&mut self, value: usize) {
        self.signal.set_value(value);
    }

    /// What the thread does for it, as in `sigaction`.
    pub fn action(&self) -> SignalAction {
        let action = self.signal.action();
        SignalAction {
            handler: action.handler,
            flags: action.flags,
            restorer: action.restorer,
            mask: action.mask,
        }
    }

    /// Has the thread do something else for it, this once.
    pub fn set_action(&mut self, action: SignalAction) {
        self.signal.set_action(signal::Action {
            handler: action.handler,
            flags: action.flags,
            restorer: action.restorer,
            mask: action.mask,
        });
    }

    /// `si_code`: where it comes from.
    pub fn code(&self) -> i32 {
        self.signal.origin().0
    }

    /// The process that sent it, and its user, for a `code` that says that somebody did.
    pub fn sender(&self) -> (i32, u32) {
        let (_, pid, uid) = self.signal.origin();
        (pid, uid)
    }

    /// The address of the fault, for a signal that the thread's own instruction made.
    pub fn address(&self) -> usize {
        self.signal.address()
    }

    /// The value that came with it (`sigqueue`).
    pub fn value(&self) -> usize {
        self.signal.value()
    }

    /// What is to become of it, as engines called before have chosen.
    pub fn disposition(&self) -> Disposition {
        (*self.disposition).into()
    }

    /// Chooses what is to become of it.
    pub fn set_disposition(&mut self, disposition: Disposition) {
        *self.disposition = disposition.into();
    }
}

/// What a thread does for a signal, as in `sigaction`: for [`SignalReport::set_action`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalAction {
    /// The address of the handler; 0 for what the signal does by itself, 1 for nothing.
    pub handler: usize,
    /// `SA_*`.
    pub flags: usize,
    /// Where the handler returns to.
    pub restorer: usize,
    /// The signals that are blocked meanwhile.
    pub mask: u64,
}

/// For [`Tracer::signal_round`](super::Tracer::signal_round).
pub struct SignalRoundReport<'a> {
    pub(super) common: Common<'a>,
    pub(super) round: action::Round,
    pub(super) handled: i32,
    pub(super) signal: &'a mut Signal,
}
stoppable!(SignalRoundReport);
present!(SignalRoundReport, |_| At::Nowhere);

impl SignalRoundReport<'_> {
    /// `UTRACE_SIGNAL_HANDLER`: the signal whose handler has just been set up: the thread is at its
    /// first instruction. `None`: `UTRACE_SIGNAL_REPORT`.
    pub fn handled(&self) -> Option<i32> {
        (self.round == action::Round::Handler).then_some(self.handled)
    }

    /// Sends the thread a signal, which is reported in its turn. `EINVAL` for SIGKILL, and for what
    /// is no signal.
    pub fn send(&mut self, number: i32) -> Result {
        if !signal::is_number(number) {
            return Err(EINVAL);
        }
        self.signal.set_number(number);
        self.signal.send();
        Ok(())
    }
}

/// A change in the running of a process (`CLD_STOPPED`, `CLD_CONTINUED`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jctl {
    /// It is stopped.
    Stopped,
    /// It goes on.
    Continued,
}

/// For [`Tracer::jctl`](super::Tracer::jctl).
pub struct JctlReport<'a> {
    pub(super) common: Common<'a>,
    pub(super) stopped: bool,
    pub(super) notify: i32,
}
stoppable!(JctlReport);
present!(JctlReport, |_| At::Nowhere);

impl JctlReport<'_> {
    /// What happens: before the thread stops, and after it goes on. A stop that a SIGCONT has taken
    /// back in between is both.
    pub fn change(&self) -> Jctl {
        match self.stopped {
            true => Jctl::Stopped,
            false => Jctl::Continued,
        }
    }

    /// What the parent hears for it from this thread: of one stop, and of one going on, it hears once
    /// for the process.
    pub fn notify(&self) -> Option<Jctl> {
        match self.notify {
            signal::CLD_STOPPED => Some(Jctl::Stopped),
            signal::CLD_CONTINUED => Some(Jctl::Continued),
            _ => None,
        }
    }
}

/// For [`Tracer::exit`](super::Tracer::exit).
pub struct ExitReport<'a> {
    pub(super) common: Common<'a>,
    pub(super) original: c_long,
    pub(super) code: &'a mut c_long,
}
stoppable!(ExitReport);
present!(ExitReport, |_| At::Nowhere);

impl ExitReport<'_> {
    /// The exit code in the form of `wait(2)`: status in bits 8 to 15, signal in the low seven. As
    /// engines called before may have changed it.
    pub fn code(&self) -> i32 {
        *self.code as i32
    }

    /// The exit code before any engine changed it.
    pub fn original_code(&self) -> i32 {
        self.original as i32
    }

    /// Changes the exit code. If the whole process exits and the thread is its leader, this is what
    /// the parent sees, unless the process was killed by SIGKILL.
    pub fn set_code(&mut self, code: i32) {
        *self.code = code as c_long;
    }
}

/// For [`Tracer::death`](super::Tracer::death).
pub struct DeathReport<'a> {
    pub(super) common: Common<'a>,
    pub(super) group_dead: bool,
}
common!(DeathReport);
present!(DeathReport, |_| At::Nowhere);

impl DeathReport<'_> {
    /// This was the last thread of its process.
    pub fn group_dead(&self) -> bool {
        self.group_dead
    }
}

/// For [`Tracer::reap`](super::Tracer::reap). The thread is not the current one.
pub struct ReapReport<'a> {
    pub(super) common: Common<'a>,
    pub(super) task: &'a Task,
}
common!(ReapReport);

impl ReapReport<'_> {
    /// Whether the reaper is the dying thread itself, as when nobody waits for it.
    pub fn is_self_reaped(&self) -> bool {
        task::is_current(self.task)
    }
}
