// SPDX-License-Identifier: GPL-2.0

//! Prefixes of paths, and whether the paths that a call names have one of them. All by their text.

use crate::sys::{
    names,
    ring, //
};
use kernel::{
    alloc::KVVec,
    prelude::*, //
};

/// `PATH_MAX`.
const MAX: usize = 4096;

/// The most bytes of all prefixes together.
const MAX_TEXT: usize = 64 << 10;

/// Prefixes: absolute, without ".", "..", and empty components; that of all paths is empty. In order,
/// none twice.
pub(crate) struct Paths {
    text: KVVec<u8>,
    /// Where each begins and ends.
    places: KVVec<(u32, u32)>,
}

impl Paths {
    /// Of absolute paths with a NUL behind each; `None`: there is none.
    ///
    /// # Errors
    ///
    /// `EINVAL`: one is not absolute, too long, or without its NUL. `E2BIG`: they are too many.
    pub(crate) fn new(
        size: usize,
        read: impl FnOnce(&mut KVVec<u8>) -> Result,
    ) -> Result<Option<Self>> {
        if size == 0 {
            return Ok(None);
        }
        if size > MAX_TEXT {
            return Err(crate::sys::errno::e2big());
        }
        let mut given = KVVec::with_capacity(size, GFP_KERNEL_ACCOUNT)?;
        read(&mut given)?;
        if given.last() != Some(&0) {
            return Err(EINVAL);
        }
        let mut paths = Paths {
            text: KVVec::from_elem(0, size, GFP_KERNEL_ACCOUNT)?,
            places: KVVec::new(),
        };
        let mut end = 0;
        for path in given[..size - 1].split(|&byte| byte == 0) {
            if path.first() != Some(&b'/') || path.len() >= MAX {
                return Err(EINVAL);
            }
            let begin = end;
            let len = resolve(&mut paths.text[begin..], 0, path).ok_or(EINVAL)?;
            end = begin + len;
            let place = (begin as u32, end as u32);
            paths.places.push(place, GFP_KERNEL_ACCOUNT)?;
        }
        let text = &paths.text;
        paths
            .places
            .sort_unstable_by(|&a, &b| at(text, a).cmp(at(text, b)));
        Ok(Some(paths))
    }

    fn has(&self, path: &[u8]) -> bool {
        let find = |&place: &(u32, u32)| at(&self.text, place).cmp(path);
        self.places.binary_search_by(find).is_ok()
    }

    /// Whether one of them is this path, or one above it.
    fn select(&self, path: &[u8]) -> bool {
        let slashes = path.iter().enumerate().filter(|(_, &byte)| byte == b'/');
        let mut above = slashes.map(|(end, _)| &path[..end]);
        above.any(|prefix| self.has(prefix)) || self.has(path)
    }

    /// Whether the path at `addr` in the memory of the current thread, taken relative to `directory`,
    /// is selected. It is if that cannot be known.
    pub(crate) fn select_of_current(
        &self,
        addr: usize,
        directory: i32,
        scratch: &mut KVec<u8>,
    ) -> bool {
        // It stays as large as it has been once.
        let missing = (3 * MAX).saturating_sub(scratch.len());
        if scratch.extend_with(missing, 0, GFP_KERNEL_ACCOUNT).is_err() {
            return true;
        }
        let (given, resolved) = scratch.split_at_mut(MAX);
        let len = match addr {
            // What has its descriptor alone.
            0 if directory != names::CURRENT => 1,
            _ => ring::copy_string(given, addr as u64),
        };
        if addr == 0 {
            given[0] = 0;
        }
        let Some((0, path)) = given[..len].split_last() else {
            return true;
        };
        let mut above = 0;
        if path.first() != Some(&b'/') {
            above = match names::directory(directory, &mut resolved[..MAX]) {
                // The root: what is below it begins with the slash.
                Ok(1) => 0,
                Ok(len) => len,
                Err(_) => return true,
            };
        }
        match resolve(resolved, above, path) {
            Some(len) => self.select(&resolved[..len]),
            None => true,
        }
    }
}

fn at(text: &[u8], (begin, end): (u32, u32)) -> &[u8] {
    &text[begin as usize..end as usize]
}

/// Appends `path` to what there is already, `len` bytes, with "." and ".." resolved. Gives how long it
/// is; `None`: there is no room.
fn resolve(to: &mut [u8], mut len: usize, path: &[u8]) -> Option<usize> {
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                len = to[..len]
                    .iter()
                    .rposition(|&byte| byte == b'/')
                    .unwrap_or(0);
            }
            _ => {
                let end = len + 1 + part.len();
                let place = to.get_mut(len..end)?;
                place[0] = b'/';
                place[1..].copy_from_slice(part);
                len = end;
            }
        }
    }
    Some(len)
}
