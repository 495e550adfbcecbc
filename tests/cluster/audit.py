#!/usr/bin/env python3
"""`sluice audit` of a lake in HDFS with a Hive Metastore: in order, then damaged in one way after the other, each named exactly and mended where it can be."""
import contextlib
import glob
import json
import os
import pathlib
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import Hdfs  # noqa: E402
from hms import Metastore  # noqa: E402
from three import Three  # noqa: E402

MARK = f'audit_{os.getpid()}_{time.time_ns()}'
HOUR = 'y=2026/m=1/d=14/h=10'


class Lake:
    """The lake in HDFS and the database, with the names that sluice uses. disks: where the data nodes keep their blocks."""

    def __init__(self, three, hdfs, hms, root, disks):
        self.three, self.hdfs, self.hms, self.root, self.disks = three, hdfs, hms, root, disks

    def walk(self):
        return {p[len(self.root) + 1:]: n for p, n in self.hdfs.walk(self.root).items()}

    def names(self, start, end=''):
        return sorted(n for n in self.walk() if n.startswith(start) and n.endswith(end))

    def read(self, name):
        return self.hdfs.read(f'{self.root}/{name}')

    def write(self, name, content):
        self.hdfs.write(f'{self.root}/{name}', content, overwrite='true')

    def lose(self, name):
        """Every copy of a file of one block, on the disks of all data nodes."""
        content, copies = self.read(name), []
        for path in map(pathlib.Path, glob.glob(f'{self.disks}/data*/current/BP-*/current/**/blk_*', recursive=True)):
            with contextlib.suppress(FileNotFoundError):  # what other scripts delete goes meanwhile
                if path.suffix != '.meta' and path.stat().st_size == len(content) and path.read_bytes() == content:
                    copies.append(path)
        for path in copies:
            path.unlink()
        return len(copies)

    def delete(self, name):
        return self.hdfs.delete(f'{self.root}/{name}')

    def move(self, name, to):
        self.hdfs.mkdirs(f'{self.root}/{os.path.dirname(to)}')
        return json.loads(self.hdfs.call('PUT', f'{self.root}/{name}', 'RENAME', destination=f'{self.root}/{to}'))['boolean']


def newest(lake):
    """Table files of the newest commit of flow rows. An empty input may have one for itself, which has none."""
    manifest = lake.names('_sluice/commits/t.flow.rows/0/')[-1]
    return [line for line in map(json.loads, lake.read(manifest).splitlines()) if 'file' in line]


def unpublished(lake):
    """The newest commit of flow rows goes back to where it was staged."""
    files = newest(lake)
    for f in files:
        lake.move(f['file'], f['staged'])
    return {('table-unpublished', f['file']) for f in files}


def misplaced(lake):
    name = lake.names('flow/hive/y=2026/m=1/d=14/h=9/', '.parquet')[0]
    to = name.replace('/h=9/', '/h=10/')
    lake.move(name, to)
    return {('table-misplaced', to)}


def doubled(lake):
    name = lake.names('proxy/hive/', '.parquet')[0]
    lake.write(name.replace('.parquet', '0.parquet'), lake.read(name))
    return {('table-orphan', name.replace('.parquet', '0.parquet'))}


def partition_dropped(lake):
    lake.hms.drop_partition(MARK, 'flow', HOUR)
    return {('partition-missing', f'flow/hive/{HOUR}')}


def table_dropped(lake):
    lake.hms.drop_table(MARK, 'dns')
    return {('catalog-table', 'dns/hive')}


def original_gone(lake):
    name = lake.names('dns/binary/')[1]
    lake.delete(name)
    return {('original-missing', name)}


def original_changed(lake):
    name = lake.names('proxy/binary/')[0]
    content = bytearray(lake.read(name))
    content[100] ^= 1
    lake.write(name, bytes(content))
    return {('original-damaged', name)}


def table_cut(lake):
    name = lake.names('dns/hive/', '.parquet')[-1]
    lake.write(name, lake.read(name)[:-9])
    return {('table-damaged', name)}


def blocks_gone(lake):
    """Name node and data nodes are up, the name is there, nobody has its bytes."""
    name = lake.names('flow/binary/')[2]
    assert lake.lose(name) > 0
    return {('original-damaged', name)}


def manifest_gone(lake):
    name = lake.names('_sluice/commits/t.proxy.rows/0/')[0]
    lake.delete(name)
    return {('manifest-missing', name)}


