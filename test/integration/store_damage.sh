# SPDX-License-Identifier: MIT
# Bits of a store's files are flipped, and the files cut off: each time it is refused with the reason,
# or holds what it held. See also test/stress/store-flips.
source "$(dirname "$0")/lib.sh"
if store=$(mktemp -d -p /dev/shm bramble-test.XXXXXX 2>/dev/null); then
	at_end "rm -rf '$store'"
else
	mkdir store
	store=$work/store
fi
expect 0 "$BRAMBLE_BUILD/test/support/store_flip" "$store" "${STORE_SEED:-1}" "${STORE_FLIPS:-1000}"
cat out
