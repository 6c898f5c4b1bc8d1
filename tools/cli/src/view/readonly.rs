// SPDX-License-Identifier: GPL-2.0

//! `--readonly`: what cannot be changed.

use super::{
    caller::{
        Call,
        Caller, //
    },
    paths::name_of,
    rules::Names,
    Begin,
    Part, //
};
use crate::names::BothSets;
use std::{
    fs,
    os::unix::fs::FileTypeExt,
    path::{
        Path,
        PathBuf, //
    }, //
};

/// When a call would change something.
#[derive(Clone, Copy)]
enum If {
    /// In any case.
    Always,
    /// These flags of open(2), in this argument, say so.
    Opens(usize),
    /// The flags of open(2) in the structure that this argument points to.
    OpensHow(usize),
    /// It asks whether it could, in this argument.
    Asks(usize),
}

/// Arguments: perhaps one with a descriptor, and one with a path relative to it.
type Paths = &'static [(Option<usize>, usize)];

/// Calls that change what a path names: the arguments with the descriptor, if there is one, and the path.
const BY_PATH: &[(&str, Paths, If)] = &[
    ("open", &[(None, 0)], If::Opens(1)),
    ("openat", &[(Some(0), 1)], If::Opens(2)),
    ("openat2", &[(Some(0), 1)], If::OpensHow(2)),
    ("creat", &[(None, 0)], If::Opens(usize::MAX)),
    ("access", &[(None, 0)], If::Asks(1)),
    ("faccessat", &[(Some(0), 1)], If::Asks(2)),
    ("faccessat2", &[(Some(0), 1)], If::Asks(2)),
    ("mkdir", &[(None, 0)], If::Always),
    ("mkdirat", &[(Some(0), 1)], If::Always),
    ("mknod", &[(None, 0)], If::Always),
    ("mknodat", &[(Some(0), 1)], If::Always),
    ("rmdir", &[(None, 0)], If::Always),
    ("unlink", &[(None, 0)], If::Always),
    ("unlinkat", &[(Some(0), 1)], If::Always),
    ("rename", &[(None, 0), (None, 1)], If::Always),
    ("renameat", &[(Some(0), 1), (Some(2), 3)], If::Always),
    ("renameat2", &[(Some(0), 1), (Some(2), 3)], If::Always),
    ("link", &[(None, 0), (None, 1)], If::Always),
    ("linkat", &[(Some(0), 1), (Some(2), 3)], If::Always),
    ("symlink", &[(None, 1)], If::Always),
    ("symlinkat", &[(Some(1), 2)], If::Always),
    ("chmod", &[(None, 0)], If::Always),
    ("fchmodat", &[(Some(0), 1)], If::Always),
    ("fchmodat2", &[(Some(0), 1)], If::Always),
    ("chown", &[(None, 0)], If::Always),
    ("lchown", &[(None, 0)], If::Always),
    ("chown32", &[(None, 0)], If::Always),
    ("lchown32", &[(None, 0)], If::Always),
    ("fchownat", &[(Some(0), 1)], If::Always),
    ("truncate", &[(None, 0)], If::Always),
    ("truncate64", &[(None, 0)], If::Always),
    ("utime", &[(None, 0)], If::Always),
    ("utimes", &[(None, 0)], If::Always),
    ("futimesat", &[(Some(0), 1)], If::Always),
    ("utimensat", &[(Some(0), 1)], If::Always),
    ("utimensat_time64", &[(Some(0), 1)], If::Always),
    ("setxattr", &[(None, 0)], If::Always),
    ("lsetxattr", &[(None, 0)], If::Always),
    ("setxattrat", &[(Some(0), 1)], If::Always),
    ("removexattr", &[(None, 0)], If::Always),
    ("lremovexattr", &[(None, 0)], If::Always),
    ("removexattrat", &[(Some(0), 1)], If::Always),
];

/// Calls that change what a descriptor in their first argument is, even if it is open for reading only.
const BY_FD: &[&str] = &["fchmod", "fchown", "fchown32", "fsetxattr", "fremovexattr"];

/// Refuses changes of what is in some folders.
pub struct Readonly {
    names: Names,
    /// As the view names them.
    folders: Vec<PathBuf>,
    /// Where they are.
    places: Vec<PathBuf>,
}

