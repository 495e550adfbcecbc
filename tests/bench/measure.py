"""What the sections of make bench share: places, processes measured, and the table of results."""
import atexit
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
from spool import Spool, below  # noqa: E402

ROOT = os.path.abspath(os.path.join(HERE, '..', '..'))
SLUICE = os.environ.setdefault('SLUICE', os.path.join(ROOT, 'build', 'sluice'))
CACHE = os.path.join(os.environ.get('SLUICE_CACHE') or os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'sluice'), 'bench')
results = []


def record(name, value, unit, bound='', note=''):
    results.append({'name': name, 'value': value, 'unit': unit, 'bound': bound, 'note': note})
    print(f'  {name:<58} {value:>12,.3g} {unit:<10} {bound:<16} {note}', flush=True)


def cpu_of(argv, one_cpu=False, **kw):
    """User + system seconds and wall seconds of a whole process tree."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run((['taskset', '-c', '1'] if one_cpu else []) + argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
                          env=dict(os.environ, TZ='UTC'), **kw)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f'bench: {" ".join(argv)}: exit {done.returncode}\n{done.stderr[-2000:]}')
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, time.monotonic() - began


def cpu_tree(pid):
    """User + system seconds of a process and of all below it, of those that ended too."""
    total = 0
    for one in below(pid):
        try:
            with open(f'/proc/{one}/stat', encoding='ascii') as f:
                total += sum(int(part) for part in f.read().rsplit(')', 1)[1].split()[11:15])
        except OSError:
            pass  # counted with its parent from now on
    return total / os.sysconf('SC_CLK_TCK')


def place_for(name, **keys):
    """A place of its own, removed only when all is measured: ext4 without a journal avoids inodes deleted within the last half minute, at ten times the cost."""
    place = tempfile.mkdtemp(prefix=f'sluice-bench-{name}-', dir=os.environ.get('SLUICE_BENCH_DIR', '/var/tmp'))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return Spool(place, **keys)


def warm(path):
    with open(path, 'rb') as f:
        while f.read(1 << 22):
            pass


def same_device(a, b):
    return os.stat(a).st_dev == os.stat(b).st_dev


def pq_rows(path):
    import pyarrow.parquet as pq
    return pq.ParquetFile(path).metadata.num_rows


def rss(pid):
    total = 0
    try:
        with open(f'/proc/{pid}/status', encoding='ascii') as f:
            for line in f:
                if line.startswith(('RssAnon', 'RssShmem')):
                    total += int(line.split()[1]) * 1024
    except OSError:
        pass
    return total


def drop(path, s, name):
    """Puts a file of the cache into a watched folder, without copying it where that can be."""
    target = os.path.join(s.watch, name)
    if same_device(path, s.watch):
        os.link(path, target)
    else:
        shutil.copy(path, target)


def work_peak(s):
    """Runs a worker over what was collected; its peak of RssAnon + RssShmem in bytes, its exit status and its wall seconds."""
    began = time.monotonic()
    process = subprocess.Popen([SLUICE, 'work', '-c', s.config, '--once'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, rss(process.pid))
        time.sleep(0.01)
    return peak, process.returncode, time.monotonic() - began
