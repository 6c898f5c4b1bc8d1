// SPDX-License-Identifier: GPL-2.0

//! One thread alone: every short sequence of transitions, and the merging of wishes, against a
//! description of their own.

use super::super::core::{
    action::{
        pending,
        Syscall,
        Wish, //
    },
    event::{
        self,
        Event, //
    },
    stop::{
        Check,
        EngineWord, //
        Found,
        Number,
        ReleaseError,
    }, //
};
use crate::explore::{
    explore,
    Depth,
    Model, //
};

pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "stop_word_keeps_to_its_table",
        run: stop_word,
    },
    Model {
        name: "wishes_merge",
        run: wishes,
    },
];

#[derive(Clone, Copy, Debug)]
enum Op {
    Prepare,
    Park,
    Settle,
    Release,
    ReleaseCurrent,
    ReleaseLast,
    Close,
}

const OPS: [Op; 7] = [
    Op::Prepare,
    Op::Park,
    Op::Settle,
    Op::Release,
    Op::ReleaseCurrent,
    Op::ReleaseLast,
    Op::Close,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Running,
    Prepared,
    Parked,
    Released,
    Closed,
}

#[derive(Debug, PartialEq)]
enum Reply {
    None,
    Number(u64),
    Check(Check),
    Release(Result<Found, ReleaseError>),
}

/// The table: what an operation makes of a phase, and says.
fn expected(phase: Phase, number: &mut u64, op: Op) -> (Phase, Reply) {
    use Phase::*;

    let stale = Reply::Release(Err(ReleaseError::Stale));
    match (op, phase) {
        (Op::Prepare, Closed) => (Closed, Reply::Number(*number)),
        (Op::Prepare, _) => {
            *number += 2;
            (Prepared, Reply::Number(*number))
        }
        (Op::Park, Prepared | Parked) => (Parked, Reply::Check(Check::Hold)),
        (Op::Park, _) => (phase, Reply::Check(Check::Run)),
        (Op::Settle, Closed) => (Closed, Reply::None),
        (Op::Settle, _) => (Running, Reply::None),
        (Op::Close, _) => (Closed, Reply::None),
        (_, Closed) => (Closed, Reply::Release(Err(ReleaseError::Gone))),
        (Op::ReleaseLast, _) => (phase, stale),
        (_, Prepared) => (Released, Reply::Release(Ok(Found::Prepared))),
        (_, Parked) => (Released, Reply::Release(Ok(Found::Parked))),
        (Op::Release, _) => (phase, Reply::Release(Ok(Found::Nothing))),
        (Op::ReleaseCurrent, _) => (phase, stale),
    }
}

fn apply(word: &EngineWord, number: u64, op: Op) -> Reply {
    match op {
        Op::Prepare => Reply::Number(word.prepare().raw()),
        Op::Park => Reply::Check(word.park()),
        Op::Settle => {
            word.settle();
            Reply::None
        }
        Op::Release => Reply::Release(word.release(None)),
        Op::ReleaseCurrent => Reply::Release(word.release(Some(Number::from_raw(number)))),
        Op::ReleaseLast => {
            let last = number.checked_sub(2).unwrap_or(u64::MAX);
            Reply::Release(word.release(Some(Number::from_raw(last))))
        }
        Op::Close => {
            word.close();
            Reply::None
        }
    }
}

/// All sequences of five transitions from the beginning reply as the table says.
fn stop_word() {
    const LENGTH: u32 = 5;

    for mut sequence in 0..OPS.len().pow(LENGTH) {
        let ops: Vec<Op> = (0..LENGTH)
            .map(|_| {
                let op = OPS[sequence % OPS.len()];
                sequence /= OPS.len();
                op
            })
            .collect();
        explore(Depth::All, move || {
            let word = EngineWord::new();
            let mut number = 0;
            let mut phase = Phase::Running;
            for op in &ops {
                let before = number;
                let (next, reply) = expected(phase, &mut number, *op);
                assert_eq!(
                    apply(&word, before, *op),
                    reply,
                    "{op:?} of {ops:?}, {phase:?}"
                );
                assert!(!Number::from_raw(number).is_ask());
                phase = next;
            }
        });
    }
}

/// Any abort aborts, in whichever order; what owes a report; one bit for each event.
fn wishes() {
    let both = [Syscall::Run, Syscall::Abort];
    for one in both {
        assert_eq!(one.merge(one), one);
        for two in both {
            assert_eq!(one.merge(two), two.merge(one));
            let aborts = one == Syscall::Abort || two == Syscall::Abort;
            assert_eq!(one.merge(two) == Syscall::Abort, aborts);
        }
    }
    let (report, interrupt) = (pending::REPORT, pending::INTERRUPT);
    assert_eq!(report & interrupt, 0);
    for (wish, owed) in [
        (Wish::Stop, 0),
        (Wish::Resume, 0),
        (Wish::Detach, 0),
        (Wish::Report, report),
        (Wish::Interrupt, report | interrupt),
    ] {
        assert_eq!(pending::of(wish), owed);
    }
    let events = [
        Event::Quiesce,
        Event::Reap,
        Event::Clone,
        Event::Exec,
        Event::Exit,
        Event::Death,
        Event::SyscallEntry,
        Event::SyscallExit,
        Event::Signal,
        Event::SignalIgn,
        Event::SignalStop,
        Event::SignalTerm,
        Event::SignalCore,
        Event::Jctl,
    ];
    let all = events.iter().fold(0, |all, event| {
        assert_eq!(all & event.bit(), 0);
        all | event.bit()
    });
    assert_eq!(all, event::ALL);
    for event in events {
        let is_signal = event::SIGNALS & event.bit() != 0;
        assert_eq!(event::signal_of(event.bit()), is_signal.then_some(event));
    }
    assert_eq!(event::signal_of(event::ALL), Some(Event::Signal));
    // A thread that is no more stops nowhere.
    assert!(!Event::Death.stops_in_place() && !Event::Reap.stops_in_place());
}
