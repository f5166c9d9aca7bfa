# SPDX-License-Identifier: MIT
# Sourced by the benchmarks: what was measured, and the table of it.

# Mounts of a benchmark that is stopped half-way must not stay: a mount namespace of its own.
own_namespace() { # ARGUMENT...: of the script itself
	[ -z "${BENCH_NAMESPACE:-}" ] || return 0
	export BENCH_NAMESPACE=1
	if [ "$(id -u)" = 0 ]; then
		exec unshare -m --propagation private bash "$0" "$@"
	elif unshare -Urm true 2>/dev/null; then
		exec unshare -Urm bash "$0" "$@"
	fi
}

# program NAME GIVEN: prints the path of the program of loads, which is compiled if none is given
program() {
	local built=${2:-$work/$1}
	[ -x "$built" ] ||
		cc -O2 -D_GNU_SOURCE -pthread -o "$built" "$source_dir/test/bench/$1.c"
	echo "$built"
}

declare -A values # "CELL PEER" -> all its numbers

note() { values["$1 $peer"]+=" $2"; }

# measure CELL PROGRAM LOAD...: notes the number that it prints. A peer may fail.
measure() {
	local cell=$1 got
	shift
	if got=$("$@"); then
		note "$cell" "$got"
		return
	fi
	echo "$peer: failed: $*" >&2
	[[ $peer != bramble* ]] || exit 1
}

# served DIR: the processes that serve the mount at DIR, one a line
served() { pgrep -f -- " $1\$| $1 "; }

# Of the array cells, each "CELL|LABEL|UNIT", and the array peers, a Markdown table; its columns are
# padded for reading as text. Then come ratios, of the array ratios, each "PEER/PEER". Less is better
# of times and of memory, of whose peak the worst counts.
table() {
	local line peer
	for line in "${cells[@]}"; do
		for peer in "${peers[@]}"; do
			echo "$line|$peer|${values["${line%%|*} $peer"]:-}"
		done
	done | awk -F'|' -v peers="${peers[*]}" -v ratios="${ratios[*]}" '
	function rounded(x) {
		if (x == "") return "-"
		return x >= 100 ? sprintf("%d", x + 0.5) : sprintf(x >= 10 ? "%.1f" : "%.2f", x)
	}
	function ratio(cell, pair,  f, a, b) {
		split(pair, f, "/")
		a = best[cell, f[1]]; b = best[cell, f[2]]
		if (a == "" || b == "" || b == 0) return "-"
		return sprintf("%.2f", a / b)
	}
	function max(a, b) { return a > b ? a : b }
	function dashes(n,  text) { while (n-- > 0) text = text "-"; return text }
	function row(text,  i, n, f) {
		n = split(text, f, "|")
		printf "| %-" labels "s | %-8s |", f[1], f[2]
		for (i = 3; i <= n; i++) printf " %" width[i] "s |", f[i]
		printf "\n"
	}
	BEGIN { np = split(peers, peer, " "); nr = split(ratios, pair, " ") }
	{
		cell = $1
		if (!(cell in label)) { order[++count] = cell; label[cell] = $2; unit[cell] = $3 }
		n = split($5, v, " ")
		lower = ($3 ~ /^(ms|s|KiB|MiB)$/)
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) {
				t = v[j]; v[j] = v[j - 1]; v[j - 1] = t
			}
		best[cell, $4] = n ? (lower ? v[1] : v[n]) : ""
		if (cell == "memory" && n) best[cell, $4] = v[n]
		median[cell, $4] = n ? (n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2) : ""
	}
	END {
		labels = 28
		for (c = 1; c <= count; c++) labels = max(labels, length(label[order[c]]))
		head = "best (median)|"
		rule = "|" dashes(labels + 2) "|----------|"
		for (p = 1; p <= np + nr; p++) {
			name = p > np ? pair[p - np] : peer[p]
			width[p + 2] = max(17, length(name))
			head = head "|" name
			rule = rule dashes(width[p + 2] + 1) ":|"
		}
		row(head)
		print rule
		for (c = 1; c <= count; c++) {
			cell = order[c]
			text = label[cell] "|" unit[cell]
			for (p = 1; p <= np; p++) {
				b = best[cell, peer[p]]
				text = text "|" (b == "" ? "-" : \
					rounded(b) " (" rounded(median[cell, peer[p]]) ")")
			}
			for (p = 1; p <= nr; p++) text = text "|" ratio(cell, pair[p])
			row(text)
		}
	}'
}
