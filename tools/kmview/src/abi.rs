// SPDX-License-Identifier: GPL-2.0

//! The structures and numbers of `include/uapi/linux/kmview.h`, under its names.
//!
//! That header says what they mean. A test compares every size, offset and number with what a C
//! compiler makes of it (`cargo run --example layout`).

#![allow(missing_docs)]

pub const VERSION: u32 = 1;

pub const FEATURE_CONTROL: u64 = 1 << 0;
pub const FEATURE_MEMORY: u64 = 1 << 1;
pub const FEATURE_EVENTS: u64 = 1 << 2;
pub const FEATURE_SNAPSHOT: u64 = 1 << 3;
pub const FEATURE_FDS: u64 = 1 << 4;
pub const FEATURE_ROUTE: u64 = 1 << 5;
pub const FEATURE_OBSERVE: u64 = 1 << 6;
pub const FEATURE_FD_FILTER: u64 = 1 << 7;
pub const FEATURE_PATH_FILTER: u64 = 1 << 8;
pub const FEATURE_COUNT: u64 = 1 << 9;

pub const EVENT_NEW: u16 = 1;
pub const EVENT_END: u16 = 2;
pub const EVENT_ENTRY: u16 = 3;
pub const EVENT_RETURN: u16 = 4;
pub const EVENT_EXEC: u16 = 5;
pub const EVENT_SIGNAL: u16 = 6;
pub const EVENT_EXIT: u16 = 7;

pub const ABORTED: u16 = 1 << 0;
pub const BY_ATTACH: u16 = 1 << 1;
pub const BY_ADOPT: u16 = 1 << 2;
pub const BY_CLONE: u16 = 1 << 3;
pub const OUT_OF_REACH: u16 = 1 << 4;
pub const GROUP_DEAD: u16 = 1 << 5;

pub const EVENT_SIZE: usize = 128;

pub const RUN: u32 = 0;
pub const SKIP: u32 = 1;
pub const DETACH: u32 = 2;
pub const DETACH_ALL: u32 = 3;

pub const SET_NR: u32 = 1 << 0;
pub const SET_ARGS: u32 = 1 << 1;
pub const SET_RESULT: u32 = 1 << 2;
pub const WANT_RETURN: u32 = 1 << 3;
pub const NO_RETURN: u32 = 1 << 4;

pub const ADOPT_CHILDREN: u32 = 1;
pub const ADOPT_SELF: u32 = 2;
pub const ADOPT_NONE: u32 = 3;

pub const ATTACH_PROCESS: u32 = 1 << 0;
pub const ATTACH_INTERRUPT: u32 = 1 << 1;

pub const SET_COOKIE: u32 = 1 << 0;
pub const SET_QUEUE: u32 = 1 << 1;

pub const AT_CLOSE_DETACH: u32 = 0;
pub const AT_CLOSE_FAIL: u32 = 1;
pub const AT_CLOSE_KILL: u32 = 2;

pub const FOLLOW_THREADS: u32 = 1 << 0;
pub const FOLLOW_PROCESSES: u32 = 1 << 1;

pub const ABI_NATIVE: u32 = 0;
pub const ABI_COMPAT: u32 = 1;

pub const CALLS_ENTRY: u32 = 1;
pub const CALLS_RETURN: u32 = 2;
pub const CALLS_RECORD_ENTRY: u32 = 3;
pub const CALLS_RECORD_RETURN: u32 = 4;
pub const CALLS_FD: u32 = 5;
pub const CALLS_PATH: u32 = 6;
pub const CALLS_COUNT: u32 = 7;

pub const CALLS_OTHERS: u32 = 1 << 0;

pub const FDS_ADD: u32 = 1;
pub const FDS_REMOVE: u32 = 2;
pub const FDS_CLEAR: u32 = 3;

pub const MEMORY_READ: u32 = 1;
pub const MEMORY_WRITE: u32 = 2;
pub const MEMORY_STRING: u32 = 3;
pub const MEMORY_MAX: usize = 1 << 20;

