// SPDX-License-Identifier: GPL-2.0

//! Sets of system calls.

use super::abi;
use std::time::Duration;

/// How a program makes its system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Abi {
    /// 64-bit.
    Native,
    /// 32-bit.
    Compat,
}

impl Abi {
    pub(crate) fn raw(self) -> u32 {
        match self {
            Abi::Native => abi::ABI_NATIVE,
            Abi::Compat => abi::ABI_COMPAT,
        }
    }
}

/// What is done with the calls in a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// The thread waits before it makes them.
    Entry,
    /// The thread waits after it has made them.
    Return,
    /// They are recorded in the ring before they are made.
    RecordEntry,
    /// They are recorded in the ring after they were made.
    RecordReturn,
    /// They are events only if they name a selected descriptor.
    Fd,
    /// They are events only if they name a selected path.
    Path,
    /// They are counted, which makes no event: see [`Session::counts`](crate::Session::counts).
    Count,
}

impl Calls {
    pub(crate) fn raw(self) -> u32 {
        match self {
            Calls::Entry => abi::CALLS_ENTRY,
            Calls::Return => abi::CALLS_RETURN,
            Calls::RecordEntry => abi::CALLS_RECORD_ENTRY,
            Calls::RecordReturn => abi::CALLS_RECORD_RETURN,
            Calls::Fd => abi::CALLS_FD,
            Calls::Path => abi::CALLS_PATH,
            Calls::Count => abi::CALLS_COUNT,
        }
    }
}

/// What was counted of one call, by all threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often it began.
    pub calls: u64,
    /// How often it came back.
    pub returns: u64,
    /// How often it failed.
    pub errors: u64,
    /// How long it took, each time that it came back.
    pub time: Duration,
    /// How long at most.
    pub longest: Duration,
}

impl From<&abi::Count> for Count {
    fn from(raw: &abi::Count) -> Self {
        Count {
            calls: raw.calls,
            returns: raw.returns,
            errors: raw.errors,
            time: Duration::from_nanos(raw.time),
            longest: Duration::from_nanos(raw.longest),
        }
    }
}

/// So many numbers sets tell apart.
const TOLD_APART: usize = 512;

/// A set of system calls, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallSet {
    pub(crate) words: Vec<u64>,
    pub(crate) others: bool,
}

impl CallSet {
    /// None.
    pub fn none() -> Self {
        CallSet::default()
    }

    /// All, also those that nobody knows.
    pub fn all() -> Self {
        CallSet {
            words: Vec::new(),
            others: true,
        }
    }

    /// Those with these numbers.
    pub fn from_numbers(numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut set = CallSet::none();
        for number in numbers {
            set.insert(number);
        }
        set
    }

    /// Puts one in.
    pub fn insert(&mut self, number: u32) {
        let word = number as usize / 64;
        if word >= self.words.len() {
            self.words
                .resize(word + 1, if self.others { !0 } else { 0 });
        }
        self.words[word] |= 1 << (number % 64);
    }

    /// Puts those in whose numbers no set tells apart: from 512 on, negative ones, and those of x32.
    pub fn insert_others(&mut self) {
        let words = self.words.len().max(TOLD_APART / 64);
        self.words.resize(words, if self.others { !0 } else { 0 });
        self.others = true;
    }

    /// Takes one out.
    pub fn remove(&mut self, number: u32) {
        let word = number as usize / 64;
        if word >= self.words.len() {
            if !self.others {
                return;
            }
            self.words.resize(word + 1, !0);
        }
        self.words[word] &= !(1 << (number % 64));
    }

    /// Puts all of another set in.
    pub fn add(&mut self, other: &CallSet) {
        let words = self.words.len().max(other.words.len());
        self.words.resize(words, if self.others { !0 } else { 0 });
        for (n, word) in self.words.iter_mut().enumerate() {
            *word |= other
                .words
                .get(n)
                .copied()
                .unwrap_or(if other.others { !0 } else { 0 });
        }
        self.others |= other.others;
    }

    /// Whether a call is in.
    pub fn contains(&self, number: u32) -> bool {
        match self.words.get(number as usize / 64) {
            Some(word) => (word >> (number % 64)) & 1 == 1,
            None => self.others,
        }
    }

    /// Whether none is in.
    pub fn is_empty(&self) -> bool {
        !self.others && self.words.iter().all(|word| *word == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in() {
        let mut set = CallSet::from_numbers([0, 63, 64, 462]);
        assert!([0, 63, 64, 462].iter().all(|n| set.contains(*n)));
        assert!(![1, 62, 65, 461, 463, 5000].iter().any(|n| set.contains(*n)));
        set.remove(64);
        set.remove(5000);
        assert!(!set.contains(64));
    }

    #[test]
    fn all_but_one_has_the_others() {
        let mut set = CallSet::all();
        set.remove(1000);
        assert!(!set.contains(1000));
        assert!(set.contains(999) && set.contains(1001) && set.contains(100_000));
    }

    #[test]
    fn sums_have_what_either_has() {
        let mut set = CallSet::from_numbers([1, 200]);
        set.add(&CallSet::from_numbers([2, 400]));
        assert!([1, 2, 200, 400].iter().all(|n| set.contains(*n)) && !set.contains(3));
        let mut some = CallSet::all();
        some.remove(1000);
        set.add(&some);
        assert!(set.contains(3) && set.contains(100_000) && !set.contains(1000));
        some.add(&CallSet::from_numbers([1000]));
        assert!(some.contains(1000));
    }
}
