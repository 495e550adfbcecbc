#!/usr/bin/env python3
"""Writes the seeds of fuzz_pcap: pcap_seeds.py FOLDER. One small capture for each link type and tunnel, and pcapng of both byte orders."""
import os
import struct
import sys

UDP, TCP = 17, 6


def udp(data, src=53, dst=4000):
    return struct.pack('>HHHH', src, dst, 8 + len(data), 0) + data


def tcp(data, seq=1):
    return struct.pack('>HHIIBBHHH', 53, 4000, seq, 0, 0x60, 0x18, 512, 0, 0) + b'\1\1\1\0' + data


def ip4(data, proto, fragment=0):
    return struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(data), 7, fragment, 64, proto, 0, bytes((10, 0, 0, 1)), bytes((10, 0, 1, 1))) + data


def ip6(data, proto):
    return struct.pack('>IHBB', 6 << 28, len(data), proto, 64) + bytes(15) + b'\1' + bytes(15) + b'\2' + data


def ethernet(data, kind=0x0800):
    return bytes(12) + struct.pack('>H', kind) + data


def snap(data):
    return b'\xaa\xaa\3\0\0\0\x08\0' + data


def frames():
    four, six = ip4(udp(b'hello'), UDP), ip6(udp(b'hello'), UDP)
    datagram = udp(b'a longer payload')
    yield 'ethernet', 1, [ethernet(four), ethernet(six, 0x86dd), ethernet(ip4(tcp(b'\0\5hello'), TCP)), ethernet(snap(four), len(four) + 8)]
    yield 'tags', 1, [ethernet(b'\0\5\x81\0\0\5\x08\0' + four, 0x88a8), ethernet(b'\0\1\0\x40\0\2\1\x40' + four, 0x8847),
                      ethernet(b'\x11\0\0\7' + struct.pack('>H', len(four) + 2) + b'\0\x21' + four, 0x8864)]
    yield 'tunnels', 101, [ip4(x, 47) for x in (b'\0\0\x08\0' + four, b'\x10\0\x88\xbeseq.' + bytes(8) + ethernet(four), b'\x30\x81\x88\x0blnidseq.ack.\xff\3\0\x21' + four)] + [
        ip4(four, 4), ip4(six, 41), ip6(four, 4)]
    yield 'udp_tunnels', 101, [ip4(udp(data, port, port), UDP) for port, data in (
        (4789, b'\x08\0\0\0\0\0\7\0' + ethernet(four)), (6081, b'\1\0\x65\x58\0\0\7\0opt.' + ethernet(four)), (2152, b'\x34\xff\0\0teidsqn\x85\1ab\0' + four),
        (1701, b'\x4a\2lntusinsnr\0\2pd\x21' + four), (3544, b'\0\1\0\0nonce...c\0\0origin' + six))]
    yield 'errors', 101, [ip4(b'\3\3' + bytes(6) + four, 1), ip6(b'\1\4' + bytes(6) + six, 58)]
    yield 'fragments', 101, [ip4(datagram[:16], UDP, 0x2000), ip4(datagram[16:], UDP, 2), ip6(bytes((UDP, 0, 0, 1, 0, 0, 0, 9)) + datagram[:16], 44),
                             ip6(bytes((UDP, 0, 0, 16, 0, 0, 0, 9)) + datagram[16:], 44), ip6(bytes((UDP, 0)) + bytes(6) + datagram, 60)]
    yield 'sctp', 101, [ip4(b'\0\x35\x0f\xa0' + bytes(8) + b'\4\0\0\5x\0\0\0' + b'\0\3\0\x15' + bytes(12) + b'hello', 132), ip4(udp(b'hello'), 136)]
    yield 'null', 0, [b'\0\0\0\2' + four, b'\x1e\0\0\0' + six]
    yield 'ppp', 9, [b'\xff\3\0\x21' + four, b'\x57' + six]
    yield 'sll', 113, [b'\0\0\0\1\0\6abcdef\0\0\x08\0' + four]
    yield 'sll2', 276, [b'\x08\0\0\0\0\0\0\1\0\1\0\6abcdef\0\0' + four]
    yield 'wireless', 105, [b'\x08\2\0\0' + bytes(20) + snap(four), b'\x88\3\0\0' + bytes(28) + snap(four)]
    yield 'radiotap', 127, [b'\0\0\x1a\0\3\0\0\x80\0\0\0\0' + bytes(12) + b'\x10r' + b'\x08\2\0\0' + bytes(20) + snap(four) + bytes(4)]
    yield 'nflog', 239, [b'\2\0\0\0\5\0\1\0x\0\0\0' + struct.pack('<HH', len(four) + 4, 9) + four]


def pcap(order, link, packets):
    out = struct.pack(order + 'IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, link)
    for i, p in enumerate(packets):
        out += struct.pack(order + 'IIII', 1700000000 + i, i, len(p), len(p)) + p
    return out


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    size = struct.pack(order + 'I', len(body) + 12)
    return struct.pack(order + 'I', kind) + size + body + size


def pcapng(order, link, packets):
    out = block(order, 0x0a0d0d0a, struct.pack(order + 'IHHq', 0x1a2b3c4d, 1, 0, -1))
    out += block(order, 1, struct.pack(order + 'HHIHHB3xHHqHH', link, 0, 0, 9, 1, 0x8a, 14, 8, 5, 0, 0))
    for i, p in enumerate(packets):
        out += block(order, 6, struct.pack(order + 'IIIII', 0, 0, i, len(p), len(p)) + p)
    out += block(order, 3, struct.pack(order + 'I', len(packets[0])) + packets[0])
    out += block(order, 2, struct.pack(order + 'HHIIII', 0, 3, 0, 0, len(packets[0]), 99) + packets[0])
    return out + block(order, 0xbad, b'else') + block(order, 5, struct.pack(order + 'IIIHHQ', 0, 0, 0, 5, 8, 4))


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for i, (name, link, packets) in enumerate(frames()):
        order = '<>'[i % 2]
        with open(os.path.join(folder, name + '.pcap'), 'wb') as f:
            f.write(pcap(order, link, packets))
        if i < 2:
            with open(os.path.join(folder, name + '.pcapng'), 'wb') as f:
                f.write(pcapng(order, link, packets))


main()
