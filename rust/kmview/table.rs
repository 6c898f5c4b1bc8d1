// SPDX-License-Identifier: GPL-2.0

//! Numbers, queues, and the room for them, which is made before the lock is taken under which it is
//! used: an event needs no memory, and so none is lost for want of it.

use kernel::{
    alloc::KVVec,
    prelude::*, //
};

const SLOT_BITS: u32 = 24;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;

/// The most threads of a session.
pub(crate) const MAX_THREADS: usize = 1 << SLOT_BITS;

/// The number of a thread, or a ticket: never used again, and says by itself which slot it is about.
pub(crate) fn number(count: u64, slot: usize) -> u64 {
    count << SLOT_BITS | slot as u64
}

/// The slot that a number is about.
pub(crate) fn slot_of(number: u64) -> usize {
    (number & SLOT_MASK) as usize
}

enum Slot<T> {
    Used(KBox<T>),
    /// With the next free one.
    Free(Option<usize>),
}

/// Boxes by slot.
pub(crate) struct Table<T> {
    slots: KVVec<Slot<T>>,
    free: Option<usize>,
    used: usize,
}

/// Room for a larger table.
pub(crate) struct Room<T>(KVVec<Slot<T>>);

impl<T> Room<T> {
    pub(crate) fn new(slots: usize) -> Result<Self> {
        Ok(Room(KVVec::with_capacity(slots, GFP_KERNEL_ACCOUNT)?))
    }

    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<T> Table<T> {
    pub(crate) const fn new() -> Self {
        Table {
            slots: KVVec::new(),
            free: None,
            used: 0,
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.free.is_some() || self.slots.len() < self.slots.capacity()
    }

    /// How many slots there are at most, without more room.
    pub(crate) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Moves into `room`, if that is larger. What is left in it is to be dropped without the lock.
    pub(crate) fn enlarge(&mut self, room: &mut Room<T>) {
        if room.0.capacity() <= self.slots.capacity() {
            return;
        }
        for slot in self.slots.drain_all() {
            // Within the capacity.
            let _ = room.0.push_within_capacity(slot);
        }
        core::mem::swap(&mut self.slots, &mut room.0);
    }

    /// The slot that the next [`Self::insert`] takes.
    pub(crate) fn next(&self) -> usize {
        self.free.unwrap_or(self.slots.len())
    }

    /// Only where there is room.
    pub(crate) fn insert(&mut self, value: KBox<T>) {
        let slot = self.next();
        match self.slots.get_mut(slot) {
            Some(place) => {
                if let Slot::Free(next) = *place {
                    self.free = next;
                }
                *place = Slot::Used(value);
            }
            None => {
                let _ = self.slots.push_within_capacity(Slot::Used(value));
            }
        }
        self.used += 1;
    }

    pub(crate) fn get(&mut self, slot: usize) -> Option<&mut T> {
        match self.slots.get_mut(slot) {
            Some(Slot::Used(value)) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn remove(&mut self, slot: usize) -> Option<KBox<T>> {
        let place = self.slots.get_mut(slot)?;
        if let Slot::Free(_) = place {
            return None;
        }
        let before = core::mem::replace(place, Slot::Free(self.free));
        self.free = Some(slot);
        self.used -= 1;
        match before {
            Slot::Used(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    /// The number of slots to look through, used and free ones.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}

/// What is to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    /// That the thread is in the session.
    New(u64),
    /// The event with this ticket.
    Event(u64),
    /// That the thread no longer is.
    End(u64),
}

impl Item {
    /// The slot that it is about.
    pub(crate) fn slot(self) -> usize {
        match self {
            Item::New(number) | Item::Event(number) | Item::End(number) => slot_of(number),
        }
    }
}

/// How many items of a thread may be unread: NEW, the event that it waits with, and END.
const PER_THREAD: usize = 3;

/// A first-in, first-out queue with room for the items of so many threads.
pub(crate) struct Fifo {
    items: KVVec<Item>,
    head: usize,
    len: usize,
}

impl Fifo {
    pub(crate) fn new(threads: usize) -> Result<Self> {
        let count = threads * PER_THREAD;
        let mut items = KVVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;
        for _ in 0..count {
            let _ = items.push_within_capacity(Item::New(0));
        }
        Ok(Fifo {
            items,
            head: 0,
            len: 0,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the item is that so many are in front of, at most as many as there is room for.
    fn place(&self, nth: usize) -> usize {
        let (place, end) = (self.head + nth, self.items.len());
        match place < end {
            true => place,
            false => place - end,
        }
    }

    /// There is room by construction; `false` if there is not.
    #[must_use]
    pub(crate) fn push(&mut self, item: Item) -> bool {
        if self.len == self.items.len() {
            return false;
        }
        let place = self.place(self.len);
        self.items[place] = item;
        self.len += 1;
        true
    }

    /// Back to where it was taken from.
    pub(crate) fn push_front(&mut self, item: Item) {
        if self.len == self.items.len() {
            return;
        }
        self.head = self.place(self.items.len() - 1);
        let head = self.head;
        self.items[head] = item;
        self.len += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<Item> {
        if self.len == 0 {
            return None;
        }
        let item = self.items[self.head];
        self.head = self.place(1);
        self.len -= 1;
        Some(item)
    }

    /// Moves everything into `other`, if that has more room.
    pub(crate) fn enlarge(&mut self, other: &mut Fifo) {
        if other.items.len() <= self.items.len() {
            return;
        }
        while let Some(item) = self.pop() {
            let _ = other.push(item);
        }
        core::mem::swap(self, other);
    }

    /// Takes out what is void. The rest keeps its order.
    pub(crate) fn purge(&mut self, mut void: impl FnMut(Item) -> bool) {
        for _ in 0..self.len {
            if let Some(item) = self.pop() {
                if !void(item) {
                    let _ = self.push(item);
                }
            }
        }
    }
}
