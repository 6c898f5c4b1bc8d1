// SPDX-License-Identifier: GPL-2.0

//! Sets of events.

use crate::core::event::{
    self,
    Event, //
};
use core::ops::{
    BitOr,
    Sub, //
};

/// A set of events, as the historic event mask with its `UTRACE_EVENT(x)` bits.
///
/// # Examples
///
/// ```
/// use utrace::EventSet;
///
/// let calls = EventSet::SYSCALL_ENTRY | EventSet::SYSCALL_EXIT;
/// assert!(calls.contains(EventSet::SYSCALL_EXIT));
/// assert_eq!(calls - EventSet::SYSCALL_EXIT, EventSet::SYSCALL_ENTRY);
/// assert_eq!(EventSet::from_bits(calls.bits()), calls);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSet(u32);

impl EventSet {
    /// No event: the engine sits there and does nothing.
    pub const NONE: EventSet = EventSet(0);
    /// `QUIESCE`: before each other report, and before user mode when a report was asked for.
    pub const QUIESCE: EventSet = EventSet::one(Event::Quiesce);
    /// `REAP`: the thread's parent, or whoever else, has let go of it.
    pub const REAP: EventSet = EventSet::one(Event::Reap);
    /// `CLONE`: a thread or process has been made and does not run yet.
    pub const CLONE: EventSet = EventSet::one(Event::Clone);
    /// `EXEC`: a new program has been loaded.
    pub const EXEC: EventSet = EventSet::one(Event::Exec);
    /// `EXIT`: the thread begins to exit, its state intact.
    pub const EXIT: EventSet = EventSet::one(Event::Exit);
    /// `DEATH`: the thread is dead.
    pub const DEATH: EventSet = EventSet::one(Event::Death);
    /// `SYSCALL_ENTRY`: before a system call.
    pub const SYSCALL_ENTRY: EventSet = EventSet::one(Event::SyscallEntry);
    /// `SYSCALL_EXIT`: after a system call.
    pub const SYSCALL_EXIT: EventSet = EventSet::one(Event::SyscallExit);
    /// `SIGNAL`: a signal is about to run a handler.
    pub const SIGNAL: EventSet = EventSet::one(Event::Signal);
    /// `SIGNAL_IGN`: a signal is about to be ignored. While an engine asks for this, ignored signals
    /// are queued, and so may interrupt a system call, as they do under ptrace. Not seen by a thread
    /// that waits in `sigtimedwait`, nor by the init of a pid namespace.
    pub const SIGNAL_IGN: EventSet = EventSet::one(Event::SignalIgn);
    /// `SIGNAL_STOP`: a signal is about to stop the process.
    pub const SIGNAL_STOP: EventSet = EventSet::one(Event::SignalStop);
    /// `SIGNAL_TERM`: a signal is about to end the process. While a thread waits in `sigtimedwait`,
    /// the kernel lets deadly signals kill at once: then only EXIT is reported. And a thread that
    /// waits as deadly signals alone can end it (for the child of its vfork, say) is not disturbed
    /// by those, as under ptrace, but by SIGKILL: they are reported when the wait is over. An engine
    /// that asks for this is attached to another thread by interrupting it, as a signal does. What
    /// the kernel ends a thread with for good (seccomp's SIGSYS) is reported, and no engine changes
    /// what becomes of it; likewise for `SIGNAL_CORE`.
    pub const SIGNAL_TERM: EventSet = EventSet::one(Event::SignalTerm);
    /// `SIGNAL_CORE`: a signal is about to end the process with a core dump.
    pub const SIGNAL_CORE: EventSet = EventSet::one(Event::SignalCore);
    /// `UTRACE_EVENT_SIGNAL_ALL`: all five of them.
    pub const SIGNAL_ALL: EventSet = EventSet(event::SIGNALS);
    /// `JCTL`: the thread stops with its process, or goes on with it. A thread that its cgroup has
    /// frozen stops without a report; nor is there one of the end of a stop that a ptracer takes over.
    pub const JCTL: EventSet = EventSet::one(Event::Jctl);
    /// Every event there is.
    pub const ALL: EventSet = EventSet(event::ALL);

    const fn one(event: Event) -> Self {
        EventSet(event.bit())
    }

    /// The bits, as in the historic mask.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// A set from its bits. Unknown ones make [`EngineRef::set_events`] fail with `EINVAL`.
    ///
    /// [`EngineRef::set_events`]: super::EngineRef::set_events
    pub const fn from_bits(bits: u32) -> Self {
        EventSet(bits)
    }

    /// Adds `other` if `condition`. For constants.
    pub(super) const fn with(self, other: EventSet, condition: bool) -> Self {
        if condition {
            EventSet(self.0 | other.0)
        } else {
            self
        }
    }

    /// Whether all of `other` is in the set.
    pub const fn contains(self, other: EventSet) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for EventSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        EventSet(self.0 | other.0)
    }
}

impl Sub for EventSet {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        EventSet(self.0 & !other.0)
    }
}
