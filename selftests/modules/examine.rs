// SPDX-License-Identifier: GPL-2.0

//! `UT_EXAMINE`: looks at a thread and changes it, from outside or in a callback.

use super::{
    abi,
    Answer,
    Probe,
    Session, //
};
use kernel::{
    ioctl::_IOWR,
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};
use utrace::{
    EngineRef,
    Phase,
    Registers,
    Regset,
    RegsetView,
    Subject, //
};

/// `struct ut_examine`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Examine {
    engine: u32,
    op: u32,
    flags: u32,
    view: u32,
    addr: u64,
    buf: u64,
    size: u64,
    note: u32,
    index: u32,
    nr: i64,
    result: i64,
    args: [u64; 6],
    ip: u64,
    sp: u64,
    arch: u32,
    phase: u32,
    is_error: u32,
    slot_size: u32,
    slots: u64,
    prepare: i32,
    done: i32,
    finish: i32,
    writable: u32,
    name: [u8; 16],
    view_name: [u8; 16],
}

// SAFETY: Integers only, any value of them, without padding.
unsafe impl FromBytes for Examine {}
// SAFETY: As above.
unsafe impl AsBytes for Examine {}

pub(crate) const EXAMINE: u32 = _IOWR::<Examine>(b'u' as u32, 40);
pub(crate) const EXAMINED: u32 = _IOWR::<Examine>(b'u' as u32, 41);

const GET_REGS: u32 = 1;
const SET_REGS: u32 = 2;
const VIEW: u32 = 3;
const ACTIVE: u32 = 4;
const GET_REGSET: u32 = 5;
const SET_REGSET: u32 = 6;
const READ: u32 = 7;
const WRITE: u32 = 8;
const WRITE_UNFORCED: u32 = 9;
const STRING: u32 = 10;
const SYSCALL: u32 = 11;
const SET_SYSCALL: u32 = 12;
const SET_RESULT: u32 = 13;
const SKIP: u32 = 14;

const HOLD_BEFORE: u32 = 1 << 0;
const HOLD_AFTER: u32 = 1 << 1;
const IN_CALLBACK: u32 = 1 << 2;

/// What is asked for, with its buffer in the kernel.
pub(crate) struct Request {
    abi: Examine,
    data: KVVec<u8>,
    finished: bool,
}

const fn words(bytes: &[u8], at: usize) -> usize {
    let mut word = [0; 8];
    let mut i = 0;
    while i < 8 {
        word[i] = bytes[at * 8 + i];
        i += 1;
    }
    usize::from_ne_bytes(word)
}

macro_rules! registers {
    ($($name:ident)*) => {
        fn to_bytes(regs: &Registers, bytes: &mut [u8]) {
            let words = [$(regs.$name),*];
            for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
                to.copy_from_slice(&word.to_ne_bytes());
            }
        }

        fn from_bytes(bytes: &[u8]) -> Registers {
            let mut at = 0..;
            Registers {
                $($name: words(bytes, at.next().unwrap_or(0))),*
            }
        }
    };
}

registers! {
    r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss
    fs_base gs_base ds es fs gs
}

const REGISTERS: usize = size_of::<Registers>();

fn text(from: &CStr) -> [u8; 16] {
    let mut to = [0; 16];
    for (to, byte) in to.iter_mut().take(15).zip(from.to_bytes()) {
        *to = *byte;
    }
    to
}

fn count(result: Result<usize>) -> i32 {
    result.map_or_else(|err| err.to_errno(), |n| n as i32)
}

impl Request {
    fn new(abi: &Examine) -> Result<Self> {
        let size = abi.size as usize;
        let mut data = KVVec::from_elem(0u8, size.max(REGISTERS), GFP_KERNEL)?;
        if abi.buf != 0 {
            UserSlice::new(UserPtr::from_addr(abi.buf as usize), size)
                .reader()
                .read_slice(&mut data[..size])?;
        }
        Ok(Request {
            abi: *abi,
            data,
            finished: false,
        })
    }

    /// Gives back what was found.
    fn finish(&self, abi: &mut Examine) -> Result {
        let (buf, size) = (abi.buf as usize, abi.size as usize);
        *abi = self.abi;
        if buf != 0 {
            UserSlice::new(UserPtr::from_addr(buf), size)
                .writer()
                .write_slice(&self.data[..size])?;
        }
        Ok(())
    }

    fn view(&self, subject: &Subject<'_>) -> Result<RegsetView> {
        match self.abi.view {
            64 => Ok(RegsetView::bits64()),
            32 => RegsetView::bits32().ok_or(ENODEV),
            _ => subject.view(),
        }
    }

    fn regset(&self, subject: &Subject<'_>) -> Result<Regset> {
        self.view(subject)?.find(self.abi.note).ok_or(ENOENT)
    }

    fn perform(&mut self, subject: &Subject<'_>) {
        self.abi.done = count(self.try_perform(subject));
    }

