# SPDX-License-Identifier: MIT
# The loop with real sockets, threads and signals: see test/support/loop_probe.c for what is checked.
source "$(dirname "$0")/lib.sh"
probe=$BRAMBLE_BUILD/test/support/loop_probe

for check in $("$probe" list); do
	timeout 60 "$probe" "$check" || fail "$check"
done
