# SPDX-License-Identifier: MIT
# Sourced by tests of overlays without a mount, behind lib_pi.sh: a state directory of the test's own.

export BRAMBLE_STATE=$work/state
overlay_edit=$BRAMBLE_BUILD/test/support/overlay_edit
[ -x "$overlay_edit" ] || skip "overlay_edit is not built"

# edit IMAGE NAME LINE...: opens the overlay, carries out the lines, closes it; "-": its own image
edit() {
	local of=$1 name=$2
	shift 2
	printf '%s\n' "$@" | "$overlay_edit" "$BRAMBLE_STATE" "$of" "$name" >"$work/edited" ||
		{
			cat "$work/edited" >&2
			fail "cannot edit overlay $name"
		}
}

# edit_crash IMAGE NAME LINE...: the same, but the process ends at once after the last line
edit_crash() {
	local of=$1 name=$2
	shift 2
	printf '%s\n' "$@" crash |
		"$overlay_edit" "$BRAMBLE_STATE" "$of" "$name" >"$work/edited" 2>/dev/null || true
}

# hold IMAGE NAME: a process that has the overlay open, until release
hold() {
	local line
	mkfifo "$work/hold.in" "$work/hold.out"
	"$overlay_edit" "$BRAMBLE_STATE" "$1" "$2" <"$work/hold.in" >"$work/hold.out" &
	holder=$!
	at_end "kill $holder"
	exec 7>"$work/hold.in" 8<"$work/hold.out"
	read -r -u 8 line && [ "$line" = ready ] || fail "the overlay $2 cannot be held"
}

# tell LINE: the holder does it
tell() {
	local line
	echo "$1" >&7
	while read -r -u 8 line; do
		[ "$line" != ok ] || return 0
		[[ $line != E* ]] || fail "$1: $line"
	done
	fail "$1: the holder has ended"
}

release() {
	exec 7>&-
	wait "$holder" || fail "the holder failed"
	exec 8<&-
	rm "$work/hold.in" "$work/hold.out"
}

# release_killed: the same, of one that did not end by itself
release_killed() {
	wait "$holder" 2>/dev/null || true
	exec 7>&- 8<&-
	rm "$work/hold.in" "$work/hold.out"
}

# field NAME KEY: of the JSON that overlay show prints
field() { bramble overlay show --json "$1" | sed -nE "s/^  \"$2\": \"?([^\",]*)\"?,?\$/\\1/p"; }

# node_id NAME PATH: the number of a file of $image as the overlay has it
node_id() {
	bramble stat --json --overlay "$1" "$image" "$2" | sed -nE 's/^ *"id": ([0-9]+),?$/\1/p'
}
