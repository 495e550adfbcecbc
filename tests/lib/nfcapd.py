"""Writes nfcapd files of layout 1 and 2 for tests: uncompressed, or with a codec that the caller passes as a function.

Layout: doc/formats/nfcapd.md. Only what tests need: a v5-like flow with addresses, counters, interfaces, AS numbers, exporter and received time.
"""
import ipaddress
import struct

APPENDIX_STAT = 0x8002


def flow(received_ms, **kw):
    """A flow with every field settable; times are unix milliseconds."""
    f = {'first': received_ms - 2000, 'last': received_ms - 1000, 'received': received_ms, 'packets': 1, 'bytes': 40, 'sport': 1234, 'dport': 443, 'proto': 6,
         'flags': 0x1B, 'fwd': 0, 'stos': 0, 'src': '10.0.0.1', 'dst': '192.0.2.1', 'in': 1, 'out': 2, 'sas': 64500, 'das': 64501, 'dtos': 0, 'dir': 0,
         'exporter': '127.0.0.1', 'elements': ()}
    f.update(kw)
    return f


def element(number, payload):
    return struct.pack('<HH', number, 4 + len(payload)) + payload


def addresses(f):
    src, dst = ipaddress.ip_address(f['src']), ipaddress.ip_address(f['dst'])
    if src.version == 4:
        return 2, struct.pack('<II', int(src), int(dst))
    return 3, b''.join(struct.pack('<QQ', int(a) >> 64, int(a) & (2**64 - 1)) for a in (src, dst))


def record_v2(f):
    """A V3 record (type 11) of layout 2. elements: further (id, payload) pairs."""
    parts = [element(1, struct.pack('<QQQQQHHBBBB', f['first'], f['last'], f['received'], f['packets'], f['bytes'], f['sport'], f['dport'], f['proto'], f['flags'],
                                    f['fwd'], f['stos'])),
             element(*addresses(f)),
             element(4, struct.pack('<IIBBBBBBBB', f['in'], f['out'], 24, 16, f['dir'], f['dtos'], 0, 0, 0, 0)),
             element(7, struct.pack('<II', f['sas'], f['das'])),
             element(12, struct.pack('<I', int(ipaddress.IPv4Address(f['exporter']))))]
    parts += [element(*e) for e in f['elements']]
    body = b''.join(parts)
    return struct.pack('<HHHBBHBB', 11, 12 + len(body), len(parts), 0, 1, 1, 0, 5) + body


def block(records, pack=None, kind=3):
    body = b''.join(records)
    body = pack(body) if pack else body
    return struct.pack('<IIHH', len(records), len(body), kind, 0) + body


def statistics(flows):
    proto = [sum(1 for f in flows if f['proto'] == p) for p in (6, 17, 1)]
    counts = [len(flows), sum(f['bytes'] for f in flows), sum(f['packets'] for f in flows), *proto, len(flows) - sum(proto)]
    for key in ('bytes', 'packets'):
        split = [sum(f[key] for f in flows if f['proto'] == p) for p in (6, 17, 1)]
        counts += [*split, sum(f[key] for f in flows) - sum(split)]
    counts += [min((f['first'] for f in flows), default=0), max((f['last'] for f in flows), default=0), 0]
    return struct.pack('<18Q', *counts)


def file_v2(flows, pack=None, compression=0, per_block=8000, appendix=True):
    """A whole file of layout 2. pack compresses one block; compression is the code that goes with it."""
    records = [record_v2(f) for f in flows]
    blocks = [block(records[i:i + per_block], pack) for i in range(0, len(records), per_block)]
    body = b''.join(blocks)
    tail = b''
    if appendix:
        stat = statistics(flows)
        tail = block([struct.pack('<HH', 0x8001, 4 + 8) + b'test\0\0\0\0', struct.pack('<HH', APPENDIX_STAT, 4 + len(stat)) + stat], pack)
    head = struct.pack('<HHIqBBHIqII', 0xA50C, 2, 0x01070100, flows[0]['received'] // 1000 if flows else 0, compression, 0, 1 if appendix else 0, 1,
                       40 + len(body) if appendix else 0, 0, len(blocks))
    return head + body + tail


MAP_IDS = (5, 7, 8, 23, 27)  # extensions of record_v1, ascending


def record_v1(f):
    """A common record (type 10) of layout 1, IPv4 only."""
    body = struct.pack('<II', int(ipaddress.IPv4Address(f['src'])), int(ipaddress.IPv4Address(f['dst'])))
    body += struct.pack('<II', f['packets'], f['bytes'])
    body += struct.pack('<II', f['in'], f['out']) + struct.pack('<II', f['sas'], f['das']) + struct.pack('<BBBB', f['dtos'], f['dir'], 24, 16)
    body += struct.pack('<I', int(ipaddress.IPv4Address(f['exporter']))) + struct.pack('<Q', f['received'])
    head = struct.pack('<BBHHHIIBBBBHHHBB', 0, 5, 0, f['first'] % 1000, f['last'] % 1000, f['first'] // 1000, f['last'] // 1000, f['fwd'], f['flags'], f['proto'],
                       f['stos'], f['sport'], f['dport'], 1, 0, 0)
    return struct.pack('<HH', 10, 4 + len(head) + len(body)) + head + body


def file_v1(flows, per_block=8000):
    """A whole file of layout 1, uncompressed."""
    ids = struct.pack('<6H', *MAP_IDS, 0)
    extension_map = struct.pack('<HHHH', 2, 8 + len(ids), 0, 8 + 8 + 4 + 4 + 8) + ids
    records = [extension_map] + [record_v1(f) for f in flows]
    blocks = [block(records[i:i + per_block], kind=2) for i in range(0, len(records), per_block)]
    s = struct.unpack('<18Q', statistics(flows))
    stat = struct.pack('<15Q', *s[:15]) + struct.pack('<IIHHI', s[15] // 1000, s[16] // 1000, s[15] % 1000, s[16] % 1000, 0)
    return struct.pack('<HHII', 0xA50C, 1, 0, len(blocks)) + b'test'.ljust(128, b'\0') + stat + b''.join(blocks)
