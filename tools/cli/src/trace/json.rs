// SPDX-License-Identifier: GPL-2.0

//! Calls as JSON, an object a line.

use super::{
    abi_of,
    Began,
    ByThread,
    Ended,
    Sink, //
};
use crate::{
    calls::{
        self,
        Arg, //
    },
    cli,
    names,
    show::Style, //
};
use anyhow::Result;
use kmview::{
    Abi,
    Event,
    Kind,
    Record,
    Return,
    Session, //
};
use serde_json::{
    json,
    Value, //
};
use std::io::{
    self,
    Write, //
};

/// Writes objects.
pub struct Json<W> {
    output: W,
    max: usize,
    quiet: bool,
    open: ByThread<Began>,
}

impl<W: Write> Json<W> {
    /// To `output`.
    pub fn new(output: W, options: &cli::Trace) -> Self {
        Json {
            output,
            max: options.string as usize,
            quiet: options.quiet,
            open: ByThread::default(),
        }
    }

    /// An object of a thread; what there is besides that is in `more`.
    fn write(&mut self, event: &Event, time: u64, more: Value) -> io::Result<()> {
        let mut object = json!({ "pid": event.pid, "tid": event.tid, "time_ns": time });
        if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
            object.extend(more);
        }
        serde_json::to_writer(&mut self.output, &object)?;
        self.output.write_all(b"\n")
    }

    fn call(&mut self, event: &Event, began: &Began, ret: Option<&Return>) -> io::Result<()> {
        let abi = began.abi;
        let style = Style { abi, max: self.max };
        let name = names::call(abi, began.nr);
        let call = calls::of(abi, began.nr);
        let count = call.map_or(6, |call| call.args.len());
        let args: Vec<Value> = (0..count)
            .map(|n| {
                let arg = call.map_or(Arg::Hex, |call| call.args[n]);
                let copied = began.data.iter().find(|data| usize::from(data.arg) == n);
                json!({ "value": began.args[n], "text": style.argument(&arg, began.args[n], copied) })
            })
            .collect();
        let mut object = json!({
            "type": "call",
            "call": name,
            "nr": began.nr,
            "abi": match abi { Abi::Native => "native", Abi::Compat => "compat" },
            "args": args,
        });
        if let Some(ret) = ret {
            object["result"] = json!(ret.result);
            object["duration_ns"] = json!(event.time.saturating_sub(began.time));
            if let Some(errno) = ret.errno() {
                object["errno"] = json!(names::errno(errno).0);
            }
        }
        self.write(event, began.time, object)
    }
}

impl<W: Write> Sink for Json<W> {
    fn record(&mut self, mut record: Record) -> io::Result<()> {
        let event = record.event.clone();
        match &event.kind {
            Kind::Entry(entry) => {
                let began = Began {
                    abi: abi_of(event.arch),
                    nr: entry.nr,
                    args: entry.args,
                    data: record.data,
                    time: event.time,
                };
                self.open.insert(event.thread, began);
                Ok(())
            }
            Kind::Return(ret) => match self.open.remove(&event.thread) {
                Some(mut began) => {
                    began.data.append(&mut record.data);
                    self.call(&event, &began, Some(ret))
                }
                None => Ok(()),
            },
            Kind::Signal(signal) if !self.quiet => {
                let name = names::signal(signal.number);
                let more = json!({ "type": "signal", "signal": name, "code": signal.code, "sender": signal.pid });
                self.write(&event, event.time, more)
            }
            Kind::End { status, .. } => {
                if let Some(began) = self.open.remove(&event.thread) {
                    self.call(&event, &began, None)?;
                }
                if self.quiet {
                    return Ok(());
                }
                let more = match Ended::from(*status) {
                    Ended::Exited(code) => json!({ "type": "end", "status": code }),
                    Ended::Killed { signal, .. } => {
                        json!({ "type": "end", "signal": names::signal(signal) })
                    }
                };
                self.write(&event, event.time, more)
            }
            _ => Ok(()),
        }
    }

    fn idle(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    fn lost(&mut self, count: u64) -> io::Result<()> {
        self.open.clear();
        writeln!(
            self.output,
            "{}",
            json!({ "type": "lost", "records": count })
        )
    }

    fn end(&mut self, _: &Session) -> Result<()> {
        Ok(self.output.flush()?)
    }
}
