# SPDX-License-Identifier: MIT
# What `bramble overlay` does to overlays: each subcommand, with wrong usage and wrong names.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_pi.sh"
source "$(dirname "$0")/lib_state.sh"

image=$work/pi.img
make_pi_image "$image"
before=$(sha256sum <"$image")

# --- usage -------------------------------------------------------------------------------------

expect 2 bramble overlay
expect 2 bramble overlay frobnicate
expect 2 bramble overlay create
expect 2 bramble overlay create a b
expect 2 bramble overlay create kitchen
said err "create needs --image or --base"
expect 2 bramble overlay show
expect 2 bramble overlay clone kitchen
expect 2 bramble overlay restore kitchen
expect 2 bramble overlay list kitchen
expect 2 bramble overlay list --yes
said err "--yes: not an option of \"overlay list\""
expect 2 bramble overlay diff kitchen --base x
expect 2 bramble overlay clone kitchen new --partition 1
expect 2 bramble overlay list --state ''
for sub in show diff reset snapshot delete check "create --image x" "create --base x"; do
	expect 2 bramble overlay $sub BAD
	said err "overlay BAD: not a name"
done
expect 2 bramble overlay create good --base BAD
expect 2 bramble overlay restore kitchen .x
expect 2 bramble overlay snapshot kitchen --delete .x
expect 0 bramble overlay --help
said out "snapshot NAME [SNAPSHOT]"

# --- nothing there -----------------------------------------------------------------------------

expect 0 bramble overlay list
[ ! -s out ] || fail "list says something of nothing"
[ ! -e "$BRAMBLE_STATE" ] || fail "list makes the state directory"
expect 0 bramble overlay list --json
[ "$(tr -d ' \n' <out)" = '[]' ] || fail "no overlays are not [] in JSON"
for sub in show diff snapshot check; do
	expect 1 bramble overlay $sub kitchen
	said err "overlay kitchen: there is none in $BRAMBLE_STATE"
done
for sub in reset delete; do
	expect 1 bramble overlay $sub kitchen --yes
	said err "overlay kitchen: there is none in $BRAMBLE_STATE"
done
expect 1 bramble overlay restore kitchen snap --yes
expect 1 bramble overlay clone kitchen other
said err "overlay kitchen: there is none"
expect 1 bramble ls --overlay kitchen "$image" /
said err "overlay kitchen: there is none"

# --- create ------------------------------------------------------------------------------------

for name in '' . .. .hidden Kitchen a/b 'a b' "$(printf 'x%.0s' {1..65})"; do
	expect 2 bramble overlay create "$name" --image "$image"
	said err 'not a name: 1 to 64 of a-z, 0-9, ".", "_" and "-"'
done
expect 1 bramble overlay create kitchen --image "$work/nothing.img"
said err "$work/nothing.img: No such file"
expect 1 bramble overlay create kitchen --image "$image" --partition 9
said err "there is no partition 9"
expect 0 bramble overlay list
[ ! -s out ] || fail "something is left of overlays that could not be made"

expect 0 bramble overlay create kitchen --image pi.img
expect 1 bramble overlay create kitchen --image pi.img
said err "overlay kitchen: exists already"
expect 0 bramble overlay create "$(printf 'x%.0s' {1..64})" --image pi.img
expect 0 bramble overlay delete "$(printf 'x%.0s' {1..64})" --yes
[ "$(stat -c %a "$BRAMBLE_STATE" "$BRAMBLE_STATE/overlays" "$BRAMBLE_STATE/overlays/kitchen" |
	sort -u)" = 700 ] || fail "others may look into the state directory"

# --- an empty one is as the image --------------------------------------------------------------

expect 0 bramble overlay diff kitchen
[ ! -s out ] || fail "an empty overlay differs"
expect 0 bramble overlay check kitchen
said out "kitchen: clean"
expect 0 bramble overlay show kitchen
said out "$image"
[ "$(field kitchen state)" = idle ] || fail "not idle"
[ "$(field kitchen empty)" = true ] || fail "not empty"
diff <(bramble ls -lR "$image") <(bramble ls -lR --overlay kitchen "$image") ||
	fail "an empty overlay shows something else"

