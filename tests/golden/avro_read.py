#!/usr/bin/env python3
"""Avro that we write, read by fastavro: the same rows as `dissect -f csv`, the plain schema, and blocks that are rows events."""
import csv
import glob
import io
import json
import os
import struct
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import nfcapd  # noqa: E402
import tap  # noqa: E402

import fastavro  # noqa: E402

SLUICE = os.environ.get('SLUICE', 'build/sluice')
DATA = os.environ.get('SLUICE_DATA')
SOURCE = os.environ.get('SLUICE_SOURCE', '.')
HOUR_MS = 1_768_381_200_000


def dissect(fmt, path):
    """Standard output; files with rejects end with 1 and are as good."""
    r = subprocess.run([SLUICE, 'dissect', '-t', 'nfcapd', '-f', fmt, path], capture_output=True, timeout=300, check=False)
    return r.stdout if r.returncode in (0, 1) else None


def same(text, value):
    """Is a CSV cell the text of this value? Nulls are empty; floats are the same 32 bits."""
    if value is None:
        return text == ''
    if isinstance(value, float):
        return struct.pack('<f', float(text)) == struct.pack('<f', value)
    return text == str(value)


def difference(rows, records):
    """The first difference, or None."""
    if len(rows) != len(records):
        return f'{len(rows)} rows of csv, {len(records)} of avro'
    for i, (row, record) in enumerate(zip(rows, records)):
        for name, text in row.items():
            if not same(text, record[name]):
                return f'row {i}, {name}: csv {text!r}, avro {record[name]!r}'
    return None


def compare(name, path):
    text, data = dissect('csv', path), dissect('avro', path)
    if text is None or data is None:
        # not a file of this type: both formats must say so
        tap.check(f'{name}: refused alike', text is None and data is None)
        return
    rows = list(csv.DictReader(io.StringIO(text.decode(), newline='')))
    reader = fastavro.reader(io.BytesIO(data))
    diff = difference(rows, list(reader))
    tap.check(f'{name}: {len(rows)} rows read by fastavro as -f csv prints them', diff is None, diff)


def take_long(data):
    """A zig-zag varint from a stream."""
    shift = z = 0
    while True:
        byte = data.read(1)[0]
        z |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (z >> 1) ^ -(z & 1)


def blocks(data):
    """(rows, records) of each block of a container file."""
    f = io.BytesIO(data)
    fastavro.schemaless_reader(f, {'type': 'fixed', 'name': 'magic', 'size': 4}, None)
    fastavro.schemaless_reader(f, {'type': 'map', 'values': 'bytes'}, None)
    f.read(16)
    while f.tell() < len(data):
        rows, size = take_long(f), take_long(f)
        yield rows, f.read(size)
        f.read(16)


def put_long(v):
    z = (v << 1) ^ (v >> 63)
    out = b''
    while z >= 0x80:
        out += bytes([z & 0x7F | 0x80])
        z >>= 7
    return out + bytes([z])


def schemas(data):
    reader = fastavro.reader(io.BytesIO(data))
    with open(os.path.join(SOURCE, 'schema', 'flow.avsc'), encoding='utf-8') as f:
        ours = json.load(f)
    want = [(c['name'], c['type'], None) for c in ours['fields']]
    written = json.loads(reader.metadata['avro.schema'])
    tap.check('the schema in the file: the columns of flow.avsc, in order', [(c['name'], c['type'], c['default']) for c in written['fields']] == want, written)
    tap.check('and no attribute of ours', set(written) == {'type', 'name', 'namespace', 'fields'} and all(set(c) == {'name', 'type', 'default'} for c in written['fields']), written)
    shown = subprocess.run([SLUICE, 'schema', '--avro', 'flow'], capture_output=True, timeout=60, check=False)
    tap.check('sluice schema --avro prints the same', shown.returncode == 0 and json.loads(shown.stdout) == written, shown)
    return written


def events(data, schema):
    """A block with its count before and 0 behind is the value of a rows event."""
    array = {'type': 'array', 'items': schema}
    rows = []
    for count, records in blocks(data):
        event = put_long(count) + records + put_long(0)
        rows += fastavro.schemaless_reader(io.BytesIO(event), array, None)
    diff = rows == list(fastavro.reader(io.BytesIO(data)))
    tap.check('blocks read as arrays of the record', diff)


def main():
    with tempfile.TemporaryDirectory() as place:
        path = os.path.join(place, 'nfcapd.202601140900')
        flows = [nfcapd.flow(HOUR_MS + 7 * i, bytes=i * 1009, src=f'10.0.{i // 250}.{i % 250}', sport=i % 65536, proto=i % 256, flags=i % 256, first=HOUR_MS - i,
                             last=HOUR_MS, sas=i * 100003 % 2**32) for i in range(2500)]
        flows += [nfcapd.flow(HOUR_MS + i, src=f'2001:db8::{i:x}', dst=f'fe80::{i:x}:0:1') for i in range(100)]
        with open(path, 'wb') as f:
            f.write(nfcapd.file_v2(flows))
        compare('generated flows', path)
        data = dissect('avro', path)
        events(data, schemas(data))
        with open(path, 'wb') as f:
            f.write(nfcapd.file_v2([]))
        compare('a file without rows', path)
    files = sorted(glob.glob(os.path.join(DATA or '', 'nfcapd*', '*.nfcapd'))) if DATA else []
    for path in files:
        compare(os.path.basename(path), path)
    if not files:
        tap.skip('real files', 'none here')
    tap.done()


if __name__ == '__main__':
    main()
