# SPDX-License-Identifier: MIT
# bramble mount on a small image like a Pi's: options, relative paths, and mount(8) with fstab.
source "$(dirname "$0")/lib.sh"
need_fuse
need sfdisk mkfs.fat mcopy mke2fs findmnt

mkdir -p root/etc root/boot/firmware m
cat >root/etc/fstab <<'FSTAB'
PARTUUID=12345678-02 / ext4 defaults,noatime 0 1
PARTUUID=12345678-01 /boot/firmware vfat defaults 0 2
FSTAB
echo kitchen >root/etc/hostname
echo "root=PARTUUID=12345678-02 rootwait" >cmdline.txt
echo "arm_64bit=1" >config.txt
truncate -s 16M fat
mkfs.fat -F 16 fat >/dev/null
mcopy -i fat cmdline.txt config.txt ::
truncate -s 32M ext
mke2fs -q -t ext4 -d root ext
truncate -s 50M pi.img
sfdisk -q pi.img <<'TABLE'
label: dos
label-id: 0x12345678
start=2048, size=32768, type=c
start=34816, size=65536, type=83
TABLE
dd if=fat of=pi.img bs=1M seek=1 conv=notrunc,sparse status=none
dd if=ext of=pi.img bs=1M seek=17 conv=notrunc,sparse status=none
before=$(sha256sum <pi.img)
at_end "fusermount3 -uz '$work/m'"

# shown: both partitions are there
shown() {
	[ "$(cat m/etc/hostname)" = kitchen ] || fail "no root file system"
	cmp cmdline.txt m/boot/firmware/cmdline.txt || fail "no boot file system"
}

# Relative paths, though the server works in /
expect 0 bramble mount pi.img m
[ ! -s out ] && [ ! -s err ] || fail "it talks: $(cat out err)"
shown
[ "$(findmnt -rn -o SOURCE,FSTYPE m)" = "$work/pi.img fuse.bramble" ] || fail "$(findmnt -n m)"
expect 1 bramble mount pi.img m
said err "already mounted, from $work/pi.img"
expect 0 bramble umount m

# Started by something that has no standard streams
bramble mount pi.img m <&- >&- 2>&- || fail "needs standard streams"
shown
expect 0 bramble umount m

# What is in the image stays
mkdir elsewhere
(cd elsewhere && bramble mount -r ../pi.img ../m)
shown
(cd elsewhere && bramble umount ../m)
[ "$before" = "$(sha256sum <pi.img)" ] || fail "the image was written"

# Options
expect 0 bramble mount --partition 1 -o uid=1234,gid=77,umask=027,fsname=boot,subtype=x pi.img m
[ "$(stat -c '%u:%g %a' m/config.txt)" = "1234:77 750" ] || fail "$(stat m/config.txt)"
[ "$(findmnt -rn -o SOURCE,FSTYPE m)" = "boot fuse.x" ] || fail "$(findmnt -n m)"
expect 0 bramble umount m
others=allow_other
[ "$(id -u)" = 0 ] || others=default_permissions # for allow_other /etc/fuse.conf has to agree
expect 0 bramble mount -o "partition=2,$others" pi.img m
[ -z "$(ls m/boot/firmware)" ] || fail "partition 2 is not alone"
expect 0 bramble umount m

# Wrong usage, and what is not possible
expect 2 bramble mount
expect 2 bramble mount pi.img
expect 2 bramble mount pi.img m more
expect 2 bramble mount --no-such-option pi.img m
expect 2 bramble mount -o no_such_option pi.img m
said err "-o no_such_option: unknown option"
expect 2 bramble umount
expect 2 bramble mount -o rw pi.img m
said err "an image is mounted read-only; use --overlay"
for wrong in "--overlay BAD" "--overlay .x" "-o overlay=a/b" "--overlay=" "-o overlay=x,state=" \
	"--overlay x --state="; do
	expect 2 bramble mount pi.img m $wrong
	[ "$(wc -l <err)" = 1 ] || fail "more than one line: $(cat err)"
done
expect 1 bramble mount absent.img m
said err "absent.img"
expect 1 bramble mount --partition 7 pi.img m
[ "$(wc -l <err)" = 1 ] || fail "more than one line: $(cat err)"
expect 0 bramble help mount
said out allow_other
expect 0 bramble mount --help
expect 2 bramble no-such-command
said err "bramble help"
findmnt m && fail "mounted all the same"

