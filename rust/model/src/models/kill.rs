// SPDX-License-Identifier: GPL-2.0

//! SIGKILL against everything that holds a thread.

use super::{
    super::{
        core::{
            hold::{
                self,
                Ask,
                Parked, //
            },
            stop::{
                EngineWord, //
                Found,
                ReleaseError,
            }, //
        },
        thread::Thread, //
    },
    spawn, //
};
use crate::explore::{
    explore,
    Depth,
    Model, //
};
use std::sync::Arc;

pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "sigkill_against_park",
        run: || against_park(Resumer::None),
    },
    Model {
        name: "sigkill_against_park_and_resume",
        run: || against_park(Resumer::Ticket),
    },
    Model {
        name: "sigkill_against_park_and_resume_without_ticket",
        run: || against_park(Resumer::NoTicket),
    },
    Model {
        name: "sigkill_against_a_stop_from_outside",
        run: against_ask,
    },
    Model {
        name: "sigkill_of_an_exiting_thread",
        run: exiting,
    },
];

#[derive(Clone, Copy, PartialEq)]
enum Resumer {
    None,
    Ticket,
    NoTicket,
}

struct Scene {
    thread: Thread,
    stop: EngineWord,
    ask: Ask,
}

impl Scene {
    fn new() -> Arc<Self> {
        Arc::new(Scene {
            thread: Thread::new(),
            stop: EngineWord::new(),
            ask: Ask::new(),
        })
    }

    /// Nothing is left to resume.
    fn assert_gone(&self) {
        let gone = Err(ReleaseError::Gone);
        assert_eq!(hold::release(&self.thread, &self.stop, None), gone);
        assert_eq!(hold::release_ask(&self.thread, &self.ask, None), gone);
        assert!(hold::ask(&self.thread, &self.ask).is_err());
    }

    /// The rest of a killed thread's life: the signal is taken, the exit is reported, and ptrace
    /// stops the thread once more, which no late resume of ours may end.
    fn die(&self) {
        assert!(self.thread.task.take_sigkill());
        hold::kill(&self.thread);
        self.thread.task.stop_for_ptrace();
        self.assert_gone();
    }
}

/// The thread leaves, killed or resumed; nobody resumes it afterwards, and no resume that is on its
/// way wakes it somewhere else.
fn against_park(resumer: Resumer) {
    let depth = match resumer {
        Resumer::None => Depth::All,
        _ => Depth::Preemptions(4),
    };
    explore(depth, move || {
        let scene = Scene::new();
        let ticket = scene.stop.prepare();
        let monitor = (resumer != Resumer::None).then(|| {
            let ticket = (resumer == Resumer::Ticket).then_some(ticket);
            spawn(&scene, move |scene| {
                hold::release(&scene.thread, &scene.stop, ticket)
            })
        });
        let killer = spawn(&scene, |scene| scene.thread.task.send_sigkill());
        let parked = hold::park(&scene.thread, Some(&scene.stop));
        if parked == Parked::Killed {
            scene.assert_gone();
            scene.die();
            // Not even the stop of a report that is still made.
            scene.stop.prepare();
            scene.assert_gone();
        } else {
            scene.thread.task.stop_for_ptrace();
        }
        killer.join();
        let Some(monitor) = monitor else {
            assert_eq!(parked, Parked::Killed);
            return;
        };
        match (monitor.join(), parked) {
            (Ok(Found::Prepared), Parked::Released { slept: false }) => {}
            (Ok(Found::Parked), Parked::Released { slept: true }) => {}
            // Resumed first, then seen to be killed.
            (Ok(Found::Prepared | Found::Parked), Parked::Killed) => {}
            (Err(ReleaseError::Gone), Parked::Killed) => {}
            other => panic!("the releaser and the thread disagree: {other:?}"),
        }
        if parked != Parked::Killed {
            scene.die();
        }
    });
}

/// The same for a stop that was asked for from outside, and released from there.
fn against_ask() {
    explore(Depth::All, || {
        let scene = Scene::new();
        let (ticket, parked) = hold::ask(&scene.thread, &scene.ask).unwrap();
        assert!(!parked);
        let monitor = spawn(&scene, move |scene| {
            hold::release_ask(&scene.thread, &scene.ask, Some(ticket))
        });
        let killer = spawn(&scene, |scene| scene.thread.task.send_sigkill());
        let parked = hold::park(&scene.thread, None);
        if parked == Parked::Killed {
            scene.die();
        } else {
            scene.thread.task.stop_for_ptrace();
        }
        killer.join();
        match (monitor.join(), parked) {
            (Ok(Found::Prepared | Found::Parked), _) => {}
            (Err(ReleaseError::Gone), Parked::Killed) => {}
            other => panic!("the releaser and the thread disagree: {other:?}"),
        }
    });
}

/// A thread that is exiting already gets no signal: the hook at the sending of it wakes the thread.
/// Afterwards it is parked no more.
fn exiting() {
    explore(Depth::All, || {
        let scene = Scene::new();
        let ticket = scene.stop.prepare();
        let monitor = spawn(&scene, move |scene| {
            hold::release(&scene.thread, &scene.stop, Some(ticket))
        });
        let killer = spawn(&scene, |scene| hold::kill(&scene.thread));
        let parked = hold::park(&scene.thread, Some(&scene.stop));
        scene.thread.task.stop_for_ptrace();
        killer.join();
        match (monitor.join(), parked) {
            (Ok(Found::Prepared | Found::Parked), _) => {}
            (Err(ReleaseError::Gone), Parked::Killed) => {}
            other => panic!("the releaser and the thread disagree: {other:?}"),
        }
        scene.assert_gone();
        scene.stop.prepare();
        assert_eq!(hold::park(&scene.thread, Some(&scene.stop)), Parked::Killed);
        scene.assert_gone();
    });
}
