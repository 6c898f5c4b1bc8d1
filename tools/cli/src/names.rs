// SPDX-License-Identifier: GPL-2.0

//! The names of system calls, errnos and signals; and sets of calls as users write them.

use anyhow::{
    bail,
    Result, //
};
use kmview::{
    Abi,
    CallSet, //
};
use nix::{
    errno::Errno,
    sys::signal::Signal, //
};
use std::{
    borrow::Cow,
    io,
    str::FromStr,
    sync::OnceLock, //
};
use syscalls::{
    x86,
    x86_64, //
};

/// Calls that the crate does not have which knows the others. From 462 on both kinds have the same numbers.
const NEWER: &[(&[Abi], u32, &str)] = &[
    (&[Abi::Native], 335, "uretprobe"),
    (&[Abi::Native], 336, "uprobe"),
    (BOTH, 462, "mseal"),
    (BOTH, 463, "setxattrat"),
    (BOTH, 464, "getxattrat"),
    (BOTH, 465, "listxattrat"),
    (BOTH, 466, "removexattrat"),
    (BOTH, 467, "open_tree_attr"),
    (BOTH, 468, "file_getattr"),
    (BOTH, 469, "file_setattr"),
    (BOTH, 470, "listns"),
    (BOTH, 471, "rseq_slice_yield"),
    (BOTH, 472, "fchroot"),
];
const BOTH: &[Abi] = &[Abi::Native, Abi::Compat];

/// The one of them that is so.
fn newer(abi: Abi, is: impl Fn(u32, &str) -> bool) -> Option<(u32, &'static str)> {
    let mut known = NEWER.iter().filter(|(abis, ..)| abis.contains(&abi));
    let found = known.find(|(_, nr, name)| is(*nr, name))?;
    Some((found.1, found.2))
}

/// Sets tell numbers below this one apart.
pub const MAX_CALLS: u32 = 512;

fn known(abi: Abi, nr: i64) -> Option<&'static str> {
    let nr = usize::try_from(nr).ok()?;
    let old = match abi {
        Abi::Native => x86_64::Sysno::new(nr).map(|call| call.name()),
        Abi::Compat => x86::Sysno::new(nr).map(|call| call.name()),
    };
    old.or_else(|| newer(abi, |newer, _| newer as usize == nr).map(|(_, name)| name))
}

/// Whether it is a call that we know.
pub fn is_known(abi: Abi, nr: i64) -> bool {
    known(abi, nr).is_some()
}

/// The name of a system call.
pub fn call(abi: Abi, nr: i64) -> Cow<'static, str> {
    known(abi, nr).map_or_else(|| format!("syscall_{nr:#x}").into(), Cow::Borrowed)
}

/// The number of a system call, given as a name or as a number.
pub fn call_number(abi: Abi, name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number).filter(|number| *number < MAX_CALLS);
    }
    let old = match abi {
        Abi::Native => x86_64::Sysno::from_str(name)
            .ok()
            .map(|call| call.id() as u32),
        Abi::Compat => x86::Sysno::from_str(name).ok().map(|call| call.id() as u32),
    };
    old.or_else(|| newer(abi, |_, newer| newer == name).map(|(nr, _)| nr))
}

/// The name of an errno, and what it means. Also of those that only tracers see.
pub fn errno(number: i32) -> (Cow<'static, str>, &'static str) {
    let special = match number {
        512 => Some(("ERESTARTSYS", "To be restarted if SA_RESTART is set")),
        513 => Some(("ERESTARTNOINTR", "To be restarted")),
        514 => Some(("ERESTARTNOHAND", "To be restarted if no handler")),
        516 => Some(("ERESTART_RESTARTBLOCK", "Interrupted by signal")),
        530 => Some(("ENOIOCTLCMD", "No ioctl command")),
        _ => None,
    };
    if let Some((name, text)) = special {
        return (name.into(), text);
    }
    match Errno::from_raw(number) {
        Errno::UnknownErrno => (format!("E{number}").into(), "Unknown error"),
        known => (format!("{known:?}").into(), meaning(number)),
    }
}

