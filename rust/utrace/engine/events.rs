// SPDX-License-Identifier: GPL-2.0

//! What each hook reports.

use super::{
    global,
    report::{
        self,
        Data,
        Outcome, //
    },
    signal,
    step,
    thread::Utrace, //
};
use crate::{
    core::{
        action::{
            pending,
            Syscall, //
        },
        event::{
            self,
            Event, //
        },
        hold, //
    },
    sys::{
        signal::{
            self as sys_signal,
            GetSignal, //
        },
        syscall::{
            with_current_regs,
            Regs, //
        },
        table::{
            Peek,
            User, //
        },
        task::{
            self,
            smp_mb, //
        },
        workbit::{
            self,
            PerThread, //
        }, //
    },
    tracehook, //
};
use kernel::{
    prelude::*,
    task::Task, //
};

/// The hooks' handler.
pub(crate) struct Events;

/// The structure of the current thread, if engines want the event and it is not being killed.
#[inline(always)]
fn current_utrace(event: Event) -> Option<User<Utrace>> {
    global::get().table.lookup_current(event.called_for())
}

/// A thread killed at the entry does not make the call: an engine that was not asked did not allow
/// it.
fn skip_for_kill(regs: &mut Regs<'_>) {
    regs.set_result(EINTR.to_errno() as c_long);
    regs.skip();
}

/// Does what the engines want of the call that is about to be made.
#[cold]
#[inline(never)]
fn enter(utrace: &User<Utrace>, regs: &mut Regs<'_>, first: Outcome) {
    let (mut outcome, mut skipped) = (first, false);
    loop {
        if outcome.killed || utrace.is_being_killed() {
            skip_for_kill(regs);
            return;
        }
        skipped |= outcome.skipped;
        if !outcome.stopped || utrace.take_pending() & pending::REPORT == 0 {
            break;
        }
        let data = &mut Data::SyscallEntry {
            regs,
            aborted: skipped,
            resumed: true,
        };
        outcome = report::pass(utrace, Event::SyscallEntry, data);
    }
    if outcome.syscall == Syscall::Abort || skipped {
        regs.skip();
    }
}

/// The thread is being killed.
#[cold]
#[inline(never)]
fn enter_killed(mut regs: Regs<'_>) -> c_long {
    if task::with_current(wants_entry) {
        skip_for_kill(&mut regs);
    }
    regs.nr()
}

/// What one look says of a system call of the current thread.
enum Quick {
    /// Nobody wants to hear of it, and the thread does not step.
    Unwanted,
    /// Somebody does.
    Wanted(User<Utrace>),
    /// A second look is needed.
    Unsure,
}

/// The first look: with no call, so that it needs no registers to be saved.
#[inline(always)]
fn quick(event: Event, nr: u32) -> Quick {
    if task::current_is_signalled() {
        return Quick::Unsure;
    }
    let found = match global::get().table.peek_current(event.bit() | event::STEPS) {
        Peek::Found(found) => found,
        Peek::Nothing => return Quick::Unwanted,
        Peek::Unsure => return Quick::Unsure,
    };
    // SAFETY: The thread itself, which is in no pass for this event.
    match unsafe { found.selects(event, nr) } {
        Some(true) => Quick::Wanted(found.keep()),
        Some(false) => Quick::Unwanted,
        None => Quick::Unsure,
    }
}

/// The second look: the structure of the current thread, if engines want the event and may want this
/// call.
fn selected(event: Event, nr: u32) -> Option<User<Utrace>> {
    let found = global::get()
        .table
        .find_current(event.bit() | event::STEPS)?;
    // SAFETY: The thread itself, which is in no pass for this event.
    let selects = unsafe { found.selects(event, nr) };
    // SAFETY: As above.
    if selects.unwrap_or_else(|| unsafe { found.selects_anew(event, nr) }) {
        return Some(found.keep());
    }
    None
}

#[cold]
#[inline(never)]
fn enter_unsure(regs: Regs<'_>) -> c_long {
    if task::is_being_killed() {
        return enter_killed(regs);
    }
    match selected(Event::SyscallEntry, regs.nr() as u32) {
        Some(utrace) => enter_reported(utrace, regs),
        None => regs.nr(),
    }
}

#[cold]
#[inline(never)]
fn exit_unsure(regs: Regs<'_>) -> c_long {
    if task::is_being_killed() {
        return regs.result();
    }
    match selected(Event::SyscallExit, regs.nr() as u32) {
        Some(utrace) => exit_reported(utrace, regs),
        None => regs.result(),
    }
}

/// Apart from the look-up, which needs fewer registers.
#[inline(never)]
fn enter_reported(utrace: User<Utrace>, mut regs: Regs<'_>) -> c_long {
    report::syscall_pass(utrace, Event::SyscallEntry, &mut regs, enter);
    regs.nr()
}

#[inline(never)]
fn exit_reported(utrace: User<Utrace>, mut regs: Regs<'_>) -> c_long {
    report::syscall_pass(utrace, Event::SyscallExit, &mut regs, |_, _, _| ());
    regs.result()
}

