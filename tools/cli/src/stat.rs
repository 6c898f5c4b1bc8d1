// SPDX-License-Identifier: GPL-2.0

//! `kmview stat`.

use super::cli;
use anyhow::Result;
use procfs::process::{
    all_processes,
    FDTarget,
    Process, //
};
use serde_json::{
    json,
    Map,
    Value, //
};
use std::{
    fs,
    path::Path, //
};

/// What a line of /proc/PID/fdinfo/FD says of a session, or of one of its threads.
type Fields = Map<String, Value>;

fn fields(line: &str) -> Fields {
    let pairs = line
        .split_whitespace()
        .filter_map(|word| word.split_once('='));
    pairs
        .map(|(name, value)| {
            let value = value
                .parse::<u64>()
                .map_or_else(|_| json!(value), |number| json!(number));
            (name.replace('-', "_"), value)
        })
        .collect()
}

/// The session and the threads of one descriptor. None if it is none of ours.
fn session(fdinfo: &str) -> Option<(Fields, Vec<Fields>)> {
    let of = |name: &'static str| {
        fdinfo
            .lines()
            .filter_map(move |line| line.strip_prefix(name))
            .map(fields)
    };
    let session = of("kmview-session:").next()?;
    Some((session, of("kmview-thread:").collect()))
}

/// What the thread waits for.
fn kind(kind: u64) -> &'static str {
    match kind {
        0 => "runs",
        1 => "new",
        3 => "call",
        4 => "return",
        5 => "exec",
        6 => "signal",
        7 => "exit",
        _ => "?",
    }
}

fn name_of(pid: u64) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map_or_else(|_| "?".to_owned(), |comm| comm.trim().to_owned())
}

fn text(fields: &Fields, name: &str) -> String {
    match fields.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "?".to_owned(),
    }
}

fn number(fields: &Fields, name: &str) -> u64 {
    fields.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn show(process: &Process, fd: i32, session: &Fields, threads: &[Fields]) {
    println!(
        "{:>7} {:<15} {fd:>3} {:>7} {:>7} {:>6} {:>10} {:>4} {}",
        process.pid,
        name_of(process.pid as u64),
        text(session, "threads"),
        text(session, "waiting"),
        text(session, "unread"),
        text(session, "events"),
        text(session, "lost"),
        text(session, "at_close"),
    );
    for thread in threads {
        let tid = number(thread, "tid");
        let read = match (number(thread, "kind"), number(thread, "read")) {
            (0, _) => "",
            (_, 0) => ", unread",
            _ => ", read",
        };
        println!(
            "{:>11} {:<15} {}{read}",
            tid,
            name_of(tid),
            kind(number(thread, "kind"))
        );
    }
}

/// Runs the command.
pub fn run(options: &cli::Stat) -> Result<i32> {
    if !Path::new("/dev/kmview").exists() {
        return Err(kmview::Error::NotLoaded.into());
    }
    let mut found = Vec::new();
    let mut hidden = 0;
    for process in all_processes()?.flatten() {
        let Ok(fds) = process.fd() else {
            hidden += 1;
            continue;
        };
        let ours = fds.flatten().filter(
            |fd| matches!(&fd.target, FDTarget::Path(path) if path == Path::new("/dev/kmview")),
        );
        for fd in ours {
            let fdinfo = fs::read_to_string(format!("/proc/{}/fdinfo/{}", process.pid, fd.fd));
            if let Some((session, threads)) = fdinfo.ok().and_then(|text| session(&text)) {
                found.push((process.pid, fd.fd, session, threads));
            }
        }
    }
    if !options.json {
        println!("    PID MONITOR          FD THREADS WAITING UNREAD     EVENTS LOST AT-CLOSE");
    }
    for (pid, fd, session, threads) in &found {
        if options.json {
            let mut object = session.clone();
            object.insert("pid".to_owned(), json!(pid));
            object.insert("fd".to_owned(), json!(fd));
            object.insert("threads_list".to_owned(), json!(threads));
            println!("{}", Value::Object(object));
        } else if let Ok(process) = Process::new(*pid) {
            show(&process, *fd, session, threads);
        }
    }
    if hidden > 0 && !options.json {
        eprintln!("kmview: {hidden} processes of others cannot be looked at (be root to see their sessions)");
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_fdinfo() {
        let text = "pos:\t0\nkmview-session:\tthreads=2 waiting=1 at-close=detach\n\
            kmview-thread:\ttid=812 pid=812 kind=3 ticket=77 read=1\n";
        let (session, threads) = session(text).unwrap();
        assert_eq!(session["at_close"], "detach");
        assert_eq!(number(&threads[0], "tid"), 812);
        assert!(super::session("pos:\t0\n").is_none());
    }
}
