#!/usr/bin/env python3
"""Parquet that we write, read by pyarrow, DuckDB and fastparquet: the rows of `dissect -f csv` in their order, and what readers that can't run here insist on."""
import csv
import glob
import io
import ipaddress
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import nfcapd  # noqa: E402
import tap  # noqa: E402

import duckdb  # noqa: E402
import fastparquet  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

SLUICE = os.environ.get('SLUICE', 'build/sluice')
DATA = os.environ.get('SLUICE_DATA')
HOUR_MS = 1_768_381_200_000

S, B, I, F = 'STRING', 'BIGINT', 'INT', 'FLOAT'
FLOW = [('treceived', S), ('unix_tstamp', B), ('tryear', I), ('trmonth', I), ('trday', I), ('trhour', I), ('trminute', I), ('trsec', I), ('tdur', F), ('sip', S),
        ('dip', S), ('sport', I), ('dport', I), ('proto', S), ('flag', S), ('fwd', I), ('stos', I), ('ipkt', B), ('ibyt', B), ('opkt', B), ('obyt', B), ('input', I),
        ('output', I), ('sas', I), ('das', I), ('dtos', I), ('dir', I), ('rip', S)]
ARROW = {S: pa.string(), B: pa.int64(), I: pa.int32(), F: pa.float32()}
DUCK = {S: 'VARCHAR', B: 'BIGINT', I: 'INTEGER', F: 'FLOAT'}
AVRO = {S: 'string', B: 'long', I: 'int', F: 'float'}
PHYSICAL = {S: 6, B: 2, I: 1, F: 4}


def dissect(path, *options):
    """Exit status; files with rejects end with 1 and are as good."""
    return subprocess.run([SLUICE, 'dissect', '-t', 'nfcapd', *options, path], capture_output=True, timeout=600, check=False)


# Rows

def cells(text):
    """Rows of CSV with None for null: empty is null, "" is an empty string. No flow column holds quotes otherwise."""
    lines = text.split('\n')
    assert lines[-1] == ''
    rows = []
    for line in lines[1:-1]:
        if '"' in line.replace('""', ''):
            rows.append([v if v != '' else None for v in next(csv.reader(io.StringIO(line)))])
        else:
            rows.append([None if v == '' else '' if v == '""' else v for v in line.split(',')])
    return rows


def typed(text, kind):
    if text is None or kind == S:
        return text
    return struct.unpack('<f', struct.pack('<f', float(text)))[0] if kind == F else int(text)


def first_difference(wanted, columns):
    """wanted: rows of CSV; columns: lists of values, None for null."""
    if any(len(c) != len(wanted) for c in columns):
        return f'{[len(c) for c in columns]} rows instead of {len(wanted)}'
    for i, (name, kind) in enumerate(FLOW):
        for row, (w, got) in enumerate(zip(wanted, columns[i])):
            if typed(w[i], kind) != got:
                return f'row {row}, {name}: csv {w[i]!r}, read {got!r}'
    return None


def by_pyarrow(path):
    return [c.to_pylist() for c in pq.read_table(path, page_checksum_verification=True).columns]


def by_duckdb(path):
    rows = duckdb.connect().execute('select * from read_parquet(?)', [path]).fetchall()
    return [list(c) for c in zip(*rows)] if rows else [[] for _ in FLOW]


def by_fastparquet(path):
    frame = fastparquet.ParquetFile(path).to_pandas()
    columns = []
    for name, kind in FLOW:
        make = {S: str, F: float}.get(kind, int)
        columns.append([None if null else make(v) for v, null in zip(frame[name], frame[name].isna())])
    return columns


READERS = {'pyarrow': by_pyarrow, 'duckdb': by_duckdb, 'fastparquet': by_fastparquet}


# What the file says of itself

