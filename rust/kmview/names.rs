// SPDX-License-Identifier: GPL-2.0

//! What the calls of a thread name: whether that is selected, and what becomes of its descriptors.
//!
//! The set of a process is changed at the entry of a call that closes a descriptor, before its number
//! can be used again, and at the exit of one that makes another of it.

use crate::{
    copy::Call,
    fdset::FdSet,
    filter::Selected,
    paths::Paths,
    session::{
        Inner,
        Session, //
    },
    sys::{
        abi::Fds,
        atomic::AtomicU32,
        names::{
            self,
            Change,
            Names, //
        },
        uapi, //
    },
    thread::Origin, //
};
use kernel::{
    bindings,
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex,
        SpinLock, //
    },
    task::Task, //
};

/// What a thread has to do at the exit of its call.
mod at_exit {
    pub(super) const NOTHING: u32 = 0;
    /// Nothing, but its exits are heard of.
    pub(super) const LINGER: u32 = 1;
    /// What the call gives is selected; if it fails, the descriptor is as before.
    pub(super) const INSERT: u32 = 2;
    /// If it fails, the descriptor is selected as before.
    pub(super) const RESTORE: u32 = 3;
    /// The thread has a table of its own.
    pub(super) const UNSHARE: u32 = 4;
}

/// What a thread knows of itself; nobody else uses it.
#[pin_data]
pub(crate) struct Own {
    #[pin]
    fds: SpinLock<Arc<FdSet>>,
    at_exit: AtomicU32,
    /// The descriptor that it is about, or -1.
    fd: Atomic<i32>,
}

impl Own {
    pub(crate) fn new(fds: Arc<FdSet>) -> impl PinInit<Self> {
        pin_init!(Own {
            fds <- new_spinlock!(fds),
            at_exit: AtomicU32::new(at_exit::NOTHING),
            fd: Atomic::new(0),
        })
    }

    fn fds(&self) -> Arc<FdSet> {
        self.fds.lock().clone()
    }

    /// The thread has a table of its own, with what is `kept` of the one before.
    fn unshare(&self, session: &Session, id: u64, kept: impl Fn(i32) -> bool) {
        // Without memory, it has too many.
        let Ok(fds) = self.fds().copy(kept) else {
            return;
        };
        session.set_fds_of(id, fds.clone());
        let before = core::mem::replace(&mut *self.fds.lock(), fds);
        drop(before);
    }

    /// Whether a call that is in these sets names something that is selected.
    pub(crate) fn select(
        &self,
        session: &Session,
        sets: Selected,
        call: &Call<'_>,
        scratch: &Mutex<KVec<u8>>,
    ) -> bool {
        let Some(names) = names::names(call.abi, call.nr) else {
            // Who knows what it names.
            return true;
        };
        if sets.has(Selected::FD) && self.has_fd(names, call.args) {
            return true;
        }
        let paths = names.paths | names.ats;
        if !sets.has(Selected::PATH) || paths == 0 {
            return false;
        }
        let Some(prefixes) = session.paths() else {
            return false;
        };
        let mut scratch = scratch.lock();
        bits(paths).any(|arg| {
            let directory = match names.ats >> arg & 1 {
                0 => names::CURRENT,
                _ => call.args[arg - 1] as i32,
            };
            prefixes.select_of_current(call.args[arg], directory, &mut scratch)
        })
    }

    fn has_fd(&self, names: Names, args: &[usize; 6]) -> bool {
        if !matches!(names.change, Change::InMemory | Change::CloseRange) {
            let fds = self.fds.lock();
            if bits(names.fds).any(|arg| fds.has_small(args[arg] as i32)) {
                return true;
            }
            if !fds.may_have_large() {
                return false;
            }
        }
        // That takes a lock with which one may sleep.
        let fds = self.fds();
        match names.change {
            Change::InMemory => !fds.is_empty(),
            Change::CloseRange => fds.has_range(args[0] as u32, args[1] as u32),
            _ => bits(names.fds).any(|arg| fds.has(args[arg] as i32)),
        }
    }

    /// A number of the thread is no longer what it was.
    pub(crate) fn is_other(&self, fd: i32) {
        self.fds().remove(fd);
    }

    // --- following ---------------------------------------------------------------------------------

    /// At the entry of a call that is going to be made. Says whether its exit matters.
    pub(crate) fn enter(&self, session: &Session, id: u64, call: &Call<'_>) -> bool {
        const F_DUPFD: i32 = 0;
        const F_DUPFD_CLOEXEC: i32 = 1030;

        let Some(names) = names::names(call.abi, call.nr) else {
            return false;
        };
        let (fds, args) = (self.fds(), call.args);
        let (first, second) = (args[0] as i32, args[1] as i32);
        let (what, fd) = match names.change {
            Change::Dup if fds.has(first) => (at_exit::INSERT, -1),
            Change::Fcntl if matches!(second, F_DUPFD | F_DUPFD_CLOEXEC) && fds.has(first) => {
                (at_exit::INSERT, -1)
            }
            Change::Dup2 if first != second => {
                let had = fds.has(second);
                fds.remove(second);
                match (fds.has(first), had) {
                    (true, true) => (at_exit::INSERT, second),
                    (true, false) => (at_exit::INSERT, -1),
                    (false, true) => (at_exit::RESTORE, second),
                    (false, false) => return false,
                }
            }
            Change::Unshare if args[0] & bindings::CLONE_FILES as usize != 0 => {
                (at_exit::UNSHARE, -1)
            }
            Change::Close => {
                fds.remove(first);
                return false;
            }
            Change::CloseRange => {
                self.close_range(session, id, args);
                return false;
            }
            _ => return false,
        };
        self.fd.store(fd, Relaxed);
        self.at_exit.store(what);
        true
    }

