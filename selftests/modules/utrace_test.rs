// SPDX-License-Identifier: GPL-2.0

//! `/dev/utrace_test`: engines scripted by test programs. See `utrace_test.h`.

use kernel::{
    fs::File,
    ioctl::_IOC_SIZE,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow,
        CondVar,
        CondVarTimeoutResult,
        Mutex, //
    },
    task::Task,
    time::{
        msecs_to_jiffies,
        Msecs, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};
use utrace::*;

mod abi;
mod examine;
mod timer;

use abi::*;
use examine::{
    Examine,
    EXAMINE,
    EXAMINED, //
};

module! {
    type: TestModule,
    name: "utrace_test",
    authors: ["The utrace developers"],
    description: "Engines scripted by test programs",
    license: "GPL",
    imports_ns: ["UTRACE"],
}

#[pin_data]
struct TestModule {
    #[pin]
    _device: MiscDeviceRegistration<Session>,
    _visits: Visits,
}

/// While it lives, threads come to [`visit`].
struct Visits;

impl Visits {
    fn begin() -> Self {
        testing::set_visitor(Some(visit));
        Visits
    }
}

impl Drop for Visits {
    fn drop(&mut self) {
        testing::set_visitor(None);
    }
}

kernel::sync::global_lock! {
    // SAFETY: Initialised in `init`, before the device exists.
    unsafe(uninit) static HOLDS: Mutex<KVec<HoldIn>> = KVec::new();
}

/// A window in which a thread is to be held, by the engine that it belongs to.
struct HoldIn {
    serial: u64,
    window: testing::Window,
    shared: Arc<Shared>,
    engine: usize,
}

impl kernel::InPlaceModule for TestModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // SAFETY: Called once.
        unsafe { HOLDS.init() };
        try_pin_init!(TestModule {
            _visits: Visits::begin(),
            _device <- MiscDeviceRegistration::register(MiscDeviceOptions { name: c"utrace_test" }),
        })
    }
}

/// In a window of the stop protocol, in the traced thread.
fn visit(window: testing::Window, serial: u64) {
    let mut holds = HOLDS.lock();
    let found = holds
        .iter()
        .position(|hold| hold.serial == serial && hold.window == window);
    let Some(hold) = found.and_then(|i| holds.remove(i).ok()) else {
        return;
    };
    drop(holds);
    let place = match window {
        testing::Window::BeforeCallback => IN_BEFORE_CALLBACK,
        testing::Window::CallbackReturned => IN_RETURNED,
        testing::Window::BeforePark => IN_BEFORE_PARK,
    };
    hold.shared.hold(hold.engine, place);
}

/// One engine of a session.
struct Slot {
    engine: Option<Engine<Probe>>,
    reference: Option<EngineRef>,
    scripts: KVec<Script>,
    /// Where its thread is held, or 0.
    held: u32,
    /// How many holds have been let go in advance.
    go: u32,
    /// How many events there have been.
    events: u64,
    /// What the next callback is to examine, or has examined.
    examine: Option<KBox<examine::Request>>,
    /// The system calls that it hears of, if not of all.
    calls: Option<Arc<CallSet>>,
}

struct State {
    slots: KVec<Slot>,
    log: VVec<Event>,
    /// How many of the log have been read.
    read: usize,
    timers: KVec<timer::Started>,
    seq: u64,
    closing: bool,
}

#[pin_data]
struct Shared {
    #[pin]
    state: Mutex<State>,
    #[pin]
    changed: CondVar,
}

