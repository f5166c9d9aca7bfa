# SPDX-License-Identifier: MIT
# The process that writes to a store is killed at random moments, or its writes fail: what it said was
# durable is there, and what is there is a state that existed.
source "$(dirname "$0")/lib.sh"
run=$BRAMBLE_BUILD/test/support/store_run

# whoever proves must find
mkdir proof
expect 0 "$run" create proof
expect 0 "$run" write proof 4 100 10
expect 1 "$run" verify proof 4 101
said err "101 transactions were acknowledged"
expect 1 "$run" verify proof 5 0
said err "are not what they were"

# on a disk, which is slow, and in memory, where much happens in between
killed() {
	expect 0 "$run" create "$1"
	expect 0 "$run" kill "$1" 21 "${STORE_KILLS:-120}"
	cat out
	expect 0 "$run" check "$1"
}

mkdir killed
killed killed
if memory=$(mktemp -d -p /dev/shm bramble-test.XXXXXX 2>/dev/null); then
	at_end "rm -rf '$memory'"
	killed "$memory"
fi

# writes that fail: for good or once, for want of space or by a fault, or half done
preload=$BRAMBLE_BUILD/test/support/libpowercut.so
for how in 28 28:once 122:once short 5 5:once; do
	for ((n = 0; n < 40; n += 1 + (n > 20))); do
		rm -rf failing
		mkdir failing
		expect 0 "$run" create failing
		env POWERCUT_FOLDER="$work/failing" POWERCUT_FAIL=$n:$how \
			LD_PRELOAD="$preload" ASAN_OPTIONS=verify_asan_link_order=0 \
			"$run" write failing 9 20 2 >said 2>why || true
		last=$(sed -n 's/^acknowledged //p' said | tail -n1)
		if ! "$run" verify failing 9 "${last:-0}" >out 2>err; then
			cat said why out err >&2
			fail "write $n failed ($how)"
		fi
		case $how in
		28) [ "$(grep -c 'meta: cannot write' why)" -le 1 ] ||
			fail "write $n failed ($how), which is said again: $(cat why)" ;;
		28:once | 122:once) grep -q 'cannot sync' why || [ "${last:-0}" = 20 ] ||
			fail "write $n failed ($how), and it did not go on" ;;
		esac
	done
done

# the same while the process can open no more files: it goes on when it can
for n in 5 10 20 40 80; do
	rm -rf failing
	mkdir failing
	expect 0 "$run" create failing
	expect 0 env POWERCUT_FOLDER="$work/failing" POWERCUT_FAIL=$n:28:once \
		LD_PRELOAD="$preload" ASAN_OPTIONS=verify_asan_link_order=0 "$run" scarce failing
	said err "cannot open: Too many open files"
	expect 0 "$run" check failing
done
