# SPDX-License-Identifier: MIT
# A directory of 100,000 names: listed while names come and go, by telldir() and rewinddir(), and names as
# long as they may be.
source "$(dirname "$0")/lib_overlay.sh"
need python3
make_pi_image pi.img
up

cat >observe.py <<'PY'
import ctypes, os, random, sys

libc = ctypes.CDLL(None, use_errno=True)
libc.opendir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
class Entry(ctypes.Structure):
    _fields_ = [("ino", ctypes.c_ulong), ("off", ctypes.c_long), ("len", ctypes.c_ushort),
                ("type", ctypes.c_ubyte), ("name", ctypes.c_char * 256)]
libc.readdir.restype = ctypes.POINTER(Entry)

class Listing:
    def __init__(self, path): self.dir = ctypes.c_void_p(libc.opendir(path.encode()))
    def next(self):
        entry = libc.readdir(self.dir)
        return entry.contents.name.decode() if entry else None
    def tell(self): return libc.telldir(self.dir)
    def seek(self, at): libc.seekdir(self.dir, ctypes.c_long(at))
    def rewind(self): libc.rewinddir(self.dir)
    def rest(self):
        names = []
        while (name := self.next()) is not None:
            names.append(name)
        return names

path, count = sys.argv[1], int(sys.argv[2])
had = set(os.listdir(path))
made = ["name-%06d" % i for i in range(count)]
for name in made:
    os.close(os.open(path + "/" + name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
everything = had | set(made)
listing = Listing(path)
names = listing.rest()
assert len(names) == len(set(names)) == len(everything) + 2, (len(names), len(everything))
assert set(names) == everything | {".", ".."}

# Positions: each leads to what came next, after others were visited
listing.rewind()
places = []
for i in range(len(names)):
    if i % 997 == 0:
        places.append((listing.tell(), i))
    assert listing.next() == names[i], i
random.Random(1).shuffle(places)
for at, i in places:
    listing.seek(at)
    assert listing.next() == names[i], (at, i)

# Names go and come while it is listed: what stays is listed exactly once
listing.rewind()
seen, gone, come = [], set(), set()
for i in range(len(names)):
    name = listing.next()
    if name is None:
        break
    seen.append(name)
    # what the C library has read ahead is listed all the same
    if i % 3 == 0 and name.startswith("name-") and name not in gone:
        os.unlink(path + "/" + name)
        gone.add(name)
    if i % 5 == 0:
        ahead = names[(i * 7 + 5000) % len(names)]
        if ahead.startswith("name-") and ahead not in gone:
            os.unlink(path + "/" + ahead)
            gone.add(ahead)
    if i % 11 == 0:
        new = "new-%06d" % i
        os.close(os.open(path + "/" + new, os.O_CREAT | os.O_WRONLY))
        come.add(new)
seen += listing.rest()
assert len(seen) == len(set(seen)), "listed twice"
missing = everything - gone - set(seen)
assert not missing, (len(missing), sorted(missing)[:5])
assert set(seen) <= everything | come | {".", ".."}
left = everything - gone | come
listing.rewind()
assert set(listing.rest()) == left | {".", ".."}
assert set(os.listdir(path)) == left

# A listing that was begun before all went
listing.rewind()
listing.next()
for name in left - had:
    os.unlink(path + "/" + name)
listing.rest()
listing.rewind()
assert set(listing.rest()) == had | {".", ".."}, "not empty"
PY
mkdir m/new
python3 observe.py m/new 100000 || fail "a new directory"
rmdir m/new
# One of the image, whose own names are listed first
python3 observe.py m/many 20000 || fail "a directory of the image"
[ "$(ls m/many | wc -l)" = 300 ] || fail "other names in the image's directory"

# Gone from the image and back
rm m/many/file-17
[ "$(ls m/many | wc -l)" = 299 ] && [ ! -e m/many/file-17 ] || fail "a removed name"
echo 17 >m/many/file-17
[ "$(ls m/many | wc -l)" = 300 ] || fail "a name that is back"
rm -r m/many
[ ! -e m/many ] || fail "a removed directory"
mkdir m/many
[ -z "$(ls -A m/many)" ] || fail "a directory that is back shows what was in it"

# Long names, of bytes that are no text as well
python3 - <<'PY' || fail "long names"
import os
os.mkdir("m/long")
names = [b"n" * 255, "\u00e4".encode() * 127, b"\xff" * 255, b"a\nb", b"\x01", b"  ", b"-", b"*"]
names += [bytes([i]) + b"y" * 254 for i in range(1, 256) if i != 0x2f]
names = list(dict.fromkeys(names))
for name in names:
    open(b"m/long/" + name, "w").close()
assert sorted(os.listdir(b"m/long")) == sorted(names)
for name in names[:100]:
    os.rename(b"m/long/" + name, b"m/long/" + name[:-1] + b"Z")
for i in range(30):
    os.mkdir("m/long/" + "d" * 200)
    os.rename("m/long/" + "d" * 200, "m/long/" + "%03d" % i * 85)
try:
    os.mkdir("m/long/" + "d" * 256)
    raise SystemExit("a name of 256 bytes")
except OSError:
    pass
PY
names=$(ls -A m/long)
again
[ "$names" = "$(ls -A m/long)" ] || fail "other names after a remount"
down
