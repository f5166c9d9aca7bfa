#!/bin/bash
# SPDX-License-Identifier: MIT
# A PC that is listed with its hardware address boots over the network, too: the iPXE in its ROM gets an address from
# the router and a file name from us, that file by TFTP, a kernel and an initramfs, whose klibc mounts
# the root by way of the port mapper; then systemd comes up on it.
. "$BRAMBLE_SOURCE/test/e2e/lib.sh"
. "$here/lib_config.sh"
need ip qemu-system-x86_64
[ -c /dev/net/tun ] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; } || skip "no tun"

mac=52:54:00:00:00:77
boot_image --pc
router
config '[pi 52540077]' "mac = $mac" 'bootfile = boot.ipxe'
serve --config "$work/bramble.conf"

ip tuntap add dev tap-pc mode tap
ip link set tap-pc master $bridge up
qemu-system-x86_64 -accel tcg -M pc,graphics=off -m 640 -nographic -no-reboot -boot n \
	-netdev tap,id=net,ifname=tap-pc,script=no,downscript=no \
	-device virtio-net-pci,netdev=net,mac=$mac </dev/null >"$work/pc.log" 2>&1 &
uml_done pc $! 900
judge pc alone boot-is-mount-point-first boot-files-first root-is-nfs no-failed-units
grep -q ' login:' "$work/pc.log" || fail "no login"
end_server
bramble overlay check --state "$state" 52540077 || fail "the overlay is damaged"
