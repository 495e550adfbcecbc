"""Captures with DNS responses made from rows: what a table must hold of them is the rows themselves. Classic pcap, Ethernet, IPv4, UDP."""
import ipaddress
import struct

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


def packet(row):
    """One response. row: at (unix seconds), client, server, name, kind, rcode, a (text or None)."""
    query = dns.message.make_query(row['name'], row['kind'], id=4711)
    response = dns.message.make_response(query)
    response.set_rcode(row['rcode'])
    if row['a'] is not None:
        response.answer.append(dns.rrset.from_text(row['name'] + '.', 60, 'IN', 'A', row['a']))
    payload = response.to_wire()
    udp = struct.pack('>HHHH', 53, 40000, 8 + len(payload), 0) + payload
    head = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, ipaddress.ip_address(row['server']).packed, ipaddress.ip_address(row['client']).packed)
    total = sum(struct.unpack('>10H', head))
    total = (total & 0xffff) + (total >> 16)
    head = head[:10] + struct.pack('>H', ~(total + (total >> 16)) & 0xffff) + head[12:]
    return b'\2\0\0\0\0\2\2\0\0\0\0\1\x08\x00' + head + udp


def capture(rows):
    """The bytes of a pcap file; frame_len of each row is set."""
    out = [struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)]
    for row in rows:
        frame = packet(row)
        row['frame_len'] = len(frame)
        out.append(struct.pack('<IIII', row['at'], 0, len(frame), len(frame)) + frame)
    return b''.join(out)
