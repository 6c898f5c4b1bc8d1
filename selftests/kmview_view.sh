#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kmview view: what its rules hold against.

# shellcheck source=selftests/common.sh
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
kmview=$here/kmview.bin

echo 'TAP version 13'
if [ ! -e /dev/kmview ] || [ ! -x "$kmview" ]; then
	echo "1..0 # SKIP needs /dev/kmview and the program kmview (make tools) next to it"
	exit 4
fi
# Who has no name is nobody to start-stop-daemon.
cp /etc/passwd "$work/passwd" && echo 'user:x:1000:1000::/:/bin/sh' >>/etc/passwd
trap 'cat "$work/passwd" >/etc/passwd; rm -rf "$work"' EXIT
chmod 755 "$work"

km() { timeout 30 "$kmview" "$@" 2>&1; }
as_user() { timeout 30 start-stop-daemon -S -c 1000:1000 -x "$kmview" -- "$@" 2>&1; }
says() {
	pattern=$1
	shift
	"$@" >"$work/out" 2>&1
	grep -E -q -e "$pattern" "$work/out" || { cat "$work/out"; echo "not said: $pattern"; return 1; }
}
ends() {
	wanted=$1
	shift
	"$@" >"$work/out" 2>&1
	status=$?
	[ $status = "$wanted" ] || { cat "$work/out"; echo "status $status, not $wanted"; return 1; }
}
calls="$here/view_calls"

runs_the_mapped_program() {
	printf '#!/bin/sh\necho the other\n' >"$work/other"
	chmod 755 "$work/other"
	says '^the other$' km view --map "/km-none=$work/other" -- /km-none || return
	# By its name alone, and below a folder.
	mkdir "$work/bin" && mv "$work/other" "$work/bin/km-program" || return
	says '^the other$' env PATH="/km-bin:$PATH" "$kmview" view --map "/km-bin=$work/bin" -- km-program || return
	says '^the other$' km view --map "/km-bin=$work/bin" -- sh -c /km-bin/km-program
}
keeps_what_a_descriptor_is() {
	mkdir "$work/kept" && echo old >"$work/kept/file" || return
	for name in /proc/self/fd/5 /dev/fd/5 /proc/thread-self/fd/5 "/proc/self/root$work/kept/file" "/proc/self/cwd/../kept/file"; do
		says 'Read-only file system' km view --readonly "$work/kept" -- \
			sh -c "cd '$work/kept'; exec 5<file; echo new >$name" || { echo "$name"; return 1; }
	done
	# The way up is that of where a link leads.
	mkdir "$work/kept/sub" && ln -s "$work/kept/sub" "$work/sub" || return
	says 'Read-only file system' km view --readonly "$work/kept" -- sh -c "echo new >'$work/sub/../file'" || return
	says 'Read-only file system' km view --readonly "$work/kept" -- sh -c "cd '$work'; echo new >sub/../file" || return
	[ "$(cat "$work/kept/file")" = old ]
}
removes_a_link() {
	ln -s "$work/kept/file" "$work/link"
	km view --readonly "$work/kept" -- sh -c "mv '$work/link' '$work/link2'; rm '$work/link2'" && [ ! -e "$work/link2" ] &&
		[ -e "$work/kept/file" ]
}
# The program tries calls by their numbers, and says which succeeded.
refuses() { says "^$1 .*: $2\$" km view --readonly "$work/kept" --map /km-x=/tmp -- "$calls" "$1" "$work/kept"; }
refuses_sockets() { refuses bind 'Read-only file system' && [ ! -e "$work/kept/socket" ]; }

says_of_more_rights() {
	cp /bin/busybox "$work/suid" && chmod 4755 "$work/suid" || return
	says 'was killed: it was about to run a program with more rights' as_user view --hostname x -- \
		sh -c "'$work/suid' id; true"
}
fake_root_of_a_user() {
	says '^uid=1000' as_user view --hostname x -- id && says '^uid=0' as_user view --fake-root -- id &&
		says '^0 0$' as_user view --fake-root -- sh -c "echo >'/tmp/km-fake.$$' && stat -c '%u %g' '/tmp/km-fake.$$'; rm -f '/tmp/km-fake.$$'"
}
shows_links_and_the_way_up() {
	mkdir -p "$work/real/sub" "$work/place/sub" && echo real >"$work/real/file" && echo place >"$work/place/file" || return
	for path in file ./sub/../file; do
		says '^place$' km view --map "$work/real=$work/place" -- sh -c "cd '$work/real' && cat $path" || return
	done
	says '^place$' km view --map "$work/real=$work/place" -- sh -c "cd '$work/real/sub' && cat ../file" || return
	# By a descriptor of a folder: the way up from there too.
	says '^place$' km view --map "$work/real=$work/place" -- "$calls" openat "$work/real/sub"
}
nested_and_against_each_other() {
	# The outer one refuses what the inner one would give.
	says 'Read-only' km view --readonly "$work/real" "$kmview" view --map "/km-name=$work/real" -- sh -c 'echo new >/km-name/file' || return
	# The inner one's rules are seen first: its names are what the outer one maps.
	says '^place$' km view --map "/km-b=$work/place" "$kmview" view --map /km-a=/km-b -- cat /km-a/file
}

check 'the first program is a mapped one' runs_the_mapped_program
check '--deny of a new call' says '^mseal .*: Numerical argument' km view --deny mseal=EDOM -- "$calls" mseal
check '--deny of a number' says '^mseal .*: Numerical argument' km view --deny 462=EDOM -- "$calls" mseal
check '--deny of no number' says "no system call '512'" km view --deny 512=EDOM -- true
check 'calls that nobody knows' says '^unknown .*: Function not implemented$' km view --hostname x -- "$calls" unknown
check 'calls of x32' says '^x32 .*: Function not implemented$' km view --hostname x -- "$calls" x32
check 'rings' says '^io_uring_setup .*: Function not implemented$' km view --hostname x -- "$calls" io_uring_setup
check '--readonly whatever a descriptor is called' keeps_what_a_descriptor_is
check '--readonly and a link to what is kept' removes_a_link
check '--readonly and sockets' refuses_sockets
for name in setxattrat removexattrat file_setattr fchmodat2 acct swapon; do
	check "--readonly and $name" refuses $name 'Read-only file system'
done
for name in mount umount2 pivot_root chroot fchroot open_tree move_mount mount_setattr open_by_handle_at; do
	check "views of paths and $name" refuses $name 'Operation not permitted'
done
check 'a program with more rights' says_of_more_rights
check '--fake-root of an ordinary user' fake_root_of_a_user
check '--map, links and the way up' shows_links_and_the_way_up
check 'views in views, against each other' nested_and_against_each_other
echo "1..$count"
[ $failed = 0 ]