/// What the C library says of it, as other programs do.
fn meaning(number: i32) -> &'static str {
    static MEANINGS: [OnceLock<String>; 200] = [const { OnceLock::new() }; 200];
    let Some(place) = MEANINGS.get(number as usize) else {
        return "";
    };
    place.get_or_init(|| {
        let text = io::Error::from_raw_os_error(number).to_string();
        text.split(" (os error").next().unwrap_or(&text).to_owned()
    })
}

/// The errno of this name or number.
pub fn errno_number(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse() {
        return (1..4096).contains(&number).then_some(number);
    }
    (1..200).find(|number| errno(*number).0 == name)
}

/// The name of a signal.
pub fn signal(number: i32) -> Cow<'static, str> {
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().into(),
        Err(_) if (32..=64).contains(&number) => format!("SIGRT_{}", number - 32).into(),
        Err(_) => format!("{number}").into(),
    }
}

/// Calls by what they are about. Those that take paths or descriptors come from the table of calls.
const CLASSES: &[(&str, &str)] = &[
    (
        "process",
        "fork vfork clone clone3 execve execveat exit exit_group wait4 waitid waitpid kill tkill tgkill \
         rt_sigqueueinfo pidfd_open pidfd_send_signal unshare setns",
    ),
    (
        "network",
        "socket socketpair socketcall bind connect listen accept accept4 getsockname getpeername sendto \
         recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown setsockopt getsockopt",
    ),
    (
        "signal",
        "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo \
         rt_sigsuspend sigaltstack kill tkill tgkill signalfd signalfd4 pause sigaction sigprocmask \
         sigreturn signal rt_tgsigqueueinfo pidfd_send_signal",
    ),
    (
        "memory",
        "brk mmap mmap2 munmap mremap mprotect pkey_mprotect madvise msync mincore mlock mlock2 munlock \
         mlockall munlockall remap_file_pages mbind move_pages",
    ),
];

/// System calls of both kinds.
#[derive(Clone, Debug, Default)]
pub struct BothSets {
    /// 64-bit ones.
    pub native: CallSet,
    /// 32-bit ones.
    pub compat: CallSet,
}

impl BothSets {
    /// All.
    pub fn all() -> Self {
        BothSets {
            native: CallSet::all(),
            compat: CallSet::all(),
        }
    }

    /// Puts those of this name in; says whether there is one.
    pub fn insert(&mut self, name: &str) -> bool {
        let native = call_number(Abi::Native, name);
        let compat = call_number(Abi::Compat, name);
        if let Some(nr) = native {
            self.native.insert(nr);
        }
        if let Some(nr) = compat {
            self.compat.insert(nr);
        }
        native.is_some() || compat.is_some()
    }

    /// Puts all in that have no name here.
    pub fn insert_unknown(&mut self) {
        for (abi, set) in [
            (Abi::Native, &mut self.native),
            (Abi::Compat, &mut self.compat),
        ] {
            for nr in (0..MAX_CALLS).filter(|nr| !is_known(abi, i64::from(*nr))) {
                set.insert(nr);
            }
            set.insert_others();
        }
    }

    /// The calls of one kind.
    pub fn of(&self, abi: Abi) -> &CallSet {
        match abi {
            Abi::Native => &self.native,
            Abi::Compat => &self.compat,
        }
    }

    /// Puts all of another one in.
    pub fn add(&mut self, other: &BothSets) {
        self.native.add(&other.native);
        self.compat.add(&other.compat);
    }

    fn remove(&mut self, name: &str) {
        if let Some(nr) = call_number(Abi::Native, name) {
            self.native.remove(nr);
        }
        if let Some(nr) = call_number(Abi::Compat, name) {
            self.compat.remove(nr);
        }
    }
}

/// The calls of a class, `%file` and the like.
fn class(name: &str) -> Option<Vec<&'static str>> {
    use super::calls;
    match name {
        "file" => Some(
            calls::all()
                .filter(|call| call.takes_path())
                .map(|call| call.name)
                .collect(),
        ),
        "desc" => Some(
            calls::all()
                .filter(|call| call.takes_fd())
                .map(|call| call.name)
                .collect(),
        ),
        _ => CLASSES
            .iter()
            .find(|(class, _)| *class == name)
            .map(|(_, calls)| calls.split_whitespace().collect()),
    }
}

