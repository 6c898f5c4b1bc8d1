// SPDX-License-Identifier: GPL-2.0

//! Tries what the crate offers on the kernel at hand, with itself as the program that is traced. Says in the form of
//! the kernel's selftests what works.

use kmview::{
    Abi,
    Answer,
    CallSet,
    Calls,
    Event,
    Kind,
    Program,
    Session,
    ThreadId,
    Ticket, //
};
use std::{
    error::Error,
    io::{
        self,
        Read, //
    },
    os::{
        fd::{
            AsFd,
            AsRawFd, //
        },
        unix::net::UnixStream, //
    },
    process::{
        Command,
        ExitCode, //
    },
    time::Duration, //
};

const ACCT: &[(Calls, &[i64])] = &[(Calls::Entry, &[libc::SYS_acct])];

/// So many calls do not fit into a small ring.
const MANY: i32 = 5000;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// What the program does that is traced: calls with nothing behind them.
fn traced(what: &str) -> i32 {
    const PLACES: [&std::ffi::CStr; 2] = [c"/none/of/these", c"/other"];

    // SAFETY: Numbers, and strings that are constant.
    unsafe {
        match what {
            "acct" => (0..4).for_each(|_| {
                libc::acct(PLACES[0].as_ptr());
            }),
            "paths" => PLACES.iter().for_each(|path| {
                libc::access(path.as_ptr(), 0);
            }),
            "descriptors" => {
                libc::acct(PLACES[0].as_ptr());
                for fd in [70, 71, 72] {
                    libc::lseek(fd, 0, 0);
                }
            }
            "writes" => {
                libc::acct(PLACES[0].as_ptr());
                let written = libc::write(70, c"hello".as_ptr().cast(), 5);
                libc::acct(PLACES[0].as_ptr());
                return i32::from(written != 5 || libc::write(70, c"x".as_ptr().cast(), 1) != -1);
            }
            "many" => (0..MANY).for_each(|_| {
                libc::acct(PLACES[0].as_ptr());
            }),
            "sleeps" => {
                libc::sleep(60);
            }
            _ => return 2,
        }
    }
    0
}

/// Has these calls selected, and a program in the session; gives its thread, as its first event says.
fn start_in(
    session: &Session,
    what: &str,
    calls: &[(Calls, &[i64])],
) -> Result<(Program, ThreadId)> {
    for (set, numbers) in calls {
        let numbers = CallSet::from_numbers(numbers.iter().map(|number| *number as u32));
        session.set_calls(*set, Abi::Native, &numbers)?;
    }
    let mut command = Command::new(std::env::current_exe()?);
    let program = session.spawn(command.arg("--traced").arg(what))?;
    let first = session.next()?.ok_or("no event")?;
    match first.kind {
        Kind::New(_) => Ok((program, first.thread)),
        other => Err(format!("{other:?} comes first").into()),
    }
}

/// The same with a session of its own.
fn start(what: &str, calls: &[(Calls, &[i64])]) -> Result<(Session, Program, ThreadId)> {
    let session = Session::open()?;
    let (program, thread) = start_in(&session, what, calls)?;
    Ok((session, program, thread))
}

fn entry(session: &Session) -> Result<(Ticket, [u64; 6])> {
    match session.next()?.ok_or("no event")? {
        Event {
            ticket: Some(ticket),
            kind: Kind::Entry(entry),
            ..
        } => Ok((ticket, entry.args)),
        other => Err(format!("{other:?} is no call").into()),
    }
}

/// Nothing more than its end, which is a good one.
fn end(session: &Session, mut program: Program) -> Result {
    match session.next()?.ok_or("no event")?.kind {
        Kind::End { status: 0, .. } => {}
        other => return Err(format!("{other:?} is not the end").into()),
    }
    if !program.wait()?.success() || session.next()?.is_some() {
        return Err("it has not ended well".into());
    }
    Ok(())
}

fn queues() -> Result {
    let (session, program, thread) = start("acct", ACCT)?;
    let queue = session.new_queue()?;
    session.answer(&Answer::fail(entry(&session)?.0, libc::EDOM))?;
    let (ticket, _) = entry(&session)?;
    session.set_queue(thread, &queue)?;
    // Answers are taken wherever they come from.
    queue.answer(&Answer::fail(ticket, libc::EDOM))?;
    for _ in 0..2 {
        queue.answer(&Answer::fail(entry(&queue)?.0, libc::EDOM))?;
    }
    end(&queue, program)
}

fn paths() -> Result {
    let access = &[libc::SYS_access][..];
    let session = Session::open()?;
    session.set_paths(&["/none"])?;
    let (program, _) = start_in(
        &session,
        "paths",
        &[(Calls::Entry, access), (Calls::Path, access)],
    )?;
    let (ticket, args) = entry(&session)?;
    if session.read_string(ticket, args[0], 64)? != b"/none/of/these" {
        return Err("another path".into());
    }
    session.answer(&Answer::run(ticket))?;
    end(&session, program)
}

fn descriptors() -> Result {
    let (session, program, thread) = start(
        "descriptors",
        &[
            (Calls::Entry, &[libc::SYS_acct, libc::SYS_lseek]),
            (Calls::Fd, &[libc::SYS_lseek]),
        ],
    )?;
    // It waits in the call before.
    let (ticket, _) = entry(&session)?;
    session.select_fd(thread, 71, true)?;
    session.select_fd(thread, 72, true)?;
    session.select_fd(thread, 72, false)?;
    session.answer(&Answer::fail(ticket, libc::EDOM))?;
    let (ticket, args) = entry(&session)?;
    if args[0] != 71 {
        return Err(format!("descriptor {}", args[0]).into());
    }
    session.answer(&Answer::run(ticket))?;
    end(&session, program)
}

