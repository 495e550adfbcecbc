"""The hdfs section: originals into a real HDFS, against `curl -T` of the same file to the same one, alone and with `openssl dgst -sha256` of it beside, in turns."""
import os
import shutil
import statistics
import subprocess
import sys
import time

from measure import CACHE, HERE, SLUICE, place_for, record, warm

sys.path.insert(0, os.path.join(HERE, '..'))
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import Hdfs  # noqa: E402
from spool import stop, wait_for  # noqa: E402

LARGE, SMALL, FILES = 1 << 30, 20_000, 500


def large_file():
    """Log lines of no meaning: the collector hashes and stores it, no worker looks at it here."""
    os.makedirs(CACHE, exist_ok=True)
    path = os.path.join(CACHE, 'hdfs-1gib.log')
    if not os.path.exists(path):
        with open(path + '.part', 'wb') as f:
            block = os.urandom(1 << 20)
            for i in range(LARGE >> 20):
                f.write(i.to_bytes(8, 'big') + block[8:])
        os.rename(path + '.part', path)
    return path


def curl(hdfs, path, target):
    """Both steps, as a person does them: seconds."""
    began = time.monotonic()
    asked = subprocess.run(['curl', '-s', '-S', '-o', '/dev/null', '-w', '%{redirect_url}', '-X', 'PUT', hdfs.url(target, 'CREATE', overwrite='true')],
                           capture_output=True, text=True, check=True)
    sent = subprocess.run(['curl', '-s', '-S', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'Expect:', '-H', 'Content-Type: application/octet-stream', '-T', path, asked.stdout],
                          capture_output=True, text=True, check=True)
    if sent.stdout != '201':
        sys.exit(f'bench: curl -T: {sent.stdout} {sent.stderr}')
    return time.monotonic() - began


def curl_and_sha256(hdfs, path, target):
    """What sending and hashing take whoever does them: seconds."""
    began = time.monotonic()
    with subprocess.Popen(['openssl', 'dgst', '-sha256', path], stdout=subprocess.DEVNULL) as hashing:
        curl(hdfs, path, target)
        if hashing.wait() != 0:
            sys.exit('bench: openssl dgst failed')
    return time.monotonic() - began


def lake_in(cluster, root):
    place = place_for('hdfs', dissector='elff', url=cluster.hdfs.http.replace('http', 'webhdfs') + root, webhdfs=f'{{ user: {cluster.hdfs.user} }}', collect='{ settle: 0 }')
    with open(place.config, 'a', encoding='utf-8') as f:
        f.write(f'state: {place.place}/state\n')
    return place


def events(place):
    """What moves when an event is on the embedded bus, which is after its original is under its name: looking at it costs HDFS nothing."""
    bell = os.path.join(place.place, 'state', 'bus', 'bell.news')
    return os.stat(bell).st_mtime_ns if os.path.exists(bell) and os.path.getsize(bell) else 0


def next_event(place, before, seconds):
    if not wait_for(lambda: events(place) != before, seconds, 0.005):
        sys.exit(f'bench: nothing was archived\n{place.log()[-2000:]}')


def drop_large(cluster, hdfs, path, root):
    """A file renamed into the folder of a collector that is up: seconds until it lies in HDFS and its event is on the bus."""
    place = lake_in(cluster, root)
    beside = os.path.join(place.place, 'beside')
    try:
        os.link(path, beside)
    except OSError:
        shutil.copy(path, beside)
        os.sync()
    warm(beside)
    run = place.start('collect')
    place.drop('first.log', b'1\n')
    next_event(place, 0, 60)
    before = events(place)
    os.utime(beside)
    began = time.monotonic()
    os.rename(beside, os.path.join(place.watch, 'large.log'))
    next_event(place, before, 120)
    took = time.monotonic() - began
    stop(run)
    if sorted(hdfs.walk(f'{root}/proxy/binary').values()) != [2, LARGE]:
        sys.exit('bench: an original is missing or has another length')
    return took


def take_small(cluster, hdfs, root):
    """`sluice collect --once` of many small files: seconds, its start included."""
    place = lake_in(cluster, root)
    for i in range(FILES):
        with open(os.path.join(place.watch, f'small-{i}.log'), 'wb') as f:
            f.write(os.urandom(SMALL))
    began = time.monotonic()
    run = subprocess.run([SLUICE, 'collect', '-c', place.config, '--once'], capture_output=True, text=True, check=False)
    took = time.monotonic() - began
    if sorted(hdfs.walk(f'{root}/proxy/binary').values()) != [SMALL] * FILES:
        sys.exit(f'bench: collect: exit {run.returncode}\n{run.stderr[-2000:]}')
    return took


def bench_hdfs(runs):
    print('hdfs: originals into a real HDFS (two data nodes, two copies), against curl -T of the same file')
    if why_not():
        print(f'  left out: {why_not()}')
        return
    path = large_file()
    warm(path)
    with session('hdfs') as cluster:
        hdfs = Hdfs(cluster.hdfs.http)
        bare, both, ours = [], [], []
        for i in range(runs + 1):
            b, o = curl(hdfs, path, f'/bench/curl-{i}'), drop_large(cluster, hdfs, path, f'/bench/large-{i}')
            h = curl_and_sha256(hdfs, path, f'/bench/both-{i}')
            hdfs.delete('/bench')
            if i > 0:  # the first warms the servers
                bare.append(b)
                both.append(h)
                ours.append(o)
        m = statistics.median
        record('curl -T, 1 GiB', LARGE / m(bare) / 1e6, 'MB/s')
        record('curl -T, 1 GiB, and openssl dgst -sha256 beside it', LARGE / m(both) / 1e6, 'MB/s', '', 'what hashing costs whoever does it')
        record('a collector, 1 GiB: drop -> under its name in HDFS', LARGE / m(ours) / 1e6, 'MB/s', '', 'read, hash, store')
        record('ratio sluice / curl -T', m(bare) / m(ours), 'x', 'floor 0.9', f'pair by pair {m([b / o for b, o in zip(bare, ours)]):.2f}')
        record('ratio sluice / curl -T and openssl', m(both) / m(ours), 'x', '', f'pair by pair {m([h / o for h, o in zip(both, ours)]):.2f}')
        times = [take_small(cluster, hdfs, f'/bench/small-{i}') for i in range(3)]
        record(f'{FILES} originals of 20 kB', FILES / m(times), 'files/s')
        hdfs.delete('/bench')
