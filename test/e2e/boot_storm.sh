#!/bin/bash
# SPDX-License-Identifier: MIT
# A hundred Pis that are switched on at once load all their files, as they are in the image, mount their trees, read,
# write and commit; and none of them has to ask a second time. test/stress/boot-storm does it with a thousand.
. "$BRAMBLE_SOURCE/test/e2e/lib.sh"
. "$here/lib_storm.sh"
need ip rom_client nfs_storm

boot_image
boot_files "$work/expect"
# Without a router: this is about the server. Each Pi has an address of its own all the same.
storm_hosts
serve
storm 100 400
cat "$work/rom-pis.out" "$work/nfs-pis.out"
storm_judge 100
storm_end
end_server
