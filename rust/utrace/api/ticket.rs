// SPDX-License-Identifier: GPL-2.0

//! Stops, by name.

use crate::{
    core::stop::{
        self,
        Number, //
    },
    engine::{
        control,
        object::Engine, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// In which phase a resume found the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There was no stop. Only for a resume without a ticket.
    Nothing,
    /// The thread had not parked yet, and now will not.
    Prepared,
    /// The thread was parked.
    Parked,
}

impl From<stop::Found> for Found {
    fn from(found: stop::Found) -> Self {
        match found {
            stop::Found::Nothing => Found::Nothing,
            stop::Found::Prepared => Found::Prepared,
            stop::Found::Parked => Found::Parked,
        }
    }
}

/// Why a resume did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeError {
    /// The stop is over, or never was: `ESTALE`.
    Stale,
    /// The thread is dying, or the engine is detached: `ESRCH`.
    Gone,
}

impl From<stop::ReleaseError> for ResumeError {
    fn from(err: stop::ReleaseError) -> Self {
        match err {
            stop::ReleaseError::Stale => ResumeError::Stale,
            stop::ReleaseError::Gone => ResumeError::Gone,
        }
    }
}

impl From<ResumeError> for Error {
    fn from(err: ResumeError) -> Self {
        match err {
            ResumeError::Stale => stop::ReleaseError::Stale.into(),
            ResumeError::Gone => stop::ReleaseError::Gone.into(),
        }
    }
}

/// Names one stop of one engine, and resumes it: exactly once, whatever its phase.
///
/// Exists from before the callback begins, so it can be handed out before the callback returns
/// [`Action::Stop`]. A ticket whose stop is over, or never came because the callback returned
/// something else, does nothing but say so.
///
/// # Examples
///
/// A stop that is asked for from outside has a ticket, too.
///
/// ```
/// use kernel::sync::{Arc, ArcBorrow};
/// use utrace::{thread_by_pid, DeathAction, DeathReport, Engine, Found, ResumeError, Tracer};
///
/// struct Mourner;
///
/// #[vtable]
/// impl Tracer for Mourner {
///     fn death(_: ArcBorrow<'_, Self>, _: &mut DeathReport<'_>) -> DeathAction {
///         DeathAction::Detach
///     }
/// }
///
/// let engine = Engine::attach(&*thread_by_pid(1)?, Arc::new(Mourner, GFP_KERNEL)?)?;
/// let stop = engine.stop()?;
/// assert!(stop.ticket.resume()? != Found::Nothing);
/// assert_eq!(stop.ticket.resume(), Err(ResumeError::Stale));
/// drop(engine);
/// assert_eq!(stop.ticket.resume(), Err(ResumeError::Gone));
/// # Ok::<(), Error>(())
/// ```
///
/// [`Action::Stop`]: super::Action::Stop
#[derive(Clone)]
pub struct Ticket {
    engine: Arc<Engine>,
    number: Number,
}

impl Ticket {
    pub(super) fn new(engine: &Arc<Engine>, number: Number) -> Self {
        Ticket {
            engine: engine.clone(),
            number,
        }
    }

    /// The number of the stop among those of its engine: for
    /// [`EngineRef::resume_number`](super::EngineRef::resume_number).
    pub fn number(&self) -> u64 {
        self.number.raw()
    }

    /// Ends the stop. From any context, hard interrupts included; never sleeps, needs no barrier.
    ///
    /// Replaces `utrace_control(.., UTRACE_RESUME)`, which had no effect on a thread that had not
    /// parked yet.
    ///
    /// # Errors
    ///
    /// See [`ResumeError`].
    pub fn resume(&self) -> Result<Found, ResumeError> {
        Ok(control::resume_ticket(&self.engine, self.number)?.into())
    }
}
