// SPDX-License-Identifier: GPL-2.0

//! Kernel functions by name, and trampolines called at their entry.
//!
//! C header: [`include/linux/ftrace.h`](srctree/include/linux/ftrace.h)

use super::bindings;
use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// The address of a function that is not exported. `ENOENT` when there is no such function.
pub(crate) fn resolve(name: &'static CStr) -> Result<c_ulong> {
    let mut err: c_long = 0;
    // SAFETY: Both pointers are valid for the call.
    let addr = unsafe { bindings::utrace_symbol_address(name.as_char_ptr(), &mut err) };
    to_result(err as c_int)?;
    Ok(addr)
}

/// The address of a variable that is not exported.
pub(crate) fn resolve_data(name: &'static CStr) -> Result<c_ulong> {
    let mut err: c_long = 0;
    // SAFETY: Both pointers are valid for the call.
    let addr = unsafe { bindings::utrace_data_address(name.as_char_ptr(), &mut err) };
    to_result(err as c_int)?;
    Ok(addr)
}

/// Why a trampoline could not be put in place.
pub(crate) enum HookError {
    /// The kernel has no such function, or more than one.
    Absent(Error),
    /// The function has no place for a call.
    Untraceable(Error),
    /// Another direct trampoline sits there; the kernel allows one.
    Taken,
    /// Anything else, such as no memory.
    Failed(Error),
}

/// A trampoline called at the entry of one kernel function, from [`DirectHook::install`] until it
/// is dropped.
///
/// # Invariants
///
/// `ops` is registered with `trampoline` while `installed`.
pub(crate) struct DirectHook {
    ops: KBox<Opaque<bindings::ftrace_ops>>,
    trampoline: c_ulong,
    addr: c_ulong,
}

// SAFETY: The structure is only registered and unregistered, under ftrace's own locks.
unsafe impl Send for DirectHook {}
// SAFETY: As above; no method takes a shared reference to it.
unsafe impl Sync for DirectHook {}

impl DirectHook {
    /// Makes every call of `name` pass through `trampoline` first.
    ///
    /// # Safety
    ///
    /// `trampoline` must be code that may be called at the entry of the function: it keeps all
    /// registers that carry arguments and returns to its return address.
    pub(crate) unsafe fn install(
        name: &'static CStr,
        trampoline: c_ulong,
    ) -> Result<Self, HookError> {
        let addr = resolve(name).map_err(HookError::Absent)?;
        let ops = KBox::new(Opaque::<bindings::ftrace_ops>::zeroed_ops(), GFP_KERNEL)
            .map_err(|_| HookError::Failed(ENOMEM))?;
        // SAFETY: `ops` is zeroed, so a filter can be set; it is heap memory and does not move.
        let err = unsafe { bindings::ftrace_set_filter_ip(ops.get(), addr, 0, 0) };
        to_result(err).map_err(HookError::Untraceable)?;
        // Where kernel.ftrace_enabled can still be set to 0, it must not switch us off unnoticed.
        // SAFETY: Nobody else knows the ops yet.
        unsafe { (*ops.get()).flags |= bindings::FTRACE_OPS_FL_PERMANENT as c_ulong };
        // SAFETY: `ops` has its one function; the trampoline is good by our contract.
        let err = unsafe { bindings::register_ftrace_direct(ops.get(), trampoline) };
        if let Err(err) = to_result(err) {
            // SAFETY: The filter was set above, and the registration failed.
            unsafe { bindings::ftrace_free_filter(ops.get()) };
            return Err(match err {
                EBUSY => HookError::Taken,
                err => HookError::Failed(err),
            });
        }
        Ok(DirectHook {
            ops,
            trampoline,
            addr,
        })
    }

    /// Where the function is, behind its landing pad. A call through it passes our trampoline.
    pub(crate) fn function(&self) -> c_ulong {
        self.addr
    }
}

impl Drop for DirectHook {
    /// No call enters the trampoline any more when this returns; some may still be in it.
    fn drop(&mut self) {
        // SAFETY: By the type invariant; frees the filter too.
        let err =
            unsafe { bindings::unregister_ftrace_direct(self.ops.get(), self.trampoline, true) };
        if err != 0 {
            // ftrace has given up after an error of its own: nothing can be taken back any more.
            pr_err!(
                "ftrace refuses to take a trampoline back ({}): it stays\n",
                err
            );
        }
    }
}

/// All-zero `ftrace_ops`.
trait ZeroedOps {
    fn zeroed_ops() -> Self;
}

impl ZeroedOps for Opaque<bindings::ftrace_ops> {
    fn zeroed_ops() -> Self {
        // SAFETY: All zero is what a static `ftrace_ops` starts as.
        Opaque::new(unsafe { core::mem::zeroed() })
    }
}
