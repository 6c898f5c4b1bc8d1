// SPDX-License-Identifier: GPL-2.0

//! Sets of descriptors, of one process: looked at by its threads at each of their calls, without a
//! lock, but for large numbers.

use kernel::{
    new_mutex,
    prelude::*,
    rbtree::RBTree,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};

const WORDS: usize = 16;
/// Numbers from here on are large.
const SMALL: i32 = (WORDS * 64) as i32;
/// So many large ones a set may have.
const MAX_LARGE: usize = 1 << 14;

/// A set of descriptors.
#[pin_data]
pub(crate) struct FdSet {
    small: [Atomic<u64>; WORDS],
    /// How many there are in `large`.
    nr_large: Atomic<usize>,
    /// All large ones are: there was no room for one.
    all_large: Atomic<bool>,
    #[pin]
    large: Mutex<RBTree<i32, ()>>,
}

impl FdSet {
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(FdSet {
                small: [const { Atomic::new(0) }; WORDS],
                nr_large: Atomic::new(0),
                all_large: Atomic::new(false),
                large <- new_mutex!(RBTree::new()),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// A set with those of this one that are `kept`.
    pub(crate) fn copy(&self, kept: impl Fn(i32) -> bool) -> Result<Arc<Self>> {
        let copy = Self::new()?;
        for (i, (from, to)) in self.small.iter().zip(&copy.small).enumerate() {
            let (mut word, mut left) = (from.load(Relaxed), 0);
            while word != 0 {
                let bit = word.trailing_zeros();
                if kept((i * 64) as i32 + bit as i32) {
                    left |= 1 << bit;
                }
                word &= word - 1;
            }
            to.store(left, Relaxed);
        }
        copy.all_large.store(self.all_large.load(Relaxed), Relaxed);
        if self.nr_large.load(Relaxed) != 0 {
            for (&fd, ()) in self.large.lock().iter().filter(|(&fd, ())| kept(fd)) {
                copy.insert(fd)?;
            }
        }
        Ok(copy)
    }

    /// The word that a small number is in, and its bit; `None`: it is a large one, or none.
    #[inline]
    fn word(&self, fd: i32) -> Option<(&Atomic<u64>, u64)> {
        let word = self.small.get(usize::try_from(fd).ok()? / 64)?;
        Some((word, 1 << (fd % 64)))
    }

    #[inline]
    pub(crate) fn has_small(&self, fd: i32) -> bool {
        let word = self.word(fd);
        word.is_some_and(|(word, bit)| word.load(Relaxed) & bit != 0)
    }

    #[inline]
    pub(crate) fn may_have_large(&self) -> bool {
        self.nr_large.load(Relaxed) != 0 || self.all_large.load(Relaxed)
    }

    pub(crate) fn has(&self, fd: i32) -> bool {
        self.has_small(fd) || fd >= SMALL && self.has_large(fd)
    }

    #[cold]
    fn has_large(&self, fd: i32) -> bool {
        self.all_large.load(Relaxed)
            || self.nr_large.load(Relaxed) != 0 && self.large.lock().get(&fd).is_some()
    }

    /// Whether one of a range is in it; both ends are meant.
    pub(crate) fn has_range(&self, first: u32, last: u32) -> bool {
        let small = |fd: u32| self.has(fd as i32);
        if (first..=last.min(SMALL as u32 - 1)).any(small) {
            return true;
        }
        if last < SMALL as u32 || !self.may_have_large() {
            return false;
        }
        if self.all_large.load(Relaxed) {
            return true;
        }
        let large = self.large.lock();
        let found = large.cursor_lower_bound(&limit(first));
        found.is_some_and(|cursor| *cursor.current().0 <= limit(last))
    }

    pub(crate) fn is_empty(&self) -> bool {
        let mut words = self.small.iter().map(|word| word.load(Relaxed));
        words.all(|word| word == 0) && !self.may_have_large()
    }

    /// # Errors
    ///
    /// `ENOMEM`. `EBADF`: it is negative. `ENOSPC`: there are too many large ones.
    pub(crate) fn insert(&self, fd: i32) -> Result {
        if fd < 0 {
            return Err(EBADF);
        }
        if let Some((word, bit)) = self.word(fd) {
            change(word, |old| old | bit);
            return Ok(());
        }
        let mut large = self.large.lock();
        if self.nr_large.load(Relaxed) >= MAX_LARGE && large.get(&fd).is_none() {
            return Err(ENOSPC);
        }
        if large
            .try_create_and_insert(fd, (), GFP_KERNEL_ACCOUNT)?
            .is_none()
        {
            self.nr_large
                .store(self.nr_large.load(Relaxed) + 1, Relaxed);
        }
        Ok(())
    }

    /// The same; without room, all large ones are in it.
    pub(crate) fn insert_anyway(&self, fd: i32) {
        if self.insert(fd).is_err() {
            self.all_large.store(true, Relaxed);
        }
    }

    pub(crate) fn remove(&self, fd: i32) {
        if fd >= 0 {
            self.remove_range(fd as u32, fd as u32);
        }
    }

    pub(crate) fn clear(&self) {
        self.all_large.store(false, Relaxed);
        self.remove_range(0, u32::MAX);
    }

    /// Both ends are meant.
    pub(crate) fn remove_range(&self, first: u32, last: u32) {
        let (first, last) = (limit(first), limit(last));
        for (i, word) in self.small.iter().enumerate() {
            let base = (i * 64) as i32;
            let (from, to) = (first.max(base), last.min(base + 63));
            if from > to {
                continue;
            }
            let bits = (u64::MAX << (from - base)) & (u64::MAX >> (base + 63 - to));
            if word.load(Relaxed) & bits != 0 {
                change(word, |old| old & !bits);
            }
        }
        if last < SMALL || self.nr_large.load(Relaxed) == 0 {
            return;
        }
        let mut large = self.large.lock();
        while let Some(cursor) = large.cursor_lower_bound_mut(&first) {
            if *cursor.current().0 > last {
                break;
            }
            let _ = cursor.remove_current();
            self.nr_large
                .store(self.nr_large.load(Relaxed) - 1, Relaxed);
        }
    }
}

/// Numbers of descriptors are not larger.
fn limit(fd: u32) -> i32 {
    i32::try_from(fd).unwrap_or(i32::MAX)
}

fn change(word: &Atomic<u64>, how: impl Fn(u64) -> u64) {
    let mut old = word.load(Relaxed);
    while let Err(now) = word.cmpxchg(old, how(old), Relaxed) {
        old = now;
    }
}