# An overlay, by its option and by words; ro shows it as it is
expect 0 bramble mount pi.img m --overlay kitchen --state state
echo attic >m/etc/hostname
expect 0 bramble umount m
expect 0 bramble mount -o overlay=kitchen,state=state,ro pi.img m
[ "$(cat m/etc/hostname)" = attic ] || fail "no overlay"
! touch m/etc/hostname 2>/dev/null || fail "ro is writable"
expect 0 bramble umount m
expect 0 bramble mount -r -o rw,overlay=kitchen --state "$work/state" pi.img m
echo cellar >m/etc/hostname || fail "rw comes last, and is not writable"
expect 0 bramble umount m
expect 0 bramble mount pi.img m
shown
expect 0 bramble umount m
[ "$before" = "$(sha256sum <pi.img)" ] || fail "the image was written"

# Where others may enter, access control lists count as on a local file system
if [ "$(id -u)" = 0 ] && command -v setfacl >/dev/null && setfacl -m u:65534:r root/etc/fstab; then
	chmod 755 "$work"
	user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	echo given >given
	echo denied >denied
	mv given denied root/
	chmod 640 root/given
	chmod 644 root/denied
	setfacl -m u:65534:r root/given
	setfacl -m u:65534:- root/denied
	truncate -s 32M acl.img
	mke2fs -q -t ext4 -d root acl.img
	expect 0 bramble mount -o allow_other acl.img m
	expect 0 "${user[@]}" cat m/given
	expect 1 "${user[@]}" cat m/denied
	[ "$(getfacl -cp m/given)" = "$(getfacl -cp root/given)" ] || fail "$(getfacl m/given)"
	expect 0 bramble umount m

	# ls takes the answer about one kind of list for both: a default one alone must be seen
	mkdir -p default/dir default/many
	touch default/many/{1..300}
	setfacl -d -m u:65534:r default/dir
	truncate -s 32M default.img
	mke2fs -q -t ext4 -d default default.img
	expect 0 bramble mount default.img m
	for at in 1 2; do
		ls -l m/many >/dev/null
		getfattr -n system.posix_acl_access m/many/* >out 2>err || true
		said err "No such attribute"
	done
	! grep -q "not supported" err || fail "says that there are no lists: $(tail -1 err)"
	ls -l m/many m >listed
	grep -q '^drwxr-xr-x+ .* dir$' listed || fail "default list not shown"
	expect 0 bramble umount m
fi

# mount(8) and fstab: a /sbin of our own with the helper in it
[ "$(id -u)" = 0 ] || exit 0
mkdir sbin
ln -s "$BRAMBLE_BUILD/tools/bramble" sbin/mount.bramble
mount -t overlay -o "lowerdir=$work/sbin:/usr/sbin" none /usr/sbin 2>/dev/null || exit 0
at_end "umount -l /usr/sbin"
[ /sbin -ef /usr/sbin ] || exit 0
mount -t bramble pi.img m || fail "mount -t bramble"
shown
umount m
echo "$work/pi.img $work/m bramble noauto,user,nofail,x-systemd.automount,allow_other 0 0" >fstab
mount -T fstab m || fail "mount by fstab"
shown
findmnt -n -o OPTIONS m | grep -q default_permissions || fail "allow_other without permissions"
umount m
mount -f -t bramble -o overlay=new,state="$work/state" pi.img m || fail "mount -f"
findmnt m && fail "mount -f mounts"
[ ! -e state/overlays/new ] || fail "mount -f makes an overlay"
echo "$work/pi.img $work/m bramble overlay=kitchen,state=$work/state,noauto 0 0" >fstab
mount -T fstab m || fail "an overlay by fstab"
[ "$(cat m/etc/hostname)" = cellar ] && touch m/etc/hostname || fail "an overlay by fstab"
umount m
mount -T fstab -o ro m || fail "an overlay by fstab, ro"
! touch m/etc/hostname 2>/dev/null || fail "ro is writable"
umount m
mount -r -t bramble -o overlay=kitchen,state="$work/state" pi.img m || fail "mount -r"
! touch m/etc/hostname 2>/dev/null || fail "mount -r is writable"
umount m
mount -t bramble absent.img m 2>err && fail "mount -t bramble of nothing"
said err "absent.img"
