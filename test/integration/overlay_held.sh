# SPDX-License-Identifier: MIT
# An overlay that a process has open: it can be looked at, and whoever else wants it is told who.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_pi.sh"
source "$(dirname "$0")/lib_state.sh"

image=$work/pi.img
make_pi_image "$image"
edit "$image" kitchen 'write /etc/one 1'
bramble overlay snapshot kitchen snap

hold "$image" kitchen
tell 'write /etc/two 2'

expect 0 bramble overlay list
grep -qE "^kitchen .* in use by process $holder \(overlay_edit" out || fail "list: $(cat out)"
expect 0 bramble overlay list --json
said out '"state": "in use"'
said out "\"holder\": \"process $holder (overlay_edit"
expect 0 bramble overlay show kitchen
said out "in use by process $holder"
expect 0 bramble overlay snapshot kitchen --list

refused() {
	expect 1 "$@"
	grep -qE "overlay kitchen: in use by process $holder \(overlay_edit" err ||
		fail "does not name the holder: $*: $(cat err)"
}
refused bramble overlay diff kitchen
refused bramble overlay reset kitchen --yes
refused bramble overlay snapshot kitchen
refused bramble overlay snapshot kitchen --delete snap --yes
refused bramble overlay restore kitchen snap --yes
refused bramble overlay clone kitchen other
refused bramble overlay delete kitchen --yes
refused bramble overlay check kitchen
refused bramble overlay create other --base kitchen
refused bramble ls --overlay kitchen "$image" /
refused "$overlay_edit" "$BRAMBLE_STATE" "$image" kitchen </dev/null

# list and show do not get into the way of those who want to have it
tell 'write /etc/three 3'
release
expect 0 bramble overlay diff kitchen
said out "A /etc/three"
[ "$(field kitchen state)" = idle ] || fail "still in use"

# killed: nobody has it any more
hold "$image" kitchen
tell 'write /etc/four 4'
tell sync
kill -9 "$holder"
release_killed
[ "$(field kitchen state)" = idle ] || fail "the dead have it"
expect 0 bramble cat --overlay kitchen "$image" /etc/four
expect 0 bramble overlay check kitchen

# one who is ending is waited for
hold "$image" kitchen
: >"$BRAMBLE_STATE/overlays/kitchen/ending"
(
	sleep 2
	kill -9 "$holder"
) &
expect 0 bramble overlay clone kitchen other
release_killed
edit - kitchen 'write /etc/five 5'
[ ! -e "$BRAMBLE_STATE/overlays/kitchen/ending" ] || fail "it ends for ever"

# what the lock says of its holder commands no terminal
hold "$image" kitchen
printf 'pid %d \033[31mred\n' "$holder" >"$BRAMBLE_STATE/overlays/kitchen/lock"
expect 0 bramble overlay list
said out "in use by process $holder (?[31mred)"
expect 1 bramble overlay reset kitchen --yes
said err "in use by process $holder (?[31mred)"
release

# what is frozen may be read by many at once
bramble overlay create left --base kitchen
bramble overlay create right --base kitchen
hold "$image" left
edit - right 'write /etc/right 1'
expect 0 bramble ls --overlay kitchen "$image" /
expect 1 bramble overlay reset kitchen --yes
said err "overlay kitchen: frozen: overlay left is made on it"
release

# one who reads is named, too
if [ "$(id -u)" = 0 ] && [ -e /dev/fuse ] && type -P fusermount3 >/dev/null; then
	mkdir mnt
	bramble mount "$image" mnt --overlay other -r
	at_end "bramble umount '$work/mnt' || umount -l '$work/mnt'"
	expect 1 bramble overlay reset other --yes
	grep -qE 'overlay other: in use by process [0-9]+ \(bramble mount\)' err ||
		fail "does not name the reader: $(cat err)"
	expect 0 bramble overlay list
	grep -qE '^other .* in use by process [0-9]+ \(bramble mount\)' out || fail "list: $(cat out)"
	bramble umount mnt
	expect 0 bramble overlay reset other --yes
fi
