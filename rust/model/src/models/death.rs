// SPDX-License-Identifier: GPL-2.0

//! The death of a thread, its reap, and attachments to it while it dies.

use super::{
    super::core::{
        life::{
            Detach,
            ThreadLife, //
        },
        stop::EngineWord, //
    },
    spawn,
    Memory, //
};
use crate::explore::{
    explore,
    Depth,
    Model, //
};
use loom::sync::{
    atomic::{
        fence, AtomicBool, AtomicU32,
        Ordering::{
            AcqRel,
            Acquire,
            Relaxed,
            Release,
            SeqCst, //
        },
    },
    Mutex, //
};
use std::sync::Arc;

pub(crate) const MODELS: &[Model] = &[
    Model {
        name: "death_against_reap",
        run: death_against_reap,
    },
    Model {
        name: "reap_noted_by_two",
        run: two_reapers,
    },
    Model {
        name: "attach_to_a_dying_thread",
        run: || attach(1, Depth::Preemptions(4)),
    },
    Model {
        name: "two_attach_to_a_dying_thread",
        run: || attach(2, Depth::Preemptions(3)),
    },
];

/// The reports at the end of a thread: how many deaths, how many reaps.
struct Reports {
    deaths: Memory,
    reaps: Memory,
}

impl Reports {
    fn new() -> Self {
        Reports {
            deaths: Memory::new(),
            reaps: Memory::new(),
        }
    }

    fn death(&self) {
        assert_eq!(self.deaths.read(), 0, "a second death report");
        assert_eq!(self.reaps.read(), 0, "a death report after the reap");
        self.deaths.write(1);
    }

    fn reap(&self) {
        assert_eq!(self.reaps.read(), 0, "a second reap");
        // Unordered with the report itself this fails, too.
        self.deaths.read();
        self.reaps.write(1);
    }
}

struct Thread {
    life: ThreadLife,
    reports: Reports,
}

impl Thread {
    fn new() -> Self {
        Thread {
            life: ThreadLife::new(),
            reports: Reports::new(),
        }
    }

    fn death_hook(&self) {
        if self.life.begin_death() {
            self.reports.death();
            if self.life.end_death() {
                self.reports.reap();
            }
        }
    }

    fn reap_hook(&self) {
        if self.life.reap() {
            self.reports.reap();
        }
    }
}

/// The thread reports its death while its parent lets it go: one report, one reap after it.
fn death_against_reap() {
    explore(Depth::All, || {
        let scene = Arc::new(Thread::new());
        let parent = spawn(&scene, |scene| scene.reap_hook());
        scene.death_hook();
        parent.join();
        assert_eq!(scene.reports.deaths.read(), 1);
        assert_eq!(scene.reports.reaps.read(), 1);
    });
}

/// The same with the reap noted by the hook and by one that attached too late, and a second party
/// that would report the death.
fn two_reapers() {
    explore(Depth::Preemptions(3), || {
        let scene = Arc::new(Thread::new());
        let parents = [0, 1].map(|_| spawn(&scene, |scene| scene.reap_hook()));
        let attacher = spawn(&scene, |scene| scene.death_hook());
        scene.death_hook();
        for thread in parents {
            thread.join();
        }
        attacher.join();
        assert_eq!(scene.reports.deaths.read(), 1);
        assert_eq!(scene.reports.reaps.read(), 1);
    });
}

/// Most engines that are attached at once.
const MOST: usize = 2;

/// A per-thread structure, as far as attaching to it goes.
struct Utrace {
    life: ThreadLife,
    reports: Reports,
    list: Mutex<List>,
}

struct List {
    engines: Vec<usize>,
    attached: usize,
    closed: bool,
}

struct Engine {
    word: EngineWord,
    reaps: AtomicU32,
}

/// A thread that dies, and the table in which its structure is found.
struct Dying {
    dead: AtomicBool,
    claimed: AtomicBool,
    /// 0, or one more than the place of the structure in `made`.
    table: AtomicU32,
    made: [Utrace; MOST + 1],
    used: AtomicU32,
    engines: [Engine; MOST],
}

impl Dying {
    fn new() -> Arc<Self> {
        let utrace = |_| Utrace {
            life: ThreadLife::new(),
            reports: Reports::new(),
            list: Mutex::new(List {
                engines: Vec::new(),
                attached: 0,
                closed: false,
            }),
        };
        let engine = |_| Engine {
            word: EngineWord::new(),
            reaps: AtomicU32::new(0),
        };
        Arc::new(Dying {
            dead: AtomicBool::new(false),
            claimed: AtomicBool::new(false),
            table: AtomicU32::new(0),
            made: [0; MOST + 1].map(utrace),
            used: AtomicU32::new(0),
            engines: [0; MOST].map(engine),
        })
    }

