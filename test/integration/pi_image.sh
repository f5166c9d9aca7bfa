#!/bin/bash
# SPDX-License-Identifier: MIT
# An image for a Raspberry Pi becomes one directory: the boot partition lies where the image's own
# fstab says, both parts show what other programs see in them, and each part can be seen alone.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need mke2fs debugfs sfdisk mkfs.vfat mcopy
need_fuse
PATH=$PATH:$BRAMBLE_BUILD/test/support
export LC_ALL=C.UTF-8 # mcopy writes names as the locale has them
make() { bash "$BRAMBLE_SOURCE/test/images/make-pi-image" "$@"; }
mkdir mnt
at_end "bramble umount '$work/mnt'"
MiB=$((1024 * 1024))
by=--without=ino,dtype,nlink
[ "$(id -u)" = 0 ] || by+=,xattr:trusted.secret # only root may read those

# boot_alike DIR IMAGE[@@OFFSET]: every file has the bytes that mtools read
boot_alike() {
	rm -rf boot
	mkdir boot
	mcopy -s -m -Q -i "$2" '::*' boot
	diff -r boot "$1" || fail "$2: mtools sees other files than $1"
}

for layout in bookworm bullseye trixie ubuntu gpt; do
	case $layout in
	gpt) make --gpt pi.img ;;
	*) make --layout $layout pi.img ;;
	esac
	case $layout in
	bullseye) boot_dir=boot ;;
	*) boot_dir=boot/firmware ;;
	esac

	expect 0 bramble mount pi.img mnt
	[ -f mnt/$boot_dir/config.txt ] || fail "$layout: no config.txt in $boot_dir"
	[ ! -e mnt/$boot_dir/not-mounted ] || fail "$layout: what is below the mount point shows"
	boot_alike mnt/$boot_dir pi.img@@8M
	grep -q "^PRETTY_NAME=" mnt/etc/os-release || fail "$layout: os-release"
	[ mnt/usr/bin/perl -ef mnt/usr/bin/perl5.36.0 ] || fail "$layout: hard links"

	# the root, entry by entry, but for what is mounted over
	manifest "$by" mnt | grep -v "^/${boot_dir}[ /]" >ours || true
	if command -v manifest_ext2 >/dev/null; then
		manifest_ext2 "$by" --offset $((56 * MiB)) pi.img | grep -v "^/${boot_dir}[ /]" >theirs
		diff theirs ours | head -n 20 | cut -c 1-300
		cmp -s theirs ours || fail "$layout: e2fsprogs sees another root"
	fi
	expect 0 bramble umount mnt

	# one partition alone
	expect 0 bramble mount --partition 1 pi.img mnt
	boot_alike mnt pi.img@@8M
	expect 0 bramble umount mnt
	expect 0 bramble mount --partition 2 pi.img mnt
	[ -f mnt/$boot_dir/not-mounted ] || fail "$layout: --partition 2 is not the root alone"
	expect 0 bramble umount mnt
	expect 1 bramble mount --partition 3 pi.img mnt

	expect 0 bramble info pi.img
	said out "$([ $layout = ubuntu ] && echo writable || echo rootfs)"
	[ $layout != bookworm ] || cp --sparse=always pi.img bookworm.img
	rm pi.img
done

# The kernel, where it may, as the judge of the whole root with inode numbers and attributes.
if [ "$(id -u)" = 0 ] && mkdir kernel && mount -o "ro,loop,offset=$((56 * MiB))" bookworm.img kernel; then
	at_end "umount '$work/kernel'"
	expect 0 bramble mount --partition 2 bookworm.img mnt
	manifest --map kernel >theirs
	manifest --map mnt >ours
	diff theirs ours | head -n 20 | cut -c 1-300
	cmp -s theirs ours || fail "the kernel sees another root"
	expect 0 bramble umount mnt
fi

# Images of one file system, without any table.
make --only boot boot.img
expect 0 bramble mount boot.img mnt
boot_alike mnt boot.img
expect 0 bramble umount mnt
make --only root root.img
expect 0 bramble mount root.img mnt
[ -f mnt/boot/firmware/not-mounted ] || fail "root alone"
expect 0 bramble umount mnt

# A partition beyond 2 TiB of a sparse file.
truncate -s 3T far.img
printf '%s\n' 'label: gpt' "start=$((5 * 1024 * MiB)), size=131072" |
	sfdisk -q --no-reread --no-tell-kernel far.img >/dev/null
dd if=root.img of=far.img bs=1M seek=$((5 * 1024 * MiB / 2048)) conv=notrunc,sparse status=none
expect 0 bramble mount far.img mnt
manifest mnt >ours
expect 0 bramble umount mnt
expect 0 bramble mount root.img mnt
manifest mnt >theirs
cmp theirs ours || fail "a partition beyond 2 TiB differs"
expect 0 bramble umount mnt
