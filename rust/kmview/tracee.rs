// SPDX-License-Identifier: GPL-2.0

//! A thread of a session, as utrace calls it.

use crate::{
    copy::Call,
    count::Running,
    fdset::FdSet,
    filter::{
        self,
        Selected, //
    },
    names::Own,
    session::{
        Decision,
        Policy,
        Posted,
        Session, //
    },
    snapshot::Arguments,
    sys::{
        abi::{
            self,
            Answer,
            Body,
            Event, //
        },
        atomic::{
            AtomicFlag,
            AtomicU32, //
        },
        errno::estale,
        ring,
        task,
        uapi::{
            self,
            Kind, //
        },
        wait, //
    },
    thread::{
        Entry,
        Origin, //
    }, //
};
use kernel::{
    bindings,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        Mutex, //
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
#[pin_data(PinnedDrop)]
pub(crate) struct Tracee {
    session: Arc<Session>,
    id: u64,
    /// How the thread came.
    origin: Origin,
    /// What the answer at the entry said about the exit. Only the thread itself uses it.
    ret: AtomicU32,
    /// Its engine hears of the exits of calls, as far as it asks for them; likewise.
    hears: AtomicFlag,
    /// The number that it had before the exec that is its event; likewise.
    former: AtomicU32,
    /// It has been called for the entry of some call; likewise.
    called: AtomicFlag,
    /// The call that it is in, if that is counted; likewise.
    running: Running,
    /// What it names, and what it has open; likewise.
    #[pin]
    own: Own,
    /// How far it is with its event; likewise.
    stage: AtomicU32,
    /// What an event that waits for room in the ring was selected for; likewise.
    wanted: AtomicU32,
    /// Which arguments of the call have a copy in its place, for this session; likewise.
    copied: AtomicU32,
    /// Where copies are made; likewise.
    #[pin]
    scratch: Mutex<KVec<u8>>,
}

/// Nothing has been done, but perhaps waited for room in the ring.
const BEGUN: u32 = 0;
/// It waits for its answer.
const POSTED: u32 = 1;

const BY_FILTER: u32 = 0;
const WANTED: u32 = 1;
const UNWANTED: u32 = 2;
/// It names nothing that is selected.
const DESELECTED: u32 = 3;

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
    let (id, fds) = session.insert(thread, origin, extra, !waits)?;
    let engine = attach(session, thread, id, origin, fds, extra).inspect_err(|_| {
        session.engine_gone(id);
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
    fds: Arc<FdSet>,
    extra: EventSet,
) -> Result<EngineRef> {
    let tracee = pin_init!(Tracee {
        session: session.clone(),
        id,
        origin,
        ret: AtomicU32::new(BY_FILTER),
        hears: AtomicFlag::new(false),
        former: AtomicU32::new(0),
        called: AtomicFlag::new(false),
        running: Running::new(),
        own <- Own::new(fds),
        stage: AtomicU32::new(BEGUN),
        wanted: AtomicU32::new(0),
        copied: AtomicU32::new(0),
        scratch <- new_mutex!(KVec::new()),
    });
    let events = session.filter.events() | extra;
    let engine = Engine::attach_with(
        thread,
        Arc::pin_init(tracee, GFP_KERNEL_ACCOUNT)?,
        events,
        AttachOptions {
            calls: Some(session.filter.set.clone()),
            ..AttachOptions::default()
        },
    )?;
    Ok(engine.release())
}

#[pinned_drop]
impl PinnedDrop for Tracee {
    fn drop(self: Pin<&mut Self>) {
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
        Posted::Passed => Action::Resume,
        Posted::Closed(policy) => follow(policy),
        Posted::Gone => Action::Detach,
    }
}

/// What a thread that has waited does, if the answer does not matter.
fn decided(decision: Decision) -> Action {
    match decision {
        Decision::Answer(_) => Action::Resume,
        Decision::Errand(_) | Decision::Again => Action::Pause,
        Decision::Closed(policy) => follow(policy),
        Decision::Gone => Action::Detach,
    }
}

/// Whether a call has failed.
fn is_error(result: isize) -> bool {
    (-4095..0).contains(&result)
}

/// What an event is selected for.
#[derive(Clone, Copy)]
struct Wanted {
    wait: bool,
    record: bool,
}

impl Wanted {
    fn kind(session: &Session, kind: Kind) -> Self {
        Wanted {
            wait: session.filter.waits(kind),
            record: session.filter.records(kind),
        }
    }

    fn is_nothing(self) -> bool {
        !self.wait && !self.record
    }
}

/// Why a callback is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Its event has come.
    First,
    /// There may be room for its record now.
    Room,
    /// There is something for the thread that waits: its answer, perhaps.
    Answer,
}

/// Takes an event as far as it gets: it is recorded, and waited with.
macro_rules! take {
    ($this:expr, $report:expr, $wanted:expr, $event:expr) => {
        take!($this, $report, $wanted, $event, (&[], 0))
    };
    ($this:expr, $report:expr, $wanted:expr, $event:expr, $data:expr) => {{
        let (wanted, mut event): (Wanted, Event) = ($wanted, $event);
        let (report, this) = (&*$report, &*$this);
        let stop = report.ticket_number();
        let engine = || report.engine();
        let recorded = !wanted.record || {
            event.time = ring::now();
            let again = report.is_again();
            this.session
                .record(this.id, event, $data, again, stop, engine)
        };
        if !recorded {
            this.wanted.store(u32::from(wanted.wait));
            Posted::Waits
        } else if !wanted.wait {
            Posted::Passed
        } else {
            event.time = 0;
            this.copied.store(0);
            this.stage.store(POSTED);
            this.session.post(this.id, event, stop, engine)
        }
    }};
}

impl Tracee {
    /// Which turn it is. The first one begins anew.
    #[inline(always)]
    fn turn(&self, again: bool) -> Turn {
        if !again {
            self.stage.store(BEGUN);
            return Turn::First;
        }
        match self.stage.load() {
            POSTED => Turn::Answer,
            _ => Turn::Room,
        }
    }

    /// What the event is selected for: what it was when it came, though it had to wait for room.
    #[inline(always)]
    fn wanted(&self, turn: Turn, selected: impl FnOnce() -> Wanted) -> Wanted {
        match turn {
            Turn::Room => Wanted {
                wait: self.wanted.load() != 0,
                record: true,
            },
            _ => selected(),
        }
    }

    /// Copies what is asked for, of a call that is recorded, and does `f` with it.
    #[cold]
    fn with_copies<R>(&self, call: &Call<'_>, f: impl FnOnce((&[u8], u32)) -> R) -> R {
        // Nobody else takes it.
        let mut scratch = self.scratch.lock();
        let may = self.session.opener.may_access(kernel::current!());
        let made = match self.session.copies.as_ref() {
            Some(copies) => copies.make(call, may, &mut scratch),
            None => Ok((0, 0)),
        };
        // Without memory, there are no copies.
        let (len, count) = made.unwrap_or((0, 0));
        f((&scratch[..len], count))
    }

    /// Before the first instruction, or before whatever else comes first.
    fn start(&self, report: &mut QuiesceReport<'_>) -> Action {
        if self.origin.flags & uapi::BY_ADOPT != 0 {
            self.session.close_own_files();
        }
        if !self.session.waits_with_new(self.id) {
            return self.started(Action::Resume);
        }
        let regs = report.regs();
        let event = Event {
            ip: regs.ip as u64,
            sp: regs.sp as u64,
            ..Entry::created(self.origin)
        };
        // Its record was made when it came.
        let wanted = Wanted {
            wait: true,
            record: false,
        };
        self.started(posted(take!(self, report, wanted, event)))
    }

    /// After that it is not asked again. Before, it is: it may be sent for something while it waits.
    fn started(&self, action: Action) -> Action {
        if !matches!(action, Action::Pause) {
            self.session
                .set_extra(self.id, |extra| extra - EventSet::QUIESCE);
        }
        action
    }

    /// What the thread is to do, when what it had to do before that is done.
    fn decide(&self, stop: u64, mut call: Option<&mut SyscallEntryReport<'_>>) -> Decision {
        loop {
            match self.session.decision(self.id, stop) {
                Decision::Errand(errand) => {
                    errand.run(&self.copied, &self.own, call.as_deref_mut());
                    // Who has sent it may answer next: then neither sleeps for it.
                    wait::give_way();
                    if task::is_current_dying() {
                        return Decision::Again;
                    }
                }
                other => return other,
            }
        }
    }

    fn take_entry(&self, report: &mut SyscallEntryReport<'_>) -> SyscallAction {
        let stop = report.ticket_number();
        let answer = match self.decide(stop, Some(report)) {
            Decision::Answer(answer) => answer,
            Decision::Closed(policy) => return self.fail_entry(report, policy),
            other => return decided(other).into(),
        };
        let ret = match answer.flags & (uapi::WANT_RETURN | uapi::NO_RETURN) {
            uapi::WANT_RETURN => WANTED,
            uapi::NO_RETURN => UNWANTED,
            _ if answer.action == uapi::SKIP => UNWANTED,
            _ => BY_FILTER,
        };
        if ret != BY_FILTER {
            self.say_of_exit(ret, report);
        }
        if answer.action == uapi::SKIP {
            report.set_result(answer.result as isize);
            return SyscallAction::abort(Action::Resume);
        }
        if answer.flags & (uapi::SET_NR | uapi::SET_ARGS) != 0 {
            self.change_call(report, &answer);
        }
        self.follow_call(report);
        Action::Resume.into()
    }

    /// Makes it another call, as an answer says.
    #[cold]
    fn change_call(&self, report: &mut SyscallEntryReport<'_>, answer: &Answer) {
        let nr = (answer.flags & uapi::SET_NR != 0).then_some(answer.nr as i32);
        let args = (answer.flags & uapi::SET_ARGS != 0).then(|| {
            let mut args = answer.args.map(|arg| arg as usize);
            // What has been checked is what is used.
            let copied = self.copied.load();
            for (i, arg) in report.args().iter().enumerate() {
                if copied >> i & 1 != 0 {
                    args[i] = *arg;
                }
            }
            args
        });
        if let Ok(arguments) = Arguments::of_current() {
            arguments.set(nr, args, report);
            return;
        }
        // Without memory the program will see them.
        if let Some(nr) = nr {
            report.set_nr(nr);
        }
        if let Some(args) = args {
            report.set_args(args);
        }
    }

    /// The call is going to be made, as far as this session is concerned.
    #[inline]
    fn follow_call(&self, report: &mut SyscallEntryReport<'_>) {
        let selected = self.session.filter.call(report.arch(), report.nr());
        if selected.has(Selected::FOLLOW) && !report.is_aborted() {
            self.follow_changes(report);
        }
    }

    /// It may change what descriptors are selected.
    #[cold]
    fn follow_changes(&self, report: &mut SyscallEntryReport<'_>) {
        let (session, arch, nr) = (&self.session, report.arch(), report.nr());
        let call = Call {
            abi: filter::abi_of(arch),
            nr,
            args: &report.args(),
            result: None,
        };
        if self.own.enter(session, self.id, &call) {
            self.hear_exit(report);
        }
    }

    /// What is said at the entry about the exit. That is heard, so that it is said of no other.
    #[cold]
    fn say_of_exit(&self, ret: u32, report: &mut SyscallEntryReport<'_>) {
        self.ret.store(ret);
        self.hear_exit(report);
    }

    /// Has the exit of this call heard, whatever the filter says by then.
    fn hear_exit(&self, report: &mut SyscallEntryReport<'_>) {
        if !self.hears.get() {
            self.hears.set(true);
            self.session
                .set_extra(self.id, |extra| extra | EventSet::SYSCALL_EXIT);
        }
        report.want_exit();
    }

    /// Whether a call, which is in these sets, names something that is selected.
    fn names_selected(&self, report: &SyscallEntryReport<'_>, sets: Selected) -> bool {
        let call = Call {
            abi: filter::abi_of(report.arch()),
            nr: report.nr(),
            args: &report.args(),
            result: None,
        };
        self.own.select(&self.session, sets, &call, &self.scratch)
    }

    /// The entry of a call that makes an event.
    fn enter(&self, report: &mut SyscallEntryReport<'_>, selected: Selected) -> SyscallAction {
        let (arch, nr) = (report.arch(), report.nr());
        let args = report.args();
        let body = Body::Entry(abi::Entry {
            nr: nr.into(),
            args: args.map(|arg| arg as u64),
        });
        let mut event = abi::event(Kind::Entry, body);
        event.arch = arch;
        event.ip = report.ip() as u64;
        event.sp = report.sp() as u64;
        if report.is_aborted() {
            event.flags |= uapi::ABORTED;
        }
        let wanted = Wanted {
            wait: selected.has(Selected::ENTRY),
            record: selected.has(Selected::RECORD_ENTRY),
        };
        let taken = if wanted.record && selected.has(Selected::COPY_ENTRY) {
            let call = Call {
                abi: filter::abi_of(arch),
                nr,
                args: &args,
                result: None,
            };
            let report = &*report;
            self.with_copies(&call, move |data| take!(self, report, wanted, event, data))
        } else {
            take!(self, report, wanted, event)
        };
        match taken {
            Posted::Closed(policy) => self.fail_entry(report, policy),
            Posted::Waits if self.may_be_answered() => self.take_entry(report),
            Posted::Passed if selected.has(Selected::FOLLOW) => {
                self.follow_call(report);
                Action::Resume.into()
            }
            other => posted(other).into(),
        }
    }

    /// Whether the monitor, or anybody, has run since the event was queued: there may be an answer,
    /// without a sleep. Not for an event that waits for room.
    fn may_be_answered(&self) -> bool {
        self.stage.load() == POSTED && wait::give_way() && !task::is_current_dying()
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
        let decision = self.decide(report.ticket_number(), None);
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
            // All threads of the session are being let go.
            Err(err) if err == estale() => {}
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
        if this.turn(report.is_again()) == Turn::Answer {
            return this.started(decided(this.decide(report.ticket_number(), None)));
        }
        this.start(report)
    }

    fn syscall_entry(
        this: ArcBorrow<'_, Self>,
        report: &mut SyscallEntryReport<'_>,
    ) -> SyscallAction {
        const HEARD: Selected = Selected::ENTRIES
            .or(Selected::NAMES)
            .or(Selected::FOLLOW)
            .or(Selected::COUNT);

        let turn = this.turn(report.is_again());
        if turn == Turn::Answer {
            return this.take_entry(report);
        }
        let (arch, nr) = (report.arch(), report.nr());
        let mut selected = this.session.filter.call(arch, nr);
        if turn == Turn::Room {
            // Of the sets that it is in now, or is not, it does not depend whether it makes its event.
            selected = selected.recorded(this.wanted.load() != 0);
        } else {
            // Somebody asked for a report: we have had our say about this call.
            if report.is_resumed() && this.called.get() {
                return Action::Resume.into();
            }
            this.called.set(true);
            if this.running.is_counted() {
                this.running.forget();
            }
            if !selected.has(HEARD) {
                return Action::Resume.into();
            }
            if selected.has(Selected::NAMES) && !this.names_selected(report, selected) {
                if selected.has(Selected::RETURNS) {
                    this.say_of_exit(DESELECTED, report);
                }
                selected = selected.deselected();
            }
            if selected.has(Selected::COUNT) {
                if let Some(counts) = this.session.counts.as_ref() {
                    this.running.begin(counts, arch, nr, selected.era());
                    // Also if another session has it skipped, and its number is none.
                    report.want_exit();
                }
            }
            if !selected.has(Selected::ENTRIES) {
                if selected.has(Selected::FOLLOW) {
                    this.follow_call(report);
                }
                return Action::Resume.into();
            }
        }
        this.enter(report, selected)
    }

    fn syscall_exit(this: ArcBorrow<'_, Self>, report: &mut SyscallExitReport<'_>) -> Action {
        let turn = this.turn(report.is_again());
        if turn == Turn::Answer {
            return this.take_return(report);
        }
        let result = report.result();
        this.own.exit(&this.session, this.id, result);
        let (arch, nr) = (report.arch(), report.nr());
        let selected = this.session.filter.call(arch, nr);
        if this.running.is_counted() {
            if let Some(counts) = this.session.counts.as_ref() {
                let filter = &this.session.filter;
                let selected = |abi, nr| filter.call_of(abi, nr);
                this.running
                    .end(counts, arch, nr, selected, is_error(result));
            }
        }
        let wanted = this.wanted(turn, || {
            let ret = this.ret.load();
            if ret != BY_FILTER {
                this.ret.store(BY_FILTER);
            }
            Wanted {
                wait: match ret {
                    BY_FILTER => selected.has(Selected::RETURN),
                    ret => ret == WANTED,
                },
                record: ret != DESELECTED && selected.has(Selected::RECORD_RETURN),
            }
        });
        if wanted.is_nothing() {
            if this.own.end_linger() {
                this.hears.set(false);
                this.session
                    .set_extra(this.id, |extra| extra - EventSet::SYSCALL_EXIT);
            }
            return Action::Resume;
        }
        let body = Body::Return(abi::Return {
            nr: nr.into(),
            result: result as i64,
            is_error: u32::from(is_error(result)),
            reserved: 0,
        });
        let mut event = abi::event(Kind::Return, body);
        event.arch = arch;
        event.ip = report.ip() as u64;
        event.sp = report.sp() as u64;
        let taken = if wanted.record && selected.has(Selected::COPY_RETURN) {
            let call = Call {
                abi: filter::abi_of(arch),
                nr,
                args: &report.args(),
                result: Some(result),
            };
            let report = &*report;
            this.with_copies(&call, move |data| take!(this, report, wanted, event, data))
        } else {
            take!(this, report, wanted, event)
        };
        match taken {
            Posted::Waits if this.may_be_answered() => this.take_return(report),
            other => posted(other),
        }
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
        let turn = this.turn(report.is_again());
        if turn == Turn::Answer {
            return decided(this.decide(report.ticket_number(), None));
        }
        let session = &this.session;
        if turn == Turn::First {
            let numbers = session.opener.numbers(report.thread());
            this.former
                .store(session.update_numbers(this.id, numbers) as u32);
            if !session.opener.may_trace(report.thread()) {
                if let Policy::Kill = session.lock().policy() {
                    task::kill_current();
                }
                session.ended(this.id, uapi::OUT_OF_REACH);
                return Action::Detach;
            }
            this.running.exec();
            this.own.exec(session, this.id);
        }
        let wanted = this.wanted(turn, || Wanted::kind(session, Kind::Exec));
        if wanted.is_nothing() {
            return Action::Resume;
        }
        let body = Body::Exec(abi::Exec {
            former_tid: this.former.load() as i32,
            reserved: 0,
        });
        let mut event = abi::event(Kind::Exec, body);
        event.arch = report.current().syscall().arch;
        event.ip = report.ip() as u64;
        event.sp = report.sp() as u64;
        posted(take!(this, report, wanted, event))
    }

    fn signal(this: ArcBorrow<'_, Self>, report: &mut SignalReport<'_>) -> Action {
        let turn = this.turn(report.is_again());
        if turn == Turn::Answer {
            let decision = this.decide(report.ticket_number(), None);
            if let Decision::Answer(answer) = &decision {
                if answer.action == uapi::SKIP {
                    report.set_disposition(Disposition::Ignore);
                }
            }
            return decided(decision);
        }
        let filter = &this.session.filter;
        let wanted = this.wanted(turn, || Wanted {
            wait: filter.waits_for_signal(report.number()),
            record: filter.records_signal(report.number()),
        });
        if wanted.is_nothing() {
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
        posted(take!(this, report, wanted, event))
    }

    fn exit(this: ArcBorrow<'_, Self>, report: &mut ExitReport<'_>) -> Action {
        let turn = this.turn(report.is_again());
        if turn == Turn::Answer {
            return decided(this.decide(report.ticket_number(), None));
        }
        let status = report.code();
        this.session.set_status(this.id, status);
        let wanted = this.wanted(turn, || Wanted::kind(&this.session, Kind::Exit));
        if wanted.is_nothing() {
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
        posted(take!(this, report, wanted, event))
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
