// SPDX-License-Identifier: GPL-2.0

//! An open file of `/dev/kmview`: the monitor's side.

use crate::{
    adopt,
    copy::Copies,
    count::Counts,
    descriptor,
    filter,
    memory,
    paths::Paths,
    ring,
    session::{
        Inner,
        Locked,
        Session,
        Wait, //
    },
    snapshot,
    sys::{
        abi::{
            self,
            Adopt,
            Answer,
            Attach,
            Batch,
            Calls,
            Event,
            Events,
            Exchange,
            Info,
            Join,
            Options,
            RingSetup,
            SetThread,
            Thread, //
        },
        device,
        errno::eopnotsupp,
        ring::{
            now,
            Shared, //
        },
        task::{
            self,
            Opener, //
        },
        uapi::{
            self,
            nr, //
        },
        wait::{
            give_way,
            Going,
            Poller, //
        }, //
    },
    table::Item,
    thread::Origin,
    tracee, //
};
use core::ptr;
use kernel::{
    bindings,
    ioctl::{
        _IOC_NR,
        _IOC_SIZE,
        _IOC_TYPE, //
    },
    new_mutex,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::{
        Arc,
        CondVarTimeoutResult,
        Mutex,
        SetOnce, //
    },
    task::Task,
    time::{
        msecs_to_jiffies,
        Jiffies, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};
use utrace::{
    has_ptrace_access,
    thread_by_pid,
    with_ptrace_access,
    Control, //
};

/// The most items of one call.
const MAX_BATCH: u32 = 1024;

const EVENT_SIZE: usize = size_of::<Event>();

/// An open file: fresh, or a queue of a session, for good.
#[pin_data]
pub(crate) struct OpenFile {
    /// Who opened it.
    opener: Opener,
    queue: SetOnce<Queue>,
    /// Taken by who populates it.
    #[pin]
    choice: Mutex<()>,
}

/// A queue of a session.
pub(crate) struct Queue {
    pub(crate) session: Arc<Session>,
    pub(crate) port: usize,
    wait: Arc<Wait>,
    /// The memory of its ring, if it has one.
    ring: SetOnce<Arc<Shared>>,
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.session.close_port(self.port);
    }
}

/// For how long to wait.
enum Until {
    Now,
    Ever,
    Within(Jiffies),
}

impl Until {
    /// How long, if there is an end.
    fn left(&self) -> Option<Jiffies> {
        match *self {
            Until::Now => Some(0),
            Until::Ever => None,
            Until::Within(left) => Some(left),
        }
    }

    /// Sleeps so long.
    fn sleep(&mut self, going: Going<'_>) {
        if let Some(left) = going.sleep(self.left()) {
            *self = Until::Within(left);
        }
    }
}

/// Why there is no event.
enum Nothing {
    /// Not now.
    Yet,
    /// Not any more.
    End,
    /// A signal came.
    Signal,
}

