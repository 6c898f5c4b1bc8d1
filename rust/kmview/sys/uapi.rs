// SPDX-License-Identifier: GPL-2.0

//! The numbers of `include/uapi/linux/kmview.h`, in the types in which they are used.

use super::bindings as b;

pub(crate) const IOC: u32 = b::KMVIEW_IOC;

pub(crate) const VERSION: u32 = b::KMVIEW_VERSION;

/// What this module implements.
pub(crate) const FEATURES: u64 = FEATURE_CONTROL
    | FEATURE_MEMORY
    | FEATURE_EVENTS
    | FEATURE_SNAPSHOT
    | FEATURE_FDS
    | FEATURE_ROUTE
    | FEATURE_OBSERVE
    | FEATURE_FD_FILTER
    | FEATURE_PATH_FILTER
    | FEATURE_COUNT;

const FEATURE_CONTROL: u64 = 1 << 0;
const FEATURE_MEMORY: u64 = 1 << 1;
const FEATURE_EVENTS: u64 = 1 << 2;
const FEATURE_SNAPSHOT: u64 = 1 << 3;
const FEATURE_FDS: u64 = 1 << 4;
const FEATURE_ROUTE: u64 = 1 << 5;
const FEATURE_OBSERVE: u64 = 1 << 6;
const FEATURE_FD_FILTER: u64 = 1 << 7;
const FEATURE_PATH_FILTER: u64 = 1 << 8;
const FEATURE_COUNT: u64 = 1 << 9;

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Kind {
    /// The thread is in the session now.
    New = b::KMVIEW_EVENT_NEW as u16,
    /// It no longer is.
    End = b::KMVIEW_EVENT_END as u16,
    /// Before a system call.
    Entry = b::KMVIEW_EVENT_ENTRY as u16,
    /// After a system call.
    Return = b::KMVIEW_EVENT_RETURN as u16,
    /// A program has been loaded.
    Exec = b::KMVIEW_EVENT_EXEC as u16,
    /// A signal is about to act.
    Signal = b::KMVIEW_EVENT_SIGNAL as u16,
    /// The thread begins to exit.
    Exit = b::KMVIEW_EVENT_EXIT as u16,
}

impl Kind {
    pub(crate) const fn bit(self) -> u32 {
        1 << self as u16
    }
}

/// `KMVIEW_MASK()` of every kind.
pub(crate) const ALL_KINDS: u32 = Kind::New.bit()
    | Kind::End.bit()
    | Kind::Entry.bit()
    | Kind::Return.bit()
    | Kind::Exec.bit()
    | Kind::Signal.bit()
    | Kind::Exit.bit();

/// The kinds that [`b::kmview_events`] may have wait.
pub(crate) const MAY_WAIT: u32 =
    Kind::New.bit() | Kind::Exec.bit() | Kind::Signal.bit() | Kind::Exit.bit();

/// And those that it may have recorded.
pub(crate) const MAY_RECORD: u32 = MAY_WAIT | Kind::End.bit();

pub(crate) const ABORTED: u16 = 1 << 0;
pub(crate) const BY_ATTACH: u16 = 1 << 1;
pub(crate) const BY_ADOPT: u16 = 1 << 2;
pub(crate) const BY_CLONE: u16 = 1 << 3;
pub(crate) const OUT_OF_REACH: u16 = 1 << 4;
pub(crate) const GROUP_DEAD: u16 = 1 << 5;

pub(crate) const RUN: u32 = b::KMVIEW_RUN;
pub(crate) const SKIP: u32 = b::KMVIEW_SKIP;
pub(crate) const DETACH: u32 = b::KMVIEW_DETACH;
pub(crate) const DETACH_ALL: u32 = b::KMVIEW_DETACH_ALL;

pub(crate) const SET_NR: u32 = 1 << 0;
pub(crate) const SET_ARGS: u32 = 1 << 1;
pub(crate) const SET_RESULT: u32 = 1 << 2;
pub(crate) const WANT_RETURN: u32 = 1 << 3;
pub(crate) const NO_RETURN: u32 = 1 << 4;

pub(crate) const ADOPT_CHILDREN: u32 = b::KMVIEW_ADOPT_CHILDREN;
pub(crate) const ADOPT_SELF: u32 = b::KMVIEW_ADOPT_SELF;
pub(crate) const ADOPT_NONE: u32 = b::KMVIEW_ADOPT_NONE;

pub(crate) const ATTACH_PROCESS: u32 = 1 << 0;
pub(crate) const ATTACH_INTERRUPT: u32 = 1 << 1;

pub(crate) const SET_COOKIE: u32 = 1 << 0;
pub(crate) const SET_QUEUE: u32 = 1 << 1;

pub(crate) const AT_CLOSE_DETACH: u32 = b::KMVIEW_AT_CLOSE_DETACH;
pub(crate) const AT_CLOSE_FAIL: u32 = b::KMVIEW_AT_CLOSE_FAIL;
pub(crate) const AT_CLOSE_KILL: u32 = b::KMVIEW_AT_CLOSE_KILL;

pub(crate) const FOLLOW_THREADS: u32 = 1 << 0;
pub(crate) const FOLLOW_PROCESSES: u32 = 1 << 1;