pub const SNAPSHOT_STRING: u32 = 1;
pub const SNAPSHOT_BUFFER: u32 = 2;
pub const SNAPSHOT_GIVE: u32 = 1 << 0;
pub const SNAPSHOT_MAX: usize = 4096;

pub const FD_CLOEXEC: u32 = 1 << 0;
pub const FD_AT: u32 = 1 << 1;

pub const RING_LOSSY: u32 = 1 << 0;

pub const DATA_FAULT: u16 = 1 << 0;
pub const DATA_CUT: u16 = 1 << 1;

pub const COPY_NONE: u8 = 0;
pub const COPY_STRING: u8 = 1;
pub const COPY_BUFFER: u8 = 2;
pub const COPY_STRINGS: u8 = 3;
pub const LEN_MAX: u8 = 0xff;
pub const LEN_RESULT: u8 = 0xfe;
pub const COPY_MAX: u32 = 4096;

macro_rules! structures {
    ($($(#[$meta:meta])* struct $name:ident { $($field:ident: $type:ty,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, Default)]
            #[repr(C, align(8))]
            pub struct $name {
                $(pub $field: $type,)*
            }
        )*

        /// Prints the layout, a line for each structure and each of its fields.
        pub fn print_structures() {
            $(
                println!("{} {}", stringify!($name), size_of::<$name>());
                $(
                    println!(
                        "{}.{} {}",
                        stringify!($name),
                        stringify!($field),
                        std::mem::offset_of!($name, $field)
                    );
                )*
            )*
        }
    };
}

structures! {
    struct Info {
        version: u32,
        event_size: u32,
        features: u64,
        max_calls: u32,
        max_batch: u32,
        events: u64,
    }

    struct Event {
        ticket: u64,
        thread: u64,
        cookie: u64,
        tid: i32,
        pid: i32,
        kind: u16,
        flags: u16,
        arch: u32,
        ip: u64,
        sp: u64,
        time: u64,
        words: [u64; 8],
    }

    struct Answer {
        ticket: u64,
        action: u32,
        flags: u32,
        nr: i64,
        args: [u64; 6],
        result: i64,
        error: i32,
        reserved: u32,
    }

    struct Exchange {
        answers: u64,
        nr_answers: u32,
        answer_size: u32,
        events: u64,
        max_events: u32,
        event_size: u32,
        timeout: i64,
        nr_failed: u32,
        flags: u32,
    }

    struct Thread {
        thread: u64,
    }

    struct SetThread {
        thread: u64,
        cookie: u64,
        fd: i32,
        flags: u32,
    }

    struct Fds {
        thread: u64,
        op: u32,
        fd: i32,
    }

    struct Paths {
        paths: u64,
        size: u32,
        flags: u32,
    }

    struct Calls {
        what: u32,
        abi: u32,
        bitmap: u64,
        bits: u32,
        flags: u32,
    }

    struct Events {
        wait: u32,
        record: u32,
        wait_signals: u64,
        record_signals: u64,
    }

    struct Batch {
        items: u64,
        count: u32,
        item_size: u32,
    }

    struct Memory {
        ticket: u64,
        address: u64,
        buffer: u64,
        len: u64,
        op: u32,
        flags: u32,
        result: i64,
    }

    struct Snapshot {
        ticket: u64,
        arg: u32,
        r#type: u32,
        buffer: u64,
        len: u32,
        flags: u32,
    }

    struct Fd {
        ticket: u64,
        fd: i32,
        target: i32,
        flags: u32,
        reserved: u32,
    }

    struct Attach {
        pid: i32,
        flags: u32,
        thread: u64,
    }

    struct RingSetup {
        size: u64,
        flags: u32,
        wake: u32,
    }

    struct Record {
        size: u32,
        nr_data: u32,
        event: Event,
    }
}

macro_rules! small_structures {
    ($($(#[$meta:meta])* struct $name:ident { $($field:ident: $type:ty,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, Default)]
            #[repr(C)]
            pub struct $name {
                $(pub $field: $type,)*
            }
        )*

        /// Prints the layout of those without 64-bit fields.
        pub fn print_small_structures() {
            $(
                println!("{} {}", stringify!($name), size_of::<$name>());
                $(
                    println!(
                        "{}.{} {}",
                        stringify!($name),
                        stringify!($field),
                        std::mem::offset_of!($name, $field)
                    );
                )*
            )*
        }
    };
}

small_structures! {
    struct Adopt {
        what: u32,
        count: u32,
        flags: u32,
        reserved: u32,
    }

    struct Join {
        fd: i32,
        flags: u32,
    }

    struct Options {
        at_close: u32,
        at_close_errno: i32,
        follow: u32,
        flags: u32,
    }

    struct Data {
        len: u32,
        arg: u8,
        r#type: u8,
        flags: u16,
    }

    struct CopyArg {
        abi: u32,
        nr: u32,
        arg: u8,
        r#type: u8,
        at_return: u8,
        len_arg: u8,
        max: u32,
    }

    struct Counts {
        abi: u32,
        first: u32,
        counts: u64,
        nr_counts: u32,
        count_size: u32,
        flags: u32,
        reserved: u32,
    }

    struct Count {
        calls: u64,
        returns: u64,
        errors: u64,
        time: u64,
        longest: u64,
    }
}

/// The first page of a ring. Other parties write it: to be touched as atomics only.
#[repr(C)]
pub struct Ring {
    pub head: std::sync::atomic::AtomicU64,
    pub lost: std::sync::atomic::AtomicU64,
    pub waiting: std::sync::atomic::AtomicU64,
    pub size: std::sync::atomic::AtomicU64,
    pub reserved: [u64; 4],
    pub tail: std::sync::atomic::AtomicU64,
}

const IOC: u32 = 0xeb;
const NONE: u32 = 0;
const WRITE: u32 = 1;
const READ: u32 = 2;

const fn ioc<T>(direction: u32, number: u32) -> u32 {
    (direction << 30) | ((size_of::<T>() as u32) << 16) | (IOC << 8) | number
}

macro_rules! ioctls {
    ($($name:ident = $direction:expr, $number:expr, $type:ty;)*) => {
        $(pub const $name: u32 = ioc::<$type>($direction, $number);)*

        /// Prints the numbers of the ioctls.
        pub fn print_ioctls() {
            $(println!("{} {}", stringify!($name), $name);)*
        }
    };
}

ioctls! {
    INFO = READ, 0x00, Info;
    SET_OPTIONS = WRITE, 0x01, Options;
    SET_CALLS = WRITE, 0x02, Calls;
    SET_EVENTS = WRITE, 0x03, Events;
    ADOPT = WRITE, 0x04, Adopt;
    ATTACH = READ | WRITE, 0x05, Attach;
    DETACH_THREAD = WRITE, 0x06, Thread;
    SET_THREAD = WRITE, 0x07, SetThread;
    JOIN = WRITE, 0x08, Join;
    ANSWER = WRITE, 0x09, Answer;
    EXCHANGE = READ | WRITE, 0x0a, Exchange;
    MEMORY = WRITE, 0x0b, Batch;
    SNAPSHOT = WRITE, 0x0c, Snapshot;
    PUT_FD = WRITE, 0x0d, Fd;
    CLOSE_FD = WRITE, 0x0e, Fd;
    SET_FDS = WRITE, 0x0f, Fds;
    SET_PATHS = WRITE, 0x10, Paths;
    RING = WRITE, 0x11, RingSetup;
    RING_DONE = NONE, 0x12, ();
    SET_COPY = WRITE, 0x13, Batch;
    COUNTS = WRITE, 0x14, Counts;
}

/// Prints everything, as the test that compares it with C wants it.
pub fn print_layout() {
    print_structures();
    print_small_structures();
    print_ioctls();
}
