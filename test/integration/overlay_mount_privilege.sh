# SPDX-License-Identifier: MIT
# Who writes to a program must not keep what it was trusted with: setuid, setgid, capabilities. And what
# a shared mount lets whom do. The kernel's ext4 judges.
source "$(dirname "$0")/lib_overlay.sh"
need_root
need python3 setcap setpriv
make_pi_image pi.img
ext4_mount ext4
chmod 755 "$work" ext4
up -o allow_other

cat >observe.py <<'PY'
import ctypes, errno, mmap, os, stat, sys
libc = ctypes.CDLL(None, use_errno=True)
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")

def attempt(call, *args):
    try:
        return call(*args)
    except OSError as e:
        return errno.errorcode[e.errno]

def as_user(call, uid=1234, gid=1234, groups=()):
    """What the call returns in a process of another user."""
    out, into = os.pipe()
    if os.fork() == 0:
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        os.write(into, str(attempt(call)).encode())
        os._exit(0)
    os.close(into)
    os.wait()
    text = os.read(out, 1000).decode()
    os.close(out)
    return text

def fresh(mode, capability=False, uid=0, gid=0):
    if os.path.exists("f"):
        os.unlink("f")
    with open("f", "wb") as f:
        f.write(b"x" * 10000)
    os.chown("f", uid, gid)
    if capability:
        os.setxattr("f", "security.capability", CAPABILITY)
    os.chmod("f", mode)

def state():
    return oct(os.stat("f").st_mode & 0o7777), "security.capability" in os.listxattr("f")

def write():
    fd = os.open("f", os.O_WRONLY)
    os.write(fd, b"y")
def write_direct():
    fd = os.open("f", os.O_WRONLY | os.O_DIRECT)
    os.pwritev(fd, [mmap.mmap(-1, 4096)], 0)
def append():
    fd = os.open("f", os.O_WRONLY | os.O_APPEND)
    os.write(fd, b"y")
def truncate(): os.truncate("f", 5)
def open_truncate(): os.close(os.open("f", os.O_WRONLY | os.O_TRUNC))
def allocate():
    fd = os.open("f", os.O_WRONLY)
    if libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(20000)): raise OSError(ctypes.get_errno(), "")
def copy():
    fd = os.open("f", os.O_WRONLY)
    os.copy_file_range(os.open("from", os.O_RDONLY), fd, 100)
def mapped():
    fd = os.open("f", os.O_RDWR)
    shared = mmap.mmap(fd, 4096)
    shared[0:1] = b"m"
    shared.flush()
def chown(): os.chown("f", os.stat("f").st_uid, 1234)
def nothing(): os.close(os.open("f", os.O_WRONLY))

with open("from", "wb") as f:
    f.write(b"from" * 1000)
os.chmod("from", 0o644)
os.chmod(".", 0o777)
for call in write, write_direct, append, truncate, open_truncate, allocate, copy, mapped, chown, nothing:
    for mode in 0o4777, 0o2777, 0o2767, 0o6777, 0o777:
        for capability in False, True:
            fresh(mode, capability)
            got = attempt(call)
            print(call.__name__, oct(mode), capability, "root", got, *state())
            fresh(mode, capability, 1234, 1234)
            got = as_user(call)
            print(call.__name__, oct(mode), capability, "user", got, *state())

# The kernel knows it at once: no program runs with what was dropped
fresh(0o4777, uid=1234)
os.stat("f")
as_user(lambda: write())
print("seen at once", *state())

# chown and chmod by whom
for uid, gid, groups in (1234, 1234, ()), (1234, 1234, (77,)), (999, 999, ()):
    fresh(0o2755, uid=1234, gid=1234)
    print("chmod", as_user(lambda: os.chmod("f", 0o2711), uid, gid, groups), *state())
    fresh(0o755, uid=1234, gid=77)
    print("setgid", as_user(lambda: os.chmod("f", 0o2755), uid, gid, groups), *state())
    print("chgrp", as_user(lambda: os.chown("f", -1, 77), uid, gid, groups), *state())
    print("chown", as_user(lambda: os.chown("f", 999, -1), uid, gid, groups), *state())
    print("utime", as_user(lambda: os.utime("f"), uid, gid, groups), as_user(lambda: os.utime("f", (1, 1)), uid, gid, groups))

# setgid and sticky directories
def made(path):
    s = os.lstat(path)
    return oct(s.st_mode), s.st_uid, s.st_gid
os.mkdir("shared")
os.chown("shared", 5, 77)
os.chmod("shared", 0o2777)
print(as_user(lambda: (os.mkdir("shared/d"), os.close(os.open("shared/f", os.O_CREAT | os.O_WRONLY, 0o2777)),
                       os.symlink("x", "shared/l"), os.mknod("shared/p", 0o666 | stat.S_IFIFO))))
print(*[made("shared/" + n) for n in "dflp"])
os.mkdir("sticky")
os.chmod("sticky", 0o1777)
open("sticky/theirs", "w").close()
print("sticky", as_user(lambda: os.unlink("sticky/theirs")), as_user(lambda: os.rename("sticky/theirs", "sticky/x")))
print("sticky", as_user(lambda: (open("sticky/own", "w").close(), os.rename("sticky/own", "sticky/mine"), os.unlink("sticky/mine"))))

# Whoever makes a file may write to it, whatever mode it gets
print("made closed", as_user(lambda: os.write(os.open("made", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0), b"x")), *made("made"))
print("made closed", as_user(lambda: os.open("made", os.O_CREAT | os.O_WRONLY, 0)), os.stat("made").st_size)

# Reading, writing, searching, and what only root may do
os.mkdir("closed", 0o700)
open("closed/f", "w").close()
os.chmod("from", 0o600)
print("closed", as_user(lambda: os.stat("closed/f")), as_user(lambda: open("from")), as_user(lambda: os.listdir("closed")))
print("device", as_user(lambda: os.mknod("dev", 0o666 | stat.S_IFCHR, os.makedev(1, 3))), attempt(os.mknod, "dev", 0o666 | stat.S_IFCHR, os.makedev(1, 3)))
fresh(0o666)
print("trusted", as_user(lambda: os.setxattr("f", "trusted.x", b"")), attempt(os.setxattr, "f", "trusted.x", b""), as_user(lambda: os.listxattr("f")), sorted(os.listxattr("f")))
print("user on a fifo", as_user(lambda: os.setxattr("shared/p", "user.x", b"")))
print("group full", as_user(lambda: open("shared/f", "w").close(), 99, 77))
PY
same_as_ext4 python3 "$work/observe.py"

# One writes, the other has the program open: what is dropped is dropped in the store as well
before=$(cd m/place && find . -printf '%p %m %U %G\n' | sort)
again -o allow_other
[ "$before" = "$(cd m/place && find . -printf '%p %m %U %G\n' | sort)" ] || fail "other after a remount"
down
