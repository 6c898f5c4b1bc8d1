// SPDX-License-Identifier: GPL-2.0

//! A thread of a session, as utrace calls it.

use crate::{
    session::{
        Decision,
        Policy,
        Posted,
        Session, //
    },
    sys::{
        abi::{
            self,
            Body,
            Event, //
        },
        task,
        uapi::{
            self,
            Kind, //
        }, //
    },
    thread::{
        Entry,
        Origin, //
    }, //
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
    Control,
    DeathAction,
    DeathReport,
    Disposition,
    Engine,
    EngineRef,
    EventSet,
    ExecReport,
    ExitReport,
    QuiesceReport,
    SignalReport,
    SyscallAction,
    SyscallEntryReport,
    SyscallExitReport,
    Tracer, //
};

/// The tracer of one thread of one session.
pub(crate) struct Tracee {
    session: Arc<Session>,
    id: u64,
    /// How the thread came.
    origin: Origin,
    /// What the answer at the entry said about the exit. Only the thread itself uses it.
    ret: Atomic<u32>,
    /// It has been called for the entry of some call; likewise.
    called: Atomic<bool>,
}

const BY_FILTER: u32 = 0;
const WANTED: u32 = 1;
const UNWANTED: u32 = 2;

/// Takes a thread into the session: one that runs, the current one, or one that has just been made.
/// Gives its number, and its engine.
pub(crate) fn add(
    session: &Arc<Session>,
    thread: &Task,
    origin: Origin,
) -> Result<(u64, EngineRef)> {
    let fresh = origin.flags & uapi::BY_ATTACH == 0;
    // A fresh one has its say before its first instruction.
    let waits = fresh && session.filter.waits(Kind::New);
    let extra = match fresh {
        true => EventSet::QUIESCE,
        false => EventSet::NONE,
    };
    let id = session.insert(thread, origin, extra, !waits)?;
    let engine = attach(session, thread, id, origin, extra).inspect_err(|_| {
        session.ended(id, uapi::OUT_OF_REACH);
    })?;
    session.set_engine(id, &engine);
    if fresh {
        // It has not run yet: this cannot be too late, unless it is killed.
        let _ = engine.control(Control::Report);
    }
    Ok((id, engine))
}

fn attach(
    session: &Arc<Session>,
    thread: &Task,
    id: u64,
    origin: Origin,
    extra: EventSet,
) -> Result<EngineRef> {
    let tracee = Tracee {
        session: session.clone(),
        id,
        origin,
        ret: Atomic::new(BY_FILTER),
        called: Atomic::new(false),
    };
    let events = session.filter.events() | extra;
    let engine = Engine::attach_with(
        thread,
        Arc::new(tracee, GFP_KERNEL_ACCOUNT)?,
        events,
        AttachOptions::default(),
    )?;
    Ok(engine.release())
}

impl Drop for Tracee {
    fn drop(&mut self) {
        self.session.engine_gone(self.id);
    }
}

/// Does what a session without a monitor wants, except for failing calls.
fn follow(policy: Policy) -> Action {
    match policy {
        Policy::Detach => Action::Detach,
        Policy::Fail(_) => Action::Resume,
        Policy::Kill => {
            task::kill_current();
            Action::Resume
        }
    }
}

/// The same, for what waits with an event that is nothing to fail.
fn posted(posted: Posted) -> Action {
    match posted {
        Posted::Waits => Action::Pause,
        Posted::Closed(policy) => follow(policy),
        Posted::Gone => Action::Detach,
    }
}

/// What a thread that has waited does, if the answer does not matter.
fn decided(decision: Decision) -> Action {
    match decision {
        Decision::Answer(_) => Action::Resume,
        Decision::Again => Action::Pause,
        Decision::Closed(policy) => follow(policy),
        Decision::Gone => Action::Detach,
    }
}

impl Tracee {
    /// Before the first instruction, or before whatever else comes first.
    fn start(&self, report: &mut QuiesceReport<'_>) -> Action {
        if self.origin.flags & uapi::BY_ADOPT != 0 {
            self.session.close_own_files();
        }
        self.session
            .set_extra(self.id, |extra| extra - EventSet::QUIESCE);
        if !self.session.filter.waits(Kind::New) {
            return Action::Resume;
        }
        let regs = report.regs();
        let event = Event {
            ip: regs.ip as u64,
            sp: regs.sp as u64,
            ..Entry::created(self.origin)
        };
        let stop = report.ticket().number();
        posted(self.session.post(self.id, event, stop, || report.engine()))
    }

