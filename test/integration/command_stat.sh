# SPDX-License-Identifier: MIT
# bramble stat tells what stat and getfattr tell of the same image mounted by the kernel.
. "$(dirname "$0")/lib.sh"
. "$BRAMBLE_SOURCE/test/integration/lib_pi.sh"
need jq python3
export LC_ALL=C TZ=UTC
make_pi_image pi.img

expect 0 bramble stat pi.img /bin/link
said "$work/out" "File: /bin/link -> ../etc/fstab"
said "$work/out" "symbolic link"
expect 0 bramble stat pi.img /bin/empty
said "$work/out" "regular empty file"
said "$work/out" "Modify: 1969-12-31 23:00:00.000000000 +0000"
expect 0 bramble stat pi.img /bin/large
said "$work/out" ' Xattr: user.note="a note"'
expect 1 bramble stat pi.img /none
said "$work/err" "bramble: /none: No such file or directory"
expect 1 bramble stat --json pi.img /none /etc
jq -e 'length == 1' "$work/out" >/dev/null || fail "JSON after an error"
expect 2 bramble stat pi.img
expect 2 bramble stat

# Times that only nanoseconds tell apart are made by the kernel.
need_root
mkdir k
mount -o loop,offset=$((17 << 20)),sizelimit=$((79 << 20)) pi.img k || skip "cannot write"
touch -d '2038-01-20 00:00:00.123456789' k/etc/fstab
touch -d '2446-05-10 00:00:00.999999999' k/bin/empty
touch -h -d '1901-12-14 00:00:00.000000001' k/bin/link
setfattr -n trusted.binary -v 0x00ff10 k/etc/fstab
umount k
kernel_mount pi.img k

(cd k && find . -print0 | sort -z) >paths
mapfile -d '' -t paths <paths
bramble stat --json --partition 2 pi.img "${paths[@]}" >ours.json || fail "stat of all paths"
python3 - k ours.json paths <<'END' || fail "stat differs"
import json, os, stat, sys
top, ours, paths = sys.argv[1:]
paths = open(paths, 'rb').read().split(b'\0')[:-1]
ours = json.load(open(ours, encoding='utf-8'))
assert len(paths) == len(ours), (len(paths), len(ours))
words = {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory', stat.S_IFLNK: 'symlink',
         stat.S_IFCHR: 'chardev', stat.S_IFBLK: 'blockdev', stat.S_IFIFO: 'fifo'}
def time(ns):
    seconds, ns = divmod(ns, 10**9)
    import datetime
    t = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    return '%04d-%s.%09dZ' % (t.year, t.strftime('%m-%dT%H:%M:%S'), ns)
wrong = 0
for path, o in zip(paths, ours):
    full = os.path.join(top.encode(), path)
    s = os.lstat(full)
    want = dict(type=words[stat.S_IFMT(s.st_mode)], mode='%04o' % stat.S_IMODE(s.st_mode),
                uid=s.st_uid, gid=s.st_gid, size=s.st_size, blocks=s.st_blocks,
                nlink=s.st_nlink, mtime=time(s.st_mtime_ns))
    want['id'] = 1 if path == b'.' else s.st_ino
    want['ctime'] = time(s.st_ctime_ns)
    want['atime'] = time(s.st_atime_ns)
    want['xattrs'] = {n: os.getxattr(full, n, follow_symlinks=False).hex()
                      for n in os.listxattr(full, follow_symlinks=False)}
    o['xattrs'] = {x['name']: x['hex'] for x in o['xattrs']}
    if stat.S_ISLNK(s.st_mode):
        want['target'] = os.readlink(full).decode()
    if stat.S_ISCHR(s.st_mode) or stat.S_ISBLK(s.st_mode):
        want.update(major=os.major(s.st_rdev), minor=os.minor(s.st_rdev))
    for key, value in want.items():
        if o.get(key) != value:
            print(path, key, 'kernel', value, 'ours', o.get(key))
            wrong += 1
print(len(paths), 'files compared')
sys.exit(wrong > 0)
END
