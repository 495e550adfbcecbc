#!/usr/bin/env python3
"""The nfcapd dissector against the text that nfdump 1.7.1, nfdump 1.7.8 and spot-nfdump printed of the same files, field by field.

A difference is allowed only by a rule below, and every rule is a row of the table "Differences" in doc/formats/nfcapd.md. Which columns are compared: all of
the flow table, and all that `nfdump -o csv` prints beside it. Row counts and sums are compared with the file's own statistics record too.
"""
import bz2
import csv
import gzip
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

SOURCE = os.environ.get('SLUICE_SOURCE', os.path.join(os.path.dirname(__file__), '..', '..'))
sys.path.insert(0, os.path.join(SOURCE, 'tests'))
import tap  # noqa: E402

SLUICE = os.environ.get('SLUICE', os.path.join(SOURCE, 'build', 'sluice'))
DATA = os.environ.get('SLUICE_DATA', os.path.join(SOURCE, '..', 'shared', 'data'))
INT_MAX = 2**31 - 1
EPOCH = '1970-01-01 00:00:00'

# Columns beside those of the flow table: name, Avro type, catalogue field, rendering, what a null shows.
EXTRA = [('received_ms', 'long', 'received', 'unix_ms', '0'), ('first_s', 'string', 'first', 'datetime', EPOCH), ('last_s', 'string', 'last', 'datetime', EPOCH),
         ('event_s', 'string', 'event_time', 'datetime', ''), ('first_ms', 'long', 'first', 'unix_ms', '0'), ('last_ms', 'long', 'last', 'unix_ms', '0'),
         ('smk', 'int', 'src_mask', 'number', '0'), ('dmk', 'int', 'dst_mask', 'number', '0'), ('nh', 'string', 'next_hop', 'ip', '0.0.0.0'),
         ('nhb', 'string', 'bgp_next_hop', 'ip', '0.0.0.0'), ('svln', 'int', 'src_vlan', 'number', '0'), ('dvln', 'int', 'dst_vlan', 'number', '0'),
         ('ismc', 'string', 'in_src_mac', 'mac', '00:00:00:00:00:00'), ('odmc', 'string', 'out_dst_mac', 'mac', '00:00:00:00:00:00'),
         ('idmc', 'string', 'in_dst_mac', 'mac', '00:00:00:00:00:00'), ('osmc', 'string', 'out_src_mac', 'mac', '00:00:00:00:00:00'),
         *[(f'mpls{i}', 'string', f'mpls_{i}', 'mpls', '0-0-0') for i in range(1, 11)],
         ('cl', 'long', 'client_latency', 'number', '0'), ('sl', 'long', 'server_latency', 'number', '0'), ('al', 'long', 'app_latency', 'number', '0'),
         ('engine_type', 'int', 'engine_type', 'number', '0'), ('engine_id', 'int', 'engine_id', 'number', '0'), ('exid', 'int', 'exporter_id', 'number', '0'),
         ('flows', 'long', 'flows', 'number', '1'), ('tunnel_proto', 'int', 'tunnel_proto', 'number', ''), ('tunnel_src', 'string', 'tunnel_src', 'ip', ''),
         ('tunnel_dst', 'string', 'tunnel_dst', 'ip', ''), ('sip_6', 'string', 'src_addr_6', 'ip', ''), ('dip_6', 'string', 'dst_addr_6', 'ip', '')]

# Theirs -> ours, where the text is the same. INT columns of the table take no value over 2^31-1.
SAME_171 = {'sa': 'sip', 'da': 'dip', 'sp': 'sport', 'dp': 'dport', 'flg': 'flag', 'fwd': 'fwd', 'stos': 'stos', 'ipkt': 'ipkt', 'ibyt': 'ibyt', 'opkt': 'opkt',
            'obyt': 'obyt', 'in': 'input', 'out': 'output', 'sas': 'sas', 'das': 'das', 'smk': 'smk', 'dmk': 'dmk', 'dtos': 'dtos', 'dir': 'dir', 'nh': 'nh', 'nhb': 'nhb',
            'svln': 'svln', 'dvln': 'dvln', 'ismc': 'ismc', 'odmc': 'odmc', 'idmc': 'idmc', 'osmc': 'osmc', **{f'mpls{i}': f'mpls{i}' for i in range(1, 11)},
            'ra': 'rip', 'exid': 'exid', 'pr': 'proto'}
