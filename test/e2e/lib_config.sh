# SPDX-License-Identifier: MIT
# Sourced on demand: a configuration file for the server.

# config [LINE...]: writes $work/bramble.conf: $image for all, on eth0; lines are added to [defaults], and
# may begin sections of their own
config() {
	printf '%s\n' '[server]' 'interface = eth0' '[image raspios]' "file = $image" '[defaults]' \
		'image = raspios' "$@" >"$work/bramble.conf"
}
