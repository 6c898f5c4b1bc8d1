// SPDX-License-Identifier: GPL-2.0

//! Threads in whose calls something was changed, of the whole module.

use crate::snapshot::Arguments;
use kernel::{
    prelude::*,
    sync::Arc, //
};

kernel::sync::global_lock! {
    // SAFETY: `Registry::new` is called by the module's init, before anything else here.
    /// By [`task::address`](super::task::address), sorted.
    pub(crate) unsafe(uninit) static ARGUMENTS: Mutex<KVec<(usize, Arc<Arguments>)>> = KVec::new();
}

/// While it exists, [`ARGUMENTS`] can be used.
pub(crate) struct Registry(());

impl Registry {
    /// By the module's init, once.
    pub(crate) fn new() -> Self {
        // SAFETY: Called once.
        unsafe { ARGUMENTS.init() };
        Registry(())
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let all = core::mem::take(&mut *ARGUMENTS.lock());
        drop(all);
    }
}