impl OpenFile {
    /// # Errors
    ///
    /// `ENOMEM`. `EPERM`: a seccomp filter confines the caller.
    pub(crate) fn new() -> Result<Pin<KBox<Self>>> {
        if task::is_current_confined() {
            return Err(EPERM);
        }
        KBox::pin_init(
            pin_init!(OpenFile {
                opener: Opener::current(),
                queue: SetOnce::new(),
                choice <- new_mutex!(()),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Its queue; a fresh one gets a session of its own.
    #[inline]
    pub(crate) fn queue(&self) -> Result<&Queue> {
        match self.queue.as_ref() {
            Some(queue) => Ok(queue),
            None => self.choose(|| Session::new(self.opener.clone())),
        }
    }

    #[cold]
    fn choose(&self, session: impl FnOnce() -> Result<Arc<Session>>) -> Result<&Queue> {
        let _alone = self.choice.lock();
        if self.queue.as_ref().is_none() {
            self.queue.populate(Queue::new(session()?)?);
        }
        self.queue.as_ref().ok_or(ENOMEM)
    }

    /// Makes it another queue of the session that `other` is of.
    fn join(&self, other: &OpenFile) -> Result {
        // Before the lock: if that is this file, it is no longer fresh.
        let session = &other.queue()?.session;
        if self.queue.as_ref().is_some() {
            return Err(EBUSY);
        }
        let mut joins = false;
        self.choose(|| {
            joins = true;
            Ok(session.clone())
        })?;
        // Whoever was faster has made it something else.
        joins.then_some(()).ok_or(EBUSY)
    }

    /// Without a lock.
    pub(crate) fn is_of(&self, session: *const Session) -> bool {
        let queue = self.queue.as_ref();
        queue.is_some_and(|queue| ptr::eq(&*queue.session, session))
    }

    pub(crate) fn ring(&self) -> Option<&Shared> {
        self.queue.as_ref()?.ring.as_ref().map(|ring| &**ring)
    }

    pub(crate) fn read(&self, buf: usize, size: usize, nonblock: bool) -> Result<usize> {
        self.queue()?.read(buf, size, nonblock)
    }

    pub(crate) fn poll(&self, poller: &Poller<'_>) -> u32 {
        match self.queue() {
            Ok(queue) => queue.poll(poller),
            Err(_) => bindings::POLLERR,
        }
    }

    pub(crate) fn ioctl(&self, cmd: u32, arg: usize) -> Result<isize> {
        if _IOC_TYPE(cmd) != uapi::IOC {
            return Err(ENOTTY);
        }
        let size = _IOC_SIZE(cmd);
        match _IOC_NR(cmd) {
            nr::INFO => info(arg, size)?,
            nr::JOIN => {
                let request: Join = abi::read(arg, size)?;
                if request.flags != 0 {
                    return Err(EINVAL);
                }
                device::with_file(request.fd, |other| self.join(other))??;
            }
            number => return self.queue()?.ioctl(number, arg, size),
        }
        Ok(0)
    }

    /// For `/proc/PID/fdinfo`.
    pub(crate) fn show(&self, m: &SeqFile) {
        if let Some(queue) = self.queue.as_ref() {
            queue.show(m);
        }
    }
}

impl Queue {
    fn new(session: Arc<Session>) -> Result<Self> {
        let (port, wait) = session.add_port()?;
        Ok(Queue {
            session,
            port,
            wait,
            ring: SetOnce::new(),
        })
    }

    // --- events --------------------------------------------------------------------------------

    /// The next event, waiting for it.
    fn next(&self, mut until: Until, event: &mut Event) -> Result<Item, Nothing> {
        let mut inner = self.session.lock();
        loop {
            // A killed monitor takes nothing away from the others.
            if task::is_current_dying() {
                self.wait.wake_one();
                return Err(Nothing::Signal);
            }
            if let Some(item) = Session::take(&mut inner, self.port, event) {
                return Ok(item);
            }
            if inner.is_at_end(self.port) {
                return Err(Nothing::End);
            }
            if kernel::current!().signal_pending() {
                return Err(Nothing::Signal);
            }
            inner = self.sleep(inner, &mut until)?;
        }
    }

    /// Whether a signal came is looked at after the queue: its wake-up may have been for us.
    fn sleep<'a>(&'a self, inner: Locked<'a>, until: &mut Until) -> Result<Locked<'a>, Nothing> {
        let left = match *until {
            Until::Now | Until::Within(0) => return Err(Nothing::Yet),
            _ => until.left(),
        };
        if let Some(going) = self.wait.reader.begin() {
            drop(inner);
            until.sleep(going);
            return Ok(self.session.lock());
        }
        let (inner, left) = self.sleep_beside(inner, left);
        if let Some(left) = left {
            *until = Until::Within(left);
        }
        Ok(inner)
    }

    /// Another reader sleeps already.
    #[cold]
    fn sleep_beside<'a>(
        &'a self,
        mut inner: Locked<'a>,
        left: Option<Jiffies>,
    ) -> (Locked<'a>, Option<Jiffies>) {
        let readers = &self.wait.readers;
        let left = match left {
            None => {
                let _ = readers.wait_interruptible(&mut inner);
                None
            }
            Some(left) => Some(match readers.wait_interruptible_timeout(&mut inner, left) {
                CondVarTimeoutResult::Timeout => 0,
                CondVarTimeoutResult::Woken { jiffies }
                | CondVarTimeoutResult::Signal { jiffies } => jiffies,
            }),
        };
        (inner, left)
    }

    /// Writes events to `addr`, one behind the other; waits for the first one. Gives how many.
    fn events(
        &self,
        addr: usize,
        size: usize,
        max: usize,
        until: Until,
    ) -> Result<Result<usize, Nothing>> {
        let (mut until, mut event) = (until, Event::default());
        let mut count = 0;
        while count < max {
            let item = match self.next(until, &mut event) {
                Ok(item) => item,
                Err(nothing) if count == 0 => return Ok(Err(nothing)),
                Err(_) => break,
            };
            until = Until::Now;
            match abi::write(addr.wrapping_add(count * size), size, &event) {
                Ok(()) => self.session.done(item),
                Err(err) => {
                    self.session.undo(item);
                    if count == 0 {
                        return Err(err);
                    }
                    break;
                }
            }
            count += 1;
        }
        Ok(Ok(count))
    }

    fn read(&self, buf: usize, size: usize, nonblock: bool) -> Result<usize> {
        let until = match nonblock {
            true => Until::Now,
            false => Until::Ever,
        };
        let max = size / EVENT_SIZE;
        if max == 0 {
            return Err(EINVAL);
        }
        match self.events(buf, EVENT_SIZE, max.min(MAX_BATCH as usize), until)? {
            Ok(count) => Ok(count * EVENT_SIZE),
            Err(Nothing::End) => Ok(0),
            Err(Nothing::Yet) => Err(EAGAIN),
            Err(Nothing::Signal) => Err(ERESTARTSYS),
        }
    }

    fn poll(&self, poller: &Poller<'_>) -> u32 {
        poller.wait(&self.wait.pollers);
        let mut inner = self.session.lock();
        let mut mask = 0;
        let over = inner.is_over();
        let readable = inner.port(self.port).is_some_and(|port| {
            let ring = port.ring.as_mut();
            ring.is_some_and(|ring| ring.is_readable(over)) || !port.fifo.is_empty()
        });
        if readable {
            mask |= bindings::POLLIN | bindings::POLLRDNORM;
        }
        if inner.is_at_end(self.port) {
            mask |= bindings::POLLHUP;
        }
        mask
    }

    // --- answers -------------------------------------------------------------------------------

    fn exchange(&self, arg: usize, size: usize) -> Result<isize> {
        let mut request = Exchange::default();
        abi::read_to(&mut request, arg, size)?;
        if request.flags != 0
            || request.nr_answers > MAX_BATCH
            || request.nr_answers != 0 && request.answer_size == 0
            || request.max_events != 0 && (request.event_size as usize) < EVENT_SIZE
        {
            return Err(EINVAL);
        }
        let mut until = match request.timeout {
            _ if request.max_events == 0 => Until::Now,
            0 => Until::Now,
            ..0 => Until::Ever,
            ns => Until::Within(jiffies(ns)),
        };
        let failed = self.answers(&request, &mut until)?;
        if failed != request.nr_failed {
            request.nr_failed = failed;
            abi::write(arg, size, &request)?;
        }
        if request.max_events == 0 {
            return Ok(0);
        }
        let max = request.max_events.min(MAX_BATCH) as usize;
        let size = request.event_size as usize;
        match self.events(request.events as usize, size, max, until)? {
            Ok(count) => Ok(count as isize),
            Err(Nothing::Signal) if request.nr_answers == 0 => Err(EINTR),
            Err(_) => Ok(0),
        }
    }

    /// Gives answers; says how many failed. Each has been told its own error. If it can, it begins to
    /// wait until then with the last one.
    fn answers(&self, request: &Exchange, until: &mut Until) -> Result<u32> {
        const ERROR: usize = core::mem::offset_of!(Answer, error);

        let size = request.answer_size as usize;
        let (mut failed, mut answer) = (0, Answer::default());
        for i in 1..=request.nr_answers {
            let addr = (request.answers as usize).wrapping_add((i - 1) as usize * size);
            abi::read_to(&mut answer, addr, size)?;
            // If it is well, there is nothing left to do but wait.
            let last = i == request.nr_answers && failed == request.nr_failed && answer.error == 0;
            let begin = |inner: &mut Inner| match (last, &*until) {
                (false, _) | (true, Until::Now) => None,
                _ if !inner.is_empty(self.port) || inner.is_over() => None,
                _ => self.wait.reader.begin(),
            };
            let error = match self.session.answer_and(&answer, begin) {
                Ok(None) => 0,
                Ok(Some(going)) => {
                    until.sleep(going);
                    0
                }
                Err(err) => {
                    give_way();
                    failed += 1;
                    err.to_errno()
                }
            };
            if error != answer.error && size >= ERROR + size_of::<i32>() {
                // What has been answered stays so.
                let place = UserPtr::from_addr(addr.wrapping_add(ERROR));
                UserSlice::new(place, size_of::<i32>())
                    .writer()
                    .write(&error)?;
            }
        }
        Ok(failed)
    }

    // --- threads -------------------------------------------------------------------------------

    fn attach(&self, arg: usize, size: usize) -> Result {
        let mut request: Attach = abi::read(arg, size)?;
        if request.flags & !(uapi::ATTACH_PROCESS | uapi::ATTACH_INTERRUPT) != 0 {
            return Err(EINVAL);
        }
        let thread = thread_by_pid(request.pid)?;
        if task::is_of_current_process(&thread) {
            return Err(EINVAL);
        }
        with_ptrace_access(&thread, || {
            // Whoever else has the session gets no more rights by that.
            if !self.session.opener.may_trace(&thread) {
                return Err(EPERM);
            }
            request.thread = self.add(&thread, request.flags)?;
            if request.flags & uapi::ATTACH_PROCESS != 0 {
                self.add_process(&thread, request.flags)?;
            }
            Ok(())
        })?;
        abi::write(arg, size, &request)
    }

    fn add(&self, thread: &Task, flags: u32) -> Result<u64> {
        if task::is_dead(thread) {
            return Err(ESRCH);
        }
        let origin = Origin {
            flags: uapi::BY_ATTACH,
            parent: 0,
            clone_flags: 0,
            cookie: 0,
            port: self.port,
            sweeps: 0,
        };
        let (id, engine) = tracee::add(&self.session, thread, origin)?;
        if task::is_dead(thread) {
            // Its death may have been reported before the engine was there: then nobody else says so.
            self.session.ended(id, 0);
            let _ = engine.control(Control::Detach);
            return Ok(id);
        }
        if flags & uapi::ATTACH_INTERRUPT != 0 {
            // It may be gone already: its END says so.
            let _ = engine.control(Control::Interrupt);
        }
        Ok(id)
    }

    /// All other threads of the process that the caller, and the opener, may trace. If new threads are
    /// followed, those too that are made meanwhile by one that is not in the session yet; if not,
    /// those that are there now.
    fn add_process(&self, thread: &Task, flags: u32) -> Result {
        let follows = self.session.lock().options.follow & uapi::FOLLOW_THREADS != 0;
        loop {
            // Those that come while this goes on would keep it going.
            let (until, mut after, mut any) = (now(), 0, false);
            while let Some(next) = task::thread_after(thread, after, until) {
                if task::is_current_dying() {
                    return Err(EINTR);
                }
                after = next.pid();
                // Whom none of this reaches is on its way out, or somebody else's.
                any |= has_ptrace_access(&next)
                    && self.session.opener.may_trace(&next)
                    && self.add(&next, flags).is_ok();
            }
            if !any || !follows {
                return Ok(());
            }
        }
    }

    fn detach(&self, request: &Thread) -> Result {
        self.session
            .lock()
            .thread(request.thread)
            .filter(|entry| entry.ended.is_none())
            .ok_or(ESRCH)?;
        self.session.detach(request.thread);
        Ok(())
    }

    fn set_thread(&self, request: &SetThread) -> Result {
        let session = &self.session;
        let cookie = (request.flags & uapi::SET_COOKIE != 0).then_some(request.cookie);
        if request.flags & !(uapi::SET_COOKIE | uapi::SET_QUEUE) != 0 {
            return Err(EINVAL);
        }
        if request.flags & uapi::SET_QUEUE == 0 {
            return match request.fd {
                0 => session.set_thread(request.thread, cookie, None),
                _ => Err(EINVAL),
            };
        }
        device::with_file(request.fd, |file| {
            if !file.is_of(&**session) {
                return Err(EINVAL);
            }
            // While it is open, its queue is.
            session.set_thread(request.thread, cookie, Some(file.queue()?.port))
        })?
    }

    // --- what is reported ------------------------------------------------------------------------

    fn set_options(&self, options: &Options) -> Result {
        let errno = match options.at_close {
            uapi::AT_CLOSE_FAIL => 1..=4095,
            uapi::AT_CLOSE_DETACH | uapi::AT_CLOSE_KILL => 0..=0,
            _ => return Err(EINVAL),
        };
        if !errno.contains(&options.at_close_errno)
            || options.follow & !(uapi::FOLLOW_THREADS | uapi::FOLLOW_PROCESSES) != 0
            || options.flags != 0
        {
            return Err(EINVAL);
        }
        self.session.lock().options = *options;
        Ok(())
    }

    fn set_events(&self, events: &Events) -> Result {
        if events.wait & !uapi::MAY_WAIT != 0 || events.record & !uapi::MAY_RECORD != 0 {
            return Err(EINVAL);
        }
        let _alone = self.session.settings.lock();
        self.session.filter.set_events(events);
        self.session.update_all();
        Ok(())
    }

    fn set_calls(&self, calls: &Calls) -> Result {
        if calls.flags & !uapi::CALLS_OTHERS != 0 || calls.what == 0 {
            return Err(EINVAL);
        }
        if calls.what > uapi::CALLS_COUNT {
            return Err(EINVAL);
        }
        let bytes = calls.bits.div_ceil(64) as usize * size_of::<u64>();
        let bitmap = UserSlice::new(UserPtr::from_addr(calls.bitmap as usize), bytes);
        let mut reader = bitmap.reader();
        let others = calls.flags & uapi::CALLS_OTHERS != 0;
        let words = filter::words(calls.bits, others, || reader.read())?;
        let _alone = self.session.settings.lock();
        if calls.what == uapi::CALLS_COUNT && self.session.counts.as_ref().is_none() {
            self.session.counts.populate(Counts::new()?);
        }
        self.session
            .filter
            .set_calls(calls.what, calls.abi, &words, others)?;
        self.session.update_all();
        Ok(())
    }

    fn set_paths(&self, request: &abi::Paths) -> Result {
        if request.flags != 0 {
            return Err(EINVAL);
        }
        let size = request.size as usize;
        let paths = Paths::new(size, |text| {
            let from = UserPtr::from_addr(request.paths as usize);
            UserSlice::new(from, size).read_all(text, GFP_KERNEL_ACCOUNT)
        })?;
        self.session.set_paths(paths)
    }

    // --- the ring ----------------------------------------------------------------------------------

    fn set_ring(&self, setup: &RingSetup) -> Result {
        if self.ring.as_ref().is_some() {
            return Err(EBUSY);
        }
        let memory = ring::allocate(setup)?;
        if !self.ring.populate(memory.clone()) {
            return Err(EBUSY);
        }
        self.session.set_ring(self.port, &memory, setup);
        Ok(())
    }

    /// In their order; the first one that is wrong ends it.
    fn set_copies(&self, batch: &Batch) -> Result {
        let size = batch.item_size as usize;
        if batch.count != 0 && size == 0 {
            return Err(EINVAL);
        }
        for i in 0..batch.count as usize {
            let addr = (batch.items as usize).wrapping_add(i * size);
            // Without the lock: how long that memory takes is up to its owner.
            let copy: abi::Copy = abi::read(addr, size)?;
            self.set_copy(&copy)?;
        }
        Ok(())
    }

    fn set_copy(&self, copy: &abi::Copy) -> Result {
        let session = &self.session;
        let _alone = session.settings.lock();
        if session.copies.as_ref().is_none() {
            session.copies.populate(Copies::new()?);
        }
        let has = session.copies.as_ref().ok_or(ENOMEM)?.set(copy)?;
        let filter = &session.filter;
        filter.set_copies(copy.abi as usize, copy.nr, has);
        Ok(())
    }

    fn counts(&self, request: &abi::Counts) -> Result {
        if request.flags != 0 || request.reserved != 0 {
            return Err(EINVAL);
        }
        let counts = self.session.counts.as_ref().ok_or(EINVAL)?;
        let size = request.count_size as usize;
        let mut addr = request.counts as usize;
        for count in counts.some(request.abi, request.first, request.nr_counts)? {
            abi::write(addr, size, &count)?;
            addr = addr.wrapping_add(size);
        }
        Ok(())
    }

    // --- all of them -----------------------------------------------------------------------------

    fn ioctl(&self, number: u32, arg: usize, size: usize) -> Result<isize> {
        match number {
            nr::EXCHANGE => return self.exchange(arg, size),
            nr::ANSWER => self.session.answer(&abi::read(arg, size)?)?,
            nr::SET_OPTIONS => self.set_options(&abi::read(arg, size)?)?,
            nr::SET_CALLS => self.set_calls(&abi::read(arg, size)?)?,
            nr::SET_EVENTS => self.set_events(&abi::read(arg, size)?)?,
            nr::ADOPT => {
                let request: Adopt = abi::read(arg, size)?;
                if request.flags != 0 || request.reserved != 0 {
                    return Err(EINVAL);
                }
                adopt::adopt(&self.session, self.port, &request)?;
            }
            nr::ATTACH => self.attach(arg, size)?,
            nr::DETACH_THREAD => self.detach(&abi::read(arg, size)?)?,
            nr::MEMORY => memory::batch(&self.session, &batch(arg, size)?)?,
            nr::SNAPSHOT => return snapshot::take(&self.session, &abi::read(arg, size)?),
            nr::PUT_FD => return descriptor::put(&self.session, &abi::read(arg, size)?),
            nr::CLOSE_FD => descriptor::close(&self.session, &abi::read(arg, size)?)?,
            nr::RING => self.set_ring(&abi::read(arg, size)?)?,
            nr::RING_DONE => self.session.room(self.port)?,
            nr::SET_FDS => self.session.set_fds(&abi::read(arg, size)?)?,
            nr::SET_PATHS => self.set_paths(&abi::read(arg, size)?)?,
            nr::SET_COPY => self.set_copies(&batch(arg, size)?)?,
            nr::COUNTS => self.counts(&abi::read(arg, size)?)?,
            nr::SET_THREAD => self.set_thread(&abi::read(arg, size)?)?,
            0..=nr::LAST => return Err(eopnotsupp()),
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }

    fn show(&self, m: &SeqFile) {
        let session = &self.session;
        let Inner {
            live,
            waiting,
            events,
            lost,
            options,
            ..
        } = *session.lock();
        let unread = session
            .lock()
            .port(self.port)
            .map_or(0, |port| port.fifo.len());
        let at_close = match options.at_close {
            uapi::AT_CLOSE_FAIL => "fail",
            uapi::AT_CLOSE_KILL => "kill",
            _ => "detach",
        };
        seq_print!(
            m,
            "kmview-session:\tthreads={} waiting={} unread={} events={} lost={} at-close={}\n",
            live,
            waiting,
            unread,
            events,
            lost,
            at_close
        );
        session.for_each_thread(|id| {
            let mut inner = session.lock();
            let Some(entry) = inner.thread(id).filter(|entry| entry.ended.is_none()) else {
                return;
            };
            let (tid, pid) = (entry.tid, entry.pid);
            let kind = match entry.waits() {
                true => entry.event.kind,
                false => 0,
            };
            let (ticket, read) = (entry.ticket, u32::from(entry.is_read()));
            drop(inner);
            seq_print!(
                m,
                "kmview-thread:\ttid={} pid={} kind={} ticket={} read={}\n",
                tid,
                pid,
                kind,
                ticket,
                read
            );
        });
    }
}

fn info(arg: usize, size: usize) -> Result {
    abi::write(
        arg,
        size,
        &Info {
            version: uapi::VERSION,
            event_size: EVENT_SIZE as u32,
            features: uapi::FEATURES,
            max_calls: filter::MAX_CALLS,
            max_batch: MAX_BATCH,
            events: uapi::ALL_KINDS.into(),
        },
    )
}

/// Reads the head of a batch.
fn batch(arg: usize, size: usize) -> Result<Batch> {
    let batch: Batch = abi::read(arg, size)?;
    match batch.count <= MAX_BATCH {
        true => Ok(batch),
        false => Err(EINVAL),
    }
}

/// At least one, and at most what the kernel can wait.
fn jiffies(ns: i64) -> Jiffies {
    const NS_PER_MS: i64 = 1_000_000;

    let ms = (ns / NS_PER_MS).saturating_add(1);
    msecs_to_jiffies(ms.min(i32::MAX.into()) as u32).max(1)
}