    fn try_perform(&mut self, subject: &Subject<'_>) -> Result<usize> {
        let addr = self.abi.addr as usize;
        let size = self.abi.size as usize;
        match self.abi.op {
            GET_REGS => {
                to_bytes(&subject.regs()?, &mut self.data[..REGISTERS]);
                return Ok(REGISTERS);
            }
            SET_REGS => subject.set_regs(&from_bytes(&self.data[..REGISTERS]))?,
            VIEW => {
                let view = self.view(subject)?;
                let regset = view.regsets().nth(self.abi.index as usize).ok_or(ENOENT)?;
                self.abi.view = view.machine();
                self.abi.view_name = text(view.name());
                self.abi.index = view.regsets().count() as u32;
                self.abi.note = regset.note_type;
                self.abi.name = text(regset.note_name);
                self.abi.slots = regset.slots as u64;
                self.abi.slot_size = regset.slot_size as u32;
                self.abi.writable = u32::from(regset.writable);
                return Ok(regset.size());
            }
            ACTIVE => return subject.regset_active(&self.regset(subject)?),
            GET_REGSET => {
                let regset = self.regset(subject)?;
                return subject.read_regset(&regset, addr, &mut self.data[..size]);
            }
            SET_REGSET => subject.write_regset(&self.regset(subject)?, addr, &self.data[..size])?,
            READ => return subject.memory().read(addr, &mut self.data[..size]),
            WRITE => return subject.memory().write(addr, &self.data[..size]),
            WRITE_UNFORCED => return subject.memory().write_unforced(addr, &self.data[..size]),
            STRING => {
                let text = subject.memory().read_cstr(addr, &mut self.data[..size])?;
                return Ok(text.to_bytes().len());
            }
            SYSCALL => {
                let info = subject.syscall()?;
                self.abi.arch = info.arch;
                self.abi.ip = info.ip as u64;
                self.abi.sp = info.sp as u64;
                self.phase(info.phase);
            }
            SET_SYSCALL => {
                let args = self.abi.args.map(|arg| arg as usize);
                subject.set_syscall(self.abi.nr as isize, &args)?
            }
            SET_RESULT => subject.set_syscall_result(self.abi.result as isize)?,
            _ => {}
        }
        Ok(0)
    }

    fn phase(&mut self, phase: Phase) {
        match phase {
            Phase::None => self.abi.phase = 0,
            Phase::Entry { nr, args } => {
                self.abi.phase = 1;
                self.abi.nr = nr as i64;
                self.abi.args = args.map(|arg| arg as u64);
            }
            Phase::Exit {
                nr,
                result,
                is_error,
            } => {
                self.abi.phase = 2;
                self.abi.nr = nr as i64;
                self.abi.result = result as i64;
                self.abi.is_error = u32::from(is_error);
            }
        }
    }

    /// From outside: prepare, the operation, finish.
    fn outside(&mut self, session: &Session, engine: &EngineRef) {
        let flags = self.abi.flags;
        let index = self.abi.engine as usize;
        let guard = match engine.examine() {
            Ok(guard) => guard,
            Err(err) => {
                self.abi.prepare = err.to_errno();
                return;
            }
        };
        self.abi.prepare = 0;
        if flags & HOLD_BEFORE != 0 {
            session.0.hold(index, abi::IN_EXAMINE);
        }
        match self.abi.op {
            SKIP => {
                let result = guard.skip_syscall(self.abi.result as isize);
                self.abi.done = count(result.map(|()| 0));
            }
            _ => self.perform(&guard),
        }
        if flags & HOLD_AFTER != 0 {
            session.0.hold(index, abi::IN_EXAMINE);
        }
        self.abi.finish = guard.finish().map_or_else(|err| err.to_errno(), |()| 0);
    }
}

impl Session {
    pub(crate) fn examine(&self, abi: &mut Examine) -> Result {
        let engine = self.0.engine(abi.engine)?;
        let mut request = Request::new(abi)?;
        if abi.flags & IN_CALLBACK != 0 {
            let request = KBox::new(request, GFP_KERNEL)?;
            self.0.state.lock().slots[abi.engine as usize].examine = Some(request);
            return Ok(());
        }
        request.outside(self, &engine);
        request.finish(abi)
    }

    /// Waits for what the callback found.
    pub(crate) fn examined(&self, abi: &mut Examine) -> Result {
        let index = abi.engine as usize;
        let request = self.0.wait(20_000, |state| {
            let place = &mut state.slots.get_mut(index)?.examine;
            if place.as_ref()?.finished {
                place.take()
            } else {
                None
            }
        })?;
        request.finish(abi)
    }
}

impl Probe {
    /// In a callback: what was left to be done there.
    pub(crate) fn examine(&self, answer: &Answer, subject: &Subject<'_>) {
        if answer
            .script
            .is_none_or(|script| script.flags & abi::F_EXAMINE == 0)
        {
            return;
        }
        let mut state = self.shared.state.lock();
        let Some(mut request) = state.slots[self.index].examine.take() else {
            return;
        };
        drop(state);
        request.perform(subject);
        request.finished = true;
        self.shared.state.lock().slots[self.index].examine = Some(request);
        self.shared.changed.notify_all();
    }
}