fn wants_entry(task: &Task) -> bool {
    let utrace = global::get().table.lookup(task);
    utrace.is_some_and(|utrace| utrace.wants() & Event::SyscallEntry.bit() != 0)
}

impl tracehook::Events for Events {
    #[inline(always)]
    fn syscall_enter(regs: Regs<'_>) -> c_long {
        match quick(Event::SyscallEntry, regs.nr() as u32) {
            Quick::Wanted(utrace) => enter_reported(utrace, regs),
            Quick::Unwanted => regs.nr(),
            Quick::Unsure => enter_unsure(regs),
        }
    }

    #[inline(always)]
    fn syscall_exit(regs: Regs<'_>) -> c_long {
        match quick(Event::SyscallExit, regs.nr() as u32) {
            Quick::Wanted(utrace) => exit_reported(utrace, regs),
            Quick::Unwanted => regs.result(),
            Quick::Unsure => exit_unsure(regs),
        }
    }

    fn clone(child: &Task, flags: u64) {
        sys_signal::inherit(child);
        if task::is_kernel(child) {
            // An io worker: nobody can attach to it, and the thread has not asked for it.
            return;
        }
        // It is there, and runs, also if the thread is being killed by now.
        if let Some(found) = global::get().table.find_current(Event::Clone.bit()) {
            report::pass(
                &found.keep(),
                Event::Clone,
                &mut Data::Clone { child, flags },
            );
        }
    }

    fn exec() {
        if let Some(utrace) = current_utrace(Event::Exec) {
            with_current_regs(|regs| report::pass(&utrace, Event::Exec, &mut Data::Exec { regs }));
        }
    }

    fn wants_signal() -> bool {
        signal::enter()
    }

    fn signal(call: &mut GetSignal<'_>) -> bool {
        signal::get_signal(call)
    }

    fn exit(code: &mut c_long) {
        // It may die in the body of `get_signal`, and does not come back from there.
        sys_signal::leave_dying();
        const SIGKILL: c_long = 9;

        let Some(utrace) = task::with_current(|current| global::get().table.lookup(current)) else {
            return;
        };
        // The kernel that runs from here on must find nothing of it.
        step::thread_exits(&utrace);
        let original = *code;
        let killed = original & 0x7f == SIGKILL;
        if killed || task::current_dies_for_exec() {
            // The signal itself is no longer pending, but nothing may hold up the thread.
            hold::kill(&*utrace);
        }
        report::pass(&utrace, Event::Exit, &mut Data::Exit { original, code });
        // Whoever exits after us tells a killed process by its code: that stays.
        if *code != original && !killed {
            task::set_group_exit_code(*code as c_int);
        }
        // It stops nowhere any more.
        hold::kill(&*utrace);
    }

    fn death() {
        // Pairs with the barrier after an attach: see `settle_with_death`.
        smp_mb();
        let Some(utrace) = task::with_current(|current| global::get().table.lookup(current)) else {
            return;
        };
        if !utrace.life.begin_death() {
            return;
        }
        let group_dead = task::with_current(task::is_group_dead);
        let let_go = utrace.let_go_itself.get();
        let signal = task::with_current(|current| task::death_signal(current, let_go));
        report::pass(
            &utrace,
            Event::Death,
            &mut Data::Death { group_dead, signal },
        );
        if utrace.life.end_death() {
            report::reap(&utrace);
        }
    }

    fn reap(task: &Task) {
        smp_mb();
        if let Some(utrace) = global::get().table.lookup(task) {
            if task::is_current(task) {
                utrace.let_go_itself.set(true);
            }
            if utrace.life.reap() {
                report::reap(&utrace);
            }
        }
    }

    fn killed(task: &Task) {
        // Any other thread that a SIGKILL is for is woken by the signal itself. A thread that
        // exits is not: the signal is dropped.
        if !task::is_group_exiting(task) {
            return;
        }
        workbit::for_each_thread_of_group::<KillParked>(task);
    }

    fn stop_sent(task: &Task) {
        // Any of its threads may be the one to act on it.
        workbit::for_each_thread_of_group::<NoticeStop>(task);
    }

    fn stop_comes(task: &Task) {
        NoticeStop::each(task);
    }

    fn puts_off_stop(signal: c_int) -> bool {
        sys_signal::puts_off_stop(signal)
    }

    fn dequeued() {
        signal::dequeued();
    }

    fn wants_syscalls(task: &Task) -> bool {
        global::get()
            .table
            .lookup(task)
            .is_some_and(|utrace| utrace.wants() & (event::SYSCALLS | event::STEPS) != 0)
    }
}

struct KillParked;

impl PerThread for KillParked {
    fn each(task: &Task) {
        if let Some(utrace) = global::get().table.lookup(task) {
            hold::kill(&*utrace);
        }
    }
}

struct NoticeStop;

impl PerThread for NoticeStop {
    fn each(task: &Task) {
        if let Some(utrace) = global::get().table.lookup(task) {
            hold::notice(&*utrace);
        }
    }
}
