#!/bin/bash
# SPDX-License-Identifier: MIT
# bramble serve starts, is asked by its control socket, reloads, and ends with everything saved.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"
. "$BRAMBLE_SOURCE/test/integration/lib_serve.sh"

need python3
serve_image

# Nobody is there to be asked.
expect 1 bramble status
said err "no server runs with $work/state"
expect 1 bramble pi list
expect 2 bramble pi
expect 2 bramble pi dance
expect 2 bramble pi show
expect 2 bramble pi set 00000001
expect 2 bramble pi set 00000001 name=a --json
expect 2 bramble status now

# A server that hangs is not waited for; what became of that is looked at below.
mkdir hung
python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(8)
print("listens", flush=True)
time.sleep(600)' "$work/hung/control" >hangs &
at_end "kill $!"
while ! grep -q listens hangs; do sleep 0.02; done
bramble status --state "$work/hung" >hung.status 2>&1 &
hung_status=$!
bramble overlay create one --image "$image" --state "$work/hung" || fail "create asks the server"
bramble overlay snapshot one now --state "$work/hung" >hung.snapshot 2>&1 &
hung_snapshot=$!

# Wrong usage.
expect 2 bramble serve "$image" "$image"
expect 2 bramble serve --dhcp maybe "$image"
said err "--dhcp maybe: not proxy, full or off"
expect 2 bramble serve --nfs-port 70000 "$image"
expect 2 bramble serve --only dhcp,http "$image"
expect 1 bramble serve "${unprivileged[@]}" missing.img
said err "missing.img: No such file"
expect 1 bramble serve "${unprivileged[@]}" --interface nosuch0 "$image"
said err "interface nosuch0: there is none"
for only in dhcp tftp,nfs; do
	expect 1 bramble serve --only $only --dhcp-port 16067 --tftp-port 16069 --nfs-port 12049 --mount-port 0 \
		--portmap-port 0 --proxy-port 0 --address 192.0.2.77 "$image"
	said err "address 192.0.2.77: no interface of this machine has it; there are: lo 127.0.0.1"
	[ "$(wc -l <err)" = 1 ] || { cat err; fail "one wrong address is told more than once"; }
done

serve_start "${unprivileged[@]}" "$image"
said log "TFTP: port 16069"
said log "NFS: port 12049"
said log "image pi: $image"
! grep -E 'has no (firmware|root)' log || fail "something is missing of an image that boots"
grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} ready' log || fail "events have no time"
[ "$(stat -c %a "$work/state/control")" = 600 ] || fail "others may speak to the control socket"
[ "$(stat -c %a "$work/state/handle-key")" = 600 ] || fail "others may read the key of handles"

# Commands by the control socket.
expect 0 bramble status
expect 0 bramble status --json
expect 0 bramble pi add 10000000abcd1234 name=kitchen
expect 1 bramble pi add abcd1234
said err "bramble: pi: abcd1234: is there already"
expect 0 bramble pi list --json
said out '"serial": "abcd1234"'
expect 0 bramble pi show kitchen
said out kitchen
expect 1 bramble pi show pantry
expect 0 bramble pi remove kitchen
expect 0 bramble status --state "$work/state/../state"

# One server has a state directory.
expect 1 bramble serve --dhcp off --tftp-port 16070 --nfs-port 12050 --mount-port 0 \
	--portmap-port 0 "$image"
said err "$work/state: in use by process $server (bramble serve)"
expect 0 bramble status

# Another one finds the port taken, and by whom.
expect 1 bramble serve --state other "${unprivileged[@]}" "$image"
said err "port 16069/udp (TFTP): in use by bramble (process $server)"
said err "port 12049/tcp (NFS): in use by bramble (process $server)"

# Clients of the control socket that are not ours, go away, or do not read.
python3 - "$work/state/control" <<'PYTHON'
import socket, struct, sys, time

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    return s

def request(*words):
    data = b"".join(w.encode() + b"\0" for w in words)
    return b"brm1" + struct.pack(">II", len(data), len(words)) + data

