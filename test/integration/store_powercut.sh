# SPDX-License-Identifier: MIT
# The power is cut while a store is made and written to: of what was not synced, some is there. See
# also test/stress/store-powercut.
source "$(dirname "$0")/lib.sh"
support=$BRAMBLE_BUILD/test/support
run=$support/store_run

# load SEED COUNT EVERY [writer]: records what a writer does to the new folder `store`, to the file `log`
load() {
	rm -rf store log
	mkdir store
	recorded "$run" create store
	recorded "$run" write store "$@"
}

recorded() {
	env POWERCUT_FOLDER="$work/store" POWERCUT_LOG="$work/log" \
		LD_PRELOAD="$support/libpowercut.so" ASAN_OPTIONS=verify_asan_link_order=0 \
		"$@" >said || fail "$*"
}

mkdir state
load 3 5 1
expect 0 "$support/powercut_replay" log - state 1 "${POWERCUT_STATES:-40}" "$run" survive 3
cat out
load 9 150 4
expect 0 "$support/powercut_replay" log - state 1 2 "$run" survive 9
cat out
load 4 90 2 writer
expect 0 "$support/powercut_replay" log - state 1 2 "$run" survive 4
cat out

# whoever proves must find: a disk that forgets what was synced
export POWERCUT_LYING_DISK=1
expect 1 "$support/powercut_replay" log - state 1 4 "$run" survive 4
