#!/bin/bash
# SPDX-License-Identifier: MIT
# Damaged ext4 volumes: an error appears at the same access as with the kernel, the rest stays
# readable, nocheck reads on, and nothing ever crashes or hangs.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need mke2fs debugfs perl
need_fuse
PATH=$PATH:$BRAMBLE_BUILD/test/support
mkdir kernel mnt
at_end "bramble umount '$work/mnt'"
wrong=()

# base NAME MKE2FS-OPTION...: a small tree with 1 KiB blocks and a file of many extents
base() {
	local name=$1
	shift
	truncate -s 8M "$name"
	mke2fs -q -F -t ext4 -b 1024 -E root_owner=0:0 -d tree "$@" "$name"
	debugfs -w -f - "$name" >log 2>&1 <<-'TEXT'
	ea_set -f xattr many user.long
	TEXT
}

mkdir -p tree/many tree/sub/below
echo hello >tree/hello
echo other >tree/other
ln -s "$(printf 'far/%.0s' $(seq 30))away" tree/slow-link
for i in $(seq 200); do : >"tree/many/name-$i"; done
perl -e 'for my $i (0 .. 399) { sysseek(STDOUT, $i * 8192, 0); syswrite(STDOUT, "$i" x 400) }' >tree/fragments
head -c 800 /dev/zero | tr '\0' x >xattr
base good-csum.img
base good-plain.img -O ^metadata_csum

ask() { debugfs -R "$2" "$1" 2>/dev/null; }
# block_of IMAGE PATH [N]: where its block N lies, in bytes
block_of() { echo $(($(ask "$1" "bmap $2 ${3:-0}") * 1024)); }
# inode_at IMAGE PATH: where its inode lies, in bytes
inode_at() {
	ask "$1" "imap $2" | sed -nE 's/.*block ([0-9]+), offset (0x[0-9a-f]+).*/\1 \2/p' |
		{ read -r block offset && echo $((block * 1024 + offset)); }
}
# node_at IMAGE PATH LEVEL: the first block below that level of its extent tree, in bytes
node_at() { echo $(($(ask "$1" "ex $2" | awk -v level="$3/" '$1 == level { print $(NF - 1); exit }') * 1024)); }
# poke IMAGE OFFSET BYTES-IN-HEX
poke() { printf '%b' "$(sed 's/../\\x&/g' <<<"$3")" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
# flip IMAGE OFFSET: inverts one byte
flip() { poke "$1" "$2" "$(dd if="$1" bs=1 skip="$2" count=1 status=none | perl -ne 'printf "%02x", 255 - ord')"; }

# seen DIR OUT: its manifest
seen() {
	local status=0
	timeout 60 manifest --without blocks,dtype "$1" >"$2" 2>err || status=$?
	case $status in
	0 | 1) ;;
	2) sed 's/.*: /root: /' err >"$2" ;;
	*) fail "$1 hangs: status $status" ;;
	esac
}

# ours IMAGE OUT [MOUNT-OPTION]: a manifest through our mount; false where the mount is refused
ours() {
	timeout 60 bramble mount ${3:+-o "$3"} "$1" mnt 2>>ours.err || { echo refused >"$2"; return 1; }
	seen mnt "$2"
	bramble umount mnt
}

theirs() {
	mount -o ro,loop "$1" kernel 2>/dev/null || { echo refused >"$2"; return 1; }
	seen kernel "$2"
	umount kernel
}

# lenient NAME COMMAND...: not the same as the kernel's, but neither a crash nor the end of the rest
lenient() {
	cp good-plain.img damaged.img
	"${@:2}"
	ours damaged.img by-us || true
	grep -q '^/other .*hash=[0-9a-f]' by-us || {
		echo "== $1: the rest is lost, too"
		wrong+=("$1")
	}
}

# same NAME: damaged.img shows the same lines and errors to the kernel and to us
same() {
	: >ours.err
	ours damaged.img by-us || true
	if [ "$(id -u)" = 0 ]; then
		theirs damaged.img by-kernel || true
		# whatever is wrong with a block of a file, the kernel's page cache makes it EIO
		# where it refuses to mount, we may refuse the root
		sed -E 's/ hash=E(UCLEAN|BADMSG)/ hash=EIO/' by-us >as-kernel
		! grep -q '^refused' by-kernel || sed -i 's/^root: .*/refused/' as-kernel
		if ! diff by-kernel as-kernel >difference; then
			echo "== $1: the kernel (<) and we (>) differ:"
			head -n 8 difference | cut -c 1-200
			head -n 3 ours.err
			wrong+=("$1")
			return
		fi
	fi
	echo "$1: $(grep -oE '=E[A-Z]+|refused' by-us | sort | uniq -c | tr -s ' \n' ' ')"
}

# Wrong checksums. The good image is what nocheck must still show.
ours good-csum.img good || fail "the good image"
[ -s good ] || fail "an empty manifest"
checksum() {
	cp good-csum.img damaged.img
	flip damaged.img "$2"
	same "checksum of $1"
	grep -q '=EBADMSG\|refused' by-us || { echo "== $1: no error"; wrong+=("$1 unseen"); }
	ours damaged.img unchecked nocheck || wrong+=("$1 with nocheck")
	if grep -E '=E[A-Z]+' unchecked; then
		wrong+=("$1 with nocheck")
	fi
}
# bytes that nothing but the checksum covers
checksum "an inode" $(($(inode_at good-csum.img /hello) + 0x64))
checksum "a directory's inode" $(($(inode_at good-csum.img /sub) + 0x64))
checksum "an extent block" $(($(node_at good-csum.img /fragments 1) + 8))

