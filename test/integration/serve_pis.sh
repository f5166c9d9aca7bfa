#!/bin/bash
# SPDX-License-Identifier: MIT
# What each Pi gets: its own tree, command lines made ready wherever they lie, kernels that it has
# upgraded, a new life at each boot where the configuration says so, and no EEPROM update by accident.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=test/integration/lib_serve.sh
. "$(dirname "$0")/lib_serve.sh"
need nfs-ls nfs-cat curl mcopy debugfs jq

nfs() { echo "nfs://127.0.0.1/$1?nfsport=12049&mountport=12049"; }
PATH=$BRAMBLE_BUILD/test/support:$PATH
type -P nfs_edit >/dev/null || skip "libnfs was not there when this was built"
get() { curl -sf --max-time 20 "tftp://127.0.0.1:16069/$1"; }
put() { nfs_edit "$(nfs "${2%%/*}")" put "$1" "/${2#*/}"; }
mounts() { nfs-ls "$(nfs "$1")" >/dev/null 2>&1; }
state_of() { bramble pi show "$1" --json | jq -r ".$2"; }

serve_image
boot=$((8 << 20))
cat >"$work/cmdline" <<'TEXT'
console=tty1 root=PARTUUID=1234abcd-02 rootfstype=ext4 fsck.repair=yes rootwait init=/usr/lib/raspberrypi-sys-mods/firstboot resize quiet
TEXT
mlabel -i "$image@@$boot" -s :: >/dev/null 2>&1 || boot=$((4 << 20))
mlabel -i "$image@@$boot" -s :: >/dev/null 2>&1 || fail "where is the boot partition of $image?"
mmd -i "$image@@$boot" ::current ::new
mcopy -oi "$image@@$boot" "$work/cmdline" ::cmdline.txt
mcopy -oi "$image@@$boot" "$work/cmdline" ::current/cmdline.txt
mcopy -oi "$image@@$boot" "$work/cmdline" ::new/special.txt
printf 'os_prefix=new/\ncmdline=special.txt\n' >"$work/config"
mtype -i "$image@@$boot" ::config.txt >>"$work/config"
mcopy -oi "$image@@$boot" "$work/config" ::config.txt
head -c 4096 /dev/urandom >"$work/eeprom"
mcopy -oi "$image@@$boot" "$work/eeprom" ::pieeprom.upd
before=$(sha256sum <"$image")

cat >"$work/conf" <<TEXT
[server]
dhcp = off
tftp-port = 16069
nfs-port = 12049
mount-port = 0
portmap-port = 0
[image pi]
file = $image
[defaults]
image = pi
[pi 0000aaaa]
name = lobby
keep = until-reboot
[pi 0000bbbb]
eeprom-updates = yes
TEXT
serve_start --config "$work/conf" -v

# Command lines, wherever they lie and whatever they are called.
for path in cmdline.txt current/cmdline.txt new/special.txt CMDLINE.TXT; do
	line=$(get "036cb716/$path") || fail "$path is not handed out"
	[ "$(wc -l <<<"$line")" = 1 ] || fail "$path has more than one line"
	for word in console=tty1 rootwait quiet root=/dev/nfs rw ip=dhcp \
		nfsroot=127.0.0.1:/036cb716,v3,tcp,port=12049,nolock,rsize=131072,wsize=131072; do
		[[ " $line " == *" $word "* ]] || fail "$path lacks $word: $line"
	done
	for word in root=PARTUUID rootfstype fsck.repair init= resize; do
		[[ " $line" != *" $word"* ]] || fail "$path still has $word: $line"
	done
done
get 036cb716//config.txt | cmp - "$work/config" || fail "config.txt is another one"
! get 036cb716/../../etc/passwd >/dev/null || fail "a path leads out of the boot tree"
! get 036cb716/overlays >/dev/null || fail "a directory is handed out"
[ ! -e "$work/state/overlays/036cb716" ] || fail "reading made an overlay"

# The whole boot tree, file by file.
mcopy -snoi "$image@@$boot" :: "$work/boot" >/dev/null 2>&1 || { mkdir -p "$work/boot" &&
	mcopy -snoi "$image@@$boot" "::*" "$work/boot"; }
(cd "$work/boot" && find . -type f) | while read -r path; do
	# curl takes no empty file
	[ -s "$work/boot/$path" ] || continue
	case ${path,,} in *cmdline.txt | *special.txt | *pieeprom*) continue ;; esac
	get "036cb716/$(jq -Rr @uri <<<"${path#./}")" | cmp -s - "$work/boot/$path" || fail "$path differs"
done

# EEPROM updates: only from a Pi's own overlay, or where they are wanted.
! get 036cb716/pieeprom.upd >/dev/null || fail "the image's EEPROM update goes to every Pi"
get 0000bbbb/pieeprom.upd | cmp - "$work/eeprom" || fail "a wanted update is held back"
mounts 036cb716 || fail "036cb716 cannot mount its tree"
! get 036cb716/pieeprom.upd >/dev/null || fail "an overlay gives away the image's EEPROM update"
head -c 5000 /dev/urandom >"$work/eeprom2"
put "$work/eeprom2" 036cb716/boot/firmware/pieeprom.upd
get 036cb716/pieeprom.upd | cmp - "$work/eeprom2" || fail "its own EEPROM update is held back"

# What a Pi writes is what it boots next, and nobody else sees it.
head -c 3000000 /dev/urandom >"$work/kernel"
put "$work/kernel" 036cb716/boot/firmware/kernel8.img
get 036cb716/kernel8.img | cmp - "$work/kernel" || fail "the upgraded kernel is not handed out"
! get abcd1234/kernel8.img | cmp -s - "$work/kernel" || fail "another Pi gets its kernel"
mounts abcd1234 || fail "abcd1234 cannot mount its tree"
echo mine >"$work/mine"
put "$work/mine" 036cb716/etc/mine
nfs-cat "$(nfs 036cb716/etc/mine)" | cmp - "$work/mine" || fail "what was written is not there"
! nfs-cat "$(nfs abcd1234/etc/mine)" >/dev/null 2>&1 || fail "another Pi sees its files"
grep -q '^/boot/firmware /boot/firmware none bind 0 0' <(nfs-cat "$(nfs 036cb716/etc/fstab)") ||
	fail "fstab was not made ready"
[ "$(nfs-cat "$(nfs 036cb716/etc/hostname)")" = pi-036cb716 ] || fail "the host name is not its own"
[ "$(nfs-cat "$(nfs 036cb716/etc/machine-id)")" != "$(nfs-cat "$(nfs abcd1234/etc/machine-id)")" ] ||
	fail "two Pis have one machine-id"

# A name is an alias.
mounts lobby || fail "its name does not lead to its tree"
[ -d "$work/state/overlays/0000aaaa" ] || fail "the overlay is not named by the serial"
get lobby/cmdline.txt | grep -q 'nfsroot=127.0.0.1:/0000aaaa,' || fail "its name boots another tree"

# keep = until-reboot: a restart of the server changes nothing; a kernel that was loaded does, once.
put "$work/mine" 0000aaaa/etc/mine
serve_stop
serve_start --config "$work/conf" -v
nfs-cat "$(nfs 0000aaaa/etc/mine)" >/dev/null || fail "a restart of the server made it new"
kill -KILL "$server"
wait "$server" || true
serve_start --config "$work/conf" -v
nfs-cat "$(nfs 0000aaaa/etc/mine)" >/dev/null || fail "a crash of the server made it new"
get 0000aaaa/config.txt >/dev/null
nfs-cat "$(nfs 0000aaaa/etc/mine)" >/dev/null || fail "loading config.txt made it new"
get 0000aaaa/kernel8.img >/dev/null
mounts 0000aaaa || fail "it cannot mount its new tree"
! nfs-cat "$(nfs 0000aaaa/etc/mine)" >/dev/null 2>&1 || fail "its former life is still there"
put "$work/mine" 0000aaaa/etc/mine
mounts 0000aaaa
nfs-cat "$(nfs 0000aaaa/etc/mine)" >/dev/null || fail "it became new twice"

# One that was not flushed before the host lost its power is made anew, too; another is left as it is.
for pi in 0000aaaa 036cb716; do
	kill -KILL "$server"
	wait "$server" || true
	for file in meta log; do
		[ ! -e "$work/state/overlays/$pi/$file" ] ||
			dd if=/dev/urandom of="$work/state/overlays/$pi/$file" bs=4096 count=3 \
				conv=notrunc status=none
	done
	serve_start --config "$work/conf" -v
	if [ $pi = 0000aaaa ]; then
		mounts $pi || fail "a temporary tree that is damaged is not made anew"
		! nfs-cat "$(nfs $pi/etc/mine)" >/dev/null 2>&1 || fail "a damaged tree is whole"
		put "$work/mine" $pi/etc/mine
	else
		! mounts $pi || fail "a tree that is damaged is mounted"
		[ "$(state_of $pi refused)" != null ] || fail "status does not tell of the damage"
		bramble overlay reset --yes $pi || fail "a damaged tree cannot be thrown away"
		mounts $pi || fail "it does not boot after that"
		put "$work/mine" $pi/etc/mine
	fi
done

# bramble pi and status.
[ "$(bramble status --json | jq -r '.pis | length')" = 4 ] || fail "status lists other than four Pis"
bramble pi set abcd1234 name=kitchen keep=until-reboot
[ "$(state_of kitchen serial)" = abcd1234 ] || fail "a name that was set is not known"
[ "$(state_of kitchen keep)" = until-reboot ] || fail "keep was not set"
! bramble pi set 036cb716 name=kitchen 2>"$work/err" || fail "two Pis have one name"
! bramble pi set abcd1234 mac=ff:ff:ff:ff:ff:ff 2>/dev/null || fail "a Pi has the address of all"
! bramble pi set 0000aaaa name=hall 2>"$work/err" || fail "a listed Pi was changed"
grep -q 'configuration' "$work/err" || fail "it does not say where to change it"
bramble pi add 12345678 name=new
! bramble pi add 12345678 2>/dev/null || fail "a Pi was added twice"
bramble pi remove new
! bramble pi show 12345678 2>/dev/null || fail "a removed Pi is still there"
[ "$(state_of 036cb716 'lost_capabilities | length')" -ge 0 ] || fail "no list of capabilities"

# What was reset, or made without the server, is made ready before it is mounted, though it was loaded from.
bramble overlay reset --yes abcd1234 || fail "reset does not reach the server"
get abcd1234/config.txt >/dev/null
mounts abcd1234 || fail "a tree that was reset cannot be mounted"
[ "$(nfs-cat "$(nfs abcd1234/etc/hostname)")" = kitchen ] || fail "a tree that was reset is not made ready"
bramble overlay create 55550000 --image "$image" || fail "no overlay can be made beside the server"
get 55550000/config.txt >/dev/null
mounts 55550000 || fail "an overlay that was made beside the server cannot be mounted"
nfs-cat "$(nfs 55550000/etc/fstab)" | grep -q 'none bind' || fail "it was not made ready"

# So is a copy of another Pi's, which gets an identity of its own.
bramble overlay clone abcd1234 66660000 || fail "no copy can be made beside the server"
get 66660000/config.txt >/dev/null
mounts 66660000 || fail "a copy cannot be mounted"
[ "$(nfs-cat "$(nfs 66660000/etc/hostname)")" = pi-66660000 ] || fail "a copy keeps the name"
[ "$(nfs-cat "$(nfs 66660000/etc/machine-id)")" != "$(nfs-cat "$(nfs abcd1234/etc/machine-id)")" ] ||
	fail "a copy keeps the machine-id"
# Pis above one overlay that is prepared see it, and write above it; those that load first, too.
bramble overlay create golden --image "$image"
for pi in 77770000 88880000; do
	bramble pi add $pi base=golden
	get $pi/config.txt >/dev/null || fail "$pi gets no files of its base"
	mounts $pi || fail "$pi cannot be mounted above its base"
done
put "$work/mine" 77770000/etc/mine
! nfs-cat "$(nfs 88880000/etc/mine)" >/dev/null 2>&1 || fail "two Pis above one base share their files"
bramble overlay show 77770000 | grep -q golden || fail "the overlay is not made above its base"
# A base must be there, be made on the image, and be written to by nobody; it is frozen from then on.
bramble overlay show golden --json | jq -e .frozen >/dev/null || fail "a base is not frozen"
for what in add set; do
	pi=$([ $what = add ] && echo aaaa0001 || echo 77770000)
	expect 1 bramble pi $what $pi base=gold
	said err "base=gold: there is no such overlay: make it by \"bramble overlay create gold --image $image\""
	expect 1 bramble pi $what $pi base=036cb716
	said err "base=036cb716: is in use by process $server (bramble serve)"
done
[ "$(state_of 77770000 base)" = golden ] || fail "what was refused was noted"
! bramble pi show aaaa0001 >/dev/null 2>&1 || fail "a Pi is there without the base that it was to have"
cp "$image" "$work/other.img"
mlabel -i "$work/other.img@@$boot" ::other
bramble overlay create foreign --image "$work/other.img"
expect 1 bramble pi set 77770000 base=foreign
said err "base=foreign: was made on another image than $image"
! grep -q '^seal' "$work/state/overlays/foreign/info" || fail "what was refused was frozen"
bramble overlay create later --image "$image"
expect 0 bramble pi set 77770000 base=later
grep -q '^seal' "$work/state/overlays/later/info" || fail "a base that was set is not frozen"
# Nobody is there who was not added.
! bramble pi add 99990000 name=kitchen 2>/dev/null || fail "a name was given twice"
! bramble pi show 99990000 >/dev/null 2>&1 || fail "a Pi is there that could not be added"

# The name of a Pi is that of its overlay, too.
bramble overlay show lobby | grep -q 0000aaaa || fail "a Pi's name is not known to bramble overlay"
bramble overlay show kitchen >/dev/null || fail "a name that was set is not known to bramble overlay"
bramble ls --overlay lobby "$image" /etc/mine >/dev/null || fail "a Pi's name is no --overlay"

# An overlay that the server holds can be looked at, copied and reset.
bramble overlay show 036cb716 >/dev/null || fail "show does not reach the server"
bramble overlay diff 036cb716 | grep -q /etc/mine || fail "diff does not reach the server"
bramble overlay snapshot 036cb716 good || fail "snapshot does not reach the server"
put "$work/kernel" 036cb716/etc/mine
bramble overlay restore --yes 036cb716 good || fail "restore does not reach the server"
nfs-cat "$(nfs 036cb716/etc/mine)" | cmp - "$work/mine" || fail "the snapshot is not what was restored"
[ "$(nfs-cat "$(nfs 036cb716/etc/hostname)")" = pi-036cb716 ] || fail "restoring lost its name"

[ "$(sha256sum <"$image")" = "$before" ] || fail "the image was written to"
serve_stop