impl Readonly {
    /// Fails if there is no such folder.
    pub fn new(folders: &[PathBuf], names: Names) -> anyhow::Result<Self> {
        use anyhow::Context;
        let mut readonly = Readonly {
            names,
            folders: Vec::new(),
            places: Vec::new(),
        };
        for folder in folders {
            let shown = folder.display();
            let name =
                std::path::absolute(folder).with_context(|| format!("--readonly {shown}"))?;
            let name = super::rules::normal(&name);
            let place = fs::canonicalize(readonly.names.place_of(&name));
            readonly
                .places
                .push(place.with_context(|| format!("--readonly {shown}"))?);
            readonly.folders.push(name);
        }
        Ok(readonly)
    }

    /// Whether what has this name is in one of the folders, symbolic links followed.
    fn protects(&self, name: &Path) -> bool {
        if self.folders.iter().any(|folder| name.starts_with(folder)) {
            return true;
        }
        let place = self.names.place_of(name);
        let real = fs::canonicalize(&place).ok().or_else(|| {
            let parent = fs::canonicalize(place.parent()?).ok()?;
            Some(parent.join(place.file_name()?))
        });
        real.is_some_and(|real| self.has(&real))
    }

    fn has(&self, place: &Path) -> bool {
        self.places.iter().any(|folder| place.starts_with(folder))
    }

    /// What opening it so would change: devices and the like do not belong to the file system.
    fn opens(&self, flags: i32, name: &Path) -> bool {
        let metadata = fs::metadata(self.names.place_of(name));
        if flags & libc::O_PATH != 0 {
            return false;
        }
        let changes = flags & libc::O_ACCMODE != libc::O_RDONLY
            || flags & libc::O_TRUNC != 0
            || flags & libc::O_TMPFILE == libc::O_TMPFILE;
        match metadata {
            Ok(metadata) => {
                let kind = metadata.file_type();
                let elsewhere = kind.is_char_device()
                    || kind.is_block_device()
                    || kind.is_fifo()
                    || kind.is_socket();
                changes && !elsewhere
            }
            Err(_) => flags & libc::O_CREAT != 0,
        }
    }

    fn changes(&self, caller: &Caller<'_>, call: &Call, when: If, name: &Path) -> bool {
        match when {
            If::Always => true,
            If::Opens(usize::MAX) => {
                self.opens(libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, name)
            }
            If::Opens(arg) => self.opens(call.int(arg), name),
            If::OpensHow(arg) => {
                let flags = caller
                    .take::<8>(arg, call.args[arg + 1])
                    .map(u64::from_ne_bytes);
                // One that cannot be read is no good to the call either.
                flags.is_none_or(|flags| self.opens(flags as i32, name))
            }
            If::Asks(arg) => call.int(arg) & libc::W_OK != 0 && self.opens(libc::O_WRONLY, name),
        }
    }

    /// The errno that the call is to fail with.
    fn refuses_path(&self, caller: &Caller<'_>, call: &Call) -> Option<i32> {
        let (_, paths, when) = BY_PATH.iter().find(|(name, ..)| *name == call.name)?;
        for (dirfd, path) in *paths {
            let dirfd = dirfd.map(|n| call.int(n));
            let name = match call.args[*path] {
                0 => None,
                _ => match caller.take_path(*path) {
                    Ok(text) => name_of(&self.names, caller, dirfd, &text),
                    Err(errno) => return Some(errno),
                },
            };
            let refuses = match name {
                Some(name) => self.protects(&name) && self.changes(caller, call, *when, &name),
                // No path at all, or an empty one: the descriptor is meant.
                None => dirfd
                    .and_then(|fd| caller.folder(Some(fd)))
                    .is_some_and(|place| self.has(&place)),
            };
            if refuses {
                return Some(libc::EROFS);
            }
        }
        None
    }

    fn refuses_fd(&self, caller: &Caller<'_>, call: &Call) -> bool {
        let place = BY_FD
            .contains(&&*call.name)
            .then(|| caller.folder(Some(call.int(0))));
        place.flatten().is_some_and(|place| self.has(&place))
    }
}

impl Part for Readonly {
    fn calls(&self, calls: &mut BothSets) {
        for name in BY_PATH.iter().map(|(name, ..)| name).chain(BY_FD) {
            calls.insert(name);
        }
    }

    fn begin(&mut self, caller: &Caller<'_>, call: &Call) -> anyhow::Result<Begin> {
        let errno = match self.refuses_fd(caller, call) {
            true => Some(libc::EROFS),
            false => self.refuses_path(caller, call),
        };
        Ok(errno.map_or(Begin::Run, Begin::fail))
    }
}
