# SPDX-License-Identifier: MIT
# Access control lists: what a directory's default list gives to what is made in it, in the place of the
# umask, and what a list does to the mode. The kernel's ext4 judges, of shared and private mounts.
source "$(dirname "$0")/lib_overlay.sh"
need_root
need setfacl getfacl setpriv python3
make_pi_image pi.img
ext4_mount ext4
chmod 755 "$work" ext4

cat >inherit.sh <<'SH'
set -u
show() { getfacl -cpn "$@" 2>&1 | grep -v '^$'; stat -c '%n %a %U' "$@"; }
mkdir plain with
setfacl -d -m u::rwx,u:77:rwx,g::rx,g:88:rw,m::rwx,o::- with
for mask in 0 022 077 0777; do
	(
		umask "$mask"
		for dir in plain with; do
			mkdir "$dir/dir-$mask"
			: >"$dir/file-$mask"
			mkfifo "$dir/fifo-$mask"
			ln -s x "$dir/link-$mask"
			install -m 4755 /dev/null "$dir/program-$mask"
			show "$dir/dir-$mask" "$dir/file-$mask" "$dir/fifo-$mask" "$dir/program-$mask"
			mkdir "$dir/dir-$mask/below"
			show "$dir/dir-$mask/below"
		done
	)
done
: >f
chmod 640 f
setfacl -m u:77:rwx f
show f
ls -l f | cut -c1-11
chmod 604 f
show f
chmod g+rx f
show f
setfacl -m m::r f
show f
setfacl -b f
show f
setfattr -n system.posix_acl_default -v 0x0200000001000700ffffffff04000500ffffffff20000500ffffffff f && echo set
setfattr -n system.posix_acl_access -v 0xdeadbeef f && echo set
setfacl -k with
show with
cp -a with copy
show copy/dir-022
setfacl -m u:77:rw f
mv f g
ln g h
show h
getfattr -d -m - -e hex h
SH
cat >who.py <<'PY'
import os, subprocess, errno
def as_user(uid, gid, *command):
    return subprocess.run(("setpriv", "--reuid", str(uid), "--regid", str(gid), "--clear-groups") + command,
                          capture_output=True).returncode
def mode(path): return oct(os.stat(path).st_mode)
open("f", "w").write("x")
os.chmod("f", 0o600)
print("denied", as_user(77, 77, "cat", "f"))
subprocess.run(["setfacl", "-m", "u:77:r", "f"])
print("given", as_user(77, 77, "cat", "f"), as_user(78, 78, "cat", "f"), as_user(77, 77, "tee", "f"))
os.chmod("f", 0o600)
print("masked", as_user(77, 77, "cat", "f"))
os.mkdir("d", 0o700)
subprocess.run(["setfacl", "-m", "g:88:rwx", "d"])
print("entered", as_user(9, 88, "mkdir", "d/x"), as_user(9, 9, "mkdir", "d/y"))
for gid in 88, 89:
    open("s", "w")
    os.chown("s", 77, 88)
    os.chmod("s", 0o2755)
    print("setgid", as_user(77, gid, "setfacl", "-m", "u:5:r", "s"), mode("s"))
    print("of another", as_user(78, gid, "setfacl", "-m", "u:5:r", "s"))
PY

up -o allow_other
same_as_ext4 bash "$work/inherit.sh"
lists=$(getfacl -Rcpn m/place)
again -o allow_other
[ "$lists" = "$(getfacl -Rcpn m/place)" ] || fail "other lists after a remount"
same_as_ext4 python3 "$work/who.py"
again
same_as_ext4 bash "$work/inherit.sh"

# A list changes the mode behind the kernel's back where it does not know of lists
: >m/f
chmod 640 m/f
stat m/f >stat
setfacl -m u:77:rwx m/f
[ "$(stat -c %a m/f)" = 670 ] || fail "$(stat m/f)"
setfacl -b m/f
[ "$(stat -c %a m/f)" = 640 ] || fail "$(stat m/f)"

# However many files were asked in vain, a list can still be set and is listed
ls -l m/many >/dev/null
ls -l m/many >/dev/null
setfacl -m u:77:r m/many/file-1 || fail "no list can be set"
ls -l m/many >listed
grep -q '^-rw-r--r--+ .* file-1$' listed || fail "a list is not shown"
down
