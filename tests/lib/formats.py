"""A reader of everything that sluice writes but Parquet, written from doc/formats/ alone: lake, manifests, history, compactions, rejects files, events, the embedded bus, the ledger. It shares no code with
sluice and none with the other tests, so that what a page leaves out fails here. LMDB is asked through its C library."""
import base64
import ctypes
import json
import os
import re
import struct

# ---- manifest.md ----


def unescape(text):
    """An escaped text as bytes."""
    return re.sub(rb'\\x([0-9a-f]{2})', lambda m: bytes([int(m[1], 16)]), text.encode())


def whole(lines):
    """Are these the lines of one manifest or compaction, the last one included?"""
    return bool(lines) and lines[-1].get('lines') == len(lines) - 1


def read_lines(path):
    with open(path, encoding='utf-8', newline='\n') as f:
        return [json.loads(line) for line in f]


def manifests_of(lines):
    """The manifests in a row of lines, each a list of lines."""
    at = 0
    while at < len(lines):
        end = next(i for i in range(at, len(lines)) if 'lines' in lines[i]) + 1
        yield lines[at:end]
        at = end


def names(folder):
    return sorted(n for n in os.listdir(folder) if re.fullmatch(r'\d{20}', n)) if os.path.isdir(folder) else []


def commits(lake):
    """{(topic, partition): [manifest as a list of lines, in order]}; says by an exception when a chain does not hold."""
    chains = {}
    for root in ('history', 'commits'):
        base = f'{lake}/_sluice/{root}'
        for topic in sorted(os.listdir(base)) if os.path.isdir(base) else []:
            for partition in sorted(os.listdir(f'{base}/{topic}')):
                chain = chains.setdefault((topic, int(partition)), [])
                for name in names(f'{base}/{topic}/{partition}'):
                    lines = read_lines(f'{base}/{topic}/{partition}/{name}')
                    if root == 'history':
                        head, inside = lines[0], list(manifests_of(lines[1:]))
                        assert head['sluice'] == 'history' and head['version'] == 1 and head['manifests'] == len(inside) and head['start'] == int(name), name
                        assert (inside[0][0]['start'], inside[-1][0]['end']) == (head['start'], head['end'])
                        chain += inside
                    elif not chain or int(name) >= chain[-1][0]['end']:  # else a leftover
                        assert lines[0]['start'] == int(name)
                        chain.append(lines)
    for (topic, partition), chain in chains.items():
        for i, m in enumerate(chain):
            assert whole(m) and m[0]['sluice'] == 'manifest' and m[0]['version'] == 1 and (m[0]['topic'], m[0]['partition']) == (topic, partition) and m[0]['end'] > m[0]['start']
            assert i == 0 or m[0]['start'] == chain[i - 1][0]['end'], (topic, partition, m[0]['start'])
    return chains


def compactions(lake, dataset):
    """[(inputs, outputs)] of an hour's generations in order, all hours; an expiry has no outputs."""
    found, base = [], f'{lake}/_sluice/compactions/{dataset}'
    for hour in names(base):
        for n, generation in enumerate(names(f'{base}/{hour}'), 1):
            lines = read_lines(f'{base}/{hour}/{generation}')
            assert whole(lines) and lines[0]['sluice'] in ('compaction', 'expiry') and lines[0]['hour'] == int(hour) and lines[0]['generation'] == int(generation) == n
            came, went = [x for x in lines if 'output' in x], [x for x in lines if 'input' in x]
            if lines[0]['sluice'] == 'expiry':
                assert not came and lines[0]['kind'] == 'table' and all(sum(n for _, n in x['of']) == x['rows'] for x in went)
            else:
                assert sum(x['rows'] for x in came) == sum(x['rows'] for x in went)
            found.append((went, came))
    return found


def table(lake, dataset):
    """{path: rows} of what the table holds: files of all commits, less all inputs, plus all outputs that are not inputs of a later generation."""
    held = {x['file']: x['rows'] for chain in commits(lake).values() for m in chain for x in m if x.get('kind') == 'table' and x['dataset'] == dataset}
    for went, came in compactions(lake, dataset):
        for x in went:
            del held[x['input']]
        held.update({x['output']: x['rows'] for x in came})
    return held


def expired(lake, kind, dataset):
    """Files of that kind, originals or rejects, that went for their age."""
    found, base = [], f'{lake}/_sluice/expired/{kind}/{dataset}'
    for hour in names(base):
        for n, generation in enumerate(names(f'{base}/{hour}'), 1):
            lines = read_lines(f'{base}/{hour}/{generation}')
            assert whole(lines) and lines[0]['sluice'] == 'expiry' and lines[0]['kind'] == {'originals': 'original', 'rejects': 'rejects'}[kind] and lines[0]['generation'] == int(generation) == n
            found += [x for x in lines if 'input' in x]
    return found


def originals(lake):
    return [x for chain in commits(lake).values() for m in chain for x in m if 'original' in x]


