#!/bin/bash
# SPDX-License-Identifier: MIT
# Checks what a machine can see of the style: layout by clang-format, licence lines, blanks at ends
# of lines, and shell scripts by shellcheck. Exits 77 where clang-format is not installed.
set -euo pipefail

cd "$(dirname "$0")/../.."
complaints=0

complain() {
	echo "$*"
	complaints=$((complaints + 1))
}

# All that belongs to the project: in a clone what git knows, else all but the builds.
files() {
	if git -c safe.directory='*' rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git -c safe.directory='*' ls-files --cached --others --exclude-standard
	else
		find . -path ./build -prune -o -path ./.git -prune -o -type f -print |
			sed 's,^\./,,'
	fi
}

mapfile -t all < <(files | grep -v '^test/fuzz/corpus/')
sources=() scripts=() texts=()
for file in "${all[@]}"; do
	[ -f "$file" ] || continue
	first=
	case $file in
	*.c | *.h) sources+=("$file") ;;
	*.sh) scripts+=("$file") ;;
	*.*) ;;
	*) IFS= read -r first <"$file" || true ;;
	esac
	[[ $first != '#!/bin/'*sh ]] || scripts+=("$file")
	case $file in
	LICENSE | *.md) ;;
	*) texts+=("$file") ;;
	esac
done

for file in "${sources[@]}" "${scripts[@]}"; do
	head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' ||
		complain "$file: no SPDX line on top"
done
while read -r place; do
	complain "$place: blank at the end of the line"
done < <(grep -nHIE '[[:blank:]]+$' "${texts[@]}" | cut -d : -f 1,2)

if command -v shellcheck >/dev/null; then
	# 1090, 1091, 2034, 2154: names that cross a sourced file; 2046: words that split on
	# purpose; 2010: ls itself is tested
	shellcheck -s bash -S warning -e SC1090,SC1091,SC2010,SC2034,SC2046,SC2154 \
		"${scripts[@]}" || complain "shellcheck: see above"
fi

format=$(command -v clang-format || command -v clang-format-14 || true)
if [ -n "$format" ]; then
	"$format" --dry-run --Werror "${sources[@]}" || complain "clang-format: see above"
fi

[ $complaints = 0 ] || { echo "$complaints complaints"; exit 1; }
[ -n "$format" ] || { echo "skipped: clang-format is not installed"; exit 77; }
