"""A lake that Apache Spot began and goes on writing while sluice keeps it, on real servers: HDFS, a metastore, and Spark SQL as Spot's engine, with Hive's writer and with Spark's own. What each writes, compacts and
lets expire leaves the other's rows where they are, also when Spot writes into an hour that the catalog shows aside. Part of compact.py, which has the servers and the Spark. The queries of Spot on such a
lake are in ml_queries.py."""
import re
import time

import nfcapd
import spot
import tap
from cluster.hdfs_place import HdfsPlace
from spool import HOUR_MS

FIRST, FLOWS = 9, 4
SPOTS = 10_000_000  # ibyt of its rows, from here on


class Place(HdfsPlace):
    def __init__(self, c, folder, name, spark):
        super().__init__(c, folder, name, c.metastore.url, 'spot', foreign='keep', **{'compact.grace': '1h'})
        self.spark, self.written = spark, {}  # Spot's rows by hour

    def made(self, hour, minute):
        name = f'nfcapd.20260114{hour:02}{minute:02}'
        self.inputs[name] = nfcapd.file_v2([nfcapd.flow(HOUR_MS + (hour - FIRST) * 3_600_000 + i, bytes=self.next_id + i) for i in range(FLOWS)])
        self.next_id += FLOWS
        self.drop(name)

    def row(self, hour):
        number = SPOTS + sum(self.written.values())
        self.written[hour] = self.written.get(hour, 0) + 1
        row = {name: '' if kind == 'STRING' else 0 for name, kind in spot.columns('flow')}
        return row | {'treceived': f'2026-01-14 {hour:02}:00:00', 'unix_tstamp': HOUR_MS // 1000 + (hour - FIRST) * 3600, 'tryear': 2026, 'trmonth': 1, 'trday': 14, 'trhour': hour, 'sip': '10.0.0.1',
                      'dip': '10.0.0.2', 'proto': 'TCP', 'flag': '.AP.SF', 'rip': '127.0.0.1', 'ibyt': number}

    def by_worker(self, hour, rows):
        """Spot's flow worker: Hive's writer, one hour."""
        spot.stage(self.spark.sql, self.hdfs, self.database, self.root, [self.row(hour) for _ in range(rows)], f'y=2026, m=01, d=14, h={hour:02}')

    def by_stream(self, *which):
        """Spot's streams: Spark's writer, several hours at once."""
        spot.insert(self.spark.sql, self.database, 'flow', [(self.row(hour), (2026, 1, 14, hour)) for hour in which])

    def theirs(self):
        """{path: bytes} of Spot's files."""
        return {p: self.hdfs.read(f'{self.root}/{p}') for p in self.inside('flow') if re.search(r'/(part-\d{5}-[0-9a-f]{8}-|_SUCCESS$)', p)}

    def asked(self):
        """{hour: (our rows, Spot's)} as Spark SQL counts them."""
        self.spark.sql(f'refresh table {self.database}.flow')
        answer = self.spark.sql(f'select h, count(*) filter (where ibyt < {SPOTS}), count(distinct ibyt) filter (where ibyt >= {SPOTS}), count(*) from {self.database}.flow group by h')
        assert all(ours + theirs == rows for _, ours, theirs, rows in answer), answer
        return {h: (ours, theirs) for h, ours, theirs, _ in answer}

    def wanted(self, ours):
        return {h: (ours.get(h, 0), self.written.get(h, 0)) for h in ours.keys() | self.written.keys()}

    def hours(self, hms):
        return sorted(int(p.rpartition('=')[2]) for p in hms.names(self.database, 'flow'))


