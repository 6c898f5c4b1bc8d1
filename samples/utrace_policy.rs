// SPDX-License-Identifier: GPL-2.0

//! A system call policy: has chosen system calls of a process, and of all that it makes, fail with
//! chosen errors. They are not made at all.
//!
//! ```text
//! insmod utrace_policy.ko [pid=PID]
//! cd /sys/kernel/debug/utrace_policy
//! echo 83 1 > deny            # mkdir gives EPERM: call 83 of the 64-bit table
//! echo 39 1 > deny32          # and that of 32-bit programs, which have numbers of their own
//! echo TID > attach           # from now on, in this thread and all that it makes
//! cat denied                  # how often it happened
//! echo 83 0 > deny            # allowed again
//! ```
//!
//! What a policy of one's own has to keep in mind is said where it is done.

use core::fmt;
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
    task::Task,
    uaccess::UserSliceReader, //
};
use utrace::*;

module! {
    type: PolicyModule,
    name: "utrace_policy",
    authors: ["The utrace developers"],
    description: "Sample: has chosen system calls fail",
    license: "GPL",
    imports_ns: ["UTRACE"],
    params: {
        pid: i32 {
            default: 0,
            description: "Thread to attach to, and all that it makes; 0: none yet",
        },
    },
}

// Of linux/audit.h and asm/unistd.h.
const ARCH_I386: u32 = 0x4000_0003;
const X32_BIT: i32 = 0x4000_0000;
// Of asm-generic/errno.h; the kernel crate of 7.2 has no ENOSYS.
const NO_SUCH_CALL: i32 = 38;

/// The error of each call; 0: it is made. Read by all threads, without a lock.
struct Table([Atomic<i32>; 1024]);

impl Table {
    const fn new() -> Self {
        Table([const { Atomic::new(0) }; 1024])
    }

    fn error_of(&self, nr: i32) -> Option<Error> {
        let error = self.0.get(usize::try_from(nr).ok()?)?.load(Relaxed);
        (error != 0).then(|| Error::from_errno(-error))
    }
}

static CALLS_64: Table = Table::new();
static CALLS_32: Table = Table::new();

struct Policy {
    denied: Atomic<u64>,
}

#[vtable]
impl Tracer for Policy {
    /// Engines are called last attached first: one that was attached before this one is called
    /// after it, and can still put another call in place of what was looked at here. A policy that
    /// is to hold is attached first.
    ///
    /// Numbers and plain arguments are safe to decide by. Memory that an argument points to is not:
    /// another thread of the process can change it after it was looked at.
    fn syscall_entry(
        this: ArcBorrow<'_, Self>,
        report: &mut SyscallEntryReport<'_>,
    ) -> SyscallAction {
        // Somebody has refused it already, with his own result.
        if report.is_aborted() {
            return Action::Resume.into();
        }
        // Any program can make calls of both kinds: what counts is the call, not the program.
        let error = match report.arch() {
            ARCH_I386 => CALLS_32.error_of(report.nr()),
            // x32 calls come with a bit in the number, and would slip through: there are none here.
            _ if report.nr() > 0 && report.nr() & X32_BIT != 0 => {
                Some(Error::from_errno(-NO_SUCH_CALL))
            }
            _ => CALLS_64.error_of(report.nr()),
        };
        match error {
            None => Action::Resume.into(),
            Some(error) => {
                this.denied.fetch_add(1u64, Relaxed);
                report.set_result(error.to_errno() as isize);
                SyscallAction::abort(Action::Resume)
            }
        }
    }

    /// A child that cannot be followed, for lack of memory, gets away. Where that must not happen,
    /// attach with memory at hand, or deny the calls that make children.
    fn clone(this: ArcBorrow<'_, Self>, report: &mut CloneReport<'_>) -> Action {
        if let Err(err) = Policy::attach(this.into(), report.child()) {
            pr_err!("cannot follow {}: {:?}\n", report.child().pid(), err);
        }
        Action::Resume
    }
}

impl Policy {
    fn attach(this: Arc<Self>, thread: &Task) -> Result {
        let events = EventSet::SYSCALL_ENTRY | EventSet::CLONE;
        let once = AttachOptions {
            exclusive: true,
            match_data: true,
            ..Default::default()
        };
        Engine::attach_with(thread, this, events, once)?.release();
        Ok(())
    }
}

/// The numbers that were written to a file: a call and its error.
fn deny(table: &Table, reader: &mut UserSliceReader) -> Result {
    let mut text = [0; 32];
    let text = text.get_mut(..reader.len()).ok_or(EINVAL)?;
    reader.read_slice(text)?;
    let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
    let (nr, error) = text.trim().split_once(' ').ok_or(EINVAL)?;
    let nr: usize = nr.parse().map_err(|_| EINVAL)?;
    let error: i32 = error.parse().map_err(|_| EINVAL)?;
    // Those that a program can be given: the kernel's own restart codes begin behind.
    if !(0..512).contains(&error) {
        return Err(EINVAL);
    }
    table.0.get(nr).ok_or(EINVAL)?.store(error, Relaxed);
    Ok(())
}

fn deny_64(_: &Arc<Policy>, reader: &mut UserSliceReader) -> Result {
    deny(&CALLS_64, reader)
}

fn deny_32(_: &Arc<Policy>, reader: &mut UserSliceReader) -> Result {
    deny(&CALLS_32, reader)
}

fn attach(this: &Arc<Policy>, reader: &mut UserSliceReader) -> Result {
    let mut text = [0; 16];
    let text = text.get_mut(..reader.len()).ok_or(EINVAL)?;
    reader.read_slice(text)?;
    let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
    let tid = text.trim().parse().map_err(|_| EINVAL)?;
    Policy::attach(this.clone(), &*thread_by_pid(tid)?)
}

fn count(this: &Arc<Policy>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "{}", this.denied.load(Relaxed))
}

#[pin_data]
struct PolicyModule {
    #[pin]
    _deny: File<Arc<Policy>>,
    #[pin]
    _deny32: File<Arc<Policy>>,
    #[pin]
    _attach: File<Arc<Policy>>,
    #[pin]
    _denied: File<Arc<Policy>>,
    _dir: Dir,
}

impl kernel::InPlaceModule for PolicyModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(|| {
            let denied = Atomic::new(0);
            let policy = Arc::new(Policy { denied }, GFP_KERNEL)?;
            let pid = param::<i32>(module_parameters::pid.value());
            if pid != 0 {
                Policy::attach(policy.clone(), &*thread_by_pid(pid)?)?;
            }
            let dir = Dir::new(c"utrace_policy");
            Ok(try_pin_init!(PolicyModule {
                _deny <- dir.write_callback_file(c"deny", policy.clone(), &deny_64),
                _deny32 <- dir.write_callback_file(c"deny32", policy.clone(), &deny_32),
                _attach <- dir.write_callback_file(c"attach", policy.clone(), &attach),
                _denied <- dir.read_callback_file(c"denied", policy, &count),
                _dir: dir,
            }? Error))
        })
    }
}
