"""sluice expire on real servers: a lake in HDFS whose tables Spark SQL reads through a metastore. Told first, then done; killed at its points, and with a name node that goes away in the middle; after each
step Spark counts what is there, in the end the rest and nothing else, and neither what waits for a commit nor what waits for a replay was touched. Part of compact.py, which has the servers and the Spark."""
import json
import os
import re
import signal
import struct
import subprocess
import time

import nfcapd
import tap
from cluster.hdfs_place import HdfsPlace
from points import Marks
from spool import HOUR_MS, stop, wait_for

FIRST, CUT, LAST = 9, 12, 13  # o'clock; hours before CUT are old enough
FLOWS, PER_HOUR = 6, 2
BROKEN = 'nfcapd.202601140950'
DAY_S = 86400
CLOCK = os.path.join(os.environ.get('SLUICE_SOURCE', '.'), 'build', 'tests', 'libos_faults.so')


class Place(HdfsPlace):
    def __init__(self, c, folder, name, url):
        super().__init__(c, folder, name, url, 'retention', **{'webhdfs.timeout': '4s'})
        self.hour = {}  # by ibyt
        self.keep_from_cut(0)

    def keep_from_cut(self, days):
        """The ages with which hours before CUT are old, so many days from now."""
        age = int(time.time() - HOUR_MS / 1000 - (CUT - FIRST) * 3600) + days * DAY_S
        self.put_key('expire', f'{{ tables: {age}s, originals: {age}s, rejects: {DAY_S}s }}')

    def file(self, hour, minute):
        """Flows of that hour and of the next."""
        name, made = f'nfcapd.20260114{hour:02}{minute:02}', []
        for i in range(FLOWS):
            made.append(nfcapd.flow(HOUR_MS + (hour - FIRST + i % 2) * 3_600_000 + i, bytes=self.next_id))
            self.hour[self.next_id] = hour + i % 2
            self.next_id += 1
        self.inputs[name] = nfcapd.file_v2(made)
        self.drop(name)
        return name

    def young(self):
        return sorted(i for i, hour in self.hour.items() if hour >= CUT)

    def originals(self):
        return {p.rpartition('/')[2] for p in self.inside('flow/binary')}

    def records(self):
        return [p for p in self.inside('_sluice') if '/compactions/' in p or '/expired/' in p]

    def faulty(self, *words, env):
        return subprocess.Popen([os.environ['SLUICE_FAULTS'], *words, '-c', self.config], env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def late(self, days):
        """The environment of a program whose clock is so many days ahead."""
        switch = os.path.join(self.place, f'switch{days}')
        with open(switch, 'wb') as f:
            f.write(struct.pack('<qqq', 0, 0, days * DAY_S))
        return {**os.environ, 'LD_PRELOAD': CLOCK, 'SLUICE_OS_SWITCH': switch}

    def traced(self, name):
        return json.loads(self.command('trace', '--format', 'json', name).stdout.splitlines()[0])


class Asked:
    """What Spark SQL says of the table; an error is an answer that no test wants."""

    def __init__(self, spark, s):
        self.spark, self.table = spark, f'{s.database}.flow'

    def rows(self):
        try:
            self.spark.sql(f'refresh table {self.table}')
            return sorted(r[0] for r in self.spark.sql(f'select ibyt from {self.table}'))
        except RuntimeError as e:
            return repr(e)[:600]

    def stale(self):
        """The first words of the error of a session that has listed files which are gone."""
        try:
            return f'{len(self.spark.sql(f"select ibyt from {self.table}"))} rows'
        except RuntimeError as e:
            return str(e)

    def hours(self):
        return sorted(r[0] for r in self.spark.sql(f'show partitions {self.table}'))


def hours(*which):
    return sorted(f'y=2026/m=1/d=14/h={h}' for h in which)


def filled(s, asked):
    for hour in range(FIRST, LAST + 1):
        for n in range(PER_HOUR if hour == FIRST else 1):
            s.file(hour, n)
    s.drop(BROKEN, b'this is no nfcapd file')
    r = s.command('run', '--once')
    tap.check('retention: filled, with a file that is refused', r.returncode == 1 and asked.rows() == s.expected() and asked.hours() == hours(*range(FIRST, LAST + 2)), r)
    waits = s.file(FIRST, 30)
    run = s.start('collect')
    try:
        published = wait_for(lambda: json.loads(s.command('status', '--json').stdout)['pipelines'][0]['published'] == 1, 60, 0.2)
    finally:
        stop(run)
    tap.check('retention: an old original waits on the bus', published, s.log())
    return waits


def told_first(s, asked):
    before = s.inside()
    r = s.command('expire')
    tables = re.search(r'^flow tables, 2026-01-14 09 to 2026-01-14 11: 3 hours, 7 files, (\d+) rows, (\S+ \S+) would go$', r.stdout, re.M)
    old = len([h for i, h in s.hour.items() if h < CUT]) - FLOWS
    tap.check('retention: told first: hours, files, rows, and what stays', r.returncode == 0 and tables and int(tables[1]) == old and 'flow originals, 2026-01-14 09 to 2026-01-14 11: 3 hours, 4 files' in r.stdout
              and '1 old original stays: its rejects may be replayed' in r.stdout and '1 old original stays: it waits for its commit' in r.stdout, (old, r))
    tap.check('retention: and nothing is touched', s.inside() == before and asked.hours() == hours(*range(FIRST, LAST + 2)))


def killed(s, asked, committed):
    """Where a file, a folder and a partition are half gone. Each run goes on where the one before died."""
    def die(point):
        p = s.faulty('expire', '--yes', env={'SLUICE_FAULT': point})
        said = p.communicate(timeout=120)
        tap.check(f'retention: killed at {point}', p.returncode == -9, said)
    before = s.inside()
    die('expire.put:kill')
    now = s.inside()
    tap.check('retention: the record is in the lake before anything goes', set(before) - set(now) == set() and len(s.records()) == 1 and asked.rows() == committed, sorted(set(before) ^ set(now)))
    die('expire.removing:kill')
    stale = asked.stale()
    tap.check('retention: a session that had listed a file that is gone is told its name', '/flow/hive/y=2026/m=1/d=14/h=9/' in stale and 'REFRESH TABLE' in stale, stale)
    got = asked.rows()
    tap.check('retention: with half of an hour gone Spark counts what is left', isinstance(got, list) and set(s.young()) <= set(got) < set(committed), got)
    found = s.command('audit', '--grace', '0s', '--quick')
    tap.check('retention: which the audit names', found.returncode == 3 and {line.split()[0] for line in found.stdout.splitlines() if ' flow/' in line} == {'expired-left'}, found)
    die('expire.cleared:kill@3')
    tap.check('retention: the folders are gone, the metastore has their partitions', asked.hours() == hours(*range(FIRST, LAST + 2)) and s.inside('flow/hive/y=2026/m=1/d=14/h=10') == {})
    got = asked.rows()
    tap.check('retention: which Spark reads as empty, without an error', got == [i for i in committed if i in s.young()], got)


def away(c, s, asked, committed):
    """The name node dies when a record is put and comes back later."""
    marks = Marks(s.place)
    p = s.faulty('expire', '--yes', '--only', 'originals', env=marks.env('expire.put:hang'))
    hung = wait_for(lambda: marks.pid('expire.put:hang') is not None, 60)
    c.server('namenode').kill()
    os.kill(p.pid, signal.SIGCONT)
    began = time.monotonic()
    said = p.communicate(timeout=120)
    tap.check('retention: a name node that goes away ends the run, which says so', hung and p.returncode == 1 and 'expire: HDFS: ' in said[1] and 'connect' in said[1], (p.returncode, said))
    print(f'# retention: it gave up after {time.monotonic() - began:.1f} s', flush=True)
    c.server('namenode').start().wait()
    for server in ('datanode1', 'datanode2'):
        c.server(server).wait()
    tap.check('retention: back: no file of the record is gone', len(s.originals()) == 8, s.originals())
    tap.check('retention: Spark still counts what it did', asked.rows() == [i for i in committed if i in s.young()])


def ended(s, asked, waits, committed):
    r = s.command('expire', '--yes')
    tap.check('retention: the next run does the rest, partitions too', r.returncode == 0 and '3 partitions dropped in the catalog' in r.stdout, r)
    young = [i for i in committed if i in s.young()]
    tap.check('retention: Spark sees the rest and no error', asked.rows() == young and asked.hours() == hours(*range(CUT, LAST + 2)), (asked.rows(), asked.hours()))
    left = {f'nfcapd.20260114{h}00' for h in range(CUT, LAST + 1)} | {waits, BROKEN}
    tap.check('retention: of the originals the young ones, the one that waits, and the one with a reject', s.originals() == left, s.originals())
    r = s.command('expire', '--yes')
    tap.check('retention: once more there is nothing', r.returncode == 0 and 'nothing went' in r.stdout, r)
    found = s.command('audit', '--grace', '0s')
    tap.check('retention: the audit is clean, and counts what is gone', found.returncode == 0 and 'are gone for their age' in found.stdout, found)
    one = s.traced('nfcapd.202601141000')
    gone = [f['path'] for f in one['commits'][0]['files'] if 'expired_ms' in f]
    tap.check('retention: trace says that original and rows expired', one['expired_ms'] > 0 and len(gone) == 2, one)
    tap.check('retention: and leads back from a file that is gone', [o['name'] for o in s.traced(gone[0])['originals']] == ['nfcapd.202601141000'], s.traced(gone[0]))


def late_rows(s, asked, waits, committed):
    """What waited comes: its old hours are there again, until the next run."""
    r = s.command('run', '--once')
    tap.check('retention: what waited is committed, its partitions are back', asked.rows() == [i for i in s.expected() if i in s.young() or i not in committed]
              and asked.hours() == hours(9, 10, *range(CUT, LAST + 2)), (r, asked.hours()))
    if not os.path.exists(CLOCK):
        tap.skip('retention: rejects expire', 'no library that sets the clock')
        return
    env = s.late(2)
    s.keep_from_cut(2)
    r = s.command('expire', '--yes', env=env)
    tap.check('retention: in two days the rejects go, then the originals that they kept', r.returncode == 0 and re.search(r'^flow rejects, .*: 1 hour, 1 file, 1 rejects', r.stdout, re.M)
              and s.originals() & {waits, BROKEN} == set() and '2 partitions dropped in the catalog' in r.stdout, r)
    tap.check('retention: Spark sees the rest', asked.rows() == s.young() and asked.hours() == hours(*range(CUT, LAST + 2)))
    r = s.command('replay', '--all', env=env)
    tap.check('retention: there is nothing to replay, and it says why', r.returncode == 0 and r.stdout == 'nothing to replay\n' and '1 expired' in s.command('rejects').stdout, r)
    found = s.command('audit', '--grace', '0s', env=env)
    tap.check('retention: and the audit is clean', found.returncode == 0, found)


def run(c, folder, name, spark, full):
    s = Place(c, folder, name, c.metastore.url)
    asked = Asked(spark, s)
    waits = filled(s, asked)
    committed = asked.rows()
    told_first(s, asked)
    if os.path.exists(os.environ.get('SLUICE_FAULTS', '')):
        killed(s, asked, committed)
        if full:
            away(c, s, asked, committed)
    else:
        tap.skip('retention: killed at its points, and a name node that goes away', 'no build with fault points')
    ended(s, asked, waits, committed)
    late_rows(s, asked, waits, committed)
    s.hdfs.delete(s.root)