SAME_178 = {'srcAddr': 'sip', 'dstAddr': 'dip', 'srcPort': 'sport', 'dstPort': 'dport', 'flags': 'flag', 'fwdStatus': 'fwd', 'srcTos': 'stos', 'inPackets': 'ipkt',
            'inBytes': 'ibyt', 'outPackets': 'opkt', 'outBytes': 'obyt', 'input': 'input', 'output': 'output', 'srcAS': 'sas', 'dstAS': 'das', 'srcMask': 'smk',
            'dstMask': 'dmk', 'dstTos': 'dtos', 'direction': 'dir', 'nextIP': 'nh', 'bgpNextIP': 'nhb', 'srcVlan': 'svln', 'dstVlan': 'dvln', 'routerIP': 'rip',
            'exporterID': 'exid', 'proto': 'proto'}
SAME_SPOT = {k: v for k, v in SAME_171.items() if k in 'sa da sp dp flg fwd stos ipkt ibyt opkt obyt in out sas das dtos dir ra pr'.split()}
INTS = {'sport', 'dport', 'fwd', 'stos', 'input', 'output', 'sas', 'das', 'dtos', 'dir', 'smk', 'dmk', 'svln', 'dvln', 'exid'}

RULES = {}  # name -> times it was used


def rule(name):
    RULES.setdefault(name, 0)
    return name


NEGATIVE, OVERFLOW, ABSENT, BY_RECORD, MAPPED, TUNNEL = map(rule, ('negative-duration', 'int-overflow', 'received-absent', 'exporter-by-record', 'exporter-12-over-13',
                                                                    'tunnel-row'))
NHB6, FLAGS6, PROTO0, FLAGS_UDP, BOTH = map(rule, ('bgp-next-hop-v6', 'spot-flags', 'spot-proto-0', 'flags-178', 'both-families'))
KILLED, CUT, ZSTD, TYPE1 = map(rule, ('killed', 'cut', 'zstd', 'record-type-1'))


def use(name):
    RULES[name] += 1
    return True


def same_float(a, b):
    return struct.pack('<f', float(a)) == struct.pack('<f', float(b))


def flags6(flags):
    """Spot's text of eight flag characters: six, or hexadecimal when CWR or ECE is set."""
    bits = sum(1 << (7 - i) for i, c in enumerate(flags) if c != '.')
    return f'  0x{bits:2x}' if bits > 63 else flags[2:]


def received_ok(text, ours):
    """tr of the tools against the row's time: the same, or absent there and a fall-back here."""
    if text.startswith(EPOCH):
        return ours['received_ms'] == '0' and ours['treceived'] in (ours['event_s'], ours['last_s'], ours['first_s']) and use(ABSENT)
    ms = int(ours['received_ms'])
    return text[:19] == ours['treceived'] and (len(text) == 19 or int(text[20:]) == ms % 1000)


def duration_ok(text, ours):
    first, last = int(ours['first_ms']), int(ours['last_ms'])
    if last < first:
        return ours['tdur'] == '0' and (float(text) > 1e15 or float(text) < 0) and use(NEGATIVE)
    if first == 0 and last > 0:
        return ours['tdur'] == '0'
    return same_float(text, ours['tdur'])


def field_ok(column, text, value, ours, tool):
    if text == value:
        return True
    if column in INTS and text.isdigit() and int(text) > INT_MAX:
        return value == '' and use(OVERFLOW)
    if column == 'rip':
        if text == '0.0.0.0':
            return use(BY_RECORD)
        return text == '::' + value and use(MAPPED)
    if column == 'nhb' and tool == '1.7.1' and ':' in value:
        return text in (ours['nh'], '::') and use(NHB6)
    if column in ('sip', 'dip') and tool == '1.7.1' and ours[column + '_6'] != '':
        six = ours[column + '_6']
        return (text in ('::' + value, six) or (text == '::' and value == six)) and use(BOTH)
    if column == 'flag' and tool == 'spot':
        return text == flags6(value) and use(FLAGS6)
    if column == 'flag' and tool == '1.7.8':
        return text == '........' and ours['proto'] != 'TCP' and use(FLAGS_UDP)
    if column == 'proto' and tool == 'spot':
        return text == '' and value == '0' and use(PROTO0)
    return False