def both(s, hms):
    """Spot first, then sluice in some of its hours and in others, then Spot in sluice's."""
    s.spark.sql(f'CREATE DATABASE {s.database}')
    s.spark.sql(spot.ddl(s.database, 'flow', s.root))
    s.spark.sql('SET hive.exec.dynamic.partition.mode=nonstrict')
    table = hms.table(s.database, 'flow')
    s.by_stream(8, 9, 8)
    ours = {9: 2 * FLOWS, 10: 2 * FLOWS, 11: 2 * FLOWS, 12: FLOWS, 13: FLOWS}
    for hour, rows in ours.items():
        for n in range(rows // FLOWS):
            s.made(hour, n)
    r = s.command('run', '--once')
    tap.check('beside Spot: both write one table', r.returncode == 0 and s.asked() == s.wanted(ours), (r, s.asked()))
    s.by_stream(12, 12, 12)
    tap.check('beside Spot: and Spot goes on in an hour of sluice\'s', s.asked() == s.wanted(ours), s.asked())
    tap.check('beside Spot: the table is as Spot made it, with the partitions of both', hms.table(s.database, 'flow') == table and s.hours(hms) == [8, 9, 10, 11, 12, 13], s.hours(hms))
    return ours


def audited(s, what):
    r = s.command('audit', '--grace', '0s', '--quick')
    tap.check(f'beside Spot: {what}: the audit finds nothing', r.returncode == 0 and f'{len(s.theirs())} files of other programs in tables' in r.stdout, r)


def compacted(s, ours, hms):
    """Spot writes into hours that are aside, by both writers, and one of its jobs has been at it for longer than the grace."""
    before = s.theirs()
    r = s.command('compact', '--before', '2026-01-14T12')
    tap.check('beside Spot: only hours without its files are compacted, and it says so', r.returncode == 0 and '2 hours: 4 files became 2' in r.stdout and '1 hour left for that' in r.stdout, r)
    s.by_worker(10, 5)
    s.by_stream(11, 10)
    aside = [p for p in s.inside('flow/aside') if '/part-compact-' not in p and not p.endswith('_SUCCESS')]
    tap.check('beside Spot: what it writes into an hour that is aside lies there, and is seen', len(aside) == 3 and s.asked() == s.wanted(ours), (aside, s.asked()))
    s.put_key('compact.grace', '0')
    s.put_key('compact.quiet', '2h')  # nothing new is begun
    r = s.command('compact', '--before', '2026-01-14T12')
    tap.check('beside Spot: it is brought to its hours when they are back', r.returncode == 0 and '3 files of other programs, written aside meanwhile: brought to their hours' in r.stdout
              and s.asked() == s.wanted(ours), (r, s.asked()))
    tap.check('beside Spot: byte by byte, and what it had written before', {p: b for p, b in s.theirs().items() if p in before} == before and all('/hive/' in p for p in s.theirs()) and
              all(p.startswith('hdfs://') and '/hive/' in p for p in hms.partitions(s.database, 'flow').values()), sorted(s.theirs()))
    # One of its jobs that had the old location ends now.
    name = next(p for p in s.theirs() if '/h=10/part-' in p)
    content = s.hdfs.read(f'{s.root}/{name}')
    s.hdfs.delete(f'{s.root}/{name}')
    late = f'flow/aside/{name.removeprefix("flow/hive/").rpartition("/")[0]}/1/{name.rpartition("/")[2]}'
    s.hdfs.write(f'{s.root}/{late}', content)
    r = s.command('audit', '--grace', '0s', '--quick')
    tap.check('beside Spot: what comes even later is named by the audit', r.returncode == 3 and f'table-aside {late}' in r.stdout, r)
    r = s.command('compact')
    tap.check('beside Spot: and brought home by the next run', r.returncode == 0 and '1 file of other programs' in r.stdout and s.asked() == s.wanted(ours) and not s.inside('flow/aside'), (r, s.asked()))


def expired(s, ours, hms):
    """Hours before 12 are old: sluice's rows of them go."""
    s.put_key('expire', f'{{ tables: {int(time.time() - HOUR_MS / 1000 - (12 - FIRST) * 3600)}s, originals: 1h }}')
    before = s.theirs()
    s.made(7, 0)
    s.command('run', '--once')
    tap.check('beside Spot: an hour of sluice alone', s.hours(hms) == [7, 8, 9, 10, 11, 12, 13], s.hours(hms))
    r = s.command('expire', '--yes')
    left = {h: n for h, n in ours.items() if h >= 12}
    tap.check('beside Spot: expire takes sluice\'s rows only, and says what stays', r.returncode == 0 and 'old files stay: no manifest names them' in r.stdout and '1 partition dropped in the catalog' in r.stdout
              and s.asked() == s.wanted(left), (r, s.asked()))
    tap.check('beside Spot: every byte of its files is there', s.theirs() == before)
    tap.check('beside Spot: their partitions too', s.hours(hms) == [8, 9, 10, 11, 12, 13], s.hours(hms))
    s.by_worker(7, 2)
    r = s.command('expire', '--yes')
    tap.check('beside Spot: what it writes into an hour that expired stays', r.returncode == 0 and s.asked() == s.wanted(left) and s.hours(hms) == [7, 8, 9, 10, 11, 12, 13], (r, s.asked()))


def run(c, folder, name, hms, spark):
    s = Place(c, folder, name, spark)
    ours = both(s, hms)
    audited(s, 'begun')
    compacted(s, ours, hms)
    expired(s, ours, hms)
    audited(s, 'in the end')
    s.hdfs.delete(s.root)