    fn take_entry(&self, report: &mut SyscallEntryReport<'_>) -> SyscallAction {
        let answer = match self.session.decision(self.id, report.ticket().number()) {
            Decision::Answer(answer) => answer,
            Decision::Closed(policy) => return self.fail_entry(report, policy),
            other => return decided(other).into(),
        };
        let ret = match answer.flags & (uapi::WANT_RETURN | uapi::NO_RETURN) {
            uapi::WANT_RETURN => {
                self.session
                    .set_extra(self.id, |extra| extra | EventSet::SYSCALL_EXIT);
                WANTED
            }
            uapi::NO_RETURN => UNWANTED,
            _ if answer.action == uapi::SKIP => UNWANTED,
            _ => BY_FILTER,
        };
        self.ret.store(ret, Relaxed);
        if answer.action == uapi::SKIP {
            report.set_result(answer.result as isize);
            return SyscallAction::abort(Action::Resume);
        }
        if answer.flags & uapi::SET_NR != 0 {
            report.set_nr(answer.nr as i32);
        }
        if answer.flags & uapi::SET_ARGS != 0 {
            report.set_args(answer.args.map(|arg| arg as usize));
        }
        Action::Resume.into()
    }

    fn fail_entry(&self, report: &mut SyscallEntryReport<'_>, policy: Policy) -> SyscallAction {
        match policy {
            Policy::Fail(errno) => {
                report.set_result(-(errno as isize));
                SyscallAction::abort(Action::Resume)
            }
            other => follow(other).into(),
        }
    }

    fn take_return(&self, report: &mut SyscallExitReport<'_>) -> Action {
        let decision = self.session.decision(self.id, report.ticket().number());
        if let Decision::Answer(answer) = &decision {
            if answer.flags & uapi::SET_RESULT != 0 {
                report.set_result(answer.result as isize);
            }
        }
        decided(decision)
    }

    /// Takes a new thread into the session, as the one that makes it is.
    fn follow_child(&self, child: &Task, clone_flags: u64) {
        let Some((origin, follow)) = self.session.origin_of_child(self.id, clone_flags) else {
            return;
        };
        let wanted = match clone_flags & u64::from(bindings::CLONE_THREAD) {
            0 => uapi::FOLLOW_PROCESSES,
            _ => uapi::FOLLOW_THREADS,
        };
        if follow & wanted == 0 {
            return;
        }
        match add(&self.session, child, origin) {
            Ok(_) => {}
            // Another session's monitor, or the same one, has just adopted it.
            Err(err) if err == EEXIST => {}
            // Nobody runs away from a session that is to be the last word.
            Err(_) => match self.session.lose() {
                Policy::Detach => {}
                Policy::Fail(_) | Policy::Kill => task::kill(child),
            },
        }
    }
}

#[vtable]
impl Tracer for Tracee {
    fn quiesce(this: ArcBorrow<'_, Self>, report: &mut QuiesceReport<'_>) -> Action {
        if report.is_again() {
            return decided(this.session.decision(this.id, report.ticket().number()));
        }
        this.start(report)
    }

    fn syscall_entry(
        this: ArcBorrow<'_, Self>,
        report: &mut SyscallEntryReport<'_>,
    ) -> SyscallAction {
        if report.is_again() {
            return this.take_entry(report);
        }
        let (arch, nr) = (report.arch(), report.nr());
        // Somebody asked for a report: we have had our say about this call.
        if report.is_resumed() && this.called.load(Relaxed) {
            return Action::Resume.into();
        }
        this.called.store(true, Relaxed);
        if this.ret.load(Relaxed) != BY_FILTER {
            this.ret.store(BY_FILTER, Relaxed);
        }
        if !this.session.filter.has_entry(arch, nr) {
            return Action::Resume.into();
        }
        let body = Body::Entry(abi::Entry {
            nr: nr.into(),
            args: report.args().map(|arg| arg as u64),
        });
        let mut event = abi::event(Kind::Entry, body);
        event.arch = arch;
        event.ip = report.ip() as u64;
        event.sp = report.sp() as u64;
        if report.is_aborted() {
            event.flags |= uapi::ABORTED;
        }
        let stop = report.ticket().number();
        match this.session.post(this.id, event, stop, || report.engine()) {
            Posted::Closed(policy) => this.fail_entry(report, policy),
            other => posted(other).into(),
        }
    }