impl Shared {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Shared {
                state <- new_mutex!(State {
                    slots: KVec::new(),
                    log: VVec::new(),
                    read: 0,
                    timers: KVec::new(),
                    seq: 0,
                    closing: false,
                }),
                changed <- new_condvar!(),
            }),
            GFP_KERNEL,
        )
    }

    /// Holds the current thread until it is let go.
    fn hold(&self, engine: usize, place: u32) {
        let mut state = self.state.lock();
        state.slots[engine].held = place;
        self.changed.notify_all();
        while state.slots[engine].go == 0 && !state.closing {
            self.changed.wait(&mut state);
        }
        state.slots[engine].go = state.slots[engine].go.saturating_sub(1);
        state.slots[engine].held = 0;
        drop(state);
        self.changed.notify_all();
    }

    /// The script for an event, used up once.
    fn script(&self, engine: usize, event: u32, nr: i32) -> Option<Script> {
        let mut state = self.state.lock();
        let scripts = &mut state.slots[engine].scripts;
        let script = scripts.iter_mut().find(|script| {
            script.event == event && (script.nr == -1 || script.nr == nr) && script.times != USED_UP
        })?;
        let copy = *script;
        match script.times {
            FOR_EVER => {}
            1 => script.times = USED_UP,
            _ => script.times -= 1,
        }
        Some(copy)
    }

    /// Counts the event, and unless it is to be `quiet`, logs it.
    fn log(&self, mut event: Event, quiet: bool) {
        let mut state = self.state.lock();
        if let Some(slot) = state.slots.get_mut(event.engine as usize) {
            slot.events += 1;
        }
        if quiet {
            return;
        }
        event.seq = state.seq;
        state.seq += 1;
        let _ = state.log.push(event, GFP_KERNEL);
        drop(state);
        self.changed.notify_all();
    }

    fn attach(
        this: &Arc<Self>,
        thread: &Task,
        events: u32,
        options: AttachOptions,
        scripts: KVec<Script>,
    ) -> Result<usize> {
        let mut state = this.state.lock();
        let index = state.slots.len();
        state.slots.push(
            Slot {
                engine: None,
                reference: None,
                scripts,
                held: 0,
                go: 0,
                events: 0,
                examine: None,
                calls: options.calls.clone(),
            },
            GFP_KERNEL,
        )?;
        drop(state);
        let probe = Arc::new(
            Probe {
                shared: this.clone(),
                index,
            },
            GFP_KERNEL,
        )?;
        let engine = Engine::attach_with(thread, probe, EventSet::from_bits(events), options)?;
        let mut state = this.state.lock();
        state.slots[index].reference = Some((*engine).clone());
        state.slots[index].engine = Some(engine);
        Ok(index)
    }

    fn engine(&self, index: u32) -> Result<EngineRef> {
        let state = self.state.lock();
        let slot = state.slots.get(index as usize).ok_or(EBADF)?;
        slot.reference.clone().ok_or(EBADF)
    }

    /// Takes a handle away. The caller drops it with no lock held.
    fn take(&self, index: usize) -> Option<Engine<Probe>> {
        self.state.lock().slots.get_mut(index)?.engine.take()
    }

    /// Waits until `ready` gives something.
    fn wait<R>(
        &self,
        timeout_ms: u32,
        mut ready: impl FnMut(&mut State) -> Option<R>,
    ) -> Result<R> {
        let mut left = msecs_to_jiffies(timeout_ms as Msecs);
        let mut state = self.state.lock();
        loop {
            if let Some(result) = ready(&mut state) {
                return Ok(result);
            }
            match self.changed.wait_interruptible_timeout(&mut state, left) {
                CondVarTimeoutResult::Timeout => return ready(&mut state).ok_or(abi::etime()),
                CondVarTimeoutResult::Signal { .. } => return Err(EINTR),
                CondVarTimeoutResult::Woken { jiffies } => left = jiffies,
            }
        }
    }
}

/// The tracer of one engine.
struct Probe {
    shared: Arc<Shared>,
    index: usize,
}

/// What a script wants, for the callback to do.
struct Answer {
    action: Action,
    script: Option<Script>,
}

