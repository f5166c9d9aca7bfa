# SPDX-License-Identifier: MIT
# bramble cat gives the bytes of files, and only those.
. "$(dirname "$0")/lib.sh"
. "$BRAMBLE_SOURCE/test/integration/lib_pi.sh"
make_pi_image pi.img

for file in bin/large bin/holes bin/only-hole bin/empty "bin/one name" many/file-77; do
	bramble cat pi.img "/$file" | cmp - "src/$file" || fail "$file differs"
done
bramble cat pi.img bin/large etc/fstab bin/large | cmp - <(cat src/bin/large src/etc/fstab \
	src/bin/large) || fail "several files differ"
bramble cat pi.img /boot/firmware/cmdline.txt | cmp - cmdline.txt || fail "FAT file differs"
bramble cat pi.img "/boot/firmware/OVERLAYS/a LONG name.dtbo" | cmp - "overlays/A long name.dtbo" ||
	fail "FAT file in other case differs"
bramble cat --partition 1 pi.img cmdline.txt | cmp - cmdline.txt || fail "partition 1 alone"
bramble cat pi.img /bin/link | cmp - src/etc/fstab || fail "link"
bramble cat pi.img /bin/absolute/fstab | cmp - src/etc/fstab || fail "absolute link"
bramble cat pi.img /../../etc/../etc/fstab | cmp - src/etc/fstab || fail ".."

expect 1 bramble cat pi.img /etc
said "$work/err" "bramble: /etc: Is a directory"
expect 1 bramble cat pi.img /none /etc/fstab # the rest is still written
said "$work/err" "bramble: /none: No such file or directory"
cmp "$work/out" src/etc/fstab
expect 1 bramble cat pi.img /bin/dangling
said "$work/err" "No such file or directory"
if [ "$(id -u)" = 0 ]; then
	expect 1 bramble cat pi.img /dev/fifo
	said "$work/err" "fifo"
fi
expect 1 bramble cat none.img /x
expect 2 bramble cat pi.img
expect 2 bramble cat

# a reader that has enough ends it quietly; a full disk does not
set +o pipefail
bramble cat pi.img /bin/large 2>"$work/err" | head -c 10 | cmp - <(head -c 10 src/bin/large)
set -o pipefail
[ ! -s "$work/err" ] || fail "a closed pipe is not worth a word"
if [ -c /dev/full ]; then
	status=0
	bramble cat pi.img /bin/large 2>"$work/err" >/dev/full || status=$?
	[ $status = 1 ] || fail "a full disk gave $status"
	said "$work/err" "No space left on device"
fi

# the image cut while it is used: what is gone gives an error, what is left its bytes
cp --sparse=always pi.img cut.img
truncate -s 40M cut.img
status=0
timeout 20 bramble cat cut.img /bin/large /bin/holes >"$work/out" 2>"$work/err" || status=$?
[ $status -le 1 ] || fail "a cut image gave $status"
echo "cat agrees"
