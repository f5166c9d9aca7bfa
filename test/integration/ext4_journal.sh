#!/bin/bash
# SPDX-License-Identifier: MIT
# Copies of a mounted volume, journal and all, as we show them and as the kernel does after it has
# replayed them: the same tree. Only single files are synced here, never the whole machine.
. "$(dirname "$0")/lib.sh"

need_root
need mke2fs losetup find cmp awk
dump=$BRAMBLE_BUILD/test/support/tree_dump
[ -x "$dump" ] || skip "tree_dump is not built"
grep -qw ext4 /proc/filesystems || skip "the kernel has no ext4"

# shown_by_kernel IMAGE: replayed by mounting it for writing (a read-only mount cannot replay fast
# commits); leaves it at $work/kernel
shown_by_kernel() {
	device=$(losetup -f --show "$1") || skip "no loop device"
	mkdir -p kernel
	mount -o noatime "$device" kernel || {
		losetup -d "$device"
		fail "the kernel refuses $1"
	}
	find kernel -mindepth 1 -printf '/%P %y %m %n %U %G %s %b %T@ %i %l\n'
}

end_kernel() {
	umount kernel
	losetup -d "$device"
	device=
}

# What a replay of fast commits cannot know of directories: when they were changed, how they grew.
plain() { LC_ALL=C sort; }
without_directories() { awk '$2 == "d" { $7 = $8 = $9 = "-" } { print }' | LC_ALL=C sort; }
# Where a file outgrew its inode, the kernel's replay counts the blocks before it knows them.
without_blocks() { awk '{ $8 = "-" } { print }' | without_directories; }

# compare FILTER: the volume $work/volume as it lies on disk at this moment
compare() {
	local filter=$1 path
	cp --sparse=always volume ours
	cp --sparse=always volume theirs
	shown_by_kernel theirs >theirs.raw
	awk '{ sub(/[0-9]$/, "", $9); sub(/ $/, ""); print }' theirs.raw | $filter >theirs.txt
	"$dump" ext4 ours >ours.dump || fail "cannot read what the kernel reads"
	awk '$1 != "/" { mode = $3; sub(/^0+/, "", mode)
		print $1, $2, mode == "" ? 0 : mode, $4, $5, $6, $7, $8, $9, $14 ($2 == "l" ? " " $15 : "") }
		' ours.dump | $filter >ours.txt
	diff theirs.txt ours.txt || fail "the trees differ ($format, step $step)"
	while read -r path; do
		"$dump" ext4 ours "$path" | cmp - "kernel$path" ||
			fail "contents of $path differ ($format, step $step)"
	done < <(awk '$2 == "f" { print $1 }' theirs.txt)
	end_kernel
	# what the journal has lies nowhere else, and is read without waiting like the rest
	"$BRAMBLE_BUILD/test/support/nowait_walk" ext4 ours >walked || fail "$(cat walked)"
	compared=$((compared + 1))
}

# block N: bytes that begin as the journal's own blocks do
block() { printf '\xc0\x3b\x39\x98'; head -c $((1000 + $1 * 700)) /dev/zero | tr '\0' "\\$1"; }

# change STEP: something of everything, so that blocks of directories become blocks of files
change() {
	local d=volume.mount/d$1 i
	mkdir "$d"
	for i in 1 2 3 4 5 6 7; do
		block $i >"$d/file$i"
	done
	ln "$d/file1" "$d/link"
	ln -s some/where "$d/symlink"
	chmod 600 "$d/file2"
	chown 5:7 "$d/file3"
	mkdir "$d/sub"
	block 3 >"$d/sub/inside"
	mv "$d/file4" "$d/sub/moved"
	rm "$d/file5"
	sync "$d/sub/inside"
	if [ "$1" -ge 2 ]; then
		rm -r "volume.mount/d$(($1 - 2))"
		block 6 >"volume.mount/reuse$1"
		sync "volume.mount/reuse$1"
	fi
	block 7 >"$d/file7"
}

# small_change STEP: what fast commits can say
small_change() {
	local d=volume.mount/d0
	block 2 >"$d/new$1"
	sync "$d/new$1"
	ln "$d/file2" "$d/again$1"
	sync "$d/file2"
	mv "$d/new$1" "$d/renamed$1"
	sync "$d/renamed$1"
	block 4 >>"$d/file3"
	truncate -s 900 "$d/file6"
	sync "$d/file6"
	sync "$d/file3"
	mkdir "$d/made$1"
	block 1 >"$d/made$1/inside"
	sync "$d/made$1/inside"
	[ "$1" -lt 2 ] || rm "$d/again$(($1 - 1))"
	sync "$d/file2"
}

# run FILTER CHANGE STEPS FORMAT [MOUNT OPTIONS]
run() {
	local filter=$1 how=$2 steps=$3 options=${5:-}
	format=$4
	rm -f volume
	truncate -s 32M volume
	# shellcheck disable=SC2086
	mke2fs -q -F -E lazy_itable_init=0,lazy_journal_init=0 $format volume >/dev/null 2>&1 ||
		{ echo "mke2fs knows no $format"; return 0; }
	mkdir -p volume.mount
	mount -o "loop,noatime${options:+,$options}" volume volume.mount 2>/dev/null ||
		{ echo "the kernel mounts no $format $options"; return 0; }
	at_end "umount $work/volume.mount"
	change 0
	for ((step = 1; step <= steps; step++)); do
		$how "$step"
		compare "$filter"
	done
	umount volume.mount
}

compared=0
step=0
device=
at_end '[ -z "$device" ] || losetup -d "$device"'
at_end "umount $work/kernel"
run plain change 6 "-t ext4 -b 1024 -O ^metadata_csum,^64bit -J size=1"
run plain change 4 "-t ext4 -b 1024 -O metadata_csum,64bit -J size=1" data=journal
run plain change 3 "-t ext4 -b 4096 -O metadata_csum,64bit -J size=4" data=journal
run plain change 3 "-t ext4 -b 4096 -O ^metadata_csum -J size=4" data=journal,journal_checksum
run plain change 4 "-t ext3 -b 1024 -J size=1" data=journal
run without_directories small_change 5 "-t ext4 -b 4096 -O fast_commit -J size=8"
run without_directories small_change 5 "-t ext4 -b 1024 -O fast_commit -J size=4"
run without_blocks small_change 3 "-t ext4 -b 4096 -O fast_commit,inline_data -J size=8"
[ "$compared" -gt 0 ] || skip "nothing could be mounted"
echo "$compared copies compared"
