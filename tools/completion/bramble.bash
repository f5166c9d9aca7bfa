# SPDX-License-Identifier: MIT
# Bash completion for bramble. Commands and options are those that `bramble help` lists.

# A word of the command line without its quoting.
_bramble_plain() {
	local word=$1

	word=${word#[\"\']}
	word=${word%[\"\']}
	word=${word//\\/}
	[[ $word == '~/'* ]] && word=$HOME/${word#'~/'}
	printf '%s' "$word"
}

_bramble_commands() {
	"$program" help 2>/dev/null | sed -nE 's/^  ([a-z]+)  .*/\1/p'
}

_bramble_options() { # COMMAND
	"$program" help "$1" 2>/dev/null | sed -nE 's/^ +(-.*)$/\1/p' | sed -E 's/  .*//' |
		grep -oE '(^|, )--?[A-Za-z][A-Za-z-]*' | sed 's/^, //'
}

_bramble_reply_files() { # PREFIX COMPGEN-OPTION...
	local prefix=$1 reply
	shift

	compopt -o filenames 2>/dev/null
	mapfile -t reply < <(compgen "$@" -- "$prefix")
	COMPREPLY+=("${reply[@]}")
}

# Images, and directories on the way to them; any file where there is no image.
_bramble_reply_images() { # PREFIX
	local file found=no files

	compopt -o filenames 2>/dev/null
	mapfile -t files < <(compgen -f -- "$1")
	for file in "${files[@]}"; do
		if [[ -d $file || -b $file ]]; then
			COMPREPLY+=("$file")
		elif [[ ${file,,} == *.@(img|raw|bin|dd|image) ]]; then
			COMPREPLY+=("$file")
			found=yes
		fi
	done
	[[ $found == yes ]] || COMPREPLY=("${files[@]}")
}

# Paths inside the image.
_bramble_reply_inside() { # PREFIX [OPTION...] IMAGE
	local prefix=$1 dir='' names types i
	shift

	[[ $prefix == */* ]] && dir=${prefix%/*}/
	mapfile -t names < <("$program" ls -q -a "$@" "${dir:-/}" 2>/dev/null)
	mapfile -t types < <("$program" ls -q -a -l "$@" "${dir:-/}" 2>/dev/null |
		grep -v "^total ")
	compopt -o filenames 2>/dev/null
	for i in "${!names[@]}"; do
		[[ ${names[i]} != @(.|..) && $dir${names[i]} == "$prefix"* ]] || continue
		if [[ ${#types[@]} == "${#names[@]}" && ${types[i]} == d* ]]; then
			COMPREPLY+=("$dir${names[i]}/")
		else
			COMPREPLY+=("$dir${names[i]}")
		fi
	done
	[[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace 2>/dev/null
}

_bramble_overlays() { # [--state DIR]
	"$program" overlay list -q "$@" 2>/dev/null | awk 'NR > 1 { print $1 }'
}

# The words that "bramble help COMMAND" lists as what can be done.
_bramble_subcommands() { # COMMAND
	"$program" help "$1" 2>/dev/null | sed -nE 's/^  ([a-z]+) ( +|[A-Z[]).*/\1/p'
}

_bramble_pis() { # [--state DIR]
	"$program" pi list -q --json "$@" 2>/dev/null |
		sed -nE 's/^ *"(serial|name)": "(.+)",?$/\2/p'
}

# What follows "bramble pi".
_bramble_reply_pi() { # PREFIX ARGUMENT...
	local prefix=$1 what=()
	shift

	case ${1-}:$# in
	:0) mapfile -t what < <(_bramble_subcommands pi) ;;
	show:1 | set:1 | remove:1 | forget:1)
		mapfile -t what < <(_bramble_pis "${state[@]}")
		;;
	add:[2-9] | set:[2-9])
		what=(name= image= base= keep= keep=yes keep=until-reboot mac=)
		compopt -o nospace 2>/dev/null
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "${what[*]}" -- "$prefix")
}

# What follows "bramble overlay".
_bramble_reply_overlay() { # PREFIX ARGUMENT...
	local prefix=$1 what=() overlay=()
	shift

	case ${1-}:$# in
	:0)
		mapfile -t what < <(_bramble_subcommands overlay)
		;;
	show:1 | diff:1 | reset:1 | snapshot:1 | restore:1 | clone:1 | delete:* | check:*)
		mapfile -t what < <(_bramble_overlays "${state[@]}")
		;;
	restore:2)
		mapfile -t what < <("$program" overlay snapshot -q "$2" --list "${state[@]}" \
			2>/dev/null | awk '{ print $1 }')
		;;
	diff:2)
		overlay=("${state[@]}" --overlay "$2")
		_bramble_reply_inside "$prefix" "${overlay[@]}" \
			"$("$program" overlay show -q --json "$2" "${state[@]}" 2>/dev/null |
				sed -nE 's/^  "image": "(.*)",$/\1/p')"
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "${what[*]}" -- "$prefix")
}

