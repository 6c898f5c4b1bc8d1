// SPDX-License-Identifier: GPL-2.0

//! General registers, and the kernel's `user_regset` views.
//!
//! C header: [`include/linux/regset.h`](srctree/include/linux/regset.h)

use super::{
    bindings,
    still::Still, //
};
use core::ptr::NonNull;
use kernel::{
    error::to_result,
    prelude::*, //
};

/// The general registers of a thread in user mode, as the kernel's `struct user_regs_struct`.
///
/// Of a 32-bit thread too, with the registers that it has in their lower halves, as a 64-bit
/// debugger sees it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // Each is named after its register.
pub struct Registers {
    pub r15: usize,
    pub r14: usize,
    pub r13: usize,
    pub r12: usize,
    pub bp: usize,
    pub bx: usize,
    pub r11: usize,
    pub r10: usize,
    pub r9: usize,
    pub r8: usize,
    pub ax: usize,
    pub cx: usize,
    pub dx: usize,
    pub si: usize,
    pub di: usize,
    /// The number of the system call that the thread is in, else -1.
    pub orig_ax: usize,
    pub ip: usize,
    pub cs: usize,
    pub flags: usize,
    pub sp: usize,
    pub ss: usize,
    pub fs_base: usize,
    pub gs_base: usize,
    pub ds: usize,
    pub es: usize,
    pub fs: usize,
    pub gs: usize,
}

const _: () =
    assert!(size_of::<Registers>() == bindings::UTRACE_REGISTERS as usize * size_of::<usize>());

/// Looks for the views. Once, before anything else of this file is used. `ENOEXEC` when the kernel
/// has others than it should.
pub(crate) fn find_views() -> Result {
    // SAFETY: No requirements.
    to_result(unsafe { bindings::utrace_find_views() })
}

/// The general registers.
pub(crate) fn registers(still: &Still<'_>) -> Registers {
    let mut regs = Registers::default();
    // SAFETY: The thread holds still, and the structure is as many words as is said above.
    unsafe { bindings::utrace_registers(still.task(), (&raw mut regs).cast()) };
    regs
}

/// Writes them all; none, with `EIO`, if one of them cannot have such a value.
pub(crate) fn set_registers(still: &Still<'_>, regs: &Registers) -> Result {
    // SAFETY: As above.
    let err = unsafe {
        bindings::utrace_set_registers(
            still.wait_function(),
            still.task(),
            core::ptr::from_ref(regs).cast(),
        )
    };
    to_result(err as c_int)
}

/// A way in which the kernel shows the registers of threads: the sets of registers in it.
///
/// Historic `struct user_regset_view`.
///
/// # Invariants
///
/// Points to one of the kernel's own, which it has for ever.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RegsetView(NonNull<bindings::user_regset_view>);

// SAFETY: The kernel's views do not change.
unsafe impl Send for RegsetView {}
// SAFETY: As above.
unsafe impl Sync for RegsetView {}

impl RegsetView {
    /// The view in which the kernel shows 64-bit threads, x32 ones included.
    pub fn bits64() -> Self {
        // SAFETY: `find_views` was called when the module was loaded, and found it.
        RegsetView(unsafe { NonNull::new_unchecked(bindings::utrace_view_64().cast_mut()) })
    }

    /// The view in which the kernel shows 32-bit threads, if it has them.
    pub fn bits32() -> Option<Self> {
        // SAFETY: `find_views` was called when the module was loaded.
        NonNull::new(unsafe { bindings::utrace_view_32() }.cast_mut()).map(RegsetView)
    }

    /// Historic `task_user_regset_view`: the view that fits what the thread runs now.
    pub(crate) fn of(still: &Still<'_>) -> Self {
        // SAFETY: The thread holds still; never null.
        RegsetView(unsafe {
            NonNull::new_unchecked(bindings::utrace_view_of(still.task()).cast_mut())
        })
    }

    /// For C.
    pub(crate) fn as_ptr(self) -> *const bindings::user_regset_view {
        self.0.as_ptr()
    }

