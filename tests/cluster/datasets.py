#!/usr/bin/env python3
"""All three datasets through Kafka into HDFS and a metastore: two instances, two collectors, three workers, files from nothing to 200 MB. Native workers take the rows of
one instance, Spark those of the other; one tells a metastore 2.3, the other a 4.0. The rows of `sluice dissect`, of pyarrow over the files and of Spark SQL over Hive
are the same; originals are there byte for byte; both metastores know the same tables and partitions.
"""
import glob
import json
import os
import random
import signal
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
from cluster.rows_worker import Worker  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import Hdfs  # noqa: E402
from hms import Metastore  # noqa: E402
from lake import faults  # noqa: E402
from spool import HOUR_MS  # noqa: E402

CAPTURE = os.path.join(os.environ.get('SLUICE_SOURCE', '.'), 'build', 'tests', 'bench', 'dns_capture')
LARGE_PACKETS = 620_000  # 200 MB
LIMIT_S = 480
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
    write(place('flow', 'nfcapd.large'), flows(20_000, 100))
    for name, packets in (('small.pcap', 1000), ('odd näme:1.pcap', 500), ('middle.pcap', 8000), ('large.pcap', LARGE_PACKETS)):
        subprocess.run([CAPTURE, '-n', str(packets), '-s', str(packets), place('dns', name)], check=True, capture_output=True)
    start = HOUR_MS // 1000
    for i in range(4):
        write(place('proxy', f'small {i}.log'), proxy.log(400, start + 1000 * i, 900, seed=i).encode())
    write(place('proxy', 'large.log'), proxy.log(12_000, start, 4 * 3600, seed=9).encode())
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
    """Rows that the files have and dissect does not print, and how many there are: none and as many are equal tables."""
    found = pyarrow.dataset.dataset(f'{lake}/{dataset}/hive', format='parquet', partitioning='hive').to_table()
    columns = ', '.join(f'"{c}"' for c in pyarrow.dataset.dataset(wanted).schema.names)
    with duckdb.connect() as db:
        db.register('found', found)
        differ = db.sql(f"select count(*) from (select {columns} from found except all select {columns} from read_parquet('{wanted}'))").fetchall()[0][0]
    return differ, found.num_rows


def by_spark(sql, table, dataset, wanted):
    columns = ', '.join(f'`{c}`' for c in pyarrow.dataset.dataset(wanted).schema.names)
    differ = sql(f'select count(*) from (select {columns} from {table} except all select {columns} from parquet.`file://{wanted}`)')[0][0]
    misplaced, count = sql(f"""select count_if(date_format({HOURS[dataset]}, 'y-M-d-H') <> concat_ws('-', int(y), int(m), int(d), int(h))), count(*) from {table}""")[0]
    return differ, count, misplaced


def compare(farm, lake, wanted, made, sql):
    for dataset, files in made.items():
        rows = pyarrow.dataset.dataset(wanted[dataset]).count_rows()
        differ, count = by_pyarrow(lake, dataset, wanted[dataset])
        tap.check(f'{dataset}: pyarrow over the files reads the {rows} rows that dissect prints', differ == 0 and count == rows > 1000, f'{differ} {count}')
        differ, count, misplaced = by_spark(sql, f'{farm.database}.{dataset}', dataset, wanted[dataset])
        tap.check(f'{dataset}: Spark SQL over Hive reads them too', differ == 0 and count == rows, f'{differ} {count}')
        tap.check(f'{dataset}: each in the partition of its hour', misplaced == 0, misplaced)
        contents = {}
        for name, path in files.items():
            with open(path, 'rb') as f:
                contents[name] = f.read()
        wrong = faults(lake, contents, dataset)
        tap.check(f'{dataset}: originals in HDFS byte for byte, lake in order', not wrong, '\n'.join(wrong))


def compare_again(farm, wanted, sql):
    """The tables as the other metastore has them."""
    for dataset, path in wanted.items():
        rows = pyarrow.dataset.dataset(path).count_rows()
        differ, count, misplaced = by_spark(sql, f'{farm.database}.{dataset}', dataset, path)
        tap.check(f'{dataset}: Spark SQL over Hive 4.0.1 reads the same', (differ, count, misplaced) == (0, rows, 0), f'{differ} {count} {misplaced}')


def writers(lake):
    """{(instance, kind of events): programs that committed them}"""
    found = {}
    for path in glob.glob(f'{lake}/_sluice/commits/**/*', recursive=True):
        if os.path.isfile(path):
            with open(path, encoding='utf-8') as f:
                head = json.loads(f.readline())
            instance, _, kind = head['topic'].split('.')
            found.setdefault((instance.rpartition('-')[2], kind), set()).add('spark' if 'rows_worker' in head['writer'] else 'native')
    return found


