# SPDX-License-Identifier: MIT
# An ordinary user changes everything in an overlay, whoever owns it, and keeps root's files in it; in a
# user namespace as well. On the host nothing of it belongs to anyone else.
source "$(dirname "$0")/lib_overlay.sh"
need setpriv
make_pi_image pi.img
if [ "$(id -u)" = 0 ]; then
	fuse_for_users
	mkdir "$work/home"
	chown 65534:65534 m home
	user=(setpriv --reuid 65534 --regid 65534 --clear-groups env -u BRAMBLE_STATE
		-u XDG_STATE_HOME "HOME=$work/home")
else
	mkdir home
	user=(env -u BRAMBLE_STATE -u XDG_STATE_HOME "HOME=$work/home")
fi
# As the user: /dev/fuse and fusermount3 let it, or not
"${user[@]}" bramble mount pi.img m --overlay mine 2>err || skip "no mounts for users: $(cat err)"
at_end "setpriv --reuid 65534 --clear-groups fusermount3 -uz '$work/m'"

as_user() { "${user[@]}" bash -euc "$1" || fail "$1"; }

# What is root's, closed, or a device of the image
as_user 'echo pi5 >m/etc/hostname && echo >>m/etc/fstab && rm "m/home/pi/third" && mkdir m/home/pi/new'
as_user 'cp m/bin/large m/copy && cmp src/bin/large m/copy'
if [ "$(id -u)" = 0 ]; then
	as_user '[ "$(stat -c "%u %a" m/etc/fstab)" = "$(stat -c "%u %a" src/etc/fstab)" ] && [ "$(stat -c "%F %t %T" m/dev/null)" = "character special file 1 3" ]'
	as_user '[ "$(stat -c "%u %g" m/copy m/home/pi/new)" = "65534 65534
65534 65534" ]'
	# the owner can be any; only the kernel's own rules for device nodes are left
	as_user 'chown 0:0 m/copy && chmod 4755 m/copy && [ "$(stat -c "%u %a" m/copy)" = "0 4755" ]'
	as_user 'mv m/dev/disk m/dev/other && chmod 600 m/dev/null'
	as_user '! mknod m/dev/new c 1 3 2>/dev/null'
	as_user 'setfattr -n user.x -v y m/etc/hostname && [ -z "$(getfattr -d -m trusted m/bin/large)" ]'
	as_user 'chmod 0 m/etc/hostname && cat m/etc/hostname >/dev/null && rm -r m/many'
	ls m 2>/dev/null && fail "root sees a private mount of another user"
fi
as_user '[ "$(stat -c %h m/etc/other-name)" = 2 ]'
as_user 'bramble umount m'
as_user 'bramble mount pi.img m --overlay mine && [ "$(cat m/etc/hostname)" = pi5 ]'
[ "$(id -u)" != 0 ] ||
	as_user '[ "$(stat -c "%u %a" m/copy)" = "0 4755" ] && [ -b m/dev/other ] && [ ! -e m/many ]'
as_user 'bramble umount m'

# On the host: a folder for its user alone, where all is of that user, and nothing is special
if [ "$(id -u)" = 0 ]; then
	state=$work/home/.local/state/bramble
	[ "$(stat -c '%U %a' "$state" | tail -1)" = "$(id -un 65534) 700" ] || fail "$(ls -ld "$state")"
	[ -z "$(find "$state" ! -uid 65534)" ] || fail "$(find "$state" ! -uid 65534)"
	[ -z "$(find "$state" ! -type f ! -type d)" ] || fail "special files"
	[ -z "$(find "$state" -perm /7077)" ] || fail "$(find "$state" -perm /7077 -ls)"
fi

# Root in a namespace of one's own, where root's files are; others' the kernel lets nobody change there
if [ "$(id -u)" = 0 ] && "${user[@]}" unshare -Urm true 2>/dev/null; then
	as_user 'unshare -Urm bash -euc "
		bramble mount pi.img m --overlay mine --state \"$HOME/.local/state/bramble\"
		cat m/etc/hostname
		echo inside >m/etc/fstab
		mkdir -m 2755 m/inside
		bramble umount m
		bramble mount -o allow_other,overlay=mine,state=\"$HOME/.local/state/bramble\" pi.img m
		cat m/etc/fstab
		stat -c %a m/inside
		bramble umount m"' >out
	[ "$(cat out)" = "$(printf 'pi5\ninside\n2755')" ] || fail "$(cat out)"
fi
