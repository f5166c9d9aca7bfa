#!/bin/bash
# SPDX-License-Identifier: MIT
# The server is ended and killed while a machine boots from it and while that writes: the machine waits, and goes on.
# Nothing that was acknowledged is lost, no handle is stale.
. "$BRAMBLE_SOURCE/test/e2e/lib.sh"
need ip rom_client
need_uml

serial=036cb716
mac=b8:27:eb:6c:b7:16
records=400
boot_image
boot_files "$work/expect"
router
serve
host pi -
mkdir "$work/got"
rom pi --model 3b --serial $serial --mac $mac --expect "$work/expect" --save "$work/got"

# again SIGNAL: ends the server, and starts it after a moment
again() {
	echo "== $1 after $SECONDS s, $(tail -n 1 "$work/pi.log" | tr -d '\r')"
	end_server "$1"
	sleep "${2:-2}"
	serve
}

# at TEXT: when this is on the console
at() { wait_for 180 "the guest to say: $1" grep -q "$1" "$work/pi.log"; }

uml pi $mac "$work/got" lab.selftest=records lab.records=$records
pid=$uml_pid
at 'Welcome to'
again TERM
at 'Reached target .*swap'
again KILL
at 'Reached target .*sysinit'
again TERM
at 'LAB record 20'
again KILL
at 'LAB record 100'
again TERM
for record in 150 200 250 300; do
	at "LAB record $record"
	again KILL 0.3
done
uml_done pi "$pid" 300
judge pi all-records-are-there no-stale-handles root-is-nfs
end_server
bramble overlay check --state "$state" $serial || fail "the overlay is damaged"
if [ -r /dev/fuse ] && [ -w /dev/fuse ]; then
	mkdir "$work/mnt"
	bramble mount --state "$state" --overlay $serial "$image" "$work/mnt"
	[ "$(wc -l <"$work/mnt/var/lib/lab/records")" = $records ] || fail "records are lost"
	[ "$(find "$work/mnt/var/lib/lab" -name 'done-*' | wc -l)" = $records ] || fail "files are lost"
	bramble umount "$work/mnt"
fi
