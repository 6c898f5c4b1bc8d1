// SPDX-License-Identifier: GPL-2.0

//! `KMVIEW_MEMORY`: the memory of threads that wait.

use crate::{
    events::Held,
    session::Session,
    sys::{
        abi::{
            self,
            Batch, //
        },
        errno::estale,
        task,
        uapi, //
    }, //
};
use core::mem::offset_of;
use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// Does every item, and tells each what became of it.
pub(crate) fn batch(session: &Session, batch: &Batch) -> Result {
    const RESULT: usize = offset_of!(abi::Memory, result);

    let size = batch.item_size as usize;
    if size < RESULT + size_of::<i64>() {
        return Err(EINVAL);
    }
    let mut page = KVec::from_elem(0, PAGE_SIZE, GFP_KERNEL_ACCOUNT)?;
    for i in 0..batch.count as usize {
        let addr = (batch.items as usize).wrapping_add(i * size);
        let item: abi::Memory = abi::read(addr, size)?;
        let result = match one(session, &item, &mut page) {
            Ok(done) => done as i64,
            Err(err) => err.to_errno().into(),
        };
        abi::write(addr.wrapping_add(RESULT), size_of::<i64>(), &result)?;
    }
    Ok(())
}

/// Gives how many bytes were done.
fn one(session: &Session, item: &abi::Memory, page: &mut [u8]) -> Result<usize> {
    if item.flags != 0 || item.len > uapi::MEMORY_MAX {
        return Err(EINVAL);
    }
    let transfer = match item.op {
        uapi::MEMORY_READ => read,
        uapi::MEMORY_WRITE => write,
        uapi::MEMORY_STRING => string,
        _ => return Err(EINVAL),
    };
    let held = session.hold(item.ticket)?;
    if !session.opener.may_access(held.engine.thread()) {
        return Err(EPERM);
    }
    let (len, mut done) = (item.len as usize, 0);
    while done < len {
        if task::is_current_dying() {
            return Err(EINTR);
        }
        let from = (item.address as usize).wrapping_add(done);
        // No page is touched before the one before it was good.
        let part = (len - done).min(PAGE_SIZE - from % PAGE_SIZE);
        let place = (item.buffer as usize).wrapping_add(done);
        let moved = transfer(&held, from, &mut page[..part], place);
        match moved {
            Ok(Moved { bytes, more }) => {
                done += bytes;
                if !more || bytes < part {
                    break;
                }
            }
            Err(_) if done != 0 => break,
            Err(_) if held.is_over() => return Err(estale()),
            Err(err) => return Err(err),
        }
    }
    Ok(done)
}

struct Moved {
    bytes: usize,
    /// It is not the end of what was asked for.
    more: bool,
}

fn user(place: usize, len: usize) -> UserSlice {
    UserSlice::new(UserPtr::from_addr(place), len)
}

fn read(held: &Held<'_>, from: usize, part: &mut [u8], place: usize) -> Result<Moved> {
    let bytes = held.engine.process_memory().read(from, part)?;
    user(place, bytes).writer().write_slice(&part[..bytes])?;
    Ok(Moved { bytes, more: true })
}

fn string(held: &Held<'_>, from: usize, part: &mut [u8], place: usize) -> Result<Moved> {
    let got = held.engine.process_memory().read(from, part)?;
    let nul = part[..got].iter().position(|&byte| byte == 0);
    let bytes = nul.map_or(got, |nul| nul + 1);
    user(place, bytes).writer().write_slice(&part[..bytes])?;
    Ok(Moved {
        bytes,
        more: nul.is_none(),
    })
}

fn write(held: &Held<'_>, to: usize, part: &mut [u8], place: usize) -> Result<Moved> {
    user(place, part.len()).reader().read_slice(part)?;
    let bytes = held.engine.process_memory().write(to, part)?;
    Ok(Moved { bytes, more: true })
}