# Protocols 0..137 as nfdump 1.7.1 and spot-nfdump print them; above are numbers.
PROTOCOLS = '''
    0 ICMP IGMP GGP IPIP ST TCP CBT EGP IGP BBN NVPII PUP ARGUS ENCOM XNET CHAOS UDP MUX DCN HMP PRM XNS Trnk1 Trnk2 Leaf1 Leaf2 RDP IRTP ISO-4 NETBK
    MFESP MEINP DCCP 3PC IDPR XTP DDP IDPR TP++ IL IPv6 SDRP Rte6 Frag6 IDRP RSVP GRE MHRP BNA ESP AH INLSP SWIPE NARP MOBIL TLSP SKIP ICMP6 NOHE6 OPTS6
    HOST CFTP NET SATNT KLAN RVD IPPC FS SATM VISA IPCV CPNX CPHB WSN PVP BSATM SUNND WBMON WBEXP ISOIP VMTP SVMTP VINES TTP NSIGP DGP TCF EIGRP OSPF
    S-RPC LARP MTP AX.25 OS MICP SCCSP ETHIP ENCAP 99 GMTP IFMP PNNI PIM ARIS SCPS QNX A/N IPcmp SNP CpqPP IPXIP VRRP PGM 0hop L2TP DDX IATP STP SRP UTI
    SMP SM PTP ISIS4 FIRE CRTP CRUDP 128 IPLT SPS PIPE SCTP FC 134 MHEAD UDP-L MPLS
'''.split()


def text_178(column, text, theirs):
    """Notation of nfdump 1.7.8, not meaning: protocol numbers, ICMP type.code, I and E."""
    if column == 'proto':
        return PROTOCOLS[int(text)] if int(text) < len(PROTOCOLS) else text
    if column == 'dport' and '.' in text:
        kind, code = text.split('.')
        return str(int(kind) * 256 + int(code))
    return {'I': '0', 'E': '1'}.get(text, text) if column == 'dir' else text


def row_differences(theirs, ours, tool):
    """Names of the fields that differ for no allowed reason."""
    same = {'1.7.1': SAME_171, '1.7.8': SAME_178, 'spot': SAME_SPOT}[tool]
    wrong = []
    for name, column in same.items():
        text = theirs[name].strip() if column != 'flag' else theirs[name]
        if tool == '1.7.8':
            text = text_178(column, text, theirs)
        if not field_ok(column, text, ours[column], ours, tool):
            wrong.append(f'{name} {theirs[name]!r} {column} {ours[column]!r}')
    received, duration = (theirs['received'], theirs['duration']) if tool == '1.7.8' else (theirs['tr'], theirs['td'])
    if not received_ok(received, ours):
        wrong.append(f'received {received!r} {ours["treceived"]!r} {ours["received_ms"]}')
    if not duration_ok(duration, ours):
        wrong.append(f'duration {duration!r} {ours["tdur"]!r}')
    if tool == '1.7.1':
        pairs = [('ts', 'first_s'), ('te', 'last_s')]
        wrong += [f'{t} {theirs[t]!r} {ours[o]!r}' for t, o in pairs if theirs[t] != ours[o]]
        wrong += [f'{c} {theirs[c]!r} {ours[c]}' for c in ('cl', 'sl', 'al') if theirs[c].strip() != f'{int(ours[c]) / 1000:.3f}']
        if theirs['eng'] != f'{ours["engine_type"]}/{ours["engine_id"]}':
            wrong.append(f'eng {theirs["eng"]!r}')
    return wrong + calendar_differences(ours)


def calendar_differences(ours):
    """The table's own columns must agree with each other: no tool prints unix_tstamp, and only one the parts."""
    t = ours['treceived']
    parts = [str(int(p)) for p in re.split('[- :]', t)] if t else [''] * 6
    mine = [ours[c] for c in ('tryear', 'trmonth', 'trday', 'trhour', 'trminute', 'trsec')]
    wrong = [] if parts == mine else [f'parts {mine} of {t}']
    if ours['received_ms'] != '0' and int(ours['received_ms']) // 1000 != int(ours['unix_tstamp']):
        wrong.append(f'unix_tstamp {ours["unix_tstamp"]} of {ours["received_ms"]}')
    return wrong


def is_tunnel_row(theirs, ours, tool):
    """The row that nfdump prints before a flow with outer addresses."""
    if ours['tunnel_proto'] == '':
        return False
    if tool == '1.7.8':
        found = theirs['srcAddr'], theirs['dstAddr'], theirs['proto'], theirs['inBytes']
        wanted = ours['tunnel_src'], ours['tunnel_dst'], ours['tunnel_proto'], ours['ibyt']
    else:
        found = theirs['sa'], theirs['da'], theirs['pr'].strip(), theirs['ibyt']
        wanted = '0.0.0.0', '0.0.0.0', PROTOCOLS[int(ours['tunnel_proto'])], '0'
    return found == wanted and use(TUNNEL)


