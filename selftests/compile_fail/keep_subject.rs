// SPDX-License-Identifier: GPL-2.0
// error[E0505]: nor does anybody once the examination is finished.

fn look(engine: &EngineRef) -> Result {
    let examine = engine.examine()?;
    let memory = examine.memory();
    examine.finish()?;
    memory.read_exact(0, &mut [0])
}
