#!/bin/bash
# SPDX-License-Identifier: MIT
# bramble serve when things go wrong below it: what a Pi has stays its own, and it goes on afterwards.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"
. "$BRAMBLE_SOURCE/test/integration/lib_serve.sh"

need nfs-ls nfs-cat curl python3 jq mcopy mlabel
PATH=$BRAMBLE_BUILD/test/support:$PATH
type -P nfs_edit >/dev/null || skip "libnfs was not there when this was built"
serve_image

nfs() { echo "nfs://127.0.0.1/$1?nfsport=12049&mountport=12049"; }
mounts() { timeout 60 nfs-ls "$(nfs "$1")" >/dev/null 2>&1; }
get() { curl -sf --max-time 20 "tftp://127.0.0.1:16069/$1"; }
put() { nfs_edit "$(nfs "$2")" put "$1" "$3"; }

# A client that keeps a handle: "mount PATH" gets one, "getattr" uses it, "lend NAME" and "return" are
# what `bramble overlay` asks the server for. Each answers with a status.
cat >client.py <<'PYTHON'
import socket, struct, sys

def string(text):
    return struct.pack(">I", len(text)) + text + b"\0" * (-len(text) % 4)

def call(program, procedure, arguments):
    global xid
    xid += 1
    body = struct.pack(">10I", xid, 0, 2, program, 3, procedure, 0, 0, 0, 0) + arguments
    with socket.create_connection(("127.0.0.1", 12049)) as s:
        s.sendall(struct.pack(">I", 0x80000000 | len(body)) + body)
        data = b""
        while len(data) < 4 or len(data) < 4 + (struct.unpack(">I", data[:4])[0] & 0x7fffffff):
            part = s.recv(65536)
            assert part, "the server closed the connection"
            data += part
    return data[28:]

xid, handle, loan = 1, None, None
for line in sys.stdin:
    word, *rest = line.split()
    if word == "mount":
        answer = call(100005, 1, string(rest[0].encode()))
        status = struct.unpack(">I", answer[:4])[0]
        if status == 0:
            handle = answer[8:8 + struct.unpack(">I", answer[4:8])[0]]
    elif word == "getattr":
        status = struct.unpack(">I", call(100003, 1, string(handle))[:4])[0]
    elif word == "lend":
        loan = socket.socket(socket.AF_UNIX)
        loan.connect(sys.argv[1])
        words = b"lend\0" + rest[0].encode() + b"\0"
        loan.sendall(b"brm1" + struct.pack(">II", len(words), 2) + words)
        while True:
            kind, size = struct.unpack(">II", loan.recv(8, socket.MSG_WAITALL))
            if kind == 3:
                break
            loan.recv(size, socket.MSG_WAITALL)
        status = struct.unpack(">I", loan.recv(4, socket.MSG_WAITALL))[0]
    else:
        loan.close()
        status = 0
    print(status, flush=True)
PYTHON
exec 3>&2
coproc client { python3 client.py "$work/state/control" 2>&3; }
# asks STATUS COMMAND: that is what the client gets
asks() {
	local status
	echo "${*:2}" >&"${client[1]}"
	read -r -t 60 status <&"${client[0]}" || fail "${*:2}: no answer"
	[ "$status" = "$1" ] || fail "${*:2}: answered by $status, not $1"
}
# comes_to STATUS COMMAND: at last
comes_to() {
	local i status
	for ((i = 0; i < 100; i++)); do
		echo "${*:2}" >&"${client[1]}"
		read -r -t 60 status <&"${client[0]}" || fail "${*:2}: no answer"
		[ "$status" != "$1" ] || return 0
		sleep 0.2
	done
	fail "${*:2}: answered by $status, not $1"
}

