#!/bin/bash
# SPDX-License-Identifier: MIT
# Two Pis run at once from one image and see nothing of each other. A stranger is refused the tree of either, and so
# is one Pi that of the other. Nothing that a kernel is sent is malformed.
. "$BRAMBLE_SOURCE/test/e2e/lib.sh"
. "$here/lib_cmdline.sh"
need ip rom_client nfs-ls
need_uml

boot_image
boot_files "$work/expect"
router
capture "$work/all.pcap"
serve

start() { # NAME SERIAL MAC
	host "rom$1" -
	mkdir "$work/$1"
	rom "rom$1" --model 3b-plus --serial "$2" --mac "$3" --expect "$work/expect" --save "$work/$1"
	check_cmdline "$work/$1/cmdline.txt" "$2"
	uml "$1" "$3" "$work/$1" lab.selftest=mark lab.mark="$1"
}

# may HOST SERIAL: the machine may see this Pi's tree
may() { in_host "$1" timeout 30 nfs-ls "nfs://$server_ip/$2/etc?version=3" >"$work/ls.out" 2>"$work/ls.log"; }

start one 60000001 b8:27:eb:00:00:01
first=$uml_pid
start two 60000002 b8:27:eb:00:00:02
second=$uml_pid
host stranger 10.77.0.20
wait_for 120 "the first guest" grep -q 'LAB begin' "$work/one.log"
if may stranger 60000001; then fail "a stranger sees the tree of a Pi that runs"; fi
uml_done one "$first"
uml_done two "$second"
judge one alone boot-is-mount-point-first root-is-nfs no-failed-units
one=$(fact hostname)-$(fact machine-id)
judge two alone boot-is-mount-point-first root-is-nfs no-failed-units
[ "$one" != "$(fact hostname)-$(fact machine-id)" ] || fail "both are $one"

for serial in 60000001 60000002; do
	if may stranger $serial; then fail "a stranger sees $serial"; fi
done
# the machines of the two, with Linux on them
host first 10.77.0.31 b8:27:eb:00:00:01
host second 10.77.0.32 b8:27:eb:00:00:02
may first 60000001 || fail "the first one does not see its own tree"
may second 60000002 || fail "the second one does not see its own tree"
if may first 60000002; then fail "the first one sees the second one's tree"; fi
if may second 60000001; then fail "the second one sees the first one's tree"; fi
end_server
no_malformed "$work/all.pcap" tftp nfs mount portmap
for serial in 60000001 60000002; do
	bramble overlay check --state "$state" $serial || fail "overlay $serial is damaged"
done
