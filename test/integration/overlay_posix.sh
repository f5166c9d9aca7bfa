# SPDX-License-Identifier: MIT
# Rules of POSIX, judged by the kernel's ext4, hold in an overlay: for what it makes itself, and for
# what comes from an image's ext4 and from its FAT.
source "$(dirname "$0")/lib.sh"
need_fuse
need_root
need sfdisk mkfs.fat mcopy mke2fs findmnt
rules=$BRAMBLE_BUILD/test/support/posix_rules
chmod 755 "$work"

# kept DIR [SKIPPED...]: the rules, whose output is shown if they are not
kept() {
	"$rules" check "$@" >out 2>err || { cat out err; fail "$1: rules are broken"; }
	grep -v BROKEN out
}

# The judge
truncate -s 64M judge.img
mke2fs -q -t ext4 -b 4096 judge.img
loop_mount judge.img judge
kept judge

# One that has what the rules need in both file systems; FAT cannot have links, pipes and owners.
mkdir -p root/boot/firmware root/etc root/rules boot m
printf 'PARTUUID=12345678-01 /boot/firmware vfat defaults 0 2\n' >root/etc/fstab
"$rules" make root/rules
(cd root && find rules \( -type f -o -type d \) ! -name twin -print0 |
	tar -c --null --no-recursion -T - | tar -x -C ../boot)
echo "root=PARTUUID=12345678-02 rootwait" >boot/cmdline.txt
truncate -s 32M fat
mkfs.fat -F 16 fat >/dev/null
mcopy -s -i fat boot/* ::
truncate -s 64M ext
mke2fs -q -t ext4 -b 4096 -d root ext
truncate -s 98M pi.img
sfdisk -q pi.img <<'TABLE'
label: dos
label-id: 0x12345678
start=2048, size=65536, type=c
start=67584, size=131072, type=83
TABLE
dd if=fat of=pi.img bs=1M seek=1 conv=notrunc,sparse status=none
dd if=ext of=pi.img bs=1M seek=33 conv=notrunc,sparse status=none
before=$(sha256sum <pi.img)

at_end "fusermount3 -uz '$work/m'"
expect 0 bramble mount pi.img m --overlay posix --state state -o allow_other
kept m/rules
kept m/boot/firmware/rules
mkdir m/new
kept m/new
expect 0 bramble umount m
expect 0 bramble overlay check posix --state state
[ "$before" = "$(sha256sum <pi.img)" ] || fail "the image was written"

# Nothing is different after a restart, nor with write-back: the rules' own directories can be removed.
expect 0 bramble mount pi.img m --overlay posix --state state -o allow_other,writeback
mkdir m/late
kept m/late
rm -r m/late m/rules m/boot/firmware/rules m/new
[ "$(ls -A m/boot/firmware)" = cmdline.txt ] || fail "left in the boot file system: $(ls m/boot/firmware)"
expect 0 bramble umount m
expect 0 bramble overlay check posix --state state
