// SPDX-License-Identifier: GPL-2.0

//! The memory of a thread that waits.

use super::{
    abi,
    Ticket, //
};
use std::marker::PhantomData;

/// One access to the memory of a thread that waits, of many in one call
/// ([`Session::access`](crate::Session::access)).
#[derive(Debug)]
#[repr(transparent)]
pub struct Access<'a> {
    pub(crate) raw: abi::Memory,
    _buffer: PhantomData<&'a mut [u8]>,
}

impl<'a> Access<'a> {
    fn new(op: u32, ticket: Ticket, address: u64, buffer: *const u8, len: usize) -> Self {
        Access {
            raw: abi::Memory {
                ticket: ticket.0,
                address,
                buffer: buffer as u64,
                len: len.min(abi::MEMORY_MAX) as u64,
                op,
                flags: 0,
                result: 0,
            },
            _buffer: PhantomData,
        }
    }

    /// Reads as much as there is of this.
    pub fn read(ticket: Ticket, address: u64, buffer: &'a mut [u8]) -> Self {
        Self::new(
            abi::MEMORY_READ,
            ticket,
            address,
            buffer.as_ptr(),
            buffer.len(),
        )
    }

    /// Reads a string up to its NUL, which is among the bytes, or as much as there is room for.
    pub fn string(ticket: Ticket, address: u64, buffer: &'a mut [u8]) -> Self {
        Self::new(
            abi::MEMORY_STRING,
            ticket,
            address,
            buffer.as_ptr(),
            buffer.len(),
        )
    }

    /// Writes.
    pub fn write(ticket: Ticket, address: u64, bytes: &'a [u8]) -> Self {
        Self::new(
            abi::MEMORY_WRITE,
            ticket,
            address,
            bytes.as_ptr(),
            bytes.len(),
        )
    }

    /// How many bytes were read or written, perhaps fewer than asked for; or the errno.
    pub fn result(&self) -> Result<usize, i32> {
        usize::try_from(self.raw.result).map_err(|_| -self.raw.result as i32)
    }
}
