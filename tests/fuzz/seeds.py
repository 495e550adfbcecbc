#!/usr/bin/env python3
"""Writes the seeds of the fuzz entries into tests/fuzz/seeds/: small inputs that reach far into each parser. Run by hand when a format
gains something; the files are kept in the tree. Needs gzip, zstd and lz4 on the path."""
import bz2
import gzip
import json
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import nfcapd  # noqa: E402  pylint: disable=wrong-import-position

T0 = 1700000000000
DIGEST = 'ab' * 32


def put(entry, name, content):
    folder = os.path.join(HERE, 'seeds', entry)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), 'wb') as f:
        f.write(content if isinstance(content, bytes) else content.encode())


def packed(command, content):
    return subprocess.run(command, input=content, stdout=subprocess.PIPE, check=True).stdout


def lzo_literals(content):
    """An LZO1X stream of nothing but one literal run, 4 to 238 bytes."""
    return bytes([17 + len(content)]) + content + b'\x11\0\0'


def make_nfcapd():
    every = [(n, bytes(range(1, 1 + size))) for n, size in
             ((5, 24), (6, 8), (8, 4), (11, 16), (13, 16), (14, 40), (15, 32), (16, 8), (17, 24), (19, 16), (20, 8), (22, 4), (23, 24), (25, 16),
              (26, 8), (27, 4), (28, 8), (31, 12), (33, 16), (34, 5), (36, 8), (38, 40), (39, 8), (40, 4), (41, 4), (42, 4), (99, 4))]
    flows = [nfcapd.flow(T0), nfcapd.flow(T0 + 5, src='2001:db8::1', dst='2001:db8::2', proto=17), nfcapd.flow(T0 + 9, elements=every)]
    put('nfcapd', 'plain2', nfcapd.file_v2(flows, per_block=2))
    put('nfcapd', 'bz2', nfcapd.file_v2(flows, pack=bz2.compress, compression=2))
    put('nfcapd', 'zstd', nfcapd.file_v2(flows, pack=lambda b: packed(['zstd', '-q', '-c'], b), compression=4))
    put('nfcapd', 'lzo', nfcapd.file_v2(flows[:1], pack=lzo_literals, compression=1, appendix=False))
    put('nfcapd', 'plain1', nfcapd.file_v1([nfcapd.flow(T0), nfcapd.flow(T0 + 1)], per_block=1))
    put('nfcapd', 'cut', nfcapd.file_v2(flows)[:-40])


def make_import_spot():
    pipelines = {'flow_a': {'type': 'flow', 'collector_path': '/d/f', 'supported_files': ['nfcapd.'], 'process_opt': '"proto tcp"', 'recursive': True},
                 'dns b': {'type': 'dns', 'collector_path': '/d/d', 'supported_files': ['^a.{2}[0-9]+\\.pcap$'], 'pkt_num': '6', 'process_opt': "-T fields -e dns.a 'x'"},
                 'proxy': {'type': 'proxy', 'collector_path': '/d/p', 'supported_files': '.log', 'parser': 'p.py'}, 'x': {'type': 'y'}}
    ingest = {'dbname': 'spot', 'hdfs_app_path': '/user/spot', 'collector_processes': 5, 'spark-streaming': {'driver_memory': '1g'},
              'kafka': {'kafka_server': 'a,b:1', 'kafka_port': '9092', 'zookeper_port': 1}, 'pipelines': pipelines}
    conf = "HUSER='/user/spot'\nexport NAME_NODE=\"https://${H}nn\"\nWEB_PORT=50070 # x\nKERBEROS=true\nSSL='true'\nSECURITY_PROTO=sasl_ssl\nKEYTAB=/k\nLDA_A=$(x)\n"
    put('import_spot', 'both', json.dumps(ingest, indent=1).encode() + b'\0' + conf.encode())
    put('import_spot', 'ingest', json.dumps(ingest))
    put('import_spot', 'refused', '{"pipelines":{"a":1}}')