def rejects(lake):
    """Every reject of every rejects file that a manifest names."""
    found = []
    for chain in commits(lake).values():
        for x in (x for m in chain for x in m if x.get('kind') == 'rejects'):
            lines = read_lines(f'{lake}/{x["file"]}')
            assert len(lines) == x['rows']
            found += [{**r, 'raw': base64.b64decode(r['raw']), 'name': unescape(r['name'])} for r in lines]
    return found


STAGED = re.compile(r'_sluice/staging/(?P<topic>.+)-(?P<partition>\d+)-(?P<epoch>[0-9a-f]{32})/(?P<start>\d{20})-(?P<rest>.+)')


def staged(lake):
    """[(topic, partition, epoch, start, rest)] of workers' staged files."""
    found = []
    for place, _, files in os.walk(f'{lake}/_sluice/staging'):
        for name in files:
            m = STAGED.fullmatch(os.path.relpath(os.path.join(place, name), lake))
            if m:
                found.append((m['topic'], int(m['partition']), m['epoch'], int(m['start']), m['rest']))
    return sorted(found)


# ---- LMDB ----

class Value(ctypes.Structure):
    _fields_ = [('size', ctypes.c_size_t), ('data', ctypes.c_void_p)]

    def bytes(self):
        return ctypes.string_at(self.data, self.size)


class Lmdb:
    """Named tables of an environment, read in one transaction."""
    RDONLY, NOTLS, FIRST, NEXT, NOTFOUND = 0x20000, 0x200000, 0, 8, -30798

    def __init__(self, folder):
        self.lib = ctypes.CDLL('liblmdb.so.0')
        for name, kinds in (('mdb_env_open', [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint]), ('mdb_env_set_maxdbs', [ctypes.c_void_p, ctypes.c_uint]),
                            ('mdb_txn_begin', [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p]),
                            ('mdb_dbi_open', [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_void_p]),
                            ('mdb_cursor_open', [ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p]), ('mdb_cursor_get', [ctypes.c_void_p] * 3 + [ctypes.c_int]),
                            ('mdb_cursor_close', [ctypes.c_void_p]), ('mdb_txn_abort', [ctypes.c_void_p]), ('mdb_env_close', [ctypes.c_void_p])):
            getattr(self.lib, name).argtypes = kinds
        self.env = ctypes.c_void_p()
        assert self.lib.mdb_env_create(ctypes.byref(self.env)) == 0
        assert self.lib.mdb_env_set_maxdbs(self.env, 16) == 0
        assert self.lib.mdb_env_open(self.env, folder.encode(), self.RDONLY | self.NOTLS, 0o644) == 0
        self.txn = ctypes.c_void_p()
        assert self.lib.mdb_txn_begin(self.env, None, self.RDONLY, ctypes.byref(self.txn)) == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lib.mdb_txn_abort(self.txn)
        self.lib.mdb_env_close(self.env)

    def table(self, name):
        """[(key, value)] in order; none when there is no such table."""
        dbi, cursor = ctypes.c_uint(), ctypes.c_void_p()
        rc = self.lib.mdb_dbi_open(self.txn, name.encode(), 0, ctypes.byref(dbi))
        if rc == self.NOTFOUND:
            return []
        assert rc == 0
        assert self.lib.mdb_cursor_open(self.txn, dbi, ctypes.byref(cursor)) == 0
        key, value, found, op = Value(), Value(), [], self.FIRST
        while self.lib.mdb_cursor_get(cursor, ctypes.byref(key), ctypes.byref(value), op) == 0:
            found.append((key.bytes(), value.bytes()))
            op = self.NEXT
        self.lib.mdb_cursor_close(cursor)
        return found


# ---- bus-embedded.md, event.md, rows-event.md ----

def record(raw):
    """One event: {'ms', 'headers', 'key', 'value'}."""
    version, count, zero, key_len, ms = struct.unpack_from('<BBHIq', raw)
    assert version == 1 and zero == 0 and count <= 32
    at, headers = 16, {}
    for _ in range(count):
        name_len, value_len = struct.unpack_from('<BI', raw, at)
        at += 5
        name = raw[at:at + name_len].decode('ascii')
        assert re.fullmatch('[a-z_]+', name) and raw[at + name_len] == 0
        at += name_len + 1
        headers[name] = raw[at:at + value_len].decode()
        at += value_len
    return {'ms': ms, 'headers': headers, 'key': raw[at:at + key_len], 'value': raw[at + key_len:]}


def bus(folder):
    """{(topic, partition): [event, with its offset]}"""
    with Lmdb(folder) as env:
        assert dict(env.table('meta'))[b'format'] == struct.pack('<I', 1)
        topics = {name.decode(): struct.unpack('<II', v) for name, v in env.table('topics')}
        ends = {struct.unpack('>II', k): struct.unpack('<QQ', v) for k, v in env.table('partitions')}
        found = {(name, p): [] for name, (ident, count) in topics.items() for p in range(count)}
        by_id = {ident: name for name, (ident, _) in topics.items()}
        for k, v in env.table('events'):
            ident, partition, offset = struct.unpack('>IIQ', k)
            found[by_id[ident], partition].append({'offset': offset, **record(v)})
        for (name, p), events in found.items():
            first, following = ends.get((topics[name][0], p), (0, 0))
            assert [e['offset'] for e in events] == list(range(first, following))
        return found


