// SPDX-License-Identifier: GPL-2.0

//! Engines, as their owners hold them.

use super::{
    events::EventSet,
    examine::{
        Examine,
        Memory, //
    },
    shell::{
        implemented,
        Shell, //
    },
    ticket::{
        Found,
        ResumeError,
        Ticket, //
    },
    tracer::Tracer, //
};
use crate::{
    core::{
        action::Wish,
        stop::Number, //
    },
    engine::{
        attach::{
            self,
            Match, //
        },
        calls::CallSet,
        control,
        global,
        object::{
            self,
            Interest, //
        },
        step, //
    },
    sys::task, //
};
use core::{
    any::TypeId,
    marker::PhantomData,
    ops::Deref, //
};
use kernel::{
    cred::Credential,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
    task::{
        Pid,
        Task, //
    }, //
};

/// The thread that has this number in the caller's pid namespace. May sleep.
///
/// # Errors
///
/// `ESRCH` when there is none.
pub fn thread_by_pid(pid: Pid) -> Result<ARef<Task>> {
    task::by_pid(pid)
}

/// Runs `f`, which may attach to `thread`, if the caller may: by the rules of `PTRACE_ATTACH`, those
/// of security modules and user namespaces included. The thread executes no program between the
/// check and the end of `f`. May sleep.
///
/// An engine can be attached to any thread; who attaches at the wish of a user asks here.
///
/// # Errors
///
/// `EPERM`; `ERESTARTNOINTR`: a signal came while another thread of the process was executing a
/// program; those of `f`.
///
/// # Examples
///
/// ```
/// use utrace::{thread_by_pid, with_ptrace_access};
///
/// let thread = thread_by_pid(1)?;
/// assert_eq!(with_ptrace_access(&thread, || Ok(thread.pid()))?, 1);
/// # Ok::<(), Error>(())
/// ```
pub fn with_ptrace_access<R>(thread: &Task, f: impl FnOnce() -> Result<R>) -> Result<R> {
    let _guard = global::get().ptrace_access.begin(thread)?;
    f()
}

/// Asks the security modules whether one with the credentials of `tracer` may trace the calling thread,
/// which wants it: what they would say to `PTRACE_TRACEME`. They alone are asked, not the rules of the
/// kernel's own on owners and dumpability. May sleep.
///
/// # Errors
///
/// `EPERM`, or what they have for it.
pub fn current_may_be_traced_by(tracer: &Credential) -> Result {
    global::get().ptrace_access.by(tracer)
}

/// What [`with_ptrace_access`] asks, of another thread of its process, from its `f`: each thread has
/// credentials of its own.
pub fn has_ptrace_access(thread: &Task) -> bool {
    global::get().ptrace_access.has(thread)
}

/// Whether threads can be stepped by one instruction: `arch_has_single_step()`. From any context.
pub fn has_single_step() -> bool {
    true
}

/// Whether threads can be stepped to the next branch: `arch_has_block_step()`, and the processor,
/// which may be an emulated one, really does it. From any context.
pub fn has_block_step() -> bool {
    step::has_block()
}

/// What an engine can be asked for with [`EngineRef::control`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// `UTRACE_STOP`: see [`EngineRef::stop`], which also gives the ticket.
    Stop,
    /// `UTRACE_INTERRUPT`: as [`Control::Report`], and a blocking system call is left for it. Engines
    /// that ask for signals are called with [`Tracer::signal_round`], if they have it. (But for
    /// `io_uring_enter`, which does the thread's work and waits on.)
    Interrupt,
    /// `UTRACE_REPORT`: run, but call [`Tracer::quiesce`] before user mode.
    Report,
    /// `UTRACE_SINGLESTEP`: let a thread that is stopped for this engine go on by one step
    /// ([`Action::SingleStep`](super::Action::SingleStep)). One that is not, and one that has not
    /// reached the stop that was asked for: as [`Control::Report`], whose answer can be to step.
    SingleStep,
    /// `UTRACE_BLOCKSTEP`: the same to the next branch that is taken.
    BlockStep,
    /// `UTRACE_RESUME`: run. A step that the engine has asked for before is not made.
    Resume,
    /// `UTRACE_DETACH`: end the attachment.
    Detach,
}

