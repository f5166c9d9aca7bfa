#!/bin/bash
# SPDX-License-Identifier: MIT
# Without a router the server itself gives the addresses: to isc-dhcp-client and busybox's udhcpc, and to boot ROMs,
# which then load their files; leases outlive the server, and a reservation is kept.
. "$BRAMBLE_SOURCE/test/e2e/lib.sh"
. "$here/lib_config.sh"
need ip dhclient busybox rom_client

boot_image
boot_files "$work/expect"
cat >"$work/bramble.conf" <<-TEXT
	[server]
	interface = eth0
	dhcp = full
	pool = 10.77.0.100 - 10.77.0.120
	router = 10.77.0.1
	dns = 10.77.0.1, 9.9.9.9
	domain = lab.example
	ntp = 10.77.0.1
	lease = 600
	[image raspios]
	file = $image
	[defaults]
	image = raspios
	[pi 40000009]
	mac = dc:a6:32:00:00:09
	address = 10.77.0.77
TEXT
capture "$work/all.pcap"
serve --config "$work/bramble.conf"

# What a client was told, one option a line.
cat >"$work/script" <<-'TEXT'
	#!/bin/sh
	env | sort >"$LAB_FILE.$reason$1"
TEXT
chmod 755 "$work/script"

dhclient_at() { # HOST
	in_host "$1" env LAB_FILE="$work/$1" timeout 60 dhclient -4 -1 -d -v -sf "$work/script" -e LAB_FILE="$work/$1" \
		-lf "$work/$1.leases" -pf "$work/$1.pid" -cf /dev/null eth0 >"$work/$1.log" 2>&1 &
	wait_for 30 "dhclient on $1" grep -q 'bound to' "$work/$1.log"
	kill "$(cat "$work/$1.pid")"
	wait $! || true
}

host laptop -
dhclient_at laptop
lease=$work/laptop.BOUND
for line in 'new_subnet_mask=255.255.255.0' 'new_routers=10.77.0.1' 'new_domain_name=lab.example' \
	'new_domain_name_servers=10.77.0.1 9.9.9.9' 'new_dhcp_lease_time=600' \
	"new_dhcp_server_identifier=$server_ip"; do
	grep -qxF "$line" "$lease" || {
		cat "$lease" >&2
		fail "dhclient was not told $line"
	}
done
address=$(sed -n 's/^new_ip_address=//p' "$lease")
[[ $address =~ ^10\.77\.0\.1[0-2][0-9]$ ]] || fail "the address is $address"
dhclient_at laptop
[ "$(sed -n 's/.*bound to \([0-9.]*\).*/\1/p' "$work/laptop.log")" = "$address" ] || fail "another address"

host busy -
in_host busy env LAB_FILE="$work/busy" timeout 60 busybox udhcpc -f -n -q -t 5 -T 2 -i eth0 -s "$work/script" \
	>"$work/busy.log" 2>&1 || fail "udhcpc"
grep -qxF 'router=10.77.0.1' "$work/busy.bound" 2>/dev/null ||
	grep -qxF 'router=10.77.0.1' "$work"/busy.*bound || fail "udhcpc was not told the router"
[ "$(sed -n 's/^ip=//p' "$work"/busy.*bound)" != "$address" ] || fail "two have one address"

# ROMs: one OFFER has it all
number=0
for model in 3b 3b-plus 4 5; do
	number=$((number + 1))
	host "pi$number" -
	rom "pi$number" --model $model --serial 4000000$number --expect "$work/expect" --full
done
host listed -
rom listed --model 4 --serial 40000009 --mac dc:a6:32:00:00:09 --expect "$work/expect" --full --only config.txt
grep -q 'address 10.77.0.77' "$work/rom-listed.log" || fail "the reservation was not kept"

end_server
serve --config "$work/bramble.conf"
dhclient_at laptop
[ "$(sed -n 's/.*bound to \([0-9.]*\).*/\1/p' "$work/laptop.log")" = "$address" ] ||
	fail "another address behind a restart"
host other -
rom other --model 5 --serial 40000020 --full --dhcp-only
grep -q "address $address" "$work/rom-other.log" && fail "a lease was given twice"
end_server
no_malformed "$work/all.pcap" dhcp tftp
