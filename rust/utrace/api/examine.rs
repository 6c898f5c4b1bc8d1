// SPDX-License-Identifier: GPL-2.0

//! Looking at a thread and changing it: registers, memory, the system call that it is in.
//!
//! Only of a thread that does not run: the current one, in a callback ([`Current`]), or one that a
//! stop of the engine holds ([`Examine`]). Both are a [`Subject`], which has what can be done.

pub use crate::sys::regset::{
    Registers,
    Regset,
    RegsetView, //
};
use crate::{
    engine::{
        examine::{
            At,
            Examination, //
        },
        global,
        object::Engine, //
    },
    sys::{
        errno::enametoolong,
        memory,
        regset,
        still::Still,
        syscall::Call, //
    }, //
};
use core::{
    marker::PhantomData,
    ops::Deref, //
};
use kernel::{
    prelude::*,
    task::Task,
    types::NotThreadSafe, //
};

/// A thread that does not run, to look at and to change.
///
/// What several engines do to one thread is done one after the other. Everything here may sleep,
/// and must not be called with a lock held that an engine's callback takes.
///
/// # Errors
///
/// Of a parked thread, everything fails with `EAGAIN` once the thread has run, was killed, or the
/// engine has let it go: what was read is then not returned, what was written may have been too
/// late. In a callback this does not happen.
pub struct Subject<'a>(Who<'a>);

#[derive(Clone, Copy)]
enum Who<'a> {
    Current {
        engine: &'a Engine,
        at: At,
        _not_send: PhantomData<NotThreadSafe>,
    },
    Parked(Examination<'a>),
    /// For its process's memory alone.
    Any(&'a Engine),
}

/// What a thread is doing with a system call, whatever its machine: as `struct
/// ptrace_syscall_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyscallInfo {
    /// The `AUDIT_ARCH_*` number of the convention of the call: tells 32-bit calls from 64-bit
    /// ones. x32 calls are 64-bit ones with their bit in the number.
    pub arch: u32,
    /// The instruction pointer: in a call, just behind the instruction that made it.
    pub ip: usize,
    /// The stack pointer.
    pub sp: usize,
    /// Where in a call the thread is.
    pub phase: Phase,
}

/// Where in a system call a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nowhere, or at an event in the middle of one.
    None,
    /// Before the call, in a `syscall_entry` or stopped there.
    Entry {
        /// The number, as engines may have changed it. -1: none, which gives `-ENOSYS`.
        nr: isize,
        /// The six arguments. Those of a 32-bit call are zero-extended.
        args: [usize; 6],
    },
    /// After the call, in a `syscall_exit` or stopped there.
    Exit {
        /// The number with which the call was made; -1 if it was skipped.
        nr: isize,
        /// The result: a value, or a negative errno, the kernel's own restart codes included.
        result: isize,
        /// Which of these it is, by the rules of the machine.
        is_error: bool,
    },
}

