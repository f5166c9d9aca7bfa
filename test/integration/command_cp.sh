# SPDX-License-Identifier: MIT
# bramble cp copies what cp -a copies of the same image mounted by the kernel, and writes nowhere else.
. "$(dirname "$0")/lib.sh"
. "$BRAMBLE_SOURCE/test/integration/lib_pi.sh"
need debugfs python3 getfattr
export LC_ALL=C
make_pi_image pi.img

# facts DIR: everything that a copy must keep, one line per name
facts() {
	(
		cd "$1" || exit
		find . -printf '%P|%y|%m|%U|%G|%n|%l|' \( -type d -printf '\n' -o -printf '%s|%T@\n' \) |
			sort
		find . -type d -printf '%P %T@\n' | sort
		getfattr -R -h -d -m - -e hex . 2>/dev/null | sort
		find . -type f -print0 | sort -z | xargs -0 sha256sum
	)
}

### names of the destination, as cp has them
mkdir d
expect 0 bramble cp pi.img /bin/large d
cmp d/large src/bin/large
expect 0 bramble cp pi.img /bin/large d/renamed
cmp d/renamed src/bin/large
[ "$(stat -c %Y d/renamed)" = "$(stat -c %Y src/bin/large)" ] || fail "time not kept"
expect 0 bramble cp pi.img /bin/link d/file # the link is followed
[ ! -L d/file ] && cmp d/file src/etc/fstab
expect 0 bramble cp -r pi.img /bin/link d # the link is copied
[ "$(readlink d/link)" = ../etc/fstab ] || fail "link not copied"
expect 0 bramble cp pi.img /many/file-1 /many/file-2 d
cmp d/file-2 src/many/file-2
expect 0 bramble cp -r pi.img /many d/new
cmp d/new/file-3 src/many/file-3
expect 0 bramble cp -r pi.img /many d/new
cmp d/new/many/file-3 src/many/file-3
expect 0 bramble cp -r pi.img /many/. d/contents
cmp d/contents/file-3 src/many/file-3
expect 0 bramble cp pi.img /bin/large d/large # once more, over it
cmp d/large src/bin/large
bramble cp pi.img /bin/large /dev/stdout | cmp - src/bin/large || fail "to a pipe"
expect 0 bramble cp -r pi.img /boot/firmware d/boot
cmp "d/boot/overlays/A long name.dtbo" "overlays/A long name.dtbo"

expect 1 bramble cp pi.img /many d/x
said "$work/err" "bramble: /many: "
expect 1 bramble cp pi.img /none /bin/large d
said "$work/err" "bramble: /none: No such file or directory"
expect 1 bramble cp pi.img /bin/large /bin/empty d/large
expect 1 bramble cp pi.img /bin/large d/none/file
expect 1 bramble cp -r pi.img /many d/large # a directory over a file
expect 1 bramble cp -r pi.img /bin/large d/many.is.dir/ 2>/dev/null
expect 2 bramble cp pi.img /bin/large
expect 2 bramble cp
mkdir d/empty
expect 1 bramble cp -r pi.img /bin/empty d # a file over a directory
said "$work/err" "Is a directory"

### the image itself is never written, whatever it holds under its own name
mkdir own self
echo small >own/self.img
truncate -s 4M self/self.img
mke2fs -q -F -d own self/self.img
before=$(sha256sum <self/self.img)
expect 1 bramble cp self/self.img /self.img self/self.img
said "$work/err" "bramble: self/self.img: the image itself"
expect 1 bramble cp self/self.img /self.img self
expect 1 bramble cp -r self/self.img / self
[ "$before" = "$(sha256sum <self/self.img)" ] || fail "the image was overwritten"

### links in the destination are no way out of it
mkdir t outside
echo precious >outside/fstab
echo precious >outside/large
ln -s ../outside t/etc
ln -s ../outside/large t/large
expect 1 bramble cp -r pi.img /etc t
said "$work/err" "Not a directory"
expect 0 bramble cp -r pi.img /bin/large t
cmp t/large src/bin/large
[ ! -L t/large ] || fail "written through a link"
ln -sfn ../outside t/bin
expect 1 bramble cp -r pi.img / t
[ "$(cat outside/fstab outside/large)" = "$(printf 'precious\nprecious')" ] && [ "$(ls outside | wc -l)" = 2 ] ||
	fail "written outside of the destination"
cmp t/many/file-1 src/many/file-1 # the rest went on

### holes
expect 0 bramble cp pi.img /bin/holes /bin/only-hole d
[ "$(du -k d/holes | cut -f1)" -lt 100 ] || fail "holes were filled"
[ "$(du -k d/only-hole | cut -f1)" -lt 10 ] || fail "a hole was filled"

### deeper than the limit of descriptors, and than PATH_MAX
cat >dig.py <<'END'
import os, sys
os.chdir(sys.argv[1])
for i in range(1500):
    os.mkdir(sys.argv[2])
    os.chdir(sys.argv[2])
