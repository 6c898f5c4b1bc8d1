// SPDX-License-Identifier: GPL-2.0

//! KUnit suites: the decisions of `core`, and what `sys` puts under them, on a kernel that checks.
//!
//! They run when the module is loaded into a kernel with KUnit, and are nothing elsewhere. What
//! needs several threads is the model's (`rust/model`), what needs user space the kselftests'.

use kernel::macros::kunit_tests;

#[kunit_tests(utrace_stop)]
mod stop {
    use crate::core::stop::{
        Check,
        EngineWord, //
        Found,
        Number,
        Phase,
        ReleaseError,
    };

    #[test]
    fn a_stop_is_released_once() {
        let word = EngineWord::new();
        let ticket = word.prepare();
        assert!(word.park() == Check::Hold);
        assert!(word.release(Some(ticket)) == Ok(Found::Parked));
        assert!(word.release(Some(ticket)) == Err(ReleaseError::Stale));
        assert!(word.park() == Check::Run);
    }

    #[test]
    fn a_release_before_the_park_is_not_lost() {
        let word = EngineWord::new();
        let ticket = word.prepare();
        assert!(word.release(Some(ticket)) == Ok(Found::Prepared));
        assert!(word.park() == Check::Run);
    }

    #[test]
    fn a_ticket_does_not_reach_the_next_stop() {
        let word = EngineWord::new();
        let first = word.prepare();
        word.settle();
        let second = word.prepare();
        assert!(first != second);
        assert!(word.release(Some(first)) == Err(ReleaseError::Stale));
        assert!(word.park() == Check::Hold);
        assert!(word.release(None) == Ok(Found::Parked));
    }

    #[test]
    fn without_a_stop_nothing_is_remembered() {
        let word = EngineWord::new();
        assert!(word.release(None) == Ok(Found::Nothing));
        word.prepare();
        assert!(word.park() == Check::Hold);
    }

    #[test]
    fn a_closed_word_stays_closed() {
        let word = EngineWord::new();
        let ticket = word.prepare();
        word.close();
        assert!(word.park() == Check::Run);
        assert!(word.release(Some(ticket)) == Err(ReleaseError::Gone));
        word.prepare();
        assert!(word.peek().0 == Phase::Closed);
    }

    #[test]
    fn reports_have_even_numbers() {
        let word = EngineWord::new();
        for _ in 0..3 {
            let ticket = word.prepare();
            assert!(!ticket.is_ask());
            assert!(ticket != Number::NONE);
            assert!(word.peek() == (Phase::Prepared, ticket));
            word.settle();
        }
    }
}

#[kunit_tests(utrace_life)]
mod life {
    use crate::core::{
        life::{
            Detach,
            ThreadLife, //
        },
        stop::{
            EngineWord, //
            Phase,
        }, //
    };

    #[test]
    fn who_detaches_cleans_up() {
        let life = EngineWord::new();
        assert!(life.detach() == Detach::CleanUp);
        assert!(life.detach() == Detach::Already);
        assert!(!life.enter(0));
    }

    #[test]
    fn during_a_callback_its_end_cleans_up() {
        let life = EngineWord::new();
        assert!(life.enter(0));
        assert!(life.detach() == Detach::InProgress);
        assert!(life.must_wait());
        assert!(life.leave().clean_up);
        // Still busy, until it is done.
        assert!(life.must_wait());
        assert!(life.cleaned());
        assert!(!life.must_wait());
    }

    #[test]
    fn a_callback_in_two_steps() {
        let word = EngineWord::new();
        let begun = word.begin(7).unwrap();
        assert!(word.is_in_callback() && word.peek() == (Phase::Prepared, begun.number()));
        assert!(word.begin(7).is_none());
        assert!(word.end(begun));
        assert!(!word.is_in_callback() && word.peek() == (Phase::Running, begun.number()));
    }

