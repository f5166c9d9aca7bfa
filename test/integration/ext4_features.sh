#!/bin/bash
# SPDX-License-Identifier: MIT
# A volume of every feature of ext2, ext3 and ext4 shows the same tree through our reader and through
# our mount as through e2fsprogs, and as through the kernel where this is root and it can mount it.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need mke2fs debugfs tune2fs e2fsck dumpe2fs perl
support=$BRAMBLE_BUILD/test/support
[ -x "$support/manifest_ext2" ] || skip "libext2fs-dev is not installed"
PATH=$PATH:$support
make=$BRAMBLE_SOURCE/test/images/make-ext4-images

mapfile -t names < <(bash "$make" --list | grep -v '^names-')
if [ -n "${EXT4_FEATURES:-}" ]; then
	read -ra names <<<"$EXT4_FEATURES"
fi
bash "$make" images "${names[@]}" >made
mount_ours=no
if [ -w /dev/fuse ] && command -v fusermount3 >/dev/null; then
	mount_ours=yes
fi
mkdir kernel ours
wrong=()

# differ NAME WHAT THEIRS OURS: compares two manifests
differ() {
	if ! LC_ALL=C diff "$3" "$4" >difference; then
		echo "== $1: $2 (<) and ours (>) differ in $(grep -c '^[<>]' difference) lines:"
		head -n 9 difference | grep '^[<>]' | cut -c 1-400
		wrong+=("$1")
	fi
}

# Fields that are left out are what one side cannot know, never what it gets wrong.
check() {
	local name=$1 img=images/$1.img by_ext2='dtype' by_kernel='' status
	case $name in
	rev0) by_ext2=dtype,xattr ;; # libext2fs refuses to look for any
	inline-data | inline-data-1024) by_ext2=dtype,blocks,hash ;; # it invents the end of a hole
	inline-*) by_ext2=dtype,blocks ;; # the kernel counts one for what lies in the inode
	verity) by_kernel="hash" ;; # kernels without FS_VERITY refuse to read
	encrypted) by_ext2='' ;; # libext2fs shows names as they are on the disk
	esac

	status=0
	manifest_tree --map "$img" >tree.all 2>tree.err || status=$?
	[ ! -s tree.err ] || { echo "== $name:"; cat tree.err; }
	if [ $status != 0 ] && [ "$name" != encrypted ]; then
		echo "== $name: our reader fails with $status"
		wrong+=("$name")
	fi

	if [ -n "$by_ext2" ]; then
		timeout 60 manifest_ext2 --without "$by_ext2" "$img" >ext2 || true
		manifest_tree --without "$by_ext2" "$img" >tree 2>/dev/null || true
		differ "$name" e2fsprogs ext2 tree
	fi

	kernel=no
	if [ "$(id -u)" = 0 ] && mount -o ro,loop "$img" kernel 2>/dev/null; then
		kernel=yes
		manifest --map ${by_kernel:+--without "$by_kernel"} kernel >kernel.all || true
		umount kernel
		# what it cannot open has no map
		sed -E '/hash=ENOKEY/s/ map=[^ ]*//' tree.all |
			{ [ -z "$by_kernel" ] && cat || sed -E 's/ (map|hash)=[^ ]*//g'; } >tree
		# mke2fs gives a file that is one hole 60 inline bytes: the kernel reads them, but its
		# SEEK_DATA passes over them; a copy made by our SEEK_DATA must not lose them
		case $name in
		inline-data*) sed -Ei '/^\/only-hole /s/ map=[^ ]*//' tree kernel.all ;;
		esac
		differ "$name" "the kernel" kernel.all tree
	fi

	if [ $mount_ours = yes ]; then
		bramble mount "$img" ours || { wrong+=("$name"); return; }
		manifest --map ours >fuse || true
		bramble umount ours
		# files are opened without asking us: the key is missed when something is read
		[ "$name" != encrypted ] ||
			sed -Ei '/hash=ENOKEY/s/ map=[^ ]*//; / size=0 /s/ (map|hash)=[^ ]*//g' fuse tree.all
		sed -E 's/ dtype=u/ dtype=?/' tree.all >tree
		# FUSE may know the type from elsewhere where the directory does not say it
		! grep -q 'dtype=?' tree || sed -i 's/ dtype=.//' tree fuse
		differ "$name" "our mount" fuse tree
	fi
	echo "$name: $(wc -l <tree.all) lines, kernel: $kernel"
}

for name in "${names[@]}"; do
	[ ! -f "images/$name.img" ] || check "$name"
done

# A feature that nobody knows yet is refused by its name.
mke2fs -q -F -t ext4 unknown.img 4M
debugfs -w -R 'ssv feature_incompat 0x800002c2' unknown.img 2>/dev/null
expect 1 bramble ls unknown.img /
grep -qiE 'feature|unknown' err || { cat err; fail "does not name the feature"; }

[ ${#wrong[@]} = 0 ] || fail "$(printf '%s\n' "${wrong[@]}" | sort -u | paste -sd ' ')"
