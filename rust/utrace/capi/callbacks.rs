// SPDX-License-Identifier: GPL-2.0

//! Calls the callbacks of `struct utrace_engine_ops`, and understands what they return.

use super::{
    examine,
    object::CRef, //
};
use crate::{
    core::{
        action::{
            Disposition,
            Round,
            Wish, //
        },
        event::Event,
        stop::Number, //
    },
    engine::{
        object::Engine,
        payload::{
            Callbacks,
            Verdict, //
        },
        report::Data, //
    },
    sys::{
        bindings,
        signal::{
            self,
            Class,
            Signal, //
        },
        syscall::{
            with_current_regs,
            Regs, //
        },
        task, //
    }, //
};
use core::{
    any::TypeId,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The numbers of the header are those of the core.
macro_rules! same {
    ($($number:path = $value:expr;)*) => {
        const _: () = { $(assert!($number as u32 == $value);)* };
    };
}
same! {
    bindings::utrace_events__UTRACE_EVENT_QUIESCE = Event::Quiesce as u32;
    bindings::utrace_events__UTRACE_EVENT_REAP = Event::Reap as u32;
    bindings::utrace_events__UTRACE_EVENT_CLONE = Event::Clone as u32;
    bindings::utrace_events__UTRACE_EVENT_EXEC = Event::Exec as u32;
    bindings::utrace_events__UTRACE_EVENT_EXIT = Event::Exit as u32;
    bindings::utrace_events__UTRACE_EVENT_DEATH = Event::Death as u32;
    bindings::utrace_events__UTRACE_EVENT_SYSCALL_ENTRY = Event::SyscallEntry as u32;
    bindings::utrace_events__UTRACE_EVENT_SYSCALL_EXIT = Event::SyscallExit as u32;
    bindings::utrace_events__UTRACE_EVENT_SIGNAL = Event::Signal as u32;
    bindings::utrace_events__UTRACE_EVENT_SIGNAL_IGN = Event::SignalIgn as u32;
    bindings::utrace_events__UTRACE_EVENT_SIGNAL_STOP = Event::SignalStop as u32;
    bindings::utrace_events__UTRACE_EVENT_SIGNAL_TERM = Event::SignalTerm as u32;
    bindings::utrace_events__UTRACE_EVENT_SIGNAL_CORE = Event::SignalCore as u32;
    bindings::utrace_events__UTRACE_EVENT_JCTL = Event::Jctl as u32;
    bindings::utrace_resume_action_UTRACE_STOP = Wish::Stop as u32;
    bindings::utrace_resume_action_UTRACE_INTERRUPT = Wish::Interrupt as u32;
    bindings::utrace_resume_action_UTRACE_REPORT = Wish::Report as u32;
    bindings::utrace_resume_action_UTRACE_SINGLESTEP = Wish::SingleStep as u32;
    bindings::utrace_resume_action_UTRACE_BLOCKSTEP = Wish::BlockStep as u32;
    bindings::utrace_resume_action_UTRACE_RESUME = Wish::Resume as u32;
    bindings::utrace_resume_action_UTRACE_DETACH = Wish::Detach as u32;
}

const RESUME: u32 = Wish::Resume as u32;
const SIGTRAP: i32 = 5;
const ABORT: u32 = bindings::utrace_syscall_action_UTRACE_SYSCALL_ABORT;

/// What a callback's result means.
fn plain(answer: u32) -> Option<Verdict> {
    Wish::from_number(answer).map(Verdict::new)
}

/// The same for report_syscall_entry(). What the argument held may be given back.
fn syscall_entry(answer: u32) -> Option<Verdict> {
    let answer = answer & !bindings::UTRACE_SYSCALL_RESUMED;
    Some(plain(answer & !ABORT)?.with_abort(answer & ABORT != 0))
}

/// The signal part of an argument or result.
mod signals {
    use super::bindings::*;

    pub(super) const DELIVER: u32 = utrace_signal_action_UTRACE_SIGNAL_DELIVER;
    pub(super) const IGN: u32 = utrace_signal_action_UTRACE_SIGNAL_IGN;
    pub(super) const TERM: u32 = utrace_signal_action_UTRACE_SIGNAL_TERM;
    pub(super) const CORE: u32 = utrace_signal_action_UTRACE_SIGNAL_CORE;
    pub(super) const STOP: u32 = utrace_signal_action_UTRACE_SIGNAL_STOP;
    pub(super) const TSTP: u32 = utrace_signal_action_UTRACE_SIGNAL_TSTP;
    pub(super) const REPORT: u32 = utrace_signal_action_UTRACE_SIGNAL_REPORT;
    pub(super) const HANDLER: u32 = utrace_signal_action_UTRACE_SIGNAL_HANDLER;
    pub(super) const MASK: u32 = UTRACE_SIGNAL_MASK;
    pub(super) const HOLD: u32 = UTRACE_SIGNAL_HOLD;
}

/// What the signal will do, for the argument of report_signal().
fn to_signal_action(signal: &Signal, disposition: Disposition) -> u32 {
    const SIGSTOP: i32 = 19;

    match disposition {
        Disposition::Deliver => match signal.class() {
            Class::Handled => signals::DELIVER,
            Class::Ignored => signals::IGN,
            Class::Stop if signal.number() == SIGSTOP => signals::STOP,
            Class::Stop => signals::TSTP,
            Class::Term => signals::TERM,
            Class::Core => signals::CORE,
        },
        Disposition::Ignore => signals::IGN,
        Disposition::Terminate => signals::TERM,
        Disposition::Core => signals::CORE,
        Disposition::Stop => signals::STOP,
        Disposition::JobStop => signals::TSTP,
        Disposition::Hold => signals::IGN | signals::HOLD,
    }
}

/// What an engine wants done with the signal.
fn disposition(answer: u32, given: u32, before: Disposition) -> Option<Disposition> {
    if answer & signals::HOLD != 0 {
        return Some(Disposition::Hold);
    }
    let wanted = answer & signals::MASK;
    Some(match wanted {
        // As it was, whatever that is called.
        _ if wanted == given & signals::MASK && given & signals::HOLD == 0 => before,
        signals::DELIVER => Disposition::Deliver,
        signals::IGN => Disposition::Ignore,
        signals::TERM => Disposition::Terminate,
        signals::CORE => Disposition::Core,
        signals::STOP => Disposition::Stop,
        signals::TSTP => Disposition::JobStop,
        _ => return None,
    })
}

/// What report_signal() returns besides.
fn beside_signals(answer: u32) -> u32 {
    answer & !(signals::MASK | signals::HOLD)
}

/// The same for report_death(), which cannot stop, nor ask for a report.
fn death(answer: u32) -> Option<Verdict> {
    match Wish::from_number(answer)? {
        Wish::Detach => plain(answer),
        _ => Some(Verdict::RESUME),
    }
}

/// The callbacks of an engine.
///
/// # Invariants
///
/// If there is any callback, the structure is valid as long as the module is whose code that is: by
/// the header. Else it is not looked at.
#[derive(Clone, Copy)]
pub(super) struct Ops {
    ops: NonNull<bindings::utrace_engine_ops>,
    /// The address of some callback, or 0.
    text: usize,
}

impl Ops {
    /// Checks what C has given for new engines. `EINVAL` for nothing, and for a size that is not known.
    ///
    /// # Safety
    ///
    /// `ops` is null, or valid until its module goes.
    pub(super) unsafe fn new(ops: *const bindings::utrace_engine_ops) -> Result<Self> {
        let ops = NonNull::new(ops.cast_mut()).ok_or(EINVAL)?;
        // SAFETY: By the contract. The size comes first in every form of the structure.
        if unsafe { (*ops.as_ptr()).size } != size_of::<bindings::utrace_engine_ops>() {
            return Err(EINVAL);
        }
        // SAFETY: By the contract, and the size is that of this form.
        let o = unsafe { ops.as_ref() };
        let text = [
            o.report_quiesce.map(|f| f as usize),
            o.report_signal.map(|f| f as usize),
            o.report_clone.map(|f| f as usize),
            o.report_jctl.map(|f| f as usize),
            o.report_exec.map(|f| f as usize),
            o.report_syscall_entry.map(|f| f as usize),
            o.report_syscall_exit.map(|f| f as usize),
            o.report_exit.map(|f| f as usize),
            o.report_death.map(|f| f as usize),
            o.report_reap.map(|f| f as usize),
            o.release.map(|f| f as usize),
        ];
        let text = text.into_iter().flatten().next().unwrap_or(0);
        // INVARIANT: By the contract.
        Ok(Ops { ops, text })
    }

    pub(super) fn as_ptr(&self) -> *const bindings::utrace_engine_ops {
        self.ops.as_ptr()
    }

    pub(super) fn text(&self) -> usize {
        self.text
    }

    fn get(&self) -> Option<&bindings::utrace_engine_ops> {
        if self.text == 0 {
            return None;
        }
        // SAFETY: By the type invariant. Called only for an attached engine, or to release one,
        // both of which is before the module goes.
        Some(unsafe { self.ops.as_ref() })
    }

    /// Calls `release`, if there is one.
    pub(super) fn release(&self, data: *mut c_void) {
        if let Some(release) = self.get().and_then(|ops| ops.release) {
            // SAFETY: It takes what the owner has put into `data`.
            unsafe { release(data) };
        }
    }
}

/// What an attachment holds: a reference to C's object.
pub(super) struct Shell(pub(super) CRef);

impl Drop for Shell {
    /// The attachment has ended, and no callback runs.
    fn drop(&mut self) {
        self.0.show_detached();
    }
}

/// Calls a callback, if there is one, and decodes its answer.
macro_rules! call {
    ($decode:expr, $callback:expr, $($argument:expr),*) => {
        match $callback {
            Some(callback) => {
                // SAFETY: The callback takes these arguments by the header, and they are valid until
                // it returns: the engine by our reference to it, registers and threads by the report.
                let answer = unsafe { callback($($argument),*) };
                $decode(answer).unwrap_or_else(|| {
                    // SAFETY: It only looks the symbol up.
                    unsafe { bindings::utrace_warn_answer(callback as *const c_void, answer) };
                    Verdict::RESUME
                })
            }
            None => Verdict::RESUME,
        }
    };
}

impl Callbacks for Shell {
    fn text(&self) -> usize {
        self.0.ops.text()
    }

    fn takes_rounds(&self) -> bool {
        let ops = self.0.ops.get();
        ops.is_some_and(|ops| ops.report_signal.is_some())
    }

    fn identity(&self) -> (TypeId, usize) {
        (TypeId::of::<Self>(), self.0.address())
    }

    fn syscall_entry(
        &self,
        _engine: &Arc<Engine>,
        ticket: Number,
        regs: &mut Regs<'_>,
        aborted: bool,
        resumed: bool,
    ) -> Verdict {
        let mut action = RESUME;
        if aborted {
            action |= ABORT;
        }
        if resumed {
            action |= bindings::UTRACE_SYSCALL_RESUMED;
        }
        self.with_ticket(ticket, examine::ENTRY, |ops, engine| {
            call!(
                syscall_entry,
                ops.report_syscall_entry,
                action,
                engine,
                regs.as_ptr()
            )
        })
    }

    fn syscall_exit(&self, _engine: &Arc<Engine>, ticket: Number, regs: &mut Regs<'_>) -> Verdict {
        self.with_ticket(ticket, examine::EXIT, |ops, engine| {
            call!(
                plain,
                ops.report_syscall_exit,
                RESUME,
                engine,
                regs.as_ptr()
            )
        })
    }

    fn call(&self, _engine: &Arc<Engine>, ticket: Number, data: &mut Data<'_, '_>) -> Verdict {
        let ticket = match data {
            Data::Death { .. } | Data::Reap { .. } => Number::NONE,
            _ => ticket,
        };
        let place = examine::place_of(data);
        self.with_ticket(ticket, place, |ops, engine| {
            Self::dispatch(ops, engine, data)
        })
    }
}

impl Shell {
    /// Calls back: meanwhile the engine has the ticket, and its thread is in this place.
    #[inline(always)]
    fn with_ticket(
        &self,
        ticket: Number,
        place: u32,
        call: impl FnOnce(&bindings::utrace_engine_ops, *mut bindings::utrace_engine) -> Verdict,
    ) -> Verdict {
        let Some(ops) = self.0.ops.get() else {
            return Verdict::RESUME;
        };
        self.0.set_ticket(ticket.raw());
        self.0.set_place(place);
        let verdict = call(ops, self.0.as_ptr());
        self.0.set_place(0);
        self.0.set_ticket(0);
        verdict
    }

    fn dispatch(
        ops: &bindings::utrace_engine_ops,
        engine: *mut bindings::utrace_engine,
        data: &mut Data<'_, '_>,
    ) -> Verdict {
        match data {
            Data::Quiesce { event } => {
                let event = event.map_or(0, |event| event.bit() as c_ulong);
                call!(plain, ops.report_quiesce, RESUME, engine, event)
            }
            // They have callbacks of their own.
            Data::SyscallEntry { .. } | Data::SyscallExit { .. } => Verdict::RESUME,
            Data::Clone { child, flags } => {
                let flags = *flags as c_ulong;
                call!(
                    plain,
                    ops.report_clone,
                    RESUME,
                    engine,
                    flags,
                    child.as_ptr()
                )
            }
            Data::Exec { regs } => {
                let format = task::current_binfmt();
                let none = core::ptr::null();
                call!(
                    plain,
                    ops.report_exec,
                    RESUME,
                    engine,
                    format,
                    none,
                    regs.as_ptr()
                )
            }
            Data::Exit { original, code } => {
                let code: *mut c_long = *code;
                call!(plain, ops.report_exit, RESUME, engine, *original, code)
            }
            Data::Signal {
                signal,
                disposition: chosen,
            } => {
                let given = to_signal_action(signal, **chosen);
                let mut decode = |answer| {
                    let verdict = plain(beside_signals(answer))?;
                    **chosen = disposition(answer, given, **chosen)?;
                    Some(verdict)
                };
                let (info, original, action) = signal.parts();
                let verdict = with_current_regs(|regs| {
                    call!(
                        decode,
                        ops.report_signal,
                        given | RESUME,
                        engine,
                        regs.as_ptr(),
                        info,
                        original,
                        action
                    )
                });
                if !signal::is_number(signal.number()) {
                    // SAFETY: No requirements.
                    unsafe { bindings::utrace_warn_signal(signal.number()) };
                    signal.set_number(SIGTRAP);
                }
                verdict
            }
            Data::Round { round, signal, .. } => {
                let given = match round {
                    Round::Report => signals::REPORT,
                    Round::Handler => signals::HANDLER,
                };
                let mut deliver = false;
                let mut decode = |answer| {
                    match answer & (signals::MASK | signals::HOLD) {
                        signals::DELIVER => deliver = true,
                        signals::IGN => {}
                        other if other == given => {}
                        _ => return None,
                    }
                    plain(beside_signals(answer))
                };
                let (info, _, action) = signal.parts();
                let none = core::ptr::null();
                let verdict = with_current_regs(|regs| {
                    call!(
                        decode,
                        ops.report_signal,
                        given | RESUME,
                        engine,
                        regs.as_ptr(),
                        info,
                        none,
                        action
                    )
                });
                if deliver && signal::is_number(signal.number()) {
                    signal.send();
                }
                verdict
            }
            Data::Jctl { stopped, notify } => {
                let change = match stopped {
                    true => signal::CLD_STOPPED,
                    false => signal::CLD_CONTINUED,
                };
                call!(plain, ops.report_jctl, RESUME, engine, change, *notify)
            }
            Data::Death { group_dead, signal } => {
                call!(death, ops.report_death, engine, *group_dead, *signal)
            }
            Data::Reap { task } => {
                if let Some(reap) = ops.report_reap {
                    // SAFETY: As in `call`.
                    unsafe { reap(engine, task.as_ptr()) };
                }
                Verdict::RESUME
            }
        }
    }
}
