# SPDX-License-Identifier: MIT
# Tables that sfdisk and sgdisk make are read as they read them themselves.
. "$(dirname "$0")/lib.sh"
need sfdisk sgdisk jq mkfs.fat mke2fs
dump=$BRAMBLE_BUILD/test/support/partition_dump
export LC_ALL=C.UTF-8

# by_sfdisk IMAGE: the table in the form of ours(), read by sfdisk
by_sfdisk() {
	sfdisk --json "$1" | jq -r '.partitiontable | .sectorsize as $s |
		"\(.label) \($s) \(.id | ltrimstr("0x") | ascii_downcase)",
		((.partitions // [])[] |
			"\(.node | capture("(?<n>[0-9]+)$").n) \(.start * $s) \(.size * $s) " +
			"\(.type | ascii_downcase) boot \(.bootable // ((.attrs // "") | contains("LegacyBIOS"))) \(.name // "")")'
}

# ours IMAGE: the table as partition_dump has it
ours() {
	"$dump" "$1" 2>"$work/warnings" | sed -E \
		-e 's/^table (\S+) sector (\S+) id (\S+) .*/\1 \2 \3/' \
		-e 's/^([0-9]+) start (\S+) size (\S+) type (\S+) uuid \S+ boot 1 .* name /\1 \2 \3 \4 boot true /' \
		-e 's/^([0-9]+) start (\S+) size (\S+) type (\S+) uuid \S+ boot 0 .* name /\1 \2 \3 \4 boot false /'
}

same() {
	by_sfdisk "$1" >"$work/theirs"
	ours "$1" >"$work/ours"
	diff -u "$work/theirs" "$work/ours" || fail "$1: sfdisk and we differ"
}

quiet() { [ ! -s "$work/warnings" ] || { cat "$work/warnings"; fail "warned of a good table"; }; }

# disk NAME SIZE: reads a script for sfdisk
disk() {
	truncate -s "$2" "$1"
	sfdisk -q "$1"
}

# The loop device in use; once detached, its name may be somebody else's.
loop=
detach() { [ -z "$loop" ] || losetup -d "$loop"; loop=; }
at_end detach

### MBR
disk raspios.img 64M <<'END'
label: dos
label-id: 0x036cb716
start=8192, size=16M, type=c
type=83
END
same raspios.img
quiet

disk slots.img 64M <<'END'
label: dos
2: start=2048, size=4M, type=c, bootable
4: start=20480, size=4M, type=83
END
same slots.img
quiet

{
	printf 'label: dos\n,4M,c,*\n,4M,83\n,,f\n'
	for ((i = 0; i < 30; i++)); do echo ',1M,83'; done
} | disk logicals.img 128M
same logicals.img
quiet
[ "$(grep -c . "$work/ours")" = 34 ] || fail "30 logicals, 3 primaries and a header expected"

# A logical that is deleted leaves a gap in the chain, and the numbers move up.
sfdisk -q --delete logicals.img 9
sfdisk -q --delete logicals.img 5
same logicals.img
quiet

for type in 5 f 85; do
	printf 'label: dos\n,4M,83\n,,%s\n,4M,82\n,4M,83\n' $type | disk "ext$type.img" 32M
	same "ext$type.img"
done

# Past 2 TiB, in a sparse file
printf 'label: dos\nstart=4294000000, size=900000, type=83\n' | disk huge.img 2100G
same huge.img
quiet

### GPT
truncate -s 64M sparse.img
sgdisk -n 1:2048:+8M -t 1:ef00 -c 1:'Käse 😀 ΑΩ' -n 7:40960:+4M -A 7:set:2 \
	-n 128:60000:+1M -c 128:'sechsunddreißig Zeichen sind der Rand' sparse.img >/dev/null
same sparse.img
grep -q '^1 1048576 8388608 c12a7328-f81f-11d2-ba4b-00a0c93ec93b boot false Käse 😀 ΑΩ$' \
	"$work/ours" || { cat "$work/ours"; fail "the name outside the BMP is wrong"; }
grep -q '^128 .* boot false sechsunddreißig Zeichen sind der Ran' "$work/ours" ||
	fail "entry 128 is missing"
quiet
"$dump" sparse.img | grep -q '^7 .* boot 1 .* attributes 4 ' || fail "attributes of 7"

disk many.img 256M <<END
label: gpt
table-length: 200
$(for ((i = 1; i <= 150; i++)); do echo "size=1M, name=\"part $i\""; done)
END
same many.img
quiet

# uuids, in their own form
for image in sparse.img many.img; do
	sfdisk --json "$image" | jq -r '.partitiontable.partitions[].uuid | ascii_downcase' >theirs
	"$dump" "$image" | sed -nE 's/.* uuid (\S+) .*/\1/p' >mine
	cmp theirs mine || fail "$image: PARTUUIDs differ"
done

# the primary damaged, byte by byte at several places; and wiped as a whole
for at in 520 528 568 584 592 600 1024 1100 1200; do
	cp --sparse=always sparse.img damaged.img
	printf '\377\376' | dd of=damaged.img bs=1 seek=$at conv=notrunc status=none
	"$dump" damaged.img 2>warnings | sed 1d >mine
	"$dump" sparse.img | sed 1d | diff - mine || fail "damaged at $at"
	said warnings "the backup is used"
	sgdisk -v damaged.img >verdict 2>&1 || true
	grep -qiE 'problem|corrupt|damage|warning|caution' verdict ||
		fail "sgdisk sees no damage at $at"
done
cp --sparse=always sparse.img damaged.img
dd if=/dev/zero of=damaged.img bs=512 seek=1 count=33 conv=notrunc status=none
by_sfdisk damaged.img >theirs 2>/dev/null
by_sfdisk sparse.img 2>/dev/null | cmp - theirs || fail "sfdisk does not use the backup"
"$dump" damaged.img 2>warnings | sed 1d >mine
"$dump" sparse.img | sed 1d | diff - mine || fail "wiped primary"
"$dump" damaged.img 2>/dev/null | grep -q '^table gpt .* backup 1$' || fail "backup not told"

# hybrid
cp --sparse=always sparse.img hybrid.img
sgdisk -h 1 hybrid.img >/dev/null
"$dump" hybrid.img | grep -q '^table gpt .* hybrid 1 ' || fail "hybrid not recognised"
"$dump" hybrid.img | sed 1d >mine
"$dump" sparse.img | sed 1d | diff - mine || fail "hybrid: the GPT is not used"

# grown after it was made (the backup is in the middle), and truncated
cp --sparse=always sparse.img grown.img
truncate -s 80M grown.img
same_lines() { "$dump" "$1" 2>/dev/null | sed -E '1d; s/beyond [01]//' >mine
	"$dump" sparse.img | sed -E '1d; s/beyond [01]//' | diff - mine || fail "$1"; }
same_lines grown.img
dd if=/dev/zero of=grown.img bs=512 seek=1 count=1 conv=notrunc status=none
"$dump" grown.img >mine 2>warnings
said warnings "no GPT that is whole"
cp --sparse=always sparse.img short.img
truncate -s 24M short.img
same_lines short.img
"$dump" short.img 2>warnings | grep -q '^128 .* beyond 1 ' || fail "short: 128 is not flagged"
said warnings "beyond the end"

### 4096-byte sectors: a loop device makes them, then the plain file is read
if [ "$(id -u)" = 0 ] && command -v losetup >/dev/null; then
	truncate -s 128M large-gpt.img large-mbr.img
	if loop=$(losetup --show -f -b 4096 large-gpt.img 2>/dev/null); then
		printf 'label: gpt\n1: size=8M, name="eins"\n5: size=9M\n' |
			sfdisk -q --no-reread --no-tell-kernel "$loop"
		by_sfdisk "$loop" | sed "s/^[^ ]*$//" >theirs
		ours "$loop" >on_device
		ours large-gpt.img >in_file
		diff theirs on_device || fail "4096 on the device"
		diff theirs in_file || fail "4096 in the file"
		detach
		loop=$(losetup --show -f -b 4096 large-mbr.img)
		printf 'label: dos\nstart=256, size=8M, type=c\nsize=16M, type=83\n,,5\n,4M\n,4M\n' |
			sfdisk -q --no-reread --no-tell-kernel "$loop"
		by_sfdisk "$loop" >theirs
		ours "$loop" >on_device
		diff theirs on_device || fail "4096 MBR on the device"
		# nothing in the file tells the sector size until a volume lies at the right place
		mke2fs -q -F -E offset=$(awk '$1 == 2 {print $2}' theirs) large-mbr.img 8M
		ours large-mbr.img >in_file
		diff theirs in_file || fail "4096 MBR in the file"
		detach
	fi
fi

### no table
for bits in 12 16 32; do
	rm -f fat.img
	mkfs.fat -F $bits -C fat.img 70000 >/dev/null 2>&1 || mkfs.fat -F $bits -s 64 -C fat.img 70000 >/dev/null
	"$dump" fat.img 2>warnings >mine
	printf '%s\n' "0 start 0 size $((70000 * 1024)) type 0" >expected
	sed -nE '2s/(.*type 0) .*/\1/p' mine | diff expected - || fail "FAT$bits is not a table"
	quiet
done
truncate -s 16M ext.img
mke2fs -q -F ext.img
printf '\125\252' | dd of=ext.img bs=1 seek=510 conv=notrunc status=none # boot code
"$dump" ext.img | grep -q '^table none ' || fail "ext with boot code"
[ "$(blkid -p -o value -s TYPE ext.img)" = ext2 ] || fail "blkid disagrees"

# PARTUUIDs as libblkid, and so udev, writes them
if loop=$(losetup --show -f -P logicals.img 2>/dev/null); then
	for node in "$loop"p*; do
		[ -b "$node" ] || continue
		theirs=$(blkid -p -o value -s PART_ENTRY_UUID "$node") || continue
		"$dump" logicals.img | grep -q "^${node##*p} .* uuid $theirs " ||
			fail "$node has PARTUUID $theirs"
	done
	detach
fi
echo "all tables agree"
