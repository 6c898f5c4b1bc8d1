// SPDX-License-Identifier: GPL-2.0

//! The registers of the current thread, seen as a system call.

use super::{
    bindings,
    percpu,
    still::Still, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    types::NotThreadSafe, //
};

/// The user-mode registers of the current thread, while a hook has them.
///
/// # Invariants
///
/// `regs` is valid for `'a`, and belongs to the current thread.
pub(crate) struct Regs<'a> {
    regs: NonNull<bindings::pt_regs>,
    _life: PhantomData<&'a mut ()>,
    _not_send: NotThreadSafe,
}

impl<'a> Regs<'a> {
    /// # Safety
    ///
    /// `regs` must be the registers of the current thread, and stay so for `'a`.
    pub(crate) unsafe fn from_raw(regs: NonNull<bindings::pt_regs>) -> Self {
        // INVARIANT: By the contract.
        Regs {
            regs,
            _life: PhantomData,
            _not_send: NotThreadSafe,
        }
    }

    /// The same registers, for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Regs<'_> {
        Regs {
            regs: self.regs,
            _life: PhantomData,
            _not_send: NotThreadSafe,
        }
    }

    /// For callbacks in C, which are given the registers themselves.
    pub(crate) fn as_ptr(&self) -> *mut bindings::pt_regs {
        self.regs.as_ptr()
    }

    /// As the kernel has it: a number has 32 bits.
    #[inline(always)]
    pub(crate) fn nr(&self) -> c_long {
        // SAFETY: By the type invariant; so in all that follows.
        unsafe { (*self.as_ptr()).orig_ax as c_int as c_long }
    }

    pub(crate) fn set_nr(&mut self, nr: c_long) {
        // SAFETY: See `nr`.
        unsafe { bindings::utrace_syscall_set_nr(self.as_ptr(), nr) }
    }

    /// As `syscall_get_arguments()` has it.
    #[inline]
    pub(crate) fn args(&self) -> [c_ulong; 6] {
        if is_compat() {
            return self.args_compat();
        }
        // SAFETY: See `nr`.
        let regs = unsafe { &*self.as_ptr() };
        [regs.di, regs.si, regs.dx, regs.r10, regs.r8, regs.r9]
    }

    #[cold]
    fn args_compat(&self) -> [c_ulong; 6] {
        let mut args = [0; 6];
        // SAFETY: See `nr`; the array has room for six.
        unsafe { bindings::utrace_syscall_args(self.as_ptr(), args.as_mut_ptr()) };
        args
    }

    pub(crate) fn set_args(&mut self, args: &[c_ulong; 6]) {
        // SAFETY: See `args`.
        unsafe { bindings::utrace_syscall_set_args(self.as_ptr(), args.as_ptr()) }
    }

    #[inline(always)]
    pub(crate) fn result(&self) -> c_long {
        // SAFETY: See `nr`.
        unsafe { (*self.as_ptr()).ax as c_long }
    }

    pub(crate) fn set_result(&mut self, result: c_long) {
        // SAFETY: See `nr`.
        unsafe { bindings::utrace_syscall_set_result(self.as_ptr(), result) }
    }

    /// Makes the kernel skip the call.
    pub(crate) fn skip(&mut self) {
        // SAFETY: See `nr`.
        unsafe { bindings::utrace_syscall_skip(self.as_ptr()) }
    }

    /// The `AUDIT_ARCH_*` of the call.
    pub(crate) fn arch(&self) -> u32 {
        match is_compat() {
            true => bindings::AUDIT_ARCH_I386,
            false => bindings::AUDIT_ARCH_X86_64,
        }
    }

    #[inline(always)]
    pub(crate) fn ip(&self) -> c_ulong {
        // SAFETY: See `nr`.
        unsafe { (*self.as_ptr()).ip }
    }

    #[inline(always)]
    pub(crate) fn sp(&self) -> c_ulong {
        // SAFETY: See `nr`.
        unsafe { (*self.as_ptr()).sp }
    }
}

/// Whether the current thread is in a 32-bit call.
#[inline(always)]
pub(crate) fn is_compat() -> bool {
    // SAFETY: The current thread is valid, and only itself changes this.
    let status = unsafe { (*percpu::current_task()).thread_info.status };
    status & bindings::TS_COMPAT != 0
}

/// The system call that a thread is in.
pub(crate) struct Call(bindings::utrace_syscall);

impl Call {
    pub(crate) fn of(still: &Still<'_>) -> Self {
        let mut call = bindings::utrace_syscall::default();
        // SAFETY: The thread holds still.
        unsafe { bindings::utrace_syscall_of(still.task(), &mut call) };
        Call(call)
    }

    /// Changes number and arguments.
    pub(crate) fn set(still: &Still<'_>, nr: c_long, args: &[c_ulong; 6]) {
        // SAFETY: The thread holds still; the array has six.
        unsafe { bindings::utrace_set_syscall_of(still.task(), nr, args.as_ptr()) }
    }

    /// Changes the result.
    pub(crate) fn set_result(still: &Still<'_>, result: c_long) {
        // SAFETY: The thread holds still.
        unsafe { bindings::utrace_set_result_of(still.task(), result) }
    }

    pub(crate) fn arch(&self) -> u32 {
        self.0.arch
    }

    pub(crate) fn ip(&self) -> usize {
        self.0.ip
    }

    pub(crate) fn sp(&self) -> usize {
        self.0.sp
    }

    pub(crate) fn nr(&self) -> c_long {
        self.0.nr
    }

    pub(crate) fn args(&self) -> [usize; 6] {
        self.0.args
    }

    pub(crate) fn result(&self) -> c_long {
        self.0.result
    }

    pub(crate) fn is_error(&self) -> bool {
        self.0.is_error
    }
}

/// Runs `f` with the registers with which the current thread entered the kernel.
pub(crate) fn with_current_regs<R>(f: impl FnOnce(&mut Regs<'_>) -> R) -> R {
    // SAFETY: No requirements.
    let regs = unsafe { bindings::utrace_current_regs() };
    // SAFETY: A thread's registers are on its stack: not null, and valid while it runs `f`.
    f(&mut unsafe { Regs::from_raw(NonNull::new_unchecked(regs)) })
}
