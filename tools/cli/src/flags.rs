// SPDX-License-Identifier: GPL-2.0

//! The names of flags and constants.

/// How a number with names is shown.
#[derive(Debug)]
pub struct Names {
    /// What the table of calls calls it.
    pub name: &'static str,
    /// The bits that are one number, not flags, and their names.
    field: (u64, &'static [(u64, &'static str)]),
    flags: &'static [(u64, &'static str)],
}

macro_rules! names {
    ($($c:ident)*) => { &[$((libc::$c as u64, stringify!($c))),*] };
}

const ALL: u64 = u32::MAX as u64;

macro_rules! sets {
    ($($name:literal: [$($f:ident)*] of $mask:expr, [$($c:ident)*];)*) => {
        const SETS: &[Names] = &[$(Names {
            name: $name,
            field: ($mask, names!($($f)*)),
            flags: names!($($c)*),
        }),*];
    };
}

sets! {
    "open": [O_RDONLY O_WRONLY O_RDWR] of 3, [O_CREAT O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK O_SYNC O_DSYNC
        O_ASYNC O_DIRECT O_TMPFILE O_DIRECTORY O_NOFOLLOW O_NOATIME O_CLOEXEC O_PATH];
    "prot": [] of 0, [PROT_READ PROT_WRITE PROT_EXEC PROT_GROWSDOWN PROT_GROWSUP];
    "map": [MAP_SHARED MAP_PRIVATE MAP_SHARED_VALIDATE] of 3, [MAP_FIXED MAP_ANONYMOUS MAP_GROWSDOWN MAP_DENYWRITE MAP_LOCKED
        MAP_NORESERVE MAP_POPULATE MAP_NONBLOCK MAP_STACK MAP_HUGETLB MAP_SYNC MAP_FIXED_NOREPLACE];
    "mremap": [] of 0, [MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP];
    "msync": [] of 0, [MS_ASYNC MS_INVALIDATE MS_SYNC];
    "access": [F_OK] of 0, [R_OK W_OK X_OK];
    "at": [] of 0, [AT_SYMLINK_NOFOLLOW AT_REMOVEDIR AT_SYMLINK_FOLLOW AT_NO_AUTOMOUNT AT_EMPTY_PATH AT_RECURSIVE
        AT_STATX_FORCE_SYNC AT_STATX_DONT_SYNC];
    "seek": [SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE] of ALL, [];
    "sigmask": [SIG_BLOCK SIG_UNBLOCK SIG_SETMASK] of ALL, [];
    "family": [AF_UNSPEC AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_ALG AF_VSOCK] of ALL, [];
    "socktype": [SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_SEQPACKET] of 0xf, [SOCK_NONBLOCK SOCK_CLOEXEC];
    "msg": [] of 0, [MSG_OOB MSG_PEEK MSG_DONTROUTE MSG_TRUNC MSG_DONTWAIT MSG_EOR MSG_WAITALL MSG_NOSIGNAL MSG_MORE
        MSG_CMSG_CLOEXEC];
    "clone": [] of 0, [CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_PIDFD CLONE_PTRACE CLONE_VFORK CLONE_PARENT
        CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM CLONE_SETTLS CLONE_PARENT_SETTID CLONE_CHILD_CLEARTID CLONE_DETACHED
        CLONE_UNTRACED CLONE_CHILD_SETTID CLONE_NEWCGROUP CLONE_NEWUTS CLONE_NEWIPC CLONE_NEWUSER CLONE_NEWPID
        CLONE_NEWNET CLONE_IO];
    "wait": [] of 0, [WNOHANG WUNTRACED WEXITED WCONTINUED WNOWAIT __WNOTHREAD __WALL __WCLONE];
    "fcntl": [F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW F_SETOWN F_GETOWN
        F_DUPFD_CLOEXEC F_GETPIPE_SZ F_SETPIPE_SZ F_ADD_SEALS F_GET_SEALS F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW] of ALL, [];
    "ioctl": [TCGETS TCSETS TCSETSW TCSETSF TIOCGPGRP TIOCSPGRP TIOCGWINSZ TIOCSWINSZ TIOCSCTTY TIOCNOTTY FIONREAD
        FIONBIO FIOCLEX FIONCLEX TIOCGSID TIOCGPTN TIOCSPTLCK FICLONE] of ALL, [];
    "madvise": [MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED MADV_FREE MADV_REMOVE MADV_DONTFORK
        MADV_DOFORK MADV_MERGEABLE MADV_UNMERGEABLE MADV_HUGEPAGE MADV_NOHUGEPAGE MADV_DONTDUMP MADV_DODUMP MADV_WIPEONFORK
        MADV_KEEPONFORK MADV_COLD MADV_PAGEOUT MADV_POPULATE_READ MADV_POPULATE_WRITE] of ALL, [];
    "mount": [] of 0, [MS_RDONLY MS_NOSUID MS_NODEV MS_NOEXEC MS_SYNCHRONOUS MS_REMOUNT MS_MANDLOCK MS_DIRSYNC MS_NOATIME
        MS_NODIRATIME MS_BIND MS_MOVE MS_REC MS_SILENT MS_UNBINDABLE MS_PRIVATE MS_SLAVE MS_SHARED MS_RELATIME MS_STRICTATIME
        MS_LAZYTIME];
    "clock": [CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID CLOCK_THREAD_CPUTIME_ID CLOCK_MONOTONIC_RAW
        CLOCK_REALTIME_COARSE CLOCK_MONOTONIC_COARSE CLOCK_BOOTTIME CLOCK_REALTIME_ALARM CLOCK_BOOTTIME_ALARM CLOCK_TAI] of ALL, [];
    "futex": [FUTEX_WAIT FUTEX_WAKE FUTEX_FD FUTEX_REQUEUE FUTEX_CMP_REQUEUE FUTEX_WAKE_OP FUTEX_LOCK_PI FUTEX_UNLOCK_PI
        FUTEX_TRYLOCK_PI FUTEX_WAIT_BITSET FUTEX_WAKE_BITSET FUTEX_WAIT_REQUEUE_PI FUTEX_CMP_REQUEUE_PI] of 0x7f,
        [FUTEX_PRIVATE_FLAG FUTEX_CLOCK_REALTIME];
    "rlimit": [RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC RLIMIT_NOFILE
        RLIMIT_MEMLOCK RLIMIT_AS RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME] of ALL, [];
    "prctl": [PR_SET_PDEATHSIG PR_GET_PDEATHSIG PR_GET_DUMPABLE PR_SET_DUMPABLE PR_GET_KEEPCAPS PR_SET_KEEPCAPS PR_SET_NAME
        PR_GET_NAME PR_GET_SECCOMP PR_SET_SECCOMP PR_CAPBSET_READ PR_CAPBSET_DROP PR_SET_NO_NEW_PRIVS PR_GET_NO_NEW_PRIVS
        PR_SET_CHILD_SUBREAPER PR_SET_VMA] of ALL, [];
}

