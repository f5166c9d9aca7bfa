# SPDX-License-Identifier: MIT
# Files of real compressors and converters are refused with what they are and what to do.
. "$(dirname "$0")/lib.sh"
program=$BRAMBLE_BUILD/test/support/partition_dump

head -c 200000 /dev/urandom >disk.img
truncate -s 1M disk.img

# refused FILE TEXT
refused() {
	expect 1 "$program" "$1"
	said "$work/err" "$2"
	said "$work/err" "$1"
	tried=$((tried + 1))
}
tried=0

have() { command -v "$1" >/dev/null 2>&1; }

have xz && xz -k disk.img && refused disk.img.xz "xz -dk"
have gzip && gzip -k disk.img && refused disk.img.gz "gzip -dk"
have zstd && zstd -qk disk.img && refused disk.img.zst "zstd -d"
have bzip2 && bzip2 -k disk.img && refused disk.img.bz2 "bzip2 -dk"
have lz4 && lz4 -q disk.img disk.img.lz4 && refused disk.img.lz4 "lz4 -d"
have lzip && lzip -k disk.img && refused disk.img.lz "lzip -dk"
have zip && zip -q disk.zip disk.img && refused disk.zip "unzip"
have 7z && 7z a -bd disk.7z disk.img >/dev/null && refused disk.7z "7z x"
have tar && tar cf disk.tar disk.img && refused disk.tar "tar xf"
have mksquashfs && mksquashfs disk.img disk.squashfs -quiet -no-progress >/dev/null &&
	refused disk.squashfs "squashfs"
if have qemu-img; then
	for format in qcow2 vmdk vdi vhdx vpc; do
		# a format that this qemu was built without is no failure of ours
		qemu-img convert -O $format disk.img disk.$format 2>/dev/null || continue
		refused disk.$format "qemu-img convert -O raw"
	done
fi
[ $tried -gt 0 ] || skip "no compressor is installed"

expect 0 "$program" disk.img
echo "$tried containers refused"

# A journal on another device is refused by its name, from either side.
mke2fs -q -F -O journal_dev -b 4096 journal.img 16M
expect 1 bramble ls journal.img
said err "external journal"
mke2fs -q -F -t ext4 -b 4096 -O ^resize_inode external.img 32M
debugfs -w -R 'ssv journal_inum 0' external.img </dev/null 2>/dev/null
debugfs -w -R 'ssv journal_dev 0x700' external.img </dev/null 2>/dev/null
expect 1 bramble ls external.img
said err "journal is external"
