// SPDX-License-Identifier: GPL-2.0

//! The trait of an engine's owner, and what its callbacks return.

use super::report::{
    CloneReport,
    DeathReport,
    ExecReport,
    ExitReport,
    JctlReport,
    QuiesceReport,
    ReapReport,
    SignalReport,
    SignalRoundReport,
    SyscallEntryReport,
    SyscallExitReport, //
};
use kernel::{
    error::VTABLE_DEFAULT_ERROR,
    prelude::*,
    sync::ArcBorrow, //
};

/// What a callback wants to happen next (historic `enum utrace_resume_action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `UTRACE_STOP`: stay stopped until somebody resumes this engine's stop. The next engine is
    /// called when that has happened. For CLONE the stop is made on the way to user mode.
    Stop,
    /// As [`Action::Stop`], and when the stop is over the same callback is called again for the same
    /// event, before the next engine is: its report says `is_again()`. So the thread itself does
    /// what its monitor has decided, as often as it takes, also if the event has been taken back
    /// meanwhile. Not after a SIGKILL, nor when the engine has been detached. Where a stop does not
    /// take effect at once it is no more than that.
    Pause,
    /// `UTRACE_INTERRUPT`: as [`Action::Report`], and a blocking system call is left for it.
    Interrupt,
    /// `UTRACE_REPORT`: call [`Tracer::quiesce`] before the thread enters user mode.
    Report,
    /// `UTRACE_SINGLESTEP`: run one instruction in user mode, then SIGTRAP is reported to
    /// [`Tracer::signal`]: `TRAP_TRACE`, or after a system call, and at the first instruction of a
    /// handler, `TRAP_BRKPT`. The program does not get it unless an engine chooses
    /// [`Disposition::Deliver`](super::Disposition::Deliver), or the program has set the trap flag
    /// itself; a ptracer that steps the thread, too, does.
    ///
    /// From [`Tracer::signal`], and from [`Tracer::quiesce`] without an event, the answer takes the
    /// place of what the engine wanted before: who wants to go on stepping says so each time. From
    /// any other callback it is kept until then; in a system call the step is what is left of it.
    SingleStep,
    /// `UTRACE_BLOCKSTEP`: the same to the next branch that is taken. One instruction, where another
    /// engine wants that, or the processor cannot ([`has_block_step`](super::has_block_step)).
    BlockStep,
    /// `UTRACE_RESUME`: run.
    Resume,
    /// `UTRACE_DETACH`: end the attachment.
    Detach,
}

/// What [`Tracer::syscall_entry`] returns: [`Action`], and what becomes of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyscallAction {
    pub(super) action: Action,
    pub(super) abort: bool,
}

impl SyscallAction {
    /// `UTRACE_SYSCALL_ABORT`: skip the call. Its result is what
    /// [`SyscallEntryReport::set_result`] said, else `-ENOSYS`. Nothing that another engine returns
    /// undoes it.
    pub const fn abort(action: Action) -> Self {
        SyscallAction {
            action,
            abort: true,
        }
    }
}

impl From<Action> for SyscallAction {
    /// `UTRACE_SYSCALL_RUN`: make the call, as far as this engine is concerned.
    fn from(action: Action) -> Self {
        SyscallAction {
            action,
            abort: false,
        }
    }
}

/// What [`Tracer::death`] returns: a dead thread cannot be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeathAction {
    /// Stay attached for [`Tracer::reap`].
    Keep,
    /// End the attachment; there will be no [`Tracer::reap`].
    Detach,
}

/// An engine's callbacks (historic `struct utrace_engine_ops`).
///
/// Implement what you want to hear of, under `#[vtable]`; what is not implemented is not reported,
/// and costs nothing. Callbacks run in the traced thread itself (except [`Tracer::reap`]), with no
/// lock held, and may sleep *shortly*; to wait for anybody, return [`Action::Stop`]. The value is
/// shared: one tracer may sit on many threads, whose callbacks run at the same time.
///
/// # Examples
///
/// ```
/// use kernel::sync::ArcBorrow;
/// use utrace::{Action, SyscallAction, SyscallEntryReport, Tracer};
///
/// struct Deny;
///
/// #[vtable]
/// impl Tracer for Deny {
///     fn syscall_entry(_: ArcBorrow<'_, Self>, report: &mut SyscallEntryReport<'_>) -> SyscallAction {
///         report.set_result(-1);
///         SyscallAction::abort(Action::Resume)
///     }
/// }
/// # Ok::<(), Error>(())
/// ```
#[vtable]
pub trait Tracer: Sized + Send + Sync + 'static {
    /// `report_quiesce`: before each other report of the thread ([`QuiesceReport::event`]), and
    /// before user mode when a report was asked for.
    fn quiesce(_this: ArcBorrow<'_, Self>, _report: &mut QuiesceReport<'_>) -> Action {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `report_syscall_entry`: before a system call. Engines are called last attached first.
    fn syscall_entry(
        _this: ArcBorrow<'_, Self>,
        _report: &mut SyscallEntryReport<'_>,
    ) -> SyscallAction {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `report_syscall_exit`: after a system call. Engines are called first attached first, here
    /// and in all that follow.
    fn syscall_exit(_this: ArcBorrow<'_, Self>, _report: &mut SyscallExitReport<'_>) -> Action {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `report_clone`: the thread has made another, which does not run before all callbacks have
    /// returned; attach to it here.
    fn clone(_this: ArcBorrow<'_, Self>, _report: &mut CloneReport<'_>) -> Action {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `report_exec`: the thread has loaded a new program and is about to start it.
    fn exec(_this: ArcBorrow<'_, Self>, _report: &mut ExecReport<'_>) -> Action {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `report_signal`: a signal is about to act on the thread. Any but SIGKILL; once for each.
    fn signal(_this: ArcBorrow<'_, Self>, _report: &mut SignalReport<'_>) -> Action {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `report_signal` with `UTRACE_SIGNAL_REPORT` or `UTRACE_SIGNAL_HANDLER`: no signal, but a report
    /// was asked for. Of engines that ask for some event of signals, in place of
    /// [`Tracer::quiesce`] without an event: when somebody asked with `Interrupt`, and when a handler
    /// has been set up before the report that somebody asked for. `Report` and `Interrupt` returned
    /// from here are `Resume`.
    fn signal_round(_this: ArcBorrow<'_, Self>, _report: &mut SignalRoundReport<'_>) -> Action {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `report_jctl`: the thread is about to stop with its process, for a stop signal, or goes on with
    /// it. In each thread of the process that has such an engine. Not in a thread that is parked,
    /// though that stops too, and not under ptrace, which has stops of its own.
    fn jctl(_this: ArcBorrow<'_, Self>, _report: &mut JctlReport<'_>) -> Action {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `report_exit`: the thread begins to exit.
    fn exit(_this: ArcBorrow<'_, Self>, _report: &mut ExitReport<'_>) -> Action {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `report_death`: the thread is dead. The last callback in the thread.
    fn death(_this: ArcBorrow<'_, Self>, _report: &mut DeathReport<'_>) -> DeathAction {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// `report_reap`: whoever waited for the thread has let go of it. In the context of that
    /// party, after [`Tracer::death`] has returned; the engine is detached afterwards.
    fn reap(_this: ArcBorrow<'_, Self>, _report: &mut ReapReport<'_>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}
