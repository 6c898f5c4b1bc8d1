// SPDX-License-Identifier: GPL-2.0

//! The hooked kernel functions.
//!
//! Each is a global, out-of-line function whose entry calls a trampoline of `entry.S` directly:
//! plain code with preemption on and no RCU section held, so a handler may sleep there.

use super::syscall_bit::SyscallBit;
use crate::sys::{
    bindings,
    direct::{
        DirectHook,
        HookError, //
    },
    errno::eopnotsupp,
    signal::GetSignal,
    syscall::Regs,
    task,
    workbit::{
        PerThread,
        SignalProbe, //
    }, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    task::Task, //
};

/// The argument registers of a hooked function, as a trampoline saves and restores them.
#[repr(C)]
pub(crate) struct HookArgs {
    di: c_ulong,
    si: c_ulong,
    dx: c_ulong,
    cx: c_ulong,
    r8: c_ulong,
    r9: c_ulong,
}

/// What happens in the kernel. Every method may sleep but those that say otherwise.
pub(crate) trait Events: 'static {
    /// The current thread makes a system call; ptrace, seccomp and user dispatch are done with it.
    /// Gives what probes after us are told as its number (7.2).
    fn syscall_enter(regs: Regs<'_>) -> c_long;
    /// The current thread has made a system call. Gives what probes are told as its result.
    fn syscall_exit(regs: Regs<'_>) -> c_long;
    /// The current thread has made `child`, which does not run yet.
    fn clone(child: &Task, flags: u64);
    /// The current thread has loaded a new program.
    fn exec();
    /// Whether [`Events::signal`] is to stand for `get_signal` in the current thread.
    fn wants_signal() -> bool;
    /// The current thread looks for a signal to act on: stands for the whole of `get_signal`. May
    /// not return.
    fn signal(call: &mut GetSignal<'_>) -> bool;
    /// The current thread begins to exit, with this `code`.
    fn exit(code: &mut c_long);
    /// The current thread is dead: its parent may know already.
    fn death();
    /// `task` is being released, by anybody.
    fn reap(task: &Task);
    /// `task` has been sent a SIGKILL. Called with interrupts off: must not sleep.
    fn killed(task: &Task);
    /// `task` has been sent a stop signal. Likewise.
    fn stop_sent(task: &Task);
    /// `task` will have to take part in a stop of its process, once the siglock, which is held, is
    /// free again. Likewise.
    fn stop_comes(task: &Task);
    /// The current thread, in the body of a wrapped `get_signal`, would take part in a stop of its
    /// process, with this signal if it begins it, or 0. Whether that is put off. Likewise, with the
    /// siglock held.
    fn puts_off_stop(signal: c_int) -> bool;
    /// The current thread is about to take a signal from its queue. Likewise, with the siglock held.
    fn dequeued();
    /// Whether the thread has an engine that wants its system calls. Called under RCU.
    fn wants_syscalls(task: &Task) -> bool;
}

extern "C" {
    fn utrace_tramp_syscall_enter();
    fn utrace_tramp_syscall_exit();
    fn utrace_tramp_clone();
    fn utrace_tramp_exec();
    fn utrace_tramp_signal();
    fn utrace_tramp_stop();
    fn utrace_tramp_stop_joined();
    fn utrace_tramp_dequeue();
    fn utrace_tramp_exit();
    fn utrace_tramp_death();
    fn utrace_tramp_reap();
    fn utrace_tramp_regfunc();
    fn utrace_tramp_unregfunc();
}

/// One function and its trampoline.
struct Point {
    function: &'static CStr,
    trampoline: unsafe extern "C" fn(),
}

const fn point(function: &'static CStr, trampoline: unsafe extern "C" fn()) -> Point {
    Point {
        function,
        trampoline,
    }
}

/// The two functions that change the work bit of all threads come first: the bit is in our hands
/// before any event is.
const BIT_POINTS: [Point; 2] = [
    point(c"syscall_regfunc", utrace_tramp_regfunc),
    point(c"syscall_unregfunc", utrace_tramp_unregfunc),
];

/// `pidfs_exit` is called once for each thread that `release_task` releases; the entry of
/// `release_task` itself misses the group leaders that it goes on to release in a loop.
const EVENT_POINTS: [Point; 11] = [
    point(c"trace_syscall_enter", utrace_tramp_syscall_enter),
    point(c"trace_syscall_exit", utrace_tramp_syscall_exit),
    point(c"uprobe_copy_process", utrace_tramp_clone),
    point(c"proc_exec_connector", utrace_tramp_exec),
    point(c"get_signal", utrace_tramp_signal),
    point(c"task_set_jobctl_pending", utrace_tramp_stop),
    point(c"do_signal_stop", utrace_tramp_stop_joined),
    point(c"dequeue_signal", utrace_tramp_dequeue),
    point(c"do_exit", utrace_tramp_exit),
    point(c"proc_exit_connector", utrace_tramp_death),
    point(c"pidfs_exit", utrace_tramp_reap),
];

/// All hooks in place. Dropping it takes them away; afterwards no thread enters a trampoline, but
/// some may still be inside (the layer above waits for those that sleep there).
///
/// Fields are dropped in order: the bit is given back while its hooks are still there.
pub(crate) struct Hooks<E: Events> {
    _signals: SignalProbe,
    _bit: SyscallBit<E>,
    _events: KVec<DirectHook>,
    _bit_hooks: KVec<DirectHook>,
    _handler: PhantomData<fn(E)>,
}

struct Killed<E>(PhantomData<E>);

impl<E: Events> PerThread for Killed<E> {
    fn each(task: &Task) {
        E::killed(task);
    }
}

struct StopSent<E>(PhantomData<E>);

impl<E: Events> PerThread for StopSent<E> {
    fn each(task: &Task) {
        E::stop_sent(task);
    }
}

impl<E: Events> Hooks<E> {
    /// Puts all hooks in place, or none. Says in the log which function it failed for, and why.
    pub(crate) fn install() -> Result<Self> {
        let bit_hooks = install_all(&BIT_POINTS, 0)?;
        let bit = SyscallBit::take(&bit_hooks[0], &bit_hooks[1])
            .inspect_err(|err| pr_err!("cannot take over the system call bit: {:?}\n", err))?;
        crate::testing::step(4)?;
        let events = install_all(&EVENT_POINTS, BIT_POINTS.len())?;
        bit.sweep();
        crate::testing::step(5)?;
        let signals = SignalProbe::register::<Killed<E>, StopSent<E>>()
            .inspect_err(|err| pr_err!("cannot probe signal_generate: {:?}\n", err))?;
        crate::testing::step(6)?;
        Ok(Hooks {
            _signals: signals,
            _bit: bit,
            _events: events,
            _bit_hooks: bit_hooks,
            _handler: PhantomData,
        })
    }
}

fn install_all(points: &[Point], first: usize) -> Result<KVec<DirectHook>> {
    let mut hooks = KVec::with_capacity(points.len(), GFP_KERNEL)?;
    for (i, point) in points.iter().enumerate() {
        hooks.push(install(point, first + i)?, GFP_KERNEL)?;
    }
    Ok(hooks)
}

fn install(point: &Point, index: usize) -> Result<DirectHook> {
    let name = if crate::testing::hook_is_absent(index) {
        c"utrace_no_such_function"
    } else {
        point.function
    };
    // SAFETY: The trampolines of `entry.S` keep to the contract.
    let hook = unsafe { DirectHook::install(name, point.trampoline as usize as c_ulong) };
    hook.map_err(|err| match err {
        HookError::Absent(err) => {
            pr_err!("hook point {}: no such function in this kernel ({:?})\n", point.function, err);
            ENOENT
        }
        HookError::Untraceable(err) => {
            pr_err!("hook point {}: ftrace cannot patch this function ({:?})\n", point.function, err);
            eopnotsupp()
        }
        HookError::Taken => {
            pr_err!(
                "hook point {}: another direct trampoline (BPF fentry, live patch or module) has it, or kernel.ftrace_enabled is 0\n",
                point.function
            );
            EBUSY
        }
        HookError::Failed(err) => {
            pr_err!("hook point {}: cannot register ({:?})\n", point.function, err);
            err
        }
    })
}

/// The registers argument.
///
/// # Safety
///
/// They must be the current thread's.
#[inline(always)]
pub(crate) unsafe fn regs<'a>(regs: *mut bindings::pt_regs) -> Regs<'a> {
    // SAFETY: By the contract; never null.
    unsafe { Regs::from_raw(NonNull::new_unchecked(regs)) }
}

/// A wrapped call of `get_signal`.
///
/// # Safety
///
/// The arguments must be what the trampoline passes.
pub(crate) unsafe fn get_signal<'a>(ksig: *mut bindings::ksignal, body: c_ulong) -> GetSignal<'a> {
    // SAFETY: By the contract; the kernel's callers pass the address of a local variable.
    unsafe { GetSignal::from_raw(body, NonNull::new_unchecked(ksig)) }
}

/// The thread argument of a hooked function.
///
/// # Safety
///
/// `args` must be those of a function whose first argument is a thread.
pub(crate) unsafe fn thread(args: &HookArgs) -> &Task {
    // SAFETY: By the contract; the function's caller keeps the thread.
    unsafe { task::from_raw(args.di as *mut bindings::task_struct) }
}

impl HookArgs {
    /// The second argument.
    pub(crate) fn second(&self) -> u64 {
        self.si as u64
    }

    /// The first argument, as an exit code.
    pub(crate) fn code(&self) -> c_long {
        self.di as c_long
    }

    /// Changes it.
    pub(crate) fn set_code(&mut self, code: c_long) {
        self.di = code as c_ulong;
    }
}

/// Defines what the trampolines call, for an implementor of [`Events`].
macro_rules! tracehook_entries {
    ($events:ty) => {
        mod tracehook_entries {
            use super::{
                engine,
                sys::bindings,
                tracehook::{
                    hooks::{
                        self,
                        get_signal,
                        thread,
                        Events,
                        HookArgs, //
                    },
                    syscall_bit, //
                },
            };

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_syscall_enter(regs: *mut bindings::pt_regs) -> c_long {
                // SAFETY: `trace_syscall_enter` takes the registers.
                <$events>::syscall_enter(unsafe { hooks::regs(regs) })
            }

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_syscall_exit(regs: *mut bindings::pt_regs) -> c_long {
                // SAFETY: `trace_syscall_exit` takes the registers.
                <$events>::syscall_exit(unsafe { hooks::regs(regs) })
            }

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_clone(args: &mut HookArgs) {
                // SAFETY: `uprobe_copy_process` takes the child.
                let child = unsafe { thread(args) };
                syscall_bit::inherit::<$events>(child);
                <$events>::clone(child, args.second());
            }

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_exec(_args: &mut HookArgs) {
                <$events>::exec();
            }

            /// # Safety
            ///
            /// Called by the trampoline of `get_signal` only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_signal_wanted() -> bool {
                <$events>::wants_signal()
            }

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_signal(
                ksig: *mut bindings::ksignal,
                body: c_ulong,
            ) -> bool {
                // SAFETY: By the contract.
                <$events>::signal(&mut unsafe { get_signal(ksig, body) })
            }

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_stop(args: &mut HookArgs) {
                if args.second() & u64::from(bindings::UTRACE_STOP_PENDING) != 0 {
                    // SAFETY: `task_set_jobctl_pending` takes the thread.
                    <$events>::stop_comes(unsafe { thread(args) });
                }
            }

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_stop_joined(signal: c_int) -> bool {
                <$events>::puts_off_stop(signal)
            }

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_dequeue(_args: &mut HookArgs) {
                <$events>::dequeued();
            }

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_exit(args: &mut HookArgs) {
                let mut code = args.code();
                <$events>::exit(&mut code);
                args.set_code(code);
            }

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_death(_args: &mut HookArgs) {
                <$events>::death();
            }

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_reap(args: &mut HookArgs) {
                // SAFETY: `pidfs_exit` takes the thread.
                <$events>::reap(unsafe { thread(args) });
            }

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_regfunc(_args: &mut HookArgs) {
                syscall_bit::before_register();
            }

            /// # Safety
            ///
            /// Called by the trampoline of this name only.
            #[no_mangle]
            unsafe extern "C" fn utrace_hook_unregfunc(_args: &mut HookArgs) {
                syscall_bit::before_unregister::<$events>();
            }

            #[allow(unused_imports)]
            use engine as _;
            use kernel::prelude::*;
        }
    };
}
