// SPDX-License-Identifier: GPL-2.0

//! System calls as text.

use super::{
    calls::{
        Arg,
        Call, //
    },
    names, //
};
use kmview::{
    Abi,
    Data, //
};
use std::fmt::Write;

/// A string in C's notation.
pub fn quoted(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len() + 2);
    quote(&mut shown, bytes);
    shown
}

fn quote(shown: &mut String, bytes: &[u8]) {
    shown.push('"');
    let mut rest = bytes;
    loop {
        // Most bytes are as they are.
        let plain = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
        let count = rest.iter().position(|byte| !plain(byte));
        let (same, special) = rest.split_at(count.unwrap_or(rest.len()));
        shown.push_str(std::str::from_utf8(same).unwrap_or_default());
        let Some((byte, behind)) = special.split_first() else {
            break;
        };
        match byte {
            b'"' => shown.push_str("\\\""),
            b'\\' => shown.push_str("\\\\"),
            b'\n' => shown.push_str("\\n"),
            b'\t' => shown.push_str("\\t"),
            b'\r' => shown.push_str("\\r"),
            _ => {
                // A digit behind it would be taken for its own.
                let long = behind.first().is_some_and(u8::is_ascii_digit);
                let _ = if long {
                    write!(shown, "\\{byte:03o}")
                } else {
                    write!(shown, "\\{byte:o}")
                };
            }
        }
        rest = behind;
    }
    shown.push('"');
}

/// The same of one that may have had more.
fn cut(shown: &mut String, bytes: &[u8], more: bool) {
    quote(shown, bytes);
    if more {
        shown.push_str("...");
    }
}

/// How a program sees numbers, and how much of strings is shown.
#[derive(Clone, Copy)]
pub struct Style {
    /// Whether it is a 32-bit program.
    pub abi: Abi,
    /// How many bytes of a string that is no path.
    pub max: usize,
}

impl Style {
    fn string(shown: &mut String, data: &Data, max: usize) {
        let bytes = match data.bytes.split_last() {
            Some((0, rest)) => rest,
            _ => &data.bytes[..],
        };
        let more = data.cut || bytes.len() > max;
        cut(shown, &bytes[..bytes.len().min(max)], more);
    }

    fn buffer(&self, shown: &mut String, data: &Data) {
        let more = data.cut || data.bytes.len() > self.max;
        cut(shown, &data.bytes[..data.bytes.len().min(self.max)], more);
    }

    fn strings(&self, data: &Data) -> String {
        let mut all: Vec<String> = data
            .bytes
            .split_inclusive(|byte| *byte == 0)
            .map(|string| quoted(string.strip_suffix(&[0]).unwrap_or(string)))
            .collect();
        if data.cut || data.fault {
            all.push("...".to_owned());
        }
        format!("[{}]", all.join(", "))
    }

    fn wide(&self, value: u64) -> i64 {
        match self.abi {
            Abi::Native => value as i64,
            Abi::Compat => i64::from(value as u32 as i32),
        }
    }

    /// One argument, or a result.
    pub fn argument(&self, arg: &Arg, value: u64, data: Option<&Data>) -> String {
        let mut shown = String::new();
        self.show(&mut shown, arg, value, data);
        shown
    }

    fn show(&self, shown: &mut String, arg: &Arg, value: u64, data: Option<&Data>) {
        let data = data.filter(|data| !data.fault || !data.bytes.is_empty());
        // Into a string nothing fails.
        let _ = match (arg, data) {
            (Arg::Path, Some(data)) => {
                Self::string(shown, data, usize::MAX);
                Ok(())
            }
            (Arg::Str, Some(data)) => {
                Self::string(shown, data, self.max);
                Ok(())
            }
            (Arg::In(_) | Arg::Out(_), Some(data)) => {
                self.buffer(shown, data);
                Ok(())
            }
            (Arg::Strings, Some(data)) => shown.write_str(&self.strings(data)),
            (Arg::Signals, Some(data)) => shown.write_str(&signals(&data.bytes)),
            (Arg::Reads(what) | Arg::Fills(what), Some(data)) => match what.show(&data.bytes) {
                Some(text) => shown.write_str(&text),
                None => pointer(shown, value),
            },
            (Arg::DirFd, _) if value as i32 == libc::AT_FDCWD => shown.write_str("AT_FDCWD"),
            (Arg::Int | Arg::Fd | Arg::DirFd | Arg::Id, _) => write!(shown, "{}", value as i32),
            (Arg::Uint, _) => write!(shown, "{}", value as u32),
            (Arg::Long, _) => write!(shown, "{}", self.wide(value)),
            (Arg::Ulong, _) => write!(shown, "{value}"),
            (Arg::Hex, _) => write!(shown, "{value:#x}"),
            (Arg::Oct, _) if value == 0 => shown.write_str("0"),
            (Arg::Oct, _) => write!(shown, "0{:o}", value as u32),
            (Arg::Sig, _) => shown.write_str(&names::signal(value as i32)),
            (Arg::Names(names), _) => shown.write_str(&names.show(value)),
            _ => pointer(shown, value),
        };
    }