# --- changes -----------------------------------------------------------------------------------

edit "$image" kitchen 'write /etc/added new' 'write /home/pi/.profile other' 'rm /bin/empty' \
	'mkdir /srv' 'mv /many /srv/few' 'chmod 600 /etc/fstab' 'fill /srv/big 5000000'
expect 0 bramble overlay diff kitchen
said out 'A /etc/added'
said out 'M /home/pi/.profile'
said out 'D /bin/empty'
said out 'A /srv'
said out 'R /many -> /srv/few'
said out 'M /etc/fstab'
[ "$(wc -l <out)" = 7 ] || fail "diff: $(cat out)"
expect 0 bramble overlay diff kitchen /srv/
[ "$(sort out)" = "$(printf 'A /srv\nA /srv/big\nR /many -> /srv/few')" ] ||
	fail "diff below /srv: $(cat out)"
expect 0 bramble overlay diff kitchen etc/added
[ "$(cat out)" = 'A /etc/added' ] || fail "diff of a file: $(cat out)"
expect 1 bramble overlay diff kitchen /sr
[ ! -s out ] || fail "/srv does not lie below /sr"
said err "overlay kitchen: /sr: neither there nor in what it is made on"
for there in /bin /many /home/ etc; do
	expect 0 bramble overlay diff kitchen "$there"
done
expect 0 bramble overlay diff --stat kitchen
said out '3 added, 2 modified, 1 deleted, 1 renamed; 4.8 MiB of data stored'
expect 0 bramble overlay diff --json kitchen
said out '"change": "R"'
said out '"old_path": "/many"'
if command -v jq >/dev/null; then
	jq -e '.[] | select(.path == "/home/pi/.profile") | .what == ["data"]' out >/dev/null ||
		fail "JSON does not say that data changed"
	bramble overlay diff --json --stat kitchen | jq -e '.added == 3' >/dev/null ||
		fail "the numbers are no JSON"
fi
[ "$(bramble cat --overlay kitchen "$image" /etc/added)" = new ] || fail "cat sees no overlay"
[ "$(bramble ls --overlay kitchen "$image" /srv)" = $'big\nfew' ] || fail "ls sees no overlay"
bramble cp --overlay kitchen "$image" /etc/added "$work/copied"
[ "$(cat "$work/copied")" = new ] || fail "cp sees no overlay"
[ "$(bramble stat --overlay kitchen "$image" /etc/fstab | grep -cF '(0600/')" = 1 ] ||
	fail "stat sees no overlay"
expect 1 bramble cat "$image" /etc/added
expect 0 bramble overlay check kitchen
said out "kitchen: clean"
expect 0 bramble overlay show kitchen
said out "Content:"
[ "$(field kitchen empty)" = false ] || fail "still empty"

# --- list --------------------------------------------------------------------------------------

bramble overlay create attic --image "$image"
expect 0 bramble overlay list
[ "$(awk '{ print $1 }' out | tr '\n' ' ')" = 'NAME attic kitchen ' ] || fail "list: $(cat out)"
expect 0 bramble overlay list --json
said out '"name": "attic"'
said out "\"image\": \"$image\""

# --- snapshot, restore -------------------------------------------------------------------------

uuid=$(field kitchen uuid)
expect 0 bramble overlay snapshot kitchen one
[ ! -s out ] || fail "what was named is told"
expect 1 bramble overlay snapshot kitchen one
said err "snapshot one exists already"
expect 2 bramble overlay snapshot kitchen ../one
said err "not a name"
expect 2 bramble overlay snapshot kitchen two --list
expect 0 bramble overlay snapshot kitchen
by_time=$(cat out)
[[ $by_time =~ ^20[0-9]{2}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}$ ]] ||
	fail "a snapshot without a name is called $by_time"
