#!/bin/bash
# SPDX-License-Identifier: MIT
# Who judges the judge: rom_client boots each model from dnsmasq, another project's server, without complaint; and it
# complains when a byte of a file is wrong, when there is a file too few or too many, and when the offer is
# not what a Pi looks for.
. "$BRAMBLE_SOURCE/test/e2e/lib.sh"
need ip dnsmasq rom_client

files=$work/files
mkdir -p "$files/overlays" "$work/tftp"
for file in bootcode.bin:52476 start.elf:90000 start4.elf:80000 fixup.dat:7310 fixup4.dat:5448 kernel8.img:300000 \
	kernel_2712.img:146800 config.txt:200 cmdline.txt:120 initramfs8:65536 initramfs_2712:1024 \
	bcm2710-rpi-3-b.dtb:34228 bcm2710-rpi-3-b-plus.dtb:34857 bcm2711-rpi-4-b.dtb:55827 \
	bcm2712-rpi-5-b.dtb:78104 overlays/overlay_map.dtb:5318 overlays/vc4-kms-v3d.dtbo:2760; do
	head -c "${file#*:}" /dev/urandom >"$files/${file%:*}"
done
cp -r "$files" "$work/tftp/70000001"
cp "$files/bootcode.bin" "$work/tftp/"
router
host server $server_ip
host pi -

dnsmasq_pid=''
boot_server() { # NAME: of what is offered
	[ -z "$dnsmasq_pid" ] || { kill "$dnsmasq_pid"; wait "$dnsmasq_pid" || true; }
	ip netns exec server dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface=eth0 \
		--bind-interfaces --dhcp-range=10.77.0.0,proxy --pxe-service=0,"$1" \
		--enable-tftp --tftp-root="$work/tftp" --user=root >>"$work/dnsmasq.log" 2>&1 &
	dnsmasq_pid=$!
	wait_for 10 "dnsmasq" listens server udp 69
}

# boots MODEL OPTION...: without a complaint
boots() {
	local model=$1
	shift
	in_host pi rom_client --interface eth0 --model "$model" --serial 70000001 --expect "$files" "$@" \
		>"$work/out" 2>"$work/rom.log"
}

# complains MODEL TEXT OPTION...
complains() {
	local model=$1 text=$2
	shift 2
	if boots "$model" "$@"; then fail "no complaint of: $text"; fi
	grep -q "WRONG: .*$text" "$work/rom.log" || {
		cat "$work/rom.log" >&2
		fail "another complaint than: $text"
	}
}

boot_server 'Raspberry Pi Boot   '
for model in 3b 3b-plus 4 5; do
	boots $model || { cat "$work/rom.log" >&2; fail "$model does not boot from dnsmasq"; }
	boots $model --double-acks || { cat "$work/rom.log" >&2; fail "$model with double ACKs"; }
done

printf X | dd of="$work/tftp/70000001/kernel8.img" bs=1 seek=150000 conv=notrunc status=none
complains 4 'kernel8.img: differs from the image'
cp "$files/kernel8.img" "$work/tftp/70000001/"
truncate -s +1 "$work/tftp/70000001/kernel_2712.img"
complains 5 'kernel_2712.img: tsize 146801, but the image has 146800'
cp "$files/kernel_2712.img" "$work/tftp/70000001/"
rm "$work/tftp/70000001/overlays/overlay_map.dtb"
complains 3b 'overlay_map.dtb: is in the image, but not found'
cp "$files/overlays/overlay_map.dtb" "$work/tftp/70000001/overlays/"
echo update >"$work/tftp/70000001/pieeprom.sig"
complains 4 'pieeprom.sig: tsize 7, but the image has -1'
rm "$work/tftp/70000001/pieeprom.sig"
complains 5 'siaddr is 0' --strict --dhcp-only
complains 5 'too soon' --not-before 5000 --dhcp-only
complains pc-bios 'a boot server answers' --silence 3000

boot_server 'Raspberry Pi Boot'
complains 3b 'takes too long' --timeout 3000 --dhcp-only
boots 3b-plus --dhcp-only || fail "a 3B+ needs no spaces"
boot_server 'Something else'
complains 4 'takes too long' --timeout 3000 --dhcp-only
kill "$dnsmasq_pid"
complains 4 'takes too long' --timeout 3000 --dhcp-only
