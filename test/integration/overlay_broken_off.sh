# SPDX-License-Identifier: MIT
# Whatever is done to an overlay as a whole may be killed at any call that changes a file: afterwards the
# overlay is as it was or as it was to be, it is sound, nothing stays half made, and numbers of nodes are
# not given out again.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_pi.sh"
source "$(dirname "$0")/lib_state.sh"

kill_at=$BRAMBLE_BUILD/test/support/kill_at.so
[ -e "$kill_at" ] || skip "kill_at is not built"
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0

# a killed process loses nothing that it had written, so that it need not reach a disk
if [ -w /dev/shm ]; then
	BRAMBLE_STATE=$(mktemp -d /dev/shm/bramble-test.XXXXXX)/state
	at_end "rm -rf '${BRAMBLE_STATE%/state}'"
fi
start=${BRAMBLE_STATE%/state}/start

image=$work/pi.img
make_pi_image "$image"
touch -d '2001-02-03' "$image"

# The start: a snapshot "snap" with /etc/a = 1, and now /etc/a = 2.
edit "$image" kitchen 'write /etc/a 1'
bramble overlay snapshot kitchen snap
edit - kitchen 'write /etc/a 2' 'write /etc/b 1'
last=$(node_id kitchen /etc/b)
mv "$BRAMBLE_STATE" "$start"

content() { bramble cat -q --overlay "$1" "$image" /etc/a 2>/dev/null || echo none; }

# look NAME EXPECTED...: the overlay is sound, and its /etc/a is one of those; "absent": or there is none
look() {
	local name=$1 want
	shift
	expect 0 bramble overlay list
	if ! grep -q "^$name " out; then
		[[ " $* " == *" absent "* ]] || fail "$what, killed at $at: $name is gone"
		return
	fi
	! grep -q damaged out || fail "$what, killed at $at: $(cat out err)"
	bramble overlay check "$name" >out 2>err ||
		fail "$what, killed at $at: $name is not sound: $(cat out err)"
	for want; do
		[ "$(content "$name")" != "$want" ] || return 0
	done
	fail "$what, killed at $at: /etc/a of $name is $(content "$name")"
}

# whole: nothing is left half made once something else was done, and numbers go on
whole() {
	bramble overlay create other --image "$image" ||
		fail "$what, killed at $at: no overlay can be made"
	edit - kitchen 'write /etc/new x'
	(($(node_id kitchen /etc/new) > last)) ||
		fail "$what, killed at $at: a number is given out again"
	bramble overlay snapshot kitchen another || fail "$what, killed at $at: no snapshot"
	[ -z "$(find "$BRAMBLE_STATE" -name '.*')" ] ||
		fail "$what, killed at $at: left: $(find "$BRAMBLE_STATE" -name '.*')"
}

# broken_off WHAT CHECK COMMAND...: CHECK is run after each way to end it too early
broken_off() {
	local check=$2 status
	what=$1
	shift 2
	for ((at = 1; at < 500; at++)); do
		rm -rf "$BRAMBLE_STATE"
		cp -a "$start" "$BRAMBLE_STATE"
		status=0
		# in a shell of its own, which says that it was killed
		(
			KILL_AT=$at LD_PRELOAD=$kill_at "$@"
			exit $?
		) >out 2>err || status=$?
		[ $status = 0 ] || [ $status = 137 ] || fail "$what: status $status: $(cat err)"
		$check
		[ $status = 137 ] || break
	done
	((at > 3)) || fail "$what changes no files"
	echo "$what: $((at - 1)) moments"
}

after_reset() { look kitchen 2 none && whole; }
after_restore() { look kitchen 2 1 && whole; }
after_snapshot() {
	look kitchen 2
	bramble overlay snapshot kitchen --list >list
	if grep -q '^new ' list; then
		bramble overlay restore kitchen new -y && look kitchen 2
	fi
	whole
}
after_unsnapshot() {
	look kitchen 2
	bramble overlay snapshot kitchen --list >list
	if grep -q '^snap ' list; then
		bramble overlay restore kitchen snap -y && look kitchen 1
	fi
	whole
}
after_clone() {
	look kitchen 2
	look copy 2 absent
	whole
}
after_delete() {
	look kitchen 2 absent
	bramble overlay create other --image "$image"
	[ -z "$(find "$BRAMBLE_STATE" -name '.*')" ] || fail "$what, killed at $at: left"
}
after_create() {
	look kitchen 2
	look fresh none absent
	whole
}
after_base() {
	look kitchen 2
	look child 2 absent
	if bramble overlay list | grep '^child ' >/dev/null; then
		edit - child 'write /etc/a 3'
		bramble overlay delete child -y
	fi
	whole
}
after_first_write() {
	look kitchen 2
	look fresh none new absent
	edit "$image" fresh 'write /etc/a new'
	look fresh new
	whole
}

broken_off reset after_reset bramble overlay reset kitchen -y
broken_off restore after_restore bramble overlay restore kitchen snap -y
broken_off snapshot after_snapshot bramble overlay snapshot kitchen new
broken_off unsnapshot after_unsnapshot bramble overlay snapshot kitchen --delete snap --yes
broken_off clone after_clone bramble overlay clone kitchen copy
broken_off delete after_delete bramble overlay delete kitchen -y
broken_off create after_create bramble overlay create fresh --image "$image"
broken_off base after_base bramble overlay create child --base kitchen
printf 'write /etc/a new\n' >lines
first() { "$overlay_edit" "$BRAMBLE_STATE" "$image" fresh <lines; }
broken_off 'the first write' after_first_write first
