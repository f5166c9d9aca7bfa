#!/bin/bash
# SPDX-License-Identifier: MIT
# Indexes of directories, built by e2fsck with each hash and block size, and by the kernel in all
# the depth that there is: every name is found, and leads to the inode that debugfs says.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need mke2fs tune2fs e2fsck debugfs perl
export LC_ALL=C.UTF-8 MKE2FS_CONFIG=$BRAMBLE_SOURCE/test/images/mke2fs.conf PAGER=cat
names=20000

# make_names DIR COUNT LENGTH: names of up to so many characters more than their number has, some
# above 127, whose sign the hashes depend on
make_names() {
	mkdir -p "$1"
	perl -e '
		my ($dir, $count, $length) = @ARGV;
		for my $i (1 .. $count) {
			my $name = "entry-$i-" . ($i % 7 ? "xx" : "\xc3\xa9") x ($length - $i % 30);
			open(my $file, ">", "$dir/$name") or die "$name: $!";
		}' "$@"
}

# debug IMAGE COMMAND: what debugfs says
debug() { timeout 60 debugfs -R "$2" "$1" </dev/null 2>/dev/null; }

# index IMAGE HASH: lets e2fsck build it; it ends with 1 where it changed something
index() {
	local status=0
	tune2fs -E hash_alg="$2" "$1" >/dev/null
	e2fsck -fyD "$1" >fsck.log 2>&1 || status=$?
	[ $status -le 1 ] || { cat fsck.log; fail "e2fsck ends with $status"; }
}

# compare IMAGE HASH LEVELS: the index is that one, and all names lead to their inodes
compare() {
	debug "$1" 'htree_dump /names' >htree || true
	grep -qE "Hash Version: *$2" htree || fail "$1: not hash $2"
	grep -qE "Indirect levels: *$3" htree || fail "$1: not $3 indirect levels"

	debug "$1" 'ls -p /names' | awk -F/ '$2 && $6 != "." && $6 != ".." { print $2, $6 }' |
		sort >wanted
	[ "$(wc -l <wanted)" = "$names" ] || fail "debugfs lists $(wc -l <wanted) names"
	cut -d' ' -f2 wanted | shuf --random-source=wanted | sed 's|^|/names/|' |
		xargs bramble stat --json "$1" >stat.json || fail "$1: a name is not found"
	perl -ne '
		$name = $1 if m|"path": *"/names/([^"]*)"|;
		print "$1 $name\n" if m/"id": *(\d+)/;' stat.json | sort >found
	diff wanted found >different || { head different; fail "$1: names lead elsewhere"; }
	expect 1 bramble stat "$1" /names/entry-0- /names/entry-20001-xx
	said err 'entry-0-'
	said err 'entry-20001-xx'
	compared=$((compared + 1))
}

compared=0
make_names tree/names $names 30
for block in 1024 4096; do
	mke2fs -q -t ext4 -b $block -N 21000 -I 128 -O ^has_journal,^resize_inode,^metadata_csum \
		-d tree "made-$block" 40M >/dev/null 2>&1
	levels=$((block == 1024))
	for features in '' large_dir metadata_csum,large_dir; do
		cp "made-$block" volume
		[ -z "$features" ] || tune2fs -O "$features" volume >/dev/null 2>&1
		index volume legacy
		compare volume 0 $levels
		index volume half_md4
		compare volume 1 $levels
		index volume tea
		compare volume 2 $levels
	done
	# as a machine whose characters have no sign would
	cp "made-$block" volume
	debugfs -w -R 'set_super_value flags 2' volume </dev/null >/dev/null 2>&1
	index volume half_md4
	compare volume 1 $levels
done
echo "$compared directories compared"

[ "$(id -u)" = 0 ] || exit 0
names=64000
mke2fs -q -t ext4 -b 1024 -N 66000 -I 128 -O ^has_journal,large_dir deep 128M >/dev/null 2>&1
mkdir mnt
mount -o loop deep mnt 2>/dev/null || { echo "the kernel mounts no large_dir"; exit 0; }
at_end "umount '$work/mnt'"
make_names mnt/names $names 115
umount mnt
compare deep 1 2
echo "a directory with three levels compared"
