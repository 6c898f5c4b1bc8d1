// SPDX-License-Identifier: GPL-2.0

//! Sessions.

use super::{
    abi,
    spawn,
    sys::{
        ioctl,
        ioctl_until_signal,
        read_events, //
    },
    Abi,
    Access,
    Answer,
    CallSet,
    Calls,
    CopyArg,
    Count,
    Error,
    Event,
    Program,
    Result,
    Ring,
    ThreadId,
    Ticket, //
};
use bitflags::bitflags;
use std::{
    collections::VecDeque,
    fs::OpenOptions,
    io,
    os::{
        fd::{
            AsFd,
            AsRawFd,
            BorrowedFd,
            OwnedFd, //
        },
        unix::fs::OpenOptionsExt, //
    },
    process::Command,
    sync::{
        Arc,
        Mutex,
        PoisonError, //
    },
    time::Duration, //
};

const DEVICE: &str = "/dev/kmview";

bitflags! {
    /// What the kmview of a kernel can do.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Features: u64 {
        /// Events with answers.
        const CONTROL = abi::FEATURE_CONTROL;
        /// Reading and writing memory.
        const MEMORY = abi::FEATURE_MEMORY;
        /// Events besides system calls.
        const EVENTS = abi::FEATURE_EVENTS;
        /// Arguments that nobody can change any more.
        const SNAPSHOT = abi::FEATURE_SNAPSHOT;
        /// Putting and closing descriptors.
        const FDS = abi::FEATURE_FDS;
        /// Several descriptors of one session.
        const ROUTE = abi::FEATURE_ROUTE;
        /// Rings.
        const OBSERVE = abi::FEATURE_OBSERVE;
        /// Selecting calls by descriptor.
        const FD_FILTER = abi::FEATURE_FD_FILTER;
        /// Selecting calls by path.
        const PATH_FILTER = abi::FEATURE_PATH_FILTER;
        /// Counting calls.
        const COUNT = abi::FEATURE_COUNT;
        const _ = !0;
    }

    /// Which new threads come into the session by themselves.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Follow: u32 {
        /// Threads of a process in it.
        const THREADS = abi::FOLLOW_THREADS;
        /// Processes that a thread in it makes.
        const PROCESSES = abi::FOLLOW_PROCESSES;
    }

    /// How to attach.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Attach: u32 {
        /// To all threads of the process.
        const PROCESS = abi::ATTACH_PROCESS;
        /// Have a thread leave the system call that it is blocked in, and make it again.
        const INTERRUPT = abi::ATTACH_INTERRUPT;
    }

    /// Kinds of events.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Kinds: u32 {
        /// [`Kind::New`](crate::Kind::New).
        const NEW = 1 << abi::EVENT_NEW;
        /// [`Kind::End`](crate::Kind::End).
        const END = 1 << abi::EVENT_END;
        /// [`Kind::Exec`](crate::Kind::Exec).
        const EXEC = 1 << abi::EVENT_EXEC;
        /// [`Kind::Signal`](crate::Kind::Signal).
        const SIGNAL = 1 << abi::EVENT_SIGNAL;
        /// [`Kind::Exit`](crate::Kind::Exit).
        const EXIT = 1 << abi::EVENT_EXIT;
    }
}

/// What the kmview of this kernel is.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// The version of the protocol.
    pub version: u32,
    /// What it can do.
    pub features: Features,
    /// How many system calls a [`CallSet`] may speak of.
    pub max_calls: u32,
    /// How many items one call takes.
    pub max_batch: u32,
}

/// What becomes of the threads when the session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtClose {
    /// They run on by themselves.
    Detach,
    /// System calls that would wait fail with this errno.
    Fail(i32),
    /// They are killed.
    Kill,
}

/// How a session is.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What becomes of the threads when it ends.
    pub at_close: AtClose,
    /// Which new threads come into it.
    pub follow: Follow,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            at_close: AtClose::Detach,
            follow: Follow::all(),
        }
    }
}

/// Which events there are besides system calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct Events {
    /// Those for which the thread waits.
    pub wait: Kinds,
    /// Those that are recorded in the ring.
    pub record: Kinds,
    /// Which signals are waited for: bit `number - 1`.
    pub wait_signals: u64,
    /// Which signals are recorded.
    pub record_signals: u64,
}

