# SPDX-License-Identifier: MIT
# Random actions on a mounted overlay of a Pi's image, its FAT volume included, give what they give
# on two ext4 volumes, one mounted in the other.
. "${BRAMBLE_SOURCE:-$(dirname "$0")/../..}/test/integration/lib.sh"
. "${BRAMBLE_SOURCE:-$(dirname "$0")/../..}/test/integration/lib_pi.sh"
. "${BRAMBLE_SOURCE:-$(dirname "$0")/../..}/test/integration/lib_mirror.sh"
mirror_needs

make_pi_image pi.img
sum=$(sha256sum <pi.img)
mirror_start pi.img boot/firmware
for seed in 11 12 13 14; do
	if [ $((seed % 2)) = 0 ]; then
		mirror_round $seed 2500 --caseless --users --compare-every 500
	else
		mirror_round $seed 2500 --caseless --compare-every 500
	fi
done
"$mirror" a b --ops 0 --inodes "$work/inodes" || fail "not the same after the last mount"
bramble umount a
[ "$sum" = "$(sha256sum <pi.img)" ] || fail "the image was written"
