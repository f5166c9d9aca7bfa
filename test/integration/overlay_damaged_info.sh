# SPDX-License-Identifier: MIT
# A damaged or incomplete folder of an overlay: the file is named, nothing more is destroyed, and what a
# crash left half made goes away.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_pi.sh"
source "$(dirname "$0")/lib_state.sh"

image=$work/pi.img
make_pi_image "$image"
edit "$image" kitchen 'write /etc/one 1'
bramble overlay create attic --image "$image"
folder=$BRAMBLE_STATE/overlays/kitchen
info=$folder/info
cp "$info" "$work/info"

refused() { # TEXT
	local sub
	for sub in show diff snapshot check; do
		expect 1 bramble overlay $sub kitchen
		said err "$1"
	done
	expect 1 bramble overlay reset kitchen --yes
	said err "$1"
	expect 1 bramble ls --overlay kitchen "$image" /
	said err "$1"
	expect 1 bramble overlay list
	said err "$1"
	grep -qE '^kitchen +- +damaged' out || fail "list: $(cat out)"
	grep -qE '^attic .* idle' out || fail "list stops at what is damaged: $(cat out)"
}

whole() {
	cp "$work/info" "$info"
	expect 0 bramble cat --overlay kitchen "$image" /etc/one
}

change() { sed "$1" "$work/info" >"$info"; }

change 's/^epoch = .*/epoch = many/'
refused "$info:5: epoch: not a number"
change '/^fingerprint/d'
refused "fingerprint is missing in section [image]"
change 's/^format = .*/format = 2/'
refused "$info: format 2: made by a later version of bramble"
expect 1 bramble overlay delete kitchen --yes
said err "made by a later version"
change 's/^\[image\]/image/'
refused "neither [SECTION] nor KEY = VALUE"
: >"$info"
refused "$info: says no format"
head -c 100000 /dev/zero >"$info"
refused "$info: longer than"
head -c 1000 /dev/zero >"$info"
refused "$info: has zero bytes"
head -c 5000 /dev/urandom >"$info"
refused "$info"
head -c 60000 /dev/urandom | tr '\0' x >"$info"
refused "$info"
rm "$info"
refused "$info: is missing"
mkdir "$info"
refused "$info: Is a directory"
rmdir "$info"
ln -s /etc/passwd "$info"
refused "$info: Too many levels"
rm "$info"
mkfifo "$info"
refused "$info: says no format"
rm "$info"
whole

# keys that nobody knows are kept out, with a warning
sed 's/^epoch = .*/&\ncolour = red/' "$work/info" >"$info"
expect 0 bramble cat --overlay kitchen "$image" /etc/one
said err "$info:6: colour in section [overlay]: unknown, left alone"
whole

# any file that is cut somewhere is whole, or refused with its name
size=$(stat -c %s "$work/info")
for ((at = 0; at < size; at += 7)); do
	head -c "$at" "$work/info" >"$info"
	if ! bramble overlay show -q kitchen >out 2>err; then
		grep -q "$info" err || fail "cut at $at: $(cat err)"
	fi
done
whole

# what is damaged may hide that it is made on another, which is then not changed; but it can go
expect 0 bramble overlay create left --base kitchen
echo rubbish >"$BRAMBLE_STATE/overlays/left/info"
expect 1 bramble overlay reset kitchen --yes
said err "$BRAMBLE_STATE/overlays/left/info"
said err "overlay kitchen: whether overlay left is made on it is unknown: delete left first"
# ... and two that are do not keep each other
expect 0 bramble overlay create right --image "$image"
echo rubbish >"$BRAMBLE_STATE/overlays/right/info"
expect 0 bramble overlay delete left --yes
expect 0 bramble overlay delete right --yes
expect 0 bramble overlay list
! grep -q left out || fail "left is still there"
expect 0 bramble overlay reset kitchen --yes
cp -a "$work/info" "$info"

