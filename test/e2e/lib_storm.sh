# SPDX-License-Identifier: MIT
# Sourced on demand: many Pis that are switched on at once. Their DHCP and TFTP are played by one program, which owns
# their MACs and answers ARP; their NFS comes from the kernel of the same machine, by their addresses.

storm_first=10.77.16.1 # behind the addresses of other machines; the network is a /16
storm_nfs=10.77.16.0/20

# storm_hosts: the server, and the machine "pis" in place of them all
storm_hosts() {
	host server -
	host pis -
	in_host server ip addr add $server_ip/16 broadcast 10.77.255.255 dev eth0
	# The bridge and the veths lose frames if a hundred windows meet a short queue.
	in_host pis ip link set eth0 txqueuelen 10000
	in_host server ip link set eth0 txqueuelen 10000
	# The kernel takes what comes to any MAC of theirs, but of it only what is TCP; and it asks nobody for
	# the server's MAC, which would show its own in the name of a Pi.
	in_host pis ip link add link eth0 name nfs type macvlan mode passthru
	in_host pis ip link set nfs up
	in_host pis ip route add 10.77.0.0/16 dev nfs
	in_host pis ip route add local $storm_nfs dev lo table 100
	in_host pis ip rule add ipproto tcp lookup 100
	in_host pis ip neigh replace $server_ip dev nfs nud permanent \
		lladdr "$(in_host server cat /sys/class/net/eth0/address)"
}

# storm COUNT SECONDS [OPTION...]: each Pi loads its files, as they are in the image, and then mounts its tree, reads and writes.
# The Pis stay until storm_end. Reports are $work/rom-pis.out and $work/nfs-pis.out.
storm() {
	local count=$1 seconds=$2 until=$((SECONDS + $2))
	shift 2
	mkfifo "$work/booted" "$work/hold"
	ip netns exec pis nfs_storm "$count" $server_ip <"$work/booted" >"$work/nfs-pis.out" \
		2>"$work/nfs-pis.log" &
	storm_nfs_pid=$!
	ip netns exec pis rom_client --interface eth0 --strict --rewritten --model 4,5 --many "$count" \
		--timeout "$seconds"000 --serial 20000000 --address $storm_first --expect "$work/expect" \
		--tell "$work/booted" --hold "$@" <"$work/hold" >"$work/rom-pis.out" 2>"$work/rom-pis.log" &
	storm_rom_pid=$!
	exec 7>"$work/hold"
	until grep -q '^boot' "$work/rom-pis.out" && grep -q '^nfs' "$work/nfs-pis.out"; do
		[ $SECONDS -lt $until ] || fail "the storm takes too long"
		kill -0 "$server_pid" || fail "the server ended"
		kill -0 $storm_rom_pid && kill -0 $storm_nfs_pid || {
			head -n 20 "$work/rom-pis.log" "$work/nfs-pis.log" >&2
			fail "the Pis end"
		}
		sleep 0.2
	done
}

storm_end() {
	exec 7>&-
	wait $storm_rom_pid || fail "rom_client ended with $?"
	wait $storm_nfs_pid || fail "nfs_storm ended with $?"
}

# storm_judge COUNT: all of them did all, and nothing was asked for twice
storm_judge() {
	local what
	[ "$(count pis booted)" = "$1" ] || fail "$(count pis booted) of $1 booted"
	for what in complaints repeated_discovers repeated_requests repeated_acks late; do
		[ "$(count pis $what)" = 0 ] || fail "$what: $(count pis $what)"
	done
	grep -qx "mixed $1" "$work/nfs-pis.out" || fail "not all have read and written by NFS"
}