/// `arch_prctl` has its numbers from no crate.
const ARCH_PRCTL: Names = Names {
    name: "archprctl",
    field: (
        ALL,
        &[
            (0x1001, "ARCH_SET_GS"),
            (0x1002, "ARCH_SET_FS"),
            (0x1003, "ARCH_GET_FS"),
            (0x1004, "ARCH_GET_GS"),
            (0x5001, "ARCH_SHSTK_ENABLE"),
        ],
    ),
    flags: &[],
};

/// The names that the table of calls calls so.
pub fn find(name: &str) -> Option<&'static Names> {
    SETS.iter()
        .chain([&ARCH_PRCTL])
        .find(|set| set.name == name)
}

impl Names {
    /// The number as a C programmer would write it.
    pub fn show(&self, value: u64) -> String {
        let value = value & ALL;
        let (mask, fields) = self.field;
        let mut rest = value;
        let mut parts: Vec<&str> = Vec::new();
        // Without a field, its name is that of nothing at all.
        if mask != 0 || value == 0 {
            if let Some((_, name)) = fields.iter().find(|(v, _)| *v == value & mask) {
                parts.push(*name);
                rest &= !mask;
            }
        }
        // Those of several bits first: O_SYNC has O_DSYNC in it. Shown in the order of the table.
        let mut chosen = 0u64;
        let several = |bits: u64| bits & bits.wrapping_sub(1) != 0;
        while rest != 0 {
            let fitting = self
                .flags
                .iter()
                .enumerate()
                .filter(|(_, (bits, _))| several(*bits) && rest & bits == *bits);
            let Some((place, (bits, _))) = fitting.max_by_key(|(_, (bits, _))| bits.count_ones())
            else {
                break;
            };
            rest &= !bits;
            chosen |= 1 << place;
        }
        for (place, (bits, _)) in self.flags.iter().enumerate() {
            if rest == 0 {
                break;
            }
            if *bits != 0 && rest & bits == *bits {
                rest &= !bits;
                chosen |= 1 << place;
            }
        }
        while chosen != 0 {
            parts.push(self.flags[chosen.trailing_zeros() as usize].1);
            chosen &= chosen - 1;
        }
        let number;
        if rest != 0 || parts.is_empty() {
            number = match rest {
                0 => "0".to_owned(),
                rest => format!("{rest:#x}"),
            };
            parts.push(&number);
        }
        match parts[..] {
            [one] => one.to_owned(),
            _ => parts.join("|"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(name: &str, value: i32) -> String {
        find(name).unwrap().show(value as u32 as u64)
    }

    #[test]
    fn shows_flags_as_written() {
        assert_eq!(
            show("open", libc::O_RDONLY | libc::O_CLOEXEC),
            "O_RDONLY|O_CLOEXEC"
        );
        assert_eq!(
            show("open", libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC),
            "O_WRONLY|O_CREAT|O_TRUNC"
        );
        assert_eq!(show("open", libc::O_RDWR | libc::O_SYNC), "O_RDWR|O_SYNC");
        assert_eq!(show("prot", 0), "0");
        assert_eq!(show("access", libc::F_OK), "F_OK");
        assert_eq!(show("access", libc::R_OK | libc::X_OK), "R_OK|X_OK");
        assert_eq!(
            show("map", libc::MAP_PRIVATE | libc::MAP_ANONYMOUS),
            "MAP_PRIVATE|MAP_ANONYMOUS"
        );
        assert_eq!(show("seek", 77), "0x4d");
        assert_eq!(
            show("futex", libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG),
            "FUTEX_WAKE|FUTEX_PRIVATE_FLAG"
        );
    }
}
