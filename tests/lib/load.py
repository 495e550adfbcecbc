"""A mixed load of all three datasets for tests that run for long: small and large files, some cut short, some of no format, known content again; and what a table must hold of it.

    load = Load(trio, seed, span_s, files_s); load.start(); …; load.stop(); load.expected() == held(lake)
"""
import collections.abc
import glob
import hashlib
import json
import os
import random
import statistics
import subprocess
import threading
import time

import captures
import duckdb
import nfcapd
import proxy
from lake import table
from spool import HOUR_MS
from trio import DATASETS, rejects

HOURS, MEMBERS = 12, ('flow', 'dns', 'proxy')
# So many seconds of files may wait for their commit: a backlog that grows all the time would look like a leak.
BEHIND_S, LOOK_S = 40, 0.5
# rows of a small file, of a large one, which a worker dissects
ROWS = {'flow': ((5, 60), 4000), 'dns': ((5, 60), 700), 'proxy': ((5, 60), 1200)}
# every n-th file of a dataset: large, cut short, of no format, known content under a new name, known content under its old name (where sources are kept)
LARGE, CUT, ALIEN, DOUBLE, AGAIN = 15, 20, 50, 10, 25
NAMES = {'flow': 'nfcapd.20260114{:06}', 'dns': 'resolver-{:06}.pcap', 'proxy': 'proxy-{:06}.log'}


class Kept(collections.abc.Mapping):
    """{name: bytes} of files in a folder: each is read when it is asked for."""

    def __init__(self, folder):
        self.folder, self.names = folder, {}
        os.makedirs(folder)

    def put(self, name, content):
        with open(self.path(name), 'wb') as f:
            f.write(content)
        self.names[name] = len(content)

    def path(self, name):
        return os.path.join(self.folder, name)

    def __getitem__(self, name):
        with open(self.path(name), 'rb') as f:
            return f.read()

    def __iter__(self):
        return iter(self.names)

    def __len__(self):
        return len(self.names)


