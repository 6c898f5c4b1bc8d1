// SPDX-License-Identifier: GPL-2.0

//! Changing an atomic word by a rule.

use super::super::place::{
    AtomicU32,
    AtomicU64, //
};

/// An atomic integer of either size.
pub(crate) trait Word {
    type Int: Copy;

    fn read(&self) -> Self::Int;
    fn replace(&self, old: Self::Int, new: Self::Int) -> Result<Self::Int, Self::Int>;
}

macro_rules! words {
    ($($name:ident: $int:ty,)*) => {$(
        impl Word for $name {
            type Int = $int;

            #[inline(always)]
            fn read(&self) -> $int {
                self.load()
            }

            #[inline(always)]
            fn replace(&self, old: $int, new: $int) -> Result<$int, $int> {
                self.compare_exchange(old, new)
            }
        }
    )*};
}

words! {
    AtomicU32: u32,
    AtomicU64: u64,
}

/// Applies `next` until its result is stored, or it says that there is nothing to change. Gives the
/// value that it was last applied to.
#[inline(always)]
pub(crate) fn update<W: Word>(word: &W, mut next: impl FnMut(W::Int) -> Option<W::Int>) -> W::Int {
    let mut old = word.read();
    while let Some(new) = next(old) {
        match word.replace(old, new) {
            Ok(_) => break,
            // Not what the failed exchange saw: that was read without any ordering.
            Err(_) => old = word.read(),
        }
    }
    old
}
