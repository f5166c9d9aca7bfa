#!/bin/bash
# SPDX-License-Identifier: MIT
# The benchmark of overlays, in its small form, measures every line of its table for bramble, and
# those of the kernel's overlayfs where that is there.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need_root
need_fuse
need mke2fs losetup mountpoint pgrep
mkdir probe
truncate -s 1M probe.img
mke2fs -q probe.img
loop_mount probe.img probe ro

"$BRAMBLE_SOURCE/test/bench/overlay" --small --bramble "$BRAMBLE_BUILD/tools/bramble" \
	--output "$work/table.md" >"$work/out" 2>"$work/err" ||
	{ cat "$work/err"; fail "test/bench/overlay ended with status $?"; }
cat "$work/err" "$work/out"

[ "$(grep -c '^|' table.md)" = 32 ] || fail "the table has not 30 lines below its head"
for peer in overlayfs bramble bramble-wb bramble-ro; do
	grep -q "skipped: $peer:" err && [ $peer != overlayfs ] && fail "$peer was not measured"
done
awk -F'|' '
	/^\| best/ { for (i = 4; i < NF; i++) { gsub(/ /, "", $i); if ($i == "bramble") column = i } }
	/^\| / && !/^\| best/ && $column !~ /[0-9]/ { print "no number for bramble: " $0; bad = 1 }
	END { exit bad || !column }' table.md || fail "a line is empty"
