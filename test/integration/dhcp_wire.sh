#!/bin/bash
# SPDX-License-Identifier: MIT
# The dhcp room by itself, on a network of two interfaces: packet by packet (see test/support/dhcp_torture.py), by
# clients that others wrote, and killed at any time.
if [ -z "${BRAMBLE_DHCP_INSIDE:-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 77; }
	unshare -m -n -p -f true 2>/dev/null || { echo "skipped: no namespaces here"; exit 77; }
	BRAMBLE_DHCP_INSIDE=1 BRAMBLE_NAMESPACE=1 exec unshare -m --propagation private -n -p -f --kill-child \
		--mount-proc bash "$0" "$@"
fi
source "$(dirname "$0")/lib.sh"
need python3 ip tshark dumpcap
serve=$BRAMBLE_BUILD/test/support/dhcp_serve
ulimit -n 1024

# The clients' side is a namespace with c0 and c1; the server's s0 and s1 are here.
mount -t tmpfs run /run
ip link set lo up
ip netns add clients
for i in 0 1; do
	ip link add s$i type veth peer name c$i netns clients address dc:a6:32:01:02:0$((i + 3))
	ip address add 10.$((9 - i)).0.1/24 dev s$i
	ip link set s$i up
	ip netns exec clients ip link set c$i up
done
ip netns exec clients ip link set lo up

clients() { ip netns exec clients "$@"; }
torture() {
	clients timeout 120 python3 "$BRAMBLE_SOURCE/test/support/dhcp_torture.py" "$@" || fail "$*: see above"
}

start() { # ARGUMENT...
	: >served
	"$serve" "$@" >served 2>served.log &
	server=$!
	until grep -q ready served; do
		kill -0 $server 2>/dev/null || fail "no server: $(cat served.log)"
		sleep 0.05
	done
}

ended() {
	kill -TERM "$server"
	wait "$server" || fail "the server ended with $?: $(tail -n 5 served.log)"
	! grep -Ei 'sanitizer|runtime error' served.log || fail "see above"
}

dumpcap -q -i s0 -w all.pcap >capture.log 2>&1 &
capture=$!
until [ -s all.pcap ]; do
	kill -0 $capture || fail "$(cat capture.log)"
	sleep 0.05
done

# A proxy: each interface shows its own address.
start
torture proxy c0 10.9.0.1
torture source c1 10.8.0.1
# another address is noticed
ip address del 10.9.0.1/24 dev s0
ip address add 10.9.0.7/24 dev s0
torture source c0 10.9.0.7
ip address del 10.9.0.7/24 dev s0
ip address add 10.9.0.1/24 dev s0
torture source c0 10.9.0.1
ended

# At one interface alone it is silent at the other.
start -i s0
torture source c0 10.9.0.1
clients timeout 20 python3 "$BRAMBLE_SOURCE/test/support/dhcp_torture.py" source c1 10.8.0.1 >/dev/null &&
	fail "an answer by an interface that is not served"
ended

clients ip address add 10.9.0.99/24 dev c0
start -m 52:54:00:00:00:77=boot.ipxe
torture listed c0 10.9.0.1
ended
clients ip address del 10.9.0.99/24 dev c0

start -d 1000
torture delayed c0 10.9.0.1
ended

start -k -m dc:a6:32:01:02:03
torture kicked c0 10.9.0.1
kill -USR1 "$server"
sleep 0.3
torture calm c0 10.9.0.1
ended

# A whole server, and its leases.
full=(-f "10.9.0.50,10.9.0.60" -r 10.9.0.254 -n 10.9.0.254 -D lab.example -L leases -R 02:00:00:00:00:01=10.9.0.55)
start "${full[@]}"
first=$(torture lease c0 10.9.0.1 02:00:00:00:00:0a)
# killed right behind its answer, which it had written down before
kill -KILL "$server"
wait "$server" || true
grep -q "^$first 02:00:00:00:00:0a " leases || fail "a lease was confirmed that is not on the disk: $(cat leases)"
[ "$(stat -c %a leases)" = 600 ] || fail "others may read who has which address"
start "${full[@]}"
[ "$(torture lease c0 10.9.0.1 02:00:00:00:00:0a)" = "$first" ] || fail "another address behind a crash"
[ "$(torture lease c0 10.9.0.1 02:00:00:00:00:01)" = 10.9.0.55 ] || fail "a reservation was not kept"
for i in 2 3 4 5 6 7 8 9 b; do
	got=$(torture lease c0 10.9.0.1 02:00:00:00:00:0$i)
	[ "$got" != 10.9.0.55 ] && [ "$got" != "$first" ] || fail "$got was given to another"
done
torture exhausted c0 10.9.0.1
[ "$(grep -c 'pool 10.9.0.50-10.9.0.60: no address is left for 02:00:00:00:00:0c' served.log)" = 1 ] ||
	fail "an exhausted pool was not reported once: $(cat served.log)"
! grep -q 'left for 02:00:00:00:00:0d' served.log || fail "an exhausted pool is reported again and again"
clients ip address add "$first/24" dev c0
torture inform c0 10.9.0.1 "$first"
clients ip address del "$first/24" dev c0
ended
[ "$(grep -c '^10\.9\.0\.' leases)" = 11 ] || fail "not all leases were kept: $(cat leases)"

# What the server, the router or nobody can have is given to nobody, though it lies in the pool.
start -f 10.9.0.0,10.9.0.3 -r 10.9.0.2
got=$(torture lease c0 10.9.0.1 02:00:00:00:00:0a)
[ "$got" = 10.9.0.3 ] || fail "$got was given away"
torture exhausted c0 10.9.0.1
ended

# What is wrong with its file is told, and is no reason not to serve.
printf '10.9.0.50 02:00:00:00:00:0a 99999999999\n10.9.0.999 x y\n\0\0\0\n%5000s\n10.1.1.1 02:00:00:00:00:0c 9' x >leases
start "${full[@]}"
grep -q '4 lines are no leases' served.log || fail "wrong lines were not reported: $(cat served.log)"
[ "$(torture lease c0 10.9.0.1 02:00:00:00:00:0a)" = 10.9.0.50 ] || fail "the good line was not taken"
ended
mkdir folder
start "${full[@]/leases/folder}"
torture lease c0 10.9.0.1 02:00:00:00:00:0a >/dev/null
grep -q 'folder: leases cannot be saved' served.log || fail "it was not told that leases cannot be saved"
ended

# Renewing reaches a client that listens at its address alone.
rm -f leases
start "${full[@]}"
address=$(torture lease c0 10.9.0.1 dc:a6:32:01:02:03)
clients ip address add "$address/24" dev c0
torture renewing c0 10.9.0.1 "$address"
clients ip address del "$address/24" dev c0
ended

# Clients that others wrote.
cat >script <<-'TEXT'
	#!/bin/sh
	echo "$1 $ip $router $domain $lease" >>$DHCP_LOG
	[ "$1" != bound ] || ip address add $ip/24 dev $interface
TEXT
chmod 755 script
start "${full[@]}" -l 600 -H kitchen
if type -P busybox >/dev/null; then
	: >udhcpc.said
	clients env DHCP_LOG="$work/udhcpc.said" busybox udhcpc -f -i c0 -s "$work/script" >udhcpc.log 2>&1 &
	client=$!
	said_soon() {
		for _ in $(seq 200); do
			! grep -qE "$1" udhcpc.said || return 0
			sleep 0.05
		done
		fail "udhcpc did not say: $1: $(cat udhcpc.said udhcpc.log)"
	}
	said_soon "^bound $address 10.9.0.254 lab.example 600"
	pkill -USR1 -x -f "busybox udhcpc.*"
	said_soon "^renew $address 10.9.0.254 lab.example 600"
	pkill -USR2 -x -f "busybox udhcpc.*"
	said_soon '^deconfig'
	for _ in $(seq 100); do
		! grep -q "^$address dc:a6:32:01:02:03 0" leases || break
		sleep 0.05
	done
	grep -q "^$address dc:a6:32:01:02:03 0" leases || fail "a released lease is not free: $(cat leases)"
	pkill -TERM -x -f "busybox udhcpc.*"
	wait $client || true
	clients ip address flush dev c0
fi
if type -P dhclient >/dev/null; then
	clients timeout 60 dhclient -4 -1 -v -sf /bin/true -cf /dev/null -lf "$work/dhclient.leases" -pf "$work/dhclient.pid" c0 \
		>dhclient.log 2>&1 || fail "dhclient: $(cat dhclient.log)"
	grep -q "fixed-address $address" dhclient.leases || fail "dhclient: $(cat dhclient.leases)"
	grep -q 'host-name "kitchen"' dhclient.leases || fail "dhclient was not told its name"
	clients timeout 60 dhclient -4 -r -v -sf /bin/true -cf /dev/null -lf "$work/dhclient.leases" -pf "$work/dhclient.pid" c0 \
		>dhclient.log 2>&1 || fail "dhclient -r: $(cat dhclient.log)"
fi
ended

rm leases
start -f 10.9.0.20,10.9.0.250 -L leases
ended
ip address add 10.9.0.1/16 dev s0
ip address del 10.9.0.1/24 dev s0
start -f 10.9.16.0,10.9.31.255 -L leases
torture storm c0 10.9.0.1
ended
[ "$(grep -c '^10\.9\.' leases)" = 1000 ] || fail "not all leases were kept"

sleep 0.5
kill -INT $capture
wait $capture || true
bad=$(tshark -n -r all.pcap -Y '(udp.srcport == 67 || udp.srcport == 4011) && (_ws.malformed || _ws.expert.group == "Malformed")' 2>/dev/null | head -n 5)
[ -z "$bad" ] || fail "malformed packets: $bad"
[ "$(tshark -n -r all.pcap -Y 'dhcp && udp.srcport == 67' 2>/dev/null | wc -l)" -gt 1000 ] || fail "no packets were seen"
