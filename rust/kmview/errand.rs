// SPDX-License-Identifier: GPL-2.0

//! Errands: what only a thread itself can do, and does for its monitor while it waits.
//!
//! The thread, woken if it sleeps, finds the errand where it would find its answer, runs it, and waits on with
//! the same ticket. Whoever sent it keeps the thread from going on meanwhile, as long as it waits.

use crate::{
    events,
    names::Own,
    session::Session,
    snapshot::{
        self,
        Wanted, //
    },
    sys::{
        abi::Event,
        atomic::AtomicU32,
        descriptor::{
            self,
            OpenedFile, //
        },
        errno::estale,
        task,
        uapi::Kind, //
    },
    table, //
};
use kernel::{
    new_condvar,
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        SpinLock, //
    }, //
};
use utrace::SyscallEntryReport;

/// What there is to do.
pub(crate) enum Work {
    Snapshot(Wanted),
    PutFd {
        file: OpenedFile,
        target: Option<i32>,
        cloexec: bool,
    },
    CloseFd(i32),
}

/// What came of it.
pub(crate) struct Done {
    /// What the ioctl returns.
    pub(crate) value: usize,
    /// And the bytes that it gives.
    pub(crate) bytes: KVec<u8>,
    /// What was closed. The thread would hold it until it is in user mode, so the monitor does the last
    /// of it.
    _closed: Option<OpenedFile>,
}

impl Done {
    pub(crate) fn new(value: usize, bytes: KVec<u8>) -> Self {
        Done {
            value,
            bytes,
            _closed: None,
        }
    }
}

pub(crate) type Outcome = Result<Done>;

/// One errand.
#[pin_data]
pub(crate) struct Errand {
    work: Work,
    #[pin]
    state: SpinLock<State>,
    #[pin]
    done: CondVar,
}

struct State {
    is_done: bool,
    /// For who sent it; others may wait for its end, too.
    outcome: Option<Outcome>,
}

impl Work {
    /// Whether it can be done at such an event.
    fn fits(&self, event: &Event) -> bool {
        match self {
            Work::Snapshot(_) => event.kind == Kind::Entry as u16,
            Work::PutFd { .. } | Work::CloseFd(_) => true,
        }
    }

    /// Once it is begun it is over soon: it waits for nobody.
    fn is_short(&self) -> bool {
        matches!(self, Work::PutFd { target: None, .. })
    }
}

impl Errand {
    /// By the thread: does it. `copied`: which arguments of its call have a copy for this session;
    /// `own`: what it has open.
    pub(crate) fn run(
        &self,
        copied: &AtomicU32,
        own: &Own,
        call: Option<&mut SyscallEntryReport<'_>>,
    ) {
        if task::is_current_dying() {
            return self.finish(Err(estale()));
        }
        let outcome = match &self.work {
            Work::Snapshot(wanted) => call
                .ok_or(EINVAL)
                .and_then(|call| snapshot::make(wanted, copied, call)),
            Work::PutFd {
                file,
                target,
                cloexec,
            } => {
                let _closed = target.and_then(|fd| OpenedFile::get(fd).ok());
                file.put(*target, *cloexec).map(|fd| {
                    own.is_other(fd);
                    Done {
                        _closed,
                        ..Done::new(fd as usize, KVec::new())
                    }
                })
            }
            Work::CloseFd(fd) => {
                let _closed = OpenedFile::get(*fd).ok();
                descriptor::close(*fd).map(|()| {
                    own.is_other(*fd);
                    Done {
                        _closed,
                        ..Done::new(0, KVec::new())
                    }
                })
            }
        };
        let outcome = match outcome {
            // Its memory was not to be had in time.
            Err(_) if task::is_current_dying() => Err(estale()),
            outcome => outcome,
        };
        self.finish(outcome);
    }

    fn is_done(&self) -> bool {
        self.state.lock().is_done
    }

    /// Tells who waits for it. Under the session's lock, or without.
    pub(crate) fn finish(&self, outcome: Outcome) {
        let mut state = self.state.lock();
        state.is_done = true;
        state.outcome = Some(outcome);
        self.done.notify_all();
    }

    /// Waits until it is done; `false`: a signal came first.
    fn wait(&self, interruptible: bool) -> bool {
        let mut state = self.state.lock();
        while !state.is_done {
            if !interruptible {
                self.done.wait(&mut state);
            } else if self.done.wait_interruptible(&mut state) {
                return state.is_done;
            }
        }
        true
    }
}

impl Session {
    /// Has the thread that waits with `ticket` do something. Gives what came of it.
    ///
    /// # Errors
    ///
    /// * `ESTALE`: it no longer waits.
    /// * `EPERM`: it has become one that the session may not reach into.
    /// * `EINVAL`: not at such an event.
    /// * `ERESTARTSYS`: a signal came, and nothing was done.
    /// * `EINTR`: a signal came while the thread was busy with it, and is.
    pub(crate) fn send(&self, ticket: u64, work: Work) -> Outcome {
        // Until this is dropped the thread does not go on.
        let held = self.hold(ticket)?;
        if !self.opener.may_access(held.engine.thread()) {
            return Err(EPERM);
        }
        let errand = Arc::pin_init(
            pin_init!(Errand {
                work,
                state <- new_spinlock!(State {
                    is_done: false,
                    outcome: None,
                }),
                done <- new_condvar!(),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;
        loop {
            let mut inner = self.lock();
            let entry = inner.waiting(ticket)?;
            if !errand.work.fits(&entry.event) {
                return Err(EINVAL);
            }
            let Some(other) = entry.errand.clone() else {
                entry.errand = Some(errand.clone());
                // One that is dying takes it no more; its end says so.
                let _ = events::resume(entry);
                break;
            };
            drop(inner);
            // Another thread of the monitor was first. What it sent may be begun before it is done:
            // then ours is the next.
            if !other.wait(true) {
                return Err(ERESTARTSYS);
            }
        }
        if !errand.wait(true) {
            if self.withdraw(ticket, &errand) {
                return Err(ERESTARTSYS);
            }
            if !errand.work.is_short() && !errand.is_done() {
                return Err(EINTR);
            }
            errand.wait(false);
        }
        let outcome = errand.state.lock().outcome.take();
        outcome.unwrap_or_else(|| Err(estale()))
    }

    /// Takes an errand back, if the thread has not begun it.
    fn withdraw(&self, ticket: u64, errand: &Arc<Errand>) -> bool {
        let mut inner = self.lock();
        let Some(entry) = inner.threads.get(table::slot_of(ticket)) else {
            return false;
        };
        let taken = entry
            .errand
            .take_if(|other| core::ptr::eq::<Errand>(&**other, &**errand));
        taken.is_some()
    }
}
