# SPDX-License-Identifier: MIT
# The files of an embedded store: made whole, opened again, refused where they are not ours or not
# all there, copied, locked, and many of them at a time.
source "$(dirname "$0")/lib.sh"
need python3
run=$BRAMBLE_BUILD/test/support/store_run

# a store is there after it was made, once, and only for its owner
mkdir a
expect 0 "$run" create a
[ "$(stat -c %a a/meta)" = 600 ] && [ "$(stat -c %a a/data)" = 600 ] || fail "modes of the files"
[ "$(ls a)" = "$(printf 'data\nmeta')" ] || fail "other files: $(ls a)"
expect 1 "$run" create a
said err "File exists"
expect 1 "$run" create nowhere
said err "nowhere"

# it grows, is closed, and holds the same when it is opened again
expect 0 "$run" write a 11 2500 100
expect 0 "$run" verify a 11 2500
said out "state 2500 clean"
expect 0 "$run" check a
said out "0 problems"
[ "$(od -An -tu4 -j 40 -N 4 a/meta | tr -d ' ')" = "$(getconf PAGESIZE)" ] || fail "page size"

# reading leaves no trace
sha256sum a/meta a/data >sums
expect 0 "$run" look a 11 2500
sha256sum --quiet -c sums || fail "reading changes the files"

# what was set aside for it goes back when it is closed
[ $(($(stat -c %s a/meta) % 4096)) = 0 ] || fail "no whole pages"
[ "$(($(stat -c '%b * %B' a/meta)))" -le $(($(stat -c %s a/meta) + 65536)) ] || fail "not trimmed"

# files that are missing, or something else
mkdir b
cp a/meta b
expect 1 "$run" verify b 11 0
said err "b/data"
mkdir b/data
expect 1 "$run" verify b 11 0
rmdir b/data
cp a/data b
expect 0 "$run" verify b 11 2500
rm b/meta
expect 1 "$run" verify b 11 0
said err "b/meta: No such file"
mkfifo b/meta
expect 1 timeout 10 "$run" check b
said err "b/meta is not a file"
rm b/meta
ln -s ../a/meta b/meta
expect 1 "$run" verify b 11 0
said err "b/meta"
rm b/meta
printf 'not a database' >b/meta
expect 1 "$run" check b
said err "b/meta"
head -c 100000 /dev/zero >b/meta
expect 1 "$run" check b
said err "not a database of LMDB"
head -c 10000 a/meta >b/meta
expect 1 "$run" check b
said err "b/meta"
cp a/meta b
truncate -s 8192 b/data
expect 1 "$run" verify b 11 0
said err "beyond the end of the data"

# a newer version of the format is refused, and so is a database that is no store
cat >version.py <<'PY'
import struct, sys
def crc32c(data, crc=0xffffffff):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc
meta = open(sys.argv[1], 'rb').read()
key = bytes(8) + b'U'
old = struct.pack('<II', 1, 0)
new = struct.pack('<II', int(sys.argv[3]), 0)
lengths = struct.pack('<II', len(key), len(old))
old += struct.pack('<I', crc32c(lengths + key + old))
new += struct.pack('<I', crc32c(lengths + key + new))
assert meta.count(key + old)
open(sys.argv[2], 'wb').write(meta.replace(key + old, key + new))
PY
cp a/data b
python3 version.py a/meta b/meta 3
expect 1 "$run" verify b 11 0
said err "version 3"

# one that has a log has to say which
python3 version.py a/meta b/meta 2
expect 1 "$run" verify b 11 0
said err "does not say which log belongs to it"

# so is one whose free list has pages of transaction 0, which LMDB cannot stand
mkdir f
expect 0 "$run" create f
expect 0 "$run" write f 11 40 1
python3 - f/meta <<'PY'
import struct, sys
meta = bytearray(open(sys.argv[1], 'rb').read())
number = lambda at, form: struct.unpack_from(form, meta, at)[0]
size = number(0x28, '<I')
newest = max(0, size, key=lambda page: number(page + 0x90, '<Q'))
assert number(newest + 0x2e, '<H') == 1
leaf = number(newest + 0x50, '<Q') * size
struct.pack_into('<Q', meta, leaf + number(leaf + 16, '<H') + 8, 0)
open(sys.argv[1], 'wb').write(meta)
PY
expect 1 "$run" check f
said err "a list of transaction 0"
expect 1 "$run" verify f 11 40