impl<'a> Subject<'a> {
    fn engine(&self) -> &'a Engine {
        match self.0 {
            Who::Current { engine, .. } | Who::Any(engine) => engine,
            Who::Parked(examination) => examination.engine,
        }
    }

    /// The thread.
    pub fn thread(&self) -> &'a Task {
        self.engine().utrace.task()
    }

    /// Runs `f`, perhaps several times, while the thread holds still.
    fn with<R>(&self, mut f: impl FnMut(&Still<'_>) -> Result<R>) -> Result<R> {
        match self.0 {
            Who::Current { .. } => global::get().stiller.current(f),
            Who::Parked(examination) => examination.with(&mut f),
            Who::Any(_) => Err(EINVAL),
        }
    }

    fn check(&self) -> Result {
        match self.0 {
            Who::Current { .. } | Who::Any(_) => Ok(()),
            Who::Parked(examination) => examination.check(),
        }
    }

    fn at(&self) -> At {
        match self.0 {
            Who::Current { at, .. } => at,
            Who::Parked(examination) => examination.at(),
            Who::Any(_) => At::Nowhere,
        }
    }

    /// The general registers, as the 64-bit view has them.
    pub fn regs(&self) -> Result<Registers> {
        self.with(|still| Ok(regset::registers(still)))
    }

    /// Writes the general registers; the thread has them when it is next in user mode. All or none.
    ///
    /// Of [`Registers::flags`] only those that a program may change are.
    ///
    /// In a system call, `orig_ax` is the number: at its entry the call is made with what is
    /// written, and `ax` is what it gives if it is skipped.
    ///
    /// # Errors
    ///
    /// `EIO`: a segment register or base cannot have such a value.
    pub fn set_regs(&self, regs: &Registers) -> Result {
        self.with(|still| regset::set_registers(still, regs))
    }

    /// The view that the kernel has of the thread: historic `task_user_regset_view`. The other
    /// ones can be used, too.
    pub fn view(&self) -> Result<RegsetView> {
        self.with(|still| Ok(RegsetView::of(still)))
    }

    /// How many bytes of a regset the thread has in use; 0 for none. One with nothing in use may
    /// still be read or written, if its own functions say so.
    ///
    /// # Errors
    ///
    /// Those of the regset, as `ENODEV` for a unit that the machine has not.
    pub fn regset_active(&self, regset: &Regset) -> Result<usize> {
        self.with(|still| regset.active(still))
    }

    /// Reads from byte `pos` of a regset on. Gives how many bytes there were, at most the length of
    /// `buf`.
    ///
    /// # Errors
    ///
    /// * `EINVAL`: `pos` or the length is not a multiple of the size of a slot.
    /// * `EOPNOTSUPP`: the regset cannot be read.
    /// * Those of the regset, as `ENODEV` or `ENXIO` when there is no such thing, and `ENOMEM`.
    pub fn read_regset(&self, regset: &Regset, pos: usize, buf: &mut [u8]) -> Result<usize> {
        self.with(|still| regset.read(still, pos, buf))
    }

    /// Writes to a regset, from byte `pos` on.
    ///
    /// # Errors
    ///
    /// * `EINVAL`: `pos` or the length is not a multiple of the size of a slot, or the end is
    ///   behind that of the regset.
    /// * `EOPNOTSUPP`: the regset cannot be written.
    /// * Those of the regset. Some are written as a whole or not at all (`EINVAL`, `EFAULT`).
    pub fn write_regset(&self, regset: &Regset, pos: usize, buf: &[u8]) -> Result {
        self.with(|still| regset.write(still, pos, buf))
    }

    /// The memory of the thread's process.
    pub fn memory(&self) -> Memory<'_> {
        Memory(Subject(self.0))
    }

    /// What the thread does with a system call, whatever its machine.
    pub fn syscall(&self) -> Result<SyscallInfo> {
        self.with(|still| Ok(self.info(still)))
    }

    fn info(&self, still: &Still<'_>) -> SyscallInfo {
        let call = Call::of(still);
        SyscallInfo {
            arch: call.arch(),
            ip: call.ip(),
            sp: call.sp(),
            phase: match self.at() {
                At::Nowhere => Phase::None,
                At::Entry => Phase::Entry {
                    nr: call.nr(),
                    args: call.args(),
                },
                At::Exit => Phase::Exit {
                    nr: call.nr(),
                    result: call.result(),
                    is_error: call.is_error(),
                },
            },
        }
    }

    /// Changes number and arguments of the call that the thread is about to make.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the thread is not at the entry of a call.
    pub fn set_syscall(&self, nr: isize, args: &[usize; 6]) -> Result {
        self.with(|still| {
            if self.at() != At::Entry {
                return Err(EINVAL);
            }
            Call::set(still, nr, args);
            Ok(())
        })
    }

    /// Changes the result of the call that the thread has made: a value, or a negative errno.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the thread is not at the exit of a call.
    pub fn set_syscall_result(&self, result: isize) -> Result {
        self.with(|still| {
            if self.at() != At::Exit {
                return Err(EINVAL);
            }
            Call::set_result(still, result);
            Ok(())
        })
    }
}

/// The current thread, in a callback. Obtained from a report, and gone with it.
pub struct Current<'a>(Subject<'a>);

impl<'a> Current<'a> {
    /// For callbacks only: they prove that the engine's thread is the current one.
    pub(crate) fn new(engine: &'a Engine, at: At) -> Self {
        Current(Subject(Who::Current {
            engine,
            at,
            _not_send: PhantomData,
        }))
    }

    pub(super) fn into_subject(self) -> Subject<'a> {
        self.0
    }

    /// [`Subject::regs`], which cannot fail here.
    pub fn regs(&self) -> Registers {
        global::get().stiller.current(regset::registers)
    }

    /// [`Subject::view`], which cannot fail here.
    pub fn view(&self) -> RegsetView {
        global::get().stiller.current(RegsetView::of)
    }

    /// [`Subject::syscall`], which cannot fail here.
    pub fn syscall(&self) -> SyscallInfo {
        global::get().stiller.current(|still| self.0.info(still))
    }
}

impl<'a> Deref for Current<'a> {
    type Target = Subject<'a>;

    fn deref(&self) -> &Subject<'a> {
        &self.0
    }
}

/// A thread that a stop of an engine holds parked. From [`EngineRef::examine`].
///
/// Historic `struct utrace_examiner`. Remembers the one park in which it was made: of a thread
/// that was let go and parked again, it says `EAGAIN`.
///
/// # Examples
///
/// ```
/// use utrace::EngineRef;
///
/// /// The word on top of the stack of a thread that the engine has stopped.
/// fn top_of_stack(engine: &EngineRef) -> Result<usize> {
///     let thread = engine.examine()?;
///     let mut word = [0; 8];
///     thread.memory().read_exact(thread.regs()?.sp, &mut word)?;
///     thread.finish()?;
///     Ok(usize::from_ne_bytes(word))
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// [`EngineRef::examine`]: super::EngineRef::examine
#[must_use = "finish() tells whether what was read belongs together"]
pub struct Examine<'a>(Subject<'a>);

impl<'a> Examine<'a> {
    pub(super) fn new(engine: &'a Engine) -> Result<Self> {
        Ok(Examine(Subject(Who::Parked(Examination::begin(engine)?))))
    }

