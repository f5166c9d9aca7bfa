# SPDX-License-Identifier: MIT
# Overlays above overlays above an image: a frozen one under several others; and each fits only what
# it was made on.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_pi.sh"
source "$(dirname "$0")/lib_state.sh"

image=$work/pi.img
make_pi_image "$image"

shows() { # NAME PATH TEXT
	[ "$(bramble cat --overlay "$1" "$image" "$2" 2>&1)" = "$3" ] ||
		fail "$2 of $1 is not $3: $(bramble cat --overlay "$1" "$image" "$2" 2>&1)"
}

# --- image <- golden <- two Pis ----------------------------------------------------------------

edit "$image" golden 'write /etc/motd golden' 'write /home/pi/.profile golden' 'rm /bin/empty' \
	'mkdir /srv' 'fill /srv/big 1000000'
golden_id=$(node_id golden /etc/motd)
expect 0 bramble overlay create kitchen --base golden
expect 0 bramble overlay create garden --base golden --image "$image"
[ "$(field golden state)" = frozen ] || fail "golden is not frozen"
[ "$(field kitchen base)" = golden ] || fail "kitchen has no base"
expect 0 bramble overlay show golden
grep -q '^Base of: *garden, kitchen$' out || fail "golden does not say whose base it is"
shows kitchen /etc/motd golden
edit "$image" kitchen 'write /etc/motd kitchen' 'write /etc/kitchen 1' 'rm /srv/big'
edit - garden 'write /etc/garden 1' 'mv /srv /opt'
shows kitchen /etc/motd kitchen
shows garden /etc/motd golden
shows golden /etc/motd golden
shows garden /home/pi/.profile golden
expect 1 bramble cat --overlay garden "$image" /bin/empty
expect 1 bramble cat --overlay garden "$image" /etc/kitchen
[ "$(bramble cat --overlay garden "$image" /opt/big | wc -c)" = 1000000 ] || fail "data are lost"
[ "$(node_id kitchen /etc/motd)" = "$golden_id" ] || fail "a file has another number above"
[ "$(node_id kitchen /etc/kitchen)" -gt "$golden_id" ] || fail "numbers of layers collide"
expect 0 bramble overlay diff kitchen
[ "$(sort out)" = $'A /etc/kitchen\nD /srv/big\nM /etc/motd' ] || fail "diff: $(cat out)"
expect 0 bramble overlay check golden kitchen garden

# --- what is frozen stays as it is -------------------------------------------------------------

for sub in reset delete; do
	expect 1 bramble overlay $sub golden --yes
	grep -qE 'overlay golden: frozen: overlay (garden|kitchen) is made on it' err ||
		fail "$sub does not say why: $(cat err)"
done
printf 'write /etc/motd x\n' >lines
expect 1 "$overlay_edit" "$BRAMBLE_STATE" "$image" golden <lines
said err "overlay golden: frozen"
expect 0 bramble overlay snapshot golden before
expect 1 bramble overlay restore golden before --yes
said err "overlay golden: frozen"
shows golden /etc/motd golden
# a clone of it is not frozen, and has the same files
expect 0 bramble overlay clone golden silver
edit - silver 'write /etc/motd silver'
shows golden /etc/motd golden
shows silver /home/pi/.profile golden

# --- three layers, and as many as there may be -------------------------------------------------

expect 0 bramble overlay create pantry --base kitchen
edit - pantry 'write /etc/pantry 1' 'write /etc/motd pantry'
shows pantry /etc/kitchen 1
shows pantry /home/pi/.profile golden
shows kitchen /etc/motd kitchen
above=image
bramble overlay create layer-0 --image "$image"
for i in {1..12}; do
	edit - layer-$((i - 1)) "write /etc/layer-$((i - 1)) $i"
	bramble overlay create layer-$i --base layer-$((i - 1))
done
edit - layer-12 'write /etc/top 1'
shows layer-12 /etc/layer-0 1
shows layer-12 /etc/layer-11 12
expect 0 bramble overlay check layer-12
expect 1 bramble overlay create layer-13 --base layer-12
said err "more than 12 overlays would lie below it"
for i in {12..0}; do bramble overlay delete layer-$i --yes; done

# --- without dependents it can be changed again ------------------------------------------------

cp -a "$BRAMBLE_STATE/overlays/pantry" "$work/pantry"
cp -a "$BRAMBLE_STATE/overlays/garden" "$work/garden"
expect 0 bramble overlay delete pantry kitchen garden --yes
edit - golden 'write /etc/motd changed'
[ "$(field golden state)" = idle ] || fail "golden is still frozen"
shows golden /etc/motd changed