open('bottom', 'w').write('reached\n')
END
mkdir deep
truncate -s 64M deep.img
if [ "$(id -u)" = 0 ]; then
	mke2fs -q -F deep.img
	mount -o loop deep.img deep || skip "the kernel cannot mount deep.img"
	python3 dig.py deep directory # 15 kB of path: mke2fs -d does not get that far
	umount deep
else
	python3 dig.py deep d
	mke2fs -q -F -d deep deep.img
	rm -rf deep
fi
mkdir deep.out
(ulimit -n 100 -s 256 && expect 0 bramble cp -r deep.img / deep.out)
[ "$(find deep.out -name bottom -execdir cat {} +)" = reached ] || fail "bottom not reached"
[ "$(find deep.out -type d | wc -l)" -ge 1501 ] || fail "directories are missing"
(ulimit -n 100 -s 256 && expect 0 bramble ls -R deep.img)
[ "$(grep -c ':$' "$work/out")" -ge 1501 ] || fail "ls -R does not reach the bottom"

### a damaged image: directories in circles, linked twice, and names that lead out
truncate -s 8M loop.img
mkdir -p l/a/b/c l/x
echo file >l/a/b/c/file
mke2fs -q -F -d l loop.img
debugfs -w -R 'link /a /a/b/c/loop' loop.img 2>/dev/null
debugfs -w -R 'link /a/b /x/again' loop.img 2>/dev/null
mkdir loop.out
status=0
timeout 20 bramble cp -r loop.img / loop.out 2>"$work/err" || status=$?
[ $status = 1 ] || fail "a loop of directories gave $status"
said "$work/err" "damaged"
cmp loop.out/a/b/c/file l/a/b/c/file
status=0
timeout 20 bramble ls -R loop.img >"$work/out" 2>"$work/err" || status=$?
[ $status = 1 ] || fail "ls -R of a loop gave $status"

### a full destination ends the copy with the reason, and the last file is short
if [ "$(id -u)" = 0 ]; then
	mkdir large && head -c 3000000 /dev/urandom >large/large
	mke2fs -q -F -t ext4 -d large big.img 16M
	mkdir full
	mount -t tmpfs -o size=1M tmpfs full
	at_end "umount full"
	expect 1 bramble cp -r pi.img / full
	said "$work/err" "No space left on device"
	[ "$(wc -l <"$work/err")" -lt 5 ] || fail "one word about a full disk is enough"
	rm -rf full/*
	expect 1 bramble cp big.img /large full/
	[ "$(stat -c %s full/large)" -lt 3000000 ] || fail "a broken copy looks whole"
fi

### an attribute that is too large for the destination is one failure, not a full disk
if [ "$(id -u)" = 0 ]; then
	mkdir wide wide.src
	touch wide.src/a wide.src/b
	head -c 2500 /dev/zero | tr '\0' x >value
	truncate -s 8M wide.img narrow.img
	mke2fs -q -F -b 4096 -d wide.src wide.img
	debugfs -w -R 'ea_set -f value /a user.big' wide.img 2>/dev/null
	mke2fs -q -F -b 1024 -I 128 narrow.img
	loop_mount narrow.img wide
	expect 1 bramble cp -r wide.img / wide
	said "$work/err" "attribute user.big of inode"
	[ -e wide/b ] && [ "$(stat -c %a wide/a)" = 644 ] || fail "the copy ended with it"
fi

### an ordinary user: what is not allowed is left out, the rest is there
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	chmod 755 "$work"
	mkdir -m 777 user
	if setpriv --reuid 12345 --regid 12345 --clear-groups bramble help >/dev/null 2>&1; then
		expect 0 setpriv --reuid 12345 --regid 12345 --clear-groups \
			bramble cp -r pi.img /bin /etc /dev /home user
		cmp user/bin/large src/bin/large
		[ "$(stat -c '%u %a' "user/bin/one name")" = "12345 755" ] ||
			fail "a set-user-id program of somebody else"
		[ "$(stat -c %h user/etc/other-name)" = 3 ] || fail "hard links of a user"
		said "$work/err" "/dev/null: a device, which only root may create"
	fi
fi

### everything, as root
kernel_mount pi.img k
mkdir theirs ours
cp -a k/. theirs
expect 0 bramble cp -r --partition 2 pi.img / ours
facts theirs >theirs.txt
facts ours >ours.txt
diff theirs.txt ours.txt || fail "the copies differ"
[ "$(wc -l <ours.txt)" -gt 600 ] || fail "nothing was compared"
diff -r --no-dereference theirs ours | grep -vE 'is a (fifo|.* special file)$' &&
	fail "diff -r finds differences"
expect 0 bramble cp -r --partition 2 pi.img / ours # once more, over itself
facts ours | diff theirs.txt - || fail "the second copy differs"
echo "cp agrees"
