// SPDX-License-Identifier: GPL-2.0
// error[E0599]: who stops a thread does not see it yet: registers and system call are there for who examines it.

fn look<T: Tracer>(engine: &Engine<T>) {
    let _ = engine.regs();
    let _ = engine.syscall();
}