class Thrift:
    """Compact protocol to {field id: value}."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def varint(self):
        shift = v = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            v |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return v

    def value(self, kind, element=False):
        if kind in (1, 2):
            if element:
                self.at += 1
                return self.data[self.at - 1] == 1
            return kind == 1
        if kind == 3:
            self.at += 1
            return self.data[self.at - 1]
        if kind in (4, 5, 6):
            z = self.varint()
            return (z >> 1) ^ -(z & 1)
        if kind == 8:
            n = self.varint()
            self.at += n
            return self.data[self.at - n:self.at]
        if kind == 9:
            head = self.data[self.at]
            self.at += 1
            n = head >> 4 if head >> 4 != 15 else self.varint()
            return [self.value(head & 15, True) for _ in range(n)]
        assert kind == 12, kind
        return self.struct()

    def struct(self):
        fields, last = {}, 0
        while True:
            head = self.data[self.at]
            self.at += 1
            if head == 0:
                return fields
            if head >> 4:
                last += head >> 4
            else:
                z = self.varint()
                last = (z >> 1) ^ -(z & 1)
            fields[last] = self.value(head & 15)


def footer(path):
    with open(path, 'rb') as f:
        data = f.read()
    assert data[:4] == data[-4:] == b'PAR1'
    size = struct.unpack('<I', data[-8:-4])[0]
    return data, Thrift(data, len(data) - 8 - size).struct()


def chunk_faults(data, chunk, rows, start):
    """Rules of parquet-mr, Impala and Spark for one chunk; yields what is broken. start: where it must begin."""
    meta = chunk[3]
    begin = meta.get(11, meta[9])
    if begin != start:
        yield f'begins at {begin}, not {start}'
    if 11 in meta and meta[11] >= meta[9]:
        yield 'dictionary page is not before the data pages'
    if begin + meta[7] >= len(data):
        yield 'reaches past the file'
    if chunk[2] != 0 or meta[5] != rows:
        yield 'file_offset or num_values'
    at, values, kinds = begin, 0, set()
    while at < begin + meta[7]:
        t = Thrift(data, at)
        page = t.struct()
        if 4 not in page:
            yield 'page without CRC'
        if page[1] == 2:
            kinds.add((2, page[7][2]))
        else:
            head = page[5]
            kinds.add((page[1], head[2]))
            values += head[1]
            if head[3] != 3 or head[4] != 3:
                yield 'levels are not RLE'
            if 5 in head:
                yield 'statistics in a page header'
        at = t.at + page[3]
    if at != begin + meta[7] or values != rows:
        yield 'pages do not add up'
    if not kinds <= {(2, 2), (0, 2), (0, 0)}:
        yield f'pages of kinds {kinds}'
    if set(meta[2]) != {3} | {e for k, e in kinds if k == 0}:
        yield f'encodings {meta[2]} for {kinds}'
    if {(s[1], s[2]) for s in meta[13]} != kinds or meta[13][0][1] != (2 if 11 in meta else 0):
        yield f'encoding_stats {meta[13]}'
    stats = meta[12]
    if 3 not in stats or (5 in stats) != (6 in stats) or (stats[3] < rows and 5 not in stats):
        yield f'statistics {stats}'
    if (1 in stats) != (5 in stats and meta[1] != 6):
        yield 'deprecated statistics'


def faults(path):
    data, meta = footer(path)
    leaves = meta[2][1:]
    if meta[1] != 1:
        yield 'version'
    if [(c[4].decode(), c[1], c[3]) for c in leaves] != [(n, PHYSICAL[k], 1) for n, k in FLOW]:
        yield f'schema {leaves}'
    if any((c[1] == 6) != (c.get(6) == 0 and c.get(10) == {1: {}}) for c in leaves):
        yield 'string annotations'
    if meta[7] != [{1: {}}] * len(FLOW):
        yield 'column orders'
    if not meta[6].startswith(b'sluice version ') or b' (build ' not in meta[6]:
        yield f'created_by {meta[6]}'
    keys = {k[1].decode(): k[2].decode() for k in meta[5]}
    if keys.get('writer.model.name') != 'avro' or any(k.startswith(('ARROW', 'pandas', 'org.apache')) for k in keys):
        yield f'keys {list(keys)}'
    fields = json.loads(keys['parquet.avro.schema'])['fields']
    if [(f['name'], f['type'], f['default']) for f in fields] != [(n, ['null', AVRO[k]], None) for n, k in FLOW]:
        yield 'avro schema'
    at = 4
    for number, group in enumerate(meta[4]):
        if group[5] != at or group[7] != number or group[6] != sum(c[3][7] for c in group[1]) or group[2] != sum(c[3][6] for c in group[1]):
            yield f'row group {number}: {group[5]} {group[6]}'
        for (name, _), chunk in zip(FLOW, group[1]):
            yield from (f'row group {number}, {name}: {f}' for f in chunk_faults(data, chunk, group[3], at))
            at += chunk[3][7]
            if 4 not in chunk or (6 not in chunk and chunk[3][12].get(3) != group[3] and name != 'tdur'):
                yield f'row group {number}, {name}: no page index'
    if sum(g[3] for g in meta[4]) != meta[3]:
        yield 'num_rows'


def statistics_differ(path, wanted):
    """The least and most of each chunk, as pyarrow understands them, against the rows."""
    meta, first = pq.read_metadata(path), 0
    for g in range(meta.num_row_groups):
        rows = wanted[first:first + meta.row_group(g).num_rows]
        first += len(rows)
        for i, (name, kind) in enumerate(FLOW):
            values = [typed(r[i], kind) for r in rows if r[i] is not None]
            stats = meta.row_group(g).column(i).statistics
            if stats.null_count != len(rows) - len(values):
                return f'{name}: {stats.null_count} nulls'
            if values and (stats.min, stats.max) != (min(values), max(values)):
                return f'{name}: {stats.min!r} .. {stats.max!r} instead of {min(values)!r} .. {max(values)!r}'
    return None


def compare(name, path, place, *options):
    """One input through all readers."""
    out = os.path.join(place, 'out.parquet')
    text, made = dissect(path, '-f', 'csv'), dissect(path, '-f', 'parquet', '-o', out, *options)
    if text.returncode not in (0, 1) or made.returncode not in (0, 1):
        tap.check(f'{name}: refused alike', text.returncode == made.returncode, made.stderr.decode(errors='replace'))
        return
    wanted = cells(text.stdout.decode())
    for reader, read in READERS.items():
        try:
            found = first_difference(wanted, read(out))
        except Exception as error:  # a reader that refuses the file is the finding
            found = f'{type(error).__name__}: {error}'
        tap.check(f'{name}: {len(wanted)} rows by {reader}', found is None, found)
    found = list(faults(out))
    tap.check(f'{name}: keeps the rules of other readers', not found, '\n'.join(found[:5]))
    found = statistics_differ(out, wanted)
    tap.check(f'{name}: statistics', found is None, found)


def check_schema(place):
    out = os.path.join(place, 'schema.parquet')
    source = os.path.join(place, 'one.nfcapd')
    with open(source, 'wb') as f:
        f.write(nfcapd.file_v2([nfcapd.flow(HOUR_MS)]))
    dissect(source, '-f', 'parquet', '-o', out)
    schema = pq.read_schema(out)
    tap.check('pyarrow sees names, types and order of the table', [(f.name, f.type, f.nullable) for f in schema] == [(n, ARROW[k], True) for n, k in FLOW], schema)
    found = duckdb.connect().execute('describe select * from read_parquet(?)', [out]).fetchall()
    tap.check('DuckDB sees names, types and order of the table', [(r[0], r[1]) for r in found] == [(n, DUCK[k]) for n, k in FLOW], found)


def made_flows(rng, count):
    """Flows of every kind: both families, values past their column's type, times over three hours."""
    flows = []
    for i in range(count):
        kw = {'received': HOUR_MS + i * 7 % 10_800_000, 'sport': rng.randrange(65536), 'packets': rng.choice((1, 2, 3, rng.randrange(10**6))),
              'bytes': rng.choice((40, 52, 1500, rng.randrange(10**9))) if i != 77 else 2**63 + 5, 'proto': rng.choice((1, 6, 17, 58, 132, 255)), 'flags': rng.randrange(256),
              'stos': rng.choice((0, 0, 0, 184)), 'sas': rng.choice((0, 64500, 2**32 - 1)), 'in': rng.randrange(4)}
        if rng.random() < 0.3:
            kw['src'], kw['dst'] = (str(ipaddress.IPv6Address(0x20010DB8 << 96 | rng.randrange(5000) << rng.randrange(64))) for _ in range(2))
        else:
            kw['src'], kw['dst'] = (str(ipaddress.IPv4Address(0x0A000000 + rng.randrange(3000))) for _ in range(2))
        flows.append(nfcapd.flow(HOUR_MS, **kw))
    return flows


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-parquet-') as place:
        check_schema(place)
        source = os.path.join(place, 'made.nfcapd')
        with open(source, 'wb') as f:
            f.write(nfcapd.file_v2(made_flows(random.Random(4), 50_000)))
        for codec in ('snappy', 'zstd', 'gzip', 'none'):
            compare(f'50,000 made flows, {codec}', source, place, '--codec', codec)
        compare('50,000 made flows, small row groups', source, place, '--row-group', '7000')
        first, second = os.path.join(place, 'a'), os.path.join(place, 'b')
        for out in (first, second):
            dissect(source, '-f', 'parquet', '-o', out)
        with open(first, 'rb') as a, open(second, 'rb') as b:
            tap.check('the same input gives the same bytes', a.read() == b.read())
        with open(source, 'wb') as f:
            f.write(nfcapd.file_v2([]))
        compare('no flows', source, place)
        files = sorted(glob.glob(f'{DATA}/nfcapd/*.nfcapd') + glob.glob(f'{DATA}/nfcapd-real/*.nfcapd')) if DATA else []
        if not files:
            tap.skip('real files', 'not here (SLUICE_DATA)')
        for path in files:
            compare(os.path.basename(path), path, place)
    tap.done()


if __name__ == '__main__':
    main()