    #[test]
    fn what_comes_in_between_is_left_to_the_long_way() {
        let comes: [fn(&EngineWord); 4] = [
            |word| _ = word.release(None),
            |word| _ = word.detach(),
            |word| _ = word.must_wait(),
            |word| word.close(),
        ];
        for comes in comes {
            let word = EngineWord::new();
            let begun = word.begin(7).unwrap();
            comes(&word);
            let before = word.peek();
            assert!(!word.end(begun));
            assert!(word.is_in_callback() && word.peek() == before);
        }
    }

    #[test]
    fn the_reap_waits_for_the_death() {
        let life = ThreadLife::new();
        assert!(life.begin_death());
        assert!(!life.begin_death());
        assert!(!life.reap());
        assert!(life.end_death());
    }

    #[test]
    fn one_reap_only() {
        let life = ThreadLife::new();
        assert!(life.begin_death());
        assert!(!life.end_death());
        assert!(life.reap());
        assert!(!life.reap());
    }
}

#[kunit_tests(utrace_action)]
mod action {
    use crate::core::{
        action::Syscall,
        event::{
            self,
            Event, //
        }, //
    };

    #[test]
    fn any_abort_aborts() {
        assert!(Syscall::Run.merge(Syscall::Run) == Syscall::Run);
        assert!(Syscall::Run.merge(Syscall::Abort) == Syscall::Abort);
        assert!(Syscall::Abort.merge(Syscall::Run) == Syscall::Abort);
    }

    #[test]
    fn events_have_their_names() {
        assert!(event::NAMES[Event::Quiesce.number() as usize] == "QUIESCE");
        assert!(event::NAMES[Event::SyscallExit.number() as usize] == "SYSCALL_EXIT");
        assert!(event::ALL >> event::NAMES.len() == 0);
    }
}

#[kunit_tests(utrace_sys)]
mod sys {
    use crate::sys::{
        atomic::{
            AtomicU32,
            AtomicU64, //
        },
        lock::IrqLock,
        pass_cell::PassCell,
        percpu::{
            self,
            NoPreempt, //
        },
        trace::{
            millis_since,
            now,
            Counter, //
        }, //
    };
    use kernel::{
        prelude::*,
        sync::Arc,
        task::Task,
        time::{
            delay::fsleep,
            Delta, //
        }, //
    };

    #[test]
    fn atomics() {
        let word = AtomicU32::new(1);
        assert!(word.swap(2) == 1);
        assert!(word.compare_exchange(2, 3) == Ok(2));
        assert!(word.compare_exchange(2, 4).is_err());
        assert!(word.load() == 3);
        let word = AtomicU64::new(1 << 40);
        word.store(word.load() + 1);
        assert!(word.load() == (1 << 40) + 1);
    }

    /// Who asks for it while it is taken gets nothing, however often, and does not give it back.
    #[test]
    fn a_pass_cell_is_taken_once() {
        let cell = PassCell::new(1u32);
        // SAFETY: Nobody else has the cell.
        let guard = unsafe { cell.take() };
        assert!(guard.is_some());
        // SAFETY: As above.
        assert!(unsafe { cell.take() }.is_none());
        // SAFETY: As above.
        assert!(unsafe { cell.take() }.is_none());
        drop(guard);
        // SAFETY: As above.
        assert!(unsafe { cell.take() }.is_some());
    }

    #[test]
    fn the_current_thread_is_the_kernels() {
        let reader = NoPreempt::new();
        assert!(percpu::current_task() == Task::current_raw());
        drop(reader);
        // Sleeps, which it must not do if preemption had stayed off.
        fsleep(Delta::from_millis(1));
    }

    #[test]
    fn the_lock_guards_its_value() -> Result {
        let lock = Arc::pin_init(IrqLock::new(1u32), GFP_KERNEL)?;
        *lock.lock() += 1;
        assert!(*lock.lock() == 2);
        Ok(())
    }

    #[test]
    fn counters_count() {
        let before = Counter::ResumesNothing.get();
        Counter::ResumesNothing.add();
        assert!(Counter::ResumesNothing.get() > before);
        let then = now();
        assert!(then != 0);
        assert!(millis_since(then) < 60_000);
    }
}
