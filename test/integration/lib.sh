# SPDX-License-Identifier: MIT
# Sourced by every integration test: a folder of its own, mounts that end with it, and checks.
set -euo pipefail

# Mounts and loop devices of one test must not keep another's busy: a mount namespace of its own.
if [ -z "${BRAMBLE_NAMESPACE:-}" ] && [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	BRAMBLE_NAMESPACE=1 exec unshare -m --propagation private bash "$0" "$@"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/bramble-test.XXXXXX")
cleanup_commands=()

cleanup() {
	local status=$? i
	set +e
	for ((i = ${#cleanup_commands[@]} - 1; i >= 0; i--)); do
		eval "${cleanup_commands[$i]}" >/dev/null 2>&1
	done
	cd /
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT
cd "$work"

# at_end COMMAND: run when the test ends, last one first
at_end() { cleanup_commands+=("$1"); }

skip() {
	echo "skipped: $*"
	exit 77
}

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

need() {
	local tool
	for tool; do
		type -P "$tool" >/dev/null || skip "$tool is not installed"
	done
}

# Both end with sync(2), which waits for every disk of the machine: of no use to an image in a file.
sfdisk() { without_sync sfdisk "$@"; }
sgdisk() { without_sync sgdisk "$@"; }

without_sync() {
	if type -P eatmydata >/dev/null; then
		command eatmydata "$@"
	else
		command "$@"
	fi
}

need_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

need_fuse() {
	need fusermount3
	[ -r /dev/fuse ] && [ -w /dev/fuse ] || skip "no access to /dev/fuse"
}

# loop_mount IMAGE DIR [OPTIONS]: by the kernel, ended with the test
loop_mount() {
	need_root
	mkdir -p "$2"
	mount -o "loop${3:+,$3}" "$1" "$2" || skip "the kernel cannot mount $1"
	at_end "umount '$2' || umount -l '$2'"
}

# expect STATUS COMMAND...: runs it, its output in $work/out and $work/err
expect() {
	local want=$1 got=0
	shift
	"$@" >"$work/out" 2>"$work/err" || got=$?
	[ "$got" = "$want" ] || {
		cat "$work/out" "$work/err" >&2
		fail "exit status $got, not $want: $*"
	}
}

# said FILE TEXT: the file holds the text
said() {
	grep -qF -- "$2" "$1" || {
		cat "$1" >&2
		fail "does not say: $2"
	}
}
