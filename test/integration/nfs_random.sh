# SPDX-License-Identifier: MIT
# The server is killed again and again, and ended in between, while a client changes files and names: every
# call happens exactly once, nothing that was committed is lost.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_pi.sh"
source "$(dirname "$0")/lib_nfs.sh"
make_pi_image img
mkdir state

nfs_port=0
nfs_start -s state -o random img
for seed in 1 2; do
	"$support/nfs_random" "$nfs_port" $seed 1500 "random-$seed" >random.log 2>&1 &
	client=$!
	for ((i = 1; i <= 12; i++)); do
		sleep 0.$((i % 4 + 1))
		kill -0 $client 2>/dev/null || break
		if [ $((i % 3)) = 0 ]; then nfs_stop; else nfs_kill; fi
		nfs_start -s state -o random img
	done
	wait $client || { cat random.log nfs.log >&2; fail "seed $seed"; }
	cat random.log
done
nfs_stop
