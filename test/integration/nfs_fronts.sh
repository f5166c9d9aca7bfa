# SPDX-License-Identifier: MIT
# Two servers of one tree: what was changed by one is there for the other at once, under loads of both.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_pi.sh"
source "$(dirname "$0")/lib_nfs.sh"
need nfs-cp nfs-cat nfs-ls
make_pi_image img
mkdir state

nfs_port=0
nfs_start -2 -s state -o fronts img
[ "$nfs_second" != 0 ] || fail "there is no second server"
url() { echo "nfs://127.0.0.1/export$2?nfsport=$1&mountport=$1&version=3"; }

"$support/nfs_random" "$nfs_port" 1 600 one >one.log 2>&1 &
one=$!
"$support/nfs_random" "$nfs_second" 2 600 two >two.log 2>&1 &
two=$!
nfs_rules
for i in 1 2 3 4 5 6 7 8; do
	head -c $((i * 30000)) /dev/urandom >wanted
	nfs-cp wanted "$(url "$nfs_port" "/from-$i")" >/dev/null
	nfs-cat "$(url "$nfs_second" "/from-$i")" | cmp - wanted || fail "the second has other bytes"
	nfs-ls "$(url "$nfs_second" "")" | grep -q "from-$i" || fail "the second has not got the name"
done
wait $one || { cat one.log; fail "the first load"; }
wait $two || { cat two.log; fail "the second load"; }
nfs_stop
expect 0 bramble overlay check --state state fronts
