// SPDX-License-Identifier: GPL-2.0

//! An engine for all events on every user thread of the machine, from init on, and on all that they
//! make. It changes nothing: what runs on such a machine is to behave as on any other.
//!
//! `/sys/kernel/debug/utrace_all/events` counts what was reported.

use core::fmt;
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
    task::Task, //
};
use utrace::*;

module! {
    type: AllModule,
    name: "utrace_all",
    authors: ["The utrace developers"],
    description: "An engine for all events on every thread of the machine",
    license: "GPL",
    imports_ns: ["UTRACE"],
    params: {
        pid_max: i32 {
            default: 32768,
            description: "Threads are looked for up to this number, that of /proc/sys/kernel/pid_max",
        },
    },
}

/// What is counted.
#[derive(Clone, Copy)]
enum What {
    Attached,
    Lost,
    Quiesce,
    SyscallEntry,
    SyscallExit,
    Clone,
    Exec,
    Signal,
    Jctl,
    Exit,
    Death,
    Reap,
}

const NAMES: [&str; 12] = [
    "attached",
    "lost",
    "quiesce",
    "entry",
    "exit_of_call",
    "clone",
    "exec",
    "signal",
    "jctl",
    "exit",
    "death",
    "reap",
];

/// The tracer of all threads.
struct All {
    counts: [Atomic<u64>; NAMES.len()],
}

impl All {
    fn count(&self, what: What) {
        self.counts[what as usize].fetch_add(1u64, Relaxed);
    }

    /// Attaches to a thread, if that has not been done already.
    fn attach(this: &Arc<Self>, thread: &Task) -> Result {
        let options = AttachOptions {
            exclusive: true,
            match_ops: true,
            ..Default::default()
        };
        Engine::attach_with(thread, this.clone(), EventSet::ALL, options)?.release();
        this.count(What::Attached);
        Ok(())
    }

    /// Attaches to all threads there are. What a thread makes while it has no engine yet may have a
    /// number that was passed already: another round finds it.
    fn attach_to_all(this: &Arc<Self>, pid_max: i32) -> Result {
        loop {
            let mut found = false;
            for pid in 1..=pid_max {
                let Ok(thread) = thread_by_pid(pid) else {
                    continue;
                };
                match Self::attach(this, &thread) {
                    Ok(()) => found = true,
                    // A thread of the kernel, one that has been reaped, one that was found before.
                    Err(err) if err == EPERM || err == ESRCH || err == EEXIST => {}
                    Err(err) => return Err(err),
                }
            }
            if !found {
                return Ok(());
            }
        }
    }

    fn show(this: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in NAMES.iter().zip(&this.counts) {
            writeln!(f, "{} {}", name, count.load(Relaxed))?;
        }
        Ok(())
    }
}

#[vtable]
impl Tracer for All {
    fn quiesce(this: ArcBorrow<'_, Self>, _: &mut QuiesceReport<'_>) -> Action {
        this.count(What::Quiesce);
        Action::Resume
    }

    fn syscall_entry(this: ArcBorrow<'_, Self>, _: &mut SyscallEntryReport<'_>) -> SyscallAction {
        this.count(What::SyscallEntry);
        Action::Resume.into()
    }

    fn syscall_exit(this: ArcBorrow<'_, Self>, _: &mut SyscallExitReport<'_>) -> Action {
        this.count(What::SyscallExit);
        Action::Resume
    }

    fn clone(this: ArcBorrow<'_, Self>, report: &mut CloneReport<'_>) -> Action {
        this.count(What::Clone);
        if let Err(err) = Self::attach(&this.into(), report.child()) {
            this.count(What::Lost);
            pr_warn!("cannot follow {}: {:?}\n", report.child().pid(), err);
        }
        Action::Resume
    }

    fn exec(this: ArcBorrow<'_, Self>, _: &mut ExecReport<'_>) -> Action {
        this.count(What::Exec);
        Action::Resume
    }

    fn signal(this: ArcBorrow<'_, Self>, _: &mut SignalReport<'_>) -> Action {
        this.count(What::Signal);
        Action::Resume
    }

    fn jctl(this: ArcBorrow<'_, Self>, _: &mut JctlReport<'_>) -> Action {
        this.count(What::Jctl);
        Action::Resume
    }

    fn exit(this: ArcBorrow<'_, Self>, _: &mut ExitReport<'_>) -> Action {
        this.count(What::Exit);
        Action::Resume
    }

    fn death(this: ArcBorrow<'_, Self>, _: &mut DeathReport<'_>) -> DeathAction {
        this.count(What::Death);
        DeathAction::Keep
    }

    fn reap(this: ArcBorrow<'_, Self>, _: &mut ReapReport<'_>) {
        this.count(What::Reap);
    }
}

#[pin_data]
struct AllModule {
    #[pin]
    _events: File<Arc<All>>,
    _dir: Dir,
}

impl kernel::InPlaceModule for AllModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(|| {
            let counts = [const { Atomic::new(0) }; NAMES.len()];
            let all = Arc::new(All { counts }, GFP_KERNEL)?;
            All::attach_to_all(&all, param(module_parameters::pid_max.value()))?;
            let dir = Dir::new(c"utrace_all");
            Ok(try_pin_init!(AllModule {
                _events <- dir.read_callback_file(c"events", all, &All::show),
                _dir: dir,
            }? Error))
        })
    }
}