    /// Of a park that is named by its number, as the C API does.
    pub(crate) fn again(engine: &'a Engine, turn: u64) -> Self {
        Examine(Subject(Who::Parked(Examination::again(engine, turn))))
    }

    /// Has the call that the thread is about to make skipped, with this result: a value, or a
    /// negative errno. For the engines called later it is aborted, as by
    /// [`SyscallAction::abort`](super::SyscallAction::abort); nothing undoes it.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the thread is not at the entry of a call.
    pub fn skip_syscall(&self, result: isize) -> Result {
        let Who::Parked(examination) = self.0 .0 else {
            return Err(EINVAL);
        };
        examination.with(|still| {
            if examination.at() != At::Entry {
                return Err(EINVAL);
            }
            Call::set_result(still, result);
            examination.skip();
            Ok(())
        })
    }

    /// Ends the examination: historic `utrace_finish_examine`. From any context.
    ///
    /// # Errors
    ///
    /// `EAGAIN`: the thread ran, or may have run, or was killed, since the guard was made. What was
    /// read from it may not belong together.
    pub fn finish(self) -> Result {
        self.0.check()
    }
}

impl<'a> Deref for Examine<'a> {
    type Target = Subject<'a>;

    fn deref(&self) -> &Subject<'a> {
        &self.0
    }
}

/// The memory of a thread's process.
///
/// Other threads of the process use it at the same time. Pages that are not there are fetched,
/// which takes as long as it takes; the thread may be killed and go meanwhile.
pub struct Memory<'a>(Subject<'a>);

const PAGE: usize = kernel::page::PAGE_SIZE;

impl<'a> Memory<'a> {
    pub(super) fn new(subject: Subject<'a>) -> Self {
        Memory(subject)
    }

    pub(super) fn of_process(engine: &'a Engine) -> Self {
        Memory(Subject(Who::Any(engine)))
    }

    /// Moves up to `len` bytes by `f`, between two checks.
    fn transfer(&self, len: usize, f: impl FnOnce(&Task) -> usize) -> Result<usize> {
        self.0.check()?;
        let done = f(self.0.thread());
        self.0.check()?;
        if done == 0 && len != 0 {
            return Err(EFAULT);
        }
        Ok(done)
    }

    /// Reads from `addr` on, what the thread itself may not read included, as ptrace does. Gives
    /// how many bytes could be read: fewer than asked for if the rest is not mapped.
    ///
    /// # Errors
    ///
    /// `EFAULT`: not even the first byte can be read.
    pub fn read(&self, addr: usize, buf: &mut [u8]) -> Result<usize> {
        let len = buf.len();
        self.transfer(len, |task| memory::read(task, addr, buf))
    }

    /// [`Self::read`], all or nothing.
    ///
    /// # Errors
    ///
    /// `EFAULT`: not all of it can be read.
    pub fn read_exact(&self, addr: usize, buf: &mut [u8]) -> Result {
        all(self.read(addr, buf)?, buf.len())
    }

    /// Writes from `addr` on, also where the thread itself may not write, as ptrace does: such a
    /// page of a private mapping is copied first. Gives how many bytes could be written.
    ///
    /// # Errors
    ///
    /// `EFAULT`: not even the first byte can be written; as in a read-only shared mapping.
    pub fn write(&self, addr: usize, buf: &[u8]) -> Result<usize> {
        self.transfer(buf.len(), |task| memory::write(task, addr, buf, true))
    }

    /// [`Self::write`], only where the thread itself may write.
    ///
    /// # Errors
    ///
    /// `EFAULT`: not even the first byte can be written.
    pub fn write_unforced(&self, addr: usize, buf: &[u8]) -> Result<usize> {
        self.transfer(buf.len(), |task| memory::write(task, addr, buf, false))
    }

    /// [`Self::write`] of everything. What can be written has been when it fails.
    ///
    /// # Errors
    ///
    /// `EFAULT`: not all of it can be written.
    pub fn write_exact(&self, addr: usize, buf: &[u8]) -> Result {
        all(self.write(addr, buf)?, buf.len())
    }

    /// Reads a C string of less than `buf.len()` bytes. No byte of a page behind its end is
    /// touched.
    ///
    /// # Errors
    ///
    /// * `EFAULT`: its end is not in mapped memory.
    /// * `ENAMETOOLONG`: it does not fit, and its end with it.
    pub fn read_cstr<'b>(&self, addr: usize, buf: &'b mut [u8]) -> Result<&'b CStr> {
        let mut have = 0;
        while have < buf.len() {
            let from = addr.checked_add(have).ok_or(EFAULT)?;
            let end = buf.len().min(have + (PAGE - from % PAGE));
            let got = self.read(from, &mut buf[have..end])?;
            let part = &buf[have..have + got.min(end - have)];
            if let Some(nul) = part.iter().position(|&byte| byte == 0) {
                return CStr::from_bytes_with_nul(&buf[..=have + nul]).map_err(|_| EFAULT);
            }
            have += part.len();
        }
        Err(enametoolong())
    }
}

fn all(done: usize, len: usize) -> Result {
    match done == len {
        true => Ok(()),
        false => Err(EFAULT),
    }
}
