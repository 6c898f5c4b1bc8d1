#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# once
# Misuse of the API does not compile: each file of selftests/compile_fail fails with the errors that its first comment
# names, and with no others; the one that names none compiles.

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cases=()
for file in "$tree"/selftests/compile_fail/*.rs; do
	name=$(basename "$file" .rs)
	cases+=("$name")
	cat - "$file" >"$work/$name.rs" <<-'END'
		//! A case.
		#![allow(dead_code, unused)]
		use kernel::{
		    prelude::*,
		    sync::{
		        aref::ARef,
		        atomic::{Atomic, Relaxed},
		        Arc, ArcBorrow,
		    },
		    task::Task,
		};
		use utrace::*;
		module! {
		    type: Module,
		    name: "compile_fail",
		    authors: ["The utrace developers"],
		    description: "Not to be loaded",
		    license: "GPL",
		    imports_ns: ["UTRACE"],
		}
		struct Module;
		impl kernel::Module for Module {
		    fn init(_module: &'static ThisModule) -> Result<Self> {
		        Ok(Module)
		    }
		}
	END
done
# shellcheck disable=SC2016 # for make
printf 'obj-m := %s\ninclude $(UTRACE)/utrace.mk\n' "${cases[*]/%/.o}" >"$work/Kbuild"

echo "1..${#cases[@]}"
count=0
for name in "${cases[@]}"; do
	count=$((count + 1))
	status=0
	said=$("$tree/scripts/module" --kernel "$UTRACE_KERNEL" "$work" "$name.o" 2>&1) || status=$?
	want=$(sed -n 's/^\/\/ error\[\([E0-9 ]*\)\].*/\1/p' "$tree/selftests/compile_fail/$name.rs")
	got=$(sed -n -E 's/^error\[(E[0-9]*)\].*/\1/p' <<<"$said" | sort -u | paste -sd' ')
	if [[ $want && $status != 0 && $got == "$want" ]]; then
		echo "ok $count $name: $want"
	elif [[ ! $want && $status == 0 ]]; then
		echo "ok $count $name: compiles"
	else
		printf '%s\n' "$said" | sed 's/^/# /'
		echo "not ok $count $name: status $status, errors: $got, expected: ${want:-none}"
	fi
done
