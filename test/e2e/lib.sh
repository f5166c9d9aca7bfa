# SPDX-License-Identifier: MIT
# Sourced by every end-to-end test: a network of its own, in which a router, the server and machines meet. All of
# it lies in namespaces of the test: networks, mounts and processes, so nothing outlives it, however it ends.
set -euo pipefail

if [ -z "${BRAMBLE_E2E_INSIDE:-}" ]; then
	[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 77; }
	unshare -m -n -p -f true 2>/dev/null || { echo "skipped: no namespaces here"; exit 77; }
	exec 8</proc/self/ns/net # where packages come from
	BRAMBLE_E2E_INSIDE=1 BRAMBLE_NAMESPACE=1 exec unshare -m --propagation private -n -p -f \
		--kill-child --mount-proc bash "$0" "$@"
fi

here=$BRAMBLE_SOURCE/test/e2e
# shellcheck source=test/integration/lib.sh
. "$BRAMBLE_SOURCE/test/integration/lib.sh"
PATH=$BRAMBLE_BUILD/test/support:$PATH:/usr/sbin:/sbin
trap 'exit 143' TERM INT HUP

server_ip=10.77.0.2
router_ip=10.77.0.1
state=$work/state
bridge=br0
image=''
server_pid=''

# Names of network namespaces lie in /run, and sockets of daemons do; and on some hosts the resolver's file.
resolver=$(cat /etc/resolv.conf 2>/dev/null || true)
mount -t tmpfs -o mode=755 run /run
if [ ! -e /etc/resolv.conf ] && [ -n "$resolver" ]; then
	mkdir -p "$(dirname "$(readlink -m /etc/resolv.conf)")"
	echo "$resolver" >"$(readlink -m /etc/resolv.conf)"
fi
mkdir -p /run/lock
ip link set lo up
ip link add $bridge type bridge stp_state 0 forward_delay 0
ip link set $bridge up

# What went on is of interest only if something failed.
show_logs() {
	local file
	for file in "$work"/*.log; do
		[ -s "$file" ] || continue
		echo "== the end of ${file##*/}:"
		tail -n "${BRAMBLE_E2E_LINES:-40}" "$file"
	done
}

finish() {
	local status=$?
	set +e
	[ $status = 0 ] || [ $status = 77 ] || show_logs >&2
	(exit $status)
	cleanup
}
trap finish EXIT

# host NAME ADDRESS [MAC]: a machine on the network, as a namespace with one interface, eth0
host() {
	ip netns add "$1"
	ip link add "v-$1" type veth peer name eth0 netns "$1" ${3:+address "$3"}
	ip link set "v-$1" master $bridge up
	in_host "$1" ip link set lo up
	in_host "$1" ip link set eth0 up
	[ "$2" = - ] || in_host "$1" ip addr add "$2/24" broadcast 10.77.0.255 dev eth0
}

