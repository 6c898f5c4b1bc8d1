// SPDX-License-Identifier: GPL-2.0

//! kmview: system call virtualisation from user space, over a file descriptor.
//!
//! `include/uapi/linux/kmview.h` says what it does. A thread of a session has one engine of utrace
//! for it ([`tracee`]), which queues the thread's events in the session ([`session`], [`events`]) and
//! pauses; whoever has the file reads and answers them ([`file`]), and the thread does what it is
//! told.

use kernel::prelude::*;

mod adopt;
mod copy;
mod count;
mod descriptor;
mod errand;
mod events;
mod fdset;
mod file;
mod filter;
mod memory;
mod names;
mod paths;
mod queue;
mod record;
mod ring;
mod session;
mod snapshot;
mod sys;
mod table;
mod thread;
mod tracee;

module! {
    type: KmviewModule,
    name: "kmview",
    authors: ["The utrace developers"],
    description: "System call virtualisation from user space",
    license: "GPL",
    imports_ns: ["UTRACE"],
}

// While a file is open, the module stays. Threads of a session that outlived its monitor are let go
// by utrace when it goes.
// Nor does it while a process has an area for copies.
struct KmviewModule {
    _device: sys::device::Device,
    _registry: sys::registry::Registry,
}

impl kernel::Module for KmviewModule {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        sys::descriptor::init()?;
        let _registry = sys::registry::Registry::new();
        Ok(KmviewModule {
            _registry,
            _device: sys::device::Device::register()?,
        })
    }
}
