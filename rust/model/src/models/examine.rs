// SPDX-License-Identifier: GPL-2.0

//! An examiner of a parked thread against all that lets the thread go.

use super::{
    super::{
        core::{
            hold::{
                self,
                Ask, //
            },
            stop::EngineWord, //
        },
        thread::Thread, //
    },
    spawn,
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
        name: "examined_while_resumed",
        run: || examined(Goes::Resumed),
    },
    Model {
        name: "examined_while_killed",
        run: || examined(Goes::Killed),
    },
    Model {
        name: "examined_while_another_stop_is_resumed",
        run: || examined(Goes::AskReleased),
    },
    Model {
        name: "examined_across_two_stops",
        run: two_stops,
    },
];

#[derive(Clone, Copy, PartialEq)]
enum Goes {
    Resumed,
    Killed,
    /// Held by two, of whom one lets it go before the other.
    AskReleased,
}

struct Scene {
    thread: Thread,
    stop: EngineWord,
    ask: Ask,
    /// The registers: the thread's own when it runs, the examiner's while it examines.
    regs: Memory,
}

impl Scene {
    fn new() -> Arc<Self> {
        Arc::new(Scene {
            thread: Thread::new(),
            stop: EngineWord::new(),
            ask: Ask::new(),
            regs: Memory::new(),
        })
    }

    fn begin(&self, turn: u64) -> bool {
        hold::begin_examining(&self.thread, &self.stop, &self.ask, turn)
    }

    /// Looks twice, if the thread is there, and finds the same.
    fn examine(&self) {
        let Ok(turn) = hold::examine(&self.thread, &self.stop, &self.ask) else {
            return;
        };
        if !self.begin(turn) {
            return;
        }
        let seen = self.regs.read() + 100;
        self.regs.write(seen);
        hold::end_examining(&self.thread);
        if self.begin(turn) {
            assert_eq!(self.regs.read(), seen, "the thread ran in between");
            hold::end_examining(&self.thread);
        }
    }

    /// The thread runs: its registers change.
    fn run(&self) {
        self.regs.write(self.regs.read() + 1);
    }
}

fn examined(goes: Goes) {
    explore(Depth::Preemptions(3), move || {
        let scene = Scene::new();
        scene.stop.prepare();
        if goes == Goes::AskReleased {
            assert!(hold::ask(&scene.thread, &scene.ask).is_ok());
        }
        let examiner = spawn(&scene, |scene| scene.examine());
        let other = spawn(&scene, move |scene| match goes {
            Goes::Killed => scene.thread.task.send_sigkill(),
            _ => {
                let _ = hold::release(&scene.thread, &scene.stop, None);
                let _ = hold::release_ask(&scene.thread, &scene.ask, None);
            }
        });
        hold::park(&scene.thread, Some(&scene.stop));
        scene.run();
        other.join();
        examiner.join();
    });
}

fn two_stops() {
    explore(Depth::Preemptions(3), || {
        let scene = Scene::new();
        scene.stop.prepare();
        let examiner = spawn(&scene, |scene| scene.examine());
        let monitor = spawn(&scene, |scene| {
            let _ = hold::release(&scene.thread, &scene.stop, None);
        });
        hold::park(&scene.thread, Some(&scene.stop));
        monitor.join();
        scene.run();
        let second = scene.stop.prepare();
        let monitor = spawn(&scene, move |scene| {
            assert!(hold::release(&scene.thread, &scene.stop, Some(second)).is_ok());
        });
        hold::park(&scene.thread, Some(&scene.stop));
        scene.run();
        monitor.join();
        examiner.join();
    });
}