def compare(theirs, ours, tool):
    """Differences of two row lists, as text lines."""
    wrong, at = [], 0
    for number, row in enumerate(ours):
        if at < len(theirs) and is_tunnel_row(theirs[at], row, tool):
            at += 1
        if at == len(theirs):
            return wrong + [f'{len(ours) - number} rows more than theirs']
        wrong += [f'row {number}: {d}' for d in row_differences(theirs[at], row, tool)]
        at += 1
    return wrong + ([f'{len(theirs) - at} rows fewer than theirs'] if at < len(theirs) else [])


def read_text(path):
    opener = gzip.open if path.endswith('.gz') else open
    with opener(path, 'rt') as f:
        lines = f.read().splitlines()
    if not lines:
        return []
    names = lines[0].split(',')
    rows = [line.split(',') for line in lines[1:] if re.match(r'\d{4}-\d\d-\d\d ', line)]
    return [dict(zip(names, r)) for r in rows if len(r) == len(names)]


def make_schema(folder):
    with open(os.path.join(SOURCE, 'schema', 'flow.avsc')) as f:
        schema = json.load(f)
    for name, kind, source, rendering, absent in EXTRA:
        field = {'name': name, 'type': ['null', kind], 'default': None, 'from': source, 'as': rendering}
        if absent != '':
            field['absent'] = absent
        schema['fields'].append(field)
    path = os.path.join(folder, 'oracle.avsc')
    with open(path, 'w') as f:
        json.dump(schema, f)
    return path


def dissect(schema, path):
    run = subprocess.run([SLUICE, 'dissect', '-t', 'nfcapd', '-f', 'csv', '--schema', schema, path], capture_output=True, text=True)
    return list(csv.DictReader(run.stdout.splitlines())), run.stderr, run.returncode


def lz4_block(data):
    """A raw LZ4 block, without its library."""
    out, at = bytearray(), 0
    while True:
        token = data[at]
        at += 1
        length = token >> 4
        if length == 15:
            while data[at] == 255:
                length, at = length + 255, at + 1
            length, at = length + data[at], at + 1
        out += data[at:at + length]
        at += length
        if at >= len(data):
            return bytes(out)
        back, at = data[at] | data[at + 1] << 8, at + 2
        length = token & 15
        if length == 15:
            while data[at] == 255:
                length, at = length + 255, at + 1
            length, at = length + data[at], at + 1
        for _ in range(length + 4):
            out.append(out[-back])


UNPACK = {0: bytes, 2: bz2.decompress, 3: lz4_block}


class File:
    """What a file says about itself, read by other code than the dissector's."""

    def __init__(self, path):
        with open(path, 'rb') as f:
            self.data = f.read()
        d = self.data
        self.ok = len(d) >= 40 and d[:2] == b'\x0c\xa5'
        self.layout = struct.unpack_from('<H', d, 2)[0] if self.ok else 0
        self.compression = d[16] if self.layout == 2 else 0
        self.blocks = struct.unpack_from('<I', d, 36 if self.layout == 2 else 8)[0] if self.ok else 0
        self.appendix = struct.unpack_from('<Hx5x', d, 18)[0] if self.layout == 2 else 0
        self.offset = struct.unpack_from('<q', d, 24)[0] if self.layout == 2 else 0

    def killed(self):
        return self.blocks == 0 and self.appendix == 0 and len(self.data) > (40 if self.layout == 2 else 276)

    def cut(self):
        """Is something missing at the end, going by the block headers alone?"""
        at, seen = 40 if self.layout == 2 else 276, 0
        while at + 12 <= len(self.data):
            at += 12 + struct.unpack_from('<I', self.data, at + 4)[0]
            seen += 1
        return at != len(self.data) or seen < self.blocks + self.appendix

    def old_records(self):
        """Only flow records of type 1, which nfdump 1.7 skips?"""
        flags = struct.unpack_from('<I', self.data, 4)[0]
        return self.layout == 1 and (flags & 0x19 != 0 or b'\x01\x00\xa0\x00' in self.data or b'\x02\x00\x1c\x00' in self.data)

    def statistics(self):
        """flows, bytes, packets, or None where it is damaged or in a codec that Python lacks."""
        if self.layout == 1 and len(self.data) >= 276:
            return struct.unpack_from('<3Q', self.data, 140)
        if self.layout != 2 or self.appendix == 0 or self.compression not in UNPACK or self.offset + 12 > len(self.data):
            return None
        size, = struct.unpack_from('<I', self.data, self.offset + 4)
        records = UNPACK[self.compression](self.data[self.offset + 12:self.offset + 12 + size])
        at = 0
        while at + 4 <= len(records):
            kind, length = struct.unpack_from('<HH', records, at)
            if kind == 0x8002 and length >= 148:
                return struct.unpack_from('<3Q', records, at + 4)
            at += max(length, 4)
        return None


