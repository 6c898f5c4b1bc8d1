// SPDX-License-Identifier: GPL-2.0

//! The structures of `include/uapi/linux/kmview.h`, between user space and us.

use super::{
    bindings,
    errno::e2big,
    uapi::Kind, //
};
use kernel::{
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

const WORD: usize = size_of::<u64>();

macro_rules! structures {
    ($($name:ident = $raw:ident, $size:literal;)*) => {$(
        pub(crate) type $name = bindings::$raw;

        // No padding: the fields are aligned by their order, and fill it.
        const _: () = assert!(size_of::<$name>() == $size && $size % WORD == 0);

        // SAFETY: It consists of integers, without padding, of which any value is good.
        unsafe impl FromBytes for $name {}
        // SAFETY: As above.
        unsafe impl AsBytes for $name {}
    )*};
}

structures! {
    Info = kmview_info, 32;
    Event = kmview_event, 128;
    Answer = kmview_answer, 88;
    Exchange = kmview_exchange, 48;
    Adopt = kmview_adopt, 16;
    Attach = kmview_attach, 16;
    Thread = kmview_thread, 8;
    SetThread = kmview_set_thread, 24;
    Join = kmview_join, 8;
    Options = kmview_options, 16;
    Events = kmview_events, 24;
    Calls = kmview_calls, 24;
    Fds = kmview_fds, 16;
    Paths = kmview_paths, 16;
    Batch = kmview_batch, 16;
    Memory = kmview_memory, 48;
    Snapshot = kmview_snapshot, 32;
    Fd = kmview_fd, 24;
    RingSetup = kmview_ring_setup, 16;
    Ring = kmview_ring, 72;
    Data = kmview_data, 8;
    Copy = kmview_copy, 16;
    Counts = kmview_counts, 32;
    Count = kmview_count, 40;
}

/// What each kind of event carries.
pub(crate) type Entry = bindings::kmview_event__bindgen_ty_1__bindgen_ty_1;
pub(crate) type Return = bindings::kmview_event__bindgen_ty_1__bindgen_ty_2;
pub(crate) type Created = bindings::kmview_event__bindgen_ty_1__bindgen_ty_3;
pub(crate) type Exit = bindings::kmview_event__bindgen_ty_1__bindgen_ty_4;
pub(crate) type Exec = bindings::kmview_event__bindgen_ty_1__bindgen_ty_5;
pub(crate) type Signal = bindings::kmview_event__bindgen_ty_1__bindgen_ty_6;

/// What an event is about.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    Entry(Entry),
    Return(Return),
    Created(Created),
    Exit(Exit),
    Exec(Exec),
    Signal(Signal),
}

/// An event of this kind, all else to be filled in.
pub(crate) fn event(kind: Kind, body: Body) -> Event {
    let mut event = Event {
        kind: kind as u16,
        ..Event::default()
    };
    let place = &mut event.__bindgen_anon_1;
    match body {
        Body::Entry(entry) => place.entry = entry,
        Body::Return(ret) => place.ret = ret,
        Body::Created(created) => place.created = created,
        Body::Exit(exit) => place.exit = exit,
        Body::Exec(exec) => place.exec = exec,
        Body::Signal(signal) => place.signal = signal,
    }
    event
}

impl Event {
    pub(super) const WORDS: usize = size_of::<Self>() / WORD;

    /// Copies it word by word: by string instructions, which the compiler chooses for so much, it costs
    /// a multiple.
    #[inline(always)]
    pub(crate) fn copy_to(&self, to: &mut Event) {
        let to = core::ptr::from_mut(to).cast::<u64>();
        // SAFETY: It is valid for writing.
        unsafe { self.copy_words(to) }
    }

    /// # Safety
    ///
    /// `to` is valid for writing [`Self::WORDS`] words.
    #[inline(always)]
    pub(super) unsafe fn copy_words(&self, to: *mut u64) {
        const { assert!(align_of::<Self>() == align_of::<u64>()) };
        let from = core::ptr::from_ref(self).cast::<u64>();
        for i in 0..Self::WORDS {
            // SAFETY: By the contract; there is no padding.
            unsafe { to.add(i).write_volatile(*from.add(i)) };
        }
    }
}

/// The most that the caller's idea of a structure may have.
const MAX: usize = 4096;

/// Reads a structure of which the caller has `size` bytes: what is missing is 0, and what we do not
/// know must be.
pub(crate) fn read<T: FromBytes + AsBytes + Default>(addr: usize, size: usize) -> Result<T> {
    let mut value = T::default();
    read_to(&mut value, addr, size)?;
    Ok(value)
}

/// The same, to where it is needed: what is given in a `Result` is copied once more. After an error
/// it is anything.
#[inline(always)]
pub(crate) fn read_to<T: FromBytes + AsBytes>(value: &mut T, addr: usize, size: usize) -> Result {
    if size != size_of::<T>() {
        return read_other(value.as_bytes_mut(), addr, size);
    }
    let words = core::ptr::from_mut(value).cast();
    // SAFETY: It is valid for writing as many bytes, which are words: see `structures`.
    let done = unsafe { bindings::kmview_read_words(words, addr, size / WORD) };
    done.then_some(()).ok_or(EFAULT)
}

/// The caller's idea of the structure is another one.
#[cold]
fn read_other(value: &mut [u8], addr: usize, size: usize) -> Result {
    let known = size.min(value.len());
    if size > MAX {
        return Err(e2big());
    }
    let mut reader = UserSlice::new(UserPtr::from_addr(addr), size).reader();
    reader.read_slice(&mut value[..known])?;
    value[known..].fill(0);
    let mut rest = [0; 64];
    while !reader.is_empty() {
        let part = reader.len().min(rest.len());
        reader.read_slice(&mut rest[..part])?;
        if rest[..part].iter().any(|&byte| byte != 0) {
            return Err(e2big());
        }
    }
    Ok(())
}

/// Writes a structure for which the caller has `size` bytes; what we do not know is 0.
#[inline(always)]
pub(crate) fn write<T: AsBytes>(addr: usize, size: usize, value: &T) -> Result {
    if size != size_of::<T>() {
        return write_other(addr, size, value.as_bytes());
    }
    let words = core::ptr::from_ref(value).cast();
    // SAFETY: It has as many bytes, which are words: see `structures`.
    let done = unsafe { bindings::kmview_write_words(addr, words, size / WORD) };
    done.then_some(()).ok_or(EFAULT)
}

#[cold]
fn write_other(addr: usize, size: usize, value: &[u8]) -> Result {
    let known = size.min(value.len());
    if size > MAX {
        return Err(e2big());
    }
    let mut writer = UserSlice::new(UserPtr::from_addr(addr), size).writer();
    writer.write_slice(&value[..known])?;
    while !writer.is_empty() {
        let part = writer.len().min(64);
        writer.write_slice(&[0; 64][..part])?;
    }
    Ok(())
}
