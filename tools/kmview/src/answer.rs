// SPDX-License-Identifier: GPL-2.0

//! Answers.

use super::{
    abi,
    Ticket, //
};

/// What becomes of an event on which a thread waits.
#[derive(Clone, Copy, Debug)]
pub struct Answer(pub(crate) abi::Answer);

impl Answer {
    fn new(ticket: Ticket, action: u32) -> Self {
        Answer(abi::Answer {
            ticket: ticket.0,
            action,
            ..Default::default()
        })
    }

    /// Go on, with the changes made by the methods below.
    pub fn run(ticket: Ticket) -> Self {
        Self::new(ticket, abi::RUN)
    }

    /// Do not make the system call; this is its result.
    pub fn skip(ticket: Ticket, result: i64) -> Self {
        let mut answer = Self::new(ticket, abi::SKIP);
        answer.0.result = result;
        answer
    }

    /// Do not make the system call: it fails with this errno.
    pub fn fail(ticket: Ticket, errno: i32) -> Self {
        Self::skip(ticket, -i64::from(errno))
    }

    /// Drop the signal.
    pub fn drop_signal(ticket: Ticket) -> Self {
        Self::new(ticket, abi::SKIP)
    }

    /// Go on, and let the thread leave the session.
    pub fn detach(ticket: Ticket) -> Self {
        Self::new(ticket, abi::DETACH)
    }

    /// That, and all other threads, too.
    pub fn detach_all(ticket: Ticket) -> Self {
        Self::new(ticket, abi::DETACH_ALL)
    }

    /// Make another system call instead.
    #[must_use]
    pub fn with_nr(mut self, nr: i64) -> Self {
        self.0.flags |= abi::SET_NR;
        self.0.nr = nr;
        self
    }

    /// Make the system call with these arguments.
    #[must_use]
    pub fn with_args(mut self, args: [u64; 6]) -> Self {
        self.0.flags |= abi::SET_ARGS;
        self.0.args = args;
        self
    }

    /// At a return: this is the result, or a negative errno.
    #[must_use]
    pub fn with_result(mut self, result: i64) -> Self {
        self.0.flags |= abi::SET_RESULT;
        self.0.result = result;
        self
    }

    /// Report the return of this call.
    #[must_use]
    pub fn wanting_return(mut self) -> Self {
        self.0.flags |= abi::WANT_RETURN;
        self
    }

    /// Do not report the return of this call, whatever is set for all.
    #[must_use]
    pub fn without_return(mut self) -> Self {
        self.0.flags |= abi::NO_RETURN;
        self
    }

    /// The event that it answers.
    pub fn ticket(&self) -> Ticket {
        Ticket(self.0.ticket)
    }
}
