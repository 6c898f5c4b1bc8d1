// SPDX-License-Identifier: GPL-2.0
// error[E0382]: who lets an engine go on its own does not own it any more.

fn release<T: Tracer>(engine: Engine<T>) -> Engine<T> {
    let _: EngineRef = engine.release();
    engine
}
