"""A Hive Metastore asked directly: a client of a few lines that knows no field by name, independent of sluice's own.

    m = Metastore(host, port)
    m.partitions('spot', 'flow')      {'y=2026/m=1/d=14/h=9': location}
    m.table('spot', 'flow')           the Table struct as {field: value}, or None
"""
import socket
import struct

SIZES = {2: '>b', 3: '>b', 4: '>d', 6: '>h', 8: '>i', 10: '>q'}


def _text(value):
    return struct.pack('>i', len(value)) + value.encode()


def _put(kind, ident, value):
    return struct.pack('>bh', kind, ident) + value


def texts(*values):
    """Arguments 1, 2, … that are all texts."""
    return b''.join(_put(11, n, _text(v)) for n, v in enumerate(values, 1))


class Metastore:
    def __init__(self, host, port):
        self.address = (host, port)

    def call(self, name, arguments):
        """The result struct: {0: answer} or {n: exception}."""
        with socket.create_connection(self.address, 30) as s, s.makefile('rb') as answer:
            s.sendall(struct.pack('>I', 0x80010001) + _text(name) + struct.pack('>i', 1) + arguments + b'\0')
            kind, length = struct.unpack('>Ii', answer.read(8))
            answer.read(length + 4)
            body = self.read(answer, 12)
            if kind & 0xff != 2:
                raise ValueError(f'{name}: {body}')
            return body

    def read(self, f, kind):
        if kind in SIZES:
            return struct.unpack(SIZES[kind], f.read(struct.calcsize(SIZES[kind])))[0]
        if kind == 11:
            return f.read(struct.unpack('>i', f.read(4))[0]).decode()
        if kind == 12:
            fields = {}
            while (of := f.read(1)[0]) != 0:
                ident = struct.unpack('>h', f.read(2))[0]
                fields[ident] = self.read(f, of)
            return fields
        if kind == 13:
            key, of, count = struct.unpack('>bbi', f.read(6))
            return {self.read(f, key): self.read(f, of) for _ in range(count)}
        of, count = struct.unpack('>bi', f.read(5))
        return [self.read(f, of) for _ in range(count)]

    def database(self, name):
        return self.call('get_database', texts(name)).get(0)

    def table(self, database, name):
        return self.call('get_table_req', _put(12, 1, texts(database, name) + b'\0')).get(0, {}).get(1)

    def names(self, database, name):
        """Paths of the partitions."""
        if self.table(database, name) is None:
            return set()
        return set(self.call('get_partition_names', texts(database, name) + _put(6, 3, struct.pack('>h', -1))).get(0, []))

    def partition(self, database, name, path):
        values = [p.split('=')[1] for p in path.split('/')]
        listed = _put(15, 3, struct.pack('>bi', 11, len(values)) + b''.join(map(_text, values)))
        return self.call('get_partition', texts(database, name) + listed).get(0)

    def partitions(self, database, name):
        return {path: self.partition(database, name, path)[6][2] for path in self.names(database, name)}

    def columns(self, database, name):
        """[(name, type), …] of the table, then those of its keys."""
        t = self.table(database, name)
        return [(c[1], c[2]) for c in t[7][1]], [(c[1], c[2]) for c in t[8]]

    def drop_partition(self, database, name, path):
        values = [p.split('=')[1] for p in path.split('/')]
        listed = _put(15, 3, struct.pack('>bi', 11, len(values)) + b''.join(map(_text, values)))
        return self.call('drop_partition', texts(database, name) + listed + _put(2, 4, b'\0'))

    def drop_table(self, database, name):
        return self.call('drop_table', texts(database, name) + _put(2, 3, b'\0'))
