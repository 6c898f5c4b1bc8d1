// SPDX-License-Identifier: GPL-2.0

//! A first engine: counts the system calls of one thread, and says so when the thread ends.
//!
//! ```text
//! insmod utrace_first.ko [pid=PID]
//! ```

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    }, //
};
use utrace::*;

module! {
    type: First,
    name: "utrace_first",
    authors: ["The utrace developers"],
    description: "Sample: counts the system calls of a thread",
    license: "GPL",
    imports_ns: ["UTRACE"],
    params: {
        pid: i32 {
            default: 0,
            description: "The thread; 0: the one that loads the module",
        },
    },
}

struct Counter {
    calls: Atomic<u64>,
}

#[vtable]
impl Tracer for Counter {
    fn syscall_entry(this: ArcBorrow<'_, Self>, _: &mut SyscallEntryReport<'_>) -> SyscallAction {
        this.calls.fetch_add(1u64, Relaxed);
        Action::Resume.into()
    }

    fn exit(this: ArcBorrow<'_, Self>, report: &mut ExitReport<'_>) -> Action {
        let calls = this.calls.load(Relaxed);
        pr_info!(
            "thread {} made {} system calls\n",
            report.thread().pid(),
            calls
        );
        Action::Detach
    }
}

// Dropping the engine detaches it: the thread runs on.
struct First {
    _engine: Engine<Counter>,
}

impl kernel::Module for First {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let thread = match param(module_parameters::pid.value()) {
            0 => (&**kernel::current!()).into(),
            pid => thread_by_pid(pid)?,
        };
        let calls = Atomic::new(0);
        let counter = Arc::new(Counter { calls }, GFP_KERNEL)?;
        let _engine = Engine::attach(&thread, counter)?;
        Ok(First { _engine })
    }
}