configure() {
	cat >conf <<-TEXT
		[server]
		dhcp = off
		tftp-port = 16069
		nfs-port = 12049
		mount-port = 0
		portmap-port = 0
		[image pi]
		file = $image
		$*
	TEXT
}
reload() {
	: >log
	kill -HUP "$server"
	serve_waits_for ' reloaded' || fail "no reload"
}
configure
serve_start --config conf -v

# Whose a tree is must be known after a crash: without a record nobody mounts it.
mkdir "$work/state/pis/0000aaaa.new"
! mounts 0000aaaa || fail "a Pi mounts its tree although that cannot be remembered"
said log 'pis/0000aaaa cannot be saved'
rmdir "$work/state/pis/0000aaaa.new"
asks 0 mount /0000aaaa
kill -KILL "$server"
wait "$server" || true
serve_start --config conf -v
bramble pi show 0000aaaa --json | jq -e '.state == "known" and .address == null' >/dev/null ||
	fail "a Pi is up that was not heard of since the start"
asks 0 getattr
bramble pi show 0000aaaa --json | jq -e '.state == "mounted" and .address == "127.0.0.1"' >/dev/null ||
	fail "a Pi that goes on after a restart is not known to be there"
# One that is known may boot, and what could not be saved is saved later.
mkdir "$work/state/pis/0000aaaa.new"
bramble pi set 0000aaaa name=kitchen 2>err && fail "a name was not saved, and nobody said so"
mounts 0000aaaa || fail "a Pi that is known cannot boot"
rmdir "$work/state/pis/0000aaaa.new"
for ((i = 0; i < 100; i++)); do
	! grep -q 'name = kitchen' "$work/state/pis/0000aaaa" || break
	sleep 0.1
done
grep -q 'name = kitchen' "$work/state/pis/0000aaaa" || fail "what was not saved at once never is"

# A loan ends for the Pi that was lent, whatever it is called by then.
asks 0 lend kitchen
asks 10008 getattr
bramble pi set 0000aaaa name=parlour
bramble pi add 0000bbbb name=kitchen
asks 0 return
comes_to 0 getattr
# One that could not be lent is not taken back from somebody else either.
asks 1 lend 0000cccc
bramble pi add 0000cccc
asks 0 return

# TFTP waits for an overlay that is lent: of an error, a boot ROM thinks that there is no such file.
asks 0 lend 0000aaaa
get 0000aaaa/config.txt >waited &
getting=$!
sleep 2
asks 0 return
wait "$getting" || fail "a file was refused because the overlay was lent"
[ -s waited ] || fail "a file of an overlay that was lent came empty"
# Nor does a transfer, whose Pi may have vanished, keep it from being lent.
python3 - <<'PYTHON'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(60)
s.sendto(b"\0\x010000aaaa/kernel8.img\0octet\0tsize\x000\0", ("127.0.0.1", 16069))
assert s.recv(2000)[:2] == b"\0\x06"
PYTHON
asks 0 lend 0000aaaa
asks 0 return
comes_to 0 getattr

# What it is told when its image is gone is no farewell.
mv "$image" "$work/away.img"
asks 0 lend 0000aaaa
asks 0 return
comes_to 5 getattr
bramble status --json | jq -e '.pis[] | select(.serial == "0000aaaa").refused' >/dev/null ||
	fail "status does not say that its overlay cannot be opened"
bramble status | grep -q '^0000aaaa: its overlay cannot be opened' || fail "nor does its text"
mv "$work/away.img" "$image"
comes_to 0 getattr
bramble status --json | jq -e '.pis[] | select(.serial == "0000aaaa").refused == null' >/dev/null ||
	fail "status goes on saying that its overlay cannot be opened"

# A configuration without its image takes nothing from it.
cp "$image" "$work/other.img"
sed -i "s,^\[image pi\],[image other],; s,^file = .*,file = $work/other.img," conf
reload
asks 0 lend 0000aaaa
asks 0 return
comes_to 0 getattr