# copies hold the same, take no more room, and do not touch what is there
mkdir c
expect 0 "$run" copy a c
expect 0 "$run" verify c 11 2500
cmp a/meta c/meta
cmp a/data c/data
[ "$(du -s c | cut -f1)" -le $(($(du -s a | cut -f1) + 64)) ] || fail "the copy is larger"
expect 1 "$run" copy a c
said err "File exists"
expect 0 "$run" write c 11 2600 10
expect 0 "$run" verify a 11 2500
said out "state 2500 clean"
expect 0 "$run" remove c
[ -z "$(ls c)" ] || fail "left after remove: $(ls c)"
expect 0 "$run" remove c

# many stores are open in one process
mkdir m
expect 0 "$run" create m
expect 0 "$run" write m 0 300 100
expect 0 "$run" many m 60
cat out
if ! grep -q '^CMAKE_C_FLAGS:.*-fsanitize' "$BRAMBLE_BUILD/CMakeCache.txt"; then
	[ "$(cut -d ' ' -f 1 out)" -lt 100 ] || fail "an open store takes too much memory"
fi
expect 0 "$run" check m/59

# it grows although the process can open no more files, which is said once
mkdir s
expect 0 "$run" create s
expect 0 "$run" scarce s
[ "$(grep -c 's/meta: cannot open' err)" = 1 ] || fail "not said once: $(sort err | uniq -c)"
expect 0 "$run" check s

# many threads read it while one writes
mkdir t
expect 0 "$BRAMBLE_BUILD/test/support/store_threads" t 2
cat out
expect 0 "$run" check t

# locks: one writer, or readers; who it is; gone with the process, and seen without taking it
mkdir l
mkfifo hold
expect 0 "$run" holder l
said out nobody
"$run" hold l exclusive <hold >held &
holder=$!
exec 3>hold
until [ -s held ]; do sleep 0.05; done
for kind in shared exclusive; do
	expect 2 "$run" hold l $kind </dev/null
	said out "busy: process $holder (store_run hold)"
done
expect 0 "$run" holder l
said out "process $holder (store_run hold)"
kill -9 $holder
wait $holder || true
exec 3>&-
expect 0 "$run" holder l
said out nobody
"$run" hold l shared <hold >held2 &
holder=$!
exec 3>hold
until [ -s held2 ]; do sleep 0.05; done
expect 0 "$run" hold l shared </dev/null
expect 2 "$run" hold l exclusive </dev/null
said out "busy: process $holder (store_run hold)"
expect 0 "$run" holder l
said out "process $holder (store_run hold)"
exec 3>&-
wait $holder
echo rubbish >l/lock
expect 0 "$run" hold l exclusive </dev/null

# a reader needs no place that can be written to
if [ "$(id -u)" = 0 ] && mkdir ro && mount --bind l ro 2>/dev/null; then
	at_end "umount ro"
	mount -o remount,ro,bind ro
	expect 0 "$run" hold ro shared </dev/null
	expect 1 "$run" hold ro exclusive </dev/null
	rm l/lock
	expect 0 "$run" hold ro shared </dev/null
	cp a/meta a/data l
	expect 0 "$run" look ro 11 2500
	expect 1 "$run" verify ro 11 2500
	said err "Read-only file system"
fi

# where the host can, a copy shares its blocks
shared() { filefrag -v "$1" | grep -c shared || true; }

shares() {
	mkdir "$1/a" "$1/b"
	expect 0 "$run" create "$1/a"
	expect 0 "$run" write "$1/a" 3 600 100
	[ "$(shared "$1/a/data")" = 0 ] || fail "shared before it was copied"
	expect 0 "$run" copy "$1/a" "$1/b"
	[ "$(shared "$1/b/data")" -gt 0 ] || fail "the data were copied"
	[ "$(shared "$1/b/meta")" -gt 0 ] || fail "the records were copied"
	expect 0 "$run" write "$1/b" 3 700 10
	expect 0 "$run" verify "$1/a" 3 600
	said out "state 600 clean"
	expect 0 "$run" verify "$1/b" 3 700
}

for kind in xfs btrfs; do
	[ "$(id -u)" = 0 ] && type -P mkfs.$kind filefrag >/dev/null || continue
	truncate -s 320M $kind.img
	mkfs.$kind -q $kind.img >/dev/null
	mkdir $kind
	mount -o loop $kind.img $kind || continue
	at_end "umount $kind"
	shares $kind
done
