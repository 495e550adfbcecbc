#!/usr/bin/env python3
"""A cluster of real servers on this machine, to play with: Kafka, HDFS with two data nodes, a Hive Metastore.

    tools/cluster.py up [PART...]    start it; parts: kafka hdfs metastore, by default; metastore4, kafka3
    tools/cluster.py status
    tools/cluster.py down            stop it; its data goes with it

"up" says what to write into sluice's configuration and leaves an example in build/cluster/sluice.yaml. Logs: build/cluster/log.
"""
import os
import select
import signal
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'tests'))
from cluster.parts import PARTS  # noqa: E402
from cluster.session import Cluster, Own, why_not  # noqa: E402

PLACE = os.path.join(ROOT, 'build', 'cluster')  # a symbolic link to the run folder, which lies where socket names stay short
DEFAULT = ['kafka', 'hdfs', 'metastore']


def running():
    """The cluster that is up, or None."""
    try:
        return Cluster(PLACE)
    except OSError:
        return None


def lines(c):
    """The lines of configuration that change from one machine to this cluster."""
    said = []
    if hasattr(c, 'hdfs'):
        said.append(f'lake: webhdfs://{c.hdfs.http.removeprefix("http://")}/lake')
    if hasattr(c, 'kafka'):
        said.append(f'bus: kafka://{c.kafka.bootstrap}')
    if hasattr(c, 'metastore'):
        said.append(f'catalog: {c.metastore.url}/spot')
    return said + [f'state: {os.path.realpath(PLACE)}/state']


def example(c):
    spool = os.path.join(os.path.realpath(PLACE), 'spool')
    os.makedirs(spool, exist_ok=True)
    with open(f'{PLACE}/sluice.yaml', 'w', encoding='utf-8') as f:
        f.write('# A whole configuration for the cluster that "make cluster-up" started.\n' + '\n'.join(lines(c)) + f'''
{f"webhdfs: {{ user: {c.hdfs.user} }}" if hasattr(c, "hdfs") else "lake: lake"}
pipelines:
  flow: {{ watch: {spool}, dissector: nfcapd }}
''')


def show(c):
    print('Running:', ', '.join(f'{name} (pid {pid})' if pid else f'{name} (DOWN)' for name, pid in c.order('pids').items()))
    print('\nThe lines that change from one machine to this cluster:\n')
    print('\n'.join('    ' + line for line in lines(c)))
    print(f'\nA whole configuration: {PLACE}/sluice.yaml; what is dropped into {PLACE}/spool is taken by\n\n    build/sluice run -c {PLACE}/sluice.yaml\n')
    if hasattr(c, 'hdfs'):
        print(f'HDFS in a browser: {c.hdfs.http}/jmx; from Spark: {c.hdfs.rpc}')
    print(f'Logs: {PLACE}/log')


def up(parts):
    if why_not():
        print(f'cluster: {why_not()}', file=sys.stderr)
        return 1
    c = running()
    if c is None:
        own = Own(parts, keep_alive=True)
        try:
            own.wait()
        except RuntimeError as e:
            print(f'cluster: {e}', file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            own.stop()
            return 130
        os.makedirs(os.path.dirname(PLACE), exist_ok=True)
        if os.path.islink(PLACE):
            os.unlink(PLACE)
        os.symlink(own.run, PLACE)
        c = running()
        example(c)
    show(c)
    return 0


def down():
    c = running()
    if c is None:
        print('Not running.')
    else:
        pid = c.supervisor
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            assert b'cluster.supervise' in f.read(), f'{pid} is another process by now'
        descriptor = os.pidfd_open(pid)
        os.kill(pid, signal.SIGTERM)
        # readable once it has ended
        select.select([descriptor], [], [], 60)
        print('Stopped.')
    if os.path.islink(PLACE):
        os.unlink(PLACE)
    return 0


def main():
    words = sys.argv[1:]
    if words[:1] == ['up'] and all(p in PARTS for p in words[1:]):
        return up(words[1:] or DEFAULT)
    if words == ['down']:
        return down()
    if words == ['status']:
        c = running()
        if c is None:
            print('Not running.')
            return 1
        show(c)
        return 0
    print(__doc__, file=sys.stderr)
    return 2


sys.exit(main())