# keep = yes keeps, also what was to be thrown away before.
configure '[defaults]
keep = until-reboot'
reload
echo mine >mine
mounts 0000dddd || fail "0000dddd cannot mount its tree"
put mine 0000dddd /etc/mine || fail "0000dddd cannot write"
get 0000dddd/kernel8.img >/dev/null || fail "0000dddd gets no kernel"
for ((i = 0; i < 200; i++)); do
	! grep -q '^renew = yes' "$work/state/pis/0000dddd" || break
	sleep 0.02
done
kill -KILL "$server"
wait "$server" || true
grep -q '^renew = yes' "$work/state/pis/0000dddd" || fail "a crash forgets that its kernel was loaded"
configure '[defaults]
keep = yes'
serve_start --config conf -v
nfs-cat "$(nfs 0000dddd/etc/mine)" >/dev/null || fail "keep = yes lost what there was"
configure '[defaults]
keep = until-reboot'
reload
nfs-cat "$(nfs 0000dddd/etc/mine)" >/dev/null || fail "a kernel of long ago made it new"

# Nor does it keep its former life if the last acknowledgement of its kernel is lost; and it begins only one life.
cat >lose.py <<'PYTHON'
import socket, sys

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(60)
s.sendto(b"\0\1" + b"0000dddd/kernel8.img\0octet\0blksize\0001468\0", ("127.0.0.1", 16069))
while True:
    data, server = s.recvfrom(2000)
    if data[1] == 3 and len(data) < 1472:
        break
    s.sendto(b"\0\4" + (data[2:4] if data[1] == 3 else b"\0\0"), server)
print("all", flush=True)
sys.stdin.readline()
# the same port asks for another file: the server waits no more for what was lost
s.sendto(b"\0\1" + b"0000dddd/config.txt\0octet\0", ("127.0.0.1", 16069))
while s.recvfrom(2000)[1] == server:
    pass
print("again", flush=True)
PYTHON
coproc loser { python3 lose.py 2>&3; }
read -r -t 120 said <&"${loser[0]}" && [ "$said" = all ] || fail "0000dddd gets no kernel"
mounts 0000dddd || fail "0000dddd cannot mount its tree"
! nfs-cat "$(nfs 0000dddd/etc/mine)" >/dev/null 2>&1 || fail "a lost acknowledgement keeps the former life"
put mine 0000dddd /etc/mine || fail "0000dddd cannot write"
echo >&"${loser[1]}"
read -r -t 120 said <&"${loser[0]}" && [ "$said" = again ] || fail "0000dddd gets no further file"
mounts 0000dddd || fail "0000dddd cannot mount its tree"
nfs-cat "$(nfs 0000dddd/etc/mine)" >/dev/null || fail "one kernel begins two lives"

# A Pi whose writes find no room is told of in the log, once.
if [ "$(id -u)" = 0 ]; then
	serve_stop
	mkdir small
	if mount -t tmpfs -o size=24m none small; then
		at_end "umount -l '$work/small'"
		export BRAMBLE_STATE=$work/small
		serve_start --config conf -v
		mounts 0000dddd || fail "0000dddd cannot mount its tree on a small disk"
		head -c 40M /dev/urandom >large
		for name in one two; do
			! put large 0000dddd "/$name" 2>/dev/null || fail "40 MB fit on a disk of 24"
		done
		serve_waits_for 'pi 0000dddd: cannot write: No space left on device' ||
			fail "a full disk is not in the log"
		sleep 1.2
		[ "$(grep -c 'pi 0000dddd: cannot write' log)" = 1 ] || fail "a full disk is told of too often"
		serve_stop
		rm large
	fi
	export BRAMBLE_STATE=$work/state
	serve_start --config conf -v
fi

