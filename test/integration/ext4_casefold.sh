# SPDX-License-Identifier: MIT
# A directory with the casefold flag finds its names in any case and any composition; others do not.
. "${BRAMBLE_SOURCE:-$(dirname "$0")/../..}/test/integration/lib.sh"
need mke2fs debugfs

echo text >file
mke2fs -q -F -t ext4 -O casefold -E encoding=utf8 fold.img 8M 2>err || skip "mke2fs knows no casefold"
printf '%s\n' 'mkdir d' 'sif d flags 0x40080000' 'cd d' 'write file Größe.TXT' 'write file Straße' \
	>commands
PAGER="cat" timeout 20 debugfs -w -f commands fold.img </dev/null >/dev/null 2>&1

for name in Größe.TXT größe.txt GRÖSSE.txt "$(printf 'GRO\314\210SSE.Txt')" STRASSE straSSe; do
	expect 0 bramble cat fold.img "/d/$name"
	cmp file "$work/out"
done
expect 0 bramble ls fold.img /d
printf '%s\n' Größe.TXT Straße | cmp - "$work/out"
expect 1 bramble cat fold.img /D/Straße
expect 1 bramble cat fold.img /d/Strase
