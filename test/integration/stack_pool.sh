#!/bin/bash
# SPDX-License-Identifier: MIT
# One process has many overlays open above one image: the image and what they are made on are opened
# once, each shows its own changes alone, and a further one costs little.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need mke2fs mkfs.fat mcopy
run=$BRAMBLE_BUILD/test/support/stack_pool_run
[ -x "$run" ] || fail "no $run"
export BRAMBLE_STATE=$work/state

bash "$BRAMBLE_SOURCE/test/images/make-pi-image" pi.img

# cost COUNT [BASE]: with so many overlays; each has files of its own, and memory
cost() {
	"$run" many pi.img "$BRAMBLE_STATE" "$@" >out || fail "$(cat out)"
	cat out
	read -r bytes files < <(sed -E 's/.*: ([0-9]+) bytes of memory, ([0-9]+).*/\1 \2/' out)
	[ "$files" -le 8 ] || fail "$files files for each overlay"
	# a sanitizer has a memory of its own
	case ${CFLAGS:-}$(nm -D "$run" 2>/dev/null) in
	*__asan_init* | *__tsan_init*) ;;
	*) [ "$bytes" -le 100000 ] || fail "$bytes bytes of memory for each overlay" ;;
	esac
}

cost 150
rm -rf "$BRAMBLE_STATE"

# Above two frozen overlays, which were made by another process.
bramble overlay create golden --image pi.img
bramble overlay create silver --base golden
cost 100 silver
bramble overlay check pi0 pi99 golden silver >out || fail "$(cat out)"
rm -rf "$BRAMBLE_STATE"

"$run" threads pi.img "$BRAMBLE_STATE" 4 || fail "threads"

# What became of the image's file.
answers=$(
	{
		sleep 0.3 && echo
		sleep 0.1 && touch pi.img && echo
		sleep 0.1 && cp pi.img other && mv other pi.img && echo
		sleep 0.1 && rm pi.img && echo
	} | "$run" watch pi.img | tr '\n' ' '
)
[ "$answers" = "same written replaced gone " ] || fail "the image is $answers"