def ends(s):
    s.settimeout(30)
    try:
        while s.recv(65536):
            pass
    except ConnectionResetError:
        pass

def answer(s):
    out, data = b"", b""
    s.settimeout(30)
    while True:
        part = s.recv(65536)
        assert part, "ended without an exit status"
        data += part
        while len(data) >= 8:
            kind, size = struct.unpack(">II", data[:8])
            if len(data) < 8 + size:
                break
            if kind == 3:
                return struct.unpack(">I", data[8:12])[0], out
            out += data[8:8 + size]
            data = data[8 + size:]

for junk in (b"GET / HTTP/1.0\r\n\r\n", b"brm1" + b"\xff" * 8, b"brm1" + b"\0" * 8,
             b"brm1" + struct.pack(">II", 4, 2) + b"abcd"):
    s = connect()
    s.send(junk)
    ends(s)

# byte by byte
s = connect()
for byte in request("status", "--json"):
    s.send(bytes([byte]))
status, out = answer(s)
assert status == 0 and b'"pis"' in out, (status, out)

# unknown, and empty words
s = connect()
s.send(request("dance"))
assert answer(s)[0] == 1
s = connect()
s.send(request("", ""))
assert answer(s)[0] == 1

# gone before the request is complete, or the answer is there
for part in (3, 11, 13, 1000):
    s = connect()
    s.send(request("pi", "list")[:part])
    s.close()

# many at once, in any order
many = [connect() for _ in range(40)]
for s in many:
    s.send(request("pi", "list", "--json"))
for s in reversed(many):
    assert answer(s)[0] == 0

# more than are taken: the others are sent away
many = [connect() for _ in range(100)]
time.sleep(0.2)
for s in many:
    s.close()
s = connect()
s.send(request("status"))
assert answer(s)[0] == 0
PYTHON

# A reload that cannot be understood changes nothing.
serve_stop
cat >serve.conf <<CONF
[server]
dhcp = off
tftp-port = 16069
nfs-port = 12049
mount-port = 0
portmap-port = 0
[image pi]
file = $image
CONF
serve_start --config serve.conf
echo 'colour = red' >>serve.conf
kill -HUP "$server"
serve_waits_for 'reload: failed' || fail "nothing was said of a reload that failed"
said log 'serve.conf:9: colour: unknown key'
sed -i 's/colour.*//; s/16069/16070/' serve.conf
printf '[pi 00000001]\nname = shed\n' >>serve.conf
kill -HUP "$server"
serve_waits_for ' reloaded' || fail "it did not reload"
said log 'reload: tftp-port: changes at the next restart only'
: >log
kill -HUP "$server"
serve_waits_for ' reloaded' || fail "it did not reload again"
said log 'reload: tftp-port: changes at the next restart only'
expect 0 bramble pi list
said out shed

# Configurations of before do not pile up.
serve_stop
serve_start --config serve.conf -v
for ((i = 0; i < 3; i++)); do
	: >log
	kill -HUP "$server"
	serve_waits_for ' reloaded' || fail "it did not reload for the $i. time"
done
serve_waits_for 'a configuration of before is not needed any more' || fail "old configurations stay"
serve_stop
serve_start --config serve.conf

# A base that is not there may be made later: a warning with its line, at the start and at each reload.
cp serve.conf based.conf
printf '[defaults]\nbase = golden\n[pi 00000002]\nname = barn\n[pi 00000003]\nbase = silver\n' >>based.conf
line=$(($(wc -l <serve.conf) + 2))
serve_stop
serve_start --config based.conf
said log "based.conf:$line: base: there is no overlay golden: Pis above it cannot boot until \"bramble overlay create golden --image $image\""
said log "based.conf:$((line + 4)): base: there is no overlay silver"
[ "$(grep -c 'base: there is no overlay' log)" = 2 ] || fail "a base is missed more than once"
expect 0 bramble overlay create golden --image "$image"
: >log
kill -HUP "$server"
serve_waits_for ' reloaded' || fail "it did not reload with a base"
said log 'base: there is no overlay silver'
! grep -q 'golden' log || fail "a base that is there is missed"
serve_stop
serve_start --config serve.conf

