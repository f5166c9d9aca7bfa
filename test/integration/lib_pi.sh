# SPDX-License-Identifier: MIT
# Sourced by tests of commands: a small image like a Pi's, and the same image seen by the kernel.

# make_pi_image FILE: MBR, FAT with boot files, ext4 with one of everything that a tree can hold
make_pi_image() {
	local src=$work/src at
	need sfdisk mkfs.fat mcopy mke2fs setfattr
	mkdir -p "$src"/{etc,bin,dev,boot/firmware,home/pi,var/empty,many}
	printf 'PARTUUID=036cb716-02 / ext4 defaults 0 1\n%s\n' \
		'PARTUUID=036cb716-01 /boot/firmware vfat defaults 0 2' >"$src/etc/fstab"
	ln -s ../etc/fstab "$src/bin/link"
	ln -s /etc "$src/bin/absolute"
	ln -s loop "$src/bin/loop"
	ln -s nowhere "$src/bin/dangling"
	ln -s "$(printf 'x%.0s' {1..200})" "$src/bin/slow"
	head -c 3000000 /dev/urandom >"$src/bin/large"
	: >"$src/bin/empty"
	echo program >"$src/bin/one name"
	ln "$src/bin/one name" "$src/etc/other-name"
	ln "$src/bin/one name" "$src/home/pi/third"
	truncate -s 20M "$src/bin/holes"
	printf middle | dd of="$src/bin/holes" bs=1 seek=9000000 conv=notrunc status=none
	truncate -s 3M "$src/bin/only-hole"
	printf 'hidden\n' >"$src/home/pi/.profile"
	printf 'control\n' >"$src/home/pi/"$'a\tb\nc\033[31m'
	printf 'latin1\n' >"$src/home/pi/"$'\xe4\xff'
	printf 'umlaut\n' >"$src/home/pi/ä 😀"
	mkdir "$src/home/pi/.hidden"
	echo deep >"$src/home/pi/.hidden/file"
	for at in $(seq 300); do echo "$at" >"$src/many/file-$at"; done
	touch -d '2001-02-03 04:05:06' "$src/bin/large"
	touch -d '1969-12-31 23:00:00' "$src/bin/empty"
	chmod 4755 "$src/bin/one name"
	chmod 0400 "$src/etc/fstab"
	chmod 1777 "$src/var/empty"
	setfattr -n user.note -v 'a note' "$src/bin/large" 2>/dev/null || true
	if [ "$(id -u)" = 0 ]; then
		mknod "$src/dev/null" c 1 3
		mknod "$src/dev/disk" b 259 70000
		mkfifo "$src/dev/fifo"
		chown 1000:1001 "$src/home/pi" "$src/home/pi/.profile"
		chown -h 1000:1001 "$src/bin/link"
		command -v setcap >/dev/null && setcap cap_net_raw+ep "$src/bin/large"
		command -v setfacl >/dev/null && setfacl -m u:1000:r "$src/etc/fstab"
	fi
	truncate -s 96M "$1"
	printf 'label: dos\nlabel-id: 0x036cb716\nstart=2048, size=16M, type=c\ntype=83\n' |
		sfdisk -q "$1"
	mke2fs -q -F -t ext4 -L rootfs -d "$src" -E offset=$((17 << 20)) "$1" 79M
	mkfs.fat -C -F 16 -n BOOTFS -i 0bad1dea "$work/fat.img" $((16 << 10)) >/dev/null
	echo 'console=tty1 root=PARTUUID=036cb716-02 rootwait' >"$work/cmdline.txt"
	mkdir -p "$work/overlays"
	echo overlay >"$work/overlays/A long name.dtbo"
	mcopy -i "$work/fat.img" -s "$work/cmdline.txt" "$work/overlays" ::
	dd if="$work/fat.img" of="$1" bs=1M seek=1 conv=notrunc,sparse status=none
	rm "$work/fat.img"
}

# kernel_mount IMAGE DIR: what the kernel makes of the root partition alone, read-only
kernel_mount() {
	loop_mount "$1" "$2" "ro,noload,offset=$((17 << 20)),sizelimit=$((79 << 20))"
}
