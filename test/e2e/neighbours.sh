#!/bin/bash
# SPDX-License-Identifier: MIT
# The server lives beside others: a dnsmasq that boots PCs, whose clients it leaves alone and whose offers keep no Pi
# from booting; a PC that is listed is answered on both ports; and an rpcbind, with which it registers.
. "$BRAMBLE_SOURCE/test/e2e/lib.sh"
. "$here/lib_config.sh"
need ip dnsmasq rom_client rpcbind rpcinfo nfs-cat

boot_image
boot_files "$work/expect"
router
host neighbour 10.77.0.3
mkdir "$work/pxe"
ip netns exec neighbour dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface=eth0 --bind-interfaces \
	--dhcp-range=10.77.0.0,proxy --pxe-service=x86PC,"Install a PC",pxelinux \
	--pxe-service=X86-64_EFI,"Install a PC",grub --enable-tftp --tftp-root="$work/pxe" \
	--user=root >"$work/neighbour.log" 2>&1 &
wait_for 10 "the neighbour" listens neighbour udp 67

config 'access = any' '[pi 52540077]' 'mac = 52:54:00:00:00:77' 'bootfile = boot.ipxe'
host server $server_ip
ip netns exec server rpcbind -f -w >"$work/rpcbind.log" 2>&1 &
rpcbind_pid=$!
wait_for 10 "rpcbind" listens server tcp 111
capture "$work/all.pcap"
serve --config "$work/bramble.conf"

host pc -
rom pc --model pc-bios,pc-efi --many 2 --serial 00cc0000 --silence 6000 --ask-proxy --judge $server_ip
for model in 3b-plus 4 5; do
	host "pi$model" -
	rom "pi$model" --model $model --serial 5000000${model%-plus} --expect "$work/expect" --judge $server_ip
done

host listed -
rom listed --model pc-bios --mac 52:54:00:00:00:77 --serial 52540077 --dhcp-only --judge $server_ip
rom listed --model pc-bios --mac 52:54:00:00:00:77 --serial 52540077 --dhcp-only --ask-proxy --judge $server_ip
[ "$(grep -c "OFFER from $server_ip" "$work/rom-listed.log")" -ge 2 ] || fail "a listed PC is not answered"

host client 10.77.0.9
in_host client rpcinfo -p $server_ip >"$work/rpcinfo"
grep -qE '^ *100003 +3 +tcp +2049' "$work/rpcinfo" || fail "NFS is not registered with rpcbind"
grep -qE '^ *100005 +3 +tcp' "$work/rpcinfo" || fail "MOUNT is not registered with rpcbind"
in_host client timeout 60 nfs-cat "nfs://$server_ip/50000004/etc/hostname?version=3" >"$work/got" ||
	fail "nfs-cat by way of rpcbind"
end_server
in_host client rpcinfo -p $server_ip >"$work/rpcinfo"
grep -qE '^ *100003 ' "$work/rpcinfo" && fail "NFS is left registered with rpcbind"
kill $rpcbind_pid
no_malformed "$work/all.pcap" dhcp tftp nfs
