#!/bin/bash
# SPDX-License-Identifier: MIT
# bramble serve opens its ports, or says who has them and what helps; gives up root; takes sockets that
# systemd has opened and tells it what it does.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"
. "$BRAMBLE_SOURCE/test/integration/lib_serve.sh"

need python3 rpcinfo showmount setpriv
[ -n "${BRAMBLE_NETWORK:-}" ] || skip "needs root and a network namespace"
serve_image
chmod 755 "$work"
chmod 644 "$image"

# holds PORT: another program has the UDP port, and would share it, as $holder
holds() {
	: >held
	python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", int(sys.argv[1])))
print("held", flush=True); time.sleep(600)' "$1" >held &
	holder=$!
	at_end "kill $holder"
	while ! grep -q held held; do sleep 0.02; done
}

# Root has them all, and its own port mapper.
ulimit -S -n 256
serve_start "$image"
said log 'DHCP: proxy'
said log 'ports 67 and 4011'
said log 'TFTP: port 69'
said log 'NFS: port 2049, MOUNT also on 627, port mapper'
awk '/^Max open files/ { exit $4 != $5 }' "/proc/$server/limits" || fail "it may open more files than it does"
rpcinfo -p 127.0.0.1 >mapped
for wanted in '100003 +3 +tcp +2049' '100005 +3 +tcp' '100003 +3 +udp +2049' '100000 +2 +tcp +111'; do
	grep -qE "^ +$wanted" mapped || { cat mapped; fail "the port mapper does not know $wanted"; }
done
expect 0 bramble pi add 0000dddd mac=dc:a6:32:00:00:01
expect 0 bramble pi add 0000eeee
expect 0 showmount -e 127.0.0.1
grep -qE '^/0000dddd +dc:a6:32:00:00:01$' out || { cat out; fail "it is not told whose a tree is"; }
! grep -q everyone out || fail "everybody is told to have what is of one machine"
serve_stop

# Who has a port is named, and what helps; all that is wrong is told at once.
holds 69
expect 1 bramble serve "$image"
said err "bramble: port 69/udp (TFTP): in use by python3 (process $holder): stop that, or say --tftp-port N"
expect 1 bramble serve --interface lo "$image"
said err "bramble: port 69/udp (TFTP): in use by python3 (process $holder)"
kill "$holder"
wait "$holder" || true

nobody=$(mktemp -d)
at_end "rm -rf '$nobody'"
chown 65534 "$nobody"
# the sources may lie where only root can look
install -m 755 "$(command -v bramble)" "$work/bramble"
PATH=$work:$PATH
as_nobody=(setpriv --reuid 65534 --clear-groups env BRAMBLE_STATE="$nobody/state")
"${as_nobody[@]}" true || skip "cannot become nobody"
expect 1 "${as_nobody[@]}" bramble serve "$image"
said err 'port 67/udp (DHCP): not permitted: start as root, or permit it by "sudo setcap'
said err 'port 69/udp (TFTP): not permitted'
! grep -q 'port 4011' err || fail "an ordinary port is not permitted"

# Without 111 and 627, images with an initramfs cannot boot: a warning, and what helps.
: >log
"${as_nobody[@]}" bramble serve --dhcp off --tftp-port 16069 --interface lo "$image" 2>log &
server=$!
at_end "kill -9 $server"
serve_waits_for 'ready: ' || fail "not ready without privileges"
said log 'cannot mount their root'
serve_stop

# What only few need may be missing.
holds 4011
serve_start "$image"
said log 'port 67'
! grep -q '4011' log || fail "says that it has 4011"
serve_stop
kill "$holder"
wait "$holder" || true

# Of the port mapper's ports one alone is of no use: who asks there would wait for nothing.
holds 111
serve_start "$image"
python3 -c 'import socket
socket.create_connection(("127.0.0.1", 111))' 2>/dev/null && fail "111/tcp is open, and nobody serves it"
serve_stop
kill "$holder"
wait "$holder" || true

# Root is given up when the ports are open, but for the right to such ports.
printf '[server]\nuser = nobody\nstate = %s\n[image pi]\nfile = %s\n' "$work/nobodys" "$image" >user.conf
serve_start --config user.conf
[ "$(stat -c %U "$work/nobodys")" = nobody ] || fail "the state directory is not the user's"
grep -qE '^Uid:\s65534\s65534\s65534\s65534' "/proc/$server/status" || fail "it is root still"
grep -qE '^CapEff:\s0000000000000400' "/proc/$server/status" || fail "it has other capabilities"
! grep -E '^Groups:.*\b0\b' "/proc/$server/status" || fail "it is in root's group"
said log 'NFS: port 2049, MOUNT also on 627, port mapper'
expect 0 bramble status --state "$work/nobodys"
expect 0 showmount -e 127.0.0.1
serve_stop
# also where the sockets are bound to an interface, which only root may do a second time
sed -i 's/^user/interface = lo\nuser/' user.conf
serve_start --config user.conf
said log 'TFTP: port 69'
serve_stop
sed -i 's/nobody/no-such-user/' user.conf
expect 1 bramble serve --config user.conf
said err 'user no-such-user: there is none'

