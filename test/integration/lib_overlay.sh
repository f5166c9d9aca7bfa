# SPDX-License-Identifier: MIT
# Sourced by tests of writable mounts: an image like a Pi's with an overlay at m, and ext4 by the kernel
# to compare with.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_pi.sh"
need_fuse
need findmnt getfattr

export BRAMBLE_STATE=$work/state
mkdir m
at_end "bramble umount '$work/m' || fusermount3 -uz '$work/m'"

# up [OPTION...]: mounts pi.img with the overlay "test" at m
up() { bramble mount pi.img m --overlay test "$@" || fail "cannot mount"; }

down() { bramble umount m || fail "cannot unmount"; }

# again [OPTION...]: what is seen afterwards is what was stored
again() {
	down
	up "$@"
}

# The process that serves m
server() { getfattr --only-values -n user.bramble.server m | cut -d' ' -f1; }

# ended PID: it is gone, or a zombie that its parent has yet to collect
ended() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

# await_end PID
await_end() {
	local i
	for ((i = 0; i < 200; i++)); do
		ended "$1" && return
		sleep 0.05
	done
	fail "process $1 has not ended"
}

# ext4_mount DIR [OPTIONS]: an empty ext4 of the kernel's, writable
ext4_mount() {
	truncate -s 200M "$work/ext4.img"
	mke2fs -q -F -t ext4 -b 4096 -E lazy_itable_init=1 "$work/ext4.img"
	loop_mount "$work/ext4.img" "$1" "${2:-}"
}

# same_as_ext4 COMMAND...: it prints the same in m/place as in ext4/place, both empty. Without root or
# loop devices it is run in m alone, and its exit status counts.
same_as_ext4() {
	rm -rf m/place
	mkdir m/place
	(cd m/place && "$@") >"$work/ours" 2>&1 || { cat "$work/ours" >&2 && fail "$* in m"; }
	[ -d ext4 ] || return 0
	rm -rf ext4/place
	mkdir ext4/place
	(cd ext4/place && "$@") >"$work/theirs" 2>&1 || { cat "$work/theirs" >&2 && fail "$* in ext4"; }
	diff "$work/theirs" "$work/ours" >&2 || fail "not as on ext4: $*"
}

# fuse_for_users: a /dev of this test's own where everybody may open fuse, and a copy of the program that
# everybody reaches, for the build may lie where only root gets in; for root
fuse_for_users() {
	local node name major minor
	need mknod
	mkdir dev
	mount -t tmpfs -o mode=755 none dev
	for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 fuse:10:229; do
		IFS=: read -r name major minor <<<"$node"
		mknod -m 666 "dev/$name" c "$major" "$minor"
	done
	ln -s /proc/self/fd dev/fd
	mount --move dev /dev
	at_end "umount -l /dev"
	chmod 755 "$work"
	mkdir "$work/bin"
	install -m 755 "$(type -P bramble)" "$work/bin"
	PATH=$work/bin:$PATH
}
