# SPDX-License-Identifier: MIT
# Which volume is the root, which one boots, and where the others stand.
. "${BRAMBLE_SOURCE:-$(dirname "$0")/../..}/test/integration/lib.sh"
need sfdisk mkfs.fat mcopy mke2fs

# make_fat FILE [LOCAL:NAME...]
make_fat() {
	local file=$1 pair
	shift
	mkfs.fat -C -F 12 "$file" 8192 >/dev/null
	for pair; do mcopy -i "$file" "${pair%%:*}" "::${pair##*:}"; done
}

# make_ext FILE [LOCAL:PATH...]
make_ext() {
	local file=$1 pair
	shift
	rm -rf "$work/tree" && mkdir "$work/tree"
	for pair; do
		mkdir -p "$work/tree/$(dirname "${pair##*:}")"
		cp "${pair%%:*}" "$work/tree/${pair##*:}"
	done
	truncate -s 8M "$file"
	mke2fs -q -F -t ext4 -d "$work/tree" "$file"
}

# join FILE PART...: an image with an MBR (id 0x0badcafe) and these partitions of 8 MiB
join() {
	local file=$1 part at=1
	shift
	truncate -s $((1 + 8 * $#))M "$file"
	{
		echo 'label: dos'
		echo 'label-id: 0x0badcafe'
		for part; do
			echo "start=$((at * 2048)), size=16384, type=83"
			at=$((at + 8))
		done
	} | sfdisk -q "$file"
	at=1
	for part; do
		dd if="$part" of="$file" bs=1M seek=$at conv=notrunc,sparse status=none
		at=$((at + 8))
	done
}

# shows IMAGE PATH NAME...
shows() {
	local image=$1 path=$2
	shift 2
	expect 0 bramble ls "$image" "$path"
	printf '%s\n' "$@" | diff - <(grep -v '^lost+found$' "$work/out")
}

echo 'root=PARTUUID=0badcafe-03' >root3.txt
echo 'root=PARTUUID=0badcafe-04' >root4.txt
printf '[all]\nboot_partition=2\n[tryboot]\nboot_partition=1\n' >autoboot.txt
printf 'PARTUUID=0badcafe-02 /boot/firmware vfat defaults 0 2\n' >fstab
echo text >text

# autoboot.txt leads to a volume that nobody has opened before
make_fat first.fat autoboot.txt:autoboot.txt root4.txt:cmdline.txt
make_fat second.fat root3.txt:cmdline.txt
make_ext third.ext fstab:etc/fstab text:third
make_ext fourth.ext text:fourth
join autoboot.img first.fat second.fat third.ext fourth.ext
shows autoboot.img / boot etc third
shows autoboot.img /boot/firmware cmdline.txt

# and to one that is damaged: the first that boots is taken
cp second.fat broken.fat
printf '\0\0' | dd of=broken.fat bs=1 seek=11 conv=notrunc status=none
join broken.img first.fat broken.fat third.ext fourth.ext
shows broken.img / boot fourth
shows broken.img /boot autoboot.txt cmdline.txt

# without a cmdline.txt: the only ext volume with /etc/fstab, else the first
make_fat plain.fat text:config.txt
join fstab.img plain.fat fourth.ext third.ext
shows fstab.img / boot etc third
join none.img plain.fat fourth.ext
shows none.img / boot fourth
shows none.img /boot config.txt

# fstab by label and UUID; what it leaves alone stays away; a directory that is there is covered
mkfs.fat -C -F 12 -n BOOTFS -i 1234abcd label.fat 8192 >/dev/null
mcopy -i label.fat text ::config.txt
printf '%s\n' 'LABEL=BOOTFS /boot vfat defaults' 'UUID=11111111-2222-3333-4444-555555555555 /srv/data ext4' \
	'PARTUUID=0badcafe-04 /home ext4 noauto' >fstab.label
make_ext root.ext fstab.label:etc/fstab text:boot/covered
make_ext data.ext text:data
tune2fs -U 11111111-2222-3333-4444-555555555555 data.ext >/dev/null 2>&1
join label.img label.fat root.ext data.ext fourth.ext
shows label.img / boot etc srv
shows label.img /boot config.txt
shows label.img /srv/data data

# by device: of the disk that / is on, else of the SD card; another disk's partitions are not ours
printf '%s\n' '/dev/sda1 /mnt/stick vfat defaults' '/dev/mmcblk0p1 /boot/ vfat defaults' \
	'PARTUUID=0badcafe-02 / ext4 defaults' >fstab.card
make_ext root.ext fstab.card:etc/fstab text:boot/covered text:mnt/stick/empty
join card.img plain.fat root.ext
shows card.img /boot config.txt
shows card.img /mnt/stick empty
printf '%s\n' '/dev/mmcblk0p1 /mnt/card vfat defaults' '/dev/sda1 /boot vfat defaults' \
	'/dev/sda2 / ext4 defaults' >fstab.stick
make_ext root.ext fstab.stick:etc/fstab text:boot/covered text:mnt/card/empty
join stick.img plain.fat root.ext
shows stick.img /boot config.txt
shows stick.img /mnt/card empty

# one volume alone
join fat.img plain.fat
shows fat.img / config.txt
join ext.img fourth.ext
shows ext.img / fourth
