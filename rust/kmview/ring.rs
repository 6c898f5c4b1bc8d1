// SPDX-License-Identifier: GPL-2.0

//! Records, in a ring that is shared with the monitor. What guards a queue guards its ring.

use crate::sys::{
    abi::{
        Event,
        RingSetup, //
    },
    ring::Shared,
    uapi, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// `struct kmview_record` without data.
const HEAD: usize = 8 + size_of::<Event>();

/// The ring of a queue. What the kernel knows of it is here; the monitor is only told.
pub(crate) struct Ring {
    memory: Arc<Shared>,
    lossy: bool,
    /// From how many bytes on `poll` is told.
    wake: u64,
    head: u64,
    lost: u64,
    /// How many threads wait for room.
    waiting: u64,
    /// Somebody has polled since the last time that they were told.
    polled: bool,
}

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is there, or counted as lost. Says whether pollers are to be told.
    Done { tell: bool },
    /// There is no room for it, and it must not be lost.
    Full,
}

/// Checks what is asked for, and makes the memory for it.
pub(crate) fn allocate(setup: &RingSetup) -> Result<Arc<Shared>> {
    if !setup.size.is_power_of_two()
        || !(uapi::RING_MIN..=uapi::RING_MAX).contains(&setup.size)
        || setup.flags & !uapi::RING_LOSSY != 0
        || u64::from(setup.wake) > setup.size
    {
        return Err(EINVAL);
    }
    Ok(Arc::new(
        Shared::new(setup.size as usize)?,
        GFP_KERNEL_ACCOUNT,
    )?)
}

impl Ring {
    pub(crate) fn new(memory: Arc<Shared>, setup: &RingSetup) -> Self {
        Ring {
            memory,
            lossy: setup.flags & uapi::RING_LOSSY != 0,
            wake: u64::from(setup.wake).max(1),
            head: 0,
            lost: 0,
            waiting: 0,
            polled: false,
        }
    }

    /// How many bytes the monitor has still to read. If what it says makes no sense, it is full.
    fn used(&self) -> u64 {
        let used = self.head.wrapping_sub(self.memory.tail());
        used.min(self.memory.size())
    }

    /// There is something to read, and enough of it; or there will be no more before it is read.
    pub(crate) fn is_readable(&mut self, over: bool) -> bool {
        self.polled = true;
        let used = self.used();
        used >= self.wake || used != 0 && (over || self.waiting != 0)
    }

    /// Writes a record without data where there is room for it, and behind it for the head of another
    /// one before the end; otherwise does nothing: see [`Self::put`].
    #[inline(always)]
    pub(crate) fn put_plain(&mut self, event: &Event) -> Option<Put> {
        const LEN: u64 = HEAD as u64;

        let size = self.memory.size();
        // Both are at most the size.
        let (rest, room) = (size - (self.head & (size - 1)), size - self.used());
        if rest < 2 * LEN || room < LEN {
            return None;
        }
        self.memory.write_head(self.head, LEN, event);
        self.head = self.head.wrapping_add(LEN);
        self.memory.set_head(self.head);
        Some(self.tell(size - room + LEN))
    }

    /// What becomes of pollers, now that so many bytes are to be read.
    #[inline(always)]
    fn tell(&mut self, used: u64) -> Put {
        let tell = self.polled && used >= self.wake;
        if tell {
            self.polled = false;
        }
        Put::Done { tell }
    }

    /// Writes a record: `data` is of `struct kmview_data`, each with what is behind it, a multiple of
    /// 8 bytes.
    pub(crate) fn put(&mut self, event: &Event, data: &[u8], nr_data: u32) -> Put {
        let size = self.memory.size();
        let rest = size - (self.head & (size - 1));
        let mut len = (HEAD + data.len()) as u64;
        let mut skip = 0;
        if len > rest {
            // A record does not wrap; there is room for the head of one at least, by what follows.
            skip = rest;
        } else if rest - len < HEAD as u64 {
            len = rest;
        }
        let used = self.used();
        if skip + len > size - used {
            if !self.lossy {
                return Put::Full;
            }
            self.lose();
            return Put::Done { tell: false };
        }
        if skip != 0 {
            self.write(skip, &Event::default(), &[], 0);
        }
        self.write(len, event, data, nr_data);
        self.memory.set_head(self.head);
        self.tell(used + skip + len)
    }

    fn write(&mut self, len: u64, event: &Event, data: &[u8], nr_data: u32) {
        let head = u64::from(nr_data) << 32 | len;
        self.memory.write_head(self.head, head, event);
        if !data.is_empty() {
            self.memory.write(self.head + HEAD as u64, data);
        }
        self.head += len;
    }

    /// A record that was to be made is not.
    pub(crate) fn lose(&mut self) {
        self.lost += 1;
        self.memory.set_lost(self.lost);
    }

    /// From now on the monitor says when there is room; whether there was some is to be looked at
    /// after this.
    pub(crate) fn begin_wait(&mut self) {
        self.waiting += 1;
        self.memory.set_waiting(self.waiting);
    }

    pub(crate) fn end_wait(&mut self) {
        self.waiting -= 1;
        self.memory.set_waiting(self.waiting);
    }
}
