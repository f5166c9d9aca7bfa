#!/bin/bash
# SPDX-License-Identifier: MIT
# Programs that others wrote find their way: four TFTP clients, the tools of nfs-utils and rpcbind, and those of
# libnfs, which read what is in the image and write what is there afterwards. Nothing that is sent to
# them is malformed.
. "$BRAMBLE_SOURCE/test/e2e/lib.sh"
. "$here/lib_config.sh"
need ip tftp atftp curl busybox showmount rpcinfo nfs-ls nfs-cat nfs-cp debugfs jq

serial=30000001
boot_image
boot_files "$work/expect"
dd if="$image" of="$work/root.img" bs=1M skip=264 conv=sparse status=none
config 'access = any'
capture "$work/all.pcap"
serve --config "$work/bramble.conf"
host client 10.77.0.9

# same FILE PATH: what a client got is what is in the boot partition
same() {
	cmp "$1" "$work/expect/$2" || fail "$2 is not as it is in the image"
	rm "$1"
}

for file in config.txt kernel7l.img multiple.bin empty.bin overlays/README; do
	in_host client timeout 60 tftp -m binary $server_ip -c get $serial/$file "$work/got" </dev/null
	same "$work/got" $file
	in_host client timeout 60 busybox tftp -g -r $serial/$file -l "$work/got" $server_ip
	same "$work/got" $file
	in_host client timeout 60 busybox tftp -b 1468 -g -r $serial/$file -l "$work/got" $server_ip
	same "$work/got" $file
	for words in 'windowsize 1' 'windowsize 7' 'windowsize 16' 'windowsize 64'; do
		in_host client timeout 60 atftp --option "$words" --option 'blksize 1468' --option 'tsize 0' \
			--get -r $serial/$file -l "$work/got" $server_ip || fail "atftp: $words"
		same "$work/got" $file
	done
	[ $file != empty.bin ] || continue # curl 7.88 fails with any server's
	# 65464: in fragments, as large as there is
	for size in 512 1468 65464; do
		in_host client curl -sS --max-time 60 --tftp-blksize $size -o "$work/got" \
			"tftp://$server_ip/$serial/$file"
		same "$work/got" $file
	done
done
in_host client timeout 60 tftp -m netascii $server_ip -c get $serial/config.txt "$work/got" </dev/null
same "$work/got" config.txt
echo intruder >"$work/intruder"
in_host client timeout 60 tftp -m binary $server_ip -c put "$work/intruder" $serial/config.txt \
	</dev/null >"$work/put.log" 2>&1 || true
in_host client timeout 60 busybox tftp -p -l "$work/intruder" -r $serial/config.txt $server_ip \
	>>"$work/put.log" 2>&1 && fail "a file was written by TFTP"
in_host client curl -sS --max-time 60 -o "$work/got" "tftp://$server_ip/$serial/config.txt"
same "$work/got" config.txt

in_host client rpcinfo -p $server_ip >"$work/rpcinfo"
for line in '100000 +2 +tcp +111' '100000 +2 +udp +111' '100003 +3 +tcp +2049' '100005 +3 +tcp'; do
	grep -qE "^ *$line" "$work/rpcinfo" || {
		cat "$work/rpcinfo" >&2
		fail "rpcinfo does not show: $line"
	}
done
in_host client rpcinfo -T tcp $server_ip nfs 3 >/dev/null || fail "no NFS by TCP"
in_host client rpcinfo -T tcp $server_ip mountd 3 >/dev/null || fail "no MOUNT by TCP"
in_host client rpcinfo -T udp $server_ip portmapper 2 >/dev/null || fail "no port mapper by UDP"
in_host client rpcinfo -T tcp $server_ip nfs 4 >/dev/null 2>&1 && fail "NFSv4 is said to be here"
in_host client timeout 20 showmount -e $server_ip >"$work/exports" || fail "showmount -e"
in_host client timeout 20 showmount -a $server_ip >/dev/null || fail "showmount -a"

url=nfs://$server_ip/$serial
in_host client timeout 60 nfs-ls "$url/etc?version=3" >"$work/list" || fail "nfs-ls"
for name in fstab hostname passwd systemd; do
	grep -qE " $name\$" "$work/list" || fail "nfs-ls does not show /etc/$name"
done
[ "$(in_host client timeout 60 nfs-ls "$url/srv/lab/many?version=3" | wc -l)" -ge 1500 ] ||
	fail "nfs-ls does not show all of 1500 files"
in_host client timeout 60 nfs-ls "$url/boot/firmware?version=3" | grep -q ' kernel8.img$' ||
	fail "no boot partition at /boot/firmware"
for path in /srv/lab/large /usr/bin/perl /srv/lab/deep/level-1/level-2/level-3/none; do
	debugfs -R "cat $path" "$work/root.img" 2>/dev/null >"$work/want"
	in_host client timeout 60 nfs-cat "$url$path?version=3" >"$work/got" 2>"$work/nfs-cat.log" || true
	cmp "$work/got" "$work/want" || fail "nfs-cat of $path"
done
head -c 20000000 /dev/urandom >"$work/random"
in_host client timeout 60 nfs-cp "$work/random" "$url/srv/random?version=3" >/dev/null || fail "nfs-cp"
in_host client timeout 60 nfs-cat "$url/srv/random?version=3" >"$work/got"
cmp "$work/got" "$work/random" || fail "what nfs-cp wrote"
end_server
bramble overlay diff --state "$state" $serial >"$work/diff" || fail "overlay diff"
grep -q '/srv/random' "$work/diff" || fail "the change is not in the overlay"
bramble overlay check --state "$state" $serial || fail "the overlay is damaged"

# and it is there when the server comes again
serve --config "$work/bramble.conf"
in_host client timeout 60 nfs-cat "$url/srv/random?version=3" >"$work/got"
cmp "$work/got" "$work/random" || fail "what nfs-cp wrote is lost"
end_server
no_malformed "$work/all.pcap" tftp nfs mount portmap
