// SPDX-License-Identifier: GPL-2.0

//! Engines that do nothing, to see what an event costs.

use kernel::{
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};
use utrace::*;

module! {
    type: Cost,
    name: "traced_cost",
    authors: ["The utrace developers"],
    description: "Test: engines that do nothing",
    license: "GPL",
    imports_ns: ["UTRACE"],
    params: {
        pid: i32 {
            default: 0,
            description: "The thread to attach to",
        },
        events: i32 {
            default: 0,
            description: "The events to ask for",
        },
        engines: i32 {
            default: 1,
            description: "How many engines to attach",
        },
    },
}

struct Nothing;

#[vtable]
impl Tracer for Nothing {
    fn syscall_entry(_: ArcBorrow<'_, Self>, _: &mut SyscallEntryReport<'_>) -> SyscallAction {
        Action::Resume.into()
    }

    fn syscall_exit(_: ArcBorrow<'_, Self>, _: &mut SyscallExitReport<'_>) -> Action {
        Action::Resume
    }
}

struct Cost {
    _engines: KVec<Engine<Nothing>>,
}

impl kernel::Module for Cost {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let thread = thread_by_pid(param(module_parameters::pid.value()))?;
        let events = EventSet::from_bits(param::<i32>(module_parameters::events.value()) as u32);
        let mut engines = KVec::new();
        for _ in 0..param::<i32>(module_parameters::engines.value()) {
            let engine = Engine::attach_with(
                &thread,
                Arc::new(Nothing, GFP_KERNEL)?,
                events,
                AttachOptions::default(),
            )?;
            engines.push(engine, GFP_KERNEL)?;
        }
        Ok(Cost { _engines: engines })
    }
}
