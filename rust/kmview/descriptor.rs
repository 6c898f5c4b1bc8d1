// SPDX-License-Identifier: GPL-2.0

//! `KMVIEW_PUT_FD` and `KMVIEW_CLOSE_FD`: descriptors of the process of a thread that waits.

use crate::{
    errand::Work,
    session::Session,
    sys::{
        abi,
        descriptor::OpenedFile,
        uapi, //
    }, //
};
use kernel::prelude::*;

/// Gives the number that it has there.
pub(crate) fn put(session: &Session, request: &abi::Fd) -> Result<isize> {
    let target = match request.flags & uapi::FD_AT {
        0 if request.target != 0 => return Err(EINVAL),
        0 => None,
        _ => Some(request.target),
    };
    if request.flags & !(uapi::FD_CLOEXEC | uapi::FD_AT) != 0 || request.reserved != 0 {
        return Err(EINVAL);
    }
    if target.is_some_and(|target| target < 0) {
        return Err(EBADF);
    }
    let file = OpenedFile::get(request.fd)?;
    // It would keep itself alive.
    if file.is_of(session) {
        return Err(EINVAL);
    }
    let cloexec = request.flags & uapi::FD_CLOEXEC != 0;
    let work = Work::PutFd {
        file,
        target,
        cloexec,
    };
    let done = session.send(request.ticket, work)?;
    Ok(done.value as isize)
}

pub(crate) fn close(session: &Session, request: &abi::Fd) -> Result {
    if request.flags != 0 || request.fd != 0 || request.reserved != 0 {
        return Err(EINVAL);
    }
    session.send(request.ticket, Work::CloseFd(request.target))?;
    Ok(())
}
