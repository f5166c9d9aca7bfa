#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Loads a file from 127.0.0.1 as it comes over the wire, whatever the mode.

    tftp_fetch.py PORT NAME FILE [MODE]
"""
import socket
import struct
import sys

port, name, file = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3]
mode = sys.argv[4].encode() if len(sys.argv) > 4 else b"octet"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
s.sendto(b"\0\1" + name + b"\0" + mode + b"\0blksize\x008192\0", ("127.0.0.1", port))
expected = 0
with open(file, "wb") as out:
    while True:
        packet, peer = s.recvfrom(70000)
        opcode, number = struct.unpack(">HH", packet[:4])
        if opcode == 6 and expected == 0:
            number, size = 0, 8192
        elif opcode != 3 or number != expected & 0xFFFF:
            if opcode == 5:
                sys.exit("error %d" % number)
            continue
        else:
            out.write(packet[4:])
            size = len(packet) - 4
        s.sendto(struct.pack(">HH", 4, number), peer)
        expected += 1
        if size < 8192:
            break