impl Probe {
    /// What every callback does: log, and follow the script.
    fn hit(&self, engine: EngineRef, ticket: Option<Ticket>, mut event: Event) -> Answer {
        event.engine = self.index as u32;
        event.tid = engine.thread().pid();
        event.ticket = ticket.as_ref().map_or(0, |ticket| ticket.number());
        let script = self.shared.script(self.index, event.event, event.nr);
        let Some(script) = script else {
            self.shared.log(event, false);
            return Answer {
                action: Action::Resume,
                script: None,
            };
        };
        if let Some(ticket) = &ticket {
            if script.flags & F_RESUME_TICKET != 0 {
                event.inside = found(ticket.resume());
            }
            if script.flags & F_RESUME_TIMER != 0 {
                let timer = timer::resume_later(ticket.clone(), script.delay_us);
                if let Ok(timer) = timer {
                    let _ = self.shared.state.lock().timers.push(timer, GFP_KERNEL);
                }
            }
        }
        if script.flags & F_RESUME_PLAIN != 0 {
            event.inside = found(engine.resume());
        }
        for (flag, window) in [
            (F_HOLD_NEXT, testing::Window::BeforeCallback),
            (F_HOLD_RETURNED, testing::Window::CallbackReturned),
            (F_HOLD_BEFORE_PARK, testing::Window::BeforePark),
        ] {
            if script.flags & flag != 0 {
                let hold = HoldIn {
                    serial: engine.serial(),
                    window,
                    shared: self.shared.clone(),
                    engine: self.index,
                };
                let _ = HOLDS.lock().push(hold, GFP_KERNEL);
            }
        }
        if script.flags & F_ATTACH_PEER != 0 {
            let attached = Shared::attach(
                &self.shared,
                engine.thread(),
                event.event,
                AttachOptions::default(),
                KVec::new(),
            );
            event.child_engine = attached.map_or(u32::MAX, |index| index as u32);
        }
        self.shared.log(event, script.flags & F_QUIET != 0);
        if script.flags & F_HOLD_CALLBACK != 0 {
            self.shared.hold(self.index, IN_CALLBACK);
        }
        if script.flags & F_DROP_SELF != 0 {
            drop(self.shared.take(self.index));
        }
        Answer {
            action: script.action(),
            script: Some(script),
        }
    }

    /// Attaches to a new thread as the script says.
    fn follow(&self, child: &Task, script: &Script, event: &mut Event) {
        event.child = child.pid();
        if script.flags & F_FOLLOW == 0 {
            return;
        }
        let mut scripts = KVec::new();
        let state = self.shared.state.lock();
        for script in &state.slots[self.index].scripts {
            let _ = scripts.push(*script, GFP_KERNEL);
        }
        drop(state);
        let all = EventSet::ALL.bits() & !EventSet::QUIESCE.bits();
        let options = AttachOptions::default();
        match Shared::attach(&self.shared, child, all, options, scripts) {
            Ok(index) => {
                event.child_engine = index as u32;
                if script.flags & F_STOP_CHILD != 0 {
                    if let Ok(request) = self
                        .shared
                        .engine(index as u32)
                        .and_then(|engine| engine.stop())
                    {
                        event.result = request.ticket.number() as i64;
                    }
                }
            }
            Err(err) => event.inside = err.to_errno(),
        }
    }
}

/// Changes a signal as a script says.
fn change(report: &mut SignalReport<'_>, args: &[u64; 6]) {
    if args[S_NUMBER] != 0 {
        let _ = report.set_number(args[S_NUMBER] as i32);
    }
    if args[S_CODE] != 0 {
        report.set_code(args[S_CODE] as i32);
    }
    if args[S_VALUE] != 0 {
        report.set_value(args[S_VALUE] as usize);
    }
    if args[S_ADDRESS] != 0 {
        report.set_address(args[S_ADDRESS] as usize);
    }
    if args[S_HANDLER] != 0 {
        let mut action = report.action();
        action.handler = (args[S_HANDLER] & !S_DEFAULT) as usize;
        report.set_action(action);
    }
}

fn found(result: Result<Found, ResumeError>) -> i32 {
    match result {
        Ok(Found::Nothing) => 0,
        Ok(Found::Prepared) => 1,
        Ok(Found::Parked) => 2,
        Err(err) => Error::from(err).to_errno(),
    }
}

#[vtable]
impl Tracer for Probe {
    fn quiesce(this: ArcBorrow<'_, Self>, report: &mut QuiesceReport<'_>) -> Action {
        let mut event = Event::new(EventSet::QUIESCE.bits());
        event.quiesce_for = report.event().map_or(0, |event| event.bits());
        let answer = this.hit(report.engine(), Some(report.ticket()), event);
        this.examine(&answer, &report.current());
        answer.action
    }

