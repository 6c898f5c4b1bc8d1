// SPDX-License-Identifier: GPL-2.0

//! Delay points and fault switches. In the module that is shipped they are nothing.
//!
//! A test build (`UTRACE_TEST=y`) lets a test module have a function called in the windows of the
//! stop protocol, in the traced thread, so that a race is opened by design and not by luck.

use crate::engine::object::Engine;
use kernel::prelude::*;

/// The windows of the stop protocol.
#[cfg_attr(not(utrace_test), allow(unreachable_pub))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// An engine is about to be called, for an event that it wanted a moment ago.
    BeforeCallback,
    /// The callback has returned; what it said is not recorded (t2 to t3 in the report of the race).
    CallbackReturned,
    /// It is recorded, and the thread will look whether to park (t3 to t4).
    BeforePark,
}

#[cfg(not(utrace_test))]
mod switches {
    use super::*;

    #[inline(always)]
    pub(crate) fn window(_window: Window, _engine: &Engine) {}

    #[inline(always)]
    pub(crate) fn hook_is_absent(_index: usize) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) fn step(_n: i32) -> Result {
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn allocation() -> Result {
        Ok(())
    }
}

#[cfg(utrace_test)]
mod switches {
    use super::*;
    use crate::{
        module_parameters,
        sys::param::param, //
    };
    use kernel::{
        sync::atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        time::{
            delay::fsleep,
            Delta, //
        },
    };

    /// Called in a window of the thread that runs the engine `serial`.
    pub type Visitor = fn(Window, serial: u64);

    static VISITOR: Atomic<usize> = Atomic::new(0);
    /// How many threads may be in a visitor.
    static VISITS: Atomic<usize> = Atomic::new(0);
    static FAIL_ALLOCATION: Atomic<u32> = Atomic::new(0);

    /// Has `visitor` called in every window from now on; `None` ends it. May sleep: when it returns,
    /// no thread is in the one before.
    pub fn set_visitor(visitor: Option<Visitor>) {
        VISITOR.xchg(visitor.map_or(0, |visitor| visitor as usize), Full);
        while VISITS.cmpxchg(0, 0, Full).is_err() {
            fsleep(Delta::from_millis(1));
        }
    }

    /// Makes the `n`th attach from now on fail as if there were no memory; 0: none.
    pub fn fail_attach(n: u32) {
        FAIL_ALLOCATION.xchg(n, Full);
    }

    pub(crate) fn window(window: Window, engine: &Engine) {
        // Counted before it looks: `set_visitor` exchanges first and then looks at the count.
        VISITS.fetch_add(1, Full);
        let visitor = VISITOR.load(Acquire);
        if visitor != 0 {
            // SAFETY: Only `set_visitor` stores here.
            let visitor = unsafe { core::mem::transmute::<usize, Visitor>(visitor) };
            visitor(window, engine.serial);
        }
        VISITS.fetch_sub(1, Release);
    }

    pub(crate) fn hook_is_absent(index: usize) -> bool {
        param::<i32>(module_parameters::fail_hook.value()) == index as i32 + 1
    }

    /// A step of loading. Test builds let it fail as if there were no memory.
    pub(crate) fn step(n: i32) -> Result {
        if param::<i32>(module_parameters::fail_step.value()) == n {
            pr_err!("step {} of loading fails, as asked for\n", n);
            return Err(ENOMEM);
        }
        Ok(())
    }

    pub(crate) fn final_check() -> bool {
        param::<i32>(module_parameters::final_check.value()) != 0
    }

    pub(crate) fn allocation() -> Result {
        let mut n = FAIL_ALLOCATION.load(Acquire);
        while n != 0 {
            match FAIL_ALLOCATION.cmpxchg(n, n - 1, Full) {
                Ok(_) if n == 1 => return Err(ENOMEM),
                Ok(_) => break,
                Err(seen) => n = seen,
            }
        }
        Ok(())
    }
}

#[cfg(utrace_test)]
pub(crate) use switches::final_check;
pub(crate) use switches::{
    allocation,
    hook_is_absent,
    step,
    window, //
};
#[cfg(utrace_test)]
pub use switches::{
    fail_attach,
    set_visitor,
    Visitor, //
};