# A port mapper that is there already is told.
if command -v rpcbind >/dev/null; then
	mkdir -p /run/rpcbind
	rpcbind -f -w >rpcbind.log 2>&1 &
	mapper=$!
	at_end "kill $mapper"
	for ((i = 0; i < 100; i++)); do
		! rpcinfo -p 127.0.0.1 >/dev/null 2>&1 || break
		sleep 0.05
	done
	if rpcinfo -p 127.0.0.1 >/dev/null 2>&1; then
		serve_start "$image"
		said log 'port mapper of this host'
		for ((i = 0; i < 100; i++)); do
			rpcinfo -p 127.0.0.1 >mapped
			! grep -qE '^ +100003 +3 +tcp +2049' mapped || break
			sleep 0.05
		done
		grep -qE '^ +100003 +3 +tcp +2049' mapped || fail "rpcbind was not told of NFS"
		grep -qE '^ +100005 +3 +tcp' mapped || fail "rpcbind was not told of MOUNT"
		serve_stop
		rpcinfo -p 127.0.0.1 >mapped
		! grep -qE '^ +100003' mapped || fail "rpcbind was not told of the end"

		# What another NFS server has told stays, but not if that is gone.
		python3 -c 'import socket, struct, time
nfs = socket.create_server(("127.0.0.1", 2050))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 900))
s.connect(("127.0.0.1", 111))
s.settimeout(30)
for program, port in (100003, 2050), (100005, 20048):
    s.send(struct.pack(">14I", port, 0, 2, 100000, 2, 1, 0, 0, 0, 0, program, 3, 6, port))
    assert s.recv(100)[24:28] == b"\0\0\0\1"
print("told", flush=True); time.sleep(600)' >other &
		at_end "kill $!"
		while ! grep -q told other; do sleep 0.02; done
		serve_start "$image"
		serve_waits_for 'has NFS of another server, at port 2050' || fail "the other server is not noticed"
		for ((i = 0; i < 100; i++)); do
			rpcinfo -p 127.0.0.1 >mapped
			! grep -qE '^ +100005 +3 +udp' mapped || break
			sleep 0.05
		done
		grep -qE '^ +100003 +3 +tcp +2050' mapped || fail "the other server was removed"
		! grep -qE '^ +100003 .* 2049 ' mapped || fail "two servers for one program"
		grep -qE '^ +100005 +3 +tcp +627' mapped || fail "what nobody listens at was kept"
		serve_stop
		rpcinfo -p 127.0.0.1 >mapped
		grep -qE '^ +100003 +3 +tcp +2050' mapped || fail "the other server was removed at the end"
		! grep -qE '^ +100005' mapped || fail "rpcbind was not told of the end of MOUNT"
	fi
	kill "$mapper"
	wait "$mapper" || true
fi

# Sockets of systemd, and what it is told.
cat >systemd.py <<'PYTHON'
import os, socket, sys

def bound(kind, port):
    s = socket.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("0.0.0.0", port))
    if kind == socket.SOCK_STREAM:
        s.listen(10)
    return s

dgram, stream = socket.SOCK_DGRAM, socket.SOCK_STREAM
wanted = [("dhcp", dgram, 67), ("tftp", dgram, 69), ("nfs", stream, 2049), ("mount", stream, 627),
          ("portmap", stream, 111), ("portmap", dgram, 111), ("other", dgram, 17000)]
sockets = [bound(kind, port) for _, kind, port in wanted]
high = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
os.environ["LISTEN_FDS"] = str(len(wanted))
os.environ["LISTEN_FDNAMES"] = ":".join(name for name, _, _ in wanted)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.environ["WATCHDOG_USEC"] = "200000"
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
os.execvp("bramble", ["bramble"] + sys.argv[1:])
PYTHON
python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
import os
os.chmod(sys.argv[1], 0o777)
while True:
    print(s.recv(4096).decode().replace("\n", " "), flush=True)' "$work/notify" >notified &
at_end "kill $!"
while [ ! -S "$work/notify" ]; do sleep 0.02; done
: >log
NOTIFY_SOCKET=$work/notify BRAMBLE_STATE=$nobody/state \
	JOURNAL_STREAM=$(stat -c %d:%i log) python3 systemd.py serve "$image" 2>>log &
server=$!
at_end "kill -9 $server"
serve_waits_for 'ready: ' || fail "not ready with the sockets of systemd"
said log 'socket "other" of systemd'
said log '<6>TFTP: port 69'
said log '<6>NFS: port 2049, MOUNT also on 627, port mapper'
expect 0 rpcinfo -p 127.0.0.1
expect 0 showmount -e 127.0.0.1
kill -HUP "$server"
serve_waits_for 'reloaded' || fail "it did not reload"
notices() { for ((i = 0; i < 200; i++)); do ! grep -q -- "$1" notified || return 0; sleep 0.02; done; return 1; }
notices WATCHDOG=1 || fail "systemd's watchdog was not told"
notices 'RELOADING=1 MONOTONIC_USEC=' || fail "systemd was not told of the reload"
serve_stop
notices STOPPING=1 || fail "systemd was not told of the end"
grep -v WATCHDOG notified | cut -d ' ' -f 1 | tr '\n' ' ' >order
[ "$(cat order)" = "READY=1 RELOADING=1 READY=1 STOPPING=1 " ] || fail "systemd was told: $(cat order)"
