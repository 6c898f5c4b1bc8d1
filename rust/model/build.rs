// SPDX-License-Identifier: GPL-2.0

//! Makes a world of each mutant: a module with the core's files, edited, and with everything else
//! as it is. They are made from the shipped files, so they cannot fall behind them.

use std::{
    env, fs,
    path::{
        Path,
        PathBuf, //
    },
};

#[path = "src/mutants.rs"]
#[allow(dead_code)]
mod mutants;

use mutants::{
    Mutant,
    MUTANTS, //
};

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let core = here.join("../utrace/core");
    for changed in [&core, &here.join("src"), &here.join("build.rs")] {
        println!("cargo::rerun-if-changed={}", changed.display());
    }
    let mut worlds = String::new();
    for mutant in MUTANTS {
        let copy = out.join(mutant.name);
        make_core(mutant, &core, &copy);
        let module = |name: &str, path: &Path| {
            format!("    #[path = {path:?}]\n    pub(crate) mod {name};\n")
        };
        // What a broken core looks like is nobody's business.
        worlds += &format!("#[allow(warnings, clippy::all)]\nmod {} {{\n", mutant.name);
        worlds += &module("core", &copy.join("mod.rs"));
        worlds += &module("engine", &here.join("src/engine.rs"));
        worlds += &module("models", &here.join("src/models/mod.rs"));
        worlds += &module("place", &here.join("src/place.rs"));
        worlds += &module("thread", &here.join("src/thread.rs"));
        worlds += "}\n";
    }
    worlds += "fn models_of(mutant: &str) -> Vec<explore::Model> {\n    match mutant {\n";
    for mutant in MUTANTS {
        worlds += &format!("        {0:?} => {0}::models::all(),\n", mutant.name);
    }
    worlds += "        _ => Vec::new(),\n    }\n}\n";
    fs::write(out.join("worlds.rs"), worlds).unwrap();
}

/// Copies the core to `copy`, with the edits of `mutant`.
fn make_core(mutant: &Mutant, core: &Path, copy: &Path) {
    fs::create_dir_all(copy).unwrap();
    for entry in fs::read_dir(core).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        let mut text = fs::read_to_string(&path).unwrap();
        for edit in mutant.edits.iter().filter(|edit| name == edit.file) {
            let found = text.matches(edit.from).count();
            assert!(
                found == 1,
                "mutant {}: {} has {found} times, not once: {}",
                mutant.name,
                edit.file,
                edit.from
            );
            text = text.replace(edit.from, edit.to);
        }
        if mutant.switches {
            text = text
                .replace("#[cfg(utrace_test)]", "")
                .replace("#[cfg(all(utrace_test, loom))]", "")
                .replace("#[cfg(not(utrace_test))]", "#[cfg(any())]");
        }
        fs::write(copy.join(name), text).unwrap();
    }
}
