# SPDX-License-Identifier: MIT
# The server of an overlay is killed under a load, some tens of times; see test/stress/overlay-crash.
source "$(dirname "$0")/lib.sh"
need_fuse
need mke2fs setfattr
load=$BRAMBLE_BUILD/test/support/crash_load

# Whoever proves must find: a lost name, an old block, another file's block, a torn one.
mkdir d
setfattr -n user.probe -v yes d 2>/dev/null || skip "no extended attributes here"
expect 0 "$load" run d log 0 1 2 800
expect 0 "$load" verify d log all
mapfile -t files < <(find d/t0 -type f -size +40k -links 1)
[ ${#files[@]} -gt 1 ] || fail "the load has made no long files"
cp "${files[1]}" saved
dd if="${files[0]}" of="${files[1]}" bs=4096 skip=1 seek=2 count=8 conv=notrunc status=none
expect 1 "$load" verify d log all
said out "none of the 1 states"
cp saved "${files[1]}"
expect 0 "$load" verify d log all
printf x | dd of="${files[1]}" bs=1 seek=7000 conv=notrunc status=none
expect 1 "$load" verify d log all
said out "block 1"
cp saved "${files[1]}"
rm "${files[0]}"
expect 1 "$load" verify d log all
said out "missing"

"$BRAMBLE_SOURCE/test/stress/overlay-crash" --build "$BRAMBLE_BUILD" --kills 35 --seconds 40
"$BRAMBLE_SOURCE/test/stress/overlay-crash" --build "$BRAMBLE_BUILD" --kills 25 --seconds 30 \
	--options writeback
