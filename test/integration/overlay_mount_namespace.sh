# SPDX-License-Identifier: MIT
# mount -N: a mount in another mount namespace, where the overlay's path leads to another overlay.
source "$(dirname "$0")/lib_overlay.sh"
need_root
need nsenter unshare sha256sum python3
make_pi_image pi.img
ln -s "$BRAMBLE_BUILD/tools/bramble" mount.bramble

# The other namespace has an overlay of the same path in a file system of its own, larger than ours.
mkdir "$BRAMBLE_STATE"
unshare -m --propagation private bash -c '
	mount -t tmpfs none "$BRAMBLE_STATE" &&
	bramble mount pi.img m --overlay test &&
	for i in $(seq 300); do echo $i >m/etc/file-$i; done &&
	bramble umount m && touch ready && exec sleep 1000' &
other=$!
at_end "kill $other"
for ((i = 0; i < 200; i++)); do
	[ ! -e ready ] || break
	sleep 0.05
done
[ -e ready ] || skip "no other mount namespace"
there() { nsenter -t "$other" -m sh -c 'cd "$0" && exec "$@"' "$work" "$@"; }
# Whoever enters a namespace is at its root again: from a chroot our folder is not to be seen there.
there test -e ready 2>/dev/null || skip "this is a chroot"
fingerprint() { there sha256sum "$BRAMBLE_STATE"/overlays/test/{info,meta}; }
fingerprint >before

for namespace in "$other" "/proc/$other/ns/mnt"; do
	rm -f pid
	./mount.bramble pi.img "$work/m" -N "$namespace" -o overlay=test || fail "cannot mount"
	! findmnt m >/dev/null || fail "mounted in this namespace, too"
	[ ! -e m/etc ] || fail "seen in this namespace"
	there sh -c 'echo here >m/etc/from-there; ls m/etc/file-1 2>/dev/null' && fail "the other overlay"
	there getfattr --only-values -n user.bramble.server m >pid
	expect 0 there bramble umount m
	await_end "$(cut -d' ' -f1 pid)"
	fingerprint | diff before - || fail "the overlay of the other namespace was changed"
	expect 0 bramble overlay check test
	expect 0 there bramble overlay check test
	up
	[ "$(cat m/etc/from-there)" = here ] || fail "what was written there is not in our overlay"
	rm m/etc/from-there
	down
done

# A signal: what was written by a memory map there is written back, and the overlay is ours
./mount.bramble pi.img "$work/m" -N "$other" -o overlay=test || fail "cannot mount"
there getfattr --only-values -n user.bramble.server m >pid
there python3 - <<'PY'
import mmap, os
fd = os.open("m/etc/mapped", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 1 << 20)
shared = mmap.mmap(fd, 1 << 20)
shared[:] = b"mapped!!" * (1 << 17)
os._exit(0)
PY
kill -TERM "$(cut -d' ' -f1 pid)"
await_end "$(cut -d' ' -f1 pid)"
! there findmnt m >/dev/null || fail "still mounted there"
fingerprint | diff before - || fail "the overlay of the other namespace was changed by a signal"
up
[ "$(head -c 8 m/etc/mapped)" = 'mapped!!' ] || fail "a memory map was lost"
down

expect 1 ./mount.bramble pi.img "$work/m" -N /proc/nowhere -o overlay=test
said err "cannot enter this mount namespace"
