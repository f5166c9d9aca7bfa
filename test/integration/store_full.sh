# SPDX-License-Identifier: MIT
# An embedded store on a disk that is full: nothing is lost, things can be removed, and then it goes
# on. On tmpfs, on ext4, and on a file system that has no fallocate. See also store_crash.
source "$(dirname "$0")/lib.sh"
need_root
need mke2fs
run=$BRAMBLE_BUILD/test/support/store_run

# full DIR: fills what is left of the file system at DIR until 2 MB are left, then the store
full() {
	mkdir "$1/store"
	expect 0 "$run" create "$1/store"
	head -c 1G /dev/zero >"$1/ballast" 2>/dev/null || true
	truncate -s -2000K "$1/ballast"
	sync -f "$1"
	expect 0 "$run" fill "$1/store" 5
	cat out
	[ "$(grep -c 'full after' out)" = 3 ] || fail "it was not full three times"
	expect 0 "$run" check "$1/store"
	[ "$(du -sk "$1/store" | cut -f1)" -lt 1000 ] || fail "what was removed takes room"
}

# reopened DIR: there is little left when a store is closed, and nothing when it is opened again
reopened() {
	rm "$1/ballast"
	mkdir "$1/later"
	expect 0 "$run" create "$1/later"
	expect 0 "$run" write "$1/later" 7 300 300
	head -c 1G /dev/zero >"$1/ballast" 2>/dev/null || true
	sync -f "$1"
	expect 0 "$run" clear "$1/later" 7
	expect 0 "$run" check "$1/later"
}

mkdir tmpfs
mount -t tmpfs -o size=8m none tmpfs || skip "cannot mount a tmpfs"
at_end "umount tmpfs"
full tmpfs
reopened tmpfs

truncate -s 24M ext4.img
mke2fs -q -F -t ext4 -m 0 ext4.img
loop_mount ext4.img ext4
full ext4
reopened ext4

truncate -s 24M ext2.img
mke2fs -q -F -t ext2 -m 0 ext2.img
loop_mount ext2.img ext2
full ext2
reopened ext2
