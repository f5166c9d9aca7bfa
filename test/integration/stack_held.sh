#!/bin/bash
# SPDX-License-Identifier: MIT
# An overlay that a process has open: it is copied while it is written to, and every copy is sound and a
# state that existed. The write verifier changes when something may be lost, and only then.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need mke2fs mkfs.fat mcopy
run=$BRAMBLE_BUILD/test/support/stack_held_run
[ -x "$run" ] || fail "no $run"
export BRAMBLE_STATE=$PWD/state

bash "$BRAMBLE_SOURCE/test/images/make-pi-image" pi.img

"$run" copy pi.img "$BRAMBLE_STATE" pi 4 || fail "copies"
bramble overlay check pi pi-clone >out || fail "$(cat out)"
"$run" show pi.img "$BRAMBLE_STATE" pi-clone || fail "the clone is no state that existed"
for i in 0 1 2 3; do
	bramble overlay restore -y pi "s$i"
	"$run" show pi.img "$BRAMBLE_STATE" pi || fail "snapshot $i is no state that existed"
	bramble overlay check pi >out || fail "$(cat out)"
done

# verifier WHAT...: what it is, before something is done
verifier() {
	"$run" verifier pi.img "$BRAMBLE_STATE" v "$@"
}

first=$(verifier write)
[ "$(verifier)" = "$first" ] || fail "it changed after a clean end"
[ "$(verifier kill)" = "$first" ] || fail "it changed before anything was lost"
[ "$(verifier write sync kill)" = "$first" ] || fail "it changed although nothing was written"
second=$(verifier write)
[ "$second" != "$first" ] || fail "it did not change after an unclean end"
[ "$(verifier)" = "$second" ] || fail "it changed after a clean end that followed an unclean one"
[ "$(verifier write kill)" = "$second" ] || fail "it changed"
third=$(verifier kill)
[ "$third" != "$second" ] || fail "it did not change after a second unclean end"
fourth=$(verifier)
bramble overlay reset -y v
fifth=$(verifier)
other=$("$run" verifier pi.img "$BRAMBLE_STATE" w)
[ "$(printf '%s\n' "$first" "$second" "$third" "$fifth" "$other" | sort -u | wc -l)" = 5 ] ||
	fail "two verifiers are the same"
echo "$first $second $third $fourth $fifth $other"
