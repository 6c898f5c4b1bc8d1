// SPDX-License-Identifier: GPL-2.0

//! Copies of what arguments point to, for records: made by the thread itself, in its own memory.

use crate::{
    filter,
    sys::{
        abi::{
            Copy,
            Data, //
        },
        ring,
        uapi, //
    }, //
};
use kernel::{
    alloc::KVVec,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    transmute::AsBytes, //
};

/// What is to be copied, for each call of both ABIs and each argument: a packed [`Spec`].
pub(crate) struct Copies(KVVec<[Atomic<u64>; 6]>);

/// What is to be copied of one argument.
#[derive(Clone, Copy)]
struct Spec {
    kind: u8,
    at_return: bool,
    len_arg: u8,
    max: u16,
}

impl Spec {
    fn unpack(word: u64) -> Self {
        Spec {
            kind: word as u8,
            at_return: word >> 8 & 1 != 0,
            len_arg: (word >> 16) as u8,
            max: (word >> 32) as u16,
        }
    }

    fn pack(self) -> u64 {
        u64::from(self.kind)
            | u64::from(self.at_return) << 8
            | u64::from(self.len_arg) << 16
            | u64::from(self.max) << 32
    }
}

/// The call of which arguments are copied.
pub(crate) struct Call<'a> {
    pub(crate) abi: usize,
    pub(crate) nr: i32,
    pub(crate) args: &'a [usize; 6],
    /// At its return: what it gave.
    pub(crate) result: Option<isize>,
}

impl Copies {
    pub(crate) fn new() -> Result<Self> {
        let calls = 2 * filter::MAX_CALLS as usize;
        let mut table = KVVec::with_capacity(calls, GFP_KERNEL_ACCOUNT)?;
        for _ in 0..calls {
            let _ = table.push_within_capacity([const { Atomic::new(0) }; 6]);
        }
        Ok(Copies(table))
    }

    fn of(&self, abi: usize, nr: i32) -> Option<&[Atomic<u64>; 6]> {
        let nr = usize::try_from(nr)
            .ok()
            .filter(|nr| *nr < filter::MAX_CALLS as usize)?;
        self.0.get(abi * filter::MAX_CALLS as usize + nr)
    }

    /// Sets what is to be copied. Gives what the filter has to know: whether anything is, at the
    /// entry and at the return of the call.
    pub(crate) fn set(&self, copy: &Copy) -> Result<(bool, bool)> {
        let known = match copy.type_ {
            uapi::COPY_NONE => copy.max == 0 && copy.at_return == 0 && copy.len_arg == 0,
            uapi::COPY_STRING | uapi::COPY_STRINGS => copy.len_arg == 0,
            uapi::COPY_BUFFER => match copy.len_arg {
                0..=5 | uapi::LEN_MAX => true,
                uapi::LEN_RESULT => copy.at_return == 1,
                _ => false,
            },
            _ => false,
        };
        if !known || copy.at_return > 1 || copy.max > uapi::COPY_MAX || copy.abi > 1 {
            return Err(EINVAL);
        }
        if copy.type_ != uapi::COPY_NONE && copy.max == 0 {
            return Err(EINVAL);
        }
        let specs = self.of(copy.abi as usize, copy.nr as i32).ok_or(EINVAL)?;
        let spec = Spec {
            kind: copy.type_,
            at_return: copy.at_return == 1,
            len_arg: copy.len_arg,
            max: copy.max as u16,
        };
        let place = specs.get(usize::from(copy.arg)).ok_or(EINVAL)?;
        place.store(spec.pack(), Relaxed);
        let has = |at_return| {
            let mut specs = specs.iter().map(|word| Spec::unpack(word.load(Relaxed)));
            specs.any(|spec| spec.kind != uapi::COPY_NONE && spec.at_return == at_return)
        };
        Ok((has(false), has(true)))
    }

    /// Copies for one record. Gives how many bytes there are in `to`, and how many items.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn make(
        &self,
        call: &Call<'_>,
        may: bool,
        to: &mut KVec<u8>,
    ) -> Result<(usize, u32)> {
        let (mut len, mut count) = (0, 0);
        let Some(specs) = self.of(call.abi, call.nr) else {
            return Ok((len, count));
        };
        for (arg, word) in specs.iter().enumerate() {
            let spec = Spec::unpack(word.load(Relaxed));
            if spec.kind == uapi::COPY_NONE || spec.at_return != call.result.is_some() {
                continue;
            }
            let end = len + HEAD + usize::from(spec.max).next_multiple_of(8);
            // It stays as large as it has been once.
            if end > to.len() {
                to.extend_with(end - to.len(), 0, GFP_KERNEL_ACCOUNT)?;
            }
            len += one(call, arg, spec, may, &mut to[len..end]);
            count += 1;
        }
        Ok((len, count))
    }
}

const HEAD: usize = size_of::<Data>();

/// Gives how many bytes it has made.
fn one(call: &Call<'_>, arg: usize, spec: Spec, may: bool, to: &mut [u8]) -> usize {
    let from = call.args[arg] as u64;
    let place = &mut to[HEAD..][..usize::from(spec.max)];
    let (len, flags) = match spec.kind {
        _ if !may => (0, uapi::DATA_FAULT),
        uapi::COPY_STRING => string(from, place),
        uapi::COPY_STRINGS => strings(call.abi, from, place),
        _ => buffer(call, spec.len_arg, from, place),
    };
    let data = Data {
        len: len as u32,
        arg: arg as u8,
        type_: spec.kind,
        flags,
    };
    to[..HEAD].copy_from_slice(data.as_bytes());
    let end = HEAD + len.next_multiple_of(8);
    to[HEAD + len..end].fill(0);
    end
}

fn buffer(call: &Call<'_>, len_arg: u8, from: u64, place: &mut [u8]) -> (usize, u16) {
    let wanted = match len_arg {
        uapi::LEN_MAX => place.len(),
        uapi::LEN_RESULT => call.result.unwrap_or(0).max(0) as usize,
        arg => call.args[usize::from(arg)],
    };
    let mut flags = 0;
    if wanted > place.len() {
        flags |= uapi::DATA_CUT;
    }
    let max = wanted.min(place.len());
    let part = &mut place[..max];
    let len = ring::copy_buffer(part, from);
    if len < part.len() {
        flags |= uapi::DATA_FAULT;
    }
    (len, flags)
}

fn string(from: u64, place: &mut [u8]) -> (usize, u16) {
    let len = ring::copy_string(place, from);
    let flags = match len {
        1.. if place[len - 1] == 0 => 0,
        _ if len == place.len() => uapi::DATA_CUT,
        _ => uapi::DATA_FAULT,
    };
    (len, flags)
}

fn strings(abi: usize, mut from: u64, place: &mut [u8]) -> (usize, u16) {
    let pointer = if abi == 0 { 8 } else { 4 };
    let mut len = 0;
    loop {
        let mut word = [0; 8];
        if ring::copy_buffer(&mut word[..pointer], from) < pointer {
            return (len, uapi::DATA_FAULT);
        }
        let at = u64::from_ne_bytes(word);
        if at == 0 {
            return (len, 0);
        }
        if len == place.len() {
            return (len, uapi::DATA_CUT);
        }
        let (part, flags) = string(at, &mut place[len..]);
        len += part;
        if flags != 0 {
            return (len, flags);
        }
        from = from.wrapping_add(pointer as u64);
    }
}