    fn lookup(&self) -> Option<&Utrace> {
        match self.table.load(Acquire) {
            0 => None,
            index => Some(&self.made[index as usize - 1]),
        }
    }

    fn death_hook(&self) {
        fence(SeqCst);
        let Some(utrace) = self.lookup() else {
            return;
        };
        if utrace.life.begin_death() {
            utrace.reports.death();
            if utrace.life.end_death() {
                self.reap(utrace);
            }
        }
    }

    fn reap_hook(&self) {
        fence(SeqCst);
        if let Some(utrace) = self.lookup() {
            if utrace.life.reap() {
                self.reap(utrace);
            }
        }
    }

    /// `report::reap`
    fn reap(&self, utrace: &Utrace) {
        utrace.reports.reap();
        let engines = utrace.list.lock().unwrap().engines.clone();
        for engine in engines {
            let word = &self.engines[engine].word;
            if word.enter(0) {
                self.engines[engine].reaps.fetch_add(1, Relaxed);
                if word.leave().clean_up {
                    self.clean_up(utrace, engine);
                }
            }
            self.detach(utrace, engine);
        }
    }

    fn detach(&self, utrace: &Utrace, engine: usize) {
        if self.engines[engine].word.detach() == Detach::CleanUp {
            self.clean_up(utrace, engine);
        }
    }

    fn clean_up(&self, utrace: &Utrace, engine: usize) {
        let mut list = utrace.list.lock().unwrap();
        list.attached -= 1;
        if list.attached == 0 && !list.closed {
            list.closed = true;
            self.table.store(0, Release);
        }
        drop(list);
        self.engines[engine].word.cleaned();
    }

    /// `attach::attach`. Tells whether it succeeded.
    fn attach(&self, engine: usize) -> bool {
        let utrace = loop {
            let Some(utrace) = self.find_or_make() else {
                return false;
            };
            let mut list = utrace.list.lock().unwrap();
            if !list.closed {
                list.engines.push(engine);
                list.attached += 1;
                break utrace;
            }
        };
        fence(SeqCst);
        if utrace.life.is_reaped() {
            self.detach(utrace, engine);
            return false;
        }
        true
    }

    fn find_or_make(&self) -> Option<&Utrace> {
        loop {
            if let Some(utrace) = self.lookup() {
                return Some(utrace);
            }
            let index = self.used.fetch_add(1, Relaxed);
            let utrace = &self.made[index as usize];
            let mut list = utrace.list.lock().unwrap();
            if self
                .table
                .compare_exchange(0, index + 1, AcqRel, Relaxed)
                .is_ok()
            {
                return self.settle(utrace, &mut list).then_some(utrace);
            }
        }
    }

    /// `attach::settle`. Tells whether the thread can be attached to.
    fn settle(&self, utrace: &Utrace, list: &mut List) -> bool {
        fence(SeqCst);
        if !self.dead.load(Relaxed) {
            return true;
        }
        if utrace.life.begin_death() {
            utrace.life.end_death();
        }
        if self.claimed.load(Relaxed) {
            list.closed = true;
            self.table.store(0, Release);
            return false;
        }
        true
    }
}

/// Who attaches to a thread while it dies and is let go either hears of the reap, once, or is told
/// that it came too late. Nothing stays behind in the table.
fn attach(attachers: usize, depth: Depth) {
    explore(depth, move || {
        let scene = Dying::new();
        let attachers: Vec<_> = (0..attachers)
            .map(|engine| spawn(&scene, move |scene| scene.attach(engine)))
            .collect();
        scene.dead.store(true, Relaxed);
        let parent = spawn(&scene, |scene| {
            scene.claimed.store(true, Relaxed);
            scene.reap_hook();
        });
        scene.death_hook();
        parent.join();
        let outcomes: Vec<bool> = attachers
            .into_iter()
            .map(|attacher| attacher.join())
            .collect();
        for (attached, engine) in outcomes.into_iter().zip(&scene.engines) {
            let reaps = engine.reaps.load(Relaxed);
            assert!(!attached || reaps == 1, "attached, and never reaped");
            assert!(reaps <= 1, "reaped twice");
            assert!(!attached || engine.word.is_detached());
        }
        assert!(scene.lookup().is_none(), "a structure stays in the table");
    });
}
