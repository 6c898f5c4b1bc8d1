// SPDX-License-Identifier: GPL-2.0

//! What the command line says.

use super::{
    names::{
        self,
        BothSets, //
    },
    view::{
        DenyRule,
        MapRule, //
    }, //
};
use clap::{
    Args,
    Parser,
    Subcommand, //
};
use std::path::PathBuf;

/// Trace and virtualise the system calls of programs.
///
/// Needs the module kmview (and utrace) in the kernel, and the right to trace the programs, as for
/// ptrace: Yama's kernel.yama.ptrace_scope holds for processes that run already as for PTRACE_ATTACH, and for
/// programs that kmview starts as for PTRACE_TRACEME. Programs may be traced by gdb, strace and other
/// instances of kmview at the same time.
#[derive(Debug, Parser)]
#[command(name = "kmview", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Trace(Trace),
    View(View),
    Stat(Stat),
    Man(Man),
}

/// Show the system calls of a program, as strace does
///
/// The program does not stop for it: its calls are recorded in memory, and shown from there. It waits
/// only while that memory is full.
///
/// Ends with the status of the program, or 128 and the number of the signal that killed it; with 127 if there
/// is no such program, 126 if it cannot be run, and 125 if something else went wrong. A program that kmview
/// has started gets the signals SIGTERM and SIGHUP that are sent to kmview, which then ends; what Ctrl-C does is
/// the program's to decide. Processes that were attached to are let go, and run on.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kmview trace -f -o calls.txt -- make\n  kmview trace -c -- find /\n  \
    kmview trace -e %file,read -p 1234"
)]
#[command(group = clap::ArgGroup::new("target").required(true).multiple(true).args(["pid", "program"]))]
pub struct Trace {
    /// Trace the processes and threads that it makes, too
    #[arg(short, long)]
    pub follow: bool,

    /// Which calls: [trace=][!]NAME,... where a name is that of a call, %file, %desc, %process, %network,
    /// %signal, %memory, all or none
    #[arg(short = 'e', long = "expression", value_name = "EXPRESSION", value_parser = names::select)]
    pub expressions: Vec<BothSets>,

    /// Write to FILE, not to standard error
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Have the kernel count calls, errors and time, and show a table at the end. Times are those of the
    /// clock, not of the processor
    #[arg(short = 'c', long, conflicts_with_all = ["json", "time", "wait", "lossy"])]
    pub count: bool,

    /// One JSON object a line for each call, signal and end of a thread
    #[arg(long)]
    pub json: bool,

    /// Show how long each call took
    #[arg(short = 'T', long)]
    pub time: bool,

    /// Show the time of day before each line: -tt with microseconds, -ttt as seconds since 1970
    #[arg(short = 't', action = clap::ArgAction::Count, conflicts_with_all = ["count", "json"])]
    pub clock: u8,

    /// Show the seconds since the line before
    #[arg(short, long, conflicts_with_all = ["count", "json", "clock"])]
    pub relative: bool,

    /// Show this many bytes of a string that is no path
    #[arg(short, long, value_name = "BYTES", default_value_t = 32, value_parser = clap::value_parser!(u32).range(0..4096))]
    pub string: u32,

    /// Say nothing of signals, attaching and ends
    #[arg(short, long)]
    pub quiet: bool,

    /// Have the program wait at each call until it was shown: slower, but nothing is shown late
    #[arg(short, long, conflicts_with = "lossy")]
    pub wait: bool,

    /// Never have the program wait: what does not fit is lost, and counted
    #[arg(long)]
    pub lossy: bool,

    /// Memory for calls that have not been shown, in MiB: a power of two
    #[arg(long, value_name = "MIB", default_value_t = 1, value_parser = ring_size)]
    pub memory: u32,

    /// Attach to the running process PID; may be repeated. An interrupt (Ctrl-C) lets it go
    #[arg(short, long, value_name = "PID")]
    pub pid: Vec<i32>,

    /// The program to run, and its arguments
    #[arg(
        value_name = "CMD",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub program: Vec<String>,
}

fn ring_size(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(size) if size.is_power_of_two() && size <= 256 => Ok(size),
        _ => Err("a power of two from 1 to 256".to_owned()),
    }
}

/// Run a program with another view of the system
///
/// Its system calls, and those of all processes that it makes, are changed on the way. Views nest: a view
/// in a view sees what the outer one shows. It is a view, not a prison: a program that wants to look behind
/// it may find a way.
///
/// Calls that kmview does not know, those of x32, and io_uring fail with ENOSYS: nothing is to be done behind the
/// view. With --map and --readonly those that would have paths mean something else fail with EPERM: chroot, mount
/// and their like. A program with more rights than the user (set-uid, file capabilities) is killed. If kmview ends,
/// so do the programs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  kmview view --map /etc/passwd=/tmp/passwd -- head -1 /etc/passwd\n  \
    kmview view --hostname sandbox --readonly / --deny connect=EPERM -- sh"
)]
pub struct View {
    /// The name of the host, as uname(2) tells it; sethostname(2) changes it in the view
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,

    /// Show the file or folder DST under the name of SRC, but not where symbolic links lead to SRC, as the
    /// interpreter of a script, or to sockets; may be repeated, the longest SRC counts
    #[arg(long, value_name = "SRC=DST")]
    pub map: Vec<MapRule>,

    /// Nothing below DIR can be changed (EROFS); may be repeated
    #[arg(long, value_name = "DIR")]
    pub readonly: Vec<PathBuf>,

    /// The call fails with this error; may be repeated
    #[arg(long, value_name = "CALL=ERRNO")]
    pub deny: Vec<DenyRule>,

    /// It believes that root runs it, and owns what the user owns
    #[arg(long)]
    pub fake_root: bool,

    /// The program to run, and its arguments
    #[arg(
        value_name = "CMD",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub program: Vec<String>,
}

/// Show the sessions that there are, and their threads
#[derive(Debug, Args)]
pub struct Stat {
    /// One JSON object for each session
    #[arg(long)]
    pub json: bool,
}

/// Write the manual pages to FOLDER
#[derive(Debug, Args)]
#[command(hide = true)]
pub struct Man {
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}
