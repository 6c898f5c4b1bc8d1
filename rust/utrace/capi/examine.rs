// SPDX-License-Identifier: GPL-2.0

//! The exported functions that look at a thread and change it. The header says what they do.

use super::{
    functions::{
        engine_of,
        to_errno, //
    },
    object::CRef, //
};
use crate::{
    api::examine::{
        Current,
        Examine,
        Phase,
        Registers,
        Regset,
        RegsetView,
        Subject, //
    },
    engine::{
        examine::{
            At,
            Examination, //
        },
        object::Engine,
        report::Data, //
    },
    sys::bindings, //
};
use kernel::prelude::*;

/// The `turn` of an examination of the current thread in a callback. Parks count from 1.
const CURRENT: u64 = u64::MAX;

const _: () = assert!(size_of::<Registers>() == size_of::<bindings::user_regs_struct>());

const NOWHERE: u32 = 1;
pub(super) const ENTRY: u32 = 2;
pub(super) const EXIT: u32 = 3;

/// Where in a system call a callback finds its thread; 0 if it does not run in it.
#[inline(always)]
pub(super) fn place_of(data: &Data<'_, '_>) -> u32 {
    match data {
        Data::SyscallEntry { .. } => ENTRY,
        Data::SyscallExit { .. } => EXIT,
        Data::Quiesce { event } => match At::from(*event) {
            At::Nowhere => NOWHERE,
            At::Entry => ENTRY,
            At::Exit => EXIT,
        },
        Data::Reap { .. } => 0,
        _ => NOWHERE,
    }
}

/// Where the current thread is, if it is in a callback of the engine that runs in its own thread.
fn current_place(object: &CRef, engine: &Engine) -> Option<At> {
    if !engine.is_called_by_current() {
        return None;
    }
    match object.place() {
        NOWHERE => Some(At::Nowhere),
        ENTRY => Some(At::Entry),
        EXIT => Some(At::Exit),
        _ => None,
    }
}

/// What an examination is of.
enum Of<'a> {
    Current(Current<'a>),
    Parked(Examine<'a>),
}

impl Of<'_> {
    fn subject(&self) -> &Subject<'_> {
        match self {
            Of::Current(current) => current,
            Of::Parked(examine) => examine,
        }
    }
}