/// A stop asked for with [`EngineRef::stop`].
pub struct StopRequest {
    /// Resumes it, whether the thread has got there or not.
    pub ticket: Ticket,
    /// The thread is parked now, and stays so until the ticket is resumed. Otherwise it will park
    /// when it is next about to enter user mode.
    pub parked: bool,
}

/// A reference to an engine, attached or not. Does not keep it attached.
#[derive(Clone)]
pub struct EngineRef(Arc<object::Engine>);

impl EngineRef {
    pub(super) fn new(engine: Arc<object::Engine>) -> Self {
        EngineRef(engine)
    }

    /// The thread, which the engine keeps a reference to.
    pub fn thread(&self) -> &Task {
        self.0.utrace.task()
    }

    /// A number that no other engine has had since the module was loaded.
    pub fn serial(&self) -> u64 {
        self.0.serial
    }

    /// Asks for something to happen: historic `utrace_control`. From any context, except
    /// [`Control::Detach`], which is for contexts in which the tracer may be dropped.
    ///
    /// # Errors
    ///
    /// * `ESRCH`: the thread is dead, or the engine detached.
    /// * `EINPROGRESS`: the thread has not stopped yet, but will ([`Control::Stop`]); a callback
    ///   runs, and the engine is detached when it returns ([`Control::Detach`]).
    /// * `EALREADY`: the death report runs; the engine is detached after it ([`Control::Detach`]).
    /// * `EINVAL`: [`Control::Report`] or a step on an engine without [`EventSet::QUIESCE`].
    /// * `EOPNOTSUPP`: [`Control::BlockStep`], and no [`has_block_step`].
    pub fn control(&self, action: Control) -> Result {
        let action = match action {
            Control::Stop => Wish::Stop,
            Control::Interrupt => Wish::Interrupt,
            Control::Report => Wish::Report,
            Control::SingleStep => Wish::SingleStep,
            Control::BlockStep => Wish::BlockStep,
            Control::Resume => Wish::Resume,
            Control::Detach => Wish::Detach,
        };
        control::control(&self.0, action)
    }

    /// Asks for a stop from outside, as `utrace_control(.., UTRACE_STOP)`. From any context.
    ///
    /// The stop is independent of those that callbacks make, and lasts until its ticket is
    /// resumed, or [`EngineRef::resume`] is called. A second request before that is the same stop.
    /// A thread that blocks in a system call gets there when the call ends;
    /// [`Control::Interrupt`], after this, makes it leave the call. (Historic `UTRACE_INTERRUPT`
    /// and `UTRACE_REPORT` took the wish for a stop back; ours resume only what is parked.)
    ///
    /// # Errors
    ///
    /// `ESRCH`: the thread is dying or dead, or the engine detached.
    pub fn stop(&self) -> Result<StopRequest> {
        let asked = control::stop(&self.0)?;
        Ok(StopRequest {
            ticket: Ticket::new(&self.0, asked.ticket),
            parked: asked.parked,
        })
    }

    /// Releases whatever holds the thread for this engine, as `utrace_control(.., UTRACE_RESUME)`.
    /// From any context, hard interrupts included; never sleeps.
    ///
    /// A stop in preparation is released too: the thread then does not park. Nothing is
    /// remembered: with no stop there, nothing happens. Prefer [`Ticket::resume`], which cannot
    /// hit another stop than the one that was meant.
    ///
    /// # Errors
    ///
    /// [`ResumeError::Gone`]: the thread is dying, or the engine detached.
    pub fn resume(&self) -> Result<Found, ResumeError> {
        Ok(control::resume(&self.0)?.into())
    }