# --- what a crash leaves -----------------------------------------------------------------------

mkdir "$BRAMBLE_STATE/overlays/.new.aB3xyz" "$BRAMBLE_STATE/overlays/.old.aB3xyz"
echo x >"$BRAMBLE_STATE/overlays/.old.aB3xyz/info"
mkdir "$BRAMBLE_STATE/overlays/.mine"
expect 0 bramble overlay list
! grep -q aB3 out || fail "half an overlay is in the list"
expect 0 bramble overlay create cellar --image "$image"
[ "$(find "$BRAMBLE_STATE/overlays" -name '*aB3*' | wc -l)" = 0 ] || fail "left for ever"
[ -d "$BRAMBLE_STATE/overlays/.mine" ] || fail "somebody else's folder is gone"

# a restore that was broken off before and after it counted
edit - cellar 'write /etc/one 1'
bramble overlay snapshot cellar snap
edit - cellar 'write /etc/one 2' 'write /etc/two 2'
cellar=$BRAMBLE_STATE/overlays/cellar
cp -a "$cellar/snapshots/snap" "$cellar/.restored"
rm "$cellar/.restored/info"
expect 0 bramble cat --overlay cellar "$image" /etc/one
[ "$(cat out)" = 2 ] || fail "it counted too early"
edit - cellar 'write /etc/three 3'
[ ! -e "$cellar/.restored" ] || fail "half a restore is left for ever"
cp -a "$cellar/snapshots/snap" "$cellar/.restored"
rm "$cellar/.restored/info"
sed -i '/^\[overlay\]/a restoring = yes' "$cellar/info"
expect 0 bramble cat --overlay cellar "$image" /etc/one
[ "$(cat out)" = 1 ] || fail "a restore is not brought to its end"
expect 1 bramble cat --overlay cellar "$image" /etc/two
[ ! -e "$cellar/.restored" ] || fail "left for ever"
expect 0 bramble overlay check cellar
# ... or when one file had been put in place
mkdir "$cellar/.restored"
cp -a "$cellar/snapshots/snap/data" "$cellar/.restored/data"
cp -a "$cellar/snapshots/snap/meta" "$cellar/meta"
sed -i '/^\[overlay\]/a restoring = yes' "$cellar/info"
expect 0 bramble overlay check cellar
[ "$(bramble cat --overlay cellar "$image" /etc/one)" = 1 ] || fail "half a restore"

# files of the store that are missing
bramble overlay snapshot cellar whole
for file in meta data; do
	rm "$cellar/$file"
	expect 1 bramble ls --overlay cellar "$image" /
	said err "overlay cellar: cannot be opened"
	expect 1 bramble overlay check cellar
	expect 0 bramble overlay restore cellar whole --yes
	[ "$(bramble cat --overlay cellar "$image" /etc/one)" = 1 ] || fail "not restored"
done

# --- what somebody else has put there ----------------------------------------------------------

# nothing is taken from elsewhere, nothing is written elsewhere, nothing is waited at
edit "$image" porch 'write /etc/one 1'
porch=$BRAMBLE_STATE/overlays/porch
mkdir "$work/victim"
echo secret >"$work/victim/passwd"
echo secret >"$work/victim/data"
ln -s "$work/victim" "$porch/.restored"
sed -i '/^\[overlay\]/a restoring = yes' "$porch/info"
expect 1 bramble cat --overlay porch "$image" /etc/one
said err "$porch/.restored: Not a directory"
[ "$(cat "$work/victim/passwd" "$work/victim/data")" = "$(printf 'secret\nsecret')" ] ||
	fail "files of somebody else are moved"
rm "$porch/.restored"
mkdir "$porch/.restored"
echo other >"$porch/.restored/other"
expect 0 bramble cat --overlay porch "$image" /etc/one
[ ! -e "$porch/other" ] || fail "what is no part of a store is put in its place"
mkfifo "$porch/ending" "$porch/info.new"
echo 'write /etc/one 2' |
	timeout 20 "$overlay_edit" "$BRAMBLE_STATE" - porch >out 2>err || fail "a fifo: $(cat err)"
