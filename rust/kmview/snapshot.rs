// SPDX-License-Identifier: GPL-2.0

//! Snapshots: copies of what the arguments of a call point to, which the call itself uses.
//!
//! The thread makes them, as an errand. They are in an [`Area`], which no thread of the process can
//! change; while the call runs, the argument points there. After the call, when all sessions have
//! seen its exit, the thread finds in its registers what it had put there: arguments that were
//! changed, for whatever reason, are as they were. If the kernel is to make the call once more after a
//! signal, it is the thread's own, of the same number.

use crate::{
    errand::{
        Done,
        Work, //
    },
    filter,
    session::Session,
    sys::{
        abi,
        area::Area,
        atomic::AtomicU32,
        errno::enametoolong,
        registry::ARGUMENTS,
        ring,
        task,
        uapi, //
    }, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow,
        Mutex, //
    },
    task::Task,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};
use utrace::{
    Action,
    AttachOptions,
    DeathAction,
    DeathReport,
    Engine,
    EventSet,
    ExecReport,
    SyscallEntryReport,
    SyscallExitReport,
    Tracer, //
};

/// What a monitor wants.
pub(crate) struct Wanted {
    arg: usize,
    is_string: bool,
    len: usize,
    /// The monitor's own bytes, instead of the thread's.
    given: Option<KVec<u8>>,
}

/// `KMVIEW_SNAPSHOT`. Gives how many bytes.
pub(crate) fn take(session: &Session, request: &abi::Snapshot) -> Result<isize> {
    let is_string = match request.type_ {
        uapi::SNAPSHOT_STRING => true,
        uapi::SNAPSHOT_BUFFER => false,
        _ => return Err(EINVAL),
    };
    if request.arg > 5
        || request.len > uapi::SNAPSHOT_MAX
        || request.flags & !uapi::SNAPSHOT_GIVE != 0
    {
        return Err(EINVAL);
    }
    let gives = request.flags & uapi::SNAPSHOT_GIVE != 0;
    let buffer = |len| UserSlice::new(UserPtr::from_addr(request.buffer as usize), len);
    let given = match gives {
        true => Some(given(buffer(request.len as usize), is_string)?),
        false => None,
    };
    let wanted = Wanted {
        arg: request.arg as usize,
        is_string,
        len: request.len as usize,
        given,
    };
    let done = session.send(request.ticket, Work::Snapshot(wanted))?;
    if !gives {
        buffer(done.value).writer().write_slice(&done.bytes)?;
    }
    Ok(done.value as isize)
}

fn given(from: UserSlice, is_string: bool) -> Result<KVec<u8>> {
    let mut bytes = KVec::new();
    from.read_all(&mut bytes, GFP_KERNEL_ACCOUNT)?;
    if is_string {
        let nul = bytes.iter().position(|&byte| byte == 0).ok_or(EINVAL)?;
        bytes.truncate(nul + 1);
    }
    Ok(bytes)
}

/// By the thread, at the entry of a call. Gives the bytes, if they are not the monitor's; notes the
/// argument in `copied`.
pub(crate) fn make(
    wanted: &Wanted,
    copied: &AtomicU32,
    call: &mut SyscallEntryReport<'_>,
) -> Result<Done> {
    let copy = match &wanted.given {
        Some(_) => KVec::new(),
        None => copy(wanted, call.args()[wanted.arg] as u64)?,
    };
    let bytes = wanted.given.as_ref().unwrap_or(&copy);
    Arguments::of_current()?.put(wanted.arg, bytes, call)?;
    copied.store(copied.load() | 1 << wanted.arg);
    Ok(Done::new(bytes.len(), copy))
}

/// Reads once what the thread has there.
fn copy(wanted: &Wanted, from: u64) -> Result<KVec<u8>> {
    let mut bytes = KVec::from_elem(0, wanted.len, GFP_KERNEL_ACCOUNT)?;
    if !wanted.is_string {
        return match ring::copy_buffer(&mut bytes, from) == wanted.len {
            true => Ok(bytes),
            false => Err(EFAULT),
        };
    }
    let len = ring::copy_string(&mut bytes, from);
    if len != 0 && bytes[len - 1] == 0 {
        bytes.truncate(len);
        return Ok(bytes);
    }
    Err(match len == wanted.len {
        true => enametoolong(),
        false => EFAULT,
    })
}

/// What is other in a thread's call than the program has it, for all sessions that it is in. Only the
/// thread itself uses it.
#[pin_data]
pub(crate) struct Arguments {
    task: ARef<Task>,
    #[pin]
    state: Mutex<State>,
}

struct State {
    area: Option<Area>,
    /// The current call uses it.
    in_use: bool,
    /// The number of the current call, and its arguments.
    number: Option<Renumbered>,
    changed: [Option<Changed>; 6],
    /// For how many calls there was nothing to do.
    idle: u32,
}

#[derive(Clone, Copy)]
struct Changed {
    original: usize,
    now: usize,
}

#[derive(Clone, Copy)]
struct Renumbered {
    original: i32,
    now: i32,
}

/// After so many calls in which nothing was changed, a thread gives back its area.
const MAX_IDLE: u32 = 256;