# in_host NAME COMMAND...: not for the background, where $! would be a shell's and not the command's
in_host() {
	local name=$1
	shift
	ip netns exec "$name" "$@"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds
wait_for() {
	local until=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || fail "waited in vain: $what"
		sleep 0.1
	done
}

# router: a plain DHCP server, as in every home; it knows nothing of booting
router() {
	need dnsmasq
	[ -e /run/netns/router ] || host router $router_ip
	ip netns exec router dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface=eth0 \
		--bind-interfaces --dhcp-range=10.77.0.50,10.77.0.250,255.255.255.0,1h --no-ping \
		--dhcp-leasefile="$work/leases" --dhcp-option=3,$router_ip --dhcp-authoritative \
		--user=root >"$work/router.log" 2>&1 &
	wait_for 10 "the router" listens router udp 67
}

# listens HOST udp|tcp PORT
listens() { in_host "$1" ss -Hln --"$2" "sport = :$3" | grep -q .; }

# boot_image [OPTION...]: sets $image; made once for all tests of a build folder's parent, and again if
# what it is made of changes
boot_image() {
	local cache=${BRAMBLE_E2E_CACHE:-$(dirname "$BRAMBLE_BUILD")/e2e} key
	need mmdebstrap mke2fs mkfs.vfat mcopy sfdisk linux.uml dpkg-deb
	mkdir -p "$cache"
	key=$(echo "$*" | cat "$BRAMBLE_SOURCE"/test/images/make-boot-image "$here"/guest/* - |
		sha256sum | head -c 12)
	image=$cache/boot-$key.img
	# Tests may run at the same time, and one makes it for all. The lock is on a descriptor that stays open: what
	# ends the subshell takes its place, and what that closes is closed for good.
	(
		flock 20
		[ ! -e "$image" ] || exit 0
		echo "making $image"
		find "$cache" -name 'boot-*' -mmin +1440 -delete # of what it was made of yesterday
		# dash, which apt runs, knows descriptors of one digit alone: mmdebstrap must find some
		nsenter --net=/proc/self/fd/8 bash -c \
			'exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; exec bash "$@"' - \
			"$BRAMBLE_SOURCE/test/images/make-boot-image" --cache "$cache" "$@" "$image"
	) 20>"$cache/lock" >"$work/image.log" 2>&1 || fail "cannot make an image"
}

# boot_files DIR: the boot partition as mtools read it, without what a Pi must not get
boot_files() {
	mkdir -p "$1"
	MTOOLS_SKIP_CHECK=1 mcopy -s -n -i "$image@@8M" ::/ "$1"
	rm -f "$1"/pieeprom.* "$1"/recovery.bin
}

# capture FILE [SNAPLEN]: everything that crosses the network from now on
capture() {
	need dumpcap tshark
	dumpcap -q -i $bridge -w "$1" -s "${2:-0}" >"$work/capture.log" 2>&1 &
	capture_pid=$!
	wait_for 10 "the capture" test -s "$1"
}

# no_malformed FILE PROTOCOL...: the server sent all of these, and nothing that puzzles their dissectors
no_malformed() {
	local file=$1 protocol
	shift
	sleep 0.5
	kill -INT "$capture_pid"
	wait "$capture_pid" || true
	# a client's TCP port below 1024 may be that of another protocol: what is taken for that is not judged
	tshark -n -r "$file" -o tcp.try_heuristic_first:TRUE -Y "ip.src == $server_ip" \
		-T fields -e frame.protocols -e _ws.expert.group 2>"$work/tshark.log" |
		sort | uniq -c >"$work/protocols.log"
	# 117440512: PI_MALFORMED, as a number
	! awk '!/:tcp:/ || /:tcp:rpc/' "$work/protocols.log" |
		grep -E 'malformed|117440512' >&2 || fail "malformed packets"
	for protocol; do
		grep -qE ":$protocol(:|[[:space:]]|$)" "$work/protocols.log" || fail "no $protocol was captured"
	done
}

# serve [ARGUMENT...]: bramble serve on the machine "server", for $image unless a --config says what
serve() {
	local what=("$image")
	[[ " $* " != *" --config "* ]] || what=()
	[ -e /run/netns/server ] || host server $server_ip
	# shellcheck disable=SC2086 # several words, or none
	ip netns exec server ${BRAMBLE_E2E_WRAP:-} bramble serve -v --state "$state" --interface eth0 "$@" \
		"${what[@]}" >>"$work/serve.log" 2>&1 &
	server_pid=$!
	wait_for "${BRAMBLE_E2E_START:-30}" "the server" serving
}

serving() {
	kill -0 "$server_pid" || fail "the server ended"
	listens server udp 69 && listens server tcp 2049 && listens server tcp 111
}

# end_server [SIGNAL]: and waits for its end, which must be 0 unless it was killed
end_server() {
	local status=0
	kill -"${1:-TERM}" "$server_pid"
	wait "$server_pid" || status=$?
	server_pid=''
	[ "${1:-TERM}" = KILL ] || [ "$status" = 0 ] || fail "the server ended with $status"
}

# rom NAME ARGUMENT...: plays a boot ROM on the machine NAME
rom() {
	local name=$1
	shift
	in_host "$name" rom_client --interface eth0 --strict --rewritten --verbose "$@" \
		>"$work/rom-$name.out" 2>>"$work/rom-$name.log" || {
		grep WRONG "$work/rom-$name.log" | head -n 20 >&2 || true
		fail "rom_client $*"
	}
}

# count NAME FIELD: a number of the last report of rom
count() { sed -n "s/^$2 \([0-9.]*\)$/\1/p" "$work/rom-$1.out"; }

need_uml() {
	need linux.uml
	[ -c /dev/net/tun ] || { mkdir -p /dev/net && mknod /dev/net/tun c 10 200; } || skip "no tun"
}

# uml NAME MAC DIR [WORD...]: starts the kernel and the command line that the ROM loaded to DIR, in the
# background; the console goes to $work/NAME.log. Sets $uml_pid.
uml() {
	local name=$1 mac=$2 dir=$3 tap=t-$1 words
	shift 3
	words=$(cat "$dir/cmdline.txt")
	chmod 755 "$dir/kernel8.img"
	# always a new one: QEMU leaves offloads on that this kernel cannot do
	ip link del "$tap" 2>/dev/null || true
	ip tuntap add dev "$tap" mode tap
	ip link set "$tap" master $bridge up
	mkdir -p "$work/uml-$name"
	# The last console wins, and becomes /dev/console.
	# shellcheck disable=SC2086 # the words of a command line
	TMPDIR=$work/uml-$name HOME=$work "$dir/kernel8.img" mem=256M umid="$name" \
		uml_dir="$work/uml-$name" initrd="$dir/initramfs8" "eth0=tuntap,$tap,$mac" con=null con0=null ssl0=fd:0,fd:1 \
		$words systemd.log_color=0 systemd.show_status=1 "$@" console=ttyS0 \
		</dev/null >>"$work/$name.log" 2>&1 &
	uml_pid=$!
}

# uml_done NAME PID [SECONDS]: until it has powered off
uml_done() {
	local until=$((SECONDS + ${3:-400}))
	while kill -0 "$2" 2>/dev/null; do
		[ $SECONDS -lt $until ] || fail "$1 does not end"
		if grep -qs 'Kernel panic' "$work/$1.log"; then fail "$1 panics"; fi
		[ -z "$server_pid" ] || kill -0 "$server_pid" || fail "the server ended"
		sleep 0.2
	done
	wait "$2" || true
}

# heard NAME: what the guest said in its last run, sorted out
heard() { tr -d '\r' <"$work/$1.log" | sed -n '/LAB begin/h;/LAB begin/!{/LAB /H};${x;p}' | sed 's/.*LAB //'; }

# judge NAME EXPECTED...: the guest said "ok" of each of these, and of nothing "not-ok"
judge() {
	local name=$1 what
	shift
	heard "$name" >"$work/heard"
	if grep '^not-ok' "$work/heard" >&2; then fail "the guest complains"; fi
	grep -qx 'end' "$work/heard" || fail "the guest did not come to its end"
	for what; do
		grep -qx "ok $what" "$work/heard" || fail "the guest did not try: $what"
	done
}

# fact NAME: what the guest said of it
fact() { sed -n "s/^fact $1 //p" "$work/heard"; }
