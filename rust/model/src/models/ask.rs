// SPDX-License-Identifier: GPL-2.0

//! Stops that are asked for from outside, and two engines on one thread.

use super::{
    super::{
        core::{
            hold::{
                self,
                Parked, //
            },
            stop::{
                Found,
                ReleaseError, //
            }, //
        },
        engine::{
            Engine,
            Utrace, //
        }, //
    },
    spawn,
    Flag, //
};
use crate::explore::{
    explore,
    Depth,
    Model, //
};
use std::sync::Arc;

pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "stop_from_outside_finds_the_thread_parked_or_not",
        run: during_reported_stop,
    },
    Model {
        name: "stops_of_two_engines_end_with_the_last",
        run: two_from_outside,
    },
    Model {
        name: "one_engine_resumes_while_the_other_detaches",
        run: resume_and_detach,
    },
    Model {
        name: "duplicate_of_a_stop_from_outside",
        run: duplicate,
    },
    Model {
        name: "report_asked_for_during_a_stop_from_outside",
        run: release_if_parked,
    },
];

struct Scene {
    utrace: Utrace,
    a: Engine,
    b: Engine,
    a_let_go: Flag,
    b_let_go: Flag,
    b_saw_parked: Flag,
    in_user_mode: Flag,
}

impl Scene {
    fn new() -> Arc<Self> {
        Arc::new(Scene {
            utrace: Utrace::new(),
            a: Engine::new(),
            b: Engine::new(),
            a_let_go: Flag::new(),
            b_let_go: Flag::new(),
            b_saw_parked: Flag::new(),
            in_user_mode: Flag::new(),
        })
    }
}

/// Engine A has stopped the thread in a report and resumes it, while B asks for a stop. If B is
/// told that the thread is parked, it does not run on before B's release.
fn during_reported_stop() {
    explore(Depth::Preemptions(4), || {
        let scene = Scene::new();
        let ticket = scene.a.word.prepare();
        let a = spawn(&scene, move |scene| {
            scene.a_let_go.set();
            hold::release(&scene.utrace.thread, &scene.a.word, Some(ticket))
        });
        let b = spawn(&scene, |scene| {
            let thread = &scene.utrace.thread;
            let (ticket, parked) = hold::ask(thread, &scene.b.ask).unwrap();
            assert!(ticket.is_ask());
            if parked {
                scene.b_saw_parked.set();
                assert!(
                    !scene.in_user_mode.is_set(),
                    "told parked, and the thread ran on"
                );
            }
            scene.b_let_go.set();
            let found = hold::release_ask(thread, &scene.b.ask, Some(ticket));
            assert!(!parked || found == Ok(Found::Parked));
            let again = hold::release_ask(thread, &scene.b.ask, Some(ticket));
            assert_eq!(again, Err(ReleaseError::Stale));
            found
        });
        let parked = scene.utrace.park(Some(&scene.a));
        assert!(
            scene.a_let_go.is_set(),
            "the thread ran on before A resumed it"
        );
        if scene.b_saw_parked.is_set() {
            assert!(
                scene.b_let_go.is_set(),
                "told parked, and the thread ran on"
            );
        }
        scene.utrace.before_user_mode();
        scene.in_user_mode.set();
        let found = a.join();
        let found_b = b.join();
        assert!(matches!(found, Ok(Found::Prepared | Found::Parked)));
        assert!(matches!(found_b, Ok(Found::Prepared | Found::Parked)));
        match parked {
            Parked::Released { slept: false } => assert_eq!(found, Ok(Found::Prepared)),
            Parked::Released { slept: true } => {}
            Parked::Killed => panic!("nobody killed the thread"),
        }
        assert!(!scene.utrace.thread.is_asked());
    });
}

