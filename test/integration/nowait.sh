#!/bin/bash
# SPDX-License-Identifier: MIT
# What is answered by who may not wait is what others are told, or that one would have to wait; that
# leaves nothing behind. Of every kind of tree, with images that are in memory now and then.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need mke2fs debugfs tune2fs e2fsck dumpe2fs mkfs.fat mcopy
walk=$BRAMBLE_BUILD/test/support/nowait_walk
[ -x "$walk" ] || fail "no $walk"
images=$BRAMBLE_SOURCE/test/images

bash "$images/make-ext4-images" made metadata-csum casefold encrypted ea-inode extents-deep indirect \
	inline-data dir-index unwritten >list
mapfile -t made <list
for image in "${made[@]}"; do
	"$walk" ext4 "$image" || fail "$image"
	"$walk" --overlay ext4 "$image" || fail "an overlay above $image"
done

bash "$images/make-pi-image" --only root root.img
bash "$images/make-pi-image" --only boot boot.img
for i in $(seq 300); do printf '%s' "$i" >"a long name, number $i.dtbo"; done
mmd -i boot.img ::many
mcopy -i boot.img ./*.dtbo ::many
for above in '' --overlay; do
	# shellcheck disable=SC2086 # no argument at all, if it is empty
	"$walk" $above fat boot.img || fail "FAT $above"
	# shellcheck disable=SC2086
	"$walk" $above ext4 root.img fat boot.img /boot/firmware || fail "composed $above"
done
