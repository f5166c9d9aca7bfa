#!/bin/bash
# SPDX-License-Identifier: MIT
# What was read once is kept by the kernel: a second open reads nothing. Seen by changing the image
# underneath, which nobody should do.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need_fuse
need mke2fs debugfs

mkdir tree dir
head -c 8192 /dev/zero | tr '\0' a >tree/file
truncate -s 2M a.img
mke2fs -q -t ext4 -b 4096 -d tree a.img
block=$(debugfs -R "blocks /file" a.img 2>/dev/null | awk '{ print $1 }')

bramble mount a.img dir
at_end "bramble umount -l '$work/dir'"
cmp dir/file tree/file || fail "the file differs"
head -c 8192 /dev/zero | tr '\0' b | dd of=a.img bs=4096 seek="$block" conv=notrunc status=none
cmp dir/file tree/file || fail "the second open has read the file again"
bramble umount dir

bramble mount a.img dir
[ "$(head -c 4 dir/file)" = bbbb ] || fail "the test does not change the file at all"