class Bytes:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def take(self, n):
        assert 0 <= n <= len(self.raw) - self.at
        self.at += n
        return self.raw[self.at - n:self.at]

    def long(self):
        n = shift = 0
        while True:
            byte = self.take(1)[0]
            n |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return n >> 1 ^ -(n & 1)


def rows(value, schema):
    """Rows of a rows event's value, as lists in the order of the schema's columns."""
    kinds = [next(t for t in f['type'] if t != 'null') for f in schema['fields']]
    b, found = Bytes(value), []
    read = {'int': Bytes.long, 'long': Bytes.long, 'float': lambda x: struct.unpack('<f', x.take(4))[0], 'string': lambda x: x.take(x.long()).decode()}
    while (count := b.long()) != 0:
        assert count > 0
        for _ in range(count):
            found.append([read[k](b) if b.long() == 1 else None for k in kinds])
    assert b.at == len(value)
    return found


def fingerprint(schema):
    """CRC-64-AVRO of a plain schema's Parsing Canonical Form (Avro 1.11)."""
    full = f'{schema["namespace"]}.{schema["name"]}' if 'namespace' in schema else schema['name']
    fields = ','.join('{"name":%s,"type":[%s]}' % (json.dumps(f['name']), ','.join(f'"{t}"' for t in f['type'])) for f in schema['fields'])
    text = '{"name":%s,"type":"record","fields":[%s]}' % (json.dumps(full), fields)
    empty, crc = 0xc15d213aa4d7a795, 0xc15d213aa4d7a795
    for byte in text.encode():
        x = (crc ^ byte) & 0xff
        for _ in range(8):
            x = x >> 1 ^ (empty & -(x & 1))
        crc = crc >> 8 ^ x
    return f'{crc:016x}'


# ---- ledger.md ----

STATES = ('archived', 'published', 'committed', 'refused')


class Record(Bytes):
    def get(self, form):
        got = struct.unpack('<' + form, self.take(struct.calcsize('<' + form)))
        return got[0] if len(got) == 1 else got

    def text(self):
        raw = self.take(self.get('I'))
        assert self.take(1) == b'\0'
        return raw


def ledger(folder):
    """{'originals': [...], 'paths': {(pipeline, path or its beginning): record}, 'counts': {pipeline: six}, 'open': [...]}"""
    with Lmdb(folder) as env:
        found, digest = [], {}
        for k, v in env.table('original'):
            r = Record(v)
            assert r.get('B') == 1
            o = {'number': struct.unpack('>Q', k)[0], 'sha256': r.take(32).hex(), 'again': r.get('I'), 'state': STATES[r.get('B')], 'rows_events': r.get('B') == 1}
            o['partition'], o['parts'], o['size'] = r.get('IIQ')
            o['slot'], o['archived'], o['found_ms'], o['published_ms'], o['committed_ms'] = r.get('5q')
            o['rows'], o['rejects'], o['lost'], o['device'], o['inode'], o['changed_ns'], o['run'] = r.get('QQQQQqQ')
            for name in ('pipeline', 'name', 'source', 'path', 'topic', 'dissector', 'reason'):
                o[name] = r.text().decode('utf-8', 'surrogateescape')
            assert r.at == len(v)
            found.append(o)
        for k, v in env.table('digest'):
            pipeline, rest = k.split(b'\0', 1)
            digest[pipeline.decode(), rest[:32].hex(), struct.unpack('>I', rest[32:])[0]] = struct.unpack('>Q', v)[0]
        assert digest == {(o['pipeline'], o['sha256'], o['again']): o['number'] for o in found}
        meta = dict(env.table('meta'))
        counts = {k[len(b'count\0'):].rstrip(b'\0').decode(): struct.unpack('<6Q', v) for k, v in meta.items() if k.startswith(b'count\0')}
        paths = {}
        for k, v in env.table('path'):
            r = Record(v)
            assert r.get('B') == 1
            p = {'state': ('taken', 'double', 'aside')[r.get('B')], 'again': r.get('B') == 1, 'known': r.get('B') == 1, 'sha256': r.take(32).hex()}
            p['device'], p['inode'], p['size'], p['changed_ns'], p['status_ns'], p['taken_size'] = r.get('QQQqqQ')
            p['reason'], p['path'] = r.text().decode(), r.text()
            assert r.at == len(v)
            pipeline, path = k.split(b'\0', 1)
            paths[pipeline.decode(), path.decode('utf-8', 'surrogateescape')] = p
        return {'originals': found, 'open': [struct.unpack('>Q', k)[0] for k, _ in env.table('open')], 'counts': counts, 'paths': paths,
                'next': struct.unpack('<Q', meta[b'next\0'])[0], 'positions': len(env.table('position')), 'aside': len(env.table('aside'))}
