"""A Hive Metastore, 2.3 or later: as much as this worker tells it. Thrift's binary protocol, strict, unframed; one call after the other.

Spark's own client speaks to 2.3 only, and leaves properties on a table that switch it to another schema. Definitions are those of
src/catalog/hive/definition.c, so that it does not matter which worker makes a table. A value is a pair of thrift type and Python value; of a
struct {field number: pair}, of a list (type, [values]), of a map (key type, value type, [(key, value)]). So a reply is kept with every field.
"""
import socket
import struct
import time

from .errors import Again, Broken
from .schema import SQL

BOOL, BYTE, DOUBLE, I16, I32, I64, STRING, STRUCT, MAP, SET, LIST = 2, 3, 4, 6, 8, 10, 11, 12, 13, 14, 15
_PLAIN = {BOOL: '>?', BYTE: '>b', DOUBLE: '>d', I16: '>h', I32: '>i', I64: '>q'}
MOST = 64 << 20
CALL, REPLY, EXCEPTION = 1, 2, 3
UNKNOWN_METHOD = 1
PARQUET = 'org.apache.hadoop.hive.ql.io.parquet.'


def encode(kind, value):
    if kind in _PLAIN:
        return struct.pack(_PLAIN[kind], value)
    if kind == STRING:
        raw = value if isinstance(value, bytes) else value.encode()
        return struct.pack('>i', len(raw)) + raw
    if kind == STRUCT:
        return b''.join(struct.pack('>bh', k, n) + encode(k, v) for n, (k, v) in value.items()) + b'\0'
    if kind in (LIST, SET):
        return struct.pack('>bi', value[0], len(value[1])) + b''.join(encode(value[0], v) for v in value[1])
    return struct.pack('>bbi', value[0], value[1], len(value[2])) + b''.join(encode(value[0], k) + encode(value[1], v) for k, v in value[2])


