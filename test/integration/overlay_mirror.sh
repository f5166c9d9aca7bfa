# SPDX-License-Identifier: MIT
# Random actions on a mounted overlay give what they give on ext4: over an ext4 image with contents,
# by root and by others, with the overlay mounted again in between.
. "${BRAMBLE_SOURCE:-$(dirname "$0")/../..}/test/integration/lib.sh"
. "${BRAMBLE_SOURCE:-$(dirname "$0")/../..}/test/integration/lib_mirror.sh"
mirror_needs

make_tree tree
truncate -s 64M pi.img
mke2fs -q -F -t ext4 -d tree pi.img
sum=$(sha256sum <pi.img)
mirror_start pi.img
rmdir a/lost+found b/lost+found
for seed in 1 2 3 4 5 6; do
	if [ $((seed % 2)) = 0 ]; then
		mirror_round $seed 2500 --users --compare-every 500
	else
		mirror_round $seed 2500 --compare-every 500
	fi
done
"$mirror" a b --ops 0 --inodes "$work/inodes" || fail "not the same after the last mount"
bramble umount a
[ "$sum" = "$(sha256sum <pi.img)" ] || fail "the image was written"
