# SPDX-License-Identifier: MIT
# What open files promise: O_TRUNC, O_APPEND, O_EXCL, unlinked and replaced while open, memory maps,
# direct I/O, holes. The kernel's ext4 judges.
source "$(dirname "$0")/lib_overlay.sh"
need python3
make_pi_image pi.img
[ "$(id -u)" != 0 ] || ext4_mount ext4
up

# "holes" as an argument: what SEEK_HOLE says counts as well
cat >observe.py <<'PY'
import ctypes, errno, fcntl, mmap, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def show(*words):
    print(*words, flush=True)

def attempt(what, call, *args):
    try:
        show(what, call(*args))
    except OSError as e:
        show(what, errno.errorcode[e.errno])

def put(name, data, flags=os.O_WRONLY | os.O_CREAT):
    fd = os.open(name, flags, 0o644)
    os.write(fd, data)
    os.close(fd)

def get(name):
    with open(name, "rb") as f:
        return f.read()

# O_TRUNC: of content, of nothing; the times move
put("t", b"x" * 10000)
os.utime("t", (1, 1))
fd = os.open("t", os.O_WRONLY | os.O_TRUNC)
show("trunc", os.fstat(fd).st_size, os.fstat(fd).st_mtime > 1, os.stat("t").st_size)
os.write(fd, b"abc")
os.close(fd)
show("trunc", get("t"))
put("t", b"", os.O_WRONLY | os.O_TRUNC)
os.utime("t", (1, 1))
put("t", b"", os.O_WRONLY | os.O_TRUNC)
show("trunc of nothing", os.stat("t").st_mtime > 1)
other = os.open("t", os.O_RDWR)
os.write(other, b"y" * 5000)
os.close(os.open("t", os.O_WRONLY | os.O_TRUNC))
os.pwrite(other, b"z", 100)
show("trunc under another", get("t"), os.fstat(other).st_size)

