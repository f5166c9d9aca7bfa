# SPDX-License-Identifier: MIT
# The boot volume under an overlay: an ordinary directory, except that case makes no difference. The
# kernel, to which it does, must not keep a name that is gone by another spelling.
source "$(dirname "$0")/lib_overlay.sh"
make_pi_image pi.img
up
cd m/boot/firmware || fail "no boot volume"

[ "$(cat CMDLINE.TXT)" = "$(cat "$work/cmdline.txt")" ] || fail "another case does not find it"
[ "$(ls)" = "$(printf 'cmdline.txt\noverlays')" ] || fail "$(ls)"

# absent NAME...: none of them is there
absent() {
	local name
	for name; do
		[ ! -e "$name" ] || fail "$name is there"
	done
}

# listed NAME: in this spelling
listed() {
	ls >"$work/listed"
	grep -qxF -- "$1" "$work/listed"
}

# New names, asked for before and after in each spelling
absent config.txt Config.Txt CONFIG.TXT
echo one >Config.Txt
for name in config.txt Config.Txt CONFIG.TXT cOnFiG.tXt; do
	[ "$(cat $name)" = one ] || fail "$name"
done
[ "$(stat -c %i config.txt)" = "$(stat -c %i CONFIG.TXT)" ] || fail "two files"
[ "$(ls | grep -ci '^config.txt$')" = 1 ] && listed Config.Txt || fail "$(ls)"
expect 1 mkdir CONFIG.TXT
expect 1 bash -c 'set -C; : >config.TXT'
echo two >CONFIG.TXT
[ "$(cat Config.Txt)" = two ] || fail "two files"
rm cOnFiG.TxT
absent config.txt Config.Txt CONFIG.TXT cOnFiG.tXt

# A name of the image
cat CMDLINE.TXT Cmdline.txt cmdline.txt >/dev/null
rm Cmdline.TXT
absent CMDLINE.TXT Cmdline.txt cmdline.txt Cmdline.TXT
[ "$(ls)" = overlays ] || fail "$(ls)"
echo back >CmdLine.txt
[ "$(cat cmdline.txt)" = back ] && listed CmdLine.txt || fail "$(ls)"

# Renaming
mv CMDLINE.txt other.TXT
absent cmdline.txt CmdLine.txt
[ "$(cat OTHER.txt)" = back ] || fail "no other.TXT"
echo over >new
mv NEW Other.txt
[ "$(cat other.TXT)" = over ] && [ "$(ls | grep -ci other)" = 1 ] || fail "$(ls)"
# To another case of the same: rename(2) says done, mv says that it is the same file; by way of a third
# name it is done, as on Linux's own FAT
mv other.TXT third
mv third OTHER.TXT
listed OTHER.TXT || fail "$(ls)"
mv overlays OVERLAYS2
[ -f "overlays2/a long name.DTBO" ] && [ ! -e overlays ] || fail "a directory"
mv OVERLAYS2 Overlays

# Directories of the image, and new ones, are alike
mkdir Overlays/New
: >overlays/new/File
[ -e OVERLAYS/NEW/FILE ] || fail "case counts in a new directory"
[ "$(stat -c %i overlays/new)" = "$(stat -c %i Overlays/NEW)" ] || fail "two directories"
cd OVERLAYS/new || fail "another case does not lead there"
: >x
cd ../.. || exit
[ -e overlays/NEW/X ] || fail "where another spelling leads to"
rm -r overlays/NEW
absent overlays/New OVERLAYS/new
mkdir Ümlaut
[ -d üMLAUT ] || fail "case of letters beyond ASCII"

# It is POSIX now: what FAT has not
chmod 600 other.txt
[ "$(stat -c %a OTHER.TXT)" = 600 ] || fail "no modes"
ln -s other.txt link
ln other.txt hard
[ "$(cat LINK)" = over ] && [ "$(stat -c %h HARD)" = 2 ] || fail "no links"
setfattr -n user.x -v y Hard
touch -d '1970-01-01 00:00:01.5' hard
cd "$work" || exit
manifest=$BRAMBLE_BUILD/test/support/manifest
"$manifest" m/boot >seen
again
"$manifest" m/boot >stored
diff seen stored >&2 || fail "not the same after a remount"
long=$(printf 'ä%.0s' {1..255})
: >"m/boot/firmware/$long" || fail "a name of 255 UTF-16 units"
[ -e "m/boot/firmware/${long//ä/Ä}" ] || fail "a long name in another case"
expect 1 touch "m/boot/firmware/${long}x"
again
(cd m/boot/firmware && listed "$long") || fail "a long name after a remount"
[ "$(cat m/boot/firmware/OTHER.txt)" = over ] || fail "case counts after a remount"
absent m/boot/firmware/cmdline.txt m/boot/firmware/config.txt

# In the root volume case counts, as ever
echo lower >m/etc/case
echo upper >m/etc/CASE
[ "$(cat m/etc/case)" = lower ] || fail "case does not count in the root volume"
down
