#!/bin/bash
# SPDX-License-Identifier: MIT
# Who may mount what, between hosts: network namespaces joined by a bridge.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=test/integration/lib_serve.sh
. "$(dirname "$0")/lib_serve.sh"
need_root
need nfs-ls nfs-cat nfs-cp curl jq ip python3 unshare nsenter
[ -n "${BRAMBLE_NETWORK:-}" ] || skip "no network namespace can be made here"

serve_image
ip link add br0 type bridge || skip "no bridge can be made here"
ip addr add 10.9.0.1/24 dev br0
ip link set br0 up

# host NAME MAC LAST: a host with an interface of this MAC and the address 10.9.0.LAST
declare -A pid
host() {
	unshare -n sleep 1000 &
	pid[$1]=$!
	at_end "kill $!"
	sleep 0.2
	ip link add "v$1" type veth peer name eth0 netns "${pid[$1]}"
	ip link set "v$1" master br0 up
	on "$1" ip link set lo up
	on "$1" ip link set eth0 address "$2" up
	on "$1" ip addr add "10.9.0.$3/24" dev eth0
}
on() {
	local name=$1
	shift
	nsenter -t "${pid[$name]}" -n "$@"
}

url() { echo "nfs://10.9.0.1/$1?nfsport=12049&mountport=12049"; }
get() { on "$1" curl -sf --max-time 20 "tftp://10.9.0.1:16069/$2"; }
mounts() { on "$1" timeout 20 nfs-ls "$(url "$2")" >/dev/null 2>&1; }

host one dc:a6:32:00:00:01 11
host two dc:a6:32:00:00:02 12
host three dc:a6:32:00:00:03 13
host four dc:a6:32:00:00:04 14
host laptop 3c:97:0e:00:00:05 15

configure() {
	cat >"$work/conf" <<-TEXT
		[server]
		dhcp = off
		tftp-port = 16069
		nfs-port = 12049
		mount-port = 0
		portmap-port = 0
		[image pi]
		file = $image
		[defaults]
		image = pi
		$*
		[pi 0000cccc]
		mac = dc:a6:32:00:00:02
		[pi dc:a6:32:00:00:04]
	TEXT
}
configure
serve_start --config "$work/conf" -v

# Nobody was seen with this serial.
! mounts one 0000aaaa || fail "a serial that nobody has said was mounted"
# The first machine that loads its files has it.
get one 0000aaaa/config.txt >/dev/null || fail "one gets no files"
mounts one 0000aaaa || fail "the machine that loaded its files may not mount"
! bramble status --json | jq -e '.refused[] | select(.serial == "0000aaaa")' >/dev/null ||
	fail "a Pi is refused and up"
! mounts two 0000aaaa || fail "another machine may mount"
bramble status --json | jq -e '.refused[] | select(.serial == "0000aaaa")' >/dev/null ||
	fail "status does not tell of the refusal"
! get two 0000aaaa/config.txt >/dev/null || fail "another machine gets its files"
mounts one 0000aaaa || fail "asking by another machine took it away"
bramble pi show 0000aaaa --json | jq -e '.refused == null' >/dev/null ||
	fail "a Pi that is up is refused what another machine wanted"
# The binding of the configuration is the only one.
! mounts one 0000cccc || fail "a listed Pi was mounted by another machine"
get two 0000cccc/config.txt >/dev/null && mounts two 0000cccc || fail "a listed Pi may not mount"
# Not from a port that every user may have.
! on one setpriv --reuid 1234 --regid 1234 --clear-groups \
	timeout 20 nfs-ls "$(url 0000aaaa)" >/dev/null 2>&1 || fail "an ordinary user's port may mount"
# Bindings survive a restart, and a crash.
serve_stop
serve_start --config "$work/conf" -v
mounts one 0000aaaa || fail "a restart forgot whose it is"
! mounts two 0000aaaa || fail "a restart let another machine in"
kill -KILL "$server"
wait "$server" || true
serve_start --config "$work/conf" -v
mounts one 0000aaaa || fail "a crash forgot whose it is"
! mounts two 0000aaaa || fail "a crash let another machine in"
[ "$(stat -c %a "$work/state/handle-key")" = 600 ] || fail "the key can be read by others"
[ "$(stat -c %a "$work/state/pis/0000aaaa")" = 600 ] || fail "a record can be read by others"
# Who only asked for files is forgotten after a day, and nobody else.
serve_stop
for seen in 00004444:$(($(date +%s) - 90000)): 00005555:$(($(date +%s) - 3600)): \
	00006666:$(($(date +%s) - 90000)):yes; do
	IFS=: read -r id when joined <<<"$seen"
	printf '[pi]\nid = %s\nloader = dc:a6:32:00:00:09\nlast-seen = %s\njoined = %s\n' \
		"$id" "$when" "${joined:-no}" >"$work/state/pis/$id"