    fn syscall_entry(
        this: ArcBorrow<'_, Self>,
        report: &mut SyscallEntryReport<'_>,
    ) -> SyscallAction {
        let mut event = Event::new(EventSet::SYSCALL_ENTRY.bits());
        event.nr = report.nr();
        event.args = report.args().map(|arg| arg as u64);
        event.resumed = u32::from(report.is_resumed()) | u32::from(report.is_again()) << 1;
        event.aborted = u32::from(report.is_aborted());
        event.arch = report.arch();
        let answer = this.hit(report.engine(), Some(report.ticket()), event);
        this.examine(&answer, &report.current());
        let Some(script) = answer.script else {
            return answer.action.into();
        };
        if script.flags & F_WANT_EXIT != 0 {
            report.want_exit();
        }
        if script.flags & F_NR != 0 {
            report.set_nr(script.new_nr);
        }
        if script.flags & F_ARGS != 0 {
            report.set_args(script.args.map(|arg| arg as usize));
        }
        if script.flags & F_ABORT != 0 {
            if script.flags & F_DEFAULT == 0 {
                report.set_result(script.result as isize);
            }
            return SyscallAction::abort(answer.action);
        }
        answer.action.into()
    }

    fn syscall_exit(this: ArcBorrow<'_, Self>, report: &mut SyscallExitReport<'_>) -> Action {
        let mut event = Event::new(EventSet::SYSCALL_EXIT.bits());
        event.nr = report.nr();
        event.result = report.result() as i64;
        event.arch = report.arch();
        event.resumed = u32::from(report.is_again()) << 1;
        let answer = this.hit(report.engine(), Some(report.ticket()), event);
        this.examine(&answer, &report.current());
        if let Some(script) = answer.script {
            if script.flags & F_RESULT != 0 {
                report.set_result(script.result as isize);
            }
        }
        answer.action
    }

    fn clone(this: ArcBorrow<'_, Self>, report: &mut CloneReport<'_>) -> Action {
        let mut event = Event::new(EventSet::CLONE.bits());
        event.args[0] = report.flags();
        event.child = report.child().pid();
        let script = this.shared.script(this.index, event.event, -1);
        let script = script.unwrap_or_default();
        this.follow(report.child(), &script, &mut event);
        event.engine = this.index as u32;
        event.tid = report.thread().pid();
        event.ticket = report.ticket().number();
        this.shared.log(event, script.flags & F_QUIET != 0);
        if script.flags & F_HOLD_CALLBACK != 0 {
            this.shared.hold(this.index, IN_CALLBACK);
        }
        let answer = Answer {
            action: script.action(),
            script: Some(script),
        };
        this.examine(&answer, &report.current());
        answer.action
    }

    fn exec(this: ArcBorrow<'_, Self>, report: &mut ExecReport<'_>) -> Action {
        let event = Event::new(EventSet::EXEC.bits());
        let answer = this.hit(report.engine(), Some(report.ticket()), event);
        this.examine(&answer, &report.current());
        answer.action
    }

    fn signal(this: ArcBorrow<'_, Self>, report: &mut SignalReport<'_>) -> Action {
        let mut event = Event::new(report.event().bits());
        event.nr = report.number();
        event.result = i64::from(report.code());
        event.args[0] = report.address() as u64;
        event.args[1] = report.value() as u64;
        event.args[2] = report.sender().0 as u64;
        event.args[3] = report.disposition() as u64;
        event.args[4] = report.action().handler as u64;
        event.resumed = u32::from(report.is_again()) << 1;
        let answer = this.hit(report.engine(), Some(report.ticket()), event);
        if let Some(script) = answer.script {
            if script.flags & F_SIGNAL != 0 {
                change(report, &script.args);
            }
            if script.flags & F_DISPOSITION != 0 {
                report.set_disposition(match script.new_nr {
                    1 => Disposition::Ignore,
                    2 => Disposition::Terminate,
                    3 => Disposition::Core,
                    4 => Disposition::Stop,
                    5 => Disposition::Hold,
                    6 => Disposition::JobStop,
                    _ => Disposition::Deliver,
                });
            }
        }
        answer.action
    }

