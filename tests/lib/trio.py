"""All three datasets in small form: inputs that are the same in every run, a configuration, and what tables hold as a few numbers.

    t = Trio(place)
    t.fill(); t.run('run', '--once'); t.content() == undisturbed.content()
"""
import glob
import hashlib
import os
import random
import signal
import subprocess
import tempfile

import captures
import duckdb
import nfcapd
import proxy
from lake import faults, staging_left, table
from spool import HOUR_MS

DATASETS = {'flow': 'nfcapd', 'dns': 'pcap-dns', 'proxy': 'elff'}
# so that `after:` is seen in each of its forms
AFTER = {'flow': 'keep', 'dns': 'delete', 'proxy': 'move:{place}/gone'}


def inputs(files=4, seed=1):
    """{dataset: {name: bytes}}: small files whose rows travel as events, one of them over three hours; one large file each, which a worker dissects; one line that no log has."""
    rng = random.Random(seed)
    made = {dataset: {} for dataset in DATASETS}
    for i in range(files):
        rows = 400 if i == 0 else rng.randrange(1, 40)
        hours = 3 if i == 1 else 1
        at = [HOUR_MS + (n % hours) * 3_600_000 + n for n in range(rows)]
        made['flow'][f'nfcapd.2026011409{i:04}'] = nfcapd.file_v2([nfcapd.flow(t, bytes=seed * 10**8 + i * 10**4 + n, sport=1024 + n) for n, t in enumerate(at)])
        answers = [{'at': t // 1000, 'client': f'10.1.{i % 256}.{n % 250}', 'server': '192.0.2.53', 'name': f'h{n}.f{i}.s{seed}.example.org', 'kind': 'A',
                    'rcode': 0, 'a': f'198.51.100.{n % 250}'} for n, t in enumerate(at)]
        made['dns'][f'resolver-{i:04}.pcap'] = captures.capture(answers)
        text = proxy.log(rows, HOUR_MS // 1000, 3600 * hours, seed=seed * 1000 + i)
        made['proxy'][f'proxy-{i:04}.log'] = (text + ('one two three\n' if i == 2 else '')).encode()
    return made


class Trio:
    """A folder with three watched folders, a configuration, and by default a lake."""

    def __init__(self, place, given=None, url=None, sluice=None, **keys):
        """url: of a lake elsewhere; self.lake is then a copy of it that somebody makes"""
        self.place, self.sluice = str(place), sluice or os.environ.get('SLUICE', 'build/sluice')
        self.inputs = given or inputs()
        self.lake, self.remote = os.path.join(self.place, 'lake'), url is not None
        self.config, self.env = os.path.join(self.place, 'sluice.yaml'), {}
        self.log_path = os.path.join(self.place, 'log')
        wanted = {'lake': url or f'file://{self.lake}', 'state': os.path.join(self.place, 'state'), 'instance': 'here', 'workers': 2, 'collect': '{ settle: 0 }',
                  'commit': '{ max_age: 100ms }', 'event': '{ inline_max: 16KiB }', 'stop_timeout': '10s', **keys}
        lines = [f'{k}: {v}\n' for k, v in wanted.items()] + ['pipelines:\n']
        for dataset, dissector in DATASETS.items():
            os.makedirs(self.watch(dataset), exist_ok=True)
            after = AFTER[dataset].format(place=self.place)
            lines.append(f'  {dataset}: {{ watch: {self.watch(dataset)}, dissector: {dissector}, dataset: {dataset}, pattern: "*", after: "{after}" }}\n')
        with open(self.config, 'w', encoding='utf-8') as f:
            f.writelines(lines)

    def watch(self, dataset):
        return os.path.join(self.place, 'in', dataset)

    def drop(self, dataset, name):
        beside = os.path.join(self.watch(dataset), f'.{name}.part')
        with open(beside, 'wb') as f:
            f.write(self.inputs[dataset][name])
        os.rename(beside, os.path.join(self.watch(dataset), name))

    def fill(self, share=slice(None)):
        for dataset, files in self.inputs.items():
            for name in sorted(files)[share]:
                self.drop(dataset, name)

    def start(self, *words, **env):
        """In a process group of its own, so that what is left of it can be ended."""
        with open(self.log_path, 'a', encoding='utf-8') as log:
            return subprocess.Popen([self.sluice, words[0], '-c', self.config, *words[1:]], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                    env={**os.environ, **self.env, **env})

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def content(self):
        """{dataset: (rows, sum of their hashes, rejects)}: the same for the same rows in whatever files and order."""
        found = {}
        with duckdb.connect() as db:
            for dataset in DATASETS:
                source = table(self.lake, dataset)
                row = db.sql(f'select count(*), sum(hash(t)::hugeint) from {source} t').fetchall()[0] if source else (0, 0)
                found[dataset] = (*row, rejects(self.lake, dataset))
        return found

    def wrong(self):
        """What is wrong with the lake: sentences."""
        out = []
        for dataset, given in self.inputs.items():
            out += [f'{dataset}: {f}' for f in faults(self.lake, given, dataset)]
        return out + [f'left in staging: {p}' for p in staging_left(self.lake)] + self.audited()

    def audited(self):
        """What sluice's own audit says of a lake here; the rest of wrong() is foreign to sluice."""
        if self.remote:
            return []
        done = subprocess.run([os.environ.get('SLUICE', 'build/sluice'), 'audit', '-c', self.config, '--grace', '0'], capture_output=True, text=True, timeout=900, check=False)
        return [] if done.returncode == 0 else [f'audit: exit {done.returncode}: {done.stdout[-1000:]}{done.stderr[-500:]}']

    def wrong_sources(self):
        """`after:` to the letter: nothing that was kept is gone, nothing that was to go is there, what was moved has its bytes."""
        there = {d: set(os.listdir(self.watch(d))) for d in DATASETS}
        out = [f'still there: {d}/{n}' for d in ('dns', 'proxy') for n in sorted(there[d] & set(self.inputs[d]))]
        out += [f'gone: flow/{n}' for n in sorted(set(self.inputs['flow']) - there['flow'])]
        moved = {hashlib.sha256(open(p, 'rb').read()).digest() for p in glob.glob(f'{self.place}/gone/*')}
        return out + [f'not moved: proxy/{n}' for n, b in sorted(self.inputs['proxy'].items()) if hashlib.sha256(b).digest() not in moved]


def rejects(lake, dataset):
    """How many rejects lie in the lake."""
    count = 0
    for path in glob.glob(f'{lake}/{dataset}/rejects/**/*.jsonl', recursive=True):
        with open(path, encoding='utf-8') as f:
            count += sum('"reason"' in line for line in f)
    return count


def state_of(pid):
    """R, S, T, Z …; None when it is gone."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
            return f.read().rpartition(')')[2].split()[0]
    except OSError:
        return None


def end(process):
    """End a process and its group for good; the numbers are our own child's, not reaped before."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()


def undisturbed(given=None, sluice=None, **keys):
    """Content and exit status of a run that nothing happens to."""
    with tempfile.TemporaryDirectory(prefix='sluice-calm-') as place:
        t = Trio(place, given, sluice=sluice, **keys)
        t.fill()
        run = t.start('run', '--once')
        try:
            status = run.wait(60)
        finally:
            end(run)
        wrong = t.wrong() + t.wrong_sources()
        if wrong:
            raise RuntimeError(f'an undisturbed run: {wrong}\n{t.log()}')
        return t.content(), status
