"""A lake with all three datasets, many small commits, rejects, and history: what tests that look at a whole lake begin with."""
import glob
import json
import os
import shutil
import subprocess
import zlib

import captures
import duckdb
import nfcapd
import proxy
from spool import HOUR_MS

START = HOUR_MS // 1000


class Three:
    """One place: spool, state, lake, configuration. fill() commits; save() and restore() keep it aside as it is."""

    def __init__(self, place, rounds=6, extra='', url=None):
        self.place, self.sluice = str(place), os.environ.get('SLUICE', 'build/sluice')
        self.lake, self.state, self.config = (os.path.join(self.place, n) for n in ('lake', 'state', 'sluice.yaml'))
        self.rounds = rounds
        for dataset in ('flow', 'dns', 'proxy'):
            os.makedirs(os.path.join(self.place, 'spool', dataset))
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(f'instance: t\nlake: {url or "file://" + self.lake}\nstate: {self.state}\nworkers: 1\nevent: {{ inline_max: 48KiB }}\ncollect: {{ settle: 0 }}\ncommit: {{ max_age: 500ms }}\n{extra}pipelines:\n')
            for dataset, dissector in (('flow', 'nfcapd'), ('dns', 'pcap-dns'), ('proxy', 'elff')):
                f.write(f'  {dataset}: {{ watch: {self.place}/spool/{dataset}, pattern: "*", dissector: {dissector}, dataset: {dataset} }}\n')

    def drop(self, dataset, name, content):
        path = os.path.join(self.place, 'spool', dataset, name)
        with open(path + '~', 'wb') as f:
            f.write(content)
        os.rename(path + '~', path)

    def flows(self, number, count):
        return nfcapd.file_v2([nfcapd.flow(HOUR_MS + (i % 2) * 3_600_000 + i, bytes=1000 * number + i) for i in range(count)])

    def names(self, number, count):
        return captures.capture([{'at': START + 60 * i, 'client': f'10.0.{number}.{i % 250 + 1}', 'server': '192.0.2.53', 'name': f'n{i}.r{number}.example.com',
                                  'kind': 'A', 'rcode': 0, 'a': f'198.51.100.{i % 250 + 1}'} for i in range(count)])

    def round(self, number):
        self.drop('flow', f'nfcapd.20260114{9 + number // 4:02}{number % 4}0', self.flows(2 * number, 60))
        self.drop('flow', f'nfcapd.20260114{9 + number // 4:02}{number % 4}1', self.flows(2 * number + 1, 1500 if number % 2 else 40))
        self.drop('flow', f'nfcapd.20260114{9 + number // 4:02}{number % 4}2', nfcapd.file_v2([]))
        self.drop('dns', f'resolver-{number}.pcap', self.names(number, 50))
        text = proxy.log(40, START + 600 * number, 500, seed=number)
        self.drop('proxy', f'proxy-{number}.log', (text + ('one two three\n' if number % 2 else '')).encode())
        self.drop('proxy', f'proxy-{number}-more.log', proxy.log(20, START + 600 * number, 500, seed=100 + number).encode())

    def fill(self):
        for number in range(self.rounds):
            self.round(number)
            self.command('run', '--once', '--quiet', check=False)

    def command(self, *words, check=True):
        return subprocess.run([self.sluice, words[0], '-c', self.config, *words[1:]], capture_output=True, text=True, timeout=300, check=check)

    def audit(self, *words):
        """(exit status, {(kind, path)}, [repairs], summary)"""
        r = self.command('audit', '--format', 'json', '--grace', '0', *words, check=False)
        found, repairs, summary = set(), [], None
        for line in r.stdout.splitlines():
            one = json.loads(line)
            if 'finding' in one:
                found.add((one['finding'], one['path']))
            elif 'repair' in one:
                repairs.append(one)
            else:
                summary = one
        if summary is None:
            raise AssertionError(f'audit {words}: exit {r.returncode}\n{r.stderr}')
        return r.returncode, found, repairs, summary

    def manifests(self, topic):
        return sorted(glob.glob(f'{self.lake}/_sluice/commits/{topic}/0/*'))

    def fold(self, topic, count):
        """The oldest manifests of a topic into one segment, as history.c does when they are old and many."""
        paths = self.manifests(topic)[:count]
        texts = [open(p, encoding='utf-8').read() for p in paths]
        heads = [json.loads(t.splitlines()[0]) for t in texts]
        head = {'sluice': 'history', 'version': 1, 'topic': topic, 'partition': 0, 'start': heads[0]['start'], 'end': heads[-1]['end'],
                'time': heads[-1]['time'], 'manifests': len(heads)}
        folder = f'{self.lake}/_sluice/history/{topic}/0'
        os.makedirs(folder, exist_ok=True)
        with open(f'{folder}/{head["start"]:020}', 'w', encoding='utf-8') as f:
            f.write(json.dumps(head, separators=(',', ':')) + '\n' + ''.join(texts))
        for p in paths:
            os.unlink(p)

    def compact(self, folder, generation=1, switched=True):
        """All table files of an hour's folder into one, as doc/formats/manifest.md says; not switched: under way."""
        dataset = folder.split('/')[0]
        inputs = sorted(p for p in os.listdir(f'{self.lake}/{folder}'))
        named, hour = {}, None
        for kind in ('commits', 'history', 'compactions'):
            for path in filter(os.path.isfile, glob.glob(f'{self.lake}/_sluice/{kind}/**/*', recursive=True)):
                for one in map(json.loads, open(path, encoding='utf-8')):
                    hour = one.get('hour', hour) if kind == 'compactions' else one.get('hour')
                    if 'file' in one or 'output' in one:
                        named[one.get('file') or one['output']] = one | {'hour': hour}
        sources, first = [], 0
        for name in inputs:
            found = duckdb.sql(f"select value from parquet_kv_metadata('{self.lake}/{folder}/{name}') where key = 'sluice.sources'").fetchall()
            for sha256, _, rows in json.loads(bytes(found[0][0])):
                sources.append([sha256, first, rows])
                first += rows
        hour = named[f'{folder}/{inputs[0]}']['hour']
        output = f'{folder}/part-compact-{hour}-{generation}-00000.parquet'
        staged = f'_sluice/staging/compact-{"ab" * 16}/0.parquet'
        to = os.path.join(self.lake, output if switched else staged)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        files = ', '.join(f"'{self.lake}/{folder}/{name}'" for name in inputs)
        duckdb.sql(f"""copy (select * from read_parquet([{files}], hive_partitioning = false)) to '{to}'
                       (format parquet, kv_metadata {{'sluice.sources': '{json.dumps(sources, separators=(",", ":"))}'}})""")
        with open(to, 'rb') as f:
            content = f.read()
        lines = [{'sluice': 'compaction', 'version': 1, 'dataset': dataset, 'hour': hour, 'generation': generation, 'epoch': 'ab' * 16, 'writer': 'test', 'time': 1}]
        for name in inputs:
            n = named[f'{folder}/{name}']
            lines.append({'input': f'{folder}/{name}', 'kept': f'_sluice/compacted/{dataset}/{hour:020}/{generation:020}/{name}',
                          'size': n['size'], 'rows': n['rows'], 'crc32': n['crc32']})
            if switched:
                os.unlink(f'{self.lake}/{folder}/{name}')
        lines.append({'output': output, 'staged': staged, 'size': len(content), 'rows': first, 'crc32': zlib.crc32(content)})
        lines.append({'lines': len(lines)})
        manifest = f'_sluice/compactions/{dataset}/{hour:020}/{generation:020}'
        os.makedirs(os.path.dirname(os.path.join(self.lake, manifest)), exist_ok=True)
        with open(os.path.join(self.lake, manifest), 'w', encoding='utf-8') as f:
            f.write(''.join(json.dumps(line, separators=(',', ':')) + '\n' for line in lines))
        if not switched:
            os.makedirs(f'{self.lake}/_sluice/compacting/{dataset}', exist_ok=True)
            with open(f'{self.lake}/_sluice/compacting/{dataset}/{hour:020}-{generation:020}', 'w', encoding='utf-8') as f:
                f.write('{}\n')
        return manifest, output, [f'{folder}/{name}' for name in inputs]

    def save(self, name):
        for part in ('lake', 'state'):
            shutil.copytree(os.path.join(self.place, part), os.path.join(self.place, name, part), symlinks=True)

    def restore(self, name, parts=('lake', 'state')):
        for part in parts:
            shutil.rmtree(os.path.join(self.place, part), ignore_errors=True)
            shutil.copytree(os.path.join(self.place, name, part), os.path.join(self.place, part), symlinks=True)

    def files(self):
        """{path in the lake: bytes} of everything but empty folders."""
        found = {}
        for path in glob.glob(f'{glob.escape(self.lake)}/**/*', recursive=True, include_hidden=True):
            if os.path.isfile(path):
                with open(path, 'rb') as f:
                    found[os.path.relpath(path, self.lake)] = f.read()
        return found
