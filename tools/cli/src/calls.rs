// SPDX-License-Identifier: GPL-2.0

//! What the arguments of system calls are: the table of calls.table.

use super::{
    flags::{
        self,
        Names, //
    },
    names,
    structures::Structure, //
};
use kmview::{
    Abi,
    CopyArg,
    Length, //
};
use std::{
    collections::HashMap,
    sync::{
        LazyLock,
        OnceLock, //
    }, //
};

/// What an argument is.
#[derive(Clone, Copy, Debug)]
pub enum Arg {
    /// An `int`.
    Int,
    /// An `unsigned int`.
    Uint,
    /// A `long`, as wide as the program's.
    Long,
    /// An `unsigned long`.
    Ulong,
    /// A number in hexadecimal.
    Hex,
    /// A mode.
    Oct,
    /// An address.
    Ptr,
    /// A descriptor.
    Fd,
    /// A directory's descriptor, or the current one.
    DirFd,
    /// A path.
    Path,
    /// Another string.
    Str,
    /// An array of strings.
    Strings,
    /// A user or group: -1 for none.
    Id,
    /// The number of a signal.
    Sig,
    /// The address of a set of signals.
    Signals,
    /// Bytes that the call reads.
    In(Length),
    /// Bytes that the call fills.
    Out(Length),
    /// A structure that the call reads.
    Reads(&'static Structure),
    /// A structure that the call fills.
    Fills(&'static Structure),
    /// Flags or constants.
    Names(&'static Names),
}

/// One line of the table.
#[derive(Debug)]
pub struct Call {
    /// The name of the call.
    pub name: &'static str,
    /// Its arguments.
    pub args: Vec<Arg>,
    /// Its result.
    pub result: Arg,
}

static TABLE: LazyLock<HashMap<&'static str, Call>> = LazyLock::new(|| {
    include_str!("calls.table")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let call = parse(line);
            (call.name, call)
        })
        .collect()
});

fn parse(line: &'static str) -> Call {
    let (left, result) = line
        .split_once('=')
        .filter(|(l, _)| l.ends_with(' '))
        .unwrap_or((line, "long"));
    let mut words = left.split_whitespace();
    Call {
        name: words.next().unwrap_or_default(),
        args: words.map(argument).collect(),
        result: argument(result.trim()),
    }
}

/// The table is ours: what it does not know is seen by the test below.
fn argument(word: &'static str) -> Arg {
    match word {
        "int" | "pid" => Arg::Int,
        "uint" => Arg::Uint,
        "long" => Arg::Long,
        "ulong" => Arg::Ulong,
        "hex" => Arg::Hex,
        "oct" => Arg::Oct,
        "ptr" => Arg::Ptr,
        "fd" => Arg::Fd,
        "dirfd" => Arg::DirFd,
        "path" => Arg::Path,
        "str" => Arg::Str,
        "strings" => Arg::Strings,
        "uid" | "gid" => Arg::Id,
        "sig" => Arg::Sig,
        "signals" => Arg::Signals,
        _ => {
            if let Some(length) = word.strip_prefix("in:") {
                Arg::In(self::length(length))
            } else if let Some(length) = word.strip_prefix("out:") {
                Arg::Out(self::length(length))
            } else if let Some(name) = word.strip_prefix('<') {
                Structure::find(name).map_or(Arg::Ptr, Arg::Reads)
            } else if let Some(name) = word.strip_prefix('>') {
                Structure::find(name).map_or(Arg::Ptr, Arg::Fills)
            } else {
                flags::find(word).map_or(Arg::Hex, Arg::Names)
            }
        }
    }
}

fn length(word: &str) -> Length {
    match word.parse() {
        Ok(arg) => Length::Argument(arg),
        Err(_) => Length::Result,
    }
}

/// What is known of the call of this name.
pub fn find(name: &str) -> Option<&'static Call> {
    TABLE.get(name)
}

/// The same of a number; each is looked for once.
pub fn of(abi: Abi, nr: i64) -> Option<&'static Call> {
    type Found = OnceLock<Option<&'static Call>>;
    static NATIVE: [Found; 512] = [const { OnceLock::new() }; 512];

    let search = || find(&names::call(abi, nr));
    match usize::try_from(nr).ok().and_then(|nr| NATIVE.get(nr)) {
        Some(found) if abi == Abi::Native => *found.get_or_init(search),
        _ => search(),
    }
}

/// All calls of the table.
pub fn all() -> impl Iterator<Item = &'static Call> {
    TABLE.values()
}

impl Call {
    /// Whether it takes a path.
    pub fn takes_path(&self) -> bool {
        self.args.iter().any(|arg| matches!(arg, Arg::Path))
    }

    /// Whether it takes a descriptor.
    pub fn takes_fd(&self) -> bool {
        self.args
            .iter()
            .any(|arg| matches!(arg, Arg::Fd | Arg::DirFd))
    }

    /// What is to be copied from memory to show it, with strings of up to `max` bytes.
    pub fn copies(&self, abi: Abi, nr: u32, max: u32) -> Vec<CopyArg> {
        let some = self.args.iter().zip(0..).filter_map(|(arg, n)| match *arg {
            Arg::Path => Some(CopyArg::string(abi, nr, n, PATH_MAX)),
            // One more than is shown tells that there was more.
            Arg::Str => Some(CopyArg::string(abi, nr, n, max + 1)),
            Arg::Strings => Some(CopyArg::strings(abi, nr, n, PATH_MAX)),
            Arg::Signals => Some(CopyArg::buffer(abi, nr, n, Length::Max, 8)),
            Arg::In(length) => Some(CopyArg::buffer(abi, nr, n, length, max + 1)),
            Arg::Out(length) => Some(CopyArg::buffer(abi, nr, n, length, max + 1).at_return()),
            Arg::Reads(what) => what
                .size(abi)
                .map(|size| CopyArg::buffer(abi, nr, n, Length::Max, size)),
            Arg::Fills(what) => {
                let size = what.size(abi)?;
                Some(CopyArg::buffer(abi, nr, n, Length::Max, size).at_return())
            }
            _ => None,
        });
        some.collect()
    }
}

/// The longest path.
pub const PATH_MAX: u32 = 4096;

impl Arg {
    /// Whether it is known only when the call has been made.
    pub fn is_filled(&self) -> bool {
        matches!(self, Arg::Out(_) | Arg::Fills(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_table_is_known() {
        for line in include_str!("calls.table").lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let name = line.split_whitespace().next().unwrap();
            let known =
                names::call_number(Abi::Native, name).or(names::call_number(Abi::Compat, name));
            assert!(known.is_some(), "no call {name}");
            for word in line.split_whitespace().skip(1).filter(|word| *word != "=") {
                let plain = argument(word);
                assert!(
                    word == "hex" || word == "ptr" || !matches!(plain, Arg::Hex | Arg::Ptr),
                    "{name}: {word}"
                );
            }
        }
        assert_eq!(find("openat").unwrap().args.len(), 4);
        assert!(matches!(find("mmap").unwrap().result, Arg::Hex));
    }
}
