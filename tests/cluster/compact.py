#!/usr/bin/env python3
"""sluice compact with a lake in HDFS and metastores of two generations: who asks through the catalog counts every row once at every moment, a query that has planned on the old files goes on, late rows are
taken later, and a compaction that is killed is gone on with. With the same servers and the same Spark: what expires (retention.py), and a lake that Apache Spot writes too (beside_spot.py).

    compact.py [--full] [compact] [retention] [spot]     --full: a name node dies in the middle of an expiry, too; a name: only that
"""
import os
import random
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import tap  # noqa: E402
from cluster import beside_spot, retention, spark  # noqa: E402
from cluster.hdfs_place import HdfsPlace  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from hms import Metastore  # noqa: E402
from lake import faults, ids  # noqa: E402
from points import Marks  # noqa: E402

MARK = os.getpid()
FILES, HOURS, KILLS = 12, 2, 2


class Place(HdfsPlace):
    def __init__(self, c, folder, name, url):
        super().__init__(c, folder, name, url, 'compact', **{'compact.grace': '1h'})

    def grace(self, text):
        self.put_key('compact.grace', text)

    def feed(self, first, files):
        for i in range(first, first + files):
            self.make(f'nfcapd.2026011409{i:04d}', 6, hours=HOURS)
            self.drop(f'nfcapd.2026011409{i:04d}')
        return self.command('run', '--once')


def asked(session_of_spark, s, fresh=True):
    """(rows, sum, files) as Spark SQL has them; fresh: after looking at the catalog and the folders again."""
    if fresh:
        session_of_spark.sql(f'refresh table {s.database}.flow')
    answer = session_of_spark.ask(f'select count(*), sum(ibyt) from {s.database}.flow')
    files = session_of_spark.ask(f'select ibyt from {s.database}.flow', files=True)['files']
    return (*answer['rows'][0], files)


def compacted(c, folder, name, hms, url, session_of_spark):
    s = Place(c, folder, name, url)
    r = s.feed(0, FILES)
    wanted = (len(s.expected()), sum(s.expected()))
    before = s.inside('flow/hive')
    tap.check(f'{name}: filled', r.returncode == 0 and len(before) == FILES * HOURS, (r, len(before)))
    if session_of_spark:
        tap.check(f'{name}: Spark counts it', asked(session_of_spark, s) == (*wanted, FILES * HOURS))
    marks = Marks(s.place)
    passed = at_points(s, marks, ['compact.copied', 'compact.aside'])
    killed(s)
    if session_of_spark:
        tap.check(f'{name}: killed half way aside, Spark counts it', asked(session_of_spark, s)[:2] == wanted)
    r = s.command('compact')
    places = hms.partitions(s.database, 'flow')
    tap.check(f'{name}: partitions lie aside, the folders are as they were', r.returncode == 0 and len(places) == HOURS
              and all(p.startswith(f'{s.location}/flow/aside/y=') for p in places.values()) and s.inside('flow/hive') == before, (r, places))
    if session_of_spark:
        tap.check(f'{name}: a session that had listed the old files counts on', asked(session_of_spark, s, fresh=False)[:2] == wanted)
        tap.check(f'{name}: one that looks again reads one file an hour', asked(session_of_spark, s) == (*wanted, HOURS), asked(session_of_spark, s))
    r = s.feed(100, 2)
    again = s.command('register')
    tap.check(f'{name}: late rows come beside meanwhile, and no partition is refused', r.returncode == 0 and again.returncode == 0 and hms.partitions(s.database, 'flow') == places, (r, again))
    s.grace('0')
    passed += at_points(s, marks, ['compact.replaced', 'compact.back'])
    if session_of_spark:
        found = asked(session_of_spark, s)[:2]
        tap.check(f'{name}: killed half way back, Spark counts every row once, the late ones from when their hour is back', wanted[0] <= found[0] <= len(s.expected()), found)
    r = s.command('compact')
    own = {path: f'{s.location}/flow/hive/{path}' for path in places}
    tap.check(f'{name}: after the grace they are back in their own place', r.returncode == 0 and hms.partitions(s.database, 'flow') == own, (r, hms.partitions(s.database, 'flow')))
    more = (len(s.expected()), sum(s.expected()))
    if session_of_spark:
        tap.check(f'{name}: with the late rows', asked(session_of_spark, s)[:2] == more, asked(session_of_spark, s))
    for _ in range(4):
        r = s.command('compact')
        if 'nothing to compact' in r.stdout and 'under way' not in r.stdout:
            break
    left = [p for p in s.inside('_sluice') if '/comp' in p and not p.startswith('_sluice/compactions/')] + list(s.inside('flow/aside')) + list(s.inside('_sluice/staging'))
    tap.check(f'{name}: in the end one file an hour, and nothing left over', len(s.inside('flow/hive')) == HOURS and not left and hms.partitions(s.database, 'flow') == own, (r, left))
    if session_of_spark:
        tap.check(f'{name}: which Spark counts', asked(session_of_spark, s) == (*more, HOURS), asked(session_of_spark, s))
    tap.check(f'{name}: each place was passed where it was to be killed', all(passed), passed)
    copy = s.mirror(os.path.join(folder, f'{name}-mirror'))
    tap.check(f'{name}: every row once, the lake in order', ids(copy) == s.expected() and not faults(copy, s.inputs), faults(copy, s.inputs)[:5])


def at_points(s, marks, names):
    """Killed right there, by a build that has these places; each ends one run."""
    passed = []
    if os.path.exists(os.environ.get('SLUICE_FAULTS', '')):
        for name in names:
            subprocess.run([os.environ['SLUICE_FAULTS'], 'compact', '-c', s.config], env={**os.environ, **marks.env(f'{name}:kill')}, capture_output=True, timeout=120, check=False)
            passed.append(marks.pid(f'{name}:kill') is not None)
    return passed


def killed(s):
    """Before anything is switched; what was begun is gone on with."""
    rng = random.Random(MARK)
    for _ in range(KILLS):
        p = subprocess.Popen([s.sluice, 'compact', '-c', s.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.05, 0.8))
        p.kill()
        p.wait()


def main():
    if why_not():
        tap.skip('compaction on a cluster', why_not())
        tap.done()
    wanted = [w for w in sys.argv[1:] if w != '--full'] or ['compact', 'retention', 'spot']
    with session('hdfs', 'metastore', *(['metastore4'] if 'compact' in wanted else [])) as c, tempfile.TemporaryDirectory() as folder, spark.Session(c) as session_of_spark:
        parts = {name: Metastore(c.addresses[name]['host'], c.addresses[name]['port']) for name in ('metastore', 'metastore4') if name in c.addresses}
        jobs = {'compact': [(name, lambda name=name: compacted(c, folder, name, parts[name], c.addresses[name]['url'], session_of_spark if name == 'metastore' else None)) for name in parts],
                'retention': [('retention', lambda: retention.run(c, folder, 'lake', session_of_spark, '--full' in sys.argv))],
                'spot': [('beside Spot', lambda: beside_spot.run(c, folder, 'lake', parts['metastore'], session_of_spark))]}
        for name, job in [j for word in wanted for j in jobs[word]]:
            began = time.monotonic()
            job()
            print(f'# {name}: {time.monotonic() - began:.0f} s', flush=True)
    tap.done()


main()
