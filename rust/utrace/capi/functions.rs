// SPDX-License-Identifier: GPL-2.0

//! The exported functions. The header says what they do.

use super::{
    callbacks::{
        Ops,
        Shell, //
    },
    object::{
        CEngine,
        CRef, //
    },
    registry, //
};
use crate::{
    core::{
        action::Wish,
        stop::Number, //
    },
    engine::{
        attach,
        control,
        object::{
            Engine,
            Interest, //
        },
        step, //
    },
    sys::{
        bindings,
        errno::einprogress,
        module,
        task, //
    }, //
};
use core::cell::Cell;
use kernel::{
    prelude::*,
    sync::Arc,
    task::Task, //
};

const FLAGS: c_int = (bindings::UTRACE_ATTACH_MATCH_OPS
    | bindings::UTRACE_ATTACH_MATCH_DATA
    | bindings::UTRACE_ATTACH_CREATE
    | bindings::UTRACE_ATTACH_EXCLUSIVE) as c_int;

/// All events that have a number.
const EVENTS: c_ulong = (1 << bindings::utrace_events__UTRACE_NEVENTS) - 1;

pub(super) fn to_errno(result: Result) -> c_int {
    result.map_or_else(|err| err.to_errno(), |()| 0)
}

/// What engines are meant by the arguments of `utrace_attach_task`.
struct Wanted {
    flags: c_int,
    ops: *const bindings::utrace_engine_ops,
    data: *mut c_void,
}

impl Wanted {
    fn has(&self, flag: u32) -> bool {
        self.flags & flag as c_int != 0
    }

    fn fits(&self, object: &CEngine) -> bool {
        (!self.has(bindings::UTRACE_ATTACH_MATCH_OPS) || object.ops.as_ptr() == self.ops)
            && (!self.has(bindings::UTRACE_ATTACH_MATCH_DATA) || object.data() == self.data)
    }

    /// Whether `engine` keeps an exclusive one away.
    fn excludes(&self, engine: &Engine) -> bool {
        if !self.has(bindings::UTRACE_ATTACH_MATCH_OPS | bindings::UTRACE_ATTACH_MATCH_DATA) {
            // Any engine at all, also of modules in Rust.
            return true;
        }
        registry::look(engine, |object| self.fits(object)).unwrap_or(false)
    }

    /// A reference to the first engine that matches.
    fn find(&self, task: &Task) -> Result<CRef> {
        let found = Cell::new(None);
        attach::find(task, &|engine| {
            let object = registry::look(engine, |object| {
                // Else its attach has not returned yet.
                (object.is_linked() && self.fits(object)).then(|| object.try_get())
            });
            let object = object.flatten().flatten();
            let fits = object.is_some();
            found.set(object);
            fits
        })?;
        found.take().ok_or(ENOENT)
    }

    /// Attaches a new engine.
    fn create(&self, task: &Task, ops: Ops) -> Result<CRef> {
        let slot = registry::Slot::new()?;
        let owner = module::owner_of(ops.text());
        let object = CEngine::make(ops, owner, self.data)?;
        slot.insert(&object);
        let shell = KBox::new(Shell(object.clone()), GFP_KERNEL)?;
        let excludes = |engine: &Engine| self.excludes(engine);
        let exclusive: Option<attach::Which<'_>> = match self.has(bindings::UTRACE_ATTACH_EXCLUSIVE)
        {
            true => Some(&excludes),
            false => None,
        };
        let nothing = Interest {
            events: 0,
            calls: None,
        };
        // If this fails the object goes without a call of `release`.
        let engine = attach::attach(task, shell, nothing, exclusive)?;
        object.set_engine(engine);
        Ok(object)
    }
}

/// The engine, if it is one of `target`'s.
pub(super) fn engine_of(object: &CRef, target: *mut bindings::task_struct) -> Result<Arc<Engine>> {
    let engine = object.engine().ok_or(ESRCH)?;
    // Only compared: C need not keep it. The engine keeps its own, so the address is not another's.
    if engine.utrace.task().as_ptr() != target {
        return Err(ESRCH);
    }
    Ok(engine)
}

fn set_events(object: &CRef, target: *mut bindings::task_struct, mask: c_ulong) -> Result {
    let engine = engine_of(object, target)?;
    // The bit behind the events was the historic header's own, and callers kept it in the mask.
    let events = mask & !(EVENTS + 1);
    if events & !EVENTS != 0 {
        return Err(EINVAL);
    }
    let result = control::set_events(&engine, events as u32);
    object.show_events();
    result
}

fn ask(object: &CRef, target: *mut bindings::task_struct, action: u32) -> Result {
    let engine = engine_of(object, target)?;
    control::control(&engine, Wish::from_number(action).ok_or(EINVAL)?)
}

