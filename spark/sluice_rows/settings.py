"""What this worker needs of a sluice.yaml. Names, units and defaults are those of doc/configuration.md; the native program (sluice check) is the judge
of the whole file, so keys that are not needed here are passed over.
"""
import getpass
import os
import re
import socket

import yaml

from . import schema
from .errors import Broken, Usage

_SIZE = {'': 1, 'B': 1, 'KiB': 2**10, 'MiB': 2**20, 'GiB': 2**30, 'TiB': 2**40, 'kB': 10**3, 'KB': 10**3, 'MB': 10**6, 'GB': 10**9, 'TB': 10**12}
_TIME = {'ms': 1, 's': 1000, 'm': 60_000, 'h': 3_600_000, 'd': 86_400_000}
_DATASET = {'nfcapd': 'flow', 'pcap-dns': 'dns', 'elff': 'proxy'}
_PLAIN = re.compile(r'[A-Za-z0-9_-]{1,64}')


def size(text):
    m = re.fullmatch(r'([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)', text)
    if m is None or m.group(2) not in _SIZE:
        raise ValueError(f'"{text}" is not a size such as 128MiB')
    return int(float(m.group(1)) * _SIZE[m.group(2)])


def duration(text):
    m = re.fullmatch(r'([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)', text)
    if m is None or (m.group(2) not in _TIME and text != '0'):
        raise ValueError(f'"{text}" is not a time such as 10s')
    return int(float(m.group(1)) * _TIME.get(m.group(2), 1))


def choice(*words):
    def read(text):
        if text not in words:
            raise ValueError(f'"{text}" is none of {", ".join(words)}')
        return text
    return read


KEYS = {
    'commit.max_age': (duration, '10s'), 'commit.max_events': (int, '4096'),
    'worker.memory': (size, '48MiB'), 'worker.open_hours': (int, '32'), 'file.max_bytes': (size, '512MiB'),
    'parquet.codec': (choice('none', 'snappy', 'zstd', 'gzip'), 'snappy'), 'parquet.level': (int, '0'), 'parquet.row_group_rows': (int, '1048576'),
    'dedupe.horizon': (duration, '30d'), 'stop_timeout': (duration, '30s'), 'log.level': (choice('debug', 'info', 'warn', 'error'), 'info'),
}


def flat(tree, prefix=''):
    """Keys with dots, however the file nests them."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


def host_name():
    """The host's name as part of topic names: "Edge-1.example" is edge-1."""
    return re.sub('[^a-z0-9_]', '-', socket.gethostname().split('.')[0][:64].lower()) or 'sluice'


class Pipeline:
    """An entry whose rows are ours to take."""

    def __init__(self, name, dataset, topic):
        self.name, self.dataset, self.topic = name, dataset, topic
        self.schema = None


