// SPDX-License-Identifier: GPL-2.0

//! Adoption: a thread gives its next children, or itself, to a session.

use crate::{
    session::Session,
    sys::{
        abi::Adopt,
        errno::estale,
        task,
        uapi, //
    },
    thread::Origin,
    tracee, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
    task::Task, //
};
use utrace::{
    Action,
    AttachOptions,
    CloneReport,
    Engine,
    EventSet,
    ExecReport,
    Tracer, //
};

/// The tracer of a thread that gives.
struct Adoption {
    session: Arc<Session>,
    /// Among the adoptions of the session.
    number: u64,
    /// How often all threads had been let go when it began.
    sweeps: u64,
    port: usize,
    /// The thread itself is meant, not its children.
    itself: bool,
    /// How many children are still meant; 0: all.
    count: Atomic<u32>,
}

impl Adoption {
    fn origin(&self, clone_flags: u64) -> Origin {
        Origin {
            flags: uapi::BY_ADOPT,
            parent: 0,
            clone_flags,
            cookie: 0,
            port: self.port,
            sweeps: self.sweeps,
        }
    }
}

impl Drop for Adoption {
    fn drop(&mut self) {
        self.session.end_adoption(self.number);
    }
}

/// Does what `KMVIEW_ADOPT` asks, for the current thread.
pub(crate) fn adopt(session: &Arc<Session>, port: usize, request: &Adopt) -> Result {
    let current: &Task = kernel::current!();
    let events = match request.what {
        uapi::ADOPT_CHILDREN => EventSet::CLONE | EventSet::EXEC,
        uapi::ADOPT_SELF if request.count == 0 => EventSet::EXEC,
        uapi::ADOPT_NONE if request.count == 0 => {
            let address = task::address(current);
            session.end_adoptions(|given| given.is_by(address));
            return Ok(());
        }
        _ => return Err(EINVAL),
    };
    if !session.opener.may_adopt_current() {
        return Err(EPERM);
    }
    let itself = request.what == uapi::ADOPT_SELF;
    let (number, sweeps) = session.begin_adoption()?;
    // From here on, its end is that of the value.
    let adoption = Adoption {
        session: session.clone(),
        number,
        sweeps,
        port,
        itself,
        count: Atomic::new(request.count),
    };
    let engine = Engine::attach_with(
        current,
        Arc::new(adoption, GFP_KERNEL_ACCOUNT)?,
        events,
        AttachOptions::default(),
    )?;
    session.add_adoption(number, itself, (*engine).clone())?;
    engine.release();
    Ok(())
}

#[vtable]
impl Tracer for Adoption {
    fn clone(this: ArcBorrow<'_, Self>, report: &mut CloneReport<'_>) -> Action {
        if report.flags() & u64::from(bindings::CLONE_THREAD) != 0 {
            return Action::Resume;
        }
        // It may have got more rights since it asked for this, or the rules may be others: those for the
        // child are those for the one who gives it.
        let opener = &this.session.opener;
        if !opener.may_trace(report.child()) || !opener.may_adopt_current() {
            return Action::Detach;
        }
        let origin = this.origin(report.flags());
        match tracee::add(&this.session, report.child(), origin) {
            Ok(_) => {}
            Err(err) if err == EEXIST => {}
            // It is over, and its end is on its way.
            Err(err) if err == estale() => return Action::Detach,
            Err(_) => {
                this.session.lose();
                // Who asked for it counts on it.
                task::kill(report.child());
            }
        }
        match this.count.load(Relaxed) {
            0 => Action::Resume,
            1 => Action::Detach,
            left => {
                this.count.store(left - 1, Relaxed);
                Action::Resume
            }
        }
    }

    fn exec(this: ArcBorrow<'_, Self>, report: &mut ExecReport<'_>) -> Action {
        // What it may not reach, it does not; nor what that makes.
        if this.session.opener.may_adopt_current() {
            if !this.itself {
                return Action::Resume;
            }
            let origin = this.origin(0);
            match tracee::add(&this.session, report.thread(), origin) {
                Ok(_) => {}
                Err(err) if err == EEXIST || err == estale() => {}
                Err(_) => {
                    this.session.lose();
                    task::kill_current();
                }
            }
        }
        Action::Detach
    }
}
