// SPDX-License-Identifier: GPL-2.0

//! `--map`: other files under the same names.

use super::{
    caller::{
        Call,
        Caller, //
    },
    rules::{
        normal,
        Names, //
    },
    Begin,
    Part, //
};
use crate::{
    calls::{
        self,
        Arg, //
    },
    names::BothSets, //
};
use std::{
    os::unix::ffi::OsStrExt,
    path::{
        Path,
        PathBuf, //
    }, //
};

/// Their results are names.
const TELL_NAMES: &[&str] = &["getcwd", "readlink", "readlinkat"];

/// The arguments that are paths to look up: which, and what descriptor they are relative to.
pub fn paths_of(call: &Call) -> Vec<(usize, Option<i32>)> {
    let Some(known) = calls::find(&call.name) else {
        return Vec::new();
    };
    let at = |n: usize| match n.checked_sub(1).map(|before| known.args[before]) {
        Some(Arg::DirFd) => Some(call.int(n - 1)),
        _ => None,
    };
    let paths = known
        .args
        .iter()
        .enumerate()
        .filter(|(_, arg)| matches!(arg, Arg::Path));
    paths.map(|(n, _)| (n, at(n))).collect()
}

/// The name in the view that a path of a thread stands for. None: it is empty, and means a descriptor.
pub fn name_of(
    names: &Names,
    caller: &Caller<'_>,
    dirfd: Option<i32>,
    path: &Path,
) -> Option<PathBuf> {
    if path.as_os_str().is_empty() {
        return None;
    }
    if path.is_absolute() {
        return Some(normal(path));
    }
    let folder = caller.folder(dirfd)?;
    Some(normal(&names.name_of(&folder).join(path)))
}

/// The place that a path of a thread is replaced by; what is not, the kernel looks up as it is.
pub fn other_place(
    names: &Names,
    caller: &Caller<'_>,
    dirfd: Option<i32>,
    path: &Path,
) -> Option<PathBuf> {
    let name = name_of(names, caller, dirfd, path)?;
    let place = names.place_of(&name);
    // What is relative to a folder under another name finds its way by itself, but for "..".
    let same = place == name && (path.is_absolute() || names.name_of(&place) == place);
    (!same).then_some(place)
}

/// Where the kernel begins to look, and what it looks up: an absolute path, with all "..", which links that it passes
/// have their say in.
pub fn way_of(
    names: &Names,
    caller: &Caller<'_>,
    dirfd: Option<i32>,
    path: &Path,
) -> Option<PathBuf> {
    match other_place(names, caller, dirfd, path) {
        Some(place) => Some(place),
        None if path.is_absolute() => Some(path.to_owned()),
        None => Some(caller.folder(dirfd)?.join(path)),
    }
}

/// Whether the last part is to be a folder by its form, which is lost in a normal path.
fn is_folder(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    bytes.ends_with(b"/") || bytes.ends_with(b"/.")
}

/// Shows other things under the names of some.
pub struct Paths {
    names: Names,
}

impl Paths {
    pub fn new(names: Names) -> Self {
        Paths { names }
    }

    /// The path to use instead of that of an argument.
    fn other_place(&self, caller: &Caller<'_>, dirfd: Option<i32>, path: &Path) -> Option<PathBuf> {
        let place = other_place(&self.names, caller, dirfd, path)?;
        let mut place = place.into_os_string();
        if is_folder(path) && place != "/" {
            place.push("/");
        }
        Some(place.into())
    }

    /// What a call has filled in: a name of a place becomes its name in the view.
    fn tell(&self, caller: &Caller<'_>, call: &Call, result: i64) -> Option<i64> {
        let (arg, nul) = match &*call.name {
            "getcwd" => (0, 1),
            "readlink" => (1, 0),
            _ => (2, 0),
        };
        let len = usize::try_from(result).ok()?.checked_sub(nul)?;
        let room = call.args[arg + 1] as usize;
        let mut bytes = vec![0; len];
        let count = caller
            .session
            .read_memory(caller.ticket, call.args[arg], &mut bytes)
            .ok()?;
        let place = Path::new(std::ffi::OsStr::from_bytes(&bytes));
        // What links of files say is theirs; the kernel's own say where things are.
        if count != len || !place.is_absolute() || nul == 0 && !self.is_of_kernel(caller, call) {
            return None;
        }
        let name = self.names.name_of(place);
        if name == place {
            return None;
        }
        let mut bytes = name.into_os_string().into_encoded_bytes();
        if nul == 1 {
            bytes.push(0);
            if bytes.len() > room {
                return Some(-i64::from(libc::ERANGE));
            }
        }
        bytes.truncate(room);
        caller
            .write(call.args[arg], &bytes)
            .then_some(bytes.len() as i64)
    }

    /// Whether a link that is read is one of /proc.
    fn is_of_kernel(&self, caller: &Caller<'_>, call: &Call) -> bool {
        let Some((arg, dirfd)) = paths_of(call).first().copied() else {
            return false;
        };
        let path = caller.path(call.args[arg]);
        let name = path.and_then(|path| name_of(&self.names, caller, dirfd, &path));
        name.is_some_and(|name| name.starts_with("/proc"))
    }
}

impl Part for Paths {
    fn calls(&self, calls: &mut BothSets) {
        for call in calls::all().filter(|call| call.takes_path()) {
            calls.insert(call.name);
        }
        calls.insert("getcwd");
    }

    fn begin(&mut self, caller: &Caller<'_>, call: &Call) -> anyhow::Result<Begin> {
        for (arg, dirfd) in paths_of(call) {
            if call.args[arg] == 0 {
                continue;
            }
            let path = match caller.take_path(arg) {
                Ok(path) => path,
                Err(errno) => return Ok(Begin::fail(errno)),
            };
            let Some(place) = self.other_place(caller, dirfd, &path) else {
                continue;
            };
            let mut bytes = place.into_os_string().into_encoded_bytes();
            bytes.push(0);
            if bytes.len() > libc::PATH_MAX as usize {
                return Ok(Begin::fail(libc::ENAMETOOLONG));
            }
            caller.give(arg as u32, &bytes)?;
        }
        Ok(match TELL_NAMES.contains(&&*call.name) {
            true => Begin::SeeResult,
            false => Begin::Run,
        })
    }

    fn end(&mut self, caller: &Caller<'_>, call: &Call, result: i64) -> Option<i64> {
        self.tell(caller, call, result)
    }
}