def make_packed():
    put('lzo', 'literals', lzo_literals(b'sluice sluice sluice'))
    put('lzo', 'match', bytes([17 + 4]) + b'abcd' + bytes([0x20 | 4, 3 << 2, 0]) + b'\x11\0\0')
    text = b'date time c-ip\n' * 40 + bytes(range(256))
    for name, command in (('zstd', ['zstd', '-q', '-c', '--check']), ('lz4', ['lz4', '-q', '-c', '--content-size']), ('lz4_linked', ['lz4', '-q', '-c', '-BD', '-B4'])):
        put('unpack', name, packed(command, text))
        put('unpack', name + '_twice', packed(command, text) + packed(command, b'again'))
    put('unpack', 'gzip', gzip.compress(text, mtime=0))
    put('unpack', 'gzip_members', gzip.compress(text, mtime=0) + gzip.compress(b'again', mtime=0) + bytes(16))
    put('unpack', 'zstd_skippable', struct.pack('<II', 0x184D2A50, 4) + b'skip' + packed(['zstd', '-q', '-c'], b'x'))
    put('unpack', 'plain', text[:60])
    put('unpack', 'xz', b'\xfd7zXZ\0\0\4')


def zigzag(n):
    out, n = b'', (n << 1) ^ (n >> 63)
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def text(value):
    return zigzag(1) + zigzag(len(value)) + value


def make_avro():
    null, number = zigzag(0), lambda n: zigzag(1) + zigzag(n)
    row = text(b'GET') + number(-5) + number(1 << 40) + zigzag(1) + struct.pack('<f', 1.5) + text('Größe'.encode())
    nulls = null * 5
    for pair in (0, 3, 1):  # writer and reader: the entry's first byte
        put('avro', f'pair{pair}', bytes([pair]) + zigzag(2) + (row + nulls if pair != 1 else (text(b'e') + null + number(7) + null) * 2) + zigzag(0))
    put('avro', 'blocks', bytes([0]) + zigzag(-1) + zigzag(len(row)) + row + zigzag(1) + nulls + zigzag(0))
    put('avro', 'narrow', bytes([8]) + zigzag(3) + number(1) + null + number(-2**31) + zigzag(0))
    put('avro', 'none', bytes([0]) + zigzag(0))


def make_schemas():
    column = [{'name': 'a', 'type': ['null', 'string'], 'default': None, 'from': 'src_addr', 'as': 'ip', 'absent': '0.0.0.0', 'bloom': True, 'doc': 'ü'},
              {'name': 'b', 'type': ['null', 'int'], 'default': None, 'from': 'src_port'},
              {'name': 'c', 'type': ['null', 'long'], 'default': None, 'from': 'time', 'as': 'unix'},
              {'name': 'd', 'type': ['null', 'float'], 'default': None, 'from': 'duration'}]
    kinds = ('smallint', 'year'), ('tinyint', 'month'), ('int', 'day'), ('string', 'hour2')
    schema = {'type': 'record', 'name': 't', 'namespace': 'org.x', 'doc': 'A table.', 'time': 'time',
              'partition': [{'name': 'p' + how, 'type': kind, 'as': how} for kind, how in kinds], 'fields': column}
    put('avsc', 'every_type', json.dumps(schema, indent=1, ensure_ascii=False))
    put('avsc', 'one_column', json.dumps({**schema, 'fields': column[:1], 'partition': []}))
    put('avsc', 'twice', json.dumps({**schema, 'fields': column[:1] * 2}))


REPORT = {'rows': 3, 'rejects': 2, 'lost': 4, 'outside': 1, 'silent': 0, 'clean': False, 'reason': '', 'counters': {'stat_mismatch': 1},
          'entries': json.dumps({'offset': 1, 'length': 2, 'rows': 4, 'reason': 'bad', 'raw': 'AP8Q'}) + '\n'}


def make_events():
    head = {'original': DIGEST, 'name': 'nfcapd.2026\\x0a01', 'path': 'flow/binary/20260114/09/x', 'size': 12345, 'part': 0, 'parts': 1, 'again': 2,
            'dissector': 'nfcapd/1', 'slot': 1768381200, 'archived': -1}
    rows = {'schema': 'fedcba9876543210', 'hour': 491217, 'rows': 3, 'report': json.dumps(REPORT)}
    for kind, more, value in (('file', {}, ''), ('rows', rows, '\0value'), ('rows', {**rows, 'hour': '', 'rows': 0}, '\0')):
        lines = [f'{k} {v}' for k, v in {'kind': kind, **head, **more}.items()]
        put('event', f'{kind}{more.get("rows", "")}', '\n'.join(lines) + '\n\n' + value)
    put('event', 'flush', 'kind flush\n\n')
    put('report', 'rejects', json.dumps(REPORT))
    put('report', 'refused', json.dumps({**REPORT, 'reason': 'no nfcapd file', 'counters': {}, 'entries': ''}))