/// The calls that an expression names: `[trace=][!]NAME[,NAME...]`, where a name may be that of a call,
/// `%CLASS`, `all` or `none`.
pub fn select(expression: &str) -> Result<BothSets> {
    let names = expression.strip_prefix("trace=").unwrap_or(expression);
    let (names, not) = match names.strip_prefix('!') {
        Some(names) => (names, true),
        None => (names, false),
    };
    let mut all = Vec::new();
    for name in names.split(',').filter(|name| !name.is_empty()) {
        match name {
            "none" => {}
            "all" if not => return Ok(BothSets::default()),
            "all" => return Ok(BothSets::all()),
            _ => match class(name.strip_prefix('%').unwrap_or(name)) {
                Some(calls) => all.extend(calls),
                None if BothSets::default().insert(name) => all.push(name),
                None => bail!(
                    "-e {expression}: no system call or class '{name}' (classes: %file %desc {})",
                    CLASSES.map_names()
                ),
            },
        }
    }
    let mut sets = if not {
        BothSets::all()
    } else {
        BothSets::default()
    };
    for name in all {
        if not {
            sets.remove(name);
        } else {
            sets.insert(name);
        }
    }
    Ok(sets)
}

trait MapNames {
    fn map_names(&self) -> String;
}

impl MapNames for &[(&str, &str)] {
    fn map_names(&self) -> String {
        let names: Vec<String> = self.iter().map(|(name, _)| format!("%{name}")).collect();
        names.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        assert_eq!(call(Abi::Native, 257), "openat");
        assert_eq!(call(Abi::Compat, 295), "openat");
        assert_eq!(call(Abi::Native, 9999), "syscall_0x270f");
        assert_eq!(call(Abi::Native, -1), "syscall_0xffffffffffffffff");
        assert_eq!(call_number(Abi::Compat, "mmap2"), Some(192));
        assert_eq!(errno(2).0, "ENOENT");
        assert_eq!(errno(25).1, "Inappropriate ioctl for device");
        assert_eq!(errno_number("EROFS"), Some(libc::EROFS));
        assert_eq!(errno_number("EFOO"), None);
        assert_eq!(signal(11), "SIGSEGV");
    }

    /// The kernel's own tables, whose folder the environment names.
    #[test]
    fn names_are_those_of_the_kernel() {
        let Some(folder) = std::env::var_os("SYSCALL_TABLES") else {
            return;
        };
        for (abi, file, kind) in [
            (Abi::Native, "syscall_64.tbl", "x32"),
            (Abi::Compat, "syscall_32.tbl", ""),
        ] {
            let table = std::fs::read_to_string(std::path::Path::new(&folder).join(file)).unwrap();
            let rows = table.lines().filter(|line| !line.starts_with('#'));
            let mut rows: Vec<Vec<&str>> = rows
                .map(|line| line.split_whitespace().collect())
                .filter(|row: &Vec<&str>| row.len() > 2 && row[1] != kind)
                .collect();
            // Those that nobody has any more have no function.
            rows.retain(|row| row.len() > 3);
            assert!(rows.len() > 300);
            rows.retain(|row| {
                let nr = row[0].parse().unwrap();
                call(abi, nr) != row[2] || call_number(abi, row[2]) != u32::try_from(nr).ok()
            });
            assert!(rows.is_empty(), "{file}: {rows:?}");
        }
    }

    #[test]
    fn what_nobody_knows_is_a_set() {
        let mut sets = BothSets::default();
        sets.insert_unknown();
        assert!(!sets.native.contains(0) && !sets.compat.contains(465));
        assert!(sets.native.contains(511) && sets.native.contains(512));
        assert!(sets.compat.contains(511) && sets.compat.contains(0x4000_0000));
        assert!(select("512").is_err());
    }

    #[test]
    fn expressions_select() {
        let sets = select("trace=openat,%network").unwrap();
        assert!(sets.native.contains(257) && sets.native.contains(41));
        assert!(!sets.native.contains(0));
        let sets = select("!read").unwrap();
        assert!(!sets.native.contains(0) && sets.native.contains(1));
        assert!(!sets.compat.contains(3) && sets.compat.contains(4));
        assert!(select("opneat").is_err());
        assert!(select("none").unwrap().native.is_empty());
        assert!(select("%file").unwrap().native.contains(257));
        assert!(!select("%file").unwrap().native.contains(0));
    }
}
