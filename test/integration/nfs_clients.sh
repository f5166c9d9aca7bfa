# SPDX-License-Identifier: MIT
# Programs that others wrote: rpcinfo, showmount, libnfs' utilities; and a port mapper that runs already.
source "$(dirname "$0")/lib.sh"
if [ -z "${BRAMBLE_NETWORK:-}" ]; then
	[ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null || skip "no network of its own"
	cd "$OLDPWD" && rm -rf "$work"
	BRAMBLE_NETWORK=1 exec unshare -n bash "$0" "$@"
fi
source "$(dirname "$0")/lib_pi.sh"
source "$(dirname "$0")/lib_nfs.sh"
need rpcinfo showmount nfs-ls nfs-cat nfs-cp rpcbind ip
ip link set lo up
make_pi_image img
mkdir state

nfs_port=2049
nfs_start -m 111 -s state -o clients img
expect 0 rpcinfo -p 127.0.0.1
for wanted in '100003 +3 +tcp +2049' '100003 +3 +udp +2049' '100005 +3 +tcp +2049' \
	'100000 +2 +tcp +111' '100000 +2 +udp +111'; do
	grep -qE "$wanted" out || fail "rpcinfo does not say $wanted"
done
expect 0 rpcinfo -t 127.0.0.1 100003
expect 0 rpcinfo -u 127.0.0.1 100003 3
expect 0 rpcinfo -t 127.0.0.1 100005 3
expect 1 rpcinfo -t 127.0.0.1 100003 4
said err 'low version = 3, high version = 3'
expect 1 rpcinfo -t 127.0.0.1 100227 3
expect 1 rpcinfo -d 100003 3 # nobody may remove what is there
expect 0 showmount -e 127.0.0.1
said out '/export'
expect 0 nfs-ls -R nfs://127.0.0.1/export
said out 'boot/firmware/cmdline.txt'
expect 0 showmount --no-headers -a 127.0.0.1
said out '127.0.0.1:/export'
nfs-cat nfs://127.0.0.1/export/bin/large >got
bramble cat img /bin/large | cmp - got || fail "nfs-cat gives other bytes"
nfs-cp got nfs://127.0.0.1/export/home/copy
nfs-cat nfs://127.0.0.1/export/home/copy | cmp - got || fail "nfs-cp has copied other bytes"
nfs_stop
bramble cat --state state --overlay clients img /home/copy | cmp - got ||
	fail "the overlay has other bytes"

# rpcbind is there: it is told, and forgets us at the end
[ -n "${BRAMBLE_NAMESPACE:-}" ] || skip "no mounts of its own"
mount -t tmpfs none /run
rpcbind -f >rpcbind.log 2>&1 &
at_end "kill $!"
for ((i = 0; i < 100; i++)); do
	! rpcinfo -p 127.0.0.1 >/dev/null 2>&1 || break
	sleep 0.05
done
nfs_start -r img
for ((i = 0; i < 100; i++)); do
	rpcinfo -p 127.0.0.1 | grep -q 100005 && break
	sleep 0.05
done
expect 0 rpcinfo -p 127.0.0.1
grep -qE '100003 +3 +tcp +2049' out || fail "rpcbind was not told"
expect 0 nfs-ls nfs://127.0.0.1/export
nfs_stop
expect 0 rpcinfo -p 127.0.0.1
! grep -q 100003 out || fail "rpcbind was not told of the end"
