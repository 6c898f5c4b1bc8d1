// SPDX-License-Identifier: GPL-2.0

//! Stops a process and all it makes at every system call, and resumes it at once from another
//! thread: the traffic in which a lost resume would show.
//!
//! ```text
//! insmod utrace_resumer.ko [pid=PID] [cpu=N] [poll=1]
//! echo PID > /sys/kernel/debug/utrace_resumer/attach
//! cat /sys/kernel/debug/utrace_resumer/counts
//! ```
//!
//! At each entry and exit of a system call the callback hands the ticket of its stop to a kernel
//! thread and returns Stop; the kernel thread resumes whatever it is handed. Either may be first.

use core::fmt;
use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow,
        CondVar,
        Mutex, //
    },
    task::Task,
    uaccess::UserSliceReader, //
};
use utrace::{
    param,
    Action,
    Body,
    CloneReport,
    Engine,
    Found,
    Kthread,
    ResumeError,
    SyscallAction,
    SyscallEntryReport,
    SyscallExitReport,
    Ticket,
    Tracer, //
};

module! {
    type: ResumerModule,
    name: "utrace_resumer",
    authors: ["The utrace developers"],
    description: "Sample: stops and resumes a process at every system call",
    license: "GPL",
    imports_ns: ["UTRACE"],
    params: {
        pid: i32 {
            default: 0,
            description: "Thread to attach to, and all that it makes; 0: none yet",
        },
        cpu: i32 {
            default: -1,
            description: "CPU of the resuming thread; -1: any",
        },
        poll: i32 {
            default: 0,
            description: "1: the resuming thread looks for work all the time, so that it often comes before the stopping thread has parked",
        },
    },
}

struct Counts {
    threads: Atomic<u64>,
    events: Atomic<u64>,
    stops: Atomic<u64>,
    found_prepared: Atomic<u64>,
    found_parked: Atomic<u64>,
    stale: Atomic<u64>,
    gone: Atomic<u64>,
}

impl Counts {
    const fn new() -> Self {
        Counts {
            threads: Atomic::new(0),
            events: Atomic::new(0),
            stops: Atomic::new(0),
            found_prepared: Atomic::new(0),
            found_parked: Atomic::new(0),
            stale: Atomic::new(0),
            gone: Atomic::new(0),
        }
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prepared = self.found_prepared.load(Relaxed);
        let parked = self.found_parked.load(Relaxed);
        writeln!(f, "threads {}", self.threads.load(Relaxed))?;
        writeln!(f, "events {}", self.events.load(Relaxed))?;
        writeln!(f, "stops {}", self.stops.load(Relaxed))?;
        writeln!(f, "resumes {}", prepared + parked)?;
        writeln!(f, "found_prepared {}", prepared)?;
        writeln!(f, "found_parked {}", parked)?;
        writeln!(f, "stale {}", self.stale.load(Relaxed))?;
        write!(f, "gone {}", self.gone.load(Relaxed))
    }
}

fn count(counter: &Atomic<u64>) {
    counter.fetch_add(1u64, Relaxed);
}

/// The stops that wait to be resumed.
struct Queue {
    tickets: KVec<Ticket>,
    ended: bool,
}

#[pin_data]
struct Resumer {
    #[pin]
    queue: Mutex<Queue>,
    #[pin]
    filled: CondVar,
    polling: bool,
    counts: Counts,
}

impl Resumer {
    /// Hands the stop over, and makes it. Without memory for that, the thread does not stop.
    fn stop(&self, ticket: Ticket) -> Action {
        if self.queue.lock().tickets.push(ticket, GFP_KERNEL).is_err() {
            return Action::Resume;
        }
        self.filled.notify_one();
        count(&self.counts.stops);
        Action::Stop
    }

    fn resume(&self, ticket: &Ticket) {
        match ticket.resume() {
            Ok(Found::Prepared) => count(&self.counts.found_prepared),
            Ok(Found::Parked) => count(&self.counts.found_parked),
            Ok(Found::Nothing) => {}
            Err(ResumeError::Stale) => count(&self.counts.stale),
            Err(ResumeError::Gone) => count(&self.counts.gone),
        }
    }

