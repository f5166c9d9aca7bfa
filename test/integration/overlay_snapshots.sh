# SPDX-License-Identifier: MIT
# Snapshots and clones share their data with the overlay where the host's file system can do that, and
# elsewhere take the room of what was changed; restoring one needs no more. A host without room keeps
# what there was.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_pi.sh"
source "$(dirname "$0")/lib_state.sh"

need_root
image=$work/pi.img
make_pi_image "$image"

used() { # DIR: KiB in use there
	sync -f "$1"
	df -k --output=used "$1" | tail -n 1 | tr -d ' '
}

# exercise DIR LIMIT: a snapshot and a clone of 40 MiB cost less than LIMIT KiB each, and are right
exercise() {
	local limit=$2 before after sum
	export BRAMBLE_STATE=$1/state
	edit "$image" kitchen 'fill /srv.big 20000000' 'fill /srv.small 1000' 'rm /bin/empty'
	edit - kitchen 'fill /srv.more 20000000'
	# a hole where something was: it must cost nothing in copies either
	edit - kitchen 'fill /srv.gone 20000000'
	edit - kitchen 'rm /srv.gone'
	sum=$(bramble cat --overlay kitchen "$image" /srv.big /srv.more /srv.small | sha256sum)
	before=$(used "$1")
	bramble overlay snapshot kitchen snap
	after=$(used "$1")
	((after - before < limit)) || fail "$1: a snapshot takes $((after - before)) KiB"
	before=$after
	bramble overlay clone kitchen copy
	after=$(used "$1")
	((after - before < limit)) || fail "$1: a clone takes $((after - before)) KiB"
	[ "$(bramble cat --overlay copy "$image" /srv.big /srv.more /srv.small | sha256sum)" = "$sum" ] ||
		fail "$1: a clone is different"
	edit - kitchen 'write /srv.big short' 'rm /srv.more' 'fill /srv.new 3000000'
	bramble overlay restore kitchen snap --yes
	[ "$(bramble cat --overlay kitchen "$image" /srv.big /srv.more /srv.small | sha256sum)" = "$sum" ] ||
		fail "$1: not what it was"
	expect 1 bramble cat --overlay kitchen "$image" /srv.new
	expect 0 bramble overlay check kitchen copy
	bramble overlay delete kitchen copy --yes
}

# on_host KIND LIMIT MKFS...: the same on a file system of its own
on_host() {
	local kind=$1 limit=$2
	shift 2
	type -P "$1" >/dev/null || {
		echo "no $1: not tried on $kind"
		return
	}
	truncate -s 512M "$kind.host"
	"$@" "$kind.host" >/dev/null
	mkdir "$kind"
	mount -o loop "$kind.host" "$kind" 2>/dev/null || {
		echo "the kernel has no $kind: not tried on it"
		return
	}
	at_end "umount '$work/$kind'"
	exercise "$work/$kind" "$limit"
}

# Copies: what was changed, about 40 MB, and no more.
on_host ext4 42000 mke2fs -q -t ext4
# Shared blocks: the records alone.
on_host xfs 2000 mkfs.xfs -q -m reflink=1
on_host btrfs 4000 mkfs.btrfs -q

# --- no room -----------------------------------------------------------------------------------

mkdir full
mount -t tmpfs -o size=48M none full
at_end "umount '$work/full'"
export BRAMBLE_STATE=$work/full/state
edit "$image" kitchen 'fill /srv.big 20000000'
bramble overlay snapshot kitchen snap
edit - kitchen 'write /srv.note later'
for try in snapshot clone; do
	expect 1 bramble overlay $try kitchen other
	said err "No space left on device"
done
expect 1 bramble overlay restore kitchen snap --yes
said err "No space left on device"
expect 0 bramble cat --overlay kitchen "$image" /srv.note
[ "$(cat out)" = later ] || fail "a restore without room takes something away"
expect 0 bramble overlay check kitchen
expect 0 bramble overlay list
[ "$(awk '{ print $1 }' out | tr '\n' ' ')" = 'NAME kitchen ' ] || fail "half a clone: $(cat out)"
expect 0 bramble overlay snapshot kitchen --list
[ "$(awk '{ print $1 }' out)" = snap ] || fail "half a snapshot: $(cat out)"
[ "$(find "$BRAMBLE_STATE" -name '.*' | wc -l)" = 0 ] || fail "something is left: $(find full)"
# nothing is needed to get room again
head -c 100M /dev/zero >full/filler 2>/dev/null || true
expect 0 bramble overlay snapshot kitchen --delete snap --yes
cat /dev/zero >full/filler2 2>/dev/null || true
# it can be opened for writing, too
echo sync | "$overlay_edit" "$BRAMBLE_STATE" - kitchen >opened 2>err || true
[ "$(head -n 1 opened)" = ready ] || fail "a full disk keeps it from being opened: $(cat err)"
said err "overlay kitchen: opened all the same"
expect 0 bramble overlay reset kitchen --yes
expect 0 bramble overlay diff kitchen
[ ! -s out ] || fail "reset on a full disk leaves: $(cat out)"
expect 0 bramble overlay delete kitchen --yes
rm full/filler full/filler2

# --- a damaged one is not copied ---------------------------------------------------------------

export BRAMBLE_STATE=$work/state-damaged
edit "$image" kitchen 'write /srv.note first'
meta=$BRAMBLE_STATE/overlays/kitchen/meta
for ((page = 2; page * 4096 < $(stat -c %s "$meta"); page++)); do
	printf 'xxxx' | dd of="$meta" bs=1 seek=$((page * 4096 + 4080)) conv=notrunc status=none
done
bramble overlay check kitchen >/dev/null 2>&1 && fail "the damage is not seen"
for try in snapshot clone; do
	expect 1 bramble overlay $try kitchen other
	said err "overlay kitchen: damaged: not copied"
done
expect 0 bramble overlay list
[ "$(awk '{ print $1 }' out | tr '\n' ' ')" = 'NAME kitchen ' ] || fail "half a clone: $(cat out)"

# --- what root does in another user's directory stays that user's --------------------------------

if [ "$(id -u)" = 0 ]; then
	export BRAMBLE_STATE=$work/state-user
	edit "$image" kitchen 'write /srv.note first'
	chown -R 65534:65534 "$BRAMBLE_STATE"
	edit "$image" kitchen 'write /srv.note second'
	[ "$(stat -c %u "$BRAMBLE_STATE/overlays/kitchen/info")" = 65534 ] ||
		fail "the info is root's: $(ls -l "$BRAMBLE_STATE/overlays/kitchen")"
fi

# --- an overlay that nothing is made on any more is not shown as frozen -------------------------------

export BRAMBLE_STATE=$work/state-frozen
bramble overlay create golden --image "$image"
bramble overlay create kitchen --base golden
expect 0 bramble overlay list
grep -q '^golden .* frozen' out || fail "not shown as frozen: $(cat out)"
bramble overlay delete kitchen --yes
expect 0 bramble overlay list
grep -q '^golden .* idle' out || fail "still shown as frozen: $(cat out)"