c_abi! {
    /// See the header.
    ///
    /// # Safety
    ///
    /// `target` is valid until this returns; `ops` is null or valid as long as its module.
    unsafe fn utrace_attach_task(
        target: *mut bindings::task_struct,
        flags: c_int,
        ops: *const bindings::utrace_engine_ops,
        data: *mut c_void,
    ) -> *mut bindings::utrace_engine {
        // SAFETY: By the contract.
        let task = unsafe { task::from_raw(target) };
        let wanted = Wanted { flags, ops, data };
        let found = if flags & !FLAGS != 0 {
            Err(EINVAL)
        } else if wanted.has(bindings::UTRACE_ATTACH_CREATE) {
            // SAFETY: By the contract.
            unsafe { Ops::new(ops) }.and_then(|ops| wanted.create(task, ops))
        } else {
            wanted.find(task)
        };
        found.map_or_else(|err| err.to_ptr(), CRef::into_raw)
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// The caller has a reference to `engine`.
    unsafe fn utrace_set_events(
        target: *mut bindings::task_struct,
        engine: *mut bindings::utrace_engine,
        eventmask: c_ulong,
    ) -> c_int {
        // SAFETY: By the contract; used in this function only.
        let object = unsafe { CRef::borrow_raw(engine) };
        to_errno(set_events(&object, target, eventmask))
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// The caller has a reference to `engine`.
    unsafe fn utrace_control(
        target: *mut bindings::task_struct,
        engine: *mut bindings::utrace_engine,
        action: bindings::utrace_resume_action,
    ) -> c_int {
        // SAFETY: By the contract; used in this function only.
        let object = unsafe { CRef::borrow_raw(engine) };
        to_errno(ask(&object, target, action))
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// None is needed.
    unsafe fn utrace_has_single_step() -> bool {
        true
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// None is needed.
    unsafe fn utrace_has_block_step() -> bool {
        step::has_block()
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// The caller has a reference to `engine`.
    unsafe fn utrace_barrier(
        _target: *mut bindings::task_struct,
        engine: *mut bindings::utrace_engine,
    ) -> c_int {
        // SAFETY: By the contract; used in this function only.
        let object = unsafe { CRef::borrow_raw(engine) };
        let engine = object.engine().ok_or(ESRCH);
        to_errno(engine.and_then(|engine| control::barrier(&engine)))
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// The caller has a reference to `engine`.
    unsafe fn utrace_stop_ticket(engine: *mut bindings::utrace_engine) -> u64 {
        // SAFETY: By the contract; used in this function only.
        let object = unsafe { CRef::borrow_raw(engine) };
        match object.engine() {
            Some(engine) if engine.is_called_by_current() => object.ticket(),
            _ => 0,
        }
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// The caller has a reference to `engine`; `ticket` is valid for a write.
    unsafe fn utrace_stop_engine(
        engine: *mut bindings::utrace_engine,
        ticket: *mut u64,
    ) -> c_int {
        // SAFETY: By the contract; used in this function only.
        let object = unsafe { CRef::borrow_raw(engine) };
        let engine = object.engine().ok_or(ESRCH);
        let (number, result) = match engine.and_then(|engine| control::stop(&engine)) {
            Ok(asked) if asked.parked => (asked.ticket.raw(), Ok(())),
            Ok(asked) => (asked.ticket.raw(), Err(einprogress())),
            Err(err) => (0, Err(err)),
        };
        // SAFETY: By the contract.
        unsafe { ticket.write(number) };
        to_errno(result)
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// The caller has a reference to `engine`.
    unsafe fn utrace_resume_ticket(engine: *mut bindings::utrace_engine, ticket: u64) -> c_int {
        // SAFETY: By the contract; used in this function only.
        let object = unsafe { CRef::borrow_raw(engine) };
        let resume = |engine: Arc<Engine>| {
            control::resume_ticket(&engine, Number::from_raw(ticket))?;
            Ok(())
        };
        to_errno(object.engine().ok_or(ESRCH).and_then(resume))
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// The caller has a reference to `engine`.
    unsafe fn utrace_engine_get(engine: *mut bindings::utrace_engine) {
        // SAFETY: By the contract; used in this function only.
        let object = unsafe { CRef::borrow_raw(engine) };
        let _ = CRef::clone(&object).into_raw();
    }

    /// See the header.
    ///
    /// # Safety
    ///
    /// The caller has a reference to `engine`, and gives it up.
    unsafe fn utrace_engine_put(engine: *mut bindings::utrace_engine) {
        // SAFETY: By the contract.
        drop(unsafe { CRef::from_raw(engine) });
    }
}
