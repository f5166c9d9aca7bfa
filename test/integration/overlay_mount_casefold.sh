# SPDX-License-Identifier: MIT
# Directories that ignore case beside such that do not: after each change the next program sees it,
# whichever spelling it uses, though the kernel compares names as they are.
source "$(dirname "$0")/lib_overlay.sh"
need mke2fs debugfs python3

mke2fs -q -F -t ext4 -O casefold -E encoding=utf8 fold.img 16M 2>err || skip "mke2fs knows no casefold"
printf '%s\n' 'mkdir fold' 'sif fold flags 0x40080000' 'mkdir norm' >commands
PAGER="cat" timeout 20 debugfs -w -f commands fold.img </dev/null >/dev/null 2>&1
bramble mount fold.img m --overlay test -o default_permissions || fail "cannot mount"
echo x >m/fold/A
[ -e m/fold/a ] || skip "debugfs cannot set the flag"

# Moved in under one spelling, removed by another
for way in rename exchange link; do
	echo old >m/norm/Foo
	cat m/norm/Foo >/dev/null
	case $way in
	rename) mv m/norm/Foo m/fold/Foo ;;
	exchange)
		echo other >m/fold/Foo
		python3 -c '
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.renameat2(-100, b"m/norm/Foo", -100, b"m/fold/Foo", 2):
    raise OSError(ctypes.get_errno(), "renameat2")'
		;;
	link) ln m/norm/Foo m/fold/Foo ;;
	esac
	[ "$(cat m/fold/foo)" = old ] || fail "$way: not moved"
	rm m/fold/foo
	[ ! -e m/fold/Foo ] || fail "$way: still there by the other spelling"
	echo new >m/fold/foo
	[ "$(cat m/fold/Foo)" = new ] || fail "$way: what was removed is still seen"
	rm -f m/fold/FOO m/norm/Foo
	[ ! -e m/fold/foo ] || fail "$way: not removed"
done

# Moved in, then renamed by another spelling
echo old >m/norm/Foo
mv m/norm/Foo m/fold/Foo
mv m/fold/fOO m/norm/Bar
[ ! -e m/fold/Foo ] || fail "still there after it was renamed"
echo new >m/fold/FOO
[ "$(cat m/fold/Foo)" = new ] || fail "what was renamed is still seen"
[ "$(cat m/norm/Bar)" = old ] || fail "lost by two renames"

# A directory with what is in it, which distinguishes case as before
mkdir m/norm/Dir
echo a >m/norm/Dir/File
mv m/norm/Dir m/fold/Dir
[ "$(cat m/fold/DIR/File)" = a ] || fail "a directory was not moved"
[ ! -e m/fold/dir/file ] || fail "a directory that was moved ignores case"
rm -r m/fold/dIR
[ ! -e m/fold/Dir ] || fail "a directory is still there by its first spelling"
mkdir m/fold/dir
[ -z "$(ls -A m/fold/Dir)" ] || fail "the names of a directory that was removed are still seen"
down
bramble overlay check test || fail "the overlay is damaged"