plain() {
	cp good-plain.img damaged.img
	"${@:2}"
	same "$1"
}
hello=$(inode_at good-plain.img /hello)
fragments=$(inode_at good-plain.img /fragments)
top=$(node_at good-plain.img /fragments 0)
node=$(node_at good-plain.img /fragments 1)
many=$(block_of good-plain.img /many)
link=$(inode_at good-plain.img /slow-link)
sub=$(inode_at good-plain.img /sub)
below=$(block_of good-plain.img /sub)
number=$(ask good-plain.img 'stat /hello' | sed -nE 's/^Inode: ([0-9]+).*/\1/p')

plain "an inode that is zero" debugfs -w -R 'clri /hello' damaged.img
plain "no links" poke damaged.img $((hello + 0x1a)) 0000
plain "a type that does not exist" poke damaged.img $((hello + 0x00)) a4f1
plain "extent magic" poke damaged.img $((hello + 0x28)) 0000
plain "extent depth 9" poke damaged.img $((hello + 0x2e)) 0900
plain "more extents than fit" poke damaged.img $((hello + 0x2a)) ff00
plain "an extent beyond the end" poke damaged.img $((hello + 0x3c)) ffffff7f
plain "an extent in the superblock" poke damaged.img $((hello + 0x3c)) 01000000
plain "an extent of length 0" poke damaged.img $((hello + 0x38)) 0000
plain "an index block beyond the end" poke damaged.img $((fragments + 0x38)) ffffff7f
plain "an index block without magic" poke damaged.img "$node" 0000
plain "an index block of another depth" poke damaged.img $((node + 6)) 0400
plain "an extent tree that loops" poke damaged.img $((top + 16)) \
	"$(printf '%02x%02x0000' $((top / 1024 % 256)) $((top / 1024 / 256)))"
plain "extents out of order" poke damaged.img $((node + 12 + 12)) 00000000
plain "a negative size" poke damaged.img $((hello + 0x6c)) ffffffff
lenient "a link longer than its block" poke damaged.img $((link + 0x04)) 00100000
lenient "a link of size 0" poke damaged.img $((link + 0x04)) 00000000
lenient "rec_len 0" poke damaged.img $((many + 24 + 4)) 0000
plain "rec_len not a multiple of 4" poke damaged.img $((many + 24 + 4)) 0f00
plain "rec_len beyond the block" poke damaged.img $((many + 24 + 4)) 0008
plain "a name longer than its entry" poke damaged.img $((many + 24 + 6)) ff
plain "an entry whose inode does not exist" poke damaged.img $((many + 24)) ffffff7f
plain "an entry of a reserved inode" poke damaged.img $((many + 24)) 08000000
lenient "a directory inside itself" poke damaged.img $((below + 24)) \
	"$(ask good-plain.img 'stat /sub' | sed -nE 's/^Inode: ([0-9]+).*/\1/p' | xargs printf '%02x000000')"
plain "a directory with holes" poke damaged.img $((sub + 0x04)) 00100000
plain "a group's inodes beyond the end" poke damaged.img $((2048 + 8)) ffffff7f
plain "block size too large" poke damaged.img $((1024 + 24)) 20000000
plain "inode size 0" poke damaged.img $((1024 + 88)) 0000
plain "inodes per group 0" poke damaged.img $((1024 + 40)) 00000000
plain "blocks per group 0" poke damaged.img $((1024 + 32)) 00000000
plain "more blocks than the image" poke damaged.img $((1024 + 4)) ffffff7f
plain "first data block" poke damaged.img $((1024 + 20)) ffff0000
[ -n "$number" ] || fail "debugfs does not say an inode's number"

# An image that becomes shorter while it is mounted.
cp good-csum.img damaged.img
bramble mount damaged.img mnt
ls mnt >listed
truncate -s 100K damaged.img
timeout 60 cat mnt/fragments mnt/hello >out 2>err && fail "a file that is gone is read"
said err "Input/output error"
timeout 60 ls -lR mnt >out 2>err || true
findmnt mnt >out || fail "the mount is gone"
expect 0 timeout 60 bramble umount mnt

# Any byte: no crash, no hang. The numbers are the same each time.
metadata=$((600 * 1024))
for seed in $(seq 40); do
	kind=csum
	[ $((seed % 2)) = 0 ] || kind=plain
	cp good-$kind.img damaged.img
	perl -e 'my ($seed, $size, $file) = @ARGV; srand($seed);
		open(my $f, "+<", $file) or die;
		for (1 .. 40) {
			my $where = int(rand(8)) ? 1024 + int(rand($size)) : 1024 + int(rand(2048));
			sysseek($f, $where, 0); syswrite($f, chr(int(rand(256))));
		}' "$seed" $metadata damaged.img
	for option in --map --nocheck; do
		status=0
		timeout 60 manifest_tree $option --limit 20000000 damaged.img >out 2>err || status=$?
		[ $status -le 2 ] || { tail -n 30 err; wrong+=("seed $seed: status $status"); }
	done
done

[ ${#wrong[@]} = 0 ] || fail "${#wrong[@]}: $(printf '%s; ' "${wrong[@]}")"
