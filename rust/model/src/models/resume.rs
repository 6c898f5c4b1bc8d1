// SPDX-License-Identifier: GPL-2.0

//! One engine, one stop, and those who resume it.

use super::{
    super::{
        core::{
            hold::{
                self,
                Parked, //
            },
            stop::{
                EngineWord, //
                Found,
                Number,
                ReleaseError,
            }, //
        },
        thread::Thread, //
    },
    spawn,
    Flag,
    Memory, //
};
use crate::explore::{
    explore,
    Depth,
    Model, //
};
use std::sync::Arc;

pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "resume_with_ticket_in_every_window",
        run: || resume(true),
    },
    Model {
        name: "resume_without_ticket_in_every_window",
        run: || resume(false),
    },
    Model {
        name: "two_resumers_of_one_stop",
        run: two_resumers,
    },
    Model {
        name: "resume_before_the_stop_is_not_remembered",
        run: not_remembered,
    },
    Model {
        name: "late_duplicate_leaves_the_next_stop_alone",
        run: || late_duplicate(false),
    },
    Model {
        name: "late_duplicate_is_told_so",
        run: || late_duplicate(true),
    },
    Model {
        name: "late_duplicate_and_resume_of_the_next_stop",
        run: duplicate_and_next,
    },
];

type Released = Result<Found, ReleaseError>;

struct Scene {
    thread: Thread,
    stop: EngineWord,
    answer: Memory,
    answered: Flag,
}

impl Scene {
    fn new() -> Arc<Self> {
        Arc::new(Scene {
            thread: Thread::new(),
            stop: EngineWord::new(),
            answer: Memory::new(),
            answered: Flag::new(),
        })
    }

    fn park(&self) -> Parked {
        let parked = hold::park(&self.thread, Some(&self.stop));
        // What the thread does next may be a stop of somebody else's.
        self.thread.task.stop_for_ptrace();
        parked
    }

    fn release(&self, ticket: Option<Number>) -> Released {
        hold::release(&self.thread, &self.stop, ticket)
    }

    /// The stop that `ticket` named is over, for good.
    fn assert_over(&self, ticket: Number) {
        assert_eq!(self.release(Some(ticket)), Err(ReleaseError::Stale));
        assert_eq!(self.release(None), Ok(Found::Nothing));
    }
}

/// What the releaser is told is what happened to the thread.
fn assert_truthful(found: Released, parked: Parked) {
    match (found, parked) {
        (Ok(Found::Prepared), Parked::Released { slept: false }) => {}
        (Ok(Found::Parked), Parked::Released { slept: true }) => {}
        other => panic!("the releaser and the thread disagree: {other:?}"),
    }
}

/// The message with the ticket leaves the callback; the resume comes in any window from there on.
/// The thread does not stay parked, has the monitor's answer, and the stop is released once.
fn resume(with_ticket: bool) {
    explore(Depth::All, move || {
        let scene = Scene::new();
        let ticket = scene.stop.prepare();
        let monitor = spawn(&scene, move |scene| {
            scene.answer.write(42);
            scene.release(with_ticket.then_some(ticket))
        });
        let parked = scene.park();
        assert_eq!(scene.answer.read(), 42);
        assert_truthful(monitor.join(), parked);
        scene.assert_over(ticket);
    });
}

/// Of two that resume the same stop one succeeds, and the other is told that it is over.
fn two_resumers() {
    explore(Depth::Preemptions(4), || {
        let scene = Scene::new();
        let ticket = scene.stop.prepare();
        let monitors = [0, 1].map(|_| spawn(&scene, move |scene| scene.release(Some(ticket))));
        let parked = scene.park();
        let [one, two] = monitors.map(|monitor| monitor.join());
        match (one, two) {
            (found, Err(ReleaseError::Stale)) | (Err(ReleaseError::Stale), found) => {
                assert_truthful(found, parked);
            }
            both => panic!("not exactly one resumed: {both:?}"),
        }
        scene.assert_over(ticket);
    });
}

/// A resume without a ticket that finds no stop has no effect on the stop that comes next: it
/// releases that stop itself, or leaves it to its monitor.
fn not_remembered() {
    explore(Depth::Preemptions(4), || {
        let scene = Scene::new();
        let early = spawn(&scene, |scene| scene.release(None));
        let ticket = scene.stop.prepare();
        let monitor = spawn(&scene, move |scene| {
            scene.answered.set();
            scene.release(Some(ticket))
        });
        let parked = scene.park();
        let answered = scene.answered.is_set();
        let early = early.join();
        let found = monitor.join();
        if early == Ok(Found::Nothing) {
            assert!(answered, "the thread ran on before it was resumed");
            assert_truthful(found, parked);
        } else {
            assert_truthful(early, parked);
            assert_eq!(found, Err(ReleaseError::Stale));
        }
        scene.assert_over(ticket);
    });
}

/// The duplicate of a resume comes whenever it likes, during the next stop or before: it is told
/// that its stop is over, and the thread stays in the next one until the resume of that. The two
/// are looked at one by one, so that a core which fails in both is seen to.
fn late_duplicate(reply: bool) {
    explore(Depth::Preemptions(4), move || {
        let scene = Scene::new();
        let first = scene.stop.prepare();
        assert_eq!(scene.release(Some(first)), Ok(Found::Prepared));
        let duplicate = spawn(&scene, move |scene| scene.release(Some(first)));
        assert_eq!(scene.park(), Parked::Released { slept: false });
        let second = scene.stop.prepare();
        let monitor = spawn(&scene, move |scene| {
            scene.answered.set();
            scene.release(Some(second))
        });
        let parked = scene.park();
        let answered = scene.answered.is_set();
        let duplicate = duplicate.join();
        let found = monitor.join();
        if reply {
            assert_eq!(duplicate, Err(ReleaseError::Stale));
            assert_truthful(found, parked);
            scene.assert_over(second);
        } else {
            assert!(answered, "the next stop ended before it was resumed");
        }
    });
}

/// The same monitor resumes one stop twice, both times against the thread's parking.
fn duplicate_and_next() {
    explore(Depth::Preemptions(4), || {
        let scene = Scene::new();
        let first = scene.stop.prepare();
        let twice = spawn(&scene, move |scene| {
            let found = scene.release(Some(first));
            (found, scene.release(Some(first)))
        });
        let parked_first = scene.park();
        let second = scene.stop.prepare();
        let monitor = spawn(&scene, move |scene| {
            scene.answered.set();
            scene.release(Some(second))
        });
        let parked_second = scene.park();
        let answered = scene.answered.is_set();
        let (found, duplicate) = twice.join();
        assert_truthful(found, parked_first);
        assert_eq!(duplicate, Err(ReleaseError::Stale));
        assert!(answered, "the next stop ended before it was resumed");
        assert_truthful(monitor.join(), parked_second);
        scene.assert_over(second);
    });
}
