# SPDX-License-Identifier: MIT
# Many readers at once, over one foreground server whose exit status tells what sanitizers saw.
source "$(dirname "$0")/lib.sh"
need_fuse
need python3 findmnt
program=$BRAMBLE_BUILD/test/support/mount_memory

mkdir m
"$program" -f -c 2000 m 2>server.log &
server=$!
at_end "kill $server; fusermount3 -uz '$work/m'"
for ((i = 0; i < 200; i++)); do
	findmnt m >/dev/null && break
	sleep 0.05
done

python3 - <<'PY'
import os, threading
failures = []
def drop(path):
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)
def work(number):
    try:
        for turn in range(15):
            drop("m/dir/large")
            with open("m/dir/large", "rb") as f:
                if sum(len(part) for part in iter(lambda: f.read(50000 + number), b"")) != 4 << 20:
                    failures.append("length")
            names = os.listdir("m/many")
            if len(names) != 2000:
                failures.append("names")
            for name in names[number::97]:
                os.stat("m/many/" + name)
            if len(os.getxattr("m/dir/file", "user.wide")) != 65536:
                failures.append("xattr")
            if os.listxattr("m/dir/file") != ["user.note", "user.empty", "user.wide"]:
                failures.append("names of xattrs")
            if os.readlink("m/link") != "dir/file" or os.path.exists("m/absent%d" % turn):
                failures.append("names")
    except OSError as e:
        failures.append(str(e))
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
for t in threads: t.start()
for t in threads: t.join()
raise SystemExit("; ".join(failures) or 0)
PY

expect 0 bramble umount m
wait "$server" || { cat server.log >&2 && fail "the server ended with exit status $?"; }
[ ! -s server.log ] || { cat server.log >&2 && fail "the server said something"; }
