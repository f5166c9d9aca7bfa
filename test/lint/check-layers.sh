#!/bin/bash
# SPDX-License-Identifier: MIT
# Checks who includes whom: a room includes its own headers, all of base/, and the front doors of
# the rooms that its CMakeLists.txt names after USES; fs/ never includes server/; tools/ sees front
# doors only; an outside library is included by one room.
set -euo pipefail

cd "$(dirname "$0")/../.."
complaints=0

complain() {
	echo "$*"
	complaints=$((complaints + 1))
}

# uses ROOM-FOLDER: the rooms that it names after USES, one a line
uses() {
	tr -s '()\n\t ' '\n' <"$1/CMakeLists.txt" | awk '
		/^(add_room|LIBRARIES|SOURCES)$/ { listening = 0 }
		listening { print }
		/^USES$/ { listening = 1 }'
}

# includes FOLDER: "file:line:header" for each #include "header" in it
includes() {
	find "$1" -maxdepth 1 -name '*.[ch]' -print0 |
		xargs -0r grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' |
		sed -E 's/^([^:]+):([0-9]+):[^"]*"([^"]+)".*/\1:\2:\3/' || true
}

# known ROOM: whether fs/ or server/ has such a folder
known() { [ -d "fs/$1" ] || [ -d "server/$1" ]; }

check_room() {
	local folder=$1 side=${1%%/*} room allowed file line header from
	room=$(basename "$folder")
	allowed=" $(uses "$folder" | tr '\n' ' ') "
	while IFS=: read -r file line header; do
		from=${header%%/*}
		if [ "$from" = "$header" ]; then
			[ -f "$folder/$header" ] || complain "$file:$line: no $header beside it"
			continue
		fi
		[ "$from" != "$room" ] && [ "$from" != base ] || continue
		if ! known "$from"; then
			complain "$file:$line: \"$header\" is in no room"
		elif [ "$side" = fs ] && [ -d "server/$from" ]; then
			complain "$file:$line: fs/ includes $header of server/"
		elif [[ $allowed != *" $from "* ]]; then
			complain "$file:$line: $folder/CMakeLists.txt does not say USES $from"
		elif [ "$header" != "$from/$from.h" ]; then
			complain "$file:$line: $header is private, $from/$from.h is the front door"
		fi
	done < <(includes "$folder")
}

check_tools() {
	local file line header from
	while IFS=: read -r file line header; do
		from=${header%%/*}
		[ "$from" != "$header" ] && [ "$from" != base ] && known "$from" || continue
		[ "$header" = "$from/$from.h" ] ||
			complain "$file:$line: $header is private, $from/$from.h is the front door"
	done < <(includes tools)
}

# Headers of the C library, the kernel and the compiler; all others belong to outside libraries.
headers='^(sys|linux|asm|net|netinet|arpa|bits)/|^(assert|complex|cpuid|ctype|dirent|dlfcn|endian|'\
'err|errno|error|fcntl|fenv|float|fnmatch|ftw|getopt|glob|grp|ifaddrs|immintrin|inttypes|'\
'langinfo|libgen|limits|locale|malloc|math|mntent|netdb|nmmintrin|poll|pthread|pwd|regex|sched|'\
'search|semaphore|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|'\
'stdlib|stdnoreturn|string|strings|syslog|termios|threads|time|unistd|wchar|wctype)[.]h$'

check_outside() {
	local room library header first_library='' first_room=''
	while read -r library room header; do
		if [ "$library" != "$first_library" ]; then
			first_library=$library
			first_room=$room
		elif [ "$room" != "$first_room" ]; then
			complain "$room: <$header> belongs to $library, which $first_room has already"
		fi
	done < <(find fs server tools -name '*.[ch]' -print0 2>/dev/null |
		xargs -0r grep -HE '^[[:space:]]*#[[:space:]]*include[[:space:]]+<' |
		sed -E 's/^([^:]+)\/[^/:]+:[^<]*<([^>]+)>.*/\1 \2/' |
		awk -v headers="$headers" '$2 !~ headers {
			library = $2
			sub(/[_.\/].*/, "", library)
			print library, $1, $2
		}' | sort -u)
}

for folder in fs/*/ server/*/; do
	folder=${folder%/}
	if [ -f "$folder/CMakeLists.txt" ]; then
		check_room "$folder"
	elif [ -n "$(find "$folder" -name '*.c' 2>/dev/null)" ]; then
		complain "$folder: sources without a CMakeLists.txt"
	fi
done
check_tools
check_outside

[ $complaints = 0 ] || { echo "$complaints complaints"; exit 1; }
