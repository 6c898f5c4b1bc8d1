// SPDX-License-Identifier: GPL-2.0

//! A fault catcher: parks a thread that is about to die with a core dump, shows its registers and
//! what it was about to execute, and lets it die when it is told to.
//!
//! ```text
//! insmod utrace_catcher.ko
//! cd /sys/kernel/debug/utrace_catcher
//! echo TID > attach       # this thread, and all that it makes from now on
//! cat caught              # who is parked, and where
//! echo TID > die          # as if nobody had looked: with its core dump
//! echo TID > drop         # the same without a core dump
//! ```
//!
//! The callback holds the signal: it stays queued while the thread is parked, and is reported
//! again when the thread is resumed. Then the callback carries out what was decided meanwhile. When
//! the module goes there is no callback any more, and the thread dies as it would have.

use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    fmt,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        Mutex, //
    },
    task::Task,
    uaccess::UserSliceReader, //
};
use utrace::*;

module! {
    type: CatcherModule,
    name: "utrace_catcher",
    authors: ["The utrace developers"],
    description: "Sample: parks threads that are about to dump core",
    license: "GPL",
    imports_ns: ["UTRACE"],
}

/// A parked thread.
#[derive(Clone)]
struct Caught {
    engine: EngineRef,
    ticket: Ticket,
    signal: i32,
    code: i32,
    address: usize,
    /// What is to become of the signal, once that is decided.
    verdict: Option<Disposition>,
}

impl Caught {
    fn is(&self, tid: i32) -> bool {
        self.engine.thread().pid() == tid
    }
}

#[pin_data]
struct Catcher {
    #[pin]
    caught: Mutex<KVec<Caught>>,
}

/// Where a thread is.
struct Place {
    regs: Registers,
    /// What is at the instruction pointer: nothing, if that is what is wrong.
    code: [u8; 16],
    len: usize,
}

impl Place {
    /// Works in a callback and, for a parked thread, anywhere else.
    fn of(thread: &Subject<'_>) -> Result<Self> {
        let regs = thread.regs()?;
        let mut code = [0; 16];
        let len = match thread.memory().read(regs.ip, &mut code) {
            Err(err) if err == EFAULT => 0,
            result => result?,
        };
        Ok(Place { regs, code, len })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ip {:016x} code", self.regs.ip)?;
        for byte in &self.code[..self.len] {
            write!(f, " {:02x}", byte)?;
        }
        Ok(())
    }
}

impl Catcher {
    fn attach(this: Arc<Self>, thread: &Task) -> Result {
        let events = EventSet::SIGNAL_CORE | EventSet::CLONE | EventSet::EXIT;
        let once = AttachOptions {
            exclusive: true,
            match_data: true,
            ..Default::default()
        };
        // Stays as long as the thread, or as this module.
        Engine::attach_with(thread, this, events, once)?.release();
        Ok(())
    }

    /// Lets a parked thread go, to its fate.
    fn decide(&self, tid: i32, verdict: Disposition) -> Result {
        let mut caught = self.caught.lock();
        let caught = caught.iter_mut().find(|caught| caught.is(tid));
        let caught = caught.ok_or(ESRCH)?;
        caught.verdict = Some(verdict);
        caught.ticket.resume()?;
        Ok(())
    }

    /// The file `caught`. Examines with no lock held that a callback takes.
    fn show(this: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = KVec::new();
        for caught in this.caught.lock().iter() {
            all.push(caught.clone(), GFP_KERNEL)
                .map_err(|_| fmt::Error)?;
        }
        for caught in all.iter() {
            // Somebody may have killed it, or let it go.
            if let Err(err) = caught.show(f) {
                let tid = caught.engine.thread().pid();
                writeln!(f, "thread {} is not parked: {:?}", tid, err)?;
            }
        }
        Ok(())
    }
}

