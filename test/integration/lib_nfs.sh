# SPDX-License-Identifier: MIT
# Sourced after lib.sh by tests of the nfs room: its server by itself, for one image.

support=$BRAMBLE_BUILD/test/support
[ -x "$support/nfs_serve" ] || skip "the nfs room is not built"
# built where libnfs-dev is installed
[ -x "$support/nfs_rules" ] || skip "libnfs-dev is not installed"

# nfs_start [ARGUMENT...] IMAGE: $nfs_server serves it at $nfs_port, any if that is 0; $nfs_second: -2
nfs_start() {
	local i
	: >"$work/nfs.log"
	"$support/nfs_serve" -p "${nfs_port:-0}" "$@" >"$work/nfs.log" 2>&1 &
	nfs_server=$!
	at_end "kill -9 $nfs_server"
	for ((i = 0; i < 1200; i++)); do
		! grep -q '^ready' "$work/nfs.log" || break
		kill -0 "$nfs_server" 2>/dev/null || break
		sleep 0.05
	done
	read -r _ nfs_port _ nfs_second < <(grep '^ready' "$work/nfs.log") || {
		cat "$work/nfs.log" >&2
		fail "nfs_serve does not serve"
	}
}

# nfs_stop: as it should end, with everything given back
nfs_stop() {
	kill "$nfs_server"
	wait "$nfs_server" || { cat "$work/nfs.log" >&2; fail "nfs_serve ended with $?"; }
}

nfs_kill() {
	kill -9 "$nfs_server"
	wait "$nfs_server" 2>/dev/null || true
}

# nfs_rules [RULE...]: none is broken
nfs_rules() {
	"$support/nfs_rules" "$nfs_port" "$@" >"$work/rules.log" || {
		cat "$work/rules.log" "$work/nfs.log" >&2
		fail "a rule is broken"
	}
	tail -n 1 "$work/rules.log"
}
