#!/bin/bash
# SPDX-License-Identifier: MIT
# bramble overlay works on overlays that the running server holds: it lets go of them, and its Pis go on
# afterwards.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"
. "$BRAMBLE_SOURCE/test/integration/lib_serve.sh"

need nfs-ls nfs-cat nfs-cp curl jq python3
serve_image

nfs() { echo "nfs://127.0.0.1/0000aaaa$1?nfsport=12049&mountport=12049"; }
# libnfs gives up where a kernel asks again after NFS3ERR_JUKEBOX
put() {
	local i
	for ((i = 0; i < 100; i++)); do
		! nfs-cp "$1" "$(nfs "$2")" >nfs.log 2>&1 || return 0
		grep -q JUKEBOX nfs.log || break
	done
	cat nfs.log >&2
	fail "the Pi cannot write $2"
}
held() { bramble overlay show 0000aaaa | grep -q '^State: .*process'; }

serve_start "${unprivileged[@]}" "$image"
nfs-ls "$(nfs /)" >/dev/null || fail "the Pi cannot mount its root"
held || fail "nobody holds the overlay of a Pi that has mounted it"
echo one >one
put one /one

# Everything that wants it alone or at rest; the Pi writes in between.
expect 0 bramble overlay list
said out 0000aaaa
expect 0 bramble overlay diff 0000aaaa /one
said out 'A /one'
nfs-cat "$(nfs /one)" >got || fail "the Pi cannot go on after diff"
cmp -s got one || fail "the Pi reads something else after diff"
held || fail "the server did not take the overlay back"
expect 0 bramble overlay snapshot 0000aaaa before
echo two >two
put two /two
expect 0 bramble overlay check 0000aaaa
said out '0000aaaa: clean'
expect 0 bramble overlay clone 0000aaaa copy
expect 0 bramble overlay diff copy /two
put one /three
expect 0 bramble overlay diff 0000aaaa --json
jq -r '.[].path' out >paths
for path in /one /two /three; do
	grep -qx "$path" paths || { cat paths; fail "diff does not know $path"; }
done

# A Pi's name is as good as its serial, and names nothing else.
expect 0 bramble pi set 0000aaaa name=kitchen
expect 0 bramble overlay diff kitchen /one
said out 'A /one'
expect 0 bramble overlay show kitchen
said out 0000aaaa
expect 1 bramble overlay show pantry
said err 'overlay pantry: there is none'
expect 0 bramble overlay create pantry --image "$image"
expect 0 bramble overlay delete pantry --yes

# Put back: handles from before are stale, a new mount sees what was.
expect 0 bramble overlay restore 0000aaaa before --yes
nfs-cat "$(nfs /one)" >got || fail "what was in the snapshot is gone"
! nfs-cat "$(nfs /two)" >got 2>&1 || fail "what was not in the snapshot is there"
expect 0 bramble overlay reset 0000aaaa --yes
! nfs-cat "$(nfs /one)" >got 2>&1 || fail "a reset overlay has changes"
put one /again

# While a command has it, nobody is told of an error: the Pi waits.
for ((i = 0; i < 20; i++)); do
	bramble overlay snapshot 0000aaaa "s$i" || fail "snapshot $i"
done &
snapshots=$!
for ((i = 0; i < 20; i++)); do
	put one "/during$i"
done
wait $snapshots || fail "snapshots while the Pi writes"
expect 0 bramble overlay check 0000aaaa

# A reload in the middle of something drops nobody.
head -c 40M /dev/zero | tr '\0' 'x' >big
nfs-cp big "$(nfs /big)" >/dev/null &
copying=$!
for ((i = 0; i < 20; i++)); do
	kill -HUP "$server"
	sleep 0.02
done
wait $copying || fail "a reload broke a copy off"
serve_waits_for reloaded || fail "it did not reload"
nfs-cat "$(nfs /big)" | cmp - big || fail "a reload damaged a copy"

# The files of a Pi that is up are not taken away, unless one says so.
cat >up.py <<'PYTHON'
import socket, struct, sys, time

connection = socket.create_connection(("127.0.0.1", 12049))

def string(text):
    return struct.pack(">I", len(text)) + text + b"\0" * (-len(text) % 4)

def call(program, procedure, arguments):
    body = struct.pack(">10I", 1, 0, 2, program, 3, procedure, 0, 0, 0, 0) + arguments
    connection.sendall(struct.pack(">I", 0x80000000 | len(body)) + body)
    size = struct.unpack(">I", connection.recv(4, socket.MSG_WAITALL))[0] & 0x7fffffff
    return connection.recv(size, socket.MSG_WAITALL)[24:]

answer = call(100005, 1, string(b"/0000aaaa"))
handle = answer[8:8 + struct.unpack(">I", answer[4:8])[0]]
assert struct.unpack(">I", call(100003, 1, string(handle))[:4])[0] == 0
print("up", flush=True)
time.sleep(600)
PYTHON
python3 up.py >up &
pi=$!
at_end "kill $pi"
while ! grep -q up up; do sleep 0.02; done
for command in 'reset kitchen' 'restore 0000aaaa before' 'delete copy 0000aaaa'; do
	# shellcheck disable=SC2086
	expect 1 bramble overlay $command --yes
	said err 'bramble: overlay 0000aaaa: its Pi 0000aaaa (kitchen) is up since 20'
	said err ', at 127.0.0.1: switch it off first, or say --force'
	[ "$(wc -l <err)" = 1 ] || { cat err; fail "a refusal has several lines"; }
done
[ -d "$work/state/overlays/copy" ] || fail "one of several was deleted, although not all could be"
expect 1 bramble pi remove kitchen
said err 'bramble: pi: Pi 0000aaaa (kitchen) is up since 20'
said err ', at 127.0.0.1: switch it off first, or say --force'
expect 0 bramble pi show 0000aaaa
# it is up also if it has said nothing since something else was done to its overlay
expect 0 bramble overlay diff kitchen
expect 1 bramble overlay reset 0000aaaa --yes
expect 2 bramble overlay diff kitchen --force
expect 0 bramble overlay reset kitchen --yes --force
! nfs-ls "$(nfs /)" | grep -q during || fail "a reset overlay has changes"
# one that loads its files has restarted
curl -sf --max-time 20 tftp://127.0.0.1:16069/0000aaaa/config.txt >/dev/null || fail "the Pi gets no files"
expect 0 bramble overlay restore kitchen before --yes
kill $pi
wait $pi || true
expect 2 bramble pi show kitchen --force
python3 up.py >up &
pi=$!
at_end "kill $pi"
while ! grep -q up up; do sleep 0.02; done
expect 1 bramble pi remove kitchen
expect 0 bramble pi remove kitchen --force
expect 1 bramble pi show 0000aaaa
expect 0 bramble pi add 0000aaaa name=kitchen
kill $pi
wait $pi || true

# Deleted, it is made anew at the next mount.
expect 0 bramble overlay delete 0000aaaa --yes
nfs-ls "$(nfs /)" >names || fail "the Pi cannot mount its root again"
! grep -q during names || fail "a deleted overlay is there"
serve_stop

# Without a server all is as always.
expect 0 bramble overlay check 0000aaaa copy
expect 0 bramble overlay delete copy --yes