done
serve_start --config "$work/conf" -v
bramble pi list --json | jq -r '.pis[].serial' >"$work/known"
! grep -q 00004444 "$work/known" || fail "who only asked for files is known for ever"
grep -q 00005555 "$work/known" && grep -q 00006666 "$work/known" || fail "a Pi is forgotten too soon"
serve_stop
[ ! -e "$work/state/pis/00004444" ] || fail "who only asked for files is on the disk for ever"
[ -e "$work/state/pis/00005555" ] && [ -e "$work/state/pis/00006666" ] || fail "a record is gone"
serve_start --config "$work/conf" -v
# A neighbour that withholds its MAC, from a new address each time, gets nothing by its address.
cat >"$work/hide.py" <<'PYTHON'
import random, socket, struct, subprocess, sys, time

HERE = "10.9.0.1"

def answer_arp(yes):
    for name in ("all", "eth0"):
        with open(f"/proc/sys/net/ipv4/conf/{name}/arp_ignore", "w") as file:
            file.write("0" if yes else "8")

def udp(address, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, port))
    s.settimeout(0.5)
    return s

def call(program, procedure, arguments):
    return struct.pack(">10I", random.getrandbits(31), 0, 2, program, 3, procedure, 0, 0, 0, 0) + arguments

def load(s):
    s.sendto(b"\0\1" + sys.argv[2].encode() + b"/config.txt\0octet\0", (HERE, 16069))

# The answer to @message, which is sent until there is one.
def ask(s, message, to):
    for _ in range(40):
        s.sendto(message, (HERE, to))
        try:
            return s.recvfrom(65536)[0]
        except socket.timeout:
            pass
    sys.exit("no answer")

path = b"/" + sys.argv[2].encode()
mount = call(100005, 1, struct.pack(">I", len(path)) + path + b"\0" * (-len(path) % 4))
answer_arp(False)
if sys.argv[1] == "hidden":
    nfs = udp("10.9.0.112", 700)
    load(udp("10.9.0.112", 0))
    nfs.sendto(mount, (HERE, 12049))
    time.sleep(0.3)
    answer_arp(True)
    status = struct.unpack(">I", ask(nfs, mount, 12049)[24:28])[0]
    sys.exit(0 if status == 13 else f"MNT of another Pi is answered by {status}")
# who is not hiding merely has to ask twice
answer_arp(True)
tftp = udp("10.9.0.111", 0)
for _ in range(40):
    load(tftp)
    try:
        tftp.recvfrom(65536)
        break
    except socket.timeout:
        pass
else:
    sys.exit("no file")
status = struct.unpack(">I", ask(udp("10.9.0.111", 700), mount, 12049)[24:28])[0]
sys.exit(0 if status == 0 else f"MNT is answered by {status}")
PYTHON
mac=$(ip -j link show br0 | jq -r '.[0].address')
for name in one two; do
	on "$name" ip neigh replace 10.9.0.1 lladdr "$mac" dev eth0 nud permanent
done
on one ip addr add 10.9.0.111/24 dev eth0
on two ip addr add 10.9.0.112/24 dev eth0
on two python3 "$work/hide.py" hidden 0000aaaa || fail "who withholds its MAC gets another Pi's tree"
ip neigh flush dev br0
on one python3 "$work/hide.py" shown 0000aaaa || fail "a neighbour that was not resolved yet gets nothing"
for name in one two; do on "$name" ip neigh del 10.9.0.1 dev eth0; done
# On the server's own host: its user may from any port, by TCP and UDP; others may not, neither after they hung up.
cat >"$work/local.py" <<'PYTHON'
import os, random, socket, struct, sys

transport, user, hangs_up = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "hangs-up"
os.setresgid(user, user, user)
os.setresuid(user, user, user)
path = b"/0000aaaa"
mount = struct.pack(">10I", random.getrandbits(31), 0, 2, 100005, 3, 1, 0, 0, 0, 0)
mount += struct.pack(">I", len(path)) + path + b"\0" * (-len(path) % 4)
tcp = transport == "tcp"
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
s.settimeout(20)
s.connect((sys.argv[4], 12049))
s.send((struct.pack(">I", 0x80000000 | len(mount)) if tcp else b"") + mount)
if hangs_up:
    sys.exit(0)
answer = s.recv(65536)[4 if tcp else 0:]
print(struct.unpack(">I", answer[24:28])[0])
PYTHON
for here in 127.0.0.1 10.9.0.1; do
	for transport in tcp udp; do
		[ "$(python3 "$work/local.py" $transport 0 waits $here)" = 0 ] || fail "root may not mount by $transport at $here"
		[ "$(python3 "$work/local.py" $transport 1234 waits $here)" = 13 ] ||
			fail "another user of the server's host mounts by $transport at $here"
	done
done
count=$(grep -c 'pi 0000aaaa: mounted' "$work/log")
for transport in tcp udp; do python3 "$work/local.py" $transport 1234 hangs-up 127.0.0.1; done
[ "$(python3 "$work/local.py" tcp 0 waits 127.0.0.1)" = 0 ] || fail "root may not mount"
[ "$(grep -c 'pi 0000aaaa: mounted' "$work/log")" = $((count + 1)) ] || fail "who has hung up mounts"
! setpriv --reuid 1234 --regid 1234 --clear-groups curl -sf --max-time 20 tftp://127.0.0.1:16069/0000aaaa/config.txt \
	>/dev/null || fail "another user of the server's host loads the files of a Pi"