ln -s "$work/victim/passwd" "$porch/info.new"
edit - porch 'write /etc/one 3'
[ "$(cat "$work/victim/passwd")" = secret ] || fail "a link is written through"

# a holder whose folder was moved away leaves alone what lies there in its stead
hold "$image" porch
tell 'write /etc/one 4'
mv "$porch" "$work/porch"
cp -a "$work/porch" "$porch"
cp "$porch/info" "$work/info"
release
cmp -s "$porch/info" "$work/info" || fail "somebody else's info is written"
grep -q in-use "$porch/info" || fail "this test is of no use"
! grep -q in-use "$work/porch/info" || fail "its own info is not written"
rm -rf "$porch"

# --- damaged snapshots -------------------------------------------------------------------------

edit "$image" pantry 'fill /srv.big 300000'
bramble overlay snapshot pantry snap
edit - pantry 'write /etc/precious 1'
snap=$BRAMBLE_STATE/overlays/pantry/snapshots/snap
cp -a "$snap" "$work/snap"

# damaged TEXT: check says so, and the snapshot does not take the place of what is good
damaged() {
	expect 1 bramble overlay check pantry
	said err "$1"
	said err "overlay pantry: snapshot snap: damaged"
	expect 1 bramble overlay check --json pantry
	grep -qE '"problems": [1-9]' out || fail "JSON says of no problem: $(cat out)"
	expect 1 bramble overlay restore pantry snap --yes
	said err "$1"
	[ "$(bramble cat --overlay pantry "$image" /etc/precious)" = 1 ] ||
		fail "a damaged snapshot takes the place of what was good"
	[ ! -e "$BRAMBLE_STATE/overlays/pantry/.restored" ] || fail "a copy is left"
	rm -rf "$snap"
	cp -a "$work/snap" "$snap"
	expect 0 bramble overlay check pantry
}

truncate -s 0 "$snap/data"
damaged "snapshot snap: damaged"
head -c 24576 /dev/urandom | dd of="$snap/meta" bs=4096 seek=2 conv=notrunc status=none
damaged "snapshot snap: damaged"
rm "$snap/meta"
damaged "snapshot snap: damaged"
rm "$snap/info"
expect 0 bramble overlay snapshot pantry --list
said out snap
damaged "$snap/info: is missing"
sed -i 's/^fingerprint = ../fingerprint = 00/' "$snap/info"
damaged "snapshot snap was made on another base"

# the image may be gone when a sound one is restored
cp --sparse=always "$image" "$work/moved.img"
edit "$work/moved.img" shed 'write /etc/a 1'
bramble overlay snapshot shed snap
edit - shed 'write /etc/a 2'
mv "$work/moved.img" "$work/elsewhere.img"
expect 0 bramble overlay restore shed snap --yes
[ "$(bramble cat --overlay shed "$work/elsewhere.img" /etc/a)" = 1 ] || fail "not restored"
bramble overlay delete shed --yes

# a snapshot of what is empty has no store, and is whole
bramble overlay create void --image "$image"
bramble overlay snapshot void snap
expect 0 bramble overlay check void

# --- numbers of nodes --------------------------------------------------------------------------

# not given out again where the store of the first session is lost, however large the lower tree is
need mkfs.vfat
image=$work/fat.img
truncate -s 1G "$image"
mkfs.vfat -F 32 "$image" >/dev/null
edit_crash "$image" fat 'write /a 1' 'write /b 1' sync
was=$(node_id fat /b)
head -c 8192 /dev/urandom | dd of="$BRAMBLE_STATE/overlays/fat/meta" conv=notrunc status=none
expect 0 bramble overlay reset fat --yes
edit - fat 'write /c 1'
(($(node_id fat /c) > was)) || fail "a number is given out again"
