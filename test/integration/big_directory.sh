#!/bin/bash
# SPDX-License-Identifier: MIT
# A directory of 100,000 entries, with and without an index, is listed whole, in time that is not
# quadratic, and each name is found.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need_root
need_fuse
need mke2fs tune2fs
mkdir mnt
at_end "bramble umount '$work/mnt'"
limit_ms=5000 # a loaded machine, sanitizers; without them it takes a fraction of a second
seq -f 'entry-%06.0f' 100000 >wanted
echo lost+found >>wanted

for name in names-100000 names-100000-linear; do
	bash "$BRAMBLE_SOURCE/test/images/make-ext4-images" . $name >made
	[ -s made ] || skip "the kernel cannot make $name"
	bramble mount $name.img mnt

	begun=$(date +%s%3N)
	# shellcheck disable=SC2012 # find would ask for each entry
	ls -U mnt >listed
	took=$(($(date +%s%3N) - begun))
	sort listed | cmp - wanted || fail "$name: other names are listed"
	[ $took -lt $limit_ms ] || fail "$name: listing took $took ms"
	echo "$name: listed in $took ms"

	begun=$(date +%s%3N)
	shuf -n 2000 --random-source=wanted wanted | (cd mnt && xargs stat -c %i) >inodes
	took=$(($(date +%s%3N) - begun))
	[ "$(sort -u inodes | wc -l)" = 2000 ] || fail "$name: inode numbers are not distinct"
	# without an index each lookup reads the directory, as with the kernel
	[ $name != names-100000 ] || [ $took -lt $limit_ms ] || fail "$name: 2000 lookups took $took ms"
	echo "$name: 2000 lookups in $took ms"
	[ ! -e mnt/entry-100001 ] || fail "$name: a name that is not there is found"
	bramble umount mnt
	rm $name.img
done
