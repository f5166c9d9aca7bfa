# SPDX-License-Identifier: MIT
# Every procedure and error of NFSv3, judged by another project's codecs: on an overlay, on an image that
# cannot be changed, after the server was killed, and with one worker alone.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/lib_pi.sh"
source "$(dirname "$0")/lib_nfs.sh"
make_pi_image img
mkdir state

nfs_start -s state -o all img
nfs_rules
nfs_stop

nfs_port=0
nfs_start -s state -o one -w 1 img
nfs_rules
nfs_stop

nfs_port=0
nfs_start img
nfs_rules a_read_only_tree_is_not_changed a_handle_that_was_tampered_with_is_none
nfs_stop

# What was answered is there, and calls that come again are known.
nfs_port=0
nfs_start -s state -o crash img
nfs_rules before_crash
nfs_kill
nfs_start -s state -o crash img
nfs_rules after_crash
# also after a restart that was no crash
nfs_stop
nfs_start -s state -o crash img
nfs_rules after_crash
nfs_stop
expect 0 bramble overlay check --state state crash
expect 0 bramble overlay check --state state all
