# SPDX-License-Identifier: MIT
# Sourced by make-ext4-images: what each image holds. Recipes run in a folder of their own, with the
# image's path in $img, and exit 77 where this machine cannot make it.
# shellcheck disable=SC2154 # img, uuid and work come from there

# format SIZE MKE2FS-OPTION...: an empty volume
format() {
	local size=$1
	shift
	truncate -s "$size" "$img"
	mke2fs -q -F -U $uuid -E "root_owner=0:0${extended:+,$extended}" "$@" "$img"
}

# repeat TEXT BYTES: yes ends by a signal, which is no failure
repeat() { { yes "$1" || true; } | head -c "$2"; }

# A tree that any revision of ext2 can hold, in tree/.
sample_tree() {
	[ -d ../sample ] || (mkdir ../sample && cd ../sample && make_sample_tree)
	cp -a ../sample/tree .
}

make_sample_tree() {
	local i
	mkdir -p tree/dir/sub tree/many tree/empty
	echo hello >tree/hello
	: >tree/zero
	repeat 'a file of some blocks' 300000 >tree/blocks
	ln tree/hello tree/dir/hard-link
	ln -s hello tree/fast-link
	ln -s "$(printf 'far/%.0s' $(seq 30))away" tree/slow-link
	ln -s "$(printf 'x%.0s' $(seq 59))" tree/link-of-59
	ln -s "$(printf 'x%.0s' $(seq 60))" tree/link-of-60
	mkfifo tree/fifo
	truncate -s 3M tree/hole-at-end
	echo start | dd of=tree/hole-at-end conv=notrunc status=none
	truncate -s 1M tree/only-hole
	echo end | dd of=tree/hole-first bs=1 seek=777777 status=none
	for i in $(seq 300); do echo "$i" >"tree/many/a file with the number $i"; done
	: >"tree/$(printf 'n%.0s' $(seq 255))"
	chmod 4711 tree/hello
	chmod 1777 tree/empty
	chmod 0400 tree/zero
	find tree -exec touch -h -d '2021-09-08 07:06:05.123456789' {} +
}

# What mke2fs does not copy or this user may not make.
sample_debugfs() {
	cat <<-'TEXT'
	mknod char-old c 5 1
	mknod block-old b 8 17
	mknod char-new c 300 7
	mknod block-new b 259 1000
	sif hello uid 100000
	sif hello gid 70000
	TEXT
}

# run_debugfs FILE-OF-COMMANDS: any complaint is a failure
run_debugfs() {
	debugfs -w -f "$1" "$img" >debugfs.log 2>&1
	if grep -vE '^debugfs|^Allocated inode|^$' debugfs.log; then
		return 1
	fi
}

# sample SIZE MKE2FS-OPTION...: the tree above, without the kernel
sample() {
	[ -d tree ] || sample_tree
	format "$@" -d tree
	sample_debugfs >commands
	[ ! -f more-commands ] || cat more-commands >>commands
	run_debugfs commands
}

