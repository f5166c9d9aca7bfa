# SPDX-License-Identifier: MIT
# ONC RPC over TCP and UDP as clients see it: rpcinfo, and a client that does what peers do at their
# worst. See test/support/rpc_torture.py for what is checked.
source "$(dirname "$0")/lib.sh"
need python3 rpcinfo
demo=$BRAMBLE_BUILD/test/support/rpc_demo
program=536870913

head -c 300001 /dev/urandom >file
touch ready

# serve ARGUMENT...: a server with its port in $port and its process in $server
serve() {
	for port in $(seq 20480 20580); do
		"$demo" "$port" "$@" >ready 2>server.log &
		server=$!
		at_end "kill $server"
		until grep -q ready ready; do
			kill -0 $server 2>/dev/null || continue 2
			sleep 0.05
		done
		return
	done
	fail "no server: $(cat server.log)"
}

torture() { RPC_SERVER=$server python3 "$BRAMBLE_SOURCE/test/support/rpc_torture.py" "$port" file "$@"; }

# ended: the server ends by itself when it is told to
ended() {
	kill -TERM "$server"
	wait "$server" || fail "the server ended with $?: $(tail -n 5 server.log)"
	! grep -Ei 'sanitizer|runtime error' server.log || fail "see above"
}

serve file
address=127.0.0.1.$((port / 256)).$((port % 256))
for net in tcp udp; do
	rpcinfo -a "$address" -T $net $program 3 >out || fail "rpcinfo by $net: $(cat out)"
	grep -q "version 3 ready" out || fail "by $net: $(cat out)"
	# without a version it asks for one that cannot be, and learns which there are
	rpcinfo -a "$address" -T $net $program >out || fail "rpcinfo by $net: $(cat out)"
	grep -q "version 2 ready" out && grep -q "version 3 ready" out || fail "$net: $(cat out)"
	! rpcinfo -a "$address" -T $net $program 9 >out 2>&1 || fail "version 9 is there"
	grep -q "low version = 2, high version = 3" out || fail "$net: $(cat out)"
	! rpcinfo -a "$address" -T $net 536870914 2 >out 2>&1 || fail "program 536870914 is there"
	grep -q "Program unavailable" out || fail "$net: $(cat out)"
done
torture
ended

serve file 100000 4 10 100000000
torture limits_hold oldest_idle_connection_makes_room
ended

serve file 8000000 128 100 8000000
torture half_calls_end_where_memory_is_short calls_wait_where_memory_is_short \
	those_who_do_not_read_fill_no_memory
ended

serve file
torture calls_under_way_are_answered_at_the_end >out &
client=$!
until grep -q "under way" out; do sleep 0.05; done
ended
wait $client || fail "a call that was under way was lost"
