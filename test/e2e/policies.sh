#!/bin/bash
# SPDX-License-Identifier: MIT
# What the configuration says of Pis holds: one that is kept until its reboot has its changes over a kill of the server,
# and is as new when it has loaded its kernel again; one that is not listed is refused, and `bramble status`
# says so; an address that is allowed may see a tree that others may not.
. "$BRAMBLE_SOURCE/test/e2e/lib.sh"
. "$here/lib_config.sh"
need ip rom_client nfs-ls nfs-cat nfs-cp

boot_image
boot_files "$work/expect"
router
host client 10.77.0.9
host stranger 10.77.0.20
host pi -

# may HOST SERIAL
may() { in_host "$1" timeout 30 nfs-ls "nfs://$server_ip/$2/etc?version=3" >"$work/ls.out" 2>"$work/ls.log"; }

note() { in_host client timeout 30 nfs-cat "nfs://$server_ip/80000001/srv/note?version=3" 2>/dev/null; }

config 'access = any' 'keep = until-reboot'
serve --config "$work/bramble.conf"
rom pi --model 4 --serial 80000001 --expect "$work/expect"
may client 80000001 || fail "the first mount"
echo 'until the next boot' >"$work/note"
in_host client timeout 30 nfs-cp "$work/note" "nfs://$server_ip/80000001/srv/note?version=3" >/dev/null
[ "$(note)" = 'until the next boot' ] || fail "the note is not there"
end_server KILL
serve --config "$work/bramble.conf"
[ "$(note)" = 'until the next boot' ] || fail "the note is not there behind a kill of the server"
rom pi --model 4 --serial 80000001 --expect "$work/expect" --only config.txt
[ "$(note)" = 'until the next boot' ] || fail "the note is gone though no kernel was loaded"
rom pi --model 4 --serial 80000001 --expect "$work/expect"
if note; then fail "the note is there though the Pi has booted"; fi
end_server

config 'join = listed' 'allow = 10.77.0.9' '[pi 80000002]' 'name = kitchen'
serve --config "$work/bramble.conf"
may client 80000002 || fail "an address that is allowed is refused"
if may stranger 80000002; then fail "a stranger is let in"; fi
if may client 80000003; then fail "a Pi that is not listed joins"; fi
bramble status --state "$state" >"$work/status" || fail "status"
for word in kitchen 80000003; do
	grep -q "$word" "$work/status" || {
		cat "$work/status" >&2
		fail "bramble status does not tell of $word"
	}
done
bramble pi list --state "$state" >"$work/pis" || fail "pi list"
grep -q 80000002 "$work/pis" || fail "bramble pi list does not show 80000002"
end_server
