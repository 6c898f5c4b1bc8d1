#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Modules in C, built as anybody would: with the distribution's headers packages alone, and what utrace's own build left
# for them. They load and work. And the header is the implementation's: a declaration that drifts does not compile.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

version=$UTRACE_KERNEL
release=$version-amd64
package=$(kernel_package "$version")
headers=$cache/headers/$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
set +e
count=0

# result STATUS NAME
result() {
	count=$((count + 1))
	if [[ $1 == 0 ]]; then echo "ok $count $2"; else echo "not ok $count $2"; fi
}

download() {
	local deb names=("linux-headers-$release" "linux-headers-$version-common" "linux-kbuild-$version")
	remove "$headers"
	mkdir -p "$headers"
	cd "$headers"
	in_root apt-get -o Debug::NoLocking=1 download -q "${names[@]/%/=$package}"
	for deb in *.deb; do
		in_root dpkg-deb --fsys-tarfile "$PWD/$deb" | tar -x --no-same-owner -C "$headers"
	done
	# All that is not relative to its place.
	sed -i "s|/usr/src/|$headers/usr/src/|" "usr/src/linux-headers-$release/Makefile"
	rm -- *.deb
}

echo 1..5
# Not in a condition: there "step" would not see what fails inside.
(step "headers-$version" "$package" "$release: headers packages" download)
result $? "the headers packages are there"

"$tree/scripts/modules" --kernel "$version" >"$work/log" 2>&1
utrace=$cache/build/$version/ship
cp -r "$tree/samples/c" "$work/c"
cd "$work" || exit
unset MAKEFLAGS MAKELEVEL MFLAGS
in_root make -C "$headers/usr/src/linux-headers-$release" M="$work/c" UTRACE="$utrace" \
	KBUILD_EXTRA_SYMBOLS="$utrace/Module.symvers" W=e modules >>"$work/log" 2>&1
result $? "modules in C build with them alone"
sed 's/^/# /' "$work/log" | tail -n 15

# shellcheck disable=SC2016 # for the guest
load='insmod $UTRACE_MODULES/utrace.ko && insmod /utrace_c_first.ko pid=$$ && insmod /utrace_c_count.ko pid=$$ &&
	/bin/true && rmmod utrace_c_count utrace_c_first; echo "status $?"; dmesg | grep utrace_c_'
said=$("$tree/qemu/run" --kernel "$version" --with "$work/c/utrace_c_first.ko" --with "$work/c/utrace_c_count.ko" \
	-- sh -c "$load" 2>&1)
# The shell makes two processes, of which one is a program: call 59 is execve.
[[ $said == *"status 0"*"3 threads made these calls"*"call  59: "* ]]
result $? "they load and count"
printf '# %s\n' "${said//$'\n'/$'\n# '}" | head -n 8

# drifted SED-COMMAND: whether the module does not build with its header so changed.
drifted() {
	local out=$work/drift.out copy=$work/drift
	rm -rf "$copy" "$out"
	mkdir -p "$out" "$copy"
	cp -r "$tree"/{Kbuild,include,rust,samples} "$copy/"
	sed -i "$1" "$copy/include/linux/utrace.h"
	! cmp -s "$tree/include/linux/utrace.h" "$copy/include/linux/utrace.h" || return
	! in_root make --no-print-directory -C "$cache/kernel/$version/tree" M="$copy" MO="$out" CC="$cc" \
		rust/utrace/utrace.o >"$work/log" 2>&1 &&
		grep -q "$2" "$work/log"
}

drifted 's/^int utrace_resume_ticket(.*/int utrace_resume_ticket(struct utrace_engine *engine, u32 ticket);/' \
	'expected fn item'
result $? "a declaration that is not the function's does not compile"
sed 's/^/# /' "$work/log" | tail -n 12
drifted 's/_UTRACE_EVENT_EXEC = 3/_UTRACE_EVENT_EXEC = 14/' 'assertion failed'
result $? "a number that is not the core's does not compile"
sed 's/^/# /' "$work/log" | tail -n 12