class _Reader:
    def __init__(self, take):
        self._take = take
        self._left = MOST

    def take(self, size):
        self._left -= size
        if size < 0 or self._left < 0:
            raise ValueError('an answer that is too long')
        return self._take(size)

    def plain(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def value(self, kind, depth=0):
        if depth > 32:
            raise ValueError('an answer that is too deep')
        if kind in _PLAIN:
            return self.plain(_PLAIN[kind])[0]
        if kind == STRING:
            return self.take(self.plain('>i')[0])
        if kind == STRUCT:
            fields = {}
            while True:
                k, = self.plain('>b')
                if k == 0:
                    return fields
                n, = self.plain('>h')
                fields[n] = k, self.value(k, depth + 1)
        if kind in (LIST, SET):
            k, n = self.plain('>bi')
            return k, [self.value(k, depth + 1) for _ in range(n)]
        if kind == MAP:
            k, v, n = self.plain('>bbi')
            return k, v, [(self.value(k, depth + 1), self.value(v, depth + 1)) for _ in range(n)]
        raise ValueError(f'an answer with type {kind}')


class Said(Exception):
    """The server says no: the number of the result's field, and its words."""

    def __init__(self, method, field, text):
        super().__init__(f'{method}: {text}')
        self.field = field


class Unknown(Exception):
    """The server does not know the method."""


def texts(values):
    return LIST, (STRING, list(values))


def named(pairs):
    return MAP, (STRING, STRING, list(pairs))


def columns(pairs):
    return LIST, (STRUCT, [{1: (STRING, name), 2: (STRING, kind)} for name, kind in pairs])


class Metastore:
    """urls: [(host, port)], tried one after the other."""

    def __init__(self, urls, database, location, user, timeout_s):
        self.urls, self.database, self.location, self.user, self.timeout_s = urls, database, location, user, timeout_s
        self._socket = None
        self._number = 0
        self._known = {}  # table: its sd

    def _connect(self):
        why = None
        for host, port in self.urls:
            try:
                self._socket = socket.create_connection((host, port), self.timeout_s)
                self._call('set_ugi', {1: (STRING, self.user), 2: texts([])})
                return
            except (OSError, Said) as e:
                why = f'{host}:{port}: {e}'
                self.close()
        raise Again(why)

    def close(self):
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._known = {}

    def _take(self, size):
        out = b''
        while len(out) < size:
            part = self._socket.recv(size - len(out))
            if not part:
                raise OSError('the server closed the connection')
            out += part
        return out

    def _call(self, method, arguments):
        """The result's field 0 as a pair, None when it is void. OSError: the answer is lost."""
        self._number += 1
        self._socket.sendall(struct.pack('>I', 0x80010000 | CALL) + encode(STRING, method) + struct.pack('>i', self._number) + encode(STRUCT, arguments))
        r = _Reader(self._take)
        try:
            version, = r.plain('>I')
            r.value(STRING)
            r.plain('>i')
            result = r.value(STRUCT)
        except ValueError as e:
            raise OSError(str(e)) from e
        if version >> 16 != 0x8001:
            raise OSError('this is no metastore')
        if version & 0xff == EXCEPTION:
            if result.get(2, (I32, 0))[1] == UNKNOWN_METHOD:
                raise Unknown
            raise Said(method, None, result.get(1, (STRING, b''))[1].decode('utf-8', 'replace'))
        for field, (kind, value) in result.items():
            if field != 0:
                words = value.get(1, (STRING, b''))[1] if kind == STRUCT else b''
                raise Said(method, field, words.decode('utf-8', 'replace').split('\n')[0][:200])
        return result.get(0)

    def call(self, method, arguments):
        """Again: nobody there, or the answer is lost: what is asked for is a state, so ask again."""
        if self._socket is None:
            self._connect()
        try:
            return self._call(method, arguments)
        except OSError as e:
            self.close()
            raise Again(f'{method}: {e}') from e

    def _database(self):
        try:
            self.call('get_database', {1: (STRING, self.database)})
        except Said:
            try:
                self.call('create_database', {1: (STRUCT, {1: (STRING, self.database), 2: (STRING, 'network telemetry'), 4: named([])})})
            except Said as e:
                if e.field != 1:
                    raise Again(str(e)) from e

    def _get_table(self, name):
        """The table's struct, None when there is none."""
        request = {1: (STRUCT, {1: (STRING, self.database), 2: (STRING, name)})}
        try:
            try:
                return self.call('get_table_req', request)[1][1][1]
            except Unknown:
                return self.call('get_table', {1: (STRING, self.database), 2: (STRING, name)})[1]
        except Said as e:
            if e.field == 2:
                return None
            raise Again(str(e)) from e

    def _create_table(self, schema):
        sd = {1: columns((n, SQL[t].lower()) for n, t in schema.columns), 2: (STRING, self._place(schema)), 3: (STRING, PARQUET + 'MapredParquetInputFormat'),
              4: (STRING, PARQUET + 'MapredParquetOutputFormat'), 5: (BOOL, False), 6: (I32, -1),
              7: (STRUCT, {2: (STRING, PARQUET + 'serde.ParquetHiveSerDe'), 3: named([('serialization.format', '1')])}), 8: texts([]), 9: (LIST, (STRUCT, [])), 10: named([])}
        table = {1: (STRING, schema.name), 2: (STRING, self.database), 3: (STRING, self.user), 4: (I32, int(time.time())), 5: (I32, 0), 6: (I32, 0), 7: (STRUCT, sd),
                 8: columns((n, t) for n, t, _ in schema.partition), 9: named([('EXTERNAL', 'TRUE'), ('external.table.purge', 'false')]), 12: (STRING, 'EXTERNAL_TABLE')}
        try:
            self.call('create_table', {1: (STRUCT, table)})
        except Said as e:
            if e.field != 1:
                raise Again(str(e)) from e

    def _place(self, schema):
        return f'{self.location}/{schema.name}/hive'

    def _table(self, schema):
        """The sd of the table, which is made when it is not there. Broken: it is another table."""
        if schema.name in self._known:
            return self._known[schema.name]
        found = self._get_table(schema.name)
        if found is None:
            self._database()
            self._create_table(schema)
            found = self._get_table(schema.name)
        if found is None:
            raise Again(f'{self.database}.{schema.name} does not stay as it was made')
        sd = found[7][1]
        have = [(c[1][1].decode(), c[2][1].decode()) for c in sd[1][1][1]]
        want = [(n, SQL[t].lower()) for n, t in schema.columns]
        keys = [(c[1][1].decode(), c[2][1].decode()) for c in found[8][1][1]]
        if keys != [(n, t) for n, t, _ in schema.partition] or have[:len(want)] != want[:len(have)]:
            raise Broken(f'{self.database}.{schema.name}: the catalog has other columns: sluice check tells')
        if sd[2][1].decode().rstrip('/') != self._place(schema):
            raise Broken(f'{self.database}.{schema.name}: the catalog has it in {sd[2][1].decode()}, it lies in {self._place(schema)}')
        if len(have) < len(want):
            raise Again(f'{self.database}.{schema.name} lacks columns that a native worker, or sluice register, appends')
        self._known[schema.name] = sd
        return sd

    def add_partition(self, schema, values, path):
        """See that the partition is there."""
        sd = self._table(schema) | {2: (STRING, f'{self._place(schema)}/{path}')}
        partition = {1: texts(values), 2: (STRING, self.database), 3: (STRING, schema.name), 4: (I32, int(time.time())), 5: (I32, 0), 6: (STRUCT, sd), 7: named([])}
        context = {1: named([('DO_NOT_UPDATE_STATS', 'true')])}
        try:
            self.call('add_partition_with_environment_context', {1: (STRUCT, partition), 2: (STRUCT, context)})
        except Said as e:
            if e.field != 2:
                self._known.pop(schema.name, None)
                raise Again(str(e)) from e