    /// [`Ticket::resume`] by the ticket's number. From any context.
    ///
    /// # Errors
    ///
    /// See [`ResumeError`].
    pub fn resume_number(&self, number: u64) -> Result<Found, ResumeError> {
        Ok(control::resume_ticket(&self.0, Number::from_raw(number))?.into())
    }

    /// Prepares to look at the thread, and to change it, while a stop of this engine holds it
    /// parked: historic `utrace_prepare_examine`. Returns with the thread off its CPU; sleeps until
    /// then. A callback needs no such thing: its report gives the thread.
    ///
    /// The guard does not hold the thread: the stop does. No release by another engine lets it go,
    /// one by this engine does, and so does a SIGKILL; all that is then tried fails.
    ///
    /// # Errors
    ///
    /// * `EINVAL`: this engine holds no stop.
    /// * `EAGAIN`: it does, but the thread has not parked yet.
    /// * `ESRCH`: the thread is dying or dead, or the engine detached.
    pub fn examine(&self) -> Result<Examine<'_>> {
        Examine::new(&self.0)
    }

    /// The memory of the thread's process, whatever the thread does meanwhile: for who holds it by
    /// means of its own, parked or on its way there. A thread that executes a program has another
    /// memory afterwards.
    pub fn process_memory(&self) -> Memory<'_> {
        Memory::of_process(&self.0)
    }

    /// Changes the events that the engine wants: historic `utrace_set_events`. Never sleeps; not
    /// from interrupts, hard or soft.
    ///
    /// # Errors
    ///
    /// * `EINVAL`: unknown events.
    /// * `ESRCH`: the engine is detached, or it is too late to be spared the reap.
    /// * `EALREADY`: the thread is dead, and it is too late to ask for, or to be spared, its death.
    /// * `EINPROGRESS`: done, but a callback for an event that was removed may be running. The same
    ///   again waits for its end, as [`EngineRef::barrier`] does without polling.
    pub fn set_events(&self, events: EventSet) -> Result {
        control::set_events(&self.0, events.bits())
    }

    /// Waits until no callback of the engine runs: historic `utrace_barrier`. Sleeps until then,
    /// it does not poll. At once in the traced thread itself.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS`: a signal came first. `ESRCH`: the engine is detached, and done with.
    pub fn barrier(&self) -> Result {
        control::barrier(&self.0)
    }
}

/// How [`Engine::attach_with`] looks at engines that the thread has already, by the historic flags;
/// and of which system calls the new one hears.
#[derive(Clone, Default)]
pub struct AttachOptions {
    /// `UTRACE_ATTACH_EXCLUSIVE`: fail if an engine matches; with neither of the following, any.
    pub exclusive: bool,
    /// `UTRACE_ATTACH_MATCH_OPS`: only an engine of the same tracer type matches.
    pub match_ops: bool,
    /// `UTRACE_ATTACH_MATCH_DATA`: only an engine of the same tracer value matches.
    pub match_data: bool,
    /// The engine is called for the entry and the exit of these system calls only; `None`: of all.
    /// QUIESCE, if it wants that, comes before each of them all the same.
    pub calls: Option<Arc<CallSet>>,
}

impl AttachOptions {
    fn what<T: Tracer>(&self, tracer: &Arc<T>) -> Match {
        Match {
            ops: self.match_ops.then(TypeId::of::<T>),
            data: self.match_data.then(|| Arc::as_ptr(tracer) as usize),
        }
    }
}