fn files() -> Result {
    let (session, program, _) = start("writes", ACCT)?;
    let (mut ours, theirs) = UnixStream::pair()?;
    let (ticket, _) = entry(&session)?;
    if session.put_fd(ticket, theirs.as_fd(), Some(70), true)? != 70 {
        return Err("another number".into());
    }
    drop(theirs);
    session.answer(&Answer::fail(ticket, libc::EDOM))?;
    let (ticket, _) = entry(&session)?;
    session.close_fd(ticket, 70)?;
    let mut said = Vec::new();
    ours.read_to_end(&mut said)?;
    if said != b"hello" {
        return Err(format!("{said:?} was written").into());
    }
    session.answer(&Answer::fail(ticket, libc::EDOM))?;
    end(&session, program)
}

fn lossy_ring() -> Result {
    let session = Session::open()?;
    let mut ring = session.ring(64 << 10, true, 0)?;
    let records: &[_] = &[(Calls::RecordEntry, &[libc::SYS_acct][..])];
    let (mut program, _) = start_in(&session, "many", records)?;
    // It ends, though nobody reads.
    if !program.wait()?.success() {
        return Err("it has not ended well".into());
    }
    let mut calls = 0;
    ring.drain(|record| calls += u64::from(matches!(record.event.kind, Kind::Entry(_))))?;
    let lost = ring.lost();
    match calls != 0 && lost != 0 && calls + lost == MANY as u64 && ring.lost() == 0 {
        true => Ok(()),
        false => Err(format!("{calls} calls, {lost} lost").into()),
    }
}

fn many_answers() -> Result {
    let (session, program, _) = start("acct", ACCT)?;
    let wrong = Answer::run(Ticket(u64::MAX));
    let mut answers = vec![wrong; 3000];
    for _ in 0..4 {
        let events = session.exchange(&answers, None)?;
        let [Event {
            ticket: Some(ticket),
            ..
        }] = events[..]
        else {
            return Err(format!("{events:?}").into());
        };
        // The last but some of many.
        answers[2990] = Answer::fail(ticket, libc::EDOM);
    }
    session.exchange(&answers, Some(Duration::ZERO))?;
    end(&session, program)
}

extern "C" fn nothing(_: i32) {}

fn interrupted() -> Result {
    let (session, mut program, _) = start("sleeps", ACCT)?;
    let often = libc::itimerval {
        it_interval: libc::timeval {
            tv_sec: 0,
            tv_usec: 10_000,
        },
        it_value: libc::timeval {
            tv_sec: 0,
            tv_usec: 10_000,
        },
    };
    let never = libc::itimerval {
        it_interval: libc::timeval {
            tv_sec: 0,
            tv_usec: 0,
        },
        it_value: libc::timeval {
            tv_sec: 0,
            tv_usec: 0,
        },
    };
    let set = |timer: &libc::itimerval| {
        // SAFETY: The handler does nothing.
        unsafe {
            libc::signal(libc::SIGALRM, nothing as *const () as libc::sighandler_t);
            libc::setitimer(libc::ITIMER_REAL, timer, std::ptr::null_mut())
        }
    };
    set(&often);
    let events = session.exchange(&[], None);
    set(&never);
    if !events?.is_empty() {
        return Err("an event".into());
    }
    // SAFETY: Our child, not waited for.
    unsafe { libc::kill(program.id(), libc::SIGKILL) };
    program.wait()?;
    match session.next()?.map(|event| event.kind) {
        Some(Kind::End { .. }) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// As programs do that wait for many things at once.
fn nonblocking() -> Result {
    let (session, mut program, _) = start("acct", ACCT)?;
    session.set_nonblocking(true)?;
    let mut calls = 0;
    loop {
        match session.try_events() {
            Ok(events) if events.is_empty() => break,
            Ok(events) => {
                for ticket in events.iter().filter_map(|event| event.ticket) {
                    calls += 1;
                    session.answer(&Answer::fail(ticket, libc::EDOM))?;
                }
            }
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => wait_readable(&session),
            Err(err) => return Err(err.into()),
        }
    }
    match program.wait()?.success() && calls == 4 {
        true => Ok(()),
        false => Err(format!("{calls} calls").into()),
    }
}

fn wait_readable(session: &Session) {
    let mut poll = libc::pollfd {
        fd: session.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: It is one structure.
    unsafe { libc::poll(&raw mut poll, 1, 30_000) };
}

type Part = fn() -> Result;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some("--traced") {
        return ExitCode::from(traced(&words.next().unwrap_or_default()) as u8);
    }
    let parts: [(&str, Part); 8] = [
        ("queues", queues),
        ("paths", paths),
        ("descriptors", descriptors),
        ("files", files),
        ("a lossy ring", lossy_ring),
        ("more answers than fit", many_answers),
        ("a signal while it waits", interrupted),
        ("nonblocking", nonblocking),
    ];
    let mut failed = false;
    println!("TAP version 13\n1..{}", parts.len());
    for (number, (name, part)) in (1..).zip(parts) {
        match part() {
            Ok(()) => println!("ok {number} {name}"),
            Err(err) => {
                failed = true;
                println!("not ok {number} {name}\n# {err}");
            }
        }
    }
    ExitCode::from(u8::from(failed))
}
