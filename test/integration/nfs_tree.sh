# SPDX-License-Identifier: MIT
# A whole image, read through another project's client, is what the image is: with and without an overlay.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_pi.sh"
source "$(dirname "$0")/lib_nfs.sh"
make_pi_image img
mkdir state

# what NFSv3 cannot tell: types in listings, extended attributes, times before 1970
as_nfs_tells() {
	sed -E 's/ dtype=.//; s/ xattr:[^ ]*//g; s/=-[0-9]+\.[0-9]+/=0.000000000/g' "$1" |
		grep -v '^/boot/firmware ' | LC_ALL=C sort
}

"$support/manifest_tree" --offset $((17 << 20)) img >tree.txt
as_nfs_tells tree.txt >wanted
[ "$(wc -l <wanted)" -gt 300 ] || fail "the image has too few files"
for overlay in '' '-s state -o tree'; do
	nfs_port=0
	# shellcheck disable=SC2086
	nfs_start $overlay img
	url="nfs://127.0.0.1/export?nfsport=$nfs_port&mountport=$nfs_port&version=3"
	"$support/nfs_manifest" --skip /boot/firmware "$url" >nfs.txt
	as_nfs_tells nfs.txt >got
	diff wanted got || fail "NFS shows another tree${overlay:+ with an overlay}"
	nfs_stop
done
