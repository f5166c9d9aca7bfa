# SPDX-License-Identifier: MIT
# Sourced by the tests that mirror what is done to a mounted overlay on an ordinary directory, behind
# lib.sh: images that have contents, and rounds of random actions with remounts in between.

mirror=$BRAMBLE_BUILD/test/support/mirror

# mirror_needs: what all of these tests need
mirror_needs() {
	need_root
	need_fuse
	need mke2fs setfattr setfacl
	[ -x "$mirror" ] || skip "mirror is not built"
	bramble mount --help >help
	grep -q -- --overlay help || skip "mount knows no overlays"
	export BRAMBLE_STATE=$work/state
}

# make_tree DIR: names, links, holes, attributes and sizes that a file system starts with
make_tree() {
	local at
	mkdir -p "$1"/{bin,etc,many,deep/er/and/deeper,sticky,setgid,empty}
	for at in $(seq 60); do
		head -c $((at * at * 7)) /dev/urandom >"$1/many/file-$at"
	done
	head -c 700000 /dev/urandom >"$1/bin/large"
	: >"$1/bin/empty"
	cp "$1/bin/large" "$1/bin/program"
	chmod 4755 "$1/bin/program"
	ln "$1/bin/large" "$1/bin/large-too"
	ln "$1/bin/large" "$1/deep/er/large"
	ln "$1/many/file-3" "$1/etc/linked"
	truncate -s 900K "$1/bin/holes"
	printf middle | dd of="$1/bin/holes" bs=1 seek=500001 conv=notrunc status=none
	truncate -s 5M "$1/bin/only-hole"
	ln -s ../bin/large "$1/etc/link"
	ln -s /etc "$1/deep/absolute"
	ln -s nowhere "$1/deep/dangling"
	ln -s "$(printf 'x%.0s' {1..200})" "$1/deep/slow"
	echo deep >"$1/deep/er/and/deeper/file"
	mkfifo "$1/etc/fifo"
	mknod "$1/etc/device" c 310 70000
	chmod 1777 "$1/sticky"
	chmod 2775 "$1/setgid"
	chown -R 1000:1001 "$1/setgid" "$1/deep/er"
	setfattr -n user.a -v 'a value' "$1/bin/large"
	setfattr -n trusted.c -v 'trusted' "$1/etc"
	setfacl -m u:1000:rwx,g:1002:r "$1/many/file-5"
	setfacl -d -m u:1001:rwx,m:rx "$1/sticky"
	find "$1" -print0 | xargs -0 touch -h -d '2021-03-04 05:06:07.123456789'
	chmod 0755 "$1"
}

# mirror_disk DIR SIZE: an ext4 volume of its own, mounted there
mirror_disk() {
	mkdir -p "$1"
	truncate -s "$2" "$work/disk-$((++disks)).img"
	mke2fs -q -F -t ext4 -m 0 -O ea_inode "$work/disk-$disks.img"
	mount -o loop "$work/disk-$disks.img" "$1" || skip "the kernel cannot mount ext4"
	at_end "umount -R '$work/$1'" # what is mounted in it may have another name by then
	rmdir "$1/lost+found"
}
disks=0

# mirror_start IMAGE [PLACE]: mounts it at a with the overlay "kitchen", and a copy of it at b, on
# ext4. What is shown at PLACE is another volume, there too.
mirror_start() {
	image=$1
	mkdir -p a b
	at_end "fusermount3 -uz '$work/a'"
	mirror_mount
	mirror_disk b 3G
	[ $# = 1 ] || mirror_disk "b/$2" 1G
	cp -a a/. b/
}

# Some caches of the kernel live as long as the mount: without them more is asked of the overlay.
mirror_mount() { bramble mount -o allow_other,dev,suid "$image" a --overlay kitchen || fail "cannot mount"; }

# mirror_round SEED OPS [OPTION...]: random actions on both, then another mount of the overlay
mirror_round() {
	local seed=$1 ops=$2 status=0
	shift 2
	"$mirror" a b --seed "$seed" --ops "$ops" --inodes "$work/inodes" "$@" || status=$?
	[ $status != 3 ] || skip "the disk is full"
	[ $status = 0 ] || fail "mirror --seed $seed --ops $ops $*"
	bramble umount a || fail "cannot unmount after seed $seed"
	bramble overlay check kitchen >check.out 2>&1 || {
		cat check.out >&2
		fail "overlay check after seed $seed"
	}
	mirror_mount
}
