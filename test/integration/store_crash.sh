# SPDX-License-Identifier: MIT
# The process that writes to a store is killed at random moments, or its writes fail: what it said was
# durable is there, and what is there is a state that existed.
source "$(dirname "$0")/lib.sh"
run=$BRAMBLE_BUILD/test/support/store_run
preload=$BRAMBLE_BUILD/test/support/libpowercut.so

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

# without flushing it survives the process, too, but not the host, which is then another one: refused.
# left DIR [NAME=VALUE]: a store whose writer was killed when it had a log
left() {
	local said=$work/said.left
	mkdir "$1"
	expect 0 "$run" create "$1"
	env "${@:2}" "$run" write "$1" 6 1000000 2 writer >"$said" &
	until [ "$(wc -l <"$said")" -gt 40 ] && [ -e "$1/log" ]; do sleep 0.01; done
	kill -9 $!
	wait $! || true
	last=$(sed -n 's/^acknowledged //p' "$said" | tail -n1)
}

mkdir unflushed
expect 0 "$run" create unflushed
expect 0 env STORE_RUN_NO_FLUSH=1 "$run" kill unflushed 22 40
cat out
left another STORE_RUN_NO_FLUSH=1
mkdir copy copy2
expect 0 "$run" copy another copy
expect 0 "$run" look another 6 "$last"
if type -P python3 >/dev/null; then
	python3 - copy/meta <<'PY'
import struct, sys
def crc32c(data, crc=0xffffffff):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc
meta = open(sys.argv[1], 'rb').read()
key, at = bytes(8) + b'W', 0
while (at := meta.find(key, at + 1)) > 0:
    start = at + len(key)
    value = bytearray(meta[start:start + 0x34])
    def checksum():
        return struct.pack('<I', crc32c(struct.pack('<II', len(key), len(value)) + key + value))
    # the same bytes may be in another record
    if meta[start + len(value):start + len(value) + 4] != checksum():
        continue
    value[0x24:0x34] = bytes(16)
    meta = meta[:start] + value + checksum() + meta[start + len(value) + 4:]
open(sys.argv[1], 'wb').write(meta)
PY
	for what in look verify; do
		expect 1 "$run" $what copy 6 0
		said err "not closed before the host went down"
	done
	expect 1 "$run" check copy
fi
expect 0 "$run" verify another 6 "$last"
said out unclean
expect 0 "$run" write another 6 $((last + 100)) 10
[ ! -e another/log ] || fail "a store that was closed has a log"

# a log belongs to its store: copied with it, and refused without
left logged
expect 0 "$run" check logged
expect 0 "$run" copy logged copy2
expect 0 "$run" look copy2 6 "$last"
expect 0 "$run" verify copy2 6 "$last"
[ ! -e copy2/log ] || fail "the log was not applied"
mkdir copied
cp logged/meta logged/data copied
mv logged/log kept
for what in look verify; do
	expect 1 "$run" $what logged 6 0
	said err "logged/log: No such file"
done
expect 1 "$run" check logged
head -c 3M kept >logged/log
expect 1 "$run" verify logged 6 0
said err "not whole"
cp kept logged/log
expect 0 "$run" verify logged 6 "$last"
said out unclean

# there is no room for what is in the log, or the disk fails, when it is opened again
for how in 28 28:once 5:once short; do
	for ((n = 0; n < 24; n += 1 + (n > 8) * 3)); do
		rm -rf failing
		mkdir failing
		cp kept failing/log
		cp copied/* failing
		if env POWERCUT_FOLDER="$work/failing" POWERCUT_FAIL=$n:$how \
			LD_PRELOAD="$preload" ASAN_OPTIONS=verify_asan_link_order=0 \
			"$run" verify failing 6 "$last" >said 2>why; then
			grep -q unclean said || fail "write $n failed ($how): $(cat said)"
		else
			grep -q -e 'No space left' -e 'Input/output error' why ||
				fail "write $n failed ($how): $(cat why)"
		fi
		expect 0 "$run" verify failing 6 "$last"
	done
done

# writes that fail: for good or once, for want of space or by a fault, or half done
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