    fn attach(this: Arc<Self>, thread: &Task) -> Result {
        count(&this.counts.threads);
        // Stays as long as the thread, or as this module.
        Engine::attach(thread, this)?.release();
        Ok(())
    }
}

#[vtable]
impl Tracer for Resumer {
    fn syscall_entry(
        this: ArcBorrow<'_, Self>,
        report: &mut SyscallEntryReport<'_>,
    ) -> SyscallAction {
        count(&this.counts.events);
        this.stop(report.ticket()).into()
    }

    fn syscall_exit(this: ArcBorrow<'_, Self>, report: &mut SyscallExitReport<'_>) -> Action {
        count(&this.counts.events);
        this.stop(report.ticket())
    }

    fn clone(this: ArcBorrow<'_, Self>, report: &mut CloneReport<'_>) -> Action {
        count(&this.counts.events);
        if let Err(err) = Self::attach(this.into(), report.child()) {
            pr_warn!("cannot follow {}: {:?}\n", report.child().pid(), err);
        }
        Action::Resume
    }
}

/// The resuming thread.
impl Body for Resumer {
    fn run(&self) {
        loop {
            let mut queue = self.queue.lock();
            while queue.tickets.is_empty() && !queue.ended && !self.polling {
                self.filled.wait(&mut queue);
            }
            if queue.tickets.is_empty() && queue.ended {
                return;
            }
            let tickets = core::mem::replace(&mut queue.tickets, KVec::new());
            drop(queue);
            for ticket in tickets.iter() {
                self.resume(ticket);
            }
        }
    }

    fn stop(&self) {
        self.queue.lock().ended = true;
        self.filled.notify_all();
    }
}

/// The debugfs file `attach`: a thread's number is written to it.
fn write_attach(this: &Arc<Resumer>, reader: &mut UserSliceReader) -> Result {
    let mut text = [0; 16];
    let len = reader.len();
    let text = text.get_mut(..len).ok_or(EINVAL)?;
    reader.read_slice(text)?;
    let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
    let pid = text.trim().parse().map_err(|_| EINVAL)?;
    Resumer::attach(this.clone(), &*utrace::thread_by_pid(pid)?)
}

impl fmt::Debug for Resumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts.fmt(f)
    }
}

// Dropped in this order. The engines are detached when the module goes, whatever runs on.
#[pin_data]
struct ResumerModule {
    _thread: Kthread<Resumer>,
    #[pin]
    _counts: File<Arc<Resumer>>,
    #[pin]
    _attach: File<Arc<Resumer>>,
    _dir: Dir,
}

impl kernel::InPlaceModule for ResumerModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(|| {
            let resumer = Arc::pin_init(
                pin_init!(Resumer {
                    queue <- new_mutex!(Queue { tickets: KVec::new(), ended: false }),
                    filled <- new_condvar!(),
                    polling: param::<i32>(module_parameters::poll.value()) != 0,
                    counts: Counts::new(),
                }),
                GFP_KERNEL,
            )?;
            let thread = Kthread::start(c"utrace_resumer", resumer.clone())?;
            if let Ok(cpu) = u32::try_from(param::<i32>(module_parameters::cpu.value())) {
                thread
                    .bind(cpu)
                    .inspect_err(|_| pr_err!("cpu={}: not online\n", cpu))?;
            }
            let pid = param::<i32>(module_parameters::pid.value());
            if pid != 0 {
                utrace::thread_by_pid(pid)
                    .and_then(|thread| Resumer::attach(resumer.clone(), &thread))
                    .inspect_err(|err| pr_err!("pid={}: cannot attach: {:?}\n", pid, err))?;
            }
            let dir = Dir::new(c"utrace_resumer");
            Ok(try_pin_init!(ResumerModule {
                _thread: thread,
                _counts <- dir.read_only_file(c"counts", resumer.clone()),
                _attach <- dir.write_callback_file(c"attach", resumer, &write_attach),
                _dir: dir,
            }? Error))
        })
    }
}