    /// The arguments that are known, from the `first` one up to one that is only `filled` by the call,
    /// unless that has been made, behind what is `shown`. Gives how far it came.
    pub fn arguments(
        &self,
        shown: &mut String,
        call: Option<&Call>,
        args: &[u64; 6],
        data: &[Data],
        first: usize,
        made: bool,
    ) -> usize {
        let count = call.map_or(args.len(), |call| call.args.len());
        let mut n = first;
        while n < count {
            let arg = call.map_or(Arg::Hex, |call| call.args[n]);
            if arg.is_filled() && !made {
                break;
            }
            // The mode is there only if a file may be made.
            if call.is_some_and(|call| n > 0 && is_absent(call, n, args)) {
                n += 1;
                continue;
            }
            if n > 0 {
                shown.push_str(", ");
            }
            let copied = data.iter().find(|data| usize::from(data.arg) == n);
            self.show(shown, &arg, args[n], copied);
            n += 1;
        }
        n
    }

    /// The result, from the space behind the closing parenthesis on.
    pub fn result(&self, call: Option<&Call>, result: i64, is_error: bool) -> String {
        if is_error {
            let (name, text) = names::errno(-result as i32);
            return match result {
                -4095..=-512 => format!("? {name} ({text})"),
                _ => format!("-1 {name} ({text})"),
            };
        }
        match call.map(|call| call.result) {
            Some(Arg::Hex) => format!("{:#x}", result as u64),
            Some(Arg::Oct) => format!("0{result:o}"),
            _ => self.wide(result as u64).to_string(),
        }
    }
}

fn is_absent(call: &Call, n: usize, args: &[u64; 6]) -> bool {
    let creating = (libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY)) as u64;
    matches!(call.name, "open" | "openat")
        && matches!(call.args[n], Arg::Oct)
        && args[n - 1] & creating == 0
}

fn pointer(shown: &mut String, value: u64) -> std::fmt::Result {
    match value {
        0 => shown.write_str("NULL"),
        _ => write!(shown, "{value:#x}"),
    }
}

/// A set of signals.
fn signals(bytes: &[u8]) -> String {
    let Some(Ok(set)) = bytes
        .get(..8)
        .map(|bytes| bytes.try_into().map(u64::from_ne_bytes))
    else {
        return "[?]".to_owned();
    };
    let some = |set: u64| -> String {
        let names: Vec<String> = (1..=64)
            .filter(|n| (set >> (n - 1)) & 1 == 1)
            .map(|n| names::signal(n).trim_start_matches("SIG").to_owned())
            .collect();
        names.join(" ")
    };
    if set.count_ones() > 32 {
        return format!("~[{}]", some(!set));
    }
    format!("[{}]", some(set))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls;

    const STYLE: Style = Style {
        abi: Abi::Native,
        max: 4,
    };

    fn arguments(
        name: &str,
        args: &[u64; 6],
        data: &[Data],
        first: usize,
        made: bool,
    ) -> (String, usize) {
        let mut shown = String::new();
        let call = calls::find(name);
        let end = STYLE.arguments(&mut shown, call, args, data, first, made);
        (shown, end)
    }

    fn data(arg: u8, bytes: &[u8]) -> Data {
        Data {
            arg,
            bytes: bytes.to_vec(),
            fault: false,
            cut: false,
        }
    }

    #[test]
    fn quotes_as_c_does() {
        assert_eq!(quoted(b"a\"b\\\n\0\x001"), r#""a\"b\\\n\0\0001""#);
    }

    #[test]
    fn shows_a_call() {
        let call = calls::find("openat");
        let args = [-100i64 as u64, 0x1000, libc::O_RDONLY as u64, 0o644, 0, 0];
        let copied = [data(1, b"/etc/passwd\0")];
        let (shown, end) = arguments("openat", &args, &copied, 0, false);
        assert_eq!(shown, "AT_FDCWD, \"/etc/passwd\", O_RDONLY");
        assert_eq!(end, 4);
        assert_eq!(
            STYLE.result(call, -2, true),
            "-1 ENOENT (No such file or directory)"
        );
    }

    #[test]
    fn what_a_call_fills_comes_when_it_was_made() {
        let args = [3, 0x1000, 100, 0, 0, 0];
        let (shown, next) = arguments("read", &args, &[], 0, false);
        assert_eq!((shown.as_str(), next), ("3", 1));
        let (shown, _) = arguments("read", &args, &[data(1, b"hello")], next, true);
        assert_eq!(shown, ", \"hell\"..., 100");
    }

    #[test]
    fn what_is_not_known_is_shown_in_numbers() {
        let (shown, _) = arguments("no such call", &[1, 2, 3, 4, 5, 6], &[], 0, false);
        assert_eq!(shown, "0x1, 0x2, 0x3, 0x4, 0x5, 0x6");
        let fault = Data {
            fault: true,
            ..data(0, b"")
        };
        let (shown, _) = arguments("chdir", &[0x77, 0, 0, 0, 0, 0], &[fault], 0, false);
        assert_eq!(shown, "0x77");
    }
}
