#!/bin/bash
# SPDX-License-Identifier: MIT
# The tftp room by itself: packet by packet (see test/support/tftp_torture.py), by programs that others wrote,
# with hundreds of clients at once, and while it ends.
# A network of its own: what others send to ports that were theirs before must not come here.
if [ -z "${BRAMBLE_TFTP_INSIDE:-}" ] && [ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null; then
	BRAMBLE_TFTP_INSIDE=1 exec unshare -n bash "$0" "$@"
fi
[ -z "${BRAMBLE_TFTP_INSIDE:-}" ] || ip link set lo up
source "$(dirname "$0")/lib.sh"
need python3 mkfs.vfat mcopy
serve=$BRAMBLE_BUILD/test/support/tftp_serve
load=$BRAMBLE_BUILD/test/bench/tftp_load

head -c 100000 /dev/urandom >middle
head -c 35000000 /dev/urandom >large # more than 65536 blocks of 512 bytes
head -c 1024 /dev/urandom >two-blocks
: >empty
printf 'one\ntwo\r\nthree\rfour\n' >text
truncate -s 64M boot.img
mkfs.vfat -F 32 boot.img >/dev/null
mmd -i boot.img ::folder
mcopy -i boot.img middle large two-blocks empty text ::

start() { # ARGUMENT...
	: >served
	"$serve" -a 127.0.0.1 "$@" >served 2>served.log &
	server=$!
	at_end "kill $server"
	until grep -q '^port' served; do
		kill -0 $server || fail "no server: $(cat served.log)"
		sleep 0.05
	done
	port=$(sed -n 's/^port //p' served)
}

# ended: by itself, with every transfer accounted for and nothing to complain of
ended() {
	kill -TERM "$server"
	wait "$server" || fail "the server ended with $?: $(tail -n 5 served.log)"
	! grep -Ei 'sanitizer|runtime error' served.log || fail "see above"
}

start -v boot.img
python3 "$BRAMBLE_SOURCE/test/support/tftp_torture.py" "$port" "$server" middle middle || fail "see above"
grep -q '^middle complete 100000$' served || fail "no complete transfer was reported"
grep -q '^middle early 0$' served || fail "no early end was reported"
! grep -q ' error ' served || fail "a transfer failed: $(grep ' error ' served)"

ended
start -m 4 boot.img
python3 "$BRAMBLE_SOURCE/test/support/tftp_torture.py" "$port" "$server" middle middle \
	who_has_not_answered_makes_room_for_others || fail "see above"
ended
start -v boot.img

same() { cmp "$1" got || fail "$1 came as something else by $2"; }

for file in middle large two-blocks empty text; do
	rm -f got
	if type -P tftp >/dev/null; then
		timeout 60 tftp -m binary 127.0.0.1 "$port" -c get $file got </dev/null || fail "tftp"
		same $file tftp
	fi
	if type -P busybox >/dev/null; then
		timeout 60 busybox tftp -b 1432 -g -r $file -l got 127.0.0.1 "$port" 2>/dev/null || fail "busybox"
		same $file busybox
	fi
	# some versions of curl fail at an empty file, whatever the server
	if type -P curl >/dev/null && [ $file != empty ]; then
		curl -sS --max-time 60 --tftp-blksize 8192 -o got "tftp://127.0.0.1:$port/$file" || fail "curl"
		same $file curl
	fi
	type -P atftp >/dev/null || continue
	for window in 1 2 16 64 100; do
		timeout 60 atftp --option "windowsize $window" --option 'blksize 1468' --get -r $file -l got \
			127.0.0.1 "$port" >/dev/null 2>&1 || fail "atftp with a window of $window"
		same $file "atftp with a window of $window"
	done
done
if type -P tftp >/dev/null; then
	for file in text middle; do
		timeout 60 tftp -m netascii 127.0.0.1 "$port" -c get $file got </dev/null || fail "tftp"
		# a client undoes it: every byte is as it was
		same $file "tftp as text"
	done
fi
ended

# Hundreds at once, each of whose files must have its size; and memory stays small.
start -c 1000 boot.img
"$load" -n 300 -w 1 -t 3 -s 100000 127.0.0.1 "$port" middle >rate || fail "300 clients"
"$load" -n 300 -w 16 -t 3 -s 100000 127.0.0.1 "$port" middle >rate || fail "300 clients with windows"
ended

# More than there may be: the others ask again, and all get there.
start -c 1000 -m 50 boot.img
"$load" -n 80 -w 4 -t 4 -s 100000 127.0.0.1 "$port" middle >rate || fail "80 clients for 50 places"
ended

# Files that are not in memory are read by workers: the kernel forgets the image while it is served.
start -c 1000 boot.img
for round in 1 2 3; do
	sync boot.img
	"$load" -n 20 -w 16 -t 2 -s 35000000 127.0.0.1 "$port" large >rate &
	clients=$!
	for _ in 1 2 3 4 5; do
		dd if=boot.img iflag=nocache count=0 status=none
		python3 "$BRAMBLE_SOURCE/test/support/tftp_fetch.py" "$port" large got || fail "a cold file"
		same large "a worker"
		python3 "$BRAMBLE_SOURCE/test/support/tftp_fetch.py" "$port" middle got netascii ||
			fail "a cold text"
		python3 -c 'import sys
text = open("middle", "rb").read()
sys.exit(open("got", "rb").read() != text.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n"))' ||
			fail "a cold text came as something else"
	done
	wait $clients || fail "clients of a cold file"
done
ended

# It ends while it serves, and while workers open and read files.
for worker in 1 2; do
	start -c 1000 -w $worker boot.img
	"$load" -n 50 -w 8 -t 1 127.0.0.1 "$port" large >rate &
	clients=$!
	sleep 0.5
	ended
	wait $clients || fail "the clients"
done
