// SPDX-License-Identifier: GPL-2.0

//! The end of an attachment against callbacks, stops and those who wait for it.

use super::{
    super::{
        core::{
            hold,
            life::Detach,
            stop::ReleaseError, //
        },
        engine::{
            Engine,
            Utrace,
            Verdict, //
        }, //
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
        name: "detach_and_wait_against_a_callback_that_stops",
        run: against_stop,
    },
    Model {
        name: "detach_by_two_and_by_the_callback",
        run: by_three,
    },
    Model {
        name: "barrier_returns_after_the_callback",
        run: barrier,
    },
    Model {
        name: "barrier_against_detach_and_callback",
        run: barrier_against_detach,
    },
    Model {
        name: "stop_from_outside_against_detach",
        run: ask_against_detach,
    },
];

struct Scene {
    utrace: Utrace,
    engine: Engine,
}

impl Scene {
    fn new() -> Arc<Self> {
        Arc::new(Scene {
            utrace: Utrace::new(),
            engine: Engine::new(),
        })
    }

    /// The attachment is over: no callback, nothing to resume, nobody to wait for.
    fn assert_detached(&self) {
        assert_eq!(self.engine.calls(), None);
        assert_eq!(self.engine.word.detach(), Detach::Already);
        assert!(!self.engine.word.is_in_callback());
        assert!(!self.engine.word.must_wait());
        assert!(!self.engine.word.enter(0));
        let found = hold::release(&self.utrace.thread, &self.engine.word, None);
        assert_eq!(found, Err(ReleaseError::Gone));
        assert!(!self.utrace.thread.is_asked());
    }
}

/// The thread calls a callback that stops it, and nobody resumes: the detach lets it go, in every
/// window. When it has been waited for, the tracer is gone and no callback runs.
fn against_stop() {
    explore(Depth::All, || {
        let scene = Scene::new();
        let detacher = spawn(&scene, |scene| {
            let outcome = scene.utrace.detach(&scene.engine);
            assert_ne!(outcome, Detach::Already);
            scene.utrace.wait(&scene.engine);
            scene.assert_detached();
        });
        scene.utrace.call(&scene.engine, Verdict::Stop);
        detacher.join();
    });
}

/// Two detach, and so does the callback: one of the three cleans up (the tracer is taken once), and
/// it is done before any of the waits is over.
fn by_three() {
    explore(Depth::Preemptions(3), || {
        let scene = Scene::new();
        let detachers = [0, 1].map(|_| {
            spawn(&scene, |scene| {
                let outcome = scene.utrace.detach(&scene.engine);
                scene.utrace.wait(&scene.engine);
                scene.assert_detached();
                outcome
            })
        });
        scene.utrace.call(&scene.engine, Verdict::Detach);
        let outcomes = detachers.map(|detacher| detacher.join());
        let ended = outcomes
            .iter()
            .filter(|outcome| **outcome != Detach::Already);
        assert!(ended.count() <= 1, "two ended the attachment: {outcomes:?}");
        scene.assert_detached();
    });
}

/// Two wait for the callback that runs. Each returns, when it has ended, and sees what it did.
fn barrier() {
    explore(Depth::All, || {
        let scene = Scene::new();
        assert!(scene.engine.word.enter(0));
        let waiters = [0, 1].map(|_| {
            spawn(&scene, |scene| {
                scene.utrace.wait(&scene.engine);
                let calls = scene.engine.calls();
                assert_eq!(calls, Some(1), "the barrier returned during the callback");
            })
        });
        scene.engine.callback();
        scene.utrace.leave(&scene.engine, false);
        for waiter in waiters {
            waiter.join();
        }
    });
}

/// One waits while another detaches, and a callback comes in between: the wait ends. If the engine
/// was detached when it began, the tracer is gone when it ends.
fn barrier_against_detach() {
    explore(Depth::Preemptions(4), || {
        let scene = Scene::new();
        let detacher = spawn(&scene, |scene| scene.utrace.detach(&scene.engine));
        let waiter = spawn(&scene, |scene| {
            let detached = scene.engine.word.is_detached();
            scene.utrace.wait(&scene.engine);
            if detached {
                scene.assert_detached();
            }
        });
        scene.utrace.call(&scene.engine, Verdict::Resume);
        assert_ne!(detacher.join(), Detach::Already);
        waiter.join();
        scene.assert_detached();
    });
}

/// A stop is asked for while the engine is detached: it holds the thread for ever in no case.
fn ask_against_detach() {
    explore(Depth::All, || {
        let scene = Scene::new();
        let asker = spawn(&scene, |scene| scene.utrace.stop(&scene.engine));
        let detacher = spawn(&scene, |scene| scene.utrace.detach(&scene.engine));
        scene.utrace.before_user_mode();
        let asked = asker.join();
        assert!(asked.is_ok() || asked == Err(ReleaseError::Gone));
        assert_eq!(detacher.join(), Detach::CleanUp);
        scene.utrace.before_user_mode();
        scene.assert_detached();
    });
}
