# SPDX-License-Identifier: MIT
# One of everything, through the kernel: types, attributes, links, xattrs, holes, errors, listings.
source "$(dirname "$0")/lib.sh"
need_fuse
need getfattr stat python3 find
program=$BRAMBLE_BUILD/test/support/mount_memory

mkdir m
"$program" -c 100000 -s 'odd, name\' m
at_end "fusermount3 -uz '$work/m'"

# facts FILE FORMAT WANTED
facts() {
	local got
	got=$(stat -c "$2" "$1") || fail "stat $1"
	[ "$got" = "$3" ] || fail "$1: $2 is $got, not $3"
}

# Types, owners, links, devices, times of ext4's whole range
facts m '%i %F' '1 directory'
facts m/dir '%a %F' '1777 directory'
facts m/fifo '%F' fifo
facts m/socket '%F' socket
facts m/block '%F %t:%T' 'block special file b3:2'
facts m/character '%F %t:%T' 'character special file fa0:493e0'
facts m/secret '%a %u:%g' '600 1000:1001'
facts m/suid '%a' 4755
facts m/dir/file '%a %u:%g %h %s' '640 7:8 2 6'
facts m/dir/file '%.9Y' 15032385535.999999999
facts m/dir/old '%.9Y' -2147483647.999999999
facts m/link '%N' "'m/link' -> 'dir/file'"
[ "$(cat m/link)" = hello ] || fail "a link is not followed"
[ m/hard -ef m/dir/file ] || fail "hard links are two files"
[ "$(cd m/dir && ls -di ..)" = "1 .." ] || fail ".. of a directory is not the root"
[ "$(stat -f -c '%S %b %f %a %l' m)" = "4096 1000 300 200 255" ] || fail "statfs: $(stat -f m)"

# d_type says what stat says
find m -maxdepth 2 -printf '%y %p\n' 2>/dev/null | grep -v 'badmsg\|euclean' >types
while read -r type path; do
	case $(stat -c %F "$path") in
	directory) want=d ;; "symbolic link") want=l ;; fifo) want=p ;; socket) want=s ;;
	block*) want=b ;; character*) want=c ;; *) want=f ;;
	esac
	[ "$type" = "$want" ] || fail "$path is listed as $type"
done < <(head -30 types)

# Extended attributes
[ "$(getfattr --only-values -n user.note m/dir/file)" = text ] || fail "user.note"
[ "$(getfattr --only-values -n user.wide m/dir/file | wc -c)" = 65536 ] || fail "user.wide"
[ "$(getfattr m/dir/file | grep -c '^user')" = 3 ] || fail "not three names: $(getfattr m/dir/file)"
expect 1 getfattr -n user.absent m/dir/file
said err "No such attribute"
[ -z "$(getfattr m)" ] || fail "the root lists an attribute"

# Holes, reads around them and at the end
python3 - <<'PY'
import errno, os
fd = os.open("m/sparse", os.O_RDONLY)
assert os.lseek(fd, 0, os.SEEK_DATA) == 1 << 20
assert os.lseek(fd, 0, os.SEEK_HOLE) == 0
assert os.lseek(fd, 1 << 20, os.SEEK_HOLE) == (1 << 20) + 4
for offset in (2 << 20, 3 << 20):
    try:
        os.lseek(fd, offset, os.SEEK_DATA)
        raise SystemExit("data found in a hole")
    except OSError as e:
        assert e.errno == errno.ENXIO
data = os.pread(fd, 4 << 20, 0)
assert len(data) == 3 << 20 and data.strip(b"\0") == b"data"
large = open("m/dir/large", "rb").read()
want = b"".join((i * 2654435761 & 0xffffffff).to_bytes(4, "little") for i in range(1 << 20))
assert large == want
PY

# Damage: the error as it is, each time, and nothing else is lost
for i in 1 2; do
	expect 1 cat m/dir/badmsg
	said err "Bad message"
	expect 1 cat m/dir/euclean
	said err "Structure needs cleaning"
done
[ "$(ls -f m/dir | wc -l)" = 7 ] || fail "a damaged node spoils the listing"
expect 1 ls -l m/dir
said out large
expect 1 cat m/absent
said err "No such file"

# Nothing is written
expect 1 touch m/new
said err "Read-only file system"

# 100,000 names under a second, cold and from the kernel's cache, complete and without doubles
for i in 1 2; do
	start=$(date +%s%N)
	ls -f m/many >names
	ms=$((($(date +%s%N) - start) / 1000000))
	[ "$ms" -lt 1000 ] || fail "listing took $ms ms"
	[ "$(sort -u names | wc -l)" = 100002 ] || fail "$(wc -l <names) names"
done

# The source is shown as it is, whatever is in it
[ "$(findmnt -n -o SOURCE,FSTYPE m)" = 'odd, name\ fuse.bramble' ] || fail "$(findmnt -n m)"
findmnt -n -o OPTIONS m | grep -qw ro || fail "not mounted read-only"
