# SPDX-License-Identifier: MIT
# The interface that the root comes over keeps its address while systemd-networkd, NetworkManager and
# dhcpcd run with what provisioning has written: when the cable is pulled, and when they end. A router
# (dnsmasq) gives the address that the Pi has already, as it does after a network boot.
if [ -z "${BRAMBLE_NETWORK:-}" ] && unshare -n true 2>/dev/null; then
	BRAMBLE_NETWORK=1 exec unshare -n bash "$0" "$@"
fi
. "${BRAMBLE_SOURCE:-$(dirname "$0")/../..}/test/integration/lib.sh"

need mke2fs debugfs sfdisk mkfs.vfat mcopy dnsmasq ip nsenter awk dbus-daemon
need_root
need_fuse
[ -n "${BRAMBLE_NAMESPACE:-}" ] || skip "no mount namespace of its own"
[ -n "${BRAMBLE_NETWORK:-}" ] || skip "no network namespaces"
PATH=$PATH:$BRAMBLE_BUILD/test/support
export LC_ALL=C.UTF-8

# What the steps write, for an image with all of these programs.
bash "$BRAMBLE_SOURCE/test/images/make-pi-image" pi.img
mkdir mnt pi
at_end "bramble umount '$work/mnt'"
expect 0 bramble mount --state state --overlay a pi.img mnt
mkdir -p mnt/etc/NetworkManager/conf.d mnt/usr/lib/systemd
: >mnt/usr/lib/systemd/systemd-networkd
printf 'hostname\nclientid\npersistent\noption domain_name_servers\n' >mnt/etc/dhcpcd.conf
expect 0 bramble umount mnt
expect 0 provision_overlay state pi.img a 036cb716
expect 0 bramble mount --state state --overlay a pi.img mnt
cp -a mnt/etc/systemd/network mnt/etc/NetworkManager mnt/etc/dhcpcd.conf \
	mnt/usr/local/sbin/bramble-name-servers pi
expect 0 bramble umount mnt

# A machine of its own as far as these programs look: /etc, /run, /var/lib, /sys
cp -a /etc etc
mount --bind etc /etc
rm -rf /etc/NetworkManager/conf.d /etc/NetworkManager/system-connections /etc/systemd/network
cp -a pi/NetworkManager/conf.d /etc/NetworkManager/ 2>/dev/null || true
cp -a pi/network /etc/systemd/
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/lock /run/NetworkManager /run/systemd/netif/{links,leases,lldp}
mount -t tmpfs tmpfs /var/lib
mkdir -p /var/lib/NetworkManager /var/lib/dhcpcd /var/lib/dbus
# read-only, so that nobody waits for a udev that does not run
mount -t sysfs -o ro sysfs /sys

at_end 'kill $(jobs -p)'

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
	local left=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $((left--)) -gt 0 ] || return 1
		sleep 0.1
	done
}

has_address() { ip -4 -o addr show dev eth0 | grep -q '10[.]9[.]8[.]50/24'; }

# boot: the network as the kernel leaves it, and a router behind it
boot() {
	unshare -n sleep 300 &
	router=$!
	wait_for 5 eval '[ "$(readlink /proc/$router/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
	ip link set lo up
	ip link add eth0 type veth peer name r0 netns $router
	ip link set eth0 up
	in_router ip link set r0 up
	in_router ip addr add 10.9.8.1/24 dev r0
	ip addr add 10.9.8.50/24 dev eth0
	ip route add default via 10.9.8.1
	rm -f /run/leases /run/dnsmasq.log
	# not by a function, whose shell would be what is killed
	nsenter -t $router -n dnsmasq -k --conf-file=/dev/null --user=root --port=0 --interface=r0 --bind-interfaces \
		--dhcp-range=10.9.8.50,10.9.8.50,2m --no-ping --dhcp-option=6,10.9.8.1 --log-dhcp \
		--dhcp-leasefile=/run/leases --log-facility=/run/dnsmasq.log &
	dnsmasq=$!
	printf "IPV4ADDR='10.9.8.50'\nIPV4DNS0='10.9.8.1'\nIPV4DNS1='0.0.0.0'\nDNSDOMAIN='home.arpa'\n" \
		>/run/net-eth0.conf
	ip -o monitor address dev eth0 >monitor &
	monitor=$!
}

in_router() { nsenter -t "$router" -n "$@"; }

