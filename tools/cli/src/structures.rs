// SPDX-License-Identifier: GPL-2.0

//! Structures that calls read and fill, shown.

use super::show::quoted;
use kmview::Abi;
use std::{
    fmt::Write,
    net::{
        Ipv4Addr,
        Ipv6Addr, //
    }, //
};

/// A structure that can be shown.
#[derive(Debug)]
pub struct Structure {
    name: &'static str,
    native: u32,
    /// None: it has another layout there, which is not known.
    compat: Option<u32>,
    show: fn(&[u8]) -> Option<String>,
}

const STRUCTURES: &[Structure] = &[
    Structure {
        name: "stat",
        native: 144,
        compat: None,
        show: stat,
    },
    Structure {
        name: "timespec",
        native: 16,
        compat: None,
        show: timespec,
    },
    Structure {
        name: "fds",
        native: 8,
        compat: Some(8),
        show: fds,
    },
    Structure {
        name: "utsname",
        native: 390,
        compat: Some(390),
        show: utsname,
    },
    Structure {
        name: "sockaddr",
        native: 110,
        compat: Some(110),
        show: sockaddr,
    },
];

impl Structure {
    /// That of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        STRUCTURES.iter().find(|structure| structure.name == name)
    }

    /// How many bytes of it are shown.
    pub fn size(&self, abi: Abi) -> Option<u32> {
        match abi {
            Abi::Native => Some(self.native),
            Abi::Compat => self.compat,
        }
    }

    /// The structure in these bytes, if they are enough.
    pub fn show(&self, bytes: &[u8]) -> Option<String> {
        (self.show)(bytes)
    }
}

fn int(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<i64> {
    Some(i64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn stat(bytes: &[u8]) -> Option<String> {
    const MODE: usize = 24;
    const RDEV: usize = 40;
    const SIZE: usize = 48;
    let mode = int(bytes, MODE)? as u32;
    let kind = match mode & libc::S_IFMT {
        libc::S_IFREG => "S_IFREG",
        libc::S_IFDIR => "S_IFDIR",
        libc::S_IFCHR => "S_IFCHR",
        libc::S_IFBLK => "S_IFBLK",
        libc::S_IFIFO => "S_IFIFO",
        libc::S_IFLNK => "S_IFLNK",
        libc::S_IFSOCK => "S_IFSOCK",
        _ => "0",
    };
    let last = match mode & libc::S_IFMT {
        libc::S_IFCHR | libc::S_IFBLK => {
            let device = long(bytes, RDEV)? as u64;
            format!(
                "st_rdev=makedev({:#x}, {:#x})",
                libc::major(device),
                libc::minor(device)
            )
        }
        _ => format!("st_size={}", long(bytes, SIZE)?),
    };
    Some(format!(
        "{{st_mode={kind}|0{:03o}, {last}, ...}}",
        mode & 0o7777
    ))
}

fn timespec(bytes: &[u8]) -> Option<String> {
    Some(format!(
        "{{tv_sec={}, tv_nsec={}}}",
        long(bytes, 0)?,
        long(bytes, 8)?
    ))
}

fn fds(bytes: &[u8]) -> Option<String> {
    Some(format!("[{}, {}]", int(bytes, 0)?, int(bytes, 4)?))
}

fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn utsname(bytes: &[u8]) -> Option<String> {
    const FIELD: usize = 65;
    let field = |n: usize| {
        bytes
            .get(n * FIELD..(n + 1) * FIELD)
            .map(|field| quoted(text(field)))
    };
    Some(format!(
        "{{sysname={}, nodename={}, ...}}",
        field(0)?,
        field(1)?
    ))
}

fn sockaddr(bytes: &[u8]) -> Option<String> {
    let family = i32::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let port = || Some(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?));
    let mut shown = String::new();
    match family {
        libc::AF_UNIX => {
            let path = bytes.get(2..)?;
            match path.first() {
                Some(0) => write!(
                    shown,
                    "{{sa_family=AF_UNIX, sun_path=@{}}}",
                    quoted(text(&path[1..]))
                ),
                _ => write!(
                    shown,
                    "{{sa_family=AF_UNIX, sun_path={}}}",
                    quoted(text(path))
                ),
            }
        }
        libc::AF_INET => {
            let address: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            let address = Ipv4Addr::from(address);
            write!(
                shown,
                "{{sa_family=AF_INET, sin_port=htons({}), sin_addr=inet_addr(\"{address}\")}}",
                port()?
            )
        }
        libc::AF_INET6 => {
            let address: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            let address = Ipv6Addr::from(address);
            write!(
                shown,
                "{{sa_family=AF_INET6, sin6_port=htons({}), sin6_addr=\"{address}\"}}",
                port()?
            )
        }
        other => write!(shown, "{{sa_family={other}, ...}}"),
    }
    .ok()?;
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_the_kernel_fills() {
        // SAFETY: A plain structure of numbers.
        let mut stat: libc::stat = unsafe { std::mem::zeroed() };
        stat.st_mode = libc::S_IFREG | 0o644;
        stat.st_size = 42;
        // SAFETY: As many bytes as it has.
        let bytes = unsafe {
            std::slice::from_raw_parts((&raw const stat).cast::<u8>(), size_of_val(&stat))
        };
        assert_eq!(bytes.len(), 144);
        let shown = Structure::find("stat").unwrap().show(bytes).unwrap();
        assert_eq!(shown, "{st_mode=S_IFREG|0644, st_size=42, ...}");
        assert!(Structure::find("stat")
            .unwrap()
            .show(&bytes[..20])
            .is_none());
    }

    #[test]
    fn shows_addresses() {
        let mut bytes = vec![0; 110];
        bytes[..8].copy_from_slice(&[2, 0, 0, 80, 127, 0, 0, 1]);
        assert_eq!(
            sockaddr(&bytes).unwrap(),
            "{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}"
        );
        let mut unix = vec![1, 0];
        unix.extend_from_slice(b"/run/x\0\0");
        assert_eq!(
            sockaddr(&unix).unwrap(),
            "{sa_family=AF_UNIX, sun_path=\"/run/x\"}"
        );
    }
}
