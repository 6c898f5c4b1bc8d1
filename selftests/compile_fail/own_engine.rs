// SPDX-License-Identifier: GPL-2.0
// error[E0603]: what is behind the API is nobody's business.

use utrace::engine::object::Engine as Inner;

fn look(_: &Inner) {}
