// SPDX-License-Identifier: GPL-2.0

//! `--hostname`: another name of the host.

use super::{
    caller::{
        Call,
        Caller, //
    },
    Begin,
    Part, //
};
use crate::names::BothSets;

/// How long a name in struct utsname may be, its NUL included.
const LEN: usize = 65;

/// Says who we are.
pub struct Hostname {
    name: Vec<u8>,
    /// Whether the program may give another name to the view.
    may_set: bool,
}

/// Forms of uname(2) that no program of this century uses.
const OLD_UNAMES: &[&str] = &["olduname", "oldolduname"];

impl Hostname {
    pub fn new(name: &str, fake_root: bool) -> anyhow::Result<Self> {
        anyhow::ensure!(
            name.len() < LEN && !name.contains('\0'),
            "--hostname {name}: longer than {} bytes",
            LEN - 1
        );
        Ok(Hostname {
            name: name.as_bytes().to_vec(),
            may_set: fake_root || nix::unistd::geteuid().is_root(),
        })
    }

    fn set(&mut self, caller: &Caller<'_>, call: &Call) -> i64 {
        if !self.may_set {
            return -i64::from(libc::EPERM);
        }
        let Some(len) = usize::try_from(call.int(1)).ok().filter(|len| *len < LEN) else {
            return -i64::from(libc::EINVAL);
        };
        let mut name = vec![0; len];
        match caller
            .session
            .read_memory(caller.ticket, call.args[0], &mut name)
        {
            Ok(count) if count == len => {
                name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(len));
                self.name = name;
                0
            }
            _ => -i64::from(libc::EFAULT),
        }
    }
}

impl Part for Hostname {
    fn calls(&self, calls: &mut BothSets) {
        for name in ["uname", "sethostname"].iter().chain(OLD_UNAMES) {
            calls.insert(name);
        }
    }

    fn begin(&mut self, caller: &Caller<'_>, call: &Call) -> anyhow::Result<Begin> {
        Ok(match &*call.name {
            "uname" => Begin::SeeResult,
            "sethostname" => Begin::Skip(self.set(caller, call)),
            old if OLD_UNAMES.contains(&old) => Begin::fail(libc::ENOSYS),
            _ => Begin::Run,
        })
    }

    fn end(&mut self, caller: &Caller<'_>, call: &Call, result: i64) -> Option<i64> {
        if call.name == "uname" && result == 0 {
            let mut field = [0; LEN];
            field[..self.name.len()].copy_from_slice(&self.name);
            // Behind the name of the system.
            caller.write(call.args[0] + LEN as u64, &field);
        }
        None
    }
}
