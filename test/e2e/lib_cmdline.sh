# SPDX-License-Identifier: MIT
# Sourced on demand: what a Pi must get as its command line.

# check_cmdline FILE SERIAL: the image's words, but for those about its own disk, and the network's
check_cmdline() {
	local text word
	[ "$(wc -l <"$1")" -le 1 ] || fail "cmdline.txt has several lines"
	[ "$(wc -c <"$1")" -le 2048 ] || fail "cmdline.txt is too long"
	text=" $(cat "$1") "
	for word in console=serial0,115200 console=tty1 rootwait quiet root=/dev/nfs rw ip=dhcp; do
		[[ $text == *" $word "* ]] || fail "no '$word' in cmdline.txt:$text"
	done
	for word in root=PARTUUID rootfstype= fsck.repair init= ' resize ' ' ro '; do
		[[ $text != *"$word"* ]] || fail "'$word' is left in cmdline.txt:$text"
	done
	[ "$(grep -o 'root=' "$1" | wc -l)" = 2 ] || fail "not one root= and one nfsroot= :$text"
	[[ $text =~ \ nfsroot=$server_ip:/$2,v3,tcp,port=2049,nolock,rsize=([0-9]+),wsize=([0-9]+)\  ]] ||
		fail "nfsroot= is not as promised:$text"
	[ "${BASH_REMATCH[1]}" -ge 4096 ] || fail "small rsize:$text"
}