def check_statistics(name, file, ours):
    said = file.statistics()
    if said is None or file.cut() or file.killed():
        return
    flows = sum(int(r['flows']) for r in ours)
    packets, octets = sum(int(r['ipkt']) for r in ours), sum(int(r['ibyt']) for r in ours)
    out_packets, out_octets = sum(int(r['opkt']) for r in ours), sum(int(r['obyt']) for r in ours)
    ok = said[0] in (flows, len(ours)) and said[1] in (octets, octets + out_octets) and said[2] in (packets, packets + out_packets)
    tap.check(f'{name} agrees with its statistics record', ok, f'{said} says the file, {len(ours)} rows, {flows} flows, {octets}+{out_octets} bytes')


def more_than_theirs(name, file, ours, whole):
    """The tool gave no rows, we did: is it a file that we can read and it cannot? Where a whole twin exists, ours are its first rows."""
    if file.killed():
        allowed = use(KILLED)
    elif file.cut():
        allowed = use(CUT)
    elif file.compression == 4:
        allowed = use(ZSTD)
    else:
        allowed = file.old_records() and use(TYPE1)
    wrong = compare(whole[:len(ours)], ours, '1.7.1') if whole else []
    tap.check(f'{name} gives more than nfdump, for a known reason', allowed and not wrong, '\n'.join(wrong[:20]) or 'no rule')


TWINS = {'v1-trunc-midblock-none': 'v1-v5-none', 'v2-trunc-2ndblock-bz2': 'v2-multiblock-bz2', 'v2-trunc-midblock-none': 'v2-v5-none',
         'v2-trunc-noappendix-none': 'v2-v5-none'}
DAMAGED = {'zero-bytes', 'v2-trunc-header', 'upstream-v2-anon-2020-04-13', *TWINS, 'v2-killed-lz4'}


def text_path(folder, base, kind):
    for path in (f'{base}{kind}', f'{base}.nfcapd{kind}', f'{base}{kind}.gz', f'{base}.nfcapd{kind}.gz'):
        if os.path.exists(os.path.join(folder, path)):
            return os.path.join(folder, path)
    return None


def check_file(folder, base, schema):
    name = f'{os.path.basename(folder)}/{base}'
    path = os.path.join(folder, base + '.nfcapd')
    ours, errors, status = dissect(schema, path)
    file = File(path)
    tap.check(f'{name} ends with the right status', (status == 1) == (base in DAMAGED) and status in (0, 1), f'{status}: {errors}')
    for kind, tool in (('.csv', '1.7.1'), ('.spot.csv', 'spot'), ('.nfdump178.csv', '1.7.8')):
        text = text_path(folder, base, kind)
        if text is None:
            continue
        theirs = read_text(text)
        if not theirs and ours:
            twin = TWINS.get(base)
            whole = read_text(text_path(folder, twin, '.csv')) if twin else []
            more_than_theirs(f'{name} ({tool})', file, ours, whole)
            continue
        wrong = compare(theirs, ours, tool)
        tap.check(f'{name} equals {tool}, {len(ours)} rows', not wrong, '\n'.join(wrong[:20]))
    check_statistics(name, file, ours)


def documented():
    """Names in the first column of the table "Differences"."""
    path = os.path.join(SOURCE, 'doc', 'formats', 'nfcapd.md')
    with open(path) as f:
        part = f.read().split('## Differences')[1].split('\n## ')[0]
    return set(re.findall(r'^\| `([a-z0-9-]+)` \|', part, re.M))


def main():
    folders = [os.path.join(DATA, n) for n in ('nfcapd', 'nfcapd-real')]
    tap.check('every rule of this test is in the table of doc/formats/nfcapd.md, and no other', documented() == set(RULES),
              f'only there {documented() - set(RULES)}, only here {set(RULES) - documented()}')
    if not all(map(os.path.isdir, folders)):
        tap.skip('nfcapd against nfdump', 'the real files are not here (SLUICE_DATA)')
        tap.done()
    with tempfile.TemporaryDirectory() as scratch:
        schema = make_schema(scratch)
        for folder in folders:
            for entry in sorted(os.listdir(folder)):
                if entry.endswith('.nfcapd'):
                    check_file(folder, entry.removesuffix('.nfcapd'), schema)
    tap.check('every rule was needed', all(RULES.values()), ', '.join(r for r, n in RULES.items() if n == 0))
    tap.done()


main()