# Another file in the image's place is what new Pis boot from.
boot=$((8 << 20))
mlabel -i "$image@@$boot" -s :: >/dev/null 2>&1 || boot=$((4 << 20))
cp "$image" new.img
echo '# new' >config.txt
mcopy -oi "new.img@@$boot" config.txt ::config.txt
! get 0000eeee/config.txt | cmp -s - config.txt || fail "the new image is served before it is there"
mv new.img "$image"
serve_waits_for "$image: is another file now" || fail "a replaced image was not noticed"
get 0000eeee/config.txt | cmp - config.txt || fail "new Pis boot from the old file"
mounts 0000eeee || fail "new Pis cannot mount the new image"
serve_stop

# Who was merely seen is forgotten when there are too many, longest ago first; ours never.
today=$(($(date +%s) - 3600))
for ((i = 0; i < 1500; i++)); do
	id=$(printf '%08x' $((0xa0000000 + i)))
	printf '[pi]\nid = %s\nlast-seen = %d\n' "$id" $((today + i)) >"$work/state/pis/$id"
done
printf '[pi]\nid = a0000001\njoined = yes\nlast-seen = 1\n' >"$work/state/pis/a0000001"
echo 'torn' >"$work/state/pis/a0000002"
serve_start --config conf -v
for ((i = 0; i < 100; i++)); do
	[ -e "$work/state/pis/a0000000" ] || [ -e "$work/state/pis/a0000100" ] || break
	sleep 0.1
done
[ "$(find "$work/state/pis" -name 'a0*' | wc -l)" -lt 1100 ] || fail "guests pile up in the state directory"
for id in a0000001 a0000002 a00005db 0000aaaa; do
	[ -e "$work/state/pis/$id" ] || fail "$id was forgotten"
done
bramble pi show a0000001 >out || fail "one of ours was forgotten"
serve_stop

# A server that becomes another user gives away no file that has another name, too.
if [ "$(id -u)" = 0 ]; then
	mkdir theirs
	touch root-s-own
	ln root-s-own theirs/server.lock
	chown nobody theirs
	sed -i 's/^\[server\]/&\nuser = nobody/' conf
	expect 1 bramble serve --state theirs --config conf
	said err 'server.lock: Operation not permitted'
	[ "$(stat -c %u root-s-own)" = 0 ] || fail "a file of root was given away"
fi

# What root changes in the state directory of a server that is another user stays that user's.
if [ "$(id -u)" = 0 ] && type -P setpriv >/dev/null; then
	chmod 755 "$work"
	mkdir theirs2
	chown nobody theirs2
	export BRAMBLE_STATE=$work/theirs2
	: >log
	setpriv --reuid "$(id -u nobody)" --clear-groups "$(type -P bramble)" serve \
		"${unprivileged[@]}" "$image" 2>log &
	server=$!
	at_end "kill -9 $server"
	serve_waits_for 'ready: ' || fail "nobody cannot serve"
	mounts 0000aaaa || fail "no mount from a server that is nobody"
	setpriv --reuid "$(id -u nobody)" --clear-groups timeout 60 nfs-ls "$(nfs 0000aaaa)" >/dev/null ||
		fail "the user who runs the server may not mount"
	! setpriv --reuid 1234 --clear-groups timeout 60 nfs-ls "$(nfs 0000aaaa)" >/dev/null 2>&1 ||
		fail "a user who does not run the server may mount"
	expect 0 bramble overlay snapshot 0000aaaa one
	expect 0 bramble overlay restore --yes 0000aaaa one
	mounts 0000aaaa || fail "the server cannot open what root has restored"
	expect 0 bramble overlay clone 0000aaaa 0000bbbb
	mounts 0000bbbb || fail "the server cannot open what root has copied"
	expect 0 bramble overlay create 0000cccc --image "$image"
	mounts 0000cccc || fail "the server cannot open what root has made"
	expect 0 bramble overlay reset --yes 0000aaaa
	mounts 0000aaaa || fail "the server cannot open what root has reset"
	find theirs2 ! -user nobody >others
	[ ! -s others ] || { cat others; fail "root has left files that the server cannot use"; }
	serve_stop
fi
