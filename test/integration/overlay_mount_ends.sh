# SPDX-License-Identifier: MIT
# Every way a writable mount ends: what was written is there afterwards, or it is said that it is not.
source "$(dirname "$0")/lib_overlay.sh"
need setsid python3
program=$BRAMBLE_BUILD/test/support/mount_memory
make_pi_image pi.img

# umount returns when all is saved: at once another may have the overlay
for i in 1 2 3 4 5; do
	up
	echo "$i" >>m/etc/log
	down
done
up
[ "$(wc -l <m/etc/log)" = 5 ] || fail "$(cat m/etc/log)"
pid=$(server)

# Held: whoever wants it too is told by whom
mkdir n
expect 1 bramble mount pi.img n --overlay test
said err "process $pid"
[ "$(wc -l <err)" = 1 ] || fail "more than one line: $(cat err)"
expect 1 bramble mount pi.img m --overlay test
said err "already mounted"

# In use
exec 5>>m/etc/log
expect 1 bramble umount m
said err "in use"
echo 6 >&5
expect 0 bramble umount --lazy m
echo 7 >&5
sleep 0.2
ended "$pid" && fail "the server ended while a file was open"
exec 5>&-
await_end "$pid"
up
[ "$(tail -1 m/etc/log)" = 7 ] || fail "what was written after a lazy umount is lost"

# Where its process cannot be seen, or does not answer, umount does not say that all is saved
if [ "$(id -u)" = 0 ] && unshare -p -n -f true; then
	for namespace in -pf -n; do
		pid=$(server)
		head -c 20M /dev/urandom >m/etc/random
		expect 1 unshare $namespace bramble umount m
		said err "m: unmounted; whether all is saved is not known"
		[ "$(wc -l <err)" = 1 ] || fail "more than one line: $(cat err)"
		! findmnt m >/dev/null || fail "still mounted"
		await_end "$pid"
		bramble mount pi.img m || fail "cannot mount"
		expect 0 unshare $namespace bramble umount m
		up
	done
