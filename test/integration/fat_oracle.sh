# SPDX-License-Identifier: MIT
# FAT volumes that mkfs.fat and mtools make: what we show is what mtools reads and fsck.fat accepts.
. "$(dirname "$0")/lib.sh"
need mkfs.fat fsck.fat mcopy mmd mdel mattrib mdir

export MTOOLS_SKIP_CHECK=1 MTOOLSRC=$work/mtoolsrc LC_ALL=C.UTF-8 TZ=UTC
tree_dump=$BRAMBLE_BUILD/test/support/tree_dump
[ -x "$tree_dump" ] || fail "no $tree_dump"
printf 'mtools_skip_check=1\n' >"$MTOOLSRC"

# content NUMBER BYTES: different for each number, the same each time
content() {
	seq "$1" 7 "$(($1 + $2))" | head -c "$2"
}

# fill IMAGE: deep folders, long and foreign names, attributes, fragments
fill() {
	local i path=::/deep

	rm -rf source && mkdir -p source/many source/empty
	content 1 100000 >source/"a file with spaces and a very long name that needs many entries.bin"
	content 2 5 >source/"Äpfel, Öl und Übermut.txt"
	content 3 70000 >source/"日本語のファイル名.dat"
	content 4 4096 >source/UPPER.TXT
	content 5 512 >source/lower.txt
	content 6 513 >source/Mixed.Txt
	content 7 1 >source/noext
	content 8 2000 >source/two.dots.here
	content 9 2000 >source/.hidden
	content 10 2000 >source/"plus+equal=[brackets];comma,"
	: >source/empty.file
	printf -v long 'x%.0s' {1..250}
	content 11 99 >source/"$long.txt"
	for i in $(seq 150); do content "$i" "$i" >"source/many/a file of many, number $i.txt"; done
	touch -d '2001-02-03 04:05:06' source/UPPER.TXT
	touch -d '1980-01-01 00:00:00' source/lower.txt
	touch -d '2099-12-31 23:59:58' source/Mixed.Txt
	mcopy -s -m -i "$1" source/* source/.hidden ::
	for i in 1 2 3 4 5 6 7 8 9; do
		mmd -i "$1" "$path"
		content "$i" 300 | mcopy -i "$1" - "$path/file $i"
		path="$path/level $i"
	done
	for i in $(seq 20); do content 20 3000 | mcopy -i "$1" - "::hole$i"; done
	for i in $(seq 1 2 20); do mdel -i "$1" "::hole$i"; done
	content 21 60000 | mcopy -i "$1" - ::"fragmented file.bin"
	mattrib -i "$1" +r ::UPPER.TXT ::deep/"file 1"
	mattrib -i "$1" +h +s ::lower.txt
}

# what mtools reads: type, size, time and checksum of each path, sorted
mtools_dump() {
	rm -rf copy && mkdir copy
	mcopy -s -m -n -i "$1" ::/ copy/ 2>/dev/null || mcopy -s -m -n -i "$1" '::*' copy/
	(cd copy && find . -mindepth 1 -printf '%P\0' | xargs -0 "$tree_dump" host) |
		awk '{print $2 == "d" ? $1 " d" : $0}' | sort
}

our_dump() {
	"$tree_dump" fat "$1" >dump || fail "tree_dump of $1"
	awk '$1 != "/" {print $2 == "d" ? $1 " d" : $1 " " $2 " " $7 " " $9 " " $15}' dump | sort
}

check() {
	fsck.fat -nv "$1" >fsck.out || { cat fsck.out; fail "fsck.fat does not like $1"; }
	mtools_dump "$1" >mtools.txt
	our_dump "$1" >ours.txt
	[ "$(wc -l <ours.txt)" -gt 190 ] || fail "$1: only $(wc -l <ours.txt) paths"
	diff mtools.txt ours.txt >difference || { cat difference; fail "$1 differs"; }
	grep -q '^/UPPER.TXT f 0555 ' dump || fail "$1: read-only file is not 0555"
	grep -q '^/lower.txt f 0755 ' dump || fail "$1: hidden file is not 0755"
	# fsck.fat counts the label as a file, too, and says how many clusters are in use
	read -r files used <<<"$(sed -n 's/.*: \([0-9]*\) files, \([0-9]*\)\/.*/\1 \2/p' fsck.out)"
	[ "$files" = $(($(wc -l <ours.txt) + 1)) ] || fail "$1: $(tail -1 fsck.out)"
	bytes=$(sed -n 's/ *\([0-9]*\) bytes per cluster/\1/p' fsck.out)
	[ "$used" = "$(awk -v bytes="$bytes" -v bits="$2" '$1 != "/" || bits == 32 {n += $8}
		END {print n * 512 / bytes}' dump)" ] || fail "$1: blocks, $(tail -1 fsck.out)"
}

# bits, KiB, options of mkfs.fat
while read -r bits kib options; do
	rm -f volume.img
	# shellcheck disable=SC2086
	mkfs.fat -F "$bits" -n "VOLUME $bits" $options -C volume.img "$kib" >/dev/null
	fill volume.img
	check volume.img "$bits"
	echo "FAT$bits, $kib KiB, $options: $(wc -l <ours.txt) paths agree"
done <<-END
	12 1440 -s 1 -f 2
	12 8000 -s 8 -f 1
	12 30000 -s 16 -S 512 -f 2
	12 60000 -S 4096 -s 4
	16 16384 -s 4 -f 2
	16 65536 -s 16 -f 1
	16 40000 -S 1024 -s 1
	16 150000 -S 2048 -s 2
	16 200000 -s 64
	16 400000 -S 4096 -s 16
	32 34000 -s 1 -f 2
	32 40000 -s 1 -f 1
	32 300000 -s 8
	32 70000 -S 1024 -s 1
	32 280000 -S 4096 -s 1
	32 2200000 -s 64
END

# a file of more than 2 GiB, in a volume that is sparse
mkfs.fat -F 32 -s 64 -C big.img 3200000 >/dev/null
truncate -s 2300M big
printf end | dd of=big bs=1 seek=2400000000 conv=notrunc status=none
mcopy -i big.img big ::big
rm big
[ "$("$tree_dump" fat big.img | awk '$1 == "/big" {print $7}')" = 2411724800 ] || fail "size of big"
[ "$("$tree_dump" fat big.img /big | tail -c +2400000001 | head -c 3)" = end ] || fail "end of big"
