#!/bin/bash
# SPDX-License-Identifier: MIT
# A hundred Pis that are switched on at once load all their files, as they are in the image, and none of them has to
# ask a second time.
. "$BRAMBLE_SOURCE/test/e2e/lib.sh"
need ip rom_client

boot_image
boot_files "$work/expect"
serve
host pis -
# The bridge and the veths lose frames if a hundred windows meet a short queue.
in_host pis ip link set eth0 txqueuelen 10000
in_host server ip link set eth0 txqueuelen 10000

# Without a router: this is about the server. Each Pi has an address of its own all the same.
rom pis --model 4,5 --many 100 --timeout 400000 --serial 20000000 --address 10.77.0.100 --expect "$work/expect"
cat "$work/rom-pis.out"
[ "$(count pis booted)" = 100 ] || fail "$(count pis booted) of 100 booted"
for what in repeated_discovers repeated_requests repeated_acks late; do
	[ "$(count pis $what)" = 0 ] || fail "$what: $(count pis $what)"
done
end_server