def make_manifest():
    lines = [{'sluice': 'manifest', 'version': 1, 'topic': 't.p.files', 'partition': 3, 'start': 10, 'end': 20, 'epoch': 'e0', 'writer': 'w', 'time': 5},
             {'file': 'flow/hive/y=1/a.parquet', 'staged': '_sluice/staging/x', 'kind': 'table', 'dataset': 'flow', 'hour': -3, 'size': 1000, 'rows': 9,
              'crc32': 2**32 - 1},
             {'file': 'flow/rejects/a', 'staged': '_sluice/staging/y', 'kind': 'rejects', 'dataset': 'flow', 'hour': 3, 'size': 1, 'rows': 1, 'crc32': 0},
             {'original': DIGEST, 'again': 1, 'name': 'a\\x0ab', 'path': 'p', 'size': 77, 'pipeline': 'p', 'dissector': 'nfcapd/1', 'parts': 2, 'rows': 9,
              'rejects': 1, 'lost': 2, 'outside': 3, 'clean': True, 'counters': {'x': 1}, 'reason': 'refused'}]
    whole = ''.join(json.dumps(line, separators=(',', ':')) + '\n' for line in [*lines, {'lines': len(lines)}])
    put('manifest', 'whole', whole)
    put('manifest', 'segment', whole + whole)
    put('manifest', 'cut', whole[:-5])


def make_config():
    examples = os.path.join(HERE, '..', '..', 'examples')
    for name in sorted(os.listdir(examples)):
        if name.endswith('.yaml'):
            with open(os.path.join(examples, name), 'rb') as f:
                put('config', name[:-5], f.read())
    put('config', 'odd', 'lake: /l\nstate: &s s\nevent.inline_max: 0\ncommit: {max_age: 1h, max_bytes: 1 GB}\n'
        'pipelines:\n  a: {watch: w, dissector: nfcapd, after: "move:d", pattern: "[!a]*"}\n  "b": {watch: w2, dissector: nfcap}\n')


def make_thrift():
    def text(value):
        return struct.pack('>I', len(value)) + value

    def field(kind, ident, value):
        return struct.pack('>bh', kind, ident) + value

    columns = b''.join(field(11, 1, text(name)) + field(11, 2, text(b'int')) + b'\0' for name in (b'sport', b'dport'))
    parameters = b'\x0b\x0b' + struct.pack('>I', 1) + text(b'EXTERNAL') + text(b'TRUE')
    skewed = field(13, 3, b'\x0f\x0b' + struct.pack('>I', 1) + b'\x0b' + struct.pack('>I', 1) + text(b'x') + text(b'y')) + b'\0'
    sd = field(15, 1, b'\x0c' + struct.pack('>I', 2) + columns) + field(11, 2, text(b'file:/lake')) + field(2, 5, b'\0') + field(12, 11, skewed) + b'\0'
    table = field(11, 1, text(b'flow')) + field(8, 4, struct.pack('>i', 7)) + field(12, 7, sd) + field(13, 9, parameters) + field(10, 30, bytes(8)) + b'\0'
    reply = struct.pack('>I', 0x80010002) + text(b'get_table_req') + struct.pack('>i', 3)
    put('thrift', 'table', reply + field(12, 0, field(12, 1, table) + b'\0') + b'\0')
    put('thrift', 'exception', struct.pack('>I', 0x80010003) + text(b'get_table') + struct.pack('>i', 3) + field(11, 1, text(b'no')) + field(8, 2, struct.pack('>i', 1)) + b'\0')
    put('thrift', 'numbers', reply + field(3, 1, b'\xff') + field(6, 2, b'\x80\0') + field(4, 3, bytes(8)) + field(14, 4, b'\x0a' + struct.pack('>I', 1) + bytes(8)) + b'\0')


def make_inspect():
    flows = os.path.join(HERE, 'seeds', 'nfcapd', 'plain2')
    file = subprocess.run([os.environ.get('SLUICE', 'build/sluice'), 'dissect', '-t', 'nfcapd', '-f', 'parquet', flows], stdout=subprocess.PIPE, check=True).stdout
    length = struct.unpack('<I', file[-8:-4])[0]
    put('inspect', 'footer', file[-8 - length:-8])
    put('inspect', 'end', file[-8 - length:])


for make in (make_nfcapd, make_packed, make_avro, make_schemas, make_events, make_manifest, make_config, make_import_spot, make_thrift, make_inspect):
    make()