impl Caught {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> Result {
        let thread = self.engine.examine()?;
        let place = Place::of(&thread)?;
        // Only now it is known that all of this belongs together.
        thread.finish()?;
        let r = &place.regs;
        let tid = self.engine.thread().pid();
        f.write_fmt(fmt!(
            "thread {} signal {} code {} address {:x}\n  {}\n  \
             sp {:016x} bp {:016x} flags {:08x} ax {:016x} bx {:016x} cx {:016x}\n  \
             dx {:016x} si {:016x} di {:016x} r8 {:016x} r9 {:016x} r10 {:016x}\n  \
             r11 {:016x} r12 {:016x} r13 {:016x} r14 {:016x} r15 {:016x}\n",
            tid,
            self.signal,
            self.code,
            self.address,
            place,
            r.sp,
            r.bp,
            r.flags,
            r.ax,
            r.bx,
            r.cx,
            r.dx,
            r.si,
            r.di,
            r.r8,
            r.r9,
            r.r10,
            r.r11,
            r.r12,
            r.r13,
            r.r14,
            r.r15,
        ))
        .map_err(|_| ENOMEM)
    }
}

#[vtable]
impl Tracer for Catcher {
    fn signal(this: ArcBorrow<'_, Self>, report: &mut SignalReport<'_>) -> Action {
        let tid = report.thread().pid();
        let new = Caught {
            engine: report.engine(),
            ticket: report.ticket(),
            signal: report.number(),
            code: report.code(),
            address: report.address(),
            verdict: None,
        };
        let mut caught = this.caught.lock();
        if let Some(index) = caught.iter().position(|caught| caught.is(tid)) {
            let old = caught.remove(index);
            if let Ok(Caught {
                verdict: Some(verdict),
                ..
            }) = old
            {
                report.set_disposition(verdict);
                return Action::Resume;
            }
        }
        // Without memory to remember it, it is not parked.
        if caught.push(new, GFP_KERNEL).is_err() {
            return Action::Resume;
        }
        drop(caught);
        let number = report.number();
        match Place::of(&report.current()) {
            Ok(place) => pr_info!("thread {} parked: signal {}, {}\n", tid, number, place),
            Err(err) => pr_info!("thread {} parked: signal {}, {:?}\n", tid, number, err),
        }
        report.set_disposition(Disposition::Hold);
        Action::Stop
    }

    fn clone(this: ArcBorrow<'_, Self>, report: &mut CloneReport<'_>) -> Action {
        if let Err(err) = Self::attach(this.into(), report.child()) {
            pr_warn!("cannot follow {}: {:?}\n", report.child().pid(), err);
        }
        Action::Resume
    }

    /// Also of a thread that was killed while it was parked.
    fn exit(this: ArcBorrow<'_, Self>, report: &mut ExitReport<'_>) -> Action {
        let tid = report.thread().pid();
        this.caught.lock().retain(|caught| !caught.is(tid));
        Action::Detach
    }
}

/// The number that was written to a file.
fn number(reader: &mut UserSliceReader) -> Result<i32> {
    let mut text = [0; 16];
    let text = text.get_mut(..reader.len()).ok_or(EINVAL)?;
    reader.read_slice(text)?;
    let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
    text.trim().parse().map_err(|_| EINVAL)
}

fn attach(this: &Arc<Catcher>, reader: &mut UserSliceReader) -> Result {
    Catcher::attach(this.clone(), &*thread_by_pid(number(reader)?)?)
}

fn die(this: &Arc<Catcher>, reader: &mut UserSliceReader) -> Result {
    this.decide(number(reader)?, Disposition::Deliver)
}

fn drop_it(this: &Arc<Catcher>, reader: &mut UserSliceReader) -> Result {
    this.decide(number(reader)?, Disposition::Terminate)
}

#[pin_data]
struct CatcherModule {
    #[pin]
    _attach: File<Arc<Catcher>>,
    #[pin]
    _caught: File<Arc<Catcher>>,
    #[pin]
    _die: File<Arc<Catcher>>,
    #[pin]
    _drop: File<Arc<Catcher>>,
    _dir: Dir,
}

impl kernel::InPlaceModule for CatcherModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(|| {
            let catcher = Arc::pin_init(
                pin_init!(Catcher { caught <- new_mutex!(KVec::new()) }),
                GFP_KERNEL,
            )?;
            let dir = Dir::new(c"utrace_catcher");
            Ok(try_pin_init!(CatcherModule {
                _attach <- dir.write_callback_file(c"attach", catcher.clone(), &attach),
                _caught <- dir.read_callback_file(c"caught", catcher.clone(), &Catcher::show),
                _die <- dir.write_callback_file(c"die", catcher.clone(), &die),
                _drop <- dir.write_callback_file(c"drop", catcher, &drop_it),
                _dir: dir,
            }? Error))
        })
    }
}
