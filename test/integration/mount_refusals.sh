# SPDX-License-Identifier: MIT
# What cannot be mounted, and what is said about it, above all to ordinary users.
source "$(dirname "$0")/lib.sh"
need_root
need_fuse
need setpriv mknod
chmod 755 "$work"
cp "$BRAMBLE_BUILD/test/support/mount_memory" program
user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
mkdir mine theirs full
chown 65534:65534 mine full
touch full/file file

# refused TEXT COMMAND...: exit status 1, and one line that holds the text
refused() {
	local text=$1
	shift
	expect 1 "$@"
	said err "$text"
	[ "$(wc -l <err)" = 1 ] || { cat err >&2 && fail "more than one line"; }
	! findmnt mine >/dev/null || fail "mounted all the same"
}

# A /dev of our own: the real one is not to be touched
mkdir dev
mount -t tmpfs -o mode=755 none dev
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9; do
	IFS=: read -r name major minor <<<"$node"
	mknod -m 666 "dev/$name" c "$major" "$minor"
done
ln -s /proc/self/fd dev/fd
mount --move dev /dev
at_end "umount -l /dev"

refused "/dev/fuse: does not exist" "${user[@]}" ./program mine
said err "--device /dev/fuse"
mknod -m 600 /dev/fuse c 10 229
refused "/dev/fuse: no permission" "${user[@]}" ./program mine
chmod 666 /dev/fuse

refused "absent: No such file or directory: create it with mkdir" ./program absent
refused "file: not a directory" ./program file
refused "full: not empty" "${user[@]}" ./program full
refused "theirs: not yours" "${user[@]}" ./program theirs

"${user[@]}" ./program -n full || fail "nonempty is refused"
[ -d full/dir ] 2>/dev/null && fail "root sees a private mount of another user"
"${user[@]}" test -f full/dir/file || fail "the owner does not see the mount"
refused "full: already mounted" "${user[@]}" ./program -n full
# root unmounts it, and waits for a process of another user
pid=$("${user[@]}" getfattr --only-values -n user.bramble.server full | cut -d' ' -f1)
bramble umount full || fail "root cannot unmount"
[ ! -e "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status" || fail "root did not wait"

# A private mount checks nothing: its user reads all
"${user[@]}" ./program mine
"${user[@]}" cat mine/secret || fail "a private mount checks permissions"
expect 0 "${user[@]}" bramble umount mine

# What others may see: allow_other brings default_permissions
printf '# %s\n' user_allow_other >fuse.conf
mount --bind fuse.conf /etc/fuse.conf
refused "let root add the line user_allow_other to /etc/fuse.conf" "${user[@]}" ./program -a mine
printf ' %s \n' user_allow_other >fuse.conf
"${user[@]}" ./program -a mine
expect 1 "${user[@]}" cat mine/secret
said err "Permission denied"
findmnt -n -o OPTIONS mine | grep -q default_permissions || fail "no default_permissions"
[ "$(cat mine/dir/file)" = hello ] || fail "root does not see a shared mount"
expect 0 "${user[@]}" bramble umount mine
umount /etc/fuse.conf

refused "no_new_privs" "${user[@]}" --no-new-privs ./program mine
cp /usr/bin/fusermount3 plain
mount --bind plain /usr/bin/fusermount3
chmod 755 plain
refused "not set-user-ID root" "${user[@]}" ./program mine
umount /usr/bin/fusermount3
refused "--cap-add SYS_ADMIN" setpriv --bounding-set -sys_admin --inh-caps -sys_admin ./program mine

# A user namespace of one's own needs no fusermount3
if "${user[@]}" unshare -Urm true 2>/dev/null; then
	mount --bind /dev/null /usr/bin/fusermount3
	"${user[@]}" unshare -Urm sh -c './program mine && cat mine/dir/file && bramble umount mine &&
		./program -a mine && readlink mine/link && bramble umount mine' >out ||
		fail "no mount in a user namespace"
	[ "$(cat out)" = "$(printf 'hello\ndir/file')" ] || fail "$(cat out)"
	umount /usr/bin/fusermount3
fi