    fn syscall_exit(this: ArcBorrow<'_, Self>, report: &mut SyscallExitReport<'_>) -> Action {
        if report.is_again() {
            return this.take_return(report);
        }
        let (arch, nr) = (report.arch(), report.nr());
        let wanted = match this.ret.load(Relaxed) {
            BY_FILTER => this.session.filter.has_return(arch, nr),
            ret => {
                this.ret.store(BY_FILTER, Relaxed);
                ret == WANTED
            }
        };
        if !wanted {
            return Action::Resume;
        }
        let call = report.current().syscall();
        let result = report.result();
        let body = Body::Return(abi::Return {
            nr: nr.into(),
            result: result as i64,
            is_error: u32::from((-4095..0).contains(&result)),
            reserved: 0,
        });
        let mut event = abi::event(Kind::Return, body);
        event.arch = arch;
        event.ip = call.ip as u64;
        event.sp = call.sp as u64;
        let stop = report.ticket().number();
        posted(this.session.post(this.id, event, stop, || report.engine()))
    }

    fn clone(this: ArcBorrow<'_, Self>, report: &mut CloneReport<'_>) -> Action {
        match this.session.policy_if_closed() {
            Some(Policy::Detach) => return Action::Detach,
            Some(Policy::Kill) => {
                task::kill(report.child());
                return follow(Policy::Kill);
            }
            Some(Policy::Fail(_)) | None => {}
        }
        this.follow_child(report.child(), report.flags());
        Action::Resume
    }

    fn exec(this: ArcBorrow<'_, Self>, report: &mut ExecReport<'_>) -> Action {
        if report.is_again() {
            return decided(this.session.decision(this.id, report.ticket().number()));
        }
        let session = &this.session;
        let numbers = session.opener.numbers(report.thread());
        let former_tid = session.update_numbers(this.id, numbers);
        if !session.opener.may_trace_current() {
            if let Policy::Kill = session.lock().policy() {
                task::kill_current();
            }
            session.ended(this.id, uapi::OUT_OF_REACH);
            return Action::Detach;
        }
        if !session.filter.waits(Kind::Exec) {
            return Action::Resume;
        }
        let body = Body::Exec(abi::Exec {
            former_tid,
            reserved: 0,
        });
        let mut event = abi::event(Kind::Exec, body);
        event.arch = report.current().syscall().arch;
        event.ip = report.ip() as u64;
        event.sp = report.sp() as u64;
        let stop = report.ticket().number();
        posted(session.post(this.id, event, stop, || report.engine()))
    }

    fn signal(this: ArcBorrow<'_, Self>, report: &mut SignalReport<'_>) -> Action {
        if report.is_again() {
            let decision = this.session.decision(this.id, report.ticket().number());
            if let Decision::Answer(answer) = &decision {
                if answer.action == uapi::SKIP {
                    report.set_disposition(Disposition::Ignore);
                }
            }
            return decided(decision);
        }
        if !this.session.filter.has_signal(report.number()) {
            return Action::Resume;
        }
        let (pid, uid) = report.sender();
        let body = Body::Signal(abi::Signal {
            number: report.number(),
            code: report.code(),
            pid,
            uid,
            address: report.address() as u64,
            value: report.value() as u64,
        });
        let event = abi::event(Kind::Signal, body);
        let stop = report.ticket().number();
        posted(this.session.post(this.id, event, stop, || report.engine()))
    }

    fn exit(this: ArcBorrow<'_, Self>, report: &mut ExitReport<'_>) -> Action {
        if report.is_again() {
            return decided(this.session.decision(this.id, report.ticket().number()));
        }
        let status = report.code();
        this.session.set_status(this.id, status);
        if !this.session.filter.waits(Kind::Exit) {
            return Action::Resume;
        }
        let regs = report.regs();
        let body = Body::Exit(abi::Exit {
            status,
            reserved: 0,
        });
        let mut event = abi::event(Kind::Exit, body);
        event.ip = regs.ip as u64;
        event.sp = regs.sp as u64;
        let stop = report.ticket().number();
        posted(this.session.post(this.id, event, stop, || report.engine()))
    }

    fn death(this: ArcBorrow<'_, Self>, report: &mut DeathReport<'_>) -> DeathAction {
        let flags = match report.group_dead() {
            true => uapi::GROUP_DEAD,
            false => 0,
        };
        this.session.ended(this.id, flags);
        DeathAction::Detach
    }
}