impl State {
    fn set(&mut self, args: [usize; 6], call: &mut SyscallEntryReport<'_>) {
        for (i, (&before, &now)) in call.args().iter().zip(&args).enumerate() {
            if before != now {
                let original = self.changed[i].map_or(before, |it| it.original);
                self.changed[i] = Some(Changed { original, now });
            }
        }
        call.set_args(args);
    }

    fn set_nr(&mut self, nr: i32, call: &mut SyscallEntryReport<'_>) {
        let original = self.number.map_or(call.nr(), |it| it.original);
        self.number = Some(Renumbered { original, now: nr });
        call.set_nr(nr);
    }
}

/// Whether a signal has the kernel make a call once more that has this result.
fn is_restart(result: isize) -> bool {
    const ERESTARTSYS: isize = 512;
    const ERESTARTNOHAND: isize = 514;

    (-ERESTARTNOHAND..=-ERESTARTSYS).contains(&result)
}

impl Arguments {
    /// Those of the current thread, made if it has none.
    pub(crate) fn of_current() -> Result<Arc<Self>> {
        let current: &Task = kernel::current!();
        let address = task::address(current);
        let mut all = ARGUMENTS.lock();
        let place = match all.binary_search_by_key(&address, |(address, _)| *address) {
            Ok(place) => return Ok(all[place].1.clone()),
            Err(place) => place,
        };
        all.reserve(1, GFP_KERNEL)?;
        let this = Arc::pin_init(
            pin_init!(Arguments {
                task: current.into(),
                state <- new_mutex!(State {
                    area: None,
                    in_use: false,
                    number: None,
                    changed: [None; 6],
                    idle: 0,
                }),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;
        // Of all engines that are there now, it is called last at the exit of the call.
        let engine = Engine::attach_with(
            current,
            this.clone(),
            EventSet::SYSCALL_EXIT | EventSet::EXEC | EventSet::DEATH,
            AttachOptions::default(),
        )?;
        let _ = all.insert_within_capacity(place, (address, this.clone()));
        drop(all);
        engine.release();
        Ok(this)
    }

    /// The thread has none any more.
    fn forget(&self) {
        let address = task::address(&self.task);
        let mut all = ARGUMENTS.lock();
        let place = all.binary_search_by_key(&address, |(address, _)| *address);
        let removed = place.ok().and_then(|place| all.remove(place).ok());
        drop(all);
        drop(removed);
        self.clear();
    }

    fn clear(&self) {
        let mut state = self.state.lock();
        state.area = None;
        state.in_use = false;
        state.number = None;
        state.changed = [None; 6];
    }

    /// Changes the number of a call, and its arguments.
    pub(crate) fn set(
        &self,
        nr: Option<i32>,
        args: Option<[usize; 6]>,
        call: &mut SyscallEntryReport<'_>,
    ) {
        let mut state = self.state.lock();
        if let Some(nr) = nr {
            state.set_nr(nr, call);
        }
        if let Some(args) = args {
            state.set(args, call);
        }
    }

    /// Has an argument of the call point to a copy of `bytes`.
    fn put(&self, arg: usize, bytes: &[u8], call: &mut SyscallEntryReport<'_>) -> Result {
        let low = filter::abi_of(call.arch()) != 0;
        let mut state = self.state.lock();
        if !state.in_use && state.area.as_ref().is_some_and(|area| !area.fits(low)) {
            state.area = None;
        }
        let area = match &mut state.area {
            Some(area) => area,
            none => none.insert(Area::take(low)?),
        };
        area.write(arg, bytes)?;
        let mut args = call.args();
        args[arg] = area.address(arg);
        state.in_use = true;
        state.set(args, call);
        Ok(())
    }

    /// After the call. Gives whether it is worth while to go on.
    fn restore(&self, call: &mut SyscallExitReport<'_>) -> bool {
        let mut state = self.state.lock();
        let (number, changed) = (state.number.take(), core::mem::take(&mut state.changed));
        state.in_use = false;
        if number.is_none() && changed.iter().all(Option::is_none) {
            state.idle += 1;
            return state.idle <= MAX_IDLE;
        }
        state.idle = 0;
        if let Some(Renumbered { original, now }) = number {
            // Otherwise it stays what it was made with, for who is called for this exit yet.
            if now == call.nr() && is_restart(call.result()) {
                call.set_nr(original);
            }
        }
        let mut args = call.args();
        for (arg, changed) in args.iter_mut().zip(changed) {
            // Not what a signal's return, or somebody else, has put there.
            if let Some(Changed { original, .. }) = changed.filter(|it| it.now == *arg) {
                *arg = original;
            }
        }
        call.set_args(args);
        true
    }
}

#[vtable]
impl Tracer for Arguments {
    fn syscall_exit(this: ArcBorrow<'_, Self>, report: &mut SyscallExitReport<'_>) -> Action {
        if this.restore(report) {
            return Action::Resume;
        }
        this.forget();
        Action::Detach
    }

    fn exec(this: ArcBorrow<'_, Self>, _: &mut ExecReport<'_>) -> Action {
        this.clear();
        Action::Resume
    }

    fn death(this: ArcBorrow<'_, Self>, _: &mut DeathReport<'_>) -> DeathAction {
        this.forget();
        DeathAction::Detach
    }
}