    fn close_range(&self, session: &Session, id: u64, args: &[usize; 6]) {
        const UNSHARE: u32 = 1 << 1;
        const CLOEXEC: u32 = 1 << 2;

        let (first, last, flags) = (args[0] as u32, args[1] as u32, args[2] as u32);
        if flags & !(UNSHARE | CLOEXEC) != 0 || first > last {
            return;
        }
        if flags & UNSHARE != 0 {
            self.unshare(session, id, |_| true);
        }
        if flags & CLOEXEC == 0 {
            self.fds().remove_range(first, last);
        }
    }

    /// At the exit of a call, which gave `result`.
    #[inline]
    pub(crate) fn exit(&self, session: &Session, id: u64, result: isize) {
        let what = self.at_exit.load();
        if what > at_exit::LINGER {
            self.follow(session, id, what, result);
        }
    }

    #[cold]
    fn follow(&self, session: &Session, id: u64, what: u32, result: isize) {
        let fd = self.fd.load(Relaxed);
        match what {
            at_exit::INSERT if result >= 0 => self.fds().insert_anyway(result as i32),
            at_exit::INSERT | at_exit::RESTORE if result < 0 && fd >= 0 => {
                self.fds().insert_anyway(fd);
            }
            at_exit::UNSHARE if result == 0 => self.unshare(session, id, |_| true),
            _ => {}
        }
        self.at_exit.store(at_exit::LINGER);
    }

    /// Whether exits were heard of for what is done by now; they are no longer.
    #[inline]
    pub(crate) fn end_linger(&self) -> bool {
        let lingers = self.at_exit.load() == at_exit::LINGER;
        if lingers {
            self.at_exit.store(at_exit::NOTHING);
        }
        lingers
    }

    /// The thread has a new program, and what was to be closed is.
    pub(crate) fn exec(&self, session: &Session, id: u64) {
        if session.filter.follows() {
            self.unshare(session, id, names::is_open);
        }
    }
}

fn bits(mask: u8) -> impl Iterator<Item = usize> {
    (0..6).filter(move |arg| mask >> arg & 1 != 0)
}

impl Session {
    fn set_fds_of(&self, id: u64, fds: Arc<FdSet>) {
        let mut inner = self.lock();
        let before = inner
            .thread(id)
            .map(|entry| core::mem::replace(&mut entry.fds, fds));
        drop(inner);
        drop(before);
    }

    /// The set of a thread that comes: it shares that of its maker, or has a copy. Whether it shares
    /// that of another thread is to be looked for under the lock: [`Inner::shared_fds`].
    pub(crate) fn fds_of_new(&self, origin: &Origin) -> Result<Arc<FdSet>> {
        let mut inner = self.lock();
        let parent = inner.thread(origin.parent).map(|entry| entry.fds.clone());
        drop(inner);
        match parent {
            Some(fds) if origin.clone_flags & u64::from(bindings::CLONE_FILES) != 0 => Ok(fds),
            Some(fds) => fds.copy(|_| true),
            None => FdSet::new(),
        }
    }

    /// `KMVIEW_SET_FDS`.
    pub(crate) fn set_fds(&self, request: &Fds) -> Result {
        let mut inner = self.lock();
        let entry = inner.thread(request.thread).ok_or(ESRCH)?;
        let fds = entry.fds.clone();
        drop(inner);
        match request.op {
            uapi::FDS_ADD => {
                fds.insert(request.fd)?;
                let _alone = self.settings.lock();
                if !self.filter.follows() {
                    self.filter.follow();
                    self.update_all();
                }
            }
            uapi::FDS_REMOVE => fds.remove(request.fd),
            uapi::FDS_CLEAR if request.fd == 0 => fds.clear(),
            _ => return Err(EINVAL),
        }
        Ok(())
    }

    fn paths(&self) -> Option<Arc<Paths>> {
        self.paths.lock().clone()
    }

    /// `KMVIEW_SET_PATHS`.
    pub(crate) fn set_paths(&self, paths: Option<Paths>) -> Result {
        let paths = match paths {
            Some(paths) => Some(Arc::new(paths, GFP_KERNEL_ACCOUNT)?),
            None => None,
        };
        let before = core::mem::replace(&mut *self.paths.lock(), paths);
        drop(before);
        Ok(())
    }
}

impl Inner {
    /// The set of another thread with the same table of descriptors, if there is one.
    pub(crate) fn shared_fds(&mut self, thread: &Task) -> Option<Arc<FdSet>> {
        let files = names::files(thread);
        (0..self.threads.len()).find_map(|slot| {
            let entry = self.threads.get(slot)?;
            let same = names::files(entry.task.as_ref()?) == files;
            same.then(|| entry.fds.clone())
        })
    }
}
