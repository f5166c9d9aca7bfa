# SPDX-License-Identifier: MIT
# Every way a mount ends: cleanly, with its process, and with an exit status that says so.
source "$(dirname "$0")/lib.sh"
need_fuse
need findmnt setsid fusermount3
program=$BRAMBLE_BUILD/test/support/mount_memory

mkdir m
at_end "fusermount3 -uz '$work/m'"

# Of the process that serves m
server() { getfattr --only-values -n user.bramble.server m | cut -d' ' -f1; }

# ended PID: it is gone, or a zombie that its parent has yet to collect
ended() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

# await_end PID
await_end() {
	local i
	for ((i = 0; i < 100; i++)); do
		ended "$1" && return
		sleep 0.05
	done
	fail "process $1 has not ended"
}

not_mounted() {
	! findmnt m >/dev/null || fail "still mounted"
	[ -z "$(ls -A m)" ] || fail "not empty after unmounting"
}

# bramble umount returns when the process has ended
"$program" m
pid=$(server)
[ "$(readlink "/proc/$pid/cwd")" = / ] || fail "the server keeps a directory busy"
for fd in 0 1 2; do
	[ "$(readlink "/proc/$pid/fd/$fd")" = /dev/null ] || fail "the server keeps fd $fd"
done
expect 0 bramble umount m
ended "$pid" || fail "umount returned before the server's end"
not_mounted
expect 1 bramble umount m
said err "not a mount point of bramble"

# A relative directory, from within a directory that is not there any more afterwards
mkdir sub
(cd sub && mkdir n && "$program" n && ls n/dir >/dev/null && bramble umount n)

# Others' tools end it as well
"$program" m
pid=$(server)
fusermount3 -u m
await_end "$pid"
not_mounted
if [ "$(id -u)" = 0 ]; then
	"$program" m
	pid=$(server)
	umount m
	await_end "$pid"
	not_mounted
fi

# Signals unmount, in the background and in the foreground, where the exit status is 0
for signal in TERM INT HUP; do
	"$program" m
	pid=$(server)
	kill -$signal "$pid"
	await_end "$pid"
	not_mounted
done
# setsid: a background job of a shell script ignores SIGINT
setsid "$program" -f m &
child=$!
for ((i = 0; i < 100; i++)); do
	findmnt m >/dev/null && break
	sleep 0.05
done
cat m/dir/large m/dir/file >/dev/null
find m >/dev/null 2>&1 || true
kill -TERM "$child"
wait "$child" || fail "exit status $? after SIGTERM"
not_mounted

# A dead server
"$program" m
pid=$(server)
kill -KILL "$pid"
await_end "$pid"
for ((i = 0; i < 100; i++)); do
	# Its last threads may still be on their way out: "connection abort"
	ls m 2>err >out && fail "a dead server answers"
	grep -q "not connected" err && break
	sleep 0.05
done
said err "not connected"
expect 1 "$program" m
said err "already mounted, from memory"
expect 0 bramble umount m
not_mounted

# A server that hangs
"$program" m
pid=$(server)
kill -STOP "$pid"
bramble umount -l m || fail "a server that hangs keeps its mount"
kill -CONT "$pid"
await_end "$pid"
not_mounted

# In use
"$program" m
pid=$(server)
exec 5<m/dir/file
expect 1 bramble umount m
said err "in use"
said err "--lazy"
expect 0 bramble umount --lazy m
not_mounted
[ "$(cat <&5)" = hello ] || fail "a file that is open is not readable after a lazy umount"
ended "$pid" && fail "the server ended while a file was open"
exec 5<&-
await_end "$pid"

# The mount is ready when the command returns
for ((i = 0; i < 10; i++)); do
	"$program" m && [ -d m/dir ] || fail "not ready"
	bramble umount m
done
