// SPDX-License-Identifier: GPL-2.0

//! How the non-generic part in `utrace.ko` calls a tracer of any type. This is all that is
//! compiled into a module that implements [`Tracer`].

use super::{
    events::EventSet,
    report::*,
    tracer::{
        Action,
        DeathAction,
        Tracer, //
    }, //
};
use crate::{
    core::{
        action::Wish,
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
    sys::syscall::Regs, //
};
use core::{
    any::TypeId,
    marker::PhantomData, //
};
use kernel::sync::{
    Arc,
    ArcBorrow, //
};

/// A tracer in its engine.
pub(super) struct Shell<T: Tracer>(pub(super) Arc<T>);

impl From<Action> for Verdict {
    fn from(action: Action) -> Verdict {
        let verdict = Verdict::new(match action {
            Action::Stop | Action::Pause => Wish::Stop,
            Action::Interrupt => Wish::Interrupt,
            Action::Report => Wish::Report,
            Action::SingleStep => Wish::SingleStep,
            Action::BlockStep => Wish::BlockStep,
            Action::Resume => Wish::Resume,
            Action::Detach => Wish::Detach,
        });
        verdict.with_again(action == Action::Pause)
    }
}

/// The events whose callbacks `T` implements.
pub(super) const fn implemented<T: Tracer>() -> EventSet {
    EventSet::NONE
        .with(EventSet::QUIESCE, T::HAS_QUIESCE)
        .with(EventSet::SYSCALL_ENTRY, T::HAS_SYSCALL_ENTRY)
        .with(EventSet::SYSCALL_EXIT, T::HAS_SYSCALL_EXIT)
        .with(EventSet::CLONE, T::HAS_CLONE)
        .with(EventSet::EXEC, T::HAS_EXEC)
        .with(EventSet::SIGNAL_ALL, T::HAS_SIGNAL)
        .with(EventSet::JCTL, T::HAS_JCTL)
        .with(EventSet::EXIT, T::HAS_EXIT)
        .with(EventSet::DEATH, T::HAS_DEATH)
        .with(EventSet::REAP, T::HAS_REAP)
}

impl<T: Tracer> Callbacks for Shell<T> {
    fn text(&self) -> usize {
        // Whatever the linker merges, it is code of the module that implements `T`.
        <Self as Callbacks>::call as usize
    }

    fn takes_rounds(&self) -> bool {
        T::HAS_SIGNAL_ROUND
    }

    fn identity(&self) -> (TypeId, usize) {
        (TypeId::of::<T>(), Arc::as_ptr(&self.0) as usize)
    }

    fn syscall_entry(
        &self,
        engine: &Arc<Engine>,
        ticket: Number,
        regs: &mut Regs<'_>,
        aborted: bool,
        resumed: bool,
    ) -> Verdict {
        // The event may be in the mask although there is no callback for it.
        if !T::HAS_SYSCALL_ENTRY {
            return Verdict::RESUME;
        }
        let mut report = SyscallEntryReport {
            common: Common {
                engine,
                ticket,
                _not_send: PhantomData,
            },
            regs: regs.reborrow(),
            aborted,
            resumed,
        };
        let answer = T::syscall_entry(self.0.as_arc_borrow(), &mut report);
        Verdict::from(answer.action).with_abort(answer.abort)
    }

    fn syscall_exit(&self, engine: &Arc<Engine>, ticket: Number, regs: &mut Regs<'_>) -> Verdict {
        if !T::HAS_SYSCALL_EXIT {
            return Verdict::RESUME;
        }
        let mut report = SyscallExitReport {
            common: Common {
                engine,
                ticket,
                _not_send: PhantomData,
            },
            regs: regs.reborrow(),
        };
        T::syscall_exit(self.0.as_arc_borrow(), &mut report).into()
    }

    fn call(&self, engine: &Arc<Engine>, ticket: Number, data: &mut Data<'_, '_>) -> Verdict {
        let this: ArcBorrow<'_, T> = self.0.as_arc_borrow();
        let common = Common {
            engine,
            ticket,
            _not_send: PhantomData,
        };
        match data {
            Data::Quiesce { event } if T::HAS_QUIESCE => T::quiesce(
                this,
                &mut QuiesceReport {
                    common,
                    event: *event,
                },
            )
            .into(),
            Data::Clone { child, flags } if T::HAS_CLONE => T::clone(
                this,
                &mut CloneReport {
                    common,
                    child,
                    flags: *flags,
                },
            )
            .into(),
            Data::Exec { regs } if T::HAS_EXEC => T::exec(
                this,
                &mut ExecReport {
                    common,
                    regs: regs.reborrow(),
                },
            )
            .into(),
            Data::Signal {
                signal,
                disposition,
            } if T::HAS_SIGNAL => T::signal(
                this,
                &mut SignalReport {
                    common,
                    signal,
                    disposition,
                },
            )
            .into(),
            Data::Round {
                round,
                handled,
                signal,
            } if T::HAS_SIGNAL_ROUND => T::signal_round(
                this,
                &mut SignalRoundReport {
                    common,
                    round: *round,
                    handled: *handled,
                    signal,
                },
            )
            .into(),
            Data::Jctl { stopped, notify } if T::HAS_JCTL => T::jctl(
                this,
                &mut JctlReport {
                    common,
                    stopped: *stopped,
                    notify: *notify,
                },
            )
            .into(),
            Data::Exit { original, code } if T::HAS_EXIT => T::exit(
                this,
                &mut ExitReport {
                    common,
                    original: *original,
                    code,
                },
            )
            .into(),
            Data::Death { group_dead, .. } if T::HAS_DEATH => {
                let mut report = DeathReport {
                    common,
                    group_dead: *group_dead,
                };
                match T::death(this, &mut report) {
                    DeathAction::Keep => Verdict::RESUME,
                    DeathAction::Detach => Action::Detach.into(),
                }
            }
            Data::Reap { task } if T::HAS_REAP => {
                T::reap(this, &mut ReapReport { common, task });
                Verdict::RESUME
            }
            // As above; and system calls have callbacks of their own.
            _ => Verdict::RESUME,
        }
    }
}
