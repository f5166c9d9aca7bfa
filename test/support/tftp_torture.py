#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TFTP packet by packet: what boot ROMs do, what networks do to packets, and what nobody should do.

    tftp_torture.py PORT PID FILE NAME [TEST]

FILE is what the server PID at 127.0.0.1 hands out as NAME, some 100 KiB. Prints what is wrong and fails. All
tests are done, but those that need a server of their own, which are to be named.
"""
import os
import signal
import socket
import struct
import sys
import time

RRQ, WRQ, DATA, ACK, ERROR, OACK = 1, 2, 3, 4, 5, 6
SERVER = ("127.0.0.1", int(sys.argv[1]))
PID = int(sys.argv[2])
CONTENT = open(sys.argv[3], "rb").read()
NAME = sys.argv[4].encode()
failures = 0


def check(what, condition):
    global failures
    if not condition:
        failures += 1
        print("wrong:", what)


class Client:
    def __init__(self, port=0):
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind(("127.0.0.1", port))
        self.s.settimeout(10)
        self.peer = None

    def ask(self, name=NAME, *options, opcode=RRQ, mode=b"octet", to=SERVER):
        packet = struct.pack(">H", opcode) + name + b"\0" + mode + b"\0"
        for option in options:
            packet += str(option).encode() + b"\0"
        self.s.sendto(packet, to)

    def get(self, timeout=10):
        """The next packet: its opcode and the rest; None if there is none in time."""
        self.s.settimeout(timeout)
        try:
            packet, self.peer = self.s.recvfrom(70000)
        except socket.timeout:
            return None, b""
        return struct.unpack(">H", packet[:2])[0], packet[2:]

    def block(self, timeout=10):
        opcode, rest = self.get(timeout)
        if opcode != DATA:
            return None, b""
        return struct.unpack(">H", rest[:2])[0], rest[2:]

    def ack(self, number):
        self.s.sendto(struct.pack(">HH", ACK, number & 0xFFFF), self.peer)

    def error(self, code, text=b"Early terminate"):
        self.s.sendto(struct.pack(">HH", ERROR, code) + text + b"\0", self.peer)

    def silence(self, seconds=0.3):
        return self.get(seconds)[0] is None


def options_of(rest):
    texts = rest.split(b"\0")[:-1]
    return dict(zip(texts[::2], texts[1::2]))


def rom_without_options_gets_blocks_of_512():
    c = Client()
    c.ask()
    got = b""
    for number in range(1, len(CONTENT) // 512 + 2):
        n, data = c.block()
        check("block %d comes next" % number, n == number)
        check("it comes from a port of its own", c.peer[1] != SERVER[1])
        got += data
        c.ack(n)
    check("the file is whole", got == CONTENT)
    check("nothing comes after the end", c.silence())


def the_answer_to_options_is_what_was_asked_for():
    c = Client()
    c.ask(NAME, "tsize", 0, "blksize", 1468)
    opcode, rest = c.get()
    check("options are acknowledged", opcode == OACK)
    check("by just these", options_of(rest) == {b"tsize": str(len(CONTENT)).encode(), b"blksize": b"1468"})
    c.error(0)
    check("after an early end there is nothing", c.silence(1.2))


def size_alone_may_be_asked_for():
    c = Client()
    c.ask(NAME, "TSIZE", 0)
    opcode, rest = c.get()
    check("tsize alone", opcode == OACK and options_of(rest) == {b"tsize": str(len(CONTENT)).encode()})
    c.ack(0)
    n, data = c.block()
    check("blocks are of 512 bytes", n == 1 and len(data) == 512)
    c.error(0)


def unknown_options_alone_are_as_if_there_were_none():
    c = Client()
    c.ask(NAME, "multicast", "", "rollover", 0)
    n, data = c.block()
    check("the first block is the answer", n == 1 and data == CONTENT[:512])
    c.error(0)


def every_option_at_once():
    c = Client()
    c.ask(NAME, "blksize", 1000, "timeout", 2, "windowsize", 4, "tsize", 0, "nonsense", 1)
    opcode, rest = c.get()
    check(
        "all four",
        opcode == OACK
        and options_of(rest)
        == {b"blksize": b"1000", b"timeout": b"2", b"windowsize": b"4", b"tsize": str(len(CONTENT)).encode()},
    )
    c.ack(0)
    for number in range(1, 5):
        check("block %d of the window" % number, c.block()[0] == number)
    check("and not one more", c.silence())
    c.ack(2)
    for number in range(3, 7):
        check("after a loss block %d again" % number, c.block()[0] == number)
    c.ack(2)
    check("the same once more is not answered", c.silence())
    c.ack(6)
    check("the next window", c.block()[0] == 7)
    c.error(0)


def a_repeated_ack_gets_no_block():
    c = Client()
    c.ask(NAME, "blksize", 1024)
    c.get()
    c.ack(0)
    check("block 1", c.block()[0] == 1)
    c.ack(1)
    c.ack(1)
    c.ack(0)
    check("block 2", c.block()[0] == 2)
    check("once", c.silence())
    c.error(0)


def what_is_lost_comes_again():
    c = Client()
    c.ask(NAME, "blksize", 1024)
    first = c.get()
    check("the options once more", c.get() == first)
    c.ack(0)
    check("block 1", c.block()[0] == 1)
    check("block 1 once more", c.block()[0] == 1)
    c.ack(1)
    check("block 2", c.block()[0] == 2)
    c.error(0)


def what_waits_in_the_socket_is_not_asked_for_again():
    c = Client()
    c.ask(NAME, "blksize", 1024, "timeout", 1)
    c.get()
    c.ack(0)
    check("block 1", c.block()[0] == 1)
    os.kill(PID, signal.SIGSTOP)
    while not c.silence():
        pass
    c.ack(1)
    time.sleep(1.2)  # so that it is late when it looks again
    os.kill(PID, signal.SIGCONT)
    check("block 2 is next", c.block()[0] == 2)
    c.error(0)


def many_load_a_file_side_by_side():
    """Each gets its own blocks, whoever lags behind, asks again or ends, and whatever their size is."""
    clients = [Client() for _ in range(12)]
    sizes = [1468, 1468, 1024, 1468, 512, 1468] * 2
    got = [b""] * len(clients)
    for c, size in zip(clients, sizes):
        c.ask(NAME, "blksize", size)
        c.get()
        c.ack(0)
    going = set(range(len(clients)))
    number = 0
    while going:
        number += 1
        for i in sorted(going):
            if i % 5 == 1 and number == 30:
                clients[i].error(0)
                going.discard(i)
                continue
            if i == 3 and number in (11, 12, 23):
                clients[i].get()  # lost on the way: it comes again
            block, data = clients[i].block()
            for _ in range(5):  # repeated, where this machine is slow
                if block in (None, number - 1):
                    block, data = clients[i].block()
            check("the next block", block == number)
            got[i] += data
            clients[i].ack(number)
            if len(data) < sizes[i]:
                check("the whole file", got[i] == CONTENT)
                going.discard(i)
            elif i % 5 == 1:
                check("as far as it came", CONTENT.startswith(got[i]))


def the_client_may_choose_how_long_to_wait():
    c = Client()
    c.ask(NAME, "timeout", 2)
    c.get()
    c.ack(0)
    c.block()
    begun = time.monotonic()
    check("it comes again", c.block()[0] == 1)
    check("not before", time.monotonic() - begun > 1.9)
    c.error(0)


def a_request_is_repeated_from_the_same_port():
    c = Client()
    c.ask(NAME, "tsize", 0)
    first = c.get()
    port = c.peer[1]
    c.ask(NAME, "tsize", 0)
    check("the same answer", c.get() == first)
    check("from the same port", c.peer[1] == port)
    c.ack(0)
    check("block 1", c.block()[0] == 1)
    # now it begins anew, with another block size
    c.ask(NAME, "blksize", 600)
    opcode, rest = c.get()
    while opcode == DATA:
        opcode, rest = c.get()
    check("another transfer", opcode == OACK and options_of(rest) == {b"blksize": b"600"})
    c.ack(0)
    n, data = c.block()
    check("from the beginning", n == 1 and data == CONTENT[:600])
    c.error(0)


def nobody_else_can_disturb():
    c = Client()
    c.ask(NAME)
    check("block 1", c.block()[0] == 1)
    stranger = Client()
    stranger.peer = c.peer
    stranger.ack(1)
    stranger.error(0)
    check("a stranger is not heard", c.silence())
    c.ack(1)
    check("block 2", c.block()[0] == 2)
    c.error(0)


def what_is_refused():
    for what, name, opcode, mode, code in (
        ("a file that is not there", b"nothing", RRQ, b"octet", 1),
        ("a directory", b"folder", RRQ, b"octet", 2),
        ("nothing at all", b"", RRQ, b"octet", 2),
        ("writing", NAME, WRQ, b"octet", 2),
        ("mail", NAME, RRQ, b"mail", 4),
        ("a name that is too long", b"n" * 5000, RRQ, b"octet", 1),
        ("a file as a folder", NAME + b"/x", RRQ, b"octet", 1),
    ):
        c = Client()
        c.ask(name, opcode=opcode, mode=mode)
        got, rest = c.get()
        check(what, got == ERROR and struct.unpack(">H", rest[:2])[0] == code)
        check(what + " has a text that ends", len(rest) > 3 and rest[-1] == 0)
        check(what + " is said once", c.silence(0.1))


def rubbish_is_ignored():
    c = Client()
    for packet in (b"", b"\0", b"\0\1", b"\0\1x", b"\0\1x\0octet", b"\0\4\0\0", b"\0\5\0\0x\0", b"\xff" * 2000, b"\0\3\0\1x"):
        c.s.sendto(packet, SERVER)
    check("rubbish", c.silence())
    c.ask()
    check("block 1", c.block()[0] == 1)
    for packet in (b"", b"\0\4", b"\0\1x\0octet\0", b"\0\3\0\1", b"\xff" * 2000):
        c.s.sendto(packet, c.peer)
    check("rubbish within a transfer", c.silence())
    c.ack(1)
    check("block 2", c.block()[0] == 2)
    c.error(0)


def broadcasts_are_ignored():
    c = Client()
    c.s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    c.ask(to=("127.255.255.255", SERVER[1]))
    check("a broadcast", c.silence())


def a_text_is_served_from_memory():
    c = Client()
    c.ask(b"@memory/1024")
    got = b""
    for number in (1, 2, 3):
        n, data = c.block()
        check("block %d" % number, n == number)
        got += data
        c.ack(n)
    check("a text of two blocks ends with an empty one", len(got) == 1024 and data == b"")
    c = Client()
    c.ask(b"@memory/0", "tsize", 0)
    opcode, rest = c.get()
    check("an empty text", options_of(rest) == {b"tsize": b"0"})
    c.ack(0)
    check("is one empty block", c.block() == (1, b""))
    c.ack(1)


def one_client_has_so_many_transfers_and_no_more():
    clients = [Client() for _ in range(20)]
    for c in clients:
        c.ask()
        check("block 1", c.block()[0] == 1)
    # the oldest of them are given up: nothing comes for them any more
    for c in clients:
        c.ack(1)
    answered = sum(c.block(0.3)[0] == 2 for c in clients)
    check("16 of 20 go on, not %d" % answered, answered == 16)
    for c in clients:
        c.error(0)


def who_has_not_answered_makes_room_for_others():
    """Of a server that has four transfers at most."""
    sure = Client()
    sure.ask()
    check("block 1", sure.block()[0] == 1)
    sure.ack(1)
    check("block 2", sure.block()[0] == 2)
    silent = [Client() for _ in range(20)]
    for c in silent:
        c.ask()
        check("block 1 for one more", c.block(2)[0] == 1)
    sure.ack(2)
    check("who has answered goes on", sure.block()[0] == 3)
    for c in silent[-3:]:
        c.ack(1)
        check("as do the last ones", c.block(2)[0] == 2)
    more = Client()
    more.ask()
    check("and nobody of those gives way", more.silence())
    for c in silent[-3:] + [sure]:
        c.error(0)


own_server = {"who_has_not_answered_makes_room_for_others"}
tests = {name: f for name, f in globals().items() if getattr(f, "__code__", None) and not f.__code__.co_argcount}
for test in [tests[name] for name in sys.argv[5:] or tests if sys.argv[5:] or name not in own_server]:
    before = failures
    test()
    print("ok" if failures == before else "FAILED", test.__name__)
sys.exit(failures != 0)