expect 0 bramble overlay snapshot kitchen --list
[ "$(awk '{ print $1 }' out)" = "$by_time"$'\none' ] || fail "snapshots: $(cat out)"
expect 0 bramble overlay snapshot kitchen --list --json
said out '"name": "one"'
expect 0 bramble overlay show kitchen
said out "one ("

edit - kitchen 'write /etc/later x' 'rm /etc/added' 'write /home/pi/.profile third'
later=$(node_id kitchen /etc/later)
expect 1 bramble overlay restore kitchen two --yes
said err "it has no snapshot two"
expect 2 bramble overlay restore kitchen one </dev/null
said err "say --yes"
expect 0 bramble overlay restore kitchen one --yes
[ "$(bramble cat --overlay kitchen "$image" /etc/added)" = new ] || fail "not restored"
[ "$(bramble cat --overlay kitchen "$image" /home/pi/.profile)" = other ] || fail "not restored"
expect 1 bramble cat --overlay kitchen "$image" /etc/later
expect 0 bramble overlay check kitchen
[ "$(field kitchen uuid)" = "$uuid" ] || fail "restoring changes the uuid"
[ "$(field kitchen epoch)" = 1 ] || fail "restoring begins no epoch"
edit - kitchen 'write /etc/other y'
[ "$(node_id kitchen /etc/other)" -gt "$later" ] || fail "restoring gives a number out again"
expect 2 bramble overlay snapshot kitchen --delete "$by_time" </dev/null
said err "say --yes"
expect 2 bramble overlay snapshot kitchen --yes
expect 0 bramble overlay snapshot kitchen --delete "$by_time" --yes
expect 1 bramble overlay snapshot kitchen --delete "$by_time" </dev/null
said err "it has no snapshot"
expect 0 bramble overlay snapshot kitchen --list
[ "$(awk '{ print $1 }' out)" = one ] || fail "snapshots: $(cat out)"

# --- clone -------------------------------------------------------------------------------------

expect 1 bramble overlay clone kitchen attic
said err "overlay attic: exists already"
expect 2 bramble overlay clone kitchen Bad
expect 0 bramble overlay clone kitchen copy
diff <(bramble ls -lR --overlay kitchen "$image") <(bramble ls -lR --overlay copy "$image") ||
	fail "a clone differs"
[ "$(field copy uuid)" != "$uuid" ] || fail "a clone has the same uuid"
expect 0 bramble overlay check copy kitchen attic
[ "$(cat out)" = $'copy: clean\nkitchen: clean\nattic: clean' ] || fail "check: $(cat out)"
expect 0 bramble overlay check --json copy
said out '"name": "copy"'
said out '"clean": true'
said out '"problems": 0'
expect 1 bramble overlay check --json nothing copy
said out '"clean": false'
said out '"error": "No such file or directory"'
edit - copy 'write /etc/added mine'
[ "$(bramble cat --overlay kitchen "$image" /etc/added)" = new ] || fail "a clone is not its own"

# --- reset -------------------------------------------------------------------------------------

other=$(node_id kitchen /etc/other)
expect 2 bramble overlay reset kitchen </dev/null
said err "say --yes"
[ "$(bramble cat --overlay kitchen "$image" /etc/other)" = y ] || fail "reset without --yes"
expect 0 bramble overlay reset kitchen --yes
expect 0 bramble overlay diff kitchen
[ ! -s out ] || fail "reset leaves: $(cat out)"
[ "$(field kitchen uuid)" = "$uuid" ] || fail "reset changes the uuid"
[ "$(field kitchen epoch)" = 2 ] || fail "reset begins no epoch"
edit - kitchen 'write /etc/again z'
[ "$(node_id kitchen /etc/again)" -gt "$other" ] || fail "reset gives a number out again"

