// SPDX-License-Identifier: GPL-2.0

//! Events and sets of events. The bits are those of the historic `enum utrace_events`.

/// What can happen to a thread and be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Event {
    /// About to enter user mode, or about to report another event.
    Quiesce = 0,
    /// The thread's parent, or whoever else, has let go of it.
    Reap = 1,
    /// A new thread or process has been made and does not run yet.
    Clone = 2,
    /// A new program has been loaded.
    Exec = 3,
    /// The thread begins to exit; its state is intact.
    Exit = 4,
    /// The thread is dead.
    Death = 5,
    /// Before a system call.
    SyscallEntry = 6,
    /// After a system call.
    SyscallExit = 7,
    /// A signal is about to run a handler.
    Signal = 8,
    /// A signal is about to be ignored.
    SignalIgn = 9,
    /// A signal is about to stop the process.
    SignalStop = 10,
    /// A signal is about to end the process.
    SignalTerm = 11,
    /// A signal is about to end the process with a core dump.
    SignalCore = 12,
    /// The thread is about to stop with its process, or goes on with it.
    Jctl = 13,
}

impl Event {
    pub(crate) const fn bit(self) -> u32 {
        1 << self as u32
    }

    pub(crate) const fn number(self) -> u32 {
        self as u32
    }

    /// The events of which an engine must have asked for one for this event to be reported. A
    /// thread's death is reported to engines that only asked for QUIESCE, as it always was.
    pub(crate) const fn called_for(self) -> u32 {
        match self {
            Event::Death => DEATHS,
            event => event.bit(),
        }
    }

    /// Whether a Stop returned from the event's callback is honoured at once, before the next
    /// engine is called.
    pub(crate) const fn stops_in_place(self) -> bool {
        matches!(
            self,
            Event::Quiesce
                | Event::Exec
                | Event::Exit
                | Event::SyscallEntry
                | Event::SyscallExit
                | Event::Jctl
        ) || SIGNALS & self.bit() != 0
    }

    /// Whether the engines are called last attached first.
    pub(crate) const fn is_reverse(self) -> bool {
        matches!(self, Event::SyscallEntry)
    }
}

/// The events for which a thread needs its system calls reported.
pub(crate) const SYSCALLS: u32 = Event::SyscallEntry.bit() | Event::SyscallExit.bit();

/// The events of signals.
pub(crate) const SIGNALS: u32 = Event::Signal.bit()
    | Event::SignalIgn.bit()
    | Event::SignalStop.bit()
    | Event::SignalTerm.bit()
    | Event::SignalCore.bit();

/// Some event of signals that is in `events`.
pub(crate) const fn signal_of(events: u32) -> Option<Event> {
    match (events & SIGNALS).trailing_zeros() {
        8 => Some(Event::Signal),
        9 => Some(Event::SignalIgn),
        10 => Some(Event::SignalStop),
        11 => Some(Event::SignalTerm),
        12 => Some(Event::SignalCore),
        _ => None,
    }
}

/// The events that end with the thread, and so have rules of their own in `utrace_set_events`.
pub(crate) const DEATHS: u32 = Event::Death.bit() | Event::Quiesce.bit();

/// Beside the events that engines want of a thread: it steps, and so its signals and system calls
/// matter to us.
pub(crate) const STEPS: u32 = 1 << 30;

/// All events that are reported today.
pub(crate) const ALL: u32 = (1 << 14) - 1;

/// What the events of the historic `enum utrace_events` are called, by number.
pub(crate) const NAMES: [&str; 14] = [
    "QUIESCE",
    "REAP",
    "CLONE",
    "EXEC",
    "EXIT",
    "DEATH",
    "SYSCALL_ENTRY",
    "SYSCALL_EXIT",
    "SIGNAL",
    "SIGNAL_IGN",
    "SIGNAL_STOP",
    "SIGNAL_TERM",
    "SIGNAL_CORE",
    "JCTL",
];
