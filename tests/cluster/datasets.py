#!/usr/bin/env python3
"""All three datasets through Kafka into HDFS and a metastore: two instances, two collectors, three workers, files from nothing to 200 MB. The rows of `sluice dissect`,
of pyarrow over the files and of Spark SQL over Hive are the same; originals are there byte for byte."""
import os
import random
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import duckdb  # noqa: E402
import nfcapd  # noqa: E402
import proxy  # noqa: E402
import pyarrow.dataset  # noqa: E402
import tap  # noqa: E402
from cluster import spark  # noqa: E402
from cluster.farm import DISSECTORS, Farm  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import Hdfs  # noqa: E402
from lake import faults  # noqa: E402
from spool import HOUR_MS  # noqa: E402

CAPTURE = os.path.join(os.environ.get('SLUICE_SOURCE', '.'), 'build', 'tests', 'bench', 'dns_capture')
LARGE_PACKETS = 620_000  # 200 MB
LIMIT_S = 240
HOURS = {'flow': 'treceived', 'dns': 'timestamp_seconds(unix_tstamp)', 'proxy': "concat(p_date, ' ', p_time)"}  # what a row's partition comes from


def write(path, content):
    with open(path, 'wb') as f:
        f.write(content)


def flows(count, seed, hours=3):
    rng = random.Random(seed)
    return nfcapd.file_v2([nfcapd.flow(HOUR_MS + rng.randrange(hours * 3_600_000), bytes=rng.randrange(1 << 40), src=f'10.{rng.randrange(256)}.1.{rng.randrange(256)}',
                                       sport=rng.randrange(65536)) for _ in range(count)])


def inputs(folder):
    """{dataset: {name: path}}: an empty file, small ones, and large ones that travel as their location."""
    made = {dataset: {} for dataset in DISSECTORS}

    def place(dataset, name):
        made[dataset][name] = path = os.path.join(folder, f'{dataset}-{len(made[dataset])}')
        return path
    for dataset, name in (('flow', 'nfcapd.nothing'), ('dns', 'nothing.pcap'), ('proxy', 'nothing.log')):
        write(place(dataset, name), b'')
    for i in range(12):
        write(place('flow', f'nfcapd.2026011409{i:02}'), flows(1 + 150 * i, i))
    write(place('flow', 'nfcapd.odd näme %41 x'), flows(30, 99))
    write(place('flow', 'nfcapd.large'), flows(60_000, 100))
    for name, packets in (('small.pcap', 1000), ('odd näme:1.pcap', 500), ('middle.pcap', 30_000), ('large.pcap', LARGE_PACKETS)):
        subprocess.run([CAPTURE, '-n', str(packets), '-s', str(packets), place('dns', name)], check=True, capture_output=True)
    start = HOUR_MS // 1000
    for i in range(4):
        write(place('proxy', f'small {i}.log'), proxy.log(400, start + 1000 * i, 900, seed=i).encode())
    write(place('proxy', 'large.log'), proxy.log(40_000, start, 4 * 3600, seed=9).encode())
    return made


def dissected(made, folder):
    """{dataset: a Parquet file of what `sluice dissect` says about all inputs}"""
    out = {}
    for dataset, files in made.items():
        out[dataset] = os.path.join(folder, f'{dataset}.parquet')
        subprocess.run([os.environ.get('SLUICE', 'build/sluice'), 'dissect', '-t', DISSECTORS[dataset], '-f', 'parquet', '-o', out[dataset],
                        *(p for p in files.values() if os.path.getsize(p))], check=True, capture_output=True)
    return out


def by_pyarrow(lake, dataset, wanted):
    """Rows in which the files and dissect differ, either way, and how many there are."""
    found = pyarrow.dataset.dataset(f'{lake}/{dataset}/hive', format='parquet', partitioning='hive').to_table()
    columns = ', '.join(f'"{c}"' for c in pyarrow.dataset.dataset(wanted).schema.names)
    want = f"(select {columns} from read_parquet('{wanted}'))"
    with duckdb.connect() as db:
        db.register('found', found)
        differ = [db.sql(f'select count(*) from (select {columns} from {a} except all select {columns} from {b})').fetchall()[0][0]
                  for a, b in (('found', want), (want, 'found'))]
    return differ, found.num_rows


def by_spark(sql, table, dataset, wanted):
    columns = ', '.join(f'`{c}`' for c in pyarrow.dataset.dataset(wanted).schema.names)
    want = f'parquet.`file://{wanted}`'
    differ = [sql(f'select count(*) from (select {columns} from {a} except all select {columns} from {b})')[0][0] for a, b in ((table, want), (want, table))]
    time_of = HOURS[dataset]
    misplaced = sql(f"select count(*) from {table} where date_format({time_of}, 'y-M-d-H') <> concat_ws('-', int(y), int(m), int(d), int(h))")[0][0]
    return differ, sql(f'select count(*) from {table}')[0][0], misplaced


def compare(farm, hdfs, folder, made, sql):
    lake, wanted = farm.mirror(hdfs, os.path.join(folder, 'mirror')), dissected(made, folder)
    for dataset, files in made.items():
        rows = pyarrow.dataset.dataset(wanted[dataset]).count_rows()
        differ, count = by_pyarrow(lake, dataset, wanted[dataset])
        tap.check(f'{dataset}: pyarrow over the files reads the {rows} rows that dissect prints', differ == [0, 0] and count == rows > 1000, f'{differ} {count}')
        differ, count, misplaced = by_spark(sql, f'{farm.database}.{dataset}', dataset, wanted[dataset])
        tap.check(f'{dataset}: Spark SQL over Hive reads them too', differ == [0, 0] and count == rows, f'{differ} {count}')
        tap.check(f'{dataset}: each in the partition of its hour', misplaced == 0, misplaced)
        contents = {}
        for name, path in files.items():
            with open(path, 'rb') as f:
                contents[name] = f.read()
        wrong = faults(lake, contents, dataset)
        tap.check(f'{dataset}: originals in HDFS byte for byte, lake in order', not wrong, '\n'.join(wrong))


def main():
    if why_not():
        tap.skip('datasets on a cluster', why_not())
        tap.done()
    with tempfile.TemporaryDirectory() as folder, session('kafka', 'hdfs', 'metastore') as c, spark.Session(c) as session_of_spark, \
            Farm(c, folder, f'e2e-{os.getpid()}') as farm:
        hdfs = Hdfs(c.hdfs.http)
        made = inputs(folder)
        for instance, workers in (('north', 2), ('south', 1)):
            farm.daemon('collect', instance, f'{instance}-collect')
            for n in range(workers):
                farm.daemon('work', instance, f'{instance}-work-{n}')
        start, dropped = time.monotonic(), 0
        for dataset, files in made.items():
            for n, (name, path) in enumerate(files.items()):
                os.link(path, path + '.drop')
                farm.drop(('north', 'south')[n % 2], dataset, name, path + '.drop')
                dropped += os.path.getsize(path)
        late = farm.settled(LIMIT_S)
        tap.check('every file comes to an end', late is None, late)
        print(f'# {dropped / 1e6:.0f} MB in {time.monotonic() - start:.1f} s')
        compare(farm, hdfs, folder, made, session_of_spark.sql)
        badly = farm.stop()
        tap.check('every daemon ends in order', not badly, badly)
        hdfs.delete(farm.root)
    tap.done()


main()
