#!/bin/bash
# SPDX-License-Identifier: MIT
# Bash completes commands, options, images, partitions and paths inside the image; driven through
# bash's own programmable completion. Zsh's file at least parses.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"

need bash mke2fs

. "$BRAMBLE_SOURCE/tools/completion/bramble.bash"

# completes WORD... -- EXPECTED...: what TAB offers behind the words, the last of which is unfinished
completes() {
	COMP_WORDS=()
	while [ "$1" != -- ]; do
		COMP_WORDS+=("$1")
		shift
	done
	shift
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMP_LINE=${COMP_WORDS[*]}
	COMP_POINT=${#COMP_LINE}
	COMPREPLY=()
	"$(complete -p bramble | sed 's/.*-F \([^ ]*\) .*/\1/')" bramble "${COMP_WORDS[-1]}" \
		"${COMP_WORDS[-2]}" || true
	local got want
	got=$(printf '%s\n' "${COMPREPLY[@]}" | sort)
	want=$(printf '%s\n' "$@" | sort)
	[ "$got" = "$want" ] || fail "\"$COMP_LINE\" completes to: $got; not: $want"
}

offers() { # as completes, but there may be more
	local words=()
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	COMP_WORDS=("${words[@]}")
	COMP_CWORD=$((${#words[@]} - 1))
	COMPREPLY=()
	_bramble || true
	local expected
	for expected; do
		# not grep -q, which may leave printf without a reader
		printf '%s\n' "${COMPREPLY[@]}" | grep -xF -- "$expected" >/dev/null ||
			fail "\"${words[*]}\" does not offer $expected, but: ${COMPREPLY[*]}"
	done
}

mkdir -p tree/etc/default "tree/with space" images dir
echo here >tree/etc/default/keyboard
echo here >tree/etc/debian_version
truncate -s 1M images/disk.img images/my\ disk.img
mke2fs -q -t ext4 -d tree images/disk.img 1M
cp images/disk.img "images/my disk.img"
touch images/notes.txt

completes bramble he -- help
completes bramble --v -- --version
offers bramble "" -- info ls stat cat cp mount umount serve status pi overlay help
completes bramble help uno -- ""
completes bramble help um -- umount
offers bramble ls - -- -l -R --partition --json --help
offers bramble mount --f -- --foreground
completes bramble info images/d -- images/disk.img
completes bramble info images/ -- images/disk.img "images/my disk.img"
completes bramble info images/n -- images/notes.txt
completes bramble mount images/disk.img di -- dir
completes bramble mount -o allow -- allow_other
completes bramble mount -o ro,allow -- ro,allow_other
completes bramble ls images/disk.img et -- etc/
completes bramble ls images/disk.img /et -- /etc/
completes bramble ls images/disk.img /etc/deb -- /etc/debian_version
completes bramble ls images/disk.img /etc/de -- /etc/debian_version /etc/default/
completes bramble cat images/disk.img /etc/debian_version etc/default/ -- etc/default/keyboard
completes bramble stat "images/my\\ disk.img" w -- "with space/"
completes bramble cp -r images/disk.img etc dir -- dir
completes bramble cat --state dir images/disk.img /etc/debian -- /etc/debian_version
completes bramble cat --partition 7 images/disk.img /etc/debian -- ""

# Overlays
export BRAMBLE_STATE=$work/state
bramble overlay create kitchen --image images/disk.img
bramble overlay create garden --base kitchen
bramble overlay snapshot kitchen before
offers bramble overlay "" -- list create show diff reset snapshot restore clone delete check
completes bramble overlay res -- reset restore
completes bramble overlay show k -- kitchen
completes bramble overlay show "" -- kitchen garden
completes bramble overlay show kitchen "" -- ""
completes bramble overlay delete garden k -- kitchen
completes bramble overlay create new --base g -- garden
completes bramble overlay create new --image images/d -- images/disk.img
completes bramble overlay restore kitchen "" -- before
completes bramble overlay snapshot kitchen --delete "" -- before
completes bramble overlay diff kitchen et -- etc/
completes bramble overlay show --state dir "" -- ""
completes bramble ls --overlay k -- kitchen
completes bramble ls --overlay = k -- kitchen
completes bramble cat --overlay kitchen images/disk.img /etc/debian -- /etc/debian_version

# The server: completes images, files and words; Pis where one runs.
offers bramble "" -- serve status pi
completes bramble serve images/d -- images/disk.img
completes bramble serve --dhcp "" -- proxy full off
completes bramble serve --dhcp = p -- proxy
completes bramble serve --only dhcp,t -- dhcp,tftp
offers bramble serve --interface "" -- lo
completes bramble serve --nfs-port 1 -- ""
completes bramble serve --dhcp off --nfs-port 12049 images/d -- images/disk.img
completes bramble serve --config images/n -- images/notes.txt
offers bramble serve - -- --config --interface --portmap-port --state
completes bramble pi "" -- list show add set remove forget
completes bramble pi set 00000001 n -- name=
completes bramble pi show "" -- ""
completes bramble status "" -- ""
offers bramble status - -- --json --state

# An MBR by hand: FAT at sector 2048, Linux at sector 4096.
truncate -s 8M images/table.img
{
	printf '\0\0\0\0\x0c\0\0\0\0\x08\0\0\0\x08\0\0'
	printf '\0\0\0\0\x83\0\0\0\0\x10\0\0\0\x08\0\0'
} | dd of=images/table.img bs=1 seek=446 conv=notrunc status=none
printf '\x55\xaa' | dd of=images/table.img bs=1 seek=510 conv=notrunc status=none
dd if=images/disk.img of=images/table.img bs=1M seek=2 conv=notrunc status=none
completes bramble ls images/table.img --partition "" -- 1 2
completes bramble ls --partition = 2 images/table.img etc/deb -- etc/debian_version

# The same by a TAB on a terminal.
if command -v script >/dev/null; then
	cat >rc <<-'RC'
	. "$BRAMBLE_SOURCE/tools/completion/bramble.bash"
	show() { printf '<%s>' "$@"; echo; }
	_show() { COMP_WORDS[0]=bramble; _bramble; }
	complete -F _show show
	RC
	printf 'show cat images/my\t /etc/debi\t\nexit\n' >keys
	script -qec "bash --rcfile rc -i" /dev/null <keys >typed 2>&1 || true
	said typed '<cat><images/my disk.img></etc/debian_version>'
fi

if command -v zsh >/dev/null; then
	zsh -n "$BRAMBLE_SOURCE/tools/completion/_bramble" || fail "zsh cannot read _bramble"
fi
