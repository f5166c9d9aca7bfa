#!/bin/bash
# SPDX-License-Identifier: MIT
# A kernel boots to login over the network, from an image that nobody touched: addresses from a router, the offer,
# the kernel, the initramfs and the command line from us, then the root file system by NFS. The guest tests
# itself, is switched off, boots into the same overlay and finds its changes; what it wrote to its boot
# partition is what the firmware loads then. The image is the same byte by byte.
. "$BRAMBLE_SOURCE/test/e2e/lib.sh"
. "$here/lib_cmdline.sh"
need ip rom_client debugfs
need_uml

serial=036cb716
mac=b8:27:eb:6c:b7:16
boot_image
before=$(sha256sum <"$image")
boot_files "$work/expect"
router
serve
host pi -

# boot DIR WORD...: all of it, from power on to power off
boot() {
	local dir=$1
	shift
	mkdir -p "$dir"
	rom pi --model 3b --serial $serial --mac $mac --expect "$work/expect" --save "$dir"
	check_cmdline "$dir/cmdline.txt" $serial
	uml pi $mac "$dir" "$@"
	uml_done pi "$uml_pid"
	grep -q ' login:' "$work/pi.log" || fail "no login"
}

boot "$work/first" lab.selftest=full
judge pi boot-is-mount-point-first boot-files-first root-is-nfs no-failed-units content-of-the-image \
	far-end-of-a-sparse-file write-and-read change-a-file-of-the-image link-and-unlink rename symlink \
	exclusive-create attributes devices fifo socket big-file hole-beyond-4-GiB \
	write-into-a-large-file-of-the-image delete-while-listing delete-of-the-image \
	file-that-is-open-and-deleted locks install-a-package boot-partition-takes-files \
	boot-is-mount-point-after-a-pause boot-files-after-a-pause
[ "$(fact listing)" = "$(sha256sum <"$image.listing" | cut -d ' ' -f 1)" ] ||
	fail "the guest sees another tree than the image has"
[[ $(fact fstab) != *PARTUUID* ]] || fail "the image's partitions are left in fstab: $(fact fstab)"
hostname=$(fact hostname)
machine=$(fact machine-id)
[[ $machine =~ ^[0-9a-f]{32}$ ]] || fail "the machine id is '$machine'"
[ "$hostname" != raspberrypi ] || fail "the host name is the image's"

# What the guest wrote is what the firmware gets, whatever case it asks in.
echo 'from the guest' >"$work/expect/lab.txt"
echo 'an overlay' >"$work/expect/overlays/Lab Overlay.dtbo"
echo installed >"$work/expect/lab-package.txt"
for file in lab.txt LAB.TXT 'overlays/lab overlay.dtbo' lab-package.txt; do
	rom pi --model 3b --serial $serial --mac $mac --expect "$work/expect" --only "$file"
	[ "$(count pi files)" = 1 ] || fail "$file is not served"
done

: >"$work/pi.log"
boot "$work/second" lab.selftest=full
judge pi changes-are-there-after-reboot boot-is-mount-point-first root-is-nfs no-failed-units \
	boot-is-mount-point-after-a-pause
[ "$(fact machine-id)" = "$machine" ] || fail "the machine id changes"
[ "$(fact hostname)" = "$hostname" ] || fail "the host name changes"

end_server
bramble overlay check --state "$state" $serial || fail "the overlay is damaged"
# A second opinion on what the guest wrote, not by NFS.
if [ -r /dev/fuse ] && [ -w /dev/fuse ]; then
	mkdir "$work/mnt"
	bramble mount --state "$state" --overlay $serial "$image" "$work/mnt"
	written=$work/mnt/var/lib/lab/work
	[ "$(cat "$written/file")" = again ] || fail "the guest wrote another file"
	[ "$(stat -c '%a %u %g' "$written/exclusive")" = '640 1000 1001' ] ||
		fail "the guest set other attributes"
	[ "$(cat "$work/mnt/boot/firmware/lab.txt")" = 'from the guest' ] || fail "lab.txt differs"
	bramble umount "$work/mnt"
fi
[ "$(sha256sum <"$image")" = "$before" ] || fail "the image was changed"
