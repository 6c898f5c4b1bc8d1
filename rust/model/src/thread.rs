// SPDX-License-Identifier: GPL-2.0

//! A traced thread as the scheduler and the signal code see it, and its [`Site`].

use super::core::hold::{
    Hold,
    Site, //
};
use loom::sync::{
    atomic::{
        AtomicBool,
        AtomicU32,
        Ordering::Relaxed, //
    },
    Condvar,
    Mutex,
    MutexGuard, //
};

const RUNNING: u32 = 0;
/// `TASK_WAKEKILL | __TASK_TRACED`: also the state of a ptrace stop.
const PARKED: u32 = 1;
/// `TASK_UNINTERRUPTIBLE`.
const LEAVING: u32 = 2;
/// `TASK_STOPPED`.
const STOPPED: u32 = 3;

/// What of a `task_struct` takes part.
///
/// The full barriers of `set_current_state` and `try_to_wake_up` are not here: one lock stands for
/// `pi_lock` and the run queue's, and orders the same; loom's fences would order more.
pub(crate) struct Task {
    state: AtomicU32,
    pi_lock: Mutex<()>,
    woken: Condvar,
    siglock: Mutex<()>,
    sigkill: AtomicBool,
    /// `JOBCTL_STOP_PENDING`; under `siglock`.
    stopping: AtomicBool,
    /// How often the thread was stopped with its process; under `pi_lock`.
    stops: AtomicU32,
    /// The model is about such stops: the others are spared the interleavings.
    has_stops: bool,
}

impl Task {
    fn new(has_stops: bool) -> Self {
        Task {
            state: AtomicU32::new(RUNNING),
            pi_lock: Mutex::new(()),
            woken: Condvar::new(),
            siglock: Mutex::new(()),
            sigkill: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            stops: AtomicU32::new(0),
            has_stops,
        }
    }

    /// `schedule()`: does not sleep if it was woken, or a fatal signal came, since the state was
    /// set.
    fn schedule(&self) {
        let mut lock = self.pi_lock.lock().unwrap();
        if matches!(self.state.load(Relaxed), PARKED | STOPPED) && self.sigkill.load(Relaxed) {
            self.state.store(RUNNING, Relaxed);
        }
        while self.state.load(Relaxed) != RUNNING {
            lock = self.woken.wait(lock).unwrap();
        }
    }

    /// `try_to_wake_up()`: by state.
    fn wake(&self) {
        self.wake_from(PARKED);
    }

    fn wake_from(&self, state: u32) {
        let _lock = self.pi_lock.lock().unwrap();
        if self.state.load(Relaxed) == state {
            self.state.store(RUNNING, Relaxed);
            self.woken.notify_all();
        }
    }

    /// `send_sig(SIGKILL)`: pending first, then the wake-up.
    pub(crate) fn send_sigkill(&self) {
        let _lock = self.siglock.lock().unwrap();
        self.sigkill.store(true, Relaxed);
        self.wake();
        if self.has_stops {
            self.wake_from(STOPPED);
        }
    }

    /// `do_signal_stop()` of another thread, and the hook in it.
    pub(crate) fn stop_process(&self, hook: impl FnOnce()) {
        let _lock = self.siglock.lock().unwrap();
        hook();
        self.stopping.store(true, Relaxed);
    }

    /// The same in the thread itself: takes part.
    fn take_part(&self) {
        let lock = self.siglock.lock().unwrap();
        if !self.stopping.load(Relaxed) {
            return;
        }
        self.stopping.store(false, Relaxed);
        let pi_lock = self.pi_lock.lock().unwrap();
        self.state.store(STOPPED, Relaxed);
        self.stops.store(self.stops.load(Relaxed) + 1, Relaxed);
        self.woken.notify_all();
        drop(pi_lock);
        drop(lock);
        self.schedule();
    }

    /// Waits until the thread has been stopped so often.
    pub(crate) fn wait_for_stops(&self, stops: u32) {
        let mut lock = self.pi_lock.lock().unwrap();
        while self.stops.load(Relaxed) < stops {
            lock = self.woken.wait(lock).unwrap();
        }
    }

    /// `send_sig(SIGCONT)`.
    pub(crate) fn send_sigcont(&self) {
        let _lock = self.siglock.lock().unwrap();
        self.stopping.store(false, Relaxed);
        self.wake_from(STOPPED);
    }

    /// `get_signal()`: a SIGKILL is taken, and from then on not pending. By the thread.
    pub(crate) fn take_sigkill(&self) -> bool {
        let _lock = self.siglock.lock().unwrap();
        let was = self.sigkill.load(Relaxed);
        self.sigkill.store(false, Relaxed);
        was
    }

    /// A stop that is none of ours, in the same state, as ptrace makes it: it does not loop, so no
    /// wake-up may hit it but a SIGKILL's. By the thread.
    pub(crate) fn stop_for_ptrace(&self) {
        self.state.store(PARKED, Relaxed);
        let _lock = self.pi_lock.lock().unwrap();
        assert!(
            self.state.load(Relaxed) == PARKED || self.sigkill.load(Relaxed),
            "a late wake-up hit another sleep of the thread"
        );
        self.state.store(RUNNING, Relaxed);
    }
}

/// A thread and the lock of [`super::core::hold`].
pub(crate) struct Thread {
    pub(crate) task: Task,
    hold: Mutex<Hold>,
}

impl Thread {
    pub(crate) fn new() -> Self {
        Self::of(Task::new(false))
    }

    /// A thread whose process is going to be stopped.
    pub(crate) fn with_stops() -> Self {
        Self::of(Task::new(true))
    }

    fn of(task: Task) -> Self {
        Thread {
            task,
            hold: Mutex::new(Hold::new()),
        }
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.lock().is_asked()
    }
}

impl Site for Thread {
    type Guard<'a> = MutexGuard<'a, Hold>;

    fn lock(&self) -> MutexGuard<'_, Hold> {
        self.hold.lock().unwrap()
    }

    fn set_parked_state(&self, _guard: &mut MutexGuard<'_, Hold>) {
        self.task.state.store(PARKED, Relaxed);
    }

    fn sleep(&self) {
        self.task.schedule();
    }

    fn set_running_state(&self) {
        self.task.state.store(RUNNING, Relaxed);
    }

    fn wake(&self, _guard: &mut MutexGuard<'_, Hold>) {
        self.task.wake();
    }

    fn set_leaving_state(&self, _guard: &mut MutexGuard<'_, Hold>) {
        self.task.state.store(LEAVING, Relaxed);
    }

    fn wake_leaving(&self, _guard: &mut MutexGuard<'_, Hold>) {
        self.task.wake_from(LEAVING);
    }

    fn fatal_signal_pending(&self) -> bool {
        self.task.sigkill.load(Relaxed)
    }

    fn stop_with_process(&self) {
        if self.task.has_stops {
            self.task.take_part();
        }
    }
}