/// An attached engine. Dropping it detaches, and returns when no callback runs any more (unless it
/// is dropped by a callback of that very engine: then when that returns).
///
/// # Examples
///
/// Counts the system calls of the process with number 1.
///
/// ```
/// use kernel::sync::{
///     atomic::{Atomic, Relaxed},
///     Arc, ArcBorrow,
/// };
/// use utrace::{thread_by_pid, Action, Engine, SyscallExitReport, Tracer};
///
/// struct Count(Atomic<u64>);
///
/// #[vtable]
/// impl Tracer for Count {
///     fn syscall_exit(this: ArcBorrow<'_, Self>, _: &mut SyscallExitReport<'_>) -> Action {
///         this.0.fetch_add(1u64, Relaxed);
///         Action::Resume
///     }
/// }
///
/// let count = Arc::new(Count(Atomic::new(0)), GFP_KERNEL)?;
/// let engine = Engine::attach(&*thread_by_pid(1)?, count.clone())?;
/// // It is called while the handle exists.
/// drop(engine);
/// assert!(count.0.load(Relaxed) < 1_000_000);
/// # Ok::<(), Error>(())
/// ```
///
/// May be dropped only where sleeping is allowed. A module's engines are detached in any case
/// before its code goes, even those it has let go of with [`Engine::release`].
pub struct Engine<T: Tracer> {
    engine: EngineRef,
    owned: bool,
    _tracer: PhantomData<Arc<T>>,
}

impl<T: Tracer> Engine<T> {
    /// Attaches `tracer` to `thread`, for all events whose callbacks it implements. Historic
    /// `utrace_attach_task` with `UTRACE_ATTACH_CREATE`. May sleep. Always possible for the
    /// current thread, and for [`CloneReport::child`](super::CloneReport::child).
    ///
    /// An engine attached during an event is first called at the next one.
    ///
    /// # Errors
    ///
    /// * `EPERM`: a kernel thread.
    /// * `ESRCH`: the thread is being released.
    /// * `ENOMEM`.
    pub fn attach(thread: &Task, tracer: Arc<T>) -> Result<Self> {
        let wanted = Interest {
            events: implemented::<T>().bits(),
            calls: None,
        };
        Self::new(thread, tracer, wanted, None)
    }

    /// As [`Engine::attach`], for `events` only, and with an eye on other engines.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::attach`], `EINVAL`: unknown events, and `EEXIST`: there is a matching
    /// engine, and [`AttachOptions::exclusive`] is set.
    pub fn attach_with(
        thread: &Task,
        tracer: Arc<T>,
        events: EventSet,
        options: AttachOptions,
    ) -> Result<Self> {
        let exclusive = options.exclusive.then(|| options.what(&tracer));
        let wanted = Interest {
            events: events.bits(),
            calls: options.calls,
        };
        Self::new(thread, tracer, wanted, exclusive)
    }

    fn new(
        thread: &Task,
        tracer: Arc<T>,
        wanted: Interest,
        exclusive: Option<Match>,
    ) -> Result<Self> {
        let shell = KBox::new(Shell(tracer), GFP_KERNEL_ACCOUNT)?;
        let engine = match exclusive {
            None => attach::attach(thread, shell, wanted, None)?,
            Some(which) => {
                attach::attach(thread, shell, wanted, Some(&|engine| which.fits(engine)))?
            }
        };
        Ok(Engine {
            engine: EngineRef::new(engine),
            owned: true,
            _tracer: PhantomData,
        })
    }

    /// Finds the first engine of `thread` that matches: historic `utrace_attach_task` without
    /// `UTRACE_ATTACH_CREATE`. Never sleeps; not from interrupts.
    ///
    /// # Errors
    ///
    /// `ENOENT`: there is none.
    pub fn find(thread: &Task, tracer: &Arc<T>, options: AttachOptions) -> Result<EngineRef> {
        let which = options.what(tracer);
        let engine = attach::find(thread, &|engine| which.fits(engine))?;
        Ok(EngineRef::new(engine))
    }

    /// Lets the engine live as long as its thread, or as the module that implements it.
    pub fn release(mut self) -> EngineRef {
        self.owned = false;
        self.engine.clone()
    }
}

impl<T: Tracer> Deref for Engine<T> {
    type Target = EngineRef;

    fn deref(&self) -> &EngineRef {
        &self.engine
    }
}

impl<T: Tracer> Drop for Engine<T> {
    fn drop(&mut self) {
        if !self.owned {
            return;
        }
        let engine = &self.engine.0;
        attach::detach(engine);
        if !engine.is_called_by_current() {
            attach::wait(engine, false);
        }
    }
}
