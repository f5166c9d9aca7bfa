#!/bin/bash
# SPDX-License-Identifier: MIT
# The man pages are well-formed and list the same options as `bramble help COMMAND`.
set -euo pipefail

cd "$(dirname "$0")/../../docs/man"
status=0
wrong() {
	echo "docs/man: $*" >&2
	status=1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v groff >/dev/null && command -v man >/dev/null ||
	{ echo "skipped: no groff or man"; exit 77; }

for page in *.[158]; do
	said=$(groff -ww -mandoc -Tutf8 -z "$page" 2>&1) && [ -z "$said" ] ||
		wrong "$page: groff -ww: $said"
	said=$(man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null) && [ -z "$said" ] ||
		wrong "$page: man --warnings: $said"
done

command -v bramble >/dev/null || { echo "no bramble here: options are not compared"; exit $status; }

# -x and --long at the start of a line, or behind "-x, ": where an option is explained
explained() {
	sed -nE 's/^ +(-.*)$/\1/p' | sed -E 's/  .*//' | grep -oE '(^|, )--?[A-Za-z][A-Za-z-]*' |
		sed 's/^, //' | sort -u
}

for command in $(bramble help | sed -nE 's/^  ([a-z]+)  .*/\1/p'); do
	page=bramble-$command.1
	[ -e "$page" ] || { wrong "no page for bramble $command"; continue; }
	bramble help "$command" | explained >"$work/help"
	MANWIDTH=200 man -E ascii -l "$page" | col -bx | explained >"$work/page"
	said=$(diff "$work/help" "$work/page") ||
		wrong "$page (>) and bramble help $command (<) list different options: $said"
done

# Every key of the configuration file, which the table of keys has
keys=$(sed -nE 's/^\t(KEY|WHOLE|RULE|WHOLE_RULE)\([A-Z| ]+, "([a-z-]+)",.*/\2/p' \
	../../server/config/config_keys.c)
[ -n "$keys" ] || wrong "no keys in the table of config_keys.c"
MANWIDTH=200 man -E ascii -l bramble.conf.5 | col -bx >"$work/conf"
for key in $keys; do
	grep -qE "(^|, ) *$key(,|  |$)" "$work/conf" || wrong "bramble.conf.5: does not explain $key"
done

# The words behind -o
MANWIDTH=200 man -E ascii -l bramble-mount.1 | col -bx >"$work/mount"
words=$(bramble help mount | sed -nE '/^Options behind -o/,/^$/s/^  ([a-z_]+).*/\1/p')
[ -n "$words" ] || wrong "bramble help mount lists no words behind -o"
for word in $words; do
	grep -qwF "$word" "$work/mount" || wrong "bramble-mount.1: not a word of -o $word"
done
exit $status
