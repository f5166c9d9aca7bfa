#!/bin/bash
# SPDX-License-Identifier: MIT
# The benchmark of NFS, in its small form, measures every line of its table for every peer that is there.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need_root
need mke2fs ip taskset

"$BRAMBLE_SOURCE/test/bench/serve" --small --build "$BRAMBLE_BUILD" --dir "$work" \
	--output "$work/table.md" >"$work/out" 2>"$work/err" ||
	{ cat "$work/err"; fail "test/bench/serve ended with status $?"; }
cat "$work/err" "$work/out"

[ "$(grep -c '^|' table.md)" = 14 ] || fail "the table has not 12 lines below its head"
awk -F'|' '
	/^\| best/ { for (i = 4; i < NF; i++) { gsub(/ /, "", $i); if ($i == "bramble") column = i } }
	/^\| / && !/^\| best/ && $column !~ /[0-9]/ { print "no number for bramble: " $0; bad = 1 }
	END { exit bad || !column }' table.md || fail "a line is empty"
