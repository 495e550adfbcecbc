"""A table's .avsc: its columns, its plain Avro schema and fingerprint, the paths of its partitions. doc/formats/schema.md.

Attributes are checked by the native program (sluice check); here a file is only refused where it could not be used.
"""
import datetime
import json
import os

from .errors import Broken

ARROW = {'string': 'string', 'int': 'int32', 'long': 'int64', 'float': 'float'}
SQL = {'string': 'STRING', 'int': 'INT', 'long': 'BIGINT', 'float': 'FLOAT'}
HOUR = 3600

_EMPTY = 0xc15d213aa4d7a795  # of CRC-64-AVRO


def _crc_table():
    table = []
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = crc >> 1 ^ (_EMPTY if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _crc_table()


def fingerprint(raw):
    """CRC-64-AVRO (Avro 1.11, "Schema Fingerprints")."""
    crc = _EMPTY
    for byte in raw:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xff]
    return crc


def civil(hour):
    """Year, month, day and hour of an hour since 1970, UTC."""
    t = datetime.datetime(1970, 1, 1) + datetime.timedelta(hours=hour)
    return t.year, t.month, t.day, t.hour


_PART = {'year': (0, 1), 'month': (1, 1), 'day': (2, 1), 'hour': (3, 1), 'month2': (1, 2), 'day2': (2, 2), 'hour2': (3, 2)}


class Schema:
    """One table. columns: [(name, Avro type)]; partition: [(name, SQL type, as)]."""

    def __init__(self, where, text):
        try:
            record = json.loads(text)
            self.name = record['name']
            space = record.get('namespace')
            self.full_name = f'{space}.{self.name}' if space else self.name
            self.columns = [(f['name'], self._type(f['type'])) for f in record['fields']]
            self.partition = [(p['name'], p['type'], p['as']) for p in record.get('partition', [])]
            for _, _, how in self.partition:
                _PART[how]
        except (ValueError, KeyError, TypeError) as e:
            raise Broken(f'{where}: is no schema of a table: {e}') from e
        self.where = where
        types = [f'{{"name":"{n}","type":["null","{t}"]' for n, t in self.columns]
        self.avro = (f'{{"type":"record","name":"{self.name}",' + (f'"namespace":"{space}",' if space else '')
                     + '"fields":[' + ','.join(f'{t},"default":null}}' for t in types) + ']}')
        canonical = f'{{"name":"{self.full_name}","type":"record","fields":[' + ','.join(t + '}' for t in types) + ']}'
        self.fingerprint = fingerprint(canonical.encode())

    @staticmethod
    def _type(union):
        null, kind = union
        if null != 'null' or kind not in ARROW:
            raise ValueError(f'a column of type {union}')
        return kind

    def values(self, hour):
        """Values of the partition that holds an hour, as text, in path order."""
        parts = civil(hour)
        return [f'{parts[_PART[how][0]]:0{_PART[how][1]}d}' for _, _, how in self.partition]

    def path(self, hour):
        """Path of the partition that holds an hour: y=2026/m=1/d=14/h=9."""
        return '/'.join(f'{p[0]}={v}' for p, v in zip(self.partition, self.values(hour)))

    def resolve(self, writer):
        """Can rows of the writer's schema be read into this table? Broken, with both sides, when they can't: doc/formats/rows-event.md."""
        if writer.full_name != self.full_name:
            raise Broken(f'rows of {writer.full_name} ({writer.where}) cannot be read as {self.full_name} ({self.where})')
        ours = dict(self.columns)
        for name, kind in writer.columns:
            wanted = ours.get(name, kind)
            if wanted != kind and (kind, wanted) != ('int', 'long'):
                raise Broken(f'column "{name}": written as {kind} ({writer.where}, fingerprint {writer.fingerprint:016x}), wanted as {wanted} '
                             f'({self.where}, fingerprint {self.fingerprint:016x})')


def find(dataset, folders):
    """The schema of a dataset from the first folder that has it."""
    for folder in folders:
        path = os.path.join(folder, f'{dataset}.avsc')
        if os.path.exists(path):
            with open(path, encoding='utf-8') as f:
                return Schema(path, f.read())
    raise Broken(f'no {dataset}.avsc in {", ".join(folders) or "no folder"}')
