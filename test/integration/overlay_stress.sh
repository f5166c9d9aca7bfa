# SPDX-License-Identifier: MIT
# Other people's stressors run clean on a mounted overlay, each for a second; all of them, and longer:
# test/stress/overlay-stressors.
source "$(dirname "$0")/lib.sh"
need_fuse
need_root
need mke2fs stress-ng fio dbench cc

"$BRAMBLE_SOURCE/test/stress/overlay-stressors" --build "$BRAMBLE_BUILD" --seconds 1 --only \
dentry,dir,dirmany,rename,link,symlink,chmod,chown,fallocate,flock,fpunch,xattr,utime,copy-file,\
splice,open,hdd,hdd-direct,seek-punch,mmap-file,aio,io-uring,\
random,random-direct,random-mmap,odd-sizes,over-the-image,dbench
