#!/bin/bash
# SPDX-License-Identifier: MIT
# What tells one Pi from another stays with its overlay: wherever that is moved, whoever forgets the Pi, and when it goes
# back to an earlier state; another overlay has another identity. A name that is given later becomes that of the host.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"
. "$BRAMBLE_SOURCE/test/integration/lib_serve.sh"

need nfs-ls nfs-cat jq
PATH=$BRAMBLE_BUILD/test/support:$PATH
type -P nfs_edit >/dev/null || skip "libnfs was not there when this was built"
serve_image

nfs() { echo "nfs://127.0.0.1/$1?nfsport=12049&mountport=12049"; }
mounts() { nfs-ls "$(nfs "$1")" >/dev/null 2>&1 || fail "$1 cannot mount its tree"; }
identity() { nfs-cat "$(nfs "$1/etc/machine-id")"; }
keeps() { # PI FILE WHAT
	mounts "$1"
	identity "$1" >now
	cmp -s now "$2" || fail "$1 has another identity: $3"
}
differs() { # PI FILE WHAT
	mounts "$1"
	identity "$1" >now
	[ -s now ] || fail "$1 has no identity"
	! cmp -s now "$2" || fail "$1 has the same identity: $3"
}
host() { nfs-cat "$(nfs "$1/etc/hostname")"; }
put() { nfs_edit "$(nfs "$1")" put "$2" "$3"; }

# As it was made, before any Pi has mounted it.
bramble overlay create 0000bbbb --image "$image"
bramble overlay snapshot 0000bbbb raw

serve_start "${unprivileged[@]}" "$image"
for pi in 0000aaaa 0000bbbb; do
	mounts $pi
	identity $pi >$pi.first || fail "$pi has no identity"
	[ "$(bramble pi show $pi --json | jq -r '.steps[] | select(.step == "machine-id") | .result')" = "done" ] ||
		fail "it is not told what was done to the overlay of $pi"
done
! cmp -s 0000aaaa.first 0000bbbb.first || fail "two Pis have one identity"

# Forgotten or removed, and seen again.
bramble pi forget 0000aaaa
keeps 0000aaaa 0000aaaa.first "it was forgotten"
bramble pi remove 0000aaaa
keeps 0000aaaa 0000aaaa.first "it was removed"
grep -q '^hostname = 1 done pi-0000aaaa' "$work/state/overlays/0000aaaa/info" || fail "the overlay has no notes"
bramble overlay snapshot 0000aaaa later
bramble overlay restore --yes 0000aaaa later
keeps 0000aaaa 0000aaaa.first "a snapshot was restored"

# Moved to another directory, without what the server knew of it; and by a server of before there were notes.
serve_stop
mv state moved
rm -r moved/pis
export BRAMBLE_STATE=$work/moved
serve_start "${unprivileged[@]}" "$image"
keeps 0000aaaa 0000aaaa.first "it was moved"
serve_stop
uuid=$(sed -n 's/^uuid = //p' moved/overlays/0000aaaa/info | head -n 1)
sed -i '/^\[notes\]/,$d' moved/overlays/0000aaaa/info
{
	printf '[pi]\nid = 0000aaaa\njoined = yes\n\n[overlay]\nuuid = %s\n' "$uuid"
	for step in fstab first-boot resize swap network initramfs cloud-init docker hostname machine-id random-seed \
		ssh-host-key; do
		echo "$step = 1 done"
	done
} >moved/pis/0000aaaa
serve_start "${unprivileged[@]}" "$image"
keeps 0000aaaa 0000aaaa.first "what was remembered of old"
bramble pi remove 0000aaaa
keeps 0000aaaa 0000aaaa.first "what was remembered of old is not noted with the overlay"

# Another overlay, be it with the same contents or above them.
bramble overlay clone 0000aaaa 0000cccc
differs 0000cccc 0000aaaa.first "it is a clone"
[ "$(host 0000cccc)" = pi-0000cccc ] || fail "a clone has the name of another"
keeps 0000aaaa 0000aaaa.first "it was cloned"
bramble overlay clone 0000aaaa golden
bramble overlay create 0000dddd --base golden
differs 0000dddd 0000aaaa.first "it lies above another's"
bramble overlay reset --yes 0000cccc
cp now 0000dddd.first
differs 0000cccc 0000dddd.first "it was reset"
[ "$(host 0000cccc)" = pi-0000cccc ] || fail "one that was reset is not made ready"
# As it was before any Pi had mounted it: it is made ready again.
bramble overlay restore --yes 0000bbbb raw
differs 0000bbbb 0000bbbb.first "it was as it was made"
[ "$(host 0000bbbb)" = pi-0000bbbb ] || fail "a snapshot from before is not made ready"

# A name that is given later is that of the host from the next mount on, unless it was changed on the Pi.
bramble pi set 0000bbbb name=kitchen
identity 0000bbbb >0000bbbb.first
[ "$(host 0000bbbb)" = kitchen ] || fail "a name that was given later is not that of the host"
grep -q '^127.0.1.1.*kitchen' <(nfs-cat "$(nfs 0000bbbb/etc/hosts)") || fail "/etc/hosts has another name"
keeps 0000bbbb 0000bbbb.first "it was renamed"
serve_stop
serve_start "${unprivileged[@]}" "$image"
bramble pi set 0000bbbb name=pantry
[ "$(host 0000bbbb)" = pantry ] || fail "a restart forgets which name was given"
bramble pi set 0000bbbb name=
[ "$(host 0000bbbb)" = pi-0000bbbb ] || fail "a name that was taken back is still that of the host"
echo mine >mine
put 0000bbbb mine /etc/hostname
bramble pi set 0000bbbb name=cellar
mounts 0000bbbb
[ "$(host 0000bbbb)" = mine ] || fail "a name that was changed on the Pi was written over"
bramble pi set 0000bbbb name=attic
[ "$(host 0000bbbb)" = mine ] || fail "a name that was changed on the Pi was written over at last"
keeps 0000bbbb 0000bbbb.first "it was renamed again"
serve_stop
