# SPDX-License-Identifier: MIT
# Sourced by tools/quickstart and test/run: the Debian packages that the work needs, by name.

# shellcheck disable=SC2034 # used by those that source this file
packages_build=(gcc libc6-dev cmake ninja-build pkg-config libfuse3-dev libutf8proc-dev
	libsodium-dev liblmdb-dev libinih-dev libev-dev libtirpc-dev rpcsvc-proto libsystemd-dev)
packages_run=(fuse3)
packages_demo=(e2fsprogs dosfstools mtools fdisk)
packages_test=(clang libclang-rt-dev llvm clang-format shellcheck libcmocka-dev libext2fs-dev
	libcap2-bin acl attr eatmydata e2fsprogs fuse2fs dosfstools mtools fdisk gdisk xfsprogs mount
	util-linux procps file jq python3 gzip bzip2 xz-utils zstd zip zsh bash-completion man-db
	mandoc dpkg-dev stress-ng fio dbench fuse-overlayfs
	mmdebstrap user-mode-linux qemu-system-x86 ipxe-qemu iproute2 dnsmasq-base tshark libnfs-utils libnfs-dev
	nfs-common netbase rpcbind tftp-hpa atftp curl busybox isc-dhcp-client openssh-client systemd
	dbus network-manager dhcpcd-base)

# packages_missing NAME...: those that are not installed, one a line
packages_missing() {
	local name
	for name; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
			echo "$name"
	done
}

# packages_install NAME...: installs what is missing; needs root only if something is
packages_install() {
	local missing
	command -v dpkg-query >/dev/null || {
		echo "not a Debian: hopefully there is something like: $*" >&2
		return 0
	}
	mapfile -t missing < <(packages_missing "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" != 0 ]; then
		echo "missing packages; install them by: sudo apt-get install ${missing[*]}" >&2
		return 1
	fi
	echo "== installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q -o Acquire::Retries=3 update </dev/null &&
		apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install \
			--no-install-recommends "${missing[@]}" </dev/null
}

# machine_ready: what udev and systemd give a machine, and a bare container may lack; silent
machine_ready() {
	[ "$(id -u)" = 0 ] || return 0
	[ -e /dev/fuse ] || modprobe fuse 2>/dev/null || true
	# fusermount3 reads it when an ordinary user unmounts
	[ -e /etc/mtab ] || [ -L /etc/mtab ] || ln -s ../proc/self/mounts /etc/mtab || true
}