pub(crate) const CALLS_ENTRY: u32 = b::KMVIEW_CALLS_ENTRY;
pub(crate) const CALLS_RETURN: u32 = b::KMVIEW_CALLS_RETURN;
pub(crate) const CALLS_RECORD_ENTRY: u32 = b::KMVIEW_CALLS_RECORD_ENTRY;
pub(crate) const CALLS_RECORD_RETURN: u32 = b::KMVIEW_CALLS_RECORD_RETURN;
pub(crate) const CALLS_FD: u32 = b::KMVIEW_CALLS_FD;
pub(crate) const CALLS_PATH: u32 = b::KMVIEW_CALLS_PATH;
pub(crate) const CALLS_COUNT: u32 = b::KMVIEW_CALLS_COUNT;
pub(crate) const CALLS_OTHERS: u32 = 1 << 0;

pub(crate) const FDS_ADD: u32 = b::KMVIEW_FDS_ADD;
pub(crate) const FDS_REMOVE: u32 = b::KMVIEW_FDS_REMOVE;
pub(crate) const FDS_CLEAR: u32 = b::KMVIEW_FDS_CLEAR;

pub(crate) const MEMORY_READ: u32 = b::KMVIEW_MEMORY_READ;
pub(crate) const MEMORY_WRITE: u32 = b::KMVIEW_MEMORY_WRITE;
pub(crate) const MEMORY_STRING: u32 = b::KMVIEW_MEMORY_STRING;
pub(crate) const MEMORY_MAX: u64 = 1 << 20;

pub(crate) const SNAPSHOT_STRING: u32 = b::KMVIEW_SNAPSHOT_STRING;
pub(crate) const SNAPSHOT_BUFFER: u32 = b::KMVIEW_SNAPSHOT_BUFFER;
pub(crate) const SNAPSHOT_GIVE: u32 = 1 << 0;
pub(crate) const SNAPSHOT_MAX: u32 = b::KMVIEW_SNAPSHOT_MAX;

pub(crate) const FD_CLOEXEC: u32 = 1 << 0;
pub(crate) const FD_AT: u32 = 1 << 1;

pub(crate) const RING_LOSSY: u32 = 1 << 0;
pub(crate) const RING_MIN: u64 = 64 << 10;
pub(crate) const RING_MAX: u64 = 256 << 20;

pub(crate) const DATA_FAULT: u16 = 1 << 0;
pub(crate) const DATA_CUT: u16 = 1 << 1;

pub(crate) const COPY_NONE: u8 = b::KMVIEW_COPY_NONE as u8;
pub(crate) const COPY_STRING: u8 = b::KMVIEW_COPY_STRING as u8;
pub(crate) const COPY_BUFFER: u8 = b::KMVIEW_COPY_BUFFER as u8;
pub(crate) const COPY_STRINGS: u8 = b::KMVIEW_COPY_STRINGS as u8;
pub(crate) const COPY_MAX: u32 = b::KMVIEW_COPY_MAX;
pub(crate) const LEN_MAX: u8 = b::KMVIEW_LEN_MAX as u8;
pub(crate) const LEN_RESULT: u8 = b::KMVIEW_LEN_RESULT as u8;

/// The numbers of the ioctls.
pub(crate) mod nr {
    use super::b;

    pub(crate) const INFO: u32 = b::KMVIEW_NR_INFO;
    pub(crate) const SET_OPTIONS: u32 = b::KMVIEW_NR_SET_OPTIONS;
    pub(crate) const SET_CALLS: u32 = b::KMVIEW_NR_SET_CALLS;
    pub(crate) const SET_EVENTS: u32 = b::KMVIEW_NR_SET_EVENTS;
    pub(crate) const ADOPT: u32 = b::KMVIEW_NR_ADOPT;
    pub(crate) const ATTACH: u32 = b::KMVIEW_NR_ATTACH;
    pub(crate) const DETACH_THREAD: u32 = b::KMVIEW_NR_DETACH_THREAD;
    pub(crate) const SET_THREAD: u32 = b::KMVIEW_NR_SET_THREAD;
    pub(crate) const JOIN: u32 = b::KMVIEW_NR_JOIN;
    pub(crate) const ANSWER: u32 = b::KMVIEW_NR_ANSWER;
    pub(crate) const EXCHANGE: u32 = b::KMVIEW_NR_EXCHANGE;
    pub(crate) const MEMORY: u32 = b::KMVIEW_NR_MEMORY;
    pub(crate) const SNAPSHOT: u32 = b::KMVIEW_NR_SNAPSHOT;
    pub(crate) const PUT_FD: u32 = b::KMVIEW_NR_PUT_FD;
    pub(crate) const CLOSE_FD: u32 = b::KMVIEW_NR_CLOSE_FD;
    pub(crate) const SET_FDS: u32 = b::KMVIEW_NR_SET_FDS;
    pub(crate) const SET_PATHS: u32 = b::KMVIEW_NR_SET_PATHS;
    pub(crate) const RING: u32 = b::KMVIEW_NR_RING;
    pub(crate) const RING_DONE: u32 = b::KMVIEW_NR_RING_DONE;
    pub(crate) const SET_COPY: u32 = b::KMVIEW_NR_SET_COPY;
    pub(crate) const COUNTS: u32 = b::KMVIEW_NR_COUNTS;
    pub(crate) const LAST: u32 = b::KMVIEW_NR_COUNTS;
}