# live COMMAND [MOUNT-OPTION]: mounts $img by the kernel and runs the command in it
live() {
	[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
	mount -o "loop${2:+,$2}" "$img" mnt || exit 77
	(cd mnt && "$1")
	umount mnt
}

# What a running system writes; xattrs and ACLs where the tools and the volume have them.
live_tree() {
	local i
	mkdir -p a/b/c setgid
	chmod 2775 setgid
	echo 0123456789 >a/ten
	head -c 100 /dev/zero | tr '\0' i >a/hundred
	head -c 170 /dev/zero | tr '\0' j >a/hundred-and-seventy
	head -c 70000 /dev/urandom >a/random
	touch -d '1901-12-13 20:45:53.000000001' a/first-time || true
	touch -d '1969-12-31 23:59:59.999999999' a/before-1970
	touch -d '2038-01-19 03:14:08.5' a/after-2038 || true
	touch -d '2446-05-10 22:38:54.999999999' a/last-time || true
	for i in 1 2 3; do
		echo "$i" >"a/shared-$i"
		setfattr -n user.big -v "$(head -c 700 /dev/zero | tr '\0' s)" "a/shared-$i" || true
	done
	setfattr -n user.small -v value a/ten || true
	setfattr -n user.empty a/ten || true
	setfattr -n trusted.root -v only a/ten || true
	setfattr -n user.dir -v x a/b || true
	setfacl -m u:1234:rw,g:99:r a/hundred || true
	setfacl -d -m u:1234:rwx a/b || true
	setcap cap_net_raw+ep a/random || true
	fallocate -l 300000 a/unwritten || true
	fallocate -l 300000 a/partly || true
	[ ! -f a/partly ] || echo middle | dd of=a/partly bs=1 seek=150000 conv=notrunc status=none
	echo short >a/kept-beyond-end
	fallocate -n -l 100000 a/kept-beyond-end || true
	repeat punched 200000 >a/punched
	fallocate -p -o 50000 -l 100000 a/punched || true
	mknod a/null c 1 3
	mknod a/large-minor b 259 1048575
	perl -e 'use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("a/socket"))'
	ln -s "$(printf 't%.0s' $(seq 150))" a/link-150
	for i in $(seq 500); do : >"a/b/name-$i"; done
	for i in $(seq 3 3 500); do rm "a/b/name-$i"; done
	mv a/ten a/b/moved
	sync -f .
}

# written SIZE MKE2FS-OPTION...: written by the kernel
written() {
	format "$@"
	live live_tree
}

many_names() { seq -f 'entry-%06.0f' 100000 | xargs touch; }
long_names() { seq -f "%06.0f-$(printf 'long%.0s' $(seq 55))" 30000 | xargs touch; }

# chunks FILE COUNT STRIDE: COUNT times 1 KiB, that far from each other
chunks() {
	perl -e 'my ($file, $count, $stride) = @ARGV;
		open(F, ">", $file) or die; binmode F;
		for my $i (0 .. $count - 1) {
			sysseek(F, $i * $stride, 0); syswrite(F, sprintf("%1024d", $i));
		}' "$@"
}

fragments() {
	chunks three-levels 29000 2048
	chunks two-levels 2000 2048
	chunks one-level 100 2048
	sync -f .
}

# 1 KiB blocks: direct to 12 KiB, single to 268 KiB, double to 64.25 MiB, then triple indirect
indirect_tree() {
	local at
	mkdir tree
	: >tree/sparse
	for at in 0 12287 12288 200000 274431 274432 5000000 67383295 67383296 90000000; do
		echo "here is $at" | dd of=tree/sparse bs=1 seek=$at conv=notrunc status=none
	done
	repeat 'without any hole' 3000000 >tree/dense
	truncate -s 80M tree/only-hole
}

large_xattrs() {
	head -c 20000 /dev/zero | tr '\0' e >large
	head -c 60000 /dev/zero | tr '\0' f >larger
	head -c 3000 /dev/zero | tr '\0' g >block
	cat <<-'TEXT'
	ea_set -f large hello user.large
	ea_set -f larger hello user.larger
	ea_set -f block hello user.block
	ea_set -f large blocks user.large
	ea_set hello user.tiny t
	TEXT
}

# times as debugfs sets them: the low 32 bits, then 30 bits of nanoseconds and 2 of the epoch
time_commands() {
	cat <<-'TEXT'
	sif hello mtime @0x80000000
	sif hello mtime_extra 0
	sif blocks mtime @0x7fffffff
	sif blocks mtime_extra 0xee6b27fc
	sif only-hole mtime @0x80000000
	sif only-hole mtime_extra 1
	sif hole-first mtime @0x7fffffff
	sif hole-first mtime_extra 0xee6b27ff
	sif hole-first atime @0x7fffffff
	sif hole-first atime_extra 2
	sif hole-first ctime @0
	sif hole-first ctime_extra 3
	TEXT
}

project_commands() {
	printf 'sif hello projid 4242\nsif dir projid 7\nsif dir flags 0x20080000\n'
}

encrypted_tree() {
	mkdir clear secret
	echo readable >clear/file
	# FS_IOC_ADD_ENCRYPTION_KEY and FS_IOC_SET_ENCRYPTION_POLICY, version 2, AES-256
	perl -e '
		open(my $dir, "<", ".") or die "open: $!";
		my $arg = pack("L L a32 L L a32 a64", 2, 0, "", 64, 0, "", "k" x 64);
		ioctl($dir, 0xc0506617, $arg) or die "add key: $!";
		my $id = substr($arg, 8, 16);
		open(my $secret, "<", "secret") or die "open: $!";
		my $policy = pack("C C C C a4 a16", 2, 1, 4, 3, "", $id);
		ioctl($secret, 0x800c6613, $policy) or die "set policy: $!";
	' || exit 77
	mkdir secret/dir
	echo hidden >secret/dir/file
	echo hidden >"secret/a rather long name that fills more than one block of the cipher, surely so"
	ln -s target secret/link
	: >"secret/$(printf 'n%.0s' $(seq 255))"
	ln secret/dir/file secret/hard
	for i in $(seq 200); do : >"secret/dir/many-$i"; done
	sync -f .
}

# Inodes of groups beyond 2 TiB, and so their blocks.
beyond_2_tib() {
	local device goal
	device=$(findmnt -n -o SOURCE .)
	goal=$(dumpe2fs -h "$device" 2>/dev/null | awk '/^Inodes per group/ { print $4 * 18500 + 1 }')
	echo "$goal" >"/sys/fs/ext4/${device##*/}/inode_goal"
	echo near >near
	mkdir far
	repeat 'beyond two tebibytes' 100000 >far/file
	sync -f .
}

far_image() {
	format 3T -t ext4 -b 4096 -N 400000 -O ^has_journal,^resize_inode -E lazy_itable_init=1,nodiscard
	live beyond_2_tib
	debugfs -R 'stat far/file' "$img" 2>/dev/null | grep -qE '\(0-24\):(5[4-9]|[6-9])[0-9]{7}'
}

# by_flags FILE=FLAGS...: sets inode flags, in hexadecimal with 0x80000 (extents) where it has them
by_flags() {
	local pair
	for pair; do
		echo "sif ${pair%=*} flags ${pair#*=}"
	done
}

casefold_tree() {
	mkdir -p tree/folded/Sub tree/plain
	echo street >'tree/folded/Straße'
	echo upper >tree/folded/UPPER
	echo lower >tree/plain/lower
	echo accent >"tree/folded/$(printf 'caf\xc3\xa9')"
}

# Revisions, block and inode sizes
image rev0 sample 8M -r 0 -t ext2 -b 1024 -I 128
image ext2 sample 8M -t ext2 -b 1024 -I 128
image ext2-4k sample 8M -t ext2 -b 4096
image ext3 sample 16M -t ext3 -b 1024 -O dir_index,resize_inode
for bytes in 1024 2048 4096; do
	image block-$bytes sample 16M -t ext4 -b $bytes
	image written-$bytes written 16M -t ext4 -b $bytes
done
for bytes in 8192 16384 32768 65536; do
	image block-$bytes sample 64M -t ext4 -b $bytes
	image block-$bytes-indirect sample 64M -t ext3 -b $bytes
done
for bytes in 128 256 512 1024 2048 4096; do
	image inode-$bytes sample 16M -t ext4 -b 4096 -I $bytes -N 1024
	image written-inode-$bytes written 16M -t ext4 -b 4096 -I $bytes -N 2048
done

# Where things lie
image no-filetype sample 8M -t ext4 -O ^filetype -b 1024
image no-sparse-super sample 32M -t ext4 -b 1024 -g 2048 -O ^sparse_super,^resize_inode
image sparse-super2 sample 32M -t ext4 -b 1024 -g 2048 -O sparse_super2,^resize_inode
image meta-bg sample 64M -t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode,64bit
image meta-bg-32bit sample 64M -t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode,^64bit,^flex_bg
image flex-bg sample 32M -t ext4 -b 1024 -g 2048 -G 8
image no-flex-bg sample 32M -t ext4 -b 1024 -g 2048 -O ^flex_bg
image 64bit sample 16M -t ext4 -O 64bit
image no-64bit sample 16M -t ext4 -O ^64bit
image resize-inode sample 32M -t ext4 -b 1024 -g 2048 -O resize_inode,^meta_bg
image first-data-block sample 16M -t ext4 -b 1024 -g 256 -O ^resize_inode

# Files
image huge-file 'by_flags blocks=0xc0000 >more-commands;
	echo sif blocks blocks 74 >>more-commands; sample 16M -t ext4 -b 4096 -O huge_file'
image extents-deep 'format 96M -t ext4 -b 1024 -N 512; live fragments'
image extents-mke2fs 'sample_tree; chunks tree/fragments 3000 8192; sample 48M -t ext4 -b 1024'
image indirect 'indirect_tree; format 24M -t ext2 -b 1024 -d tree'
image indirect-ext4 'indirect_tree; format 24M -t ext4 -b 1024 -O ^extents,^64bit -d tree'
image unwritten 'echo fallocate only-hole 3 40 >more-commands; sample 16M -t ext4 -b 1024'
image inline-data sample 16M -t ext4 -O inline_data -I 256
image inline-data-1024 sample 16M -t ext4 -O inline_data -I 1024
image inline-data-written written 16M -t ext4 -O inline_data -I 256
image inline-data-written-1024 written 16M -t ext4 -O inline_data -I 1024 -N 2048
image bigalloc sample 64M -t ext4 -b 4096 -O bigalloc -C 65536
image bigalloc-1k sample 64M -t ext4 -b 1024 -O bigalloc -C 16384
image bigalloc-written written 64M -t ext4 -b 4096 -O bigalloc -C 65536
image beyond-2-tib far_image

# Directories
image dir-index 'sample 16M -t ext4 -b 1024 -O dir_index; e2fsck -fyD "$img" || [ $? = 1 ]'
image no-dir-index sample 16M -t ext4 -b 1024 -O ^dir_index
image names-100000 'format 64M -t ext4 -b 4096 -N 101000; live many_names'
# a linear one takes the kernel minutes to make; without the feature the index looks empty
image names-100000-linear 'format 64M -t ext4 -b 4096 -N 101000 -O ^metadata_csum; live many_names;
	tune2fs -O ^dir_index "$img"'
image large-dir 'format 64M -t ext4 -b 1024 -N 31000 -O large_dir; live long_names'
image casefold 'casefold_tree; extended=encoding=utf8; format 16M -t ext4 -O casefold -d tree;
	by_flags folded=0x40080000 folded/Sub=0x40080000 >commands; run_debugfs commands'

# Attributes
image ea-inode 'large_xattrs >more-commands; sample 16M -t ext4 -O ea_inode'
image ea-inode-written written 16M -t ext4 -O ea_inode
image xattr-block 'large_xattrs | grep -v -e large >more-commands; sample 16M -t ext4 -b 4096 -I 128 -N 1024'
image times 'time_commands >more-commands; sample 16M -t ext4 -I 256'
image times-ext2 'time_commands | grep -v extra >more-commands; sample 16M -t ext2 -I 128'
image project 'project_commands >more-commands; extended=quotatype=usrquota:grpquota:prjquota;
	sample 16M -t ext4 -O project,quota -I 256'
image quota 'extended=quotatype=usrquota:grpquota; sample 16M -t ext4 -O quota'

# Checksums
image metadata-csum sample 16M -t ext4 -O metadata_csum,64bit
image csum-seed 'sample 16M -t ext4 -O metadata_csum,metadata_csum_seed;
	tune2fs -f -U 99999999-4e07-4f11-8e1f-0123456789ab "$img"'
image csum-written written 16M -t ext4 -O metadata_csum,metadata_csum_seed -b 1024
image uninit-bg sample 32M -t ext4 -b 1024 -g 2048 -O ^metadata_csum,uninit_bg
image no-csum sample 16M -t ext4 -O ^metadata_csum,^uninit_bg

# Others
image verity 'by_flags blocks=0x180000 >more-commands; sample 16M -t ext4 -O verity'
image encrypted 'format 16M -t ext4 -b 4096 -O encrypt; live encrypted_tree'
image orphan-file sample 16M -t ext4 -O orphan_file
image orphan-file-written written 16M -t ext4 -O orphan_file
image mmp sample 16M -t ext4 -O mmp
image no-journal sample 16M -t ext4 -O ^has_journal
