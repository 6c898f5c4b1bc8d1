// SPDX-License-Identifier: GPL-2.0

//! `--readonly`: what cannot be changed.

use super::{
    caller::{
        Call,
        Caller, //
    },
    paths::{
        name_of,
        way_of, //
    },
    rules::Names,
    Begin,
    Part, //
};
use crate::names::BothSets;
use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::FileTypeExt, //
    },
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
    ("file_setattr", &[(Some(0), 1)], If::Always),
    ("acct", &[(None, 0)], If::Always),
    ("swapon", &[(None, 0)], If::Always),
];

/// Those that do not follow a symbolic link at the end of a path: they act on it.
const AT_LINKS: &[&str] = &[
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "rmdir",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "symlink",
    "symlinkat",
    "lchown",
    "lchown32",
    "lsetxattr",
    "lremovexattr",
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

    /// Where a path of a thread leads that is in one of the folders; None: it is in none. Symbolic links are
    /// followed, at the end only if the call follows them.
    fn protected(
        &self,
        caller: &Caller<'_>,
        dirfd: Option<i32>,
        path: &Path,
        follows: bool,
    ) -> Option<PathBuf> {
        let name = name_of(&self.names, caller, dirfd, path)?;
        let way = way_of(&self.names, caller, dirfd, path)?;
        let real = match (follows, way.parent(), way.file_name()) {
            (false, Some(above), Some(last)) => caller.real(above).map(|above| above.join(last)),
            _ => caller.real(&way),
        };
        if self.folders.iter().any(|folder| name.starts_with(folder)) {
            return Some(real.unwrap_or(name));
        }
        // What goes round leads nowhere.
        real.filter(|real| self.has(real))
    }

    fn has(&self, place: &Path) -> bool {
        self.places.iter().any(|folder| place.starts_with(folder))
    }

    /// What opening it so would change: devices and the like do not belong to the file system.
    fn opens(&self, flags: i32, place: &Path) -> bool {
        let metadata = fs::metadata(place);
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

    fn changes(&self, caller: &Caller<'_>, call: &Call, when: If, place: &Path) -> bool {
        match when {
            If::Always => true,
            If::Opens(usize::MAX) => {
                self.opens(libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, place)
            }
            If::Opens(arg) => self.opens(call.int(arg), place),
            If::OpensHow(arg) => {
                let flags = caller
                    .take::<8>(arg, call.args[arg + 1])
                    .map(u64::from_ne_bytes);
                // One that cannot be read is no good to the call either.
                flags.is_none_or(|flags| self.opens(flags as i32, place))
            }
            If::Asks(arg) => call.int(arg) & libc::W_OK != 0 && self.opens(libc::O_WRONLY, place),
        }
    }

    /// The errno that the call is to fail with.
    fn refuses_path(&self, caller: &Caller<'_>, call: &Call) -> Option<i32> {
        let (_, paths, when) = BY_PATH.iter().find(|(name, ..)| *name == call.name)?;
        for (dirfd, path) in *paths {
            let dirfd = dirfd.map(|n| call.int(n));
            let text = match call.args[*path] {
                0 => PathBuf::new(),
                _ => match caller.take_path(*path) {
                    Ok(text) => text,
                    Err(errno) => return Some(errno),
                },
            };
            let follows = !AT_LINKS.contains(&&*call.name);
            let refuses = match text.as_os_str().is_empty() {
                false => self
                    .protected(caller, dirfd, &text, follows)
                    .is_some_and(|place| self.changes(caller, call, *when, &place)),
                // No path at all, or an empty one: the descriptor is meant.
                true => dirfd
                    .and_then(|fd| caller.folder(Some(fd)))
                    .is_some_and(|place| self.has(&place)),
            };
            if refuses {
                return Some(libc::EROFS);
            }
        }
        None
    }

    /// A socket with a name in the file system.
    fn refuses_socket(&self, caller: &Caller<'_>, call: &Call) -> Option<i32> {
        const FAMILY: usize = size_of::<libc::sa_family_t>();
        const LARGEST: usize = size_of::<libc::sockaddr_storage>();

        if call.name != "bind" {
            return None;
        }
        // The kernel has no use for others.
        let size = usize::try_from(call.int(2)).ok()?;
        if !(FAMILY..=LARGEST).contains(&size) {
            return None;
        }
        let address = match caller.take_all(1, size) {
            Ok(address) => address,
            Err(errno) => return Some(errno),
        };
        let (family, path) = address.split_first_chunk::<FAMILY>()?;
        let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
        if libc::sa_family_t::from_ne_bytes(*family) != libc::AF_UNIX as libc::sa_family_t
            || path.is_empty()
        {
            return None;
        }
        let path = Path::new(OsStr::from_bytes(path));
        let protected = self.protected(caller, None, path, false);
        protected.map(|_| libc::EROFS)
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
        calls.insert("bind");
    }

    fn begin(&mut self, caller: &Caller<'_>, call: &Call) -> anyhow::Result<Begin> {
        let errno = match self.refuses_fd(caller, call) {
            true => Some(libc::EROFS),
            false => self
                .refuses_path(caller, call)
                .or_else(|| self.refuses_socket(caller, call)),
        };
        Ok(errno.map_or(Begin::Run, Begin::fail))
    }
}