# one that comes back, from a backup, does not fit any more
cp -a "$work/garden" "$BRAMBLE_STATE/overlays/garden"
expect 1 bramble ls --overlay garden "$image" /
said err "overlay garden: overlay golden has changed since garden was made on it"
bramble overlay delete golden --yes
expect 1 bramble ls --overlay garden "$image" /
said err "overlay garden: made on overlay golden, which cannot be opened"
bramble overlay create golden --image "$image"
expect 1 bramble ls --overlay garden "$image" /
said err "overlay garden: made on another overlay of the name golden"
cp -a "$work/pantry" "$BRAMBLE_STATE/overlays/pantry"
expect 1 bramble ls --overlay pantry "$image" /
said err "overlay kitchen: there is none"
# what is made on itself leads nowhere
mkdir "$BRAMBLE_STATE/overlays/kitchen"
sed -e 's/^name = .*/name = pantry/' -e "s/^seal = .*/seal = $(printf '0%.0s' {1..32})/" \
	-e "/^next-id/a seal = $(sed -n 's/^seal = //p' "$work/pantry/info")" \
	-e "0,/^uuid = .*/s//uuid = $(sed -n 's/^uuid = //p' "$work/pantry/info" | tail -n 1)/" \
	"$work/pantry/info" >"$BRAMBLE_STATE/overlays/kitchen/info"
expect 1 bramble ls --overlay pantry "$image" /
said err "made on itself"
bramble overlay delete pantry kitchen garden golden -y

# --- refused -----------------------------------------------------------------------------------

# what is refused freezes nothing, and says why
bramble overlay create b1 --image "$image"
bramble overlay create taken --image "$image"
make_other_image=$work/other
mkdir "$make_other_image"
(work=$make_other_image && make_pi_image "$work/pi.img")
expect 1 bramble overlay create taken --base b1
said err "overlay taken: exists already"
expect 1 bramble overlay create b2 --base b1 --partition 2
expect 1 bramble overlay create b2 --base b1 --image "$make_other_image/pi.img"
[ "$(field b1 frozen)" = false ] || fail "frozen for nothing"
rm -r "$make_other_image"
bramble overlay create b2 --base b1
[ "$(field b1 frozen)" = true ] || fail "not frozen"
rm -r "$BRAMBLE_STATE/overlays/b1"
expect 1 bramble overlay create b3 --base b2
said err "overlay b2: made on overlay b1, which cannot be opened: No such file or directory"
[ "$(field b2 frozen)" = false ] || fail "frozen for nothing"
bramble overlay delete b2 taken -y

# --- the image ---------------------------------------------------------------------------------

edit "$image" kitchen 'write /etc/kitchen 1'
was=$(field kitchen fingerprint)

# another place, another time, another inode: the same image
cp --sparse=always "$image" "$work/moved.img"
touch -d '2001-02-03' "$work/moved.img"
expect 0 bramble ls --overlay kitchen "$work/moved.img" /etc
said out kitchen
mv "$image" "$work/hidden.img"
expect 1 bramble overlay diff kitchen
said err "$image: No such file"
for sub in diff show check; do
	expect 1 bramble overlay $sub kitchen
	said err "overlay kitchen: its image is not there: say --image FILE"
done
expect 0 bramble overlay diff kitchen --image "$work/moved.img"
edit "$work/moved.img" kitchen 'write /etc/kitchen 2'
[ "$(field kitchen image)" = "$work/moved.img" ] || fail "the new place is not recorded"
expect 0 bramble overlay diff kitchen
[ "$(field kitchen fingerprint)" = "$was" ] || fail "a moved image is another one"
mv "$work/hidden.img" "$image"
ln -s pi.img "$work/link.img"
edit "$work/link.img" kitchen 'write /etc/kitchen 1'
[ "$(field kitchen image)" = "$image" ] || fail "a link is recorded, not what it leads to"

refused() { # IMAGE TEXT
	expect 1 bramble ls --overlay kitchen "$1" /
	said err "overlay kitchen: made on $image"
	said err "$2"
	printf 'write /x x\n' >lines
	expect 1 "$overlay_edit" "$BRAMBLE_STATE" "$1" kitchen <lines
	said err "overlay kitchen: made on $image"
}

# others
work=$work/second
mkdir "$work"
make_pi_image "$work/pi.img"
work=${work%/second}
refused "$work/second/pi.img" "not on $work/second/pi.img"
truncate -s +512 "$work/moved.img"
refused "$work/moved.img" "not on $work/moved.img"

# edited by programs that write into images
edited() { # COMMAND...: what it does to the image is noticed
	cp --sparse=always "$image" "$work/kept.img"
	"$@" >/dev/null 2>&1 || fail "cannot edit: $*"
	refused "$image" "the image has changed since"
	mv "$work/kept.img" "$image"
	expect 0 bramble ls --overlay kitchen "$image" /
}
echo text >"$work/text"
edited mcopy -i "$image@@1M" "$work/text" ::text.txt
edited mcopy -i "$image@@1M" "$work/text" ::overlays/text.txt
edited mdel -i "$image@@1M" ::cmdline.txt
edited mattrib -i "$image@@1M" +r ::cmdline.txt
edited tune2fs -L other "$image?offset=$((17 << 20))"
edited debugfs -w -R "rm /etc/fstab" "$image?offset=$((17 << 20))"
edited debugfs -w -R "write $work/text /etc/text" "$image?offset=$((17 << 20))"
edited sfdisk -q --part-type "$image" 1 b
edited sfdisk -q --disk-id "$image" 0x12345678
edited truncate -s -512 "$image"
mkdir mnt
if [ "$(id -u)" = 0 ] &&
	mount -o "loop,offset=$((17 << 20)),sizelimit=$((79 << 20))" "$image" mnt 2>/dev/null; then
	umount mnt
	refused "$image" "the image has changed since"
fi
