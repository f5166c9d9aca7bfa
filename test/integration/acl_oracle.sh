# SPDX-License-Identifier: MIT
# ACLs, modes and permissions are reckoned as the kernel does: on tmpfs, and on ext4 where it can be
# mounted.
. "${BRAMBLE_SOURCE:-$(dirname "$0")/../..}/test/integration/lib.sh"
need_root

oracle() {
	local status=0
	"$BRAMBLE_BUILD/test/support/acl_oracle" "$@" || status=$?
	[ $status != 77 ] || skip "$1 has no ACLs"
	[ $status = 0 ] || fail "acl_oracle $*"
}

mkdir tmpfs ext4
mount -t tmpfs tmpfs tmpfs || skip "cannot mount tmpfs"
at_end "umount '$work/tmpfs'"
oracle tmpfs 1 600
oracle tmpfs 2 600

type -P mke2fs >/dev/null || exit 0
mke2fs -q -F -t ext4 disk.img 8M
if mount -o loop disk.img ext4 2>err; then
	at_end "umount '$work/ext4'"
	oracle ext4 3 600
fi
