// SPDX-License-Identifier: GPL-2.0

//! Records of what threads did that did not wait.

use super::{
    abi,
    sys::ioctl_plain,
    Error,
    Event,
    Result, //
};
use std::{
    io,
    os::fd::{
        AsFd,
        AsRawFd,
        OwnedFd, //
    },
    ptr::NonNull,
    sync::{
        atomic::{
            fence,
            AtomicU64,
            Ordering, //
        },
        Arc, //
    }, //
};

/// A ring of records, shared with the kernel. One party reads it.
///
/// # Invariants
///
/// `header` begins a mapping of `mapped` bytes: a page with [`abi::Ring`], then the data, whose size
/// is `mask + 1`, a power of two. The kernel writes only between `head` and `tail + size`.
#[derive(Debug)]
pub struct Ring {
    fd: Arc<OwnedFd>,
    header: NonNull<abi::Ring>,
    data: NonNull<u8>,
    mapped: usize,
    mask: u64,
    tail: u64,
    seen_lost: u64,
}

// SAFETY: The mapping belongs to the value alone; shared parts are atomics.
unsafe impl Send for Ring {}

/// A copied argument.
#[derive(Clone, Debug)]
pub struct Data {
    /// Of which argument.
    pub arg: u8,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Not all of it was there.
    pub fault: bool,
    /// There was more.
    pub cut: bool,
}

/// What a thread did.
#[derive(Clone, Debug)]
pub struct Record {
    /// What; without a ticket.
    pub event: Event,
    /// The arguments that were copied.
    pub data: Vec<Data>,
}

fn page() -> usize {
    // SAFETY: No requirements.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

impl Ring {
    pub(crate) fn map(fd: Arc<OwnedFd>, size: usize) -> Result<Self> {
        let mapped = page() + size;
        // SAFETY: A new mapping, which nobody else knows.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                mapped,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(Error::Os("mmap of the ring", io::Error::last_os_error()));
        }
        let base = NonNull::new(address.cast::<u8>()).ok_or(Error::Os(
            "mmap of the ring",
            io::Error::from_raw_os_error(libc::ENOMEM),
        ))?;
        // SAFETY: The data begins behind the first page of the mapping.
        let data = unsafe { base.add(page()) };
        let mut ring = Ring {
            fd,
            header: base.cast(),
            data,
            mapped,
            mask: size as u64 - 1,
            tail: 0,
            seen_lost: 0,
        };
        ring.tail = ring.header().tail.load(Ordering::Relaxed);
        Ok(ring)
    }

    fn header(&self) -> &abi::Ring {
        // SAFETY: By the invariant; what others write is atomic.
        unsafe { self.header.as_ref() }
    }

    fn word(&self, position: u64) -> u64 {
        let offset = (position & self.mask) as usize & !7;
        // SAFETY: By the invariant the data has an aligned word there. The kernel is another party,
        // so that it is read as an atomic one.
        unsafe { (*self.data.as_ptr().add(offset).cast::<AtomicU64>()).load(Ordering::Relaxed) }
    }

    fn bytes(&self, position: u64, len: usize) -> Vec<u8> {
        let words = (position..).step_by(8).take(len.div_ceil(8));
        let mut bytes = vec![0; len.next_multiple_of(8)];
        for (place, at) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&self.word(at).to_ne_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    /// Gives the records that there are to `each`, and makes room for as many. Gives how many they
    /// were: 0, then poll the session.
    ///
    /// Fails (`EBADMSG`) if they make no sense.
    pub fn drain(&mut self, mut each: impl FnMut(Record)) -> Result<usize> {
        let head = self.header().head.load(Ordering::Acquire);
        let mut count = 0;
        while self.tail < head {
            let first = self.word(self.tail);
            let (size, nr_data) = (first as u32 as u64, (first >> 32) as u32);
            if size < 8 || size % 8 != 0 || size > head - self.tail {
                return Err(Error::Os(
                    "reading the ring",
                    io::Error::from_raw_os_error(libc::EBADMSG),
                ));
            }
            if let Some(record) = self.record(self.tail + 8, size - 8, nr_data) {
                each(record);
                count += 1;
            }
            self.tail += size;
            // Now and then: threads may wait for it.
            if count % 64 == 0 {
                self.publish()?;
            }
        }
        self.publish()?;
        Ok(count)
    }

    fn record(&self, at: u64, size: u64, nr_data: u32) -> Option<Record> {
        let event_words = (size_of::<abi::Event>() / 8) as u64;
        if size < event_words * 8 {
            return None;
        }
        let event = self.event(at);
        if event.kind == 0 {
            return None;
        }
        let end = at + size;
        let mut next = at + event_words * 8;
        let mut data = Vec::with_capacity(nr_data as usize & 15);
        for _ in 0..nr_data {
            if next + 8 > end {
                break;
            }
            let head = self.word(next);
            let flags = (head >> 48) as u16;
            let len = (head as u32 as u64).min(end - next - 8) as usize;
            data.push(Data {
                arg: (head >> 32) as u8,
                bytes: self.bytes(next + 8, len),
                fault: flags & abi::DATA_FAULT != 0,
                cut: flags & abi::DATA_CUT != 0,
            });
            next += 8 + (len as u64).next_multiple_of(8);
        }
        Some(Record {
            event: Event::from(&event),
            data,
        })
    }

    fn event(&self, at: u64) -> abi::Event {
        let w = |n: u64| self.word(at + n * 8);
        let (tids, kinds) = (w(3), w(4));
        abi::Event {
            ticket: w(0),
            thread: w(1),
            cookie: w(2),
            tid: tids as u32 as i32,
            pid: (tids >> 32) as u32 as i32,
            kind: kinds as u16,
            flags: (kinds >> 16) as u16,
            arch: (kinds >> 32) as u32,
            ip: w(5),
            sp: w(6),
            time: w(7),
            words: std::array::from_fn(|n| w(8 + n as u64)),
        }
    }

    /// Tells the kernel how far we are, and threads that wait for room.
    fn publish(&mut self) -> Result<()> {
        let header = self.header();
        header.tail.store(self.tail, Ordering::Release);
        fence(Ordering::SeqCst);
        if header.waiting.load(Ordering::Relaxed) != 0 {
            ioctl_plain(self.fd.as_fd(), abi::RING_DONE, "KMVIEW_RING_DONE")?;
        }
        Ok(())
    }

    /// How many records did not fit since this was asked last: of a lossy ring.
    pub fn lost(&mut self) -> u64 {
        let lost = self.header().lost.load(Ordering::Relaxed);
        let new = lost - self.seen_lost;
        self.seen_lost = lost;
        new
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: The mapping is ours, and nobody has a reference into it any more.
        unsafe { libc::munmap(self.header.as_ptr().cast(), self.mapped) };
    }
}