/// Who comes into the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopt {
    /// The next processes that the calling thread makes, as many as said.
    Children(u32),
    /// All processes that the calling thread makes from now on.
    AllChildren,
    /// The calling process, when it next executes a program.
    Myself,
    /// Nobody: takes back what was asked for.
    Nobody,
}

impl Adopt {
    pub(crate) fn raw(self) -> abi::Adopt {
        let (what, count) = match self {
            Adopt::Children(count) => (abi::ADOPT_CHILDREN, count),
            Adopt::AllChildren => (abi::ADOPT_CHILDREN, 0),
            Adopt::Myself => (abi::ADOPT_SELF, 0),
            Adopt::Nobody => (abi::ADOPT_NONE, 0),
        };
        abi::Adopt {
            what,
            count,
            ..Default::default()
        }
    }
}

/// One session, or one of the queues of one. See the [crate].
#[derive(Debug)]
pub struct Session {
    fd: Arc<OwnedFd>,
    info: Info,
    /// Events that were taken in a batch and not asked for yet.
    unread: Mutex<VecDeque<Event>>,
}

/// How many events are taken at once.
const BATCH: usize = 32;

impl Session {
    /// Opens a new session without any thread.
    pub fn open() -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_CLOEXEC)
            .open(DEVICE)
            .map_err(|err| match err.raw_os_error() {
                Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => Error::NotLoaded,
                Some(libc::EACCES) => Error::DevicePermission,
                Some(libc::EPERM) => Error::Confined,
                _ => Error::Os("open /dev/kmview", err),
            })?;
        Self::from_fd(file.into())
    }

    fn from_fd(fd: OwnedFd) -> Result<Self> {
        let mut raw = abi::Info::default();
        // SAFETY: There are no addresses in it.
        unsafe { ioctl(fd.as_fd(), abi::INFO, &mut raw, "KMVIEW_INFO")? };
        if raw.version != abi::VERSION || raw.event_size as usize != abi::EVENT_SIZE {
            return Err(Error::Version {
                kernel: raw.version,
                program: abi::VERSION,
            });
        }
        Ok(Session {
            fd: Arc::new(fd),
            info: Info {
                version: raw.version,
                features: Features::from_bits_retain(raw.features),
                max_calls: raw.max_calls,
                max_batch: raw.max_batch,
            },
            unread: Mutex::new(VecDeque::new()),
        })
    }

    /// Another queue of this session: threads are moved to it with [`Session::set_queue`].
    pub fn new_queue(&self) -> Result<Session> {
        let queue = Session::open()?;
        let mut join = abi::Join {
            fd: self.fd.as_raw_fd(),
            flags: 0,
        };
        queue.ioctl(abi::JOIN, &mut join, "KMVIEW_JOIN")?;
        Ok(queue)
    }

    /// For structures without addresses in them.
    fn ioctl<T>(&self, request: u32, argument: &mut T, operation: &'static str) -> Result<u32> {
        // SAFETY: By the contract of this function, which is private.
        unsafe { ioctl(self.fd.as_fd(), request, argument, operation) }
    }

    /// What the kmview of this kernel is.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Fails with [`Error::Unsupported`] if this kernel's kmview cannot do what somebody needs.
    pub fn require(&self, features: Features, who: &'static str) -> Result<()> {
        match self.info.features.contains(features) {
            true => Ok(()),
            false => Err(Error::Unsupported(who)),
        }
    }

    /// Changes how the session is.
    pub fn set_options(&self, options: &Options) -> Result<()> {
        let (at_close, at_close_errno) = match options.at_close {
            AtClose::Detach => (abi::AT_CLOSE_DETACH, 0),
            AtClose::Fail(errno) => (abi::AT_CLOSE_FAIL, errno),
            AtClose::Kill => (abi::AT_CLOSE_KILL, 0),
        };
        let mut raw = abi::Options {
            at_close,
            at_close_errno,
            follow: options.follow.bits(),
            flags: 0,
        };
        self.ioctl(abi::SET_OPTIONS, &mut raw, "KMVIEW_SET_OPTIONS")?;
        Ok(())
    }

    /// Says which system calls are events, from the next one of each thread on.
    pub fn set_calls(&self, what: Calls, abi: Abi, set: &CallSet) -> Result<()> {
        // All numbers that the kernel knows of, so that the others are those beyond.
        let mut words = set.words.clone();
        let rest = if set.others { !0 } else { 0 };
        words.resize(words.len().max(self.info.max_calls as usize / 64), rest);
        let bits = (words.len() as u32 * 64).min(self.info.max_calls);
        let mut raw = abi::Calls {
            what: what.raw(),
            abi: abi.raw(),
            bitmap: words.as_ptr() as u64,
            bits,
            flags: if set.others { abi::CALLS_OTHERS } else { 0 },
        };
        // SAFETY: The bitmap is of that many bits.
        unsafe {
            ioctl(
                self.fd.as_fd(),
                abi::SET_CALLS,
                &mut raw,
                "KMVIEW_SET_CALLS",
            )?
        };
        Ok(())
    }

    /// The same for 64-bit and for 32-bit calls.
    pub fn set_all_calls(&self, what: Calls, native: &CallSet, compat: &CallSet) -> Result<()> {
        self.set_calls(what, Abi::Native, native)?;
        self.set_calls(what, Abi::Compat, compat)
    }

    /// What was counted of [`Calls::Count`]: each call that was made at all, by its number. Those whose
    /// numbers are too large to be told from each other come under the first of these.
    pub fn counts(&self, abi: Abi) -> Result<Vec<(u32, Count)>> {
        let mut raw = vec![abi::Count::default(); self.info.max_calls as usize + 1];
        let mut request = abi::Counts {
            abi: abi.raw(),
            counts: raw.as_mut_ptr() as u64,
            nr_counts: raw.len() as u32,
            count_size: size_of::<abi::Count>() as u32,
            ..abi::Counts::default()
        };
        // SAFETY: There is room for as many as it says.
        unsafe { ioctl(self.fd.as_fd(), abi::COUNTS, &mut request, "KMVIEW_COUNTS")? };
        let counts = (0..).zip(raw.iter().map(Count::from));
        Ok(counts.filter(|(_, count)| count.calls != 0).collect())
    }

    /// Says which other events there are.
    pub fn set_events(&self, events: &Events) -> Result<()> {
        let mut raw = abi::Events {
            wait: events.wait.bits(),
            record: events.record.bits(),
            wait_signals: events.wait_signals,
            record_signals: events.record_signals,
        };
        self.ioctl(abi::SET_EVENTS, &mut raw, "KMVIEW_SET_EVENTS")?;
        Ok(())
    }

    /// Selects, for [`Calls::Path`], paths by absolute prefixes. Replaces those set before.
    pub fn set_paths<P: AsRef<std::path::Path>>(&self, prefixes: &[P]) -> Result<()> {
        use std::os::unix::ffi::OsStrExt;
        let mut bytes = Vec::new();
        for prefix in prefixes {
            bytes.extend_from_slice(prefix.as_ref().as_os_str().as_bytes());
            bytes.push(0);
        }
        let mut raw = abi::Paths {
            paths: bytes.as_ptr() as u64,
            size: bytes.len() as u32,
            flags: 0,
        };
        // SAFETY: The paths are of that size.
        unsafe {
            ioctl(
                self.fd.as_fd(),
                abi::SET_PATHS,
                &mut raw,
                "KMVIEW_SET_PATHS",
            )?
        };
        Ok(())
    }

    /// Says who comes into the session.
    ///
    /// [`Error::NotPermitted`]: whoever opened the session might not trace the caller, or security modules, as
    /// Yama, would refuse `PTRACE_TRACEME`.
    pub fn adopt(&self, who: Adopt) -> Result<()> {
        self.ioctl(abi::ADOPT, &mut who.raw(), "KMVIEW_ADOPT")?;
        Ok(())
    }

    /// Starts a program in the session: its first event is of its first instruction, or before.
    ///
    /// In a session that has other threads, that a program cannot be started may show only in its end,
    /// with status 127.
    pub fn spawn(&self, command: &mut Command) -> Result<Program> {
        spawn::spawn(self, command)
    }

    /// Attaches to a running thread, or to all threads of its process.
    pub fn attach(&self, pid: i32, how: Attach) -> Result<ThreadId> {
        let mut raw = abi::Attach {
            pid,
            flags: how.bits(),
            thread: 0,
        };
        self.ioctl(abi::ATTACH, &mut raw, "KMVIEW_ATTACH")?;
        Ok(ThreadId(raw.thread))
    }

    /// Lets a thread go, whether it waits or not.
    pub fn detach(&self, thread: ThreadId) -> Result<()> {
        let mut raw = abi::Thread { thread: thread.0 };
        self.ioctl(abi::DETACH_THREAD, &mut raw, "KMVIEW_DETACH_THREAD")?;
        Ok(())
    }

    /// Sets the number that comes with the events of a thread, and of those that it makes.
    pub fn set_cookie(&self, thread: ThreadId, cookie: u64) -> Result<()> {
        let mut raw = abi::SetThread {
            thread: thread.0,
            cookie,
            fd: -1,
            flags: abi::SET_COOKIE,
        };
        self.ioctl(abi::SET_THREAD, &mut raw, "KMVIEW_SET_THREAD")?;
        Ok(())
    }

    /// Has the events of a thread, and of those that it makes, come to another queue of the session.
    pub fn set_queue(&self, thread: ThreadId, queue: &Session) -> Result<()> {
        let mut raw = abi::SetThread {
            thread: thread.0,
            cookie: 0,
            fd: queue.fd.as_raw_fd(),
            flags: abi::SET_QUEUE,
        };
        self.ioctl(abi::SET_THREAD, &mut raw, "KMVIEW_SET_THREAD")?;
        Ok(())
    }

    /// The next event; waits for it. None when all threads have gone.
    pub fn next(&self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.unread().pop_front() {
                return Ok(Some(event));
            }
            match self.read() {
                Ok(events) if events.is_empty() => return Ok(None),
                Ok(events) => self.unread().extend(events),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(Error::Os("read", err)),
            }
        }
    }

    /// The events that there are, without waiting if the descriptor is non-blocking: then
    /// [`io::ErrorKind::WouldBlock`] when there are none. None at all when all threads have gone.
    pub fn try_events(&self) -> io::Result<Vec<Event>> {
        let unread: Vec<Event> = self.unread().drain(..).collect();
        if unread.is_empty() {
            return self.read();
        }
        Ok(unread)
    }

    /// Makes reads wait, or not.
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        let fd = self.fd.as_raw_fd();
        // SAFETY: No memory is concerned.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
        let flags = if nonblocking {
            flags | libc::O_NONBLOCK
        } else {
            flags & !libc::O_NONBLOCK
        };
        // SAFETY: As above.
        if flags < 0 || unsafe { libc::fcntl(fd, libc::F_SETFL, flags) } < 0 {
            return Err(Error::Os("fcntl", io::Error::last_os_error()));
        }
        Ok(())
    }

    /// Whether all threads have gone, and all their events have been taken.
    pub fn is_at_end(&self) -> Result<bool> {
        let mut poll = libc::pollfd {
            fd: self.fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: It is one structure.
        if unsafe { libc::poll(&raw mut poll, 1, 0) } < 0 {
            return match io::Error::last_os_error() {
                err if err.kind() == io::ErrorKind::Interrupted => Ok(false),
                err => Err(Error::Os("poll", err)),
            };
        }
        Ok(poll.revents & libc::POLLIN == 0
            && poll.revents & libc::POLLHUP != 0
            && self.unread().is_empty())
    }

    fn unread(&self) -> std::sync::MutexGuard<'_, VecDeque<Event>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> io::Result<Vec<Event>> {
        let mut raw = [abi::Event::default(); BATCH];
        let count = read_events(self.fd.as_fd(), &mut raw)?;
        Ok(raw[..count].iter().map(Event::from).collect())
    }

    /// Answers one event.
    pub fn answer(&self, answer: &Answer) -> Result<()> {
        let mut raw = answer.0;
        self.ioctl(abi::ANSWER, &mut raw, "KMVIEW_ANSWER")?;
        Ok(())
    }

    /// Gives answers, then takes events, and waits for one up to `timeout` (none: for ever) if there
    /// is none: the loop of a monitor in one system call. No events: the time is over, a signal
    /// came, or all threads have gone.
    ///
    /// Answers that came too late are nothing to worry about; of those that the kernel would not
    /// have for another reason, the first one is the error, all others having been given.
    pub fn exchange(&self, answers: &[Answer], timeout: Option<Duration>) -> Result<Vec<Event>> {
        let mut raw_answers: Vec<abi::Answer> = answers.iter().map(|answer| answer.0).collect();
        let mut room = [abi::Event::default(); BATCH];
        let mut events: Vec<Event> = self.unread().drain(..).collect();
        // Only the last part of more answers than the kernel takes at once waits.
        let most = self.info.max_batch.max(1) as usize;
        let first = raw_answers.len().saturating_sub(1) / most * most;
        let (first, last) = raw_answers.split_at_mut(first);
        for some in first.chunks_mut(most) {
            self.trade(some, &mut [], timeout)?;
        }
        let room = match events.is_empty() {
            true => &mut room[..],
            false => &mut [],
        };
        let count = self.trade(last, room, timeout)?;
        events.extend(room[..count].iter().map(Event::from));
        for answer in &raw_answers {
            if answer.error != 0 && answer.error != -libc::ESTALE {
                self.unread().extend(events);
                let err = io::Error::from_raw_os_error(-answer.error);
                return Err(Error::of("KMVIEW_EXCHANGE", err));
            }
        }
        Ok(events)
    }

    /// One system call of [`Session::exchange`]. Gives how many events there are.
    fn trade(
        &self,
        answers: &mut [abi::Answer],
        room: &mut [abi::Event],
        timeout: Option<Duration>,
    ) -> Result<usize> {
        let mut raw = abi::Exchange {
            answers: answers.as_mut_ptr() as u64,
            nr_answers: answers.len() as u32,
            answer_size: size_of::<abi::Answer>() as u32,
            events: room.as_mut_ptr() as u64,
            max_events: room.len() as u32,
            event_size: size_of::<abi::Event>() as u32,
            timeout: timeout.map_or(-1, |t| i64::try_from(t.as_nanos()).unwrap_or(i64::MAX)),
            nr_failed: 0,
            flags: 0,
        };
        let (fd, name) = (self.fd.as_fd(), "KMVIEW_EXCHANGE");
        // SAFETY: Both arrays are as long as it says.
        let count = unsafe { ioctl_until_signal(fd, abi::EXCHANGE, &mut raw, name)? };
        Ok(count.unwrap_or(0) as usize)
    }

    /// Makes accesses to the memory of threads that wait, in order. Each has its own result.
    pub fn access(&self, accesses: &mut [Access<'_>]) -> Result<()> {
        for some in accesses.chunks_mut(self.info.max_batch.max(1) as usize) {
            let mut batch = abi::Batch {
                items: some.as_mut_ptr() as u64,
                count: some.len() as u32,
                item_size: size_of::<abi::Memory>() as u32,
            };
            // SAFETY: The items are transparent over what the kernel reads; each holds the borrow of
            // a buffer as long as it says.
            unsafe { ioctl(self.fd.as_fd(), abi::MEMORY, &mut batch, "KMVIEW_MEMORY")? };
        }
        Ok(())
    }

    fn access_one(&self, access: Access<'_>) -> Result<usize> {
        let mut one = [access];
        self.access(&mut one)?;
        one[0]
            .result()
            .map_err(|errno| Error::of("KMVIEW_MEMORY", io::Error::from_raw_os_error(errno)))
    }

    /// Reads memory. Gives how many bytes there were.
    pub fn read_memory(&self, ticket: Ticket, address: u64, buffer: &mut [u8]) -> Result<usize> {
        self.access_one(Access::read(ticket, address, buffer))
    }

    /// Reads a string of at most `max` bytes, without its NUL.
    pub fn read_string(&self, ticket: Ticket, address: u64, max: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; max.min(abi::MEMORY_MAX)];
        let len = self.access_one(Access::string(ticket, address, &mut bytes))?;
        bytes.truncate(len);
        if bytes.last() == Some(&0) {
            bytes.pop();
        }
        Ok(bytes)
    }

    /// Writes memory. Gives how many bytes were written.
    pub fn write_memory(&self, ticket: Ticket, address: u64, bytes: &[u8]) -> Result<usize> {
        self.access_one(Access::write(ticket, address, bytes))
    }

    fn snapshot(
        &self,
        ticket: Ticket,
        arg: u32,
        r#type: u32,
        bytes: *const u8,
        len: usize,
        flags: u32,
    ) -> Result<usize> {
        let mut raw = abi::Snapshot {
            ticket: ticket.0,
            arg,
            r#type,
            buffer: bytes as u64,
            len: u32::try_from(len).unwrap_or(u32::MAX),
            flags,
        };
        // SAFETY: The buffer is of that length, and writable unless it is given: see the callers.
        let len = unsafe { ioctl(self.fd.as_fd(), abi::SNAPSHOT, &mut raw, "KMVIEW_SNAPSHOT")? };
        Ok(len as usize)
    }

    /// Copies the string that an argument of a call points to, has the call use this very copy, and
    /// gives it, without its NUL: what is checked is what is used.
    pub fn snapshot_string(&self, ticket: Ticket, arg: u32) -> Result<Vec<u8>> {
        let mut bytes = vec![0; abi::SNAPSHOT_MAX];
        let len = self.snapshot(
            ticket,
            arg,
            abi::SNAPSHOT_STRING,
            bytes.as_mut_ptr(),
            bytes.len(),
            0,
        )?;
        bytes.truncate(len.saturating_sub(1));
        Ok(bytes)
    }

    /// The same for a buffer, all of it.
    pub fn snapshot_buffer(&self, ticket: Ticket, arg: u32, bytes: &mut [u8]) -> Result<()> {
        self.snapshot(
            ticket,
            arg,
            abi::SNAPSHOT_BUFFER,
            bytes.as_mut_ptr(),
            bytes.len(),
            0,
        )?;
        Ok(())
    }

    /// Has a call use our bytes for an argument, where nobody can change them: with a NUL at the end
    /// for a string.
    pub fn give_bytes(&self, ticket: Ticket, arg: u32, bytes: &[u8]) -> Result<()> {
        let (buffer, flags) = (bytes.as_ptr(), abi::SNAPSHOT_GIVE);
        self.snapshot(
            ticket,
            arg,
            abi::SNAPSHOT_BUFFER,
            buffer,
            bytes.len(),
            flags,
        )?;
        Ok(())
    }

    /// Opens in the process of a thread that waits what we have open. Gives its number there: the
    /// next free one, or `target`.
    pub fn put_fd(
        &self,
        ticket: Ticket,
        fd: BorrowedFd<'_>,
        target: Option<i32>,
        close_on_exec: bool,
    ) -> Result<i32> {
        let mut flags = 0;
        if close_on_exec {
            flags |= abi::FD_CLOEXEC;
        }
        if target.is_some() {
            flags |= abi::FD_AT;
        }
        let mut raw = abi::Fd {
            ticket: ticket.0,
            fd: fd.as_raw_fd(),
            target: target.unwrap_or(0),
            flags,
            reserved: 0,
        };
        Ok(self.ioctl(abi::PUT_FD, &mut raw, "KMVIEW_PUT_FD")? as i32)
    }

    /// Closes a descriptor in the process of a thread that waits.
    pub fn close_fd(&self, ticket: Ticket, target: i32) -> Result<()> {
        let mut raw = abi::Fd {
            ticket: ticket.0,
            target,
            ..Default::default()
        };
        self.ioctl(abi::CLOSE_FD, &mut raw, "KMVIEW_CLOSE_FD")?;
        Ok(())
    }

    /// Selects descriptors of a process, for [`Calls::Fd`].
    pub fn select_fd(&self, thread: ThreadId, fd: i32, selected: bool) -> Result<()> {
        let mut raw = abi::Fds {
            thread: thread.0,
            op: if selected {
                abi::FDS_ADD
            } else {
                abi::FDS_REMOVE
            },
            fd,
        };
        self.ioctl(abi::SET_FDS, &mut raw, "KMVIEW_SET_FDS")?;
        Ok(())
    }

    /// Gives the session a ring for records: see [`Ring`].
    pub fn ring(&self, size: usize, lossy: bool, wake: u32) -> Result<Ring> {
        let mut raw = abi::RingSetup {
            size: size as u64,
            flags: if lossy { abi::RING_LOSSY } else { 0 },
            wake,
        };
        self.ioctl(abi::RING, &mut raw, "KMVIEW_RING")?;
        Ring::map(self.fd.clone(), size)
    }

    /// Says which arguments are copied into records.
    pub fn set_copies(&self, copies: &[CopyArg]) -> Result<()> {
        for some in copies.chunks(self.info.max_batch.max(1) as usize) {
            let items: Vec<abi::CopyArg> = some.iter().map(|copy| copy.0).collect();
            let mut batch = abi::Batch {
                items: items.as_ptr() as u64,
                count: items.len() as u32,
                item_size: size_of::<abi::CopyArg>() as u32,
            };
            // SAFETY: There are as many as it says.
            unsafe {
                ioctl(
                    self.fd.as_fd(),
                    abi::SET_COPY,
                    &mut batch,
                    "KMVIEW_SET_COPY",
                )?
            };
        }
        Ok(())
    }
}

impl AsFd for Session {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Session {
    fn as_raw_fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }
}
