"""The second half of the latency section: an idle cluster (broker, HDFS, metastore, an open session of Spark), one 100 KB file dropped into `sluice run`, until its table
file is listed in HDFS and until Spark SQL counts its rows.

Every fourth file opens a new hour, which has to be registered. HDFS is asked for the hour's folder until there is a file more; only then Spark is asked, which answers in
its own time; both are part of the figure. Each file comes when the one before is long done.
"""
import os
import statistics
import sys
import time

from measure import HERE, place_for, record

sys.path.insert(0, os.path.join(HERE, '..'))
from cluster import spark  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import Hdfs  # noqa: E402
from spool import HOUR_MS, children, stop, wait_for  # noqa: E402

import nfcapd  # noqa: E402

DROPS, FLOWS, FILES_AN_HOUR, WARM = 100, 800, 4, 8


def content(hour, number):
    start = HOUR_MS + hour * 3_600_000
    return nfcapd.file_v2([nfcapd.flow(start + i, bytes=1 + number * FLOWS + i, src=f'10.{i % 7}.{i % 251}.{i % 13}', sport=1024 + i % 5000) for i in range(FLOWS)])


def one(s, hdfs, table, root, sql, number):
    """Seconds until the table file is listed in HDFS, and until Spark counts the rows."""
    hour = number // FILES_AN_HOUR
    when = time.gmtime(HOUR_MS // 1000 + hour * 3600)
    day = (f'y={when.tm_year}', f'm={when.tm_mon}', f'd={when.tm_mday}', f'h={when.tm_hour}')
    folder, where = f'{root}/flow/hive/' + '/'.join(day), ' and '.join(day)
    files = number % FILES_AN_HOUR + 1
    made = content(hour, number)
    began = time.monotonic()
    s.drop(f'nfcapd.{202601140000 + number}', made)
    if not wait_for(lambda: sum(f['pathSuffix'].endswith('.parquet') for f in hdfs.list(folder)) == files, 60, 0.02):
        sys.exit(f'bench: file {number} is not in HDFS\n{s.log()[-2000:]}')
    listed = time.monotonic() - began

    def counted():
        sql(f'refresh table {table}')
        return sql(f'select count(*) from {table} where {where}') == [[files * FLOWS]]
    if not wait_for(counted, 60, 0.02):
        sys.exit(f'bench: Spark does not see file {number}\n{s.log()[-2000:]}')
    return listed, time.monotonic() - began


def bench_cluster_latency():
    if why_not():
        print(f'latency: not measured on a cluster: {why_not()}')
        return
    print(f'latency: {DROPS} drops of a 100 KB file into a run on an idle cluster, commit.max_age 100 ms')
    with session('kafka', 'hdfs', 'metastore') as c, spark.Session(c) as s:
        hdfs, name = Hdfs(c.hdfs.http), f'latency{os.getpid()}'
        root = f'/bench/{name}'
        place = place_for('latency', url=c.hdfs.http.replace('http', 'webhdfs') + root, instance=name, bus=f'kafka://{c.kafka.bootstrap}', workers=2,
                          catalog=f'{c.metastore.url}/{name}', commit='{ max_age: 100ms }', log='{ level: warn }',
                          **{'catalog.location': c.hdfs.rpc + root, 'catalog.user': c.hdfs.user, 'webhdfs': f'{{ user: {c.hdfs.user} }}'})
        with open(place.config, 'a', encoding='utf-8') as f:
            f.write(f'state: {place.place}/state\n')
        run = place.start('run')
        wait_for(lambda: len(children(run.pid)) >= 2)
        time.sleep(8)  # a group of workers has found together
        listed, queryable = [], []
        for i in range(WARM + DROPS):
            a, b = one(place, hdfs, f'{name}.flow', root, s.sql, i)
            if i >= WARM:  # Java compiles what it does for the first time
                listed.append(a)
                queryable.append(b)
            time.sleep(0.3)
        stop(run)
        hdfs.delete('/bench')
    for what, times, bound in (('listed in HDFS', listed, ''), ('queryable by Spark SQL', queryable, 'below 3000')):
        times.sort()
        record(f'cluster: drop -> {what}, median', statistics.median(times) * 1e3, 'ms')
        record(f'cluster: drop -> {what}, p99', times[-(-len(times) * 99 // 100) - 1] * 1e3, 'ms', bound)
