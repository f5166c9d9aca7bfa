# SPDX-License-Identifier: MIT
# bramble info says of partitions and file systems what sfdisk, blkid, dumpe2fs and fsck.fat say.
. "$(dirname "$0")/lib.sh"
. "$BRAMBLE_SOURCE/test/integration/lib_pi.sh"
need jq blkid dumpe2fs sgdisk debugfs
export LC_ALL=C.UTF-8
make_pi_image pi.img

json() { jq -r "$1" info.json; }
is() {
	local got
	got=$(json "$1")
	[ "$got" = "$2" ] || fail "$1 is $got, not $2"
}

expect 0 bramble info pi.img
for text in "96.0 MiB" "MBR partition table, id 036cb716" "Partition 2" "W95 FAT32 (LBA) (0x0c)" \
	"036cb716-02" "/boot/firmware" "rootfs" "BOOTFS" "0BAD-1DEA" "the firmware starts from here"; do
	said "$work/out" "$text"
done
if grep -q Features "$work/out"; then fail "features without -v"; fi
expect 0 bramble info -v pi.img
said "$work/out" "has_journal"
expect 0 bramble info --partition 2 pi.img
if grep -q BOOTFS "$work/out"; then fail "--partition 2 shows partition 1"; fi
expect 1 bramble info --partition 9 pi.img
said "$work/err" "no partition 9"
head -c 50M pi.img >short.img
expect 0 bramble info -q --json short.img
[ ! -s "$work/err" ] || fail "-q is not quiet: $(cat "$work/err")"
jq -e '.warnings | length > 0' "$work/out" >/dev/null || fail "-q takes facts away"

bramble info --json pi.img >info.json
is .table.kind mbr
is .table.id 036cb716
is '.partitions | length' 2
is '.partitions[0].volume.mount_point' /boot/firmware
is '.partitions[0].volume.boots' true
is '.partitions[1].volume.mount_point' /
is '.warnings | length' 0
sfdisk --json pi.img | jq -r '.partitiontable.partitions[] | "\(.start * 512) \(.size * 512)"' >theirs
json '.partitions[] | "\(.start) \(.size)"' | diff theirs - || fail "places differ from sfdisk's"
for number in 1 2; do
	offset=$(json ".partitions[$((number - 1))].start")
	size=$(json ".partitions[$((number - 1))].size")
	for pair in TYPE:kind LABEL:label UUID:uuid; do
		want=$(blkid -p -O "$offset" -S "$size" -o value -s "${pair%:*}" pi.img)
		is ".partitions[$((number - 1))].volume.${pair#*:}" "$want"
	done
done
dd if=pi.img of=root.img bs=1M skip=17 conv=sparse status=none
dumpe2fs -h root.img >dump 2>/dev/null
fact() { sed -nE "s/^$1: +//p" dump; }
is '.partitions[1].volume.blocks' "$(fact 'Block count')"
is '.partitions[1].volume.blocks_free' "$(fact 'Free blocks')"
is '.partitions[1].volume.inodes_free' "$(fact 'Free inodes')"
is '.partitions[1].volume.features | join(" ")' "$(fact 'Filesystem features')"

# a volume without a table
bramble info --json root.img >info.json
is .table.kind none
is '.partitions[0].number' 0
is '.partitions[0].volume.kind' ext4

# dirty, broken and cut ones are told, and are no failure of info
debugfs -w -R 'ssv state 2' root.img >/dev/null 2>&1
bramble info root.img >"$work/out" 2>"$work/err"
said "$work/out" "errors"
head -c $((40 << 20)) pi.img >cut.img
bramble info --json cut.img >info.json 2>"$work/err"
is '.partitions[1].beyond_end' true
json '.warnings[]' | grep -q 'beyond the end' || fail "the warning is not in JSON"
said "$work/err" "beyond the end"
bramble info cut.img >"$work/out" 2>/dev/null
said "$work/out" "reaches beyond the end"
truncate -s 1M zero.img
bramble info --json zero.img >info.json
is '.partitions[0].volume.kind' unknown

# names and labels that are no UTF-8 or look like JSON
truncate -s 16M odd.img
mke2fs -q -F -L $'\xff"\\\x01' odd.img
bramble info --json odd.img >info.json
jq . info.json >/dev/null || fail "JSON is broken by a label"
iconv -f UTF-8 -t UTF-16 info.json >/dev/null || fail "JSON is not UTF-8"
truncate -s 16M gpt.img
sgdisk -n 1:2048:+1M -c '1:a "quoted" näme' gpt.img >/dev/null
bramble info --json gpt.img >info.json
is .table.kind gpt
is .table.hybrid false
is '.partitions[0].name' 'a "quoted" näme'

expect 1 bramble info none.img
said "$work/err" "none.img"
gzip -k zero.img
expect 1 bramble info zero.img.gz
said "$work/err" "gzip -dk"
expect 2 bramble info
expect 2 bramble info a b
echo "info agrees"