class Load(threading.Thread):
    """Drops files of all datasets in turn until told to stop, at a steady pace, or, where that is more than is taken, as they are taken: while too many wait none is dropped.
    Rows move on from hour to hour, so that hours fall quiet; some come late."""

    def __init__(self, trio, seed, span_s, files_s):
        """trio: has watched folders. trio.inputs becomes what was given, each content once, kept aside on disk"""
        super().__init__()
        self.trio, self.rng, self.span_s, self.pace_s = trio, random.Random(seed), span_s, 1 / files_s
        self.kept = {d: Kept(os.path.join(trio.place, 'given', d)) for d in DATASETS}
        trio.inputs = self.kept
        self.count, self.doubles, self.again, self.aliens, self.number = ({d: 0 for d in DATASETS} for _ in range(5))
        self.ended, self.began, self.failed = threading.Event(), None, None
        self.most_behind, self.held_s, self.behind = max(10, round(BEHIND_S * files_s)), 0.0, []
        self.stay = {d: set() for d in DATASETS}  # names of what has no format: refused, so it stays where it is

    def run(self):
        self.began = due = time.monotonic()
        turn = 0
        try:
            while not self.ended.wait(max(0, due - time.monotonic())):
                self.one(MEMBERS[turn % len(MEMBERS)])
                turn, due = turn + 1, due + self.pace_s
                due += self.hold()
        except Exception as e:  # pylint: disable=broad-except  # told by stop()
            self.failed = repr(e)

    def waiting(self):
        """Files whose `after:` has not come: of dns and proxy, two in three of all, since those of flow stay."""
        return sum(n[0] != '.' and n not in self.stay[d] for d in ('dns', 'proxy') for n in os.listdir(self.trio.watch(d))) * 3 // 2

    def hold(self):
        """Wait until there is room behind; how long that took."""
        began = time.monotonic()
        while (behind := self.waiting()) >= self.most_behind and not self.ended.wait(LOOK_S):
            pass
        self.behind.append((began - self.began, behind))
        self.held_s += time.monotonic() - began
        return time.monotonic() - began

    def stop(self):
        self.ended.set()
        self.join()
        return self.failed

    def pace(self):
        """How it went, in words: the load is steady if quarters are alike."""
        quarters = [[b for at, b in self.behind if self.behind[-1][0] * q <= at * 4 <= self.behind[-1][0] * (q + 1)] for q in range(4)] if self.behind else []
        return (f'{sum(self.count.values())} files, one each {self.pace_s:.1f} s or as they were taken: held back {self.held_s:.0f} s in all, while {self.most_behind} waited; '
                f'waiting, median of each quarter: {[round(statistics.median(q)) for q in quarters if q]}, most {max((b for _, b in self.behind), default=0)}')

    def one(self, dataset):
        n, kept = self.number[dataset], self.kept[dataset]
        self.number[dataset] += 1
        name = NAMES[dataset].format(n)
        if n % DOUBLE == 3 and kept:
            known = self.rng.choice(list(kept))
            if known in self.stay[dataset]:
                self.stay[dataset].add(name)
            self.drop(dataset, known, name)
            self.doubles[dataset] += 1
        elif n % AGAIN == 11 and dataset == 'flow':
            old = self.rng.choice(list(kept))
            self.drop(dataset, old, old)
            self.again[dataset] += 1
        else:
            kept.put(name, self.content(dataset, n))
            self.drop(dataset, name, name)

    def drop(self, dataset, content, name):
        """As a tool does that finishes its files. A copy: the inode is the file's own, and what is kept stays as it is whatever `after:` does."""
        beside = os.path.join(self.trio.watch(dataset), f'.{name}.part')
        with open(beside, 'wb') as f:
            f.write(self.kept[dataset][content])
        os.rename(beside, os.path.join(self.trio.watch(dataset), name))
        self.count[dataset] += 1

    def content(self, dataset, n):
        if n % ALIEN == 30:
            self.aliens[dataset] += 1
            self.stay[dataset].add(NAMES[dataset].format(n))
            return f'file {n} of no format\n'.encode() * 3
        few, many = ROWS[dataset]
        rows = many if n % LARGE == 7 else self.rng.randint(*few)
        hour = min(int((time.monotonic() - self.began) * HOURS / self.span_s), HOURS - 1)
        start = HOUR_MS // 1000 + 3600 * (self.rng.randint(0, hour) if self.rng.random() < 0.03 else hour)
        made = getattr(self, dataset)(n, rows, start)
        return made[:len(made) * 2 // 3] if n % CUT == 18 else made

    @staticmethod
    def flow(n, rows, start):
        return nfcapd.file_v2([nfcapd.flow(start * 1000 + i * 3_599_000 // rows, bytes=n * 10**5 + i, sport=1024 + i, src=f'10.{n % 250}.{i % 250}.1') for i in range(rows)])

    @staticmethod
    def dns(n, rows, start):
        return captures.capture([{'at': start + i * 3599 // rows, 'client': f'10.1.{n % 250}.{i % 250}', 'server': '192.0.2.53', 'name': f'h{i}.f{n}.example.org',
                                  'kind': 'A', 'rcode': 0, 'a': f'198.51.100.{i % 250}'} for i in range(rows)])

    @staticmethod
    def proxy(n, rows, start):
        return proxy.log(rows, start, 3599, seed=n).encode()

    def expected(self):
        """{dataset: (rows, sum of their hashes, rejects)}, as `sluice dissect` reads what was given, each content once."""
        return {d: self.dissected(d) for d in DATASETS}

    def dissected(self, dataset):
        out = os.path.join(self.trio.place, f'{dataset}.parquet')
        done = subprocess.run([os.path.abspath(self.trio.sluice), 'dissect', '-t', DATASETS[dataset], '-f', 'parquet', '--no-hash', '-o', out, *self.kept[dataset]], cwd=self.kept[dataset].folder,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if not os.path.exists(out):
            raise RuntimeError(f'dissect of {dataset}: {done.stderr[-2000:]}')
        return (*rows_of(f"(select *, {HOUR_OF[dataset]} as t from '{out}')", *(f"date_part('{p}', t)" for p in ('year', 'month', 'day', 'hour'))),
                len(list(filter(None, done.stderr.splitlines()))))


# The hour of a row by its own columns: where it must lie.
HOUR_OF = {'flow': "make_timestamp(unix_tstamp * 1000000)", 'dns': "make_timestamp(unix_tstamp * 1000000)", 'proxy': "strptime(p_date || ' ' || p_time, '%Y-%m-%d %H:%M:%S')"}


def rows_of(source, *keys):
    """(rows, sum of hashes) over all columns, among them the four keys of the partition."""
    columns = ', '.join(f'{k}::bigint as {n}' for k, n in zip(keys, 'ymdh'))
    hidden = 'y, m, d, h' if keys[0] == 'y' else 't'
    with duckdb.connect() as db:
        return db.sql(f'select count(*), coalesce(sum(hash(r)::hugeint), 0) from (select * exclude ({hidden}), {columns} from {source}) r').fetchall()[0]


def held(lake):
    """{dataset: (rows, sum of their hashes, rejects)} of a lake."""
    return {d: (*(rows_of(table(lake, d), 'y', 'm', 'd', 'h') if table(lake, d) else (0, 0)), rejects(lake, d)) for d in DATASETS}


def settled(t, load):
    """Every content that was given is committed or refused, as the collector knows."""
    done = subprocess.run([t.sluice, 'status', '-c', t.config, '--json'], capture_output=True, text=True, timeout=60, check=False)
    state = {p['name']: p['committed'] + p['refused'] for p in json.loads(done.stdout)['pipelines']} if done.stdout else {}
    return all(state.get(d) == len(load.kept[d]) for d in DATASETS)


def wrong_sources(t, load):
    """No content is gone but by `after:`: sentences."""
    out = []
    for dataset in DATASETS:
        there = os.listdir(t.watch(dataset))
        if dataset == 'flow' and len(set(there)) != load.number['flow'] - load.again['flow']:
            out.append(f'flow: {len(there)} files are there, not all that were dropped')
        # of the others, what was refused stays, and so does a double
        elif dataset != 'flow' and len(there) > load.doubles[dataset] + load.aliens[dataset]:
            out.append(f'{dataset}: {len(there)} files are still there, {load.doubles[dataset]} doubles and {load.aliens[dataset]} of no format were given')
    moved = {digest(p) for p in glob.glob(f'{t.place}/gone/*')} | {digest(os.path.join(t.watch('proxy'), n)) for n in os.listdir(t.watch('proxy'))}
    return out + [f'proxy: {n} is gone' for n in load.kept['proxy'] if digest(load.kept['proxy'].path(n)) not in moved]


def digest(path):
    with open(path, 'rb') as f:
        return hashlib.file_digest(f, 'sha256').digest() if hasattr(hashlib, 'file_digest') else hashlib.sha256(f.read()).digest()