fi
pid=$(server)
echo 8 >>m/etc/log
kill -STOP "$pid"
# a thread that has yet to hear of it could take the question with it
for ((i = 0; i < 100; i++)); do
	cat "/proc/$pid"/task/*/status | grep '^State:' | grep -qv '^State:.T' || break
	sleep 0.05
done
expect 1 bramble umount m
said err "does not answer"
said err "unmounted; whether all is saved is not known"
! findmnt m >/dev/null || fail "still mounted"
kill -CONT "$pid"
await_end "$pid"
up
[ "$(tail -1 m/etc/log)" = 8 ] || fail "what was written before the process was stopped is lost"

# Others' tools
pid=$(server)
echo 8 >>m/etc/log
fusermount3 -u m
await_end "$pid"
up
[ "$(tail -1 m/etc/log)" = 8 ] || fail "lost by fusermount3"

# A signal: what the kernel has not written back yet is written back first
number=8
down
up -o writeback
for signal in TERM INT HUP TERM; do
	number=$((number + 1))
	pid=$(server)
	echo $number >>m/etc/log
	python3 - <<'PY'
import mmap, os
fd = os.open("m/etc/mapped", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 1 << 20)
shared = mmap.mmap(fd, 1 << 20)
shared[:] = os.urandom(1 << 20)
open("mapped", "wb").write(shared[:])
os._exit(0)
PY
	kill -$signal "$pid"
	await_end "$pid"
	! findmnt m >/dev/null || fail "still mounted after SIG$signal"
	case $signal in INT) up -o writeback ;; *) up ;; esac
	[ "$(tail -1 m/etc/log)" = $number ] || fail "lost by SIG$signal"
	cmp mapped m/etc/mapped || fail "a memory map was lost by SIG$signal"
done

# The same while the map lives, in both modes. The file of zeros is there before, so that a page that
# was not written back is seen. With and without the kernel's word on what it has under way.
for options in rw writeback; do
	for i in 1 2 3; do
		down
		case $(id -u):$i in
		0:1) mount -t fusectl none /sys/fs/fuse/connections 2>/dev/null && counts=1 ;;
		0:2) [ -z "${counts:-}" ] || umount /sys/fs/fuse/connections && counts= ;;
		esac
		up -o $options
		pid=$(server)
		head -c 16M /dev/zero >m/etc/live
		sync -f m/etc/live
		python3 - "$pid" <<'PY' || fail "a mount with a live memory map does not end"
import mmap, os, signal, sys, time
fd = os.open("m/etc/live", os.O_RDWR)
shared = mmap.mmap(fd, 16 << 20)
for at in range(0, 16 << 20, 4096):
    shared[at:at + 8] = b"%08d" % (at >> 12)
os.kill(int(sys.argv[1]), signal.SIGTERM)
for i in range(600):
    try:
        if open("/proc/%s/stat" % sys.argv[1]).read().rsplit(")", 1)[1].split()[0] == "Z": break
    except OSError:
        break
    time.sleep(0.05)
else:
    raise SystemExit(1)
os._exit(0)
PY
		up
		python3 - m/etc/live <<'PY' || fail "a live memory map was lost by a signal, -o $options"
import sys
data = open(sys.argv[1], "rb").read()
lost = [at for at in range(0, len(data), 4096) if data[at:at + 8] != b"%08d" % (at >> 12)]
print("pages lost:", len(lost))
raise SystemExit(len(lost) > 0 or len(data) != 16 << 20)
PY
		rm m/etc/live
	done
done

# A signal while a file is open and half written
for options in rw writeback; do
	down
	up -o $options
	pid=$(server)
	python3 - "$pid" <<'PY' || fail "a busy mount does not end by a signal"
import os, signal, sys, time
fd = os.open("m/etc/open", os.O_RDWR | os.O_CREAT)
os.write(fd, b"x" * 3000000)
os.kill(int(sys.argv[1]), signal.SIGTERM)
for i in range(400):
    try:
        if open("/proc/%s/stat" % sys.argv[1]).read().rsplit(")", 1)[1].split()[0] == "Z": break
    except OSError:
        break
    time.sleep(0.05)
else:
    raise SystemExit(1)
PY
	up
	[ "$(stat -c %s m/etc/open)" = 3000000 ] || fail "what was written before a signal is lost"
	rm m/etc/open
done
down

# The foreground: exit status 0 after a signal
setsid bramble mount -f pi.img m --overlay test &
child=$!
for ((i = 0; i < 100; i++)); do
	findmnt m >/dev/null && break
	sleep 0.05
done
echo foreground >m/etc/log
kill -TERM "$child"
wait "$child" || fail "exit status $? after SIGTERM"
up
[ "$(cat m/etc/log)" = foreground ] || fail "lost in the foreground"

down

# What cannot be written back after a signal is said, and is the exit status
if [ "$(id -u)" = 0 ]; then
	mkdir small
	mount -t tmpfs -o size=24M none small
	at_end "umount -l '$work/small'"
	setsid bramble mount -f pi.img m --overlay test --state small 2>err &
	child=$!
	for ((i = 0; i < 100; i++)); do
		findmnt m >/dev/null && break
		sleep 0.05
	done
	python3 - "$child" <<'PY'
import mmap, os, signal, sys
fd = os.open("m/etc/mapped", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 64 << 20)
shared = mmap.mmap(fd, 64 << 20)
shared[:] = os.urandom(1 << 20) * 64
os.kill(int(sys.argv[1]), signal.SIGTERM)
os._exit(0)
PY
	wait "$child" && fail "exit status 0 though memory maps could not be written back"
	said err "what was written last is lost: No space left on device"
	! findmnt m >/dev/null || fail "still mounted"
fi
up

# kill -9: what fsync acknowledged is there, and the overlay opens by itself
pid=$(server)
python3 - <<'PY'
import os
for i in range(50):
    fd = os.open("m/etc/synced-%d" % i, os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"%d" % i * 1000)
    os.fsync(fd)
os.write(os.open("m/etc/log", os.O_WRONLY | os.O_APPEND), b"perhaps")
PY
kill -KILL "$pid"
await_end "$pid"
expect 1 bramble mount pi.img m --overlay test
said err "already mounted"
down
up
for ((i = 0; i < 50; i++)); do
	[ "$(cat "m/etc/synced-$i")" = "$(printf "$i%.0s" {1..1000})" ] || fail "synced-$i is lost"
done
case $(cat m/etc/log) in
foreground | $'foreground\nperhaps') ;;
*) fail "neither old nor new: $(cat m/etc/log)" ;;
esac
expect 0 bramble umount m

# The process dies while umount waits for it. A fusermount3 that kills it first stands for that.
if [ "$(id -u)" = 0 ] && type -P setpriv >/dev/null; then
	fuse_for_users
	mkdir "$work/home" helpers
	chown 65534:65534 m home
	user=(setpriv --reuid 65534 --regid 65534 --clear-groups env BRAMBLE_STATE="$work/home/state")
	printf '#!/bin/sh\nkill -9 $KILL\nexec %s "$@"\n' "$(type -P fusermount3)" >helpers/fusermount3
	chmod +x helpers/fusermount3
	if "${user[@]}" bramble mount pi.img m --overlay mine; then
		pid=$("${user[@]}" getfattr --only-values -n user.bramble.server m | cut -d' ' -f1)
		expect 1 "${user[@]}" KILL="$pid" PATH="$work/helpers:$PATH" bramble umount m
		said err "has died"
		! findmnt m >/dev/null || fail "still mounted"
	fi
	# A signal where the root is closed to the user whose process serves the mount
	printf 'user_allow_other\n' >fuse.conf
	[ -e /etc/fuse.conf ] && mount --bind fuse.conf /etc/fuse.conf && allows=1
	for options in allow_other allow_other,writeback; do
		[ -n "${allows:-}" ] || break
		"${user[@]}" bramble mount pi.img m --overlay mine -o $options || fail "cannot mount"
		pid=$(server)
		mkdir -p m/etc/open
		chmod 777 m/etc/open
		chmod 711 m
		python3 - <<'PY'
import mmap, os
fd = os.open("m/etc/open/mapped", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 16 << 20)
shared = mmap.mmap(fd, 16 << 20)
for at in range(0, 16 << 20, 4096):
    shared[at:at + 8] = b"%08d" % (at >> 12)
os._exit(0)
PY
		kill -TERM "$pid"
		await_end "$pid"
		"${user[@]}" bramble mount pi.img m --overlay mine || fail "cannot mount"
		"${user[@]}" python3 - <<'PY' || fail "a memory map was lost where the root is closed"
data = open("m/etc/open/mapped", "rb").read()
lost = [at for at in range(0, len(data), 4096) if data[at:at + 8] != b"%08d" % (at >> 12)]
raise SystemExit(len(lost) > 0 or len(data) != 16 << 20)
PY
		"${user[@]}" rm m/etc/open/mapped
		"${user[@]}" bramble umount m || fail "cannot unmount"
		"${user[@]}" bramble mount pi.img m --overlay mine -o $options || fail "cannot mount"
		expect 0 "${user[@]}" bramble umount m
	done
	chown 0:0 m
fi

# Saving fails: the exit status of umount and its message say so
"$program" -e m
expect 1 bramble umount m
said err "m: not everything could be saved: Disk quota exceeded"
! findmnt m >/dev/null || fail "still mounted"
setsid "$program" -f -e m &
child=$!
for ((i = 0; i < 100; i++)); do
	findmnt m >/dev/null && break
	sleep 0.05
done
# however often umount was tried in vain before
exec 5<m/dir/file
for i in 1 2 3; do
	expect 1 bramble umount m
	said err "in use"
done
exec 5<&-
expect 1 bramble umount m
said err "not everything could be saved"
wait "$child" && fail "exit status 0 though saving failed"

# What cannot be opened is said at the terminal, with the exit status
expect 1 bramble mount absent.img m --overlay test
said err absent.img
expect 2 bramble mount pi.img m --overlay 'not/a/name'
[ "$(wc -l <err)" = 1 ] || fail "more than one line: $(cat err)"
expect 1 bramble mount pi.img m --overlay test --state /dev/null/state
! findmnt m >/dev/null || fail "mounted all the same"