    /// Its name, such as `x86_64` or `i386`.
    pub fn name(self) -> &'static CStr {
        // SAFETY: By the type invariant; names of views are constants.
        unsafe { cstr(bindings::utrace_view_name(self.0.as_ptr())) }
    }

    /// The `EM_*` number of the machine, as in a core dump.
    pub fn machine(self) -> u32 {
        // SAFETY: By the type invariant.
        unsafe { bindings::utrace_view_machine(self.0.as_ptr()) }
    }

    /// Its regsets. The first one has the general registers.
    pub fn regsets(self) -> impl Iterator<Item = Regset> {
        // SAFETY: By the type invariant.
        let count = unsafe { bindings::utrace_view_count(self.0.as_ptr()) };
        (0..count).map(move |index| Regset::new(self, index))
    }

    /// The regset that has this `NT_*` note in a core dump.
    pub fn find(self, note_type: u32) -> Option<Regset> {
        self.regsets().find(|regset| regset.note_type == note_type)
    }
}

/// # Safety
///
/// `name` must be a C string that lasts for ever.
unsafe fn cstr(name: *const c_char) -> &'static CStr {
    let mut length = 0;
    // SAFETY: By the contract, up to its end.
    while unsafe { *name.add(length) } != 0 {
        length += 1;
    }
    // SAFETY: As above, its end included.
    let bytes = unsafe { core::slice::from_raw_parts(name.cast(), length + 1) };
    CStr::from_bytes_with_nul(bytes).unwrap_or(c"")
}

/// A set of registers, of slots of one size: historic `struct user_regset`.
///
/// # Invariants
///
/// `index` is below the number of regsets of `view`.
#[derive(Clone, Copy)]
pub struct Regset {
    view: RegsetView,
    index: u32,
    /// The `NT_*` number of its note in core dumps. 0 if it has none.
    pub note_type: u32,
    /// How many slots there are. May be more than a thread has in use.
    pub slots: usize,
    /// The size of a slot, in bytes. What is read or written begins and ends with a slot.
    pub slot_size: usize,
    /// What slots are aligned to in a core dump.
    pub align: usize,
    /// Whether the kernel shows it at all.
    pub readable: bool,
    /// Whether it can be written.
    pub writable: bool,
    /// The owner's name in its note, such as `CORE` or `LINUX`.
    pub note_name: &'static CStr,
}

impl Regset {
    fn new(view: RegsetView, index: u32) -> Self {
        let mut regset = bindings::utrace_regset::default();
        // SAFETY: The view is one of the kernel's, and has such a regset.
        unsafe { bindings::utrace_regset_describe(view.0.as_ptr(), index, &mut regset) };
        // INVARIANT: By the only caller.
        Regset {
            view,
            index,
            note_type: regset.note_type,
            slots: regset.slots as usize,
            slot_size: regset.slot_size as usize,
            align: regset.align as usize,
            readable: regset.readable,
            writable: regset.writable,
            // SAFETY: The names are constants of the kernel's.
            note_name: unsafe { cstr(regset.note_name) },
        }
    }

    /// The view that it belongs to.
    pub fn view(&self) -> RegsetView {
        self.view
    }

    /// The size of all slots, in bytes.
    pub fn size(&self) -> usize {
        self.slots * self.slot_size
    }

    pub(crate) fn active(&self, still: &Still<'_>) -> Result<usize> {
        // SAFETY: The thread holds still, and the regset exists by the type invariant.
        length(unsafe {
            bindings::utrace_regset_active(still.task(), self.view.0.as_ptr(), self.index)
        })
    }

    pub(crate) fn read(&self, still: &Still<'_>, pos: usize, buf: &mut [u8]) -> Result<usize> {
        // SAFETY: As in `active`; the buffer is as long as is said.
        length(unsafe {
            bindings::utrace_regset_read(
                still.task(),
                self.view.0.as_ptr(),
                self.index,
                pos,
                buf.as_mut_ptr().cast(),
                buf.len(),
            )
        })
    }

    pub(crate) fn write(&self, still: &Still<'_>, pos: usize, buf: &[u8]) -> Result {
        // SAFETY: As in `read`.
        let err = unsafe {
            bindings::utrace_regset_write(
                still.wait_function(),
                still.task(),
                self.view.0.as_ptr(),
                self.index,
                pos,
                buf.as_ptr().cast(),
                buf.len(),
            )
        };
        to_result(err as c_int)
    }
}

/// A length, or a negative errno.
fn length(value: c_long) -> Result<usize> {
    usize::try_from(value).map_err(|_| Error::from_errno(value as c_int))
}
