// SPDX-License-Identifier: GPL-2.0

//! Modules that own code we call, and their end.

use super::{
    bindings,
    direct, //
};
use core::cell::UnsafeCell;
use kernel::{
    error::to_result,
    prelude::*,
    sync::SetOnce, //
};

/// Names a loaded module, for comparison only. Code of the kernel image has the owner 0.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(usize);

impl Owner {
    /// The owner of what is no module's.
    pub(crate) const NOBODY: Owner = Owner(0);

    pub(crate) fn as_usize(self) -> usize {
        self.0
    }

    /// The module's name.
    ///
    /// # Safety
    ///
    /// The module must be loaded, or still on its way out.
    pub(crate) unsafe fn name(self) -> OwnerName {
        let mut name = OwnerName([0; OwnerName::SIZE]);
        let module = self.0 as *const bindings::module;
        if !module.is_null() {
            let size = name.0.len();
            // SAFETY: By the contract; the buffer has that size.
            unsafe { bindings::utrace_module_name(module, name.0.as_mut_ptr().cast(), size) };
        }
        name
    }
}

/// What a module is called; code of the kernel image belongs to `kernel`.
pub(crate) struct OwnerName([u8; OwnerName::SIZE]);

impl OwnerName {
    const SIZE: usize = 64;

    pub(crate) fn as_str(&self) -> &str {
        let name = CStr::from_bytes_until_nul(&self.0);
        match name.map(CStr::to_str) {
            Ok(Ok(name)) if !name.is_empty() => name,
            _ => "kernel",
        }
    }
}

/// The address of `__module_text_address`, which is not exported.
static MODULE_TEXT_ADDRESS: SetOnce<c_ulong> = SetOnce::new();

/// Finds what [`owner_of`] needs. Called once, by the module's init.
pub(crate) fn init() -> Result {
    MODULE_TEXT_ADDRESS.populate(direct::resolve(c"__module_text_address")?);
    Ok(())
}

/// The module that the code at `text` belongs to.
#[inline(never)]
pub(crate) fn owner_of(text: usize) -> Owner {
    let Some(address) = MODULE_TEXT_ADDRESS.as_ref() else {
        return Owner(0);
    };
    // SAFETY: The address is that of `__module_text_address`.
    Owner(unsafe { bindings::utrace_module_of(*address, text as c_ulong) } as usize)
}

/// Is told of every module that goes, after its own exit function and before its code is freed.
pub(crate) trait OnGoing {
    /// May sleep.
    fn going(owner: Owner);
}

/// A registered listener; at most one per `T`.
pub(crate) struct GoingNotifier {
    block: Pin<KBox<Block>>,
}

struct Block(UnsafeCell<bindings::notifier_block>);

// SAFETY: Only the kernel's notifier chain touches the block while it is registered.
unsafe impl Send for Block {}
// SAFETY: As above.
unsafe impl Sync for Block {}

impl GoingNotifier {
    pub(crate) fn register<T: OnGoing>() -> Result<Self> {
        let block = KBox::pin(
            Block(UnsafeCell::new(bindings::notifier_block {
                notifier_call: Some(Self::notify::<T>),
                ..Default::default()
            })),
            GFP_KERNEL,
        )?;
        // SAFETY: The block is initialised, and lives until it is unregistered.
        to_result(unsafe { bindings::register_module_notifier(block.0.get()) })?;
        Ok(GoingNotifier { block })
    }

    /// # Safety
    ///
    /// None: the module is only named, not looked at.
    unsafe extern "C" fn notify<T: OnGoing>(
        _block: *mut bindings::notifier_block,
        state: c_ulong,
        module: *mut c_void,
    ) -> c_int {
        if state == bindings::module_state_MODULE_STATE_GOING as c_ulong {
            T::going(Owner(module as usize));
        }
        0
    }
}

impl Drop for GoingNotifier {
    fn drop(&mut self) {
        // SAFETY: Registered in `register`.
        unsafe { bindings::unregister_module_notifier(self.block.0.get()) };
    }
}