# one that was not closed, whose last number is in its store alone
edit_crash - kitchen 'write /etc/lost a' 'sync'
lost=$(node_id kitchen /etc/lost)
expect 0 bramble overlay reset -y kitchen
edit - kitchen 'write /etc/found b'
[ "$(node_id kitchen /etc/found)" -gt "$lost" ] || fail "a number is given out again"
expect 0 bramble overlay restore kitchen one -y
[ "$(bramble cat --overlay kitchen "$image" /etc/added)" = new ] || fail "reset takes snapshots"

# --- delete ------------------------------------------------------------------------------------

expect 2 bramble overlay delete kitchen </dev/null
expect 1 bramble overlay delete kitchen nothing </dev/null
said err "overlay nothing: there is none"
expect 1 bramble overlay delete kitchen nothing copy --yes
said err "overlay nothing: there is none"
expect 0 bramble overlay list
[ "$(awk '{ print $1 }' out | tr '\n' ' ')" = 'NAME attic ' ] || fail "list: $(cat out)"
expect 0 bramble overlay delete attic -y
[ -z "$(ls -A "$BRAMBLE_STATE/overlays")" ] || fail "something is left of deleted overlays"

# --- a partition alone -------------------------------------------------------------------------

expect 0 bramble overlay create boot --image "$image" --partition 1
expect 0 bramble ls --overlay boot "$image" /
said out cmdline.txt
expect 0 bramble ls --overlay boot --partition 1 "$image" /
expect 1 bramble ls --overlay boot --partition 2 "$image" /
said err "overlay boot: made on partition 1, not on partition 2"

# --- where the state is ------------------------------------------------------------------------

expect 0 bramble overlay list --state "$work/other"
[ ! -s out ] || fail "--state is not heard"
HOME=$work/home XDG_STATE_HOME='' BRAMBLE_STATE='' expect 0 bramble overlay list
if [ "$(id -u)" != 0 ]; then
	HOME=$work/home BRAMBLE_STATE='' bramble overlay create one --image "$image"
	[ -d "$work/home/.local/state/bramble/overlays/one" ] || fail "not in ~/.local/state"
	XDG_STATE_HOME=$work/xdg BRAMBLE_STATE='' bramble overlay create one --image "$image"
	[ -d "$work/xdg/bramble/overlays/one" ] || fail "not in XDG_STATE_HOME"
fi

[ "$(sha256sum <"$image")" = "$before" ] || fail "the image was written to"

# --- at once -----------------------------------------------------------------------------------

# commands that make and remove do not get into each other's way
bramble overlay create shared --image "$image"
churn() { # COMMANDS
	local i
	for ((i = 0; i < 15; i++)); do eval "$1"; done
}
churn 'bramble overlay snapshot shared a$i && bramble overlay snapshot shared --delete a$i --yes' 2>>churned &
churn 'bramble overlay snapshot shared b$i && bramble overlay snapshot shared --delete b$i --yes' 2>>churned &
churn 'bramble overlay clone shared c$i && bramble overlay delete c$i --yes' 2>>churned &
churn 'bramble overlay create d$i --image "$image" && bramble overlay delete d$i --yes' 2>>churned &
churn 'bramble overlay create e$i --image "$image" && bramble overlay delete e$i --yes' 2>>churned &
wait
[ ! -s churned ] || fail "they do: $(head -n 3 churned)"
[ -z "$(find "$BRAMBLE_STATE" -name '.*')" ] || fail "left: $(find "$BRAMBLE_STATE" -name '.*')"
expect 0 bramble overlay list
! grep -qE '^[a-e][0-9]' out || fail "left: $(cat out)"
expect 0 bramble overlay check shared
bramble overlay delete shared --yes

# what a crash has left is removed, but not while somebody is making an overlay, which looks like that at first
left=$BRAMBLE_STATE/overlays/.new.abcdef
mkdir -p "$left"
: >"$left/lock"
flock -s "$BRAMBLE_STATE/overlays" bramble overlay create first --image "$image"
[ -e "$left/lock" ] || fail "it was taken from whoever makes it"
bramble overlay create second --image "$image"
[ ! -e "$left" ] || fail "it stays for ever"