/// Two stops from outside: the thread runs on when both have been released, and then at once.
fn two_from_outside() {
    explore(Depth::All, || {
        let scene = Scene::new();
        let thread = &scene.utrace.thread;
        let (ticket_a, _) = hold::ask(thread, &scene.a.ask).unwrap();
        let (ticket_b, _) = hold::ask(thread, &scene.b.ask).unwrap();
        let a = spawn(&scene, move |scene| {
            scene.a_let_go.set();
            hold::release_ask(&scene.utrace.thread, &scene.a.ask, Some(ticket_a)).unwrap()
        });
        let b = spawn(&scene, move |scene| {
            scene.b_let_go.set();
            hold::release_ask(&scene.utrace.thread, &scene.b.ask, Some(ticket_b)).unwrap()
        });
        let parked = scene.utrace.park(None);
        assert!(
            scene.a_let_go.is_set(),
            "the thread ran on before A resumed it"
        );
        assert!(
            scene.b_let_go.is_set(),
            "the thread ran on before B resumed it"
        );
        let found = [a.join(), b.join()];
        // Who comes last says whether the thread had been parked.
        let slept = found.contains(&Found::Parked);
        assert_eq!(parked, Parked::Released { slept });
    });
}

/// A stop made by a report and one asked for from outside; the owner of the first resumes, that of
/// the second detaches. The thread leaves exactly when both have let go.
fn resume_and_detach() {
    explore(Depth::Preemptions(4), || {
        let scene = Scene::new();
        let ticket = scene.a.word.prepare();
        hold::ask(&scene.utrace.thread, &scene.b.ask).unwrap();
        let a = spawn(&scene, move |scene| {
            scene.a_let_go.set();
            hold::release(&scene.utrace.thread, &scene.a.word, Some(ticket)).unwrap()
        });
        let b = spawn(&scene, |scene| {
            scene.b_let_go.set();
            scene.utrace.detach(&scene.b);
        });
        scene.utrace.park(Some(&scene.a));
        assert!(
            scene.a_let_go.is_set(),
            "the thread ran on before A resumed it"
        );
        assert!(
            scene.b_let_go.is_set(),
            "the thread ran on before B detached"
        );
        assert_ne!(a.join(), Found::Nothing);
        b.join();
        assert!(!scene.utrace.thread.is_asked());
        assert_eq!(scene.b.calls(), None);
    });
}

/// A release of a stop from outside that comes twice does not end the next one.
fn duplicate() {
    explore(Depth::All, || {
        let scene = Scene::new();
        let thread = &scene.utrace.thread;
        let (first, _) = hold::ask(thread, &scene.a.ask).unwrap();
        hold::release_ask(thread, &scene.a.ask, Some(first)).unwrap();
        let late = spawn(&scene, move |scene| {
            hold::release_ask(&scene.utrace.thread, &scene.a.ask, Some(first))
        });
        let (second, _) = hold::ask(thread, &scene.a.ask).unwrap();
        assert_ne!(first, second);
        let a = spawn(&scene, move |scene| {
            scene.a_let_go.set();
            hold::release_ask(&scene.utrace.thread, &scene.a.ask, Some(second))
        });
        scene.utrace.park(None);
        assert!(
            scene.a_let_go.is_set(),
            "the next stop ended before it was resumed"
        );
        assert_eq!(late.join(), Err(ReleaseError::Stale));
        assert!(a.join().is_ok());
    });
}

/// A release that is only for a parked thread: it lets go a thread that it finds parked, and else
/// leaves the stop as it is.
fn release_if_parked() {
    explore(Depth::All, || {
        let scene = Scene::new();
        hold::ask(&scene.utrace.thread, &scene.a.ask).unwrap();
        let a = spawn(&scene, |scene| {
            let thread = &scene.utrace.thread;
            let found = hold::release_parked_ask(thread, &scene.a.ask).unwrap();
            if found == Found::Nothing {
                scene.a_let_go.set();
                let found = hold::release_ask(thread, &scene.a.ask, None);
                assert_ne!(found, Ok(Found::Nothing), "the stop was not left as it was");
            }
            found
        });
        let parked = scene.utrace.park(None);
        let let_go = scene.a_let_go.is_set();
        match a.join() {
            Found::Nothing => assert!(let_go, "the thread ran on before A resumed it"),
            Found::Parked => assert_eq!(parked, Parked::Released { slept: true }),
            Found::Prepared => panic!("a thread that was not parked has been let go"),
        }
        assert!(!scene.utrace.thread.is_asked());
    });
}