def folder_gone(lake):
    names = lake.names(f'flow/hive/{HOUR}/')
    lake.delete(f'flow/hive/{HOUR}')
    return {('table-missing', n) for n in names} | {('partition-extra', f'flow/hive/{HOUR}')}


def mended(lake, damages):
    """All at once: an audit of a lake in HDFS takes seconds."""
    whole, partitions = lake.walk(), {d: lake.hms.names(MARK, d) for d in ('flow', 'dns', 'proxy')}
    wanted = set()
    for damage in damages:
        wanted |= damage(lake)
    before = lake.walk()
    status, got, repairs, _ = lake.three.audit('--dry-run')
    tap.check('mendable damage: each named, a dry run changes nothing', (status, got) == (3, wanted) and {r['repair'] for r in repairs} == {'would mend'} and
              lake.walk() == before, f'{status}\nnot wanted: {got - wanted}\nnot found: {wanted - got}\n{repairs}')
    status, got, repairs, _ = lake.three.audit('--repair')
    tap.check('each mended', (status, got) == (0, wanted) and {r['repair'] for r in repairs} == {'mended'}, f'{status} {got ^ wanted} {repairs}')
    have = {d: lake.hms.names(MARK, d) for d in partitions}
    tap.check('lake and catalog are what they were', lake.walk() == whole and have == partitions, f'{set(lake.walk()) ^ set(whole)} {have}')
    status, got, _, _ = lake.three.audit()
    tap.check('a second audit is clean', (status, got) == (0, set()), f'{status} {got}')


def main():
    if why_not():
        tap.skip('audit of a lake in HDFS', why_not())
        tap.done()
    with session('hdfs', 'metastore4') as c, tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        where = c.addresses['metastore4']
        catalog = f'thrift://{where["host"]}:{where["port"]}/{MARK}'
        root = f'/catalog/{MARK}'
        extra = f'webhdfs: {{ user: {c.hdfs.user} }}\ncatalog: {catalog}\ncatalog.location: {c.hdfs.rpc}{root}\n'
        three = Three(folder, rounds=3, extra=extra, url=f'{c.hdfs.http.replace("http", "webhdfs")}{root}')
        three.fill()
        lake = Lake(three, Hdfs(c.hdfs.http), Metastore(where['host'], where['port']), root, os.path.dirname(c.hdfs.conf))
        began = time.monotonic()
        status, got, _, summary = three.audit()
        took = time.monotonic() - began
        tap.check('a lake in HDFS with a metastore is in order', (status, got) == (0, set()) and summary['registered'] == 4 and summary['originals'] == 16, f'{status} {got} {summary}')
        print(f'# {summary["archived_files"]} originals and {summary["table_files"]} table files in {took:.1f} s')
        for number in range(3, 9):
            if newest(lake):
                break
            three.round(number)
            three.command('run', '--once', '--quiet', check=False)
        mended(lake, (unpublished, doubled, partition_dropped, table_dropped, misplaced))
        r = three.command('trace', '--format', 'json', 'resolver-1.pcap')
        one = json.loads(r.stdout)
        tap.check('trace follows an original into HDFS', one['commits'][0]['rows'] == 50 and sum(f['rows'] for f in one['commits'][0]['files']) == 50, r.stdout)
        back = json.loads(three.command('trace', '--format', 'json', one['commits'][0]['files'][0]['path']).stdout)
        tap.check('and a table file back', 'resolver-1.pcap' in [o['name'] for o in back['originals']], back)
        wanted = set()
        for damage in (original_gone, original_changed, table_cut, blocks_gone, manifest_gone, folder_gone):
            wanted |= damage(lake)
        before = lake.walk()
        status, got, repairs, _ = three.audit('--repair')
        tap.check('six more at once: each named, nothing touched', (status, got) == (3, wanted) and lake.walk() == before and
                  {r['repair'] for r in repairs} <= {'left'}, f'{status}\nnot wanted: {got - wanted}\nnot found: {wanted - got}\n{repairs}')
        with open(three.config, encoding='utf-8') as f:
            text = f.read()
        with open(three.config, 'w', encoding='utf-8') as f:
            f.write(text.replace(catalog, f'thrift://127.0.0.1:1/{MARK}').replace('catalog.location', 'catalog.timeout: 1s\ncatalog.location'))
        status, got, _, summary = three.audit()
        tap.check('a metastore that is away is said, the rest counts', status == 3 and summary['catalog'] not in ('compared', 'none') and
                  got == {w for w in wanted if not w[0].startswith('partition')}, f'{status} {got} {summary}')
    tap.done()


if __name__ == '__main__':
    main()