_bramble() {
	local program cur prev command i word
	local arguments=() partition=() overlay=() state=()

	program=$(type -P "$(_bramble_plain "${COMP_WORDS[0]}")") || return
	cur=$(_bramble_plain "${COMP_WORDS[COMP_CWORD]}")
	prev=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		mapfile -t COMPREPLY < <(compgen -W "$(_bramble_commands) --help --version" -- "$cur")
		return
	fi
	command=${COMP_WORDS[1]}

	# "--partition=2" is three words, for "=" is among COMP_WORDBREAKS.
	for ((i = 2; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		--partition)
			[[ ${COMP_WORDS[i + 1]} == = ]] && i=$((i + 1))
			i=$((i + 1))
			((i < COMP_CWORD)) && partition=(--partition "${COMP_WORDS[i]}")
			;;
		--state)
			[[ ${COMP_WORDS[i + 1]} == = ]] && i=$((i + 1))
			i=$((i + 1))
			((i < COMP_CWORD)) && state=(--state "$(_bramble_plain "${COMP_WORDS[i]}")")
			;;
		--overlay)
			[[ ${COMP_WORDS[i + 1]} == = ]] && i=$((i + 1))
			i=$((i + 1))
			((i < COMP_CWORD)) && overlay=(--overlay "${COMP_WORDS[i]}")
			;;
		--image | --base | --delete | --config | --interface | --address | --dhcp | --only | \
			--*-port)
			[[ ${COMP_WORDS[i + 1]} == = ]] && i=$((i + 1))
			i=$((i + 1))
			;;
		-o) i=$((i + 1)) ;;
		-* | =) ;;
		*) arguments+=("$(_bramble_plain "$word")") ;;
		esac
	done

	if [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $cur == = ]]; then
		cur=
	fi
	case $prev in
	--partition)
		local image
		for word in "${arguments[@]}" "${COMP_WORDS[@]:COMP_CWORD + 1}"; do
			image=$(_bramble_plain "$word")
			[[ -e $image ]] && break
		done
		mapfile -t COMPREPLY < <(compgen -W "$("$program" info -q "$image" 2>/dev/null |
			sed -nE 's/^Partition ([0-9]+)$/\1/p')" -- "$cur")
		return
		;;
	--state)
		_bramble_reply_files "$cur" -d
		return
		;;
	--overlay | --base)
		mapfile -t COMPREPLY < <(compgen -W "$(_bramble_overlays "${state[@]}")" -- "$cur")
		return
		;;
	--image)
		_bramble_reply_images "$cur"
		return
		;;
	--config)
		_bramble_reply_files "$cur" -f
		return
		;;
	--interface)
		mapfile -t COMPREPLY < <(compgen -W "$(ls /sys/class/net 2>/dev/null)" -- "$cur")
		return
		;;
	--dhcp)
		mapfile -t COMPREPLY < <(compgen -W "proxy full off" -- "$cur")
		return
		;;
	--only)
		local listed=
		[[ $cur == *,* ]] && listed=${cur%,*},
		mapfile -t COMPREPLY < <(compgen -P "$listed" -W "dhcp tftp nfs" -- "${cur##*,}")
		return
		;;
	--address | --*-port) return ;;
	--delete)
		_bramble_reply_overlay "$cur" restore "${arguments[1]-}"
		return
		;;
	-o)
		local before=
		[[ $cur == *,* ]] && before=${cur%,*},
		mapfile -t COMPREPLY < <(compgen -P "$before" -W "allow_other default_permissions ro rw
			nonempty writeback nocheck noload norecovery overlay= state= partition= uid= gid= umask= time_offset= fsname= subtype=" \
			-- "${cur##*,}")
		compopt -o nospace 2>/dev/null
		return
		;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_bramble_options "$command")" -- "$cur")
		return
	fi

	case $command:${#arguments[@]} in
	help:0)
		mapfile -t COMPREPLY < <(compgen -W "$(_bramble_commands)" -- "$cur")
		;;
	umount:0)
		local mounted
		mapfile -t mounted < <(awk '$3 == "fuse.bramble" { print $2 }' /proc/self/mounts)
		mapfile -t COMPREPLY < <(compgen -W "${mounted[*]}" -- "$cur")
		[[ ${#COMPREPLY[@]} -gt 0 ]] || _bramble_reply_files "$cur" -d
		;;
	overlay:*) _bramble_reply_overlay "$cur" "${arguments[@]}" ;;
	pi:*) _bramble_reply_pi "$cur" "${arguments[@]}" ;;
	help:* | umount:* | status:*) ;;
	*:0) _bramble_reply_images "$cur" ;;
	mount:1) _bramble_reply_files "$cur" -d ;;
	ls:1 | stat:1 | cat:* | cp:1)
		_bramble_reply_inside "$cur" "${partition[@]}" "${overlay[@]}" "${state[@]}" \
			"${arguments[0]}"
		;;
	cp:*)
		_bramble_reply_inside "$cur" "${partition[@]}" "${overlay[@]}" "${state[@]}" \
			"${arguments[0]}"
		_bramble_reply_files "$cur" -f
		;;
	esac
}

complete -F _bramble bramble
