// SPDX-License-Identifier: GPL-2.0

//! The structures and numbers of `utrace_test.h`.

use kernel::{
    ioctl::{
        _IOW,
        _IOWR, //
    },
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    }, //
};
use utrace::{
    Action,
    Control, //
};

pub(crate) const F_ABORT: u32 = 1 << 0;
pub(crate) const F_RESULT: u32 = 1 << 1;
pub(crate) const F_NR: u32 = 1 << 2;
pub(crate) const F_ARGS: u32 = 1 << 3;
pub(crate) const F_RESUME_TICKET: u32 = 1 << 4;
pub(crate) const F_RESUME_PLAIN: u32 = 1 << 5;
pub(crate) const F_HOLD_CALLBACK: u32 = 1 << 6;
pub(crate) const F_HOLD_RETURNED: u32 = 1 << 7;
pub(crate) const F_HOLD_BEFORE_PARK: u32 = 1 << 8;
pub(crate) const F_RESUME_TIMER: u32 = 1 << 9;
pub(crate) const F_FOLLOW: u32 = 1 << 10;
pub(crate) const F_STOP_CHILD: u32 = 1 << 11;
pub(crate) const F_DROP_SELF: u32 = 1 << 12;
pub(crate) const F_ATTACH_PEER: u32 = 1 << 13;
pub(crate) const F_DEFAULT: u32 = 1 << 14;
pub(crate) const F_DISPOSITION: u32 = 1 << 16;
pub(crate) const F_QUIET: u32 = 1 << 15;
pub(crate) const F_PAUSE: u32 = 1 << 17;
pub(crate) const F_SIGNAL: u32 = 1 << 18;

/// The rounds, as events.
pub(crate) const ROUND_REPORT: u32 = 1 << 28;
/// As above.
pub(crate) const ROUND_HANDLER: u32 = 1 << 29;

/// [`F_SIGNAL`]: what `args` hold.
pub(crate) const S_NUMBER: usize = 0;
pub(crate) const S_CODE: usize = 1;
pub(crate) const S_VALUE: usize = 2;
pub(crate) const S_ADDRESS: usize = 3;
pub(crate) const S_HANDLER: usize = 4;
pub(crate) const S_DEFAULT: u64 = 1 << 63;

pub(crate) const F_HOLD_NEXT: u32 = 1 << 23;
pub(crate) const F_EXAMINE: u32 = 1 << 24;
pub(crate) const F_WANT_EXIT: u32 = 1 << 25;

pub(crate) const IN_CALLBACK: u32 = 1;
pub(crate) const IN_RETURNED: u32 = 2;
pub(crate) const IN_BEFORE_PARK: u32 = 3;
pub(crate) const IN_BEFORE_CALLBACK: u32 = 5;
pub(crate) const IN_EXAMINE: u32 = 4;

/// Not named by the kernel crate of 7.2.
pub(crate) fn etime() -> Error {
    Error::from_errno(-(kernel::bindings::ETIME as c_int))
}

/// [`Script::times`] inside the module.
pub(crate) const FOR_EVER: u32 = u32::MAX;
/// As above.
pub(crate) const USED_UP: u32 = u32::MAX - 1;

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Attach {
    pub(crate) pid: i32,
    pub(crate) events: u32,
    pub(crate) exclusive: u32,
    pub(crate) matching: u32,
    pub(crate) engine: u32,
    pub(crate) checked: u32,
    pub(crate) calls: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Script {
    pub(crate) engine: u32,
    pub(crate) event: u32,
    pub(crate) action: u32,
    pub(crate) flags: u32,
    pub(crate) nr: i32,
    pub(crate) new_nr: i32,
    pub(crate) times: u32,
    pub(crate) delay_us: u32,
    pub(crate) result: i64,
    pub(crate) args: [u64; 6],
}

impl Script {
    pub(crate) fn action(&self) -> Action {
        match (self.times, self.action) {
            (0, _) => Action::Resume,
            (_, 0) if self.flags & F_PAUSE != 0 => Action::Pause,
            (_, 0) => Action::Stop,
            (_, 1) => Action::Interrupt,
            (_, 2) => Action::Report,
            (_, 3) => Action::SingleStep,
            (_, 4) => Action::BlockStep,
            (_, 6) => Action::Detach,
            _ => Action::Resume,
        }
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Op {
    pub(crate) engine: u32,
    pub(crate) value: u32,
    pub(crate) ticket: u64,
    pub(crate) found: u32,
    pub(crate) timeout_ms: u32,
}

impl Op {
    pub(crate) fn control(&self) -> Result<Control> {
        Ok(match self.value {
            0 => Control::Stop,
            1 => Control::Interrupt,
            2 => Control::Report,
            3 => Control::SingleStep,
            4 => Control::BlockStep,
            5 => Control::Resume,
            6 => Control::Detach,
            _ => return Err(EINVAL),
        })
    }
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Event {
    pub(crate) seq: u64,
    pub(crate) engine: u32,
    pub(crate) event: u32,
    pub(crate) tid: i32,
    pub(crate) nr: i32,
    pub(crate) ticket: u64,
    pub(crate) result: i64,
    pub(crate) args: [u64; 6],
    pub(crate) child: i32,
    pub(crate) child_engine: u32,
    pub(crate) resumed: u32,
    pub(crate) aborted: u32,
    pub(crate) quiesce_for: u32,
    pub(crate) timeout_ms: u32,
    pub(crate) inside: i32,
    pub(crate) arch: u32,
}

impl Event {
    pub(crate) fn new(event: u32) -> Self {
        Event {
            event,
            nr: -1,
            ..Default::default()
        }
    }
}

macro_rules! plain {
    ($($name:ident)*) => {$(
        // SAFETY: Integers only, any value of them, without padding.
        unsafe impl FromBytes for $name {}
        // SAFETY: As above.
        unsafe impl AsBytes for $name {}
    )*};
}
plain!(Attach Script Op Event);

const U: u32 = 'u' as u32;

pub(crate) const ATTACH: u32 = _IOWR::<Attach>(U, 1);
pub(crate) const SCRIPT: u32 = _IOW::<Script>(U, 2);
pub(crate) const CONTROL: u32 = _IOWR::<Op>(U, 3);
pub(crate) const SET_EVENTS: u32 = _IOWR::<Op>(U, 4);
pub(crate) const STOP_OP: u32 = _IOWR::<Op>(U, 5);
pub(crate) const RESUME_OP: u32 = _IOWR::<Op>(U, 6);
pub(crate) const BARRIER: u32 = _IOWR::<Op>(U, 7);
pub(crate) const DROP: u32 = _IOWR::<Op>(U, 8);
pub(crate) const NEXT: u32 = _IOWR::<Event>(U, 9);
pub(crate) const WAIT_HELD: u32 = _IOWR::<Op>(U, 10);
pub(crate) const GO: u32 = _IOWR::<Op>(U, 11);
pub(crate) const FIND: u32 = _IOWR::<Attach>(U, 12);
pub(crate) const FAIL_ATTACH: u32 = _IOWR::<Op>(U, 13);
pub(crate) const COUNT: u32 = _IOWR::<Op>(U, 14);
pub(crate) const CALLS: u32 = _IOWR::<Op>(U, 15);
pub(crate) const STEPS: u32 = _IOWR::<Op>(U, 60);
