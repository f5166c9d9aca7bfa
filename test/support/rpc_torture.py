#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client of rpc_demo that knows nothing of its code: rpc_torture.py PORT FILE CHECK...
runs the functions below that are named, or all that need no limits of their own."""

import os
import socket
import struct
import sys
import threading
import time

PROGRAM = 536870913
ECHO, LATER, READ, BLOB, HOLD, RELEASE, ENDED, DROP, BUSY = range(1, 10)
MIB = 1 << 20
port = int(sys.argv[1])
data = open(sys.argv[2], "rb").read()


def words(*values):
    return b"".join(struct.pack(">I", value) for value in values)


def opaque(value):
    return words(len(value)) + value + b"\0" * (-len(value) % 4)


NOBODY = words(0, 0)


def call(xid, procedure, args=b"", program=PROGRAM, version=2, cred=NOBODY, verifier=NOBODY, rpc=2):
    return words(xid, 0, rpc, program, version, procedure) + cred + verifier + args


def record(message, last=True):
    return words((0x80000000 if last else 0) | len(message)) + message


def done(xid, results=b""):
    return words(xid, 1, 0, 0, 0, 0) + results


def refused(xid, status, *more):
    return words(xid, 1, 0, 0, 0, status, *more)


class Client:
    def __init__(self, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(60)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bytes = b""

    def send(self, stream):
        self.socket.sendall(stream)

    def take(self, count):
        parts = [self.bytes]
        have = len(self.bytes)
        while have < count:
            part = self.socket.recv(MIB)
            if not part:
                raise EOFError
            parts.append(part)
            have += len(part)
        whole = b"".join(parts)
        self.bytes = whole[count:]
        return whole[:count]

    def reply(self):
        (mark,) = struct.unpack(">I", self.take(4))
        assert mark & 0x80000000, "a reply in fragments"
        return self.take(mark & 0x7FFFFFFF)

    def expect(self, wanted):
        got = self.reply()
        assert got == wanted, (got[:60], wanted[:60], len(got), len(wanted))

    def expect_end(self):
        try:
            assert self.socket.recv(1) == b""
        except ConnectionResetError:
            pass

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def later(xid, ms, value):
    return call(xid, LATER, words(ms) + value)


def held():
    client = Client()
    client.send(record(call(1, RELEASE)))
    (count,) = struct.unpack(">I", client.reply()[-4:])
    client.close()
    return count


def memory_of_server():
    with open("/proc/" + os.environ["RPC_SERVER"] + "/status") as status:
        return [int(line.split()[1]) for line in status if line.startswith("VmRSS:")][0] << 10


def wait_until(question):
    for _ in range(1000):
        if question():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to be")


def answers_are_as_rfc_5531_has_them():
    c = Client()
    c.send(record(call(1, 0)))
    c.expect(done(1))
    c.send(record(call(2, ECHO, opaque(b"hello"))))
    c.expect(done(2, opaque(b"hello")))
    c.send(record(call(3, ECHO, b"\xff\xff")))
    c.expect(refused(3, 4))
    c.send(record(call(4, ECHO, words(MIB * 2))))
    c.expect(refused(4, 4))
    c.send(record(call(5, 99)))
    c.expect(refused(5, 3))
    c.send(record(call(6, 0, program=9)))
    c.expect(refused(6, 1))
    c.send(record(call(7, ECHO, version=1)))
    c.expect(refused(7, 2, 2, 3))
    c.send(record(call(8, 0, version=4)))
    c.expect(refused(8, 2, 2, 3))
    c.send(record(call(9, 0, rpc=3)))
    c.expect(words(9, 1, 1, 0, 2, 2))
    c.send(record(call(10, 0, cred=words(2, 0))))
    c.expect(words(10, 1, 1, 1, 2))
    c.send(record(call(11, ECHO, cred=words(1, 4, 0))))
    c.expect(words(11, 1, 1, 1, 1))
    c.send(record(call(12, 0, verifier=words(6, 4, 0))))
    c.expect(words(12, 1, 1, 1, 3))
    c.send(record(call(13, DROP)) + record(call(14, 0)))
    c.expect(done(14))


def records_come_in_any_pieces():
    c = Client()
    for byte in record(call(1, ECHO, opaque(b"dribble"))):
        c.send(bytes([byte]))
    c.expect(done(1, opaque(b"dribble")))
    m = call(2, ECHO, opaque(b"fragments"))
    c.send(record(m[:10], False) + record(b"", False) + record(m[10:30], False) + record(m[30:]))
    c.expect(done(2, opaque(b"fragments")))
    c.send(record(m[:10], False) + record(m[10:], False) + record(b"") + record(call(3, 0)))
    c.expect(done(2, opaque(b"fragments")))
    c.expect(done(3))
    c.send(record(call(4, 0)) + record(call(5, 0)) + record(call(6, 0)))
    for xid in 4, 5, 6:
        c.expect(done(xid))
    # a long record in fragments of one byte, with empty ones between
    m = call(7, ECHO, opaque(bytes(range(256)) * 200))
    stream = b"".join(record(bytes([byte]), False) + record(b"", False) for byte in m)
    c.send(stream + record(b""))
    c.expect(done(7, opaque(bytes(range(256)) * 200)))
    # the end of one record and the beginning of the next come together
    stream = b"".join(record(call(i, ECHO, opaque(b"x" * (i * 37 % 9000)))) for i in range(400))
    send_in_pieces(c, stream, [1, 7, 5000, 70000, 3, 131072, 4096])
    for i in range(400):
        c.expect(done(i, opaque(b"x" * (i * 37 % 9000))))


def send_in_pieces(client, stream, sizes):
    def run():
        at = turn = 0
        while at < len(stream):
            client.send(stream[at : at + sizes[turn % len(sizes)]])
            at += sizes[turn % len(sizes)]
            turn += 1

    threading.Thread(target=run, daemon=True).start()


def large_records_go_both_ways():
    c = Client()
    for size in MIB - 1, 1000000, MIB // 2, 70000, 65536, 8192:
        value = bytes(range(251)) * (size // 251 + 1)
        value = value[:size]
        send_in_pieces(c, record(call(1, ECHO, opaque(value))) * 4, [MIB])
        for _ in range(4):
            c.expect(done(1, opaque(value)))
        # by a worker, which reads the arguments long after others came in
        value = value[: size // 4 * 4]
        send_in_pieces(c, record(later(2, 20, value)) * 8, [MIB])
        for _ in range(8):
            c.expect(done(2, value))
    for size in 0, 1, 3, 4, 1000, 40000, 70000, MIB:
        c.send(record(call(3, BLOB, words(size))))
        c.expect(done(3, opaque(b"Z" * size)))


def answers_come_as_they_are_ready():
    c = Client()
    c.send(record(later(1, 300, b"slow")) + record(call(2, 0)) + record(later(3, 10, b"fast")))
    c.expect(done(2))
    c.expect(done(3, b"fast"))
    c.expect(done(1, b"slow"))
    c.send(b"".join(record(call(i, HOLD, words(i))) for i in range(50)))
    c.send(record(call(99, RELEASE)))
    for i in reversed(range(50)):
        c.expect(done(i, words(i)))
    c.expect(done(99, words(50)))


def parts_of_a_file_are_sent():
    c = Client()
    end = len(data)
    for offset, size in (0, 10), (0, end), (5, 100000), (end - 5, 30), (end + 9, 70000), (7, 0):
        c.send(record(call(1, READ, words(offset, size))) * 3 + record(call(2, 0)))
        wanted = (data[offset : offset + size] + b"\0" * size)[:size]
        for _ in range(3):
            c.expect(done(1, opaque(wanted)))
        c.expect(done(2))


def stream_that_is_lost_ends():
    for stream in (
        words(0xFFFFFFFF),
        words(0x80200000),
        record(b"x" * 600000, False) + words(0x80000000 + 600000),
        record(b"hello"),
        record(b""),
        record(words(1, 1, 0, 0, 0, 0)),
    ):
        c = Client()
        c.send(stream)
        c.expect_end()


def answers_still_come_after_the_last_call():
    c = Client()
    c.send(record(later(1, 200, b"last")) + record(call(2, 0)))
    c.socket.shutdown(socket.SHUT_WR)
    c.expect(done(2))
    c.expect(done(1, b"last"))
    c.expect_end()
    c = Client()
    c.send(record(call(1, BLOB, words(MIB))) * 20)
    c.socket.shutdown(socket.SHUT_WR)
    for _ in range(20):
        c.expect(done(1, opaque(b"Z" * MIB)))
    c.expect_end()


def answers_to_those_who_left_are_thrown_away():
    for leave in Client.close, Client.reset:
        c = Client()
        c.send(record(later(1, 150, b"gone")) + record(call(2, HOLD, b"held")) + record(call(3, 0)))
        c.expect(done(3))
        leave(c)
        time.sleep(0.3)
        assert held() == 1
        c = Client()
        c.send(record(call(1, BLOB, words(MIB))) * 30)
        c.take(100)
        leave(c)
    c = Client()
    c.send(record(call(1, READ, words(0, len(data)))) * 100)
    c.take(100)
    c.reset()
    c = Client()
    c.send(record(call(1, 0)))
    c.expect(done(1))


def stalled_peer_holds_up_nobody():
    stalled = [Client(4096) for _ in range(5)]
    for c in stalled[:3]:
        c.send(record(call(1, BLOB, words(MIB))) * 200)
    stalled[3].send(record(call(1, 0))[:10])
    stalled[4].send(words(0x80100000) + b"x" * 300000)
    c = Client()
    for xid in range(2000):
        c.send(record(call(xid, 0)))
        c.expect(done(xid))
    for c in stalled[:3]:
        for _ in range(200):
            c.expect(done(1, opaque(b"Z" * MIB)))


def others_come_between_what_one_asks_at_once():
    busy, other = Client(), Client()
    other.send(record(call(1, 0)))
    other.expect(done(1))
    count = 1000
    busy.send(b"".join(record(call(i, BUSY, words(2))) for i in range(count)))
    other.send(record(call(2, 0)))
    other.expect(done(2))
    there = busy.socket.recv(MIB, socket.MSG_DONTWAIT | socket.MSG_PEEK)
    assert len(there) < count * len(record(done(0, words(2)))), "it came after all others"
    for i in range(count):
        busy.expect(done(i, words(2)))


def many_connections_are_served():
    clients = [Client() for _ in range(200)]
    for i, c in enumerate(clients):
        c.send(record(call(i, ECHO, opaque(b"x" * i))) + record(later(i + 1000, 5, b"last")))
    for i, c in enumerate(clients):
        c.expect(done(i, opaque(b"x" * i)))
        c.expect(done(i + 1000, b"last"))
        c.close()
    c = Client()

    def all_ended():
        c.send(record(call(1, ENDED)))
        return struct.unpack(">I", c.reply()[-4:])[0] >= 200

    wait_until(all_ended)


def thousands_may_wait_in_the_stream():
    c = Client()
    send_in_pieces(c, b"".join(record(call(i, 0)) for i in range(50000)), [MIB])
    for i in range(50000):
        c.expect(done(i))
    # more than may be under way: the rest waits in the stream
    send_in_pieces(c, b"".join(record(later(i, 1, words(i))) for i in range(1000)), [MIB])
    assert {c.reply() for _ in range(1000)} == {done(i, words(i)) for i in range(1000)}


def udp_is_served():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(60)
    s.connect(("127.0.0.7", port))
    for message, reply in (
        (call(1, 0), done(1)),
        (call(2, ECHO, opaque(b"udp")), done(2, opaque(b"udp"))),
        (call(3, ECHO, opaque(b"y" * 60000)), done(3, opaque(b"y" * 60000))),
        (later(4, 10, b"udp!" * 1000), done(4, b"udp!" * 1000)),
        (call(5, READ, words(3, 60001)), done(5, opaque(data[3:60004]))),
        (call(6, READ, words(len(data) - 2, 9)), done(6, opaque(data[-2:] + b"\0" * 7))),
        (call(7, BLOB, words(70000)), refused(7, 5)),
        (call(8, READ, words(0, 70000)), refused(8, 5)),
        (call(9, 0, version=1), refused(9, 2, 2, 3)),
        (call(10, 0, rpc=1), words(10, 1, 1, 0, 2, 2)),
    ):
        s.send(message)
        got = s.recv(70000)
        assert got == reply, (got[:60], reply[:60], len(got), len(reply))
    # what is no call is not answered
    for garbage in b"", b"x", words(1, 1, 0, 0, 0, 0):
        s.send(garbage)
    s.send(call(11, 0))
    assert s.recv(70000) == done(11)
    # a burst, answered in order
    for xid in range(100):
        s.send(call(xid, 0))
    assert [s.recv(70000) for _ in range(100)] == [done(xid) for xid in range(100)]


# With limits: 100000 bytes unsent, 4 calls, 10 connections --------------------------------------


def limits_hold():
    c = Client()
    c.send(b"".join(record(call(i, HOLD, words(i))) for i in range(9)) + record(call(9, 0)))
    # four are held; the others wait in the stream until these are answered
    most = total = 0
    while total < 9:
        count = held()
        most = max(most, count)
        total += count
    assert most <= 4, most
    wanted = {done(i, words(i)) for i in range(9)} | {done(9)}
    assert {c.reply() for _ in range(10)} == wanted
    # nothing is lost where answers do not fit what may be unsent
    c.send(record(call(1, BLOB, words(60000))) * 100)
    for _ in range(100):
        c.expect(done(1, opaque(b"Z" * 60000)))


def oldest_idle_connection_makes_room():
    first = Client()
    busy = Client()
    busy.send(record(call(1, HOLD, b"busy")))
    clients = [Client() for _ in range(8)]
    for c in [first] + clients:
        c.send(record(call(1, 0)))
        c.expect(done(1))
    newest = Client()
    newest.send(record(call(1, 0)))
    newest.expect(done(1))
    first.expect_end()
    newest.send(record(call(2, RELEASE)))
    newest.expect(done(2, words(1)))
    busy.expect(done(1, b"busy"))


# With a limit of 8 MiB of memory ----------------------------------------------------------------


def half_calls_end_where_memory_is_short():
    before = memory_of_server()
    clients = [Client() for _ in range(30)]
    for c in clients:
        try:
            c.send(words(0x80000000 + MIB) + b"x" * 800000)
        except OSError:
            pass
    time.sleep(3.5)
    grown = memory_of_server() - before
    assert grown < 20 * MIB, grown
    c = Client()
    for xid in range(200):
        c.send(record(call(xid, ECHO, opaque(b"y" * 1000))))
        c.expect(done(xid, opaque(b"y" * 1000)))
    ended = 0
    for c in clients:
        c.socket.setblocking(False)
        try:
            c.socket.recv(1)
            ended += 1
        except BlockingIOError:
            pass
        except OSError:
            ended += 1
    # those for whom there was room; of the others only a little was taken in
    assert ended >= 7, ended


def calls_wait_where_memory_is_short():
    clients = [Client() for _ in range(4)]
    value = b"0123" * 200000
    got = [set() for _ in clients]

    # all at once: who does not read holds up the others, and would be ended for that
    def read(c, replies):
        for _ in range(20):
            replies.add(c.reply()[:4])

    readers = [threading.Thread(target=read, args=pair) for pair in zip(clients, got)]
    for reader in readers:
        reader.start()
    for c in clients:
        send_in_pieces(c, b"".join(record(later(i, 5, value)) for i in range(20)), [MIB])
    for reader, replies in zip(readers, got):
        reader.join()
        assert replies == {words(i) for i in range(20)}


def those_who_do_not_read_fill_no_memory():
    before = memory_of_server()
    clients = [Client(4096) for _ in range(90)]
    for c in clients:
        c.send(b"".join(record(call(i, BLOB, words(MIB))) for i in range(8)))
    time.sleep(1)
    grown = memory_of_server() - before
    assert grown < 40 * MIB, grown
    # the others go on as soon as it is known who does not get on
    c = Client()
    for xid in range(10):
        c.send(record(call(xid, ECHO, opaque(b"y" * 1000))))
        c.expect(done(xid, opaque(b"y" * 1000)))


# While it is told to end ------------------------------------------------------------------------


def is_refused():
    try:
        socket.create_connection(("127.0.0.1", port), 60).close()
    except ConnectionError:
        return True
    return False


def calls_under_way_are_answered_at_the_end():
    c = Client()
    c.send(record(later(1, 1500, b"last")) + record(call(2, 0)))
    c.expect(done(2))
    print("under way", flush=True)
    # whoever is ending takes nobody any more
    while not is_refused():
        time.sleep(0.02)
    c.send(record(call(3, 0)))
    c.expect(done(1, b"last"))
    c.expect_end()


USUAL = [
    answers_are_as_rfc_5531_has_them,
    records_come_in_any_pieces,
    large_records_go_both_ways,
    answers_come_as_they_are_ready,
    parts_of_a_file_are_sent,
    stream_that_is_lost_ends,
    answers_still_come_after_the_last_call,
    answers_to_those_who_left_are_thrown_away,
    stalled_peer_holds_up_nobody,
    others_come_between_what_one_asks_at_once,
    many_connections_are_served,
    thousands_may_wait_in_the_stream,
    udp_is_served,
]

for check in [globals()[name] for name in sys.argv[3:]] or USUAL:
    print(check.__name__, flush=True)
    check()
