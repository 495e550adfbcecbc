"""A lake of as many originals as wanted, written directly: tiny originals, one table file of three rows an original per thousand, manifests and history. For audits at size."""
import hashlib
import json
import os
import struct
import zlib

PER_COMMIT, PER_FOLDER, PER_SEGMENT, ROWS = 1000, 2000, 6, 3
HOUR = 490665  # 2025-12-22 09:00 UTC


def varint(n):
    out = b''
    while n >= 128:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def text(value):
    return varint(len(value)) + value


def parquet(rows, sources):
    """No pages, only a footer: version, one column, rows, one row group, sluice.sources (thrift compact; parquet.thrift has the ids)."""
    number = lambda n: varint(n << 1)
    column = b'\x15' + number(2) + b'\x38' + text(b'x') + b'\0'
    pair = b'\x18' + text(b'sluice.sources') + b'\x18' + text(sources) + b'\0'
    footer = (b'\x15' + number(1) + b'\x19\x1c' + column + b'\x16' + number(rows) + b'\x19\x1c' + b'\x36' + number(rows) + b'\0' + b'\x19\x1c' + pair + b'\0')
    return b'PAR1' + footer + struct.pack('<I', len(footer)) + b'PAR1'


def line(one):
    return json.dumps(one, separators=(',', ':')) + '\n'


class BigLake:
    """place/lake, place/sluice.yaml; no ledger. originals: how many."""

    def __init__(self, place, originals):
        self.place, self.lake, self.config = place, os.path.join(place, 'lake'), os.path.join(place, 'sluice.yaml')
        os.makedirs(os.path.join(place, 'spool'), exist_ok=True)
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(f'instance: t\nlake: file://{self.lake}\nstate: {place}/state\npipelines:\n  flow: {{ watch: {place}/spool, dissector: nfcapd }}\n')
        texts = []
        for start in range(0, originals, PER_COMMIT):
            texts.append(self.commit(start, min(start + PER_COMMIT, originals)))
            if len(texts) == PER_SEGMENT:
                self.fold(texts)
                texts = []
        for start, _, manifest in texts:
            self.put(f'_sluice/commits/t.flow.rows/0/{start:020}', manifest.encode())

    def put(self, name, content):
        path = os.path.join(self.lake, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(content)

    def original(self, n):
        return f'flow/binary/202601{10 + n // 50000 % 20:02}/{n // PER_FOLDER % 24:02}/nfcapd.{n:09}'

    def commit(self, start, end):
        sources, lines = [], []
        for n in range(start, end):
            name, content = self.original(n), b'original %d' % n
            if n % PER_FOLDER == 0:
                os.makedirs(os.path.join(self.lake, os.path.dirname(name)), exist_ok=True)
            with open(os.path.join(self.lake, name), 'wb') as f:
                f.write(content)
            sha256 = hashlib.sha256(content).hexdigest()
            sources.append([sha256, ROWS * (n - start), ROWS])
            lines.append(line({'original': sha256, 'again': 0, 'name': os.path.basename(name), 'path': name, 'size': len(content), 'pipeline': 'flow',
                               'dissector': 'nfcapd/1', 'parts': 1, 'rows': ROWS, 'rejects': 0, 'lost': 0, 'outside': 0, 'clean': True}))
        table = f'flow/hive/y=2025/m=12/d=22/h=9/part-t.flow.rows-0-{start}-{end}-00000.parquet'
        content = parquet(ROWS * len(sources), json.dumps(sources, separators=(',', ':')).encode())
        self.put(table, content)
        head = line({'sluice': 'manifest', 'version': 1, 'topic': 't.flow.rows', 'partition': 0, 'start': start, 'end': end, 'epoch': 'e', 'writer': 'test', 'time': 1})
        file = line({'file': table, 'staged': '_sluice/staging/x', 'kind': 'table', 'dataset': 'flow', 'hour': HOUR, 'size': len(content),
                     'rows': ROWS * len(sources), 'crc32': zlib.crc32(content)})
        return start, end, head + file + ''.join(lines) + line({'lines': 2 + len(lines)})

    def fold(self, texts):
        head = line({'sluice': 'history', 'version': 1, 'topic': 't.flow.rows', 'partition': 0, 'start': texts[0][0], 'end': texts[-1][1], 'time': 1, 'manifests': len(texts)})
        self.put(f'_sluice/history/t.flow.rows/0/{texts[0][0]:020}', (head + ''.join(t for _, _, t in texts)).encode())
