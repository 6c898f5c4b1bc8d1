// SPDX-License-Identifier: GPL-2.0

//! `--fake-root`: the program believes that root runs it.

use super::{
    caller::{
        Call,
        Caller, //
    },
    Begin,
    Part, //
};
use crate::names::BothSets;
use kmview::Abi;

/// They say 0.
const WHO_AM_I: &[&str] = &[
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getuid32",
    "geteuid32",
    "getgid32",
    "getegid32",
];

/// They fill three numbers.
const ALL_THREE: &[&str] = &["getresuid", "getresgid", "getresuid32", "getresgid32"];

const GROUPS: &[&str] = &["getgroups", "getgroups32"];

/// Only root may, and it does nothing that the program could miss: that it may not is no error.
const FOR_ROOT: &[&str] = &[
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "setuid32",
    "setgid32",
    "setreuid32",
    "setregid32",
    "setresuid32",
    "setresgid32",
    "setgroups32",
    "chown",
    "lchown",
    "fchown",
    "fchownat",
    "chown32",
    "lchown32",
    "fchown32",
];

/// They fill a structure with an owner in it: name, whether 64-bit ones have it, the argument, and where in
/// the structure the user is, whom the group follows.
const OWNERS: &[(&str, Abi, usize, u64)] = &[
    ("stat", Abi::Native, 1, 28),
    ("lstat", Abi::Native, 1, 28),
    ("fstat", Abi::Native, 1, 28),
    ("newfstatat", Abi::Native, 2, 28),
    ("statx", Abi::Native, 4, 20),
    ("stat64", Abi::Compat, 1, 24),
    ("lstat64", Abi::Compat, 1, 24),
    ("fstat64", Abi::Compat, 1, 24),
    ("fstatat64", Abi::Compat, 2, 24),
    ("statx", Abi::Compat, 4, 20),
];

/// Whoever runs us looks like root.
pub struct FakeRoot {
    uid: u32,
    gid: u32,
}

impl FakeRoot {
    pub fn new() -> Self {
        FakeRoot {
            uid: nix::unistd::geteuid().as_raw(),
            gid: nix::unistd::getegid().as_raw(),
        }
    }

    fn owner(call: &Call) -> Option<u64> {
        let (_, _, arg, at) = OWNERS
            .iter()
            .find(|(name, abi, ..)| *name == call.name && *abi == call.abi)?;
        Some(call.args[*arg] + at)
    }
}

impl Part for FakeRoot {
    fn calls(&self, calls: &mut BothSets) {
        let owners = OWNERS.iter().map(|(name, ..)| name);
        let others = [WHO_AM_I, ALL_THREE, GROUPS, FOR_ROOT].concat();
        for name in others.iter().chain(owners) {
            calls.insert(name);
        }
    }

    fn begin(&mut self, caller: &Caller<'_>, call: &Call) -> anyhow::Result<Begin> {
        let name = &*call.name;
        if WHO_AM_I.contains(&name) {
            return Ok(Begin::Skip(0));
        }
        if ALL_THREE.contains(&name) {
            // Those of i386 without a "32" are of 16 bits.
            let width = if call.abi == Abi::Compat && !name.ends_with("32") {
                2
            } else {
                4
            };
            let all = (0..3).all(|n| caller.write(call.args[n], &[0; 4][..width]));
            return Ok(if all {
                Begin::Skip(0)
            } else {
                Begin::fail(libc::EFAULT)
            });
        }
        if GROUPS.contains(&name) {
            let width = if call.abi == Abi::Compat && name == "getgroups" {
                2
            } else {
                4
            };
            return Ok(match call.int(0) {
                0 => Begin::Skip(1),
                size if size < 0 => Begin::fail(libc::EINVAL),
                _ if caller.write(call.args[1], &[0; 4][..width]) => Begin::Skip(1),
                _ => Begin::fail(libc::EFAULT),
            });
        }
        if FOR_ROOT.contains(&name) || Self::owner(call).is_some() {
            return Ok(Begin::SeeResult);
        }
        Ok(Begin::Run)
    }

    fn end(&mut self, caller: &Caller<'_>, call: &Call, result: i64) -> Option<i64> {
        if FOR_ROOT.contains(&&*call.name) {
            return (result == -i64::from(libc::EPERM)).then_some(0);
        }
        if result != 0 {
            return None;
        }
        let at = Self::owner(call)?;
        let owner = caller.read::<8>(at)?;
        let (uid, gid) = owner.split_at(4);
        for (id, mine, at) in [(uid, self.uid, at), (gid, self.gid, at + 4)] {
            if id == mine.to_ne_bytes() {
                caller.write(at, &[0; 4]);
            }
        }
        None
    }
}
