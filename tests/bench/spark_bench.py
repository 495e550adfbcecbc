"""Section spark: the rows of one topic of a real broker through the native worker and through the Spark worker, into a lake in a folder."""
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from measure import HERE, SLUICE, record, rss

sys.path.insert(0, os.path.join(HERE, '..'))
import proxy  # noqa: E402
from cluster import rdkafka  # noqa: E402
from cluster.rows_worker import Worker  # noqa: E402
from cluster.session import session, why_not  # noqa: E402

FILES, ROWS, START = 6000, 400, 1_768_381_200


def config(place, c, rows):
    path = os.path.join(place, f'{rows}.yaml')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(f'instance: bench\nlake: {place}/lake-{rows}\nbus: kafka://{c.kafka.bootstrap}\nstate: {place}/state-{rows}\ncollect: {{ settle: 0 }}\n'
                f'pipelines:\n  proxy: {{ watch: {place}/spool, pattern: "*.log", dissector: elff, rows_worker: {rows} }}\n')
    return path


def fill(place, c):
    """All files on the topic, nothing committed."""
    os.mkdir(f'{place}/spool')
    for i in range(FILES):
        with open(f'{place}/spool/{i}.log', 'w', encoding='utf-8') as f:
            f.write(proxy.log(ROWS, START + i % 12 * 3600, 3600, seed=i))
    with subprocess.Popen([SLUICE, 'collect', '-c', config(place, c, 'spark')], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p, \
            rdkafka.Client(rdkafka.PRODUCER, rdkafka.plain(c.kafka)) as k:
        have = 0
        while have < FILES:
            time.sleep(0.5)
            try:
                have = sum(k.ends('bench.proxy.rows', n)[1] for n in range(2))
            except OSError:
                continue
        p.terminate()
    shutil.copytree(f'{place}/lake-spark/_sluice/schemas', f'{place}/lake-native/_sluice/schemas')


def watched(process, pids):
    """Until it ends: its exit status, CPU seconds, wall seconds and the peak of what all its processes hold."""
    before, began, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0
    while process.poll() is None:
        peak = max(peak, sum(rss(p) for p in pids()))
        time.sleep(0.05)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process.returncode, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - began, peak


def spark_run(place, c):
    with Worker(config(place, c, 'spark'), f'{place}/log', '--once', brief=False) as w:
        figures = watched(w.process, w.left)
        if figures[0] != 0:
            sys.exit(f'bench: spark: exit {figures[0]}\n{w.said()[-2000:]}')
        return figures


def bench_spark(_):
    if why_not():
        print(f'spark: left out: {why_not()}')
        return
    print(f'rows of {FILES} logs of {ROWS} requests, taken from one topic')
    with session('kafka') as c, tempfile.TemporaryDirectory(prefix='sluice-bench-spark-', dir=os.environ.get('SLUICE_BENCH_DIR', '/var/tmp')) as place:
        fill(place, c)
        native = subprocess.Popen([SLUICE, 'work', '--once', '-c', config(place, c, 'native')], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        status, cpu, wall, peak = watched(native, lambda: [native.pid])
        if status != 0:
            sys.exit(f'bench: sluice work: exit {status}')
        rows = FILES * ROWS
        record('native worker: rows a CPU second', rows / cpu, 'rows/s', '', f'{wall:.1f} s of wall, {cpu:.1f} s of CPU')
        record('native worker: memory', peak / 2**20, 'MiB')
        _, cpu, wall, peak = spark_run(place, c)
        _, cpu_idle, wall_idle, _ = spark_run(place, c)
        record('Spark worker: rows a CPU second', rows / max(cpu - cpu_idle, 0.1), 'rows/s', '', f'without {cpu_idle:.1f} CPU s of an empty run')
        record('Spark worker: rows a second of wall time', rows / max(wall - wall_idle, 0.1), 'rows/s', '', f'without {wall_idle:.1f} s of an empty run')
        record('Spark worker: memory of JVM and Python', peak / 2**20, 'MiB', '', '--driver-memory 768m')