shut_down() {
	kill $monitor $dnsmasq $router
	wait $monitor $dnsmasq $router 2>/dev/null || true
	! ip link show eth0 >/dev/null 2>&1 || ip link del eth0 2>/dev/null || true
	wait_for 5 eval '! ip link show eth0'
}

pull_cable() {
	in_router ip link set r0 down
	wait_for 5 eval 'ip link show eth0 | grep -q NO-CARRIER' || fail "the cable is still in"
	sleep 2
	has_address || fail "$who: a pulled cable takes the address away"
	in_router ip link set r0 up
	wait_for 5 eval 'ip link show eth0 | grep -q LOWER_UP' || fail "the cable is still out"
	sleep 2
	has_address || fail "$who: the address is gone when the cable is back"
}

# end PROCESS: as at shutdown
end() {
	kill "$1"
	wait "$1" 2>/dev/null || true
	has_address || fail "$who: its end takes the address away"
}

never_lost() {
	! grep -q '^Deleted.* 10[.]9[.]8[.]50/' monitor || fail "$who: took the address away: $(cat monitor)"
}

tried=0
dbus-daemon --system --nofork --nopidfile &
wait_for 5 [ -S /run/dbus/system_bus_socket ] || skip "no D-Bus"

who=systemd-networkd
networkd=/lib/systemd/systemd-networkd
if [ -x $networkd ]; then
	boot
	chown -R systemd-network /run/systemd/netif 2>/dev/null || true
	# what the image has for the same interface comes second
	printf '[Match]\nName=eth0\n[Network]\nDHCP=yes\n' >/etc/systemd/network/10-image.network
	SYSTEMD_PROC_CMDLINE='root=/dev/nfs rw ip=dhcp' $networkd >networkd.log 2>&1 &
	process=$!
	wait_for 30 grep -q 'DHCPv4 address 10.9.8.50' networkd.log ||
		fail "networkd renews no lease: $(cat networkd.log)"
	pull_cable
	end $process
	never_lost
	shut_down
	tried=$((tried + 1))
fi

who=NetworkManager
if type -P NetworkManager nmcli >/dev/null; then
	boot
	rm -f /etc/resolv.conf
	echo 'nameserver 8.8.8.8' >/etc/resolv.conf # as the image has it
	sh pi/bramble-name-servers
	[ "$(cat /etc/resolv.conf)" = "# Written by bramble-name-servers
search home.arpa
nameserver 10.9.8.1" ] || fail "name servers: $(cat /etc/resolv.conf)"
	grep -qE '^DNS= ?10[.]9[.]8[.]1$' /run/systemd/resolved.conf.d/bramble.conf
	NetworkManager --debug --log-level=INFO >nm.log 2>&1 &
	process=$!
	wait_for 30 eval 'nmcli -t -f DEVICE,STATE device | grep -qx eth0:unmanaged' ||
		fail "NetworkManager: $(nmcli -t -f DEVICE,STATE device 2>&1)"
	wait_for 30 eval 'nmcli -t -f STARTUP general | grep -qx started' || fail "NetworkManager waits"
	pull_cable
	end $process
	never_lost
	grep -q '10[.]9[.]8[.]1' /etc/resolv.conf || fail "NetworkManager: name servers are gone"
	# a link is another program's
	ln -sf /run/elsewhere /etc/resolv.conf
	sh pi/bramble-name-servers
	[ -L /etc/resolv.conf ] && [ ! -e /run/elsewhere ] || fail "name servers: not where they belong"
	rm /etc/resolv.conf
	shut_down
	tried=$((tried + 1))
fi

who=dhcpcd
if type -P dhcpcd >/dev/null; then
	boot
	: >/etc/resolv.conf
	dhcpcd -B --nodev -f "$work/pi/dhcpcd.conf" eth0 >dhcpcd.log 2>&1 &
	process=$!
	wait_for 30 grep -q 'leased 10.9.8.50' dhcpcd.log || fail "dhcpcd: $(cat dhcpcd.log)"
	wait_for 10 grep -q '10[.]9[.]8[.]1' /etc/resolv.conf || fail "dhcpcd: no name servers"
	pull_cable
	ip -4 addr show dev eth0 | grep -q 'valid_lft forever' || fail "dhcpcd: the address ends"
	end $process
	shut_down
	tried=$((tried + 1))
fi
[ $tried -gt 0 ] || skip "none of these programs is installed"