# O_APPEND: two that append in turn, and pwrite() that appends all the same
a = os.open("a", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
b = os.open("a", os.O_WRONLY | os.O_APPEND)
for i in range(300):
    os.write(a, b"a%03d" % i)
    os.write(b, b"b%03d" % i)
os.pwrite(a, b"end", 0)
show("append", len(get("a")), get("a")[:12], get("a")[-7:])

# O_EXCL
attempt("excl", os.open, "a", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
attempt("excl of a link", os.symlink, "nowhere", "s")
attempt("excl of a link", os.open, "s", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
attempt("through a link", put, "s", b"made")
show("through a link", get("nowhere"))

# Unlinked while open, and replaced
fd = os.open("u", os.O_RDWR | os.O_CREAT)
os.write(fd, b"before")
os.unlink("u")
os.write(fd, b" and after" * 1000)
show("unlinked", os.fstat(fd).st_nlink, os.fstat(fd).st_size, os.pread(fd, 20, 0), os.path.exists("u"))
os.ftruncate(fd, 3)
os.fchmod(fd, 0o600)
show("unlinked", os.pread(fd, 20, 0), oct(os.fstat(fd).st_mode))
attempt("link of what has no name", os.link, "/proc/self/fd/%d" % fd, "v")
os.close(fd)
put("r1", b"one")
put("r2", b"two")
fd = os.open("r2", os.O_RDWR)
os.rename("r1", "r2")
os.write(fd, b"TWO")
show("replaced", os.pread(fd, 10, 0), os.fstat(fd).st_nlink, get("r2"))
os.close(fd)
os.mkdir("d")
d = os.open("d", os.O_RDONLY)
os.rmdir("d")
attempt("removed directory", os.listdir, d)
attempt("removed directory", lambda: os.open("x", os.O_WRONLY | os.O_CREAT, dir_fd=d))
show("removed directory", os.fstat(d).st_nlink)

# Shared memory maps, seen by read() and after the file was closed
put("m", b"\0" * 20000)
fd = os.open("m", os.O_RDWR)
shared = mmap.mmap(fd, 20000)
os.close(fd)
shared[5000:5003] = b"map"
show("map", get("m")[4999:5004])
fd = os.open("m", os.O_RDWR)
os.pwrite(fd, b"pwrite", 9000)
show("map", shared[9000:9006])
shared[19999:20000] = b"!"
shared.flush()
shared.close()
show("map", get("m")[-1:], len(get("m")))

# Direct I/O: aligned, and beside what is in the cache
fd = os.open("o", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
block = mmap.mmap(-1, 8192)
block[:] = b"D" * 8192
show("direct", os.pwritev(fd, [block], 0), os.pwritev(fd, [block], 16384))
show("direct", get("o") == b"D" * 8192 + b"\0" * 8192 + b"D" * 8192)
put("o", b"cached", os.O_WRONLY)
show("direct", os.preadv(fd, [block], 0), block[:8])
os.close(fd)

# Growing and shrinking
put("g", b"g" * 5000)
os.truncate("g", 4500)
os.truncate("g", 9000)
show("grown", get("g") == b"g" * 4500 + b"\0" * 4500)
fd = os.open("g", os.O_RDWR)
os.utime("g", (1, 1))
os.ftruncate(fd, 9000)
show("ftruncate to the same", os.fstat(fd).st_mtime > 1)
attempt("negative", os.ftruncate, fd, -1)
attempt("a directory", os.truncate, ".", 0)

# fallocate
KEEP, PUNCH, ZERO, COLLAPSE = 1, 2, 16, 8
def allocate(mode, offset, length):
    r = libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length))
    return errno.errorcode[ctypes.get_errno()] if r else os.fstat(fd).st_size
os.pwrite(fd, b"f" * 20000, 0)
show("fallocate", allocate(0, 0, 30000), allocate(KEEP, 0, 50000), allocate(0, 0, 0))
show("fallocate", allocate(PUNCH | KEEP, 1000, 10000), allocate(PUNCH, 0, 1))
show("fallocate", os.pread(fd, 30000, 0) == b"f" * 1000 + b"\0" * 10000 + b"f" * 9000 + b"\0" * 10000)
show("fallocate", allocate(ZERO, 12000, 1000), allocate(ZERO, 30000, 5000), os.pread(fd, 2, 12999))
os.close(fd)

# Holes
fd = os.open("h", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 1 << 20)
os.pwrite(fd, b"x" * 4096, 1 << 19)
os.fsync(fd)
if "holes" in sys.argv:
    show("holes", os.lseek(fd, 0, os.SEEK_DATA), os.lseek(fd, 0, os.SEEK_HOLE), os.lseek(fd, 1 << 19, os.SEEK_HOLE))
    attempt("holes", os.lseek, fd, (1 << 19) + 4096, os.SEEK_DATA)
attempt("holes", os.lseek, fd, 1 << 20, os.SEEK_HOLE)
os.pwrite(fd, b"y" * 4096, 1 << 18)
show("data not synced", os.lseek(fd, 1 << 18, os.SEEK_DATA))
if "holes" in sys.argv:
    show("holes not synced", os.lseek(fd, 0, os.SEEK_DATA), os.lseek(fd, 1 << 18, os.SEEK_HOLE))
os.pwrite(fd, b"z", (2 << 20) + 10)
show("data not synced", os.lseek(fd, (2 << 20) + 1, os.SEEK_DATA), os.fstat(fd).st_size)
os.fsync(fd)
show("blocks", os.fstat(fd).st_blocks < 200)

# copy_file_range
out = os.open("c", os.O_RDWR | os.O_CREAT)
show("copy", os.copy_file_range(fd, out, 8192, (1 << 19) - 100, 50))
show("copy", os.pread(out, 60, 0) == b"", os.pread(out, 100, 50) == b"\0" * 100, os.fstat(out).st_size)
attempt("copy onto itself", os.copy_file_range, out, out, 1000, 0, 500)
os.close(out)

# Locks are the kernel's: another open file has to wait
one, two = os.open("h", os.O_RDWR), os.open("h", os.O_RDWR)
fcntl.flock(one, fcntl.LOCK_EX)
attempt("flock", fcntl.flock, two, fcntl.LOCK_EX | fcntl.LOCK_NB)
fcntl.flock(one, fcntl.LOCK_UN)
fcntl.lockf(one, fcntl.LOCK_EX, 10)
if os.fork() == 0:
    attempt("lockf", fcntl.lockf, two, fcntl.LOCK_EX | fcntl.LOCK_NB, 10)
    os._exit(0)
os.wait()

# Times: what changes what
def moved(what, call, path="k"):
    before = os.stat(path)
    time.sleep(0.02)
    call()
    after = os.stat(path)
    show("times", what, after.st_mtime_ns > before.st_mtime_ns, after.st_ctime_ns > before.st_ctime_ns)
put("k", b"k")
moved("write", lambda: put("k", b"l"))
moved("chmod", lambda: os.chmod("k", 0o600))
moved("link", lambda: os.link("k", "k2"))
moved("unlink", lambda: os.unlink("k2"))
moved("xattr", lambda: os.setxattr("k", "user.k", b"v"))
moved("truncate", lambda: os.truncate("k", 100))
moved("rename", lambda: (os.rename("k", "l"), os.rename("l", "k")))
moved("read", lambda: get("k"))
moved("entry", lambda: put("j", b""), ".")
moved("entry goes", lambda: os.unlink("j"), ".")
moved("entry is replaced", lambda: os.rename("h", "o"), ".")
os.utime("k", ns=(123456789, 987654321123456789))
show("times", os.stat("k").st_atime_ns, os.stat("k").st_mtime_ns)

# Names
show("name", attempt("255", put, "n" * 255, b""))
attempt("256", put, "n" * 256, b"")
attempt("name of a link", os.symlink, "x" * 4095, "long")
attempt("name of a link", os.symlink, "x" * 4096, "longer")
show("name of a link", len(os.readlink("long")), os.lstat("long").st_size)
attempt("no file to be", put, "absent/x", b"")
attempt("through a file", put, "k/x", b"")
attempt("unlink of a directory", os.unlink, ".")
os.mkdir("full")
put("full/x", b"")
attempt("rmdir of what is full", os.rmdir, "full")
attempt("over a full one", os.rename, "d2", "full")
os.mkdir("d2")
attempt("over a full one", os.rename, "d2", "full")
attempt("over a file", os.rename, "d2", "k")
attempt("file over directory", os.rename, "k", "d2")
attempt("onto itself", os.rename, "k", "k")
show("links", os.stat(".").st_nlink, os.stat("full").st_nlink)

# Extended attributes
attempt("xattr", os.getxattr, "k", "user.none")
attempt("xattr create", os.setxattr, "k", "user.k", b"w", os.XATTR_CREATE)
attempt("xattr replace", os.setxattr, "k", "user.none", b"w", os.XATTR_REPLACE)
attempt("xattr", os.setxattr, "k", "user.empty", b"")
show("xattr", sorted(os.listxattr("k")), os.getxattr("k", "user.empty"))
attempt("xattr", os.removexattr, "k", "user.k")
attempt("xattr", os.removexattr, "k", "user.k")
attempt("xattr of a link", lambda: os.setxattr("s", "user.x", b"", follow_symlinks=False))
PY
same_as_ext4 python3 "$work/observe.py" holes

# What was written by memory map and by halves is there after a remount, too
sums=$(cd m/place && find . -type f -exec sha256sum {} + | sort)
again
[ "$sums" = "$(cd m/place && find . -type f -exec sha256sum {} + | sort)" ] || fail "contents differ"

# The same where the kernel collects what is written
again -o writeback
same_as_ext4 python3 "$work/observe.py"
sums=$(cd m/place && find . -type f -exec sha256sum {} + | sort)
again
[ "$sums" = "$(cd m/place && find . -type f -exec sha256sum {} + | sort)" ] || fail "contents differ"

# A map that is still dirty when the mount ends
python3 - <<'PY'
import mmap, os
fd = os.open("m/place/dirty", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 1 << 20)
shared = mmap.mmap(fd, 1 << 20)
shared[:] = b"d" * (1 << 20)
os._exit(0)
PY
again
[ "$(tr -d d <m/place/dirty | wc -c)" = 0 ] || fail "a dirty map was lost by umount"

# The same by the image's files, which have blocks of their own
python3 - <<'PY' || fail "files of the image"
import mmap, os
want = bytearray(open("src/bin/large", "rb").read())
fd = os.open("m/bin/large", os.O_RDWR)
shared = mmap.mmap(fd, len(want))
shared[12345:12350] = want[12345:12350] = b"hello"
os.pwrite(fd, b"w" * 5000, 1234567)
want[1234567:1239567] = b"w" * 5000
os.ftruncate(fd, 2000000)
os.ftruncate(fd, 2100000)
want = want[:2000000] + bytes(100000)
assert open("m/bin/large", "rb").read() == want
gone = os.open("m/many/file-1", os.O_RDWR)
os.unlink("m/many/file-1")
os.write(gone, b"still")
assert os.pread(gone, 10, 0) == b"still" and not os.path.exists("m/many/file-1")
open("want", "wb").write(want)
PY
cmp want m/bin/large || fail "a file of the image"
again
cmp want m/bin/large || fail "a file of the image, after a remount"
[ ! -e m/many/file-1 ] || fail "a removed file is back"
down