class Settings:
    """A file, read. Usage: it can't be used, and why."""

    def __init__(self, file, schema_folders):
        self.file = file
        self.folder = os.path.dirname(os.path.abspath(file))
        try:
            with open(file, encoding='utf-8') as f:
                tree = yaml.load(f, yaml.BaseLoader)
        except (OSError, yaml.YAMLError) as e:
            raise Usage(f'{file}: {e}') from e
        if not isinstance(tree, dict) or not isinstance(tree.get('pipelines'), dict):
            raise Usage(f'{file}: a configuration is a map of keys with "pipelines"')
        pipelines, kafka = tree.pop('pipelines'), tree.pop('kafka', None)
        self.kafka = self._kafka(kafka if isinstance(kafka, dict) else {})
        self.keys = dict(flat(tree))
        for name, (read, fallback) in KEYS.items():
            try:
                setattr(self, name.replace('.', '_'), read(self.keys.get(name, fallback)))
            except (ValueError, TypeError) as e:
                raise Usage(f'{file}: {name}: {e}') from e
        self.instance = self.keys.get('instance', host_name())
        if not _PLAIN.fullmatch(self.instance):
            raise Usage(f'{file}: instance: has letters, digits, - and _, at most 64')
        self.partitions = self._partitions()
        self._places()
        self._schemas = [self._from_folder(self.keys['schemas'])] if self.keys.get('schemas') else []
        self._schemas += [f for f in schema_folders if os.path.isdir(f)]
        self.pipelines = [self._pipeline(n, e) for n, e in pipelines.items() if isinstance(e, dict) and e.get('rows_worker', 'native') == 'spark']
        if not self.pipelines:
            raise Usage(f'{file}: no pipeline says "rows_worker: spark"')

    def _from_folder(self, path):
        return os.path.normpath(os.path.join(self.folder, path))

    def group(self, name):
        """Keys of a group, without its name."""
        return {k[len(name) + 1:]: v for k, v in self.keys.items() if k.startswith(name + '.')}

    def _places(self):
        lake = self.keys.get('lake')
        if not lake:
            raise Usage(f'{self.file}: "lake" must be given')
        scheme, _, place = lake.partition('://') if '://' in lake else ('file', '', self._from_folder(lake))
        url = f'{scheme}://{place}'
        if scheme == 'file':
            self.lake = {'scheme': scheme, 'root': place}
        elif scheme in ('webhdfs', 'webhdfs+ssl'):
            hosts, _, root = place.partition('/')
            self.lake = {'scheme': scheme, 'hosts': hosts, 'root': '/' + root, 'options': self._webhdfs(self.group('webhdfs'))}
        else:
            raise Usage(f'{self.file}: lake: the Spark worker takes file:// and webhdfs://, not {scheme}://')
        scheme, _, place = self.keys.get('bus', '').partition('://')
        if scheme != 'kafka':
            raise Usage(f'{self.file}: bus: the Spark worker reads kafka://, not "{self.keys.get("bus", "embedded")}"')
        self.brokers = ','.join(h if re.search(r':[0-9]+$', h) else f'{h}:9092' for h in place.strip('/').split(',') if h)
        self.catalog = None
        catalog = self.keys.get('catalog', 'none')
        if catalog != 'none':
            m = re.fullmatch('thrift://([^/]+)(?:/([A-Za-z0-9_]*)/?)?', catalog)
            if m is None:
                raise Usage(f'{self.file}: catalog: none or thrift://HOST:PORT/DATABASE, not "{catalog}"')
            hosts = [h.rpartition(':') if re.search(r':[0-9]+$', h) else (h, ':', '9083') for h in m.group(1).split(',') if h]
            try:
                self.catalog = {'urls': [(h.strip('[]'), int(p)) for h, _, p in hosts], 'database': (m.group(2) or 'default').lower(),
                                'location': self.keys.get('catalog.location', url).rstrip('/'),
                                'user': self.keys.get('catalog.user') or os.environ.get('HADOOP_USER_NAME') or getpass.getuser(),
                                'timeout_s': duration(self.keys.get('catalog.timeout', '10s')) / 1000}
            except ValueError as e:
                raise Usage(f'{self.file}: catalog: {e}') from e

    def _kafka(self, given):
        """Properties of the client; a secret is in a file or in the environment."""
        out = {}
        for name, value in given.items():
            if name == 'topic':
                continue  # of topics that are made
            if isinstance(value, dict) and len(value) == 1 and 'file' in value:
                try:
                    with open(self._from_folder(value['file']), encoding='utf-8') as f:
                        value = f.read().rstrip('\r\n')
                except OSError as e:
                    raise Usage(f'{self.file}: kafka: {name}: {value["file"]}: {e.strerror}') from e
            elif isinstance(value, dict) and len(value) == 1 and 'env' in value:
                if value['env'] not in os.environ:
                    raise Usage(f'{self.file}: kafka: {name}: {value["env"]} is not in the environment')
                value = os.environ[value['env']]
            if not isinstance(value, str):
                raise Usage(f'{self.file}: kafka: {name}: wants a value, or {{ file: PATH }} or {{ env: VARIABLE }}')
            out[name] = self._from_folder(value) if name.endswith('.location') else value
        return out

    def _partitions(self):
        given = self.keys.get('partitions')
        try:
            return None if given is None else {int(n) for n in (given if isinstance(given, list) else [given])}
        except ValueError as e:
            raise Usage(f'{self.file}: partitions: {e}') from e

    def _webhdfs(self, group):
        try:
            options = {'auth': group.get('auth', 'simple'), 'user': group.get('user'), 'timeout_ms': duration(group.get('timeout', '30s')),
                       'replication': group.get('replication', '0'), 'blocksize': str(size(group.get('block_size', '0')))}
        except ValueError as e:
            raise Usage(f'{self.file}: webhdfs: {e}') from e
        return options | {k: self._from_folder(group[k]) for k in ('token_file', 'ca_file') if k in group}

    def _pipeline(self, name, entry):
        if not _PLAIN.fullmatch(name):
            raise Usage(f'{self.file}: {name}: a pipeline\'s name has letters, digits, - and _, at most 64')
        dataset = entry.get('dataset') or _DATASET.get(entry.get('dissector'))
        if dataset is None:
            raise Usage(f'{self.file}: {name}: "dataset" must be given')
        p = Pipeline(name, dataset, f'{self.instance}.{name}.rows')
        try:
            p.schema = schema.find(dataset, self._schemas)
        except Broken as e:
            raise Usage(f'{self.file}: {name}: {e}') from e
        return p

    def table_options(self):
        """What table files are written by, as tables.py takes it."""
        return {'codec': self.parquet_codec, 'level': self.parquet_level, 'row_group_rows': self.parquet_row_group_rows,
                'file_bytes': self.file_max_bytes, 'memory': self.worker_memory, 'open_hours': self.worker_open_hours}
