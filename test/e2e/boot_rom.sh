#!/bin/bash
# SPDX-License-Identifier: MIT
# The boot ROM of each model gets its offer and all its files as they are in the image, beside a router that knows
# nothing of booting; in good weather and with the bugs and habits that ROMs have. PCs and computers that
# boot from their own disks get no answer. Nothing that is sent is malformed.
. "$BRAMBLE_SOURCE/test/e2e/lib.sh"
. "$here/lib_cmdline.sh"
need curl ip jq rom_client

boot_image
boot_files "$work/expect"
router
capture "$work/all.pcap"
serve

number=0
for model in 3b 3b-plus 4 5; do
	number=$((number + 1))
	serial=1000000$number
	host "pi$number" -
	mkdir "$work/got$number"
	# in good weather: nothing is sent twice, and nobody waits
	rom "pi$number" --model $model --serial $serial --expect "$work/expect" --save "$work/got$number"
	for what in repeated_requests repeated_acks repeated_arps duplicates late; do
		[ "$(count "pi$number" $what)" = 0 ] || fail "$model: $what is $(count "pi$number" $what)"
	done
	check_cmdline "$work/got$number/cmdline.txt" $serial
	# answers that are lost, and acknowledgements that come twice
	rom "pi$number" --model $model --serial $serial --expect "$work/expect" --repeat-requests
	rom "pi$number" --model $model --serial $serial --expect "$work/expect" --double-acks
	[ "$(count "pi$number" duplicates)" = 0 ] || fail "$model: blocks come twice for two ACKs"
done

# Whoever only had a look at the files of a Pi gives way to the Pi.
look() { in_host looker curl -sf --max-time 20 "tftp://$server_ip/10000005/config.txt" -o "$work/looked"; }
host looker 10.77.0.90
look || fail "a machine that has a look gets no files"
host pi5 -
rom pi5 --model 4 --serial 10000005 --expect "$work/expect" --only config.txt
! look || fail "who had a look may go on when the Pi is there"

# The 3B's ROM sees a frame only when another one comes.
rom pi1 --model 3b --serial 10000001 --dhcp-only --lagging-ring

# one <file> <option>...: a Pi 4 asks for one file
one() {
	local file=$1
	shift
	rom pi3 --model 4 --serial 10000003 --expect "$work/expect" --only "$file" "$@"
}
for file in multiple.bin empty.bin CONFIG.TXT Overlays/VC4-kms-v3d.DTBO config.txt; do
	for size in 8 512 1024 1468; do
		case $file:$size in multiple.bin:8) continue ;; esac
		one $file --blksize $size
	done
done
# more than 65535 blocks
one start_cd.elf --blksize 8
# a block size at which the last block is full, and one at which it is empty
[ $(($(stat -c %s "$work/expect/multiple.bin") % 1024)) = 0 ] || fail "multiple.bin is no multiple"
# The firmware's own updates do not come from an image that many Pis share.
for file in pieeprom.upd pieeprom.sig PIEEPROM.UPD recovery.bin; do
	one $file
	[ "$(count pi3 absent)" = 1 ] || fail "$file is served"
done
# by hardware address, and without anything: who asks decides
one config.txt --prefix dc-a6-32-00-00-03/
one config.txt --prefix ''
one bootcode.bin --prefix ''
# Paths lead nowhere else.
for path in ../ / ../../etc/ 10000003/../ 10000003/../../etc/ overlays 10000003/overlays 10000003; do
	one passwd --prefix "$path"
	[ "$(count pi3 absent)" = 1 ] || fail "$path/passwd is served"
done
one overlays
[ "$(count pi3 absent)" = 1 ] || fail "a directory is served"

# silent to all who are no Pis, on both ports
host pc -
rom pc --model pc-bios,pc-efi --many 2 --serial 00aa0000 --silence 6000 --ask-proxy
host laptop -
rom laptop --model plain --serial 00bb0000 --silence 3000

[ ! -e "$state/overlays" ] || [ -z "$(ls "$state/overlays")" ] || fail "loading files made an overlay"
end_server
no_malformed "$work/all.pcap" dhcp tftp
