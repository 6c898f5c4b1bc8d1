// SPDX-License-Identifier: GPL-2.0

//! Resuming from a hard interrupt.

use kernel::{
    impl_has_hr_timer,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    },
    time::{
        hrtimer::{
            ArcHrTimerHandle,
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerPointer,
            HrTimerRestart,
            RelativeMode, //
        },
        Delta,
        Monotonic, //
    }, //
};
use utrace::Ticket;

#[pin_data]
pub(crate) struct ResumeTimer {
    #[pin]
    timer: HrTimer<Self>,
    ticket: Ticket,
}

impl HrTimerCallback for ResumeTimer {
    type Pointer<'a> = Arc<Self>;

    fn run(this: ArcBorrow<'_, Self>, _: HrTimerCallbackContext<'_, Self>) -> HrTimerRestart {
        let _ = this.ticket.resume();
        HrTimerRestart::NoRestart
    }
}

impl_has_hr_timer! {
    impl HasHrTimer<Self> for ResumeTimer {
        mode: RelativeMode<Monotonic>, field: self.timer
    }
}

/// A started timer; dropping it cancels.
pub(crate) type Started = ArcHrTimerHandle<ResumeTimer>;

/// Resumes the stop in so many microseconds.
pub(crate) fn resume_later(ticket: Ticket, delay_us: u32) -> Result<Started> {
    let timer = Arc::pin_init(
        pin_init!(ResumeTimer {
            timer <- HrTimer::new(),
            ticket,
        }),
        GFP_KERNEL,
    )?;
    Ok(timer.start(Delta::from_micros(i64::from(delay_us))))
}
