#!/bin/bash
# SPDX-License-Identifier: MIT
# A Pi keeps the image and the base that its overlay was made on, until the overlay is reset: the next
# mount has what is configured then.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"
. "$BRAMBLE_SOURCE/test/integration/lib_serve.sh"

need nfs-ls nfs-cat mcopy curl jq sfdisk tune2fs
serve_image

nfs() { echo "nfs://127.0.0.1/$1?nfsport=12049&mountport=12049"; }
PATH=$BRAMBLE_BUILD/test/support:$PATH
type -P nfs_edit >/dev/null || skip "libnfs was not there when this was built"
put() { nfs_edit "$(nfs "${2%%/*}")" put "$1" "/${2#*/}"; }
mounts() { nfs-ls "$(nfs "$1")" >/dev/null 2>&1; }
# version PI: of the image whose tree it has
version() { nfs-cat "$(nfs "$1/boot/firmware/version")"; }
# loads PI: the version that it loads its kernel of
loads() { curl -sf --max-time 20 "tftp://127.0.0.1:16069/$1/version"; }
base_of() { sed -n '/^\[base\]/,/^$/s/^name = //p' "$work/state/overlays/$1/info"; }
print_of() { grep fingerprint "$work/state/overlays/$1/info"; }

boot=$((8 << 20))
mlabel -i "$image@@$boot" -s :: >/dev/null 2>&1 || boot=$((4 << 20))
root=$(($(sfdisk --json "$image" | jq '.partitiontable.partitions[1].start') * 512))
# make VERSION: an image of this version, at VERSION.img
make() {
	cp "$image" "$1.img"
	echo "$1" >version
	mcopy -i "$1.img@@$boot" version ::version || fail "no image can be made"
	# of the root file system it is known when it was written to
	tune2fs -L "$1" "$1.img?offset=$root" >/dev/null 2>&1 || fail "no image can be made"
}
make one
make two
make three
cp one.img live.img
cat >conf <<TEXT
[server]
tftp-port = 16069
nfs-port = 12049
mount-port = 0
portmap-port = 0
dhcp = off
[image live]
file = $work/live.img
[image other]
file = $work/three.img
[defaults]
image = live
TEXT

serve_start --config "$work/conf"
for pi in 0000aaaa 0000bbbb 0000cccc; do
	[ "$(version $pi)" = one ] || fail "$pi has not the image"
done
echo mine >mine
put mine 0000aaaa/mine || fail "the Pi cannot write"
expect 0 bramble overlay snapshot 0000aaaa before

# Another [image] section: nothing happens before the reset.
expect 0 bramble pi set 0000bbbb image=other
[ "$(version 0000bbbb)" = one ] || fail "a Pi changes over by itself"
serve_stop
serve_start --config "$work/conf"
[ "$(version 0000bbbb)" = one ] || fail "a Pi changes over by a restart of the server"
serve_waits_for 'pi 0000bbbb: its overlay was made on another image' || fail "that is not told"
serve_waits_for 'it goes on with that one' || fail "it is not told what it goes on with"
expect 0 bramble overlay reset 0000bbbb --yes
[ "$(loads 0000bbbb)" = three ] || fail "its kernel is not of the image that it mounts then"
[ "$(version 0000bbbb)" = three ] || fail "a reset does not change over to another image"
[ "$(loads 0000bbbb)" = three ] || fail "its kernel is of another image"

# Another file at the same path: what was there is gone.
mv two.img live.img
serve_stop
serve_start --config "$work/conf"
! mounts 0000aaaa || fail "an overlay is shown above another image than its own"
serve_waits_for 'pi 0000aaaa: what its overlay was made on is not there any more' ||
	fail "it is not told that the image is gone"
! grep -q 'goes on with that one' "$work/log" || fail "it goes on with what is gone"
expect 0 bramble overlay reset 0000aaaa --yes
[ "$(loads 0000aaaa)" = two ] || fail "its kernel is not of the new image"
[ "$(version 0000aaaa)" = two ] || fail "a reset does not change over to a new file"
! nfs-cat "$(nfs 0000aaaa/mine)" >/dev/null 2>&1 || fail "a reset overlay has changes"
# the snapshot is of the other image
expect 0 bramble overlay show 0000aaaa
said out before
expect 1 bramble overlay restore 0000aaaa before --yes
[ "$(version 0000aaaa)" = two ] || fail "a snapshot that is refused does harm"

# Likewise without the server.
serve_stop
expect 0 bramble overlay reset 0000cccc --yes
serve_start --config "$work/conf"
[ "$(version 0000cccc)" = two ] || fail "a reset without the server does not change over"

# A base, and none again.
expect 0 bramble overlay create gold --image "$work/live.img"
expect 0 bramble pi set 0000cccc base=gold
[ "$(version 0000cccc)" = two ] || fail "the Pi cannot mount its tree"
[ -z "$(base_of 0000cccc)" ] || fail "a base is put below an overlay that is there"
serve_stop
serve_start --config "$work/conf"
mounts 0000cccc || fail "the Pi cannot mount its tree after a restart"
serve_waits_for 'made on no base, not on gold' || fail "it is not told that the base is another one"
expect 0 bramble overlay reset 0000cccc --yes
[ "$(version 0000cccc)" = two ] || fail "the Pi cannot mount a tree above a base"
[ "$(base_of 0000cccc)" = gold ] || fail "a reset does not change over to a base"
put mine 0000cccc/mine || fail "the Pi cannot write above a base"
expect 0 bramble pi set 0000cccc base=
expect 0 bramble overlay reset 0000cccc --yes
mounts 0000cccc || fail "the Pi cannot mount a tree without the base"
[ -z "$(base_of 0000cccc)" ] || fail "a reset does not leave a base"
serve_stop

# By hand: the image that is given is that of the overlay afterwards.
print=$(print_of 0000bbbb)
expect 1 bramble overlay reset 0000bbbb --yes --image "$work/nothing.img"
[ "$(bramble cat --overlay 0000bbbb three.img /boot/firmware/version)" = three ] ||
	fail "what cannot be reset is lost"
expect 0 bramble overlay reset 0000bbbb --yes --image live.img
[ "$(print_of 0000bbbb)" != "$print" ] || fail "reset does not take the image that is given"
[ "$(bramble cat --overlay 0000bbbb live.img /boot/firmware/version)" = two ] ||
	fail "an overlay cannot be shown on the image that it was reset with"
