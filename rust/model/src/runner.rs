// SPDX-License-Identifier: GPL-2.0

//! Runs each model in a process of its own: a deadlock, as loom reports it, ends the process.

use crate::{
    explore::{
        bound,
        interleavings, //
    },
    models,
    models_of,
    mutants::{
        Mutant,
        MUTANTS, //
    }, //
};
use std::{
    env,
    panic,
    process::{
        Command,
        ExitCode, //
    },
    sync::Mutex,
    thread,
    time::{
        Duration,
        Instant, //
    }, //
};

const USAGE: &str = "usage: utrace-model [--tap] [PATTERN]";

/// The argument with which a child is told what to run: a mutant or "shipped", and a model.
const ONE: &str = "--one";
const SHIPPED: &str = "shipped";

/// Begins the line with which a child reports how far it got.
const REPORT: &str = "interleavings:";

/// A model in a world.
struct Job {
    model: &'static str,
    mutant: Option<&'static Mutant>,
}

impl Job {
    fn name(&self) -> String {
        match self.mutant {
            None => self.model.to_owned(),
            Some(mutant) => format!("{} is found out by {}", mutant.name, self.model),
        }
    }
}

/// What came of a job.
struct Outcome {
    passed: bool,
    remark: String,
    output: String,
    time: Duration,
}

pub(crate) fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [ONE, world, model] => one(world, model),
        ["--tap"] => all("", true),
        ["--tap", pattern] => all(pattern, true),
        [] => all("", false),
        [pattern] if !pattern.starts_with('-') => all(pattern, false),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The child.
fn one(world: &str, model: &str) -> ExitCode {
    let models = match world {
        SHIPPED => models::all(),
        mutant => models_of(mutant),
    };
    let Some(model) = models.into_iter().find(|found| found.name == model) else {
        eprintln!("no model {model} in {world}");
        return ExitCode::from(2);
    };
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        println!("{REPORT} {} {}", interleavings(), bound());
        default(info);
    }));
    (model.run)();
    println!("{REPORT} {} {}", interleavings(), bound());
    ExitCode::SUCCESS
}

/// The parent.
fn all(pattern: &str, tap: bool) -> ExitCode {
    let shipped = models::all().into_iter().map(|model| Job {
        model: model.name,
        mutant: None,
    });
    let mutants = MUTANTS.iter().map(|mutant| Job {
        model: mutant.model,
        mutant: Some(mutant),
    });
    let mut jobs: Vec<Job> = shipped.chain(mutants).collect();
    let known = jobs.len();
    jobs.retain(|job| job.name().contains(pattern));
    if tap {
        println!("TAP version 13\n1..{}", jobs.len());
    }
    let total = jobs.len();
    // From the end: so the first one comes first.
    jobs.reverse();
    let jobs = Mutex::new(jobs);
    let counts = Mutex::new((0, 0));
    let workers = thread::available_parallelism().map_or(1, |count| count.get());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| loop {
                let Some(job) = jobs.lock().unwrap().pop() else {
                    break;
                };
                let outcome = run(&job);
                let mut counts = counts.lock().unwrap();
                match outcome.passed {
                    true => counts.0 += 1,
                    false => counts.1 += 1,
                }
                print(&job, &outcome, tap.then_some(counts.0 + counts.1));
            });
        }
    });
    let (passed, failed) = counts.into_inner().unwrap();
    if !tap {
        println!(
            "{passed} passed, {failed} failed, {} skipped",
            known - total
        );
    }
    match failed {
        0 if passed > 0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn print(job: &Job, outcome: &Outcome, number: Option<usize>) {
    let Outcome { passed, remark, .. } = outcome;
    let seconds = outcome.time.as_secs_f64();
    let name = job.name();
    match (number, passed) {
        (Some(number), true) => println!("ok {number} - {name}: {remark}"),
        (Some(number), false) => println!("not ok {number} - {name}: {remark}"),
        (None, true) => println!("ok    {name}: {remark} ({seconds:.2} s)"),
        (None, false) => println!("fail  {name}: {remark} ({seconds:.2} s)"),
    }
    if !passed {
        let mark = if number.is_some() { "#" } else { "      |" };
        for line in outcome.output.lines() {
            println!("{mark} {line}");
        }
    }
}

/// Runs a child, and judges it: the shipped core must pass, a mutant be found out in the way that
/// was foretold.
fn run(job: &Job) -> Outcome {
    let began = Instant::now();
    let world = job.mutant.map_or(SHIPPED, |mutant| mutant.name);
    let child = Command::new(env::current_exe().unwrap())
        .args([ONE, world, job.model])
        .output()
        .expect("cannot run a child");
    let said = String::from_utf8_lossy(&child.stdout);
    let output = said.clone() + String::from_utf8_lossy(&child.stderr);
    let mut report = said
        .lines()
        .filter_map(|line| line.strip_prefix(REPORT))
        .flat_map(str::split_whitespace);
    let count = report.next().unwrap_or("no");
    let bound = report.next().unwrap_or("0");
    let found = job.mutant.map(|mutant| mutant.finds);
    let passed = match found {
        None => child.status.success(),
        Some(finds) => !child.status.success() && output.contains(finds),
    };
    let mut remark = format!("{count} interleavings");
    if bound != "0" {
        remark += &format!(", at most {bound} preemptions");
    }
    match found {
        Some(finds) if passed => remark += &format!(", \"{finds}\""),
        Some(finds) => remark += &format!(", and not \"{finds}\""),
        None => {}
    }
    Outcome {
        passed,
        remark,
        output: output.into_owned(),
        time: began.elapsed(),
    }
}
