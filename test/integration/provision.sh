# SPDX-License-Identifier: MIT
# What provisioning writes into an overlay of a Pi's image means to the programs that read it what it is
# meant to: systemd, libmount, OpenSSH, jq. The image itself stays as it was.
. "${BRAMBLE_SOURCE:-$(dirname "$0")/../..}/test/integration/lib.sh"

need mke2fs debugfs sfdisk mkfs.vfat mcopy ssh-keygen systemctl systemd-analyze findmnt jq
need_root
need_fuse
PATH=$PATH:$BRAMBLE_BUILD/test/support
export LC_ALL=C.UTF-8
state=$work/state
generator=/usr/lib/systemd/system-generators/systemd-fstab-generator
# findmnt looks for the mount points here: in this test's own mount namespace
[ -n "${BRAMBLE_NAMESPACE:-}" ] || skip "no mount namespace of its own"
mount -t tmpfs tmpfs /boot
mkdir /boot/firmware
mkdir mnt
at_end "bramble umount '$work/mnt'"

open() { expect 0 bramble mount --state "$state" --overlay "$1" pi.img mnt; }
close() { expect 0 bramble umount mnt; }

# unit FILE [LINES]: a unit that starts /bin/true, and what follows
unit() {
	mkdir -p "${1%/*}"
	printf '[Unit]\nDescription=Test\n[Service]\nType=oneshot\nExecStart=/bin/true\n%s\n' "${2:-}" >"$1"
}

