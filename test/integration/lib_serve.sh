# SPDX-License-Identifier: MIT
# Sourced after lib.sh by tests of bramble serve: a network of its own, a server, and its end.

# Ports are the test's own: a network namespace, where it may have one.
if [ -z "${BRAMBLE_NETWORK:-}" ] && [ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null; then
	cd "$OLDPWD" && rm -rf "$work"
	BRAMBLE_NETWORK=1 exec unshare -n bash "$0" "$@"
fi
[ -z "${BRAMBLE_NETWORK:-}" ] || ip link set lo up

export BRAMBLE_STATE=$work/state
unprivileged=(--dhcp off --tftp-port 16069 --nfs-port 12049 --mount-port 0 --portmap-port 0)

# serve_image: $image, a small one that looks like a Pi's
serve_image() {
	image=$work/pi.img
	[ -f "$image" ] || bash "$BRAMBLE_SOURCE/test/images/make-pi-image" "$image" >/dev/null 2>&1 ||
		skip "no image can be made here"
}

# serve_start [ARGUMENT...]: bramble serve in the background, $server, its log in $work/log; waits
# until it is ready
serve_start() {
	: >"$work/log"
	bramble serve "$@" 2>"$work/log" &
	server=$!
	at_end "kill -9 $server"
	serve_waits_for 'ready: ' || fail "the server did not become ready"
}

# serve_waits_for TEXT: until the log has it
serve_waits_for() {
	local i
	for ((i = 0; i < 600; i++)); do
		! grep -qF -- "$1" "$work/log" || return 0
		kill -0 "$server" 2>/dev/null || break
		sleep 0.05
	done
	grep -qF -- "$1" "$work/log" && return 0
	cat "$work/log" >&2
	return 1
}

# serve_stop [SIGNAL]: ends it; fails unless its exit status is 0
serve_stop() {
	local status=0
	kill -"${1:-TERM}" "$server"
	wait "$server" || status=$?
	[ $status = 0 ] || { cat "$work/log" >&2; fail "the server ended with $status"; }
}
