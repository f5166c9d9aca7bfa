#!/bin/bash
# SPDX-License-Identifier: MIT
# The Debian package builds, holds what an installation needs, and its program runs.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need cpack dpkg-deb dpkg-shlibdeps

grep -q 'fsanitize' "$BRAMBLE_BUILD/CMakeCache.txt" && skip "a sanitized build is not packaged"
(cd "$BRAMBLE_BUILD" && cpack -G DEB -B "$work/deb") >out 2>&1 || { cat out; fail "cpack"; }
package=$(echo "$work"/deb/*.deb)
[ -f "$package" ] || fail "not one package: $package"

dpkg-deb --info "$package" >info
said info "Package: bramble"
grep -qE 'Depends: .*libc6 \(>= ' info || fail "dpkg-shlibdeps did not run"
grep -qE 'Depends: .*fuse3' info || fail "fuse3 is not among the dependencies"
said info "Maintainer: The Bramble authors"

dpkg-deb --contents "$package" >contents
for path in usr/bin/bramble usr/share/doc/bramble/copyright usr/share/doc/bramble/changelog.gz \
	usr/share/bash-completion/completions/bramble usr/share/zsh/vendor-completions/_bramble \
	usr/share/man/man1/bramble.1.gz usr/share/man/man8/mount.bramble.8.gz \
	usr/share/man/man5/bramble.conf.5.gz usr/share/doc/bramble/bramble.conf \
	usr/lib/systemd/system/bramble.service usr/lib/systemd/system/bramble-tftp.socket; do
	grep -q " ./$path\$" contents || { cat contents; fail "no $path in the package"; }
done
grep -q ' ./usr/sbin/mount.bramble -> ../bin/bramble$' contents || fail "no mount.bramble"
grep -qv ' root/root ' contents && fail "something does not belong to root"
grep -q '^[^l]....w' contents && fail "something is writable by its group"

# Every library and header of the build stays at home.
grep -E '\.(a|h|so|cmake)$' contents && fail "something of the build is in the package"

# It can be installed, upgraded and removed, also where no systemd runs.
dpkg-deb --control "$package" control
for script in postinst prerm postrm; do
	[ -x control/$script ] || fail "no $script"
done
PATH=$work/none:$PATH
mkdir none
printf '#!/bin/sh\necho "$*" >>"%s/systemctl"\n' "$work" >none/systemctl
chmod 755 none/systemctl
sed "s|/run/systemd/system|$work/control|" -i control/postinst control/prerm control/postrm
expect 0 control/postinst configure ''
! grep -q restart systemctl || fail "installing it starts something"
expect 0 control/prerm upgrade 9.9
expect 0 control/postrm upgrade 9.9
! grep -q 'stop\|disable' systemctl || fail "an upgrade stops the server"
expect 0 control/postinst configure 0.0
grep -q '^try-restart bramble.service' systemctl || fail "an upgraded server is not started anew"
expect 0 control/prerm remove
grep -q '^stop bramble.service' systemctl || fail "what is removed is not stopped"
grep -q '^disable .*bramble-tftp.socket' systemctl || fail "what is removed is started at the next boot"
expect 0 control/postrm remove

dpkg-deb --extract "$package" root
expect 0 root/usr/bin/bramble --version
said out "bramble $(dpkg-deb --field "$package" Version)"
for page in root/usr/share/man/man1/*.gz; do
	[[ $page == */bramble.1.gz ]] && continue
	command=$(basename "$page" .1.gz)
	expect 0 root/usr/bin/bramble help "${command#bramble-}"
done

# What the service starts is where the package has it.
started=$(sed -nE 's/^ExecStart=([^ ]+) .*/\1/p' root/usr/lib/systemd/system/bramble.service)
[ "$started" = /usr/bin/bramble ] || fail "the service starts $started"

# systemd understands the units.
if command -v systemd-analyze >/dev/null; then
	mkdir units
	for unit in root/usr/lib/systemd/system/*; do
		sed "s,/usr/bin/bramble,$work/root/usr/bin/bramble," "$unit" >"units/${unit##*/}"
	done
	systemd-analyze verify --man=no units/* >verified 2>&1 || { cat verified; fail "systemd-analyze verify"; }
	! grep -i bramble verified || fail "systemd-analyze verify"
fi

if command -v lintian >/dev/null; then
	lintian --fail-on error "$package" || fail "lintian"
fi
