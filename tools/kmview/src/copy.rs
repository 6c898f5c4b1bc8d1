// SPDX-License-Identifier: GPL-2.0

//! Which arguments are copied into records.

use super::{
    abi,
    Abi, //
};

/// How long a copied buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// As long as may be copied.
    Max,
    /// As this argument says.
    Argument(u8),
    /// As the result of the call says.
    Result,
}

/// What is to be copied of one argument of one call.
#[derive(Clone, Copy, Debug)]
pub struct CopyArg(pub(crate) abi::CopyArg);

impl CopyArg {
    fn new(abi: Abi, nr: u32, arg: u8, r#type: u8, max: u32) -> Self {
        CopyArg(abi::CopyArg {
            abi: abi.raw(),
            nr,
            arg,
            r#type,
            at_return: 0,
            len_arg: 0,
            max: max.min(abi::COPY_MAX),
        })
    }

    /// A string, up to its NUL.
    pub fn string(abi: Abi, nr: u32, arg: u8, max: u32) -> Self {
        Self::new(abi, nr, arg, abi::COPY_STRING, max)
    }

    /// An array of strings, as of execve(2).
    pub fn strings(abi: Abi, nr: u32, arg: u8, max: u32) -> Self {
        Self::new(abi, nr, arg, abi::COPY_STRINGS, max)
    }

    /// A buffer.
    pub fn buffer(abi: Abi, nr: u32, arg: u8, length: Length, max: u32) -> Self {
        let mut copy = Self::new(abi, nr, arg, abi::COPY_BUFFER, max);
        copy.0.len_arg = match length {
            Length::Max => abi::LEN_MAX,
            Length::Argument(arg) => arg,
            Length::Result => abi::LEN_RESULT,
        };
        copy
    }

    /// Copied when the call has been made, not before.
    #[must_use]
    pub fn at_return(mut self) -> Self {
        self.0.at_return = 1;
        self
    }
}