    fn signal_round(this: ArcBorrow<'_, Self>, report: &mut SignalRoundReport<'_>) -> Action {
        let mut event = Event::new(match report.handled() {
            Some(_) => ROUND_HANDLER,
            None => ROUND_REPORT,
        });
        event.nr = report.handled().unwrap_or(-1);
        event.args[0] = report.regs().ip as u64;
        let answer = this.hit(report.engine(), Some(report.ticket()), event);
        if let Some(script) = answer.script {
            if script.flags & F_SIGNAL != 0 {
                let _ = report.send(script.args[S_NUMBER] as i32);
            }
        }
        answer.action
    }

    fn jctl(this: ArcBorrow<'_, Self>, report: &mut JctlReport<'_>) -> Action {
        let number = |change| match change {
            Jctl::Stopped => 5,
            Jctl::Continued => 6,
        };
        let mut event = Event::new(EventSet::JCTL.bits());
        event.nr = number(report.change());
        event.result = report.notify().map_or(0, |notify| number(notify).into());
        this.hit(report.engine(), Some(report.ticket()), event)
            .action
    }

    fn exit(this: ArcBorrow<'_, Self>, report: &mut ExitReport<'_>) -> Action {
        let mut event = Event::new(EventSet::EXIT.bits());
        event.result = i64::from(report.code());
        let answer = this.hit(report.engine(), Some(report.ticket()), event);
        this.examine(&answer, &report.current());
        if let Some(script) = answer.script {
            if script.flags & F_RESULT != 0 {
                report.set_code(script.result as i32);
            }
        }
        answer.action
    }

    fn death(this: ArcBorrow<'_, Self>, report: &mut DeathReport<'_>) -> DeathAction {
        let mut event = Event::new(EventSet::DEATH.bits());
        event.result = i64::from(report.group_dead());
        let answer = this.hit(report.engine(), None, event);
        this.examine(&answer, &report.current());
        match answer.action {
            Action::Detach => DeathAction::Detach,
            _ => DeathAction::Keep,
        }
    }

    fn reap(this: ArcBorrow<'_, Self>, report: &mut ReapReport<'_>) {
        let event = Event::new(EventSet::REAP.bits());
        this.hit(report.engine(), None, event);
    }
}

/// One open file.
struct Session(Arc<Shared>);

impl Drop for Session {
    fn drop(&mut self) {
        self.0.state.lock().closing = true;
        self.0.changed.notify_all();
        let timers = core::mem::take(&mut self.0.state.lock().timers);
        drop(timers);
        let mut index = 0;
        // A callback may still add engines while the first ones go.
        while index < self.0.state.lock().slots.len() {
            drop(self.0.take(index));
            index += 1;
        }
    }
}

impl Session {
    fn attach(&self, request: &mut Attach) -> Result {
        let thread: ARef<Task> = thread_by_pid(request.pid)?;
        let options = AttachOptions {
            exclusive: request.exclusive != 0,
            match_ops: request.matching == 1,
            calls: match request.calls {
                0 => None,
                _ => Some(CallSet::new()?),
            },
            ..Default::default()
        };
        let attach = || Shared::attach(&self.0, &thread, request.events, options, KVec::new());
        let index = match request.checked {
            0 => attach()?,
            _ => utrace::with_ptrace_access(&thread, attach)?,
        };
        request.engine = index as u32;
        Ok(())
    }

    fn find(&self, request: &mut Attach) -> Result {
        let thread = thread_by_pid(request.pid)?;
        let probe = Arc::new(
            Probe {
                shared: self.0.clone(),
                index: 0,
            },
            GFP_KERNEL,
        )?;
        let options = AttachOptions {
            match_ops: request.matching == 1,
            ..Default::default()
        };
        Engine::find(&thread, &probe, options)?;
        Ok(())
    }