# Killed, it leaves a socket behind, which the next one replaces.
kill -9 "$server"
wait "$server" || true
[ -S "$work/state/control" ] || fail "no socket is left"
expect 1 bramble status
said err "no server runs with"
serve_start --config serve.conf
expect 0 bramble status
serve_stop INT
[ ! -e "$work/state/control" ] || fail "a socket is left"
said log ' ended'

# To reload makes no sense at the end, and does no harm.
for ((i = 0; i < 10; i++)); do
	serve_start --config serve.conf
	kill -HUP "$server"
	kill -HUP "$server"
	serve_stop
done

# Who asked one that hangs was told so.
status=0
wait $hung_status || status=$?
[ $status = 1 ] || fail "status ended with $status where the server hangs"
said hung.status 'status: the server does not answer: it hangs, or was stopped'
wait $hung_snapshot || fail "an overlay that a hanging server does not have cannot be used"
said hung.snapshot 'overlay: the server does not answer'

# A command whose client does not read is waited for at the end, unless one says so twice.
for ((i = 0; i < 4000; i++)); do
	printf '[pi %08x]\n' $((i + 4096))
done >>serve.conf
serve_start --config serve.conf
# One that works, however long, is waited for: here for those who do not read what they asked for.
python3 -c 'import socket, struct, sys, time
many = [socket.socket(socket.AF_UNIX) for _ in range(4)]
for s in many:
    s.connect(sys.argv[1])
    s.send(b"brm1" + struct.pack(">II", 15, 3) + b"pi\0list\0--json\0")
for s in many:
    s.recv(1)
print("begun", flush=True)
time.sleep(6)' "$work/state/control" >begun &
while ! grep -q begun begun; do sleep 0.02; done
expect 0 bramble pi list
: >begun
python3 -c 'import socket, struct, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.send(b"brm1" + struct.pack(">II", 15, 3) + b"pi\0list\0--json\0")
s.recv(1)
print("begun", flush=True)
time.sleep(600)' "$work/state/control" >begun &
at_end "kill $!"
while ! grep -q begun begun; do sleep 0.02; done
kill -TERM "$server"
serve_waits_for 'Terminated: ends' || fail "the signal was not noticed"
kill -0 "$server" || fail "a command was not waited for"
kill -TERM "$server"
status=0
wait "$server" || status=$?
[ $status = 143 ] || fail "the second signal ended it with $status"
said log 'again: ends at once'

# The errors of a configuration, all at once.
cat >wrong.conf <<CONF
[server]
dhcp = perhaps
[image pi]
[pi 00000001]
keep = never
CONF
expect 1 bramble serve --config wrong.conf
said err 'bramble: wrong.conf:2: dhcp: "perhaps" is not proxy, full or off'
said err 'bramble: wrong.conf:5: keep: "never" is not yes or until-reboot'
expect 1 bramble serve --config missing.conf
said err 'missing.conf: No such file'
printf '[image a]\nfile = /nowhere.img\n[server]\ndhcp = off\n' >lost.conf
expect 1 bramble serve --config lost.conf --tftp-port 16069 --nfs-port 12049 --mount-port 0 \
	--portmap-port 0
said err '/nowhere.img'

# What no Pi can boot from is served all the same, and said so.
serve_start "${unprivileged[@]}" --partition 2 "$image"
said log "$image: has no firmware or kernel of a Raspberry Pi"
! grep -q 'no root file system' log || fail "it does not see the root file system"
serve_stop
serve_start "${unprivileged[@]}" --partition 1 "$image"
said log "$image: has no root file system of a Linux"
! grep -q 'no firmware' log || fail "it does not see the firmware"
serve_stop

# Handles that Pis have would be sealed by another key: that is not made in silence.
cp "$work/state/handle-key" key
echo damaged >"$work/state/handle-key"
expect 1 bramble serve "${unprivileged[@]}" "$image"
said err "$work/state/handle-key: not 32 hexadecimal digits"
cp key "$work/state/handle-key"
