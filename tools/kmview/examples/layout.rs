// SPDX-License-Identifier: GPL-2.0

//! Prints the layout of the ABI as this crate has it, to be compared with the header's.

fn main() {
    kmview::abi::print_layout();
}
