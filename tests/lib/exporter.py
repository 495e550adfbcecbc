"""A NetFlow exporter over loopback: version 5, or version 9 with IPv4 and IPv6 templates.

Packets are built once from a fixed seed, with skewed hosts, ports and sizes as real traffic has them, then sent in a loop with patched time and
sequence number. All addresses are private or for documentation (RFC 1918, RFC 5737, RFC 3849). Sends to 127.0.0.1 only.
"""
import argparse
import random
import socket
import struct
import time

UPTIME_MS = 3_600_000
RECORDS = {5: 30, 9: 20}
PORTS = [443] * 40 + [53] * 25 + [80] * 12 + [22, 25, 123, 123, 445, 993, 3389, 8080, 8443, 5353]
# Element ids and lengths of the version 9 templates (RFC 3954, section 8).
COMMON = [(1, 4), (2, 4), (4, 1), (5, 1), (6, 1), (7, 2), (11, 2), (10, 4), (14, 4), (16, 4), (17, 4), (22, 4), (21, 4), (61, 1)]
TEMPLATES = {256: COMMON + [(8, 4), (12, 4)], 257: COMMON + [(27, 16), (28, 16)]}


def skewed(rng, n):
    """An index below n, small ones far more often: a few hosts make most of the traffic."""
    return min(int(rng.paretovariate(0.9)) - 1, n - 1) if rng.random() < 0.9 else rng.randrange(n)


def flow(rng):
    proto = rng.choices((6, 17, 1), (70, 25, 5))[0]
    packets = min(int(rng.paretovariate(1.1)), 200_000)
    client, server = 1024 + rng.randrange(64_000), rng.choice(PORTS)
    if proto == 1:
        client, server = 0, rng.choice((0, 2048, 769))
    if rng.random() < 0.5:
        client, server = server, client
    length = 0 if packets == 1 else min(int(rng.expovariate(1 / 4000)), 300_000)
    return {
        'bytes': packets * rng.choice((40, 52, 60, 76, 128, 576, 1400, 1500)), 'packets': packets, 'proto': proto,
        'tos': rng.choice((0, 0, 0, 0, 8, 184)), 'flags': rng.choice((2, 16, 24, 27, 27, 31)) if proto == 6 else 0, 'sport': client,
        'dport': server, 'in': rng.choice((1, 1, 2, 3)), 'out': rng.choice((2, 4, 4, 5)), 'sas': rng.choice((64500, 64501, 13335)),
        'das': rng.choice((64496, 64500, 15169, 13335)), 'first': UPTIME_MS - length - 2000, 'last': UPTIME_MS - 2000, 'dir': rng.randrange(2),
        'inside': skewed(rng, 20_000), 'outside': skewed(rng, 60_000)}


def ipv4(f):
    inside, outside = 0x0A000000 + f['inside'], 0xC6120000 + f['outside']  # 10.0.0.0/8, 198.18.0.0/15
    return struct.pack('>II', *((inside, outside) if f['dir'] else (outside, inside)))


def ipv6(f):
    inside = bytes.fromhex('20010db8000a0000') + struct.pack('>Q', f['inside'])
    outside = bytes.fromhex('20010db8ffff0000') + struct.pack('>Q', f['outside'] * 2_654_435_761 % 2**64)
    return inside + outside if f['dir'] else outside + inside


def v5_packet(rng):
    body = b''
    for _ in range(RECORDS[5]):
        f = flow(rng)
        body += ipv4(f) + struct.pack('>IHHIIIIHHBBBBHHBBH', 0xAC100001, f['in'], f['out'], f['packets'], f['bytes'], f['first'], f['last'], f['sport'],
                                      f['dport'], 0, f['flags'], f['proto'], f['tos'], f['sas'], f['das'], 24, 16, 0)
    return body


def v9_packet(rng, six):
    body = b''
    for _ in range(RECORDS[9]):
        f = flow(rng)
        body += struct.pack('>IIBBBHHIIIIIIB', f['bytes'], f['packets'], f['proto'], f['tos'], f['flags'], f['sport'], f['dport'], f['in'], f['out'], f['sas'],
                            f['das'], f['first'], f['last'], f['dir']) + (ipv6(f) if six else ipv4(f))
    body += b'\0' * (-len(body) % 4)
    return struct.pack('>HH', 257 if six else 256, len(body) + 4) + body


def v9_templates():
    body = b''
    for number, fields in TEMPLATES.items():
        body += struct.pack('>HH', number, len(fields)) + b''.join(struct.pack('>HH', *f) for f in fields)
    return struct.pack('>HH', 0, len(body) + 4) + body


class Exporter:
    """Sends flows to 127.0.0.1:port. clock_offset: what to add to this machine's clock, for a collector whose clock is shifted."""

    def __init__(self, port, version=9, seed=1, packets=2000, ipv6_share=0.3, clock_offset=0):
        rng = random.Random(seed)
        self.version, self.offset, self.sequence = version, clock_offset, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(('127.0.0.1', port))
        if version == 5:
            self.bodies = [v5_packet(rng) for _ in range(packets)]
        else:
            self.bodies = [v9_packet(rng, rng.random() < ipv6_share) for _ in range(packets)]
            self.send(v9_templates(), 2)

    def send(self, body, records):
        now = int(time.time() + self.offset)
        if self.version == 5:
            head = struct.pack('>HHIIIIBBH', 5, records, UPTIME_MS, now, 0, self.sequence, 0, 1, 0)
            self.sequence += records
        else:
            head = struct.pack('>HHIIII', 9, records, UPTIME_MS, now, self.sequence, 1)
            self.sequence += 1
        self.socket.send(head + body)

    def flows(self, count, start=0):
        """Send count flows, rounded up to whole packets, slowly enough that the collector loses none. Returns how many were sent."""
        per = RECORDS[self.version]
        packets = -(-count // per)
        for i in range(packets):
            self.send(self.bodies[(start + i) % len(self.bodies)], per)
            if i % 16 == 15:
                time.sleep(0.0006)
        return packets * per


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description='send NetFlow to 127.0.0.1')
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--version', type=int, choices=(5, 9), default=9)
    parser.add_argument('--flows', type=int, default=100_000)
    parser.add_argument('--seed', type=int, default=1)
    args = parser.parse_args()
    print(Exporter(args.port, args.version, args.seed, packets=min(4000, args.flows // 20 + 1)).flows(args.flows), 'flows sent')