curl -sf --max-time 20 tftp://127.0.0.1:16069/0000aaaa/config.txt >/dev/null || fail "root gets no files"

# Another board takes its place when it is told to be forgotten.
bramble pi forget 0000aaaa
get two 0000aaaa/config.txt >/dev/null && mounts two 0000aaaa || fail "it was not forgotten"
! mounts one 0000aaaa || fail "it was not forgotten by everybody"

# A look at a Pi's files from any machine does not lock the Pi out, also after a restart.
get laptop 00003333/config.txt >/dev/null || fail "a machine that has a look gets no files"
serve_stop
serve_start --config "$work/conf" -v
get one 00003333/config.txt >/dev/null || fail "who had a look has locked the Pi out"
! get laptop 00003333/config.txt >/dev/null || fail "who had a look may go on when the Pi is there"
serve_stop
serve_start --config "$work/conf" -v
! mounts laptop 00003333 || fail "who had a look may mount"
mounts one 00003333 || fail "the Pi may not mount what another machine has had a look at"
bramble pi remove 00003333

# A MAC that was given is the only one, whoever loads first.
bramble pi add 0000ffff mac=dc:a6:32:00:00:03
! get one 0000ffff/config.txt >/dev/null || fail "another machine loads the files of a given MAC"
! mounts one 0000ffff || fail "a Pi was taken from the machine that it was given to"
get three 0000ffff/config.txt >/dev/null && mounts three 0000ffff || fail "a given MAC may not mount"
get one 00001111/config.txt >/dev/null || fail "an unknown Pi gets no files"

# One machine that invents serials does not fill the disk: it has joined with 1022 of them so far.
get three 77770001/config.txt >/dev/null && mounts three 77770001 || fail "an unknown Pi may not join"
serve_stop
for ((i = 0x77780001; i < 0x77780001 + 1021; i++)); do
	printf -v serial %x $i
	sed "s/77770001/$serial/; /^uuid/d" "$work/state/pis/77770001" >"$work/state/pis/$serial"
done
chmod 600 "$work"/state/pis/*
serve_start --config "$work/conf" -v
for ((i = 2; i <= 6; i++)); do
	get three 7777000$i/config.txt >/dev/null || fail "an unknown Pi gets no files"
	mounts three 7777000$i || break
done
[ $i -ge 3 ] && [ $i -le 5 ] || fail "a machine joins with $((1020 + i)) serials"
last=7777000$i
serve_stop
serve_start --config "$work/conf" -v
! mounts three "$last" || fail "a machine joins under any number of serials after a restart"
bramble status --json | jq -e --arg last "$last" '.refused[] | select(.serial == $last and (.why | test("bramble pi add")))' \
	>/dev/null || fail "status does not tell what would let it"
[ ! -e "$work/state/overlays/$last" ] || fail "a refused serial has an overlay"
bramble pi add "$last"
mounts three "$last" || fail "one that was added may not mount"
mounts three 77770001 || fail "one that has joined may not mount any more"
get two 88880001/config.txt >/dev/null && mounts two 88880001 || fail "another machine may not join"

# Only those that are listed. A reload disconnects nobody.
configure 'join = listed'
kill -HUP "$server"
serve_waits_for 'reload' || fail "no reload"
sleep 0.5
! get one 0000dddd/config.txt >/dev/null || fail "an unlisted Pi gets files"
! mounts one 0000dddd || fail "an unlisted Pi may mount"
! get one 00001111/config.txt >/dev/null || fail "one that was seen before gets files unlisted"
mounts two 0000aaaa || fail "one that has joined before may not mount"
mounts two 0000cccc || fail "a listed one may not mount"
bramble status --json | jq -e '.refused[] | select(.serial == "0000dddd")' >/dev/null ||
	fail "status does not tell of the unlisted one"

# One that is listed by its MAC alone is called by that, though it asks by its serial.
get four 00002222/cmdline.txt >"$work/cmdline" || fail "one listed by its MAC gets no files"
grep -q ':/dc-a6-32-00-00-04,' "$work/cmdline" || fail "one listed by its MAC boots another tree"
mounts four dc-a6-32-00-00-04 || fail "one listed by its MAC may not mount"
! mounts one dc-a6-32-00-00-04 || fail "another machine mounts the tree of a listed MAC"

# Addresses that are allowed; the whole network; everybody.
configure 'allow = 10.9.0.11'
kill -HUP "$server"
sleep 1
mounts one 0000aaaa || fail "an allowed address may not mount"
configure 'access = subnet'
kill -HUP "$server"
sleep 1
mounts one 0000aaaa && mounts two 0000aaaa || fail "the network may not mount"
configure 'access = any'
kill -HUP "$server"
sleep 1
mounts one 0000eeee || fail "not everybody may mount"

serve_stop