def shape(hms, database):
    """What a metastore knows of the tables: columns, keys, and where each partition lies."""
    return {dataset: (hms.columns(database, dataset), hms.partitions(database, dataset)) for dataset in DISSECTORS}


def folders(lake, dataset):
    """Partitions that hold a file."""
    return {os.path.relpath(os.path.dirname(p), f'{lake}/{dataset}/hive') for p in glob.glob(f'{lake}/{dataset}/hive/**/*.parquet', recursive=True)}


def generations(farm, lake, known):
    """Both metastores after each was told by one instance; what one lacks, `sluice register` tells it."""
    wanted = {dataset: {path: f'{farm.keys["catalog.location"]}/{dataset}/hive/{path}' for path in folders(lake, dataset)} for dataset in DISSECTORS}
    for name, (hms, instance) in known.items():
        told = shape(hms, farm.database)
        tap.check(f'{name}: {instance} told it while it ran', all(told[d][1] and told[d][1].items() <= wanted[d].items() for d in DISSECTORS), told)
        done = subprocess.run([farm.sluice, 'register', '-c', farm.named(f'{instance}-work-0').config], capture_output=True, text=True, timeout=120, check=False)
        tap.check(f'{name}: register tells it the rest', done.returncode == 0, done.stdout + done.stderr)
    old, new = (shape(hms, farm.database) for hms, _ in known.values())
    tap.check('both metastores have the same tables, columns and partitions at the same places', old == new, f'{old}\n{new}')
    tap.check('and these are the lake\'s', {d: partitions for d, (_, partitions) in new.items()} == wanted, wanted)


def main():
    if why_not():
        tap.skip('datasets on a cluster', why_not())
        tap.done()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # interrupted or not, what was started is stopped
    with tempfile.TemporaryDirectory() as folder, session('kafka', 'hdfs', 'metastore', 'metastore4') as c, Farm(c, folder, f'e2e-{os.getpid()}') as farm:
        hdfs, catalogs = Hdfs(c.hdfs.http), {'north': c.metastore, 'south': c.metastore4}
        for instance, workers, rows in (('north', 2, 'native'), ('south', 1, 'spark')):
            keys = {'rows': rows, 'catalog': f'{catalogs[instance].url}/{farm.database}'}
            farm.daemon('collect', instance, f'{instance}-collect', **keys)
            for n in range(workers):
                farm.daemon('work', instance, f'{instance}-work-{n}', **keys)
        with Worker(farm.named('south-work-0').config, f'{c.run}/log/rows_worker.log') as rows_worker:
            made = inputs(folder)
            start, dropped = time.monotonic(), 0
            for dataset, files in made.items():
                for n, (name, path) in enumerate(files.items()):
                    os.link(path, path + '.drop')
                    farm.drop(('north', 'south')[n % 2], dataset, name, path + '.drop')
                    dropped += os.path.getsize(path)
            session_of_spark = spark.Session(c)
            late = farm.settled(LIMIT_S)
            tap.check('every file comes to an end', late is None, f'{late}\n{rows_worker.said()[-2000:]}')
            print(f'# {dropped / 1e6:.0f} MB in {time.monotonic() - start:.1f} s')
            rows_worker.terminate()
            ended = rows_worker.wait(60)
        badly = farm.stop()
        tap.check('every daemon ends in order, the Spark worker too', not badly and ended == 0, (badly, ended))
        lake = farm.mirror(hdfs, os.path.join(folder, 'mirror'))
        by = writers(lake)
        tap.check('Spark took the rows of one instance, native workers all else', by == {('north', 'rows'): {'native'}, ('north', 'files'): {'native'}, ('south', 'rows'): {'spark'},
                                                                                       ('south', 'files'): {'native'}}, by)
        generations(farm, lake, {f'metastore {generation}': (Metastore(where.host, where.port), instance)
                                 for generation, (instance, where) in zip(('2.3.10', '4.0.1'), catalogs.items())})
        with session_of_spark, spark.Session(c, f'{c.run}/log/spark4.log', 'metastore4') as session_of_4:
            wanted = dissected(made, folder)
            compare(farm, lake, wanted, made, session_of_spark.sql)
            compare_again(farm, wanted, session_of_4.sql)
        hdfs.delete(farm.root)
    tap.done()


main()
