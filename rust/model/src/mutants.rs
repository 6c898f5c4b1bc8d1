// SPDX-License-Identifier: GPL-2.0

//! What is broken in the other worlds, and which model has to find it.
//!
//! `build.rs` reads this, too.

/// One broken world.
pub(crate) struct Mutant {
    /// Also the name of its module.
    pub(crate) name: &'static str,
    /// With the switches that a test build of the module has (`--cfg utrace_test`).
    pub(crate) switches: bool,
    /// Each edit's text must be in its file once.
    pub(crate) edits: &'static [Edit],
    /// The model that finds it.
    pub(crate) model: &'static str,
    /// What the explorer then says.
    pub(crate) finds: &'static str,
}

pub(crate) struct Edit {
    pub(crate) file: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

pub(crate) const MUTANTS: &[Mutant] = &[
    // The report that this project begins with: the resume that comes before the park is lost.
    Mutant {
        name: "without_final_check",
        switches: true,
        edits: &[Edit {
            file: "hold.rs",
            from: "fn final_check(&self) -> bool {\n        true",
            to: "fn final_check(&self) -> bool {\n        false",
        }],
        model: "resume_with_ticket_in_every_window",
        finds: "deadlock",
    },
    // The first cure for it: a flag that remembers a resume also remembers one too many.
    Mutant {
        name: "with_remembered_releases",
        switches: true,
        edits: &[
            Edit {
                file: "hold.rs",
                from: "let found = word.release(ticket);",
                to: "let _ = ticket; let found = Ok(word.release_and_remember());",
            },
            Edit {
                file: "stop.rs",
                from: "pub(crate) fn prepare(&self) -> Number {",
                to: "pub(crate) fn prepare(&self) -> Number {\n\
                     self.prepare_remembering();\n\
                     Number(number(self.0.load()))\n\
                     }\n\
                     fn prepare_as_shipped(&self) -> Number {",
            },
        ],
        model: "late_duplicate_leaves_the_next_stop_alone",
        finds: "the next stop ended before it was resumed",
    },
    Mutant {
        name: "with_tickets_ignored",
        switches: false,
        edits: &[Edit {
            file: "stop.rs",
            from: "Some(Number(n)) => n == number(old),",
            to: "Some(_) => number(old) > 0,",
        }],
        model: "late_duplicate_leaves_the_next_stop_alone",
        finds: "the next stop ended before it was resumed",
    },
    Mutant {
        name: "with_release_that_does_not_wake",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "Ok(Found::Parked) => {\n            \
                   let mut guard = site.lock();\n            \
                   if guard.parked {",
            to: "Ok(Found::Parked) => {\n            \
                 let mut guard = site.lock();\n            \
                 if guard.parked && false {",
        }],
        model: "resume_without_ticket_in_every_window",
        finds: "deadlock",
    },
    Mutant {
        name: "with_check_and_wake_in_two_sections",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "Ok(Found::Parked) => {\n            \
                   let mut guard = site.lock();\n            \
                   if guard.parked {",
            to: "Ok(Found::Parked) => {\n            \
                 let parked = site.lock().parked;\n            \
                 let mut guard = site.lock();\n            \
                 if parked {",
        }],
        model: "sigkill_against_park_and_resume",
        finds: "a late wake-up hit another sleep",
    },
    Mutant {
        name: "with_wake_of_whoever_sleeps",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "guard.parked = false;\n            break Parked::Released { slept };",
            to: "break Parked::Released { slept };",
        }],
        model: "sigkill_of_an_exiting_thread",
        finds: "a late wake-up hit another sleep",
    },
    Mutant {
        name: "with_state_set_outside_the_lock",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "site.set_parked_state(&mut guard);\n        drop(guard);",
            to: "drop(guard);\n        site.set_parked_state(&mut site.lock());",
        }],
        model: "resume_with_ticket_in_every_window",
        finds: "deadlock",
    },
    Mutant {
        name: "with_asks_looked_at_outside_the_lock",
        switches: false,
        edits: &[
            Edit {
                file: "hold.rs",
                from: "        let mut guard = site.lock();\n        \
                       if guard.killed || site",
                to: "        let asked = site.lock().is_asked();\n        \
                     let mut guard = site.lock();\n        \
                     if guard.killed || site",
            },
            Edit {
                file: "hold.rs",
                from: "!word_holds && !guard.is_asked()",
                to: "!word_holds && !asked",
            },
        ],
        model: "stop_from_outside_finds_the_thread_parked_or_not",
        finds: "deadlock",
    },
    Mutant {
        name: "with_kill_that_closes_nothing",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "if let Some(word) = word {\n                word.close();\n            }",
            to: "",
        }],
        model: "sigkill_against_park",
        finds: "left: Ok(",
    },
    Mutant {
        name: "with_last_ask_released_silently",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "if guard.asks == 0 {",
            to: "if guard.asks == 1 {",
        }],
        model: "stops_of_two_engines_end_with_the_last",
        finds: "deadlock",
    },
    Mutant {
        name: "with_parked_only_release_of_any_stop",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "if !ask.is_held() || !guard.parked {",
            to: "if !ask.is_held() {",
        }],
        model: "report_asked_for_during_a_stop_from_outside",
        finds: "a thread that was not parked has been let go",
    },
    Mutant {
        name: "with_close_that_does_not_wake",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "word.close();\n    if guard.parked {",
            to: "word.close();\n    if guard.parked && false {",
        }],
        model: "detach_and_wait_against_a_callback_that_stops",
        finds: "deadlock",
    },
    Mutant {
        name: "with_detach_that_overlooks_callbacks",
        switches: false,
        edits: &[Edit {
            file: "life.rs",
            from: "(0, _) => Detach::InProgress,",
            to: "(0, _) => Detach::CleanUp,",
        }],
        model: "detach_and_wait_against_a_callback_that_stops",
        finds: "Causality violation",
    },
    Mutant {
        name: "with_barrier_that_overlooks_clean_up",
        switches: false,
        edits: &[Edit {
            file: "life.rs",
            from: "old & IN_CALLBACK != 0 || old & (DETACHED | CLEANED) == DETACHED",
            to: "old & IN_CALLBACK != 0",
        }],
        model: "barrier_against_detach_and_callback",
        finds: "Causality violation",
    },
    Mutant {
        name: "with_waiters_forgotten",
        switches: false,
        edits: &[Edit {
            file: "life.rs",
            from: "wake: old & DETACHED == 0 && old & AWAITED != 0,",
            to: "wake: false,",
        }],
        model: "barrier_returns_after_the_callback",
        finds: "deadlock",
    },
    // A callback that begins, or ends, in one step, whatever came meanwhile.
    Mutant {
        name: "with_begin_that_overlooks_what_came",
        switches: false,
        edits: &[Edit {
            file: "stop.rs",
            from: "match self.0.compare_exchange(old, new) {\n            Ok(_) => Some(Begun(new)),",
            to: "self.0.store(new);\n        match Ok::<u64, u64>(old) {\n            Ok(_) => Some(Begun(new)),",
        }],
        model: "barrier_against_detach_and_callback",
        finds: "Causality violation",
    },
    Mutant {
        name: "with_begin_of_a_detached_engine",
        switches: false,
        edits: &[Edit {
            file: "stop.rs",
            from: "let old = self.0.load() & NUMBER_MASK | RUNNING;",
            to: "let old = self.0.load() & !PHASE_MASK | RUNNING;",
        }],
        model: "barrier_against_detach_and_callback",
        finds: "right: Already",
    },
    Mutant {
        name: "with_end_that_overlooks_what_came",
        switches: false,
        edits: &[Edit {
            file: "stop.rs",
            from: "self.0.compare_exchange(begun.0, quiet).is_ok()",
            to: "{ self.0.store(quiet); true }",
        }],
        model: "barrier_against_detach_and_callback",
        finds: "left: Some(1)",
    },
    // The atomics of the kernel order nothing when they fail.
    Mutant {
        name: "with_unordered_look_at_a_life",
        switches: false,
        edits: &[Edit {
            file: "word.rs",
            from: "Err(_) => old = word.read(),",
            to: "Err(seen) => old = seen,",
        }],
        model: "barrier_returns_after_the_callback",
        finds: "Causality violation",
    },
    Mutant {
        name: "with_reap_during_the_death_report",
        switches: false,
        edits: &[Edit {
            file: "life.rs",
            from: "old & REAPED == 0 && old & DEATH_DONE != 0",
            to: "old & REAPED == 0",
        }],
        model: "death_against_reap",
        finds: "Causality violation",
    },
    Mutant {
        name: "with_two_death_reports",
        switches: false,
        edits: &[Edit {
            file: "life.rs",
            from: "old & DEATH_BEGUN == 0\n",
            to: "old & DEATH_DONE == 0\n",
        }],
        model: "reap_noted_by_two",
        finds: "Causality violation",
    },
    // A thread that leaves while somebody looks at it.
    Mutant {
        name: "with_examiner_not_waited_for",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "word.close();\n            \
                   }\n            \
                   if guard.examiner != Examiner::None {",
            to: "word.close();\n            \
                 }\n            \
                 if false {",
        }],
        model: "examined_while_killed",
        finds: "Causality violation",
    },
    Mutant {
        name: "with_examiner_that_does_not_wake",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "site.wake_leaving(&mut guard);",
            to: "let _ = site;",
        }],
        model: "examined_while_resumed",
        finds: "deadlock",
    },
    // A stop of the process that a parked thread does not hear of.
    Mutant {
        name: "with_notice_that_does_not_wake",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "guard.noticed = true;\n    if guard.parked {",
            to: "guard.noticed = true;\n    if false {",
        }],
        model: "process_stopped_while_parked",
        finds: "deadlock",
    },
    Mutant {
        name: "with_notice_forgotten_too_late",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "guard.noticed = false;\n            \
                   drop(guard);\n            \
                   site.stop_with_process();",
            to: "drop(guard);\n            \
                 site.stop_with_process();\n            \
                 site.lock().noticed = false;",
        }],
        model: "process_stopped_while_parked",
        finds: "deadlock",
    },
    // The stop that was examined taken for the one that came after it.
    Mutant {
        name: "with_any_turn",
        switches: false,
        edits: &[Edit {
            file: "hold.rs",
            from: "guard.turn += 1;",
            to: "guard.turn += 0;",
        }],
        model: "examined_across_two_stops",
        finds: "the thread ran in between",
    },
];
