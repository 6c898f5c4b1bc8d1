// SPDX-License-Identifier: GPL-2.0

//! What each hook reports.

use super::{
    global,
    report::{
        self,
        Data, //
    },
    thread::Utrace, //
};
use crate::{
    core::{
        action::{
            pending,
            Syscall, //
        },
        event,
        hold, //
    },
    sys::{
        syscall::{
            with_current_regs,
            Regs, //
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
    sync::Arc,
    task::Task, //
};

/// The hooks' handler.
pub(crate) struct Events;

/// The structure of the current thread, if it has engines and is not being killed.
#[inline]
fn current_utrace() -> Option<Arc<Utrace>> {
    let utrace = task::with_current(|current| global::get().lookup(current))?;
    (!task::fatal_signal_pending()).then_some(utrace)
}

impl tracehook::Events for Events {
    fn syscall_enter(regs: &mut Regs<'_>) {
        let Some(utrace) = current_utrace() else {
            return;
        };
        let mut resumed = false;
        loop {
            let outcome = report::pass(
                &utrace,
                &mut Data::SyscallEntry {
                    regs,
                    aborted: false,
                    resumed,
                },
            );
            if outcome.killed {
                // A thread killed at the entry does not make the call.
                regs.set_result(EINTR.to_errno() as c_long);
                regs.skip();
                return;
            }
            if outcome.stopped && utrace.take_pending() & pending::REPORT != 0 {
                resumed = true;
                continue;
            }
            if outcome.syscall == Syscall::Abort {
                regs.skip();
            }
            return;
        }
    }

    fn syscall_exit(regs: &mut Regs<'_>) {
        if let Some(utrace) = current_utrace() {
            report::pass(&utrace, &mut Data::SyscallExit { regs });
        }
    }

    fn clone(child: &Task, flags: u64) {
        if let Some(utrace) = current_utrace() {
            report::pass(&utrace, &mut Data::Clone { child, flags });
        }
    }

    fn exec() {
        if let Some(utrace) = current_utrace() {
            with_current_regs(|regs| report::pass(&utrace, &mut Data::Exec { regs }));
        }
    }

    fn exit(code: &mut c_long) {
        const SIGKILL: c_long = 9;

        let Some(utrace) = task::with_current(|current| global::get().lookup(current)) else {
            return;
        };
        if *code & 0x7f == SIGKILL || task::current_dies_for_exec() {
            // The signal itself is no longer pending, but nothing may hold up the thread.
            hold::kill(&*utrace);
        }
        report::pass(&utrace, &mut Data::Exit { code });
        // It stops nowhere any more.
        hold::kill(&*utrace);
    }

    fn death() {
        // Pairs with the barrier after an attach: see `settle_with_death`.
        smp_mb();
        let Some(utrace) = task::with_current(|current| global::get().lookup(current)) else {
            return;
        };
        if !utrace.life.begin_death() {
            return;
        }
        let group_dead = task::with_current(task::is_group_dead);
        report::pass(&utrace, &mut Data::Death { group_dead });
        if utrace.life.end_death() {
            report::reap(&utrace);
        }
    }

    fn reap(task: &Task) {
        smp_mb();
        if let Some(utrace) = global::get().lookup(task) {
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

    fn wants_syscalls(task: &Task) -> bool {
        global::get()
            .table
            .with(task, |utrace| utrace.wants() & (event::SYSCALLS) != 0)
            .unwrap_or(false)
    }
}

struct KillParked;

impl PerThread for KillParked {
    fn each(task: &Task) {
        global::get()
            .table
            .with(task, |utrace| hold::kill(&*utrace));
    }
}
