#!/usr/bin/env python3
"""make demo-cluster: the same tour where one machine is not enough. A broker, HDFS and a Hive Metastore are started here, real ones from their makers' packages; a
collector and two workers are processes of their own that share nothing but these; Spark SQL reads the tables.
"""
import glob
import os
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..')]
from cluster import spark  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from inputs import PIPELINES, Collectors, drop_in, write_capture, write_log  # noqa: E402
from telling import compare, progress, say, show, wait_committed, wait_registered  # noqa: E402

HOURS = 2
QUERIES = {
    'Flows by hour': 'select y, m, d, h, count(*) as flows, sum(ibyt) as bytes, count(distinct sip) as sources from spot.flow group by y, m, d, h order by y, m, d, h',
    'Names that do not exist': 'select dns_qry_name, count(*) as answers from spot.dns where dns_qry_rcode = 3 group by dns_qry_name order by answers desc, dns_qry_name limit 5',
    'What the proxy denied': "select webcat, host, count(*) as requests from spot.proxy where filterresult = 'DENIED' group by webcat, host order by requests desc, host limit 5",
    'One hour of one table is one folder': 'select count(*) as requests from spot.proxy where y = "2026" and m = "01" and d = "14" and h = "09"',
}


def configuration(place, c, name):
    """The four lines that change from one machine to a cluster, and what is the same on both. Each process has a state folder of its own. The collector makes topics of two
    partitions, one for each of the workers, which have one thread each."""
    path = os.path.join(place, f'{name}.yaml')
    lake = f'webhdfs://{c.hdfs.http.removeprefix("http://")}/demo'
    with open(path, 'w', encoding='utf-8') as f:
        f.write(f'lake: {lake}\nbus: kafka://{c.kafka.bootstrap}\ncatalog: {c.metastore.url}/spot\nstate: {place}/state-{name}\n'
                f'instance: demo\ncatalog.location: {c.hdfs.rpc}/demo\nwebhdfs: {{ user: {c.hdfs.user} }}\nworkers: {2 if name == "collector" else 1}\ncommit: {{ max_age: 2s }}\npipelines:\n')
        f.writelines(f'  {n + ":":<6} {{ watch: {place}/spool/{n}, dissector: {dissector} }}\n' for n, dissector in PIPELINES.items())
    return path


def start(sluice, word, config, place, name):
    show(f'{os.path.relpath(sluice)} {word} -c {os.path.relpath(config)} &')
    log = open(os.path.join(place, f'{name}.log'), 'w', encoding='utf-8')
    return subprocess.Popen([sluice, word, '-c', config], stdout=log, stderr=log)


def stop(processes):
    for p in processes:
        p.send_signal(signal.SIGTERM)
    return [p.wait(40) for p in processes]


def table(columns, rows):
    """A table as text."""
    cells = [columns] + [[f'{v:,}' if isinstance(v, int) and name not in ('y', 'm', 'd', 'h') else str(v) for name, v in zip(columns, row)] for row in rows]
    width = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for n, row in enumerate(cells):
        print('  ' + '  '.join(f'{v:<{w}}' for v, w in zip(row, width)).rstrip())
        if n == 0:
            print('  ' + '  '.join('-' * w for w in width))


def ask_spark(c, place):
    """The answers of Spark SQL, over the tables that the metastore knows: rows in each table, and what QUERIES ask."""
    log = os.path.join(place, 'spark.log')
    try:
        with spark.Session(c, log=log) as asked:
            return {name: asked.sql(f'select count(*) from spot.{name}')[0][0] for name in PIPELINES}, [asked.ask(query) for query in QUERIES.values()]
    except RuntimeError as e:
        sys.exit(f'demo: Spark SQL: {e}; see {os.path.relpath(log)}')


def tour(sluice, place, c, began):
    spool = os.path.join(place, 'spool')
    names = ('collector', 'worker1', 'worker2')
    config = {name: configuration(place, c, name) for name in names}
    workers = [config[name] for name in names[1:]]
    say('2. The configuration: the first four lines are what a cluster changes')
    show(f'cat {os.path.relpath(config["collector"])}')
    print(open(config['collector'], encoding='utf-8').read().rstrip())

    say('3. A collector and two workers, each a daemon; on many hosts they would share only Kafka and HDFS')
    processes = [start(sluice, 'collect', config['collector'], place, 'collector')]
    processes += [start(sluice, 'work', config[name], place, name) for name in names[1:]]
    collectors = None
    try:
        with open(os.path.join(place, 'nfcapd.log'), 'w', encoding='utf-8') as log:
            collectors = Collectors(os.path.join(spool, 'flow'), log, HOURS)
        given = {'dns': drop_in(os.path.join(spool, 'dns'), 'resolver.pcap', lambda path: write_capture(sluice, path)),
                 'proxy': drop_in(os.path.join(spool, 'proxy'), 'proxy.log', write_log)}
        print('A collector finishes a file every few seconds even when nothing came, so the first files are empty: queryable, without a row.')
        collectors.send()
        while collectors.sending():
            progress(sluice, config['collector'], began, workers)
            time.sleep(1.5)
        collectors.stop()
        given['flow'] = sum(collectors.sent)
        wait_committed(sluice, config['collector'], len(glob.glob(os.path.join(spool, 'flow', '*', 'nfcapd.2*'))) + 2, began, f'{os.path.relpath(place)}/*.log', workers)
        wait_registered(sluice, workers, f'{os.path.relpath(place)}/*.log')
        for name, filtered in zip(names, ('', " | grep -E '^(rows|catalog)'", " | grep -E '^(rows|catalog)'")):
            command = f'{os.path.relpath(sluice)} status -c {os.path.relpath(config[name])}{filtered}'
            show(command)
            subprocess.run(command, shell=True, check=False)
    finally:
        if collectors is not None:
            collectors.stop()
        codes = stop(processes)
    if any(codes):
        sys.exit(f'demo: a daemon left with status {max(codes)}; see {os.path.relpath(place)}/*.log')
    say('4. Spark SQL over the tables that the metastore was told of')
    print('Spark starts and asks, which takes about a minute', flush=True)
    stored, answers = ask_spark(c, place)
    for (title, query), answer in zip(QUERIES.items(), answers):
        print(f'\n{title}')
        show(query)
        table([name for name, _ in answer['columns']], answer['rows'])
    print()
    compare(given, stored)


def main():
    sluice, place = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    if why_not():
        sys.exit(f'demo: {why_not()}')
    began = time.time()
    shutil.rmtree(place, ignore_errors=True)
    for name in PIPELINES:
        os.makedirs(os.path.join(place, 'spool', name))
    say('1. Real servers on this machine: Kafka, HDFS with two data nodes, a Hive Metastore (the first time they are fetched)')
    print('they take a minute or two until they answer', flush=True)
    spark.python()
    with session('kafka', 'hdfs', 'metastore') as c:
        print(f'up after {time.time() - began:.0f} s: broker {c.kafka.bootstrap}, name node {c.hdfs.http}, metastore {c.metastore.url}')
        tour(sluice, place, c, began)
    print(f'\nAll stopped; the demo took {time.time() - began:.0f} s. To play with such a cluster: make cluster-up')


if __name__ == '__main__':
    main()
