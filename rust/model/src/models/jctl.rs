// SPDX-License-Identifier: GPL-2.0

//! A process that is stopped by a signal, and goes on, while its thread is parked.

use super::{
    super::{
        core::{
            hold::{
                self,
                Parked, //
            },
            stop::{
                EngineWord,
                Found, //
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
        name: "process_stopped_while_parked",
        run: while_parked,
    },
    Model {
        name: "process_stopped_against_resume",
        run: against_resume,
    },
    Model {
        name: "process_stopped_against_sigkill",
        run: against_sigkill,
    },
];

struct Scene {
    thread: Thread,
    stop: EngineWord,
}

impl Scene {
    fn new() -> Arc<Self> {
        Arc::new(Scene {
            thread: Thread::with_stops(),
            stop: EngineWord::new(),
        })
    }

    fn stop_process(&self) {
        self.thread.task.stop_process(|| hold::notice(&self.thread));
    }
}

/// Whenever the stop comes, the thread takes part, as whoever stopped the process waits for it; and
/// is found parked afterwards.
fn while_parked() {
    explore(Depth::Preemptions(4), || {
        let scene = Scene::new();
        let ticket = scene.stop.prepare();
        let process = spawn(&scene, move |scene| {
            scene.stop_process();
            scene.thread.task.wait_for_stops(1);
            scene.thread.task.send_sigcont();
            hold::release(&scene.thread, &scene.stop, Some(ticket))
        });
        let parked = hold::park(&scene.thread, Some(&scene.stop));
        scene.thread.task.stop_for_ptrace();
        match (process.join(), parked) {
            (Ok(Found::Prepared), Parked::Released { slept: false }) => {}
            (Ok(Found::Parked), Parked::Released { slept: true }) => {}
            other => panic!("the releaser and the thread disagree: {other:?}"),
        }
    });
}

/// The resume comes at any moment, and so does SIGCONT: none of the wake-ups is for another sleep.
fn against_resume() {
    explore(Depth::Preemptions(3), || {
        let scene = Scene::new();
        let ticket = scene.stop.prepare();
        let process = spawn(&scene, |scene| {
            scene.stop_process();
            scene.thread.task.send_sigcont();
        });
        let monitor = spawn(&scene, move |scene| {
            hold::release(&scene.thread, &scene.stop, Some(ticket))
        });
        let parked = hold::park(&scene.thread, Some(&scene.stop));
        assert!(matches!(parked, Parked::Released { .. }));
        scene.thread.task.stop_for_ptrace();
        process.join();
        assert!(monitor.join().is_ok());
    });
}

/// A SIGKILL ends this stop, too, and the park behind it.
fn against_sigkill() {
    explore(Depth::Preemptions(4), || {
        let scene = Scene::new();
        scene.stop.prepare();
        let process = spawn(&scene, |scene| scene.stop_process());
        let killer = spawn(&scene, |scene| scene.thread.task.send_sigkill());
        let parked = hold::park(&scene.thread, Some(&scene.stop));
        assert_eq!(parked, Parked::Killed);
        assert!(scene.thread.task.take_sigkill());
        process.join();
        killer.join();
    });
}
