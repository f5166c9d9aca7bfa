# SPDX-License-Identifier: MIT
# Changes through a mount: they are seen at once, they are there after a remount, and the image is as it
# was.
source "$(dirname "$0")/lib_overlay.sh"
make_pi_image pi.img
before=$(sha256sum <pi.img)
up

# Content of the image's files
echo attic >m/etc/hostname
echo "# more" >>m/etc/fstab
dd if=/dev/zero of=m/bin/large bs=4096 seek=100 count=1 conv=notrunc status=none
cp src/bin/large large
dd if=/dev/zero of=large bs=4096 seek=100 count=1 conv=notrunc status=none
truncate -s 5000 m/many/file-7
: >m/many/file-8
cmp large m/bin/large || fail "a block of a file was not replaced"

# New ones of each kind
mkdir -p m/new/deep/er
echo file >m/new/file
ln -s ../etc/hostname m/new/link
mkfifo m/new/fifo
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("m/new/socket")'
if [ "$(id -u)" = 0 ]; then
	mknod m/new/null c 1 3
	mknod m/new/disk b 259 70000
	chown 12345:54321 m/new/file
fi
setfattr -n user.colour -v blue m/new/file
setfattr -n user.note -v changed m/bin/large
touch -d '1999-12-31 23:59:59.123456789' m/new/file
chmod 751 m/new/file
truncate -s 5G m/new/vast
printf end | dd of=m/new/vast bs=1 seek=5368709117 conv=notrunc status=none

# Hard links stay links: those of the image, and new ones
[ "$(stat -c %h "m/bin/one name")" = 3 ] || fail "no links in the image"
echo changed >>m/etc/other-name
cmp m/etc/other-name m/home/pi/third || fail "a link was torn"
ln m/etc/other-name m/new/fourth
rm "m/bin/one name"
[ "$(stat -c %h m/new/fourth)" = 3 ] || fail "$(stat m/new/fourth)"
[ m/new/fourth -ef m/home/pi/third ] || fail "not the same file"
expect 1 ln m/etc/fstab m/boot/firmware/fstab
said err "cross-device"

# Names move, of directories of the image as well; what is shown at them stays
number=$(stat -c %i m/many)
listing=$(ls m/many)
mv m/many m/new/few
[ "$number" = "$(stat -c %i m/new/few)" ] || fail "a directory's number changed with its name"
[ "$listing" = "$(ls m/new/few)" ] || fail "a directory is not the same after it was renamed"
expect 1 mv m/boot/firmware m/new/firmware
expect 1 rmdir m/boot/firmware
mv m/boot m/new/start
[ -f m/new/start/firmware/cmdline.txt ] || fail "the boot volume did not follow"
mv m/new/start m/boot
echo over >over
cp over m/new/over
mv m/new/over m/etc/fstab
mv m/home/pi/.hidden/file m/home/pi/.hidden/other
expect 1 rmdir m/home/pi/.hidden
rm -r m/home/pi/.hidden
python3 - <<'PY' || fail "renameat2"
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def rename(a, b, flags):
    r = libc.renameat2(-100, a.encode(), -100, b.encode(), flags)
    return ctypes.get_errno() if r else 0
os.mkdir("m/new/x")
open("m/new/x/in", "w").close()
assert rename("m/new/x", "m/new/file", 1) == 17  # NOREPLACE
assert rename("m/new/x", "m/new/y", 1) == 0
assert rename("m/new/y", "m/new/fourth", 2) == 0  # EXCHANGE
assert os.path.isdir("m/new/fourth") and os.path.isfile("m/new/y")
assert rename("m/new/y", "m/new/absent", 2) == 2
assert rename("m/new/y", "m/new/whiteout", 4) == 22
assert rename("m/new", "m/new/fourth/in", 0) == 22  # into itself
PY

# A listing that the kernel keeps is dropped on each change
ls m/etc >/dev/null
touch m/etc/first
ls m/etc >listed
grep -qx first listed || fail "a new name is not listed"
rm m/etc/first
ls m/etc >listed
! grep -qx first listed || fail "a removed name is listed"

# What a file without a name had is given back as soon as the kernel has forgotten it, however it got to
# know it, and not before
stored() { du -m "$BRAMBLE_STATE/overlays/test/data" | cut -f1; }
head -c 40000000 /dev/urandom >m/new/big
ln m/new/big m/new/also
again
ls -l m/new m/new/big >/dev/null
find m/new -name '*i*' -size +1M -exec stat {} + >/dev/null
exec 5<m/new/big
rm m/new/big m/new/also
sleep 3
[ "$(stored)" -gt 35 ] && [ "$(head -c 1000 <&5 | wc -c)" = 1000 ] || fail "freed while open"
exec 5<&-
for ((i = 0; i < 200; i++)); do
	[ "$(stored)" -gt 35 ] || break
	sleep 0.1
done
[ "$(stored)" -lt 35 ] || fail "not given back: $(stored) MiB"

again
[ "$(tail -c 3 m/new/vast)" = end ] && [ "$(stat -c %s m/new/vast)" = 5368709120 ] ||
	fail "a file beyond 4 GiB"
rm m/new/vast # to hash it three times would take longer than all the rest

manifest=$BRAMBLE_BUILD/test/support/manifest
"$manifest" m >seen
again
"$manifest" m >stored
diff seen stored >&2 || fail "after a remount it is not the same"
[ "$(stat -c %.9Y m/new/file)" = "$(date -d '1999-12-31 23:59:59.123456789' +%s.%N)" ] ||
	fail "$(stat m/new/file)"
[ "$before" = "$(sha256sum <pi.img)" ] || fail "the image was written to"

# A read-only view of the overlay, which is not made by it
down
bramble mount -r pi.img m --overlay test
"$manifest" m >seen
diff stored seen >&2 || fail "read-only it is not the same"
expect 1 touch m/etc/hostname
said err "Read-only file system"
bramble mount -o ro,overlay=test --partition 2 pi.img m 2>err && fail "mounted twice"
down
expect 1 bramble mount -r pi.img m --overlay other
said err other
expect 1 bramble mount --partition 2 pi.img m --overlay test
[ "$(wc -l <err)" = 1 ] || fail "more than one line: $(cat err)"

# The image without the overlay shows nothing of it
bramble mount pi.img m
[ -d m/many ] && [ ! -e m/new ] || fail "the image shows what is in an overlay"
cmp src/bin/large m/bin/large || fail "the image shows what is in an overlay"
down
