"""One instance with a pipeline for each dataset, whose rows can be told apart: what must be in its tables is known row by row."""
import json
import os
import random
import subprocess

import captures
import duckdb
import nfcapd
import proxy
from lake import faults, staging_left, table
from spool import HOUR_MS
from trio import DATASETS

START, HOUR, DAY = HOUR_MS // 1000, 3600, 86400
MARK = {'flow': 'ibyt::varchar', 'dns': 'dns_qry_name', 'proxy': 'username'}
HEAD = proxy.log(0, START, 1)


def make(dataset, first, times):
    """A file of rows at these seconds, and what tells them apart: texts from first on."""
    numbers = range(first, first + len(times))
    if dataset == 'flow':
        return nfcapd.file_v2([nfcapd.flow(at * 1000, bytes=n) for n, at in zip(numbers, times)]), [str(n) for n in numbers]
    if dataset == 'dns':
        rows = [{'at': at, 'client': '10.0.0.1', 'server': '192.0.2.53', 'name': f'n{n}.example.com', 'kind': 'A', 'rcode': 0, 'a': '198.51.100.1'} for n, at in zip(numbers, times)]
        return captures.capture(rows), [f'n{n}.example.com' for n in numbers]
    lines = []
    for n, at in zip(numbers, times):
        words = proxy.line(random.Random(n), at).split(' ')
        words[4] = f'u{n}'
        lines.append(' '.join(words))
    return (HEAD + '\n'.join(lines) + '\n').encode(), [f'u{n}' for n in numbers]


class Site:
    """Three watched folders, one instance; what its tables must hold."""

    def __init__(self, place, base=None, sluice=None, **keys):
        self.place, self.sluice = place, sluice or os.environ.get('SLUICE', 'build/sluice')
        base = base or place
        os.makedirs(place, exist_ok=True)
        self.lake, self.watch_base, self.config = f'{base}/lake', f'{base}/in', f'{place}/sluice.yaml'
        for dataset in DATASETS:
            os.makedirs(self.watch(dataset), exist_ok=True)
        self.keys = {'instance': os.path.basename(place), 'lake': f'file://{self.lake}', 'state': f'{place}/state', 'workers': 1, 'collect': '{ settle: 0 }',
                     'commit': '{ max_age: 100ms }'}
        self.configure(**keys)
        self.next, self.given, self.rows = 1, {d: {} for d in DATASETS}, {d: [] for d in DATASETS}

    def configure(self, more=None, **keys):
        """Some keys anew. more: {dataset: further keys of its pipeline}"""
        self.keys |= keys
        lines = [f'{k}: {v}\n' for k, v in self.keys.items()] + ['pipelines:\n']
        for dataset, dissector in DATASETS.items():
            extra = (more or {}).get(dataset, '')
            lines.append(f'  {dataset}: {{ watch: {self.watch(dataset)}, dissector: {dissector}, dataset: {dataset}, pattern: "[!.]*"{extra} }}\n')
        with open(self.config, 'w', encoding='utf-8') as f:
            f.writelines(lines)

    def watch(self, dataset):
        return f'{self.watch_base}/{dataset}'

    def put(self, dataset, name, content, in_place=False):
        path = f'{self.watch(dataset)}/{name}'
        beside = path if in_place else f'{self.watch(dataset)}/.{name}'
        with open(beside, 'wb') as f:
            f.write(content)
        os.rename(beside, path)

    def fresh(self, dataset, times, counts=True):
        """New content; counts: its rows must be in the table in the end."""
        content, marks = make(dataset, self.next, times)
        self.next += len(times)
        if counts:
            self.given[dataset][marks[0]] = content
            self.rows[dataset] += marks
        return content

    def command(self, *words, **kw):
        return subprocess.run([self.sluice, words[0], '-c', self.config, *words[1:]], capture_output=True, text=True, timeout=120, check=False, **kw)

    def once(self):
        return self.command('run', '--once', '--quiet')

    def start(self, **env):
        return subprocess.Popen([self.sluice, 'run', '-c', self.config], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **env})

    def status(self):
        return json.loads(self.command('status', '--json').stdout)

    def held(self, dataset):
        source = table(self.lake, dataset)
        return [r[0] for r in duckdb.sql(f'select {MARK[dataset]} from {source} order by 1').fetchall()] if source else []

    def is_complete(self):
        return all(self.held(d) == sorted(self.rows[d]) for d in DATASETS)

    def wrong(self):
        """Rows missing, twice or not wanted, and what two judges say of the lake."""
        out = []
        for d in DATASETS:
            held, wanted = self.held(d), sorted(self.rows[d])
            if held != wanted:
                out.append(f'{d}: {len(held)} rows, {len(wanted)} wanted, {len(set(wanted) - set(held))} of them missing')
            out += [f'{d}: {f}' for f in faults(self.lake, self.given[d], d)]
        audit = self.command('audit', '--grace', '0')
        return out + staging_left(self.lake) + ([] if audit.returncode == 0 else [audit.stdout[-800:] + audit.stderr[-300:]])

    def told(self, *figures):
        """What `status` says, the same for all three datasets or it is said of each."""
        now, says = self.status(), {}
        for p in now['pipelines']:
            says[p['name']] = ', '.join(f'{p[k]} {k}' for k in ('committed', 'refused', 'doubled', 'aside') if p[k])
        parts = [says['flow']] if len(set(says.values())) == 1 else [f'{d} {says[d]}' for d in DATASETS]
        return '; '.join(parts + [f'`{k}` {now["figures"][k]}' for k in figures if now['figures'][k]])