    fn script(&self, script: &Script) -> Result {
        let mut state = self.0.state.lock();
        let slot = state.slots.get_mut(script.engine as usize).ok_or(EBADF)?;
        let mut script = *script;
        if script.times == 0 {
            script.times = FOR_EVER;
        }
        slot.scripts.push(script, GFP_KERNEL)?;
        Ok(())
    }

    fn operate(&self, cmd: u32, op: &mut Op) -> Result {
        let engine = self.0.engine(op.engine);
        let index = op.engine as usize;
        match cmd {
            CONTROL => engine?.control(op.control()?),
            CALLS => {
                let state = self.0.state.lock();
                let slot = state.slots.get(index).ok_or(EBADF)?;
                let calls = slot.calls.as_ref().ok_or(EINVAL)?;
                let abi = match op.ticket & 4 {
                    0 => CallAbi::Native,
                    _ => CallAbi::Compat,
                };
                calls.set(abi, op.value, op.ticket & 1 != 0, op.ticket & 2 != 0);
                Ok(())
            }
            SET_EVENTS => engine?.set_events(EventSet::from_bits(op.value)),
            STOP_OP => {
                let request = engine?.stop()?;
                op.ticket = request.ticket.number();
                op.found = u32::from(request.parked);
                Ok(())
            }
            RESUME_OP => {
                let engine = engine?;
                let result = match op.ticket {
                    0 => engine.resume(),
                    ticket => engine.resume_number(ticket),
                };
                op.found = found(Ok(result?)) as u32;
                Ok(())
            }
            BARRIER => engine?.barrier(),
            DROP => {
                drop(self.0.take(index).ok_or(EBADF)?);
                Ok(())
            }
            WAIT_HELD => {
                let place = op.value;
                self.0.wait(op.timeout_ms, |state| {
                    (state.slots.get(index)?.held == place).then_some(())
                })
            }
            GO => {
                let mut state = self.0.state.lock();
                state.slots.get_mut(index).ok_or(EBADF)?.go += 1;
                drop(state);
                self.0.changed.notify_all();
                Ok(())
            }
            COUNT => {
                let state = self.0.state.lock();
                op.ticket = state.slots.get(index).ok_or(EBADF)?.events;
                Ok(())
            }
            STEPS => {
                op.found = u32::from(has_single_step()) | u32::from(has_block_step()) << 1;
                Ok(())
            }
            FAIL_ATTACH => {
                testing::fail_attach(op.value);
                Ok(())
            }
            _ => Err(ENOTTY),
        }
    }

    fn next(&self, event: &mut Event) -> Result {
        let take = |state: &mut State| {
            let event = *state.log.get(state.read)?;
            state.read += 1;
            if state.read == state.log.len() {
                state.log.clear();
                state.read = 0;
            }
            Some(event)
        };
        *event = self.0.wait(event.timeout_ms, take)?;
        Ok(())
    }
}

#[vtable]
impl MiscDevice for Session {
    type Ptr = KBox<Self>;

    fn open(_file: &File, _device: &MiscDeviceRegistration<Self>) -> Result<KBox<Self>> {
        Ok(KBox::new(Session(Shared::new()?), GFP_KERNEL)?)
    }

    fn ioctl(this: &Session, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        let user = || UserSlice::new(UserPtr::from_addr(arg), _IOC_SIZE(cmd));
        match cmd {
            ATTACH | FIND => {
                let mut request: Attach = user().reader().read()?;
                match cmd {
                    ATTACH => this.attach(&mut request)?,
                    _ => this.find(&mut request)?,
                }
                user().writer().write(&request)?;
            }
            SCRIPT => this.script(&user().reader().read()?)?,
            NEXT => {
                let mut event: Event = user().reader().read()?;
                this.next(&mut event)?;
                user().writer().write(&event)?;
            }
            EXAMINE | EXAMINED => {
                let mut request: Examine = user().reader().read()?;
                match cmd {
                    EXAMINE => this.examine(&mut request)?,
                    _ => this.examined(&mut request)?,
                }
                user().writer().write(&request)?;
            }
            _ => {
                let mut op: Op = user().reader().read()?;
                this.operate(cmd, &mut op)?;
                user().writer().write(&op)?;
            }
        }
        Ok(0)
    }
}