# furnish LAYOUT: what an image of the release has, and the small one does not
furnish() {
	local units=mnt/usr/lib/systemd/system install=$'[Install]\nWantedBy=multi-user.target'
	mkdir -p mnt/etc/ssh mnt/etc/initramfs-tools/conf.d mnt/var/lib/systemd mnt/var/lib/dbus
	: >mnt/etc/ssh/sshd_config
	ssh-keygen -q -t rsa -b 1024 -N '' -f mnt/etc/ssh/ssh_host_rsa_key
	unit $units/regenerate_ssh_host_keys.service "$install"
	unit $units/plain.service "$install"
	cp /usr/bin/true mnt/usr/bin/true
	chmod 0755 mnt/usr/bin/true
	case $1 in
	bullseye | bookworm)
		unit $units/dphys-swapfile.service "$install"
		systemctl -q --root=mnt enable dphys-swapfile.service
		;;
	esac
	case $1 in
	bullseye)
		printf 'hostname\nclientid\npersistent\n' >mnt/etc/dhcpcd.conf
		mkdir -p mnt/etc/init.d
		printf '#!/bin/sh\n' >mnt/etc/init.d/resize2fs_once
		;;
	bookworm)
		mkdir -p mnt/etc/NetworkManager/conf.d
		unit $units/NetworkManager.service
		# what systemd wants to find around a unit
		cp /lib/systemd/system/*.target /lib/systemd/system/*.slice $units
		cp mnt/usr/bin/true mnt/usr/bin/rm
		printf '#!/bin/sh\n' >mnt/usr/lib/raspberrypi-sys-mods/init_config
		chmod 0755 mnt/usr/lib/raspberrypi-sys-mods/init_config
		;;
	trixie)
		unit $units/rpi-resize.service $'[Install]\nWantedBy=sysinit.target'
		systemctl -q --root=mnt enable rpi-resize.service
		mkdir -p mnt/etc/rpi mnt/usr/lib/systemd
		printf '[Main]\n#Mechanism=auto\n' >mnt/etc/rpi/swap.conf
		: >mnt/usr/lib/systemd/systemd-networkd
		;;
	ubuntu)
		mkdir -p mnt/etc/cloud/cloud.cfg.d
		: >mnt/usr/bin/dockerd
		: >mnt/usr/lib/systemd/systemd-networkd
		;;
	esac
}

# masked NAME: systemd says so, and one command brings it back
masked() {
	local says
	says=$(systemctl --root=mnt is-enabled "$1" 2>/dev/null || true)
	[ "$says" = masked ] || fail "$layout: $1 is '$says', not masked"
}

check_fstab() {
	local boot=$1
	expect 0 findmnt --verify --tab-file mnt/etc/fstab
	said out 'Success, no errors or warnings detected'
	findmnt --fstab --tab-file mnt/etc/fstab -n -o SOURCE,FSTYPE,OPTIONS --target "$boot" |
		grep -qE "^$boot +none +bind" || fail "$layout: $boot is not bound to itself"
	! findmnt --fstab --tab-file mnt/etc/fstab / >/dev/null || fail "$layout: / is still there"
	# as systemd sees it
	[ -x $generator ] || return 0
	rm -rf units && mkdir units units/early units/late
	SYSTEMD_FSTAB=$work/mnt/etc/fstab $generator units units/early units/late
	[ -f "units/$(systemd-escape --path --suffix=mount "$boot")" ] ||
		fail "$layout: systemd makes no mount unit of $boot"
	! grep -rlE 'PARTUUID|LABEL|by-partuuid|by-label' units ||
		fail "$layout: systemd waits for a disk"
}

check_identity() {
	local key=mnt/etc/ssh/ssh_host_ed25519_key
	ssh-keygen -l -f $key | grep -q '^256 SHA256:.* root@pi-036cb716 (ED25519)$' ||
		fail "$layout: ssh-keygen does not take the key"
	ssh-keygen -y -f $key >derived || fail "$layout: no public key in the private one"
	cmp derived $key.pub || fail "$layout: the public key is another"
	[ "$(stat -c '%a %u %g' $key $key.pub)" = $'600 0 0\n644 0 0' ] || fail "$layout: modes of keys"
	[ "$(echo mnt/etc/ssh/ssh_host_*)" = "$key $key.pub" ] || fail "$layout: keys of the image"
	# it signs, and others believe it
	echo text >text
	ssh-keygen -q -Y sign -n test -f $key text 2>/dev/null || fail "$layout: the key does not sign"
	echo "pi $(cut -d ' ' -f 1,2 $key.pub)" >allowed
	ssh-keygen -q -Y verify -n test -f allowed -I pi -s text.sig <text >/dev/null ||
		fail "$layout: the signature is none"
	rm text.sig
	[ "$(cat mnt/etc/hostname)" = kitchen ] || fail "$layout: hostname"
	grep -q $'^127.0.1.1\tkitchen$' mnt/etc/hosts || fail "$layout: hosts"
	grep -qxE '[0-9a-f]{32}' mnt/etc/machine-id || fail "$layout: machine-id"
	[ "$(stat -c '%a %s' mnt/var/lib/systemd/random-seed)" = '600 512' ] || fail "$layout: seed"
}

check_layout() {
	local name
	masked regenerate_ssh_host_keys.service
	[ "$(systemctl --root=mnt is-enabled plain.service)" = disabled ] || fail "$layout: plain.service"
	grep -qx MODULES=most mnt/etc/initramfs-tools/conf.d/zz-bramble || fail "$layout: initramfs"
	case $layout in
	bullseye | bookworm)
		masked dphys-swapfile.service
		systemctl -q --root=mnt unmask dphys-swapfile.service
		[ "$(systemctl --root=mnt is-enabled dphys-swapfile.service)" = enabled ] ||
			fail "$layout: unmasking does not bring the swap file back"
		;;
	trixie) masked rpi-resize.service ;;
	esac
	case $layout in
	bullseye) [ "$(readlink mnt/etc/systemd/system/resize2fs_once.service)" = /dev/null ] ;;
	bookworm)
		for name in bramble-first-boot bramble-name-servers; do
			systemd-analyze --root=mnt --man=no verify $name.service 2>said ||
				fail "$layout: systemd does not take $name: $(cat said)"
			! grep bramble said || fail "$layout: systemd wonders about $name"
			[ "$(systemctl --root=mnt is-enabled $name.service)" = enabled ] ||
				fail "$layout: $name is not enabled"
		done
		sh -n mnt/usr/local/sbin/bramble-name-servers
		;;
	trixie) grep -qx Mechanism=zram mnt/etc/rpi/swap.conf.d/90-bramble.conf ;;
	ubuntu)
		[ "$(jq -r '."storage-driver"' mnt/etc/docker/daemon.json)" = vfs ]
		grep -q 'seedfrom: file:///boot/firmware/' mnt/etc/cloud/cloud.cfg.d/99-bramble-seed.cfg
		;;
	esac || fail "$layout: a step has not done its work"
}

for layout in bookworm bullseye trixie ubuntu gpt; do
	case $layout in
	gpt) bash "$BRAMBLE_SOURCE/test/images/make-pi-image" --gpt pi.img ;;
	*) bash "$BRAMBLE_SOURCE/test/images/make-pi-image" --layout $layout pi.img ;;
	esac
	boot=/boot/firmware
	[ $layout != bullseye ] || boot=/boot
	sum=$(sha256sum <pi.img)
	open golden-$layout
	furnish $layout
	cp mnt$boot/cmdline.txt cmdline.txt
	close

	expect 0 provision_overlay --name kitchen "$state" pi.img golden-$layout 036cb716
	cp out report-$layout
	! grep failed out || fail "$layout: a step failed"
	said out 'fstab 1 done'
	said out 'ssh-host-key 1 done'
	said out /usr/bin/ping

	open golden-$layout
	check_fstab $boot
	check_identity
	check_layout
	cmp cmdline.txt mnt$boot/cmdline.txt || fail "$layout: cmdline.txt is the Pi's, not ours"
	[ -z "$(find mnt/etc mnt/usr mnt/var -name '*.bramble')" ] || fail "$layout: temporary files"
	cp mnt/etc/machine-id mnt/etc/ssh/ssh_host_ed25519_key .
	close

	# all of it once
	sed '/^$/,$d' report-$layout >report
	expect 0 provision_overlay --name kitchen --before report "$state" pi.img golden-$layout 036cb716
	cmp out report-$layout || fail "$layout: another report"
	open golden-$layout
	cmp machine-id mnt/etc/machine-id || fail "$layout: provisioned twice"
	close
	expect 0 bramble overlay check --state "$state" golden-$layout
	[ "$sum" = "$(sha256sum <pi.img)" ] || fail "$layout: the image was written"
	[ $layout = gpt ] || rm pi.img
done

# Over a golden base, identity alone; and what is off is off.
expect 0 bramble overlay create --state "$state" --base golden-gpt clone
expect 0 provision_overlay --identity --name kitchen --off random-seed "$state" pi.img clone 036cb716
[ "$(grep -c . out)" = 5 ] || fail "clone: more than identity" # four steps and ping
said out 'random-seed 1 off'
open clone
layout=clone
check_identity
! cmp -s machine-id mnt/etc/machine-id || fail "clone: the machine-id of its base"
! cmp -s ssh_host_ed25519_key mnt/etc/ssh/ssh_host_ed25519_key || fail "clone: the key of its base"
close
expect 2 provision_overlay --off 'swap,nonsense' "$state" pi.img clone 036cb716
said err 'no provisioning step "nonsense"'
