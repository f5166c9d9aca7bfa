# SPDX-License-Identifier: MIT
# bramble ls prints what ls prints of the same image mounted by the kernel.
. "$(dirname "$0")/lib.sh"
. "$BRAMBLE_SOURCE/test/integration/lib_pi.sh"
export LC_ALL=C TZ=UTC
make_pi_image pi.img

# squeezed: columns apart by one space, as widths are a matter of taste
squeezed() { sed -E 's/ +/ /g'; }

expect 0 bramble ls pi.img /etc
printf 'fstab\nother-name\n' | diff - "$work/out"
expect 0 bramble ls pi.img
printf '%s\n' bin boot dev etc home lost+found many var | diff - "$work/out"
expect 0 bramble ls pi.img /bin/absolute # followed, inside the image
printf 'fstab\nother-name\n' | diff - "$work/out"
expect 0 bramble ls -l pi.img /bin/absolute
said "$work/out" "/bin/absolute -> /etc"
expect 0 bramble ls pi.img etc/fstab
echo etc/fstab | diff - "$work/out"
expect 0 bramble ls -a pi.img /var/empty
printf '.\n..\n' | diff - "$work/out"
expect 0 bramble ls pi.img /boot/firmware
printf 'cmdline.txt\noverlays\n' | diff - "$work/out"
expect 0 bramble ls --partition 1 pi.img
printf 'cmdline.txt\noverlays\n' | diff - "$work/out"

# names reach a pipe as they are, a terminal without their control characters
expect 0 bramble ls pi.img /home/pi
printf 'a\tb\nc\033[31m\nthird\n\303\244 \360\237\230\200\n\344\377\n' | diff - "$work/out"
if command -v script >/dev/null; then
	script -qec "bramble ls pi.img /home/pi" /dev/null </dev/null | tr -d '\r' >"$work/out"
	said "$work/out" 'a?b?c?[31m'
	mkdir c1
	: >c1/$'x\xc2\x9b31my\x9bz\xc3\xa4' # CSI in 8 bits, with and without UTF-8
	truncate -s 1M c1.img
	mke2fs -q -F -d c1 c1.img
	script -qec "bramble ls c1.img" /dev/null </dev/null | tr -d '\r' >"$work/out"
	said "$work/out" 'x??31my?zä'
fi

# what cannot be written is no success
expect 1 sh -c 'bramble ls pi.img >/dev/full'
said "$work/err" "bramble: standard output: No space left on device"
expect 1 sh -c 'bramble ls -R pi.img >/dev/full'
said "$work/err" "bramble: standard output: "
expect 1 sh -c 'bramble ls pi.img >&-'
said "$work/err" "bramble: standard output: Bad file descriptor"

expect 1 bramble ls pi.img /none
said "$work/err" "bramble: /none: No such file or directory"
expect 1 bramble ls -R pi.img ""
said "$work/err" "No such file or directory"
expect 1 bramble ls pi.img /etc/fstab/x
said "$work/err" "Not a directory"
expect 1 bramble ls pi.img /bin/loop
said "$work/err" "Too many levels of symbolic links"
expect 1 bramble ls none.img
said "$work/err" "none.img"
expect 1 bramble ls --partition 9 pi.img
expect 2 bramble ls
expect 2 bramble ls -z pi.img
expect 2 bramble ls pi.img / /etc
expect 2 bramble ls --partition x pi.img

if command -v jq >/dev/null; then
	expect 0 bramble ls -R -a --json pi.img
	jq -e '[.[] | select(.path == "/etc").entries[].name] | index("fstab")' "$work/out" \
		>/dev/null || fail "no /etc/fstab in JSON"
	expect 0 bramble ls --json pi.img /dev
	[ "$(id -u)" != 0 ] || jq -e '.[0].entries[] | select(.name == "disk") |
		.type == "blockdev" and .major == 259 and .minor == 70000' "$work/out" >/dev/null
	expect 0 bramble ls --json pi.img /home/pi # bytes that are no UTF-8
	iconv -f UTF-8 -t UTF-16 "$work/out" >/dev/null || fail "JSON is not UTF-8"
fi

kernel_mount pi.img k
for options in -ln -lnR -R; do
	(cd k && ls $options --time-style=long-iso . 2>/dev/null) | sed -E 's/^\.(.*:)$/\1/' |
		squeezed >theirs
	bramble ls ${options/n/} --partition 2 pi.img | sed -E 's|^/:$|:|' | squeezed >ours
	diff theirs ours >difference || { head -40 difference; fail "ls $options differs"; }
done
# ".." of the mounted root is the host's
for options in -lnaR -aR -a -lna; do
	(cd k && ls $options --time-style=long-iso home 2>/dev/null) | squeezed >theirs
	bramble ls ${options/n/} --partition 2 pi.img home | squeezed >ours
	diff theirs ours >difference || { head -40 difference; fail "ls $options differs"; }
done
echo "ls agrees"