/// Runs `f` with what is examined. `EINVAL` if nothing is.
///
/// # Safety
///
/// `exam` is from C: zeroes, or from `utrace_prepare_examine`, and the caller has a reference to its
/// engine.
unsafe fn look<R>(
    exam: *const bindings::utrace_examiner,
    f: impl FnOnce(&Of<'_>) -> Result<R>,
) -> Result<R> {
    // SAFETY: By the contract.
    let (engine, turn) = unsafe { ((*exam).engine, (*exam).turn) };
    if engine.is_null() {
        return Err(EINVAL);
    }
    // SAFETY: By the contract; used in this function only.
    let object = unsafe { CRef::borrow_raw(engine) };
    let engine = object.engine().ok_or(ESRCH)?;
    let of = match turn {
        CURRENT => {
            let at = current_place(&object, &engine).ok_or(EINVAL)?;
            Of::Current(Current::new(&engine, at))
        }
        turn => Of::Parked(Examine::again(&engine, turn)),
    };
    f(&of)
}

/// A count, or a negative errno.
fn to_count(result: Result<usize>) -> c_long {
    result.map_or_else(|err| err.to_errno() as c_long, |count| count as c_long)
}

fn view_of(subject: &Subject<'_>, which: c_uint) -> Result<RegsetView> {
    match which {
        bindings::UTRACE_VIEW_NATIVE => subject.view(),
        bindings::UTRACE_VIEW_64 => Ok(RegsetView::bits64()),
        bindings::UTRACE_VIEW_32 => RegsetView::bits32().ok_or(ENOENT),
        _ => Err(ENOENT),
    }
}

fn regset_of(subject: &Subject<'_>, which: c_uint, note: c_uint) -> Result<Regset> {
    view_of(subject, which)?.find(note).ok_or(ENOENT)
}

/// A buffer of C's.
///
/// # Safety
///
/// `buf` is valid for reads and writes of `size` bytes, which nobody else uses as long as `'a`.
unsafe fn buffer<'a>(buf: *mut c_void, size: usize) -> &'a mut [u8] {
    if size == 0 {
        return &mut [];
    }
    // SAFETY: By the contract.
    unsafe { core::slice::from_raw_parts_mut(buf.cast(), size) }
}

/// The same for one that is only read.
///
/// # Safety
///
/// `buf` is valid for reads of `size` bytes, which nobody writes as long as `'a`.
unsafe fn const_buffer<'a>(buf: *const c_void, size: usize) -> &'a [u8] {
    if size == 0 {
        return &[];
    }
    // SAFETY: By the contract.
    unsafe { core::slice::from_raw_parts(buf.cast(), size) }
}

fn info_of(subject: &Subject<'_>) -> Result<bindings::utrace_syscall_info> {
    let info = subject.syscall()?;
    let mut out = bindings::utrace_syscall_info {
        arch: info.arch,
        phase: bindings::utrace_syscall_phase_UTRACE_PHASE_NONE,
        ip: info.ip as c_ulong,
        sp: info.sp as c_ulong,
        ..Default::default()
    };
    match info.phase {
        Phase::None => {}
        Phase::Entry { nr, args } => {
            out.phase = bindings::utrace_syscall_phase_UTRACE_PHASE_ENTRY;
            out.nr = nr as c_long;
            out.args = args.map(|arg| arg as c_ulong);
        }
        Phase::Exit {
            nr,
            result,
            is_error,
        } => {
            out.phase = bindings::utrace_syscall_phase_UTRACE_PHASE_EXIT;
            out.nr = nr as c_long;
            out.result = result as c_long;
            out.is_error = is_error;
        }
    }
    Ok(out)
}

fn prepare(object: &CRef, target: *mut bindings::task_struct) -> Result<u64> {
    let engine = engine_of(object, target)?;
    match current_place(object, &engine) {
        Some(_) => Ok(CURRENT),
        None => Ok(Examination::begin(&engine)?.turn()),
    }
}

c_abi! {
    /// See the header.
    ///
    /// # Safety
    ///
    /// The caller has a reference to `engine`; `exam` is valid for a write.
    unsafe fn utrace_prepare_examine(
        target: *mut bindings::task_struct,
        engine: *mut bindings::utrace_engine,
        exam: *mut bindings::utrace_examiner,
    ) -> c_int {
        // SAFETY: By the contract; used in this function only.
        let object = unsafe { CRef::borrow_raw(engine) };
        let result = prepare(&object, target);
        let mut made = bindings::utrace_examiner::default();
        if let Ok(turn) = result {
            made.engine = engine;
            made.turn = turn;
        }
        // SAFETY: By the contract.
        unsafe { exam.write(made) };
        to_errno(result.map(|_| ()))
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// The caller has a reference to `engine`; `exam` is zeroes, or from `utrace_prepare_examine`.
    unsafe fn utrace_finish_examine(
        target: *mut bindings::task_struct,
        engine: *mut bindings::utrace_engine,
        exam: *mut bindings::utrace_examiner,
    ) -> c_int {
        // SAFETY: By the contract; used in this function only.
        let object = unsafe { CRef::borrow_raw(engine) };
        // SAFETY: By the contract.
        let (of, turn) = unsafe { ((*exam).engine, (*exam).turn) };
        if of.is_null() || of != engine {
            return EINVAL.to_errno();
        }
        let Some(engine) = object.engine() else {
            return EAGAIN.to_errno();
        };
        if engine.utrace.task().as_ptr() != target {
            return EINVAL.to_errno();
        }
        // SAFETY: By the contract.
        unsafe { exam.write(Default::default()) };
        to_errno(match turn {
            CURRENT => current_place(&object, &engine).map(|_| ()).ok_or(EINVAL),
            turn => Examination::again(&engine, turn).check(),
        })
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`; `regs` is valid for a write.
    unsafe fn utrace_get_regs(
        exam: *const bindings::utrace_examiner,
        regs: *mut bindings::user_regs_struct,
    ) -> c_int {
        // SAFETY: By the contract.
        let result = unsafe { look(exam, |of| of.subject().regs()) };
        to_errno(result.map(|read| {
            // SAFETY: By the contract; `Registers` is laid out as the structure is.
            unsafe { regs.cast::<Registers>().write(read) }
        }))
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`; `regs` is valid.
    unsafe fn utrace_set_regs(
        exam: *const bindings::utrace_examiner,
        regs: *const bindings::user_regs_struct,
    ) -> c_int {
        // SAFETY: By the contract; `Registers` is laid out as the structure is.
        let regs = unsafe { regs.cast::<Registers>().read() };
        // SAFETY: By the contract.
        to_errno(unsafe { look(exam, |of| of.subject().set_regs(&regs)) })
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`.
    unsafe fn utrace_regset_view(
        exam: *const bindings::utrace_examiner,
        view: c_uint,
    ) -> *const bindings::user_regset_view {
        // SAFETY: By the contract.
        match unsafe { look(exam, |of| view_of(of.subject(), view)) } {
            Ok(view) => view.as_ptr(),
            Err(err) => err.to_ptr(),
        }
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`.
    unsafe fn utrace_regset_size(
        exam: *const bindings::utrace_examiner,
        view: c_uint,
        note: c_uint,
    ) -> c_long {
        // SAFETY: By the contract.
        to_count(unsafe {
            look(exam, |of| {
                let subject = of.subject();
                subject.regset_active(&regset_of(subject, view, note)?)
            })
        })
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`; `buf` is valid for writes of `size` bytes.
    unsafe fn utrace_get_regset(
        exam: *const bindings::utrace_examiner,
        view: c_uint,
        note: c_uint,
        pos: usize,
        buf: *mut c_void,
        size: usize,
    ) -> c_long {
        // SAFETY: By the contract.
        let buf = unsafe { buffer(buf, size) };
        // SAFETY: By the contract.
        to_count(unsafe {
            look(exam, |of| {
                let subject = of.subject();
                subject.read_regset(&regset_of(subject, view, note)?, pos, buf)
            })
        })
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`; `buf` is valid for reads of `size` bytes.
    unsafe fn utrace_set_regset(
        exam: *const bindings::utrace_examiner,
        view: c_uint,
        note: c_uint,
        pos: usize,
        buf: *const c_void,
        size: usize,
    ) -> c_int {
        // SAFETY: By the contract.
        let buf = unsafe { const_buffer(buf, size) };
        // SAFETY: By the contract.
        to_errno(unsafe {
            look(exam, |of| {
                let subject = of.subject();
                subject.write_regset(&regset_of(subject, view, note)?, pos, buf)
            })
        })
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`; `buf` is valid for writes of `size` bytes.
    unsafe fn utrace_read_memory(
        exam: *const bindings::utrace_examiner,
        addr: c_ulong,
        buf: *mut c_void,
        size: usize,
    ) -> c_long {
        // SAFETY: By the contract.
        let buf = unsafe { buffer(buf, size) };
        // SAFETY: By the contract.
        to_count(unsafe { look(exam, |of| of.subject().memory().read(addr as usize, buf)) })
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`; `buf` is valid for reads of `size` bytes.
    unsafe fn utrace_write_memory(
        exam: *const bindings::utrace_examiner,
        addr: c_ulong,
        buf: *const c_void,
        size: usize,
        force: bool,
    ) -> c_long {
        // SAFETY: By the contract.
        let buf = unsafe { const_buffer(buf, size) };
        // SAFETY: By the contract.
        to_count(unsafe {
            look(exam, |of| {
                let memory = of.subject().memory();
                match force {
                    true => memory.write(addr as usize, buf),
                    false => memory.write_unforced(addr as usize, buf),
                }
            })
        })
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`; `buf` is valid for writes of `size` bytes.
    unsafe fn utrace_read_string(
        exam: *const bindings::utrace_examiner,
        addr: c_ulong,
        buf: *mut c_char,
        size: usize,
    ) -> c_long {
        // SAFETY: By the contract.
        let buf = unsafe { buffer(buf.cast(), size) };
        // SAFETY: By the contract.
        to_count(unsafe {
            look(exam, |of| {
                let memory = of.subject().memory();
                Ok(memory.read_cstr(addr as usize, buf)?.to_bytes().len())
            })
        })
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`; `info` is valid for a write.
    unsafe fn utrace_get_syscall(
        exam: *const bindings::utrace_examiner,
        info: *mut bindings::utrace_syscall_info,
    ) -> c_int {
        // SAFETY: By the contract.
        let result = unsafe { look(exam, |of| info_of(of.subject())) };
        to_errno(result.map(|read| {
            // SAFETY: By the contract.
            unsafe { info.write(read) }
        }))
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`; `args` has six.
    unsafe fn utrace_set_syscall(
        exam: *const bindings::utrace_examiner,
        nr: c_long,
        args: *const c_ulong,
    ) -> c_int {
        // SAFETY: By the contract.
        let args = unsafe { args.cast::<[usize; 6]>().read() };
        // SAFETY: By the contract.
        to_errno(unsafe { look(exam, |of| of.subject().set_syscall(nr as isize, &args)) })
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`.
    unsafe fn utrace_set_syscall_result(
        exam: *const bindings::utrace_examiner,
        result: c_long,
    ) -> c_int {
        // SAFETY: By the contract.
        to_errno(unsafe { look(exam, |of| of.subject().set_syscall_result(result as isize)) })
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// That of `look`.
    unsafe fn utrace_skip_syscall(
        exam: *const bindings::utrace_examiner,
        result: c_long,
    ) -> c_int {
        // SAFETY: By the contract.
        to_errno(unsafe {
            look(exam, |of| match of {
                // A callback returns that.
                Of::Current(_) => Err(EINVAL),
                Of::Parked(examine) => examine.skip_syscall(result as isize),
            })
        })
    }
}
