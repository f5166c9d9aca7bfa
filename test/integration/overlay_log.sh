# SPDX-License-Identifier: MIT
# The server of an overlay is killed while its store has a log: what was synced is in every copy that is
# made of it, and is there to be looked at.
source "$(dirname "$0")/lib_overlay.sh"
need python3 setsid
make_pi_image pi.img

# killed: with files that were synced, one after the other
killed() {
	setsid bramble mount -f pi.img m --overlay test >server 2>&1 &
	for ((i = 0; i < 100; i++)); do mountpoint -q m && break || sleep 0.1; done
	python3 - "$1" <<'PY'
import os, sys
for i in range(60):
    fd = os.open("m/%s%d" % (sys.argv[1], i), os.O_CREAT | os.O_WRONLY)
    os.write(fd, b"%s %d\n" % (sys.argv[1].encode(), i) * 500)
    os.fsync(fd)
    os.close(fd)
PY
	[ -e state/overlays/test/log ] || fail "it has no log"
	kill -9 $!
	wait $! || true
	umount -l m
}

# holds DIR NAME: all of the files
holds() {
	for ((i = 0; i < 60; i++)); do
		[ "$(sort -u "$1/$2$i")" = "$2 $i" ] || fail "$1/$2$i is something else"
		[ "$(stat -c %s "$1/$2$i")" = $(((${#2} + ${#i} + 2) * 500)) ] || fail "$1/$2$i has another size"
	done
}

killed one
expect 0 bramble overlay check test
said out clean
expect 0 bramble overlay diff test
said out /one59
expect 0 bramble overlay snapshot test before
expect 0 bramble overlay clone test other
[ -e state/overlays/test/log ] && [ -e state/overlays/other/log ] || fail "the log was not copied"
expect 0 bramble overlay check other
bramble mount pi.img m --overlay other || fail "cannot mount the clone"
holds m one
down
[ ! -e state/overlays/other/log ] || fail "a store that was closed has a log"

# an overlay is the base of another one while its log is still there
expect 0 bramble overlay create above --base test
expect 0 bramble mount pi.img m --overlay above
holds m one
down
expect 0 bramble overlay delete above --yes

killed two
expect 0 bramble overlay restore test before --yes
expect 0 bramble overlay check test
up
holds m one
[ ! -e m/two0 ] || fail "the snapshot has what came later"
down
expect 0 bramble overlay check test
