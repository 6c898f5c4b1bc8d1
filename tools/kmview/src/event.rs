// SPDX-License-Identifier: GPL-2.0

//! Events.

use super::abi;

/// Names one event on which a thread waits. Never used again: with a ticket that is over, every
/// operation fails with [`Error::Stale`](crate::Error::Stale) and does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Names a thread in its session. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ThreadId(pub u64);

/// The architecture of a system call, or of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arch {
    /// x86-64, x32 included.
    X86_64,
    /// The 32-bit calls of x86.
    I386,
    /// Another `AUDIT_ARCH_*`.
    Other(u32),
}

/// Something that happened to a thread.
#[derive(Clone, Debug)]
pub struct Event {
    /// If the thread waits: what to answer with.
    pub ticket: Option<Ticket>,
    /// The thread.
    pub thread: ThreadId,
    /// What the session has set for the thread, or for the one that made it.
    pub cookie: u64,
    /// Its number in the pid namespace of who opened the session; 0 if it is not in it.
    pub tid: i32,
    /// That of its process.
    pub pid: i32,
    /// Of the system call, or of a loaded program.
    pub arch: Arch,
    /// The instruction pointer.
    pub ip: u64,
    /// The stack pointer.
    pub sp: u64,
    /// `CLOCK_MONOTONIC`, in nanoseconds: of records; 0 in events that wait.
    pub time: u64,
    /// What happened.
    pub kind: Kind,
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Kind {
    /// The thread is in the session now.
    New(Created),
    /// It no longer is.
    End {
        /// As from wait(2), if it is known.
        status: i32,
        /// It lives, but has more rights than the session's owner: see the header.
        out_of_reach: bool,
        /// It was the last thread of its process.
        group_dead: bool,
    },
    /// It is about to make a system call.
    Entry(Entry),
    /// It has made one.
    Return(Return),
    /// It has loaded a program.
    Exec {
        /// Its number before, another one if it was not its process's first thread.
        former_tid: i32,
    },
    /// A signal is about to act on it.
    Signal(Signal),
    /// It begins to exit.
    Exit {
        /// As from wait(2).
        status: i32,
    },
    /// Of a kernel that is newer than this crate.
    Unknown(u16),
}

/// How a thread came into the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By [`Session::attach`](crate::Session::attach).
    Attach,
    /// By adoption.
    Adopt,
    /// A thread of the session made it.
    Clone,
}

/// A new thread in the session.
#[derive(Clone, Debug)]
pub struct Created {
    /// The thread that made it, if that is in the session.
    pub parent: Option<ThreadId>,
    /// `CLONE_*`.
    pub clone_flags: u64,
    /// How it came here.
    pub origin: Origin,
}

/// A system call that is about to be made.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number.
    pub nr: i64,
    /// Its arguments; those of 32-bit calls zero-extended.
    pub args: [u64; 6],
    /// Another session skips it already.
    pub aborted: bool,
}

/// A system call that was made.
#[derive(Clone, Debug)]
pub struct Return {
    /// Its number, as it was made; none: it was skipped.
    pub nr: Option<i64>,
    /// Its result, or a negative errno.
    pub result: i64,
    /// It is an errno.
    pub is_error: bool,
}

impl Return {
    /// The errno, if it failed.
    pub fn errno(&self) -> Option<i32> {
        self.is_error.then_some(-self.result as i32)
    }
}

/// A signal.
#[derive(Clone, Debug)]
pub struct Signal {
    /// Its number.
    pub number: i32,
    /// `si_code`.
    pub code: i32,
    /// Its sender, if it has one.
    pub pid: i32,
    /// Its sender's user.
    pub uid: u32,
    /// The address of a fault.
    pub address: u64,
    /// The value that sigqueue(3) gave.
    pub value: u64,
}

const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
const AUDIT_ARCH_I386: u32 = 0x4000_0003;

impl From<u32> for Arch {
    fn from(audit: u32) -> Self {
        match audit {
            AUDIT_ARCH_X86_64 => Arch::X86_64,
            AUDIT_ARCH_I386 => Arch::I386,
            other => Arch::Other(other),
        }
    }
}

impl From<&abi::Event> for Event {
    fn from(raw: &abi::Event) -> Self {
        Event {
            ticket: (raw.ticket != 0).then_some(Ticket(raw.ticket)),
            thread: ThreadId(raw.thread),
            cookie: raw.cookie,
            tid: raw.tid,
            pid: raw.pid,
            arch: raw.arch.into(),
            ip: raw.ip,
            sp: raw.sp,
            time: raw.time,
            kind: kind(raw),
        }
    }
}

fn low(word: u64) -> i32 {
    word as u32 as i32
}

fn high(word: u64) -> i32 {
    (word >> 32) as u32 as i32
}

fn kind(raw: &abi::Event) -> Kind {
    let w = &raw.words;
    let has = |flag| raw.flags & flag != 0;
    match raw.kind {
        abi::EVENT_NEW => Kind::New(Created {
            parent: (w[0] != 0).then_some(ThreadId(w[0])),
            clone_flags: w[1],
            origin: if has(abi::BY_ATTACH) {
                Origin::Attach
            } else if has(abi::BY_ADOPT) {
                Origin::Adopt
            } else {
                Origin::Clone
            },
        }),
        abi::EVENT_END => Kind::End {
            status: low(w[0]),
            out_of_reach: has(abi::OUT_OF_REACH),
            group_dead: has(abi::GROUP_DEAD),
        },
        abi::EVENT_ENTRY => Kind::Entry(Entry {
            nr: w[0] as i64,
            args: [w[1], w[2], w[3], w[4], w[5], w[6]],
            aborted: has(abi::ABORTED),
        }),
        abi::EVENT_RETURN => Kind::Return(Return {
            nr: (w[0] as i64 != -1).then_some(w[0] as i64),
            result: w[1] as i64,
            is_error: low(w[2]) != 0,
        }),
        abi::EVENT_EXEC => Kind::Exec {
            former_tid: low(w[0]),
        },
        abi::EVENT_SIGNAL => Kind::Signal(Signal {
            number: low(w[0]),
            code: high(w[0]),
            pid: low(w[1]),
            uid: high(w[1]) as u32,
            address: w[2],
            value: w[3],
        }),
        abi::EVENT_EXIT => Kind::Exit { status: low(w[0]) },
        other => Kind::Unknown(other),
    }
}
