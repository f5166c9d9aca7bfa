#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""DHCP packet by packet, from the client's end of a network.

    dhcp_torture.py TEST INTERFACE SERVER [ARGUMENT...]

SERVER is the address that the server must show on this network. Prints what is wrong and fails.
"""
import socket
import struct
import sys
import time

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
BIOS = b"PXEClient:Arch:00000:UNDI:002001"
PI = bytes.fromhex("dca632010203")
PC = bytes.fromhex("525400000077")
GUID = b"\0RPi4" + bytes(range(12))
test, interface, server = sys.argv[1:4]
failures = 0


def check(what, condition):
    global failures
    if not condition:
        failures += 1
        print("wrong:", what)


def open_socket(address="", port=68):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    s.bind((address, port))
    return s


sock = open_socket()
number = 0


def packet(kind, mac=PI, options=(), ciaddr="0.0.0.0", pxe=False):
    global number
    number += 1
    p = struct.pack(">BBBBIHH", 1, 1, 6, 0, number, 0, 0)
    p += socket.inet_aton(ciaddr) + bytes(12) + mac + bytes(10 + 192) + b"\x63\x82\x53\x63"
    p += bytes([53, 1, kind])
    if pxe:
        options = list(options) + [(93, b"\0\0"), (94, b"\1\2\1"), (97, GUID), (60, BIOS)]
    for code, value in options:
        p += bytes([code, len(value)]) + value
    return (p + b"\xff").ljust(300, b"\0")


def send(p, to="255.255.255.255", port=67, s=None):
    (s or sock).sendto(p, (to, port))


class Reply:
    def __init__(self, data, source):
        self.source, self.port = source
        self.length = len(data)
        self.op, _, _, _, self.xid, _, self.flags = struct.unpack(">BBBBIHH", data[:12])
        self.ciaddr, self.yiaddr, self.siaddr, self.giaddr = (
            socket.inet_ntoa(data[i : i + 4]) for i in (12, 16, 20, 24)
        )
        self.mac = data[28:34]
        self.file = data[108:236].split(b"\0")[0]
        self.options = {}
        at = 240
        while data[at] != 255:
            self.options[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
            at += 2 + data[at + 1]
        self.kind = self.options[53][0]


def receive(seconds=5.0, s=None):
    s = s or sock
    s.settimeout(seconds)
    try:
        data, source = s.recvfrom(2000)
    except socket.timeout:
        return None
    return Reply(data, source)


def ip(text):
    return socket.inet_aton(text)


def ask(p, **where):
    send(p, **where)
    reply = receive()
    if reply is None:
        print("no answer")
        sys.exit(1)
    check("the answer is to the question", reply.xid == struct.unpack(">I", p[4:8])[0])
    return reply


def silent(what, p, **where):
    send(p, **where)
    check(what, receive(0.5) is None)


def is_boot_offer(reply):
    check("offer", reply.op == 2 and reply.kind == OFFER)
    check("source", (reply.source, reply.port) == (server, 67))
    check("option 54", reply.options[54] == ip(server))
    check("option 66", reply.options[66] == server.encode())
    check("siaddr", reply.siaddr == server)
    check("broadcast flag", reply.flags == 0x8000)
    check("length", reply.length >= 300)
    check("option 97", reply.options[97] == GUID)
    check("option 43", b"Raspberry Pi Boot   \xff" in reply.options[43])


def proxy():
    is_boot_offer(ask(packet(DISCOVER, pxe=True)))
    silent("a PC that boots", packet(DISCOVER, mac=PC, pxe=True))
    silent("a Pi that does not boot", packet(DISCOVER))
    silent("a request to the router", packet(REQUEST, options=[(50, ip("10.9.0.77")), (54, ip("10.9.0.254"))]))
    silent("a PC at 4011", packet(REQUEST, mac=PC, pxe=True), to=server, port=4011)
    p = bytearray(packet(DISCOVER, pxe=True))
    p[0] = 2
    silent("a reply", bytes(p))
    p[0], p[1] = 1, 6
    silent("another kind of hardware", bytes(p))
    p[1], p[2] = 1, 16
    silent("a long hardware address", bytes(p))
    silent("half a packet", packet(DISCOVER, pxe=True)[:200])
    is_boot_offer(ask(packet(DISCOVER, pxe=True)))


def listed():
    reply = ask(packet(DISCOVER, mac=PC, pxe=True))
    check("offer", reply.kind == OFFER and reply.file == b"boot.ipxe")
    s = open_socket(port=4444)
    send(packet(REQUEST, mac=PC, pxe=True), to=server, port=4011, s=s)
    reply = receive(s=s)
    check("answered at 4011", reply and reply.kind == ACK and reply.file == b"boot.ipxe")
    check("from 4011", (reply.source, reply.port) == (server, 4011))


def delayed():
    begun = time.monotonic()
    send(packet(DISCOVER, pxe=True))
    time.sleep(0.2)
    is_boot_offer(ask(packet(DISCOVER, pxe=True)))
    check("not before its time", time.monotonic() - begun >= 1.0)
    check("once", receive(1.5) is None)
    # it asks more often than that
    for _ in range(10):
        send(packet(DISCOVER, pxe=True))
        reply = receive(0.3)
        if reply:
            break
    is_boot_offer(reply)


def kicked():
    s = open_socket(port=9)
    s.settimeout(5)
    is_boot_offer(ask(packet(DISCOVER, pxe=True)))
    for _ in range(3):
        try:
            data, source = s.recvfrom(100)
        except socket.timeout:
            check("kicks come", False)
            return
        check("a kick from the server", source[0] == server and source[1] != 67 and len(data) == 1)


def calm():
    s = open_socket(port=9)
    s.settimeout(0.8)
    try:
        s.recvfrom(100)
        check("no more kicks", False)
    except socket.timeout:
        pass


def source():
    check("from " + server, ask(packet(DISCOVER, pxe=True)).source == server)


def lease():
    """Prints the address that the server gives to the MAC of the arguments."""
    mac = bytes.fromhex(sys.argv[4].replace(":", ""))
    offer = ask(packet(DISCOVER, mac=mac))
    ack = ask(packet(REQUEST, mac=mac, options=[(50, ip(offer.yiaddr)), (54, ip(server))]))
    check("it is acknowledged", ack.kind == ACK and ack.yiaddr == offer.yiaddr)
    print(ack.yiaddr)


def exhausted():
    """Two clients that there is no address for, each asking twice."""
    for mac in (b"\x02\0\0\0\0\x0c", b"\x02\0\0\0\0\x0d"):
        silent("no address is left", packet(DISCOVER, mac=mac))
        silent("no address is left", packet(DISCOVER, mac=mac))


def renewing():
    """Who listens at its address alone hears the answer, and who listens to broadcasts, too."""
    address = sys.argv[4]
    own = open_socket(address)
    send(packet(REQUEST, ciaddr=address), to=server, s=own)
    reply = receive(s=own)
    check("by unicast", reply is not None and reply.kind == ACK and reply.yiaddr == address)
    reply = receive()
    check("by broadcast", reply is not None and reply.kind == ACK and reply.yiaddr == address)


def inform():
    address = sys.argv[4]
    reply = ask(packet(INFORM, ciaddr=address))
    check("informed", reply.kind == ACK and reply.yiaddr == "0.0.0.0" and 51 not in reply.options)
    check("the router", reply.options[3] == ip("10.9.0.254"))


def storm():
    """A thousand clients that are switched on together."""
    macs = [b"\x02\0\0\0" + struct.pack(">H", i) for i in range(1000)]
    open_xids = {}
    addresses = {}
    for mac in macs:
        p = packet(DISCOVER, mac=mac)
        open_xids[struct.unpack(">I", p[4:8])[0]] = mac
        send(p)
    quiet = 0
    while len(addresses) < len(macs) and quiet < 5:
        reply = receive(2)
        if reply is None:
            quiet += 1
            for mac in macs:
                if mac not in addresses:
                    send(packet(DISCOVER, mac=mac))
        elif reply.kind == OFFER:
            send(packet(REQUEST, mac=reply.mac, options=[(50, ip(reply.yiaddr)), (54, ip(server))]))
        elif reply.kind == ACK:
            check("one address for each", addresses.get(reply.mac, reply.yiaddr) == reply.yiaddr)
            addresses[reply.mac] = reply.yiaddr
    check("all have one: %d" % len(addresses), len(addresses) == len(macs))
    check("no address twice", len(set(addresses.values())) == len(addresses))


globals()[test]()
sys.exit(failures != 0)
